"""The world's own books: what every order brings to every business date, posted while it lives.

An order's author hands over its sums, in cents, at each of its versions (`counting.py`); what differs from the version before is
posted at that instant. Nothing here reads the API's JSON, so the books can judge whoever does.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple


class Sums(NamedTuple):
    """What counts on one business date; `orders`, `checks`, `guests` and `guests_known` are counts, the rest cents.

    gross: kept lines before discounts, plus service charges that are sales. discounts: what was taken off those lines. tax: of
    the checks. tips: of payments that stand, less tips given back. refunds: the part of money given back that was sales.
    """

    orders: int = 0
    gross: int = 0
    discounts: int = 0
    tax: int = 0
    tips: int = 0
    refunds: int = 0
    checks: int = 0
    guests: int = 0
    guests_known: int = 0  #: orders that say how many guests they had
    charges: int = 0  #: service charges that are sales; part of gross
    comps: int = 0  #: part of discounts
    voids: int = 0  #: before discounts
    gratuity: int = 0
    other_charges: int = 0  #: neither sale nor gratuity
    refunds_paid: int = 0  #: with tax and tip
    refunded_tax: int = 0
    deferred_refunds: int = 0  #: of what was no sale: lines, gratuity, other charges
    deferred_sales: int = 0
    gift_card_sales: int = 0
    house_account_payments: int = 0
    marketplace_tax: int = 0  #: part of tax
    unpaid: int = 0  #: what open checks still owe
    cash: int = 0  #: this and the next five by the day they were paid; cash without its tips, the others with theirs
    cash_tips: int = 0
    credit: int = 0
    gift_card: int = 0
    house_account: int = 0
    other: int = 0
    cash_refunds: int = 0  #: with tips
    prepayments_received: int = 0  #: paid on this date for orders of another
    prepayments_applied: int = 0  #: paid on another date for orders of this one


NOTHING = Sums()
WIDTH = len(NOTHING)
#: The columns of `/simulator/books`, which come first.
_FIRST_BOOKS = 6
assert WIDTH <= 31, "the columns of a posting must fit into a mask of 31 bits"
Contributions = dict[int, Sequence[int]]  #: by business date (ordinal): `Sums`, or a list of its fields


class Postings:
    """A pile of postings: at an instant (ms), to a business date, so much.

    Kept flat, relative to where the pile begins, in 32 bits and only the columns that changed, since a month of a group holds
    400,000; so a pile spans 24 days. A posting is its instant, its day, a mask of its columns, and their changes.
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
            mask, changes = 0, []
            whole = self._whole.setdefault(day, [0] * WIDTH)
            for column, (had, has) in enumerate(zip(old, new, strict=True)):
                if change := has - had:
                    mask |= 1 << column
                    changes.append(change)
                    whole[column] += change
            if mask:
                self._flat.extend((instant - self._begins, day - self._day, mask, *changes))
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
        for at, day, columns, changes in self._rows():
            if at <= instant:
                row = sums.setdefault(day, [0] * WIDTH)
                for column, change in zip(columns, changes, strict=True):
                    row[column] += change
        return sums

    def cash(self) -> Iterator[tuple[int, int, int]]:
        """Every change of the cash that came in, less what was given back: instant (ms), business date, cents. Tips are not in it."""
        for at, day, columns, changes in self._rows():
            if _CASH in columns or _CASH_REFUNDS in columns:
                by_column = dict(zip(columns, changes, strict=True))
                yield at, day, by_column.get(_CASH, 0) - by_column.get(_CASH_REFUNDS, 0)

    def _rows(self) -> Iterator[tuple[int, int, tuple[int, ...], list[int]]]:
        flat, start = self._flat.tolist(), 0
        while start < len(flat):
            columns = _columns(flat[start + 2])
            end = start + 3 + len(columns)
            yield self._begins + flat[start], self._day + flat[start + 1], columns, flat[start + 3 : end]
            start = end


_CASH, _CASH_REFUNDS = Sums._fields.index("cash"), Sums._fields.index("cash_refunds")
_known_masks: dict[int, tuple[int, ...]] = {}


def _columns(mask: int) -> tuple[int, ...]:
    """The columns of a mask. A world has some hundreds of masks."""
    known = _known_masks.get(mask)
    if known is None:
        known = _known_masks[mask] = tuple(column for column in range(WIDTH) if mask >> column & 1)
    return known


def _add(sums: dict[int, list[int]], day: int, change: list[int]) -> None:
    row = sums.get(day)
    sums[day] = change.copy() if row is None else [had + more for had, more in zip(row, change, strict=True)]


def totals(piles: Iterable[dict[int, list[int]]], day: int | None, last: int | None = None) -> dict[int, Sums]:
    """The sums of some piles by business date (ordinal): of one `day` alone, none after `last`, if given."""
    total: dict[int, list[int]] = {}
    for pile in piles:
        for ordinal, change in pile.items():
            if (day is None or ordinal == day) and (last is None or ordinal <= last):
                _add(total, ordinal, change)
    return {ordinal: Sums(*row) for ordinal, row in total.items()}


def dollars(cents: int) -> str:
    """Cents as the books write them: `1234.50`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


Row = dict[str, object]


def rows(restaurant_guid: str, piles: Iterable[dict[int, list[int]]], day: int | None, last: int | None = None) -> list[Row]:
    """One row per business date on which anything is nonzero, oldest first; of one date (ordinal) alone, none after `last`, if given."""
    return written(restaurant_guid, totals(piles, day, last), sold)


Writer = Callable[[Sums], Row | None]  #: a row without its restaurant and date; None when the books have nothing of that date


def written(restaurant_guid: str, sums: dict[int, Sums], write: Writer) -> list[Row]:
    """The rows of one restaurant, oldest first."""
    found = ((ordinal, write(sums[ordinal])) for ordinal in sorted(sums))
    return [{"restaurant_guid": restaurant_guid, "business_date": iso(ordinal)} | row for ordinal, row in found if row is not None]


def sold(sums: Sums) -> Row | None:
    """A row of `/simulator/books`."""
    if not any(sums[:_FIRST_BOOKS]):
        return None
    return {
        "orders": sums.orders,
        "gross_sales": dollars(sums.gross),
        "discounts": dollars(sums.discounts),
        "net_sales": dollars(sums.gross - sums.discounts - sums.refunds),
        "tax": dollars(sums.tax),
        "tips": dollars(sums.tips),
        "refunds": dollars(sums.refunds),
    }


def sales(sums: Sums) -> Row | None:
    """A row of `/simulator/books/sales`. Guests are null where no order says how many it had."""
    if not any(sums):
        return None
    money = {
        "item_gross": sums.gross - sums.charges,
        "gross_sales": sums.gross,
        "discounts": sums.discounts,
        "comps": sums.comps,
        "refunds": sums.refunds,
        "net_sales": sums.gross - sums.discounts - sums.refunds,
        "refunds_paid": sums.refunds_paid,
        "tax": sums.tax,
        "refunded_tax": sums.refunded_tax,
        "tips": sums.tips,
        "gratuity": sums.gratuity,
        "other_charges": sums.other_charges,
        "voids": sums.voids,
    }
    counts: Row = {"orders": sums.orders, "checks": sums.checks, "guests": sums.guests if sums.guests_known else None}
    return counts | {name: dollars(cents) for name, cents in money.items()}


def close(sums: Sums) -> Row | None:
    """A row of `/simulator/books/close`: what was owed against what was paid; the difference is nought while the world ties."""
    if not any(sums):
        return None
    owed = {
        "net_sales": sums.gross - sums.discounts - sums.refunds,
        "other_charges": sums.other_charges,
        "tax": sums.tax,
        "refunded_tax": -sums.refunded_tax,
        "gratuity": sums.gratuity,
        "tips": sums.tips,
        "deferred_sales": sums.deferred_sales,
        "gift_card_sales": sums.gift_card_sales,
        "house_account_payments": sums.house_account_payments,
        "deferred_refunds": -sums.deferred_refunds,
    }
    paid = {
        "cash": sums.cash + sums.cash_tips,
        "credit": sums.credit,
        "gift_card": sums.gift_card,
        "house_account": sums.house_account,
        "other": sums.other,
        "refunds_paid": -sums.refunds_paid,
        "unpaid": sums.unpaid,
        "prepayments_received": -sums.prepayments_received,
        "prepayments_applied": sums.prepayments_applied,
    }
    money = owed | paid | {"marketplace_tax": sums.marketplace_tax, "difference": sum(owed.values()) - sum(paid.values())}
    for taken_off in ("refunded_tax", "deferred_refunds", "refunds_paid", "prepayments_received"):
        money[taken_off] = -money[taken_off]  # shown as amounts, not as what they do to the sum
    return {name: dollars(cents) for name, cents in money.items()}
