"""The world's own books: what every order brings to every business date, posted while it lives.

An order's author hands over its sums, in cents, at each of its versions; what differs from the version before is posted at that
instant. Nothing here reads the API's JSON, so the books can judge whoever does.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from restaurant_os.simulator.bill import Check, Order


class Sums(NamedTuple):
    """What counts on one business date; `orders` is a count, the rest cents.

    gross: kept lines before discounts, plus service charges that are sales. discounts: what was taken off those lines. tax: of
    the checks. tips: of payments that stand, less tips given back. refunds: the part of money given back that was sales.
    """

    orders: int = 0
    gross: int = 0
    discounts: int = 0
    tax: int = 0
    tips: int = 0
    refunds: int = 0


NOTHING = Sums()
Contributions = dict[int, Sums]  #: by business date (ordinal)


def contributions(order: Order) -> Contributions:
    """All that an order brings as it stands now."""
    if order.voided or order.deleted or order.test:
        return {}
    gross = discounts = tax = tips = 0
    later: dict[int, list[int]] = {}
    for check in order.checks:
        if check.voided or check.deleted:
            continue
        for line in check.lines:
            if line.is_sale and not order.excess:
                gross += line.gross
                discounts += line.gross - line.net
        for charge in check.charges:
            if charge.is_sale:
                gross += charge.amount
        tax += check.tax
        for payment in check.payments:
            if not payment.is_voided:
                tips += payment.tip
        _add_refunds(check, later)
    whole: Contributions = {order.business: Sums(1, gross, discounts, tax, tips, 0)}
    for day, (tips_back, refunds) in later.items():
        had = whole.get(day, NOTHING)
        whole[day] = had._replace(tips=had.tips - tips_back, refunds=had.refunds + refunds)
    return whole


def _add_refunds(check: Check, later: dict[int, list[int]]) -> None:
    """The tips given back and the sales given back of a check, by the date of the refund. What names no line or charge is sales whole."""
    parts = [(line.refund, line.is_sale) for line in check.lines] + [(charge.refund, charge.is_sale) for charge in check.charges]
    allocated: dict[str, int] = {}
    for part, is_sale in parts:
        if part is None:
            continue
        allocated[part.transaction] = allocated.get(part.transaction, 0) + part.amount + part.tax
        if is_sale:
            later.setdefault(part.date, [0, 0])[1] += part.amount
    for payment in check.payments:
        if refund := payment.refund:
            row = later.setdefault(refund.date, [0, 0])
            row[0] += refund.tip
            row[1] += refund.amount - allocated.get(refund.transaction, 0)


_WIDTH = 2 + len(Sums._fields)


class Postings:
    """A pile of postings: at an instant (ms), to a business date, so much.

    Kept flat and relative to where the pile begins, in 32 bits, since a month of a group holds 400,000; so a pile spans 24 days.
    """

    def __init__(self, begins: int, day: int) -> None:
        self._begins, self._day = begins, day
        self._flat = array("i")
        self._whole: dict[int, list[int]] = {}
        self.last = 0  #: instant of the latest posting

    def post(self, instant: int, before: Contributions, after: Contributions) -> None:
        """Post what changed between two versions of an order."""
        for day in before.keys() | after.keys():
            old, new = before.get(day, NOTHING), after.get(day, NOTHING)
            if old != new:
                change = [b - a for a, b in zip(old, new, strict=True)]
                self._flat.extend((instant - self._begins, day - self._day, *change))
                _add(self._whole, day, change)
                self.last = max(self.last, instant)

    def take(self, other: Postings) -> None:
        """Add the postings of another pile of the same day."""
        self._flat.extend(other._flat)
        for day, change in other._whole.items():
            _add(self._whole, day, change)
        self.last = max(self.last, other.last)

    def until(self, instant: int) -> dict[int, list[int]]:
        """The sums of all postings made up to an instant, by business date."""
        if self.last <= instant:
            return self._whole
        sums: dict[int, list[int]] = {}
        for at, day, change in self._rows():
            if at <= instant:
                _add(sums, day, change)
        return sums

    def _rows(self) -> Iterator[tuple[int, int, list[int]]]:
        flat = self._flat.tolist()
        for start in range(0, len(flat), _WIDTH):
            yield self._begins + flat[start], self._day + flat[start + 1], flat[start + 2 : start + _WIDTH]


def _add(sums: dict[int, list[int]], day: int, change: list[int]) -> None:
    row = sums.get(day)
    if row is None:
        sums[day] = change.copy()
    else:
        for i, value in enumerate(change):
            row[i] += value


def dollars(cents: int) -> str:
    """Cents as the books write them: `1234.50`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def rows(restaurant_guid: str, piles: Iterable[dict[int, list[int]]], day: int | None, last: int | None = None) -> list[dict[str, object]]:
    """One row per business date on which anything is nonzero, oldest first; of one date (ordinal) alone, none after `last`, if given."""
    total: dict[int, list[int]] = {}
    for pile in piles:
        for ordinal, change in pile.items():
            if (day is None or ordinal == day) and (last is None or ordinal <= last):
                _add(total, ordinal, change)
    return [_row(restaurant_guid, ordinal, Sums(*total[ordinal])) for ordinal in sorted(total) if any(total[ordinal])]


def _row(restaurant_guid: str, ordinal: int, sums: Sums) -> dict[str, object]:
    return {
        "restaurant_guid": restaurant_guid,
        "business_date": date.fromordinal(ordinal).isoformat(),
        "orders": sums.orders,
        "gross_sales": dollars(sums.gross),
        "discounts": dollars(sums.discounts),
        "net_sales": dollars(sums.gross - sums.discounts - sums.refunds),
        "tax": dollars(sums.tax),
        "tips": dollars(sums.tips),
        "refunds": dollars(sums.refunds),
    }
