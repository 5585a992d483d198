"""Replicas of the scheduler on one store, with a clock turned by hand and syncs that a test answers for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from fake_time import FakeClock
from orders_world import NORTH, SOUTH
from restaurant_os.errors import RestaurantOSError, StoppedError
from restaurant_os.live.meters import Meters
from restaurant_os.live.scheduler import Scheduler, Syncs
from restaurant_os.operations import JobRun, Operations
from restaurant_os.operations.open import open_operations
from restaurant_os.pipeline.plans import CashPlan, Plan
from restaurant_os.pipeline.sync import LocationResult, Progress, Sync
from restaurant_os.settings import Location, ScheduleSettings, ServiceSettings, Settings, load_without_file
from restaurant_os.tables import DATASETS

LEASE, MINUTE = 30.0, 60.0
Asked = list[tuple[str, str, tuple[str, ...]]]
#: Nothing by the time of day: what a test wants of it, it says.
POLLS_ALONE: dict[str, Any] = {"orders": "off", "cash": "off", "labor": "off", "config": "off", "reread": "off", "closeouts": False}
#: A sync: which replica reads which dataset of which locations; an error is that of every location.
Answer = Callable[[str, str, Sequence[Location]], RestaurantOSError | None]


@dataclass
class SyncDouble:
    owner: str
    plan: Plan
    answer: Answer
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, locations: Sequence[Location], span: None, progress: Progress) -> list[LocationResult]:
        self.stopped.clear()  # as the real one does
        error = self.answer(self.owner, self.plan.dataset.name, locations)
        if self.stopped.is_set():
            error = StoppedError("stopped at its page")
        return [LocationResult(location, rows_read=3, sync_ids=["id"], error=error) for location in locations]

    def stop(self) -> None:
        self.stopped.set()


@dataclass
class SyncsDouble:
    owner: str
    answer: Answer
    made: list[SyncDouble] = field(default_factory=list)

    def plan(self, dataset: str) -> Plan:
        return CashPlan(1, DATASETS[dataset])

    def sync_by(self, plan: Plan) -> Sync:
        self.made.append(SyncDouble(self.owner, plan, self.answer))
        return cast(Sync, self.made[-1])

    def stop(self) -> None: ...


@dataclass
class Watched:
    """A replica's way to the store, which notes what it began and ended."""

    store: Operations
    clock: FakeClock
    begun: list[tuple[datetime, JobRun]]
    ended: list[JobRun]
    #: Until when each job is somebody's.
    until: dict[str, datetime]
    overlaps: list[JobRun]

    def begin_job(self, job: str, due: datetime, owner: str, seconds: float) -> JobRun | None:
        run = self.store.begin_job(job, due, owner, seconds)
        if run:
            now = self.clock.now()
            if self.until.get(job, now) > now:
                self.overlaps.append(run)
            self.begun.append((now, run))
            self._keep(run, seconds)
        return run

    def renew_job(self, run: JobRun, seconds: float) -> bool:
        is_ours = self.store.renew_job(run, seconds)
        if is_ours:
            self._keep(run, seconds)
        return is_ours

    def end_job(self, run: JobRun, error: str = "") -> bool:
        is_ours = self.store.end_job(run, error)
        if is_ours:
            self.ended.append(run)
            self._keep(run, 0)
        return is_ours

    def _keep(self, run: JobRun, seconds: float) -> None:
        self.until[run.job] = self.clock.now() + timedelta(seconds=seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@dataclass
class Ward:
    """Several replicas, A, B, ..."""

    clock: FakeClock
    store: Operations
    settings: Settings
    answer: Answer = lambda owner, dataset, locations: None
    begun: list[tuple[datetime, JobRun]] = field(default_factory=list)
    ended: list[JobRun] = field(default_factory=list)
    until: dict[str, datetime] = field(default_factory=dict)
    overlaps: list[JobRun] = field(default_factory=list)

    def replica(self, owner: str = "A", *, has_toast: bool = True) -> Scheduler:
        watched = Watched(self.store, self.clock, self.begun, self.ended, self.until, self.overlaps)
        syncs = SyncsDouble(owner, lambda *asked: self.answer(*asked)) if has_toast else None
        return Scheduler(
            self.settings, cast(Operations, watched), self.clock, owner, Meters(), cast(Syncs, syncs), lambda before: 0, lease_seconds=LEASE
        )

    def pass_time(self, seconds: float) -> None:
        self.clock.elapsed += seconds

    def runs(self) -> list[tuple[str, str, str]]:
        """The last run of each job: name, time it was due, error."""
        return [(run.job, f"{run.due:%H:%M}", run.error) for run in self.store.job_runs() if run.finished_at]


@contextmanager
def warded(folder: Path, *, locations: Sequence[Location] = (NORTH, SOUTH), **schedule: Any) -> Iterator[Ward]:
    clock = FakeClock()
    rules = ScheduleSettings.model_validate({**POLLS_ALONE, **schedule})
    settings = load_without_file(folder, locations=tuple(locations), schedule=rules)
    store = open_operations(folder / "operations.sqlite", service=ServiceSettings(disk_reserve_mib=0), now=clock.now)
    try:
        yield Ward(clock, store, settings)
    finally:
        store.close()


def looked(*schedulers: Scheduler) -> None:
    """One look of each, and what it began to its end; until there is nothing more to begin."""
    for _ in range(4):
        for one in schedulers:
            one.look()
            one.finish()


def noting(ward: Ward) -> Asked:
    """What is asked of the syncs from now on: replica, dataset, locations."""
    asked: Asked = []

    def answer(owner: str, dataset: str, locations: Sequence[Location]) -> None:
        asked.append((owner, dataset, tuple(own.name for own in locations)))

    ward.answer = answer
    return asked


class Gate:
    """Syncs wait here until they may go on."""

    def __init__(self) -> None:
        self.inside: list[tuple[str, str]] = []
        self.open = threading.Event()

    def __call__(self, owner: str, dataset: str, locations: Sequence[Location]) -> RestaurantOSError | None:
        self.inside.append((owner, dataset))
        assert self.open.wait(60)
        return None


def waited(condition: Any, seconds: float = 60) -> None:
    """Until it holds."""
    never = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        never.wait(0.02)
    raise AssertionError("it never came")
