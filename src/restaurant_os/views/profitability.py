"""Both sides together: the sums of a day, an hour, a week, a job; and the sales side alone by something of the order.

Here are sums and what is known of each side. Derived sums, ratios and reasons come from the metrics (`transformations.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from restaurant_os.views import labor, summaries
from restaurant_os.views.expressions import (
    DAY,
    INSTANT_TYPE,
    MONEY_TYPE,
    Part,
    all_joined,
    column,
    exact,
    filled,
    joined,
    one,
    stack,
    table,
)
from restaurant_os.views.labor import AMOUNTS, ENTRY_COUNTS, HOUR
from restaurant_os.views.sales import COUNTS, by_hour, by_order, sales, sales_parts, whole
from restaurant_os.views.sides import calendar_days, known, read_reason, sales_read_reason

#: The sums of the sales side, as they are taken from the tables.
SALES = (
    "orders",
    "checks",
    "guests",
    "item_gross",
    "gross_sales",
    "discounts",
    "comps",
    "refunds",
    "refunds_paid",
    "tax",
    "refunded_tax",
    "tips",
    "gratuity",
    "other_charges",
    "voids",
)
LABOR = (*AMOUNTS, *ENTRY_COUNTS)
BOTH = ("orders", "labor")
#: Sums of no rows that stay null: nobody knows how many guests there were.
NEVER_ZERO = "guests"
#: What is known of both sides.
KNOWN = tuple(f"{side}_{what}" for side in ("sales", "labor") for what in ("as_of", "read_by", "basis"))
#: Which of the two sides a sum belongs to.
SALES_ZERO = tuple(name for name in SALES if name != NEVER_ZERO)


def daily() -> Any:
    """The sums of each day that any side has rows of, was read or has a summary.

    Both sides are parts of one stack, so that a condition on days and locations reaches every table: Postgres takes it into a union, not through a join.
    """
    of_facts = [*sales_parts(SALES, whole), *_marked(labor.parts_by_day()), Part(table("fact_labor_shifts"))]
    days = stack([*of_facts, calendar_days(), summaries.days()], DAY)
    of_day = known(*BOTH, more=("ends_at", "week_start", "salaried_cost"))
    found = summaries.judged(all_joined(days, of_day, summaries.posted()))
    sold = found.sales_posted_at.isnull() & (found.sales_as_of.notnull() | found.orders.notnull())
    found = found.mutate(**summaries.told(found, "sales", _sales_or_null(found, sold)))
    worked = found.labor_posted_at.isnull() & (found.labor_as_of.notnull() | found[MARK].notnull())
    found = found.mutate(**summaries.told(found, "labor", _labor_or_null(found, LABOR, worked)))
    are_both_told = found.sales_posted_at.notnull() & found.labor_posted_at.notnull()
    found = found.mutate(**read_reasons(found, of_one_kind=are_both_told))
    return found.select(*DAY, *SALES, *LABOR, *KNOWN, "week_start", "salaried_cost", "read_reason", "sales_read_reason")


def _sales_or_null(found: Any, known: Any) -> dict[str, Any]:
    """Sums of nothing are 0 where the side is known, else null."""
    import ibis

    guests = ibis.cases((known, found.guests.cast("int64")))
    return {**filled(found, SALES_ZERO, known, COUNTS), NEVER_ZERO: guests, **bases(sales=known)}


def _labor_or_null(found: Any, names: tuple[str, ...], known: Any) -> dict[str, Any]:
    """The same of the labor side."""
    return {**filled(found, names, known, ENTRY_COUNTS), **bases(labor=known)}


#: Null, after a stack, where no part of the labor side had a row.
MARK = "labor_rows"


def _marked(parts: Sequence[Part]) -> list[Part]:
    """The parts with a figure that each of their rows has."""
    return [Part(part.rows, {**part.figures, MARK: one}) for part in parts]


def bases(**known: Any) -> dict[str, Any]:
    """What the figures of a side are made of, where it is known."""
    import ibis

    made_of = {"sales": "net", "labor": "punches"}
    return {f"{side}_basis": ibis.cases((condition, made_of[side]), else_=ibis.null("string")) for side, condition in known.items()}


def read_reasons(found: Any, *, of_one_kind: Any = None) -> dict[str, Any]:
    """Why a side, or one of the two, cannot be used."""
    return {"read_reason": read_reason(found, "labor", of_one_kind=of_one_kind), "sales_read_reason": sales_read_reason(found)}


def hourly() -> Any:
    """The sums of each hour instance of the calendar, and of any other that has rows."""
    calendar = table("dim_business_hours")
    sold = Part(_sales_by_hour(), {name: column(name) for name in SALES})
    hours = stack([sold, *_marked(labor.parts_by_hour()), Part(table("fact_labor_hours")), Part(calendar)], HOUR)
    of_hour = (calendar, HOUR, {name: name for name in ("local_hour", "starts_at", "salaried_cost")})
    found = all_joined(hours, of_hour, known(*BOTH, more=("ends_at",)))
    sold, worked = found.sales_as_of.notnull() | found.orders.notnull(), found.labor_as_of.notnull() | found[MARK].notnull()
    return found.mutate(**_sales_or_null(found, sold), **_labor_or_null(found, AMOUNTS, worked), **read_reasons(found))


def _sales_by_hour() -> Any:
    """What was opened outside the day's bounds, or at no known time, counts in its last hour."""
    import ibis

    by_raw_hour = sales(SALES, by_hour, by="business_hour")
    found = joined(by_raw_hour, table("dim_business_days"), DAY, hours="hours")
    hour = found.business_hour
    last = found.hours - 1
    clamped = ibis.cases((found.hours.isnull(), hour), (hour.isnull() | (hour > last), last), (hour < 0, ibis.literal(0)), else_=hour)
    return found.mutate(business_hour=clamped.cast("int64"))


def weekly() -> Any:
    """The sums of each report week, of the days that are there. What a summary does not tell of one of them is not known of the week."""
    import ibis

    days = daily()
    days = days.filter(days.week_start.notnull())
    sums = [*SALES, *LABOR, "salaried_cost"]
    counts = (*COUNTS, *ENTRY_COUNTS)
    found = days.group_by(["restaurant_guid", "week_start"]).agg(
        **{name: exact(days[name].sum()) for name in sums if name not in counts},
        # A sum of whole numbers is of another type in every engine.
        **{name: days[name].cast(MONEY_TYPE).sum().cast("int64") for name in counts},
        days=days.count(),
        days_of_both=days.count(where=days.read_reason.isnull()),
        days_of_sales=days.count(where=days.sales_as_of.notnull()),
        days_of_labor=days.count(where=days.labor_as_of.notnull()),
        sales_as_of=days.sales_as_of.min(),
        labor_as_of=days.labor_as_of.min(),
        sales_summaries=days.count(where=days.sales_read_by == summaries.SUMMARY),
        labor_summaries=days.count(where=days.labor_read_by == summaries.SUMMARY),
        sales_basis=_basis(days.sales_basis),
        labor_basis=_basis(days.labor_basis),
    )
    nothing = ibis.null(INSTANT_TYPE)
    for side, names in (("sales", SALES), ("labor", LABOR)):
        untold = [name for name in names if name not in summaries.CARRIERS]
        found = found.mutate(**{name: ibis.cases((found[f"{side}_summaries"] == 0, found[name])) for name in untold})
    return found.mutate(
        read_reason=incomplete(found, found.days_of_both),
        sales_read_reason=incomplete(found, found.days_of_sales),
        sales_as_of=ibis.cases((found.days_of_sales == found.days, found.sales_as_of), else_=nothing),
        labor_as_of=ibis.cases((found.days_of_labor == found.days, found.labor_as_of), else_=nothing),
    )


def _basis(basis: Any) -> Any:
    """What the days have in common."""
    import ibis

    return ibis.cases((basis.min() == basis.max(), basis.min()), (basis.max().notnull(), "mixed"))


def incomplete(weeks: Any, good: Any) -> Any:
    """Why a week has no value: not all of its days that are there are known."""
    import ibis

    text = ibis.literal("incomplete: ") + good.cast("string") + ibis.literal(" of ") + weeks.days.cast("string") + ibis.literal(" days")
    return ibis.cases((good < weeks.days, text), else_=ibis.null("string"))


def by_role() -> Any:
    """The labor sums of each job of a day, beside what the whole location sold."""
    found = all_joined(_roles_beside_sales(), known(*BOTH, more=("ends_at",)))
    sold, worked = found.sales_as_of.notnull() | found.gross_sales.notnull(), found.entries.notnull() | found.regular_hours.notnull()
    own = {**filled(found, (*LABOR, *NET), counts=ENTRY_COUNTS), **bases(sales=sold, labor=worked)}
    return found.mutate(**own, **read_reasons(found))


def _roles_beside_sales() -> Any:
    """Each job of a day with the day's sums of `NET`, which come in as rows of no job: a condition reaches all of it, as in `daily`."""
    import ibis

    def told(parts: Sequence[Part], **columns: Any) -> list[Part]:
        return [Part(part.rows.mutate(**columns), part.figures) for part in parts]

    worked = told(labor.parts_by_day(), is_job=ibis.literal(True))
    sold = told(sales_parts(NET, whole), is_job=ibis.literal(False), job_title=ibis.null("string"))
    rows = stack([*worked, *sold], (*DAY, "job_title", "is_job"))
    rows = rows.group_by(list(DAY)).mutate(**{name: exact(rows[name].sum()) for name in NET})
    return rows.filter(rows.is_job).drop("is_job")


#: What net sales are made of.
NET = ("gross_sales", "discounts", "refunds")


def sales_by(name: str) -> Any:
    """The sales sums of a day by a column of the order."""
    found = all_joined(sales(SALES, by_order(name), by=name), known("orders"))
    own = filled(found, SALES_ZERO, counts=COUNTS)
    own |= bases(sales=found.orders.notnull() | found.sales_as_of.notnull())
    return found.mutate(**own, guests=found.guests.cast("int64"), sales_read_reason=sales_read_reason(found))
