"""The projection of a day at its close: what it is made of, and what does not throw it off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from property_profiles import examples
from restaurant_os.alerts.days import DayState, HourState, Usual, UsualDay, UsualHour
from restaurant_os.alerts.forecast import METHOD, Method, Projection, project
from restaurant_os.alerts.planned import Punch, Shift, ahead

DAY = date(2026, 3, 10)
OPENS = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: 04:00 to 04:00, as the clock shows it.
HOURS = tuple(HourState(hour, (4 + hour) % 24, OPENS + hour * HOUR, OPENS + (hour + 1) * HOUR) for hour in range(24))
#: Without leaning: sales so far over the usual share, and nothing else.
BARE = Method(lean=0)


def at(hours: float) -> datetime:
    return OPENS + hours * HOUR


def usual_day(weeks: int = 1, sold: float = 100.0, cost: float = 25.0, **values: Any) -> UsualDay:
    """So many dollars in each hour from 12:00 to 22:00, so weeks before."""
    hours = tuple(UsualHour(hour, sold, cost, 1.0) for hour in range(12, 22))
    return replace(UsualDay(DAY - timedelta(days=7 * weeks), hours), **values)


def usual(*days: UsualDay, weeks: int = 8) -> Usual:
    return Usual(days or tuple(usual_day(week + 1) for week in range(weeks)))


def state(hours: float, sold: object = 0, cost: object = 0, **values: Any) -> DayState:
    """DAY, so many hours after it began."""
    own = DayState(
        location="north",
        day=DAY,
        starts_at=OPENS,
        ends_at=at(24),
        as_of=at(hours),
        sales_as_of=at(hours),
        labor_as_of=at(hours),
        basis="net",
        net_sales=Decimal(str(sold)),
        labor_cost=Decimal(str(cost)),
        hours=HOURS,
    )
    return replace(own, **values)


def found(projection: Projection | None) -> Projection:
    assert projection is not None
    return projection


def sales(own: DayState, of: Usual, method: Method = METHOD) -> float:
    return found(method(own, of)).sales


# --- sales ------------------------------------------------------------------------------------------------------------


def test_sales_at_close_are_sales_so_far_over_the_usual_share() -> None:
    """At 17:00 half of a usual day is in; 400 by then become 800."""
    assert BARE(state(13, 400, 100), usual()) == Projection(sales=800.0, labor_cost=200.0, labor_percent=25.0, share=0.5)


def test_within_an_hour_the_share_grows_evenly() -> None:
    assert [found(project(state(hours), usual())).share for hours in (7.5, 8, 8.25, 8.5, 9, 18, 23)] == [0, 0, 0.025, 0.05, 0.1, 1, 1]


def test_promised_orders_are_added_after_scaling() -> None:
    assert sales(state(13, 400, promised=Decimal(150)), usual(), BARE) == 800 + 150


def test_what_was_promised_on_usual_days_too_is_not_counted_twice() -> None:
    """Each usual day had 200 of its 1,000 promised since the morning for 20:00: by 17:00, 500 of the 800 beside it are in."""
    days = usual(*(usual_day(week, promised=((2.0, 16.5, 200.0),)) for week in range(1, 9)))
    assert found(BARE(state(13, 500, promised=Decimal(200)), days)) == Projection(1000.0, 0.0, 0.0, 0.625)


def test_one_outlier_week_changes_nothing() -> None:
    wild = usual(usual_day(1, sold=9_000, cost=1), *(usual_day(week) for week in range(2, 9)))
    assert project(state(11, 250, 60), wild) == project(state(11, 250, 60), usual())


def test_a_usual_day_that_broke_off_at_noon_changes_nothing() -> None:
    short = replace(usual_day(3), hours=usual_day(3).hours[:2])
    assert project(state(14, 600, 100), usual(short, *(usual_day(week) for week in (1, 2, 4, 5)))) == project(
        state(14, 600, 100), usual(weeks=4)
    )


def test_before_anything_is_usually_sold_a_usual_day_is_projected() -> None:
    assert [sales(state(3, sold), usual()) for sold in (0, 4)] == [1000.0, 1004.0]


def test_a_small_share_leans_on_the_usual_day() -> None:
    """With a tenth of the day in, twice the usual sales raise the projection by a part of what they would alone."""
    assert sales(state(9, 200), usual(), BARE) == pytest.approx(2000)
    assert sales(state(9, 200), usual()) == pytest.approx(200 + 900 * (1 + 0.1 / 0.6))


def test_an_afternoon_without_a_sale_raises_labor_percent_from_hour_to_hour() -> None:
    """200 by 14:00, as usual, and not a cent after, with 20 an hour of labor going on until 22:00, as usual."""
    days = usual(*(usual_day(week, cost=20) for week in range(1, 9)))
    percents = [found(project(state(hours, 200, 20 * min(hours - 8, 10)), days)).labor_percent or 0.0 for hours in range(10, 25)]
    assert percents == sorted(percents)
    assert [round(percents[hours - 10]) for hours in (10, 12, 14, 16, 24)] == [20, 30, 44, 65, 100]


def test_a_day_that_never_sold_ends_in_a_huge_percent_not_in_none() -> None:
    assert found(project(state(24, 0, 500), usual())) == Projection(0.0, 500.0, 50_000.0, 1.0)


def test_more_refunds_than_sales_still_give_a_number() -> None:
    assert found(project(state(20, -80, 500), usual())).labor_percent == 50_000.0


def test_hours_of_a_day_of_23_are_found_by_the_clock() -> None:
    """The hour from 13:00 to 14:00 is not there: the rest of the day is what counts."""
    hours = tuple(hour for hour in HOURS if hour.local_hour != 13)
    assert found(BARE(replace(state(13, 400), hours=hours), usual())).share == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    "unknown",
    [{"as_of": None}, {"sales_as_of": None}, {"labor_as_of": None}, {"basis": "gross_summary"}, {"basis": "net+summary"}],
)
def test_of_a_day_that_is_not_known_or_posted_nothing_is_projected(unknown: dict[str, Any]) -> None:
    assert project(replace(state(13, 400), **unknown), usual()) is None


def test_fewer_than_three_days_are_no_history() -> None:
    assert project(state(13, 400), usual(weeks=2)) is None
    assert project(state(13, 400), usual(weeks=3)) is not None


amounts = st.integers(0, 2_000_00).map(lambda cents: cents / 100)


@given(st.floats(0, 24), st.lists(st.tuples(amounts, amounts), min_size=3, max_size=8), amounts, amounts, amounts)
@examples(60)
def test_more_sold_is_never_less_projected_nor_a_higher_percent(
    hours: float, days: Sequence[tuple[float, float]], sold: float, more: float, cost: float
) -> None:
    of = usual(*(usual_day(week, *amounts) for week, amounts in enumerate(days, 1)))
    less, greater = found(project(state(hours, sold, cost), of)), found(project(state(hours, sold + more, cost), of))
    assert greater.sales >= less.sales - 1e-6
    if less.labor_percent is not None:
        assert greater.labor_percent is not None
        assert greater.labor_percent <= less.labor_percent + 1e-6
    assert sold - 1e-6 <= less.sales
    assert 0 <= (less.share or 0.0) <= 1


# --- labor ------------------------------------------------------------------------------------------------------------


def test_labor_at_close_is_labor_so_far_and_what_the_schedule_plans() -> None:
    own = state(13, 500, 120, has_schedule=True, scheduled_cost=90.0)
    assert found(project(own, usual())).labor_cost == 210.0


def planned(cost: float, last: int = 22) -> dict[int, float]:
    """So much planned in each hour from 12:00 on."""
    return dict.fromkeys(range(12, last), cost)


def test_what_is_usually_worked_beyond_the_plan_from_now_on_is_added_to_it() -> None:
    """25 an hour are usually worked where 23 are planned, and in the last hour nothing is planned: from 17:00 on 4 times 2, and 25."""
    days = usual(*(usual_day(week, planned=planned(23, last=21)) for week in range(1, 5)))
    assert found(project(state(13, 500, 120, has_schedule=True, scheduled_cost=100.0), days)).labor_cost == 120 + 100 + 4 * 2 + 25


def test_what_is_usually_not_worked_of_the_plan_is_taken_off_it_down_to_nothing() -> None:
    days = usual(*(usual_day(week, planned=planned(30)) for week in range(1, 5)))
    labor = [found(project(state(13, 500, 120, has_schedule=True, scheduled_cost=cost), days)).labor_cost for cost in (100.0, 20.0)]
    assert labor == [120 + 100 - 5 * 5, 120]


def test_a_plan_of_a_part_of_the_house_is_no_plan() -> None:
    """The schedule usually came to 50 where 250 were worked: the rest of a usual day stands in for it."""
    days = usual(*(usual_day(week, planned=planned(5)) for week in range(1, 5)))
    assert found(project(state(13, 500, 125, has_schedule=True, scheduled_cost=10.0), days)).labor_cost == pytest.approx(250)


def test_when_everybody_is_called_off_nothing_more_is_expected() -> None:
    assert found(project(state(13, 500, 125, has_schedule=True), usual())).labor_cost == 125.0


def test_without_a_schedule_the_rest_of_a_usual_day_counts_at_the_level_of_this_one() -> None:
    assert found(BARE(state(13, 500, 125), usual())).labor_cost == pytest.approx(250)
    assert found(BARE(state(13, 500, 250), usual())).labor_cost == pytest.approx(500)


def test_days_whose_labor_is_not_known_say_nothing_of_it() -> None:
    days = usual(*(usual_day(week, cost=0, has_labor=False) for week in range(1, 5)))
    assert found(project(state(13, 500, 125), days)).labor_cost == 125.0


# --- what is planned --------------------------------------------------------------------------------------------------


def shift(employee: str = "ana", start: float = 8, end: float = 16, wage: float = 20.0, job: str = "cook", name: str = "") -> Shift:
    return Shift(name or f"{employee}-{start}", employee, job, at(start), at(end), wage)


def punch(employee: str = "ana", start: float = 8, end: float | None = None, wage: float = 20.0, job: str = "cook", of: str = "") -> Punch:
    return Punch(employee, job, of, at(start), None if end is None else at(end), wage)


@pytest.mark.parametrize(
    ("shifts", "punches", "planned"),
    [
        pytest.param([shift()], [punch()], (80.0, 4.0), id="who is clocked in, until the shift ends"),
        pytest.param([shift()], [punch(wage=25)], (100.0, 4.0), id="at the wage of the punch"),
        pytest.param([shift(end=11)], [punch()], (0.0, 0.0), id="nothing where the shift is over"),
        pytest.param([shift(start=14, end=18)], [], (80.0, 4.0), id="a shift that has not begun, whole"),
        pytest.param([shift(start=9)], [], (80.0, 4.0), id="who has not come, from now"),
        pytest.param([shift()], [punch(end=11)], (0.0, 0.0), id="who has left, nothing"),
        pytest.param([shift()], [punch(end=11), punch(start=11.5)], (80.0, 4.0), id="who went out and came back, once"),
        pytest.param([shift(start=20, end=30)], [], (80.0, 4.0), id="nothing after the day ends"),
        pytest.param([], [punch()], (0.0, 0.0), id="nothing for who has no shift"),
        pytest.param([shift()], [punch(start=13)], (80.0, 4.0), id="a punch still to come is not known"),
        pytest.param([shift()], [punch(end=15)], (80.0, 4.0), id="nor a clock-out still to come"),
        pytest.param([shift(end=11), shift(start=17, end=21)], [punch(end=11)], (80.0, 4.0), id="a second shift of one who left the first"),
        pytest.param([shift(start=13)], [punch(start=11.5)], (80.0, 4.0), id="who came early, from now"),
        pytest.param(
            [shift(start=11, end=14, job="host", name="h"), shift(start=11, end=16, name="c")],
            [punch(start=11)],
            (120.0, 6.0),
            id="of two at once, that of the punch's job, and the other is still to come",
        ),
        pytest.param(
            [shift(start=9, end=13, name="first"), shift(start=11, end=16, name="second")],
            [punch(start=9, wage=30, of="second")],
            (140.0, 5.0),
            id="the shift that the punch names",
        ),
    ],
)
def test_planned_after_noon_of_the_day(shifts: list[Shift], punches: list[Punch], planned: tuple[float, float]) -> None:
    assert ahead(shifts, punches, at(12), at(24)) == pytest.approx(planned)
