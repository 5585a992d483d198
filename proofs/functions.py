"""The memory of the cloud functions: each under the platform's framework, 13 locations, one business date and then a month in one call.

Peak resident memory is the kernel's own high-water mark (VmHWM) of the framework's process and of the one that does the work, added:
what the two share counts twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from functions_running import function
from proofs.books import LOCATIONS, world
from proofs.progress import Progress
from restaurant_desk import desk

MONTH = 28
LAST_DAY = date(2026, 3, 14)
#: MiB that the platform gives (the user's table), and the most that a month may cost over a day.
ALLOWED = {"orders": 1024, "cash": 512, "labor": 512, "config": 512}
MOST_MORE = 64
#: Seconds each took on two cores.
STEPS = {
    "orders, a day": 12.0,
    "orders, a month": 110.0,
    "cash, a day": 6.0,
    "cash, a month": 25.0,
    "labor, a day": 6.0,
    "labor, a month": 30.0,
    "config, a day": 30.0,
}


def prove(folder: Path) -> dict[str, object]:
    """All of them; gives the MiB. `failures` counts those over what is allowed, and calls that did not bring everything in."""
    progress = Progress("functions", STEPS)
    found: dict[str, object] = {"locations": LOCATIONS, "days": MONTH}
    wrong: list[str] = []
    with world(LAST_DAY, locations=LOCATIONS, days=MONTH) as toast:
        peaks: dict[str, float] = {}
        for step in STEPS:
            dataset, _, span = step.partition(", ")
            days = MONTH if span == "a month" else 1
            own = desk(folder / step.replace(", ", "-").replace(" ", "-"), replace(toast, pacing="documented"))
            body = {"start_date": (LAST_DAY - timedelta(days=days - 1)).isoformat(), "end_date": LAST_DAY.isoformat()}
            with progress.step(step), function(own, dataset) as running:
                status, document = running.call({"restaurant_guid": "ALL", **body})
                peaks[step] = round(running.peak_mib(), 1)
            rows = sum(row["rows_read"] for row in document.get("locations", []))
            print(f"    {status}, {rows:,} read, {peaks[step]:.0f} MiB at most, {document.get('seconds', 0):.0f} s", flush=True)
            if status != 200 or document["left"]:
                wrong.append(f"{step}: {status}, {document.get('left')} left, {document.get('error')}")
            if peaks[step] > ALLOWED[dataset]:
                wrong.append(f"{step}: {peaks[step]} MiB, {ALLOWED[dataset]} are allowed")
        for dataset in ("orders", "cash", "labor"):
            more = peaks[f"{dataset}, a month"] - peaks[f"{dataset}, a day"]
            found[f"{dataset}_month_over_day_mib"] = round(more, 1)
            if more > MOST_MORE:
                wrong.append(f"{dataset}: a month costs {more:.0f} MiB more than a day")
    found["peak_mib"] = peaks
    found["failures"] = len(wrong)
    for line in wrong:
        print(f"    {line}")
    return found
