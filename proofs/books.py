"""13 restaurants and 28 business dates equal the simulator's books to the cent.

By span; after ten days of late edits, by changes and by span; while pages move; while every fault is on. One world holds
the day of 23 hours, the other the day of 25.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from proofs.progress import Progress, Windows
from restaurant_desk import Desk, desk
from restaurant_os.pipeline.plans import MOST_DAYS, Span
from restaurant_os.simulator.faults import KINDS
from restaurant_os.sources.pacing import Pacer
from restaurant_os.sources.toast.client import ORDERS_BULK, ORDERS_BULK_HISTORY, PROFILES
from toast_simulator import EVERY_FAULT, Sales, Toast, simulator_process
from warehouse_reading import daily_sales, differences, waiting_in_quarantine

LOCATIONS = 13
DAYS = 28
#: The clocks of the United States went forward on 2026-03-08 and back on 2026-11-01.
SPRING = date(2026, 3, 14)
AUTUMN = date(2026, 11, 7)
#: What Toast publishes, without its longer waits between two pulls of old changes: they would make half an hour of this.
DOCUMENTED = PROFILES["documented"]
BRISK = replace(DOCUMENTED, endpoints={**DOCUMENTED.endpoints, ORDERS_BULK_HISTORY: DOCUMENTED.endpoints[ORDERS_BULK]})

BY_SPAN = "28 days by span"
BY_CHANGES = "ten days of late edits, by changes"
AGAIN = "ten days of late edits, by span"
MOVING = "28 days by span and a day of changes, while pages move"
FAULTS = "28 days by span, with every fault on"
STEPS = {BY_SPAN: 73.0, BY_CHANGES: 40.0, AGAIN: 74.0, MOVING: 104.0, FAULTS: 179.0}


def prove(folder: Path) -> dict[str, object]:
    """All steps; gives the figures: `differences` are values that disagree, `failures` also what waits in quarantine. Both must be 0."""
    progress = Progress("books", STEPS)
    found: dict[str, object] = {"locations": LOCATIONS, "days": DAYS}
    wrong: list[str] = []

    def judge(step: str, group: Desk, books: Sales, **figures: object) -> None:
        lines = differences(daily_sales(group.warehouse), books)
        wrong.extend(f"{step}: {line}" for line in lines)
        waiting = waiting_in_quarantine(group.warehouse)
        wrong.extend(f"{step}: still in quarantine: {row}" for row in waiting)
        found[step] = {
            "rows_compared": len(books),
            "differences": len(lines),
            "in_quarantine": len(waiting),
            "seconds": progress.seconds(step),
            **figures,
        }
        print(
            f"    {len(books)} rows compared, {len(lines)} differences, {len(waiting)} in quarantine, {progress.seconds(step):.0f} s",
            flush=True,
        )

    with world(SPRING) as toast:
        group = desk(folder / "spring", toast)
        with progress.step(BY_SPAN):
            span(group, SPRING)
        judge(BY_SPAN, group, toast.books())
        toast.advance(timedelta(days=10))
        by_span = replace(group, folder=folder / "spring-again")
        shutil.copytree(group.folder, by_span.folder)
        with progress.step(BY_CHANGES):
            brisk_sync(group)
        judge(BY_CHANGES, group, toast.books())
        with progress.step(AGAIN):
            span(by_span, SPRING)
        judge(AGAIN, by_span, toast.books())
    with world(AUTUMN) as toast:
        with progress.step(MOVING):
            group = desk(folder / "moving", toast)
            toast.set_faults(moving_pages={"rate": 0.3, "seconds": 120})
            span(group, AUTUMN)
            toast.advance(timedelta(days=1))
            brisk_sync(group)
            moved = toast.faults_happened()["moving_pages"]
            toast.clear_faults()
            brisk_sync(group)
        judge(MOVING, group, toast.books(), times_moved=moved)
        with progress.step(FAULTS):
            group = desk(folder / "faults", toast)
            toast.set_faults(**tomllib.loads(EVERY_FAULT.read_text()))
            span(group, AUTUMN)
            happened = toast.faults_happened()
            toast.clear_faults()
            span(group, AUTUMN)
        judge(FAULTS, group, toast.books(), faults=happened)
        wrong.extend(
            f"{FAULTS}: {fault} never happened" for fault, times in happened.items() if not times and "ordersBulk" in KINDS[fault].endpoints
        )
    found["failures"] = len(wrong)
    for line in wrong[:50]:
        print(f"    {line}")
    return found


@contextmanager
def world(last_day: date, *, locations: int = LOCATIONS, days: int = DAYS) -> Iterator[Toast]:
    """The simulator in a process of its own, its world past the end of its history, so that promised orders are there too."""
    with simulator_process("--locations", str(locations), "--days", str(days), "--last-day", last_day.isoformat()) as toast:
        toast.advance(timedelta(minutes=1))
        yield toast


def span(group: Desk, last_day: date, until: date | None = None) -> None:
    """Every business date from the first of the world to `until`, or to the last that anything is promised for."""
    first, last = last_day - timedelta(days=DAYS - 1), until or max(on for _, on in group.toast.books())
    while first <= last:
        end = min(first + timedelta(days=MOST_DAYS - 1), last)
        brisk_sync(group, Span(first, end))
        first = end + timedelta(days=1)


def brisk_sync(group: Desk, asked: Span | None = None, dataset: str = "orders") -> None:
    """One sync of all locations, which must end well."""
    app = group.app()
    app.toast.pacer = Pacer(BRISK, app.clock)
    results = app.sync(dataset).run(app.locations(), asked, Windows())
    app.toast.http.close()
    failed = [f"{result.location.name}: {result.error}" for result in results if result.error]
    if failed:
        raise AssertionError("; ".join(failed))
