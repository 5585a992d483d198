"""`restaurant-os alerts` and `restaurant-os forecast`, as the real commands, beside a store with incidents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from restaurant_desk import command
from restaurant_os.alerting import Incident, Record
from restaurant_os.operations import Operations
from restaurant_os.operations.open import open_operations
from restaurant_os.settings import Location, ServiceSettings
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file
from slack_receiver import Slack, slack
from summaries_world import labor, post, sales

NOW = datetime.now(UTC)
SETTINGS = """
warehouse = "duckdb:///warehouse.duckdb"
[[locations]]
name = "North"
toast_guid = "00000000-0000-4000-8000-000000000001"
timezone = "UTC"
closeout_hour = 0
"""
GUID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "restaurant-os.toml").write_text(SETTINGS)
    (tmp_path / "warehouse.duckdb").write_bytes(empty_file())
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Iterator[Operations]:
    found = open_operations(folder / "warehouse.operations.sqlite", service=ServiceSettings(), now=lambda: datetime.now(UTC))
    yield found
    found.close()


@pytest.fixture(scope="module")
def channel() -> Iterator[Slack]:
    with slack() as found:
        yield found


def incident(rule: str, subject: str = "") -> Incident:
    return Incident(
        rule=rule,
        location=GUID,
        period=NOW.date(),
        subject=subject,
        state="open",
        since=NOW - timedelta(hours=1),
        opened_at=NOW,
        updated_at=NOW,
        value=30.0,
        worst=31.0,
        dollars=Decimal("250.00"),
        messages=1,
        facts=(("Labor %", "30.0 %"),),
    )


def alerts(folder: Path, *words: str, **variables: str) -> CompletedProcess[str]:
    return command(folder, "alerts", *words, timeout=100, **variables)


def test_list_shows_what_stands(folder: Path, store: Operations) -> None:
    store.record(Record(incidents=(incident("labor-percent"),)))

    shown = json.loads(alerts(folder, "list", "--json").stdout)
    found = [{name: one[name] for name in ("incident", "rule", "location", "state", "value", "worst", "dollars", "facts")} for one in shown]
    assert found == [
        {
            "incident": incident("labor-percent").incident_id,
            "rule": "labor-percent",
            "location": "North",
            "state": "open",
            "value": 30.0,
            "worst": 31.0,
            "dollars": "250.00",
            "facts": {"Labor %": "30.0 %"},
        }
    ]
    assert incident("labor-percent").incident_id[:8] in alerts(folder, "list").stdout
    assert alerts(folder, "list", "--state", "closed").stdout.strip() == "No incident."


def test_ack_and_mute_by_the_first_digits(folder: Path, store: Operations) -> None:
    """Until the business day is over; the note stands in the list."""
    store.record(Record(incidents=(incident("labor-percent"), incident("void-rate"))))
    first, second = incident("labor-percent").incident_id, incident("void-rate").incident_id

    acked = json.loads(alerts(folder, "ack", first[:8], "--note", "two sent home", "--json").stdout)
    muted = json.loads(alerts(folder, "mute", second[:8], "--json").stdout)

    midnight = datetime.combine(NOW.date() + timedelta(days=1), datetime.min.time(), UTC)
    assert (acked["incident"], acked["note"], acked["acknowledged_at"] is None) == (first, "two sent home", False)
    assert (muted["incident"], datetime.fromisoformat(muted["muted_until"])) == (second, midnight)
    assert "two sent home" in alerts(folder, "list").stdout


def test_an_incident_that_is_not_there_is_one_message(folder: Path, store: Operations) -> None:
    ran = alerts(folder, "ack", "ffffffff")

    assert (ran.returncode, "Traceback" in ran.stderr) == (2, False)
    assert "no incident has the id 'ffffffff'" in ran.stderr
    assert "alerts list" in ran.stderr


def test_a_test_message_reaches_the_channel(folder: Path, channel: Slack) -> None:
    channel.clear()

    ran = alerts(folder, "test", SLACK_WEBHOOK_URL=channel.url)

    assert (ran.returncode, ran.stdout.strip()) == (0, "slack: sent")
    assert len(channel.telling("Restaurant OS reaches this channel")) == 1


def test_a_channel_that_is_gone_is_told_without_its_address(folder: Path, channel: Slack) -> None:
    channel.clear()
    channel.status = 404

    ran = alerts(folder, "test", SLACK_WEBHOOK_URL=channel.url)

    assert ran.returncode == 1
    assert ran.stdout.startswith("slack: ")
    assert "T0/B0/secret" not in ran.stdout + ran.stderr


def test_without_a_channel_it_says_how_to_have_one(folder: Path) -> None:
    ran = alerts(folder, "test")

    assert ran.returncode == 2
    assert "SLACK_WEBHOOK_URL" in ran.stderr


def test_an_address_that_is_not_safe_is_refused(folder: Path) -> None:
    ran = alerts(folder, "test", SLACK_WEBHOOK_URL="http://slack.example.com/services/T0/B0/hidden")

    assert ran.returncode == 2
    assert "https" in ran.stderr
    assert "hidden" not in ran.stderr


def test_simulate_counts_what_the_rules_would_have_sent(folder: Path) -> None:
    """Two days of posted totals, one beyond the level."""
    warehouse = DuckDBWarehouse(folder / "warehouse.duckdb")
    days = [NOW.date() - timedelta(days=back) for back in (3, 2)]
    rows = []
    for number, (day, cost) in enumerate(zip(days, ("1500", "1000"), strict=True)):
        evening = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=21)
        rows += [sales("5000", 2 * number + 1, evening, "North", GUID, day), labor("75", cost, 2 * number + 2, evening, "North", GUID, day)]
    post(warehouse, *rows, calendar_of=Location(name="North", toast_guid=GUID, timezone="UTC", closeout_hour=0))

    report = json.loads(alerts(folder, "simulate", "--from", f"{days[0]}", "--to", f"{days[1]}", "--json").stdout)
    assert [(week["rule"], week["location"], week["incidents"]) for week in report["weeks"]] == [("labor-percent", "North", 1)]
    assert "labor-percent" in alerts(folder, "simulate", "--from", f"{days[0]}", "--to", f"{days[1]}").stdout


def test_a_backtest_without_history_says_so(folder: Path) -> None:
    ran = command(folder, "forecast", "backtest", "--json", timeout=100)

    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False)
    assert isinstance(json.loads(ran.stdout), dict | list)
