"""The labor side: what each time entry adds to each hour of its business day. A day's labor is the sum of its hours, exactly.

Closed entries are in `fact_labor_hours` as the platform counts them. Open ones accrue: from the clock-in to the labor side's as_of, to
`accrues_until` or to an open unpaid break, whichever is first, less the unpaid breaks that ended. What is worked outside the day's
bounds counts in its last hour.
"""

from __future__ import annotations

from typing import Any

from restaurant_os.tables import MONEY
from restaurant_os.views.expressions import DAY, INSTANT_TYPE, MONEY_TYPE, WIDE_MONEY_TYPE, Part, column, exact, joined, table, when
from restaurant_os.views.sides import sides

MICROSECONDS_PER_HOUR = 3_600_000_000
#: What every engine makes of a double alike before it is rounded; all that BigQuery has.
NINE_PLACES_TYPE = "decimal(38, 9)"
HOUR = (*DAY, "business_hour")
ENTRY = ("source", "time_entry_guid")
#: The sums in hours and money.
AMOUNTS = ("regular_hours", "overtime_hours", "regular_cost", "overtime_cost", "salaried_hours")
ENTRY_COUNTS = ("entries", "open_entries", "suspect_entries")


def parts_by_hour() -> list[Part]:
    """What adds up to the amounts of each hour."""
    return [_closed_hours(), _open(_worked_by_hour(), AMOUNTS)]


def parts_by_day() -> list[Part]:
    """What adds up to the amounts of each day and the counts of its entries.

    What an open entry has worked by hours adds up to what it has worked in all, so the hours are left out.
    """
    entries = table("fact_labor_shifts")
    counts = {"entries": when(column("is_counted")), "open_entries": when(column("is_open")), "suspect_entries": when(column("is_suspect"))}
    counted = Part(entries.filter(entries.is_counted & ~entries.is_deleted), counts)
    return [_closed_hours(), _open(_worked_by_day(), (*AMOUNTS, *ENTRY_COUNTS)), counted]


def is_hourly(entries: Any) -> Any:
    return ~entries.is_salaried


def _closed_hours() -> Part:
    hours = table("fact_labor_hours")
    own = {
        "regular_hours": when(is_hourly, column("regular_hours")),
        "overtime_hours": when(is_hourly, column("overtime_hours")),
        "regular_cost": when(is_hourly, column("regular_pay")),
        "overtime_cost": when(is_hourly, column("overtime_pay")),
        "salaried_hours": when(column("is_salaried"), lambda t: exact(t.regular_hours.coalesce(0) + t.overtime_hours.coalesce(0))),
    }
    return Part(hours.filter(hours.is_counted & ~hours.is_deleted), own)


def _open(worked: Any, figures: tuple[str, ...]) -> Part:
    """What open entries add: worked until an end less worked until a start, both as exact hours, so that the parts sum to the entry."""
    rows = worked.mutate(
        hours=exact(_hours(worked.until_end) - _hours(worked.until_start)),
        pay=exact(_pay(worked.until_end, worked.hourly_wage) - _pay(worked.until_start, worked.hourly_wage)),
        # The stored flag is of the time of reading; an entry that nobody touched since may have outrun its limit.
        is_late=~worked.is_suspect & (worked.accrues_until < worked.as_of),
    )
    own = {
        "regular_hours": when(is_hourly, column("hours")),
        "regular_cost": when(is_hourly, column("pay")),
        "salaried_hours": when(column("is_salaried"), column("hours")),
        "suspect_entries": when(column("is_late")),
    }
    return Part(rows, {name: figure for name, figure in own.items() if name in figures})


def _hours(microseconds: Any) -> Any:
    return _rounded((microseconds.cast("float64") / MICROSECONDS_PER_HOUR).cast(NINE_PLACES_TYPE))


def _pay(microseconds: Any, wage: Any) -> Any:
    return _rounded(_hours(microseconds).cast(WIDE_MONEY_TYPE) * wage)


def _rounded(value: Any) -> Any:
    """Half away from zero, in so many words: BigQuery's casts have no places, and a double is rounded to nine by its cast already."""
    return value.round(MONEY.scale).cast(MONEY_TYPE)


def _worked_by_day() -> Any:
    """Microseconds worked in all, per open entry."""
    import ibis

    rested = _with_breaks(_open_entries())
    of_entry = [name for name in rested.columns if name not in ("rest_from", "rest_to")]
    summed = rested.group_by(of_entry).agg(off=_length(rested.rest_from, rested.rest_to).sum().coalesce(0))
    return summed.mutate(until_start=ibis.literal(0), until_end=_length(summed.in_date, summed.stop) - summed.off)


def _worked_by_hour() -> Any:
    """Microseconds worked until the start and the end of each hour of its day, per open entry."""
    opened, hours = _open_entries(), table("dim_business_hours")
    of_hours = opened.inner_join(hours, [opened[name] == hours[name] for name in DAY]).select(
        *opened.columns, business_hour=hours.business_hour, hour_starts_at=hours.starts_at, hour_ends_at=hours.ends_at
    )
    rested = _with_breaks(of_hours)
    summed = rested.group_by(list(of_hours.columns)).agg(
        off_until_start=_until_start(rested, rested.rest_from, rested.rest_to).sum().coalesce(0),
        off_until_end=_until_end(rested, rested.rest_from, rested.rest_to).sum().coalesce(0),
    )
    return summed.mutate(
        until_start=_until_start(summed, summed.in_date, summed.stop) - summed.off_until_start,
        until_end=_until_end(summed, summed.in_date, summed.stop) - summed.off_until_end,
    )


def _with_breaks(opened: Any) -> Any:
    """Each row once per unpaid break that ended, with the part of it that lies in what was worked; null without any."""
    import ibis

    breaks = table("fact_labor_breaks")
    breaks = breaks.filter(~breaks.is_deleted & ~breaks.is_paid & ~breaks.is_missed & ~breaks.is_waived & breaks.out_date.notnull())
    own = (*ENTRY, *DAY)
    breaks = breaks.select(**{f"{name}_": breaks[name] for name in own}, rest_in=breaks.in_date, rest_out=breaks.out_date)
    found = opened.left_join(breaks, [opened[name] == breaks[f"{name}_"] for name in own])
    nothing = ibis.null(INSTANT_TYPE)
    return found.select(
        *opened.columns,
        rest_from=ibis.cases((found.rest_in.isnull(), nothing), else_=ibis.greatest(found.rest_in, found.in_date)),
        rest_to=ibis.cases((found.rest_out.isnull(), nothing), else_=ibis.least(found.rest_out, found.stop)),
    )


def _open_entries() -> Any:
    """Open entries of days whose labor was read, each with where it stops."""
    import ibis

    shifts = table("fact_labor_shifts")
    opened = shifts.filter(shifts.is_open & shifts.is_counted & ~shifts.is_deleted)
    opened = opened.select(*ENTRY, *DAY, "job_title", "in_date", "hourly_wage", "is_salaried", "is_suspect", "accrues_until", "paused_at")
    # Both sides, although one is needed: views ask for both anyway, and what is asked for twice is worked out once.
    opened = joined(opened, sides("orders", "labor"), DAY, as_of="labor_as_of", day_starts_at="starts_at", day_ends_at="ends_at")
    opened = opened.filter(opened.as_of.notnull())
    stop = ibis.least(opened.as_of, opened.accrues_until.coalesce(opened.as_of), opened.paused_at.coalesce(opened.as_of))
    return opened.mutate(stop=ibis.greatest(stop, opened.in_date))


def _until_start(rows: Any, start: Any, end: Any) -> Any:
    """Microseconds of a span that lie in the business day before the hour begins."""
    return _between(rows, start, end, rows.hour_starts_at)


def _until_end(rows: Any, start: Any, end: Any) -> Any:
    """The same before the hour ends; at the end of the last hour all of the span, for what is outside the day counts there."""
    import ibis

    is_last = rows.hour_ends_at == rows.day_ends_at
    return ibis.cases((is_last, _length(start, end)), else_=_between(rows, start, end, rows.hour_ends_at))


def _between(rows: Any, start: Any, end: Any, until: Any) -> Any:
    import ibis

    later = ibis.cases((start > rows.day_starts_at, start), else_=rows.day_starts_at)
    earlier = ibis.cases((end > until, until), else_=end)  # null where there is no span
    return _length(later, earlier)


def _length(start: Any, end: Any) -> Any:
    """Microseconds from start to end; 0 when the end is not after it, or one of them is null."""
    import ibis

    return ibis.cases((end > start, end.delta(start, unit="microsecond")), else_=0)
