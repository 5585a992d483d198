"""A person's SQL: it reads the warehouse, and nothing else happens."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from orders_world import NORTH, check, land, open_warehouse, order, payment, selection
from restaurant_os import terminal
from restaurant_os.errors import LockedError, QueryError, RestaurantOSError, SettingsError, WarehouseError
from restaurant_os.settings import load
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.query import QueryResult, query

#: In this module's globals: a replacement scan would find it.
our_rows = pa.table({"secret": ["from our own process"]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A warehouse with two orders, alone in a folder of its own, beside a file that is none of the query's business."""
    folder = tmp_path / "warehouse"
    folder.mkdir()
    warehouse = open_warehouse(folder)
    land(warehouse, [order(f"o{n}", [check(f"c{n}", [selection("s", 10.29)], [payment("p", 10.29)])]) for n in (1, 2)])
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    (tmp_path / "secret.json").write_text('{"a": 1}\n')
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    return warehouse.path


def ask(path: Path, sql: str, *, most_rows: int = 100, seconds: float = 30.0) -> QueryResult:
    return query(path, sql, wait_seconds=0.2, most_rows=most_rows, seconds=seconds)


def footprint(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


ESCAPES = [
    # files written
    "COPY (SELECT 1) TO '{out}'",
    "COPY fact_orders TO '{out}' (FORMAT parquet)",
    "COPY fact_orders FROM '{secret}.csv'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "ATTACH '{folder}/other.duckdb' AS other (READ_ONLY)",
    "ATTACH ':memory:' AS scratch",
    "DETACH test",
    "USE memory",
    # files read
    "SELECT * FROM read_csv('{secret}.csv')",
    "SELECT * FROM read_csv_auto('{secret}.csv')",
    "SELECT * FROM read_text('{secret}.csv')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_json('{secret}.json')",
    "SELECT * FROM read_json_objects('{secret}.json')",
    "SELECT * FROM read_ndjson('{secret}.json')",
    "SELECT * FROM read_parquet('{secret}.parquet')",
    "SELECT * FROM parquet_metadata('{secret}.parquet')",
    "SELECT * FROM parquet_schema('{secret}.parquet')",
    "SELECT * FROM sniff_csv('{secret}.csv')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{secret}.csv'",
    "SELECT * FROM '{secret}.json'",
    "SELECT * FROM 'https://example.com/x.csv'",
    'SELECT * FROM "/etc/passwd"',
    "DESCRIBE SELECT * FROM read_csv('{secret}.csv')",
    "SUMMARIZE SELECT * FROM read_csv('{secret}.csv')",
    "EXPLAIN ANALYZE SELECT * FROM read_csv('{secret}.csv')",
    "WITH x AS (SELECT * FROM read_text('{secret}.csv')) SELECT * FROM x",
    "SELECT (SELECT content FROM read_text('{secret}.csv'))",
    "SELECT * FROM query('SELECT * FROM read_text(''{secret}.csv'')')",
    "SELECT * FROM query_table('{secret}.csv')",
    "SELECT * FROM sqlite_scan('{folder}/x.db', 't')",
    "SELECT * FROM postgres_scan('host=localhost', 'public', 't')",
    # our own process and its surroundings
    "SELECT * FROM our_rows",
    "SELECT * FROM most_rows",
    "SELECT * FROM connection",
    "SELECT * FROM batches",
    "SELECT getenv('HOME')",
    "SELECT * FROM which_secret('x', 's3')",
    "SELECT getvariable('x') FROM getenv('HOME')",
    # code
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/x.duckdb_extension'",
    "FORCE INSTALL httpfs FROM 'https://example.com'",
    "CREATE SECRET (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "CREATE MACRO f(x) AS x",
    "CALL pragma_version()",
    # settings
    "SET enable_external_access = true",
    "SET GLOBAL enable_external_access = true",
    "SET lock_configuration = false",
    "SET memory_limit = '10GB'",
    "SET temp_directory = '{folder}'",
    "SET allowed_directories = ['/']",
    "SET VARIABLE x = 1",
    "SET profiling_output = '{out}'",
    "SET log_query_path = '{out}'",
    "RESET enable_external_access",
    "RESET lock_configuration",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output = '{out}'",
    "PRAGMA enable_external_access = true",
    "PRAGMA disable_checkpoint_on_shutdown",
    # changes
    "INSERT INTO fact_orders (order_guid) VALUES ('x')",
    "UPDATE fact_orders SET is_voided = true",
    "DELETE FROM fact_orders",
    "MERGE INTO fact_orders USING fact_checks ON false WHEN NOT MATCHED THEN INSERT (order_guid) VALUES ('x')",
    "TRUNCATE fact_orders",
    "CREATE TABLE x (a INTEGER)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW daily_sales AS SELECT 1",
    "CREATE SCHEMA x",
    "CREATE SEQUENCE x",
    "CREATE TYPE mood AS ENUM ('good')",
    "CREATE INDEX i ON fact_orders (order_guid)",
    "ALTER TABLE fact_orders ADD COLUMN x INTEGER",
    "DROP TABLE fact_orders",
    "DROP VIEW daily_sales",
    "COMMENT ON TABLE fact_orders IS 'x'",
    "VACUUM",
    "ANALYZE",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "BEGIN",
    "COMMIT",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "DEALLOCATE x",
    "WITH x AS (DELETE FROM fact_orders RETURNING *) SELECT * FROM x",
    "EXPLAIN ANALYZE INSERT INTO fact_orders (order_guid) VALUES ('x')",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
    # more than one statement, or none
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE fact_orders",
    "SELECT 1; COPY (SELECT 1) TO '{out}'",
    "; ;",
    "",
    "   ",
    "-- nothing",
    "SELEC 1",
    "SELECT * FROM no_such_table",
    "\x00",
    pytest.param("SELECT '\ud800'"),
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_there_is_no_way_out(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """Each try to write, to read what is no table of the warehouse, to load code or to change a setting is one QueryError, and
    leaves every file as it was.
    """
    monkeypatch.chdir(tmp_path)
    before = footprint(tmp_path)

    with pytest.raises(QueryError) as refused:
        ask(path, sql.format(out=tmp_path / "out", secret=tmp_path / "secret", folder=tmp_path))
    assert refused.value.message.isprintable()
    assert refused.value.next_step
    assert footprint(tmp_path) == before


READS = [
    "SELECT count(*) FROM fact_orders",
    "FROM fact_orders SELECT count(*)",
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "SHOW TABLES",
    "DESCRIBE fact_orders",
    "SUMMARIZE fact_checks",
    "EXPLAIN SELECT 1",
    "VALUES (1), (2)",
    "PIVOT fact_order_items ON selection_guid USING sum(item_price)",
    "SELECT * FROM daily_sales;",
    "-- a comment\nSELECT 1 /* and another */",
    "TABLE fact_payments",
]


@pytest.mark.parametrize("sql", READS)
def test_what_reads_is_let_through(path: Path, tmp_path: Path, sql: str) -> None:
    """Every kind of statement that only looks, and nothing is left behind by it either."""
    before = footprint(tmp_path)

    assert ask(path, sql).table.num_rows >= 1
    assert footprint(tmp_path) == before


def test_every_bolt_is_shot(path: Path) -> None:
    """Each of them alone would hold some of it back; all are there, and locked, whatever statement gets past the others."""
    names = ("access_mode", "enable_external_access", "lock_configuration", "python_enable_replacements", "temp_directory")
    found = ask(path, f"SELECT {', '.join(f'current_setting({name!r})::VARCHAR' for name in names)}").table

    assert [column[0].as_py() for column in found.columns] == ["read_only", "false", "true", "false", ""]


def test_an_answer(path: Path) -> None:
    """Rows with their types: money as decimals, dates as dates."""
    found = ask(path, "SELECT * FROM daily_sales")

    assert found.is_cut is False
    assert found.table.to_pylist() == [
        {
            "restaurant_guid": NORTH.toast_guid,
            "business_date": date(2026, 3, 1),
            "orders": 2,
            "gross_sales": Decimal("20.5800"),
            "discounts": Decimal("0.0000"),
            "net_sales": Decimal("20.5800"),
            "tax": Decimal("0.0000"),
            "tips": Decimal("0.0000"),
            "refunds": Decimal("0.0000"),
        }
    ]


@pytest.mark.parametrize(
    ("rows", "most", "expected", "is_cut"), [(10, 10, 10, False), (11, 10, 10, True), (0, 10, 0, False), (9_000, 5_000, 5_000, True)]
)
def test_rows_are_capped(path: Path, rows: int, most: int, expected: int, is_cut: bool) -> None:
    """No more than asked for, and it is said when there were more."""
    found = ask(path, f"SELECT * FROM range({rows}) AS r(n)", most_rows=most)

    assert (found.table.num_rows, found.is_cut) == (expected, is_cut)


def test_a_cap_ends_a_query_of_any_size(path: Path) -> None:
    """The first rows of a trillion come at once, without the rest being made."""
    begun = time.monotonic()
    found = ask(path, "SELECT * FROM range(1000000000000)", most_rows=10)

    assert (found.table.num_rows, found.is_cut) == (10, True)
    assert time.monotonic() - begun < 10


def test_a_query_that_takes_too_long_is_stopped(path: Path) -> None:
    """Within its time, with what to do."""
    begun = time.monotonic()

    with pytest.raises(QueryError, match=r"stopped after 0\.3 s") as refused:
        ask(path, "SELECT sum(a.range * b.range) FROM range(10000000) AS a, range(10000000) AS b", seconds=0.3)
    assert time.monotonic() - begun < 10
    assert "--timeout" in refused.value.next_step


def test_a_query_that_needs_too_much_memory_fails_alone(path: Path, tmp_path: Path) -> None:
    """It neither takes the machine's memory nor spills to disk."""
    before = footprint(tmp_path)

    with pytest.raises(QueryError, match=r"(?i)memory"):
        query(path, "SELECT list(range) FROM range(100000000)", wait_seconds=1, most_rows=10, seconds=60, memory_limit="50MB")
    assert footprint(tmp_path) == before


def test_nothing_there_yet(tmp_path: Path) -> None:
    """No file is made by asking."""
    with pytest.raises(WarehouseError, match="there is nothing yet"):
        ask(tmp_path / "none.duckdb", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def closed_to_us(folder: Path) -> Iterator[None]:
    """Nobody may look into it; whoever may do everything is somebody else meanwhile."""
    own = os.geteuid()
    folder.chmod(0)
    if not own:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)
        folder.chmod(0o700)


def test_a_path_that_nobody_may_look_at_is_named(tmp_path: Path) -> None:
    """By whatever opens the settings or the file; a name that is too long for any file too."""
    folder = tmp_path / "closed"
    folder.mkdir()
    file = folder / "w.duckdb"
    too_long = tmp_path / ("x" * 300)
    asked: list[tuple[Path, Callable[[], object]]] = [
        (file, lambda: ask(file, "SELECT 1")),
        (file, lambda: DuckDBWarehouse(file).migrate(plan=True)),
        (file, lambda: DuckDBWarehouse(file).migrate()),
        (folder / "restaurant-os.toml", lambda: load(folder / "restaurant-os.toml")),
    ]
    with closed_to_us(folder):
        for path, question in asked:
            with pytest.raises(SettingsError, match=f"{path} cannot be looked at: Permission denied"):
                question()
    for question in (lambda: ask(too_long, "SELECT 1"), lambda: DuckDBWarehouse(too_long).rows("SELECT 1")):
        with pytest.raises(SettingsError, match="cannot be looked at: File name too long"):
            question()


def test_a_file_that_is_no_warehouse(tmp_path: Path) -> None:
    """Said, and left as it is."""
    path = tmp_path / "text.duckdb"
    path.write_bytes(b"hello " * 1000)

    with pytest.raises(WarehouseError, match="not a DuckDB file"):
        ask(path, "SELECT 1")
    assert path.read_bytes() == b"hello " * 1000


def test_a_text_with_control_characters_is_no_way_out_either(path: Path) -> None:
    """The engine repeats the SQL in its message: shown on one line."""
    with pytest.raises(QueryError) as refused:
        ask(path, 'SELECT * FROM "\x1b[2J\u202enothing"')
    assert refused.value.message.isprintable()


def in_another_process(code: str, path: Path) -> subprocess.Popen[str]:
    """A Python of its own, with the file opened as `held`; returns once it has printed its first line."""
    opened = f"import duckdb, os, sys; held = duckdb.connect({str(path)!r}); {code}"
    child = subprocess.Popen([sys.executable, "-c", opened], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    return child


def ended(child: subprocess.Popen[str]) -> None:
    child.communicate("end\n", timeout=30)


def test_what_a_killed_process_left_is_taken_in(path: Path) -> None:
    """A read-only connection cannot replay a log: it is done before."""
    writes = "held.execute(\"INSERT INTO sync_runs (sync_id) VALUES ('left')\"); print('ready', flush=True); os._exit(9)"
    ended(in_another_process(writes, path))
    assert path.with_name(path.name + ".wal").exists()

    assert ask(path, "SELECT sync_id FROM sync_runs").table.to_pylist() == [{"sync_id": "left"}]


def test_a_held_file_names_its_holder(path: Path) -> None:
    """After a bounded wait; once it is let go the same question is answered."""
    child = in_another_process("print('ready', flush=True); sys.stdin.readline(); held.close()", path)
    try:
        with pytest.raises(LockedError, match=f"process {child.pid} "):
            ask(path, "SELECT 1")
    finally:
        ended(child)

    assert ask(path, "SELECT 1").table.num_rows == 1


# --- formats ----------------------------------------------------------------------------------------------------------

SQL = "SELECT order_guid, business_date, modified_at, item_price, is_voided, void_reason_guid FROM fact_order_items ORDER BY 1"


def test_as_json(path: Path, tmp_path: Path) -> None:
    """A list of objects, money as strings, dates and instants ISO."""
    terminal.write_result(ask(path, SQL).table, "json", tmp_path / "out.json")

    assert json.loads((tmp_path / "out.json").read_text())[0] == {
        "order_guid": "o1",
        "business_date": "2026-03-01",
        "modified_at": "2026-03-02T09:00:00+00:00",
        "item_price": "10.2900",
        "is_voided": False,
        "void_reason_guid": None,
    }


def test_as_csv(path: Path, tmp_path: Path) -> None:
    """The same values, null as nothing."""
    terminal.write_result(ask(path, SQL).table, "csv", tmp_path / "out.csv")

    rows = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert rows[0] == ["order_guid", "business_date", "modified_at", "item_price", "is_voided", "void_reason_guid"]
    assert rows[1] == ["o1", "2026-03-01", "2026-03-02T09:00:00+00:00", "10.2900", "False", ""]
    assert len(rows) == 3


def test_as_parquet(path: Path, tmp_path: Path) -> None:
    """Types and all."""
    terminal.write_result(ask(path, SQL).table, "parquet", tmp_path / "out.parquet")

    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema.field("item_price").type == pa.decimal128(18, 4)
    assert found.to_pylist() == ask(path, SQL).table.to_pylist()


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_columns_of_one_name_are_both_there(path: Path, tmp_path: Path, kind: str) -> None:
    """A join brings two columns of one name: neither value takes the other's place."""
    terminal.write_result(ask(path, "SELECT 1 AS a, 2 AS a").table, kind, tmp_path / "out")

    text = (tmp_path / "out").read_text()
    assert "1" in text
    assert "2" in text


VALUES = [
    "SELECT TIME '12:00' AS x",
    "SELECT 'a'::BLOB AS x",
    "SELECT [1, 2] AS x",
    "SELECT {'a': 1.5::DECIMAL(4,1)} AS x",
    "SELECT MAP {'k': 1} AS x",
    "SELECT uuid() AS x",
    "SELECT 'NaN'::DOUBLE AS x",
    "SELECT 170141183460469231731687303715884105727::HUGEINT AS x",
    "SELECT DATE '9999-12-31' AS x",
    "SELECT NULL AS x",
]


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_every_type_can_be_written(path: Path, tmp_path: Path, kind: str) -> None:
    """Whatever a SELECT can give."""
    for sql in VALUES:
        terminal.write_result(ask(path, sql).table, kind, tmp_path / "out")

        assert (tmp_path / "out").stat().st_size > 0


#: Dates and times for which Python has no value, and numbers with more digits than it reckons with.
BEYOND_PYTHON = {
    "DATE '12000-01-01'": "12000-01-01",
    "'infinity'::DATE": "infinity",
    "'-infinity'::TIMESTAMPTZ": "-infinity",
    "TIMESTAMP_NS '2020-01-01 00:00:00.123456789'": "2020-01-01 00:00:00.123456789",
    "[DATE '12000-01-01']": ["12000-01-01"],
    "{'day': DATE '12000-01-01'}": {"day": "12000-01-01"},
    "170141183460469231731687303715884105727::HUGEINT": "170141183460469231731687303715884105727",
    "123456789012345678901234567890.12::DECIMAL(38, 2)": "123456789012345678901234567890.12",
}


@pytest.mark.parametrize(("value", "expected"), BEYOND_PYTHON.items())
def test_a_value_that_python_cannot_hold_is_written_as_text(path: Path, tmp_path: Path, value: str, expected: object) -> None:
    """Beside one that it can."""
    found = ask(path, f"SELECT {value} AS x, DATE '2026-03-01' AS day").table
    for kind in ("json", "csv"):
        terminal.write_result(found, kind, tmp_path / kind)
    [row] = csv.DictReader(io.StringIO((tmp_path / "csv").read_text()))
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "out", Console(file=text, width=200))
        terminal.write_result(found, "table", None)

    assert json.loads((tmp_path / "json").read_text()) == [{"x": expected, "day": "2026-03-01"}]
    assert (row["x"].removeprefix("'"), row["day"]) == (str(expected), "2026-03-01")
    assert text.getvalue().replace(",", "").count(str(expected).replace(",", "")) == text.getvalue().count("2026-03-01") == 1


def test_a_type_that_a_format_cannot_hold(path: Path, tmp_path: Path) -> None:
    """One message with the next step."""
    with pytest.raises(RestaurantOSError):
        terminal.write_result(ask(path, "SELECT INTERVAL 1 MONTH AS x").table, "parquet", tmp_path / "out")
