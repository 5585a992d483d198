"""Answers keep to Toast's published definitions: every property is one they name, and of its type.

Any property may be null, since Toast returns null for what is absent, and an enum may have a value that is not in it,
since Toast adds values without notice. The definitions are not in this repository: set RESTAURANT_OS_OPENAPI_DIR.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from restaurant_os.simulator.config_names import COLLECTIONS
from restaurant_os.simulator.envelopes import Event, Subscription, message, order_details
from restaurant_os.simulator.server import Options, build
from simulator_fakes import Api, Time

BESIDE = Path(__file__).parents[4] / "shared" / "reference" / "openapi" / "toast"
DIRECTORY = Path(os.environ.get("RESTAURANT_OS_OPENAPI_DIR", BESIDE))
LAST_DAY = date(2026, 3, 8)

pytestmark = pytest.mark.skipif(
    not (DIRECTORY / "orders.yaml").is_file(), reason=f"no OpenAPI definitions of Toast in {DIRECTORY}; set RESTAURANT_OS_OPENAPI_DIR"
)

#: Properties and types that Toast's guide or a later version of the definition names and our copy does not.
NAMED_ELSEWHERE: dict[str, dict[str, Any]] = {
    "PartnerAccessExternalRep": {"scopes": {"type": "array", "items": {"type": "string"}}},
    "AuthenticationResponse": {"@class": {"type": "string"}},
    "ErrorMessage": {"status": {"type": "integer"}},
    "ToastReference": {"externalId": {"type": "string"}},  # dev:apiOrdersOrderObjectSummary: every reference has one
}


@cache
def definitions(file: str) -> dict[str, Any]:
    content = yaml.safe_load((DIRECTORY / file).read_text(encoding="utf-8"))
    found: dict[str, Any] = content.get("definitions") or content["components"]["schemas"]
    return found


def properties(file: str, schema: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Properties and required names, with those that `allOf` and references bring in."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        own, required = properties(file, definitions(file)[name])
        return {**own, **NAMED_ELSEWHERE.get(name, {})}, required
    own, required = dict(schema.get("properties", {})), set(schema.get("required", ()))
    for part in schema.get("allOf", ()):
        inherited, needed = properties(file, part)
        own, required = {**inherited, **own}, required | needed
    return own, required


@cache
def named(file: str, name: str) -> dict[str, Any]:
    own, required = properties(file, {"$ref": f"#/{name}"})
    return {
        "type": ["object", "null"],
        "properties": {key: converted(file, _described(file, key, schema)) for key, schema in own.items()},
        "required": sorted(required),
        "additionalProperties": False,
    }


def _described(file: str, key: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The definition itself, where a property names none of what is in it but a definition has the property's name."""
    name = key[0].upper() + key[1:]
    return {"$ref": f"#/{name}"} if schema.get("properties") == {} and name in definitions(file) else schema


def converted(file: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A property's definition as JSON Schema, nullable and without its enum. References stay, for they go round."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref'].rpartition('/')[2]}"}
    if schema.get("type") == "array":
        return {"type": ["array", "null"], "items": converted(file, schema["items"])}
    if "properties" in schema or "allOf" in schema:
        own, _ = properties(file, schema)
        inner = {key: converted(file, value) for key, value in own.items()}
        return {"type": ["object", "null"], "properties": inner, "additionalProperties": False}
    if "additionalProperties" in schema:
        return {"type": ["object", "null"], "additionalProperties": converted(file, schema["additionalProperties"])}
    result: dict[str, Any] = {"type": [schema["type"], "null"]} if "type" in schema else {}
    if schema.get("format") == "date-time":
        result["pattern"] = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\+0000|Z)$"
    return result


def validator(file: str, name: str) -> Draft202012Validator:
    defs = {each: named(file, each) for each in definitions(file)}
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": defs})


def problems(file: str, name: str, value: object) -> list[str]:
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in validator(file, name).iter_errors(value)]


@pytest.fixture(scope="module")
def real() -> Api:
    """The API over the real world: four restaurants, three days."""
    time = Time(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=4, days=3, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


def guids(real: Api) -> list[str]:
    return [restaurant.guid for restaurant in real.simulator.world.restaurants]


def test_the_check_itself_sees_what_is_wrong() -> None:
    assert problems("orders.yaml", "Order", {"guid": "a", "entityType": "Order", "diningOption": None, "checks": []}) == []
    wrong = {"guid": "a", "entityType": "Order", "diningOption": None, "checks": [{"selections": [{"price": "1", "cost": 2}]}]}
    found = " ".join(problems("orders.yaml", "Order", wrong))
    assert "'1' is not of type" in found
    assert "'cost' was unexpected" in found


def test_login(real: Api) -> None:
    assert problems("authentication.yaml", "AuthenticationResponse", real.login().json()) == []


def test_errors(real: Api) -> None:
    for answer in (real.bulk(restaurant=guids(real)[0]), real.get("/nowhere"), real.login(client_secret="wrong")):
        assert answer.status_code >= 400
        assert problems("authentication.yaml", "ErrorMessage", answer.json()) == []


def test_restaurants(real: Api) -> None:
    for guid in guids(real):
        answer = real.get(f"/restaurants/v1/restaurants/{guid}", restaurant=guid, includeArchived="true")
        assert problems("restaurants.yaml", "RestaurantInfo", answer.json()) == []
    group = real.simulator.world.restaurants[0].group_guid
    for member in real.get(f"/restaurants/v1/groups/{group}/restaurants", restaurant=guids(real)[0]).json():
        assert problems("restaurants.yaml", "Restaurant", member) == []


def test_partners(real: Api) -> None:
    for access in real.get("/partners/v1/restaurants", restaurant=None).json():
        assert problems("partners.yaml", "PartnerAccessExternalRep", access) == []
    page = real.get("/partners/v1/connectedRestaurants", restaurant=None, pageSize=2).json()
    assert problems("partners.yaml", "PaginatedResponse", page) == []


def test_whole_days_of_orders(real: Api) -> None:
    """Each order twice: in a page, and by its own GUID."""
    check = validator("orders.yaml", "Order")
    seen = 0
    for guid in guids(real):
        for order in (order for page in real.pages(restaurant=guid, businessDate=LAST_DAY.strftime("%Y%m%d")) for order in page):
            found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in check.iter_errors(order)]
            assert found == [], order["guid"]
            seen += 1
        alone = real.get(f"/orders/v2/orders/{order['guid']}", restaurant=guid).json()
        assert alone == order

    assert seen > 400


def test_payments(real: Api) -> None:
    guid = guids(real)[0]
    listed = real.get("/orders/v2/payments", restaurant=guid, paidBusinessDate=LAST_DAY.strftime("%Y%m%d")).json()
    assert listed
    for payment in listed[:20]:
        answer = real.get(f"/orders/v2/payments/{payment}", restaurant=guid).json()
        assert answer["guid"] == payment
        assert problems("orders.yaml", "Payment", answer) == []


def test_cash(real: Api) -> None:
    """Every entry and deposit of every day, and the error of a refused call."""
    seen = 0
    for guid in guids(real):
        for day in ("20260306", "20260307", "20260308"):
            for path, name in (("entries", "CashEntry"), ("deposits", "Deposit")):
                rows = real.get(f"/cashmgmt/v1/{path}", restaurant=guid, businessDate=day).json()
                seen += len(rows)
                for row in rows:
                    assert problems("cash-management.yaml", name, row) == []
        refused = real.get("/cashmgmt/v1/entries", restaurant=guid).json()
        assert {"status", "message"} <= set(refused)
    assert seen > 80


def test_labor(real: Api) -> None:
    """Jobs, employees, shifts and punches of two weeks. A shift may be named by a bare GUID, as in the guide's example."""
    span = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-20T00:00:00.000Z"}
    more = {"includeMissedBreaks": "true", "includeArchived": "true"}
    seen: Counter[str] = Counter()
    for path, name, query in (
        ("jobs", "Job", {}),
        ("employees", "Employee", {}),
        ("shifts", "Shift", span),
        ("timeEntries", "TimeEntry", span | more),
    ):
        check = validator("labor.yaml", name)
        for each in (each for guid in guids(real) for each in labor(real, path, guid, query)):
            if isinstance(each.get("shiftReference"), str):
                each["shiftReference"] = {"guid": each["shiftReference"], "entityType": "Shift"}
                seen["bare"] += 1
            found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in check.iter_errors(each)]
            assert found == [], each["guid"]
            seen[name] += 1

    assert min(seen[name] for name in ("Job", "Employee", "Shift", "TimeEntry")) > 40
    assert seen["bare"]


def test_configuration(real: Api) -> None:
    """Every object of every collection, by its definition alone; a reference may have what any reference has."""
    seen = 0
    for collection, name in COLLECTIONS.items():
        check = validator("configuration.yaml", name)
        for guid in guids(real):
            query: dict[str, str] = {}
            while True:
                answer = real.get(f"/config/v2/{collection}", restaurant=guid, pause=0.25, **query)
                for each in answer.json():
                    found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in check.iter_errors(each)]
                    assert found == [], each
                    seen += 1
                if "Toast-Next-Page-Token" not in answer.headers:
                    break
                query = {"pageToken": answer.headers["Toast-Next-Page-Token"]}
    assert seen > 800
    tips = real.get("/config/v2/tipWithholding", restaurant=guids(real)[0]).json()
    assert problems("configuration.yaml", "TipWithholding", tips) == []


def test_menus(real: Api) -> None:
    for guid in guids(real):
        assert problems("menus-v2.yaml", "Metadata", real.get("/menus/v2/metadata", restaurant=guid).json()) == []
        answer = real.get("/menus/v2/menus", restaurant=guid, pause=1).json()
        assert problems("menus-v2.yaml", "Restaurant", answer) == []
        assert len(answer["modifierOptionReferences"]) > 20


def labor(real: Api, path: str, guid: str, query: dict[str, str]) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = real.get(f"/labor/v1/{path}", restaurant=guid, pause=0.25, **query).json()
    return answer


@pytest.mark.parametrize("is_padded", [False, True])
def test_orders_of_webhooks_keep_to_the_definition_without_what_is_omitted(real: Api, is_padded: bool) -> None:
    world, at = real.simulator.world, real.simulator.clock.world()
    versions = world.by_business_date(world.restaurants[0].guid, LAST_DAY, at)[:: 100 if is_padded else 3]
    assert versions

    for version in versions:
        details = partial(order_details, world.restaurants[0].guid, version.body)
        event = Event("e", "order_updated", "order_updated", "r", version.guid, at, at, at, details, is_padded=is_padded)
        subscription = Subscription("s", "http://127.0.0.1:1/", "order_updated", "whsec-test")
        order = msgspec.json.decode(message(event, subscription, 1)[1])["details"]["order"]

        assert problems("orders.yaml", "Order", order) == []
        assert not {"deliveryInfo", "curbsidePickupInfo"} & set(order)
        assert not any("customer" in check for check in order["checks"])
        assert {order["externalId"], *(check["externalId"] for check in order["checks"])} == {None}
