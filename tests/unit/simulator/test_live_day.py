"""A live service day: its orders as events, its running summaries, and what is said of it. The clock is turned by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.live_day import Day, LiveDay, Send, open_day, summary
from restaurant_os.simulator.postman import Answer
from restaurant_os.simulator.server import Options, assembled
from restaurant_os.simulator.summaries import Summaries
from restaurant_os.simulator.webhooks import Webhooks
from restaurant_os.simulator.world import World
from simulator_fakes import Time
from simulator_reading import ZERO, cents, counts, is_kept, is_sales_charge, read

DAY = date(2026, 3, 9)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
BASE = "http://127.0.0.1:8000"
OPTIONS = Options(locations=3, days=2, seed=7, last_day=DAY, demand=0.3)
Request = tuple[str, Mapping[str, str], bytes]


@dataclass
class Show:
    """A day that is sent to a receiver that is a function of the request."""

    answer: Callable[[str], int] = lambda url: 200
    sent: list[Request] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    options: Options = OPTIONS

    def __post_init__(self) -> None:
        self.world, self.day = open_day(self.options, NOW)
        clock = Clock(world_start=self.day.begins, api_start=self.day.begins)
        app = assembled(self.options, self.world, clock, Time(NOW.timestamp()))
        self.simulator: Simulator = app.state.simulator
        self.webhooks = self.simulator._webhooks = Webhooks(self.simulator, self._post)
        send = Send(f"{BASE}/", secret="whsec-test", key="rok_test")
        self.live = LiveDay(self.simulator, self.day, send, self.lines.append, self._post)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.sent.append((url, headers, body))
        return Answer(self.answer(url))

    def pass_time(self, *strides: timedelta) -> None:
        async def live() -> None:
            for stride in strides:
                self.simulator.clock.advance(stride.total_seconds())
                await self.webhooks.turn()
                await self.webhooks.sending.settled()
                self.live.turn()
                await self.live.summaries.settled()
            self.live.turn()

        asyncio.run(live())

    def whole_day(self) -> Show:
        strides = (self.day.ends - self.day.begins) // timedelta(minutes=20) + 1
        self.pass_time(*[timedelta(minutes=20)] * strides)
        return self

    def orders(self) -> list[dict[str, Any]]:
        return [read(body)["details"]["order"] for url, _, body in self.sent if url == f"{BASE}/webhooks/toast"]

    def summaries(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(body) for url, _, body in self.sent if url == f"{BASE}/webhook/{kind}"]


@pytest.fixture(scope="module")
def show() -> Show:
    return Show().whole_day()


def test_the_orders_that_were_sent_add_up_to_the_books_of_the_day(show: Show) -> None:
    newest: dict[str, dict[str, Any]] = {}
    for order in show.orders():
        newest[order["guid"]] = order
    sums: dict[str, Decimal] = dict.fromkeys(("orders", "gross_sales", "tax"), ZERO)
    for order in newest.values():
        if order["businessDate"] != 20260309 or order["createdInTestMode"] or not counts(order):
            continue
        sums["orders"] += 1
        for check in filter(counts, order["checks"]):
            sums["tax"] += cents(check["taxAmount"])
            sums["gross_sales"] += sum((cents(line["preDiscountPrice"]) for line in check["selections"] if is_kept(line, order)), ZERO)
            sums["gross_sales"] += sum((cents(c["chargeAmount"]) for c in check["appliedServiceCharges"] if is_sales_charge(c)), ZERO)

    books = show.world.sales_books(show.day.ends, DAY)
    assert sums == {name: sum((Decimal(str(row[name])) for row in books), ZERO) for name in sums}
    assert sums["orders"] > 100


def test_what_was_sent_last_of_each_order_is_what_the_api_has_at_the_end(show: Show) -> None:
    newest = {order["guid"]: order["modifiedDate"] for order in show.orders()}
    there = [v for r in show.world.restaurants for v in show.world.by_business_date(r.guid, DAY, show.day.ends)]

    assert {version.guid: read(version.body)["modifiedDate"] for version in there}.items() <= newest.items()


def test_each_event_is_sent_once_and_each_order_as_often_as_it_changed(show: Show) -> None:
    sent = [json.loads(body) for url, _, body in show.sent if url == f"{BASE}/webhooks/toast"]

    assert len({envelope["guid"] for envelope in sent}) == len(sent)
    assert len({(order["guid"], order["modifiedDate"]) for order in show.orders()}) == len(sent)
    assert {envelope["eventType"] for envelope in sent} == {"order_updated"}


def test_the_running_summaries_grow_hourly_and_end_at_the_books(show: Show) -> None:
    books = {row["restaurant_guid"]: row for row in show.world.sales_books(show.day.ends, DAY)}
    labor = {row["restaurant_guid"]: row for row in show.world.labor.books(show.day.ends, DAY)}
    last_sales = {told["store_id"]: told for told in show.summaries("sales")}
    last_labor = {told["store_id"]: told for told in show.summaries("labor")}

    assert last_sales == {
        guid: {"store_id": guid, "date": "2026-03-09", "gross_sales": float(str(row["gross_sales"]))} for guid, row in books.items()
    }
    assert last_labor == {
        guid: {
            "store_id": guid,
            "date": "2026-03-09",
            "labor_hours": float(str(row["labor_hours"])),
            "labor_cost": float(str(row["labor_cost"])),
        }
        for guid, row in labor.items()
    }
    for guid in books:
        amounts = [told["gross_sales"] for told in show.summaries("sales") if told["store_id"] == guid]
        assert 10 < len(amounts) == len(set(amounts)) <= 32


def test_the_key_goes_with_summaries_and_the_secret_with_nothing(show: Show) -> None:
    for url, headers, body in show.sent:
        assert headers.get("Authorization") == (None if url.endswith("/toast") else "Bearer rok_test")
        assert ("Toast-Signature" in headers) == url.endswith("/toast")
        assert b"whsec-test" not in body
    assert "whsec-test" not in repr(show.live.__dict__) + repr(Send(BASE, "whsec-test", "rok_test"))


def test_a_line_is_said_each_hour_and_the_day_ends_complete(show: Show) -> None:
    assert len(show.lines) == -(-(show.day.ends - show.day.begins) // timedelta(hours=1))
    assert show.lines[0].startswith("2026-03-09 09:00 UTC  events ")
    assert show.lines[0].endswith("summaries 0 sent, 0 failed  pending 3")
    assert (show.live.is_over, show.live.is_complete, show.live.pending) == (True, True, 0)
    report = show.live.report()
    events = report["events"]
    assert isinstance(events, dict)
    assert events["delivered"] == events["events"] == len(show.orders())
    assert summary(report).endswith("\nAll of it arrived.")


def test_nothing_of_other_days_is_sent(show: Show) -> None:
    """An order may change its business date, so it is told by the day's own orders."""
    others = {order["businessDate"] for order in show.orders()} - {20260309}

    assert not others or max(others) <= 20260323
    assert sum(order["businessDate"] == 20260309 for order in show.orders()) > 0.95 * len(show.orders())


def test_a_receiver_that_refuses_makes_the_day_incomplete_and_is_named_once() -> None:
    show = Show(
        answer=lambda url: 401 if url.endswith("/toast") else 200, options=Options(1, days=1, last_day=DAY, locations=1, demand=0.1)
    )
    show.whole_day()
    show.pass_time(timedelta(minutes=1))

    assert (show.live.is_over, show.live.is_complete) == (True, False)
    assert [line for line in show.lines if "401" in line] == [
        "the receiver's answer to events: 401. It does not know the secret of --send-secret"
    ]
    assert "Not all of it arrived." in summary(show.live.report())


def test_the_day_lasts_until_what_is_to_be_resent_has_been() -> None:
    show = Show(answer=lambda url: 503, options=Options(1, days=1, last_day=DAY, locations=1, demand=0.02))
    show.pass_time(show.day.ends - show.day.begins)
    at_the_end = (show.live.is_over, show.live.pending > 0)
    show.pass_time(*[timedelta(minutes=5)] * 4)

    assert at_the_end == (False, True)
    assert (show.live.is_over, show.live.is_complete, show.live.pending) == (True, False, 0)


def test_the_day_is_the_last_one_that_is_over_everywhere() -> None:
    found = [open_day(Options(locations=13, days=3), now)[1] for now in (NOW, NOW + timedelta(hours=10), NOW + timedelta(hours=16))]

    assert [day.day for day in found] == [date(2026, 3, 18), date(2026, 3, 18), date(2026, 3, 19)]
    assert all(day.ends <= NOW + timedelta(hours=16) for day in found)
    assert found[0] == Day(date(2026, 3, 18), found[0].begins, found[0].ends)
    with pytest.raises(OptionError):
        open_day(Options(locations=0), NOW)


def test_its_world_has_the_days_before_it_as_history() -> None:
    world, day = open_day(Options(locations=1, days=5, last_day=DAY), NOW)

    assert world.first_day == DAY - timedelta(days=5)
    assert world.history_end < day.begins
    assert isinstance(world, World)


# --- summaries by themselves ----------------------------------------------------------------------------------------------


@dataclass
class Desk:
    answers: list[Answer]
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.summaries = Summaries(BASE, "", self._post)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.sent.append((url, json.loads(body)))
        await asyncio.sleep(0)
        return self.answers.pop(0) if self.answers else Answer(200)

    def at(self, now: float) -> None:
        self.summaries.now = now
        asyncio.run(self.summaries.settled())

    def tell(self, amount: float) -> None:
        self.summaries.tell("sales", {"store_id": "a", "date": "2026-03-09", "gross_sales": amount})


def test_a_newer_summary_takes_the_place_of_one_that_waits_to_be_resent() -> None:
    desk = Desk([Answer(503)])
    desk.tell(1.0)
    desk.at(0)
    desk.tell(2.0)
    desk.at(10)
    desk.at(1_000)

    assert [body["gross_sales"] for _, body in desk.sent] == [1.0, 2.0]
    assert (desk.summaries.counts, desk.summaries.waiting) == ({"replaced": 1, "delivered": 1, "failed": 0}, 0)


def test_a_summary_is_sent_three_times_at_most() -> None:
    desk = Desk([Answer(503), Answer(None, "timeout"), Answer(404)])
    desk.tell(1.0)
    for now in (0, 299, 300, 899, 900, 5_000):
        desk.at(now)

    assert (len(desk.sent), desk.summaries.counts["failed"], desk.summaries.waiting) == (3, 1, 0)


def test_a_summary_that_is_refused_is_not_sent_again() -> None:
    desk = Desk([Answer(422)])
    desk.tell(1.0)
    desk.at(0)
    desk.at(5_000)

    assert (len(desk.sent), desk.summaries.counts["failed"]) == (1, 1)


def test_a_summary_waits_for_the_one_before_it() -> None:
    desk = Desk([])

    async def live() -> None:
        desk.tell(1.0)
        desk.summaries.dispatch()
        await asyncio.sleep(0)
        desk.tell(2.0)
        desk.summaries.dispatch()
        under_way = len(desk.sent)
        await desk.summaries.settled()
        assert under_way == 1

    asyncio.run(live())

    assert [body["gross_sales"] for _, body in desk.sent] == [1.0, 2.0]
    assert desk.summaries.counts["delivered"] == 2
