"""What the service takes: kept exactly and before its 200, refused with the field that is wrong, or with what to do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.app import App
from restaurant_os.errors import FullError, OperationsError
from restaurant_os.operations import Arrival
from restaurant_os.settings import Location
from serving import VECTOR_BODY, VECTOR_SECRET, VECTOR_SIGNATURE, Serving, await_, serving

NORTH = Location(name="North", toast_guid="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", timezone="America/New_York", store_id="north-1")
SALES = {"store_id": "north-1", "date": "2026-03-10", "gross_sales": 5000}
LABOR = {"store_id": "north-1", "date": "2026-03-10", "labor_hours": 62.5, "labor_cost": 1187.25}
#: An hour after the reference's vector was sent.
NOW = datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC)


class Then:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits")


def then(app: App) -> None:
    app.clock = Then()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("trial")) as found:
        yield found


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service with a location and Toast's secrets, old and new."""
    with serving(tmp_path_factory.mktemp("group"), locations=[NORTH], secrets=f"an-old-one, {VECTOR_SECRET}", change=then) as found:
        yield found


# --- daily summaries --------------------------------------------------------------------------------------------------


def test_a_summary_is_kept_exactly_before_it_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as found:
        sales = found.post("/webhook/sales", b'{"store_id": "north-1", "date": "2026-03-10", "gross_sales": 5000.10}')
        labor = found.post("/webhook/labor", LABOR)
        again = found.post("/webhook/sales", SALES)

        assert [x.status_code for x in (sales, labor, again)] == [200, 200, 200]
        assert sales.json() == {"status": "success", "message": "sales of north-1 on 2026-03-10 kept"}
        kept = [
            (event.sequence, event.arrival.source, event.arrival.kind, event.arrival.location, event.arrival.event_id)
            for event in found.events()
        ]
        assert kept == [
            (1, "summary", "sales", "north-1", None),
            (2, "summary", "labor", "north-1", None),
            (3, "summary", "sales", "north-1", None),
        ]
        assert found.counted("events_accepted") == {"sales": 2.0, "labor": 1.0}


def test_a_summary_s_amounts_are_kept_as_decimal_text(tmp_path: Path) -> None:
    with serving(tmp_path) as found:
        found.post("/webhook/labor", b'{"store_id": "n", "date": "2026-03-10", "labor_hours": 0.1, "labor_cost": 999999999.9999}')

        [event] = found.events()
        assert json.loads(event.arrival.body) == {
            "store_id": "n",
            "date": "2026-03-10",
            "kind": "labor",
            "labor_hours": "0.1000",
            "labor_cost": "999999999.9999",
        }


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("sales", {**SALES, "gross_sales": "5000"}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": True}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": None}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": [1]}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": -0.01}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": 0.00001}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": 1e300}, "gross_sales"),
        ("sales", {**SALES, "gross_sales": 10**400}, "gross_sales"),
        ("sales", b'{"store_id":"a","date":"2026-03-10","gross_sales":1e-999999}', "gross_sales"),
        ("sales", b'{"store_id":"a","date":"2026-03-10","gross_sales":NaN}', "body"),
        ("sales", b'{"store_id":"a","date":"2026-03-10","gross_sales":1e99999999999999999999}', "body"),
        ("sales", {**SALES, "date": "2026-02-30"}, "date"),
        ("sales", {**SALES, "date": "10.3.2026"}, "date"),
        ("sales", {**SALES, "date": 20260310}, "date"),
        ("sales", {**SALES, "date": "1999-12-31"}, "date"),
        ("sales", {**SALES, "date": "9999-12-31"}, "date"),
        ("sales", {**SALES, "store_id": ""}, "store_id"),
        ("sales", {**SALES, "store_id": 7}, "store_id"),
        ("sales", {**SALES, "store_id": "../etc"}, "store_id"),
        ("sales", {**SALES, "store_id": "a" * 65}, "store_id"),
        ("sales", {**SALES, "store_id": "a\x1b[31m"}, "store_id"),
        ("sales", {"store_id": "a", "date": "2026-03-10"}, "gross_sales"),
        ("sales", {**SALES, "tips": 1}, "tips"),
        ("labor", {**LABOR, "labor_hours": -1}, "labor_hours"),
        ("labor", {**LABOR, "labor_cost": "much"}, "labor_cost"),
        ("labor", SALES, "gross_sales"),
        ("sales", b"[]", "body"),
        ("sales", b"", "body"),
        ("sales", b"{", "body"),
        ("sales", b"\xff\xfe{\x00}\x00", "body"),
        ("sales", b'{"store_id":"\xc3\x28","date":"2026-03-10","gross_sales":1}', "body"),
        ("sales", b'{"store_id":"\\ud800","date":"2026-03-10","gross_sales":1}', "body"),
        ("sales", b"[" * 60_000, "body"),
        ("sales", b'{"a":' * 10_000, "body"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_summary_is_refused_with_its_field(trial: Serving, path: str, body: object, field: str) -> None:
    answer = trial.post(f"/webhook/{path}", body)

    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert set(answer.json()["error"]) == {"message", "next_step", "field"}
    assert "\x1b" not in answer.text


def test_where_locations_are_configured_no_other_store_may_post(group: Serving) -> None:
    key = group.key("write")

    answers = {
        store: group.post("/webhook/sales", {**SALES, "date": "2026-01-01", "store_id": store}, **key).status_code
        for store in ("north-1", "NORTH", NORTH.toast_guid, "south-1")
    }

    assert answers == {"north-1": 200, "NORTH": 200, NORTH.toast_guid: 200, "south-1": 422}
    refused = group.post("/webhook/sales", {**SALES, "store_id": "south-1"}, **key).json()["error"]
    assert refused["message"] == "store_id: 'south-1' is no location of the settings."


def test_without_locations_two_hundred_stores_may_post(tmp_path: Path) -> None:
    with serving(tmp_path) as found:
        first = [found.post("/webhook/sales", {**SALES, "store_id": f"store-{number}"}).status_code for number in range(200)]

        one_more = found.post("/webhook/sales", {**SALES, "store_id": "one more"})
        known = found.post("/webhook/sales", {**SALES, "store_id": "store-7"})

        assert set(first) == {200}
        assert one_more.json()["error"]["message"] == "store_id: 'one more' would be one store more than 200."
        assert (one_more.status_code, known.status_code) == (422, 200)


# --- Toast's webhooks -------------------------------------------------------------------------------------------------


def signed(body: bytes, timestamp: str, secret: str = VECTOR_SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body + timestamp.encode(), hashlib.sha256).digest()).decode()


def event(sent_at: datetime = NOW, **more: Any) -> tuple[bytes, str]:
    """An event and its signature."""
    timestamp = f"{sent_at:%Y-%m-%dT%H:%M:%S}.000Z"
    document = {"timestamp": timestamp, "eventCategory": "stock", "eventType": "out_of_stock", "details": {}, **more}
    body = json.dumps(document).encode()
    return body, signed(body, timestamp)


def send(to: Serving, body: bytes, signature: str | bytes, **more: str) -> tuple[int, Any]:
    answer = to.post("/webhooks/toast", body, **{"Toast-Signature": signature, **more})
    return answer.status_code, answer.json()


def test_the_reference_s_vector_is_kept_and_known_again(tmp_path: Path) -> None:
    headers = {"Toast-Attempt-Number": "1", "Toast-Event-Type": "order_updated", "Cookie": "a=b", "User-Agent": "Apache-HttpClient"}
    with serving(tmp_path, secrets=VECTOR_SECRET, change=then) as found:
        answers = [send(found, VECTOR_BODY, VECTOR_SIGNATURE, **headers) for _ in range(2)]

        assert answers == [(200, {"status": "success", "message": "kept"}), (200, {"status": "success", "message": "known already"})]
        [kept] = found.events()
        assert kept.arrival == Arrival(
            source="toast",
            kind="order_updated",
            location="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            body=VECTOR_BODY,
            received_at=NOW,
            event_id="11111111-2222-4333-8444-555555555555",
            headers={"toast-attempt-number": "1", "toast-event-type": "order_updated"},
        )
        assert (found.counted("events_accepted"), found.counted("events_duplicate")) == ({"toast": 1.0}, {"toast": 1.0})
        await_(lambda: [line.get("event") for line in found.lines() if line.get("route") == "/webhooks/toast"] == [1, 1])


DIGEST = hmac.new(VECTOR_SECRET.encode(), VECTOR_BODY + b"2026-01-02T03:04:05.678Z", hashlib.sha256)
BODY_ONLY = base64.b64encode(hmac.new(VECTOR_SECRET.encode(), VECTOR_BODY, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    ("body", "signature", "reason"),
    [
        (VECTOR_BODY, DIGEST.hexdigest(), "signature"),
        (VECTOR_BODY, f"v1={VECTOR_SIGNATURE}", "signature"),
        (VECTOR_BODY, BODY_ONLY, "signature"),
        (VECTOR_BODY, signed(VECTOR_BODY, "2026-01-02T03:04:05.678Z", "another secret"), "signature"),
        (VECTOR_BODY.replace(b"order_updated", b"order_updateD", 1), VECTOR_SIGNATURE, "signature"),
        (VECTOR_BODY + b" ", VECTOR_SIGNATURE, "signature"),
        (VECTOR_BODY, "", "signature"),
        (VECTOR_BODY, "\xe9\xe9", "signature"),
        (*event(NOW - timedelta(hours=24, seconds=1)), "old"),
        (*event(NOW + timedelta(hours=1, seconds=1)), "old"),
        (b"", VECTOR_SIGNATURE, "unreadable"),
        (b"no JSON", VECTOR_SIGNATURE, "unreadable"),
        (b'{"guid": "1"}', VECTOR_SIGNATURE, "unreadable"),
        (b"[" * 100_000, VECTOR_SIGNATURE, "unreadable"),
        (b"\xff" * 1000, VECTOR_SIGNATURE, "unreadable"),
    ],
    ids=[
        "hex",
        "prefixed",
        "body alone",
        "another secret",
        "altered",
        "longer",
        "none",
        "no ASCII",
        "old",
        "future",
        "empty",
        "text",
        "no time",
        "deep",
        "bytes",
    ],
)
def test_what_is_not_toast_s_or_too_old_is_refused_and_counted(group: Serving, body: bytes, signature: str, reason: str) -> None:
    before = group.counted("events_refused").get(f"toast {reason}", 0.0)

    status, answer = send(group, body, signature.encode())

    assert status == 401
    assert set(answer["error"]) == {"message", "next_step", "field"}
    assert group.counted("events_refused")[f"toast {reason}"] == before + 1


def test_either_of_two_secrets_signs(group: Serving) -> None:
    """So that one can be rotated."""
    body, _ = event(guid="of the old secret")

    assert send(group, body, signed(body, json.loads(body)["timestamp"], "an-old-one"))[0] == 200
    assert send(group, *event(guid="of the new secret"))[0] == 200


def test_events_up_to_a_day_old_and_an_hour_ahead_are_taken(group: Serving) -> None:
    assert send(group, *event(NOW - timedelta(hours=23, minutes=59), guid="nearly old"))[0] == 200
    assert send(group, *event(NOW + timedelta(minutes=59), guid="nearly ahead"))[0] == 200


def test_without_a_secret_no_event_is_taken(trial: Serving) -> None:
    status, answer = send(trial, *event(datetime.now(UTC)))

    assert status == 401
    assert "TOAST_WEBHOOK_SECRETS" in answer["error"]["next_step"]


def test_an_order_of_600_kb_is_taken_and_guests_data_is_not(tmp_path: Path) -> None:
    order = {
        "guid": "o",
        "checks": [{"customer": {"firstName": "Private"}, "payments": [{"last4Digits": "4242"}]}],
        "filling": "x" * 600_000,
    }
    body, signature = event(guid="large", details={"restaurantGuid": NORTH.toast_guid, "order": order})
    with serving(tmp_path, secrets=VECTOR_SECRET, change=then) as found:
        assert send(found, body, signature)[0] == 200

        [kept] = found.events()
        assert len(kept.arrival.body) > 600_000
        assert (b"Private" in kept.arrival.body, b"4242" in kept.arrival.body) == (False, False)
        assert json.loads(kept.arrival.body)["details"]["order"]["guid"] == "o"


def test_an_event_without_a_guid_is_known_by_its_body(tmp_path: Path) -> None:
    body, signature = event()
    with serving(tmp_path, secrets=VECTOR_SECRET, change=then) as found:
        assert [send(found, body, signature)[1]["message"] for _ in range(2)] == ["kept", "known already"]


def test_an_event_that_is_too_large_becomes_one_poll_of_its_location(tmp_path: Path) -> None:
    """One at most in a minute."""
    with serving(tmp_path, locations=[NORTH], secrets=VECTOR_SECRET, change=then) as found:
        named = {"Toast-Restaurant-External-ID": NORTH.toast_guid.upper()}
        answers = [send(found, b"x" * (5 * 1024 * 1024), "", **named) for _ in range(2)]
        chunked = found.http.post("/webhooks/toast", content=iter([b"y" * 1024 * 1024] * 5), headers={"Content-Type": "application/json"})

        assert [status for status, _ in answers] == [413, 413]
        assert chunked.status_code == 413
        assert answers[0][1]["error"]["message"] == "the body is over 4,194,304 bytes."
        await_(lambda: found.service.operations().wanted() == [("orders", NORTH.toast_guid, NOW)])
        assert found.counted("events_refused") == {"toast too_large": 3.0}


def test_a_stranger_s_name_is_no_location_to_poll(tmp_path: Path) -> None:
    with serving(tmp_path, locations=[NORTH], secrets=VECTOR_SECRET, change=then) as found:
        send(found, b"x" * (5 * 1024 * 1024), "", **{"Toast-Restaurant-External-ID": "99999999-bbbb-4ccc-8ddd-eeeeeeeeeeee"})

        await_(lambda: found.service.operations().wanted() == [("orders", "", NOW)])


@pytest.mark.parametrize(
    ("problem", "retry_after"),
    [
        (FullError("operations: no room.", next_step="Free some space.", retry_after=7.2), "8"),
        (OperationsError("operations: cannot be written.", next_step="Look at the disk."), "5"),
    ],
    ids=["full", "broken"],
)
def test_an_inbox_that_cannot_keep_says_when_to_try_again(tmp_path: Path, problem: Exception, retry_after: str) -> None:
    def broken(app: App) -> None:
        then(app)

        async def accept(arrival: Arrival) -> None:
            raise problem

        app.operations.accept = accept  # type: ignore[method-assign,assignment]

    with serving(tmp_path, secrets=VECTOR_SECRET, change=broken) as found:
        key = found.key()
        answers = [
            found.post("/webhooks/toast", VECTOR_BODY, **{"Toast-Signature": VECTOR_SIGNATURE}),
            found.post("/webhook/sales", {**SALES, "date": "2026-01-01"}, **key),
        ]

        assert [(x.status_code, x.headers["Retry-After"]) for x in answers] == [(503, retry_after)] * 2
        assert answers[0].json()["error"]["message"].startswith("operations: ")
        assert found.counted("events_refused")["toast no_room"] == 1.0


def test_a_warehouse_that_is_away_refuses_no_event(tmp_path: Path) -> None:
    with serving(tmp_path, secrets=VECTOR_SECRET, change=then) as found:
        (tmp_path / "warehouse.duckdb").write_bytes(b"no warehouse at all")

        assert send(found, VECTOR_BODY, VECTOR_SIGNATURE)[0] == 200
