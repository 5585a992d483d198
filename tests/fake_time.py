"""A clock that only moves when someone waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


@dataclass
class FakeClock:
    """Waiting takes no time and moves the clock; `waited` is every wait, in seconds."""

    elapsed: float = 0.0
    waited: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.elapsed += max(seconds, 0.0)
