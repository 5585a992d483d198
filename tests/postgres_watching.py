"""What a Postgres of tests does, seen from the outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from restaurant_os.warehouse import Warehouse

PATIENCE = 60.0


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def tell(url: str, sql: str) -> None:
    """Statements without rows, one transaction."""
    with psycopg.connect(url) as connection:
        connection.execute(sql)


def stored(warehouse: Warehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a table's rows, in their order."""
    places = ", ".join(str(place + 1) for place in range(len(columns)))
    return warehouse.rows(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {places}")


def eventually(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def waiting_sessions(url: str) -> int:
    """How many sessions of the database wait for a lock."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(rows(url, asked)[0][0])


def cut_all(url: str) -> int:
    """Cut every other connection to the database; gives how many."""
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return len(rows(url, cut))
