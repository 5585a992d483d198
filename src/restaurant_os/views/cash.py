"""Cash of a day: what should be in the bank, what is, and what the drawers were off by.

An undone deposit counts minus, on the day of its undo; the undo of an undo counts plus again. Depth is followed up to 4.
"""

from __future__ import annotations

from typing import Any

from restaurant_os.views.expressions import (
    DAY,
    MONEY_TYPE,
    Part,
    all_joined,
    column,
    exact,
    filled,
    joined,
    negative,
    stack,
    table,
    when,
)
from restaurant_os.views.sales import given_back
from restaurant_os.views.sides import calendar_days, known, read_reason

#: How many undos of undos are followed.
DEEPEST_UNDO = 4
CASH_COUNTS = ("no_sales", "pay_outs", "tip_outs")
FROM_SALES = ("cash_payments", "cash_refunds")
FROM_CASH = ("entries_total", "actual_deposit", "drawer_over_short", *CASH_COUNTS, "pay_out_amount", "tip_out_amount")
#: What the count of a drawer came to, beyond or below what it should hold.
OVER_SHORT = ("CLOSE_OUT_OVERAGE", "CLOSE_OUT_SHORTAGE")
BOTH = ("orders", "cash")


def daily() -> Any:
    """The sums of each day that has any cash or was read, whether a deposit of it stands, and from which date on one may be waited for."""
    import ibis

    found = stack([_payments(), _refunds(), _entries(), *_deposits(), calendar_days()], DAY)
    pending = (_pending_from(), ["restaurant_guid"], {"pending_from": "pending_from"})
    found = all_joined(found, known(*BOTH, more=("ends_at",)), pending)
    sold = found.sales_as_of.notnull() | found.cash_payments.notnull()
    counted = found.cash_as_of.notnull() | found.entries_total.notnull() | found.actual_deposit.notnull()
    status = _status(found, counted)
    pending = ibis.cases((status == "pending", "deposit pending"), else_=ibis.null("string"))
    return found.mutate(
        **filled(found, FROM_SALES, sold),
        **filled(found, FROM_CASH, counted, CASH_COUNTS),
        deposit_status=status,
        cash_reason=read_reason(found, "cash").coalesce(pending),
    )


def _status(found: Any, counted: Any) -> Any:
    import ibis

    pending = found.pending_from.isnull() | (found.business_date >= found.pending_from)
    return ibis.cases(
        (~counted, ibis.null("string")),
        ((found.standing > 0).fill_null(False), "made"),
        (pending, "pending"),
        else_="missing",
    )


def _payments() -> Part:
    payments = table("fact_payments")
    paid = payments.filter((payments.payment_type == "CASH") & payments.is_counted & ~payments.is_deleted)
    return Part(paid.mutate(business_date=paid_on(paid)), {"cash_payments": column("amount")})


def paid_on(payments: Any) -> Any:
    """The business date of a payment; its order's, where the platform names none."""
    return payments.paid_business_date.coalesce(payments.business_date)


def _refunds() -> Part:
    refunds = table("fact_refunds")
    back = refunds.filter((refunds.payment_type == "CASH") & refunds.is_counted & ~refunds.is_deleted)
    return Part(back.mutate(business_date=back.refund_business_date), {"cash_refunds": given_back})


def _entries() -> Part:
    """Cash collected is in the payments already, unless it undoes a tip-out (Toast: calculating expected cash deposits)."""
    entries = table("fact_cash_entries")

    def of_type(*names: str) -> Any:
        return lambda t: t.entry_type.isin(names)

    def undoes_tip_out(t: Any) -> Any:
        return (t.entry_type == "CASH_COLLECTED") & t.undoes_guid.notnull()

    def tip_out(t: Any) -> Any:
        return (t.entry_type == "TIP_OUT") | undoes_tip_out(t)

    own = {
        "entries_total": when(lambda t: (t.entry_type != "CASH_COLLECTED") | t.undoes_guid.notnull(), column("amount")),
        "drawer_over_short": when(of_type(*OVER_SHORT), column("amount")),
        "no_sales": when(of_type("NO_SALE")),
        "pay_outs": when(of_type("PAY_OUT", "UNDO_PAY_OUT"), _sign(of_type("PAY_OUT"))),
        "pay_out_amount": when(of_type("PAY_OUT", "UNDO_PAY_OUT"), negative(column("amount"))),
        "tip_outs": when(tip_out, _sign(of_type("TIP_OUT"))),
        "tip_out_amount": when(tip_out, negative(column("amount"))),
    }
    return Part(entries.filter(~entries.is_deleted), own)


def _sign(is_plus: Any) -> Any:
    """Plus 1 where it holds, else minus 1."""
    import ibis

    return lambda t: ibis.cases((is_plus(t), ibis.literal(1).cast(MONEY_TYPE)), else_=ibis.literal(-1).cast(MONEY_TYPE))


def _deposits() -> list[Part]:
    """The amounts on their own days; and which deposits stand, on the days of those that began the chain of undos."""
    import ibis

    deposits = table("fact_cash_deposits")
    found = deposits.filter(~deposits.is_deleted)
    found = found.mutate(
        up=found.undoes_guid, sign=ibis.literal(1).cast(MONEY_TYPE), root=found.deposit_guid, root_date=found.business_date
    )
    for level in range(DEEPEST_UNDO):
        found = _one_up(found, level)
    rows = found.mutate(signed=exact(ibis.cases((found.sign > 0, found.deposit_amount), else_=-found.deposit_amount)))
    chains = found.group_by(["restaurant_guid", "root", "root_date"]).agg(stands=exact(found.sign.sum()))
    chains = chains.filter(chains.stands > 0).select("restaurant_guid", business_date=chains.root_date, stands=chains.stands)
    return [Part(rows, {"actual_deposit": column("signed")}), Part(chains, {"standing": column("stands")})]


def _one_up(found: Any, level: int) -> Any:
    """The deposit that each one undoes, if it undoes any: the sign turns, and the chain begins there or further up."""
    import ibis

    above = table("fact_cash_deposits")
    above = above.select(
        **{
            f"restaurant_{level}": above.restaurant_guid,
            f"deposit_{level}": above.deposit_guid,
            f"date_{level}": above.business_date,
            f"undoes_{level}": above.undoes_guid,
        }
    )
    higher = found.left_join(above, [found.restaurant_guid == above[f"restaurant_{level}"], found.up == above[f"deposit_{level}"]])
    is_undo = higher.up.notnull()
    kept = [name for name in found.columns if name not in ("up", "sign", "root", "root_date")]
    return higher.select(
        *kept,
        up=higher[f"undoes_{level}"],
        sign=exact(ibis.cases((is_undo, -higher.sign), else_=higher.sign)),
        root=ibis.cases((is_undo, higher.up), else_=higher.root),
        root_date=higher[f"date_{level}"].coalesce(higher.root_date),
    )


def _pending_from() -> Any:
    """Per location, the last but one of the business dates that had closed when cash was last read: a deposit of it may still come."""
    import ibis

    runs, days = table("sync_runs"), table("dim_business_days")
    read = runs.filter((runs.dataset == "cash") & (runs.status == "done"))
    last = read.group_by("restaurant_guid").agg(read_at=read.started_at.max())
    closed = joined(days, last, ["restaurant_guid"], read_at="read_at")
    closed = closed.filter(closed.ends_at <= closed.read_at)
    newest = ibis.window(group_by=closed.restaurant_guid, order_by=closed.business_date.desc())
    ranked = closed.mutate(place=ibis.row_number().over(newest))
    ranked = ranked.filter(ranked.place == 1)
    return ranked.select("restaurant_guid", pending_from=ranked.business_date)
