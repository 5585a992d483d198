"""Incidents over HTTP: what `restaurant-os alerts list` says, and an acknowledgement as `alerts ack` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.alerting import Incident, Record
from restaurant_os.settings import Location
from serving import Serving, serving

NORTH = Location(name="North", toast_guid="aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", timezone="America/New_York", store_id="north-1")
SOUTH = Location(name="South", toast_guid="aaaaaaaa-bbbb-4ccc-8ddd-ffffffffffff", timezone="UTC", store_id="south-1")
DAY = date(2026, 3, 10)
SINCE = datetime(2026, 3, 10, 18, 4, 5, tzinfo=UTC)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, locations=[NORTH, SOUTH]) as found:
        yield found


def incident(rule: str = "labor-percent", location: Location = NORTH, **fields: Any) -> Incident:
    given: dict[str, Any] = {
        "state": "open",
        "since": SINCE,
        "opened_at": SINCE,
        "updated_at": SINCE,
        "period": DAY,
        "value": 30.0,
        **fields,
    }
    return Incident(rule=rule, location=location.toast_guid, **given)


def keep(group: Serving, *incidents: Incident) -> None:
    assert group.service.operations().record(Record(incidents=incidents))


def listed(group: Serving, **asked: Any) -> list[tuple[str, str, str]]:
    answer = group.http.get("/v1/incidents", params=asked)
    assert answer.status_code == 200, answer.text
    return [(row["rule"], row["location"], row["state"]) for row in answer.json()]


def error(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


def test_an_incident_is_listed_with_all_that_is_known_of_it(group: Serving) -> None:
    own = incident(
        worst=31.5, dollars=Decimal("250.00"), messages=1, facts=(("CPLH", "$20.00"),), drivers=("sales are low",), suggestion="could"
    )
    keep(group, own)

    assert group.http.get("/v1/incidents").json() == [
        {
            "incident": own.incident_id,
            "rule": "labor-percent",
            "location": "North",
            "restaurant_guid": NORTH.toast_guid,
            "period": "2026-03-10",
            "subject": None,
            "subject_name": None,
            "state": "open",
            "value": 30.0,
            "worst": 31.5,
            "dollars": "250.00",
            "since": "2026-03-10T18:04:05+00:00",
            "opened_at": "2026-03-10T18:04:05+00:00",
            "ended_at": None,
            "acknowledged_at": None,
            "note": None,
            "muted_until": None,
            "messages": 1,
            "facts": {"CPLH": "$20.00"},
            "drivers": ["sales are low"],
            "suggestion": "could",
        }
    ]


def test_the_list_is_narrowed_by_state_location_day_and_number(group: Serving) -> None:
    keep(
        group,
        incident("a"),
        incident("b", SOUTH, state="recovered", period=DAY - timedelta(days=1)),
        incident("c", state="closed", period=DAY - timedelta(days=2)),
        incident("d", state="watching", period=DAY - timedelta(days=3)),
    )

    a, b, c, d = ("a", "North", "open"), ("b", "South", "recovered"), ("c", "North", "closed"), ("d", "North", "watching")
    assert listed(group) == [a, b]
    assert listed(group, state=["closed", "watching"]) == [c, d]
    assert listed(group, state="open") == [a]
    assert listed(group, location="south-1") == listed(group, location=SOUTH.toast_guid) == [b]
    assert listed(group, **{"from": "2026-03-10"}) == [a]
    assert listed(group, most=1) == [a]


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"state": "shut"}, "state"), ({"location": "Nowhere"}, "location"), ({"from": "2026-02-30"}, "from"), ({"most": 0}, "most")],
)
def test_a_parameter_that_is_wrong_is_named(group: Serving, asked: dict[str, Any], field: str) -> None:
    answer = group.http.get("/v1/incidents", params=asked)

    assert (answer.status_code, error(answer)["field"]) == (422, field)


def test_an_acknowledgement_is_kept_with_its_note_by_the_first_digits_of_the_id(group: Serving) -> None:
    own = incident()
    keep(group, own)

    answer = group.post(f"/v1/incidents/{own.incident_id[:6]}/ack", {"note": "sent two home"})

    assert answer.status_code == 200
    assert answer.json() == group.http.get("/v1/incidents").json()[0]
    [kept] = group.service.operations().incidents()
    assert (kept.note, kept.acknowledged_at is not None, kept.muted_until, kept.version) == ("sent two home", True, None, 2)


def test_muted_lasts_to_the_end_of_the_business_day_at_the_location(group: Serving) -> None:
    own = incident()
    keep(group, own)

    answer = group.post(f"/v1/incidents/{own.incident_id}/ack", {"mute": True})

    [kept] = group.service.operations().incidents()
    rule = NORTH.business_day
    assert kept.muted_until == rule.bounds(rule.date_of(kept.updated_at))[1]
    assert (answer.status_code, answer.json()["muted_until"]) == (200, kept.muted_until.isoformat())


def test_an_unknown_and_an_ambiguous_id_change_nothing(group: Serving) -> None:
    wanted = ambiguous_pair()
    keep(group, *wanted)
    prefix = wanted[0].incident_id[:4]
    unknown = "0000" if prefix != "0000" else "1111"

    answers = [group.post(f"/v1/incidents/{one}/ack", {}) for one in (unknown, "12", "no-such", prefix)]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 409]
    assert error(answers[-1])["message"] == f"2 incidents begin with '{prefix}'; nothing was changed."
    assert all(one.version == 1 for one in group.service.operations().incidents())


def ambiguous_pair() -> list[Incident]:
    """Two incidents whose ids begin alike."""
    seen: dict[str, Incident] = {}
    for number in range(100_000):
        own = incident(subject=str(number))
        other = seen.setdefault(own.incident_id[:4], own)
        if other is not own:
            return [other, own]
    raise AssertionError("none in 100,000")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"mute": "yes"}', "mute"),
        (b'{"note": 7}', "note"),
        (b'{"note": "a\\u001bb"}', "note"),
        (b'{"note": "' + b"x" * 301 + b'"}', "note"),
        (b'{"who": "me"}', "who"),
    ],
    ids=str,
)
def test_a_body_that_is_wrong_is_named_and_changes_nothing(group: Serving, body: bytes, field: str) -> None:
    own = incident()
    keep(group, own)

    answer = group.post(f"/v1/incidents/{own.incident_id}/ack", body)

    assert (answer.status_code, error(answer)["field"]) == (422, field)
    assert group.service.operations().incidents()[0].version == 1


def test_reading_needs_the_scope_read_and_acknowledging_write(group: Serving) -> None:
    own = incident()
    keep(group, own)
    reader, writer = group.key("read"), group.key("write")
    path = f"/v1/incidents/{own.incident_id}/ack"

    assert [group.get("/v1/incidents", **key).status_code for key in ({}, reader, writer)] == [401, 200, 403]
    assert [group.post(path, {}, **key).status_code for key in ({}, reader, writer)] == [401, 403, 200]


def test_status_counts_open_incidents(group: Serving) -> None:
    keep(group, incident("a"), incident("b", state="recovered"))

    found = group.http.get("/v1/status").json()

    assert (found["open_incidents"], found["channels"]) == (1, [])
