"""The warehouse behind a pooler that hands out connections by transaction, such as Supabase's: no session is ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from orders_world import FIRST_VERSION, NORTH, SOUTH, check, land, order, payment, selection
from pooler import POOL_SIZE, pooler
from postgres_server import Reachable
from postgres_watching import rows, stored
from restaurant_os.settings import Location
from restaurant_os.tables import FACT_ORDERS, TABLES
from restaurant_os.warehouse.postgres import PostgresWarehouse


@pytest.fixture
def pooled_url(postgres: Reachable, postgres_url: str) -> Iterator[str]:
    with pooler(postgres, postgres_url.rpartition("/")[2]) as url:
        yield url


def test_tables_are_made_and_commits_land_behind_a_transaction_pooler(pooled_url: str) -> None:
    warehouse = PostgresWarehouse(pooled_url, now=lambda: FIRST_VERSION)
    assert len(warehouse.migrate()) > len(TABLES)
    for version, price in ((0, 10.5), (1, 11.0), (1, 11.0)):
        land(warehouse, [order("o", [check("c", [selection("s", price)], [payment("p", price)])], version)])
    answers = warehouse.answers(("SELECT net_sales FROM daily_sales", ()), ("SELECT count(*) FROM fact_orders WHERE order_guid = ?", ["o"]))
    assert answers == [[(Decimal("11.0000"),)], [(1,)]]
    assert stored(warehouse, "changed_days", "sequence", "rows_added", "rows_changed") == [(1, 1, 0), (2, 0, 1)]
    assert warehouse.fetch(FACT_ORDERS, ids=("order_guid", ["o"])).num_rows == 1
    assert [warehouse.next_read("a") for _ in range(3)] == [1, 2, 3]
    warehouse.close()


def test_more_writers_than_the_pooler_has_connections_land_everything_once(pooled_url: str) -> None:
    places = [NORTH, SOUTH, *(Location(name=f"L{n}", toast_guid=f"bbbbbbbb-0000-4000-8000-{n:012d}", timezone="UTC") for n in range(2))]
    warehouses = [PostgresWarehouse(pooled_url, wait_seconds=60, now=lambda: FIRST_VERSION) for _ in range(3)]
    warehouses[0].migrate()

    def one(number: int) -> tuple[int, int]:
        place = places[number % len(places)]
        changes = land(warehouses[number % len(warehouses)], [order(f"{place.name} {number % 8}", day=20260301)], location=place)
        return changes.added, changes.changed

    with ThreadPoolExecutor(2 * POOL_SIZE) as pool:
        done = list(pool.map(one, range(24)))
    assert sum(added for added, _ in done) == 8
    assert len(stored(warehouses[0], "fact_orders", "order_guid")) == 8
    numbers = [number for (number,) in stored(warehouses[0], "changed_days", "sequence")]
    assert sorted(set(numbers)) == list(range(1, len(set(numbers)) + 1))
    for warehouse in warehouses:
        warehouse.close()


def test_nothing_of_a_transaction_stays_behind_on_a_connection_that_others_use(pooled_url: str) -> None:
    """Settings, locks, temporary tables and prepared statements are looked for on every connection of the pool."""
    seen = "SELECT current_setting('lock_timeout'), current_setting('TimeZone'), current_setting('statement_timeout')"
    before = {tuple(row) for _ in range(POOL_SIZE) for row in rows(pooled_url, seen)}
    warehouse = PostgresWarehouse(pooled_url, now=lambda: FIRST_VERSION)
    for number in range(3):
        land(warehouse, [order(f"o{number}")])
    assert {tuple(row) for _ in range(POOL_SIZE) for row in rows(pooled_url, seen)} == before
    left = """SELECT (SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'), (SELECT count(*) FROM pg_prepared_statements),
        (SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
            WHERE l.locktype = 'advisory' AND d.datname = current_database())"""
    assert [tuple(row) for _ in range(POOL_SIZE) for row in rows(pooled_url, left)] == [(0, 0, 0)] * POOL_SIZE
    warehouse.close()
