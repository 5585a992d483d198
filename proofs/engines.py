"""The same 28 days of 13 restaurants, synced into DuckDB, Postgres and BigQuery's double, leave identical rows and identical views.

Orders, labor, cash and configuration by syncs of each engine's own from one simulator, posted totals and single events by its worker; then ten days of late
edits by changes, an order that is put off into the next month, and a week read a second time. Rows are compared by a checksum for every table and business
date, of all columns but what numbers or names the run (tests/engines_same.py says which); views whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import bigquery_double
from engines_days import AGAIN, LATER, READ, TOLD, Days, across_a_month
from engines_same import Compared, Place, Shop, compare, shops
from postgres_server import Server
from proofs.books import BRISK, DAYS, LOCATIONS, SPRING, world
from proofs.progress import Progress, Windows
from restaurant_os.pipeline.plans import Span

ENGINES = ("duckdb", "postgres", "bigquery")
LATER_BY = timedelta(days=10)
#: The week that is read a second time begins after so many days: its late edits are known by then.
AGAIN_AFTER = 7
COMPARED = "rows and views compared"
STEPS = {READ: 600.0, TOLD: 60.0, LATER: 600.0, AGAIN: 300.0, COMPARED: 120.0}
#: The first of March has two lines of the order that had three, and the end of February none.
MOVED_TO = SPRING.replace(day=2)
MOVED = [(MOVED_TO, 2, 1)]


def prove(folder: Path, locations: int = LOCATIONS, days: int = DAYS, engines: tuple[str, ...] = ENGINES) -> dict[str, object]:
    """All engines. `failures` counts tables and dates whose checksums differ, views that differ, and a promised order that is not one live row."""
    progress = Progress("engines", STEPS)
    first = SPRING - timedelta(days=days - 1)
    begin = min(first + timedelta(days=AGAIN_AFTER), SPRING)
    again = Span(begin, min(begin + timedelta(days=6), SPRING))
    seconds: dict[str, dict[str, float]] = {engine: {} for engine in engines}
    with ExitStack() as stack:
        places = stack.enter_context(standing(engines))
        toast = stack.enter_context(world(SPRING, locations=locations, days=days))
        found = stack.enter_context(shops(folder, toast, places, BRISK))

        @contextmanager
        def step(name: str) -> Iterator[None]:
            before = {own.engine: own.seconds for own in found}
            with progress.step(name):
                yield
            for own in found:
                seconds[own.engine][name] = round(own.seconds - before[own.engine], 1)
            print(f"    {', '.join(f'{engine} {taken[name]:.0f} s' for engine, taken in seconds.items())}", flush=True)

        Days(toast, first, SPRING, LATER_BY, again).happen(found, step, Windows)
        with progress.step(COMPARED):
            compared = compare(found)
        wrong = compared.differences + not_moved(found)
    return shown(compared, wrong, seconds) | {"locations": locations, "days": days}


@contextmanager
def standing(engines: tuple[str, ...]) -> Iterator[Mapping[str, Place]]:
    """An empty place on each engine. Raises AssertionError, loudly: one cannot be had, so nothing is proven."""
    with ExitStack() as stack:
        places = {"duckdb": Place("duckdb:///warehouse.duckdb")}
        if "postgres" in engines:
            server = stack.enter_context(Server())
            places["postgres"] = Place(stack.enter_context(server.database()))
        if "bigquery" in engines:
            try:
                bigquery_double.make_environment()
            except LookupError as problem:
                raise AssertionError(
                    f"BIGQUERY IS NOT PROVEN: its double has no environment: {problem}. python tests/bigquery_double.py"
                ) from None
            double = stack.enter_context(bigquery_double.Double())
            url = stack.enter_context(double.dataset())
            places["bigquery"] = Place(url, double.settings)
        yield places


def not_moved(found: list[Shop]) -> list[str]:
    """Lines for engines in which the promised order is not one live row on the date it was put off to."""
    rows = {own.engine: across_a_month(own) for own in found}
    return [f"{engine}: the order that was put off is {own}, expected {MOVED}" for engine, own in rows.items() if own != MOVED]


def shown(compared: Compared, wrong: list[str], seconds: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    for line in wrong[:50]:
        print(f"    {line[:600]}", flush=True)
    figures: dict[str, object] = {
        "rows": sum(compared.rows.values()),
        "tables": len(compared.rows),
        "empty_tables": [name for name, rows in compared.rows.items() if not rows],
        "checksums": compared.sums,
        "views": len(compared.views),
        "view_rows": sum(compared.views.values()),
        "seconds": seconds,
        "failures": len(wrong),
    }
    print(f"    {figures}", flush=True)
    return figures
