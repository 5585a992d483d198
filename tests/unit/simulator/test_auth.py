"""Logging in, tokens, and who may see what."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.simulator.auth import DEMO_CLIENT, Client, Tokens, read_clients
from restaurant_os.simulator.errors import OptionError
from simulator_fakes import GONE, GROUP, NORTH, OTHER, OTHER_GROUP, SOUTH, Api, Time, World, simulated

LOGIN = "/authentication/v1/authentication/login"
CREDENTIALS = {"clientId": "demo-client", "clientSecret": "demo-secret", "userAccessType": "TOAST_MACHINE_CLIENT"}


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))  # type: ignore[no-any-return]


def test_login_gives_a_token_of_one_day(api: Api, time: Time) -> None:
    """The shape and the claims are those of the reference."""
    answer = api.login()

    body = answer.json()
    token = body["token"].pop("accessToken")
    assert body == {
        "@class": ".SuccessfulResponse",
        "token": {"tokenType": "Bearer", "scope": None, "expiresIn": 86400, "idToken": None, "refreshToken": None},
        "status": "SUCCESS",
    }
    told = claims(token)
    assert told["exp"] - told["iat"] == 86400
    assert told["iat"] == int(time.now)
    assert told["sub"] == "demo-client@clients"
    assert told["azp"] == "demo-client"
    assert told["gty"] == "client-credentials"
    assert "orders:read" in told["scope"].split(" ")
    assert {"iss", "aud", "https://toasttab.com/client_name", "https://toasttab.com/access_type"} <= set(told)


def test_login_has_no_rate_limit_headers(api: Api) -> None:
    assert not [name for name in api.login().headers if "ratelimit" in name]


def test_a_token_is_the_same_until_its_last_minute(api: Api, time: Time) -> None:
    first = api.login().json()["token"]
    time.now += 86400 - 61
    second = api.login().json()["token"]
    time.now += 1
    third = api.login().json()["token"]

    assert second["accessToken"] == first["accessToken"]
    assert second["expiresIn"] == 61
    assert third["accessToken"] != first["accessToken"]
    assert third["expiresIn"] == 86400


def test_the_old_token_lives_on_beside_the_new_one_until_it_expires(simulator: Any, time: Time) -> None:
    tokens, clock = simulator.tokens, simulator.clock
    old = tokens.login("demo-client", "demo-secret", clock.api())
    time.now += 86400 - 30
    tokens.login("demo-client", "demo-secret", clock.api())

    assert tokens.check(old.text, clock.api()) is DEMO_CLIENT


def test_an_expired_token_is_a_401(api: Api, time: Time) -> None:
    assert api.bulk(businessDate="20260301").status_code == 200
    time.now += 86400
    answer = api.bulk(businessDate="20260301")

    assert answer.status_code == 401
    assert answer.json()["message"] == "The access token has expired"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer a.b.c", "bearer {token}", "{token}", "Bearer {token}x", "Bearer {forged}"]
)
def test_only_our_own_signature_behind_the_word_bearer_is_let_in(api: Api, header: str | None) -> None:
    token = api.login().json()["token"]["accessToken"]
    head, _, signature = token.split(".")
    forged_claims = base64.urlsafe_b64encode(json.dumps({**claims(token), "exp": 9999999999}).encode()).rstrip(b"=").decode()
    headers = {"Toast-Restaurant-External-ID": NORTH}
    if header is not None:
        headers["Authorization"] = header.format(token=token, forged=f"{head}.{forged_claims}.{signature}")
    answer = api.http.get("/orders/v2/ordersBulk?businessDate=20260301", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["status"] == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"clientSecret": "wrong"}, 401),
        ({"clientId": "nobody"}, 401),
        ({"clientSecret": " demo-secret"}, 401),
        ({"clientSecret": "ü\udc80"}, 400),
        ({"userAccessType": "PERSON"}, 400),
        ({"userAccessType": None}, 400),
        ({"clientId": None}, 400),
        ({"clientSecret": 5}, 400),
    ],
)
def test_bad_credentials_get_an_error_object(api: Api, change: dict[str, object], status: int) -> None:
    answer = api.http.post(LOGIN, content=json.dumps({**CREDENTIALS, **change}), headers={"Content-Type": "application/json"})

    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_login_takes_json_only(api: Api) -> None:
    assert api.http.post(LOGIN, data=CREDENTIALS).status_code == 415
    assert api.http.post(LOGIN, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert api.http.post(LOGIN, content=b"[]", headers={"Content-Type": "application/json"}).status_code == 400
    assert api.http.get(LOGIN).status_code == 405


@pytest.mark.parametrize(
    ("restaurant", "status"),
    [(None, 400), ("", 400), ("north", 400), (GROUP, 403), (NORTH.replace("1", "9"), 403), (NORTH.upper(), 200), (NORTH, 200)],
)
def test_the_restaurant_header_must_name_a_connected_restaurant(api: Api, restaurant: str | None, status: int) -> None:
    assert api.bulk(businessDate="20260301", restaurant=restaurant).status_code == status


def narrow(world: World, time: Time, **changes: Any) -> Api:
    client = Client(**{"id": "demo-client", "secret": "demo-secret", "name": "Narrow", **changes})
    return Api(simulated(world, time, tokens=Tokens([client])), time)


def test_a_client_sees_only_its_locations(world: World, time: Time) -> None:
    api = narrow(world, time, locations=frozenset({SOUTH}))

    assert api.bulk(businessDate="20260301", restaurant=SOUTH).status_code == 200
    assert api.bulk(businessDate="20260301", restaurant=NORTH).status_code == 403
    assert [item["restaurantGuid"] for item in api.get("/partners/v1/restaurants").json()] == [SOUTH]


def test_a_missing_scope_is_a_403_that_names_it(world: World, time: Time) -> None:
    api = narrow(world, time, scopes=frozenset({"restaurants:read"}))
    answer = api.bulk(businessDate="20260301")

    assert answer.status_code == 403
    assert "orders:read" in answer.json()["message"]
    assert api.get(f"/restaurants/v1/restaurants/{NORTH}").status_code == 200
    assert api.get("/partners/v1/restaurants", restaurant=None).status_code == 200


def test_a_clients_file_replaces_the_demo_client(tmp_path: Path) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(
        '[[clients]]\nid = "a"\nsecret = "s"\nname = "A"\nscopes = ["orders:read"]\nlocations = [0, "' + SOUTH + '"]\n'
        '[[clients]]\nid = "b"\nsecret = "t"\nlocations = ["ALL"]\n'
    )
    first, second = read_clients(path, [NORTH, OTHER, SOUTH])

    assert first == Client("a", "s", "A", frozenset({"orders:read"}), frozenset({NORTH, SOUTH}))
    assert second == Client("b", "t", "b")
    assert "'s'" not in repr(first)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected [[clients]]"),
        ("x =", "Invalid value"),
        ('[[clients]]\nid = "a"', "secret must be"),
        ('[[clients]]\nid = "a"\nsecret = "s"\nscope = []', "unknown key 'scope'"),
        ('[[clients]]\nid = "a"\nsecret = "s"\nscopes = ["orders"]', "scopes must be"),
        ('[[clients]]\nid = "a"\nsecret = "s"\nlocations = [3]', "no location 3"),
        ('[[clients]]\nid = "a"\nsecret = "s"\nlocations = [true]', "no location True"),
        ('[[clients]]\nid = "a"\nsecret = "s"\n' * 2, "same id"),
    ],
)
def test_a_wrong_clients_file_gets_one_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "clients.toml"
    path.write_text(text)
    with pytest.raises(OptionError) as caught:
        read_clients(path, [NORTH, SOUTH, OTHER])

    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_restaurant_is_shown_to_who_names_it_in_the_header(api: Api) -> None:
    general = api.get(f"/restaurants/v1/restaurants/{NORTH}").json()["general"]

    assert (general["timeZone"], general["closeoutHour"], general["firstBusinessDate"]) == ("America/New_York", 4, 20240105)
    assert api.get(f"/restaurants/v1/restaurants/{SOUTH}").status_code == 403
    assert api.get(f"/restaurants/v1/restaurants/{GROUP}").status_code == 404


def test_an_archived_restaurant_is_a_404_unless_asked_for(api: Api) -> None:
    path = f"/restaurants/v1/restaurants/{GONE}"

    assert api.get(path, restaurant=GONE).status_code == 404
    assert api.get(path, restaurant=GONE, includeArchived="true").json()["general"]["archived"] is True


def test_a_group_lists_its_restaurants_to_a_member(api: Api) -> None:
    assert api.get(f"/restaurants/v1/groups/{GROUP}/restaurants").json() == [{"guid": NORTH}, {"guid": SOUTH}]
    assert api.get(f"/restaurants/v1/groups/{OTHER_GROUP}/restaurants").status_code == 403
    assert api.get(f"/restaurants/v1/groups/{NORTH}/restaurants").status_code == 404


def test_connected_restaurants_come_in_pages(api: Api) -> None:
    path = "/partners/v1/connectedRestaurants"
    first = api.get(path, restaurant=None, pageSize=3)
    body = first.json()
    second = api.get(path, restaurant=None, pageToken=body["nextPageToken"]).json()

    assert [item["restaurantGuid"] for item in body["results"] + second["results"]] == [NORTH, SOUTH, OTHER, GONE]
    assert (body["currentPageNum"], body["nextPageNum"], body["lastPageNum"], body["totalResultCount"]) == (1, 2, 2, 4)
    assert (second["nextPageToken"], second["nextPageNum"], second["previousPageNum"], second["pageSize"]) == (None, None, 1, 3)
    assert 'rel="next"' in first.headers["link"]
    assert api.get(path, restaurant=None, pageSize=201).status_code == 400
    assert api.get(path, restaurant=None, pageToken="x").status_code == 400


def test_partners_are_filtered_by_when_they_connected(api: Api) -> None:
    path = "/partners/v1/restaurants"

    assert len(api.get(path, restaurant=None, lastModified="2024-01-01T00:00:00.000-0000").json()) == 4
    assert api.get(path, restaurant=None, lastModified="2024-02-01T00:00:00.000-0000").json() == []
    assert api.get(path, restaurant=None, lastModified="2024-02-01").status_code == 400
