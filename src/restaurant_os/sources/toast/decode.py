"""A page of orders as bytes -> Arrow rows of the order tables, and the orders that could not be read.

Pages are decoded and flattened whole; only when something in it is wrong are its orders taken one by one, so that a bad
order costs itself alone. A body that is not JSON at all is no order's fault: it was cut on its way, and is asked again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from restaurant_os.batch import Batch, Rejected
from restaurant_os.businessday import BusinessDay
from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.sources.columns import DATES, arrays, instants, staged_columns, staged_schema, transposed
from restaurant_os.sources.toast.flatten import Flattener, Rows, check_unique
from restaurant_os.sources.toast.model import ORDER, PAGE, Order
from restaurant_os.sources.toast.records import fields_of, records_of, rejected
from restaurant_os.sources.toast.workers import Worker, Workers
from restaurant_os.tables import COUNT, ORDER_TABLES, TableSpec
from restaurant_os.text import printable

HOUR_US = 3_600_000_000
#: Pages made into Arrow at once.
PAGES_TOGETHER = 4
#: More copies than are decoded between a `begin` and its `rest`.
COPIES_AT_ONCE = 1 << 32
#: Of the whole process: units of several locations are merged at once, and a later page's copy has the greater number.
_begun = itertools.count()
#: More than locations are read at once.
MOST_DECODERS = 256

#: A batch on its way between processes: the rows of every table as an Arrow message, and what could not be read.
Packed = tuple[dict[str, bytes], tuple[Rejected, ...]]


@dataclass(frozen=True, slots=True)
class PageHere:
    """A page decoded in this process, not laid out in rows yet."""

    body: bytes
    read_at: str | None
    day: date | None
    orders: list[Order]
    rejected: tuple[Rejected, ...]

    @property
    def versions(self) -> dict[str, str]:
        return {order.guid: order.modified_date for order in self.orders}


@dataclass(frozen=True, slots=True)
class PageElsewhere:
    """A page decoded by a worker, which keeps its orders (of which there are as many as `orders` has members)."""

    number: int
    orders: range
    versions: dict[str, str]
    rejected: tuple[Rejected, ...]


DecodedPage = PageHere | PageElsewhere


class PageDecoder:
    """Decodes the pages of one location, in the thread that asks."""

    def __init__(self, *, restaurant_guid: str, rule: BusinessDay, discount_kinds: Mapping[str, str], first_copy: int = 0) -> None:
        self.restaurant_guid = restaurant_guid
        self.rule = rule
        self.discount_kinds = discount_kinds
        self._copies = itertools.count(first_copy)
        self._waiting: list[PageHere] = []
        self._rows = Rows()

    def decode(self, body: bytes, *, read_at: str | None, day: date | None = None) -> PageHere:
        """Decode a JSON array of orders.

        `read_at`: ISO instant at which the read began. `day`: the business date asked for, which a record that names none belongs to.

        Raises:
            RetryableError: the body is not a JSON array.
        """
        rejected: tuple[Rejected, ...] = ()
        try:
            orders = PAGE.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            orders, rejected = self._one_by_one(body, read_at, day)
        return PageHere(body, read_at, day, orders, rejected)

    def add(self, page: PageHere) -> Batch:
        """Take a decoded page in. Its rows come with this batch or a later one: Arrow is made of a few pages at once, since of one alone
        the calls cost more than the rows."""
        rows = Rows()
        try:
            self._flatten(rows, page.orders, page.read_at)
        except RejectedRecordError:
            return self._without_faults(page)
        self._waiting.append(page)
        for name, own in rows.tables.items():
            self._rows.tables[name] += own
        if len(self._waiting) < PAGES_TOGETHER:
            return Batch({}, page.rejected)
        return _joined([Batch({}, page.rejected), self.rest()])

    def rest(self) -> Batch:
        """The rows that still wait."""
        pages, self._waiting = self._waiting, []
        rows, self._rows = self._rows, Rows()
        if not pages:
            return Batch({})
        try:
            return Batch(self._tables(rows))
        except RejectedRecordError:
            return _joined([self._without_faults(page) for page in pages])

    def _without_faults(self, page: PageHere) -> Batch:
        """The rows of a page that decodes but of which an order cannot be laid out."""
        orders, rejected = self._one_by_one(page.body, page.read_at, page.day)
        rows = Rows()
        self._flatten(rows, orders, page.read_at)
        return Batch(self._tables(rows), rejected)

    def _one_by_one(self, body: bytes, read_at: str | None, day: date | None) -> tuple[list[Order], tuple[Rejected, ...]]:
        """The orders of a page that can be read and laid out, each tried alone, and those that cannot."""
        good: list[Order] = []
        rejected: list[Rejected] = []
        for raw in records_of(body):
            try:
                order = ORDER.decode(raw)
                rows = Rows()
                self._flatten(rows, [order], read_at)
                self._tables(rows)
                good.append(order)
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                rejected.append(self._rejected(raw, day, "Order", str(problem)))
            except RejectedRecordError as problem:
                rejected.append(self._rejected(raw, day, problem.place.field, problem.place.reason))
        return good, tuple(rejected)

    def _flatten(self, rows: Rows, orders: list[Order], read_at: str | None) -> None:
        flattener = Flattener(restaurant_guid=self.restaurant_guid, discount_kinds=self.discount_kinds, read_at=read_at)
        for order in orders:
            flattener.add(rows, order, day_of_order(order, self.rule), next(self._copies))
        check_unique(rows)

    def _tables(self, rows: Rows) -> dict[str, pa.RecordBatch]:
        return order_tables(rows, lambda guid: self.rule)

    def _rejected(self, raw: bytes, day: date | None, field: str, reason: str) -> Rejected:
        day = known_day(fields_of(raw).get("businessDate")) or day
        return rejected(raw, field, reason, restaurant_guid=self.restaurant_guid, day=day, copy=next(self._copies))


def first_copy() -> int:
    """The number of the first of `COPIES_AT_ONCE` copies that nobody else in this process has; each time greater."""
    return next(_begun) * COPIES_AT_ONCE


def day_of_order(order: Order, rule: BusinessDay) -> int:
    """Toast's business date, in days since 1970-01-01; where it gives none, the promise or the opening on the location's own wall clock.

    Raises:
        RejectedRecordError: there is none, or it is no date.
    """
    if order.business_date is not None:
        return DATES[order.business_date]
    instant = order.promised_date or order.opened_date
    if instant is None:
        raise RejectedRecordError(Place(order.guid, "Order.businessDate", "missing, and openedDate too: the order has no day"))
    try:
        day = rule.date_of(instants([[instant]], ["Order.openedDate"])[0][0].as_py())
    except (ValueError, OverflowError):
        raise RejectedRecordError(
            Place(order.guid, "Order.openedDate", f"'{printable(instant, 60)}' is no time of any business day")
        ) from None
    return DATES[day.year * 10_000 + day.month * 100 + day.day]


def order_tables(rows: Rows, rule_of: Callable[[str], BusinessDay]) -> dict[str, pa.RecordBatch]:
    """Rows as they are staged. `rule_of`: the business day of a location, by its GUID.

    Raises:
        RejectedRecordError: a value does not fit its column.
    """
    return {spec.name: _arrow(spec, rows.tables[spec.name], rule_of) for spec in ORDER_TABLES}


def _arrow(spec: TableSpec, rows: list[tuple[Any, ...]], rule_of: Callable[[str], BusinessDay]) -> pa.RecordBatch:
    columns = staged_columns(spec)
    values = transposed(spec, rows, len(columns))
    if spec.name in HOURS:
        hour, location, day = HOURS[spec.name]
        values[hour] = _hours(values[hour], values[location], values[day], rule_of)
    return pa.record_batch(arrays(columns, values), schema=staged_schema(spec))


def _hours(texts: Sequence[str | None], locations: Sequence[str], days: Sequence[int], rule_of: Callable[[str], BusinessDay]) -> pa.Array:
    """Whole hours from the start of each row's business day to its instant; null outside the day."""
    [found] = instants([texts], ["Check.openedDate"])
    places = list(zip(locations, days, strict=True))
    bounds = {place: _day_bounds(rule_of(place[0]), place[1]) for place in set(places)}
    first, last = np.array([bounds[place] for place in places], dtype=np.int64).reshape(-1, 2).T
    at = found.cast(pa.int64()).fill_null(-1).to_numpy()
    return pa.array((at - first) // HOUR_US, COUNT, mask=(at < first) | (at >= last))


def _day_bounds(rule: BusinessDay, day: int) -> tuple[int, int]:
    start, end = rule.bounds(date(1970, 1, 1) + timedelta(days=day))
    return int(start.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000


class Desk:
    """What a worker does: it decodes for many locations, and keeps what it decoded until it is wanted as rows."""

    def __init__(self) -> None:
        self._decoders: dict[int, PageDecoder] = {}
        self._pages: dict[int, tuple[int, PageHere]] = {}
        self._numbers = itertools.count()

    def begin(self, key: int, settings: dict[str, Any]) -> None:
        self._decoders[key] = PageDecoder(**settings)
        if len(self._decoders) > MOST_DECODERS:  # begun by reads that failed
            self._drop(min(self._decoders))

    def decode(self, key: int, body: bytes, read_at: str | None, day: date | None) -> PageElsewhere:
        page = self._decoders[key].decode(body, read_at=read_at, day=day)
        number = next(self._numbers)
        self._pages[key] = number, page  # the one before, if it was not added by now, is not wanted
        return PageElsewhere(number, range(len(page.orders)), page.versions, page.rejected)

    def add(self, key: int, number: int) -> Packed:
        last, page = self._pages.pop(key)
        if last != number:
            raise AssertionError(f"page {number} is not the last, which is {last}")
        return _packed(self._decoders[key].add(page))

    def rest(self, key: int) -> Packed:
        return _packed(self._drop(key).rest())

    def _drop(self, key: int) -> PageDecoder:
        self._pages.pop(key, None)
        return self._decoders.pop(key)


class ElsewhereDecoder:
    """A `PageDecoder` that a worker has, until its rest is taken."""

    _keys = itertools.count()

    def __init__(self, worker: Worker, settings: dict[str, Any]) -> None:
        self._worker = worker
        self._key = next(self._keys)
        worker.ask("begin", self._key, settings)

    def decode(self, body: bytes, *, read_at: str | None, day: date | None) -> PageElsewhere:
        found: PageElsewhere = self._worker.ask("decode", self._key, body, read_at, day)
        return found

    def add(self, page: PageElsewhere) -> Batch:
        return _unpacked(self._worker.ask("add", self._key, page.number))

    def rest(self) -> Batch:
        return _unpacked(self._worker.ask("rest", self._key))


class OrderDecoder:
    """Decodes the pages of one location: in the thread that asks, or by a worker where pages of many locations come at once.

    It goes from one to the other only when no rows wait: a `rest` ends what the next `decode` begins anew.
    """

    _workers = Workers(f"{__name__}:Desk")

    def __init__(self, *, restaurant_guid: str, rule: BusinessDay, discount_kinds: Mapping[str, str]) -> None:
        self._settings: dict[str, Any] = {"restaurant_guid": restaurant_guid, "rule": rule, "discount_kinds": dict(discount_kinds)}
        self._at: PageDecoder | ElsewhereDecoder | None = None

    def page(self, body: bytes, *, read_at: str | None, day: date | None = None) -> Batch:
        """A page by itself: `decode`, `add` and `rest` at once."""
        page = self.decode(body, read_at=read_at, day=day)
        return _joined([self.add(page), self.rest()], page.versions)

    def decode(self, body: bytes, *, read_at: str | None, day: date | None = None) -> DecodedPage:
        """`PageDecoder.decode`."""
        with self._workers.at_work():
            self._at = self._at or self._begin()
            return self._at.decode(body, read_at=read_at, day=day)

    def _begin(self) -> PageDecoder | ElsewhereDecoder:
        settings = self._settings | {"first_copy": first_copy()}
        worker = self._workers.take()
        return ElsewhereDecoder(worker, settings) if worker else PageDecoder(**settings)

    def add(self, page: DecodedPage) -> Batch:
        """`PageDecoder.add`, of the page decoded last."""
        with self._workers.at_work():
            match self._at, page:
                case PageDecoder() as here, PageHere():
                    return here.add(page)
                case ElsewhereDecoder() as elsewhere, PageElsewhere():
                    return elsewhere.add(page)
        raise AssertionError("the page is of an earlier read")

    def rest(self) -> Batch:
        """`PageDecoder.rest`."""
        at, self._at = self._at, None
        return at.rest() if at else Batch({})


def _packed(batch: Batch) -> Packed:
    return {name: rows.serialize().to_pybytes() for name, rows in batch.tables.items()}, batch.rejected


def _unpacked(packed: Packed) -> Batch:
    tables, rejected = packed
    schemas = {spec.name: staged_schema(spec) for spec in ORDER_TABLES}
    return Batch({name: pa.ipc.read_record_batch(pa.py_buffer(rows), schemas[name]) for name, rows in tables.items()}, rejected)


def _joined(batches: list[Batch], versions: Mapping[str, str] | None = None) -> Batch:
    """Batches as one. `versions` of what a page decoded, without those that could not be laid out."""
    rejected = tuple(rejected for batch in batches for rejected in batch.rejected)
    whole = [batch.tables for batch in batches if batch.tables]
    tables = (
        {spec.name: pa.concat_batches([own[spec.name] for own in whole]) for spec in ORDER_TABLES} if len(whole) > 1 else (whole or [{}])[0]
    )
    bad = {own.record_guid for own in rejected}
    return Batch(tables, rejected, {guid: version for guid, version in (versions or {}).items() if guid not in bad})


def known_day(value: object) -> date | None:
    """A business date as Toast writes it; None for anything else."""
    if not isinstance(value, int):
        return None
    try:
        return date(1970, 1, 1) + timedelta(days=DATES[value])
    except (RejectedRecordError, OverflowError):
        return None


#: Where a table has its business hour (an instant until the arrays are made), its location and its business date.
HOURS = {
    spec.name: tuple(staged_schema(spec).get_field_index(name) for name in ("business_hour", "restaurant_guid", "business_date"))
    for spec in ORDER_TABLES
    if "business_hour" in spec.names
}
