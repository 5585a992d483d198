"""History brought in unit by unit, against the simulator: what is called, what is not, and what a failure costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from backfilling import Here, Ran, Troubled, failing, span
from fake_time import FakeClock
from restaurant_desk import Desk, desk
from restaurant_os.errors import BusyError
from restaurant_os.settings import Location
from restaurant_os.tables import CASH, LABOR, Dataset
from restaurant_os.turns import turn
from toast_simulator import CREDENTIALS, LAST_DAY, Toast, simulating
from warehouse_reading import Rows, orders, read

#: Two weeks that closed more than seven days before the world's end: each date is read once.
DAYS = 24
FIRST = LAST_DAY - timedelta(days=DAYS - 1)
SECOND = FIRST + timedelta(days=7)
LAST = FIRST + timedelta(days=13)
SPAN = span(FIRST, LAST)
STRANGER = Location(name="Stranger", toast_guid="0f9d0c1e-1111-4a11-8a11-00000000ffff", timezone="America/New_York")
ENDPOINTS = {
    "ordersBulk": "orders",
    "cashEntries": "cash",
    "cashDeposits": "cash",
    "timeEntries": "labor",
    "shifts": "labor",
    "jobs": "labor",
    "employees": "labor",
}


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


def calls(toast: Toast, since: int) -> Counter[str]:
    """How many calls each dataset made after that one; logins and the clock's are left out, and those for jobs that were deleted since."""
    return Counter(
        ENDPOINTS[call["endpoint"]] for call in toast.calls(since) if call["endpoint"] in ENDPOINTS and "jobIds" not in call["query"]
    )


def days_asked(toast: Toast, since: int) -> set[str]:
    return {call["query"].split("businessDate=")[1][:8] for call in toast.calls(since) if call["endpoint"] == "ordersBulk"}


def rows_of(warehouse: Path, dataset: Dataset) -> dict[str, Rows]:
    return {
        spec.name: read(warehouse, f"SELECT {', '.join(c for c in spec.names if c not in spec.incidental)} FROM {spec.name} ORDER BY ALL")
        for spec in dataset.tables
    }


def units_in(warehouse: Path) -> Rows:
    """By dataset and location: how many business dates are in, and in how many readings."""
    return read(
        warehouse,
        "SELECT dataset, restaurant_guid, count(DISTINCT business_date), count(business_date) FROM sync_runs GROUP BY ALL ORDER BY ALL",
    )


def by_dataset(document: Any, name: str) -> dict[str, int]:
    return {row["dataset"]: row[name] for row in document["datasets"]}


def gaps(ran: Ran) -> list[tuple[str, str, str, str]]:
    return [(gap["dataset"], gap["location"], gap["from"], gap["to"]) for gap in ran.document["missing"]]


# --- a plan -------------------------------------------------------------------------------------------------------------


def test_a_plan_calls_nothing_and_needs_no_credentials(here: Here, group: Desk, toast: Toast) -> None:
    """Neither has it to be a warehouse; the span may reach beyond what the world has."""
    before = toast.call_count()
    group.warehouse.unlink()

    sixty_weeks = span(date(2025, 1, 1), date(2025, 1, 1) + timedelta(days=419))
    ran = here.run(group, "all", *sixty_weeks, "--plan", "--json", login=False)

    assert (ran.code, ran.err, toast.call_count()) == (0, "", before)
    document = ran.document
    assert (document["locations"], document["units"], document["complete"], document["dates"]) == (2, 3 * 2 * 60, 0, 3 * 2 * 420)
    assert by_dataset(document, "units") == {"orders": 120, "cash": 120, "labor": 120}
    assert by_dataset(document, "calls") == {"orders": 2520, "cash": 1680, "labor": 2 * (420 + 60 + 2)}
    assert document["calls"] == sum(by_dataset(document, "calls").values())
    # 1,260 calls of orders at a location, 12 s or 0.21 s apart
    assert document["hours"] == {"careful": 4.2, "documented": round(1260 * 0.21 / 3600, 3)}
    table = here.run(group, "all", *sixty_weeks, "--plan", login=False).out
    assert [line.split()[0] for line in table.splitlines() if "420" in line or "840" in line or "2,520" in line] == [
        "orders",
        "cash",
        "labor",
        "all",
    ]
    assert "Nothing was called" in table


def test_what_a_plan_says_is_what_is_called(here: Here, group: Desk, toast: Toast) -> None:
    """By dataset, to the call, once the ledger has a week of each location; and records as that week had on the average."""
    here.run(group, "all", *span(FIRST, SECOND - timedelta(days=1)))
    [(orders_read,)] = read(group.warehouse, "SELECT sum(rows_read) FROM sync_runs WHERE dataset = 'orders'")

    planned = here.run(group, "all", *SPAN, "--plan", "--json").document
    before = toast.call_count()
    ran = here.run(group, "all", *SPAN, "--json")

    assert (planned["units"], planned["complete"], planned["dates"]) == (12, 6, 42)
    assert by_dataset(planned, "calls") == dict(calls(toast, before)) == {"orders": 14, "cash": 28, "labor": 14 + 2 + 4}
    assert by_dataset(planned, "records")["orders"] == orders_read
    assert (ran.code, ran.document["missing"], ran.document["failed"]) == (0, [], 0)


# --- what is asked ------------------------------------------------------------------------------------------------------


def test_all_datasets_end_like_syncs_of_the_same_dates(here: Here, group: Desk, toast: Toast, tmp_path: Path) -> None:
    """Side by side as one after another; every date in the ledger once."""
    apart = desk(tmp_path / "apart", toast, begun=True)
    for dataset in ("orders", "cash", "labor"):
        apart.sync(FIRST, LAST, dataset)

    ran = here.run(group, "all", *SPAN)

    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "Complete: 12 units."
    assert orders(group.warehouse) == orders(apart.warehouse)
    for own in (CASH, LABOR):
        found = rows_of(group.warehouse, own)
        assert found == rows_of(apart.warehouse, own)
        assert all(found.values())
    guids = sorted(location.toast_guid for location in toast.locations())
    assert units_in(group.warehouse) == [(name, guid, 14, 14) for name in ("cash", "labor", "orders") for guid in guids]


def test_what_is_complete_is_never_asked_again(here: Here, group: Desk, toast: Toast) -> None:
    """Nothing at all is called then, not even a login; a longer span asks only what it adds."""
    assert here.run(group, "orders", *span(FIRST, LAST - timedelta(days=2))).code == 0
    before = toast.call_count()

    again = here.run(group, "orders", *span(FIRST, LAST - timedelta(days=2)), login=False)
    assert (again.code, toast.call_count()) == (0, before)
    assert again.out == "Complete: 4 units. All were in before: nothing was called.\n"
    as_json = here.run(group, "orders", *span(FIRST, LAST - timedelta(days=2)), "--json", login=False).document
    assert (as_json["units"], as_json["complete"], as_json["calls"], as_json["datasets"], as_json["missing"]) == (4, 4, 0, [], [])

    assert here.run(group, "orders", *SPAN).code == 0
    assert days_asked(toast, before) == {f"{LAST - timedelta(days=1):%Y%m%d}", f"{LAST:%Y%m%d}"}


def test_one_location_alone(here: Here, group: Desk, toast: Toast) -> None:
    east = toast.locations()[1]
    before = toast.call_count()

    document = here.run(group, "orders", *SPAN, "--location", "east", "--json").document

    assert (document["locations"], document["units"]) == (1, 2)
    assert {call["restaurant_guid"] for call in toast.calls(before) if call["endpoint"] == "ordersBulk"} == {east.toast_guid}


def test_a_date_read_before_its_closeout_is_asked_again(here: Here, tmp_path: Path) -> None:
    """A sync of the open date is in the ledger and yet not the whole date."""
    with simulating(locations=1, days=2, demand=0.1) as toast:
        group = desk(tmp_path, toast, begun=True)
        open_date = LAST_DAY + timedelta(days=1)
        toast.advance(timedelta(hours=2))
        group.sync(LAST_DAY, open_date)
        toast.advance(timedelta(days=2))
        before = toast.call_count()

        planned = here.run(group, "orders", *span(LAST_DAY, open_date), "--plan", "--json").document
        ran = here.run(group, "orders", *span(LAST_DAY, open_date))

        assert (planned["units"], planned["dates"], ran.code) == (1, 1, 0)
        assert days_asked(toast, before) == {f"{open_date:%Y%m%d}"}


def test_dates_that_only_moved_are_named_and_asked_again(here: Here, group: Desk, toast: Toast) -> None:
    """The ledger's word for it is unstable; what was landed of them is kept."""
    here.run(group, "orders", *SPAN)
    moved = f"restaurant_guid = '{toast.locations()[0].toast_guid}' AND business_date = '{SECOND}'"
    read(group.warehouse, f"UPDATE sync_runs SET status = 'unstable' WHERE {moved}")
    before = toast.call_count()

    planned = here.run(group, "orders", *SPAN, "--plan", "--json").document
    ran = here.run(group, "orders", *SPAN)

    assert (planned["complete"], planned["dates"], ran.code) == (3, 1, 0)
    assert days_asked(toast, before) == {f"{SECOND:%Y%m%d}"}


def test_a_labor_unit_with_gaps_ends_like_a_whole_one(here: Here, group: Desk, toast: Toast, tmp_path: Path) -> None:
    """Dates that are in are left out; each run of the others reads its own schedule."""
    whole = desk(tmp_path / "whole", toast, begun=True)
    whole.sync(FIRST, LAST, "labor")
    for day in (FIRST + timedelta(days=2), SECOND, SECOND + timedelta(days=3)):
        group.sync(day, day, "labor")
    planned = here.run(group, "labor", *SPAN, "--plan", "--json").document
    before = toast.call_count()

    assert here.run(group, "labor", *SPAN).code == 0

    assert rows_of(group.warehouse, LABOR) == rows_of(whole.warehouse, LABOR)
    assert (planned["dates"], planned["calls"]) == (22, calls(toast, before)["labor"])
    assert Counter(call["endpoint"] for call in toast.calls(before))["shifts"] == 2 * (2 + 2)


# --- failures -----------------------------------------------------------------------------------------------------------


def test_a_unit_that_fails_costs_itself_alone(here: Here, group: Desk, toast: Toast, tmp_path: Path) -> None:
    """It is tried again at the end, named with its reason, and brought in by the next run."""
    north = toast.locations()[0]
    tried: list[str] = []
    trouble = failing(503, FIRST + timedelta(days=3), restaurant_guid=north.toast_guid)
    answers = trouble.answers

    def watched(request: httpx.Request) -> httpx.Response | None:
        if request.headers.get("Toast-Restaurant-External-ID") == north.toast_guid and "businessDate" in request.url.params:
            tried.append(request.url.params["businessDate"][-2:])
        return answers(request)

    ran = here.run(group, "orders", *SPAN, "--json", transport=Troubled(watched))

    assert ran.code == 1
    assert ran.err == ""
    first, last = FIRST.isoformat(), (SECOND - timedelta(days=1)).isoformat()
    assert gaps(ran) == [("orders", "North", first, last)]
    assert "trouble of the test" in ran.document["missing"][0]["why"]
    [[broken, well]] = [row["locations"] for row in ran.document["datasets"]]
    assert (broken["windows"], well["windows"], ran.document["failed"]) == (7, 14, 1)
    week, fourth = [f"{FIRST + timedelta(days=n):%d}" for n in range(14)], f"{FIRST + timedelta(days=3):%d}"
    assert tried == [*week[:4], fourth, *week[7:], *week[:4], fourth]  # each call that fails is made twice

    before = toast.call_count()
    again = here.run(group, "orders", *SPAN)
    assert (again.code, again.out.splitlines()[-1]) == (0, "Complete: 4 units.")
    assert calls(toast, before)["orders"] == 7
    undisturbed = desk(tmp_path / "undisturbed", toast, begun=True)
    undisturbed.sync(FIRST, LAST)
    assert orders(group.warehouse) == orders(undisturbed.warehouse)


def test_a_unit_that_fails_once_is_brought_in_at_the_end(here: Here, group: Desk) -> None:
    left = [2]  # both attempts of one call

    def twice(request: httpx.Request) -> httpx.Response | None:
        if "businessDate" not in request.url.params or not left[0]:
            return None
        left[0] -= 1
        return httpx.Response(500, json={})

    ran = here.run(group, "orders", *SPAN, "--location", "North", transport=Troubled(twice))

    assert (ran.code, left) == (0, [0])
    assert ran.out.splitlines()[-1] == "Complete: 2 units."


def test_the_table_of_what_is_missing_says_where_and_why(here: Here, group: Desk) -> None:
    ran = here.run(group, "orders", *SPAN, transport=failing(400, FIRST, LAST))

    listed = [line.split()[:4] for line in ran.out.splitlines() if line.split()[:1] == ["orders"]]
    assert ran.code == 1
    assert listed == [["orders", name, FIRST.isoformat(), LAST.isoformat()] for name in ("North", "East")]
    assert " ".join(ran.out.split()).count("trouble of the test") == len(listed)
    assert "still missing" in ran.out
    assert "Run the same command again" in ran.err


def test_a_location_without_access_does_not_stop_the_others(here: Here, toast: Toast, tmp_path: Path) -> None:
    """It is not asked for every unit either: a refusal of one is a refusal of all."""
    group = desk(tmp_path, toast, locations=[STRANGER, *toast.locations()], begun=True)
    before = toast.call_count()

    ran = here.run(group, "orders", *SPAN, "--json")

    assert (ran.code, gaps(ran)) == (1, [("orders", "Stranger", FIRST.isoformat(), LAST.isoformat())])
    assert "not allowed (403" in ran.document["missing"][0]["why"]
    assert [row["windows"] for row in ran.document["datasets"][0]["locations"]] == [0, 14, 14]
    refused = [call for call in toast.calls(before) if call["restaurant_guid"] == STRANGER.toast_guid and call["endpoint"] == "ordersBulk"]
    assert len(refused) == 2  # as it comes, and once more at the end


def test_a_dataset_whose_scope_is_missing_does_not_stop_the_others(here: Here, tmp_path: Path) -> None:
    clients = tmp_path / "clients.toml"
    scopes = ["orders:read", "labor:read", "labor.employees:read", "restaurants:read"]
    clients.write_text(f'[[clients]]\nid = "demo-client"\nsecret = "demo-secret"\nscopes = {scopes}\n')
    with simulating(locations=1, days=DAYS, demand=0.02, clients=clients) as toast:
        group = desk(tmp_path / "group", toast, begun=True)

        ran = here.run(group, "all", *SPAN, "--json")

        assert (ran.code, gaps(ran)) == (1, [("cash", "North", FIRST.isoformat(), LAST.isoformat())])
        assert "lacks the scope cashmgmt:read" in ran.document["missing"][0]["why"]
        assert [(row["dataset"], row["locations"][0]["windows"]) for row in ran.document["datasets"]] == [
            ("orders", 14),
            ("cash", 0),
            ("labor", 16),
        ]
        assert calls(toast, 0)["cash"] == 0


def test_wrong_credentials_are_one_message(here: Here, group: Desk, toast: Toast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knocks three times because there are three datasets."""
    before = toast.call_count()
    monkeypatch.setitem(CREDENTIALS, "TOAST_CLIENT_SECRET", "wrong")

    ran = here.run(group, "all", *SPAN)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("do not belong together") == 1
    assert Counter(call["endpoint"] for call in toast.calls(before)) == {"login": 1}


# --- turns --------------------------------------------------------------------------------------------------------------


def turn_file(group: Desk, location: Location) -> Path:
    return group.app().toast._tokens.turn_file(location.toast_guid)


def test_no_other_process_has_the_turn_while_a_location_is_read(here: Here, group: Desk, toast: Toast) -> None:
    """All three datasets have it together, from the first of their calls to the last."""
    app = group.app()
    files = {
        one.toast_guid: Path(str(turn_file(group, one)).replace(str(app.token_folder), str(group.folder / "cache" / "restaurant-os")))
        for one in toast.locations()
    }
    taken: list[str] = []

    def look(request: httpx.Request) -> None:
        if request.url.path.startswith(("/orders", "/cashmgmt", "/labor")):
            with (
                suppress(BusyError),
                turn(files[request.headers["Toast-Restaurant-External-ID"]], "a look", clock=FakeClock(), wait_seconds=0),
            ):
                taken.append(str(request.url))

    ran = here.run(group, "all", *SPAN, transport=Troubled(look))

    assert (ran.code, taken) == (0, [])
    assert all(file.exists() for file in files.values())


def test_a_location_that_another_process_syncs_is_named(here: Here, toast: Toast, tmp_path: Path) -> None:
    """The others come in; the wait is one wait, though three datasets had it."""
    group = desk(tmp_path, toast, "wait_seconds = 0.5", begun=True)
    folder = group.folder / "cache" / "restaurant-os"
    held = folder / turn_file(group, toast.locations()[0]).name

    with turn(held, "theirs", clock=FakeClock(), wait_seconds=0):
        ran = here.run(group, "all", *SPAN, "--json")

    assert (ran.code, gaps(ran)) == (1, [(name, "North", FIRST.isoformat(), LAST.isoformat()) for name in ("orders", "cash", "labor")])
    assert all("is doing it already; waited 0.5 s" in gap["why"] for gap in ran.document["missing"])
    assert here.run(group, "all", *SPAN).code == 0


# --- wrong usage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (span(date(2015, 12, 1), LAST), "2015-12-01 is before 2015-12-02"),
        (span(LAST, FIRST), "the span ends before it begins"),
        (("--from", "2026-02-30"), "--from: '2026-02-30' is not a date"),
        (("--from", "yesterday"), "--from: 'yesterday' is not a date"),
        (("--from", "2026-02-01", "--to", "20260301"), "--to: '20260301' is not a date"),
        ((*SPAN, "--location", "Nowhere"), "location 'Nowhere' is not configured"),
        ((*SPAN, "--via", "http://functions.example/toast"), "is no https address"),
        ((*SPAN, "--via", "functions.example"), "is no https address"),
        ((*SPAN, "--via", "http://[::1"), "is no https address"),
        ((*SPAN, "--via", "https://functions.example:99999999/"), "is no https address"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
@pytest.mark.parametrize("kind", ["text", "json"])
def test_wrong_usage_is_one_clear_message(here: Here, group: Desk, toast: Toast, words: tuple[str, ...], told: str, kind: str) -> None:
    before = toast.call_count()

    ran = here.run(group, "orders", *words, *(["--json"] if kind == "json" else []), login=False)

    assert (ran.code, toast.call_count()) == (2, before)
    assert told in ran.err
    assert len(ran.err.splitlines()) == 2  # what is wrong, and what to do
    if kind == "json":
        assert told in ran.document["error"]["message"]
    else:
        assert ran.out == ""


def test_several_datasets_at_one_address_are_refused(here: Here, group: Desk) -> None:
    ran = here.run(group, "all", *SPAN, "--via", "https://functions.example/toast", login=False)

    assert (ran.code, "one address for several datasets" in ran.err, "{dataset}" in ran.err) == (2, True, True)


def test_labor_of_locations_that_have_none_in_toast_is_refused(here: Here, group: Desk) -> None:
    group.settings.write_text(group.settings.read_text().replace("closeout_hour =", 'labor_source = "none"\ncloseout_hour ='))

    ran = here.run(group, "labor", *SPAN, login=False)
    others = here.run(group, "all", *SPAN, "--plan", "--json", login=False).document

    assert (ran.code, "no location named has its punches in Toast" in ran.err) == (2, True)
    assert by_dataset(others, "units") == {"orders": 4, "cash": 4}


def test_a_span_of_which_nothing_is_closed_calls_nothing(here: Here, group: Desk) -> None:
    ran = here.run(group, "orders", "--from", "2999-01-01", login=False)

    assert (ran.code, ran.out) == (0, "No business date of the span is closed yet: nothing was called.\n")


def test_credentials_are_asked_for_when_there_is_something_to_call(here: Here, group: Desk) -> None:
    ran = here.run(group, "orders", *SPAN, login=False)

    assert (ran.code, "TOAST_CLIENT_ID and TOAST_CLIENT_SECRET" in ran.err) == (1, True)
