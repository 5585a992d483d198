"""`restaurant-os demo --live`: a service day of simulated restaurants, faster than it would be, and each alert as it reaches a simulated Slack.

The simulator stands at the beginning of its day while the weeks before are brought in; then the day begins for it and for a service of ours at one
instant, and both go at one speed. Labor is planned at a sixth of sales there, and four incidents are planted (docs/simulator.md). Nothing is left
behind, and nobody real is told.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from restaurant_os import demo, terminal
from restaurant_os.app import build_app
from restaurant_os.clock import FastClock
from restaurant_os.errors import StoppedError, UsageError
from restaurant_os.pipeline.plans import Span
from restaurant_os.scaffold import toml_text
from restaurant_os.settings import FILE_NAME, PREFIX, Location, load, load_without_file
from restaurant_os.sources.toast.locations import discover
from restaurant_os.text import count, printable

#: An hour in a minute.
LOCATIONS, DAYS, SPEED = 3, 28, 60.0
CHANNEL = "/slack/services/T0DEMO/B0DEMO/demo"
#: Published, and good for a receiver on this machine alone.
SECRET = "demo-webhook-secret"  # noqa: S105
#: Of a person's own settings: a demo tells nobody real, and its events go nowhere else.
SILENCED = ("DISCORD_WEBHOOK_URL", "SLACK_BOT_TOKEN", "APPRISE_URLS", "DATABASE_URL")
START_SECONDS, END_SECONDS, POLL_SECONDS = 60.0, 20.0, 0.2
#: Waits for what is still told once the day is over, in real seconds.
LINGER_SECONDS = 4.0

SETTINGS = """\
warehouse = "duckdb:///restaurant-os.duckdb"
[toast]
base_url = {url}
pacing = "documented"
[schedule]
orders = "off"
cash = "off"
labor = "off"
config = "off"
closeouts = false
orders_every_minutes = {minutes}
labor_every_minutes = {minutes}
cash_every_minutes = {minutes}
reread = "off"
# A poll that takes two seconds is late here by twelve minutes of the day.
[[alerts.rules]]
name = "data-late"
enabled = false
"""
LOCATION = """
[[locations]]
name = {name}
toast_guid = {guid}
timezone = {zone}
closeout_hour = {hour}
"""


@dataclass
class Stage:
    """The simulator, its day, and how fast it goes."""

    url: str
    speed: float
    begins: datetime = field(init=False)
    day: date = field(init=False)
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=START_SECONDS)
        found = self.get("/live")
        self.begins, self.day = datetime.fromisoformat(found["begins"]), date.fromisoformat(found["business_date"])

    def get(self, path: str) -> Any:
        return self.http.get(f"/simulator{path}").raise_for_status().json()

    def post(self, path: str, **body: object) -> Any:
        return self.http.post(f"/simulator{path}", json=body).raise_for_status().json()


def run(*, locations: int, days: int, seed: int, speed: float) -> int:
    """Everything the live demo does; gives the exit code. Ctrl-C ends it, with 0."""
    _only_ours()
    options = {"port": 0, "locations": locations, "days": days, "seed": seed, "clock-speed": speed}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    _say(f"Making {days} days of {count(locations, 'restaurant')}, and the day after them ...")
    try:
        with tempfile.TemporaryDirectory() as made, demo.simulator("--stage", "--plant", *words) as url:
            stage, folder = Stage(url, speed), Path(made)
            with closing(stage.http):
                return _live(stage, folder, days)
    except (KeyboardInterrupt, StoppedError):
        _say("Interrupted. Nothing of it is left.")
        return 0
    except httpx.HTTPError as problem:
        raise UsageError(f"demo: the simulator ended: {printable(problem, 200)}.", next_step="Run the demo again.") from None


def _live(stage: Stage, folder: Path, days: int) -> int:
    places = _brought_up(stage, folder, days)
    stage.post("/channels/limits", on=False)
    at = time.time()
    with _service(stage, folder, at) as address:
        stage.post("/live", url=address, secret=SECRET, at=at, summaries=False)
        _say(f"\n{stage.day} begins, at {stage.speed:g} simulated seconds per second. What the simulated Slack receives:\n")
        _watched(stage, ZoneInfo(places[0].timezone))
    _say(_ending(stage, places))
    return 0


# --- before the day -------------------------------------------------------------------------------------------------------


def _only_ours() -> None:
    """Of the environment, what is the demo's alone."""
    for name in [name for name in os.environ if name.startswith(PREFIX) or name in SILENCED]:
        del os.environ[name]
    os.environ.update(demo.CLIENT)


def _brought_up(stage: Stage, folder: Path, days: int) -> list[Location]:
    """Settings, and the days before the day in the warehouse, by the real client; gives the locations.

    Raises:
        StoppedError: asked to stop meanwhile. RestaurantOSError: something could not be brought in.
    """
    clock = FastClock(stage.begins, time.time(), 1.0)
    settings = load_without_file(folder, toast={"base_url": stage.url, "pacing": "documented"})
    places = discover(build_app(settings, clock=clock, token_folder=folder / "tokens").toast)
    path = folder / FILE_NAME
    path.write_text(_settings_text(stage, places), encoding="utf-8")
    app = build_app(load(path), clock=clock, token_folder=folder / "tokens")
    span = Span(stage.day - timedelta(days=days), stage.day - timedelta(days=1))
    for dataset in demo.DATASETS:
        label = f"{dataset} of the {days} days before"
        results = terminal.run_sync(app, dataset, app.locations(), None if dataset == "config" else span, show=True, label=label)
        if failed := next((result.error for result in results if result.error), None):
            raise failed
    app.warehouse.close()
    return places


def _settings_text(stage: Stage, places: list[Location]) -> str:
    """A poll takes a moment whatever the speed: there are as many of them in real time as a machine can do."""
    head = SETTINGS.format(url=toml_text(stage.url), minutes=max(1, round(stage.speed / 60)))
    blocks = (
        LOCATION.format(name=toml_text(x.name), guid=toml_text(x.toast_guid), zone=toml_text(x.timezone), hour=x.closeout_hour)
        for x in places
    )
    return head + "".join(blocks)


@contextmanager
def _service(stage: Stage, folder: Path, at: float) -> Iterator[str]:
    """The service in a process of its own, by the clock of the day; gives its address.

    Raises:
        UsageError: it did not begin; says what it said last.
    """
    began = [str(folder / FILE_NAME), stage.begins.isoformat(), repr(at), repr(stage.speed)]
    ours = {**os.environ, "SLACK_WEBHOOK_URL": stage.url + CHANNEL, "TOAST_WEBHOOK_SECRETS": SECRET}
    path = folder / "service.log"
    with path.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "restaurant_os.service.rehearsal", *began],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=ours,
            cwd=folder,
            start_new_session=True,  # Ctrl-C is ours to hear
        )
    try:
        yield _address(process, path)
    finally:
        process.terminate()
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        if found := re.search(r"listening on (http://[^\s\",]+)", log.read_text(encoding="utf-8", errors="replace")):
            address = found[1]
            try:
                if httpx.get(f"{address}/readyz", timeout=START_SECONDS).status_code == 200:
                    return address
            except httpx.HTTPError:
                pass  # it listens before it answers
        time.sleep(POLL_SECONDS)
    last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
    raise UsageError(
        f"demo: the service did not begin: {printable(last, 400)}.", next_step="Run the demo again; if it stays so, report it."
    )


# --- the day --------------------------------------------------------------------------------------------------------------


def _watched(stage: Stage, zone: ZoneInfo) -> None:
    """Print what the channel receives, until the day is over and nothing more came for a while."""
    seen, quiet_since = 0, None
    while True:
        is_over, found = stage.get("/live")["is_over"], stage.get(f"/channels?since={seen}")
        for attempt in found["attempts"]:
            seen = attempt["n"]
            _say(shown(attempt, zone))
        now = time.monotonic()
        if not is_over or found["attempts"]:
            quiet_since = now
        elif quiet_since is not None and now - quiet_since > LINGER_SECONDS:
            return
        time.sleep(POLL_SECONDS)


def shown(attempt: dict[str, Any], zone: ZoneInfo) -> str:
    """A message as a few lines: when it came by the restaurants' clock, and what it says."""
    at = datetime.fromisoformat(attempt["at"]).astimezone(zone)
    lines = [line for line in _texts(attempt["body"]) if line]
    if attempt["status"] != 200:
        lines.append(f"(refused: {attempt['status']} {attempt['answer']})")
    head, *rest = lines or ["(empty)"]
    return "\n".join([f"{at:%a %H:%M}  {head}", *(f"           {line}" for line in rest), ""])


def _texts(body: dict[str, Any]) -> Iterator[str]:
    """What a Slack message says, line by line."""
    blocks = body.get("blocks") or []
    if not blocks:
        yield from _plain(body.get("text", "")).splitlines()
    for block in blocks:
        if text := block.get("text"):
            yield from _plain(text["text"]).splitlines()
        for own in block.get("fields", ()):
            yield ": ".join(_plain(own["text"]).split("\n", 1))
        if block.get("type") == "context":
            yield "  ".join(_plain(own["text"]) for own in block["elements"] if "text" in own)


def _plain(text: str) -> str:
    """Slack's mrkdwn as text for a terminal."""
    text = re.sub(r"<(http[^|>]*)\|([^>]*)>", r"\2 (\1)", text)
    return "\n".join(printable(html.unescape(line), 400) for line in re.sub(r"\*([^*\n]+)\*", r"\1", text).split("\n"))


def _ending(stage: Stage, places: list[Location]) -> str:
    """What was sent, and what had been planted in the day."""
    names = {place.toast_guid: place.name for place in places}
    report, received = stage.get("/live")["report"], stage.get("/channels")
    planted = [row for row in stage.get("/planted") if row["business_date"] == stage.day.isoformat()]
    wrong = ", ".join(f"{row['kind'].replace('_', ' ')} at {names.get(row['restaurant_guid'], row['restaurant_guid'])}" for row in planted)
    delivered, messages = report["events"]["delivered"], len(received["messages"])
    return f"{stage.day} is over: {count(delivered, 'event')} came in, {count(messages, 'message')} went out.\nPlanted were: {wrong or 'nothing'}."


def _say(text: str) -> None:
    terminal.out.print(text, highlight=False, markup=False, soft_wrap=True)
