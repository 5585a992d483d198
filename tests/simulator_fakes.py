"""A world small enough to know by heart, and a client of the simulator that needs no socket.

The world: two restaurants of one group (`NORTH`, `SOUTH`), one of another (`OTHER`) and an archived one (`GONE`).
`NORTH` sold 250 orders on 2026-03-01, one a minute from 12:00 UTC, each modified again when it closed at 09:00 UTC the
next day; order 0 is refunded at 20:00 UTC, after history's end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, cast

import httpx
from starlette.applications import Starlette

from restaurant_os.simulator.auth import DEMO_CLIENT, Tokens
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.faults import Faults
from restaurant_os.simulator.limits import Limits
from restaurant_os.simulator.listing import Listing
from restaurant_os.simulator.server import application

GROUP = "99999999-0000-4000-8000-000000000001"
OTHER_GROUP = "99999999-0000-4000-8000-000000000002"
NORTH = "aaaaaaaa-0000-4000-8000-000000000001"
SOUTH = "aaaaaaaa-0000-4000-8000-000000000002"
OTHER = "aaaaaaaa-0000-4000-8000-000000000003"
GONE = "aaaaaaaa-0000-4000-8000-000000000004"
DAY = date(2026, 3, 1)
OPENING = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOSEOUT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HISTORY_END = datetime(2026, 3, 2, 15, tzinfo=UTC)
REFUND = datetime(2026, 3, 2, 20, tzinfo=UTC)
ORDERS = 250


class Version(NamedTuple):
    guid: str
    modified: datetime
    body: bytes


@dataclass(frozen=True)
class Restaurant:
    guid: str
    group_guid: str
    location_name: str
    archived: bool = False
    name: str = "Demo Grill"
    location_code: str = "N1"
    timezone: str = "America/New_York"
    closeout_hour: int = 4
    currency: str = "USD"
    address1: str = "1 Main Street"
    address2: str | None = None
    city: str = "Boston"
    state: str = "MA"
    zip_code: str = "02108"
    country: str = "US"
    phone: str = "6175550100"
    latitude: float = 42.36
    longitude: float = -71.06
    first_business_date: date = date(2024, 1, 5)


@dataclass
class World:
    """The interface of the real world, over a list of (restaurant, business date, versions)."""

    restaurants: tuple[Restaurant, ...]
    orders: list[tuple[str, date, list[Version]]]
    first_day: date = DAY
    last_day: date = DAY
    history_end: datetime = HISTORY_END
    asked: list[str] = field(default_factory=list)

    def _current(self, restaurant_guid: str, at: datetime) -> Iterator[tuple[date, Version]]:
        for owner, day, versions in self.orders:
            seen = [version for version in versions if version.modified <= at]
            if owner == restaurant_guid and seen:
                yield day, seen[-1]

    def by_business_date(self, restaurant_guid: str, day: date, at: datetime) -> list[Version]:
        self.asked.append(f"day {day}")
        return [version for its_day, version in self._current(restaurant_guid, at) if its_day == day]

    def by_modified(self, restaurant_guid: str, start: datetime, end: datetime, at: datetime) -> list[Version]:
        self.asked.append(f"modified {start} {end}")
        return [version for _, version in self._current(restaurant_guid, at) if start <= version.modified < end]

    def order(self, restaurant_guid: str, order_guid: str, at: datetime) -> Version | None:
        return next((version for _, version in self._current(restaurant_guid, at) if version.guid == order_guid), None)

    def books(self, at: datetime, day: date | None = None) -> list[dict[str, object]]:
        return [{"restaurant_guid": NORTH, "business_date": str(day), "net_sales": "12.34"}]


def order_guid(number: int) -> str:
    return f"0f9d0c1e-0000-4000-8000-{number:012d}"


def stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}+0000"


def order_version(number: int, modified: datetime, *, refunded: bool = False) -> Version:
    guid = order_guid(number)
    refund = {"refundAmount": 5.0, "tipRefundAmount": 0.0, "refundDate": stamp(modified), "refundBusinessDate": 20260302}
    payment = {
        "guid": guid.replace("0f9d0c1e", "aa000000"),
        "entityType": "OrderPayment",
        "type": "CASH",
        "amount": 27.0,
        "tipAmount": 0.0,
        "paidBusinessDate": 20260301,
        "refundStatus": "PARTIAL" if refunded else "NONE",
        "refund": refund if refunded else None,
        "voidInfo": None,
    }
    check = {"guid": guid.replace("0f9d0c1e", "cc000000"), "entityType": "Check", "amount": 25.0, "taxAmount": 2.0, "totalAmount": 27.0}
    body = {
        "guid": guid,
        "entityType": "Order",
        "externalId": None,
        "businessDate": 20260301,
        "openedDate": stamp(OPENING + timedelta(minutes=number)),
        "modifiedDate": stamp(modified),
        "voided": False,
        "deleted": False,
        "diningOption": None,
        "checks": [{**check, "selections": [], "payments": [payment]}],
    }
    return Version(guid, modified, json.dumps(body).encode())


def small_world() -> World:
    orders = []
    for number in range(ORDERS):
        versions = [order_version(number, OPENING + timedelta(minutes=number))]
        versions.append(order_version(number, CLOSEOUT + timedelta(milliseconds=number)))
        orders.append((NORTH, DAY, versions))
    orders[0][2].append(order_version(0, REFUND, refunded=True))
    restaurants = (
        Restaurant(NORTH, GROUP, "North"),
        Restaurant(SOUTH, GROUP, "South"),
        Restaurant(OTHER, OTHER_GROUP, "Other"),
        Restaurant(GONE, OTHER_GROUP, "Gone", archived=True),
    )
    return World(restaurants, orders)


@dataclass
class Time:
    """Real time, turned by hand; epoch seconds."""

    now: float = (HISTORY_END + timedelta(hours=1)).timestamp()

    def __call__(self) -> float:
        return self.now


def simulated(world: World, time: Time, **changes: Any) -> Simulator:
    """A simulator over `world`; `changes` replace its parts."""
    start = datetime.fromtimestamp(time.now, UTC)
    parts: dict[str, Any] = {
        "world": world,
        "seed": 7,
        "clock": Clock(world_start=world.history_end, api_start=start, seconds=time),
        "tokens": Tokens([DEMO_CLIENT]),
        "limits": Limits(time),
        "faults": Faults(),
        "listing": Listing(cast(Any, world)),
    }
    return Simulator(**{**parts, **changes})


class Http:
    """Calls the application without a socket, from code that is not asynchronous."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://testserver") as client:
                return await client.request(method, path, **parts)

        return asyncio.run(call())

    def get(self, path: str, **parts: Any) -> httpx.Response:
        return self.request("GET", path, **parts)

    def post(self, path: str, **parts: Any) -> httpx.Response:
        return self.request("POST", path, **parts)

    def delete(self, path: str, **parts: Any) -> httpx.Response:
        return self.request("DELETE", path, **parts)


class Api:
    """A client that logs in once, and lets a quarter of a second pass before each call, so that no limit is in its way."""

    def __init__(self, simulator: Simulator, time: Time) -> None:
        self.simulator = simulator
        self.time = time
        self.http = Http(application(simulator))
        self._token = ""

    def login(self, client_id: str = "demo-client", client_secret: str = "demo-secret") -> httpx.Response:
        body = {"clientId": client_id, "clientSecret": client_secret, "userAccessType": "TOAST_MACHINE_CLIENT"}
        answer = self.http.post("/authentication/v1/authentication/login", json=body)
        if answer.status_code == 200:
            self._token = answer.json()["token"]["accessToken"]
        return answer

    def get(self, path: str, *, restaurant: str | None = NORTH, pause: float = 0.25, **query: object) -> httpx.Response:
        """GET with the token and, unless it is None, the restaurant's header."""
        if not self._token:
            self.login()
        self.time.now += pause
        headers = {"Authorization": f"Bearer {self._token}"}
        if restaurant is not None:
            headers["Toast-Restaurant-External-ID"] = restaurant
        return self.http.get(path, headers=headers, params=query or None)

    def bulk(self, **query: object) -> httpx.Response:
        return self.get("/orders/v2/ordersBulk", **query)  # type: ignore[arg-type]

    def pages(self, **query: object) -> list[list[dict[str, Any]]]:
        """Every page of one ordersBulk query, until an empty one."""
        pages: list[list[dict[str, Any]]] = []
        while page := self.bulk(**query, page=len(pages) + 1).json():
            pages.append(page)
        return pages
