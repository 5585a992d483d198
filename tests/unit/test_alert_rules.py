"""The rules: what the settings make of the shipped ones, how values stand to levels, and spans of the day on a location's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orders_world import NORTH
from restaurant_os.alerts.rules import SHIPPED, distance, end_of, is_within, judged, rules_of, unit_of
from restaurant_os.alerts.wording import shown
from restaurant_os.errors import SettingsError
from restaurant_os.settings import AlertRule, Settings, load, load_without_file

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"


def rule(above: Any = None, below: Any = None, clear: Any = None, **values: Any) -> AlertRule:
    levels = {
        name: None if level is None else Decimal(str(level)) for name, level in (("above", above), ("below", below), ("clear", clear))
    }
    return AlertRule.model_validate({"name": "own", "metric": "net_sales", **levels, **values})


def settings(tmp_path: Path, *rules: dict[str, Any]) -> Settings:
    return load_without_file(tmp_path, locations=[NORTH.model_dump()], alerts={"rules": list(rules)})


def fault(tmp_path: Path, *rules: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as raised:
        rules_of(settings(tmp_path, *rules))
    return raised.value.message.removeprefix("settings: environment: ")


# --- shipped, and the settings ----------------------------------------------------------------------------------------


def test_labor_above_25_percent_is_shipped_and_on(tmp_path: Path) -> None:
    own = next(one for one in rules_of(settings(tmp_path)) if one.name == "labor-percent")
    levels = {"above": Decimal(25), "clear": Decimal(24)}
    assert own.model_dump(include={"metric", "above", "below", "clear", "grain"}) == {
        "metric": "labor_percent",
        "below": None,
        "grain": "now",
        **levels,
    }
    assert (own.warm_up_percent, own.hold_minutes) == (30, 15)


def test_without_settings_the_rules_are_those_shipped_and_all_of_them_are_on(tmp_path: Path) -> None:
    assert rules_of(settings(tmp_path)) == list(SHIPPED)
    assert [one.name for one in SHIPPED if not one.enabled] == []


def test_every_shipped_rule_could_be_written_in_the_settings(tmp_path: Path) -> None:
    own = [{**one.model_dump(exclude_defaults=True), "name": f"own-{one.name}"} for one in SHIPPED]
    made = rules_of(settings(tmp_path, *own))[len(SHIPPED) :]
    assert [one.model_copy(update={"name": one.name.removeprefix("own-")}) for one in made] == list(SHIPPED)


def test_a_rule_of_a_shipped_name_changes_it_value_by_value_in_its_place(tmp_path: Path) -> None:
    found = rules_of(
        settings(tmp_path, {"name": "cash-over-short", "above": 20, "quiet": "22:00-07:00"}, {"name": "data-late", "enabled": False})
    )
    changes: dict[str, dict[str, Any]] = {
        "cash-over-short": {"above": Decimal(20), "quiet": "22:00-07:00"},
        "data-late": {"enabled": False},
    }
    assert found == [one.model_copy(update=changes.get(one.name, {})) for one in SHIPPED]


@pytest.mark.parametrize(
    ("given", "clear"), [({"above": 28}, 27), ({"above": 22.5}, Decimal("21.5")), ({"above": 28, "clear": 20}, 20), ({}, 24)]
)
def test_a_clear_level_that_is_not_given_keeps_its_distance(tmp_path: Path, given: dict[str, Any], clear: Any) -> None:
    own = next(one for one in rules_of(settings(tmp_path, {"name": "labor-percent", **given})) if one.name == "labor-percent")
    assert own.clear == clear


def test_a_shipped_name_with_another_metric_is_a_rule_of_its_own(tmp_path: Path) -> None:
    own = next(
        one for one in rules_of(settings(tmp_path, {"name": "labor-percent", "metric": "splh", "below": 40})) if one.name == "labor-percent"
    )
    assert own == AlertRule(name="labor-percent", metric="splh", below=Decimal(40))


def test_other_names_are_added_after_the_shipped_ones(tmp_path: Path) -> None:
    found = rules_of(settings(tmp_path, {"name": "slow", "metric": "net_sales", "below": 800, "daypart": "12:00-15:00"}))
    assert found == [*SHIPPED, AlertRule(name="slow", metric="net_sales", below=Decimal(800), daypart="12:00-15:00")]


def test_a_rule_on_overtime_is_of_the_week_unless_it_says_so_wrongly(tmp_path: Path) -> None:
    assert rules_of(settings(tmp_path, {"name": "own", "metric": "overtime_ahead", "above": 2}))[-1].grain == "week"
    assert fault(tmp_path, {"name": "own", "metric": "overtime_ahead", "above": 2, "grain": "day"}) == (
        "alerts.rules.0.grain: overtime_ahead is of a week, not of 'day'."
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metric": "labour"}, "metric: 'labour' is no metric; expected one of docs/metrics.md or punch_open, overtime_ahead,"),
        ({}, "metric: is missing, and no shipped rule has this name; expected one of"),
        ({"metric": "net_sales"}, "above: there is no level; expected above, below, or both for a band."),
        ({"metric": "net_sales", "above": 5, "below": 5}, "below: is 5, not under above (5); a band"),
        ({"metric": "net_sales", "above": 5, "clear": 6}, "clear: is 6, beyond above (5);"),
        ({"metric": "net_sales", "below": 5, "clear": 4}, "clear: is 4, beyond below (5);"),
        (
            {"metric": "net_sales", "above": 9, "below": -3, "clear": 4},
            "clear: is 4; of a band it is a distance from 0, and lies within -3 and 9",
        ),
        ({"metric": "net_sales", "above": 9, "below": -9, "clear": -1}, "clear: is -1; of a band it is a distance from 0"),
        ({"metric": "no_sales", "above": 5, "grain": "week"}, "grain: no_sales has no weeks; expected now or day."),
        ({"metric": "data_late", "above": 5, "grain": "week"}, "grain: data_late is of now, not of 'week'."),
        ({"metric": "no_sales", "above": 5, "daypart": "10:00-12:00"}, "daypart: no_sales is not known by the hour; leave it out."),
        (
            {"metric": "net_sales", "above": 5, "grain": "week", "daypart": "10:00-12:00"},
            "daypart: a week has none; expected grain now or day.",
        ),
        (
            {"metric": "net_sales", "above": 5, "quiet": "22:00-22:00"},
            "quiet: '22:00-22:00' begins when it ends; leave it out for the whole day.",
        ),
        ({"metric": "net_sales", "above": 5, "locations": ["Nowhere"]}, "locations: 'Nowhere' is none of [[locations]]; known are North."),
        (
            {"metric": "net_sales", "above": 5, "channels": ["pigeon"]},
            "channels: 'pigeon' is no channel; expected slack, slack-bot, discord or",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_named_by_its_place(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    found = fault(tmp_path, {"name": "void-rate", "above": 6}, {"name": "own", **given})
    assert found.startswith(f"alerts.rules.1.{told}")


def test_a_name_stands_there_once(tmp_path: Path) -> None:
    own = {"name": "slow", "metric": "net_sales", "below": 800}
    assert fault(tmp_path, own, {"name": "void-rate", "above": 6}, own) == "alerts.rules.2.name: 'slow' stands there twice."


def test_text_of_the_settings_cannot_write_more_than_itself(tmp_path: Path) -> None:
    assert fault(tmp_path, {"name": "own", "metric": "a\x1b[2Jb", "above": 1}).startswith("alerts.rules.0.metric: 'a [2Jb' is no metric;")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('above = "much"', "alerts.rules.0.above: "),
        ("above = nan", "alerts.rules.0.above: "),
        ("abov = 3", "alerts.rules.0.abov: is not a setting"),
        ('name = "No Name"', "alerts.rules.0.name: "),
        ("min_count = -1", "alerts.rules.0.min_count: "),
        ('quiet = "late"', "alerts.rules.0.quiet: 'late' is no span of the day such as 22:00-07:00"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_by_its_place_too(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "restaurant-os.toml"
    named = line if line.startswith("name") else f'name = "void-rate"\n{line}'
    path.write_text(f"[[alerts.rules]]\n{named}\n")
    with pytest.raises(SettingsError, match=r"restaurant-os\.toml: ") as raised:
        load(path)
    assert told in raised.value.message


def test_locations_that_stand_nowhere_may_be_named_while_none_are_configured(tmp_path: Path) -> None:
    own = {"name": "own", "metric": "net_sales", "below": 5, "locations": ["downtown"]}
    assert rules_of(load_without_file(tmp_path, alerts={"rules": [own]}))[-1].locations == ("downtown",)


# --- levels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "values"),
    [
        (rule(above=25, clear=24), {26: "over", 25.1: "over", 25: "", 24.9: "", 24.1: "", 24: "clear", -3: "clear"}),
        (rule(above=25), {25.1: "over", 25: "clear", 24.9: "clear"}),
        (rule(below=800, clear=900), {799.99: "over", 800: "", 899: "", 900: "clear", 2000: "clear"}),
        (rule(below=800), {799: "over", 800: "clear"}),
        (rule(above=10, below=-10), {10.01: "over", 10: "clear", 0: "clear", -10: "clear", -10.01: "over"}),
        (rule(above=10, below=-10, clear=5), {11: "over", 10: "", 5.01: "", 5: "clear", 0: "clear", -5: "clear", -5.01: "", -11: "over"}),
        (rule(above=25, below=15), {26: "over", 25: "clear", 15: "clear", 14.9: "over"}),
    ],
)
def test_how_values_stand_to_a_level_and_its_clear_level(own: AlertRule, values: dict[float, str]) -> None:
    names = {(True, False): "over", (False, True): "clear", (False, False): ""}
    assert {value: names[judged(own, float(value))] for value in values} == values


def test_a_double_that_is_a_hair_beyond_a_level_is_at_it() -> None:
    assert judged(rule(above=7), 0.07 * 100) == (False, True)
    assert judged(rule(above=25, clear=24), 24 + 1e-9) == (False, True)


def test_how_far_beyond() -> None:
    band = rule(above=10, below=-10)
    assert [distance(band, value) for value in (12.5, 10.0, 0.0, -13.0)] == [2.5, 0.0, 0.0, 3.0]


def test_rates_are_in_percent_and_the_rules_own_metrics_have_units() -> None:
    metrics = (
        "void_rate",
        "labor_percent",
        "net_sales",
        "cplh",
        "labor_hours",
        "orders",
        "data_late",
        "overtime_ahead",
        "discounts_by_approver",
    )
    assert [unit_of(one) for one in metrics] == (
        ["percent", "percent", "money", "money per hour", "hours", "count", "minutes", "hours", "money"]
    )
    assert [shown(unit_of(one), 1234.56) for one in metrics] == (
        ["1,234.6 %", "1,234.6 %", "$1,234.56", "$1,234.56", "1,234.6 h", "1,235", "1,235 min", "1,234.6 h", "$1,234.56"]
    )
    assert [shown("money", value) for value in (-12, -0.001, 0)] == ["-$12.00", "$0.00", "$0.00"]


# --- spans of the day -------------------------------------------------------------------------------------------------


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "instant", "ends"),
    [
        # New York in summer: 4 hours behind UTC.
        ("12:00-15:00", "06-10 15:59", None),
        ("12:00-15:00", "06-10 16:00", "06-10 19:00"),
        ("12:00-15:00", "06-10 18:59:59", "06-10 19:00"),
        ("12:00-15:00", "06-10 19:00", None),
        ("22:00-07:00", "06-11 01:59", None),
        ("22:00-07:00", "06-11 02:00", "06-11 11:00"),
        ("22:00-07:00", "06-11 05:00", "06-11 11:00"),
        ("22:00-07:00", "06-11 10:59", "06-11 11:00"),
        ("22:00-07:00", "06-11 11:00", None),
        ("00:00-04:00", "06-11 03:59", None),
        ("00:00-04:00", "06-11 04:00", "06-11 08:00"),
        # 2026-03-08: 02:00 EST is 03:00 EDT.
        ("22:00-07:00", "03-08 05:00", "03-08 11:00"),
        ("22:00-02:30", "03-08 07:15", "03-08 07:30"),
        ("22:00-02:30", "03-08 07:30", None),
        ("02:15-05:00", "03-08 07:00", None),
        ("02:15-05:00", "03-08 07:15", "03-08 09:00"),
        # 2026-11-01: from 02:00 EDT it is 01:00 EST once more; the first counts.
        ("22:00-07:00", "11-01 05:30", "11-01 12:00"),
        ("22:00-01:30", "11-01 05:29", "11-01 05:30"),
        ("22:00-01:30", "11-01 06:15", None),
        ("01:00-01:30", "11-01 06:15", None),
    ],
)
def test_spans_are_of_the_locations_clock_across_midnight_and_changes_of_it(span: str, instant: str, ends: str | None) -> None:
    at = utc(instant)
    assert (is_within(span, NORTH, at), end_of(span, NORTH, at)) == (ends is not None, utc(ends) if ends else at)


def test_in_every_minute_of_the_days_of_a_change_a_span_ends_when_it_says() -> None:
    for day in ("03-07 00:00", "10-31 00:00"):
        for minute in range(0, 3 * 24 * 60, 7):
            at = utc(day) + timedelta(minutes=minute)
            ends = end_of("21:45-02:15", NORTH, at)
            assert is_within("21:45-02:15", NORTH, at) == (ends > at)
            assert not is_within("21:45-02:15", NORTH, ends)
            assert all(is_within("21:45-02:15", NORTH, at + (ends - at) * part) for part in (0.0, 0.5, 0.999) if ends > at)


def test_no_span_has_nothing_in_it() -> None:
    at = utc("06-10 16:00")
    assert (is_within("", NORTH, at), end_of("", NORTH, at)) == (False, at)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_table_of_the_docs_is_what_is_shipped() -> None:
    lines = [line for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][: len(SHIPPED)]
    assert told == [_row(one) for one in SHIPPED]


def test_the_docs_tell_every_value_of_a_rule() -> None:
    found = DOCS.read_text()
    assert [name for name in AlertRule.model_fields if f"`{name}`" not in found] == []


def _row(own: AlertRule) -> list[str]:
    unit = unit_of(own.metric)

    def level(value: Decimal) -> str:
        return shown(unit, value) if unit == "money" else f"{value} {'%' if unit == 'percent' else {'hours': 'h', 'minutes': 'min'}[unit]}"

    levels = [f"{word} {level(value)}" for word, value in (("above", own.above), ("below", own.below)) if value is not None]
    speaks = [
        f"{own.warm_up_percent} % of usual sales" if own.warm_up_percent else "",
        f"{shown('money', own.min_sales)} of sales" if own.min_sales else "",
        shown("money", own.min_dollars) if own.min_dollars else "",
        f"{own.min_count} in number" if own.min_count else "",
    ]
    held = f"{own.hold_minutes} min" if own.hold_minutes else ""
    clear = level(own.clear) if own.clear is not None else ""
    return [f"`{own.name}`", f"`{own.metric}`", ", ".join(levels), clear, own.grain, ", ".join(filter(None, speaks)), held]
