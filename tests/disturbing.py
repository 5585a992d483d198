"""A backfill that is killed again and again and started anew each time, watched through the simulator's call log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from killing import Killed, Moment, halves, kill_at
from restaurant_desk import Desk, command
from toast_simulator import Toast
from warehouse_reading import ledger, orders, read

SECONDS_AT_MOST = 1_500
#: What a killed process had sent may still be answered for so long.
SECONDS_TO_SETTLE = 0.2

#: restaurant_guid and business date.
Day = tuple[str, date]
Compared = Mapping[str, Sequence[tuple[Any, ...]]]


@dataclass
class Disturbed:
    """What was seen. `repeated`: calls for days that were in before the kill that came before them; `torn`: kills after which days and
    ledger disagreed; `finished`: how many days were in after each kill."""

    kills: list[Killed] = field(default_factory=list)
    repeated: list[Day] = field(default_factory=list)
    torn: int = 0
    finished: list[int] = field(default_factory=list)
    calls: int = 0
    returncode: int = 0
    stderr: str = ""


def disturbed(desk: Desk, moments: Iterable[Moment], folder: Path, *words: str) -> Disturbed:
    """`restaurant-os` with these words, killed at each moment in turn and at last left to end. `folder`: for copies of the warehouse."""
    seen = Disturbed()
    finished: frozenset[Day] = frozenset()
    for nth, moment in enumerate(moments):
        before = settled(desk.toast)
        seen.kills.append(kill_at(desk, moment, command=words))
        settled(desk.toast)
        seen.repeated += repeated(desk.toast, before, finished)
        copy = folder / str(nth)
        landed, said = halves(desk, copy)
        seen.torn += landed != said
        finished = finished_days(copy / desk.warehouse.name) if said else frozenset()
        seen.finished.append(len(finished))
    before = settled(desk.toast)
    ran = command(desk.folder, *words, timeout=SECONDS_AT_MOST)
    seen.repeated += repeated(desk.toast, before, finished)
    seen.returncode, seen.stderr = ran.returncode, ran.stderr
    seen.calls = sum(call["endpoint"] == "ordersBulk" for call in desk.toast.calls())
    return seen


def settled(toast: Toast) -> int:
    """How many calls there were, once no more of them come."""
    count = toast.call_count()
    while True:
        time.sleep(SECONDS_TO_SETTLE)
        if (now := toast.call_count()) == count:
            return count
        count = now


def repeated(toast: Toast, since: int, finished: frozenset[Day]) -> list[Day]:
    """The days asked after that call that were finished before it."""
    return [day for day in days_asked(toast.calls(since)) if day in finished]


def days_asked(calls: Iterable[Mapping[str, Any]]) -> list[Day]:
    """The business date of every call for orders, in turn."""
    return [
        (call["restaurant_guid"], datetime.strptime(parse_qs(call["query"])["businessDate"][0], "%Y%m%d").date())  # noqa: DTZ007
        for call in calls
        if call["endpoint"] == "ordersBulk"
    ]


def finished_days(warehouse: Path) -> frozenset[Day]:
    """The days whose orders are in by the ledger."""
    return frozenset(read(warehouse, "SELECT DISTINCT restaurant_guid, business_date FROM sync_runs WHERE status = 'done'"))


def compared(desk: Desk) -> Compared:
    """What must be equal in the end: the order tables, the ledger, and that no window was committed twice."""
    windows = read(desk.warehouse, "SELECT restaurant_guid, business_date, count(*) FROM sync_runs GROUP BY ALL ORDER BY ALL")
    return {**orders(desk.warehouse), **ledger(desk.warehouse), "windows": windows}
