"""Rows into a Postgres and out of it: by COPY, as CSV that Arrow writes and reads.

CSV keeps every value as it is: decimals as written, '' apart from null (which stands without quotes), any text. Of what was measured it is about as
fast as any path that a library gives: 100,000 order items of 34 columns are staged in 1.6 s, by ADBC in 1.2 (on a connection of its own, with
prepared statements), by psycopg's binary COPY in 5.9; read in 1.6 s, by ADBC in 2.1 (decimals as text). The merge behind it takes 4 s.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import sql

from restaurant_os.tables import (
    BY_NAME,
    CHANGED_DAYS,
    COUNT,
    DATE,
    DAY_SNAPSHOTS,
    FLAG,
    INSTANT,
    MONEY,
    RATE,
    REAL,
    TEXT,
    TableSpec,
)
from restaurant_os.warehouse import SEQUENCE_TO_COME, Commit, Ids, LoadMode, Writing
from restaurant_os.warehouse.dialect import spoken
from restaurant_os.warehouse.postgres_sessions import Connection, Locks, take
from restaurant_os.warehouse.slices import Ask

SQL_TYPES = {
    MONEY: "numeric(18,4)",
    RATE: "numeric(18,8)",
    INSTANT: "timestamp with time zone",
    TEXT: "text",
    DATE: "date",
    FLAG: "boolean",
    COUNT: "bigint",
    REAL: "double precision",
}
#: Their rows may be of a commit that has no number yet; the days of a commit first, since the other follows them.
NUMBERED = (CHANGED_DAYS, DAY_SNAPSHOTS)
FACT_ROLES = ("header", "child", "day_set")
#: A text of Postgres holds every character but this one.
NUL, INSTEAD = "\0", "\ufffd"
LARGEST_BLOCK = 1 << 30
#: Rows of more are staged by themselves: every merge reads its stage whole.
STAGE, MOST_SHARED = "restaurant_os_stage", 2_000


# --- what a text of Postgres cannot hold ----------------------------------------------------------------------------


def storable(commit: Commit) -> Commit:
    """The commit as it can be stored, before anything is compared: read again it is no change then."""
    return replace(
        commit,
        tables={name: _storable(table) for name, table in commit.tables.items()},
        rejected=[
            replace(
                own,
                record_guid=own.record_guid and own.record_guid.replace(NUL, INSTEAD),
                field=own.field.replace(NUL, INSTEAD),
                reason=own.reason.replace(NUL, INSTEAD),
                record_json=own.record_json.replace(NUL, INSTEAD),
            )
            for own in commit.rejected
        ],
    )


def _storable(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) and pc.any(pc.match_substring(table.column(place), NUL)).as_py():
            table = table.set_column(place, field, pc.replace_substring(table.column(place), NUL, INSTEAD))
    return table


# --- out ------------------------------------------------------------------------------------------------------------


def fetch(connection: Connection, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
    """Rows of a table, as the open transaction sees them."""
    columns = sql.SQL(", ").join(map(sql.Identifier, spec.names))
    return _read(_copied(connection, sql.SQL("SELECT {} FROM {}").format(columns, _found(spec, where, ids))), spec.schema)


def fetch_together(connection: Connection, asks: Sequence[Ask]) -> list[pa.Table]:
    """The rows of several fetches, in one round trip: as text, each with the number of its fetch before it."""
    if len(asks) == 1:
        return [fetch(connection, *asks[0])]
    width = max(len(spec.names) for spec, _, _ in asks)
    parts = []
    for number, (spec, where, ids) in enumerate(asks):
        columns = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in spec.names]
        padded = sql.SQL(", ").join([sql.Literal(number), *columns, *[sql.SQL("NULL::text")] * (width - len(columns))])
        parts.append(sql.SQL("(SELECT {} FROM {})").format(padded, _found(spec, where, ids)))
    schema = pa.schema([("number", COUNT), *((f"c{place}", TEXT) for place in range(width))])
    together = _read(_copied(connection, sql.SQL(" UNION ALL ").join(parts)), schema)
    return [_own(together, number, spec) for number, (spec, _, _) in enumerate(asks)]


def _own(together: pa.Table, number: int, spec: TableSpec) -> pa.Table:
    rows = together.filter(pc.equal(together.column(0), number))
    return pa.table([rows.column(place + 1).cast(column.type) for place, column in enumerate(spec.columns)], schema=spec.schema)


def _found(spec: TableSpec, where: str, ids: Ids | None) -> sql.Composable:
    """The rows that are meant, behind a FROM."""
    condition: sql.Composable = sql.SQL(where)
    if ids is not None:
        column, values = ids
        wanted = [value.replace(NUL, INSTEAD) for value in values]
        condition = sql.SQL("({}) AND {} = ANY ({}::text[])").format(condition, sql.Identifier(column), sql.Literal(wanted))
    return sql.SQL("{} WHERE {}").format(sql.Identifier(spec.name), condition)


def _copied(connection: Connection, query: sql.Composable) -> memoryview:
    """The rows of a query as CSV, in which null alone stands without quotes."""
    found = io.BytesIO()
    with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)").format(query)) as copy:
        for part in copy:
            found.write(part)
    return found.getbuffer()


def _read(data: memoryview, schema: pa.Schema) -> pa.Table:
    if not data:
        return schema.empty_table()
    return pyarrow.csv.read_csv(
        pa.BufferReader(pa.py_buffer(data)),
        # A row must be in one block.
        pyarrow.csv.ReadOptions(column_names=schema.names, block_size=min(max(len(data), 1 << 20), LARGEST_BLOCK)),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


# --- in -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows of a table that wait in a stage as text: those marked `tag`, its columns `c0`, `c1`, ... in the order of `rows`."""

    spec: TableSpec
    rows: pa.Table
    stage: str
    tag: int

    @property
    def query(self) -> str:
        types = {column.name: SQL_TYPES[column.type] for column in self.spec.columns}
        values = (f"c{place}::{types[name]} AS {name}" for place, name in enumerate(self.rows.column_names))
        return f"(SELECT {', '.join(values)} FROM pg_temp.{self.stage} WHERE tag = {self.tag})"


def write(connection: Connection, locks: Locks, writing: Writing) -> None:
    """All rows into the open transaction: staged, then merged by key; last those that want the commit's number, which is taken for as short as can be.

    The number is the next after all that are committed, under a lock until the end of the transaction: so numbers are in the order of commits.
    """
    gone, rows = _staged(connection, [writing.gone, writing.rows])
    deletes = [_delete(own) for own in gone]
    _run_all(connection, [*deletes, *(_merge(own, writing.load_mode) for own in rows if own.spec not in NUMBERED)])
    for statement in writing.statements:
        connection.execute(spoken(statement, "postgres"), ())
    to_come = [own for spec in NUMBERED for own in rows if own.spec is spec]
    if to_come:
        take(connection, locks.sequence)
        [(number,)] = connection.execute(f"SELECT coalesce(max(sequence), 0) + 1 FROM {CHANGED_DAYS.name}").fetchall()
        _run_all(connection, [_merge(own, writing.load_mode, number=number) for own in to_come])


def _staged(connection: Connection, parts: Sequence[Mapping[str, pa.Table]]) -> list[list[Staged]]:
    """Rows in temporary tables, which go with the transaction: one that small ones share, one for each that is large.

    A table for each of ours would be more round trips, and hundreds of rows in the catalog at every commit.
    """
    given = [(part, BY_NAME[name], rows) for part, tables in enumerate(parts) for name, rows in tables.items() if rows.num_rows]
    found: list[list[Staged]] = [[] for _ in parts]
    stages: dict[str, list[Staged]] = {}
    for tag, (part, spec, rows) in enumerate(given):
        stage = f"{STAGE}_{tag}" if rows.num_rows > MOST_SHARED else STAGE
        own = Staged(spec, rows, stage, tag)
        found[part].append(own)
        stages.setdefault(stage, []).append(own)
    widths = {stage: max(own.rows.num_columns for own in inside) for stage, inside in stages.items()}
    columns = {stage: ", ".join(f"c{place} text" for place in range(width)) for stage, width in widths.items()}
    _run_all(connection, [f"CREATE TEMPORARY TABLE {stage} (tag smallint, {columns[stage]}) ON COMMIT DROP" for stage in stages])
    for stage, inside in stages.items():
        with connection.cursor().copy(f"COPY pg_temp.{stage} FROM STDIN (FORMAT csv)") as copy:
            for own in inside:
                copy.write(_csv(own, widths[stage]))
    return found


def _csv(own: Staged, width: int) -> bytes:
    rows = own.rows.num_rows
    nothing = [pa.nulls(rows, TEXT)] * (width - own.rows.num_columns)
    columns = [pa.repeat(pa.scalar(own.tag, pa.int16()), rows), *own.rows.columns, *nothing]
    out = io.BytesIO()
    pyarrow.csv.write_csv(
        pa.table(columns, names=[str(place) for place in range(width + 1)]), out, pyarrow.csv.WriteOptions(include_header=False)
    )
    return out.getvalue().replace(NUL.encode(), INSTEAD.encode())


def _delete(gone: Staged) -> str:
    same = " AND ".join(f"t.{name} = g.{name}" for name in gone.rows.column_names)
    return f"DELETE FROM {gone.spec.name} AS t USING {gone.query} AS g WHERE {same}"


def _merge(own: Staged, mode: LoadMode, *, number: int | None = None) -> str:
    """`number`: of the commit."""
    spec = own.spec
    values = {name: name for name in spec.names}
    if number is not None:
        values["sequence"] = f"CASE WHEN sequence = {SEQUENCE_TO_COME} THEN {number} ELSE sequence END"
    names = ", ".join(spec.names)
    others = [name for name in spec.names if name not in spec.key]
    keeps = (mode == "insert-only" and spec.role in FACT_ROLES) or not others
    what = "NOTHING" if keeps else "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"""INSERT INTO {spec.name} ({names}) SELECT {", ".join(values[name] for name in spec.names)} FROM {own.query} AS s
        ON CONFLICT ({", ".join(spec.key)}) DO {what}"""


def _run_all(connection: Connection, statements: Iterable[str]) -> None:
    """Statements of ours in one round trip."""
    if joined := "; ".join(statements):
        connection.execute(joined)
