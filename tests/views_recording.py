"""A plugin of pytest (`-p views_recording`): keeps the rows that tests of the views write by hand, each test's as locations of their own, in one file.

So a world stands in which every branch of every view is taken, and whoever adds a test of a view adds to it. The file is named by VIEWS_RECORDING.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import views_rows
from restaurant_os.tables import TABLES, TEXT, TableSpec
from restaurant_os.warehouse.duckdb import ensure_schema

_own_rows = views_rows.own_rows
_seen: list[dict[str, pa.Table]] = []


@contextmanager
def _recorded() -> Iterator[views_rows.Rows]:
    with _own_rows() as rows:
        yield rows
        _seen.append({spec.name: found for spec in TABLES if (found := _own(rows.connection, spec, len(_seen))).num_rows})


def _own(connection: duckdb.DuckDBPyConnection, spec: TableSpec, number: int) -> pa.Table:
    """A test's rows of a table, with every GUID marked as that test's."""
    names = [column.name for column in spec.columns if column.type == TEXT and column.name.endswith(("_guid", "_id"))]
    marked = ", ".join(f"'{number:03}-' || {name} AS {name}" for name in names)
    return connection.sql(f"SELECT * REPLACE ({marked}) FROM {spec.name}").to_arrow_table()


views_rows.own_rows = _recorded


@pytest.hookimpl
def pytest_sessionfinish() -> None:
    path = Path(os.environ["VIEWS_RECORDING"])
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_schema(connection, path)
        for tables in _seen:
            for name, rows in tables.items():
                connection.register("own", rows)
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM own")
