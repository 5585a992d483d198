"""Which warehouse an address means."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from restaurant_os.errors import UsageError
from restaurant_os.settings import BIGQUERY_SCHEME, Settings
from restaurant_os.warehouse import Warehouse

#: What an engine needs beside the base installation, by its extra.
NEEDS = "pip install 'restaurant-os[{extra}]'"


def open_warehouse(
    place: Path | str,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    idle_seconds: float = 0.0,
    stopping: threading.Event | None = None,
) -> Warehouse:
    """The warehouse at a place of `Settings.warehouse_place`. Nothing is connected to before it is used.

    Raises:
        UsageError: the packages of that engine are not installed. SettingsError: the address cannot be read.
    """
    if isinstance(place, Path):
        from restaurant_os.warehouse.duckdb import DuckDBWarehouse

        return DuckDBWarehouse(
            place,
            wait_seconds=settings.wait_seconds,
            memory_limit=settings.memory_limit,
            now=now,
            idle_seconds=idle_seconds,
            stopping=stopping,
        )
    with engine_of(place) as engine:
        if engine == "bigquery":
            from restaurant_os.warehouse.bigquery import BigQueryWarehouse

            return BigQueryWarehouse(place, settings.bigquery, wait_seconds=settings.wait_seconds, now=now, stopping=stopping)
        from restaurant_os.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(place, wait_seconds=settings.wait_seconds, now=now, stopping=stopping)


@contextmanager
def engine_of(place: str) -> Iterator[str]:
    """Which engine an address means, by the name of its extra, for a block that imports what it needs.

    Raises:
        UsageError: that is not installed.
    """
    extra = "bigquery" if place.startswith(BIGQUERY_SCHEME) else "postgres"
    try:
        yield extra
    except ImportError as problem:
        raise UsageError(
            f"warehouse: {extra} needs packages that are not installed ({problem.name}).", next_step=f"Run: {NEEDS.format(extra=extra)}"
        ) from None
