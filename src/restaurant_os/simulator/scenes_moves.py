"""Scenes of whole orders: promised for later days, across closeout, delivered, never paid; checks split and merged, lines moved."""

from __future__ import annotations

from msgspec.structs import replace

from restaurant_os.simulator.aftermath import delete_order, void_line, void_order
from restaurant_os.simulator.bill import Check, Line, Order
from restaurant_os.simulator.businessdays import HOUR, MINUTE
from restaurant_os.simulator.story import LONGEST_LEAD, Author
from restaurant_os.simulator.visits import appetite, seat_party, settle_up

# --- promised for later -------------------------------------------------------------------------------------------------


def _catering(a: Author, pay: bool = True) -> tuple[Order, Check]:
    """An order taken today for a later business day, which it carries from the start; prepaid today."""
    order = a.open("Catering", None, a.dice.pick(("Catering", "Catering Online Ordering", "Invoice")))
    _promise(a, order, a.dice.between(1, 9))
    order.approval = "FUTURE"
    check = order.checks[0]
    for _ in range(a.dice.between(2, 4)):
        a.add(check, order, a.shop.platter, a.dice.between(1, 3))
    a.charge(check, "catering", where="takeout")
    a.save(order)
    if pay:
        a.wait(1, 8)
        a.pay(order, check, "CREDIT", tip=a.tip_on(check) if a.dice.chance(0.4) else 0)
        a.save(order)
    return order, check


def _promise(a: Author, order: Order, days: int) -> None:
    order.business = a.day.ordinal + min(days, LONGEST_LEAD)
    order.promised = order.estimated = a.shop.calendar.at(order.business, a.dice.between(11, 18), a.dice.pick((0, 15, 30, 45)))


def _hand_over(a: Author, order: Order) -> None:
    a.come(order.promised - 2 * HOUR)
    order.approval = "APPROVED"
    a.save(order)
    a.wait(100, 150)
    settle_up(a, order, "CREDIT", tip=False)


def catering_prepaid(a: Author) -> None:
    order, _ = _catering(a)
    _hand_over(a, order)


def catering_enlarged(a: Author) -> None:
    """More is ordered on a day between, and paid when it is handed over."""
    order, check = _catering(a)
    a.come(a.now + (order.promised - a.now) // 2)
    check.status, check.paid, order.paid = "OPEN", 0, 0
    a.add(check, order, a.shop.platter, 1)
    a.save(order)
    _hand_over(a, order)


def catering_moved(a: Author) -> None:
    """The guest changes the date: the order leaves one business day for another."""
    order, _ = _catering(a)
    a.wait(30, 600)
    days = order.business - a.day.ordinal
    _promise(a, order, days + a.dice.pick((1, 2, 4)))
    a.save(order)
    _hand_over(a, order)


def catering_cancelled(a: Author) -> None:
    """Called off before its day: the prepayment is voided with the order."""
    order, _ = _catering(a)
    a.wait(60, 900)
    void_order(a, order)
    a.save(order)


def catering_unpaid(a: Author) -> None:
    order, _ = _catering(a, pay=False)
    _hand_over(a, order)


# --- hours --------------------------------------------------------------------------------------------------------------


def late_night(a: Author) -> None:
    """Past midnight, before closeout: the business date is the day before's."""
    midnight = a.shop.calendar.at(a.day.ordinal + 1, 0)
    a.come(midnight + a.dice.upto(max(a.day.closes - midnight - 40 * MINUTE, 20 * MINUTE)))
    order, _ = seat_party(a)
    a.wait(10, 18)
    settle_up(a, order)


def tab_across_closeout(a: Author) -> None:
    """Opened before closeout, paid after it: the payment belongs to the next business day."""
    a.come(a.day.closes - 80 * MINUTE)
    order = a.open("Bar", 2)
    order.checks[0].tab = f"Tab {a.number}"
    a.serve(order.checks[0], appetite(a, 2), order)
    a.save(order)
    a.come(a.day.closes + 8 * MINUTE)
    settle_up(a, order, "CREDIT")


def never_paid(a: Author) -> None:
    """The guests left: the order stays open."""
    order, check = seat_party(a)
    if a.dice.chance(0.4):
        a.wait(5, 20)
        a.serve(check, 1, order)
        a.save(order)


def paid_days_later(a: Author) -> None:
    order, _ = seat_party(a)
    a.days_later(a.dice.pick((1, 2, 3)))
    settle_up(a, order, "CREDIT")


def excess_food(a: Author) -> None:
    """The daily order that records what was cooked and not sold: price 0, a real preDiscountPrice."""
    order = a.open("Take Out", None, "In Store")
    order.excess = True
    check = order.checks[0]
    a.serve(check, a.dice.between(2, 5), order)
    for line in check.lines:
        line.free = True
    check.status, check.closed, order.closed = "CLOSED", a.now, a.now
    a.save(order)


def delivery(a: Author) -> None:
    """Brought by a marketplace: paid by OTHER, its tax collected and remitted by the marketplace."""
    order = a.open("Delivery", None, a.dice.pick(("API", "API", "Grubhub deprecated")))
    order.estimated = a.now + 45 * MINUTE
    check = order.checks[0]
    a.serve(check, a.dice.between(2, 4), order)
    for line in check.lines:
        line.taxes = (a.shop.external_tax,)
    if a.dice.chance(0.4):
        a.charge(check, "delivery", where="delivery").taxes = (a.shop.external_tax,)
    if a.dice.chance(0.25):
        a.charge(check, "driver_gratuity", a.dice.between(200, 900), where="delivery")
    a.pay(order, check, "OTHER", tip=a.dice.pick((0, 0, 300, 500)))
    a.save(order)
    a.wait(25, 50)
    a.close(order)
    a.save(order)


# --- checks -------------------------------------------------------------------------------------------------------------


def check_split(a: Author) -> None:
    """Each pays a part: lines go to a second check, and one line is halved."""
    order, check = seat_party(a, guests=a.dice.between(2, 4))
    shared = a.add(check, order, a.dice.pick(a.shop.cheap), 1)
    a.save(order)
    a.wait(15, 40)
    other = a.new_check(order)
    move(a, check, other, len(check.lines) // 2, keep=shared)
    other.lines.append(_halve(a, shared))
    a.save(order)
    a.wait(1, 5)
    settle_up(a, order)


def _halve(a: Author, line: Line) -> Line:
    """Leave half of a line without modifiers, and give the other half as a new line; the odd cent stays."""
    half = replace(_anew(a, line), quantity=line.quantity / 2, gross=line.gross // 2, created=a.now, modified=a.now)
    line.quantity, line.gross, line.modified = half.quantity, line.gross - half.gross, a.now
    return half


def _anew(a: Author, line: Line) -> Line:
    """The line under a guid of its own, and so its modifiers at any depth."""
    return replace(line, guid=a.dice.guid(), modifiers=tuple(_anew(a, modifier) for modifier in line.modifiers))


def move(a: Author, source: Check, target: Check, count: int, keep: Line | None = None) -> None:
    """Move up to so many lines, the same lines with the same guids, to the end of another check."""
    for line in [line for line in source.lines if line is not keep][:count]:
        source.lines.remove(line)
        target.lines.append(line)
        line.modified = a.now


def line_moved_between_checks(a: Author) -> None:
    order, check = seat_party(a, guests=3)
    other = a.new_check(order)
    a.serve(other, 2, order)
    if a.dice.chance(0.3):
        a.take_off_check(check, "check_ten")
    a.save(order)
    a.wait(5, 20)
    move(a, check, other, 1)
    a.save(order)
    a.wait(10, 30)
    settle_up(a, order)


def check_emptied(a: Author) -> None:
    """Split, and then together after all: the second check stays, with nothing on it."""
    order, check = seat_party(a, guests=2)
    other = a.new_check(order)
    a.serve(other, 2, order)
    a.save(order)
    a.wait(5, 20)
    move(a, other, check, len(other.lines))
    a.save(order)
    a.wait(10, 30)
    settle_up(a, order)


def checks_merged(a: Author) -> None:
    """Within one order: the lines go to one check, the other is deleted."""
    order, check = seat_party(a, guests=2)
    other = a.new_check(order)
    a.serve(other, 2, order)
    a.save(order)
    a.wait(5, 20)
    move(a, other, check, len(other.lines))
    other.deleted = a.now
    a.save(order)
    a.wait(10, 30)
    settle_up(a, order)


def line_moved_between_orders(a: Author) -> None:
    giving, giver = seat_party(a, guests=3)
    a.wait(1, 10)
    taking, taker = seat_party(a, guests=1)
    a.add(giver, giving)
    a.wait(3, 15)
    move(a, giver, taker, 1)
    a.save(giving, taking)
    a.wait(10, 30)
    both_pay = a.now
    settle_up(a, giving)
    a.now = both_pay
    settle_up(a, taking)


def orders_merged(a: Author) -> None:
    """A check is combined into another order: its own order is deleted, and keeps only the shell of that check."""
    staying, _ = seat_party(a)
    a.wait(1, 10)
    leaving, check = seat_party(a)
    a.wait(5, 20)
    staying.checks.append(replace(check, lines=check.lines, charges=[], payments=[]))
    check.lines = []
    delete_order(a, leaving)
    a.save(staying, leaving)
    a.wait(10, 30)
    settle_up(a, staying)


def check_reopened(a: Author) -> None:
    """Paid and closed, and then one more round."""
    order, check = seat_party(a)
    a.wait(15, 30)
    a.pay(order, check, "CREDIT")
    a.close(order)
    a.save(order)
    a.wait(3, 12)
    check.status, check.paid, check.closed, order.paid, order.closed = "OPEN", 0, 0, 0, 0
    a.serve(check, 1, order)
    a.save(order)
    a.wait(8, 20)
    settle_up(a, order)


def line_rerung(a: Author) -> None:
    """Void and re-ring on the same check: the wrong line voided, the right one added."""
    order, check = seat_party(a)
    a.wait(1, 5)
    void_line(a, check.lines[0])
    a.serve(check, 1, order)
    a.save(order)
    a.wait(10, 30)
    settle_up(a, order)
