"""`restaurant-os metrics`: which view answers a question of grain and split, and its rows for some locations and business dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from restaurant_os.errors import SettingsError, UsageError
from restaurant_os.pipeline.plans import Period
from restaurant_os.settings import Location, Settings
from restaurant_os.tables import DAILY_SUMMARIES, DIM_DINING_OPTIONS, DIM_REVENUE_CENTERS, TableSpec
from restaurant_os.text import printable
from restaurant_os.warehouse import Warehouse

Grain = Literal["hour", "day", "week"]
By = Literal["role", "dining-option", "revenue-center", "source", "cash", "close"]

#: What a person wants to read of a view, in a table as wide as a terminal; csv, json and parquet hold every column.
SALES = ("orders", "net_sales", "average_check")
LABOR = ("labor_hours", "labor_cost", "labor_percent", "cplh", "splh", "labor_reason")

CENT = Decimal("0.01")
#: Nowhere is it later than here: what date a store writes whose zone nobody knows.
EARLIEST_ZONE = timedelta(hours=14)
#: An error lists at most so many locations.
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Report:
    """A view, the column its dates are in, how many days it shows when none are named, and its columns for a table.

    `named`: a column of GUIDs, and the dimension that knows what they are called; the name comes in a column of its own, without `_guid`.
    """

    view: str
    shown: tuple[str, ...]
    days: int = 7
    dated_by: str = "business_date"
    named: tuple[str, TableSpec] | None = None


#: The keys of the views after the date, so that no engine has a choice.
IN_ORDER_OF = ("restaurant_guid", "business_hour", "job_title", "dining_option_guid", "revenue_center_guid", "order_source")
GRAINS: dict[str, Report] = {
    "hour": Report("hourly_profitability", ("business_date", "local_hour", *SALES, *LABOR), days=1),
    "day": Report("daily_profitability", ("business_date", *SALES, *LABOR)),
    "week": Report("weekly_profitability", ("week_start", "days", *SALES, *LABOR), days=35, dated_by="week_start"),
}
SPLITS: dict[str, Report] = {
    "role": Report("profitability_by_role", ("business_date", "job_title", "entries", *LABOR)),
    "dining-option": Report(
        "sales_by_dining_option",
        ("business_date", "dining_option", *SALES, "discount_rate", "void_rate"),
        named=("dining_option_guid", DIM_DINING_OPTIONS),
    ),
    "revenue-center": Report(
        "sales_by_revenue_center",
        ("business_date", "revenue_center", *SALES, "discount_rate", "void_rate"),
        named=("revenue_center_guid", DIM_REVENUE_CENTERS),
    ),
    "source": Report("sales_by_source", ("business_date", "order_source", *SALES, "discount_rate", "void_rate")),
    "cash": Report(
        "daily_cash",
        (
            *("business_date", "cash_payments", "cash_refunds", "entries_total", "expected_deposit", "actual_deposit"),
            *("deposit_over_short", "deposit_status", "drawer_over_short", "no_sales"),
        ),
    ),
    "close": Report(
        "daily_close",
        ("business_date", "net_sales", "tax", "gratuity", "tips", "deferred", "owed", "settled", "refunds_paid", "unpaid", "difference"),
    ),
}


def report_of(grain: Grain, by: By | None) -> Report:
    """The report of a grain and a split.

    Raises:
        UsageError: there is none of both.
    """
    if by is None:
        return GRAINS[grain]
    if grain != "day":
        raise UsageError(f"metrics: by {by} there are days alone, no {grain}s.", next_step="Leave --grain out, or --by.")
    return SPLITS[by]


def named(known: Sequence[Location], wanted: str, *, or_else: str = "") -> list[Location]:
    """The locations among `known` that a person means: ALL, a name, a GUID or a store id.

    Raises:
        SettingsError: there is none; lists those there are. `or_else`: another way to have one.
    """
    if not known:
        raise SettingsError(
            "settings: no location is configured.",
            next_step="Fill them from the API with `restaurant-os init --from-toast URL`, or write [[locations]] in restaurant-os.toml."
            + or_else,
        )
    if wanted.upper() == "ALL":
        return list(known)
    name = wanted.strip().lower()
    found = [one for one in known if name and name in (one.name.lower(), one.toast_guid.lower(), one.store_id.lower())]
    if not found:
        names = ", ".join(printable(one.name, 60) for one in known[:MOST_NAMED]) + (", ..." if len(known) > MOST_NAMED else "")
        raise SettingsError(f"location '{printable(wanted, 80)}' is not configured.", next_step=f"Known are: {names}. Or say ALL.")
    return found


def places_of(settings: Settings, warehouse: Warehouse, wanted: str = "ALL") -> list[Location]:
    """The same of the locations configured and the stores that posted a summary and stand nowhere in the settings.

    Raises:
        SettingsError: there is none; lists those there are.
    """
    return named(known_places(settings, warehouse), wanted, or_else=" Or post the summary of a day to `restaurant-os serve`.")


def known_places(settings: Settings, warehouse: Warehouse) -> list[Location]:
    """All of them, the locations first."""
    stores = warehouse.rows(f"SELECT DISTINCT restaurant_guid FROM {DAILY_SUMMARIES.name} ORDER BY 1")
    own = [settings.place_of(store) for (store,) in stores if settings.location_of(store) is None]
    return [*settings.locations, *own]


def rows_of(warehouse: Warehouse, report: Report, locations: Sequence[Location], period: Period | None, now: datetime) -> pa.Table:
    """The report's rows, every column of its view, with the location's name first. Without a period: the last days up to today's."""
    period = period or _latest(report, locations, now)
    guids = [location.toast_guid for location in locations]
    places = ", ".join("?" for _ in guids)
    columns = _columns(report.view)
    order = ", ".join(name for name in (report.dated_by, *IN_ORDER_OF) if name in columns)
    found = warehouse.rows(
        f"SELECT {', '.join(columns)} FROM {report.view} WHERE restaurant_guid IN ({places}) AND {report.dated_by} BETWEEN ? AND ? ORDER BY {order}",
        [*guids, period.first, period.last],
    )
    names = {location.toast_guid: location.name for location in locations}
    rows = [{"location": names[row[0]], **dict(zip(columns, row, strict=True))} for row in found]
    if report.named:
        columns.append(_with_names(warehouse, rows, *report.named))
    if rows:
        return pa.Table.from_pylist(rows)
    return pa.table({name: pa.array([], pa.string()) for name in ("location", *columns)})


def _with_names(warehouse: Warehouse, rows: list[dict[str, Any]], by: str, dimension: TableSpec) -> str:
    """Put into each row what its GUID was last called, or the GUID where no configuration tells; gives the new column."""
    own = by.removesuffix("_guid")
    last = f"SELECT restaurant_guid, {by}, {own}_name FROM {dimension.name} WHERE applies_to IS NULL"
    known = {(place, guid): name for place, guid, name in warehouse.rows(last)} if rows else {}
    for row in rows:
        row[own] = known.get((row["restaurant_guid"], row[by])) or row[by]
    return own


def _columns(view: str) -> list[str]:
    from restaurant_os.transformations import VIEWS

    return next([name for name, _ in own.columns] for own in VIEWS if own.name == view)


def _latest(report: Report, locations: Sequence[Location], now: datetime) -> Period:
    today = max(location.business_day.date_of(now) for location in locations)
    # A store that stands nowhere in the settings may be in any zone.
    has_store = any(location.toast_guid == location.store_id for location in locations)
    last = max(today, (now + EARLIEST_ZONE).date()) if has_store else today
    return Period(today - timedelta(days=report.days if report.days > 1 else 0), last)


def cells(table: pa.Table, report: Report) -> list[list[Any]]:
    """The rows of a table for people: some columns, numbers to two places."""
    shown = table.select(["location", *report.shown]).to_pylist()
    return [[_to_cents(value) for value in row.values()] for row in shown]


def _to_cents(value: Any) -> Any:
    return Decimal(str(value)).quantize(CENT) if isinstance(value, (float, Decimal)) else value
