"""The words about one incident: its title, its sentences, its line in a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from restaurant_os.alerting import Incident
from restaurant_os.alerts.numbers import apart, clock, lasted, level, shown
from restaurant_os.alerts.rules import distance, is_projected, unit_of
from restaurant_os.alerts.wording import dollars
from restaurant_os.settings import AlertRule, Location
from restaurant_os.text import count, printable

#: What of a metric a person would say; another is called by its name.
NAMES = {
    "labor_percent": "Labor",
    "labor_percent_loaded": "Labor with salaries",
    "cplh": "Cost per labor hour",
    "splh": "Sales per labor hour",
    "drawer_over_short": "Drawer",
    "deposit_over_short": "Deposit",
    "void_rate": "Voids",
    "discount_rate": "Discounts",
    "comp_rate": "Comps",
    "refund_rate": "Refunds",
    "discounts_by_approver": "Discounts of one approver",
    "overtime_ahead": "Overtime ahead",
    "punch_open": "Punch still open",
    "data_late": "Data late",
}
#: What the level of these says is in the name already; and what is said when it is over.
ENDS = {"overtime_ahead": "No overtime ahead any more", "punch_open": "Punch closed", "data_late": "Data in again"}
#: What several subjects are.
NOUNS = {
    "overtime_ahead": ("person", "people"),
    "punch_open": ("punch", "punches"),
    "discounts_by_approver": ("approver", "approvers"),
    "drawer_over_short": ("drawer", "drawers"),
    "data_late": ("dataset", "datasets"),
}
#: What a projection rests on; a total that somebody posted is none.
FACTS = "net"
MOST_NAME = 120


def what(rule: AlertRule, value: float | None) -> str:
    """`Labor over 25 %`, `Drawer off`, `Overtime ahead`; of a value within its level the name alone."""
    name = _metric(rule)
    if rule.metric in ENDS or value is None or not distance(rule, value):
        return name
    return f"{name} off" if _is_off(rule) else f"{name} {_beyond(rule, value)}"


def standing_title(rule: AlertRule, place: Location, incident: Incident) -> str:
    """`Labor over 25 % at Elm Street: 34.2 % projected at close`."""
    return f"{what(rule, incident.value)} at {printable(place.name, MOST_NAME)}: {_with_subject(incident, value_of(rule, incident))}"


def recovered_title(rule: AlertRule, place: Location, incident: Incident) -> str:
    """`Labor back under 25 % at Elm Street: 23.8 % projected at close`."""
    return f"{back(rule)} at {printable(place.name, MOST_NAME)}: {_with_subject(incident, value_of(rule, incident))}"


def back(rule: AlertRule) -> str:
    """`Labor back under 25 %`, `Drawer back between -$10.00 and $10.00`, `Punch closed`."""
    if rule.metric in ENDS:
        return ENDS[rule.metric]
    name = _metric(rule)
    if rule.above is not None and rule.below is not None:
        return f"{name} back between {level(rule, rule.below)} and {level(rule, rule.above)}"
    limit = rule.above if rule.above is not None else rule.below
    text = "" if limit is None else level(rule, limit)
    is_at = rule.clear is None or rule.clear == limit
    return f"{name} back {'at or ' if is_at else ''}{'under' if rule.above is not None else 'over'} {text}"


def several(rule: AlertRule, place: Location, incidents: Sequence[Incident], title: str) -> str:
    """`Overtime ahead at Elm Street: 10 people`."""
    return f"{title} at {printable(place.name, MOST_NAME)}: {count(len(incidents), *NOUNS.get(rule.metric, ('subject', 'subjects')))}"


def standing_text(rule: AlertRule, place: Location, incident: Incident, now: datetime) -> str:
    """What, how far, since when, in dollars."""
    value = incident.value or 0.0
    further = distance(rule, value)
    far = f", {apart(rule, further)} {_beyond(rule, value)}" if further and rule.metric not in ENDS else ""
    sentences = [f"{_with_subject(incident, value_of(rule, incident))}{far}, since {moment(incident.since, place, now)}."]
    if incident.dollars is not None and unit_of(rule.metric) != "money":
        sentences.append(f"In dollars that is {dollars(incident.dollars)}.")
    return " ".join([*sentences, *_seen(incident)])


def recovered_text(rule: AlertRule, place: Location, incident: Incident, now: datetime) -> str:
    """How far it was at worst, and for how long."""
    ended = incident.ended_at or now
    span = f"{moment(incident.since, place, now)} to {moment(ended, place, now)}"
    worst = "" if incident.worst is None else f"At worst it was {_amount(rule, incident.worst)}. "
    return " ".join([f"{worst}It lasted {lasted(ended - incident.since)}, from {span}.", *_seen(incident)])


def closed_text(rule: AlertRule, place: Location, incident: Incident, now: datetime) -> str:
    period = "week" if rule.grain == "week" else "day"
    return f"The {period} is closed. {recovered_text(rule, place, incident, now)}"


def line_of(rule: AlertRule, place: Location, incident: Incident, now: datetime) -> str:
    """In a list: whose, how much, in dollars, since when."""
    parts = [value_of(rule, incident)]
    if incident.state == "open":
        is_told = incident.dollars is not None and unit_of(rule.metric) != "money"
        parts += [dollars(incident.dollars or 0)] * is_told
        parts.append(f"since {moment(incident.since, place, now)}")
    elif incident.worst is not None:
        parts.append(f"at worst {_amount(rule, incident.worst)}")
    if incident.acknowledged_at:
        parts.append("acknowledged")
    return f"{name_of(incident)}: {', '.join(parts)}"


def value_of(rule: AlertRule, incident: Incident) -> str:
    if incident.value is None:
        return "no value"
    is_ahead = is_projected(rule) and incident.basis == FACTS and incident.state != "closed"
    return _amount(rule, incident.value) + (" projected at close" if is_ahead else "")


def name_of(incident: Incident) -> str:
    """The subject, as a person calls it."""
    return printable(incident.subject_name or incident.subject or "all of it", MOST_NAME)


def moment(instant: datetime, place: Location, now: datetime) -> str:
    """`14:05`; with the weekday where it is not today's."""
    zone = place.business_day.zone
    is_today = instant.astimezone(zone).date() == now.astimezone(zone).date()
    return clock(instant, place) if is_today else f"{instant.astimezone(zone):%A} {clock(instant, place)}"


def _with_subject(incident: Incident, text: str) -> str:
    return f"{name_of(incident)}, {text}" if incident.subject or incident.subject_name else text


def _metric(rule: AlertRule) -> str:
    return NAMES.get(rule.metric) or rule.metric.replace("_", " ").capitalize()


def _is_off(rule: AlertRule) -> bool:
    """Of these a value says on which side of 0 it is."""
    return rule.metric.endswith("_over_short")


def _amount(rule: AlertRule, value: float) -> str:
    """`34.2 %`, `$43.00 short`."""
    if not _is_off(rule) or not value:
        return shown(rule, value)
    return f"{shown(rule, abs(value))} {'short' if value < 0 else 'over'}"


def _beyond(rule: AlertRule, value: float) -> str:
    """`over 25 %`, `under $40.00`, `beyond $10.00`: the level that a value is beyond."""
    is_under = rule.below is not None and value < float(rule.below)
    limit = rule.below if is_under else rule.above
    if limit is None:
        return ""
    if _is_off(rule):
        return f"beyond {level(rule, abs(limit))}"
    return f"{'under' if is_under else 'over'} {level(rule, limit)}"


def _seen(incident: Incident) -> list[str]:
    if incident.acknowledged_at is None:
        return []
    return [f"Acknowledged: {printable(incident.note)}" if incident.note else "Acknowledged."]
