"""What `bigquery_double.py` starts, with the Python of the double's environment: `local-bigquery`, put right for this DuckDB, no network and our tests.

What it answers is its own; what is changed is said at each place, with why. Most of it is speed: as it comes, a commit of ours takes it 4 seconds,
nine tenths of them spent on looking things up in its catalogs and on writing down its jobs.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

# DuckDB looks for it whenever it binds a value, and looks anew on every path where it is missing.
sys.modules["pandas"] = None  # type: ignore[assignment]

import duckdb  # noqa: E402

connect: Any = duckdb.connect


def connected(*given: Any, config: dict[str, Any] | None = None, **named: Any) -> duckdb.DuckDBPyConnection:
    """The time zone as a setting of `connect` loads an extension; set after connecting it is built in."""
    zone = (config or {}).pop("TimeZone", None)
    connection: duckdb.DuckDBPyConnection = connect(*given, **({"config": config} if config else {}), **named)
    if zone:
        connection.execute(f"SET GLOBAL TimeZone = '{zone}'")
        # Its statements are small, and its clients many.
        connection.execute("SET threads = 1")
    return connection


duckdb.connect = connected

from local_bigquery.app import app  # noqa: E402
from local_bigquery.catalog import metadata, tabledata, tables  # noqa: E402
from local_bigquery.cli import main  # noqa: E402
from local_bigquery.engine import database  # noqa: E402
from local_bigquery.errors import BigQueryError, not_found  # noqa: E402
from local_bigquery.jobs import merge, query, store  # noqa: E402
from local_bigquery.models import JobConfigurationQuery, JobStatistics2  # noqa: E402
from local_bigquery.settings import settings  # noqa: E402
from local_bigquery.sql.dialect import BigQueryDialect, DuckDBDialect  # noqa: E402
from local_bigquery.sql.rules import partitions  # noqa: E402
from local_bigquery.sql.translate import translate  # noqa: E402
from sqlglot import exp  # noqa: E402
from sqlglot.tokenizer_core import TokenType  # noqa: E402

# --- where tables stand ---------------------------------------------------------------------------------------------------


def attach(connection: duckdb.DuckDBPyConnection, project: str) -> None:
    """In a plain DuckDB file, not in DuckLake, which asks its catalog dozens of times for each statement: ten times the time of all the rest."""
    connection.execute(f"ATTACH IF NOT EXISTS '{settings.data_dir / project}.duckdb' AS {database.quote(project)}")
    database._attached.add(project)


database._attach = attach


# --- what it writes down: jobs, and what tables are -----------------------------------------------------------------------


class Notes:
    """In SQLite, not in DuckDB, which searches a table of 5,000 jobs from end to end whenever it wants one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @cached_property
    def connection(self) -> sqlite3.Connection:
        found = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        found.execute("ATTACH ? AS emulator", [str(settings.data_dir / "notes.sqlite")])
        found.execute("PRAGMA emulator.synchronous = OFF")
        found.create_function("starts_with", 2, str.startswith)
        found.executescript("".join(f"{sql};" for sql in database.EMULATOR_SCHEMA.split(";") if "CREATE TABLE" in sql))
        return found

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.lock:
            return self.connection.execute(sql, parameters).fetchall()


notes = Notes()
for keeper in (metadata, store):
    keeper.fetch = keeper.execute = notes.fetch


# --- what tables there are: of one table, never by a search through all ----------------------------------------------------


def objects(project: str, dataset: str, table: str | None = None) -> list[tuple[str, str, int]]:
    if table is None:
        return list(all_objects(project, dataset, None))
    name = database.quote(project, dataset, table)
    with database.cursor() as cursor:
        try:
            [(rows,)] = cursor.execute(f"SELECT count(rowid) FROM {name}").fetchall()
        except duckdb.BinderException:
            return list(all_objects(project, dataset, table))
        except duckdb.CatalogException:
            return []
    return [(table, "TABLE", rows)]


def columns(project: str, dataset: str, table: str) -> list[Any]:
    name = tables.name(project, dataset, table)
    with database.cursor() as cursor:
        try:
            relation = cursor.sql(f"SELECT * FROM {name} LIMIT 0")
            info = cursor.execute('SELECT name FROM pragma_table_info($1) WHERE "notnull"', [name]).fetchall()
        except duckdb.CatalogException:
            raise not_found("Table", tables.names.label(project, dataset, table)) from None
    required = {column for (column,) in info}
    return [tables.types.field(column, kind, column in required) for column, kind in zip(relation.columns, relation.types, strict=True)]


all_objects, database.objects = database.objects, objects
tables.columns = tabledata.columns = columns
# No statement of ours lists an array without UNNEST; to find one it copies every query, those inside others again and again.
BigQueryDialect.Parser.SUPPORTS_IMPLICIT_UNNEST = False
# No table of ours is partitioned by the time that its rows came in.
partitions._hidden = lambda table: False


# --- whole datasets ---------------------------------------------------------------------------------------------------------

#: What stands in a dataset, in the order in which it was made; of tables, their rows too.
MADE = """SELECT sql, CASE WHEN estimated_size > 0 THEN table_name END FROM duckdb_tables() WHERE database_name = $1 AND schema_name = $2
    UNION ALL SELECT sql, NULL FROM (SELECT sql FROM duckdb_views() WHERE database_name = $1 AND schema_name = $2 ORDER BY view_oid)"""


@app.post("/copies/{project}/{source}/{target}")  # type: ignore[untyped-decorator]
def copy(project: str, source: str, target: str) -> None:
    """A dataset made like another whose name nothing else in it has: to make ours by its own statements takes it 8 seconds."""
    with database.cursor() as cursor:
        cursor.execute(f"USE {database.quote(project)}")
        cursor.execute(f"CREATE SCHEMA {target}")
        for sql, full in cursor.execute(MADE, [project, source]).fetchall():
            cursor.execute(sql.replace(source, target))
            if full:
                cursor.execute(f"INSERT INTO {database.quote(project, target, full)} FROM {database.quote(project, source, full)}")
    for kind, keys in database.RESOURCES.items():
        columns = ", ".join(f"replace({column}, $1, $2)" for column in (*keys, "resource"))
        notes.fetch(f"INSERT INTO emulator.{kind} SELECT {columns} FROM emulator.{kind} WHERE dataset_id = $1", [source, target])


# --- MERGE ----------------------------------------------------------------------------------------------------------------


def merged(cursor: duckdb.DuckDBPyConnection, tree: exp.Merge, context: Any) -> JobStatistics2:
    """`WHEN MATCHED THEN UPDATE` and `WHEN NOT MATCHED THEN INSERT`, of columns as they are, is DuckDB's own MERGE after a look whether a row is matched
    twice, which BigQuery refuses. It makes eight statements of each, and begins a transaction to learn whether one is open, which undoes the one that is."""
    target, source, how = tree.this, tree.args["using"], tree.args["whens"]
    sql, bound = translate(exp.select("1").from_(target.copy()).join(source.copy(), on=tree.args["on"].copy()), context)
    if cursor.execute(f"{sql} GROUP BY {target.alias_or_name}.rowid HAVING count(*) > 1 LIMIT 1", bound).fetchall():
        raise BigQueryError("invalidQuery", "UPDATE/MERGE must match at most one source row for each target row")
    if tree.find(exp.Parameter):
        sql, bound = translate(tree, context)
    else:  # what is read off a column needs no translation, which takes longer than to do it
        sql = f"MERGE INTO {sql.partition(' FROM ')[2].replace(' JOIN ', ' USING ', 1)} {how.sql(dialect=DuckDBDialect)}"
    [(count,)] = cursor.execute(sql, bound).fetchall()
    return JobStatistics2(numDmlAffectedRows=str(count))


merge.run = merged


# --- queries --------------------------------------------------------------------------------------------------------------

#: The rows of a query are a table, which it keeps for ever: they go so long after the query, or after they were read whole.
READ_WITHIN_SECONDS, READ_AGAIN_WITHIN_SECONDS = 300.0, 30.0
#: By name, when each goes.
results: dict[str, float] = {}


def executed(cursor: duckdb.DuckDBPyConnection, project: str, job: str | None, config: JobConfigurationQuery, **how: Any) -> Any:
    """Who was overtaken is told so in BigQuery's words (its page on transactions, "concurrency")."""
    try:
        found = execute(cursor, project, job, config.replace(query=numbered(config.query or "")), **how)
    except Exception as problem:
        said = str(problem)
        if "onflict on" in said or "write-write conflict" in said:
            raise BigQueryError("invalidQuery", f"Transaction is aborted due to concurrent update against table. {said}") from problem
        raise
    if found[2] and found[2].datasetId == tables.RESULTS:
        results[tables.name(*tables.reference(found[2]))] = time.monotonic() + READ_WITHIN_SECONDS
    for name in [name for name, until in list(results.items()) if until < time.monotonic()]:
        if results.pop(name, None):  # of two queries that end at once, one takes it away
            database.execute(f"DROP TABLE IF EXISTS {name}")
    return found


def numbered(sql: str) -> str:
    """With a name for each `?`: it counts them in the order of its tree, where what a WITH asks comes last; BigQuery in that of the text."""
    parts: list[str] = []
    end = 0
    for token in BigQueryDialect().tokenize(sql) if "?" in sql else []:
        if token.token_type == TokenType.PLACEHOLDER:
            parts += [sql[end : token.start], f"@p{len(parts) // 2}"]
            end = token.end + 1
    return "".join(parts) + sql[end:]


def list_rows(project: str, dataset: str, table: str, most: int | None, *how: Any) -> Any:
    page, fields = read_rows(project, dataset, table, most, *how)
    name = tables.name(project, dataset, table)
    if name in results and (page.total == 0 or (most != 0 and page.next_token is None)):
        results[name] = time.monotonic() + READ_AGAIN_WITHIN_SECONDS
    return page, fields


read_rows, tabledata.list_rows = tabledata.list_rows, list_rows
execute, query.execute = query.execute, executed


if __name__ == "__main__":
    sys.exit(main())
