"""The sales side of the views, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from views_rows import DAY, Row, Rows, at, dec, own_rows

NEXT = DAY + timedelta(days=1)
MONEY = (
    *("item_gross", "gross_sales", "discounts", "comps", "refunds", "net_sales", "refunds_paid", "tax", "refunded_tax", "tips"),
    *("gratuity", "other_charges", "voids"),
)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with own_rows() as found:
        found.closed_day()
        yield found


def sums(row: Row) -> dict[str, Any]:
    """Every sum of the sales side that is neither 0 nor null."""
    found = {name: row[name] for name in ("orders", "checks", "guests", *MONEY)}
    return {name: value for name, value in found.items() if value}


def sold(**amounts: Any) -> dict[str, Any]:
    return {name: dec(value) if name in MONEY else value for name, value in amounts.items()}


def test_a_plain_sale(rows: Rows) -> None:
    """A line, its discount, the check's tax, a tip; a comp is a part of the discounts."""
    order = rows.order(guest_count=2)
    check = rows.check(order, tax_amount="8")
    rows.line(order, check, "100", "90")
    rows.discount(order, check, "6", non_tax_amount="5.50")
    rows.discount(order, check, "4", kind="promo")
    rows.payment(order, check, "98", "15")

    row = rows.one("daily_profitability")

    assert sums(row) == sold(
        orders=1, checks=1, guests=2, item_gross=100, gross_sales=100, discounts=10, comps="5.50", net_sales=90, tax=8, tips=15
    )
    assert (row["average_check"], row["sales_per_guest"]) == (90.0, 45.0)
    assert (row["discount_rate"], row["comp_rate"], row["refund_rate"], row["void_rate"]) == (0.1, 0.055, 0.0, 0.0)
    assert row["sales_reason"] is None


def test_a_comp_on_what_was_voided_is_none(rows: Rows) -> None:
    order, check = rows.sale("100")
    rows.discount(order, check, "6", is_voided=True)
    rows.discount(order, check, "6", is_deleted=True)
    rows.discount(order, check, "6", is_counted=False)

    assert rows.one("daily_profitability")["comps"] == 0


def test_charges(rows: Rows) -> None:
    """A sale, a gratuity and a charge that is neither."""
    order, check = rows.sale("100")
    rows.charge(order, check, "3", is_sale=True)
    rows.charge(order, check, "18", is_gratuity=True)
    rows.charge(order, check, "1.25", category="CREDIT_CARD_SURCHARGE")
    rows.charge(order, check, "50", is_counted=False)

    assert sums(rows.one("daily_profitability")) == sold(
        orders=1, checks=1, item_gross=100, gross_sales=103, net_sales=103, gratuity=18, other_charges="1.25"
    )


def test_voids(rows: Rows) -> None:
    """Lines voided with their order count as voids, not those of test mode or deleted."""
    rows.sale("60")
    voided = rows.order(counted=False, is_voided=True)
    check = rows.check(voided, counted=False, is_voided=True)
    rows.line(voided, check, "40", sale=False, is_voided=True)
    training = rows.order(counted=False, is_test_mode=True, is_voided=True)
    rows.line(training, "c", "70", sale=False, is_voided=True)
    rows.line(voided, check, "80", sale=False, is_voided=True, is_deleted=True)

    row = rows.one("daily_profitability")

    assert sums(row) == sold(orders=1, checks=1, item_gross=60, gross_sales=60, net_sales=60, voids=40)
    assert row["void_rate"] == 0.4


def test_a_refund_of_the_next_day(rows: Rows) -> None:
    """It takes off its own day: tax, tip and all."""
    rows.day(NEXT)
    rows.read("orders", at(49), NEXT)
    order, check = rows.sale("100")
    rows.payment(order, check, "108", "10")
    rows.refund(order, check, "54", "50", on=NEXT, tax_amount="4", tip_amount="5")

    assert sums(rows.one("daily_profitability")) == sold(orders=1, checks=1, item_gross=100, gross_sales=100, net_sales=100, tips=10)
    back = rows.one("daily_profitability", business_date=NEXT)
    assert sums(back) == sold(refunds=50, net_sales=-50, refunds_paid=59, refunded_tax=4, tips=-5)
    assert (back["sales_reason"], back["labor_reason"]) == ("no sales", "no labor read")
    assert [back[name] for name in ("average_check", "sales_per_guest", "void_rate", "refund_rate", "labor_percent")] == [None] * 5


def test_excess_food_and_gift_cards_are_no_sales(rows: Rows) -> None:
    order = rows.order(is_excess_food=True)
    check = rows.check(order)
    rows.line(order, check, "30", "0", sale=False)
    rows.line(order, check, "25", sale=False, selection_type="TOAST_CARD_SELL")

    assert sums(rows.one("daily_profitability")) == {"orders": 1, "checks": 1}


def test_guests_are_null_when_nobody_tells(rows: Rows) -> None:
    rows.sale("10")
    rows.order(guest_count=3, counted=False)

    row = rows.one("daily_profitability")

    assert (row["guests"], row["sales_per_guest"], row["average_check"]) == (None, None, 10.0)


def test_a_day_without_any_sale_has_zeros_and_a_reason(rows: Rows) -> None:
    """Closed by weather: read, and nothing in it."""
    row = rows.one("daily_profitability")

    assert sums(row) == {}
    assert (row["orders"], row["net_sales"], row["guests"]) == (0, 0, None)
    assert (row["sales_reason"], row["labor_reason"]) == ("no sales", "no sales")


def test_daily_sales_has_the_same_figures(rows: Rows) -> None:
    order, check = rows.sale("100", "90")
    rows.payment(order, check, "98", "15")
    rows.refund(order, check, "54", "50", tip_amount="5")
    rows.check(order, tax_amount="8")

    row, whole = rows.one("daily_sales"), rows.one("daily_profitability")

    assert list(row) == ["restaurant_guid", "business_date", "orders", "gross_sales", "discounts", "net_sales", "tax", "tips", "refunds"]
    assert row == {name: whole[name] for name in row}
    assert row["net_sales"] == 40


def test_a_day_that_nobody_read_has_no_figures(rows: Rows) -> None:
    """Not even zeros."""
    rows.day(NEXT)

    row = rows.one("daily_profitability", business_date=NEXT)

    assert (row["sales_reason"], row["labor_reason"], row["sales_as_of"], row["sales_basis"]) == (
        "no sales read",
        "no sales read",
        None,
        None,
    )
    assert {row[name] for name in (*MONEY, "orders", "labor_cost", "labor_hours", "entries")} == {None}


# --- by the hour ----------------------------------------------------------------------------------------------------


def hours(rows: Rows, name: str) -> dict[int, Any]:
    return {row["business_hour"]: row[name] for row in rows.all("hourly_profitability", "business_hour", business_date=DAY) if row[name]}


def test_checks_count_in_the_hour_they_were_opened_in(rows: Rows) -> None:
    """An order counts in the hour of its first check, everything on a check with it."""
    order = rows.order(guest_count=4)
    for hour, gross in ((5, "10"), (7, "30")):
        check = rows.check(order, hour=hour, tax_amount="1")
        rows.line(order, check, gross, hour=hour)
        rows.charge(order, check, "2", is_gratuity=True)
        rows.payment(order, check, gross, "3")
        rows.discount(order, check, "4")

    assert hours(rows, "orders") == {5: 1}
    assert hours(rows, "guests") == {5: 4}
    assert hours(rows, "checks") == {5: 1, 7: 1}
    assert hours(rows, "net_sales") == {5: 10, 7: 30}
    assert hours(rows, "tax") == {5: 1, 7: 1}
    assert hours(rows, "tips") == {5: 3, 7: 3}
    assert hours(rows, "gratuity") == {5: 2, 7: 2}
    assert hours(rows, "comps") == {5: 4, 7: 4}


def test_what_is_outside_the_day_counts_in_its_last_hour(rows: Rows) -> None:
    for hour in (None, 24, 30):
        rows.sale("10", hour=hour)
    rows.sale("1", hour=-1)

    assert hours(rows, "net_sales") == {0: 1, 23: 30}


def test_refunds_count_in_the_hour_they_were_made_in(rows: Rows) -> None:
    order, check = rows.sale("100")
    for instant in (at(-3), at(0), at(2.5), at(24), at(40), None):
        rows.refund(order, check, "1", "1", refunded_at=instant)

    assert hours(rows, "refunds") == {0: 2, 2: 1, 23: 3}


@pytest.mark.parametrize("length", [23, 24, 25])
def test_a_day_has_as_many_rows_as_hours(rows: Rows, length: int) -> None:
    rows.day(NEXT, hours=length)
    rows.sale("10", day=NEXT, hour=length + 1)

    found = rows.all("hourly_profitability", "business_hour", business_date=NEXT)

    assert [row["business_hour"] for row in found] == list(range(length))
    assert [row["local_hour"] for row in found[:2]] == [4, 5]
    assert found[-1]["net_sales"] == 10


# --- by something of the order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "column"),
    [
        ("sales_by_dining_option", "dining_option_guid"),
        ("sales_by_revenue_center", "revenue_center_guid"),
        ("sales_by_source", "order_source"),
    ],
)
def test_sales_by_something_of_the_order(rows: Rows, view: str, column: str) -> None:
    """All of an order counts at one place, its refund of a later day too; the parts sum to the day."""
    rows.day(NEXT)
    rows.read("orders", at(49), NEXT)
    in_a: dict[str, Any] = {column: "a"}
    in_b: dict[str, Any] = {column: "b"}
    order, check = rows.sale("100", "90", **in_a, guest_count=2)
    rows.payment(order, check, "90", "9")
    rows.discount(order, check, "10")
    rows.refund(order, check, "40", "40", on=NEXT)
    rows.sale("30", **in_b)
    rows.sale("5")

    found = {row[column]: row for row in rows.all(view, business_date=DAY)}

    assert sums(found["a"]) == sold(
        orders=1, checks=1, guests=2, item_gross=100, gross_sales=100, discounts=10, comps=10, net_sales=90, tips=9
    )
    assert (found["a"]["average_check"], found["a"]["comp_rate"], found["a"]["sales_reason"]) == (90.0, 0.1, None)
    assert sums(found["b"]) == sold(orders=1, checks=1, item_gross=30, gross_sales=30, net_sales=30)
    assert sums(found[None]) == sold(orders=1, checks=1, item_gross=5, gross_sales=5, net_sales=5)
    [back] = rows.all(view, business_date=NEXT)
    assert (back[column], back["net_sales"], back["sales_reason"]) == ("a", -40, "no sales")
