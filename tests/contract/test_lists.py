"""What has no version of its own, on every engine: days read whole, states of a record, the latest of a key, the calendar; and what is recorded beside."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cash_world import deposit, entry
from engines_stories import (
    AREAS,
    CATEGORIES,
    DAY,
    GUID,
    NEXT,
    areas_commit,
    calendar,
    cash_commit,
    dimension_commit,
    ledger_only,
    publication_commit,
    run_of,
    stock_commit,
    stock_level,
    summaries_commit,
    supper,
    unreadable,
    with_calendar,
)
from engines_world import Engine
from ledger_world import changes, hour, whole_day
from orders_world import FIRST_VERSION, NORTH, check, order, orders_commit, selection
from restaurant_os.errors import RestaurantOSError
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import ReportSettings, Salary
from restaurant_os.tables import SYNC_RUNS
from restaurant_os.tables.dims import EVER
from restaurant_os.warehouse import Changes, Commit, records
from summaries_world import labor, sales

# --- days read whole ----------------------------------------------------------------------------------------------------


def test_a_day_of_cash_read_whole_replaces_the_day(engine: Engine) -> None:
    """What is gone is flagged, what is there as it is stays unwritten, an entry on another date moves, an earlier read is nothing."""
    warehouse = engine.open()
    cash = ("cash_entry_guid", "business_date", "amount", "is_deleted", "read_seq", "_loaded_at")
    first = cash_commit(1, whole_day(DAY, 1, dataset="cash"), [entry("a", 1), entry("b", 2)], [deposit("d", 5)])
    second = cash_commit(3, whole_day(DAY, 3, dataset="cash"), [entry("b", 2), entry("c", 3)], [deposit("d", 5)])
    moved = cash_commit(4, whole_day(NEXT, 4, dataset="cash"), [entry("b", 2)], day=NEXT)
    overtaken = cash_commit(2, whole_day(DAY, 2, dataset="cash"), [entry("a", 9)])
    found = []
    for commit in (first, second, second, moved, overtaken):
        found.append(warehouse.commit(commit))
        engine.now.turn(minutes=1)

    both = {(GUID, DAY): (0, 1), (GUID, NEXT): (0, 1)}
    assert [(one.added, one.changed) for one in found] == [(3, 0), (1, 1), (0, 0), (0, 1), (0, 0)]
    assert found[3].days == both
    assert engine.stored("fact_cash_entries", *cash) == [
        ("a", DAY, Decimal(1), True, 3, FIRST_VERSION + timedelta(minutes=1)),
        ("b", NEXT, Decimal(2), False, 4, FIRST_VERSION + timedelta(minutes=3)),
        ("c", DAY, Decimal(3), False, 3, FIRST_VERSION + timedelta(minutes=1)),
    ]
    assert engine.stored("fact_cash_deposits", "deposit_guid", "_loaded_at") == [("d", FIRST_VERSION)]


# --- states of a record -------------------------------------------------------------------------------------------------


def test_every_state_of_a_record_is_kept(engine: Engine) -> None:
    """A change, an end, a return; a read that is not complete ends nothing, one that was overtaken is nothing, and one that finds no difference
    writes nothing."""
    warehouse = engine.open()
    reads = [
        areas_commit(1, 1, bar="Bar", patio="Patio"),
        areas_commit(3, 3, bar="Lounge", patio="Patio"),
        areas_commit(4, 4, rejected=1, bar="Bar"),
        areas_commit(2, 5, cellar="Cellar"),
        areas_commit(5, 6, bar="Bar"),
        areas_commit(6, 7),
        areas_commit(7, 8, bar="Bar", patio="Patio"),
        areas_commit(8, 9, bar="Bar", patio="Patio"),
    ]
    found = []
    for read in reads:
        found.append(warehouse.commit(read).locations.get(GUID, (0, 0)))
        engine.now.turn(minutes=1)

    states = ("service_area_guid", "service_area_name", "valid_from", "valid_to", "is_current", "applies_from", "applies_to", "read_seq")
    assert found == [(2, 0), (0, 1), (0, 1), (0, 0), (0, 1), (0, 0), (0, 1), (0, 0)]
    assert engine.stored(AREAS, *states) == [
        ("bar", "Bar", hour(1), hour(3), False, EVER, hour(3), 1),
        ("bar", "Bar", hour(4), None, True, hour(4), None, 4),
        ("bar", "Lounge", hour(3), hour(4), False, hour(3), hour(4), 3),
        ("patio", "Patio", hour(1), hour(6), False, EVER, hour(8), 1),
        ("patio", "Patio", hour(8), None, True, hour(8), None, 7),
    ]
    minutes = [(row[0] - FIRST_VERSION) // timedelta(minutes=1) for row in engine.stored(AREAS, "_loaded_at")]
    assert minutes == [1, 2, 2, 6, 6]


def test_a_name_that_only_a_dimension_knows_is_filled_whichever_comes_first(engine: Engine) -> None:
    """In rows of the fact that are there, and in those that come."""
    warehouse = engine.open()

    def sold(guid: str) -> Commit:
        return orders_commit([order(guid, [check(f"{guid}-c", [selection(f"{guid}-s", salesCategory={"guid": "food"})])])])

    warehouse.commit(sold("before"))
    unnamed = engine.stored("fact_order_items", "order_guid", "sales_category_name")
    warehouse.commit(dimension_commit(CATEGORIES, 1, hour(0), {"food": {"sales_category_name": "Food"}}))
    warehouse.commit(sold("after"))

    assert unnamed == [("before", None)]
    assert engine.stored("fact_order_items", "order_guid", "sales_category_name") == [("after", "Food"), ("before", "Food")]


# --- the latest of a key ------------------------------------------------------------------------------------------------


def test_the_latest_summary_and_stock_level_stay(engine: Engine) -> None:
    """By the sequence, or the event's own time, whatever the order they come in; 5000, 6000, 5000 ends at 5000."""
    warehouse = engine.open()
    found = [
        warehouse.commit(summaries_commit(sales("5000", 1), labor("7.25", "123.4567", 2), sales("6000", 3))),
        warehouse.commit(summaries_commit(sales("4000", 2))),
        warehouse.commit(summaries_commit(sales("5000", 4))),
        warehouse.commit(summaries_commit(sales("5000", 4))),
    ]
    stock = [
        warehouse.commit(stock_commit(stock_level("soup", "QUANTITY", 5, 3.5), stock_level("soup", "IN_STOCK", 1))),
        warehouse.commit(stock_commit(stock_level("soup", "IN_STOCK", 4))),
        warehouse.commit(stock_commit(stock_level("soup", "OUT_OF_STOCK", 6))),
    ]

    new, changed = Changes({GUID: (2, 0)}, {(GUID, DAY): (2, 0)}), Changes({GUID: (0, 1)}, {(GUID, DAY): (0, 1)})
    assert found == [new, Changes(), changed, Changes()]
    assert stock == [Changes({GUID: (1, 0)}), Changes(), Changes({GUID: (0, 1)})]
    assert engine.stored("daily_summaries", "kind", "gross_sales", "labor_hours", "labor_cost", "sequence") == [
        ("labor", None, Decimal("7.25"), Decimal("123.4567"), 2),
        ("sales", Decimal(5000), None, None, 4),
    ]
    assert engine.stored("stock_levels", "item_guid", "status", "quantity", "changed_at") == [("soup", "OUT_OF_STOCK", None, hour(0.1))]
    assert engine.stored("changed_days", "dataset", "business_date", "sequence") == [("summaries", DAY, 1), ("summaries", DAY, 2)]


# --- lists: the calendar, publications --------------------------------------------------------------------------------------


def test_a_day_of_the_calendar_takes_the_place_of_the_day(engine: Engine) -> None:
    """Equal, it is not written again; with other settings the hours that it no longer has go, and other days stay."""
    warehouse = engine.open()
    spring = date(2026, 3, 7)  # its night is an hour short in New York
    paid = Calendar(ReportSettings(), {GUID: [Salary(location="North", weekly=Decimal(700), start=date(2026, 1, 1))]})
    elsewhere = NORTH.model_copy(update={"timezone": "America/Phoenix"})

    def land(tables: dict[str, Any]) -> None:
        warehouse.commit(Commit(dataset="orders", restaurant_guids=(GUID,), tables=tables))
        engine.now.turn(minutes=1)

    for tables in (calendar(spring, DAY), calendar(spring, DAY), calendar(spring, location=elsewhere), paid.tables(NORTH, [spring])):
        land(tables)
    hours = engine.stored(
        "dim_business_hours", "business_date", "count(*)", "sum(salaried_cost)", "min(_loaded_at)", where="TRUE GROUP BY 1"
    )

    later = FIRST_VERSION + timedelta(minutes=3)
    assert hours == [(DAY, 24, None, FIRST_VERSION), (spring, 23, Decimal(100), later)]
    assert engine.stored("dim_business_days", "business_date", "hours", "salaried_cost", "_loaded_at") == [
        (DAY, 24, None, FIRST_VERSION),
        (spring, 23, Decimal(100), later),
    ]


def test_a_publication_of_menus_is_the_last_one_read(engine: Engine) -> None:
    warehouse = engine.open()
    for published in (hour(5), hour(5), hour(1)):
        warehouse.commit(publication_commit(published))
        engine.now.turn(minutes=1)

    assert engine.stored("menu_publications") == [(GUID, hour(1), FIRST_VERSION + timedelta(minutes=2))]


# --- beside the rows ----------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_waits_in_quarantine(engine: Engine) -> None:
    """Once each, with when it came first and last, until a readable copy lands; of one that names no id, until a whole read of its day."""
    warehouse = engine.open()
    quarantine = ("record_guid", "field", "first_seen_at", "last_seen_at", "resolved_at")

    def at(minutes: int) -> datetime:
        return FIRST_VERSION + timedelta(minutes=minutes)

    warehouse.commit(ledger_only(rejected=[unreadable("o"), unreadable(None)]))
    engine.now.turn(minutes=1)
    warehouse.commit(ledger_only(rejected=[unreadable("o")]))
    twice = engine.stored("quarantine", *quarantine)
    engine.now.turn(minutes=1)
    warehouse.commit(orders_commit([order("o", [check("c", [selection("a")])])]))
    mended = engine.stored("quarantine", *quarantine)
    engine.now.turn(minutes=1)
    warehouse.commit(ledger_only(whole_day(DAY, 9)))

    field = "checks[0].amount"
    assert twice == [(None, field, at(0), at(0), None), ("o", field, at(0), at(1), None)]
    assert mended == [(None, field, at(0), at(0), None), ("o", field, at(0), at(1), at(2))]
    assert engine.stored("quarantine", *quarantine) == [(None, field, at(0), at(0), at(3)), ("o", field, at(0), at(1), at(2))]


def test_the_ledger_and_the_changed_days_are_there_with_the_data_or_not_at_all(engine: Engine) -> None:
    """A commit that fails leaves nothing; those that wait beside it land."""
    warehouse = engine.open()
    run, spoilt = run_of(whole_day(DAY, 1), "good"), whole_day(DAY, 2)
    object.__setattr__(spoilt, "sync_id", None)  # the ledger's key: refused after the orders were merged
    with pytest.raises((RestaurantOSError, ValueError)):
        warehouse.commit(orders_commit([supper(1)], runs=[spoilt]))
    nothing = engine.tables("fact_orders", "fact_checks", "sync_runs", "changed_days")
    warehouse.commit(orders_commit([supper()], runs=[run]))

    assert nothing == {"fact_orders": [], "fact_checks": [], "sync_runs": [], "changed_days": []}
    assert engine.stored("sync_runs") == [tuple({**fields_of(run), "_loaded_at": FIRST_VERSION}[name] for name in SYNC_RUNS.names)]
    assert engine.stored("changed_days", "dataset", "business_date", "sequence") == [("orders", DAY, 1)]
    assert engine.stored("fact_orders", "order_guid") == [("supper",)]


def fields_of(run: Any) -> dict[str, Any]:
    return {name: getattr(run, name) for name in SYNC_RUNS.names if name != "_loaded_at"}


def test_read_sequences_count_by_location(engine: Engine) -> None:
    warehouse, other = engine.open(), engine.open()
    taken = [warehouse.next_read("north"), other.next_read("north"), warehouse.next_read("south"), warehouse.next_read("north")]

    assert taken == [1, 2, 1, 3]
    assert engine.stored("read_sequences", "restaurant_guid", "last") == [("north", 3), ("south", 1)]


def test_a_folded_ledger_says_what_it_said(engine: Engine) -> None:
    """Windows that touch become one with their sums, of a day's reads the last of each status is left; younger ones stay."""
    warehouse = engine.open()
    runs = [
        changes(0, 1),
        changes(1, 3),
        changes(4, 5),
        *(whole_day(DAY, read) for read in (1, 2)),
        whole_day(DAY, 3, "unstable"),
        changes(5, 90),
    ]
    warehouse.commit(ledger_only(*runs))
    gone = [warehouse.fold_ledger(hour(50)), warehouse.fold_ledger(hour(50))]

    assert gone == [2, 0]
    assert engine.stored("sync_runs", "window_kind", "window_start", "window_end", "started_at", "status", "pages") == sorted(
        [
            ("business_date", *NORTH.business_day.bounds(DAY), hour(2), "done", 1),
            ("business_date", *NORTH.business_day.bounds(DAY), hour(3), "unstable", 1),
            ("modified", hour(0), hour(3), hour(3), "done", 2),
            ("modified", hour(4), hour(5), hour(5), "done", 1),
            ("modified", hour(5), hour(90), hour(90), "done", 1),
        ]
    )


def test_a_late_edit_of_a_settled_day_is_kept_with_what_it_was(engine: Engine) -> None:
    """The figures before and after, and the order; under the sequence of the changed day."""
    warehouse = engine.open()
    warehouse.commit(with_calendar(orders_commit([supper()], runs=[whole_day(DAY, 6)]), DAY))
    early = engine.stored("day_snapshots")
    warehouse.commit(orders_commit([supper(9, voided=True)], runs=[changes(5, 72)]))

    figures = ("business_date", "sequence", "taken_at", "orders", "gross_sales", "discounts", "net_sales", "tips", "record_guids")
    assert early == []
    assert engine.stored("day_snapshots", *figures) == [
        (DAY, 0, hour(6), 1, Decimal(24), Decimal(0), Decimal(24), Decimal(3), ""),
        (DAY, 2, hour(72), 0, Decimal(0), Decimal(0), Decimal(0), Decimal(0), "supper"),
    ]
    assert engine.stored("restatements", "business_date", "net_sales_before", "net_sales_after") == [(DAY, Decimal(24), Decimal(0))]
    assert engine.stored("changed_days", "max(sequence)") == [(2,)]


def test_the_changed_days_of_many_commits_may_become_one_row_a_day(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or stay as they are: a reader asks for the newest sequence, and for the sums; a day that was not touched since keeps its own."""
    monkeypatch.setattr(records, "FOLD_EVERY", 3)
    warehouse = engine.open()
    for version in range(4):
        day = 20260301 if version != 1 else 20260302
        warehouse.commit(orders_commit([order(f"o-{day}", [check(f"c-{day}", [selection("a", 1.0 + version)])], version, day)]))

    found = engine.stored("changed_days", "business_date", "max(sequence)", "sum(rows_added)", "sum(rows_changed)", where="TRUE GROUP BY 1")
    assert found == [(DAY, 4, 1, 2), (NEXT, 2, 1, 0)]
