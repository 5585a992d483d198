"""Time as a part that can be replaced: whoever talks to an API or plans windows reads the time and waits only through a `Clock`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from restaurant_os.errors import StoppedError


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Raises StoppedError when asked to stop meanwhile."""
        ...


class SystemClock:
    """The machine's clock. `stop` ends every wait at once."""

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if self.stopping.wait(max(seconds, 0.0)):
            raise StoppedError("stopped while waiting; what was committed is in")

    def stop(self) -> None:
        self.stopping.set()


class FastClock(SystemClock):
    """A clock that showed `begins` at an instant of the machine's (`at`, epoch seconds) and goes `speed` times as fast. Waits are real ones.

    For the demo, whose service lives through a simulated day.
    """

    def __init__(self, begins: datetime, at: float, speed: float) -> None:
        super().__init__()
        self._begins, self._at, self._speed = begins, at, speed

    def now(self) -> datetime:
        return self._begins + timedelta(seconds=(time.time() - self._at) * self._speed)
