"""The jobs of a service, each run when it is due by one of however many replicas: polls, nightly re-reads, daily jobs, wishes, retention.

A replica has a job by a lease in the operations store and keeps it while the job runs. One that was killed, or slept past its lease, is
overtaken; should it wake, it ends its sync after the page it is reading, and its end changes nothing.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from restaurant_os.clock import Clock
from restaurant_os.errors import BusyError, OperationsError, RestaurantOSError, StoppedError
from restaurant_os.live.jobs import Ask, DueTimes, Job, Wish, jobs_of
from restaurant_os.live.leases import Lease, Leases
from restaurant_os.live.meters import Meters
from restaurant_os.operations import JobRun, Operations
from restaurant_os.pipeline.daily import DAILY, WEEKLY, brought_by
from restaurant_os.pipeline.plans import Plan
from restaurant_os.pipeline.sync import LocationResult, Sync, Unwatched
from restaurant_os.settings import Location, Settings
from restaurant_os.text import count, printable

log = logging.getLogger(__name__)

#: A job is another's so long after its replica was last heard of; it is heard of three times as often.
LEASE_SECONDS = 30.0
#: What is due and what was wished for is looked at this often, the inbox for its gauges less so.
LOOK_SECONDS = 1.0
INBOX_SECONDS = 5.0
#: A wish is served at most this often.
BETWEEN_WISHES = timedelta(minutes=1)
#: So many at once of one dataset: each has a lease of its own.
MOST_WISHES = 32
#: A thread that was told to stop is told again until it does: a sync that was just beginning did not hear it.
TELL_AGAIN_SECONDS = 0.2
#: Every sync of the last days has a row of its own in the ledger; of a day a service makes hundreds for each location.
LEDGER_WHOLE = timedelta(days=3)
#: So many ids of ledger rows stand in a line of the log.
MOST_IDS = 20


class Syncs(Protocol):
    """Who makes a sync."""

    def plan(self, dataset: str) -> Plan:
        """What a dataset's sync asks: what changed."""
        ...

    def sync_by(self, plan: Plan) -> Sync: ...

    def stop(self) -> None:
        """For good: every wait of a sync ends at once."""
        ...


@dataclass(eq=False, slots=True)
class Part:
    """What one lease is for. `wish`: what it answers, with all that was asked for up to `began_at`."""

    lease: Lease
    locations: tuple[Location, ...]
    wish: Wish | None = None
    began_at: datetime | None = None


@dataclass(eq=False, slots=True)
class Task:
    """Something that runs in a lane."""

    kind: str
    lane: str
    ask: Ask | None
    parts: list[Part]
    thread: threading.Thread | None = None
    sync: Sync | None = None
    is_told: bool = False

    @property
    def locations(self) -> list[Location]:
        """Of all parts, each once."""
        return list({own.toast_guid: own for part in self.parts for own in part.locations}.values())

    @property
    def is_lost(self) -> bool:
        return all(part.lease.is_lost for part in self.parts)

    def stop(self) -> None:
        self.is_told = True
        if self.sync:
            self.sync.stop()


@dataclass(slots=True)
class Report:
    """What came of a task. `problem`: why none of it began."""

    results: Sequence[LocationResult] = ()
    problem: RestaurantOSError | None = None
    note: str = ""

    def of(self, locations: Iterable[Location]) -> list[tuple[str, RestaurantOSError]]:
        """The failures at some of its locations, with their names."""
        if self.problem:
            return [("", self.problem)]
        guids = {own.toast_guid for own in locations}
        return [(r.location.name, r.error) for r in self.results if r.error and r.location.toast_guid in guids]


@dataclass
class Scheduler:
    """Runs what is due until it is told to stop. `owner`: this replica, as no other is called. `syncs`: None leaves out all but the house.
    `fold_ledger`: the warehouse's."""

    settings: Settings
    operations: Operations
    clock: Clock
    owner: str
    meters: Meters
    syncs: Syncs | None
    fold_ledger: Callable[[datetime], int]
    lease_seconds: float = LEASE_SECONDS
    _stopping: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)
    _running: dict[str, Task] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    #: The last due time of each job that nobody has to look at any more, and when those left were last tried.
    _settled: dict[str, datetime] = field(default_factory=dict)
    _tried: dict[str, float] = field(default_factory=dict)
    _inbox_at: float | None = None
    _trouble: str = ""

    def __post_init__(self) -> None:
        self.jobs = jobs_of(self.settings, has_toast=self.syncs is not None)
        self.leases = Leases(self.operations, self.clock, self.owner, self.lease_seconds)
        self._due = DueTimes()
        # One for each lane, made here: what makes them is not for several threads.
        lanes = (*DAILY, WEEKLY) if self.syncs and self.settings.locations else ()
        self._syncs = {lane: self.syncs.sync_by(self.syncs.plan(lane)) for lane in lanes} if self.syncs else {}
        self._began = self.clock.now()

    # --- the thread that looks ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until `stop`; comes back when what ran has ended."""
        self._say_what_there_is()
        keeping = threading.Thread(target=self._keep, name="leases", daemon=True)
        keeping.start()
        try:
            while not self._stopping.is_set():
                self.look()
                self._stopping.wait(LOOK_SECONDS)
        finally:
            self._end_tasks()
            self.finish()
            self._ended.set()
            keeping.join()
            log.info("scheduler stopped", extra={"owner": self.owner})

    def stop(self) -> None:
        """Begin nothing more, and end each sync after the page it is reading; what is left of it another replica may have at once."""
        self._end_tasks()
        if self.syncs:
            self.syncs.stop()

    def _end_tasks(self) -> None:
        self._stopping.set()
        for task in self._tasks():
            task.stop()

    def finish(self) -> None:
        """Wait for what runs; what was told to stop is told again."""
        for task in self._tasks():
            while task.thread and task.thread.is_alive():
                if task.is_told:
                    task.stop()
                task.thread.join(TELL_AGAIN_SECONDS)

    def look(self) -> None:
        """Begin what is due and may begin. A failure is told, and it is looked again later."""
        try:
            self._gauge()
            self._begin_due()
            self._trouble = ""
        except OperationsError as problem:
            self._troubled(problem)
        except Exception as problem:  # noqa: BLE001  # a fault here must not end the service's polls
            self._troubled(_fault(problem))

    def renew(self) -> None:
        """Keep the leases of what runs; what was lost stops."""
        self.leases.renew(self._troubled)
        for task in self._tasks():
            if task.is_lost:
                task.stop()

    def _keep(self) -> None:
        while not self._ended.wait(self.lease_seconds / 3):
            self.renew()

    def _say_what_there_is(self) -> None:
        log.info(
            "scheduler started",
            extra={"owner": self.owner, "jobs": [job.name for job in self.jobs], "locations": len(self.settings.locations)},
        )
        if self.syncs is None or not self.settings.locations:
            lacking = "no location is configured" if self.syncs else "TOAST_CLIENT_ID and TOAST_CLIENT_SECRET are not set"
            log.warning("no polls of Toast: %s; retention alone is scheduled", lacking)

    def _troubled(self, problem: RestaurantOSError) -> None:
        """Counted each time, told once until it changes."""
        self.meters.failure("scheduler")
        if problem.message != self._trouble:
            self._trouble = problem.message
            log.error("scheduler: %s", printable(problem, 500), extra={"owner": self.owner})

    def _gauge(self) -> None:
        at = self.clock.monotonic()
        if self._inbox_at is not None and at - self._inbox_at < INBOX_SECONDS:
            return
        self._inbox_at = at
        inbox = self.operations.inbox()
        oldest = (self.clock.now() - inbox.oldest_pending_at).total_seconds() if inbox.oldest_pending_at else 0.0
        self.meters.inbox(inbox.pending, inbox.claimed, inbox.quarantined, max(oldest, 0.0))

    # --- what begins ----------------------------------------------------------------------------------------------

    def _begin_due(self) -> None:
        now = self.clock.now()
        due = [(at, job) for job in self.jobs if (at := self._due.of(job, now)) and self._settled.get(job.name) != at]
        wishes = self.operations.wanted() if self._syncs else []
        runs = {run.job: run for run in self.operations.job_runs()} if due or wishes else {}
        self._begin_wishes([Wish(*wish) for wish in wishes], runs, now)
        for at, job in sorted(due, key=lambda pair: pair[0]):
            if job.lane not in self._running and self._is_open(job, at, runs.get(job.name)):
                self._begin(job, at)

    def _is_open(self, job: Job, at: datetime, run: JobRun | None) -> bool:
        """Whether the job may still be begun at this due time."""
        is_over = run is not None and (run.due > at or (run.due == at and run.finished_at is not None))
        if is_over or (run is None and at <= self._began and not job.at_once):
            self._settled[job.name] = at
            return False
        return self._is_time(job.name)

    def _is_time(self, what: str) -> bool:
        """Not again before a while has passed: what another has is asked for now and then."""
        at = self.clock.monotonic()
        if what in self._tried and at - self._tried[what] < self.lease_seconds / 10:
            return False
        self._tried[what] = at
        return True

    def _begin(self, job: Job, at: datetime) -> None:
        if lease := self.leases.begin(job.name, at):
            self._settled[job.name] = at
            del self._tried[job.name]
            self._start(Task(job.kind, job.lane, job.ask, [Part(lease, job.locations)]))

    def _begin_wishes(self, wishes: Sequence[Wish], runs: Mapping[str, JobRun], now: datetime) -> None:
        """What was wished for, all locations of a dataset together."""
        for dataset in (*DAILY, WEEKLY):
            if dataset in self._running:
                continue
            mine = [(wish, self._wish_due(wish, runs)) for wish in wishes if wish.dataset == dataset]
            ready = [(wish, due) for wish, due in mine if due <= now and self._is_time(wish.name)]
            parts = [part for wish, due in ready[:MOST_WISHES] if (part := self._wish_part(wish, due, now))]
            if parts:
                self._start(Task(f"{dataset} wish", dataset, lambda plan: plan, parts))
        for wish in wishes:
            if wish.dataset not in (*DAILY, WEEKLY):
                self.operations.granted(wish.dataset, wish.location, now)

    def _wish_due(self, wish: Wish, runs: Mapping[str, JobRun]) -> datetime:
        """When it was made, or a while after it was last served."""
        run = runs.get(wish.name)
        return max(wish.at, run.started_at + BETWEEN_WISHES) if run else wish.at

    def _wish_part(self, wish: Wish, due: datetime, now: datetime) -> Part | None:
        lease = self.leases.begin(wish.name, due)
        if lease is None:
            return None
        del self._tried[wish.name]
        return Part(lease, self._wished(wish), wish, now)

    def _wished(self, wish: Wish) -> tuple[Location, ...]:
        own = self.settings.location_of(wish.location) if wish.location else None
        places = [own] if own else [] if wish.location else self.settings.locations
        return tuple(brought_by(wish.dataset, places))

    # --- what runs ------------------------------------------------------------------------------------------------

    def _tasks(self) -> list[Task]:
        with self._lock:
            return list(self._running.values())

    def _start(self, task: Task) -> None:
        with self._lock:
            self._running[task.lane] = task
        task.thread = threading.Thread(target=self._do, args=(task,), name=task.kind, daemon=True)
        task.thread.start()

    def _do(self, task: Task) -> None:
        began = self.clock.monotonic()
        try:
            report = self._work(task)
            self._end(task, report, self.clock.monotonic() - began)
        except OperationsError as problem:
            self._troubled(problem)
        finally:
            with self._lock:
                del self._running[task.lane]

    def _work(self, task: Task) -> Report:
        try:
            if task.ask is None:
                return Report(note=self._purge())
            task.sync = sync = self._syncs[task.lane]
            sync.plan = task.ask(self.syncs.plan(task.lane)) if self.syncs else sync.plan
            if self._stopping.is_set() or task.is_told:
                raise StoppedError("stopped before it began")
            return Report(sync.run(task.locations, None, Unwatched()) if task.locations else ())
        except RestaurantOSError as problem:
            return Report(problem=problem)
        except Exception as problem:  # noqa: BLE001  # a fault in one job must not keep the others from their time
            return Report(problem=_fault(problem))

    def _purge(self) -> str:
        now = self.clock.now()
        gone = self.operations.purge(now)
        folded = self.fold_ledger(now - LEDGER_WHOLE)
        return (
            f"{gone.bodies:,} bodies, {gone.events:,} events, {gone.quarantined:,} in quarantine, {gone.jobs:,} runs of jobs taken away, "
            f"{folded:,} rows of the ledger folded"
        )

    def _end(self, task: Task, report: Report, seconds: float) -> None:
        """Say how each part ended: what was stopped on its way is given back, and ends when somebody has run it."""
        overtaken = False
        for part in task.parts:
            failures = report.of(part.locations)
            if failures and task.is_told and all(isinstance(error, StoppedError) for _, error in failures):
                self.leases.give_back(part.lease)
                overtaken = overtaken or part.lease.is_lost
                continue
            overtaken = not self.leases.end(part.lease, _words(failures, len(part.locations))) or overtaken
            if part.wish and part.began_at and not failures:
                self.operations.granted(part.wish.dataset, part.wish.location, part.began_at)
        self._tell(task, report, seconds, is_overtaken=overtaken)

    def _tell(self, task: Task, report: Report, seconds: float, *, is_overtaken: bool) -> None:
        failures = report.of(task.locations)
        is_stopped = bool(failures) and task.is_told and all(isinstance(error, StoppedError) for _, error in failures)
        has_failed = any(not isinstance(error, (BusyError, StoppedError)) for _, error in failures)
        if not is_stopped:
            self.meters.job_ended(task.kind, failed=has_failed)
        ids = [one for result in report.results for one in result.sync_ids]
        facts = {
            "job": task.kind,
            "due": min(part.lease.run.due for part in task.parts).isoformat(),
            "owner": self.owner,
            "locations": len(task.locations),
            "rows": sum(result.rows_read for result in report.results),
            "rows_added": sum(result.rows_added for result in report.results),
            "rows_changed": sum(result.rows_changed for result in report.results),
            "seconds": round(seconds, 3),
            "sync_ids": ids[:MOST_IDS],
            "error": "" if is_stopped else _words(failures, len(task.locations)),
        }
        how = "overtaken by another replica" if is_overtaken else "stopped" if is_stopped else "failed" if failures else "done"
        said = report.note or f"{count(len(task.locations), 'location')}, {facts['rows']:,} read, {facts['rows_added']:,} new"
        level = logging.WARNING if has_failed or is_overtaken else logging.INFO
        log.log(level, "%s %s: %s", task.kind, how, facts["error"] or said, extra=facts)


def _words(failures: Sequence[tuple[str, RestaurantOSError]], locations: int) -> str:
    """What went wrong, of several causes the first that is not an end on request; '' where nothing did."""
    if not failures:
        return ""
    name, error = next((one for one in failures if not isinstance(one[1], StoppedError)), failures[0])
    where = f"{name}: " if name and not error.message.startswith(name) else ""
    others = f" ({len(failures)} of {count(locations, 'location')} failed)" if locations > 1 and name else ""
    return printable(f"{where}{error.message}{others} {error.next_step}".strip(), 1_000)


def _fault(problem: Exception) -> RestaurantOSError:
    """A fault of ours, without its text: it may hold anything."""
    frames = traceback.extract_tb(problem.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return RestaurantOSError(f"a fault of this program ({type(problem).__name__}{place}).")
