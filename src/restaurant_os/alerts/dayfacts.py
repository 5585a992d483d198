"""What the warehouse holds of some business dates of some locations, read in as few questions as can be: the views are costly to plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerts.asking import marks
from restaurant_os.alerts.planned import Punch, Shift
from restaurant_os.settings import Location
from restaurant_os.warehouse import Warehouse

#: A location by GUID and one of its business dates.
Day = tuple[str, date]

DAILY = (
    *("orders", "net_sales", "labor_cost", "labor_hours", "overtime_cost", "sales_as_of", "labor_as_of"),
    *("sales_read_by", "labor_read_by", "labor_reason"),
)
HOURLY = ("business_hour", "local_hour", "starts_at", "orders", "net_sales", "labor_cost", "labor_hours", "overtime_cost")
#: Of sales that are known up to an instant longer ago, nothing is left out: whoever is so late is late, and said to be.
LATE_ENOUGH = timedelta(minutes=90)
NEVER = datetime.max.replace(tzinfo=UTC)
#: The API's clock, which instants of reading are of, may be so far ahead of ours.
SKEW = timedelta(minutes=2)
#: Up to so many locations are named in a question; of more, all are read.
MOST_NAMED = 200

CHECKS = """
WITH wanted AS (
    SELECT o.restaurant_guid, o.business_date, o.order_guid, o.promised_at, o.opened_at AS placed_at
    FROM fact_orders AS o WHERE {days} AND o.is_counted AND NOT o.is_deleted AND (o.promised_at IS NOT NULL OR o.opened_at > ?)
), sold AS (
    SELECT order_guid, check_guid, restaurant_guid, business_date, net_amount AS amount FROM fact_order_items AS o
    WHERE {days} AND is_sale AND NOT is_deleted
    UNION ALL
    SELECT order_guid, check_guid, restaurant_guid, business_date, charge_amount FROM fact_service_charges AS o
    WHERE {days} AND is_sale AND is_counted AND NOT is_deleted
)
SELECT w.restaurant_guid, w.business_date, coalesce(w.placed_at, w.promised_at), coalesce(w.promised_at, min(c.opened_at), w.placed_at), min(c.business_hour),
    coalesce(sum(s.amount), CAST(0 AS DECIMAL(18, 4)))
FROM wanted AS w
JOIN fact_checks AS c ON c.order_guid = w.order_guid AND c.restaurant_guid = w.restaurant_guid AND c.business_date = w.business_date
LEFT JOIN sold AS s ON s.order_guid = c.order_guid AND s.check_guid = c.check_guid AND s.restaurant_guid = c.restaurant_guid
    AND s.business_date = c.business_date
WHERE c.is_counted AND NOT c.is_deleted
GROUP BY w.restaurant_guid, w.business_date, w.order_guid, w.placed_at, w.promised_at
"""
#: Shifts that cost something: nobody is there to work an open one, a salary is paid anyway, and a job left out of the reports counts nowhere.
ASSIGNED = """coalesce(o.is_published, TRUE) AND o.employee_guid IS NOT NULL AND o.hourly_wage IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM dim_jobs AS j WHERE j.restaurant_guid = o.restaurant_guid AND j.job_guid = o.job_guid AND j.applies_to IS NULL
        AND j.exclude_from_reporting)"""
SHIFTS = f"""
SELECT o.restaurant_guid, o.business_date, o.shift_id, o.employee_guid, coalesce(o.job_guid, ''), o.in_date, o.out_date,
    CAST(o.hourly_wage AS DOUBLE PRECISION), o.is_deleted
FROM fact_scheduled_shifts AS o WHERE {{days}} AND {ASSIGNED}
ORDER BY o.in_date, o.shift_id
"""
PUNCHES = """
SELECT o.restaurant_guid, o.business_date, coalesce(o.employee_guid, ''), coalesce(o.job_guid, ''), coalesce(o.shift_id, ''), o.in_date, o.out_date,
    CAST(o.hourly_wage AS DOUBLE PRECISION)
FROM fact_labor_shifts AS o WHERE {days} AND o.is_counted AND NOT o.is_deleted AND o.hourly_wage IS NOT NULL
ORDER BY o.in_date, o.time_entry_guid
"""


@dataclass(frozen=True, slots=True)
class HourRow:
    """An hour of a day as `hourly_profitability` has it; None where a side is unknown."""

    business_hour: int
    local_hour: int
    starts_at: datetime
    ends_at: datetime
    orders: int | None
    net_sales: Decimal | None
    labor_cost: Decimal | None
    labor_hours: Decimal | None
    overtime_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Later:
    """An order that was promised for a time, or opened lately. `at`: when it counts; `placed_at`: since when it is known."""

    placed_at: datetime
    at: datetime
    business_hour: int | None
    amount: Decimal


@dataclass(slots=True)
class DayFacts:
    """All of one day. `row`: that of `daily_profitability`, by column; None where the day is in no view."""

    place: Location
    day: date
    starts_at: datetime
    ends_at: datetime
    row: Mapping[str, Any] | None = None
    #: Read where the day is known beyond the look, to be cut off there; else empty.
    hours: list[HourRow] = field(default_factory=list)
    later: list[Later] = field(default_factory=list)
    #: Those that stand. `has_schedule`: there are any, or there were: who calls everybody off has planned for nobody.
    shifts: list[Shift] = field(default_factory=list)
    has_schedule: bool = False
    punches: list[Punch] = field(default_factory=list)

    def as_of(self, side: str) -> datetime | None:
        """Up to when a side is known: sales or labor."""
        known: datetime | None = self.row[f"{side}_as_of"] if self.row else None
        return known

    @property
    def is_posted(self) -> bool:
        """Whether both sides are totals that somebody posted: they have no parts."""
        return self.row is not None and {self.row["sales_read_by"], self.row["labor_read_by"]} == {"summary"}

    def goes_beyond(self, now: datetime) -> bool:
        """Whether facts of it are known that happen after `now`."""
        return any(
            self.row is not None
            and self.row[f"{side}_read_by"] != "summary"
            and (known := self.as_of(side)) is not None
            and known > now + SKEW
            for side in ("sales", "labor")
        )


def read_days(
    warehouse: Warehouse, wanted: Sequence[tuple[Location, date]], now: datetime | None, rows: Mapping[Day, Mapping[str, Any]] | None = None
) -> dict[Day, DayFacts]:
    """The facts of days as `now` needs them. None: of days that are over, for any instant at the end of an hour. `rows`: those of `daily_profitability`,
    where they were read already."""
    found = {(place.toast_guid, day): DayFacts(place, day, *place.business_day.bounds(day)) for place, day in wanted}
    if not found:
        return {}
    for key, row in (_daily_rows(warehouse, found) if rows is None else rows).items():
        if key in found:
            found[key].row = row
    parts = {key: own for key, own in found.items() if not own.is_posted}
    if parts:
        _read_parts(warehouse, parts, now)
    return found


def _daily_rows(warehouse: Warehouse, days: Iterable[Day]) -> dict[Day, Mapping[str, Any]]:
    text, given = condition(days)
    daily = warehouse.rows(f"SELECT restaurant_guid, business_date, {', '.join(DAILY)} FROM daily_profitability WHERE {text}", given)
    return {(guid, day): dict(zip(DAILY, values, strict=True)) for guid, day, *values in daily}


def _read_parts(warehouse: Warehouse, found: Mapping[Day, DayFacts], now: datetime | None) -> None:
    """Orders, shifts and punches of days, and their hours where they are to be cut off."""
    cut = {key for key, own in found.items() if now is None or own.goes_beyond(now)}
    of_orders, given = condition(found, "o.")
    checks, shifts, punches, *hourly = warehouse.answers(
        checks_question(found, _since(found.values(), now)),
        (SHIFTS.format(days=of_orders), given),
        (PUNCHES.format(days=of_orders), given),
        *([_hourly_question(cut)] if cut else []),
    )
    for own, rows in _grouped(hourly[0] if hourly else (), found, lambda *values: values):
        own.hours = _hours(own, rows)
    for own, later in _grouped(checks, found, Later):
        own.later = later
    for own, planned in _grouped(shifts, found, lambda *values: values):
        own.shifts = [Shift(*values) for *values, is_deleted in planned if not is_deleted]
        own.has_schedule = True
    for own, worked in _grouped(punches, found, Punch):
        own.punches = worked


def _since(days: Iterable[DayFacts], now: datetime | None) -> datetime | None:
    """The earliest instant up to which sales are known: what was opened after it is told one by one, so that it can be left out."""
    if now is None:
        return None
    known = [as_of for own in days if (as_of := own.as_of("sales")) is not None]
    return max(min([now, *known]), now - LATE_ENOUGH)


def _hourly_question(days: Iterable[Day]) -> tuple[str, list[Any]]:
    text, given = condition(days)
    return (
        f"SELECT restaurant_guid, business_date, {', '.join(HOURLY)} FROM hourly_profitability WHERE {text} ORDER BY business_hour",
        given,
    )


def checks_question(days: Iterable[Day], since: datetime | None) -> tuple[str, list[Any]]:
    """The orders of days that were promised for a time or, with `since`, opened after it: when each was placed, when it counts, its hour, net sales."""
    text, given = condition(days, "o.")
    return CHECKS.format(days=text), [*given, since or NEVER, *given, *given]


def condition(days: Iterable[Day], prefix: str = "") -> tuple[str, list[Any]]:
    """For a WHERE: rows of these locations and dates; it may let more pass."""
    places, dates = sorted({place for place, _ in days}), sorted({day for _, day in days})
    text = f"{prefix}business_date IN ({marks(dates)})"
    if len(places) > MOST_NAMED:
        return text, [*dates]
    return f"{text} AND {prefix}restaurant_guid IN ({marks(places)})", [*dates, *places]


def _grouped(
    rows: Iterable[tuple[Any, ...]], found: Mapping[Day, DayFacts], made: Callable[..., Any]
) -> Iterable[tuple[DayFacts, list[Any]]]:
    """By day what is made of the rest of its rows; days that nobody asked for are left out."""
    own: dict[Day, list[Any]] = {}
    for guid, day, *values in rows:
        if (guid, day) in found:
            own.setdefault((guid, day), []).append(made(*values))
    return [(found[key], values) for key, values in own.items()]


def _hours(own: DayFacts, rows: Sequence[tuple[Any, ...]]) -> list[HourRow]:
    """Hours of the calendar with their ends. One that is not in it has no bounds, and no day without a calendar has any."""
    known = [row for row in rows if row[2] is not None]
    ends = [*(row[2] for row in known[1:]), own.ends_at]
    return [HourRow(hour, local, starts, end, *sums) for (hour, local, starts, *sums), end in zip(known, ends, strict=True)]
