"""What a commit makes of stored rows, worked out here for an engine that keeps them elsewhere.

A mirror is a DuckDB in memory with our tables and none of their rows. The rows that a commit may read are fetched into it (`slices.py`), `bring` is
run on them as it is on a file, and what is other afterwards is what the engine has to write. So every engine keeps the same rules, said once.

    mirrored(commit, fetch, loaded_at, mirrors=Mirrors()) -> (Writing, Changes)
    folded(fetch, before, mirrors=...) -> (Writing, how many rows of the ledger go)

`fetch` is called inside the engine's own transaction; nothing is written. What it raises goes through as it is. An engine that can ask several things
at once gives `at_once`.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.errors import WarehouseError
from restaurant_os.tables import (
    CALENDAR_TABLES,
    CHANGED_DAYS,
    DATASETS,
    DAY_SNAPSHOTS,
    MENU_PUBLICATIONS,
    QUARANTINE,
    SYNC_RUNS,
    TABLES,
    TableSpec,
)
from restaurant_os.text import printable
from restaurant_os.warehouse import SEQUENCE_TO_COME, Changes, Commit, Fetch, LoadMode, Writing
from restaurant_os.warehouse.bring import bring, run
from restaurant_os.warehouse.compiled import views
from restaurant_os.warehouse.duckdb import ANY_ORDER, SAFE_CONFIG, TWO_THREADS, UTC_SESSION, ensure_table
from restaurant_os.warehouse.fold import fold_runs
from restaurant_os.warehouse.merge import instant, same_values, text
from restaurant_os.warehouse.records import fold_days
from restaurant_os.warehouse.rows import arrow
from restaurant_os.warehouse.slices import Ask, Slices, partition_of

#: The views that `snapshots.py` reads.
VIEWS = ("daily_sales", "profitability_by_role", "daily_cash")
#: What any commit may write beside the tables it stages.
RECORDS = (SYNC_RUNS, CHANGED_DAYS, DAY_SNAPSHOTS, QUARANTINE)
#: Roles of tables whose rows may go: of the others a commit keeps every row, flagged or ended.
MAY_LOSE_ROWS = ("list", "record")
#: Several things asked of a store; their rows in that order.
AtOnce = Callable[[Sequence[Ask]], Sequence[pa.Table]]


class Mirrors:
    """One DuckDB in memory, its tables and views made once. Any number of threads may work in it at the same time: each in a transaction of its own,
    which is rolled back, so that the tables stay empty and nobody sees another's rows."""

    def __init__(self, memory_limit: str = "1GB") -> None:
        self.memory_limit = memory_limit
        self._lock = threading.Lock()
        self._base: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def lent(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with empty tables, for one piece of work.

        Raises:
            WarehouseError: DuckDB could not do it; nothing is written anywhere.
        """
        try:
            with self._cursor() as connection:
                run(connection, UTC_SESSION)
                run(connection, "BEGIN")
                try:
                    yield connection
                finally:
                    with suppress(duckdb.Error):  # the connection goes, and with it an open transaction
                        run(connection, "ROLLBACK")
        except duckdb.Error as problem:
            raise WarehouseError(
                f"warehouse: working out what a commit changes failed: {printable(str(problem).splitlines()[0], 300)}. Nothing of it was written.",
                next_step="`restaurant-os doctor` checks the warehouse and says more; smaller spans need less memory.",
            ) from problem

    def close(self) -> None:
        """Let go of its memory; the next use makes it anew."""
        with self._lock:
            base, self._base = self._base, None
        if base is not None:
            base.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._base is None:
                self._base = self._made()
            return self._base.cursor()

    def _made(self) -> duckdb.DuckDBPyConnection:
        spilled = Path(tempfile.gettempdir(), f"restaurant-os-mirror-{os.getpid()}")
        config: dict[str, str | bool | int | float | list[str]] = {**SAFE_CONFIG, **TWO_THREADS, **ANY_ORDER}
        config |= {"memory_limit": self.memory_limit, "temp_directory": str(spilled)}
        base = duckdb.connect(":memory:", config=config)
        for spec in TABLES:
            ensure_table(base, spec, Path(":memory:"))
        for name in VIEWS:
            run(base, f"CREATE VIEW {name} AS {views('duckdb')[name]}")
        weakref.finalize(self, base.close)
        return base


def mirrored(
    commit: Commit, fetch: Fetch, loaded_at: datetime, *, mirrors: Mirrors, at_once: AtOnce | None = None
) -> tuple[Writing, Changes]:
    """What `commit` makes of the stored rows that `fetch` gives, to be written in the same transaction; and what it changes.

    The commit's number is still to come (`SEQUENCE_TO_COME`). `Writing.days` is there for every table that `slices.partition_of` knows a date of; rows
    stored without one are in none of them. `at_once`: asks several things of the store together; they do not depend on each other.
    """
    statements: list[str] = []

    def anywhere(sql: str) -> list[tuple[Any, ...]]:
        statements.append(sql)
        return []

    with mirrors.lent() as connection:
        mirror = _Mirror(connection, fetch, at_once)
        for name, table in commit.tables.items():
            connection.register(f"staged_{name}", table)
        slices = Slices(mirror.read, partial(run, connection), commit, loaded_at)
        slices.before_all()
        changes = bring(
            connection, commit, loaded_at, will_change=slices.before_changing, sequence=lambda _: SEQUENCE_TO_COME, anywhere=anywhere
        )
        return mirror.difference(_written_by(commit, changes), statements, commit.load_mode), changes


def folded(fetch: Fetch, before: datetime, *, mirrors: Mirrors) -> tuple[Writing, int]:
    """The ledger's rows before an instant with those that say the same together as one, and of each changed day of that time one row: what is to be
    written, and how many rows of the ledger go."""
    kinds = f"window_kind IN ({text(MODIFIED)}, {text(BUSINESS_DATE)})"
    with mirrors.lent() as connection:
        mirror = _Mirror(connection, fetch)
        mirror.read(
            [
                (SYNC_RUNS, f"{kinds} AND started_at < {instant(before)}", None),
                (CHANGED_DAYS, f"_loaded_at < {instant(before)}", None),
            ]
        )
        gone = fold_runs(partial(run, connection), before)
        fold_days(partial(run, connection))
        return mirror.difference((SYNC_RUNS, CHANGED_DAYS)), gone


def _written_by(commit: Commit, changes: Changes) -> list[TableSpec]:
    """The tables in which a commit that did this may have written."""
    own = (*(DATASETS[commit.dataset].tables if changes.locations else ()), *CALENDAR_TABLES, MENU_PUBLICATIONS)
    return [*(spec for spec in own if spec.name in commit.tables), *RECORDS]


class _Mirror:
    """The tables of one piece of work, and what was fetched into them, as it was: `fetched_<table>`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, fetch: Fetch, at_once: AtOnce | None = None) -> None:
        self.connection = connection
        self.at_once = at_once or (lambda asks: [fetch(*ask) for ask in asks])
        self.fetched: dict[str, pa.Table] = {}

    def read(self, asks: Sequence[Ask]) -> list[pa.Table]:
        """Rows that were fetched before stay as they are by now."""
        needed = [place for place, (_, _, ids) in enumerate(asks) if ids is None or ids[1]]
        found = [spec.schema.empty_table() for spec, _, _ in asks]
        answers = self.at_once([asks[place] for place in needed]) if needed else ()
        for place, rows in zip(needed, answers, strict=True):
            found[place] = rows
            if rows.num_rows:
                self._take_in(asks[place][0], rows)
        return found

    def _take_in(self, spec: TableSpec, rows: pa.Table) -> None:
        own, names = f"fetched_{spec.name}", ", ".join(spec.names)
        known = self.fetched.get(spec.name)
        if known is not None:
            self.connection.register("arrived", rows)
            is_known = f"SELECT 1 FROM {own} AS k WHERE {same_values('k', 'a', spec.key)}"
            rows = arrow(self.connection, f"SELECT {names} FROM arrived AS a WHERE NOT EXISTS ({is_known})", spec.schema)
            self.connection.unregister("arrived")
        self.fetched[spec.name] = pa.concat_tables([known, rows]) if known is not None else rows
        self.connection.register(own, self.fetched[spec.name])
        self.connection.register("unseen", rows)
        self._run(f"INSERT INTO {spec.name} ({names}) SELECT {names} FROM unseen")
        self.connection.unregister("unseen")

    def difference(self, specs: Sequence[TableSpec], statements: Sequence[str] = (), load_mode: LoadMode = "merge") -> Writing:
        """What the tables hold that was not fetched, row by row, and the keys that they no longer have."""
        rows: dict[str, pa.Table] = {}
        gone: dict[str, pa.Table] = {}
        days: dict[str, list[date]] = {}
        for spec in specs:
            found, left, replaced = self._other(spec)
            if found.num_rows:
                rows[spec.name] = found
            if left.num_rows:
                gone[spec.name] = left
            if (place := partition_of(spec)) and (found.num_rows or left.num_rows):
                days[spec.name] = sorted({*_dates(found.column(place)), *replaced})
        return Writing(rows=rows, gone=gone, days=days, statements=tuple(statements), load_mode=load_mode)

    def _other(self, spec: TableSpec) -> tuple[pa.Table, pa.Table, list[date]]:
        """Rows that are new or other, keys that are gone, and the stored dates of both."""
        names, key = ", ".join(spec.names), ", ".join(spec.key)
        keys = pa.schema([spec.schema.field(name) for name in spec.key])
        if spec.name not in self.fetched:
            return arrow(self.connection, f"SELECT {names} FROM {spec.name}", spec.schema), keys.empty_table(), []
        own = f"fetched_{spec.name}"
        other = arrow(self.connection, f"SELECT {names} FROM {spec.name} EXCEPT SELECT {names} FROM {own}", spec.schema)
        still = f"SELECT 1 FROM {spec.name} AS s WHERE {same_values('s', 'f', spec.key)}"
        away = keys.empty_table()
        if spec.role in MAY_LOSE_ROWS:
            away = arrow(self.connection, f"SELECT {key} FROM {own} AS f WHERE NOT EXISTS ({still})", keys)
        return other, away, self._stored_dates(spec, pa.concat_tables([other.select(keys.names), away]))

    def _stored_dates(self, spec: TableSpec, keys: pa.Table) -> list[date]:
        """On which dates the rows of these keys were, where the table has any."""
        place = partition_of(spec)
        if place is None or not keys.num_rows:
            return []
        self.connection.register("those", keys)
        replaced = f"SELECT 1 FROM those AS t WHERE {same_values('t', 'f', spec.key)}"
        found = self._run(
            f"SELECT DISTINCT CAST({place} AS DATE) FROM fetched_{spec.name} AS f WHERE {place} IS NOT NULL AND EXISTS ({replaced})"
        )
        return [on for (on,) in found]

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        return run(self.connection, sql)


def _dates(column: pa.ChunkedArray) -> list[date]:
    """The dates of its values, those of instants in UTC; null left out."""
    return [on for on in pc.unique(column.cast(pa.date32())).to_pylist() if on is not None]
