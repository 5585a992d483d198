"""What is complete, partial or missing, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger_world import changes, hour, record, whole_day
from orders_world import NORTH, SOUTH, Json, check, land, open_warehouse, order
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import DayStatus, day_statuses
from restaurant_os.settings import Location
from restaurant_os.warehouse import SyncRun
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

#: Closed at hour 0; the next one at hour 24.
DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def status_of(warehouse: DuckDBWarehouse, now: float, day: date = DAY) -> DayStatus:
    [found] = [own for own in day_statuses(warehouse, [NORTH], Span(day, day), hour(now)) if own.dataset == "orders"]
    return found


def state(warehouse: DuckDBWarehouse, now: float, day: date = DAY) -> tuple[str, str]:
    found = status_of(warehouse, now, day)
    return found.state, found.why


def broken(**fields: Any) -> Json:
    return order("broken", [check("c") | {"amount": "x"}]) | fields


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], ("missing", "never read")),
        ([changes(-30, 5)], ("missing", "never read")),
        ([whole_day(DAY, 1)], ("complete", "")),
        ([whole_day(DAY, 0)], ("complete", "")),
        ([whole_day(DAY, -0.001)], ("partial", "read before its closeout")),
        ([whole_day(DAY, -5), whole_day(DAY, 2)], ("complete", "")),
        ([whole_day(DAY, 1, "unstable")], ("missing", "never read")),
        ([whole_day(DAY, 1, location=SOUTH)], ("missing", "never read")),
        ([whole_day(DAY, 1, dataset="labor")], ("missing", "never read")),
        ([whole_day(DAY, 1), changes(0.5, 9)], ("complete", "")),
        ([whole_day(DAY, 1), changes(1, 9)], ("complete", "")),
        ([whole_day(DAY, 1), changes(1.5, 9)], ("partial", "changes since then have a gap")),
        ([whole_day(DAY, 1), changes(0, 3), changes(4, 9)], ("partial", "changes since then have a gap")),
        ([whole_day(DAY, 1), changes(0, 3), changes(3, 4, "unstable"), changes(4, 9)], ("partial", "changes since then have a gap")),
        ([whole_day(DAY, 1), changes(0, 3), changes(4, 9), changes(2, 5)], ("complete", "")),
    ],
)
def test_states_of_a_closed_day(warehouse: DuckDBWarehouse, runs: Sequence[SyncRun], expected: tuple[str, str]) -> None:
    """Complete: read whole after its closeout, and changes followed without a gap since; each other cause says itself."""
    record(warehouse, *runs)

    assert state(warehouse, 10) == expected


def test_only_changes_were_read(warehouse: DuckDBWarehouse) -> None:
    """Orders of the day are in, but nobody asked for the whole day."""
    land(warehouse, [order("o", [check("c")])], runs=[changes(-5, 5)])

    assert state(warehouse, 10) == ("partial", "only changes were read, not the whole day")


def test_a_day_that_is_still_open(warehouse: DuckDBWarehouse) -> None:
    """It cannot be complete, however often it is read."""
    land(warehouse, [order("o", [check("c")], day=20260302)], runs=[changes(-5, 10), whole_day(NEXT, 9)])

    assert state(warehouse, 10, NEXT) == ("partial", "still open")


def test_quarantine_keeps_its_day_from_being_complete(warehouse: DuckDBWarehouse) -> None:
    """Until a readable version has landed; other days are not touched."""
    land(warehouse, [broken()], runs=[whole_day(DAY, 1), whole_day(NEXT, 25)])
    before = (state(warehouse, 30), state(warehouse, 30, NEXT), status_of(warehouse, 30).quarantined)
    land(warehouse, [order("broken", [check("c")], 1)])

    assert before == (("partial", "records in quarantine"), ("complete", ""), 1)
    assert state(warehouse, 30) == ("complete", "")


def test_a_record_without_a_day_may_belong_to_any(warehouse: DuckDBWarehouse) -> None:
    """It keeps every day of its location from being complete, and none of another's."""
    land(warehouse, [broken(businessDate=None)], runs=[whole_day(DAY, 1), whole_day(NEXT, 25), whole_day(DAY, 5, location=SOUTH)])
    [south] = day_statuses(warehouse, [SOUTH], Span(DAY, DAY), hour(30))

    assert (state(warehouse, 30), state(warehouse, 30, NEXT)) == (("partial", "records in quarantine"),) * 2
    assert south.state == "complete"


def test_rows_and_times(warehouse: DuckDBWarehouse) -> None:
    """How many orders, when the day was last read, and up to when it is known: the mark, where changes were followed since."""
    land(warehouse, [order("a", [check("c")]), order("b", [check("d")])], runs=[whole_day(DAY, 1), whole_day(DAY, 2), changes(0, 9)])

    assert status_of(warehouse, 10) == DayStatus(NORTH, "orders", DAY, "complete", "", 2, 0, hour(2), hour(9))


def test_what_is_known_ends_where_changes_were_not_followed(warehouse: DuckDBWarehouse) -> None:
    """Beyond a gap the day is known only as of its own reading."""
    record(warehouse, whole_day(DAY, 1), changes(2, 9))

    assert status_of(warehouse, 10).as_of == hour(1)


def days_shown(warehouse: DuckDBWarehouse, locations: list[Location], now: float) -> list[tuple[str, date, str]]:
    return [(found.location.name, found.business_date, found.state) for found in day_statuses(warehouse, locations, None, hour(now))]


def test_without_a_span_from_the_first_known_day_on(warehouse: DuckDBWarehouse) -> None:
    """Days between that were never read are shown as missing; a location of which nothing is known is not shown."""
    record(warehouse, whole_day(date(2026, 2, 26), 1), whole_day(date(2026, 2, 28), 1))

    assert days_shown(warehouse, [NORTH, SOUTH], 1) == [
        ("North", date(2026, 2, 26), "complete"),
        ("North", date(2026, 2, 27), "missing"),
        ("North", date(2026, 2, 28), "complete"),
        ("North", DAY, "missing"),
    ]


def test_a_span_shows_every_day_of_it(warehouse: DuckDBWarehouse) -> None:
    """Of every location, known or not, in the order given."""
    found = day_statuses(warehouse, [SOUTH, NORTH], Span(DAY, NEXT), hour(1))

    assert [(one.location.name, one.business_date, one.state) for one in found] == [
        ("South", DAY, "missing"),
        ("South", NEXT, "missing"),
        ("North", DAY, "missing"),
        ("North", NEXT, "missing"),
    ]


def test_a_day_of_25_hours_is_open_until_its_own_closeout(tmp_path: Path) -> None:
    """The closeout is that of the wall clock: a read 24 hours after the start of 2026-10-31 is still before it."""
    warehouse = open_warehouse(tmp_path)
    day = date(2026, 10, 31)
    start, end = NORTH.business_day.bounds(day)
    hours = (start - hour(0)).total_seconds() / 3600
    record(warehouse, whole_day(day, hours + 24.5))
    first = day_statuses(warehouse, [NORTH], Span(day, day), end)[0].state
    record(warehouse, whole_day(day, hours + 25))

    assert (first, day_statuses(warehouse, [NORTH], Span(day, day), end)[0].state) == ("partial", "complete")
