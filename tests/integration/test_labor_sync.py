"""`sync labor`: punches and schedules over a socket against the simulator, and against an API of functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from cash_world import DAY, EMPLOYEES, JOBS, PUNCHES, SHIFTS, SPAN, Answer, Api, held, in_turn, refusal, sync, waiting
from labor_world import ANA, COOK, SERVER, TRAINING, at, employee, job, pause, punch, shift, utc
from orders_world import Json, ref
from restaurant_desk import Desk, desk
from restaurant_os.tables import LABOR
from toast_simulator import LAST_DAY, Toast, simulating
from warehouse_reading import Rows, read

LISTS: dict[str, Answer] = {
    JOBS: [job(), job(TRAINING, "Training", excludeFromReporting=True)],
    EMPLOYEES: [employee(), employee("ben", "Ben", "Oak", chosenName="B")],
}


def api(*punches: Json, shifts: tuple[Json, ...] = ()) -> Api:
    return Api({PUNCHES: punches, SHIFTS: shifts, **LISTS})


# --- an API of functions ----------------------------------------------------------------------------------------------------


def test_a_day_lands_with_its_breaks_hours_and_schedule(tmp_path: Path) -> None:
    """Asked by the clock-in with archived ones and missed breaks; the schedule a day wider on both sides; a second sync writes nothing."""
    own = api(
        punch("p-1", breaks=[pause("03-01 19:00", "03-01 19:30")]),
        punch("p-2", ended=None),
        shifts=(shift("s-1", "03-01 15:00", "03-01 23:00"),),
    )
    first, second = sync(tmp_path, "labor", own), sync(tmp_path, "labor", own)

    assert own.asked(PUNCHES)[0] == {
        "startDate": "2026-03-01T09:00:00.000+0000",
        "endDate": "2026-03-02T09:00:00.000+0000",
        "includeArchived": "true",
        "includeMissedBreaks": "true",
    }
    assert own.asked(SHIFTS) == 2 * [{"startDate": "2026-02-28T09:00:00.000+0000", "endDate": "2026-03-03T09:00:00.000+0000"}]
    assert (len(own.asked(JOBS)), len(own.asked(EMPLOYEES))) == (2, 2)
    assert [(r.rows_read, r.rows_added, r.rows_changed) for r in (first, second)] == [(3, 3, 0), (3, 0, 0)]
    assert held(tmp_path, "fact_labor_shifts", "time_entry_guid", "employee_name", "job_title", "total_pay", "accrues_until") == [
        ("p-1", "Ana Diaz", "Server", Decimal(148), None),
        ("p-2", "Ana Diaz", "Server", None, utc("03-02 00:00")),
    ]
    assert held(tmp_path, "fact_labor_breaks", "time_entry_guid", "ordinal") == [("p-1", 0)]
    assert held(tmp_path, "fact_labor_hours", "time_entry_guid", "sum(regular_hours)", where="TRUE GROUP BY 1") == [("p-1", Decimal(8))]
    assert held(tmp_path, "fact_scheduled_shifts", "shift_id", "job_title", "planned_hours", "hourly_wage", "planned_cost") == [
        ("s-1", "Server", Decimal(8), Decimal(15), Decimal(120))
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [("keep", ("Ana Diaz", "B Oak")), ("drop", (None, None)), ("hash", None)],
)
def test_names_are_kept_hashed_or_dropped(tmp_path: Path, names: str, expected: tuple[str | None, ...] | None) -> None:
    """A chosen name before the first; a digest tells two apart, not who they are; nowhere else does a name stand."""
    own = api(punch("p-1"), punch("p-2", employeeReference=ref("ben")), shifts=(shift("s-1", "03-01 15:00", "03-01 23:00"),))
    sync(tmp_path, "labor", own, labor={"names": names})
    found = held(tmp_path, "fact_labor_shifts", "time_entry_guid", "employee_name")
    [(planned,)] = held(tmp_path, "fact_scheduled_shifts", "employee_name")

    assert [name for _, name in found] == [*expected] if expected else len({name for _, name in found}) == 2
    assert planned == found[0][1]
    assert names == "keep" or b"Diaz" not in (tmp_path / "w.duckdb").read_bytes()


def test_an_edit_that_moves_the_clock_in_finds_its_entry_though_it_has_no_date_of_creation(tmp_path: Path) -> None:
    """The same entry, not a second one: before, the merge looked for it at the new clock-in."""
    was = punch("p-1", createdDate=None)
    is_now = punch("p-1", began="03-01 13:00", createdDate=None, modifiedDate=at("03-03 12:00"), regularHours=10)
    sync(tmp_path, "labor", api(was))
    sync(tmp_path, "labor", api(is_now))

    assert held(tmp_path, "fact_labor_shifts", "time_entry_guid", "in_date", "regular_hours") == [("p-1", utc("03-01 13:00"), Decimal(10))]
    assert held(tmp_path, "fact_labor_hours", "sum(regular_hours)", where="NOT is_deleted") == [(Decimal(10),)]


def test_the_schedule_of_an_open_entry_is_known_however_old_it_is(tmp_path: Path) -> None:
    """A punch forgotten days ago comes by its modification; what was planned then is asked for, so that it stops where it stopped before."""
    open_punch = punch("p-1", ended=None, modifiedDate=at("03-01 15:00"))
    planned = shift("s-1", "03-01 15:00", "03-01 20:00")

    def shifts(request: httpx.Request) -> list[Json]:
        start, end = request.url.params["startDate"], request.url.params["endDate"]
        return [planned] if start <= planned["inDate"] and planned["outDate"] < end else []

    answers: dict[str, Answer] = {PUNCHES: [open_punch], SHIFTS: shifts, **LISTS}
    until = []
    for now, span in ((utc("03-02 12:00"), SPAN), (utc("03-06 20:00"), None), (utc("03-09 20:00"), None)):
        sync(tmp_path, "labor", Api(answers, now=now.astimezone(UTC)), span)
        until += held(tmp_path, "fact_labor_shifts", "accrues_until")

    assert until == 3 * [(utc("03-01 21:00"),)]


def test_a_record_that_cannot_be_read_costs_itself_alone(tmp_path: Path) -> None:
    """A punch and a shift of each kind of trouble wait as they came, with field and reason, on their day; the others land."""
    bad = [
        punch("no-time", inDate="this morning"),
        punch("backwards", ended="03-01 14:00"),
        punch("wage", hourlyWage="eighteen fifty"),
        punch("breaks", breaks=[42]),
        punch("absurd", hourlyWage=1e300),
        punch("far", businessDate="99991231"),
        {**punch("x"), "guid": None},
    ]
    planned = (
        shift("s-1", "03-01 15:00", "03-01 23:00"),
        shift("s-2", "03-01 15:00", "03-01 14:00"),
        shift("s-3", "03-01 15:00", "03-01 16:00", outDate="late"),
    )
    result = sync(tmp_path, "labor", api(punch("p-1"), *bad, shifts=planned))
    kept = {json.loads(text)["guid"]: json.loads(text) for (text,) in waiting(tmp_path, "record_json")}

    assert result.rows_quarantined == 9
    assert held(tmp_path, "fact_labor_shifts", "time_entry_guid") == [("p-1",)]
    assert held(tmp_path, "fact_scheduled_shifts", "shift_id") == [("s-1",)]
    assert waiting(tmp_path) == [
        ("absurd", DAY, "$.hourlyWage", "1E+300 is too large"),
        ("backwards", DAY, "$.outDate", "outDate is before inDate"),
        ("breaks", DAY, "$.breaks[0]", "Expected `object`, got `int`"),
        ("far", DAY, "$.businessDate", "'99991231' is no date as yyyymmdd"),
        ("no-time", DAY, "$.inDate", "'this morning' is no time with an offset"),
        ("s-2", DAY, "$.outDate", "outDate is before inDate"),
        ("s-3", DAY, "$.outDate", "'late' is no time with an offset"),
        ("wage", DAY, "$.hourlyWage", "Invalid decimal string"),
        (None, DAY, "$.guid", "Expected `str`, got `null`"),
    ]
    assert [kept[one["guid"]] for one in bad] == bad

    sync(
        tmp_path,
        "labor",
        api(
            punch("p-1"),
            *(punch(one["guid"] or "x") for one in bad),
            shifts=(*planned[:1], *(shift(x, "03-01 15:00", "03-01 16:00") for x in ("s-2", "s-3"))),
        ),
    )
    assert (waiting(tmp_path), len(held(tmp_path, "fact_labor_shifts", "1"))) == ([], 8)


def test_jobs_that_the_list_leaves_out(tmp_path: Path) -> None:
    """A deleted job is asked by its id, one at a time; what cannot be a job's id costs nothing but the title."""

    def jobs(request: httpx.Request) -> list[Json] | httpx.Response:
        wanted = request.url.params.get("jobIds")
        if wanted == "strange":
            return refusal(400)
        return [job(COOK, "Line Cook", deleted=True)] if wanted == COOK else [] if wanted else [job()]

    own = Api({PUNCHES: [punch(x, jobReference=ref(x)) for x in (SERVER, COOK, "strange", "gone")], JOBS: jobs})
    sync(tmp_path, "labor", own)

    assert [call.get("jobIds") for call in own.asked(JOBS)] == [None, "gone", COOK, "strange"]
    assert held(tmp_path, "fact_labor_shifts", "job_guid", "job_title") == [
        ("gone", None),
        (COOK, "Line Cook"),
        (SERVER, "Server"),
        ("strange", None),
    ]


def test_without_the_scope_for_employees_punches_come_without_names(tmp_path: Path) -> None:
    """And planned wages are those of the jobs; asked for once."""
    own = Api({PUNCHES: [punch()], SHIFTS: [shift("s-1", "03-01 15:00", "03-01 23:00")], JOBS: [job()], EMPLOYEES: refusal(403)})
    sync(tmp_path, "labor", own)

    assert held(tmp_path, "fact_labor_shifts", "employee_guid", "employee_name") == [(ANA, None)]
    assert held(tmp_path, "fact_scheduled_shifts", "hourly_wage") == [(Decimal(15),)]
    assert len(own.asked(EMPLOYEES)) == 1


def test_planned_wages(tmp_path: Path) -> None:
    """An employee's own wage at that job before the job's; none for a salary."""
    own_wage = employee(wageOverrides=[{"wage": 19, "jobReference": ref(COOK)}, {"wage": 17.25, "jobReference": ref(SERVER)}])
    jobs = [
        job(),
        job("gm", "Manager", wageFrequency="SALARY", defaultWage=78_000),
        job("driver", "Driver", wageFrequency="PER_DELIVERY", defaultWage=14),
    ]
    planned = [
        shift(name, "03-01 15:00", "03-01 17:00", jobReference=ref(guid)) for name, guid in (("a", SERVER), ("b", "gm"), ("c", "driver"))
    ]
    sync(tmp_path, "labor", Api({SHIFTS: [*planned, shift("d", "03-01 15:00", "03-01 17:00", None)], JOBS: jobs, EMPLOYEES: [own_wage]}))

    assert held(tmp_path, "fact_scheduled_shifts", "shift_id", "hourly_wage", "planned_cost") == [
        ("a", Decimal("17.25"), Decimal("34.5")),
        ("b", None, None),
        ("c", Decimal(14), Decimal(28)),
        ("d", Decimal(15), Decimal(30)),
    ]


def test_an_entry_of_another_day_than_asked_is_on_its_own(tmp_path: Path) -> None:
    """The answer goes by the clock-in; the row by Toast's business date, whose calendar comes with it."""
    sync(tmp_path, "labor", Api({PUNCHES: in_turn([punch(businessDate="20260228")]), **LISTS}))

    assert held(tmp_path, "fact_labor_shifts", "business_date") == [(date(2026, 2, 28),)]
    assert held(tmp_path, "dim_business_days", "business_date") == [(date(2026, 2, 28),), (DAY,)]


# --- the simulator ------------------------------------------------------------------------------------------------------------

FIRST = LAST_DAY - timedelta(days=2)


def labor(own: Desk) -> dict[str, Rows]:
    """Every labor table of the days that were asked, but for times of reading and writing."""
    found = {}
    for spec in LABOR.tables:
        if spec.name == "fact_scheduled_shifts":
            continue
        columns = ", ".join(name for name in spec.names if name not in ("_loaded_at", "read_at"))
        found[spec.name] = read(
            own.warehouse, f"SELECT {columns} FROM {spec.name} WHERE business_date BETWEEN '{FIRST}' AND '{LAST_DAY}' ORDER BY ALL"
        )
    return found


def live(rows: dict[str, Rows]) -> dict[str, Rows]:
    """Without the children that are no longer part of their entry."""
    where = {spec.name: spec.names.index("is_deleted") for spec in LABOR.tables}
    headers = "fact_labor_shifts"
    return {name: own if name == headers else [row for row in own if not row[where[name]]] for name, own in rows.items()}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Toast, Desk]]:
    """A group that synced without a span as its world went on for nine days more: edits, raises, deletions come."""
    with simulating(locations=2, days=3) as toast:
        own = desk(tmp_path_factory.mktemp("lived"), toast, begun=True)
        own.sync(FIRST, LAST_DAY, dataset="labor")
        before = read(
            own.warehouse, "SELECT time_entry_guid, hourly_wage, is_deleted, in_date, out_date FROM fact_labor_shifts ORDER BY ALL"
        )
        for _ in range(2):
            toast.advance(timedelta(days=4, hours=12))
            own.sync(dataset="labor")
        own.folder.joinpath("before.json").write_text(json.dumps(before, default=str))
        yield toast, own


def test_incremental_equals_by_span(lived: tuple[Toast, Desk], tmp_path: Path) -> None:
    """After all late edits, deletions and raises: what followed the changes has the rows that a fresh read of the days has."""
    toast, own = lived
    fresh = desk(tmp_path / "fresh", toast, begun=True)
    fresh.sync(FIRST, LAST_DAY, dataset="labor")
    followed, asked = live(labor(own)), live(labor(fresh))

    assert {name: len(rows) > 100 for name, rows in asked.items() if name != "fact_labor_breaks"} == {
        "fact_labor_shifts": True,
        "fact_labor_hours": True,
    }
    assert {name: (set(followed[name]) - set(rows), set(rows) - set(followed[name])) for name, rows in asked.items()} == dict.fromkeys(
        asked, (set(), set())
    )


def test_late_edits_land(lived: tuple[Toast, Desk]) -> None:
    """There were raises of hours worked before, deletions and edited times, or the test above would say nothing."""
    _, own = lived
    before = {row[0]: row[1:] for row in json.loads(own.folder.joinpath("before.json").read_text())}
    after = {
        row[0]: tuple(json.loads(json.dumps(row[1:], default=str)))
        for row in read(own.warehouse, "SELECT time_entry_guid, hourly_wage, is_deleted, in_date, out_date FROM fact_labor_shifts")
    }
    pairs = [(tuple(before[guid]), after[guid]) for guid in before if guid in after]
    changed = {
        "wage": sum(was[0] != now[0] for was, now in pairs),
        "deleted": sum(was[1] < now[1] for was, now in pairs),
        "times": sum(was[2:] != now[2:] for was, now in pairs),
    }

    assert [name for name, number in changed.items() if not number] == []


def test_hours_and_cost_are_those_of_the_books(lived: tuple[Toast, Desk]) -> None:
    """Closed entries of every day, to four places; punches that Toast calls archived are there, flagged."""
    toast, own = lived
    ours = {
        (guid, day): values
        for guid, day, *values in read(
            own.warehouse,
            f"""SELECT restaurant_guid, business_date, sum(regular_hours), sum(overtime_hours), sum(regular_pay), sum(overtime_pay)
            FROM fact_labor_shifts WHERE is_counted AND NOT is_open AND NOT is_salaried AND business_date BETWEEN '{FIRST}' AND '{LAST_DAY}'
            AND (restaurant_guid, business_date) NOT IN (SELECT restaurant_guid, business_date FROM fact_labor_shifts WHERE is_open AND is_counted)
            GROUP BY ALL""",
        )
    }
    names = ("regular_hours", "overtime_hours", "regular_cost", "overtime_cost")
    books = {(row["restaurant_guid"], date.fromisoformat(row["business_date"])): row for row in toast.book("labor")}

    assert len(ours) >= 3
    assert ours == {key: [Decimal(books[key][name]) for name in names] for key in ours}
    assert read(own.warehouse, "SELECT count(*) > 0 FROM fact_labor_shifts WHERE is_deleted") == [(True,)]


def test_shifts_land_with_those_over_midnight(lived: tuple[Toast, Desk]) -> None:
    """A window of a day leaves out what reaches beyond it; ours are asked wider, so each day has its overnight shifts."""
    _, own = lived
    overnight = read(
        own.warehouse,
        f"""SELECT count(DISTINCT s.business_date) FROM fact_scheduled_shifts AS s JOIN dim_business_days AS d USING (restaurant_guid, business_date)
        WHERE s.business_date BETWEEN '{FIRST}' AND '{LAST_DAY}' AND s.out_date > d.ends_at""",
    )
    days = read(
        own.warehouse,
        f"SELECT count(DISTINCT business_date) FROM fact_scheduled_shifts WHERE business_date BETWEEN '{FIRST}' AND '{LAST_DAY}'",
    )

    assert days == [(3,)]
    assert overnight[0][0] >= 1


def test_broken_entries_are_read_again(tmp_path: Path, lived: tuple[Toast, Desk]) -> None:
    """Each list has a broken one for a while; once it has not, all is as if it never had."""
    toast, _ = lived
    [first, *_] = toast.locations()
    own = desk(tmp_path / "broken", toast, locations=[first], begun=True)
    toast.set_faults(broken_entry={"rate": 1.0})
    [broken] = own.sync(FIRST, LAST_DAY, dataset="labor")
    toast.clear_faults()
    own.sync(FIRST, LAST_DAY, dataset="labor")
    calm = desk(tmp_path / "calm", toast, locations=[first], begun=True)
    calm.sync(FIRST, LAST_DAY, dataset="labor")

    assert broken.rows_quarantined == 3
    assert labor(own) == labor(calm)
    assert read(own.warehouse, "SELECT count(*) FROM quarantine WHERE resolved_at IS NULL") == [(0,)]


def test_a_location_without_toasts_clock(tmp_path: Path) -> None:
    """Days read, no rows, nothing wrong."""
    with simulating(locations=7, days=1) as toast:
        own = desk(tmp_path / "six", toast, locations=[toast.locations()[6]], begun=True)
        [result] = own.sync(LAST_DAY, dataset="labor")

    assert (result.rows_read, result.windows) == (0, 2)
