"""The books of sales and of the close against the world's own JSON, added up here by the definitions and with no code of the world."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from restaurant_os.simulator.books import Postings, Sums, close, sales
from restaurant_os.simulator.catalog import DISCOUNT_KINDS, fit_out
from restaurant_os.simulator.scenes import PLAYS, SCENES, Scene
from restaurant_os.simulator.story import Author, DayFacts
from restaurant_os.simulator.world import World
from simulator_reading import CENT, ZERO, Json, cents, counts, is_kept, is_sales_charge, orders_at

COUNTS = ("orders", "checks", "guests")
TENDERS = {"CASH": "cash", "CREDIT": "credit", "GIFTCARD": "gift_card", "HOUSE_ACCOUNT": "house_account"}
FAILED = ("DENIED", "ERROR", "CANCELLED", "VOIDED")
COMPS = ("Full Comp", "Manager Discount")
Days = defaultdict[int, defaultdict[str, Decimal]]


@pytest.fixture(scope="module")
def pair() -> World:
    return World(seed=23, locations=2, days=3, last_day=date(2026, 3, 9))


@pytest.fixture(scope="module")
def group() -> World:
    return World(seed=7, locations=13, days=7, last_day=date(2026, 3, 10))


# --- a second opinion -----------------------------------------------------------------------------------------------------


def days_of(world: World, restaurant_guid: str, at: datetime) -> Days:
    """Every figure of both books by business date, as the JSON tells it."""
    days: Days = defaultdict(lambda: defaultdict(lambda: ZERO))
    for order in orders_at(world, restaurant_guid, at):
        if order["createdInTestMode"] or order["deleted"]:
            continue
        day = days[order["businessDate"]]
        standing = [check for check in order["checks"] if not check["deleted"]]
        for line in (line for check in standing for line in check["selections"]):
            day["voids"] += cents(line["preDiscountPrice"]) if line["voided"] else 0
        if order["voided"]:
            continue
        day["orders"] += 1
        if order["numberOfGuests"] is not None:
            day["guests"] += order["numberOfGuests"]
            day["guests_known"] += 1
        for check in filter(counts, standing):
            day["checks"] += 1
            read_check(order, check, day)
            read_payments(order, check, days)
            read_refunds(order, check, days)
    return days


def read_check(order: Json, check: Json, day: defaultdict[str, Decimal]) -> None:
    day["tax"] += cents(check["taxAmount"])
    for line in check["selections"]:
        if is_kept(line, order):
            day["item_gross"] += cents(line["preDiscountPrice"])
            day["discounts"] += cents(line["preDiscountPrice"]) - cents(line["price"])
            day["comps"] += comps_in(line)
        elif not line["voided"]:
            day[set_aside(line)] += cents(line["price"])
    day["comps"] += comps_in(check)
    for charge in check["appliedServiceCharges"]:
        kind = "charges" if is_sales_charge(charge) else "gratuity" if charge["gratuity"] else "other_charges"
        day[kind] += cents(charge["chargeAmount"])
    for thing in (*check["selections"], *check["appliedServiceCharges"]):
        day["marketplace_tax"] += sum(cents(tax["taxAmount"]) for tax in thing["appliedTaxes"] if tax["facilitatorCollectAndRemitTax"])


def comps_in(thing: Json) -> Decimal:
    taken = [d for d in thing["appliedDiscounts"] if d["name"] in COMPS and d["processingState"] != "VOID"]
    return sum((cents(d["discountAmount"] if d["nonTaxDiscountAmount"] is None else d["nonTaxDiscountAmount"]) for d in taken), ZERO)


def set_aside(line: Json) -> str:
    if line["selectionType"] == "HOUSE_ACCOUNT_PAY_BALANCE":
        return "house_account_payments"
    return "deferred_sales" if line["deferred"] else "gift_card_sales"


def read_payments(order: Json, check: Json, days: Days) -> None:
    standing = [p for p in check["payments"] if not p["voidInfo"] and p["paymentStatus"] not in FAILED]
    own = days[order["businessDate"]]
    for payment in standing:
        paid = cents(payment["amount"]) + cents(payment["tipAmount"])
        own["tips"] += cents(payment["tipAmount"])
        days[payment["paidBusinessDate"]][TENDERS.get(payment["type"], "other")] += paid
        if payment["paidBusinessDate"] != order["businessDate"]:
            days[payment["paidBusinessDate"]]["prepayments_received"] += paid
            own["prepayments_applied"] += paid
    if check["paymentStatus"] == "OPEN":
        gratuity = sum(cents(c["chargeAmount"]) for c in check["appliedServiceCharges"] if c["gratuity"])
        own["unpaid"] += cents(check["totalAmount"]) + gratuity - sum(cents(p["amount"]) for p in standing)


def read_refunds(order: Json, check: Json, days: Days) -> None:
    """A refund that a later one of its payment replaced shows in its lines alone, and shares the later one's date."""
    parts = [(line["refundDetails"], is_kept(line, order)) for line in check["selections"] if line["refundDetails"]]
    parts += [(c["refundDetails"], is_sales_charge(c)) for c in check["appliedServiceCharges"] if c["refundDetails"]]
    refunds = {p["refund"]["refundTransaction"]["guid"]: p["refund"] for p in check["payments"] if p["refund"]}
    left = {guid: cents(refund["refundAmount"]) for guid, refund in refunds.items()}
    for part, is_sale in parts:
        guid = part["refundTransaction"]["guid"]
        day = days[(refunds.get(guid) or next(iter(refunds.values())))["refundBusinessDate"]]
        amount, tax = cents(part["refundAmount"]), cents(part["taxRefundAmount"])
        day["refunds" if is_sale else "deferred_refunds"] += amount
        day["refunded_tax"] += tax
        if guid in left:
            left[guid] -= amount + tax
        else:
            day["refunds_paid"] += amount + tax
    for guid, refund in refunds.items():
        day = days[refund["refundBusinessDate"]]
        day["refunds"] += left[guid]
        day["refunds_paid"] += cents(refund["refundAmount"]) + cents(refund["tipRefundAmount"])
        day["tips"] -= cents(refund["tipRefundAmount"])


def rows_of(world: World, at: datetime, books: list[Json]) -> Iterator[Json]:
    """The rows of `books` as the JSON tells them."""
    days = {restaurant.guid: days_of(world, restaurant.guid, at) for restaurant in world.restaurants}
    for row in books:
        day = days[row["restaurant_guid"]][int(row["business_date"].replace("-", ""))]
        day["gross_sales"] = day["item_gross"] + day["charges"]
        day["net_sales"] = day["gross_sales"] - day["discounts"] - day["refunds"]
        told: Json = {name: row[name] for name in ("restaurant_guid", "business_date")}
        for name in list(row)[2:]:
            told[name] = int(day[name]) if name in COUNTS else str(day[name].quantize(CENT))
        if "guests" in told and not day["guests_known"]:
            told["guests"] = None
        yield told


# --- what the books say ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-31.0, -9.1, 0.0, 75.5, 170.0])
def test_both_books_equal_the_json_at_any_instant(pair: World, hours: float) -> None:
    """In the middle of service, at the end of history, and after late edits: every column of every row, to the cent."""
    at = pair.history_end + timedelta(hours=hours)
    sales, close_rows = pair.sales_books(at), pair.close_books(at)

    assert sales == list(rows_of(pair, at, sales))
    assert close_rows == list(rows_of(pair, at, [{**row, "difference": "0.00"} for row in close_rows]))


def test_no_day_with_anything_on_it_is_left_out(pair: World) -> None:
    at = pair.history_end + timedelta(hours=75)
    shown = {(row["restaurant_guid"], row["business_date"]) for row in pair.close_books(at)}
    for restaurant in pair.restaurants:
        for number, day in days_of(pair, restaurant.guid, at).items():
            text = date(number // 10_000, number // 100 % 100, number % 100).isoformat()
            assert ((restaurant.guid, text) in shown) == any(day.values())


def test_the_short_books_are_part_of_the_long_ones(group: World) -> None:
    """What both name is the same, and rows are ordered by restaurant guid and date."""
    long_rows = group.sales_books(group.history_end)
    keys = [(str(row["restaurant_guid"]), str(row["business_date"])) for row in long_rows]
    by_key = dict(zip(keys, long_rows, strict=True))

    assert keys == sorted(keys)
    for row in group.books(group.history_end):
        of_same = by_key[str(row["restaurant_guid"]), str(row["business_date"])]
        assert {name: of_same[name] for name in row} == row


def test_sales_hold_together(group: World) -> None:
    """gross - discounts - refunds = net; comps are discounts; what is given back holds its tax."""
    rows = group.sales_books(group.history_end)
    for row in rows:
        money = {name: Decimal(str(value)) for name, value in list(row.items())[5:]}
        assert money["gross_sales"] - money["discounts"] - money["refunds"] == money["net_sales"]
        assert ZERO <= money["comps"] <= money["discounts"]
        assert money["refunds_paid"] >= money["refunds"] + money["refunded_tax"]
        assert money["gross_sales"] >= money["item_gross"]
    assert any(Decimal(str(row["comps"])) for row in rows)
    assert any(Decimal(str(row["voids"])) for row in rows)


@pytest.mark.parametrize("hours", [-14.0, 0.0, 80.0])
def test_every_day_of_the_group_ties(group: World, hours: float) -> None:
    """What was owed is what was paid, on every business date of every restaurant, in service, at the end, and after late edits."""
    rows = group.close_books(group.history_end + timedelta(hours=hours))
    used = [name for name in list(rows[0])[2:] if any(Decimal(str(row[name])) for row in rows)]

    assert {row["difference"] for row in rows} == {"0.00"}
    assert set(rows[0]) - set(used) == {"restaurant_guid", "business_date", "difference"}


@pytest.mark.parametrize("scene", [*SCENES, Scene("plain", 1, PLAYS["plain"])], ids=lambda scene: scene.name)
def test_a_scene_ties_at_every_instant(scene: Scene) -> None:
    shop = fit_out(5, World(seed=5, locations=1, days=1, last_day=date(2026, 3, 14)).restaurants[0])
    ordinal, dish = date(2026, 3, 14).toordinal(), shop.menu.options[0][0]
    opens, closes = shop.calendar.opens(ordinal), shop.calendar.closes(ordinal)
    facts = DayFacts(ordinal, opens, closes, shop.calendar.at(ordinal, 12), dish, 1_000, None)
    for seed in range(15):
        postings = Postings(opens, ordinal)
        author = Author(shop, facts, 1, opens + seed * (closes - opens) // 17, seed, postings)
        scene.play(author)

        for instant in sorted({time for story in author.stories for time in story.times}):
            for day, row in postings.until(instant).items():
                shown = close(Sums(*row))
                assert shown is None or shown["difference"] == "0.00", (seed, instant, day, shown)


def test_one_day_alone_and_the_past(pair: World) -> None:
    """Asked for one date, the books give its rows; asked for an earlier instant, what was known then."""
    at = pair.history_end + timedelta(hours=30)
    for books in (pair.sales_books, pair.close_books):
        every = books(at)
        assert books(at, pair.first_day) == [row for row in every if row["business_date"] == pair.first_day.isoformat()]
        assert books(pair.history_end - timedelta(days=30)) == []


def test_guests_are_unknown_where_no_order_says() -> None:
    postings = Postings(0, 10)
    postings.post(1, {}, {10: Sums(orders=1, gross=500, guests=0, guests_known=0), 11: Sums(orders=1, guests=0, guests_known=1)})
    unknown, none = (sales(Sums(*row)) for row in postings.until(1).values())
    assert unknown is not None
    assert none is not None
    assert (unknown["guests"], none["guests"]) == (None, 0)


def test_every_discount_has_a_kind() -> None:
    """The names that docs/simulator.md gives, so that settings can be written from them."""
    shop = fit_out(5, World(seed=5, locations=1, days=1, last_day=date(2026, 3, 14)).restaurants[0])
    names = [name for kind in DISCOUNT_KINDS.values() for name in kind]

    assert sorted(names) == sorted(promotion.name for promotion in shop.promotions.values())
    assert set(DISCOUNT_KINDS["comp"]) == set(COMPS)
