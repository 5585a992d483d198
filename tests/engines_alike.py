"""The rows of a DuckDB file carried to another engine, and whether two engines answer alike."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bigquery_double import double_of_this_run
from engines_world import BigQuery, Engine, Postgres
from keeping import folder_of_run
from postgres_server import shared_server
from restaurant_os.tables import TABLES
from restaurant_os.warehouse import Warehouse, Writing
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

OTHERS = ("postgres", "bigquery")
Row = tuple[Any, ...]


@contextmanager
def carried(path: Path, name: str, factory: pytest.TempPathFactory) -> Iterator[tuple[Warehouse, Warehouse]]:
    """A copy of the DuckDB file, and an engine of that name with the same rows."""
    with ExitStack() as stack:
        engine = _engine(name, factory, stack)
        stack.callback(engine.close)
        ours, other = DuckDBWarehouse(copied(path, factory), idle_seconds=5), engine.open()
        stack.callback(ours.close)
        carry(ours, other)
        yield ours, other


def carry(ours: DuckDBWarehouse, other: Warehouse) -> None:
    """All rows of one into the empty tables of another."""
    rows = {spec.name: found for spec in TABLES if (found := ours.fetch(spec)).num_rows}
    other.write(Writing(rows=rows, days={table: _days(found) for table, found in rows.items() if "business_date" in found.column_names}))


def copied(path: Path, factory: pytest.TempPathFactory) -> Path:
    """Of this process alone, which may have it open."""
    return Path(shutil.copy(path, factory.mktemp("copied")))


def _engine(name: str, factory: pytest.TempPathFactory, stack: ExitStack) -> Engine:
    if name == "postgres":
        return Postgres(stack.enter_context(stack.enter_context(shared_server(folder_of_run(factory))).database()))
    double = stack.enter_context(double_of_this_run(factory))
    return BigQuery(stack.enter_context(double.made()), double.settings)


def _days(rows: pa.Table) -> list[date]:
    return [day for day in rows.column("business_date").unique().to_pylist() if day is not None]


def differences(ours: Sequence[Row], others: Sequence[Row], *, places: bool = False) -> list[tuple[Any, ...]]:
    """Pairs of rows that differ, in whatever order they come: in a value or its type. Doubles may in the tenth digit, decimals in how many zeros they
    end with unless `places` are asked for. Lengths, where those differ."""
    if len(ours) != len(others):
        return [("rows", len(ours), len(others))]
    pairs = zip(sorted(ours, key=_place), sorted(others, key=_place), strict=True)
    return [pair for pair in pairs if not all(_is_same(*values, places) for values in zip(*pair, strict=True))]


def _place(row: Row) -> list[str]:
    """By what is exact; doubles tell nothing."""
    return ["" if isinstance(value, float) else f"{value.normalize():f}" if isinstance(value, Decimal) else f"{value}" for value in row]


def _is_same(one: object, other: object, places: bool) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other and one.utcoffset() == other.utcoffset()
    if isinstance(one, Decimal) and isinstance(other, Decimal) and places:
        return one == other and one.as_tuple().exponent == other.as_tuple().exponent
    return one == other
