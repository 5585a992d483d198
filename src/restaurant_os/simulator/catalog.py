"""What a location sells and how it is set up: menu, taxes, discounts, service charges, reasons, tables, staff.

References to configuration are kept as finished JSON (`msgspec.Raw`), since each is written into thousands of orders.
Prices are integer cents; rates are integers in 1/100,000 (8,875 is 8.875%).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from restaurant_os.simulator.businessdays import BusinessCalendar
from restaurant_os.simulator.dice import Dice, Weighted
from restaurant_os.simulator.people import BUSYNESS, Restaurant

Ref = msgspec.Raw
RATE_UNIT = 100_000


def reference(guid: str, entity: str, multi: str | None = None) -> Ref:
    """An ExternalReference as JSON, or a ConfigReference when it carries a `multiLocationId`."""
    more = f',"multiLocationId":"{multi}"' if multi else ""
    return Ref(f'{{"guid":"{guid}","entityType":"{entity}","externalId":null{more}}}'.encode())


class TaxRate(NamedTuple):
    ref: Ref
    name: str
    rate: int  #: in 1/100,000
    kind: str = "PERCENT"  #: EXTERNAL when a marketplace reckoned it
    facilitator: bool = False  #: the marketplace collects and remits it


class Options(NamedTuple):
    """A modifier group, and how guests use it."""

    ref: Ref
    dishes: tuple[Dish, ...]
    share: float  #: of the lines that take at least one
    most: int
    mode: str  #: optionGroupPricingMode


class Dish(NamedTuple):
    """A menu item as it is sold in one group at one price; a modifier option is one too."""

    ref: Ref
    group: Ref
    category: Ref | None
    name: str
    cents: int
    taxes: tuple[TaxRate, ...]
    options: tuple[Options, ...] = ()
    unit: str = "NONE"  #: unitOfMeasure; LB is weighed
    plu: str | None = None


class Promotion(NamedTuple):
    """A configured discount; `percent` (whole) or `cents`, the other is 0."""

    ref: Ref
    name: str
    kind: str
    percent: int
    cents: int


class Fee(NamedTuple):
    """A configured service charge; `rate` in 1/100,000 of the check, or `cents`."""

    ref: Ref
    name: str
    kind: str
    rate: int
    cents: int
    gratuity: bool
    taxed: bool
    category: str = "SERVICE_CHARGE"


_FOOD, _SOFT, _BEER, _WINE, _LIQUOR, _RETAIL = "Food", "NA Beverage", "Beer", "Wine", "Liquor", "Retail"
_ALCOHOL = {_BEER, _WINE, _LIQUOR}

#: Menu group: sales category, share of the lines, modifier groups, dishes with prices in cents.
MENU: dict[str, tuple[str, float, tuple[str, ...], tuple[tuple[str, int], ...]]] = {
    "Starters": (
        _FOOD,
        11,
        (),
        (("Pretzel Bites", 950), ("Wings", 1450), ("Hummus", 1050), ("Loaded Nachos", 1375), ("Soup of the Day", 695)),
    ),
    "Salads": (_FOOD, 7, ("Dressing", "Add Protein"), (("Caesar", 1195), ("Cobb", 1495), ("Garden Salad", 945))),
    "Burgers": (
        _FOOD,
        14,
        ("Temperature", "Burger Extras", "Side"),
        (("Kettle Burger", 1550), ("Mushroom Burger", 1625), ("Veggie Burger", 1475), ("Double Smash", 1795)),
    ),
    "Sandwiches": (_FOOD, 8, ("Side",), (("Club", 1395), ("Reuben", 1525), ("Grilled Cheese", 1095))),
    "Mains": (_FOOD, 10, ("Temperature",), (("Roast Chicken", 2150), ("Salmon", 2495), ("Strip Steak", 3295), ("Mushroom Risotto", 1950))),
    "Pizza": (_FOOD, 8, ("Toppings",), (("Margherita", 1495), ("Pepperoni", 1695), ("White Pie", 1650))),
    "Kids": (_FOOD, 3, ("Side",), (("Kids Burger", 795), ("Kids Pasta", 695))),
    "Sides": (_FOOD, 5, ("Dip",), (("Fries", 525), ("Onion Rings", 625), ("Slaw", 395))),
    "Desserts": (_FOOD, 5, (), (("Brownie", 795), ("Cheesecake", 895), ("Ice Cream", 550))),
    "Soft Drinks": (_SOFT, 11, (), (("Cola", 325), ("Lemonade", 375), ("Iced Tea", 325), ("Sparkling Water", 450))),
    "Coffee": (_SOFT, 5, ("Milk",), (("Drip Coffee", 350), ("Latte", 495), ("Cappuccino", 475))),
    "Draft Beer": (_BEER, 6, (), (("Pale Ale", 700), ("Lager", 625), ("Stout", 750))),
    "Wine": (_WINE, 4, (), (("House Red", 1050), ("House White", 1000), ("Rosé", 1100))),
    "Cocktails": (_LIQUOR, 5, ("Spirit",), (("Old Fashioned", 1395), ("Margarita", 1250), ("Mule", 1225))),
    "Retail": (_RETAIL, 1, (), (("Hot Sauce", 899), ("Mug", 1499))),
}
#: Modifier group: share of lines that use it, most options at once, pricing mode, options with prices, the groups below an option.
OPTIONS: dict[str, tuple[float, int, str, tuple[tuple[str, int], ...], tuple[str, ...]]] = {
    "Temperature": (0.8, 1, "INCLUDED", (("Medium Rare", 0), ("Medium", 0), ("Well Done", 0)), ()),
    "Burger Extras": (
        0.4,
        3,
        "ADJUSTS_PRICE",
        (("Cheddar", 150), ("Bacon", 250), ("Avocado", 225), ("Fried Egg", 200), ("No Onion", 0)),
        (),
    ),
    "Side": (0.6, 1, "ADJUSTS_PRICE", (("Side Fries", 0), ("Side Salad", 200), ("Sweet Potato Fries", 175)), ("Dip",)),
    "Dip": (0.25, 2, "FIXED_PRICE", (("Ranch", 75), ("Aioli", 100), ("Ketchup", 0)), ()),
    "Dressing": (0.7, 1, "INCLUDED", (("House Dressing", 0), ("Blue Cheese", 0), ("On the Side", 0)), ()),
    "Add Protein": (0.35, 1, "ADJUSTS_PRICE", (("Add Chicken", 500), ("Add Shrimp", 700), ("Add Tofu", 400)), ()),
    "Toppings": (0.5, 3, "ADJUSTS_PRICE", (("Mushrooms", 150), ("Olives", 150), ("Sausage", 250), ("Extra Cheese", 200)), ()),
    "Milk": (0.4, 1, "REPLACES_PRICE", (("Oat Milk", 85), ("Whole Milk", 0)), ()),
    "Spirit": (0.3, 1, "ADJUSTS_PRICE", (("Top Shelf", 400), ("House Pour", 0)), ()),
}
_GROUPS = tuple(MENU)
_PROMOTIONS = {
    "happy_hour": ("Happy Hour", "PERCENT", 20, 0),
    "item_coupon": ("Coupon $3", "FIXED", 0, 300),
    "bogo": ("Two for One", "BOGO", 100, 0),
    "manager_open": ("Manager Discount", "OPEN_FIXED", 0, 500),
    "check_ten": ("10% Neighbors", "PERCENT", 10, 0),
    "check_five_off": ("$5 Off", "FIXED", 0, 500),
    "combo": ("Lunch Combo", "FIXED_TOTAL", 0, 250),
    "comp": ("Full Comp", "OPEN_PERCENT", 100, 0),
    "employee": ("Employee Meal", "PERCENT", 50, 0),
    "loyalty": ("Loyalty Reward", "FIXED", 0, 500),
}
#: What a discount is, by its name: what the house gives away because of a fault, what brings guests in, staff's, loyalty's.
DISCOUNT_KINDS = {
    "comp": ("Full Comp", "Manager Discount"),
    "promo": ("Happy Hour", "Coupon $3", "Two for One", "10% Neighbors", "$5 Off", "Lunch Combo"),
    "employee": ("Employee Meal",),
    "loyalty": ("Loyalty Reward",),
}
COMPS = frozenset(DISCOUNT_KINDS["comp"])
_FEES = {
    "kitchen": ("Kitchen Appreciation 3%", "PERCENT", 3_000, 0, False, True, "SERVICE_CHARGE"),
    "delivery": ("Delivery Fee", "FIXED", 0, 399, False, True, "SERVICE_CHARGE"),
    "corkage": ("Corkage", "OPEN", 0, 2_000, False, False, "SERVICE_CHARGE"),
    "catering": ("Catering Setup", "PERCENT", 10_000, 0, False, True, "SERVICE_CHARGE"),
    "auto_gratuity": ("Large Party Gratuity 20%", "PERCENT", 20_000, 0, True, False, "SERVICE_CHARGE"),
    "driver_gratuity": ("Delivery Gratuity", "OPEN", 0, 500, True, False, "SERVICE_CHARGE"),
    "surcharge": ("Card Surcharge 2.5%", "PERCENT", 2_500, 0, False, False, "CREDIT_CARD_SURCHARGE"),
    "fundraising": ("Round Up for Food Bank", "OPEN", 0, 100, False, False, "FUNDRAISING_CAMPAIGN"),
    "rounding": ("Cash Rounding", "OPEN", 0, 0, False, False, "CASH_ROUNDING"),
}


@dataclass(slots=True)
class Shop:
    """One location ready to trade. Everything an author draws from when telling an order's story."""

    restaurant: Restaurant
    calendar: BusinessCalendar
    busyness: float
    menu: Weighted[tuple[Dish, ...]]
    cheap: tuple[Dish, ...]
    alcohol: tuple[Dish, ...]
    weighed: Dish
    platter: Dish
    ticket: Dish
    food_tax: TaxRate
    external_tax: TaxRate
    promotions: dict[str, Promotion]
    fees: dict[str, Fee]
    dining: dict[str, Ref]
    centers: dict[str, Ref]
    areas: tuple[Ref, ...]
    tables: tuple[Ref, ...]
    services: dict[str, Ref]
    servers: tuple[Ref, ...]
    managers: tuple[Ref, ...]
    devices: tuple[str, ...]
    drawers: tuple[Ref, ...]
    void_reasons: tuple[Ref, ...]
    house_accounts: tuple[Ref, ...]
    marketplaces: tuple[Ref, ...]
    extra: Ref
    no: Ref

    def group_named(self, name: str) -> Ref:
        """A menu group."""
        return self.menu.options[_GROUPS.index(name)][0].group


class _Builder:
    """Draws the guids of one location's configuration; the `multiLocationId`s are the group's."""

    def __init__(self, seed: int, index: int) -> None:
        self.dice = Dice(f"{seed}/catalog/{index}")
        self.shared = Dice(f"{seed}/catalog")
        self.markup = self.dice.pick((0, 0, 25, 50, -25))
        sales_tax = self.dice.pick((4_450, 6_250, 7_250, 8_250, 8_875))
        self.food_tax = TaxRate(self.toast("TaxRate"), "Sales Tax", sales_tax)
        self.liquor_tax = TaxRate(self.toast("TaxRate"), "Liquor Tax", self.dice.pick((2_000, 3_125, 5_000)))
        self.categories = {name: self.config("SalesCategory") for name in (_FOOD, _SOFT, _BEER, _WINE, _LIQUOR, _RETAIL)}
        self.options: dict[str, Options] = {}

    def toast(self, entity: str) -> Ref:
        return reference(self.dice.guid(), entity)

    def config(self, entity: str) -> Ref:
        return reference(self.dice.guid(), entity, self.shared.guid())

    def many(self, entity: str, count: int) -> tuple[Ref, ...]:
        return tuple(self.toast(entity) for _ in range(count))

    def price(self, cents: int) -> int:
        return max(cents + self.markup, 25) if cents else 0

    def option_group(self, name: str) -> Options:
        if name not in self.options:
            share, most, mode, rows, below = OPTIONS[name]
            group, deeper = self.config("MenuOptionGroup"), tuple(self.option_group(n) for n in below)
            dishes = tuple(Dish(self.config("MenuItem"), group, self.categories[_FOOD], n, cents, (), deeper) for n, cents in rows)
            self.options[name] = Options(group, dishes, share, most, mode)
        return self.options[name]

    def dish(self, group: Ref, category: str, row: tuple[str, int], options: tuple[str, ...] = (), unit: str = "NONE") -> Dish:
        taxes = (self.food_tax, self.liquor_tax) if category in _ALCOHOL else (self.food_tax,)
        groups = tuple(self.option_group(name) for name in options)
        plu = str(1000 + self.dice.upto(9000)) if self.dice.chance(0.3) else None
        return Dish(self.config("MenuItem"), group, self.categories[category], row[0], self.price(row[1]), taxes, groups, unit, plu)


def fit_out(seed: int, restaurant: Restaurant) -> Shop:
    """Everything one location is set up with."""
    b = _Builder(seed, restaurant.index)
    groups: list[tuple[tuple[Dish, ...], float]] = []
    kinds: dict[str, list[Dish]] = {}
    for category, weight, options, rows in MENU.values():
        ref = b.config("MenuGroup")
        dishes = tuple(b.dish(ref, category, row, options) for row in rows)
        groups.append((dishes, weight))
        kinds.setdefault(category, []).extend(dishes)
    catering = b.config("MenuGroup")
    return Shop(
        restaurant=restaurant,
        calendar=BusinessCalendar(restaurant.timezone, restaurant.closeout_hour),
        busyness=BUSYNESS[restaurant.index % len(BUSYNESS)],
        menu=Weighted(groups),
        cheap=tuple(kinds[_SOFT]),
        alcohol=tuple(kinds[_BEER] + kinds[_WINE] + kinds[_LIQUOR]),
        weighed=b.dish(catering, _FOOD, ("Smoked Brisket by the Pound", 2195), unit="LB"),
        platter=b.dish(catering, _FOOD, ("Sandwich Platter", 8900)),
        ticket=b.dish(catering, _RETAIL, ("Tasting Night Ticket", 4500)),
        food_tax=b.food_tax,
        external_tax=TaxRate(b.toast("TaxRate"), "Marketplace Tax", b.food_tax.rate, "EXTERNAL", facilitator=True),
        promotions={key: Promotion(b.toast("Discount"), *row) for key, row in _PROMOTIONS.items()},
        fees={key: Fee(b.toast("ServiceCharge"), *row) for key, row in _FEES.items()},
        dining={name: b.toast("DiningOption") for name in ("Dine In", "Take Out", "Delivery", "Catering", "Bar")},
        centers={name: b.toast("RevenueCenter") for name in ("Dining Room", "Bar", "Patio", "Online")},
        areas=b.many("ServiceArea", 3),
        tables=b.many("Table", 24),
        services={name: b.toast("RestaurantService") for name in ("Lunch", "Dinner", "Late")},
        servers=b.many("RestaurantUser", 14),
        managers=b.many("RestaurantUser", 3),
        devices=tuple(str(7_000_000_000 + b.dice.upto(99_999_999)) for _ in range(8)),
        drawers=b.many("CashDrawer", 3),
        void_reasons=b.many("VoidReason", 4),
        house_accounts=b.many("HouseAccount", 3),
        marketplaces=b.many("AlternatePaymentType", 3),
        extra=b.toast("PreModifier"),
        no=b.toast("PreModifier"),
    )
