"""Who may: nobody without a key, but on this machine itself while it is a trial; each key what its scopes say, within seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.errors import OperationsError
from restaurant_os.operations import Scope
from restaurant_os.service.access import KEY, digest, new_key
from serving import VECTOR_SECRET, Serving, await_, serving, status_of

SALES = {"store_id": "north-1", "date": "2026-03-10", "gross_sales": 5000}
LABOR = {"store_id": "north-1", "date": "2026-03-10", "labor_hours": 62.5, "labor_cost": 1187.25}
OPEN = ("/healthz", "/docs", "/openapi.json")
READ = ("/v1/metrics", "/v1/locations", "/v1/status", "/metrics")
WRITE = {"/webhook/sales": SALES, "/webhook/labor": LABOR}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service past its trial: it has Toast's secret."""
    with serving(tmp_path_factory.mktemp("guarded"), secrets=VECTOR_SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("trial")) as found:
        yield found


def matrix(of: Serving, headers: dict[str, str]) -> dict[str, int]:
    """What each route that asks for a key answers."""
    return {path: of.get(path, **headers).status_code for path in READ} | {
        path: of.post(path, body, **headers).status_code for path, body in WRITE.items()
    }


def expected(read: int, write: int) -> dict[str, int]:
    return dict.fromkeys(READ, read) | dict.fromkeys(WRITE, write)


@pytest.mark.parametrize(
    ("scopes", "read", "write"), [((), 401, 401), (("read",), 200, 403), (("write",), 403, 200), (("read", "write"), 200, 200)]
)
def test_a_key_opens_what_its_scopes_say(guarded: Serving, scopes: tuple[Scope, ...], read: int, write: int) -> None:
    headers = guarded.key(*scopes) if scopes else {}

    assert matrix(guarded, headers) == expected(read, write)


def test_health_and_the_docs_need_no_key(guarded: Serving) -> None:
    await_(lambda: guarded.service.is_ready)

    assert {path: guarded.get(path).status_code for path in (*OPEN, "/readyz")} == dict.fromkeys((*OPEN, "/readyz"), 200)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "Bearer  {}", "BEARER {}"])
def test_a_key_may_come_as_bearer_in_any_case(guarded: Serving, form: str) -> None:
    text = guarded.key("read")["Authorization"].removeprefix("Bearer ")

    assert guarded.get("/v1/locations", Authorization=form.format(text)).status_code == 200


def test_a_key_may_come_in_a_header_of_its_own(guarded: Serving) -> None:
    text = guarded.key("read")["Authorization"].removeprefix("Bearer ")

    assert guarded.get("/v1/locations", **{"X-API-Key": text}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer rok_" + "A" * 43},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic cm9rOnJvaw=="},
        {"Authorization": "rok"},
        {"X-API-Key": "rok_short"},
        {"X-API-Key": ""},
        {"Cookie": "key=rok_" + "A" * 43},
    ],
    ids=str,
)
def test_what_is_no_key_is_401_with_what_to_do(guarded: Serving, headers: dict[str, str]) -> None:
    answer = guarded.get("/v1/locations", **headers)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "restaurant-os keys create" in answer.json()["error"]["next_step"]


def test_a_digest_is_no_key(guarded: Serving) -> None:
    """Whoever reads the store cannot come in by what stands there."""
    text = guarded.key("read")["Authorization"].removeprefix("Bearer ")

    assert guarded.get("/v1/locations", Authorization=f"Bearer {digest(text)}").status_code == 401


def test_a_key_is_256_bits_of_chance_and_only_its_digest_is_kept(guarded: Serving) -> None:
    made = [new_key("of a test", ["read"], guarded.service.now()) for _ in range(50)]

    assert all(KEY.fullmatch(text) for text, _ in made)
    assert len({text for text, _ in made}) == len({key.key_id for _, key in made}) == 50
    assert all(key.digest == digest(text) and text not in repr(key) for text, key in made)


# --- in effect within five seconds --------------------------------------------------------------------------------------


def test_a_key_counts_and_counts_no_more_within_five_seconds(tmp_path: Path) -> None:
    """Made and revoked by another process, as the command does it."""
    with serving(tmp_path, secrets=VECTOR_SECRET) as found:
        text, key = new_key("of a test", ["read"], found.service.now())

        def answers(status: int) -> Callable[[], bool]:
            return lambda: found.get("/v1/locations", Authorization=f"Bearer {text}").status_code == status

        began = time.monotonic()
        found.service.operations().add_key(key)
        await_(answers(200))
        made = time.monotonic() - began
        began = time.monotonic()
        found.service.operations().revoke_key(key.key_id, found.service.now())
        await_(answers(401))

        assert (made < 5, time.monotonic() - began < 5) == (True, True)


def test_where_the_keys_cannot_be_read_nobody_is_let_in(tmp_path: Path) -> None:
    """A key that was revoked meanwhile must not count for longer than five seconds."""
    with serving(tmp_path, secrets=VECTOR_SECRET) as found:
        key = found.key()
        assert found.get("/v1/locations", **key).status_code == 200

        def broken() -> Any:
            raise OperationsError("operations: cannot be read.", next_step="Look at the disk.")

        found.service.operations().keys = broken  # type: ignore[method-assign]
        began = time.monotonic()
        await_(lambda: found.get("/v1/locations", **key).status_code == 503)

        assert time.monotonic() - began < 6
        assert found.get("/v1/locations", **key).headers["Retry-After"] == "5"
        assert found.get("/healthz").status_code == 200


# --- the trial --------------------------------------------------------------------------------------------------------


def test_a_trial_answers_this_machine_without_a_key(trial: Serving) -> None:
    assert matrix(trial, {}) == expected(200, 200)


def ask(of: Serving, *lines: str, version: str = "1.1", path: str = "/v1/locations", body: bytes = b"") -> int:
    """The status of a request written by hand; `lines` are its headers but for the length."""
    method = "POST" if body else "GET"
    length = [f"Content-Length: {len(body)}"] if body else []
    head = "\r\n".join((f"{method} {path} HTTP/{version}", *lines, *length, "Connection: close", "", ""))
    return status_of(of.raw(head.encode() + body))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000"])
def test_a_trial_goes_by_names_of_this_machine(trial: Serving, host: str) -> None:
    assert ask(trial, f"Host: {host}") == 200


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: restaurants.example.com",),
        ("Host: localhost.example.com",),
        ("Host: 127.0.0.1.example.com",),
        ("Host: user@localhost",),
        ("Host: 10.0.0.1",),
        ("Host: localhost", "Host: evil"),
        ("Host: localhost", "X-Forwarded-For: 127.0.0.1"),
        ("Host: localhost", "X-Forwarded-Proto: https"),
        ("Host: localhost", "X-Forwarded-Anything: yes"),
        ("Host: localhost", "x-real-ip: 127.0.0.1"),
        ("Host: localhost", "Forwarded: for=127.0.0.1"),
        ("Host: localhost", "Via: 1.1 proxy"),
        ("Host: localhost", "X-Forwarded-For:"),
    ],
    ids=str,
)
def test_a_trial_does_not_answer_through_a_proxy_or_by_another_name(trial: Serving, lines: tuple[str, ...]) -> None:
    assert ask(trial, *lines) == 401
    assert ask(trial, *lines, path="/webhook/sales", body=json.dumps(SALES).encode()) in (401, 415)
    assert ask(trial, *lines, "Content-Type: application/json", path="/webhook/sales", body=json.dumps(SALES).encode()) == 401


def test_a_trial_does_not_answer_http_1_0(trial: Serving) -> None:
    """As proxies speak it that say nothing of themselves."""
    assert ask(trial, "Host: 127.0.0.1:8000", version="1.0") == 401


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", ""]
)
def test_a_web_page_cannot_post(trial: Serving, kind: str) -> None:
    """A browser sends these without asking first."""
    assert ask(trial, "Host: localhost", f"Content-Type: {kind}", path="/webhook/sales", body=json.dumps(SALES).encode()) == 415


def test_a_given_key_is_never_waved_through(trial: Serving) -> None:
    assert trial.get("/v1/locations", Authorization="Bearer rok_" + "A" * 43).status_code == 401


class Connection:
    """A request's scope as a server gives it."""

    def __init__(self, client: str | None, server: str | None) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "http_version": "1.1",
            "headers": [(b"host", b"localhost")],
            "client": (client, 1) if client else None,
            "server": (server, 1) if server else None,
        }


@pytest.mark.parametrize(
    ("client", "server", "is_let_in"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.8.8.8", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("192.168.1.2", "127.0.0.1", False),
        ("127.0.0.1", "192.168.1.2", False),
        ("::ffff:192.168.1.2", "::1", False),
        (None, None, False),
        ("127.0.0.1", None, False),
        ("testclient", "testserver", False),
    ],
)
def test_both_ends_of_a_trial_s_connection_are_on_this_machine(
    trial: Serving, client: str | None, server: str | None, is_let_in: bool
) -> None:
    from restaurant_os.service.access import not_local

    assert (not_local(Connection(client, server).scope) == "") is is_let_in


@pytest.mark.parametrize(
    ("account", "lines", "secrets"),
    [
        ({"toast_client_id": "id"}, "", ""),
        ({"toast_client_secret": "secret"}, "", ""),
        ({}, '[service]\npublic_url = "https://restaurants.example.com"', ""),
        ({}, "", "a-secret"),
    ],
    ids=["client id", "client secret", "public URL", "webhook secret"],
)
def test_a_trial_is_over_with_the_first_sign_that_it_is_more(tmp_path: Path, account: dict[str, str], lines: str, secrets: str) -> None:
    with serving(tmp_path, account=account, lines=lines, secrets=secrets) as found:
        assert matrix(found, {}) == expected(401, 401)
        assert found.get("/healthz").status_code == 200
        assert "restaurant-os keys create" in found.service.greeting


def test_a_trial_is_over_with_the_first_key_and_does_not_come_back(tmp_path: Path) -> None:
    """Revoking the last key must not open what it closed."""
    with serving(tmp_path) as found:
        assert found.get("/v1/locations").status_code == 200
        text, key = new_key("of a test", ["read"], found.service.now())
        found.service.operations().add_key(key)
        await_(lambda: found.get("/v1/locations").status_code == 401)

        found.service.operations().revoke_key(key.key_id, found.service.now())
        found.service.keyring.refresh()

        assert found.get("/v1/locations").status_code == 401
        assert found.get("/v1/locations", Authorization=f"Bearer {text}").status_code == 401


def test_a_refusal_is_counted(tmp_path: Path) -> None:
    with serving(tmp_path, secrets=VECTOR_SECRET) as found:
        found.post("/webhook/sales", SALES)
        found.post("/webhook/sales", SALES, **found.key("read"))
        found.post("/webhook/labor", SALES, **{"Content-Type": "text/plain"})

        assert found.counted("events_refused") == {"sales no_key": 2.0, "labor wrong_type": 1.0}
