"""What happens to most parties: they eat in, drink at the bar, take away, order online or at the kiosk. Scenes build on these."""

from __future__ import annotations

from collections.abc import Callable

from restaurant_os.simulator.bill import Check, Order
from restaurant_os.simulator.dice import Weighted
from restaurant_os.simulator.story import Author

Play = Callable[[Author], None]

_PARTY = Weighted([(1, 20.0), (2, 45.0), (3, 15.0), (4, 14.0), (5, 4.0), (6, 2.0)])
_PER_GUEST = Weighted([(1, 82.0), (2, 16.0), (3, 2.0)])
_MEANS = Weighted([("CREDIT", 80.0), ("CASH", 17.0), ("GIFTCARD", 3.0)])


def appetite(a: Author, guests: int) -> int:
    """How many lines a party orders."""
    return sum(_PER_GUEST.draw(a.dice) for _ in range(guests))


def seat_party(a: Author, where: str = "Dine In", guests: int | None = None) -> tuple[Order, Check]:
    """A party sits down and orders: the first version."""
    guests = guests or _PARTY.draw(a.dice)
    order = a.open(where, guests)
    a.serve(order.checks[0], appetite(a, guests), order)
    a.save(order)
    return order, order.checks[0]


def settle_up(a: Author, order: Order, means: str | None = None, tip: bool = True) -> None:
    """Pay each check that is due and close, tips on cards after that, then the stamp of closeout."""
    for check in order.checks:
        if check.status == "OPEN" and not check.deleted and not check.voided and check.lines:
            a.pay(order, check, means or _MEANS.draw(a.dice))
    a.save(order)
    a.wait(1, 12)
    a.close(order)
    a.touch(order)
    if tip:
        write_tips(a, order)
    a.closeout(order)


def write_tips(a: Author, order: Order) -> None:
    """The server enters what guests wrote on the slips, minutes to an hour after closing."""
    slips = [(check, p) for check in order.checks for p in check.payments if p.status == "AUTHORIZED" and not p.void and not p.tip]
    if not slips or not a.dice.chance(0.8):
        return
    a.wait(4, 70)
    for check, payment in slips:
        payment.tip = a.tip_on(check)
    a.save(order)


def dine_in(a: Author) -> None:
    order, check = seat_party(a)
    if a.dice.chance(0.3):
        a.wait(8, 25)
        a.serve(check, 1, order)
        a.save(order)
    a.wait(15, 50)
    settle_up(a, order)


def at_the_bar(a: Author) -> None:
    guests = a.dice.between(1, 2)
    order = a.open("Bar", guests)
    check = order.checks[0]
    check.tab = f"Tab {a.number}"
    for _ in range(guests):
        a.add(check, order, a.dice.pick(a.shop.alcohol))
    a.save(order)
    for _ in range(a.dice.upto(3)):
        a.wait(8, 25)
        a.serve(check, 1, order)
        a.save(order)
    a.wait(5, 20)
    settle_up(a, order)


def take_out(a: Author) -> None:
    order = a.open("Take Out", None, "In Store")
    check = order.checks[0]
    a.serve(check, a.dice.between(1, 4), order)
    means = _MEANS.draw(a.dice)
    a.pay(order, check, means, tip=share_tip(a, check) if means == "CREDIT" else 0)
    a.save(order)
    a.wait(8, 25)
    a.close(order)
    a.touch(order)
    a.closeout(order)


def online(a: Author) -> None:
    source = a.dice.pick(("Online", "Branded Online Ordering", "Toast Local", "Toast Pickup App", "Google"))
    order = a.open("Take Out", None, source)
    order.prep = "PT20M"
    order.approval = "NEEDS_APPROVAL" if a.dice.chance(0.1) else "APPROVED"
    order.estimated = a.now + 20 * 60_000
    check = order.checks[0]
    a.serve(check, a.dice.between(2, 5), order)
    a.pay(order, check, "CREDIT", tip=share_tip(a, check)).entry = "ONLINE"
    a.save(order)
    a.wait(15, 35)
    order.approval = "APPROVED"
    a.close(order)
    a.touch(order)
    a.closeout(order)


def kiosk(a: Author) -> None:
    order = a.open("Take Out", 1, "Kiosk")
    check = order.checks[0]
    a.serve(check, a.dice.between(1, 3), order)
    a.pay(order, check, "CREDIT")
    a.close(order)
    a.save(order)
    a.closeout(order)


def share_tip(a: Author, check: Check) -> int:
    """A tip given with the payment, by some."""
    return a.tip_on(check) if a.dice.chance(0.6) else 0


_PLAIN: Weighted[Play] = Weighted([(dine_in, 58.0), (at_the_bar, 10.0), (take_out, 13.0), (online, 12.0), (kiosk, 7.0)])


def plain(a: Author) -> None:
    _PLAIN.draw(a.dice)(a)
