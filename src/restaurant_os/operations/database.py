"""What the two databases have in common, and what tells them apart: sessions, troubles, and a link that heals.

SQL is written once, for both: `?` stands for a value, tables go by the names of `schema.py`, instants are microseconds since
1970 in UTC, so that no statement computes with dates.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeVar

from restaurant_os.errors import OperationsError

Row = tuple[Any, ...]
Result = TypeVar("Result")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
#: Values of one list in a statement. SQLite takes 32,766 of them, Postgres 65,535.
MOST_VALUES = 2_000
#: Seconds before the second attempt to connect; they double up to the most.
FIRST_WAIT = 0.1
MOST_WAIT = 5.0
#: How long the end waits for a read.
CLOSE_SECONDS = 1.0

#: Whose fault it is. operation: of what was asked (a value that cannot be stored); the others are not to blame. lost: the connection is gone.
#: again: two were in each other's way, one was thrown out. store: the database refuses for now (full, locked, read-only, away).
Trouble = Literal["operation", "lost", "again", "store"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where the SQL of the two differs."""

    #: Types of columns, and the end of CREATE TABLE.
    sequence: str
    integer: str
    blob: str
    table_end: str
    #: At the end of a SELECT: have these rows, leave out those that somebody else has.
    have_rows: str
    #: Gives a row when our tables are there.
    is_there: str


class Session(Protocol):
    """One connection, used by one thread at a time."""

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Row]: ...

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Gives how many rows it changed."""
        ...

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...

    def now(self) -> int:
        """The present instant by the clock that leases go by."""
        ...

    def sequences(self, number: int) -> Sequence[int]:
        """So many new sequences of events, growing, for this transaction."""
        ...

    def exclude_others(self) -> None:
        """Let no other transaction that says so run until this one ends."""
        ...

    def make_place(self) -> None:
        """Make what the tables stand in."""
        ...

    def give_back(self) -> bool:
        """Give some of the space that is free inside to the machine. True: there is more."""
        ...


class Database(Protocol):
    """Which database it is, and how to reach it. `label` is without secrets."""

    label: str
    dialect: Dialect

    def connect(self) -> Session: ...

    def trouble(self, problem: Exception) -> Trouble: ...

    def error(self, problem: Exception) -> OperationsError:
        """`problem` in our words: what was found, and what to do next."""
        ...

    def check_room(self) -> None:
        """Raises FullError when the disk is under its reserve."""
        ...


class Link:
    """One session, made when it is needed, and made again after it was lost, with growing waits between attempts that fail.

    While it waits every use fails at once, with what the last attempt said. For one thread at a time.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._session: Session | None = None
        self._wait = 0.0
        self._not_before = 0.0
        self._problem: Exception | None = None

    def session(self) -> Session:
        """Raises OperationsError: there is no connection to be had now."""
        if self._session is None:
            if self._problem and time.monotonic() < self._not_before:
                raise self.database.error(self._problem) from self._problem
            try:
                self._session = self.database.connect()
            except Exception as problem:
                self._wait = min(max(2 * self._wait, FIRST_WAIT), MOST_WAIT)
                self._not_before = time.monotonic() + self._wait
                self._problem = problem
                raise self.database.error(problem) from problem
            self._wait, self._problem = 0.0, None
        return self._session

    def trouble(self, problem: Exception) -> Trouble:
        """Whose fault it is. After this the session is fit for the next use, or gone."""
        trouble: Trouble = "store" if isinstance(problem, OperationsError) else self.database.trouble(problem)
        if trouble == "operation" and self._session:
            try:
                self._session.rollback()
            except Exception:  # noqa: BLE001 - whatever it says, that session cannot be used any more
                self.drop()
        else:
            self.drop()
        return trouble

    def error(self, problem: Exception) -> OperationsError:
        return problem if isinstance(problem, OperationsError) else self.database.error(problem)

    def drop(self) -> None:
        session, self._session = self._session, None
        if session:
            with suppress(Exception):
                session.close()


class Reader:
    """Reads on a connection of their own, so that none waits for a commit. Any thread may ask; they take turns."""

    def __init__(self, database: Database) -> None:
        self._link = Link(database)
        self._turn = threading.Lock()

    def __call__(self, work: Callable[[Session], Result]) -> Result:
        """Raises OperationsError. A connection that was lost while nobody used it is made anew."""
        with self._turn:
            try:
                return work(self._link.session())
            except Exception as problem:
                if self._link.trouble(problem) != "lost":
                    raise self._link.error(problem) from problem
            try:
                return work(self._link.session())
            except Exception as problem:
                self._link.trouble(problem)
                raise self._link.error(problem) from problem

    def close(self) -> None:
        if self._turn.acquire(timeout=CLOSE_SECONDS):
            self._link.drop()
            self._turn.release()


def micros(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND


def instant(stored: int) -> datetime:
    return EPOCH + stored * MICROSECOND


def optional_instant(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)


@lru_cache(maxsize=1024)
def marks(rows: int, columns: int) -> str:
    """`(?, ?), (?, ?)`: so many rows of so many values."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def storable(text: str) -> str:
    """Text from outside as both databases can hold it: without NUL, without halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
