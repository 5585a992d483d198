"""Faults: what goes wrong, how often and where. This file decides; the endpoints and `misbehaviour.py` carry out."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from restaurant_os.simulator.config_names import COLLECTIONS, endpoint_name
from restaurant_os.simulator.errors import OptionError

#: The names a fault's `endpoint` may have. `toast.ENDPOINTS` is made of the same.
ENDPOINT_NAMES = (
    "login",
    "restaurant",
    "groupRestaurants",
    "partnerRestaurants",
    "connectedRestaurants",
    "ordersBulk",
    "order",
    "orders",
    "payment",
    "payments",
    "cashEntries",
    "cashDeposits",
    "timeEntry",
    "timeEntries",
    "shifts",
    "employees",
    "jobs",
    "menusMetadata",
    "menus",
    "configTipWithholding",
    *map(endpoint_name, COLLECTIONS),
    "unknown",
)
BULK = frozenset({"ordersBulk"})
CASH = frozenset({"cashEntries", "cashDeposits"})
PUNCHES = frozenset({"timeEntries"})
CONFIG = frozenset(map(endpoint_name, COLLECTIONS))
#: Webhooks are faulty by their event category, where answers are by their endpoint.
ORDER_EVENTS = frozenset({"order_updated", "channel_order_updated"})
EVENTS = ORDER_EVENTS | {"menus", "stock"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: what it does, what `seconds` is when not given (None: it has none), and where it can happen."""

    does: str
    seconds: float | None = None
    endpoints: frozenset[str] = frozenset(ENDPOINT_NAMES)


KINDS: Mapping[str, Kind] = {
    "rate_limit_storm": Kind("429 though no limit is reached; every third one has no Retry-After", seconds=1),
    "server_error": Kind("in turn 500, 503, and 503 with an HTML body"),
    "timeout": Kind("holds the answer for `seconds`, then drops the connection", seconds=5),
    "cut_body": Kind("announces the whole Content-Length, sends half and closes the connection"),
    "expired_token": Kind("forgets the client's token: 401 until it logs in again", endpoints=frozenset(ENDPOINT_NAMES) - {"login"}),
    "duplicate_page": Kind("a page after the first starts with the last orders of the page before it", endpoints=BULK),
    "moving_pages": Kind("world time moves forward by `seconds` before a page after the first", seconds=600, endpoints=BULK),
    "clock_jump": Kind("the API clock is `seconds` ahead or behind for one answer", seconds=300),
    "broken_order": Kind("one order of a page has a broken field", endpoints=BULK),
    "empty_day": Kind("a day that has cash entries or deposits is answered with an empty list", endpoints=CASH),
    "broken_cash": Kind("one cash entry or deposit of a day has a broken field", endpoints=CASH),
    "republish": Kind("the configuration is published anew before a page after the first, which is a 409", endpoints=CONFIG),
    "broken_entry": Kind("one time entry of a list has a broken field", endpoints=PUNCHES),
    "duplicate_event": Kind("a webhook event is sent again `seconds` after it, under its guid", seconds=1, endpoints=EVENTS),
    "late_event": Kind("a webhook event is held back for `seconds`, so that later ones overtake it", seconds=120, endpoints=EVENTS),
    "lost_event": Kind("a webhook event is never sent", endpoints=EVENTS),
    "webhooks_off": Kind("from this event on no webhook is sent for `seconds`", seconds=7200, endpoints=EVENTS),
    "padded_order": Kind("the order of an event has so many free modifiers that its body is beyond 600 KB", endpoints=ORDER_EVENTS),
    "broken_event": Kind("the order of an event has a broken field", endpoints=ORDER_EVENTS),
}


class Fault:
    """One fault that is switched on. It happens by `rate` (a probability), on each `every`-th chance, or by either."""

    def __init__(self, name: str, settings: Mapping[str, object], seed: int) -> None:
        kind = KINDS.get(name)
        if kind is None:
            raise OptionError(f"unknown fault {name!r}; known are {', '.join(KINDS)}")
        allowed = {"rate", "every", "endpoint", "limit"} | ({"seconds"} if kind.seconds is not None else set())
        if unknown := sorted(set(settings) - allowed):
            raise OptionError(f"fault {name}: unknown setting {unknown[0]!r}; it takes {', '.join(sorted(allowed))}")
        if not {"rate", "every"} & set(settings):
            raise OptionError(f"fault {name}: give rate (0 to 1), every (a whole number), or both")
        self.name = name
        self.kind = kind
        self.rate = _number(name, "rate", settings.get("rate", 0.0), lowest=0, highest=1)
        self.every = _whole(name, "every", settings.get("every"))
        self.limit = _whole(name, "limit", settings.get("limit"))
        self.seconds = _number(name, "seconds", settings.get("seconds", kind.seconds or 0.0), lowest=0, highest=10**9)
        endpoint = settings.get("endpoint")
        if endpoint is not None and not (isinstance(endpoint, str) and endpoint in kind.endpoints):
            raise OptionError(f"fault {name}: endpoint must be one of {', '.join(sorted(kind.endpoints))}, not {endpoint!r}")
        self.endpoint = endpoint
        self.chances = 0
        self.happened = 0
        self._dice = random.Random(f"{seed}/{name}")  # repeatable on purpose

    def happens(self, endpoint: str) -> bool:
        """Count one chance and say whether the fault happens at it. Each chance throws the dice, so the limit moves nothing."""
        if endpoint not in self.kind.endpoints or self.endpoint not in (None, endpoint):
            return False
        self.chances += 1
        thrown = self._dice.random() < self.rate
        due = self.every is not None and self.chances % self.every == 0
        if not (thrown or due) or (self.limit is not None and self.happened >= self.limit):
            return False
        self.happened += 1
        return True

    def shown(self) -> dict[str, object]:
        settings = {"rate": self.rate, "every": self.every, "endpoint": self.endpoint, "limit": self.limit}
        if self.kind.seconds is not None:
            settings["seconds"] = self.seconds
        return {**settings, "does": self.kind.does, "chances": self.chances, "happened": self.happened}


class Faults:
    """The faults that are on, by name. None at first."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}

    def set(self, settings: Mapping[str, object]) -> None:
        """Switch faults on: `{name: {"rate": 0.1, ...}, ..., "seed": 0}`. A fault of the same name starts anew, others stay.

        Raises:
            OptionError: nothing is changed then.
        """
        seed = settings.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise OptionError(f"faults: seed must be a whole number, not {seed!r}")
        made = {}
        for name, value in settings.items():
            if name == "seed":
                continue
            if not isinstance(value, Mapping):
                raise OptionError(f"fault {name}: expected a table of settings such as {{rate = 0.1}}, not {value!r}")
            made[name] = Fault(name, value, seed)
        self._faults.update(made)

    def clear(self) -> None:
        self._faults.clear()

    def at(self, name: str, endpoint: str) -> Fault | None:
        """The fault, if it is on and happens at this chance."""
        fault = self._faults.get(name)
        return fault if fault is not None and fault.happens(endpoint) else None

    def shown(self) -> dict[str, object]:
        return {name: fault.shown() for name, fault in self._faults.items()}


def read_faults(path: Path) -> Faults:
    """Read a TOML file with one table per fault.

    Raises:
        OptionError: the file cannot be read or says something that cannot be.
    """
    faults = Faults()
    try:
        faults.set(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, OptionError) as error:
        raise OptionError(f"faults file {path}: {error}") from error
    return faults


def _number(fault: str, name: str, value: object, *, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise OptionError(f"fault {fault}: {name} must be a number from {lowest} to {highest}, not {value!r}")
    return float(value)


def _whole(fault: str, name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OptionError(f"fault {fault}: {name} must be a whole number of at least 1, not {value!r}")
    return value
