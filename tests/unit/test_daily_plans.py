"""What a call of a function asks of one location, by what the ledger knows, and what it says is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from orders_world import NORTH
from restaurant_os.batch import Window
from restaurant_os.pipeline.daily import DailyPlan
from restaurant_os.pipeline.ledger import Chain
from restaurant_os.pipeline.plans import NOTHING_KNOWN, CashPlan, Known, LaborPlan, OrdersPlan, Period, Plan, Span

#: Business date 2026-03-10 of New York is open: it began at 08:00 UTC.
NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)
OVERLAP = timedelta(minutes=10)
ORDERS, LABOR, CASH = OrdersPlan(OVERLAP, 3), LaborPlan(OVERLAP, 3), CashPlan(3)


def day(number: int) -> date:
    return date(2026, 3, number)


def days(first: int, last: int) -> list[list[object]]:
    """Units of one date each."""
    return [[day(number)] for number in range(first, last + 1)]


def known(read: dict[int, datetime], mark: datetime | None = None, unstable: tuple[int, ...] = ()) -> Known:
    chain = Chain(mark - timedelta(days=9), mark, False) if mark else None
    return Known(chain, {day(number): at for number, at in read.items()}, frozenset(map(day, unstable)))


def asked(base: Plan, span: Span | None = None, before: Known = NOTHING_KNOWN) -> list[list[object]]:
    return [[shown(window) for window in unit.windows] for unit in DailyPlan(base, span).units(NORTH, None, before, NOW)]


def shown(window: Window) -> object:
    return window.business_date or window.kind


def test_dates_that_are_not_complete_come_first_and_alone() -> None:
    """Complete is read after the closeout and stable; what moved when it was last read comes after the rest."""
    late = NOW - timedelta(hours=1)
    before = known({3: late, 4: late, 5: late, 6: NORTH.business_day.bounds(day(6))[1] - timedelta(minutes=1)}, unstable=(4,))

    assert asked(ORDERS, Span(day(3), day(8)), before) == [*days(6, 8), *days(4, 4)]


def test_dates_that_are_all_complete_are_all_read_again_the_oldest_read_first() -> None:
    """So that calls which are cut short come to each of them in turn."""
    before = known({3: NOW - timedelta(hours=1), 4: NOW - timedelta(hours=3), 5: NOW - timedelta(hours=2)})

    assert asked(CASH, Span(day(3), day(5)), before) == [*days(4, 4), *days(5, 5), *days(3, 3)]


def test_a_location_that_was_just_read_waits_for_the_others_of_the_call() -> None:
    """Unless what they lack is still open, or only moved; or its own were read long ago."""
    other = NORTH.model_copy(update={"name": "Other", "toast_guid": "0f9d0c1e-1111-4a11-8a11-0000000000aa"})
    just, long_ago = known({3: NOW, 4: NOW}), known({3: NOW, 4: NOW - timedelta(hours=7)})

    def count(own: Known, others: Known, last: int = 4) -> int:
        plan = DailyPlan(ORDERS, Span(day(3), day(last)), {NORTH: own, other: others})
        return len(plan.units(NORTH, None, own, NOW))

    assert count(just, known({3: NOW})) == 0
    assert count(just, just) == 2
    assert count(just, known({3: NOW}, unstable=(4,))) == 2
    assert count(long_ago, known({3: NOW})) == 2
    assert count(known(dict.fromkeys(range(3, 10), NOW)), known(dict.fromkeys(range(3, 10), NOW)), last=10) == 1


def test_a_date_is_a_unit_of_its_own_that_may_fail_alone() -> None:
    units = DailyPlan(ORDERS, Span(day(1), day(9))).units(NORTH, None, NOTHING_KNOWN, NOW)

    assert [(len(unit.windows), unit.stands_alone) for unit in units] == [(1, True)] * 9


def test_a_date_of_labor_keeps_its_schedule() -> None:
    """From the opening to the closeout of that date."""
    plan = DailyPlan(LABOR, Span(day(4), day(5)))

    units = plan.units(NORTH, None, NOTHING_KNOWN, NOW)

    assert [[shown(window) for window in unit.windows] for unit in units] == [["schedule", day(4)], ["schedule", day(5)]]
    assert [(unit.windows[0].start, unit.windows[0].end) for unit in units] == [NORTH.business_day.bounds(day(n)) for n in (4, 5)]


def test_the_first_call_without_dates_begins_where_the_last_closed_date_did() -> None:
    """Not days before: a call has minutes. The net comes first, then the changes, of this day and that."""
    [*net, first, second] = DailyPlan(ORDERS).units(NORTH, None, NOTHING_KNOWN, NOW)

    assert [[shown(window) for window in unit.windows] for unit in net] == days(7, 9)
    assert first.windows[0].start == NORTH.business_day.start(day(9)) - OVERLAP
    assert (second.windows[0].start, second.windows[0].end) == (first.windows[0].end, NOW)
    assert [unit.stands_alone for unit in (*net, first, second)] == [True, True, True, False, False]


def test_the_first_call_without_dates_after_a_backfill_leaves_no_gap() -> None:
    """It begins when the first date was read, where that is earlier."""
    read_at = NOW - timedelta(days=4)
    units = DailyPlan(ORDERS).units(NORTH, None, known({1: read_at}), NOW)

    assert min(window.start for unit in units for window in unit.windows if window.kind == "modified") == read_at - OVERLAP


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (ORDERS, [["modified"], *days(9, 9)]),
        (LABOR, [["schedule", "schedule"], *days(10, 10), ["modified"], ["schedule", day(9)]]),
        (CASH, [*days(9, 10)]),
    ],
    ids=lambda value: getattr(value, "dataset", value) and type(value).__name__,
)
def test_the_last_closed_date_is_read_in_any_case(base: Plan, expected: list[list[object]]) -> None:
    """Once it is in, after everything else."""
    after_closeout = NORTH.business_day.start(day(10)) + timedelta(hours=1)
    before = known(dict.fromkeys(range(1, 10), after_closeout), mark=NOW - timedelta(hours=1))

    found = asked(base, before=before)

    if base is LABOR:
        assert [len(found[0]) >= 1, set(found[0])] == [True, {"schedule"}]
        assert found[1:] == expected[1:]
    else:
        assert found == expected


# --- what is left ---------------------------------------------------------------------------------------------------


def left(plan: DailyPlan, before: Known, after: Known) -> Period | None:
    plan.units(NORTH, None, before, NOW)
    return plan.left(NORTH, after)


def test_the_dates_that_are_left_are_those_not_read_since() -> None:
    """A read that was there before the call does not count as one of it."""
    early, late = NOW - timedelta(hours=3), NOW + timedelta(minutes=1)
    before = known(dict.fromkeys(range(1, 6), early))

    assert left(DailyPlan(ORDERS, Span(day(1), day(5))), before, known({1: late, 2: late, 3: early, 4: early, 5: early})) == Period(
        day(3), day(5)
    )
    assert left(DailyPlan(ORDERS, Span(day(1), day(5))), before, known(dict.fromkeys(range(1, 6), late))) is None


def test_changes_that_are_left_are_said_as_the_dates_they_fall_on() -> None:
    """From the mark to now; the dates themselves were read."""
    mark, late = NOW - timedelta(days=3), NOW + timedelta(minutes=1)
    before = known(dict.fromkeys(range(1, 10), NOW), mark=mark)
    read = dict.fromkeys(range(1, 10), late)

    assert left(DailyPlan(ORDERS), before, known(read, mark=mark)) == Period(day(7), day(10))
    assert left(DailyPlan(ORDERS), before, known(read, mark=mark + timedelta(days=2))) == Period(day(9), day(10))
    assert left(DailyPlan(ORDERS), before, known(read, mark=NOW)) is None


def test_a_call_that_was_stopped_before_it_planned_has_all_left() -> None:
    span = Span(day(1), day(5))

    assert DailyPlan(ORDERS, span).left(NORTH, NOTHING_KNOWN) == span


def test_a_short_last_window_that_is_not_in_is_left() -> None:
    """It begins before the mark, by the overlap: that alone says nothing."""
    mark = NOW - timedelta(minutes=5)
    before = known(dict.fromkeys(range(1, 10), NOW), mark=mark)
    plan = DailyPlan(ORDERS)

    assert left(plan, before, replace(before, read={day(9): NOW + timedelta(minutes=1)})) == Period(day(10), day(10))
