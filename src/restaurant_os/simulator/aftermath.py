"""What is undone later: voids of lines, checks, payments and orders, and refunds.

A void leaves every sum; a refund leaves the order's amounts as they were and shows on its payment, and in the lines it is for.
Orders with a refund are never voided or deleted afterwards, and their refunded lines never move.
"""

from __future__ import annotations

from collections.abc import Sequence

from restaurant_os.simulator.bill import Charge, Check, Line, Order, Payment, Refund, RefundPart, VoidInfo
from restaurant_os.simulator.rhythm import void_reason
from restaurant_os.simulator.story import Author

#: A line or charge, and what of it is given back: amount without tax, tax.
Given = tuple[Line | Charge, int, int]


def void_line(a: Author, line: Line) -> None:
    line.voided = line.modified = a.now
    line.void_date = a.today
    line.void_reason = a.maybe(void_reason(a.shop, a.dice.pick(a.shop.void_reasons), a.now))


def void_payment(a: Author, payment: Payment) -> None:
    """Undo a payment. Its amount and tip stay written, but count no more."""
    dice, shop = a.dice, a.shop
    user, approver = a.maybe(dice.pick(shop.servers)), a.maybe(dice.pick(shop.managers))
    payment.void = VoidInfo(user, approver, a.now, a.today, a.maybe(void_reason(shop, dice.pick(shop.void_reasons), a.now)))
    if payment.kind == "CREDIT":
        payment.status = "VOIDED"


def void_check(a: Author, check: Check) -> None:
    """Void a check with all on it: its amount is then zero."""
    for line in check.lines:
        if not line.voided:
            void_line(a, line)
    for payment in check.payments:
        if not payment.is_voided and payment.status not in ("DENIED", "CANCELLED", "ERROR"):
            void_payment(a, payment)
    check.charges = []
    check.discounts = ()
    check.voided, check.void_date = a.now, a.today
    check.status, check.closed = "CLOSED", check.closed or a.now


def void_order(a: Author, order: Order) -> None:
    for check in order.checks:
        if not check.voided:
            void_check(a, check)
    order.voided, order.void_date = a.now, a.today
    order.closed = order.closed or a.now


def delete_order(a: Author, order: Order) -> None:
    for check in order.checks:
        check.deleted = check.deleted or a.now
    order.deleted = a.now


def refund(a: Author, payment: Payment, given: Sequence[Given], *, beyond: int = 0, tip: int = 0) -> None:
    """Give back parts of lines and charges, an amount `beyond` them that names none, and of the tip. Replaces the payment's refund."""
    transaction, today = a.dice.guid(), a.today
    for thing, amount, tax in given:
        thing.refund = RefundPart(amount, tax, transaction, today)
        if isinstance(thing, Line):
            thing.modified = a.now
    total = beyond + sum(amount + tax for _, amount, tax in given)
    before = payment.refund.amount if payment.refund else 0
    payment.refund = Refund(transaction, total, tip, a.now, today)
    payment.refund_status = "FULL" if before + total >= payment.amount else "PARTIAL"


def whole(thing: Line | Charge) -> Given:
    """All of a line, with its tax, or of a charge."""
    return thing, thing.net if isinstance(thing, Line) else thing.amount, thing.tax


def part(line: Line, share: float) -> Given:
    """A share (0 to 1) of a line and of its tax, cut to cents."""
    return line, int(line.net * share), int(line.tax * share)


def dearest(check: Check) -> Line:
    """The line with the most to give back."""
    return max((line for line in check.lines if not line.voided and not line.refund), key=lambda line: line.net)
