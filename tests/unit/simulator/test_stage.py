"""A live day that waits to be begun: what it serves until then, how it is begun, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.__main__ import arguments
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.live_day import open_day
from restaurant_os.simulator.postman import Answer
from restaurant_os.simulator.server import Options, application, assembled
from restaurant_os.simulator.stage import Stage
from restaurant_os.simulator.webhooks import Webhooks
from simulator_fakes import Http, Time

DAY = date(2026, 3, 9)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
URL = "http://127.0.0.1:8000"


class Standing:
    """A stage of one quiet restaurant; real time is turned by hand, and the receiver takes everything."""

    def __init__(self) -> None:
        self.time = Time(NOW.timestamp())
        options = Options(locations=1, days=2, last_day=DAY, demand=0.02)
        world, self.day = open_day(options, NOW)
        clock = Clock(world_start=self.day.begins, api_start=self.day.begins, seconds=self.time)
        app = assembled(options, world, clock, lambda: self.simulator.clock.api().timestamp())
        self.simulator: Simulator = app.state.simulator
        self.sent: list[tuple[str, bytes]] = []
        self.simulator._webhooks = Webhooks(self.simulator, self._post)
        self.stage = self.simulator.stage = Stage(self.simulator, self.day, 600.0, self.time)
        self.http = Http(application(self.simulator))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.sent.append((url, body))
        return Answer(200)


@pytest.fixture
def standing() -> Standing:
    return Standing()


def state(standing: Standing) -> dict[str, Any]:
    found: dict[str, Any] = standing.http.get("/simulator/live").json()
    return found


def test_until_it_is_begun_the_world_stands_at_the_beginning_of_the_day(standing: Standing) -> None:
    standing.time.now += 3_600
    assert standing.simulator.clock.world() == standing.day.begins
    assert state(standing) == {
        "business_date": "2026-03-09",
        "begins": standing.day.begins.isoformat(timespec="milliseconds"),
        "ends": standing.day.ends.isoformat(timespec="milliseconds"),
        "speed": 600.0,
        "is_over": False,
    }


def test_it_begins_at_the_instant_that_was_named(standing: Standing) -> None:
    at = standing.time.now
    standing.time.now += 5
    answer = standing.http.post("/simulator/live", json={"url": URL, "secret": "whsec-test", "at": at, "summaries": False})
    assert (answer.status_code, answer.json()["report"]["complete"]) == (200, False)
    assert standing.simulator.clock.world() == standing.day.begins + timedelta(seconds=5 * 600)
    standing.time.now += 1
    assert standing.simulator.clock.api() == standing.day.begins + timedelta(seconds=6 * 600)


def test_the_day_is_sent_by_its_own_clock_and_without_summaries_where_none_are_wanted(standing: Standing) -> None:
    standing.http.post("/simulator/live", json={"url": URL, "summaries": False})

    async def live() -> None:
        webhooks, running = standing.simulator.webhooks(), standing.stage.live
        assert running is not None
        while not running.is_over:
            standing.time.now += 3
            await webhooks.turn()
            await webhooks.sending.settled()
            running.turn()

    asyncio.run(live())
    orders = standing.simulator.world.sales_books(standing.day.ends, DAY)[0]["orders"]
    report = state(standing)["report"]
    assert (state(standing)["is_over"], report["complete"], report["books"][0]["orders"]) == (True, True, orders)
    assert {url for url, _ in standing.sent} == {f"{URL}/webhooks/toast"}
    stamps = sorted(body[14:38].decode() for _, body in standing.sent)
    assert f"{standing.day.begins:%Y-%m-%dT%H}" <= stamps[0] <= stamps[-1] <= f"{standing.day.ends + timedelta(hours=1):%Y-%m-%dT%H}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "url is required"),
        ({"url": "ftp://x"}, "url is"),
        ({"url": URL, "at": "noon"}, "at must be a number"),
        ({"url": URL, "summaries": 1}, "summaries must be true or false"),
        ({"url": URL, "when": 1}, "unknown when"),
    ],
)
def test_what_cannot_begin_a_day_is_refused_and_the_day_waits_on(standing: Standing, body: dict[str, Any], reason: str) -> None:
    answer = standing.http.post("/simulator/live", json=body)
    assert (answer.status_code, answer.json()["message"].startswith(reason)) == (400, True)
    assert "report" not in state(standing)


def test_a_day_begins_once(standing: Standing) -> None:
    assert standing.http.post("/simulator/live", json={"url": URL}).status_code == 200
    again = standing.http.post("/simulator/live", json={"url": URL})
    assert (again.status_code, again.json()["message"]) == (400, "the day has begun already")


def test_a_simulator_without_a_stage_has_no_live_day(simulator: Simulator) -> None:
    http = Http(application(simulator))
    assert [http.get("/simulator/live").status_code, http.post("/simulator/live", json={"url": URL}).status_code] == [404, 404]


def test_a_stage_is_asked_for_by_an_option() -> None:
    assert arguments(["--stage", "--plant"]) == Options(plant=True, stage=True)
