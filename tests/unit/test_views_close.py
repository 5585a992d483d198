"""The tie-out: each part of each side, and that a day whose parts fit has no difference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from views_rows import DAY, Row, Rows, at, dec, own_rows

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with own_rows() as found:
        for day in (DAY, NEXT):
            found.day(day)
            found.read("orders", at(60), day)
        yield found


def sums(row: Row) -> dict[str, Any]:
    """Every amount that is not 0, but the totals of the sides."""
    apart = ("restaurant_guid", "business_date", "sales_as_of", "sales_reason", "owed", "settled")
    return {name: value for name, value in row.items() if value and name not in apart}


def close(**amounts: Any) -> dict[str, Any]:
    return {name: dec(value) for name, value in amounts.items()}


def test_a_day_that_ties_out(rows: Rows) -> None:
    """Two tenders, a tip, a tax, a gratuity, a surcharge: what was sold is what was paid."""
    order, check = rows.sale("100", "90")
    rows.check(order, tax_amount="8", marketplace_tax="3")
    rows.charge(order, check, "18", is_gratuity=True)
    rows.charge(order, check, "2")
    rows.payment(order, check, "60", "10")
    rows.payment(order, check, "58", kind="CASH")

    row = rows.one("daily_close")

    assert sums(row) == close(net_sales=90, other_charges=2, tax=8, gratuity=18, tips=10, credit=70, cash=58, marketplace_tax=3)
    assert (row["owed"], row["settled"], row["difference"], row["sales_reason"]) == (128, 128, 0, None)


def test_a_difference_is_shown(rows: Rows) -> None:
    order, check = rows.sale("100")
    rows.payment(order, check, "99.99")

    assert rows.one("daily_close")["difference"] == dec("0.01")


def test_every_tender_has_its_column(rows: Rows) -> None:
    for kind, amount in (("CASH", "1"), ("CREDIT", "2"), ("GIFTCARD", "3"), ("HOUSE_ACCOUNT", "4"), ("LEVELUP", "5"), (None, "6")):
        rows.payment("o", "c", amount, "0.5", kind=kind)  # type: ignore[arg-type]

    found = sums(rows.one("daily_close"))

    assert found == close(
        cash="1.5",
        credit="2.5",
        gift_card="3.5",
        house_account="4.5",
        other="12",
        gift_card_redeemed="3.5",
        house_account_charged="4.5",
        tips=3,
        difference=-21,
    )


def test_money_that_is_put_aside(rows: Rows) -> None:
    """Gift cards sold by any of three signs, a house account paid, a deferred line; none that is voided or of a check that does not count."""
    order = rows.order()
    check = rows.check(order)
    rows.line(order, check, "25", sale=False, selection_type="TOAST_CARD_SELL", is_deferred=True)
    rows.line(order, check, "20", sale=False, selection_type="TOAST_CARD_RELOAD")
    rows.line(order, check, "15", sale=False, menu_item_name="Gift Card", is_deferred=True)
    rows.line(order, check, "40", sale=False, selection_type="HOUSE_ACCOUNT_PAY_BALANCE")
    rows.line(order, check, "70", "60", sale=False, is_deferred=True)
    rows.line(order, check, "5", sale=False, is_deferred=True, is_voided=True)
    rows.line(order, "other", "5", sale=False, is_deferred=True)
    rows.payment(order, check, "160")

    row = rows.one("daily_close")

    assert sums(row) == close(gift_card_sales=60, house_account_payments=40, deferred_sales=60, deferred=160, credit=160)
    assert row["difference"] == 0


def test_prepayments(rows: Rows) -> None:
    """Paid on one day for an order of another: both days tie out."""
    order, check = rows.sale("100", day=NEXT)
    rows.payment(order, check, "100", "10", day=NEXT, paid=DAY)

    first, second = rows.one("daily_close"), rows.one("daily_close", business_date=NEXT)

    assert sums(first) == close(credit=110, prepayments_received=110)
    assert sums(second) == close(net_sales=100, tips=10, prepayments_applied=110)
    assert (first["difference"], second["difference"]) == (0, 0)


def test_unpaid_checks(rows: Rows) -> None:
    """What an open check asks for with its gratuity, less what was paid on it; an overpaid one is negative."""
    order = rows.order()
    check = rows.check(order, payment_status="OPEN", tax_amount="8", total_amount="108", gratuity_amount="18")
    rows.line(order, check, "100")
    rows.charge(order, check, "18", is_gratuity=True)
    rows.payment(order, check, "50", "5")
    rows.payment(order, check, "30", counted=False, is_voided=True)

    row = rows.one("daily_close")

    assert sums(row) == close(net_sales=100, tax=8, gratuity=18, tips=5, credit=55, unpaid=76)
    assert row["difference"] == 0
    rows.payment(order, check, "80")
    assert rows.one("daily_close")["unpaid"] == -4
    assert rows.one("daily_close")["difference"] == 0


def test_refunds(rows: Rows) -> None:
    """Of a sale, of tax, tip and a gift card: the day they are given back on ties out."""
    rows.refund("o", "c", "84", "50", on=NEXT, tax_amount="4", tip_amount="6", other_amount="30")

    row = rows.one("daily_close", business_date=NEXT)

    assert sums(row) == close(net_sales=-50, refunded_tax=4, tips=-6, deferred_refunds=30, refunds_paid=90)
    assert row["difference"] == 0


def test_a_day_that_was_not_read() -> None:
    with own_rows() as rows:
        rows.day()
        rows.sale("100")

        row = rows.one("daily_close")

        assert (row["net_sales"], row["difference"], row["sales_reason"]) == (100, None, "no sales read")
