"""Rate limits: whom they count, what the headers say, when they end."""

from __future__ import annotations

import pytest

from restaurant_os.simulator.limits import GLOBAL_LIMITS, ORDERS_BULK_LIMIT, Limits, Standing
from simulator_fakes import NORTH, SOUTH, Api, Time


@pytest.fixture
def time() -> Time:
    """A time at the very start of a second and of a quarter of an hour."""
    return Time(1_772_467_200.0)


def test_every_answer_shows_the_limit_closest_to_exhaustion(api: Api, time: Time) -> None:
    answer = api.bulk(businessDate="20260301", pause=0)

    assert answer.headers["x-toast-ratelimit-by"] == "ENDPOINT"
    assert answer.headers["x-toast-ratelimit-remaining"] == "4"
    assert answer.headers["x-toast-ratelimit-reset"] == str(int(time.now) + 1)
    assert "retry-after" not in answer.headers
    assert api.get("/nowhere", pause=0).headers["x-toast-ratelimit-by"] == "GLOBAL"


def test_the_sixth_ordersbulk_call_of_a_second_is_refused(api: Api, time: Time) -> None:
    api.login()
    time.now += 0.4
    statuses = [api.bulk(businessDate="20260301", pause=0).status_code for _ in range(5)]
    refused = api.bulk(businessDate="20260301", pause=0)
    time.now += 0.6
    after = api.bulk(businessDate="20260301", pause=0)

    assert statuses == [200] * 5
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-toast-ratelimit-by"] == "ENDPOINT"
    assert refused.headers["x-toast-ratelimit-remaining"] == "0"
    assert refused.json()["status"] == 429
    assert after.status_code == 200


def test_restaurants_are_counted_apart_and_endpoints_together(api: Api) -> None:
    for _ in range(5):
        api.bulk(businessDate="20260301", pause=0)

    assert api.bulk(businessDate="20260301", pause=0, restaurant=SOUTH).status_code == 200
    left = [int(api.get(f"/restaurants/v1/restaurants/{NORTH}", pause=0).headers["x-toast-ratelimit-remaining"]) for _ in range(2)]
    assert left == [14, 13]


def test_calls_without_a_restaurant_are_counted_by_address(api: Api) -> None:
    """Login among them, though it does not show it."""
    api.login()
    answers = [api.get("/partners/v1/restaurants", restaurant=None, pause=0) for _ in range(20)]

    assert [answer.status_code for answer in answers] == [200] * 19 + [429]
    refused = api.login()
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert not [name for name in refused.headers if "ratelimit" in name]


def test_ten_thousand_calls_fill_a_quarter_of_an_hour() -> None:
    time = Time(1_772_467_200.0)
    limits = Limits(time)
    for _ in range(10_000):
        assert limits.count("a", "orders").retry_after is None
        time.now += 0.0625

    assert limits.count("a", "orders") == Standing("GLOBAL", 0, 1_772_467_200 + 900, 275)
    assert limits.count("b", "orders").retry_after is None
    time.now = 1_772_467_200.0 + 900
    assert limits.count("a", "orders").remaining == 19


def test_windows_are_fixed_not_sliding() -> None:
    time = Time(100.9)
    limits = Limits(time)
    for _ in range(5):
        assert limits.count("a", "ordersBulk", ORDERS_BULK_LIMIT).retry_after is None
    time.now = 101.0

    assert limits.count("a", "ordersBulk", ORDERS_BULK_LIMIT).retry_after is None


def test_global_goes_before_endpoint() -> None:
    limits = Limits(Time(100.0))
    for _ in range(20):
        limits.count("a", "ordersBulk", ORDERS_BULK_LIMIT)

    assert limits.count("a", "ordersBulk", ORDERS_BULK_LIMIT).by == "GLOBAL"
    assert GLOBAL_LIMITS[0].requests == 20
