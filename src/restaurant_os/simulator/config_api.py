"""The configuration API. Source: spec:configuration 2.5.0, dev:apiResponseDataPagination.

A list comes in pages whose length the caller cannot choose. The header names the next page by a token, which knows what was
published when its chain began: when that has changed, the chain ends with a 409. `page` and `pageSize` are not looked at.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from restaurant_os.simulator import params
from restaurant_os.simulator.businessdays import to_ms
from restaurant_os.simulator.call import Call, json_response
from restaurant_os.simulator.errors import ToastError, bad_request
from restaurant_os.simulator.listing import place

if TYPE_CHECKING:
    from restaurant_os.simulator.configuration import Setup

NEXT_PAGE_HEADER = "Toast-Next-Page-Token"
_LENGTHS = (5, 9, 14, 23, 40)


class _Token(msgspec.Struct, array_like=True):
    """Where a chain of pages stands. `since` is its lastModified (ms); `proof` shows that we made it."""

    restaurant: str
    collection: str
    generation: str
    offset: int
    since: int | None
    proof: str = ""

    def proved(self, seed: int) -> str:
        text = f"{seed}/{self.restaurant}/{self.collection}/{self.generation}/{self.offset}/{self.since}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def written(self, seed: int) -> str:
        self.proof = self.proved(seed)
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def listed(collection: str) -> Callable[[Call], Awaitable[Response]]:
    """The endpoint that gives a collection, a page at a time."""

    async def answer(call: Call) -> Response:
        query = call.request.query_params
        token_text, since_text = params.one(query, "pageToken"), params.one(query, "lastModified")
        since = None if since_text is None else to_ms(params.timestamp(since_text, "lastModified"))
        if token_text is not None and call.fault("republish"):
            setup_of(call).republished += 1
        setup, instant = setup_of(call), instant_of(call)
        generation = setup.generation(instant)
        token = _Token(call.restaurant.guid, collection, generation, 0, since)
        if token_text is not None:
            token = _read(call, collection, token_text)
        if token.generation != generation:
            raise ToastError(409, "The configuration was published since the first page was read: begin again without pageToken")
        return _page(call, setup, token, instant)

    return answer


def single(collection: str) -> Callable[[Call], Awaitable[Response]]:
    """The endpoint that gives one object of a collection."""

    async def answer(call: Call) -> Response:
        guid = call.request.path_params["guid"].lower()
        found = setup_of(call).objects(collection, instant_of(call))
        body = next((row.body for row in found if row.body.get("guid") == guid), None)
        if body is None:
            raise ToastError(404, f"No {collection} with the GUID {guid} was found")
        return json_response(body)

    return answer


async def tip_withholding(call: Call) -> Response:
    from restaurant_os.simulator.configured import tip_withholding as made

    return json_response(made(setup_of(call).facts))


def setup_of(call: Call) -> Setup:
    return call.simulator.configuration().of(call.restaurant.guid)


def instant_of(call: Call) -> int:
    """The instant (ms) that the restaurant shows."""
    return call.simulator.world.moment(call.restaurant.guid, call.simulator.clock.world())[0]


def _page(call: Call, setup: Setup, token: _Token, instant: int) -> Response:
    rows = [row for row in setup.objects(token.collection, instant) if token.since is None or row.changed > token.since]
    rows.sort(key=lambda row: place(str(row.body.get("guid"))))
    stop = token.offset + _length(token)
    response = json_response([row.body for row in rows[token.offset : stop]])
    if stop < len(rows):
        token.offset = stop
        response.headers[NEXT_PAGE_HEADER] = token.written(call.simulator.seed)
    return response


def _length(token: _Token) -> int:
    """How many objects a page has: by where it is, so that the pages of one chain differ."""
    return _LENGTHS[hashlib.blake2b(f"{token.restaurant}/{token.collection}/{token.offset}".encode()).digest()[0] % len(_LENGTHS)]


def _read(call: Call, collection: str, text: str) -> _Token:
    """The token, if it is one that was given out for this collection of this restaurant."""
    unknown = bad_request(f"pageToken '{text}' is not one that was given out here")
    try:
        token = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Token)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise unknown from None
    if token.proof != token.proved(call.simulator.seed) or (token.restaurant, token.collection) != (call.restaurant.guid, collection):
        raise unknown
    return token
