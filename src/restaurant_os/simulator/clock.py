"""Two clocks: the world's, which decides what has happened, and the API's, which Date headers and tokens show."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class Clock:
    """World time and API time, both aware UTC.

    With no `speed` the world stands still and the API clock runs at real speed. With one, both run `speed` simulated
    seconds per real second. `seconds` is the source of real time, in epoch seconds; tests turn it by hand.
    """

    def __init__(
        self, *, world_start: datetime, api_start: datetime, speed: float | None = None, seconds: Callable[[], float] = time.time
    ) -> None:
        self.speed = speed
        self._world = world_start
        self._api = api_start
        self._seconds = seconds
        self._started = seconds()
        self._elapsed = 0.0

    @property
    def stands_still(self) -> bool:
        """Whether the world moves only when told to."""
        return self.speed is None

    def world(self) -> datetime:
        """Now, in the world. Never goes back."""
        return self._world + timedelta(seconds=self._passed() * (self.speed or 0.0))

    def api(self) -> datetime:
        """Now, as the API tells it."""
        return self._api + timedelta(seconds=self._passed() * (self.speed or 1.0))

    def advance(self, seconds: float) -> None:
        """Move the world forward, and the API clock up to it when it is behind."""
        self._world += timedelta(seconds=seconds)
        behind = self.world() - self.api()
        if behind > timedelta(0):
            self._api += behind

    def _passed(self) -> float:
        # A system clock that is set back must not take orders out of the world again.
        self._elapsed = max(self._elapsed, self._seconds() - self._started)
        return self._elapsed
