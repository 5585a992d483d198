"""Which units a backfill cuts a span into, what it leaves out, and what it says is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ledger_world import record, whole_day
from orders_world import NORTH, SOUTH, open_warehouse
from restaurant_os.batch import BUSINESS_DATE, SCHEDULE, Window
from restaurant_os.errors import RequestError, RestaurantOSError, StoppedError, UsageError
from restaurant_os.pipeline.backfill import ELSEWHERE, Backfill, BackfillPlan, Missing, history
from restaurant_os.pipeline.plans import NOTHING_KNOWN, CashPlan, Known, LaborPlan, OrdersPlan, Period, Plan, Unit
from restaurant_os.pipeline.sync import LocationResult, Sync
from restaurant_os.settings import Location
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

#: 07:30 UTC: business date 2026-03-09 has closed in neither New York (closeout 4, 08:00 UTC) nor Los Angeles (3, 10:00 UTC).
NOW = datetime(2026, 3, 10, 7, 30, tzinfo=UTC)
OVERLAP = timedelta(minutes=10)
ORDERS, LABOR, CASH = OrdersPlan(OVERLAP, 3), LaborPlan(OVERLAP, 3), CashPlan(3)
WEEK = timedelta(days=7)


def day(number: int) -> date:
    return date(2026, 2, 1) + timedelta(days=number - 1)


def known(read: Mapping[date, datetime], unstable: Iterable[date] = ()) -> Known:
    return Known(None, read, frozenset(unstable))


def complete(*days: date) -> Known:
    """Each read right at its closeout."""
    return known({one: NORTH.business_day.bounds(one)[1] for one in days})


def units(base: Plan, period: Period, before: Known = NOTHING_KNOWN, *, at: Location = NORTH, now: datetime = NOW) -> list[Unit]:
    found = BackfillPlan(base, period).units(at, None, before, now)
    assert all(unit.location == at and unit.stands_alone for unit in found)
    return found


def asked(found: Iterable[Unit]) -> list[list[date | str]]:
    return [[shown(window) for window in unit.windows] for unit in found]


def shown(window: Window) -> date | str:
    return window.business_date or window.kind


def weeks(first: int, *lengths: int) -> list[list[date]]:
    """Business dates from `first` on, in weeks of these lengths."""
    found = []
    for length in lengths:
        found.append([day(first + n) for n in range(length)])
        first += length
    return found


@pytest.mark.parametrize("base", [ORDERS, LABOR, CASH], ids=["orders", "labor", "cash"])
def test_sixty_weeks_of_thirteen_locations_are_780_units(base: Plan) -> None:
    """The user's own figure; every date is in exactly one of them."""
    group = [NORTH.model_copy(update={"toast_guid": f"aaaaaaaa-0000-4000-8000-0000000001{n:02}"}) for n in range(13)]
    first = date(2025, 1, 1)
    plan = BackfillPlan(base, history(first, first + 60 * WEEK - timedelta(days=1)))

    found = [unit for location in group for unit in plan.units(location, None, NOTHING_KNOWN, NOW)]

    assert len(found) == 780 == sum(work.units for work in plan.works.values())
    dates = [window.business_date for unit in found[:60] for window in unit.windows if window.kind == BUSINESS_DATE]
    assert dates == plan.period.days
    assert [len(work.dates) for work in plan.works.values()] == [420] * 13


def test_weeks_are_counted_from_the_first_date_oldest_first_and_the_last_may_be_short() -> None:
    assert asked(units(ORDERS, Period(day(3), day(19)))) == weeks(3, 7, 7, 3)


def test_each_location_ends_at_its_own_last_closed_date() -> None:
    """With --to in the future, however far; at 08:30 UTC the ninth of March is closed in New York and not in Los Angeles."""
    for_ever = Period(date(2026, 3, 8), date.max)
    later = NOW + timedelta(hours=1)

    assert asked(units(CASH, for_ever)) == [[date(2026, 3, 8)]]
    assert asked(units(CASH, for_ever, now=later)) == [[date(2026, 3, 8), date(2026, 3, 9)]]
    assert asked(units(CASH, for_ever, at=SOUTH, now=later)) == [[date(2026, 3, 8)]]
    assert units(CASH, Period(date(2026, 4, 1), date.max)) == []


def test_what_is_complete_is_not_asked() -> None:
    """Whole weeks vanish, of others only the dates that lack are left; the weeks stay the same weeks."""
    plan = BackfillPlan(ORDERS, Period(day(1), day(21)))
    before = complete(*(day(n) for n in (*range(1, 8), 9, 10, 15, 21)))

    found = plan.units(NORTH, None, before, NOW)

    assert asked(found) == [[day(n) for n in (8, 11, 12, 13, 14)], [day(n) for n in range(16, 21)]]
    work = plan.works[NORTH]
    assert (work.units, work.complete, work.units_left, len(work.dates), work.windows) == (3, 1, 2, 10, 10)
    assert units(ORDERS, Period(day(1), day(21)), complete(*(day(n) for n in range(1, 22)))) == []


def test_a_date_read_before_its_closeout_or_still_moving_is_asked_again() -> None:
    closeouts = {n: NORTH.business_day.bounds(day(n))[1] for n in range(1, 8)}
    before = known(
        {day(n): at - timedelta(microseconds=1) if n == 2 else at for n, at in closeouts.items()},
        unstable=[day(5)],
    )

    assert asked(units(CASH, Period(day(1), day(7)), before)) == [[day(2), day(5)]]


def test_a_labor_unit_with_gaps_reads_the_schedule_of_each_run_of_dates() -> None:
    """So that it asks the schedule of no date that it does not read; it stays one unit."""
    [unit] = units(LABOR, Period(day(1), day(7)), complete(day(2), day(3), day(6)))

    assert asked([unit]) == [[SCHEDULE, day(1), SCHEDULE, day(4), day(5), SCHEDULE, day(7)]]
    schedules = [(window.start, window.end) for window in unit.windows if window.kind == SCHEDULE]
    bounds = NORTH.business_day.bounds
    assert schedules == [bounds(day(1)), (bounds(day(4))[0], bounds(day(5))[1]), bounds(day(7))]


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        (date(2015, 12, 1), date(2016, 1, 1), "2015-12-01 is before 2015-12-02"),
        (day(2), day(1), "the span ends before it begins: 2026-02-02 to 2026-02-01"),
    ],
    ids=str,
)
def test_a_span_that_cannot_be_is_refused(first: date, last: date, told: str) -> None:
    with pytest.raises(UsageError, match=told) as problem:
        history(first, last)
    assert problem.value.next_step


def test_a_span_of_any_length_is_a_history() -> None:
    assert len(history(date(2015, 12, 2), date(2026, 3, 9)).days) == 3751


# --- what is missing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def no_sync(plan: Plan) -> Sync:
    raise AssertionError("nothing is to be synced here")


def missing(warehouse: DuckDBWarehouse, period: Period, *results: LocationResult, now: datetime = NOW) -> list[Missing]:
    whole = Backfill({"orders": BackfillPlan(ORDERS, period)}, {"orders": [NORTH, SOUTH]}, warehouse, no_sync)
    whole.works(now)
    return whole.missing({"orders": results})


def failed(first: int, last: int, why: str) -> tuple[Unit, RestaurantOSError]:
    windows = [Window(BUSINESS_DATE, *NORTH.business_day.bounds(day(n)), day(n)) for n in range(first, last + 1)]
    return Unit(NORTH, windows, stands_alone=True), RequestError(why)


def test_missing_dates_are_told_together_by_their_reason(warehouse: DuckDBWarehouse) -> None:
    """Neighbours of one reason are one row; a date that no failure explains was still moving when it was read."""
    record(warehouse, *(whole_day(day(n), 0) for n in (3, 4)), whole_day(day(14), 0, "unstable"))
    south = [whole_day(day(n), 0, location=SOUTH) for n in range(1, 15)]
    record(warehouse, *south)
    failures = [failed(1, 2, "cut"), failed(5, 7, "cut"), failed(8, 13, "refused")]
    north = LocationResult(NORTH, failures=failures, error=failures[0][1])

    assert missing(warehouse, Period(day(1), day(14)), north, LocationResult(SOUTH)) == [
        Missing("orders", NORTH, day(1), day(2), "cut"),
        Missing("orders", NORTH, day(5), day(7), "cut"),
        Missing("orders", NORTH, day(8), day(13), "refused"),
        Missing("orders", NORTH, day(14), day(14), "still moved while it was read"),
    ]


def test_what_ended_a_location_explains_the_dates_that_no_failure_does(warehouse: DuckDBWarehouse) -> None:
    record(warehouse, whole_day(day(2), 0))
    stopped = LocationResult(SOUTH, error=StoppedError("stopped"))

    assert missing(warehouse, Period(day(1), day(3)), LocationResult(NORTH, error=RequestError("ended")), stopped) == [
        Missing("orders", NORTH, day(1), day(1), "ended"),
        Missing("orders", NORTH, day(3), day(3), "ended"),
        Missing("orders", SOUTH, day(1), day(3), "stopped"),
    ]


def test_what_was_not_closed_when_it_began_is_not_missing(warehouse: DuckDBWarehouse) -> None:
    """However long it took: nobody has asked for it."""
    found = missing(warehouse, Period(date(2026, 3, 7), date.max), LocationResult(NORTH), LocationResult(SOUTH))

    assert [(gap.location, gap.last) for gap in found] == [(NORTH, date(2026, 3, 8)), (SOUTH, date(2026, 3, 8))]


def test_what_ended_well_and_is_not_in_is_told_apart_from_what_moved(warehouse: DuckDBWarehouse) -> None:
    """A function may write into another warehouse than this one reads."""
    record(warehouse, whole_day(day(2), 0, "unstable"))

    found = missing(warehouse, Period(day(1), day(2)), LocationResult(NORTH), LocationResult(SOUTH))

    assert [(gap.location, gap.first, gap.why) for gap in found] == [
        (NORTH, day(1), ELSEWHERE),
        (NORTH, day(2), "still moved while it was read"),
        (SOUTH, day(1), ELSEWHERE),
    ]


def test_works_are_counted_by_the_ledger_alone(warehouse: DuckDBWarehouse) -> None:
    """Per dataset: what is in of one is not in of another."""
    record(warehouse, *(whole_day(day(n), 0) for n in range(1, 8)), whole_day(day(9), 0, dataset="cash"))
    plans = {name: BackfillPlan(base, Period(day(1), day(14))) for name, base in (("orders", ORDERS), ("cash", CASH))}
    whole = Backfill(plans, {"orders": [NORTH], "cash": [NORTH, SOUTH]}, warehouse, no_sync)

    found = [(work.dataset, work.location, work.units, work.complete, len(work.dates)) for work in whole.works(NOW)]

    assert found == [("orders", NORTH, 2, 1, 7), ("cash", NORTH, 2, 0, 13), ("cash", SOUTH, 2, 0, 14)]
