"""Alerts: how soon after its event a message is delivered, while other events come, on both stores of operations.

Locations post totals of their day; now and then one posts a labor cost beyond the rule's level, and a channel on loopback keeps when its message came.
The channel takes one message a second, as Slack does, so alerts come less often than that.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from benchmarks.accept import CONNECTIONS, LIVE_LOCATIONS, LIVE_PER_SECOND, load, location_guids, percentile, server, spread
from benchmarks.load import request
from channel_stub import Call, Reply, channel_stub
from postgres_server import Server

SECONDS, SECONDS_PER_ALERT = 60, 1.5
#: The last message may still be on its way.
SECONDS_AFTER = 5.0
#: Of a load generator that is told a tenth to warm up, those count that come after it.
WARM_UP = 0.1


@dataclass
class Channel:
    """An incoming webhook of Slack; `at`: when each message came, by `time.time`, and all of it as text."""

    url: str = ""
    at: list[tuple[float, str]] = field(default_factory=list)

    def answer(self, call: Call) -> Reply:
        self.at.append((time.time(), json.dumps(call.body)))
        return Reply()


@contextmanager
def channel() -> Iterator[Channel]:
    found = Channel()
    with channel_stub(found.answer) as stub:
        found.url = f"{stub.url}/services/T0/B0/secret"
        yield found


def measure(folder: Path, *, quick: bool) -> dict[str, list[float]]:
    """Seconds from an event to its message, by store of operations."""
    folder.mkdir()
    found = {"SQLite": one_store(folder / "sqlite", {}, quick=quick)}
    with Server() as postgres, postgres.database() as url:
        found["Postgres"] = one_store(folder / "postgres", {"RESTAURANT_OS_OPERATIONS": url}, quick=quick)
    return found


def one_store(folder: Path, variables: dict[str, str], *, quick: bool) -> list[float]:
    ready, alerts = requests(LIVE_PER_SECOND * (6 if quick else SECONDS))
    with channel() as told:
        env = {**variables, "SLACK_WEBHOOK_URL": told.url, "TOAST_WEBHOOK_SECRETS": ""}
        with server(folder, "alerts", env, locations=LIVE_LOCATIONS) as port:
            seen = load(folder, port, ready, CONNECTIONS, LIVE_PER_SECOND)
            time.sleep(SECONDS_AFTER)
        counted = {name: number for name, number in alerts.items() if number >= len(ready) * WARM_UP}
        came = {name: min((at for at, text in told.at if re.search(rf"{name}\b", text)), default=float("inf")) for name in counted}
    return [came[name] - (seen.began_at + number / LIVE_PER_SECOND) for name, number in counted.items()]


def requests(count: int) -> tuple[list[bytes], dict[str, int]]:
    """Posts of totals, and by the name of each location that alerts the number of the post that made it so."""
    today = datetime.now(UTC).date().isoformat()
    guids = location_guids(LIVE_LOCATIONS)
    every = round(LIVE_PER_SECOND * SECONDS_PER_ALERT)
    ready: list[bytes] = []
    alerts: dict[str, int] = {}
    for number in range(count):
        place = number % len(guids)
        figures: dict[str, float] = (
            {"gross_sales": 5000 + number % 90} if (number // len(guids)) % 2 == 0 else {"labor_hours": 60, "labor_cost": 1000}
        )
        kind = "labor" if "labor_cost" in figures else "sales"
        if number % every == every - 1 and number >= 2 * len(guids):
            place = LIVE_LOCATIONS - 1 - len(alerts)
            kind, figures = "labor", {"labor_hours": 75, "labor_cost": 2000}
            alerts[f"Number {place + 1}"] = number
        elif place >= LIVE_LOCATIONS - len(alerts) and kind == "labor":
            figures = {"labor_hours": 75, "labor_cost": 2000}
        body = json.dumps({"store_id": guids[place], "date": today, **figures}).encode()
        ready.append(request(f"/webhook/{kind}", body, {"Content-Type": "application/json"}))
    return ready, alerts


def show(found: dict[str, list[float]], *, quick: bool) -> dict[str, float]:
    """Print it; the worse of the two stores as the figure."""
    print(
        f"\n{LIVE_PER_SECOND}/s totals of {LIVE_LOCATIONS:,} locations, an alert each {SECONDS_PER_ALERT} s: seconds from the event to its message"
    )
    for store, lags in found.items():
        print(f"  {store}: {len(lags)} alerts, {spread(lags)} s")
    worst = max(percentile(lags, 95) for lags in found.values())
    print(f"{'alert_p95_s':<34}{worst:>8.2f}   bar: under 1{'' if worst < 1 or quick else ', MISSED'}")
    return {"alert_p95_s": round(worst, 3)}
