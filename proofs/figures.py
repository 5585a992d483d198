"""Every figure of `daily_profitability`, `daily_cash` and `daily_close` equals the simulator's books, to the cent and the minute.

13 restaurants and 28 business dates, with a day of 25 hours among them: as first read, and again after more than two weeks of late edits
(tips, voids, refunds, mended punches, raises, deposits, undos) that came in by the ordinary syncs every few days. `daily_close` ties to
zero wherever the world does.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from figures_reading import COMPS, compare
from proofs.books import AUTUMN, DAYS, LOCATIONS, brisk_sync, span, world
from proofs.progress import Progress
from restaurant_desk import Desk, desk
from restaurant_os.pipeline.plans import Span
from warehouse_reading import waiting_in_quarantine

FIRST = "28 days of orders, labor and cash by span"
LATE = "18 days of late edits, by changes"
STEPS = {FIRST: 110.0, LATE: 120.0}
#: No punch changes later than 16 days after its clock-in in the simulator's world (docs/simulator.md).
LATE_DAYS, EVERY = 18, 3


def prove(folder: Path) -> dict[str, object]:
    """Both steps; gives the figures: `differences` are values that disagree, and must be none."""
    progress = Progress("figures", STEPS)
    found: dict[str, object] = {"locations": LOCATIONS, "days": DAYS}
    wrong: list[str] = []

    def judge(step: str, group: Desk, last_closed: date) -> None:
        compared = compare(group.warehouse, group.toast, last_closed)
        lines = [line for own in compared.values() for line in own.differences]
        lines += [f"still in quarantine: {row}" for row in waiting_in_quarantine(group.warehouse)]
        wrong.extend(f"{step}: {line}" for line in lines)
        found[step] = {
            **{f"{name}_values": own.values for name, own in compared.items()},
            "differences": len(lines),
            "seconds": progress.seconds(step),
        }
        print(f"    {sum(own.values for own in compared.values()):,} values compared, {len(lines)} differences", flush=True)

    with world(AUTUMN) as toast:
        group = desk(folder / "figures", toast)
        group.settings.write_text(f"{group.settings.read_text()}\n{COMPS}")
        with progress.step(FIRST):
            span(group, AUTUMN, last_known(group))
            days = Span(AUTUMN - timedelta(days=DAYS - 1), AUTUMN)
            for dataset in ("labor", "cash"):
                brisk_sync(group, days, dataset)
        judge(FIRST, group, AUTUMN)
        with progress.step(LATE):
            for _ in range(LATE_DAYS // EVERY):
                toast.advance(timedelta(days=EVERY))
                for dataset in ("orders", "labor", "cash"):
                    brisk_sync(group, None, dataset)
            span(group, AUTUMN, last_known(group))
        judge(LATE, group, AUTUMN + timedelta(days=LATE_DAYS))
    found["failures"] = len(wrong)
    for line in wrong[:50]:
        print(f"    {line}")
    return found


def last_known(group: Desk) -> date:
    """The last business date of any book, of promised orders that were called off too."""
    return max(date.fromisoformat(row["business_date"]) for row in group.toast.book("sales"))
