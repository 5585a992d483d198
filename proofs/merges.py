"""Random histories of orders, delivered in any order and any number of times, end in the rows of their newest versions.

The property test of the merge with many examples, in as many processes as there are cores, each with dice of its own.
RESTAURANT_OS_EXAMPLES sets the number of examples in all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from proofs import ROOT
from proofs.progress import shown

TEST = "tests/integration/test_merge_model.py"
#: About two seconds of a core for each.
EXAMPLES = 300


def prove(folder: Path) -> dict[str, object]:
    """Every process must pass; gives the figures. `failures` counts those that did not."""
    if not (ROOT / TEST).exists():
        raise AssertionError(f"{TEST} is not there")
    wanted = int(os.environ.get("RESTAURANT_OS_EXAMPLES") or EXAMPLES)
    processes = max(1, min(os.cpu_count() or 1, wanted))
    each = -(-wanted // processes)
    print(f"merges: {each * processes:,} examples in {processes} processes (about {shown(2.2 * each)} left)", flush=True)
    began = time.monotonic()
    outputs = [folder / f"{n}.txt" for n in range(processes)]
    running = []
    for seed, output in enumerate(outputs):
        with output.open("w") as file:
            command = [sys.executable, "-m", "pytest", TEST, "-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
            environment = {**os.environ, "RESTAURANT_OS_EXAMPLES": str(each)}
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT))
    try:
        codes = [process.wait() for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    for code, output in zip(codes, outputs, strict=True):
        if code:
            print(output.read_text()[-4_000:])
    seconds = time.monotonic() - began
    print(f"    {sum(code == 0 for code in codes)} of {processes} processes passed, {seconds:.0f} s", flush=True)
    return {"examples": each * processes, "seconds": round(seconds, 1), "failures": sum(code != 0 for code in codes)}
