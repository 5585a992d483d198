"""The jobs of a service, and when each is due: by settings and the wall clock alone, so that all replicas say the same.

Jobs of one dataset share a lane: in one process they run one after another, those of different lanes side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from restaurant_os.live.schedule import After, Timer, cron_after, rules, zone_of
from restaurant_os.pipeline.daily import DAILY, WEEKLY, DailyPlan, brought_by
from restaurant_os.pipeline.plans import NOTHING_KNOWN, Known, Plan, Span, Unit
from restaurant_os.settings import Location, ScheduleSettings, Settings
from restaurant_os.tables import Dataset

RETENTION = "retention"
RETENTION_MINUTES = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: How far back a due time is looked for, the nearest first.
LOOK_BACK = (timedelta(hours=1), timedelta(hours=26), timedelta(days=8), timedelta(days=32), timedelta(days=400))

#: What of a dataset is asked, from the plan that the dataset has.
Ask = Callable[[Plan], Plan]


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is due again and again.

    `name` is that of its lease; `kind` the same without anything of a location. `ask`: what a sync of the lane's dataset asks; None where there is no
    sync. `at_once`: where it has never run its last due time counts as missed; another's job covers the first time of the rest.
    """

    name: str
    kind: str
    lane: str
    after: After
    locations: tuple[Location, ...] = ()
    ask: Ask | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class RereadPlan:
    """The last closed business dates whole, whatever is known of them. `days`: how many."""

    base: Plan
    days: int

    @property
    def dataset(self) -> Dataset:
        return self.base.dataset

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        last = location.business_day.last_closed(now)
        return self.base.units(location, Span(last - timedelta(days=self.days - 1), last), NOTHING_KNOWN, now)


def jobs_of(settings: Settings, *, has_toast: bool) -> list[Job]:
    """Every job of a service. Without a login at Toast, or without a location, there is no sync."""
    house = Job(RETENTION, RETENTION, RETENTION, every(RETENTION_MINUTES), at_once=True)
    if not (has_toast and settings.locations):
        return [house]
    return [*_polls(settings.schedule, settings.locations), *_timed(settings), *_rereads(settings.schedule, settings.locations), house]


def _polls(settings: ScheduleSettings, locations: Sequence[Location]) -> list[Job]:
    found = []
    for dataset in DAILY:
        own, minutes = tuple(brought_by(dataset, locations)), poll_minutes(settings, dataset)
        if own and minutes:
            name = f"{dataset} poll"
            found.append(Job(name, name, dataset, every(minutes), own, _as_it_is, at_once=True))
    return found


def poll_minutes(settings: ScheduleSettings, dataset: str) -> int:
    """How often a service asks what changed in a dataset; 0 never."""
    minutes: int = getattr(settings, f"{dataset}_every_minutes", 0)
    return minutes


def _timed(settings: Settings) -> list[Job]:
    """What `restaurant-os schedule` does; locations with one closeout together."""
    found: list[Job] = []
    together: dict[tuple[str, str, int], list[Timer]] = {}
    for timer in rules(settings.schedule, settings.locations):
        if timer.is_closeout:
            [own] = timer.locations
            together.setdefault((timer.dataset, own.timezone, own.closeout_hour), []).append(timer)
        else:
            name = f"{timer.dataset} {'weekly' if timer.dataset == WEEKLY else 'daily'}"
            found.append(Job(name, name, timer.dataset, timer.after, timer.locations, DailyPlan, at_once=timer.dataset == WEEKLY))
    for (dataset, zone, hour), group in together.items():
        locations = tuple(own for timer in group for own in timer.locations)
        kind = f"{dataset} closeout"
        found.append(Job(f"{kind} {zone} {hour}:00", kind, dataset, group[0].after, locations, DailyPlan))
    return found


def _rereads(settings: ScheduleSettings, locations: Sequence[Location]) -> list[Job]:
    if settings.reread == "off":
        return []
    after, days = cron_after(settings.reread, zone_of(settings, locations)), settings.reread_days
    return [
        Job(f"{dataset} reread", f"{dataset} reread", dataset, after, own, lambda plan: RereadPlan(plan, days))
        for dataset in DAILY
        if (own := tuple(brought_by(dataset, locations)))
    ]


def _as_it_is(plan: Plan) -> Plan:
    return plan


def every(minutes: int) -> After:
    """Every so many minutes, counted from 1970: the same instants everywhere."""
    step = timedelta(minutes=minutes)

    def after(instant: datetime) -> datetime:
        return EPOCH + ((instant - EPOCH) // step + 1) * step

    return after


def latest(after: After, now: datetime) -> datetime | None:
    """The last due time up to `now`; None where there was none for a year."""
    for back in LOOK_BACK:
        at = after(now - back)
        if at <= now:
            while (following := after(at)) <= now:
                at = following
            return at
    return None


class DueTimes:
    """The last due time of each job, looked for again only when the clock passes the next one or goes back."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[datetime, datetime | None, datetime]] = {}

    def of(self, job: Job, now: datetime) -> datetime | None:
        since, at, until = self._known.get(job.name, (now, None, now))
        if not since <= now < until:
            at = latest(job.after, now)
            self._known[job.name] = (at or now, at, job.after(now))
        return at


# --- wishes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """That a dataset of a location (GUID; '' all) be read soon, asked for at `at`."""

    dataset: str
    location: str
    at: datetime

    @property
    def name(self) -> str:
        """Of the lease of the job that serves it."""
        return f"{self.dataset} wish {self.location or 'all'}"
