"""What the world tells of its own accord: every change of every order, publications and stock; and what faults make of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.envelopes import order_details
from restaurant_os.simulator.postman import Answer
from restaurant_os.simulator.server import Options, application, build
from restaurant_os.simulator.webhooks import Webhooks
from simulator_fakes import Http, Time

LAST_DAY = date(2026, 3, 8)
URL = "http://127.0.0.1:1/webhooks"


@dataclass
class Outbox:
    """A simulator whose clock is turned by hand, and everything it sent."""

    simulator: Simulator
    status: int = 200
    sent: list[tuple[str, Mapping[str, str], dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.webhooks = self.simulator._webhooks = Webhooks(self.simulator, self._post)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.sent.append((url, headers, json.loads(body)))
        return Answer(self.status)

    def subscribe(self, *categories: str) -> None:
        for category in categories:
            self.webhooks.subscribe(URL, category, "whsec-test")

    def pass_time(self, *strides: timedelta) -> None:
        """Move the clock by each stride, and let a turn be taken after each."""

        async def live() -> None:
            for stride in strides:
                self.simulator.clock.advance(stride.total_seconds())
                await self.webhooks.turn()
                await self.webhooks.sending.settled()

        asyncio.run(live())

    def orders(self) -> list[tuple[str, str]]:
        """GUID and modifiedDate of the orders sent."""
        details = [envelope["details"]["order"] for _, _, envelope in self.sent if "order" in envelope["details"]]
        return [(order["guid"], order["modifiedDate"]) for order in details]


@pytest.fixture
def outbox() -> Outbox:
    time = Time(datetime(2026, 3, 20, tzinfo=UTC).timestamp())
    options = Options(locations=2, days=2, seed=7, last_day=LAST_DAY, demand=0.15)
    return Outbox(build(options, seconds=time).state.simulator)


def test_changes_are_what_a_poller_that_never_blinks_would_see(outbox: Outbox) -> None:
    world, after = outbox.simulator.world, outbox.simulator.world.history_end + timedelta(hours=1)
    guid, until = world.restaurants[0].guid, after + timedelta(hours=30)
    changes = [(change.order_guid, world.written(change)) for change in world.changes(guid, after, until)]

    # At its own millisecond each is the order's version, and the last of each order is what is there at the end.
    assert [world.order(guid, order_guid, version.modified) for order_guid, version in changes] == [version for _, version in changes]
    assert [version.modified for _, version in changes] == sorted(version.modified for _, version in changes)
    newest = dict(changes)
    assert list(newest) != [order_guid for order_guid, _ in changes]
    millisecond = timedelta(milliseconds=1)
    assert newest == {version.guid: version for version in world.by_modified(guid, after + millisecond, until + millisecond, until)}


def test_every_version_is_sent_once_whatever_the_strides(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    world, after = outbox.simulator.world, outbox.simulator.clock.world()
    outbox.pass_time(*[timedelta(minutes=7)] * 30, timedelta(hours=9), *[timedelta(seconds=1)] * 5)

    until = outbox.simulator.clock.world()
    expected = Counter(change.order_guid for restaurant in world.restaurants for change in world.changes(restaurant.guid, after, until))
    assert Counter(guid for guid, _ in outbox.orders()) == expected
    assert len(set(outbox.orders())) == len(outbox.orders()) > 100
    assert {headers["Toast-Attempt-Number"] for _, headers, _ in outbox.sent} == {"1"}


def test_an_order_that_was_hidden_is_sent_when_the_world_begins_to_live() -> None:
    """Promised for a day after history, made before its end: no version of it is made later, and yet it appears."""
    time = Time(datetime(2026, 3, 20, tzinfo=UTC).timestamp())
    outbox = Outbox(build(Options(locations=1, days=10, seed=7, last_day=LAST_DAY), seconds=time).state.simulator)
    world, guid, after = outbox.simulator.world, outbox.simulator.world.restaurants[0].guid, outbox.simulator.clock.world()
    before = {version.guid for day in range(30) for version in world.by_business_date(guid, LAST_DAY + timedelta(day - 10), after)}
    outbox.subscribe("order_updated")
    outbox.pass_time(timedelta(seconds=1))

    now = outbox.simulator.clock.world()
    appeared = {v.guid for day in range(30) for v in world.by_business_date(guid, LAST_DAY + timedelta(day - 10), now)} - before
    assert appeared
    assert appeared <= {order_guid for order_guid, _ in outbox.orders()}


def test_the_body_is_the_order_of_the_api_without_what_webhooks_omit(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.pass_time(timedelta(hours=4))
    world, now = outbox.simulator.world, outbox.simulator.clock.world()
    newest = {envelope["details"]["order"]["guid"]: envelope for _, _, envelope in outbox.sent}

    for guid, envelope in newest.items():
        restaurant = envelope["details"]["restaurantGuid"]
        version = world.order(restaurant, guid, now)
        assert version is not None
        assert envelope["details"] == json.loads(json.dumps(order_details(restaurant, version.body)))
    assert newest


def test_a_category_is_sent_to_those_who_subscribed_to_it(outbox: Outbox) -> None:
    outbox.subscribe("menus", "stock")
    outbox.pass_time(*[timedelta(hours=3)] * 16)

    kinds = Counter((headers["Toast-Event-Category"], envelope["eventType"]) for _, headers, envelope in outbox.sent)
    assert set(kinds) == {
        ("menus", "menus_updated"),
        ("stock", "low_quantity"),
        ("stock", "out_of_stock"),
        ("stock", "in_stock"),
    }
    menus = [envelope["details"] for _, _, envelope in outbox.sent if envelope["eventCategory"] == "menus"]
    assert {frozenset(details) for details in menus} == {frozenset({"restaurantGuid", "publishedDate"})}
    # In two days each location changes a price at noon and back at closeout.
    assert min(Counter(details["restaurantGuid"] for details in menus).values()) >= 3


def test_menus_that_are_published_by_hand_are_told_once(outbox: Outbox) -> None:
    outbox.subscribe("menus")
    http, guid = Http(application(outbox.simulator)), outbox.simulator.world.restaurants[1].guid
    answer = http.post("/simulator/menus", json={"restaurant_guid": guid, "published": True})
    outbox.pass_time(timedelta(0), timedelta(0))

    [(_, headers, envelope)] = outbox.sent
    assert envelope["details"] == {"restaurantGuid": guid, "publishedDate": answer.json()["lastUpdated"]}
    assert headers["Toast-Restaurant-External-ID"] == guid


def test_stock_runs_low_runs_out_and_is_there_again_in_that_order(outbox: Outbox) -> None:
    outbox.subscribe("stock")
    outbox.pass_time(*[timedelta(minutes=30)] * 120)

    by_item: dict[tuple[str, str], list[tuple[str, str, float | None]]] = {}
    for _, _, envelope in outbox.sent:
        details = envelope["details"]
        assert set(details) == {"itemGuid", "multiLocationId", "restaurantGuid", "status", "quantity"}
        by_item.setdefault((details["restaurantGuid"], details["itemGuid"]), []).append(
            (envelope["eventType"], details["status"], details["quantity"])
        )
    statuses = {(kind, status) for told in by_item.values() for kind, status, _ in told}
    assert statuses == {("low_quantity", "QUANTITY"), ("out_of_stock", "OUT_OF_STOCK"), ("in_stock", "IN_STOCK")}
    assert all(
        quantity is not None and 1 <= quantity <= 5 for told in by_item.values() for kind, _, quantity in told if kind == "low_quantity"
    )
    begun_low = [told for told in by_item.values() if len(told) == 3]
    assert {tuple(kind for kind, _, _ in told) for told in begun_low} >= {("low_quantity", "out_of_stock", "in_stock")}


# --- faults ---------------------------------------------------------------------------------------------------------------


def test_a_duplicate_has_the_guid_and_the_body_of_the_first(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.simulator.faults.set({"duplicate_event": {"every": 1, "seconds": 30}})
    outbox.pass_time(timedelta(hours=1), timedelta(minutes=1))

    again = Counter(envelope["guid"] for _, _, envelope in outbox.sent)
    assert set(again.values()) == {2}
    assert len({json.dumps(envelope) for _, _, envelope in outbox.sent}) == len(again)


def test_a_late_event_is_overtaken(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.simulator.faults.set({"late_event": {"every": 3, "seconds": 900}})
    outbox.pass_time(*[timedelta(minutes=5)] * 24)

    instants = [modified for _, modified in outbox.orders()]
    assert instants != sorted(instants)
    assert len(set(outbox.orders())) == len(outbox.orders())


def test_a_lost_event_is_never_sent(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.simulator.faults.set({"lost_event": {"every": 2}})
    outbox.pass_time(timedelta(hours=2))

    totals = outbox.webhooks.sending.totals()
    assert totals["lost"] == totals["events"] // 2 > 0
    assert len(outbox.sent) == totals["events"] - totals["lost"]


def test_webhooks_off_withholds_what_happens_in_the_span_and_nothing_else(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.simulator.faults.set({"webhooks_off": {"every": 1, "limit": 1, "seconds": 7200}})
    world, after = outbox.simulator.world, outbox.simulator.clock.world()
    outbox.pass_time(timedelta(hours=5))

    changes = sorted(c.instant for r in world.restaurants for c in world.changes(r.guid, after, outbox.simulator.clock.world()))
    changes = [max(instant, int(after.timestamp() * 1000)) for instant in changes]
    ends = changes[0] + 7_200_000
    assert len(outbox.sent) == sum(instant >= ends for instant in changes) > 0
    assert outbox.webhooks.sending.totals()["withheld"] == sum(instant < ends for instant in changes) > 0


def test_a_padded_order_comes_now_and_then(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.simulator.faults.set({"padded_order": {"every": 10}})
    outbox.pass_time(timedelta(hours=4))

    sizes = {row["guid"]: row["bytes"] for row in outbox.webhooks.sending.log}
    due = [envelope for _, _, envelope in outbox.sent[9::10]]
    padded = [envelope["guid"] for envelope in due if any(check["selections"] for check in envelope["details"]["order"]["checks"])]
    assert {guid for guid, size in sizes.items() if isinstance(size, int) and size > 600_000} == set(padded)
    assert padded


def test_a_broken_order_comes_now_and_then(outbox: Outbox) -> None:
    outbox.subscribe("order_updated")
    outbox.simulator.faults.set({"broken_event": {"every": 5, "limit": 6}})
    outbox.pass_time(timedelta(hours=5))

    orders = [envelope["details"]["order"] for _, _, envelope in outbox.sent]
    assert sum("guid" not in order for order in orders) == 1
    assert sum(order.get("modifiedDate") == "yesterday" for order in orders) == 1
    assert sum(order["checks"] is None for order in orders) == 1
    assert sum(order.get("businessDate") == "20261399" for order in orders) == 1


# --- steering -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def http(outbox: Outbox) -> Http:
    return Http(application(outbox.simulator))


SUBSCRIPTIONS = "/simulator/webhooks/subscriptions"


def test_a_subscription_is_added_listed_without_its_secret_and_deleted(outbox: Outbox, http: Http) -> None:
    made = http.post(SUBSCRIPTIONS, json={"url": URL, "category": "order_updated", "secret": "whsec-test"}).json()
    listed = http.get(SUBSCRIPTIONS)
    outbox.pass_time(timedelta(hours=1))
    counts = http.get("/simulator/webhooks").json()["counts"]
    gone = http.delete(f"{SUBSCRIPTIONS}/{made['id']}").json()
    sent = len(outbox.sent)
    outbox.pass_time(timedelta(hours=1))

    assert listed.json() == [made]
    assert made == {
        "id": made["id"],
        "url": URL,
        "category": "order_updated",
        "timestamps": "real",
        "status": "active",
        "pending": 0,
        "counts": dict.fromkeys(("events", "duplicates", "lost", "attempts", "resends", "delivered", "failed", "withheld"), 0),
        "answers": {},
    }
    assert counts["events"] == counts["attempts"] == counts["delivered"] == sent > 0
    assert gone["subscriptions"] == []
    assert gone["counts"] == counts
    assert len(outbox.sent) == sent
    assert "whsec-test" not in listed.text + json.dumps(gone) + http.get("/simulator/webhooks/deliveries").text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"url": URL, "category": "menus"}, "url and secret are required"),
        ({"url": URL, "category": "partners", "secret": "s"}, "category must be one of order_updated, channel_order_updated, menus, stock"),
        ({"url": "ftp://x/", "category": "menus", "secret": "s"}, "url is not an address such as http://127.0.0.1:8000, but 'ftp://x/'"),
        (
            {"url": "http://x/a b", "category": "menus", "secret": "s"},
            "url is not an address such as http://127.0.0.1:8000, but 'http://x/a b'",
        ),
        (
            {"url": "http://u:p@x/", "category": "menus", "secret": "s"},
            "url is not an address such as http://127.0.0.1:8000, but one with a name or password in it",
        ),
        ({"url": URL, "category": "menus", "secret": "s", "timestamps": "mine"}, "timestamps must be real or api, not 'mine'"),
        ({"url": URL, "category": "menus", "secret": "s", "more": 1}, "unknown more"),
    ],
)
def test_a_subscription_that_cannot_be_is_400(http: Http, body: dict[str, object], message: str) -> None:
    answer = http.post(SUBSCRIPTIONS, json=body)

    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_webhooks_off_and_on_by_hand(outbox: Outbox, http: Http) -> None:
    outbox.subscribe("order_updated")
    off = http.post("/simulator/webhooks/off", json={"seconds": 7200}).json()
    outbox.pass_time(timedelta(hours=2) - timedelta(seconds=1))
    while_off = len(outbox.sent)
    outbox.pass_time(timedelta(hours=1))
    after = len(outbox.sent)
    for_good = http.post("/simulator/webhooks/off").json()
    outbox.pass_time(timedelta(hours=1))
    still = len(outbox.sent)
    on = http.post("/simulator/webhooks/on").json()
    outbox.pass_time(timedelta(hours=1))

    assert (off["sending"], for_good["sending"], on["sending"]) == (False, False, True)
    assert 0 == while_off < after == still < len(outbox.sent)


def test_a_stopped_subscription_is_restarted_by_hand(outbox: Outbox, http: Http) -> None:
    outbox.subscribe("order_updated")
    outbox.status = 400
    outbox.webhooks.sending.customers[http.get(SUBSCRIPTIONS).json()[0]["id"]].health.is_stopped = True
    outbox.pass_time(timedelta(hours=1))
    [shown] = http.get(SUBSCRIPTIONS).json()
    restarted = http.post(f"{SUBSCRIPTIONS}/{shown['id']}/restart").json()
    outbox.status = 200
    outbox.pass_time(timedelta(hours=1))

    assert (shown["status"], shown["counts"]["attempts"]) == ("stopped", 0)
    assert shown["counts"]["withheld"] == shown["counts"]["events"] > 0
    assert restarted["status"] == "active"
    assert outbox.sent
    assert http.post(f"{SUBSCRIPTIONS}/nobody/restart").status_code == 404


def test_the_log_of_deliveries_has_the_last_so_many(outbox: Outbox, http: Http) -> None:
    outbox.subscribe("order_updated")
    outbox.pass_time(timedelta(hours=2))
    log = http.get("/simulator/webhooks/deliveries?last=3").json()

    assert log["count"] == len(outbox.sent) > 3
    assert [row["n"] for row in log["deliveries"]] == [log["count"] - 2, log["count"] - 1, log["count"]]
    assert [(row["guid"], row["order_guid"]) for row in log["deliveries"]] == [
        (envelope["guid"], envelope["details"]["order"]["guid"]) for _, _, envelope in outbox.sent[-3:]
    ]
    assert http.get("/simulator/webhooks/deliveries?last=x").status_code == 400
