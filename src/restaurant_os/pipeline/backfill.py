"""History in: any span of business dates, cut into units of dataset x location x week, resumed from the ledger after any stop.

Locations run side by side, and so do the datasets of a location: what they wait for is the pacing of their own endpoint. A unit is one
commit. Dates that were read whole after their closeout are never asked again; a unit that fails is tried once more when the location's
others are through, and costs nothing but itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.businessday import days_between
from restaurant_os.errors import CredentialsError, RestaurantOSError, UsageError, WarehouseError
from restaurant_os.pipeline.plans import DAYS_PER_UNIT, FIRST_DAY, NOTHING_KNOWN, Known, Period, Plan, Span, Unit, incomplete_dates, known
from restaurant_os.pipeline.sync import LocationResult, Progress, Sync, until_done
from restaurant_os.settings import Location
from restaurant_os.tables import Dataset
from restaurant_os.warehouse import Warehouse

DAY = timedelta(days=1)
#: Why a date is not in though its unit came to an end.
MOVED = "still moved while it was read"
ELSEWHERE = "was said to be in, and is not in this warehouse: has the function the same one?"


@dataclass(slots=True)
class Work:
    """What a backfill has to do for one dataset and location: `units`, of them `complete` before it began; the `dates` still to be read, in so
    many `windows`."""

    dataset: str
    location: Location
    units: int = 0
    complete: int = 0
    dates: list[date] = field(default_factory=list)
    windows: int = 0

    @property
    def units_left(self) -> int:
        return self.units - self.complete


@dataclass(frozen=True, slots=True)
class Missing:
    """Business dates of a location that are not in after a backfill, and why."""

    dataset: str
    location: Location
    first: date
    last: date
    why: str


def history(first: date, last: date) -> Period:
    """The business dates of a backfill.

    Raises:
        UsageError: they end before they begin, or begin before Toast has any.
    """
    period = Period(first, last)
    if first < FIRST_DAY:
        raise UsageError(
            f"{first} is before {FIRST_DAY}: Toast gives nothing from before that.", next_step=f"Begin at {FIRST_DAY} or later."
        )
    return period


@dataclass(slots=True)
class BackfillPlan:
    """`base`: the dataset's own plan, which knows how a date of it is asked. `works`: what it found to do, by location."""

    base: Plan
    period: Period
    works: dict[Location, Work] = field(default_factory=dict)

    @property
    def dataset(self) -> Dataset:
        return self.base.dataset

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        """One unit for every week with dates that are closed and not complete, oldest first."""
        work = self.works[location] = Work(self.dataset.name, location)
        units = []
        for week in _weeks(self.closed(location, now)):
            work.units += 1
            dates = incomplete_dates(location, week, known)
            work.complete += not dates
            work.dates += dates
            if dates:
                units.append(self._unit(location, dates, now))
        work.windows = sum(len(unit.windows) for unit in units)
        return units

    def closed(self, location: Location, now: datetime) -> list[date]:
        """The dates of the period that are closed at a location."""
        return days_between(self.period.first, min(self.period.last, location.business_day.last_closed(now)))

    def _unit(self, location: Location, dates: Sequence[date], now: datetime) -> Unit:
        asked = [unit for run in _runs(dates) for unit in self.base.units(location, Span(run[0], run[-1]), NOTHING_KNOWN, now)]
        return Unit(location, [window for unit in asked for window in unit.windows], stands_alone=True)


@dataclass(slots=True)
class Backfill:
    """What some datasets are asked, each at the locations that have it. `sync_by` makes a sync of a plan."""

    plans: Mapping[str, BackfillPlan]
    locations: Mapping[str, Sequence[Location]]
    warehouse: Warehouse
    sync_by: Callable[[Plan], Sync]
    _syncs: dict[str, Sync] = field(default_factory=dict)

    def works(self, now: datetime) -> list[Work]:
        """What there is to do, by the ledger alone: nothing is called."""
        found = []
        for name, plan in self.plans.items():
            knowledge = known(self.warehouse, name, self.locations[name])
            for location in self.locations[name]:
                plan.units(location, None, knowledge[location], now)
                found.append(plan.works[location])
        return found

    def run(self, progress: Callable[[str], Progress]) -> dict[str, list[LocationResult]]:
        """Bring everything in that is missing. A dataset that cannot begin does not stop the others.

        Raises:
            CredentialsError, WarehouseError: it would be the same for all.
        """
        self._syncs = {name: self.sync_by(plan) for name, plan in self.plans.items() if self.locations[name]}
        with ThreadPoolExecutor(max_workers=len(self.plans), thread_name_prefix="backfill") as pool:
            running = {name: pool.submit(self._dataset, name, sync, progress(name)) for name, sync in self._syncs.items()}
            until_done(running.values())
            return {name: one.result() for name, one in running.items()}

    def _dataset(self, name: str, sync: Sync, progress: Progress) -> list[LocationResult]:
        try:
            return sync.run(self.locations[name], None, progress)
        except (CredentialsError, WarehouseError):
            for other in self._syncs.values():
                other.stop()  # it would be the same for every dataset
            raise
        except RestaurantOSError as problem:
            return [LocationResult(location, error=problem) for location in self.locations[name]]

    def missing(self, results: Mapping[str, Sequence[LocationResult]]) -> list[Missing]:
        """The dates that were to be read and are still not in, by the ledger, with what kept them out."""
        found: list[Missing] = []
        for name, plan in self.plans.items():
            knowledge = known(self.warehouse, name, self.locations[name])
            own = {result.location: result for result in results.get(name, ())}
            for location in self.locations[name]:
                gaps = incomplete_dates(location, plan.works[location].dates, knowledge[location])
                found += _gaps(name, location, gaps, _reasons(own.get(location), knowledge[location]))
        return found


def _reasons(result: LocationResult | None, known: Known) -> Callable[[date], str]:
    failures = result.failures if result else ()
    failed = {
        window.business_date: problem.message
        for unit, problem in failures
        for window in unit.windows
        if window.kind == BUSINESS_DATE and window.business_date is not None
    }
    ended = result.error.message if result and result.error and not failures else ""
    return lambda day: failed.get(day) or ended or (MOVED if day in known.unstable else ELSEWHERE)


def _gaps(dataset: str, location: Location, dates: Sequence[date], why: Callable[[date], str]) -> Iterator[Missing]:
    """Neighbouring dates that are missing for the same reason, together."""
    for run in _runs(dates):
        start = run[0]
        for day in run:
            if day == run[-1] or why(day + DAY) != why(day):
                yield Missing(dataset, location, start, day, why(day))
                start = day + DAY


def _weeks(days: Sequence[date]) -> Iterator[Sequence[date]]:
    return (days[n : n + DAYS_PER_UNIT] for n in range(0, len(days), DAYS_PER_UNIT))


def _runs(dates: Iterable[date]) -> list[list[date]]:
    """Dates in order, cut where one is left out."""
    runs: list[list[date]] = []
    for day in dates:
        if runs and runs[-1][-1] + DAY == day:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs
