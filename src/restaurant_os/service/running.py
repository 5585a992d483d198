"""What runs in a service beside the requests: the worker, the scheduler, the evaluator and the outbox, and two that watch the store and the warehouse.
How it all ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from restaurant_os.alerts.channels import channels_of
from restaurant_os.alerts.rules import rules_of
from restaurant_os.app import App
from restaurant_os.errors import LockedError, OperationsError, RestaurantOSError, StoppedError
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Operations
from restaurant_os.service.access import READ_EVERY, Keyring, beyond_trial
from restaurant_os.settings import Settings

log = logging.getLogger("restaurant_os.service")

#: A stop takes at most so long, in seconds: answers that are under way have the first part of it.
STOP_SECONDS, ANSWER_SECONDS = 8.0, 4.0
#: A worker or a scheduler that ended by a fault begins again after so long, each time later.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: How often the store is tried, and the warehouse, which another process may well hold for a while.
STORE_EVERY, WAREHOUSE_EVERY = 5.0, 30.0
STORE_LATELY, WAREHOUSE_LATELY = 15.0, 300.0
#: The warehouse file is let go after so long with nothing to do, and at once when another process waits for it.
IDLE_SECONDS = 0.25
#: Parts whose failures are counted by their name.
OF_PARTS: Mapping[str, Literal["worker", "evaluator", "outbox"]] = {"worker": "worker", "evaluator": "evaluator", "outbox": "outbox"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Part(Protocol):
    """The worker, the scheduler, the evaluator, the outbox."""

    def run(self) -> None:
        """Until `stop`, in a thread."""
        ...

    def stop(self) -> None: ...


@dataclass
class Health:
    """When the store and the warehouse were last found in order, by `time.monotonic`."""

    store_at: float = float("-inf")
    warehouse_at: float = float("-inf")
    warehouse_problem: str = ""

    @property
    def store(self) -> bool:
        return time.monotonic() - self.store_at <= STORE_LATELY

    @property
    def warehouse(self) -> bool:
        """Opened lately. One that another process holds is in order; one that cannot be opened is not."""
        return not self.warehouse_problem and time.monotonic() - self.warehouse_at <= WAREHOUSE_LATELY


@dataclass
class Service:
    """Everything of a running service that is not HTTP."""

    app: App
    parts: dict[str, Callable[[Meters], Part]] | None = None
    meters: Meters = field(default_factory=Meters)
    health: Health = field(default_factory=Health)
    is_leaving: bool = False
    has_ended: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _running: dict[str, Part] = field(default_factory=dict)
    _until: float = float("inf")

    def __post_init__(self) -> None:
        self.app.idle_seconds = IDLE_SECONDS
        if self.parts is None:
            app = self.app
            self.parts = {"worker": app.worker, "scheduler": app.scheduler, "evaluator": app.evaluator, "outbox": app.outbox}
        self.keyring = Keyring(self.operations, self.settings)

    @property
    def settings(self) -> Settings:
        return self.app.settings

    def operations(self) -> Operations:
        return self.app.operations

    def now(self) -> datetime:
        return self.app.clock.now()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def is_ready(self) -> bool:
        return not (self.is_leaving or self.is_stopping) and self.health.store and self.health.warehouse

    # --- begin ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the store and read the keys. Blocks.

        Raises:
            OperationsError: it cannot be opened. SettingsError: a rule or a channel of the settings cannot be.
        """
        rules_of(self.settings)
        channels_of(self.settings)
        self.keyring.refresh()
        self._try_store()
        _ = self.app.warehouse  # made here, before threads ask for it at once

    def start(self) -> None:
        """Begin all that runs by itself."""
        for name, make in (self.parts or {}).items():
            self._begin(name, lambda name=name, make=make: self._keep(name, make))  # type: ignore[misc]
        self._begin("keys", lambda: self._every(READ_EVERY, self._look_at_store))
        self._begin("warehouse", lambda: self._every(WAREHOUSE_EVERY, self._look_at_warehouse))

    def _begin(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, name: str, make: Callable[[Meters], Part]) -> None:
        """Run a part; one that ends by a fault is told of, and begins again."""
        pause = FIRST_PAUSE
        while not self.is_stopping:
            began = time.monotonic()
            try:
                part = self._running[name] = make(self.meters)
                if not self.is_stopping:  # who stops sees either the flag or the part
                    part.run()
                return
            except StoppedError:
                return
            except Exception as problem:  # the service stays, whatever its parts do
                self.meters.failure(OF_PARTS.get(name, "scheduler"))
                log.error("%s ended and begins again", name, exc_info=problem)
            pause = FIRST_PAUSE if time.monotonic() - began > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            self._stopping.wait(pause)

    def _every(self, seconds: float, do: Callable[[], None]) -> None:
        while not self.is_stopping:
            try:
                do()
            except Exception as problem:  # so that the next look comes
                log.error("a look at the state of the service failed", exc_info=problem)
            self._stopping.wait(seconds)

    def _look_at_store(self) -> None:
        try:
            self.keyring.refresh()
            if time.monotonic() - self.health.store_at > STORE_EVERY:
                self._try_store()
        except OperationsError as problem:
            self.meters.failure("store")
            log.error("%s", problem.message)

    def _try_store(self) -> None:
        """A write that changes nothing: nobody asked for this."""
        began = time.monotonic()
        self.operations().granted("", "", EPOCH)
        self.health.store_at = began

    def _look_at_warehouse(self) -> None:
        try:
            self.app.warehouse.rows("SELECT 1")
            self.health.warehouse_at = time.monotonic()
            self.health.warehouse_problem = ""
        except LockedError:
            pass  # it is there: another process is at work in it
        except RestaurantOSError as problem:
            if problem.message != self.health.warehouse_problem:
                log.error("%s", problem.message)
            self.health.warehouse_problem = problem.message

    # --- end ------------------------------------------------------------------------------------------------------

    def refuse(self) -> None:
        """Not ready from now on. For a signal's handler: takes no lock."""
        self.is_leaving = True

    def begin_stop(self) -> None:
        """Not ready any more; the parts end after what they are at. Does not wait."""
        if self.is_stopping:
            return
        self._until = time.monotonic() + STOP_SECONDS
        self._stopping.set()
        log.info("stopping")
        for part in list(self._running.values()):
            part.stop()
        self.app.stop()  # ends the waits for Toast

    def finish_stop(self) -> None:
        """Wait for the parts and close the store, by the time a stop may take. Blocks. `has_ended` tells whether all of it did."""
        self.begin_stop()
        own = [thread for thread in self._threads if thread.name in (self.parts or {})]
        for thread in own:
            thread.join(max(self._until - time.monotonic() - 1.0, 0.1))
        left = [thread.name for thread in own if thread.is_alive()]
        if left:
            log.warning("%s did not end in time; what was committed is in", " and ".join(left))
        closing = threading.Thread(target=lambda: self._close(is_held=bool(left)), name="close", daemon=True)
        closing.start()
        closing.join(max(self._until - time.monotonic(), 1.0))
        self.has_ended = not left and not closing.is_alive()

    def _close(self, *, is_held: bool) -> None:
        try:
            if is_held:  # the worker waits for the warehouse: another replica may have its events at once
                self.operations().release(self.app.replica)
            self.operations().close()
            self.app.warehouse.close()
        except RestaurantOSError as problem:
            log.error("%s", problem.message)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say at the start who may, and at the end that it is over."""
        log.info(self.greeting)
        yield
        log.info("stopped; what was committed is in")

    @property
    def greeting(self) -> str:
        """Who may, in a sentence."""
        if self.keyring.is_trial:
            return "a trial: without a key this machine alone is answered. `restaurant-os keys create` ends it"
        if self.keyring.has_valid_key:
            return "answers to keys"
        why = beyond_trial(self.settings) or "keys were made and revoked"
        return f"NO KEY: there is {why}, so all but signed webhooks and health answer 401 until `restaurant-os keys create`"
