"""Which windows a sync asks, per dataset: without a span what changed, with one those business dates.

- orders: windows of modification time from the ledger's mark to now, then, once after each closeout, the last three closed business dates
  whole, as the net under both.
- labor: the same, with the open business date every time (an open punch accrues without being modified), and the schedule before them.
- cash: business dates alone, there is no other question; the open one and the last closed one every time, the few before them once after
  each closeout, since an undo or a deposit comes days later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from restaurant_os.batch import BUSINESS_DATE, MODIFIED, SCHEDULE, Window
from restaurant_os.businessday import days_between
from restaurant_os.errors import UsageError
from restaurant_os.pipeline.ledger import Chain, ledger
from restaurant_os.settings import Location
from restaurant_os.tables import CASH, LABOR, ORDERS, Dataset
from restaurant_os.text import count
from restaurant_os.warehouse import Warehouse

#: The last closed dates that are read whole again after every closeout (design: Windows).
NET_DAYS = 3
#: The same for cash, whose undos and deposits come later and which has no modified windows beside them.
CASH_NET_DAYS = 7
#: A modified window is no longer than this, so that few pages move while it is read.
LONGEST_WINDOW = timedelta(hours=24)
#: Days that share one commit.
DAYS_PER_UNIT = 7
#: The most business dates of one call (Toast allows at most a month per historical pull: reference, 2.3), and the oldest (3.1).
MOST_DAYS = 31
FIRST_DAY = date(2015, 12, 2)
#: Orders promised for a later day are there already, but not for this far.
FURTHEST_AHEAD = timedelta(days=366)
#: The schedule is read from so long before the first window, for punches that were open then, to so far ahead.
SCHEDULE_BEHIND, SCHEDULE_AHEAD = timedelta(days=2), timedelta(days=14)
#: A month is the most (reference, 5.2), less what a window is asked wider.
LONGEST_SCHEDULE = timedelta(days=26)


@dataclass(frozen=True, slots=True)
class Period:
    """Business dates a person named, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise UsageError(
                f"the span ends before it begins: {self.first} to {self.last}.",
                next_step="Give --from the earlier date and --to the later.",
            )

    @property
    def days(self) -> list[date]:
        return days_between(self.first, self.last)


@dataclass(frozen=True, slots=True)
class Span(Period):
    """As many of them as Toast may be asked at once."""

    def __post_init__(self) -> None:
        Period.__post_init__(self)
        days = len(self.days)
        if self.first < FIRST_DAY:
            raise UsageError(
                f"{self.first} is before {FIRST_DAY}: Toast gives nothing from before that.", next_step=f"Begin at {FIRST_DAY} or later."
            )
        if days > MOST_DAYS:
            first_end = self.first + timedelta(days=MOST_DAYS - 1)
            raise UsageError(
                f"{count(days, 'business date')} at once: Toast allows at most one month ({MOST_DAYS} dates) per historical pull. Nothing was read.",
                next_step=f"Go month by month, each call goes on from the last: --from {self.first} --to {first_end}, "
                f"then --from {first_end + timedelta(days=1)} and so on.",
            )


@dataclass(slots=True)
class Unit:
    """Windows of one location that share a commit.

    `stands_alone`: should it fail, the location's other units still go on, and it is tried once more at the end. `needs`: the scope it
    asks for where a dataset's units differ in it; a refusal of one is a refusal of all that need the same.
    """

    location: Location
    windows: list[Window]
    stands_alone: bool = False
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of one location before a sync begins. `read`: when each date was last read whole."""

    chain: Chain | None
    read: Mapping[date, datetime]
    unstable: frozenset[date]


#: Before anything is asked of the ledger.
NOTHING_KNOWN = Known(None, {}, frozenset())


def known(warehouse: Warehouse, dataset: str, locations: Sequence[Location]) -> dict[Location, Known]:
    """What the ledger knows of each location."""
    found = ledger(warehouse, dataset)
    return {
        location: Known(
            found.chains.get(location.toast_guid),
            {day: started for (guid, day), started in found.read.items() if guid == location.toast_guid},
            frozenset(day for guid, day in found.unstable if guid == location.toast_guid),
        )
        for location in locations
    }


class Plan(Protocol):
    """Which windows one dataset asks of a location."""

    @property
    def dataset(self) -> Dataset: ...

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        """`now`: the API's present."""
        ...


@dataclass(frozen=True, slots=True)
class OrdersPlan:
    """`overlap`: how long before the mark a window begins. `first_days`: how far back the first sync looks."""

    overlap: timedelta
    first_days: int
    dataset: Dataset = ORDERS

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        if span:
            return by_date(location, _reachable(location, span, now))
        return changes(location, known, now, self.overlap, self.first_days) + by_date(location, net_dates(location, known, now, NET_DAYS))


@dataclass(frozen=True, slots=True)
class LaborPlan:
    """As `OrdersPlan`."""

    overlap: timedelta
    first_days: int
    dataset: Dataset = LABOR

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        if span:
            units = by_date(location, _reachable(location, span, now))
            return [Unit(location, [_schedule(unit.windows[0].start, unit.windows[-1].end), *unit.windows]) for unit in units]
        today = location.business_day.date_of(now)
        units = changes(location, known, now, self.overlap, self.first_days)
        units += by_date(location, sorted({*net_dates(location, known, now, NET_DAYS), today}))
        start = min(window.start for unit in units for window in unit.windows) - SCHEDULE_BEHIND
        return [Unit(location, _schedules(start, now + SCHEDULE_AHEAD)), *units]


@dataclass(frozen=True, slots=True)
class CashPlan:
    """`first_days`: how far back the first sync looks."""

    first_days: int
    dataset: Dataset = CASH

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        if span:
            return by_date(location, _reachable(location, span, now))
        today = location.business_day.date_of(now)
        latest = max(known.read, default=None)  # what was not read since then has no other window that would bring it
        days = self.first_days if latest is None else max((today - latest).days, 0) + CASH_NET_DAYS
        return by_date(location, sorted({*net_dates(location, known, now, days), today - timedelta(days=1), today}))


# --- windows --------------------------------------------------------------------------------------------------------


def by_date(location: Location, days: Sequence[date]) -> list[Unit]:
    """Whole business dates, a few to a commit."""
    windows = [Window(BUSINESS_DATE, *location.business_day.bounds(day), day) for day in days]
    return [Unit(location, windows[n : n + DAYS_PER_UNIT]) for n in range(0, len(windows), DAYS_PER_UNIT)]


def changes(location: Location, known: Known, now: datetime, overlap: timedelta, first_days: int) -> list[Unit]:
    """Windows of modification time from the mark to now."""
    end = whole_milliseconds(now)
    start = (known.chain.mark if known.chain else min([end - timedelta(days=first_days), *known.read.values()])) - overlap
    return [Unit(location, [window]) for window in _cut(whole_milliseconds(start), end)]


def net_dates(location: Location, known: Known, now: datetime, days: int) -> list[date]:
    """The last closed dates not read whole since the last closeout, and those that were unstable."""
    last_closed = location.business_day.last_closed(now)
    closeout = location.business_day.start(last_closed + timedelta(days=1))
    net = days_between(last_closed - timedelta(days=days - 1), last_closed)
    return sorted({day for day in net if day not in known.read or known.read[day] < closeout} | known.unstable)


def incomplete_dates(location: Location, days: Sequence[date], known: Known) -> list[date]:
    """Those of the dates that were not read whole after their closeout, or still moved when they were."""

    def is_complete(day: date) -> bool:
        read = known.read.get(day)
        return read is not None and read >= location.business_day.bounds(day)[1] and day not in known.unstable

    return [day for day in days if not is_complete(day)]


def whole_milliseconds(instant: datetime) -> datetime:
    """The API's clock ticks in milliseconds; a window's end never names a part of one that is still running."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _reachable(location: Location, span: Span, now: datetime) -> list[date]:
    latest = location.business_day.date_of(now) + FURTHEST_AHEAD
    if span.last > latest:
        raise UsageError(f"{span.last} is more than a year away.", next_step=f"End the span at {latest} or earlier.")
    return span.days


def _schedule(start: datetime, end: datetime) -> Window:
    return Window(SCHEDULE, whole_milliseconds(start), whole_milliseconds(end))


def _schedules(start: datetime, end: datetime) -> list[Window]:
    """Windows of the schedule that Toast answers at once, each asked wider by a day on both sides."""
    found = []
    while start < end:
        stop = min(start + LONGEST_SCHEDULE, end)
        found.append(_schedule(start, stop))
        start = stop
    return found


def _cut(start: datetime, end: datetime) -> Iterator[Window]:
    while start < end:
        stop = min(start + LONGEST_WINDOW, end)
        yield Window(MODIFIED, start, stop)
        start = stop
