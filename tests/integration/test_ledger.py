"""What the ledger says: a row means that data is in; the mark is the end of the gap-free chain."""

from __future__ import annotations

import itertools
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_world import changes, hour, record, whole_day
from orders_world import FIRST_VERSION, NORTH, SOUTH, check, land, open_warehouse, order, stored
from property_profiles import examples
from restaurant_os.errors import WarehouseError
from restaurant_os.pipeline.ledger import Chain, ledger
from restaurant_os.warehouse import SyncRun
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

GUID = NORTH.toast_guid


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def chain_of(warehouse: DuckDBWarehouse, *runs: SyncRun) -> Chain | None:
    record(warehouse, *runs)
    return ledger(warehouse, "orders").chains.get(GUID)


def chain(start: float, mark: float, *, broken: bool = False) -> Chain:
    return Chain(hour(start), hour(mark), broken)


def test_no_window_no_mark(warehouse: DuckDBWarehouse) -> None:
    """Whole business dates never move the mark."""
    assert chain_of(warehouse, whole_day(date(2026, 3, 1), 5)) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_windows_that_touch_or_overlap_are_one_chain(tmp_path: Path, order: tuple[int, ...]) -> None:
    """In whatever order they were committed; one inside another neither shortens nor breaks it."""
    runs = [changes(0, 24), changes(24, 30), changes(29.5, 40), changes(1, 2)]

    assert chain_of(open_warehouse(tmp_path), *(runs[n] for n in order)) == chain(0, 40)


def test_a_gap_ends_the_chain(warehouse: DuckDBWarehouse) -> None:
    """The mark stays before the gap, though later windows were read; closing the gap moves it to their end."""
    first = chain_of(warehouse, changes(0, 10), changes(11, 20), changes(20, 30))
    second = chain_of(warehouse, changes(9.5, 11))

    assert first == chain(0, 10, broken=True)
    assert second == chain(0, 30)


def test_a_gap_of_a_millisecond_is_a_gap(warehouse: DuckDBWarehouse) -> None:
    """Windows are half open: the next begins where the last ended."""
    assert chain_of(warehouse, changes(0, 10), changes(10 + 1 / 3_600_000, 20)) == chain(0, 10, broken=True)


def test_a_long_window_reaches_over_short_ones(warehouse: DuckDBWarehouse) -> None:
    """How far the chain reaches is the furthest end so far, not the last window's."""
    assert chain_of(warehouse, changes(0, 30), changes(1, 2), changes(25, 40)) == chain(0, 40)


def test_unstable_windows_do_not_count(warehouse: DuckDBWarehouse) -> None:
    """Landed, but asked again: neither the mark nor a day's reading goes by them."""
    first = chain_of(warehouse, changes(0, 10), changes(10, 20, "unstable"), whole_day(date(2026, 3, 1), 5, "unstable"))
    second = chain_of(warehouse, changes(9.5, 20))

    assert (first, second) == (chain(0, 10), chain(0, 20))
    assert ledger(warehouse, "orders").read == {}


def test_an_unstable_window_amid_a_chain_is_a_gap(warehouse: DuckDBWarehouse) -> None:
    """What was read after it does not carry the mark over it."""
    assert chain_of(warehouse, changes(0, 10), changes(10, 20, "unstable"), changes(20, 30)) == chain(0, 10, broken=True)


def test_locations_and_datasets_have_marks_of_their_own(warehouse: DuckDBWarehouse) -> None:
    """One does not carry another's."""
    record(warehouse, changes(0, 10), changes(5, 20, location=SOUTH), changes(10, 99, dataset="labor"))

    assert ledger(warehouse, "orders").chains == {GUID: chain(0, 10), SOUTH.toast_guid: chain(5, 20)}
    assert ledger(warehouse, "labor").chains == {GUID: chain(10, 99)}


def test_a_day_s_last_reading(warehouse: DuckDBWarehouse) -> None:
    """The latest stable one, by when it began."""
    day, other = date(2026, 3, 1), date(2026, 3, 2)
    record(
        warehouse,
        whole_day(day, 5),
        whole_day(day, 3),
        whole_day(day, 9, "unstable"),
        whole_day(other, 1),
        whole_day(day, 7, location=SOUTH),
    )

    assert ledger(warehouse, "orders").read == {(GUID, day): hour(5), (GUID, other): hour(1), (SOUTH.toast_guid, day): hour(7)}


windows = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.booleans()), min_size=1, max_size=12)


@examples(2)
@given(windows)
def test_the_mark_is_the_end_of_the_gap_free_chain(windows: list[tuple[int, int, bool]]) -> None:
    """Of any windows: from the earliest start on, as far as every hour was read by a stable window."""
    with tempfile.TemporaryDirectory() as folder:
        found = chain_of(
            open_warehouse(Path(folder)),
            *(changes(start, start + length, "done" if done else "unstable") for start, length, done in windows),
        )

    read = {hour_read for start, length, done in windows if done for hour_read in range(start, start + length)}
    if not read:
        assert found is None
        return
    start = mark = min(read)
    while mark in read:
        mark += 1
    assert found == chain(start, mark, broken=mark < max(read))


# --- one transaction --------------------------------------------------------------------------------------------------


def test_rows_and_ledger_come_together_or_not_at_all(warehouse: DuckDBWarehouse) -> None:
    """A commit that fails at its last step leaves neither orders nor ledger nor changed days."""
    spoilt = changes(0, 10)
    object.__setattr__(spoilt, "sync_id", None)  # the ledger's key: refused after the orders were merged

    with pytest.raises((WarehouseError, ValueError)):
        land(warehouse, [order("o", [check("c")])], runs=[changes(10, 20), spoilt])
    assert {name: stored(warehouse, name, "count(*)") for name in ("fact_orders", "fact_checks", "sync_runs", "changed_days")} == {
        "fact_orders": [(0,)],
        "fact_checks": [(0,)],
        "sync_runs": [(0,)],
        "changed_days": [(0,)],
    }


def test_changed_days_grow_with_every_commit(warehouse: DuckDBWarehouse) -> None:
    """A reader clears what it has read up to a sequence; a commit that changes nothing adds none."""
    land(warehouse, [order("o", [check("c")])])
    land(warehouse, [order("o", [check("c")])])
    land(warehouse, [order("o", [check("c")], 1), order("n", [check("c2")])])

    assert stored(warehouse, "changed_days", "dataset", "restaurant_guid", "business_date", "sequence", "rows_added", "rows_changed") == [
        ("orders", GUID, date(2026, 3, 1), 1, 1, 0),
        ("orders", GUID, date(2026, 3, 1), 2, 1, 1),
    ]


def test_a_ledger_row_is_kept_whole(warehouse: DuckDBWarehouse) -> None:
    """Every value of the sync, and when it was written."""
    run = whole_day(date(2026, 3, 1), 5)
    land(warehouse, [order("o", [check("c")])], runs=[run])

    expected = tuple(getattr(run, name) for name in SyncRun.__slots__)
    assert stored(warehouse, "sync_runs", *SyncRun.__slots__, "_loaded_at") == [(*expected, FIRST_VERSION)]


# --- quarantine -------------------------------------------------------------------------------------------------------


def waiting(warehouse: DuckDBWarehouse) -> list[tuple[object, ...]]:
    return stored(warehouse, "quarantine", "record_guid", "business_date", "field", "first_seen_at", "last_seen_at", "resolved_at")


def test_a_record_waits_once_and_is_resolved_when_it_can_be_read(warehouse: DuckDBWarehouse) -> None:
    """Seen again it is the same row; a readable version resolves it; broken again it waits again, since its first time."""
    day = date(2026, 3, 1)
    broken, good = order("o", [check("c") | {"amount": "x"}]), order("o", [check("c")], 1)
    seen: list[list[tuple[object, ...]]] = []
    for number, one in enumerate((broken, broken, good, broken)):
        warehouse.now = lambda number=number: hour(number)  # type: ignore[misc]
        land(warehouse, [one])
        seen.append(waiting(warehouse))

    assert seen == [
        [("o", day, "Order", hour(0), hour(0), None)],
        [("o", day, "Order", hour(0), hour(1), None)],
        [("o", day, "Order", hour(0), hour(1), hour(2))],
        [("o", day, "Order", hour(0), hour(3), None)],
    ]
    assert stored(warehouse, "fact_orders", "order_guid") == [("o",)]


def test_a_record_without_an_id_is_told_by_its_text(warehouse: DuckDBWarehouse) -> None:
    """The same text once, another text beside it."""
    for checks in ([], [], [1]):
        land(warehouse, [{"guid": None, "checks": checks}])

    assert stored(warehouse, "quarantine", "record_guid", "record_json") == [
        (None, '{"guid":null,"checks":[1]}'),
        (None, '{"guid":null,"checks":[]}'),
    ]


def test_an_older_readable_version_does_not_resolve_a_newer_broken_one(warehouse: DuckDBWarehouse) -> None:
    """What waits is the order, and its newest version could not be read: in one commit the broken one is kept waiting."""
    land(warehouse, [order("o", [check("c")], 0)], [order("o", [check("c") | {"amount": "x"}], 1)])

    assert [row[-1] for row in waiting(warehouse)] == [None]
