"""The morning summaries at their time: those of a zone together, on its own clock, sent by one replica."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from restaurant_os.alerting import Delivery, Record
from restaurant_os.errors import OperationsError, StoppedError
from restaurant_os.live.health import Health
from restaurant_os.live.jobs import latest
from restaurant_os.live.schedule import cron_after
from restaurant_os.operations import JobRun, Operations
from restaurant_os.settings import Location, Settings
from restaurant_os.warehouse import Warehouse

if TYPE_CHECKING:
    from restaurant_os.alerts.channels import Channel

#: One that nobody could send for so long is not sent any more.
LONGEST_LATE = timedelta(hours=6)
#: Whoever makes one has it for so long.
LEASE_SECONDS = 120.0

log = logging.getLogger("restaurant_os.alerts")


class Flashes:
    """`owner`: this replica. `began`: what came due before it is sent only where this job ran before."""

    def __init__(
        self, warehouse: Warehouse, operations: Operations, settings: Settings, channels: Sequence[Channel], owner: str, began: datetime
    ) -> None:
        self._warehouse = warehouse
        self._operations = operations
        self._settings = settings
        self._channels = channels
        self._owner = owner
        self._began = began
        #: The last due time of each job that needs no look any more.
        self._settled: dict[str, datetime] = {}
        self._health = Health(log, "what the morning summary needs")

    def send(self, places: Iterable[Location], now: datetime) -> int:
        """Send what is due now; gives how many messages were made. A failure is told, and it is tried again.

        Raises:
            OperationsError: the store is away.
        """
        if self._settings.alerts.flash == "off" or not self._channels:
            return 0
        zones: dict[str, list[Location]] = {}
        for place in places:
            zones.setdefault(place.timezone, []).append(place)
        sent = 0
        for zone, own in sorted(zones.items()):
            job, due = f"flash {zone}", latest(cron_after(self._settings.alerts.flash, ZoneInfo(zone)), now)
            if due is not None and self._settled.get(job) != due and self._is_open(job, due, now):
                sent += self._sent(job, due, own, now)
        return sent

    def _is_open(self, job: str, due: datetime, now: datetime) -> bool:
        run = next((one for one in self._operations.job_runs() if one.job == job), None)
        is_over = run is not None and (run.due > due or (run.due == due and run.finished_at is not None))
        if is_over or now - due > LONGEST_LATE or (run is None and due <= self._began):
            self._settled[job] = due
            return False
        return True

    def _sent(self, job: str, due: datetime, places: Sequence[Location], now: datetime) -> int:
        run = self._operations.begin_job(job, due, self._owner, LEASE_SECONDS)
        if run is None:
            return 0  # another replica has it
        try:
            deliveries = self._deliveries(run, places, now)
            self._operations.record(Record(deliveries=deliveries))
            self._operations.end_job(run)
        except (OperationsError, StoppedError):
            raise
        except Exception as problem:  # noqa: BLE001  # it must not keep the alerts from their time
            self._operations.renew_job(run, 0.0)
            self._health.failed(problem, 0.0)
            return 0
        self._health.works()
        self._settled[job] = due
        return len(deliveries)

    def _deliveries(self, run: JobRun, places: Sequence[Location], now: datetime) -> tuple[Delivery, ...]:
        """Each message to each channel, by a key that is the same whoever makes it."""
        from restaurant_os.alerts.flash import flash_of

        made = flash_of(self._warehouse, self._settings, places, now)
        return tuple(
            Delivery(
                channel=channel.name,
                key=f"{run.job} {run.due.isoformat()} {number}|{channel.name}",
                message=message,
                created_at=now,
                ready_at=now,
            )
            for number, message in enumerate(made)
            for channel in self._channels
        )
