"""Orders: windows, pages, lookups, payments and the error object."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from restaurant_os.simulator.clock import Clock
from simulator_fakes import (
    CLOSEOUT,
    HISTORY_END,
    NORTH,
    OPENING,
    ORDERS,
    REFUND,
    SOUTH,
    Api,
    Time,
    World,
    order_guid,
    order_version,
    simulated,
    stamp,
)

ALL = [order_guid(number) for number in range(ORDERS)]


def test_a_business_date_comes_whole_in_pages_of_100(api: Api, world: World) -> None:
    pages = api.pages(businessDate="20260301")

    assert [len(page) for page in pages] == [100, 100, 50]
    assert sorted(order["guid"] for page in pages for order in page) == ALL
    assert world.asked == ["day 2026-03-01"]


def test_elements_follow_neither_creation_nor_change(api: Api) -> None:
    shown = [order["guid"] for page in api.pages(businessDate="20260301") for order in page]

    assert shown not in (ALL, ALL[::-1])
    assert shown == [order["guid"] for page in api.pages(businessDate="20260301") for order in page]


def test_bodies_are_the_worlds_own_bytes(api: Api) -> None:
    answer = api.bulk(businessDate="20260301", pageSize=1)
    (body,) = answer.json()
    number = int(body["guid"][-12:])

    assert answer.content == b"[" + order_version(number, CLOSEOUT + timedelta(milliseconds=number)).body + b"]"
    assert answer.headers["content-type"] == "application/json"


def test_a_modified_window_is_half_open(api: Api) -> None:
    start, end = CLOSEOUT + timedelta(milliseconds=10), CLOSEOUT + timedelta(milliseconds=20)
    shown = api.bulk(startDate=stamp(start), endDate=stamp(end)).json()

    assert sorted(order["guid"] for order in shown) == ALL[10:20]


def test_an_order_shows_only_under_its_latest_change(api: Api) -> None:
    """The windows of the day itself are empty once closeout has stamped every order anew."""
    assert api.bulk(startDate=stamp(OPENING), endDate=stamp(CLOSEOUT)).json() == []
    assert len(api.bulk(startDate=stamp(OPENING), endDate=stamp(HISTORY_END)).json()) == 100


@pytest.mark.parametrize("text", ["2026-03-02T09:00:00.000Z", "2026-03-02T04:00:00.000-0500", "2026-03-02T14:30:00.000+0530"])
def test_any_offset_names_the_same_instant(api: Api, text: str) -> None:
    shown = api.bulk(startDate=text, endDate="2026-03-02T09:00:00.001Z").json()

    assert [order["guid"] for order in shown] == ALL[:1]


RANGE = {"startDate": "2026-03-01T00:00:00.000+0000", "endDate": "2026-03-02T00:00:00.000+0000"}
EITHER = "EITHER (startDate and endDate) OR businessDate is required"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, EITHER),
        ({"startDate": RANGE["startDate"]}, EITHER),
        ({"endDate": RANGE["endDate"]}, EITHER),
        ({**RANGE, "businessDate": "20260301"}, EITHER),
        ({"startDate": RANGE["startDate"], "businessDate": "20260301"}, EITHER),
        ({"startDate": RANGE["endDate"], "endDate": RANGE["startDate"]}, "Input startDate must be before endDate"),
        ({"startDate": RANGE["endDate"], "endDate": RANGE["endDate"]}, "Input startDate must be before endDate"),
        ({**RANGE, "startDate": "2015-12-01T00:00:00.000+0000"}, "startDate must be after"),
        ({**RANGE, "startDate": "2026-01-31T00:00:00.000+0000", "endDate": "2026-02-28T00:00:00.001+0000"}, "one month"),
        ({**RANGE, "startDate": "2026-03-01"}, "startDate must be a timestamp"),
        ({**RANGE, "startDate": "2026-03-01T00:00:00+0000"}, "startDate must be a timestamp"),
        ({**RANGE, "startDate": "2026-03-01T00:00:00.000000+0000"}, "startDate must be a timestamp"),
        ({**RANGE, "startDate": "2026-03-01T00:00:00.000+00:00"}, "startDate must be a timestamp"),
        ({**RANGE, "startDate": "2026-03-01 00:00:00.000+0000"}, "startDate must be a timestamp"),
        ({**RANGE, "startDate": "2026-03-01T00:00:00.000"}, "startDate must be a timestamp"),
        ({**RANGE, "endDate": "2026-02-30T00:00:00.000Z"}, "endDate must be a timestamp"),
        ({**RANGE, "endDate": "2026-03-02T00:00:00.000+9999"}, "endDate must be a timestamp"),
        ({**RANGE, "startDate": "0001-01-01T00:00:00.000+1200"}, "startDate must be a timestamp"),
        ({"businessDate": "2026-03-01"}, "businessDate must be a date"),
        ({"businessDate": "20260230"}, "businessDate must be a date"),
        ({"businessDate": "٢٠٢٦٠٣٠١"}, "businessDate must be a date"),
        ({"businessDate": ["20260301", "20260302"]}, "businessDate must be given once"),
        ({"businessDate": "20260301", "pageSize": 101}, "pageSize must be a whole number from 1 to 100"),
        ({"businessDate": "20260301", "pageSize": 0}, "pageSize must be a whole number from 1 to 100"),
        ({"businessDate": "20260301", "page": 0}, "page must be a whole number"),
        ({"businessDate": "20260301", "page": -1}, "page must be a whole number"),
        ({"businessDate": "20260301", "page": "1.0"}, "page must be a whole number"),
    ],
)
def test_a_wrong_question_is_a_400_that_says_what_is_wrong(api: Api, query: dict[str, object], message: str) -> None:
    answer = api.bulk(**query)

    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert answer.json()["code"] == 10025


def test_an_unencoded_plus_gets_a_hint(api: Api) -> None:
    path = f"/orders/v2/ordersBulk?startDate={RANGE['startDate']}&endDate={RANGE['endDate']}"

    assert "%2B" in api.get(path).json()["developerMessage"]


def test_one_calendar_month_is_allowed(api: Api) -> None:
    assert api.bulk(startDate="2026-01-31T00:00:00.000Z", endDate="2026-02-28T00:00:00.000Z").status_code == 200
    assert api.bulk(startDate="2025-12-15T00:00:00.000Z", endDate="2026-01-15T00:00:00.000Z").status_code == 200


def links(header: str) -> dict[str, int]:
    return {relation: int(page) for page, relation in re.findall(r'<[^>]*[?&]page=(\d+)[^>]*>; rel="(\w+)"', header)}


def test_the_link_header_never_says_last(api: Api) -> None:
    first, second, third, beyond = (api.bulk(businessDate="20260301", page=page) for page in (1, 2, 3, 4))

    assert links(first.headers["link"]) == {"first": 1, "self": 1, "next": 2}
    assert links(second.headers["link"]) == {"first": 1, "self": 2, "prev": 1, "next": 3}
    assert links(third.headers["link"]) == {"first": 1, "self": 3, "prev": 2}
    assert links(beyond.headers["link"]) == {"first": 1, "self": 4, "prev": 3}
    assert beyond.json() == []


def test_a_link_can_be_followed(api: Api) -> None:
    answer = api.bulk(startDate=stamp(CLOSEOUT), endDate=stamp(HISTORY_END), pageSize=100)
    following = re.search(r'<([^>]*)>; rel="next"', answer.headers["link"])

    assert following
    assert (
        api.get(following[1].removeprefix("http://testserver")).json()
        == api.bulk(startDate=stamp(CLOSEOUT), endDate=stamp(HISTORY_END), page=2).json()
    )


def test_pages_move_when_an_order_is_modified_mid_read(api: Api) -> None:
    """Order 0 leaves the window while it is read, so the rows behind it move one place forward."""
    query = {"startDate": stamp(CLOSEOUT), "endDate": stamp(HISTORY_END)}
    before = [order["guid"] for page in api.pages(**query) for order in page]
    api.bulk(**query, page=1)
    api.simulator.clock.advance((REFUND - HISTORY_END).total_seconds())
    after = [order["guid"] for page in api.pages(**query) for order in page]

    assert after == [guid for guid in before if guid != ALL[0]]
    assert [order["guid"] for order in api.bulk(startDate=stamp(REFUND), endDate=stamp(REFUND + timedelta(hours=1))).json()] == ALL[:1]


def test_a_long_listing_keeps_guids_and_asks_for_bodies_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    short = api.pages(businessDate="20260301")
    monkeypatch.setattr("restaurant_os.simulator.listing.BODIES_KEPT", ORDERS - 1)
    long = api.pages(startDate=stamp(OPENING), endDate=stamp(HISTORY_END))

    assert long == short


def test_one_order_by_its_guid(api: Api) -> None:
    answer = api.get(f"/orders/v2/orders/{ALL[7]}")

    assert answer.json()["guid"] == ALL[7]
    assert api.get(f"/orders/v2/orders/{SOUTH}").status_code == 404
    assert api.get(f"/orders/v2/orders/{ALL[7]}", restaurant=SOUTH).status_code == 404


def test_the_deprecated_list_gives_guids_of_at_most_one_hour(api: Api) -> None:
    hour: dict[str, Any] = {"startDate": stamp(CLOSEOUT), "endDate": stamp(CLOSEOUT + timedelta(hours=1))}

    assert sorted(api.get("/orders/v2/orders", **hour).json()) == ALL
    assert sorted(api.get("/orders/v2/orders", businessDate="20260301").json()) == ALL
    assert api.get("/orders/v2/orders", **{**hour, "endDate": stamp(CLOSEOUT + timedelta(hours=1, milliseconds=1))}).status_code == 400


def test_payments_by_the_day_they_were_paid_or_refunded(api: Api) -> None:
    path = "/orders/v2/payments"
    api.simulator.clock.advance((REFUND - HISTORY_END).total_seconds())
    refunded = ALL[0].replace("0f9d0c1e", "aa000000")

    assert len(api.get(path, paidBusinessDate="20260301").json()) == ORDERS
    assert api.get(path, refundBusinessDate="20260302").json() == [refunded]
    assert api.get(path, voidBusinessDate="20260302").json() == []
    assert api.get(path).status_code == 400
    assert api.get(path, paidBusinessDate="20260301", voidBusinessDate="20260301").status_code == 400
    assert api.get(f"{path}/{refunded}").json()["refundStatus"] == "PARTIAL"
    assert api.get(f"{path}/{ALL[0]}").status_code == 404


def test_the_error_object_has_every_field_and_the_request_id_of_the_header(api: Api) -> None:
    answer = api.get("/orders/v3/nowhere")
    body = answer.json()

    assert body == {
        "status": 404,
        "code": 10003,
        "message": "No such resource: /orders/v3/nowhere",
        "messageKey": None,
        "fieldName": None,
        "link": None,
        "requestId": answer.headers["toast-request-id"],
        "developerMessage": None,
        "errors": [],
        "canRetry": None,
    }


def test_another_method_and_a_trailing_slash_get_the_error_object_too(api: Api) -> None:
    assert api.http.post("/orders/v2/ordersBulk").json()["status"] == 405
    assert api.get("/orders/v2/ordersBulk/").json()["status"] == 404


def test_the_world_stands_still_and_the_date_header_does_not(api: Api, time: Time) -> None:
    first = api.bulk(businessDate="20260301")
    time.now += 3600
    second = api.bulk(businessDate="20260301")

    assert first.content == second.content
    assert (first.headers["date"], second.headers["date"]) == ("Mon, 02 Mar 2026 16:00:00 GMT", "Mon, 02 Mar 2026 17:00:00 GMT")


def test_with_a_clock_speed_the_world_lives(world: World, time: Time) -> None:
    clock = Clock(world_start=HISTORY_END, api_start=HISTORY_END, speed=3600, seconds=time)
    api = Api(simulated(world, time, clock=clock), time)
    hour = {"startDate": stamp(REFUND), "endDate": stamp(REFUND + timedelta(hours=1))}
    before = api.bulk(**hour, pause=0)
    after = api.bulk(**hour, pause=6)

    assert (before.json(), [order["guid"] for order in after.json()]) == ([], ALL[:1])
    assert after.headers["date"] == "Mon, 02 Mar 2026 21:00:00 GMT"


def test_moving_the_world_past_the_api_clock_takes_it_along(api: Api) -> None:
    shown = api.http.get("/simulator/clock").json()
    moved = api.http.post("/simulator/clock", json={"advance_seconds": 600}).json()
    moved_far = api.http.post("/simulator/clock", json={"advance_seconds": 7200}).json()

    assert shown == {"world": "2026-03-02T15:00:00.000+00:00", "api": "2026-03-02T16:00:00.000+00:00", "speed": None}
    assert (moved["world"], moved["api"]) == ("2026-03-02T15:10:00.000+00:00", "2026-03-02T16:00:00.000+00:00")
    assert (moved_far["world"], moved_far["api"]) == ("2026-03-02T17:10:00.000+00:00", "2026-03-02T17:10:00.000+00:00")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"advance_seconds": -1}', b'{"advance_seconds": "1"}', b'{"advance_seconds": 1e12}'])
def test_a_wrong_advance_is_a_400(api: Api, body: bytes) -> None:
    assert api.http.post("/simulator/clock", content=body).status_code == 400


def test_the_simulator_describes_itself_and_counts_without_a_token(api: Api) -> None:
    api.bulk(businessDate="20260301")
    api.bulk()
    api.get("/nowhere")

    assert api.http.get("/simulator/requests").json() == {
        "(unknown path)": {"404": 1},
        "/authentication/v1/authentication/login": {"200": 1},
        "/orders/v2/ordersBulk": {"200": 1, "400": 1},
    }
    described = api.http.get("/simulator").json()
    assert described["clients"] == ["demo-client"]
    assert "demo-secret" not in str(described)
    assert described["restaurants"][0]["guid"] == NORTH


def test_books_are_the_worlds_bare_list(api: Api) -> None:
    assert api.http.get("/simulator/books?businessDate=20260301").json()[0]["business_date"] == "2026-03-01"
    assert api.http.get("/simulator/books").json()[0]["business_date"] == "None"
    assert api.http.get("/simulator/books?businessDate=2026-03-01").status_code == 400
