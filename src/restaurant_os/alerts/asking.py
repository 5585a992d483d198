"""What several rules of one look ask alike, asked once for all its locations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import DAILY_VIEWS, HOURLY_VIEW, WEEKLY_VIEW
from restaurant_os.pipeline.calendar import DAYS_A_WEEK, WEEKDAYS
from restaurant_os.settings import Settings
from restaurant_os.tables import DIM_EMPLOYEES
from restaurant_os.transformations import VIEWS

Row = Mapping[str, Any]
#: A location and a business date, or the first day of a report week.
Key = tuple[str, date]
DAILY, CASH = DAILY_VIEWS[:2]


def week_start(settings: Settings, day: date) -> date:
    """The first day of the report week of a business date."""
    return day - timedelta(days=(day.weekday() - WEEKDAYS.index(settings.reports.week_starts)) % DAYS_A_WEEK)


def all_days(look: Look) -> list[date]:
    return sorted({day for days in look.days.values() for day in days})


def marks(values: Iterable[Any]) -> str:
    """As many places for parameters."""
    return ", ".join("?" for _ in values)


def within(look: Look, days: Iterable[date], column: str = "business_date", table: str = "") -> tuple[str, list[Any]]:
    """A condition on location and date, and its parameters: of the look's locations, on any of the days."""
    prefix = f"{table}." if table else ""
    guids, wanted = [place.toast_guid for place in look.places], list(days)
    return f"{prefix}restaurant_guid IN ({marks(guids)}) AND {prefix}{column} IN ({marks(wanted)})", [*guids, *wanted]


def day_rows(look: Look, view: str = DAILY) -> dict[Key, Row]:
    """The rows of a daily view, of the looked-at days."""
    return _rows(look, view, all_days(look), "business_date")


def week_rows(look: Look) -> dict[Key, Row]:
    """The rows of the report weeks that the looked-at days are in."""
    return _rows(look, WEEKLY_VIEW, sorted({week_start(look.settings, day) for day in all_days(look)}), "week_start")


def hour_rows(look: Look) -> dict[Key, list[Row]]:
    """The hours of each looked-at day, in their order."""
    found: dict[Key, list[Row]] = look.shared.get(HOURLY_VIEW, {})
    if HOURLY_VIEW not in look.shared:
        for row in _asked(look, HOURLY_VIEW, all_days(look), "business_date"):
            found.setdefault((row["restaurant_guid"], row["business_date"]), []).append(row)
        for own in found.values():
            own.sort(key=lambda row: row["business_hour"])
        look.shared[HOURLY_VIEW] = found
    return found


def employee_names(look: Look, people: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What people are called, as far as the settings let it be kept: location and employee GUID -> name."""
    if not people:
        return {}
    guids, whom = sorted({guid for guid, _ in people}), sorted({who for _, who in people})
    found = look.warehouse.rows(
        f"SELECT restaurant_guid, employee_guid, chosen_name, first_name, last_name FROM {DIM_EMPLOYEES.name} "
        f"WHERE applies_to IS NULL AND restaurant_guid IN ({marks(guids)}) AND employee_guid IN ({marks(whom)})",
        [*guids, *whom],
    )
    names = {(guid, who): " ".join(part for part in (chosen or first, last) if part).strip() for guid, who, chosen, first, last in found}
    return {key: name for key, name in names.items() if name}


def _rows(look: Look, view: str, days: list[date], dated_by: str) -> dict[Key, Row]:
    if view not in look.shared:
        look.shared[view] = {(row["restaurant_guid"], row[dated_by]): row for row in _asked(look, view, days, dated_by)}
    found: dict[Key, Row] = look.shared[view]
    return found


def _asked(look: Look, view: str, days: list[date], dated_by: str) -> list[Row]:
    if not look.places or not days:
        return []
    columns = _columns(view)
    condition, parameters = within(look, days, dated_by)
    rows = look.warehouse.rows(f"SELECT {', '.join(columns)} FROM {view} WHERE {condition}", parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]


@cache
def _columns(view: str) -> tuple[str, ...]:
    return next(tuple(name for name, _ in one.columns) for one in VIEWS if one.name == view)
