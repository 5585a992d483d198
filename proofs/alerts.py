"""The shipped rules over 8 weeks of 13 restaurants: two messages at most in a location's week, and no planted incident is missed.

The world is the planted one (docs/simulator.md): labor is planned at a sixth of sales, small things are rare, and a dead day, a double-booked shift, a
forgotten clock-out and a bad drawer are put there twice each. Three weeks before the tested ones are the history that the labor rule wants.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from planted_world import MOST, messages, missed, too_much
from proofs.books import brisk_sync
from proofs.progress import Progress
from restaurant_desk import Desk, desk
from restaurant_os.alerts.replay import ReplayReport, replay
from restaurant_os.pipeline.plans import MOST_DAYS, Span
from toast_simulator import simulator_process

LOCATIONS = 13
WEEKS, WEEKS_BEFORE = 8, 3
#: A Sunday, so that the report weeks are whole; a day of 25 hours is among them.
LAST_DAY = date(2026, 11, 15)
FIRST_DAY = LAST_DAY - timedelta(days=7 * (WEEKS + WEEKS_BEFORE) - 1)
FIRST_TESTED = LAST_DAY - timedelta(days=7 * WEEKS - 1)
#: How many incidents are planted in the tested weeks: each kind twice.
PLANTED = 8
READ, REPLAYED = f"{WEEKS + WEEKS_BEFORE} weeks of labor, orders and cash by span", f"{WEEKS} weeks replayed"
STEPS = {READ: 330.0, REPLAYED: 150.0}


def prove(folder: Path) -> dict[str, object]:
    """Gives the figures; `failures` counts planted incidents that no rule told of, and weeks of a location with more messages than MOST."""
    progress = Progress("alerts", STEPS)
    days = (LAST_DAY - FIRST_DAY).days + 1
    with simulator_process("--locations", str(LOCATIONS), "--days", str(days), "--last-day", LAST_DAY.isoformat(), "--plant") as toast:
        planted = toast.planted()
        group = desk(folder / "alerts", toast)
        with progress.step(READ):
            read(group)
    with progress.step(REPLAYED):
        report = replayed(group)
    wrong = missed(planted, report) + too_much(report)
    if len(planted) != PLANTED:
        wrong.append(f"{len(planted)} incidents are planted, expected {PLANTED}")
    for line in wrong[:50]:
        print(f"    {line}", flush=True)
    by_week = messages(report)
    spread = Counter(by_week.values())
    spread[0] = LOCATIONS * WEEKS - len(by_week)
    by_rule = Counter[str]()
    for own in report.weeks:
        by_rule[own.rule] += own.messages
    return {
        "locations": LOCATIONS,
        "weeks": WEEKS,
        "planted": len(planted),
        "missed": len(missed(planted, report)),
        "most_messages_in_a_week": max(by_week.values(), default=0),
        "at_most": MOST,
        "location_weeks_by_messages": {str(count): spread[count] for count in sorted(spread)},
        "messages_by_rule": {rule: by_rule[rule] for rule in sorted(by_rule)},
        "incidents": len(report.opened),
        "failures": len(wrong),
    }


def read(group: Desk) -> None:
    """The configuration, and every business date."""
    brisk_sync(group, dataset="config")
    for dataset in ("labor", "orders", "cash"):
        first = FIRST_DAY
        while first <= LAST_DAY:
            last = min(first + timedelta(days=MOST_DAYS - 1), LAST_DAY)
            brisk_sync(group, Span(first, last), dataset)
            first = last + timedelta(days=1)


def replayed(group: Desk) -> ReplayReport:
    app = group.app()
    app.idle_seconds = 2.0  # the file stays open from look to look
    try:
        return replay(app.warehouse, app.settings, app.locations(), FIRST_TESTED, LAST_DAY)
    finally:
        app.toast.http.close()
        app.warehouse.close()
