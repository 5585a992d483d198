"""The live service under random kills: events with duplicates, reordered, malformed, of 0.3 to 600 KB, on each store of operations.

A process of its own serves; senders send each event until it is acknowledged, as Toast does; the service dies by SIGKILL every few seconds
and is started again. At the end the tables equal the books, no key stands there twice, and every malformed order is in quarantine.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from live_books import Keeper, deliver, differences, tables, twice
from live_events import LiveEvent, Tills
from live_service import Service, service
from postgres_server import Server
from proofs.progress import Progress
from warehouse_reading import read

EVENTS = 100_000
LOCATIONS = 13
#: The service is killed at a random moment of so many seconds after each start.
LIVES = (3.0, 15.0)
SENDERS = 8
SECONDS = 3600.0
#: Seconds each took on two cores.
STEPS = {"sqlite": 420.0, "postgres": 480.0}


def prove(folder: Path, events: int = EVENTS) -> dict[str, object]:
    """Both stores. `failures` counts figures that differ, keys that stand twice and malformed orders that are not in quarantine."""
    progress = Progress("live", STEPS)
    found: dict[str, object] = {"events": events, "locations": LOCATIONS}
    failures = 0
    for store in STEPS:
        with progress.step(store):
            own, wrong = one_store(folder / store, store, events)
        found[store] = own
        failures += len(wrong)
        for line in wrong[:10]:
            print(f"    {line}", flush=True)
    found["failures"] = failures
    return found


def one_store(folder: Path, store: str, events: int) -> tuple[dict[str, object], list[str]]:
    """What one store went through, and what is wrong at the end."""
    locations = [str(uuid.UUID(int=number, version=4)) for number in range(1, LOCATIONS + 1)]
    now = datetime.now(UTC)
    tills = Tills(seed=7, locations=locations, day=(now - timedelta(hours=5)).date(), now=now)
    counts = {"sent": 0, "duplicates": 0, "malformed": 0}
    malformed: set[str] = set()
    guids: set[str] = set()

    def counted() -> Iterator[LiveEvent]:
        for event in tills.events(events, malformed=0.02):
            counts["sent"] += 1
            counts["duplicates"] += event.guid in guids
            counts["malformed"] += event.is_malformed
            guids.add(event.guid)
            if event.is_malformed:
                malformed.add(event.order_guid)
            yield event

    with served(folder, store, locations) as live:
        began = time.monotonic()
        with Keeper(live) as keeper:
            with killing(live) as kills:
                seen = deliver(live, counted(), senders=SENDERS, seconds=SECONDS)
            live.settle(600)
        sent = time.monotonic() - began
        live.stop()
        wrong = differences(tables(live), tills.books())
        wrong += [f"stands there twice: {key}" for key in twice(live)]
        waiting = {guid for (guid,) in read(live.warehouse, "SELECT record_guid FROM quarantine WHERE resolved_at IS NULL")}
        wrong += [f"not in quarantine: {guid}" for guid in sorted(malformed - waiting)]
        wrong += [f"in quarantine, but good: {guid}" for guid in sorted(waiting - malformed)]
    figures: dict[str, object] = {
        **counts,
        "kills": len(kills),
        "starts": keeper.starts,
        "unanswered": seen.unanswered,
        "seconds": round(sent),
        "wrong": len(wrong),
    }
    print(f"    {store}: {figures}", flush=True)
    return figures, wrong


@contextmanager
def served(folder: Path, store: str, locations: list[str]) -> Iterator[Service]:
    if store == "sqlite":
        with service(folder, locations) as live:
            yield live
        return
    with Server() as server, server.database() as url, service(folder, locations, RESTAURANT_OS_OPERATIONS=url) as live:
        yield live


@contextmanager
def killing(live: Service) -> Iterator[list[float]]:
    """Kills at random moments while the block lasts; what it gives grows by the seconds that each life had."""
    lives: list[float] = []
    end = threading.Event()
    chance = random.Random(11)

    def work() -> None:
        while not end.wait(wait := chance.uniform(*LIVES)):
            if live.is_running:
                live.kill()
                lives.append(wait)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield lives
    finally:
        end.set()
        thread.join()
