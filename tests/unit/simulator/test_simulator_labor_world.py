"""The life at the clock: the same every time, and every special case there."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from random import Random
from statistics import median

import pytest

from restaurant_os.simulator.businessdays import HOUR, MINUTE, to_datetime, to_ms
from restaurant_os.simulator.labor_life import LATEST_EDIT
from restaurant_os.simulator.labor_punches import Entry, State, worked
from restaurant_os.simulator.staff import NO_CLOCK, monday_of
from restaurant_os.simulator.world import World

LAST_DAY = date(2026, 3, 14)
AFTERWARDS = timedelta(days=20)


@pytest.fixture(scope="module")
def group() -> World:
    """Thirteen locations, four weeks, with the night on which the clock skips an hour."""
    return World(seed=7, locations=13, days=28, last_day=LAST_DAY)


@pytest.fixture(scope="module")
def entries(group: World) -> dict[int, list[Entry]]:
    """All entries of the four weeks, by location."""
    at = group.history_end + AFTERWARDS
    days = [group.first_day + timedelta(days=n) for n in range(28)]
    return {r.index: [p.entry for day in days for p in group.labor.by_business_date(r.guid, day, at)] for r in group.restaurants}


def every(entries: dict[int, list[Entry]]) -> list[Entry]:
    return [entry for found in entries.values() for entry in found]


def last(entry: Entry) -> State:
    return entry.states[-1]


# --- the same world, however it is asked ----------------------------------------------------------------------------------


def test_labor_is_the_same_in_whatever_order_it_is_asked() -> None:
    """A day depends neither on what was asked before nor on how many days and locations there are."""
    wide = World(seed=3, locations=3, days=12, last_day=LAST_DAY)
    narrow = World(seed=3, locations=1, days=3, last_day=LAST_DAY)
    guid, at = wide.restaurants[0].guid, wide.history_end + timedelta(days=2)
    days = [LAST_DAY - timedelta(days=n) for n in range(3)]
    Random(2).shuffle(days)
    for day in days:
        one, other = (world.labor.by_business_date(guid, day, at) for world in (wide, narrow))
        assert [(p.entry.guid, p.state) for p in one] == [(p.entry.guid, p.state) for p in other]
    assert narrow.labor.books(at) == [row for row in wide.labor.books(at) if row in narrow.labor.books(at)]
    assert World(seed=4, locations=1, days=3, last_day=LAST_DAY).labor.books(at) != narrow.labor.books(at)


def test_weeks_told_again_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = World(seed=7, locations=2, days=20, last_day=LAST_DAY)
    monkeypatch.setattr("restaurant_os.simulator.labor._WEEKS_KEPT", 1)
    cramped = World(seed=7, locations=2, days=20, last_day=LAST_DAY)
    at = fresh.history_end
    guid = fresh.restaurants[0].guid
    one = fresh.labor.by_business_date(guid, fresh.first_day, at)[0]

    assert cramped.labor.books(at) == fresh.labor.books(at)
    assert cramped.labor.entry(guid, one.entry.guid, at) == one


def test_books_of_the_past_never_change() -> None:
    asked, fresh = (World(seed=7, locations=3, days=6, last_day=LAST_DAY) for _ in range(2))
    at = asked.history_end - timedelta(hours=40)
    asked.labor.books(asked.history_end + timedelta(days=5))

    assert asked.labor.books(at) == fresh.labor.books(at)


def test_the_world_that_stands_has_its_own_days_and_nothing_else(group: World) -> None:
    rows = group.labor.books(group.history_end)
    assert {row["business_date"] for row in rows} <= {(group.first_day + timedelta(days=n)).isoformat() for n in range(28)}
    late = group.restaurants[4]
    first = min(str(row["business_date"]) for row in rows if row["restaurant_guid"] == late.guid)
    assert first == late.first_business_date.isoformat()


def test_an_entry_is_never_newer_than_the_asker_and_only_grows(group: World) -> None:
    guid = group.restaurants[1].guid
    seen: dict[str, State] = {}
    changed = 0
    for hour in range(-60, 240, 5):
        at = group.history_end + timedelta(hours=hour)
        for punched in group.labor.by_clock_in(guid, at - timedelta(days=12), at + timedelta(hours=1), at):
            before = seen.get(punched.entry.guid)
            assert to_datetime(punched.state.modified) <= at
            assert punched.state.clocked_in <= to_ms(at)
            if before is not None and before is not punched.state:
                assert punched.state.modified > before.modified
                changed += 1
            seen[punched.entry.guid] = punched.state
    assert changed > 200


# --- every entry ----------------------------------------------------------------------------------------------------------


def test_every_state_is_sound(group: World, entries: dict[int, list[Entry]]) -> None:
    for index, found in entries.items():
        house = group.labor.house(group.restaurants[index].guid)
        for entry in found:
            assert all(one.modified < other.modified for one, other in pairwise(entry.states))
            for state in entry.states:
                assert 0 <= state.modified - state.clocked_in < LATEST_EDIT
                assert (state.wage is None) == (state.job is not None and state.job.salaried) or state.job is None
                running = [pause for pause in state.breaks if pause.ended is None and not pause.missed]
                assert len(running) <= 1
                if state.clocked_out is None:
                    assert (state.regular, state.overtime) == (0, 0)
                    continue
                assert state.clocked_in < state.clocked_out
                assert state.clocked_out <= state.modified
                assert not running
                hours = worked(state.clocked_in, state.clocked_out, state.breaks)
                assert abs(state.regular + state.overtime - hours / 360) < 1
                assert state.overtime >= 0 <= state.regular
                if state.automatic:
                    closes = house.calendar.closes(house.calendar.date_of(state.clocked_in))
                    assert house.closes_punches
                    assert state.clocked_out == closes


def test_toast_closes_what_is_open_at_closeout_only_where_it_is_set_to(group: World, entries: dict[int, list[Entry]]) -> None:
    """Elsewhere a night crew works past it, and a forgotten entry stays open."""
    automatic = {index for index, found in entries.items() if any(state.automatic for entry in found for state in entry.states)}
    past: set[int] = set()
    for index, found in entries.items():
        house = group.labor.house(group.restaurants[index].guid)
        for state in (state for entry in found for state in entry.states if state.clocked_out is None):
            closes = house.calendar.closes(house.calendar.date_of(state.clocked_in))
            past |= {index} if state.modified > closes else set()
        past |= {index} if any(last(entry).clocked_out is None for entry in found) else set()
    assert automatic >= {0, 2, 3, 5}
    assert past
    assert not automatic & past


# --- the special cases ----------------------------------------------------------------------------------------------------


def test_life_has_every_case(group: World, entries: dict[int, list[Entry]]) -> None:
    cases: Counter[str] = Counter()
    for entry in every(entries):
        cases.update(cases_of(entry))
    for name in (
        "forgotten, mended next morning",
        "stays open for good",
        "stays closed at closeout",
        "raise entered later",
        "edited a week later",
        "deleted",
        "wrong job",
        "entered by a manager",
        "moved to another time",
        "paid break",
        "unpaid break",
        "missed break",
        "waived break",
        "on break when it was closed",
        "overtime",
        "beyond twelve hours",
        "names its shift",
        "no job",
        "excluded job",
        "deleted job",
        "salaried",
        "no tips known",
    ):
        assert cases[name] > 0, name
    assert cases["raise entered later"] > 10
    assert 0.005 < cases["deleted"] / len(every(entries)) < 0.05


def cases_of(entry: Entry) -> set[str]:
    first_closed = next((state for state in entry.states if state.clocked_out), None)
    final = last(entry)
    cases = {
        "stays open for good": final.clocked_out is None and not final.deleted,
        "stays closed at closeout": final.automatic,
        "raise entered later": any(a.wage != b.wage and a.job is b.job for a, b in pairwise(entry.states)),
        "deleted": final.deleted,
        "wrong job": len({state.job.key for state in entry.states if state.job}) > 1,
        "entered by a manager": entry.states[0].modified > entry.states[0].clocked_in + 30 * MINUTE,
        "moved to another time": len({state.clocked_in for state in entry.states}) > 1,
        "paid break": any(pause.paid for pause in final.breaks),
        "unpaid break": any(pause.is_deducted for pause in final.breaks),
        "missed break": any(pause.missed and not pause.waived for pause in final.breaks),
        "waived break": any(pause.waived for pause in final.breaks),
        "on break when it was closed": any(pause.ended == final.clocked_out for pause in final.breaks),
        "overtime": final.overtime > 0,
        "beyond twelve hours": any(state.overtime and state.regular + state.overtime > 120_000 for state in entry.states),
        "names its shift": entry.shift is not None,
        "no job": final.job is None,
        "excluded job": final.job is not None and final.job.excluded,
        "deleted job": final.job is not None and final.job.deleted is not None,
        "salaried": final.job is not None and final.job.salaried,
        "no tips known": final.tips.cash is None,
    }
    if first_closed is not None:
        cases["forgotten, mended next morning"] = first_closed.automatic and not final.automatic and not final.deleted
        outs = [state for state in entry.states if state.clocked_out != first_closed.clocked_out and state.clocked_out]
        cases["edited a week later"] = any(state.modified - first_closed.modified > 6 * 24 * HOUR for state in outs)
    return {name for name, is_so in cases.items() if is_so}


def test_an_opener_before_closeout_counts_on_the_day_before(group: World, entries: dict[int, list[Entry]]) -> None:
    early = 0
    for index, found in entries.items():
        calendar = group.labor.house(group.restaurants[index].guid).calendar
        for entry in found:
            begun = last(entry).clocked_in
            closes = calendar.closes(calendar.date_of(begun))
            early += last(entry).job is not None and last(entry).job.key == "prep" and closes - begun < HOUR  # type: ignore[union-attr]
    assert early > 20


def test_some_work_two_jobs_at_two_wages_on_one_day(group: World, entries: dict[int, list[Entry]]) -> None:
    wages: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for entry in every(entries):
        if not last(entry).deleted and last(entry).wage is not None and last(entry).job is not None:
            day = last(entry).clocked_in // (24 * HOUR)
            wages[entry.who.guid, day].add(last(entry).wage or 0)
    assert sum(len(found) > 1 for found in wages.values()) > 30


def test_entries_of_one_person_overlap_now_and_then(entries: dict[int, list[Entry]]) -> None:
    mine: defaultdict[str, list[State]] = defaultdict(list)
    for entry in every(entries):
        if not last(entry).deleted and last(entry).clocked_out:
            mine[entry.who.guid].append(last(entry))
    pairs = [pair for states in mine.values() for pair in combinations(states, 2)]
    overlaps = [1 for one, other in pairs if one.clocked_in < (other.clocked_out or 0) and other.clocked_in < (one.clocked_out or 0)]
    assert 10 < len(overlaps) < 0.05 * len(every(entries))


def test_a_week_over_forty_hours_across_two_locations_is_overtime_at_neither(group: World, entries: dict[int, list[Entry]]) -> None:
    """The platform counts each location's hours alone; the person's number is the same at both."""
    weeks: defaultdict[tuple[str | None, int], Counter[int]] = defaultdict(Counter)
    for index in (8, 12):
        calendar = group.labor.house(group.restaurants[index].guid).calendar
        for entry in entries[index]:
            if entry.who.shared and last(entry).is_counted:
                monday = monday_of(calendar.date_of(last(entry).clocked_in))
                weeks[entry.who.number, monday][index] += last(entry).regular + last(entry).overtime
    assert any(sum(week.values()) > 400_000 and max(week.values()) < 400_000 for week in weeks.values())
    assert len({number for number, _ in weeks}) == 1


def test_salaried_managers_punch_at_some_locations_only(entries: dict[int, list[Entry]]) -> None:
    titles = {index: {state.job.title for entry in found for state in entry.states if state.job} for index, found in entries.items()}
    for index in set(titles) - NO_CLOCK:
        assert "Assistant Manager" in titles[index]
        assert ("General Manager" in titles[index]) == (index % 2 == 0)
    assert all(not found for index, found in entries.items() if index in NO_CLOCK)


def test_early_late_missed_and_unscheduled_punches(group: World, entries: dict[int, list[Entry]]) -> None:
    at = group.history_end + AFTERWARDS
    seen: Counter[str] = Counter()
    for restaurant in group.restaurants[:3]:
        begin = to_datetime(group.labor.house(restaurant.guid).calendar.opens(group.first_day.toordinal()))
        shifts = [
            s.state
            for n in range(3)
            for s in group.labor.shifts(restaurant.guid, begin + timedelta(days=9 * n), begin + timedelta(days=9 * n + 9), at)
            if s.state.who and not s.state.deleted
        ]
        punches: defaultdict[str, list[State]] = defaultdict(list)
        for entry in entries[restaurant.index]:
            if last(entry).is_counted and not (last(entry).job and last(entry).job.salaried):  # type: ignore[union-attr]
                punches[entry.who.guid].append(last(entry))
        planned: defaultdict[str, list[int]] = defaultdict(list)
        for shift in shifts:
            assert shift.who is not None
            planned[shift.who.guid].append(shift.start)
            near = [s.clocked_in - shift.start for s in punches[shift.who.guid] if abs(s.clocked_in - shift.start) < 3 * HOUR]
            seen["missed"] += not near
            seen["late"] += bool(near) and min(near, key=abs) > 11 * MINUTE
            seen["early"] += bool(near) and min(near, key=abs) < -15 * MINUTE
        stop = to_ms(begin + timedelta(days=26))
        for guid, states in punches.items():
            for state in states:
                seen["unscheduled"] += state.clocked_in < stop and all(abs(state.clocked_in - start) > 3 * HOUR for start in planned[guid])
        seen["shifts"] += len(shifts)
    assert min(seen.values()) > 10
    assert seen["missed"] + seen["late"] + seen["early"] < 0.3 * seen["shifts"]


@pytest.mark.parametrize(
    ("last_day", "night", "hours"), [(date(2026, 3, 9), date(2026, 3, 7), 23), (date(2025, 11, 3), date(2025, 11, 1), 25)]
)
def test_hours_of_a_night_on_which_the_clock_changes_are_those_that_passed(last_day: date, night: date, hours: int) -> None:
    """Those whose shift spans the change work an hour less or more than their wall clock says."""
    world = World(seed=7, locations=5, days=6, last_day=last_day)
    spanning = 0
    for restaurant in world.restaurants:
        calendar = world.labor.house(restaurant.guid).calendar
        opens, closes = calendar.opens(night.toordinal()), calendar.closes(night.toordinal())
        if restaurant.closeout_hour > 2:
            assert (closes - opens) // HOUR == hours
        for punched in world.labor.by_business_date(restaurant.guid, night, world.history_end + AFTERWARDS):
            state = punched.state
            assert opens <= state.clocked_in < closes
            change = calendar.at(night.toordinal() + 1, 1) + HOUR
            if state.clocked_out and state.clocked_in < change - HOUR and state.clocked_out > change + HOUR:
                spanning += 1
                passed = state.clocked_out - state.clocked_in
                assert abs(state.regular + state.overtime - worked(state.clocked_in, state.clocked_out, state.breaks) / 360) < 1
                assert passed < 12 * HOUR or state.automatic or len(punched.entry.states) > 2
    assert spanning > 0


# --- how much of it -------------------------------------------------------------------------------------------------------


def test_hourly_labor_is_a_plausible_share_of_net_sales() -> None:
    world = World(seed=7, locations=6, days=10, last_day=LAST_DAY)
    sales = {(row["restaurant_guid"], row["business_date"]): Decimal(str(row["net_sales"])) for row in world.books(world.history_end)}
    shut = (world.restaurants[2].guid, (LAST_DAY - timedelta(days=4)).isoformat())
    shares = [
        Decimal(str(row["labor_cost"])) / sales[key] * 100
        for row in world.labor.books(world.history_end)
        if (key := (row["restaurant_guid"], row["business_date"])) != shut
    ]
    inside = [share for share in shares if 22 <= share <= 32]

    assert 24 < median(shares) < 29
    assert len(inside) > 0.75 * len(shares)
    assert all(12 < share < 50 for share in shares)


def test_a_day_shut_by_weather_has_few_punches_and_its_shifts_are_called_off(group: World) -> None:
    guid, day = group.restaurants[2].guid, LAST_DAY - timedelta(days=4)
    at = group.history_end
    rows = [row for row in group.labor.books(at, day) if row["restaurant_guid"] == guid]
    opens = to_datetime(group.labor.house(guid).calendar.opens(day.toordinal()))
    shifts = group.labor.shifts(guid, opens, opens + timedelta(hours=24), at)

    assert all(int(str(row["entries"])) <= 4 for row in rows)
    assert len(shifts) > 10
    assert all(shift.state.deleted for shift in shifts)
