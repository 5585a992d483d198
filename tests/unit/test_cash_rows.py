"""Cash entries and deposits in rows, and what one read of a business date makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from cash_world import DAY, deposit, entry
from fake_time import FakeClock
from orders_world import NORTH, Json, ref
from restaurant_os.batch import BUSINESS_DATE, COPY, MODIFIED, DaySet, Window
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.cash import CashDeposit, CashEntry, CashRead, deposit_row, entry_row
from restaurant_os.sources.toast.records import RecordReader
from restaurant_os.tables import FACT_CASH_DEPOSITS, FACT_CASH_ENTRIES
from toast_double import Double, client

WINDOW = Window(BUSINESS_DATE, *NORTH.business_day.bounds(DAY), DAY)


def cash_row(record: Json) -> dict[str, Any]:
    [found] = RecordReader(CashEntry).read(json.dumps([record]).encode()).good
    return entry_row(found)


def test_an_entry_is_a_row() -> None:
    """The reference's own, with every field that is kept; there is no free text in Toast's."""
    record = entry(
        "entry-1",
        payoutReason=ref("ice"),
        noSaleReason=ref("change"),
        employee2=ref("ben"),
        creatorOrShiftReviewSubject=ref("cleo"),
        approverOrShiftReviewSubject=ref("dario"),
    )

    assert cash_row(record) == {
        "cash_entry_guid": "entry-1",
        "employee_guid": "ana",
        "entry_type": "PAY_OUT",
        "amount": Decimal("-25.0000"),
        "reason": "ice run",
        "notes": None,
        "cash_drawer_guid": "drawer",
        "entry_date": datetime(2026, 3, 1, 18, 5, tzinfo=UTC),
        "undoes_guid": None,
        "approver_guid": "ben",
        "payout_reason_guid": "ice",
        "no_sale_reason_guid": "change",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"undoes": "entry-0"}, {"undoes_guid": "entry-0"}),
        ({"undoes": ""}, {"undoes_guid": None}),
        ({"cashDrawer": None, "reason": None}, {"cash_drawer_guid": None, "reason": None}),
        ({"employee1": None, "creatorOrShiftReviewSubject": ref("cleo")}, {"employee_guid": "cleo"}),
        ({"employee1": None}, {"employee_guid": None}),
        ({"approverOrShiftReviewSubject": ref("dario")}, {"approver_guid": "dario"}),
        ({"amount": 0}, {"amount": Decimal(0)}),
        ({"amount": -10.290000000000001}, {"amount": Decimal("-10.2900")}),
        ({"type": "A_TYPE_OF_TOMORROW"}, {"entry_type": "A_TYPE_OF_TOMORROW"}),
    ],
)
def test_what_may_be_missing_or_new(fields: Json, expected: dict[str, object]) -> None:
    """`undoes` is a string; nulls are nulls; a type no definition names is kept as it is."""
    found = cash_row(entry("entry-1", **fields))

    assert {name: found[name] for name in expected} == expected


def test_a_deposit_is_a_row() -> None:
    """All of it is cash as far as Toast tells; the one who made it, or else its creator."""
    [found] = RecordReader(CashDeposit).read(json.dumps([deposit("d-1", undoes="d-0", employee=None, creator=ref("ben"))]).encode()).good

    assert deposit_row(found) == {
        "deposit_guid": "d-1",
        "deposit_date": datetime(2026, 3, 2, 14, 49, 41, 284000, tzinfo=UTC),
        "deposit_amount": Decimal("1210.5000"),
        "cash_amount": Decimal("1210.5000"),
        "check_amount": None,
        "undoes_guid": "d-0",
        "employee_guid": "ben",
    }


# --- one business date read -------------------------------------------------------------------------------------------------


class Reading:
    """One read of a day: `bodies` are what entries and deposits answer, in the order they are asked."""

    def __init__(self, folder: Path, *bodies: Sequence[Json] | bytes, holds: tuple[str, ...] = (), window: Window = WINDOW) -> None:
        answers = [httpx.Response(200, content=body) if isinstance(body, bytes) else httpx.Response(200, json=body) for body in bodies]
        self.double = Double(FakeClock(), list(answers))
        self.read = CashRead(client(self.double, folder), NORTH, window, 5, lambda table, day: (table, day) in {(t, DAY) for t in holds})
        self.batches = list(self.read)

    def ids(self) -> dict[str, list[str]]:
        return {
            name: [row[f"{key}_guid"] for row in self._rows(name)] for name, key in (("entries", "cash_entry"), ("deposits", "deposit"))
        }

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        for batch in self.batches:
            for table, rows in batch.tables.items():
                if table == f"fact_cash_{name}":
                    yield from rows.to_pylist()

    def whole(self) -> list[str]:
        return [own.table for batch in self.batches for own in batch.day_sets]


def test_a_day_is_read_by_its_date_and_lands_under_it(tmp_path: Path) -> None:
    """One call each, as yyyymmdd alone; every row has the day asked, the location, the read sequence; both days are whole."""
    own = Reading(tmp_path, [entry("e-1", date="2026-03-05T18:05:00.000+0000")], [deposit("d-1")])
    [entries, deposits] = own.batches
    shared = {"restaurant_guid": NORTH.toast_guid, "business_date": DAY, "is_deleted": False, "read_seq": 5}
    [first], [second] = entries.tables["fact_cash_entries"].to_pylist(), deposits.tables["fact_cash_deposits"].to_pylist()

    assert own.double.paths == ["/cashmgmt/v1/entries?businessDate=20260301", "/cashmgmt/v1/deposits?businessDate=20260301"]
    assert {call.headers["Toast-Restaurant-External-ID"] for call in own.double.calls} == {NORTH.toast_guid}
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared} == shared
    assert first[COPY] < second[COPY]
    assert (list(entries.tables), entries.tables["fact_cash_entries"].schema) == (["fact_cash_entries"], staged_schema(FACT_CASH_ENTRIES))
    assert deposits.tables["fact_cash_deposits"].schema == staged_schema(FACT_CASH_DEPOSITS)
    assert [asdict(one) for batch in own.batches for one in batch.day_sets] == [
        asdict(DaySet(table, NORTH.toast_guid, DAY, 5)) for table in ("fact_cash_entries", "fact_cash_deposits")
    ]
    assert (own.read.versions, own.read.rejected, own.read.pages, own.read.is_stable) == ({"e-1": "5", "d-1": "5"}, 0, 2, True)


def test_an_empty_day_is_believed_when_nothing_was_there(tmp_path: Path) -> None:
    """It is read whole, in two calls."""
    own = Reading(tmp_path, [], [])

    assert (own.ids(), own.whole(), len(own.double.calls)) == (
        {"entries": [], "deposits": []},
        ["fact_cash_entries", "fact_cash_deposits"],
        2,
    )


@pytest.mark.parametrize("second", [[], [entry("e-1")]])
def test_an_empty_answer_for_a_day_that_had_rows_is_asked_twice(tmp_path: Path, second: list[Json]) -> None:
    """The second answer counts, whatever it is; the other list is asked once."""
    own = Reading(tmp_path, [], second, [], holds=("fact_cash_entries",))

    assert own.double.paths == 2 * ["/cashmgmt/v1/entries?businessDate=20260301"] + ["/cashmgmt/v1/deposits?businessDate=20260301"]
    assert own.ids()["entries"] == [one["guid"] for one in second]
    assert (own.whole(), own.read.pages) == (["fact_cash_entries", "fact_cash_deposits"], 3)


BROKEN: dict[str, tuple[Json, str, str]] = {
    "an amount as text": (entry("bad", "ten dollars"), "$.amount", "Invalid decimal string"),
    "no amount": (entry("bad", None), "$.amount", "Expected `decimal`, got `null`"),
    "an amount beyond all": (entry("bad", 1e13), "$.amount", "10000000000000.0 is too large"),
    "an amount of infinity": (entry("bad", "Infinity"), "$.amount", "Infinity is too large"),
    "undoes as an object": (entry("bad", undoes=ref("e-0")), "$.undoes", "Expected `str | null`, got `object`"),
    "a date without a time": (entry("bad", date="2026-03-01"), "$.date", "'2026-03-01' is no time with an offset"),
    "a date that is none": (entry("bad", date="noon"), "$.date", "'noon' is no time with an offset"),
    "a date beyond all": (
        entry("bad", date="9999-12-31T23:59:59.999-0500"),
        "$.date",
        "'9999-12-31T23:59:59.999-0500' is no time with an offset",
    ),
    "a reference as text": (entry("bad", employee1="ana"), "$.employee1", "Expected `object | null`, got `str`"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_entry_that_cannot_be_read_costs_itself_alone(tmp_path: Path, name: str) -> None:
    """The others land, but the day is not whole: nothing of it may be called gone. What waits is the record as it came, and why."""
    record, field, reason = BROKEN[name]
    own = Reading(tmp_path, [entry("e-1"), record, entry("e-2")], [deposit("d-1")])
    [one] = own.batches[0].rejected

    assert (own.ids(), own.whole(), own.read.rejected) == ({"entries": ["e-1", "e-2"], "deposits": ["d-1"]}, ["fact_cash_deposits"], 1)
    assert (one.record_guid, one.business_date, one.field, one.reason, json.loads(one.record_json)) == ("bad", DAY, field, reason, record)


def test_an_entry_without_a_guid_is_rejected_with_its_day(tmp_path: Path) -> None:
    """It has no id, but its day will be read again."""
    own = Reading(tmp_path, [{**entry("x"), "guid": ""}, {k: v for k, v in entry("x").items() if k != "guid"}], [])

    assert [(one.record_guid, one.business_date) for one in own.batches[0].rejected] == [(None, DAY), (None, DAY)]


def test_a_body_that_is_no_list_is_asked_again(tmp_path: Path) -> None:
    """It is no record's fault."""
    own = Reading(tmp_path, b"<html>", b'{"data":[]}', [entry("e-1")], b"[", [deposit("d-1")])

    assert (own.ids(), own.read.rejected) == ({"entries": ["e-1"], "deposits": ["d-1"]}, 0)


def test_cash_is_asked_by_business_date_alone(tmp_path: Path) -> None:
    """Anything else would be a 400."""
    start, end = NORTH.business_day.bounds(date(2026, 3, 1))
    with pytest.raises(ValueError, match="by business date alone"):
        Reading(tmp_path, window=Window(MODIFIED, start, end))
