"""`python -m benchmarks [--quick]`: every measurement, a table of them, and results.json beside this file."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import duckdb

from benchmarks import accept, alerts, backfill, dlt_arrow, dlt_common, dlt_json, engines, limit, memory, ours
from benchmarks.pages import Pages, generate
from restaurant_os.tables import LOADED_AT, ORDER_TABLES

RESULTS = Path(__file__).with_name("results.json")
#: The contestant's name, the name of the ratio to it, the bar.
PEERS = (
    ("dlt, JSON", "orders_vs_dlt_json", 10),
    ("dlt, Arrow", "orders_vs_dlt_arrow", 2),
    ("DuckDB read_json, no merge", "orders_vs_limit", 0.5),
)
OURS = "restaurant-os"
#: What can be measured alone.
PARTS = ("memory", "orders", "backfill", "accept", "alerts", "engines")
#: A month over a day, and all locations at once.
MOST_MIB = (64, 512)

Load = Callable[[Path], Path]


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--locations", type=int, default=13)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds, after one to warm up")
    parser.add_argument("--quick", action="store_true", help="a smoke test: few pages, one round, results.json left alone")
    parser.add_argument("--skip-memory", action="store_true", help="as --only, for the others")
    parser.add_argument("--only", choices=PARTS, help="one part; the others' figures in results.json stay")
    options = parser.parse_args()
    locations, days, rounds = (2, 1, 1) if options.quick else (options.locations, options.days, options.rounds)
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="restaurant-os-bench-"))
    try:
        print(machine())
        results: dict[str, float] = {}
        wanted = [options.only] if options.only else [part for part in PARTS if not (part == "memory" and options.skip_memory)]
        if "memory" in wanted:
            results |= show_memory(memory.measure(folder, quick=options.quick))
        if "orders" in wanted:
            pages = generate(locations=locations, days=days)
            print(f"\n{pages.orders:,} orders in {pages.count:,} pages, {pages.bytes / 1e6:,.0f} MB")
            results |= show_times(pages, race(pages, folder, rounds))
        if "backfill" in wanted:
            results |= backfill.show(backfill.measure(quick=options.quick), quick=options.quick)
        if "accept" in wanted:
            results |= accept.show(accept.measure(folder / "accept", quick=options.quick), quick=options.quick)
        if "alerts" in wanted:
            results |= alerts.show(alerts.measure(folder / "alerts", quick=options.quick), quick=options.quick)
        if "engines" in wanted:
            results |= engines.show(engines.measure(folder / "engines", quick=options.quick), quick=options.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not options.quick:
        before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(before | results, indent=2) + "\n")
        print(f"\nwritten: {RESULTS}")
    return 0


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyarrow", "msgspec", "dlt", "orjson"))
    return f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, {packages}"


# --- pages -> tables ------------------------------------------------------------------------------------------------


def race(pages: Pages, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of every contestant in every round. They take turns, so that a busy machine is busy for all."""
    files = folder / "pages"
    limit.write_files(pages, files)
    loads: dict[str, Load] = {
        OURS: lambda own: ours.load(pages, own),
        "dlt, JSON": lambda own: dlt_json.load(pages, own),
        "dlt, Arrow": lambda own: dlt_arrow.load(pages, own),
        "DuckDB read_json, no merge": lambda own: limit.load(pages, files, own),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loads}
    for number in range(rounds + 1):
        made: dict[str, Path] = {}
        with tempfile.TemporaryDirectory(dir=folder) as turn:
            for name, load in loads.items():
                own = Path(turn, name)
                own.mkdir()
                gc.collect()
                start = time.perf_counter()
                made[name] = load(own)
                taken = time.perf_counter() - start
                if number:
                    seconds[name].append(taken)
                print(f"  round {number or 'of warm-up'}: {name}: {taken:.2f} s", file=sys.stderr)
            if number == 0:
                assert_equal(made)
    return seconds


def assert_equal(made: dict[str, Path]) -> None:
    """Every contestant has the same rows in every table, to the last column (but for when they were loaded)."""
    with duckdb.connect() as connection:
        for n, file in enumerate(made.values()):
            connection.execute(f"ATTACH '{file}' AS c{n} (READ_ONLY)")
        for spec in ORDER_TABLES:
            columns = ", ".join(name for name in spec.names if name != LOADED_AT)
            own = f"SELECT {columns} FROM c0.{spec.name}"
            (count,) = connection.execute(f"SELECT count(*) FROM ({own})").fetchall()[0]
            for n, name in enumerate(made):
                schema = f"{dlt_common.DATASET}." if name.startswith("dlt") else ""
                theirs = f"SELECT {columns} FROM c{n}.{schema}{spec.name}"
                (other,) = connection.execute(f"SELECT count(*) FROM ({theirs})").fetchall()[0]
                (differing,) = connection.execute(f"SELECT count(*) FROM ({own} EXCEPT ALL {theirs})").fetchall()[0]
                assert count == other, f"{name}: {spec.name} has {other} rows, not {count}"
                assert not differing, f"{name}: {differing} rows of {spec.name} differ"
            print(f"  {spec.name}: {count:,} rows, the same in all {len(made)}")


def show_times(pages: Pages, seconds: dict[str, list[float]]) -> dict[str, float]:
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    ratios = {name: medians[name] / medians[OURS] for name in medians}
    print(f"\n{'':<28}{'seconds (median)':>17}{'from':>8}{'to':>8}{'orders/s':>11}{'MB/s':>7}{'ratio':>8}")
    for name, found in seconds.items():
        rate = f"{pages.orders / medians[name]:>11,.0f}{pages.bytes / 1e6 / medians[name]:>7,.0f}"
        print(f"{name:<28}{medians[name]:>17.2f}{min(found):>8.2f}{max(found):>8.2f}{rate}{ratios[name]:>8.2f}")
    print()
    results: dict[str, float] = {}
    for name, key, bar in PEERS:
        results[key] = round(ratios[name], 3)
        print(f"{key:<28}{results[key]:>8.2f}   bar: at least {bar}{'' if ratios[name] >= bar else ', MISSED'}")
    return results


def show_memory(peaks: dict[str, float]) -> dict[str, float]:
    results = {"sync_memory_mib": round(peaks["month"] - peaks["day"], 1), "sync_memory_13_locations_mib": round(peaks["13_locations"], 1)}
    print("\npeak resident memory of `restaurant-os sync orders`, MiB: " + ", ".join(f"{name} {mib:.1f}" for name, mib in peaks.items()))
    for (name, value), bar in zip(results.items(), MOST_MIB, strict=True):
        print(f"{name:<28}{value:>8.1f}   bar: at most {bar}{'' if value <= bar else ', MISSED'}")
    return results


if __name__ == "__main__":
    sys.exit(main())
