"""Which parts of an order are sales: the rules that `flatten` and `refunds` lay out.

The sales rules are here once (design: "Rules of the domain"; source: Toast developer guide, apiOrdersNetSalesCalculation,
apiOrdersDeferredMenuItems, apiDailyOrderForTrackingExcessFood):

- an order or check counts when it is neither voided nor deleted, an order in test mode never;
- a root selection is a sale when its order and check count and it is not voided, deferred, a gift card, a house-account
  payment, or excess food; its modifiers are in its price already;
- a service charge is a sale when its check counts and it is no gratuity, card surcharge, fundraising or cash rounding;
- a refund takes off net sales what it gave back for sales, and whatever it gave back without naming a line.
"""

from __future__ import annotations

from restaurant_os.sources.toast.model import Check, Payment, Selection, ServiceCharge

#: Selection types that are stored value or an old debt paid, not sales (Toast: selectionType; gift cards since 2025-05-26).
NOT_SALES = frozenset({"TOAST_CARD_SELL", "TOAST_CARD_RELOAD", "HOUSE_ACCOUNT_PAY_BALANCE"})
#: How older data names a gift card line (Toast: apiOrdersNetSalesCalculation).
GIFT_CARD_NAME = "Gift Card"
#: Charges that are passed on or round a bill (Toast: serviceChargeCategory).
NOT_SALE_CHARGES = frozenset({"CREDIT_CARD_SURCHARGE", "FUNDRAISING_CAMPAIGN", "CASH_ROUNDING"})

#: Of a payment that brought no money (Toast: paymentStatus).
FAILED = frozenset({"DENIED", "CANCELLED", "ERROR", "ERROR_NETWORK"})


def is_sale_line(line: Selection) -> bool:
    """Whether a root selection, of an order and check that count, is a sale."""
    return not (line.voided or line.deferred or line.selection_type in NOT_SALES or line.display_name == GIFT_CARD_NAME)


def is_sale_charge(charge: ServiceCharge) -> bool:
    """Whether a service charge, of an order and check that count, is a sale."""
    return not charge.gratuity and charge.service_charge_category not in NOT_SALE_CHARGES


def is_voided(payment: Payment) -> bool:
    return payment.void_info is not None or payment.payment_status == "VOIDED"


def stands(payment: Payment) -> bool:
    """Whether money moved: a payment that was denied, called off or ended in an error keeps its amount (spec:orders paymentStatus)."""
    return not is_voided(payment) and payment.payment_status not in FAILED


def marketplace_tax(check: Check) -> float:
    """The tax of a check that whoever sold it (a delivery marketplace) collects and remits. Source: spec:orders AppliedTaxRate."""
    taxed = [part.applied_taxes for part in check.selections or () if part.applied_taxes and not part.voided]
    taxed += [part.applied_taxes for part in check.applied_service_charges or () if part.applied_taxes]
    return sum(tax.tax_amount or 0.0 for taxes in taxed for tax in taxes if tax.facilitator_collect_and_remit_tax)
