"""What we read of Toast's Order object, as typed structs that msgspec fills while it validates.

Source: Toast Orders API v2, definitions Order, Check, Selection, Payment and their parts (reference section 3.3). Every field
but an object's own id may be null or absent; enums are plain text, since Toast adds values without notice. Guests' and
card data (customer, delivery address, card digits) are not here, so they are never decoded and never land.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

#: An id that a row is keyed by.
Guid = Annotated[str, Meta(min_length=1)]


class Part(msgspec.Struct, gc=False, rename="camel"):
    """Base of every struct here. No cycles can arise from decoding, so the collector need not track them."""


class Ref(Part):
    """ToastReference, ExternalReference, ConfigReference."""

    guid: str | None = None


class RefundDetails(Part):
    refund_amount: float | None = None
    tax_refund_amount: float | None = None
    refund_transaction: Ref | None = None


class AppliedTax(Part):
    tax_amount: float | None = None
    facilitator_collect_and_remit_tax: bool | None = None


class Reason(Part):
    name: str | None = None


class AppliedDiscount(Part):
    guid: Guid
    name: str | None = None
    discount_amount: float | None = None
    non_tax_discount_amount: float | None = None
    discount: Ref | None = None
    approver: Ref | None = None
    discount_type: str | None = None
    applied_discount_reason: Reason | None = None
    applied_promo_code: str | None = None
    loyalty_details: Reason | None = None
    processing_state: str | None = None


class Selection(Part):
    guid: Guid
    item: Ref | None = None
    item_group: Ref | None = None
    option_group: Ref | None = None
    sales_category: Ref | None = None
    dining_option: Ref | None = None
    void_reason: Ref | None = None
    display_name: str | None = None
    quantity: float | None = None
    selection_type: str | None = None
    deferred: bool | None = None
    voided: bool | None = None
    pre_discount_price: float | None = None
    price: float | None = None
    tax: float | None = None
    applied_discounts: list[AppliedDiscount] | None = None
    applied_taxes: list[AppliedTax] | None = None
    modifiers: list[Selection] | None = None
    refund_details: RefundDetails | None = None


class ServiceCharge(Part):
    guid: Guid
    name: str | None = None
    service_charge: Ref | None = None
    charge_amount: float | None = None
    charge_type: str | None = None
    gratuity: bool | None = None
    service_charge_category: str | None = None
    applied_taxes: list[AppliedTax] | None = None
    refund_details: RefundDetails | None = None


class VoidInfo(Part):
    void_business_date: int | None = None


class Refund(Part):
    refund_amount: float | None = None
    tip_refund_amount: float | None = None
    refund_date: str | None = None
    refund_business_date: int | None = None
    refund_transaction: Ref | None = None


class Payment(Part):
    guid: Guid
    type: str | None = None
    amount: float | None = None
    tip_amount: float | None = None
    amount_tendered: float | None = None
    paid_date: str | None = None
    paid_business_date: int | None = None
    card_type: str | None = None
    card_entry_mode: str | None = None
    original_processing_fee: float | None = None
    server: Ref | None = None
    cash_drawer: Ref | None = None
    house_account: Ref | None = None
    other_payment: Ref | None = None
    refund_status: str | None = None
    refund: Refund | None = None
    void_info: VoidInfo | None = None
    payment_status: str | None = None


class Check(Part):
    guid: Guid
    display_number: str | None = None
    opened_date: str | None = None
    closed_date: str | None = None
    paid_date: str | None = None
    payment_status: str | None = None
    opened_by: Ref | None = None
    amount: float | None = None
    tax_amount: float | None = None
    total_amount: float | None = None
    tax_exempt: bool | None = None
    voided: bool | None = None
    deleted: bool | None = None
    selections: list[Selection] | None = None
    payments: list[Payment] | None = None
    applied_discounts: list[AppliedDiscount] | None = None
    applied_service_charges: list[ServiceCharge] | None = None


class Order(Part):
    guid: Guid
    modified_date: str
    checks: list[Check]
    business_date: int | None = None
    created_date: str | None = None
    opened_date: str | None = None
    closed_date: str | None = None
    promised_date: str | None = None
    paid_date: str | None = None
    void_business_date: int | None = None
    source: str | None = None
    dining_option: Ref | None = None
    revenue_center: Ref | None = None
    server: Ref | None = None
    table: Ref | None = None
    service_area: Ref | None = None
    display_number: str | None = None
    number_of_guests: int | None = None
    approval_status: str | None = None
    voided: bool | None = None
    deleted: bool | None = None
    created_in_test_mode: bool | None = None
    excess_food: bool | None = None


PAGE = msgspec.json.Decoder(list[Order])
ORDER = msgspec.json.Decoder(Order)
