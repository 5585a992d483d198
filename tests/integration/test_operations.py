"""One suite for both stores: what the inbox, keys, jobs, wishes and retention do is the same on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from operations_world import World, together, world_at
from restaurant_os.boundaries import watch
from restaurant_os.errors import FullError, OperationsError
from restaurant_os.operations import Arrival, Quarantined, Settled

DAY = timedelta(days=1)


@pytest.fixture
def world(operations_place: Path | str) -> Iterator[World]:
    with world_at(operations_place) as world:
        yield world


# --- keeping ------------------------------------------------------------------------------------------------------


def test_an_event_is_claimed_as_it_was_given(world: World) -> None:
    given = Arrival(
        source="summary",
        kind="sales",
        location="Nörth 🍕",
        body=bytes(range(256)),
        received_at=world.now(),
        event_id="e-1",
        headers={"Toast-Event-Type": "x", "odd": 'quote " \n é'},
    )
    [receipt] = world.accept(given)
    [event] = world.store.claim("w", most=10, most_bytes=1000, seconds=60)
    assert (event.arrival, event.attempts, event.sequence) == (given, 0, receipt.sequence)


def test_a_known_event_gets_the_first_ones_receipt_and_is_kept_once(world: World) -> None:
    first = world.sequences("a", "b")
    again = world.accept(world.arrival("b", body=b"other"), world.arrival("c"), world.arrival("a"))
    assert [(one.sequence in first, one.is_known) for one in again] == [(True, True), (False, False), (True, True)]
    assert [again[2].sequence, again[0].sequence, again[1].sequence] == world.claimed()


def test_two_of_one_event_in_one_commit_are_one(world: World) -> None:
    receipts = world.accept(*(world.arrival("same") for _ in range(50)))
    assert ({one.sequence for one in receipts}, [one.is_known for one in receipts].count(False)) == (set(world.claimed()), 1)


def test_an_event_of_another_source_or_without_an_id_is_never_known(world: World) -> None:
    receipts = world.accept(world.arrival("a"), world.arrival("a", source="summary"), world.arrival(), world.arrival())
    assert [one.is_known for one in receipts] == [False] * 4
    assert sorted(one.sequence for one in receipts) == world.claimed()


def test_sequences_grow_over_everything_that_was_ever_kept(world: World) -> None:
    sequences = [world.sequences(f"e{number}")[0] for number in range(5)]
    world.close()
    sequences += world.sequences("after")
    assert sequences == sorted(set(sequences))


def test_text_that_a_database_cannot_hold_costs_no_event(world: World) -> None:
    odd = world.arrival("id\0 \ud800", location="l\0c", kind="k\ud800", headers={"h": "\0\ud800"})
    receipts = world.accept(world.arrival("before"), odd, odd, world.arrival("x" * 100_000), world.arrival("x" * 100_000))
    assert [one.is_known for one in receipts] == [False, False, True, False, True]
    [_, event, long] = world.store.claim("w", most=10, most_bytes=1000, seconds=60)
    assert (event.arrival.location, event.arrival.kind, event.arrival.headers) == ("l�c", "k?", {"h": "\0\ud800"})
    assert (long.arrival.event_id or "")[:7] == "sha256:"


def test_a_location_of_any_length_costs_no_event(world: World) -> None:
    world.accept(world.arrival("a", location="".join(chr(0x4E00 + n % 20_000) for n in range(60_000))))
    assert len(world.claimed()) == 1


def test_one_that_is_at_fault_costs_no_other_of_its_commit(world: World) -> None:
    """A number beyond 64 bits cannot be stored; the rest of the commit is."""
    far = replace(world.arrival("bad"), headers={b"no json": 1})  # type: ignore[dict-item]

    async def all_of_them() -> list[object]:
        events = [world.arrival(f"e{number}") for number in range(20)]
        return await asyncio.gather(*map(world.store.accept, [*events[:10], far, *events[10:]]), return_exceptions=True)

    answers = asyncio.run(all_of_them())
    assert [isinstance(one, OperationsError) for one in answers] == [False] * 10 + [True] + [False] * 10
    assert len(world.claimed()) == 20


def test_a_cancelled_request_stops_no_commit_and_no_other_request(world: World) -> None:
    async def requests() -> int:
        tasks = [asyncio.create_task(world.store.accept(world.arrival(f"e{number}"))) for number in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(one, asyncio.CancelledError) for one in answers)

    assert asyncio.run(requests()) == 5
    assert len(world.claimed()) == 10


def test_event_loops_of_several_threads_share_the_store(world: World) -> None:
    store = world.store
    kept: list[int] = []

    def serve(name: int) -> None:
        kept.extend(one.sequence for one in together([store.accept(world.arrival(f"{name}-{n}")) for n in range(40)]))

    threads = [threading.Thread(target=serve, args=[name]) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == world.claimed(most=500)
    assert len(set(kept)) == 160


def test_a_loop_that_ended_before_its_answer_harms_nobody(world: World) -> None:
    store = world.store
    loop = asyncio.new_event_loop()
    task = loop.create_task(store.accept(world.arrival("left")))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert len(world.sequences("next")) == 1


def test_a_full_queue_refuses_and_says_when_to_come_again(operations_place: Path | str) -> None:
    with world_at(operations_place, queue_events=3) as world:
        held, go_on = threading.Event(), threading.Event()

        def hold(boundary: str, side: str) -> None:
            held.set()
            go_on.wait(30)

        watch(hold)
        try:

            async def requests() -> list[object]:
                tasks = [asyncio.create_task(world.store.accept(world.arrival(f"e{number}"))) for number in range(5)]
                await asyncio.sleep(0)
                await asyncio.to_thread(held.wait, 30)
                go_on.set()
                return await asyncio.gather(*tasks, return_exceptions=True)

            answers = asyncio.run(requests())
        finally:
            watch(None)
        refused = [one for one in answers if isinstance(one, FullError)]
        assert (len(refused), refused[0].retry_after) == (2, 1.0)
        assert len(world.sequences("later")) == 1
        assert len(world.claimed()) == 4


def test_bodies_beyond_the_queues_bytes_are_refused(operations_place: Path | str) -> None:
    with world_at(operations_place, queue_mib=8) as world:

        async def requests() -> list[object]:
            big = [world.store.accept(world.arrival(f"e{number}", body=bytes(5 * 2**20))) for number in range(2)]
            return await asyncio.gather(*big, return_exceptions=True)

        answers = asyncio.run(requests())
        assert [isinstance(one, FullError) for one in answers] == [False, True]


def test_a_closed_store_has_kept_what_it_took_and_takes_no_more(world: World) -> None:
    store = world.store

    async def take_and_close() -> None:
        tasks = [asyncio.create_task(store.accept(world.arrival(f"e{number}"))) for number in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(store.close)
        await asyncio.gather(*tasks)
        with pytest.raises(OperationsError, match="closed"):
            await store.accept(world.arrival("late"))

    asyncio.run(take_and_close())
    world.stores.clear()
    assert len(world.claimed()) == 20


# --- stores that no location names --------------------------------------------------------------------------------


def test_so_many_stores_are_admitted_and_stay_so(world: World) -> None:
    asked = ["a", "b", "a", "c", "b"]
    assert [together([world.store.admit(one, 2)]) for one in asked] == [[True], [True], [True], [False], [True]]
    world.close()
    assert [together([world.store.admit(one, 2)]) for one in asked] == [[True], [True], [True], [False], [True]]


def test_the_last_place_is_given_once(world: World) -> None:
    stores = [world.store, world.open(), world.open()]
    assert sum(together([store.admit(f"s{number}", 7) for number, store in enumerate(stores * 8)])) == 7


# --- claiming and settling ----------------------------------------------------------------------------------------


def test_the_oldest_are_claimed_first_within_both_bounds(world: World) -> None:
    kept = [one.sequence for one in world.accept(*(world.arrival(body=bytes(size)) for size in (10, 10, 100, 10)))]

    def claim(most: int, most_bytes: int) -> list[int]:
        return [one.sequence for one in world.store.claim("w", most=most, most_bytes=most_bytes, seconds=600)]

    assert [claim(1, 1000), claim(5, 109), claim(5, 50), claim(5, 50), claim(5, 50)] == [kept[:1], kept[1:2], kept[2:3], kept[3:], []]


def test_a_claim_is_its_owners_alone_until_it_runs_out_and_then_nobodys(world: World) -> None:
    [one] = world.sequences("a")
    assert (world.claimed("first", seconds=100), world.claimed("second")) == ([one], [])
    world.turn(seconds=101)
    assert (world.store.settle("first", [Settled(one, "done")]), world.store.renew_claims("first", 100)) == (0, 0)
    [event] = world.store.claim("second", most=1, most_bytes=1, seconds=100)
    assert (event.sequence, event.attempts) == (one, 0)
    assert world.store.settle("second", [Settled(one, "done")]) == 1


def test_claims_are_kept_by_renewing_and_given_back_by_release(world: World) -> None:
    kept = world.sequences("a", "b")
    world.claimed("first", seconds=100)
    world.turn(seconds=60)
    assert world.store.renew_claims("first", 100) == 2
    world.turn(seconds=60)
    assert (world.claimed("second"), world.store.release("second"), world.store.release("first")) == ([], 0, 2)
    assert [(e.sequence, e.attempts) for e in world.store.claim("second", most=9, most_bytes=99, seconds=9)] == [(one, 0) for one in kept]


def test_each_outcome_in_one_commit(world: World) -> None:
    done, failed, again, bad, mine = world.sequences("done", "failed", "again", "bad", "mine")
    world.claimed("w", most=4)
    later = world.now() + timedelta(seconds=300)
    settled = [
        Settled(done, "done"),
        Settled(failed, "failed", "no time", later),
        Settled(again, "again", "warehouse away", later),
        Settled(bad, "quarantined", "no guid\nat all"),
        Settled(mine, "done"),
        Settled(10**6, "done"),
    ]
    assert world.store.settle("w", settled) == 4
    assert world.store.settle("w", settled) == 0
    state = world.store.inbox()
    assert (state.pending, state.claimed, state.quarantined) == (3, 0, 1)
    assert world.claimed("v") == [mine]
    world.turn(seconds=301)
    assert [(e.sequence, e.attempts) for e in world.store.claim("v", most=9, most_bytes=99, seconds=9)] == [(failed, 1), (again, 0)]
    [row] = world.store.quarantined()
    assert (row.sequence, row.kind, row.location, row.attempts, row.reason) == (bad, "order_updated", "north", 0, "no guid at all")


def test_a_quarantined_event_is_replayed_as_if_new(world: World) -> None:
    kept = world.sequences("a", "b", "c")
    for _ in range(2):
        world.claimed("w")
        world.store.settle("w", [Settled(one, "failed", "x") for one in kept])
    world.claimed("w")
    world.store.settle("w", [Settled(kept[0], "done"), *(Settled(one, "quarantined", "x") for one in kept[1:])])
    assert [row.attempts for row in world.store.quarantined()] == [2, 2]
    assert world.store.quarantined(1) == world.store.quarantined()[:1]
    assert [world.store.replay(kept[:2]), world.store.replay(), world.store.replay(), world.store.replay([])] == [1, 1, 0, 0]
    events = world.store.claim("w", most=9, most_bytes=99, seconds=9)
    assert [(e.sequence, e.attempts, e.arrival.body) for e in events] == [(one, 0, b"{}") for one in kept[1:]]


def test_the_state_of_the_inbox(world: World) -> None:
    start = world.now()
    ages = [("south", 5), ("north", 3), ("", 9), ("north", 1), ("east", 2)]
    kept = world.accept(*(world.arrival(location=place, received_at=start - age * DAY) for place, age in ages))
    world.claimed("w", most=1)
    world.store.claim("v", most=1, most_bytes=99, seconds=1)
    world.turn(seconds=5)
    world.store.settle("w", [Settled(kept[0].sequence, "quarantined", "x")])
    state = world.store.inbox()
    assert (state.pending, state.claimed, state.quarantined, state.oldest_pending_at) == (4, 0, 1, start - 9 * DAY)
    assert state.received == {"south": start - 5 * DAY, "north": start - DAY, "east": start - 2 * DAY}


def test_an_empty_inbox(world: World) -> None:
    state = world.store.inbox()
    assert (state.pending, state.claimed, state.quarantined, state.oldest_pending_at, state.received) == (0, 0, 0, None, {})
    assert (world.claimed(), world.store.quarantined()) == ([], [])


def test_two_who_claim_at_the_same_time_never_get_the_same_event(world: World) -> None:
    kept = [one.sequence for one in world.accept(*(world.arrival() for _ in range(200)))]
    stores = [world.store, world.open()]
    got: dict[int, list[int]] = {0: [], 1: []}

    def work(own: int) -> None:
        while claimed := stores[own].claim(f"w{own}", most=7, most_bytes=10**6, seconds=600):
            got[own] += [event.sequence for event in claimed]
            assert stores[own].settle(f"w{own}", [Settled(event.sequence, "done") for event in claimed]) == len(claimed)

    threads = [threading.Thread(target=work, args=[own]) for own in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got[0] + got[1]) == kept


# --- waking -------------------------------------------------------------------------------------------------------


def waited(world: World, seconds: float) -> float:
    began = time.monotonic()
    world.store.await_events(seconds)
    return time.monotonic() - began


def test_waiting_ends_at_once_with_an_event_that_came_before_or_comes_meanwhile(world: World) -> None:
    world.sequences("before")
    assert waited(world, 60) < 30
    world.claimed()
    came = threading.Timer(0.1, lambda: world.sequences("now"))
    came.start()
    assert waited(world, 60) < 30
    came.join()
    assert len(world.claimed()) == 1


def test_waiting_ends_with_an_event_of_another_store_and_with_a_claim_that_ran_out(world: World) -> None:
    other = world_at(world.place)
    with other as there:
        world.claimed()
        there.sequences("there")
        assert waited(world, 60) < 30
        there.claimed("there", seconds=100)
    world.claimed()
    world.turn(seconds=101)
    assert waited(world, 60) < 30
    assert len(world.claimed()) == 1


def test_waiting_without_any_event_ends_in_time(world: World) -> None:
    world.claimed()
    assert 0.2 <= waited(world, 0.2) < 30


# --- boundaries ---------------------------------------------------------------------------------------------------


def test_each_commit_crosses_its_boundary_and_one_that_changes_nothing_crosses_none(world: World) -> None:
    seen: list[tuple[str, str, int]] = []
    other = world_at(world.place)
    with other as there:
        watch(lambda boundary, side: seen.append((boundary, side, there.store.inbox().claimed)))
        try:
            world.claimed()
            [one] = world.sequences("a")
            world.sequences("a")
            world.claimed("w")
            world.store.settle("v", [Settled(one, "done")])
            world.store.settle("w", [Settled(one, "done")])
        finally:
            watch(None)
    assert seen == [
        ("accept", "before", 0),
        ("accept", "after", 0),
        ("claim", "before", 0),
        ("claim", "after", 1),
        ("finish", "before", 1),
        ("finish", "after", 0),
    ]


def test_quarantined_rows_are_whole(world: World) -> None:
    arrival = world.arrival("a", kind="in_stock", location="south")
    [receipt] = world.accept(arrival)
    world.claimed("w")
    world.store.settle("w", [Settled(receipt.sequence, "quarantined", "why")])
    assert world.store.quarantined() == [Quarantined(receipt.sequence, "toast", "in_stock", "south", arrival.received_at, 0, "why")]
