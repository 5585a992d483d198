"""What happens to the drawers of one restaurant-day: change brought, bills paid, tips handed out, banks turned in, drawers counted."""

from __future__ import annotations

from restaurant_os.simulator.businessdays import MINUTE
from restaurant_os.simulator.cash import Entry, Teller, TillDay
from restaurant_os.simulator.catalog import Ref
from restaurant_os.simulator.dice import Weighted
from restaurant_os.simulator.planting import BAD_DRAWER, MOST_OFF_CENTS, SHORT_CENTS

_COUNTED = Weighted([("CLOSE_OUT_EXACT", 66.0), ("CLOSE_OUT_OVERAGE", 13.0), ("CLOSE_OUT_SHORTAGE", 21.0)])
_OFF_BY = Weighted([("coins", 60.0), ("note", 30.0), ("notes", 10.0)])
_UNKNOWN_KIND = "PETTY_CASH"  #: Toast adds values without notice


def tell_cash(day: TillDay, seed: int) -> list[Entry]:
    """Every entry that a restaurant-day gives rise to, on that business date or on one of the next."""
    teller = Teller(day, seed)
    for play in (_change, _pay_outs, _no_sales, _drivers, _banks, _tip_outs, _close_outs, _planted, _oddities):
        play(teller)
    return teller.entries


def _change(t: Teller) -> None:
    """Small change comes from the bank; notes go from a drawer to the safe."""
    day = t.day
    if t.dice.chance(0.5):
        t.write("CASH_IN", t.dice.pick((5_000, 10_000, 20_000)), t.between(day.at(10), day.at(16)), "Change from the bank")
    for _ in range(t.dice.upto(3)):
        t.write("CASH_OUT", -t.dice.pick((10_000, 20_000, 30_000)), t.between(day.at(14), day.at(22)), "To the safe")


def _pay_outs(t: Teller) -> None:
    for _ in range(t.dice.upto(4)):
        ref, text = t.dice.pick(t.setup.payouts)
        entry = t.write("PAY_OUT", -t.dice.between(350, 9_000), t.between(t.day.at(9), t.day.at(21)), text)
        entry.payout_reason = None if t.dice.chance(0.02) else ref


def _no_sales(t: Teller) -> None:
    for _ in range(t.dice.upto(6)):
        text = t.dice.pick(("Make change", "No sale", ""))
        t.write("NO_SALE", 0, t.between(t.day.at(10), t.day.at(23)), text).no_sale_reason = t.dice.pick(t.setup.no_sales)


def _drivers(t: Teller) -> None:
    for _ in range(t.dice.upto(3)):
        t.write("DRIVER_REIMBURSEMENT", -t.dice.between(200, 2_400), t.between(t.day.at(12), t.day.at(22)), "Driver reimbursement")


def _banks(t: Teller) -> None:
    """Servers turn their banks in when their shift is reviewed, some the morning after."""
    for _ in range(t.dice.between(1, 4)):
        when = _review(t)
        t.write("CASH_COLLECTED", t.dice.between(1_500, 30_000), when, "Cash collected", drawer=not t.dice.chance(0.3), review=True)


def _tip_outs(t: Teller) -> None:
    for _ in range(t.dice.upto(4)):
        when = _review(t)
        t.write("TIP_OUT", -t.dice.between(1_000, 18_000), when, "Tip out", drawer=not t.dice.chance(0.15), review=True)


def _review(t: Teller) -> int:
    """When a shift is reviewed: that evening, or on the next business day."""
    if t.dice.chance(0.12):
        return t.between(t.day.at(9, days=1), t.day.at(11, days=1))
    return t.between(t.day.at(15), t.day.last_orders)


def _close_outs(t: Teller) -> None:
    """Each drawer is counted, at night or, forgotten, the next morning; and counted again when the count was wrong."""
    for drawer in t.drawers:
        start = t.day.at(8, 30, days=1) if t.dice.chance(0.03) else t.day.last_orders
        when = start + t.dice.upto(15 * MINUTE)
        if t.day.planting:
            off_by = _off_by(t)
            _count(t, drawer, off_by if abs(off_by) <= MOST_OFF_CENTS else off_by % MOST_OFF_CENTS, when)
        elif t.dice.chance(0.03):
            wrong = t.dice.pick((10_000, -10_000, 9_000, -2_000))
            _count(t, drawer, wrong, when)
            _count(t, drawer, -wrong, when + 4 * MINUTE)
        else:
            _count(t, drawer, _off_by(t), when)


def _planted(t: Teller) -> None:
    """The last drawer is far short, and that stands."""
    if t.day.planting and t.day.planting.has(BAD_DRAWER, t.shop.restaurant.index, t.day.ordinal):
        count = next(entry for entry in reversed(t.entries) if entry.drawer == t.drawers[-1] and entry.kind.startswith("CLOSE_OUT"))
        count.kind, count.amount, count.seen, count.gone = "CLOSE_OUT_SHORTAGE", -SHORT_CENTS, t.day.arrives(count.date), 0


def _off_by(t: Teller) -> int:
    """How much the drawer holds beyond what it should."""
    kind = _COUNTED.draw(t.dice)
    sizes = {"coins": t.dice.between(1, 400), "note": t.dice.pick((500, 1_000, 2_000)), "notes": t.dice.between(2_500, 7_500)}
    amount = sizes[_OFF_BY.draw(t.dice)]
    return {"CLOSE_OUT_EXACT": 0, "CLOSE_OUT_OVERAGE": amount, "CLOSE_OUT_SHORTAGE": -amount}[kind]


def _count(t: Teller, drawer: Ref, off_by: int, when: int) -> None:
    kind = "CLOSE_OUT_EXACT" if not off_by else "CLOSE_OUT_OVERAGE" if off_by > 0 else "CLOSE_OUT_SHORTAGE"
    t.write(kind, off_by, when, "Drawer closed").drawer = drawer


def _oddities(t: Teller) -> None:
    """A type that no definition names yet, without money so that nobody must know what it means."""
    if t.dice.chance(0.02):
        t.write(_UNKNOWN_KIND, 0, t.between(t.day.at(11), t.day.at(20)), "Petty cash")
