"""Decoded pages as a sync hands them to a warehouse: the rows of each location, and commits of them."""

from __future__ import annotations

import gc
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.pages import READ_AT, READ_AT_TEXT, Pages, Shop
from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import ReportSettings
from restaurant_os.sources.toast.decode import PageDecoder
from restaurant_os.tables import ORDER_TABLES, ORDERS
from restaurant_os.warehouse import Commit, SyncRun, together

Tables = dict[str, pa.Table]


def decoded(pages: Pages) -> list[Tables]:
    """The staged rows of every location."""
    found = []
    for n, shop in enumerate(pages.shops):
        own = PageDecoder(restaurant_guid=shop.location.toast_guid, rule=shop.location.business_day, discount_kinds={}, first_copy=n << 32)
        batches = [own.add(own.decode(page, read_at=READ_AT_TEXT)).tables for page in shop.pages]
        batches = [batch for batch in (*batches, own.rest().tables) if batch]
        found.append({spec.name: pa.Table.from_batches([batch[spec.name] for batch in batches]).combine_chunks() for spec in ORDER_TABLES})
    return found


def joined(loads: Sequence[Tables]) -> Tables:
    return {name: pa.concat_tables([tables[name] for tables in loads]).combine_chunks() for name in loads[0]}


def newer(tables: Tables, minutes: int) -> Tables:
    """Every order in a version so much later, by a read so much later."""
    found = {}
    for name, table in tables.items():
        for column in {"modified_at", "read_at"} & set(table.schema.names):
            place = table.schema.get_field_index(column)
            later = pc.add(table[column], pa.scalar(timedelta(minutes=minutes), pa.duration("us")))
            table = table.set_column(place, table.schema.field(column), later.cast(table.schema.field(column).type))
        found[name] = table
    return found


def commit_of(shop: Shop, tables: Tables, minutes: int = 0) -> Commit:
    """What a sync of the shop's days commits, read so much later than the pages say; with its ledger rows and its calendar."""
    place, began = shop.location, READ_AT + timedelta(minutes=minutes)
    runs = [
        SyncRun(
            sync_id=uuid.uuid4().hex,
            dataset=ORDERS.name,
            restaurant_guid=place.toast_guid,
            window_kind=BUSINESS_DATE,
            window_start=place.business_day.bounds(day)[0],
            window_end=place.business_day.bounds(day)[1],
            business_date=day,
            status="done",
            load_mode="merge",
            started_at=began,
            finished_at=began,
            pages=len(bodies),
            passes=1,
            rows_read=len(bodies),
            rows_quarantined=0,
        )
        for day, bodies in shop.days.items()
    ]
    calendar = Calendar(ReportSettings(), {}).tables(place, shop.days)
    return Commit(dataset=ORDERS.name, restaurant_guids=(place.toast_guid,), tables={**newer(tables, minutes), **calendar}, runs=runs)


def commits_of(pages: Pages, loads: Sequence[Tables], minutes: int = 0) -> list[Commit]:
    return [commit_of(shop, tables, minutes) for shop, tables in zip(pages.shops, loads, strict=True)]


def as_one(commits: Sequence[Commit]) -> Commit:
    return together(commits)


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
