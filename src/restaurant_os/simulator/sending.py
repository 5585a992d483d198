"""Sends webhook events by Toast's rules: three attempts, a pause when too many fail, a stop when there were too many pauses.

Source: dev:apiTimeouts, apiRetrySupport, apiBackOffSupport. All seconds here are of the simulated clock but those of an answer.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf

from restaurant_os.simulator.dispatching import Dispatcher
from restaurant_os.simulator.envelopes import Event, Subscription, message
from restaurant_os.simulator.postman import Answer, Post

#: Seconds from an attempt that failed to the next one.
RESENT_AFTER = (300.0, 600.0)
ERRORS, ERRORS_WITHIN, PAUSE = 50, 300.0, 60.0
PAUSES, PAUSES_WITHIN = 9, 600.0
AT_ONCE = 16
#: What cannot be sent for so long is not sent at all.
MOST_WAITING = 200_000
LOG_KEPT = 10_000


@dataclass(slots=True)
class Span:
    """From when until when nothing is sent."""

    begins: float
    ends: float

    def covers(self, due: float, now: float) -> bool:
        """Whether an attempt that was due then may not be made now."""
        return self.begins <= due < self.ends or self.begins <= now < self.ends


@dataclass(slots=True)
class Health:
    """How a subscription fares. What is due in a pause or after a stop is never sent."""

    errors: deque[float] = field(default_factory=deque)
    pauses: deque[float] = field(default_factory=deque)
    paused: Span = field(default_factory=lambda: Span(-inf, -inf))
    is_stopped: bool = False

    def failed(self, now: float) -> str | None:
        """Count an attempt that failed; says what comes of it, if anything: `paused` or `stopped`."""
        if self.is_stopped or now < self.paused.ends:
            return None  # it was under way when the pause began
        _count(self.errors, now, ERRORS_WITHIN)
        if len(self.errors) < ERRORS:
            return None
        self.errors.clear()
        _count(self.pauses, now, PAUSES_WITHIN)
        self.is_stopped = len(self.pauses) >= PAUSES
        self.paused = Span(now, now + PAUSE)
        return "stopped" if self.is_stopped else "paused"

    def restart(self) -> None:
        self.errors.clear()
        self.pauses.clear()
        self.paused = Span(-inf, -inf)
        self.is_stopped = False

    def status(self, now: float) -> str:
        return "stopped" if self.is_stopped else "paused" if now < self.paused.ends else "active"


def _count(instants: deque[float], now: float, within: float) -> None:
    instants.append(now)
    while instants[0] <= now - within:
        instants.popleft()


@dataclass(slots=True)
class Customer:
    """A subscription with how it fares. `counts`: events, duplicates, attempts, resends, delivered, failed, withheld, lost."""

    subscription: Subscription
    health: Health = field(default_factory=Health)
    counts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    waiting: int = 0  #: deliveries that are due later or under way


@dataclass(slots=True, order=True)
class _Delivery:
    due: float
    number: int
    customer: Customer = field(compare=False)
    event: Event = field(compare=False)
    attempt: int = field(default=1, compare=False)


class Sending(Dispatcher):
    """Deliveries and their attempts. `now` is moved by whoever owns it; one event loop uses it."""

    def __init__(self, post: Post, wall: Callable[[], str]) -> None:
        """`wall`: what the log says of the present."""
        super().__init__()
        self.now = 0.0
        self.customers: dict[str, Customer] = {}
        self.gone: Counter[str] = Counter()  #: counts of subscriptions that were deleted
        self.log: deque[dict[str, object]] = deque(maxlen=LOG_KEPT)
        self.logged = 0
        self.notices: deque[dict[str, object]] = deque(maxlen=1_000)
        self.off = Span(-inf, -inf)
        self._post = post
        self._wall = wall
        self._heap: list[_Delivery] = []
        self._number = 0

    # --- what others ask ----------------------------------------------------------------------------------------------

    @property
    def is_off(self) -> bool:
        return self.off.begins <= self.now < self.off.ends

    @property
    def waiting(self) -> int:
        """Deliveries that are due later or under way."""
        return sum(customer.waiting for customer in self.customers.values())

    def totals(self) -> Counter[str]:
        return sum((customer.counts for customer in self.customers.values()), Counter(self.gone))

    def add(self, customer: Customer, event: Event, due: float) -> None:
        """Have an event delivered from an instant on."""
        if customer.waiting >= MOST_WAITING:
            customer.counts["withheld"] += 1
            return
        customer.waiting += 1
        self._push(_Delivery(due, 0, customer, event))

    def remove(self, name: str) -> None:
        """Forget a subscription and what it waits for."""
        customer = self.customers.pop(name)
        self.gone.update(customer.counts)
        self._heap = [delivery for delivery in self._heap if delivery.customer is not customer]
        self._heap.sort()

    def dispatch(self) -> None:
        self._raise_fault()
        while self._heap and self._heap[0].due <= self.now and len(self._under_way) < AT_ONCE:
            delivery = heappop(self._heap)
            customer = delivery.customer
            barred = customer.health.is_stopped or any(span.covers(delivery.due, self.now) for span in (self.off, customer.health.paused))
            if barred:
                self._end(delivery, "withheld")
                continue
            self._begin(self._attempt(delivery))

    # --- how it is done -----------------------------------------------------------------------------------------------

    def _push(self, delivery: _Delivery) -> None:
        self._number += 1
        delivery.number = self._number
        heappush(self._heap, delivery)

    async def _attempt(self, delivery: _Delivery) -> None:
        customer = delivery.customer
        headers, body = message(delivery.event, customer.subscription, delivery.attempt)
        customer.counts["attempts"] += 1
        customer.counts["resends"] += delivery.attempt > 1
        answer = await self._post(customer.subscription.url, headers, body)
        customer.answers[answer.name] += 1
        outcome = self._outcome(delivery, answer)
        if outcome == "to be resent":
            delivery.due, delivery.attempt = self.now + RESENT_AFTER[delivery.attempt - 1], delivery.attempt + 1
            self._write(delivery, answer, outcome, len(body), delivery.attempt - 1)
            self._push(delivery)
        else:
            self._write(delivery, answer, outcome, len(body), delivery.attempt)
            self._end(delivery, outcome)
        if not answer.is_good and (notice := customer.health.failed(self.now)):
            self.notices.append({"at": self._wall(), "subscription": customer.subscription.id, "notice": notice})

    def _outcome(self, delivery: _Delivery, answer: Answer) -> str:
        if answer.is_good:
            return "delivered"
        again = answer.is_worth_another and delivery.attempt <= len(RESENT_AFTER)
        return "to be resent" if again and delivery.customer.subscription.id in self.customers else "failed"

    def _end(self, delivery: _Delivery, outcome: str) -> None:
        delivery.customer.counts[outcome] += 1
        delivery.customer.waiting -= 1

    def _write(self, delivery: _Delivery, answer: Answer, outcome: str, size: int, attempt: int) -> None:
        event = delivery.event
        self.logged += 1
        self.log.append(
            {
                "n": self.logged,
                "at": self._wall(),
                "subscription": delivery.customer.subscription.id,
                "guid": event.guid,
                "event_type": event.kind,
                "restaurant_guid": event.restaurant_guid,
                "order_guid": event.order_guid,
                "bytes": size,
                "attempt": attempt,
                "answer": answer.status if answer.status is not None else answer.instead,
                "seconds": round(answer.seconds, 3),
                "outcome": outcome,
            }
        )
