"""Every engine keeps the contract whole: what `make test` runs a share of, with every example and every call that a crash can come before."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from proofs import ROOT
from proofs.progress import shown

SUITE = "tests/contract"
#: Of each property, on every engine, where RESTAURANT_OS_EXAMPLES says no other number.
EXAMPLES = "30"


def prove(folder: Path) -> dict[str, object]:
    """Gives how many claims passed and were skipped, and the figures. `failures` counts those that failed."""
    if not (ROOT / SUITE).exists():
        raise AssertionError(f"{SUITE} is not there")
    print(f"contract: {SUITE} on every engine, whole", flush=True)
    began, output = time.monotonic(), folder / "output.txt"
    with output.open("w") as file:
        command = [sys.executable, "-m", "pytest", SUITE, "-p", "no:cacheprovider", "--timeout=7200", "--tb=short", "-rs"]
        environment = {"RESTAURANT_OS_EXAMPLES": EXAMPLES, **os.environ, "RESTAURANT_OS_PROFILE": "prove"}
        code = subprocess.run(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    told = output.read_text()
    counts = {what: int(number) for number, what in re.findall(r"(\d+) (passed|skipped|failed|errors?)\b", told.splitlines()[-1])}
    failures = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    if code:
        print("\n".join(told.splitlines()[-40:]), flush=True)
    print(f"    {counts.get('passed', 0)} claims in {shown(time.monotonic() - began)}, {counts.get('skipped', 0)} skipped", flush=True)
    return {"passed": counts.get("passed", 0), "skipped": counts.get("skipped", 0), "failures": failures or int(code != 0)}
