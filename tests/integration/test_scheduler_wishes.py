"""Wishes: what an event asks to be read is read soon, once a minute at most, by one replica."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fake_time import START
from orders_world import NORTH, SOUTH
from restaurant_os.errors import AccessError, RestaurantOSError
from restaurant_os.settings import Location
from scheduling import MINUTE, Gate, Ward, looked, noting, waited, warded


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[Ward]:
    """No polls: what is read is read because of a wish."""
    with warded(tmp_path, orders_every_minutes=0, labor_every_minutes=0, cash_every_minutes=0) as found:
        yield found


def wish(ward: Ward, dataset: str = "orders", location: str = NORTH.toast_guid) -> None:
    ward.store.want(dataset, location, ward.clock.now())


def test_a_wish_is_served_at_the_next_look_and_once_a_minute(quiet: Ward) -> None:
    """Asked for ten times in two minutes, by two replicas: read at once, and then once in each minute."""
    asked, replicas = noting(quiet), [quiet.replica("A"), quiet.replica("B")]
    for _ in range(10):
        wish(quiet)
        looked(*replicas)
        quiet.pass_time(12)

    assert [(dataset, names) for _, dataset, names in asked] == [("orders", ("North",))] * 2
    assert quiet.store.wanted() != []
    looked(*replicas)
    assert len(asked) == 3
    assert quiet.store.wanted() == []


def test_wishes_for_several_locations_are_one_read(quiet: Ward) -> None:
    """Each with a lease of its own; '' is all of them, a location that is not configured none."""
    asked, scheduler = noting(quiet), quiet.replica()
    wish(quiet)
    wish(quiet, location=SOUTH.toast_guid)
    wish(quiet, "config", "")
    wish(quiet, "cash", "a stranger")
    wish(quiet, "summaries")
    looked(scheduler)

    assert sorted((dataset, names) for _, dataset, names in asked) == [("config", ("North", "South")), ("orders", ("North", "South"))]
    assert quiet.store.wanted() == []
    assert [job for job, _, _ in quiet.runs()] == [
        "cash wish a stranger",
        "config wish all",
        f"orders wish {NORTH.toast_guid}",
        f"orders wish {SOUTH.toast_guid}",
        "retention",
    ]


def test_what_is_wished_for_while_it_is_read_is_read_again(quiet: Ward) -> None:
    """That read may have begun before what the wish is about."""
    quiet.answer = gate = Gate()
    scheduler = quiet.replica()
    wish(quiet)
    scheduler.look()
    waited(lambda: gate.inside != [])
    quiet.pass_time(5)
    wish(quiet)
    gate.open.set()
    scheduler.finish()
    asked = noting(quiet)
    looked(scheduler)
    at_once = len(asked)
    quiet.pass_time(MINUTE)
    looked(scheduler)

    assert (at_once, len(asked), quiet.store.wanted()) == (0, 1, [])


def test_a_wish_that_fails_stays_and_is_tried_a_minute_later(quiet: Ward) -> None:
    """Of two locations only the one that failed."""

    def answer(owner: str, dataset: str, locations: Sequence[Location]) -> RestaurantOSError | None:
        return AccessError("no") if len(locations) == 1 else None

    quiet.answer = answer
    scheduler = quiet.replica()
    wish(quiet)
    looked(scheduler)
    stays = quiet.store.wanted()
    asked = noting(quiet)
    looked(scheduler)
    early = len(asked)
    quiet.pass_time(MINUTE)
    looked(scheduler)

    assert (stays, early) == ([("orders", NORTH.toast_guid, START)], 0)
    assert (asked, quiet.store.wanted()) == ([("A", "orders", ("North",))], [])


def test_a_wish_whose_replica_was_killed_is_served_by_another(quiet: Ward) -> None:
    """Once its lease is out and a minute has passed."""
    quiet.answer = gate = Gate()
    killed = quiet.replica("A")
    wish(quiet)
    killed.look()
    waited(lambda: gate.inside != [])
    asked, other = noting(quiet), quiet.replica("B")
    looked(other)
    early = list(asked)
    quiet.pass_time(MINUTE + 1)
    looked(other)
    gate.open.set()
    killed.finish()

    assert (early, asked, quiet.store.wanted()) == ([], [("B", "orders", ("North",))], [])
    assert [run.owner for run in quiet.ended if "wish" in run.job] == ["B"]
