"""Commits of every dataset, made by the builders of the other worlds, and a story of all of them: what engines are compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from cash_world import deposit, entry
from labor_world import at, laid_out, pause, punch
from ledger_world import changes, hour, whole_day
from orders_world import (
    FIRST_VERSION,
    NORTH,
    Json,
    api_time,
    charge,
    check,
    discount,
    order,
    orders_commit,
    payment,
    refund,
    selection,
)
from restaurant_os.batch import COPY, DaySet, Rejected
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import Location, ReportSettings
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.cash import LISTS
from restaurant_os.tables import (
    BY_NAME,
    CALENDAR_TABLES,
    CASH,
    CONFIG,
    LABOR,
    MENU_PUBLICATIONS,
    ORDER_TABLES,
    STOCK,
    STOCK_LEVELS,
    SUMMARIES,
)
from restaurant_os.tables.dims import natural_key, row_hash
from restaurant_os.warehouse import Commit, LoadMode, SyncRun
from summaries_world import labor as labor_summary
from summaries_world import sales as sales_summary
from summaries_world import staged

GUID = NORTH.toast_guid
DAY, NEXT, IN_APRIL = date(2026, 3, 1), date(2026, 3, 2), date(2026, 4, 2)
READ = hour(48)
AREAS, CATEGORIES = "dim_service_areas", "dim_sales_categories"


def read_at(days: float) -> str:
    """When a read of the API began, in days from the first version."""
    return api_time(hour(24 * days))


def calendar(*days: date, location: Location = NORTH) -> dict[str, pa.Table]:
    return Calendar(ReportSettings(), {}).tables(location, days)


def with_calendar(commit: Commit, *days: date) -> Commit:
    """The same, with the calendar of these days at North."""
    return replace(commit, tables={**commit.tables, **calendar(*days)})


def ledger_only(*runs: SyncRun, dataset: str = "orders", rejected: Sequence[Rejected] = ()) -> Commit:
    return Commit(dataset=dataset, restaurant_guids=(GUID,), tables={}, runs=runs, rejected=rejected)


def cash_commit(
    seq: int, run: SyncRun, entries: Sequence[Json] = (), deposits: Sequence[Json] = (), *, day: date = DAY, location: Location = NORTH
) -> Commit:
    """A business date of cash, read whole."""
    tables = {}
    for kind, records in zip(LISTS, (entries, deposits), strict=True):
        shared = {"restaurant_guid": location.toast_guid, "business_date": day, "is_deleted": False, "read_seq": seq}
        rows = [kind.row(one) | shared | {COPY: n} for n, one in enumerate(kind.reader.read(json.dumps(records).encode()).good)]
        tables[kind.table.name] = pa.Table.from_pylist(rows, schema=staged_schema(kind.table))
    sets = [DaySet(spec.name, location.toast_guid, day, seq) for spec in CASH.tables]
    return Commit(dataset="cash", restaurant_guids=(location.toast_guid,), tables=tables, runs=[replace(run, read_seq=seq)], day_sets=sets)


def labor_commit(*records: Json, runs: Sequence[SyncRun] = (), read: datetime = READ, mode: LoadMode = "merge") -> Commit:
    rows: dict[str, list[dict[str, Any]]] = {spec.name: [] for spec in LABOR.tables}
    for number, record in enumerate(records):
        for name, own in laid_out(record, read_at=read).items():
            rows[name] += [row | {COPY: number} for row in own]
    tables = {spec.name: pa.Table.from_pylist(rows[spec.name], schema=staged_schema(spec)) for spec in LABOR.tables}
    return Commit(dataset="labor", restaurant_guids=(GUID,), tables=tables, runs=runs, load_mode=mode)


def dimension_commit(
    table: str, seq: int, started: datetime, records: Mapping[str, Mapping[str, Any]], *, rejected: int = 0, location: Location = NORTH
) -> Commit:
    """One read of a dimension of one id: what each record said, by its guid. `rejected`: how many could not be read."""
    spec = BY_NAME[table]
    own_id = natural_key(spec)[-1]
    rows = []
    for number, (guid, said) in enumerate(records.items()):
        row: dict[str, Any] = {"restaurant_guid": location.toast_guid, own_id: guid, **said}
        rows.append({**row, "row_hash": row_hash(spec, row), "read_seq": seq, COPY: number})
    run = SyncRun(
        sync_id=f"{table}-{seq}",
        dataset=CONFIG.name,
        restaurant_guid=location.toast_guid,
        window_kind=table,
        window_start=started,
        window_end=started,
        business_date=None,
        status="done",
        load_mode="merge",
        started_at=started,
        finished_at=started,
        pages=1,
        passes=1,
        rows_read=len(records),
        rows_quarantined=rejected,
        read_seq=seq,
    )
    staged_rows = pa.Table.from_pylist(rows, schema=staged_schema(spec))
    return Commit(dataset=CONFIG.name, restaurant_guids=(location.toast_guid,), tables={table: staged_rows}, runs=[run])


def areas_commit(seq: int, hours: float, rejected: int = 0, **names: str) -> Commit:
    """A read of the service areas, by guid and name."""
    return dimension_commit(AREAS, seq, hour(hours), {guid: {"service_area_name": name} for guid, name in names.items()}, rejected=rejected)


def summaries_commit(*rows: dict[str, Any]) -> Commit:
    guids = tuple(sorted({row["restaurant_guid"] for row in rows}))
    return Commit(dataset=SUMMARIES.name, restaurant_guids=guids, tables={"daily_summaries": staged(rows)})


def stock_commit(*rows: dict[str, Any]) -> Commit:
    table = pa.Table.from_pylist([row | {COPY: number} for number, row in enumerate(rows)], schema=staged_schema(STOCK_LEVELS))
    return Commit(dataset=STOCK.name, restaurant_guids=(GUID,), tables={STOCK_LEVELS.name: table})


def stock_level(item: str, status: str, minutes: float, left: float | None = None) -> dict[str, Any]:
    own = {"restaurant_guid": GUID, "item_guid": item, "multi_location_id": "7", "status": status, "quantity": left}
    return own | {"changed_at": hour(minutes / 60)}


def publication_commit(published: datetime) -> Commit:
    schema = pa.schema([f for f in MENU_PUBLICATIONS.schema if f.name != "_loaded_at"])
    table = pa.Table.from_pylist([{"restaurant_guid": GUID, "last_updated": published}], schema=schema)
    return Commit(dataset=CONFIG.name, restaurant_guids=(GUID,), tables={MENU_PUBLICATIONS.name: table})


def unreadable(guid: str | None, copy: int = 0, day: date | None = DAY) -> Rejected:
    """A record for quarantine."""
    return Rejected(
        restaurant_guid=GUID,
        record_guid=guid,
        business_date=day,
        field="checks[0].amount",
        reason="'x' was found, a number was expected",
        record_json=json.dumps({"guid": guid}),
        copy=copy,
    )


# --- a story ------------------------------------------------------------------------------------------------------------


def supper(version: int = 0, *, lines: int = 2, day: int = 20260301, **fields: Any) -> Json:
    """An order with a row for every order table."""
    own = [
        selection(
            f"line-{n}",
            10.0 + n,
            salesCategory={"guid": "food"},
            modifiers=[selection(f"extra-{n}", 0.5)],
            appliedDiscounts=[discount(f"promo-{n}")],
        )
        for n in range(lines)
    ]
    back = {"refund": refund("back", 2.5, 20260305)} if version else {}
    paid = [payment("card", 20.0, tipAmount=3, **back), payment("cash", 1.5, type="CASH")]
    return order("supper", [check("bill", own, paid, appliedServiceCharges=[charge("delivery")])], version, day, **fields)


def story() -> Iterable[Commit]:
    """Every dataset, first brought in and then changed: rows that are new, replaced, flagged, moved over a month, closed, resolved, restated."""
    lunch = order("lunch", [check("tab", [selection("soup", 4.0)], [payment("coin", 4.0)])])
    yield dimension_commit(CATEGORIES, 1, hour(0), {"food": {"sales_category_name": "Food"}})
    yield with_calendar(orders_commit([supper(), lunch], runs=[run_of(whole_day(DAY, 7), "day")], read_at=read_at(1)), DAY, NEXT)
    yield with_calendar(
        Commit(
            dataset="orders",
            restaurant_guids=(GUID,),
            tables=orders_commit([supper(1, lines=1, day=20260402)], read_at=read_at(2)).tables,
            rejected=[unreadable("broken", 7)],
            runs=[run_of(changes(7, 30), "poll")],
        ),
        IN_APRIL,
    )
    yield orders_commit([order("broken", [check("mended", [selection("tea", 2.0)])])], read_at=read_at(3))
    yield cash_commit(
        1, run_of(whole_day(DAY, 8, dataset="cash"), "cash-1"), [entry("e-1"), entry("e-2", 5.25, "CASH_IN")], [deposit("d-1")]
    )
    yield cash_commit(2, run_of(whole_day(DAY, 40, dataset="cash"), "cash-2"), [entry("e-1", -26.0)], [deposit("d-1"), deposit("d-2", 7)])
    yield labor_commit(
        punch("shift", breaks=[pause("03-01 17:00", "03-01 17:30")]), runs=[run_of(whole_day(DAY, 9, dataset="labor"), "labor-1")]
    )
    yield labor_commit(
        punch("shift", regularHours=7.5, modifiedDate=at("03-05 12:00")),
        punch("late", "03-01 20:00", None),
        runs=[run_of(changes(9, 90, dataset="labor"), "labor-2")],
        read=hour(90),
    )
    yield areas_commit(2, 1, bar="Bar", patio="Patio")
    yield areas_commit(3, 2, bar="Lounge")
    yield summaries_commit(sales_summary("5000", 1), labor_summary("20.5", "123.4567", 2))
    yield summaries_commit(sales_summary("6000.01", 3))
    yield stock_commit(stock_level("soup", "QUANTITY", 5, 3.5), stock_level("tea", "IN_STOCK", 1))
    yield stock_commit(stock_level("soup", "OUT_OF_STOCK", 6))
    yield publication_commit(FIRST_VERSION)
    yield publication_commit(hour(5))


def run_of(run: SyncRun, name: str) -> SyncRun:
    """The same with an id of its own choosing: engines that are told the same story are compared."""
    return replace(run, sync_id=name)


BESIDE = ("sync_runs", "changed_days", "day_snapshots", "quarantine")
#: The tables that a commit of orders may touch.
OF_ORDERS = (*(spec.name for spec in ORDER_TABLES), *BESIDE, *(spec.name for spec in CALENDAR_TABLES))
