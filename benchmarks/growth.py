"""What history does to a merge: one existing day merged again into 3 years of days, against the same in tables of that day alone.

The history is made by the engine itself: copies of the day at other dates, with other ids of orders, in every table that a merge of orders looks into.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from benchmarks.pages import Pages
from benchmarks.staged import as_one, commits_of, decoded, timed
from postgres_server import Server
from restaurant_os.tables import CHANGED_DAYS, DATE, DIM_BUSINESS_DAYS, DIM_BUSINESS_HOURS, INSTANT, ORDER_TABLES, SYNC_RUNS, TableSpec
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.postgres import PostgresWarehouse

HISTORY_DAYS, QUICK_DAYS = 1096, 20
ROUNDS = 5
#: Days of history that are made in one transaction.
DAYS_AT_ONCE = 25
#: About what Postgres needs for a row, with its keys and indexes; and how much of the disk's free room may be taken.
BYTES_A_ROW, SHARE_OF_DISK = 900, 0.5
COPIED = (*ORDER_TABLES, DIM_BUSINESS_DAYS, DIM_BUSINESS_HOURS, SYNC_RUNS, CHANGED_DAYS)
#: What tells an order, or a sync, from those of all other days.
IDS = ("order_guid", "sync_id")
BUILDING_MEMORY = "4GB"
Seconds = tuple[list[float], list[float]]
Execute = Callable[[str], Any]


def growth(pages: Pages, folder: Path, *, quick: bool) -> dict[str, Seconds]:
    """By engine: seconds of the merge of all locations' day, each round's, alone and in history."""
    folder.mkdir()
    loads = decoded(pages)
    rows = sum(table.num_rows for tables in loads for table in tables.values())
    days = QUICK_DAYS if quick else fitting(rows, folder)
    rounds = 1 if quick else ROUNDS
    found: dict[str, Seconds] = {}
    with on_duckdb(folder) as (alone, grown):
        begin(pages, loads, alone, grown)
        say(f"duckdb: {days} days of {rows:,} rows made", timed(lambda: grow_duckdb(folder / "grown.duckdb", days)))
        found["duckdb"] = merges(pages, loads, alone, grown, rounds)
    with on_postgres() as (alone, grown, url):
        begin(pages, loads, alone, grown)
        say(f"postgres: {days} days of {rows:,} rows made", timed(lambda: grow_postgres(url, days)))
        found["postgres"] = merges(pages, loads, alone, grown, rounds)
    return found


def fitting(rows: int, folder: Path) -> int:
    """So many days have room on the disk."""
    room = shutil.disk_usage(folder).free * SHARE_OF_DISK
    days = min(HISTORY_DAYS, int(room / (rows * BYTES_A_ROW)))
    if days < HISTORY_DAYS:
        print(f"  the disk has room for {days} days of history, not {HISTORY_DAYS}: merge_growth is of these")
    return days


def say(what: str, seconds: float) -> None:
    print(f"  {what} in {seconds:.1f} s", file=sys.stderr)


@contextmanager
def on_duckdb(folder: Path) -> Iterator[tuple[Warehouse, Warehouse]]:
    files = [folder / "alone.duckdb", folder / "grown.duckdb"]
    try:
        yield DuckDBWarehouse(files[0]), DuckDBWarehouse(files[1])
    finally:
        for file in files:
            file.unlink(missing_ok=True)


@contextmanager
def on_postgres() -> Iterator[tuple[Warehouse, Warehouse, str]]:
    """The last is the address of the second, whose history is to be made."""
    with Server() as server, server.database() as small, server.database() as large:
        alone, grown = PostgresWarehouse(small), PostgresWarehouse(large)
        try:
            yield alone, grown, large
        finally:
            alone.close()
            grown.close()


# --- the merges -----------------------------------------------------------------------------------------------------


def begin(pages: Pages, loads: Sequence[Any], *warehouses: Warehouse) -> None:
    """The day is there."""
    for warehouse in warehouses:
        warehouse.commit(as_one(commits_of(pages, loads)))


def merges(pages: Pages, loads: Sequence[Any], alone: Warehouse, grown: Warehouse, rounds: int) -> Seconds:
    """Every order of the day in a newer version, in one commit; both in turns, after a round to warm up."""
    seconds: Seconds = ([], [])
    for number in range(rounds + 1):
        commit = as_one(commits_of(pages, loads, number + 1))
        orders = commit.tables[ORDER_TABLES[0].name].num_rows
        for warehouse, found in zip((alone, grown), seconds, strict=True):
            changed = []
            taken = timed(lambda: changed.append(warehouse.commit(commit).changed))  # noqa: B023 - called at once
            assert changed == [orders], f"{changed} orders changed, {orders} are newer"
            if number:
                found.append(taken)
            say(f"  {warehouse.label.partition(' ')[0]}, round {number or 'of warm-up'}: merged", taken)
    return seconds


# --- history --------------------------------------------------------------------------------------------------------


def copies(spec: TableSpec, shift: int) -> str:
    """The rows of the day so many days later, or earlier; both engines read it alike."""
    values = {column.name: column.name for column in spec.columns}
    for column in spec.columns:
        if column.type == DATE:
            values[column.name] = f"{column.name} + {shift}"
        elif column.type == INSTANT:
            values[column.name] = f"{column.name} + INTERVAL '{shift} days'"
    for name in set(IDS) & set(values):
        # As long as it was; the letter keeps it apart from every id of the day itself.
        values[name] = f"substr({name}, 1, 8) || 'x{shift % 10_000:04}' || substr({name}, 14)"
    if spec is CHANGED_DAYS:
        values["sequence"] = f"sequence + {shift % 10_000}"
    names = ", ".join(spec.names)
    return f"INSERT INTO {spec.name} ({names}) SELECT {', '.join(values[name] for name in spec.names)} FROM day_{spec.name}"


def grow(execute: Execute, days: int) -> None:
    """The day is in the middle of its history."""
    for spec in COPIED:
        execute(f"CREATE TEMPORARY TABLE day_{spec.name} AS SELECT * FROM {spec.name}")
    shifts = [shift for shift in range(-(days // 2), days - days // 2) if shift]
    for first in range(0, len(shifts), DAYS_AT_ONCE):
        execute("BEGIN")
        for shift in shifts[first : first + DAYS_AT_ONCE]:
            for spec in COPIED:
                execute(copies(spec, shift))
        execute("COMMIT")


def grow_duckdb(file: Path, days: int) -> None:
    with duckdb.connect(config={"memory_limit": BUILDING_MEMORY}) as connection:
        connection.execute(f"ATTACH '{file}' AS warehouse (ROW_GROUP_SIZE 16384)")
        connection.execute("USE warehouse")
        connection.execute("SET TimeZone = 'UTC'")
        grow(connection.execute, days)
        connection.execute("CHECKPOINT")


def grow_postgres(url: str, days: int) -> None:
    """Keys and indexes go first and are made anew at the end, which is quicker."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '1GB'")
        again = [statement for spec in COPIED for statement in without_indexes(connection, spec)]
        grow(connection.execute, days)
        for statement in again:
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def without_indexes(connection: psycopg.Connection[Any], spec: TableSpec) -> list[str]:
    """Drop a table's key and indexes; gives the statements that make them again."""
    asked = """SELECT i.indexrelid::regclass::text, c.conname, pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid)
        FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid WHERE i.indrelid = %s::regclass"""
    again = []
    for index, constraint, definition, statement in connection.execute(asked, [spec.name]).fetchall():
        if constraint:
            connection.execute(f"ALTER TABLE {spec.name} DROP CONSTRAINT {constraint}")
            again.append(f"ALTER TABLE {spec.name} ADD CONSTRAINT {constraint} {definition}")
        else:
            connection.execute(f"DROP INDEX {index}")
            again.append(statement)
    return again
