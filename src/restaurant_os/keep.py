"""`restaurant-os schedule`: the datasets brought in by one process that keeps running, each at its time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from restaurant_os import terminal
from restaurant_os.app import App, build_app
from restaurant_os.clock import Clock, SystemClock
from restaurant_os.errors import RestaurantOSError, StoppedError
from restaurant_os.live import schedule
from restaurant_os.live.schedule import Job, Timer
from restaurant_os.pipeline import daily
from restaurant_os.pipeline.daily import DailyPlan, Outcome
from restaurant_os.pipeline.sync import Unwatched
from restaurant_os.settings import Location, Settings
from restaurant_os.text import count, printable

Build = Callable[..., App]


@dataclass
class Keeper:
    """Brings in what is due. Each job has an App of its own, as a command would; they share the clock, and with it the word to stop."""

    settings: Settings
    as_json: bool = False
    clock: Clock = field(default_factory=SystemClock)
    build: Build = build_app
    failures: int = 0
    _app: App | None = None
    _is_stopping: bool = False

    @property
    def locations(self) -> list[Location]:
        return self.build(self.settings, clock=self.clock).locations()

    @property
    def timers(self) -> list[Timer]:
        return schedule.timers(self.settings.schedule, self.locations)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.schedule.timezone or self.locations[0].timezone)

    def list(self) -> None:
        """Say when what is due next."""
        now = self.clock.now()
        rows = sorted(((timer.after(now), timer) for timer in self.timers), key=lambda row: row[0])
        if self.as_json:
            terminal.print_json([_entry(at, timer) for at, timer in rows])
            return
        shown = [(self._shown(at), timer.dataset, _places(timer.locations, self.locations), timer.why) for at, timer in rows]
        terminal.print_table("", ("next", "dataset", "locations", "rule"), shown)

    def once(self) -> None:
        """Bring in everything now, as if it were all due."""
        with terminal.stoppable(self.stop):
            try:
                for job in schedule.everything(self.timers, self.clock.now()):
                    schedule.attempt(job, self.do, self.failed)
            except StoppedError:
                self._say("Stopped. What was committed is in.")

    def follow(self) -> None:
        """Bring in each dataset at its time, until SIGINT or SIGTERM."""
        with terminal.stoppable(self.stop):
            schedule.follow(self.timers, self.clock, self.do, self.failed, lambda at: self._say(f"Next: {self._shown(at)}"))
        self._say("Stopped. What was committed is in.")

    def stop(self) -> None:
        """Every wait ends at once, a sync after the page it is reading."""
        self._is_stopping = True
        if self._app:
            self._app.stop()
        if isinstance(self.clock, SystemClock):
            self.clock.stop()

    def do(self, job: Job) -> None:
        """One job, told when it is done."""
        if self._is_stopping:
            raise StoppedError("stopped before it began")
        began, started_at = time.monotonic(), self.clock.now()
        self._app = self.build(self.settings, clock=self.clock)
        try:
            plan = DailyPlan(self._app.plan(job.dataset))
            outcomes = daily.call(self._app.sync_by(plan), plan, job.locations, Unwatched())
        finally:
            if "toast" in vars(self._app):
                self._app.toast.http.close()
        self._tell(job, daily.document(job.dataset, started_at, time.monotonic() - began, outcomes), outcomes)
        if self._is_stopping:
            raise StoppedError("stopped after the page it was reading")

    def failed(self, job: Job, problem: Exception) -> None:
        """A job that did not begin, or a fault of ours in it."""
        self.failures += len(job.locations)
        if not isinstance(problem, RestaurantOSError):
            problem = RestaurantOSError(f"a fault of this program ({type(problem).__name__}: {printable(problem, 200)}).")
        terminal.print_error(problem, prefix=f"{job.dataset}: ")
        if self.as_json:
            document = daily.document(job.dataset, self.clock.now(), 0.0, daily.failed_alike(job.locations, problem))
            _print_line({**document, "error": daily.error_as_json(problem)})

    def _tell(self, job: Job, document: dict[str, Any], outcomes: Sequence[Outcome]) -> None:
        failed = [outcome for outcome in outcomes if outcome.error and not isinstance(outcome.error, StoppedError)]
        self.failures += len(failed)
        if self.as_json:
            _print_line(document)
        else:
            read, added, changed = (sum(row[name] for row in document["locations"]) for name in ("rows_read", "rows_added", "rows_changed"))
            done = f"{job.dataset}: {count(len(outcomes), 'location')}, {read:,} read, {added:,} new, {changed:,} changed"
            terminal.out.print(f"{self._shown(self.clock.now())}  {done}, {document['seconds']:.0f} s.", highlight=False, soft_wrap=True)
        terminal.print_failures([outcome.result for outcome in failed])

    def _say(self, text: str) -> None:
        terminal.err.print(text, soft_wrap=True)

    def _shown(self, instant: datetime) -> str:
        return f"{instant.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"


def _print_line(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(terminal.plain(document), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _entry(at: datetime, timer: Timer) -> dict[str, Any]:
    return {"due_at": at, "dataset": timer.dataset, "locations": [own.name for own in timer.locations], "rule": timer.why}


def _places(some: Sequence[Location], every: Sequence[Location]) -> str:
    return "all" if len(some) == len(every) > 1 else ", ".join(printable(own.name, 60) for own in some)
