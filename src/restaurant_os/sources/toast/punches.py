"""A time entry laid out in rows: the punch, its breaks, and what of it was worked in each hour of its business day.

Rules (design, section 5; reference, 5.1): a closed entry has Toast's own hours, breaks already out; an open one has none yet and accrues
in the views, up to `accrues_until`. A wage of null is a salaried job, not a zero wage. Money and hours are exact to four places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.batch import COPY
from restaurant_os.businessday import BusinessDay
from restaurant_os.settings import LaborSettings
from restaurant_os.sources.toast.model import Guid, Part, Ref
from restaurant_os.sources.toast.records import day_of, exact, instant, unfit
from restaurant_os.tables import PLACES

Row = dict[str, Any]
Span = tuple[datetime, datetime]
SOURCE = "toast"
HOUR = timedelta(hours=1)
ZERO = Decimal(0)
MICROSECOND = timedelta(microseconds=1)


class Break(Part):
    """spec:labor TimeEntryBreak. A missed one has no outDate (reference, section 9, 14)."""

    guid: str | None = None
    break_type: Ref | None = None
    paid: bool | None = None
    in_date: str | None = None
    out_date: str | None = None
    missed: bool | None = None
    waived: bool | None = None


class TimeEntry(Part):
    """spec:labor TimeEntry. `shiftReference` is an object in the specification and a plain GUID in the guide's example."""

    guid: Guid
    in_date: str
    modified_date: str
    created_date: str | None = None
    out_date: str | None = None
    business_date: str | int | None = None
    deleted: bool | None = None
    auto_clocked_out: bool | None = None
    employee_reference: Ref | None = None
    job_reference: Ref | None = None
    shift_reference: Ref | str | None = None
    regular_hours: Decimal | None = None
    overtime_hours: Decimal | None = None
    hourly_wage: Decimal | None = None
    breaks: list[Break] | None = None
    declared_cash_tips: Decimal | None = None
    non_cash_tips: Decimal | None = None
    tips_withheld: Decimal | None = None
    cash_gratuity_service_charges: Decimal | None = None
    non_cash_gratuity_service_charges: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A scheduled shift, as far as an open entry needs it."""

    employee_guid: str
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class People:
    """What a location's lists say of jobs and employees."""

    job_titles: Mapping[str, str]
    #: Jobs kept out of Toast's labor reports.
    excluded_jobs: frozenset[str]
    #: As the setting `labor.names` wants them.
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PunchRows:
    """Lays time entries of one location out. `read_at`: when the read that brought them began."""

    restaurant_guid: str
    rule: BusinessDay
    labor: LaborSettings
    people: People
    planned: Sequence[Planned]
    read_at: datetime

    def add(self, entry: TimeEntry, copy: int, append: Callable[[str, Row], None]) -> None:
        """Append the entry's rows, by table name.

        Raises:
            ValueError: a date or number of it cannot be what it should.
        """
        began = instant(entry.in_date, "inDate")
        ended = instant(entry.out_date, "outDate") if entry.out_date else None
        if ended is not None and ended < began:
            raise unfit("outDate is before inDate", "outDate")
        shared = self._shared(entry, began, copy)
        breaks = [_Break.of(one) for one in entry.breaks or ()]
        pay = self._pay(entry, shared["job_title"]) if ended is not None else Pay()
        append("fact_labor_shifts", self._shift(entry, began, ended, breaks, pay) | shared | self._of_job(entry))
        for ordinal, (one, own) in enumerate(zip(entry.breaks or (), breaks, strict=True)):
            append("fact_labor_breaks", _without(shared, "is_counted", "job_title") | own.row(one, ordinal))
        if ended is not None:
            worked = _less(began, ended, [own.span for own in breaks if own.span and own.is_unpaid])
            for hour, part in self._by_hour(shared["business_date"], began, worked, pay):
                append("fact_labor_hours", shared | {"business_hour": hour, "is_salaried": entry.hourly_wage is None} | part | _job(entry))

    def _shared(self, entry: TimeEntry, began: datetime, copy: int) -> Row:
        """What every row of an entry carries."""
        job = entry.job_reference.guid if entry.job_reference else None
        deleted = bool(entry.deleted)
        return {
            "source": SOURCE,
            "time_entry_guid": entry.guid,
            "restaurant_guid": self.restaurant_guid,
            "business_date": day_of(entry.business_date) if entry.business_date else self.rule.date_of(began),
            "modified_at": instant(entry.modified_date, "modifiedDate"),
            "is_deleted": deleted,
            "is_counted": not deleted and job not in self.people.excluded_jobs,
            "job_title": self.people.job_titles.get(job or ""),
            COPY: copy,
        }

    def _of_job(self, entry: TimeEntry) -> Row:
        employee = entry.employee_reference.guid if entry.employee_reference else None
        return {**_job(entry), "employee_guid": employee, "employee_name": self.people.names.get(employee or "")}

    def _shift(self, entry: TimeEntry, began: datetime, ended: datetime | None, breaks: Sequence[_Break], pay: Pay) -> Row:
        until = self._accrues_until(entry, began) if ended is None else None
        longest = timedelta(hours=float(self.labor.suspect_after_hours))
        shift = entry.shift_reference
        return {
            "in_date": began,
            "out_date": ended,
            "regular_hours": pay.regular_hours,
            "overtime_hours": pay.overtime_hours,
            "double_time_hours": pay.double_time_hours,
            "hourly_wage": exact(entry.hourly_wage, "hourlyWage"),
            "overtime_wage": pay.overtime_wage,
            "regular_pay": pay.regular,
            "overtime_pay": pay.overtime,
            "total_pay": None if pay.regular is None or pay.overtime is None else pay.regular + pay.overtime,
            "declared_tips": exact(entry.declared_cash_tips, "declaredCashTips"),
            "non_cash_tips": exact(entry.non_cash_tips, "nonCashTips"),
            "tips_withheld": exact(entry.tips_withheld, "tipsWithheld"),
            "gratuity_amount": _gratuity(entry),
            # Not the clock-in where there is none: that moves when the entry is edited, and the merge would no longer find it.
            "created_at": instant(entry.created_date, "createdDate") if entry.created_date else None,
            "paid_break_hours": hours_of([one.span for one in breaks if one.is_taken and not one.is_unpaid]),
            "unpaid_break_hours": hours_of([one.span for one in breaks if one.is_unpaid]),
            "is_open": ended is None,
            "is_suspect": self.read_at > until if until else bool(entry.auto_clocked_out) or (ended or began) - began > longest,
            "auto_clocked_out": bool(entry.auto_clocked_out),
            "is_approved": None,
            "is_salaried": entry.hourly_wage is None,
            "shift_id": (shift if isinstance(shift, str) else shift.guid) if shift else None,
            "accrues_until": until,
            "paused_at": None if ended else min((one.began for one in breaks if one.is_running and one.began), default=None),
            "read_at": self.read_at,
        }

    def _accrues_until(self, entry: TimeEntry, began: datetime) -> datetime:
        """Until when an open entry is believed: too long, or too long past the scheduled end."""
        until = began + timedelta(hours=float(self.labor.suspect_after_hours))
        employee = entry.employee_reference.guid if entry.employee_reference else None
        reach = min(until, self.read_at)
        ends = [shift.ends for shift in self.planned if shift.employee_guid == employee and shift.starts < reach and shift.ends > began]
        return min(until, max(ends) + timedelta(minutes=self.labor.late_clock_out_minutes)) if ends else until

    def _pay(self, entry: TimeEntry, job_title: str | None) -> Pay:
        """Hours and pay of a closed entry."""
        regular = exact(entry.regular_hours, "regularHours") or ZERO
        overtime = exact(entry.overtime_hours, "overtimeHours") or ZERO
        exact(entry.hourly_wage, "hourlyWage")  # what cannot be is found before it is multiplied
        rule, wage = self.labor, entry.hourly_wage
        double = ZERO
        if rule.double_time_after_hours is not None:
            double = (max(ZERO, min(overtime, regular + overtime - rule.double_time_after_hours))).quantize(PLACES)
        if wage is None:
            return Pay(regular, overtime, double)
        base = next((full for title, full in rule.base_wages.items() if title.lower() == (job_title or "").lower()), wage)
        credit = max(base - wage, ZERO)
        at_overtime = max(base, wage) * rule.overtime_multiplier - credit
        at_double = max(base, wage) * rule.double_time_multiplier - credit
        exactly = (entry.overtime_hours or ZERO) - double
        return Pay(
            regular,
            overtime,
            double,
            exact(at_overtime),
            exact((entry.regular_hours or ZERO) * wage, "regularHours"),
            exact(exactly * at_overtime + double * at_double, "overtimeHours"),
        )

    def _by_hour(self, day: date, began: datetime, worked: Sequence[Span], pay: Pay) -> list[tuple[int, Row]]:
        """The entry's hours and pay over the hours of its business day, in proportion to the time worked in each.

        What was worked outside the day's bounds counts in its last hour. The parts sum to the whole exactly: each is the rounded
        running total less the one before.
        """
        hours = self.rule.hours(day)
        weights = [sum((_overlap(span, hour) for span in worked), timedelta()) // MICROSECOND for hour in hours]
        weights[-1] += sum((end - start for start, end in worked), timedelta()) // MICROSECOND - sum(weights)
        if not any(weights):
            weights[next((n for n, (start, end) in enumerate(hours) if start <= began < end), len(hours) - 1)] = 1
        parts = {name: spread(amount, weights) for name, amount in pay.amounts().items()}
        return [(n, {name: part[n] for name, part in parts.items()}) for n, weight in enumerate(weights) if weight]


@dataclass(frozen=True, slots=True)
class Pay:
    """Hours and pay of an entry; None while it is open, pay None for a salaried job."""

    regular_hours: Decimal | None = None
    overtime_hours: Decimal | None = None
    double_time_hours: Decimal | None = None
    overtime_wage: Decimal | None = None
    regular: Decimal | None = None
    overtime: Decimal | None = None

    def amounts(self) -> dict[str, Decimal]:
        return {
            "regular_hours": self.regular_hours or ZERO,
            "overtime_hours": self.overtime_hours or ZERO,
            "regular_pay": self.regular or ZERO,
            "overtime_pay": self.overtime or ZERO,
        }


@dataclass(frozen=True, slots=True)
class _Break:
    began: datetime | None
    ended: datetime | None
    is_taken: bool
    is_unpaid: bool

    @classmethod
    def of(cls, one: Break) -> _Break:
        began = instant(one.in_date, "breaks[].inDate") if one.in_date else None
        ended = instant(one.out_date, "breaks[].outDate") if one.out_date else None
        taken = not one.missed and not one.waived
        return cls(began, ended, taken, taken and not one.paid)

    @property
    def is_running(self) -> bool:
        """Going on, unpaid: an open entry accrues nothing meanwhile."""
        return self.is_unpaid and self.ended is None

    @property
    def span(self) -> Span | None:
        """From start to end, of a break that has both."""
        return (self.began, self.ended) if self.began and self.ended and self.ended > self.began else None

    def row(self, one: Break, ordinal: int) -> Row:
        return {
            "ordinal": ordinal,
            "break_guid": one.guid,
            "break_type_guid": one.break_type.guid if one.break_type else None,
            "in_date": self.began,
            "out_date": self.ended,
            "is_paid": bool(one.paid),
            "is_missed": bool(one.missed),
            "is_waived": bool(one.waived),
        }


def spread(amount: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """An amount of four places in parts of four places, in proportion to weights of which one at least is not zero; they sum to it."""
    total, units = sum(weights), int(amount / PLACES)
    parts, reached, given = [], 0, 0
    for weight in weights:
        reached += weight
        upto = (2 * units * reached + total) // (2 * total)
        parts.append((upto - given) * PLACES)
        given = upto
    return parts


def _gratuity(entry: TimeEntry) -> Decimal:
    cash = exact(entry.cash_gratuity_service_charges, "cashGratuityServiceCharges") or ZERO
    return cash + (exact(entry.non_cash_gratuity_service_charges, "nonCashGratuityServiceCharges") or ZERO)


def _job(entry: TimeEntry) -> Row:
    return {"job_guid": entry.job_reference.guid if entry.job_reference else None}


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def hours_of(spans: Sequence[Span | None]) -> Decimal | None:
    """How long spans are together, in hours of four places."""
    lasted = sum((span[1] - span[0] for span in spans if span), timedelta())
    return exact(Decimal(lasted // MICROSECOND) / Decimal(HOUR // MICROSECOND))


def _overlap(one: Span, other: Span) -> timedelta:
    return max(min(one[1], other[1]) - max(one[0], other[0]), timedelta())


def _less(began: datetime, ended: datetime, taken: Sequence[Span]) -> list[Span]:
    """The span from `began` to `ended` without those `taken` out of it; they may overlap."""
    left: list[Span] = []
    for start, end in sorted(taken):
        if start > began:
            left.append((began, min(start, ended)))
        began = max(began, min(end, ended))
    left.append((began, ended))
    return [(start, end) for start, end in left if end > start]
