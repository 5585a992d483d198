"""`kill -9` of a real command that brings data in, at a chosen moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from restaurant_desk import Desk, started
from warehouse_reading import Rows, read

#: Whether the moment has come, asked every millisecond; `began` is when the sync was started.
Moment = Callable[[Desk, float], bool]
SECONDS_BETWEEN_LOOKS = 0.02


def after(seconds: float) -> Moment:
    """So long after the start of the command."""
    return lambda desk, began: time.monotonic() - began >= seconds


def while_spilling(files: int) -> Moment:
    """When so many files of pages that wait for their commit stand beside the warehouse."""
    return lambda desk, began: pages_waiting(desk) >= files


@dataclass
class InCommit:
    """When DuckDB's log was seen to grow so many times, and `seconds` after: a commit writes it in some steps, a checkpoint empties it."""

    times: int
    seconds: float = 0.0
    grown: int = 0
    size: int = 0
    since: float = 0.0

    def __call__(self, desk: Desk, began: float) -> bool:
        was, self.size = self.size, log_size(desk)
        if self.size > was and self.grown < self.times:
            self.grown += 1
            self.since = time.monotonic()
        return self.grown >= self.times and time.monotonic() - self.since >= self.seconds


@dataclass
class AfterCalls:
    """When the API was called so many times more, and `seconds` after: the same share of the work on any machine."""

    calls: int
    seconds: float = 0.0
    first: int | None = None
    looked: float = 0.0
    since: float | None = None

    def __call__(self, desk: Desk, began: float) -> bool:
        if self.since is None and time.monotonic() - self.looked >= SECONDS_BETWEEN_LOOKS:
            count = desk.toast.call_count()
            self.looked = time.monotonic()
            self.first = count if self.first is None else self.first
            self.since = self.looked if count - self.first >= self.calls else None
        return self.since is not None and time.monotonic() - self.since >= self.seconds


def log_size(desk: Desk) -> int:
    try:
        return log(desk).stat().st_size
    except FileNotFoundError:
        return 0


def spill(desk: Desk) -> Path:
    return desk.warehouse.with_name(desk.warehouse.name + ".spill")


def pages_waiting(desk: Desk) -> int:
    """How many files of pages wait for their commit; a folder may go while it is looked into."""
    with suppress(FileNotFoundError):
        return len(list(spill(desk).glob("*/*.arrow")))
    return 0


def log(desk: Desk) -> Path:
    return desk.warehouse.with_name(desk.warehouse.name + ".wal")


@dataclass(frozen=True)
class Killed:
    """What was seen: whether the command still ran when the moment came, and after how many seconds."""

    is_killed: bool
    seconds: float
    left_log: bool
    left_spill: bool


def kill_at(desk: Desk, moment: Moment, *arguments: str, command: Sequence[str] = ("sync", "orders")) -> Killed:
    """Start `restaurant-os`, this command of it with these arguments, and kill it at the moment."""
    began = time.monotonic()
    process = started(desk.folder, *command, *arguments)
    try:
        while process.poll() is None and not moment(desk, began):
            time.sleep(0.001)
        is_running = process.poll() is None
    finally:
        process.kill()
        process.communicate()
    return Killed(is_running, time.monotonic() - began, log(desk).exists(), spill(desk).exists())


def halves(desk: Desk, folder: Path) -> tuple[Rows, Rows]:
    """Right after a kill, read from a copy: the days of orders that are in, and the days that the ledger says are in. They must be the same."""
    folder.mkdir(parents=True)
    for file in (desk.warehouse, log(desk)):
        if file.exists():
            shutil.copy(file, folder)
    copied = folder / desk.warehouse.name
    if not copied.exists() or not read(copied, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'sync_runs'"):
        return [], []
    landed = read(copied, "SELECT restaurant_guid, business_date, count(*) FROM fact_orders GROUP BY ALL ORDER BY ALL")
    said = read(copied, "SELECT DISTINCT restaurant_guid, business_date, rows_read FROM sync_runs WHERE rows_read > 0 ORDER BY ALL")
    return landed, said


def left_behind(desk: Desk) -> list[str]:
    """What stands in the folder that no sync should leave there."""
    return sorted(str(path.relative_to(desk.folder)) for path in (spill(desk), log(desk)) if path.exists())
