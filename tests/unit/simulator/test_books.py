"""The world's books against its own JSON: kept apart, they must agree to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from restaurant_os.simulator.books import Contributions, Postings, Sums, dollars, rows
from restaurant_os.simulator.world import World
from simulator_reading import books_of


@pytest.fixture(scope="module")
def group() -> World:
    """Five locations: among them one that opens, one shut for a day, one offline for a day."""
    return World(seed=11, locations=5, days=8, last_day=date(2026, 3, 9))


@pytest.fixture(scope="module")
def pair() -> World:
    return World(seed=23, locations=2, days=4, last_day=date(2025, 11, 2))


def test_books_equal_the_json_at_the_end_of_history(group: World) -> None:
    """For every restaurant and business date, each column to the cent; days that hold nothing have no row."""
    assert group.books(group.history_end) == books_of(group, group.history_end)


@pytest.mark.parametrize("hours", [-30.0, -9.1, -5.9, 75.5, 170.0])
def test_books_equal_the_json_while_days_are_open_and_after_late_edits(pair: World, hours: float) -> None:
    """In the middle of service, between closeout and its stamps, and days after history with its refunds, voids and tips."""
    at = pair.history_end + timedelta(hours=hours)

    assert pair.books(at) == books_of(pair, at)


def test_books_of_one_day_are_the_rows_of_that_day(pair: World) -> None:
    at = pair.history_end + timedelta(days=3)
    every = pair.books(at)

    for day in (pair.first_day, pair.last_day, pair.last_day + timedelta(days=2), pair.last_day + timedelta(days=9)):
        assert pair.books(at, day) == [row for row in every if row["business_date"] == day.isoformat()]


def test_books_of_the_past_never_change(pair: World) -> None:
    """Asking about a later instant first leaves the answer for an earlier one as it was."""
    at = pair.history_end - timedelta(hours=40)
    fresh = World(seed=23, locations=2, days=4, last_day=date(2025, 11, 2))
    pair.books(pair.history_end + timedelta(days=5))

    assert pair.books(at) == fresh.books(at)


def test_every_row_nets_out(group: World) -> None:
    """net = gross - discounts - refunds, in each row."""
    for row in group.books(group.history_end):
        gross, discounts, net, refunds = (
            int(str(row[name]).replace(".", "")) for name in ("gross_sales", "discounts", "net_sales", "refunds")
        )
        assert net == gross - discounts - refunds


def test_the_books_are_empty_before_the_first_day(pair: World) -> None:
    assert pair.books(datetime(2025, 1, 1, tzinfo=UTC)) == []


def test_postings_hold_the_difference_between_versions() -> None:
    """What an order no longer brings is taken back at that instant; an instant itself is included."""
    postings = Postings(0, 10)
    first: Contributions = {10: Sums(1, 500, 0, 40, 0, 0)}
    moved: Contributions = {12: Sums(1, 700, 50, 55, 100, 0)}
    postings.post(1_000, {}, first)
    postings.post(2_000, first, moved)

    assert postings.until(999) == {}
    assert postings.until(1_000) == {10: [*Sums(1, 500, 0, 40, 0, 0)]}
    assert rows("r", [postings.until(2_000)], None) == [
        {
            "restaurant_guid": "r",
            "business_date": "0001-01-12",
            "orders": 1,
            "gross_sales": "7.00",
            "discounts": "0.50",
            "net_sales": "6.50",
            "tax": "0.55",
            "tips": "1.00",
            "refunds": "0.00",
        }
    ]


@pytest.mark.parametrize(("amount", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_450, "1234.50"), (-100, "-1.00")])
def test_money_is_written_with_two_places(amount: int, text: str) -> None:
    assert dollars(amount) == text
