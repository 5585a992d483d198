"""How a business day stands, read from a warehouse: what is in by an instant, what is promised and planned, and what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from restaurant_os.alerts.days import DayState, Usual, UsualDay, UsualHour, day_states, usual_days
from restaurant_os.alerts.looking import Look
from restaurant_os.settings import Location, Settings
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file
from views_rows import DAY, HERE, Rows, at, dec

SOUTH = "south"
#: As the rows have it: closeout at four, five hours behind UTC, without daylight saving.
PLACE = Location.model_construct(
    name="North", toast_guid=HERE, timezone="America/Panama", closeout_hour=4, labor_source="toast", store_id="", closed_dates=()
)
OTHER = PLACE.model_copy(update={"name": "South", "toast_guid": SOUTH})
WEEK = timedelta(days=7)
Sums = tuple[int | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(empty_file())
    return path


@contextmanager
def writing(path: Path) -> Iterator[Rows]:
    connection = duckdb.connect(str(path))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield Rows(connection)
    finally:
        connection.close()


def look(path: Path, now: datetime, *places: Location) -> Look:
    warehouse = DuckDBWarehouse(path, wait_seconds=5, memory_limit="128MB", now=lambda: now)
    own = places or (PLACE,)
    return Look(warehouse, Settings.model_construct(), own, {place.toast_guid: [DAY] for place in own}, now)


def state(path: Path, hours: float, place: Location = PLACE) -> DayState:
    """The state of DAY, looked at so many hours after it began."""
    return day_states(look(path, at(hours), place))[place.toast_guid, DAY]


def sums(own: DayState) -> Sums:
    return own.orders, own.net_sales, own.labor_cost, own.labor_hours, own.overtime_cost


def sold(rows: Rows, amount: str, hours: float, promised: float | None = None, *, counted: bool = True, place: str = HERE) -> None:
    """An order placed so many hours into the day, with one check and line."""
    due = None if promised is None else at(promised)
    hour = int(hours if promised is None else promised)
    order = rows.order(opened_at=at(hours), promised_at=due, counted=counted, restaurant_guid=place)
    check = rows.check(order, opened_at=at(hours), hour=hour, counted=counted, restaurant_guid=place)
    rows.line(order, check, amount, hour=hour, sale=counted, restaurant_guid=place)


def scheduled(rows: Rows, employee: str | None, start: float, end: float, **values: Any) -> None:
    own = {"employee_guid": employee, "in_date": at(start), "out_date": at(end), "hourly_wage": "20", "is_published": None}
    rows.add("fact_scheduled_shifts", **(own | {"planned_cost": str(20 * (end - start))} | values))


def followed(rows: Rows, sales: float, labor: float, **values: Any) -> None:
    """DAY is in the calendar, and its sides are known up to so many hours after it began."""
    rows.day()
    rows.followed("orders", at(-1), at(sales), **values)
    rows.followed("labor", at(-1), at(labor), **values)


# --- a day that goes on -----------------------------------------------------------------------------------------------


def test_sums_are_so_far_and_as_of_the_side_that_is_known_for_less(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 10, 9.5)
        sold(rows, "60", 3.5)
        sold(rows, "40", 9.75)
        rows.punch(employee_guid="ana", in_date=at(4))
    own = state(path, 10.1)
    assert sums(own) == (2, dec(100), dec("110"), dec("5.5"), dec(0))
    assert (own.as_of, own.sales_as_of, own.labor_as_of) == (at(9.5), at(10), at(9.5))
    assert (own.starts_at, own.ends_at, own.basis, own.reason) == (at(0), at(24), "net", "")
    assert [(hour.business_hour, hour.local_hour, hour.starts_at, hour.ends_at) for hour in own.hours][19:21] == [
        (19, 23, at(19), at(20)),
        (20, 0, at(20), at(21)),
    ]
    assert len(own.hours) == 24


def test_an_order_that_came_after_the_last_read_waits_for_the_next(path: Path) -> None:
    """A webhook is ahead of the chain of reads: its order is in no sum that says it is as of before it."""
    with writing(path) as rows:
        followed(rows, 10, 10)
        sold(rows, "60", 3.5)
        sold(rows, "40", 10.05)
    assert (state(path, 10.1).orders, state(path, 10.1).net_sales) == (1, dec(60))


def test_what_is_promised_for_later_is_beside_the_sums_until_its_time(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 6, 6)
        sold(rows, "60", 3.5)
        sold(rows, "500", 2, promised=9)
        sold(rows, "70", 2, promised=6.5, counted=False)
    assert (state(path, 6).orders, state(path, 6).net_sales, state(path, 6).promised) == (1, dec(60), dec(500))
    with writing(path) as rows:
        rows.followed("orders", at(6), at(9.5))
        rows.followed("labor", at(6), at(9.5))
    assert (state(path, 9.5).orders, state(path, 9.5).net_sales, state(path, 9.5).promised) == (2, dec(560), Decimal(0))


def test_a_day_without_a_sale_is_known_and_not_unknown(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 10, 10)
        rows.punch(employee_guid="ana", in_date=at(4))
    own = state(path, 10)
    assert (own.as_of, own.reason, *sums(own)) == (at(10), "", 0, dec(0), dec(120), dec(6), dec(0))


@pytest.mark.parametrize(
    ("sales", "labor", "reason"), [(None, 5, "no sales read"), (5, None, "no labor read"), (3, 5, "sales stale"), (5, 3, "labor stale")]
)
def test_where_a_side_is_not_known_the_view_says_why(path: Path, sales: float | None, labor: float | None, reason: str) -> None:
    with writing(path) as rows:
        rows.day()
        for dataset, hours in (("orders", sales), ("labor", labor)):
            if hours is not None:
                rows.followed(dataset, at(-1), at(hours))
        sold(rows, "60", 2)
    assert (state(path, 5).as_of, state(path, 5).reason) == (None, reason)


def test_sales_without_a_punch_are_known_of_no_labor(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 5, 5)
        sold(rows, "60", 2)
    assert (state(path, 5).as_of, state(path, 5).reason) == (None, "no punches")


def test_a_day_that_nobody_read_has_its_hours_and_no_more(path: Path) -> None:
    own = state(path, 5)
    assert (own.as_of, own.reason, own.starts_at, own.ends_at, len(own.hours), sums(own)) == (
        *(None, "no sales read", at(0), at(24), 24),
        (None,) * 5,
    )


# --- an earlier instant of a day that is known for longer ---------------------------------------------------------------


def test_only_the_clock_moves_over_a_day_that_is_read_to_its_end(path: Path) -> None:
    """Sales are cut at the instant, order by order; labor within an hour evenly."""
    with writing(path) as rows:
        rows.closed_day()
        sold(rows, "60", 3.25)
        sold(rows, "40", 3.75)
        sold(rows, "30", 5.5)
        sold(rows, "500", 2, promised=8.5)
        entry = rows.punch(employee_guid="ana", in_date=at(3), out_date=at(5))
        rows.worked(entry, 3, "1", pay="20")
        rows.worked(entry, 4, "0.5", "0.5", pay="10", overtime_pay="15")
    found = {hours: state(path, hours) for hours in (3, 3.5, 4.5, 9, 24, 30)}
    assert {hours: (*sums(own)[:3], own.overtime_cost, own.promised) for hours, own in found.items()} == {
        3: (0, dec(0), dec(0), dec(0), dec(500)),
        3.5: (1, dec(60), dec(10), dec(0), dec(500)),
        4.5: (2, dec(100), dec("32.5"), dec("7.5"), dec(500)),
        9: (4, dec(630), dec(45), dec(15), Decimal(0)),
        24: (4, dec(630), dec(45), dec(15), Decimal(0)),
        30: (4, dec(630), dec(45), dec(15), Decimal(0)),
    }
    assert [own.as_of for own in found.values()] == [at(3), at(3.5), at(4.5), at(9), at(24), at(25)]
    assert [(hour.net_sales, hour.labor_cost, hour.labor_hours) for hour in found[4.5].hours[2:6]] == [
        *((0.0, 0.0, 0.0), (100.0, 20.0, 1.0), (0.0, 12.5, 0.5), (0.0, 0.0, 0.0)),
    ]


# --- what is planned --------------------------------------------------------------------------------------------------


def test_the_rest_of_the_schedule_counts_everybody_once(path: Path) -> None:
    """At hour 10: Ana works until 12, Ben begins at 11, Cleo did not come, Dan left early. Deleted, open, salaried and draft shifts cost nothing."""
    with writing(path) as rows:
        followed(rows, 10, 10)
        scheduled(rows, "ana", 4, 12)
        rows.punch(employee_guid="ana", in_date=at(4), hourly_wage="25")
        scheduled(rows, "ben", 11, 16)
        scheduled(rows, "cleo", 9, 13)
        scheduled(rows, "dan", 5, 13)
        rows.worked(rows.punch(employee_guid="dan", in_date=at(5), out_date=at(9)), 5, "4", pay="80")
        scheduled(rows, "eve", 11, 16, is_deleted=True)
        scheduled(rows, None, 11, 16)
        scheduled(rows, "fay", 11, 16, hourly_wage=None)
        scheduled(rows, "gus", 11, 16, is_published=False)
    own = state(path, 10)
    assert (own.has_schedule, own.scheduled_hours, own.scheduled_cost) == (True, 2 + 5 + 3, 2 * 25 + 5 * 20 + 3 * 20)
    assert (own.labor_hours, own.labor_cost) == (dec(10), dec(230))


def test_shifts_of_a_job_that_is_left_out_of_reports_are_left_out(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 10, 10)
        jobs = {"valid_from": at(-99), "applies_from": at(-99), "is_current": True}
        rows.add("dim_jobs", job_guid="training", exclude_from_reporting=True, **jobs)
        rows.add("dim_jobs", job_guid="cook", exclude_from_reporting=False, **jobs)
        scheduled(rows, "ana", 11, 16, job_guid="training")
        scheduled(rows, "ben", 11, 16, job_guid="cook")
        scheduled(rows, "cleo", 11, 16, job_guid="unknown")
    assert state(path, 10).scheduled_hours == 10


def test_who_calls_everybody_off_has_a_schedule_that_plans_nothing(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 3, 3)
        scheduled(rows, "ana", 4, 12, is_deleted=True)
    assert (state(path, 3).has_schedule, state(path, 3).scheduled_cost) == (True, 0.0)


# --- posted -----------------------------------------------------------------------------------------------------------


def posted(rows: Rows, kind: str, hours: float, **values: Any) -> None:
    rows.add("daily_summaries", store_id="n1", date=DAY, kind=kind, sequence=1, received_at=at(hours), **values)


def test_posted_totals_are_the_days_sums_from_when_they_came(path: Path) -> None:
    with writing(path) as rows:
        rows.day()
        posted(rows, "sales", 10, gross_sales="5000")
        posted(rows, "labor", 10.5, labor_hours="75", labor_cost="1500")
    assert [(own.as_of, own.reason) for own in (state(path, 9), state(path, 10.2))] == [(None, "no sales read"), (None, "no labor read")]
    own = state(path, 11)
    assert (own.as_of, own.basis, own.is_posted, own.reason) == (at(10), "gross_summary", True, "")
    assert sums(own) == (None, dec(5000), dec(1500), dec(75), dec(0))


def test_facts_beside_a_posted_side_name_both(path: Path) -> None:
    with writing(path) as rows:
        rows.day()
        rows.followed("orders", at(-1), at(10))
        sold(rows, "4000", 3)
        posted(rows, "labor", 9.9, labor_hours="75", labor_cost="1500")
    own = state(path, 10)
    assert (own.as_of, own.basis, own.net_sales, own.labor_cost) == (at(9.9), "net+summary", dec(4000), dec(1500))


# --- several locations, and what is usual --------------------------------------------------------------------------------


def test_each_location_has_a_state_of_its_own(path: Path) -> None:
    with writing(path) as rows:
        followed(rows, 10, 10)
        rows.punch(in_date=at(9))
        sold(rows, "60", 3.5)
        sold(rows, "70", 3.5, place=SOUTH)
    found = day_states(look(path, at(10), PLACE, OTHER))
    assert {guid: (own.as_of, own.net_sales, own.reason) for (guid, _), own in found.items()} == {
        HERE: (at(10), dec(60), ""),
        SOUTH: (None, None, "no sales read"),
    }


def past(rows: Rows, weeks: int, *sales: tuple[int, str], labor: bool = True, read: float = 30) -> date:
    """The same weekday so many weeks ago, with sales by hour and an hour of labor, read whole so many hours after it began."""
    day = DAY - weeks * WEEK
    rows.day(day)
    for dataset in ("orders", "labor") if labor else ("orders",):
        rows.read(dataset, at(read) - weeks * WEEK, day)
    for hour, amount in sales:
        rows.sale(amount, day=day, hour=hour)
    rows.shift(hour=6, day=day)
    return day


def hours_of(*sales: tuple[int, float]) -> tuple[UsualHour, ...]:
    own = {local: (amount, 0.0, 0.0) for local, amount in sales} | {10: (dict(sales).get(10, 0.0), 20.0, 1.0)}
    return tuple(UsualHour(local, *own[local]) for local in sorted(own))


def test_usual_are_the_same_weekdays_that_sold_and_are_known_to_their_end(path: Path) -> None:
    """By the hour on the clock, the newest first; not the ninth week, nor the day before."""
    with writing(path) as rows:
        kept = [past(rows, 1, (8, "300"), (9, "100")), past(rows, 2, (8, "200")), past(rows, 8, (20, "50"))]
        past(rows, 3)
        past(rows, 4, (8, "999"), read=20)
        closed = past(rows, 5, (8, "999"))
        without_labor = past(rows, 6, (8, "150"), labor=False)
        past(rows, 9, (8, "999"))
        rows.day(DAY - timedelta(days=1))
        rows.read("orders", at(1), DAY - timedelta(days=1))
        rows.sale("999", day=DAY - timedelta(days=1))
    place = PLACE.model_copy(update={"closed_dates": (closed,)})
    own = usual_days(look(path, at(10), place))[HERE, DAY]
    assert own == Usual(
        (
            UsualDay(kept[0], hours_of((12, 300.0), (13, 100.0))),
            UsualDay(kept[1], hours_of((12, 200.0))),
            UsualDay(without_labor, hours_of((12, 150.0)), has_labor=False),
            UsualDay(kept[2], hours_of((0, 50.0))),
        ),
        at(10),
    )


def test_usual_days_tell_their_plans_and_what_was_promised(path: Path) -> None:
    with writing(path) as rows:
        day = past(rows, 1, (8, "300"))
        order = rows.order(day=day, opened_at=at(2) - WEEK, promised_at=at(9) - WEEK)
        rows.line(order, rows.check(order, day=day, hour=9), "500", day=day, hour=9)
        own = {"business_date": day, "in_date": at(4.5) - WEEK, "out_date": at(12) - WEEK}
        scheduled(rows, "ana", 4.5, 12, **own)
        scheduled(rows, "ben", 4.5, 12, is_deleted=True, **own)
    [found] = usual_days(look(path, at(10)))[HERE, DAY].days
    assert (found.planned, found.promised) == ({8: 10.0, **dict.fromkeys(range(9, 16), 20.0)}, ((2.0, 9.0, 500.0),))
    assert [found.promised_at(hours) for hours in (1, 2, 8.9, 9)] == [0, 500, 500, 0]


def test_what_is_usual_is_read_once_a_day(path: Path, tmp_path: Path) -> None:
    """A cache of the caller's is enough from then on; another day takes the place of the one before. Where there is no history, it is asked for again later."""
    with writing(path) as rows:
        for weeks in (1, 2, 3):
            past(rows, weeks, (8, "300"))
    cache: dict[tuple[str, date], Usual] = {}
    first = usual_days(look(path, at(10)), cache)
    assert len(first[HERE, DAY].days) == 3
    nothing = tmp_path / "nothing.duckdb"
    nothing.write_bytes(empty_file())
    assert usual_days(look(nothing, at(20)), cache) == first
    tomorrow = replace(look(nothing, at(30)), days={HERE: [DAY + timedelta(days=1)]})
    assert usual_days(tomorrow, cache) == {(HERE, DAY + timedelta(days=1)): Usual((), at(30))} == cache
    assert usual_days(replace(tomorrow, now=at(30.2)), cache)[HERE, DAY + timedelta(days=1)].read_at == at(30)
    assert usual_days(replace(tomorrow, now=at(30.3)), cache)[HERE, DAY + timedelta(days=1)].read_at == at(30.3)


def test_a_look_reads_its_days_once(path: Path) -> None:
    own = look(path, at(10))
    assert day_states(own) is day_states(own) is own.shared["days"]


def test_of_no_days_nothing_is_asked(path: Path) -> None:
    own = replace(look(path.with_name("missing.duckdb"), datetime(2026, 3, 10, tzinfo=UTC)), days={})
    assert (day_states(own), usual_days(own)) == ({}, {})
