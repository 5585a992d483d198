"""What a new instance of a cloud function pays before its first call: importing `main`, against importing the warehouse's driver alone.

`python -m benchmarks.imports` prints both, and what the first call imports on top.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DRIVER = "duckdb"
#: What is timed, in an interpreter of its own each time.
WHAT = {
    "driver": f"import {DRIVER}",
    "main": "import main",
    "first_call": "import main, restaurant_os.cloud.web, restaurant_os.warehouse.duckdb",
}
TIMED = "import time; began = time.perf_counter(); {what}; print(time.perf_counter() - began)"
ROUNDS = 11


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of each import, the median of `rounds` fresh interpreters that take turns, and `import_vs_driver`: main's over the driver's."""
    seconds: dict[str, list[float]] = {name: [] for name in WHAT}
    for number in range(rounds + 1):
        for name, what in WHAT.items():
            ran = subprocess.run(
                [sys.executable, "-c", TIMED.format(what=what)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
            )
            if number:  # the first round warms the disk's cache
                seconds[name].append(float(ran.stdout))
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    return {
        **{f"import_{name}_s": round(value, 4) for name, value in medians.items()},
        "import_vs_driver": round(medians["main"] / medians["driver"], 3),
        "first_call_vs_driver": round(medians["first_call"] / medians["driver"], 3),
    }


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:<24}{value:>8.3f}")
