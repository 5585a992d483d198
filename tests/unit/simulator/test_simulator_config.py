"""The configuration API: collections, pages, what changes by itself and by hand, and that everything else refers to what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.config_names import COLLECTIONS, endpoint_name
from restaurant_os.simulator.server import Options, build
from simulator_fakes import Api, Time

Json = dict[str, Any]
LAST_DAY = date(2026, 3, 10)  # a Tuesday
TOKEN = "Toast-Next-Page-Token"


def opened(locations: int = 4, days: int = 3) -> Api:
    time = Time(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=locations, days=days, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


@pytest.fixture
def api() -> Api:
    return opened()


@pytest.fixture(scope="module")
def still() -> Api:
    """For tests that change nothing."""
    return opened()


def guid(api: Api, index: int = 0) -> str:
    return api.simulator.world.restaurants[index].guid


def pages(api: Api, collection: str, index: int = 0, **query: str) -> Iterator[list[Json]]:
    answer = api.get(f"/config/v2/{collection}", restaurant=guid(api, index), pause=0.25, **query)
    while True:
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if TOKEN not in answer.headers:
            return
        answer = api.get(f"/config/v2/{collection}", restaurant=guid(api, index), pageToken=answer.headers[TOKEN])


def read(api: Api, collection: str, index: int = 0, **query: str) -> dict[str, Json]:
    rows = [row for page in pages(api, collection, index, **query) for row in page]
    found = {row["guid"]: row for row in rows}
    assert len(found) == len(rows), "an object came twice"
    return found


def named(rows: dict[str, Json], name: str) -> Json:
    return next(row for row in rows.values() if row["name"] == name)


def change(api: Api, collection: str, index: int = 0, **body: object) -> Json:
    answer = api.http.post(f"/simulator/config/{collection}", json={"restaurant_guid": guid(api, index), **body})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def advance_to(api: Api, when: datetime) -> None:
    api.simulator.clock.advance((when - api.simulator.clock.world()).total_seconds())
    api.login()


# --- collections and pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_collection_and_each_object_alone(still: Api, collection: str) -> None:
    for index in range(2):
        rows = read(still, collection, index)
        assert rows
        for row in list(rows.values())[:3]:
            assert row["entityType"] == COLLECTIONS[collection]
            assert still.get(f"/config/v2/{collection}/{row['guid']}", restaurant=guid(still, index)).json() == row
    assert still.get(f"/config/v2/{collection}/{guid(still)}", restaurant=guid(still)).status_code == 404


def test_pages_have_several_lengths_that_a_caller_cannot_choose(still: Api) -> None:
    lengths = [len(page) for page in pages(still, "menuItems")]
    assert len(lengths) > 2
    assert len(set(lengths[:-1])) > 1 or len(lengths) < 3
    assert all(5 <= length <= 40 for length in lengths[:-1])
    assert lengths == [len(page) for page in pages(still, "menuItems")]
    answer = still.get("/config/v2/menuItems", restaurant=guid(still), page=2, pageSize=1)
    assert len(answer.json()) == lengths[0]


def test_a_token_belongs_to_one_collection_of_one_restaurant(still: Api) -> None:
    token = still.get("/config/v2/menuItems", restaurant=guid(still)).headers[TOKEN]

    def status(collection: str = "menuItems", index: int = 0, text: str = token) -> int:
        return still.get(f"/config/v2/{collection}", restaurant=guid(still, index), pageToken=text).status_code

    assert status() == 200
    assert status("menuGroups") == status(index=1) == 400
    assert status(text=token[:-3] + "AAA") == status(text="nonsense") == status(text="é") == 400


def test_what_it_asks_of_a_caller(still: Api) -> None:
    assert still.get("/config/v2/discounts", restaurant=None).status_code == 400
    assert still.get("/config/v2/drawers", restaurant=guid(still)).status_code == 404
    assert still.get("/config/v2/discounts", restaurant=guid(still), lastModified="2026-03-01").status_code == 400
    found = still.get("/config/v2/tipWithholding", restaurant=guid(still)).json()
    assert found["enabled"] is True


def test_a_location_without_cash_has_no_drawers(still: Api) -> None:
    assert read(still, "cashDrawers", 3) == {}


# --- everything that is referred to is there --------------------------------------------------------------------------------


REFERENCES = {
    "diningOption": "diningOptions",
    "revenueCenter": "revenueCenters",
    "restaurantService": "restaurantServices",
    "serviceArea": "serviceAreas",
    "table": "tables",
    "salesCategory": "salesCategories",
    "voidReason": "voidReasons",
    "discount": "discounts",
    "serviceCharge": "serviceCharges",
    "taxRate": "taxRates",
    "otherPayment": "alternatePaymentTypes",
    "cashDrawer": "cashDrawers",
    "preModifier": "preModifiers",
    "optionGroup": "menuOptionGroups",
    "item": "menuItems",
    "itemGroup": "menuGroups",
    "breakType": "breakTypes",
    "payoutReason": "payoutReasons",
    "noSaleReason": "noSaleReasons",
}


def references(thing: object) -> Iterator[tuple[str, str]]:
    """Each (property, GUID) of a reference to configuration in a JSON answer."""
    if isinstance(thing, list):
        for each in thing:
            yield from references(each)
    elif isinstance(thing, dict):
        for name, value in thing.items():
            if name in REFERENCES and isinstance(value, dict):
                yield name, value["guid"]
            yield from references(value)


def test_orders_cash_and_labor_refer_to_configured_objects(still: Api) -> None:
    """On a day since whose beginning nothing was deleted, Monday; each kind of reference is seen."""
    seen: set[str] = set()
    for index in range(2):
        day, restaurant = "20260309", guid(still, index)
        answers = [order for page in still.pages(restaurant=restaurant, businessDate=day) for order in page]
        for path in ("/cashmgmt/v1/entries", "/labor/v1/timeEntries"):
            answers += still.get(path, restaurant=restaurant, businessDate=day).json()
        known = {name: set(read(still, name, index)) for name in set(REFERENCES.values())}
        for name, found in set(references(answers)):
            gone = name == "voidReason"  # vanished the day after
            assert found in known[REFERENCES[name]] or gone, (name, found)
            seen.add(name)
    assert seen == set(REFERENCES)


def test_names_on_orders_are_the_configured_ones(still: Api) -> None:
    items, discounts, charges, rates = (read(still, name) for name in ("menuItems", "discounts", "serviceCharges", "taxRates"))
    checked = 0
    for order in (order for page in still.pages(restaurant=guid(still), businessDate="20260309") for order in page):
        for check in order["checks"]:
            pairs = [(c["serviceCharge"], c["name"], charges) for c in check["appliedServiceCharges"]]
            pairs += [(d["discount"], d["name"], discounts) for d in check["appliedDiscounts"]]
            for line in check["selections"]:
                pairs += [(line["item"], line["displayName"], items)]
                pairs += [(modifier["item"], modifier["displayName"], items) for modifier in line["modifiers"]]
                pairs += [(d["discount"], d["name"], discounts) for d in line["appliedDiscounts"]]
                pairs += [(t["taxRate"], t["name"], rates) for t in line["appliedTaxes"]]
            for ref, name, known in pairs:
                if ref is not None:
                    assert known[ref["guid"]]["name"] == name
                    checked += 1
    assert checked > 1000


# --- what changes by itself -------------------------------------------------------------------------------------------------


def at(day: int, hour: int) -> datetime:
    """In Boston, in March 2026 after the clocks went forward."""
    return datetime(2026, 3, day, hour + 4, tzinfo=UTC)


def test_a_void_reason_vanishes_and_returns(api: Api) -> None:
    gone = read(api, "voidReasons")  # on Wednesday morning; it went on Tuesday
    advance_to(api, at(11, 15))
    there = read(api, "voidReasons")
    assert set(gone) < set(there)
    assert named(there, "Out of Stock")["guid"] not in gone
    advance_to(api, at(17, 15))
    assert read(api, "voidReasons") == gone
    advance_to(api, at(18, 15))
    assert read(api, "voidReasons") == there


def test_no_order_uses_a_void_reason_while_it_is_gone(api: Api) -> None:
    out = named(read(opened_at(api, at(13, 12)), "voidReasons"), "Out of Stock")["guid"]
    reasons = [
        (line["voidDate"], line["voidReason"]["guid"])
        for day in ("20260309", "20260310", "20260311")
        for page in api.pages(restaurant=guid(api), businessDate=day)
        for order in page
        for check in order["checks"]
        for line in check["selections"]
        if line["voidReason"]
    ]
    low, high = "2026-03-10T18:00", "2026-03-11T18:00"
    inside = [reason for when, reason in reasons if low <= when < high]
    assert len(inside) > 5
    assert out not in inside
    assert out in [reason for when, reason in reasons if not low <= when < high]


def opened_at(api: Api, when: datetime) -> Api:
    advance_to(api, when)
    return api


@pytest.mark.parametrize(
    ("collection", "names"),
    [("diningOptions", {"Bar", "Bar Top"}), ("salesCategories", {"NA Beverage", "Soft Beverage"}), ("tables", {"1", "Window 1"})],
)
def test_what_is_renamed_keeps_its_guid(api: Api, collection: str, names: set[str]) -> None:
    before = read(api, collection)
    advance_to(api, at(17, 18))
    after = read(api, collection)
    assert set(before) == set(after)
    changed = {key for key in before if before[key] != after[key]}
    assert [{before[key]["name"], after[key]["name"]} for key in changed] == [names]


@pytest.mark.parametrize(("collection", "name"), [("discounts", "Coupon $3"), ("menuItems", "Mushroom Risotto")])
def test_what_is_made_anew_has_another_guid_and_orders_follow(api: Api, collection: str, name: str) -> None:
    before = named(read(api, collection), name)
    advance_to(api, at(14, 12) + timedelta(days=7))
    rows = read(api, collection)
    after = named(rows, name)
    assert before["guid"] != after["guid"]
    assert before["guid"] not in rows

    def used(day: str) -> set[str]:
        orders = [order for page in api.pages(restaurant=guid(api), businessDate=day) for order in page]
        if collection == "menuItems":
            lines = [line for order in orders for check in order["checks"] for line in check["selections"]]
            return {line["item"]["guid"] for line in lines if line["displayName"] == name and line["item"]}
        found = [d for order in orders for check in order["checks"] for line in check["selections"] for d in line["appliedDiscounts"]]
        return {d["discount"]["guid"] for d in found if d["name"] == name and d["discount"]}

    assert used("20260309") == {before["guid"]}
    assert used("20260320") == {after["guid"]}


def test_last_modified_gives_what_was_changed_after(api: Api) -> None:
    whole = read(api, "diningOptions")
    assert read(api, "diningOptions", lastModified="2020-01-01T00:00:00.000+0000") == whole
    advance_to(api, at(20, 12))  # renamed on Monday the 16th at 10, Boston's time
    assert [row["behavior"] for row in read(api, "diningOptions", lastModified="2026-03-16T13:59:59.999+0000").values()] == ["DINE_IN"]
    assert read(api, "diningOptions", lastModified="2026-03-16T14:00:00.000+0000") == {}


# --- what changes by hand ----------------------------------------------------------------------------------------------------


def test_rename_remove_return_add(api: Api) -> None:
    first = named(read(api, "discounts"), "Happy Hour")
    assert change(api, "discounts", guid=first["guid"], change={"name": "Happier Hour"})["object"] == {**first, "name": "Happier Hour"}
    assert change(api, "discounts", guid=first["guid"], change=None)["object"] is None
    assert first["guid"] not in read(api, "discounts")
    assert api.get(f"/config/v2/discounts/{first['guid']}", restaurant=guid(api)).status_code == 404
    assert change(api, "discounts", guid=first["guid"], change={})["object"]["name"] == "Happier Hour"
    added = change(api, "discounts", change={"name": "Snow Day", "active": True})
    assert read(api, "discounts")[added["guid"]] == {"guid": added["guid"], "entityType": "Discount", "name": "Snow Day", "active": True}
    assert "Snow Day" not in {row["name"] for row in read(api, "discounts", 1).values()}
    newest = read(api, "discounts", lastModified="2026-03-10T00:00:00.000Z")
    assert {row["name"] for row in newest.values()} == {"Happier Hour", "Snow Day"}


@pytest.mark.parametrize("act", ["by hand", "menus", "by itself", "fault"])
def test_a_chain_ends_with_409_when_the_configuration_changes(api: Api, act: str) -> None:
    restaurant = guid(api)
    token = api.get("/config/v2/menuItems", restaurant=restaurant).headers[TOKEN]
    acts: dict[str, Callable[[], object]] = {
        "by hand": lambda: change(api, "tables", change={"name": "99"}),
        "menus": lambda: api.http.post("/simulator/menus", json={"restaurant_guid": restaurant}),
        "by itself": lambda: advance_to(api, at(13, 12)),
        "fault": lambda: api.http.post("/simulator/faults", json={"republish": {"every": 1, "limit": 1}}),
    }
    acts[act]()
    answer = api.get("/config/v2/menuItems", restaurant=restaurant, pageToken=token)
    assert answer.status_code == 409
    assert {"status", "message", "requestId"} <= set(answer.json())
    assert read(api, "menuItems"), "a chain from the beginning gets through"


def test_the_fault_counts_pages_after_the_first(api: Api) -> None:
    api.http.post("/simulator/faults", json={"republish": {"every": 2, "endpoint": endpoint_name("menuItems")}})
    for _ in range(3):
        assert api.get("/config/v2/menuItems", restaurant=guid(api)).status_code == 200
    statuses = []
    answer = api.get("/config/v2/menuItems", restaurant=guid(api))
    for _ in range(2):
        answer = api.get("/config/v2/menuItems", restaurant=guid(api), pageToken=answer.headers[TOKEN])
        statuses.append(answer.status_code)
    assert statuses == [200, 409]


def test_a_change_elsewhere_ends_no_chain(api: Api) -> None:
    token = api.get("/config/v2/menuItems", restaurant=guid(api)).headers[TOKEN]
    change(api, "tables", 1, change={"name": "99"})
    assert api.get("/config/v2/menuItems", restaurant=guid(api), pageToken=token).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{"change": {}, "guid": 7}, {"guid": "x"}, {"change": [], "guid": "x"}, {"change": None}, {"change": {}, "unknown": 1}],
)
def test_a_change_that_cannot_be(api: Api, body: Json) -> None:
    assert api.http.post("/simulator/config/tables", json={"restaurant_guid": guid(api), **body}).status_code == 400


def test_changes_of_nothing_that_exists(api: Api) -> None:
    assert api.http.post("/simulator/config/chairs", json={"restaurant_guid": guid(api), "change": {}}).status_code == 400
    assert api.http.post("/simulator/config/tables", json={"restaurant_guid": "nowhere", "change": {}}).status_code == 404


def test_two_simulators_of_one_seed_agree() -> None:
    one, other = opened(locations=2), opened(locations=2)
    for collection in COLLECTIONS:
        assert list(pages(one, collection, 1)) == list(pages(other, collection, 1))
