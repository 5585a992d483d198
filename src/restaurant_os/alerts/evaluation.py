"""What readings make of the incidents there are, and what is to be told of it: the same for a service, a replay and a test."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from restaurant_os.alerting import Delivery, Incident, Reading, incident_id
from restaurant_os.alerts.incidents import Step, closed, step
from restaurant_os.alerts.looking import current_days
from restaurant_os.alerts.messages import deliveries_of
from restaurant_os.settings import AlertRule, Location, Settings
from restaurant_os.text import printable
from restaurant_os.transformations import BY_NAME

if TYPE_CHECKING:
    from restaurant_os.alerts.channels import Channel

#: Rules that no new row can bring over their level or back: time does.
OF_TIME = frozenset({"data_late"})
#: What the rules' own metrics rest on, by dataset. Rates are of orders alone; any other metric may rest on all of them.
RESTS_ON: Mapping[str, frozenset[str]] = {
    "punch_open": frozenset({"labor"}),
    "overtime_ahead": frozenset({"labor"}),
    "drawer_over_short": frozenset({"cash", "orders"}),
    "discounts_by_approver": frozenset({"orders"}),
}
OF_RATES = frozenset({"orders"})

log = logging.getLogger("restaurant_os.alerts")

#: Incidents by id.
Known = Mapping[str, Incident]
#: The location that a GUID, or a store id that stands nowhere in the settings, means.
PlaceOf = Callable[[str], Location]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one evaluation came to. `steps`: those that changed an incident, in order."""

    steps: tuple[Step, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Each as it is in the end."""
        return tuple({own.incident.incident_id: own.incident for own in self.steps}.values())

    def count(self, event: str) -> int:
        return sum(own.event == event for own in self.steps)


def affected(rules: Iterable[AlertRule], datasets: Collection[str]) -> list[AlertRule]:
    """The rules that a change of some datasets can move."""
    own = set(datasets)
    return [rule for rule in rules if rule.metric not in OF_TIME and own & _rests_on(rule.metric, own)]


def _rests_on(metric: str, any_of: AbstractSet[str]) -> AbstractSet[str]:
    known = BY_NAME.get(metric)
    return RESTS_ON.get(metric) or (OF_RATES if known is not None and known.unit == "ratio" else any_of)


def stepped(rules: Mapping[str, AlertRule], readings: Iterable[Reading], known: Known, now: datetime) -> list[Step]:
    """Readings, in their order, onto the incidents there are. One of an incident that is closed for good, or of no rule, moves nothing."""
    standing = dict(known)
    found = []
    for reading in readings:
        key = incident_id(reading.rule, reading.location, reading.period, reading.subject)
        before = standing.get(key)
        if reading.rule not in rules or (before and before.state == "closed"):
            continue
        if own := step(rules[reading.rule], before, reading, now):
            standing[key] = own.incident
            found.append(own)
    return found


def ended(rules: Mapping[str, AlertRule], known: Known, place_of: PlaceOf, now: datetime) -> list[Step]:
    """The incidents whose period is over, closed. What of one was told is told as it was in the end, where a channel can."""
    over = [own for own in known.values() if own.state != "closed" and is_over(own, rules.get(own.rule), place_of(own.location), now)]
    return [Step(closed(own, now), "changed" if own.state == "open" and own.messages else None) for own in over]


def is_over(incident: Incident, rule: AlertRule | None, place: Location, now: datetime) -> bool:
    """Whether the incident's period has ended at its location; of a store that stands nowhere in the settings, everywhere."""
    return end_of_period(incident.period, rule) <= current_days(place, now)[0]


def end_of_period(period: date, rule: AlertRule | None) -> date:
    """The first business date after it."""
    return period + timedelta(days=7 if rule and rule.grain == "week" else 1)


def outcome_of(
    rules: Mapping[str, AlertRule],
    steps: Sequence[Step],
    known: Known,
    place_of: PlaceOf,
    channels: Sequence[Channel],
    settings: Settings,
    now: datetime,
) -> Outcome:
    """Steps with what is to be told of them: one message for each rule, location and period. Where a message cannot be made its steps are not taken:
    they are tried again, and the others go on."""
    if not channels:
        return Outcome(tuple(steps), ())
    after = {**known, **{own.incident.incident_id: own.incident for own in steps}}
    standing: dict[str, list[Incident]] = {}
    for own in after.values():
        if own.state == "open":
            standing.setdefault(own.group, []).append(own)
    groups: dict[str, list[Step]] = {}
    for one in steps:
        groups.setdefault(one.incident.group, []).append(one)
    taken: list[Step] = []
    found: list[Delivery] = []
    for group, own_steps in groups.items():
        first = own_steps[0].incident
        rule = rules.get(first.rule)
        try:
            if rule is not None:  # one that was taken away says nothing more
                found += deliveries_of(rule, place_of(first.location), own_steps, standing.get(group, ()), channels, settings, now)
        except Exception as problem:  # a fault in one message must not keep all others from being told
            log.error("what is to be told of the rule %s could not be made", printable(first.rule, 40), exc_info=problem)
        else:
            taken += own_steps
    return Outcome(tuple(taken), tuple(found))
