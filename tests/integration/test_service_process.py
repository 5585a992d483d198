"""`restaurant-os serve` as a process: how it begins, how it ends, what it says, and what it never says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import httpx
import pytest

from restaurant_desk import COMMAND, command
from restaurant_os.warehouse.duckdb import empty_file
from serving import JSON, await_, status_of
from toast_simulator import environment

REPOSITORY = Path(__file__).parents[2]
NO_ACCOUNT = {"TOAST_CLIENT_ID": "", "TOAST_CLIENT_SECRET": ""}
SECRETS = {"TOAST_WEBHOOK_SECRETS": "whsec-one-of-this-run,whsec-two-of-this-run", "TOAST_CLIENT_SECRET": "client-secret-of-this-run"}
SALES = {"store_id": "north-1", "date": "2026-03-10", "gross_sales": 5000}


@dataclass
class Process:
    """A service of its own. `log`: what it wrote, stdout and stderr."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def is_ready(self) -> bool:
        return _answers(f"{self.url}/readyz")


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The real command, without an account of Toast's but what `variables` say."""
    return command(folder, *arguments, timeout=100, **{**NO_ACCOUNT, **variables})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "restaurant-os.toml").write_text('warehouse = "duckdb:///warehouse.duckdb"\n')
    (tmp_path / "warehouse.duckdb").write_bytes(empty_file())
    return tmp_path


@contextmanager
def started(folder: Path, *arguments: str, program: Sequence[str] = (COMMAND, "serve"), **variables: str) -> Iterator[Process]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    log = folder / "serve.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [*program, "--port", str(port), *arguments],
            cwd=folder,
            env=environment(folder, **{**NO_ACCOUNT, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    found = Process(process, port, log)
    try:
        await_(lambda: process.poll() is not None or found.is_ready(), 60)
        assert process.poll() is None, log.read_text()
        yield found
    finally:
        process.kill()
        process.wait()


# --- it begins --------------------------------------------------------------------------------------------------------


def test_an_address_for_all_without_a_valid_key_is_wrong_usage(folder: Path) -> None:
    host = "0.0.0.0"  # noqa: S104
    ran = run(folder, "serve", "--host", host, "--port", "0")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"serve: {host} can be reached by others, and there is no key.\n"
        "  -> Make one with `restaurant-os keys create --name NAME`, then start again; or leave --host out to try it on this machine alone.\n"
    )


def test_an_address_for_all_with_a_key_is_served_to_it_alone(folder: Path) -> None:
    key = run(folder, "keys", "create", "--name", "dashboard", "--scope", "read").stdout.strip()
    with started(folder, "--host", "0.0.0.0") as found:  # noqa: S104
        assert httpx.get(f"{found.url}/v1/locations").status_code == 401
        assert httpx.get(f"{found.url}/v1/locations", headers={"X-API-Key": key}).status_code == 200


def test_a_taken_port_is_one_message(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run(folder, "serve", "--port", str(port))

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"serve: 127.0.0.1:{port} is taken by another process.\n  -> End that process, or give another port with --port.\n"
    )


def test_a_store_that_cannot_be_opened_is_one_message(folder: Path) -> None:
    (folder / "warehouse.operations.sqlite").mkdir()

    ran = run(folder, "serve", "--port", "0")

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ("Traceback" in ran.stderr, "warehouse.operations.sqlite" in ran.stderr, "->" in ran.stderr) == (False, True, True)


def test_credentials_without_a_key_are_told_loudly(folder: Path) -> None:
    with started(folder, TOAST_WEBHOOK_SECRETS="whsec") as found:
        said = [line["message"] for line in found.lines()]

        assert (
            "NO KEY: there is TOAST_WEBHOOK_SECRETS, so all but signed webhooks and health answer 401 until `restaurant-os keys create`"
            in said
        )
        assert httpx.get(f"{found.url}/v1/locations").status_code == 401


def test_uvicorn_serves_the_same_app(folder: Path) -> None:
    """By the address it listens on it cannot tell who may: each request is asked."""
    program = (sys.executable, "-m", "uvicorn", "--app-dir", str(REPOSITORY), "main:app")
    with started(folder, program=program) as found:
        assert httpx.post(f"{found.url}/webhook/sales", json=SALES).json()["status"] == "success"
        assert httpx.get(f"{found.url}/v1/locations", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 401
        found.process.terminate()
        assert found.process.wait(30) in (0, -signal.SIGTERM)
        assert "/v1/locations?" not in found.log.read_text()


# --- it ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_within_ten_seconds(folder: Path, number: signal.Signals) -> None:
    with started(folder) as found:
        httpx.post(f"{found.url}/webhook/sales", json=SALES)
        began = time.monotonic()
        found.process.send_signal(number)

        assert found.process.wait(30) == 0
        assert time.monotonic() - began < 10
        assert [line["message"] for line in found.lines()][-1] == "stopped; what was committed is in"


def test_a_request_that_is_under_way_is_answered_before_it_ends(folder: Path) -> None:
    body = json.dumps(SALES).encode()
    head = (
        f"POST /webhook/sales HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    with started(folder) as found, socket.create_connection(("127.0.0.1", found.port), timeout=30) as connection:
        connection.sendall(head + body[:10])
        await_(lambda: _is_alive(found.url))
        found.process.terminate()
        await_(lambda: not found.is_ready())
        connection.sendall(body[10:])

        assert status_of(connection.recv(10_000)) == 200
        assert found.process.wait(30) == 0


def test_a_request_that_never_comes_whole_does_not_keep_it(folder: Path) -> None:
    head = b"POST /webhook/sales HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with started(folder) as found, socket.create_connection(("127.0.0.1", found.port), timeout=30) as connection:
        connection.sendall(head)
        await_(lambda: _is_alive(found.url))
        began = time.monotonic()
        found.process.terminate()

        assert status_of(connection.recv(10_000)) == 503
        assert found.process.wait(30) == 0
        assert time.monotonic() - began < 10


def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    head = b"POST /webhook/sales HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with started(folder) as found, socket.create_connection(("127.0.0.1", found.port), timeout=30) as connection:
        connection.sendall(head)
        await_(lambda: _is_alive(found.url))
        found.process.terminate()
        await_(lambda: not found.is_ready())
        began = time.monotonic()
        found.process.terminate()

        assert found.process.wait(30) == -signal.SIGTERM
        assert time.monotonic() - began < 6


def test_a_warehouse_that_another_process_holds_does_not_keep_it(folder: Path) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")), started_unready(folder) as found:
        httpx.post(f"{found.url}/webhook/sales", json=SALES)
        began = time.monotonic()
        found.process.terminate()

        assert found.process.wait(30) == 0
        assert time.monotonic() - began < 10


@contextmanager
def started_unready(folder: Path) -> Iterator[Process]:
    """One whose warehouse cannot be opened: alive, never ready."""
    before = Process.is_ready
    Process.is_ready = lambda self: _is_alive(self.url)  # type: ignore[method-assign]
    try:
        with started(folder) as found:
            yield found
    finally:
        Process.is_ready = before  # type: ignore[method-assign]


def _is_alive(url: str) -> bool:
    return _answers(f"{url}/healthz")


def _answers(url: str) -> bool:
    """By what needs no certificates, for it is asked many times a second."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.status) == 200
    except (OSError, http.client.HTTPException):
        return False


# --- what it says -----------------------------------------------------------------------------------------------------


def test_no_secret_is_in_any_output(folder: Path) -> None:
    """Neither keys nor Toast's secrets, in the log, answers, the OpenAPI document or commands, whatever is sent."""
    variables = {**SECRETS, "TOAST_CLIENT_ID": "client-id"}
    made = run(folder, "keys", "create", "--name", "all", "--json", **variables)
    key = json.loads(made.stdout)["key"]
    headers = {**JSON, "Authorization": f"Bearer {key}"}
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    body = json.dumps({"timestamp": stamp, "eventType": "out_of_stock", "guid": key, "details": {}}).encode()
    secret = SECRETS["TOAST_WEBHOOK_SECRETS"].split(",")[1]
    signature = base64.b64encode(hmac.new(secret.encode(), body + stamp.encode(), hashlib.sha256).digest()).decode()
    with started(folder, **variables) as found, httpx.Client(base_url=found.url, headers=headers, timeout=30) as http:
        answers = [
            *(http.get(path) for path in ("/openapi.json", "/docs", "/metrics", "/v1/status", "/v1/locations", "/healthz", f"/{key}")),
            http.get("/v1/metrics", params={"location": key}),
            http.get("/v1/metrics", params={"from": key, "to": key}),
            http.post("/webhook/sales", json={**SALES, "store_id": key + "é"}),
            http.post("/webhook/sales", json=SALES),
            http.post("/webhooks/toast", content=body, headers={"Toast-Signature": signature}),
            http.post("/webhooks/toast", content=body, headers={"Toast-Signature": secret}),
            http.request("POST", f"/webhook/sales?key={key}", content=b"{"),
        ]
        listed = run(folder, "keys", "list", "--json", **variables).stdout + run(folder, "keys", "list", **variables).stdout
        found.process.terminate()
        found.process.wait(30)
        output = found.log.read_text() + listed + made.stderr

    # What a sender puts into a field is told back to that sender alone.
    told = "".join(answer.text for answer in answers if key not in str(answer.request.url) and key.encode() not in answer.request.content)
    assert [answer.status_code for answer in answers[:7]] == [200, 200, 200, 200, 200, 200, 404]
    assert answers[11].json() == {"status": "success", "message": "kept"}
    for hidden in (key, key[4:], *SECRETS["TOAST_WEBHOOK_SECRETS"].split(","), SECRETS["TOAST_CLIENT_SECRET"]):
        assert (hidden in output, hidden in told) == (False, False)


def test_every_line_is_json_and_none_has_an_address_or_header(folder: Path) -> None:
    with started(folder) as found:
        httpx.get(f"{found.url}/v1/locations?marker=in-a-query", headers={"X-Marker": "in-a-header"})
        httpx.get(f"{found.url}/marker-in-a-path")
        httpx.post(f"{found.url}/webhook/sales", json=SALES)
        found.process.terminate()
        found.process.wait(30)

        requests = [line for line in found.lines() if line["message"] == "request" and line["route"] not in ("/readyz", "/healthz")]
    assert [(line["route"], line["method"], line["status"], line.get("event")) for line in requests] == [
        ("/v1/locations", "GET", 200, None),
        ("none of ours", "GET", 404, None),
        ("/webhook/sales", "POST", 200, 1),
    ]
    assert all(line["at"].endswith("+00:00") and line["level"] == "info" and line["ms"] >= 0 for line in requests)  # type: ignore[attr-defined,operator]
    assert "marker" not in (folder / "serve.log").read_text().lower()


def test_a_reader_of_the_log_that_stalls_stalls_no_request(folder: Path) -> None:
    """The log goes to a pipe that nobody reads."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [COMMAND, "serve", "--port", str(port)],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        await_(lambda: _is_alive(f"http://127.0.0.1:{port}"), 60)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            statuses = {http.get("/healthz").status_code for _ in range(1_500)}
        assert statuses == {200}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
