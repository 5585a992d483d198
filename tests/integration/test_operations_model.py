"""The inbox against a plain model of it, on both stores: whatever is accepted, claimed, settled, taken back and restarted in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations_world import World, empty_world
from property_profiles import examples, unlimited
from restaurant_os.operations import Outcome, Settled

#: Seconds. The clock goes on by itself too, so all that is compared is far apart.
SHORT, LONG, TURN, RETRY = 500, 1_500, 1_000, 1_300
TABLES = ("ops_inbox", "ops_bodies")
OWNERS = ["a", "b"]
OUTCOMES: list[Outcome] = ["done", "failed", "quarantined", "again"]
DAY = timedelta(days=1)


@dataclass(slots=True)
class Row:
    sequence: int
    event_id: str | None
    location: str
    received_at: datetime
    state: Literal["open", "done", "quarantined"] = "open"
    owner: str = ""
    ready_at: datetime | None = None
    attempts: int = 0
    settled_at: datetime | None = None


@dataclass
class Model:
    """What the inbox is, without any database."""

    rows: dict[int, Row] = field(default_factory=dict)

    def known(self, event_id: str | None) -> Row | None:
        return next((row for row in self.rows.values() if event_id is not None and row.event_id == event_id), None)

    def waiting(self, now: datetime) -> list[Row]:
        return [row for _, row in sorted(self.rows.items()) if row.state == "open" and (row.ready_at is None or row.ready_at <= now)]

    def held(self, owner: str, now: datetime) -> list[Row]:
        return [row for row in self.rows.values() if row.owner == owner and row.ready_at and row.ready_at > now]

    def settle(self, row: Row, outcome: Outcome, now: datetime, retry_at: datetime) -> None:
        row.owner, row.ready_at, row.settled_at = "", retry_at, now
        row.attempts += outcome == "failed"
        row.state = "done" if outcome == "done" else "quarantined" if outcome == "quarantined" else "open"

    def purge(self, now: datetime) -> tuple[int, int]:
        last = {row.location: row.sequence for _, row in sorted(self.rows.items())}
        old = [row for row in self.rows.values() if row.settled_at and row.received_at < now - 2 * DAY]
        done = [row for row in old if row.state == "done" and age(row, now) > 7 * DAY and last[row.location] != row.sequence]
        bad = [row for row in old if row.state == "quarantined" and age(row, now) > 90 * DAY]
        for row in done + bad:
            del self.rows[row.sequence]
        return len(done), len(bad)


def age(row: Row, now: datetime) -> timedelta:
    return now - (row.settled_at or now)


@dataclass(frozen=True)
class Accept:
    event_ids: Sequence[str | None]
    location: str

    def __call__(self, world: World, model: Model) -> None:
        arrivals = [world.arrival(event_id, self.location) for event_id in self.event_ids]
        for arrival, receipt in zip(arrivals, world.accept(*arrivals), strict=True):
            known = model.known(arrival.event_id)
            assert receipt.is_known == bool(known)
            assert receipt.sequence == known.sequence if known else receipt.sequence > max(model.rows, default=0)
            model.rows.setdefault(receipt.sequence, Row(receipt.sequence, arrival.event_id, arrival.location, arrival.received_at))


@dataclass(frozen=True)
class Claim:
    owner: str
    most: int
    seconds: int

    def __call__(self, world: World, model: Model) -> None:
        now = world.now()
        expected = model.waiting(now)[: self.most]
        events = world.store.claim(self.owner, most=self.most, most_bytes=1000, seconds=self.seconds)
        assert [(e.sequence, e.attempts, e.arrival.event_id) for e in events] == [(r.sequence, r.attempts, r.event_id) for r in expected]
        for row in expected:
            row.owner, row.ready_at = self.owner, now + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Settle:
    owner: str
    outcomes: Sequence[tuple[int, Outcome]]

    def __call__(self, world: World, model: Model) -> None:
        now = world.now()
        retry_at = now + timedelta(seconds=RETRY)
        told = {sorted(model.rows)[place % len(model.rows)]: outcome for place, outcome in self.outcomes if model.rows}
        held = [row for row in model.held(self.owner, now) if row.sequence in told]
        settled = [Settled(sequence, outcome, "reason", retry_at) for sequence, outcome in told.items()]
        assert world.store.settle(self.owner, settled) == len(held)
        for row in held:
            model.settle(row, told[row.sequence], now, retry_at)


@dataclass(frozen=True)
class Keep:
    """Renew or release."""

    owner: str
    is_renewed: bool

    def __call__(self, world: World, model: Model) -> None:
        now = world.now()
        held = model.held(self.owner, now)
        done = world.store.renew_claims(self.owner, LONG) if self.is_renewed else world.store.release(self.owner)
        assert done == len(held)
        for row in held:
            row.ready_at = now + timedelta(seconds=LONG) if self.is_renewed else None
            row.owner = self.owner if self.is_renewed else ""


@dataclass(frozen=True)
class Replay:
    def __call__(self, world: World, model: Model) -> None:
        bad = [row for row in model.rows.values() if row.state == "quarantined"]
        assert [row.sequence for row in world.store.quarantined()] == sorted(row.sequence for row in bad)
        assert world.store.replay() == len(bad)
        for row in bad:
            row.state, row.ready_at, row.attempts = "open", None, 0


@dataclass(frozen=True)
class Turn:
    def __call__(self, world: World, model: Model) -> None:
        world.turn(seconds=TURN)


@dataclass(frozen=True)
class Restart:
    def __call__(self, world: World, model: Model) -> None:
        world.close()


@dataclass(frozen=True)
class Purge:
    days: int

    def __call__(self, world: World, model: Model) -> None:
        world.turn(days=self.days + 0.5)
        now = world.now()
        purged = world.store.purge(now)
        assert (purged.events, purged.quarantined) == model.purge(now)


Step = Accept | Claim | Settle | Keep | Replay | Turn | Restart | Purge
event_ids = st.one_of(st.none(), st.sampled_from(["x", "y", "z", "p", "q"]))
owners = st.sampled_from(OWNERS)
steps = st.lists(
    st.one_of(
        st.builds(Accept, st.lists(event_ids, min_size=1, max_size=5), st.sampled_from(["north", "south"])),
        st.builds(Claim, owners, st.integers(1, 4), st.sampled_from([SHORT, LONG])),
        st.builds(Settle, owners, st.lists(st.tuples(st.integers(0, 9), st.sampled_from(OUTCOMES)), max_size=5)),
        st.builds(Keep, owners, st.booleans()),
        st.builds(Replay),
        st.builds(Turn),
        st.builds(Restart),
        st.builds(Purge, st.sampled_from([1, 7, 90])),
    ),
    max_size=30,
)


def check(world: World, steps: Sequence[Step]) -> None:
    model = Model()
    for step in steps:
        step(world, model)
        now, state = world.now(), world.store.inbox()
        is_open = [row for row in model.rows.values() if row.state == "open"]
        claimed = [row for owner in OWNERS for row in model.held(owner, now)]
        pending = [row.received_at for row in is_open if row not in claimed]
        assert (state.pending, state.claimed, state.oldest_pending_at) == (len(pending), len(claimed), min(pending, default=None))
        assert state.quarantined == sum(row.state == "quarantined" for row in model.rows.values())
        assert state.received == {row.location: row.received_at for _, row in sorted(model.rows.items())}


@unlimited
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_inbox_is_what_its_model_is(kind: str, request: pytest.FixtureRequest) -> None:
    place = str(request.getfixturevalue("postgres_url")) if kind == "postgres" else ""

    @examples(1 if place else 6)
    @given(steps)
    def holds(steps: Sequence[Step]) -> None:
        with empty_world(place, TABLES) as world:
            check(world, steps)

    holds()
