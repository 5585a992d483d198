"""Commits of many locations at once, as events bring them: the same as one for each, and in order with those of syncs that wait beside them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from orders_world import (
    FIRST_VERSION,
    Json,
    check,
    decoder,
    land,
    open_warehouse,
    order,
    page,
    payment,
    refund,
    selection,
    stored,
    together,
)
from restaurant_os.settings import Location
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Changes, Commit, records
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.merge import MOST_NAMED

PLACES = [
    Location(name=f"L{n}", toast_guid=f"aaaaaaaa-0000-4000-8000-{n:012d}", timezone="America/New_York") for n in range(2 * MOST_NAMED)
]


def bodies(version: int) -> list[list[Json]]:
    """Orders of every location: first ones, then some of them without a line, on another day, refunded, or not sent at all."""
    found = []
    for number in range(len(PLACES)):
        lines = [selection("a", 10.0), *([selection("b", 2.0)] if version == 0 or number % 3 else [])]
        paid = [payment("p", refund=refund("T", 1.0))] if (number + version) % 4 == 0 else [payment("p")]
        day = 20260302 if version and number % 5 == 0 else 20260301
        found.append([order(f"o{number}", [check("c", lines, paid)], version, day)] if version == 0 or number % 7 else [])
    return found


def of_many(places: Sequence[Location], orders: Sequence[list[Json]]) -> Commit:
    """One commit for all of them, by events."""
    batches = [decoder(place).page(page(*own), read_at=None) for place, own in zip(places, orders, strict=True)]
    return Commit(dataset="orders", restaurant_guids=tuple(place.toast_guid for place in places), tables=together(batches))


def everything(warehouse: DuckDBWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {name: stored(warehouse, name, "*") for name in (*(spec.name for spec in ORDER_TABLES), "daily_sales")}


@pytest.mark.parametrize("idle_seconds", [0, 3600])
def test_a_commit_of_many_locations_is_as_one_for_each(tmp_path: Path, idle_seconds: float) -> None:
    """The same rows and the same changes; a third time, with an older version beside, changes nothing."""
    (tmp_path / "alone").mkdir()
    alone = open_warehouse(tmp_path / "alone")
    many = DuckDBWarehouse(open_warehouse(tmp_path).path, now=lambda: FIRST_VERSION, idle_seconds=idle_seconds)
    try:
        for version in (0, 1, 1, 0):
            expected = Changes()
            for place, own in zip(PLACES, bodies(version), strict=True):
                expected = expected.plus(land(alone, own, location=place, read_at=None))
            found = many.commit(of_many(PLACES, bodies(version)))
            assert (dict(found.locations), dict(found.days)) == (dict(expected.locations), dict(expected.days))
            assert everything(many) == everything(alone)
    finally:
        many.close()


def test_commits_of_shared_locations_land_in_the_order_they_came(tmp_path: Path) -> None:
    """One of many locations has a transaction of its own between a sync's before it and a sync's after it, of whichever of its locations."""
    warehouse = open_warehouse(tmp_path)
    opened, reached, landed = threading.Event(), threading.Event(), []

    def now() -> datetime:
        reached.set()
        assert opened.wait(60)
        return FIRST_VERSION

    def body(number: int, version: int) -> list[Json]:
        return [order(f"o{number}", [check("c", [selection("a", 1.0 + version)])], version)]

    warehouse.now = now
    one, two, three, four = PLACES[:4]
    commits = [
        of_many([four], [body(4, 0)]),
        of_many([one], [body(1, 0)]),
        of_many([one, two], [body(1, 1), body(2, 1)]),
        of_many([two], [body(2, 2)]),
        of_many([three], [body(3, 2)]),
    ]

    def commit(number: int) -> None:
        warehouse.commit(commits[number])
        landed.append(number)

    with ThreadPoolExecutor(len(commits)) as pool:
        futures = []
        for number in range(len(commits)):
            futures.append(pool.submit(commit, number))
            assert reached.wait(60)
            while len(warehouse._queue._queue) <= number:
                assert not futures[-1].done()
        opened.set()
        for future in futures:
            future.result()

    rows = stored(warehouse, "changed_days", "sequence", "right(restaurant_guid, 1)", "rows_added", "rows_changed")
    assert rows == [(1, "3", 1, 0), (2, "0", 1, 0), (2, "2", 1, 0), (3, "0", 0, 1), (3, "1", 1, 0), (4, "1", 0, 1)]


def test_the_changed_days_of_many_commits_become_one_row_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the newest sequence, which is all that a reader asks for, and the sums; a day that was not touched since stays as it is."""
    monkeypatch.setattr(records, "FOLD_EVERY", 3)
    warehouse = open_warehouse(tmp_path)
    for version in range(6):
        place, own = (PLACES[0], "o") if version != 1 else (PLACES[1], "other")
        day = 20260301 if version < 5 else 20260304
        land(warehouse, [order(own, [check("c", [selection("a", 1.0 + version)])], version, day)], location=place)

    first, other = (place.toast_guid for place in PLACES[:2])
    assert stored(warehouse, "changed_days", "restaurant_guid", "business_date", "sequence", "rows_added", "rows_changed") == [
        (first, date(2026, 3, 1), 6, 1, 4),
        (first, date(2026, 3, 4), 6, 0, 1),
        (other, date(2026, 3, 1), 2, 1, 0),
    ]
