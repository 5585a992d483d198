"""Scenes of what is on a check: kinds of lines, discounts, service charges, seats, and several checks from the start."""

from __future__ import annotations

from msgspec.structs import replace

from restaurant_os.simulator.bill import Check, Line, Order, settle, without_tax
from restaurant_os.simulator.businessdays import MINUTE
from restaurant_os.simulator.catalog import TaxRate
from restaurant_os.simulator.story import Author
from restaurant_os.simulator.visits import appetite, at_the_bar, dine_in, plain, seat_party, settle_up


def _then_pay(a: Author, order: Order, means: str | None = None, tip: bool = True) -> None:
    a.wait(15, 55)
    settle_up(a, order, means, tip)


# --- lines --------------------------------------------------------------------------------------------------------------


def special_line(a: Author, check: Check, name: str, cents: int, kind: str | None, taxes: tuple[TaxRate, ...] = ()) -> Line:
    """A line that is no dish: it has neither item nor group."""
    line = Line(a.dice.guid(), name, 1.0, cents, cents, taxes, a.now, a.now, kind=kind)
    check.lines.append(line)
    return line


def gift_card_sold(a: Author) -> None:
    order = a.open("Take Out", None, "In Store")
    special_line(a, order.checks[0], "Toast Gift Card", a.dice.pick((2_500, 5_000, 10_000)), "TOAST_CARD_SELL")
    if a.dice.chance(0.5):
        a.serve(order.checks[0], 1, order)
    _then_pay(a, order)


def gift_card_reloaded(a: Author) -> None:
    order, check = seat_party(a)
    special_line(a, check, "Gift Card Reload", 5_000, "TOAST_CARD_RELOAD")
    _then_pay(a, order)


def gift_card_of_old(a: Author) -> None:
    """As before May 2025: no selectionType, known by its name alone."""
    order, check = seat_party(a)
    special_line(a, check, "Gift Card", 3_000, None)
    _then_pay(a, order)


def deferred_line(a: Author) -> None:
    order, check = seat_party(a)
    a.add(check, order, a.shop.ticket).deferred = True
    a.save(order)
    _then_pay(a, order)


def house_account_balance_paid(a: Author) -> None:
    order = a.open("Take Out", None, "In Store")
    special_line(a, order.checks[0], "House Account Payment", a.dice.between(50, 400) * 100, "HOUSE_ACCOUNT_PAY_BALANCE")
    if a.dice.chance(0.3):
        a.serve(order.checks[0], 1, order)
    _then_pay(a, order, a.dice.pick(("CASH", "CREDIT")), tip=False)


def weighed_item(a: Author) -> None:
    order, check = seat_party(a)
    line = a.add(check, order, a.shop.weighed, 1)
    hundredths = a.dice.between(35, 480)
    line.quantity = hundredths / 100
    line.gross = (hundredths * line.unit_price + 50) // 100
    a.save(order)
    _then_pay(a, order)


def open_item(a: Author) -> None:
    order, check = seat_party(a)
    special_line(a, check, "Open Food", a.dice.between(300, 2_500), "OPEN_ITEM", (a.shop.food_tax,))
    _then_pay(a, order)


def special_request(a: Author) -> None:
    order, check = seat_party(a)
    special_line(a, check, "Allergy: nuts", 0, "SPECIAL_REQUEST")
    _then_pay(a, order)


def tax_inclusive_line(a: Author) -> None:
    """A drink sold with tax in its price; of a discount on it a part is tax, so nonTaxDiscountAmount is the smaller."""
    order, check = seat_party(a)
    taxes = (a.shop.food_tax,)
    line = special_line(a, check, "Stadium Lager", a.dice.pick((900, 1_100, 1_250)), "NONE", taxes)
    line.inclusive = line.unit_price
    line.gross = without_tax(line.inclusive, taxes)
    if a.dice.chance(0.5):
        discount = replace(a.discount("item_coupon"), non_tax_known=True)
        line.discounts = (replace(discount, amount=line.gross - without_tax(line.inclusive - discount.cents, taxes)),)
    _then_pay(a, order)


def tax_exempt_check(a: Author) -> None:
    order, check = seat_party(a)
    check.tax_exempt = True
    a.save(order)
    _then_pay(a, order)


def repriced_at_noon(a: Author) -> None:
    """The same item, ordered before and after its price changed."""
    a.come(a.day.noon - 20 * MINUTE)
    order, check = seat_party(a)
    a.add(check, order, a.day.repriced, 1)
    a.save(order)
    a.come(a.day.noon + 10 * MINUTE)
    a.add(check, order, a.day.repriced, 1)
    a.save(order)
    _then_pay(a, order)


# --- seats and checks ---------------------------------------------------------------------------------------------------


def seats(a: Author) -> None:
    guests = a.dice.between(2, 6)
    order, check = seat_party(a, guests=guests)
    for line in check.lines:
        line.seat = a.dice.between(0, guests)  # 0 is shared by the table
    a.save(order)
    _then_pay(a, order)


def several_checks(a: Author) -> None:
    guests = a.dice.between(2, 4)
    order = a.open("Dine In", guests)
    while len(order.checks) < guests - (guests == 4):
        a.new_check(order)
    for seat, check in enumerate(order.checks, start=1):
        for _ in range(appetite(a, 1)):
            a.add(check, order, seat=seat)
    a.save(order)
    _then_pay(a, order)


# --- discounts ----------------------------------------------------------------------------------------------------------


def item_discount(a: Author) -> None:
    order, check = seat_party(a)
    a.take_off_line(check.lines[0], a.dice.pick(("happy_hour", "item_coupon")))
    a.save(order)
    _then_pay(a, order)


def manager_discount(a: Author) -> None:
    order, check = seat_party(a)
    a.take_off_line(a.dice.pick(check.lines), "manager_open", a.dice.between(100, 900))
    a.save(order)
    _then_pay(a, order)


def two_for_one(a: Author) -> None:
    order, check = seat_party(a)
    first = check.lines[0]
    dish = a.dice.pick(a.shop.cheap)
    a.take_off_line(a.add(check, order, dish, 1), "bogo").trigger = first.guid
    a.save(order)
    _then_pay(a, order)


def check_discount(a: Author) -> None:
    order, check = seat_party(a)
    a.take_off_check(check, a.dice.pick(("check_ten", "check_ten", "check_five_off", "combo")))
    if a.dice.chance(0.3):
        a.take_off_line(a.dice.pick(check.lines), "happy_hour")
    a.save(order)
    _then_pay(a, order)


def promo_code(a: Author) -> None:
    order, check = seat_party(a)
    a.take_off_check(check, "check_five_off").promo = "WELCOME5"
    a.save(order)
    _then_pay(a, order)


def loyalty_reward(a: Author) -> None:
    order, check = seat_party(a)
    discount = a.take_off_check(check, "loyalty")
    discount.loyalty, discount.state = True, "PENDING_APPLIED"
    a.save(order)
    a.wait(5, 20)
    check.discounts = (replace(check.discounts[0], state="APPLIED"),)
    _then_pay(a, order)


def loyalty_reward_voided(a: Author) -> None:
    """The reward was taken back before payment: the discount is still listed, VOID, and takes nothing off."""
    order, check = seat_party(a)
    discount = a.take_off_check(check, "loyalty")
    discount.loyalty, discount.state = True, "APPLIED"
    a.save(order)
    a.wait(3, 10)
    check.discounts = (replace(check.discounts[0], state="VOID"),)
    a.save(order)
    _then_pay(a, order)


def full_comp(a: Author) -> None:
    order, check = seat_party(a)
    a.take_off_check(check, "comp")
    a.save(order)
    a.wait(15, 50)
    settle(check)
    a.mark_paid(order, check)
    a.close(order)
    a.save(order)


def employee_meal(a: Author) -> None:
    order = a.open("Dine In", 1)
    a.serve(order.checks[0], a.dice.between(1, 2), order)
    a.take_off_check(order.checks[0], "employee")
    a.save(order)
    _then_pay(a, order, tip=False)


# --- service charges ----------------------------------------------------------------------------------------------------


def _charged(a: Author, key: str, amount: int | None = None) -> None:
    order, check = seat_party(a)
    a.wait(15, 50)
    a.charge(check, key, amount)
    a.save(order)
    settle_up(a, order)


def kitchen_charge(a: Author) -> None:
    _charged(a, "kitchen")


def corkage(a: Author) -> None:
    _charged(a, "corkage", a.dice.pick((1_500, 2_000, 3_000)))


def fundraising(a: Author) -> None:
    _charged(a, "fundraising", a.dice.between(15, 500))


def auto_gratuity(a: Author) -> None:
    guests = a.dice.between(6, 10)
    order, check = seat_party(a, guests=guests)
    a.wait(40, 80)
    a.charge(check, "auto_gratuity")
    a.save(order)
    settle_up(a, order, tip=a.dice.chance(0.2))


def card_surcharge(a: Author) -> None:
    order, check = seat_party(a)
    a.wait(15, 50)
    settle(check)
    surcharge = a.charge(check, "surcharge", (check.due * 25 + 500) // 1_000)
    surcharge.payment_guid = a.pay(order, check, "CREDIT").guid
    a.save(order)
    settle_up(a, order)


def cash_rounding(a: Author) -> None:
    """Cash is taken in steps of five cents; the charge may be negative."""
    order, check = seat_party(a)
    a.wait(15, 50)
    settle(check)
    if change := (check.due + 2) // 5 * 5 - check.due:
        rounding = a.charge(check, "rounding", change)
        rounding.payment_guid = a.pay(order, check, "CASH").guid
    settle_up(a, order, "CASH")


# --- odd values ---------------------------------------------------------------------------------------------------------


def unknown_source(a: Author) -> None:
    a.quirk = "source"
    dine_in(a)


def unknown_card_type(a: Author) -> None:
    a.quirk = "card"
    order, _ = seat_party(a)
    _then_pay(a, order, "CREDIT")


def unknown_selection_type(a: Author) -> None:
    a.quirk = "selection"
    dine_in(a)


def unknown_payment_type(a: Author) -> None:
    order, _ = seat_party(a)
    _then_pay(a, order, "BUY_NOW_PAY_LATER", tip=False)


def null_references(a: Author) -> None:
    a.quirk = "nulls"
    a.dice.pick((dine_in, at_the_bar, plain))(a)


def float_artefacts(a: Author) -> None:
    a.quirk = "blurred"
    dine_in(a)
