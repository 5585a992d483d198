"""Toast's client: one token, retries only for what may succeed later, waits as named, secrets nowhere."""

from __future__ import annotations

import os
import stat
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fake_time import FakeClock
from restaurant_os.errors import AccessError, CredentialsError, RateLimitedError, RequestError, RestaurantOSError, RetryableError
from restaurant_os.sources.http import RetryPolicy
from restaurant_os.sources.toast.client import ToastClient
from restaurant_os.sources.toast.token import Token
from toast_double import CLIENT_ID, SECRET, Double, client, failure, http_date

HERE = "aaaaaaaa-0000-4000-8000-000000000001"
PATH = "/orders/v2/ordersBulk"
SCOPE = "orders:read"
OK = 200


@pytest.fixture
def double() -> Double:
    return Double(FakeClock())


def ask(one: ToastClient, **fields: Any) -> bytes:
    return one.get(PATH, endpoint="ordersBulk", location=HERE, scope=SCOPE, **fields).body


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("toast-*.json"))


# --- the token --------------------------------------------------------------------------------------------------------


def test_one_login_for_many_calls_and_commands(double: Double, tmp_path: Path) -> None:
    """The token of the first call serves all; the next command finds it on disk."""
    first = client(double, tmp_path)
    ask(first)
    ask(first)
    ask(client(double, tmp_path))

    assert len(double.logins) == 1
    assert double.tokens_used == ["token-1"] * 3


def test_the_login_is_as_toast_wants_it(double: Double, tmp_path: Path) -> None:
    """JSON, without a restaurant header."""
    ask(client(double, tmp_path))

    [login] = double.logins
    assert login.method == "POST"
    assert "Toast-Restaurant-External-ID" not in login.headers
    assert login.read() == (b'{"clientId":"client-of-ours","clientSecret":"s3cr3t-0f-0urs","userAccessType":"TOAST_MACHINE_CLIENT"}')


@pytest.mark.parametrize(("before_expiry", "logins"), [(61, 1), (60, 2), (59, 2), (-1, 2)])
def test_a_token_is_renewed_in_its_last_minute(double: Double, tmp_path: Path, before_expiry: int, logins: int) -> None:
    """60 seconds before its end, not sooner: Toast hands out the same one until then."""
    one = client(double, tmp_path)
    ask(one)
    double.clock.elapsed += double.lasts.total_seconds() - before_expiry
    ask(one)

    assert double.tokens_used == ["token-1", f"token-{logins}"]
    assert len(double.logins) == logins


def test_an_expired_token_on_disk_is_not_used(double: Double, tmp_path: Path) -> None:
    """A command a day later logs in itself."""
    ask(client(double, tmp_path))
    double.clock.elapsed += double.lasts.total_seconds()
    ask(client(double, tmp_path))

    assert double.tokens_used == ["token-1", "token-2"]


def test_a_401_logs_in_once_and_asks_once_more(double: Double, tmp_path: Path) -> None:
    """The refused token goes, on disk too."""
    double.answers = [failure(401)]
    one = client(double, tmp_path)
    ask(one)
    ask(client(double, tmp_path))

    assert double.tokens_used == ["token-1", "token-2", "token-2"]
    assert (len(double.logins), double.clock.waited) == (2, [])


def test_a_second_401_fails(double: Double, tmp_path: Path) -> None:
    """A token just given that is refused will not get better by waiting."""
    double.answers = [failure(401), failure(401)]

    with pytest.raises(CredentialsError, match="a token just given is refused"):
        ask(client(double, tmp_path))
    assert (len(double.calls), len(double.logins)) == (2, 2)


def test_a_token_that_ends_under_another_call_is_renewed_again(double: Double, tmp_path: Path) -> None:
    """While ours is under way with a new token, another call goes out with it and finds it ended: that says nothing against ours."""
    one = client(double, tmp_path)

    def meanwhile(_: httpx.Request) -> httpx.Response:
        other = threading.Thread(target=lambda: ask(one))
        other.start()
        other.join()
        return failure(401)

    double.answers = [failure(401), meanwhile, failure(401)]
    ask(one)

    assert double.tokens_used == ["token-1", "token-2", "token-2", "token-3", "token-3"]
    assert len(double.logins) == 3


def test_tokens_that_end_early_are_renewed_a_few_times(double: Double, tmp_path: Path) -> None:
    """Where calls went well before, a second refusal says nothing against the credentials."""
    one = client(double, tmp_path)
    double.answers = [httpx.Response(200, json=[]), *[failure(401)] * 4]
    ask(one)
    ask(one)

    assert (len(double.calls), len(double.logins)) == (6, 5)


def test_tokens_that_always_end_fail_in_the_end(double: Double, tmp_path: Path) -> None:
    """The tries are bounded."""
    one = client(double, tmp_path)
    double.answers = [httpx.Response(200, json=[]), *[failure(401)] * 100]
    ask(one)

    with pytest.raises(CredentialsError, match="a token just given is refused"):
        ask(one)
    assert (len(double.calls), len(double.logins)) == (6, 5)


def test_wrong_credentials_fail_at_once(double: Double, tmp_path: Path) -> None:
    """One login, no call, no file."""
    double.login_answers = [failure(401)]

    with pytest.raises(CredentialsError, match="do not belong together"):
        ask(client(double, tmp_path))
    assert (len(double.logins), double.calls, double.clock.waited, files(tmp_path)) == (1, [], [], [])


@pytest.mark.parametrize("answer", [failure(503), failure(429), httpx.ConnectError("refused"), httpx.Response(200, text="<html>")])
def test_trouble_with_the_login_is_retried(double: Double, tmp_path: Path, answer: httpx.Response | Exception) -> None:
    """A login that may succeed later is asked again."""
    double.login_answers = [answer]
    ask(client(double, tmp_path))

    assert (len(double.logins), len(double.calls)) == (2, 1)


def test_the_token_file_is_its_owner_s_alone(double: Double, tmp_path: Path) -> None:
    """Mode 0600 under any umask, and named by a digest: neither client nor secret stands in name or text."""
    before = os.umask(0)
    try:
        ask(client(double, tmp_path / "cache"))
    finally:
        os.umask(before)

    [path] = files(tmp_path / "cache")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    assert not any(word in path.name + path.read_text() for word in (CLIENT_ID, SECRET))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        '{"token": "x"}',
        '{"token": "x", "expires_at": "soon"}',
        pytest.param('{"token": "x", "expires_at": 1e300}'),
    ],
)
def test_a_spoilt_token_file_costs_a_login(double: Double, tmp_path: Path, text: str) -> None:
    """Whatever stands in it, the next command works."""
    ask(client(double, tmp_path))
    files(tmp_path)[0].write_text(text)
    ask(client(double, tmp_path))

    assert double.tokens_used == ["token-1", "token-2"]


def test_a_folder_that_cannot_be_written_costs_a_login(double: Double, tmp_path: Path) -> None:
    """Without a place for the token the client works all the same."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    one = client(double, blocked / "cache")
    ask(one)
    ask(one)

    assert double.tokens_used == ["token-1", "token-1"]


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_a_call_is_encoded_and_addressed(double: Double, tmp_path: Path) -> None:
    """The plus of an offset is encoded; the restaurant header names one location, or is left out."""
    one = client(double, tmp_path)
    one.get(PATH, endpoint="ordersBulk", location=HERE, scope=SCOPE, params={"startDate": "2026-03-01T04:00:00.000+0000", "page": "1"})
    one.get("/partners/v1/restaurants", endpoint="other", location="", scope="")

    assert double.paths == [f"{PATH}?startDate=2026-03-01T04%3A00%3A00.000%2B0000&page=1", "/partners/v1/restaurants"]
    assert [request.headers.get("Toast-Restaurant-External-ID") for request in double.calls] == [HERE, None]


def test_a_guid_that_is_none_never_leaves(double: Double, tmp_path: Path) -> None:
    """A location's GUID becomes part of a path, so it must be one."""
    with pytest.raises(RequestError):
        client(double, tmp_path).restaurant("../../admin")
    assert double.calls == []


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, RequestError, "the request is wrong (400: because; request request-7)"),
        (403, AccessError, f"The client lacks the scope {SCOPE}"),
        (404, RequestError, "the request is wrong (404"),
        (409, RequestError, "409"),
        (422, RequestError, "422"),
    ],
)
def test_what_will_not_pass_by_waiting_fails_at_once(
    double: Double, tmp_path: Path, status: int, kind: type[RestaurantOSError], words: str
) -> None:
    """One request, no wait, and a message with the next step."""
    double.answers = [failure(status)]

    with pytest.raises(kind) as refused:
        ask(client(double, tmp_path))
    assert words in refused.value.message
    assert HERE in refused.value.message
    assert refused.value.next_step
    assert (len(double.calls), double.clock.waited) == (1, [])


def test_what_toast_says_cannot_write_to_a_terminal(double: Double, tmp_path: Path) -> None:
    """Text of an answer is shown on one line, without control characters."""
    double.answers = [failure(400, message="\x1b[2Jgone\nnext\u202e", requestId="\x07id")]

    with pytest.raises(RequestError) as refused:
        ask(client(double, tmp_path))
    assert refused.value.message.isprintable()


# --- trouble that may pass --------------------------------------------------------------------------------------------


def test_a_limit_waits_as_long_as_named(double: Double, tmp_path: Path) -> None:
    """Retry-After, in seconds; a little chance is added so that callers do not come back together."""
    double.answers = [failure(429, {"Retry-After": "7"})]
    ask(client(double, tmp_path))

    assert len(double.calls) == 2
    assert 7.0 <= double.clock.elapsed <= 7.3


def test_a_limit_without_retry_after_waits_for_the_reset(double: Double, tmp_path: Path) -> None:
    """X-Toast-RateLimit-Reset: the epoch second at which the window ends."""
    reset = int(double.clock.now().timestamp()) + 11
    double.answers = [failure(429, {"X-Toast-RateLimit-Reset": str(reset)})]
    ask(client(double, tmp_path))

    assert len(double.calls) == 2
    assert 11.0 <= double.clock.elapsed <= 11.3


def test_a_wait_that_is_named_is_bounded(double: Double, tmp_path: Path) -> None:
    """Toast's longest window is 15 minutes: nobody is kept for a day."""
    double.answers = [failure(429, {"Retry-After": "86400"})]
    ask(client(double, tmp_path))

    assert 900 <= double.clock.elapsed <= 901


@pytest.mark.parametrize("header", ["-5", "soon", "", "Wed, 21 Oct 2026 07:28:00 GMT", "1e9"])
def test_a_retry_after_that_is_no_number_is_not_obeyed(double: Double, tmp_path: Path, header: str) -> None:
    """The usual growing wait is taken instead."""
    double.answers = [failure(429, {"Retry-After": header})]
    ask(client(double, tmp_path))

    assert len(double.calls) == 2
    assert 0.5 <= double.clock.elapsed <= 0.63


def test_a_location_that_used_up_its_window_holds_itself(double: Double, tmp_path: Path) -> None:
    """Remaining 0 on a good answer: the next call of that location waits for the reset, another location does not."""
    reset = int(double.clock.now().timestamp()) + 5
    double.answers = [httpx.Response(200, json=[], headers={"X-Toast-RateLimit-Remaining": "0", "X-Toast-RateLimit-Reset": str(reset)})]
    one = client(double, tmp_path)
    ask(one)
    one.get(PATH, endpoint="ordersBulk", location="another", scope=SCOPE)
    at_once = double.clock.elapsed
    ask(one)

    assert (at_once, double.clock.elapsed) == (0.0, 5.0)


@pytest.mark.parametrize(
    "trouble",
    [
        failure(500),
        failure(502),
        failure(503),
        failure(504),
        failure(499),
        failure(408),
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("slow"),
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
        httpx.DecodingError("bad gzip"),
    ],
)
def test_trouble_of_platform_and_network_is_retried(double: Double, tmp_path: Path, trouble: httpx.Response | Exception) -> None:
    """Asked again, after a growing wait, until it passes."""
    double.answers = [trouble, trouble, trouble]
    ask(client(double, tmp_path))

    assert len(double.calls) == 4
    assert [0.5 * 2**n <= wait <= 0.5 * 2**n * 1.25 for n, wait in enumerate(double.clock.waited)] == [True] * 3


def test_a_body_cut_on_its_way_is_asked_again(double: Double, tmp_path: Path) -> None:
    """What `accept` calls unreadable is no answer, though its status is 200."""
    double.answers = [httpx.Response(OK, content=b'[{"gui'), httpx.Response(OK, content=b"[]")]

    def accept(body: bytes) -> None:
        if not body.endswith(b"]"):
            raise RetryableError("cut")

    assert ask(client(double, tmp_path), accept=accept) == b"[]"
    assert len(double.calls) == 2


def test_trouble_that_lasts_ends(double: Double, tmp_path: Path) -> None:
    """After the policy's attempts the last trouble is told, with the next step."""
    double.answers = [failure(429, {"Retry-After": "1"}) for _ in range(3)]

    with pytest.raises(RateLimitedError, match="limited") as refused:
        ask(client(double, tmp_path, attempts=3))
    assert refused.value.next_step
    assert len(double.calls) == 3


def test_waits_grow_to_a_bound() -> None:
    """They double from half a second to a minute, with up to a quarter of chance."""
    policy = RetryPolicy()
    waits = [policy.wait(attempt, RetryableError("x")) for attempt in range(1, 12)]

    assert all(low <= wait <= low * 1.25 for wait, low in zip(waits, [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True))


def test_every_wait_is_told(double: Double, tmp_path: Path) -> None:
    """Whoever watches hears which location waits, why, and how long."""
    told: list[tuple[str, str, float]] = []
    double.answers = [failure(503)]
    one = client(double, tmp_path)
    one.on_wait = lambda location, why, seconds: told.append((location, why, seconds))
    ask(one)

    [(location, why, seconds)] = told
    assert (location, [seconds]) == (HERE, double.clock.waited)
    assert "trouble at Toast (503: because" in why


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [-90, 0, 90])
def test_the_server_s_present(double: Double, tmp_path: Path, ahead: int) -> None:
    """Windows go by the clock that stamps the orders: the server's."""
    served = http_date(double.clock.now() + timedelta(seconds=ahead))
    double.answers = [httpx.Response(OK, json=[], headers={"date": served})]
    one = client(double, tmp_path)
    double.login_answers = [httpx.Response(OK, json={"token": {"accessToken": "t", "expiresIn": 9999}}, headers={"date": served})]
    ask(one)

    assert one.http.now() == double.clock.now() + timedelta(seconds=ahead)


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_secret_is_in_no_message_and_no_repr(double: Double, tmp_path: Path) -> None:
    """Neither secret nor token is in any error, whatever the server echoes of its headers, nor in the repr of any part."""
    found: list[str] = []
    for status in (400, 401, 403, 404, 429, 500):
        one = client(double, tmp_path / str(status), attempts=2)
        double.answers = [failure(status), failure(status)]
        with pytest.raises(RestaurantOSError) as refused:
            ask(one)
        found += [str(refused.value), repr(refused.value), repr(refused.value.__dict__), repr(one), repr(one.http), repr(one.token())]
    double.login_answers = [failure(401)]
    with pytest.raises(RestaurantOSError) as denied:
        ask(client(double, tmp_path / "login"))
    found += [str(denied.value), repr(denied.value), repr(Token("token-1", double.clock.now()))]

    assert not [text for text in found if SECRET in text or "token-" in text]
