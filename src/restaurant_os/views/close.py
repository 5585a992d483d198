"""The controller's tie-out of a day: what was sold and owed on one side, what was paid on the other."""

from __future__ import annotations

from typing import Any

from restaurant_os.views.cash import paid_on
from restaurant_os.views.expressions import DAY, Part, all_joined, column, exact, filled, joined, stack, table, when
from restaurant_os.views.sales import CHECK, sales_parts, whole
from restaurant_os.views.sides import calendar_days, known, sales_read_reason

#: A line of this kind pays what was charged to a house account before (Toast: selectionType).
HOUSE_ACCOUNT_PAID = "HOUSE_ACCOUNT_PAY_BALANCE"
#: Kinds of lines that put money on a gift card, and how older data names such a line (Toast: apiOrdersNetSalesCalculation).
GIFT_CARD_KINDS = ("TOAST_CARD_SELL", "TOAST_CARD_RELOAD")
GIFT_CARD_NAME = "Gift Card"
#: Payment type -> column. Every other type is `other`.
TENDERS = {"CASH": "cash", "CREDIT": "credit", "GIFTCARD": "gift_card", "HOUSE_ACCOUNT": "house_account"}

FROM_SALES = (
    *("gross_sales", "discounts", "refunds", "tax", "refunded_tax", "tips", "gratuity", "other_charges"),
    *("refunds_paid", "deferred_refunds", "marketplace_tax"),
)
SET_ASIDE = ("deferred_sales", "gift_card_sales", "house_account_payments")
MONEY = (
    *FROM_SALES,
    *SET_ASIDE,
    *TENDERS.values(),
    *("other", "prepayments_received", "prepayments_applied", "open_checks_due", "open_checks_paid"),
)


def daily() -> Any:
    """The sums of each day that has any order, payment or refund, or was read."""
    parts = [*sales_parts(("orders", *FROM_SALES), whole), *_set_aside(), *_payments(), *_open_checks(), calendar_days()]
    found = all_joined(stack(parts, DAY), known("orders"))
    is_known = found.sales_as_of.notnull() | found.orders.notnull()
    for name in (*TENDERS.values(), "other"):
        is_known = is_known | found[name].notnull()
    return found.mutate(**filled(found, MONEY, is_known), sales_reason=sales_read_reason(found))


def _set_aside() -> list[Part]:
    """Lines of checks that count which are no sale: money put aside for another day."""
    lines, checks = table("fact_order_items"), table("fact_checks")
    is_gift_card = lines.selection_type.isin(GIFT_CARD_KINDS) | (lines.menu_item_name == GIFT_CARD_NAME)
    is_house_account = lines.selection_type == HOUSE_ACCOUNT_PAID
    aside = lines.mutate(
        is_house_account=is_house_account.fill_null(False), is_gift_card=is_gift_card.fill_null(False) & ~is_house_account.fill_null(False)
    )
    aside = aside.filter(~aside.is_voided & ~aside.is_deleted & (aside.is_deferred | aside.is_house_account | aside.is_gift_card))
    counted = joined(aside, checks.filter(checks.is_counted & ~checks.is_deleted), CHECK, how="inner")
    own = {
        "house_account_payments": when(column("is_house_account"), column("item_price")),
        "gift_card_sales": when(column("is_gift_card"), column("item_price")),
        "deferred_sales": when(lambda t: ~t.is_house_account & ~t.is_gift_card, column("item_price")),
    }
    return [Part(counted, own)]


def _payments() -> list[Part]:
    payments = table("fact_payments")
    counted = payments.filter(payments.is_counted & ~payments.is_deleted)
    counted = counted.mutate(paid_on=paid_on(counted))

    def of_type(name: str) -> Any:
        return when(lambda t: (t.payment_type == name).fill_null(False), paid)

    own = {tender: of_type(name) for name, tender in TENDERS.items()}
    own["other"] = when(lambda t: ~t.payment_type.isin(tuple(TENDERS)).fill_null(False), paid)
    received = when(lambda t: t.order_date != t.business_date, paid)
    by_payment = counted.mutate(order_date=counted.business_date, business_date=counted.paid_on)
    applied = counted.filter(counted.paid_on != counted.business_date)
    return [Part(by_payment, {**own, "prepayments_received": received}), Part(applied, {"prepayments_applied": paid})]


def paid(payments: Any) -> Any:
    """The money of a payment, with its tip."""
    return exact(payments.amount.coalesce(0) + payments.tip_amount.coalesce(0))


def open_checks() -> Any:
    """Checks that count and are not paid."""
    checks = table("fact_checks")
    return checks.filter(checks.is_counted & ~checks.is_deleted & (checks.payment_status == "OPEN"))


def due(checks: Any) -> Any:
    """What a check asks for without tips: a gratuity is in no amount field of it."""
    return exact(checks.total_amount.coalesce(0) + checks.gratuity_amount.coalesce(0))


def _open_checks() -> list[Part]:
    payments = table("fact_payments")
    counted = payments.filter(payments.is_counted & ~payments.is_deleted)
    on_open = joined(counted, open_checks(), CHECK, how="inner")
    return [Part(open_checks(), {"open_checks_due": due}), Part(on_open, {"open_checks_paid": column("amount")})]
