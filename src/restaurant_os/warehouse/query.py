"""A person's SQL against the warehouse, read-only: here for a DuckDB file, on the other engines in `query_postgres.py` and `query_bigquery.py`.

A read-only DuckDB still writes files by COPY and reads any file, so access to anything outside is switched off and the
configuration locked before the SQL is seen; rows, time and memory are bounded.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from restaurant_os.errors import QueryError, WarehouseError
from restaurant_os.settings import Settings, is_there
from restaurant_os.text import printable
from restaurant_os.warehouse.bring import run
from restaurant_os.warehouse.duckdb import connect, ensure_schema
from restaurant_os.warehouse.open import engine_of

#: PIVOT comes as a statement of several parts.
READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)


@dataclass(frozen=True, slots=True)
class QueryResult:
    table: pa.Table
    #: More rows were there than the cap let through.
    is_cut: bool
    #: What was read, where it is billed.
    bytes_read: int | None = None


def ask(settings: Settings, sql: str, *, most_rows: int, seconds: float) -> QueryResult:
    """Run `sql` in the warehouse of the settings, in the dialect of its engine, and give at most `most_rows` rows.

    Raises:
        QueryError: the SQL is wrong, not allowed, gives no rows, took longer than `seconds`, or would read more than it may.
        UsageError: the packages of that engine are not installed. WarehouseError: there is no warehouse, or it cannot be reached.
    """
    place = settings.warehouse_place
    if isinstance(place, Path):
        return query(place, sql, wait_seconds=settings.wait_seconds, most_rows=most_rows, seconds=seconds)
    try:
        sql.encode()
    except UnicodeError:
        raise QueryError("query: the SQL is no Unicode text.", next_step="Check the terminal's encoding.") from None
    with engine_of(place) as engine:
        if engine == "bigquery":
            from restaurant_os.warehouse.query_bigquery import query_bigquery

            table, is_cut, bytes_read = query_bigquery(place, settings.bigquery, sql, most_rows=most_rows, seconds=seconds)
            return QueryResult(_presentable(table), is_cut, bytes_read)
        from restaurant_os.warehouse.query_postgres import query_postgres

        table, is_cut = query_postgres(place, sql, most_rows=most_rows, seconds=seconds)
        return QueryResult(_presentable(table), is_cut)


def query(path: Path, sql: str, *, wait_seconds: float, most_rows: int, seconds: float, memory_limit: str = "512MB") -> QueryResult:
    """Run `sql` and give at most `most_rows` rows.

    Raises:
        QueryError: the SQL is wrong, not allowed, gives no rows, or took longer than `seconds`.
        LockedError: another process holds the file.
        WarehouseError: there is no warehouse yet.
    """
    if not is_there(path):
        raise WarehouseError(
            f"warehouse {path}: there is nothing yet.",
            next_step="Bring orders in first: `restaurant-os sync orders`, or see `restaurant-os demo`.",
        )
    _settle(path, wait_seconds)
    # Without the last one, a name in the SQL that is no table would be looked up among our own variables.
    config = {"enable_external_access": "false", "memory_limit": memory_limit, "temp_directory": "", "python_enable_replacements": "false"}
    connection = connect(path, wait_seconds=wait_seconds, config=config, read_only=True)
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        connection.interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    try:
        run(connection, "SET lock_configuration = true")
        timer.start()
        return _beside(connection, sql, most_rows)
    except duckdb.Error as problem:
        if overdue.is_set():
            raise QueryError(
                f"query: stopped after {seconds:g} s.", next_step="Ask for fewer days, or give more time with --timeout."
            ) from None
        raise QueryError(
            f"query: {_said(problem)}", next_step='See the tables and columns in docs/tables.md, or run: query "SHOW TABLES".'
        ) from None
    finally:
        timer.cancel()
        connection.close()


def _beside(connection: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> QueryResult:
    """`_read` in a thread of its own: a Ctrl-C is heard at once by whoever only waits, and not by who is in the middle of DuckDB."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(_read, connection, sql, most_rows)
        try:
            return reading.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _read(connection: duckdb.DuckDBPyConnection, sql: str, most_rows: int) -> QueryResult:
    try:
        statements = connection.extract_statements(sql)
    except (TypeError, UnicodeError):
        raise QueryError("query: the SQL is no Unicode text.", next_step="Check the terminal's encoding.") from None
    if len(statements) != 1 or statements[0].type not in READING:
        raise QueryError(
            "query: one statement that reads was expected, such as a SELECT.", next_step='For example: query "SELECT * FROM daily_sales".'
        )
    reader = connection.sql(statements[0].query).to_arrow_reader(2_048)
    batches: list[pa.RecordBatch] = []
    rows = 0
    for batch in reader:
        batches.append(batch)
        rows += batch.num_rows
        if rows > most_rows:
            break
    table = _presentable(pa.Table.from_batches(batches, schema=reader.schema))
    return QueryResult(table.slice(0, most_rows), rows > most_rows)


def _presentable(table: pa.Table) -> pa.Table:
    """Columns of one name are told apart. DuckDB sums integers to 128 bits, which Arrow calls decimals: integers again where they fit in 64."""
    table = table.rename_columns(_distinct(table.column_names))
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            with suppress(pa.ArrowInvalid):
                table = table.set_column(place, field.name, table.column(place).cast(pa.int64()))
    return table


def _distinct(names: list[str]) -> list[str]:
    """`a, b, a` -> `a, b, a_2`."""
    found: list[str] = []
    for name in names:
        number, own = 1, name
        while own in found:
            number, own = number + 1, f"{name}_{number + 1}"
        found.append(own)
    return found


def _settle(path: Path, wait_seconds: float) -> None:
    """Take in what a killed process left in the log, which a read-only connection cannot."""
    if is_there(path.with_name(path.name + ".wal")):
        connection = connect(path, wait_seconds=wait_seconds, config={})
        try:
            ensure_schema(connection, path)
        finally:
            connection.close()


def _said(problem: Exception) -> str:
    lines = [line for line in str(problem).splitlines() if line.strip() and not line.startswith(("LINE ", " "))]
    place = next((line for line in str(problem).splitlines() if line.startswith("LINE ")), "")
    return printable(" ".join(lines) or type(problem).__name__, 500) + (f" ({printable(place, 120)})" if place else "")
