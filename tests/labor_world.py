"""Punches and schedules as Toast's JSON, built by hand, and the short way from a punch to its rows.

Every builder gives a plain dict that a test may change before it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orders_world import NORTH, Json, api_time, ref
from restaurant_os.batch import COPY
from restaurant_os.settings import LaborSettings, Location
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.punches import People, Planned, PunchRows, TimeEntry
from restaurant_os.sources.toast.records import RecordReader
from restaurant_os.tables import BY_NAME

ANA, BEN = "ana", "ben"
SERVER, COOK, TRAINING = "job-server", "job-cook", "job-training"
PEOPLE = People(
    job_titles={SERVER: "Server", COOK: "Line Cook", TRAINING: "Training"},
    excluded_jobs=frozenset({TRAINING}),
    names={ANA: "Ana Diaz"},
)
#: The business day 2026-03-01 of New York begins at 09:00 UTC.
READ_AT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def utc(text: str) -> datetime:
    """`03-01 15:00` of 2026, with seconds where given."""
    return datetime.fromisoformat(f"2026-{text}+00:00")


def at(text: str) -> str:
    """The same as the API writes it."""
    return api_time(utc(text))


def punch(guid: str = "punch", began: str = "03-01 15:00", ended: str | None = "03-01 23:30", **fields: Any) -> Json:
    """A time entry of Ana as a server, eight hours at 18.50."""
    given = {
        "guid": guid,
        "entityType": "TimeEntry",
        "businessDate": "20260301",
        "deleted": False,
        "inDate": at(began),
        "outDate": at(ended) if ended else None,
        "autoClockedOut": False,
        "regularHours": 8.0 if ended else 0.0,
        "overtimeHours": 0.0,
        "hourlyWage": 18.5,
        "employeeReference": ref(ANA),
        "jobReference": ref(SERVER),
        "shiftReference": None,
        "breaks": [],
        "createdDate": at(began),
        "modifiedDate": at(ended or began),
    }
    return {**given, **fields}


def pause(began: str | None, ended: str | None, **fields: Any) -> Json:
    """An unpaid break."""
    given = {"guid": None, "breakType": ref("meal"), "paid": False, "missed": False, "waived": False}
    return {**given, "inDate": at(began) if began else None, "outDate": at(ended) if ended else None, **fields}


def shift(guid: str, began: str, ended: str, employee: str | None = ANA, **fields: Any) -> Json:
    """A scheduled shift of a server."""
    given = {"guid": guid, "inDate": at(began), "outDate": at(ended), "modifiedDate": at("02-20 12:00"), "createdDate": at("02-20 12:00")}
    who = ref(employee) if employee else None
    return {**given, "deleted": False, "employeeReference": who, "jobReference": ref(SERVER), **fields}


def job(guid: str = SERVER, title: str = "Server", **fields: Any) -> Json:
    return {"guid": guid, "title": title, "wageFrequency": "HOURLY", "defaultWage": 15.0, "excludeFromReporting": False, **fields}


def employee(guid: str = ANA, first: str = "Ana", last: str = "Diaz", **fields: Any) -> Json:
    return {"guid": guid, "firstName": first, "chosenName": None, "lastName": last, "wageOverrides": [], **fields}


def planned(began: str, ended: str, employee: str = ANA) -> Planned:
    return Planned(employee, utc(began), utc(ended))


# --- rows -------------------------------------------------------------------------------------------------------------

Rows = dict[str, list[dict[str, Any]]]


def laid_out(
    entry: Json,
    *,
    labor: Mapping[str, Any] | None = None,
    schedule: Sequence[Planned] = (),
    read_at: datetime = READ_AT,
    location: Location = NORTH,
    people: People = PEOPLE,
) -> Rows:
    """The rows of a punch by table, as they would be staged.

    Raises:
        ValueError: it cannot be laid out.
    """
    settings = LaborSettings.model_validate(labor or {})
    layout = PunchRows(location.toast_guid, location.business_day, settings, people, schedule, read_at)
    [record] = RecordReader(TimeEntry).read(json.dumps([entry]).encode()).good
    rows: Rows = {}
    layout.add(record, 7, lambda name, row: rows.setdefault(name, []).append(row))
    for name, own in rows.items():
        wanted = set(staged_schema(BY_NAME[name]).names)
        assert [(name, sorted(wanted ^ set(row))) for row in own if wanted != set(row)] == []
        assert {row[COPY] for row in own} == {7}
    return rows


def shift_row(entry: Json, *columns: str, **how: Any) -> Any:
    """Columns of a punch's own row: one value, or a tuple of them."""
    [row] = laid_out(entry, **how)["fact_labor_shifts"]
    return row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns)


def hours_of(entry: Json, **how: Any) -> dict[int, tuple[Decimal, Decimal, Decimal, Decimal]]:
    """Business hour -> regular and overtime hours, regular and overtime pay."""
    names = ("regular_hours", "overtime_hours", "regular_pay", "overtime_pay")
    return {row["business_hour"]: tuple(row[name] for name in names) for row in laid_out(entry, **how).get("fact_labor_hours", [])}
