"""What is in a warehouse file, as a test compares it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from restaurant_os.tables import ORDER_TABLES, TABLES
from toast_simulator import COLUMNS, Sales

Rows = list[tuple[Any, ...]]


def read(path: Path, sql: str) -> Rows:
    """The rows of one question, past all of our code."""
    connection = duckdb.connect(str(path))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def daily_sales(path: Path) -> Sales:
    """The view `daily_sales`, without the days on which everything is nought: the books leave those out."""
    rows = read(path, f"SELECT restaurant_guid, business_date, {', '.join(COLUMNS)} FROM daily_sales")
    return {(guid, on): tuple(values) for guid, on, *values in rows if any(values)}


def everything(path: Path) -> dict[str, Rows]:
    """Every row of every table as it is, times of writing too."""
    return {spec.name: read(path, f"SELECT * FROM {spec.name} ORDER BY ALL") for spec in TABLES}


def orders(path: Path) -> dict[str, Rows]:
    """The order tables without the times of reading and writing: what must not depend on how often and when the same was read."""
    return {
        spec.name: read(path, f"SELECT {', '.join(c for c in spec.names if c not in spec.incidental)} FROM {spec.name} ORDER BY ALL")
        for spec in ORDER_TABLES
    }


def ledger(path: Path) -> dict[str, Rows]:
    """Beside the orders, what a span leaves: which windows are in, with how many orders, and what happened to each day in all."""
    runs = (
        "SELECT DISTINCT dataset, restaurant_guid, window_kind, window_start, window_end, business_date, status, rows_read, rows_quarantined "
        "FROM sync_runs ORDER BY ALL"
    )
    days = "SELECT dataset, restaurant_guid, business_date, sum(rows_added), sum(rows_changed) FROM changed_days GROUP BY ALL ORDER BY ALL"
    waiting = "SELECT quarantine_id, record_json, resolved_at IS NULL FROM quarantine ORDER BY ALL"
    return {"sync_runs": read(path, runs), "changed_days": read(path, days), "quarantine": read(path, waiting)}


def waiting_in_quarantine(path: Path) -> Rows:
    return read(path, "SELECT record_guid, field, reason FROM quarantine WHERE resolved_at IS NULL ORDER BY ALL")


def differences(ours: Sales, books: Sales) -> list[str]:
    """Every value in which the two disagree, as a line to read; a row that one of them lacks counts as noughts."""
    nothing = (0,) * len(COLUMNS)
    return [
        f"{guid} {on} {column}: {mine} here, {theirs} in the books"
        for guid, on in sorted(ours.keys() | books.keys())
        for column, mine, theirs in zip(COLUMNS, ours.get((guid, on), nothing), books.get((guid, on), nothing), strict=True)
        if mine != theirs
    ]
