"""`restaurant-os schedule`: what is due next, everything once, and a process that keeps running until it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from restaurant_desk import Desk, desk
from restaurant_os.settings import Location
from toast_simulator import Toast, environment, simulating
from warehouse_reading import read

SCHEDULE = [sys.executable, "-c", "from restaurant_os.cli.keep import keeping; keeping()"]
STRANGER = Location(name="Stranger", toast_guid="0f9d0c1e-1111-4a11-8a11-00000000ffff", timezone="America/New_York")
NO_CONFIG = '\n[schedule]\nconfig = "off"\n'


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=2, days=1, last_day=None) as running:
        yield running


@pytest.fixture
def group(tmp_path: Path, toast: Toast) -> Desk:
    return desk(tmp_path / "group", toast, begun=True)


def schedule(own: Desk, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCHEDULE, *options], cwd=own.folder, env=environment(own.folder), capture_output=True, text=True, timeout=100, check=False
    )


def test_what_is_due_next(group: Desk) -> None:
    """As a table and as a document, soonest first; nothing is called."""
    (group.folder / "unused").mkdir()
    shown, told = schedule(group, "--list"), schedule(group, "--list", "--json")

    rows = json.loads(told.stdout)
    assert (shown.returncode, told.returncode) == (0, 0)
    assert len(rows) == 4 + 2 * 3
    assert {row["dataset"] for row in rows} == {"orders", "cash", "labor", "config"}
    instants = [datetime.fromisoformat(row["due_at"]) for row in rows]
    assert instants == sorted(instants)
    assert "60 min after closeout" in shown.stdout
    assert not (group.folder / "cache").exists()


def test_everything_once(group: Desk) -> None:
    """One line of JSON a dataset, in order, and the rows are in."""
    group.settings.write_text(group.settings.read_text() + NO_CONFIG)

    ran = schedule(group, "--once", "--json")

    documents = [json.loads(line) for line in ran.stdout.splitlines()]
    assert (ran.returncode, [document["dataset"] for document in documents]) == (0, ["orders", "cash", "labor"])
    assert all(row["error"] is None and row["rows_read"] > 0 for document in documents for row in document["locations"])
    assert read(group.warehouse, "SELECT count(DISTINCT dataset) FROM sync_runs") == [(3,)]


def test_one_location_that_fails_is_told_and_the_rest_is_in(tmp_path: Path, toast: Toast) -> None:
    """In words, with exit code 1; the datasets after it are still brought in."""
    own = desk(tmp_path / "own", toast, locations=[*toast.locations(), STRANGER], begun=True)
    own.settings.write_text(own.settings.read_text() + NO_CONFIG)

    ran = schedule(own, "--once")

    assert ran.returncode == 1
    assert ran.stderr.count("Stranger: ") == 3
    assert [line.split("  ")[1].split(":")[0] for line in ran.stdout.splitlines()] == ["orders", "cash", "labor"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_schedule_does_what_is_due_and_ends_when_told(tmp_path: Path, toast: Toast, number: signal.Signals) -> None:
    """Orders are due within a minute; told to stop while they are read slowly, it ends after the page, with what is whole."""
    own = desk(tmp_path / "own", replace(toast, pacing="careful"), begun=True)
    soon = datetime.now().astimezone() + timedelta(seconds=3)
    soon = soon.replace(second=0, microsecond=0) + timedelta(minutes=1)
    cron = f"{soon.astimezone(None).minute} * * * *"
    wait = (soon - datetime.now().astimezone()).total_seconds()
    if wait > 20:  # a test does not wait a minute: told to stop while waiting, it ends as well
        cron = "0 0 1 1 *"
    off = "\n".join(f'{name} = "off"' for name in ("cash", "labor", "config"))
    own.settings.write_text(f'{own.settings.read_text()}\n[schedule]\norders = "{cron}"\n{off}\ncloseouts = false\n')

    process = subprocess.Popen(
        SCHEDULE, cwd=own.folder, env=environment(own.folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        time.sleep(max(wait, 0) + 3 if wait <= 20 else 0.2)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()

    assert (process.returncode, first[:5], out.count("Traceback") + err.count("Traceback")) == (0, "Next:", 0)
    assert "Stopped." in err


def test_once_and_list_exclude_each_other(group: Desk) -> None:
    ran = schedule(group, "--once", "--list")

    assert ran.returncode != 0
