"""Two replicas of the live service on one Postgres, each stopped by SIGSTOP again and again, for longer than a claim and a job's lease last.

Both are sent events and both poll a Toast every minute. They stop at random moments, so also within a claim, a commit and a job. At the end the
tables equal the books, no key stands there twice, and no job ended twice at one due time.
"""

from __future__ import annotations

import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from live_books import deliver, differences, tables, twice
from live_events import Tills
from live_service import Service, service, settings_of
from postgres_server import Server
from proofs.progress import Progress
from toast_simulator import CREDENTIALS, simulating

LOCATIONS = 5
#: A claim lasts 30 s, and so does a job's lease (live/worker.py, live/scheduler.py).
SLEEPS, ASLEEP_SECONDS, AWAKE_SECONDS = 6, 40.0, (5.0, 20.0)
PIECE = 100
#: The polls alone, each minute: what has a time of the day may be due while this runs.
JOBS = "\n".join(
    (
        'closeouts = false\norders = "off"\ncash = "off"\nlabor = "off"\nconfig = "off"\nreread = "off"',
        "orders_every_minutes = 1\nlabor_every_minutes = 1\ncash_every_minutes = 1",
    )
)
STEPS = {"asleep": SLEEPS * (ASLEEP_SECONDS + sum(AWAKE_SECONDS) / 2) + 30}


def prove(folder: Path) -> dict[str, object]:
    """`failures` counts figures that differ, keys that stand twice and jobs that ended twice."""
    guids = [str(uuid.UUID(int=number, version=4)) for number in range(1, LOCATIONS + 1)]
    now = datetime.now(UTC)
    tills = Tills(seed=9, locations=guids, day=(now - timedelta(hours=5)).date(), now=now)
    with Progress("replicas", STEPS).step("asleep"), replicas(folder, guids) as both:
        for one in both:
            one.start()
        sent = tell_while_they_sleep(both, tills)
        for one in both:
            one.settle(300)
        ends = [one.stop() for one in both]
        wrong = [f"a replica ended with {end}" for end in ends if end]
        ours = {guid: figures for guid, figures in tables(both[0]).items() if guid in guids}
        wrong += differences(ours, tills.books())
        wrong += [f"stands there twice: {key}" for key in twice(both[0])]
        ended = Counter(jobs_ended(both))
        wrong += [f"{job} of {due} ended {times} times" for (job, due), times in ended.items() if times > 1]
        overtaken = sum("overtaken" in str(line.get("message")) for one in both for line in one.lines())
    for line in wrong[:10]:
        print(f"    {line}", flush=True)
    return {"events": sent, "sleeps": SLEEPS, "jobs": len(ended), "jobs_overtaken": overtaken, "failures": len(wrong)}


@contextmanager
def replicas(folder: Path, guids: Sequence[str]) -> Iterator[tuple[Service, Service]]:
    folder.mkdir(parents=True, exist_ok=True)
    with simulating(locations=2, days=2, demand=0.2) as toast, Server() as server, server.database() as url:
        own = f'[toast]\nbase_url = "{toast.url}"\npacing = "documented"\n[schedule]\n{JOBS}\n'
        known = [*guids, *(location.toast_guid for location in toast.locations())]
        (folder / "restaurant-os.toml").write_text(settings_of(known, own))
        variables = {"RESTAURANT_OS_OPERATIONS": url, **CREDENTIALS}
        with service(folder, known, **variables) as first, service(folder, known, **variables) as second:
            yield first, second


def tell_while_they_sleep(both: Sequence[Service], tills: Tills) -> int:
    """Events to both until all sleeps are over; gives how many."""
    is_over = threading.Event()
    stream = tills.events(1_000_000, malformed=0, is_over=is_over.is_set)
    lock = threading.Lock()

    def tell(one: Service) -> int:
        sent = 0
        while True:
            with lock:
                piece = list(islice(stream, PIECE))
            if not piece:
                return sent
            deliver(one, piece, senders=2, seconds=300)
            sent += len(piece)

    with ThreadPoolExecutor(2) as pool:
        told = [pool.submit(tell, one) for one in both]
        try:
            let_sleep(both)
        finally:
            is_over.set()
        return sum(one.result() for one in told)


def let_sleep(both: Sequence[Service]) -> None:
    chance = random.Random(13)
    for number in range(SLEEPS):
        time.sleep(chance.uniform(*AWAKE_SECONDS))
        sleeper = both[number % 2].process
        assert sleeper is not None
        sleeper.send_signal(signal.SIGSTOP)
        time.sleep(ASLEEP_SECONDS)
        sleeper.send_signal(signal.SIGCONT)


def jobs_ended(both: Sequence[Service]) -> list[tuple[str, str]]:
    """Every job and due time, as often as a replica says that it ended; an end that came after another had taken it over changes nothing."""
    lines = [line for one in both for line in one.lines() if "job" in line and "due" in line]
    return [(line["job"], line["due"]) for line in lines if "overtaken" not in str(line.get("message"))]
