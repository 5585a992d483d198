"""Who is clocked in at a location and who is planned, as the tables tell it of an instant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerts.asking import marks
from restaurant_os.text import printable
from restaurant_os.warehouse import Warehouse

HOUR = timedelta(hours=1)
#: A location's GUID and a business date.
Key = tuple[str, date]
MAX_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Punch:
    """A time entry that counts. Hours and dollars; `wage` None for a salaried job, `ends` None while it is open."""

    entry: str
    employee: str
    #: As the setting `labor.names` left it; '' none.
    name: str
    job: str
    starts: datetime
    ends: datetime | None
    wage: float | None
    #: Of a closed one, as the platform counts them.
    hours: float
    overtime_hours: float = 0.0
    #: What its overtime cost beyond the same hours at the wage.
    overtime_extra: float = 0.0
    #: Of an open one: unpaid breaks that ended, since when one goes on, and until when it is believed.
    rested: float = 0.0
    paused_at: datetime | None = None
    believed_until: datetime | None = None

    def is_running(self, instant: datetime) -> bool:
        """Clocked in, and not forgotten."""
        return self.starts <= instant and (self.believed_until or instant) >= instant and (self.ends is None or self.ends > instant)

    def worked(self, instant: datetime) -> float:
        """Hours by an instant. Of one that was closed later, the part of its hours that had passed."""
        if self.ends is not None:
            if self.ends <= instant:
                return self.hours
            return self.hours * max((instant - self.starts) / (self.ends - self.starts), 0.0)
        stop = min(one for one in (instant, self.believed_until, self.paused_at) if one is not None)
        return max((stop - self.starts) / HOUR - self.rested, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A scheduled shift. `employee` '' while nobody is to work it."""

    employee: str
    name: str
    job: str
    starts: datetime
    ends: datetime
    wage: float | None

    def planned(self, first: datetime, last: datetime) -> float:
        """Its hours between two instants."""
        return max((min(self.ends, last) - max(self.starts, first)) / HOUR, 0.0)


@dataclass(frozen=True, slots=True)
class Crew:
    """The punches and shifts of a location's business date."""

    punches: Sequence[Punch] = ()
    shifts: Sequence[Shift] = ()


PUNCHES = """
SELECT restaurant_guid, business_date, time_entry_guid, employee_guid, employee_name, job_title, in_date, out_date, hourly_wage,
    coalesce(regular_hours, CAST(0 AS DECIMAL(18, 4))) + coalesce(overtime_hours, CAST(0 AS DECIMAL(18, 4))),
    coalesce(overtime_hours, CAST(0 AS DECIMAL(18, 4))), coalesce(overtime_pay - overtime_hours * hourly_wage, CAST(0 AS DECIMAL(18, 4))),
    coalesce(unpaid_break_hours, CAST(0 AS DECIMAL(18, 4))), paused_at, accrues_until
FROM fact_labor_shifts
WHERE restaurant_guid IN ({places}) AND business_date BETWEEN ? AND ? AND is_counted AND NOT is_deleted AND in_date <= ?
ORDER BY in_date, time_entry_guid
"""
SHIFTS = """
SELECT restaurant_guid, business_date, employee_guid, employee_name, job_title, in_date, out_date, hourly_wage
FROM fact_scheduled_shifts
WHERE restaurant_guid IN ({places}) AND business_date BETWEEN ? AND ? AND NOT is_deleted AND is_published IS NOT FALSE
    AND in_date IS NOT NULL AND out_date > in_date
ORDER BY in_date, shift_id
"""


def crews_of(warehouse: Warehouse, wanted: Collection[Key], now: datetime) -> dict[Key, Crew]:
    """The crews of some locations on some business dates, of what had begun by `now`."""
    if not wanted:
        return {}
    guids, days = sorted({guid for guid, _ in wanted}), [day for _, day in wanted]
    places = marks(guids)
    own = [*guids, min(days), max(days)]
    punches, shifts = warehouse.answers((PUNCHES.format(places=places), [*own, now]), (SHIFTS.format(places=places), own))
    found: dict[Key, tuple[list[Punch], list[Shift]]] = {key: ([], []) for key in wanted}
    for guid, day, *values in punches:
        if own_lists := found.get((guid, day)):
            own_lists[0].append(_punch(values))
    for guid, day, *values in shifts:
        if own_lists := found.get((guid, day)):
            own_lists[1].append(_shift(values))
    return {key: Crew(*lists) for key, lists in found.items()}


def _punch(values: Sequence[Any]) -> Punch:
    entry, employee, name, job, starts, ends, wage, hours, overtime, extra, rested, paused_at, until = values
    return Punch(
        entry=entry,
        employee=employee or "",
        name=called(name),
        job=called(job),
        starts=starts,
        ends=ends,
        wage=number(wage),
        hours=float(hours),
        overtime_hours=float(overtime),
        overtime_extra=float(extra),
        rested=float(rested),
        paused_at=paused_at,
        believed_until=until,
    )


def _shift(values: Sequence[Any]) -> Shift:
    employee, name, job, starts, ends, wage = values
    return Shift(employee=employee or "", name=called(name), job=called(job), starts=starts, ends=ends, wage=number(wage))


def called(name: str | None) -> str:
    """A name or title from outside, on one line."""
    return printable(name or "", MAX_NAME).strip()


def number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
