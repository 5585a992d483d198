"""Toast's endpoints, and the gate that every call to them passes: faults, limits, token, restaurant, scope."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from restaurant_os.simulator import cash_api, config_api, labor_api, menus_api, orders_api, restaurants_api
from restaurant_os.simulator.auth import ACCESS_TYPE, Client
from restaurant_os.simulator.call import Call, Simulator, json_response
from restaurant_os.simulator.config_names import COLLECTIONS, endpoint_name
from restaurant_os.simulator.errors import UNKNOWN_PATH_CODE, ToastError, bad_request, error_body
from restaurant_os.simulator.limits import MENUS_LIMIT, ORDERS_BULK_LIMIT, Limit, Standing
from restaurant_os.simulator.misbehaviour import CutResponse, DroppedResponse, server_error, storm

if TYPE_CHECKING:
    from restaurant_os.simulator.world import Restaurant

RESTAURANT_HEADER = "Toast-Restaurant-External-ID"
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Answer = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: what it answers and what it asks of a caller. Its name is the one faults know."""

    name: str
    path: str
    answer: Answer
    method: str = "GET"
    token: bool = True
    scope: str | None = None
    restaurant: bool = False
    limit: Limit | None = None
    limit_headers: bool = True


async def login(call: Call) -> Response:
    """A token for a client's credentials."""
    if call.request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ToastError(415, "Content-Type must be application/json")
    try:
        asked = msgspec.json.decode(await call.request.body(), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request("The body must be a JSON object") from None
    texts = [asked.get(name) for name in ("clientId", "clientSecret")]
    if asked.get("userAccessType") != ACCESS_TYPE:
        raise bad_request(f"userAccessType must be {ACCESS_TYPE}")
    client_id, client_secret = texts
    if not isinstance(client_id, str) or not isinstance(client_secret, str):
        raise bad_request("clientId and clientSecret are required")
    token = call.simulator.tokens.login(client_id, client_secret, call.now)
    return json_response(
        {
            "@class": ".SuccessfulResponse",
            "token": {
                "tokenType": "Bearer",
                "scope": None,
                "expiresIn": int(token.expires - call.now.timestamp()),
                "accessToken": token.text,
                "idToken": None,
                "refreshToken": None,
            },
            "status": "SUCCESS",
        }
    )


async def unknown(call: Call) -> Response:
    """Any other path."""
    raise ToastError(404, f"No such resource: {call.request.url.path}", code=UNKNOWN_PATH_CODE)


async def wrong_method(call: Call) -> Response:
    raise ToastError(405, f"{call.request.method} is not allowed here")


ENDPOINTS = (
    Endpoint("login", "/authentication/v1/authentication/login", login, method="POST", token=False, limit_headers=False),
    Endpoint("restaurant", "/restaurants/v1/restaurants/{guid}", restaurants_api.restaurant, scope="restaurants:read", restaurant=True),
    Endpoint(
        "groupRestaurants",
        "/restaurants/v1/groups/{guid}/restaurants",
        restaurants_api.group_restaurants,
        scope="restaurants:read",
        restaurant=True,
    ),
    Endpoint("partnerRestaurants", "/partners/v1/restaurants", restaurants_api.partner_restaurants),
    Endpoint("connectedRestaurants", "/partners/v1/connectedRestaurants", restaurants_api.connected_restaurants),
    Endpoint("ordersBulk", "/orders/v2/ordersBulk", orders_api.orders_bulk, scope="orders:read", restaurant=True, limit=ORDERS_BULK_LIMIT),
    Endpoint("order", "/orders/v2/orders/{guid}", orders_api.order, scope="orders:read", restaurant=True),
    Endpoint("orders", "/orders/v2/orders", orders_api.orders, scope="orders:read", restaurant=True),
    Endpoint("payment", "/orders/v2/payments/{guid}", orders_api.payment, scope="orders:read", restaurant=True),
    Endpoint("payments", "/orders/v2/payments", orders_api.payments, scope="orders:read", restaurant=True),
    Endpoint("cashEntries", "/cashmgmt/v1/entries", cash_api.entries, scope="cashmgmt:read", restaurant=True),
    Endpoint("cashDeposits", "/cashmgmt/v1/deposits", cash_api.deposits, scope="cashmgmt:read", restaurant=True),
    Endpoint("timeEntry", "/labor/v1/timeEntries/{id}", labor_api.time_entry, scope="labor:read", restaurant=True),
    Endpoint("timeEntries", "/labor/v1/timeEntries", labor_api.time_entries, scope="labor:read", restaurant=True),
    Endpoint("shifts", "/labor/v1/shifts", labor_api.shifts, scope="labor:read", restaurant=True),
    Endpoint("employees", "/labor/v1/employees", labor_api.employees, scope="labor.employees:read", restaurant=True),
    Endpoint("jobs", "/labor/v1/jobs", labor_api.jobs, scope="labor:read", restaurant=True),
    Endpoint("menusMetadata", "/menus/v2/metadata", menus_api.metadata, scope="menus:read", restaurant=True),
    Endpoint("menus", "/menus/v2/menus", menus_api.menus, scope="menus:read", restaurant=True, limit=MENUS_LIMIT),
    Endpoint("configTipWithholding", "/config/v2/tipWithholding", config_api.tip_withholding, scope="config:read", restaurant=True),
    *(
        Endpoint(endpoint_name(name), f"/config/v2/{name}{path}", answer(name), scope="config:read", restaurant=True)
        for name in COLLECTIONS
        for path, answer in (("", config_api.listed), ("/{guid}", config_api.single))
    ),
)
UNKNOWN = Endpoint("unknown", "(unknown path)", unknown, token=False)
WRONG_METHOD = Endpoint("unknown", "(wrong method)", wrong_method, token=False)


def routes(simulator: Simulator) -> list[Route]:
    """The routes of every endpoint."""

    def route(endpoint: Endpoint) -> Route:
        async def handle(request: Request) -> Response:
            return await serve(simulator, endpoint, request)

        return Route(endpoint.path, handle, methods=[endpoint.method])

    return [route(endpoint) for endpoint in ENDPOINTS]


async def serve(simulator: Simulator, endpoint: Endpoint, request: Request) -> Response:
    """Answer one call, whatever happens, with the headers that every answer has."""
    request_id = str(uuid.uuid4())
    call = Call(simulator, request, endpoint.name, now=simulator.clock.api())
    if jump := call.fault("clock_jump"):
        call.now += timedelta(seconds=jump.seconds if jump.happened % 2 else -jump.seconds)
    standing: Standing | None = None
    try:
        client, refusal = _identify(call, endpoint)
        who = _who(call, client)
        standing = simulator.limits.count(who, endpoint.name, endpoint.limit)
        if fault := call.fault("rate_limit_storm"):
            error, standing = storm(fault.happened, fault.seconds, simulator.limits)
            raise error
        if standing.retry_after is not None:
            raise ToastError(429, "Too many requests", headers={"Retry-After": str(standing.retry_after)})
        response = _front_fault(call)
        if response is None:
            _admit(call, endpoint, client, refusal)
            response = await endpoint.answer(call)
    except ToastError as error:
        response = Response(error_body(error, request_id), error.status, error.headers, media_type="application/json")
    response.headers["Date"] = http_date(call.now)
    response.headers["Toast-Request-Id"] = request_id
    if standing is not None and endpoint.limit_headers:
        response.headers.update(standing.headers())
    return _journaled(call, endpoint, response)


def http_date(now: datetime) -> str:
    return format_datetime(now, usegmt=True)


def _identify(call: Call, endpoint: Endpoint) -> tuple[Client | None, ToastError | None]:
    """Whose token it is, or why it is nobody's. The refusal waits until the call is counted."""
    header = call.request.headers.get("authorization")
    if not header:
        return None, ToastError(401, "The Authorization header is missing")
    scheme, _, text = header.partition(" ")
    if scheme != "Bearer":
        return None, ToastError(401, "The Authorization header must be 'Bearer' and a token")
    tokens = call.simulator.tokens
    try:
        client = tokens.check(text, call.now)
        if endpoint.token and call.fault("expired_token"):
            tokens.forget(client)
            client = tokens.check(text, call.now)
    except ToastError as refusal:
        return None, refusal
    return client, None


def _who(call: Call, client: Client | None) -> tuple[str, str]:
    """Whom the call counts for: client and restaurant when both are there, else the source address."""
    restaurant_guid = call.request.headers.get(RESTAURANT_HEADER)
    if client is not None and restaurant_guid:
        return client.id, restaurant_guid.lower()
    return "address", call.request.client.host if call.request.client else ""


def _front_fault(call: Call) -> Response | None:
    """An answer that takes the place of the real one."""
    if fault := call.fault("timeout"):
        return DroppedResponse(fault.seconds)
    if fault := call.fault("server_error"):
        failure = server_error(fault.happened)
        if isinstance(failure, ToastError):
            raise failure
        return failure
    return None


def _admit(call: Call, endpoint: Endpoint, client: Client | None, refusal: ToastError | None) -> None:
    """Let the call in, or say why not: 401 the token, 400 the header, 403 the scope, then the restaurant."""
    if not endpoint.token:
        return
    if client is None:
        raise refusal or ToastError(401, "The access token is not known")
    guid = call.request.headers.get(RESTAURANT_HEADER, "").lower()
    if endpoint.restaurant and not _GUID.fullmatch(guid):
        raise bad_request(f"The {RESTAURANT_HEADER} header must be the GUID of a restaurant")
    if endpoint.scope and endpoint.scope not in client.scopes:
        raise ToastError(403, f"The client lacks the scope {endpoint.scope}")
    restaurant: Restaurant | None = None
    if endpoint.restaurant:
        restaurant = call.simulator.restaurant(guid)
        if restaurant is None or not client.reaches(guid):
            raise ToastError(403, f"The client has no access to Restaurant({guid})")
    call.admit(client, restaurant)


def _journaled(call: Call, endpoint: Endpoint, response: Response) -> Response:
    """Write the call down, and cut the answer if that fault happens to it."""
    dropped = isinstance(response, DroppedResponse)
    cut = not dropped and call.fault("cut_body") is not None
    ending: int | str = "dropped" if dropped else "cut" if cut else response.status_code
    call.simulator.journal[endpoint.path][str(ending)] += 1
    url, restaurant_guid = call.request.url, call.request.headers.get(RESTAURANT_HEADER)
    call.simulator.calls.add(call.simulator.limits.now(), endpoint.name, url.path, restaurant_guid, url.query, ending)
    return CutResponse(response) if cut else response
