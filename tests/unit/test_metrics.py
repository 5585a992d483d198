"""Metrics as values: told whole, made once, the same wherever they are shown."""

from __future__ import annotations

from typing import Any

import pytest

from restaurant_os.transformations import BY_NAME, METRICS, VIEWS, Made, Metric, View, with_metrics

UNITS = {"money", "count", "hours", "percent", "money per hour", "ratio"}
#: Columns that metrics are made of and no view shows.
INNER = {"open_checks_due", "open_checks_paid"}


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_says_what_it_is(metric: Metric) -> None:
    """Its unit, meaning, source and formula; it is made of other metrics only."""
    assert metric.unit in UNITS
    assert metric.meaning.endswith(".")
    assert metric.source
    assert metric.formula
    assert set(metric.columns) <= BY_NAME.keys() | INNER
    assert metric.is_ratio == (metric.unit in {"percent", "money per hour", "ratio"} or metric.name in {"average_check", "sales_per_guest"})


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("net_sales", "gross_sales - discounts - refunds"),
        ("labor_percent", "labor_cost / net_sales x 100"),
        ("labor_percent_loaded", "(labor_cost + salaried_cost) / net_sales x 100"),
        ("cplh", "labor_cost / labor_hours"),
        ("splh", "net_sales / labor_hours"),
        ("average_check", "net_sales / checks"),
        ("sales_per_guest", "net_sales / guests"),
        ("void_rate", "voids / (gross_sales + voids)"),
        ("discount_rate", "discounts / gross_sales"),
        ("comp_rate", "comps / gross_sales"),
        ("refund_rate", "refunds / gross_sales"),
        ("expected_deposit", "cash_payments + entries_total - cash_refunds"),
        ("deposit_over_short", "actual_deposit - expected_deposit"),
        ("gross_sales", "sum over fact_order_items and fact_service_charges"),
    ],
)
def test_formulas(name: str, formula: str) -> None:
    assert BY_NAME[name].formula == formula


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_metric_means_the_same_in_every_view(view: View) -> None:
    """But for those of items, servers and single checks, which say what theirs is."""
    for name, meaning in view.columns:
        if name in BY_NAME and view.name not in {"product_mix", "server_sales", "open_checks"}:
            assert meaning == BY_NAME[name].meaning


def test_every_metric_is_in_a_view() -> None:
    assert BY_NAME.keys() == {name for view in VIEWS for name, _ in view.columns} & BY_NAME.keys()


def value(metric: Metric, **columns: Any) -> Any:
    """A metric over one row."""
    import duckdb
    import ibis

    kinds = {name: "decimal(18, 4)" if isinstance(given, int) else "string" for name, given in columns.items()}
    rows = with_metrics(ibis.table(kinds, name="given"), [metric])
    connection = duckdb.connect(":memory:")
    connection.execute(f"CREATE TABLE given ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})".replace("string", "VARCHAR"))
    connection.execute(f"INSERT INTO given VALUES ({', '.join('?' * len(columns))})", list(columns.values()))
    [(found,)] = connection.execute(str(ibis.to_sql(rows.select(metric.name), dialect="duckdb"))).fetchall()
    return found


RATIO = Metric("share", "percent", "A share.", Made(plus=("part",), over=("whole",), factor=100, unless="reason"))


@pytest.mark.parametrize(
    ("part", "whole", "reason", "found"),
    [
        (1, 3, None, 100 / 3),
        (0, 3, None, 0.0),
        (-1, 4, None, -25.0),
        (1, 0, None, None),
        (1, -4, None, None),
        (1, 3, "stale", None),
        (0, 0, None, None),
    ],
)
def test_a_ratio_has_a_value_or_none(part: int, whole: int, reason: str | None, found: float | None) -> None:
    """Unrounded; null where the denominator is not above zero or there is a reason; never an error."""
    assert value(RATIO, part=part, whole=whole, reason=reason) == found


def test_a_sum_with_a_reason_has_no_value() -> None:
    metric = Metric("left", "money", "What is left.", Made(plus=("a",), minus=("b",), unless="reason"))

    assert value(metric, a=5, b=7, reason=None) == -2
    assert value(metric, a=5, b=7, reason="pending") is None
