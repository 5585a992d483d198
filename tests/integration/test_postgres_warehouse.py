"""A warehouse in Postgres: every value as it was, rows written as they stand, and tables that are made, found, or left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from cash_world import deposit, entry
from engines_stories import DAY, cash_commit, labor_commit, run_of
from labor_world import at, punch, utc
from ledger_world import whole_day
from orders_world import FIRST_VERSION, NORTH, changed, check, land, order, payment, selection
from postgres_watching import eventually, rows, stored, waiting_sessions
from restaurant_os.errors import SettingsError, WarehouseError
from restaurant_os.postgres_address import postgres_address
from restaurant_os.tables import (
    CHANGED_DAYS,
    COUNT,
    DATE,
    DAY_SNAPSHOTS,
    FACT_ORDERS,
    FLAG,
    INSTANT,
    MONEY,
    RATE,
    REAL,
    SYNC_RUNS,
    TABLES,
    TEXT,
    TableSpec,
)
from restaurant_os.warehouse import SEQUENCE_TO_COME, Writing, postgres_bulk
from restaurant_os.warehouse.compiled import views
from restaurant_os.warehouse.merge import MOST_NAMED
from restaurant_os.warehouse.postgres import PostgresWarehouse
from restaurant_os.warehouse.postgres_bulk import fetch_together
from restaurant_os.warehouse.postgres_sessions import Sessions
from restaurant_os.warehouse.query_postgres import query_postgres


@pytest.fixture
def warehouse(postgres_url: str) -> Iterator[PostgresWarehouse]:
    own = PostgresWarehouse(postgres_url, wait_seconds=30, now=lambda: FIRST_VERSION)
    yield own
    own.close()


# --- every value as it was ------------------------------------------------------------------------------------------

TEXTS = [
    "",
    " ",
    "\\N",
    "\\.",
    '"',
    "'",
    "a,b",
    "one\ntwo\r\nthree\\\n\\.\nfour",
    "\\",
    "NULL",
    "null",
    "é\u0301 日本 \U0001f355 \u202e",
    "\t",
    "{}",
    "%s ? $1",
]
VALUES: dict[pa.DataType, list[Any]] = {
    TEXT: [*TEXTS, "x" * 100_000],
    MONEY: [Decimal("0.0000"), Decimal("-0.0001"), Decimal("99999999999999.9999"), Decimal("-99999999999999.9999"), Decimal("10.5000")],
    RATE: [Decimal("0.00000001"), Decimal("9999999999.99999999"), Decimal("-0.08875000")],
    INSTANT: [
        datetime(2026, 3, 8, 6, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 8, 7, 0, 0, 120_000, tzinfo=UTC),
    ],
    DATE: [date(2026, 2, 28), date(1, 1, 1), date(9999, 12, 31)],
    FLAG: [True, False],
    COUNT: [0, -1, 2**63 - 1, -(2**63)],
    REAL: [0.1, -0.0, 1e308, 5e-324, 1 / 3, float("inf")],
}
MANY = 40


def rows_of(spec: TableSpec) -> pa.Table:
    """Rows of a table with every value of each type, and null wherever it may be."""

    def value(place: int, number: int, name: str, kind: pa.DataType) -> Any:
        if name in spec.key:
            texts = TEXTS[number % len(TEXTS)]
            whole = {TEXT: f"{texts}{number}", COUNT: number, DATE: date(2026, 1, 1) + timedelta(days=number)}
            return whole.get(kind, VALUES[kind][number % len(VALUES[kind])])
        return [None, *VALUES[kind]][(place + number) % (len(VALUES[kind]) + 1)]

    columns = [[value(place, number, c.name, c.type) for number in range(MANY)] for place, c in enumerate(spec.columns)]
    return pa.table([pa.array(values, c.type) for values, c in zip(columns, spec.columns, strict=True)], schema=spec.schema)


def in_order(table: pa.Table, spec: TableSpec) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_pylist()
    return sorted(found, key=lambda row: tuple(str(row[name]) for name in spec.key))


def test_every_table_gives_back_what_was_written_to_the_last_digit_and_character(warehouse: PostgresWarehouse) -> None:
    given = {spec.name: rows_of(spec) for spec in TABLES}
    warehouse.write(Writing(rows=given))
    found = {spec.name: warehouse.fetch(spec) for spec in TABLES}

    assert {spec.name: found[spec.name].schema for spec in TABLES} == {spec.name: spec.schema for spec in TABLES}
    assert {spec.name: in_order(found[spec.name], spec) for spec in TABLES} == {
        spec.name: in_order(given[spec.name], spec) for spec in TABLES
    }
    with warehouse._transaction(reading=True) as (connection, _):
        together = fetch_together(connection, [(spec, "TRUE", None) for spec in TABLES])
    assert [table.schema for table in together] == [spec.schema for spec in TABLES]
    assert {spec.name: in_order(table, spec) for spec, table in zip(TABLES, together, strict=True)} == {
        spec.name: in_order(given[spec.name], spec) for spec in TABLES
    }
    names = ", ".join(FACT_ORDERS.names)
    asked = [dict(zip(FACT_ORDERS.names, row, strict=True)) for row in warehouse.rows(f"SELECT {names} FROM fact_orders")]
    assert sorted(asked, key=lambda row: row["order_guid"]) == in_order(given["fact_orders"], FACT_ORDERS)


def test_a_character_that_postgres_cannot_store_is_another_one_and_reading_it_again_is_no_change(warehouse: PostgresWarehouse) -> None:
    body = order("o", [check("c", [selection("s", 10.0, displayName="A\0B")], [payment("p")])])
    first = land(warehouse, [body], read_at="2026-03-10T00:00:00.000+0000")
    again = land(warehouse, [body], read_at="2026-03-11T00:00:00.000+0000")

    assert (first.added, again.added, again.changed) == (1, 0, 0)
    assert stored(warehouse, "fact_order_items", "menu_item_name") == [("A\ufffdB",)]


def test_rows_are_found_by_however_many_ids_and_a_condition_beside_them(warehouse: PostgresWarehouse) -> None:
    given = rows_of(FACT_ORDERS)
    warehouse.write(Writing(rows={"fact_orders": given}))
    wanted = given.column("order_guid").to_pylist()[:7]
    many = [*wanted, *(f"nobody's {number}" for number in range(100_000))]

    assert in_order(warehouse.fetch(FACT_ORDERS, ids=("order_guid", many)), FACT_ORDERS) == in_order(given.slice(0, 7), FACT_ORDERS)
    assert warehouse.fetch(FACT_ORDERS, "FALSE OR order_guid = ''", ("order_guid", many)).num_rows == 0
    assert warehouse.fetch(FACT_ORDERS, ids=("order_guid", [])).num_rows == 0


# --- rows as they stand -----------------------------------------------------------------------------------------------


def a_run(sync_id: str, **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(SYNC_RUNS.names), "sync_id": sync_id, "_loaded_at": FIRST_VERSION, **values}


def table_of(spec: TableSpec, *given: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{**dict.fromkeys(spec.names), **row} for row in given], schema=spec.schema)


def test_a_row_takes_the_place_of_the_one_of_its_key_and_keys_that_are_gone_take_theirs_along(warehouse: PostgresWarehouse) -> None:
    warehouse.write(Writing(rows={"sync_runs": table_of(SYNC_RUNS, *(a_run(name, pages=1) for name in "abc"))}))
    keys = table_of(SYNC_RUNS, {"sync_id": "a"}, {"sync_id": "nobody's"}).select(["sync_id"])
    warehouse.write(Writing(rows={"sync_runs": table_of(SYNC_RUNS, a_run("b", pages=2), a_run("d"))}, gone={"sync_runs": keys}))

    assert stored(warehouse, "sync_runs", "sync_id", "pages") == [("b", 2), ("c", 1), ("d", None)]


def test_insert_only_keeps_a_fact_that_is_there_and_replaces_what_is_none(warehouse: PostgresWarehouse) -> None:
    def one(number: int) -> Writing:
        fact = {"order_guid": "o", "display_number": str(number), "restaurant_guid": "r"}
        rows = {"fact_orders": table_of(FACT_ORDERS, fact), "sync_runs": table_of(SYNC_RUNS, a_run("s", pages=number))}
        return Writing(rows=rows, load_mode="insert-only")

    warehouse.write(one(1))
    warehouse.write(one(2))
    assert stored(warehouse, "fact_orders", "display_number") == [("1",)]
    assert stored(warehouse, "sync_runs", "pages") == [(2,)]


def test_a_commit_is_numbered_after_all_that_are_in_and_its_snapshots_with_it(warehouse: PostgresWarehouse) -> None:
    def one(day: int, sequence: int) -> Writing:
        own = {"dataset": "orders", "restaurant_guid": "r", "business_date": date(2026, 3, day), "sequence": sequence}
        return Writing(rows={"changed_days": table_of(CHANGED_DAYS, own), "day_snapshots": table_of(DAY_SNAPSHOTS, own)})

    for day, sequence in ((1, SEQUENCE_TO_COME), (2, 41), (2, SEQUENCE_TO_COME), (3, SEQUENCE_TO_COME)):
        warehouse.write(one(day, sequence))
    expected = [(date(2026, 3, 1), 1), (date(2026, 3, 2), 41), (date(2026, 3, 2), 42), (date(2026, 3, 3), 43)]
    assert stored(warehouse, "changed_days", "business_date", "sequence") == expected
    assert stored(warehouse, "day_snapshots", "business_date", "sequence") == expected


def test_a_statement_of_a_commit_runs_after_its_rows(warehouse: PostgresWarehouse) -> None:
    rows = {"sync_runs": table_of(SYNC_RUNS, a_run("a", pages=1), a_run("b 100 %", pages=1))}
    warehouse.write(Writing(rows=rows, statements=("UPDATE sync_runs SET pages = pages + 1 WHERE sync_id LIKE 'b%'",)))
    assert stored(warehouse, "sync_runs", "sync_id", "pages") == [("a", 1), ("b 100 %", 2)]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_values_are_of_the_same_types_as_from_duckdb(warehouse: PostgresWarehouse) -> None:
    land(warehouse, [order("o", [check("c", [selection("s", 10.5)], [payment("p", 10.5)])])])
    [row] = warehouse.rows(
        """SELECT count(*), sum(rows_added), max(sequence), (SELECT sum(net_sales) FROM daily_sales), max(business_date), max(_loaded_at), count(*) > 0,
            (SELECT 0.5::DOUBLE), NULL, max(dataset) FROM changed_days WHERE restaurant_guid = ? AND business_date <= ? AND _loaded_at <= ?""",
        [NORTH.toast_guid, date(2026, 3, 1), FIRST_VERSION],
    )
    assert row == (1, 1, 1, Decimal("10.5000"), date(2026, 3, 1), FIRST_VERSION, True, 0.5, None, "orders")
    assert [type(value) for value in row] == [int, int, int, Decimal, date, datetime, bool, float, type(None), str]
    assert row[5].utcoffset() == timedelta()


def test_all_answers_of_one_call_are_of_one_moment(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """While the questions wait between the first and the last of them, somebody commits."""
    warehouse.next_read("a")
    count = ("SELECT sum(last) FROM read_sequences", ())
    with psycopg.connect(postgres_url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("SELECT pg_advisory_lock(1)")
        asked = pool.submit(warehouse.answers, count, ("SELECT pg_advisory_xact_lock(1)::VARCHAR", ()), count)
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        warehouse.next_read("a")
        holder.execute("SELECT pg_advisory_unlock(1)")
        answers = asked.result(60)
    assert (answers[0], answers[2]) == ([(1,)], [(1,)])
    assert warehouse.rows(*count) == [(2,)]


def test_a_merge_asks_for_stored_rows_by_whole_keys(warehouse: PostgresWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of punches by their source too, of cash by every location, be they many: else what is asked takes longer the longer the history is."""
    asked: dict[str, set[str]] = {}

    def together(connection: Any, asks: Any) -> Any:
        for spec, where, _ in asks:
            asked.setdefault(spec.name, set()).add(where)
        return fetch_together(connection, asks)

    monkeypatch.setattr(postgres_bulk, "fetch_together", together)
    many = (*(f"place-{number}" for number in range(MOST_NAMED)), NORTH.toast_guid)
    first, again = labor_commit(punch("p")), labor_commit(punch("p", modifiedDate=at("03-05 12:00")))
    warehouse.commit(first)
    warehouse.commit(replace(again, restaurant_guids=many))
    cash = cash_commit(1, run_of(whole_day(DAY, 8, dataset="cash"), "cash-1"), [entry("e-1")], [deposit("d-1")])
    warehouse.commit(replace(cash, restaurant_guids=many))

    for name in ("fact_labor_shifts", "fact_labor_breaks", "fact_labor_hours"):
        assert [where for where in asked[name] if "source IN ('toast')" not in where] == []
    for name in ("fact_cash_entries", "fact_cash_deposits"):
        assert f"restaurant_guid IN ({', '.join(repr(guid) for guid in sorted(many))})" in asked[name]
    assert stored(warehouse, "fact_labor_shifts", "time_entry_guid", "modified_at") == [("p", utc("03-05 12:00"))]


def test_no_time_is_spent_on_compiling_views(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """Whatever the database's own setting is: read, written or asked by a person."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET jit = on")
    table, _ = query_postgres(postgres_url, "SHOW jit", most_rows=10, seconds=10)
    with Sessions(postgres_address(postgres_url), most_kept=0, wait_seconds=1).transaction() as connection:
        written = connection.execute("SHOW jit").fetchall()
    assert (warehouse.rows("SHOW jit"), written, table.to_pydict(), rows(postgres_url, "SHOW jit")) == (
        [("off",)],
        [("off",)],
        {"jit": ["off"]},
        [("on",)],
    )


def test_read_sequences_grow_by_one_for_each_location_whoever_asks(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    other = PostgresWarehouse(postgres_url)
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda number: (warehouse if number % 2 else other).next_read("ab"[number % 3 == 0]), range(60)))
    other.close()
    assert sorted(taken) == sorted([*range(1, 41), *range(1, 21)])


def test_what_the_ledger_says_together_becomes_one_row(warehouse: PostgresWarehouse) -> None:
    def window(name: str, start: int) -> dict[str, Any]:
        times = {"window_start": start, "window_end": start + 1, "started_at": start + 1, "finished_at": start + 1}
        own = {key: FIRST_VERSION + timedelta(hours=hours) for key, hours in times.items()}
        same = {"dataset": "orders", "restaurant_guid": "r", "window_kind": "modified", "status": "done", "load_mode": "merge"}
        return a_run(name, **same, **own, pages=1, passes=1, rows_read=2, rows_quarantined=0)

    warehouse.write(Writing(rows={"sync_runs": table_of(SYNC_RUNS, *(window(name, start) for start, name in enumerate("abcd")))}))
    gone = warehouse.fold_ledger(FIRST_VERSION + timedelta(hours=3, minutes=30))
    hours = [FIRST_VERSION + timedelta(hours=number) for number in range(5)]

    assert gone == 2
    assert stored(warehouse, "sync_runs", "window_start", "window_end", "pages", "rows_read") == [
        (hours[0], hours[3], 3, 6),
        (hours[3], hours[4], 1, 2),
    ]


# --- tables and views -------------------------------------------------------------------------------------------------


def relations(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname")


def test_a_plan_says_what_a_migration_does_and_does_nothing(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    planned = warehouse.migrate(plan=True)
    assert relations(postgres_url) == []
    assert planned[:2] == ["make table fact_orders", "make an index on fact_orders (restaurant_guid, business_date)"]
    assert warehouse.migrate() == planned
    found = relations(postgres_url)
    assert {name for name, kind in found if kind == "r"} == {*(spec.name for spec in TABLES), "restaurant_os_schema"}
    assert {name for name, kind in found if kind == "v"} == set(views("postgres"))
    assert (warehouse.migrate(plan=True), warehouse.migrate(), relations(postgres_url)) == ([], [], found)


def test_what_is_missing_is_made_again_and_what_is_a_users_own_stays(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    land(warehouse, [order("o", [check("c", [selection("s")], [payment("p")])])])
    with psycopg.connect(postgres_url) as connection:
        connection.execute("ALTER TABLE fact_orders ADD COLUMN my_note text DEFAULT 'mine'; CREATE TABLE mine (a int)")
        connection.execute("CREATE VIEW my_orders AS SELECT order_guid, my_note FROM fact_orders")
        connection.execute(
            "ALTER TABLE quarantine DROP COLUMN reason; DROP VIEW daily_sales; DROP INDEX fact_orders_by_restaurant_guid_business_date"
        )
    steps = ["make an index on fact_orders (restaurant_guid, business_date)", "add column quarantine.reason text", "make view daily_sales"]
    assert (warehouse.migrate(plan=True), warehouse.migrate()) == (steps, steps)
    land(warehouse, [order("o", [check("c", [selection("s", 2.0)], [payment("p", 2.0)])], version=1), order("new")])
    assert rows(postgres_url, "SELECT * FROM my_orders ORDER BY 1") == [("new", "mine"), ("o", "mine")]
    assert warehouse.rows("SELECT net_sales FROM daily_sales") == [(Decimal("2.0000"),)]


def test_tables_of_an_older_version_are_brought_up_to_date_at_first_use(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    warehouse.migrate()
    warehouse.close()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP VIEW open_checks; UPDATE restaurant_os_schema SET fingerprint = 'older'")
    assert PostgresWarehouse(postgres_url).rows("SELECT count(*) FROM open_checks") == [(0,)]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            "CREATE TABLE fact_orders (order_guid text, opened_at text)",
            '"fact_orders" column "opened_at" is text, timestamp with time zone was expected',
        ),
        ("CREATE VIEW fact_orders AS SELECT 1 AS a", '"fact_orders" is a view, a table was expected'),
        ("CREATE TABLE daily_sales (a int)", '"daily_sales" is a table, a view was expected'),
        (
            "CREATE VIEW daily_sales AS SELECT 1 AS mine",
            '"daily_sales" is a view without our comment ("Restaurant OS, definition ..."), one of ours was expected',
        ),
    ],
)
def test_something_else_under_one_of_our_names_is_named_and_left_alone(
    warehouse: PostgresWarehouse, postgres_url: str, made: str, said: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute(made)
    before = relations(postgres_url)
    for use in (warehouse.migrate, lambda: warehouse.migrate(plan=True), lambda: warehouse.next_read("a")):
        with pytest.raises(WarehouseError) as problem:
            use()
        assert said in problem.value.message
    assert relations(postgres_url) == before


def other_columns(url: str) -> None:
    """The view as an older version might have had it."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP VIEW daily_cash; CREATE VIEW daily_cash AS SELECT 1 AS other_column, 'r'::text AS restaurant_guid")
        connection.execute("COMMENT ON VIEW daily_cash IS 'Restaurant OS, definition older'")


def test_a_view_whose_columns_changed_is_made_anew_for_whoever_could_read_it(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    warehouse.migrate()
    other_columns(postgres_url)
    role = f"dashboard_{postgres_url.rpartition('/')[2]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}")
        try:
            connection.execute(f"GRANT SELECT ON daily_cash, daily_sales TO {role}")
            steps = warehouse.migrate()
            asked = f"SELECT has_table_privilege('{role}', v, 'SELECT') FROM unnest(ARRAY['daily_cash', 'daily_sales', 'open_checks']) AS v"
            may_read = connection.execute(asked).fetchall()
        finally:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert steps == ["make view daily_cash anew"]
    assert may_read == [(True,), (True,), (False,)]
    assert warehouse.migrate() == []


def test_rights_to_columns_and_options_of_a_view_outlast_its_definition(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """Whether it is replaced or made anew; a right to a column that is gone goes with it."""
    warehouse.migrate()
    other_columns(postgres_url)
    role = f"dashboard_{postgres_url.rpartition('/')[2]}"
    options = "SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL AND relnamespace = 'public'::regnamespace ORDER BY 1"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}")
        try:
            connection.execute(f"GRANT SELECT (restaurant_guid, other_column) ON daily_cash TO {role}")
            connection.execute("ALTER VIEW daily_cash SET (security_barrier = true); ALTER VIEW open_checks SET (security_barrier = true)")
            connection.execute("COMMENT ON VIEW open_checks IS 'Restaurant OS, definition older'")
            steps = warehouse.migrate()
            asked = f"SELECT has_column_privilege('{role}', 'daily_cash', c, 'SELECT') FROM unnest(ARRAY['restaurant_guid', 'business_date']) AS c"
            may_read = connection.execute(asked).fetchall()
        finally:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert sorted(steps) == ["make view daily_cash anew", "replace view open_checks"]
    assert may_read == [(True,), (False,)]
    assert rows(postgres_url, options) == [("daily_cash", ["security_barrier=true"]), ("open_checks", ["security_barrier=true"])]


def test_a_users_own_view_of_one_whose_columns_changed_is_named_and_all_else_is_done(
    warehouse: PostgresWarehouse, postgres_url: str
) -> None:
    """Until it is dropped that one of ours stays as it was; commits and reads go on."""
    warehouse.migrate()
    other_columns(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "CREATE VIEW my_cash AS SELECT other_column FROM daily_cash; CREATE VIEW my_sales AS SELECT net_sales FROM daily_sales"
        )
        connection.execute("ALTER TABLE quarantine DROP COLUMN reason; COMMENT ON VIEW daily_sales IS 'Restaurant OS, definition older'")
        connection.execute("UPDATE restaurant_os_schema SET fingerprint = 'older'")
    after = PostgresWarehouse(postgres_url, now=lambda: FIRST_VERSION)
    land(after, [order("o", [check("c", [selection("s")], [payment("p")])])])
    said = "view daily_cash stays of an older definition: view my_cash depends on it. Drop that, run `restaurant-os migrate`, and make it again"
    planned = ["replace view daily_cash; if it has other columns now it stays as it is while view my_cash depends on it"]
    assert after.rows("SELECT m.net_sales, c.other_column FROM my_sales AS m, daily_cash AS c") == [(Decimal("10.0000"), 1)]
    assert (after.migrate(), after.migrate(), after.migrate(plan=True)) == ([said], [said], planned)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP VIEW my_cash")
    assert (after.migrate(), after.migrate()) == (["make view daily_cash anew"], [])
    after.close()


def test_a_role_that_only_reads_reads_what_an_older_version_made(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """By its settings, and by its rights. What it may not write is not written."""
    land(warehouse, [order("o")])
    role = f"dashboard_{postgres_url.rpartition('/')[2]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute("COMMENT ON VIEW open_checks IS 'Restaurant OS, definition older'")
        connection.execute("UPDATE restaurant_os_schema SET fingerprint = 'older'")
        try:
            for is_read_only in ("off", "on"):
                connection.execute(f"ALTER ROLE {role} SET default_transaction_read_only = {is_read_only}")
                reader = PostgresWarehouse(postgres_url.replace("postgres@", f"{role}@"))
                assert [reader.rows("SELECT count(*) FROM fact_orders") for _ in range(2)] == [[(1,)], [(1,)]]
                with pytest.raises(WarehouseError):
                    reader.next_read("a")
                reader.close()
        finally:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert rows(postgres_url, "SELECT fingerprint FROM restaurant_os_schema") == [("older",)]


def test_several_that_find_an_empty_database_make_its_tables_once(postgres_url: str) -> None:
    warehouses = [PostgresWarehouse(postgres_url) for _ in range(4)]
    ready = threading.Barrier(4)

    def first(warehouse: PostgresWarehouse) -> int:
        ready.wait()
        return warehouse.next_read("a")

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(first, warehouses)) == [1, 2, 3, 4]
    for warehouse in warehouses:
        warehouse.close()


def test_tables_stand_in_the_schema_that_the_address_names(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE SCHEMA sales")
    url = f"{postgres_url}?options=-csearch_path%3Dsales"
    warehouse = PostgresWarehouse(url, now=lambda: FIRST_VERSION)
    land(warehouse, [changed(order("o"), 1)])
    warehouse.close()
    assert rows(postgres_url, "SELECT order_guid FROM sales.fact_orders") == [("o",)]
    assert relations(postgres_url) == []


def test_an_address_that_cannot_be_read_is_not_shown() -> None:
    with pytest.raises(SettingsError) as problem:
        PostgresWarehouse("postgresql://someone:hidden word@host:port:1/x?a=b")
    assert "hidden" not in str(problem.value)


def test_a_new_warehouse_connects_to_nothing_before_it_is_used() -> None:
    warehouse = PostgresWarehouse("postgresql://someone:secret@nowhere.invalid:5433/shop")
    assert (warehouse.label, warehouse.stamp(), warehouse.lands_every_seconds) == ("postgres nowhere.invalid:5433/shop", None, 0.0)
    warehouse.close()
