"""One process at a time: a turn that ends with the process that has it, however that ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from restaurant_os.clock import Clock
from restaurant_os.errors import BusyError
from restaurant_os.text import printable

if sys.platform != "win32":  # turns are not taken on Windows: start no two syncs of a location at once there
    import fcntl

POLL_SECONDS = 0.1


@contextmanager
def turn(path: Path, what: str, *, clock: Clock, wait_seconds: float, since: float | None = None) -> Iterator[None]:
    """Have the turn named by the file `path` while the block lasts. `what` is being done, for whoever waits in vain; the wait counts from
    `since`, by the monotonic clock, where it began before this call.

    Raises:
        BusyError: another process had it all the time; names its id.
    """
    handle = _opened(path)
    if handle is None:
        yield
        return
    try:
        _wait_for(handle, what, clock, wait_seconds, clock.monotonic() if since is None else since)
        yield
    finally:
        os.close(handle)


class SharedTurns:
    """Turns that the threads of one process have together: the first to come takes it, the last to leave gives it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Path, _Held] = {}

    @contextmanager
    def turn(self, path: Path, what: str, *, clock: Clock, wait_seconds: float) -> Iterator[None]:
        """As `turn`, but for the process as a whole. Threads that wait together give up together."""
        began = clock.monotonic()
        with self._lock:
            held = self._held.setdefault(path, _Held())
        with held.lock:
            if not held.holders:
                held.ends.enter_context(turn(path, what, clock=clock, wait_seconds=wait_seconds, since=began))
            held.holders += 1
        try:
            yield
        finally:
            with held.lock:
                held.holders -= 1
                if not held.holders:
                    held.ends.close()


class _Held:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0
        self.ends = ExitStack()


def _opened(path: Path) -> int | None:
    """The file, made where there is none; None where no turns can be taken."""
    if sys.platform == "win32":
        return None
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    return None


def _wait_for(handle: int, what: str, clock: Clock, wait_seconds: float, since: float) -> None:
    give_up = since + wait_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if clock.monotonic() >= give_up:
                holder = printable(os.pread(handle, 20, 0).decode("ascii", "replace")) or "unknown"
                raise BusyError(
                    f"{what}: process {holder} is doing it already; waited {wait_seconds:g} s for it. Nothing was read.",
                    next_step="Wait for that process or end it, then run this again. A longer wait: `wait_seconds` in the settings.",
                ) from None
            clock.sleep(POLL_SECONDS)
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            return
