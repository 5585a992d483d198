"""The sales side: what each order table adds to a day, whole or split by the hour or by something of the order.

Orders, lines, charges, tax and tips belong to the order's business date; what is given back belongs to the refund's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from restaurant_os.views.expressions import DAY, MONEY_TYPE, Part, column, exact, joined, negative, one, stack, table, when

#: Adds the columns by which a table's rows are split to them, given the table's name.
Split = Callable[[Any, str], Any]

ORDER = (*DAY, "order_guid")
CHECK = (*ORDER, "check_guid")
COUNTS = ("orders", "checks", "guests")


def sales_parts(figures: Collection[str], split: Split) -> list[Part]:
    """The parts that have any of the figures, each with those of them that it has."""
    found = [part for build in (_orders, _checks, _lines, _voids, _charges, _payments, _refunds, _comps) for part in build(figures, split)]
    return [Part(part.rows, {name: figure for name, figure in part.figures.items() if name in figures}) for part in found]


def whole(rows: Any, _: str) -> Any:
    """No split: the day."""
    return rows


def by_order(name: str) -> Split:
    """Split by a column of the order."""

    def split(rows: Any, source: str) -> Any:
        if source == "fact_orders":
            return rows
        orders = table("fact_orders")
        return joined(rows.drop(name) if name in rows.columns else rows, orders, ORDER, **{name: name})

    return split


def by_hour(rows: Any, source: str) -> Any:
    """Split by the business hour of the check's opening; an order by its first check's, a refund by its own instant."""
    if source in ("fact_order_items", "fact_checks"):
        return rows
    if source == "fact_refunds":
        return _refund_hours(rows)
    if source == "fact_orders":
        return _first_hours(rows)
    return joined(rows, table("fact_checks"), CHECK, business_hour="business_hour")


def _first_hours(orders: Any) -> Any:
    """Orders in the hour of their first check. Checks come in as rows of no order, so that a condition on days reaches them (`profitability.daily`)."""
    import ibis

    checks = table("fact_checks")
    checks = checks.filter(~checks.is_deleted)
    own = {name: orders[name] for name in (*ORDER, "is_counted", "guest_count")}
    others = {**{name: checks[name] for name in ORDER}, "is_counted": ibis.literal(False), "guest_count": ibis.null("int64")}
    rows = ibis.union(
        orders.select(**own, business_hour=ibis.null("int64"), is_order=ibis.literal(True)),
        checks.select(**others, business_hour=checks.business_hour, is_order=ibis.literal(False)),
    )
    rows = rows.group_by(list(ORDER)).mutate(business_hour=rows.business_hour.min())
    return rows.filter(rows.is_order)


def _refund_hours(refunds: Any) -> Any:
    """The hour of the refund's instant on the refund's day: the first for one before the day, null (the last) for one after it."""
    import ibis

    hours = table("dim_business_hours")
    hours = hours.select(
        restaurant=hours.restaurant_guid, day=hours.business_date, hour=hours.business_hour, begins=hours.starts_at, ends=hours.ends_at
    )
    within = [
        refunds.restaurant_guid == hours.restaurant,
        refunds.refund_business_date == hours.day,
        (refunds.refunded_at >= hours.begins) | (hours.hour == 0),
        refunds.refunded_at < hours.ends,
    ]
    found = refunds.left_join(hours, within)
    # One before the day is before the end of hour 0 alone: it needs no rule of its own.
    return found.select(*refunds.columns, business_hour=ibis.cases((found.hour >= 0, found.hour), else_=ibis.null("int64")))


def wanted(names: Collection[str], figures: Collection[str]) -> bool:
    return not set(names).isdisjoint(figures)


def _orders(figures: Collection[str], split: Split) -> list[Part]:
    """In every stack: a day with nothing but a voided order has a row, of zeros."""
    own = {
        "orders": when(column("is_counted")),
        "guests": when(column("is_counted"), lambda t: t.guest_count.cast(MONEY_TYPE)),
    }
    return [Part(split(table("fact_orders"), "fact_orders"), own)]


def _checks(figures: Collection[str], split: Split) -> list[Part]:
    own = {"checks": one, "tax": column("tax_amount"), "marketplace_tax": column("marketplace_tax")}
    return _part("fact_checks", lambda t: t.is_counted & ~t.is_deleted, own, figures, split)


def _lines(figures: Collection[str], split: Split) -> list[Part]:
    own = {
        "item_gross": _before_discount,
        "gross_sales": _before_discount,
        "discounts": lambda t: exact(_before_discount(t) - t.net_amount),
    }
    return _part("fact_order_items", lambda t: t.is_sale & ~t.is_deleted, own, figures, split)


def _before_discount(lines: Any) -> Any:
    """A line without a price before discounts has no known discount: its price is both."""
    return lines.pre_discount_price.coalesce(lines.net_amount)


def voided_lines() -> Any:
    """Lines voided by themselves or with their check or order; none of an order in test mode."""
    lines, orders = table("fact_order_items"), table("fact_orders")
    voided = lines.filter(lines.is_voided & ~lines.is_deleted).select(*CHECK, "business_hour", "pre_discount_price", "item_price")
    return joined(voided, orders.filter(~orders.is_test_mode), ORDER, how="inner")


def _voids(figures: Collection[str], split: Split) -> list[Part]:
    if "voids" not in figures:
        return []
    return [Part(split(voided_lines(), "fact_order_items"), {"voids": lambda t: t.pre_discount_price.coalesce(t.item_price)})]


def _charges(figures: Collection[str], split: Split) -> list[Part]:
    own = {
        "gross_sales": when(column("is_sale"), column("charge_amount")),
        "gratuity": when(column("is_gratuity"), column("charge_amount")),
        "other_charges": when(lambda t: ~t.is_gratuity & ~t.is_sale, column("charge_amount")),
    }
    return _part("fact_service_charges", lambda t: t.is_counted & ~t.is_deleted, own, figures, split)


def _payments(figures: Collection[str], split: Split) -> list[Part]:
    return _part("fact_payments", lambda t: t.is_counted & ~t.is_deleted, {"tips": column("tip_amount")}, figures, split)


def _refunds(figures: Collection[str], split: Split) -> list[Part]:
    own = {
        "refunds": column("net_amount"),
        "refunds_paid": given_back,
        "refunded_tax": column("tax_amount"),
        "deferred_refunds": column("other_amount"),
        "tips": negative(column("tip_amount")),
    }
    found = _part("fact_refunds", lambda t: t.is_counted & ~t.is_deleted, own, figures, split)
    return [Part(part.rows.mutate(business_date=part.rows.refund_business_date), part.figures) for part in found]


def given_back(refunds: Any) -> Any:
    """The money of a refund, with its tax and tip."""
    return exact(refunds.refund_amount.coalesce(0) + refunds.tip_amount.coalesce(0))


def _comps(figures: Collection[str], split: Split) -> list[Part]:
    own = {"comps": lambda t: t.non_tax_amount.coalesce(t.discount_amount)}
    return _part("fact_order_discounts", lambda t: (t.kind == "comp") & t.is_counted & ~t.is_voided & ~t.is_deleted, own, figures, split)


def _part(name: str, counts: Callable[[Any], Any], own: dict[str, Any], figures: Collection[str], split: Split) -> list[Part]:
    if not wanted(own, figures):
        return []
    rows = table(name)
    return [Part(split(rows.filter(counts(rows)), name), own)]


def sales(figures: Collection[str], split: Split = whole, by: str | None = None) -> Any:
    """The figures per day, or per day and the column that `split` adds."""
    return stack(sales_parts(figures, split), (*DAY, by) if by else DAY)
