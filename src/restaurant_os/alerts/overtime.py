"""The rule about a week that is heading for overtime, of one person over all locations.

One person at several locations has a GUID at each (reference, 5.2). They are the same when they share a GUID; or an e-mail address or a number of
payroll (`externalEmployeeId`), and the last name: a house's own address, and numbers that two houses count by themselves, tell nobody apart. The table
has no `v2EmployeeGuid`, which would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import marks, week_start
from restaurant_os.alerts.crew import called
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import judged
from restaurant_os.alerts.wording import shown
from restaurant_os.pipeline.calendar import DAYS_A_WEEK
from restaurant_os.settings import AlertRule, Location

CENT = Decimal("0.01")
#: Who at some locations may be one person with somebody else: by e-mail address or number, and the last name. (restaurant, GUID, what they share)
PEOPLE = """
WITH known AS (
    SELECT restaurant_guid, employee_guid, lower(trim(email)) AS email, lower(trim(external_id)) AS number, lower(trim(coalesce(last_name, ''))) AS last
    FROM dim_employees WHERE applies_to IS NULL
), shared AS (
    SELECT restaurant_guid, employee_guid, concat('email ', email, ' ', last) AS sign FROM known WHERE email <> ''
    UNION ALL
    SELECT restaurant_guid, employee_guid, concat('number ', number, ' ', last) FROM known WHERE number <> ''
)
SELECT restaurant_guid, employee_guid, sign FROM shared
WHERE sign IN (SELECT sign FROM shared GROUP BY sign HAVING count(DISTINCT employee_guid) > 1)
    AND sign IN (SELECT sign FROM shared WHERE restaurant_guid IN ({places}))
ORDER BY restaurant_guid, employee_guid, sign
"""
#: Where else somebody with a GUID of some locations is in a week, where no configuration tells.
ELSEWHERE = """
WITH there AS (
    SELECT DISTINCT restaurant_guid, employee_guid FROM fact_labor_shifts WHERE business_date BETWEEN ? AND ? AND NOT is_deleted
    UNION
    SELECT DISTINCT restaurant_guid, employee_guid FROM fact_scheduled_shifts WHERE business_date BETWEEN ? AND ? AND NOT is_deleted
)
SELECT DISTINCT restaurant_guid FROM there WHERE employee_guid IN (SELECT employee_guid FROM there WHERE restaurant_guid IN ({places}))
"""
#: The hours of a week by an instant and after it. A shift that its employee came for and left counts no more; one that nobody came for may yet be filled.
HOURS = """
WITH punches AS (
    SELECT restaurant_guid, employee_guid, employee_name AS name, coalesce(job_title, '') AS job, hourly_wage AS wage, out_date,
        CASE WHEN out_date <= ? THEN CAST(coalesce(regular_hours, 0) + coalesce(overtime_hours, 0) AS DOUBLE PRECISION)
        ELSE greatest((epoch_us(least(?, accrues_until, paused_at)) - epoch_us(in_date)) / 3600000000.0
            - CAST(coalesce(unpaid_break_hours, 0) AS DOUBLE PRECISION), 0.0) END AS hours
    FROM fact_labor_shifts
    WHERE restaurant_guid IN ({places}) AND business_date BETWEEN ? AND ? AND in_date <= ? AND NOT is_deleted AND NOT is_salaried
        AND employee_guid IS NOT NULL
), seen AS (
    SELECT restaurant_guid, employee_guid, max(out_date) AS last_out, bool_or(out_date IS NULL OR out_date > ?) AS is_in
    FROM punches GROUP BY restaurant_guid, employee_guid
), planned AS (
    SELECT p.restaurant_guid, p.employee_guid, p.employee_name AS name, coalesce(p.job_title, '') AS job, p.hourly_wage AS wage,
        (epoch_us(p.out_date) - greatest(epoch_us(p.in_date), epoch_us(?))) / 3600000000.0 AS hours
    FROM fact_scheduled_shifts AS p LEFT JOIN seen AS s ON s.restaurant_guid = p.restaurant_guid AND s.employee_guid = p.employee_guid
    WHERE p.restaurant_guid IN ({places}) AND p.business_date BETWEEN ? AND ? AND p.out_date > ? AND p.in_date < p.out_date
        AND NOT p.is_deleted AND p.is_published IS NOT FALSE AND p.hourly_wage IS NOT NULL AND p.employee_guid IS NOT NULL
        AND (s.last_out IS NULL OR s.is_in OR s.last_out <= p.in_date)
), week AS (
    SELECT restaurant_guid, employee_guid, name, job, wage, hours AS worked, 0.0 AS ahead FROM punches
    UNION ALL
    SELECT restaurant_guid, employee_guid, name, job, wage, 0.0, hours FROM planned
)
"""
BY_PERSON = """
SELECT restaurant_guid, employee_guid, max(name), max(job), CAST(sum(worked) AS DOUBLE PRECISION), CAST(sum(ahead) AS DOUBLE PRECISION) FROM week
GROUP BY restaurant_guid, employee_guid ORDER BY restaurant_guid, employee_guid
"""
BY_WAGE = """
SELECT restaurant_guid, employee_guid, job, wage, CAST(sum(worked + ahead) AS DOUBLE PRECISION) FROM week
WHERE employee_guid IN ({people}) GROUP BY restaurant_guid, employee_guid, job, wage
"""
#: A location and somebody's GUID there.
Who = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Week:
    """Somebody's week at one location, in hours."""

    name: str
    job: str
    worked: float
    ahead: float

    @property
    def hours(self) -> float:
        return self.worked + self.ahead


@dataclass(frozen=True, slots=True)
class _Person:
    """`subject`: the first of all GUIDs that are known to be theirs, the same wherever they work."""

    subject: str
    weeks: Mapping[Who, _Week]

    @property
    def hours(self) -> float:
        return sum(week.hours for week in self.weeks.values())


def overtime_ahead(look: Look, rule: AlertRule) -> list[Reading]:
    """Of each person of the week: the hours beyond `overtime_after_hours` that are worked and still scheduled, over all locations.

    Told of the location where most of the hours are, once, and only by a look that has that location.
    """
    weeks: dict[date, list[str]] = {}
    for place in look.of(rule):
        for first in sorted({week_start(look.settings, day) for day in look.days.get(place.toast_guid, ())}):
            weeks.setdefault(first, []).append(place.toast_guid)
    known = {place.toast_guid: place for place in (*look.settings.locations, *look.places)}
    found = []
    for first, places in weeks.items():
        guids, signs = _people(look, first, places, known)
        hours = _asked(look, first, guids, BY_PERSON)
        persons = list(_persons({(row[0], row[1]): _Week(*row[2:]) for row in hours}, signs))
        told = {one.subject: _main(one, known) for one in persons}
        own = [one for one in persons if told[one.subject] in places]
        costs = _costs(look, first, guids, [one for one in own if one.hours > look.settings.alerts.overtime_after_hours])
        found += [_reading(look, rule, first, one, told[one.subject], known, costs) for one in own]
    return found


def _people(look: Look, first: date, places: Sequence[str], known: Mapping[str, Location]) -> tuple[list[str], list[tuple[str, str, str]]]:
    """The locations whose hours matter, and what tells that two are one person."""
    here, week = marks(places), [first, first + timedelta(days=DAYS_A_WEEK - 1)]
    people, elsewhere = look.warehouse.answers(
        (PEOPLE.format(places=here), places), (ELSEWHERE.format(places=here), [*week, *week, *places])
    )
    guids = {*places, *(row[0] for row in people), *(guid for (guid,) in elsewhere)}
    signs = [(guid, employee, sign) for guid, employee, sign in people if guid in known]
    return [guid for guid in known if guid in guids], signs


def _asked(look: Look, first: date, guids: Sequence[str], what: str, people: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    now, own = look.now, [*guids, first, first + timedelta(days=DAYS_A_WEEK - 1)]
    sql = HOURS.format(places=marks(guids)) + what.format(people=marks(people))
    return look.warehouse.rows(sql, [now, now, *own, now, now, now, *own, now, *people])


def _persons(weeks: Mapping[Who, _Week], signs: Iterable[tuple[str, str, str]]) -> Iterator[_Person]:
    """Who worked or is scheduled, with the weeks at each location."""
    parent: dict[str, str] = {}

    def top(one: str) -> str:
        while parent.setdefault(one, one) != one:
            one = parent[one]
        return one

    for _, employee, sign in signs:
        # A sign has a blank in it and a GUID has none. The first GUID stays on top.
        low, high = sorted((top(employee), top(sign)), key=lambda one: (" " in one, one))
        parent[high] = low
    by_person: dict[str, dict[Who, _Week]] = {}
    for who, week in weeks.items():
        by_person.setdefault(top(who[1]) if who[1] in parent else who[1], {})[who] = week
    for subject, own in by_person.items():
        yield _Person(subject, own)


def _by_place(person: _Person) -> dict[str, float]:
    found: dict[str, float] = {}
    for (guid, _), week in person.weeks.items():
        found[guid] = found.get(guid, 0.0) + week.hours
    return found


def _main(person: _Person, known: Mapping[str, Location]) -> str:
    """Where most of the hours are."""
    hours = _by_place(person)
    return min(hours, key=lambda guid: (-hours[guid], known[guid].name, guid))


def _costs(look: Look, first: date, guids: Sequence[str], persons: Sequence[_Person]) -> dict[Who, float]:
    """What each hour would cost beyond the wage if it were overtime, all hours of somebody at a location together."""
    if not persons:
        return {}
    labor = look.settings.labor
    base = {title.lower(): wage for title, wage in labor.base_wages.items()}
    found: dict[Who, float] = {}
    for guid, employee, job, wage, hours in _asked(look, first, guids, BY_WAGE, sorted({who for one in persons for _, who in one.weeks})):
        # With a tip credit overtime is owed on the full wage (sources/toast/punches.py).
        beyond = max(base.get(job.lower(), Decimal(0)), wage or Decimal(0)) * (labor.overtime_multiplier - 1)
        found[guid, employee] = found.get((guid, employee), 0.0) + hours * float(beyond)
    return found


def _reading(
    look: Look, rule: AlertRule, first: date, person: _Person, main: str, known: Mapping[str, Location], costs: Mapping[Who, float]
) -> Reading:
    weeks, hours = person.weeks, person.hours
    beyond = max(hours - float(look.settings.alerts.overtime_after_hours), 0.0)
    is_over, is_clear = judged(rule, beyond)
    # Overtime is paid on the week's average wage (29 CFR 778.115), whichever hours are the last.
    cost = Decimal(beyond * sum(costs.get(who, 0.0) for who in weeks) / hours).quantize(CENT) if is_over and hours else None
    there = weeks[max((who for who in weeks if who[0] == main), key=lambda who: weeks[who].hours)]
    facts = [("Worked", sum(week.worked for week in weeks.values())), ("Still scheduled", sum(week.ahead for week in weeks.values()))]
    by_place = _by_place(person)
    if len(by_place) > 1:
        facts += [(f"At {called(known[guid].name)}", by_place[guid]) for guid in sorted(by_place, key=lambda guid: (-by_place[guid], guid))]
    return Reading(
        rule=rule.name,
        location=main,
        period=first,
        subject=person.subject,
        subject_name=called(there.name) or called(there.job) or "somebody",
        as_of=look.now,
        value=beyond,
        is_over=is_over,
        is_clear=is_clear,
        dollars=cost,
        facts=tuple((label, shown("hours", value)) for label, value in facts),
    )
