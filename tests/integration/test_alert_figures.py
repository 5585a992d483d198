"""Rules on the figures of a day or week as they stand, over a real warehouse: what they see, what it rests on, and when they say nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts_world import PLACE, ZONE, World, figures
from restaurant_os.alerting import Reading
from restaurant_os.alerts import figures as measured
from restaurant_os.alerts.asking import day_rows, hour_rows
from restaurant_os.alerts.figures import summed, value_of
from restaurant_os.alerts.readings import MEASURES, read
from restaurant_os.settings import AlertRule, Location
from restaurant_os.transformations import METRICS
from views_rows import DAY, HERE, OPENS, Rows, at

#: 16:00 on the location's clock, the day half sold.
NOW = at(12)
SOUTH = Location.model_construct(name="South", toast_guid="south", timezone=ZONE, closeout_hour=4, store_id="")
JUDGED = ("value", "is_over", "is_clear", "dollars")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Today is followed up to now; nothing happened yet."""
    own = World(tmp_path)
    with own.rows() as rows:
        today(rows)
    return own


def today(rows: Rows, up_to: datetime = NOW, **where: Any) -> None:
    rows.day()
    for dataset in ("orders", "labor"):
        rows.followed(dataset, OPENS - timedelta(hours=30), up_to, **where)


def own(metric: str, **values: Any) -> AlertRule:
    return AlertRule.model_validate({"name": "own", "metric": metric, **values})


def voided(rows: Rows, *lines: tuple[str, str], hour: int = 3) -> None:
    for name, price in lines:
        order, check = rows.sale("0", hour=hour)
        rows.line(order, check, price, sale=False, is_voided=True, menu_item_name=name, net_amount="0", hour=hour)


# --- values -----------------------------------------------------------------------------------------------------------


def test_void_rate_over_its_level_with_what_was_voided_the_largest_first(world: World) -> None:
    with world.rows() as rows:
        rows.sale("1400")
        voided(rows, ("Ribeye", "42"), ("Ribeye", "42"), ("Lobster", "50"), ("Salad", "12"), ("Soda", "4"), ("Soda", "5"))

    rule = world.rule("void-rate").model_copy(update={"above": Decimal(5), "min_count": 6})
    [seen] = world.see(rule, NOW)

    assert seen.value == pytest.approx(155 / 1555 * 100)
    assert seen == Reading(
        rule="void-rate",
        location=HERE,
        period=DAY,
        as_of=NOW,
        value=seen.value,
        is_over=True,
        # 5 % of 1,555.00 were 77.75
        dollars=Decimal("77.25"),
        basis="net",
        facts=(("Orders with a void", "6"), ("Voids", "$155.00"), ("Gross sales", "$1,400.00")),
        drivers=("Ribeye: 2 voids, $84.00", "Lobster: 1 void, $50.00", "Salad: 1 void, $12.00"),
    )


def test_a_party_that_leaves_is_one_act_however_many_lines_it_had(world: World) -> None:
    with world.rows() as rows:
        rows.sale("700")
        order, check = rows.sale("0")
        for price in ("40", "30", "20"):
            rows.line(order, check, price, sale=False, is_voided=True, menu_item_name="Ribeye", net_amount="0")
    one, two = (world.see(own("void_rate", above=5, min_count=least), NOW)[0] for least in (1, 2))
    assert (one.is_over, one.facts[0], one.drivers) == (True, ("Orders with a void", "1"), ("Ribeye: 3 voids, $90.00",))
    assert (two.is_over, two.is_clear) == (False, True)


def test_the_names_of_what_was_voided_or_given_away_sum_to_the_metric(world: World) -> None:
    """Of a test order, a deleted line or a voided discount there is none in either."""
    with world.rows() as rows:
        order, check = rows.sale("500", "480")
        for kind, amount in (("comp", "8"), ("promo", "7"), ("comp", "5")):
            rows.discount(order, check, amount, kind, discount_name=f"{kind} {amount}")
        rows.discount(order, check, "99", is_voided=True)
        rows.discount(order, check, "99", is_deleted=True)
        rows.discount(order, check, "99", is_counted=False)
        voided(rows, ("Ribeye", "42"), ("Salad", "12"))
        training = rows.order(is_test_mode=True, counted=False)
        rows.line(training, rows.check(training, counted=False), "70", sale=False, is_voided=True)
        rows.line(order, check, "60", sale=False, is_voided=True, is_deleted=True)
        rows.refund(order, check, "30", "25")

    found = {name: world.see(own(name, above=0), NOW)[0] for name in ("voids", "discounts", "comps", "refunds")}

    assert {name: (seen.value, seen.drivers) for name, seen in found.items()} == {
        "voids": (54.0, ("Ribeye: 1 void, $42.00", "Salad: 1 void, $12.00")),
        "discounts": (20.0, ("comp 8: 1 discount, $8.00", "promo 7: 1 discount, $7.00", "comp 5: 1 discount, $5.00")),
        "comps": (13.0, ("comp 8: 1 comp, $8.00", "comp 5: 1 comp, $5.00")),
        "refunds": (25.0, ("CREDIT: 1 refund, $25.00",)),
    }


def test_below_its_minimums_a_rule_says_nothing_and_is_clear(world: World) -> None:
    with world.rows() as rows:
        rows.sale("700")
        voided(rows, *(("Ribeye", "20") for _ in range(6)))
    tried: list[dict[str, Any]] = [
        {},
        {"min_sales": 700},
        {"min_sales": 701},
        {"min_dollars": 120},
        {"min_dollars": 121},
        {"min_count": 6},
        {"min_count": 7},
    ]
    found = [world.see(own("void_rate", above=5, **one), NOW)[0] for one in tried]

    assert [(seen.is_over, seen.is_clear) for seen in found] == [(one, not one) for one in (True, True, False, True, False, True, False)]
    assert {seen.value for seen in found} == {120 / 820 * 100}


@pytest.mark.parametrize(
    ("metric", "level", "seen"),
    [
        ("net_sales", {"below": 1000}, (600.0, True, False, Decimal("400.00"))),
        ("net_sales", {"below": 500, "clear": 700}, (600.0, False, False, None)),
        ("labor_percent", {"above": 25}, (40.0, True, False, Decimal("90.00"))),
        ("labor_percent", {"above": 45, "clear": 41}, (40.0, False, True, None)),
        ("cplh", {"above": 20}, (24.0, True, False, Decimal("40.00"))),
        ("splh", {"below": 70}, (60.0, True, False, Decimal("100.00"))),
        ("labor_hours", {"above": 8}, (10.0, True, False, None)),
        ("orders", {"below": 3}, (2.0, True, False, None)),
        ("average_check", {"below": 310}, (300.0, True, False, Decimal("20.00"))),
        ("unpaid", {"above": 1}, (0.0, False, True, None)),
    ],
)
def test_any_metric_of_the_views_has_a_value_and_what_lies_beyond_the_level_in_dollars(
    world: World, metric: str, level: dict[str, Any], seen: tuple[Any, ...]
) -> None:
    with world.rows() as rows:
        rows.sale("400")
        rows.sale("200", hour=6)
        rows.shift("10", "240")

    assert figures(world.see(own(metric, **level, grain="day"), NOW), *JUDGED) == [seen]


def test_every_metric_can_be_read_by_the_day(world: World) -> None:
    with world.rows() as rows:
        rows.sale("400")
        rows.shift("2", "40")
    names = [metric.name for metric in METRICS if metric.name not in MEASURES]
    look = world.look(NOW)
    assert [name for name in names if len(measured.read(look, own(name, above=1, grain="day"))) != 1] == []


def test_now_is_the_day_as_it_stands(world: World) -> None:
    with world.rows() as rows:
        rows.sale("400")
    day, now = (world.see(own("net_sales", below=1000, grain=grain), NOW) for grain in ("day", "now"))
    assert figures(day, *JUDGED) == figures(now, *JUDGED) == [(400.0, True, False, Decimal("600.00"))]


def test_the_week_is_that_of_the_business_date(world: World) -> None:
    """2026-03-10 is a Tuesday: Monday is in, Sunday is not."""
    with world.rows() as rows:
        for days in (1, 2):
            day = DAY - timedelta(days=days)
            rows.day(day, week=DAY - timedelta(days=1 if days == 1 else 8))
            rows.read("orders", at(-1), day)
            rows.sale("1000", day=day)
            order, check = rows.sale("0", day=day)
            rows.line(order, check, "90", sale=False, is_voided=True, menu_item_name="Ribeye", day=day)
        rows.sale("500")
        voided(rows, ("Ribeye", "60"), ("Salad", "10"))

    [seen] = world.see(own("void_rate", above=5, grain="week", min_count=3), NOW)

    assert (seen.period, seen.is_over) == (DAY - timedelta(days=1), True)
    assert seen.value == pytest.approx(160 / 1660 * 100)
    assert seen.drivers == ("Ribeye: 2 voids, $150.00", "Salad: 1 void, $10.00")


# --- what is not known ------------------------------------------------------------------------------------------------


def test_without_a_value_the_views_own_reason_is_given_and_nothing_is_over_or_clear(world: World) -> None:
    found = [world.see(own(name, above=1, grain="day"), NOW)[0] for name in ("labor_percent", "average_check", "void_rate", "net_sales")]
    assert [(seen.value, seen.reason, seen.is_over, seen.is_clear) for seen in found] == [
        (None, "no sales", False, False),
        (None, "no sales", False, False),
        (None, "no sales", False, False),
        (0.0, "", False, True),
    ]


def test_a_side_that_was_not_read_or_is_stale_gives_its_reason(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.rows() as rows:
        rows.day()
        rows.followed("orders", at(-30), NOW)
        rows.sale("400")
        rows.shift("4", "80")
    assert figures(world.see(own("labor_percent", above=1, grain="day"), NOW), "value", "reason") == [(None, "no labor read")]
    with world.rows() as rows:
        rows.followed("labor", at(-30), at(10))
    assert figures(world.see(own("labor_percent", above=1, grain="day"), NOW), "value", "reason") == [(None, "labor stale")]
    with world.rows() as rows:
        rows.followed("labor", at(10), at(11.5))
    assert figures(world.see(own("labor_percent", above=1, grain="day"), NOW), "value", "reason", "as_of") == [(20.0, "", at(11.5))]


def test_a_day_of_which_nothing_was_read_has_no_value(tmp_path: Path) -> None:
    assert figures(World(tmp_path).see(own("net_sales", below=1), NOW), "value", "reason", "as_of") == [(None, "nothing read", NOW)]


def test_a_posted_total_is_told_by_its_basis_and_needs_no_holding(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.rows() as rows:
        rows.day()
        for kind, values in (("sales", {"gross_sales": "5000"}), ("labor", {"labor_hours": "75", "labor_cost": "1500"})):
            rows.add("daily_summaries", store_id="North", date=DAY, kind=kind, sequence=1, received_at=NOW, **values)

    found = [world.see(own(name, above=25, grain="day"), NOW)[0] for name in ("labor_percent", "void_rate", "net_sales")]

    assert figures(found, "value", "basis", "is_held", "reason") == [
        (30.0, "gross_summary summary", False, ""),
        (None, "gross_summary", False, "not told by a summary"),
        (5000.0, "gross_summary", False, ""),
    ]
    assert found[0].facts == (("Labor cost", "$1,500.00"), ("Net sales", "$5,000.00"), ("CPLH", "$20.00"))


# --- dayparts, locations, faults --------------------------------------------------------------------------------------


def test_within_a_daypart_a_figure_is_that_of_the_hours_that_begin_in_it(world: World) -> None:
    """From 04:00 on, hour 8 is noon."""
    with world.rows() as rows:
        for hour, gross in ((7, "100"), (8, "200"), (9, "50"), (11, "400")):
            rows.sale(gross, hour=hour)
        rows.shift("2", "50", hour=8)
        rows.shift("2", "50", hour=12)
        voided(rows, ("Early", "25"), hour=7)
        voided(rows, ("Lunch", "15"), ("Lunch", "10"), hour=9)
    lunch = {"daypart": "12:00-15:00"}

    found = {
        name: world.see(own(name, above=0.5, grain="day", **lunch), NOW)[0]
        for name in ("net_sales", "labor_percent", "orders", "void_rate", "cplh")
    }

    assert {name: seen.value for name, seen in found.items()} == {
        "net_sales": 250.0,
        "labor_percent": 20.0,
        "orders": 4.0,
        "void_rate": pytest.approx(25 / 275 * 100),
        "cplh": 25.0,
    }
    assert found["void_rate"].drivers == ("Lunch: 2 voids, $25.00",)
    assert (found["void_rate"].facts[0], found["labor_percent"].dollars) == (("Orders with a void", "2"), Decimal("48.75"))


def test_a_daypart_of_the_whole_day_is_the_day(world: World) -> None:
    """The ratios of summed hours are those of the day's own view, of every metric that has both."""
    with world.rows() as rows:
        for hour, gross, net in ((7, "100", "90"), (8, "200", "200"), (19, "50", "45")):
            order, check = rows.sale(gross, net, hour=hour, guest_count=2)
            rows.discount(order, check, "5")
            rows.refund(order, check, "3", "2", refunded_at=at(hour))
        rows.shift("2", "50", hour=8)
        rows.punch(in_date=at(9), accrues_until=at(20))
        voided(rows, ("Early", "25"), hour=7)
    look = world.look(NOW)
    day = day_rows(look)[HERE, DAY]
    whole = summed(hour_rows(look)[HERE, DAY])
    values = {metric.name: (value_of(metric, day), value_of(metric, whole)) for metric in METRICS if metric.name in whole}
    assert {name: pair for name, pair in values.items() if pair[0] != pytest.approx(pair[1])} == {}
    assert (len(values), whole["labor_reason"], day["labor_reason"]) == (34, None, None)


def test_a_rule_looks_within_its_daypart_alone(world: World) -> None:
    with world.rows() as rows:
        rows.sale("200", hour=8)
    lunch = own("net_sales", below=800, daypart="12:00-15:00")
    seen = {hours: figures(read(world.look(at(hours)), [lunch]), "value") for hours in (7.9, 8, 10.9, 11)}
    assert seen == {7.9: [], 8: [(200.0,)], 10.9: [(200.0,)], 11: []}


def test_a_rule_of_some_locations_and_one_question_for_all_of_them(tmp_path: Path) -> None:
    world = World(tmp_path, places=[PLACE, SOUTH])
    with world.rows() as rows:
        for guid, gross in ((HERE, "100"), ("south", "300")):
            rows.add("dim_business_days", restaurant_guid=guid, starts_at=OPENS, ends_at=at(24), hours=24, week_start=DAY)
            rows.followed("orders", at(-30), NOW, restaurant_guid=guid)
            order = rows.order(restaurant_guid=guid)
            check = rows.check(order, restaurant_guid=guid)
            rows.line(order, check, gross, restaurant_guid=guid)
    asked: list[str] = []
    plain = world.warehouse.rows

    def counted(sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return plain(sql, parameters)

    world.warehouse.rows = counted  # type: ignore[method-assign]
    look = world.look(NOW)
    both, one = own("net_sales", below=500), own("gross_sales", below=500, locations=["south"])

    assert figures(measured.read(look, both), "location", "value") == [(HERE, 100.0), ("south", 300.0)]
    assert figures(measured.read(look, one), "location", "value") == [("south", 300.0)]
    assert len(asked) == 1


def test_a_measure_that_fails_costs_its_own_rule_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with world.rows() as rows:
        rows.sale("200")
        rows.connection.execute("DROP VIEW daily_close")
    rules = [own("unpaid", above=1).model_copy(update={"name": "broken"}), own("net_sales", below=800)]

    found = read(world.look(NOW), rules)

    assert figures(found, "rule", "value") == [("own", 200.0)]
    assert [record.getMessage() for record in caplog.records] == ["alerts: rule broken could not be read; the others were"]


def test_a_rule_that_is_off_is_not_read(world: World) -> None:
    assert read(world.look(NOW), [own("net_sales", below=800, enabled=False)]) == []
