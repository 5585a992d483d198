"""Two replicas of `restaurant-os serve` on one Postgres, one of them stopped past its lease."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import duckdb
import pytest

from live_books import deliver, differences, tables, twice
from live_events import Tills
from live_service import Sender, Service, service, settings_of
from restaurant_os.alerts.rules import SHIPPED
from restaurant_os.warehouse.line import next_in_line
from toast_simulator import CREDENTIALS, simulating

LOCATIONS = [str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3)]
SECONDS_UNTIL_FILE_IS_FREE = 30.0
#: The polls alone: what has a time of the day may be due while the test runs.
JOBS = 'closeouts = false\norders = "off"\ncash = "off"\nlabor = "off"\nconfig = "off"\nreread = "off"'

#: Nothing reads the file but the worker and the polls: who falls asleep while it reads keeps it.
SILENT = '[alerts]\nflash = "off"\n' + "".join(f'[[alerts.rules]]\nname = "{rule.name}"\nenabled = false\n' for rule in SHIPPED)


@pytest.fixture
def replicas(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Service, Service]]:
    folder = tmp_path / "live"
    folder.mkdir()
    with simulating(locations=2, days=2, demand=0.2) as toast:
        own = f'[toast]\nbase_url = "{toast.url}"\npacing = "documented"\n[schedule]\n{JOBS}\n{SILENT}'
        guids = [*LOCATIONS, *(location.toast_guid for location in toast.locations())]
        (folder / "restaurant-os.toml").write_text(settings_of(guids, own))
        variables = {"RESTAURANT_OS_OPERATIONS": postgres_url, **CREDENTIALS}
        with service(folder, guids, **variables) as first, service(folder, guids, **variables) as second:
            yield first, second


@pytest.mark.timeout(300)
def test_one_of_two_replicas_sleeps_past_its_lease(replicas: tuple[Service, Service]) -> None:
    """What it had is done by the other, nothing is in effect twice, and each job ran once at each due time."""
    first, second = replicas
    now = datetime.now(UTC)
    tills = Tills(5, LOCATIONS, (now - timedelta(hours=5)).date(), now)
    events = list(tills.events(300))
    first.start(until=("claim", "after", 1), sent="SIGSTOP")
    second.start()
    await_jobs(replicas)
    # A process that sleeps with a DuckDB file open, or next in line for it, keeps all others from it.
    with held(first.warehouse):
        sender = Sender(first.port, timeout=5)
        answered = list(takewhile(lambda event: sender.send(event) == 200, events[:20]))
        sender.close()
        assert first.is_asleep
    deliver(second, [event for event in events if event not in answered], senders=2)
    second.settle()  # what the first had claimed among it: its lease is over
    first.wake()
    deliver(first, events[-5:], senders=1)
    second.settle()

    assert [replica.stop() for replica in replicas] == [0, 0]
    ours = {guid: figures for guid, figures in tables(first).items() if guid in LOCATIONS}
    assert differences(ours, tills.books()) == []
    assert twice(first) == []
    assert set(Counter(jobs_ended(replicas)).values()) == {1}


@contextmanager
def held(path: Path) -> Iterator[None]:
    """No other process has the file open or is next in line for it."""
    give_up = time.monotonic() + SECONDS_UNTIL_FILE_IS_FREE
    with next_in_line(path, give_up=give_up):
        while (connection := opened(path)) is None:
            assert time.monotonic() < give_up, f"{path} is not free"
            time.sleep(0.01)
        with connection:
            yield


def opened(path: Path) -> duckdb.DuckDBPyConnection | None:
    with suppress(duckdb.IOException):
        return duckdb.connect(str(path))
    return None


def jobs_ended(replicas: Sequence[Service]) -> list[tuple[str, str]]:
    """Every job and due time, as often as a replica says that it ended."""
    lines = [line for one in replicas for line in one.lines() if "job" in line and "due" in line]
    return [(line["job"], line["due"]) for line in lines]


def await_jobs(replicas: Sequence[Service]) -> None:
    """Until what is due at the start has been done by one of them."""
    give_up = time.monotonic() + 60
    while not {job for job, _ in jobs_ended(replicas)} >= {"orders poll", "cash poll", "labor poll", "retention"}:
        assert time.monotonic() < give_up, jobs_ended(replicas)
        time.sleep(0.1)
