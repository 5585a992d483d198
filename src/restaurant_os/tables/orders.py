"""The tables of the dataset orders. API fields are of Toast's Orders API v2 (`Order`, `Check`, `Selection`, `Payment`, ...)."""

from __future__ import annotations

from restaurant_os.tables.spec import COUNT, DATE, FLAG, INSTANT, LOADED_AT, MONEY, REAL, TEXT, Column, TableSpec, loaded_at


def _child(check: bool = True) -> tuple[Column, ...]:
    """What every child of an order carries of its order."""
    own = (Column("check_guid", TEXT, "Check.guid", "The check it is on."),) if check else ()
    return (
        *own,
        Column("restaurant_guid", TEXT, "Toast-Restaurant-External-ID", "The location."),
        Column("business_date", DATE, "Order.businessDate", "The order's business date."),
    )


MODIFIED_AT = Column("modified_at", INSTANT, "Order.modifiedDate", "The version: the latest change of the order this row was read with.")
ORDER_GUID = Column("order_guid", TEXT, "Order.guid", "The order.")
IS_DELETED = Column(
    "is_deleted", FLAG, "Order.deleted, Check.deleted", "Its order or check is deleted, or the row is no longer part of its order."
)
IS_COUNTED = Column(
    "is_counted",
    FLAG,
    "ours",
    "Its order and check count: neither voided, deleted nor in test mode (a payment that is voided or failed does not).",
)

FACT_ORDERS = TableSpec(
    name="fact_orders",
    meaning="One row per order: the header that gates its children.",
    key=("order_guid",),
    role="header",
    incidental=("read_at", LOADED_AT),
    columns=(
        ORDER_GUID,
        Column("restaurant_guid", TEXT, "Toast-Restaurant-External-ID", "The location."),
        Column("business_date", DATE, "Order.businessDate", "The day it belongs to: opened, or promised for a scheduled order."),
        MODIFIED_AT,
        Column(
            "created_at",
            INSTANT,
            "Order.createdDate",
            "When it was created; never moves, so the merge looks for the order there.",
        ),
        Column("opened_at", INSTANT, "Order.openedDate", "When it was opened."),
        Column("closed_at", INSTANT, "Order.closedDate", "When it was closed; re-stamped at closeout."),
        Column("promised_at", INSTANT, "Order.promisedDate", "When a scheduled order is promised; null for as soon as possible."),
        Column("paid_at", INSTANT, "Order.paidDate", "When it was paid."),
        Column("void_business_date", DATE, "Order.voidBusinessDate", "The business date of its void."),
        Column("order_source", TEXT, "Order.source", "Where it came from: In Store, Online, ... (new values appear without notice)."),
        Column("dining_option_guid", TEXT, "Order.diningOption.guid", "Dining option."),
        Column("revenue_center_guid", TEXT, "Order.revenueCenter.guid", "Revenue center."),
        Column("server_guid", TEXT, "Order.server.guid", "Server."),
        Column("table_guid", TEXT, "Order.table.guid", "Table."),
        Column("service_area_guid", TEXT, "Order.serviceArea.guid", "Service area."),
        Column("display_number", TEXT, "Order.displayNumber", "The number printed; per day, not unique, may be empty."),
        Column("guest_count", COUNT, "Order.numberOfGuests", "Guests as entered; null is not 1."),
        Column("approval_status", TEXT, "Order.approvalStatus", "NEEDS_APPROVAL, APPROVED, FUTURE, NOT_APPROVED."),
        Column("is_voided", FLAG, "Order.voided", "Voided as a whole."),
        Column("is_deleted", FLAG, "Order.deleted", "Deleted as a whole."),
        Column("is_test_mode", FLAG, "Order.createdInTestMode", "Made in test mode: never counted."),
        Column(
            "is_excess_food", FLAG, "Order.excessFood", "Excess food: price 0 with a real pre-discount price, so kept out of gross sales."
        ),
        Column("is_counted", FLAG, "ours", "Counts in the metrics: neither voided, deleted nor in test mode."),
        Column("read_at", INSTANT, "ours", "When the API read that brought this version began; null when a webhook brought it."),
        loaded_at(),
    ),
)

FACT_ORDER_ITEMS = TableSpec(
    name="fact_order_items",
    meaning="One row per root selection (the guest's line). check_* columns repeat on every line of a check: never sum them.",
    key=("order_guid", "selection_guid"),
    role="child",
    incidental=("sales_category_name", LOADED_AT),
    columns=(
        ORDER_GUID,
        Column("selection_guid", TEXT, "Selection.guid", "The line."),
        *_child(),
        Column("menu_item_guid", TEXT, "Selection.item.guid", "Menu item; null for gift cards and special requests."),
        Column("server_guid", TEXT, "Order.server.guid", "Server of the order."),
        Column("menu_item_name", TEXT, "Selection.displayName", "Name as printed."),
        Column(
            "sales_category_name",
            TEXT,
            "config salesCategories.name",
            "Name of the sales category when the check was opened; the orders API gives only its GUID.",
        ),
        Column("item_quantity", REAL, "Selection.quantity", "Quantity, in the line's unit of measure; prices already include it."),
        Column("item_price", MONEY, "Selection.price", "Net line: quantity, modifiers, item and check discounts in; tax out."),
        Column("pre_discount_price", MONEY, "Selection.preDiscountPrice", "Gross line, before discounts and tax; quantity is in it."),
        Column("discount_amount", MONEY, "Selection.preDiscountPrice - price", "What discounts took off the line."),
        Column("tax_amount", MONEY, "Selection.tax", "Tax of the line."),
        Column("check_total", MONEY, "Check.totalAmount", "The check with tax, without tips."),
        Column("check_tax", MONEY, "Check.taxAmount", "The check's tax."),
        Column("check_tip", MONEY, "Payment.tipAmount", "Tips of the check's payments that are neither voided nor failed."),
        Column(
            "payment_type",
            TEXT,
            "Payment.type",
            "Types of the check's payments that are neither voided nor failed, joined by +, in alphabetical order.",
        ),
        Column("is_voided", FLAG, "Selection.voided, Check.voided, Order.voided", "The line, its check or its order is voided."),
        IS_DELETED,
        loaded_at(),
        MODIFIED_AT,
        Column("opened_at", INSTANT, "Check.openedDate", "When its check was opened."),
        Column(
            "business_hour",
            COUNT,
            "ours",
            "Hours from the start of the business day to the check's opening (or the promise): 0 is the first.",
        ),
        Column("menu_group_guid", TEXT, "Selection.itemGroup.guid", "Menu group."),
        Column("sales_category_guid", TEXT, "Selection.salesCategory.guid", "Sales category."),
        Column("dining_option_guid", TEXT, "Selection.diningOption.guid, else Order's", "Dining option."),
        Column("revenue_center_guid", TEXT, "Order.revenueCenter.guid", "Revenue center."),
        Column("order_source", TEXT, "Order.source", "Where the order came from."),
        Column(
            "selection_type", TEXT, "Selection.selectionType", "NONE, OPEN_ITEM, TOAST_CARD_SELL, ... (new values appear without notice)."
        ),
        Column("is_deferred", FLAG, "Selection.deferred", "Revenue of another day (gift cards and the like): not a sale."),
        Column("void_reason_guid", TEXT, "Selection.voidReason.guid", "Why it was voided."),
        Column("net_amount", MONEY, "ours", "What the line adds to net sales before refunds: its price if it is a sale, else 0."),
        Column(
            "is_sale",
            FLAG,
            "ours",
            "A kept line: not voided, deleted, deferred, gift card, house account or excess food, and its order counts.",
        ),
    ),
)

FACT_ORDER_MODIFIERS = TableSpec(
    name="fact_order_modifiers",
    meaning="One row per modifier at any depth: information, never added to sales (the parent's price holds it).",
    key=("order_guid", "selection_guid"),
    role="child",
    columns=(
        ORDER_GUID,
        Column("selection_guid", TEXT, "Selection.modifiers[].guid", "The modifier."),
        *_child(),
        MODIFIED_AT,
        Column("parent_selection_guid", TEXT, "Selection.guid", "The selection it hangs on."),
        Column("root_selection_guid", TEXT, "Selection.guid", "The line at its root, in fact_order_items."),
        Column("depth", COUNT, "ours", "1 for a modifier of the line, 2 for a modifier of that, ..."),
        Column("menu_item_guid", TEXT, "Selection.item.guid", "The modifier's item."),
        Column("option_group_guid", TEXT, "Selection.optionGroup.guid", "The modifier group it was chosen from."),
        Column("modifier_name", TEXT, "Selection.displayName", "Name as printed."),
        Column("quantity", REAL, "Selection.quantity", "Quantity as given (whether it multiplies the parent's is not documented)."),
        Column("price", MONEY, "Selection.price", "Price as given; already in the parent's."),
        Column("pre_discount_price", MONEY, "Selection.preDiscountPrice", "Price before discounts as given."),
        Column("is_voided", FLAG, "Selection.voided, its line's, Check.voided, Order.voided", "It or anything above it is voided."),
        IS_DELETED,
        loaded_at(),
    ),
)

FACT_CHECKS = TableSpec(
    name="fact_checks",
    meaning="One row per check.",
    key=("order_guid", "check_guid"),
    role="child",
    columns=(
        ORDER_GUID,
        *_child(),
        MODIFIED_AT,
        Column("display_number", TEXT, "Check.displayNumber", "The number printed."),
        Column("opened_at", INSTANT, "Check.openedDate", "When it was opened."),
        Column("closed_at", INSTANT, "Check.closedDate", "When it was closed."),
        Column("paid_at", INSTANT, "Check.paidDate", "When it was paid."),
        Column("payment_status", TEXT, "Check.paymentStatus", "OPEN, PAID, CLOSED."),
        Column("opened_by_guid", TEXT, "Check.openedBy.guid", "Who opened it."),
        Column("amount", MONEY, "Check.amount", "Lines and charges that are no gratuity, after discounts, without tax and tips."),
        Column("tax_amount", MONEY, "Check.taxAmount", "Tax."),
        Column("total_amount", MONEY, "Check.totalAmount", "amount + tax_amount."),
        Column("discount_amount", MONEY, "Check.appliedDiscounts[].discountAmount", "Discounts put on the check as a whole."),
        Column("service_charge_amount", MONEY, "Check.appliedServiceCharges[].chargeAmount", "Charges that are no gratuity."),
        Column("gratuity_amount", MONEY, "Check.appliedServiceCharges[].chargeAmount", "Charges that are gratuity."),
        Column("tip_amount", MONEY, "Payment.tipAmount", "Tips of its payments that are neither voided nor failed."),
        Column(
            "amount_gap",
            MONEY,
            "ours",
            "amount less the sum of its lines' prices and its charges that are no gratuity: anything but 0 is a break. Null when voided.",
        ),
        Column(
            "marketplace_tax",
            MONEY,
            "AppliedTaxRate.facilitatorCollectAndRemitTax",
            "The part of tax_amount that the marketplace collects and remits itself.",
        ),
        Column("business_hour", COUNT, "ours", "Hours from the start of the business day to its opening (or the promise): 0 is the first."),
        Column("is_tax_exempt", FLAG, "Check.taxExempt", "Tax exempt."),
        Column("is_voided", FLAG, "Check.voided, Order.voided", "It or its order is voided."),
        IS_DELETED,
        IS_COUNTED,
        loaded_at(),
    ),
)

FACT_PAYMENTS = TableSpec(
    name="fact_payments",
    meaning="One row per payment of a check.",
    key=("order_guid", "check_guid", "payment_guid"),
    role="child",
    columns=(
        ORDER_GUID,
        Column("payment_guid", TEXT, "Payment.guid", "The payment."),
        *_child(),
        MODIFIED_AT,
        Column("payment_type", TEXT, "Payment.type", "CASH, CREDIT, GIFTCARD, HOUSE_ACCOUNT, OTHER, ..."),
        Column("amount", MONEY, "Payment.amount", "Amount without tip."),
        Column("tip_amount", MONEY, "Payment.tipAmount", "Tip."),
        Column("amount_tendered", MONEY, "Payment.amountTendered", "Cash handed over."),
        Column("card_type", TEXT, "Payment.cardType", "VISA, MASTERCARD, ..."),
        Column("card_entry_mode", TEXT, "Payment.cardEntryMode", "SWIPED, ONLINE, ..."),
        Column("payment_status", TEXT, "Payment.paymentStatus", "Meaningful for CREDIT: AUTHORIZED, CAPTURED, VOIDED, ..."),
        Column("refund_status", TEXT, "Payment.refundStatus", "NONE, PARTIAL, FULL."),
        Column("processing_fee", MONEY, "Payment.originalProcessingFee", "Fee, known after capture."),
        Column("paid_at", INSTANT, "Payment.paidDate", "When it was paid."),
        Column("paid_business_date", DATE, "Payment.paidBusinessDate", "The business date it was paid on; may differ from the order's."),
        Column("void_business_date", DATE, "Payment.voidInfo.voidBusinessDate", "The business date of its void."),
        Column("server_guid", TEXT, "Payment.server.guid", "Who took it."),
        Column("cash_drawer_guid", TEXT, "Payment.cashDrawer.guid", "Drawer."),
        Column("house_account_guid", TEXT, "Payment.houseAccount.guid", "House account."),
        Column("other_payment_guid", TEXT, "Payment.otherPayment.guid", "Alternate payment type."),
        Column("is_voided", FLAG, "Payment.voidInfo, paymentStatus", "Voided: it has voidInfo or the status VOIDED."),
        IS_DELETED,
        IS_COUNTED,
        loaded_at(),
    ),
)

FACT_REFUNDS = TableSpec(
    name="fact_refunds",
    meaning="One row per refund of a payment, on the day it was given back.",
    key=("order_guid", "payment_guid", "refund_transaction_guid"),
    role="child",
    partition="refund_business_date",
    retained_by=("order_guid", "payment_guid"),
    weak="is_inferred",
    weak_by=("order_guid", "refund_transaction_guid"),
    columns=(
        ORDER_GUID,
        Column("payment_guid", TEXT, "Payment.guid", "The payment refunded."),
        Column("refund_transaction_guid", TEXT, "Refund.refundTransaction.guid", "The refund; '' when the API names none."),
        *_child(),
        MODIFIED_AT,
        Column("refund_business_date", DATE, "Refund.refundBusinessDate", "The business date the money was given back on."),
        Column("refunded_at", INSTANT, "Refund.refundDate", "When it was given back."),
        Column("payment_type", TEXT, "Payment.type", "How it had been paid."),
        Column("refund_amount", MONEY, "Refund.refundAmount", "Given back, with tax, without tip: the sum of the five parts below."),
        Column("item_amount", MONEY, "Selection.refundDetails.refundAmount", "Part on lines that are sales."),
        Column("charge_amount", MONEY, "AppliedServiceCharge.refundDetails.refundAmount", "Part on service charges that are sales."),
        Column(
            "other_amount", MONEY, "refundDetails.refundAmount", "Part on lines and charges that are no sales (gift cards, gratuity, ...)."
        ),
        Column("tax_amount", MONEY, "refundDetails.taxRefundAmount", "Tax part."),
        Column("unallocated_amount", MONEY, "ours", "The rest: an amount given back without naming a line."),
        Column("tip_amount", MONEY, "Refund.tipRefundAmount", "Tip given back."),
        Column(
            "net_amount",
            MONEY,
            "ours",
            "What it takes off net sales: item, charge and unallocated parts; 0 when its order or check does not count.",
        ),
        Column(
            "is_inferred",
            FLAG,
            "ours",
            "Known only from the lines it gave back: the API shows a later refund of the payment, whose date it takes.",
        ),
        IS_DELETED,
        IS_COUNTED,
        loaded_at(),
    ),
)

FACT_ORDER_DISCOUNTS = TableSpec(
    name="fact_order_discounts",
    meaning="One row per discount applied to a line or a check; voided ones are left out.",
    key=("order_guid", "check_guid", "selection_guid", "applied_discount_guid"),
    role="child",
    columns=(
        ORDER_GUID,
        Column("selection_guid", TEXT, "Selection.guid", "The line it is on; '' for a discount on the whole check."),
        Column("applied_discount_guid", TEXT, "AppliedDiscount.guid", "This application of the discount."),
        *_child(),
        MODIFIED_AT,
        Column("discount_guid", TEXT, "AppliedDiscount.discount.guid", "The discount."),
        Column("discount_name", TEXT, "AppliedDiscount.name", "Name."),
        Column("kind", TEXT, "settings [discounts]", "comp, promo, employee, loyalty or other."),
        Column("discount_type", TEXT, "AppliedDiscount.discountType", "PERCENT, FIXED, BOGO, ..."),
        Column("discount_amount", MONEY, "AppliedDiscount.discountAmount", "Amount."),
        Column("non_tax_amount", MONEY, "AppliedDiscount.nonTaxDiscountAmount", "Amount without its tax part; unknown stays null."),
        Column("reason", TEXT, "AppliedDiscount.appliedDiscountReason.name", "Reason given."),
        Column("approver_guid", TEXT, "AppliedDiscount.approver.guid", "Who approved it."),
        Column("server_guid", TEXT, "Order.server.guid", "Server of the order."),
        Column("is_voided", FLAG, "Selection.voided, Check.voided, Order.voided", "Its line, check or order is voided."),
        IS_DELETED,
        IS_COUNTED,
        loaded_at(),
    ),
)

FACT_SERVICE_CHARGES = TableSpec(
    name="fact_service_charges",
    meaning="One row per service charge on a check.",
    key=("order_guid", "check_guid", "charge_guid"),
    role="child",
    columns=(
        ORDER_GUID,
        Column("charge_guid", TEXT, "AppliedServiceCharge.guid", "This application of the charge."),
        *_child(),
        MODIFIED_AT,
        Column("service_charge_guid", TEXT, "AppliedServiceCharge.serviceCharge.guid", "The charge."),
        Column("charge_name", TEXT, "AppliedServiceCharge.name", "Name."),
        Column("charge_amount", MONEY, "AppliedServiceCharge.chargeAmount", "Amount without tax."),
        Column("tax_amount", MONEY, "AppliedServiceCharge.appliedTaxes[].taxAmount", "Its tax."),
        Column("charge_type", TEXT, "AppliedServiceCharge.chargeType", "FIXED, PERCENT, OPEN."),
        Column(
            "category",
            TEXT,
            "AppliedServiceCharge.serviceChargeCategory",
            "SERVICE_CHARGE, CREDIT_CARD_SURCHARGE, FUNDRAISING_CAMPAIGN, CASH_ROUNDING.",
        ),
        Column("is_gratuity", FLAG, "AppliedServiceCharge.gratuity", "A gratuity: not a sale."),
        Column("is_sale", FLAG, "ours", "Adds to gross sales: no gratuity, surcharge, fundraising or rounding, and its check counts."),
        Column("is_voided", FLAG, "Check.voided, Order.voided", "Its check or order is voided."),
        IS_DELETED,
        IS_COUNTED,
        loaded_at(),
    ),
)

ORDER_TABLES: tuple[TableSpec, ...] = (
    FACT_ORDERS,
    FACT_ORDER_ITEMS,
    FACT_ORDER_MODIFIERS,
    FACT_CHECKS,
    FACT_PAYMENTS,
    FACT_REFUNDS,
    FACT_ORDER_DISCOUNTS,
    FACT_SERVICE_CHARGES,
)
