"""Bringing orders in: which windows to ask, locations side by side, each unit of windows one commit.

Without a span the question is *what changed*: windows of modification time from the ledger's mark to now, and then, once
after each closeout, the last three closed business dates whole, as the net under both. With a span the question is *these
business dates*; it never moves the mark.
"""

from __future__ import annotations

import errno
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from restaurant_os.batch import BUSINESS_DATE, MODIFIED, Batch, Window
from restaurant_os.businessday import days_between
from restaurant_os.errors import CredentialsError, RestaurantOSError, StoppedError, UsageError, WarehouseError
from restaurant_os.pipeline import ledger
from restaurant_os.pipeline.spill import Spill, clear_left_behind
from restaurant_os.settings import Location
from restaurant_os.text import count
from restaurant_os.warehouse import Commit, LoadMode, SyncRun, Warehouse

ORDERS = "orders"
#: The last closed dates that are read whole again after every closeout (design: Windows).
NET_DAYS = 3
#: A modified window is no longer than this, so that few pages move while it is read.
LONGEST_WINDOW = timedelta(hours=24)
#: Days that share one commit.
DAYS_PER_UNIT = 7
#: The most business dates of one call (Toast allows at most a month per historical pull: reference, 2.3), and the oldest (3.1).
MOST_DAYS = 31
FIRST_DAY = date(2015, 12, 2)
#: Orders promised for a later day are there already, but not for this far.
FURTHEST_AHEAD = timedelta(days=366)
MOST_THREADS = 32


class Read(Protocol):
    """One window being read: iterate for its batches, then ask how it went (`sources.toast.orders.OrdersRead`)."""

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


class Source(Protocol):
    """What a sync needs of an API."""

    def now(self) -> datetime:
        """The API's present."""
        ...

    def connect(self, location: Location) -> None:
        """Make sure that the API lets us in and tells its time, once, before locations start side by side."""
        ...

    def turn(self, location: Location) -> AbstractContextManager[None]:
        """One sync of a location at a time, whoever runs it.

        Raises:
            BusyError: another process did not end its own in time.
        """
        ...

    def orders(self, location: Location) -> Callable[[Window], Read]:
        """A reader of one location's windows."""
        ...


class Progress(Protocol):
    """Hears how a sync goes; called from several threads."""

    def planned(self, windows: int) -> None: ...
    def page(self, location: Location, new_rows: int) -> None: ...
    def window_read(self, location: Location) -> None: ...


@dataclass(frozen=True, slots=True)
class Span:
    """Business dates a person named, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        days = (self.last - self.first).days + 1
        if days < 1:
            raise UsageError(
                f"the span ends before it begins: {self.first} to {self.last}.",
                next_step="Give --from the earlier date and --to the later.",
            )
        if self.first < FIRST_DAY:
            raise UsageError(
                f"{self.first} is before {FIRST_DAY}: Toast gives nothing from before that.", next_step=f"Begin at {FIRST_DAY} or later."
            )
        if days > MOST_DAYS:
            first_end = self.first + timedelta(days=MOST_DAYS - 1)
            raise UsageError(
                f"{count(days, 'business date')} at once: Toast allows at most one month ({MOST_DAYS} dates) per historical pull. Nothing was read.",
                next_step=f"Go month by month, each call goes on from the last: --from {self.first} --to {first_end}, "
                f"then --from {first_end + timedelta(days=1)} and so on.",
            )


@dataclass(slots=True)
class LocationResult:
    """What a sync did for one location. `error`: why it did not end; what is counted is in."""

    location: Location
    rows_read: int = 0
    rows_added: int = 0
    rows_changed: int = 0
    rows_quarantined: int = 0
    pages: int = 0
    windows: int = 0
    unstable: int = 0
    error: RestaurantOSError | None = None


@dataclass(slots=True)
class Unit:
    """Windows of one location that share a commit."""

    location: Location
    windows: list[Window]


@dataclass(slots=True)
class OrdersSync:
    source: Source
    warehouse: Warehouse
    spill_folder: Path
    load_mode: LoadMode
    overlap: timedelta
    first_days: int
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
        chains = ledger.chains(self.warehouse, ORDERS)
        days_read = ledger.days_read(self.warehouse, ORDERS)
        unstable = ledger.days_unstable(self.warehouse, ORDERS)
        if locations:
            self.source.connect(locations[0])
        plans = {
            location: self._dates(location, span) if span else self._changes(location, chains.get(location.toast_guid), days_read, unstable)
            for location in locations
        }
        progress.planned(sum(len(unit.windows) for units in plans.values() for unit in units))
        with ThreadPoolExecutor(max_workers=min(len(locations), MOST_THREADS) or 1, thread_name_prefix="sync") as pool:
            try:
                return list(pool.map(lambda location: self._location(location, plans[location], progress), locations))
            except BaseException:
                self._stop.set()
                raise

    def stop(self) -> None:
        """End after the page that is being read; nothing half is committed."""
        self._stop.set()

    # --- which windows --------------------------------------------------------------------------------------------

    def _dates(self, location: Location, span: Span) -> list[Unit]:
        latest = location.business_day.date_of(self.source.now()) + FURTHEST_AHEAD
        if span.last > latest:
            raise UsageError(f"{span.last} is more than a year away.", next_step=f"End the span at {latest} or earlier.")
        return self._by_date(location, days_between(span.first, span.last))

    def _by_date(self, location: Location, days: Sequence[date]) -> list[Unit]:
        windows = [Window(BUSINESS_DATE, *location.business_day.bounds(day), day) for day in days]
        return [Unit(location, windows[n : n + DAYS_PER_UNIT]) for n in range(0, len(windows), DAYS_PER_UNIT)]

    def _changes(
        self,
        location: Location,
        chain: ledger.Chain | None,
        days_read: Mapping[tuple[str, date], datetime],
        unstable: Set[tuple[str, date]],
    ) -> list[Unit]:
        now = whole_milliseconds(self.source.now())
        own = {day: started for (guid, day), started in days_read.items() if guid == location.toast_guid}
        start = (chain.mark if chain else min([now - timedelta(days=self.first_days), *own.values()])) - self.overlap
        units = [Unit(location, [window]) for window in _cut(whole_milliseconds(start), now)]
        last_closed = location.business_day.last_closed(now)
        closeout = location.business_day.start(last_closed + timedelta(days=1))
        net = days_between(last_closed - timedelta(days=NET_DAYS - 1), last_closed)
        due = {day for day in net if day not in own or own[day] < closeout} | {day for guid, day in unstable if guid == location.toast_guid}
        return units + self._by_date(location, sorted(due))

    # --- one location ---------------------------------------------------------------------------------------------

    def _location(self, location: Location, units: Sequence[Unit], progress: Progress) -> LocationResult:
        result = LocationResult(location)
        read = self.source.orders(location)
        try:
            with self.source.turn(location):
                for unit in units:
                    self._unit(unit, read, result, progress)
        except RestaurantOSError as problem:
            result.error = problem
            if isinstance(problem, (WarehouseError, CredentialsError)):
                self._stop.set()  # it would be the same for every location
        return result

    def _unit(self, unit: Unit, read: Callable[[Window], Read], result: LocationResult, progress: Progress) -> None:
        """Read the unit's windows to disk, then commit them at once."""
        runs: list[SyncRun] = []
        pages = rows = 0
        with _disk_full_as_ours(self.spill_folder), Spill(self.spill_folder) as spill:
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
                runs.append(self._ledger_row(unit.location, window, reading))
            changes = self.warehouse.commit(
                Commit(
                    dataset=ORDERS,
                    restaurant_guids=(unit.location.toast_guid,),
                    tables=spill.tables(),
                    rejected=spill.rejected,
                    runs=runs,
                    load_mode=self.load_mode,
                )
            )
        result.pages += pages
        result.rows_read += rows
        result.rows_added += changes.added
        result.rows_changed += changes.changed
        result.rows_quarantined += sum(run.rows_quarantined for run in runs)
        result.windows += len(unit.windows)

    def _ledger_row(self, location: Location, window: Window, reading: Read) -> SyncRun:
        # No window reaches beyond the API's present: what was not there yet cannot have been read.
        end = window.end if window.business_date else max(window.start, min(window.end, whole_milliseconds(reading.started_at)))
        return SyncRun(
            sync_id=uuid.uuid4().hex,
            dataset=ORDERS,
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
        )


def whole_milliseconds(instant: datetime) -> datetime:
    """The API's clock ticks in milliseconds; a window's end never names a part of one that is still running."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _cut(start: datetime, end: datetime) -> Iterator[Window]:
    while start < end:
        stop = min(start + LONGEST_WINDOW, end)
        yield Window(MODIFIED, start, stop)
        start = stop


@contextmanager
def _disk_full_as_ours(folder: Path) -> Iterator[None]:
    """A full disk while pages spill, in the warehouse's words."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WarehouseError(
                f"warehouse in {folder.parent.resolve()}: the disk is full while pages were kept for the next commit. Everything committed before is in.",
                next_step="Free some space, then run the same command again: what is in stays in.",
            ) from None
        raise
