"""How fast an API may be called: data, applied at the call itself.

A limit on jobs lets calls bunch up; a limit at the call cannot. Each key (an endpoint of a location) has a next free
moment; a caller takes it, moves it on by the interval, and waits. The location as a whole has moments that are taken, with gaps
between them: a call that waits long for its own endpoint holds up no other. Locations never wait for each other.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from restaurant_os.clock import Clock


@dataclass(frozen=True, slots=True)
class Pacing:
    """A profile: seconds between two calls of one endpoint at one location, and between any two calls of a location."""

    name: str
    endpoints: Mapping[str, float]
    location: float
    #: An endpoint's calls count among those of another.
    part_of: Mapping[str, str] = field(default_factory=dict)

    def interval(self, endpoint: str) -> float:
        return self.endpoints.get(endpoint, self.location)


class Pacer:
    def __init__(self, pacing: Pacing, clock: Clock) -> None:
        self.pacing = pacing
        self.clock = clock
        self._next: dict[tuple[str, str], float] = {}
        #: By location, when calls leave that wait still, and the last that left; in order.
        self._taken: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def wait(self, endpoint: str, location: str) -> None:
        """Return when a call of `endpoint` at `location` may leave. An empty endpoint stands for the location as a whole."""
        with self._lock:
            now = self.clock.monotonic()
            counted = [name for name in (endpoint, self.pacing.part_of.get(endpoint)) if name]
            start = max(now, *(self._next.get((name, location), now) for name in ("", *counted)))
            start = self._gap(location, start, now)
            for name in counted:
                self._next[name, location] = start + self.pacing.interval(name)
        if start > now:
            self.clock.sleep(start - now)

    def _gap(self, location: str, start: float, now: float) -> float:
        """Take the first moment from `start` on that is far enough from every other call of the location."""
        apart = self.pacing.location
        taken = self._taken[location] = [other for other in self._taken.get(location, ()) if other + apart > now]
        for other in taken:
            if start + apart <= other:
                break
            start = max(start, other + apart)
        bisect.insort(taken, start)
        return start

    def hold(self, location: str, seconds: float) -> None:
        """No call at `location` for `seconds`: the API said so."""
        with self._lock:
            key = ("", location)
            until = self.clock.monotonic() + seconds
            self._next[key] = max(self._next.get(key, until), until)
