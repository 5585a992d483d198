"""The refunds of an order, a row each.

A payment shows its latest refund alone, while each line keeps the one that gave it back. So an earlier refund of the same
payment is put together from its lines, and takes the day of the one that replaced it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from restaurant_os.sources.columns import DATES
from restaurant_os.sources.toast.model import Check, Order, Payment, Refund, RefundDetails
from restaurant_os.sources.toast.sales import is_sale_charge, is_sale_line


@dataclass(frozen=True, slots=True)
class RefundRows:
    """Iterate for the rows of `fact_refunds`: what each payment shows, then what only the lines still know of.

    `day`: the order's business date in days since 1970-01-01. `counts`: whether the order does.
    """

    order: Order
    restaurant_guid: str
    day: int
    counts: bool
    copy: int

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        parts = refund_parts(self.order, self.counts)
        payments = [(check, payment) for check in self.order.checks for payment in check.payments or () if payment.refund]
        shown = [(check, payment, transaction_of(payment.refund)) for check, payment in payments]
        for check, payment, named in shown:
            transaction = same_refund(named, parts, [other for _, _, other in shown])
            item, charge, other, tax = parts.pop(transaction, NOTHING)
            refund = payment.refund or Refund()
            amounts = (refund.refund_amount or 0.0, item, charge, other, tax, refund.tip_refund_amount or 0.0)
            yield self._row(check, payment, transaction, amounts, inferred=False)
        for transaction, (item, charge, other, tax) in parts.items():
            check, payment, _ = shown[0]
            amounts = (item + charge + other + tax, item, charge, other, tax, 0.0)
            yield self._row(check, payment, transaction, amounts, inferred=True)

    def _row(
        self, check: Check, payment: Payment, transaction: str, amounts: tuple[float, float, float, float, float, float], *, inferred: bool
    ) -> tuple[Any, ...]:
        total, item, charge, other, tax, tip = amounts
        counts = self.counts and not (check.voided or check.deleted)
        unallocated = total - item - charge - other - tax
        refund = payment.refund
        refund_day = refund.refund_business_date if refund else None
        return (
            self.order.guid,
            payment.guid,
            transaction,
            check.guid,
            self.restaurant_guid,
            self.day,
            self.order.modified_date,
            DATES[refund_day] if refund_day else self.day,
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
            bool(self.order.deleted or check.deleted),
            counts,
            self.copy,
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
