"""What stands before every route: how much at once, how large, how slow, who. A route gets a whole body, from somebody who may."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from restaurant_os.errors import RestaurantOSError
from restaurant_os.live.meters import Meters, Route
from restaurant_os.operations import Scope
from restaurant_os.service import answers
from restaurant_os.service.access import Keyring, says_json
from restaurant_os.service.answers import AnswerError

Asgi = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Asgi]]
Send = Callable[[Asgi], Awaitable[None]]
App = Callable[[Asgi, Receive, Send], Awaitable[None]]

log = logging.getLogger("restaurant_os.service")

MOST_TOAST, MOST_SUMMARY, MOST_OTHER = 4 * 1024 * 1024, 64 * 1024, 16 * 1024
#: Seconds for a body to come; of one that is refused so much is still read, so that its sender hears why.
BODY_SECONDS = 10.0
DRAIN_SECONDS, DRAIN_BYTES = 5.0, 32 * 1024 * 1024
#: Requests at once, and bytes of bodies that are being read.
MOST_REQUESTS, MOST_HELD = 512, 128 * 1024 * 1024
#: Under it in a request's scope: the whole body; and inbox sequences, for the log.
BODY, EVENTS = "restaurant_os.body", "restaurant_os.events"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks of a request. `scope`: of the key; None where it is open. `meter`: whose events it takes."""

    route: str
    method: str = "GET"
    scope: Scope | None = None
    most_bytes: int = MOST_OTHER
    meter: Route | None = None


RULES = {
    rule.route: rule
    for rule in (
        Rule("/webhook/sales", "POST", "write", MOST_SUMMARY, "sales"),
        Rule("/webhook/labor", "POST", "write", MOST_SUMMARY, "labor"),
        Rule("/webhooks/toast", "POST", None, MOST_TOAST, "toast"),
        Rule("/v1/metrics", scope="read"),
        Rule("/v1/locations", scope="read"),
        Rule("/v1/status", scope="read"),
        Rule("/v1/incidents", scope="read"),
        Rule("/v1/incidents/{incident}/ack", "POST", "write"),
        Rule("/metrics", scope="read"),
        Rule("/healthz"),
        Rule("/readyz"),
        Rule("/docs"),
        Rule("/openapi.json"),
    )
}
ELSEWHERE = Rule("none of ours")
#: The one route with something of the request in its address.
OF_INCIDENT = re.compile(r"/v1/incidents/[^/]+/ack")


def rule_of(path: str) -> Rule:
    if OF_INCIDENT.fullmatch(path):
        return RULES["/v1/incidents/{incident}/ack"]
    return RULES.get(path, ELSEWHERE)


@dataclass(slots=True)
class Asked:
    """One request on its way through."""

    scope: Asgi
    rule: Rule
    receive: Receive
    status: int | None = None
    #: Its body came to the end; a route has it.
    is_over: bool = False
    is_read: bool = False
    read_bytes: int = 0


@dataclass
class Gate:
    """An ASGI middleware. `too_large`: called where an event was refused for its size. `access_line`: writes a line of the access log."""

    app: App
    keyring: Keyring
    meters: Meters
    access_line: Callable[[dict[str, object]], None]
    too_large: Callable[[Asgi], Awaitable[None]]
    _running: int = 0
    _held: int = 0
    _background: set[asyncio.Future[None]] = field(default_factory=set)

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        asked = Asked(scope, rule_of(scope["path"]), receive)

        async def told(message: Asgi) -> None:
            if message["type"] == "http.response.start":
                asked.status = message["status"]
            await send(message)

        self._running += 1
        try:
            await self._through(asked, told)
        except asyncio.CancelledError:
            await self._refuse(asked, told, answers.stopping())  # the server waited long enough
        except RestaurantOSError as problem:
            await self._refuse(asked, told, answers.answer_of(problem))
        except Exception as problem:
            log.exception("a request failed", exc_info=problem, extra={"route": asked.rule.route})
            await self._refuse(asked, told, answers.fault())
        finally:
            self._running -= 1
            self._held -= asked.read_bytes
            self.access_line(_line(asked, (time.perf_counter() - began) * 1000))

    async def _through(self, asked: Asked, send: Send) -> None:
        scope, rule = asked.scope, asked.rule
        if self._running > MOST_REQUESTS:
            raise answers.busy()
        self._check_size(asked)
        if rule is ELSEWHERE:
            raise answers.no_route()
        if scope["method"] != rule.method:
            raise answers.wrong_method(rule.method)
        if rule.method == "POST" and not says_json(scope["headers"]):
            raise answers.not_json()
        if rule.scope:
            self.keyring.let_in(scope, rule.scope)
        body = await self._body(asked)
        if body is None:
            return  # whoever asked is gone
        scope[BODY] = body
        await self.app(scope, _whole(body, asked.receive), send)

    # --- size and time --------------------------------------------------------------------------------------------

    def _check_size(self, asked: Asked) -> None:
        for name, value in asked.scope["headers"]:
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise answers.compressed()
            if name == b"content-length" and value.isdigit() and int(value[:20]) > asked.rule.most_bytes:
                raise self._too_large(asked)

    def _too_large(self, asked: Asked) -> AnswerError:
        is_polled = asked.rule.meter == "toast"
        if is_polled:
            wish = asyncio.ensure_future(self.too_large(asked.scope))
            self._background.add(wish)
            wish.add_done_callback(self._background.discard)
        return answers.too_large(asked.rule.most_bytes, is_polled=is_polled)

    async def _body(self, asked: Asked) -> bytes | None:
        """The whole of it; None when its sender is gone.

        Raises:
            AnswerError: it is too large or too slow, or too much is being read at once.
        """
        message = None
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while message is None or message.get("more_body", False):
                    message = await asked.receive()
                    if message["type"] != "http.request":
                        return None
                    asked.is_over = not message.get("more_body", False)
                    piece: bytes = message.get("body", b"")
                    pieces.append(piece)
                    asked.read_bytes += len(piece)
                    self._held += len(piece)
                    if asked.read_bytes > asked.rule.most_bytes:
                        pieces.clear()
                        raise self._too_large(asked)
                    if self._held > MOST_HELD:
                        pieces.clear()
                        raise answers.busy()
        except TimeoutError:
            raise answers.slow() from None
        asked.is_read = True
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # --- refusals -------------------------------------------------------------------------------------------------

    async def _refuse(self, asked: Asked, send: Send, answer: AnswerError) -> None:
        if asked.rule.meter and answer.status in REASONS and not asked.is_read:
            self.meters.refused(asked.rule.meter, REASONS[answer.status])
        if asked.status is not None:
            return  # an answer had begun: the server breaks it off
        headers = answer.all_headers
        if not asked.is_over and not answer.closes and not await self._drained(asked):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if asked.scope["method"] == "HEAD" else answer.body})

    async def _drained(self, asked: Asked) -> bool:
        """Read on and throw away, so that a sender that first writes all comes to read the answer; False where it is still writing."""
        headers = asked.scope["headers"]
        if any(name == b"expect" for name, _ in headers):
            return False
        if not any(name in (b"content-length", b"transfer-encoding") for name, _ in headers):
            return True
        seen = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while seen <= DRAIN_BYTES:
                    message = await asked.receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return bool(message["type"] == "http.request")
                    seen += len(message.get("body", b""))
        except TimeoutError:
            pass
        return False


#: Why an event was refused before its route saw it, by status.
REASONS: dict[int, Any] = {401: "no_key", 403: "no_key", 408: "unreadable", 413: "too_large", 415: "wrong_type", 503: "no_room"}


def _whole(body: bytes, receive: Receive) -> Receive:
    """What a route reads: the body at once, then whatever the connection tells."""
    first: list[Asgi] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Asgi:
        return first.pop() if first else await receive()

    return read


def _line(asked: Asked, ms: float) -> dict[str, object]:
    line: dict[str, object] = {
        "route": asked.rule.route,
        "method": asked.scope["method"],
        "status": asked.status,
        "ms": round(ms, 2),
    }
    if events := asked.scope.get(EVENTS):
        line["event"] = events
    return line
