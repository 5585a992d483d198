"""A folded ledger answers as the whole one did."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ledger_world import changes, hour, record, whole_day
from orders_world import NORTH, SOUTH, open_warehouse, stored
from property_profiles import examples
from restaurant_os.pipeline.ledger import ledger
from restaurant_os.pipeline.status import day_statuses
from restaurant_os.warehouse import SyncRun, Warehouse

DAYS = (date(2026, 3, 1), date(2026, 3, 2))
PLACES = (NORTH, SOUTH)
windows = st.builds(
    lambda start, length, done, place: changes(start, start + length, "done" if done else "unstable", PLACES[place]),
    st.integers(0, 40),
    st.integers(1, 12),
    st.booleans(),
    st.integers(0, 1),
)
reads = st.builds(
    lambda day, read, done, place: whole_day(DAYS[day], read, "done" if done else "unstable", PLACES[place]),
    st.integers(0, 1),
    st.integers(0, 60),
    st.booleans(),
    st.integers(0, 1),
)


def answers(warehouse: Warehouse) -> tuple[object, ...]:
    """All that is asked of it: the ledger, the status of days, up to when the views know the sales of a day, and its sums."""
    sums = warehouse.rows("SELECT dataset, restaurant_guid, window_kind = 'modified' AND status = 'done' AS of_chain FROM sync_runs")
    pages = warehouse.rows("SELECT sum(pages), sum(rows_read) FROM sync_runs WHERE window_kind = 'modified'")
    return ledger(warehouse, "orders"), day_statuses(warehouse, PLACES, None, hour(100)), sorted(set(sums)), pages


@examples()
@given(st.lists(st.one_of(windows, reads), min_size=1, max_size=14), st.integers(0, 60))
def test_what_is_asked_of_it_stays(runs: list[SyncRun], before: int) -> None:
    """Of any windows and reads, folded up to any instant; folding twice changes nothing more."""
    with tempfile.TemporaryDirectory() as folder:
        answers_as_before(open_warehouse(Path(folder)), runs, before)


def answers_as_before(warehouse: Warehouse, runs: list[SyncRun], before: int) -> None:
    """On whatever engine it runs."""
    record(warehouse, *runs)
    whole = answers(warehouse)
    gone = warehouse.fold_ledger(hour(before))
    [(left,)] = warehouse.rows("SELECT count(*) FROM sync_runs")

    assert (answers(warehouse), gone, warehouse.fold_ledger(hour(before))) == (whole, len(runs) - left, 0)


def test_a_day_of_polls_is_one_row(tmp_path: Path) -> None:
    """The chain of a whole day with its sums; those that began later are left as they are."""
    warehouse = open_warehouse(tmp_path)
    record(warehouse, *(changes(n / 12, (n + 1) / 12) for n in range(288)), changes(24, 24.1), changes(24.1, 24.2))

    assert warehouse.fold_ledger(hour(24)) == 286
    assert stored(warehouse, "sync_runs", "window_start, window_end, pages") == [
        (hour(0), hour(24 - 1 / 12), 287),
        (hour(24 - 1 / 12), hour(24), 1),
        (hour(24), hour(24.1), 1),
        (hour(24.1), hour(24.2), 1),
    ]


def test_of_a_day_s_reads_the_last_is_left(tmp_path: Path) -> None:
    """Of each status one: an unstable read may be the later one."""
    warehouse = open_warehouse(tmp_path)
    record(warehouse, *(whole_day(DAYS[0], read) for read in (1, 2, 3)), whole_day(DAYS[0], 4, "unstable"), whole_day(DAYS[0], 90))

    assert warehouse.fold_ledger(hour(50)) == 2
    assert stored(warehouse, "sync_runs", "started_at, status") == [(hour(3), "done"), (hour(4), "unstable"), (hour(90), "done")]
