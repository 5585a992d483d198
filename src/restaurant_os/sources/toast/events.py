"""What Toast's events bring: orders of many locations laid out together, and stock levels.

Each event costs itself alone when it cannot be read. Its rows are laid out with those of all others, since for a few orders
of each of a thousand locations Arrow's calls would cost more than the rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from restaurant_os.batch import Batch, Rejected
from restaurant_os.businessday import BusinessDay
from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.settings import Location
from restaurant_os.sources.toast.decode import day_of_order, first_copy, known_day, order_tables
from restaurant_os.sources.toast.flatten import Flattener, Rows, check_unique
from restaurant_os.sources.toast.model import Guid, Order
from restaurant_os.sources.toast.records import fields_of, instant, rejected
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.text import printable

#: Kinds of events (Toast's eventType), as the reference lists them (section 7).
ORDER_KINDS = frozenset({"order_updated", "channel_order_updated"})
STOCK_KINDS = frozenset({"in_stock", "low_quantity", "out_of_stock"})
MENU_KINDS = frozenset({"menus_updated"})

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
TOO_DEEP = "it is nested too deep to be an order"


class _OrderDetails(msgspec.Struct, gc=False):
    order: Order


class _OrderMessage(msgspec.Struct, gc=False):
    details: _OrderDetails


class _RawDetails(msgspec.Struct, gc=False):
    order: msgspec.Raw


class _RawMessage(msgspec.Struct, gc=False):
    details: _RawDetails


_ORDER_MESSAGE = msgspec.json.Decoder(_OrderMessage)
_RAW_MESSAGE = msgspec.json.Decoder(_RawMessage)

# --- orders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An event with an order in it, and the location whose it is."""

    body: bytes
    location: Location
    received_at: datetime


@dataclass(frozen=True, slots=True)
class OrdersFound:
    """The orders of events. `unread`: why some could not be read, by their place among the events; `batch.rejected` holds those of them that
    have an order at all."""

    batch: Batch
    unread: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class _LaidOut:
    place: int
    rows: Rows


class OrderEvents:
    """Lays out the orders that events bring. `discount_kinds`: as `Flattener` wants them."""

    def __init__(self, discount_kinds: Mapping[str, str]) -> None:
        self._discount_kinds = discount_kinds

    def read(self, events: Sequence[OrderEvent]) -> OrdersFound:
        """The orders of events in the order in which they came: of two copies of one version the later counts."""
        first = first_copy()
        good: list[_LaidOut] = []
        bad: dict[int, Place] = {}
        for place, event in enumerate(events):
            try:
                good.append(_LaidOut(place, self._rows(event, first + place)))
            except RecursionError:
                bad[place] = Place(None, "Order", TOO_DEEP)
            except UNREADABLE as problem:
                bad[place] = Place(None, "Order", str(problem))
            except RejectedRecordError as problem:
                bad[place] = problem.place
        rules = {event.location.toast_guid: event.location.business_day for event in events}
        tables, unfit = _laid_out(good, rules)
        bad.update(unfit)
        found = [_rejected(events[place], why, first + place) for place, why in sorted(bad.items())]
        return OrdersFound(
            Batch(tables, tuple(one for one in found if one)),
            {place: f"{why.field}: {why.reason}" for place, why in bad.items()},
        )

    def _rows(self, event: OrderEvent, copy: int) -> Rows:
        """The rows of one event's order.

        Raises:
            RejectedRecordError, msgspec.DecodeError, UnicodeDecodeError, RecursionError: it cannot be read.
        """
        order = _ORDER_MESSAGE.decode(event.body).details.order
        rows = Rows()
        flattener = Flattener(restaurant_guid=event.location.toast_guid, discount_kinds=self._discount_kinds, read_at=None)
        flattener.add(rows, order, day_of_order(order, event.location.business_day), copy)
        check_unique(rows)
        return rows


def _laid_out(orders: Sequence[_LaidOut], rules: Mapping[str, BusinessDay]) -> tuple[dict[str, pa.RecordBatch], dict[int, Place]]:
    """The tables of orders, and those of them whose values fit no column."""
    try:
        return order_tables(_joined(orders), rules.__getitem__), {}
    except RejectedRecordError as problem:
        unfit = _unfit(orders, rules, problem.place)
    return order_tables(_joined([one for one in orders if one.place not in unfit]), rules.__getitem__), unfit


def _unfit(orders: Sequence[_LaidOut], rules: Mapping[str, BusinessDay], why: Place) -> dict[int, Place]:
    """The orders that cannot be laid out, among some that together could not: halved until each is alone."""
    if len(orders) == 1:
        return {orders[0].place: why}
    found: dict[int, Place] = {}
    for half in (orders[: len(orders) // 2], orders[len(orders) // 2 :]):
        try:
            order_tables(_joined(half), rules.__getitem__)
        except RejectedRecordError as problem:
            found |= _unfit(half, rules, problem.place)
    return found


def _joined(orders: Sequence[_LaidOut]) -> Rows:
    rows = Rows()
    for spec in ORDER_TABLES:
        rows.tables[spec.name] = [row for one in orders for row in one.rows.tables[spec.name]]
    return rows


def _rejected(event: OrderEvent, why: Place, copy: int) -> Rejected | None:
    """An event's order for the quarantine of the warehouse; None when there is no order that a later read could make good."""
    try:
        raw = _raw_order(event.body)
        fields = fields_of(raw)
        if not fields.get("guid"):
            return None
        day = known_day(fields.get("businessDate")) or event.location.business_day.date_of(event.received_at)
        return rejected(raw, why.field, why.reason, restaurant_guid=event.location.toast_guid, day=day, copy=copy)
    except (*UNREADABLE, ValueError, KeyError, TypeError):
        return None


def _raw_order(body: bytes) -> bytes:
    try:
        return bytes(_RAW_MESSAGE.decode(body).details.order)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half of a surrogate pair somewhere
        return json.dumps(json.loads(body.decode("utf-8", "replace"))["details"]["order"]).encode()


# --- stock ------------------------------------------------------------------------------------------------------------


class _Stock(msgspec.Struct, gc=False, rename="camel"):
    item_guid: Guid
    status: Guid
    multi_location_id: str | None = None
    quantity: float | None = None


class _StockMessage(msgspec.Struct, gc=False):
    timestamp: str
    details: _Stock


_STOCK_MESSAGE = msgspec.json.Decoder(_StockMessage)


def stock_level(body: bytes, restaurant_guid: str) -> dict[str, Any]:
    """The row that a stock event brings, by column.

    Raises:
        RejectedRecordError: it cannot be read.
    """
    try:
        found = _STOCK_MESSAGE.decode(body)
        changed_at = instant(found.timestamp, "timestamp")
    except (*UNREADABLE, ValueError) as problem:
        raise RejectedRecordError(Place(None, "stock", printable(problem))) from None
    return {
        "restaurant_guid": restaurant_guid,
        "item_guid": found.details.item_guid,
        "multi_location_id": found.details.multi_location_id,
        "status": found.details.status,
        "quantity": found.details.quantity,
        "changed_at": changed_at,
    }
