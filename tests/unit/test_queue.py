"""Commits that wait for a warehouse together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from restaurant_os.errors import AwayError, WarehouseError
from restaurant_os.warehouse import Changes, Commit
from restaurant_os.warehouse.queue import CommitQueue

PLACES = ("one", "two", "three")


def commit(place: str) -> Commit:
    return Commit(dataset="orders", restaurant_guids=(place,), tables={})


def test_those_that_come_while_the_first_is_kept_land_with_it() -> None:
    landed: list[tuple[str, ...]] = []
    barrier = threading.Barrier(len(PLACES))

    def land(one: Commit) -> Changes:
        landed.append(tuple(sorted(one.restaurant_guids)))
        return Changes(dict.fromkeys(one.restaurant_guids, (1, 0)))

    queue = CommitQueue(land, gather_seconds=1.0)

    def bring(place: str) -> Changes:
        barrier.wait()
        return queue.commit(commit(place))

    with ThreadPoolExecutor(len(PLACES)) as pool:
        found = list(pool.map(bring, PLACES))
    assert landed == [tuple(sorted(PLACES))]
    assert [own.locations for own in found] == [{place: (1, 0)} for place in PLACES]


@pytest.mark.parametrize(("problem", "tried"), [(AwayError("away"), 1), (WarehouseError("a row of it"), 4)])
def test_a_warehouse_that_is_away_is_asked_once_for_all_and_a_fault_of_one_is_looked_for(problem: WarehouseError, tried: int) -> None:
    calls: list[int] = []

    def land(one: Commit) -> Changes:
        calls.append(len(one.restaurant_guids))
        raise problem

    queue = CommitQueue(land, gather_seconds=1.0)
    with ThreadPoolExecutor(len(PLACES)) as pool:
        outcomes = [pool.submit(queue.commit, commit(place)) for place in PLACES]
    assert [one.exception() for one in outcomes] == [problem] * len(PLACES)
    assert (calls[0], len(calls)) == (len(PLACES), tried)
