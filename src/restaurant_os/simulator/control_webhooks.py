"""`/simulator/webhooks`: who is sent events, what became of them, and switching all of it off and on."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from starlette.requests import Request

from restaurant_os.simulator import params
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.control_setup import body_of, known, number, text
from restaurant_os.simulator.envelopes import CATEGORIES
from restaurant_os.simulator.errors import OptionError, ToastError, bad_request
from restaurant_os.simulator.sending import Customer

MOST_SUBSCRIPTIONS = 100
LONGEST_OFF_SECONDS = 366 * 24 * 60 * 60
#: Of deliveries, unless `last` says how many.
SHOWN = 100
COUNTS = ("events", "duplicates", "lost", "attempts", "resends", "delivered", "failed", "withheld")


async def webhooks(simulator: Simulator, request: Request) -> object:
    """The state of all of it."""
    return _state(simulator)


async def subscriptions(simulator: Simulator, request: Request) -> object:
    return [_shown(simulator, customer) for customer in simulator.webhooks().sending.customers.values()]


async def subscribe(simulator: Simulator, request: Request) -> object:
    """Add a subscription, to what happens from now on."""
    asked = known(await body_of(request), "url", "category", "secret", "timestamps")
    url, category, secret = text(asked, "url"), text(asked, "category"), text(asked, "secret")
    if url is None or secret is None:
        raise bad_request("url and secret are required")
    if category not in CATEGORIES:
        raise bad_request(f"category must be one of {', '.join(CATEGORIES)}, not '{category}'")
    clock = text(asked, "timestamps") or "real"
    if clock not in ("real", "api"):
        raise bad_request(f"timestamps must be real or api, not '{clock}'")
    if len(simulator.webhooks().sending.customers) >= MOST_SUBSCRIPTIONS:
        raise bad_request(f"there are {MOST_SUBSCRIPTIONS} subscriptions, which is the most there can be; delete one first")
    try:
        made = simulator.webhooks().subscribe(url, category, secret, stamped_by_api=clock == "api")
    except OptionError as error:
        raise bad_request(str(error)) from None
    return _shown(simulator, simulator.webhooks().sending.customers[made.id])


async def unsubscribe(simulator: Simulator, request: Request) -> object:
    simulator.webhooks().sending.remove(_customer(simulator, request).subscription.id)
    return _state(simulator)


async def restart(simulator: Simulator, request: Request) -> object:
    """Have a subscription that was stopped, or is paused, sent to again."""
    customer = _customer(simulator, request)
    customer.health.restart()
    return _shown(simulator, customer)


async def switch_off(simulator: Simulator, request: Request) -> object:
    """Send nothing, for so many simulated seconds or until told to."""
    asked = known(await body_of(request), "seconds") if await request.body() else {}
    simulator.webhooks().switch_off(number(asked, "seconds", LONGEST_OFF_SECONDS))
    return _state(simulator)


async def switch_on(simulator: Simulator, request: Request) -> object:
    simulator.webhooks().switch_on()
    return _state(simulator)


async def deliveries(simulator: Simulator, request: Request) -> object:
    """The last attempts, oldest first, with their answers; `count` is how many there were."""
    asked = params.one(request.query_params, "last") or str(SHOWN)
    if not (asked.isascii() and asked.isdigit()):
        raise bad_request(f"last must be a whole number, not '{asked}'")
    sending = simulator.webhooks().sending
    last = list(islice(reversed(sending.log), int(asked)))
    return {"count": sending.logged, "notices": list(sending.notices), "deliveries": last[::-1]}


def _state(simulator: Simulator) -> dict[str, object]:
    sending = simulator.webhooks().sending
    totals = sending.totals()
    return {
        "sending": not sending.is_off,
        "read_to": simulator.webhooks().read_to.isoformat(timespec="milliseconds"),
        "pending": sending.waiting,
        "counts": _counts(totals),
        "subscriptions": [_shown(simulator, customer) for customer in sending.customers.values()],
    }


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in COUNTS}


def _shown(simulator: Simulator, customer: Customer) -> dict[str, object]:
    """A subscription as anyone may see it: without its secret."""
    subscription = customer.subscription
    return {
        "id": subscription.id,
        "url": subscription.url,
        "category": subscription.category,
        "timestamps": "api" if subscription.stamped_by_api else "real",
        "status": customer.health.status(simulator.webhooks().sending.now),
        "pending": customer.waiting,
        "counts": _counts(customer.counts),
        "answers": dict(sorted(customer.answers.items())),
    }


def _customer(simulator: Simulator, request: Request) -> Customer:
    name = request.path_params["id"]
    customer = simulator.webhooks().sending.customers.get(name)
    if customer is None:
        raise ToastError(404, f"No subscription {name}")
    return customer


TABLE = (
    ("GET", "/webhooks", webhooks),
    ("GET", "/webhooks/subscriptions", subscriptions),
    ("POST", "/webhooks/subscriptions", subscribe),
    ("DELETE", "/webhooks/subscriptions/{id}", unsubscribe),
    ("POST", "/webhooks/subscriptions/{id}/restart", restart),
    ("GET", "/webhooks/deliveries", deliveries),
    ("POST", "/webhooks/off", switch_off),
    ("POST", "/webhooks/on", switch_on),
)
