"""What a fault looks like on the wire: answers that are dropped, cut, refused or broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from restaurant_os.simulator.errors import ToastError
from restaurant_os.simulator.limits import Limits, Standing

#: Where `server.Protocol` puts the connection, in the ASGI scope's state.
TRANSPORT = "transport"

Breakage = Callable[[dict[str, Any]], object]


class DroppedResponse(Response):
    """Holds the request for some seconds, then drops the connection without a byte."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            await _close(scope, receive)


class CutResponse(Response):
    """Announces the whole body of another response, sends half and closes the connection."""

    def __init__(self, whole: Response) -> None:
        super().__init__(status_code=whole.status_code)
        self.body = whole.body
        self.raw_headers = whole.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body[: len(self.body) // 2]), "more_body": True})
        await _close(scope, receive)


async def _close(scope: Scope, receive: Receive) -> None:
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:  # served without a socket, as in a test
        raise ConnectionResetError("the simulator dropped the connection")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


def server_error(nth: int) -> Response | ToastError:
    """The nth server error: in turn 500, 503, and 503 with the HTML page of some gateway."""
    match nth % 3:
        case 1:
            return ToastError(500, "Internal server error")
        case 2:
            return ToastError(503, "Service unavailable")
        case _:
            page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503</h1></body></html>"
            return HTMLResponse(page, status_code=503)


def storm(nth: int, seconds: float, limits: Limits) -> tuple[ToastError, Standing]:
    """The nth 429 of a storm, and the standing that its headers show. Every third one has no Retry-After."""
    wait = max(1, round(seconds))
    headers = {} if nth % 3 == 0 else {"Retry-After": str(wait)}
    return ToastError(429, "Too many requests", headers=headers), Standing(by="GLOBAL", remaining=0, reset=limits.reset_after(wait))


def broken(body: bytes, nth: int) -> bytes:
    """The order with one field broken, a different one by turns."""
    order = msgspec.json.decode(body)
    _BREAKAGES[nth % len(_BREAKAGES)](order)
    return msgspec.json.encode(order)


def _amount_is_text(order: dict[str, Any]) -> None:
    for check in order.get("checks") or []:
        check["amount"] = "twelve dollars"


def _selection_is_a_number(order: dict[str, Any]) -> None:
    for check in order.get("checks") or []:
        check["selections"] = [42]


_BREAKAGES: tuple[Breakage, ...] = (
    _amount_is_text,
    lambda order: order.pop("guid", None),
    lambda order: order.update(checks=None),
    lambda order: order.update(modifiedDate="yesterday"),
    lambda order: order.update(businessDate="20261399"),
    _selection_is_a_number,
)


def broken_cash(row: dict[str, Any], nth: int) -> None:
    """Break one field of a cash entry or deposit, a different one by turns."""
    _CASH_BREAKAGES[nth % len(_CASH_BREAKAGES)](row)


_CASH_BREAKAGES: tuple[Breakage, ...] = (
    lambda row: row.update(amount="ten dollars"),
    lambda row: row.pop("guid", None),
    lambda row: row.update(undoes={"guid": row["guid"]}),
    lambda row: row.update(date="2026-03-01"),
    lambda row: row.update(amount=None),
)


def broken_entry(entry: dict[str, Any], nth: int) -> None:
    """Break one field of a time entry, a different one by turns."""
    _ENTRY_BREAKAGES[nth % len(_ENTRY_BREAKAGES)](entry)


_ENTRY_BREAKAGES: tuple[Breakage, ...] = (
    lambda entry: entry.update(inDate="this morning"),
    lambda entry: entry.pop("guid", None),
    lambda entry: entry.update(hourlyWage="eighteen fifty"),
    lambda entry: entry.update(breaks=[42]),
    lambda entry: entry.update(regularHours="8h"),
    lambda entry: entry.update(inDate=None),
)
