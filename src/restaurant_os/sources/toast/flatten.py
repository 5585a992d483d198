"""Orders as decoded -> rows of the order tables. What counts as a sale is in `sales`, what was given back in `refunds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.sources.columns import DATES
from restaurant_os.sources.toast.model import AppliedDiscount, Check, Order, Payment, Selection
from restaurant_os.sources.toast.refunds import RefundRows
from restaurant_os.sources.toast.sales import is_sale_charge, is_sale_line, is_voided, marketplace_tax, stands
from restaurant_os.tables import FACT_ORDER_MODIFIERS, ORDER_TABLES

Row = tuple[Any, ...]


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
            tables["fact_refunds"] += RefundRows(order, self.restaurant_guid, day, counts, copy)

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
            is_money = stands(payment)
            if is_money:
                tips += payment.tip_amount or 0.0
                kinds.add(payment.type or "UNKNOWN")
            tables["fact_payments"].append(self._payment(order, payment, check_guid, day, deleted, counts and is_money, copy))

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

    def _payment(self, order: Order, payment: Payment, check_guid: str, day: int, deleted: bool, counts: bool, copy: int) -> Row:
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
            is_voided(payment),
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
