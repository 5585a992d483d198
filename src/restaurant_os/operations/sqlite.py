"""The store in one SQLite file: for one host, on which several processes may use it at the same time.

A commit is on disk when it returns: write-ahead log, `synchronous=FULL`. The log and its index stand beside the file while it is used.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from restaurant_os.errors import FullError, OperationsError
from restaurant_os.operations.database import Dialect, Row, Trouble, micros
from restaurant_os.text import printable

DIALECT = Dialect(
    sequence="INTEGER PRIMARY KEY AUTOINCREMENT",
    integer="INTEGER",
    blob="BLOB",
    table_end=" STRICT",
    have_rows="",  # who writes is alone
    is_there="SELECT name FROM sqlite_master WHERE name = 'ops_schema'",
)
#: STRICT tables.
OLDEST = (3, 37)
#: How long a commit waits for another process's.
BUSY_SECONDS = 5.0
#: Of 4 KiB; what one commit gives back to the machine, in some 20 ms.
PAGES_GIVEN_BACK = 500
MIB = 2**20
ROOM_SECONDS = 1.0
#: A disk does not empty itself within the second.
RETRY_AFTER = 60.0
#: Of a new file, in this order: space that retention frees can be given back; readers and the writer do not wait for each other.
OF_FILE = ("PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL")
OF_CONNECTION = (
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -16384",
)


class SQLiteSession:
    def __init__(self, connection: sqlite3.Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        return self._connection.execute(sql, values).rowcount

    def begin(self) -> None:
        self.run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self.run("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def now(self) -> int:
        """The machine's clock: all who use the file are on it."""
        return micros(self._now())

    def sequences(self, number: int) -> Sequence[int]:
        last = self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'ops_inbox'")
        first = last[0][0] + 1 if last else 1
        return range(first, first + number)

    def exclude_others(self) -> None:
        """Who writes is alone."""

    def make_place(self) -> None:
        """The file is it."""

    def give_back(self) -> bool:
        [(free,)] = self.rows("PRAGMA freelist_count")
        for _ in range(min(free, PAGES_GIVEN_BACK)):
            self.run("PRAGMA incremental_vacuum(1)")  # Python's driver takes one step of it, whatever number stands there
        [(left,)] = self.rows("PRAGMA freelist_count")
        return bool(0 < left < free)


class SQLite:
    """`reserve_mib`: what the disk must have left for an event to be taken."""

    dialect = DIALECT

    def __init__(self, path: Path, *, now: Callable[[], datetime], reserve_mib: int, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self.label = f"sqlite {path}"
        self._now = now
        self._reserve = reserve_mib * MIB
        self._busy_seconds = busy_seconds
        self._looked = 0.0
        self._free: int | None = None

    def connect(self) -> SQLiteSession:
        if sqlite3.sqlite_version_info < OLDEST:
            raise OperationsError(
                f"operations: Python's SQLite is {sqlite3.sqlite_version}; {'.'.join(map(str, OLDEST))} or later is needed.",
                next_step="Use a newer Python, or a Postgres: RESTAURANT_OS_OPERATIONS=postgresql://...",
            )
        self._make_file()
        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=self._busy_seconds, check_same_thread=False, cached_statements=64
        )
        try:
            # Setting what is set already would wait for who writes.
            is_new = connection.execute("PRAGMA journal_mode").fetchall() != [("wal",)]
            for setting in (*(OF_FILE if is_new else ()), *OF_CONNECTION):
                self._set(connection, setting)
        except BaseException:
            connection.close()
            raise
        return SQLiteSession(connection, self._now)

    def _make_file(self) -> None:
        """For nobody else to read; the log and its index get the same mode. Its name is on disk before its first event is."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            return
        if os.name == "posix":
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _set(self, connection: sqlite3.Connection, setting: str) -> None:
        """The change to a write-ahead log does not wait for others by itself."""
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute(setting).fetchall()
                return
            except sqlite3.OperationalError as problem:
                if not _is_busy(problem) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def trouble(self, problem: Exception) -> Trouble:
        return "store" if isinstance(problem, sqlite3.OperationalError | OSError) or type(problem) is sqlite3.DatabaseError else "operation"

    def error(self, problem: Exception) -> OperationsError:
        if isinstance(problem, sqlite3.OperationalError) and _is_busy(problem):
            return OperationsError(
                f"operations: {self.label} is held by another process; waited {self._busy_seconds:g} s. Nothing was changed.",
                next_step="Try again. Should it last, look for a program that has the file open: `fuser -v` names it.",
            )
        what = problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)
        return OperationsError(
            f"operations: {self.label}: {printable(what, 300)}. What was asked is not known to be in.",
            next_step="Check the disk, the folder and the permissions of the file. "
            "Another place: RESTAURANT_OS_OPERATIONS=sqlite:///path, or postgresql://...",
        )

    def check_room(self) -> None:
        """Looks once a second."""
        now = time.monotonic()
        if self._free is None or now - self._looked >= ROOM_SECONDS:
            self._looked, self._free = now, self._free_bytes()
        if self._free < self._reserve:
            raise FullError(
                f"operations: the disk of {self.path.parent} has {self._free // MIB:,} MiB left; "
                f"{self._reserve // MIB:,} MiB are kept free. The event was not kept.",
                next_step="Free some space; the sender repeats it, and the next poll brings what it carried. See disk_reserve_mib of [service].",
                retry_after=RETRY_AFTER,
            )

    def _free_bytes(self) -> int:
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return self._reserve  # the commit will say what is wrong with it
        return disk.f_bavail * disk.f_frsize


def _is_busy(problem: sqlite3.OperationalError) -> bool:
    return (problem.sqlite_errorcode & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
