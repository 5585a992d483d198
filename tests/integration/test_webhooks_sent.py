"""The simulator's webhooks over real sockets, to a receiver that answers whatever it is told to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from decimal import Decimal
from operator import sub
from typing import Any

import httpx
import pytest

from restaurant_os.simulator.postman import Answer, post
from toast_simulator import Toast, simulating
from webhook_receiver import Received, Receiver, receiving

COMMAND = [sys.executable, "-c", "from restaurant_os.cli import main; main()", "simulate"]
SECRET = "whsec-of-this-test"


def sent(url: str, body: bytes = b"{}") -> Answer:
    return asyncio.run(post(url, {"Content-Type": "application/json", "Connection": "close"}, body))


# --- one attempt ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 301, 307, 404, 429, 500])
def test_the_status_is_what_the_receiver_gives_and_no_redirect_is_followed(status: int) -> None:
    with receiving(lambda request: status) as receiver:
        answer = sent(f"{receiver.url}/webhooks?a=b", b'{"n":1}')

        assert answer.status == status
        assert [(request.path, request.body) for request in receiver.received] == [("/webhooks?a=b", b'{"n":1}')]


def test_a_receiver_that_is_silent_is_given_two_seconds() -> None:
    with receiving(lambda request: None) as receiver:
        answer = sent(receiver.url)

    assert (answer.status, answer.name) == (None, "timeout")
    assert 1.9 < answer.seconds < 10


def test_a_body_of_a_megabyte_arrives_whole() -> None:
    body = os.urandom(500_000).hex().encode()
    with receiving() as receiver:
        assert sent(receiver.url, body).status == 200
        assert receiver.received[0].body == body
        assert receiver.received[0].headers["content-length"] == "1000000"


def test_no_connection_and_no_answer_are_told_apart() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        nobody = sent(f"http://127.0.0.1:{unheard.getsockname()[1]}/")

    async def rude() -> Answer:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            return await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")

    assert (nobody.name, asyncio.run(rude()).name) == ("no connection", "no answer")


def test_an_early_refusal_of_a_large_body_is_read() -> None:
    ended = asyncio.Event()

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        with suppress(ConnectionError):
            await writer.drain()
            await reader.read()
        writer.close()
        ended.set()

    async def live() -> Answer:
        server = await asyncio.start_server(refusing, "127.0.0.1", 0)
        async with server:
            answer = await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"x" * 2_000_000)
            await ended.wait()
            return answer

    assert asyncio.run(live()).status == 413


# --- a simulator that runs ------------------------------------------------------------------------------------------------


@contextmanager
def subscribed(receiver: Receiver, category: str = "order_updated") -> Iterator[Toast]:
    with simulating(locations=2, days=2, demand=0.2) as toast:
        asked = {"url": f"{receiver.url}/webhooks/toast", "category": category, "secret": SECRET}
        httpx.post(f"{toast.url}/simulator/webhooks/subscriptions", json=asked).raise_for_status()
        yield toast


def state(toast: Toast) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{toast.url}/simulator/webhooks", timeout=30).json()
    return found


def counts_when(toast: Toast, pending: int = 0, **at_least: int) -> dict[str, int]:
    """The counts, once they are at least so high and so many deliveries are pending."""
    deadline = time.monotonic() + 60
    while True:
        found = state(toast)
        if found["pending"] == pending and all(found["counts"][name] >= count for name, count in at_least.items()):
            counts: dict[str, int] = found["counts"]
            return counts
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_events_are_signed_over_the_body_and_its_timestamp() -> None:
    with receiving() as receiver, subscribed(receiver) as toast:
        toast.advance(timedelta(hours=3))
        counts = counts_when(toast, events=10)

        for request in receiver.wait(counts["events"]):
            stamp = json.loads(request.body)["timestamp"]
            made = hmac.new(SECRET.encode(), request.body + stamp.encode(), hashlib.sha256).digest()
            assert request.headers["toast-signature"] == base64.b64encode(made).decode()
        assert len(receiver.received) == counts["delivered"] == counts["attempts"]


def attempts(toast: Toast, guid: str = "") -> list[dict[str, Any]]:
    """Those that were answered: of one event, or all."""
    found: list[dict[str, Any]] = httpx.get(f"{toast.url}/simulator/webhooks/deliveries", timeout=30).json()["deliveries"]
    return [one for one in found if not guid or one["guid"] == guid]


def test_a_failing_receiver_is_tried_three_times_on_the_simulated_clock() -> None:
    """Again after five minutes and after ten more, with the same body."""
    with receiving(lambda request: 500) as receiver, subscribed(receiver, "stock") as toast:
        while not (made := attempts(toast)):
            toast.advance(timedelta(minutes=30))
            time.sleep(0.1)
        guid = made[0]["guid"]
        for number, minutes in ((2, 5), (3, 10)):
            toast.advance(timedelta(minutes=minutes, seconds=1))
            while len(attempts(toast, guid)) < number:
                time.sleep(0.02)
        at = [datetime.fromisoformat(one["at"]) for one in attempts(toast, guid)]

        received = [request for request in receiver.received if json.loads(request.body)["guid"] == guid]
        assert [request.headers["toast-attempt-number"] for request in received] == ["1", "2", "3"]
        assert len({request.body for request in received}) == 1
        assert [gap >= timedelta(minutes=minutes) for gap, minutes in zip(map(sub, at[1:], at), (5, 10), strict=True)] == [True, True]


def test_a_receiver_that_never_answers_holds_up_neither_the_api_nor_the_end() -> None:
    with receiving(lambda request: None) as receiver:
        with subscribed(receiver) as toast:
            toast.advance(timedelta(hours=6))
            receiver.wait(16)
            began = time.monotonic()
            for _ in range(20):
                httpx.get(f"{toast.url}/simulator/clock").raise_for_status()
            answered, ending = time.monotonic() - began, time.monotonic()
            waiting = state(toast)["pending"]
        ended = time.monotonic() - ending

    assert waiting >= 16
    assert answered < 2 * 20 / 2  # not one of them waited for a time-out
    assert ended < 10


# --- simulate --send ------------------------------------------------------------------------------------------------------


def simulate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATE_")}
    return subprocess.run(
        [*COMMAND, "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**kept, "COLUMNS": "200", **environment},
    )


DAY = ("--locations", "1", "--days", "1", "--last-day", "2026-03-09", "--clock-speed", "40000")


def test_simulate_sends_a_day_and_says_so_in_one_document() -> None:
    with receiving() as receiver:
        done = simulate("--send", receiver.url, *DAY, "--json", SIMULATE_SEND_SECRET=SECRET, SIMULATE_SEND_KEY="rok_of_this_test")

    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    by_path: dict[str, list[Received]] = {}
    for request in receiver.received:
        by_path.setdefault(request.path, []).append(request)
    assert set(by_path) == {"/webhooks/toast", "/webhook/sales", "/webhook/labor"}
    assert (report["complete"], report["interrupted"], report["business_date"]) == (True, False, "2026-03-09")
    assert report["events"]["delivered"] == report["events"]["events"] == len(by_path["/webhooks/toast"])
    assert report["events"]["answers"] == {"200": len(by_path["/webhooks/toast"])}
    assert report["summaries"]["delivered"] == len(by_path["/webhook/sales"]) + len(by_path["/webhook/labor"])
    assert {request.headers["authorization"] for request in by_path["/webhook/sales"]} == {"Bearer rok_of_this_test"}
    [books] = report["books"]
    last = json.loads(by_path["/webhook/sales"][-1].body)
    assert last == {"store_id": books["restaurant_guid"], "date": "2026-03-09", "gross_sales": float(books["gross_sales"])}
    assert Decimal(books["gross_sales"]) > 0
    assert SECRET not in done.stdout
    assert "rok_of_this_test" not in done.stdout


def test_simulate_ends_with_1_when_not_all_arrived() -> None:
    with receiving(lambda request: 401 if request.path == "/webhook/labor" else 200) as receiver:
        done = simulate("--send", receiver.url, *DAY)

    assert (done.returncode, done.stderr) == (1, "")
    assert "the receiver's answer to summaries: 401. It does not know the key of --send-key\n" in done.stdout
    assert "Not all of it arrived." in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--send", "http://127.0.0.1:1"), 1, "simulate: nobody answers at http://127.0.0.1:1: Connection refused. Nothing was sent."),
        (("--send", "nonsense"), 1, "simulate: --send is not an address such as http://127.0.0.1:8000, but 'nonsense'"),
    ],
)
def test_what_cannot_be_is_one_message(arguments: tuple[str, ...], code: int, said: str) -> None:
    done, as_json = simulate(*arguments), simulate(*arguments, "--json")

    assert (done.returncode, done.stdout, as_json.returncode, as_json.stderr) == (code, "", code, "")
    assert done.stderr.startswith(said)
    assert done.stderr == f"{json.loads(as_json.stdout)['error']['message']}\n"


def test_json_without_send_is_refused() -> None:
    done = simulate("--json")

    assert (done.returncode, json.loads(done.stdout)["error"]["message"]) == (2, "simulate: --json goes with --send.")


def test_an_interrupt_ends_it_with_what_was_sent() -> None:
    with receiving() as receiver:
        arguments = ("--send", receiver.url, "--locations", "1", "--days", "1", "--last-day", "2026-03-09", "--clock-speed", "7200")
        with subprocess.Popen([*COMMAND, "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            receiver.wait(1)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (1, "")
    assert out.splitlines()[-1].startswith("Interrupted: ")
