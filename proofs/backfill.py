"""A backfill of 780 units, killed with SIGKILL 20 times at random moments and started again, ends like an undisturbed one.

The simulator's call log proves that no finished unit is asked for again: what the ledger had before a kill is in no call after it.
"""

from __future__ import annotations

import random
import time
from datetime import date, timedelta
from pathlib import Path

from disturbing import SECONDS_AT_MOST, Disturbed, compared, disturbed
from killing import AfterCalls, Moment, left_behind
from proofs.progress import Progress
from restaurant_desk import command, desk
from toast_simulator import simulator_process

LOCATIONS, WEEKS, KILLS = 13, 60, 20
UNITS = LOCATIONS * WEEKS
DAYS = WEEKS * 7
LAST_DAY = date(2026, 3, 10)
#: Of the usual parties: two or three orders a date, so that it is the units that count.
DEMAND = 0.01
WORDS = ("backfill", "orders", "--from", (LAST_DAY - timedelta(days=DAYS - 1)).isoformat(), "--to", LAST_DAY.isoformat())
#: The share of the work done by runs that are killed, and how long after a call the kill may come.
SHARE_KILLED = 0.8
LATEST = 0.5
SEED = 20
UNDISTURBED, KILLED = "undisturbed", f"killed {KILLS} times"


def prove(folder: Path) -> dict[str, object]:
    """Gives the figures. `failures` and `calls_of_finished_units` must be 0, `kills` KILLS."""
    progress = Progress("backfill", {UNDISTURBED: 110.0, KILLED: 190.0})
    history = (
        "--locations",
        str(LOCATIONS),
        "--days",
        str(DAYS),
        "--seed",
        "7",
        "--last-day",
        LAST_DAY.isoformat(),
        "--demand",
        str(DEMAND),
    )
    with simulator_process(*history) as toast, progress.step(UNDISTURBED):
        whole = desk(folder / UNDISTURBED, toast)
        ran = command(whole.folder, *WORDS, timeout=SECONDS_AT_MOST)
        assert ran.returncode == 0, ran.stderr
        calls_undisturbed = toast.statuses().get("200", 0)
    expected = compared(whole)
    with simulator_process(*history) as toast, progress.step(KILLED):
        group = desk(folder / "killed", toast)
        began = time.monotonic()
        seen = disturbed(group, moments(calls_undisturbed), folder / "copies", *WORDS)
        seconds = time.monotonic() - began
    found = compared(group)
    wrong = [f"{table} differs" for table in expected if found[table] != expected[table]]
    wrong += [f"left behind: {path}" for path in left_behind(group)]
    wrong += judged(seen)
    for line in wrong[:50]:
        print(f"    {line}")
    return {
        "locations": LOCATIONS,
        "weeks": WEEKS,
        "units": UNITS,
        "kills": sum(kill.is_killed for kill in seen.kills),
        "dates_in_at_kills": seen.finished,
        "calls_undisturbed": calls_undisturbed,
        "calls": seen.calls,
        "calls_of_finished_units": len(seen.repeated),
        "rows_compared": sum(map(len, expected.values())),
        "undisturbed_seconds": progress.seconds(UNDISTURBED),
        "killed_seconds": round(seconds, 1),
        "failures": len(wrong),
    }


def moments(calls: int) -> list[Moment]:
    """When each run is killed: after a random number of its calls, some before the first, and a little later."""
    dice = random.Random(SEED)
    most = round(2 * SHARE_KILLED * calls / KILLS)
    return [AfterCalls(dice.randint(0, most), dice.uniform(0.0, LATEST)) for _ in range(KILLS)]


def judged(seen: Disturbed) -> list[str]:
    """What is wrong with what was seen on the way."""
    for kill, days in zip(seen.kills, seen.finished, strict=True):
        print(f"    {'killed' if kill.is_killed else 'was through'} after {kill.seconds:.1f} s with {days:,} dates in", flush=True)
    killed = sum(kill.is_killed for kill in seen.kills)
    wrong = [f"only {killed} runs were killed while they ran"] if killed < KILLS else []
    wrong += [f"{seen.torn} kills after which days and ledger disagreed"] if seen.torn else []
    wrong += [f"exit code {seen.returncode}: {seen.stderr[-500:]}"] if seen.returncode else []
    return wrong + [f"asked again though it was in: {guid} {day}" for guid, day in seen.repeated]
