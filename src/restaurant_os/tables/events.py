"""What events tell that no API read brings: the daily summaries that a store posts, and what is out of stock."""

from __future__ import annotations

from restaurant_os.tables.spec import COUNT, DATE, INSTANT, MONEY, REAL, TEXT, Column, TableSpec, loaded_at

DAILY_SUMMARIES = TableSpec(
    name="daily_summaries",
    meaning="A store's own totals of a day, as posted to /webhook/sales and /webhook/labor; the last one posted counts.",
    key=("store_id", "date", "kind"),
    role="latest",
    version="sequence",
    partition="date",
    columns=(
        Column("store_id", TEXT, "store_id", "The store as the sender names it."),
        Column("date", DATE, "date", "The day."),
        Column("kind", TEXT, "ours", "sales or labor."),
        Column(
            "restaurant_guid",
            TEXT,
            "ours",
            "The location that the store id maps to by the settings; the store id itself where it maps to none.",
        ),
        Column("gross_sales", MONEY, "gross_sales", "Of kind sales."),
        Column("labor_hours", MONEY, "labor_hours", "Of kind labor."),
        Column("labor_cost", MONEY, "labor_cost", "Of kind labor."),
        Column("sequence", COUNT, "ours", "The inbox sequence of the event; the greatest counts. Never a clock."),
        Column("received_at", INSTANT, "ours", "When it came."),
        loaded_at(),
    ),
)

STOCK_LEVELS = TableSpec(
    name="stock_levels",
    meaning="What Toast's stock webhook last said of each menu item. An item that it never named is not here.",
    key=("restaurant_guid", "item_guid"),
    role="latest",
    version="changed_at",
    partition="restaurant_guid",
    columns=(
        Column("restaurant_guid", TEXT, "details.restaurantGuid", "The location."),
        Column("item_guid", TEXT, "details.itemGuid", "The menu item."),
        Column("multi_location_id", TEXT, "details.multiLocationId", "The item across locations."),
        Column("status", TEXT, "details.status", "IN_STOCK, QUANTITY or OUT_OF_STOCK."),
        Column("quantity", REAL, "details.quantity", "What is left, where it is counted."),
        Column("changed_at", INSTANT, "timestamp", "The event's own time; the latest counts."),
        loaded_at(),
    ),
)

EVENT_TABLES: tuple[TableSpec, ...] = (DAILY_SUMMARIES, STOCK_LEVELS)
