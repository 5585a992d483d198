"""The outbox: what is to be told leaves by its channels, each at its own pace, so that one that is slow or refuses holds up no other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

import httpx

from restaurant_os.alerts.channels import Channel, channels_of, sender_of
from restaurant_os.errors import OperationsError, StoppedError
from restaurant_os.live import replicas
from restaurant_os.live.health import Health
from restaurant_os.live.meters import Meters
from restaurant_os.live.sending import Line
from restaurant_os.operations import Operations
from restaurant_os.settings import Settings

#: Waits for deliveries end at the latest after this long, for a stop to be heard.
IDLE_SECONDS = 1.0
#: A channel looks for deliveries at least this often, whoever wakes it.
LOOK_SECONDS = 5.0
#: The pauses between two wakings for what no channel takes now, and what is no wait at all.
FIRST_PAUSE, LONGEST_PAUSE, AT_ONCE = 0.01, 0.1, 0.005
LONGEST_PAUSE_STORE, LONGEST_PAUSE_FAULT = 10.0, 60.0

log = logging.getLogger("restaurant_os.outbox")


def use_again(operations: Operations, channel: Channel) -> bool:
    """Send to a channel that was found dead once more: a person has seen that its address works. Gives whether it was so.

    Raises:
        OperationsError: the store is away.
    """
    found = next((own for own in operations.channels() if own.channel == channel.name and own.disabled), None)
    if found is not None:
        operations.set_channel(replace(found, fingerprint=channel.fingerprint, disabled="", disabled_at=None, last_error=""))
    return found is not None


class Outbox:
    """`owner`: a name for claims that no other has, in any process. `now`: the clock of deliveries. `paces`: leave time between two messages.

    `run` in one thread; `stop` from any. `look` where nothing runs.

    Raises:
        SettingsError: a channel of the settings cannot be one.
    """

    def __init__(
        self,
        operations: Operations,
        settings: Settings,
        *,
        owner: str,
        meters: Meters,
        now: Callable[[], datetime],
        transport: httpx.BaseTransport | None = None,
        idle_seconds: float = IDLE_SECONDS,
        paces: bool = True,
    ) -> None:
        self._operations = operations
        self._meters = meters
        self._idle_seconds = idle_seconds
        self._stop = threading.Event()
        channels = channels_of(settings)
        self._lines = [
            Line(
                channel,
                [other for other in channels if other is not channel],
                operations,
                partial(sender_of, channel, settings, transport=transport),
                owner=f"{owner} {channel.name}",
                meters=meters,
                now=now,
                stopping=self._stop,
                paces=paces,
            )
            for channel in channels
        ]

    def look(self) -> int:
        """Send all that is ready now; gives how many messages were sent.

        Raises:
            OperationsError: the store is away.
        """
        before = sum(line.sent for line in self._lines)
        while sum(line.turn() for line in self._lines):  # each of them: a notice may have come for one that had nothing
            pass
        return sum(line.sent for line in self._lines) - before

    def run(self) -> None:
        """Send until `stop`. Never raises for a single message's sake."""
        with suppress(OperationsError):
            self._inherit()
        threads = [threading.Thread(target=self._keep, args=(line,), name=f"send {line.channel.name}", daemon=True) for line in self._lines]
        for thread in threads:
            thread.start()
        try:
            if not self._lines:
                self._stop.wait()
            self._wake_lines()
        finally:
            self.stop()
            for thread in threads:
                thread.join()

    def stop(self) -> None:
        """End after the messages that are being sent."""
        self._stop.set()
        for line in self._lines:
            line.wake.set()

    def _inherit(self) -> None:
        """What a dead process of this machine was sending need not wait for its time to run out."""
        for owner in self._operations.delivery_owners():
            if replicas.is_dead(owner):
                self._operations.release_deliveries(owner)

    def _wake_lines(self) -> None:
        """Wake all when something may wait. What is for a channel that takes nothing now is told again and again: then after pauses that grow."""
        pause, claimed = FIRST_PAUSE, 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._operations.await_deliveries(self._idle_seconds)
            except OperationsError:
                self._stop.wait(self._idle_seconds)  # the lines say it
            waited = time.monotonic() - began
            if waited >= self._idle_seconds:
                continue
            total = sum(line.claimed for line in self._lines)
            if waited >= AT_ONCE or total > claimed:
                pause = FIRST_PAUSE
            else:
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            claimed = total
            for line in self._lines:  # after the pause: what came meanwhile is not missed
                line.wake.set()

    def _keep(self, line: Line) -> None:
        """Send to one channel until the stop. The store being away is waited for; a fault of ours ends this turn alone."""
        store = Health(log, f"the store, for {line.channel.name},")
        own = Health(log, f"sending to {line.channel.name}")
        while not self._stop.is_set():
            line.wake.clear()
            try:
                while not self._stop.is_set() and line.turn():
                    pass
            except StoppedError:
                return
            except OperationsError as problem:
                self._meters.failure("store")
                self._stop.wait(store.failed(problem, LONGEST_PAUSE_STORE))
                continue
            except Exception as problem:  # noqa: BLE001  # the next message is not to suffer
                self._meters.failure("outbox")
                self._stop.wait(own.failed(problem, LONGEST_PAUSE_FAULT))
                continue
            store.works()
            own.works()
            line.wake.wait(LOOK_SECONDS)
