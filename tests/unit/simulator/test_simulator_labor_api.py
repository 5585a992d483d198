"""The labor API over the real world: its selectors and refusals, what is archived, which shifts a window contains."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.auth import DEMO_CLIENT, Client, Tokens
from restaurant_os.simulator.server import Options, build
from simulator_fakes import Api, Time

Json = dict[str, Any]
FIRST_DAY, LAST_DAY = date(2026, 2, 24), date(2026, 3, 9)
WHOLE: dict[str, Any] = {"startDate": "2026-02-20T00:00:00.000Z", "endDate": "2026-03-15T00:00:00.000Z"}
MODIFIED: dict[str, Any] = {"modifiedStartDate": "2026-02-20T00:00:00.000Z", "modifiedEndDate": "2026-03-15T00:00:00.000Z"}
NO_SCHEDULE, NO_CLOCK = 3, 6
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def real() -> Api:
    """Seven restaurants and two weeks, at the end of history."""
    time = Time(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=7, days=14, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


def guid(api: Api, index: int = 0) -> str:
    return api.simulator.world.restaurants[index].guid


def get(api: Api, path: str, index: int = 0, **query: Any) -> Any:
    answer = api.get(f"/labor/v1/{path}", restaurant=guid(api, index), **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def entries(api: Api, index: int = 0, **query: Any) -> list[Json]:
    found: list[Json] = get(api, "timeEntries", index, **query)
    return found


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+0000"


def by_guid(found: list[Json]) -> dict[str, Json]:
    assert len({entry["guid"] for entry in found}) == len(found)
    return {entry["guid"]: entry for entry in found}


# --- time entries ---------------------------------------------------------------------------------------------------------


def test_a_business_date_is_a_string_and_has_no_archived_entries(real: Api) -> None:
    found = entries(real, businessDate="20260305")

    assert len(found) > 10
    assert {entry["businessDate"] for entry in found} == {"20260305"}
    assert not any(entry["deleted"] for entry in found)
    assert entries(real, businessDate="20260305", includeArchived="true") == found


def test_every_entry_is_in_its_business_date_once(real: Api) -> None:
    """The days together hold what the clock-ins of all hold."""
    days = [FIRST_DAY + timedelta(days=n) for n in range(14)]
    found = [entry for day in days for entry in entries(real, 1, businessDate=day.strftime("%Y%m%d"))]

    assert by_guid(found) == by_guid(entries(real, 1, **WHOLE))


def test_a_period_selects_by_clock_in_and_leaves_archived_ones_out_unless_asked(real: Api) -> None:
    found, whole = entries(real, **WHOLE), entries(real, **WHOLE, includeArchived="true")
    archived = by_guid(whole).keys() - by_guid(found).keys()

    assert archived
    assert all(by_guid(whole)[each]["deleted"] for each in archived)
    assert all(by_guid(whole)[each]["deletedDate"] == by_guid(whole)[each]["modifiedDate"] for each in archived)
    one = found[0]
    begun, tick = instant(one["inDate"]), timedelta(milliseconds=1)
    assert one in entries(real, startDate=text(begun), endDate=text(begun + tick))
    assert one not in entries(real, startDate=text(begun - timedelta(hours=1)), endDate=text(begun))
    assert entries(real, startDate=text(begun), endDate=text(begun)) == []


def test_modified_windows_that_touch_hold_every_entry_once_archived_too(real: Api) -> None:
    found: list[Json] = []
    start = datetime(2026, 2, 20, tzinfo=UTC)
    while start < datetime(2026, 3, 15, tzinfo=UTC):
        found += entries(real, modifiedStartDate=text(start), modifiedEndDate=text(start := start + timedelta(hours=37)))

    assert by_guid(found) == by_guid(entries(real, **WHOLE, includeArchived="true"))
    assert any(entry["deleted"] for entry in found)
    assert entries(real, **MODIFIED) == entries(real, **MODIFIED, includeArchived="false")
    one = found[0]
    changed, tick = instant(one["modifiedDate"]), timedelta(milliseconds=1)
    assert one in entries(real, modifiedStartDate=text(changed), modifiedEndDate=text(changed + tick))
    assert one not in entries(real, modifiedStartDate=text(changed - tick), modifiedEndDate=text(changed))


def test_entries_by_identifier(real: Api) -> None:
    """GUIDs in either case and external identifiers; unknown ones are left out, archived ones are not."""
    found = [entry for index in (0, 1, 2, 4, 5) for entry in entries(real, index, **WHOLE, includeArchived="true")]
    named = next(entry for entry in found if entry["externalId"])
    own = entries(real, **WHOLE, includeArchived="true")
    archived = next(entry for entry in own if entry["deleted"])
    wanted = [own[0]["guid"].upper(), archived["guid"], NOBODY]

    assert by_guid(entries(real, timeEntryIds=wanted)) == by_guid([own[0], archived])
    index = next(n for n in (0, 1, 2, 4, 5) if named in entries(real, n, **WHOLE, includeArchived="true"))
    assert entries(real, index, timeEntryIds=[named["externalId"]]) == [named]
    assert entries(real, index + 1 if index < 5 else 0, timeEntryIds=[named["guid"]]) == []
    assert len(entries(real, timeEntryIds=[entry["guid"] for entry in own[:100]])) == 100


DATES = "startDate=2026-03-01T00:00:00.000Z&endDate=2026-03-02T00:00:00.000Z"
CHANGED = "modifiedStartDate=2026-03-01T00:00:00.000Z&modifiedEndDate=2026-03-02T00:00:00.000Z"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "includeArchived=true",
        "startDate=2026-03-01T00:00:00.000Z",
        "endDate=2026-03-01T00:00:00.000Z",
        "modifiedStartDate=2026-03-01T00:00:00.000Z",
        "startDate=2026-03-01T00:00:00.000Z&modifiedEndDate=2026-03-02T00:00:00.000Z",
        "startDate=2026-03-01&endDate=2026-03-02",
        "startDate=2026-03-01T00:00:00Z&endDate=2026-03-02T00:00:00Z",
        "startDate=2026-03-01T00:00:00.000+0000&endDate=2026-03-02T00:00:00.000+0000",  # the plus not sent as %2B
        "startDate=2026-03-02T00:00:00.000Z&endDate=2026-03-01T00:00:00.000Z",
        "startDate=2026-01-31T00:00:00.000Z&endDate=2026-02-28T00:00:00.001Z",
        "modifiedStartDate=2026-01-01T00:00:00.000Z&modifiedEndDate=2026-02-01T00:00:00.001Z",
        f"{DATES}&{CHANGED}",
        f"{DATES}&businessDate=20260301",
        f"businessDate=20260301&timeEntryIds={NOBODY}",
        f"{DATES}&startDate=2026-03-01T00:00:00.000Z",
        "businessDate=2026-03-01",
        "businessDate=20260230",
        "businessDate=",
        f"{DATES}&includeMissedBreaks=yes",
        f"{DATES}&includeArchived=1",
        "timeEntryIds=seven",
        "&".join(f"timeEntryIds={NOBODY}" for _ in range(101)),
    ],
)
def test_what_time_entries_refuse(real: Api, query: str) -> None:
    answer = real.get(f"/labor/v1/timeEntries?{query}", restaurant=guid(real))

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_a_month_is_allowed(real: Api) -> None:
    assert entries(real, startDate="2026-02-09T00:00:00.000Z", endDate="2026-03-09T00:00:00.000Z")
    assert entries(real, modifiedStartDate="2026-02-09T00:00:00.000Z", modifiedEndDate="2026-03-09T00:00:00.000Z")


def test_one_entry(real: Api) -> None:
    whole = entries(real, **WHOLE, includeArchived="true")
    kept, archived = (next(entry for entry in whole if entry["deleted"] is wanted) for wanted in (False, True))

    def status(path: str, index: int = 0, **query: Any) -> int:
        return real.get(f"/labor/v1/timeEntries/{path}", restaurant=guid(real, index), **query).status_code

    assert get(real, f"timeEntries/{kept['guid']}") == kept
    assert status(archived["guid"]) == 404
    assert get(real, f"timeEntries/{archived['guid']}", includeArchived="true") == archived
    assert status(kept["guid"], 1) == 404
    assert status(NOBODY) == 404
    assert status("seven") == 400
    assert status(kept["guid"], includeArchived="maybe") == 400


def test_missed_breaks_only_when_asked(real: Api) -> None:
    """They have a beginning, no end, and deduct nothing."""
    plain, full = by_guid(entries(real, **WHOLE)), by_guid(entries(real, **WHOLE, includeMissedBreaks="true"))
    missed = [pause for entry in full.values() for pause in entry["breaks"] if pause["missed"]]

    assert not any(pause["missed"] for entry in plain.values() for pause in entry["breaks"])
    assert missed
    assert all(pause["inDate"] and pause["outDate"] is None for pause in missed)
    assert {pause["waived"] for pause in missed} == {True, False}
    assert {key: {**entry, "breaks": [b for b in entry["breaks"] if not b["missed"]]} for key, entry in full.items()} == plain
    one = next(entry for entry in full.values() if any(pause["missed"] for pause in entry["breaks"]))
    assert get(real, f"timeEntries/{one['guid']}", includeMissedBreaks="true") == one


def test_the_order_follows_neither_time_nor_name(real: Api) -> None:
    found = [entry["inDate"] for entry in entries(real, **WHOLE)]
    assert found != sorted(found)
    assert found != sorted(found, reverse=True)


def test_a_restaurant_that_does_not_use_the_clock_has_no_entries_and_says_so_with_an_empty_list(real: Api) -> None:
    assert entries(real, NO_CLOCK, **WHOLE) == []
    assert entries(real, NO_CLOCK, **MODIFIED) == []
    assert entries(real, NO_CLOCK, businessDate="20260305") == []
    assert get(real, "shifts", NO_CLOCK, **WHOLE) == []
    assert len(get(real, "employees", NO_CLOCK)) > 15
    assert len(get(real, "jobs", NO_CLOCK)) > 8
    assert not [row for row in real.http.get("/simulator/books/labor").json() if row["restaurant_guid"] == guid(real, NO_CLOCK)]


# --- shifts ---------------------------------------------------------------------------------------------------------------


def test_a_window_contains_a_shift_as_a_whole(real: Api) -> None:
    """An overnight shift drops out of a window of one day, and comes in a wider one."""
    whole = by_guid(get(real, "shifts", **WHOLE))
    day: Json = {"startDate": "2026-03-05T05:00:00.000Z", "endDate": "2026-03-06T05:00:00.000Z"}  # midnight to midnight
    inside = by_guid(get(real, "shifts", **day))
    straddling = [s for s in whole.values() if s["inDate"] < "2026-03-06T05" < s["outDate"]]

    assert 10 < len(inside) < len(whole)
    assert straddling
    assert not {shift["guid"] for shift in straddling} & inside.keys()
    one = straddling[0]
    begun, ended, tick = instant(one["inDate"]), instant(one["outDate"]), timedelta(milliseconds=1)
    assert one in get(real, "shifts", startDate=text(begun), endDate=text(ended + tick))
    assert one not in get(real, "shifts", startDate=text(begun), endDate=text(ended))
    assert one not in get(real, "shifts", startDate=text(begun + tick), endDate=text(ended + tick))


def test_shifts_are_changed_called_off_and_left_open(real: Api) -> None:
    whole = [shift for index in (0, 1, 2) for shift in get(real, "shifts", index, **WHOLE)]

    assert any(shift["deleted"] and shift["deletedDate"] for shift in whole)
    assert any(shift["modifiedDate"] != shift["createdDate"] and not shift["deleted"] for shift in whole)
    assert any(shift["employeeReference"] is None for shift in whole)
    assert get(real, "shifts", shiftIds=[get(real, "shifts", **WHOLE)[0]["guid"], NOBODY]) == [get(real, "shifts", **WHOLE)[0]]


def test_a_restaurant_that_does_not_schedule_in_toast_has_punches_and_no_shifts(real: Api) -> None:
    assert get(real, "shifts", NO_SCHEDULE, **WHOLE) == []
    assert len(entries(real, NO_SCHEDULE, **WHOLE)) > 100


@pytest.mark.parametrize(
    "query",
    [
        "",
        "businessDate=20260301",
        "startDate=2026-03-01T00:00:00.000Z",
        f"{DATES}&shiftIds={NOBODY}",
        "shiftIds=seven",
        "startDate=2026-03-01T00:00:00.000Z&endDate=2026-04-01T00:00:00.001Z",
        "startDate=2026-03-02T00:00:00.000Z&endDate=2026-03-01T00:00:00.000Z",
        "&".join(f"shiftIds={NOBODY}" for _ in range(101)),
    ],
)
def test_what_shifts_refuse(real: Api, query: str) -> None:
    assert real.get(f"/labor/v1/shifts?{query}", restaurant=guid(real)).status_code == 400


# --- employees and jobs ---------------------------------------------------------------------------------------------------


def test_everyone_on_an_order_and_at_the_clock_is_an_employee(real: Api) -> None:
    for index in (0, 2):
        staff = by_guid(get(real, "employees", index))
        orders = [order for page in real.pages(restaurant=guid(real, index), businessDate="20260308") for order in page]
        servers = {order["server"]["guid"] for order in orders if order["server"]}
        checks = [check for order in orders for check in order["checks"]]
        discounted = [*checks, *(line for check in checks for line in check["selections"])]
        discounts = [discount for thing in discounted for discount in thing["appliedDiscounts"] or []]
        approvers = {discount["approver"]["guid"] for discount in discounts if discount["approver"]}

        assert len(servers) > 8
        assert approvers
        assert servers | approvers <= staff.keys()
        assert {entry["employeeReference"]["guid"] for entry in entries(real, index, **WHOLE)} <= staff.keys()


def test_employees(real: Api) -> None:
    """Who has left is still listed; wages of one's own name existing jobs."""
    staff, jobs = get(real, "employees"), {job["guid"] for job in get(real, "jobs")}
    gone = [who for who in staff if who["deleted"]]

    assert len(gone) == 1
    assert gone[0]["deletedDate"] == gone[0]["modifiedDate"] > gone[0]["createdDate"]
    assert all(who["deletedDate"].startswith("1970-01-01") for who in staff if not who["deleted"])
    assert {wage["jobReference"]["guid"] for who in staff for wage in who["wageOverrides"]} <= jobs
    assert {job["guid"] for who in staff for job in who["jobReferences"]} <= jobs
    assert get(real, "employees", employeeIds=[gone[0]["guid"], NOBODY]) == gone
    assert real.get("/labor/v1/employees?employeeIds=7", restaurant=guid(real)).status_code == 400
    assert any(who["email"] is None for index in range(7) for who in get(real, "employees", index))


def test_one_person_at_two_locations_has_a_guid_at_each_and_one_number(real: Api) -> None:
    here, there = ({who["externalEmployeeId"]: who for who in get(real, "employees", index)} for index in (0, 4))
    shared = (here.keys() & there.keys()) - {None}

    assert len(shared) == 1
    one, other = (staff[shared.copy().pop()] for staff in (here, there))
    assert one["guid"] != other["guid"]
    assert (one["firstName"], one["lastName"], one["email"]) == (other["firstName"], other["lastName"], other["email"])


def test_jobs(real: Api) -> None:
    """Deleted ones only by identifier; entries of before still name them."""
    unlisted = 0
    for index in range(6):
        listed = by_guid(get(real, "jobs", index))
        used = {entry["jobReference"]["guid"] for entry in entries(real, index, **WHOLE) if entry["jobReference"]}
        if deleted := used - listed.keys():
            found = get(real, "jobs", index, jobIds=[*deleted, NOBODY])
            assert [(job["title"], job["deleted"]) for job in found] == [("Barback", True)]
            unlisted += 1
    assert unlisted
    kinds = {job["title"]: job for job in listed.values()}
    assert kinds["Training"]["excludeFromReporting"]
    assert kinds["General Manager"]["wageFrequency"] == "SALARY"
    assert kinds["Server"]["tipped"]
    assert not kinds["Line Cook"]["tipped"]
    assert {job["wageFrequency"] for job in get(real, "jobs", 3)} == {"HOURLY", "SALARY", "PER_DELIVERY"}
    assert real.get("/labor/v1/jobs?jobIds=7", restaurant=guid(real)).status_code == 400


# --- scopes and faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["timeEntries?businessDate=20260305", "timeEntries/" + NOBODY, f"shifts?{DATES}", "employees", "jobs"])
def test_scopes(real: Api, path: str) -> None:
    needed = "labor.employees:read" if path == "employees" else "labor:read"
    others = Client("others", "a", "Others", frozenset(DEMO_CLIENT.scopes - {needed}))
    just = Client("just", "b", "Just", frozenset({needed}))
    api = Api(real.simulator, real.time)
    before, api.simulator.tokens = api.simulator.tokens, Tokens([others, just])
    try:
        api.login("others", "a")
        assert api.get(f"/labor/v1/{path}", restaurant=guid(real)).status_code == 403
        api.login("just", "b")
        assert api.get(f"/labor/v1/{path}", restaurant=guid(real)).status_code in (200, 404)
    finally:
        api.simulator.tokens = before


def test_a_broken_entry(real: Api) -> None:
    whole = entries(real, businessDate="20260305")
    real.simulator.faults.set({"broken_entry": {"every": 1}})
    try:
        answers = [entries(real, businessDate="20260305") for _ in range(6)]
    finally:
        real.simulator.faults.clear()

    assert all(len(answer) == len(whole) for answer in answers)
    assert all(sum(one != other for one, other in zip(answer, whole, strict=True)) == 1 for answer in answers)
