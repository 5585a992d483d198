"""The store: who asks, what runs where. Writes go through the one writer, reads through a connection of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from functools import partial

from restaurant_os.alerting import ChannelHealth, Delivery, Incident, Record, State
from restaurant_os.errors import OperationsError
from restaurant_os.operations import Arrival, Event, InboxState, JobRun, Key, Purged, Quarantined, Receipt, Settled, alerts, house, inbox
from restaurant_os.operations.alerts import KEEP_DAYS
from restaurant_os.operations.database import Database, Link, Reader, Session, micros
from restaurant_os.operations.house import JOBS_FOR, KNOWN_FOR
from restaurant_os.operations.schema import migrate
from restaurant_os.operations.writer import Work, Writer
from restaurant_os.settings import ServiceSettings

#: How often other processes' events and deliveries are looked for. A transaction pooler cannot carry LISTEN.
POLL_SECONDS = 0.5


class Store:
    """`Operations` on a database."""

    def __init__(self, database: Database, service: ServiceSettings, *, keep_days: int = KEEP_DAYS) -> None:
        """Raises OperationsError: the database cannot be reached, or its tables are of a later version."""
        self.label = database.label
        self._database = database
        self._service = service
        self._keep_alerts = timedelta(days=keep_days)
        self._has_come = threading.Event()
        self._has_delivery = threading.Event()
        self._stores: set[str] = set()
        link = Link(database)
        migrate(link)
        self._read = Reader(database)
        self._writer = Writer(link, inbox.keep, most_events=service.queue_events, most_mib=service.queue_mib, on_events=self._has_come.set)

    # --- the inbox ---

    async def accept(self, arrival: Arrival) -> Receipt:
        self._database.check_room()
        return await self._writer.keep(arrival)

    async def admit(self, store_id: str, most: int) -> bool:
        if store_id not in self._stores:
            if not await self._writer.do_async(Work(partial(house.admit, store_id=store_id, most=most))):
                return False
            self._stores.add(store_id)
        return True

    def claim(self, owner: str, *, most: int, most_bytes: int, seconds: float) -> list[Event]:
        self._has_come.clear()
        dialect = self._database.dialect
        change = partial(inbox.claim, dialect=dialect, owner=owner, most=most, most_bytes=most_bytes, seconds=seconds)
        claimed = self._writer.do(Work(change, "claim"))
        return self._read(partial(inbox.events, claimed=claimed)) if claimed else []

    def settle(self, owner: str, settled: Sequence[Settled]) -> int:
        held = self._writer.do(Work(partial(inbox.settle, owner=owner, settled=settled), "finish"))
        if any(one.outcome in ("failed", "again") for one in settled):
            self._has_come.set()
        return held

    def renew_claims(self, owner: str, seconds: float) -> int:
        return self._writer.do(Work(partial(inbox.renew, owner=owner, seconds=seconds)))

    def release(self, owner: str) -> int:
        released = self._writer.do(Work(partial(inbox.release, owner=owner)))
        self._has_come.set()
        return released

    def owners(self) -> list[str]:
        return self._read(inbox.owners)

    def await_events(self, seconds: float) -> None:
        self._await(self._has_come, inbox.is_any_ready, seconds)

    def _await(self, has_come: threading.Event, is_any_ready: Callable[[Session], bool], seconds: float) -> None:
        """A store that is away is waited for: the next claim says what is wrong with it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if has_come.wait(min(left, POLL_SECONDS)):
                return
            try:
                if self._read(is_any_ready):
                    return
            except OperationsError:
                continue

    def inbox(self) -> InboxState:
        return self._read(inbox.state)

    def quarantined(self, most: int = 1000) -> list[Quarantined]:
        return self._read(partial(inbox.quarantined, most=most))

    def replay(self, sequences: Collection[int] | None = None) -> int:
        replayed = self._writer.do(Work(partial(inbox.replay, sequences=sequences)))
        self._has_come.set()
        return replayed

    # --- keys ---

    def add_key(self, key: Key) -> None:
        self._writer.do(Work(partial(house.add_key, key=key)))

    def keys(self) -> list[Key]:
        return self._read(house.keys)

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        return self._writer.do(Work(partial(house.revoke_key, key_id=key_id, at=at)))

    # --- jobs, by lease ---

    def begin_job(self, job: str, due: datetime, owner: str, seconds: float) -> JobRun | None:
        return self._writer.do(Work(partial(house.begin_job, job=job, due=due, owner=owner, seconds=seconds)))

    def renew_job(self, run: JobRun, seconds: float) -> bool:
        return self._writer.do(Work(partial(house.renew_job, run=run, seconds=seconds)))

    def end_job(self, run: JobRun, error: str = "") -> bool:
        return self._writer.do(Work(partial(house.end_job, run=run, error=error)))

    def job_runs(self) -> list[JobRun]:
        return self._read(house.job_runs)

    # --- polls that an event asked for ---

    def want(self, dataset: str, location: str, at: datetime) -> None:
        self._writer.do(Work(partial(house.want, dataset=dataset, location=location, at=at)))

    def wanted(self) -> list[tuple[str, str, datetime]]:
        return self._read(house.wanted)

    def granted(self, dataset: str, location: str, asked_at: datetime) -> None:
        self._writer.do(Work(partial(house.granted, dataset=dataset, location=location, asked_at=asked_at)))

    # --- incidents, and what is told of them ---

    def incidents(
        self, *, states: Collection[State] = (), since: date | None = None, locations: Collection[str] = (), most: int = 10_000
    ) -> list[Incident]:
        return self._read(partial(alerts.incidents, states=states, since=since, locations=locations, most=most))

    def find_incidents(self, incident_ids: Collection[str]) -> list[Incident]:
        return self._read(partial(alerts.find_incidents, incident_ids=incident_ids))

    def record(self, record: Record) -> bool:
        written = self._writer.do(Work(partial(alerts.record, record=record), "incident"))
        if written and record.deliveries:
            self._has_delivery.set()
        return written is not None

    def mark(self, reader: str) -> int:
        return self._read(partial(alerts.mark, reader=reader))

    def claim_delivery(self, channels: Collection[str], owner: str, seconds: float) -> Delivery | None:
        self._has_delivery.clear()
        change = partial(alerts.claim_delivery, channels=channels, owner=owner, seconds=seconds)
        return self._writer.do(Work(change, "sending"))

    def end_delivery(self, delivery: Delivery, owner: str) -> bool:
        change = partial(alerts.end_delivery, own=delivery, owner=owner)
        is_mine = self._writer.do(Work(change, "sent" if delivery.state == "sent" else None))
        if is_mine:
            self._has_delivery.set()  # its channel is free for the next one
        return is_mine

    def delivery_owners(self) -> list[str]:
        return self._read(alerts.delivery_owners)

    def release_deliveries(self, owner: str) -> int:
        released = self._writer.do(Work(partial(alerts.release_deliveries, owner=owner)))
        self._has_delivery.set()
        return released

    def last_sent(self, channel: str, group: str) -> Delivery | None:
        return self._read(partial(alerts.last_sent, channel=channel, group=group))

    def deliveries(self, *, most: int = 1_000) -> list[Delivery]:
        return self._read(partial(alerts.deliveries, most=most))

    def channels(self) -> list[ChannelHealth]:
        return self._read(alerts.channels)

    def set_channel(self, health: ChannelHealth) -> None:
        self._writer.do(Work(partial(alerts.set_channel, own=health)))

    def await_deliveries(self, seconds: float) -> None:
        self._await(self._has_delivery, alerts.is_any_ready, seconds)

    # --- house ---

    def purge(self, now: datetime) -> Purged:
        """In commits of some hundred rows, between which events get in."""

        def before(age: timedelta) -> int:
            return micros(now - age)

        known_until, done_until = before(KNOWN_FOR), before(timedelta(days=self._service.done_days))
        quarantined_until, kept_until = before(timedelta(days=self._service.quarantine_days)), before(self._keep_alerts)
        purged = Purged(
            events=self._in_turns(partial(house.purge_events, known_until=known_until, done_until=done_until)),
            bodies=self._in_turns(partial(house.purge_bodies, done_until=done_until)),
            quarantined=self._in_turns(partial(house.purge_quarantine, known_until=known_until, quarantined_until=quarantined_until)),
            jobs=self._writer.do(Work(partial(house.purge_jobs, ended_until=before(JOBS_FOR)))),
            incidents=self._in_turns(partial(alerts.purge_incidents, changed_until=kept_until, present=now.date())),
            deliveries=self._in_turns(partial(alerts.purge_deliveries, ended_until=kept_until)),
        )
        while self._writer.do(Work(_give_back)):
            pass
        return purged

    def _in_turns(self, change: Callable[[Session], int]) -> int:
        total = 0
        while taken := self._writer.do(Work(change)):
            total += taken
        return total

    def close(self) -> None:
        self._writer.close()
        self._read.close()
        self._has_come.set()
        self._has_delivery.set()


def _give_back(session: Session) -> bool:
    return session.give_back()
