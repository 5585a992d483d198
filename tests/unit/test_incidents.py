"""What readings make of an incident, one after the other, on a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from restaurant_os.alerting import Event, Incident, Reading
from restaurant_os.alerts.incidents import acknowledged, closed, muted, step
from restaurant_os.alerts.rules import SHIPPED, judged
from restaurant_os.settings import AlertRule

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
DAY = date(2026, 3, 2)
LABOR = next(rule for rule in SHIPPED if rule.name == "labor-percent")
DRAWER = AlertRule(name="drawer", metric="drawer_over_short", above=Decimal(10), below=Decimal(-10))
OVERTIME = AlertRule(name="overtime", metric="overtime_ahead", above=Decimal(0), grain="week")
#: An event and the state after it; '' where nothing was kept.
Told = tuple[Event | None, str]


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def reading(value: float | None, rule: AlertRule = LABOR, *, basis: str = "net", dollars: str | None = None, **fields: Any) -> Reading:
    is_over, is_clear = (False, False) if value is None else judged(rule, value)
    amount = None if dollars is None else Decimal(dollars)
    own = {"rule": rule.name, "location": "north", "period": DAY, "as_of": NOON, "value": value, "basis": basis, "dollars": amount}
    return Reading(**{**own, "is_over": is_over, "is_clear": is_clear, "is_held": basis != "gross_summary", **fields})


def played(*readings: tuple[float, Reading], rule: AlertRule = LABOR, known: Incident | None = None) -> tuple[Incident | None, list[Told]]:
    """Readings at minutes after noon, in their order: the incident in the end, and what came of each."""
    told: list[Told] = []
    for minutes, one in readings:
        found = step(rule, known, one, at(minutes))
        known = found.incident if found else known
        told.append((found.event, found.incident.state) if found else (None, ""))
    return known, told


def events(*values: tuple[float, float | None], rule: AlertRule = LABOR, **fields: Any) -> list[Event]:
    """The events of values at minutes after noon."""
    _, told = played(*((minutes, reading(value, rule, **fields)) for minutes, value in values), rule=rule)
    return [event for event, _ in told if event]


def opened(value: float = 30.0, rule: AlertRule = LABOR, **fields: Any) -> Incident:
    """Open since noon, told."""
    known, told = played((-15, reading(value, rule, **fields)), (0, reading(value, rule, **fields)), rule=rule)
    assert known is not None
    assert "opened" in [event for event, _ in told]
    return known


# --- opening ----------------------------------------------------------------------------------------------------------


def test_it_opens_when_it_was_over_for_as_long_as_the_rule_wants() -> None:
    """Not a minute before; and says so once."""
    known, told = played(*((minute, reading(30.0)) for minute in (0, 5, 14, 15, 16, 60)))

    assert told == [(None, "watching"), (None, ""), (None, ""), ("opened", "open"), (None, ""), (None, "")]
    assert known == Incident(
        rule="labor-percent",
        location="north",
        period=DAY,
        state="open",
        since=NOON,
        opened_at=at(15),
        updated_at=at(15),
        value=30.0,
        worst=30.0,
        told_value=30.0,
        basis="net",
        messages=1,
    )


@pytest.mark.parametrize(
    ("between", "expected"),
    [((24.5,), ["opened"]), ((None,), ["opened"]), ((24.0,), []), ((24.5, 23.0, 24.5), [])],
    ids=["between both levels", "not known", "exactly at the clear level", "clear for a moment"],
)
def test_only_a_clear_value_ends_the_hold(between: Sequence[float | None], expected: list[Event]) -> None:
    values = [(0.0, 30.0), *((5.0 + n, value) for n, value in enumerate(between)), (16.0, 30.0)]

    assert events(*values) == expected


def test_the_hold_starts_again_after_a_clear_value() -> None:
    values = [(0, 30.0), (10, 20.0), (12, 30.0), (26, 30.0), (27, 30.0)]

    known, told = played(*((minute, reading(value)) for minute, value in values))

    assert told == [(None, "watching"), (None, "watching"), (None, "watching"), (None, ""), ("opened", "open")]
    assert known is not None
    assert (known.since, known.opened_at) == (at(12), at(27))


def test_a_value_between_the_levels_opens_nothing_however_long_it_held() -> None:
    assert events((0, 30.0), (20, 24.5), (40, 24.9)) == []


def test_a_posted_total_needs_no_holding() -> None:
    _, told = played((0, reading(30.0, basis="gross_summary")), (0, reading(30.0, basis="gross_summary")))

    assert told == [("opened", "open"), (None, "")]


def test_a_rule_without_a_hold_opens_at_once() -> None:
    assert events((0, -43.0), rule=DRAWER, basis="") == ["opened"]


@pytest.mark.parametrize(("value", "basis", "rule"), [(None, "net", LABOR), (20.0, "", LABOR), (5.0, "", DRAWER)])
def test_what_is_not_over_leaves_nothing_behind(value: float | None, basis: str, rule: AlertRule) -> None:
    assert step(rule, None, reading(value, rule, basis=basis), NOON) is None


def test_the_flutter_around_the_level_is_told_once() -> None:
    """24.9, 25.1, 24.9, ... for eight hours, minute by minute."""
    values = [(float(minute), 24.9 + 0.2 * (minute % 2)) for minute in range(480)]

    assert [event for event in events(*values) if event != "changed"] == ["opened"]


# --- worse ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dollars", "expected"),
    [(32.9, "350", None), (33.0, "350", "worse"), (31.0, "449.99", None), (31.0, "450", "worse"), (31.0, None, None)],
)
def test_worse_is_three_points_or_a_hundred_dollars_beyond_what_was_told(value: float, dollars: str | None, expected: Event | None) -> None:
    known = opened(30.0, dollars="350")

    found = step(LABOR, known, reading(value, dollars=dollars), at(1))

    assert found is not None
    assert found.event == (expected or "changed")
    assert found.incident.told_value == (value if expected else 30.0)


def test_worse_counts_from_what_was_told_and_not_from_the_value_before() -> None:
    """Point by point."""
    known = opened(30.0)

    _, told = played(*((n, reading(30.0 + n)) for n in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0)), known=known)

    assert [event for event, _ in told] == ["changed", "changed", "worse", "changed", "changed", "changed", "changed"]


def test_of_a_band_worse_is_further_from_zero_on_either_side() -> None:
    known = opened(-43.0, DRAWER, basis="")

    assert step(DRAWER, known, reading(-142.99, DRAWER, basis=""), at(1)).event == "changed"  # type: ignore[union-attr]
    assert step(DRAWER, known, reading(-143.0, DRAWER, basis=""), at(1)).event == "worse"  # type: ignore[union-attr]
    assert step(DRAWER, known, reading(143.0, DRAWER, basis=""), at(1)).event == "worse"  # type: ignore[union-attr]


def test_below_a_level_lower_is_worse() -> None:
    rule = AlertRule(name="low", metric="labor_percent", below=Decimal(10), grain="day")
    known = opened(8.0, rule)

    assert step(rule, known, reading(9.9, rule), at(1)).event == "changed"  # type: ignore[union-attr]
    assert step(rule, known, reading(5.0, rule), at(1)).event == "worse"  # type: ignore[union-attr]
    assert step(rule, known, reading(9.0, rule), at(1)).incident.worst == 8.0  # type: ignore[union-attr]


def test_hours_get_worse_by_their_dollars_alone() -> None:
    known = opened(2.0, OVERTIME, basis="", dollars="60")

    assert step(OVERTIME, known, reading(9.0, OVERTIME, basis="", dollars="159"), at(1)).event == "changed"  # type: ignore[union-attr]
    assert step(OVERTIME, known, reading(9.0, OVERTIME, basis="", dollars="160"), at(1)).event == "worse"  # type: ignore[union-attr]


# --- recovery ---------------------------------------------------------------------------------------------------------


def test_it_recovers_at_once_and_says_so_once() -> None:
    known, told = played((1, reading(24.1)), (2, reading(24.0)), (3, reading(23.0)), (4, reading(22.0)), known=opened(30.0))

    assert told == [("changed", "open"), ("recovered", "recovered"), (None, ""), (None, "")]
    assert known is not None
    assert (known.value, known.worst, known.ended_at, known.told_value, known.messages) == (24.0, 30.0, at(2), None, 2)


def test_opened_recovered_and_opened_again_are_three_messages_and_the_last() -> None:
    """The same incident: it holds again before it opens again."""
    values = [(1, 20.0), (2, 30.0), (16, 30.0), (17, 30.0), (18, 36.0), (19, 20.0), (20, 30.0), (35, 30.0)]

    known, told = played(*((minute, reading(value)) for minute, value in values), known=opened(30.0))

    assert told == [
        ("recovered", "recovered"),
        (None, "recovered"),
        (None, ""),
        ("opened", "open"),
        ("changed", "open"),
        ("changed", "recovered"),
        (None, "recovered"),
        ("changed", "open"),
    ]
    assert known is not None
    assert (known.messages, known.since, known.opened_at, known.ended_at) == (3, at(20), at(35), None)


def test_opened_worse_and_recovered_are_three_messages_and_the_last() -> None:
    """The third is kept for the recovery, however much worse it gets."""
    assert events((-15, 30.0), (0, 30.0), (1, 34.0), (2, 38.0), (3, 50.0), (4, 20.0), (5, 40.0), (20, 40.0)) == [
        *("opened", "worse", "changed", "changed", "recovered", "changed")
    ]


# --- the basis --------------------------------------------------------------------------------------------------------


def test_a_summary_that_facts_replace_opens_and_clears_nothing() -> None:
    """The store posts 24 % in the morning; at noon its punches and orders are in, and say 31 %, then 20 %."""
    values = [(0, reading(24.0, basis="gross_summary")), (1, reading(31.0)), (2, reading(20.0)), (3, reading(20.0))]

    known, told = played(*values)

    assert [event for event, _ in told] == [None, None, None, None]
    assert known is not None
    assert (known.state, known.basis, known.basis_since) == ("watching", "net", at(1))


def test_after_a_switch_of_basis_even_a_posted_total_is_held_before_it_opens() -> None:
    values = [
        (0, reading(20.0)),
        (1, reading(30.0, basis="gross_summary")),
        *((m, reading(30.0, basis="gross_summary")) for m in (2, 15, 16)),
    ]

    _, told = played(*values)

    assert [event for event, _ in told] == [None, None, None, None, "opened"]


def test_after_a_switch_of_basis_what_was_open_recovers_only_when_that_held() -> None:
    known, told = played(*((m, reading(20.0, basis="gross_summary")) for m in (1, 2, 15, 16)), known=opened(30.0))

    assert told == [(None, "open"), (None, ""), (None, ""), ("recovered", "recovered")]
    assert known is not None
    assert known.ended_at == at(16)


def test_a_switch_of_basis_makes_nothing_worse_before_it_held() -> None:
    _, told = played(*((m, reading(40.0, basis="gross_summary")) for m in (1, 2, 15, 16)), known=opened(30.0))

    assert [event for event, _ in told] == [None, None, None, "worse"]


def test_a_rule_that_holds_longer_holds_as_long_after_a_switch() -> None:
    rule = LABOR.model_copy(update={"hold_minutes": 40})
    values = [
        (0, reading(30.0)),
        (30, reading(30.0, basis="gross_summary")),
        *((m, reading(30.0, basis="gross_summary")) for m in (69, 70)),
    ]

    _, told = played(*values, rule=rule)

    assert [event for event, _ in told] == [None, None, None, "opened"]


def test_a_rate_is_not_kept_for_its_basis() -> None:
    """No summary tells one: there is nothing to switch to."""
    rule = AlertRule(name="voids", metric="void_rate", above=Decimal(5))

    assert step(rule, None, reading(1.0, rule), NOON) is None


# --- people, and the end ----------------------------------------------------------------------------------------------


def test_acknowledged_nothing_is_told_but_the_recovery() -> None:
    known = acknowledged(opened(30.0), "  Ben is\non it ", at(1))

    after, told = played((2, reading(40.0)), (3, reading(20.0)), (4, reading(40.0)), (19, reading(40.0)), (20, reading(20.0)), known=known)

    assert (known.note, known.acknowledged_at) == ("Ben is on it", at(1))
    assert [event for event, _ in told] == ["changed", "recovered", None, "changed", "changed"]
    assert after is not None
    assert after.messages == 2


def test_a_second_acknowledgement_changes_the_note_alone() -> None:
    once = acknowledged(opened(30.0), "on it", at(1))

    assert acknowledged(once, "sent two home", at(5)) == replace(once, note="sent two home", updated_at=at(5))
    assert acknowledged(once, "", at(5)) == replace(once, updated_at=at(5))


def test_muted_nothing_is_told_until_it_ends() -> None:
    """What is over then, and was never told, is told then."""
    known = muted(played((0, reading(30.0)))[0], at(60), at(1))  # type: ignore[arg-type]

    _, told = played((15, reading(30.0)), (30, reading(50.0)), (59, reading(51.0)), (60, reading(50.0)), known=known)

    assert told == [(None, "open"), (None, "open"), (None, "open"), ("opened", "open")]


def test_what_opened_while_muted_recovers_without_a_word() -> None:
    known = muted(played((0, reading(30.0)))[0], at(20), at(1))  # type: ignore[arg-type]

    _, told = played((15, reading(30.0)), (30, reading(20.0)), known=known)

    assert told == [(None, "open"), (None, "recovered")]


def test_what_is_muted_while_it_is_open_recovers_without_a_word() -> None:
    known = muted(opened(30.0), at(600), at(1))

    _, told = played((2, reading(40.0)), (3, reading(20.0)), known=known)

    assert told == [(None, "open"), (None, "recovered")]


def test_closed_is_for_good() -> None:
    known = closed(opened(30.0), at(500))

    assert (known.state, known.ended_at, known.value) == ("closed", at(500), 30.0)
    assert closed(known, at(600)) is known
    assert step(LABOR, known, reading(60.0), at(501)) is None
    assert closed(replace(known, state="recovered", ended_at=at(9)), at(600)).ended_at == at(9)


def test_what_is_shown_the_same_is_not_kept_again() -> None:
    """Hundredths of a point are not shown; a fact is."""
    known = opened(30.0, dollars="100", facts=(("Sales", "$5,000.00"),))

    assert step(LABOR, known, reading(30.04, dollars="100.001", facts=(("Sales", "$5,000.00"),)), at(1)) is None
    found = step(LABOR, known, reading(30.04, dollars="100", facts=(("Sales", "$5,010.00"),)), at(1))
    assert found is not None
    assert (found.event, found.incident.value) == ("changed", 30.0)
