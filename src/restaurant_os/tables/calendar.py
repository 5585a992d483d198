"""The business days and hours of each location, worked out by `businessday.py`: no engine does zone arithmetic."""

from __future__ import annotations

from restaurant_os.tables.spec import COUNT, DATE, INSTANT, LOADED_AT, MONEY, TEXT, Column, TableSpec, loaded_at

_RESTAURANT_GUID = Column("restaurant_guid", TEXT, "settings [[locations]]", "The location.")
_BUSINESS_DATE = Column("business_date", DATE, "ours", "The business date.")

DIM_BUSINESS_DAYS = TableSpec(
    name="dim_business_days",
    meaning="One row per location and business date that was read.",
    key=("restaurant_guid", "business_date"),
    role="list",
    version=LOADED_AT,
    columns=(
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        Column("starts_at", INSTANT, "settings [[locations]]", "When it begins: the closeout hour on the location's clock."),
        Column("ends_at", INSTANT, "settings [[locations]]", "When it ends."),
        Column("hours", COUNT, "ours", "23, 24 or 25."),
        Column("week_start", DATE, "settings [reports]", "The first day of its report week."),
        Column("salaried_cost", MONEY, "settings [[salaries]]", "Weekly salaries / 7; null where none is configured."),
        loaded_at(),
    ),
)

DIM_BUSINESS_HOURS = TableSpec(
    name="dim_business_hours",
    meaning="One row per location, business date and hour instance: an hour that the clock repeats is there twice, one it skips is not.",
    key=("restaurant_guid", "business_date", "business_hour"),
    role="list",
    version=LOADED_AT,
    columns=(
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        Column("business_hour", COUNT, "ours", "Hours from the start of the business day: 0 is the first."),
        Column("starts_at", INSTANT, "ours", "When the hour begins."),
        Column("ends_at", INSTANT, "ours", "When it ends."),
        Column("local_hour", COUNT, "ours", "What the location's clock shows at its start, 0 to 23."),
        Column("salaried_cost", MONEY, "settings [[salaries]]", "The hour's share of the day's; the shares sum to it."),
        loaded_at(),
    ),
)

CALENDAR_TABLES: tuple[TableSpec, ...] = (DIM_BUSINESS_DAYS, DIM_BUSINESS_HOURS)
