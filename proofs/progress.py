"""How far a proof is, and how long it still takes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from restaurant_os.errors import RestaurantOSError
from restaurant_os.settings import Location

#: A line that is rewritten in place on a terminal.
LIVE = sys.stderr.isatty()


class Windows:
    """The windows of one sync, as they are read."""

    def __init__(self) -> None:
        self.read = self.of = 0
        self._lock = threading.Lock()

    def planned(self, windows: int) -> None:
        self.of = windows

    def page(self, location: Location, new_rows: int) -> None: ...

    def window_read(self, location: Location) -> None:
        with self._lock:
            self.read += 1
            if LIVE:
                print(
                    f"\r    {self.read:,} of {self.of:,} windows",
                    end="\r" if self.read < self.of else "\r\033[K",
                    file=sys.stderr,
                    flush=True,
                )

    def failed(self, location: Location, problem: RestaurantOSError) -> None:
        print(f"    {location.name}: {problem}", flush=True)


@dataclass
class Progress:
    """The steps of one proof, each with the seconds it took on two cores; the time left is theirs, at the pace of this machine."""

    proof: str
    steps: dict[str, float]
    _took: dict[str, float] = field(default_factory=dict)

    def left(self) -> float:
        expected = sum(self.steps[step] for step in self._took)
        pace = sum(self._took.values()) / expected if expected else 1.0
        return pace * sum(seconds for step, seconds in self.steps.items() if step not in self._took)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step: said when it begins, with the time left of the whole proof."""
        number = len(self._took) + 1
        print(f"{self.proof} {number}/{len(self.steps)}: {name} (about {shown(self.left())} left)", flush=True)
        began = time.monotonic()
        yield
        self._took[name] = time.monotonic() - began

    def seconds(self, name: str) -> float:
        return round(self._took[name], 1)


def shown(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
