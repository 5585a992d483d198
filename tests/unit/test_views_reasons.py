"""Up to when each side is known, and the reason why a ratio is not there; weeks of such days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from views_rows import DAY, HOUR, Rows, at, own_rows

MINUTE = timedelta(minutes=1)
RATIOS = ("labor_percent", "labor_percent_loaded", "cplh", "splh")
WEEK = DAY - timedelta(days=1)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with own_rows() as found:
        found.day()
        yield found


def trade(rows: Rows, day: int = 0, net: str = "100") -> None:
    """A sale and an hour of labor."""
    rows.sale("100", net, day=DAY + timedelta(days=day))
    rows.shift("2", "30", day=DAY + timedelta(days=day))


def reason(rows: Rows) -> str | None:
    """The day's reason; with one no labor ratio has a value, without one all have."""
    row = rows.one("daily_profitability")
    hour = rows.one("hourly_profitability", business_hour=3)
    assert hour["labor_reason"] == row["labor_reason"]
    for found in (row, hour):
        values = [found[name] for name in RATIOS if name != "labor_percent_loaded"]
        assert all((value is None) == (row["labor_reason"] is not None) for value in values)
        assert 0 not in values
    found_reason: str | None = row["labor_reason"]
    return found_reason


# --- as of ----------------------------------------------------------------------------------------------------------


def test_the_latest_whole_read(rows: Rows) -> None:
    """Of those that are done and of this day."""
    rows.read("orders", at(25))
    rows.read("orders", at(30))
    rows.read("orders", at(40), status="unstable")
    rows.read("orders", at(50), DAY - timedelta(days=1))
    rows.read("orders", at(60), restaurant_guid="south")
    rows.read("labor", at(70))

    row = rows.one("daily_profitability")

    assert (row["sales_as_of"], row["sales_read_by"]) == (at(30), "whole day")


def test_changes_followed_for_longer(rows: Rows) -> None:
    rows.read("orders", at(25))
    rows.followed("orders", at(-10), at(20))
    rows.followed("orders", at(19), at(26))

    row = rows.one("daily_profitability")

    assert (row["sales_as_of"], row["sales_read_by"]) == (at(26), "changes")


def test_changes_alone_are_enough_where_they_began_before_the_day(rows: Rows) -> None:
    """And are nothing where they ended before it, or began later than it without a whole read since."""
    rows.followed("orders", at(-10), at(5))
    assert rows.one("daily_profitability")["sales_as_of"] == at(5)
    rows.followed("labor", at(-10), at(-1))
    assert rows.one("daily_profitability")["labor_as_of"] is None


def test_changes_that_began_within_the_day_need_a_whole_read_since(rows: Rows) -> None:
    """What happened before they began is in none of them."""
    rows.followed("orders", at(5), at(30))
    assert rows.one("daily_profitability")["sales_as_of"] is None
    rows.read("orders", at(4))
    assert rows.one("daily_profitability")["sales_as_of"] == at(4)
    rows.read("orders", at(6))
    assert rows.one("daily_profitability")["sales_as_of"] == at(30)


def test_the_first_gap_ends_the_chain(rows: Rows) -> None:
    """A window that reaches far bridges later ones; what comes after a gap does not count, nor what failed."""
    rows.followed("orders", at(-20), at(10))
    rows.followed("orders", at(-5), at(-4))
    rows.followed("orders", at(10), at(12))
    rows.followed("orders", at(12), at(14), status="unstable")
    rows.followed("orders", at(13), at(15))
    rows.followed("orders", at(20), at(22))

    assert rows.one("daily_profitability")["sales_as_of"] == at(12)


def test_a_read_before_the_day_began_is_none(rows: Rows) -> None:
    rows.read("orders", at(-1))

    assert rows.one("daily_profitability")["sales_as_of"] is None


# --- reasons --------------------------------------------------------------------------------------------------------


def test_nothing_is_missing(rows: Rows) -> None:
    rows.read("orders", at(25))
    rows.read("labor", at(90))
    trade(rows)

    assert reason(rows) is None


def test_a_side_that_was_not_read(rows: Rows) -> None:
    trade(rows)
    assert reason(rows) == "no sales read"
    rows.read("orders", at(25))
    assert reason(rows) == "no labor read"


@pytest.mark.parametrize(("behind", "found"), [(60 * MINUTE, None), (61 * MINUTE, "stale")])
@pytest.mark.parametrize("late", ["orders", "labor"])
def test_a_side_that_is_too_far_behind_on_an_open_day(rows: Rows, late: str, behind: timedelta, found: str | None) -> None:
    trade(rows)
    rows.read(late, at(10) - behind)
    rows.read("labor" if late == "orders" else "orders", at(10))

    assert reason(rows) == (found and f"{'sales' if late == 'orders' else 'labor'} stale")


def test_a_side_that_is_known_to_the_end_of_the_day_is_never_stale(rows: Rows) -> None:
    trade(rows)
    rows.read("orders", at(24))
    rows.read("labor", at(500))

    assert reason(rows) is None


@pytest.mark.parametrize("net", ["0", "-5"])
def test_net_sales_that_are_not_above_zero(rows: Rows, net: str) -> None:
    rows.read("orders", at(25))
    rows.read("labor", at(25))
    trade(rows, net=net)

    row = rows.one("daily_profitability")

    assert reason(rows) == "no sales"
    assert (row["sales_reason"], row["average_check"], row["sales_per_guest"]) == ("no sales", None, None)
    assert row["discount_rate"] == (1.0 if net == "0" else 1.05)


def test_nobody_worked(rows: Rows) -> None:
    """A salaried manager alone is nobody whose hours were paid."""
    rows.read("orders", at(25))
    rows.read("labor", at(25))
    rows.sale("100")
    rows.shift("8", "0", is_salaried=True)

    assert reason(rows) == "no punches"
    assert rows.one("daily_profitability")["average_check"] == 100.0


# --- weeks ----------------------------------------------------------------------------------------------------------


def test_a_week_is_sums_over_sums(rows: Rows) -> None:
    """Days of 100 and of 300 do not weigh the same; a day that was closed takes nothing away."""
    for day, times in ((0, 1), (1, 3), (2, 0)):
        on = DAY + timedelta(days=day)
        if day:
            rows.day(on)
        rows.read("orders", at(25 + 24 * day), on)
        rows.read("labor", at(26 + 24 * day), on)
        for _ in range(times):
            rows.sale("100", day=on, guest_count=2)
        if times:
            rows.shift(str(times + 1), str(20 * times + 10), day=on)
    rows.day(DAY + timedelta(days=6), week=DAY + timedelta(days=6))

    [week, other] = rows.all("weekly_profitability", "week_start")

    assert (week["week_start"], week["days"], week["orders"], week["guests"], week["net_sales"]) == (WEEK, 3, 4, 8, 400)
    assert (week["labor_cost"], week["labor_hours"], week["entries"]) == (100, 6, 2)
    assert (week["labor_percent"], week["splh"], week["average_check"]) == (25.0, 400 / 6, 100.0)
    assert (week["labor_reason"], week["sales_reason"]) == (None, None)
    assert (week["sales_as_of"], week["labor_as_of"]) == (at(25), at(26))
    assert (other["days"], other["labor_reason"], other["sales_reason"], other["net_sales"]) == (
        1,
        "incomplete: 0 of 1 days",
        "incomplete: 0 of 1 days",
        None,
    )


def test_a_week_with_a_day_that_misses_a_side_has_no_ratio(rows: Rows) -> None:
    trade(rows)
    rows.read("orders", at(25))
    rows.read("labor", at(25))
    rows.day(DAY + timedelta(days=1))
    rows.read("orders", at(49), DAY + timedelta(days=1))
    trade(rows, 1)

    [week] = rows.all("weekly_profitability")

    assert [week[name] for name in RATIOS] == [None] * 4
    assert (week["labor_reason"], week["sales_reason"], week["labor_as_of"]) == ("incomplete: 1 of 2 days", None, None)
    assert (week["average_check"], week["net_sales"]) == (100.0, 200)


def test_locations_are_apart(rows: Rows) -> None:
    """Chains, hours and sums of one are none of another's."""
    rows.read("orders", at(25))
    rows.add("dim_business_days", restaurant_guid="south", business_date=DAY, starts_at=at(0), ends_at=at(24), hours=24, week_start=WEEK)
    rows.followed("orders", at(-1), at(0) + HOUR, restaurant_guid="south")
    rows.sale("10")
    rows.sale("20", restaurant_guid="south")

    found = {row["restaurant_guid"]: (row["orders"], row["sales_as_of"]) for row in rows.all("daily_profitability")}

    assert found == {"north": (1, at(25)), "south": (1, at(1))}
