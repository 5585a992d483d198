"""What a commit brings, into tables that DuckDB has: those of a file, or of a mirror (`mirror.py`). One way for every engine.

Everything is run in a transaction that is open, by whoever opened it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict
from datetime import date, datetime
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from restaurant_os.tables import CALENDAR_TABLES, COUNT, DATASETS, DATE, MENU_PUBLICATIONS, TEXT, TableSpec
from restaurant_os.warehouse import Changes, Commit, lookups
from restaurant_os.warehouse.daysets import DaySetMerge
from restaurant_os.warehouse.history import HistoryMerge
from restaurant_os.warehouse.latest import keep_latest
from restaurant_os.warehouse.lists import replace_rows
from restaurant_os.warehouse.merge import Keep, Run, SetMerge, keep_nothing
from restaurant_os.warehouse.quarantine import Ask
from restaurant_os.warehouse.records import next_sequence, record
from restaurant_os.warehouse.snapshots import Snapshots

#: The days read whole, as `daysets.py` wants them.
DAYS = pa.schema([("restaurant_guid", TEXT), ("business_date", DATE), ("read_seq", COUNT)])


def run(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    """One statement, with all of its rows: a connection takes no other while a result is unread."""
    return connection.execute(sql, list(parameters)).fetchall()


def insert(connection: duckdb.DuckDBPyConnection, spec: TableSpec, rows: list[dict[str, Any]]) -> None:
    """Rows of ours into a table."""
    if not rows:
        return
    names = ", ".join(spec.names)
    connection.register("own_rows", pa.Table.from_pylist(rows, schema=spec.schema))
    run(connection, f"INSERT INTO {spec.name} ({names}) SELECT {names} FROM own_rows")
    connection.unregister("own_rows")


def bring(
    connection: duckdb.DuckDBPyConnection,
    commit: Commit,
    loaded_at: datetime,
    *,
    will_change: Callable[[Collection[tuple[str, date]]], None] = lambda days: None,
    sequence: Callable[[Ask], int] = next_sequence,
    anywhere: Run | None = None,
    keep: Keep = keep_nothing,
) -> Changes:
    """Every set that is staged, then the lists, then what is recorded of the commit. What settled days were, and are now, goes to `day_snapshots`.

    `will_change` hears of the days whose rows are about to change, before they do. `sequence`: the commit's number. `anywhere`: runs a statement that
    changes facts of any date, where the connection has not all of them. `keep` hears of rows before they are replaced.
    """
    changes = Changes()
    for name, table in commit.tables.items():
        connection.register(f"staged_{name}", table)
    statement = partial(run, connection)
    snapshots = Snapshots(statement, commit.dataset, loaded_at, sequence)

    def before_writing(found: Changes) -> None:
        will_change(found.days)
        snapshots.before(found.days)

    for merge in _merges(connection, commit, loaded_at, before_writing, keep):
        own = merge.apply(commit.load_mode)
        if own.days:
            snapshots.note(merge.touched())
        changes = changes.plus(own)
    lookups.of_facts(statement, DATASETS[commit.dataset], changes.days)
    for history in DATASETS[commit.dataset].histories:
        if history.name in commit.tables and commit.tables[history.name].num_rows:
            changes = changes.plus(_keep_history(statement, anywhere or statement, history, commit, loaded_at))
    for spec in DATASETS[commit.dataset].latest:
        if spec.name in commit.tables:
            changes = changes.plus(keep_latest(statement, spec, loaded_at, keep))
    for spec in (*CALENDAR_TABLES, MENU_PUBLICATIONS):
        if spec.name in commit.tables:
            replace_rows(statement, spec, loaded_at, keep)
    snapshots.after(commit.runs)
    record(statement, partial(insert, connection), commit, changes, loaded_at, sequence=sequence, keep=keep)
    return changes


def _merges(
    connection: duckdb.DuckDBPyConnection, commit: Commit, loaded_at: datetime, before_writing: Callable[[Changes], None], keep: Keep
) -> Iterator[SetMerge | DaySetMerge]:
    dataset = DATASETS[commit.dataset]
    shared: dict[str, Any] = {"restaurant_guids": commit.restaurant_guids, "loaded_at": loaded_at}
    shared |= {"before_writing": before_writing, "keep": keep}
    for records in dataset.sets:
        if records.header.name in commit.tables:
            staged = {spec.name: commit.tables[spec.name].num_rows for spec in records.tables}
            yield SetMerge(partial(run, connection), records, staged=staged, **shared)
    for spec in dataset.day_sets:
        if spec.name in commit.tables:
            days = [asdict(own) for own in commit.day_sets if own.table == spec.name]
            connection.register(f"days_{spec.name}", pa.Table.from_pylist(days, schema=DAYS))
            yield DaySetMerge(partial(run, connection), spec, dataset=dataset.name, **shared)


def _keep_history(statement: Run, anywhere: Run, spec: TableSpec, commit: Commit, loaded_at: datetime) -> Changes:
    merge = HistoryMerge(statement, spec, dataset=commit.dataset, runs=commit.runs, loaded_at=loaded_at)
    changes = merge.apply()
    lookups.of_dimension(anywhere, spec, {guid: merge.effective[guid] for guid in changes.locations})
    return changes
