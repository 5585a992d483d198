"""How fast an API may be called: data, applied at the call itself.

A limit on jobs lets calls bunch up; a limit at the call cannot. Each key (an endpoint of a location) has a next free
moment; a caller takes it, moves it on by the interval, and waits. Locations never wait for each other.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from restaurant_os.clock import Clock


@dataclass(frozen=True, slots=True)
class Pacing:
    """A profile: seconds between two calls of one endpoint at one location, and between any two calls of a location."""

    name: str
    endpoints: Mapping[str, float]
    location: float

    def interval(self, endpoint: str) -> float:
        return self.endpoints.get(endpoint, self.location)


class Pacer:
    def __init__(self, pacing: Pacing, clock: Clock) -> None:
        self.pacing = pacing
        self.clock = clock
        self._next: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def wait(self, endpoint: str, location: str) -> None:
        """Return when a call of `endpoint` at `location` may leave. An empty endpoint stands for the location as a whole."""
        with self._lock:
            now = self.clock.monotonic()
            keys = ((endpoint, location), ("", location))
            start = max(now, *(self._next.get(key, now) for key in keys))
            self._next[keys[0]] = start + self.pacing.interval(endpoint)
            self._next[keys[1]] = start + self.pacing.location
        if start > now:
            self.clock.sleep(start - now)

    def hold(self, location: str, seconds: float) -> None:
        """No call at `location` for `seconds`: the API said so."""
        with self._lock:
            key = ("", location)
            until = self.clock.monotonic() + seconds
            self._next[key] = max(self._next.get(key, until), until)
