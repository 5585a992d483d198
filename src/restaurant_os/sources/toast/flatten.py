"""Orders as decoded -> rows of the order tables.

The sales rules are here once (design: "Rules of the domain"; source: Toast developer guide, apiOrdersNetSalesCalculation,
apiOrdersDeferredMenuItems, apiDailyOrderForTrackingExcessFood):

- an order or check counts when it is neither voided nor deleted, an order in test mode never;
- a root selection is a sale when its order and check count and it is not voided, deferred, a gift card, a house-account
  payment, or excess food; its modifiers are in its price already;
- a service charge is a sale when its check counts and it is no gratuity, card surcharge, fundraising or cash rounding;
- a refund takes off net sales what it gave back for sales, and whatever it gave back without naming a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.sources.columns import DATES
from restaurant_os.sources.toast.model import AppliedDiscount, Check, Order, Payment, Refund, RefundDetails, Selection, ServiceCharge
from restaurant_os.tables import FACT_ORDER_MODIFIERS, ORDER_TABLES

Row = tuple[Any, ...]

#: Selection types that are stored value or an old debt paid, not sales (Toast: selectionType; gift cards since 2025-05-26).
NOT_SALES = frozenset({"TOAST_CARD_SELL", "TOAST_CARD_RELOAD", "HOUSE_ACCOUNT_PAY_BALANCE"})
#: How older data names a gift card line (Toast: apiOrdersNetSalesCalculation).
GIFT_CARD_NAME = "Gift Card"
#: Charges that are passed on or round a bill (Toast: serviceChargeCategory).
NOT_SALE_CHARGES = frozenset({"CREDIT_CARD_SURCHARGE", "FUNDRAISING_CAMPAIGN", "CASH_ROUNDING"})


class Rows:
    """Rows of every order table, of one or more orders. The last value of each row is the order's copy number in its batch."""

    __slots__ = ("tables",)

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {spec.name: [] for spec in ORDER_TABLES}


class Flattener:
    """Flattens the orders of one location.

    `discount_kinds` maps a discount's GUID or lower-case name to its kind. `read_at` is the ISO text of the instant the API
    read began (None: brought by a webhook).
    """

    def __init__(self, *, restaurant_guid: str, discount_kinds: Mapping[str, str], read_at: str | None) -> None:
        self.restaurant_guid = restaurant_guid
        self.discount_kinds = discount_kinds
        self.read_at = read_at

    def add(self, rows: Rows, order: Order, day: int, copy: int) -> None:
        """Append the rows of one order. `day` is its business date in days since 1970-01-01."""
        tables = rows.tables
        counts = not (order.voided or order.deleted or order.created_in_test_mode)
        modified = order.modified_date
        server = order.server.guid if order.server else None
        tables["fact_orders"].append(
            (
                order.guid,
                self.restaurant_guid,
                day,
                modified,
                order.created_date,
                order.opened_date,
                order.closed_date,
                order.promised_date,
                order.paid_date,
                DATES[order.void_business_date] if order.void_business_date else None,
                order.source,
                order.dining_option.guid if order.dining_option else None,
                order.revenue_center.guid if order.revenue_center else None,
                server,
                order.table.guid if order.table else None,
                order.service_area.guid if order.service_area else None,
                order.display_number,
                order.number_of_guests,
                order.approval_status,
                bool(order.voided),
                bool(order.deleted),
                bool(order.created_in_test_mode),
                bool(order.excess_food),
                counts,
                self.read_at,
                copy,
            )
        )
        has_refunds = False
        for check in order.checks:
            self._check(tables, order, check, day, counts, server, copy)
            if not has_refunds and check.payments:
                has_refunds = any(payment.refund is not None for payment in check.payments)
        if has_refunds:
            self._refunds(tables, order, day, counts, copy)

    def _check(
        self, tables: dict[str, list[Row]], order: Order, check: Check, day: int, order_counts: bool, server: str | None, copy: int
    ) -> None:
        order_guid, restaurant, modified, check_guid = order.guid, self.restaurant_guid, order.modified_date, check.guid
        voided = bool(check.voided or order.voided)
        deleted = bool(check.deleted or order.deleted)
        counts = order_counts and not voided and not deleted

        tips = 0.0
        kinds: set[str] = set()
        for payment in check.payments or ():
            void = is_voided(payment)
            if not void:
                tips += payment.tip_amount or 0.0
                kinds.add(payment.type or "UNKNOWN")
            tables["fact_payments"].append(self._payment(order, payment, check_guid, day, void, deleted, counts and not void, copy))

        charges, gratuity = self._charges(tables, order, check, day, voided, deleted, counts, copy)
        payment_type = "+".join(sorted(kinds)) or None
        opened = check.opened_date or order.opened_date
        expected = self._lines(tables, order, check, day, server, tips, payment_type, voided, deleted, counts, copy)
        check_discounts = 0.0
        if check.applied_discounts:
            check_discounts = sum(d.discount_amount or 0.0 for d in check.applied_discounts if d.processing_state != "VOID")
            self._discounts(tables, order, check.applied_discounts, check_guid, "", day, server, voided, deleted, counts, copy)

        tables["fact_checks"].append(
            (
                order_guid,
                check_guid,
                restaurant,
                day,
                modified,
                check.display_number,
                opened,
                check.closed_date,
                check.paid_date,
                check.payment_status,
                check.opened_by.guid if check.opened_by else None,
                check.amount,
                check.tax_amount,
                check.total_amount,
                check_discounts,
                charges,
                gratuity,
                tips,
                None if voided else (check.amount or 0.0) - expected - charges,
                marketplace_tax(check),
                order.promised_date or opened,
                bool(check.tax_exempt),
                voided,
                deleted,
                counts,
                copy,
            )
        )

    def _lines(
        self,
        tables: dict[str, list[Row]],
        order: Order,
        check: Check,
        day: int,
        server: str | None,
        tips: float,
        payment_type: str | None,
        voided: bool,
        deleted: bool,
        counts: bool,
        copy: int,
    ) -> float:
        """Append a check's lines with their modifiers and discounts; gives the sum of the prices of those that are not voided."""
        order_guid, restaurant, modified, check_guid = order.guid, self.restaurant_guid, order.modified_date, check.guid
        expected = 0.0
        opened = check.opened_date or order.opened_date
        hour_of = order.promised_date or opened
        center = order.revenue_center.guid if order.revenue_center else None
        order_option = order.dining_option.guid if order.dining_option else None
        sales_possible = counts and not order.excess_food
        items = tables["fact_order_items"]
        for line in check.selections or ():
            line_voided = voided or bool(line.voided)
            sale = sales_possible and is_sale_line(line)
            price, gross = line.price, line.pre_discount_price
            if not line.voided and price:
                expected += price
            items.append(
                (
                    order_guid,
                    line.guid,
                    check_guid,
                    restaurant,
                    day,
                    line.item.guid if line.item else None,
                    server,
                    line.display_name,
                    None,  # sales_category_name: the orders API gives only the GUID
                    line.quantity,
                    price,
                    gross,
                    (gross or 0.0) - (price or 0.0),
                    line.tax,
                    check.total_amount,
                    check.tax_amount,
                    tips,
                    payment_type,
                    line_voided,
                    deleted,
                    modified,
                    opened,
                    hour_of,
                    line.item_group.guid if line.item_group else None,
                    line.sales_category.guid if line.sales_category else None,
                    line.dining_option.guid if line.dining_option else order_option,
                    center,
                    order.source,
                    line.selection_type,
                    bool(line.deferred),
                    line.void_reason.guid if line.void_reason else None,
                    (price or 0.0) if sale else 0.0,
                    sale,
                    copy,
                )
            )
            if line.applied_discounts:
                self._discounts(
                    tables, order, line.applied_discounts, check_guid, line.guid, day, server, line_voided, deleted, counts, copy
                )
            if line.modifiers:
                self._modifiers(
                    tables, order, line.modifiers, check_guid, line.guid, line.guid, 1, day, server, line_voided, deleted, counts, copy
                )
        return expected

    def _charges(
        self, tables: dict[str, list[Row]], order: Order, check: Check, day: int, voided: bool, deleted: bool, counts: bool, copy: int
    ) -> tuple[float, float]:
        """Append a check's service charges; gives the sum of those that are no gratuity, and of those that are."""
        order_guid, restaurant, modified, check_guid = order.guid, self.restaurant_guid, order.modified_date, check.guid
        charges = gratuity = 0.0
        for charge in check.applied_service_charges or ():
            amount = charge.charge_amount or 0.0
            if charge.gratuity:
                gratuity += amount
            else:
                charges += amount
            tables["fact_service_charges"].append(
                (
                    order_guid,
                    charge.guid,
                    check_guid,
                    restaurant,
                    day,
                    modified,
                    charge.service_charge.guid if charge.service_charge else None,
                    charge.name,
                    charge.charge_amount,
                    sum(tax.tax_amount or 0.0 for tax in charge.applied_taxes or ()),
                    charge.charge_type,
                    charge.service_charge_category,
                    bool(charge.gratuity),
                    counts and is_sale_charge(charge),
                    voided,
                    deleted,
                    counts,
                    copy,
                )
            )
        return charges, gratuity

    def _payment(
        self, order: Order, payment: Payment, check_guid: str, day: int, void: bool, deleted: bool, counts: bool, copy: int
    ) -> Row:
        return (
            order.guid,
            payment.guid,
            check_guid,
            self.restaurant_guid,
            day,
            order.modified_date,
            payment.type,
            payment.amount,
            payment.tip_amount,
            payment.amount_tendered,
            payment.card_type,
            payment.card_entry_mode,
            payment.payment_status,
            payment.refund_status,
            payment.original_processing_fee,
            payment.paid_date,
            DATES[payment.paid_business_date] if payment.paid_business_date else None,
            DATES[payment.void_info.void_business_date] if payment.void_info and payment.void_info.void_business_date else None,
            payment.server.guid if payment.server else None,
            payment.cash_drawer.guid if payment.cash_drawer else None,
            payment.house_account.guid if payment.house_account else None,
            payment.other_payment.guid if payment.other_payment else None,
            void,
            deleted,
            counts,
            copy,
        )

    def _modifiers(
        self,
        tables: dict[str, list[Row]],
        order: Order,
        modifiers: list[Selection],
        check_guid: str,
        root: str,
        parent: str,
        depth: int,
        day: int,
        server: str | None,
        voided: bool,
        deleted: bool,
        counts: bool,
        copy: int,
    ) -> None:
        rows = tables["fact_order_modifiers"]
        for modifier in modifiers:
            void = voided or bool(modifier.voided)
            rows.append(
                (
                    order.guid,
                    modifier.guid,
                    check_guid,
                    self.restaurant_guid,
                    day,
                    order.modified_date,
                    parent,
                    root,
                    depth,
                    modifier.item.guid if modifier.item else None,
                    modifier.option_group.guid if modifier.option_group else None,
                    modifier.display_name,
                    modifier.quantity,
                    modifier.price,
                    modifier.pre_discount_price,
                    void,
                    deleted,
                    copy,
                )
            )
            if modifier.applied_discounts:
                self._discounts(
                    tables, order, modifier.applied_discounts, check_guid, modifier.guid, day, server, void, deleted, counts, copy
                )
            if modifier.modifiers:
                self._modifiers(
                    tables, order, modifier.modifiers, check_guid, root, modifier.guid, depth + 1, day, server, void, deleted, counts, copy
                )

    def _discounts(
        self,
        tables: dict[str, list[Row]],
        order: Order,
        discounts: list[AppliedDiscount],
        check_guid: str,
        selection_guid: str,
        day: int,
        server: str | None,
        voided: bool,
        deleted: bool,
        counts: bool,
        copy: int,
    ) -> None:
        for discount in discounts:
            if discount.processing_state == "VOID":
                continue
            tables["fact_order_discounts"].append(
                (
                    order.guid,
                    selection_guid,
                    discount.guid,
                    check_guid,
                    self.restaurant_guid,
                    day,
                    order.modified_date,
                    discount.discount.guid if discount.discount else None,
                    discount.name,
                    self._kind(discount),
                    discount.discount_type,
                    discount.discount_amount,
                    discount.non_tax_discount_amount,
                    discount.applied_discount_reason.name if discount.applied_discount_reason else None,
                    discount.approver.guid if discount.approver else None,
                    server,
                    voided,
                    deleted,
                    counts,
                    copy,
                )
            )

    def _kind(self, discount: AppliedDiscount) -> str:
        named = self.discount_kinds.get((discount.discount and discount.discount.guid) or "") or self.discount_kinds.get(
            (discount.name or "").strip().lower()
        )
        if named:
            return named
        if discount.loyalty_details:
            return "loyalty"
        return "promo" if discount.applied_promo_code else "other"

    def _refunds(self, tables: dict[str, list[Row]], order: Order, day: int, order_counts: bool, copy: int) -> None:
        """One row per refund: what each payment shows, then what only the lines still know of.

        A payment shows its latest refund alone, while each line keeps the one that gave it back, so an earlier refund of the
        same payment is put together from its lines and takes the day of the one that replaced it.
        """
        parts = refund_parts(order, order_counts)
        shown = [
            (check, payment, transaction_of(payment.refund)) for check in order.checks for payment in check.payments or () if payment.refund
        ]
        for check, payment, named in shown:
            transaction = same_refund(named, parts, [other for _, _, other in shown])
            item, charge, other, tax = parts.pop(transaction, NOTHING)
            refund = payment.refund or Refund()
            amounts = (refund.refund_amount or 0.0, item, charge, other, tax, refund.tip_refund_amount or 0.0)
            tables["fact_refunds"].append(
                self._refund(order, check, payment, transaction, day, amounts, order_counts, inferred=False, copy=copy)
            )
        for transaction, (item, charge, other, tax) in parts.items():
            check, payment, _ = shown[0]
            amounts = (item + charge + other + tax, item, charge, other, tax, 0.0)
            tables["fact_refunds"].append(
                self._refund(order, check, payment, transaction, day, amounts, order_counts, inferred=True, copy=copy)
            )

    def _refund(
        self,
        order: Order,
        check: Check,
        payment: Payment,
        transaction: str,
        day: int,
        amounts: tuple[float, float, float, float, float, float],
        order_counts: bool,
        *,
        inferred: bool,
        copy: int,
    ) -> Row:
        total, item, charge, other, tax, tip = amounts
        counts = order_counts and not (check.voided or check.deleted)
        unallocated = total - item - charge - other - tax
        refund = payment.refund
        refund_day = refund.refund_business_date if refund else None
        return (
            order.guid,
            payment.guid,
            transaction,
            check.guid,
            self.restaurant_guid,
            day,
            order.modified_date,
            DATES[refund_day] if refund_day else day,
            refund.refund_date if refund else None,
            payment.type,
            total,
            item,
            charge,
            other,
            tax,
            unallocated,
            tip,
            item + charge + unallocated if counts else 0.0,
            inferred,
            bool(order.deleted or check.deleted),
            counts,
            copy,
        )


NOTHING = (0.0, 0.0, 0.0, 0.0)


def transaction_of(refund: Refund | RefundDetails | None) -> str:
    """The GUID of a refund's transaction; '' when the API names none."""
    return (refund and refund.refund_transaction and refund.refund_transaction.guid) or ""


def same_refund(named: str, parts: Mapping[str, object], shown: list[str]) -> str:
    """The transaction under which the lines know a payment's refund: its own, or, when one of the two sides names none and no other can be
    meant, the one that is left."""
    left = [transaction for transaction in parts if transaction not in shown]
    if named in parts or len(left) != 1:
        return named
    alone = sum(1 for transaction in shown if transaction not in parts) == 1
    return left[0] if alone and "" in (named, left[0]) else named


def refund_parts(order: Order, order_counts: bool) -> dict[str, tuple[float, float, float, float]]:
    """What each refund gave back by its lines: transaction -> (lines that are sales, charges that are sales, the rest, tax)."""
    parts: dict[str, tuple[float, float, float, float]] = {}

    def add(details: RefundDetails | None, place: int) -> None:
        if details is None:
            return
        transaction = transaction_of(details)
        amounts = list(parts.get(transaction, NOTHING))
        amounts[place] += details.refund_amount or 0.0
        amounts[3] += details.tax_refund_amount or 0.0
        parts[transaction] = (amounts[0], amounts[1], amounts[2], amounts[3])

    for check in order.checks:
        counts = order_counts and not (check.voided or check.deleted)
        for line in check.selections or ():
            add(line.refund_details, 0 if counts and not order.excess_food and is_sale_line(line) else 2)
        for charge in check.applied_service_charges or ():
            add(charge.refund_details, 1 if counts and is_sale_charge(charge) else 2)
    return parts


def is_sale_line(line: Selection) -> bool:
    """Whether a root selection, of an order and check that count, is a sale."""
    return not (line.voided or line.deferred or line.selection_type in NOT_SALES or line.display_name == GIFT_CARD_NAME)


def marketplace_tax(check: Check) -> float:
    """The tax of a check that whoever sold it (a delivery marketplace) collects and remits. Source: spec:orders AppliedTaxRate."""
    taxed = [part.applied_taxes for part in check.selections or () if part.applied_taxes and not part.voided]
    taxed += [part.applied_taxes for part in check.applied_service_charges or () if part.applied_taxes]
    return sum(tax.tax_amount or 0.0 for taxes in taxed for tax in taxes if tax.facilitator_collect_and_remit_tax)


def is_sale_charge(charge: ServiceCharge) -> bool:
    """Whether a service charge, of an order and check that count, is a sale."""
    return not charge.gratuity and charge.service_charge_category not in NOT_SALE_CHARGES


def is_voided(payment: Payment) -> bool:
    return payment.void_info is not None or payment.payment_status == "VOIDED"


def check_unique(rows: Rows) -> None:
    """Refuse two rows of one key in one order: one of the two would silently be lost. Of modifiers, which are information
    and add to no sum, the first stays.

    Raises:
        RejectedRecordError: naming the first id that comes twice.
    """
    for spec in ORDER_TABLES:
        found = rows.tables[spec.name]
        own = spec.names.index(spec.key[-1])
        if len({row[own] for row in found}) == len(found):
            continue  # the id alone is unique, so the key is
        places = [spec.names.index(name) for name in spec.key]
        seen: dict[Row, Row] = {}
        for row in found:
            key = (*(row[place] for place in places), row[-1])
            if seen.setdefault(key, row) is not row and spec is not FACT_ORDER_MODIFIERS:
                raise RejectedRecordError(Place(str(row[0]), spec.name, f"two rows have the key {', '.join(map(str, key[:-1]))}"))
        rows.tables[spec.name] = list(seen.values())
