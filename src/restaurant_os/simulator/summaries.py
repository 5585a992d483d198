"""The running daily summaries: what a location sold and worked so far on a day, for a receiver that takes no events.

A newer summary takes the place of one that has not been sent. Of a location and a kind one is under way at a time, so that none overtakes another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from restaurant_os.simulator.dispatching import Dispatcher
from restaurant_os.simulator.postman import Answer, Post
from restaurant_os.simulator.sending import RESENT_AFTER

PATHS = {"sales": "/webhook/sales", "labor": "/webhook/labor"}
AT_ONCE = 8


@dataclass(slots=True)
class _Slot:
    """The newest summary of one location and kind, until it has been sent."""

    url: str
    body: bytes
    due: float
    attempt: int = 1
    under_way: bytes | None = None


@dataclass
class Summaries(Dispatcher):
    """Sends summaries to `base` + their path. `now`: simulated seconds, moved by its owner. `key` goes into Authorization."""

    base: str
    key: str = field(repr=False)
    post: Post
    now: float = 0.0
    #: delivered, failed, replaced
    counts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    _slots: dict[tuple[str, str], _Slot] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        return len(self._slots)

    def tell(self, kind: str, summary: Mapping[str, object]) -> None:
        """Send a summary, in place of the one before it if that has not been sent."""
        name, body = (kind, str(summary["store_id"])), msgspec.json.encode(summary)
        slot = self._slots.get(name)
        if slot is None:
            self._slots[name] = _Slot(self.base + PATHS[kind], body, self.now)
            return
        self.counts["replaced"] += slot.body != slot.under_way
        slot.body, slot.due, slot.attempt = body, self.now, 1

    def dispatch(self) -> None:
        self._raise_fault()
        for name, slot in list(self._slots.items()):
            if slot.under_way is None and slot.due <= self.now and len(self._under_way) < AT_ONCE:
                slot.under_way = slot.body
                self._begin(self._attempt(name, slot, slot.body, slot.attempt))

    async def _attempt(self, name: tuple[str, str], slot: _Slot, body: bytes, attempt: int) -> None:
        headers = {"Content-Type": "application/json", "Connection": "close", "User-Agent": "restaurant-simulator"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        answer = await self.post(slot.url, headers, body)
        self.answers[answer.name] += 1
        slot.under_way = None
        self._settle(name, slot, answer, attempt, is_newest=slot.body is body)

    def _settle(self, name: tuple[str, str], slot: _Slot, answer: Answer, attempt: int, *, is_newest: bool) -> None:
        self.counts["delivered"] += answer.is_good
        if not is_newest:
            self.counts["replaced"] += not answer.is_good
        elif not answer.is_good and answer.is_worth_another and attempt <= len(RESENT_AFTER):
            slot.due, slot.attempt = self.now + RESENT_AFTER[attempt - 1], attempt + 1
        else:
            self.counts["failed"] += not answer.is_good
            del self._slots[name]
