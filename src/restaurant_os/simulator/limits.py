"""Rate limits: fixed windows aligned to the clock, in real time.

Source: dev:apiRateLimiting. Counted per client and restaurant when the restaurant header is there, else per source IP.
Where the guide is silent: every request that arrives is counted, refused ones too; the limit "closest to exhaustion"
is the one with the fewest requests left.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `requests` per window of `seconds`; `by` is its name in X-Toast-RateLimit-By."""

    by: str
    requests: int
    seconds: int


#: In the order of their priority. No API has a limit of its own today; the default API limits equal the global ones.
GLOBAL_LIMITS = (Limit("GLOBAL", 20, 1), Limit("GLOBAL", 10_000, 15 * 60))
ORDERS_BULK_LIMIT = Limit("ENDPOINT", 5, 1)
MENUS_LIMIT = Limit("ENDPOINT", 1, 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after one request: the limit closest to exhaustion, or the one that refused the request."""

    by: str
    remaining: int
    reset: int
    retry_after: int | None = None

    def headers(self) -> dict[str, str]:
        return {
            "X-Toast-RateLimit-By": self.by,
            "X-Toast-RateLimit-Remaining": str(self.remaining),
            "X-Toast-RateLimit-Reset": str(self.reset),
        }


@dataclass(slots=True)
class _Window:
    slot: int = 0
    counts: Counter[Hashable] = field(default_factory=Counter)


class Limits:
    """Counts requests. `seconds` gives real epoch seconds."""

    def __init__(self, seconds: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._windows: dict[tuple[str, Limit], _Window] = {}

    def count(self, who: Hashable, endpoint: str, own: Limit | None = None) -> Standing:
        """Count one request of `who` to `endpoint`, against the global limits and the endpoint's own."""
        now = self._seconds()
        standings = [self._count(who, "", limit, now) for limit in GLOBAL_LIMITS]
        if own is not None:
            standings.append(self._count(who, endpoint, own, now))
        refused = [standing for standing in standings if standing.retry_after is not None]
        if refused:
            return max(refused, key=lambda standing: standing.reset)  # the first of equals, so GLOBAL goes before ENDPOINT
        return min(standings, key=lambda standing: standing.remaining)

    def now(self) -> float:
        """Real epoch seconds."""
        return self._seconds()

    def reset_after(self, seconds: float) -> int:
        """The epoch second `seconds` from now, as a Reset header shows it."""
        return math.ceil(self._seconds() + seconds)

    def _count(self, who: Hashable, endpoint: str, limit: Limit, now: float) -> Standing:
        window = self._windows.setdefault((endpoint, limit), _Window())
        slot = int(now // limit.seconds)
        if slot != window.slot:
            window.slot = slot
            window.counts = Counter()
        window.counts[who] += 1
        left = limit.requests - window.counts[who]
        reset = (slot + 1) * limit.seconds
        retry_after = max(1, math.ceil(reset - now)) if left < 0 else None
        return Standing(by=limit.by, remaining=max(0, left), reset=reset, retry_after=retry_after)
