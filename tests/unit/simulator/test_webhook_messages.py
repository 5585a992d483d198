"""What an event says and how it is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from restaurant_os.simulator.envelopes import PADDED_BYTES, Event, Subscription, message, order_details, signature, timestamp

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
WORLD = datetime(2025, 12, 31, tzinfo=UTC)
GUID = "11111111-2222-4333-8444-555555555555"
RESTAURANT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
ORDER = "99999999-8888-4777-8666-555555555555"
#: The test vector of the reference.
VECTOR = (
    b'{"timestamp":"2026-01-02T03:04:05.678Z","eventCategory":"order_updated","eventType":"order_updated",'
    b'"guid":"11111111-2222-4333-8444-555555555555","details":{"restaurantGuid":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",'
    b'"order":{"guid":"99999999-8888-4777-8666-555555555555"}}}'
)
VECTOR_SIGNATURE = "JyE2x1NKZjqpNE5PiemXRDKCVuiN/OrmEi9Je5DeNH8="


def event(details: dict[str, Any], order_guid: str | None = ORDER, **more: Any) -> Event:
    """`details` are given anew for each body."""
    parts: dict[str, Any] = {"category": "order_updated", "kind": "order_updated", **more}
    text = json.dumps(details)
    return Event(
        guid=GUID,
        restaurant_guid=RESTAURANT,
        order_guid=order_guid,
        at=WORLD,
        real=NOW,
        api=WORLD,
        details=lambda: json.loads(text),
        **parts,
    )


def subscription(category: str = "order_updated", **more: Any) -> Subscription:
    return Subscription("one", "http://127.0.0.1:1/", category, "whsec-test", **more)


def order(**more: object) -> dict[str, Any]:
    line = {"guid": "l", "displayName": "Soup", "price": 8.0, "preDiscountPrice": 8.0, "tax": 0.5, "modifiers": []}
    check = {"guid": "c", "customer": {"firstName": "Ada"}, "externalId": "X:1", "amount": 8.0, "selections": [line], "payments": []}
    return {
        "guid": ORDER,
        "externalId": "CKAPI:7",
        "deliveryInfo": {"address1": "1 Elm"},
        "curbsidePickupInfo": {},
        "checks": [check],
        **more,
    }


def test_the_vector_of_the_reference_comes_out_to_the_byte() -> None:
    headers, body = message(event({"restaurantGuid": RESTAURANT, "order": {"guid": ORDER}}), subscription(), 1)

    assert body == VECTOR
    assert headers["Toast-Signature"] == VECTOR_SIGNATURE == signature(VECTOR, "2026-01-02T03:04:05.678Z", "whsec-test")


def test_the_headers_are_those_of_the_reference() -> None:
    headers, _ = message(event({"restaurantGuid": RESTAURANT, "order": {"guid": ORDER}}), subscription(), 3)

    assert headers == {
        "Toast-Signature": VECTOR_SIGNATURE,
        "Toast-Attempt-Number": "3",
        "Toast-Event-Type": "order_updated",
        "Toast-Event-Category": "order_updated",
        "Toast-Restaurant-External-ID": RESTAURANT,
        "Content-Type": "application/json",
        "Accept-Encoding": "gzip,deflate",
        "Connection": "close",
        "User-Agent": "Apache-HttpClient/4.5.14 (Java/17.0.9)",
    }


def test_an_event_of_another_category_says_so() -> None:
    details = {"restaurantGuid": RESTAURANT, "publishedDate": "2026-01-02T03:04:05.678+0000"}

    headers, body = message(event(details, None, category="menus", kind="menus_updated"), subscription("menus"), 1)

    assert json.loads(body) == {
        "timestamp": "2026-01-02T03:04:05.678Z",
        "eventCategory": "menus",
        "eventType": "menus_updated",
        "guid": GUID,
        "details": details,
    }
    assert (headers["Toast-Event-Category"], headers["Toast-Event-Type"]) == ("menus", "menus_updated")


def test_a_channel_subscription_has_the_same_orders_under_its_own_name() -> None:
    headers, body = message(event({"restaurantGuid": RESTAURANT, "order": {"guid": ORDER}}), subscription("channel_order_updated"), 1)

    assert {json.loads(body)["eventCategory"], json.loads(body)["eventType"], headers["Toast-Event-Type"]} == {"channel_order_updated"}


def test_events_are_stamped_by_real_time_or_by_the_clock_of_the_api() -> None:
    told = event({"order": {}})
    stamps = [json.loads(message(told, subscription(stamped_by_api=by_api), 1)[1])["timestamp"] for by_api in (False, True)]

    assert stamps == ["2026-01-02T03:04:05.678Z", "2025-12-31T00:00:00.000Z"]
    assert timestamp(NOW) == stamps[0]


def test_an_order_is_whole_but_for_guests_deliveries_and_external_ids() -> None:
    whole = order(appliedPackagingInfo={"guid": "p"})

    details = order_details(RESTAURANT, json.dumps(whole).encode())

    kept = {name: value for name, value in whole.items() if name not in ("deliveryInfo", "curbsidePickupInfo")}
    check = {name: value for name, value in whole["checks"][0].items() if name != "customer"}
    expected = kept | {"externalId": None, "checks": [check | {"externalId": None}]}
    assert details == {"restaurantGuid": RESTAURANT, "order": expected, "appliedPackagingInfo": {"guid": "p"}}


def test_a_padded_order_is_beyond_600_kb_and_amounts_to_the_same() -> None:
    told = event({"order": order()}, is_padded=True)

    bodies = [message(told, subscription(), attempt)[1] for attempt in (1, 2)]

    assert bodies[0] == bodies[1]
    assert PADDED_BYTES < len(bodies[0]) < PADDED_BYTES + 10_000
    [line] = json.loads(bodies[0])["details"]["order"]["checks"][0]["selections"]
    assert {modifier["price"] for modifier in line["modifiers"]} == {0.0}
    assert len({modifier["guid"] for modifier in line["modifiers"]}) == len(line["modifiers"])
    assert {**line, "modifiers": []} == order()["checks"][0]["selections"][0]


def test_an_order_without_lines_is_not_padded() -> None:
    told = event({"order": order(checks=None)}, is_padded=True)

    assert json.loads(message(told, subscription(), 1)[1])["details"]["order"] == order(checks=None)


@pytest.mark.parametrize(
    ("nth", "field", "value"),
    [(2, "checks", None), (3, "modifiedDate", "yesterday"), (4, "businessDate", "20261399"), (1, "guid", "absent")],
)
def test_a_broken_order_comes_in_a_good_envelope_well_signed(nth: int, field: str, value: object) -> None:
    headers, body = message(event({"order": order()}, breakage=nth), subscription(), 1)

    made = hmac.new(b"whsec-test", body + b"2026-01-02T03:04:05.678Z", hashlib.sha256).digest()
    assert headers["Toast-Signature"] == base64.b64encode(made).decode()
    assert json.loads(body)["guid"] == GUID
    assert json.loads(body)["details"]["order"].get(field, "absent") == value


def test_no_secret_is_in_what_a_subscription_says_of_itself() -> None:
    assert "whsec-test" not in repr(subscription())
