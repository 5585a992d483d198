"""The orders API. Source: spec:orders 2.9.0, dev:apiOrdersGetDetailedInfoAboutMultipleOrders, dev:apiResponseDataPagination."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from restaurant_os.simulator import params
from restaurant_os.simulator.call import Call, json_response
from restaurant_os.simulator.errors import ToastError, bad_request
from restaurant_os.simulator.misbehaviour import broken
from restaurant_os.simulator.params import EARLIEST, Modified

LARGEST_PAGE = 100
#: A business day begins at or after midnight, and no zone is further ahead of UTC than this.
FURTHEST_AHEAD = timedelta(hours=14)
MILLISECOND = timedelta(milliseconds=1)

_PAYMENT_DATES: dict[str, Callable[[dict[str, Any]], object]] = {
    "paidBusinessDate": lambda payment: payment.get("paidBusinessDate"),
    "refundBusinessDate": lambda payment: (payment.get("refund") or {}).get("refundBusinessDate"),
    "voidBusinessDate": lambda payment: (payment.get("voidInfo") or {}).get("voidBusinessDate"),
}


async def orders_bulk(call: Call) -> Response:
    """Whole orders, page by page, by offset over what the world holds at the instant of each call."""
    query = call.request.query_params
    window = params.window(query)
    page = params.whole_number(query, "page", 1, highest=10**9 - 1)
    size = params.whole_number(query, "pageSize", LARGEST_PAGE, highest=LARGEST_PAGE)
    simulator = call.simulator
    if page > 1 and (moving := call.fault("moving_pages")):
        simulator.clock.advance(moving.seconds)
    clock = simulator.clock
    at = clock.world()
    found = simulator.listing.find(call.restaurant.guid, window, at, keep=clock.stands_still)
    overlap = simulator.listing.overlap((call.client.id, call.restaurant.guid, window, size), page)
    if page > 1 and call.fault("duplicate_page"):
        overlap.orders += max(1, size // 4)
    offset = max(0, (page - 1) * size - overlap.orders)
    bodies = simulator.listing.bodies(call.restaurant.guid, found, at, offset, offset + size)
    if bodies and (fault := call.fault("broken_order")):
        spot = fault.happened * 7 % len(bodies)
        bodies[spot] = broken(bodies[spot], fault.happened)
    link = _link(call.request, page, size, more=offset + size < len(found.guids))
    return Response(b"[" + b",".join(bodies) + b"]", headers={"Link": link}, media_type="application/json")


def _link(request: Request, page: int, size: int, *, more: bool) -> str:
    """first, self, prev and next, as far as there are; never last."""
    others = [(name, value) for name, value in request.query_params.multi_items() if name not in ("page", "pageSize")]
    base = str(request.url.replace(query="", fragment=""))
    pages = {"first": 1, "self": page, "prev": page - 1, "next": page + 1}
    if page == 1:
        del pages["prev"]
    if not more:
        del pages["next"]
    return ", ".join(
        f'<{base}?{urlencode([*others, ("page", number), ("pageSize", size)])}>; rel="{relation}"' for relation, number in pages.items()
    )


async def order(call: Call) -> Response:
    """One order as it is now."""
    guid = call.request.path_params["guid"].lower()
    version = call.simulator.world.order(call.restaurant.guid, guid, call.simulator.clock.world())
    if version is None:
        raise ToastError(404, f"Order({guid}) was not found")
    return Response(version.body, media_type="application/json")


async def orders(call: Call) -> Response:
    """The deprecated list: GUIDs of orders, at most one hour of modified times, or a business date. It has no pages."""
    window = params.window(call.request.query_params, longest=timedelta(hours=1))
    clock = call.simulator.clock
    found = call.simulator.listing.find(call.restaurant.guid, window, clock.world(), keep=clock.stands_still)
    return json_response(found.guids)


async def payments(call: Call) -> Response:
    """GUIDs of the payments paid, refunded or voided on one business date."""
    query = call.request.query_params
    asked = [(name, text) for name in _PAYMENT_DATES if (text := params.one(query, name)) is not None]
    if len(asked) != 1:
        raise bad_request(f"EXACTLY ONE of {', '.join(_PAYMENT_DATES)} is required")
    name, text = asked[0]
    day = params.business_date(text, name)
    wanted = int(day.strftime("%Y%m%d"))
    # A payment that is made, refunded or voided changes its order, so the order's last change is not before that day.
    found = _payments(call, since=_before(day))
    return json_response([payment["guid"] for payment in found if _PAYMENT_DATES[name](payment) == wanted])


async def payment(call: Call) -> Response:
    """One payment, found by reading every order of the restaurant."""
    guid = call.request.path_params["guid"].lower()
    for candidate in _payments(call, since=EARLIEST):
        if candidate["guid"] == guid:
            return json_response(candidate)
    raise ToastError(404, f"Payment({guid}) was not found")


def _before(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) - FURTHEST_AHEAD


def _payments(call: Call, *, since: datetime) -> Iterator[dict[str, Any]]:
    at = call.simulator.clock.world()
    window = Modified(since, max(at, since) + MILLISECOND)
    for version in call.simulator.listing.versions(call.restaurant.guid, window, at):
        for check in msgspec.json.decode(version.body).get("checks") or []:
            yield from check.get("payments") or []
