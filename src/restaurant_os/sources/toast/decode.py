"""A page of orders as bytes -> Arrow rows of the order tables, and the orders that could not be read.

The page is decoded and flattened whole; only when something in it is wrong are its orders taken one by one, so that a bad
order costs itself alone. A body that is not JSON at all is no order's fault: it was cut on its way, and is asked again.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from restaurant_os.batch import COPY, Batch, Rejected
from restaurant_os.businessday import BusinessDay
from restaurant_os.errors import Place, RejectedRecordError, RetryableError
from restaurant_os.sources.columns import DATES, EPOCH_ORDINAL, arrays, instants, transposed
from restaurant_os.sources.toast.flatten import Flattener, Rows, check_unique
from restaurant_os.sources.toast.model import ORDER, PAGE, RAW_PAGE, Order
from restaurant_os.tables import COUNT, FACT_ORDER_ITEMS, LOADED_AT, ORDER_TABLES, Column, TableSpec
from restaurant_os.text import printable

#: Guests' and card data (Toast: scopes guest.pi:read and delivery_info.address:read; Payment's card digits): cut before anything is kept.
PRIVATE_FIELDS = frozenset(
    {
        "customer",
        "deliveryInfo",
        "curbsidePickupInfo",
        "appliedLoyaltyInfo",
        "loyaltyDetails",
        "first6Digits",
        "last4Digits",
        "cardPaymentId",
        "tabName",
        "giftCardInfo",
        "receiptToken",
        "tenderTransactionGuid",
        "networkTransactionIdentifier",
    }
)
HOUR_US = 3_600_000_000


class OrderDecoder:
    """Decodes the pages of one location."""

    #: Of the whole process, so that units of several locations can be merged at once; a later page's copy has the greater number.
    _copies = itertools.count()

    def __init__(self, *, restaurant_guid: str, rule: BusinessDay, discount_kinds: Mapping[str, str]) -> None:
        self.restaurant_guid = restaurant_guid
        self.rule = rule
        self.discount_kinds = discount_kinds

    def page(self, body: bytes, *, read_at: str | None, day: date | None = None) -> Batch:
        """Decode a JSON array of orders.

        `read_at`: ISO instant at which the read began. `day`: the business date asked for, which a record that names none belongs to.

        Raises:
            RetryableError: the body is not a JSON array.
        """
        try:
            orders = PAGE.decode(body)
            return self._batch(orders, read_at, ())
        except (msgspec.DecodeError, RejectedRecordError, UnicodeDecodeError):
            return self._one_by_one(body, read_at, day)

    def _one_by_one(self, body: bytes, read_at: str | None, day: date | None) -> Batch:
        raws = _records(body)
        good: list[Order] = []
        rejected: list[Rejected] = []
        for raw in raws:
            try:
                order = ORDER.decode(raw)
                self._batch([order], read_at, ())
                good.append(order)
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                rejected.append(self._rejected(raw, day, "Order", str(problem)))
            except RejectedRecordError as problem:
                rejected.append(self._rejected(raw, day, problem.place.field, problem.place.reason))
        return self._batch(good, read_at, tuple(rejected))

    def _batch(self, orders: list[Order], read_at: str | None, rejected: tuple[Rejected, ...]) -> Batch:
        flattener = Flattener(restaurant_guid=self.restaurant_guid, discount_kinds=self.discount_kinds, read_at=read_at)
        rows = Rows()
        for order in orders:
            flattener.add(rows, order, self._day(order), next(self._copies))
        check_unique(rows)
        tables = {spec.name: self._arrow(spec, rows.tables[spec.name]) for spec in ORDER_TABLES}
        return Batch(tables, rejected, {order.guid: order.modified_date for order in orders})

    def _day(self, order: Order) -> int:
        """Toast's business date; where it gives none, the promise or the opening on the location's own wall clock."""
        if order.business_date is not None:
            return DATES[order.business_date]
        instant = order.promised_date or order.opened_date
        if instant is None:
            raise RejectedRecordError(Place(order.guid, "Order.businessDate", "missing, and openedDate too: the order has no day"))
        return self.rule.date_of(instants([[instant]], ["Order.openedDate"])[0][0].as_py()).toordinal() - EPOCH_ORDINAL

    def _arrow(self, spec: TableSpec, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
        columns = staged_columns(spec)
        values = transposed(spec, rows, len(columns))
        if spec is FACT_ORDER_ITEMS:
            values[BUSINESS_HOUR] = self._hours(values[BUSINESS_HOUR], values[BUSINESS_DATE])
        return pa.record_batch(arrays(columns, values), schema=staged_schema(spec))

    def _hours(self, texts: Sequence[str | None], days: Sequence[int]) -> pa.Array:
        """Whole hours from the start of each row's business day to its instant; null outside the day."""
        [found] = instants([texts], ["Check.openedDate"])
        bounds = {day: self._day_bounds(day) for day in set(days)}
        first, last = np.array([bounds[day] for day in days], dtype=np.int64).reshape(-1, 2).T
        at = found.cast(pa.int64()).fill_null(-1).to_numpy()
        return pa.array((at - first) // HOUR_US, COUNT, mask=(at < first) | (at >= last))

    def _day_bounds(self, day: int) -> tuple[int, int]:
        start, end = self.rule.bounds(date(1970, 1, 1) + timedelta(days=day))
        return int(start.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000

    def _rejected(self, raw: bytes, day: date | None, field: str, reason: str) -> Rejected:
        record = json.loads(raw.decode("utf-8", "replace"))  # takes texts that are no Unicode too
        fields = record if isinstance(record, dict) else {}
        guid = fields.get("guid")
        guid = guid if isinstance(guid, str) and guid else None
        return Rejected(
            restaurant_guid=self.restaurant_guid,
            record_guid=guid,
            business_date=_known_day(fields.get("businessDate")) or day,
            field=printable(field, 200),
            reason=printable(reason, 500),
            record_json=json.dumps(without_private(record), separators=(",", ":")),
            copy=next(self._copies),
        )


def _records(body: bytes) -> list[bytes]:
    """The records of a page, each as JSON of its own.

    A text that is no Unicode (a byte that is no UTF-8, half of a surrogate pair) fails the quick way for the whole page; the
    slow one lets it fail in its own record.
    """
    try:
        return [bytes(raw) for raw in RAW_PAGE.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        try:
            records = json.loads(body.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            records = None
        if not isinstance(records, list):
            raise RetryableError(f"the page is not a JSON array of orders: {printable(problem, 120)}") from None
        # What was replaced must not pass for what was sent, so a record with such a text is kept from being read.
        return [_unreadable(record) for record in records]


def _unreadable(record: object) -> bytes:
    text = json.dumps(record)
    return text.replace("\\ufffd", "\\ud800").encode()


def _known_day(value: object) -> date | None:
    if not isinstance(value, int):
        return None
    try:
        return date(1970, 1, 1) + timedelta(days=DATES[value])
    except (RejectedRecordError, OverflowError):
        return None


def without_private(record: Any) -> Any:
    """The record with guests' and card data cut, at any depth."""
    if isinstance(record, dict):
        return {key: None if key in PRIVATE_FIELDS else without_private(value) for key, value in record.items()}
    if isinstance(record, list):
        return [without_private(value) for value in record]
    return record


@cache
def staged_columns(spec: TableSpec) -> tuple[Column, ...]:
    """A table as it is staged: its columns without `_loaded_at`, then the copy number."""
    return (*(c for c in spec.columns if c.name != LOADED_AT), Column(COPY, COUNT, "ours", "Which copy of the record the row belongs to."))


@cache
def staged_schema(spec: TableSpec) -> pa.Schema:
    return pa.schema([(c.name, c.type) for c in staged_columns(spec)])


BUSINESS_HOUR = staged_schema(FACT_ORDER_ITEMS).get_field_index("business_hour")
BUSINESS_DATE = staged_schema(FACT_ORDER_ITEMS).get_field_index("business_date")
