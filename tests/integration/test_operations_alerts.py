"""One suite for both stores: incidents, marks, channels, boundaries and retention are alike on SQLite and on Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deliveries_world import DAY, DISCORD, MINUTE, START, TODAY, at_once, claimed, delivery, incident, kept
from operations_world import World, world_at
from restaurant_os.alerting import ChannelHealth, Incident, Record
from restaurant_os.boundaries import watch
from restaurant_os.errors import OperationsError
from restaurant_os.operations import Purged, schema
from restaurant_os.operations.open import open_operations


@pytest.fixture
def world(operations_place: Path | str) -> Iterator[World]:
    with world_at(operations_place) as world:
        yield world


FULL = Incident(
    rule="labor",
    location="Nörth 🍕",
    period=TODAY,
    subject="o'brien\"; --",
    subject_name="Ölaf %s ? $1 {x}",
    state="open",
    since=START - 20 * MINUTE,
    opened_at=START,
    ended_at=START + MINUTE,
    clear_since=START + 2 * MINUTE,
    updated_at=START + 3 * MINUTE,
    value=0.1 + 0.2,
    worst=31.5,
    told_value=-1e-9,
    dollars=Decimal("1234.5678901234567890123"),
    told_dollars=Decimal("-0.00"),
    basis="net",
    basis_since=START - DAY,
    messages=2,
    acknowledged_at=START + 4 * MINUTE,
    note="seen",
    muted_until=START + DAY,
    facts=(("Sales", "$1,000"), ("Labor", "30.0 %")),
    drivers=("one", "two"),
    suggestion="Two could leave.",
)


# --- incidents ----------------------------------------------------------------------------------------------------


def test_an_incident_is_read_as_it_was_recorded_one_version_on(world: World) -> None:
    assert world.store.record(Record(incidents=(FULL,)))
    world.close()
    assert world.store.incidents() == [replace(FULL, version=1)]
    after = replace(FULL, version=1, state="recovered", dollars=None, facts=())
    assert world.store.record(Record(incidents=(after,)))
    assert world.store.find_incidents([FULL.incident_id]) == [replace(after, version=2)]


def test_incidents_are_found_by_state_period_and_location_the_newest_first(world: World) -> None:
    given = {
        "old": incident("old", period=TODAY - DAY, state="closed", opened_at=START),
        "early": incident("early", opened_at=START - MINUTE),
        "late": incident("late", opened_at=START),
        "watching": incident("watching", state="watching", since=START - MINUTE / 2),
        "south": incident("south", location="south", state="recovered", opened_at=START - 2 * MINUTE),
    }
    assert world.store.record(Record(incidents=tuple(given.values())))

    def found(**chosen: Any) -> list[str]:
        return [own.subject for own in world.store.incidents(**chosen)]

    assert found() == ["late", "watching", "early", "south", "old"]
    assert found(most=2) == ["late", "watching"]
    assert found(states=["open", "closed"]) == ["late", "early", "old"]
    assert found(since=TODAY) == ["late", "watching", "early", "south"]
    assert found(locations=["south"]) == ["south"]
    assert found(states=["open"], since=TODAY, locations=["north", "south"], most=1) == ["late"]
    assert found(locations=["nowhere"]) == []


def test_an_incident_is_found_by_its_id_or_the_first_four_digits_of_it_and_by_nothing_else(world: World) -> None:
    one, other = incident("one"), incident("other")
    assert world.store.record(Record(incidents=(one, other)))

    def found(*ids: str) -> list[str]:
        return sorted(own.subject for own in world.store.find_incidents(ids))

    digits = one.incident_id
    assert found(digits) == found(digits[:4]) == found(f" {digits[:7].upper()} ", digits, digits[:15]) == ["one"]
    assert found(digits, other.incident_id[:5], "0" * 16) == ["one", "other"]
    assert found(digits[:3], "", "%", "____", f"{digits[:4]}%", digits + "0", "\0" * 16, "\ud800" * 4, "٣" * 16) == []
    assert found() == []


def test_more_incidents_than_one_statement_takes_are_one_record(world: World) -> None:
    many = tuple(incident(f"s{number}") for number in range(2_100))
    assert world.store.record(Record(incidents=many))
    assert len(world.store.find_incidents([own.incident_id for own in many])) == 2_100
    assert not world.store.record(Record(incidents=(*(replace(own, version=1) for own in many[1:]), many[0])))
    assert {own.version for own in world.store.incidents()} == {1}


def test_another_version_of_any_incident_changes_nothing(world: World) -> None:
    store = world.store
    [kept_first] = kept(store, delivery("a", group="g"))
    assert store.record(Record(incidents=(incident("one"),), mark=("alerts", 7)))
    before = store.incidents()
    for version in (0, 2, -1):
        refused = Record(
            incidents=(incident("two"), replace(incident("one", note="changed"), version=version)),
            deliveries=(delivery("b", group="g"), delivery("c", group="h")),
            mark=("alerts", 9),
        )
        assert not store.record(refused)
    assert not store.record(Record(incidents=(incident("two", version=1),)))
    assert (store.incidents(), store.deliveries(), store.mark("alerts")) == (before, [kept_first], 7)


def test_of_two_stores_that_record_one_incident_exactly_one_does(world: World) -> None:
    stores = [world.store, world.open()]
    for version in range(5):
        told: list[bool] = []
        own = incident("one", version=version)

        def tell(number: int, own: Incident = own, told: list[bool] = told) -> None:
            deliveries = (delivery(f"{number} of {own.version}", ready_at=START + number * MINUTE),)
            told.append(stores[number].record(Record(incidents=(replace(own, note=str(number)),), deliveries=deliveries)))

        at_once(lambda tell=tell: tell(0), lambda tell=tell: tell(1))  # type: ignore[misc]
        assert sorted(told) == [False, True]
    [last] = world.store.incidents()
    assert (last.version, len(world.store.deliveries())) == (5, 5)
    assert last.note == world.store.deliveries()[0].key[0]


def test_a_mark_is_what_was_recorded_last_and_zero_before(world: World) -> None:
    assert world.store.mark("alerts") == 0
    for sequence in (5, 12, 0, 3):
        assert world.store.record(Record(mark=("alerts", sequence)))
        assert (world.store.mark("alerts"), world.store.mark("other")) == (sequence, 0)


# --- channels -----------------------------------------------------------------------------------------------------


def test_how_channels_do_is_what_was_said_last_of_each(world: World) -> None:
    slack = ChannelHealth(
        channel="slack", fingerprint="f", disabled="404", disabled_at=START, not_before=START + MINUTE, last_sent_at=START
    )
    discord = ChannelHealth(channel="discord", last_error="x\ny")
    assert world.store.channels() == []
    for health in (replace(slack, disabled=""), discord, slack):
        world.store.set_channel(health)
    assert world.store.channels() == [replace(discord, last_error="x y"), slack]
    world.store.set_channel(ChannelHealth(channel="slack"))
    assert world.store.channels()[1] == ChannelHealth(channel="slack")


# --- text ---------------------------------------------------------------------------------------------------------


def test_text_that_a_database_cannot_hold_costs_no_record(world: World) -> None:
    odd = "a'\"\0b;\ud800\\ %b ? \u202e 🍕\n"
    fit = odd.replace("\ud800", "?")
    store = world.store
    own = incident(odd, location=odd, note=odd, facts=((odd, odd),))
    sent = delivery(odd, odd, group=odd, channel=odd)
    for _ in range(2):
        assert store.record(Record(incidents=(own,), deliveries=(sent,), mark=(odd, 3)))
        own = store.find_incidents([own.incident_id])[0]
    assert own == incident(fit, location=fit, note=fit, facts=((fit, fit),), version=2)
    assert [own] == store.incidents(locations=[odd])
    found = claimed(store, [odd])
    assert (found.message.title, found.key) == (fit, fit.replace("\0", "\ufffd"))
    assert store.end_delivery(replace(found, state="sent", sent_id=odd, error=odd), "w")
    assert store.last_sent(odd, odd) == store.deliveries()[0]
    store.set_channel(ChannelHealth(channel=odd, fingerprint=odd, disabled=odd, last_error=odd))
    assert (len(store.channels()), store.mark(odd)) == (1, 3)


def test_names_of_any_length_are_kept_and_told_apart(world: World) -> None:
    long = "".join(chr(0x4E00 + number % 20_000) for number in range(30_000))
    store = world.store
    assert store.record(Record(incidents=(incident(long + "a", location=long + "a"), incident(long + "b", location=long + "b"))))
    [found] = store.incidents(locations=[long + "a"])
    assert found == incident(long + "a", location=long + "a", version=1)
    kept(store, *(delivery(long + end, group=long + end) for end in "ab"))
    first = claimed(store)
    assert store.end_delivery(replace(first, state="sent"), "w")
    assert store.last_sent("slack", long + "a") == store.last_sent("slack", first.group) == store.deliveries()[1]
    assert store.last_sent("slack", long + "b") is None


# --- boundaries ---------------------------------------------------------------------------------------------------


def test_each_commit_crosses_its_boundary_and_one_that_changes_nothing_crosses_none(world: World) -> None:
    seen: list[tuple[str, str, int, tuple[str, ...]]] = []
    store = world.store
    with world_at(world.place) as there:
        there.open()

        def look(boundary: str, side: str) -> None:
            states = tuple(own.state for own in there.store.deliveries())
            seen.append((boundary, side, len(there.store.incidents()), states))

        watch(look)
        try:
            store.record(Record())
            store.record(Record(incidents=(incident("none", version=4),), deliveries=(delivery("a"),), mark=("alerts", 1)))
            store.record(Record(incidents=(incident("one"),), deliveries=(delivery("a"),)))
            store.record(Record(deliveries=(delivery("a"),)))
            store.record(Record(mark=("alerts", 1)))
            store.claim_delivery(DISCORD, "w", 9)
            found = claimed(store)
            store.end_delivery(replace(found, state="sent"), "v")
            store.end_delivery(replace(found, state="pending"), "w")
            found = claimed(store)
            store.end_delivery(replace(found, state="sent"), "w")
        finally:
            watch(None)
    assert seen == [
        ("outbox", "before", 0, ()),
        ("outbox", "after", 0, ()),
        ("incident", "before", 0, ()),
        ("incident", "after", 1, ("pending",)),
        ("incident", "before", 1, ("pending",)),
        ("incident", "after", 1, ("pending",)),
        ("sending", "before", 1, ("pending",)),
        ("sending", "after", 1, ("sending",)),
        ("sending", "before", 1, ("pending",)),
        ("sending", "after", 1, ("sending",)),
        ("sent", "before", 1, ("sending",)),
        ("sent", "after", 1, ("sent",)),
    ]


# --- retention, and bringing a store forward ----------------------------------------------------------------------


def test_what_retention_takes_and_when(world: World) -> None:
    store, now = world.store, world.now()
    day = now.date()
    states: list[Any] = ["watching", "open", "recovered", "closed"]
    own = [incident(state, state=state, updated_at=now, period=day) for state in states]
    assert store.record(Record(incidents=(*own, incident("fresh", state="closed", updated_at=now + DAY, period=day))))
    kept(store, *(delivery(key, channel=key) for key in ("sent", "dead", "sending", "pending")))
    for state in ("sent", "dead"):
        assert store.end_delivery(replace(claimed(store, [state]), state=state), "w")
    claimed(store, ["sending"], seconds=1)
    assert store.purge(now + 89.9 * DAY) == Purged(0, 0, 0, 0)
    assert store.purge(now + 90.1 * DAY) == Purged(0, 0, 0, 0, incidents=2, deliveries=2)
    assert store.purge(now + 4_000 * DAY) == Purged(0, 0, 0, 0, incidents=1)
    assert sorted(found.subject for found in store.incidents()) == ["open", "watching"]
    assert sorted(found.key for found in store.deliveries()) == ["pending", "sending"]


def test_so_many_days_as_asked_but_no_incident_of_a_period_that_may_last(world: World) -> None:
    store = open_operations(world.place, service=world.service, now=world.now, shift=lambda: world.turned, keep_days=2)
    world.stores.append(store)
    now = world.now()
    assert store.record(Record(incidents=(incident(state="recovered", updated_at=now, period=now.date()),), deliveries=(delivery("a"),)))
    assert store.end_delivery(replace(claimed(store), state="sent"), "w")
    assert store.purge(now + 1.9 * DAY) == Purged(0, 0, 0, 0)
    assert store.purge(now + 2.1 * DAY) == Purged(0, 0, 0, 0, deliveries=1)
    assert store.purge(now + 8 * DAY) == Purged(0, 0, 0, 0)
    assert store.purge(now + 10.1 * DAY) == Purged(0, 0, 0, 0, incidents=1)


def test_retention_takes_many_in_several_commits(world: World) -> None:
    assert world.store.record(Record(incidents=tuple(incident(f"s{number}", state="closed") for number in range(1_201))))
    assert world.store.purge(START + 400 * DAY).incidents == 1_201


def test_a_store_of_the_version_before_alerts_is_brought_forward_and_keeps_what_it_has(
    operations_place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world_at(operations_place) as world:
        monkeypatch.setattr(schema, "STEPS", schema.STEPS[:1])
        events = world.sequences("a", "b")
        with pytest.raises(OperationsError, match="ops_incidents"):
            world.store.incidents()
        world.close()
        monkeypatch.undo()
        at_once(world.open, world.open)
        assert world.store.record(Record(incidents=(FULL,), deliveries=(delivery("a"),), mark=("alerts", 1)))
        assert (world.claimed(), world.store.incidents(), world.store.mark("alerts")) == (events, [replace(FULL, version=1)], 1)
