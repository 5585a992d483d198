"""A webhook event as Toast writes and signs it. Source: dev:apiMessageDataSchema, apiHttpHeaders, apiMessageSigning, devOrdersWebhookRef."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.misbehaviour import broken

Json = dict[str, Any]

#: The categories that can be subscribed to. Both order categories have the same orders.
ORDER_CATEGORIES = ("order_updated", "channel_order_updated")
CATEGORIES = (*ORDER_CATEGORIES, "menus", "stock")
USER_AGENT = "Apache-HttpClient/4.5.14 (Java/17.0.9)"
#: Toast says that an order's body can exceed 600 KB.
PADDED_BYTES = 600_000


@dataclass(slots=True)
class Event:
    """Something that happened. Its body is written anew for each attempt, and always the same."""

    guid: str
    category: str
    kind: str  #: its eventType
    restaurant_guid: str
    order_guid: str | None
    at: datetime  #: when it happened in the world
    real: datetime  #: when it was made, in real time
    api: datetime  #: the same by the API's clock
    details: Callable[[], Json]
    dates: frozenset[int] = frozenset()  #: of an order: the business dates (ordinals) it ever carries
    is_padded: bool = False
    breakage: int | None = None  #: of an order: which of its fields is broken


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who is sent what. `secret` signs, and is shown nowhere. `is_wanted`: a choice among the category's events."""

    id: str
    url: str
    category: str
    secret: str = field(repr=False)
    #: By which clock events are stamped: a receiver refuses what is old or ahead by its own.
    stamped_by_api: bool = False
    is_wanted: Callable[[Event], bool] = field(default=lambda event: True, repr=False)


def timestamp(instant: datetime) -> str:
    """As envelopes have it: `2026-01-02T03:04:05.678Z`."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def signature(body: bytes, stamp: str, secret: str) -> str:
    """Base64 of the HMAC-SHA256 of the raw body followed by the timestamp, keyed by the secret."""
    return base64.b64encode(hmac.new(secret.encode(), body + stamp.encode(), hashlib.sha256).digest()).decode("ascii")


def message(event: Event, subscription: Subscription, attempt: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of one attempt, numbered from 1. The length and the host are the sender's business."""
    stamp = timestamp(event.api if subscription.stamped_by_api else event.real)
    category = subscription.category
    kind = category if category in ORDER_CATEGORIES else event.kind
    details = _marred(event) if event.order_guid is not None else event.details()
    envelope = {"timestamp": stamp, "eventCategory": category, "eventType": kind, "guid": event.guid, "details": details}
    body = msgspec.json.encode(envelope)
    return {
        "Toast-Signature": signature(body, stamp, subscription.secret),
        "Toast-Attempt-Number": str(attempt),
        "Toast-Event-Type": kind,
        "Toast-Event-Category": category,
        "Toast-Restaurant-External-ID": event.restaurant_guid,
        "Content-Type": "application/json",
        "Accept-Encoding": "gzip,deflate",
        "Connection": "close",
        "User-Agent": USER_AGENT,
    }, body


def order_details(restaurant_guid: str, body: bytes) -> Json:
    """The details of an order's event: the whole order but guests and deliveries, and no external id."""
    order = msgspec.json.decode(body)
    for name in ("deliveryInfo", "curbsidePickupInfo"):
        order.pop(name, None)
    for check in order.get("checks") or []:
        check.pop("customer", None)
        check["externalId"] = None
    order["externalId"] = None
    return {"restaurantGuid": restaurant_guid, "order": order, "appliedPackagingInfo": order.get("appliedPackagingInfo")}


def _marred(event: Event) -> Json:
    """The details, padded and broken as the faults have it."""
    details = event.details()
    if event.is_padded:
        _pad(details["order"], Dice(event.guid))
    if event.breakage is not None:
        details["order"] = msgspec.json.decode(broken(msgspec.json.encode(details["order"]), event.breakage))
    return details


def _pad(order: Json, dice: Dice) -> None:
    """Add free modifiers to the order's first line until the order alone exceeds `PADDED_BYTES`; one without lines stays as it is."""
    line = next((line for check in order.get("checks") or [] for line in check.get("selections") or []), None)
    if line is None:
        return
    missing = PADDED_BYTES - len(msgspec.json.encode(order))
    free: Json = {**line, "modifiers": [], "appliedDiscounts": [], "appliedTaxes": [], "refundDetails": None}
    free |= {"preDiscountPrice": 0.0, "price": 0.0, "tax": 0.0, "receiptLinePrice": 0.0, "taxInclusion": "INHERITED"}
    free |= {"itemGroup": None, "selectionType": "NONE", "deferred": False, "displayName": "As discussed", "guid": dice.guid()}
    for _ in range(missing // len(msgspec.json.encode(free)) + 1):
        line["modifiers"].append({**free, "guid": dice.guid()})
