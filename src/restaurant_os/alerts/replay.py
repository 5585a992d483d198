"""What today's rules would have said over stored history, by the same measures and the same steps, with the clock moved on.

Rules that look at a day as it runs are read at the end of each of its hours, and once more when what began then has been held; the others at its closeout.
The warehouse keeps what is known now, not what was known then: a late edit is taken as if it had been there in time. What was late is kept nowhere, so
that `data_late` is left out. Nothing is sent, and no incident is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerting import Incident, Reading
from restaurant_os.alerts import readings
from restaurant_os.alerts.asking import week_start
from restaurant_os.alerts.dayfacts import Day, DayFacts, read_days
from restaurant_os.alerts.days import Usual, read_usual, state_at
from restaurant_os.alerts.evaluation import OF_TIME, end_of_period, stepped
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.messages import NEW
from restaurant_os.alerts.rules import is_projected, judged, rules_of, unit_of
from restaurant_os.alerts.wording import shown
from restaurant_os.businessday import days_between
from restaurant_os.settings import AlertRule, Location, Settings
from restaurant_os.warehouse import Warehouse

#: A rule is to speak on at most so many days of a location's week.
MOST_A_WEEK = 2
#: The last look at a day as it runs is so long before its closeout: from then on it is over, and what is clocked out by the closeout recovers nothing.
MOMENT = timedelta(seconds=1)
#: Steps of a proposed level, by what it is counted in.
STEPS = {"percent": 0.5, "money": 5.0, "minutes": 5.0}
WEEK_COLUMNS = ("week", "rule", "location", "messages", "incidents")
LEVEL_COLUMNS = ("rule", "level", "messages", "most in a week", "level for 2 a week")


@dataclass(slots=True)
class Week:
    """What a rule would have told of a location in a report week. `messages`: new ones; `incidents`: that opened."""

    week: date
    rule: str
    location: Location
    messages: int = 0
    incidents: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """How a rule's level does. `most`: messages in the worst week of a location. `proposed`: the mildest level beyond which no location would have been
    on more than two days of any week, in the rule's unit; None: the level does already, or nothing can be said of it."""

    rule: AlertRule
    messages: int
    most: int
    proposed: float | None

    @property
    def level(self) -> str:
        unit = unit_of(self.rule.metric)
        parts = [
            f"{word} {shown(unit, level)}" for word, level in (("above", self.rule.above), ("below", self.rule.below)) if level is not None
        ]
        return " or ".join(parts)


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """`weeks`: those in which anything would have been told. `left_out`: rules that history says nothing of. `opened`: each incident that opened, as it
    was when it last did, in the order of the first times."""

    first: date
    last: date
    weeks: tuple[Week, ...]
    levels: tuple[Level, ...]
    left_out: tuple[str, ...]
    opened: tuple[Incident, ...] = ()

    def week_cells(self) -> list[tuple[Any, ...]]:
        """Under WEEK_COLUMNS."""
        return [(own.week, own.rule, own.location.name, own.messages, own.incidents) for own in self.weeks]

    def level_cells(self) -> list[tuple[Any, ...]]:
        """Under LEVEL_COLUMNS."""
        return [
            (
                own.rule.name,
                own.level,
                own.messages,
                own.most,
                "" if own.proposed is None else shown(unit_of(own.rule.metric), own.proposed),
            )
            for own in self.levels
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.first,
            "to": self.last,
            "weeks": [
                {
                    "week": own.week,
                    "rule": own.rule,
                    "location": own.location.name,
                    "restaurant_guid": own.location.toast_guid,
                    "messages": own.messages,
                    "incidents": own.incidents,
                }
                for own in self.weeks
            ],
            "levels": [
                {
                    "rule": own.rule.name,
                    "above": own.rule.above,
                    "below": own.rule.below,
                    "messages": own.messages,
                    "most_in_a_week": own.most,
                    "proposed": own.proposed,
                }
                for own in self.levels
            ],
            "left_out": list(self.left_out),
        }


def replay(warehouse: Warehouse, settings: Settings, places: Sequence[Location], first: date, last: date) -> ReplayReport:
    """Let the rules of the settings look at each business date of `places` from `first` to `last` as it went.

    Raises:
        SettingsError: a rule of the settings cannot be. LockedError: somebody else holds the warehouse.
    """
    rules = [rule for rule in rules_of(settings) if rule.enabled]
    run = _Replay(
        warehouse, settings, {own.toast_guid: own for own in places}, {rule.name: rule for rule in rules if rule.metric not in OF_TIME}
    )
    for day in days_between(first, last):
        run.day(day)
    left_out = tuple(rule.name for rule in rules if rule.metric in OF_TIME)
    weeks = tuple(own for _, own in sorted(run.weeks.items(), key=lambda item: item[0]))
    return ReplayReport(first, last, weeks, tuple(run.levels()), left_out, tuple(run.opened.values()))


@dataclass
class _Replay:
    """`incidents`: those of periods that are not over. `peaks`: by rule, location and business date, the value furthest beyond 0."""

    warehouse: Warehouse
    settings: Settings
    places: Mapping[str, Location]
    rules: Mapping[str, AlertRule]
    incidents: dict[str, Incident] = field(default_factory=dict)
    opened: dict[str, Incident] = field(default_factory=dict)
    weeks: dict[tuple[date, str, str], Week] = field(default_factory=dict)
    peaks: dict[tuple[str, str, date], float] = field(default_factory=dict)

    def day(self, day: date) -> None:
        """One business date of every location, from its beginning to its closeout."""
        self.incidents = {key: own for key, own in self.incidents.items() if end_of_period(own.period, self.rules.get(own.rule)) > day}
        wanted = [(place, day) for place in self.places.values()]
        facts, usual = read_days(self.warehouse, wanted, _before(wanted)), read_usual(self.warehouse, wanted, None)
        now_rules = [rule for rule in self.rules.values() if rule.grain == "now"]
        held = [rule for rule in now_rules if is_projected(rule) and rule.hold_minutes]
        for at, (guids, is_whole) in sorted(_instants(facts, held).items()):
            self._look(guids, day, at, now_rules if is_whole else held, facts, usual)
        ends: dict[datetime, list[str]] = {}
        for (guid, _), own in facts.items():
            ends.setdefault(own.ends_at, []).append(guid)
        for at, guids in sorted(ends.items()):
            self._look(guids, day, at, [rule for rule in self.rules.values() if rule.grain != "now"], facts, usual)

    def _look(
        self,
        guids: Sequence[str],
        day: date,
        at: datetime,
        rules: Sequence[AlertRule],
        facts: Mapping[Day, DayFacts],
        usual: Mapping[Day, Usual],
    ) -> None:
        # As if read now: history does not change, and is not read again at every look.
        own_usual = {(guid, day): replace(usual[guid, day], read_at=at) for guid in guids}
        shared = {"days": {(guid, day): state_at(facts[guid, day], at) for guid in guids}, "usual": own_usual}
        look = Look(self.warehouse, self.settings, [self.places[guid] for guid in guids], {guid: [day] for guid in guids}, at, shared)
        # At a closeout there is no later look: what is over then is not held any longer.
        found = [own if self.rules[own.rule].grain == "now" else replace(own, is_held=False) for own in readings.read(look, rules)]
        for reading in found:
            self._peak(reading, day)
        told: set[str] = set()
        for own in stepped(self.rules, found, self.incidents, at):
            self.incidents[own.incident.incident_id] = own.incident
            if own.event == "opened":
                self.opened[own.incident.incident_id] = own.incident
            if own.event in NEW:
                week = self._week(own.incident, day)
                week.incidents += own.event == "opened"
                week.messages += own.incident.group not in told
                told.add(own.incident.group)

    def _week(self, incident: Incident, day: date) -> Week:
        start = week_start(self.settings, day)
        return self.weeks.setdefault((start, incident.rule, incident.location), Week(start, incident.rule, self.places[incident.location]))

    def _peak(self, reading: Reading, day: date) -> None:
        """The value of a day that is furthest beyond; of what is too small for its rule, nothing."""
        if reading.value is None:
            return
        rule = self.rules[reading.rule]
        if judged(rule, reading.value)[0] and not reading.is_over:
            return
        key = (reading.rule, reading.location, day)
        size = _size(rule, reading.value)
        self.peaks[key] = max(size, self.peaks.get(key, size))

    # --- levels ---------------------------------------------------------------------------------------------------

    def levels(self) -> Iterable[Level]:
        for rule in self.rules.values():
            own = [week.messages for week in self.weeks.values() if week.rule == rule.name]
            yield Level(rule, sum(own), max(own, default=0), self._proposed(rule))

    def _proposed(self, rule: AlertRule) -> float | None:
        """Beyond the third highest day of every location's week, rounded away from the level."""
        if rule.grain == "week":
            return None  # its weeks have one value each
        by_week: dict[tuple[str, date], list[float]] = {}
        for (name, guid, day), size in self.peaks.items():
            if name == rule.name:
                by_week.setdefault((guid, week_start(self.settings, day)), []).append(size)
        third = [sorted(sizes, reverse=True)[MOST_A_WEEK] for sizes in by_week.values() if len(sizes) > MOST_A_WEEK]
        least = max(third, default=-math.inf)
        if least <= max(_size(rule, float(level)) for level in (rule.above, rule.below) if level is not None):
            return None
        step = STEPS.get(unit_of(rule.metric), 1.0)
        return _sign(rule) * math.ceil(round(least / step, 6)) * step


def _sign(rule: AlertRule) -> float:
    """Below alone counts downwards."""
    return -1.0 if rule.above is None else 1.0


def _size(rule: AlertRule, value: float | Decimal) -> float:
    """How far a value is to the side that the rule watches; of a band, from 0."""
    number = float(value)
    return abs(number) if rule.above is not None and rule.below is not None else _sign(rule) * number


def _before(wanted: Iterable[tuple[Location, date]]) -> datetime:
    """Every order of these days is told one by one: the clock may stand anywhere in them."""
    return min(place.business_day.start(day) for place, day in wanted) - timedelta(days=1)


def _instants(facts: Mapping[Day, DayFacts], held: Sequence[AlertRule]) -> dict[datetime, tuple[list[str], bool]]:
    """When which locations are looked at: at the end of each hour by all rules that run (True), and when what began then was held by those that hold."""
    found: dict[datetime, tuple[list[str], bool]] = {}
    waits = sorted({minutes for rule in held if (minutes := rule.hold_minutes) % 60})
    for (guid, _), own in facts.items():
        for _, hour_ends_at in own.place.business_day.hours(own.day):  # a day of posted totals has no hours in the views
            for wait in (0, *waits):
                at = hour_ends_at + timedelta(minutes=wait)
                if at == own.ends_at and wait == 0:
                    at -= MOMENT
                if own.starts_at < at < own.ends_at:
                    found.setdefault(at, ([], False))[0].append(guid)
                    found[at] = (found[at][0], found[at][1] or wait == 0)
    return found
