"""Sales by what was sold and by who served it; checks that wait to be paid; days that changed after they had closed."""

from __future__ import annotations

from typing import Any

from restaurant_os.views.close import due, open_checks
from restaurant_os.views.columns import SNAPSHOT_FIGURES
from restaurant_os.views.expressions import DAY, exact, filled, joined, table
from restaurant_os.views.sales import CHECK, COUNTS, ORDER, by_order, sales

#: The sums per server; guests stay null where no order tells them.
SERVED = ("orders", "checks", "gross_sales", "discounts", "voids", "tips")
ITEM = (*DAY, "menu_item_guid", "menu_item_name")
#: What tells one day's snapshots from another's.
SNAPSHOT_DAY = ("dataset", *DAY)


def product_mix() -> Any:
    """The sums of each item of each day, sold and voided."""
    import ibis

    lines, orders = table("fact_order_items"), table("fact_orders")
    lines = joined(
        lines.filter(~lines.is_deleted & (lines.is_sale | lines.is_voided)), orders.filter(~orders.is_test_mode), ORDER, how="inner"
    )
    gross = ibis.cases(
        (lines.is_sale, lines.pre_discount_price.coalesce(lines.net_amount)), else_=ibis.literal(0).cast(lines.net_amount.type())
    )
    found = lines.group_by(list(ITEM)).agg(
        quantity=lines.item_quantity.sum(where=lines.is_sale).coalesce(0.0),
        gross_sales=exact(gross.sum()),
        net_sales=exact(lines.net_amount.sum()),
        orders=lines.order_guid.nunique(where=lines.is_sale),
        voided_quantity=lines.item_quantity.sum(where=lines.is_voided).coalesce(0.0),
    )
    return found.mutate(discounts=exact(found.gross_sales - found.net_sales))


def server_sales() -> Any:
    """The sums of each server's orders, with the name that the latest punch has."""
    import ibis

    found = sales((*SERVED, "guests"), by_order("server_guid"), by="server_guid")
    punches = table("fact_labor_shifts")
    newest = ibis.window(
        group_by=[punches.restaurant_guid, punches.employee_guid], order_by=[punches.in_date.desc(), punches.time_entry_guid]
    )
    named = punches.mutate(place=ibis.row_number().over(newest))
    named = named.filter(named.place == 0).mutate(server_guid=named.filter(named.place == 0).employee_guid)
    found = joined(found, named, ["restaurant_guid", "server_guid"], server_name="employee_name")
    found = found.mutate(**filled(found, SERVED, counts=COUNTS), guests=found.guests.cast("int64"))
    return found.mutate(net_sales=exact(found.gross_sales - found.discounts))


def unpaid_checks() -> Any:
    """Open checks, each with what was paid on it so far."""
    payments, orders = table("fact_payments"), table("fact_orders")
    counted = payments.filter(payments.is_counted & ~payments.is_deleted)
    by_check = counted.group_by(list(CHECK)).agg(paid=exact(counted.amount.sum()))
    found = joined(open_checks(), by_check, CHECK, paid="paid")
    found = joined(found, orders, ORDER, server_guid="server_guid")
    paid = filled(found, ["paid"])["paid"]
    return found.mutate(paid=paid, due=due(found), unpaid=exact(due(found) - paid))


def restatements() -> Any:
    """Each change of a closed day: every figure before and after it."""
    import ibis

    snapshots = table("day_snapshots")
    in_turn = ibis.window(group_by=[snapshots[name] for name in SNAPSHOT_DAY], order_by=snapshots.sequence)
    found = snapshots.mutate(**{f"{name}_before": snapshots[name].lag().over(in_turn) for name in SNAPSHOT_FIGURES})
    return found.filter(found.sequence > 0).rename(**{f"{name}_after": name for name in SNAPSHOT_FIGURES})
