"""The objects of each configuration collection as the API writes them. Source: spec:configuration 2.5.0.

References to configuration have no `externalId` where the definition's ToastReference has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from restaurant_os.simulator import rhythm
from restaurant_os.simulator.businessdays import BusinessCalendar
from restaurant_os.simulator.carte import Carte, Offer, identity
from restaurant_os.simulator.cash import setup_of
from restaurant_os.simulator.catalog import OPTIONS, RATE_UNIT, Dish, Fee, Options, Promotion, Ref, Shop, TaxRate
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.people import CASHLESS
from restaurant_os.simulator.rhythm import Beat
from restaurant_os.simulator.staff import House

Json = dict[str, Any]

_SET_UP = 30  #: days before the first business date


class Stamped(NamedTuple):
    """An object, and when it was last changed (ms)."""

    body: Json
    changed: int


@dataclass(slots=True)
class Facts:
    """What the objects of one location are made of."""

    seed: int
    shop: Shop
    carte: Carte
    house: House
    created: int = field(init=False)
    guids: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.created = self.calendar.at(self.shop.restaurant.first_business_date.toordinal() - _SET_UP, 9)
        dice = Dice(f"{self.seed}/configuration/{self.shop.restaurant.index}")
        names = ("Happy Hour Prices", "Patio Prices", "Standard", *_PRINTERS, "tipWithholding", "promo")
        self.guids = {name: dice.guid() for name in names}

    @property
    def calendar(self) -> BusinessCalendar:
        return self.shop.calendar

    def turned(self, beat: Beat, instant: int) -> tuple[bool, int]:
        """Whether the last beat is an odd one, and when what it changes was changed."""
        number = beat.turn(self.calendar, instant)
        return number % 2 == 1, max(self.created, beat.at(self.calendar, number))


_PRINTERS = ("Front", "Bar", "Kitchen", "Expo")
_MARKETPLACES = ("Bite Courier", "Dash Wheels", "Phone Wallet")
_AREAS = ("Main Floor", "Patio", "Mezzanine")
_VOID_REASONS = ("Guest Changed Mind", "Server Error", "Kitchen Error", "Out of Stock")
_NO_SALES = ("Make Change", "Check Drawer", "Other")
_DINING = {"Dine In": "DINE_IN", "Take Out": "TAKE_OUT", "Delivery": "DELIVERY", "Catering": "DELIVERY", "Bar": "DINE_IN"}
_CATEGORIES = ("Food", "NA Beverage", "Beer", "Wine", "Liquor", "Retail")
#: Two tables have one name, as in life.
_TABLES = (*(str(number) for number in range(1, 13)), "12", *(str(number) for number in range(13, 20)), "P1", "P2", "P3", "M1")
_CENTERS = {"Dining Room": "Tables and booths", "Bar": "Bar and high tops", "Patio": "", "Online": "Orders from outside the house"}


def natural(facts: Facts, collection: str, instant: int, offers: list[Offer]) -> list[Stamped]:
    """The objects of a collection at an instant. `offers`: what the menus hold then."""
    maker = _MENU_MAKERS.get(collection)
    return list(_MAKERS[collection](facts, instant)) if maker is None else list(maker(facts, instant, offers))


def _decoded(ref: Ref) -> Json:
    found: Json = msgspec.json.decode(ref)
    return found


def _bare(ref: Ref, **more: object) -> Json:
    """A ToastReference and more."""
    found = _decoded(ref)
    return {"guid": found["guid"], "entityType": found["entityType"], **more}


def _external(ref: Ref, **more: object) -> Json:
    """An ExternalReference and more."""
    return {**_bare(ref), "externalId": None, **more}


def _pointer(guid: str, entity: str) -> Json:
    return {"guid": guid, "entityType": entity, "externalId": None}


def _stamped(facts: Facts, bodies: Iterable[Json]) -> list[Stamped]:
    """Objects that have been the same since they were made."""
    return [Stamped(body, facts.created) for body in bodies]


# --- one maker for each collection ----------------------------------------------------------------------------------------


def _payment_types(facts: Facts, instant: int) -> list[Stamped]:
    return _stamped(facts, (_external(ref, name=name) for ref, name in zip(facts.shop.marketplaces, _MARKETPLACES, strict=True)))


def _break_types(facts: Facts, instant: int) -> list[Stamped]:
    rows = (("Meal Break", False, 30, 5), ("Rest Break", True, 10, None))
    return _stamped(
        facts,
        (
            {
                "guid": guid,
                "entityType": "BreakType",
                "name": name,
                "active": True,
                "paid": paid,
                "duration": minutes,
                "enforceMinimumTime": not paid,
                "trackMissedBreaks": hours is not None,
                "breakIntervalHrs": hours,
                "breakIntervalMins": None if hours is None else 0,
                "trackBreakAcknowledgement": False,
            }
            for guid, (name, paid, minutes, hours) in zip(facts.house.break_types, rows, strict=True)
        ),
    )


def _cash_drawers(facts: Facts, instant: int) -> list[Stamped]:
    """A drawer has no name, only a printer; a location that takes no cash has no drawer."""
    if facts.shop.restaurant.index == CASHLESS:
        return []
    printers = [{"guid": facts.guids[name], "entityType": "Printer"} for name in ("Front", "Bar", "Front")]
    return _stamped(facts, (_bare(ref, printer=printer) for ref, printer in zip(facts.shop.drawers, printers, strict=True)))


def _dining_options(facts: Facts, instant: int) -> list[Stamped]:
    renamed, changed = facts.turned(rhythm.RENAMES, instant)
    found = []
    for name, ref in facts.shop.dining.items():
        shown = "Bar Top" if name == "Bar" and renamed else name
        body = _external(ref, name=shown, behavior=_DINING[name], curbside=False)
        found.append(Stamped(body, changed if name == "Bar" else facts.created))
    return found


def _discounts(facts: Facts, instant: int) -> list[Stamped]:
    _, changed = facts.turned(rhythm.DISCOUNT_RENEWED, instant)
    return [
        Stamped(_discount(facts, promotion, instant), changed if promotion.name == rhythm.RENEWED_PROMOTION else facts.created)
        for promotion in facts.shop.promotions.values()
    ]


def _discount(facts: Facts, promotion: Promotion, instant: int) -> Json:
    kind = promotion.kind
    amounts: Json = {
        "percentage": float(promotion.percent) if promotion.percent and not kind.startswith("OPEN") else None,
        "amount": promotion.cents / 100 if kind == "FIXED" else None,
        "fixedTotal": 15.0 if kind == "FIXED_TOTAL" else None,
    }
    code: Json = {
        "guid": facts.guids["promo"],
        "entityType": "PromoCode",
        "code": "NEIGHBOR",
        "name": "Neighbors",
        "usageType": "MULTI_USE",
    }
    by_check = promotion.name in ("10% Neighbors", "$5 Off", "Loyalty Reward")
    return _bare(
        rhythm.promotion_ref(facts.shop, promotion, instant),
        name=promotion.name,
        active=True,
        type=kind,
        **amounts,
        selectionType="BOGO" if kind == "BOGO" else "CHECK" if by_check else "ITEM",
        nonExclusive=False,
        itemPickingPriority="LEAST_EXPENSIVE" if kind == "BOGO" else None,
        promoCodes=[code] if promotion.name == "10% Neighbors" else [],
    )


def _pre_modifiers(facts: Facts, instant: int) -> list[Stamped]:
    parent = {"guid": facts.guids["Standard"], "entityType": "PreModifierGroup"}
    extra = _bare(facts.shop.extra, name="Extra", scalePrice=True, basePrice=None, scaleFactor=2.0)
    no = _bare(facts.shop.no, name="No", scalePrice=True, basePrice=None, scaleFactor=0.0)
    rows = ({**body, "displayMode": "PREFIX", "parent": parent, "chargeAsExtra": body is extra} for body in (extra, no))
    return _stamped(facts, rows)


def _pre_modifier_groups(facts: Facts, instant: int) -> list[Stamped]:
    return _stamped(facts, [{"guid": facts.guids["Standard"], "entityType": "PreModifierGroup", "name": "Standard", "isDefault": True}])


def _no_sale_reasons(facts: Facts, instant: int) -> list[Stamped]:
    refs = setup_of(facts.seed, facts.shop.restaurant.index).no_sales
    return _stamped(facts, (_bare(ref, name=name) for ref, name in zip(refs, _NO_SALES, strict=True)))


def _payout_reasons(facts: Facts, instant: int) -> list[Stamped]:
    return _stamped(facts, (_bare(ref, name=name) for ref, name in setup_of(facts.seed, facts.shop.restaurant.index).payouts))


def _named(*names: str) -> Callable[[Facts, int], list[Stamped]]:
    """Objects that have nothing but a name, and that nothing else refers to."""
    entity = "Printer" if names == _PRINTERS else "PriceGroup"
    return lambda facts, _: _stamped(facts, ({"guid": facts.guids[name], "entityType": entity, "name": name} for name in names))


def _sales_categories(facts: Facts, instant: int) -> list[Stamped]:
    renamed, changed = facts.turned(rhythm.CATEGORY_RENAMES, instant)
    found = []
    for name, ref in _category_refs(facts.shop).items():
        soft = name == "NA Beverage"
        found.append(Stamped(_bare(ref, name="Soft Beverage" if soft and renamed else name), changed if soft else facts.created))
    return found


def _category_refs(shop: Shop) -> dict[str, Ref]:
    """Sales categories by name, found in the dishes that have them."""
    beer, wine, liquor = (next(d for d in shop.alcohol if d.name == name) for name in ("Lager", "House Red", "Margarita"))
    dishes: tuple[Dish, ...] = (shop.platter, shop.cheap[0], beer, wine, liquor, shop.ticket)
    return {name: dish.category for name, dish in zip(_CATEGORIES, dishes, strict=True) if dish.category is not None}


def _service_areas(facts: Facts, instant: int) -> list[Stamped]:
    centers = facts.shop.centers
    rows = zip(facts.shop.areas, _AREAS, (centers["Dining Room"], centers["Patio"], centers["Dining Room"]), strict=True)
    return _stamped(facts, (_bare(ref, name=name, revenueCenter=_external(center)) for ref, name, center in rows))


def _tables(facts: Facts, instant: int) -> list[Stamped]:
    renamed, changed = facts.turned(rhythm.TABLE_RENAMED, instant)
    found = []
    for number, (ref, name) in enumerate(zip(facts.shop.tables, _TABLES, strict=True)):
        area = 1 if name.startswith("P") else 2 if name.startswith("M") else 0
        center = facts.shop.centers["Patio" if area == 1 else "Dining Room"]
        body = _bare(ref, name=name, serviceArea=_bare(facts.shop.areas[area]), revenueCenter=_external(center))
        if number == 0 and renamed:
            body["name"] = "Window 1"
        found.append(Stamped(body, changed if number == 0 else facts.created))
    return found


def _revenue_centers(facts: Facts, instant: int) -> list[Stamped]:
    return _stamped(facts, (_bare(ref, name=name, description=_CENTERS[name] or None) for name, ref in facts.shop.centers.items()))


def _services(facts: Facts, instant: int) -> list[Stamped]:
    return _stamped(facts, (_bare(ref, name=name) for name, ref in facts.shop.services.items()))


def _service_charges(facts: Facts, instant: int) -> list[Stamped]:
    return _stamped(facts, (_service_charge(facts.shop, fee) for fee in facts.shop.fees.values()))


def _service_charge(shop: Shop, fee: Fee) -> Json:
    delivers = "Delivery" in fee.name
    return _external(
        fee.ref,
        name=fee.name,
        amountType=fee.kind,
        amount=fee.cents / 100 if fee.kind == "FIXED" else None,
        percent=fee.rate / 1_000 if fee.kind == "PERCENT" else None,
        criteria={
            "minCheckAmount": 150.0 if fee.gratuity and not delivers else None,
            "delivery": delivers,
            "maxCheckAmount": None,
            "minDeliveryDistance": None,
            "takeout": not delivers,
            "dineIn": not delivers,
        },
        gratuity=fee.gratuity,
        taxable=fee.taxed,
        applicableTaxes=[_tax_rate(shop.food_tax, default=True)] if fee.taxed else [],
        serviceChargeCalculation="PRE_DISCOUNT" if fee.kind == "PERCENT" else None,
        destination="SERVER" if fee.gratuity else "THIRD_PARTY" if fee.category == "FUNDRAISING_CAMPAIGN" else "RESTAURANT",
        taxInclusive=False,
        taxProrated=False,
    )


def _tax_rates(facts: Facts, instant: int) -> list[Stamped]:
    shop = facts.shop
    liquor = shop.alcohol[0].taxes[1]
    return _stamped(facts, (_tax_rate(rate, default=rate is shop.food_tax) for rate in (shop.food_tax, liquor, shop.external_tax)))


def _tax_rate(tax: TaxRate, *, default: bool) -> Json:
    rate, rounding = tax.rate / RATE_UNIT, "HALF_UP" if default else "HALF_EVEN"
    more: Json = {"rate": rate, "type": tax.kind, "roundingType": rounding, "taxTable": [], "conditionalTaxRates": []}
    return _bare(tax.ref, name=tax.name, isDefault=default, **more)


def _void_reasons(facts: Facts, instant: int) -> list[Stamped]:
    gone = rhythm.void_reason_is_gone(facts.calendar, instant)
    _, returned = facts.turned(rhythm.VOID_REASON_RETURNS, instant)
    return [
        Stamped(_bare(ref, name=name), returned if number == rhythm.VANISHING_REASON else facts.created)
        for number, (ref, name) in enumerate(zip(facts.shop.void_reasons, _VOID_REASONS, strict=True))
        if not (gone and number == rhythm.VANISHING_REASON)
    ]


# --- menus --------------------------------------------------------------------------------------------------------------------


def _menus(facts: Facts, instant: int, offers: list[Offer]) -> list[Stamped]:
    carte = facts.carte
    rows = []
    for name, ids in carte.menus.items():
        tops = [_pointer(group.id.guid, "MenuGroup") for group in carte.groups.values() if group.menu == name and group.parent is None]
        shown = {"orderableOnline": "YES", "visibility": "ALL", "groups": tops, "images": [], "unitOfMeasure": "NONE"}
        rows.append({**_pointer(ids.guid, "Menu"), "name": name, **shown})
    return _stamped(facts, rows)


def _menu_groups(facts: Facts, instant: int, offers: list[Offer]) -> list[Stamped]:
    carte = facts.carte
    _, moved = facts.turned(rhythm.ITEM_MOVES, instant)
    _, special = facts.turned(rhythm.SPECIAL, instant)
    _, renewed = facts.turned(rhythm.ITEM_RENEWED, instant)
    changed = {"Starters": max(moved, special), rhythm.MOVES_TO: moved, "Mains": renewed}
    found = []
    for group in carte.groups.values():
        body = {
            **_pointer(group.id.guid, "MenuGroup"),
            "name": group.name,
            "menu": _pointer(carte.menus[group.menu].guid, "Menu"),
            "orderableOnline": "YES",
            "visibility": "ALL",
            "parent": None if group.parent is None else _pointer(group.parent, "MenuGroup"),
            "items": [_pointer(offer.id.guid, "MenuItem") for offer in offers if offer.group == group.id.guid],
            "subgroups": [_pointer(each.id.guid, "MenuGroup") for each in carte.groups.values() if each.parent == group.id.guid],
            "optionGroups": [],
            "inheritOptionGroups": True,
            "images": [],
            "unitOfMeasure": "NONE",
            "inheritUnitOfMeasure": True,
        }
        found.append(Stamped(body, changed.get(group.name, facts.created)))
    return found


def _menu_items(facts: Facts, instant: int, offers: list[Offer]) -> list[Stamped]:
    """Items of the menus, and the items that modifier options are."""
    _, moved = facts.turned(rhythm.ITEM_MOVES, instant)
    _, special = facts.turned(rhythm.SPECIAL, instant)
    _, renewed = facts.turned(rhythm.ITEM_RENEWED, instant)
    changed = {
        rhythm.MOVING_DISH: moved,
        facts.carte.shop.ticket.name: facts.created,
        rhythm.RENEWED_DISH: renewed,
        "Harvest Soup": special,
    }
    found: dict[str, Stamped] = {}
    for offer in offers:
        if offer.id.guid not in found:
            groups = [_pointer(option_group_guid(facts.carte, name), "MenuOptionGroup") for name in offer.options]
            body = _menu_item(offer.id.guid, offer.name, offer.plu, offer.unit, groups)
            found[offer.id.guid] = Stamped(body, changed.get(offer.name, facts.created))
    for name, options in facts.carte.options.items():
        below = [_pointer(identity(facts.carte.options[each].ref).guid, "MenuOptionGroup") for each in OPTIONS[name][4]]
        for dish in options.dishes:
            guid = identity(dish.ref).guid
            found.setdefault(guid, Stamped(_menu_item(guid, dish.name, "", "NONE", below), facts.created))
    for size in ("Small", "Large"):
        guid = facts.carte.extra[size].guid
        found[guid] = Stamped(_menu_item(guid, size, "", "NONE", []), facts.created)
    return list(found.values())


def _menu_item(guid: str, name: str, plu: str, unit: str, groups: list[Json]) -> Json:
    return {
        **_pointer(guid, "MenuItem"),
        "name": name,
        "calories": None,
        "sku": None,
        "plu": plu or None,
        "orderableOnline": "YES",
        "visibility": "ALL",
        "type": "OPEN_ITEM" if name == "Open Food" else "NONE",
        "optionGroups": groups,
        "inheritOptionGroups": False,
        "images": [],
        "unitOfMeasure": unit,
        "inheritUnitOfMeasure": False,
    }


def option_group_guid(carte: Carte, name: str) -> str:
    return carte.extra[name].guid if name in carte.extra else identity(carte.options[name].ref).guid


def _option_groups(facts: Facts, instant: int, offers: list[Offer]) -> list[Stamped]:
    def body(guid: str, name: str, guids: Iterable[str], low: int, most: int | None) -> Json:
        options = [_pointer(each, "MenuItem") for each in guids]
        return {**_pointer(guid, "MenuOptionGroup"), "name": name, "options": options, "minSelections": low, "maxSelections": most}

    carte = facts.carte
    rows = [body(identity(o.ref).guid, name, _guids(o), 0, o.most) for name, o in carte.options.items()]
    sizes = (carte.extra["Small"].guid, carte.extra["Large"].guid)
    return _stamped(facts, [*rows, body(carte.extra["Cup Size"].guid, "Cup Size", sizes, 1, 1)])


def _guids(options: Options) -> list[str]:
    return [identity(dish.ref).guid for dish in options.dishes]


_MAKERS: dict[str, Callable[[Facts, int], list[Stamped]]] = {
    "alternatePaymentTypes": _payment_types,
    "breakTypes": _break_types,
    "cashDrawers": _cash_drawers,
    "diningOptions": _dining_options,
    "discounts": _discounts,
    "preModifiers": _pre_modifiers,
    "preModifierGroups": _pre_modifier_groups,
    "noSaleReasons": _no_sale_reasons,
    "payoutReasons": _payout_reasons,
    "priceGroups": _named("Happy Hour Prices", "Patio Prices"),
    "printers": _named(*_PRINTERS),
    "salesCategories": _sales_categories,
    "serviceAreas": _service_areas,
    "serviceCharges": _service_charges,
    "revenueCenters": _revenue_centers,
    "restaurantServices": _services,
    "tables": _tables,
    "taxRates": _tax_rates,
    "voidReasons": _void_reasons,
}
_MENU_MAKERS: dict[str, Callable[[Facts, int, list[Offer]], list[Stamped]]] = {
    "menus": _menus,
    "menuGroups": _menu_groups,
    "menuItems": _menu_items,
    "menuOptionGroups": _option_groups,
}


def tip_withholding(facts: Facts) -> Json:
    """A decimal percentage of card tips."""
    enabled = facts.shop.restaurant.index % 2 == 0
    return {"guid": facts.guids["tipWithholding"], "entityType": "TipWithholding", "enabled": enabled, "percentage": 0.025}
