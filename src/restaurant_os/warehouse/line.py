"""Standing in line for a file that one process at a time may have open, so that nobody who comes back at once is ever there first.

Whoever wants the file is `next_in_line` until it has it: it holds a lock of the system's on a small file beside it, `.<name>.turn`, and all
who come later wait for that lock first. So a process that lets go and wants the file again lines up behind whoever waited meanwhile. The
system gives the lock back when a process ends, however it ends; the small file goes with its last holder, and one that a killed process
left does no harm. Programs that know nothing of the line (a person's `duckdb`) hold the file as long as they like.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":  # there nobody lines up: whoever asks first when the file is free has it
    import fcntl

LONGEST_PAUSE_SECONDS = 0.005


@contextmanager
def next_in_line(path: Path, *, give_up: float, stopping: threading.Event | None = None) -> Iterator[None]:
    """Be the one for whose turn at `path` all others wait while the block lasts; after `give_up`, by the monotonic clock, or when `stopping` is
    set, just try one's luck."""
    own = _turn_file(path)
    handle = _locked(own, give_up, stopping or threading.Event())
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                own.unlink()
            os.close(handle)


def someone_waits(path: Path) -> bool:
    """Whether anybody is in line for `path`, in this process or another."""
    if sys.platform == "win32":
        return True
    with suppress(OSError):
        handle = os.open(_turn_file(path), os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
    return False


def _turn_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.turn")


def _locked(own: Path, give_up: float, stopping: threading.Event) -> int | None:
    """The turn file, locked by us; None where nobody can line up, or nobody let us."""
    if sys.platform == "win32":
        return None
    while True:
        try:
            handle = os.open(own, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(own, handle):
                return handle
        except BlockingIOError:
            if time.monotonic() >= give_up or stopping.wait(random.uniform(0.001, LONGEST_PAUSE_SECONDS)):
                os.close(handle)
                return None
        except OSError:  # a file system without such locks
            os.close(handle)
            return None
        os.close(handle)


def _is_still(own: Path, handle: int) -> bool:
    """The last holder takes the file away: a lock on what is gone is none."""
    try:
        return os.path.samestat(own.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
