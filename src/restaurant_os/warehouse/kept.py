"""A file that stays open between two uses of it, for as long as nobody else wants it.

Opening it, and the checkpoint when it is closed, cost more than a small commit. What was committed is in DuckDB's log: a process that dies
with the file open loses nothing.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from restaurant_os.warehouse.line import someone_waits

#: Between two looks whether somebody waits, or nobody came for too long.
LOOK_SECONDS = 0.01
#: What large commits leave in memory goes with the file: not for longer is it kept for those that wait.
SECONDS_OPEN = 1.0
#: How long the end of a process may wait for a use that another thread is in the middle of.
EXIT_SECONDS = 2.0

Connection = duckdb.DuckDBPyConnection


@dataclass(slots=True, eq=False)
class _Held:
    """What is open, and the lock of whoever uses, opens or closes it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: Connection | None = None
    #: Device and inode, to tell when another file stands in its place.
    file: tuple[int, int] | None = None
    #: How many read beside whoever has the lock.
    readers: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def close(self) -> None:
        """Once nobody reads any more: a connection that is closed takes its cursors with it."""
        with self.changed:
            connection, self.connection = self.connection, None
            self.changed.wait_for(lambda: self.readers == 0)
        if connection is not None:
            with suppress(duckdb.Error):  # closing writes a checkpoint; where that fails the log still holds what was committed
                connection.close()


class KeptFile:
    """One use of the file at a time. `opened` opens it; `begin` sets up a connection for another use of the open file.

    `seconds`: how long it may stay open unused; 0 closes it after a use unless `is_wanted` says that another of this process comes at once. Whoever
    waits for it has it soon, and the end of the process closes it.
    """

    def __init__(
        self,
        path: Path,
        *,
        opened: Callable[[], Connection],
        begin: Callable[[Connection], None],
        seconds: float,
        is_wanted: Callable[[], bool],
    ) -> None:
        self.path = path
        self.seconds = seconds
        self._opened = opened
        self._begin = begin
        self._is_wanted = is_wanted
        self._held = _Held()
        self._last_use = self._opened_at = 0.0
        self._keeper: threading.Thread | None = None
        weakref.finalize(self, _end, self._held)

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """The open file, ours alone. After a block that fails it is closed: nothing of it is left."""
        with self._held.lock:
            try:
                with self._own(self._open_file()) as connection:
                    yield connection
            except BaseException:
                self._held.close()
                raise
            if someone_waits(self.path):
                self._held.close()
            elif self.seconds > 0:
                self._keep()
            elif not self._is_wanted() or time.monotonic() - self._opened_at > SECONDS_OPEN:
                self._held.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """To read what was committed: beside whoever uses the file where it is open, so that no reader waits for a commit; else as `use`."""
        base = self._beside()
        if base is None:
            with self.use() as connection:
                yield connection
            return
        try:
            with self._own(base) as connection:
                yield connection
        finally:
            held = self._held
            with held.changed:
                held.readers -= 1
                held.changed.notify_all()

    def _beside(self) -> Connection | None:
        """What is open, with one reader more; None where it is not, or another process waits for it."""
        held = self._held
        if someone_waits(self.path):
            return None
        with held.changed:
            if held.connection is None or held.file != _identity(self.path):
                return None
            held.readers += 1
            return held.connection

    def stamp(self) -> object | None:
        """Of the file and of DuckDB's log beside it: which file, when it was written, its length. None while it is in use: what is written to the
        log is seen by readers a moment later."""
        if self._held.lock.locked():
            return None
        return tuple(_state(path) for path in (self.path, self.path.with_name(self.path.name + ".wal")))

    def close(self) -> None:
        """Let go of it now."""
        with self._held.lock:
            self._held.close()

    def _open_file(self) -> Connection:
        held = self._held
        if held.connection is not None and held.file != _identity(self.path):
            held.close()
        if held.connection is None:
            held.connection = self._opened()
            self._opened_at = time.monotonic()
            held.file = _identity(self.path)
        return held.connection

    @contextmanager
    def _own(self, base: Connection) -> Iterator[Connection]:
        """A connection for one use of a file that may stay open: its temporary tables and what it registers go with it."""
        with base.cursor() as connection:
            self._begin(connection)
            yield connection

    def _keep(self) -> None:
        self._last_use = time.monotonic()
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._let_go, name="warehouse-keeper", daemon=True)
            self._keeper.start()

    def _let_go(self) -> None:
        """Close the file once it is idle or wanted. While it is in use, whoever uses it looks at the end."""
        while True:
            time.sleep(LOOK_SECONDS)
            if not self._held.lock.acquire(blocking=False):
                continue
            try:
                if self._held.connection is not None and (time.monotonic() - self._last_use >= self.seconds or someone_waits(self.path)):
                    self._held.close()
                if self._held.connection is None:
                    self._keeper = None
                    return
            finally:
                self._held.lock.release()


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _state(path: Path) -> tuple[int, int, int] | None:
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return None


def _end(held: _Held) -> None:
    """The process ends, or nobody has the warehouse any more."""
    if held.lock.acquire(timeout=EXIT_SECONDS):
        try:
            held.close()
        finally:
            held.lock.release()
