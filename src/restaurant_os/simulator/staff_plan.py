"""The schedule of one location's week: which hours each job needs, and who works them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from restaurant_os.simulator.businessdays import HOUR, MINUTE, demand
from restaurant_os.simulator.catalog import Shop
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.people import CLOSED_BY_WEATHER
from restaurant_os.simulator.planting import DOUBLE_BOOKED, PLANNED_SHARE, SHARED_HOURS
from restaurant_os.simulator.staff import WAGE_UNIT, Employee, House, default_wage, shared_home

#: What hourly labor is planned to cost, as a share of the net sales that are expected: dollars per party, parties per day.
SHARE = 0.271
_SALES_PER_DAY = 41.6 * 250
FULL_WEEK, _LONGEST_WEEK = 39 * HOUR, 48 * HOUR
_REST = 8 * HOUR  #: between the shifts of two days
_PAUSE = 15 * MINUTE  #: between two jobs on one day
_BEFORE_CLOSEOUT = 12 * MINUTE  #: by when the last are gone where Toast clocks everyone out

#: Job, start (local, minutes after midnight; the prep cook's -1 is closeout), length in minutes, how many on an average day.
_SLOTS: tuple[tuple[str, int, int, float], ...] = (
    ("prep", -1, 480, 1.0),
    ("cook", 405, 480, 0.8),
    ("lead", 430, 480, 0.9),
    ("cook", 570, 480, 1.0),
    ("dish", 630, 420, 0.8),
    ("server", 630, 330, 1.6),
    ("host", 645, 300, 0.8),
    ("driver", 660, 240, 0.6),
    ("bartender", 660, 420, 0.7),
    ("cook", 660, 450, 0.6),
    ("server", 690, 420, 1.0),
    ("cook", 900, 480, 1.2),
    ("lead", 930, 510, 1.0),
    ("server", 960, 390, 2.0),
    ("cook", 990, 450, 1.0),
    ("dish", 990, 480, 1.2),
    ("host", 1005, 330, 1.0),
    ("server", 1020, 390, 1.6),
    ("driver", 1020, 270, 0.8),
    ("bartender", 1020, 480, 1.3),
    ("barback", 1080, 360, 0.5),
    ("porter", 1320, 420, 0.9),
    ("training", 840, 240, 0.25),
)
#: Needed as often on a slow day as on a busy one.
_STEADY = ("prep", "porter", "training")
_FIRST_PREP = 5 * 60  #: where closeout is before four
_WORKED = 0.945  #: of the planned time, after breaks, early leavers and no-shows


class Slot(NamedTuple):
    """Hours that a job needs on a day, in instants (ms)."""

    key: str
    start: int
    end: int


@dataclass(slots=True)
class Assignment:
    """Somebody's planned hours. `scheduled` is false for salaried managers, who come when they come."""

    ordinal: int  #: the business date it is planned for
    key: str
    start: int
    end: int
    who: Employee | None  #: None: nobody was found
    scheduled: bool = True
    called_off: bool = False  #: the location stays shut


@dataclass(slots=True)
class _Roster:
    """Who has which hours already."""

    load: dict[str, int] = field(default_factory=dict)
    taken: dict[str, list[Assignment]] = field(default_factory=dict)

    def add(self, work: Assignment) -> Assignment:
        if work.who is not None:
            self.load[work.who.guid] = self.load.get(work.who.guid, 0) + work.end - work.start
            self.taken.setdefault(work.who.guid, []).append(work)
        return work

    def free(self, who: Employee, slot: Slot, ordinal: int) -> bool:
        """Whether he has had his rest, or on one day comes from another job."""
        for work in self.taken.get(who.guid, ()):
            gap = _PAUSE if work.ordinal == ordinal and work.key != slot.key else _REST
            if slot.start < work.end + gap and work.start < slot.end + gap:
                return False
        return True

    def has_room(self, who: Employee, slot: Slot, most: int) -> bool:
        return self.load.get(who.guid, 0) + slot.end - slot.start <= most


def scale(shop: Shop, ordinal: int | None = None) -> float:
    """How many of each slot a day needs against the table, so that the plan costs its share of the sales expected."""
    busy = 1.0 if ordinal is None else demand(ordinal)
    return SHARE * _SALES_PER_DAY * shop.busyness * busy / (_cost(shop, _SLOTS) * _WORKED)


def orderly_scale(shop: Shop, ordinal: int) -> float:
    """The same of a planted world, where what is steady does not come on top: a slow day's plan costs no larger share than a busy one's."""
    steady = _cost(shop, [slot for slot in _SLOTS if slot[0] in _STEADY])
    return (PLANNED_SHARE * _SALES_PER_DAY * shop.busyness * demand(ordinal) / _WORKED - steady) / (_cost(shop, _SLOTS) - steady)


def _cost(shop: Shop, slots: Sequence[tuple[str, int, int, float]]) -> float:
    """What slots of the table cost, in dollars; training is in no report."""
    state = shop.restaurant.state
    return sum(default_wage(key, state) / WAGE_UNIT * length / 60 * count for key, _, length, count in slots if key != "training")


def cooks_needed(shop: Shop) -> int:
    """How many line cooks fill the week."""
    hours = sum(length / 60 * count for key, _, length, count in _SLOTS if key == "cook") * scale(shop) * 7
    return ceil((hours - 10) / 37)


def plan_week(house: House, monday: int) -> list[Assignment]:
    """The plan of a week (the ordinal of its Monday), by day."""
    dice = Dice(f"{house.seed}/schedule/{house.index}/{monday}")
    roster = _Roster()
    planned = [roster.add(work) for work in _fixed(house, monday)]
    for ordinal in range(monday, monday + 7):
        if ordinal < house.shop.restaurant.first_business_date.toordinal():
            continue
        shut = (house.index, house.last_day - ordinal) == CLOSED_BY_WEATHER
        for slot in _slots(house, ordinal, dice):
            work = Assignment(ordinal, slot.key, slot.start, slot.end, _choose(house, roster, slot, ordinal, dice), called_off=shut)
            planned.append(roster.add(work))
        if house.has_planted(DOUBLE_BOOKED, ordinal):
            again = _slots(house, ordinal, dice)
            planned += [roster.add(Assignment(ordinal, *slot, _second(house, roster, slot, ordinal))) for slot in again]
    return sorted(planned, key=lambda work: (work.ordinal, work.start))


def local(house: House, ordinal: int, minutes: int) -> int:
    """The instant of a local time, in minutes after the midnight a date begins with; beyond 24 hours on the next date."""
    days, rest = divmod(minutes, 24 * 60)
    return house.calendar.at(ordinal + days, *divmod(rest, 60))


def _slots(house: House, ordinal: int, dice: Dice) -> list[Slot]:
    """What a day needs, early slots first."""
    factor = orderly_scale(house.shop, ordinal) if house.planting else scale(house.shop, ordinal)
    closes = house.calendar.closes(ordinal)
    found, over = [], dice.random()  # what one slot rounds off the next one gets
    owed = 0.0  # the same in dollars: an orderly plan comes out at its cost, and is the same each week
    for key, start, length, count in _SLOTS:
        if key == "barback" and (house.jobs[key].deleted or 0) <= house.calendar.at(ordinal, 18):
            continue
        wanted = count * (1.0 if key in _STEADY else factor)
        if house.planting:
            each = default_wage(key, house.shop.restaurant.state) / WAGE_UNIT * length / 60
            many = max(0, round(wanted + owed / each))
            owed += (wanted - many) * each
        else:
            many, over = int(over + wanted), (over + wanted) % 1
        for _ in range(many):
            begins = _prep_begins(house, ordinal) if start < 0 else local(house, ordinal, start)
            ends = begins + length * MINUTE
            if house.closes_punches and ends > closes - _BEFORE_CLOSEOUT:
                ends = closes - _BEFORE_CLOSEOUT
            found.append(Slot(key, begins, ends))
    return sorted(found, key=lambda slot: slot.start)


def _prep_begins(house: House, ordinal: int) -> int:
    """A quarter of an hour after closeout, or at five where that is too early."""
    hour = house.calendar.closeout_hour(ordinal)
    return house.calendar.opens(ordinal) + 15 * MINUTE if hour * 60 > _FIRST_PREP - 120 else local(house, ordinal, _FIRST_PREP)


def _choose(house: House, roster: _Roster, slot: Slot, ordinal: int, dice: Dice) -> Employee | None:
    """Whoever has the job, the time, and the fewest hours so far; when all have a full week, mostly somebody who works overtime."""
    free = [
        who for who in house.employees if slot.key in who.jobs and not who.shared and who.works(ordinal) and roster.free(who, slot, ordinal)
    ]
    able = [who for who in free if roster.has_room(who, slot, FULL_WEEK)]
    if not able and dice.chance(0.85) and not house.planting:
        able = [who for who in free if roster.has_room(who, slot, _LONGEST_WEEK)]
    if not able:
        return None
    # Now and then the one who is there already stays for a second job, at another wage.
    if dice.chance(0.3):
        present = [who for who in able if any(work.ordinal == ordinal for work in roster.taken.get(who.guid, ()))]
        able = present or able
    return min(able, key=lambda who: (roster.load.get(who.guid, 0) // (2 * HOUR) + who.jobs.index(slot.key) * 2, dice.random()))


def _second(house: House, roster: _Roster, slot: Slot, ordinal: int) -> Employee | None:
    """Whoever has the job, is not there yet and has not had a full week, rested or not: of the second crew that a mistake brings."""
    able = [who for who in house.employees if slot.key in who.jobs and not who.shared and who.works(ordinal)]
    able = [who for who in able if roster.has_room(who, slot, FULL_WEEK)]
    away = [who for who in able if all(slot.start >= work.end or slot.end <= work.start for work in roster.taken.get(who.guid, ()))]
    return min(away, key=lambda who: (roster.load.get(who.guid, 0), who.guid), default=None)


def _fixed(house: House, monday: int) -> list[Assignment]:
    """Hours that are the same every week: the salaried managers', and those of the cook shared with another location."""
    first = house.shop.restaurant.first_business_date.toordinal()
    fixed = []
    for who in house.employees:
        if who.shared:
            days = range(3) if shared_home(house.index) == house.index else range(3, 6)
            hours, scheduled = SHARED_HOURS if house.planting else (570, 1140), True
        elif house.jobs[who.jobs[0]].salaried:
            days, hours, scheduled = (range(5), (540, 1110), False) if who.jobs[0] == "gm" else (range(1, 6), (660, 1260), False)
        else:
            continue
        for ordinal in (monday + day for day in days):
            if ordinal >= first:
                shut = (house.index, house.last_day - ordinal) == CLOSED_BY_WEATHER
                start, end = (local(house, ordinal, minutes) for minutes in hours)
                fixed.append(Assignment(ordinal, who.jobs[0], start, end, who, scheduled, shut))
    return fixed
