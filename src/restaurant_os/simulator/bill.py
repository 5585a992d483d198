"""An order while it lives: checks, lines, payments, and the arithmetic that keeps their amounts true to the cent.

An author (`story.py`) changes these objects; every version keeps a `snapshot` of them. Money is integer cents, instants are
milliseconds since the epoch (UTC), business dates are ordinals; 0 stands for "not yet" in instants and dates.

The arithmetic (Toast orders API, field reference): a line's gross holds quantity and modifiers; its net is the gross without
its own discounts and its share of the check's; tax is reckoned on the net, each rate rounded half up; a voided line has no tax
and leaves every sum.
"""

from __future__ import annotations

from copy import copy

from msgspec import Struct
from msgspec.structs import replace

from restaurant_os.simulator.catalog import RATE_UNIT, Ref, TaxRate

#: Lines that bring no sale: money put aside for later, or paid on an account.
STORED_VALUE = frozenset({"TOAST_CARD_SELL", "TOAST_CARD_RELOAD", "HOUSE_ACCOUNT_PAY_BALANCE"})
OLD_GIFT_CARD = "Gift Card"
#: Service charges that are no sale although `check.amount` holds them.
PASSED_ON = frozenset({"FUNDRAISING_CAMPAIGN", "CREDIT_CARD_SURCHARGE", "CASH_ROUNDING"})
#: Statuses of a payment that never came about.
FAILED = frozenset({"DENIED", "ERROR", "CANCELLED"})


class Discount(Struct, gc=False):
    guid: str
    ref: Ref | None
    name: str
    kind: str
    percent: int  #: whole percent; 0 for a fixed amount
    cents: int  #: a fixed amount, before it is cut to what there is
    amount: int = 0  #: what it takes off, set by `settle`
    non_tax_known: bool = True
    approver: Ref | None = None
    reason: str | None = None
    state: str | None = None  #: processingState; VOID takes nothing off
    loyalty: bool = False
    promo: str | None = None
    trigger: str | None = None  #: guid of the line that earned it


class RefundPart(Struct, gc=False, frozen=True):
    """A line's or charge's part of a refund; `amount` without tax."""

    amount: int
    tax: int
    transaction: str
    date: int


class Line(Struct, gc=False):
    guid: str
    name: str
    quantity: float
    unit_price: int
    gross: int
    taxes: tuple[TaxRate, ...]
    created: int
    modified: int
    item: Ref | None = None
    group: Ref | None = None
    option_group: Ref | None = None
    pre_modifier: Ref | None = None
    category: Ref | None = None
    dining: Ref | None = None
    seat: int = -1
    unit: str = "NONE"
    plu: str | None = None
    kind: str | None = "NONE"  #: selectionType
    mode: str | None = None  #: optionGroupPricingMode
    status: str = "SENT"
    deferred: bool = False
    discounts: tuple[Discount, ...] = ()
    modifiers: tuple[Line, ...] = ()
    share: int = 0  #: of the check's discounts, set by `settle`
    tax: int = 0  #: set by `settle`
    inclusive: int = 0  #: the price with tax in it, for a line sold so; then tax is what the gross leaves of it
    free: bool = False  #: excess food: a price of zero, the gross stands
    voided: int = 0
    void_date: int = 0
    void_reason: Ref | None = None
    refund: RefundPart | None = None
    blurred: bool = False  #: show its money with a float artefact

    @property
    def net(self) -> int:
        if self.free:
            return 0
        if not self.discounts:
            return self.gross - self.share
        return self.gross - sum(d.amount for d in self.discounts if d.state != "VOID") - self.share

    @property
    def is_sale(self) -> bool:
        """Counted as sales, if its order and check are. Toast developer guide, "net sales calculation"."""
        return not (self.voided or self.deferred or self.free or self.kind in STORED_VALUE or self.name == OLD_GIFT_CARD)

    @property
    def is_discountable(self) -> bool:
        return self.is_sale


class Charge(Struct, gc=False):
    guid: str
    ref: Ref | None
    name: str
    kind: str
    amount: int
    gratuity: bool
    category: str
    taxes: tuple[TaxRate, ...] = ()
    tax: int = 0
    payment_guid: str | None = None
    where: str = "dine_in"  #: dine_in, takeout or delivery
    refund: RefundPart | None = None

    @property
    def is_sale(self) -> bool:
        return not self.gratuity and self.category not in PASSED_ON


class Refund(Struct, gc=False, frozen=True):
    """A refund as its payment shows it; `amount` holds tax and no tip."""

    transaction: str
    amount: int
    tip: int
    made: int
    date: int


class VoidInfo(Struct, gc=False, frozen=True):
    user: Ref | None
    approver: Ref | None
    made: int
    date: int
    reason: Ref | None


class Payment(Struct, gc=False):
    guid: str
    kind: str
    amount: int
    paid: int
    paid_date: int
    status: str | None
    tip: int = 0
    tendered: int | None = None
    card: str | None = None
    entry: str | None = None
    first6: str | None = None
    last4: str | None = None
    card_id: str | None = None
    fee: int | None = None
    server: Ref | None = None
    drawer: Ref | None = None
    house_account: Ref | None = None
    other: Ref | None = None
    device: str | None = None
    refund: Refund | None = None
    refund_status: str = "NONE"
    void: VoidInfo | None = None

    @property
    def is_voided(self) -> bool:
        return self.void is not None or self.status == "VOIDED"

    @property
    def stands(self) -> bool:
        """Money changed hands, and was not taken back by a void."""
        return self.void is None and self.status not in FAILED and self.status != "VOIDED"


class Check(Struct, gc=False):
    guid: str
    number: str | None
    opened: int
    created: int
    modified: int
    opened_by: Ref | None
    device: str
    tab: str | None = None
    paid: int = 0
    closed: int = 0
    deleted: int = 0
    voided: int = 0
    void_date: int = 0
    status: str = "OPEN"
    tax_exempt: bool = False
    lines: list[Line] = []
    discounts: tuple[Discount, ...] = ()
    charges: list[Charge] = []
    payments: list[Payment] = []

    @property
    def amount(self) -> int:
        whole = 0
        for line in self.lines:
            if not line.voided:
                whole += line.net
        for charge in self.charges:
            if not charge.gratuity:
                whole += charge.amount
        return whole

    @property
    def tax(self) -> int:
        whole = 0
        for line in self.lines:
            whole += line.tax
        for charge in self.charges:
            whole += charge.tax
        return whole

    @property
    def due(self) -> int:
        """What the guest owes: amount, tax and gratuity charges."""
        return self.amount + self.tax + sum(c.amount for c in self.charges if c.gratuity)


class Order(Struct, gc=False):
    guid: str
    number: str | None
    business: int
    opened: int
    created: int
    modified: int
    source: str | None
    dining: Ref | None
    device: str
    last_device: str
    guests: int | None = 1
    revenue: Ref | None = None
    server: Ref | None = None
    table: Ref | None = None
    area: Ref | None = None
    service: Ref | None = None
    promised: int = 0
    estimated: int = 0
    paid: int = 0
    closed: int = 0
    deleted: int = 0
    voided: int = 0
    void_date: int = 0
    excess: bool = False
    test: bool = False
    approval: str = "APPROVED"
    prep: str | None = None
    external: str | None = None
    packaging: str | None = None
    checks: list[Check] = []


def snapshot(order: Order) -> Order:
    """A copy that later changes of the order leave alone. Modifiers, discounts and refunds are shared: they are replaced, never changed."""
    twin = copy(order)
    checks = []
    for check in order.checks:
        other = copy(check)
        other.lines = [*map(copy, check.lines)]
        other.charges = [*map(copy, check.charges)] if check.charges else []
        other.payments = [*map(copy, check.payments)] if check.payments else []
        checks.append(other)
    twin.checks = checks
    return twin


def share_of(amount: int, rate: int) -> int:
    """`amount` times a rate in 1/100,000, rounded half up to the cent."""
    return (amount * rate + RATE_UNIT // 2) // RATE_UNIT


def tax_on(net: int, taxes: tuple[TaxRate, ...]) -> int:
    total = 0
    for tax in taxes:
        total += share_of(net, tax.rate)
    return total


def without_tax(price: int, taxes: tuple[TaxRate, ...]) -> int:
    """The part of a tax-inclusive price that is not tax, rounded half up."""
    whole = RATE_UNIT + sum(tax.rate for tax in taxes)
    return (2 * price * RATE_UNIT + whole) // (2 * whole)


def spread(total: int, weights: list[int]) -> list[int]:
    """Split `total` cents by weights so that the parts add up: the cents left over go one each to the largest remainders."""
    whole = sum(weights)
    if not whole or not total:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_rest[: total - sum(parts)]:
        parts[i] += 1
    return parts


def settle(check: Check) -> None:
    """Bring a check's discounts, shares and taxes in line with its lines. To be called after any change of lines or discounts."""
    for line in check.lines:
        line.share = 0
    if check.discounts:
        _spread_discounts(check)
    for line in check.lines:
        if line.voided or line.free or check.tax_exempt:
            line.tax = 0
        elif line.inclusive:
            line.tax = line.inclusive - sum(d.cents for d in line.discounts) - line.net
        else:
            line.tax = tax_on(line.net, line.taxes)
    for charge in check.charges:
        charge.tax = 0 if check.tax_exempt else tax_on(charge.amount, charge.taxes)


def _spread_discounts(check: Check) -> None:
    lines = [line for line in check.lines if line.is_discountable and not line.inclusive]
    settled = []
    for discount in check.discounts:
        left = [line.net for line in lines]
        base = sum(left)
        amount = share_of(base, discount.percent * RATE_UNIT // 100) if discount.percent else min(discount.cents, base)
        settled.append(discount if discount.amount == amount else replace(discount, amount=amount))
        if discount.state != "VOID":
            for line, part in zip(lines, spread(amount, left), strict=True):
                line.share += part
    check.discounts = tuple(settled)
