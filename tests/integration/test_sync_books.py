"""What we say was sold equals the simulator's books to the cent, whatever road the orders took."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from restaurant_desk import Desk, desk
from restaurant_os.simulator.faults import KINDS
from toast_simulator import EVERY_FAULT, LAST_DAY, Sales, Toast, simulating
from warehouse_reading import daily_sales, read

FIRST_DAY = LAST_DAY - timedelta(days=2)


@pytest.fixture
def toast() -> Iterator[Toast]:
    """Two restaurants, three days; the first of them has 23 hours."""
    with simulating(locations=2, days=3) as running:
        yield running


@pytest.fixture
def living() -> Iterator[Toast]:
    """Two restaurants, two days, and a world past the end of its history, in which promised orders are there too."""
    with simulating(locations=2, days=2) as running:
        running.advance(timedelta(minutes=1))
        yield running


@pytest.fixture
def group(tmp_path: Path, toast: Toast) -> Desk:
    return desk(tmp_path / "group", toast)


def last_date(sales: Sales) -> date:
    """Orders promised for a later day stand in the books already."""
    return max(on for _, on in sales)


def test_a_named_span_equals_the_books(tmp_path: Path) -> None:
    """Every business date of every restaurant, and none that the books lack; within Toast's limits, without one refusal."""
    with simulating(locations=2, days=3, limited=True) as toast:
        group = desk(tmp_path, toast)
        results = group.sync(FIRST_DAY, LAST_DAY)

        assert daily_sales(group.warehouse) == toast.books()
        assert len(toast.books()) == 6
        assert [result.unstable for result in results] == [0, 0]
        assert list(toast.statuses()) == ["200"]


def test_one_day_of_a_span_is_that_day_alone(group: Desk, toast: Toast) -> None:
    """What was asked lands whole, its neighbours not at all; only refunds show on the day that gave them back."""
    middle = FIRST_DAY + timedelta(days=1)
    group.sync(middle)

    ordered = {on for (on,) in read(group.warehouse, "SELECT DISTINCT business_date FROM fact_orders")}
    sold = {key: values[:3] for key, values in daily_sales(group.warehouse).items() if key[1] == middle}
    assert ordered == {middle}
    assert sold == {key: values[:3] for key, values in toast.books().items() if key[1] == middle}


def test_late_edits_reach_the_books_by_changes(tmp_path: Path, living: Toast) -> None:
    """Days later orders were voided, refunded, re-tipped and moved: a sync of changes sees it all."""
    group = desk(tmp_path, living)
    group.sync(LAST_DAY - timedelta(days=1), last_date(living.books()))
    before = living.books()
    living.advance(timedelta(days=2))
    books = living.books()
    group.sync()

    assert {key for key in before if before[key] != books[key]}, "no day of the first books was edited, so this shows nothing"
    assert daily_sales(group.warehouse) == books


def test_late_edits_reach_the_books_by_span(tmp_path: Path, living: Toast) -> None:
    """The same days asked again by name end as they stand now, though orders came to them and left them."""
    group = desk(tmp_path, living, locations=living.locations()[:1])
    group.sync(LAST_DAY - timedelta(days=1), LAST_DAY)
    living.advance(timedelta(days=2))
    books = {key: values for key, values in living.books().items() if key[0] == group.toast.locations()[0].toast_guid}
    group.sync(LAST_DAY - timedelta(days=1), last_date(books))

    assert daily_sales(group.warehouse) == books


def test_syncing_again_changes_nothing(group: Desk, toast: Toast) -> None:
    """What is in already is read, and not written again."""
    group.sync(FIRST_DAY, FIRST_DAY)
    before = read(group.warehouse, "SELECT order_guid, _loaded_at FROM fact_orders ORDER BY ALL")
    again = group.sync(FIRST_DAY, FIRST_DAY)

    assert [(result.rows_added, result.rows_changed) for result in again] == [(0, 0), (0, 0)]
    assert read(group.warehouse, "SELECT order_guid, _loaded_at FROM fact_orders ORDER BY ALL") == before


def test_orders_that_change_between_two_pages_are_not_lost(tmp_path: Path, living: Toast) -> None:
    """The world moves before every page but the first: orders leave the window while it is read and others take their places."""
    group = desk(tmp_path, living)
    group.sync(LAST_DAY - timedelta(days=1), last_date(living.books()))
    living.advance(timedelta(hours=12))
    living.set_faults(moving_pages={"every": 1, "seconds": 900})
    group.sync()
    moved = living.faults_happened()
    living.clear_faults()
    group.sync()

    assert moved["moving_pages"] >= 10
    assert daily_sales(group.warehouse) == living.books()


def test_every_fault_at_once_costs_no_cent(tmp_path: Path, living: Toast) -> None:
    """Refused, cut, late, repeated and broken answers: what landed meanwhile is right, and what was missed lands once they stop."""
    group = desk(tmp_path, living)
    often = {"server_error": {"every": 9}, "broken_order": {"every": 4}, "expired_token": {"every": 11}, "cut_body": {"every": 7}}
    living.set_faults(**{**tomllib.loads(EVERY_FAULT.read_text()), **often})
    group.sync(LAST_DAY - timedelta(days=1), LAST_DAY)
    happened = living.faults_happened()
    living.clear_faults()
    books = living.books()
    group.sync(LAST_DAY - timedelta(days=1), last_date(books))

    assert sorted(happened) == sorted(KINDS)
    assert [fault for fault in often if not happened[fault]] == []
    assert daily_sales(group.warehouse) == books


def test_a_world_that_lives_is_followed(tmp_path: Path) -> None:
    """Half an hour passes in every second while syncs of changes follow one another; when the world halts, one more shows all of it."""
    with simulating(locations=2, days=1, clock_speed=1_800) as toast:
        group = desk(tmp_path / "group", toast)
        group.sync(LAST_DAY)
        for _ in range(4):
            group.sync()
        toast.freeze()
        group.sync()

        assert daily_sales(group.warehouse) == toast.books()
        assert len({on for _, on in toast.books()}) > 1


def test_changes_alone_from_nothing_are_whole_for_the_days_they_reach(tmp_path: Path) -> None:
    """The first sync without a span brings what changed in the last days, and the last three closed business dates whole."""
    with simulating(locations=1, days=5) as toast:
        group = desk(tmp_path / "group", toast)
        group.sync()
        net = {LAST_DAY - timedelta(days=n) for n in range(3)}
        books = toast.books()

        assert {key: values for key, values in daily_sales(group.warehouse).items() if key[1] in net} == {
            key: values for key, values in books.items() if key[1] in net
        }
        assert len(books) == 5


def test_a_restaurant_that_is_not_asked_stays_empty(group: Desk, toast: Toast) -> None:
    """Each restaurant lands under its own GUID alone."""
    first = toast.locations()[:1]
    alone = desk(group.folder.with_name("alone"), toast, locations=first)
    alone.sync(FIRST_DAY, LAST_DAY)

    assert daily_sales(alone.warehouse) == {key: values for key, values in toast.books().items() if key[0] == first[0].toast_guid}


def test_the_present_is_the_apis_also_with_a_token_at_hand(group: Desk, toast: Toast) -> None:
    """Our clock is months ahead of the API's here: no window may end, and no read begin, later than the API's present."""
    group.sync(FIRST_DAY)
    group.sync()
    assert toast.simulator is not None
    present = toast.simulator.clock.api()

    assert read(group.warehouse, f"SELECT count(*) FROM sync_runs WHERE greatest(started_at, finished_at) > '{present}'") == [(0,)]
    assert read(group.warehouse, f"SELECT count(*) FROM sync_runs WHERE window_kind = 'modified' AND window_end > '{present}'") == [(0,)]
