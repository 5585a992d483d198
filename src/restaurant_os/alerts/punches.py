"""The rule about a punch that nobody closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import marks
from restaurant_os.alerts.crew import HOUR, called
from restaurant_os.alerts.days import day_states
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.numbers import clock, lasted
from restaurant_os.alerts.rules import judged
from restaurant_os.settings import AlertRule, Location

MINUTE = timedelta(minutes=1)
CENT = Decimal("0.01")
#: Minutes past its end at which a punch is too long open, where a rule names none.
SURE = Decimal(60)

OF_TODAY = """
WITH planned AS (
    SELECT restaurant_guid, employee_guid, business_date, min(out_date) AS first_end
    FROM fact_scheduled_shifts
    WHERE restaurant_guid IN ({places}) AND business_date IN ({days}) AND NOT is_deleted
    GROUP BY restaurant_guid, employee_guid, business_date
)
SELECT s.restaurant_guid, s.business_date, s.time_entry_guid, s.employee_guid, s.employee_name, s.job_title, s.in_date,
    CASE WHEN s.is_deleted THEN s.in_date ELSE s.out_date END, s.hourly_wage, s.is_deleted
FROM fact_labor_shifts AS s
LEFT JOIN planned USING (restaurant_guid, employee_guid, business_date)
WHERE s.restaurant_guid IN ({places}) AND s.business_date IN ({days}) AND NOT s.is_salaried AND s.in_date <= ?
    AND ((s.is_open AND NOT s.is_deleted) OR s.out_date > ? OR planned.first_end IS NULL OR s.modified_at > planned.first_end)
ORDER BY s.in_date, s.time_entry_guid
"""
ENDS = """
SELECT restaurant_guid, employee_guid, in_date, out_date
FROM fact_scheduled_shifts
WHERE restaurant_guid IN ({places}) AND business_date IN ({days}) AND NOT is_deleted AND employee_guid IS NOT NULL AND in_date < ? AND out_date > in_date
"""
#: The planned spans of a person at a location.
Plans = Mapping[tuple[str, str], Sequence[tuple[datetime, datetime]]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A punch of today. `ends`: None while it is open; its start where it was deleted."""

    place: str
    day: date
    entry: str
    employee: str
    name: str
    job: str
    starts: datetime
    ends: datetime | None
    wage: Decimal | None
    is_deleted: bool


def punch_open(look: Look, rule: AlertRule) -> list[Reading]:
    """Of each punch of the day: the minutes that it is open past its end, 0 once it is closed.

    Its end is the scheduled one, and at the latest so that the level is reached after `suspect_after_hours`. A closed punch that was never too long open
    is left out where its schedule says so.
    """
    places = {place.toast_guid: place for place in look.of(rule)}
    days = sorted({day for guid in places for day in look.days.get(guid, ())})
    if not places or not days:
        return []
    own = [*places, *days]
    marked = {"places": marks(places), "days": marks(days)}
    found, planned = look.warehouse.answers(
        (OF_TODAY.format(**marked), [*own, *own, look.now, look.now]), (ENDS.format(**marked), [*own, look.now])
    )
    plans = defaultdict[tuple[str, str], list[tuple[datetime, datetime]]](list)
    for guid, employee, starts, ends in planned:
        plans[guid, employee].append((starts, ends))
    entries = [_entry(values) for values in found]
    return [_of_punch(look, rule, places[one.place], one, plans) for one in entries if one.day in look.days.get(one.place, ())]


def _entry(values: Sequence[Any]) -> _Entry:
    guid, day, entry, employee, name, job, *rest = values
    return _Entry(guid, day, entry, employee or "", called(name), called(job), *rest)


def _of_punch(look: Look, rule: AlertRule, place: Location, own: _Entry, plans: Plans) -> Reading:
    due, scheduled = _due(look, rule, own, plans)
    read: dict[str, Any] = {
        "location": own.place,
        "period": own.day,
        "subject": own.entry,
        "subject_name": ", ".join(one for one in (own.name, own.job) if one) or "somebody",
    }
    if own.ends is not None and own.ends <= look.now:
        facts = (
            (("Punch", "deleted"),)
            if own.is_deleted
            else (("Clocked in", clock(own.starts, place)), ("Clocked out", clock(own.ends, place)))
        )
        return _judged(rule, 0.0, **read, as_of=look.now, facts=facts)
    as_of = look.now
    if as_of > due:
        # Late, if nothing else was heard: what is not heard of yet may have closed it.
        state = day_states(look).get((own.place, own.day))
        known_until = state and state.labor_as_of
        if not known_until or known_until <= due:
            return Reading(rule=rule.name, **read, as_of=look.now, value=None, reason="labor stale" if known_until else "no labor read")
        as_of = min(as_of, known_until)
    past = max(as_of - due, timedelta())
    facts = (("Clocked in", f"{clock(own.starts, place)}, {lasted(as_of - own.starts)} ago"),)
    facts += (("Scheduled until", clock(scheduled, place) if scheduled else "not scheduled"),)
    cost = None if own.wage is None else (Decimal(past / HOUR) * own.wage).quantize(CENT)
    return _judged(rule, past / MINUTE, **read, as_of=as_of, facts=facts, dollars=cost)


def _due(look: Look, rule: AlertRule, own: _Entry, plans: Plans) -> tuple[datetime, datetime | None]:
    """When a punch was to end, and until when it was scheduled, if it was. As `PunchRows` has it, with the schedule as it is now."""
    longest = own.starts + timedelta(hours=float(look.settings.labor.suspect_after_hours))
    ends = [last for first, last in plans.get((own.place, own.employee), ()) if first < min(longest, look.now) and last > own.starts]
    latest = longest - timedelta(minutes=float(rule.above if rule.above is not None else SURE))
    scheduled = max(ends, default=None)
    return min(scheduled, latest) if scheduled else latest, scheduled


def _judged(rule: AlertRule, value: float, **read: Any) -> Reading:
    is_over, is_clear = judged(rule, value)
    if not is_over:
        read["dollars"] = None
    return Reading(rule=rule.name, value=value, is_over=is_over, is_clear=is_clear, **read)
