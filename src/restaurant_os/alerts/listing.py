"""Incidents as people see and change them, by command or over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from restaurant_os.alerting import Incident, Record, State
from restaurant_os.alerts.looking import current_days
from restaurant_os.errors import BusyError, UsageError
from restaurant_os.operations import Operations
from restaurant_os.reports import EARLIEST_ZONE
from restaurant_os.settings import Location, Settings
from restaurant_os.text import printable

#: An evaluator may change an incident between our reading and our writing of it.
ATTEMPTS = 10


def listed(
    operations: Operations,
    settings: Settings,
    *,
    states: Collection[str] = (),
    location: str = "ALL",
    since: date | None = None,
    most: int = 1_000,
) -> list[Incident]:
    """The newest first. `location`: a name, GUID or store id, of the settings or not."""
    places = () if location.strip().upper() == "ALL" else (settings.place_of(location.strip()).toast_guid,)
    wanted = cast(Collection[State], tuple(states))
    return operations.incidents(states=wanted, since=since, locations=places, most=most)


def change(operations: Operations, wanted: str, how: Callable[[Incident], Incident]) -> Incident:
    """Change the incident that an id, or the first digits of one, means; gives it as it is then.

    Raises:
        UsageError: there is none, or several.
        BusyError: others kept changing it.
    """
    for _ in range(ATTEMPTS):
        found = one_of(operations, wanted)
        changed = how(found)
        if operations.record(Record(incidents=(changed,))):
            return one_of(operations, found.incident_id)
    raise BusyError(
        f"alerts: incident {printable(wanted, 40)} was changed by others all the while; nothing was changed.", next_step="Try again."
    )


def one_of(operations: Operations, wanted: str) -> Incident:
    """
    Raises:
        UsageError: no incident, or several, have this id or begin with it.
    """
    text = wanted.strip().lower()
    found = operations.find_incidents([text]) if len(text) >= 4 else []
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} incidents begin with" if found else "no incident has the id"
    raise UsageError(
        f"alerts: {what} '{printable(wanted, 40)}'.",
        next_step="`restaurant-os alerts list` shows them; at least 4 digits of an id were expected, as many as tell it from others.",
    )


def place_of(incident: Incident, settings: Settings) -> Location:
    return settings.place_of(incident.location)


def end_of_today(incident: Incident, settings: Settings, now: datetime) -> datetime:
    """When the business day ends that it is now at the incident's location; of a store that stands nowhere, everywhere."""
    place = place_of(incident, settings)
    last = current_days(place, now)[-1]
    if place.toast_guid == place.store_id:
        return datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC) + EARLIEST_ZONE
    return place.business_day.bounds(last)[1]


def incident_as_json(incident: Incident, settings: Settings) -> dict[str, Any]:
    return {
        "incident": incident.incident_id,
        "rule": incident.rule,
        "location": place_of(incident, settings).name,
        "restaurant_guid": incident.location,
        "period": incident.period,
        "subject": incident.subject or None,
        "subject_name": incident.subject_name or None,
        "state": incident.state,
        "value": incident.value,
        "worst": incident.worst,
        "dollars": incident.dollars,
        "since": incident.since,
        "opened_at": incident.opened_at,
        "ended_at": incident.ended_at,
        "acknowledged_at": incident.acknowledged_at,
        "note": incident.note or None,
        "muted_until": incident.muted_until,
        "messages": incident.messages,
        "facts": dict(incident.facts),
        "drivers": list(incident.drivers),
        "suggestion": incident.suggestion or None,
    }


def incident_cells(incident: Incident, settings: Settings) -> tuple[Any, ...]:
    """As wide as a terminal: incident, rule, location, day, subject, state, value, since, note."""
    place = place_of(incident, settings)
    since = incident.since.astimezone(place.business_day.zone)
    state = incident.state + (", muted" if incident.muted_until else "") + (", acknowledged" if incident.acknowledged_at else "")
    value = None if incident.value is None else round(incident.value, 1)
    return (
        *(incident.incident_id[:8], incident.rule, place.name, incident.period, printable(incident.subject_name, 40), state, value),
        *(f"{since:%H:%M}", printable(incident.note, 60)),
    )
