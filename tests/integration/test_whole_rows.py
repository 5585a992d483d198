"""Whole rows out of a DuckDB file and into another, and what migrating a file says that it does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from mirrored_warehouse import everything
from orders_world import NORTH, Json, check, land, open_warehouse, order, payment, selection
from restaurant_os.errors import WarehouseError
from restaurant_os.tables import BY_NAME, CHANGED_DAYS, FACT_ORDER_ITEMS, FACT_ORDERS, TABLES
from restaurant_os.warehouse import SEQUENCE_TO_COME, Writing
from restaurant_os.warehouse.compiled import views
from restaurant_os.warehouse.duckdb import MARK, DuckDBWarehouse

DAY = date(2026, 3, 1)


def sold(guid: str, version: int = 0) -> Json:
    return order(guid, [check(f"c-{guid}", [selection(f"s-{guid}")], [payment(f"p-{guid}")])], version)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    found = open_warehouse(tmp_path)
    land(found, [sold("o-1"), sold("o'2")])
    return found


def test_rows_are_fetched_in_exactly_the_types_of_their_table(warehouse: DuckDBWarehouse) -> None:
    """All, by a condition, by ids of any text, by both; empty tables too."""
    assert {spec.name: warehouse.fetch(spec).schema == spec.schema for spec in TABLES} == dict.fromkeys(BY_NAME, True)
    assert warehouse.fetch(FACT_ORDERS, "business_date = DATE '2026-03-01'", ("order_guid", ["o'2", "none"]))["order_guid"].to_pylist() == [
        "o'2"
    ]
    assert warehouse.fetch(FACT_ORDERS, "business_date > DATE '2026-03-01' OR order_guid = 'o-1'").num_rows == 1
    assert warehouse.fetch(FACT_ORDERS, ids=("order_guid", [])).num_rows == 0


def test_what_is_fetched_of_one_file_is_written_to_another(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    """Row by row, in pieces of any size; again changes nothing."""
    (tmp_path / "other").mkdir()
    other = open_warehouse(tmp_path / "other")
    rows = {spec.name: warehouse.fetch(spec) for spec in TABLES}
    pieces = {
        name: pa.concat_tables([table.slice(at, 1) for at in range(table.num_rows)]) for name, table in rows.items() if table.num_rows
    }
    for _ in range(2):
        other.write(Writing(rows=pieces))

        assert everything(other) == everything(warehouse)


def test_writing_replaces_by_key_removes_and_runs_statements(warehouse: DuckDBWarehouse) -> None:
    """In that order."""
    items = warehouse.fetch(FACT_ORDER_ITEMS)
    place = items.schema.get_field_index("menu_item_name")
    named = items.set_column(place, "menu_item_name", pa.array(["Soup"] * items.num_rows))
    gone = {FACT_ORDERS.name: pa.table({"order_guid": ["o-1"]})}
    statement = "UPDATE fact_order_items SET menu_item_name = 'Broth' WHERE order_guid = 'o-1' AND menu_item_name = 'Soup'"
    warehouse.write(Writing(rows={FACT_ORDER_ITEMS.name: named}, gone=gone, statements=(statement,)))

    assert warehouse.rows("SELECT order_guid, menu_item_name FROM fact_order_items ORDER BY 1") == [("o'2", "Soup"), ("o-1", "Broth")]
    assert warehouse.rows("SELECT order_guid FROM fact_orders") == [("o'2",)]


def test_a_commit_without_a_number_gets_the_next(warehouse: DuckDBWarehouse) -> None:
    """Numbers that are there stay."""
    own = {"dataset": "orders", "restaurant_guid": NORTH.toast_guid, "rows_added": 1, "rows_changed": 0}
    numbers = [(date(2026, 3, 2), 40), (date(2026, 3, 3), SEQUENCE_TO_COME), (date(2026, 3, 4), SEQUENCE_TO_COME)]
    rows = [own | {"business_date": on, "sequence": number} for on, number in numbers]
    warehouse.write(Writing(rows={CHANGED_DAYS.name: pa.Table.from_pylist(rows, schema=CHANGED_DAYS.schema)}))

    assert warehouse.rows("SELECT business_date, sequence FROM changed_days ORDER BY 1") == [
        (DAY, 1),
        (date(2026, 3, 2), 40),
        (date(2026, 3, 3), 2),
        (date(2026, 3, 4), 2),
    ]


def test_a_writing_that_fails_leaves_nothing(warehouse: DuckDBWarehouse) -> None:
    before = everything(warehouse)
    with pytest.raises(WarehouseError, match="Nothing of this step was written"):
        warehouse.write(
            Writing(
                rows={FACT_ORDERS.name: warehouse.fetch(FACT_ORDERS)}, gone={}, statements=("DELETE FROM fact_checks", "SELECT nothing")
            )
        )

    assert everything(warehouse) == before


# --- migrating ------------------------------------------------------------------------------------------------------------------


def test_a_plan_of_a_new_file_makes_none(tmp_path: Path) -> None:
    """And says what there would be."""
    warehouse = DuckDBWarehouse(tmp_path / "folder" / "new.duckdb")
    planned = warehouse.migrate(plan=True)

    assert planned == [f"file {warehouse.path}: made, with {len(TABLES)} tables and {len(views('duckdb'))} views"]
    assert not warehouse.path.parent.exists()
    assert (warehouse.migrate(), warehouse.migrate(), warehouse.migrate(plan=True)) == (planned, [], [])


def test_a_plan_names_what_is_missing_and_changes_nothing(warehouse: DuckDBWarehouse) -> None:
    """A table, a column, a view, a view of another definition; a user's own are left alone, and then it is done."""
    warehouse.close()
    with duckdb.connect(str(warehouse.path)) as connection:
        for statement in (
            "DROP VIEW daily_sales",
            "CREATE OR REPLACE VIEW daily_cash AS SELECT 1 AS one",
            f"COMMENT ON VIEW daily_cash IS '{MARK}'",
            "DROP TABLE quarantine",
            "ALTER TABLE fact_checks DROP COLUMN display_number",
            "ALTER TABLE fact_checks ADD COLUMN my_own INTEGER",
            "CREATE VIEW my_view AS SELECT 2 AS two",
            "UPDATE restaurant_os_schema SET fingerprint = 'of an older version'",
        ):
            connection.execute(statement)
    expected = [
        "table fact_checks: column display_number added",
        f"table quarantine: made, with {len(BY_NAME['quarantine'].columns)} columns",
        "view daily_cash: made anew, its definition is another one",
        "view daily_sales: made",
    ]

    assert [sorted(warehouse.migrate(plan=True)) for _ in range(2)] == [expected] * 2
    assert (sorted(warehouse.migrate()), warehouse.migrate()) == (expected, [])
    assert warehouse.rows("SELECT my_own, two FROM fact_checks, my_view LIMIT 1") == [(None, 2)]


def test_migrate_brings_back_what_a_user_dropped(warehouse: DuckDBWarehouse) -> None:
    """Nothing tells that a table, a column or a view is missing but the catalog itself: migrate looks there, whatever the fingerprint says."""
    warehouse.close()
    with duckdb.connect(str(warehouse.path)) as connection:
        for statement in ("DROP VIEW open_checks", "DROP TABLE stock_levels", "ALTER TABLE fact_checks DROP COLUMN display_number"):
            connection.execute(statement)
    expected = [
        "table fact_checks: column display_number added",
        f"table stock_levels: made, with {len(BY_NAME['stock_levels'].columns)} columns",
        "view open_checks: made",
    ]

    assert [sorted(warehouse.migrate(plan=plan)) for plan in (True, False)] == [expected] * 2
    assert [warehouse.migrate(plan=plan) for plan in (True, False)] == [[], []]
    assert warehouse.rows("SELECT display_number FROM fact_checks WHERE check_guid = 'c-o-1'") == [(None,)]
    assert warehouse.rows("SELECT (SELECT count(*) FROM open_checks), (SELECT count(*) FROM stock_levels)") == [(0, 0)]


def test_a_schema_of_a_users_own_is_nothing_of_ours(warehouse: DuckDBWarehouse) -> None:
    """Whatever its tables and views are called."""
    warehouse.close()
    with duckdb.connect(str(warehouse.path)) as connection:
        for statement in (
            "CREATE SCHEMA staging",
            "CREATE TABLE staging.fact_checks (check_guid INTEGER)",
            "CREATE VIEW staging.daily_sales AS SELECT 1 AS one",
            "DROP VIEW main.daily_cash",
            "CREATE VIEW staging.daily_cash AS SELECT 1 AS one",
            "UPDATE restaurant_os_schema SET fingerprint = 'of an older version'",
        ):
            connection.execute(statement)

    assert [warehouse.migrate(plan=True), warehouse.migrate(), warehouse.migrate()] == [["view daily_cash: made"]] * 2 + [[]]
    assert warehouse.rows("SELECT s.one, c.one FROM staging.daily_sales AS s, staging.daily_cash AS c") == [(1, 1)]


def test_a_view_that_a_user_made_under_a_name_of_ours_is_kept(warehouse: DuckDBWarehouse) -> None:
    """Under another name, and migrate says so."""
    warehouse.close()
    with duckdb.connect(str(warehouse.path)) as connection:
        for statement in (
            "CREATE VIEW daily_cash_before AS SELECT 'older' AS kept",
            "CREATE OR REPLACE VIEW daily_cash AS SELECT 'mine' AS kept",
            "CREATE OR REPLACE VIEW Product_Mix AS SELECT 'mine too' AS kept",
        ):
            connection.execute(statement)
    expected = [
        "view daily_cash: made; the one of this name is not ours and is kept as daily_cash_before_2",
        "view product_mix: made; the one of this name is not ours and is kept as product_mix_before",
    ]
    read = "SELECT * FROM daily_cash_before UNION ALL SELECT * FROM daily_cash_before_2 UNION ALL SELECT * FROM product_mix_before"

    assert [sorted(warehouse.migrate(plan=True)), sorted(warehouse.migrate()), warehouse.migrate()] == [expected, expected, []]
    assert sorted(warehouse.rows(read)) == [("mine",), ("mine too",), ("older",)]
    assert [warehouse.rows(f"SELECT count(*) FROM {name}") for name in ("daily_cash", "product_mix")] == [[(0,)], [(2,)]]


#: What may be found in a file: tables that are not there, and which of its views without a mark are taken for a user's.
WITHOUT_MARKS = (
    ((), ()),  # of a version before there were marks
    (("fact_cash_entries",), ("daily_cash", "product_mix")),  # version 0.1.0's: it had daily_sales alone
    (("restaurant_os_schema",), ("daily_cash", "daily_sales", "product_mix")),  # no version of ours made it
)


@pytest.mark.parametrize(("missing", "theirs"), WITHOUT_MARKS)
def test_a_view_without_a_mark_is_ours_where_an_earlier_version_made_it(
    warehouse: DuckDBWarehouse, missing: tuple[str, ...], theirs: tuple[str, ...]
) -> None:
    warehouse.close()
    with duckdb.connect(str(warehouse.path)) as connection:
        for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            connection.execute(f"DROP VIEW {name}")
        for name in ("daily_cash", "daily_sales", "product_mix"):
            connection.execute(f"CREATE VIEW {name} AS SELECT 1 AS one")
        connection.execute("UPDATE restaurant_os_schema SET fingerprint = 'of an older version'")
        for name in missing:
            connection.execute(f"DROP TABLE {name}")

    told = [step for step in warehouse.migrate() if "is not ours and is kept as" in step]
    found = warehouse.rows("SELECT view_name FROM duckdb_views() WHERE ends_with(view_name, '_before') ORDER BY 1")
    assert sorted(told) == [f"view {name}: made; the one of this name is not ours and is kept as {name}_before" for name in theirs]
    assert found == [(f"{name}_before",) for name in theirs]
    assert [warehouse.rows(f"SELECT count(*) FROM {name}") for name in ("daily_cash", "product_mix")] == [[(0,)], [(2,)]]


def test_a_column_of_another_type_is_told_before_anything_is_done(warehouse: DuckDBWarehouse) -> None:
    """By the plan as by the step itself."""
    warehouse.close()
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("ALTER TABLE fact_orders ALTER guest_count TYPE VARCHAR")
        connection.execute("UPDATE restaurant_os_schema SET fingerprint = 'of an older version'")

    for plan in (True, False):
        with pytest.raises(WarehouseError, match='column "guest_count" is VARCHAR, BIGINT was expected'):
            warehouse.migrate(plan=plan)
