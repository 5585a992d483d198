"""Where the totals that a store posts stand for the facts of a day: each side by itself, through real commits."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from labor_world import laid_out, punch
from ledger_world import changes, hour, whole_day
from orders_world import NORTH, check, decoder, open_warehouse, order, page, selection, together
from restaurant_os.batch import Rejected
from restaurant_os.errors import SettingsError
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.pipeline.plans import Period
from restaurant_os.pipeline.status import day_statuses
from restaurant_os.reports import GRAINS, places_of, rows_of
from restaurant_os.settings import ReportSettings, Settings
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import LABOR, ORDERS
from restaurant_os.transformations import LABOR_METRICS, SALES_METRICS
from restaurant_os.warehouse import Commit, SyncRun
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from summaries_world import DAY, labor, mapped, post, sales

KNOWN = ("sales_as_of", "sales_read_by", "sales_basis", "labor_as_of", "labor_read_by", "labor_basis", "sales_reason", "labor_reason")
GUID = NORTH.toast_guid
Row = dict[str, Any]


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def row_of(warehouse: DuckDBWarehouse, guid: str = GUID, day: date = DAY, view: str = "daily_profitability") -> Row:
    names = [name for (name,) in warehouse.rows("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [view])]
    by = "week_start" if "week_start" in names else "business_date"
    [row] = warehouse.rows(f"SELECT {', '.join(names)} FROM {view} WHERE restaurant_guid = ? AND {by} = ?", [guid, day])
    return dict(zip(names, row, strict=True))


def known(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in KNOWN)


def given(row: Row, *metrics: Any) -> Row:
    """The metrics that have a value."""
    return {metric.name: row[metric.name] for metric in metrics if row[metric.name] is not None}


def orders(warehouse: DuckDBWarehouse, *runs: SyncRun, price: float = 100.0, rejected: tuple[Rejected, ...] = ()) -> None:
    """An order of DAY, and what the ledger knows by it."""
    tables = together([decoder().page(page(order("order", [check("check", [selection("line", price)])])), read_at=None)])
    calendar = Calendar(ReportSettings(), {}).tables(NORTH, [DAY])
    commit = Commit(dataset=ORDERS.name, restaurant_guids=(GUID,), tables={**tables, **calendar}, runs=runs, rejected=rejected)
    warehouse.commit(commit)


def punches(warehouse: DuckDBWarehouse, *runs: SyncRun, ended: str | None = "03-01 23:00") -> None:
    """One of 8 hours on DAY at 20 dollars an hour."""
    rows = laid_out(punch(ended=ended, regularHours=8, hourlyWage=20), read_at=runs[0].started_at)
    tables = {s.name: pa.Table.from_pylist(rows.get(s.name, []), schema=staged_schema(s)) for s in LABOR.tables}
    calendar = Calendar(ReportSettings(), {}).tables(NORTH, [DAY])
    warehouse.commit(Commit(dataset=LABOR.name, restaurant_guids=(GUID,), tables={**tables, **calendar}, runs=runs))


def unreadable(day: date | None, guid: str = GUID) -> Rejected:
    return Rejected(guid, "bad", day, "checks", "not readable", "{}", copy=1_000_000)


# --- a summary alone --------------------------------------------------------------------------------------------------


def test_a_summary_alone(warehouse: DuckDBWarehouse) -> None:
    """Its gross sales are all sales there are, its hours all hours; what it does not tell is null, not 0."""
    post(warehouse, sales("5000", 1, hour(1)))
    post(warehouse, labor("80", "1200.50", 2, hour(2)))

    row = row_of(warehouse)

    assert known(row) == (hour(1), "summary", "gross_summary", hour(2), "summary", "summary", None, None)
    assert given(row, *SALES_METRICS) == {"item_gross": 5000, "gross_sales": 5000, "discounts": 0, "refunds": 0, "net_sales": 5000}
    assert given(row, *LABOR_METRICS) == {
        "regular_hours": 80,
        "overtime_hours": 0,
        "labor_hours": 80,
        "regular_cost": Decimal("1200.5"),
        "overtime_cost": 0,
        "labor_cost": Decimal("1200.5"),
    }
    assert (row["labor_percent"], row["cplh"], row["splh"]) == (24.01, 1200.5 / 80, 62.5)
    others = ("labor_percent_loaded", "average_check", "sales_per_guest", "void_rate", "discount_rate", "comp_rate", "refund_rate")
    assert {row[name] for name in others} == {None}


def test_one_side_alone_says_that_the_other_was_not_read(warehouse: DuckDBWarehouse) -> None:
    post(warehouse, sales("5000", 1))

    row = row_of(warehouse)

    assert known(row)[3:] == (None, None, None, None, "no labor read")
    assert given(row, *LABOR_METRICS) == {}


def test_a_summary_needs_no_calendar(warehouse: DuckDBWarehouse) -> None:
    """A day of a store that stands nowhere in the settings has a row; a week needs the calendar to be one."""
    post(warehouse, sales("5000", 1, store="S9", guid="S9"), labor("80", "1200", 2, store="S9", guid="S9"), calendar_of=None)

    assert row_of(warehouse, "S9")["labor_percent"] == 24.0
    assert warehouse.rows("SELECT count(*) FROM weekly_profitability") == [(0,)]


def test_later_data_replaces_earlier(warehouse: DuckDBWarehouse) -> None:
    """And metrics follow."""
    post(warehouse, labor("80", "1200", 1))
    found = []
    for number, gross in enumerate(("5000", "6000", "5000"), start=2):
        post(warehouse, sales(gross, number))
        row = row_of(warehouse)
        found.append((row["net_sales"], row["labor_percent"]))

    assert found == [(5000, 24.0), (6000, 20.0), (5000, 24.0)]


def test_two_store_ids_of_one_location_are_one_store(warehouse: DuckDBWarehouse) -> None:
    """Its GUID, its name and its store id: the last post counts, whatever it was called by."""
    settings = Settings(locations=(NORTH.model_copy(update={"store_id": "S-17"}),))  # type: ignore[call-arg]
    for number, store in enumerate((GUID, "north", "s-17", "NORTH"), start=1):
        post(warehouse, mapped(settings, sales(str(number), number, store=store)))
        assert row_of(warehouse)["net_sales"] == number
    post(warehouse, mapped(settings, sales("9", 2, store="s-17")))  # an old one, again

    assert row_of(warehouse)["net_sales"] == 4


# --- against facts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [whole_day(DAY, 1), changes(-30, 0)], ids=["read whole", "followed to the day's end"])
def test_facts_that_are_complete_win(warehouse: DuckDBWarehouse, run: SyncRun) -> None:
    """Over a summary that came long after them too."""
    orders(warehouse, run)
    post(warehouse, sales("5000", 1, hour(50)))

    row = row_of(warehouse)

    assert (row["net_sales"], row["orders"], row["sales_basis"], row["sales_as_of"]) == (100, 1, "net", run.started_at)


def test_facts_known_to_when_the_summary_came_win(warehouse: DuckDBWarehouse) -> None:
    """In the middle of the day; once it comes later than they are known, it stands for them."""
    orders(warehouse, changes(-30, -10))
    post(warehouse, sales("5000", 1, hour(-10)))
    assert row_of(warehouse)["sales_basis"] == "net"

    post(warehouse, sales("5000", 2, hour(-10) + timedelta(microseconds=1)))

    row = row_of(warehouse)
    assert (row["sales_basis"], row["sales_read_by"], row["net_sales"], row["orders"]) == ("gross_summary", "summary", 5000, None)
    orders(warehouse, changes(-10, -9))
    assert (row_of(warehouse)["sales_basis"], row_of(warehouse)["sales_read_by"]) == ("net", "changes")


def test_facts_that_nobody_read_lose(warehouse: DuckDBWarehouse) -> None:
    """Orders that webhooks brought, without any read, are not known to be all."""
    orders(warehouse)
    row = row_of(warehouse)
    assert (row["net_sales"], row["sales_basis"], row["sales_read_by"], row["sales_reason"]) == (100, "net", None, "no sales read")

    post(warehouse, sales("5000", 1))

    assert (row_of(warehouse)["net_sales"], row_of(warehouse)["sales_reason"]) == (5000, None)


@pytest.mark.parametrize(("day", "guid", "basis"), [
    (DAY, GUID, "gross_summary"),
    (None, GUID, "gross_summary"),
    (DAY + timedelta(days=1), GUID, "net"),
    (DAY, "aaaaaaaa-0000-4000-8000-000000000002", "net"),
])  # fmt: skip
def test_a_record_in_quarantine_makes_the_summary_win(warehouse: DuckDBWarehouse, day: date | None, guid: str, basis: str) -> None:
    """One of that day, or of no known one, at that location; until it can be read."""
    orders(warehouse, whole_day(DAY, 1), rejected=(unreadable(day, guid),))
    post(warehouse, sales("5000", 1), labor("1", "2", 2))

    row = row_of(warehouse)

    assert (row["sales_basis"], row["labor_basis"]) == (basis, "summary")
    tables = together([decoder().page(page(order("bad", [], day=20260301)), read_at=None)])
    warehouse.commit(Commit(dataset=ORDERS.name, restaurant_guids=(GUID,), tables=tables))
    assert row_of(warehouse)["sales_basis"] == "net"


def test_a_record_of_the_other_side_in_quarantine_changes_nothing(warehouse: DuckDBWarehouse) -> None:
    punches(warehouse, whole_day(DAY, 1, dataset="labor"))
    orders(warehouse, whole_day(DAY, 1), rejected=(unreadable(DAY),))
    post(warehouse, sales("5000", 1), labor("1", "2", 2))

    assert (row_of(warehouse)["sales_basis"], row_of(warehouse)["labor_basis"]) == ("gross_summary", "punches")


def test_each_side_is_judged_by_itself(warehouse: DuckDBWarehouse) -> None:
    """Sales of orders, labor of a summary; and the other way round once punches are complete."""
    orders(warehouse, whole_day(DAY, 1))
    post(warehouse, sales("5000", 1, hour(2)), labor("4", "25", 2, hour(2)))

    row = row_of(warehouse)
    assert known(row) == (hour(1), "whole day", "net", hour(2), "summary", "summary", None, None)
    assert (row["labor_percent"], row["average_check"], row["entries"]) == (25.0, 100.0, None)

    punches(warehouse, whole_day(DAY, 3, dataset="labor"))
    row = row_of(warehouse)
    assert known(row) == (hour(1), "whole day", "net", hour(3), "whole day", "punches", None, None)
    assert (row["labor_percent"], row["entries"]) == (160.0, 1)


def test_open_punches_give_way_with_their_accruals(warehouse: DuckDBWarehouse) -> None:
    """Half a day of open punches and the store's own total are never added."""
    punches(warehouse, changes(-30, -6, dataset="labor"), ended=None)
    orders(warehouse, changes(-30, -6))
    assert row_of(warehouse)["labor_basis"] == "punches with open punches"

    post(warehouse, labor("40", "600", 1, hour(-5.5)))

    row = row_of(warehouse)
    assert (row["labor_basis"], row["labor_hours"], row["labor_cost"], row["open_entries"]) == ("summary", 40, 600, None)


# --- stale ------------------------------------------------------------------------------------------------------------


def test_two_summaries_are_never_stale(warehouse: DuckDBWarehouse) -> None:
    """However far apart they came on an open day."""
    post(warehouse, sales("5000", 1, hour(-12)), labor("80", "1200", 2, hour(-1)))

    assert (row_of(warehouse)["labor_reason"], row_of(warehouse)["labor_percent"]) == (None, 24.0)


@pytest.mark.parametrize(("behind", "reason"), [(timedelta(minutes=60), None), (timedelta(minutes=61), "sales stale")])
def test_a_summary_behind_facts_is_stale(warehouse: DuckDBWarehouse, behind: timedelta, reason: str | None) -> None:
    """By the same 60 minutes."""
    punches(warehouse, changes(-30, -5, dataset="labor"))
    post(warehouse, sales("5000", 1, hour(-5) - behind))

    assert (row_of(warehouse)["labor_basis"], row_of(warehouse)["labor_reason"]) == ("punches", reason)


def test_facts_behind_a_summary_are_stale(warehouse: DuckDBWarehouse) -> None:
    punches(warehouse, changes(-30, -5, dataset="labor"))
    post(warehouse, sales("5000", 1, hour(1)))

    assert row_of(warehouse)["labor_reason"] == "labor stale"


# --- other views ------------------------------------------------------------------------------------------------------


def test_weeks_are_of_their_days_and_know_no_more_than_they_do(warehouse: DuckDBWarehouse) -> None:
    """Beside a day of facts: sums of both, and none of what the summary does not tell."""
    monday = date(2026, 2, 23)
    orders(warehouse, whole_day(DAY, 1))
    punches(warehouse, whole_day(DAY, 1, dataset="labor"))
    alone = row_of(warehouse, view="weekly_profitability", day=monday)
    before = DAY - timedelta(days=1)
    post(warehouse, sales("900", 1, day=before), labor("12", "90", 2, day=before))

    week = row_of(warehouse, view="weekly_profitability", day=monday)

    assert (alone["sales_basis"], alone["labor_basis"], alone["average_check"], alone["entries"]) == ("net", "punches", 100.0, 1)
    assert (week["sales_basis"], week["labor_basis"], week["sales_reason"], week["labor_reason"]) == ("mixed", "mixed", None, None)
    assert (week["days"], week["net_sales"], week["labor_hours"], week["labor_cost"], week["labor_percent"]) == (2, 1000, 20, 250, 25.0)
    untold = (
        "orders",
        "checks",
        "guests",
        "tax",
        "tips",
        "voids",
        "average_check",
        "void_rate",
        "discount_rate",
        "entries",
        "salaried_hours",
    )
    assert {week[name] for name in untold} == {None}


def test_other_views_show_facts_alone(warehouse: DuckDBWarehouse) -> None:
    orders(warehouse, changes(-30, -10))
    punches(warehouse, changes(-30, -10, dataset="labor"))
    views = ("hourly_profitability", "profitability_by_role", "daily_sales", "daily_close", "sales_by_source")
    before = [warehouse.rows(f"SELECT * FROM {view} ORDER BY ALL") for view in views]

    post(warehouse, sales("5000", 1, hour(1)), labor("80", "1200", 2, hour(1)))

    assert row_of(warehouse)["sales_basis"] == "gross_summary"
    assert [warehouse.rows(f"SELECT * FROM {view} ORDER BY ALL") for view in views] == before


def test_what_a_settled_day_was_is_told_of_its_punches(warehouse: DuckDBWarehouse) -> None:
    """Though a summary stands for them."""
    post(warehouse, labor("80", "1200", 1))
    punches(warehouse, whole_day(DAY, 10, dataset="labor"))
    warehouse.commit(Commit(dataset=LABOR.name, restaurant_guids=(GUID,), tables={}, rejected=(unreadable(DAY),)))
    rows = laid_out(punch(version=5, regularHours=7, hourlyWage=20), read_at=hour(20))
    tables = {s.name: pa.Table.from_pylist(rows.get(s.name, []), schema=staged_schema(s)) for s in LABOR.tables}
    warehouse.commit(Commit(dataset=LABOR.name, restaurant_guids=(GUID,), tables=tables, runs=(whole_day(DAY, 20, dataset="labor"),)))

    found = warehouse.rows("SELECT labor_hours, labor_cost FROM day_snapshots ORDER BY sequence")

    assert found == [(8, 160), (7, 140)]


def test_status_tells_of_what_syncs_read(warehouse: DuckDBWarehouse) -> None:
    """A summary is in no ledger: it makes no day known."""
    post(warehouse, sales("5000", 1), labor("80", "1200", 2))

    assert day_statuses(warehouse, [NORTH], None, hour(1)) == []


# --- reports ----------------------------------------------------------------------------------------------------------


def test_reports_are_of_locations_and_of_stores_of_their_own(warehouse: DuckDBWarehouse) -> None:
    """Of all of them, or of one by its name, its GUID or its store id."""
    north = NORTH.model_copy(update={"store_id": "S-17"})
    settings = Settings(locations=(north,))  # type: ignore[call-arg]
    for number, store in enumerate(("Pier 9", "s-17", "Annex"), start=1):
        post(warehouse, mapped(settings, sales(f"{number}00", number, store=store)), calendar_of=settings.place_of(store))

    def found(wanted: str) -> list[tuple[str, Any]]:
        table = rows_of(warehouse, GRAINS["day"], places_of(settings, warehouse, wanted), Period(DAY, DAY), hour(1))
        return [(row["location"], row["net_sales"]) for row in table.to_pylist()]

    assert sorted(found("ALL")) == [("Annex", 300), ("North", 200), ("Pier 9", 100)]
    assert [found(wanted) for wanted in ("north", GUID, "S-17", "pier 9")] == [[("North", 200)]] * 3 + [[("Pier 9", 100)]]
    with pytest.raises(SettingsError, match=r"location 'Nowhere' is not configured\.") as refused:
        places_of(settings, warehouse, "Nowhere")
    assert refused.value.next_step == "Known are: North, Annex, Pier 9. Or say ALL."


def test_reports_need_no_location_when_a_store_posted(warehouse: DuckDBWarehouse) -> None:
    """Of the last days up to today's, in whatever zone it is."""
    settings = Settings()  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="no location is configured") as refused:
        places_of(settings, warehouse)
    assert refused.value.next_step.endswith("Or post the summary of a day to `restaurant-os serve`.")
    today = hour(11).date() + timedelta(days=1)  # in Auckland, say
    for number, day in enumerate((today, today - timedelta(days=8), today - timedelta(days=9)), start=1):
        post(warehouse, mapped(settings, sales(str(number), number, store="S1", day=day)), calendar_of=settings.place_of("S1"))

    table = rows_of(warehouse, GRAINS["day"], places_of(settings, warehouse), None, hour(11))

    assert [(row["location"], row["business_date"]) for row in table.to_pylist()] == [("S1", today - timedelta(days=8)), ("S1", today)]
