"""Planted incidents: where they are, that they are what they say, and that nothing else in their world is like them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator import staff_plan
from restaurant_os.simulator.__main__ import arguments
from restaurant_os.simulator.businessdays import HOUR, demand, to_ms
from restaurant_os.simulator.labor import Punched
from restaurant_os.simulator.live_day import open_day
from restaurant_os.simulator.planting import CATERING, DEAD_SHARE, PLANNED_SHARE, VOIDING, found
from restaurant_os.simulator.server import Options, build
from restaurant_os.simulator.staff import WAGE_UNIT, default_wage
from restaurant_os.simulator.staff_plan import orderly_scale, plan_week
from restaurant_os.simulator.world import World
from simulator_fakes import Http

LAST_DAY = date(2026, 3, 14)
WEEKS = 8


@pytest.fixture(scope="module")
def planted() -> World:
    return World(seed=7, locations=13, days=7 * WEEKS, last_day=LAST_DAY, demand=0.02, plant=True)


@pytest.fixture(scope="module")
def usual() -> World:
    return World(seed=7, locations=13, days=7 * WEEKS, last_day=LAST_DAY, demand=0.02)


def rows(world: World, kind: str) -> list[dict[str, Any]]:
    return [row for row in found(world, world.history_end) if row["kind"] == kind]


def day_of(row: dict[str, Any]) -> date:
    return date.fromisoformat(row["business_date"])


def index_of(world: World, row: dict[str, Any]) -> int:
    return next(own.index for own in world.restaurants if own.guid == row["restaurant_guid"])


def days(world: World, guid: str) -> list[date]:
    return [world.first_day + timedelta(days=number) for number in range(7 * WEEKS)]


def open_for(punched: Punched) -> int:
    """How long the entry stood open, in ms."""
    states = punched.entry.states
    opened = [state.modified for state in states if state.clocked_out is None]
    closed = [state.modified for state in states if state.clocked_out is not None]
    return closed[0] - states[0].clocked_in if opened and closed else 0 if closed else 99 * HOUR


def test_each_kind_is_planted_twice_within_eight_weeks_at_known_places(planted: World) -> None:
    listed: list[dict[str, Any]] = found(planted, planted.history_end)
    places = [(row["kind"], index_of(planted, row), (LAST_DAY - day_of(row)).days) for row in listed]
    assert places == [
        ("bad_drawer", 10, 44),
        ("double_booked_shift", 8, 38),
        ("dead_day", 5, 31),
        ("forgotten_clock_out", 7, 25),
        ("bad_drawer", 0, 23),
        ("double_booked_shift", 1, 18),
        ("dead_day", 0, 12),
        ("forgotten_clock_out", 2, 9),
    ]


def test_a_world_that_was_not_asked_has_nothing_planted(usual: World) -> None:
    assert (usual.planting, found(usual, usual.history_end)) == (None, [])


def test_a_dead_day_has_a_quarter_of_its_parties_and_all_of_its_staff(planted: World) -> None:
    for row in rows(planted, "dead_day"):
        guid, ordinal = row["restaurant_guid"], day_of(row).toordinal()
        world = World(seed=7, locations=13, days=7 * WEEKS, last_day=LAST_DAY, plant=True)
        same = World(seed=7, locations=13, days=7 * WEEKS, last_day=LAST_DAY)
        assert len(world._plan(guid, ordinal).parties) == round(DEAD_SHARE * len(same._plan(guid, ordinal).parties))
        week_before = date.fromordinal(ordinal - 7)
        today, before = (
            len(planted.labor.by_business_date(guid, day, planted.history_end)) for day in (date.fromordinal(ordinal), week_before)
        )
        assert abs(today - before) <= 4


def test_a_double_booked_day_is_scheduled_and_worked_twice(planted: World) -> None:
    for row in rows(planted, "double_booked_shift"):
        guid, day = row["restaurant_guid"], day_of(row)

        def crew(of: date, guid: str = guid) -> tuple[int, float]:
            """Shifts of a day, and hours worked on it."""
            ordinal, date_of = of.toordinal(), planted.shops[guid].calendar.date_of
            there = planted.labor._scheduled(guid, ordinal, ordinal, planted.history_end)
            came = [p.state for p in planted.labor.by_business_date(guid, of, planted.history_end) if p.state.is_counted and p.state.wage]
            return (
                sum(date_of(own.state.start) == ordinal for own in there),
                sum(state.regular + state.overtime for state in came) / 10_000,
            )

        (twice, worked), (once, usually) = crew(day), crew(day - timedelta(days=7))
        assert 1.7 <= twice / once <= 2.4
        assert 1.6 <= worked / usually <= 2.5


def test_nobody_is_planned_for_more_than_a_full_week_in_a_planted_world(planted: World, usual: World) -> None:
    def longest_week(world: World) -> float:
        """The most planned hours of anybody with an hourly wage, over all locations."""
        found = Counter[tuple[str | None, int]]()
        for house in world.labor._houses.values():
            for monday in range(LAST_DAY.toordinal() - 12 - 7 * 4, LAST_DAY.toordinal() - 12, 7):
                for work in plan_week(house, monday):
                    if work.who and work.scheduled:
                        person = work.who.number if work.who.shared else work.who.guid
                        found[person, monday] += work.end - work.start
        return max(found.values()) / HOUR

    assert longest_week(planted) <= 39 < 50 < longest_week(usual)


def test_labor_of_a_planted_world_is_planned_at_the_same_share_of_expected_sales_on_slow_and_busy_days(planted: World) -> None:
    for place in planted.restaurants:
        shop = planted.shops[place.guid]
        shares = []
        for ordinal in range(LAST_DAY.toordinal() - 6, LAST_DAY.toordinal() + 1):
            each = orderly_scale(shop, ordinal)
            cost = sum(
                default_wage(key, place.state) / WAGE_UNIT * length / 60 * count * (1 if key in ("prep", "porter") else each)
                for key, _, length, count in staff_plan._SLOTS
                if key != "training"
            )
            shares.append(cost * staff_plan._WORKED / (staff_plan._SALES_PER_DAY * shop.busyness * demand(ordinal)))
        assert shares == pytest.approx([PLANNED_SHARE] * 7)


def test_a_quarter_of_the_usual_voids_and_catering_orders_happen_in_a_planted_world() -> None:
    def happened(plant: bool) -> Counter[bool]:
        world = World(seed=7, locations=4, days=7, last_day=LAST_DAY, plant=plant)
        days = range(LAST_DAY.toordinal() - 6, LAST_DAY.toordinal() + 1)
        parties = [party for place in world.restaurants for day in days for party in world._plan(place.guid, day).parties]
        return Counter(party.scene in VOIDING for party in parties if party.scene in VOIDING | CATERING)

    few, many = happened(plant=True), happened(plant=False)
    assert 0.15 <= few[True] / many[True] <= 0.35
    assert 0.1 <= few[False] / many[False] <= 0.4


def test_a_forgotten_clock_out_stands_open_far_past_the_end_of_its_shift(planted: World) -> None:
    for row in rows(planted, "forgotten_clock_out"):
        guid, at = row["restaurant_guid"], planted.history_end
        punched, ordinal = planted.labor.entry(guid, row["time_entry_guid"], at), day_of(row).toordinal()
        assert punched is not None
        who = punched.entry.who
        assert (who.guid, planted.labor._date(guid, punched.state)) == (row["employee_guid"], ordinal)
        shifts = [own.state for own in planted.labor._scheduled(guid, ordinal, ordinal, at) if own.state.who is who]
        planned = [shift.end for shift in shifts if planted.shops[guid].calendar.date_of(shift.start) == ordinal]
        assert len(planned) == 1  # no later shift explains it
        assert punched.entry.states[0].clocked_in + open_for(punched) > planned[0] + 6 * HOUR


def test_only_few_others_forget_to_clock_out_in_a_planted_world(planted: World, usual: World) -> None:
    def forgotten(world: World) -> int:
        return sum(
            open_for(punched) > 12 * HOUR
            for place in world.restaurants
            for punched in world.labor._seen(place.guid, world.labor.last_day - 20, world.labor.last_day, world.history_end)
        )

    location_weeks = 3 * 12
    assert forgotten(planted) <= 0.25 * location_weeks < 2 * location_weeks < forgotten(usual)


def test_a_bad_drawer_is_147_dollars_short_and_no_other_is_off_by_more_than_ten(planted: World) -> None:
    bad = {(row["restaurant_guid"], row["entry_guid"]): row["amount"] for row in rows(planted, "bad_drawer")}
    off = {
        (place.guid, entry.guid): f"{entry.amount / 100:.2f}"
        for place in planted.restaurants
        for day in days(planted, place.guid)
        for entry in planted.tills.entries(place.guid, day, planted.history_end)
        if entry.kind in ("CLOSE_OUT_OVERAGE", "CLOSE_OUT_SHORTAGE") and abs(entry.amount) > 1_000
    }
    assert off == bad
    assert set(bad.values()) == {"-147.50"}


def test_the_day_that_is_sent_live_has_one_of_each_at_three_locations() -> None:
    world, day = open_day(Options(locations=3, days=2, last_day=LAST_DAY, plant=True), datetime(2026, 3, 20, tzinfo=UTC))
    at_end = found(world, day.ends)
    assert [(row["kind"], index_of(world, row)) for row in at_end if row["business_date"] == LAST_DAY.isoformat()] == [
        ("double_booked_shift", 0),
        ("dead_day", 1),
        ("bad_drawer", 2),
        ("forgotten_clock_out", 2),
    ]
    begun = Counter(str(row["kind"]) for row in found(world, day.begins + timedelta(hours=7)))
    assert begun == Counter({"double_booked_shift": 1, "dead_day": 1})  # nobody of the third has come yet, and no drawer was counted


def test_the_simulator_lists_what_is_planted() -> None:
    options = arguments(["--locations", "1", "--days", "14", "--last-day", "2026-03-14", "--demand", "0.01", "--plant"])
    http = Http(build(options, seconds=lambda: to_ms(datetime(2026, 3, 20, tzinfo=UTC)) / 1000))
    [place] = http.get("/simulator").json()["restaurants"]
    assert http.get("/simulator/planted").json() == [
        {"kind": "dead_day", "restaurant_guid": place["guid"], "business_date": "2026-03-02"},
    ]
