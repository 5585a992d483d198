"""What changes around the books: people and jobs, business hours, and the log of calls."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.call import CallLog
from restaurant_os.simulator.server import Options, build
from simulator_fakes import NORTH, Api, Time

Json = dict[str, Any]
LAST_DAY = date(2026, 3, 10)  # a Tuesday


@pytest.fixture
def world_api() -> Api:
    time = Time(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=2, days=3, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


def guid(api: Api, index: int = 0) -> str:
    return api.simulator.world.restaurants[index].guid


def listed(api: Api, path: str, index: int = 0, **query: object) -> dict[str, Json]:
    answer = api.get(path, restaurant=guid(api, index), pause=0.25, **query)
    assert answer.status_code == 200, answer.text
    return {row["guid"]: row for row in answer.json()}


def advance(api: Api, **passed: float) -> None:
    api.simulator.clock.advance(timedelta(**passed).total_seconds())
    api.login()


# --- people -----------------------------------------------------------------------------------------------------------------


def test_who_left_is_back_under_another_guid(world_api: Api) -> None:
    staff = listed(world_api, "/labor/v1/employees")
    numbers: dict[str, list[Json]] = {}
    for who in staff.values():
        numbers.setdefault(who["externalEmployeeId"], []).append(who)
    old, new = next(sorted(pair, key=lambda who: who["createdDate"]) for number, pair in numbers.items() if number and len(pair) > 1)
    assert (old["deleted"], new["deleted"]) == (True, False)
    assert old["guid"] != new["guid"]
    assert old["deletedDate"] < new["createdDate"]
    assert all(old[name] == new[name] for name in ("firstName", "lastName", "email"))


def test_names_change_and_somebody_is_deleted(world_api: Api) -> None:
    before = listed(world_api, "/labor/v1/employees")
    advance(world_api, days=2)
    after = listed(world_api, "/labor/v1/employees")
    changed = {key: {name for name in after[key] if after[key][name] != before[key][name]} for key in before}
    assert {"chosenName", "modifiedDate"} in changed.values()
    assert {"deleted", "deletedDate", "modifiedDate"} in changed.values()
    assert any(name == "Sunny" for name in (who["chosenName"] for who in after.values()))


def test_jobs_are_retitled_made_and_deleted(world_api: Api) -> None:
    found = []
    for _ in range(2):
        jobs = listed(world_api, "/labor/v1/jobs")
        found.append({job["code"] or job["title"]: job for job in jobs.values()})
        advance(world_api, days=4)
    before, after = found
    assert before["VAL"]["guid"] == after["VAL"]["guid"]
    assert (before["VAL"]["title"], after["VAL"]["title"]) == ("Valet Attendant", "Parking Attendant")
    assert before["VAL"]["defaultWage"] > before["HST"]["defaultWage"]
    assert set(after) - set(before) == {"SOM"}
    assert set(before) - set(after) == {"Coat Check"}
    gone = before["Coat Check"]["guid"]
    assert listed(world_api, "/labor/v1/jobs", jobIds=gone)[gone]["deleted"]


def test_people_are_changed_by_hand(world_api: Api) -> None:
    job = next(job for job in listed(world_api, "/labor/v1/jobs").values() if job["title"] == "Server")
    books = world_api.http.get("/simulator/books/labor?by=job").json()
    body = {"restaurant_guid": guid(world_api), "guid": job["guid"], "change": {"title": "Waiter", "defaultWage": 12.5}}
    assert world_api.http.post("/simulator/labor/jobs", json=body).status_code == 200
    now = listed(world_api, "/labor/v1/jobs")[job["guid"]]
    assert (now["title"], now["defaultWage"], now["code"]) == ("Waiter", 12.5, "SRV")
    body["change"] = {"deleted": True}
    world_api.http.post("/simulator/labor/jobs", json=body)
    assert job["guid"] not in listed(world_api, "/labor/v1/jobs")
    assert listed(world_api, "/labor/v1/jobs", jobIds=job["guid"])[job["guid"]]["title"] == "Waiter"
    assert world_api.http.get("/simulator/books/labor?by=job").json() == books

    who = next(iter(listed(world_api, "/labor/v1/employees")))
    body = {"restaurant_guid": guid(world_api), "guid": who, "change": {"lastName": "Other"}}
    world_api.http.post("/simulator/labor/employees", json=body)
    assert listed(world_api, "/labor/v1/employees", employeeIds=who)[who]["lastName"] == "Other"
    assert world_api.http.post("/simulator/labor/shifts", json=body).status_code == 404
    assert world_api.http.post("/simulator/labor/jobs", json=body).status_code == 404
    assert world_api.http.post("/simulator/labor/jobs", json={**body, "change": None}).status_code == 400


# --- business hours -----------------------------------------------------------------------------------------------------------


def change_hours(api: Api, index: int = 0, **body: object) -> Json:
    answer = api.http.post(f"/simulator/restaurants/{guid(api, index)}", json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def everything(api: Api, index: int = 0) -> dict[str, Any]:
    """All that is there to be read of the world's days, and the books."""
    found: dict[str, Any] = {}
    for day in ("20260308", "20260309", "20260310"):
        orders = [order for page in api.pages(restaurant=guid(api, index), businessDate=day) for order in page]
        found[day] = {order["guid"]: order for order in orders}
        for path in ("/cashmgmt/v1/entries", "/cashmgmt/v1/deposits", "/labor/v1/timeEntries"):
            found[f"{path} {day}"] = listed(api, path, index, businessDate=day)
    found["shifts"] = listed(api, "/labor/v1/shifts", index, startDate="2026-03-01T00:00:00.000Z", endDate="2026-03-31T00:00:00.000Z")
    found["books"] = [api.http.get(f"/simulator/books{book}").json() for book in ("", "/sales", "/cash", "/close", "/labor")]
    return found


@pytest.mark.parametrize("body", [{"closeout_hour": 5}, {"closeout_hour": 2, "timezone": "America/Chicago"}])
def test_new_hours_leave_the_past_as_it_was(world_api: Api, body: Json) -> None:
    advance(world_api, days=1, hours=5)
    before = everything(world_api)
    found = change_hours(world_api, **body)
    assert everything(world_api) == before
    shown = world_api.get(f"/restaurants/v1/restaurants/{guid(world_api)}", restaurant=guid(world_api)).json()["general"]
    assert shown["closeoutHour"] == body["closeout_hour"] == found["closeout_hour"]
    assert shown["timeZone"] == body.get("timezone", "America/New_York")
    described = world_api.http.get("/simulator").json()["restaurants"]
    assert [row["closeout_hour"] for row in described] == [body["closeout_hour"], 3]


def test_business_dates_follow_new_hours_from_the_second_day_on(world_api: Api) -> None:
    """At the world's standing end Wednesday the 11th has begun; Friday the 13th is the first that opens at six."""
    assert change_hours(world_api, closeout_hour=6)["first_business_date"] == "2026-03-13"
    advance(world_api, days=7)
    opened = {}
    for day in range(11, 17):
        orders = [order for page in world_api.pages(restaurant=guid(world_api), businessDate=f"202603{day}") for order in page]
        own = [order for order in orders if not order["promisedDate"]]
        opened[day] = [datetime.fromisoformat(order["openedDate"]) for order in own]
        entries = listed(world_api, "/labor/v1/timeEntries", businessDate=f"202603{day}").values()
        opened[day] += [datetime.fromisoformat(entry["inDate"]) for entry in entries]
    hours = {day: 6 if day >= 13 else 4 for day in range(11, 18)}
    for day, instants in opened.items():
        start, end = (datetime(2026, 3, each, hours[each] + 4, tzinfo=UTC) for each in (day, day + 1))
        assert len(instants) > 100
        assert all(start <= instant < end for instant in instants), day
    # Closeout stamps orders paid by card: at four before, at six after.
    for day in (12, 13):
        orders = [order for page in world_api.pages(restaurant=guid(world_api), businessDate=f"202603{day}") for order in page]
        stamped = [datetime.fromisoformat(order["closedDate"]) for order in orders if order["closedDate"]]
        close = datetime(2026, 3, day + 1, 10, tzinfo=UTC)
        assert sum(close <= each < close + timedelta(minutes=10) for each in stamped) > 100


def test_books_stay_whole_across_new_hours(world_api: Api) -> None:
    change_hours(world_api, closeout_hour=6)
    advance(world_api, days=8)
    rows = [row for row in world_api.http.get("/simulator/books/close").json() if row["restaurant_guid"] == guid(world_api)]
    assert len(rows) >= 10
    assert {row["difference"] for row in rows} == {"0.00"}


@pytest.mark.parametrize("body", [{"closeout_hour": 13}, {"closeout_hour": "5"}, {"timezone": "Mars"}, {"zone": "UTC"}])
def test_hours_that_cannot_be(world_api: Api, body: Json) -> None:
    assert world_api.http.post(f"/simulator/restaurants/{guid(world_api)}", json=body).status_code == 400


# --- the call log -------------------------------------------------------------------------------------------------------------


def test_every_call_is_written_down_in_order(api: Api) -> None:
    api.bulk(businessDate="20260301", page=2)
    api.get("/nowhere", restaurant=None)
    api.http.post("/simulator/faults", json={"cut_body": {"every": 1, "limit": 1}, "timeout": {"every": 2, "seconds": 0}})
    with pytest.raises(ConnectionResetError):
        api.get("/orders/v2/orders", restaurant=NORTH, businessDate="20260301")
    with pytest.raises(ConnectionResetError):
        api.bulk(businessDate="20260301")
    found = api.http.get("/simulator/calls").json()
    assert (found["first"], found["count"]) == (1, 5)
    calls = found["calls"]
    assert [(call["endpoint"], call["status"]) for call in calls] == [
        ("login", 200),
        ("ordersBulk", 200),
        ("unknown", 404),
        ("orders", "cut"),
        ("ordersBulk", "dropped"),
    ]
    assert [call["n"] for call in calls] == [1, 2, 3, 4, 5]
    assert calls[1]["query"] == "businessDate=20260301&page=2"
    assert (calls[1]["restaurant_guid"], calls[1]["path"]) == (NORTH, "/orders/v2/ordersBulk")
    assert calls[2]["restaurant_guid"] is None
    assert calls[0]["at"] <= calls[1]["at"] <= api.time.now
    assert api.http.get("/simulator/calls?since=3").json()["calls"] == calls[3:]
    assert api.http.get("/simulator/calls?since=9").json()["calls"] == []
    assert api.http.get("/simulator/calls?since=x").status_code == 400


def test_the_log_keeps_the_last_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallLog, "KEPT", 3)
    log = CallLog()
    for number in range(1, 8):
        log.add(float(number), "jobs", "/labor/v1/jobs", None, "", 200)
    first, calls = log.since(0)
    assert first == 5
    assert [(call["n"], call["at"]) for call in calls] == [(5, 5.0), (6, 6.0), (7, 7.0)]
    assert [call["n"] for call in log.since(6)[1]] == [7]
    assert log.since(7)[1] == []
