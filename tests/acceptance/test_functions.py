"""The cloud functions over HTTP, each under the platform's own framework, against the simulator over a socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions_running import Function, function
from orders_world import NORTH
from restaurant_desk import Desk, desk
from restaurant_os.settings import Location
from toast_simulator import CREDENTIALS, LAST_DAY, Toast, simulating
from warehouse_reading import ledger, orders, read

DAYS = 3
FIRST = LAST_DAY - timedelta(days=DAYS - 1)
LOGIN = "/authentication/v1/authentication/login"
#: A restaurant that the client is not connected to.
STRANGER = Location(name="Stranger", toast_guid="0f9d0c1e-1111-4a11-8a11-00000000ffff", timezone="America/New_York")


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=2, days=DAYS) as running:
        yield running


@pytest.fixture(scope="module")
def group(toast: Toast, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("group"), toast, begun=True)


@pytest.fixture(scope="module")
def orders_function(group: Desk) -> Iterator[Function]:
    with function(group, "orders") as running:
        yield running


def dates(first: date, last: date | None = None) -> dict[str, str]:
    return {"start_date": first.isoformat(), "end_date": (last or first).isoformat()}


def landed(document: Any, name: str = "rows_added") -> list[int]:
    return [row[name] for row in document["locations"]]


def test_the_users_request_bodies(orders_function: Function, group: Desk, toast: Toast) -> None:
    """One restaurant and a span; ALL and a day; nothing at all, with any content type. Every answer has the same shape."""
    north, east = toast.locations()

    status, document = orders_function.call({"restaurant_guid": north.toast_guid, **dates(FIRST, FIRST + timedelta(days=1))})
    assert (status, document["failed"], document["left"]) == (200, 0, 0)
    [row] = document["locations"]
    assert (row["location"], row["restaurant_guid"], row["error"], row["left"]) == ("North", north.toast_guid, None, None)
    assert row["rows_read"] == row["rows_added"] > 0

    status, document = orders_function.call({"restaurant_guid": "ALL", **dates(FIRST)})
    assert status == 200
    assert [row["restaurant_guid"] for row in document["locations"]] == [north.toast_guid, east.toast_guid]
    assert landed(document)[0] == 0 < landed(document)[1]

    for content, kind in ((b"", "text/plain"), (b'{"restaurant_guid": "ALL"}', "application/octet-stream")):
        status, document = orders_function.call(content=content, headers={"Content-Type": kind})
        assert (status, len(document["locations"])) == (200, 2)
    assert set(document) == {"dataset", "started_at", "seconds", "locations", "failed", "left"}
    closed = read(group.warehouse, f"SELECT count(*) FROM fact_orders WHERE business_date = '{LAST_DAY}'")
    assert closed[0][0] > 0


def test_dates_that_are_in_are_read_again_only_when_all_of_them_are(orders_function: Function, toast: Toast) -> None:
    """And a repeated call writes nothing."""
    south = {"restaurant_guid": toast.locations()[1].toast_guid}
    orders_function.call({**south, **dates(FIRST, LAST_DAY)})

    status, again = orders_function.call({**south, **dates(FIRST, LAST_DAY)})

    [row] = again["locations"]
    assert (status, row["rows_added"], row["rows_changed"]) == (200, 0, 0)
    assert row["rows_read"] > 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"start_date": "2025-01-01"}, "end_date"),
        ({"restaurant_guid": "everyone"}, "restaurant_guid"),
        ({"restaurant_guid": NORTH.toast_guid.replace("0", "f")}, "restaurant_guid"),
        ({"start_date": "2025-01-32", "end_date": "2025-02-01"}, "start_date"),
        ({"since": "2025-01-01"}, "since"),
        ([], "body"),
    ],
    ids=str,
)
def test_bad_input_is_400_and_names_the_field(orders_function: Function, body: object, field: str) -> None:
    status, document = orders_function.call(body)

    assert (status, document["error"]["field"], set(document["error"])) == (400, field, {"field", "message", "next_step"})


def test_another_method_is_refused(orders_function: Function) -> None:
    answer = httpx.delete(orders_function.url)

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "method")


def test_a_shared_token_needs_no_login(group: Desk, toast: Toast, tmp_path: Path) -> None:
    """Neither does the function keep it: nothing of it is on disk. One that Toast refuses ends the call, without a login either."""
    body = {
        "clientId": CREDENTIALS["TOAST_CLIENT_ID"],
        "clientSecret": CREDENTIALS["TOAST_CLIENT_SECRET"],
        "userAccessType": "TOAST_MACHINE_CLIENT",
    }
    given = httpx.post(f"{toast.url}{LOGIN}", json=body).json()["token"]["accessToken"]
    before = toast.statuses(LOGIN)
    own = desk(tmp_path / "own", toast, begun=True)
    ends = str(time.time() + 3600)

    with function(own, "cash") as cash:
        status, document = cash.call(dates(FIRST), headers={"X-Toast-Token": given, "X-Toast-Token-Expires": ends})
        refused_status, refused = cash.call(dates(FIRST), headers={"X-Toast-Token": "not-a-token", "X-Toast-Token-Expires": ends})

    assert (status, sum(landed(document)) > 0) == (200, True)
    assert (refused_status, refused["failed"], "refused" in refused["error"]["message"]) == (500, 2, True)
    assert toast.statuses(LOGIN) == before
    assert list((own.folder / "cache").rglob("*.json")) == []
    assert "not-a-token" not in (own.folder / "cash.log").read_text()


def test_config_takes_dates_and_says_that_they_do_not_matter(toast: Toast, tmp_path: Path) -> None:
    """So that one caller can send all four the same body."""
    own = desk(tmp_path / "own", toast, begun=True)

    with function(own, "config") as config:
        status, document = config.call({"restaurant_guid": "ALL", **dates(FIRST)})
        _, plain = config.call()

    assert (status, document["failed"], document["left"]) == (200, 0, 0)
    assert all(rows > 0 for rows in landed(document, "rows_read"))
    assert "not used" in document["note"]
    assert "note" not in plain


def test_one_location_without_access_does_not_stop_the_others(toast: Toast, tmp_path: Path) -> None:
    """207, and the reason stands at that location alone; when it is the only one, 500."""
    own = desk(tmp_path / "own", toast, locations=[*toast.locations(), STRANGER], begun=True)

    with function(own, "labor") as labor:
        status, document = labor.call(dates(LAST_DAY))
        alone_status, alone = labor.call({"restaurant_guid": STRANGER.toast_guid, **dates(LAST_DAY)})

    assert (status, document["failed"]) == (207, 1)
    assert [row["error"] is None for row in document["locations"]] == [True, True, False]
    assert all(rows > 0 for rows in landed(document)[:2])
    assert (alone_status, alone["failed"], landed(alone)) == (500, 1, [0])


def test_when_nothing_can_be_done_the_reason_is_said_without_secrets(toast: Toast, tmp_path: Path) -> None:
    """Wrong credentials, a warehouse that cannot be opened, settings that cannot be read: 500, our message, no traceback."""
    locked_out = desk(tmp_path / "locked-out", toast, begun=True)
    with function(locked_out, "orders", TOAST_CLIENT_SECRET="hunter2-hunter2") as running:
        status, document = running.call(dates(LAST_DAY))
    log = (locked_out.folder / "orders.log").read_text()
    assert (status, document["failed"], "refused" in document["error"]["message"]) == (500, 2, True)
    assert "hunter2" not in str(document) + log

    no_file = desk(tmp_path / "no-file", toast, 'memory_limit = "256MB"')
    no_file.warehouse.mkdir()
    with function(no_file, "orders") as running:
        status, document = running.call(dates(LAST_DAY))
        no_file.settings.write_text("warehouse = 7")
        settings_status, settings = running.call(dates(LAST_DAY))
    assert (status, document["error"]["field"], "warehouse" in document["error"]["message"]) == (500, None, True)
    assert (settings_status, "warehouse" in settings["error"]["message"]) == (500, True)
    assert "Traceback" not in (no_file.folder / "orders.log").read_text()


def test_a_run_cut_by_its_time_budget_and_called_again_ends_like_an_undisturbed_one(tmp_path: Path, toast: Toast) -> None:
    """Each call says what is left, and goes on where the last one stopped; what is in is not asked again."""
    own = desk(tmp_path / "own", replace(toast, pacing="documented"), begun=True)
    undisturbed = desk(tmp_path / "undisturbed", toast, begun=True)
    undisturbed.sync(FIRST, LAST_DAY)
    lefts: list[list[str | None]] = []

    with function(own, "orders", RESTAURANT_OS_TIME_BUDGET="5") as running:
        while len(lefts) < 10 and (not lefts or lefts[-1] != [None, None]):
            began = time.monotonic()
            _, document = running.call(dates(FIRST, LAST_DAY))
            assert time.monotonic() - began < 20
            lefts.append([row["left"] and row["left"]["start_date"] for row in document["locations"]])

    assert lefts[-1] == [None, None]
    assert len(lefts) > 1
    for column in range(2):
        starts = [str(row[column]) for row in lefts if row[column]]
        assert starts == sorted(starts)
    assert orders(own.warehouse) == orders(undisturbed.warehouse)
    assert ledger(own.warehouse)["sync_runs"] == ledger(undisturbed.warehouse)["sync_runs"]
    assert read(own.warehouse, "SELECT count(*) FROM sync_runs") == read(undisturbed.warehouse, "SELECT count(*) FROM sync_runs")


def test_a_budget_in_which_nothing_comes_in_is_a_failure_that_says_why(tmp_path: Path, toast: Toast) -> None:
    """Never a success that would be repeated for ever."""
    own = desk(tmp_path / "own", toast, begun=True)
    toast.set_faults(server_error={"rate": 1.0})
    try:
        with function(own, "cash", RESTAURANT_OS_TIME_BUDGET="3") as running:
            status, document = running.call(dates(FIRST, LAST_DAY))
    finally:
        toast.clear_faults()

    assert (status, document["failed"]) == (500, 2)
    assert "nothing came in" in document["locations"][0]["error"]["message"]
