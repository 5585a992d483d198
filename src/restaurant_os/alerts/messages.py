"""What is told of incidents: one message for a rule, location and period, and its deliveries.

A message says what, how far beyond the level, since when, in dollars; why; and what could be done. Of several subjects it says how many, and lists
them. All of it is plain text, names from outside too: whoever sends it escapes and cuts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from restaurant_os.alerting import Delivery, Event, Incident, Message
from restaurant_os.alerts import phrases
from restaurant_os.alerts.incidents import Step, is_muted
from restaurant_os.alerts.numbers import clock
from restaurant_os.alerts.rules import distance, end_of, unit_of
from restaurant_os.alerts.wording import dollars
from restaurant_os.settings import AlertRule, Location, Settings

if TYPE_CHECKING:
    from restaurant_os.alerts.channels import Channel

#: What is told anew, the most urgent first.
NEW: tuple[Event, ...] = ("opened", "worse", "recovered")
MOST_LINES = 20
MOST_DRIVERS = 3
HEADINGS: dict[Event | Literal["also", "over"], str] = {
    "opened": "New",
    "worse": "Worse",
    "recovered": "Back",
    "changed": "Open",
    "also": "Also open",
    "over": "Over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Incidents of a rule, location and period as they stand at `now`. `news`: what is told anew, by incident."""

    rule: AlertRule
    place: Location
    incidents: Sequence[Incident]
    news: dict[str, Event]
    as_of: datetime
    now: datetime
    settings: Settings

    @property
    def focus(self) -> list[Incident]:
        """What the message is about: what is new; else what is open; else all."""
        told = [one for one in self.incidents if one.incident_id in self.news]
        return told or [one for one in self.incidents if one.state == "open"] or list(self.incidents)

    @property
    def event(self) -> Event:
        """The most urgent of what is new."""
        return next((event for event in NEW if event in self.news.values()), "changed")


def deliveries_of(
    rule: AlertRule,
    place: Location,
    steps: Sequence[Step],
    standing: Sequence[Incident],
    channels: Sequence[Channel],
    settings: Settings,
    now: datetime,
) -> tuple[Delivery, ...]:
    """What is told of steps of one rule, location and period, to each of the rule's channels; nothing of what is muted.

    One message, where a step is told anew: in quiet hours it is ready when they end. Else an edit, where what is shown has changed; for a channel that
    cannot change what it was sent it only takes the place of what still waits, in quiet hours or because the channel takes nothing. `standing`: the
    group's open incidents.
    """
    told = [one for one in steps if one.event and not is_muted(one.incident, now)]
    if not told:
        return ()
    is_new = any(one.event in NEW for one in told)
    ready_at = end_of(rule.quiet, place, now)
    wanted = [one for one in channels if not rule.channels or one.name in rule.channels]
    if not wanted:
        return ()
    group = _group(rule, place, steps, standing, settings, now)
    message, key = message_of(group), _key(group, told)
    return tuple(
        Delivery(
            channel=channel.name,
            key=f"{key}|{channel.name}",
            message=message,
            group=told[0].incident.group,
            is_edit=not is_new,
            only_in_place=not is_new and not channel.can_edit,
            created_at=now,
            ready_at=ready_at if is_new else now,
        )
        for channel in wanted
    )


def _group(
    rule: AlertRule, place: Location, steps: Sequence[Step], standing: Sequence[Incident], settings: Settings, now: datetime
) -> _Group:
    """Every incident once, as it is after its steps; of several events of one the most urgent."""
    last = {one.incident_id: one for one in (*standing, *(own.incident for own in steps))}
    shown = [one for one in last.values() if one.opened_at is not None and not is_muted(one, now)]
    news = {
        one.incident.incident_id: event
        for event in reversed(NEW)
        for one in steps
        if one.event == event and not is_muted(one.incident, now)
    }
    known = [min(one.as_of, now) for one in steps if one.event and one.as_of]
    return _Group(
        rule=rule, place=place, incidents=_sorted(rule, shown), news=news, as_of=min(known, default=now), now=now, settings=settings
    )


def _sorted(rule: AlertRule, incidents: Iterable[Incident]) -> list[Incident]:
    """The furthest beyond its level first."""

    def rank(one: Incident) -> tuple[bool, float, Decimal, str, str]:
        return one.state != "open", -distance(rule, one.value or 0.0), -(one.dollars or Decimal(0)), one.subject_name, one.subject

    return sorted(incidents, key=rank)


def _key(group: _Group, told: Sequence[Step]) -> str:
    """The same evaluation again makes the same key; whatever came between makes another."""
    parts = sorted(f"{one.incident.incident_id} {one.incident.version} {one.event}" for one in told)
    return f"{told[0].incident.group}|{group.event}|{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"


# --- the message ------------------------------------------------------------------------------------------------------


def message_of(group: _Group) -> Message:
    focus = group.focus
    first = focus[0]
    is_open = any(one.state == "open" for one in focus)
    shared = {
        "link": _link(group.settings, first),
        "footer": f"as of {clock(group.as_of, group.place)}",
    }
    level: Literal["alert", "good", "note"] = "alert" if is_open else "good" if first.state == "recovered" else "note"
    title, text = _title(group, focus), _text(group, focus)
    if len(focus) > 1:
        fields = _together(group, focus)
        return Message(kind=group.event, title=title, text=text, fields=fields, lists=_lists(group, focus), level=level, **shared)
    why = (("Why", first.drivers[:MOST_DRIVERS]),) if first.drivers and is_open else ()
    return Message(
        kind=group.event,
        title=title,
        text=text,
        fields=first.facts,
        lists=(*why, *_lists(group, focus)),
        suggestion=first.suggestion if is_open else "",
        level=level,
        **shared,
    )


def _title(group: _Group, focus: Sequence[Incident]) -> str:
    rule, place, first = group.rule, group.place, focus[0]
    worse = "Worse: " if group.event == "worse" else ""
    if len(focus) == 1:
        if first.state == "recovered":
            return phrases.recovered_title(rule, place, first)
        return worse + phrases.standing_title(rule, place, first) + (" in the end" if first.state == "closed" else "")
    is_back = all(one.state == "recovered" for one in focus)
    title = phrases.back(rule) if is_back else phrases.what(rule, first.value)
    return worse + phrases.several(rule, place, focus, title)


def _text(group: _Group, focus: Sequence[Incident]) -> str:
    if len(focus) > 1:
        return ""
    write = {"recovered": phrases.recovered_text, "closed": phrases.closed_text}.get(focus[0].state, phrases.standing_text)
    return write(group.rule, group.place, focus[0], group.now)


def _together(group: _Group, focus: Sequence[Incident]) -> tuple[tuple[str, str], ...]:
    amounts = [one.dollars for one in focus if one.state == "open" and one.dollars is not None]
    label = "Over by, together" if unit_of(group.rule.metric) == "money" else "In dollars, together"
    return ((label, dollars(sum(amounts, Decimal(0)))),) if amounts else ()


def _lists(group: _Group, focus: Sequence[Incident]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Whose they are, by what is new of them, then what else is open. A message about one alone lists the others only."""
    by_heading: dict[str, list[Incident]] = {heading: [] for heading in HEADINGS.values()}
    for one in group.incidents:
        if len(focus) == 1 and one is focus[0]:
            continue
        event = group.news.get(one.incident_id)
        if event is None and one.state != "open":
            event = "recovered" if one.state == "recovered" else None
            heading = HEADINGS[event] if event else HEADINGS["over"]
        else:
            heading = HEADINGS[event or ("also" if group.news else "changed")]
        by_heading[heading].append(one)
    return _cut([(heading, [_line(group, one) for one in own]) for heading, own in by_heading.items() if own])


def _line(group: _Group, incident: Incident) -> str:
    return phrases.line_of(group.rule, group.place, incident, group.now)


def _cut(lists: Sequence[tuple[str, list[str]]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """So many lines in all; how many there are besides stands at the end."""
    left, found = MOST_LINES, []
    for heading, lines in lists:
        if left:
            found.append((heading, lines[:left]))
            left -= len(lines[:left])
    more = sum(len(lines) for _, lines in lists) - MOST_LINES
    if more > 0:
        found[-1][1].append(f"and {more:,} more")
    return tuple((heading, tuple(lines)) for heading, lines in found)


def _link(settings: Settings, incident: Incident) -> str:
    url = settings.service.public_url.rstrip("/")
    return f"{url}/v1/incidents/{incident.incident_id}" if url else ""
