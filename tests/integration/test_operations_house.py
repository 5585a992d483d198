"""One suite for both stores: keys, jobs by lease, wishes, retention, and bringing a store forward."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from operations_world import World, world_at
from restaurant_os.errors import OperationsError
from restaurant_os.operations import Key, Purged, Settled, schema

DAY = timedelta(days=1)


@pytest.fixture
def world(operations_place: Path | str) -> Iterator[World]:
    with world_at(operations_place) as world:
        yield world


# --- keys ---------------------------------------------------------------------------------------------------------


def test_keys_are_listed_oldest_first_and_revoked_once(world: World) -> None:
    start = world.now()
    new = Key("k2", "till", ("read", "write"), "bb", start)
    old = Key("k1", "büro", ("read",), "aa", start - DAY)
    for key in (new, old):
        world.store.add_key(key)
    assert world.store.keys() == [old, new]
    assert [world.store.revoke_key(key_id, start) for key_id in ("k1", "k1", "none")] == [True, False, False]
    assert world.store.keys() == [replace(old, revoked_at=start), new]
    with pytest.raises(OperationsError):
        world.store.add_key(replace(new, name="other"))
    assert world.store.keys() == [replace(old, revoked_at=start), new]


# --- jobs ---------------------------------------------------------------------------------------------------------


def test_a_job_is_one_owners_at_a_time_and_is_done_once(world: World) -> None:
    due = world.now().replace(microsecond=0)
    run = world.store.begin_job("orders", due, "first", 100)
    assert run
    assert (run.job, run.due, run.owner, run.fence, run.finished_at, run.error) == ("orders", due, "first", 1, None, "")
    assert world.store.begin_job("orders", due, "second", 100) is None
    assert world.store.begin_job("orders", due, "first", 100) is None
    assert world.store.renew_job(run, 100)
    assert world.store.end_job(run, "no answer\nfrom Toast")
    assert [world.store.end_job(run), world.store.renew_job(run, 100)] == [False, False]
    world.turn(seconds=300)
    assert world.store.begin_job("orders", due, "second", 100) is None
    [last] = world.store.job_runs()
    assert last.finished_at
    assert last == replace(run, finished_at=last.finished_at, error="no answer from Toast")


def test_a_job_whose_lease_ran_out_is_taken_over_and_its_first_owner_is_told(world: World) -> None:
    due = world.now()
    first = world.store.begin_job("cash", due, "first", 100)
    world.turn(seconds=60)
    assert first
    assert world.store.renew_job(first, 100)
    world.turn(seconds=60)
    assert world.store.begin_job("cash", due, "second", 100) is None
    world.turn(seconds=60)
    second = world.store.begin_job("cash", due, "second", 100)
    assert second
    assert second.fence == first.fence + 1
    assert [world.store.renew_job(first, 100), world.store.end_job(first, "late")] == [False, False]
    assert world.store.end_job(second)
    [last] = world.store.job_runs()
    assert (last.owner, last.fence, last.error, last.started_at) == ("second", 2, "", second.started_at)


def test_an_owner_who_is_late_but_was_not_overtaken_goes_on(world: World) -> None:
    run = world.store.begin_job("labor", world.now(), "slow", 10)
    world.turn(seconds=60)
    assert run
    assert [world.store.renew_job(run, 10), world.store.end_job(run)] == [True, True]


def test_a_job_is_one_thing_at_a_time_and_goes_forward(world: World) -> None:
    """A later due time waits for the run of an earlier one, and closes one that was left; an earlier one is not begun after it."""
    due = world.now()
    first = world.store.begin_job("orders", due, "first", 100)
    assert world.store.begin_job("orders", due + DAY, "second", 100) is None
    world.turn(seconds=101)
    second = world.store.begin_job("orders", due + DAY, "second", 100)
    assert (first and second) is not None
    assert [world.store.renew_job(first, 100), world.store.end_job(first)] == [False, False] if first else True
    assert world.store.begin_job("orders", due, "third", 100) is None
    assert world.store.renew_job(second, 0) if second else False
    third = world.store.begin_job("orders", due + DAY, "third", 100)
    assert third
    assert (third.owner, third.fence) == ("third", 2)


def test_of_many_who_begin_a_job_one_has_it(world: World) -> None:
    due = world.now()
    stores = [world.store, world.open()]
    won: list[str] = []

    def begin(number: int) -> None:
        run = stores[number % 2].begin_job("orders", due, f"w{number}", 100)
        won.extend([run.owner] if run else [])

    threads = [threading.Thread(target=begin, args=[number]) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_the_last_run_of_each_job_by_name(world: World) -> None:
    due = world.now()
    for job, back in (("orders", 2), ("cash", 5), ("orders", 1), ("orders", 0)):
        world.store.begin_job(job, due - back * DAY, "w", 100)
        world.turn(seconds=101)
    assert [(run.job, run.due) for run in world.store.job_runs()] == [("cash", due - 5 * DAY), ("orders", due)]


# --- wishes -------------------------------------------------------------------------------------------------------


def test_a_wish_is_kept_from_when_it_was_first_made_until_it_is_granted(world: World) -> None:
    first = world.now()
    for dataset, location, later in (("orders", "north", 0), ("orders", "north", 5), ("config", "", 3)):
        world.store.want(dataset, location, first + timedelta(seconds=later))
    assert world.store.wanted() == [("orders", "north", first), ("config", "", first + timedelta(seconds=3))]
    world.store.granted("config", "", first + timedelta(seconds=3))
    world.store.granted("cash", "north", first)
    assert world.store.wanted() == [("orders", "north", first)]


def test_a_wish_that_was_made_again_outlives_the_poll_of_the_first(world: World) -> None:
    first = world.now()
    second = first + timedelta(seconds=5)
    world.store.want("orders", "north", first)
    world.store.want("orders", "north", second)
    world.store.granted("orders", "north", first)
    assert world.store.wanted() == [("orders", "north", second)]
    world.store.granted("orders", "north", second)
    assert world.store.wanted() == []


# --- retention ----------------------------------------------------------------------------------------------------


def settled_world(world: World) -> dict[str, int]:
    """Events of one location, settled now: two done, one in quarantine, one failed, one claimed, one that waits."""
    names = ["done", "bad", "failed", "claimed", "waiting", "last"]
    kept = dict(zip(names, world.sequences(*names), strict=True))
    world.claimed("w", seconds=10**8)
    outcomes = [Settled(kept["done"], "done"), Settled(kept["bad"], "quarantined", "x"), Settled(kept["last"], "done")]
    world.store.settle("w", [*outcomes, Settled(kept["failed"], "failed", "x"), Settled(kept["waiting"], "again")])
    return kept


def test_what_retention_takes_and_when(world: World) -> None:
    kept = settled_world(world)
    now = world.now()
    assert world.store.purge(now + 6.9 * DAY) == Purged(0, 0, 0, 0)
    assert world.store.purge(now + 7.1 * DAY) == Purged(bodies=1, events=1, quarantined=0, jobs=0)  # the last of its location stays
    assert world.store.purge(now + 89.9 * DAY) == Purged(0, 0, 0, 0)
    assert world.store.purge(now + 90.1 * DAY) == Purged(0, 0, quarantined=1, jobs=0)
    assert world.store.purge(now + 4000 * DAY) == Purged(0, 0, 0, 0)
    state = world.store.inbox()
    assert (state.pending, state.claimed, state.quarantined, list(state.received)) == (2, 1, 0, ["north"])
    events = world.store.claim("v", most=9, most_bytes=99, seconds=9)
    assert [(event.sequence, event.arrival.body) for event in events] == [(kept["failed"], b"{}"), (kept["waiting"], b"{}")]


def test_an_event_is_known_for_two_days_though_its_body_goes_at_once(operations_place: Path | str) -> None:
    with world_at(operations_place, done_days=0, quarantine_days=1) as world:
        kept = settled_world(world)
        now = world.now()
        assert world.store.purge(now + 0.1 * DAY) == Purged(bodies=2, events=0, quarantined=0, jobs=0)
        assert world.store.purge(now + 1.9 * DAY) == Purged(0, 0, 0, 0)
        assert [(one.sequence, one.is_known) for one in world.accept(world.arrival("done"), world.arrival("bad"))] == [
            (kept["done"], True),
            (kept["bad"], True),
        ]
        assert world.store.purge(now + 2.1 * DAY) == Purged(bodies=0, events=1, quarantined=1, jobs=0)
        assert [one.is_known for one in world.accept(world.arrival("done"), world.arrival("bad"))] == [False, False]


def test_old_job_runs_go_but_the_last_of_each_and_what_was_not_ended(world: World) -> None:
    now = world.now()
    for job, back in (("orders", 2), ("orders", 1), ("cash", 1), ("labor", 1)):
        run = world.store.begin_job(job, now - back * DAY, "w", 100)
        assert run
        assert job == "labor" or world.store.end_job(run)
    assert world.store.purge(now + 29 * DAY).jobs == 0
    assert world.store.purge(now + 31 * DAY).jobs == 1
    assert [(run.job, run.due) for run in world.store.job_runs()] == [(job, now - DAY) for job in ("cash", "labor", "orders")]


def test_retention_takes_many_events_in_several_commits(world: World) -> None:
    world.accept(*(world.arrival() for _ in range(1_201)))
    while claimed := world.claimed(most=500):
        world.store.settle("worker", [Settled(one, "done") for one in claimed])
    assert world.store.purge(world.now() + 8 * DAY) == Purged(bodies=1, events=1_200, quarantined=0, jobs=0)


# --- opening ---


def test_stores_that_open_a_new_place_at_the_same_time_all_get_it(world: World) -> None:
    problems: list[Exception] = []

    def begin() -> None:
        try:
            world.open()
        except OperationsError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (problems, len(world.stores), len(world.sequences("a"))) == ([], 6, 1)


def test_a_store_of_an_earlier_version_is_brought_forward_and_keeps_what_it_has(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = world.sequences("a")
    world.close()
    monkeypatch.setattr(
        schema, "STEPS", (*schema.STEPS, "ALTER TABLE ops_inbox ADD COLUMN note TEXT", "CREATE TABLE ops_new (a {integer})")
    )
    world.open()
    world.open()
    assert world.claimed() == kept
    world.close()
    monkeypatch.undo()
    with pytest.raises(OperationsError, match="is of version 4; this restaurant-os knows versions up to 2"):
        world.open()


def test_a_step_forward_that_fails_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = world.sequences("a")
    world.close()
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, "CREATE TABLE ops_new (a {integer})", "DROP TABLE ops_not_there"))
    with pytest.raises(OperationsError, match="ops_not_there"):
        world.open()
    monkeypatch.undo()
    assert (world.claimed(), world.sequences("a")) == (kept, kept)
