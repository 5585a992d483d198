"""What a closed day was, and what later changes made of it: kept once it is settled, six hours past its closeout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cash_world import deposit, entry
from labor_world import at, laid_out, punch
from ledger_world import changes, hour, whole_day
from orders_world import NORTH, Json, check, decoder, open_warehouse, order, page, payment, refund, selection, together
from restaurant_os.batch import COPY, DaySet
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import ReportSettings
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.cash import LISTS
from restaurant_os.tables import CASH, LABOR
from restaurant_os.warehouse import Commit, SyncRun
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

#: Closed at hour 0 of `ledger_world`, settled at hour 6.
DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
FIGURES = {
    "orders": ("orders", "gross_sales", "discounts", "refunds", "net_sales", "tax", "tips"),
    "labor": ("labor_hours", "labor_cost"),
    "cash": ("cash_entries", "cash_deposits"),
}


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def land(warehouse: DuckDBWarehouse, dataset: str, tables: Mapping[str, pa.Table], *runs: SyncRun, day_sets: Sequence[DaySet] = ()) -> None:
    """One commit with its ledger rows and the calendar of both days."""
    calendar = Calendar(ReportSettings(), {}).tables(NORTH, [DAY, NEXT])
    warehouse.commit(
        Commit(dataset=dataset, restaurant_guids=(NORTH.toast_guid,), tables={**tables, **calendar}, runs=runs, day_sets=day_sets)
    )


def orders(warehouse: DuckDBWarehouse, records: Iterable[Json], *runs: SyncRun) -> None:
    land(warehouse, "orders", together([decoder().page(page(*records), read_at=None)]), *runs)


def labor(warehouse: DuckDBWarehouse, record: Json, *runs: SyncRun) -> None:
    rows = laid_out(record, read_at=runs[0].started_at)
    land(warehouse, "labor", {s.name: pa.Table.from_pylist(rows.get(s.name, []), schema=staged_schema(s)) for s in LABOR.tables}, *runs)


def cash(warehouse: DuckDBWarehouse, seq: int, run: SyncRun, entries: Sequence[Json] = (), deposits: Sequence[Json] = ()) -> None:
    tables = {}
    for kind, records in zip(LISTS, (entries, deposits), strict=True):
        shared = {"restaurant_guid": NORTH.toast_guid, "business_date": DAY, "is_deleted": False, "read_seq": seq}
        rows = [kind.row(one) | shared | {COPY: n} for n, one in enumerate(kind.reader.read(json.dumps(records).encode()).good)]
        tables[kind.table.name] = pa.Table.from_pylist(rows, schema=staged_schema(kind.table))
    land(warehouse, "cash", tables, run, day_sets=[DaySet(s.name, NORTH.toast_guid, DAY, seq) for s in CASH.tables])


def sold(guid: str, price: float = 10.0, version: int = 0, **fields: Any) -> Json:
    own = check(f"{guid}-check", [selection(f"{guid}-line", price)], [payment(f"{guid}-payment", price, tipAmount=1)], taxAmount=0.5)
    return order(guid, [own], version, **fields)


def snapshots(warehouse: DuckDBWarehouse, dataset: str = "orders", day: date = DAY) -> list[tuple[bool, datetime, str, tuple[str, ...]]]:
    """Of one day, in turn: whether it is the first, when it was so, the records that made it so, the figures as short text."""
    columns = FIGURES[dataset]
    others = [name for own, names in FIGURES.items() if own != dataset for name in names]
    found = warehouse.rows(
        f"""SELECT sequence, taken_at, record_guids, {", ".join(columns)}, {" IS NULL AND ".join(others)} IS NULL FROM day_snapshots
        WHERE dataset = ? AND business_date = ? ORDER BY sequence""",
        [dataset, day],
    )
    assert all(row[-1] for row in found)
    return [(row[0] == 0, row[1], row[2], tuple(f"{float(value):g}" for value in row[3:-1])) for row in found]


BEFORE = (True, hour(6), "", ("2", "20", "0", "0", "20", "1", "2"))


# --- orders -------------------------------------------------------------------------------------------------------------


def test_a_void_three_days_later_is_told_with_the_order_that_did_it(warehouse: DuckDBWarehouse) -> None:
    """The day as it was, the day as it is, when, and the order; the view has both side by side."""
    orders(warehouse, [sold("o-1"), sold("o-2")], whole_day(DAY, 6))
    untouched = snapshots(warehouse)
    orders(warehouse, [sold("o-1"), sold("o-2", version=9, voided=True)], changes(5, 72))
    [told] = warehouse.rows(
        "SELECT dataset, business_date, net_sales_before, net_sales_after, orders_before, orders_after, taken_at, record_guids FROM restatements"
    )
    [(sequence,)] = warehouse.rows("SELECT max(sequence) FROM changed_days")

    assert untouched == []
    assert snapshots(warehouse) == [BEFORE, (False, hour(72), "o-2", ("1", "10", "0", "0", "10", "0.5", "1"))]
    assert told == ("orders", DAY, Decimal(20), Decimal(10), 2, 1, hour(72), "o-2")
    assert warehouse.rows("SELECT max(sequence) FROM day_snapshots") == [(sequence,)]


def test_a_change_that_moves_no_figure_is_none(warehouse: DuckDBWarehouse) -> None:
    """Another server, a name: the day is as it was."""
    orders(warehouse, [sold("o-1"), sold("o-2")], whole_day(DAY, 6))
    orders(warehouse, [sold("o-2", version=9, displayNumber="7")], changes(5, 72))

    assert [one for one in snapshots(warehouse) if one != BEFORE] == []
    assert warehouse.rows("SELECT * FROM restatements") == []


@pytest.mark.parametrize(
    "runs",
    [
        [whole_day(DAY, 5.9)],
        [changes(-30, 5.9)],
        [whole_day(DAY, 7, "unstable")],
        [whole_day(NEXT, 30)],
        [changes(6.1, 20)],
        [whole_day(DAY, 7, dataset="labor")],
    ],
)
def test_what_changes_before_the_day_is_settled_leaves_nothing(warehouse: DuckDBWarehouse, runs: list[SyncRun]) -> None:
    """Until the ledger has a read of it from six hours past its closeout on; the read that brings the change does not make it so."""
    orders(warehouse, [sold("o-1"), sold("o-2")], *runs)
    orders(warehouse, [sold("o-2", version=9, voided=True)], whole_day(DAY, 80))
    first = snapshots(warehouse)
    orders(warehouse, [sold("o-1", 12.0, version=9)], whole_day(DAY, 90))

    assert first == []
    assert snapshots(warehouse) == [
        (True, hour(6), "", ("1", "10", "0", "0", "10", "0.5", "1")),
        (False, hour(90), "o-1", ("1", "12", "0", "0", "12", "0.5", "1")),
    ]


@pytest.mark.parametrize("runs", [[whole_day(DAY, 6)], [changes(-30, 6)], [changes(5, 7)], [changes(6, 6.5)], [whole_day(DAY, 60)]])
def test_what_settles_a_day(warehouse: DuckDBWarehouse, runs: list[SyncRun]) -> None:
    """A whole read from then on, or a window of changes over that moment."""
    orders(warehouse, [sold("o-1"), sold("o-2")], *runs)
    orders(warehouse, [sold("o-2", version=9, voided=True)], changes(60, 72))

    assert [one[:3] for one in snapshots(warehouse)] == [BEFORE[:3], (False, hour(72), "o-2")]


def test_each_change_follows_the_one_before(warehouse: DuckDBWarehouse) -> None:
    """Also the one that brings an earlier figure back; what it was at first is kept once."""
    orders(warehouse, [sold("o-1"), sold("o-2")], whole_day(DAY, 6))
    orders(warehouse, [sold("o-2", version=1, voided=True)], changes(5, 20))
    orders(warehouse, [sold("o-2", version=2)], changes(20, 30))
    orders(warehouse, [sold("o-3"), sold("o-1", version=2, voided=True)], changes(30, 40))

    assert [(is_first, on, guids, figures[4]) for is_first, on, guids, figures in snapshots(warehouse)] == [
        (True, hour(6), "", "20"),
        (False, hour(20), "o-2", "10"),
        (False, hour(30), "o-2", "20"),
    ]
    orders(warehouse, [sold("o-4", 5.0)], changes(40, 50))
    assert warehouse.rows("SELECT net_sales_before, net_sales_after, record_guids FROM restatements ORDER BY sequence") == [
        (Decimal(20), Decimal(10), "o-2"),
        (Decimal(10), Decimal(20), "o-2"),
        (Decimal(20), Decimal(25), "o-4"),
    ]


def test_an_order_that_moves_restates_both_days(warehouse: DuckDBWarehouse) -> None:
    """The one it leaves and the one it comes to."""
    orders(warehouse, [sold("o-1"), sold("o-2"), sold("o-3", day=20260302)], whole_day(DAY, 40), whole_day(NEXT, 40))
    orders(warehouse, [sold("o-2", version=9, day=20260302)], changes(40, 72))

    assert [(one[2], one[3][4]) for one in snapshots(warehouse)] == [("", "20"), ("o-2", "10")]
    assert [(one[2], one[3][4]) for one in snapshots(warehouse, day=NEXT)] == [("", "10"), ("o-2", "20")]


def test_a_refund_restates_its_own_day_only(warehouse: DuckDBWarehouse) -> None:
    """Money given back later belongs to the day it was given back on."""
    orders(warehouse, [sold("o-1"), sold("o-2")], whole_day(DAY, 40), whole_day(NEXT, 40))
    back = sold("o-2", version=9)
    back["checks"][0]["payments"][0]["refund"] = refund("r-1", 4.0, 20260302)
    orders(warehouse, [back], changes(40, 72))

    assert [one[3] for one in snapshots(warehouse) if not one[0]] == []
    assert [(one[1], one[2], one[3][3:5]) for one in snapshots(warehouse, day=NEXT)][1:] == [(hour(72), "o-2", ("4", "-4"))]


def test_many_records_and_hostile_names(warehouse: DuckDBWarehouse) -> None:
    """At most a hundred are named; an id from outside is text and nothing else."""
    nasty = "a'); DROP TABLE fact_orders; --\x00\x1b"
    guids = [nasty, *(f"o-{n:03}" for n in range(110))]
    orders(warehouse, [sold(guid) for guid in guids], whole_day(DAY, 6))
    orders(warehouse, [sold(guid, 11.0, version=9) for guid in guids], changes(5, 72))
    [_, (_, _, named, figures)] = snapshots(warehouse)

    assert figures[:2] == ("111", "1221")
    assert named == " ".join([nasty.replace("\x00", " ").replace("\x1b", " "), *guids[1:100], "..."])


# --- labor and cash -------------------------------------------------------------------------------------------------------


def test_a_punch_edited_after_payroll(warehouse: DuckDBWarehouse) -> None:
    """Hours and cost of the day before and after, and the punch; a raise too; a new name moves nothing."""
    labor(warehouse, punch("p-1"), whole_day(DAY, 7, dataset="labor"))
    labor(warehouse, punch("p-1", regularHours=7.5, modifiedDate=at("03-05 12:00")), changes(5, 90, dataset="labor"))
    labor(warehouse, punch("p-1", regularHours=7.5, nonCashTips=3, modifiedDate=at("03-06 12:00")), changes(90, 120, dataset="labor"))
    labor(warehouse, punch("p-1", regularHours=7.5, hourlyWage=20, modifiedDate=at("03-07 12:00")), changes(120, 140, dataset="labor"))

    assert snapshots(warehouse, "labor") == [
        (True, hour(6), "", ("8", "148")),
        (False, hour(90), "p-1", ("7.5", "138.75")),
        (False, hour(140), "p-1", ("7.5", "150")),
    ]


def test_a_late_entry_and_a_deposit_undone(warehouse: DuckDBWarehouse) -> None:
    """Sums of both lists; a record that is gone is named as well."""
    cash(warehouse, 1, whole_day(DAY, 7, dataset="cash"), [entry("e-1"), entry("e-2", 5, "CASH_IN")], [deposit("d-1", 100)])
    cash(warehouse, 2, whole_day(DAY, 30, dataset="cash"), [entry("e-1"), entry("e-2", 5, "CASH_IN")], [deposit("d-1", 100)])
    unchanged = snapshots(warehouse, "cash")
    cash(warehouse, 3, whole_day(DAY, 54, dataset="cash"), [entry("e-1"), entry("e-3", -7)], [deposit("d-1", 100), deposit("d-2", 20)])

    assert unchanged == []
    assert snapshots(warehouse, "cash") == [
        (True, hour(6), "", ("-20", "100")),
        (False, hour(54), "d-2 e-2 e-3", ("-32", "120")),
    ]
