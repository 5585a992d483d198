"""What a call of a cloud function asks, and a turn of the schedule, and what came of it.

Both may be stopped anywhere and are simply made again, so each business date is a unit of its own: a stop loses little, and whatever
was committed is never the reason that something else is not.

- With dates: those not complete yet, first and alone. When all are complete, all again, those read longest ago first, so that calls
  which are cut short get through all of them in turn. A location that has just been read waits for the others of the call: so the same
  call, made again while something is left, comes to an end.
- Without: the last closed business dates that are not in, what changed since the mark, and the last closed one in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.errors import RestaurantOSError, StoppedError, WarehouseError
from restaurant_os.pipeline.ledger import Chain
from restaurant_os.pipeline.plans import NOTHING_KNOWN, Known, Period, Plan, Span, Unit, incomplete_dates, known
from restaurant_os.pipeline.sync import LocationResult, Progress, Sync
from restaurant_os.settings import Location
from restaurant_os.tables import CASH, LABOR, ORDERS, Dataset

#: The order in which one process brings them in: sales first, since all else is measured by them.
DAILY = (ORDERS.name, CASH.name, LABOR.name)
WEEKLY = "config"
#: Complete dates that were all read within this time are not read again while another location of the call lacks some.
JUST_READ = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one location was asked, and what the ledger knew of it before."""

    units: Sequence[Unit]
    before: Known


@dataclass(slots=True)
class DailyPlan:
    """`base`: the dataset's own plan. `period`: the dates a caller named. `every`: what is known of all locations of the call."""

    base: Plan
    period: Span | None = None
    every: Mapping[Location, Known] = field(default_factory=dict)
    _asked: dict[Location, _Asked] = field(default_factory=dict)

    @property
    def dataset(self) -> Dataset:
        return self.base.dataset

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        """`span` is the plan's own `period`: what of it is asked depends on the ledger."""
        if self.dataset.name not in DAILY:
            units = self.base.units(location, None, known, now)
        elif self.period:
            units = [self._day(location, day, now) for day in self._dates(location, self.period, known, now)]
        else:
            units = self._since(location, known, now)
        self._asked[location] = _Asked(units, known)
        return units

    def _dates(self, location: Location, period: Span, known: Known, now: datetime) -> list[date]:
        """A date that still moved when it was last read may do so forever: it comes after the others."""
        if incomplete := incomplete_dates(location, period.days, known):
            return sorted(incomplete, key=lambda day: (day in known.unstable, day))
        if min(known.read[day] for day in period.days) > now - JUST_READ and any(self._lacks(x, period, now) for x in self.every):
            return []
        return sorted(period.days, key=lambda day: (known.read[day], day))

    def _lacks(self, location: Location, period: Span, now: datetime) -> bool:
        """Whether a location still has a closed date to read for the first time since its closeout."""
        known = self.every[location]
        last = location.business_day.last_closed(now)
        return any(day <= last and day not in known.unstable for day in incomplete_dates(location, period.days, known))

    def _day(self, location: Location, day: date, now: datetime) -> Unit:
        [unit] = self.base.units(location, Span(day, day), NOTHING_KNOWN, now)
        return replace(unit, stands_alone=True)

    def _since(self, location: Location, known: Known, now: datetime) -> list[Unit]:
        """The dates come before the changes: a window of changes that fails ends the location, a date does not."""
        last = location.business_day.last_closed(now)
        begin = min([location.business_day.start(last), *known.read.values()])
        begun = known if known.chain else replace(known, chain=Chain(begin, begin, is_broken=False))
        first: list[Unit] = []
        dates: list[Unit] = []
        changed: list[Unit] = []
        for unit in self.base.units(location, None, begun, now):
            kinds = {window.kind for window in unit.windows}
            if kinds == {BUSINESS_DATE}:
                dates += [replace(unit, windows=[window], stands_alone=True) for window in unit.windows]
            else:
                (changed if MODIFIED in kinds else first).append(unit)
        if last not in {unit.windows[0].business_date for unit in dates}:
            if incomplete_dates(location, [last], known):
                dates.append(self._day(location, last, now))
            else:
                changed.append(self._day(location, last, now))
        return [*first, *dates, *changed]

    def has_asked(self, location: Location) -> bool:
        return location in self._asked

    def left(self, location: Location, after: Known) -> Period | None:
        """The business dates that were asked and are not in, by what the ledger knows `after`; None when all are."""
        asked = self._asked.get(location)
        if asked is None:
            return self.period
        if not asked.units:
            return None
        if self.dataset.name not in DAILY:  # it is read as it stands on one day: this one
            today = location.business_day.date_of(asked.units[0].windows[0].start)
            return Period(today, today)
        windows = [window for unit in asked.units for window in unit.windows]
        days = {
            window.business_date
            for window in windows
            if window.business_date is not None and after.read.get(window.business_date) == asked.before.read.get(window.business_date)
        }
        changed = [window for window in windows if window.kind == MODIFIED]
        mark, was = (found.chain.mark if found.chain else None for found in (after, asked.before))
        if changed and (mark is None or mark == was or mark <= changed[-1].start):
            rule = location.business_day
            days |= {rule.date_of(max(changed[0].start, mark or changed[0].start)), rule.date_of(changed[-1].end)}
        return Period(min(days), max(days)) if days else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did for one location. `left`: the dates for which there was no time."""

    result: LocationResult
    error: RestaurantOSError | None = None
    left: Period | None = None


def call(
    sync: Sync,
    plan: DailyPlan,
    locations: Sequence[Location],
    progress: Progress,
    *,
    is_over: Callable[[], bool] = lambda: False,
    waits: Mapping[str, str] = MappingProxyType({}),
) -> list[Outcome]:
    """Sync every location as `plan` says; failures are in the outcomes, not raised.

    `is_over`: whether the time allowed has run out. `waits`: what each location (by GUID; '' is the login) last waited for, and why.

    Raises:
        UsageError: the dates reach too far ahead.
        WarehouseError, CredentialsError, AccessError, RetryableError: it did not begin at all.
        StoppedError: it was stopped before it began, and the time had not run out.
    """
    if plan.period and len(locations) > 1:
        plan.every = known(sync.warehouse, plan.dataset.name, locations)
    try:
        results = sync.run(locations, None, progress)
    except StoppedError:
        if not is_over():
            raise
        results = [LocationResult(location, error=StoppedError("")) for location in locations]
    if not (is_over() and any(isinstance(result.error, StoppedError) for result in results)):
        return [Outcome(result, result.error) for result in results]
    try:
        after = known(sync.warehouse, plan.dataset.name, locations)
    except WarehouseError as problem:
        return [Outcome(result, result.error and problem) for result in results]
    return [_cut_short(result, plan, after[result.location], waits) for result in results]


def _cut_short(result: LocationResult, plan: DailyPlan, after: Known, waits: Mapping[str, str]) -> Outcome:
    """A location that had no time for all is well as long as something came in: the next call goes on from there."""
    if not isinstance(result.error, StoppedError):
        return Outcome(result, result.error)
    left = plan.left(result.location, after)
    if result.windows or (left is None and plan.has_asked(result.location)):
        return Outcome(result, None, left)
    why = waits.get(result.location.toast_guid) or waits.get("")
    return Outcome(
        result,
        StoppedError(
            f"{result.location.name}: nothing came in within the time allowed" + (f"; it waited for: {why}" if why else "."),
            next_step="Call again. If it stays so, allow more time (`time_budget`), or let calls follow each other faster ([toast] pacing).",
        ),
        left,
    )


def document(dataset: str, started_at: datetime, seconds: float, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes as JSON says them: the answer of a function, and a line of the schedule."""
    return {
        "dataset": dataset,
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "locations": [_outcome(outcome) for outcome in outcomes],
        "failed": sum(outcome.error is not None for outcome in outcomes),
        "left": sum(outcome.left is not None for outcome in outcomes),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    result, left = outcome.result, outcome.left
    return {
        "location": result.location.name,
        "restaurant_guid": result.location.toast_guid,
        "rows_read": result.rows_read,
        "rows_added": result.rows_added,
        "rows_changed": result.rows_changed,
        "rows_quarantined": result.rows_quarantined,
        "seconds": round(result.seconds, 3),
        "error": error_as_json(outcome.error) if outcome.error else None,
        "left": {"start_date": left.first.isoformat(), "end_date": left.last.isoformat()} if left else None,
    }


def error_as_json(error: RestaurantOSError) -> dict[str, str]:
    return {"message": error.message, "next_step": error.next_step}


def failed_alike(locations: Sequence[Location], error: RestaurantOSError) -> list[Outcome]:
    """A call that did not begin, as each location sees it."""
    return [Outcome(LocationResult(location), error) for location in locations]


def brought_by(dataset: str, locations: Sequence[Location]) -> list[Location]:
    """Those of the locations that Toast has the dataset of."""
    return [location for location in locations if dataset != LABOR.name or location.labor_source == "toast"]
