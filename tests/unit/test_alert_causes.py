"""Why labor is over its level, in dollars, and the smallest thing that could be done: each a claim about made-up crews."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.alerts.causes import Forecast, Scene, drivers, peaks, plural, suggestion
from restaurant_os.alerts.crew import Crew, Punch, Shift
from restaurant_os.settings import Location

#: Five hours behind UTC all year, so that hours are easily told.
PLACE = Location(name="North", toast_guid="aaaaaaaa-0000-4000-8000-000000000001", timezone="Etc/GMT+5")
SUNDAY = date(2026, 3, 1)


def clock(text: str) -> datetime:
    """`14:30` on the location's clock, of that Sunday."""
    hour, minute = text.split(":")
    return datetime(2026, 3, 1, 5, tzinfo=UTC) + timedelta(hours=int(hour), minutes=int(minute))


def punch(employee: str, job: str = "Server", began: str = "10:00", ended: str | None = None, **values: Any) -> Punch:
    ends = clock(ended) if ended else None
    hours = (ends - clock(began)) / timedelta(hours=1) if ends else 0.0
    own: dict[str, Any] = {"entry": f"{employee} {began}", "employee": employee, "name": employee, "job": job, "wage": 15.0, "hours": hours}
    return Punch(**(own | {"starts": clock(began), "ends": ends} | values))


def shift(employee: str, began: str = "10:00", ended: str = "17:00", job: str = "Server", wage: float | None = 15.0) -> Shift:
    return Shift(employee=employee, name=employee, job=job, starts=clock(began), ends=clock(ended), wage=wage)


#: A lunch peak at 12, a dinner peak at 19.
USUAL = {11: 100.0, 12: 300.0, 13: 100.0, 14: 50.0, 15: 50.0, 16: 50.0, 17: 100.0, 18: 150.0, 19: 250.0, 20: 100.0, 21: 50.0}
HOURS = [Forecast(clock(f"{hour}:00"), clock(f"{hour}:00") + timedelta(hours=1), sales) for hour, sales in USUAL.items()]


def scene(as_of: str = "14:05", **values: Any) -> Scene:
    own: dict[str, Any] = {"place": PLACE, "day": SUNDAY, "as_of": clock(as_of), "closes_at": clock("22:00"), "level": 25.0, "clear": 24.0}
    sums = {"sales": 500.0, "usual_sales": 500.0, "projected_sales": 1_000.0, "projected_labor": 300.0, "hours": HOURS}
    return Scene(**(own | sums | values))


def crew(*rows: Punch | Shift) -> Crew:
    return Crew([row for row in rows if isinstance(row, Punch)], [row for row in rows if isinstance(row, Shift)])


def four_servers(ended: str = "17:00") -> Crew:
    people = ("Ana", "Ben", "Cat", "Dan")
    return crew(*(punch(who) for who in people), *(shift(who, ended=ended) for who in people))


# --- why --------------------------------------------------------------------------------------------------------------


def test_sales_below_the_same_weekday_count_as_much_labor_as_they_would_pay_for() -> None:
    assert drivers(scene(sales=1_580.0, usual_sales=2_000.0), crew()) == (
        "$105.00: sales are $420.00 below a usual Sunday by 14:05, and would pay for so much labor at 25.0 %",
    )


def test_sales_as_usual_or_unknown_drive_nothing() -> None:
    found = [drivers(scene(sales=500.0, usual_sales=usual), crew()) for usual in (500.0, 400.0, None)]

    assert found == [(), (), ()]


def test_staff_over_schedule_names_hours_by_job_and_who_was_not_scheduled() -> None:
    """Four hours of one who was not to come, and an hour of one who came early."""
    own = crew(punch("Ana", began="09:00"), punch("Eve", "Line Cook", wage=20.0), shift("Ana"))

    assert drivers(scene("14:00"), own) == (
        "$95.00: staff over schedule, Line Cook by 4.0 h, Server by 1.0 h; clocked in and not scheduled: Eve",
    )


def test_who_stands_in_for_another_is_not_over_schedule() -> None:
    assert drivers(scene("14:00"), crew(punch("Ben"), shift("Ana"))) == ()


def test_without_a_schedule_nobody_is_over_it() -> None:
    assert drivers(scene("14:00"), crew(punch("Ana"), punch("Ben"))) == ()


def test_a_forgotten_punch_is_not_among_those_clocked_in() -> None:
    """Its hours are counted as far as they are believed, yet it is no person on the floor."""
    forgotten = punch("Eve", began="06:00", believed_until=clock("13:00"))

    assert drivers(scene("14:00"), crew(forgotten, punch("Ana"), shift("Ana"))) == ("$105.00: staff over schedule, Server by 7.0 h",)


def test_people_without_a_name_are_called_by_their_job_and_of_many_three_are_named() -> None:
    extra = [punch(f"e{n}", name=name) for n, name in enumerate(["", "Eve", "Fay", "Gil", "Hal"])]

    [text] = drivers(scene("11:00"), crew(*extra, shift("Ana", "10:59")))

    assert text.partition("; ")[2] == "clocked in and not scheduled: Server, Eve, Fay and 2 more"


def test_overtime_today_is_what_it_cost_beyond_regular_pay() -> None:
    own = crew(
        punch("Ana", began="02:00", ended="13:00", overtime_hours=3.0, overtime_extra=22.5),
        punch("Ben", began="02:00", ended="15:00", overtime_hours=5.0, overtime_extra=37.5),
    )

    assert drivers(scene("14:00"), own) == ("$22.50: overtime today, 3.0 h beyond regular pay",), "what ended later is not known yet"


def test_the_largest_comes_first_and_what_is_not_worth_a_line_is_left_out() -> None:
    own = crew(
        punch("Ana", began="02:00", ended="13:00", overtime_hours=3.0, overtime_extra=22.5, hours=11.0),
        *(shift("Ana", "02:00", "09:00"), punch("Ben", began="13:45"), shift("Ben", "14:00")),
    )

    found = drivers(scene("14:00", usual_sales=600.0), own)
    worth = drivers(scene("14:00", usual_sales=519.0), crew())

    assert [text.partition(":")[0] for text in found] == ["$63.75", "$25.00", "$22.50"]
    assert worth == ()


def test_salaried_people_drive_nothing() -> None:
    assert drivers(scene("14:00"), crew(punch("Boss", "Manager", wage=None), punch("Ana"), shift("Ana"))) == ()


# --- what could be done -----------------------------------------------------------------------------------------------


def test_the_smallest_change_that_reaches_the_clear_level_is_proposed() -> None:
    """$262.50 of labor on $1,000 is to come down to $240: an hour and a half of one, and no more."""
    found = suggestion(scene(projected_labor=262.5), four_servers(), {"Server": 2})

    assert found == "One of 4 servers could go at 15:30: about $22 until 17:00."


def test_else_the_one_with_most_effect() -> None:
    assert suggestion(scene(), four_servers(), {"Server": 2}) == "One of 4 servers could go at 14:15: about $41 until 17:00."


def test_who_would_have_stayed_to_the_end_is_said_to_be_there_until_close() -> None:
    late = scene("20:20", closes_at=clock("22:00"))

    assert suggestion(late, four_servers("22:00"), {}) == "One of 4 servers could go at 20:30: about $22 until close."


def test_only_roles_above_their_configured_minimum_are_proposed() -> None:
    found = {least: suggestion(scene(), four_servers(), {"server ": least}) for least in (3, 4, 9)}

    assert [bool(text) for text in found.values()] == [True, False, False]


def test_of_a_role_without_a_minimum_somebody_stays() -> None:
    alone = crew(punch("Ana"), shift("Ana"))

    assert suggestion(scene(), alone, {}) == ""
    assert suggestion(scene(), alone, {"Server": 0}) == "The one server could go at 14:15: about $41 until 17:00."


def test_the_minimum_holds_until_the_shift_would_have_ended() -> None:
    """Ben goes at 15:00 by plan: were Ana to go before, nobody would be there from then on, until Cat comes at 16:00."""
    two = crew(punch("Ana"), shift("Ana"), punch("Ben"), shift("Ben", ended="15:00"))
    with_cat = crew(*two.punches, *two.shifts, shift("Cat", "15:00", "22:00"))

    assert suggestion(scene(), two, {}) == "One of 2 servers could go at 14:15: about $11 until 15:00."
    assert suggestion(scene(), with_cat, {}) == "One of 2 servers could go at 14:15: about $41 until 17:00."


def test_who_came_before_the_shift_stays_to_its_end_and_is_one_person() -> None:
    """Ben came at 14:00 for his shift at 14:30: he is not there twice."""
    early = crew(punch("Ana"), shift("Ana"), punch("Ben", began="14:00"), shift("Ben", "14:30", "17:00"))

    assert suggestion(scene(), early, {"Server": 2}) == ""
    assert suggestion(scene(), early, {"Server": 1}) == "One of 2 servers could go at 14:15: about $41 until 17:00."


def test_nobody_is_missing_within_an_hour_of_the_forecast_peak() -> None:
    """Dinner peaks from 19:00 to 20:00: whoever works through it stays until 21:00."""
    afternoon, evening = four_servers("22:00"), four_servers("18:15")

    assert suggestion(scene(), afternoon, {}) == "One of 4 servers could go at 21:00: about $15 until close."
    assert suggestion(scene(), evening, {}) == ""


@pytest.mark.parametrize(
    ("as_of", "guarded"),
    [
        ("09:30", [("11:00", "14:00")]),
        ("12:30", [("11:00", "14:00")]),
        ("14:05", [("11:00", "14:00"), ("18:00", "21:00")]),
        ("19:30", [("11:00", "14:00")]),
        ("20:30", [("11:00", "14:00")]),
    ],
)
def test_the_peak_is_the_largest_hour_of_the_day_and_the_largest_to_come(as_of: str, guarded: list[tuple[str, str]]) -> None:
    assert sorted(set(peaks(HOURS, clock(as_of)))) == [(clock(first), clock(last)) for first, last in guarded]


def test_nobody_goes_in_the_hour_after_the_peak_either() -> None:
    dinner = [Forecast(one.starts_at, one.ends_at, 0.0 if one.sales == 300 else one.sales) for one in HOURS]

    assert (
        suggestion(scene("20:20", hours=dinner), four_servers("22:00"), {}) == "One of 4 servers could go at 21:00: about $15 until close."
    )


def test_without_a_forecast_there_is_no_peak() -> None:
    assert suggestion(scene(hours=()), four_servers("22:00"), {}) == "One of 4 servers could go at 18:00: about $60 until close."


def test_people_nobody_has_planned_an_end_for_are_not_proposed() -> None:
    assert suggestion(scene(), crew(punch("Ana"), punch("Ben")), {}) == ""


def test_nobody_is_proposed_for_less_than_half_an_hour() -> None:
    assert suggestion(scene("16:30"), four_servers(), {}) == ""


@pytest.mark.parametrize(("job", "several"), [("Line Cook", "line cooks"), ("Wait Staff", "wait staffs"), ("Hosts", "hosts")])
def test_what_several_of_a_job_are_called(job: str, several: str) -> None:
    assert plural(job) == several
