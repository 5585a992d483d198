"""A person's SQL against a Postgres, read-only by its transaction.

Only what a cursor takes (SELECT, VALUES, TABLE, WITH) and EXPLAIN and SHOW is run, as one statement, in a transaction that may not write and is
always undone. What a function does beside the tables a transaction does not hold: a superuser's may read files or end connections. So the docs
have a role for dashboards that may only SELECT (docs/warehouses.md).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa

from restaurant_os.errors import QueryError, SettingsError
from restaurant_os.postgres_address import WRITE_IT_AS, postgres_address
from restaurant_os.text import printable
from restaurant_os.warehouse.postgres_trouble import Trouble

#: So many rows are fetched at once.
FETCHED = 2_048
#: What opens a statement that a cursor can be declared for, and what only shows.
SELECTING = ("SELECT", "VALUES", "TABLE", "WITH", "(")
SHOWING = ("EXPLAIN", "SHOW")
CURSOR = "restaurant_os_query"
#: By the name of Postgres; any other is given as text.
ARROW: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "text": pa.string(),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "name": pa.string(),
    "uuid": pa.string(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "timestamp": pa.timestamp("us"),
    "bytea": pa.binary(),
}
#: Digits that Arrow's widest decimal in common use has.
MOST_DIGITS = 38
Connection = psycopg.Connection[tuple[Any, ...]]


def query_postgres(url: str, sql: str, *, most_rows: int, seconds: float) -> tuple[pa.Table, bool]:
    """The rows of `sql`, at most `most_rows`, and whether there were more.

    Raises:
        WarehouseError: the server cannot be reached, or lets nobody in.
        QueryError: the SQL is wrong, not allowed, gives no rows, or took longer than `seconds`.
    """
    opens = _first_word(sql)
    if not opens.startswith((*SELECTING, *SHOWING)):
        raise QueryError(
            "query: one statement that reads was expected, such as a SELECT.", next_step='For example: query "SELECT * FROM daily_sales".'
        )
    with connected(url) as connection, _stopped_after(connection, seconds) as overdue:
        try:
            connection.execute(
                f"BEGIN READ ONLY; SET LOCAL statement_timeout = {max(1, round(seconds * 1000))}; SET LOCAL TimeZone = 'UTC'; SET LOCAL jit = off"
            )
            try:
                return _read(connection, sql, opens.startswith(SHOWING), most_rows)
            finally:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
        except psycopg.Error as problem:
            if overdue.is_set() or isinstance(problem, psycopg.errors.QueryCanceled):
                raise QueryError(
                    f"query: stopped after {seconds:g} s.", next_step="Ask for fewer days, or give more time with --timeout."
                ) from None
            raise QueryError(
                f"query: {_said(problem)}", next_step="See the tables and columns in docs/tables.md; only statements that read are taken."
            ) from None


def connected(url: str) -> Connection:
    """A connection that commits by itself.

    Raises:
        SettingsError: `url` cannot be read. WarehouseError: the server cannot be reached, or lets nobody in.
    """
    try:
        address = postgres_address(url)
    except ValueError as problem:
        raise SettingsError(f"warehouse: {problem}.", next_step=WRITE_IT_AS) from None
    with Trouble(address).as_ours():
        return psycopg.connect(autocommit=True, prepare_threshold=None, **{**address.parameters, "client_encoding": "UTF8"})


def _read(connection: Connection, sql: str, is_shown: bool, most_rows: int) -> tuple[pa.Table, bool]:
    """By the extended protocol (`binary=True` chooses it), which takes one statement and refuses a second after a semicolon."""
    if is_shown:
        cursor = connection.execute(sql.encode(), binary=True)
        rows = cursor.fetchall() if cursor.description else []
        return _table(connection, cursor.description or (), rows[:most_rows]), len(rows) > most_rows
    connection.execute(f"DECLARE {CURSOR} NO SCROLL CURSOR FOR ".encode() + sql.strip().rstrip(";").encode(), binary=True)
    found: list[tuple[Any, ...]] = []
    while True:
        cursor = connection.execute(f"FETCH {min(FETCHED, most_rows + 1 - len(found))} FROM {CURSOR}", prepare=False)
        rows = cursor.fetchall()
        found += rows
        if not rows or len(found) > most_rows:
            return _table(connection, cursor.description or (), found[:most_rows]), len(found) > most_rows


def _table(connection: Connection, columns: Sequence[psycopg.Column], rows: list[tuple[Any, ...]]) -> pa.Table:
    arrays = [_array(connection, column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])


def _array(connection: Connection, column: psycopg.Column, values: list[Any]) -> pa.Array:
    info = connection.adapters.types.get(column.type_code)
    name = info.name if info and column.type_code == info.oid else ""
    if name == "numeric":
        return _decimals(values, column)
    if name in ARROW:
        with suppress(pa.ArrowException, OverflowError, ValueError):
            return pa.array([str(one) if name == "uuid" and one is not None else one for one in values], type=ARROW[name])
    return pa.array([None if one is None else str(one) for one in values], type=pa.string())


def _decimals(values: list[Any], column: psycopg.Column) -> pa.Array:
    """Decimals of the places that they are declared with or, where a sum has lost that, have. NaN and what is too long are text."""
    places = column.scale
    if places is None:
        places = max((-int(own.as_tuple().exponent) for own in values if isinstance(own, Decimal) and own.is_finite()), default=0)
    with suppress(pa.ArrowException):
        return pa.array(values, type=pa.decimal128(MOST_DIGITS, max(0, places)))
    return pa.array([None if one is None else str(one) for one in values], type=pa.string())


@contextmanager
def _stopped_after(connection: Connection, seconds: float) -> Iterator[threading.Event]:
    """The server's own limit is for each fetch; this one is for all of them."""
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=5.0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield overdue
    finally:
        timer.cancel()


def _first_word(sql: str) -> str:
    """The word a statement opens with, in capitals, behind any comments."""
    rest = sql.lstrip()
    while rest.startswith(("--", "/*")):
        if rest.startswith("--"):
            rest = rest.partition("\n")[2].lstrip()
            continue
        depth, place = 1, 2
        while depth and place < len(rest):
            two = rest[place : place + 2]
            depth += (two == "/*") - (two == "*/")
            place += 2 if two in ("/*", "*/") else 1
        rest = rest[place:].lstrip()
    return rest[:1] if rest[:1] == "(" else rest.split(None, 1)[0].upper() if rest else ""


def _said(problem: psycopg.Error) -> str:
    return printable(problem.diag.message_primary or str(problem) or type(problem).__name__, 500)
