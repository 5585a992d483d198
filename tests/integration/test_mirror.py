"""What a commit does on a mirror of the rows that it may touch is what it does on the tables themselves; and those rows are few."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cash_world import deposit, entry
from integration import test_day_sets_model as day_sets
from integration import test_history_model as histories
from integration import test_latest_model as latest
from labor_world import at, laid_out, pause, punch
from ledger_world import changes, hour, whole_day
from mirrored_warehouse import Beside, MirroredWarehouse, everything, mirrors, open_mirrored
from orders_histories import World, worlds
from orders_world import NORTH, Json, api_time, check, decoder, land, order, orders_commit, page, payment, ref, refund, selection, together
from property_profiles import examples, unlimited
from restaurant_os.batch import COPY, DaySet
from restaurant_os.errors import WarehouseError
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import ReportSettings
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.cash import LISTS
from restaurant_os.tables import BY_NAME, CASH, LABOR, ORDER_TABLES
from restaurant_os.warehouse import SEQUENCE_TO_COME, Commit, LoadMode, SyncRun
from restaurant_os.warehouse import together as of_all
from restaurant_os.warehouse.compiled import views
from restaurant_os.warehouse.mirror import VIEWS, Mirrors, mirrored
from restaurant_os.warehouse.slices import READ_BY_FIGURES
from summaries_world import Row, post

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
WEEK = [DAY + timedelta(days=n) for n in range(8)]
#: Hours from `ledger_world.CLOSEOUT` at which all of the week is settled.
SETTLED = 400.0


@contextmanager
def beside() -> Iterator[Beside]:
    with tempfile.TemporaryDirectory() as folder, closing(Beside(Path(folder))) as warehouse:
        yield warehouse


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Beside]:
    with closing(Beside(tmp_path)) as warehouse:
        yield warehouse


def calendar(days: Sequence[date] = WEEK) -> dict[str, pa.Table]:
    return Calendar(ReportSettings(), {}).tables(NORTH, days)


def with_calendar(commit: Commit, days: Sequence[date] = WEEK) -> Commit:
    return replace(commit, tables={**commit.tables, **calendar(days)})


# --- any history -----------------------------------------------------------------------------------------------------------


@unlimited
@examples()
@given(worlds(), st.integers(0, 3), st.sampled_from(["merge", "merge", "merge", "insert-only"]))
def test_any_orders_in_any_commits(worlds: list[World], settled_from: int, mode: LoadMode) -> None:
    """Moved dates, lines that go, refunds that later ones replace, copies and repetitions; from one commit on of days that are settled."""
    with beside() as warehouse:
        for number in range(3):
            found = [(body, read) for world in worlds for commit, body, read in world.delivered(3) if commit == number]
            runs = [whole_day(day, SETTLED) for day in WEEK] if number == settled_from else []
            warehouse.now = partial(hour, 500 + number)
            own = decoder()
            batches = [own.page(page(body), read_at=None if read is None else api_time(hour(read))) for body, read in found]
            commit = Commit(dataset="orders", restaurant_guids=(NORTH.toast_guid,), tables=together(batches), runs=runs, load_mode=mode)
            warehouse.commit(with_calendar(commit) if number % 2 == 0 else commit)


@unlimited
@examples()
@given(day_sets.COMMITS, st.booleans(), st.sampled_from(["merge", "merge", "insert-only"]))
def test_any_days_kept_as_sets(commits: list[list[day_sets.Read]], are_settled: bool, mode: LoadMode) -> None:
    """Read whole or in part, by any sequence, entries moving between dates."""
    with beside() as warehouse:
        if are_settled:
            runs = [whole_day(day, SETTLED, dataset="cash") for day in day_sets.DAYS]
            warehouse.commit(Commit(dataset="cash", restaurant_guids=(NORTH.toast_guid,), tables=calendar(), runs=runs))
        running = day_sets.Trial(warehouse)
        for reads in commits:
            running.commit(*reads, mode=mode)


@unlimited
@examples()
@given(histories.COMMITS)
def test_any_histories_of_records(commits: list[list[histories.Read]]) -> None:
    """Records that change, vanish and return, reads that were overtaken, clocks that go back."""
    with beside() as warehouse:
        running = histories.Trial(warehouse)
        for reads in commits:
            running.commit(*reads)


@unlimited
@examples()
@given(latest.events, st.data())
def test_any_events_of_which_the_newest_stays(posted: list[Row], data: st.DataObject) -> None:
    """In any order and more than once, in commits of up to three, those that move to another location too."""
    with beside() as warehouse:
        arriving = data.draw(st.permutations([*posted, *posted[:3]]))
        for start in range(0, len(arriving), 3):
            post(warehouse, *arriving[start : start + 3])


punches = st.builds(
    lambda guid, day, version, ended, wage, rest, gone: punch(
        guid,
        f"03-0{day} 15:00",
        f"03-0{day} 22:00" if ended else None,
        businessDate=f"2026030{day}",
        createdDate=at("03-01 15:00"),
        modifiedDate=at(f"03-05 12:0{version}"),
        hourlyWage=wage,
        breaks=[pause(f"03-0{day} 18:00", f"03-0{day} 18:30")] if rest else [],
        deleted=gone,
    ),
    st.sampled_from("abc"),
    st.integers(1, 3),
    st.integers(0, 6),
    st.booleans(),
    st.sampled_from([18.5, 20.0]),
    st.booleans(),
    st.booleans(),
)


@unlimited
@examples()
@given(st.lists(st.lists(punches, min_size=1, max_size=2, unique_by=lambda one: one["guid"]), min_size=1, max_size=6), st.integers(0, 3))
def test_any_punches(commits: list[list[Json]], settled_from: int) -> None:
    """Edited, moved to another day, closed, open again or deleted; of settled days and of open ones."""
    with beside() as warehouse:
        for number, entries in enumerate(commits):
            runs = [changes(20 * number, 20 * number + 20, dataset="labor")]
            runs += [whole_day(day, SETTLED, dataset="labor") for day in WEEK[:3]] if number == settled_from else []
            labor(warehouse, entries, *runs)


# --- one thing at a time -----------------------------------------------------------------------------------------------------


def labor(warehouse: Beside | MirroredWarehouse, entries: Sequence[Json], *runs: SyncRun) -> None:
    rows: dict[str, list[dict[str, Any]]] = {spec.name: [] for spec in LABOR.tables}
    for number, one in enumerate(entries):
        for name, own in laid_out(one, read_at=runs[0].started_at).items():
            rows[name] += [row | {COPY: number} for row in own]
    tables = {name: pa.Table.from_pylist(own, schema=staged_schema(BY_NAME[name])) for name, own in rows.items()}
    warehouse.commit(with_calendar(Commit(dataset="labor", restaurant_guids=(NORTH.toast_guid,), tables=tables, runs=runs)))


def cash(warehouse: Beside, seq: int, day: date, entries: Sequence[Json], deposits: Sequence[Json], began: float) -> None:
    tables = {}
    for kind, records in zip(LISTS, (entries, deposits), strict=True):
        shared = {"restaurant_guid": NORTH.toast_guid, "business_date": day, "is_deleted": False, "read_seq": seq}
        rows = [kind.row(one) | shared | {COPY: n} for n, one in enumerate(kind.reader.read(json.dumps(records).encode()).good)]
        tables[kind.table.name] = pa.Table.from_pylist(rows, schema=staged_schema(kind.table))
    run = replace(whole_day(day, began, dataset="cash"), read_seq=seq)
    days = [DaySet(spec.name, NORTH.toast_guid, day, seq) for spec in CASH.tables]
    commit = Commit(dataset="cash", restaurant_guids=(NORTH.toast_guid,), tables=tables, runs=[run], day_sets=days)
    warehouse.commit(with_calendar(commit))


def sold(guid: str, price: float = 10.0, version: int = 0, **fields: Any) -> Json:
    own = check(f"{guid}-check", [selection(f"{guid}-line", price)], [payment(f"{guid}-payment", price, tipAmount=1)], taxAmount=0.5)
    return order(guid, [own], version, **fields)


def settle(warehouse: Beside, *orders: Json, days: Sequence[date] = WEEK) -> None:
    warehouse.commit(with_calendar(orders_commit(list(orders), runs=[whole_day(day, SETTLED) for day in days])))


def test_an_order_that_moves_restates_both_settled_days(both: Beside) -> None:
    """Of each the figures of the whole day, of rows that the commit does not touch as well."""
    settle(both, sold("o-1"), sold("o-2"), sold("o-3", day=20260302))
    land(both, [sold("o-2", 12.0, version=9, day=20260302)], runs=[changes(40, 72)])

    told = both.mirrored.rows("SELECT business_date, sequence, orders, net_sales, record_guids FROM day_snapshots ORDER BY ALL")
    assert told == [
        (DAY, 0, 2, Decimal(20), ""),
        (DAY, 2, 1, Decimal(10), "o-2"),
        (NEXT, 0, 1, Decimal(10), ""),
        (NEXT, 2, 2, Decimal(22), "o-2"),
    ]


def test_a_refund_restates_the_day_it_was_given_back_on(both: Beside) -> None:
    """Beside a refund of that day whose order is of another one."""
    settle(both, sold("o-1"), sold("o-2"), sold("o-3", day=20260302))
    for number, guid in enumerate(("o-1", "o-2"), 1):
        back = sold(guid, version=9)
        back["checks"][0]["payments"][0]["refund"] = refund(f"r-{number}", 4.0, 20260302)
        land(both, [back], runs=[changes(40 * number, 40 * number + 1)])

    told = both.mirrored.rows("SELECT sequence, refunds FROM day_snapshots WHERE business_date = ? ORDER BY 1", [NEXT])
    assert told == [(0, Decimal(0)), (2, Decimal(4)), (3, Decimal(8))]


def test_undos_of_deposits_of_other_days(both: Beside) -> None:
    """Whatever days the chain goes over, the sign of a deposit is that of the whole chain."""
    cash(both, 1, DAY, [entry("e-1")], [deposit("d-1", 100)], SETTLED)
    cash(both, 2, NEXT, [], [deposit("d-2", 100, undoes="d-1")], SETTLED)
    cash(both, 3, WEEK[2], [], [deposit("d-3", 100, undoes="d-2")], SETTLED)
    cash(both, 4, WEEK[2], [], [deposit("d-3", 90, undoes="d-2"), deposit("d-4", 5)], SETTLED + 1)
    cash(both, 5, NEXT, [entry("e-2")], [deposit("d-2", 80, undoes="d-1")], SETTLED + 1)

    told = both.mirrored.rows("SELECT business_date, sequence, cash_deposits FROM day_snapshots ORDER BY ALL")
    assert told == [(NEXT, 0, Decimal(-100)), (NEXT, 5, Decimal(-80)), (WEEK[2], 0, Decimal(100)), (WEEK[2], 4, Decimal(95))]


def test_open_entries_accrue_as_far_as_the_whole_ledger_reaches(both: Beside) -> None:
    """Also by windows that do not settle the day."""
    labor(both, [punch("p-1", ended=None), punch("p-2")], changes(-24, -10, dataset="labor"), changes(-10, -6, dataset="labor"))
    labor(both, [punch("p-3")], whole_day(DAY, SETTLED, dataset="labor"))
    labor(both, [punch("p-3", hourlyWage=20, modifiedDate=at("03-06 12:00"))], changes(-6, 500, dataset="labor"))

    assert len(both.mirrored.rows("SELECT * FROM day_snapshots")) == 2


def test_what_waits_in_quarantine_is_resolved_and_comes_back(both: Beside) -> None:
    """Once each; a record without an id by a whole read of its day; with the first time it came."""
    broken: Json = {**sold("o-1"), "modifiedDate": "soon"}
    nameless: Json = {**sold("o-2"), "guid": None}
    for number, (found, runs) in enumerate(
        [
            ([broken, nameless], []),
            ([broken], []),
            ([sold("o-1")], [whole_day(DAY, 2)]),
            ([broken, sold("o-3")], []),
            ([sold("o-1", version=3)], []),
        ]
    ):
        both.now = partial(hour, number)
        land(both, found, runs=runs)

    waited = both.mirrored.rows("SELECT record_guid, first_seen_at, last_seen_at, resolved_at FROM quarantine ORDER BY 1 NULLS LAST")
    assert waited == [("o-1", hour(0), hour(3), hour(4)), (None, hour(0), hour(0), hour(2))]


def test_names_come_with_the_fact_or_with_the_dimension(both: Beside) -> None:
    """Whichever is first; a later name is given to facts of its own time, of any date, and to no earlier one."""

    def line(guid: str, **fields: Any) -> Json:
        own = check(f"c-{guid}", [selection(f"s-{guid}", salesCategory=ref("food"))])
        return order(guid, [own], **fields)

    def named(name: str, seq: int, began: datetime) -> None:
        spec = BY_NAME["dim_sales_categories"]
        row = {"restaurant_guid": NORTH.toast_guid, "sales_category_guid": "food", "sales_category_name": name, "row_hash": name}
        table = pa.Table.from_pylist([row | {"read_seq": seq, COPY: 0}], schema=staged_schema(spec))
        run = replace(changes(0, 1, dataset="config"), window_kind=spec.name, started_at=began, rows_read=1, read_seq=seq)
        both.commit(Commit(dataset="config", restaurant_guids=(NORTH.toast_guid,), tables={spec.name: table}, runs=[run]))

    land(both, [line("o-1"), line("o-2", day=20260303)])
    named("Food", 1, datetime(2026, 2, 1, tzinfo=UTC))
    first = both.mirrored.rows(names := "SELECT DISTINCT sales_category_name FROM fact_order_items")
    named("Meals", 2, datetime(2026, 2, 2, tzinfo=UTC))
    land(both, [line("o-3")])
    second = both.mirrored.rows(names)
    named("Kitchen", 3, hour(0))

    assert (first, second, both.mirrored.rows(names)) == ([("Food",)], [("Meals",)], [("Meals",)])


def test_the_calendar_loses_hours_that_a_day_no_longer_has(both: Beside) -> None:
    """By other settings; what is there as it is is not written again."""
    elsewhere = NORTH.model_copy(update={"timezone": "UTC"})
    sprung = date(2026, 3, 7)  # 23 hours in New York
    for location in (elsewhere, NORTH, NORTH):
        tables = Calendar(ReportSettings(), {}).tables(location, [sprung, DAY])
        both.commit(Commit(dataset="orders", restaurant_guids=(NORTH.toast_guid,), tables=tables))

    *_, second, third = both.mirrored.written
    assert (second.gone["dim_business_hours"].to_pylist(), second.days["dim_business_hours"]) == (
        [{"restaurant_guid": NORTH.toast_guid, "business_date": sprung, "business_hour": 23}],
        [DAY, sprung],
    )
    assert (third.rows, third.gone) == ({}, {})


def test_many_locations_at_once(both: Beside) -> None:
    """More than a statement names."""
    places = [NORTH.model_copy(update={"name": f"L{n}", "toast_guid": f"bbbbbbbb-0000-4000-8000-{n:012d}"}) for n in range(12)]
    for version in (0, 1):
        found = []
        for number, place in enumerate(places):
            own = [sold(f"o{number}", version=version, day=20260301 + version)]
            commit = orders_commit(own, location=place, runs=[whole_day(day, SETTLED, location=place) for day in WEEK])
            found.append(replace(commit, tables={**commit.tables, **Calendar(ReportSettings(), {}).tables(place, WEEK)}))
        both.commit(of_all(found))

    told = both.mirrored.rows("SELECT business_date, sequence, orders, count(*) FROM day_snapshots GROUP BY ALL ORDER BY ALL")
    assert told == [(DAY, 0, 1, 12), (DAY, 2, 0, 12), (NEXT, 0, 0, 12), (NEXT, 2, 1, 12)]


def test_a_folded_ledger_is_the_same(both: Beside) -> None:
    """And of a changed day there is one row, with its newest sequence and the sums."""
    for number in range(6):
        both.now = partial(hour, number)
        land(both, [sold("o-1", version=number)], runs=[changes(number, number + 1), whole_day(DAY, number)])

    both.mirrored.now = lambda: hour(7)
    assert both.mirrored.fold_ledger(hour(4)) == both.fold_ledger(hour(4)) == 5
    assert everything(both.mirrored)["sync_runs"] == everything(both)["sync_runs"]
    assert both.mirrored.rows("SELECT sequence, rows_added, rows_changed FROM changed_days ORDER BY 1") == [(4, 1, 3), (5, 0, 1), (6, 0, 1)]
    assert both.mirrored.fold_ledger(hour(4)) == 0


# --- what is asked, and what is written ----------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[MirroredWarehouse]:
    with closing(open_mirrored(tmp_path)) as warehouse:
        yield warehouse


def opened(day: int) -> str:
    return f"2026-03-{day:02}T23:10:00.000+0000"


def long_history(warehouse: MirroredWarehouse, days: int = 20) -> None:
    dates = [date(2026, 3, day) for day in range(1, days + 1)]
    own = [
        sold(f"o-{on.day}-{n}", day=20260300 + on.day, createdDate=opened(on.day), openedDate=opened(on.day))
        for on in dates
        for n in range(5)
    ]
    warehouse.commit(with_calendar(orders_commit(own, runs=[whole_day(on, SETTLED) for on in dates]), dates))
    warehouse.asked.clear()


def test_a_day_merged_again_asks_for_its_dates_alone(warehouse: MirroredWarehouse) -> None:
    """However long the history is: headers by when they were created, all else by that business date; an unchanged day needs no figures."""
    long_history(warehouse)
    own = [sold(f"o-9-{n}", day=20260309, createdDate=opened(9), openedDate=opened(9)) for n in range(5)]
    land(warehouse, own, read_at="2026-03-11T00:00:00.000+0000")

    here = f"restaurant_guid IN ('{NORTH.toast_guid}')"
    span = "(created_at >= TIMESTAMPTZ '2026-03-09 00:00:00+00:00' AND created_at < TIMESTAMPTZ '2026-03-10 00:00:00+00:00')"
    children = [(spec.name, f"{here} AND business_date IN (DATE '2026-03-09')") for spec in ORDER_TABLES[1:]]
    assert [(one.table, one.where) for one in warehouse.asked] == [
        ("fact_orders", f"{here} AND ({span} OR created_at IS NULL)"),
        ("quarantine", "dataset = 'orders' AND resolved_at IS NULL"),
        *children,
    ]
    assert {one.table: one.rows for one in warehouse.asked if one.rows} == {
        "fact_orders": 5,
        "fact_order_items": 5,
        "fact_checks": 5,
        "fact_payments": 5,
    }


def test_a_late_edit_asks_for_the_whole_of_its_settled_day(warehouse: MirroredWarehouse) -> None:
    """And of no other."""
    long_history(warehouse)
    land(warehouse, [sold("o-9-0", 7.0, version=9, day=20260309, createdDate=opened(9))], read_at=None)

    assert [(one.where, one.rows) for one in warehouse.asked_of("fact_order_items")][1:] == [("business_date IN (DATE '2026-03-09')", 5)]
    assert {one.rows for one in warehouse.asked} <= {0, 1, 5}
    assert warehouse.rows("SELECT sequence = 0, orders, net_sales FROM day_snapshots ORDER BY sequence") == [
        (True, 5, Decimal(50)),
        (False, 5, Decimal(47)),
    ]


def test_an_event_that_is_delivered_again_asks_for_no_children(warehouse: MirroredWarehouse) -> None:
    """An older version and an insert that is in already need none either: they replace nothing."""
    land(warehouse, [sold("o-1", version=5)], read_at=None)
    warehouse.asked.clear()
    land(warehouse, [sold("o-1", version=4)], read_at=None)
    land(warehouse, [sold("o-1", version=6)], mode="insert-only")

    assert {one.table for one in warehouse.asked} == {"fact_orders", "quarantine"}
    assert [dict(writing.rows) for writing in warehouse.written[1:]] == [{}, {}]


def test_an_order_that_moves_names_the_date_it_leaves(warehouse: MirroredWarehouse) -> None:
    """Of headers the date they were created on; also where the stored one had none."""
    land(warehouse, [sold("o-1"), sold("o-2", createdDate=None)])
    land(warehouse, [sold("o-1", version=1, day=20260304), sold("o-2", version=1)])
    writing = warehouse.written[-1]

    assert {name: list(days) for name, days in writing.days.items()} == {
        "fact_orders": [DAY],
        "fact_order_items": [DAY, WEEK[3]],
        "fact_checks": [DAY, WEEK[3]],
        "fact_payments": [DAY, WEEK[3]],
        "changed_days": [DAY, WEEK[3]],
    }
    assert {
        spec.name: writing.rows[spec.name].schema.equals(spec.schema) for spec in ORDER_TABLES if spec.name in writing.rows
    } == dict.fromkeys(("fact_orders", "fact_order_items", "fact_checks", "fact_payments"), True)
    assert set(writing.rows["changed_days"]["sequence"].to_pylist()) == {SEQUENCE_TO_COME}


def test_only_the_rows_that_are_other_are_written(warehouse: MirroredWarehouse) -> None:
    """Of an order of many, on a day of many."""
    land(warehouse, [sold(f"o-{n}") for n in range(50)])
    land(warehouse, [sold(f"o-{n}", version=int(n == 7)) for n in range(50)], read_at="2026-03-12T00:00:00.000+0000")

    assert {name: rows.num_rows for name, rows in warehouse.written[-1].rows.items()} == {
        "fact_orders": 1,
        "fact_order_items": 1,
        "fact_checks": 1,
        "fact_payments": 1,
        "changed_days": 1,
    }


def test_threads_work_in_one_mirror_and_see_nothing_of_each_other(tmp_path: Path) -> None:
    """And nothing is left in it."""
    pool = Mirrors("256MB")
    warehouses = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        warehouses.append(open_mirrored(tmp_path / str(number)))
    begin = threading.Barrier(4)

    def work(number: int) -> tuple[int, ...]:
        own = warehouses[number]
        found = []
        for version in range(4):
            begin.wait(60)
            writing, changes = mirrored(
                orders_commit([sold(f"o-{n}", version=version) for n in range(number + 1)]), own.fetch, hour(version), mirrors=pool
            )
            own.write(writing)
            found.append(changes.added + changes.changed)
        return tuple(found)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [(n + 1,) * 4 for n in range(4)]
    assert [len(one.rows("SELECT * FROM fact_checks")) for one in warehouses] == [1, 2, 3, 4]
    with pool.lent() as connection:
        assert connection.execute("SELECT count(*) FROM fact_orders").fetchall() == [(0,)]
    pool.close()


def test_what_the_mirror_cannot_do_is_told_and_leaves_nothing(warehouse: MirroredWarehouse) -> None:
    """The next commit works as if nothing had been."""
    spoilt = whole_day(DAY, 1)
    object.__setattr__(spoilt, "sync_id", None)  # the ledger's key
    with pytest.raises(WarehouseError, match="Nothing of it was written"):
        land(warehouse, [sold("o-1")], runs=[spoilt])

    assert land(warehouse, [sold("o-1")]).added == 1
    assert warehouse.rows("SELECT count(*) FROM changed_days") == [(1,)]


def test_figures_are_read_from_the_tables_that_are_fetched() -> None:
    """Whatever facts the views of snapshots name are fetched whole days of, but the sales beside the labor and the cash of a day, which no figure uses."""
    beside_it = {
        "profitability_by_role": {"fact_order_items", "fact_orders", "fact_refunds", "fact_service_charges"},
        "daily_cash": {"fact_payments", "fact_refunds"},
    }
    for view, fetched in zip(VIEWS, READ_BY_FIGURES.values(), strict=True):
        named = {spec for spec in BY_NAME if spec.startswith("fact_") and f'"{spec}"' in views("duckdb")[view]}
        assert named - beside_it.get(view, set()) == {spec.name for spec in fetched}


def test_nothing_is_kept_of_a_mirror() -> None:
    """The tables of the one that the tests here share are empty, whatever was worked out in them."""
    with mirrors().lent() as connection:
        counts: Mapping[str, int] = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in BY_NAME}
        assert set(counts.values()) == {0}
