"""The life of an order, told step by step: opened, added to, paid, closed, tipped, stamped at closeout, refunded days later.

An `Author` has the dice, the clock and the shop of one party of guests. Scenes (`scenes.py` and its neighbours) tell the author
what happens; each `save` makes a version of an order, strictly later than the one before, and posts to the books what it changed.
"""

from __future__ import annotations

from typing import NamedTuple

from restaurant_os.simulator.bill import Charge, Check, Discount, Line, Order, Payment, settle, share_of, snapshot, tax_on
from restaurant_os.simulator.books import Contributions, Postings
from restaurant_os.simulator.businessdays import DAY, HOUR, MINUTE, SECOND
from restaurant_os.simulator.catalog import Dish, Options, Promotion, Ref, Shop
from restaurant_os.simulator.counting import contributions
from restaurant_os.simulator.dice import Dice, Weighted
from restaurant_os.simulator.people import CASHLESS
from restaurant_os.simulator.rhythm import placed, promotion_ref

#: No story runs longer than this after the day it began on; none is promised for later than `LONGEST_LEAD` days ahead.
LONGEST_STORY = 20 * DAY
LONGEST_LEAD = 14

_SOURCES = Weighted([("In Store", 96.0), ("Order-and-Pay-at-Table", 4.0)])
_CARDS = Weighted([("VISA", 52.0), ("MASTERCARD", 27.0), ("AMEX", 15.0), ("DISCOVER", 5.0), ("INTERAC", 1.0)])
_ENTRIES = Weighted([("EMV_CHIP_SIGN", 50.0), ("CONTACTLESS", 40.0), ("SWIPED", 8.0), ("KEYED", 2.0)])
_QUANTITIES = Weighted([(1, 92.0), (2, 6.5), (3, 1.5)])
_TIP_RATES = Weighted([(15_000, 15.0), (18_000, 30.0), (20_000, 40.0), (22_000, 10.0), (25_000, 5.0)])
_LATER = (1, 1, 2, 3, 5, 8)
_NULL_SHARE = 0.004  #: of references that are null for no reason


class DayFacts(NamedTuple):
    """What an author must know of the business day his party comes on."""

    ordinal: int
    opens: int
    closes: int
    noon: int
    repriced: Dish  #: dearer or cheaper from noon on
    new_price: int
    outage: tuple[int, int] | None  #: offline from, until: what is saved in between arrives after it


def arrival(outage: tuple[int, int] | None, instant: int) -> int:
    """When the platform learns of what happens: at once, or when the line is back, pressed into some minutes."""
    if outage and outage[0] <= instant < outage[1]:
        return outage[1] + (instant - outage[0]) // 60
    return instant


class Story:
    """All versions of one order; `times` (ms) strictly grow, `dates` are the business dates it carries."""

    __slots__ = ("bodies", "dates", "guid", "states", "times")

    def __init__(self, guid: str) -> None:
        self.guid = guid
        self.times: list[int] = []
        self.dates: list[int] = []
        self.states: list[Order] = []
        self.bodies: dict[int, bytes] = {}


class Author:
    """Tells the story of one party. Moves `now` forward; all amounts are cents, all instants ms."""

    def __init__(self, shop: Shop, day: DayFacts, number: int, arrival: int, seed: int, postings: Postings | None) -> None:
        self.shop = shop
        self.day = day
        self.number = number
        self.now = arrival
        self.dice = Dice(seed)
        self.stories: list[Story] = []
        self._told: dict[str, tuple[Story, Contributions]] = {}
        self._postings = postings
        #: Set by a scene to make what follows odd: "source", "payment", "card", "selection", "nulls", "blurred", "test".
        self.quirk = ""

    # --- time ---------------------------------------------------------------------------------------------------------

    def wait(self, low: float, high: float) -> None:
        """Let between `low` and `high` minutes pass."""
        self.now += int((low + (high - low) * self.dice.random()) * MINUTE) + 1

    def come(self, instant: int) -> None:
        """Begin at another time than the party's own."""
        self.now = instant + self.dice.upto(MINUTE)

    def days_later(self, days: int | None = None) -> None:
        """Move on to the opening hours of a later business day."""
        days = self.dice.pick(_LATER) if days is None else days
        today = self.shop.calendar.date_of(self.now)
        self.now = max(self.now, self.shop.calendar.at(today + days, self.dice.between(11, 20), self.dice.upto(60))) + self.dice.upto(
            MINUTE
        )

    @property
    def today(self) -> int:
        return self.shop.calendar.date_of(self.now)

    # --- versions -----------------------------------------------------------------------------------------------------

    def save(self, *orders: Order) -> None:
        """Make a version of each order as it stands now."""
        for order in orders:
            for check in order.checks:
                settle(check)
                check.modified = self.now
            self._write(order)

    def touch(self, order: Order) -> None:
        """Make a version of an order of which no amount has changed."""
        for check in order.checks:
            check.modified = self.now
        self._write(order, same_sums=True)

    def _write(self, order: Order, same_sums: bool = False) -> None:
        story, before = self._told.get(order.guid) or (Story(order.guid), {})
        at = self._arrives(self.now)
        if story.times and at <= story.times[-1]:
            at = story.times[-1] + 1
        if not story.times:
            self.stories.append(story)
            order.created = at
        order.modified = at
        story.times.append(at)
        story.dates.append(order.business)
        story.states.append(snapshot(order))
        after = before
        if self._postings is not None and not same_sums:
            after = contributions(order)
            self._postings.post(at, before, after)
        self._told[order.guid] = (story, after)

    def _arrives(self, instant: int) -> int:
        """When the platform learns of a change."""
        return arrival(self.day.outage, instant)

    # --- opening ------------------------------------------------------------------------------------------------------

    def maybe(self, ref: Ref | None) -> Ref | None:
        """A reference that is null now and then."""
        return None if self.dice.random() < (0.5 if self.quirk == "nulls" else _NULL_SHARE) else ref

    def open(self, where: str = "Dine In", guests: int | None = 2, source: str | None = None) -> Order:
        """A new order with one empty check, not yet saved."""
        dice, shop = self.dice, self.shop
        seated = where == "Dine In"
        device = dice.pick(shop.devices)
        hour = (self.now - self.day.opens) // HOUR
        order = Order(
            guid=dice.guid(),
            number=None if self.quirk == "nulls" else "" if dice.chance(0.005) else str(self.number),
            business=self.day.ordinal,
            opened=self.now,
            created=self.now,
            modified=self.now,
            source=source or _SOURCES.draw(dice),
            dining=self.maybe(shop.dining[where]),
            device=device,
            last_device=device,
            guests=guests if dice.chance(0.98) else None,
            revenue=self.maybe(shop.centers["Bar" if where == "Bar" else "Dining Room" if seated else "Online"]),
            server=self.maybe(dice.pick(shop.servers)) if where in ("Dine In", "Bar") else None,
            table=self.maybe(dice.pick(shop.tables)) if seated else None,
            area=self.maybe(dice.pick(shop.areas)) if seated else None,
            service=self.maybe(shop.services["Lunch" if hour < 12 else "Dinner" if hour < 18 else "Late"]),
            external=f"CKAPI:{number}" if (number := dice.upto(2000)) < 12 else None,
            packaging=dice.guid() if where == "Take Out" and dice.chance(0.1) else None,
        )
        if self.quirk == "source":
            order.source = dice.pick(("Drive Thru Lane", "Voice Assistant"))
        elif self.quirk == "nulls":
            order.source = None
        elif self.quirk == "test":
            order.test = True
        self.new_check(order)
        return order

    def new_check(self, order: Order) -> Check:
        check = Check(
            guid=self.dice.guid(),
            number=order.number,
            opened=self.now,
            created=self.now,
            modified=self.now,
            opened_by=order.server,
            device=order.device,
            lines=[],
            charges=[],
            payments=[],
        )
        order.checks.append(check)
        return check

    # --- lines --------------------------------------------------------------------------------------------------------

    def serve(self, check: Check, count: int, order: Order) -> None:
        """Add so many lines off the menu."""
        for _ in range(count):
            self.add(check, order)

    def add(self, check: Check, order: Order, dish: Dish | None = None, quantity: int | None = None, seat: int = -1) -> Line:
        """Add one line: a dish with the modifiers that guests choose for it."""
        dice = self.dice
        dish = dish or dice.pick(self.shop.menu.draw(dice))
        quantity = quantity or _QUANTITIES.draw(dice)
        modifiers = self._modifiers(dish.options, quantity) if dish.options else ()
        cents = self.price_of(dish)
        item, group = placed(self.shop, dish, self.now)
        line = Line(
            guid=dice.guid(),
            name=dish.name,
            quantity=float(quantity),
            unit_price=cents,
            gross=quantity * cents + sum(modifier.gross for modifier in modifiers),
            taxes=dish.taxes,
            created=self.now,
            modified=self.now,
            item=self.maybe(item),
            group=self.maybe(group),
            category=self.maybe(dish.category),
            dining=order.dining,
            seat=seat,
            unit=dish.unit,
            plu=dish.plu,
            modifiers=modifiers,
            blurred=dice.random() < (0.6 if self.quirk == "blurred" else 0.002),
        )
        if self.quirk == "selection":
            line.kind = "BUNDLE"
        check.lines.append(line)
        return line

    def price_of(self, dish: Dish) -> int:
        return self.day.new_price if dish is self.day.repriced and self.now >= self.day.noon else dish.cents

    def _modifiers(self, groups: tuple[Options, ...], quantity: int) -> tuple[Line, ...]:
        dice, chosen = self.dice, []
        for options in groups:
            if dice.random() < options.share:
                first = dice.upto(len(options.dishes))
                for place in range(first, first + dice.between(1, options.most)):
                    chosen.append(self._modifier(options.dishes[place % len(options.dishes)], options, quantity))
        return tuple(chosen)

    def _modifier(self, dish: Dish, options: Options, quantity: int) -> Line:
        below = self._modifiers(dish.options, quantity) if dish.options else ()
        extra = dish.cents and self.dice.chance(0.04)
        count = quantity * 2 if extra else quantity
        return Line(
            guid=self.dice.guid(),
            name=dish.name,
            quantity=float(count),
            unit_price=dish.cents,
            gross=count * dish.cents + sum(modifier.gross for modifier in below),
            taxes=(),
            created=self.now,
            modified=self.now,
            item=dish.ref,
            option_group=options.ref,
            pre_modifier=self.shop.extra if extra else None,
            category=dish.category,
            mode=options.mode,
            modifiers=below,
        )

    # --- discounts and charges ----------------------------------------------------------------------------------------

    def discount(self, key: str, cents: int | None = None) -> Discount:
        promotion: Promotion = self.shop.promotions[key]
        by_hand = promotion.kind.startswith("OPEN")
        return Discount(
            guid=self.dice.guid(),
            ref=self.maybe(promotion_ref(self.shop, promotion, self.now)),
            name=promotion.name,
            kind=promotion.kind,
            percent=promotion.percent if cents is None else 0,
            cents=promotion.cents if cents is None else cents,
            non_tax_known=self.dice.chance(0.94),
            approver=self.maybe(self.dice.pick(self.shop.managers)) if by_hand else None,
            reason="Guest recovery" if by_hand else None,
        )

    def take_off_line(self, line: Line, key: str, cents: int | None = None) -> Discount:
        """Put a discount on a line. One at a time, as in Toast."""
        discount = self.discount(key, cents)
        discount.amount = share_of(line.gross, discount.percent * 1_000) if discount.percent else min(discount.cents, line.gross)
        line.discounts = (discount,)
        return discount

    def take_off_check(self, check: Check, key: str, cents: int | None = None) -> Discount:
        discount = self.discount(key, cents)
        check.discounts = (*check.discounts, discount)
        return discount

    def charge(self, check: Check, key: str, amount: int | None = None, where: str = "dine_in") -> Charge:
        """Put a service charge on a check; its amount is reckoned on the lines as they are now, before discounts."""
        fee = self.shop.fees[key]
        if amount is None:
            gross = sum(line.gross for line in check.lines if line.is_sale)
            amount = share_of(gross, fee.rate) if fee.rate else fee.cents
        taxes = (self.shop.food_tax,) if fee.taxed else ()
        charge = Charge(
            guid=self.dice.guid(),
            ref=self.maybe(fee.ref),
            name=fee.name,
            kind=fee.kind,
            amount=amount,
            gratuity=fee.gratuity,
            category=fee.category,
            taxes=taxes,
            tax=tax_on(amount, taxes),
            where=where,
        )
        check.charges.append(charge)
        return charge

    # --- money --------------------------------------------------------------------------------------------------------

    def tip_on(self, check: Check) -> int:
        return share_of(check.amount, _TIP_RATES.draw(self.dice))

    def pay(self, order: Order, check: Check, kind: str = "CREDIT", amount: int | None = None, tip: int = 0) -> Payment:
        """Take a payment, of all that is due unless an amount is given; the check is PAID once nothing is due."""
        settle(check)
        left = check.due - sum(p.amount for p in check.payments if not p.is_voided and p.status not in ("DENIED", "ERROR", "CANCELLED"))
        if kind == "CASH" and self.shop.restaurant.index == CASHLESS:
            kind = "OTHER"  # a telephone instead of notes; draws as much from the dice
        payment = Payment(
            guid=self.dice.guid(),
            kind=kind,
            amount=left if amount is None else amount,
            paid=self.now,
            paid_date=self.today,
            status=None,
            tip=tip,
            server=order.server,
            device=order.device,
        )
        if kind == "CREDIT":
            self._card(payment)
        elif kind == "CASH":
            payment.tendered = -(-payment.amount // 500) * 500
            payment.drawer = self.maybe(self.dice.pick(self.shop.drawers))
        elif kind == "GIFTCARD":
            payment.last4 = f"{self.dice.upto(10_000):04}"
        elif kind == "HOUSE_ACCOUNT":
            payment.house_account = self.maybe(self.dice.pick(self.shop.house_accounts))
        else:
            payment.other = self.maybe(self.dice.pick(self.shop.marketplaces))
        check.payments.append(payment)
        if payment.amount >= left:
            self.mark_paid(order, check)
        return payment

    def mark_paid(self, order: Order, check: Check) -> None:
        check.status, check.paid = "PAID", self.now
        if all(c.paid or c.deleted or c.voided or not c.lines for c in order.checks):
            order.paid = self.now

    def _card(self, payment: Payment) -> None:
        dice = self.dice
        payment.card = _CARDS.draw(dice)
        if self.quirk == "card":
            payment.card = "UNIONPAY"
        payment.entry = _ENTRIES.draw(dice)
        payment.first6 = "000000"
        payment.last4 = f"{dice.upto(10_000):04}"
        payment.card_id = f"card-{dice.getrandbits(48):012x}"
        payment.status = "AUTHORIZED"

    def close(self, order: Order) -> None:
        """Close every paid check, and the order once all are."""
        for check in order.checks:
            if check.status == "PAID" or (check.status == "OPEN" and not check.lines):
                check.status, check.closed = "CLOSED", self.now
        if all(check.closed or check.deleted or check.voided for check in order.checks):
            order.closed = self.now

    def closeout(self, order: Order) -> None:
        """The platform's stamp after closeout: cards are captured, closedDate and modifiedDate move, on orders paid by card."""
        cards = [p for check in order.checks for p in check.payments if p.kind == "CREDIT" and p.status == "AUTHORIZED" and not p.void]
        if not cards or not order.closed:
            return
        closes = self.shop.calendar.closes(self.shop.calendar.date_of(order.closed))
        self.now = max(self.now + SECOND, closes + self.dice.upto(6 * MINUTE) + 2 * SECOND)
        for payment in cards:
            payment.status = "CAPTURED"
            payment.fee = share_of(payment.amount + payment.tip, 2_490) + 15 if self.dice.chance(0.95) else None
        order.closed = self.now
        for check in order.checks:
            if check.closed:
                check.closed = self.now
        self.touch(order)
