"""What a real account answers to the probe orders of the reference for cash (section 4) and labor (5.3), told in words to act on.

Each location is asked a few small things, in the order in which the causes are likely; the first that explains it is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from restaurant_os.errors import AccessError, RequestError, RestaurantOSError, RetryableError
from restaurant_os.settings import Location
from restaurant_os.sources.toast import cash, labor
from restaurant_os.sources.toast.client import CASH, LABOR, ToastClient
from restaurant_os.sources.toast.orders import api_time
from restaurant_os.text import count, printable
from restaurant_os.warehouse import Warehouse

#: How far back punches are looked for before a location is said to have none; the longest period Toast answers (reference, 5.1) is a month.
LOOK_BACK = timedelta(days=28)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing checked. `next_step` is empty when it is well."""

    check: str
    state: Literal["ok", "warning", "failed"]
    found: str
    next_step: str = ""


def failed(check: str, problem: RestaurantOSError) -> Finding:
    return Finding(check, "failed", problem.message, problem.next_step)


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks one location. `warehouse`: None where its tables are not there as this version has them. `day`: its last closed business date."""

    client: ToastClient
    warehouse: Warehouse | None
    location: Location
    day: date

    @property
    def name(self) -> str:
        return printable(self.location.name, 60)

    def ask(self, path: str, params: Mapping[str, str], scope: str, endpoint: str = LABOR) -> list[dict[str, Any]]:
        """The records of one call.

        Raises:
            RestaurantOSError: it was refused, or the answer is no list; says how.
        """
        answers: list[list[dict[str, Any]]] = []
        self.client.get(
            path,
            endpoint=endpoint,
            location=self.location.toast_guid,
            scope=scope,
            params=params,
            accept=lambda body: answers.append(self._records(path, body)),
        )
        return answers[-1]

    def _records(self, path: str, body: bytes) -> list[dict[str, Any]]:
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if not isinstance(found, list):
            raise RetryableError(
                f"Toast {path}, location {self.name}: the answer is no list of records.",
                next_step="Check `[toast] base_url`: something between here and Toast may answer in its place.",
            )
        return [row for row in found if isinstance(row, dict)]

    def stored(self, table: str) -> int:
        """Rows of the day in the warehouse that are not flagged deleted."""
        return self._counted(f"{table} WHERE restaurant_guid = ? AND business_date = ? AND NOT is_deleted")

    def reads(self, dataset: str) -> int:
        """How often the day was read whole."""
        return self._counted(f"sync_runs WHERE dataset = '{dataset}' AND restaurant_guid = ? AND business_date = ? AND status = 'done'")

    def _counted(self, rows_of: str) -> int:
        if self.warehouse is None:
            return 0
        [(rows,)] = self.warehouse.rows(f"SELECT count(*) FROM {rows_of}", [self.location.toast_guid, self.day])
        return int(rows)


# --- cash -----------------------------------------------------------------------------------------------------------


def cash_finding(probe: Probe) -> Finding:
    """Whether cash can be read: entries and deposits of the last closed business date, asked the one way Toast takes."""
    check = f"cash of {probe.name}"
    params = {"businessDate": f"{probe.day:%Y%m%d}"}
    try:
        entries = probe.ask(cash.ENTRIES_PATH, params, cash.SCOPE, CASH)
        deposits = probe.ask(cash.DEPOSITS_PATH, params, cash.SCOPE, CASH)
    except (RequestError, AccessError) as problem:
        return refused(check, probe.client, probe.location, problem, cash.SCOPE)
    except RestaurantOSError as problem:
        return failed(check, problem)
    if not entries and not deposits:
        return Finding(
            check,
            "warning",
            f"nothing on {probe.day}: no drawer was opened, closed out or paid from in Toast",
            "If this location counts cash in Toast, check that toast_guid is this restaurant's; one that takes no cash is well.",
        )
    return Finding(check, "ok", f"{count(len(entries), 'entry', 'entries')} and {count(len(deposits), 'deposit')} on {probe.day}")


def refused(check: str, client: ToastClient, location: Location, problem: RestaurantOSError, scope: str) -> Finding:
    """A refusal of a request that is right: about the location, the scope, or Toast's own."""
    try:
        is_ours, kind = _what_the_guid_is(client, location.toast_guid)
    except RestaurantOSError:
        is_ours, kind = False, ""
    if kind:
        step = "Write the location's own GUID as toast_guid: `restaurant-os init --from-toast URL` lists them."
        return Finding(check, "failed", f"{problem.message} {kind}", step)
    if isinstance(problem, AccessError) and is_ours:
        return Finding(
            check,
            "failed",
            f"{problem.message} The location is connected, so it is the scope {scope} that is missing.",
            f"In Toast Web give the client the scope {scope}.",
        )
    if isinstance(problem, AccessError):
        return failed(check, problem)
    return Finding(
        check,
        "failed",
        f"{problem.message} The request was right (its date, its location), so there is nothing of ours to change.",
        "Send Toast's support the request id in this message. If a program of your own fails: `restaurant-os doctor --request 'ADDRESS'`.",
    )


def _what_the_guid_is(client: ToastClient, guid: str) -> tuple[bool, str]:
    """Whether the GUID of the settings is a location of this client's, and, when it is not, what it is."""
    rows = client.restaurants()
    if any(str(row.get("restaurantGuid") or "").lower() == guid for row in rows):
        return True, ""
    if any(str(row.get("managementGroupGuid") or "").lower() == guid for row in rows):
        return False, "toast_guid is the GUID of the group, not of a location."
    return False, "toast_guid is none of the locations this client is connected to."


# --- labor ----------------------------------------------------------------------------------------------------------


def labor_findings(probe: Probe) -> Iterator[Finding]:
    """Whether punches can be read, in the reference's probe order: jobs, employees, a known day, the same by modification."""
    check = f"labor of {probe.name}"
    if probe.location.labor_source == "none":
        yield Finding(check, "ok", "labor_source is none: its punches are not asked for")
        return
    try:
        jobs = probe.ask(labor.JOBS_PATH, {}, labor.SCOPE)
        yield from _employees(check, probe)
        yield from _punches(check, probe, len(jobs))
        yield from _schedule(check, probe)
    except (RequestError, AccessError) as problem:
        yield refused(check, probe.client, probe.location, problem, labor.SCOPE)
    except RestaurantOSError as problem:
        yield failed(check, problem)


def _employees(check: str, probe: Probe) -> Iterator[Finding]:
    try:
        probe.ask(labor.EMPLOYEES_PATH, {}, labor.EMPLOYEES_SCOPE)
    except AccessError:
        yield Finding(
            check,
            "warning",
            f"the client lacks the scope {labor.EMPLOYEES_SCOPE}: names stay empty, and planned wages are those of the jobs",
            f"In Toast Web give the client the scope {labor.EMPLOYEES_SCOPE} too, or leave it so.",
        )


def _punches(check: str, probe: Probe, jobs: int) -> Iterator[Finding]:
    start, end = probe.location.business_day.bounds(probe.day)
    by_date = probe.ask(labor.ENTRIES_PATH, {"businessDate": f"{probe.day:%Y%m%d}"}, labor.SCOPE)
    if by_date:
        yield _read_here(check, probe, len(by_date))
        return
    archived = probe.ask(
        labor.ENTRIES_PATH, {"startDate": api_time(start), "endDate": api_time(end), "includeArchived": "true"}, labor.SCOPE
    )
    if archived:
        yield Finding(
            check,
            "ok",
            f"{count(len(archived), 'punch', 'punches')} on {probe.day}, all of them archived: `businessDate` never gives those, our sync asks for them",
        )
        return
    yield _no_punches(check, probe, jobs, end)


def _read_here(check: str, probe: Probe, given: int) -> Finding:
    """Toast gives punches of the day: are they in the warehouse, as far as the day was read?"""
    reads, stored = probe.reads("labor"), probe.stored("fact_labor_shifts")
    if reads and stored < given:
        return Finding(
            check,
            "failed",
            f"Toast gives {count(given, 'punch', 'punches')} on {probe.day}, the warehouse holds {stored:,}: "
            "the rest is in quarantine, or came after the day was read",
            f"`restaurant-os sync labor --from {probe.day} --to {probe.day}`, then look into quarantine.",
        )
    return Finding(check, "ok", f"{count(given, 'punch', 'punches')} on {probe.day}" + ("" if reads else "; not synced yet"))


def _no_punches(check: str, probe: Probe, jobs: int, end: datetime) -> Finding:
    """No punch on the day: why."""
    general = _general(probe)
    first = general.get("firstBusinessDate")
    if isinstance(first, int) and first > int(f"{probe.day:%Y%m%d}"):
        return Finding(check, "warning", f"no punches on {probe.day}: the restaurant opened on {first} by Toast", "Ask a later day.")
    lately = {"modifiedStartDate": api_time(end - LOOK_BACK), "modifiedEndDate": api_time(end)}
    if changed := probe.ask(labor.ENTRIES_PATH, lately, labor.SCOPE):
        return Finding(
            check,
            "warning",
            f"no punches on {probe.day}, but {len(changed):,} changed in the {LOOK_BACK.days} days before: that day was closed, or nobody clocked in",
            "If people worked that day, look for their punches in Toast Web under another date.",
        )
    told = printable(general.get("locationName") or general.get("name") or "", 60)
    look = f"Check toast_guid of {probe.name}: `restaurant-os init --from-toast URL` lists the locations with their GUIDs."
    if general.get("archived"):
        return Finding(check, "failed", f"no punches in {LOOK_BACK.days} days: by Toast this GUID is '{told}', a closed location", look)
    clock = "no jobs are set up either" if not jobs else f"{count(jobs, 'job')} set up"
    other, step = "", 'Write labor_source = "none" for it in the settings, until its own system is connected.'
    if _is_other(general, probe.location):
        other, step = f". Or it is another location: by Toast this GUID is '{told}'", f"{step} {look}"
    return Finding(
        check,
        "warning",
        f"no punches in {LOOK_BACK.days} days ({clock}): this location does not use Toast's time clock; its punches are in another system{other}",
        step,
    )


def _general(probe: Probe) -> dict[str, Any]:
    try:
        found = probe.client.restaurant(probe.location.toast_guid).get("general")
    except RestaurantOSError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_other(general: Mapping[str, Any], location: Location) -> bool:
    """Whether Toast knows the GUID by another name than the settings do."""
    names = {str(general.get(name) or "").strip().lower() for name in ("locationName", "name")} - {""}
    ours = location.name.strip().lower()
    return bool(names) and not any(name in ours or ours in name for name in names)


def _schedule(check: str, probe: Probe) -> Iterator[Finding]:
    """Scheduled shifts: in a window of a day, and in a wider one (containment)."""
    start, end = probe.location.business_day.bounds(probe.day)
    narrow = probe.ask(labor.SHIFTS_PATH, {"startDate": api_time(start), "endDate": api_time(end)}, labor.SCOPE)
    wide = probe.ask(labor.SHIFTS_PATH, {"startDate": api_time(start - DAY), "endDate": api_time(end + DAY)}, labor.SCOPE)
    if not wide:
        yield Finding(
            check,
            "ok",
            "no scheduled shifts: nobody schedules in Toast here. /shifts stays empty; hours worked come from /timeEntries all the same",
        )
    elif not narrow:
        yield Finding(
            check,
            "ok",
            f"{count(len(wide), 'scheduled shift')} around {probe.day}, none when that day alone is asked: "
            "a shift must begin and end inside the period, so ours is asked wider",
        )
    else:
        yield Finding(check, "ok", f"{count(len(wide), 'scheduled shift')} around {probe.day}")
