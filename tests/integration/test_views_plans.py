"""How Postgres answers a question of a few days: by its indexes, however many days there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from restaurant_os.warehouse.postgres import PostgresWarehouse

#: Views that the alerts and `metrics` ask for some locations and days.
VIEWS = (
    "daily_sales",
    "daily_profitability",
    "hourly_profitability",
    "profitability_by_role",
    "sales_by_dining_option",
    "sales_by_revenue_center",
    "sales_by_source",
    "product_mix",
)
#: 5 locations, 120 days, 20 orders and punches on each: what a look at all of them would be told by.
DAYS = "generate_series(1, 5) AS place, generate_series(0, 119) AS day, generate_series(1, 20) AS number"
KEYS = "'place ' || place, DATE '2026-01-01' + day, md5(concat_ws('-', place, day, number))"
ROWS = {
    "fact_orders": ("is_counted, is_deleted, order_source", "true, false, 'Online'"),
    "fact_order_items": ("selection_guid, is_sale, is_deleted, item_price", "'line', true, false, 10"),
    "fact_checks": ("check_guid, is_counted, is_deleted, business_hour", "'check', true, false, 3"),
    "fact_payments": ("check_guid, payment_guid, is_counted, is_deleted, tip_amount", "'check', 'payment', true, false, 1"),
    "fact_labor_shifts": (
        "source, is_counted, is_deleted, is_open, is_salaried, is_suspect, job_title",
        "'toast', true, false, false, false, false, 'Cook'",
    ),
    "fact_labor_hours": (
        "source, business_hour, is_counted, is_deleted, is_salaried, regular_hours, job_title",
        "'toast', 3, true, false, false, 8, 'Cook'",
    ),
}


@pytest.fixture(scope="module")
def filled(postgres: Any) -> Iterator[psycopg.Connection]:
    """A connection to tables of 12,000 rows each."""
    with postgres.database() as url:
        warehouse = PostgresWarehouse(url)
        warehouse.migrate()
        warehouse.close()
        with psycopg.connect(url, autocommit=True) as connection:
            for table, (columns, values) in ROWS.items():
                guid = "time_entry_guid" if "labor" in table else "order_guid"
                connection.execute(
                    f"INSERT INTO {table} (restaurant_guid, business_date, {guid}, {columns}) SELECT {KEYS}, {values} FROM {DAYS}"
                )
            # Tables as small as these would be read whole; those of years are not, wherever there is another way.
            connection.execute("VACUUM ANALYZE")
            connection.execute("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
            yield connection


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Each table that a plan reads, and how many rows of it were looked at."""
    if "Relation Name" in plan:
        looked_at = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield plan["Relation Name"], looked_at * plan["Actual Loops"]
    for part in plan.get("Plans", []):
        yield from scans(part)


@pytest.mark.parametrize("view", VIEWS)
def test_two_locations_on_two_days_cost_their_rows_alone(filled: psycopg.Connection, view: str) -> None:
    """80 of the 12,000 rows of each table are of those days."""
    places, days = "('place 1', 'place 2')", "('2026-04-01', '2026-04-02')"
    question = f"SELECT * FROM {view} WHERE restaurant_guid IN {places} AND business_date IN {days}"
    [([plan],)] = filled.execute(f"EXPLAIN (ANALYZE, FORMAT json) {question}").fetchall()

    read = list(scans(plan["Plan"]))
    assert {table for table, _ in read} & set(ROWS), "the view reads none of the tables"
    assert {table: rows for table, rows in read if rows > 1000} == {}
