"""A running Toast simulator, steered over HTTP: in a thread for tests, in a process of its own for proofs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from restaurant_os.settings import ALIASES, Location
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.limits import Limit, Limits, Standing
from restaurant_os.simulator.server import Options, build, running

CREDENTIALS = {"TOAST_CLIENT_ID": "demo-client", "TOAST_CLIENT_SECRET": "demo-secret"}
EVERY_FAULT = Path(__file__).parent / "faults" / "everything.toml"
#: The Sunday before has 23 hours in the United States.
LAST_DAY = date(2026, 3, 10)
COLUMNS = ("orders", "gross_sales", "discounts", "net_sales", "tax", "tips", "refunds")

#: (restaurant_guid, business_date) -> the values of COLUMNS.
Sales = Mapping[tuple[str, date], tuple[int | Decimal, ...]]


class NoLimits(Limits):
    """For worlds that many calls must read in a moment."""

    def count(self, who: Hashable, endpoint: str, own: Limit | None = None) -> Standing:
        return Standing(by="GLOBAL", remaining=20, reset=self.reset_after(1))


@dataclass
class Toast:
    """The simulator at `url`. `pacing`: the profile with which a client keeps to its limits."""

    url: str
    pacing: str = "documented"
    #: Its state, where it runs in this process.
    simulator: Simulator | None = None
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=120))

    def locations(self) -> list[Location]:
        """Its restaurants as settings want them, named North, East, ... by their index."""
        return [
            Location(name=name(index), toast_guid=found["guid"], timezone=found["timezone"], closeout_hour=found["closeout_hour"])
            for index, found in enumerate(self._ask("GET", "")["restaurants"])
        ]

    def books(self) -> Sales:
        """What the world knows that it sold, up to its present."""
        return {
            (row["restaurant_guid"], date.fromisoformat(row["business_date"])): (
                int(row["orders"]),
                *(Decimal(row[column]) for column in COLUMNS[1:]),
            )
            for row in self._ask("GET", "/books")
        }

    def book(self, name: str) -> list[dict[str, Any]]:
        """One of its other books as it stands: sales, labor, cash or close."""
        found: list[dict[str, Any]] = self._ask("GET", f"/books/{name}")
        return found

    def planted(self) -> list[dict[str, Any]]:
        """The incidents that were planted in its days so far, oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/planted")
        return found

    def advance(self, passed: timedelta) -> None:
        self._ask("POST", "/clock", {"advance_seconds": passed.total_seconds()})

    def freeze(self) -> None:
        """Stop a world that lives; its API's clock goes on at real speed."""
        assert self.simulator is not None, "only a simulator of this process can be frozen"
        clock = self.simulator.clock
        self.simulator.clock = Clock(world_start=clock.world(), api_start=clock.api())

    def set_faults(self, **faults: object) -> None:
        self._ask("POST", "/faults", faults)

    def faults_happened(self) -> dict[str, int]:
        return {fault: shown["happened"] for fault, shown in self._ask("GET", "/faults").items()}

    def clear_faults(self) -> None:
        self._ask("DELETE", "/faults")

    def statuses(self, path: str = "/orders/v2/ordersBulk") -> dict[str, int]:
        """How often the path gave each status so far."""
        found: dict[str, int] = self._ask("GET", "/requests").get(path, {})
        return found

    def call_count(self) -> int:
        """How often its API was called."""
        count: int = self._ask("GET", f"/calls?since={10**9}")["count"]
        return count

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Every call to its API after that number, in order."""
        found = self._ask("GET", f"/calls?since={since}")
        assert found["first"] <= since + 1, "the log has lost calls"
        calls: list[dict[str, Any]] = found["calls"]
        return calls

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, f"{self.url}/simulator{path}", json=body)
        answer.raise_for_status()
        return answer.json()


def name(index: int) -> str:
    """What a restaurant is called in the tests' settings."""
    return ("North", "East", "South", "West")[index] if index < 4 else f"Number {index + 1}"


@contextmanager
def simulating(
    *,
    locations: int = 2,
    days: int = 3,
    last_day: date | None = LAST_DAY,
    clock_speed: float | None = None,
    faults: Path | None = None,
    clients: Path | None = None,
    limited: bool = False,
    demand: float = 1.0,
    plant: bool = False,
) -> Iterator[Toast]:
    """A simulator in a thread, on a free port, with Toast's limits only where they are wanted."""
    options = Options(
        port=0,
        locations=locations,
        days=days,
        seed=7,
        last_day=last_day,
        clock_speed=clock_speed,
        faults=faults,
        clients=clients,
        demand=demand,
        plant=plant,
    )
    app = build(options)
    if not limited:
        app.state.simulator.limits = NoLimits()
    with running(app, options) as url:
        toast = Toast(url, "documented" if limited else "none", app.state.simulator)
        try:
            yield toast
        finally:
            toast.close()


@contextmanager
def simulator_process(*arguments: str) -> Iterator[Toast]:
    """`restaurant-os simulate` with these arguments, on a free port."""
    command = [sys.executable, "-m", "restaurant_os.simulator", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "the simulator did not start"
        toast = Toast(found[0])
        try:
            yield toast
        finally:
            toast.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def settings_text(toast: Toast, locations: Sequence[Location], *lines: str) -> str:
    """A settings file for the simulator; `lines` go before its tables."""
    head = "\n".join(('warehouse = "duckdb:///warehouse.duckdb"', *lines))
    blocks = "".join(
        f'\n[[locations]]\nname = "{x.name}"\ntoast_guid = "{x.toast_guid}"\ntimezone = "{x.timezone}"\ncloseout_hour = {x.closeout_hour}\n'
        for x in locations
    )
    return f'{head}\n\n[toast]\nbase_url = "{toast.url}"\npacing = "{toast.pacing}"\n{blocks}'


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a command of ours is given: the demo's credentials, and a cache in `folder`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RESTAURANT_OS_", "TOAST_")) and key not in ALIASES}
    return {**kept, **CREDENTIALS, "XDG_CACHE_HOME": str(folder / "cache"), "COLUMNS": "160", **more}
