"""A copy is equal whole, goes on where it was, and leaves what is not a copy alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest
from google.cloud import bigquery as google

from copying_world import FIRST_DAY, NOON, Heard, dataset_of, everything, file, filled, in_order, made, totals
from restaurant_os import copying
from restaurant_os.clock import SystemClock
from restaurant_os.copying import Copied, Copy, left_behind, tallies
from restaurant_os.errors import StoppedError, UsageError, WarehouseError
from restaurant_os.settings import load_without_file
from restaurant_os.tables import BY_NAME, COUNT, MONEY, RATE, TABLES, TableSpec
from restaurant_os.warehouse import Warehouse, Writing
from restaurant_os.warehouse.bigquery import BigQueryWarehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.open import open_warehouse


@pytest.fixture(params=["duckdb", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """A place of an engine where nothing is yet, no table either."""
    place = tmp_path / "target" / "copy.duckdb" if request.param == "duckdb" else str(request.getfixturevalue("postgres_url"))
    target = open_warehouse(place, load_without_file(tmp_path), now=SystemClock().now, idle_seconds=10)
    yield target
    target.close()


@pytest.fixture
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A dataset of BigQuery that is not there yet."""
    with dataset_of(tmp_path_factory) as (url, own):
        target = open_warehouse(url, load_without_file(Path(), bigquery=own.model_dump()), now=SystemClock().now)
        yield target
        target.close()


def copy(source: Warehouse, target: Warehouse, heard: Heard | None = None) -> list[Copied]:
    return Copy(source, target, heard or Heard()).run()


def rows_of(warehouse: Warehouse) -> int:
    return sum(len(rows) for rows in everything(warehouse).values())


def change(own: DuckDBWarehouse, sql: str) -> None:
    """Something done to a file past all of our code."""
    own.close()
    with duckdb.connect(str(own.path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(sql)


# --- whole ------------------------------------------------------------------------------------------------------------


def test_every_row_of_every_table_arrives_as_it_is(tmp_path: Path, empty: Warehouse) -> None:
    """Keys, sequences and times of writing too; and from there back into a file it is the first one again."""
    source = filled(tmp_path / "source.duckdb")
    there = copy(source, empty)
    back = file(tmp_path / "back.duckdb")
    again = copy(empty, back)

    expected = everything(source)
    rows = sum(map(len, expected.values()))
    assert everything(empty) == expected
    assert everything(back) == expected
    assert totals(there) == totals(again) == (rows, rows, 0)
    assert [one.name for one in there] == [spec.name for spec in TABLES]


#: Two texts with a NUL: one of a row's own, one in its key.
WITH_NUL = """UPDATE fact_orders SET order_source = 'a' || chr(0) || 'b' WHERE order_guid = '2026-03-01-1';
    UPDATE fact_orders SET order_guid = 'c' || chr(0) || 'd' WHERE order_guid = '2026-03-02-1'"""


def test_a_text_with_a_nul_is_equal_to_what_a_postgres_has_of_it(tmp_path: Path, empty: Warehouse) -> None:
    """Which holds no such character: it is carried once, and its rows are known again when their date changes."""
    source = filled(tmp_path / "source.duckdb")
    change(source, WITH_NUL)
    first, second = copy(source, empty), copy(source, empty)
    change(source, "UPDATE fact_orders SET guest_count = 99, _loaded_at = '2026-03-21 00:00:00Z' WHERE business_date <= '2026-03-02'")
    third = copy(source, empty)

    assert (totals(first)[2], totals(second)[1:], totals(third)[1:]) == (0, (0, 0), (6, 0))
    nul = "\0" if isinstance(empty, DuckDBWarehouse) else "\ufffd"
    assert empty.rows("SELECT order_source FROM fact_orders WHERE order_guid = '2026-03-01-1'") == [(f"a{nul}b",)]


@pytest.mark.timeout(600)
def test_a_text_with_a_nul_is_equal_on_bigquery(tmp_path: Path, dataset: Warehouse) -> None:
    """Which holds it: its tally is that of a file."""
    source, orders = filled(tmp_path / "source.duckdb"), [BY_NAME["fact_orders"]]
    change(source, WITH_NUL)

    assert totals(Copy(source, dataset, Heard(), tables=orders).run())[1:] == (12, 0)
    assert totals(Copy(source, dataset, Heard(), tables=orders).run())[1:] == (0, 0)


#: A table of each kind, and of each way in which BigQuery parts them.
FEW = [
    BY_NAME[name]
    for name in ("fact_orders", "fact_refunds", "fact_cash_entries", "dim_jobs", "daily_summaries", "sync_runs", "changed_days")
]


@pytest.mark.timeout(600)
def test_bigquery_and_back(tmp_path: Path, dataset: Warehouse) -> None:
    """The same with a dataset, which is made: what it holds is equal by its own tally, and row by row in a file again."""
    source, back = filled(tmp_path / "source.duckdb"), file(tmp_path / "back.duckdb")
    there = Copy(source, dataset, Heard(), tables=FEW).run()
    again = Copy(dataset, back, Heard(), tables=FEW).run()

    expected = everything(source)
    rows = sum(len(expected[spec.name]) for spec in FEW)
    assert totals(there) == totals(again) == (rows, rows, 0)
    assert [everything(back)[spec.name] for spec in FEW] == [expected[spec.name] for spec in FEW]


def test_what_is_equal_is_not_carried_again(tmp_path: Path, empty: Warehouse) -> None:
    """A second copy moves nothing; one after a change moves that date alone."""
    source = filled(tmp_path / "source.duckdb")
    rows = totals(copy(source, empty))[0]
    second = copy(source, empty)
    change(source, f"UPDATE fact_orders SET guest_count = 99, _loaded_at = '2026-03-21 00:00:00Z' WHERE business_date = '{FIRST_DAY}'")
    third = copy(source, empty)

    assert totals(second) == (rows, 0, 0)
    assert {one.name: one.carried for one in third if one.carried} == {"fact_orders": 3}
    assert totals(third)[2] == 0
    assert everything(empty) == everything(source)


def test_an_order_that_moved_to_another_date_is_one_row(tmp_path: Path, empty: Warehouse) -> None:
    """Between two copies it left its day: the target's row of that day is not taken for somebody else's, and is gone."""
    source = filled(tmp_path / "source.duckdb")
    copy(source, empty)
    moved = "SET business_date = '2026-03-09', _loaded_at = '2026-03-21 00:00:00Z' WHERE order_guid = '2026-03-01-1'"
    for table in ("fact_orders", "fact_order_items"):
        change(source, f"UPDATE {table} {moved}")

    assert totals(copy(source, empty))[2] == 0
    assert everything(empty) == everything(source)


NAMES = "sync_id, window_kind, window_start, window_end, business_date, started_at, _loaded_at, dataset, restaurant_guid, status, load_mode"
#: What a service writes: windows of one chain, a business date read twice, and a day that two commits changed.
LEDGER = f"""
    INSERT INTO sync_runs ({NAMES}) SELECT *, start, start, 'orders', 'x', 'done', 'merge' FROM (VALUES
        ('w1', 'modified', TIMESTAMPTZ '2026-03-01 00:00Z', TIMESTAMPTZ '2026-03-01 01:00Z', CAST(NULL AS DATE)),
        ('w2', 'modified', '2026-03-01 01:00Z', '2026-03-01 02:00Z', NULL),
        ('w3', 'modified', '2026-03-01 01:55Z', '2026-03-01 03:00Z', NULL),
        ('d1', 'business_date', '2026-03-01 09:00Z', '2026-03-02 09:00Z', '2026-03-01'),
        ('d2', 'business_date', '2026-03-01 10:00Z', '2026-03-02 10:00Z', '2026-03-01')) AS made (id, kind, start, until, day);
    INSERT INTO changed_days VALUES
        ('orders', 'x', '2026-03-01', 20, 1, 0, '2026-03-02 09:00Z'), ('orders', 'x', '2026-03-01', 21, 0, 1, '2026-03-02 09:00Z')"""


def test_what_a_service_folded_meanwhile_goes_from_the_copy_too(tmp_path: Path, empty: Warehouse) -> None:
    """Ledger rows that were joined, and hours that a calendar no longer has."""
    source = filled(tmp_path / "source.duckdb")
    change(source, LEDGER)
    rows = totals(copy(source, empty))[0]
    source.fold_ledger(NOON)
    change(source, "DELETE FROM changed_days WHERE sequence = 20")
    change(source, "DELETE FROM dim_business_hours WHERE business_hour = 1 AND business_date = '2026-03-02'")
    found = copy(source, empty)

    assert (totals(found)[0], totals(found)[2]) == (rows - 5, 0)
    assert everything(empty) == everything(source)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("UPDATE changed_days SET sequence = sequence + 500", '"changed_days" reaches sequence 521, and that of'),
        ("UPDATE sync_runs SET sync_id = 'own', window_end = '2026-03-01 04:00Z' WHERE sync_id = 'w3'", 'rows without a business date: 1 row that'),
        ("UPDATE sync_runs SET sync_id = 'own', started_at = '2026-03-02 11:00Z' WHERE sync_id = 'd2'", '"sync_runs", 2026-03-01: 1 row that'),
        ("UPDATE changed_days SET restaurant_guid = 'y' WHERE sequence = 20", '"changed_days", 2026-03-01: 1 row that'),
    ],
)  # fmt: skip
def test_a_place_that_read_for_itself_is_refused(tmp_path: Path, own: str, said: str) -> None:
    """The same orders, and a ledger that says what the source's does not: it is no copy, and keeps its ledger and its numbers."""
    source, target = filled(tmp_path / "source.duckdb"), filled(tmp_path / "target.duckdb")
    for one in (source, target):
        change(one, LEDGER)
    change(target, own)
    before = everything(target)

    with pytest.raises(WarehouseError, match="No row was carried") as refused:
        copy(source, target)
    assert "holds other data" in refused.value.message
    assert said in refused.value.message
    assert everything(target) == before


def test_what_is_committed_to_the_target_meanwhile_is_not_overwritten(tmp_path: Path, empty: Warehouse) -> None:
    """A newer row of an order that is about to be carried: the copy ends, and the row stays."""
    source = filled(tmp_path / "source.duckdb")
    newer = with_value(BY_NAME["fact_orders"], "_loaded_at", NOON + timedelta(days=9))
    day = with_value(BY_NAME["changed_days"], "business_date", FIRST_DAY + timedelta(days=31))
    heard = Heard()
    heard.planned = lambda rows: empty.write(Writing(rows={"fact_orders": newer, "changed_days": day}))  # type: ignore[method-assign]

    with pytest.raises(WarehouseError, match="something else writes to"):
        copy(source, empty, heard)
    there = everything(empty)
    assert {name for name, rows in there.items() if rows} == {"fact_orders", "changed_days"}
    assert there["fact_orders"] == list(zip(*(column.to_pylist() for column in newer.columns), strict=True))


def with_value(spec: TableSpec, name: str, value: Any) -> pa.Table:
    """One row of a table, with a value of our own in a column."""
    own = spec.schema.field(name)
    return made(spec, 1, 1).set_column(spec.names.index(name), own, pa.array([value], own.type))


def test_loads_stay_small_and_each_row_goes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bound of ten rows no load is greater, a date of more rows goes by location, and all of it arrives."""
    monkeypatch.setattr(copying, "MOST_ROWS", 10)
    source, heard = filled(tmp_path / "source.duckdb", days=3, rows=14), Heard()
    target = file(tmp_path / "target.duckdb")
    found = copy(source, target, heard)

    assert everything(target) == everything(source)
    assert max(heard.carried_rows) <= 10
    assert sum(heard.carried_rows) == heard.planned_rows == totals(found)[1] == rows_of(source)


# --- killed, stopped --------------------------------------------------------------------------------------------------


def test_a_copy_that_was_stopped_goes_on_where_it_was(tmp_path: Path, empty: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a third of the rows; the second run carries the rest, and nothing twice."""
    monkeypatch.setattr(copying, "MOST_ROWS", 40)
    source = filled(tmp_path / "source.duckdb")
    rows = rows_of(source)
    first = Heard()
    work = Copy(source, empty, first)
    first._stop, first._after = work.stop, rows // 3
    with pytest.raises(StoppedError, match="stopped"):
        work.run()
    carried = sum(first.carried_rows)

    assert rows // 3 <= carried < rows
    assert totals(copy(source, empty)) == (rows, rows - carried, 0)
    assert everything(empty) == everything(source)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("INSERT INTO fact_orders (order_guid, restaurant_guid, business_date) VALUES ('strange', 'x', '2026-03-02')", 'fact_orders", 2026-03-02: 1 row that'),
        ("INSERT INTO dim_jobs (restaurant_guid, job_guid, valid_from) VALUES ('x', 'y', '2026-03-02 00:00:00Z')", 'dim_jobs"'),
        ("INSERT INTO sync_runs (sync_id, business_date, _loaded_at) VALUES ('own', '2026-03-02', '2026-04-01 00:00:00Z')", 'sync_runs"'),
        ("UPDATE fact_orders SET guest_count = 7, _loaded_at = '2026-04-01 00:00:00Z' WHERE order_guid = '2026-03-01-1'", "1 row newer than"),
    ],
)  # fmt: skip
def test_a_place_with_other_data_is_refused(tmp_path: Path, planted: str, said: str) -> None:
    """Rows that never were in the source, or that something else has written since: said, and left as they are."""
    source, target = filled(tmp_path / "source.duckdb"), file(tmp_path / "target.duckdb")
    copy(source, target)
    change(target, planted)
    change(source, "DELETE FROM fact_checks WHERE business_date = '2026-03-01'")
    before = everything(target)

    with pytest.raises(WarehouseError) as refused:
        copy(source, target)
    assert "holds other data" in refused.value.message
    assert refused.value.next_step
    assert everything(target) == before


OWN = (
    "ALTER TABLE fact_orders ADD COLUMN my_note text",
    "CREATE TABLE my_goals (business_date date, goal integer)",
    "CREATE VIEW my_orders AS SELECT my_note FROM fact_orders",
)


def test_what_a_user_made_is_named_as_left_behind(tmp_path: Path, empty: Warehouse, request: pytest.FixtureRequest) -> None:
    """Columns in tables of ours, tables and views; nothing where there is nothing of theirs."""
    copy(filled(tmp_path / "source.duckdb"), empty)
    nothing = left_behind(empty)
    if isinstance(empty, DuckDBWarehouse):
        change(empty, ";".join(OWN))
    else:
        with psycopg.connect(request.getfixturevalue("postgres_url")) as connection:
            connection.execute(";".join(OWN).encode())

    assert nothing == []
    assert left_behind(empty) == ["fact_orders.my_note", "my_goals", "my_orders"]


@pytest.mark.timeout(600)
def test_what_a_user_made_in_a_dataset_is_named_as_left_behind(dataset: Warehouse) -> None:
    """The same of BigQuery, by its own client."""
    assert isinstance(dataset, BigQueryWarehouse)
    dataset.migrate()
    nothing = left_behind(dataset)
    orders = dataset.client.get_table(dataset.dataset.table("fact_orders"))
    orders.schema = [*orders.schema, google.SchemaField("my_note", "STRING")]
    dataset.client.update_table(orders, ["schema"])
    dataset.client.create_table(google.Table(dataset.dataset.table("my_goals"), schema=[google.SchemaField("goal", "INTEGER")]))

    assert nothing == []
    assert left_behind(dataset) == ["fact_orders.my_note", "my_goals"]


def test_nothing_to_copy(tmp_path: Path) -> None:
    """An empty source is a mistake, and no file is made for it."""
    source, target = filled(tmp_path / "source.duckdb", rows=0), tmp_path / "target.duckdb"

    with pytest.raises(UsageError, match="there is nothing in"):
        copy(source, file(target))
    assert not target.exists()


# --- the proof --------------------------------------------------------------------------------------------------------


class Careless:
    """A warehouse that loses what it is told to on its way in."""

    def __init__(self, own: Warehouse, spoil: Any) -> None:
        self.own, self.spoil = own, spoil

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def write(self, writing: Any) -> None:
        self.own.write(writing)
        self.spoil()


@pytest.mark.parametrize(
    ("spoilt", "named"),
    [
        ("UPDATE fact_payments SET amount = amount + 0.0001 WHERE payment_guid = '2026-03-02-1'", {"fact_payments": (date(2026, 3, 2),)}),
        ("UPDATE fact_orders SET order_source = 'x' WHERE order_guid = '2026-03-03-2'", {"fact_orders": (date(2026, 3, 3),)}),
        ("DELETE FROM quarantine WHERE quarantine_id = 'None-1'", {"quarantine": (None,)}),
        ("UPDATE dim_jobs SET read_seq = 5, _loaded_at = NULL", {"dim_jobs": (None,)}),
    ],
)  # fmt: skip
def test_a_difference_of_one_value_is_found_and_its_date_named(tmp_path: Path, spoilt: str, named: dict[str, Any]) -> None:
    """A ten-thousandth of a dollar, a word, a row, a time."""
    source, target = filled(tmp_path / "source.duckdb"), file(tmp_path / "target.duckdb")
    found = Copy(source, Careless(target, lambda: change(target, spoilt)), Heard()).run()

    assert {one.name: one.differing for one in found if one.differing} == named
    assert not any(one.has_moved for one in found)


class Meddling(Heard):
    """Changes the source while it is copied: before its rows are carried, and after."""

    def __init__(self, source: DuckDBWarehouse) -> None:
        super().__init__()
        self.source = source

    def planned(self, rows: int) -> None:
        self._set(98)

    def carried(self, rows: int) -> None:
        self._set(99)

    def _set(self, guests: int) -> None:
        change(
            self.source,
            f"UPDATE fact_orders SET guest_count = {guests}, _loaded_at = '2026-03-21 00:00:{guests % 60}Z' WHERE order_guid = '2026-03-01-1'",
        )


def test_a_source_that_changes_meanwhile_is_told_from_a_fault(tmp_path: Path) -> None:
    """What came in after its rows were carried differs, by its own doing; the next run carries it."""
    source, target = filled(tmp_path / "source.duckdb"), file(tmp_path / "target.duckdb")
    found = copy(source, target, Meddling(source))

    assert [(one.name, one.differing, one.has_moved) for one in found if one.differing] == [("fact_orders", (FIRST_DAY,), True)]
    assert totals(copy(source, target))[1:] == (3, 0)


MOVED = "UPDATE fact_order_items SET business_date = '{}', _loaded_at = '2026-03-21 00:00:01Z' WHERE order_guid = '2026-03-01-1'"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("day", ["2026-03-02", "2026-03-03"])
def test_an_order_that_moves_during_a_copy_to_bigquery_is_one_row_after_the_next(tmp_path: Path, dataset: Warehouse, day: str) -> None:
    """It moves to a date that is being carried, next to its own or not: BigQuery has it twice then, which is told, and the next copy mends."""
    source, items = filled(tmp_path / "source.duckdb"), [BY_NAME["fact_order_items"]]
    Copy(source, dataset, Heard(), tables=items).run()
    change(source, f"UPDATE fact_order_items SET menu_item_name = 'x', _loaded_at = '2026-03-21 00:00:00Z' WHERE order_guid = '{day}-0'")
    heard = Heard()
    heard.planned = lambda rows: change(source, MOVED.format(day))  # type: ignore[method-assign]
    doubled = Copy(source, dataset, heard, tables=items).run()
    # The date that it came to changes once more: both of its rows are on dates that differ.
    change(source, f"UPDATE fact_order_items SET menu_item_name = 'y', _loaded_at = '2026-03-21 00:00:02Z' WHERE order_guid = '{day}-0'")
    mended = Copy(source, dataset, Heard(), tables=items).run()

    assert [(one.differing, one.has_moved) for one in doubled] == [((FIRST_DAY,), True)]
    assert [one.differing for one in mended] == [()]
    assert in_order(dataset.rows(ITEMS)) == in_order(source.rows(ITEMS))


ITEMS = "SELECT order_guid, business_date, menu_item_name FROM fact_order_items"


def test_a_stock_level_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    """It was equal at first, and the ledger knows of no such event."""
    source, target = filled(tmp_path / "source.duckdb"), file(tmp_path / "target.duckdb")
    copy(source, target)
    heard = Heard()
    sql = "UPDATE stock_levels SET quantity = 17.25, _loaded_at = '2026-03-21 00:00:00Z'"
    heard.planned = lambda rows: change(source, sql)  # type: ignore[method-assign]

    assert [(one.name, one.has_moved) for one in copy(source, target, heard) if one.differing] == [("stock_levels", True)]
    assert totals(copy(source, target))[2] == 0
    assert everything(target) == everything(source)


class Syncing(Heard):
    """Once the orders are in the target, one more comes into the source, with what the ledger says of it, in one commit."""

    def __init__(self, source: DuckDBWarehouse, target: Warehouse) -> None:
        super().__init__()
        self.source, self.target = source, target

    def carried(self, rows: int) -> None:
        super().carried(rows)
        [(orders,)] = self.source.rows("SELECT count(*) FROM fact_orders")
        if self.target.rows("SELECT count(*) FROM fact_orders") == [(orders,)] and not self.source.rows(LATE):
            guid, at = "11111111-1111-4111-8111-111111111111", "'2026-03-21 00:00:00Z'"
            change(
                self.source,
                f"""BEGIN;
                INSERT INTO fact_orders (order_guid, restaurant_guid, business_date, _loaded_at) VALUES ('late', '{guid}', '2026-03-02', {at});
                INSERT INTO sync_runs (sync_id, dataset, restaurant_guid, status, _loaded_at) VALUES ('late', 'orders', '{guid}', 'done', {at});
                INSERT INTO changed_days VALUES ('orders', '{guid}', '2026-03-02', 900, 1, 0, {at});
                COMMIT""",
            )


LATE = "SELECT sync_id FROM sync_runs WHERE sync_id = 'late'"


def test_the_ledger_never_says_of_a_copy_that_an_order_is_in_which_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync lands after the orders went over and before the ledger does: neither its order nor its row is in, which is told; the next run carries
    both."""
    monkeypatch.setattr(copying, "MOST_ROWS", 40)
    source, target = filled(tmp_path / "source.duckdb"), file(tmp_path / "target.duckdb")
    found = copy(source, target, Syncing(source, target))

    assert {one.name: one.differing for one in found if one.differing} == {
        "fact_orders": (date(2026, 3, 2),),
        "sync_runs": (None,),
        "changed_days": (date(2026, 3, 2),),
    }
    assert all(one.has_moved for one in found if one.differing)
    assert (target.rows(LATE), source.rows(LATE)) == ([], [("late",)])
    assert totals(copy(source, target))[2] == 0
    assert everything(target) == everything(source)


def test_a_tally_counts_every_row_of_every_date(tmp_path: Path, empty: Warehouse) -> None:
    """Those that were made, and sums as Python adds them; the same from any engine."""
    source = filled(tmp_path / "source.duckdb")
    copy(source, empty)
    ours = tallies(source, TABLES)
    for spec in TABLES:
        rows, day = made(spec, 4, 3), copying.day_of(spec)
        dates = rows.column(day).to_pylist() if day else [None] * rows.num_rows
        numbers = [c.name for c in spec.columns if c.type in (MONEY, RATE, COUNT)]
        expected = {}
        for own in set(dates):
            held = rows.filter(pa.array([one == own for one in dates]))
            expected[own] = (
                held.num_rows,
                tuple(sum(value for value in held.column(name).to_pylist() if value is not None) for name in numbers),
            )
        assert {own: (found.rows, found.sums) for own, found in ours[spec.name].items()} == expected, spec.name

    assert tallies(empty, TABLES) == ours


class Asked:
    """A warehouse that remembers what it was asked."""

    def __init__(self, own: Warehouse) -> None:
        self.own, self.questions = own, list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def answers(self, *questions: tuple[str, Any]) -> Any:
        self.questions += [sql for sql, _ in questions]
        return self.own.answers(*questions)


def test_a_large_table_is_tallied_by_spans_of_dates(tmp_path: Path, empty: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement is of more rows than its bound, but for one date; together they count every row, those without a date too."""
    tables = [BY_NAME[name] for name in ("fact_orders", "sync_runs", "dim_jobs")]
    source = filled(tmp_path / "source.duckdb", days=5)
    Copy(source, empty, Heard(), tables=tables).run()
    whole = tallies(empty, tables)
    monkeypatch.setattr(copying, "MOST_TALLIED", 7)
    asked = Asked(empty)

    assert tallies(asked, tables) == whole
    own, first, second = "business_date", *(f"DATE '{FIRST_DAY + timedelta(days=number)}'" for number in (2, 4))
    spans = [f"{own} IS NULL OR {own} < {first}", f"{own} >= {first} AND {own} < {second}", f"{own} >= {second} AND TRUE"]
    wheres = [sql.partition(" WHERE ")[2].partition(") AS spelled")[0] for sql in asked.questions]
    assert wheres == [*spans, *spans, "TRUE"]


def test_dates_next_to_each_other_are_one_condition() -> None:
    """As far as they stand together and are few enough; rows without a date alone."""
    one = copying.Tally(copying.MOST_ROWS // 2, (), 0)
    dates = [FIRST_DAY + timedelta(days=number) for number in range(6)]
    days: dict[date | None, copying.Tally] = {None: one, **dict.fromkeys(dates, one)}
    wanted = [None, *dates[:3], dates[4], dates[5]]
    found = [copying.condition(BY_NAME["sync_runs"], run) for run in copying.runs(days, wanted)]

    assert found == [
        "business_date IS NULL",
        "business_date >= DATE '2026-03-01' AND business_date <= DATE '2026-03-02'",
        "business_date >= DATE '2026-03-03' AND business_date <= DATE '2026-03-03'",
        "business_date >= DATE '2026-03-05' AND business_date <= DATE '2026-03-06'",
    ]
    assert copying.condition(BY_NAME["dim_jobs"], [None]) == "TRUE"
