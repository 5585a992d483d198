"""A service as a process of its own: started, watched, sent events, killed."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from live_events import SECRET, LiveEvent
from restaurant_desk import COMMAND
from restaurant_os.operations.open import open_operations
from restaurant_os.settings import ServiceSettings
from restaurant_os.warehouse.duckdb import empty_file
from toast_simulator import environment

SERVE_UNTIL = Path(__file__).with_name("serve_until.py")
SECONDS_TO_START = 60.0
#: No account: nothing is polled.
NO_ACCOUNT = {"TOAST_CLIENT_ID": "", "TOAST_CLIENT_SECRET": ""}
LOCATION = """
[[locations]]
name = "Number {number}"
toast_guid = "{guid}"
timezone = "UTC"
closeout_hour = 0
"""


@dataclass
class Service:
    """`restaurant-os serve` in `folder`. `variables` go into its environment."""

    folder: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def log(self) -> Path:
        return self.folder / f"serve-{self.port}.log"

    def start(self, until: tuple[str, str, int] | None = None, sent: str = "SIGKILL") -> None:
        """Start it and wait until it is ready; with `until` it sends itself the signal at that boundary, side and time of crossing."""
        serve = ["serve", "--port", str(self.port)]
        command = [sys.executable, str(SERVE_UNTIL), sent, *map(str, until), *serve] if until else [COMMAND, *serve]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment(self.folder, **self.variables), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        give_up = time.monotonic() + SECONDS_TO_START
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > give_up:
                if until and self.process.poll() is not None:
                    return  # it met its boundary while it began
                raise AssertionError(f"serve is not ready: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self.get("/readyz")[0] == 200
        return False

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def is_asleep(self) -> bool:
        return self.process is not None and psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    def wake(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def lines(self) -> list[dict[str, Any]]:
        """What it logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; gives the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(seconds)

    def settle(self, seconds: float = 60) -> None:
        """Wait until no event waits any more."""
        give_up = time.monotonic() + seconds
        while inbox := self.waiting():
            if time.monotonic() > give_up:
                raise AssertionError(f"still in the inbox: {inbox}; {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def waiting(self) -> int:
        """Events that wait or are claimed, as the store has them."""
        store = open_operations(self.operations, service=ServiceSettings(), now=lambda: datetime.now(UTC))
        try:
            state = store.inbox()
            return state.pending + state.claimed
        finally:
            store.close()

    @property
    def operations(self) -> Path | str:
        return self.variables.get("RESTAURANT_OS_OPERATIONS") or self.folder / "warehouse.operations.sqlite"


class Sender:
    """One connection on which events are sent, made anew when it breaks."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self.port = port
        self.timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def send(self, event: LiveEvent) -> int | None:
        """The status; None when there was no answer."""
        return self.post("/webhooks/toast", event.body, event.headers())

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> int | None:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
            self._connection.request("POST", path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        if answer.will_close:
            self.close()
        return answer.status

    def summary(self, kind: str, key: str = "", **fields: Any) -> int | None:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return self.post(f"/webhook/{kind}", json.dumps(fields).encode(), headers)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def settings_of(locations: Sequence[str], *lines: str) -> str:
    """Settings with these locations; `lines` come before them."""
    blocks = (LOCATION.format(number=number, guid=guid) for number, guid in enumerate(locations, 1))
    return "\n".join(('warehouse = "duckdb:///warehouse.duckdb"', *lines)) + "".join(blocks)


@contextmanager
def service(folder: Path, locations: Sequence[str], **variables: str) -> Iterator[Service]:
    """A folder with settings, a warehouse with nothing in it and a port; whatever runs there at the end is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, warehouse = folder / "restaurant-os.toml", folder / "warehouse.duckdb"
    if not settings.exists():
        settings.write_text(settings_of(locations))
    if not warehouse.exists():
        warehouse.write_bytes(empty_file())
    found = Service(folder, free_port(), {"TOAST_WEBHOOK_SECRETS": SECRET, **NO_ACCOUNT, **variables})
    try:
        yield found
    finally:
        found.kill()
