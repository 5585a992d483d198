"""An order as the orders API shows it: one `Order` object as JSON, field names and forms by Toast's reference (orders 2.9).

Rendered without guests: `customer`, `deliveryInfo` and `curbsidePickupInfo` are null, as for a client without their scopes.
"""

from __future__ import annotations

from functools import cache
from math import inf, nextafter
from typing import Any

import msgspec

from restaurant_os.simulator.bill import Charge, Check, Discount, Line, Order, Payment, RefundPart, share_of
from restaurant_os.simulator.businessdays import SECOND, date_number, stamp
from restaurant_os.simulator.catalog import RATE_UNIT, TaxRate

_EPOCH = stamp(0)
_encoder = msgspec.json.Encoder()
Json = dict[str, Any]


def render(order: Order) -> bytes:
    return _encoder.encode(_order(order))


def _when(ms: int) -> str | None:
    return stamp(ms) if ms else None


def money(cents: int, blurred: bool = False) -> float:
    """Dollars; `blurred` as a careless sum of floats would leave them, off beyond the 12th decimal."""
    value = cents / 100
    return nextafter(value, inf) if blurred and 1 <= abs(value) < 500 else value


def _transaction(guid: str) -> Json:
    return {"guid": guid, "entityType": "RefundTransaction"}


@cache
def _device(number: str) -> msgspec.Raw:
    return msgspec.Raw(f'{{"id":"{number}"}}'.encode())


def _order(order: Order) -> Json:
    return {
        "guid": order.guid,
        "entityType": "Order",
        "externalId": order.external,
        "openedDate": stamp(order.opened),
        "modifiedDate": stamp(order.modified),
        "promisedDate": _when(order.promised),
        "channelGuid": None,
        "diningOption": order.dining,
        "checks": [_check(check, order) for check in order.checks],
        "table": order.table,
        "serviceArea": order.area,
        "restaurantService": order.service,
        "revenueCenter": order.revenue,
        "source": order.source,
        "duration": (order.closed - order.opened) // SECOND if order.closed else 0,
        "deliveryInfo": None,
        "requiredPrepTime": order.prep,
        "estimatedFulfillmentDate": _when(order.estimated),
        "numberOfGuests": order.guests,
        "voided": bool(order.voided),
        "voidDate": _when(order.voided),
        "voidBusinessDate": date_number(order.void_date) if order.void_date else None,
        "paidDate": _when(order.paid),
        "closedDate": _when(order.closed),
        "deletedDate": stamp(order.deleted),
        "deleted": bool(order.deleted),
        "businessDate": date_number(order.business),
        "server": order.server,
        "pricingFeatures": ["TAXESV2"],
        "approvalStatus": order.approval,
        "createdDevice": _device(order.device),
        "createdDate": stamp(order.created),
        "lastModifiedDevice": _device(order.last_device),
        "curbsidePickupInfo": None,
        "createdInTestMode": order.test,
        "appliedPackagingInfo": _packaging(order.packaging),
        "excessFood": order.excess,
        "displayNumber": order.number,
    }


def _packaging(guid: str | None) -> Json | None:
    if guid is None:
        return None
    item: Json = {"guid": guid, "entityType": "AppliedPackagingItem", "itemConfigId": guid, "inclusion": "NO"}
    item |= {"itemTypes": ["UTENSILS"], "guestDisplayName": "Utensils"}
    return {"guid": guid, "entityType": "AppliedPackagingInfo", "appliedPackagingItems": [item]}


def _check(check: Check, order: Order) -> Json:
    blurred = any(line.blurred for line in check.lines)
    amount, tax = check.amount, check.tax
    return {
        "guid": check.guid,
        "entityType": "Check",
        "externalId": None,
        "createdDate": stamp(check.created),
        "openedDate": stamp(check.opened),
        "closedDate": _when(check.closed),
        "modifiedDate": stamp(check.modified),
        "deletedDate": stamp(check.deleted),
        "deleted": bool(check.deleted),
        "selections": [_line(line, None, check.tax_exempt) for line in check.lines],
        "customer": None,
        "appliedLoyaltyInfo": None,
        "taxExempt": check.tax_exempt,
        "displayNumber": check.number,
        "appliedServiceCharges": [_charge(charge, check.tax_exempt) for charge in check.charges],
        "amount": money(amount, blurred),
        "taxAmount": money(tax),
        "totalAmount": money(amount + tax, blurred),
        "payments": [_payment(payment, check, order) for payment in check.payments],
        "tabName": check.tab,
        "paymentStatus": check.status,
        "appliedDiscounts": [_discount(discount, discount.amount) for discount in check.discounts],
        "voided": bool(check.voided),
        "voidDate": _when(check.voided),
        "voidBusinessDate": date_number(check.void_date) if check.void_date else None,
        "paidDate": _when(check.paid),
        "createdDevice": _device(check.device),
        "lastModifiedDevice": _device(order.last_device),
        "duration": (check.closed - check.opened) // SECOND if check.closed else 0,
        "openedBy": check.opened_by,
    }


def _line(line: Line, parent: Line | None, exempt: bool) -> Json:
    """A root selection, or with its parent a modifier: that is voided with it, and taxed in it."""
    top = parent or line
    tax_free = exempt or bool(parent or top.voided or line.free)
    return {
        "guid": line.guid,
        "entityType": "MenuItemSelection",
        "externalId": None,
        "item": line.item,
        "itemGroup": line.group,
        "optionGroup": line.option_group,
        "preModifier": line.pre_modifier,
        "quantity": line.quantity,
        "seatNumber": top.seat,
        "unitOfMeasure": line.unit,
        "selectionType": line.kind,
        "salesCategory": line.category,
        "appliedDiscounts": [_discount(d, d.cents if line.inclusive else d.amount) for d in line.discounts],
        "deferred": line.deferred,
        "preDiscountPrice": money(line.gross, line.blurred),
        "price": money(0 if top.free else line.net, line.blurred),
        "tax": money(line.tax),
        "voided": bool(top.voided),
        "voidDate": _when(top.voided),
        "voidBusinessDate": date_number(top.void_date) if top.void_date else None,
        "voidReason": top.void_reason,
        "refundDetails": _refund_details(line.refund),
        "displayName": line.name,
        "plu": line.plu,
        "premodifierPlu": None,
        "createdDate": stamp(line.created),
        "modifiedDate": stamp(top.modified),
        "modifiers": [_line(modifier, top, exempt) for modifier in line.modifiers],
        "fulfillmentStatus": top.status,
        "fulfillment": None,
        "taxInclusion": "INHERITED" if parent else "INCLUDED" if line.inclusive else "NOT_INCLUDED",
        "appliedTaxes": [] if tax_free else _taxes(line),
        "diningOption": top.dining,
        "receiptLinePrice": money(line.unit_price),
        "optionGroupPricingMode": line.mode,
        "splitOrigin": None,
    }


def _taxes(line: Line) -> list[Json]:
    if line.inclusive:  # one rate only
        return [_tax(tax, line.tax, line.guid) for tax in line.taxes]
    return [_tax(tax, share_of(line.net, tax.rate), line.guid) for tax in line.taxes]


def _tax(tax: TaxRate, amount: int, owner: str) -> Json:
    return {
        "guid": f"{owner[:-4]}{tax.rate & 0xFFFF:04x}",  # one of its own for each line and rate
        "entityType": "AppliedTaxRate",
        "taxRate": tax.ref,
        "name": tax.name,
        "rate": tax.rate / RATE_UNIT,
        "taxAmount": money(amount),
        "type": tax.kind,
        "facilitatorCollectAndRemitTax": tax.facilitator,
        "displayName": tax.name,
        "jurisdiction": None,
        "jurisdictionType": None,
    }


def _refund_details(part: RefundPart | None) -> Json | None:
    if part is None:
        return None
    return {
        "refundAmount": money(part.amount),
        "taxRefundAmount": money(part.tax),
        "refundTransaction": _transaction(part.transaction),
    }


def _discount(discount: Discount, amount: int) -> Json:
    reason = {"name": discount.reason, "description": None, "comment": "", "discountReason": None} if discount.reason else None
    loyalty = {"vendor": "TOAST", "referenceId": discount.guid} if discount.loyalty else None
    trigger = {"guid": discount.trigger, "entityType": "MenuItemSelection", "externalId": None}
    return {
        "guid": discount.guid,
        "entityType": "AppliedCustomDiscount",
        "externalId": None,
        "name": discount.name,
        "discountAmount": money(amount),
        "nonTaxDiscountAmount": money(discount.amount) if discount.non_tax_known else None,
        "discount": discount.ref,
        "triggers": [{"selection": trigger, "quantity": 1.0}] if discount.trigger else [],
        "approver": discount.approver,
        "processingState": discount.state,
        "appliedDiscountReason": reason,
        "loyaltyDetails": loyalty,
        "comboItems": [],
        "appliedPromoCode": discount.promo,
        "discountType": discount.kind,
        "discountPercent": float(discount.percent) if discount.percent else None,
    }


def _charge(charge: Charge, exempt: bool) -> Json:
    percent = charge.kind == "PERCENT"
    return {
        "guid": charge.guid,
        "entityType": "AppliedServiceCharge",
        "externalId": None,
        "chargeAmount": money(charge.amount),
        "serviceCharge": charge.ref,
        "chargeType": charge.kind,
        "name": charge.name,
        "delivery": charge.where == "delivery",
        "takeout": charge.where == "takeout",
        "dineIn": charge.where == "dine_in",
        "gratuity": charge.gratuity,
        "taxable": bool(charge.taxes),
        "appliedTaxes": [] if exempt else [_tax(tax, share_of(charge.amount, tax.rate), charge.guid) for tax in charge.taxes],
        "serviceChargeCalculation": "PRE_DISCOUNT" if percent else None,
        "refundDetails": _refund_details(charge.refund),
        "serviceChargeCategory": charge.category,
        "paymentGuid": charge.payment_guid,
    }


def _payment(payment: Payment, check: Check, order: Order) -> Json:
    device = _device(payment.device) if payment.device else None
    return {
        "guid": payment.guid,
        "entityType": "OrderPayment",
        "externalId": None,
        "paidDate": stamp(payment.paid),
        "paidBusinessDate": date_number(payment.paid_date),
        "type": payment.kind,
        "cardEntryMode": payment.entry,
        "amount": money(payment.amount),
        "tipAmount": money(payment.tip),
        "amountTendered": None if payment.tendered is None else money(payment.tendered),
        "cardType": payment.card,
        "first6Digits": payment.first6,
        "last4Digits": payment.last4,
        "originalProcessingFee": None if payment.fee is None else money(payment.fee),
        "server": payment.server,
        "cashDrawer": payment.drawer,
        "refundStatus": payment.refund_status,
        "refund": _refund(payment),
        "paymentStatus": payment.status,
        "voidInfo": _void_info(payment),
        "houseAccount": payment.house_account,
        "otherPayment": payment.other,
        "createdDevice": device,
        "lastModifiedDevice": device,
        "mcaRepaymentAmount": None,
        "cardPaymentId": payment.card_id,
        "orderGuid": order.guid,
        "checkGuid": check.guid,
        "tenderTransactionGuid": None,
    }


def _refund(payment: Payment) -> Json | None:
    refund = payment.refund
    if refund is None:
        return None
    return {
        "refundAmount": money(refund.amount),
        "tipRefundAmount": money(refund.tip),
        "refundDate": stamp(refund.made),
        "refundBusinessDate": date_number(refund.date),
        "refundTransaction": _transaction(refund.transaction),
    }


def _void_info(payment: Payment) -> Json | None:
    void = payment.void
    if void is None:
        return None
    return {
        "voidUser": void.user,
        "voidApprover": void.approver,
        "voidDate": stamp(void.made),
        "voidBusinessDate": date_number(void.date),
        "voidReason": void.reason,
    }
