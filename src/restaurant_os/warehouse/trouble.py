"""What DuckDB says when something fails, in our words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from restaurant_os.errors import DiskFullError, LockedError, WarehouseError
from restaurant_os.text import printable

#: What DuckDB says of a file that another process has open, and another connection of this one.
HELD = ("Could not set lock", "Unique file handle conflict")


def is_cut(problem: duckdb.Error) -> bool:
    """Whether the file is shorter than what stands in it says."""
    return isinstance(problem, duckdb.IOException) and "Could not read enough bytes" in str(problem)


def is_held(problem: Exception) -> bool:
    """Whether it failed since somebody else has the file."""
    return any(said in str(problem) for said in HELD)


def locked(problem: Exception, path: Path, waited: float) -> LockedError:
    """`waited`: for how many seconds."""
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", str(problem))
    other = "another part of this process" if HELD[1] in str(problem) else "another process"
    who = f"process {holder[2]} ({printable(holder[1], 120)})" if holder else other
    return LockedError(
        f"warehouse {path}: {who} holds the file; waited {waited:g} s for it. Nothing was written.",
        next_step="Wait for that process or end it, then run this again: what is already in stays in. A longer wait: `wait_seconds` in the settings.",
    )


def our_error(problem: Exception, path: Path) -> WarehouseError:
    """A driver's error in our words; the driver's own are kept as data."""
    found = printable(str(problem).splitlines()[0] if str(problem) else type(problem).__name__, 300)
    if "No space left on device" in str(problem) or "disk is full" in str(problem).lower():
        return _disk_full(path)
    if "not a valid DuckDB database file" in str(problem) or "different version" in str(problem):
        return WarehouseError(
            f"warehouse {path}: this is not a DuckDB file we can open ({found}).",
            next_step="Name another file in `warehouse`, or move this one away: it was left as it is.",
        )
    return WarehouseError(
        f"warehouse {path}: {found}. Nothing of this step was written.",
        next_step="`restaurant-os doctor` checks the warehouse and says more.",
    )


def _disk_full(path: Path) -> WarehouseError:
    return DiskFullError(
        f"warehouse {path}: the disk is full. Nothing of this step was written; everything before it is in.",
        next_step="Free some space, then run the same command again: what is in stays in.",
    )


@contextmanager
def as_our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as problem:
        raise our_error(problem, path) from problem
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise _disk_full(path) from None
        raise
