"""Time as a part that can be replaced: whoever talks to an API or plans windows reads the time and waits only through a `Clock`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
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
