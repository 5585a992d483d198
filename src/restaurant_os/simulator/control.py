"""`/simulator`: what the simulator says about itself, and how a test steers it. No token, no limits; not part of Toast's API."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from restaurant_os.simulator import channels_api, control_live, control_setup, control_webhooks, params
from restaurant_os.simulator.call import Simulator, json_response
from restaurant_os.simulator.errors import OptionError, ToastError, bad_request, error_body
from restaurant_os.simulator.toast import ENDPOINTS, http_date

if TYPE_CHECKING:
    from restaurant_os.simulator.world import World

#: The world is moved at most this far at once.
LONGEST_ADVANCE_SECONDS = 366 * 24 * 60 * 60

Answer = Callable[[Simulator, Request], Awaitable[object]]


async def description(simulator: Simulator, request: Request) -> object:
    world = simulator.world
    return {
        "description": "A simulated Toast API. Its restaurants, orders and people are made up.",
        "seed": simulator.seed,
        "first_day": world.first_day.isoformat(),
        "last_day": world.last_day.isoformat(),
        "history_end": world.history_end.isoformat(),
        "clock": _clock(simulator),
        "clients": sorted(simulator.tokens.clients),
        "faults": sorted(simulator.faults.shown()),
        "webhooks": len(simulator.webhooks().sending.customers),
        "restaurants": [
            {
                "guid": restaurant.guid,
                "name": restaurant.name,
                "location_name": restaurant.location_name,
                "timezone": restaurant.timezone,
                "closeout_hour": restaurant.closeout_hour,
            }
            for restaurant in world.restaurants
        ],
        "endpoints": [f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS],
    }


async def books(simulator: Simulator, request: Request) -> object:
    """What the world knows it sold, as a list; see docs/simulator.md for the definitions."""
    text = params.one(request.query_params, "businessDate")
    return simulator.world.books(simulator.clock.world(), None if text is None else params.business_date(text))


async def labor_books(simulator: Simulator, request: Request) -> object:
    """What the world knows of its labor, by day or, with `by=job`, by day and job title."""
    text, by = params.one(request.query_params, "businessDate"), params.one(request.query_params, "by")
    if by not in (None, "job"):
        raise bad_request(f"by must be job, not '{by}'")
    day = None if text is None else params.business_date(text)
    return simulator.world.labor.books(simulator.clock.world(), day, by_job=by == "job")


def _book(write: Callable[[World, datetime, date | None], object]) -> Answer:
    """One of the other books, as a list."""

    async def answer(simulator: Simulator, request: Request) -> object:
        text = params.one(request.query_params, "businessDate")
        return write(simulator.world, simulator.clock.world(), None if text is None else params.business_date(text))

    return answer


async def planted(simulator: Simulator, request: Request) -> object:
    """The incidents that were planted in the days begun so far; none in a world that was not asked for them."""
    from restaurant_os.simulator.planting import found

    return found(simulator.world, simulator.clock.world())


async def clock(simulator: Simulator, request: Request) -> object:
    return _clock(simulator)


async def advance(simulator: Simulator, request: Request) -> object:
    seconds = (await control_setup.body_of(request)).get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_ADVANCE_SECONDS:
        raise bad_request(f"advance_seconds must be a number from 0 to {LONGEST_ADVANCE_SECONDS}")
    simulator.clock.advance(seconds)
    return _clock(simulator)


async def faults(simulator: Simulator, request: Request) -> object:
    return simulator.faults.shown()


async def set_faults(simulator: Simulator, request: Request) -> object:
    try:
        simulator.faults.set(await control_setup.body_of(request))
    except OptionError as error:
        raise bad_request(str(error)) from None
    return simulator.faults.shown()


async def clear_faults(simulator: Simulator, request: Request) -> object:
    simulator.faults.clear()
    return simulator.faults.shown()


async def requests(simulator: Simulator, request: Request) -> object:
    """How often each path of Toast's API gave each status since the start; "dropped" and "cut" are faults."""
    return {path: dict(statuses) for path, statuses in sorted(simulator.journal.items())}


async def calls(simulator: Simulator, request: Request) -> object:
    """Every call to Toast's API in order, after the one that `since` names; `first` is the first that is still kept."""
    text = params.one(request.query_params, "since")
    if text is not None and not (text.isascii() and text.isdigit()):
        raise bad_request(f"since must be a whole number, not '{text}'")
    first, found = simulator.calls.since(int(text or 0))
    return {"first": first, "count": simulator.calls.count, "calls": found}


def routes(simulator: Simulator) -> list[Route]:
    table: tuple[tuple[str, str, Answer], ...] = (
        ("GET", "", description),
        ("GET", "/books", books),
        ("GET", "/books/sales", _book(lambda world, at, day: world.sales_books(at, day))),
        ("GET", "/books/close", _book(lambda world, at, day: world.close_books(at, day))),
        ("GET", "/books/cash", _book(lambda world, at, day: world.cash_books(at, day))),
        ("GET", "/books/labor", labor_books),
        ("GET", "/planted", planted),
        ("GET", "/clock", clock),
        ("POST", "/clock", advance),
        ("GET", "/faults", faults),
        ("POST", "/faults", set_faults),
        ("DELETE", "/faults", clear_faults),
        ("GET", "/requests", requests),
        ("GET", "/calls", calls),
    )
    return [
        _route(simulator, method, f"/simulator{path}", answer)
        for method, path, answer in (*table, *control_setup.TABLE, *control_webhooks.TABLE, *channels_api.TABLE, *control_live.TABLE)
    ]


def _route(simulator: Simulator, method: str, path: str, answer: Answer) -> Route:
    async def handle(request: Request) -> Response:
        try:
            response = json_response(await answer(simulator, request))
        except ToastError as error:
            response = Response(error_body(error, str(uuid.uuid4())), error.status, media_type="application/json")
        response.headers["Date"] = http_date(simulator.clock.api())
        return response

    return Route(path, handle, methods=[method])


def _clock(simulator: Simulator) -> dict[str, object]:
    return {
        "world": simulator.clock.world().isoformat(timespec="milliseconds"),
        "api": simulator.clock.api().isoformat(timespec="milliseconds"),
        "speed": simulator.clock.speed,
    }
