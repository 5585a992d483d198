"""How a commit gets into BigQuery: over its double, with every call that is made in sight. What the rows are is told by tests/contract."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlglot import exp

pytest.importorskip("google.cloud.bigquery", reason="the package google-cloud-bigquery is not installed")

from bigquery_double import REAL_PROJECT, Reachable, Real, double_of_this_run
from bigquery_world import (
    Call,
    Wire,
    dates_read,
    is_load,
    is_script,
    opened,
    statements,
)
from engines_stories import read_at, run_of, summaries_commit, supper
from ledger_world import whole_day
from orders_world import NORTH, SOUTH, order, orders_commit, selection
from orders_world import check as bill_of
from restaurant_os.errors import LockedError, WarehouseError
from restaurant_os.tables import FACT_REFUNDS, ORDER_TABLES, TABLES
from restaurant_os.warehouse import Commit
from restaurant_os.warehouse.bigquery import BigQueryWarehouse
from restaurant_os.warehouse.bigquery_jobs import Cost
from restaurant_os.warehouse.bigquery_schema import BILL_FIELDS
from summaries_world import sales

DAY, APRIL, CREATED = date(2026, 3, 1), date(2026, 4, 2), date(2026, 3, 1)
#: GoogleSQL's reserved keywords (its page on lexical structure): a name among them needs backticks.
KEYWORDS = """ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT DEFAULT DEFINE DESC DISTINCT ELSE
    END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL GROUP GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT
    INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY
    RANGE RECURSIVE RESPECT RIGHT ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH
    WITHIN"""
RESERVED = frozenset(KEYWORDS.split())
pytestmark = pytest.mark.timeout(600)  # the double takes its time where other tests have the cores


@pytest.fixture(scope="module", params=["double", pytest.param("real", marks=pytest.mark.live)])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reachable, str]]:
    """A dataset with every table. With `-m live` and a project in RESTAURANT_OS_BIGQUERY_PROJECT: of that one."""
    if request.param == "real":
        if not REAL_PROJECT:
            pytest.skip("RESTAURANT_OS_BIGQUERY_PROJECT names no project")
        with Real(REAL_PROJECT).made() as url:
            yield Real(REAL_PROJECT), url
        return
    with double_of_this_run(tmp_path_factory) as double, double.made() as url:
        yield double, url


@pytest.fixture
def warehouse(place: tuple[Reachable, str]) -> Iterator[BigQueryWarehouse]:
    found = opened(*place)
    yield found
    found.close()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, warehouse: BigQueryWarehouse) -> Wire:
    """From when the warehouse is ready."""
    warehouse.rows("SELECT 1")
    return Wire(monkeypatch)


def lunch(guid: str, version: int = 0, day: int = 20260301, **how: Any) -> Commit:
    """An order of its own name, with a line."""
    return orders_commit([order(guid, [bill_of("tab", [selection("soup", 4.0)])], version, day)], read_at=read_at(1 + version), **how)


def held(warehouse: BigQueryWarehouse, guid: str) -> list[tuple[Any, ...]]:
    return warehouse.rows(f"SELECT order_guid, business_date, is_deleted FROM fact_orders WHERE order_guid = '{guid}'")


def writes(warehouse: BigQueryWarehouse) -> tuple[int, int]:
    [(found, sequence)] = warehouse.rows("SELECT writes, sequence FROM restaurant_os_state")
    return found, sequence


def stages(warehouse: BigQueryWarehouse) -> list[str]:
    return [item.table_id for item in warehouse.client.list_tables(warehouse.dataset) if "stage" in item.table_id]


def changed(statement: exp.Expr) -> str:
    """The table that a statement changes rows of."""
    return next(iter(statement.find_all(exp.Table))).name


# --- what goes over the wire ----------------------------------------------------------------------------------------------


def test_a_commit_is_made_of_the_calls_that_google_documents(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    warehouse.commit(lunch("calls"))
    asked = {"POST /jobs", "GET /queries/{}"}
    staged = {"POST /datasets/{}/tables", "POST upload /jobs", "DELETE /datasets/{}/tables/{}"}
    assert asked | staged <= {call.shape for call in wire.calls} <= asked | staged | {"GET /jobs/{}"}


def test_every_job_is_bounded_labelled_and_named(place: tuple[Reachable, str], monkeypatch: pytest.MonkeyPatch) -> None:
    own = opened(*place, labels={"team": "data"}, most_gib_a_query=2)
    own.rows("SELECT 1")
    wire = Wire(monkeypatch)
    own.commit(lunch("labels"))
    queries = [call for call in wire.calls if call.query]
    assert {call.query["maximumBytesBilled"] for call in queries} == {str(2 * 2**30)}
    jobs = [call.body["configuration"] for call in wire.calls if call.query or is_load(call)]
    assert {tuple(sorted(job["labels"].items())) for job in jobs} == {(("restaurant_os", "commit"), ("team", "data"))}
    loads = [call.body["configuration"]["load"] for call in wire.calls if is_load(call)]
    assert {load["sourceFormat"] for load in loads} == {"PARQUET"}
    made = [call.body for call in wire.calls if call.shape == "POST /datasets/{}/tables"]
    assert len(made) == len(loads)
    assert all(int(table["expirationTime"]) > 0 and table["labels"] == {"team": "data"} for table in made)
    numbers = {field["name"]: field["type"] for load in loads for field in load["schema"]["fields"]}
    assert {numbers["item_price"], numbers["business_date"], numbers["opened_at"]} == {"NUMERIC", "DATE", "TIMESTAMP"}


def test_every_statement_is_googlesql(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    warehouse.commit(orders_commit([supper()], read_at=read_at(1), runs=[run_of(whole_day(DAY, 7), "google")]))
    warehouse.commit(orders_commit([supper(1, lines=1, day=20260402)], read_at=read_at(2)))
    warehouse.next_read("here")
    warehouse.fold_ledger(warehouse.now())
    said = [statement for call in wire.calls if call.sql for statement in statements(call.sql)]
    assert len(said) > 40
    assert [statement.sql("bigquery") for statement in said if type(statement).__name__ == "Command"] == []
    bare = {name.name for statement in said for name in statement.find_all(exp.Identifier) if not name.quoted}
    assert {name for name in bare if name.upper() in RESERVED} == set()


def test_no_table_or_column_of_ours_has_a_reserved_name() -> None:
    """They stand in statements as they are, without backticks."""
    names = {name for spec in TABLES for name in (spec.name, *spec.names)} | {name for name, *_ in BILL_FIELDS}
    assert {name for name in names if name.upper() in RESERVED} == set()


def test_a_read_sequence_is_taken_beside_a_commit(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    """Of two transactions that change rows of one table BigQuery ends one (its page on transactions), so they have none in common."""
    warehouse.commit(lunch("beside"))
    warehouse.next_read("here")
    sent = [call.sql for call in wire.calls if "BEGIN TRANSACTION" in call.sql]
    [of_commit, of_read] = [{changed(one) for one in statements(text) if isinstance(one, exp.DML)} for text in sent]
    assert of_read == {"restaurant_os_taken", "read_sequences"}
    assert of_commit & of_read == set()


# --- what is read ---------------------------------------------------------------------------------------------------------


def test_a_merge_may_read_the_partitions_of_the_batchs_old_and_new_dates_and_no_others(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    children = {spec.name: {DAY} for spec in ORDER_TABLES[1:] if spec is not FACT_REFUNDS}
    for own, expected in (
        (supper(), children),
        (supper(1, lines=1, day=20260402), {name: {DAY, APRIL} for name in children} | {"fact_refunds": {APRIL}}),
    ):
        warehouse.commit(orders_commit([own | {"guid": "moved"}], read_at=read_at(1)))
        found = dates_read(wire.scripts[-1])
        assert {name: dates for name, dates in found.items() if name.startswith("fact_")} == expected | {"fact_orders": {CREATED}}
    assert held(warehouse, "moved") == [("moved", APRIL, False)]


def test_every_merge_has_only_matched_and_not_matched(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    warehouse.commit(lunch("plain"))
    for statement in statements(wire.scripts[0]):
        if type(statement).__name__ == "Merge":
            branches = [(bool(when.args.get("matched")), bool(when.args.get("source"))) for when in statement.args["whens"].expressions]
            assert branches == [(True, False), (False, False)]


def test_an_insert_only_load_never_merges_into_facts(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    warehouse.commit(lunch("kept", mode="insert-only"))
    changes = warehouse.commit(lunch("kept", 3, mode="insert-only"))
    assert changes.locations == {}
    assert [name for name in dates_read(wire.scripts[0]) if name.startswith("fact_")] == []
    inserted = [one for one in statements(wire.scripts[0]) if type(one).__name__ == "Insert" and "NOT EXISTS" in one.sql("bigquery")]
    assert len(inserted) == 3
    assert held(warehouse, "kept") == [("kept", DAY, False)]


def test_locations_that_wait_share_one_stage_and_one_merge_for_each_table(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    first_is_under_way, all_wait = threading.Event(), threading.Event()

    def rule(call: Call) -> Any:
        if not first_is_under_way.is_set():
            first_is_under_way.set()
            assert all_wait.wait(60)
        return ""

    wire.rule = rule
    with ThreadPoolExecutor(3) as pool:
        one = pool.submit(warehouse.commit, lunch("alone", location=NORTH))
        assert first_is_under_way.wait(60)
        others = [pool.submit(warehouse.commit, lunch(f"of-{place.name}", location=place)) for place in (NORTH, SOUTH)]
        while len(warehouse._queue._queue) < 3:
            all_wait.wait(0.01)
        all_wait.set()
        for commit in (one, *others):
            commit.result()
    assert len(wire.scripts) == 2
    assert [sum("MERGE INTO fact_order_items" in script for script in wire.scripts)] == [2]


# --- what is lost on the way ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loses", ["call", "answer"])
@pytest.mark.parametrize("of", [is_load, is_script], ids=["load", "script"])
def test_what_is_lost_on_the_way_is_done_once(warehouse: BigQueryWarehouse, wire: Wire, of: Any, loses: Any) -> None:
    guid = f"lost-{of.__name__}-{loses}"
    before = writes(warehouse)
    wire.once(of, loses)
    changes = warehouse.commit(lunch(guid))
    wire.rule = lambda call: ""
    assert changes.locations == {NORTH.toast_guid: (1, 0)}
    assert held(warehouse, guid) == [(guid, DAY, False)]
    assert warehouse.rows(f"SELECT count(*) FROM fact_order_items WHERE order_guid = '{guid}'") == [(1,)]
    assert writes(warehouse) == (before[0] + 1, before[1] + 1)
    sent = [call.body["jobReference"]["jobId"] for call in wire.calls if of(call)]
    assert len(sent) - len(set(sent)) == 1, "sent twice, under one id"
    assert ("GET /jobs/{}" in {call.shape for call in wire.calls}) or loses == "call"


def test_a_re_read_of_the_same_rows_still_loads(warehouse: BigQueryWarehouse, wire: Wire) -> None:
    for _ in range(2):
        warehouse.commit(orders_commit([order("again")], read_at=read_at(1), runs=[whole_day(DAY, 7)]))
    loads = [call.body["jobReference"]["jobId"] for call in wire.calls if is_load(call)]
    assert len(loads) == len(set(loads))
    assert held(warehouse, "again") == [("again", DAY, False)]


def test_a_commit_that_fails_leaves_no_row_and_no_stage(warehouse: BigQueryWarehouse, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    from restaurant_os.warehouse import bigquery, bigquery_merge

    own = bigquery_merge.script
    monkeypatch.setattr(bigquery, "script", lambda *given: own(*given).replace("COMMIT", "ASSERT FALSE AS 'no more';\nCOMMIT"))
    before = writes(warehouse)
    with pytest.raises(WarehouseError):
        warehouse.commit(lunch("refused"))
    assert (held(warehouse, "refused"), stages(warehouse), writes(warehouse)) == ([], [], before)
    monkeypatch.undo()
    assert warehouse.commit(lunch("refused")).added == 1
    assert stages(warehouse) == []


# --- others ---------------------------------------------------------------------------------------------------------------


def test_who_comes_second_is_told_to_fetch_anew_and_both_land(
    place: tuple[Reachable, str], warehouse: BigQueryWarehouse, wire: Wire
) -> None:
    other = opened(*place)
    other.rows("SELECT 1")
    before = writes(warehouse)
    wire.before(is_script, lambda: other.commit(lunch("race", 2)))
    changes = warehouse.commit(lunch("race", 1))
    assert changes.locations == {}, "the other's version is the newer one"
    assert warehouse.rows(
        "SELECT modified_at = (SELECT max(modified_at) FROM fact_orders WHERE order_guid = 'race') FROM fact_orders WHERE order_guid = 'race'"
    ) == [(True,)]
    assert writes(warehouse) == (before[0] + 1, before[1] + 1)
    assert stages(warehouse) == []


def test_who_is_overtaken_for_too_long_says_so_and_writes_nothing(place: tuple[Reachable, str], wire: Wire) -> None:
    slow, other = opened(*place, wait_seconds=0), opened(*place)
    for one in (slow, other):
        one.rows("SELECT 1")
    numbers = iter(range(1, 100))

    def rule(call: Call) -> Any:
        if is_script(call) and "fact_orders" in call.sql:
            other.commit(summaries_commit(sales("1", next(numbers))))
        return ""

    wire.rule = rule
    with pytest.raises(LockedError, match="others wrote to it each time that we were about to, 3 times in 0 s"):
        slow.commit(lunch("late"))
    assert held(other, "late") == []


def test_read_sequences_are_never_given_twice(place: tuple[Reachable, str]) -> None:
    warehouses = [opened(*place) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        taken = list(pool.map(lambda own: [own.next_read("north") for _ in range(2)], warehouses))
    assert sorted(number for own in taken for number in own) == [1, 2, 3, 4, 5, 6]


# --- what it costs --------------------------------------------------------------------------------------------------------


def test_the_bill_counts_the_jobs_of_every_process(place: tuple[Reachable, str], warehouse: BigQueryWarehouse) -> None:
    before = warehouse.bill(warehouse.now())
    other = opened(*place)
    other.commit(lunch("billed"))
    other.commit(lunch("billed too"))
    found = warehouse.bill(warehouse.now())
    assert found["commit"].jobs > before["commit"].jobs


@pytest.mark.skipif(bool(REAL_PROJECT), reason="Google's own says itself what a job is billed")
def test_what_was_billed_after_the_last_commit_is_written_down_when_a_process_ends(place: tuple[Reachable, str]) -> None:
    own, other = opened(*place), opened(*place)
    own.rows("SELECT 1")
    # The double bills nothing.
    own.jobs._spent["read"] = Cost(2, 10, 20 * 2**20)
    own.close()
    assert other.bill(other.now() - timedelta(days=1))["read"].bytes_billed == 20 * 2**20
