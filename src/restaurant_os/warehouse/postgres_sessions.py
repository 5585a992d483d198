"""Connections to a Postgres, transactions on them, and the locks by which commits of one location follow one another.

Also behind a pooler that hands out connections by transaction: nothing outlives one. No prepared statements, settings or locks of the session.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import sql

from restaurant_os.errors import StoppedError
from restaurant_os.postgres_address import PostgresAddress
from restaurant_os.warehouse.postgres_trouble import CommitInDoubtError, is_lost

Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]

#: A statement of ours ends in seconds; one of a copy of years in minutes. While rows are worked out the transaction is idle: a process that was
#: stopped then must not keep a location's lock.
STATEMENT_SECONDS, IDLE_SECONDS = 900, 120
#: Instants as text in UTC, floats whole, and an answer to COMMIT means that it is on disk, whatever the role's or the database's own settings are.
#: Compiling a view's hundreds of expressions costs seconds, running them milliseconds: no JIT.
AS_WE_READ = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL extra_float_digits = 1; SET LOCAL jit = off"
TIMES = f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'; SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'"
READING = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {AS_WE_READ}; {TIMES}"
WRITING = f"BEGIN ISOLATION LEVEL READ COMMITTED; {AS_WE_READ}; {TIMES}; SET LOCAL synchronous_commit = on"
#: A connection that nobody used for so long is not used again: what stands between may have forgotten it without a word.
KEPT_SECONDS = 240.0
#: A commit of more locations has one lock for all: the server's room for locks is bounded.
MOST_LOCKS = 256
#: How often a wait for a lock looks whether it is to end.
LOOK_SECONDS = 0.1


class HeldElsewhereError(Exception):
    """Another transaction has the lock of one of the locations."""


class Sessions:
    """Connections, one for each transaction that runs, kept for the next. Made when they are needed."""

    def __init__(self, address: PostgresAddress, *, most_kept: int, wait_seconds: float) -> None:
        self._address = address
        self._most_kept = most_kept
        # 0 would be for ever.
        waiting = f"; SET LOCAL lock_timeout = {max(round(wait_seconds * 1000), 1)}"
        self._reading, self._writing = READING + waiting, WRITING + waiting
        self._kept: list[tuple[float, Connection]] = []
        self._keeping = threading.Lock()
        weakref.finalize(self, _close_all, self._kept)

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Connection]:
        """Everything in the block lands, or nothing.

        Raises:
            CommitInDoubtError: the connection was lost while COMMIT was under way. psycopg.Error: whatever else failed; nothing is in.
        """
        connection = self._begun(self._reading if reading else self._writing)
        try:
            yield connection
            _commit(connection)
        except BaseException:
            _undo(connection)
            raise
        finally:
            self._keep(connection)

    def close(self) -> None:
        with self._keeping:
            _close_all(self._kept)

    def _begun(self, begin: str) -> Connection:
        """A connection in a new transaction. One that was cut while it was kept costs nothing: nothing was asked of it yet."""
        while kept := self._taken():
            try:
                return _begin(kept, begin)
            except psycopg.Error as problem:
                if not is_lost(problem):
                    raise
        parameters = {**self._address.parameters, "client_encoding": "UTF8"}
        return _begin(psycopg.connect(autocommit=True, prepare_threshold=None, **parameters), begin)

    def _taken(self) -> Connection | None:
        with self._keeping:
            if not self._kept:
                return None
            since, connection = self._kept.pop()
        if time.monotonic() - since > KEPT_SECONDS:
            connection.close()
            return self._taken()
        return connection

    def _keep(self, connection: Connection) -> None:
        if not connection.closed:
            with self._keeping:
                if len(self._kept) < self._most_kept:
                    self._kept.append((time.monotonic(), connection))
                    return
            connection.close()


def _begin(connection: Connection, begin: str) -> Connection:
    """The same, in a transaction. One in which it could not begin is closed."""
    try:
        connection.execute(begin)
    except BaseException:
        connection.close()
        raise
    return connection


def _close_all(kept: list[tuple[float, Connection]]) -> None:
    while kept:
        kept.pop()[1].close()


def _commit(connection: Connection) -> None:
    """A COMMIT of a transaction that failed is a ROLLBACK, and says so only in passing."""
    try:
        status = connection.execute("COMMIT").statusmessage
    except psycopg.Error as problem:
        if is_lost(problem):
            raise CommitInDoubtError from problem
        raise
    if status != "COMMIT":
        raise psycopg.OperationalError(f"COMMIT was answered with {status}")


def _undo(connection: Connection) -> None:
    """A connection that cannot undo is closed, which undoes too."""
    try:
        if not connection.closed:
            connection.execute("ROLLBACK")
    except psycopg.Error:
        connection.close()


# --- locks ----------------------------------------------------------------------------------------------------------


class Locks:
    """The names of our locks in a database, which all that stand in it share: those of the tables in one schema are apart from another's."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self.everything = self._key("every location")
        self.sequence = self._key("sequence")
        self.ledger = self._key("ledger")

    def of(self, restaurant_guids: Collection[str]) -> list[int]:
        """Of locations, in the one order in which everybody takes them."""
        return sorted({self._key(f"location {guid}") for guid in restaurant_guids})

    def _key(self, name: str) -> int:
        return key(f"{self._schema} {name}")


def key(name: str) -> int:
    """A lock's number by its name."""
    return int.from_bytes(blake2b(f"restaurant-os {name}".encode(), digest_size=8).digest(), "big", signed=True)


def take(connection: Connection, number: int) -> None:
    """A lock until the end of the transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [number])


def take_if_free(connection: Connection, locks: Locks, restaurant_guids: Collection[str]) -> None:
    """The locks of locations until the end of the transaction.

    Raises:
        HeldElsewhereError: one of them is another's; some may be ours now.
    """
    own = locks.of(restaurant_guids)
    values: list[object]
    if len(own) > MOST_LOCKS:
        asked, values = "SELECT pg_try_advisory_xact_lock(%s::bigint)", [locks.everything]
    else:
        all_own = "(SELECT coalesce(bool_and(pg_try_advisory_xact_lock(k)), TRUE) FROM unnest(%s::bigint[]) AS k)"
        asked, values = f"SELECT pg_try_advisory_xact_lock_shared(%s::bigint) AND {all_own}", [locks.everything, own]
    if connection.execute(asked, values).fetchone() != (True,):
        raise HeldElsewhereError


def wait_for(connection: Connection, locks: Locks, restaurant_guids: Collection[str], stopping: threading.Event) -> None:
    """The locks of locations until the end of the transaction, each waited for as long as the transaction may wait for a lock.

    Everybody takes them in one order, the one of every location first, so that no two wait for each other.

    Raises:
        StoppedError: `stopping` was set meanwhile. psycopg.errors.LockNotAvailable: somebody had one all the time.
    """
    own = locks.of(restaurant_guids)
    with _ended_when(stopping, connection):
        if len(own) > MOST_LOCKS:
            take(connection, locks.everything)
            return
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s::bigint)", [locks.everything])
        connection.execute("SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) AS k", [own])


@contextmanager
def _ended_when(stopping: threading.Event, connection: Connection) -> Iterator[None]:
    """What runs in the block on `connection` ends once `stopping` is set."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            if stopping.is_set():
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=5)

    watcher = threading.Thread(target=watch, name="lock-wait", daemon=True)
    watcher.start()
    try:
        yield
    except psycopg.errors.QueryCanceled:
        if stopping.is_set():
            raise StoppedError("stopped while another session held the lock of a location; what was committed is in.") from None
        raise
    finally:
        done.set()
        watcher.join()


def holder(connection: Connection, locks: Locks, restaurant_guids: Collection[str], tables: Sequence[str]) -> Row | None:
    """Who has what a commit of these locations may have waited for: session id, application, role, seconds since its transaction began.

    None: nobody has it any more. Of another role's session the server tells its id alone, unless ours may see more.
    """
    wanted = [locks.everything, locks.sequence, *locks.of(restaurant_guids)]
    halves = [((number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF) for number in wanted]
    asked = sql.SQL(
        """SELECT a.pid, a.application_name, a.usename, extract(epoch FROM clock_timestamp() - a.xact_start)::float8
        FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
        WHERE l.granted AND l.pid <> pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (
            (l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint, l.objid::bigint) IN ({halves}))
            OR (l.locktype = 'relation' AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                AND l.relation IN (SELECT to_regclass(t) FROM unnest({tables}::text[]) AS t)))
        ORDER BY (l.locktype = 'relation') DESC, a.xact_start LIMIT 1"""
    ).format(
        halves=sql.SQL(", ").join(sql.SQL("({}, {})").format(sql.Literal(high), sql.Literal(low)) for high, low in halves),
        tables=sql.Literal(list(tables)),
    )
    return connection.execute(asked).fetchone()
