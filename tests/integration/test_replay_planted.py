"""The shipped rules over a world with planted incidents: each is told, and little else. `python -m proofs alerts` does it for 13 locations and 8 weeks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest

from planted_world import MOST, messages, missed, too_much
from restaurant_desk import desk
from restaurant_os.alerts.replay import replay
from restaurant_os.app import App
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.sync import Unwatched
from restaurant_os.simulator.planting import BAD_DRAWER, DEAD_DAY, DOUBLE_BOOKED, FORGOTTEN
from toast_simulator import simulating

#: A Sunday: the report week of the last day is whole.
LAST_DAY = date(2026, 11, 15)
#: So many same weekdays are a history.
BEFORE = 3
WEEK = timedelta(days=6)
#: What is read of each kind's days: enough for its rule and some others.
DATASETS = {
    DEAD_DAY: ("labor", "orders"),
    DOUBLE_BOOKED: ("labor", "orders"),
    FORGOTTEN: ("labor", "cash"),
    BAD_DRAWER: ("cash", "orders"),
}


class Planted(NamedTuple):
    app: App
    rows: list[dict[str, Any]]


def read_for(row: dict[str, Any]) -> list[tuple[date, date]]:
    """What is to be known before the rules look at it: for the labor rule the day and the same weekdays before it, else the week of the day."""
    day = date.fromisoformat(row["business_date"])
    if row["kind"] in (DEAD_DAY, DOUBLE_BOOKED):
        return [(own, own) for own in (day - timedelta(weeks=weeks) for weeks in range(BEFORE + 1))]
    monday = day - timedelta(days=day.weekday())
    return [(monday, monday + WEEK)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Three locations, of which just that is read."""
    with simulating(locations=3, days=56, last_day=LAST_DAY, plant=True) as toast:
        group = desk(tmp_path_factory.mktemp("planted"), toast, begun=True)
        rows, app = toast.planted(), group.app()
        app.idle_seconds = 2.0  # the file stays open from look to look
        places = {place.toast_guid: place for place in app.locations()}
        for row in rows:
            for dataset, (first, last) in product(DATASETS[row["kind"]], read_for(row)):
                results = app.sync(dataset).run([places[row["restaurant_guid"]]], Span(first, last), Unwatched())
                assert [str(one.error) for one in results if one.error] == []
        app.toast.http.close()
        yield Planted(app, rows)
        app.warehouse.close()


def test_each_planted_incident_is_told_and_its_week_has_two_messages_at_most(planted: Planted) -> None:
    app, told = planted.app, []
    for row in planted.rows:
        place = [own for own in app.locations() if own.toast_guid == row["restaurant_guid"]]
        report = replay(app.warehouse, app.settings, place, *read_for(row)[0])
        assert [*missed([row], report), *too_much(report)] == []
        told.append((row["kind"], 1 <= messages(report).total() <= MOST))
    assert told == [(BAD_DRAWER, True), (DOUBLE_BOOKED, True), (DEAD_DAY, True), (FORGOTTEN, True)]
