"""Scenes of payment: other means, prepayments, tips that come late, voids, and refunds days later."""

from __future__ import annotations

from msgspec.structs import replace

from restaurant_os.simulator.aftermath import dearest, delete_order, part, refund, void_check, void_line, void_order, void_payment, whole
from restaurant_os.simulator.bill import Check, Line, Order, Payment, settle
from restaurant_os.simulator.scenes_lines import special_line
from restaurant_os.simulator.story import Author
from restaurant_os.simulator.visits import dine_in, seat_party, settle_up

# --- payments -----------------------------------------------------------------------------------------------------------


def gift_card_paid(a: Author) -> None:
    order, _ = seat_party(a)
    a.wait(15, 50)
    settle_up(a, order, "GIFTCARD")


def tip_on_gift_card(a: Author) -> None:
    order, check = seat_party(a)
    a.wait(15, 50)
    settle(check)
    a.pay(order, check, "GIFTCARD", tip=a.tip_on(check))
    settle_up(a, order)


def split_payments(a: Author) -> None:
    order, check = seat_party(a, guests=a.dice.between(2, 4))
    a.wait(15, 50)
    _pay_in_two(a, order, check, a.dice.pick(("CASH", "CREDIT", "GIFTCARD")))
    settle_up(a, order)


def _pay_in_two(a: Author, order: Order, check: Check, first: str) -> None:
    settle(check)
    a.pay(order, check, first, amount=max(check.due * a.dice.between(30, 60) // 100, 1))
    a.save(order)
    a.wait(1, 3)
    a.pay(order, check, "CREDIT")


def house_account_paid(a: Author) -> None:
    order, _ = seat_party(a)
    a.wait(15, 50)
    settle_up(a, order, "HOUSE_ACCOUNT", tip=False)


def card_denied(a: Author) -> None:
    order, check = seat_party(a)
    a.wait(15, 50)
    _fail(order, check, a.pay(order, check, "CREDIT"), a.dice.pick(("DENIED", "DENIED", "ERROR")))
    a.save(order)
    a.wait(1, 4)
    settle_up(a, order)


def _fail(order: Order, check: Check, payment: Payment, status: str) -> None:
    """The payment did not come about: the check is open again."""
    payment.status, payment.tip = status, 0
    check.status, check.paid, order.paid = "OPEN", 0, 0


def tip_next_day(a: Author) -> None:
    """A tip corrected the day after, when the order was closed, captured and stamped."""
    order, check = seat_party(a)
    a.wait(15, 50)
    settle_up(a, order, "CREDIT")
    a.days_later(1)
    check.payments[0].tip = a.tip_on(check) + a.dice.between(1, 500)
    a.save(order)


def prepayment_cancelled(a: Author) -> None:
    order = a.open("Take Out", None, "Online")
    check = order.checks[0]
    a.serve(check, a.dice.between(2, 4), order)
    payment = a.pay(order, check, "CREDIT", tip=a.tip_on(check))
    a.save(order)
    a.wait(5, 30)
    _fail(order, check, payment, "CANCELLED")
    a.save(order)
    a.wait(2, 20)
    if a.dice.chance(0.5):
        void_order(a, order)
        a.save(order)
    else:
        settle_up(a, order, "CASH")


# --- voids --------------------------------------------------------------------------------------------------------------


def line_voided(a: Author) -> None:
    order, check = seat_party(a)
    extra = a.add(check, order)
    if a.dice.chance(0.2):
        a.take_off_check(check, "check_ten")
    a.save(order)
    a.wait(2, 15)
    void_line(a, extra)
    a.save(order)
    a.wait(15, 40)
    settle_up(a, order)


def check_voided(a: Author) -> None:
    order, _ = seat_party(a)
    other = a.new_check(order)
    a.serve(other, 2, order)
    if a.dice.chance(0.4):
        a.charge(other, "kitchen")
    a.save(order)
    a.wait(5, 20)
    if a.dice.chance(0.5):
        a.pay(order, other, "CREDIT", tip=200)
        a.save(order)
        a.wait(2, 10)
    void_check(a, other)
    a.save(order)
    a.wait(5, 25)
    settle_up(a, order)


def order_voided(a: Author) -> None:
    order, check = seat_party(a)
    a.wait(3, 25)
    if a.dice.chance(0.3):
        a.pay(order, check, "CREDIT", tip=150)
        a.save(order)
        a.wait(2, 10)
    void_order(a, order)
    a.save(order)


def order_voided_days_later(a: Author) -> None:
    order, _ = seat_party(a)
    a.wait(15, 50)
    settle_up(a, order, "CREDIT")
    a.days_later()
    void_order(a, order)
    a.save(order)


def void_and_rering(a: Author) -> None:
    """Rung on the wrong table: voided, and rung again as an order of its own."""
    wrong, check = seat_party(a)
    a.wait(2, 8)
    right = a.open("Dine In", wrong.guests)
    right.checks[0].lines = [_rung_again(a, line) for line in check.lines]
    void_order(a, wrong)
    a.save(wrong, right)
    a.wait(15, 40)
    settle_up(a, right)


def _rung_again(a: Author, line: Line) -> Line:
    """The same dish as a new line, its modifiers new lines too."""
    modifiers = tuple(_rung_again(a, modifier) for modifier in line.modifiers)
    return replace(line, guid=a.dice.guid(), created=a.now, modified=a.now, modifiers=modifiers)


def payment_voided(a: Author) -> None:
    """The wrong card was charged: that payment is voided, another taken."""
    order, check = seat_party(a)
    a.wait(15, 50)
    settle(check)
    wrong = a.pay(order, check, a.dice.pick(("CREDIT", "CREDIT", "CASH")), tip=0)
    if wrong.kind == "CREDIT":
        wrong.tip = a.tip_on(check)
    a.save(order)
    a.wait(1, 6)
    void_payment(a, wrong)
    check.status, check.paid, order.paid = "OPEN", 0, 0
    a.save(order)
    a.wait(1, 3)
    settle_up(a, order)


def order_deleted(a: Author) -> None:
    """Opened by mistake and removed."""
    order, _ = seat_party(a, guests=1)
    a.wait(1, 10)
    delete_order(a, order)
    a.save(order)


# --- refunds ------------------------------------------------------------------------------------------------------------


def _eaten_and_paid(a: Author, means: str = "CREDIT", lines: int = 3) -> tuple[Order, Check, Payment]:
    """An order with at least so many lines, paid with one payment and done with; then the day of the refund."""
    order = a.open("Dine In", 2)
    check = order.checks[0]
    a.serve(check, lines, order)
    if a.dice.chance(0.2):
        a.take_off_check(check, "check_ten")
    a.save(order)
    a.wait(15, 50)
    settle_up(a, order, means)
    a.days_later()
    return order, check, check.payments[0]


def refund_of_items(a: Author) -> None:
    order, check, payment = _eaten_and_paid(a, a.dice.pick(("CREDIT", "CREDIT", "CASH")))
    refund(a, payment, [whole(line) for line in check.lines[: a.dice.between(1, 2)]])
    a.save(order)


def refund_same_evening(a: Author) -> None:
    """Before the order's own closeout."""
    order, check = seat_party(a)
    a.wait(15, 40)
    a.pay(order, check, "CREDIT")
    a.close(order)
    a.save(order)
    a.wait(2, 15)
    refund(a, check.payments[0], [whole(dearest(check))])
    a.save(order)
    a.closeout(order)


def refund_partial(a: Author) -> None:
    order, check, payment = _eaten_and_paid(a)
    refund(a, payment, [part(dearest(check), a.dice.pick((0.25, 0.5, 0.333)))])
    a.save(order)


def refund_in_full(a: Author) -> None:
    order, check, payment = _eaten_and_paid(a)
    refund(a, payment, [whole(line) for line in check.lines], tip=payment.tip)
    a.save(order)


def refund_with_tip(a: Author) -> None:
    order, check, payment = _eaten_and_paid(a)
    payment.tip = payment.tip or 700
    a.save(order)
    a.wait(1, 5)
    refund(a, payment, [whole(check.lines[0])], tip=payment.tip // 2)
    a.save(order)


def refund_twice(a: Author) -> None:
    """Both on one payment and one business date: the second replaces the first, which only its lines still show."""
    order, check, payment = _eaten_and_paid(a)
    refund(a, payment, [whole(check.lines[0])])
    a.save(order)
    a.wait(3, 20)
    refund(a, payment, [whole(check.lines[1])])
    a.save(order)


def refund_of_two_payments(a: Author) -> None:
    """On different days, each of another payment."""
    order = a.open("Dine In", 3)
    check = order.checks[0]
    a.serve(check, 4, order)
    a.save(order)
    a.wait(15, 50)
    settle(check)
    _pay_in_two(a, order, check, "CREDIT")
    settle_up(a, order, tip=False)
    for payment in check.payments:
        a.days_later()
        line = min((line for line in check.lines if not line.refund), key=lambda line: line.net)
        refund(a, payment, [whole(line)])
        a.save(order)


def refund_custom_amount(a: Author) -> None:
    """An amount that names no line: no refundDetails anywhere."""
    order, _, payment = _eaten_and_paid(a)
    refund(a, payment, [], beyond=min(a.dice.pick((500, 1_000, 1_234, 2_000)), payment.amount))
    a.save(order)


def refund_mixed(a: Author) -> None:
    """A line, and an amount beyond it."""
    order, check, payment = _eaten_and_paid(a)
    refund(a, payment, [whole(check.lines[0])], beyond=250)
    a.save(order)


def refund_of_tax(a: Author) -> None:
    """The guest was tax exempt after all: refundAmount 0 in the details, the tax alone goes back."""
    order, check, payment = _eaten_and_paid(a)
    refund(a, payment, [(line, 0, line.tax) for line in check.lines if line.tax])
    a.save(order)


def refund_of_tip(a: Author) -> None:
    order, check, payment = _eaten_and_paid(a)
    payment.tip = payment.tip or a.tip_on(check)
    a.save(order)
    a.wait(1, 5)
    refund(a, payment, [], tip=payment.tip)
    a.save(order)


def refund_of_charges(a: Author) -> None:
    """Service charges go back: one that is a sale, one that is a gratuity and so is not."""
    order, check = seat_party(a, guests=a.dice.between(6, 8))
    a.charge(check, "kitchen")
    a.charge(check, "auto_gratuity")
    if a.dice.chance(0.4):
        a.charge(check, "fundraising", 100)
    a.wait(30, 70)
    settle_up(a, order, "CREDIT", tip=False)
    a.days_later()
    refund(a, check.payments[0], [whole(charge) for charge in check.charges])
    a.save(order)


def refund_of_gift_card(a: Author) -> None:
    """A line that was never a sale goes back, with one that was."""
    order, check = seat_party(a)
    card = special_line(a, check, "Toast Gift Card", 5_000, "TOAST_CARD_SELL")
    a.wait(15, 40)
    settle_up(a, order, "CREDIT", tip=False)
    a.days_later()
    refund(a, check.payments[0], [whole(card), *([whole(check.lines[0])] if a.dice.chance(0.5) else [])])
    a.save(order)


def refund_in_test_mode(a: Author) -> None:
    order = a.open("Dine In", 1)
    order.test = True
    a.serve(order.checks[0], 2, order)
    a.save(order)
    a.wait(1, 5)
    settle_up(a, order, "CASH")
    refund(a, order.checks[0].payments[0], [whole(order.checks[0].lines[0])])
    a.save(order)


def test_mode(a: Author) -> None:
    a.quirk = "test"
    dine_in(a)
