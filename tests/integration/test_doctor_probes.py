"""What `doctor` says of cash and labor: each cause of a 400 and of an empty list, named in words a person can act on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from cash_world import DAY, DEPOSITS, EMPLOYEES, ENTRIES, JOBS, PUNCHES, SHIFTS, Answer, Api, app_of, deposit, entry, refusal, sync
from labor_world import job, punch, shift
from orders_world import NORTH, Json
from restaurant_desk import desk
from restaurant_os.app import App
from restaurant_os.doctor import examine
from restaurant_os.probes import Finding, Probe, cash_finding, labor_findings
from restaurant_os.settings import Location
from restaurant_os.sources.toast.locations import discover
from toast_simulator import Toast, simulating

RESTAURANT = f"/restaurants/v1/restaurants/{NORTH.toast_guid}"
PARTNERS = "/partners/v1/restaurants"
GROUP = "bbbbbbbb-0000-4000-8000-000000000001"
GENERAL: Json = {"name": "The North Room", "locationName": "North", "firstBusinessDate": 20200101, "archived": False}
CONNECTED = [{"restaurantGuid": NORTH.toast_guid.upper(), "managementGroupGuid": GROUP, "deleted": False}]


def restaurant(**general: object) -> httpx.Response:
    return httpx.Response(200, json={"guid": NORTH.toast_guid, "general": GENERAL | general})


def probe(folder: Path, answers: dict[str, Answer], location: Location = NORTH) -> Probe:
    """One location before an API of functions, at which all is well but for `answers`."""
    well: dict[str, Answer] = {PARTNERS: CONNECTED, RESTAURANT: lambda request: restaurant(), JOBS: [job()]}
    app = app_of(folder, Api(well | answers), location)
    return Probe(app.toast, app.warehouse, location, DAY)


def cash(folder: Path, answers: dict[str, Answer], location: Location = NORTH) -> Finding:
    return well_said(cash_finding(probe(folder, answers, location)))


def labor(folder: Path, answers: dict[str, Answer], location: Location = NORTH) -> list[Finding]:
    return [well_said(one) for one in labor_findings(probe(folder, answers, location))]


def well_said(finding: Finding) -> Finding:
    """What is not well says what to do; nothing that is well does."""
    assert bool(finding.next_step) == (finding.state != "ok"), finding
    return finding


def told(finding: Finding, *words: str) -> tuple[str, list[str]]:
    """Its state, and which of the words are neither in what was found nor in what to do."""
    text = f"{finding.found} {finding.next_step}"
    return finding.state, [word for word in words if word not in text]


# --- cash: an API of functions --------------------------------------------------------------------------------------------


def test_cash_that_is_well(tmp_path: Path) -> None:
    """Counted, on the day that was asked the one way Toast takes."""
    assert cash(tmp_path, {ENTRIES: [entry("e-1")], DEPOSITS: [deposit("d-1"), deposit("d-2")]}) == Finding(
        "cash of North", "ok", "1 entry and 2 deposits on 2026-03-01"
    )


@pytest.mark.parametrize(
    ("answers", "location", "state", "words"),
    [
        ({}, {}, "warning", ("nothing on 2026-03-01", "no drawer", "toast_guid")),
        ({ENTRIES: refusal(400)}, {}, "failed", ("request-7", "The request was right", "Toast's support", "doctor --request")),
        ({DEPOSITS: refusal(400)}, {}, "failed", ("/cashmgmt/v1/deposits", "The request was right")),
        ({ENTRIES: refusal(403)}, {}, "failed", ("The location is connected", "cashmgmt:read", "Toast Web")),
        (
            {ENTRIES: refusal(403), PARTNERS: refusal(403)},
            {},
            "failed",
            ("lacks the scope cashmgmt:read, or this location is not connected",),
        ),
        ({ENTRIES: refusal(403), PARTNERS: []}, {}, "failed", ("none of the locations this client is connected to", "init --from-toast")),
        ({ENTRIES: refusal(400)}, {"toast_guid": GROUP}, "failed", ("the GUID of the group", "init --from-toast")),
        ({ENTRIES: httpx.Response(200, text="<html>")}, {}, "failed", ("no list of records", "base_url")),
        ({ENTRIES: httpx.Response(200, json={"data": []})}, {}, "failed", ("no list of records", "base_url")),
        ({ENTRIES: refusal(503)}, {}, "failed", ("trouble at Toast",)),
    ],
)
def test_causes_of_trouble_with_cash(
    tmp_path: Path, answers: dict[str, Answer], location: dict[str, str], state: str, words: tuple[str, ...]
) -> None:
    """A wrong GUID, a missing scope, a proxy in between, Toast's own trouble: told apart."""
    own = NORTH.model_copy(update=location)

    assert told(cash(tmp_path, answers, own), *words) == (state, [])


# --- labor: an API of functions -------------------------------------------------------------------------------------------


def test_labor_that_is_well(tmp_path: Path) -> None:
    """Punches and shifts counted, and whether the day is in."""
    first = labor(tmp_path, {PUNCHES: [punch("p-1"), punch("p-2")], SHIFTS: [shift("s-1", "03-01 15:00", "03-01 20:00")]})
    sync(tmp_path, "labor", Api({PUNCHES: [punch("p-1"), punch("p-2")], JOBS: [job()]}))
    second = labor(tmp_path, {PUNCHES: [punch("p-1"), punch("p-2")]})

    assert [one.found for one in first] == ["2 punches on 2026-03-01; not synced yet", "1 scheduled shift around 2026-03-01"]
    assert second[0] == Finding("labor of North", "ok", "2 punches on 2026-03-01")


def by(**answers: Sequence[Json]) -> Answer:
    """Punches by what they were asked with."""

    def answer(request: httpx.Request) -> Sequence[Json]:
        return answers.get(
            next((name for name in ("businessDate", "startDate", "modifiedStartDate") if name in request.url.params), ""), []
        )

    return answer


def of_a_day(request: httpx.Request) -> list[Json]:
    """Shifts, only when more than a day is asked."""
    return [shift("s-1", "03-01 22:00", "03-02 10:00")] if request.url.params["startDate"].startswith("2026-02-28") else []


@pytest.mark.parametrize(
    ("answers", "state", "words"),
    [
        ({PUNCHES: by(startDate=[punch(deleted=True)])}, "ok", ("1 punch on 2026-03-01, all of them archived", "our sync asks for them")),
        (
            {PUNCHES: by(modifiedStartDate=[punch(), punch()])},
            "warning",
            ("no punches on 2026-03-01, but 2 changed in the 28 days before",),
        ),
        (
            {RESTAURANT: lambda request: restaurant(firstBusinessDate=20260302)},
            "warning",
            ("no punches on 2026-03-01", "opened on 20260302", "Ask a later day"),
        ),
        ({}, "warning", ("no punches in 28 days (1 job set up)", "does not use Toast's time clock", 'labor_source = "none"')),
        ({JOBS: []}, "warning", ("no jobs are set up either", "does not use Toast's time clock")),
        ({RESTAURANT: refusal(403)}, "warning", ("does not use Toast's time clock",)),
        (
            {RESTAURANT: lambda request: restaurant(name="Elsewhere", locationName="Somewhere")},
            "warning",
            ("does not use Toast's time clock", "by Toast this GUID is 'Somewhere'", "Check toast_guid of North", 'labor_source = "none"'),
        ),
        ({RESTAURANT: lambda request: restaurant(archived=True)}, "failed", ("'North', a closed location", "Check toast_guid of North")),
        ({JOBS: refusal(403)}, "failed", ("The location is connected", "labor:read")),
        ({PUNCHES: refusal(403), PARTNERS: []}, "failed", ("none of the locations this client is connected to",)),
        ({PUNCHES: refusal(400)}, "failed", ("request-7", "The request was right")),
        ({PUNCHES: httpx.Response(200, json={"timeEntries": []})}, "failed", ("no list of records", "base_url")),
        ({PUNCHES: refusal(500)}, "failed", ("trouble at Toast",)),
    ],
)
def test_causes_of_trouble_with_labor(tmp_path: Path, answers: dict[str, Answer], state: str, words: tuple[str, ...]) -> None:
    """Archived entries, a closed day, a restaurant that had not opened, another system's clock, another location, a scope: told apart."""
    assert told(labor(tmp_path, answers)[0], *words) == (state, [])


def test_punches_that_toast_has_and_the_warehouse_has_not(tmp_path: Path) -> None:
    """The third kind of 0 records: given, but lost on the way. Ours says where to look."""
    sync(tmp_path, "labor", Api({PUNCHES: [punch("p-1"), punch("p-2", hourlyWage="x")], JOBS: [job()]}))
    found = labor(tmp_path, {PUNCHES: [punch("p-1"), punch("p-2")]})[0]

    assert told(found, "Toast gives 2 punches on 2026-03-01, the warehouse holds 1", "quarantine", "--from 2026-03-01 --to 2026-03-01") == (
        "failed",
        [],
    )


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, "no scheduled shifts: nobody schedules in Toast here"),
        ({SHIFTS: of_a_day}, "1 scheduled shift around 2026-03-01, none when that day alone is asked"),
        ({SHIFTS: [shift("s-1", "03-01 15:00", "03-01 20:00")]}, "1 scheduled shift around 2026-03-01"),
    ],
)
def test_what_is_said_of_the_schedule(tmp_path: Path, answers: dict[str, Answer], said: str) -> None:
    """It is never wrong to have none; the containment rule is shown where it bites."""
    [_, finding] = labor(tmp_path, {PUNCHES: [punch()], **answers})

    assert (finding.state, finding.found.startswith(said)) == ("ok", True)


def test_without_the_scope_for_employees(tmp_path: Path) -> None:
    """A warning of its own; punches are looked at all the same."""
    [first, second, _] = labor(tmp_path, {PUNCHES: [punch()], EMPLOYEES: refusal(403)})

    assert told(first, "labor.employees:read", "names stay empty") == ("warning", [])
    assert second.state == "ok"


def test_a_location_whose_punches_are_elsewhere_is_not_asked(tmp_path: Path) -> None:
    """The settings say so."""
    own = probe(tmp_path, {JOBS: refusal(500)}, NORTH.model_copy(update={"labor_source": "none"}))

    assert list(labor_findings(own)) == [Finding("labor of North", "ok", "labor_source is none: its punches are not asked for")]


# --- the simulator ----------------------------------------------------------------------------------------------------------


def findings(app: App) -> dict[str, list[Finding]]:
    """All that `doctor` finds, by check."""
    found: dict[str, list[Finding]] = {}
    try:
        for finding in examine(app):
            found.setdefault(finding.check, []).append(well_said(finding))
    finally:
        app.toast.http.close()
    return found


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=7, days=1, last_day=None) as running:
        yield running


def skip_without_the_last_date(toast: Toast) -> None:
    """A standing world ends when its last business date is over at every location: for some hours of each day it has nothing of the one that
    a location has closed since."""
    assert toast.simulator is not None
    now = datetime.now(UTC)
    if max(location.business_day.last_closed(now) for location in toast.locations()) > toast.simulator.world.last_day:
        pytest.skip("in these hours the standing world has nothing of the last closed date")


@pytest.fixture(scope="module")
def all_of_it(toast: Toast, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[Finding]], list[str]]:
    """Every finding, the locations under Toast's own names; and these names in the order of the world."""
    skip_without_the_last_date(toast)
    folder = tmp_path_factory.mktemp("group")
    client = desk(folder / "first", toast, begun=True).app().toast
    known = {one.toast_guid: one for one in discover(client)}
    client.http.close()
    locations = [known[one.toast_guid] for one in toast.locations()]
    return findings(desk(folder / "own", toast, locations=locations, begun=True).app()), [one.name for one in locations]


def test_a_healthy_group_of_seven(all_of_it: tuple[dict[str, list[Finding]], list[str]]) -> None:
    """Nothing fails; location 3 counts no cash and makes no schedule in Toast, location 6 does not use its clock; all others are well."""
    found, names = all_of_it
    [cashless], [*_, unscheduled] = found[f"cash of {names[3]}"], found[f"labor of {names[3]}"]
    [clockless, _] = found[f"labor of {names[6]}"]
    others = [
        one.state
        for number, name in enumerate(names)
        for check in ("cash", "labor")
        if (check, number) not in (("cash", 3), ("labor", 6))
        for one in found[f"{check} of {name}"]
    ]

    assert set(others) == {"ok"}
    assert told(cashless, "nothing on", "no drawer") == ("warning", [])
    assert told(unscheduled, "nobody schedules in Toast here") == ("ok", [])
    assert told(clockless, "no punches in 28 days", "jobs set up", "does not use Toast's time clock", 'labor_source = "none"') == (
        "warning",
        [],
    )
    assert "another location" not in clockless.found


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (["labor:read", "labor.employees:read"], {"cash": ("failed", ["cashmgmt:read"])}),
        (["cashmgmt:read", "labor.employees:read"], {"labor": ("failed", ["labor:read"])}),
        (["cashmgmt:read", "labor:read"], {"labor": ("warning", ["labor.employees:read"])}),
    ],
)
def test_a_missing_scope_is_named(tmp_path: Path, scopes: list[str], expected: dict[str, tuple[str, list[str]]]) -> None:
    """Where it is needed, as what to give the client in Toast Web, and in the list of scopes; everything else is well."""
    file = tmp_path / "clients.toml"
    wanted = ["orders:read", "restaurants:read", *scopes]
    file.write_text(f'[[clients]]\nid = "demo-client"\nsecret = "demo-secret"\nscopes = {wanted}\n'.replace("'", '"'))
    with simulating(locations=1, days=1, last_day=None, clients=file) as toast:
        skip_without_the_last_date(toast)
        found = findings(desk(tmp_path / "group", toast, begun=True).app())
    missing = [scope for _, named in expected.values() for scope in named]

    assert {check: (found[f"{check} of North"][0].state, missing) for check in expected} == expected
    assert [told(found[f"{check} of North"][0], *missing, "Toast Web")[1] for check in expected] == [[]]
    assert told(found["scopes"][0], *missing) == ("warning", [])
    assert {
        one.state for check, own in found.items() if check not in ("scopes", *(f"{name} of North" for name in expected)) for one in own
    } == {"ok"}


def test_a_group_and_a_stranger_are_told_from_a_location(toast: Toast, tmp_path: Path) -> None:
    """Both are 403 at Toast; the words differ, and say where the right GUID is."""
    [north, *_] = toast.locations()
    client = desk(tmp_path / "first", toast, begun=True).app().toast
    group = client.restaurants()[0]["managementGroupGuid"]
    client.http.close()
    wrong = [
        north,
        north.model_copy(update={"name": "Group", "toast_guid": group}),
        north.model_copy(update={"name": "Lost", "toast_guid": GROUP}),
    ]
    found = findings(desk(tmp_path / "own", toast, locations=wrong, begun=True).app())

    assert found["location North"][0].state == "ok"
    assert told(found["location Group"][0], "the GUID of the group, not of a location", "init --from-toast") == ("failed", [])
    assert told(found["location Lost"][0], "none of the locations this client is connected to", "init --from-toast") == ("failed", [])
    assert [check for check in found if check.endswith((" of Group", " of Lost"))] == []


def test_before_its_first_business_date(toast: Toast, tmp_path: Path) -> None:
    """A day long before the restaurant opened: that is why, and nothing else."""
    app = desk(tmp_path / "own", toast, locations=toast.locations()[:1], begun=True).app()
    [north] = app.locations()
    first = app.toast.restaurant(north.toast_guid)["general"]["firstBusinessDate"]
    day = DAY.fromisoformat(str(first)) - timedelta(days=1)
    [punches, _] = labor_findings(Probe(app.toast, app.warehouse, north, day))
    app.toast.http.close()

    assert told(punches, f"no punches on {day}", f"opened on {first}") == ("warning", [])
