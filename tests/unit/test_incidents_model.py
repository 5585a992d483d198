"""Whatever the readings, and whoever acknowledges or mutes in between: what an incident promises, checked from the history alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from property_profiles import examples
from restaurant_os.alerting import Event, Incident, Reading
from restaurant_os.alerts.incidents import Step, acknowledged, closed, is_muted, muted, step
from restaurant_os.alerts.rules import distance, judged
from restaurant_os.settings import AlertRule

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
NEW: tuple[Event, ...] = ("opened", "worse", "recovered")
PERCENT = AlertRule(name="labor", metric="labor_percent", above=Decimal(25), clear=Decimal(24), grain="now", hold_minutes=15)
LONG = PERCENT.model_copy(update={"hold_minutes": 40})
LOW = AlertRule(name="low", metric="labor_percent", below=Decimal(24), clear=Decimal(25), hold_minutes=15)
BAND = AlertRule(name="drawer", metric="drawer_over_short", above=Decimal(25), below=Decimal(-25), clear=Decimal(24))
HOURS = AlertRule(name="hours", metric="overtime_ahead", above=Decimal(25), clear=Decimal(24), grain="week")

Deed = Literal["read", "acknowledge", "mute", "close"]


@dataclass(frozen=True)
class Turn:
    """So many minutes after the one before. `posted`: a total that somebody posted."""

    minutes: int
    deed: Deed
    value: float | None
    posted: bool
    dollars: Decimal | None


@dataclass(frozen=True)
class Seen:
    """A turn as it came to be: what there was before, what was read, what came of it."""

    now: datetime
    before: Incident | None
    reading: Reading | None
    after: Incident | None
    found: Step | None


#: Around the levels, and in steps of three points and a hundred dollars; unknown now and then.
VALUES = (None, 20.0, 23.9, 24.0, 24.5, 24.9, 25.1, 26.0, 27.9, 28.2, 30.0, 31.2, 34.0, -23.0, -26.0, -130.0, 130.0)
values = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES[1:]), st.floats(-200, 200).map(lambda value: round(value, 3)))
turns = st.builds(
    Turn,
    minutes=st.sampled_from([0, 1, 1, 2, 5, 10, 14, 15, 16, 40]),
    deed=st.sampled_from(["read"] * 60 + ["acknowledge", "mute", "close"]),
    value=values,
    posted=st.sampled_from([False] * 20 + [True]),
    dollars=st.one_of(st.none(), st.integers(0, 500).map(Decimal)),
)
histories = st.one_of(st.lists(turns, max_size=40), st.lists(turns, min_size=20, max_size=40))
rules = st.sampled_from([PERCENT, LONG, LOW, BAND, HOURS])


def reading(rule: AlertRule, turn: Turn, now: datetime) -> Reading:
    is_over, is_clear = (False, False) if turn.value is None else judged(rule, turn.value)
    return Reading(
        rule=rule.name,
        location="north",
        period=date(2026, 3, 2),
        as_of=now,
        value=turn.value,
        is_over=is_over,
        is_clear=is_clear,
        dollars=turn.dollars,
        basis="gross_summary" if turn.posted else "net",
        is_held=not turn.posted,
    )


def played(rule: AlertRule, history: Sequence[Turn]) -> list[Seen]:
    now = START
    known: Incident | None = None
    seen: list[Seen] = []
    for turn in history:
        now += timedelta(minutes=turn.minutes)
        before = known
        own, found = None, None
        if turn.deed == "read":
            own = reading(rule, turn, now)
            found = step(rule, known, own, now)
            known = found.incident if found else known
        elif known is not None and turn.deed == "acknowledge":
            known = acknowledged(known, "seen", now)
        elif known is not None and turn.deed == "mute":
            known = muted(known, now + timedelta(minutes=30), now)
        elif known is not None:
            known = closed(known, now)
        seen.append(Seen(now, before, own, known, found))
    return seen


def events_of(seen: Sequence[Seen]) -> list[Event]:
    return [one.found.event for one in seen if one.found and one.found.event in NEW]


@examples(6)
@given(rules, histories)
def test_at_most_three_messages_and_the_third_is_never_for_what_got_worse(rule: AlertRule, history: list[Turn]) -> None:
    seen = played(rule, history)
    told = events_of(seen)

    assert len(told) <= 3
    assert told[2:] in ([], ["recovered"], ["opened"])
    assert seen == [] or (seen[-1].after.messages if seen[-1].after else 0) == len(told)


@examples(6)
@given(rules, histories)
def test_what_is_not_known_changes_nothing(rule: AlertRule, history: list[Turn]) -> None:
    """With such readings between the others all is as without them."""
    seen = played(rule, history)

    assert [one.found for one in seen if one.reading and one.reading.value is None and one.found] == []


@examples(6)
@given(rules, histories)
def test_the_same_reading_again_changes_nothing(rule: AlertRule, history: list[Turn]) -> None:
    for one in played(rule, history):
        if one.reading is not None:
            assert step(rule, one.after, one.reading, one.now) is None


@examples(6)
@given(rules, histories)
def test_a_switch_of_basis_is_no_event(rule: AlertRule, history: list[Turn]) -> None:
    for one in played(rule, history):
        if one.found and one.before and one.before.basis != one.found.incident.basis:
            assert one.found.event is None
            assert one.found.incident.state == one.before.state
            assert one.found.incident.basis_since == one.now


def held_from(seen: Sequence[Seen], wanted: str) -> datetime | None:
    """Since when, at the end of `seen`, the values have been over (`is_over`), or clear, none of the other kind coming between; on the basis of now."""
    since, basis = None, None
    for one in seen:
        if one.reading is None or one.reading.value is None:
            continue
        if basis is not None and basis != one.reading.basis:
            since = one.now if since else None
        basis = one.reading.basis
        other = "is_clear" if wanted == "is_over" else "is_over"
        if getattr(one.reading, other):
            since = None
        elif getattr(one.reading, wanted):
            since = since or one.now
    return since


def has_switched(seen: Sequence[Seen]) -> bool:
    bases = [one.reading.basis for one in seen if one.reading and one.reading.value is not None]
    return len(set(bases)) > 1


@examples(6)
@given(rules, histories)
def test_what_opens_was_over_for_as_long_as_the_rule_wants(rule: AlertRule, history: list[Turn]) -> None:
    seen = played(rule, history)
    for number, one in enumerate(seen):
        if one.found and one.found.incident.state == "open" and (one.before is None or one.before.state != "open"):
            assert one.reading is not None
            assert one.reading.is_over
            since = held_from(seen[: number + 1], "is_over")
            assert since is not None
            is_posted = not one.reading.is_held and not has_switched(seen[: number + 1])
            assert one.now - since >= timedelta(minutes=0 if is_posted else rule.hold_minutes)


@examples(6)
@given(rules, histories)
def test_what_recovers_is_clear_and_on_another_basis_it_was_so_for_a_while(rule: AlertRule, history: list[Turn]) -> None:
    seen = played(rule, history)
    for number, one in enumerate(seen):
        if one.found and one.found.incident.state == "recovered" and one.before and one.before.state == "open":
            assert one.reading is not None
            assert one.reading.is_clear
            since = held_from(seen[: number + 1], "is_clear")
            assert since is not None
            if one.before.basis_since is not None and one.before.opened_at and one.before.basis_since >= one.before.opened_at:
                assert one.now - since >= timedelta(minutes=15)


@examples(6)
@given(rules, histories)
def test_each_opening_is_told_once_at_most_and_its_recovery_after_it(rule: AlertRule, history: list[Turn]) -> None:
    """opened, then worse, then recovered, then perhaps opened; never two of a kind beside each other, never a recovery of what was not told. What
    recovered while it was muted was told to nobody, and may open again."""
    told = events_of(played(rule, history))

    allowed: set[tuple[str, ...]] = {
        (),
        ("opened",),
        ("opened", "worse"),
        ("opened", "recovered"),
        ("opened", "worse", "recovered"),
        ("opened", "recovered", "opened"),
    }
    if any(turn.deed == "mute" for turn in history):
        again: set[tuple[str, ...]] = {("opened", "opened", *last) for last in ((), ("opened",), ("recovered",))}
        allowed |= again | {("opened", "worse", "opened"), ("opened", "opened", "worse")}
    assert tuple(told) in allowed


@examples(6)
@given(rules, histories)
def test_worse_is_beyond_three_points_or_a_hundred_dollars_of_what_was_told(rule: AlertRule, history: list[Turn]) -> None:
    told: Reading | None = None
    for one in played(rule, history):
        if not one.found or one.found.event not in NEW:
            continue
        now = one.reading
        assert now is not None
        if one.found.event == "worse":
            assert told is not None
            assert now.value is not None
            assert told.value is not None
            further = distance(rule, now.value) - distance(rule, told.value)
            paid = now.dollars - told.dollars if now.dollars is not None and told.dollars is not None else Decimal(0)
            least = {"labor_percent": 3.0, "drawer_over_short": 100.0}.get(rule.metric)
            assert (least is not None and further >= least - 1e-9) or paid >= 100
        told = now


@examples(6)
@given(rules, histories)
def test_muted_nothing_is_told_and_acknowledged_only_the_recovery(rule: AlertRule, history: list[Turn]) -> None:
    for one in played(rule, history):
        if one.found and one.before:
            if is_muted(one.before, one.now):
                assert one.found.event is None
            if one.before.acknowledged_at is not None:
                assert one.found.event not in ("opened", "worse")


@examples(6)
@given(rules, histories)
def test_closed_is_for_good(rule: AlertRule, history: list[Turn]) -> None:
    seen = played(rule, history)
    ends = [number for number, one in enumerate(seen) if one.after and one.after.state == "closed"]

    assert all(one.found is None for one in seen[ends[0] + 1 :]) if ends else True
    assert ends in ([], list(range(ends[0], len(seen))) if ends else [])


@examples(6)
@given(rules, histories)
def test_what_is_edited_was_told_before(rule: AlertRule, history: list[Turn]) -> None:
    for one in played(rule, history):
        if one.found and one.found.event == "changed":
            assert one.before is not None
            assert one.before.messages > 0
            assert replace(one.found.incident, updated_at=one.before.updated_at) != one.before


@examples(5)
@given(st.integers(1, 20), st.lists(st.sampled_from([24.9, 25.1]), min_size=1, max_size=300))
def test_a_flutter_around_the_level_is_told_once_at_most(minutes: int, fluttering: list[float]) -> None:
    history = [Turn(minutes, "read", value, posted=False, dollars=None) for value in fluttering]

    assert events_of(played(PERCENT, history)) in ([], ["opened"])
