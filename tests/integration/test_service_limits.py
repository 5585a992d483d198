"""What a sender cannot do to the service: bodies and headers that are too large, too slow, compressed, nested, or no HTTP at all."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from restaurant_os.service import gate, protocol
from serving import JSON, VECTOR_SECRET, Serving, received, serving, status_of

SALES = json.dumps({"store_id": "north-1", "date": "2026-03-10", "gross_sales": 5000}).encode()
LIMITS = {"/webhooks/toast": 4 * 1024 * 1024, "/webhook/sales": 64 * 1024, "/webhook/labor": 64 * 1024}
HEAD = b"POST /webhook/sales HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("trial")) as found:
        yield found


@pytest.fixture(autouse=True)
def still_there(trial: Serving) -> Iterator[None]:
    """Whatever a test did, the next request is answered as ever."""
    yield
    assert trial.post("/webhook/sales", SALES).status_code == 200


def error_of(answer: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    return found


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LIMITS)
@pytest.mark.parametrize("way", ["length", "chunked"])
def test_a_body_over_its_route_s_limit_is_413(trial: Serving, path: str, way: str) -> None:
    body = b"x" * (LIMITS[path] + 1)
    content = body if way == "length" else iter([body[at : at + 65_536] for at in range(0, len(body), 65_536)])

    answer = trial.http.post(path, content=content, headers=JSON)

    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == f"the body is over {LIMITS[path]:,} bytes."


@pytest.mark.parametrize("path", LIMITS)
def test_a_body_of_its_route_s_limit_is_read(trial: Serving, path: str) -> None:
    answer = trial.post(path, b" " * LIMITS[path])

    assert answer.status_code in (401, 422)


@pytest.mark.parametrize("path", [*LIMITS, "/v1/locations", "/nowhere"])
@pytest.mark.parametrize("way", ["length", "chunked"])
def test_twenty_megabytes_are_413_everywhere_and_are_not_kept(trial: Serving, path: str, way: str) -> None:
    """Their sender hears it, although it first writes all of them."""
    piece = b"x" * 1024 * 1024
    content = piece * 20 if way == "length" else iter([piece] * 20)

    answer = trial.http.request("POST", path, content=content, headers=JSON)

    expected = 413 if way == "length" or path in LIMITS else {"/v1/locations": 405, "/nowhere": 404}[path]
    assert answer.status_code == expected


def test_a_body_without_end_is_not_read_for_ever(trial: Serving) -> None:
    """Without a key, or of the wrong type, it is refused at once; what still comes is thrown away for a while, then the connection ends."""
    stop = threading.Event()
    with socket.create_connection(("127.0.0.1", trial.port), timeout=30) as connection:
        connection.sendall(HEAD.replace(b"application/json", b"text/plain") + b"Transfer-Encoding: chunked\r\n\r\n")

        def write() -> None:
            while not stop.is_set():
                try:
                    connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
                except OSError:
                    return

        writer = threading.Thread(target=write)
        began = time.monotonic()
        writer.start()
        try:
            answer = received(connection)
        finally:
            stop.set()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            writer.join()

    assert status_of(answer) in (0, 415)  # a sender that never stops writing may not read it
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity"])
def test_a_compressed_body_is_415(trial: Serving, coding: str) -> None:
    answer = trial.post("/webhook/sales", gzip.compress(b" " * 10_000_000 + SALES), **{"Content-Encoding": coding})

    assert (answer.status_code, answer.json()["error"]["message"]) == (415, "the body is compressed.")


def test_a_body_that_is_identity_coded_is_taken(trial: Serving) -> None:
    assert trial.post("/webhook/sales", SALES, **{"Content-Encoding": "identity"}).status_code == 200


def test_no_more_bodies_are_held_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_HELD", 100_000)
    with serving(tmp_path) as found:
        large = found.post("/webhooks/toast", b"x" * 200_000)

        assert (large.status_code, large.headers["Retry-After"]) == (503, "1")
        assert found.post("/webhook/sales", SALES).status_code == 200


def test_no_more_requests_run_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_REQUESTS", 2)
    with serving(tmp_path) as found:
        waiting = [socket.create_connection(("127.0.0.1", found.port)) for _ in range(2)]
        for connection in waiting:
            connection.sendall(HEAD + b"Content-Length: 10\r\n\r\n{")
        statuses = set()
        for _ in range(20):
            answer = found.get("/healthz")
            statuses.add(answer.status_code)
        for connection in waiting:
            connection.sendall(b" " * 9)
            connection.recv(1000)
            connection.close()

        assert 503 in statuses
        assert found.get("/healthz").status_code == 200


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_slow_body_is_408(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is ten seconds; the test's is shorter."""
    assert gate.BODY_SECONDS == 10.0
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.5)
    with serving(tmp_path) as found:
        answer = found.raw([HEAD + b"Content-Length: 100\r\n\r\n", *[b" "] * 20], pause=0.1)

        assert status_of(answer) == 408
        assert b"connection: close" in answer.lower()
        assert error_of(answer)["message"] == "the body took longer than 10 s to come."


def test_slow_headers_end_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert protocol.HEAD_SECONDS == 10.0
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    with serving(tmp_path) as found:
        began = time.monotonic()
        answer = found.raw([b"GET /healthz HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 20], pause=0.1)

        assert status_of(answer) == 408
        assert time.monotonic() - began < 10


def test_a_connection_that_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    with serving(tmp_path) as found:
        assert found.raw(b"") == b""


def test_slow_headers_after_an_answer_end_the_connection_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    with serving(tmp_path) as found:
        answer = found.raw([b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /healthz"], pause=0.1)

        assert (answer.count(b"HTTP/1.1 200 OK"), answer.count(b"HTTP/1.1 408 Request Timeout")) == (1, 1)


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 5_000_000,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 1_000_000,
        b"GET /" + b"a" * 5_000_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n" + b"X: a\r\n" * 1_000_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\nX: " + b"a" * 5_000_000,
    ],
    ids=["one", "many", "line", "one without end", "many without end", "line without end", "trailers", "trailer without end"],
)
def test_a_flood_of_headers_is_refused(trial: Serving, sent: bytes) -> None:
    """One that goes on after the refusal may not read it: the connection is gone."""
    began = time.monotonic()

    answer = trial.raw(sent)

    assert status_of(answer) in ((431,) if len(sent) < 200_000 else (0, 400, 431))
    assert time.monotonic() - began < 10


def test_headers_of_60_kb_are_taken(trial: Serving) -> None:
    assert trial.get("/healthz", **{"X-A": "a" * 60_000}).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : x\r\nX-\x00: y\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        HEAD + b"Content-Length: -5\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["TLS", "text", "version", "bytes", "host", "blank", "header", "two lengths", "twice", "negative", "chunk", "HTTP/2"],
)
def test_what_is_no_http_is_refused_and_closed(trial: Serving, sent: bytes) -> None:
    answer = trial.raw(sent)

    assert status_of(answer) in (400, 404, 422)
    assert set(error_of(answer)) == {"message", "next_step", "field"}


@pytest.mark.parametrize(
    "path", ["/%00", "/%ff%fe", "/../../etc/passwd", "//", "/webhook/sales/", "/v1/metrics%2f", "/*", "/docs/oauth2-redirect", "/redoc"]
)
def test_other_addresses_are_404_in_the_same_shape(trial: Serving, path: str) -> None:
    answer = trial.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    assert status_of(answer) == 404
    assert error_of(answer) == {"message": "there is no such address.", "next_step": "GET /docs lists those there are.", "field": None}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/webhook/sales", "POST"),
        ("PUT", "/webhooks/toast", "POST"),
        ("DELETE", "/v1/metrics", "GET"),
        ("OPTIONS", "/healthz", "GET"),
    ],
)
def test_another_method_is_405_with_the_one_that_is_answered(trial: Serving, method: str, path: str, allowed: str) -> None:
    answer = trial.http.request(method, path)

    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert set(answer.json()["error"]) == {"message", "next_step", "field"}


def test_many_requests_at_once_on_one_connection_are_answered_in_order(trial: Serving) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    answer = trial.raw(one * 20 + one.replace(b"Host", b"Connection: close\r\nHost"))

    assert answer.count(b"HTTP/1.1 200 OK") == 21


def test_a_flood_of_requests_on_one_connection_does_no_harm(trial: Serving) -> None:
    answer = trial.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 50_000)

    assert answer.startswith((b"HTTP/1.1 200", b""))


def test_a_question_for_a_web_socket_is_no_web_socket(trial: Serving) -> None:
    sent = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with socket.create_connection(("127.0.0.1", trial.port), timeout=30) as connection:
        connection.sendall(sent)
        assert status_of(connection.recv(1000)) == 200


def test_whoever_asks_to_go_on_is_told_before_the_body(trial: Serving) -> None:
    """A sender that waits for 100 Continue sends no body that would be refused."""
    asking = b"Expect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", trial.port), timeout=30) as connection:
        connection.sendall(HEAD + asking + b"Content-Length: %d\r\n\r\n" % len(SALES))
        assert status_of(connection.recv(1000)) == 100
        connection.sendall(SALES)
        assert status_of(connection.recv(1000)) == 200
    refused = trial.raw(HEAD + asking + b"Content-Length: 100000\r\n\r\n")
    assert status_of(refused) == 413


def test_a_sender_that_goes_away_leaves_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path, secrets=VECTOR_SECRET) as found:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", found.port)) as connection:
                connection.sendall(HEAD.replace(b"/webhook/sales", b"/webhooks/toast") + b"Content-Length: 1000\r\n\r\n{")

        assert found.get("/healthz").status_code == 200
        assert found.events() == []
