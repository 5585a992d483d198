"""Daily summaries as the worker stages them, and what `metrics` shows of a day, through real commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ledger_world import CLOSEOUT
from orders_world import NORTH
from restaurant_os.batch import COPY
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import Location, ReportSettings, Settings
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import DAILY_SUMMARIES, SUMMARIES
from restaurant_os.warehouse import Changes, Commit, Warehouse

#: Closed at CLOSEOUT.
DAY = date(2026, 3, 1)
Row = dict[str, Any]


def sales(
    gross: str, sequence: int, received: datetime = CLOSEOUT, store: str = "North", guid: str = NORTH.toast_guid, day: date = DAY
) -> Row:
    own = {"store_id": store, "date": day, "kind": "sales", "restaurant_guid": guid, "gross_sales": Decimal(gross)}
    return own | {"sequence": sequence, "received_at": received}


def labor(
    hours: str, cost: str, sequence: int, received: datetime = CLOSEOUT, store: str = "North", guid: str = NORTH.toast_guid, day: date = DAY
) -> Row:
    own = {"store_id": store, "date": day, "kind": "labor", "restaurant_guid": guid}
    return own | {"labor_hours": Decimal(hours), "labor_cost": Decimal(cost), "sequence": sequence, "received_at": received}


def staged(rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist([row | {COPY: number} for number, row in enumerate(rows)], schema=staged_schema(DAILY_SUMMARIES))


def post(warehouse: Warehouse, *rows: Row, calendar_of: Location | None = NORTH) -> Changes:
    """Summaries in one commit, with the calendar of their days at a location."""
    tables = {DAILY_SUMMARIES.name: staged(rows)}
    if calendar_of:
        tables |= Calendar(ReportSettings(), {}).tables(calendar_of, [row["date"] for row in rows])
    guids = tuple(sorted({row["restaurant_guid"] for row in rows}))
    return warehouse.commit(Commit(dataset=SUMMARIES.name, restaurant_guids=guids, tables=tables))


def mapped(settings: Settings, row: Row) -> Row:
    """The summary with the location that its store id means, as the worker does it."""
    return row | {"restaurant_guid": settings.place_of(row["store_id"]).toast_guid}
