"""The menus API: what is published and when, prices as on orders, and the shapes that a reader must cope with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.server import Options, build
from simulator_fakes import Api, Time

Json = dict[str, Any]
LAST_DAY = date(2026, 3, 10)  # a Tuesday
UNPUBLISHED = 8


def opened(locations: int = 2) -> Api:
    time = Time(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=locations, days=3, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


@pytest.fixture
def api() -> Api:
    return opened()


@pytest.fixture(scope="module")
def still() -> Api:
    return opened(9)


def guid(api: Api, index: int = 0) -> str:
    return api.simulator.world.restaurants[index].guid


def updated(api: Api, index: int = 0) -> datetime:
    found = api.get("/menus/v2/metadata", restaurant=guid(api, index)).json()
    assert found["restaurantGuid"] == guid(api, index)
    return datetime.fromisoformat(found["lastUpdated"])


def menus(api: Api, index: int = 0) -> Json:
    answer = api.get("/menus/v2/menus", restaurant=guid(api, index), pause=1)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def groups(parent: Json) -> Iterator[Json]:
    for group in parent["menuGroups"]:
        yield group
        yield from groups(group)


def places(found: Json) -> list[tuple[str, Json]]:
    """Each item with the name of the group it is in."""
    return [(group["name"], item) for menu in found["menus"] for group in groups(menu) for item in group["menuItems"]]


def where(found: Json, name: str) -> dict[str, float | None]:
    return {group: item["price"] for group, item in places(found) if item["name"] == name}


def item_guid(found: Json, name: str) -> str:
    return next(str(item["guid"]) for _, item in places(found) if item["name"] == name)


def advance_to(api: Api, when: datetime) -> None:
    api.simulator.clock.advance((when - api.simulator.clock.world()).total_seconds())
    api.login()


def steer(api: Api, **body: object) -> Json:
    answer = api.http.post("/simulator/menus", json={"restaurant_guid": guid(api), **body})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def boston(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour + 4, minute, tzinfo=UTC)


# --- shapes -----------------------------------------------------------------------------------------------------------------


def test_metadata_and_menus_agree(still: Api) -> None:
    for index in range(2):
        found = menus(still, index)
        assert datetime.fromisoformat(found["lastUpdated"]) == updated(still, index)
        assert (found["restaurantGuid"], found["restaurantTimeZone"]) == (
            guid(still, index),
            still.simulator.world.restaurants[index].timezone,
        )


def test_a_location_that_never_published_has_no_menus(still: Api) -> None:
    for path in ("metadata", "menus"):
        answer = still.get(f"/menus/v2/{path}", restaurant=guid(still, UNPUBLISHED), pause=1)
        assert answer.status_code == 404
        assert "No published data" in answer.json()["message"]


def test_one_call_a_second(still: Api) -> None:
    statuses = [still.get("/menus/v2/menus", restaurant=guid(still, 5), pause=pause).status_code for pause in (2, 0, 1, 0)]
    assert statuses == [200, 429, 200, 429]
    assert still.get("/menus/v2/metadata", restaurant=guid(still, 5), pause=0).status_code == 200


def test_groups_lie_in_groups(still: Api) -> None:
    nested = {group["name"]: [inner["name"] for inner in group["menuGroups"]] for menu in menus(still)["menus"] for group in groups(menu)}
    assert nested["Handhelds"] == ["Burgers", "Sandwiches"]
    assert nested["Mains"] == ["Kids"]
    assert nested["Bar"] == ["Draft Beer", "Wine", "Cocktails"]


def test_one_item_in_two_groups_at_two_prices(still: Api) -> None:
    prices = where(menus(still), "Lager")
    assert set(prices) == {"Draft Beer", "Happy Hour Drinks"}
    assert len(set(prices.values())) == 2
    guids = {item["guid"] for _, item in places(menus(still)) if item["name"] == "Lager"}
    assert len(guids) == 1


def test_a_price_that_a_rule_says_is_null(still: Api) -> None:
    ruled = {item["pricingStrategy"]: item for _, item in places(menus(still)) if item["price"] is None}
    assert set(ruled) == {"OPEN_PRICE", "SIZE_PRICE", "TIME_SPECIFIC_PRICE"}
    assert ruled["OPEN_PRICE"]["pricingRules"] is None
    assert ruled["TIME_SPECIFIC_PRICE"]["salesCategory"] is None
    assert ruled["TIME_SPECIFIC_PRICE"]["pricingRules"]["timeSpecificPricingRules"][0]["basePrice"] == 19.5
    size = ruled["SIZE_PRICE"]["pricingRules"]["sizeSpecificPricingGuid"]
    assert size in {group["guid"] for group in menus(still)["modifierGroupReferences"].values()}


def test_references_go_round_and_every_number_leads_somewhere(still: Api) -> None:
    found = menus(still)
    modifier_groups, options = found["modifierGroupReferences"], found["modifierOptionReferences"]
    assert all(int(key) == row["referenceId"] for rows in (modifier_groups, options) for key, row in rows.items())
    used = {number for _, item in places(found) for number in item["modifierGroupReferences"]}
    used |= {number for option in options.values() for number in option["modifierGroupReferences"]}
    assert {str(number) for number in used} == set(modifier_groups)
    listed = [number for group in modifier_groups.values() for number in group["modifierOptionReferences"]]
    assert {str(number) for number in listed} == set(options)

    def goes_round(number: int, path: tuple[int, ...] = ()) -> bool:
        if number in path:
            return True
        below = [n for o in modifier_groups[str(number)]["modifierOptionReferences"] for n in options[str(o)]["modifierGroupReferences"]]
        return any(goes_round(each, (*path, number)) for each in below)

    assert any(goes_round(number) for number in used)
    assert not all(goes_round(number) for number in used)
    numbers = defaultdict(set)
    for group in modifier_groups.values():
        numbers[group["guid"]].add(group["referenceId"])
    assert max(map(len, numbers.values())) > 1, "one GUID has several numbers"


# --- the same world as orders -----------------------------------------------------------------------------------------------


def test_prices_and_groups_are_those_on_orders() -> None:
    """Of every line of a Thursday, by the menus as they were published when it was made: before and after nine, noon and three."""
    times = [boston(12, 8), boston(12, 11), boston(12, 14), boston(12, 19)]
    api, carts = opened(1), []
    for when in times:
        advance_to(api, when)
        carts.append((when, {(item["guid"], group): item["price"] for group, item in places(menus(api))}, group_names(api)))
    advance_to(api, boston(13, 10))
    seen: Counter[bool] = Counter()
    for order in (order for page in api.pages(restaurant=guid(api), businessDate="20260312") for order in page):
        for line in (line for check in order["checks"] for line in check["selections"]):
            made = datetime.fromisoformat(line["createdDate"])
            for when, prices, names in carts:
                if abs(made - when) < timedelta(minutes=50) and line["item"] and line["itemGroup"]:
                    assert prices[line["item"]["guid"], names[line["itemGroup"]["guid"]]] == line["receiptLinePrice"]
                    seen[line["displayName"] == "Hummus"] += 1
    assert seen[False] > 100


def group_names(api: Api) -> dict[str, str]:
    return {group["guid"]: group["name"] for menu in menus(api)["menus"] for group in groups(menu)}


def test_a_price_changes_at_noon_and_is_published_five_minutes_later(api: Api) -> None:
    advance_to(api, boston(13, 12, 4))
    before, since = menus(api), updated(api)
    advance_to(api, boston(13, 12, 5))
    after = menus(api)
    assert since < updated(api) == boston(13, 12, 5)
    assert len(changed(before, after)) == 1
    advance_to(api, boston(14, 4, 5))
    assert updated(api) == boston(14, 4, 5)
    assert changed(before, menus(api)) == set()


def changed(before: Json, after: Json) -> set[str]:
    old, new = ({(group, item["guid"]): (item["price"], item["name"]) for group, item in places(found)} for found in (before, after))
    return {(new.get(key) or old[key])[1] for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def test_an_item_appears_another_moves_and_they_go_again(api: Api) -> None:
    seen = []
    for week in range(3):
        advance_to(api, boston(13, 11) + timedelta(days=7 * week))
        found = menus(api)
        seen.append((bool(where(found, "Harvest Soup")), tuple(where(found, "Hummus"))))
    assert seen[0] != seen[1]
    assert seen[0] == seen[2]
    assert {there for there, _ in seen} == {True, False}
    assert {group for _, group in seen} == {("Starters",), ("Salads",)}


# --- by hand ----------------------------------------------------------------------------------------------------------------


def test_a_price_an_archived_item_and_a_moved_one(api: Api) -> None:
    found = menus(api)
    cobb, stout, mug = (item_guid(found, name) for name in ("Cobb", "Stout", "Mug"))
    wine = next(group["guid"] for menu in found["menus"] for group in groups(menu) if group["name"] == "Wine")
    since = updated(api)
    steer(api, item=cobb, price=16.5)
    steer(api, item=stout, move_to=wine)
    steer(api, item=mug, archived=True)
    now = menus(api)
    assert where(now, "Cobb") == {"Salads": 16.5}
    assert set(where(now, "Stout")) == {"Wine"}
    assert where(now, "Mug") == {}
    assert changed(found, now) == {"Cobb", "Stout", "Mug"}
    assert updated(api) > since
    assert api.get(f"/config/v2/menuItems/{mug}", restaurant=guid(api)).status_code == 404
    steer(api, item=mug, archived=False)
    assert where(menus(api), "Mug") == where(found, "Mug")
    steer(api, item=cobb, also_in=wine, price=20)
    assert where(menus(api), "Cobb") == {"Salads": 16.5, "Wine": 20.0}
    steer(api, item=cobb, group=wine, archived=True)
    assert where(menus(api), "Cobb") == {"Salads": 16.5}


def test_publishing_anew_late_and_not_at_all(api: Api) -> None:
    first = menus(api)
    assert datetime.fromisoformat(steer(api)["lastUpdated"]) > datetime.fromisoformat(first["lastUpdated"])
    again = menus(api)
    assert again == {**first, "lastUpdated": again["lastUpdated"]}

    steer(api, item=item_guid(first, "Cobb"), name="Cobb Deluxe", after_seconds=600)
    assert menus(api) == again
    advance_to(api, api.simulator.clock.world() + timedelta(minutes=10))
    assert where(menus(api), "Cobb Deluxe")
    assert updated(api) > datetime.fromisoformat(again["lastUpdated"])

    assert steer(api, published=False)["lastUpdated"] is None
    assert api.get("/menus/v2/menus", restaurant=guid(api), pause=1).status_code == 404
    steer(api, published=True)
    assert where(menus(api), "Cobb Deluxe")


def test_a_renamed_item_and_category_show_in_the_menus(api: Api) -> None:
    cobb = item_guid(menus(api), "Cobb")
    beer = next(item["salesCategory"]["guid"] for _, item in places(menus(api)) if item["name"] == "Lager")
    since = updated(api)
    for collection, changed_guid, name in (("menuItems", cobb, "Cobb Royal"), ("salesCategories", beer, "Ale")):
        body = {"restaurant_guid": guid(api), "guid": changed_guid, "change": {"name": name}}
        assert api.http.post(f"/simulator/config/{collection}", json=body).status_code == 200
    assert updated(api) > since
    found = menus(api)
    assert where(found, "Cobb Royal")
    assert {item["salesCategory"]["name"] for _, item in places(found) if item["name"] == "Lager"} == {"Ale"}

    body = {"restaurant_guid": guid(api), "change": {"name": "99"}}
    since = updated(api)
    api.http.post("/simulator/config/tables", json=body)
    assert updated(api) == since, "menus show no tables"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"price": "2"}, 400),
        ({"item": 1}, 400),
        ({"archived": 1}, 400),
        ({"move_to": "nowhere", "item": "x"}, 404),
        ({"color": 1}, 400),
        ({"after_seconds": -1}, 400),
        ({"restaurant_guid": "nowhere"}, 404),
    ],
)
def test_what_cannot_be(still: Api, body: Json, status: int) -> None:
    assert still.http.post("/simulator/menus", json={"restaurant_guid": guid(still), **body}).status_code == status
