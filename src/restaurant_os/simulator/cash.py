"""Cash beside the orders' own: what goes into and out of the drawers, and to the bank. Amounts are cents, instants ms.

What an entry or deposit is, which day it is listed under, and since when it is there to be seen. What happens on a day is told in
`cash_scenes.py` and `deposits.py`.

An entry is listed under the business date of its `date`. A deposit is listed under the business date whose cash it is; its
`date` is when it was made, the morning after at the earliest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from restaurant_os.simulator.businessdays import HOUR, MINUTE
from restaurant_os.simulator.catalog import Ref, Shop, reference
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.planting import Planting

#: No entry of a day's cash is dated more than this many business days later.
LONGEST_SPILL = 3

#: Entry type -> the type of the entry that undoes it, and its reason. Toast developer guide, "cash entries that undo".
UNDOES = {
    "CASH_IN": ("CASH_OUT", "Undo Cash In"),
    "CASH_OUT": ("CASH_IN", "Undo Cash Out"),
    "CASH_COLLECTED": ("TIP_OUT", "Undo Cash Collected"),
    "TIP_OUT": ("CASH_COLLECTED", "Undo Tip Out"),
    "PAY_OUT": ("UNDO_PAY_OUT", "Undo Pay Out"),
}


class Entry(Struct, gc=False):
    """A CashEntry. `seen` is since when the platform has it, `gone` when it lost it again; 0 is never."""

    guid: str
    kind: str
    amount: int
    date: int
    seen: int
    reason: str
    drawer: Ref | None
    employee: Ref | None
    second: Ref | None = None  #: who approved it, or whose shift was reviewed
    reviewed: bool = False  #: made in the review of the second employee's shift
    payout_reason: Ref | None = None
    no_sale_reason: Ref | None = None
    undoes: str | None = None
    gone: int = 0
    blurred: bool = False  #: show its amount with a float artefact

    def exists(self, instant: int) -> bool:
        return self.seen <= instant and not 0 < self.gone <= instant


class Deposit(Struct, gc=False):
    """A Deposit; its amount is above zero, also when it undoes another."""

    guid: str
    amount: int
    date: int
    employee: Ref | None
    undoes: str | None = None


class TillDay(NamedTuple):
    """A business day as the drawers see it. `arrives` is when the platform learns of what happens at an instant."""

    shop: Shop
    ordinal: int
    opens: int
    closes: int
    arrives: Callable[[int], int]
    planting: Planting | None = None

    def at(self, hour: int, minute: int = 0, days: int = 0) -> int:
        """A local wall-clock time on the day's own date, or so many days later."""
        return self.shop.calendar.at(self.ordinal + days, hour, minute)

    @property
    def last_orders(self) -> int:
        """Half past midnight, or twenty minutes before closeout where that is sooner."""
        return min(self.at(0, 30, days=1), self.closes - 20 * MINUTE)


class Setup(NamedTuple):
    """What a location has configured for its cash."""

    payouts: tuple[tuple[Ref, str], ...]
    no_sales: tuple[Ref, ...]


@lru_cache(maxsize=512)
def setup_of(seed: int, index: int) -> Setup:
    dice = Dice(f"{seed}/cash/{index}")
    spent = ("Ice run", "Produce", "Light bulbs", "Window cleaner", "Parking")
    return Setup(
        tuple((reference(dice.guid(), "PayoutReason"), text) for text in spent),
        tuple(reference(dice.guid(), "NoSaleReason") for _ in range(3)),
    )


class Teller:
    """Writes down the entries of one restaurant-day, with what is undone of them."""

    def __init__(self, day: TillDay, seed: int) -> None:
        self.day = day
        self.shop = day.shop
        self.setup = setup_of(seed, day.shop.restaurant.index)
        self.dice = Dice(f"{seed}/cash/{day.shop.restaurant.index}/{day.ordinal}")
        self.drawers = self.shop.drawers[: self.dice.between(1, 3)]
        self.entries: list[Entry] = []

    def between(self, low: int, high: int) -> int:
        """An instant in [low, high)."""
        return low + self.dice.upto(max(high - low, 1))

    def person(self, manager: bool = False) -> Ref | None:
        ref = self.dice.pick(self.shop.managers if manager else self.shop.servers)
        return None if self.dice.chance(0.01) else ref

    def write(self, kind: str, amount: int, date: int, reason: str, *, drawer: bool = True, review: bool = False) -> Entry:
        """An entry, which may be undone, come late, or vanish. `drawer` false: of a server's bank, which has none."""
        dice = self.dice
        entry = Entry(
            guid=dice.guid(),
            kind=kind,
            amount=amount,
            date=date,
            seen=self.day.arrives(date),
            reason=reason,
            drawer=dice.pick(self.drawers) if drawer else None,
            employee=self.person(manager=review or dice.chance(0.3)),
            second=self.person(manager=not review) if review or dice.chance(0.15) else None,
            reviewed=review,
            blurred=dice.chance(0.01),
        )
        self.entries.append(entry)
        if kind in UNDOES and dice.chance(0.08):
            self._undo(entry)
        elif dice.chance(0.03):
            entry.seen = max(entry.seen, date + dice.between(18, 30) * HOUR)
        elif dice.chance(0.005):
            entry.gone = entry.seen + dice.between(16, 60) * HOUR
        return entry

    def _undo(self, entry: Entry, again: bool = True) -> None:
        """Undo an entry, within the hour or on the next business day; and sometimes, `again`, undo that."""
        dice = self.dice
        soon = entry.date + dice.between(2, 40) * MINUTE + dice.upto(MINUTE)
        if dice.chance(0.3) or soon >= self.day.closes:
            today = self.shop.calendar.date_of(entry.date)
            soon = self.between(self.shop.calendar.at(today + 1, 9), self.shop.calendar.at(today + 1, 15))
        kind, reason = UNDOES[entry.kind]
        undoing = Entry(
            guid=dice.guid(),
            kind=kind,
            amount=-entry.amount,
            date=soon,
            seen=max(self.day.arrives(soon), entry.seen + 1),
            reason=reason,
            drawer=entry.drawer,
            employee=self.person(manager=True),
            undoes=entry.guid,
        )
        self.entries.append(undoing)
        if again and kind in UNDOES and dice.chance(0.25):
            self._undo(undoing, again=False)
