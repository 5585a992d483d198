"""Which windows a sync asks, with the clock standing at a chosen moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from orders_world import NORTH
from restaurant_os.batch import Window
from restaurant_os.errors import UsageError
from restaurant_os.pipeline.ledger import Chain
from restaurant_os.pipeline.plans import CashPlan, Known, LaborPlan, OrdersPlan, Plan, Span, Unit

#: Business date 2026-03-10 of New York is open: it began at 08:00 UTC, when the clocks had changed.
NOW = datetime(2026, 3, 10, 20, 0, 0, 123_456, tzinfo=UTC)
END = NOW.replace(microsecond=123_000)
TODAY = date(2026, 3, 10)
OVERLAP = timedelta(minutes=10)
ORDERS, LABOR, CASH = OrdersPlan(OVERLAP, 3), LaborPlan(OVERLAP, 3), CashPlan(3)
PLANS: dict[str, Plan] = {"orders": ORDERS, "labor": LABOR, "cash": CASH}


def march(day: int, hour: float = 0) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour)


def known(mark: datetime | None = None, read: Mapping[int, datetime] | None = None, unstable: Iterable[int] = ()) -> Known:
    """What the ledger knows: changes read up to `mark`, days of March and when each was read."""
    chain = Chain(mark - timedelta(days=9), mark, False) if mark else None
    days = {date(2026, 3, day): at for day, at in (read or {}).items()}
    return Known(chain, days, frozenset(date(2026, 3, day) for day in unstable))


def asked(plan: Plan, span: Span | None = None, known: Known = known(), now: datetime = NOW) -> list[list[object]]:  # noqa: B008
    """The windows of each unit: a day by its date, changes by their bounds, a schedule by its name and bounds."""
    units = plan.units(NORTH, span, known, now)
    assert {unit.location for unit in units} <= {NORTH}
    return [[shown(window) for window in unit.windows] for unit in units]


def shown(window: Window) -> object:
    if window.business_date is not None:
        assert (window.start, window.end) == NORTH.business_day.bounds(window.business_date)
        return window.business_date
    return (window.start, window.end) if window.kind == "modified" else (window.kind, window.start, window.end)


def days(first: int, last: int) -> list[object]:
    return [date(2026, 3, day) for day in range(first, last + 1)]


def schedule(start: datetime) -> tuple[str, datetime, datetime]:
    """Around all that is asked: from two days before `start`, the first of it, to two weeks ahead."""
    return ("schedule", start - timedelta(days=2), END + timedelta(days=14))


def test_the_first_sync() -> None:
    """Orders and labor: changes of the last days, a day a window, then the net; labor begins with the schedule and ends with the open day."""
    start = END - timedelta(days=3) - OVERLAP
    changes: list[list[object]] = [[(start + timedelta(days=n), min(start + timedelta(days=n + 1), END))] for n in range(4)]

    assert asked(ORDERS) == [*changes, days(7, 9)]
    assert asked(LABOR) == [[schedule(march(7, 9))], *changes, days(7, 10)]
    assert asked(CASH) == [days(7, 10)]


def test_a_later_sync_goes_on_from_the_mark() -> None:
    """What was read whole since the last closeout is not asked again by date, but for the days that no change announces."""
    since = known(march(10, 19), {day: march(10, 9) for day in range(1, 10)})

    assert asked(ORDERS, known=since) == [[(march(10, 19) - OVERLAP, END)]]
    assert asked(LABOR, known=since) == [[schedule(march(10, 8))], [(march(10, 19) - OVERLAP, END)], days(10, 10)]
    assert asked(CASH, known=since) == [days(9, 10)]


def test_the_net_after_a_closeout() -> None:
    """Days read before the last closeout (08:00 UTC) are read once more: three of orders and labor, seven of cash, and what was unstable."""
    before = known(march(10, 7.9), {day: march(10, 7.9) for day in range(1, 11)}, unstable=[4])
    after = known(march(10, 8), {day: march(10, 8) for day in range(1, 11)})

    assert asked(ORDERS, known=before)[-1] == [date(2026, 3, 4), *days(7, 9)]
    assert asked(LABOR, known=before)[-1] == [date(2026, 3, 4), *days(7, 10)]
    assert asked(CASH, known=before) == [days(3, 9), days(10, 10)]
    assert [asked(plan, known=after)[1:] for plan in (ORDERS, LABOR)] == [[], [[(march(10, 8) - OVERLAP, END)], days(10, 10)]]
    assert asked(CASH, known=after) == [days(9, 10)]


def test_after_a_pause_changes_come_a_day_at_a_time() -> None:
    """From the mark on without a gap; cash, which has no changes to ask, reads every date that was missed and its net before."""
    paused = known(march(5, 12), {day: march(5, 12) for day in range(1, 5)})
    windows = [unit[0] for unit in asked(ORDERS, known=paused)[:-1]]
    start = march(5, 12) - OVERLAP

    assert windows == [(start + timedelta(days=n), min(start + timedelta(days=n + 1), END)) for n in range(6)]
    assert asked(CASH, known=paused) == [
        [date(2026, 2, 25), date(2026, 2, 26), date(2026, 2, 27), date(2026, 2, 28), *days(1, 3)],
        days(4, 10),
    ]


def test_days_read_before_any_change_begin_the_chain() -> None:
    """A backfill comes first, then the first sync without a span: nothing that changed since is left out."""
    backfilled = known(read={1: march(2, 10), 2: march(9, 10)})

    assert asked(ORDERS, known=backfilled)[0] == [(march(2, 10) - OVERLAP, march(3, 10) - OVERLAP)]


@pytest.mark.parametrize("name", PLANS)
def test_a_span_is_those_dates_a_few_to_a_commit(name: str) -> None:
    """Both ends included, seven days together, whatever the ledger knows; labor with the schedule around them."""
    span = Span(date(2026, 3, 1), date(2026, 3, 9))
    plan = PLANS[name]
    rule = NORTH.business_day

    def first(begin: int, end: int) -> list[object]:
        if name != "labor":
            return []
        return [("schedule", rule.start(date(2026, 3, begin)), rule.start(date(2026, 3, end + 1)))]

    for ledger in (known(), known(march(10, 19), {day: march(10, 19) for day in range(1, 11)})):
        assert asked(plan, span, ledger) == [[*first(1, 7), *days(1, 7)], [*first(8, 9), *days(8, 9)]]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 7), 23), (date(2026, 3, 8), 24), (date(2026, 10, 31), 25), (date(2026, 11, 1), 24)]
)
def test_days_of_23_and_25_hours_are_asked_whole(day: date, hours: int) -> None:
    """From closeout to closeout of the wall clock, one day beginning where the other ends."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    [unit] = LABOR.units(NORTH, Span(day, day), known(), now)
    [schedule, window] = unit.windows

    assert (window.end - window.start, window.start.astimezone(NORTH.business_day.zone).hour) == (timedelta(hours=hours), 4)
    assert (schedule.start, schedule.end) == (window.start, window.end)


@pytest.mark.parametrize("name", PLANS)
def test_no_window_is_longer_than_toast_takes(name: str) -> None:
    """A day of changes, a month of schedule with its margins, however long nobody synced."""
    units: list[Unit] = PLANS[name].units(NORTH, None, known(march(1) - timedelta(days=200)), NOW)
    longest = {
        kind: max((w.end - w.start for unit in units for w in unit.windows if w.kind == kind), default=timedelta()) for kind in LIMITS
    }

    assert {kind: longest[kind] <= limit for kind, limit in LIMITS.items()} == dict.fromkeys(LIMITS, True)


LIMITS = {"modified": timedelta(hours=24), "business_date": timedelta(hours=25), "schedule": timedelta(days=28)}


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "ends before it begins"),
        (date(2015, 12, 1), date(2015, 12, 3), "before 2015-12-02"),
        (date(2026, 3, 1), date(2026, 4, 1), "32 business dates at once"),
    ],
)
def test_spans_that_cannot_be(first: date, last: date, said: str) -> None:
    """Each says what to do instead."""
    with pytest.raises(UsageError, match=said) as found:
        Span(first, last)

    assert found.value.next_step


@pytest.mark.parametrize("name", PLANS)
def test_a_span_beyond_a_year_ahead_is_refused(name: str) -> None:
    """Nothing is planned so far ahead."""
    latest = TODAY + timedelta(days=366)

    assert asked(PLANS[name], Span(latest, latest))[0][-1] == latest
    with pytest.raises(UsageError, match="more than a year away"):
        asked(PLANS[name], Span(latest, latest + timedelta(days=1)))
