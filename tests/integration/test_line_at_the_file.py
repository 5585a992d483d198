"""Processes at one warehouse file: nobody who comes back at once is ever there first, and a file kept open is given to whoever waits."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import pyarrow as pa
import pytest

from orders_world import check, land, open_warehouse, order, payment, selection, stored
from restaurant_os.errors import LockedError
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, transaction
from restaurant_os.warehouse.line import next_in_line, someone_waits
from restaurant_os.warehouse.query import query

TESTS = Path(__file__).parents[1]
PATIENCE = 60.0
HEAD = f"""
import os, signal, sys, threading, time
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from orders_world import check, land, order, payment, selection
from restaurant_os import boundaries
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, transaction
path = Path(sys.argv[1])
"""
#: Takes one turn after another without a pause, and says after each how many it had.
BUSY = """
warehouse = DuckDBWarehouse(path, wait_seconds=60, idle_seconds=float(sys.argv[3]))
name = sys.argv[2]
count = os.open(path.with_name(name), os.O_CREAT | os.O_RDWR)
while True:
    os.pwrite(count, b"%9d" % warehouse.next_read(name), 0)
"""
KEEPS = """
warehouse = DuckDBWarehouse(path, wait_seconds=60, idle_seconds=60)
warehouse.next_read("mine")
print("kept", flush=True)
"""


HOLDS = """
with DuckDBWarehouse(path)._open():
    print("open", flush=True)
    time.sleep(600)
"""
IS_NEXT = """
from restaurant_os.warehouse.line import next_in_line
with next_in_line(path, give_up=time.monotonic() + 60):
    print("next", flush=True)
    time.sleep(600)
"""


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [sys.executable, "-c", HEAD + code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def eventually(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def is_free(path: Path) -> bool:
    """For a program that knows nothing of the line."""
    found = subprocess.run(
        [sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", str(path)], capture_output=True, check=False
    )
    return found.returncode == 0


def counted(path: Path, name: str) -> int:
    try:
        return int(path.with_name(name).read_text() or 0)
    except FileNotFoundError:
        return 0


def turns_while_waiting(warehouse: DuckDBWarehouse, names: list[str], openings: int) -> list[int]:
    """How many turns the others had, for each of ours, from when we asked for it until we had it."""
    found = []
    for _ in range(openings):
        asked = sum(counted(warehouse.path, name) for name in names)
        [(had,)] = warehouse.rows("SELECT sum(last) FROM read_sequences")
        found.append(int(had) - asked)
    return found


@pytest.mark.parametrize("idle_seconds", [0, 0.25])
def test_whoever_waits_is_next_however_busy_another_process_is(tmp_path: Path, idle_seconds: float) -> None:
    """It comes back the moment it let go, and still has about one turn for each of ours, whether or not it keeps the file open between."""
    warehouse = open_warehouse(tmp_path)
    warehouse.wait_seconds = PATIENCE
    with process(BUSY, warehouse.path, "busy", idle_seconds):
        eventually(lambda: counted(warehouse.path, "busy") >= 3)
        found = turns_while_waiting(warehouse, ["busy"], 20)

    assert len(found) == 20
    assert median(found) <= 2
    assert sum(found) <= 60


def test_three_processes_have_turns_alike(tmp_path: Path) -> None:
    warehouse = open_warehouse(tmp_path)
    warehouse.wait_seconds = PATIENCE
    with process(BUSY, warehouse.path, "one", 0), process(BUSY, warehouse.path, "other", 0.25):
        eventually(lambda: counted(warehouse.path, "one") >= 3 and counted(warehouse.path, "other") >= 3)
        before = [counted(warehouse.path, name) for name in ("one", "other")]
        found = turns_while_waiting(warehouse, ["one", "other"], 20)
        after = [counted(warehouse.path, name) for name in ("one", "other")]

    assert median(found) <= 6
    assert sum(found) <= 200
    assert all(late - early >= 3 for early, late in zip(before, after, strict=True))


def test_a_killed_process_holds_up_nobody(tmp_path: Path) -> None:
    """Neither one that has the file nor one that is next in line."""
    warehouse = open_warehouse(tmp_path)
    warehouse.wait_seconds = PATIENCE
    with ExitStack() as stack:
        holder = stack.enter_context(process(HOLDS, warehouse.path))
        assert line(holder) == "open"  # begun together, the holder might stand in line behind the other
        waiter = stack.enter_context(process(IS_NEXT, warehouse.path))
        assert line(waiter) == "next"
        assert someone_waits(warehouse.path)
        with pytest.raises(LockedError, match=rf"process {holder.pid} .*holds the file; waited 0\.1 s"):
            DuckDBWarehouse(warehouse.path, wait_seconds=0.1).rows("SELECT 1")
        holder.kill()
        waiter.kill()
        assert warehouse.next_read("mine") == 1

    assert [one.name for one in tmp_path.iterdir()] == ["test.duckdb"]


def test_a_line_that_does_not_move_is_left_when_the_time_is_up(tmp_path: Path) -> None:
    """Whoever is next may wait for minutes; who comes after that finds the file free gets it all the same."""
    warehouse = open_warehouse(tmp_path)
    warehouse.wait_seconds = 0.1
    with next_in_line(warehouse.path, give_up=time.monotonic() + PATIENCE):
        assert warehouse.next_read("mine") == 1


def test_a_file_that_stays_open_is_given_to_whoever_waits(tmp_path: Path) -> None:
    """At once, however long it could have stayed open: to a writer, and to a reader of the same process."""
    warehouse = open_warehouse(tmp_path)
    kept = DuckDBWarehouse(warehouse.path, idle_seconds=3600)
    try:
        for number in range(3):
            kept.next_read("mine")
            assert not is_free(warehouse.path)
            with process("print(DuckDBWarehouse(path, wait_seconds=60).next_read('theirs'), flush=True)", warehouse.path) as other:
                assert line(other) == str(number + 1)
        kept.next_read("mine")
        found = query(warehouse.path, "SELECT last FROM read_sequences ORDER BY ALL", wait_seconds=PATIENCE, most_rows=9, seconds=60)
        assert found.table.column("last").to_pylist() == [3, 4]
    finally:
        kept.close()
    assert is_free(warehouse.path)


def test_a_file_that_stays_open_is_closed_when_nothing_is_done(tmp_path: Path) -> None:
    warehouse = open_warehouse(tmp_path)
    kept = DuckDBWarehouse(warehouse.path, idle_seconds=0.25)
    kept.next_read("mine")
    eventually(lambda: is_free(warehouse.path))
    assert kept.next_read("mine") == 2
    kept.close()


def test_each_use_of_an_open_file_begins_with_nothing_of_the_last(tmp_path: Path) -> None:
    """Neither its temporary tables nor what was staged."""
    kept = DuckDBWarehouse(open_warehouse(tmp_path).path, idle_seconds=3600)
    try:
        kept.rows("CREATE TEMP TABLE own AS SELECT 1")
        with kept._open() as connection:
            connection.register("staged_own", pa.table({"n": [1]}))
        for name in ("own", "staged_own"):
            with pytest.raises(Exception, match=f"Table with name {name} does not exist"):
                kept.rows(f"SELECT * FROM {name}")
        assert kept.rows("SELECT current_setting('TimeZone')") == [("UTC",)]
    finally:
        kept.close()


def test_a_reader_waits_for_no_commit_and_sees_whole_ones(tmp_path: Path) -> None:
    """Nor does a file that is closed meanwhile go away under it. What cannot be told apart from a commit that is just being made has no stamp."""
    kept = DuckDBWarehouse(open_warehouse(tmp_path).path, idle_seconds=3600)
    count = "SELECT count(*) FROM read_sequences"
    try:
        with kept._open() as connection:
            with transaction(connection):
                connection.execute("INSERT INTO read_sequences (restaurant_guid, last) VALUES ('mine', 1)")
                assert kept.rows(count) == [(0,)]
                assert kept.stamp() is None
            assert kept.rows(count) == [(1,)]
        with kept._file.read() as reader:
            closing = threading.Thread(target=kept.close)
            closing.start()
            eventually(lambda: kept._file._held.connection is None)
            assert reader.execute(count).fetchall() == [(1,)]
        closing.join(PATIENCE)
        assert is_free(kept.path)
    finally:
        kept.close()


def test_a_file_that_was_taken_away_while_open_is_made_anew(tmp_path: Path) -> None:
    kept = DuckDBWarehouse(open_warehouse(tmp_path).path, idle_seconds=3600)
    kept.next_read("mine")
    kept.path.unlink()
    assert kept.next_read("mine") == 1
    kept.close()
    assert DuckDBWarehouse(kept.path).rows("SELECT last FROM read_sequences") == [(1,)]


def test_a_process_that_ends_with_the_file_open_closes_it(tmp_path: Path) -> None:
    """It does not wait for the idle time, and leaves no log behind."""
    warehouse = open_warehouse(tmp_path)
    with process(KEEPS, warehouse.path) as other:
        assert other.communicate(timeout=PATIENCE)[0] == "kept\n"
        assert other.returncode == 0
    assert [one.name for one in tmp_path.iterdir()] == ["test.duckdb"]
    assert stored(warehouse, "read_sequences", "last") == [(1,)]


def test_what_was_committed_outlives_a_kill_while_the_file_stays_open(tmp_path: Path) -> None:
    warehouse = open_warehouse(tmp_path)
    with process(KEEPS + "time.sleep(600)", warehouse.path) as other:
        assert line(other) == "kept"
        other.send_signal(signal.SIGKILL)
        other.wait(PATIENCE)
    assert stored(warehouse, "read_sequences", "last") == [(1,)]


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("boundary", ["merge", "changed_days"])
def test_a_kill_at_a_boundary_of_a_commit_leaves_all_of_it_or_nothing(tmp_path: Path, boundary: str, side: str) -> None:
    """All of it only where the transaction was over; and what was in before stays."""
    warehouse = open_warehouse(tmp_path)
    land(warehouse, [order("old", [check("c", [selection("a")], [payment("p")])])])
    code = """
warehouse = DuckDBWarehouse(path, idle_seconds=60)
warehouse.next_read("open already")
boundaries.watch(lambda *at: os.kill(os.getpid(), signal.SIGKILL) if at == (sys.argv[2], sys.argv[3]) else None)
land(warehouse, [order("new", [check("c", [selection("a")], [payment("p")])]), order("old", [check("c", [selection("b")])], 1)])
"""
    with process(code, warehouse.path, boundary, side) as other:
        assert other.wait(PATIENCE) == -signal.SIGKILL

    is_in = (boundary, side) == ("merge", "after")
    assert stored(warehouse, "fact_orders", "order_guid") == ([("new",), ("old",)] if is_in else [("old",)])
    assert stored(warehouse, "fact_order_items", "order_guid", "selection_guid", where="NOT is_deleted") == (
        [("new", "a"), ("old", "b")] if is_in else [("old", "a")]
    )
    assert stored(warehouse, "changed_days", "sequence", "rows_added", "rows_changed") == [(1, 1, 0), *([(2, 1, 1)] if is_in else [])]
