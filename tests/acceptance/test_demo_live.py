"""`demo --live` as a process: it ends by itself, or by Ctrl-C, and leaves no process behind. The day passes far faster than a person would want."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

#: One restaurant, two days before the day, and 30 hours in six seconds. Ctrl-C is heard as in a terminal, also where the tests run in the background of a
#: shell, which has what it starts there ignore it.
RUN = """
import signal, sys
from restaurant_os import demo_live
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(demo_live.run(locations=1, days=2, seed=7, speed=18_000.0))
"""
SECONDS = 110


def started(folder: Path) -> subprocess.Popen[str]:
    """The demo, with channels and settings of a person in its environment that are none of its business."""
    real = {"DISCORD_WEBHOOK_URL": "https://discord.invalid/api/webhooks/1/x", "RESTAURANT_OS_WAREHOUSE": "duckdb:///mine.duckdb"}
    command = [sys.executable, "-u", "-c", RUN]
    return subprocess.Popen(
        command,
        env={**os.environ, **real, "TMPDIR": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_live_demo_ends_by_itself_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = started(tmp_path)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    *_, before_last, last = said.strip().splitlines()
    assert " is over: " in before_last
    assert last == "Planted were: double booked shift at Harbor."
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_a_live_demo_with_its_processes(tmp_path: Path) -> None:
    process = started(tmp_path)
    assert process.stdout is not None
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if "What the simulated Slack receives" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2  # the simulator and the service
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.stdout.read()
        assert process.wait(SECONDS) == 0, said
    finally:
        watchdog.cancel()
        process.stdout.close()
        if process.poll() is None:
            process.kill()
            process.wait()
    assert said.strip().endswith("Interrupted. Nothing of it is left.")
    give_up = time.monotonic() + 20
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
        assert time.monotonic() < give_up, "a process outlives the demo"
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
