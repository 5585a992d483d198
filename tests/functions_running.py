"""A cloud function as it runs: the platform's own framework in a process of its own, on a free port of this machine."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from restaurant_desk import Desk
from toast_simulator import environment

REPOSITORY = Path(__file__).parents[1]
FRAMEWORK = str(Path(sys.executable).with_name("functions-framework"))
ENTRY_POINTS = {"orders": "orders_daily", "cash": "cash_daily", "labor": "labor_daily", "config": "config_weekly"}
SECONDS_TO_START = 60
SECONDS_TO_ANSWER = 600


@dataclass(frozen=True)
class Function:
    """One that listens at `url`; `process` is the framework's, whose child does the work."""

    url: str
    process: subprocess.Popen[bytes]

    def call(self, body: object = None, **options: Any) -> tuple[int, Any]:
        """Status and document of one call; `body` is sent as JSON, `content` among the options as it is."""
        given: dict[str, Any] = {} if body is None else {"json": body}
        answer = httpx.post(self.url, timeout=SECONDS_TO_ANSWER, **(given | options))
        assert answer.headers["content-type"].startswith("application/json"), answer.text
        return answer.status_code, answer.json()

    def peak_mib(self) -> float:
        """The kernel's high-water mark of resident memory: of the framework's process and of its children, added."""
        pid = self.process.pid
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        marks = (re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{own}/status").read_text()) for own in (str(pid), *children))
        return sum(int(found[1]) for found in marks if found) / 1024


@contextmanager
def function(desk: Desk, dataset: str, *, source: Path = REPOSITORY / "main.py", **more: str) -> Iterator[Function]:
    """The function of a dataset, with the settings of `desk`; `more` goes into its environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # gunicorn keeps a socket of its own in the temporary folder.
    own = environment(desk.folder, RESTAURANT_OS_CONFIG=str(desk.settings), THREADS="4", **more)
    command = [FRAMEWORK, "--source", str(source), "--target", ENTRY_POINTS[dataset], "--host", "127.0.0.1", "--port", str(port)]
    with (desk.folder / f"{dataset}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=desk.folder, env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield Function(f"http://127.0.0.1:{port}/", process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < give_up and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the framework did not start")
