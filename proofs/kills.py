"""A sync of 13 restaurants and 7 business dates, killed with SIGKILL at many moments and run again, ends like an undisturbed one."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

from killing import InCommit, Moment, after, halves, kill_at, left_behind, while_spilling
from proofs.books import LOCATIONS, world
from proofs.progress import Progress
from restaurant_desk import desk
from warehouse_reading import daily_sales, differences, ledger, orders

DAYS = 7
LAST_DAY = date(2026, 3, 10)
SPAN = ("--from", (LAST_DAY - timedelta(days=DAYS - 1)).isoformat(), "--to", LAST_DAY.isoformat())
UNDISTURBED = "undisturbed"
#: Shares of the undisturbed run's time.
SHARES = (0.03, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
#: How often the log has grown, and how long after: the schema's commit grows it twice, one of orders in some steps.
GROWN = ((1, 0.0), (3, 0.0), (6, 0.0), (10, 0.02), (16, 0.0), (24, 0.005), (36, 0.0), (50, 0.1))
SPILLED = (1, 24)
MOMENTS = (
    *(f"at {share:.0%} of its time" for share in SHARES),
    *(f"{seconds * 1000:.0f} ms after its log grew {n} times" for n, seconds in GROWN),
    *(f"with {n} files of pages" for n in SPILLED),
)
LEAST = 10


def prove(folder: Path) -> dict[str, object]:
    """All kills; gives the figures. `failures` must be 0, `killed` at least LEAST."""
    progress = Progress("kills", {UNDISTURBED: 17.0, **dict.fromkeys(MOMENTS, 32.0)})
    wrong: list[str] = []
    killed = left_logs = left_spills = 0
    with world(LAST_DAY, locations=LOCATIONS, days=DAYS) as toast:
        undisturbed = desk(folder / UNDISTURBED, toast)
        began = time.monotonic()
        with progress.step(UNDISTURBED):
            ran = undisturbed.run("sync", "orders", *SPAN)
        whole = time.monotonic() - began
        assert ran.returncode == 0, ran.stderr
        expected = {**orders(undisturbed.warehouse), **ledger(undisturbed.warehouse)}
        moments: list[Moment] = [
            *(after(share * whole) for share in SHARES),
            *(InCommit(n, seconds) for n, seconds in GROWN),
            *(while_spilling(n) for n in SPILLED),
        ]
        for name, moment in zip(MOMENTS, moments, strict=True):
            with progress.step(name):
                group = desk(folder / name.replace(" ", "-").replace("%", ""), toast)
                kill = kill_at(group, moment, *SPAN)
                landed, said = halves(group, group.folder / "copy")
                ran = group.run("sync", "orders", *SPAN)
                found = {**orders(group.warehouse), **ledger(group.warehouse)}
            killed += kill.is_killed
            left_logs += kill.left_log
            left_spills += kill.left_spill
            lines = [f"{table} differs" for table in expected if found[table] != expected[table]]
            lines += [f"left behind: {path}" for path in left_behind(group)]
            lines += [f"exit code {ran.returncode}: {ran.stderr[-500:]}"] if ran.returncode else []
            lines += ["the ledger and the days of orders differ after the kill"] if landed != said else []
            wrong += [f"{name}: {line}" for line in lines]
            print(
                f"    {'killed' if kill.is_killed else 'was through'} after {kill.seconds:.1f} s with {len(said)} days with orders in"
                f"{', its log left' if kill.left_log else ''}{', its pages left' if kill.left_spill else ''}; "
                f"run again: {len(lines)} differences",
                flush=True,
            )
        rows = sum(map(len, expected.values()))
        books = {key: values for key, values in toast.books().items() if key[1] <= LAST_DAY}
        sold = {key: values for key, values in daily_sales(undisturbed.warehouse).items() if key[1] <= LAST_DAY}
        wrong += differences(sold, books)
    if killed < LEAST:
        wrong.append(f"only {killed} syncs were killed while they ran")
    for line in wrong[:50]:
        print(f"    {line}")
    return {
        "locations": LOCATIONS,
        "days": DAYS,
        "moments": len(MOMENTS),
        "killed": killed,
        "logs_left": left_logs,
        "pages_left": left_spills,
        "rows_compared": rows * len(MOMENTS),
        "undisturbed_seconds": progress.seconds(UNDISTURBED),
        "failures": len(wrong),
    }
