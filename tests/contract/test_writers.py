"""Writers at the same place at the same time, on every engine: each commit is whole, the newest version stands, and nobody hears of the others."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engines_stories import DAY, GUID, run_of
from engines_world import Engine
from ledger_world import changes
from orders_world import Json, check, order, orders_commit, payment, selection
from restaurant_os.settings import Location
from restaurant_os.warehouse import Changes, Commit

TESTS = Path(__file__).parents[1]
pytestmark = pytest.mark.timeout(300)


def place(number: int) -> Location:
    return Location(name=f"L{number}", toast_guid=f"aaaaaaaa-0000-4000-8000-{number:012d}", timezone="America/New_York")


def body(guid: str, version: int) -> Json:
    """A version of an order: as many lines as its number says, and one."""
    lines = [selection(f"{guid}-{n}", 1.0 + version) for n in range(1 + version)]
    return order(guid, [check(f"{guid}-c", lines, [payment(f"{guid}-p", 1.0)])], version)


def of(number: int, version: int) -> Commit:
    """A version of the order of a location."""
    run = run_of(changes(version, version + 1, location=place(number)), f"run-{number}-{version}")
    return orders_commit([body(f"o{number}", version)], location=place(number), runs=[run])


def at_once(engine: Engine, *turns: Sequence[Commit]) -> list[list[Changes]]:
    """Each list by a warehouse and a thread of its own, one commit after the other."""

    def work(commits: Sequence[Commit]) -> list[Changes]:
        warehouse = engine.open()
        return [warehouse.commit(commit) for commit in commits]

    engine.open().rows("SELECT 1")
    with ThreadPoolExecutor(len(turns)) as pool:
        return [future.result() for future in [pool.submit(work, commits) for commits in turns]]


def live(engine: Engine) -> list[tuple[Any, ...]]:
    """Of every order, its version as its lines tell it: their number and price."""
    where = "NOT is_deleted GROUP BY 1"
    return engine.stored("fact_order_items", "order_guid", "count(*)", "min(item_price)", "max(item_price)", where=where)


def test_writers_of_different_locations(engine: Engine) -> None:
    """All land; numbers are in the order of commits, so those of a location grow."""
    found = at_once(engine, *([of(number, 0), of(number, 1)] for number in range(3)))

    guids = [place(number).toast_guid for number in range(3)]
    assert found == [[Changes({guid: (1, 0)}, {(guid, DAY): (1, 0)}), Changes({guid: (0, 1)}, {(guid, DAY): (0, 1)})] for guid in guids]
    assert live(engine) == [(f"o{number}", 2, Decimal(2), Decimal(2)) for number in range(3)]
    noted = engine.stored("changed_days", "restaurant_guid", "sequence", "rows_added", "rows_changed")
    assert [(guid, added, changed) for guid, _, added, changed in noted] == [(guid, *own) for guid in guids for own in ((1, 0), (0, 1))]
    assert len(engine.stored("sync_runs", "sync_id")) == 6


def test_writers_of_one_location_with_versions_in_any_order(engine: Engine) -> None:
    """The newest stands, once; whatever each found when its turn came."""
    found = at_once(engine, [of(1, version) for version in (0, 3, 4)], [of(1, version) for version in (5, 2, 1)])

    assert live(engine) == [("o1", 6, Decimal(6), Decimal(6))]
    assert sum(own.added for changes in found for own in changes) == 1
    assert engine.stored("fact_orders", "count(*)") == [(1,)]
    said = {(added, changed) for added, changed in engine.stored("changed_days", "sum(rows_added)", "sum(rows_changed)")}
    assert said == {(1, sum(own.changed for changes in found for own in changes))}
    assert len(engine.stored("sync_runs", "sync_id")) == 6


def test_another_process_writes_beside(engine: Engine) -> None:
    """Of the same location and of another one."""
    engine.open().rows("SELECT 1")
    engine.close()
    given = pickle.dumps((engine.place, engine.bigquery, engine.now(), [of(1, 1), of(2, 0), of(1, 3)], None, None))
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(
        [sys.executable, str(TESTS / "engines_committing.py")], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as other:
        assert other.stdin
        other.stdin.write(given)
        other.stdin.close()
        other.stdin = None
        warehouse = engine.open()
        for version in (0, 2, 4):
            warehouse.commit(of(1, version))
        _, errors = other.communicate(timeout=120)

    assert (other.returncode, errors.decode()) == (0, "")
    assert live(engine) == [("o1", 5, Decimal(5), Decimal(5)), ("o2", 1, Decimal(1), Decimal(1))]


def test_eight_readers_at_once_have_eight_numbers(engine: Engine) -> None:
    """The read sequence of a location is never given twice."""
    warehouses = [engine.open() for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: warehouses[number % 2].next_read(GUID), range(8)))

    assert sorted(taken) == list(range(1, 9))


def test_answers_are_of_one_instant(engine: Engine) -> None:
    """Asked while another writes: never the order of one commit without its ledger row, nor the other way round."""
    reader, writer = engine.open(), engine.open()
    writer.commit(of(0, 0))
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [writer.commit(of(number, 0)) for number in range(1, 4)])
        while not writing.done():
            [[(orders,)], [(runs,)], [(days,)]] = reader.answers(
                ("SELECT count(*) FROM fact_orders", ()), ("SELECT count(*) FROM sync_runs", ()), ("SELECT count(*) FROM changed_days", ())
            )
            seen.add((orders, runs, days))
        writing.result()

    assert all(orders == runs == days for orders, runs, days in seen), seen
    assert reader.rows("SELECT count(*) FROM fact_orders") == [(4,)]
