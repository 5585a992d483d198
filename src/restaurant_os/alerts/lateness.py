"""Data that is late, or missing: while a location is open, how far behind now its orders and punches are known, or since when none came at all.

What is known is what the ledger says, and what events brought beyond it. When a location is open its orders of the last weeks tell. Nothing is late
on a day without service: `closed_dates` and `closed_weekdays` of the settings, a day without a scheduled shift where the weekday has some, a weekday
without sales for weeks. Orders or punches of the day itself say that it is open after all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import DAILY, all_days, day_rows, within
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import judged
from restaurant_os.alerts.wording import shown
from restaurant_os.pipeline.calendar import WEEKDAYS
from restaurant_os.pipeline.ledger import ledger
from restaurant_os.settings import AlertRule, Location
from restaurant_os.tables import DIM_BUSINESS_DAYS, FACT_CHECKS, FACT_LABOR_SHIFTS, FACT_ORDERS, FACT_SCHEDULED_SHIFTS, LABOR, ORDERS

#: So many weeks tell when a location is open.
WEEKS = 4
#: One day is no habit.
FEWEST_DAYS = 2
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WEEK = timedelta(days=7)
DATASETS = (ORDERS.name, LABOR.name)

#: The first and last business hour of each day that has a check.
SERVED = (
    f"SELECT restaurant_guid, business_date, min(business_hour), max(business_hour) FROM {FACT_CHECKS.name} "
    "WHERE is_counted AND NOT is_deleted AND business_hour IS NOT NULL AND {condition} GROUP BY 1, 2"
)
PLANNED = f"SELECT DISTINCT restaurant_guid, business_date FROM {FACT_SCHEDULED_SHIFTS.name} WHERE NOT is_deleted AND {{condition}}"
#: When the newest record of each day was changed.
NEWEST_ORDER = f"SELECT restaurant_guid, business_date, max(modified_at) FROM {FACT_ORDERS.name} WHERE {{condition}} GROUP BY 1, 2"
NEWEST_PUNCH = f"SELECT restaurant_guid, business_date, max(modified_at) FROM {FACT_LABOR_SHIFTS.name} WHERE {{condition}} GROUP BY 1, 2"
#: Since when anything is known of a location.
FIRST_DAYS = f"SELECT restaurant_guid, min(business_date) FROM {DIM_BUSINESS_DAYS.name} GROUP BY 1"

#: The first and last business hour of service, by date.
Hours = Mapping[date, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the warehouse holds of one location. By dataset: up to when the ledger knows it, and when the newest record of a day was changed."""

    up_to: Mapping[str, datetime]
    newest: Mapping[tuple[str, date], datetime]
    hours: Hours
    planned: frozenset[date]
    first_day: date | None

    def same_weekdays(self, day: date) -> list[date]:
        """Of the weeks before, since when anything is known."""
        return [one for one in _before(day) if self.first_day and one >= self.first_day]


@dataclass(frozen=True, slots=True)
class _Service:
    """When a location is usually open on a day. `served_by`: when its first order was there at the latest; None where that is no habit."""

    opens: datetime
    closes: datetime
    served_by: datetime | None


def read(look: Look, rule: AlertRule) -> list[Reading]:
    """While a location is open, one reading for each of its datasets: the minutes that it is behind, or without any order. Later in the day only of
    those that are at the clear level again."""
    places = [place for place in look.of(rule) if place.toast_guid != place.store_id]
    if not places:
        return []
    seen = _seen(look)
    found: list[Reading] = []
    for place in places:
        own = seen[place.toast_guid]
        for day in look.days.get(place.toast_guid, ()):
            service = _service(place, day, own)
            if service and service.opens <= look.now and not _is_closed(place, day, own):
                readings = (_reading(look, rule, place, day, dataset, service, own) for dataset in _datasets(look, place))
                # After service nothing gets late; what was late may yet come.
                found += [one for one in readings if one and (look.now < service.closes or one.is_clear)]
    return found


def _datasets(look: Look, place: Location) -> Sequence[str]:
    """What a service asks for often: of the rest nobody expects to know today's."""
    schedule = look.settings.schedule
    often = {ORDERS.name: schedule.orders_every_minutes, LABOR.name: schedule.labor_every_minutes if place.labor_source == "toast" else 0}
    return [name for name in DATASETS if often[name]]


def _reading(look: Look, rule: AlertRule, place: Location, day: date, dataset: str, service: _Service, seen: _Seen) -> Reading | None:
    up_to = seen.up_to.get(dataset)
    if up_to is None:
        return None  # it was never read: that is no lateness, it has not begun
    newest = seen.newest.get((dataset, day))
    up_to = min(max(up_to, newest) if newest else up_to, look.now)
    behind, without = look.now - up_to, timedelta()
    if dataset == ORDERS.name and not newest and service.served_by:
        without = look.now - service.served_by
    value = max(behind, without) // MINUTE
    is_over, is_clear = judged(rule, value)
    if is_over and _is_posted(look, place, day, dataset):
        return None
    zone = place.business_day.zone
    what = ("No order yet", f"usually by {service.served_by.astimezone(zone):%H:%M}") if service.served_by and without > behind else None
    facts = (("Known up to", _clock(up_to, look.now, place)), what or ("Behind", shown("minutes", behind // MINUTE)))
    return Reading(
        rule=rule.name,
        location=place.toast_guid,
        period=day,
        subject=dataset,
        subject_name=dataset,
        as_of=look.now,
        value=float(value),
        is_over=is_over,
        is_clear=is_clear,
        facts=facts,
    )


def _clock(instant: datetime, now: datetime, place: Location) -> str:
    """With the date where it is not today's."""
    at, today = (one.astimezone(place.business_day.zone) for one in (instant, now))
    return f"{at:%H:%M}" if at.date() == today.date() else f"{at:%Y-%m-%d %H:%M}"


def _is_posted(look: Look, place: Location, day: date, dataset: str) -> bool:
    """The store posted its own total of the day."""
    side = "sales" if dataset == ORDERS.name else "labor"
    return day_rows(look, DAILY).get((place.toast_guid, day), {}).get(f"{side}_read_by") == "summary"


# --- when it is open ------------------------------------------------------------------------------------------------


def _before(day: date) -> list[date]:
    """The same weekday of the weeks before."""
    return [day - n * WEEK for n in range(1, WEEKS + 1)]


def _service(place: Location, day: date, seen: _Seen) -> _Service | None:
    """From the first hour with an order to the last, of the same weekdays; of the last days where those tell nothing. None: nobody knows."""
    start = place.business_day.start(day)
    same = [seen.hours[one] for one in _before(day) if one in seen.hours]
    hours = same or [own for one, own in seen.hours.items() if one < day]
    if not hours:
        return None
    is_habit = len(same) >= FEWEST_DAYS and len(same) * 2 > len(seen.same_weekdays(day))
    served_by = start + (max(first for first, _ in same) + 1) * HOUR if is_habit else None
    return _Service(start + min(first for first, _ in hours) * HOUR, start + (max(last for _, last in hours) + 1) * HOUR, served_by)


def _is_closed(place: Location, day: date, seen: _Seen) -> bool:
    """Whether there is no service on a day, by what the settings say, what is planned, or what usually is."""
    if day in place.closed_dates or WEEKDAYS[day.weekday()] in place.closed_weekdays:
        return True
    if any((dataset, day) in seen.newest for dataset in DATASETS):
        return False
    if day not in seen.planned and len(seen.planned & set(_before(day))) >= FEWEST_DAYS:
        return True
    known = seen.same_weekdays(day)
    return len(known) >= FEWEST_DAYS and not any(one in seen.hours for one in known)


def _seen(look: Look) -> dict[str, _Seen]:
    """Of every looked-at location, by GUID, in a handful of questions for all."""
    days, places = all_days(look), {place.toast_guid: place for place in look.places}
    lately = sorted({one for day in days for one in (*_before(day), *(day - timedelta(days=n) for n in range(1, 7)))})
    today, before, planned = within(look, days), within(look, lately), within(look, sorted({*days, *lately}))
    orders, punches, served, shifts, firsts = look.warehouse.answers(
        (NEWEST_ORDER.format(condition=today[0]), today[1]),
        (NEWEST_PUNCH.format(condition=today[0]), today[1]),
        (SERVED.format(condition=before[0]), before[1]),
        (PLANNED.format(condition=planned[0]), planned[1]),
        (FIRST_DAYS, ()),
    )
    up_to = _up_to(look)
    newest: dict[str, dict[tuple[str, date], datetime]] = {}
    for dataset, rows in zip(DATASETS, (orders, punches), strict=True):
        for guid, day, at in rows:
            # An order that was placed before for today does not say that anything happens today.
            if at and at >= places[guid].business_day.start(day):
                newest.setdefault(guid, {})[dataset, day] = at
    hours: dict[str, dict[date, tuple[int, int]]] = {}
    for guid, day, first, last in served:
        hours.setdefault(guid, {})[day] = (first, last)
    shift_days: dict[str, set[date]] = {}
    for guid, day in shifts:
        shift_days.setdefault(guid, set()).add(day)
    first_days: dict[str, date] = dict(firsts)
    return {
        guid: _Seen(
            {dataset: at for dataset, ends in up_to.items() if (at := ends.get(guid))},
            newest.get(guid, {}),
            hours.get(guid, {}),
            frozenset(shift_days.get(guid, ())),
            first_days.get(guid),
        )
        for guid in places
    }


def _up_to(look: Look) -> dict[str, dict[str, datetime]]:
    """By dataset and location, up to when the ledger knows it: the end of its chain of changes, or of the last day that was read."""
    found: dict[str, dict[str, datetime]] = {}
    ends_of = {place.toast_guid: place.business_day for place in look.places}
    for dataset in DATASETS:
        own = ledger(look.warehouse, dataset)
        ends = {guid: chain.mark for guid, chain in own.chains.items()}
        last: dict[str, date] = {}
        for guid, day in own.read:
            last[guid] = max(day, last.get(guid, day))
        for guid, day in last.items():
            if guid in ends_of:
                # A day that was read before it ended is known up to then, and of the days after it nothing.
                read = min(own.read[guid, day], ends_of[guid].bounds(day)[1])
                ends[guid] = max(read, ends.get(guid, read))
        found[dataset] = ends
    return found
