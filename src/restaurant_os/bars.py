"""The bars of a backfill: one per location and one over all, with the time left as the pacing makes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from restaurant_os import terminal
from restaurant_os.pipeline.outlook import Expected, location_seconds
from restaurant_os.settings import Location
from restaurant_os.sources.pacing import Pacing
from restaurant_os.text import printable

#: Windows after which what they really took says more than what was expected.
MEASURED_AFTER = 5


@dataclass(slots=True)
class _Running:
    """One dataset of one location. `seconds`: what the pacing asks for a window of it."""

    windows: int
    seconds: float
    read: int = 0
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        if not self.windows or self.read >= self.windows:
            return 0.0
        measured = (time.monotonic() - self.began) / self.read if self.read >= MEASURED_AFTER else 0.0
        return (self.windows - self.read) * max(measured, self.seconds)


class BackfillBars:
    """Hears of every dataset and location; called from several threads."""

    def __init__(self, found: Sequence[Expected], pacing: Pacing, *, enabled: bool) -> None:
        self._names = {one.work.location.toast_guid: one.work.location.name for one in found}
        self._running = {(one.work.dataset, one.work.location): _Running(one.work.windows, _seconds(one, pacing)) for one in found}
        self._lock = threading.Lock()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("windows"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=terminal.err,
            disable=not enabled,
        )
        self._enabled = enabled
        self._tasks: dict[Location, TaskID] = {}
        for location in dict.fromkeys(one.work.location for one in found):
            total = sum(own.windows for (_, at), own in self._running.items() if at == location)
            self._tasks[location] = self._bar.add_task(printable(location.name, 40), total=total, left="")
        self._all = self._bar.add_task("all", total=sum(own.windows for own in self._running.values()), left=self._left(None))

    def __enter__(self) -> BackfillBars:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def of(self, dataset: str) -> _DatasetBars:
        """The progress of one dataset's sync."""
        return _DatasetBars(self, dataset)

    def read(self, dataset: str, location: Location) -> None:
        """A window more."""
        with self._lock:
            own = self._running[dataset, location]
            if own.read >= own.windows:  # one that failed, tried again
                return
            own.read += 1
            self._bar.update(self._tasks[location], advance=1, left=self._left(location))
            self._bar.update(self._all, advance=1, left=self._left(None))

    def _left(self, location: Location | None) -> str:
        seconds = max((own.left() for (_, at), own in self._running.items() if location in (None, at)), default=0.0)
        return f"{duration(seconds)} left" if seconds else ""

    def waiting(self, location: str, why: str, seconds: float) -> None:
        """A location waits before it tries again."""
        if self._enabled and seconds >= 1:
            terminal.print_wait(self._bar.console, self._names.get(location, location), why, seconds)


@dataclass(frozen=True, slots=True)
class _DatasetBars:
    bars: BackfillBars
    dataset: str

    def planned(self, windows: int) -> None: ...

    def page(self, location: Location, new_rows: int) -> None: ...

    def window_read(self, location: Location) -> None:
        self.bars.read(self.dataset, location)


def _seconds(one: Expected, pacing: Pacing) -> float:
    whole = location_seconds({one.work.dataset: one.calls}, pacing)
    return whole / one.work.windows if one.work.windows else 0.0


def duration(seconds: float) -> str:
    """As a person says it: 40 s, 12 min, 3.5 h, 2.1 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
