"""A commit that stops anywhere leaves nothing half there, on every engine; made again, it ends as if it had never stopped."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engines_stories import DAY, OF_ORDERS, run_of, story, supper, unreadable, with_calendar
from engines_world import PROVE, Engine, Rows
from ledger_world import whole_day
from orders_world import Json, check, order, orders_commit, selection
from restaurant_os.boundaries import Boundary, Side
from restaurant_os.tables import TABLES
from restaurant_os.warehouse import Commit

TESTS = Path(__file__).parents[1]
Tables = dict[str, Rows]


def version(number: int) -> Commit:
    """All that a commit may do: an order that moves, loses a line and gives money back, a new one, one in quarantine, a ledger row, the calendar."""
    new = order(f"new-{number}", [check(f"new-{number}-c", [selection(f"new-{number}-s", 1.0)])])
    moved: Json = supper(number, lines=1 + number % 2, day=20260301 + number % 2)
    commit = orders_commit([moved, new], runs=[run_of(whole_day(DAY, 7 + number), f"run-{number}")])
    return with_calendar(replace(commit, rejected=[unreadable("broken")]), DAY)


def held(engine: Engine) -> Tables:
    return engine.tables(*OF_ORDERS)


def undisturbed(twin: Engine, number: int) -> Tables:
    """What stands after that version and all before it, where nothing ever stopped."""
    twin.now.turn(minutes=1)
    twin.open().commit(version(number))
    return held(twin)


def make_again(engine: Engine, number: int, *, is_in: bool) -> None:
    """As the next process does it: a sync that the ledger has is not made again, but what it brought may come again."""
    engine.open().commit(replace(version(number), runs=()) if is_in else version(number))


def chosen(calls: int, most: int) -> list[int]:
    """At which calls the process dies: at each of them in a proof, else at some, the last ones among them."""
    if PROVE or calls <= most:
        return list(range(1, calls + 1))
    spread = {1 + (calls - 1) * place // (most - 3) for place in range(most - 2)}
    return sorted(spread | {calls - 1, calls})


@pytest.mark.timeout(600)
def test_a_crash_between_any_two_calls_leaves_all_or_nothing(engine: Engine, twin: Engine) -> None:
    engine.open().commit(version(0))
    twin.open().commit(version(0))
    with engine.dying() as calls:
        engine.now.turn(minutes=1)
        engine.open().commit(version(1))
    before = undisturbed(twin, 1)
    number = 1
    for last in chosen(calls.count, 5 if engine.name == "bigquery" else 7):
        number += 1
        engine.now.turn(minutes=1)
        with engine.dying(last) as dying:
            engine.open().commit(version(number))
        after = undisturbed(twin, number)
        found = held(engine)
        make_again(engine, number, is_in=found == after)

        assert dying.was_reached, f"call {last} of {calls.count} was never made"
        assert found in (before, after), f"half there after {dying.made[-3:]}, at call {last} of {calls.count}"
        assert held(engine) == after, f"not as if undisturbed after {dying.made[-3:]}, at call {last} of {calls.count}"
        before = after


BOUNDARIES: tuple[tuple[Boundary, Side], ...] = (
    ("merge", "before"),
    ("changed_days", "before"),
    ("changed_days", "after"),
    ("merge", "after"),
)


@pytest.mark.timeout(300)
def test_a_process_that_is_killed_at_a_boundary_leaves_all_or_nothing(engine: Engine, twin: Engine) -> None:
    """`kill -9`, in a process of its own, at every boundary that a commit crosses; on BigQuery at the first and the last, and at each in a proof."""
    engine.open().commit(version(0))
    twin.open().commit(version(0))
    before = held(twin)
    boundaries = (BOUNDARIES[0], BOUNDARIES[-1]) if engine.name == "bigquery" and not PROVE else BOUNDARIES
    for number, (boundary, side) in enumerate(boundaries, 1):
        engine.close()
        engine.now.turn(minutes=1)
        given = pickle.dumps((engine.place, engine.bigquery, engine.now(), version(number), boundary, side))
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        ran = subprocess.run(
            [sys.executable, str(TESTS / "engines_committing.py")], input=given, env=environment, check=False, capture_output=True
        )
        after = undisturbed(twin, number)
        found = held(engine)
        make_again(engine, number, is_in=found == after)

        assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()
        assert found == (after if (boundary, side) == ("merge", "after") else before)
        assert held(engine) == after
        before = after


@pytest.mark.timeout(300)
def test_a_story_of_every_dataset_ends_alike_on_every_engine(engine: Engine, twin: Engine) -> None:
    """Every row of every table, times of writing and sequences too, is that of a file of DuckDB that was told the same; and each commit says the same."""
    warehouse, other = engine.open(), twin.open()
    for commit in story():
        assert warehouse.commit(commit) == other.commit(commit)
        engine.now.turn(minutes=1)
        twin.now.turn(minutes=1)

    names = [spec.name for spec in TABLES]
    found, expected = engine.tables(*names), twin.tables(*names)
    for name in names:
        assert found[name] == expected[name], name
