"""A backfill through deployed functions: the same tables, one call at a time per location, one Toast login, and what wrong answers cost."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from backfilling import Here, Troubled, span
from functions_running import function
from restaurant_desk import Desk, desk
from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.errors import CredentialsError
from restaurant_os.pipeline import remote
from restaurant_os.pipeline.remote import IDENTITY_VARIABLE, Identity
from restaurant_os.tables import CASH, LABOR
from toast_simulator import CREDENTIALS, LAST_DAY, Toast, simulating
from warehouse_reading import Rows, ledger, orders, read

DAYS = 24
FIRST = LAST_DAY - timedelta(days=DAYS - 1)
SECOND = FIRST + timedelta(days=7)
LAST = FIRST + timedelta(days=13)
SPAN = span(FIRST, LAST)
DATASETS = ("orders", "cash", "labor")
#: What a function answers for a location: so much read, and nothing wrong.
DONE = {"rows_read": 5, "rows_added": 3, "rows_changed": 1, "rows_quarantined": 1, "error": None, "left": None}

Answer = tuple[int, bytes]


@dataclass
class Call:
    """One call of a function: what was sent, and from when to when it was in flight."""

    path: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    began: float
    ended: float = 0.0


@dataclass
class Stub:
    """A function at `url` that answers what `answer` says."""

    url: str
    calls: list[Call] = field(default_factory=list)

    def bodies(self) -> list[tuple[str, str, str]]:
        return [(call.body["restaurant_guid"], call.body["start_date"], call.body["end_date"]) for call in self.calls]


def document(**more: object) -> bytes:
    return json.dumps({"dataset": "orders", "locations": [{**DONE, **more}], "failed": 0, "left": 0}).encode()


@contextmanager
def stub(answer: Callable[[Call], Answer]) -> Iterator[Stub]:
    """A server on this machine in place of the functions."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call = Call(self.path, body, dict(self.headers), time.monotonic())
            found.calls.append(call)
            status, content = answer(call)
            call.ended = time.monotonic()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Stub(f"http://127.0.0.1:{server.server_port}/toast")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=2, days=DAYS, demand=0.02) as running:
        yield running


@pytest.fixture
def group(toast: Toast, tmp_path: Path) -> Desk:
    return desk(tmp_path / "group", toast, begun=True)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(monkeypatch, capsys)


def tables(warehouse: Path) -> dict[str, Rows]:
    """The rows of all datasets, and the ledger by date; without the times of reading, which must not matter."""
    by_date = [row for row in ledger(warehouse)["sync_runs"] if row[2] == BUSINESS_DATE]
    found = {**orders(warehouse), "sync_runs": by_date}
    for spec in (*CASH.tables, *LABOR.tables):
        columns = ", ".join(name for name in spec.names if name not in spec.incidental)
        found[spec.name] = read(warehouse, f"SELECT {columns} FROM {spec.name} ORDER BY ALL")
    return found


def most_at_once(calls: list[Call]) -> dict[str, int]:
    """By location, how many calls were in flight together at most."""
    found: dict[str, int] = {}
    for call in calls:
        guid = call.body["restaurant_guid"]
        together = sum(other.body["restaurant_guid"] == guid and other.began <= call.began < other.ended for other in calls)
        found[guid] = max(found.get(guid, 0), together)
    return found


# --- real functions -----------------------------------------------------------------------------------------------------


def test_through_the_functions_it_ends_like_a_local_one(here: Here, tmp_path: Path) -> None:
    """All datasets; one call in flight per location, locations side by side; one Toast login in all, whose token every call shares."""
    nine_dates = span(FIRST, SECOND + timedelta(days=1))
    with simulating(locations=2, days=DAYS, demand=0.02) as toast, ExitStack() as running:
        own, locations = desk(tmp_path / "own", toast, begun=True), toast.locations()
        ways = {name: running.enter_context(function(own, name)).url for name in DATASETS}

        def passed_on(call: Call) -> Answer:
            name = call.path.strip("/").split("-")[1]
            headers = {header: value for header, value in call.headers.items() if header.startswith("X-")}
            given = httpx.post(ways[name], json=call.body, headers=headers, timeout=100)
            return given.status_code, given.content

        functions = running.enter_context(stub(passed_on))
        ran = here.run(own, "all", *nine_dates, "--via", functions.url + "-{dataset}-etl")
        logins = [call for call in toast.calls() if call["endpoint"] == "login"]
        again = here.run(own, "all", *nine_dates, "--via", functions.url + "-{dataset}-etl")
        local = desk(tmp_path / "local", toast, begun=True)
        assert here.run(local, "all", *nine_dates).code == 0

    assert (ran.code, ran.out.splitlines()[-1]) == (0, "Complete: 12 units."), ran.out + ran.err
    assert (again.code, len(functions.calls)) == (0, 12)
    assert tables(own.warehouse) == tables(local.warehouse)
    guids = [location.toast_guid for location in locations]
    assert most_at_once(functions.calls) == dict.fromkeys(guids, 1)
    assert any(one.began < other.began < one.ended for one in functions.calls for other in functions.calls)
    assert len(logins) == 1
    assert len({(call.headers["X-Toast-Token"], call.headers["X-Toast-Token-Expires"]) for call in functions.calls}) == 1
    assert not any("Authorization" in call.headers for call in functions.calls)
    weeks = [(FIRST, SECOND - timedelta(days=1)), (SECOND, SECOND + timedelta(days=1))]
    asked = {(guid, first.isoformat(), last.isoformat()) for guid in guids for first, last in weeks}
    assert Counter(functions.bodies()) == dict.fromkeys(asked, 3)


def test_a_call_that_is_cut_short_is_followed_until_nothing_is_left(here: Here, tmp_path: Path) -> None:
    """By a time budget that holds a part of a week: three pages a date, 0.21 s apart."""
    week = span(FIRST, SECOND - timedelta(days=1))
    with simulating(locations=1, days=DAYS) as toast:
        local = desk(tmp_path / "local", toast, begun=True)
        local.sync(FIRST, SECOND - timedelta(days=1))
        toast.pacing = "documented"
        own = desk(tmp_path / "own", toast, begun=True)
        answers: list[Any] = []
        with function(own, "orders", RESTAURANT_OS_TIME_BUDGET="4") as running:

            def passed_on(call: Call) -> Answer:
                headers = {name: value for name, value in call.headers.items() if name.startswith("X-")}
                given = httpx.post(running.url, json=call.body, headers=headers, timeout=100)
                answers.append(given.json()["locations"][0])
                return given.status_code, given.content

            with stub(passed_on) as functions:
                ran = here.run(own, "orders", *week, "--via", functions.url, "--json")

    lefts = [answer["left"] for answer in answers]
    assert (ran.code, ran.document["missing"]) == (0, [])
    assert len(lefts) > 1
    assert lefts[-1] is None
    assert all(lefts[:-1])
    assert len(set(functions.bodies())) == 1  # the same call again
    assert ran.document["datasets"][0]["locations"][0]["rows_read"] == sum(answer["rows_read"] for answer in answers)
    assert orders(own.warehouse) == orders(local.warehouse)
    assert read(own.warehouse, "SELECT count(*), count(DISTINCT business_date) FROM sync_runs") == [(7, 7)]


# --- what is answered ---------------------------------------------------------------------------------------------------


def test_what_is_left_is_followed_while_it_shrinks(here: Here, group: Desk) -> None:
    """And given up when the same is left three times; that costs the unit alone."""

    def answer(call: Call) -> Answer:
        if call.body["start_date"] == SECOND.isoformat():
            return 200, document(left={"start_date": call.body["start_date"], "end_date": call.body["end_date"]})
        nth = sum(other.body == call.body for other in functions.calls)
        left = {"start_date": (FIRST + timedelta(days=nth)).isoformat(), "end_date": call.body["end_date"]} if nth < 4 else None
        return 200, document(left=left)

    with stub(answer) as functions:
        ran = here.run(group, "orders", *SPAN, "--location", "North", "--via", functions.url, "--json")

    starts = [start for _, start, _ in functions.bodies()]
    assert starts == [FIRST.isoformat()] * 4 + [SECOND.isoformat()] * 6
    assert [(gap["from"], gap["to"]) for gap in ran.document["missing"]] == [
        (FIRST.isoformat(), (SECOND - timedelta(days=1)).isoformat()),
        (SECOND.isoformat(), LAST.isoformat()),
    ]
    elsewhere, idle = (gap["why"] for gap in ran.document["missing"])
    assert "is not in this warehouse" in elsewhere  # the stub brings nothing in
    assert "brings nothing" in idle


def said(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"field": None, "message": message, "next_step": "Do."}, **more}).encode()


#: What the function answers; what is told; and how often two locations with two weeks each make it say so.
ANSWERS: dict[str, tuple[int, bytes, str, int]] = {
    "401": (401, b"<html>Unauthorized</html>", "does not let this caller in (401)", 2),
    "403": (403, b"<html>Forbidden</html>", "does not let this caller in (403)", 2),
    "403 as JSON": (403, b'{"error": {"code": 403, "message": "IAM"}}', "does not let this caller in (403)", 2),
    "404": (404, b"<html>Not found</html>", "no answer of ours (404)", 2),
    "a page": (200, b"<html>Welcome</html>", "no answer of ours (200)", 2),
    "another's JSON": (200, b'{"ok": true}', "no answer of ours (200)", 2),
    "a redirect": (302, b"", "no answer of ours (302)", 2),
    "400": (400, said("restaurant_guid: it is not configured."), "restaurant_guid: it is not configured.", 8),
    "500 of ours": (500, said("warehouse: it is gone."), "trouble (500: warehouse: it is gone.)", 16),
    "500 of a page": (500, b"\xff\xfe", "trouble (500)", 16),
    "503 as JSON": (503, b'{"error": {"code": 503, "message": "overloaded"}}', "trouble (503: overloaded)", 16),
    "429": (429, b"Rate exceeded.", "trouble (429)", 16),
    "a failed location": (500, document(error={"message": "Toast: no.", "next_step": "Do."}), "North: Toast: no.", 8),
}


@pytest.mark.parametrize("case", list(ANSWERS))
def test_a_wrong_answer_is_one_clear_message(here: Here, group: Desk, case: str) -> None:
    """Who is not let in, or is at the wrong address, is not asked again for every unit; other trouble costs its unit and is tried again."""
    status, content, told, calls = ANSWERS[case]
    with stub(lambda call: (status, content)) as functions:
        ran = here.run(group, "orders", *SPAN, "--via", functions.url, "--json")

    assert (ran.code, ran.err) == (1, "")
    assert told in ran.document["missing"][0]["why"]
    assert [(gap["location"], gap["from"], gap["to"]) for gap in ran.document["missing"]] == [
        (name, FIRST.isoformat(), LAST.isoformat()) for name in ("North", "East")
    ]
    assert len(functions.calls) == calls
    assert all(location["error"]["next_step"] for location in ran.document["datasets"][0]["locations"])


def test_an_answer_that_is_cut_is_asked_for_again(here: Here, group: Desk) -> None:
    """The network's trouble costs a call, and nothing when the next one is whole."""
    with stub(lambda call: (200, document())) as functions:
        broken: list[str] = []

        def cut(request: httpx.Request) -> httpx.Response | None:
            if request.url.path.startswith("/toast") and not broken:
                broken.append(request.url.path)
                raise httpx.ReadError("cut", request=request)
            return None

        ran = here.run(group, "orders", *SPAN, "--location", "North", "--via", functions.url, "--json", transport=Troubled(cut))

    [[location]] = [row["locations"] for row in ran.document["datasets"]]
    assert (len(broken), location["error"], location["windows"], location["rows_read"]) == (1, None, 14, 10)


def test_nobody_at_the_address_is_told_at_once(here: Here, group: Desk) -> None:
    """Not after every unit."""
    with stub(lambda call: (200, document())) as functions:
        pass
    refused: list[str] = []

    def count(request: httpx.Request) -> None:
        if request.url.path.startswith("/toast"):
            refused.append(str(request.url))

    ran = here.run(group, "orders", *SPAN, "--via", functions.url, transport=Troubled(count))

    assert (ran.code, len(refused), ran.err.count("no whole answer")) == (1, 4, 1)
    assert "after --via" in ran.err


def test_one_dataset_that_fails_does_not_stop_the_others(here: Here, group: Desk) -> None:
    with stub(lambda call: (404, b"") if "cash" in call.path else (200, document())) as functions:
        ran = here.run(group, "all", *SPAN, "--via", functions.url + "/{dataset}", "--json")

    windows = {row["dataset"]: [location["windows"] for location in row["locations"]] for row in ran.document["datasets"]}
    assert windows == {"orders": [14, 14], "cash": [0, 0], "labor": [16, 16]}
    assert most_at_once(functions.calls) == dict.fromkeys(most_at_once(functions.calls), 1)


def test_interrupted_it_sends_no_call_more(here: Here, group: Desk) -> None:
    """Those in flight end by themselves, and what they brought is counted."""

    def answer(call: Call) -> Answer:
        if call is functions.calls[0]:
            while len(functions.calls) < 2:  # the other location's is on its way
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1.0)  # until the signal has been heard
        return 200, document()

    with stub(answer) as functions:
        ran = here.run(group, "orders", *SPAN, "--via", functions.url)

    assert (ran.code, len(functions.calls)) == (1, 2)  # the first unit of each location
    assert "Stopped. What was committed is in" in ran.err


def test_a_token_that_was_revoked_is_replaced_before_it_is_shared(here: Here, tmp_path: Path) -> None:
    """A function may not replace it, so that each of its calls would fail."""
    with simulating(locations=1, days=DAYS, demand=0.02) as toast, stub(lambda call: (200, document())) as functions:
        group = desk(tmp_path, toast, begun=True)
        here.run(group, "orders", *SPAN, "--via", functions.url)
        toast.set_faults(expired_token={"every": 1, "limit": 1})
        here.run(group, "orders", *SPAN, "--via", functions.url)

        assert len([call for call in toast.calls() if call["endpoint"] == "login"]) == 2
        assert len({call.headers["X-Toast-Token"] for call in functions.calls}) == 2


def test_wrong_credentials_end_it_before_the_first_call(here: Here, group: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CREDENTIALS, "TOAST_CLIENT_SECRET", "wrong")
    with stub(lambda call: (200, document())) as functions:
        ran = here.run(group, "orders", *SPAN, "--via", functions.url)

    assert (ran.code, functions.calls, ran.err.count("do not belong together")) == (1, [], 1)


# --- the identity token -------------------------------------------------------------------------------------------------

FUNCTION = "https://functions.example/toast-orders-etl"


def seen(here: Here, group: Desk, dataset: str = "orders") -> list[httpx.Request]:
    """The calls of a backfill through a function that is not on this machine."""
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.url.host != "functions.example":
            return None
        calls.append(request)
        return httpx.Response(200, content=document())

    here.run(group, dataset, *SPAN, "--via", FUNCTION, transport=Troubled(answer))
    return calls


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a `gcloud` on the PATH that does this, and keeps what it was called with."""

    def make(does: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        log = folder / "log"
        (folder / "gcloud").write_text(f'#!/bin/sh\necho "$*" >> "{log}"\n{does}\n')
        (folder / "gcloud").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return log

    return make


def test_the_identity_token_of_the_environment_goes_with_every_call(here: Here, group: Desk, gcloud: Callable[[str], Path]) -> None:
    """And gcloud is not asked. The Toast token has headers of its own."""
    log = gcloud("echo of-gcloud")
    here.patch.setenv(IDENTITY_VARIABLE, " of-the-environment\n")

    calls = seen(here, group)

    assert [call.headers["Authorization"] for call in calls] == ["Bearer of-the-environment"] * 4
    assert all(call.headers["X-Toast-Token"] for call in calls)
    assert {str(call.url).rstrip("/") for call in calls} == {FUNCTION}
    assert not log.exists()


def test_gcloud_gives_the_identity_token_once(here: Here, group: Desk, gcloud: Callable[[str], Path]) -> None:
    log = gcloud("echo of-gcloud")

    assert [call.headers["Authorization"] for call in seen(here, group)] == ["Bearer of-gcloud"] * 4
    assert log.read_text() == "auth print-identity-token\n"


def test_an_identity_token_is_renewed_before_its_hour_is_over(gcloud: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    log = gcloud("echo of-gcloud")
    identity = Identity(FUNCTION)

    identity.headers()
    monkeypatch.setattr(remote, "IDENTITY_SECONDS", -1.0)
    renewed = Identity(FUNCTION)
    renewed.headers()
    renewed.headers()

    assert identity.headers() == {"Authorization": "Bearer of-gcloud"}
    assert len(log.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("does", "told"),
    [("exit 1", "gcloud gives none"), ("exit 0", "gcloud gives none"), (None, "there is no gcloud here")],
    ids=["gcloud fails", "gcloud says nothing", "no gcloud"],
)
def test_without_an_identity_token_nothing_is_called(
    here: Here, group: Desk, gcloud: Callable[[str], Path], does: str | None, told: str
) -> None:
    if does is None:
        here.patch.setenv("PATH", "/nowhere")
    else:
        gcloud(does)

    with pytest.raises(CredentialsError, match=told):
        Identity(FUNCTION).headers()
    assert seen(here, group) == []


@pytest.mark.parametrize("address", ["http://localhost:8080/", "http://127.0.0.1:8080", "http://[::1]:8080/x"])
def test_a_function_on_this_machine_wants_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IDENTITY_VARIABLE, "of-the-environment")

    assert Identity(address).headers() == {}
