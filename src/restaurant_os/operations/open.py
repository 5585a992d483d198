"""Which store it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from restaurant_os.errors import OperationsError
from restaurant_os.operations import Operations
from restaurant_os.operations.alerts import KEEP_DAYS
from restaurant_os.operations.database import Database
from restaurant_os.operations.sqlite import SQLite
from restaurant_os.operations.store import Store
from restaurant_os.settings import ServiceSettings


def open_operations(
    place: Path | str,
    *,
    service: ServiceSettings,
    now: Callable[[], datetime],
    shift: Callable[[], timedelta] = timedelta,
    keep_days: int = KEEP_DAYS,
) -> Operations:
    """The store at `place`, a SQLite file or the URL of a Postgres; made or brought to this version where needed.

    Leases and claims go by `now` in a file. In Postgres they go by the database's clock, to which a test may add a `shift`.
    `keep_days`: how long incidents and messages are kept after their end.

    Raises:
        OperationsError: it cannot be opened or reached, is of a later version, or the driver is missing.
    """
    return Store(_database(place, service, now, shift), service, keep_days=keep_days)


def _database(place: Path | str, service: ServiceSettings, now: Callable[[], datetime], shift: Callable[[], timedelta]) -> Database:
    if isinstance(place, Path):
        return SQLite(place, now=now, reserve_mib=service.disk_reserve_mib)
    try:
        from restaurant_os.operations.postgres import Postgres
    except ImportError as missing:
        raise OperationsError(
            f"operations: the driver for Postgres is missing ({missing.name or 'psycopg'}).",
            next_step="Install it: pip install 'restaurant-os[postgres]'. Without RESTAURANT_OS_OPERATIONS a file is used.",
        ) from None
    return Postgres(place, shift=shift)
