"""`restaurant-os demo`: simulated restaurants, the real client over a real socket, and what they sold, worked and counted.

The folder remembers the last business date of its world, so a second demo on the same data finds the same world and
changes no row.
"""

from __future__ import annotations

import json as jsonlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from restaurant_os import terminal
from restaurant_os.app import App, build_app
from restaurant_os.errors import StoppedError, UsageError
from restaurant_os.pipeline.plans import Span
from restaurant_os.scaffold import settings_text
from restaurant_os.settings import FILE_NAME, load, load_without_file
from restaurant_os.sources.toast.locations import discover
from restaurant_os.text import count

CLIENT = {"TOAST_CLIENT_ID": "demo-client", "TOAST_CLIENT_SECRET": "demo-secret"}
START_SECONDS = 30.0
#: The simulated day is over everywhere by now: the westernmost zone is 8 hours behind, closeout hours end at 12.
SETTLED_HOURS = 36
CENT = Decimal("0.01")

SUMMARY = """
WITH days AS (
    SELECT restaurant_guid, sum(orders) AS orders, sum(checks) AS checks, sum(net_sales) AS net_sales, sum(refunds) AS refunds,
        sum(CASE WHEN labor_reason IS NULL THEN labor_cost END) AS labor_cost, sum(CASE WHEN labor_reason IS NULL THEN labor_hours END) AS labor_hours,
        sum(CASE WHEN labor_reason IS NULL THEN net_sales END) AS worked_sales
    FROM daily_profitability GROUP BY 1
), items AS (
    SELECT restaurant_guid, count(CASE WHEN is_sale THEN 1 END) AS items, count(CASE WHEN is_voided THEN 1 END) AS voids
    FROM fact_order_items WHERE NOT is_deleted GROUP BY 1
), cash AS (SELECT restaurant_guid, sum(drawer_over_short) AS over_short FROM daily_cash GROUP BY 1)
SELECT d.restaurant_guid, CAST(d.orders AS BIGINT), i.items, d.net_sales, CAST(d.checks AS BIGINT), i.voids, d.refunds,
    d.labor_cost, d.worked_sales, d.labor_hours, c.over_short
FROM days AS d JOIN items AS i USING (restaurant_guid) LEFT JOIN cash AS c USING (restaurant_guid)
"""
COLUMNS = ("restaurant", "orders", "items", "net_sales", "average_check", "voids", "refunds", "labor_percent", "cplh", "cash_over_short")
#: Of those, what can be added up; the rest are ratios.
SUMMED = frozenset({"orders", "items", "net_sales", "voids", "refunds", "cash_over_short"})
#: What the demo brings in, in this order; the configuration has no dates.
DATASETS = ("config", "orders", "labor", "cash")


def run(*, locations: int, days: int, seed: int, folder: Path, json: bool) -> int:
    """Everything the demo does; gives the exit code."""
    began = time.monotonic()
    last_day = _remembered(folder, locations, days, seed)
    options = {"port": 0, "locations": locations, "days": days, "seed": seed, "last-day": last_day.isoformat()}
    with (
        simulator(*(word for name, value in options.items() for word in (f"--{name}", str(value)))) as url,
        tempfile.TemporaryDirectory() as tokens,
    ):
        app = _configured(folder, url, Path(tokens))
        span = Span(last_day - timedelta(days=days - 1), last_day)
        label = f"{{}} of {locations} restaurants, {days} days"
        results = [
            result
            for dataset in DATASETS
            for result in terminal.run_sync(
                app, dataset, app.locations(), None if dataset == "config" else span, show=not json, label=label.format(dataset)
            )
        ]
    failed = [r for r in results if r.error]
    if any(isinstance(r.error, StoppedError) for r in failed):
        terminal.print_failures(results)
        return 1
    rows = _summary(app)
    changed = sum(r.rows_added + r.rows_changed for r in results)
    if json:
        terminal.print_json(
            {
                "restaurants": [dict(zip(COLUMNS, row, strict=True)) for row in rows],
                "rows_changed": changed,
                "warehouse": str(app.settings.state_path),
                "failed": len(failed),
            }
        )
    else:
        terminal.print_failures(results)
        _show(app, rows, span, changed, time.monotonic() - began, folder)
    return 1 if failed else 0


def _remembered(folder: Path, locations: int, days: int, seed: int) -> date:
    """The last business date of this folder's world; a new folder's is the latest that is over everywhere."""
    path = folder / "demo.json"
    wanted = {"locations": locations, "days": days, "seed": seed}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            found = jsonlib.loads(path.read_text())
            if {key: found.get(key) for key in wanted} != wanted:
                raise UsageError(
                    f"demo: {folder} holds a demo of {found.get('locations')} locations, {found.get('days')} days, seed {found.get('seed')}.",
                    next_step="Name another folder with --data, or delete this one.",
                )
            return date.fromisoformat(found["last_day"])
        last_day = (datetime.now(UTC) - timedelta(hours=SETTLED_HOURS)).date()
        path.write_text(jsonlib.dumps({**wanted, "last_day": last_day.isoformat()}) + "\n")
        return last_day
    except (OSError, ValueError, KeyError) as problem:
        raise UsageError(f"demo: {folder} cannot be used: {problem}.", next_step="Name another folder with --data.") from None


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """The simulator in a process of its own, on a free port, ended with the block; gives its address."""
    command = [sys.executable, "-m", "restaurant_os.simulator", *options, "--end-with-stdin"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        line = process.stdout.readline() if process.stdout else ""
        url = next((word for word in line.split() if word.startswith("http://")), "")
        if not url:
            raise UsageError("demo: the simulator did not start.", next_step="Try it alone to see why: restaurant-os simulate --port 0")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _configured(folder: Path, url: str, tokens: Path) -> App:
    """The demo's own settings, as a person would have them after `init --from-toast`, so that its folder can be explored."""
    os.environ.update(CLIENT)
    os.environ["RESTAURANT_OS_TOAST_BASE_URL"] = url
    settings = load_without_file(folder, toast={"base_url": url, "pacing": "documented"})
    found = discover(build_app(settings, token_folder=tokens).toast)
    text = settings_text(base_url=url, pacing="documented", warehouse="duckdb:///restaurant-os.duckdb", locations=found)
    (folder / FILE_NAME).write_text(
        f"# Made anew by every `restaurant-os demo`; its simulator ends with the demo.\n{text}", encoding="utf-8"
    )
    return build_app(load(folder / FILE_NAME), token_folder=tokens)


def _summary(app: App) -> list[tuple[Any, ...]]:
    names = {x.toast_guid: x.name for x in app.settings.locations}
    rows = []
    for guid, orders, items, net_sales, checks, voids, refunds, cost, worked, hours, over_short in app.warehouse.rows(SUMMARY):
        average, percent, cplh = _ratio(net_sales, checks), _ratio(cost, worked, 100), _ratio(cost, hours)
        rows.append((names.get(guid, guid), orders, items, net_sales, average, voids, refunds, percent, cplh, over_short))
    return sorted(rows, key=lambda row: row[3], reverse=True)


def _ratio(numerator: Decimal | None, denominator: Decimal | int | None, times: int = 1) -> Decimal | None:
    """With two places; None where there is nothing to divide, or nothing to divide by."""
    return (numerator * times / denominator).quantize(CENT, ROUND_HALF_UP) if numerator is not None and denominator else None


def show_table(rows: list[tuple[Any, ...]], span: Span) -> None:
    """What each restaurant sold, worked and counted, and what all of them did."""
    titles = [{"labor_percent": "labor %", "cplh": "CPLH"}.get(name, name.replace("_", " ")) for name in COLUMNS]
    total = ("all", *(sum(row[n] or 0 for row in rows) if COLUMNS[n] in SUMMED else None for n in range(1, len(COLUMNS))))
    terminal.print_table(f"Sales, labor and cash from {span.first} to {span.last}", titles, [*rows, total])


def _show(app: App, rows: list[tuple[Any, ...]], span: Span, changed: int, seconds: float, folder: Path) -> None:
    show_table(rows, span)
    terminal.out.print(f"{count(changed, 'record')} new or changed in {seconds:.0f} s, in {app.settings.state_path}.", highlight=False)
    command = _command()
    config = f"--config {folder / FILE_NAME}"
    items = "SELECT menu_item_name, count(*) AS sold, sum(net_amount) AS net FROM fact_order_items WHERE is_sale GROUP BY 1 ORDER BY 3 DESC LIMIT 10"
    terminal.out.print("\nTry next:")
    for line in (f"{command} metrics {config}", f'{command} query "{items}" {config}', f"{command} status {config}"):
        terminal.out.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)


def _command() -> str:
    """How this very command can be called again from here."""
    called = Path(sys.argv[0])
    if shutil.which("restaurant-os") or called.name != "restaurant-os":
        return "restaurant-os"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(called)
