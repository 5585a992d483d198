"""A warehouse in Postgres: for a team. Also behind a pooler that hands out connections by transaction, such as Supabase's.

What a commit makes of stored rows is worked out here (`mirror.py`), between a BEGIN and a COMMIT in which the locks of its locations are held: so commits
of one location follow one another, in every process, and those of different locations do not wait for each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import psycopg
import pyarrow as pa

from restaurant_os.boundaries import crossing
from restaurant_os.errors import LockedError, SettingsError, WarehouseError
from restaurant_os.postgres_address import WRITE_IT_AS, postgres_address
from restaurant_os.tables import LOADED_AT, READ_SEQUENCES, TABLES, TableSpec
from restaurant_os.warehouse import ALL_COLUMNS, Changes, Commit, Ids, Writing, postgres_bulk
from restaurant_os.warehouse.compiled import is_done
from restaurant_os.warehouse.dialect import spoken
from restaurant_os.warehouse.mirror import Mirrors, folded, mirrored
from restaurant_os.warehouse.postgres_schema import OUR_SCHEMA, Migration, fingerprint, found_in
from restaurant_os.warehouse.postgres_sessions import (
    Connection,
    HeldElsewhereError,
    Locks,
    Row,
    Sessions,
    holder,
    take,
    take_if_free,
    wait_for,
)
from restaurant_os.warehouse.postgres_trouble import Trouble, is_thrown_out
from restaurant_os.warehouse.queue import CommitQueue

#: So many commits of a process land side by side, each on a connection; whoever comes meanwhile lands with the next.
LANES = 4
#: How often a transaction is run that the server threw out: a deadlock with somebody who takes no locks of ours.
TRIES = 4
#: A role that only reads, be it by its settings or by its rights, and a standby.
MAY_NOT_MIGRATE = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege)
T = TypeVar("T")


class PostgresWarehouse:
    """`wait_seconds`: how long to wait for a lock that another session holds. `stopping`: once it is set nobody waits for one any more.

    Raises (when made):
        SettingsError: `url` cannot be read; it is not shown, for it holds a secret.
    """

    lands_every_seconds = 0.0

    def __init__(
        self, url: str, *, wait_seconds: float = 30.0, now: Callable[[], datetime] | None = None, stopping: threading.Event | None = None
    ) -> None:
        try:
            address = postgres_address(url)
        except ValueError as problem:
            raise SettingsError(f"warehouse: {problem}.", next_step=WRITE_IT_AS) from None
        self.label = address.label
        self.wait_seconds = wait_seconds
        self.now = now or (lambda: datetime.now(UTC))
        self.stopping = stopping or threading.Event()
        self._trouble = Trouble(address)
        self._sessions = Sessions(address, most_kept=LANES, wait_seconds=wait_seconds)
        self._mirrors = Mirrors()
        self._queue = CommitQueue(self._land_if_free, lanes=LANES)
        self._making_ready = threading.Lock()
        self._known_locks: Locks | None = None
        #: Once it is known that tables of another version are there that we may not bring up to date: for reading.
        self._locks_as_it_is: Locks | None = None

    # --- the protocol ---------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Changes:
        own = postgres_bulk.storable(commit)
        try:
            return self._queue.commit(own)
        except HeldElsewhereError:
            # Whoever waits for another process does it beside the queue: nobody else has to.
            return self._land(own, wait_for)

    def next_read(self, restaurant_guid: str) -> int:
        name = READ_SEQUENCES.name
        taken = f"""INSERT INTO {name} (restaurant_guid, last, {LOADED_AT}) VALUES (%s, 1, %s)
            ON CONFLICT (restaurant_guid) DO UPDATE SET last = {name}.last + 1, {LOADED_AT} = excluded.{LOADED_AT} RETURNING last"""
        with self._errors((restaurant_guid,)), self._transaction() as (connection, _):
            [(last,)] = connection.execute(taken, [restaurant_guid, self.now()]).fetchall()
        return int(last)

    def fold_ledger(self, before: datetime) -> int:
        def transaction() -> int:
            with self._transaction() as (connection, locks):
                take(connection, locks.ledger)
                writing, gone = folded(partial(postgres_bulk.fetch, connection), before, mirrors=self._mirrors)
                postgres_bulk.write(connection, locks, writing)
            return gone

        with self._errors():
            return _until_it_passes(transaction)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        [found] = self.answers((sql, parameters))
        return found

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        def transaction() -> list[list[tuple[Any, ...]]]:
            with self._transaction(reading=True) as (connection, _):
                return [_answer(connection, sql, parameters) for sql, parameters in questions]

        with self._errors():
            return _until_it_passes(transaction)

    def stamp(self) -> object | None:
        """Whether somebody committed is not to be had without asking."""
        return None

    def columns(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for table, column in self.rows(ALL_COLUMNS):
            found.setdefault(table, []).append(column)
        return found

    def migrate(self, *, plan: bool = False) -> list[str]:
        with self._errors():
            return self._migrated(plan)

    def fetch(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
        with self._errors(), self._transaction(reading=True) as (connection, _):
            return postgres_bulk.fetch(connection, spec, where, ids)

    def write(self, writing: Writing) -> None:
        with self._errors(), self._transaction() as (connection, locks):
            take(connection, locks.everything)
            postgres_bulk.write(connection, locks, writing)

    def close(self) -> None:
        self._sessions.close()
        self._mirrors.close()

    # --- a commit -------------------------------------------------------------------------------------------------

    def _land_if_free(self, commit: Commit) -> Changes:
        return self._land(commit, lambda connection, locks, guids, stopping: take_if_free(connection, locks, guids))

    def _land(self, commit: Commit, lock: Callable[[Connection, Locks, Sequence[str], threading.Event], None]) -> Changes:
        def transaction() -> Changes:
            with self._transaction() as (connection, locks):
                lock(connection, locks, commit.restaurant_guids, self.stopping)
                fetch, at_once = partial(postgres_bulk.fetch, connection), partial(postgres_bulk.fetch_together, connection)
                writing, changes = mirrored(commit, fetch, self.now(), mirrors=self._mirrors, at_once=at_once)
                postgres_bulk.write(connection, locks, writing)
            return changes

        with self._errors(commit.restaurant_guids), crossing("merge"):
            return _until_it_passes(transaction)

    # --- its parts ------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, *, reading: bool = False) -> Iterator[tuple[Connection, Locks]]:
        """One in which all tables and views are there."""
        locks = self._locks(reading)
        with self._sessions.transaction(reading=reading) as connection:
            yield connection, locks

    def _locks(self, reading: bool) -> Locks:
        """The names of our locks; the first time the tables are made, or brought up to date. Who may not do that reads what there is."""
        with self._making_ready:
            if reading and self._locks_as_it_is:
                return self._locks_as_it_is
            if self._known_locks is None:
                schema, found = self._found()
                if not is_done(found, fingerprint()):
                    try:
                        self._migrated()
                    except MAY_NOT_MIGRATE:
                        if not reading or found is None:
                            raise
                        self._locks_as_it_is = Locks(str(schema))
                        return self._locks_as_it_is
                    schema, _ = self._found()
                self._known_locks = Locks(str(schema))
            return self._known_locks

    def _migrated(self, plan: bool = False) -> list[str]:
        def transaction() -> list[str]:
            with self._sessions.transaction(reading=plan) as connection:
                return Migration(connection, self.label, plan).run()

        return _until_it_passes(transaction)

    def _found(self) -> tuple[str | None, str | None]:
        found: tuple[str | None, str | None] = (None, None)
        with suppress(psycopg.errors.UndefinedTable), self._sessions.transaction(reading=True) as connection:
            found = found_in(connection)
        return found

    @contextmanager
    def _errors(self, restaurant_guids: Sequence[str] = ()) -> Iterator[None]:
        """Our own errors for the driver's; who holds a lock is asked while it is held."""
        try:
            with self._trouble.as_ours():
                yield
        except LockedError as problem:
            raise self._locked(restaurant_guids) from problem.__cause__

    def _locked(self, restaurant_guids: Sequence[str]) -> LockedError:
        found: Row | None = None
        with suppress(psycopg.Error, WarehouseError), self._sessions.transaction(reading=True) as connection:
            [(schema,)] = connection.execute(f"SELECT {OUR_SCHEMA}").fetchall()
            locks = self._known_locks or Locks(str(schema))
            found = holder(connection, locks, restaurant_guids, [spec.name for spec in TABLES])
        return self._trouble.locked(None if found is None else (found[0], found[1], found[2], found[3]), self.wait_seconds)


def _until_it_passes(transaction: Callable[[], T]) -> T:
    for _ in range(TRIES - 1):
        try:
            return transaction()
        except psycopg.Error as problem:
            if not is_thrown_out(problem):
                raise
    return transaction()


def _answer(connection: Connection, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor = connection.execute(spoken(sql, "postgres"), list(parameters))
    return [tuple(map(_as_ours, row)) for row in cursor.fetchall()]


def _as_ours(value: Any) -> Any:
    """A sum of whole numbers is a numeric here. Instants come in the session's zone."""
    if type(value) is Decimal:
        return int(value) if value.as_tuple().exponent == 0 else value
    return value.astimezone(UTC) if type(value) is datetime and value.tzinfo else value
