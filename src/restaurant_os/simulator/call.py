"""What every endpoint is given: the simulator's parts, and the call it answers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from restaurant_os.simulator.auth import Client, Tokens
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.faults import Fault, Faults
from restaurant_os.simulator.limits import Limits

if TYPE_CHECKING:
    from restaurant_os.simulator.listing import Listing
    from restaurant_os.simulator.world import Restaurant, World


@dataclass(slots=True)
class Simulator:
    """All the state there is. One event loop uses it, so nothing is locked."""

    world: World
    seed: int
    clock: Clock
    tokens: Tokens
    limits: Limits
    faults: Faults
    listing: Listing
    #: path template -> status (or what happened instead of one) -> how often
    journal: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def restaurant(self, guid: str) -> Restaurant | None:
        return next((restaurant for restaurant in self.world.restaurants if restaurant.guid == guid), None)


@dataclass(slots=True)
class Call:
    """One request to an endpoint of Toast's. `now` is the API clock's time for this answer."""

    simulator: Simulator
    request: Request
    endpoint: str
    now: datetime
    _client: Client | None = None
    _restaurant: Restaurant | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None, "the endpoint needs no token"
        return self._client

    @property
    def restaurant(self) -> Restaurant:
        """The restaurant of the header, which the client may see."""
        assert self._restaurant is not None, "the endpoint needs no restaurant header"
        return self._restaurant

    def admit(self, client: Client, restaurant: Restaurant | None) -> None:
        self._client, self._restaurant = client, restaurant

    def fault(self, name: str) -> Fault | None:
        """The fault, if it happens to this call."""
        return self.simulator.faults.at(name, self.endpoint)


def json_response(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")
