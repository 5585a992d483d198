"""Events of the inbox -> what they bring to the warehouse, by dataset, and which of them cannot be read and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from restaurant_os.batch import COPY, Rejected
from restaurant_os.errors import RejectedRecordError
from restaurant_os.operations import Event
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import Location, Settings
from restaurant_os.sources.toast.decode import first_copy
from restaurant_os.sources.toast.events import MENU_KINDS, ORDER_KINDS, STOCK_KINDS, OrderEvent, OrderEvents, stock_level
from restaurant_os.sources.toast.records import exact, staged
from restaurant_os.tables import (
    CALENDAR_TABLES,
    CONFIG,
    DAILY_SUMMARIES,
    FACT_ORDERS,
    FACT_REFUNDS,
    ORDERS,
    STOCK,
    STOCK_LEVELS,
    SUMMARIES,
    TableSpec,
)
from restaurant_os.text import printable
from restaurant_os.warehouse import Commit, LoadMode

LOCATED = ORDER_KINDS | STOCK_KINDS | MENU_KINDS
Day = tuple[str, date]
#: Where an order's days are: its own, and those on which money was given back.
ORDER_DAYS = (FACT_ORDERS, FACT_REFUNDS)
READ_AGAIN = "`restaurant-os replay` reads it again, after an update that can."


@dataclass(frozen=True, slots=True)
class Landing:
    """What events bring: a commit for each dataset, the reason why by the sequence of each event that cannot be read, the polls they ask for
    (dataset and location), and the days whose calendar is among the commits."""

    commits: tuple[Commit, ...]
    unread: Mapping[int, str]
    wishes: tuple[tuple[str, str], ...]
    days: frozenset[Day]


class _Summary(msgspec.Struct, gc=False):
    store_id: str
    date: date
    kind: str
    gross_sales: Decimal | None = None
    labor_hours: Decimal | None = None
    labor_cost: Decimal | None = None


_SUMMARY = msgspec.json.Decoder(_Summary)


class Lander:
    """Makes commits of events. What it remembers of the calendar is a saving alone: a day staged twice changes nothing."""

    def __init__(self, settings: Settings, calendar: Calendar) -> None:
        self._settings = settings
        self._calendar = calendar
        self._locations = {location.toast_guid: location for location in settings.locations}
        self._orders = OrderEvents(settings.discounts.by_name())
        self._staged: set[Day] = set()

    def landing(self, events: Sequence[Event]) -> Landing:
        """What events bring, in the order in which they came."""
        unread: dict[int, str] = {}
        known = [event for event in events if self._is_known(event, unread)]
        places: dict[str, Location] = {}
        found = (
            self._of_orders([event for event in known if _is_toast(event, ORDER_KINDS)], unread, places),
            self._of_summaries([event for event in known if event.arrival.source == "summary"], unread, places),
            self._of_stock([event for event in known if _is_toast(event, STOCK_KINDS)], unread),
        )
        days: set[Day] = set()
        commits = [self._commit(one, places, days) for one in found if one]
        hinted = dict.fromkeys(event.arrival.location for event in known if _is_toast(event, MENU_KINDS))
        return Landing(tuple(commits), unread, tuple((CONFIG.name, guid) for guid in hinted), frozenset(days))

    def landed(self, landing: Landing) -> None:
        """It is in: its days need no calendar any more."""
        self._staged |= landing.days

    # --- each kind of event ---------------------------------------------------------------------------------------

    def _is_known(self, event: Event, unread: dict[int, str]) -> bool:
        """Whether an event is of a location that is configured, where it must be."""
        guid = event.arrival.location
        if not _is_toast(event, LOCATED) or guid in self._locations:
            return True
        if guid:
            unread[event.sequence] = (
                f"location {printable(guid, 60)} is not configured: add it to [[locations]] (toast_guid), then run `restaurant-os replay`"
            )
        else:
            unread[event.sequence] = f"details.restaurantGuid names no location. {READ_AGAIN}"
        return False

    def _of_orders(self, events: Sequence[Event], unread: dict[int, str], places: dict[str, Location]) -> _Found | None:
        if not events:
            return None
        own = {event.arrival.location: self._locations[event.arrival.location] for event in events}
        places |= own
        found = self._orders.read([OrderEvent(e.arrival.body, own[e.arrival.location], e.arrival.received_at) for e in events])
        for place, reason in found.unread.items():
            unread[events[place].sequence] = f"{printable(reason, 300)}. {READ_AGAIN}"
        tables = {name: pa.Table.from_batches([rows]) for name, rows in found.batch.tables.items()}
        days = [day for spec in ORDER_DAYS for day in _days(tables[spec.name], spec.partition)]
        return _Found(ORDERS.name, tables, days, sorted(own), found.batch.rejected, self._settings.load_mode)

    def _of_summaries(self, events: Sequence[Event], unread: dict[int, str], places: dict[str, Location]) -> _Found | None:
        rows: list[dict[str, Any]] = []
        for event in events:
            try:
                found = _SUMMARY.decode(event.arrival.body)
                amounts = {name: exact(getattr(found, name), name) for name in ("gross_sales", "labor_hours", "labor_cost")}
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as problem:
                unread[event.sequence] = f"summary: {printable(problem)}. {READ_AGAIN}"
                continue
            location = self._settings.place_of(found.store_id)
            places[location.toast_guid] = location
            own = {"store_id": found.store_id, "date": found.date, "kind": found.kind, "restaurant_guid": location.toast_guid}
            rows.append(own | amounts | {"sequence": event.sequence, "received_at": event.arrival.received_at})
        return _of_latest(SUMMARIES.name, DAILY_SUMMARIES, rows)

    def _of_stock(self, events: Sequence[Event], unread: dict[int, str]) -> _Found | None:
        rows: list[dict[str, Any]] = []
        for event in events:
            try:
                rows.append(stock_level(event.arrival.body, event.arrival.location))
            except RejectedRecordError as problem:
                unread[event.sequence] = f"{printable(problem)}. {READ_AGAIN}"
        return _of_latest(STOCK.name, STOCK_LEVELS, rows)

    # --- all of them together -------------------------------------------------------------------------------------

    def _commit(self, found: _Found, places: Mapping[str, Location], days: set[Day]) -> Commit:
        """`days`: of this landing so far; those that no commit staged yet come with this one."""
        wanted = set(found.days) - self._staged - days
        days |= wanted
        return Commit(
            dataset=found.dataset,
            restaurant_guids=tuple(found.restaurant_guids),
            tables={**found.tables, **self._calendar_of(wanted, places)},
            rejected=found.rejected,
            load_mode=found.load_mode,
        )

    def _calendar_of(self, days: Iterable[Day], places: Mapping[str, Location]) -> dict[str, pa.Table]:
        by_location: dict[str, list[date]] = {}
        for guid, day in days:
            by_location.setdefault(guid, []).append(day)
        made = [self._calendar.tables(places[guid], own) for guid, own in sorted(by_location.items())]
        return {spec.name: pa.concat_tables([tables[spec.name] for tables in made]) for spec in CALENDAR_TABLES} if made else {}


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows that some events bring to one dataset."""

    dataset: str
    tables: Mapping[str, pa.Table]
    days: Sequence[Day]
    restaurant_guids: Sequence[str]
    rejected: Sequence[Rejected] = ()
    load_mode: LoadMode = "merge"


def _of_latest(dataset: str, spec: TableSpec, rows: list[dict[str, Any]]) -> _Found | None:
    """Rows each by itself, the later ones of greater copies."""
    if not rows:
        return None
    first = first_copy()
    table = pa.Table.from_batches([staged(spec, [row | {COPY: first + number} for number, row in enumerate(rows)])])
    days = [(row["restaurant_guid"], row["date"]) for row in rows] if spec.partition == "date" else []
    return _Found(dataset, {spec.name: table}, days, sorted({row["restaurant_guid"] for row in rows}))


def _is_toast(event: Event, kinds: frozenset[str]) -> bool:
    return event.arrival.source == "toast" and event.arrival.kind in kinds


def _days(table: pa.Table, column: str) -> list[Day]:
    """The locations and days that rows are of."""
    return sorted(set(zip(table["restaurant_guid"].to_pylist(), table[column].to_pylist(), strict=True)))
