"""The embedded warehouse: one DuckDB file, no server.

One process at a time may hold the file for writing, so whoever needs it opens it, works and closes it again; others stand in
line for a bounded time and are then told whom they wait for. A service may keep it open while nobody else wants it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from restaurant_os.boundaries import crossing
from restaurant_os.errors import StoppedError, WarehouseError
from restaurant_os.settings import is_there
from restaurant_os.tables import (
    BY_NAME,
    COUNT,
    DATE,
    FLAG,
    INSTANT,
    LOADED_AT,
    MONEY,
    RATE,
    READ_SEQUENCES,
    REAL,
    TABLES,
    TEXT,
    TableSpec,
)
from restaurant_os.warehouse import ALL_COLUMNS, Changes, Commit, Ids, Writing
from restaurant_os.warehouse.bring import bring, insert, run
from restaurant_os.warehouse.compiled import is_done, newer, numbered, views
from restaurant_os.warehouse.fold import fold_runs
from restaurant_os.warehouse.kept import KeptFile
from restaurant_os.warehouse.line import next_in_line
from restaurant_os.warehouse.merge import same_values
from restaurant_os.warehouse.queue import CommitQueue
from restaurant_os.warehouse.rows import fetch_rows, write_rows
from restaurant_os.warehouse.theirs import Kept, Known
from restaurant_os.warehouse.trouble import as_our_errors, is_cut, is_held, locked, our_error

SQL_TYPES = {
    MONEY: "DECIMAL(18, 4)",
    INSTANT: "TIMESTAMPTZ",
    TEXT: "VARCHAR",
    DATE: "DATE",
    FLAG: "BOOLEAN",
    COUNT: "BIGINT",
    REAL: "DOUBLE",
    RATE: "DECIMAL(18, 8)",
}
#: Extensions need a network, so none is ever looked for. The time zone is set after connecting: as a setting of `connect` it would load one.
SAFE_CONFIG = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
#: Of rows, in the file: a checkpoint writes the last, unfilled group of every table anew, and two threads take a group each.
ROW_GROUP_SIZE = 16_384
TWO_THREADS = {"threads": "2"}
#: No query of ours counts on the order in which rows came, and keeping it costs a fifth of an insert.
ANY_ORDER = {"preserve_insertion_order": "false"}
#: A checkpoint may write the row groups that are not full anew, as fewer. Commits that only add leave that to the next that changes rows.
NO_VACUUM = {"max_vacuum_tasks": "0"}
VACUUM = "SET GLOBAL max_vacuum_tasks = 100"
SCHEMA_TABLE = "restaurant_os_schema"
#: A user may have schemas beside, with tables and views of any name.
HERE = "database_name = current_database() AND schema_name = current_schema()"
OUR_COLUMNS = f"SELECT column_name, data_type FROM duckdb_columns() WHERE {HERE} AND table_name = ?"
OUR_VIEWS = f"SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND {HERE}"
#: The comment of a view of ours: one that a user made under its name has none.
MARK = "Made by Restaurant OS, which replaces it when its definition changes"
MARKS = f"SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND {HERE}"
#: Views that had no mark when they were made: version 0.1.0's, and those that came with the tables of cash and labor.
FIRST_VIEWS = frozenset({"daily_sales"})
NEXT_VIEWS = FIRST_VIEWS | {
    *("daily_cash", "daily_close", "daily_profitability", "hourly_profitability", "open_checks", "product_mix", "profitability_by_role"),
    *("restatements", "sales_by_dining_option", "sales_by_revenue_center", "sales_by_source", "server_sales", "weekly_profitability"),
}
UTC_SESSION = "SET TimeZone = 'UTC'"
#: A file that is shorter than it says may have been met while another process shortened it (seen once): so long it is looked at again.
MENDS_SECONDS = 1.0
#: Between two looks whether the file is free: at first, and at most.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.002, 0.02


class DuckDBWarehouse:
    """`wait_seconds`: how long to wait for a file that another process holds. `memory_limit`: as DuckDB writes it, e.g. '256MB'.

    `idle_seconds`: how long the file may stay open with nothing to do while nobody else wants it; 0 closes it after every step. `stopping`: once it is
    set nobody waits for the file any more.
    """

    lands_every_seconds = 0.0

    def __init__(
        self,
        path: Path,
        *,
        wait_seconds: float = 30.0,
        memory_limit: str = "256MB",
        now: Callable[[], datetime] | None = None,
        idle_seconds: float = 0.0,
        stopping: threading.Event | None = None,
    ) -> None:
        self.path = path
        self.label = f"duckdb {path}"
        self.wait_seconds = wait_seconds
        self.memory_limit = memory_limit
        self.stopping = stopping or threading.Event()
        self.now = now or (lambda: datetime.now(UTC))
        self._known: Known = {}
        self._queue = CommitQueue(self._transaction)
        self._file = KeptFile(path, opened=self._opened, begin=_begin_session, seconds=idle_seconds, is_wanted=self._queue.is_wanted)

    # --- the protocol ---------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Changes:
        return self._queue.commit(commit)

    def _transaction(self, commit: Commit) -> Changes:
        with self._open() as connection:
            loaded_at = self.now()
            with crossing("merge"), transaction(connection):
                kept = Kept(partial(run, connection), self._known)
                changes = bring(connection, commit, loaded_at, keep=kept.before)
                kept.give_back()
                if changes.changed:
                    run(connection, VACUUM)
            return changes

    def next_read(self, restaurant_guid: str) -> int:
        with self._open() as connection, transaction(connection):
            taken = f"SELECT coalesce(max(last), 0) + 1 FROM {READ_SEQUENCES.name} WHERE restaurant_guid = ?"
            [(last,)] = run(connection, taken, [restaurant_guid])
            run(connection, f"DELETE FROM {READ_SEQUENCES.name} WHERE restaurant_guid = ?", [restaurant_guid])
            insert(connection, READ_SEQUENCES, [{"restaurant_guid": restaurant_guid, "last": last, LOADED_AT: self.now()}])
        return int(last)

    def fold_ledger(self, before: datetime) -> int:
        with self._open() as connection, transaction(connection):
            return fold_runs(partial(run, connection), before)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        [found] = self.answers((sql, parameters))
        return found

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        with as_our_errors(self.path), self._file.read() as connection, transaction(connection):
            return [run(connection, sql, parameters) for sql, parameters in questions]

    def columns(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for table, column in self.rows(ALL_COLUMNS):
            found.setdefault(table, []).append(column)
        return found

    def migrate(self, *, plan: bool = False) -> list[str]:
        steps = self._missing()
        if not plan:
            with self._open() as connection:
                # To open it was not enough where its fingerprint is as it should be.
                if not newer(_fingerprint_of(connection)) and schema_steps(connection, self.path):
                    make_schema(connection, self.path)
        return steps

    def fetch(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
        with as_our_errors(self.path), self._file.read() as connection, transaction(connection):
            return fetch_rows(connection, spec, where, ids)

    def write(self, writing: Writing) -> None:
        with self._open() as connection, crossing("merge"), transaction(connection):
            kept = Kept(partial(run, connection), self._known)
            for name, rows in writing.rows.items():
                _keep_by_key(connection, kept, BY_NAME[name], rows)
            if write_rows(connection, writing):
                run(connection, VACUUM)
            kept.give_back()

    def stamp(self) -> object | None:
        return self._file.stamp()

    def close(self) -> None:
        """Let go of the file now, where it stayed open."""
        self._file.close()

    # --- its parts ------------------------------------------------------------------------------------------------

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file, ours alone for a moment, with every table and view up to date."""
        with as_our_errors(self.path), self._file.use() as connection:
            yield connection

    def _missing(self) -> list[str]:
        """What opening the file would add to it, in words."""
        if not is_there(self.path):
            return [f"file {self.path}: made, with {len(TABLES)} tables and {len(views('duckdb'))} views"]
        self._file.close()
        # What a process that died left in the log is taken in first: that cannot be done read-only.
        has_log = is_there(self.path.with_name(self.path.name + ".wal"))
        connection = connect(self.path, wait_seconds=self.wait_seconds, config=TWO_THREADS, read_only=not has_log, stopping=self.stopping)
        try:
            with as_our_errors(self.path):
                return schema_steps(connection, self.path)
        finally:
            _close(connection)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        self._make_folder()
        if not is_there(self.path):
            _begin_file(self.path)
        config = {"memory_limit": self.memory_limit, **TWO_THREADS, **ANY_ORDER, **NO_VACUUM}
        connection = connect(self.path, wait_seconds=self.wait_seconds, config=config, stopping=self.stopping)
        self._known = {}
        try:
            with as_our_errors(self.path):
                ensure_schema(connection, self.path)
        except BaseException:
            _close(connection)
            raise
        return connection

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise WarehouseError(
                f"warehouse: the folder {self.path.parent} cannot be made: {problem.strerror}.",
                next_step='Choose another place: `warehouse = "duckdb:///path"` in the settings.',
            ) from None


def connect(
    path: Path, *, wait_seconds: float, config: dict[str, str], read_only: bool = False, stopping: threading.Event | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting for our turn at it.

    Raises:
        LockedError: another process held it all the time; names its id.
        StoppedError: `stopping` was set while we waited.
        WarehouseError: it is no DuckDB file, or cannot be read or written.
    """
    began = time.monotonic()
    give_up = began + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    stopping = stopping or threading.Event()
    with next_in_line(path, give_up=give_up, stopping=stopping):
        # A connection without a file would put what does not fit in memory into the folder that it was started in.
        beside = {"temp_directory": f"{path}.tmp"}
        connection = None if read_only else duckdb.connect(config={**SAFE_CONFIG, **beside, **config})
        while True:
            try:
                return _attached(connection, path) if connection else _read_only(path, config)
            except duckdb.Error as problem:
                is_taken = is_held(problem) or (is_cut(problem) and time.monotonic() < began + MENDS_SECONDS)
                if is_taken and time.monotonic() < give_up and not stopping.wait(random.uniform(pause / 2, pause)):
                    pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
                    continue
                if connection:
                    connection.close()
                if is_taken and stopping.is_set():
                    raise StoppedError(
                        f"warehouse {path}: stopped while another process held the file; what was committed is in."
                    ) from None
                raise (locked(problem, path, wait_seconds) if is_taken else our_error(problem, path)) from None


def _attached(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyConnection:
    """A connection that has no file yet is given this one; refused, it may be asked again, which is cheaper than a new one."""
    quoted = str(path).replace("'", "''")
    run(connection, f"ATTACH '{quoted}' AS warehouse (ROW_GROUP_SIZE {ROW_GROUP_SIZE})")
    _begin_session(connection)
    return connection


def _begin_session(connection: duckdb.DuckDBPyConnection) -> None:
    run(connection, "USE warehouse")
    run(connection, UTC_SESSION)


def _read_only(path: Path, config: dict[str, str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), read_only=True, config={**SAFE_CONFIG, **config})
    run(connection, UTC_SESSION)
    return connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything in the block lands, or nothing."""
    run(connection, "BEGIN")
    try:
        yield
        run(connection, "COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # the connection is closed next, which undoes an open transaction too
            run(connection, "ROLLBACK")
        raise


def _keep_by_key(connection: duckdb.DuckDBPyConnection, kept: Kept, spec: TableSpec, rows: pa.Table) -> None:
    """Of the stored rows with the keys of `rows`."""
    connection.register("coming_keys", rows.select(list(spec.key)))
    kept.before(spec, f"EXISTS (SELECT 1 FROM coming_keys AS c WHERE {same_values('c', spec.name, spec.key)})")
    connection.unregister("coming_keys")


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # closing writes a checkpoint; where that fails the log still holds what was committed
        connection.close()


# --- a new file -----------------------------------------------------------------------------------------------------


@cache
def empty_file() -> bytes:
    """A warehouse with every table and view and no row: what the views cost to make, half a second, is paid once in a process."""
    with tempfile.TemporaryDirectory(prefix="restaurant-os-") as folder:
        path = Path(folder, "empty.duckdb")
        connection = connect(path, wait_seconds=0.0, config=TWO_THREADS)
        try:
            ensure_schema(connection, path)
        finally:
            connection.close()
        return path.read_bytes()


def _begin_file(path: Path) -> None:
    """Make the file whole, or not at all: another process may be doing the same. What fails here is met, and told, by whoever opens it."""
    with suppress(OSError):
        half = path.with_name(f".{path.name}.new-{uuid.uuid4().hex[:8]}")
        try:
            with half.open("xb") as file:
                file.write(empty_file())
                file.flush()
                os.fsync(file.fileno())
            os.link(half, path)
        finally:
            half.unlink(missing_ok=True)


# --- tables and views -----------------------------------------------------------------------------------------------


@cache
def fingerprint() -> str:
    """Changes whenever the tables or views in the code do."""
    tables = [(spec.name, [(c.name, str(c.type)) for c in spec.columns], spec.key) for spec in TABLES]
    return numbered(hashlib.sha256(repr((tables, views("duckdb"))).encode()).hexdigest())


def ensure_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables, columns and views that are missing. Costs one query when nothing is."""
    if is_done(_fingerprint_of(connection), fingerprint()):
        return
    make_schema(connection, path)


def make_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """What `ensure_schema` does where the fingerprint is another one."""
    theirs = _views_of_theirs(connection)
    with transaction(connection):
        for spec in TABLES:
            ensure_table(connection, spec, path)
        for name, other in theirs.items():
            run(connection, f"ALTER VIEW {name} RENAME TO {other}")
        for name, sql in views("duckdb").items():
            run(connection, f"CREATE OR REPLACE VIEW {name} AS {sql}")
            run(connection, f"COMMENT ON VIEW {name} IS '{MARK}'")
        run(connection, f"CREATE TABLE IF NOT EXISTS {SCHEMA_TABLE} (fingerprint VARCHAR)")
        run(connection, f"DELETE FROM {SCHEMA_TABLE}")
        run(connection, f"INSERT INTO {SCHEMA_TABLE} VALUES (?)", [fingerprint()])


def _fingerprint_of(connection: duckdb.DuckDBPyConnection) -> str | None:
    """Of the code that last brought the file up to date; None in a new one."""
    try:
        [(found,)] = run(connection, f"SELECT fingerprint FROM {SCHEMA_TABLE}")
    except duckdb.CatalogException:
        return None
    return str(found)


def _views_of_theirs(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Views that a user made under a name of ours, and the name under which each of them is kept."""
    found: dict[str, str | None] = {str(name).lower(): comment for name, comment in run(connection, MARKS)}
    ours = frozenset[str]() if MARK in found.values() else _made_without_mark(connection)
    taken = {str(name).lower() for (name,) in run(connection, "SELECT table_name FROM information_schema.tables")}
    theirs = {}
    for name in views("duckdb"):
        if name in found and found[name] != MARK and name not in ours:
            theirs[name] = next(other for other in _names_before(name) if other not in taken)
    return theirs


def _names_before(name: str) -> Iterator[str]:
    yield f"{name}_before"
    yield from (f"{name}_before_{number}" for number in itertools.count(2))


def _made_without_mark(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """What an earlier version, which marked none, may have made in this file."""
    if _fingerprint_of(connection) is None:
        return frozenset()
    return NEXT_VIEWS if run(connection, OUR_COLUMNS, ["fact_cash_entries"]) else FIRST_VIEWS


def schema_steps(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """What `make_schema` would do, each step in words; nothing is written. Every table and view is looked at: a user may have dropped one.

    Raises:
        WarehouseError: a column is of another type.
    """
    if told := newer(_fingerprint_of(connection)):
        return told
    steps: list[str] = []
    for spec in TABLES:
        found: dict[str, str] = dict(run(connection, OUR_COLUMNS, [spec.name]))
        if not found:
            steps.append(f"table {spec.name}: made, with {len(spec.columns)} columns")
            continue
        _check_types(spec, found, path)
        steps += [f"table {spec.name}: column {name} added" for name in spec.names if name not in found]
    stored = dict(run(connection, OUR_VIEWS))
    made = _views_as_stored() if stored else {}
    theirs = _views_of_theirs(connection)
    for name in views("duckdb"):
        if name in theirs:
            steps.append(f"view {name}: made; the one of this name is not ours and is kept as {theirs[name]}")
        elif name not in stored:
            steps.append(f"view {name}: made")
        elif stored[name] != made[name]:
            steps.append(f"view {name}: made anew, its definition is another one")
    if not steps and _fingerprint_of(connection) != fingerprint():
        return ["tables and views: as they should be; their fingerprint is noted"]
    return steps


@cache
def _views_as_stored() -> dict[str, str]:
    """Our views as DuckDB writes them down."""
    with duckdb.connect(":memory:", config={**SAFE_CONFIG, **TWO_THREADS}) as connection:
        ensure_schema(connection, Path(":memory:"))
        return dict(run(connection, OUR_VIEWS))


def ensure_table(connection: duckdb.DuckDBPyConnection, spec: TableSpec, path: Path) -> None:
    """Make a table, or the columns of it that are missing.

    Raises:
        WarehouseError: a column is of another type.
    """

    def definition(name: str, kind: pa.DataType) -> str:
        return f"{name} {SQL_TYPES[kind]}{' NOT NULL' if name in spec.key else ''}"

    columns = ", ".join(definition(c.name, c.type) for c in spec.columns)
    run(connection, f"CREATE TABLE IF NOT EXISTS {spec.name} ({columns})")
    found: dict[str, str] = dict(run(connection, f"SELECT name, type FROM pragma_table_info('{spec.name}')"))
    _check_types(spec, found, path)
    for column in spec.columns:
        if column.name not in found:
            run(connection, f"ALTER TABLE {spec.name} ADD COLUMN {column.name} {SQL_TYPES[column.type]}")


def _check_types(spec: TableSpec, found: dict[str, str], path: Path) -> None:
    for column in spec.columns:
        wanted = SQL_TYPES[column.type]
        if column.name in found and found[column.name].replace(" ", "") != wanted.replace(
            "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"
        ).replace(" ", ""):
            raise WarehouseError(
                f'warehouse {path}: table "{spec.name}", column "{column.name}" is {found[column.name]}, {wanted} was expected. Nothing was changed.',
                next_step="This file was made by something else, or by a newer version: name another file in `warehouse`.",
            )
