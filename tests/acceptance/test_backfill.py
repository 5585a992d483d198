"""`restaurant-os backfill` as a process of its own: killed, interrupted, beside another, and to the present."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from disturbing import compared, disturbed, finished_days, repeated
from killing import AfterCalls, left_behind
from restaurant_desk import COMMAND, Desk, desk
from toast_simulator import LAST_DAY, Toast, environment, simulating
from warehouse_reading import ledger, orders

WEEKS = 4
DAYS = WEEKS * 7
FIRST = LAST_DAY - timedelta(days=DAYS - 1)
SPAN = ("--from", FIRST.isoformat(), "--to", LAST_DAY.isoformat())
WORDS = ("backfill", "orders", *SPAN)
LOCATIONS = 3
SECONDS_AT_MOST = 60


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=LOCATIONS, days=DAYS, demand=0.02) as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(toast: Toast, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    group = desk(tmp_path_factory.mktemp("undisturbed"), toast, begun=True)
    ran = group.run(*WORDS)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, f"Complete: {LOCATIONS * WEEKS} units.")
    return group


@pytest.fixture
def paced(toast: Toast) -> Iterator[Toast]:
    """The same, called so slowly that there is time to interrupt: 28 dates and a few, 0.21 s apart."""
    slow = Toast(toast.url, "documented")
    yield slow
    slow.close()


def test_killed_three_times_it_ends_like_an_undisturbed_one(toast: Toast, undisturbed: Desk, tmp_path: Path) -> None:
    """The proof `backfill` in small: every table equal, days and ledger agree after each kill, and no finished date is called for again."""
    dice = random.Random(3)
    moments = [AfterCalls(dice.randint(0, 40), dice.uniform(0.0, 0.2)) for _ in range(3)]
    group = desk(tmp_path / "group", toast, begun=True)

    seen = disturbed(group, moments, tmp_path / "copies", *WORDS)

    assert [kill.is_killed for kill in seen.kills] == [True] * 3
    assert (seen.returncode, seen.torn, seen.repeated, left_behind(group)) == (0, 0, [], [])
    assert max(seen.finished) > 0
    assert compared(group) == compared(undisturbed)


def test_a_date_that_is_asked_again_would_be_seen(toast: Toast, undisturbed: Desk) -> None:
    """What judges the kills is no blank: a sync of a date that is in asks for it again, at every location."""
    before = toast.call_count()
    undisturbed.sync(FIRST, FIRST)

    again = repeated(toast, before, finished_days(undisturbed.warehouse))

    assert sorted(again) == sorted((location.toast_guid, FIRST) for location in toast.locations())


@pytest.mark.parametrize("kind", ["text", "json"])
def test_interrupted_it_ends_well_and_goes_on_next_time(paced: Toast, undisturbed: Desk, tmp_path: Path, kind: str) -> None:
    """Ctrl-C: exit code 1, what is in stays in, nothing is left behind, and what is missing is named."""
    group = desk(tmp_path, paced, begun=True)
    process = subprocess.Popen(
        [COMMAND, *WORDS, *(["--json"] if kind == "json" else [])],
        cwd=group.folder,
        env=environment(group.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    before, give_up = paced.call_count(), time.monotonic() + SECONDS_AT_MOST
    while paced.call_count() - before < 12 * LOCATIONS and time.monotonic() < give_up:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=SECONDS_AT_MOST)
    finished = finished_days(group.warehouse)

    assert process.returncode == 1
    assert 7 * LOCATIONS <= len(finished) < DAYS * LOCATIONS
    assert "Traceback" not in out + err
    assert left_behind(group) == []
    if kind == "json":
        gaps = json.loads(out)["missing"]
        assert err == ""
        assert sum(
            (datetime.fromisoformat(gap["to"]) - datetime.fromisoformat(gap["from"])).days + 1 for gap in gaps
        ) == DAYS * LOCATIONS - len(finished)
    else:
        assert ("still missing" in out, "Stopped. What was committed is in" in err) == (True, True)
    group.settings.write_text(group.settings.read_text().replace('"documented"', '"none"'))
    again = group.run(*WORDS)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, f"Complete: {LOCATIONS * WEEKS} units.")
    assert orders(group.warehouse) == orders(undisturbed.warehouse)
    assert ledger(group.warehouse) == ledger(undisturbed.warehouse)


def test_one_beside_another_waits_its_turn(paced: Toast, undisturbed: Desk, tmp_path: Path) -> None:
    """A sync that cannot wait so long is told who has the turn, and the backfill is none the worse."""
    group = desk(tmp_path, paced, "wait_seconds = 0.3", begun=True)
    process = subprocess.Popen(
        [COMMAND, *WORDS], cwd=group.folder, env=environment(group.folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    before, give_up = paced.call_count(), time.monotonic() + SECONDS_AT_MOST
    while paced.call_count() - before < 3 * LOCATIONS and time.monotonic() < give_up:
        time.sleep(0.02)

    beside: dict[str, Any] = {}
    while "locations" not in beside and time.monotonic() < give_up:
        process.send_signal(signal.SIGSTOP)  # it has the turn as long as it takes, and now and then the file too
        ran = group.run("sync", "cash", "--json")
        beside = json.loads(ran.stdout)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
    _, err = process.communicate(timeout=SECONDS_AT_MOST)

    assert (ran.returncode, process.returncode, err.count("failed")) == (1, 0, 0)
    told = [location["error"]["message"] for location in beside["locations"]]
    assert len(told) == LOCATIONS
    assert all(f"process {process.pid} is doing it already" in message for message in told)
    assert orders(group.warehouse) == orders(undisturbed.warehouse)


def test_without_an_end_it_ends_at_the_last_closed_date(tmp_path: Path) -> None:
    """In a world that is at the present: up to the date that is closed, and not the open one."""
    with simulating(locations=2, days=2, last_day=None, demand=0.02) as toast:
        group = desk(tmp_path, toast, begun=True)
        now = datetime.now(UTC)
        closed = {location.toast_guid: location.business_day.last_closed(now) for location in toast.locations()}
        first = min(closed.values()) - timedelta(days=1)

        ran = group.run("backfill", "orders", "--from", first.isoformat())
        ahead = group.run("backfill", "orders", "--from", first.isoformat(), "--to", "9999-12-31", "--plan", "--json")

        assert ran.returncode == 0, ran.stdout + ran.stderr
        last = {guid: max(day for at, day in finished_days(group.warehouse) if at == guid) for guid in closed}
        assert last == closed
        assert json.loads(ahead.stdout)["dates"] == 0
