"""What today's rules would have said over stored history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from evaluator_world import BAR, PAID, TODAY, USUAL, Watched, only, watched
from restaurant_os.alerts.replay import ReplayReport, replay

#: The report week of TODAY begins on a Monday.
WEEK = TODAY - timedelta(days=1)
DEAD = {clock: amount for clock, amount in USUAL.items() if clock < 15}


@pytest.fixture
def bar(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path, rules=only("labor-percent", "data-late")) as found:
        found.usual_weeks()
        yield found


def replayed(bar: Watched, first: date = TODAY, last: date = TODAY) -> ReplayReport:
    return replay(bar.warehouse, bar.settings, bar.places, first, last)


def ran(bar: Watched, sold: dict[int, int]) -> None:
    """Today, read whole after its closeout."""
    with bar.rows() as rows:
        bar.begin_today(rows)
        for dataset in ("orders", "labor", "cash"):
            rows.read(dataset, BAR.business_day.bounds(TODAY)[1] + timedelta(hours=1), TODAY, restaurant_guid=BAR.toast_guid)
        bar.sold(rows, TODAY, BAR, sold)
        bar.worked(rows, TODAY, BAR, dict.fromkeys(USUAL, PAID))


def test_a_usual_day_would_have_been_quiet(bar: Watched) -> None:
    ran(bar, USUAL)

    report = replayed(bar)

    assert (report.weeks, [(own.rule.name, own.messages, own.most, own.proposed) for own in report.levels]) == (
        (),
        [("labor-percent", 0, 0, None)],
    )
    assert report.left_out == ("data-late",)


def test_a_dead_afternoon_would_have_been_told(bar: Watched) -> None:
    """By the week, with the location; and nothing is kept or sent of it."""
    ran(bar, DEAD)

    report = replayed(bar)

    [(week, rule, location, messages, incidents)] = report.week_cells()
    assert (week, rule, location, incidents) == (WEEK, "labor-percent", "Bar", 1)
    assert 1 <= messages <= 2
    assert (bar.operations.incidents(), bar.operations.deliveries()) == ([], [])


def test_it_is_the_same_as_what_the_evaluator_told_as_the_day_went(bar: Watched) -> None:
    """The same incidents, by looks every quarter of an hour."""
    with bar.rows() as rows:
        bar.begin_today(rows)
        bar.sold(rows, TODAY, BAR, DEAD)
        bar.worked(rows, TODAY, BAR, dict.fromkeys(USUAL, PAID))
        bar.polled(rows, BAR.business_day.bounds(TODAY)[1])
    told = bar.through("14:00", "20:00", 30)

    [own] = [week for week in replayed(bar).weeks if week.rule == "labor-percent"]

    assert own.incidents == [kind for _, kind, title in told if "Labor" in title].count("opened") == 1


def test_a_level_is_proposed_that_no_week_passes_on_more_than_two_days(tmp_path: Path) -> None:
    """Voids of 6, 9, 12 and 20 % on four days: beyond 9.0 % there are two."""
    rules = [*only("void-rate"), {"name": "void-rate", "above": 5, "clear": 4, "min_sales": 0, "min_dollars": 0, "min_count": 0}]
    with watched(tmp_path, rules=rules) as bar:
        with bar.rows() as rows:
            for days, percent in enumerate((6, 9, 12, 20)):
                day = WEEK + timedelta(days=days)
                bar.begin(rows, BAR, day)
                rows.read("orders", BAR.business_day.bounds(day)[1] + timedelta(hours=1), day, restaurant_guid=BAR.toast_guid)
                bar.sold(rows, day, BAR, {12: 100 - percent})
                bar.voided(rows, day, BAR, percent)

        report = replayed(bar, WEEK, WEEK + timedelta(days=6))

        assert report.week_cells() == [(WEEK, "void-rate", "Bar", 4, 4)]
        [level] = report.levels
        assert (level.messages, level.most, level.proposed) == (4, 4, 9.0)
        assert report.level_cells() == [("void-rate", "above 5.0 %", 4, 4, "9.0 %")]
