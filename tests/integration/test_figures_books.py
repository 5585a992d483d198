"""A share of `make prove`'s figures: sales, labor, cash and the tie-out of a small group equal the simulator's books."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from figures_reading import COMPS, compare
from restaurant_desk import Desk, desk
from toast_simulator import LAST_DAY, simulating
from warehouse_reading import read

DAYS = 4
#: One restaurant takes no cash and schedules nobody (docs/simulator.md).
LOCATIONS = 4
EVERY_THING = ("orders", "labor", "cash")


def span(group: Desk, first: date, last: date) -> None:
    for dataset in EVERY_THING:
        group.sync(first, last, dataset=dataset)


def differences(group: Desk, last_closed: date) -> list[str]:
    return [line for own in compare(group.warehouse, group.toast, last_closed).values() for line in own.differences]


def test_every_figure_equals_the_books_as_first_read_and_after_late_edits(tmp_path: Path) -> None:
    """To the cent and the minute, on a day of 23 hours too; `daily_close` ties to zero on every day."""
    first = LAST_DAY - timedelta(days=DAYS - 1)
    with simulating(locations=LOCATIONS, days=DAYS) as toast:
        group = desk(tmp_path, toast)
        group.settings.write_text(f"{group.settings.read_text()}\n{COMPS}")
        toast.advance(timedelta(minutes=1))
        horizon = max(date.fromisoformat(row["business_date"]) for row in toast.book("sales"))
        span(group, first, min(horizon, first + timedelta(days=30)))
        assert differences(group, LAST_DAY) == []

        toast.advance(timedelta(days=2))
        for dataset in EVERY_THING:
            group.sync(dataset=dataset)
        assert differences(group, LAST_DAY + timedelta(days=2)) == []
        assert read(group.warehouse, "SELECT DISTINCT difference FROM daily_close WHERE difference IS NOT NULL") == [(0,)]
