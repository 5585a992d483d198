"""The collections of the configuration API. Source: spec:configuration 2.5.0."""

from __future__ import annotations

#: Collection -> entityType of what is in it.
COLLECTIONS = {
    "alternatePaymentTypes": "AlternatePaymentType",
    "breakTypes": "BreakType",
    "cashDrawers": "CashDrawer",
    "diningOptions": "DiningOption",
    "discounts": "Discount",
    "menuGroups": "MenuGroup",
    "menuItems": "MenuItem",
    "menuOptionGroups": "MenuOptionGroup",
    "menus": "Menu",
    "preModifiers": "PreModifier",
    "preModifierGroups": "PreModifierGroup",
    "noSaleReasons": "NoSaleReason",
    "payoutReasons": "PayoutReason",
    "priceGroups": "PriceGroup",
    "printers": "Printer",
    "salesCategories": "SalesCategory",
    "serviceAreas": "ServiceArea",
    "serviceCharges": "ServiceCharge",
    "revenueCenters": "RevenueCenter",
    "restaurantServices": "RestaurantService",
    "tables": "Table",
    "taxRates": "TaxRate",
    "voidReasons": "VoidReason",
}
#: Those of which the menus API shows something.
MENU_COLLECTIONS = frozenset({"menuItems", "menuGroups", "menuOptionGroups", "menus", "salesCategories", "preModifiers"})


def endpoint_name(collection: str) -> str:
    """`configDiscounts`: what the two endpoints of a collection are called in faults and in the call log."""
    return f"config{collection[0].upper()}{collection[1:]}"
