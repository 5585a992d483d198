"""What a location's menus hold at an instant: menus, groups in groups, items in groups with their prices, modifier groups.

Prices are cents, instants ms. The items that orders sell have the GUIDs, groups and prices that orders show, from the price that
changes at noon to the item that moves. Beside them are a few that no order has, for what a reader of menus must cope with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import msgspec

from restaurant_os.simulator import rhythm
from restaurant_os.simulator.catalog import MENU, OPTIONS, Dish, Options, Ref, Shop
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.story import DayFacts

#: Menu -> its groups; a group in brackets has groups of its own. Those named in `MENU` are the ones orders know.
_MENUS: dict[str, dict[str, tuple[str, ...]]] = {
    "Food": {
        "Starters": (),
        "Salads": (),
        "Handhelds": ("Burgers", "Sandwiches"),
        "Mains": ("Kids",),
        "Pizza": (),
        "Sides": (),
        "Desserts": (),
    },
    "Drinks": {"Soft Drinks": (), "Coffee": (), "Bar": ("Draft Beer", "Wine", "Cocktails")},
    "Shop and Catering": {"Retail": (), "Catering": ()},
    "Happy Hour": {"Happy Hour Drinks": ()},
}
#: What the Happy Hour menu takes less for, in cents; each is in its usual group too.
_HAPPY = {"Lager": 475, "House Red": 750, "Margarita": 900}
SPECIAL_NAME = "Harvest Soup"


class Identity(NamedTuple):
    """A GUID and the identifier that the same thing has at every location of the group."""

    guid: str
    multi: str


@lru_cache(maxsize=16384)
def _identity(ref: bytes) -> Identity:
    found = msgspec.json.decode(ref)
    return Identity(found["guid"], found.get("multiLocationId") or found["guid"])


def identity(ref: Ref) -> Identity:
    return _identity(bytes(ref))


class Group(NamedTuple):
    """A menu group; `parent` is the GUID of the group it is in, if it is in one."""

    id: Identity
    name: str
    menu: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """An item in a group. `cents` is None where a rule says the price."""

    id: Identity
    group: str
    name: str
    cents: int | None
    category: str | None
    taxes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    strategy: str = "BASE_PRICE"
    unit: str = "NONE"
    plu: str = ""
    deferred: bool = False


@dataclass(slots=True)
class Carte:
    """The menus of one location. `facts` gives what a business day (ordinal) is like, its price change above all."""

    shop: Shop
    seed: int
    facts: Callable[[int], DayFacts]
    menus: dict[str, Identity] = field(init=False)
    groups: dict[str, Group] = field(init=False)
    options: dict[str, Options] = field(init=False)
    extra: dict[str, Identity] = field(init=False)

    def __post_init__(self) -> None:
        own, shared = Dice(f"{self.seed}/carte/{self.shop.restaurant.index}"), Dice(f"{self.seed}/carte")

        def new() -> Identity:
            return Identity(own.guid(), shared.guid())

        self.menus = {name: new() for name in _MENUS}
        known = dict(zip(MENU, (identity(dishes[0].group) for dishes in self.shop.menu.options), strict=True))
        known["Catering"] = identity(self.shop.platter.group)
        self.groups = {}
        for menu, tops in _MENUS.items():
            for top, inner in tops.items():
                made = Group(known.get(top) or new(), top, menu, None)
                self.groups[top] = made
                self.groups |= {name: Group(known[name], name, menu, made.id.guid) for name in inner}
        self.options = {}
        for row, dishes in zip(MENU.values(), self.shop.menu.options, strict=True):
            self._learn(row[2], dishes[0].options)
        self.extra = {name: new() for name in (SPECIAL_NAME, "Open Food", "Fountain Soda", "Day Pitcher", "Cup Size", "Small", "Large")}

    def _learn(self, names: tuple[str, ...], found: tuple[Options, ...]) -> None:
        for name, options in zip(names, found, strict=True):
            self.options[name] = options
            self._learn(OPTIONS[name][4], options.dishes[0].options)

    def offers(self, instant: int) -> list[Offer]:
        """Every item in every group it is in, as it is at an instant."""
        return [*self._sold(instant), *self._unsold(instant)]

    def _sold(self, instant: int) -> Iterator[Offer]:
        repriced, cents = self.price_change(instant) or (None, 0)
        for (_, _, options, _), dishes in zip(MENU.values(), self.shop.menu.options, strict=True):
            for dish in dishes:
                offer = self._offer(dish, instant, options)
                if dish is repriced:
                    offer = replace(offer, cents=cents)
                yield offer
                if dish.name in _HAPPY:
                    happy = self.groups["Happy Hour Drinks"].id.guid
                    yield replace(offer, group=happy, cents=_HAPPY[dish.name], strategy="MENU_SPECIFIC_PRICE")
        for dish in (self.shop.weighed, self.shop.platter):
            yield self._offer(dish, instant, ())
        yield replace(self._offer(self.shop.ticket, instant, ()), deferred=True)

    def _offer(self, dish: Dish, instant: int, options: tuple[str, ...]) -> Offer:
        item, group = rhythm.placed(self.shop, dish, instant)
        category = None if dish.category is None else identity(dish.category).guid
        taxes = tuple(identity(tax.ref).guid for tax in dish.taxes)
        return Offer(
            identity(item), identity(group).guid, dish.name, dish.cents, category, taxes, options, unit=dish.unit, plu=dish.plu or ""
        )

    def _unsold(self, instant: int) -> Iterator[Offer]:
        """What no order has: a special that comes and goes, and items whose price is a rule."""
        cola = self._offer(self.shop.cheap[0], instant, ())
        food = identity(self.shop.platter.category).guid if self.shop.platter.category is not None else None

        def offer(name: str, group: str, cents: int | None, strategy: str, **more: object) -> Offer:
            made = Offer(self.extra[name], self.groups[group].id.guid, name, cents, food, cola.taxes, strategy=strategy)
            return replace(made, **more)  # type: ignore[arg-type]

        if self.has_special(instant):
            yield offer(SPECIAL_NAME, "Starters", 895, "BASE_PRICE")
        yield offer("Open Food", "Sides", None, "OPEN_PRICE")
        yield offer("Fountain Soda", "Soft Drinks", None, "SIZE_PRICE", category=cola.category, options=("Cup Size",))
        yield offer("Day Pitcher", "Draft Beer", None, "TIME_SPECIFIC_PRICE", category=None)

    def has_special(self, instant: int) -> bool:
        return rhythm.SPECIAL.turn(self.shop.calendar, instant) % 2 == 0

    # --- prices -------------------------------------------------------------------------------------------------------

    def price_change(self, instant: int) -> tuple[Dish, int] | None:
        """The dish that costs something else from noon until its business day ends, and what."""
        facts = self.facts(self.shop.calendar.date_of(instant))
        return (facts.repriced, facts.new_price) if facts.noon <= instant < facts.closes else None

    def last_change(self, instant: int) -> int:
        """When something that menus show was last changed by itself (ms)."""
        calendar = self.shop.calendar
        today = calendar.date_of(instant)
        noon = calendar.at(today, 12)
        beats = (rhythm.ITEM_RENEWED, rhythm.ITEM_MOVES, rhythm.SPECIAL, rhythm.CATEGORY_RENAMES)
        return max(noon if noon <= instant else calendar.opens(today), *(beat.at(calendar, beat.turn(calendar, instant)) for beat in beats))
