"""The labor API. Source: spec:labor 1.9.0, dev:apiGettingTimeEntriesForEmployees, dev:apiGettingShiftAssignmentsForEmployees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from starlette.datastructures import QueryParams
from starlette.responses import Response

from restaurant_os.simulator import params
from restaurant_os.simulator.call import Call, json_response
from restaurant_os.simulator.errors import ToastError, bad_request
from restaurant_os.simulator.labor import Labor, Punched, Scheduled
from restaurant_os.simulator.labor_render import Json, employee_json, entry_json, job_json, shift_json
from restaurant_os.simulator.listing import place
from restaurant_os.simulator.misbehaviour import broken_entry

MOST_IDENTIFIERS = 100
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[^:\s]+:\S+", re.IGNORECASE)
_SELECTORS = "timeEntryIds, startDate and endDate, modifiedStartDate and modifiedEndDate, or businessDate"


async def time_entries(call: Call) -> Response:
    """Punches by one of four selectors. No pages, and no order."""
    query, guid, at = call.request.query_params, call.restaurant.guid, _now(call)
    missed, archived = flag(query, "includeMissedBreaks"), flag(query, "includeArchived")
    identifiers = identifiers_of(query, "timeEntryIds")
    inside, changed = period(query, "startDate", "endDate"), period(query, "modifiedStartDate", "modifiedEndDate")
    day = params.one(query, "businessDate")
    if sum((bool(identifiers), inside is not None, changed is not None, day is not None)) != 1:
        raise bad_request(f"EXACTLY ONE of {_SELECTORS} is required")
    labor = _labor(call)
    if identifiers:
        found = [p for each in identifiers if (p := labor.entry(guid, each, at)) is not None]
    elif inside is not None:
        found = [p for p in labor.by_clock_in(guid, *inside, at) if archived or not p.state.deleted]
    elif changed is not None:
        found = labor.by_modified(guid, *changed, at)
    else:
        date = params.business_date(day or "")
        found = [p for p in labor.by_business_date(guid, date, at) if not p.state.deleted]
    entries = [_entry(call, p, missed) for p in _mixed(found)]
    if entries and (fault := call.fault("broken_entry")):
        broken_entry(entries[fault.happened * 7 % len(entries)], fault.happened)
    return json_response(entries)


async def time_entry(call: Call) -> Response:
    """One punch. An archived one is a 404 unless `includeArchived=true`."""
    query = call.request.query_params
    missed, archived = flag(query, "includeMissedBreaks"), flag(query, "includeArchived")
    identifier = _identifier(call.request.path_params["id"])
    found = _labor(call).entry(call.restaurant.guid, identifier, _now(call))
    if found is None or (found.state.deleted and not archived):
        raise ToastError(404, f"TimeEntry({identifier}) was not found")
    return json_response(_entry(call, found, missed))


async def shifts(call: Call) -> Response:
    """Scheduled shifts that lie in a period as a whole, or by identifier."""
    query, guid, at, labor = call.request.query_params, call.restaurant.guid, _now(call), _labor(call)
    identifiers, inside = identifiers_of(query, "shiftIds"), period(query, "startDate", "endDate")
    if bool(identifiers) == (inside is not None):
        raise bad_request("EITHER shiftIds OR both startDate and endDate are required")
    found = [s for each in identifiers if (s := labor.shift(guid, each, at)) is not None]
    if inside is not None:
        found = labor.shifts(guid, *inside, at)
    return json_response([shift_json(shift, state) for shift, state in _sorted_shifts(found)])


async def employees(call: Call) -> Response:
    """Everyone, also who was deleted; or by identifier."""
    guid, at, labor = call.restaurant.guid, _now(call), _labor(call)
    wanted = identifiers_of(call.request.query_params, "employeeIds")
    instant, house = labor.instant(guid, at), labor.house(guid)
    found = [employee_json(house, who, instant) for who in labor.employees(guid, at)]
    return json_response([who for who in _steered(call, "employees", found) if not wanted or who["guid"] in wanted])


async def jobs(call: Call) -> Response:
    """Every job that is not deleted; by identifier deleted ones too."""
    guid, at, labor = call.restaurant.guid, _now(call), _labor(call)
    instant, house = labor.instant(guid, at), labor.house(guid)
    wanted = identifiers_of(call.request.query_params, "jobIds")
    found = _steered(call, "jobs", [job_json(house, job, instant) for job in labor.jobs(guid, at)])
    return json_response([job for job in found if (job["guid"] in wanted if wanted else not job["deleted"])])


def _steered(call: Call, kind: str, found: list[Json]) -> list[Json]:
    """The list with what was changed by hand."""
    steered = call.simulator.people_steered.get((call.restaurant.guid, kind), {})
    return [each | steered.get(str(each["guid"]), {}) for each in found]


def _labor(call: Call) -> Labor:
    return call.simulator.world.labor


def _now(call: Call) -> datetime:
    return call.simulator.clock.world()


def _entry(call: Call, punched: Punched, missed: bool) -> dict[str, object]:
    return entry_json(_labor(call).house(call.restaurant.guid), punched.entry, punched.state, missed_breaks=missed)


def _mixed(found: Iterable[Punched]) -> list[Punched]:
    return sorted(found, key=lambda punched: place(punched.entry.guid))


def _sorted_shifts(found: Iterable[Scheduled]) -> list[Scheduled]:
    return sorted(found, key=lambda scheduled: place(scheduled.shift.guid))


# --- parameters -----------------------------------------------------------------------------------------------------------


def flag(query: QueryParams, name: str) -> bool:
    """`true` or `false`, which is the default."""
    text = params.one(query, name)
    if text not in (None, "true", "false"):
        raise bad_request(f"{name} must be true or false, not '{text}'")
    return text == "true"


def identifiers_of(query: QueryParams, name: str) -> list[str]:
    """GUIDs or external identifiers, each in a parameter of its own, at most 100; each once."""
    texts = [text for text in query.getlist(name) if text]
    if len(texts) > MOST_IDENTIFIERS:
        raise bad_request(f"{name} may be given at most {MOST_IDENTIFIERS} times, not {len(texts)}")
    return list(dict.fromkeys(_identifier(text) for text in texts))


def _identifier(text: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise bad_request(f"'{text}' is neither a GUID nor an external identifier")
    return text if ":" in text else text.lower()


def period(query: QueryParams, start_name: str, end_name: str) -> tuple[datetime, datetime] | None:
    """Both ends of an interval of at most one calendar month; None when neither is given. An empty one selects nothing."""
    start_text, end_text = params.one(query, start_name), params.one(query, end_name)
    if start_text is None and end_text is None:
        return None
    if start_text is None or end_text is None:
        raise bad_request(f"{start_name} and {end_name} are required together")
    start, end = params.timestamp(start_text, start_name), params.timestamp(end_text, end_name)
    if start > end:
        raise bad_request(f"Input {start_name} must be before {end_name}")
    if end > params.month_after(start):
        raise bad_request(f"The period from {start_name} to {end_name} must be at most one month")
    return start, end
