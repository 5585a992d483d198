"""The labor side of the views, rule by rule: what counts, what an open punch has accrued, and where the hours go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from views_rows import DAY, OPENS, Row, Rows, at, dec, own_rows

HOURS = ("regular_hours", "overtime_hours", "labor_hours", "salaried_hours")
COSTS = ("regular_cost", "overtime_cost", "labor_cost")
ENTRIES = ("entries", "open_entries", "suspect_entries")


@pytest.fixture
def rows() -> Iterator[Rows]:
    with own_rows() as found:
        found.day()
        found.read("orders", at(25))
        yield found


def sums(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in (*HOURS, *COSTS, *ENTRIES) if row[name]}


def worked(**amounts: Any) -> dict[str, Any]:
    return {name: value if name in ENTRIES else dec(value) for name, value in amounts.items()}


def by_hour(rows: Rows, name: str = "labor_hours") -> dict[int, Any]:
    return {row["business_hour"]: row[name] for row in rows.all("hourly_profitability", "business_hour", business_date=DAY) if row[name]}


# --- closed entries -------------------------------------------------------------------------------------------------


def test_closed_entries(rows: Rows) -> None:
    """Regular and overtime, a salaried job apart, and neither what is deleted nor a job that is not reported."""
    rows.read("labor", at(25))
    cook = rows.punch(out_date=at(12), is_suspect=True)
    rows.worked(cook, 2, "1", pay="20")
    rows.worked(cook, 3, "0.5", "0.5", pay="10", overtime_pay="15")
    boss = rows.punch(out_date=at(10), is_salaried=True, job_title="Manager", hourly_wage=None)
    rows.worked(boss, 3, "8", pay=None, is_salaried=True, job_title="Manager")  # type: ignore[arg-type]
    rows.shift("3", "60", is_counted=False)
    gone = rows.punch(out_date=at(4), is_deleted=True)
    rows.worked(gone, 3, "4", pay="80", is_deleted=True)

    row = rows.one("daily_profitability")

    assert sums(row) == worked(
        regular_hours="1.5",
        overtime_hours="0.5",
        labor_hours=2,
        salaried_hours=8,
        regular_cost=30,
        overtime_cost=15,
        labor_cost=45,
        entries=2,
        suspect_entries=1,
    )
    assert (row["labor_basis"], row["labor_read_by"]) == ("punches", "whole day")
    assert by_hour(rows) == {2: 1, 3: 1}
    assert by_hour(rows, "labor_cost") == {2: 20, 3: 25}
    assert by_hour(rows, "salaried_hours") == {3: 8}


def test_ratios(rows: Rows) -> None:
    rows.read("labor", at(25))
    rows.sale("200")
    rows.shift("4", "58")

    row = rows.one("daily_profitability")

    assert (row["labor_percent"], row["cplh"], row["splh"], row["labor_reason"]) == (29.0, 14.5, 50.0, None)
    assert row["labor_percent_loaded"] is None, "no salary is configured"
    hour = rows.one("hourly_profitability", business_hour=3)
    assert (hour["labor_percent"], hour["cplh"], hour["splh"], hour["labor_reason"]) == (29.0, 14.5, 50.0, None)


def test_salaries_load_the_labor_percent() -> None:
    """Of a day, of an hour by its share, and of a week."""
    with own_rows() as rows:
        rows.closed_day(salaries="48")
        rows.sale("200")
        rows.shift("4", "58")

        assert rows.one("daily_profitability")["labor_percent_loaded"] == 53.0
        assert rows.one("hourly_profitability", business_hour=3)["labor_percent_loaded"] == 30.0
        [week] = rows.all("weekly_profitability")
        assert week["labor_percent_loaded"] == 53.0


# --- open entries ---------------------------------------------------------------------------------------------------


def test_an_open_punch_accrues_to_the_labor_side_s_as_of(rows: Rows) -> None:
    """All at the regular wage, hour by hour."""
    rows.read("labor", at(5.25))
    rows.punch(in_date=at(2.5), hourly_wage="18.50")

    row = rows.one("daily_profitability")

    assert sums(row) == worked(
        regular_hours="2.75", labor_hours="2.75", regular_cost="50.875", labor_cost="50.875", entries=1, open_entries=1
    )
    assert (row["labor_basis"], row["labor_read_by"]) == ("punches with open punches", "whole day")
    assert by_hour(rows) == {2: dec("0.5"), 3: 1, 4: 1, 5: dec("0.25")}
    assert by_hour(rows, "labor_cost") == {2: dec("9.25"), 3: dec("18.5"), 4: dec("18.5"), 5: dec("4.625")}


def test_unpaid_breaks_are_out_paid_and_missed_ones_are_not(rows: Rows) -> None:
    rows.read("labor", at(8))
    entry = rows.punch(in_date=at(2))
    rows.rest(entry, at(3.75), at(4.25))
    rows.rest(entry, at(5), at(5.5), is_paid=True)
    rows.rest(entry, at(6), None, is_missed=True)
    rows.rest(entry, at(6), at(7), is_deleted=True)
    rows.rest(entry, at(7.5), at(9))  # half of it later than anybody knows

    assert rows.one("daily_profitability")["labor_hours"] == 5
    assert by_hour(rows) == {2: 1, 3: dec("0.75"), 4: dec("0.75"), 5: 1, 6: 1, 7: dec("0.5")}


def test_an_open_unpaid_break_pauses(rows: Rows) -> None:
    rows.read("labor", at(8))
    entry = rows.punch(in_date=at(2), paused_at=at(4.5))
    rows.rest(entry, at(4.5), None)

    assert rows.one("daily_profitability")["labor_hours"] == dec("2.5")
    assert by_hour(rows) == {2: 1, 3: 1, 4: dec("0.5")}


def test_an_open_punch_stops_at_its_limit_and_is_suspect(rows: Rows) -> None:
    """Also where the flag was not yet true when it was read; one that the flag calls suspect counts once."""
    rows.read("labor", at(20))
    rows.punch(in_date=at(2), accrues_until=at(14))
    rows.punch(in_date=at(2), accrues_until=at(14), is_suspect=True)
    rows.punch(in_date=at(2), accrues_until=at(21))

    row = rows.one("daily_profitability")

    assert (row["labor_hours"], row["open_entries"], row["suspect_entries"]) == (42, 3, 2)


def test_a_salaried_open_punch(rows: Rows) -> None:
    rows.read("labor", at(4))
    rows.punch(in_date=at(2), hourly_wage=None, is_salaried=True)

    assert sums(rows.one("daily_profitability")) == worked(salaried_hours=2, entries=1, open_entries=1)


def test_what_is_worked_outside_the_day_counts_in_its_last_hour(rows: Rows) -> None:
    """An opener before closeout, whose punch is of the day that ends, works on past it."""
    rows.read("labor", at(27))
    opener = rows.punch(in_date=at(23.5))
    rows.rest(opener, at(24.5), at(25))

    assert rows.one("daily_profitability")["labor_hours"] == 3
    assert by_hour(rows) == {23: 3}


def test_seconds_sum_to_the_entry(rows: Rows) -> None:
    """Each hour is rounded to four places, their sum is the rounded whole."""
    rows.read("labor", OPENS + timedelta(hours=9, minutes=13, seconds=7))
    rows.punch(in_date=OPENS + timedelta(hours=2, minutes=17, seconds=44), hourly_wage="17.3300")

    row = rows.one("daily_profitability")

    assert row["labor_hours"] == dec("6.9231")  # 24,923 s
    assert row["labor_cost"] == dec("119.9773")
    assert sum(by_hour(rows).values()) == row["labor_hours"]
    assert sum(by_hour(rows, "labor_cost").values()) == row["labor_cost"]


def test_an_open_punch_of_a_day_that_was_not_read_accrues_nothing(rows: Rows) -> None:
    rows.punch()

    row = rows.one("daily_profitability")

    assert (row["labor_hours"], row["open_entries"], row["labor_reason"]) == (0, 1, "no labor read")


# --- by job ---------------------------------------------------------------------------------------------------------


def test_jobs_sum_to_the_whole(rows: Rows) -> None:
    """Two jobs at two wages, one open, one salaried, one without a title; ratios are against the location's net sales."""
    rows.read("labor", at(25))
    rows.sale("400", "300")
    rows.shift("4", "60", job_title="Server")
    rows.punch(in_date=at(22), job_title="Cook")
    rows.shift("8", None, job_title="Manager", is_salaried=True)  # type: ignore[arg-type]
    rows.shift("1", "15", job_title=None)

    found = {row["job_title"]: row for row in rows.all("profitability_by_role", business_date=DAY)}
    whole = rows.one("daily_profitability")

    assert set(found) == {"Server", "Cook", "Manager", None}
    for name in (*HOURS, *COSTS, *ENTRIES):
        assert sum(row[name] for row in found.values()) == whole[name], name
    server, manager = found["Server"], found["Manager"]
    assert (server["net_sales"], server["labor_percent"], server["cplh"], server["splh"]) == (300, 20.0, 15.0, 75.0)
    assert server["labor_reason"] is None
    assert (manager["salaried_hours"], manager["labor_percent"], manager["labor_reason"]) == (8, None, "no punches")
