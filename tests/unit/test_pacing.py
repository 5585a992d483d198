"""How fast calls leave, whatever asks for them."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_time import FakeClock
from property_profiles import examples
from restaurant_os.sources.pacing import Pacer
from restaurant_os.sources.toast.client import CASH, ORDERS_BULK, ORDERS_BULK_HISTORY, OTHER, PROFILES


class Call(NamedTuple):
    """Someone asks `gap` seconds after the one before, whether or not that one has left yet."""

    gap: float
    endpoint: str
    location: str


class Left(NamedTuple):
    at: float
    endpoint: str
    location: str


def leave(profile: str, calls: list[Call]) -> list[Left]:
    """When each call leaves. Callers are threads: each waits for itself."""
    clock = FakeClock()
    pacer = Pacer(PROFILES[profile], clock)
    found: list[Left] = []
    asked_at = 0.0
    for call in calls:
        asked_at += call.gap
        clock.elapsed = asked_at
        pacer.wait(call.endpoint, call.location)
        found.append(Left(clock.elapsed, call.endpoint, call.location))
    return found


gaps = st.sampled_from((0.0, 0.0, 0.0, 0.05, 0.2)) | st.floats(0, 3, allow_nan=False)
locations = st.sampled_from(("north", "south"))


def calls(*endpoints: str) -> st.SearchStrategy[list[Call]]:
    """Calls now and then, or all at once."""
    some = st.lists(st.builds(Call, gaps, st.sampled_from(endpoints), locations), max_size=60)
    crowd = st.lists(st.builds(Call, st.just(0.0), st.sampled_from(endpoints), st.just("north")), min_size=20, max_size=60)
    return st.one_of(some, crowd)


@examples(25)
@given(calls(ORDERS_BULK, OTHER), st.floats(0, 1))
def test_documented_never_passes_five_orders_calls_a_second(asked: list[Call], offset: float) -> None:
    """In every second that is aligned to a clock, wherever that clock begins, and for each location."""
    seconds = Counter((left.location, math.floor(left.at + offset)) for left in leave("documented", asked) if left.endpoint == ORDERS_BULK)

    assert max(seconds.values(), default=0) <= 5


def test_documented_counts_history_as_the_same_endpoint() -> None:
    """Toast counts calls of ordersBulk, and knows nothing of ours that look further back."""
    asked = [Call(0.0, ORDERS_BULK_HISTORY, "north"), *(Call(0.0, ORDERS_BULK, "north") for _ in range(8))]
    seconds = Counter(math.floor(left.at) for left in leave("documented", asked))

    assert max(seconds.values()) <= 5


@examples(25)
@given(calls(ORDERS_BULK, ORDERS_BULK_HISTORY, OTHER), st.floats(0, 1))
def test_documented_never_passes_twenty_calls_a_second(asked: list[Call], offset: float) -> None:
    """All endpoints of a location together."""
    seconds = Counter((left.location, math.floor(left.at + offset)) for left in leave("documented", asked))

    assert max(seconds.values(), default=0) <= 20


@examples(25)
@given(calls(ORDERS_BULK_HISTORY, OTHER))
def test_documented_reads_history_five_seconds_apart(asked: list[Call]) -> None:
    """Pulls by modification time of more than a day ago, at each location."""
    assert apart(leave("documented", asked), ORDERS_BULK_HISTORY, 5.0)


@examples(25)
@given(calls(ORDERS_BULK, OTHER))
def test_careful_reads_orders_twelve_seconds_apart(asked: list[Call]) -> None:
    """The user's own table: one call of ordersBulk per 12 seconds and location."""
    assert apart(leave("careful", asked), ORDERS_BULK, 12.0)


def apart(left: list[Left], endpoint: str, seconds: float) -> bool:
    for location in ("north", "south"):
        times = sorted(one.at for one in left if one.endpoint == endpoint and one.location == location)
        if any(later - earlier < seconds - 1e-6 for earlier, later in itertools.pairwise(times)):
            return False
    return True


@examples(25)
@given(calls(ORDERS_BULK, ORDERS_BULK_HISTORY, OTHER), st.sampled_from(("careful", "documented")))
def test_locations_do_not_wait_for_each_other(asked: list[Call], profile: str) -> None:
    """A location's calls leave when they would if it were alone."""
    together = leave(profile, asked)
    at = 0.0
    alone: list[Call] = []
    before = 0.0
    for call in asked:
        at += call.gap
        if call.location == "north":
            alone.append(call._replace(gap=at - before))
            before = at

    expected = [left.at for left in leave(profile, alone)]
    assert [left.at for left in together if left.location == "north"] == pytest.approx(expected)


@examples(25)
@given(calls(ORDERS_BULK, ORDERS_BULK_HISTORY, OTHER))
def test_none_waits_for_nothing(asked: list[Call]) -> None:
    """Without pacing every call leaves when it is asked for."""
    times: list[float] = []
    for call in asked:
        times.append((times[-1] if times else 0.0) + call.gap)

    assert [left.at for left in leave("none", asked)] == times


def test_the_first_call_leaves_at_once() -> None:
    """Nothing is waited for before there was a call."""
    assert leave("careful", [Call(0.0, ORDERS_BULK, "north")]) == [Left(0.0, ORDERS_BULK, "north")]


def test_what_the_api_says_is_held() -> None:
    """No endpoint of the location for so long; a shorter hold does not shorten a longer one; other locations go on."""
    clock = FakeClock()
    pacer = Pacer(PROFILES["none"], clock)
    pacer.hold("north", 30.0)
    pacer.hold("north", 10.0)

    pacer.wait(ORDERS_BULK, "south")
    assert clock.elapsed == 0.0
    pacer.wait(OTHER, "north")
    assert clock.elapsed == 30.0


def test_a_call_that_waits_for_its_endpoint_holds_up_no_other() -> None:
    """The second call of orders leaves in 12 seconds; one of cash does not wait for that, but for its turn at the location."""
    left = leave("careful", [Call(0.0, ORDERS_BULK, "north"), Call(0.0, ORDERS_BULK, "north"), Call(0.05, CASH, "north")])

    assert [one.at for one in left] == pytest.approx([0.0, 12.0, 0.1])
