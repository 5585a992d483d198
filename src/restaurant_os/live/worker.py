"""The worker: events of the inbox into the warehouse, many in one commit, by the same road as a sync.

It claims what waits, lays it out, commits each dataset once, and settles all of it at once. Alone, an event lands at once;
while a commit runs the next batch grows, so that under load there are fewer commits and not more. Claim, merge and settle may
be done again after a crash: the merge keeps the newest version of every record, so that doing it twice changes nothing.

What fails is told apart. The store or the warehouse being away is nobody's fault: the events wait, uncounted. Any other
failure is looked for by halves until an event is alone with it: that one is counted, and in quarantine after a few.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from restaurant_os.errors import AwayError, DiskFullError, LockedError, OperationsError, StoppedError, WarehouseError
from restaurant_os.live import replicas
from restaurant_os.live.health import Health
from restaurant_os.live.landing import Lander
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Event, Operations, Outcome, Settled
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import Settings
from restaurant_os.text import printable
from restaurant_os.warehouse import Warehouse

#: Of one batch. More of either would hold up those that came first, and take memory.
MOST_EVENTS = 2_000
MOST_BYTES = 32 << 20
#: Claims of a worker that died are free after this long; a live one renews them well before.
LEASE_SECONDS = 10.0
#: Waits for events end at the latest after this long, for a stop to be heard.
IDLE_SECONDS = 1.0
#: The longest wait between tries while something is away; a file that another process holds was waited for already.
LONGEST_PAUSE, LONGEST_PAUSE_LOCKED = 60.0, 2.0
LONGEST_PAUSE_STORE = 10.0
#: How often an event may fail by its own fault, and how long it rests after each time.
MOST_ATTEMPTS = 3
RESTS = (5.0, 30.0)
#: How long an event rests that was alone with a failure of the warehouse, and of how many that is remembered.
DOUBT_SECONDS, MOST_DOUBTED = 10.0, 1_000
#: So many events by chance that fail alone in the warehouse, while none lands, say that it is the warehouse's fault.
ENOUGH_ALONE = 8
#: What may be no event's fault: a person must act, or wait.
AWAY = (WarehouseError, OSError, MemoryError)

log = logging.getLogger("restaurant_os.worker")


class Worker:
    """`owner`: a name for claims that no other worker has, in any process. `now`: the clock of `received_at`. `committed`: called after what changed
    the warehouse.

    `run` in one thread; `stop` from any.
    """

    def __init__(
        self,
        operations: Operations,
        warehouse: Warehouse,
        settings: Settings,
        calendar: Calendar,
        *,
        owner: str,
        meters: Meters,
        now: Callable[[], datetime],
        lease_seconds: float = LEASE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        most_events: int = MOST_EVENTS,
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self.owner = owner
        self._operations = operations
        self._warehouse = warehouse
        self._lander = Lander(settings, calendar)
        self._meters = meters
        self._now = now
        self._lease_seconds = lease_seconds
        self._idle_seconds = idle_seconds
        self._most_events = most_events
        self._committed = committed
        self._stop = threading.Event()
        self._has_claims = threading.Event()
        #: What was claimed may not be settled.
        self._is_behind = False
        #: How often something landed, and how often it had when an event was first alone with a failure of the warehouse.
        self._landings = 0
        self._doubted: dict[int, int] = {}
        self._store = Health(log, "the store of events")
        self._storage = Health(log, "the warehouse")
        self._health = Health(log, "the worker")

    # --- its life -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until `stop`; what is claimed then is given back. Never raises for a single batch's sake."""
        renewer = threading.Thread(target=self._renew, name=f"renew {self.owner}", daemon=True)
        renewer.start()
        try:
            with suppress(OperationsError):
                self._inherit()
            while not self._stop.is_set():
                self._guarded_turn()
        finally:
            self._stop.set()
            self._has_claims.clear()
            with suppress(OperationsError):
                self._operations.release(self.owner)
            renewer.join()

    def stop(self) -> None:
        """End after the commit that is being made, within `idle_seconds` when there is none."""
        self._stop.set()

    def _inherit(self) -> None:
        """What a dead process of this machine had need not wait for its time to run out."""
        for owner in self._operations.owners():
            if replicas.is_dead(owner):
                self._operations.release(owner)

    def _guarded_turn(self) -> None:
        """One turn. The store being away is waited for; a fault of ours ends this turn alone."""
        try:
            self._turn()
        except StoppedError:
            return
        except OperationsError as problem:
            self._meters.failure("store")
            self._stop.wait(self._store.failed(problem, LONGEST_PAUSE_STORE))
        except Exception as problem:  # noqa: BLE001  # whatever it is, those that come next are not to suffer
            self._meters.failure("worker")
            self._stop.wait(self._health.failed(problem, LONGEST_PAUSE))

    def _turn(self) -> None:
        """Land what waits: one batch after another until none is left, then rest as long as the warehouse asks for."""
        if self._is_behind:
            self._operations.release(self.owner)
            self._is_behind = False
        landed = False
        while not self._stop.is_set():
            events = self._operations.claim(self.owner, most=self._most_events, most_bytes=MOST_BYTES, seconds=self._lease_seconds)
            self._store.works()
            if not events:
                break
            self._is_behind = True
            self._has_claims.set()
            try:
                self._batch(events)
            finally:
                self._has_claims.clear()
            self._is_behind = False
            self._health.works()
            landed = True
            if self._warehouse.lands_every_seconds and len(events) < self._most_events:
                break  # what came meanwhile lands with the next
        if not landed:
            self._operations.await_events(self._idle_seconds)
        elif self._warehouse.lands_every_seconds:
            self._stop.wait(self._warehouse.lands_every_seconds)

    def _renew(self) -> None:
        """Keep what is claimed while a commit is long."""
        while not self._stop.wait(self._lease_seconds / 4):
            if self._has_claims.is_set():
                with suppress(OperationsError):
                    self._operations.renew_claims(self.owner, self._lease_seconds)

    # --- one batch ------------------------------------------------------------------------------------------------

    def _batch(self, events: Sequence[Event]) -> None:
        """Land a batch, those that failed before each by itself; while the warehouse is away they wait."""
        fresh = [event for event in events if not event.attempts]
        groups = ([fresh] if fresh else []) + [[event] for event in events if event.attempts]
        for number, group in enumerate(groups):
            if self._stop.is_set():
                raise StoppedError("stopped; what is in stays in, and what is claimed is given back")
            problem = self._landed(group)
            if problem is None:
                continue
            pause = self._storage.failed(problem, LONGEST_PAUSE_LOCKED if isinstance(problem, LockedError) else LONGEST_PAUSE)
            self._rest([event for own in groups[number:] for event in own], pause)
            self._stop.wait(pause)
            return

    def _landed(self, events: Sequence[Event]) -> Exception | None:
        """Land some events and settle them. Gives why none of them is settled: the warehouse is away."""
        problem = self._tried(events)
        if problem is None:
            return None
        self._meters.failure("worker")
        if isinstance(problem, AWAY) and not self._can_be_asked(problem):
            return problem
        return self._by_halves(events, problem)

    def _tried(self, events: Sequence[Event]) -> Exception | None:
        """Land some events and settle them; gives why not.

        Raises:
            OperationsError: the store is away. StoppedError: a stop was asked for.
        """
        try:
            self._land(events)
        except (OperationsError, StoppedError):
            raise
        except Exception as problem:  # noqa: BLE001  # a fault of ours too is to cost the events alone that have it
            return problem
        return None

    def _land(self, events: Sequence[Event]) -> None:
        landing = self._lander.landing(events)
        for commit in landing.commits:
            self._warehouse.commit(commit)
        self._lander.landed(landing)
        if landing.commits:
            self._landings += 1
            self._storage.works()
            self._committed()
        now = self._now()
        for dataset, location in landing.wishes:
            self._operations.want(dataset, location, now)
        self._settle(events, [_outcome(event, landing.unread.get(event.sequence)) for event in events])

    def _settle(self, events: Sequence[Event], settled: Sequence[Settled]) -> None:
        if not events:
            return
        self._operations.settle(self.owner, settled)
        now = self._now()
        lags: dict[Outcome, list[float]] = {}
        for event, own in zip(events, settled, strict=True):
            lags.setdefault(own.outcome, []).append(max((now - event.arrival.received_at).total_seconds(), 0.0))
            if own.outcome in ("quarantined", "failed"):
                what = "is in quarantine" if own.outcome == "quarantined" else f"failed, attempt {event.attempts + 1}"
                log.warning("event %d (%s) %s: %s", own.sequence, printable(event.arrival.kind, 60), what, own.reason)
        for outcome, own_lags in lags.items():
            self._meters.settled(outcome, own_lags)

    # --- failures -------------------------------------------------------------------------------------------------

    def _can_be_asked(self, problem: Exception) -> bool:
        """Whether the warehouse is there, so that what failed may be an event's fault."""
        if isinstance(problem, (LockedError, AwayError, DiskFullError, OSError)):
            return False
        try:
            self._warehouse.rows("SELECT 1")
        except AWAY:
            return False
        return True

    def _by_halves(self, events: Sequence[Event], problem: Exception) -> Exception | None:
        """Land the halves of what failed, and theirs, until those at fault are alone.

        A failure in the warehouse is an event's own only when others landed since it was first alone with it; until then it rests. A few
        chosen by chance that fail alone while nothing lands say that it is the warehouse's.
        """
        before = self._landings
        alone: list[tuple[Event, Exception]] = []
        waiting: list[tuple[Sequence[Event], Exception]] = [(random.sample(events, len(events)), problem)]
        while waiting:
            if self._stop.is_set():
                raise StoppedError("stopped; what is in stays in, and what is claimed is given back")
            part, why = waiting.pop()
            if len(part) > 1:
                waiting += self._failing_halves(part)
                continue
            alone.append((part[0], why))
            if len(alone) >= ENOUGH_ALONE and self._landings == before and all(isinstance(own, AWAY) for _, own in alone):
                return why
        is_own = [not isinstance(why, AWAY) or self._landings > self._doubted.get(event.sequence, before) for event, why in alone]
        self._fail([one for one, own in zip(alone, is_own, strict=True) if own])
        self._doubt([event for (event, _), own in zip(alone, is_own, strict=True) if not own])
        return None

    def _failing_halves(self, part: Sequence[Event]) -> list[tuple[Sequence[Event], Exception]]:
        """Land both halves; gives those that fail."""
        failing: list[tuple[Sequence[Event], Exception]] = []
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            if problem := self._tried(sorted(half, key=lambda event: event.sequence)):
                failing.append((half, problem))
        return failing

    def _doubt(self, events: Sequence[Event]) -> None:
        """Alone with a failure of the warehouse that may be its own: to be tried again when something else may have landed."""
        if len(self._doubted) > MOST_DOUBTED:
            self._doubted.clear()
        for event in events:
            self._doubted.setdefault(event.sequence, self._landings)
        self._rest(events, DOUBT_SECONDS)

    def _fail(self, failed: Sequence[tuple[Event, Exception]]) -> None:
        """Events alone with a failure of their own: counted, and in quarantine after some."""
        settled = []
        for event, problem in failed:
            self._doubted.pop(event.sequence, None)
            reason = f"{type(problem).__name__}: {printable(problem)}. `restaurant-os replay` reads it again, after an update that can."
            attempts = event.attempts + 1
            if attempts >= MOST_ATTEMPTS:
                settled.append(Settled(event.sequence, "quarantined", reason))
            else:
                settled.append(Settled(event.sequence, "failed", reason, self._now() + timedelta(seconds=RESTS[attempts - 1])))
        self._settle([event for event, _ in failed], settled)

    def _rest(self, events: Sequence[Event], seconds: float) -> None:
        """Through no fault of theirs they are not in: they wait so long, uncounted."""
        at = self._now() + timedelta(seconds=seconds)
        self._settle(events, [Settled(event.sequence, "again", retry_at=at) for event in events])


def _outcome(event: Event, unread: str | None) -> Settled:
    return Settled(event.sequence, "quarantined", unread) if unread else Settled(event.sequence, "done")
