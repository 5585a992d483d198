"""What an order brings to the books as it stands now, by business date, in cents.

Counted is an order that is neither voided, deleted nor made in test mode, and of it the checks that are neither voided nor
deleted. Sales, tax, tips, charges and what is unpaid belong to the order's business date, a payment to the date it was paid on, all
of a refund to the date of the refund.
"""

from __future__ import annotations

from restaurant_os.simulator.bill import OLD_GIFT_CARD, Check, Line, Order, Payment
from restaurant_os.simulator.books import WIDTH, Contributions, Sums
from restaurant_os.simulator.catalog import COMPS

_at = Sums._fields.index
_ORDERS, _GROSS, _DISCOUNTS, _TAX, _TIPS, _REFUNDS = range(6)
_CHECKS, _GUESTS, _GUESTS_KNOWN, _CHARGES, _COMPS = map(_at, ("checks", "guests", "guests_known", "charges", "comps"))
_VOIDS, _GRATUITY, _OTHER_CHARGES, _UNPAID = map(_at, ("voids", "gratuity", "other_charges", "unpaid"))
_REFUNDS_PAID, _REFUNDED_TAX, _DEFERRED_REFUNDS = map(_at, ("refunds_paid", "refunded_tax", "deferred_refunds"))
_DEFERRED, _GIFT_CARDS_SOLD, _ON_ACCOUNT = map(_at, ("deferred_sales", "gift_card_sales", "house_account_payments"))
_MARKETPLACE_TAX, _CASH, _CASH_TIPS, _CASH_REFUNDS = map(_at, ("marketplace_tax", "cash", "cash_tips", "cash_refunds"))
_RECEIVED, _APPLIED, _OTHER = map(_at, ("prepayments_received", "prepayments_applied", "other"))
_TENDERS = {"CASH": _CASH, "CREDIT": _at("credit"), "GIFTCARD": _at("gift_card"), "HOUSE_ACCOUNT": _at("house_account")}

_Days = dict[int, list[int]]  #: by business date (ordinal), in the columns of `Sums`


def contributions(order: Order) -> Contributions:
    """All that an order brings as it stands now."""
    if order.deleted or order.test:
        return {}
    row = [0] * WIDTH
    days: _Days = {order.business: row}
    standing = [check for check in order.checks if not check.deleted]
    if order.voided:
        row[_VOIDS] = sum(line.gross for check in standing for line in check.lines)
        return {**days}
    row[_ORDERS] = 1
    if order.guests is not None:
        row[_GUESTS], row[_GUESTS_KNOWN] = order.guests, 1
    for check in standing:
        if check.voided:
            row[_VOIDS] += sum(line.gross for line in check.lines)
            continue
        row[_CHECKS] += 1
        due = _add_lines(check, order, row) + _add_charges(check, row)
        paid = _add_payments(check, order, days)
        if check.status == "OPEN":
            row[_UNPAID] += due - paid
        _add_refunds(check, days)
    return {**days}


def _add_lines(check: Check, order: Order, row: list[int]) -> int:
    """Gives what the guest owes for them, tax and all."""
    due = 0
    for line in check.lines:
        if line.voided:
            row[_VOIDS] += line.gross
            continue
        net = line.net
        due += net + line.tax
        row[_TAX] += line.tax
        if line.tax and any(tax.facilitator for tax in line.taxes):
            row[_MARKETPLACE_TAX] += line.tax
        if line.is_sale and not order.excess:
            row[_GROSS] += line.gross
            row[_DISCOUNTS] += line.gross - net
            if line.discounts:
                row[_COMPS] += sum(d.amount for d in line.discounts if d.name in COMPS and d.state != "VOID")
        elif net:
            row[_set_aside(line)] += net
    if check.discounts:
        row[_COMPS] += sum(d.amount for d in check.discounts if d.name in COMPS and d.state != "VOID")
    return due


def _set_aside(line: Line) -> int:
    """The column of a line that is no sale."""
    if line.kind == "HOUSE_ACCOUNT_PAY_BALANCE":
        return _ON_ACCOUNT
    return _DEFERRED if line.deferred and line.name != OLD_GIFT_CARD else _GIFT_CARDS_SOLD


def _add_charges(check: Check, row: list[int]) -> int:
    """Gives what the guest owes for them, tax and gratuity too."""
    due = 0
    for charge in check.charges:
        due += charge.amount + charge.tax
        row[_TAX] += charge.tax
        if charge.tax and any(tax.facilitator for tax in charge.taxes):
            row[_MARKETPLACE_TAX] += charge.tax
        if charge.gratuity:
            row[_GRATUITY] += charge.amount
        elif charge.is_sale:
            row[_GROSS] += charge.amount
            row[_CHARGES] += charge.amount
        else:
            row[_OTHER_CHARGES] += charge.amount
    return due


def _add_payments(check: Check, order: Order, days: _Days) -> int:
    """Gives what was paid without tips. Neither a voided payment counts nor one that never came about."""
    paid, row = 0, days[order.business]
    for payment in check.payments:
        if not payment.stands:
            continue
        paid += payment.amount
        row[_TIPS] += payment.tip
        on = row if payment.paid_date == order.business else _day(days, payment.paid_date)
        _add_tender(payment, on)
        if on is not row:
            on[_RECEIVED] += payment.amount + payment.tip
            row[_APPLIED] += payment.amount + payment.tip
    return paid


def _add_tender(payment: Payment, on: list[int]) -> None:
    if payment.kind == "CASH":
        on[_CASH] += payment.amount
        on[_CASH_TIPS] += payment.tip
    else:
        on[_TENDERS.get(payment.kind, _OTHER)] += payment.amount + payment.tip


def _add_refunds(check: Check, days: _Days) -> None:
    """All that was given back on a check, by the date of the refund. What names no line or charge is sales whole."""
    parts = [(line.refund, line.is_sale) for line in check.lines if line.refund]
    parts += [(charge.refund, charge.is_sale) for charge in check.charges if charge.refund]
    replaced: dict[str, tuple[int, int]] = {}  # transaction: date, and what it gave back by lines and charges
    for part, is_sale in parts:
        assert part is not None
        row = _day(days, part.date)
        row[_REFUNDS if is_sale else _DEFERRED_REFUNDS] += part.amount
        row[_REFUNDED_TAX] += part.tax
        replaced[part.transaction] = part.date, replaced.get(part.transaction, (0, 0))[1] + part.amount + part.tax
    for payment in check.payments:
        if refund := payment.refund:
            row = _day(days, refund.date)
            row[_TIPS] -= refund.tip
            row[_REFUNDS] += refund.amount - replaced.pop(refund.transaction, (0, 0))[1]
            row[_REFUNDS_PAID] += refund.amount + refund.tip
            if payment.kind == "CASH":
                row[_CASH_REFUNDS] += refund.amount + refund.tip
    for date, given_back in replaced.values():  # a later refund of its payment took its place; the money is gone all the same
        _day(days, date)[_REFUNDS_PAID] += given_back


def _day(days: _Days, ordinal: int) -> list[int]:
    row = days.get(ordinal)
    if row is None:
        row = days[ordinal] = [0] * WIDTH
    return row
