"""The published menus of a location as the menus API writes them. Source: spec:menus 2.4.1.

Modifier groups and options stand beside the menus, each under a number that items refer to. One GUID may have several numbers, and
the references go round: Ranch comes with a side, and the side with Ranch.
"""

from __future__ import annotations

from typing import Any

from restaurant_os.simulator.businessdays import stamp
from restaurant_os.simulator.carte import Group, Identity, Offer, identity
from restaurant_os.simulator.catalog import OPTIONS, Options
from restaurant_os.simulator.configuration import PUBLISH_DELAY, Setup

Json = dict[str, Any]

_EVERYWHERE = ["POS", "KIOSK", "TOAST_ONLINE_ORDERING", "ORDERING_PARTNERS"]
_EVENINGS = {"days": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"], "timeRanges": [{"start": "16:00", "end": "18:00"}]}
_SIZES = {"Small": 295, "Large": 425}
#: Where references go round: an option, and the modifier groups it has besides its own.
_ROUND = {"Ranch": ("Side",), "Aioli": ("Dip",)}
#: What a modifier group's options cost, by its optionGroupPricingMode in orders.
_STRATEGIES = {"FIXED_PRICE": "GROUP_PRICE"}


def published_menus(setup: Setup, instant: int, published: int, zone: str) -> Json:
    """The whole answer of GET /menus at an instant (ms); `published` is its lastUpdated."""
    return _Writer(setup, instant).answer(published, zone)


class _Writer:
    def __init__(self, setup: Setup, instant: int) -> None:
        self.setup, self.carte = setup, setup.carte
        before = instant - PUBLISH_DELAY
        self.offers = setup.offers(before, instant)
        self.names = {
            row.body.get("guid"): row.body.get("name")
            for collection in ("menus", "menuGroups", "menuItems", "menuOptionGroups", "salesCategories")
            for row in setup.objects(collection, before, instant)
        }
        self.numbers: dict[tuple[str, str], int] = {}
        self.groups: dict[str, Json] = {}
        self.options: dict[str, Json] = {}

    def answer(self, published: int, zone: str) -> Json:
        restaurant = self.setup.shop.restaurant
        menus = [self._menu(name, id_) for name, id_ in self.carte.menus.items() if id_.guid in self.names]
        return {
            "restaurantGuid": restaurant.guid,
            "lastUpdated": stamp(published),
            "restaurantTimeZone": zone,
            "menus": menus,
            "modifierGroupReferences": self.groups,
            "modifierOptionReferences": self.options,
            "preModifierGroupReferences": self._pre_modifiers(),
        }

    # --- menus, groups, items -----------------------------------------------------------------------------------------

    def _menu(self, name: str, id_: Identity) -> Json:
        happy = name == "Happy Hour"
        tops = [group for group in self.carte.groups.values() if group.menu == name and group.parent is None]
        return {
            **self._common(id_, name),
            "description": "",
            "highResImage": None,
            "image": None,
            "visibility": ["POS"] if happy else _EVERYWHERE,
            "availability": {"alwaysAvailable": False, "schedule": [_EVENINGS]} if happy else {"alwaysAvailable": True},
            "menuGroups": [self._group(group) for group in tops if group.id.guid in self.names],
        }

    def _group(self, group: Group) -> Json:
        inner = [each for each in self.carte.groups.values() if each.parent == group.id.guid and each.id.guid in self.names]
        return {
            **self._common(group.id, group.name),
            "description": "",
            "image": None,
            "visibility": _EVERYWHERE,
            "itemTags": [],
            "menuGroups": [self._group(each) for each in inner],
            "menuItems": [self._item(offer) for offer in self.offers if offer.group == group.id.guid and offer.id.guid in self.names],
        }

    def _common(self, id_: Identity, name: str) -> Json:
        return {
            "name": self.names.get(id_.guid, name),
            "guid": id_.guid,
            "multiLocationId": id_.multi,
            "masterId": int(id_.multi[:8], 16),
            "posName": "",
            "posButtonColorLight": "#DCDCDC",
            "posButtonColorDark": "#303030",
        }

    def _item(self, offer: Offer) -> Json:
        alcohol = len(offer.taxes) > 1
        return {
            **self._common(offer.id, offer.name),
            "kitchenName": "",
            "description": "",
            "image": None,
            "visibility": _EVERYWHERE,
            "price": None if offer.cents is None else offer.cents / 100,
            "pricingStrategy": offer.strategy,
            "pricingRules": self._rules(offer.strategy),
            "isDeferred": offer.deferred,
            "isDiscountable": not offer.deferred,
            "salesCategory": self._category(offer.category),
            "taxInfo": list(offer.taxes),
            "taxInclusion": "TAX_NOT_INCLUDED",
            "itemTags": [],
            "plu": offer.plu,
            "sku": "",
            "calories": None,
            "contentAdvisories": {"alcohol": {"containsAlcohol": "YES" if alcohol else "NO"}},
            "unitOfMeasure": offer.unit,
            "portions": [],
            "prepTime": None,
            "prepStations": [],
            "modifierGroupReferences": [self._modifier_group(name) for name in offer.options],
            "eligiblePaymentAssistancePrograms": [],
            **_MEASURES,
            "isComboParent": False,
        }

    def _rules(self, strategy: str) -> Json | None:
        if strategy == "SIZE_PRICE":
            return {
                "timeSpecificPricingRules": [],
                "sizeSpecificPricingGuid": self.carte.extra["Cup Size"].guid,
                "sizeSequencePricingRules": [],
            }
        if strategy == "TIME_SPECIFIC_PRICE":
            timed = {"timeSpecificPrice": 14.0, "basePrice": 19.5, "schedule": [_EVENINGS]}
            return {"timeSpecificPricingRules": [timed], "sizeSpecificPricingGuid": None, "sizeSequencePricingRules": []}
        return None

    def _category(self, guid: str | None) -> Json | None:
        return {"name": self.names[guid], "guid": guid} if guid in self.names else None

    # --- modifiers ----------------------------------------------------------------------------------------------------

    def _modifier_group(self, name: str, under: str = "") -> int:
        """The number of a modifier group, which is written when it is first asked for; a group has another one under an option."""
        key = name, under
        if key in self.numbers:
            return self.numbers[key]
        number = self.numbers[key] = len(self.numbers) + 1
        found = self.carte.options.get(name)
        id_ = self.carte.extra[name] if found is None else identity(found.ref)
        most = 1 if found is None else found.most
        body: Json = {
            **self._common(id_, name),
            "referenceId": number,
            "visibility": _EVERYWHERE,
            "pricingStrategy": "NONE",
            "pricingRules": None,
            "defaultOptionsChargePrice": "YES",
            "defaultOptionsSubstitutionPricing": "NO",
            "minSelections": 1 if found is None else 0,
            "maxSelections": most,
            "requiredMode": "REQUIRED" if found is None else "OPTIONAL",
            "isMultiSelect": most > 1,
            "preModifierGroupReference": 1 if most > 1 else None,
            "modifierOptionReferences": [],
        }
        self.groups[str(number)] = body
        body["modifierOptionReferences"] = self._sizes() if found is None else self._options(name, found, under)
        return number

    def _options(self, name: str, options: Options, under: str) -> list[int]:
        numbers = []
        for nth, dish in enumerate(options.dishes):
            id_ = identity(dish.ref)
            if id_.guid in self.names:
                below = [(each, name) for each in OPTIONS[name][4]] + [(each, "") for each in _ROUND.get(dish.name, ())]
                strategy = _STRATEGIES.get(options.mode, "BASE_PRICE")
                category = None if dish.category is None else identity(dish.category).guid
                numbers.append(self._option(id_, dish.name, dish.cents, strategy, category, below, default=nth == 0 and not under))
        return numbers

    def _sizes(self) -> list[int]:
        return [self._option(self.carte.extra[size], size, cents, "BASE_PRICE", None, []) for size, cents in _SIZES.items()]

    def _option(
        self,
        id_: Identity,
        name: str,
        cents: int,
        strategy: str,
        category: str | None,
        below: list[tuple[str, str]],
        *,
        default: bool = False,
    ) -> int:
        number = len(self.options) + 1
        body: Json = {
            "referenceId": number,
            **self._common(id_, name),
            "kitchenName": "",
            "description": "",
            "prepStations": [],
            "image": None,
            "visibility": _EVERYWHERE,
            "price": cents / 100,
            "pricingStrategy": strategy,
            "pricingRules": None,
            "salesCategory": self._category(category),
            "taxInfo": [],
            "modifierOptionTaxInfo": {"taxRateGuids": [], "overrideItemTaxRates": False},
            "itemTags": [],
            "plu": "",
            "sku": "",
            "calories": None,
            "contentAdvisories": {"alcohol": {"containsAlcohol": "NO"}},
            "unitOfMeasure": "NONE",
            "isDefault": default,
            "allowsDuplicates": False,
            "portions": [],
            "prepTime": None,
            "modifierGroupReferences": [],
            **_MEASURES,
        }
        self.options[str(number)] = body
        body["modifierGroupReferences"] = [self._modifier_group(group, under) for group, under in below]
        return number

    def _pre_modifiers(self) -> Json:
        facts = self.setup.facts
        group: Json = {"name": "Standard", "guid": facts.guids["Standard"], "multiLocationId": facts.guids["Standard"]}
        rows = []
        for ref, name, factor in ((facts.shop.extra, "Extra", 2.0), (facts.shop.no, "No", 0.0)):
            rows.append(
                {
                    "name": name,
                    "guid": identity(ref).guid,
                    "multiLocationId": identity(ref).multi,
                    "fixedPrice": None,
                    "multiplicationFactor": factor,
                    "displayMode": "PREFIX",
                    "posName": "",
                    "posButtonColorLight": "#DCDCDC",
                    "posButtonColorDark": "#303030",
                    "chargeAsExtra": name == "Extra",
                    "plu": "",
                }
            )
        return {"1": {**group, "preModifiers": rows}}


_MEASURES: Json = {
    "allergens": None,
    "length": None,
    "height": None,
    "width": None,
    "dimensionUnitOfMeasure": None,
    "weight": None,
    "weightUnitOfMeasure": None,
    "images": [],
    "guestCount": None,
    "sortOrder": None,
}
