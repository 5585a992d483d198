"""The labor books against the API's own JSON, summed again by the definitions alone: no code of the world is used for it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import pytest

from restaurant_os.simulator.labor_books import decimal
from restaurant_os.simulator.labor_punches import hours_of, pay, split_hours
from restaurant_os.simulator.server import Options, build
from simulator_fakes import Api, Time

Json = dict[str, Any]
HOUR_IN_MS = Decimal(3_600_000)
PLACES = Decimal("0.0001")
HALF_AGAIN = Decimal("1.5")
LAST_DAY = date(2026, 3, 9)
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def rounded(value: Decimal) -> Decimal:
    return value.quantize(PLACES, ROUND_HALF_EVEN)


class Reader:
    """Reads one location's labor over the API as a client would."""

    def __init__(self, api: Api, restaurant: str) -> None:
        self.api, self.restaurant = api, restaurant

    def get(self, path: str, **query: Any) -> Any:
        answer = self.api.get(f"/labor/v1/{path}", restaurant=self.restaurant, **query)
        assert answer.status_code == 200, answer.text
        return _decoder.decode(answer.content)

    def entries(self, at: datetime) -> list[Json]:
        found: list[Json] = []
        start = datetime(2026, 2, 20, tzinfo=UTC)
        while start <= at:
            window: Json = {"modifiedStartDate": text(start), "modifiedEndDate": text(start + timedelta(days=28))}
            found += self.get("timeEntries", **window)
            start += timedelta(days=28)
        return found

    def shifts(self, at: datetime) -> list[Json]:
        """Windows of 28 days, each a week from the next: side by side they would lose the shifts that straddle them."""
        found: dict[str, Json] = {}
        start = datetime(2026, 2, 20, tzinfo=UTC)
        while start <= at:
            found |= {s["guid"]: s for s in self.get("shifts", startDate=text(start), endDate=text(start + timedelta(days=28)))}
            start += timedelta(days=7)
        return list(found.values())

    def jobs(self, entries: list[Json]) -> dict[str, Json]:
        guids = sorted({entry["jobReference"]["guid"] for entry in entries if entry["jobReference"]})
        return {job["guid"]: job for job in self.get("jobs", jobIds=guids)} if guids else {}


def accrued(entry: Json, shifts: list[Json], as_of: datetime) -> Decimal:
    """Hours of an open entry by `as_of`."""
    begun = instant(entry["inDate"])
    end = min(as_of, begun + timedelta(hours=12))
    planned = [
        instant(shift["outDate"])
        for shift in shifts
        if not shift["deleted"]
        and (shift["employeeReference"] or {}).get("guid") == entry["employeeReference"]["guid"]
        and instant(shift["inDate"]) < end
        and instant(shift["outDate"]) > begun
    ]
    if planned:
        end = min(end, max(planned) + timedelta(minutes=60))
    away = timedelta()
    for pause in entry["breaks"]:
        if not pause["paid"] and not pause["missed"]:
            ended = end if pause["outDate"] is None else min(instant(pause["outDate"]), end)
            away += max(timedelta(), ended - instant(pause["inDate"]))
    worked = max(timedelta(), end - begun - away)
    return rounded(Decimal(worked // timedelta(milliseconds=1)) / HOUR_IN_MS)


def summed(api: Api, restaurant: str, at: datetime, *, by_job: bool = False) -> list[Json]:
    reader = Reader(api, restaurant)
    entries, shifts = reader.entries(at), reader.shifts(at)
    jobs = reader.jobs(entries)
    days: defaultdict[tuple[str, str | None], defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for entry in entries:
        job = jobs[entry["jobReference"]["guid"]] if entry["jobReference"] else None
        if entry["deleted"] or (job and job["excludeFromReporting"]):
            continue
        day = days[entry["businessDate"], job["title"] if by_job and job else None]
        day["entries"] += 1
        day["open"] += entry["outDate"] is None
        regular, overtime = Decimal(entry["regularHours"] or 0), Decimal(entry["overtimeHours"] or 0)
        if entry["outDate"] is None:
            regular, overtime = accrued(entry, shifts, at), Decimal(0)
        if entry["hourlyWage"] is None:
            day["salaried"] += regular + overtime
            continue
        wage = Decimal(entry["hourlyWage"])
        day["regular"] += regular
        day["overtime"] += overtime
        day["regular_cost"] += rounded(regular * wage)
        day["overtime_cost"] += rounded(overtime * wage * HALF_AGAIN)
    return [row(restaurant, *key, day, by_job=by_job) for key, day in sorted(days.items(), key=lambda item: (item[0][0], item[0][1] or ""))]


def row(restaurant: str, number: str, title: str | None, day: dict[str, Decimal], *, by_job: bool) -> Json:
    def four(value: Decimal) -> str:
        return str(value.quantize(PLACES))

    head: Json = {"restaurant_guid": restaurant, "business_date": f"{number[:4]}-{number[4:6]}-{number[6:]}"}
    return {
        **head,
        **({"job_title": title} if by_job else {}),
        "entries": int(day["entries"]),
        "regular_hours": four(day["regular"]),
        "overtime_hours": four(day["overtime"]),
        "labor_hours": four(day["regular"] + day["overtime"]),
        "regular_cost": four(day["regular_cost"]),
        "overtime_cost": four(day["overtime_cost"]),
        "labor_cost": four(day["regular_cost"] + day["overtime_cost"]),
        "salaried_hours": four(day["salaried"]),
        "open_entries": int(day["open"]),
    }


def real_api(locations: int = 4, days: int = 7) -> Api:
    time = Time(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=locations, days=days, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


@pytest.mark.parametrize("hours", [0.0, 9.0, 75.5, 30 * 24.0])
def test_the_books_equal_the_json(hours: float) -> None:
    """At the end of history, in the middle of a later service with everyone on the clock, and after the late edits."""
    api = real_api(locations=4)
    api.simulator.clock.advance(hours * 3600)
    at = api.simulator.clock.world()
    rows = api.http.get("/simulator/books/labor").json()
    by_job = api.http.get("/simulator/books/labor?by=job").json()
    for restaurant in api.simulator.world.restaurants:
        own = [each for each in rows if each["restaurant_guid"] == restaurant.guid]
        assert own == summed(api, restaurant.guid, at)
        assert [each for each in by_job if each["restaurant_guid"] == restaurant.guid] == summed(api, restaurant.guid, at, by_job=True)
        assert len(own) >= 7
    if hours == 9.0:
        assert sum(each["open_entries"] for each in rows) > 30
    assert [(r["restaurant_guid"], r["business_date"]) for r in rows] == sorted((r["restaurant_guid"], r["business_date"]) for r in rows)


def test_books_of_one_day_are_the_rows_of_that_day() -> None:
    api = real_api(locations=2)
    rows = api.http.get("/simulator/books/labor").json()
    for day in (LAST_DAY, LAST_DAY - timedelta(days=3), LAST_DAY + timedelta(days=1)):
        found = api.http.get("/simulator/books/labor", params={"businessDate": day.strftime("%Y%m%d")}).json()
        assert found == [each for each in rows if each["business_date"] == day.isoformat()]
    assert len(rows) == 14


@pytest.mark.parametrize("query", ["by=employee", "businessDate=2026-03-01"])
def test_the_books_refuse_what_they_do_not_know(query: str) -> None:
    assert real_api(locations=1).http.get(f"/simulator/books/labor?{query}").status_code == 400


def test_an_open_entry_accrues_until_twelve_hours_and_no_longer() -> None:
    """Where Toast closes nothing, a clock-out forgotten for good costs twelve hours at most, whenever it is asked."""
    api = real_api(locations=2, days=7)
    books = api.simulator.world.labor.books
    late = api.simulator.world.history_end + timedelta(days=40)
    days = [LAST_DAY - timedelta(days=n) for n in range(7)]

    assert [books(late, day) for day in days] == [books(late + timedelta(days=9), day) for day in days]


@pytest.mark.parametrize(("hours", "wage", "half_again", "cost"), [
    (80_000, 185_000, False, 1_480_000),
    (1, 5_000, False, 0),  # 0.5 to the even 0
    (1, 15_000, False, 2),  # 1.5 to the even 2
    (12_345, 167_525, False, 206_810),
    (20_000, 185_000, True, 555_000),
    (1, 10_000, True, 2),
    (3, 10_000, True, 4),  # 4.5 to the even 4
])  # fmt: skip
def test_pay_is_rounded_half_to_even(hours: int, wage: int, half_again: bool, cost: int) -> None:
    assert pay(hours, wage, half_again) == cost


def test_hours_are_split_at_forty_a_week_and_where_the_law_says_eight_a_day() -> None:
    hour = 3_600_000

    assert split_hours(9 * hour, 30 * hour, 0, by_day=False) == (90_000, 0)
    assert split_hours(9 * hour, 36 * hour, 0, by_day=False) == (40_000, 50_000)
    assert split_hours(9 * hour, 50 * hour, 0, by_day=False) == (0, 90_000)
    assert split_hours(9 * hour, 0, 0, by_day=True) == (80_000, 10_000)
    assert split_hours(5 * hour, 0, 6 * hour, by_day=True) == (20_000, 30_000)
    assert hours_of(60_000) == 167
    assert decimal(hours_of(60_000)) == "0.0167"
