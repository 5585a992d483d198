"""How a location's business day stands at an instant, and how the same weekday usually went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from restaurant_os.alerts.asking import day_rows
from restaurant_os.alerts.dayfacts import ASSIGNED, Day, DayFacts, HourRow, checks_question, condition, read_days
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.planned import ahead
from restaurant_os.businessday import BusinessDay
from restaurant_os.settings import Location
from restaurant_os.warehouse import Warehouse

#: So many weeks back lie the days that a day is held against.
WEEKS = 8
#: Where there is no history to go by, it is asked for again after so long: somebody may be bringing it in.
ASK_AGAIN = timedelta(minutes=15)
#: Fewer days than these say nothing of what is usual.
LEAST_DAYS = 3
#: What `DayState.basis` says of a day whose both sides are facts.
FACTS = "net"
HOUR = timedelta(hours=1)
PLACES = Decimal("0.0001")
#: The one reason of the view for a missing ratio that leaves both sides known: a dead day is judged like any other.
NO_SALES = "no sales"

USUAL = """
SELECT restaurant_guid, business_date, local_hour, CAST(sum(net_sales) AS DOUBLE PRECISION), CAST(sum(labor_cost) AS DOUBLE PRECISION),
    CAST(sum(labor_hours) AS DOUBLE PRECISION), min(sales_as_of), min(labor_as_of)
FROM hourly_profitability WHERE {days} AND local_hour IS NOT NULL AND (net_sales <> 0 OR labor_cost <> 0)
GROUP BY restaurant_guid, business_date, local_hour ORDER BY restaurant_guid, business_date, local_hour
"""
#: What of the shifts lies in each hour, by the hour on the clock.
PLANNED = f"""
SELECT o.restaurant_guid, o.business_date, h.local_hour, sum(CAST(o.hourly_wage AS DOUBLE PRECISION)
    * (epoch_us(least(o.out_date, h.ends_at)) - epoch_us(greatest(o.in_date, h.starts_at))) / 3600000000)
FROM fact_scheduled_shifts AS o
JOIN dim_business_hours AS h ON h.restaurant_guid = o.restaurant_guid AND h.business_date = o.business_date
    AND h.starts_at < o.out_date AND h.ends_at > o.in_date
WHERE {{days}} AND NOT o.is_deleted AND {ASSIGNED} GROUP BY o.restaurant_guid, o.business_date, h.local_hour
"""


@dataclass(frozen=True, slots=True)
class HourState:
    """An hour of a day: net sales and labor in dollars, without what is still to come. None where its sums were not read: what a look needs of a day that goes
    on it has by the day, and hours are costly to read."""

    business_hour: int
    local_hour: int
    starts_at: datetime
    ends_at: datetime
    net_sales: float | None = None
    labor_cost: float | None = None
    labor_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """A business date of a location at an instant. Sums are so far: what is promised or planned for later is beside them.

    `as_of`: up to when both sides are known, never after the look; None where they are not, for the `reason` given. Each side by itself is known up to
    `sales_as_of` and `labor_as_of`, which are never after the look either. `basis`: `net` where both sides are facts; else it names what somebody posted:
    `gross_summary`, `net+summary` or `gross_summary+punches`; then the sums are the totals as posted.
    """

    location: str
    day: date
    starts_at: datetime
    ends_at: datetime
    as_of: datetime | None
    sales_as_of: datetime | None = None
    labor_as_of: datetime | None = None
    basis: str = ""
    reason: str = ""
    orders: int | None = None
    net_sales: Decimal | None = None
    labor_cost: Decimal | None = None
    labor_hours: Decimal | None = None
    overtime_cost: Decimal | None = None
    hours: tuple[HourState, ...] = ()
    #: Net sales of orders that are placed and promised for later today; in no sum above.
    promised: Decimal = Decimal(0)
    #: Planned after `labor_as_of` until the day ends. Whoever is clocked in is planned until the end of the shift.
    scheduled_cost: float = 0.0
    scheduled_hours: float = 0.0
    has_schedule: bool = False

    @property
    def is_posted(self) -> bool:
        """Whether a side of it is a total that somebody posted."""
        return self.basis not in ("", FACTS)


@dataclass(frozen=True, slots=True)
class UsualHour:
    local_hour: int
    net_sales: float
    labor_cost: float
    labor_hours: float


@dataclass(frozen=True, slots=True)
class UsualDay:
    """An earlier day of the same weekday, by the hours that had anything. `has_labor`: its labor is known to its end."""

    day: date
    hours: tuple[UsualHour, ...]
    has_labor: bool = True
    #: What its schedule planned, by the hour on the clock; none where it had no schedule.
    planned: Mapping[int, float] = field(default_factory=dict)
    #: Orders that were promised for a time: when they were placed and when they counted, in hours from the start of the day, and their net sales.
    promised: tuple[tuple[float, float, float], ...] = ()

    @property
    def net_sales(self) -> float:
        return sum(hour.net_sales for hour in self.hours)

    def promised_at(self, hours: float) -> float:
        """What was placed and still to come, so many hours into the day."""
        return sum(amount for placed, due, amount in self.promised if placed <= hours < due)

    @property
    def labor_cost(self) -> float:
        return sum(hour.labor_cost for hour in self.hours)


@dataclass(frozen=True, slots=True)
class Usual:
    """The same weekday of the last weeks, the newest first. Days that were closed, sold nothing or are not known to their end are left out."""

    days: tuple[UsualDay, ...] = ()
    read_at: datetime | None = None

    @property
    def is_enough(self) -> bool:
        return len(self.days) >= LEAST_DAYS


def day_states(look: Look) -> dict[Day, DayState]:
    """How each looked-at day stands; read once a look."""
    states: dict[Day, DayState] | None = look.shared.get("days")
    if states is None:
        facts = read_days(look.warehouse, _wanted(look), look.now, day_rows(look))
        states = look.shared["days"] = {key: state_at(own, look.now) for key, own in facts.items()}
    return states


def usual_days(look: Look, cache: MutableMapping[Day, Usual] | None = None) -> dict[Day, Usual]:
    """What is usual for each looked-at day. `cache`: kept by the caller from look to look (else the look's own): what was read is not read again."""
    known = look.shared.setdefault("usual", {}) if cache is None else cache
    wanted = _wanted(look)
    keys = {(place.toast_guid, day) for place, day in wanted}
    of_places = {guid for guid, _ in keys}
    for key in [key for key in known if key not in keys and key[0] in of_places]:
        del known[key]
    missing = [(place, day) for place, day in wanted if _is_due(known.get((place.toast_guid, day)), look.now)]
    if missing:
        known.update(read_usual(look.warehouse, missing, look.now))
    return {key: known[key] for key in keys}


def _is_due(usual: Usual | None, now: datetime) -> bool:
    if usual is None or usual.read_at is None:
        return True
    return not usual.is_enough and abs(now - usual.read_at) >= ASK_AGAIN


def _wanted(look: Look) -> list[tuple[Location, date]]:
    return [(place, day) for place in look.places for day in look.days.get(place.toast_guid, ())]


# --- the state of a day -----------------------------------------------------------------------------------------------


def state_at(facts: DayFacts, now: datetime) -> DayState:
    """The state of a day as of `now`: of facts that go further, only what lies before it."""
    row, hours = facts.row, _bare_hours(facts.place.timezone, facts.place.closeout_hour, facts.day)
    nothing = DayState(
        location=facts.place.toast_guid,
        day=facts.day,
        starts_at=facts.starts_at,
        ends_at=facts.ends_at,
        as_of=None,
        hours=hours,
        has_schedule=facts.has_schedule,
    )
    if row is None:
        return replace(nothing, reason="no sales read")
    reason, basis = _reason(row, now), _basis(row)
    sales_at, labor_at = (min(row[name], now) if row[name] else None for name in ("sales_as_of", "labor_as_of"))
    as_of = min(sales_at, labor_at) if sales_at and labor_at and not reason else None
    state = replace(nothing, as_of=as_of, sales_as_of=sales_at, labor_as_of=labor_at, basis=basis, reason=reason)
    if state.is_posted:
        # A total has no hours: nothing of it can be cut off or planned ahead.
        return replace(state, **_sums(row, ("orders", "net_sales", "labor_cost", "labor_hours", "overtime_cost")))
    if facts.hours:
        state = replace(state, hours=_hours(facts, sales_at, labor_at))
    return _with_labor(facts, _with_sales(facts, state, sales_at), labor_at)


def _sums(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _reason(row: Mapping[str, Any], now: datetime) -> str:
    """Why a side is not known at `now`; '' when both are."""
    for side in ("sales", "labor"):
        if row[f"{side}_read_by"] == "summary" and row[f"{side}_as_of"] > now:
            return f"no {side} read"
    reason: str = row["labor_reason"] or ""
    return "" if reason == NO_SALES else reason


def _basis(row: Mapping[str, Any]) -> str:
    """What both sides rest on; '' where nobody knows of sales."""
    posted = [row[f"{side}_read_by"] == "summary" for side in ("sales", "labor")]
    if all(posted):
        return "gross_summary"
    if any(posted):
        return "gross_summary+punches" if posted[0] else "net+summary"
    return FACTS if row["sales_as_of"] else ""


def _with_sales(facts: DayFacts, state: DayState, as_of: datetime | None) -> DayState:
    """Without the orders that count after `as_of`, promised or not."""
    if as_of is None or facts.row is None:
        return state
    if facts.hours:
        found = [_sales_of(facts, hour, as_of) for hour in facts.hours]
        sold, orders = sum((net for net, _ in found), Decimal(0)), sum(count for _, count in found)
    else:
        after = [own.amount for own in facts.later if own.at > as_of]
        sold, orders = (facts.row["net_sales"] or Decimal(0)) - sum(after, Decimal(0)), (facts.row["orders"] or 0) - len(after)
    return replace(state, net_sales=sold, orders=orders, promised=_promised(facts, as_of))


def _with_labor(facts: DayFacts, state: DayState, as_of: datetime | None) -> DayState:
    if as_of is None or facts.row is None:
        return state
    if facts.hours:
        cost = worked = overtime = Decimal(0)
        for hour in facts.hours:
            part = _part(hour, as_of, facts.as_of("labor"))
            cost, worked = cost + _times(hour.labor_cost, part), worked + _times(hour.labor_hours, part)
            overtime += _times(hour.overtime_cost, part)
        state = replace(state, labor_cost=cost, labor_hours=worked, overtime_cost=overtime)
    else:
        state = replace(state, **_sums(facts.row, ("labor_cost", "labor_hours", "overtime_cost")))
    cost_ahead, hours_ahead = ahead(facts.shifts, facts.punches, as_of, facts.ends_at)
    return replace(state, scheduled_cost=cost_ahead, scheduled_hours=hours_ahead)


def _hours(facts: DayFacts, sales_at: datetime | None, labor_at: datetime | None) -> tuple[HourState, ...]:
    found = []
    for hour in facts.hours:
        part = _part(hour, labor_at, facts.as_of("labor"))
        sold, cost, worked = _sales_of(facts, hour, sales_at)[0], _times(hour.labor_cost, part), _times(hour.labor_hours, part)
        found.append(HourState(hour.business_hour, hour.local_hour, hour.starts_at, hour.ends_at, float(sold), float(cost), float(worked)))
    return tuple(found)


@lru_cache(maxsize=256)
def _bare_hours(timezone: str, closeout_hour: int, day: date) -> tuple[HourState, ...]:
    """The hours of a day without sums."""
    rule = BusinessDay(ZoneInfo(timezone), closeout_hour)
    spans = enumerate(rule.hours(day))
    return tuple(HourState(number, start.astimezone(rule.zone).hour, start, end) for number, (start, end) in spans)


def _sales_of(facts: DayFacts, hour: HourRow, as_of: datetime | None) -> tuple[Decimal, int]:
    """Net sales and orders of an hour before `as_of`: orders that count later are taken off the hour that it falls in."""
    if as_of is None or hour.starts_at >= as_of:
        return Decimal(0), 0
    net, orders = hour.net_sales or Decimal(0), hour.orders or 0
    if as_of < hour.ends_at:
        after = [own.amount for own in facts.later if own.business_hour == hour.business_hour and own.at > as_of]
        net, orders = net - sum(after, Decimal(0)), orders - len(after)
    return net, orders


def _part(hour: HourRow, as_of: datetime | None, known: datetime | None) -> Decimal:
    """Which part of what is known of an hour's labor was worked before `as_of`."""
    if as_of is None or hour.starts_at >= as_of:
        return Decimal(0)
    end = min(hour.ends_at, known) if known else hour.ends_at
    return Decimal(1) if as_of >= end else Decimal((as_of - hour.starts_at) / (end - hour.starts_at))


def _times(value: Decimal | None, part: Decimal) -> Decimal:
    if not value or not part:
        return Decimal(0)
    return value if part == 1 else (value * part).quantize(PLACES)


def _promised(facts: DayFacts, as_of: datetime) -> Decimal:
    """Net sales of orders that were placed by `as_of` for later."""
    return sum((own.amount for own in facts.later if own.placed_at <= as_of < own.at), Decimal(0))


# --- what is usual ----------------------------------------------------------------------------------------------------


def read_usual(warehouse: Warehouse, wanted: Sequence[tuple[Location, date]], now: datetime | None) -> dict[Day, Usual]:
    """The same weekday of the last WEEKS weeks before each day, read at once."""
    earlier = {
        (place.toast_guid, day): [(place.toast_guid, before) for before in _weeks_before(day) if before not in place.closed_dates]
        for place, day in wanted
    }
    places = {place.toast_guid: place for place, _ in wanted}
    known = _days(warehouse, {key for keys in earlier.values() for key in keys}, places)
    return {key: Usual(tuple(known[own] for own in keys if own in known), now) for key, keys in earlier.items()}


def _weeks_before(day: date) -> list[date]:
    return [day - timedelta(days=7 * weeks) for weeks in range(1, WEEKS + 1)]


def _days(warehouse: Warehouse, keys: Iterable[Day], places: Mapping[str, Location]) -> dict[Day, UsualDay]:
    wanted = set(keys)
    if not wanted:
        return {}
    of_days, given = condition(wanted)
    of_shifts, _ = condition(wanted, "o.")
    hourly, planned, checks = warehouse.answers(
        (USUAL.format(days=of_days), given), (PLANNED.format(days=of_shifts), given), checks_question(wanted, None)
    )
    plans: dict[Day, dict[int, float]] = {}
    for guid, day, local, cost in planned:
        plans.setdefault((guid, day), {})[local] = cost
    promised: dict[Day, list[tuple[float, float, float]]] = {}
    for guid, day, placed_at, due_at, _, amount in checks:
        if (guid, day) in wanted:
            starts_at = places[guid].business_day.start(day)
            promised.setdefault((guid, day), []).append(((placed_at - starts_at) / HOUR, (due_at - starts_at) / HOUR, float(amount)))
    hours: dict[Day, list[UsualHour]] = {}
    known_to: dict[Day, tuple[datetime | None, datetime | None]] = {}
    for guid, day, local, sold, cost, worked, sales_as_of, labor_as_of in hourly:
        if (guid, day) in wanted:
            hours.setdefault((guid, day), []).append(UsualHour(local, sold or 0.0, cost or 0.0, worked or 0.0))
            known_to[guid, day] = (sales_as_of, labor_as_of)
    found = {}
    for (guid, day), own in hours.items():
        ends_at = places[guid].business_day.bounds(day)[1]
        sales_to, labor_to = known_to[guid, day]
        has_labor = labor_to is not None and labor_to >= ends_at
        usual = UsualDay(day, tuple(own), has_labor, plans.get((guid, day), {}), tuple(promised.get((guid, day), ())))
        if sales_to is not None and sales_to >= ends_at and usual.net_sales > 0:
            found[guid, day] = usual
    return found
