"""The way to one channel: claim a delivery, send it, say what became of it.

Claimed is committed before the call. Whoever finds a claim that ran out does not know whether the message arrived: it is looked for where the channel
can, else sent again and marked. The same holds for a call without a whole answer.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from restaurant_os.alerting import ChannelHealth, Delivery, Message, Record
from restaurant_os.alerts.channels import Channel, Sender
from restaurant_os.errors import (
    DeadChannelError,
    InDoubtError,
    OperationsError,
    RateLimitedError,
    RestaurantOSError,
    RetryableError,
    SettingsError,
    StoppedError,
)
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Operations
from restaurant_os.text import printable

#: A delivery is a sender's for so long; a call and its answer take less.
CLAIM_SECONDS = 60.0
#: What did not get through rests so long, twice as long each time. After `LONGEST_AGE`, and some tries, it is given up.
FIRST_REST, LONGEST_REST = 5.0, 300.0
LONGEST_AGE, FEWEST_ATTEMPTS = timedelta(hours=24), 10
#: What may have arrived each time and cannot be looked for is sent at most so often, each time later by this factor.
MOST_DOUBTS, DOUBT_FACTOR = 7, 5.0
#: How long the store is tried to hear that a message was sent.
MOST_TRIES = 8

log = logging.getLogger("restaurant_os.outbox")


class Line:
    """One channel, for one thread at a time. `make`: its sender. `others`: the channels that hear of it when it is dead."""

    def __init__(
        self,
        channel: Channel,
        others: Sequence[Channel],
        operations: Operations,
        make: Callable[[], Sender],
        *,
        owner: str,
        meters: Meters,
        now: Callable[[], datetime],
        stopping: threading.Event,
        paces: bool,
    ) -> None:
        self.channel = channel
        #: Set when something may wait.
        self.wake = threading.Event()
        #: Deliveries claimed and sent, so far.
        self.claimed = self.sent = 0
        self._others = others
        self._operations = operations
        self._make = make
        self._sender: Sender | None = None
        self._owner = owner
        self._meters = meters
        self._now = now
        self._stopping = stopping
        self._paces = paces
        self._free_at = 0.0
        #: How often a delivery, by its id, was sent without an answer.
        self._doubts: dict[int, int] = {}

    def turn(self) -> bool:
        """Send the oldest that is ready. Gives whether there was one; False too while the channel wants none, or at a stop.

        Raises:
            OperationsError: the store is away.
        """
        health = self._health()
        if health.not_before and self._now() < health.not_before and not health.disabled:
            return False
        if self._paces and self._stopping.wait(max(self._free_at - time.monotonic(), 0.0)):
            return False
        delivery = self._operations.claim_delivery([self.channel.name], self._owner, CLAIM_SECONDS)
        if delivery is None:
            return False
        self.claimed += 1
        if health.disabled:
            self._dead(delivery, f"{self.channel.name} is not used any more: {health.disabled}")
        else:
            self._deliver(delivery)
        return True

    # --- one delivery ---------------------------------------------------------------------------------------------

    def _deliver(self, delivery: Delivery) -> None:
        try:
            sent_id = self._sent_id(delivery)
        except (OperationsError, StoppedError):
            raise
        except RateLimitedError as problem:
            self._later(delivery, problem, is_channels=True)
        except InDoubtError as problem:
            self._doubt(delivery, problem)
        except RetryableError as problem:
            self._later(delivery, problem)
        except (DeadChannelError, SettingsError) as problem:
            self._disable(problem)
            self._dead(delivery, problem.message)
        except RestaurantOSError as problem:
            self._note(last_error=problem.message)
            self._dead(delivery, problem.message)
        except Exception as problem:  # a fault of ours costs this message alone
            log.error("delivery %d to %s failed by a fault of ours", delivery.delivery_id, self.channel.name, exc_info=problem)
            self._meters.failure("outbox")
            self._dead(delivery, f"a fault of ours: {type(problem).__name__}")
        else:
            self._sent(delivery, sent_id)
        finally:
            self._free_at = time.monotonic() + (self._sender.pause if self._sender else 0.0)

    def _sent_id(self, delivery: Delivery) -> str | None:
        """Send, change or find it; gives the channel's id of it. None: there is nothing to change."""
        if self._sender is None:
            self._sender = self._make()
        if delivery.is_edit:
            target = self._operations.last_sent(self.channel.name, delivery.group) if self.channel.can_edit else None
            if target is None or not target.sent_id:
                return None
            self._sender.edit(target.sent_id, delivery)
            return target.sent_id
        if delivery.is_repeated and self.channel.can_find and (found := self._sender.find(delivery)) is not None:
            return found
        return self._sender.send(delivery)

    def _sent(self, delivery: Delivery, sent_id: str | None) -> None:
        if sent_id is None:
            self._end(replace(delivery, state="dead", error="there is no message that it could change"))
            return
        now = self._now()
        self._end(replace(delivery, state="sent", sent_id=sent_id, sent_at=now, attempts=delivery.attempts + 1, error=""))
        self._note(last_sent_at=now, not_before=None, last_error="")
        self.sent += 1
        self._meters.delivered(self.channel.kind, "sent")

    def _later(self, delivery: Delivery, problem: RetryableError, *, is_channels: bool = False) -> None:
        """Again after a rest. `is_channels`: nothing goes to the channel meanwhile."""
        rest = min(FIRST_REST * 2.0 ** min(delivery.attempts, 30), LONGEST_REST) * random.uniform(0.75, 1.0)
        if problem.retry_after is not None:
            rest = max(problem.retry_after, 0.05 if is_channels else rest)
        self._again(delivery, problem, rest)
        self._note(last_error=problem.message, **({"not_before": self._now() + timedelta(seconds=rest)} if is_channels else {}))

    def _doubt(self, delivery: Delivery, problem: InDoubtError) -> None:
        """It may have arrived. Edits may be made twice; where the channel can be looked into, nothing is said twice."""
        if delivery.is_edit or self.channel.can_find:
            self._later(replace(delivery, is_repeated=not delivery.is_edit), problem)
            return
        if len(self._doubts) > 1_000:
            self._doubts.clear()
        doubts = self._doubts[delivery.delivery_id] = self._doubts.get(delivery.delivery_id, 0) + 1
        self._note(last_error=problem.message)
        if doubts >= MOST_DOUBTS:
            self._dead(delivery, f"{problem.message} It was sent {doubts} times.")
        else:
            self._again(replace(delivery, is_repeated=True), problem, FIRST_REST * DOUBT_FACTOR ** (doubts - 1))

    def _again(self, delivery: Delivery, problem: RetryableError, rest: float) -> None:
        now, attempts = self._now(), delivery.attempts + 1
        if now - delivery.created_at > LONGEST_AGE and attempts >= FEWEST_ATTEMPTS:
            self._dead(delivery, f"given up after {attempts} tries in more than a day: {problem.message}")
            return
        log.warning("delivery %d is tried again in %.0f s: %s", delivery.delivery_id, rest, problem.message)
        self._meters.delivered(self.channel.kind, "again")
        ready_at = now + timedelta(seconds=rest)
        self._end(replace(delivery, state="pending", ready_at=ready_at, attempts=attempts, error=problem.message))

    def _dead(self, delivery: Delivery, why: str) -> None:
        log.error("delivery %d (%s) will not arrive: %s", delivery.delivery_id, printable(delivery.message.title, 80), printable(why))
        self._meters.delivered(self.channel.kind, "dead")
        self._end(replace(delivery, state="dead", attempts=delivery.attempts + 1, error=why))

    def _end(self, delivery: Delivery) -> None:
        """Say what became of it; a store that is away for a moment would let it be sent again."""
        for number in range(MOST_TRIES):
            try:
                if not self._operations.end_delivery(delivery, self._owner):
                    log.warning("delivery %d took so long that another sends it too", delivery.delivery_id)
                return
            except OperationsError:
                if number == MOST_TRIES - 1 or self._stopping.wait(0.1 * 2.0**number):
                    raise

    # --- the channel ----------------------------------------------------------------------------------------------

    def _health(self) -> ChannelHealth:
        """How it does; one with another address begins anew."""
        found = next((own for own in self._operations.channels() if own.channel == self.channel.name), None)
        if found is None or found.fingerprint != self.channel.fingerprint:
            return ChannelHealth(channel=self.channel.name, fingerprint=self.channel.fingerprint)
        return found

    def _note(self, **changes: object) -> None:
        self._operations.set_channel(replace(self._health(), **changes))  # type: ignore[arg-type]

    def _disable(self, problem: RestaurantOSError) -> None:
        """Use it no more, and have the others say so: first said, so that it is said whatever happens in between, and once by its key."""
        now = self._now()
        why = f"{problem.message} {problem.next_step}".strip()
        log.error("%s is not used any more: %s", self.channel.name, why)
        dead = {own.channel: own.fingerprint for own in self._operations.channels() if own.disabled}
        message = Message(kind="notice", title=f"Alerts no longer reach {self.channel.name}", text=why, level="note")
        worked = self._health().last_sent_at  # one that worked meanwhile is dead anew
        key = f"notice|{self.channel.name}|{self.channel.fingerprint}|{now:%Y-%m-%d}|{worked.isoformat() if worked else ''}"
        self._operations.record(
            Record(
                deliveries=tuple(
                    Delivery(channel=other.name, key=key, message=message, created_at=now, ready_at=now)
                    for other in self._others
                    if dead.get(other.name) != other.fingerprint
                )
            )
        )
        self._note(disabled=why, disabled_at=now, last_error=problem.message)
