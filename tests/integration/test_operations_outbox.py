"""One suite for both stores: deliveries are kept, claimed, ended and waited for alike on SQLite and on Postgres."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deliveries_world import DAY, DISCORD, MINUTE, SLACK, START, at_once, claimed, delivery, incident, kept, titles
from operations_world import World, world_at
from restaurant_os.alerting import DeliveryState, Message, Record


@pytest.fixture
def world(operations_place: Path | str) -> Iterator[World]:
    with world_at(operations_place) as world:
        yield world


ALL_OF_A_MESSAGE = Message(
    kind="worse",
    title="Labor",
    text="It is high.",
    fields=(("a", "b"),),
    lists=(("Why", ("one", "two")), ("Else", ())),
    suggestion="could",
    link="https://x.test/v1/incidents/1",
    footer="14:05",
    level="note",
)


# --- deliveries on their way in -----------------------------------------------------------------------------------


def test_a_delivery_is_listed_as_it_was_recorded_the_newest_first(world: World) -> None:
    first = replace(delivery("k1", group="g"), message=ALL_OF_A_MESSAGE)
    second = delivery("k2", channel="discord", is_edit=True, created_at=START + MINUTE, ready_at=START + DAY)
    found = kept(world.store, first, second)
    assert found == [replace(second, delivery_id=found[0].delivery_id), replace(first, delivery_id=found[1].delivery_id)]
    assert found[0].delivery_id > found[1].delivery_id > 0
    assert world.store.deliveries(most=1) == found[:1]


def test_a_key_that_its_channel_knows_is_not_kept_again(world: World) -> None:
    store = world.store
    first = kept(store, delivery("a"), delivery("a", "again"), delivery("a", channel="discord"))
    assert [(own.channel, own.message.title) for own in first] == [("discord", "a"), ("slack", "a")]
    store.end_delivery(replace(claimed(store), state="sent"), "w")
    found = kept(store, delivery("a", "third"), delivery("b"), delivery("k" * 5_000), delivery("k" * 5_000, "again"))
    assert titles(found) == ["k" * 5_000, "b", "a", "a"]


def test_a_newer_message_takes_the_place_of_one_of_its_group_that_waits(world: World) -> None:
    store = world.store
    [first] = kept(store, delivery("a", group="g"))
    [second] = kept(store, delivery("b", group="g", created_at=START + MINUTE, ready_at=START + 2 * MINUTE))
    assert second == replace(first, key="b", message=Message(kind="opened", title="b"), ready_at=START + 2 * MINUTE)
    others = [delivery("c", group="g", channel="discord"), delivery("d", group="h"), delivery("e"), delivery("f")]
    assert titles(kept(store, *others)) == ["f", "e", "d", "c", "b"]


def test_what_waits_of_an_incident_goes_when_it_is_muted_and_stays_while_it_tells_of_another(world: World) -> None:
    store = world.store
    one, other = incident("one"), incident("other")
    group = one.group
    assert store.record(Record(incidents=(one, other), deliveries=(delivery("a", group=group), delivery("b", group="else"))))
    for muted, left in ((one, ["b", "a"]), (other, ["b"])):
        [known] = store.find_incidents([muted.incident_id])
        assert store.record(Record(incidents=(replace(known, muted_until=START + DAY),)))
        assert titles(store.deliveries()) == left


def test_of_two_in_one_record_the_later_one_is_told(world: World) -> None:
    assert titles(kept(world.store, delivery("a", group="g"), delivery("b", group="g"))) == ["b"]


@pytest.mark.parametrize(
    ("waits", "newer", "is_edit", "ready"),
    [(False, False, False, 5), (False, True, False, 60), (True, False, False, 5), (True, True, True, 5)],
    ids=["new then new", "new then edit", "edit then new", "edit then edit"],
)
def test_a_message_nobody_was_told_stays_new_and_an_edit_does_not_hasten_it(
    world: World, waits: bool, newer: bool, is_edit: bool, ready: int
) -> None:
    """An edit is ready by night too; the new message whose place it takes rings, and waits for the end of the quiet hours."""
    first = delivery("a", group="g", is_edit=waits, ready_at=START + 60 * MINUTE)
    second = delivery("b", group="g", is_edit=newer, ready_at=START + 5 * MINUTE)
    [found] = kept(world.store, first, second)
    assert (found.key, found.is_edit, found.ready_at) == ("b", is_edit, START + ready * MINUTE)


def test_one_that_is_only_to_take_a_place_is_kept_where_there_is_one(world: World) -> None:
    store = world.store
    later = delivery("b", group="g", is_edit=True, only_in_place=True)
    assert kept(store, later, delivery("c", is_edit=True, only_in_place=True)) == []
    kept(store, delivery("a", group="g"))
    [found] = kept(store, later)
    assert (found.key, found.is_edit) == ("b", False)
    sending = claimed(store)
    assert len(kept(store, replace(later, key="d"))) == 2
    assert store.end_delivery(replace(sending, state="pending", attempts=1), "w")
    assert [(own.key, own.is_edit) for own in store.deliveries()] == [("d", False)]
    assert store.end_delivery(replace(claimed(store), state="sent"), "w")
    assert titles(kept(store, replace(later, key="e"))) == ["b"]


def test_what_is_only_to_take_a_place_leaves_a_recovery_that_nobody_else_would_tell(world: World) -> None:
    back = replace(delivery("a", group="g"), message=Message(kind="recovered", title="back"))
    assert titles(kept(world.store, back)) == ["back"]
    assert titles(kept(world.store, delivery("b", group="g", is_edit=True, only_in_place=True))) == ["back"]


def test_one_that_failed_and_waits_again_is_replaced_as_if_never_tried(world: World) -> None:
    store = world.store
    kept(store, delivery("a", group="g"))
    failed = replace(claimed(store), state="pending", attempts=3, error="no answer", is_repeated=True, ready_at=START + DAY)
    assert store.end_delivery(failed, "w")
    assert store.deliveries() == [failed]
    [found] = kept(store, delivery("b", group="g"))
    assert found == delivery("b", group="g", delivery_id=failed.delivery_id)


def test_an_edit_in_the_place_of_a_new_message_that_may_have_arrived_may_be_a_repeat(world: World) -> None:
    store = world.store
    kept(store, delivery("a", group="g"))
    assert store.end_delivery(replace(claimed(store), state="pending", attempts=1, is_repeated=True), "w")
    [found] = kept(store, delivery("b", group="g", is_edit=True))
    assert (found.key, found.is_edit, found.is_repeated) == ("b", False, True)
    [found] = kept(store, delivery("c", group="g"))
    assert (found.key, found.is_edit, found.is_repeated) == ("c", False, False)


def test_one_that_is_being_sent_is_not_replaced_but_gives_way_when_it_fails(world: World) -> None:
    """Tried again after the newer one it would say what was once."""
    store = world.store
    kept(store, delivery("a", group="g"))
    sending = claimed(store)
    newer = delivery("b", group="g", is_edit=True, created_at=START + MINUTE, ready_at=START + MINUTE)
    assert titles(kept(store, newer)) == ["b", "a"]
    assert store.claim_delivery(SLACK, "v", 600) is None
    assert store.end_delivery(replace(sending, state="pending", attempts=1, error="no", ready_at=START + 9 * MINUTE), "w")
    [found] = store.deliveries()
    told = delivery("b", group="g", delivery_id=sending.delivery_id, ready_at=START + 9 * MINUTE, attempts=1, error="no")
    assert found == told


def test_what_was_sent_or_is_dead_is_not_replaced(world: World) -> None:
    store = world.store
    ends: list[tuple[str, DeliveryState]] = [("a", "sent"), ("b", "dead")]
    for key, state in ends:
        kept(store, delivery(key, group="g"))
        assert store.end_delivery(replace(claimed(store), state=state), "w")
    assert titles(kept(store, delivery("c", group="g"))) == ["c", "b", "a"]


# --- and out ------------------------------------------------------------------------------------------------------


def test_the_oldest_that_is_ready_of_the_channels_given_is_claimed(world: World) -> None:
    store, now = world.store, world.now()
    later = delivery("later", created_at=START - 2 * DAY, ready_at=now + 1_000 * MINUTE)
    kept(
        store, later, delivery("new", created_at=START + MINUTE), delivery("old"), delivery("d", channel="discord", created_at=START - DAY)
    )
    assert [store.claim_delivery([], "w", 9), store.claim_delivery(["mail"], "w", 9)] == [None, None]
    for key in ("old", "new"):
        assert claimed(store).key == key
        assert store.claim_delivery(SLACK, "v", 600) is None
        assert store.end_delivery(replace(next(own for own in store.deliveries() if own.key == key), state="sent"), "w")
    assert store.claim_delivery(SLACK, "w", 600) is None
    assert claimed(store, [*SLACK, *DISCORD]).key == "d"
    world.turn(minutes=1_001)
    assert claimed(store, [*SLACK, *DISCORD]).key == "later"


def test_a_claim_is_committed_and_seen_by_all(world: World) -> None:
    [given] = kept(world.store, delivery("a", group="g"))
    found = claimed(world.store)
    assert found == replace(given, state="sending")
    world.close()
    assert world.store.deliveries() == [found]


def test_a_channel_sends_one_message_at_a_time(world: World) -> None:
    stores = [world.store, world.open()]
    kept(stores[0], *(delivery(f"{channel} {number}", channel=channel) for channel in ("slack", "discord") for number in range(3)))
    assert [claimed(stores[0], [*SLACK, *DISCORD]).key, claimed(stores[1], [*SLACK, *DISCORD], "v").key] == ["slack 0", "discord 0"]
    assert [store.claim_delivery([*SLACK, *DISCORD], "u", 600) for store in stores] == [None, None]


def test_two_who_claim_at_the_same_time_never_have_the_same_delivery_nor_the_same_channel(world: World) -> None:
    channels = ["a", "b", "c"]
    stores = [world.store, world.open()]
    kept(stores[0], *(delivery(f"{number}", channel=channels[number % 3]) for number in range(24)))
    sending: list[str] = []
    sent: list[str] = []
    trouble: list[str] = []

    def work(number: int) -> None:
        owner, until = f"w{number}", time.monotonic() + 60
        while len(sent) < 24 and time.monotonic() < until:
            if found := stores[number % 2].claim_delivery(channels, owner, 600):
                trouble.extend([found.key] if found.channel in sending or found.key in sent else [])
                sending.append(found.channel)
                sent.append(found.key)
                sending.remove(found.channel)
                assert stores[number % 2].end_delivery(replace(found, state="sent"), owner)

    at_once(*(lambda number=number: work(number) for number in range(4)))
    assert (trouble, sorted(map(int, sent))) == ([], list(range(24)))


def test_what_a_dead_owner_was_sending_is_the_next_ones_at_once_as_repeated(world: World) -> None:
    """And nobody else's: a channel still has one message on its way at a time."""
    store = world.store
    kept(store, delivery("a"), delivery("b", channel="discord"))
    mine, theirs = claimed(store, owner="mine"), claimed(store, DISCORD, owner="theirs")
    assert store.delivery_owners() == ["mine", "theirs"]

    assert (store.release_deliveries("mine"), store.release_deliveries("nobody")) == (1, 0)

    assert store.delivery_owners() == ["theirs"]
    assert store.claim_delivery(DISCORD, "w", 60) is None
    assert claimed(store) == replace(mine, is_repeated=True)
    assert not store.end_delivery(replace(mine, state="sent"), "mine")
    assert store.end_delivery(replace(theirs, state="sent"), "theirs")


def test_a_claim_that_ran_out_is_given_to_the_next_as_repeated(world: World) -> None:
    store = world.store
    kept(store, delivery("a"), delivery("b"))
    first = claimed(store, seconds=100)
    world.turn(seconds=99)
    assert store.claim_delivery(SLACK, "v", 100) is None
    world.turn(seconds=2)
    second = claimed(store, owner="v", seconds=100)
    assert second == replace(first, is_repeated=True)
    assert (store.deliveries()[1], store.end_delivery(replace(first, state="sent"), "w")) == (second, False)
    world.turn(seconds=101)
    assert store.end_delivery(replace(second, state="pending", attempts=1), "v")
    assert claimed(store) == replace(second, attempts=1)


def test_an_owner_who_is_late_but_was_not_overtaken_says_that_it_was_sent(world: World) -> None:
    store = world.store
    kept(store, delivery("a"))
    found = claimed(store, seconds=10)
    world.turn(seconds=60)
    assert [store.end_delivery(replace(found, state="sent"), owner) for owner in ("v", "w", "w")] == [False, True, False]
    assert store.claim_delivery(SLACK, "w", 10) is None


def test_what_became_of_a_delivery(world: World) -> None:
    store = world.store
    kept(store, *(delivery(key) for key in ("sent", "by the clock", "dead", "again")))
    sent = replace(claimed(store), state="sent", sent_at=START + MINUTE, sent_id="17.03", attempts=2)
    assert store.end_delivery(sent, "w")
    before = world.now() - MINUTE
    clocked = replace(claimed(store), state="sent", sent_id="x")
    assert store.end_delivery(clocked, "w")
    dead = replace(claimed(store), state="dead", error="404\nno such channel", attempts=1)
    assert store.end_delivery(dead, "w")
    later = world.now() + 1_000 * MINUTE
    again = replace(claimed(store), state="pending", ready_at=later, error="503", attempts=1)
    assert store.end_delivery(again, "w")
    found = store.deliveries()[::-1]
    assert found == [sent, replace(clocked, sent_at=found[1].sent_at), replace(dead, error="404 no such channel"), again]
    assert before < (found[1].sent_at or before) < before + 2 * MINUTE
    assert store.claim_delivery(SLACK, "w", 9) is None
    world.turn(minutes=1_001)
    assert claimed(store) == replace(again, state="sending")
    assert not store.end_delivery(replace(again, delivery_id=10**9), "w")


def test_the_last_new_message_of_a_group_is_what_an_edit_changes(world: World) -> None:
    store = world.store

    def end(key: str, state: Any, minutes: int, **others: Any) -> None:
        kept(store, delivery(key, **{"group": "g", **others}))
        assert store.end_delivery(
            replace(claimed(store, ["slack", "discord"]), state=state, sent_at=START + minutes * MINUTE, sent_id=key), "w"
        )

    assert store.last_sent("slack", "g") is None
    end("first", "sent", 1)
    end("second", "sent", 5)
    for key, state, others in (
        ("edit", "sent", {"is_edit": True}),
        ("dead", "dead", {}),
        ("elsewhere", "sent", {"group": "h"}),
        ("other channel", "sent", {"channel": "discord"}),
        ("no group", "sent", {"group": ""}),
    ):
        end(key, state, 9, **others)
    kept(store, delivery("waits", group="g"))
    found = store.last_sent("slack", "g")
    assert found
    assert (found.sent_id, found.sent_at, found.state) == ("second", START + 5 * MINUTE, "sent")
    assert [store.last_sent("slack", ""), store.last_sent("mail", "g")] == [None, None]


# --- waking -------------------------------------------------------------------------------------------------------


def waited(world: World, seconds: float) -> float:
    began = time.monotonic()
    world.store.await_deliveries(seconds)
    return time.monotonic() - began


def test_waiting_ends_at_once_with_a_delivery_that_came_before_or_comes_meanwhile(world: World) -> None:
    kept(world.store, delivery("before"))
    assert waited(world, 60) < 30
    found = claimed(world.store)
    assert world.store.claim_delivery(SLACK, "w", 9) is None
    came = threading.Timer(0.1, lambda: world.store.end_delivery(replace(found, state="pending"), "w"))
    came.start()
    assert waited(world, 60) < 30
    came.join()
    assert claimed(world.store).key == "before"


def test_waiting_ends_with_another_stores_delivery_a_claim_that_ran_out_and_one_that_becomes_ready(world: World) -> None:
    with world_at(world.place) as there:
        assert waited(world, 0.1) < 30
        kept(there.store, delivery("a"), delivery("b", channel="discord", ready_at=world.now() + 500 * MINUTE))
        assert waited(world, 60) < 30
        claimed(there.store, seconds=100)
    world.turn(seconds=101)
    assert waited(world, 60) < 30
    assert world.store.end_delivery(replace(claimed(world.store), state="sent"), "w")
    assert world.store.claim_delivery(SLACK, "w", 9) is None
    world.turn(minutes=501)
    assert waited(world, 60) < 30


def test_waiting_without_any_delivery_that_may_go_ends_in_time(world: World) -> None:
    kept(world.store, delivery("a"), delivery("b"), delivery("later", channel="discord", ready_at=world.now() + DAY))
    claimed(world.store)
    assert 0.7 <= waited(world, 0.7) < 30
