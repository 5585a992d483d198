"""Data that is late or missing, over a real warehouse: a test moves the clock, or says what was read; never anything else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts_world import PLACE, ZONE, World, figures
from restaurant_os.alerting import Reading
from restaurant_os.settings import Location
from views_rows import DAY, HERE, OPENS, Rows, at

RULE = "data-late"
SEEN = ("subject", "value", "is_over", "is_clear")
WEEK = timedelta(days=7)
#: Fifteen weeks of mornings before.
BEGAN = OPENS - timedelta(days=100)
#: Hours of the business day, from 04:00: served from 11:00 to 22:00.
FIRST, LAST = 7, 17


def world(folder: Path, place: Location = PLACE, **given: Any) -> World:
    return World(folder, places=[place], given=given)


def served(rows: Rows, days: Sequence[date], first: int = FIRST, last: int = LAST, **where: Any) -> None:
    """Days of the past, with a check in the first and in the last hour of service."""
    for day in days:
        rows.add("dim_business_days", business_date=day, starts_at=OPENS + (day - DAY), ends_at=at(24) + (day - DAY), hours=24, **where)
        for hour in (first, last):
            order = rows.order(day=day, modified_at=OPENS + (day - DAY) + timedelta(hours=hour), **where)
            rows.check(order, day=day, hour=hour, **where)


def followed(rows: Rows, up_to: datetime, *datasets: str, **where: Any) -> None:
    for dataset in datasets or ("orders", "labor"):
        rows.followed(dataset, BEGAN, up_to, **where)


def weeks(count: int = 4, day: date = DAY) -> list[date]:
    return [day - n * WEEK for n in range(1, count + 1)]


def ordered(rows: Rows, hours: float, day: date = DAY, **values: Any) -> None:
    order = rows.order(day=day, modified_at=at(hours), **values)
    rows.check(order, day=day, hour=int(hours), **values)


# --- late -------------------------------------------------------------------------------------------------------------


def test_more_than_45_minutes_behind_while_it_is_open(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        ordered(rows, 8)
        followed(rows, at(10), "orders")
        followed(rows, at(10.5), "labor")

    seen = {hours: figures(own.see(RULE, at(hours)), *SEEN) for hours in (10.75, 10.77, 11.5)}

    assert seen == {
        10.75: [("orders", 45.0, False, True), ("labor", 15.0, False, True)],
        10.77: [("orders", 46.0, True, False), ("labor", 16.0, False, True)],
        11.5: [("orders", 90.0, True, False), ("labor", 60.0, True, False)],
    }


def test_all_that_is_read_of_late_orders(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        ordered(rows, 8)
        followed(rows, at(10))
    assert own.see(RULE, at(11))[0] == Reading(
        rule=RULE,
        location=HERE,
        period=DAY,
        subject="orders",
        subject_name="orders",
        as_of=at(11),
        value=60.0,
        is_over=True,
        facts=(("Known up to", "14:00"), ("Behind", "60 min")),
    )


def test_once_they_are_known_again_it_is_clear(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        ordered(rows, 8)
        followed(rows, at(10))
    assert figures(own.see(RULE, at(11)), "is_over", "is_clear") == [(True, False)] * 2
    with own.rows() as rows:
        followed(rows, at(11))
    assert figures(own.see(RULE, at(11)), "is_over", "is_clear") == [(False, True)] * 2


def test_events_make_known_what_polls_have_not_asked_yet(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(8))
        ordered(rows, 10.75)
        rows.punch(modified_at=at(10.9))
    assert figures(own.see(RULE, at(11)), *SEEN) == [("orders", 15.0, False, True), ("labor", 6.0, False, True)]


def test_what_comes_after_the_last_hour_of_service_clears_what_was_late_in_it(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        ordered(rows, 8)
        followed(rows, at(17), "orders")
        followed(rows, at(18.5), "labor")
    assert figures(own.see(RULE, at(17.9)), *SEEN) == [("orders", 54.0, True, False), ("labor", 0.0, False, True)]
    assert figures(own.see(RULE, at(18.1)), *SEEN) == [("labor", 0.0, False, True)]
    with own.rows() as rows:
        rows.followed("orders", at(17), at(18.4))
    assert figures(own.see(RULE, at(18.5)), *SEEN) == [("orders", 6.0, False, True), ("labor", 0.0, False, True)]


def test_outside_its_hours_nothing_is_late(tmp_path: Path) -> None:
    """The first hour with an order of the same weekdays begins at 11:00, the last ends at 22:00."""
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(1))
    seen = {hours: figures(own.see(RULE, at(hours)), "subject", "is_over") for hours in (0.5, 6.99, 7, 17.99, 18, 23.9)}
    late = [("orders", True), ("labor", True)]
    assert seen == {0.5: [], 6.99: [], 7: late, 17.99: late, 18: [], 23.9: []}


def test_the_hours_are_those_of_the_weekday(tmp_path: Path) -> None:
    """Breakfast on Tuesdays alone."""
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks(), first=3)
        served(rows, [DAY - timedelta(days=n) for n in (1, 2, 3)])
        followed(rows, at(1))
    assert (len(own.see(RULE, at(2.9))), len(own.see(RULE, at(3.1)))) == (0, 2)


def test_a_location_of_a_few_days_has_the_hours_of_those(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, [DAY - timedelta(days=n) for n in (1, 2)])
        rows.followed("orders", at(-60), at(6))
    assert figures(own.see(RULE, at(8)), *SEEN) == [("orders", 120.0, True, False)]
    assert own.see(RULE, at(6.5)) == []


def test_nobody_expects_what_is_never_asked_for(tmp_path: Path) -> None:
    """A location without punches of Toast; polls that are off; a dataset that was never read; a location without a day of service yet."""
    without = PLACE.model_copy(update={"labor_source": "none"})
    tried = {
        "no labor": world(tmp_path / "a", without),
        "no polls": world(tmp_path / "b", schedule={"orders_every_minutes": 0}),
        "none": world(tmp_path / "c", schedule={"orders_every_minutes": 0, "labor_every_minutes": 0}),
    }
    for own in tried.values():
        with own.rows() as rows:
            served(rows, weeks())
            followed(rows, at(8))
    found = {name: figures(own.see(RULE, at(10)), "subject") for name, own in tried.items()}
    assert found == {"no labor": [("orders",)], "no polls": [("labor",)], "none": []}

    never = world(tmp_path / "d")
    with never.rows() as rows:
        served(rows, weeks())
    new = world(tmp_path / "e")
    with new.rows() as rows:
        followed(rows, at(1))
    assert (never.see(RULE, at(10)), new.see(RULE, at(10))) == ([], [])


def test_a_day_that_was_read_whole_is_known_up_to_then(tmp_path: Path) -> None:
    """Without a chain of changes: the start of the last whole read of today; of yesterday, at most yesterday's end."""
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        rows.read("orders", at(2), DAY - timedelta(days=1))
    assert figures(own.see(RULE, at(8)), "value") == [(480.0,)]
    with own.rows() as rows:
        rows.read("orders", at(7.5))
    assert figures(own.see(RULE, at(8)), "value", "is_clear") == [(30.0, True)]


def test_a_store_that_posts_its_own_totals_is_not_late(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        rows.day()
        followed(rows, at(1))
        rows.add("daily_summaries", store_id="North", date=DAY, kind="sales", sequence=1, received_at=at(9), gross_sales="5000")
    assert figures(own.see(RULE, at(10)), "subject", "is_over") == [("labor", True)]


def test_a_store_that_stands_nowhere_in_the_settings_is_not_looked_at(tmp_path: Path) -> None:
    store = PLACE.model_copy(update={"store_id": HERE})
    own = world(tmp_path, store)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(1))
    assert own.see(RULE, at(10), [DAY]) == []


# --- missing ----------------------------------------------------------------------------------------------------------


def test_a_dead_day_everything_known_and_not_one_order(tmp_path: Path) -> None:
    """The first order of these weekdays was there by 13:00 at the latest: missing from 13:45 on, and found by the first order."""
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks()[:3])
        served(rows, weeks()[3:], first=8)
        followed(rows, at(17))
        rows.punch(modified_at=at(7))

    seen = {hours: figures(own.see(RULE, at(hours))[:1], *SEEN, "facts") for hours in (9.75, 10)}
    assert seen == {
        9.75: [("orders", 45.0, False, True, (("Known up to", "13:45"), ("No order yet", "usually by 13:00")))],
        10: [("orders", 60.0, True, False, (("Known up to", "14:00"), ("No order yet", "usually by 13:00")))],
    }
    with own.rows() as rows:
        ordered(rows, 10.1)
    assert figures(own.see(RULE, at(10.2))[:1], *SEEN) == [("orders", 0.0, False, True)]


def test_an_order_that_was_placed_before_for_today_is_no_sign_of_life(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(12))
        ordered(rows, -20)
    assert figures(own.see(RULE, at(10))[:1], *SEEN) == [("orders", 120.0, True, False)]


def test_without_a_habit_nothing_is_missing(tmp_path: Path) -> None:
    """A weekday that was served once in four weeks; a location of one week."""
    for folder, days in (("seldom", [weeks()[1]]), ("new", [weeks()[0]])):
        own = world(tmp_path / folder)
        with own.rows() as rows:
            served(rows, days)
            if folder == "seldom":
                rows.add("dim_business_days", business_date=weeks(8)[-1], starts_at=BEGAN, ends_at=BEGAN, hours=24)
            followed(rows, at(12))
        assert figures(own.see(RULE, at(11)), *SEEN) == [("orders", 0.0, False, True), ("labor", 0.0, False, True)]


# --- closed days ------------------------------------------------------------------------------------------------------

CLOSED: dict[str, dict[str, Any]] = {
    "a date of the settings": {"closed_dates": (DAY,)},
    "a weekday of the settings": {"closed_weekdays": ("tuesday",)},
}


@pytest.mark.parametrize("why", CLOSED)
def test_on_a_day_that_the_settings_close_nothing_is_late_or_missing(tmp_path: Path, why: str) -> None:
    own = world(tmp_path, PLACE.model_copy(update=CLOSED[why]))
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(1))
    assert own.see(RULE, at(12)) == []


def planned(rows: Rows, *days: date, **values: Any) -> None:
    for day in days:
        rows.add("fact_scheduled_shifts", business_date=day, in_date=OPENS + (day - DAY), out_date=at(8) + (day - DAY), **values)


def test_a_day_without_a_shift_where_the_weekday_has_some_is_closed(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(1))
        planned(rows, *weeks(2))
        planned(rows, DAY, is_deleted=True)
    assert own.see(RULE, at(12)) == []
    with own.rows() as rows:
        planned(rows, DAY)
    assert figures(own.see(RULE, at(12)), "subject", "is_over") == [("orders", True), ("labor", True)]


def test_a_location_that_plans_nothing_here_is_not_taken_for_closed(tmp_path: Path) -> None:
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(1))
        planned(rows, weeks()[0])
    assert figures(own.see(RULE, at(12)), "is_over") == [(True,), (True,)]


def test_the_closed_monday_of_every_week_is_a_habit(tmp_path: Path) -> None:
    """Two Mondays without an order are enough; one is not."""
    monday = DAY - timedelta(days=1)
    now = at(12) - timedelta(days=1)
    for folder, first, expected in (("old", 20, 0), ("new", 9, 2)):
        own = world(tmp_path / folder)
        with own.rows() as rows:
            served(rows, [day for n in range(1, first + 1) if (day := monday - timedelta(days=n)).weekday() != monday.weekday()])
            followed(rows, now - timedelta(hours=6))
        assert (folder, len(own.see(RULE, now))) == (folder, expected)


def test_an_order_or_a_punch_of_the_day_says_that_it_is_open_after_all(tmp_path: Path) -> None:
    """But what the settings close stays closed."""
    own = world(tmp_path)
    with own.rows() as rows:
        served(rows, weeks())
        followed(rows, at(8))
        planned(rows, *weeks())
    assert own.see(RULE, at(12)) == []
    with own.rows() as rows:
        rows.punch(modified_at=at(7))
    assert figures(own.see(RULE, at(12)), "subject", "is_over") == [("orders", True), ("labor", True)]
    own.places = [PLACE.model_copy(update={"closed_dates": (DAY,)})]
    assert own.see(RULE, at(12)) == []


# --- many -------------------------------------------------------------------------------------------------------------


def test_as_many_questions_for_many_locations_as_for_one(tmp_path: Path) -> None:
    places = [Location.model_construct(name=f"P{n}", toast_guid=f"p{n}", timezone=ZONE, closeout_hour=4, store_id="") for n in range(30)]
    own = World(tmp_path, places=places)
    with own.rows() as rows:
        for n, place in enumerate(places):
            served(rows, weeks(2), restaurant_guid=place.toast_guid)
            followed(rows, at(10 if n % 3 else 8), restaurant_guid=place.toast_guid)
    asked: list[str] = []
    plain, together = own.warehouse.rows, own.warehouse.answers
    own.warehouse.rows = lambda *question: asked.append("rows") or plain(*question)  # type: ignore[method-assign,func-returns-value]
    own.warehouse.answers = lambda *questions: asked.append("answers") or together(*questions)  # type: ignore[method-assign,func-returns-value]

    late = {seen.location for seen in own.see(RULE, at(10)) if seen.subject == "labor" and seen.is_over}
    of_thirty = list(asked)
    asked.clear()
    own.places = places[:1]
    own.see(RULE, at(10))

    assert late == {f"p{n}" for n in range(0, 30, 3)}
    assert of_thirty == asked
