"""Syncs as rows of the ledger, without an API: windows of changes and whole business dates, put in as a sync would."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from orders_world import NORTH
from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.settings import Location
from restaurant_os.warehouse import Commit, SyncRun, Warehouse

#: Hours in these tests are counted from here: 2026-03-02 09:00 UTC, the closeout of business date 2026-03-01 in New York.
CLOSEOUT = datetime(2026, 3, 2, 9, tzinfo=UTC)
Status = Literal["done", "unstable"]


def hour(number: float) -> datetime:
    return CLOSEOUT + timedelta(hours=number)


def changes(start: float, end: float, status: Status = "done", location: Location = NORTH, dataset: str = "orders") -> SyncRun:
    """A window of modification time, in hours; read when it ended."""
    return _run(MODIFIED, hour(start), hour(end), None, status, hour(end), location, dataset)


def whole_day(day: date, read: float, status: Status = "done", location: Location = NORTH, dataset: str = "orders") -> SyncRun:
    """A business date, its read begun at hour `read`."""
    return _run(BUSINESS_DATE, *location.business_day.bounds(day), day, status, hour(read), location, dataset)


def _run(
    kind: str, start: datetime, end: datetime, day: date | None, status: Status, started: datetime, location: Location, dataset: str
) -> SyncRun:
    return SyncRun(
        sync_id=uuid.uuid4().hex,
        dataset=dataset,
        restaurant_guid=location.toast_guid,
        window_kind=kind,
        window_start=start,
        window_end=end,
        business_date=day,
        status=status,
        load_mode="merge",
        started_at=started,
        finished_at=started + timedelta(minutes=1),
        pages=1,
        passes=2,
        rows_read=0,
        rows_quarantined=0,
    )


def record(warehouse: Warehouse, *runs: SyncRun) -> None:
    """The ledger rows of one commit."""
    warehouse.commit(Commit(dataset="orders", restaurant_guids=(NORTH.toast_guid,), tables={}, runs=runs))
