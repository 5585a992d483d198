"""Punches and scheduled shifts of one location.

Source: Toast Labor API v1 (reference, section 5). Arrays without pages. Entries by modification (`modifiedStartDate`, which always brings
archived ones) or by the clock-in's business date; the latter as a pair of dates with `includeArchived`, since `businessDate` never brings
them. Shifts by containment: `inDate` at or after the start and `outDate` before the end, so windows are asked wider than they are.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TypeVar

import msgspec
import pyarrow as pa

from restaurant_os.batch import COPY, MODIFIED, SCHEDULE, Batch, Rejected, Window
from restaurant_os.errors import AccessError, RequestError
from restaurant_os.settings import LaborSettings, Location
from restaurant_os.sources.toast.client import LABOR, ToastClient
from restaurant_os.sources.toast.model import Guid, Part, Ref
from restaurant_os.sources.toast.orders import api_time
from restaurant_os.sources.toast.punches import SOURCE, People, Planned, PunchRows, Row, TimeEntry, hours_of
from restaurant_os.sources.toast.reading import Reading
from restaurant_os.sources.toast.records import RecordReader, Records, exact, instant, staged, unfit, unfit_record
from restaurant_os.tables import LABOR as DATASET
from restaurant_os.text import printable

ENTRIES_PATH = "/labor/v1/timeEntries"
SHIFTS_PATH = "/labor/v1/shifts"
JOBS_PATH = "/labor/v1/jobs"
EMPLOYEES_PATH = "/labor/v1/employees"
SCOPE = "labor:read"
EMPLOYEES_SCOPE = "labor.employees:read"
#: An overnight shift drops out of a window that ends at midnight: containment is asked so much wider.
SHIFT_MARGIN = timedelta(days=1)
#: What Toast writes for no date (reference, 2.1). As a version it is the oldest: of two reads the later one counts.
NO_DATE = "1970-01-01T00:00:00.000+0000"

T = TypeVar("T")


class Job(Part):
    """spec:labor Job."""

    guid: Guid
    title: str | None = None
    wage_frequency: str | None = None
    default_wage: Decimal | None = None
    exclude_from_reporting: bool | None = None


class WageOverride(Part):
    wage: Decimal | None = None
    job_reference: Ref | None = None


class Employee(Part):
    """spec:labor Employee; addresses and numbers of theirs are not read."""

    guid: Guid
    first_name: str | None = None
    chosen_name: str | None = None
    last_name: str | None = None
    wage_overrides: list[WageOverride] | None = None


class Shift(Part):
    """spec:labor Shift."""

    guid: Guid
    in_date: str
    out_date: str
    modified_date: str = NO_DATE
    created_date: str | None = None
    deleted: bool | None = None
    employee_reference: Ref | None = None
    job_reference: Ref | None = None


class _Starts(Part):
    """As much of a shift that cannot be read as says when it is."""

    in_date: str


_ENTRIES: RecordReader[TimeEntry] = RecordReader(TimeEntry)
_SHIFTS: RecordReader[Shift] = RecordReader(Shift)
_JOBS: RecordReader[Job] = RecordReader(Job)
_EMPLOYEES: RecordReader[Employee] = RecordReader(Employee)
#: Of the whole process: a later copy of a record has the greater number.
_copies = itertools.count()


@dataclass
class LaborReader:
    """Reads the windows of one location; its lists of jobs and employees are read once, its schedule as windows of it come."""

    client: ToastClient
    location: Location
    labor: LaborSettings
    planned: dict[str, Planned] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    #: The periods of which the schedule was read.
    scheduled: list[tuple[datetime, datetime]] = field(default_factory=list)

    def __call__(self, window: Window) -> LaborRead:
        return LaborRead(self.client, self.location, window, self)

    def ask(self, path: str, reader: RecordReader[T], params: Mapping[str, str], scope: str = SCOPE) -> Records[T]:
        answers: list[Records[T]] = []
        self.client.get(
            path,
            endpoint=LABOR,
            location=self.location.toast_guid,
            scope=scope,
            params=params,
            accept=lambda body: answers.append(reader.read(body)),
        )
        return answers[-1]

    @cached_property
    def employees(self) -> dict[str, Employee]:
        """By GUID; empty where the client may not read them: names are then left out and wages are those of the jobs."""
        try:
            return {one.guid: one for one in self.ask(EMPLOYEES_PATH, _EMPLOYEES, {}, EMPLOYEES_SCOPE).good}
        except AccessError:
            return {}

    def know_jobs(self, wanted: set[str]) -> None:
        """Read the list of jobs once, and those of `wanted` that it leaves out (deleted ones) by name."""
        if not self.jobs:
            self.jobs = {job.guid: job for job in self.ask(JOBS_PATH, _JOBS, {}).good}
        for guid in sorted(wanted - self.jobs.keys()):  # one at a time: whether several are joined or repeated is not documented
            self.jobs[guid] = next((job for job in self._jobs_by_id(guid) if job.guid == guid), Job(guid))

    def _jobs_by_id(self, guid: str) -> list[Job]:
        try:
            return self.ask(JOBS_PATH, _JOBS, {"jobIds": guid}).good
        except RequestError:  # one record names a job as none can be named: that job stays without a title
            return []

    def people(self) -> People:
        names = {guid: self._name(one) for guid, one in self.employees.items()}
        return People(
            job_titles={guid: job.title for guid, job in self.jobs.items() if job.title},
            excluded_jobs=frozenset(guid for guid, job in self.jobs.items() if job.exclude_from_reporting),
            names={guid: name for guid, name in names.items() if name},
        )

    def _name(self, employee: Employee) -> str:
        if self.labor.names == "drop":
            return ""
        name = " ".join(part for part in (employee.chosen_name or employee.first_name, employee.last_name) if part).strip()
        return hashlib.sha256(name.lower().encode()).hexdigest()[:16] if name and self.labor.names == "hash" else name

    def ask_shifts(self, start: datetime, end: datetime) -> Records[Shift]:
        """The shifts planned in a period, and those that only reach into it."""
        self.scheduled.append((start, end))
        params = {"startDate": api_time(start - SHIFT_MARGIN), "endDate": api_time(end + SHIFT_MARGIN)}
        return self.ask(SHIFTS_PATH, _SHIFTS, params)

    def know_schedule(self, began: datetime) -> None:
        """Have at hand what was planned on the business day of an open entry: it may be older than the schedule read so far."""
        if any(start <= began < end for start, end in self.scheduled):
            return
        rule = self.location.business_day
        for shift in self.ask_shifts(*rule.bounds(rule.date_of(began))).good:
            with suppress(ValueError):  # it waits in quarantine when its own window is read
                self.plan(shift)

    def plan(self, shift: Shift) -> None:
        """Keep the shift at hand for the entries read next."""
        starts, ends = instant(shift.in_date, "inDate"), instant(shift.out_date, "outDate")
        self.planned.pop(shift.guid, None)
        if shift.employee_reference and shift.employee_reference.guid and not shift.deleted:
            self.planned[shift.guid] = Planned(shift.employee_reference.guid, starts, ends)

    def wage(self, employee: str | None, job: str | None) -> Decimal | None:
        """Dollars an hour of an employee at a job: their own, else the job's; None for a salary."""
        known = self.jobs.get(job or "")
        if known is None or known.wage_frequency == "SALARY":
            return None
        own = self.employees[employee].wage_overrides if employee and employee in self.employees else None
        override = next(
            (one.wage for one in own or () if one.job_reference and one.job_reference.guid == job and one.wage is not None), None
        )
        return override if override is not None else known.default_wage


@dataclass(slots=True)
class LaborRead(Reading):
    """One window of punches, or of the schedule, being read."""

    reader: LaborReader

    def __iter__(self) -> Iterator[Batch]:
        self.passes = self.pages = 1
        yield self._shifts() if self.window.kind == SCHEDULE else self._entries()

    # --- punches --------------------------------------------------------------------------------------------------

    def _entries(self) -> Batch:
        read_at = self.client.http.now()
        found = self.reader.ask(ENTRIES_PATH, _ENTRIES, {**self._query(), "includeMissedBreaks": "true"})
        self.reader.know_jobs({entry.job_reference.guid for entry in found.good if entry.job_reference and entry.job_reference.guid})
        for entry in found.good:
            if not entry.out_date:
                with suppress(ValueError):  # an entry without a clock-in is rejected below
                    self.reader.know_schedule(instant(entry.in_date, "inDate"))
        layout = PunchRows(
            self.location.toast_guid,
            self.location.business_day,
            self.reader.labor,
            self.reader.people(),
            tuple(self.reader.planned.values()),
            read_at,
        )
        tables: dict[str, list[Row]] = {spec.name: [] for spec in DATASET.tables}
        unread = [self._rejected(bad.raw, bad.reason) for bad in found.bad]
        for nth, entry in enumerate(found.good):
            rows: list[tuple[str, Row]] = []
            try:
                layout.add(entry, next(_copies), lambda name, row, own=rows: own.append((name, row)))  # type: ignore[misc]
            except ValueError as problem:
                unread.append(self._rejected(found.sources()[nth], str(problem)))
                continue
            for name, row in rows:
                tables[name].append(row)
            self.versions[entry.guid] = entry.modified_date
        return self._batch(tables, unread)

    def _query(self) -> dict[str, str]:
        start, end = api_time(self.window.start), api_time(self.window.end)
        if self.window.kind == MODIFIED:
            return {"modifiedStartDate": start, "modifiedEndDate": end}
        return {"startDate": start, "endDate": end, "includeArchived": "true"}

    # --- schedule -------------------------------------------------------------------------------------------------

    def _shifts(self) -> Batch:
        read_at = self.client.http.now()
        found = self.reader.ask_shifts(self.window.start, self.window.end)
        self.reader.know_jobs({shift.job_reference.guid for shift in found.good if shift.job_reference and shift.job_reference.guid})
        tables: dict[str, list[Row]] = {spec.name: [] for spec in DATASET.tables}
        unread = [self._rejected(bad.raw, bad.reason) for bad in found.bad]
        names = self.reader.people().names
        for nth, shift in enumerate(found.good):
            try:
                tables["fact_scheduled_shifts"].append(self._shift(shift, names, read_at))
            except ValueError as problem:
                unread.append(self._rejected(found.sources()[nth], str(problem)))
                continue
            self.versions[shift.guid] = shift.modified_date
            self.reader.plan(shift)
        return self._batch(tables, unread)

    def _shift(self, shift: Shift, names: Mapping[str, str], read_at: datetime) -> Row:
        """A shift's row. Raises ValueError when a date or wage of it cannot be."""
        starts, ends = instant(shift.in_date, "inDate"), instant(shift.out_date, "outDate")
        if ends < starts:
            raise unfit("outDate is before inDate", "outDate")
        employee = shift.employee_reference.guid if shift.employee_reference else None
        job = shift.job_reference.guid if shift.job_reference else None
        hours = hours_of([(starts, ends)]) or Decimal(0)
        wage = exact(self.reader.wage(employee, job))
        known = self.reader.jobs.get(job or "")
        return {
            "source": SOURCE,
            "shift_id": shift.guid,
            "restaurant_guid": self.location.toast_guid,
            "business_date": self.location.business_day.date_of(starts),
            "employee_guid": employee,
            "employee_name": names.get(employee or ""),
            "job_guid": job,
            "job_title": known.title if known else None,
            "in_date": starts,
            "out_date": ends,
            "planned_hours": hours,
            "hourly_wage": wage,
            "planned_cost": exact(hours * wage) if wage is not None else None,
            "is_published": None,
            "is_deleted": bool(shift.deleted),
            "modified_at": instant(shift.modified_date, "modifiedDate"),
            "created_at": instant(shift.created_date, "createdDate") if shift.created_date else None,
            "read_at": read_at,
            COPY: next(_copies),
        }

    # --- both -----------------------------------------------------------------------------------------------------

    def _batch(self, tables: Mapping[str, list[Row]], unread: list[Rejected]) -> Batch:
        self.rejected = len(unread)
        staged_tables: dict[str, pa.RecordBatch] = {spec.name: staged(spec, tables[spec.name]) for spec in DATASET.tables}
        return Batch(staged_tables, tuple(unread))

    def _rejected(self, raw: bytes, reason: str) -> Rejected:
        return unfit_record(
            raw,
            printable(reason, 500),
            restaurant_guid=self.location.toast_guid,
            day=self.window.business_date or self._planned_day(raw),
            copy=next(_copies),
        )

    def _planned_day(self, raw: bytes) -> date | None:
        """The business date of a shift, which names none; None where its start cannot be read, and for a punch, which names its own."""
        if self.window.kind == SCHEDULE:
            with suppress(msgspec.DecodeError, UnicodeDecodeError, ValueError):
                return self.location.business_day.date_of(instant(msgspec.json.decode(raw, type=_Starts).in_date, "inDate"))
        return None
