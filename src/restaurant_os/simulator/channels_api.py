"""Slack and Discord over HTTP, and `/simulator/channels`: what they received, and what goes wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from restaurant_os.simulator import params
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.channels import Reply
from restaurant_os.simulator.control_setup import body_of, known, yes_or_no
from restaurant_os.simulator.errors import OptionError, bad_request
from restaurant_os.simulator.misbehaviour import CutResponse, DroppedResponse

Answer = Callable[[Simulator, Request], Awaitable[Reply]]


async def _slack_webhook(simulator: Simulator, request: Request) -> Reply:
    raw = await request.body()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raw = _form(raw).get("payload", "").encode()
    return simulator.channels().slack_webhook("/".join(request.path_params[name] for name in ("team", "bot", "secret")), raw)


async def _slack_method(simulator: Simulator, request: Request) -> Reply:
    raw = await request.body()
    asked: dict[str, Any] | None = dict(request.query_params)
    if raw:
        asked = _form(raw) if "form" in request.headers.get("content-type", "") else _object(raw)
    return simulator.channels().slack_method(request.path_params["method"], request.headers.get("authorization", ""), asked, raw)


async def _discord(simulator: Simulator, request: Request) -> Reply:
    channels, to = simulator.channels(), _webhook(request)
    if request.method == "GET":
        return channels.discord_get(to)
    return channels.discord_post(to, await request.body(), wait=request.query_params.get("wait", "").lower() in ("true", "1"))


async def _discord_message(simulator: Simulator, request: Request) -> Reply:
    channels, to, message_id = simulator.channels(), _webhook(request), request.path_params["message"]
    if request.method == "GET":
        return channels.discord_get(to, message_id)
    return channels.discord_edit(to, message_id, await request.body())


def _webhook(request: Request) -> str:
    return f"{request.path_params['id']}/{request.path_params['token']}"


def _form(raw: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(raw.decode("utf-8", "replace")).items()}


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def routes(simulator: Simulator) -> list[Route]:
    """The endpoints of both."""

    def route(path: str, answer: Answer, *methods: str) -> Route:
        async def handle(request: Request) -> Response:
            reply = await answer(simulator, request)
            if reply.held:
                await asyncio.sleep(reply.held)
            return _response(reply)

        return Route(path, handle, methods=list(methods))

    webhooks = [f"/discord/api{version}/webhooks/{{id}}/{{token}}" for version in ("", "/v9", "/v10")]
    return [
        route("/slack/services/{team}/{bot}/{secret}", _slack_webhook, "POST"),
        route("/slack/api/{method}", _slack_method, "POST", "GET"),
        *(route(path, _discord, "POST", "GET") for path in webhooks),
        *(route(f"{path}/messages/{{message}}", _discord_message, "PATCH", "GET") for path in webhooks),
    ]


def _response(reply: Reply) -> Response:
    if reply.content is None:
        made = Response(status_code=reply.status)
    elif isinstance(reply.content, str):
        made = Response(reply.content, reply.status, media_type="text/plain")
    else:
        made = Response(msgspec.json.encode(reply.content), reply.status, media_type="application/json")
    made.headers.update(reply.headers)
    if reply.is_cut:
        return CutResponse(made) if made.body else DroppedResponse(0)
    return made


# --- steering -------------------------------------------------------------------------------------------------------------


async def received(simulator: Simulator, request: Request) -> object:
    """Every attempt in order, after the one that `since` names, and the messages as they are now."""
    text = params.one(request.query_params, "since") or "0"
    if not (text.isascii() and text.isdigit()):
        raise bad_request(f"since must be a whole number, not '{text}'")
    return simulator.channels().shown(int(text))


async def clear(simulator: Simulator, request: Request) -> object:
    simulator.channels().clear()
    return simulator.channels().shown(0)


async def faults(simulator: Simulator, request: Request) -> object:
    return simulator.channels().shown_faults()


async def set_fault(simulator: Simulator, request: Request) -> object:
    try:
        simulator.channels().set_fault(await body_of(request))
    except OptionError as error:
        raise bad_request(str(error)) from None
    return simulator.channels().shown_faults()


async def clear_faults(simulator: Simulator, request: Request) -> object:
    simulator.channels().faults.clear()
    return simulator.channels().shown_faults()


async def set_limits(simulator: Simulator, request: Request) -> object:
    """Switch the rate limits of all channels off or on."""
    wanted = yes_or_no(known(await body_of(request), "on"), "on")
    if wanted is None:
        raise bad_request("on is required")
    simulator.channels().has_limits = wanted
    return {"on": wanted}


TABLE = (
    ("GET", "/channels", received),
    ("DELETE", "/channels", clear),
    ("GET", "/channels/faults", faults),
    ("POST", "/channels/faults", set_fault),
    ("DELETE", "/channels/faults", clear_faults),
    ("POST", "/channels/limits", set_limits),
)
