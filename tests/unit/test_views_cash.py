"""Cash of a day, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from views_rows import DAY, Row, Rows, at, dec, own_rows

NEXT = DAY + timedelta(days=1)
COUNTS = ("no_sales", "pay_outs", "tip_outs")
MONEY = (
    *("cash_payments", "cash_refunds", "entries_total", "expected_deposit", "actual_deposit", "deposit_over_short"),
    *("drawer_over_short", "pay_out_amount", "tip_out_amount"),
)


@pytest.fixture
def rows() -> Iterator[Rows]:
    """Four closed days, all read an hour after the last of them ended."""
    with own_rows() as found:
        for n in range(4):
            day = DAY + timedelta(days=n)
            found.day(day)
            found.read("orders", at(97), day)
            found.read("cash", at(97), day)
        yield found


def sums(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in (*MONEY, *COUNTS) if row[name]}


def cash(**amounts: Any) -> dict[str, Any]:
    return {name: dec(value) if name in MONEY else value for name, value in amounts.items()}


def test_cash_payments_and_refunds_on_their_days(rows: Rows) -> None:
    """By the day they were paid or given back on, tips left out of the one and in the other; nothing that does not count."""
    rows.payment("o", "c", "40", "5", kind="CASH")
    rows.payment("o", "c", "30", kind="CASH", day=NEXT, paid=DAY)
    rows.payment("o", "c", "20", kind="CASH", paid=NEXT)
    rows.payment("o", "c", "10", kind="CASH", counted=False)
    rows.payment("o", "c", "8", kind="CASH", is_deleted=True)
    rows.payment("o", "c", "7", kind="CREDIT")
    rows.refund("o", "c", "12", "11", kind="CASH", tip_amount="1")
    rows.refund("o", "c", "6", "6", kind="CASH", on=NEXT)
    rows.refund("o", "c", "5", "5", kind="CREDIT")

    row = rows.one("daily_cash")

    assert sums(row) == cash(cash_payments=70, cash_refunds=13, expected_deposit=57, deposit_over_short=-57)
    assert (row["deposit_status"], row["cash_reason"], row["actual_deposit"]) == ("missing", None, 0)
    assert sums(rows.one("daily_cash", business_date=NEXT)) == cash(
        cash_payments=20, cash_refunds=6, expected_deposit=14, deposit_over_short=-14
    )


def test_entries(rows: Rows) -> None:
    """Cash collected is in the payments already; what undoes a tip-out is not."""
    rows.cash("CASH_IN", "200")
    rows.cash("PAY_OUT", "-25")
    rows.cash("PAY_OUT", "-10")
    rows.cash("UNDO_PAY_OUT", "10")
    rows.cash("TIP_OUT", "-60")
    rows.cash("TIP_OUT", "-40")
    rows.cash("CASH_COLLECTED", "40", undoes_guid="tip-out")
    rows.cash("CASH_COLLECTED", "500")
    rows.cash("NO_SALE")
    rows.cash("NO_SALE")
    rows.cash("CLOSE_OUT_OVERAGE", "3")
    rows.cash("CLOSE_OUT_SHORTAGE", "-5.5")
    rows.cash("CLOSE_OUT_EXACT")
    rows.cash("PAY_OUT", "-1000", is_deleted=True)

    assert sums(rows.one("daily_cash")) == cash(
        entries_total="112.5",
        expected_deposit="112.5",
        deposit_over_short="-112.5",
        drawer_over_short="-2.5",
        no_sales=2,
        pay_outs=1,
        pay_out_amount=25,
        tip_outs=1,
        tip_out_amount=60,
    )


def test_a_deposit(rows: Rows) -> None:
    rows.cash("CASH_IN", "100")
    rows.deposit("98.75")
    rows.deposit("1000", is_deleted=True)

    row = rows.one("daily_cash")

    assert (row["actual_deposit"], row["deposit_over_short"], row["deposit_status"]) == (dec("98.75"), dec("-1.25"), "made")


def test_undone_deposits(rows: Rows) -> None:
    """Minus on the undo's day; the undo of an undo plus again; four deep."""
    first = rows.deposit("100")
    undo = rows.deposit("100", undoes=first)
    assert (rows.one("daily_cash")["actual_deposit"], rows.one("daily_cash")["deposit_status"]) == (0, "missing")
    again = rows.deposit("100", undoes=undo)
    assert (rows.one("daily_cash")["actual_deposit"], rows.one("daily_cash")["deposit_status"]) == (100, "made")
    third = rows.deposit("100", undoes=again, day=NEXT)
    assert (rows.one("daily_cash")["actual_deposit"], rows.one("daily_cash")["deposit_status"]) == (100, "missing")
    assert rows.one("daily_cash", business_date=NEXT)["actual_deposit"] == -100
    rows.deposit("100", undoes=third, day=NEXT)
    assert (rows.one("daily_cash")["actual_deposit"], rows.one("daily_cash")["deposit_status"]) == (100, "made")
    assert rows.one("daily_cash", business_date=NEXT)["actual_deposit"] == 0


def test_a_deposit_may_still_come_until_two_business_days_have_closed(rows: Rows) -> None:
    """Then it is missing: by the business days that had closed when cash was last read."""
    for n in range(5):
        rows.cash("CASH_IN", "100", day=DAY + timedelta(days=n))
    rows.day(DAY + timedelta(days=4))  # still open

    found = {row["business_date"]: row for row in rows.all("daily_cash")}

    status = [found[DAY + timedelta(days=n)]["deposit_status"] for n in range(5)]
    assert status == ["missing", "missing", "pending", "pending", "pending"]
    waiting, late = found[DAY + timedelta(days=2)], found[DAY + timedelta(days=1)]
    assert (waiting["deposit_over_short"], waiting["cash_reason"], waiting["actual_deposit"]) == (None, "deposit pending", 0)
    assert (late["deposit_over_short"], late["cash_reason"]) == (-100, None)
    assert found[DAY + timedelta(days=4)]["cash_reason"] == "no sales read"


def test_a_deposit_that_was_made_early_is_not_pending(rows: Rows) -> None:
    day = DAY + timedelta(days=3)
    rows.cash("CASH_IN", "100", day=day)
    rows.deposit("100", day=day)

    row = rows.one("daily_cash", business_date=day)

    assert (row["deposit_status"], row["deposit_over_short"]) == ("made", 0)


def test_a_side_that_was_not_read() -> None:
    with own_rows() as rows:
        rows.day()
        rows.payment("o", "c", "40", kind="CASH")
        rows.read("orders", at(25))

        row = rows.one("daily_cash")

        assert (row["cash_reason"], row["deposit_over_short"], row["deposit_status"], row["entries_total"], row["expected_deposit"]) == (
            "no cash read",
            None,
            None,
            None,
            None,
        )
        assert row["cash_payments"] == 40


def test_sales_that_are_older_than_the_count() -> None:
    with own_rows() as rows:
        rows.day()
        rows.read("orders", at(20))
        rows.read("cash", at(30))
        rows.deposit("10")

        assert (rows.one("daily_cash")["cash_reason"], rows.one("daily_cash")["deposit_over_short"]) == ("sales stale", None)
