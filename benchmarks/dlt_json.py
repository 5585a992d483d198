"""dlt's own JSON path, as an ordinary user writes it: pages parsed with dlt's json (orjson), our rules over plain dicts, rows as
dicts, money as Decimal, columns hinted, merged on their keys, loaded as Parquet.

The rules are those of `restaurant_os.sources.toast.flatten`, written a second time: the totals must come out the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from dlt.common import json

from benchmarks import dlt_common
from benchmarks.pages import READ_AT, Pages
from restaurant_os.businessday import BusinessDay
from restaurant_os.tables import ORDER_TABLES

Json = dict[str, Any]
ZERO = Decimal(0)
NOT_SALES = {"TOAST_CARD_SELL", "TOAST_CARD_RELOAD", "HOUSE_ACCOUNT_PAY_BALANCE"}
NOT_SALE_CHARGES = {"CREDIT_CARD_SURCHARGE", "FUNDRAISING_CAMPAIGN", "CASH_ROUNDING"}


def load(pages: Pages, folder: Path) -> Path:
    """Pages -> merged tables in a DuckDB file; gives the file."""
    rows: dict[str, list[Json]] = {spec.name: [] for spec in ORDER_TABLES}
    for shop in pages.shops:
        for page in shop.pages:
            for order in json.loadb(page):
                OrderRows(rows, order, shop.location.toast_guid, shop.location.business_day).add()
    return dlt_common.run(dlt_common.resources({name: [found] for name, found in rows.items()}, hinted=True), folder, "dlt_json")


def money(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.4f}")  # some amounts come as 10.290000000000001


def cash(value: float | None) -> Decimal:
    return Decimal(f"{value:.4f}") if value else ZERO


def guid(ref: Json | None) -> str | None:
    return ref["guid"] if ref else None


@lru_cache(maxsize=1000)
def day(value: int | None) -> date | None:
    return date(value // 10000, value // 100 % 100, value % 100) if value else None


@lru_cache(maxsize=1000)
def bounds(rule: BusinessDay, on: date) -> tuple[datetime, datetime]:
    return rule.bounds(on)


def is_void(payment: Json) -> bool:
    return payment.get("voidInfo") is not None or payment.get("paymentStatus") == "VOIDED"


def is_money(payment: Json) -> bool:
    return not is_void(payment) and payment.get("paymentStatus") not in ("DENIED", "CANCELLED", "ERROR", "ERROR_NETWORK")


def is_sale_line(line: Json) -> bool:
    return not (line["voided"] or line["deferred"] or line["selectionType"] in NOT_SALES or line["displayName"] == "Gift Card")


def marketplace_tax(check: Json) -> Decimal:
    parts = [line for line in check["selections"] or () if not line["voided"]] + (check["appliedServiceCharges"] or [])
    taxes = (tax for part in parts for tax in part["appliedTaxes"] or ())
    return sum((cash(tax["taxAmount"]) for tax in taxes if tax["facilitatorCollectAndRemitTax"]), ZERO)


def is_sale_charge(charge: Json) -> bool:
    return not charge["gratuity"] and charge["serviceChargeCategory"] not in NOT_SALE_CHARGES


def kind(discount: Json) -> str:
    if discount.get("loyaltyDetails"):
        return "loyalty"
    return "promo" if discount.get("appliedPromoCode") else "other"


@dataclass(slots=True)
class OrderRows:
    """The rows of one order, added to `rows`."""

    rows: dict[str, list[Json]]
    order: Json
    restaurant: str
    rule: BusinessDay
    own: Json = field(init=False)
    counts: bool = field(init=False)

    def add(self) -> None:
        order = self.order
        self.counts = not (order["voided"] or order["deleted"] or order["createdInTestMode"])
        self.own = {
            "order_guid": order["guid"],
            "restaurant_guid": self.restaurant,
            "business_date": day(order["businessDate"]),
            "modified_at": order["modifiedDate"],
        }
        self.rows["fact_orders"].append(
            self.own
            | {
                "created_at": order["createdDate"] or order["openedDate"],
                "opened_at": order["openedDate"],
                "closed_at": order["closedDate"],
                "promised_at": order["promisedDate"],
                "paid_at": order["paidDate"],
                "void_business_date": day(order["voidBusinessDate"]),
                "order_source": order["source"],
                "dining_option_guid": guid(order["diningOption"]),
                "revenue_center_guid": guid(order["revenueCenter"]),
                "server_guid": guid(order["server"]),
                "table_guid": guid(order["table"]),
                "service_area_guid": guid(order["serviceArea"]),
                "display_number": order["displayNumber"],
                "guest_count": order["numberOfGuests"],
                "approval_status": order["approvalStatus"],
                "is_voided": bool(order["voided"]),
                "is_deleted": bool(order["deleted"]),
                "is_test_mode": bool(order["createdInTestMode"]),
                "is_excess_food": bool(order["excessFood"]),
                "is_counted": self.counts,
                "read_at": READ_AT,
            }
        )
        for check in order["checks"]:
            self._check(check)
        self._refunds()

    def _check(self, check: Json) -> None:
        order, server = self.order, guid(self.order["server"])
        voided = bool(check["voided"] or order["voided"])
        deleted = bool(check["deleted"] or order["deleted"])
        counts = self.counts and not voided and not deleted
        own = self.own | {"check_guid": check["guid"], "is_deleted": deleted}
        paid = [p for p in check["payments"] or () if is_money(p)]
        tips = sum((cash(p["tipAmount"]) for p in paid), ZERO)
        kinds = "+".join(sorted({p["type"] or "UNKNOWN" for p in paid})) or None
        opened = check["openedDate"] or order["openedDate"]

        for payment in check["payments"] or ():
            self.rows["fact_payments"].append(own | self._payment(payment, counts))

        charges = gratuity = ZERO
        for charge in check["appliedServiceCharges"] or ():
            amount = cash(charge["chargeAmount"])
            gratuity += amount if charge["gratuity"] else ZERO
            charges += ZERO if charge["gratuity"] else amount
            self.rows["fact_service_charges"].append(
                own
                | {
                    "charge_guid": charge["guid"],
                    "service_charge_guid": guid(charge["serviceCharge"]),
                    "charge_name": charge["name"],
                    "charge_amount": money(charge["chargeAmount"]),
                    "tax_amount": sum((cash(t["taxAmount"]) for t in charge["appliedTaxes"] or ()), ZERO),
                    "charge_type": charge["chargeType"],
                    "category": charge["serviceChargeCategory"],
                    "is_gratuity": bool(charge["gratuity"]),
                    "is_sale": counts and is_sale_charge(charge),
                    "is_voided": voided,
                    "is_counted": counts,
                }
            )

        lines_total = ZERO
        moment = order["promisedDate"] or opened
        hour = self._hour(moment)
        for line in check["selections"] or ():
            line_voided = voided or bool(line["voided"])
            sale = counts and not order["excessFood"] and is_sale_line(line)
            price = cash(line["price"])
            lines_total += ZERO if line["voided"] else price
            self.rows["fact_order_items"].append(
                own
                | {
                    "selection_guid": line["guid"],
                    "menu_item_guid": guid(line["item"]),
                    "server_guid": server,
                    "menu_item_name": line["displayName"],
                    "sales_category_name": None,
                    "item_quantity": line["quantity"],
                    "item_price": money(line["price"]),
                    "pre_discount_price": money(line["preDiscountPrice"]),
                    "discount_amount": cash(line["preDiscountPrice"]) - price,
                    "tax_amount": money(line["tax"]),
                    "check_total": money(check["totalAmount"]),
                    "check_tax": money(check["taxAmount"]),
                    "check_tip": tips,
                    "payment_type": kinds,
                    "is_voided": line_voided,
                    "opened_at": opened,
                    "business_hour": hour,
                    "menu_group_guid": guid(line["itemGroup"]),
                    "sales_category_guid": guid(line["salesCategory"]),
                    "dining_option_guid": guid(line["diningOption"]) or guid(order["diningOption"]),
                    "revenue_center_guid": guid(order["revenueCenter"]),
                    "order_source": order["source"],
                    "selection_type": line["selectionType"],
                    "is_deferred": bool(line["deferred"]),
                    "void_reason_guid": guid(line["voidReason"]),
                    "net_amount": price if sale else ZERO,
                    "is_sale": sale,
                }
            )
            self._discounts(own, line["appliedDiscounts"], line["guid"], line_voided, counts)
            self._modifiers(own, line["modifiers"], line["guid"], line["guid"], 1, line_voided, counts)

        self._discounts(own, check["appliedDiscounts"], "", voided, counts)
        discounts = (cash(d["discountAmount"]) for d in check["appliedDiscounts"] or () if d["processingState"] != "VOID")
        self.rows["fact_checks"].append(
            own
            | {
                "display_number": check["displayNumber"],
                "opened_at": opened,
                "closed_at": check["closedDate"],
                "paid_at": check["paidDate"],
                "payment_status": check["paymentStatus"],
                "opened_by_guid": guid(check["openedBy"]),
                "amount": money(check["amount"]),
                "tax_amount": money(check["taxAmount"]),
                "total_amount": money(check["totalAmount"]),
                "discount_amount": sum(discounts, ZERO),
                "service_charge_amount": charges,
                "gratuity_amount": gratuity,
                "tip_amount": tips,
                "amount_gap": None if voided else cash(check["amount"]) - lines_total - charges,
                "marketplace_tax": marketplace_tax(check),
                "business_hour": hour,
                "is_tax_exempt": bool(check["taxExempt"]),
                "is_voided": voided,
                "is_counted": counts,
            }
        )

    def _hour(self, moment: str) -> int | None:
        first, last = bounds(self.rule, self.own["business_date"])
        at = datetime.fromisoformat(moment)
        return int((at - first).total_seconds() // 3600) if first <= at < last else None

    def _payment(self, payment: Json, counts: bool) -> Json:
        return {
            "payment_guid": payment["guid"],
            "payment_type": payment["type"],
            "amount": money(payment["amount"]),
            "tip_amount": money(payment["tipAmount"]),
            "amount_tendered": money(payment["amountTendered"]),
            "card_type": payment["cardType"],
            "card_entry_mode": payment["cardEntryMode"],
            "payment_status": payment["paymentStatus"],
            "refund_status": payment["refundStatus"],
            "processing_fee": money(payment["originalProcessingFee"]),
            "paid_at": payment["paidDate"],
            "paid_business_date": day(payment["paidBusinessDate"]),
            "void_business_date": day((payment["voidInfo"] or {}).get("voidBusinessDate")),
            "server_guid": guid(payment["server"]),
            "cash_drawer_guid": guid(payment["cashDrawer"]),
            "house_account_guid": guid(payment["houseAccount"]),
            "other_payment_guid": guid(payment["otherPayment"]),
            "is_voided": is_void(payment),
            "is_counted": counts and is_money(payment),
        }

    def _modifiers(self, own: Json, modifiers: list[Json] | None, root: str, parent: str, depth: int, voided: bool, counts: bool) -> None:
        for modifier in modifiers or ():
            void = voided or bool(modifier["voided"])
            self.rows["fact_order_modifiers"].append(
                own
                | {
                    "selection_guid": modifier["guid"],
                    "parent_selection_guid": parent,
                    "root_selection_guid": root,
                    "depth": depth,
                    "menu_item_guid": guid(modifier["item"]),
                    "option_group_guid": guid(modifier["optionGroup"]),
                    "modifier_name": modifier["displayName"],
                    "quantity": modifier["quantity"],
                    "price": money(modifier["price"]),
                    "pre_discount_price": money(modifier["preDiscountPrice"]),
                    "is_voided": void,
                }
            )
            self._discounts(own, modifier["appliedDiscounts"], modifier["guid"], void, counts)
            self._modifiers(own, modifier["modifiers"], root, modifier["guid"], depth + 1, void, counts)

    def _discounts(self, own: Json, discounts: list[Json] | None, selection: str, voided: bool, counts: bool) -> None:
        for discount in discounts or ():
            if discount["processingState"] == "VOID":
                continue
            self.rows["fact_order_discounts"].append(
                own
                | {
                    "selection_guid": selection,
                    "applied_discount_guid": discount["guid"],
                    "discount_guid": guid(discount["discount"]),
                    "discount_name": discount["name"],
                    "kind": kind(discount),
                    "discount_type": discount["discountType"],
                    "discount_amount": money(discount["discountAmount"]),
                    "non_tax_amount": money(discount["nonTaxDiscountAmount"]),
                    "reason": (discount["appliedDiscountReason"] or {}).get("name"),
                    "approver_guid": guid(discount["approver"]),
                    "server_guid": guid(self.order["server"]),
                    "is_voided": voided,
                    "is_counted": counts,
                }
            )

    # --- refunds: one per payment as it shows, and the earlier ones that only lines still know -------------------------

    def _refunds(self) -> None:
        refunded = [(check, payment) for check in self.order["checks"] for payment in check["payments"] or () if payment["refund"]]
        if not refunded:
            return
        parts = self._parts()
        for check, payment in refunded:
            refund = payment["refund"]
            transaction = guid(refund["refundTransaction"]) or ""
            item, charge, other, tax = parts.pop(transaction, [ZERO] * 4)
            amount = cash(refund["refundAmount"])
            self._refund(check, payment, transaction, (amount, item, charge, other, tax, cash(refund["tipRefundAmount"])), inferred=False)
        for transaction, (item, charge, other, tax) in parts.items():
            check, payment = refunded[0]
            self._refund(check, payment, transaction, (item + charge + other + tax, item, charge, other, tax, ZERO), inferred=True)

    def _parts(self) -> dict[str, list[Decimal]]:
        parts: dict[str, list[Decimal]] = {}
        for details, place in self._details():
            found = parts.setdefault(guid(details["refundTransaction"]) or "", [ZERO] * 4)
            found[place] += cash(details["refundAmount"])
            found[3] += cash(details["taxRefundAmount"])
        return parts

    def _details(self) -> Iterator[tuple[Json, int]]:
        for check in self.order["checks"]:
            counts = self.counts and not (check["voided"] or check["deleted"])
            for line in check["selections"] or ():
                if line["refundDetails"]:
                    yield line["refundDetails"], 0 if counts and not self.order["excessFood"] and is_sale_line(line) else 2
            for charge in check["appliedServiceCharges"] or ():
                if charge["refundDetails"]:
                    yield charge["refundDetails"], 1 if counts and is_sale_charge(charge) else 2

    def _refund(self, check: Json, payment: Json, transaction: str, amounts: tuple[Decimal, ...], *, inferred: bool) -> None:
        total, item, charge, other, tax, tip = amounts
        unallocated = total - item - charge - other - tax
        counts = self.counts and not (check["voided"] or check["deleted"])
        self.rows["fact_refunds"].append(
            self.own
            | {
                "check_guid": check["guid"],
                "payment_guid": payment["guid"],
                "refund_transaction_guid": transaction,
                "refund_business_date": day(payment["refund"]["refundBusinessDate"]) or self.own["business_date"],
                "refunded_at": payment["refund"]["refundDate"],
                "payment_type": payment["type"],
                "refund_amount": total,
                "item_amount": item,
                "charge_amount": charge,
                "other_amount": other,
                "tax_amount": tax,
                "unallocated_amount": unallocated,
                "tip_amount": tip,
                "net_amount": item + charge + unallocated if counts else ZERO,
                "is_inferred": inferred,
                "is_deleted": bool(self.order["deleted"] or check["deleted"]),
                "is_counted": counts,
            }
        )
