"""The merge's rules, one by one, through the real warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orders_world import (
    FIRST_VERSION,
    NORTH,
    SOUTH,
    Json,
    api_time,
    changed,
    check,
    discount,
    land,
    open_warehouse,
    order,
    payment,
    refund,
    refund_details,
    selection,
    stored,
)
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Changes
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

GUID = NORTH.toast_guid
DAY = date(2026, 3, 1)
EARLIER, READ, LATER = (api_time(FIRST_VERSION + timedelta(days=n)) for n in (7, 8, 9))
ITEM = ("selection_guid", "check_guid", "item_price", "is_deleted")
REFUND = ("payment_guid", "refund_transaction_guid", "refund_amount", "net_amount", "is_inferred", "is_counted", "is_deleted")


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def two_lines(version: int = 0, **fields: Any) -> Json:
    return order("o", [check("c", [selection("a", 10.0), selection("b", 5.0)], [payment("p", 15.0)])], version, **fields)


def one_line(version: int, price: float = 10.0, **fields: Any) -> Json:
    return order("o", [check("c", [selection("a", price)], [payment("p", price)])], version, **fields)


def everything(warehouse: DuckDBWarehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {spec.name: stored(warehouse, spec.name, "*") for spec in ORDER_TABLES}


def items(warehouse: DuckDBWarehouse) -> list[tuple[Any, ...]]:
    return stored(warehouse, "fact_order_items", *ITEM)


def money(text: str) -> Decimal:
    return Decimal(text)


def sales(warehouse: DuckDBWarehouse) -> dict[date, tuple[Any, ...]]:
    """Per day: orders, gross_sales, net_sales, tips, refunds."""
    found = stored(warehouse, "daily_sales", "business_date", "orders", "gross_sales", "net_sales", "tips", "refunds")
    return {day: tuple(values) for day, *values in found}


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_line_that_left_is_flagged(warehouse: DuckDBWarehouse) -> None:
    """What a newer version no longer has stays as a row flagged deleted, and sells nothing."""
    land(warehouse, [two_lines(0)])
    changes = land(warehouse, [one_line(1)])

    assert items(warehouse) == [("a", "c", money("10"), False), ("b", "c", money("5"), True)]
    assert changes == Changes({GUID: (0, 1)}, {(GUID, DAY): (0, 1)})
    assert sales(warehouse) == {DAY: (1, money("10"), money("10"), money("0"), money("0"))}


def test_a_line_that_comes_back_is_live_again(warehouse: DuckDBWarehouse) -> None:
    """A row flagged deleted that a newer version has again is one live row."""
    for one in (two_lines(0), one_line(1), two_lines(2)):
        land(warehouse, [one])

    assert items(warehouse) == [("a", "c", money("10"), False), ("b", "c", money("5"), False)]


@pytest.mark.parametrize("read_at", [EARLIER, LATER, None])
def test_an_older_version_never_overwrites(warehouse: DuckDBWarehouse, read_at: str | None) -> None:
    """However late it is read, and by whichever road it comes."""
    land(warehouse, [one_line(1)], read_at=READ)
    before = everything(warehouse)
    changes = land(warehouse, [two_lines(0)], read_at=read_at)

    assert everything(warehouse) == before
    assert changes == Changes()


@pytest.mark.parametrize("first", [EARLIER, None])
def test_of_one_version_the_later_read_wins(warehouse: DuckDBWarehouse, first: str | None) -> None:
    """A re-read repairs what an earlier decoder, or a webhook, got wrong; with all children."""
    land(warehouse, [two_lines(0)], read_at=first)
    changes = land(warehouse, [one_line(0, price=11.0)], read_at=LATER)

    assert items(warehouse) == [("a", "c", money("11"), False), ("b", "c", money("5"), True)]
    assert changes == Changes({GUID: (0, 1)}, {(GUID, DAY): (0, 1)})


@pytest.mark.parametrize(("first", "second"), [(READ, EARLIER), (READ, READ), (READ, None), (None, None)])
def test_of_one_version_no_earlier_read_and_no_webhook_wins(warehouse: DuckDBWarehouse, first: str | None, second: str | None) -> None:
    """Equal version, other content: what is stored stays unless an API read that began later brought it."""
    land(warehouse, [two_lines(0)], read_at=first)
    before = everything(warehouse)
    changes = land(warehouse, [one_line(0, price=11.0)], read_at=second)

    assert everything(warehouse) == before
    assert changes == Changes()


@pytest.mark.parametrize("field", ["header", "check", "payment", "modifier", "discount"])
def test_any_difference_counts(warehouse: DuckDBWarehouse, field: str) -> None:
    """A later read of the same version that differs in one value of one table alone is taken."""
    line = selection("a", modifiers=[selection("m")], appliedDiscounts=[discount("d")])
    one = order("o", [check("c", [line], [payment("p")])])
    other = changed(one)
    at = {
        "header": other,
        "check": other["checks"][0],
        "payment": other["checks"][0]["payments"][0],
        "modifier": other["checks"][0]["selections"][0]["modifiers"][0],
        "discount": other["checks"][0]["selections"][0]["appliedDiscounts"][0],
    }
    name = {"header": "displayNumber", "check": "displayNumber", "payment": "cardType", "modifier": "displayName", "discount": "name"}
    at[field][name[field]] = "another"
    land(warehouse, [one], read_at=EARLIER)

    assert land(warehouse, [other], read_at=LATER).changed == 1
    assert land(warehouse, [other], read_at=api_time(FIRST_VERSION + timedelta(days=20))) == Changes()


def test_a_child_that_is_gone_is_a_difference_too(warehouse: DuckDBWarehouse) -> None:
    """A later read of the same version that only lacks a row is taken, once."""
    one = order("o", [check("c", [selection("a", modifiers=[selection("m"), selection("n")])])])
    other = changed(one)
    other["checks"][0]["selections"][0]["modifiers"].pop()
    land(warehouse, [one], read_at=EARLIER)
    changes = land(warehouse, [other], read_at=READ)

    assert changes.changed == 1
    assert stored(warehouse, "fact_order_modifiers", "selection_guid", "is_deleted") == [("m", False), ("n", True)]
    assert land(warehouse, [other], read_at=LATER) == Changes()


def test_of_copies_in_one_commit_the_newest_wins_whole(warehouse: DuckDBWarehouse) -> None:
    """Several copies of an order in a commit leave the children of one only; at equal versions that of the later read."""
    land(warehouse, [two_lines(0), one_line(2, 7.0), two_lines(1)], [one_line(1, 9.0)])

    assert items(warehouse) == [("a", "c", money("7"), False)]

    land(warehouse, [two_lines(3)], [one_line(3, 8.0)])

    assert items(warehouse) == [("a", "c", money("8"), False)]


def test_rereading_writes_nothing(warehouse: DuckDBWarehouse) -> None:
    """What is in and did not change is not written again: not even the time of loading moves."""
    land(warehouse, [two_lines(0), order("q", [check("cq", [selection("s")])], 5)])
    before = everything(warehouse)
    warehouse.now = lambda: datetime(2027, 1, 1, tzinfo=UTC)
    changes = land(warehouse, [two_lines(0)], [order("q", [check("cq", [selection("s")])], 5)], read_at=LATER)

    assert everything(warehouse) == before
    assert changes == Changes()
    assert stored(warehouse, "changed_days", "business_date", "sequence", "rows_added", "rows_changed") == [(DAY, 1, 2, 0)]


def test_an_order_s_first_creation_date_may_come_late(warehouse: DuckDBWarehouse) -> None:
    """An order read without createdDate, and then with one, is one order; so is one that loses it again."""
    land(warehouse, [two_lines(0, createdDate=None)])
    land(warehouse, [two_lines(1, createdDate="2026-02-27T10:00:00.000+0000")])
    land(warehouse, [two_lines(2, createdDate=None)])

    assert stored(warehouse, "fact_orders", "order_guid", "modified_at") == [("o", FIRST_VERSION + timedelta(seconds=2))]
    assert len(items(warehouse)) == 2


def test_locations_do_not_touch_each_other(warehouse: DuckDBWarehouse) -> None:
    """The same ids at another location are other orders."""
    land(warehouse, [two_lines(0)])
    land(warehouse, [one_line(1)], location=SOUTH)

    assert stored(warehouse, "fact_order_items", "restaurant_guid", "selection_guid", "is_deleted") == [
        (GUID, "a", False),
        (GUID, "b", False),
        (SOUTH.toast_guid, "a", False),
    ]


# --- what a text from outside may hold --------------------------------------------------------------------------------


def test_text_is_only_text(warehouse: DuckDBWarehouse) -> None:
    """Quotes, semicolons and comments in ids and names are kept as they are."""
    odd = "'; DROP TABLE fact_orders; --"
    for version in (0, 1):
        land(warehouse, [order(odd, [check('c"', [selection("s\\", displayName="ünïcode 🍔 \t")])], version)])

    assert stored(warehouse, "fact_orders", "order_guid") == [(odd,)]
    assert stored(warehouse, "fact_order_items", "selection_guid", "check_guid", "menu_item_name") == [("s\\", 'c"', "ünïcode 🍔 \t")]


# --- load modes -------------------------------------------------------------------------------------------------------


def test_insert_only_skips_what_is_stored(warehouse: DuckDBWarehouse) -> None:
    """The first version of an order stays, newer ones and re-reads too; new orders land."""
    land(warehouse, [two_lines(0)], mode="insert-only")
    before = items(warehouse)
    changes = land(
        warehouse, [one_line(1)], [one_line(0, 11.0), order("new", [check("cn", [selection("n")])])], read_at=LATER, mode="insert-only"
    )

    assert [row for row in items(warehouse) if row[1] == "c"] == before
    assert stored(warehouse, "fact_orders", "order_guid") == [("new",), ("o",)]
    assert changes == Changes({GUID: (1, 0)}, {(GUID, DAY): (1, 0)})


# --- days -------------------------------------------------------------------------------------------------------------


def test_an_order_whose_date_moved_leaves_its_old_day(warehouse: DuckDBWarehouse) -> None:
    """Both days changed, all its rows stand on the new one, those flagged deleted too, and the old day sells nothing."""
    moved = date(2026, 3, 3)
    land(warehouse, [two_lines(0)])
    changes = land(warehouse, [one_line(1, day=20260303)])

    assert changes == Changes({GUID: (0, 1)}, {(GUID, DAY): (0, 1), (GUID, moved): (0, 1)})
    for spec in ORDER_TABLES:
        assert {day for (day,) in stored(warehouse, spec.name, "business_date")} <= {moved}
    assert sales(warehouse) == {moved: (1, money("10"), money("10"), money("0"), money("0"))}


def test_rows_flagged_long_ago_follow_the_order(warehouse: DuckDBWarehouse) -> None:
    """A row flagged deleted keeps the version that flagged it, and moves with its order's date."""
    for one in (two_lines(0), one_line(1), one_line(2, day=20260303), one_line(3, day=20260303)):
        land(warehouse, [one])

    assert stored(warehouse, "fact_order_items", "selection_guid", "business_date", "is_deleted", "modified_at") == [
        ("a", date(2026, 3, 3), False, FIRST_VERSION + timedelta(seconds=3)),
        ("b", date(2026, 3, 3), True, FIRST_VERSION + timedelta(seconds=1)),
    ]


def test_refunds_name_their_own_day(warehouse: DuckDBWarehouse) -> None:
    """The day money was given back on changed too; when the refund moves to another day, both did."""
    first, second = date(2026, 3, 5), date(2026, 3, 6)
    one = land(warehouse, [paid(0, refund("T1", 5.0, 20260305))])
    two = land(warehouse, [paid(1, refund("T1", 5.0, 20260306))])

    assert set(one.days) == {(GUID, DAY), (GUID, first)}
    assert set(two.days) == {(GUID, DAY), (GUID, first), (GUID, second)}
    assert stored(warehouse, "changed_days", "business_date", "sequence") == [(DAY, 1), (DAY, 2), (first, 1), (first, 2), (second, 2)]


# --- refunds ----------------------------------------------------------------------------------------------------------


def paid(version: int, *refunds: Json | None, line: Json | None = None, **fields: Any) -> Json:
    """An order with a line of 10.00 and one payment per refund given, the first called p0."""
    payments = [payment(f"p{n}", 10.0, refund=one) for n, one in enumerate(refunds)]
    return order("o", [check("c", [line or selection("a"), selection("b")], payments, **fields)], version)


def by_line(transaction: str, amount: float = 4.0) -> Json:
    return selection("a", refundDetails=refund_details(transaction, amount))


def test_a_refund_that_a_later_one_replaced_is_retained(warehouse: DuckDBWarehouse) -> None:
    """The API shows a payment's latest refund alone: T1, seen before, stays as it was when T2 takes its place."""
    land(warehouse, [paid(0, refund("T1", 5.0, 20260305))])
    land(warehouse, [paid(1, refund("T2", 3.0, 20260306))])

    assert stored(warehouse, "fact_refunds", *REFUND) == [
        ("p0", "T1", money("5"), money("5"), False, True, False),
        ("p0", "T2", money("3"), money("3"), False, True, False),
    ]
    assert {day: row[-1] for day, row in sales(warehouse).items()} == {
        DAY: money("0"),
        date(2026, 3, 5): money("5"),
        date(2026, 3, 6): money("3"),
    }


def test_a_refund_that_is_gone_altogether_is_flagged(warehouse: DuckDBWarehouse) -> None:
    """Where the payment shows no refund any more, none counts."""
    land(warehouse, [paid(0, refund("T1", 5.0))])
    land(warehouse, [paid(1, None)])

    assert stored(warehouse, "fact_refunds", *REFUND) == [("p0", "T1", money("5"), money("5"), False, True, True)]
    assert sales(warehouse)[DAY][-1] == money("0")


def test_a_refund_known_only_from_its_lines_is_inferred(warehouse: DuckDBWarehouse) -> None:
    """T1 was never seen on a payment, but a line still names it: put together from the line, on the day of T2."""
    land(warehouse, [paid(0, refund("T2", 3.0, 20260306), line=by_line("T1"))])

    assert stored(warehouse, "fact_refunds", "refund_business_date", *REFUND) == [
        (date(2026, 3, 6), "p0", "T1", money("4"), money("4"), True, True, False),
        (date(2026, 3, 6), "p0", "T2", money("3"), money("3"), False, True, False),
    ]


def test_a_real_refund_is_never_replaced_by_an_inferred_one(warehouse: DuckDBWarehouse) -> None:
    """T1 seen on the payment, with its day and its unnamed part, stays so when later only its line names it."""
    land(warehouse, [paid(0, refund("T1", 5.0, 20260305), line=by_line("T1"))])
    for version in (1, 2):
        land(warehouse, [paid(version, refund("T2", 3.0, 20260306), line=by_line("T1"))])

    assert stored(warehouse, "fact_refunds", "refund_business_date", *REFUND) == [
        (date(2026, 3, 5), "p0", "T1", money("5"), money("5"), False, True, False),
        (date(2026, 3, 6), "p0", "T2", money("3"), money("3"), False, True, False),
    ]


def test_retained_refunds_stop_counting_with_their_order(warehouse: DuckDBWarehouse) -> None:
    """A voided order gives nothing back that net sales would lose; the days of its refunds are changed days."""
    land(warehouse, [paid(0, refund("T1", 5.0, 20260305))])
    land(warehouse, [paid(1, refund("T2", 3.0, 20260306))])
    changes = land(warehouse, [changed(paid(2, refund("T2", 3.0, 20260306)), voided=True)])

    assert stored(warehouse, "fact_refunds", "refund_transaction_guid", "is_counted", "is_deleted") == [
        ("T1", False, False),
        ("T2", False, False),
    ]
    assert [row[-1] for row in sales(warehouse).values()] == [money("0")]
    assert {day for _, day in changes.days} == {DAY, date(2026, 3, 5), date(2026, 3, 6)}


@pytest.mark.parametrize("flag", ["voided", "deleted"])
def test_retained_refunds_stop_counting_with_their_check(warehouse: DuckDBWarehouse, flag: str) -> None:
    """T2, which the API shows, stops counting when the check is voided; so does T1, which it showed before."""
    land(warehouse, [paid(0, refund("T1", 5.0, 20260305))])
    land(warehouse, [paid(1, refund("T2", 3.0, 20260306))])
    own = paid(2, refund("T2", 3.0, 20260306))
    own["checks"][0][flag] = True
    land(warehouse, [own])

    assert {row[-1] for row in sales(warehouse).values()} == {money("0")}


def test_an_inferred_refund_is_counted_once(warehouse: DuckDBWarehouse) -> None:
    """T1 is known from its line alone, and was put down to p1; when p0 is refunded too it may be put down to p0, but never to both."""
    land(warehouse, [paid(0, None, refund("T2", 3.0), line=by_line("T1"))])
    land(warehouse, [paid(1, refund("T3", 2.0), refund("T2", 3.0), line=by_line("T1"))])

    found = stored(warehouse, "fact_refunds", "refund_transaction_guid", "net_amount", where="is_counted AND NOT is_deleted")
    assert found == [("T1", money("4")), ("T2", money("3")), ("T3", money("2"))]


def test_an_inferred_refund_gives_way_to_the_real_one(warehouse: DuckDBWarehouse) -> None:
    """T1 was known from its line alone; when a payment shows it, only what the payment shows counts."""
    land(warehouse, [paid(0, None, refund("T2", 3.0), line=by_line("T1"))])
    land(warehouse, [paid(1, refund("T1", 5.0), refund("T2", 3.0), line=by_line("T1"))])

    found = stored(warehouse, "fact_refunds", "refund_transaction_guid", "net_amount", where="is_counted AND NOT is_deleted")
    assert found == [("T1", money("5")), ("T2", money("3"))]
