"""Bringing a dataset in: locations side by side, each unit of windows one commit. `plans.py` says which windows.

Without a span the question is *what changed*. With a span the question is *these business dates*; it never moves the mark.
"""

from __future__ import annotations

import errno
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from restaurant_os.batch import MODIFIED, Batch, Window
from restaurant_os.errors import AccessError, BusyError, CredentialsError, RestaurantOSError, StoppedError, WarehouseError
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.pipeline.plans import NOTHING_KNOWN, Known, Plan, Span, Unit, known, whole_milliseconds
from restaurant_os.pipeline.spill import Spill, clear_left_behind
from restaurant_os.settings import Location
from restaurant_os.tables import Dataset
from restaurant_os.warehouse import Commit, LoadMode, SyncRun, Warehouse

MOST_THREADS = 32
#: What strikes every unit of a location alike.
ENDS_A_LOCATION = (WarehouseError, CredentialsError, StoppedError, BusyError)
SECONDS_ASLEEP = 0.25


def until_done(running: Collection[Future[Any]]) -> None:
    """Wait for threads in the main one. A signal that comes just before it goes to sleep is heard when it wakes: so it wakes."""
    while wait(running, timeout=SECONDS_ASLEEP).not_done:
        pass


class Read(Protocol):
    """One window being read: iterate for its batches, then ask how it went (`OrdersRead`, `LaborRead`, `CashRead`)."""

    pages: int
    passes: int
    is_stable: bool
    rejected: int
    versions: dict[str, str]

    @property
    def started_at(self) -> datetime:
        """When the first request left, on the API's clock."""
        ...

    def __iter__(self) -> Iterator[Batch]: ...


@dataclass(frozen=True, slots=True)
class Held:
    """What a read must know of the warehouse, where records carry no version: the sequence it is made under, and whether a table
    has rows of a business date."""

    read_seq: int = 0
    has_rows: Callable[[str, date], bool] = lambda table, day: False


class Source(Protocol):
    """What a sync needs of an API."""

    def now(self) -> datetime:
        """The API's present."""
        ...

    def connect(self, location: Location, dataset: str) -> None:
        """Make sure that the API lets us read the dataset and tells its time, once, before locations start side by side."""
        ...

    def turn(self, location: Location) -> AbstractContextManager[None]:
        """One sync of a location at a time, whoever runs it.

        Raises:
            BusyError: another process did not end its own in time.
        """
        ...

    def reader(self, location: Location, dataset: str, held: Held) -> Callable[[Window], Read]:
        """A reader of one location's windows of a dataset."""
        ...


class Progress(Protocol):
    """Hears how a sync goes; called from several threads."""

    def planned(self, windows: int) -> None: ...
    def page(self, location: Location, new_rows: int) -> None: ...
    def window_read(self, location: Location) -> None: ...


class Unwatched:
    """A progress that nobody watches."""

    def planned(self, windows: int) -> None: ...
    def page(self, location: Location, new_rows: int) -> None: ...
    def window_read(self, location: Location) -> None: ...


@dataclass(slots=True)
class LocationResult:
    """What a sync did for one location. `error`: why it did not end, of several failures the first; what is counted is in.

    `failures`: the units that are not in, with the reason; those after one that ended the location are in none of the counts.
    """

    location: Location
    rows_read: int = 0
    rows_added: int = 0
    rows_changed: int = 0
    rows_quarantined: int = 0
    pages: int = 0
    windows: int = 0
    unstable: int = 0
    seconds: float = 0.0
    error: RestaurantOSError | None = None
    failures: list[tuple[Unit, RestaurantOSError]] = field(default_factory=list)
    #: Of the ledger rows that it wrote.
    sync_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sync:
    """Brings one dataset in, as its plan asks for it."""

    plan: Plan
    source: Source
    warehouse: Warehouse
    calendar: Calendar
    spill_folder: Path
    load_mode: LoadMode
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, locations: Sequence[Location], span: Span | None, progress: Progress) -> list[LocationResult]:
        """Sync every location; one that fails does not stop the others. Results come in the order of `locations`.

        Raises:
            CredentialsError, RetryableError: Toast did not let us in at all.
            UsageError: the span reaches beyond the present business date.
            WarehouseError: the warehouse cannot be opened.
        """
        self._stop.clear()
        clear_left_behind(self.spill_folder)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger") as beside:
            # What a span asks needs no ledger: a new file gets its tables while the first pages come.
            asked = beside.submit(known, self.warehouse, self.plan.dataset.name, locations)
            asked.add_done_callback(lambda done: self._stop.set() if done.exception() else None)
            plans = self._plans(locations, span, asked)
            progress.planned(sum(len(unit.windows) for units in plans.values() for unit in units))
            results = self._side_by_side(plans, progress)
            asked.result()
        return results

    def _plans(self, locations: Sequence[Location], span: Span | None, asked: Future[dict[Location, Known]]) -> dict[Location, list[Unit]]:
        ledger = dict.fromkeys(locations, NOTHING_KNOWN) if span else asked.result()
        if locations:
            self.source.connect(locations[0], self.plan.dataset.name)
        now = self.source.now()
        return {location: self.plan.units(location, span, ledger[location], now) for location in locations}

    def _side_by_side(self, plans: Mapping[Location, Sequence[Unit]], progress: Progress) -> list[LocationResult]:
        with ThreadPoolExecutor(max_workers=min(len(plans), MOST_THREADS) or 1, thread_name_prefix="sync") as pool:
            running = [pool.submit(self._location, location, units, progress) for location, units in plans.items()]
            try:
                until_done(running)
                return [one.result() for one in running]
            except BaseException:
                self._stop.set()
                raise

    def stop(self) -> None:
        """End after the page that is being read; nothing half is committed."""
        self._stop.set()

    # --- one location ---------------------------------------------------------------------------------------------

    def _location(self, location: Location, units: Sequence[Unit], progress: Progress) -> LocationResult:
        result = LocationResult(location)
        began = self.source.now()
        try:
            with self.source.turn(location):
                held = self._held(location)
                read = self.source.reader(location, self.plan.dataset.name, held)
                failed = self._units(units, read, held, result, progress)
                result.failures = self._units([unit for unit, _ in failed], read, held, result, progress)
                result.error = result.failures[0][1] if result.failures else None
        except RestaurantOSError as problem:
            result.error = problem
            if isinstance(problem, (WarehouseError, CredentialsError)):
                self._stop.set()  # it would be the same for every location
        result.seconds = (self.source.now() - began).total_seconds()
        return result

    def _units(
        self, units: Sequence[Unit], read: Callable[[Window], Read], held: Held, result: LocationResult, progress: Progress
    ) -> list[tuple[Unit, RestaurantOSError]]:
        """Bring units in one after another; gives those that stand alone and failed. What ends them all is raised."""
        failed: list[tuple[Unit, RestaurantOSError]] = []
        refused: dict[str, AccessError] = {}
        for unit in units:
            try:
                if unit.needs in refused:
                    raise refused[unit.needs]
                self._unit(unit, read, held, result, progress)
            except ENDS_A_LOCATION:
                raise
            except RestaurantOSError as problem:
                if not unit.stands_alone:
                    raise
                failed.append((unit, problem))
                if isinstance(problem, AccessError):
                    refused[unit.needs] = problem
        return failed

    def _held(self, location: Location) -> Held:
        """For records without a version: the read sequence moved on, and the days that hold some of them."""
        dataset = self.plan.dataset
        if not (dataset.day_sets or dataset.histories):
            return Held()
        days = {
            (spec.name, day)
            for spec in dataset.day_sets
            for (day,) in self.warehouse.rows(
                f"SELECT DISTINCT business_date FROM {spec.name} WHERE restaurant_guid = ? AND NOT is_deleted", [location.toast_guid]
            )
        }
        return Held(self.warehouse.next_read(location.toast_guid), lambda table, day: (table, day) in days)

    def _unit(self, unit: Unit, read: Callable[[Window], Read], held: Held, result: LocationResult, progress: Progress) -> None:
        """Read the unit's windows to disk, then commit them at once."""
        runs: list[SyncRun] = []
        pages = rows = 0
        with _disk_errors_as_ours(self.spill_folder), Spill(self.spill_folder) as spill:
            for window in unit.windows:
                reading = read(window)
                known = 0
                for batch in reading:
                    if self._stop.is_set():
                        raise StoppedError(
                            f"{unit.location.name}: stopped; what was committed is in.", next_step="Run the command again to go on."
                        )
                    spill.add(batch)
                    progress.page(unit.location, len(reading.versions) - known)
                    known = len(reading.versions)
                progress.window_read(unit.location)
                pages += reading.pages
                rows += len(reading.versions)
                result.unstable += not reading.is_stable
                runs.append(self._ledger_row(unit.location, window, reading, held))
            tables = spill.tables()
            changes = self.warehouse.commit(
                Commit(
                    dataset=self.plan.dataset.name,
                    restaurant_guids=(unit.location.toast_guid,),
                    tables={**tables, **self.calendar.tables(unit.location, _days(self.plan.dataset, unit, tables))},
                    rejected=spill.rejected,
                    runs=runs,
                    day_sets=spill.day_sets,
                    load_mode=self.load_mode,
                )
            )
        result.sync_ids += [run.sync_id for run in runs]
        result.pages += pages
        result.rows_read += rows
        result.rows_added += changes.added
        result.rows_changed += changes.changed
        result.rows_quarantined += sum(run.rows_quarantined for run in runs)
        result.windows += len(unit.windows)

    def _ledger_row(self, location: Location, window: Window, reading: Read, held: Held) -> SyncRun:
        # No window reaches beyond the API's present: what was not there yet cannot have been read.
        end = window.end if window.kind != MODIFIED else max(window.start, min(window.end, whole_milliseconds(reading.started_at)))
        return SyncRun(
            sync_id=uuid.uuid4().hex,
            dataset=self.plan.dataset.name,
            restaurant_guid=location.toast_guid,
            window_kind=window.kind,
            window_start=window.start,
            window_end=end,
            business_date=window.business_date,
            status="done" if reading.is_stable else "unstable",
            load_mode=self.load_mode,
            started_at=reading.started_at,
            finished_at=self.source.now(),
            pages=reading.pages,
            passes=reading.passes,
            rows_read=len(reading.versions),
            rows_quarantined=reading.rejected,
            read_seq=held.read_seq or None,
        )


def _days(dataset: Dataset, unit: Unit, tables: Mapping[str, pa.Table]) -> set[date]:
    """The business dates that a unit asked for or brings rows of."""
    found = {window.business_date for window in unit.windows if window.business_date is not None}
    for spec in dataset.tables:
        if spec.name in tables and spec not in dataset.histories:
            found.update(pc.unique(tables[spec.name][spec.partition]).to_pylist())
    return found


@contextmanager
def _disk_errors_as_ours(folder: Path) -> Iterator[None]:
    """A full disk, or one that cannot be written, while pages spill: in the warehouse's words."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WarehouseError(
                f"warehouse in {folder.parent.resolve()}: the disk is full while pages were kept for the next commit. Everything committed before is in.",
                next_step="Free some space, then run the same command again: what is in stays in.",
            ) from None
        raise WarehouseError(
            f"warehouse in {folder.parent.resolve()}: pages cannot be kept there for the next commit: {problem.strerror}. Everything committed before is in.",
            next_step="Name a folder that can be written: `warehouse` in the settings.",
        ) from None
