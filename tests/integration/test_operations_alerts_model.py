"""Incidents and the outbox against a plain model of them, on both stores: recorded, claimed, ended, left and restarted in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations_world import World, empty_world
from property_profiles import examples, unlimited
from restaurant_os.alerting import Delivery, Incident, Message, Record

#: Seconds. The clock goes on by itself too, so all that is compared is far apart.
SHORT, LONG, TURN, RETRY = 500, 1_500, 1_000, 1_300
START = datetime(2026, 8, 3, tzinfo=UTC)
TABLES = ("ops_incidents", "ops_outbox", "ops_marks")
CHANNELS = ("slack", "discord")


@dataclass(slots=True)
class Row:
    """A delivery as it should stand, and who has it until when."""

    own: Delivery
    owner: str = ""
    until: datetime = START


@dataclass
class Model:
    incidents: dict[str, Incident] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    mark: int = 0

    def in_order(self) -> list[Row]:
        return sorted(self.rows.values(), key=lambda row: (row.own.created_at, row.own.delivery_id))

    def unknown(self, told: Sequence[Delivery]) -> list[Delivery]:
        """By the keys there were before, and each once."""
        known = {(row.own.channel, row.own.key) for row in self.rows.values()}
        first = {(own.channel, own.key): own for own in reversed(told)}
        return [own for own in told if (own.channel, own.key) not in known and first[own.channel, own.key] is own]

    def pending(self, like: Delivery) -> list[Row]:
        return [row for row in self.in_order() if row.own.state == "pending" and row.own.group == like.group and is_same(row.own, like)]

    def keep(self, own: Delivery, delivery_id: int) -> None:
        waiting = self.pending(own) if own.group else []
        if waiting:
            self.take_place(waiting, own)
        else:
            self.rows[delivery_id] = Row(replace(own, delivery_id=delivery_id))

    def take_place(self, waiting: list[Row], newest: Delivery) -> None:
        first, *others = waiting
        for row in others:
            del self.rows[row.own.delivery_id]
        told = [row.own for row in waiting if newest.is_edit and not row.own.is_edit]
        first.own = replace(
            newest,
            delivery_id=first.own.delivery_id,
            created_at=first.own.created_at,
            ready_at=max([newest.ready_at, *(own.ready_at for own in told)]),
            is_edit=newest.is_edit and not told,
            is_repeated=newest.is_repeated or any(own.is_repeated for own in told),
        )

    def next(self, channels: Sequence[str], now: datetime) -> Row | None:
        busy = {row.own.channel for row in self.rows.values() if row.own.state == "sending" and row.until > now}
        for row in self.in_order():
            is_ready = row.own.ready_at <= now if row.own.state == "pending" else row.own.state == "sending" and row.until <= now
            if is_ready and row.own.channel in channels and row.own.channel not in busy:
                return row
        return None


def is_same(one: Delivery, other: Delivery) -> bool:
    return one.channel == other.channel


@dataclass(frozen=True)
class Keep:
    """Incidents by subject, each with how far its version is off; deliveries by channel, key, group, whether it is an edit, and when it is ready."""

    incidents: Sequence[tuple[str, int]]
    deliveries: Sequence[tuple[str, str, str, bool, int]]
    mark: int | None

    def __call__(self, world: World, model: Model) -> None:
        own = [self.incident(model, subject, off) for subject, off in dict(self.incidents).items()]
        now = world.now()
        told = [self.delivery(now + timedelta(seconds=place), *one) for place, one in enumerate(self.deliveries)]
        fits = all(off == 0 for _, off in dict(self.incidents).items())
        record = Record(incidents=tuple(own), deliveries=tuple(told), mark=None if self.mark is None else ("reader", self.mark))
        before = {row.delivery_id for row in world.store.deliveries()}
        assert world.store.record(record) == fits
        if not fits:
            return
        model.incidents.update({one.incident_id: replace(one, version=one.version + 1) for one in own})
        ids = iter(sorted({row.delivery_id for row in world.store.deliveries()} - before))
        for one in model.unknown(told):
            rows = len(model.rows)
            model.keep(one, -1)
            if len(model.rows) > rows:
                new = model.rows.pop(-1)
                new.own = replace(new.own, delivery_id=next(ids))
                model.rows[new.own.delivery_id] = new
        model.mark = model.mark if self.mark is None else self.mark

    @staticmethod
    def incident(model: Model, subject: str, off: int) -> Incident:
        new = Incident(rule="r", location="north", period=date(2026, 8, 3), subject=subject, state="open", since=START, updated_at=START)
        known = model.incidents.get(new.incident_id, new)
        return replace(known, version=known.version + off, messages=known.messages + 1)

    @staticmethod
    def delivery(at: datetime, channel: str, key: str, group: str, is_edit: bool, wait: int) -> Delivery:
        message, ready_at = Message(kind="opened", title=f"{key} {at}"), at + timedelta(seconds=wait)
        return Delivery(channel=channel, key=key, group=group, is_edit=is_edit, message=message, created_at=at, ready_at=ready_at)


@dataclass(frozen=True)
class Claim:
    owner: str
    channels: tuple[str, ...]
    seconds: int

    def __call__(self, world: World, model: Model) -> None:
        now = world.now()
        row = model.next(self.channels, now)
        if row:
            row.own = replace(row.own, is_repeated=row.own.is_repeated or row.own.state == "sending", state="sending")
            row.owner, row.until = self.owner, now + timedelta(seconds=self.seconds)
        assert world.store.claim_delivery(self.channels, self.owner, self.seconds) == (row.own if row else None)


@dataclass(frozen=True)
class End:
    owner: str
    place: int
    state: Literal["sent", "dead", "pending"]

    def __call__(self, world: World, model: Model) -> None:
        rows = [row for row in model.in_order() if row.own.state == "sending"] or model.in_order()
        if not rows:
            return
        row, now = rows[self.place % len(rows)], world.now()
        is_mine = row.own.state == "sending" and row.owner == self.owner
        ready_at = now + timedelta(seconds=RETRY) if self.state == "pending" else row.own.ready_at
        told = replace(row.own, state=self.state, attempts=row.own.attempts + 1, error="x", ready_at=ready_at)
        told = replace(told, sent_at=now if self.state == "sent" else None)
        assert world.store.end_delivery(told, self.owner) == is_mine
        if is_mine:
            row.own, row.owner = told, ""
            waiting = model.pending(told) if told.group else []
            if self.state == "pending" and len(waiting) > 1:
                newest = waiting[-1].own
                ready_at = max(newest.ready_at, told.ready_at)
                model.take_place(waiting, replace(newest, ready_at=ready_at, attempts=told.attempts, error="x"))


@dataclass(frozen=True)
class Turn:
    def __call__(self, world: World, model: Model) -> None:
        world.turn(seconds=TURN)


@dataclass(frozen=True)
class Restart:
    def __call__(self, world: World, model: Model) -> None:
        world.close()


Step = Keep | Claim | End | Turn | Restart
owners = st.sampled_from(["v", "w"])
told = st.tuples(
    st.sampled_from(CHANNELS),
    st.sampled_from("abcdefgh"),
    st.sampled_from(["", "g", "g", "h"]),
    st.booleans(),
    st.sampled_from([-1, -1, RETRY]),
)
steps = st.lists(
    st.one_of(
        st.builds(
            Keep,
            st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([0, 0, 0, 0, 1, -1])), max_size=3),
            st.lists(told, max_size=4),
            st.one_of(st.none(), st.integers(0, 5)),
        ),
        st.builds(Claim, owners, st.sampled_from([CHANNELS, CHANNELS[:1], CHANNELS[1:]]), st.sampled_from([SHORT, LONG])),
        st.builds(End, owners, st.integers(0, 5), st.sampled_from(["sent", "dead", "pending"])),
        st.builds(Turn),
        st.builds(Restart),
    ),
    max_size=30,
)


def check(world: World, steps: Sequence[Step]) -> None:
    model = Model()
    for step in steps:
        step(world, model)
        assert world.store.deliveries() == [row.own for row in model.in_order()[::-1]]
        assert sorted(world.store.incidents(), key=lambda own: own.subject) == sorted(model.incidents.values(), key=lambda own: own.subject)
        assert world.store.mark("reader") == model.mark


@unlimited
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_incidents_and_the_outbox_are_what_their_model_is(kind: str, request: pytest.FixtureRequest) -> None:
    place = str(request.getfixturevalue("postgres_url")) if kind == "postgres" else ""

    @examples(1 if place else 6)
    @given(steps)
    def holds(steps: Sequence[Step]) -> None:
        with empty_world(place, TABLES) as world:
            check(world, steps)

    holds()
