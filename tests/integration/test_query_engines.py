"""`query` on Postgres and BigQuery: reads whatever may be read, changes nothing, ends in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pyarrow as pa
import pytest
from pydantic import SecretStr

from copying_world import Heard, dataset_of, filled
from restaurant_os.copying import Copy
from restaurant_os.errors import QueryError, WarehouseError
from restaurant_os.settings import BigQuerySettings, Settings, load_without_file
from restaurant_os.text import amount
from restaurant_os.warehouse.open import open_warehouse
from restaurant_os.warehouse.query import QueryResult, ask

if TYPE_CHECKING:
    from restaurant_os.warehouse.bigquery import BigQueryWarehouse


def settings_of(place: str, bigquery: BigQuerySettings | None = None) -> Settings:
    own = {"bigquery": bigquery.model_dump()} if bigquery else {}
    return load_without_file(Path(), warehouse=SecretStr(place), **own)


@pytest.fixture(scope="module")
def postgres_place(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with some rows in every table. Tests read it and change nothing."""
    with postgres.database() as url:
        settings = settings_of(url)
        target = open_warehouse(url, settings, now=lambda: datetime.now(UTC))
        source = filled(tmp_path_factory.mktemp("query") / "source.duckdb")
        Copy(source, target, Heard()).run()
        target.close()
        source.close()
        yield url


def at(place: str, sql: str, *, most_rows: int = 100, seconds: float = 60.0) -> QueryResult:
    return ask(settings_of(place), sql, most_rows=most_rows, seconds=seconds)


REFUSED = [
    "INSERT INTO fact_orders (order_guid) VALUES ('x')",
    "UPDATE fact_orders SET is_voided = true",
    "DELETE FROM fact_orders",
    "MERGE INTO fact_orders USING fact_checks ON false WHEN NOT MATCHED THEN INSERT (order_guid) VALUES ('x')",
    "TRUNCATE fact_orders",
    "CREATE TABLE x (a integer)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "SELECT 1 AS a INTO x",
    "CREATE OR REPLACE VIEW daily_sales AS SELECT 1",
    "ALTER TABLE fact_orders ADD COLUMN x integer",
    "DROP TABLE fact_orders",
    "GRANT SELECT ON fact_orders TO PUBLIC",
    "COPY fact_orders TO '/tmp/x'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY fact_orders FROM '/etc/passwd'",
    "WITH x AS (DELETE FROM fact_orders RETURNING *) SELECT * FROM x",
    "EXPLAIN ANALYZE INSERT INTO fact_orders (order_guid) VALUES ('x')",
    "SELECT * FROM fact_orders FOR UPDATE",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('default_transaction_read_only', 'off', false), nextval('x')",
    "SET search_path = pg_catalog",
    "RESET ALL",
    "BEGIN",
    "COMMIT",
    "COMMIT; DROP TABLE fact_orders",
    "SELECT 1; SELECT 2",
    "SELECT 1; COMMIT; DROP TABLE fact_orders",
    "SHOW TimeZone; DROP TABLE fact_orders",
    "EXPLAIN SELECT 1; DROP TABLE fact_orders",
    "DO $$ BEGIN EXECUTE 'DROP TABLE fact_orders'; END $$",
    "CALL x()",
    "LOCK TABLE fact_orders",
    "VACUUM",
    "NOTIFY x",
    "LISTEN x",
    "PREPARE x AS SELECT 1",
    "DECLARE x CURSOR FOR SELECT 1",
    "/* SELECT */ DROP TABLE fact_orders",
    "-- SELECT\nDROP TABLE fact_orders",
    "; ;",
    "",
    "-- nothing",
    "/* /* */",
    "SELEC 1",
    "SELECT * FROM no_such_table",
    "SELECT * FROM \"\x1b[2J\u202enothing\"",
    "\x00",
    pytest.param("SELECT '\ud800'"),
]  # fmt: skip


def footprint(url: str) -> list[Any]:
    """What is in a database: its relations with their sizes in rows, and who may what."""
    with psycopg.connect(url, autocommit=True) as connection:
        found: list[Any] = connection.execute(
            "SELECT relname, relkind, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
        held = connection.execute("SELECT count(*), count(*) FILTER (WHERE is_voided) FROM fact_orders").fetchall()
        return [*found, *held, connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchall()]


@pytest.mark.parametrize("sql", REFUSED)
def test_postgres_runs_nothing_but_what_reads(postgres_place: str, sql: str) -> None:
    """Also as the superuser that the tests are: one QueryError, and everything is as it was."""
    before = footprint(postgres_place)

    with pytest.raises(QueryError) as refused:
        at(postgres_place, sql)
    assert refused.value.message.isprintable()
    assert refused.value.next_step
    assert footprint(postgres_place) == before


@pytest.mark.parametrize("sql", ["EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", "SELECT lo_create(0)", "SELECT pg_notify('x', 'y')"])
def test_what_a_transaction_lets_pass_is_undone(postgres_place: str, sql: str) -> None:
    """It is rolled back, always."""
    before = footprint(postgres_place)
    with suppress(QueryError):
        at(postgres_place, sql)

    assert footprint(postgres_place) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM fact_orders",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "VALUES (1), (2)",
        "TABLE fact_payments",
        "EXPLAIN SELECT * FROM daily_sales",
        "EXPLAIN ANALYZE SELECT 1",
        "SHOW TimeZone",
        "select * from daily_sales;",
        "-- a comment\nSELECT 1 /* and ; another */ -- and one more",
        "/* one /* in another */ */ SELECT '100%', '%s', '?'",
    ],
)
def test_postgres_lets_through_what_reads(postgres_place: str, sql: str) -> None:
    """Every kind of statement that only looks."""
    assert at(postgres_place, sql).table.num_rows >= 1


def test_what_a_query_sets_ends_with_it(postgres_place: str) -> None:
    """A pooler gives the same session to somebody else: nothing of a query stays in it."""
    at(postgres_place, "SELECT set_config('search_path', 'pg_catalog', false)")

    assert at(postgres_place, "SELECT count(*) AS n FROM fact_orders").table.to_pylist() == [{"n": 12}]


def test_postgres_answers_with_types(postgres_place: str) -> None:
    """Money as decimals, sums too, instants in UTC, dates, flags; what Arrow does not know as text; two columns of one name."""
    sql = """SELECT 1.5::numeric(18,4) AS money, sum(x) AS total, timestamptz '2026-03-01 12:00+01' AS at, date '2026-03-01' AS day, true AS flag,
        7::bigint AS n, 0.5::float8 AS real, 'NaN'::numeric AS odd, ARRAY[1, 2] AS list, '{"a": 1}'::jsonb AS json, NULL AS nothing, 1 AS a, 2 AS a
        FROM (VALUES (1.25), (2.5)) AS own (x)"""

    found = at(postgres_place, sql).table

    assert found.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert [str(found.schema.field(name).type) for name in ("money", "total", "day", "n")] == [
        "decimal128(38, 4)",
        "decimal128(38, 2)",
        "date32[day]",
        "int64",
    ]
    assert found.to_pylist() == [
        {
            "money": Decimal("1.5000"),
            "total": Decimal("3.75"),
            "at": datetime(2026, 3, 1, 11, tzinfo=UTC),
            "day": date(2026, 3, 1),
            "flag": True,
            "n": 7,
            "real": 0.5,
            "odd": "NaN",
            "list": "[1, 2]",
            "json": "{'a': 1}",
            "nothing": None,
            "a": 1,
            "a_2": 2,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "most", "expected", "is_cut"), [(10, 10, 10, False), (11, 10, 10, True), (0, 10, 0, False), (9_000, 5_000, 5_000, True)]
)
def test_postgres_rows_are_capped(postgres_place: str, rows: int, most: int, expected: int, is_cut: bool) -> None:
    """No more than asked for, and it is said when there were more."""
    found = at(postgres_place, f"SELECT * FROM generate_series(1, {rows}) AS n", most_rows=most)

    assert (found.table.num_rows, found.is_cut, found.table.column_names) == (expected, is_cut, ["n"])


def test_a_cap_ends_a_query_of_any_size(postgres_place: str) -> None:
    """The first rows of a hundred billion come at once."""
    begun = time.monotonic()
    found = at(
        postgres_place, "SELECT a.n FROM (SELECT 1 AS n FROM pg_class, pg_class AS b, pg_class AS c, pg_class AS d) AS a", most_rows=10
    )

    assert (found.table.num_rows, found.is_cut) == (10, True)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_sleep(60)",
        "SELECT pg_sleep(0.2) FROM generate_series(1, 1000)",
        "SELECT set_config('statement_timeout', '0', true), pg_sleep(60)",
    ],
)
def test_a_query_that_takes_too_long_is_stopped(postgres_place: str, sql: str) -> None:
    """Within its time, also where each row is quick, or the server's own limit was lifted."""
    begun = time.monotonic()

    with pytest.raises(QueryError, match=r"stopped after 0\.5 s") as refused:
        at(postgres_place, sql, seconds=0.5)
    assert time.monotonic() - begun < 20
    assert "--timeout" in refused.value.next_step


def test_a_server_that_is_away_is_said_without_the_password() -> None:
    """The label alone."""
    with pytest.raises(WarehouseError) as away:
        at("postgresql://user:s3cr3t@127.0.0.1:1/db", "SELECT 1")
    assert "postgres 127.0.0.1:1/db" in away.value.message
    assert "s3cr3t" not in str(away.value)


# --- BigQuery ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A dataset of the double's with a table."""
    with dataset_of(tmp_path_factory) as (url, own):
        settings = settings_of(url, own)
        warehouse = open_warehouse(url, settings, now=lambda: datetime.now(UTC))
        client = cast("BigQueryWarehouse", warehouse).client
        client.create_dataset(cast("BigQueryWarehouse", warehouse).dataset)
        client.query_and_wait(f"CREATE TABLE {url.rpartition('/')[2]}.fact_orders (order_guid STRING)")
        warehouse.close()
        yield settings


def test_bigquery_reads_what_selects(dataset: Settings) -> None:
    """With the bytes that were read, and no more rows than asked for."""
    found = ask(
        dataset,
        "SELECT n, NUMERIC '1.25' AS money, DATE '2026-03-01' AS day FROM UNNEST([1, 2, 3]) AS n ORDER BY n",
        most_rows=2,
        seconds=60,
    )

    assert found.table.to_pylist() == [{"n": n, "money": Decimal("1.25"), "day": date(2026, 3, 1)} for n in (1, 2)]
    assert found.is_cut
    assert found.bytes_read is not None
    assert ask(dataset, "SELECT * FROM fact_orders", most_rows=10, seconds=60).table.num_rows == 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM fact_orders WHERE TRUE",
        "INSERT INTO fact_orders (order_guid) VALUES ('x')",
        "DROP TABLE fact_orders",
        "CREATE TABLE x (a INT64)",
        "SELECT 1; SELECT 2",
        "BEGIN SELECT 1; END",
        "SELEC 1",
        "SELECT * FROM no_such_table_of_ours",
        "",
    ],
)
def test_bigquery_runs_nothing_else(dataset: Settings, sql: str) -> None:
    """The dry run says what it is, and it is not run."""
    with pytest.raises(QueryError) as refused:
        ask(dataset, sql, most_rows=10, seconds=60)
    assert refused.value.next_step
    assert ask(dataset, "SELECT COUNT(*) AS n FROM fact_orders", most_rows=10, seconds=60).table.to_pylist() == [{"n": 0}]


def test_bytes_are_told_as_a_person_reads_them() -> None:
    assert [amount(size) for size in (0, 1023, 1024, 10 * 2**20, 3.5 * 2**30, 2**41)] == [
        "0 bytes",
        "1,023 bytes",
        "1.0 KiB",
        "10.0 MiB",
        "3.5 GiB",
        "2.0 TiB",
    ]
