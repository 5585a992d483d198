"""The memory of a sync: real processes over a real socket, the simulator as the API.

Peak resident memory is the kernel's own high-water mark of the process (VmHWM in /proc), read while it runs; the marks of the
processes it started, if any, are added, and what processes share is counted in each.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from benchmarks.pages import LAST_DAY

MONTH = 30
WEEK = 7
SECONDS_TO_START = 60
SECONDS_TO_SYNC = 600
CREDENTIALS = {"TOAST_CLIENT_ID": "demo-client", "TOAST_CLIENT_SECRET": "demo-secret"}


@contextmanager
def simulator(*, locations: int, days: int, log: Path) -> Iterator[str]:
    """A simulator in a process of its own; gives its address."""
    options = ["--port", "0", "--locations", str(locations), "--days", str(days), "--last-day", LAST_DAY.isoformat()]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "restaurant_os.simulator", *options], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        if address is None:
            raise RuntimeError(f"the simulator did not start: {line} {log.read_text()}")
        yield address.group()
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Syncs:
    """`restaurant-os sync orders` into warehouses of their own, measured."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.count = 0
        self.environment = {**os.environ, **CREDENTIALS, "XDG_CACHE_HOME": str(folder / "cache")}

    def peak_mib(self, location: str, first: date, last: date) -> float:
        self.count += 1
        own = self.folder / f"sync{self.count}"
        own.mkdir()
        self.run(own, "init", "--from-toast", self.url, "--pacing", "documented")
        options = ["--location", location, "--from", first.isoformat(), "--to", last.isoformat()]
        return self.run(own, "sync", "orders", *options) / 1024

    def run(self, own: Path, *arguments: str) -> int:
        """Run a command to its end; gives its peak resident memory in KiB."""
        peak = 0
        give_up = time.monotonic() + SECONDS_TO_SYNC
        with (own / "log").open("w") as log:
            command = [str(Path(sys.executable).with_name("restaurant-os")), *arguments]
            process = subprocess.Popen(command, cwd=own, env=self.environment, stdout=log, stderr=log)
        try:
            while process.poll() is None:
                peak = max(peak, sum(_high_water_kib(pid) for pid in (process.pid, *_children(process.pid))))
                if time.monotonic() > give_up:
                    raise RuntimeError(f"{' '.join(arguments)}: no end within {SECONDS_TO_SYNC} s")
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}: {(own / 'log').read_text()}")
        return peak


def _children(pid: int) -> list[int]:
    """The processes that any thread of a process started and that still run."""
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _high_water_kib(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def measure(folder: Path, *, quick: bool) -> dict[str, float]:
    """MiB by name: a location's day and month, and all locations' week."""
    locations, month, week = (2, 9, 2) if quick else (13, MONTH, WEEK)
    with simulator(locations=locations, days=month, log=folder / "simulator.log") as url:
        syncs = Syncs(url, folder)
        one = _a_location(syncs, folder)
        return {
            "day": syncs.peak_mib(one, LAST_DAY, LAST_DAY),
            "month": syncs.peak_mib(one, LAST_DAY - timedelta(days=month - 1), LAST_DAY),
            "13_locations": syncs.peak_mib("ALL", LAST_DAY - timedelta(days=week - 1), LAST_DAY),
        }


def _a_location(syncs: Syncs, folder: Path) -> str:
    syncs.run(folder, "init", "--from-toast", syncs.url, "--pacing", "documented")
    found = re.search(r'toast_guid = "(\S+)"', (folder / "restaurant-os.toml").read_text())
    assert found
    return found[1]
