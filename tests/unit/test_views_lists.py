"""What was sold, who served it, what waits to be paid, and days that changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from views_rows import DAY, HERE, Rows, at, dec, own_rows


@pytest.fixture
def rows() -> Iterator[Rows]:
    with own_rows() as found:
        found.closed_day()
        yield found


def test_product_mix(rows: Rows) -> None:
    """Sold lines and voided ones; no line of test mode, none deleted; another name is another row."""
    order = rows.order()
    soup: dict[str, Any] = {"menu_item_guid": "soup", "menu_item_name": "Soup"}
    rows.line(order, "c", "12", "10", **soup, item_quantity=2.0)
    rows.line(order, "c", "6", **soup)
    rows.line(order, "c", "6", sale=False, is_voided=True, **soup)
    rows.line(order, "c", "6", sale=False, is_deleted=True, is_voided=True, **soup)
    rows.line(rows.order(), "c", "6", **soup, item_quantity=0.5)
    rows.line(rows.order(is_test_mode=True, counted=False), "c", "6", sale=False, is_voided=True, **soup)
    rows.line(order, "c", "9", menu_item_guid="soup", menu_item_name="Soup of the day")
    rows.line(order, "c", "25", sale=False, menu_item_name="Gift Card", is_deferred=True)

    found = [tuple(row.values()) for row in rows.all("product_mix", "menu_item_name")]

    key = (HERE, DAY, "soup")
    assert found == [
        (*key, "Soup", 3.5, dec(24), dec(2), dec(22), 2, 1.0),
        (*key, "Soup of the day", 1.0, dec(9), dec(0), dec(9), 1, 0.0),
    ]


def test_server_sales(rows: Rows) -> None:
    """Named by the latest punch; a refund takes nothing off, a tip given back does."""
    order, check = rows.sale("100", "90", server_guid="ana", guest_count=2)
    rows.payment(order, check, "90", "15")
    rows.refund(order, check, "40", "40", tip_amount="5")
    rows.sale("20")
    rows.punch(employee_guid="ana", employee_name="A. Diaz", in_date=at(-50))
    rows.punch(employee_guid="ana", employee_name="Ana Diaz", in_date=at(2))
    rows.punch(employee_guid="ana", employee_name="Other Ana", in_date=at(3), restaurant_guid="south")

    found = [tuple(row.values()) for row in rows.all("server_sales", "gross_sales")]

    assert found == [
        (HERE, DAY, None, None, 1, 1, None, dec(20), dec(0), dec(20), dec(0), dec(0)),
        (HERE, DAY, "ana", "Ana Diaz", 1, 1, 2, dec(100), dec(10), dec(90), dec(10), dec(0)),
    ]


def test_open_checks(rows: Rows) -> None:
    order = rows.order(server_guid="ana")
    amounts: dict[str, Any] = {"amount": "100", "tax_amount": "8", "total_amount": "108", "gratuity_amount": "18"}
    check = rows.check(order, payment_status="OPEN", opened_at=at(3), display_number="17", **amounts)
    rows.payment(order, check, "50", "5")
    rows.payment(order, check, "10", counted=False)
    fresh = rows.check(order, payment_status="OPEN", total_amount="5")
    rows.check(order, payment_status="OPEN", counted=False)
    rows.check(order, payment_status="OPEN", is_deleted=True)
    rows.check(order, payment_status="CLOSED")

    first, second = rows.all("open_checks", "total_amount DESC")

    assert tuple(first.values()) == (
        *(HERE, DAY, order, check, "17", at(3), "ana"),
        *(dec(100), dec(8), dec(18), dec(108), dec(126), dec(50), dec(76)),
    )
    assert (second["check_guid"], second["due"], second["paid"], second["unpaid"]) == (fresh, 5, 0, 5)


def test_restatements(rows: Rows) -> None:
    """Each snapshot against the one before it, of its own dataset and day."""
    for sequence, orders, net in ((0, 10, "900"), (4, 9, "880"), (7, 9, "850")):
        rows.add(
            "day_snapshots",
            dataset="orders",
            sequence=sequence,
            orders=orders,
            net_sales=net,
            taken_at=at(30 + sequence),
            record_guids="o1 o2" if sequence else None,
        )
    rows.add("day_snapshots", dataset="labor", sequence=0, labor_cost="300")
    rows.add("day_snapshots", dataset="orders", sequence=0, business_date=DAY + timedelta(days=1), net_sales="1")

    first, second = rows.all("restatements", "sequence")

    assert (first["sequence"], first["taken_at"], first["record_guids"], first["dataset"]) == (4, at(34), "o1 o2", "orders")
    assert [first[f"{name}_{when}"] for name in ("orders", "net_sales") for when in ("before", "after")] == [10, 9, 900, 880]
    assert [second[f"{name}_{when}"] for name in ("orders", "net_sales") for when in ("before", "after")] == [9, 9, 880, 850]
    assert (first["labor_cost_before"], first["labor_cost_after"]) == (None, None)
