"""The business days and hours of a location as rows: what its zone, closeout hour, report week and salaries make of a date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from restaurant_os.settings import Location, ReportSettings, Salary
from restaurant_os.tables import CALENDAR_TABLES, DIM_BUSINESS_DAYS, DIM_BUSINESS_HOURS, LOADED_AT, PLACES

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Calendar:
    """Makes the calendar rows of business dates. `salaries`: those of each location, by its GUID."""

    reports: ReportSettings
    salaries: dict[str, Sequence[Salary]]

    def tables(self, location: Location, days: Iterable[date]) -> dict[str, pa.Table]:
        """`dim_business_days` and `dim_business_hours` of these days, as they are staged."""
        wanted = sorted(set(days))
        rows = {
            DIM_BUSINESS_DAYS.name: [self._day(location, day) for day in wanted],
            DIM_BUSINESS_HOURS.name: [row for day in wanted for row in self._hours(location, day)],
        }
        return {
            spec.name: pa.Table.from_pylist(rows[spec.name], schema=pa.schema([f for f in spec.schema if f.name != LOADED_AT]))
            for spec in CALENDAR_TABLES
        }

    def _day(self, location: Location, day: date) -> dict[str, Any]:
        starts, ends = location.business_day.bounds(day)
        return {
            "restaurant_guid": location.toast_guid,
            "business_date": day,
            "starts_at": starts,
            "ends_at": ends,
            "hours": len(location.business_day.hours(day)),
            "week_start": day - timedelta(days=(day.weekday() - WEEKDAYS.index(self.reports.week_starts)) % DAYS_A_WEEK),
            "salaried_cost": self._salaried(location, day),
        }

    def _hours(self, location: Location, day: date) -> list[dict[str, Any]]:
        hours, cost = location.business_day.hours(day), self._salaried(location, day)
        return [
            {
                "restaurant_guid": location.toast_guid,
                "business_date": day,
                "business_hour": n,
                "starts_at": starts,
                "ends_at": ends,
                "local_hour": starts.astimezone(location.business_day.zone).hour,
                "salaried_cost": None if cost is None else _upto(cost, n + 1, len(hours)) - _upto(cost, n, len(hours)),
            }
            for n, (starts, ends) in enumerate(hours)
        ]

    def _salaried(self, location: Location, day: date) -> Decimal | None:
        """A day's share of the weekly salaries due on it; None where none is configured."""
        own = self.salaries.get(location.toast_guid, ())
        due = [salary.weekly for salary in own if salary.is_due(day)]
        return (sum(due, Decimal(0)) / DAYS_A_WEEK).quantize(PLACES) if own else None


def _upto(cost: Decimal, hour: int, hours: int) -> Decimal:
    """What of a day's cost has accrued by the start of an hour; the differences sum to the day exactly."""
    return (cost * hour / hours).quantize(PLACES)
