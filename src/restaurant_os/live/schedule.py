"""When each dataset is brought in: at fixed times of the day or week, and after each location's own closeout.

Times are wall-clock times of a zone. On the day the clocks go forward a time that is skipped comes due when they have; on the day they go
back a time that comes twice counts once (as Debian's cron has it). What came due while another job ran, or while the machine slept, runs
once when it can, however often its time passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from restaurant_os.clock import Clock
from restaurant_os.errors import StoppedError, UsageError
from restaurant_os.pipeline.daily import DAILY, WEEKLY, brought_by
from restaurant_os.settings import Location, ScheduleSettings

#: The clock is looked at this often while waiting: it may be set, and a machine may sleep.
LONGEST_SLEEP = 60.0

#: The first instant at which something is due after the one given.
After = Callable[[datetime], datetime]


@dataclass(frozen=True, slots=True)
class Timer:
    """A dataset of some locations, due again and again. `why`: the rule, for a person. `is_closeout`: it goes by the location's own day."""

    dataset: str
    locations: tuple[Location, ...]
    why: str
    after: After
    is_closeout: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A dataset to bring in now, at all locations for which it came due. `due`: the earliest of those times."""

    dataset: str
    locations: tuple[Location, ...]
    due: datetime


def timers(settings: ScheduleSettings, locations: Sequence[Location]) -> list[Timer]:
    """Every rule that the settings give.

    Raises:
        UsageError: they give none.
    """
    found = rules(settings, locations)
    if not found:
        raise UsageError("schedule: nothing is ever due: every time is off.", next_step="Give a time in [schedule] of the settings.")
    return found


def rules(settings: ScheduleSettings, locations: Sequence[Location]) -> list[Timer]:
    """The same, which may be none."""
    zone = zone_of(settings, locations)
    found: list[Timer] = []
    for dataset in (*DAILY, WEEKLY):
        own = tuple(brought_by(dataset, locations))
        cron = settings.cron_of(dataset)
        if cron and own:
            found.append(Timer(dataset, own, f"{cron} in {zone.key}", cron_after(cron, zone)))
        if settings.closeouts and dataset in DAILY:
            wait = timedelta(minutes=settings.closeout_minutes)
            why = f"{settings.closeout_minutes} min after closeout"
            found += [Timer(dataset, (x,), why, closeout_after(x, wait), is_closeout=True) for x in own]
    return found


def zone_of(settings: ScheduleSettings, locations: Sequence[Location]) -> ZoneInfo:
    """The zone of the fixed times."""
    return ZoneInfo(settings.timezone or locations[0].timezone)


def cron_after(text: str, zone: ZoneInfo) -> After:
    """The times of five fields of cron in a zone."""

    def after(instant: datetime) -> datetime:
        for found in CronSim(text, instant.astimezone(zone)):
            if found > instant:  # in an hour that comes twice, its first coming may lie before
                return found.astimezone(UTC)
        raise AssertionError(text)  # the settings took no such text

    return after


def closeout_after(location: Location, wait: timedelta) -> After:
    """So long after each closeout of a location."""
    rule = location.business_day

    def after(instant: datetime) -> datetime:
        day = rule.date_of(instant) - timedelta(days=1)
        while (due := rule.start(day) + wait) <= instant:
            day += timedelta(days=1)
        return due

    return after


def due(every: Iterable[Timer], since: datetime, now: datetime) -> list[Job]:
    """What came due after `since` and up to `now`: one job for each dataset, whatever its rules and however often."""
    times: dict[str, datetime] = {}
    places: dict[str, dict[str, Location]] = {}
    for timer in every:
        at = timer.after(since)
        if at <= now:
            times[timer.dataset] = min(at, times.get(timer.dataset, at))
            places.setdefault(timer.dataset, {}).update((own.toast_guid, own) for own in timer.locations)
    return [Job(dataset, tuple(places[dataset].values()), times[dataset]) for dataset in (*DAILY, WEEKLY) if dataset in times]


def everything(every: Iterable[Timer], now: datetime) -> list[Job]:
    """Each dataset once, as if all its rules were due."""
    return due((Timer(timer.dataset, timer.locations, timer.why, lambda _: now) for timer in every), now, now)


def follow(
    every: Sequence[Timer],
    clock: Clock,
    do: Callable[[Job], None],
    failed: Callable[[Job, Exception], None],
    waiting: Callable[[datetime], None],
) -> None:
    """Do each job when it is due, until the clock is told to stop. One that fails is told to `failed`, and the others go on.

    `waiting` hears when the next one is due.
    """
    since = clock.now()
    while True:
        at = min(timer.after(since) for timer in every)
        waiting(at)
        try:
            _wait(clock, at)
            now = clock.now()
            for job in due(every, since, now):
                attempt(job, do, failed)
            since = now
        except StoppedError:
            return


def attempt(job: Job, do: Callable[[Job], None], failed: Callable[[Job, Exception], None]) -> None:
    """Do one job; a failure is told and does no more harm.

    Raises:
        StoppedError: it was told to stop.
    """
    try:
        do(job)
    except StoppedError:
        raise
    except Exception as problem:  # noqa: BLE001  # a fault in one job must not keep the others from their time
        failed(job, problem)


def _wait(clock: Clock, until: datetime) -> None:
    while (left := (until - clock.now()).total_seconds()) > 0:
        clock.sleep(min(left, LONGEST_SLEEP))
