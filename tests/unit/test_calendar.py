"""Business days and hours as rows: 23 and 25 hours, the report week, shares of salaries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_world import NORTH, SOUTH
from property_profiles import examples
from restaurant_os.pipeline.calendar import WEEKDAYS, Calendar
from restaurant_os.settings import Location, ReportSettings, Salary

ARIZONA = Location(name="Dry", toast_guid="aaaaaaaa-0000-4000-8000-000000000003", timezone="America/Phoenix", closeout_hour=0)
ZONES = (NORTH, SOUTH, ARIZONA)


def salary(weekly: str, **fields: Any) -> Salary:
    return Salary(location="North", weekly=Decimal(weekly), **fields)


def rows(*days: date, location: Location = NORTH, week: str = "monday", salaries: tuple[Salary, ...] | None = None) -> Any:
    """The rows of days and of hours."""
    reports = ReportSettings.model_validate({"week_starts": week})
    made = Calendar(reports, {} if salaries is None else {location.toast_guid: salaries}).tables(location, days)
    return made["dim_business_days"].to_pylist(), made["dim_business_hours"].to_pylist()


def test_a_day_and_its_hours() -> None:
    """Bounds in UTC, from closeout to closeout of the location's own clock; a day named twice is there once."""
    [day], hours = rows(date(2026, 3, 2), date(2026, 3, 2))

    assert day == {
        "restaurant_guid": NORTH.toast_guid,
        "business_date": date(2026, 3, 2),
        "starts_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "ends_at": datetime(2026, 3, 3, 9, tzinfo=UTC),
        "hours": 24,
        "week_start": date(2026, 3, 2),
        "salaried_cost": None,
    }
    assert hours[20] == {
        "restaurant_guid": NORTH.toast_guid,
        "business_date": date(2026, 3, 2),
        "business_hour": 20,
        "starts_at": datetime(2026, 3, 3, 5, tzinfo=UTC),
        "ends_at": datetime(2026, 3, 3, 6, tzinfo=UTC),
        "local_hour": 0,
        "salaried_cost": None,
    }


@pytest.mark.parametrize(
    ("location", "day", "local_hours"),
    [
        (NORTH, date(2026, 3, 7), [*range(4, 24), 0, 1, 3]),
        (NORTH, date(2026, 10, 31), [*range(4, 24), 0, 1, 1, 2, 3]),
        (SOUTH, date(2026, 3, 7), [*range(3, 24), 0, 1]),
        (SOUTH, date(2026, 10, 31), [*range(3, 24), 0, 1, 1, 2]),
        (ARIZONA, date(2026, 3, 7), list(range(24))),
    ],
)
def test_days_on_which_the_clocks_change(location: Location, day: date, local_hours: list[int]) -> None:
    """23 rows or 25: an hour that the clock skips is not there, one it repeats is there twice."""
    [own], hours = rows(day, location=location)

    assert (own["hours"], [hour["local_hour"] for hour in hours]) == (len(local_hours), local_hours)
    assert [hour["business_hour"] for hour in hours] == list(range(len(local_hours)))
    assert (hours[0]["starts_at"], hours[-1]["ends_at"]) == (own["starts_at"], own["ends_at"])
    assert [one["ends_at"] for one in hours[:-1]] == [one["starts_at"] for one in hours[1:]]


@pytest.mark.parametrize("week", WEEKDAYS)
def test_the_report_week_begins_as_the_settings_say(week: str) -> None:
    """The latest such day that is not after the date."""
    days = [date(2026, 3, 1) + timedelta(days=n) for n in range(10)]
    found, _ = rows(*days, week=week)

    assert [WEEKDAYS[day["week_start"].weekday()] for day in found] == [week] * len(days)
    assert all(timedelta(0) <= day["business_date"] - day["week_start"] < timedelta(days=7) for day in found)


@pytest.mark.parametrize(
    ("salaries", "expected"),
    [
        (None, None),
        ((), None),
        ((salary("1400"),), "200"),
        ((salary("1000"),), "142.8571"),
        ((salary("1400"), salary("1000")), "342.8571"),
        ((salary("1400", start=date(2026, 3, 2)),), "0"),
        ((salary("1400", end=date(2026, 2, 28)),), "0"),
        ((salary("1400", start=date(2026, 3, 1), end=date(2026, 3, 1)), salary("700", end=date(2026, 2, 1))), "200"),
    ],
)
def test_a_day_costs_a_seventh_of_the_salaries_due(salaries: tuple[Salary, ...] | None, expected: str | None) -> None:
    """Nothing is due outside their dates; without any it is unknown, not nothing. The hours share it to the last place."""
    [day], hours = rows(date(2026, 3, 1), salaries=salaries)
    shares = [hour["salaried_cost"] for hour in hours]

    assert day["salaried_cost"] == (None if expected is None else Decimal(expected))
    assert (None if None in shares else sum(shares)) == day["salaried_cost"]


@examples(20)
@given(
    st.sampled_from(ZONES),
    st.dates(date(2020, 1, 1), date(2035, 1, 1)),
    st.lists(st.decimals("0.01", 1_000_000, places=2), min_size=1, max_size=4),
)
def test_every_day_is_the_sum_of_its_hours(location: Location, day: date, weekly: list[Decimal]) -> None:
    """Whatever the zone, the date and the salaries; days follow one another without a gap."""
    days, hours = rows(day, day + timedelta(days=1), location=location, salaries=tuple(salary(str(one)) for one in weekly))

    for own in days:
        mine = [hour for hour in hours if hour["business_date"] == own["business_date"]]
        assert (len(mine), sum(hour["salaried_cost"] for hour in mine)) == (own["hours"], own["salaried_cost"])
        assert sum((hour["ends_at"] - hour["starts_at"] for hour in mine), timedelta()) == own["ends_at"] - own["starts_at"]
        assert all(hour["salaried_cost"] >= 0 for hour in mine)
    assert all(one["ends_at"] == other["starts_at"] for one, other in pairwise(days))
