"""How much a backfill says it will ask and how long that lasts, and its bars."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from ledger_world import record, whole_day
from orders_world import NORTH, SOUTH, open_warehouse
from restaurant_os.bars import BackfillBars, duration
from restaurant_os.pipeline.backfill import Work
from restaurant_os.pipeline.outlook import Expected, expected, location_seconds, seconds_of
from restaurant_os.settings import Location
from restaurant_os.sources.toast.client import PROFILES
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

CAREFUL, DOCUMENTED = PROFILES["careful"], PROFILES["documented"]
FIRST = date(2026, 1, 1)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def work(dataset: str, dates: int = 14, *, windows: int | None = None, at: Location = NORTH) -> Work:
    days = [FIRST + timedelta(days=n) for n in range(dates)]
    return Work(dataset, at, units=-(-dates // 7), dates=days, windows=dates if windows is None else windows)


def figures(found: list[Expected]) -> list[tuple[float, float]]:
    return [(one.calls, one.records) for one in found]


def test_what_nothing_is_known_of_is_expected_to_be_usual(warehouse: DuckDBWarehouse) -> None:
    """The user's 240 orders are three pages a date; cash is two calls a date; labor one, with one per week and two per location."""
    found = expected(warehouse, [work("orders"), work("cash"), work("labor", windows=16), work("labor", 0)])

    assert figures(found) == [(42, 14 * 240), (28, 14 * 20), (14 + 2 + 2, 14 * 20), (0, 0)]


@pytest.mark.parametrize(("rows", "pages"), [(1, 1), (99, 1), (100, 2), (101, 2), (850, 9)])
def test_orders_are_expected_by_the_ledgers_averages(warehouse: DuckDBWarehouse, rows: int, pages: int) -> None:
    """Of that location; a page that is full may not be the last. Dates without an order, and changes, tell nothing of a date."""
    days = [whole_day(date(2025, 3, n), 0) for n in (1, 2, 3, 4)]
    runs = [replace(days[0], rows_read=rows - 1), replace(days[1], rows_read=rows), replace(days[2], rows_read=rows + 1), days[3]]
    if rows == 1:
        runs = [replace(days[1], rows_read=1), days[3]]
    record(warehouse, *runs, replace(days[0], sync_id="changes", window_kind="modified", business_date=None, rows_read=5_000))

    found = expected(warehouse, [work("orders"), work("orders", at=SOUTH)])

    assert figures(found) == [(14 * pages, 14 * rows), (42, 14 * 240)]


def test_a_location_lasts_as_long_as_its_slowest_endpoint() -> None:
    """Its datasets wait side by side, each at its own endpoint, and all for the location's limit."""
    assert location_seconds({"orders": 100, "cash": 100, "labor": 100}, CAREFUL) == 1200
    assert location_seconds({"orders": 1, "cash": 100}, CAREFUL) == 300
    assert location_seconds({"orders": 10, "cash": 1000, "labor": 990}, DOCUMENTED) == pytest.approx(2000 * 0.092)
    assert location_seconds({}, CAREFUL) == 0


def test_locations_last_as_long_as_the_longest_of_them() -> None:
    """Unless there are more of them than threads."""
    group = [NORTH.model_copy(update={"toast_guid": f"aaaaaaaa-0000-4000-8000-00000000{n:04}"}) for n in range(64)]

    def lasts(*calls: float) -> float:
        found = [Expected(work("orders", at=at), own, 0) for at, own in zip(group, calls, strict=False)]
        return seconds_of(found, CAREFUL)

    assert lasts() == 0
    assert lasts(10, 30, 20) == 360
    assert lasts(*([10] * 64)) == 240


def test_two_datasets_of_one_location_are_not_added() -> None:
    both = [Expected(work("orders"), 10, 0), Expected(work("cash"), 20, 0)]

    assert seconds_of(both, CAREFUL) == 120


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5_399, "90 min"), (5_400, "1.5 h"), (172_800, "2.0 days")]
)
def test_a_duration_is_said_as_a_person_would(seconds: float, told: str) -> None:
    assert duration(seconds) == told


# --- bars ---------------------------------------------------------------------------------------------------------------


def bars(*found: Expected) -> BackfillBars:
    return BackfillBars(found, CAREFUL, enabled=False)


def shown(own: BackfillBars) -> dict[str, tuple[float, float | None]]:
    """Each bar's windows read and in all."""
    return {task.description: (task.completed, task.total) for task in own._bar.tasks}


def test_there_is_a_bar_for_each_location_and_one_over_all() -> None:
    own = bars(
        Expected(work("orders"), 42, 0),
        Expected(work("cash"), 28, 0),
        Expected(work("orders", 7, at=SOUTH), 21, 0),
        Expected(work("labor", 0), 0, 0),
    )
    heard = own.of("orders")
    heard.planned(21)
    heard.page(NORTH, 100)
    for _ in range(3):
        heard.window_read(NORTH)
    heard.window_read(SOUTH)
    own.of("cash").window_read(NORTH)

    assert shown(own) == {"North": (4, 28), "South": (1, 7), "all": (5, 35)}


def test_windows_that_are_read_again_do_not_overshoot() -> None:
    """A unit that failed at its last window is read once more; neither do those of one dataset fill the bar of another."""
    own = bars(Expected(work("orders", 7), 21, 0), Expected(work("cash", 7), 14, 0))
    heard = own.of("orders")
    for _ in range(6 + 7):
        heard.window_read(NORTH)

    assert shown(own) == {"North": (7, 14), "all": (7, 14)}


def test_the_time_left_is_what_the_pacing_makes_of_it() -> None:
    """42 calls of orders, 12 s apart: before the first is read, after one, and nothing when all are."""
    own = bars(Expected(work("orders"), 42, 0), Expected(work("cash"), 28, 0))
    left = [own._bar.tasks[-1].fields["left"]]
    own.read("orders", NORTH)
    left.append(own._bar.tasks[-1].fields["left"])
    for _ in range(13):
        own.read("orders", NORTH)
        own.read("cash", NORTH)
    own.read("cash", NORTH)

    assert left == [f"{duration(42 * 12)} left", f"{duration(39 * 12)} left"] == ["8 min left", "8 min left"]
    assert [task.fields["left"] for task in own._bar.tasks] == ["", ""]


def test_a_locations_name_cannot_write_to_the_terminal() -> None:
    """Neither with escapes nor as markup, which would end the command where it cannot be read."""
    odd = NORTH.model_copy(update={"name": "No\x1b[31mrth [/x]"})
    own = bars(Expected(work("orders", at=odd), 1, 0))
    terminal = Console(file=io.StringIO(), width=120)
    terminal.print(own._bar)

    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "[31mrth [/x]" in shown
    assert "\x1b" not in shown
