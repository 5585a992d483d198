"""The dimensions: what a location's configuration is and was. API fields are of Toast's Configuration API v2, Menus API v2, Labor API v1
(`Employee`, `Job`) and Restaurants API v1.

Each is a history: a row per state of a record, with two spans of time. `valid_from` and `valid_to` say from when to when the API gave it, as
far as it was asked. `applies_from` and `applies_to` leave no gap and no beginning, so that every fact finds exactly one state of a record that
was ever known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from restaurant_os.tables.spec import COUNT, DATE, FLAG, INSTANT, LOADED_AT, MONEY, RATE, TEXT, Column, TableSpec, loaded_at

#: From when the earliest known state of a record applies.
EVER = datetime(1970, 1, 1, tzinfo=UTC)

_RESTAURANT_GUID = Column("restaurant_guid", TEXT, "Toast-Restaurant-External-ID", "The location.")
#: What the merge works out of two reads; a source gives none of it.
_SPANS = (
    Column("valid_from", INSTANT, "ours", "When a read began that first gave this state; its clock is the API's."),
    Column("valid_to", INSTANT, "ours", "When a read began that no longer gave it; null while it is given."),
    Column("is_current", FLAG, "ours", "It has not ended: valid_to is null."),
    Column("applies_from", INSTANT, "ours", "As valid_from; 1970-01-01 for the earliest state of its record. Join facts by it."),
    Column("applies_to", INSTANT, "ours", "When the next state of its record begins; null where there is none."),
)
_ROW_HASH = Column("row_hash", TEXT, "ours", "SHA-256 of the columns that are neither key nor ours, as text: what tells two states apart.")
_READ_SEQ = Column("read_seq", COUNT, "ours", "The location's read sequence under which this state was first read.")
_KEPT_BY_THE_MERGE = frozenset(column.name for column in _SPANS)
_OURS = (*(column.name for column in _SPANS), _ROW_HASH.name, _READ_SEQ.name, LOADED_AT)


def _dim(name: str, meaning: str, ids: tuple[Column, ...], *columns: Column) -> TableSpec:
    return TableSpec(
        name=name,
        meaning=meaning,
        key=("restaurant_guid", *(column.name for column in ids), "valid_from"),
        role="history",
        version="read_seq",
        partition="restaurant_guid",
        incidental=_OURS,
        columns=(_RESTAURANT_GUID, *ids, *columns, *_SPANS, _ROW_HASH, _READ_SEQ, loaded_at()),
    )


def natural_key(spec: TableSpec) -> tuple[str, ...]:
    """What a record of a history is told by, whatever its state."""
    return spec.key[:-1]


def described(spec: TableSpec) -> tuple[str, ...]:
    """The columns of a history that its source gives: what the record is."""
    return tuple(name for name in spec.content if name not in natural_key(spec))


def read_columns(spec: TableSpec) -> tuple[Column, ...]:
    """A history as it is staged, but for the copy number: without what the merge works out."""
    return tuple(column for column in spec.columns if column.name not in _KEPT_BY_THE_MERGE and column.name != LOADED_AT)


def row_hash(spec: TableSpec, row: Mapping[str, Any]) -> str:
    """SHA-256 in hex over what a row says, as text.

    Columns without a value are left out, so a column that is added later opens no new state of what does not have it.
    """
    said = {name: _text(row.get(name)) for name in described(spec) if row.get(name) is not None}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _named(name: str, own: str, meaning: str, source: str, *columns: Column) -> TableSpec:
    """A collection of the Configuration API whose records have a name. `own`: what one of them is called."""
    return _dim(
        name,
        meaning,
        (Column(f"{own}_guid", TEXT, f"{source}.guid", f"The {own.replace('_', ' ')}."),),
        Column(f"{own}_name", TEXT, f"{source}.name", "Its name."),
        *columns,
    )


DIM_RESTAURANTS = _dim(
    "dim_restaurants",
    "One row per state of a location: its name, its address, its clock.",
    (),
    Column("restaurant_name", TEXT, "Restaurant.general.name", "The name that guests see."),
    Column("location_name", TEXT, "Restaurant.general.locationName", "What tells it from the group's other locations."),
    Column("address_line1", TEXT, "Restaurant.location.address1", "Address."),
    Column("address_line2", TEXT, "Restaurant.location.address2", "Address, its second line."),
    Column("city", TEXT, "Restaurant.location.city", "City."),
    Column("state", TEXT, "Restaurant.location.administrativeArea, else stateCode", "State or province."),
    Column("zip_code", TEXT, "Restaurant.location.zipCode", "ZIP or postal code."),
    Column(
        "timezone",
        TEXT,
        "Restaurant.general.timeZone",
        "IANA name of its zone; business dates go by the settings', which should be the same.",
    ),
    Column("closeout_hour", COUNT, "Restaurant.general.closeoutHour", "The hour at which its business day ends, 0 to 12."),
    Column("currency", TEXT, "Restaurant.general.currencyCode", "ISO 4217."),
    Column("location_code", TEXT, "Restaurant.general.locationCode", "The group's own short code."),
    Column("country", TEXT, "Restaurant.location.country", "Country."),
    Column("management_group_guid", TEXT, "Restaurant.general.managementGroupGuid", "The group it belongs to."),
    Column("first_business_date", DATE, "Restaurant.general.firstBusinessDate", "Its first business date on Toast."),
    Column("is_archived", FLAG, "Restaurant.general.archived", "Archived in Toast."),
)

DIM_EMPLOYEES = _dim(
    "dim_employees",
    "One row per state of an employee. Somebody who is hired again may have a new GUID.",
    (Column("employee_guid", TEXT, "Employee.guid", "The employee; in orders, the server."),),
    Column("first_name", TEXT, "Employee.firstName", "First name, as the setting `labor.names` wants it."),
    Column("last_name", TEXT, "Employee.lastName", "Last name, by the same setting."),
    Column("email", TEXT, "Employee.email", "E-mail address, by the same setting."),
    Column("external_id", TEXT, "Employee.externalEmployeeId", "Their number in payroll or another system."),
    Column("is_deleted", FLAG, "Employee.deleted", "Deleted in Toast, which goes on listing them."),
    Column("chosen_name", TEXT, "Employee.chosenName", "The name they go by in place of the first, by the same setting."),
    Column(
        "job_guids",
        TEXT,
        "Employee.jobReferences[].guid",
        "Their jobs in alphabetical order, joined by a blank; deleted ones are left out.",
    ),
    Column("created_at", INSTANT, "Employee.createdDate", "When they were added."),
    Column("deleted_at", INSTANT, "Employee.deletedDate", "When they were deleted."),
)

DIM_JOBS = _dim(
    "dim_jobs",
    "One row per state of a job. Toast's list leaves deleted jobs out, so one that is deleted is closed.",
    (Column("job_guid", TEXT, "Job.guid", "The job."),),
    Column("job_title", TEXT, "Job.title", "Its title."),
    Column("default_wage", MONEY, "Job.defaultWage", "Dollars an hour, or a year's or week's salary by wage_frequency."),
    Column("tipped", FLAG, "Job.tipped", "It gets tips."),
    Column("is_deleted", FLAG, "Job.deleted", "Deleted in Toast."),
    Column("wage_frequency", TEXT, "Job.wageFrequency", "HOURLY or SALARY."),
    Column("code", TEXT, "Job.code", "The restaurant's own code of it."),
    Column("exclude_from_reporting", FLAG, "Job.excludeFromReporting", "Left out of Toast's labor reports, and of the metrics here."),
)

DIM_MENU_ITEMS = _dim(
    "dim_menu_items",
    "One row per state of an item in a group of a menu (it may sit in two at two prices), and of an option in a modifier group. What is archived "
    "is no longer published, so it is closed.",
    (
        Column("menu_guid", TEXT, "Menu.guid", "The menu; '' for a modifier, which belongs to none."),
        Column("menu_group_guid", TEXT, "MenuGroup.guid, ModifierGroup.guid", "The innermost group it is in."),
        Column("menu_item_guid", TEXT, "MenuItem.guid, ModifierOption.guid", "The item."),
    ),
    Column("menu_name", TEXT, "Menu.name", "Name of the menu."),
    Column("menu_group_name", TEXT, "MenuGroup.name, ModifierGroup.name", "Name of the group."),
    Column("item_name", TEXT, "MenuItem.name, ModifierOption.name", "Name of the item."),
    Column("price", MONEY, "MenuItem.price, ModifierOption.price", "Price; null where it follows from rules (see pricing_strategy)."),
    Column("sales_category_name", TEXT, "MenuItem.salesCategory.name, ModifierOption.salesCategory.name", "Sales category."),
    Column(
        "visibility", TEXT, "MenuItem.visibility, ModifierOption.visibility", "Where it is shown, in alphabetical order, joined by a blank."
    ),
    Column("is_deleted", FLAG, "ours", "False: a menu lists nothing that is deleted. What is gone is closed."),
    Column(
        "pricing_strategy",
        TEXT,
        "MenuItem.pricingStrategy, ModifierOption.pricingStrategy",
        "BASE_PRICE, MENU_SPECIFIC_PRICE, TIME_SPECIFIC_PRICE, SIZE_PRICE, OPEN_PRICE, GROUP_PRICE, ...",
    ),
    Column("is_modifier", FLAG, "ours", "An option of a modifier group."),
    Column("menu_group_path", TEXT, "MenuGroup.menuGroups", "The groups from the menu down, joined by ' > '; null for a modifier."),
    Column(
        "sales_category_guid",
        TEXT,
        "MenuItem.salesCategory.guid, ModifierOption.salesCategory.guid",
        "Sales category, as dim_sales_categories has it.",
    ),
    Column("plu", TEXT, "MenuItem.plu, ModifierOption.plu", "Price look-up code."),
    Column("sku", TEXT, "MenuItem.sku, ModifierOption.sku", "Stock keeping unit."),
    Column("is_deferred", FLAG, "MenuItem.isDeferred", "Deferred revenue, such as a gift card; null for a modifier."),
    Column("is_discountable", FLAG, "MenuItem.isDiscountable", "It can be discounted; null for a modifier."),
    Column("unit_of_measure", TEXT, "MenuItem.unitOfMeasure, ModifierOption.unitOfMeasure", "NONE, LB, OZ, ..."),
    Column(
        "multi_location_id",
        TEXT,
        "MenuItem.multiLocationId, ModifierOption.multiLocationId",
        "The same item at the group's other locations.",
    ),
)

DIM_DINING_OPTIONS = _named(
    "dim_dining_options",
    "dining_option",
    "One row per state of a dining option.",
    "DiningOption",
    Column("behavior", TEXT, "DiningOption.behavior", "DINE_IN, TAKE_OUT, DELIVERY."),
    Column("is_curbside", FLAG, "DiningOption.curbside", "Handed out at the curb."),
)
_IN_REVENUE_CENTER = "The revenue center it belongs to."
DIM_REVENUE_CENTERS = _named(
    "dim_revenue_centers",
    "revenue_center",
    "One row per state of a revenue center.",
    "RevenueCenter",
    Column("description", TEXT, "RevenueCenter.description", "What it is."),
)
DIM_SALES_CATEGORIES = _named("dim_sales_categories", "sales_category", "One row per state of a sales category.", "SalesCategory")
DIM_DISCOUNTS = _named(
    "dim_discounts",
    "discount",
    "One row per state of a discount. Its promo codes are not kept: whoever reads one can use it.",
    "Discount",
    Column("is_active", FLAG, "Discount.active", "It can be applied."),
    Column("discount_type", TEXT, "Discount.type", "PERCENT, FIXED, OPEN_PERCENT, OPEN_FIXED, BOGO, FIXED_TOTAL."),
    Column("percentage", RATE, "Discount.percentage", "What a PERCENT discount takes off each 100."),
    Column("discount_amount", MONEY, "Discount.amount", "What a FIXED discount takes off."),
    Column("selection_type", TEXT, "Discount.selectionType", "CHECK, ITEM, BOGO."),
    Column("fixed_total", MONEY, "Discount.fixedTotal", "What a combo costs in all."),
    Column("non_exclusive", FLAG, "Discount.nonExclusive", "Allowed beside other discounts."),
    Column("item_picking_priority", TEXT, "Discount.itemPickingPriority", "FIRST, LEAST_EXPENSIVE, MOST_EXPENSIVE."),
)
DIM_VOID_REASONS = _named("dim_void_reasons", "void_reason", "One row per state of a reason for voiding.", "VoidReason")
DIM_SERVICE_AREAS = _named(
    "dim_service_areas",
    "service_area",
    "One row per state of a service area.",
    "ServiceArea",
    Column("revenue_center_guid", TEXT, "ServiceArea.revenueCenter.guid", _IN_REVENUE_CENTER),
)
DIM_TABLES = _named(
    "dim_tables",
    "table",
    "One row per state of a table to sit at.",
    "Table",
    Column("service_area_guid", TEXT, "Table.serviceArea.guid", "The service area it stands in."),
    Column("revenue_center_guid", TEXT, "Table.revenueCenter.guid", _IN_REVENUE_CENTER),
)
DIM_CASH_DRAWERS = _named(
    "dim_cash_drawers",
    "cash_drawer",
    "One row per state of a cash drawer.",
    "CashDrawer",
    Column("printer_guid", TEXT, "CashDrawer.printer.guid", "The printer that opens it."),
)
DIM_PAYOUT_REASONS = _named("dim_payout_reasons", "payout_reason", "One row per state of a reason for paying out.", "PayoutReason")
DIM_NO_SALE_REASONS = _named("dim_no_sale_reasons", "no_sale_reason", "One row per state of a reason for opening a drawer.", "NoSaleReason")
DIM_TAX_RATES = _named(
    "dim_tax_rates",
    "tax_rate",
    "One row per state of a tax rate.",
    "TaxRate",
    Column("is_default", FLAG, "TaxRate.isDefault", "The default rate."),
    Column("rate", RATE, "TaxRate.rate", "The part of the price (0.0625), or, of a FIXED tax, its amount."),
    Column("tax_type", TEXT, "TaxRate.type", "PERCENT, FIXED, TABLE, NONE, EXTERNAL."),
    Column("rounding_type", TEXT, "TaxRate.roundingType", "HALF_UP, HALF_EVEN, ALWAYS_UP, ALWAYS_DOWN."),
)
DIM_SERVICE_CHARGES = _named(
    "dim_service_charges",
    "service_charge",
    "One row per state of a service charge.",
    "ServiceCharge",
    Column("amount_type", TEXT, "ServiceCharge.amountType", "FIXED, PERCENT, OPEN."),
    Column("amount", MONEY, "ServiceCharge.amount", "What a FIXED charge adds."),
    Column("percent", RATE, "ServiceCharge.percent", "What a PERCENT charge adds to each 100."),
    Column("is_gratuity", FLAG, "ServiceCharge.gratuity", "A gratuity: not a sale."),
    Column("is_taxable", FLAG, "ServiceCharge.taxable", "Tax is added to it."),
    Column("calculation", TEXT, "ServiceCharge.serviceChargeCalculation", "PRE_DISCOUNT, POST_DISCOUNT."),
    Column("destination", TEXT, "ServiceCharge.destination", "Who gets it: RESTAURANT, SERVER, TOAST, THIRD_PARTY."),
)
DIM_BREAK_TYPES = _named(
    "dim_break_types",
    "break_type",
    "One row per state of a kind of break.",
    "BreakType",
    Column("is_active", FLAG, "BreakType.active", "It can be taken."),
    Column("is_paid", FLAG, "BreakType.paid", "Paid."),
    Column("minutes", COUNT, "BreakType.duration", "How long it is, in minutes."),
    Column("enforces_minimum", FLAG, "BreakType.enforceMinimumTime", "Nobody may come back sooner."),
    Column("tracks_missed", FLAG, "BreakType.trackMissedBreaks", "One that was due and not taken is noted."),
    Column("interval_hours", COUNT, "BreakType.breakIntervalHrs", "Due after so many hours, and interval_minutes."),
    Column("interval_minutes", COUNT, "BreakType.breakIntervalMins", "Due after so many minutes, and interval_hours."),
)
DIM_ALTERNATE_PAYMENT_TYPES = _named(
    "dim_alternate_payment_types",
    "alternate_payment_type",
    "One row per state of another way to pay; fact_payments has it as other_payment_guid.",
    "AlternatePaymentType",
)

#: In the order in which the user named them.
DIMENSIONS: tuple[TableSpec, ...] = (
    DIM_RESTAURANTS,
    DIM_EMPLOYEES,
    DIM_JOBS,
    DIM_MENU_ITEMS,
    DIM_DINING_OPTIONS,
    DIM_REVENUE_CENTERS,
    DIM_SALES_CATEGORIES,
    DIM_DISCOUNTS,
    DIM_VOID_REASONS,
    DIM_SERVICE_AREAS,
    DIM_TABLES,
    DIM_CASH_DRAWERS,
    DIM_PAYOUT_REASONS,
    DIM_NO_SALE_REASONS,
    DIM_TAX_RATES,
    DIM_SERVICE_CHARGES,
    DIM_BREAK_TYPES,
    DIM_ALTERNATE_PAYMENT_TYPES,
)

MENU_PUBLICATIONS = TableSpec(
    name="menu_publications",
    meaning="Which publication of each location's menus dim_menu_items was last read from, whole: the menus are read again when there is a later one.",
    key=("restaurant_guid",),
    role="list",
    version=LOADED_AT,
    partition="restaurant_guid",
    columns=(
        _RESTAURANT_GUID,
        Column("last_updated", INSTANT, "Restaurant.lastUpdated", "When that publication was made."),
        loaded_at(),
    ),
)
