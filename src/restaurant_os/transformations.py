"""The business math, and nothing else: every metric once, as an expression over the tables, compiled to each engine's SQL.

Ibis is the compiler. It is imported only when views are made, since it costs a second: a warehouse whose views are up to
date never needs it. Expressions use no rounding, zone or hour arithmetic, in which the dialects differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from restaurant_os.tables import BY_NAME, COUNT, DATE, FLAG, INSTANT, MONEY, REAL, TEXT


@dataclass(frozen=True, slots=True)
class View:
    """One view: its name, what it shows, its columns with their meanings, and how its expression is made."""

    name: str
    meaning: str
    columns: tuple[tuple[str, str], ...]
    expression: Callable[[], Any]


def daily_sales() -> Any:
    """Sales per location and business date.

    Each table gives its own part of a day; the parts are stacked and summed. Orders, lines, charges, tax and tips belong to
    the order's business date; what is given back belongs to the refund's.
    """
    import ibis

    orders, items, charges = _table("fact_orders"), _table("fact_order_items"), _table("fact_service_charges")
    checks, payments, refunds = _table("fact_checks"), _table("fact_payments"), _table("fact_refunds")

    def part(rows: Any, day: Any, **amounts: Any) -> Any:
        nothing = ibis.literal(0).cast(MONEY_TYPE)
        return rows.select(
            restaurant_guid=rows.restaurant_guid,
            business_date=day(rows),
            is_order=amounts.get("is_order", ibis.literal(False)),
            **{name: amounts[name](rows) if name in amounts else nothing for name in SUMMED},
        )

    ordered, given_back = (lambda t: t.business_date), (lambda t: t.refund_business_date)
    stacked = ibis.union(
        part(orders, ordered, is_order=orders.is_counted),
        part(
            items.filter(items.is_sale & ~items.is_deleted),
            ordered,
            gross_sales=lambda t: t.pre_discount_price.coalesce(t.net_amount),
            discounts=lambda t: (t.pre_discount_price.coalesce(t.net_amount) - t.net_amount).cast(MONEY_TYPE),
        ),
        part(charges.filter(charges.is_sale & ~charges.is_deleted), ordered, gross_sales=lambda t: t.charge_amount),
        part(checks.filter(checks.is_counted & ~checks.is_deleted), ordered, tax=lambda t: t.tax_amount),
        part(payments.filter(payments.is_counted & ~payments.is_deleted), ordered, tips=lambda t: t.tip_amount),
        part(
            refunds.filter(refunds.is_counted & ~refunds.is_deleted),
            given_back,
            refunds=lambda t: t.net_amount,
            tips=lambda t: (-t.tip_amount).cast(MONEY_TYPE),
        ),
        distinct=False,
    )
    summed = stacked.group_by("restaurant_guid", "business_date").agg(
        orders=stacked.count(where=stacked.is_order),
        **{name: stacked[name].sum().coalesce(ibis.literal(0).cast(MONEY_TYPE)) for name in SUMMED},
    )
    return summed.mutate(net_sales=summed.gross_sales - summed.discounts - summed.refunds).select(
        "restaurant_guid", "business_date", "orders", "gross_sales", "discounts", "net_sales", "tax", "tips", "refunds"
    )


MONEY_TYPE = f"decimal({MONEY.precision}, {MONEY.scale})"
IBIS_TYPES = {
    MONEY: MONEY_TYPE,
    INSTANT: "timestamp('UTC', 6)",
    DATE: "date",
    TEXT: "string",
    FLAG: "boolean",
    COUNT: "int64",
    REAL: "float64",
}
SUMMED = ("gross_sales", "discounts", "tax", "tips", "refunds")

VIEWS: tuple[View, ...] = (
    View(
        "daily_sales",
        "Sales per location and business date.",
        (
            ("restaurant_guid", "The location."),
            ("business_date", "The business date."),
            ("orders", "Orders that count: neither voided, deleted nor in test mode."),
            ("gross_sales", "Lines that are sales before discounts, and service charges that are sales."),
            ("discounts", "What discounts took off those lines."),
            ("net_sales", "gross_sales - discounts - refunds."),
            ("tax", "Tax of the checks that count."),
            ("tips", "Tips of payments that are not voided, less tips given back on this day."),
            ("refunds", "The part of money given back on this day that takes off net sales."),
        ),
        daily_sales,
    ),
)


def _table(name: str) -> Any:
    """An unbound table with the columns of its spec."""
    import ibis

    return ibis.table({c.name: IBIS_TYPES[c.type] for c in BY_NAME[name].columns}, name=name)


def view_sql(view: View, dialect: str) -> str:
    """The SELECT of a view in a dialect: duckdb, postgres or bigquery."""
    import ibis

    return str(ibis.to_sql(view.expression(), dialect=dialect))
