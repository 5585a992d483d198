"""The store: who asks, what runs where. Writes go through the one writer, reads through a connection of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from restaurant_os.errors import OperationsError
from restaurant_os.operations import Arrival, Event, InboxState, JobRun, Key, Purged, Quarantined, Receipt, Settled, house, inbox
from restaurant_os.operations.database import Database, Link, Reader, Session, micros
from restaurant_os.operations.house import JOBS_FOR, KNOWN_FOR
from restaurant_os.operations.schema import migrate
from restaurant_os.operations.writer import Work, Writer
from restaurant_os.settings import ServiceSettings

#: How often other processes' events are looked for. A transaction pooler cannot carry LISTEN.
POLL_SECONDS = 0.5


class Store:
    """`Operations` on a database."""

    def __init__(self, database: Database, service: ServiceSettings) -> None:
        """Raises OperationsError: the database cannot be reached, or its tables are of a later version."""
        self.label = database.label
        self._database = database
        self._service = service
        self._has_come = threading.Event()
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
        """A store that is away is waited for: the next claim says what is wrong with it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._has_come.wait(min(left, POLL_SECONDS)):
                return
            try:
                if self._read(inbox.is_any_ready):
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

    # --- house ---

    def purge(self, now: datetime) -> Purged:
        """In commits of some hundred rows, between which events get in."""

        def before(age: timedelta) -> int:
            return micros(now - age)

        known_until, done_until = before(KNOWN_FOR), before(timedelta(days=self._service.done_days))
        quarantined_until = before(timedelta(days=self._service.quarantine_days))
        purged = Purged(
            events=self._in_turns(partial(house.purge_events, known_until=known_until, done_until=done_until)),
            bodies=self._in_turns(partial(house.purge_bodies, done_until=done_until)),
            quarantined=self._in_turns(partial(house.purge_quarantine, known_until=known_until, quarantined_until=quarantined_until)),
            jobs=self._writer.do(Work(partial(house.purge_jobs, ended_until=before(JOBS_FOR)))),
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


def _give_back(session: Session) -> bool:
    return session.give_back()
