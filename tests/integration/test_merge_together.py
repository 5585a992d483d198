"""Commits that wait for the file at the same time land together, and each is as if it had been alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger_world import changes, whole_day
from orders_world import FIRST_VERSION, Json, check, land, open_warehouse, order, payment, refund, selection, stored
from restaurant_os.errors import LockedError, RestaurantOSError
from restaurant_os.settings import Location
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Changes, SyncRun, duckdb, kept
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

DAY = date(2026, 3, 1)


def location(number: int) -> Location:
    return Location(name=f"L{number}", toast_guid=f"aaaaaaaa-0000-4000-8000-{number:012d}", timezone="America/New_York")


def first(number: int) -> list[Json]:
    """Orders of location `number`; every location has the same ids of lines and payments in them."""
    lines = [selection("a", 10.0), selection("b", 1.0 + number)]
    return [order(f"o{number}-{n}", [check("c", lines, [payment("p", refund=refund("T", 1.0))])]) for n in range(number + 1)]


def later(number: int) -> list[Json]:
    """A line is gone, and the last order is another day's."""
    found = [order(one["guid"], [check("c", [selection("a", 9.0)], [payment("p", refund=refund("T2", 2.0))])], 1) for one in first(number)]
    found[-1]["businessDate"] = 20260303
    return found


@dataclass
class Gate:
    """A clock for a warehouse: the first commit that asks it the time waits at the gate, so that others queue up behind."""

    opened: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def now(self) -> datetime:
        self.reached.set()
        assert self.opened.wait(30)
        return FIRST_VERSION


def at_once(
    warehouse: DuckDBWarehouse, bodies: Sequence[list[Json]], runs: Sequence[list[SyncRun]], places: Sequence[Location] = ()
) -> list[Future[Changes]]:
    """Commits, each of another location unless told, all in the queue behind the first."""
    gate = Gate()
    warehouse.now = gate.now
    with ThreadPoolExecutor(len(bodies)) as pool:
        futures = []
        for number, (body, own) in enumerate(zip(bodies, runs, strict=True)):
            place = places[number] if places else location(number)
            futures.append(pool.submit(land, warehouse, body, location=place, runs=own))
            assert gate.reached.wait(30)
        time.sleep(0.3)
        gate.opened.set()
    return futures


def everything(warehouse: DuckDBWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {spec.name: stored(warehouse, spec.name, "*") for spec in ORDER_TABLES} | {"daily_sales": stored(warehouse, "daily_sales", "*")}


def days(found: Changes) -> dict[date, tuple[int, int]]:
    return {day: counts for (_, day), counts in found.days.items()}


def test_commits_that_land_together_are_as_if_alone(tmp_path: Path) -> None:
    """The same rows as one after the other, and each commit is told its own changes, new orders and changed ones."""
    (tmp_path / "alone").mkdir()
    alone, together = open_warehouse(tmp_path / "alone"), open_warehouse(tmp_path)
    expected = [[land(alone, make(n), location=location(n)) for n in range(4)] for make in (first, later)]
    none: list[list[SyncRun]] = [[] for _ in range(4)]
    found = [[one.result() for one in at_once(together, [make(n) for n in range(4)], none)] for make in (first, later)]

    assert found == expected
    assert everything(together) == everything(alone)
    assert days(found[1][0]) == {DAY: (0, 1), date(2026, 3, 3): (0, 1), date(2026, 3, 5): (0, 0)}
    assert len(stored(together, "changed_days", "DISTINCT sequence")) < 8


def test_the_file_is_opened_once_for_commits_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of one location cannot share a transaction, so each has its own; and the last one closes the file."""
    warehouse = open_warehouse(tmp_path)
    opened: list[Path] = []
    monkeypatch.setattr(duckdb, "connect", counted(duckdb.connect, opened))
    none: list[list[SyncRun]] = [[] for _ in range(3)]
    for future in at_once(warehouse, [first(0)] * 3, none, [location(0)] * 3):
        future.result()

    assert opened == [warehouse.path]
    DuckDBWarehouse(warehouse.path, wait_seconds=0.0).rows("SELECT 1")


def test_whoever_waits_outside_has_the_file_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed after each of them, whatever waits in this process."""
    warehouse = open_warehouse(tmp_path)
    opened: list[Path] = []
    monkeypatch.setattr(duckdb, "connect", counted(duckdb.connect, opened))
    monkeypatch.setattr(kept, "someone_waits", lambda path: True)
    none: list[list[SyncRun]] = [[] for _ in range(3)]
    for future in at_once(warehouse, [first(0)] * 3, none, [location(0)] * 3):
        future.result()

    assert opened == [warehouse.path] * 3


def counted(connect: Callable[..., Any], opened: list[Path]) -> Callable[..., Any]:
    def counting(path: Path, **options: Any) -> Any:
        opened.append(path)
        return connect(path, **options)

    return counting


def test_one_commit_that_fails_fails_alone(tmp_path: Path) -> None:
    """Those that waited with it land all the same, whole, with their ledger rows."""
    warehouse = open_warehouse(tmp_path)
    runs = [[changes(number, number + 1)] for number in range(4)]
    spoilt = whole_day(DAY, 1)
    object.__setattr__(spoilt, "sync_id", None)  # the ledger's key: refused after the orders were merged
    runs[2] = [spoilt]
    futures = at_once(warehouse, [first(number) for number in range(4)], runs)

    with pytest.raises((RestaurantOSError, ValueError)):
        futures[2].result()
    assert [futures[number].result().added for number in (0, 1, 3)] == [1, 2, 4]
    assert len(stored(warehouse, "sync_runs", "sync_id")) == 3
    assert {name for (name,) in stored(warehouse, "fact_orders", "restaurant_guid")} == {location(n).toast_guid for n in (0, 1, 3)}


def test_commits_of_one_location_keep_their_order(tmp_path: Path) -> None:
    """Two commits of one location never share a transaction: each names its own changes."""
    warehouse = open_warehouse(tmp_path)
    one = location(0)
    with ThreadPoolExecutor(4) as pool:
        bodies = [[order("o", [check("c", [selection("a", 1.0 + version)])], version)] for version in range(4)]
        found = [future.result() for future in [pool.submit(land, warehouse, body, location=one) for body in bodies]]

    assert sum(done.added for done in found) == 1
    assert stored(warehouse, "fact_order_items", "item_price") == [(4,)]
    assert len(stored(warehouse, "changed_days", "DISTINCT sequence")) == 1 + sum(done.changed for done in found)


def test_two_warehouses_of_one_process_take_turns_at_the_file(tmp_path: Path) -> None:
    """As two calls that one instance of a function answers at once have them."""
    path = tmp_path / "shared.duckdb"
    warehouses = [DuckDBWarehouse(path) for _ in range(4)]

    def count(warehouse: DuckDBWarehouse) -> list[int]:
        return [warehouse.next_read(f"location-{n}") for n in range(6)]

    with ThreadPoolExecutor(max_workers=len(warehouses)) as pool:
        taken = list(pool.map(count, warehouses))

    assert [sorted(own[n] for own in taken) for n in range(6)] == [[1, 2, 3, 4]] * 6


def test_a_file_that_this_process_holds_too_long_is_a_clear_message(tmp_path: Path) -> None:
    """It is another part of this process that one waits for."""
    path = tmp_path / "held.duckdb"
    with DuckDBWarehouse(path)._open(), pytest.raises(LockedError, match=r"another part of this process holds the file; waited 0\.1 s"):
        DuckDBWarehouse(path, wait_seconds=0.1).rows("SELECT 1")
