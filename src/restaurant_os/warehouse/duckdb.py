"""The embedded warehouse: one DuckDB file, no server.

One process at a time may hold the file for writing, so whoever needs it opens it, works and closes it again; others stand in
line for a bounded time and are then told whom they wait for. A service may keep it open while nobody else wants it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from restaurant_os.boundaries import crossing
from restaurant_os.errors import DiskFullError, LockedError, StoppedError, WarehouseError
from restaurant_os.tables import (
    CALENDAR_TABLES,
    COUNT,
    DATASETS,
    DATE,
    FLAG,
    INSTANT,
    LOADED_AT,
    MENU_PUBLICATIONS,
    MONEY,
    RATE,
    READ_SEQUENCES,
    REAL,
    TABLES,
    TEXT,
    TableSpec,
)
from restaurant_os.text import printable
from restaurant_os.warehouse import Changes, Commit, lookups, together
from restaurant_os.warehouse.compiled import views
from restaurant_os.warehouse.daysets import DaySetMerge
from restaurant_os.warehouse.fold import fold_runs
from restaurant_os.warehouse.history import HistoryMerge
from restaurant_os.warehouse.kept import KeptFile
from restaurant_os.warehouse.latest import keep_latest
from restaurant_os.warehouse.line import next_in_line
from restaurant_os.warehouse.lists import replace_rows
from restaurant_os.warehouse.merge import Run, SetMerge
from restaurant_os.warehouse.records import record
from restaurant_os.warehouse.snapshots import Snapshots

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
#: What DuckDB says of a file that another process has open, and another connection of this one.
HELD = ("Could not set lock", "Unique file handle conflict")
SCHEMA_TABLE = "restaurant_os_schema"
#: The days read whole, as `daysets.py` wants them.
DAYS = pa.schema([("restaurant_guid", TEXT), ("business_date", DATE), ("read_seq", COUNT)])
UTC_SESSION = "SET TimeZone = 'UTC'"
#: Between two looks whether the file is free: at first, and at most.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.002, 0.02


@dataclass(slots=True, eq=False)
class _Waiting:
    """A commit in the queue for the file, and what became of it."""

    commit: Commit
    outcome: Changes | BaseException | None = None


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
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._queue: list[_Waiting] = []
        self._landing: list[_Waiting] = []
        self._file = KeptFile(path, opened=self._opened, begin=_begin_session, seconds=idle_seconds, is_wanted=self._is_wanted)

    # --- the protocol ---------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> Changes:
        """Land everything of `commit`, or nothing.

        Commits that wait for the file at the same time land together, in one transaction and one merge: most of the cost of a
        small commit is the opening, the statements and the checkpoint around it. Should they fail together, each is tried alone.
        """
        waiting = _Waiting(commit)
        with self._counting:
            self._queue.append(waiting)
        try:
            with self._turn:
                while waiting.outcome is None:
                    self._land(self._group())
        finally:
            with self._counting:
                self._queue.remove(waiting)
        if isinstance(waiting.outcome, BaseException):
            raise waiting.outcome
        return waiting.outcome or Changes()

    def _group(self) -> list[_Waiting]:
        """The first in the queue, and whatever can land with it: of the same dataset and mode, of locations that neither it nor any commit
        that is left waiting before it has. So each location's commits keep their order."""
        with self._counting:
            waiting = [other for other in self._queue if other.outcome is None]
        first = waiting[0].commit
        group: list[_Waiting] = []
        taken: set[str] = set()
        for other in waiting:
            own = other.commit
            if (own.dataset, own.load_mode) == (first.dataset, first.load_mode) and taken.isdisjoint(own.restaurant_guids):
                group.append(other)
            taken.update(own.restaurant_guids)
        return group

    def _is_wanted(self) -> bool:
        """Whether a commit waits that is not among those that land now."""
        with self._counting:
            return any(other.outcome is None and other not in self._landing for other in self._queue)

    def _land(self, group: list[_Waiting]) -> None:
        self._landing = group
        try:
            changes = self._transaction(together([waiting.commit for waiting in group]))
        except Exception as problem:  # noqa: BLE001 - whatever it is, those who wait beside it must hear of their own commits
            for waiting in group:
                if len(group) == 1 or isinstance(problem, LockedError):
                    waiting.outcome = problem
                else:
                    self._land([waiting])
            return
        for waiting in group:
            waiting.outcome = changes.of(waiting.commit.restaurant_guids)

    def _transaction(self, commit: Commit) -> Changes:
        with self._open() as connection:
            loaded_at = self.now()
            with crossing("merge"), transaction(connection):
                changes = self._merge(connection, commit, loaded_at)
                record(partial(run, connection), partial(_insert, connection), commit, changes, loaded_at)
                if changes.changed:
                    run(connection, VACUUM)
            return changes

    def next_read(self, restaurant_guid: str) -> int:
        with self._open() as connection, transaction(connection):
            taken = f"SELECT coalesce(max(last), 0) + 1 FROM {READ_SEQUENCES.name} WHERE restaurant_guid = ?"
            [(last,)] = run(connection, taken, [restaurant_guid])
            run(connection, f"DELETE FROM {READ_SEQUENCES.name} WHERE restaurant_guid = ?", [restaurant_guid])
            _insert(connection, READ_SEQUENCES, [{"restaurant_guid": restaurant_guid, "last": last, LOADED_AT: self.now()}])
        return int(last)

    def fold_ledger(self, before: datetime) -> int:
        with self._open() as connection, transaction(connection):
            return fold_runs(partial(run, connection), before)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        [found] = self.answers((sql, parameters))
        return found

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        with _as_our_errors(self.path), self._file.read() as connection, transaction(connection):
            return [run(connection, sql, parameters) for sql, parameters in questions]

    def stamp(self) -> object | None:
        return self._file.stamp()

    def close(self) -> None:
        """Let go of the file now, where it stayed open."""
        self._file.close()

    # --- its parts ------------------------------------------------------------------------------------------------

    def _merge(self, connection: duckdb.DuckDBPyConnection, commit: Commit, loaded_at: datetime) -> Changes:
        """Every set that is staged, then the lists. What settled days were, and are now, goes to `day_snapshots`."""
        changes = Changes()
        for name, table in commit.tables.items():
            connection.register(f"staged_{name}", table)
        statement = partial(run, connection)
        snapshots = Snapshots(statement, commit.dataset, loaded_at)
        for merge in self._merges(connection, commit, loaded_at, snapshots):
            own = merge.apply(commit.load_mode)
            if own.days:
                snapshots.note(merge.touched())
            changes = changes.plus(own)
        lookups.of_facts(statement, DATASETS[commit.dataset], changes.days)
        for history in DATASETS[commit.dataset].histories:
            if history.name in commit.tables and commit.tables[history.name].num_rows:
                changes = changes.plus(_keep_history(statement, history, commit, loaded_at))
        for spec in DATASETS[commit.dataset].latest:
            if spec.name in commit.tables:
                changes = changes.plus(keep_latest(statement, spec, loaded_at))
        for spec in (*CALENDAR_TABLES, MENU_PUBLICATIONS):
            if spec.name in commit.tables:
                replace_rows(statement, spec, loaded_at)
        snapshots.after(commit.runs)
        return changes

    def _merges(
        self, connection: duckdb.DuckDBPyConnection, commit: Commit, loaded_at: datetime, snapshots: Snapshots
    ) -> Iterator[SetMerge | DaySetMerge]:
        dataset = DATASETS[commit.dataset]
        shared: dict[str, Any] = {
            "restaurant_guids": commit.restaurant_guids,
            "loaded_at": loaded_at,
            "before_writing": lambda changes: snapshots.before(changes.days),
        }
        for records in dataset.sets:
            if records.header.name in commit.tables:
                staged = {spec.name: commit.tables[spec.name].num_rows for spec in records.tables}
                yield SetMerge(partial(run, connection), records, staged=staged, **shared)
        for spec in dataset.day_sets:
            if spec.name in commit.tables:
                days = [asdict(own) for own in commit.day_sets if own.table == spec.name]
                connection.register(f"days_{spec.name}", pa.Table.from_pylist(days, schema=DAYS))
                yield DaySetMerge(partial(run, connection), spec, dataset=dataset.name, **shared)

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file, ours alone for a moment, with every table and view up to date."""
        with _as_our_errors(self.path), self._file.use() as connection:
            yield connection

    def _opened(self) -> duckdb.DuckDBPyConnection:
        self._make_folder()
        if not self.path.exists():
            _begin_file(self.path)
        config = {"memory_limit": self.memory_limit, **TWO_THREADS, **ANY_ORDER, **NO_VACUUM}
        connection = connect(self.path, wait_seconds=self.wait_seconds, config=config, stopping=self.stopping)
        try:
            with _as_our_errors(self.path):
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


def _keep_history(statement: Run, spec: TableSpec, commit: Commit, loaded_at: datetime) -> Changes:
    merge = HistoryMerge(statement, spec, dataset=commit.dataset, runs=commit.runs, loaded_at=loaded_at)
    changes = merge.apply()
    lookups.of_dimension(statement, spec, {guid: merge.effective[guid] for guid in changes.locations})
    return changes


def run(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """One statement, with all of its rows: a connection takes no other while a result is unread."""
    return connection.execute(sql, list(parameters)).fetchall()


def connect(
    path: Path, *, wait_seconds: float, config: dict[str, str], read_only: bool = False, stopping: threading.Event | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting for our turn at it.

    Raises:
        LockedError: another process held it all the time; names its id.
        StoppedError: `stopping` was set while we waited.
        WarehouseError: it is no DuckDB file, or cannot be read or written.
    """
    give_up = time.monotonic() + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    stopping = stopping or threading.Event()
    with next_in_line(path, give_up=give_up, stopping=stopping):
        connection = None if read_only else duckdb.connect(config={**SAFE_CONFIG, **config})
        while True:
            try:
                return _attached(connection, path) if connection else _read_only(path, config)
            except duckdb.Error as problem:
                found, is_held = str(problem), any(said in str(problem) for said in HELD)
                if is_held and time.monotonic() < give_up and not stopping.wait(random.uniform(pause / 2, pause)):
                    pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
                    continue
                if connection:
                    connection.close()
                if is_held and stopping.is_set():
                    raise StoppedError(
                        f"warehouse {path}: stopped while another process held the file; what was committed is in."
                    ) from None
                raise (_locked(found, path, wait_seconds) if is_held else our_error(problem, path)) from None


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


def _locked(found: str, path: Path, waited: float) -> LockedError:
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", found)
    other = "another part of this process" if HELD[1] in found else "another process"
    who = f"process {holder[2]} ({printable(holder[1], 120)})" if holder else other
    return LockedError(
        f"warehouse {path}: {who} holds the file; waited {waited:g} s for it. Nothing was written.",
        next_step="Wait for that process or end it, then run this again: what is already in stays in. A longer wait: `wait_seconds` in the settings.",
    )


def our_error(problem: Exception, path: Path) -> WarehouseError:
    """A driver's error in our words; the driver's own are kept as data."""
    found = printable(str(problem).splitlines()[0] if str(problem) else type(problem).__name__, 300)
    if "No space left on device" in str(problem) or "disk is full" in str(problem).lower():
        return disk_full(path)
    if "not a valid DuckDB database file" in str(problem) or "different version" in str(problem):
        return WarehouseError(
            f"warehouse {path}: this is not a DuckDB file we can open ({found}).",
            next_step="Name another file in `warehouse`, or move this one away: it was left as it is.",
        )
    return WarehouseError(
        f"warehouse {path}: {found}. Nothing of this step was written.",
        next_step="`restaurant-os doctor` checks the warehouse and says more.",
    )


def disk_full(path: Path) -> WarehouseError:
    return DiskFullError(
        f"warehouse {path}: the disk is full. Nothing of this step was written; everything before it is in.",
        next_step="Free some space, then run the same command again: what is in stays in.",
    )


@contextmanager
def _as_our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as problem:
        raise our_error(problem, path) from problem
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise disk_full(path) from None
        raise


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
    return hashlib.sha256(repr((tables, views("duckdb"))).encode()).hexdigest()


def ensure_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables, columns and views that are missing. Costs one query when nothing is."""
    if _fingerprint_of(connection) == fingerprint():
        return
    with transaction(connection):
        for spec in TABLES:
            _ensure_table(connection, spec, path)
        for name, sql in views("duckdb").items():
            run(connection, f"CREATE OR REPLACE VIEW {name} AS {sql}")
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


def _ensure_table(connection: duckdb.DuckDBPyConnection, spec: TableSpec, path: Path) -> None:
    def definition(name: str, kind: pa.DataType) -> str:
        return f"{name} {SQL_TYPES[kind]}{' NOT NULL' if name in spec.key else ''}"

    columns = ", ".join(definition(c.name, c.type) for c in spec.columns)
    run(connection, f"CREATE TABLE IF NOT EXISTS {spec.name} ({columns})")
    found: dict[str, str] = dict(run(connection, f"SELECT name, type FROM pragma_table_info('{spec.name}')"))
    for column in spec.columns:
        wanted = SQL_TYPES[column.type]
        if column.name not in found:
            run(connection, f"ALTER TABLE {spec.name} ADD COLUMN {column.name} {wanted}")
        elif found[column.name].replace(" ", "") != wanted.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE").replace(" ", ""):
            raise WarehouseError(
                f'warehouse {path}: table "{spec.name}", column "{column.name}" is {found[column.name]}, {wanted} was expected. Nothing was changed.',
                next_step="This file was made by something else, or by a newer version: name another file in `warehouse`.",
            )


def _insert(connection: duckdb.DuckDBPyConnection, spec: TableSpec, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    names = ", ".join(spec.names)
    connection.register("own_rows", pa.Table.from_pylist(rows, schema=spec.schema))
    run(connection, f"INSERT INTO {spec.name} ({names}) SELECT {names} FROM own_rows")
    connection.unregister("own_rows")
