"""Every table as a value: its columns with Arrow types, their API fields and meanings, its key, version and partition.

Warehouses, the decoders, the merge, the docs and their tests all read these values; none adds a column to them.
"""

from __future__ import annotations

from restaurant_os.tables.calendar import CALENDAR_TABLES, DIM_BUSINESS_DAYS, DIM_BUSINESS_HOURS
from restaurant_os.tables.cash import CASH_TABLES, FACT_CASH_DEPOSITS, FACT_CASH_ENTRIES
from restaurant_os.tables.dims import (
    DIM_DINING_OPTIONS,
    DIM_EMPLOYEES,
    DIM_JOBS,
    DIM_MENU_ITEMS,
    DIM_RESTAURANTS,
    DIM_REVENUE_CENTERS,
    DIM_SALES_CATEGORIES,
    DIMENSIONS,
    MENU_PUBLICATIONS,
)
from restaurant_os.tables.events import DAILY_SUMMARIES, EVENT_TABLES, STOCK_LEVELS
from restaurant_os.tables.labor import FACT_LABOR_BREAKS, FACT_LABOR_HOURS, FACT_LABOR_SHIFTS, FACT_SCHEDULED_SHIFTS, LABOR_TABLES
from restaurant_os.tables.orders import (
    FACT_CHECKS,
    FACT_ORDER_DISCOUNTS,
    FACT_ORDER_ITEMS,
    FACT_ORDER_MODIFIERS,
    FACT_ORDERS,
    FACT_PAYMENTS,
    FACT_REFUNDS,
    FACT_SERVICE_CHARGES,
    ORDER_TABLES,
)
from restaurant_os.tables.records import CHANGED_DAYS, DAY_SNAPSHOTS, QUARANTINE, READ_SEQUENCES, RECORD_TABLES, SYNC_RUNS
from restaurant_os.tables.spec import (
    COUNT,
    DATE,
    FLAG,
    INSTANT,
    LOADED_AT,
    MONEY,
    PLACES,
    RATE,
    RATE_PLACES,
    REAL,
    TEXT,
    Column,
    Dataset,
    RecordSet,
    TableSpec,
)

__all__ = [
    "BY_NAME",
    "CALENDAR_TABLES",
    "CASH",
    "CASH_TABLES",
    "CHANGED_DAYS",
    "CONFIG",
    "COUNT",
    "DAILY_SUMMARIES",
    "DATASETS",
    "DATE",
    "DAY_SNAPSHOTS",
    "DIM_BUSINESS_DAYS",
    "DIM_BUSINESS_HOURS",
    "DIM_DINING_OPTIONS",
    "DIM_EMPLOYEES",
    "DIM_JOBS",
    "DIM_MENU_ITEMS",
    "DIM_RESTAURANTS",
    "DIM_REVENUE_CENTERS",
    "DIM_SALES_CATEGORIES",
    "DIMENSIONS",
    "EVENT_TABLES",
    "FACT_CASH_DEPOSITS",
    "FACT_CASH_ENTRIES",
    "FACT_CHECKS",
    "FACT_LABOR_BREAKS",
    "FACT_LABOR_HOURS",
    "FACT_LABOR_SHIFTS",
    "FACT_ORDERS",
    "FACT_ORDER_DISCOUNTS",
    "FACT_ORDER_ITEMS",
    "FACT_ORDER_MODIFIERS",
    "FACT_PAYMENTS",
    "FACT_REFUNDS",
    "FACT_SCHEDULED_SHIFTS",
    "FACT_SERVICE_CHARGES",
    "FLAG",
    "INSTANT",
    "LABOR",
    "LABOR_TABLES",
    "LOADED_AT",
    "MENU_PUBLICATIONS",
    "MONEY",
    "ORDERS",
    "ORDER_TABLES",
    "PLACES",
    "QUARANTINE",
    "RATE",
    "RATE_PLACES",
    "READ_SEQUENCES",
    "REAL",
    "RECORD_TABLES",
    "STOCK",
    "STOCK_LEVELS",
    "SUMMARIES",
    "SYNC_RUNS",
    "TABLES",
    "TEXT",
    "Column",
    "Dataset",
    "RecordSet",
    "TableSpec",
]

ORDERS = Dataset("orders", sets=(RecordSet(FACT_ORDERS, ORDER_TABLES[1:]),))
CASH = Dataset("cash", day_sets=CASH_TABLES)
LABOR = Dataset("labor", sets=(RecordSet(FACT_LABOR_SHIFTS, (FACT_LABOR_BREAKS, FACT_LABOR_HOURS)), RecordSet(FACT_SCHEDULED_SHIFTS)))
CONFIG = Dataset("config", histories=DIMENSIONS)
#: What syncs read, and what only events bring.
SUMMARIES = Dataset("summaries", latest=(DAILY_SUMMARIES,))
STOCK = Dataset("stock", latest=(STOCK_LEVELS,))
DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in (ORDERS, CASH, LABOR, CONFIG, SUMMARIES, STOCK)}

TABLES: tuple[TableSpec, ...] = (
    *ORDER_TABLES,
    *CASH_TABLES,
    *LABOR_TABLES,
    *DIMENSIONS,
    MENU_PUBLICATIONS,
    *EVENT_TABLES,
    *CALENDAR_TABLES,
    *RECORD_TABLES,
)
BY_NAME: dict[str, TableSpec] = {spec.name: spec for spec in TABLES}
