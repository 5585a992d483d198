"""Every view compiles for every engine, with the columns it tells, and reads its tables by location and date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from restaurant_os.tables import BY_NAME as TABLES
from restaurant_os.transformations import VIEWS, View
from restaurant_os.warehouse.compiled import views
from views_rows import DAY, own_rows

#: Tables that hold rows of a view's day under another date too: a refund's order, who undid a deposit, an employee's name.
OTHER_DAYS = {
    "sales_by_dining_option": {"fact_orders"},
    "sales_by_revenue_center": {"fact_orders"},
    "sales_by_source": {"fact_orders"},
    "server_sales": {"fact_orders", "fact_labor_shifts"},
    "daily_cash": {"fact_cash_deposits"},
}
LATER = DAY + timedelta(days=9)
BY_DAY = [view for view in VIEWS if {"restaurant_guid", "business_date"} <= {name for name, _ in view.columns}]


def named(view: View) -> str:
    return view.name


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "bigquery"])
@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_it_compiles(view: View, dialect: str) -> None:
    """And rounds nothing but decimals, on which engines agree; shifts no zone, adds no interval.

    What ships is what the expressions make: tests/unit/test_compiled.py.
    """
    sql = views(dialect)[view.name]

    assert sql.startswith(("SELECT", "WITH"))
    assert set(re.findall(r"ROUND\((\w*)", sql)) <= {"CAST"}
    assert not re.search(r"\b(AT TIME ZONE|INTERVAL|NOW|CURRENT_TIMESTAMP|DATE_TRUNC)\b", sql)


@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_parts_of_a_union_stand_side_by_side(view: View) -> None:
    """Not two by two in a SELECT * each, all of which an engine would plan."""
    assert "SELECT * FROM (SELECT * FROM (" not in views("duckdb")[view.name]


@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_its_columns_are_those_it_tells(view: View) -> None:
    with own_rows() as rows:
        found = rows.connection.execute(f"SELECT * FROM {view.name} LIMIT 0").description

    assert [column[0] for column in found] == [name for name, _ in view.columns]
    assert all(meaning.endswith(".") for _, meaning in view.columns)


@pytest.mark.parametrize("view", VIEWS, ids=named)
def test_money_is_exact_and_counts_are_whole(view: View) -> None:
    """No engine's wider type for a sum leaks out of a view."""
    with own_rows() as rows:
        found = rows.connection.execute(f"DESCRIBE {view.name}").fetchall()

    kinds = {"VARCHAR", "DATE", "TIMESTAMP WITH TIME ZONE", "BIGINT", "DECIMAL(18,4)", "DOUBLE"}
    assert {name: kind for name, kind, *_ in found if kind not in kinds} == {}


def scans(plan: Any) -> Iterator[tuple[str, str]]:
    """Each table that a plan reads, with the filters put on it."""
    for step in plan:
        found = step.get("extra_info", {})
        if "Table" in found:
            yield found["Table"].rpartition(".")[2], str(found.get("Filters", ""))
        yield from scans(step.get("children", []))


@pytest.mark.parametrize("view", BY_DAY, ids=named)
def test_a_filter_on_location_and_date_reaches_the_tables(view: View) -> None:
    """Every scan is of one location, and of one date where the view's day is a column of the table."""
    with own_rows() as rows:
        for name in sorted(TABLES):
            if name.startswith(("fact_", "dim_")) and TABLES[name].role != "history":
                for place in ("north", "south"):  # what is the same in all rows is no filter
                    other = {"refund_business_date": LATER} if name == "fact_refunds" else {"business_date": LATER}
                    rows.add(name, restaurant_guid=place, **(other if place == "south" else {}))
        query = f"EXPLAIN (FORMAT json) SELECT * FROM {view.name} WHERE restaurant_guid = 'north' AND business_date = DATE '{DAY}'"
        [(_, plan)] = rows.connection.execute(query).fetchall()

    found = list(scans(json.loads(plan)))
    assert {name for name, filters in found if "north" not in filters} <= {"fact_cash_deposits"}  # a row a day, joined to itself
    assert {name for name, filters in found if name.startswith("fact_") and str(DAY) not in filters} <= OTHER_DAYS.get(view.name, set())
