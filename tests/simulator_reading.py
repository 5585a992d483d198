"""The world's JSON read back with exact money, and the design's definitions applied to it: a second opinion, with no code of the world."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from restaurant_os.simulator.world import World

Json = dict[str, Any]
CENT = Decimal("0.01")
ZERO = Decimal(0)
NOT_SALES = {"TOAST_CARD_SELL", "TOAST_CARD_RELOAD", "HOUSE_ACCOUNT_PAY_BALANCE"}
NOT_SALES_CHARGES = {"FUNDRAISING_CAMPAIGN", "CREDIT_CARD_SURCHARGE", "CASH_ROUNDING"}
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def read(body: bytes) -> Json:
    return _decoder.decode(body)  # type: ignore[no-any-return]


def cents(value: Decimal | int) -> Decimal:
    """To the cent; what lies beyond the 12th decimal is an artefact of floats, anything more is a fault."""
    exact = Decimal(value).quantize(CENT, ROUND_HALF_EVEN)
    assert abs(exact - value) < Decimal("1e-12"), value
    return exact


def days_seen(world: World, at: datetime) -> Iterator[date]:
    """Every business date an order may carry at `at`, promised ones too."""
    day = world.first_day
    while day <= at.date() + timedelta(days=16):
        yield day
        day += timedelta(days=1)


def orders_at(world: World, restaurant_guid: str, at: datetime) -> list[Json]:
    return [read(version.body) for day in days_seen(world, at) for version in world.by_business_date(restaurant_guid, day, at)]


def counts(thing: Json) -> bool:
    return not (thing["voided"] or thing["deleted"])


def is_kept(line: Json, order: Json) -> bool:
    if line["voided"] or line["deferred"] or order["excessFood"]:
        return False
    return line["selectionType"] not in NOT_SALES and line["displayName"] != "Gift Card"


def is_sales_charge(charge: Json) -> bool:
    return not charge["gratuity"] and charge["serviceChargeCategory"] not in NOT_SALES_CHARGES


class Day:
    def __init__(self) -> None:
        self.orders = 0
        self.gross = self.discounts = self.tax = self.tips = self.refunds = ZERO

    def row(self, restaurant_guid: str, business_date: int) -> Json:
        text = str(business_date)
        money = {"gross_sales": self.gross, "discounts": self.discounts, "net_sales": self.gross - self.discounts - self.refunds}
        money |= {"tax": self.tax, "tips": self.tips, "refunds": self.refunds}
        row: Json = {"restaurant_guid": restaurant_guid, "business_date": f"{text[:4]}-{text[4:6]}-{text[6:]}", "orders": self.orders}
        return row | {name: str(amount.quantize(CENT)) for name, amount in money.items()}

    @property
    def is_nothing(self) -> bool:
        return not any((self.orders, self.gross, self.discounts, self.tax, self.tips, self.refunds))


def books_of(world: World, at: datetime) -> list[Json]:
    """The books as the JSON tells them."""
    rows = []
    for restaurant in world.restaurants:
        days: defaultdict[int, Day] = defaultdict(Day)
        for order in orders_at(world, restaurant.guid, at):
            if counts(order) and not order["createdInTestMode"]:
                days[order["businessDate"]].orders += 1
                for check in filter(counts, order["checks"]):
                    _read_sales(order, check, days[order["businessDate"]])
                    _read_refunds(order, check, days)
        rows += [days[number].row(restaurant.guid, number) for number in sorted(days) if not days[number].is_nothing]
    return rows


def _read_sales(order: Json, check: Json, day: Day) -> None:
    for line in check["selections"]:
        if is_kept(line, order):
            day.gross += cents(line["preDiscountPrice"])
            day.discounts += cents(line["preDiscountPrice"]) - cents(line["price"])
    day.gross += sum(cents(c["chargeAmount"]) for c in check["appliedServiceCharges"] if is_sales_charge(c))
    day.tax += cents(check["taxAmount"])
    day.tips += sum(cents(p["tipAmount"]) for p in check["payments"] if not p["voidInfo"] and p["paymentStatus"] != "VOIDED")


def _read_refunds(order: Json, check: Json, days: defaultdict[int, Day]) -> None:
    """Join details to refunds by transaction. A first refund that a second replaced is dated like the second: they share a day."""
    parts = [(line["refundDetails"], is_kept(line, order)) for line in check["selections"] if line["refundDetails"]]
    parts += [(c["refundDetails"], is_sales_charge(c)) for c in check["appliedServiceCharges"] if c["refundDetails"]]
    refunds = [payment["refund"] for payment in check["payments"] if payment["refund"]]
    dates = {refund["refundTransaction"]["guid"]: refund["refundBusinessDate"] for refund in refunds}
    allocated: defaultdict[str, Decimal] = defaultdict(Decimal)
    for part, is_sale in parts:
        transaction = part["refundTransaction"]["guid"]
        if transaction not in dates:
            assert len(dates) == 1, "a replaced refund can be dated only by the one that replaced it"
        allocated[transaction] += cents(part["refundAmount"]) + cents(part["taxRefundAmount"])
        if is_sale:
            days[dates.get(transaction) or next(iter(dates.values()))].refunds += cents(part["refundAmount"])
    for refund in refunds:
        day = days[refund["refundBusinessDate"]]
        day.refunds += cents(refund["refundAmount"]) - allocated[refund["refundTransaction"]["guid"]]
        day.tips -= cents(refund["tipRefundAmount"])
