"""Toast order events as a service gets them, and what they amount to, kept beside them as they are made.

Nothing here is ours but the envelope's facts (reference, section 7): neither the decoder nor the signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

SECRET = "whsec-of-the-tests"
CENT = Decimal("0.01")
#: Bytes of an event, and how many of a hundred thousand have at most so many: 0.3 KB to 600 KB.
SIZES = ((600, 0.30), (4_000, 0.60), (20_000, 0.97), (100_000, 0.997), (600_000, 1.0))


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event ready to be sent. `order_guid` and `version`: what it tells; `is_malformed`: its order cannot be read."""

    guid: str
    restaurant_guid: str
    order_guid: str
    version: int
    body: bytes
    timestamp: str
    is_malformed: bool = False

    def headers(self, secret: str = SECRET) -> dict[str, str]:
        made = hmac.new(secret.encode(), self.body + self.timestamp.encode(), hashlib.sha256).digest()
        return {
            "Content-Type": "application/json",
            "Toast-Signature": base64.b64encode(made).decode(),
            "Toast-Attempt-Number": "1",
            "Toast-Event-Type": "order_updated",
            "Toast-Event-Category": "order_updated",
            "Toast-Restaurant-External-ID": self.restaurant_guid,
        }


@dataclass
class Tills:
    """Makes events of orders that live, at many locations, and keeps the books of them."""

    seed: int
    locations: Sequence[str]
    day: date
    now: datetime
    sizes: Sequence[tuple[int, float]] = SIZES
    _random: random.Random = field(init=False)
    _newest: dict[str, tuple[str, dict[str, Decimal]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def events(
        self,
        count: int,
        *,
        duplicates: float = 0.05,
        reordered: float = 0.05,
        malformed: float = 0.01,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[LiveEvent]:
        """So many events, or until it is over; of them shares that were sent before, that come later than their order's next version, that cannot
        be read."""
        chance = self._random
        late: list[tuple[int, LiveEvent]] = []
        sent: list[LiveEvent] = []
        made = 0
        while made < count and not is_over():
            for event in self._of_one_order(malformed):
                if chance.random() < reordered:
                    late.append((made + chance.randint(2, 40), event))
                    continue
                ready = [own for due, own in late if due <= made]
                late = [(due, own) for due, own in late if due > made]
                for own in (event, *ready):
                    sent = [*sent[-200:], own]
                    made += 1
                    yield own
                    if chance.random() < duplicates:
                        made += 1
                        yield chance.choice(sent)
        yield from (own for _, own in late)

    def books(self) -> dict[str, dict[str, Decimal]]:
        """Per location what its orders amount to, in the newest version of each: orders, gross_sales, net_sales, tax, tips."""
        found: dict[str, dict[str, Decimal]] = {}
        for restaurant, figures in self._newest.values():
            own = found.setdefault(restaurant, dict.fromkeys(figures, Decimal(0)))
            for name, value in figures.items():
                own[name] += value
        return found

    def _of_one_order(self, malformed: float) -> list[LiveEvent]:
        chance = self._random
        restaurant, order_guid = chance.choice(list(self.locations)), self._guid()
        opened = self.now - timedelta(minutes=chance.randint(60, 300))
        lines = [
            {"guid": self._guid(), "name": f"Dish {chance.randint(1, 40)}", "price": Decimal(chance.randint(100, 4000)) * CENT}
            for _ in range(chance.randint(1, 5))
        ]
        found = []
        tip, voided = Decimal(0), False
        for version in range(chance.choice((1, 2, 2, 3))):
            if version:  # a tip comes, a line goes, or all is voided
                tip = Decimal(chance.randint(0, 900)) * CENT
                lines = lines[: max(1, len(lines) - chance.randint(0, 1))]
                voided = chance.random() < 0.03
            is_malformed = version == 0 and chance.random() < malformed
            order = self._order(order_guid, opened, version, lines, tip, voided=voided)
            if is_malformed:
                order["checks"] = "none"
            found.append(self._event(restaurant, order_guid, version, order, is_malformed))
            if not is_malformed:
                self._newest[order_guid] = (restaurant, _figures(lines, tip, voided=voided))
            else:
                break
        return found

    def _order(
        self, guid: str, opened: datetime, version: int, lines: Sequence[dict[str, Any]], tip: Decimal, *, voided: bool
    ) -> dict[str, Any]:
        amount = sum((line["price"] for line in lines), Decimal(0))
        tax = _tax(amount)
        check = {
            "guid": f"{guid[:-4]}c{guid[-3:]}",
            "openedDate": _api_time(opened),
            "amount": float(amount),
            "taxAmount": float(tax),
            "totalAmount": float(amount + tax),
            "voided": voided,
            "deleted": False,
            "selections": [
                {
                    "guid": line["guid"],
                    "displayName": line["name"],
                    "quantity": 1.0,
                    "selectionType": "NONE",
                    "voided": voided,
                    "preDiscountPrice": float(line["price"]),
                    "price": float(line["price"]),
                    "tax": 0.0,
                }
                for line in lines
            ],
            "payments": [
                {
                    "guid": f"{guid[:-4]}d{guid[-3:]}",
                    "type": "CREDIT",
                    "amount": float(amount + tax),
                    "tipAmount": float(tip),
                    "paidDate": _api_time(opened),
                    "paidBusinessDate": int(f"{self.day:%Y%m%d}"),
                    "paymentStatus": "VOIDED" if voided else "CAPTURED",
                }
            ],
            "customer": {"firstName": "Private", "lastName": "Guest", "phone": "5550100"},
        }
        return {
            "guid": guid,
            "modifiedDate": _api_time(opened + timedelta(minutes=1 + version)),
            "createdDate": _api_time(opened),
            "openedDate": _api_time(opened),
            "businessDate": int(f"{self.day:%Y%m%d}"),
            "source": "In Store",
            "voided": voided,
            "deleted": False,
            "numberOfGuests": 2,
            "checks": [check],
        }

    def _event(self, restaurant: str, order_guid: str, version: int, order: dict[str, Any], is_malformed: bool) -> LiveEvent:
        guid, timestamp = self._guid(), _iso(self.now + timedelta(milliseconds=version))
        envelope = {
            "timestamp": timestamp,
            "eventCategory": "order_updated",
            "eventType": "order_updated",
            "guid": guid,
            "details": {"restaurantGuid": restaurant, "order": order, "appliedPackagingInfo": None},
        }
        body = json.dumps(envelope, separators=(",", ":")).encode()
        if (more := self._size() - len(body)) > 0:
            envelope["details"]["appliedPackagingInfo"] = {"appliedPackagingItems": ["x" * more]}  # type: ignore[index]
            body = json.dumps(envelope, separators=(",", ":")).encode()
        return LiveEvent(guid, restaurant, order_guid, version, body, timestamp, is_malformed)

    def _size(self) -> int:
        place = self._random.random()
        return next(size for size, share in self.sizes if place <= share)

    def _guid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _figures(lines: Sequence[dict[str, Any]], tip: Decimal, *, voided: bool) -> dict[str, Decimal]:
    if voided:
        return dict.fromkeys(("orders", "gross_sales", "net_sales", "tax", "tips"), Decimal(0))
    amount = sum((line["price"] for line in lines), Decimal(0))
    return {"orders": Decimal(1), "gross_sales": amount, "net_sales": amount, "tax": _tax(amount), "tips": tip}


def _tax(amount: Decimal) -> Decimal:
    return (amount * Decimal("0.08")).quantize(CENT)


def _api_time(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}+0000"


def _iso(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"
