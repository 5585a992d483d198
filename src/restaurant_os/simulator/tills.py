"""The cash of all restaurants at every instant, and its books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Protocol

from restaurant_os.simulator.books import Row, dollars, iso
from restaurant_os.simulator.cash import LONGEST_SPILL, Deposit, Entry, TillDay
from restaurant_os.simulator.cash_scenes import tell_cash
from restaurant_os.simulator.catalog import Shop
from restaurant_os.simulator.deposits import Depositor
from restaurant_os.simulator.people import CASHLESS
from restaurant_os.simulator.planting import SHORT_CENTS, Planting

#: A day without a deposit is `pending` until so many business days after it have closed, then `missing`.
PENDING_DAYS = 2


class Trade(Protocol):
    """What the drawers must know of the world."""

    seed: int
    planting: Planting | None

    @property
    def shops(self) -> Mapping[str, Shop]:
        """By restaurant guid."""

    def trading(self, shop: Shop, first: int, last: int, instant: int) -> Iterable[int]:
        """The business days in [first, last] on which the restaurant trades, begun by an instant (ms)."""

    def arrives(self, shop: Shop, instant: int) -> int:
        """When the platform learns of what happens at an instant (ms)."""

    def cash_taken(self, restaurant_guid: str, ordinal: int, instant: int) -> int:
        """Cash payments of a business date less its cash refunds, as known at an instant (ms)."""

    def moment(self, restaurant_guid: str, at: datetime) -> tuple[int, bool]:
        """The instant (ms) that a restaurant shows at `at`, and whether the world stands at the end of its history."""


class Tills:
    """Every drawer of the group."""

    def __init__(self, trade: Trade) -> None:
        self._trade = trade
        self._told = lru_cache(maxsize=2048)(self._tell)
        self._deposited: dict[tuple[str, int], list[Deposit]] = {}

    def entries(self, restaurant_guid: str, day: date, at: datetime) -> list[Entry]:
        """The cash entries of a business date that exist at `at`."""
        instant, _ = self._trade.moment(restaurant_guid, at)
        return self._entries(restaurant_guid, day.toordinal(), instant)

    def planted(self, restaurant_guid: str, ordinal: int, instant: int) -> list[Entry]:
        """The counts of drawers on a business date that were planted, as known at an instant (ms)."""
        entries = self._entries(restaurant_guid, ordinal, instant)
        return [entry for entry in entries if entry.kind == "CLOSE_OUT_SHORTAGE" and entry.amount == -SHORT_CENTS]

    def deposits(self, restaurant_guid: str, day: date, at: datetime) -> list[Deposit]:
        """The deposits for a business date that were made by `at`."""
        instant, _ = self._trade.moment(restaurant_guid, at)
        return self._deposits(restaurant_guid, day.toordinal(), instant)

    def _entries(self, restaurant_guid: str, ordinal: int, instant: int) -> list[Entry]:
        shop = self._trade.shops[restaurant_guid]
        return [
            entry
            for begun in self._trade.trading(shop, ordinal - LONGEST_SPILL, ordinal, instant)
            for entry in self._told(restaurant_guid, begun)
            if entry.exists(instant) and shop.calendar.date_of(entry.date) == ordinal
        ]

    def _deposits(self, restaurant_guid: str, ordinal: int, instant: int) -> list[Deposit]:
        shop = self._trade.shops[restaurant_guid]
        if shop.restaurant.index == CASHLESS or ordinal not in self._trade.trading(shop, ordinal, ordinal, instant):
            return []
        known = self._deposited.get((restaurant_guid, ordinal))
        if known is None:
            depositor = Depositor(self._day(shop, ordinal), self._trade.seed)
            if depositor.made > instant:
                return []
            known = depositor.deposits(lambda made: self._expected(shop, ordinal, made))
            self._deposited[restaurant_guid, ordinal] = known
        return [deposit for deposit in known if self._trade.arrives(shop, deposit.date) <= instant]

    def _expected(self, shop: Shop, ordinal: int, made: int) -> int:
        """The cash of a business date that whoever makes the deposit finds, also where the platform learns of it later."""
        guid, known = shop.restaurant.guid, self._trade.arrives(shop, made)
        return self._trade.cash_taken(guid, ordinal, known) + entries_total(self._entries(guid, ordinal, known))

    def _tell(self, restaurant_guid: str, ordinal: int) -> list[Entry]:
        shop = self._trade.shops[restaurant_guid]
        return [] if shop.restaurant.index == CASHLESS else tell_cash(self._day(shop, ordinal), self._trade.seed)

    def _day(self, shop: Shop, ordinal: int) -> TillDay:
        def arrives(instant: int) -> int:
            return self._trade.arrives(shop, instant)

        return TillDay(shop, ordinal, shop.calendar.opens(ordinal), shop.calendar.closes(ordinal), arrives, self._trade.planting)

    # --- books ----------------------------------------------------------------------------------------------------------

    def book(self, restaurant_guid: str, ordinal: int, instant: int, payments: int, refunds: int) -> Row | None:
        """The row of a business date at an instant, given its cash payments and refunds; None when no cash moved at all."""
        entries = self._entries(restaurant_guid, ordinal, instant)
        deposits = self._deposits(restaurant_guid, ordinal, instant)
        if not (entries or deposits or payments or refunds):
            return None
        calendar = self._trade.shops[restaurant_guid].calendar
        closed = calendar.date_of(instant) - 1
        total = entries_total(entries)
        expected, actual = payments - refunds + total, deposited(deposits)
        status = "made" if standing(deposits) else "pending" if ordinal > closed - PENDING_DAYS else "missing"
        row: Row = {
            "cash_payments": dollars(payments),
            "cash_refunds": dollars(refunds),
            "entries_total": dollars(total),
            "expected_deposit": dollars(expected),
            "actual_deposit": dollars(actual),
            "deposit_over_short": None if status == "pending" else dollars(actual - expected),
            "deposit_status": status,
        }
        return {"restaurant_guid": restaurant_guid, "business_date": iso(ordinal)} | row | _counted(entries)


def entries_total(entries: Iterable[Entry]) -> int:
    """What entries add to the expected deposit: all but cash collected, for its payments count already, unless it undoes a tip-out."""
    return sum(entry.amount for entry in entries if entry.kind != "CASH_COLLECTED" or entry.undoes)


def deposited(deposits: Iterable[Deposit]) -> int:
    """The sum of a day's deposits. One that undoes another takes it back; one that undoes such an undo counts again."""
    by_guid = {deposit.guid: deposit for deposit in deposits}
    return sum(deposit.amount * _sign(deposit, by_guid) for deposit in by_guid.values())


def _sign(deposit: Deposit, by_guid: Mapping[str, Deposit]) -> int:
    return 1 if deposit.undoes is None else -_sign(by_guid[deposit.undoes], by_guid)


def standing(deposits: Iterable[Deposit]) -> list[Deposit]:
    """The deposits that undo nothing and are not undone by one that stands itself."""
    by_undone = {deposit.undoes: deposit for deposit in deposits if deposit.undoes}

    def stands(deposit: Deposit) -> bool:
        undo = by_undone.get(deposit.guid)
        return undo is None or not stands(undo)

    return [deposit for deposit in deposits if deposit.undoes is None and stands(deposit)]


def _counted(entries: Iterable[Entry]) -> Row:
    """What a day's entries are counted for, each less what undoes it."""
    drawers = no_sales = pay_outs = paid_out = tip_outs = tipped_out = 0
    for entry in entries:
        match entry.kind:
            case "CLOSE_OUT_OVERAGE" | "CLOSE_OUT_SHORTAGE":
                drawers += entry.amount
            case "NO_SALE":
                no_sales += 1
            case "PAY_OUT" | "UNDO_PAY_OUT":
                pay_outs += 1 if entry.kind == "PAY_OUT" else -1
                paid_out -= entry.amount
            case "TIP_OUT":
                tip_outs, tipped_out = tip_outs + 1, tipped_out - entry.amount
            case "CASH_COLLECTED" if entry.undoes:
                tip_outs, tipped_out = tip_outs - 1, tipped_out - entry.amount
    counts: Row = {"drawer_over_short": dollars(drawers), "no_sales": no_sales, "pay_outs": pay_outs}
    return counts | {"pay_out_amount": dollars(paid_out), "tip_outs": tip_outs, "tip_out_amount": dollars(tipped_out)}
