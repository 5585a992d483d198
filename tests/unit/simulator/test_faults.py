"""Faults by name: what each does to an answer, and how they are switched on and off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.faults import ENDPOINT_NAMES, KINDS, Faults, read_faults
from restaurant_os.simulator.toast import ENDPOINTS, UNKNOWN
from simulator_fakes import HISTORY_END, ORDERS, Api, Time, World, simulated

EVERYTHING = Path(__file__).parents[2] / "faults" / "everything.toml"


def faulty(api: Api, **faults: object) -> Api:
    api.login()
    answer = api.http.post("/simulator/faults", json=faults)
    assert answer.status_code == 200, answer.text
    return api


def test_a_storm_refuses_with_and_without_retry_after(api: Api) -> None:
    faulty(api, rate_limit_storm={"every": 1, "limit": 3})
    answers = [api.bulk(businessDate="20260301") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [429, 429, 429, 200]
    assert [answer.headers.get("retry-after") for answer in answers] == ["1", "1", None, None]
    assert answers[0].headers["x-toast-ratelimit-remaining"] == "0"
    assert answers[0].json()["status"] == 429


def test_server_errors_take_turns(api: Api) -> None:
    faulty(api, server_error={"every": 1})
    answers = [api.bulk(businessDate="20260301") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 503, 503]
    assert answers[0].json()["status"] == 500
    assert answers[2].headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(("name", "settings", "outcome"), [("timeout", {"seconds": 0.01}, "dropped"), ("cut_body", {}, "cut")])
def test_a_timeout_and_a_cut_end_the_connection(api: Api, name: str, settings: dict[str, object], outcome: str) -> None:
    faulty(api, **{name: {"every": 2, **settings}})
    api.bulk(businessDate="20260301")
    with pytest.raises(ConnectionResetError):
        api.bulk(businessDate="20260301")

    assert api.http.get("/simulator/requests").json()["/orders/v2/ordersBulk"] == {"200": 1, outcome: 1}


def test_a_forgotten_token_is_refused_until_the_next_login(api: Api) -> None:
    old = api.login().json()["token"]["accessToken"]
    faulty(api, expired_token={"every": 1, "limit": 1})

    assert [api.bulk(businessDate="20260301").status_code for _ in range(2)] == [401, 401]
    assert api.login().json()["token"]["accessToken"] != old
    assert api.bulk(businessDate="20260301").status_code == 200


def test_a_duplicate_page_repeats_orders_and_loses_none(api: Api) -> None:
    faulty(api, duplicate_page={"every": 1, "limit": 1})
    pages = [[order["guid"] for order in page] for page in api.pages(businessDate="20260301")]

    assert pages[1][:25] == pages[0][-25:]
    assert [len(page) for page in pages] == [100, 100, 75]
    assert len({guid for page in pages for guid in page}) == ORDERS
    assert [len(page) for page in api.pages(businessDate="20260301")] == [100, 100, 50]


def test_moving_pages_move_the_world_before_each_page_after_the_first(api: Api) -> None:
    faulty(api, moving_pages={"rate": 1.0, "seconds": 3600})
    api.bulk(businessDate="20260301")
    before = api.simulator.clock.world()
    api.bulk(businessDate="20260301", page=2)

    assert (before - HISTORY_END).total_seconds() == 0
    assert (api.simulator.clock.world() - before).total_seconds() == 3600


def test_the_clock_jumps_for_one_answer(api: Api) -> None:
    faulty(api, clock_jump={"every": 2, "seconds": 1800})
    dates = [api.bulk(businessDate="20260301", pause=0.3).headers["date"][17:22] for _ in range(5)]

    assert dates == ["16:00", "16:30", "16:00", "15:30", "16:00"]


def test_one_broken_order_leaves_the_others_whole(api: Api) -> None:
    sound = {order["guid"]: order for order in api.bulk(businessDate="20260301").json()}
    faulty(api, broken_order={"every": 1})
    broken = []
    for _ in range(6):
        page = api.bulk(businessDate="20260301").json()
        (odd,) = [order for order in page if order != sound.get(order.get("guid"))]
        broken.append(odd)

    assert broken[0].get("guid") is None
    assert broken[1]["checks"] is None
    assert broken[2]["modifiedDate"] == "yesterday"
    assert broken[3]["businessDate"] == "20261399"
    assert broken[4]["checks"][0]["selections"] == [42]
    assert broken[5]["checks"][0]["amount"] == "twelve dollars"


def test_a_fault_may_be_kept_to_one_endpoint(api: Api) -> None:
    faulty(api, server_error={"every": 1, "endpoint": "partnerRestaurants"})

    assert api.bulk(businessDate="20260301").status_code == 200
    assert api.get("/partners/v1/restaurants").status_code == 500


def test_faults_are_shown_replaced_and_cleared_at_run_time(api: Api) -> None:
    faulty(api, server_error={"every": 2}, cut_body={"rate": 0})
    api.bulk(businessDate="20260301")
    shown = api.http.get("/simulator/faults").json()
    again = api.http.post("/simulator/faults", json={"server_error": {"every": 3}}).json()
    cleared = api.http.delete("/simulator/faults").json()

    assert (shown["server_error"]["every"], shown["server_error"]["chances"], shown["server_error"]["happened"]) == (2, 1, 0)
    assert (sorted(again), again["server_error"]["every"], again["server_error"]["chances"]) == (["cut_body", "server_error"], 3, 0)
    assert cleared == {}


def test_the_same_seed_throws_the_same_dice() -> None:
    def thrown(seed: int) -> list[bool]:
        faults = Faults()
        faults.set({"seed": seed, "server_error": {"rate": 0.3}})
        return [faults.at("server_error", "order") is not None for _ in range(200)]

    assert thrown(1) == thrown(1) != thrown(2)
    assert 30 < sum(thrown(1)) < 90


WRONG = [
    ({"server_errors": {"rate": 1}}, "unknown fault 'server_errors'; known are rate_limit_storm"),
    ({"server_error": {}}, "give rate (0 to 1), every (a whole number), or both"),
    ({"server_error": 0.5}, "expected a table of settings"),
    ({"server_error": {"rate": 1.5}}, "rate must be a number from 0 to 1, not 1.5"),
    ({"server_error": {"rate": True}}, "rate must be a number"),
    ({"server_error": {"every": 0}}, "every must be a whole number of at least 1"),
    ({"server_error": {"every": 1, "limit": "2"}}, "limit must be a whole number"),
    ({"server_error": {"rate": 1, "seconds": 2}}, "unknown setting 'seconds'"),
    ({"server_error": {"rate": 1, "endpoint": "bulk"}}, "endpoint must be one of"),
    ({"server_error": {"rate": 1, "endpoint": []}}, "endpoint must be one of"),
    ({"duplicate_page": {"rate": 1, "endpoint": "order"}}, "endpoint must be one of ordersBulk, not 'order'"),
    ({"timeout": {"rate": 1, "seconds": -1}}, "seconds must be a number from 0"),
    ({"seed": "x"}, "seed must be a whole number"),
]


@pytest.mark.parametrize(("settings", "problem"), WRONG)
def test_a_wrong_setting_gets_one_line_and_changes_nothing(api: Api, settings: dict[str, Any], problem: str) -> None:
    answer = api.http.post("/simulator/faults", json={"timeout": {"rate": 0}, **settings})

    assert answer.status_code == 400
    assert problem in answer.json()["message"]
    assert "\n" not in answer.json()["message"]
    assert api.http.get("/simulator/faults").json() == {}


def test_a_file_switches_every_fault_on() -> None:
    assert sorted(read_faults(EVERYTHING).shown()) == sorted(KINDS)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text("[nonsense]\nrate = 1\n")

    with pytest.raises(OptionError, match=r"faults\.toml: unknown fault 'nonsense'"):
        read_faults(path)
    with pytest.raises(OptionError, match=r"absent\.toml"):
        read_faults(tmp_path / "absent.toml")


def test_faults_know_the_endpoints_there_are() -> None:
    assert sorted(ENDPOINT_NAMES) == sorted({endpoint.name for endpoint in (*ENDPOINTS, UNKNOWN)})


def test_a_patient_client_gets_every_order_through_every_fault(world: World, time: Time) -> None:
    """A client that retries, logs in again, repeats its passes and sets broken orders aside ends with the whole day."""
    faults = read_faults(EVERYTHING)
    faults.set({"timeout": {"rate": 0.02, "seconds": 0.001}})
    api = Api(simulated(world, time, faults=faults), time)
    while api.login().status_code != 200:
        pass
    got: dict[str, object] = {}
    for _ in range(10):
        page = 1
        while True:
            try:
                answer = api.bulk(businessDate="20260301", page=page, pageSize=10)
            except ConnectionResetError:
                continue
            if answer.status_code == 401:
                time.now += 1
                api.login()
            if answer.status_code != 200:
                continue
            orders = json.loads(answer.content)
            if not orders:
                break
            got.update((order["guid"], order) for order in orders if order.get("guid"))
            page += 1

    assert len(got) == ORDERS
    assert all(fault["happened"] for name, fault in faults.shown().items() if "ordersBulk" in KINDS[name].endpoints)  # type: ignore[index]
