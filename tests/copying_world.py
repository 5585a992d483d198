"""Warehouses with rows in every table, of every kind of value, for tests that carry them elsewhere."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from restaurant_os.settings import BigQuerySettings
from restaurant_os.tables import COUNT, DATE, FLAG, INSTANT, LOADED_AT, MONEY, RATE, REAL, TABLES, TEXT, TableSpec
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file

FIRST_DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
GUIDS = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
#: What a text may hold.
TEXTS = ("plain", 'O\'Brien "Ana"', "Crème brûlée, 寿司 🍣", "", "back\\slash\ttab\nline", "% ? $1 {} --", "=1+1", "A" * 500)


def filled(path: Path, *, days: int = 4, rows: int = 3, seed: int = 1) -> DuckDBWarehouse:
    """A file with, in every table, so many rows on each of so many business dates, and some without one in the tables that may have such."""
    path.write_bytes(empty_file())
    connection = duckdb.connect(str(path))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for spec in TABLES:
            connection.register("made", made(spec, days, rows, seed))
            connection.execute(f"INSERT INTO {spec.name} ({', '.join(spec.names)}) SELECT * FROM made")
            connection.unregister("made")
    finally:
        connection.close()
    return file(path)


def file(path: Path) -> DuckDBWarehouse:
    """A file that stays open between two steps."""
    return DuckDBWarehouse(path, wait_seconds=10, memory_limit="256MB", idle_seconds=10)


def made(spec: TableSpec, days: int, rows: int, seed: int = 1) -> pa.Table:
    """Rows of a table with different keys."""
    dice = random.Random(f"{spec.name} {seed}")
    dates: list[date | None] = [FIRST_DAY + timedelta(days=number) for number in range(days)]
    if spec.name in ("sync_runs", "quarantine"):
        dates.append(None)
    if not {"business_date", "date"} & set(spec.names):
        dates = dates[:1]
    found = [_row(spec, day, number, dice) for day in dates for number in range(rows)]
    return pa.Table.from_pylist(found, schema=spec.schema)


def _row(spec: TableSpec, day: date | None, number: int, dice: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in spec.columns:
        name, kind = column.name, column.type
        if name in ("business_date", "date"):
            row[name] = day
        elif name == "restaurant_guid":
            row[name] = f"{GUIDS[number % 2][:-4]}{number:04}" if {*spec.key} <= {"restaurant_guid", "business_date"} else GUIDS[number % 2]
        elif name in spec.key:
            row[name] = _key(kind, day, number)
        elif name == LOADED_AT:
            row[name] = NOON
        elif name == "created_at" and spec.role == "header":
            row[name] = datetime.combine(day or FIRST_DAY, datetime.min.time(), UTC) + timedelta(hours=dice.randrange(24))
        else:
            row[name] = None if dice.random() < 0.2 else _value(kind, dice)
    return row


def _key(kind: pa.DataType, day: date | None, number: int) -> Any:
    if kind == INSTANT:
        return NOON + timedelta(microseconds=number)
    return number + 1 if kind == COUNT else f"{day}-{number}"


def _value(kind: pa.DataType, dice: random.Random) -> Any:
    made: dict[pa.DataType, Any] = {
        MONEY: Decimal(dice.randrange(-(10**9), 10**9)).scaleb(-4),
        RATE: Decimal(dice.randrange(-(10**9), 10**9)).scaleb(-8),
        COUNT: dice.randrange(-(10**6), 10**12),
        REAL: dice.choice((0.0, -1.5, 1 / 3, 12345.678901)),
        FLAG: dice.random() < 0.5,
        DATE: FIRST_DAY + timedelta(days=dice.randrange(-400, 400)),
        INSTANT: NOON + timedelta(microseconds=dice.randrange(-(10**12), 10**12)),
        TEXT: dice.choice(TEXTS),
    }
    return made[kind]


def everything(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as any engine gives it, in one order."""
    found = {}
    for spec in TABLES:
        table = warehouse.fetch(spec)
        assert table.schema.equals(spec.schema), spec.name
        found[spec.name] = in_order(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return found


def in_order(rows: Any) -> list[tuple[Any, ...]]:
    """Rows sorted by whatever they hold."""
    return sorted(rows, key=repr)


@contextmanager
def dataset_of(factory: pytest.TempPathFactory) -> Iterator[tuple[str, BigQuerySettings]]:
    """The address of a dataset that is not there yet, on the double of this run, and how it is spoken to."""
    from bigquery_double import double_of_this_run

    with double_of_this_run(factory) as double, double.dataset() as url:
        yield url, double.settings


class Heard:
    """What a copy told on its way."""

    def __init__(self, *, stop: Any = None, after_rows: int = 0) -> None:
        self.planned_rows = 0
        self.carried_rows: list[int] = []
        self._stop = stop
        self._after = after_rows

    def comparing(self, tables: int) -> None: ...

    def compared(self, tables: int) -> None: ...

    def planned(self, rows: int) -> None:
        self.planned_rows = rows

    def carried(self, rows: int) -> None:
        self.carried_rows.append(rows)
        if self._stop and sum(self.carried_rows) >= self._after:
            self._stop()


def totals(tables: Sequence[Any]) -> tuple[int, int, int]:
    """Rows, rows carried, and dates that differ, of a whole copy."""
    return (
        sum(one.rows for one in tables),
        sum(one.carried for one in tables),
        sum(len(one.differing) for one in tables),
    )
