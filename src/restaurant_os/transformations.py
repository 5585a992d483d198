"""The business math, and nothing else: every metric once, as a value, and the views that show them.

A metric is a sum taken from the tables (`views/` says how), a sum of such sums, or a ratio of them. Views carry the sums exactly; what is
made of sums is made here, from the metric's own value, so that it is the same at every grain: sums over sums. `view_sql` compiles a
view to an engine's SQL. Ibis does that, and is imported only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from restaurant_os.views import cash, close, lists, profitability
from restaurant_os.views.columns import IN_WEEKS, MEANINGS, OPEN_CHECK, RESTATED
from restaurant_os.views.expressions import IBIS_TYPES, View, filled
from restaurant_os.views.metric import Made, Metric, Unit
from restaurant_os.views.sales import sales
from restaurant_os.views.statements import flat, for_postgres

__all__ = [
    "BY_NAME",
    "GROUPS",
    "IBIS_TYPES",
    "METRICS",
    "VIEWS",
    "Made",
    "Metric",
    "Unit",
    "View",
    "daily_sales",
    "view_sql",
    "with_metrics",
]

#: Closed entries as the platform counts them, open ones as they accrue.
PUNCHES = "fact_labor_hours and open fact_labor_shifts"


def _labor(*plus: str, over: str, factor: int = 1) -> Made:
    return Made(plus=plus, over=(over,), factor=factor, unless="labor_reason")


def _average(over: str) -> Made:
    return Made(plus=("net_sales",), over=(over,), unless="sales_reason")


def _rate(name: str, *over: str) -> Made:
    # A summary has no checks: what was given away of its sales is not known.
    return Made(plus=(name,), over=("gross_sales", *over), known_by=("sales_as_of", "checks"))


SALES_METRICS = (
    Metric("orders", "count", "Orders that count: neither voided, deleted nor in test mode.", "fact_orders"),
    Metric("checks", "count", "Checks that count: of an order that counts, neither voided nor deleted.", "fact_checks"),
    Metric("guests", "count", "Guests as entered on orders that count; null when none tells.", "fact_orders"),
    Metric("item_gross", "money", "Lines that are sales, before discounts.", "fact_order_items"),
    Metric(
        "gross_sales",
        "money",
        "Lines and service charges that are sales, before discounts.",
        "fact_order_items and fact_service_charges",
    ),
    Metric("discounts", "money", "What discounts took off those lines.", "fact_order_items"),
    Metric("comps", "money", "Discounts of kind comp, without tax where Toast tells.", "fact_order_discounts"),
    Metric("refunds", "money", "The part of money given back on this day that takes off net sales.", "fact_refunds"),
    Metric(
        "net_sales", "money", "What was sold, after discounts and refunds.", Made(plus=("gross_sales",), minus=("discounts", "refunds"))
    ),
    Metric("refunds_paid", "money", "Money given back on this day, with tax and tip.", "fact_refunds"),
    Metric("tax", "money", "Tax of the checks that count.", "fact_checks"),
    Metric("refunded_tax", "money", "Tax given back on this day.", "fact_refunds"),
    Metric("tips", "money", "Tips of payments that are not voided, less tips given back on this day.", "fact_payments and fact_refunds"),
    Metric("gratuity", "money", "Service charges that are gratuity.", "fact_service_charges"),
    Metric(
        "other_charges", "money", "Charges that are no gratuity and no sale: surcharge, fundraising, cash rounding.", "fact_service_charges"
    ),
    Metric("voids", "money", "Lines voided by themselves or with their check or order, before discounts.", "fact_order_items"),
)
LABOR_METRICS = (
    Metric("regular_hours", "hours", "Hours at the wage; all that an open entry has by labor_as_of.", PUNCHES),
    Metric("overtime_hours", "hours", "Overtime hours, double time among them.", "fact_labor_hours"),
    Metric("labor_hours", "hours", "Hours of hourly jobs.", Made(plus=("regular_hours", "overtime_hours"))),
    Metric("regular_cost", "money", "Regular hours at the wage.", PUNCHES),
    Metric("overtime_cost", "money", "Overtime hours at the overtime wage of the settings.", "fact_labor_hours"),
    Metric("labor_cost", "money", "Wages of hourly jobs.", Made(plus=("regular_cost", "overtime_cost"))),
    Metric("salaried_hours", "hours", "Hours of entries without an hourly wage: in no other figure.", PUNCHES),
    Metric("salaried_cost", "money", "Weekly salaries of the settings / 7; null where none is configured.", "dim_business_days"),
    Metric("entries", "count", "Time entries that count: not deleted, of a job that is reported.", "fact_labor_shifts"),
    Metric("open_entries", "count", "Of them, those without a clock-out.", "fact_labor_shifts"),
    Metric(
        "suspect_entries", "count", "Of them, those clocked out by the closeout, too long, or open beyond their limit.", "fact_labor_shifts"
    ),
)
RATIO_METRICS = (
    Metric(
        "labor_percent",
        "percent",
        "Hourly labor out of each 100 of net sales.",
        _labor("labor_cost", over="net_sales", factor=100),
    ),
    Metric(
        "labor_percent_loaded",
        "percent",
        "The same with salaries; null where no salary is configured.",
        _labor("labor_cost", "salaried_cost", over="net_sales", factor=100),
    ),
    Metric("cplh", "money per hour", "Cost per labor hour.", _labor("labor_cost", over="labor_hours")),
    Metric("splh", "money per hour", "Net sales per labor hour.", _labor("net_sales", over="labor_hours")),
    Metric("average_check", "money", "Net sales per check.", _average("checks")),
    Metric(
        "sales_per_guest",
        "money",
        "Net sales per guest; null where no order tells its guests.",
        _average("guests"),
    ),
    Metric("void_rate", "ratio", "What was voided out of all that was rung up.", _rate("voids", "voids")),
    Metric("discount_rate", "ratio", "Discounts out of gross sales.", _rate("discounts")),
    Metric("comp_rate", "ratio", "Comps out of gross sales.", _rate("comps")),
    Metric("refund_rate", "ratio", "Refunds out of gross sales.", _rate("refunds")),
)
CASH_METRICS = (
    Metric("cash_payments", "money", "Cash payments of checks that count, without tips, on the day they were paid.", "fact_payments"),
    Metric("cash_refunds", "money", "Cash given back on this day, with tax and tip.", "fact_refunds"),
    Metric("entries_total", "money", "All cash entries but CASH_COLLECTED; of those, only what undoes a tip-out.", "fact_cash_entries"),
    Metric(
        "expected_deposit", "money", "What should be in the bank.", Made(plus=("cash_payments", "entries_total"), minus=("cash_refunds",))
    ),
    Metric("actual_deposit", "money", "Deposits; one that undoes another takes it back.", "fact_cash_deposits"),
    Metric(
        "deposit_over_short",
        "money",
        "What the bank has more (or, negative, less) than it should.",
        Made(plus=("actual_deposit",), minus=("expected_deposit",), unless="cash_reason"),
    ),
    Metric("drawer_over_short", "money", "What the drawers had over, less what they were short of.", "fact_cash_entries"),
    Metric("no_sales", "count", "Drawers opened without a sale.", "fact_cash_entries"),
    Metric("pay_outs", "count", "Pay-outs, less those undone on this day.", "fact_cash_entries"),
    Metric("pay_out_amount", "money", "What they came to.", "fact_cash_entries"),
    Metric("tip_outs", "count", "Tip-outs, less those undone on this day.", "fact_cash_entries"),
    Metric("tip_out_amount", "money", "What they came to.", "fact_cash_entries"),
)
CLOSE_METRICS = (
    Metric("deferred_sales", "money", "Lines of checks that count whose revenue is of another day.", "fact_order_items"),
    Metric("gift_card_sales", "money", "Lines that sell or reload a gift card.", "fact_order_items"),
    Metric("house_account_payments", "money", "Lines that pay what a house account owes.", "fact_order_items"),
    Metric(
        "deferred",
        "money",
        "Lines that are no sale of this day.",
        Made(plus=("deferred_sales", "gift_card_sales", "house_account_payments")),
    ),
    Metric("deferred_refunds", "money", "Given back on this day for such lines, gratuity and other charges.", "fact_refunds"),
    Metric("cash", "money", "Paid in cash on this day, with tips.", "fact_payments"),
    Metric("credit", "money", "Paid by card on this day, with tips.", "fact_payments"),
    Metric("gift_card", "money", "Paid by gift card on this day, with tips.", "fact_payments"),
    Metric("house_account", "money", "Charged to house accounts on this day, with tips.", "fact_payments"),
    Metric("other", "money", "Paid in another way on this day, with tips.", "fact_payments"),
    Metric(
        "unpaid",
        "money",
        "What open checks ask for beyond what was paid on them.",
        Made(plus=("open_checks_due",), minus=("open_checks_paid",)),
    ),
    Metric("prepayments_received", "money", "Paid on this day, with tips, for orders of another.", "fact_payments"),
    Metric("prepayments_applied", "money", "Paid on other days, with tips, for orders of this one.", "fact_payments"),
    Metric(
        "owed",
        "money",
        "The left side: what was sold, and what was collected for others.",
        Made(plus=("net_sales", "other_charges", "tax", "gratuity", "tips", "deferred"), minus=("refunded_tax", "deferred_refunds")),
    ),
    Metric(
        "settled",
        "money",
        "The right side: what was paid, less what was given back, with what is left open.",
        Made(
            plus=("cash", "credit", "gift_card", "house_account", "other", "unpaid", "prepayments_applied"),
            minus=("refunds_paid", "prepayments_received"),
        ),
    ),
    Metric("difference", "money", "0 where the day ties out.", Made(plus=("owed",), minus=("settled",), unless="sales_reason")),
    Metric("gift_card_redeemed", "money", "What gift cards paid.", Made(plus=("gift_card",))),
    Metric("house_account_charged", "money", "What house accounts were charged.", Made(plus=("house_account",))),
    Metric("marketplace_tax", "money", "The part of tax that a marketplace collects and remits itself.", "fact_checks"),
)
GROUPS: dict[str, tuple[Metric, ...]] = {
    "Sales": SALES_METRICS,
    "Labor": LABOR_METRICS,
    "Ratios": RATIO_METRICS,
    "Cash": CASH_METRICS,
    "Close": CLOSE_METRICS,
}
METRICS: tuple[Metric, ...] = tuple(metric for group in GROUPS.values() for metric in group)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}


def with_metrics(rows: Any, metrics: Iterable[Metric]) -> Any:
    """`rows` with what is made of their columns; what is made of another such metric comes after it."""
    waiting = [metric for metric in metrics if isinstance(metric.how, Made)]
    while waiting:
        names = {metric.name for metric in waiting}
        ready = [metric for metric in waiting if names.isdisjoint(metric.columns)]
        rows = rows.mutate(**{metric.name: metric.of(rows) for metric in ready})
        waiting = [metric for metric in waiting if metric not in ready]
    return rows


# --- the views ------------------------------------------------------------------------------------------------------


def daily_sales() -> Any:
    """Sales per location and business date."""
    names = ("orders", "gross_sales", "discounts", "tax", "tips", "refunds")
    rows = sales(names)
    return with_metrics(rows.mutate(**filled(rows, names, counts=("orders",))), (BY_NAME["net_sales"],))


def _both_sides(rows: Any, ratios: Iterable[Metric]) -> Any:
    """The sums, what is made of them, why a ratio is missing, and the ratios."""
    import ibis

    rows = with_metrics(rows, (*SALES_METRICS, *LABOR_METRICS))
    no_sales = _no_sales(rows)
    own: dict[str, Any] = {}
    if "open_entries" in rows.columns and "labor_basis" in rows.columns:
        punches = ibis.cases((rows.open_entries > 0, " with open punches"), else_="")
        own["labor_basis"] = rows.labor_basis + punches
    no_punches = ibis.cases((rows.labor_hours > 0, ibis.null("string")), else_="no punches")
    own["labor_reason"] = rows.read_reason.coalesce(no_sales, no_punches)
    own["sales_reason"] = rows.sales_read_reason.coalesce(no_sales)
    return with_metrics(rows.mutate(**own), ratios)


def _no_sales(rows: Any) -> Any:
    import ibis

    return ibis.cases((rows.net_sales > 0, ibis.null("string")), else_="no sales")


def _sales_by(column: str) -> Any:
    rows = with_metrics(profitability.sales_by(column), SALES_METRICS)
    return with_metrics(rows.mutate(sales_reason=rows.sales_read_reason.coalesce(_no_sales(rows))), SALES_RATIOS)


def _daily_cash() -> Any:
    return with_metrics(cash.daily(), CASH_METRICS)


def _daily_close() -> Any:
    return with_metrics(close.daily(), (*SALES_METRICS, *CLOSE_METRICS))


LABOR_RATIOS, SALES_RATIOS = RATIO_METRICS[:4], RATIO_METRICS[4:]
#: Of the labor ratios, those a job has: salaries are of a location.
ROLE_RATIOS = tuple(metric for metric in LABOR_RATIOS if metric.name != "labor_percent_loaded")
#: Counts of entries belong to no hour.
HOUR_LABOR = LABOR_METRICS[:8]
ROLE_LABOR = tuple(metric for metric in LABOR_METRICS if metric.name != "salaried_cost")
SALES_KNOWN = ("sales_as_of", "sales_read_by", "sales_basis", "sales_reason")
KNOWN = (*SALES_KNOWN[:-1], "labor_as_of", "labor_read_by", "labor_basis", "sales_reason", "labor_reason")


def _view(name: str, meaning: str, columns: Iterable[str | Metric | tuple[str, str]], rows: Callable[[], Any]) -> View:
    """A view of columns: metrics, names of `MEANINGS`, or names with meanings of their own."""
    told = []
    for column in columns:
        if isinstance(column, Metric):
            told.append((column.name, column.meaning))
        else:
            told.append((column, MEANINGS[column]) if isinstance(column, str) else column)
    return View(name, meaning, tuple(told), lambda: rows().select(*(own for own, _ in told)))


DAY = ("restaurant_guid", "business_date")
SALES_BY = "{} per location, business date and {}. Labor has no such side."

VIEWS: tuple[View, ...] = (
    _view(
        "daily_sales",
        "Sales per location and business date.",
        (*DAY, *(BY_NAME[name] for name in ("orders", "gross_sales", "discounts", "net_sales", "tax", "tips", "refunds"))),
        daily_sales,
    ),
    _view(
        "daily_profitability",
        "Sales, labor and their ratios per location and business date.",
        (*DAY, *SALES_METRICS, *LABOR_METRICS, *RATIO_METRICS, *KNOWN),
        lambda: _both_sides(profitability.daily(), RATIO_METRICS),
    ),
    _view(
        "hourly_profitability",
        "The same per hour of the business day: 23, 24 or 25 of them. Checks count in the hour they were opened in, refunds in the hour they "
        "were made in; an order in the hour of its first check. What is outside the day's bounds counts in its last hour.",
        (*DAY, "business_hour", "local_hour", "starts_at", *SALES_METRICS, *HOUR_LABOR, *RATIO_METRICS, *KNOWN),
        lambda: _both_sides(profitability.hourly(), RATIO_METRICS),
    ),
    _view(
        "weekly_profitability",
        "The same per report week: sums of its days, and ratios of those sums.",
        ("restaurant_guid", "week_start", "days", *SALES_METRICS, *LABOR_METRICS, *RATIO_METRICS, *IN_WEEKS.items()),
        lambda: _both_sides(profitability.weekly(), RATIO_METRICS),
    ),
    _view(
        "profitability_by_role",
        "Labor per location, business date and job; its ratios are against what the whole location sold on the day.",
        (*DAY, "job_title", *ROLE_LABOR, BY_NAME["net_sales"], *ROLE_RATIOS, *(name for name in KNOWN if name != "sales_reason")),
        lambda: _both_sides(profitability.by_role(), ROLE_RATIOS),
    ),
    _view(
        "sales_by_dining_option",
        SALES_BY.format("Sales", "dining option of the order"),
        (*DAY, "dining_option_guid", *SALES_METRICS, *SALES_RATIOS, *SALES_KNOWN),
        lambda: _sales_by("dining_option_guid"),
    ),
    _view(
        "sales_by_revenue_center",
        SALES_BY.format("Sales", "revenue center"),
        (*DAY, "revenue_center_guid", *SALES_METRICS, *SALES_RATIOS, *SALES_KNOWN),
        lambda: _sales_by("revenue_center_guid"),
    ),
    _view(
        "sales_by_source",
        SALES_BY.format("Sales", "source"),
        (*DAY, "order_source", *SALES_METRICS, *SALES_RATIOS, *SALES_KNOWN),
        lambda: _sales_by("order_source"),
    ),
    _view(
        "daily_cash",
        "Cash per location and business date: what should be in the bank, what is, and what the drawers were off by.",
        (*DAY, *CASH_METRICS, "deposit_status", "sales_as_of", "cash_as_of", "cash_reason"),
        _daily_cash,
    ),
    _view(
        "daily_close",
        "The tie-out per location and business date: net sales, tax, gratuity, tips and money put aside against payments, refunds and what is open.",
        (
            *DAY,
            *(BY_NAME[name] for name in ("net_sales", "other_charges", "tax", "refunded_tax", "gratuity", "tips", "refunds_paid")),
            *CLOSE_METRICS,
            "sales_as_of",
            ("sales_reason", "Why difference is missing: 'no sales read'; else null."),
        ),
        _daily_close,
    ),
    _view(
        "product_mix",
        "What was sold per location, business date and menu item.",
        (
            *DAY,
            ("menu_item_guid", "The menu item; null for gift cards and special requests."),
            ("menu_item_name", "Its name as printed; another name is another row."),
            ("quantity", "Quantity of lines that are sales."),
            ("gross_sales", "Those lines before discounts."),
            BY_NAME["discounts"],
            ("net_sales", "gross_sales - discounts: refunds are not taken off."),
            ("orders", "Orders with such a line."),
            ("voided_quantity", "Quantity of lines that were voided."),
        ),
        lists.product_mix,
    ),
    _view(
        "server_sales",
        "Sales per location, business date and server of the order.",
        (
            *DAY,
            ("server_guid", "The server; null where the order has none."),
            ("server_name", "The name of the server's latest punch; null where there is none."),
            *(BY_NAME[name] for name in ("orders", "checks", "guests", "gross_sales", "discounts")),
            ("net_sales", "gross_sales - discounts: refunds are not taken off."),
            BY_NAME["tips"],
            BY_NAME["voids"],
        ),
        lists.server_sales,
    ),
    _view(
        "open_checks",
        "Checks that count and are not paid.",
        (*DAY, *OPEN_CHECK),
        lists.unpaid_checks,
    ),
    _view(
        "restatements",
        "What a business day was six hours after its closeout or later, and what a change made of it.",
        RESTATED,
        lists.restatements,
    ),
)


def view_sql(view: View, dialect: str) -> str:
    """The SELECT of a view in a dialect: duckdb, postgres or bigquery."""
    import ibis.backends.sql.compilers as compilers

    engine = getattr(compilers, dialect).compiler
    statement = flat(engine.to_sqlglot(view.expression().unbind()))
    return str((for_postgres(statement) if dialect == "postgres" else statement).sql(dialect=engine.dialect))
