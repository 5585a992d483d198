"""How far each location is known, what waits, and how the jobs went: from the ledger, and from the operations store where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from restaurant_os.alerting import ChannelHealth
from restaurant_os.errors import OperationsError
from restaurant_os.live.jobs import poll_minutes
from restaurant_os.operations import InboxState, JobRun, Operations
from restaurant_os.pipeline.configuration import last_read
from restaurant_os.pipeline.daily import DAILY, WEEKLY, brought_by
from restaurant_os.pipeline.plans import Known, known
from restaurant_os.settings import Location, Settings
from restaurant_os.text import printable
from restaurant_os.warehouse import Warehouse

#: A dataset is late when it is known no further than so many of its polls ago.
LATE_AFTER_POLLS = 2


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a dataset of a location is known. `up_to`: None where it was never read. `poll_minutes`: how often a service asks; 0 never.

    Of orders and labor it is the end of the gap-free chain of changes; without one, and of cash, the end of what was read of the last day.
    """

    location: Location
    dataset: str
    up_to: datetime | None
    behind: timedelta | None
    poll_minutes: int

    @property
    def is_late(self) -> bool:
        longest = timedelta(minutes=self.poll_minutes * LATE_AFTER_POLLS)
        return self.poll_minutes > 0 and (self.behind is None or self.behind > longest)


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """`inbox`: None without a store, as when no service ever ran here. `received`: each location's last event, by GUID. `problem`: why the
    store could not be asked."""

    as_of: datetime
    reaches: tuple[Reach, ...]
    inbox: InboxState | None = None
    received: Mapping[str, datetime] | None = None
    jobs: tuple[JobRun, ...] = ()
    problem: str = ""
    #: None without a store.
    open_incidents: int | None = None
    channels: tuple[ChannelHealth, ...] = ()

    def last_event(self, location: Location) -> datetime | None:
        return (self.received or {}).get(location.toast_guid)

    def notes(self) -> list[str]:
        """What is late, which jobs failed and which channels are dead, in words. Without a store nobody polls, so nothing is late."""
        late = [self._words(reach) for reach in self.reaches if reach.is_late] if self.inbox or self.problem else []
        failed = [f"{run.job}, due {shown(run.due, self.as_of)}: {printable(run.error, 500)}" for run in self.jobs if run.error]
        dead = [f"{one.channel}: nothing is sent to it any more: {printable(one.disabled, 300)}" for one in self.channels if one.disabled]
        return [*([self.problem] if self.problem else []), *late, *failed, *dead]

    def _words(self, reach: Reach) -> str:
        name = f"{printable(reach.location.name, 60)}: {reach.dataset}"
        event = self.last_event(reach.location)
        last = f"; last event {shown(event, self.as_of)}" if event else "; no event yet" if self.inbox else ""
        if reach.up_to is None or reach.behind is None:
            return f"{name} never read{last}"
        return f"{name} known up to {shown(reach.up_to, self.as_of)}, {span(reach.behind)} behind{last}"


def live_status(
    warehouse: Warehouse, settings: Settings, locations: Sequence[Location], operations: Operations | None, now: datetime
) -> LiveStatus:
    """How the configured ones of `locations` stand. `operations`: the store where there is one.

    Raises:
        WarehouseError: the warehouse cannot be read. A store that cannot be is in the answer.
    """
    polled = [own for own in locations if settings.location_of(own.toast_guid)]
    reaches = tuple(_reaches(warehouse, settings, polled, now))
    if operations is None:
        return LiveStatus(now, reaches)
    try:
        inbox, jobs = operations.inbox(), operations.job_runs()
        still_open = operations.incidents(states=["open"])
        channels = operations.channels()
    except OperationsError as problem:
        return LiveStatus(now, reaches, problem=printable(problem, 500))
    return LiveStatus(
        now, reaches, inbox, _received(settings, inbox), tuple(jobs), open_incidents=len(still_open), channels=tuple(channels)
    )


def _reaches(warehouse: Warehouse, settings: Settings, locations: Sequence[Location], now: datetime) -> list[Reach]:
    up_to: dict[tuple[str, str], datetime | None] = {}
    for dataset in DAILY:
        up_to |= {(own.toast_guid, dataset): _end(own, found) for own, found in known(warehouse, dataset, locations).items()}
    up_to |= {(own.toast_guid, WEEKLY): at for own, at in last_read(warehouse, locations).items()}
    return [
        _reach(own, dataset, up_to.get((own.toast_guid, dataset)), settings, now)
        for own in locations
        for dataset in (*DAILY, WEEKLY)
        if brought_by(dataset, [own])
    ]


def _end(location: Location, found: Known) -> datetime | None:
    """A day that was read before it ended is known up to then, and of the days after it nothing."""
    if found.chain:
        return found.chain.mark
    return max((min(read, location.business_day.bounds(day)[1]) for day, read in found.read.items()), default=None)


def _reach(location: Location, dataset: str, up_to: datetime | None, settings: Settings, now: datetime) -> Reach:
    behind = max(now - up_to, timedelta(0)) if up_to else None
    return Reach(location, dataset, up_to, behind, poll_minutes(settings.schedule, dataset))


def _received(settings: Settings, inbox: InboxState) -> dict[str, datetime]:
    """By the GUID of the location that a sender meant, or what it named where that is none."""
    found: dict[str, datetime] = {}
    for named, at in inbox.received.items():
        own = settings.location_of(named)
        place = own.toast_guid if own else named
        found[place] = max(at, found.get(place, at))
    return found


def live_as_json(status: LiveStatus) -> dict[str, Any]:
    """The same as a document: instants and dates as they are."""
    inbox = status.inbox
    return {
        "as_of": status.as_of,
        "known": [
            {
                "location": reach.location.name,
                "restaurant_guid": reach.location.toast_guid,
                "dataset": reach.dataset,
                "known_up_to": reach.up_to,
                "behind_seconds": round(reach.behind.total_seconds()) if reach.behind is not None else None,
                "poll_minutes": reach.poll_minutes,
                "is_late": reach.is_late,
                "last_event_at": status.last_event(reach.location),
            }
            for reach in status.reaches
        ],
        "inbox": {
            "pending": inbox.pending,
            "claimed": inbox.claimed,
            "quarantined": inbox.quarantined,
            "oldest_pending_at": inbox.oldest_pending_at,
            "received": dict(sorted((status.received or {}).items())),
        }
        if inbox
        else None,
        "jobs": [
            {"job": run.job, "due": run.due, "started_at": run.started_at, "finished_at": run.finished_at, "error": run.error}
            for run in status.jobs
        ],
        "open_incidents": status.open_incidents,
        "channels": [
            {
                "channel": one.channel,
                "disabled": one.disabled or None,
                "disabled_at": one.disabled_at,
                "not_before": one.not_before,
                "last_sent_at": one.last_sent_at,
                "last_error": one.last_error or None,
            }
            for one in status.channels
        ],
        "notes": status.notes(),
    }


def shown(instant: datetime, now: datetime) -> str:
    """Without the day where it is today's."""
    at, today = instant.astimezone(UTC), now.astimezone(UTC).date()
    return f"{at:%H:%M}Z" if at.date() == today else f"{at:%Y-%m-%d %H:%M}Z"


def span(length: timedelta) -> str:
    """In one unit: minutes up to an hour and a half, then hours, from a day and a half on days."""
    minutes = int(length.total_seconds() // 60)
    return f"{minutes} min" if minutes < 90 else f"{round(minutes / 60)} h" if minutes < 36 * 60 else f"{round(minutes / 1440)} days"
