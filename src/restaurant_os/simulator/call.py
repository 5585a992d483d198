"""What every endpoint is given: the simulator's parts, and the call it answers."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from restaurant_os.simulator.auth import Client, Tokens
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.faults import Fault, Faults
from restaurant_os.simulator.limits import Limits

if TYPE_CHECKING:
    from restaurant_os.simulator.channels import Channels
    from restaurant_os.simulator.configuration import Configuration
    from restaurant_os.simulator.listing import Listing
    from restaurant_os.simulator.stage import Stage
    from restaurant_os.simulator.webhooks import Webhooks
    from restaurant_os.simulator.world import Restaurant, World


class CallLog:
    """Every call to Toast's API in order, the last `KEPT` of them."""

    KEPT = 200_000

    def __init__(self) -> None:
        self._calls: deque[tuple[float, str, str, str | None, str, int | str]] = deque(maxlen=self.KEPT)
        self.count = 0

    def add(self, at: float, endpoint: str, path: str, restaurant_guid: str | None, query: str, status: int | str) -> None:
        """`at`: real epoch seconds. `status`: of the answer, or "dropped" or "cut"."""
        self.count += 1
        self._calls.append((at, endpoint, path, restaurant_guid, query, status))

    def since(self, number: int) -> tuple[int, list[dict[str, object]]]:
        """The calls after the one with that number, numbered from 1; first the number of the first one that is still kept."""
        first = self.count - len(self._calls) + 1
        begin = max(number + 1, first)
        rows = zip(range(begin, self.count + 1), islice(self._calls, begin - first, None), strict=True)
        names = ("at", "endpoint", "path", "restaurant_guid", "query", "status")
        return first, [{"n": n, **dict(zip(names, row, strict=True))} for n, row in rows]


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
    calls: CallLog = field(default_factory=CallLog)
    #: (restaurant, "employees" or "jobs") -> GUID -> the properties that were changed by hand
    people_steered: dict[tuple[str, str], dict[str, dict[str, object]]] = field(default_factory=dict)
    _configuration: Configuration | None = None
    _webhooks: Webhooks | None = None
    _channels: Channels | None = None
    #: The live day that waits to be begun, where there is one.
    stage: Stage | None = None

    def channels(self) -> Channels:
        """Slack and Discord, and what they received."""
        if self._channels is None:
            from restaurant_os.simulator.channels import Channels

            self._channels = Channels(self.limits.now, lambda: self.clock.world().isoformat(timespec="milliseconds"))
        return self._channels

    def webhooks(self) -> Webhooks:
        """What is sent of its own accord, and to whom."""
        if self._webhooks is None:
            from restaurant_os.simulator.webhooks import Webhooks  # needs this class

            self._webhooks = Webhooks(self)
        return self._webhooks

    def configuration(self) -> Configuration:
        """How the restaurants are configured, built when it is first asked for."""
        if self._configuration is None:
            from restaurant_os.simulator.configuration import Configuration  # brings the whole world with it

            self._configuration = Configuration(self.world)
        return self._configuration

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
