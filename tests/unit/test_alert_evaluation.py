"""What one evaluation comes to, of steps that are given."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from restaurant_os.alerting import Delivery, Incident
from restaurant_os.alerts import evaluation, messages
from restaurant_os.alerts.channels import Channel
from restaurant_os.alerts.incidents import Step
from restaurant_os.alerts.rules import rules_of
from restaurant_os.settings import load_without_file

NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)
SLACK = Channel(name="slack", kind="slack", fingerprint="0", can_edit=False, can_find=False)


def opened(location: str) -> Step:
    incident = Incident(
        rule="labor-percent",
        location=location,
        period=date(2026, 3, 2),
        state="open",
        since=NOW,
        opened_at=NOW,
        updated_at=NOW,
        value=30.0,
        messages=1,
    )
    return Step(incident, "opened")


def test_a_message_that_cannot_be_made_costs_its_own_incident_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not taken, so that the next look tries again; the other is kept and told."""
    made = messages.deliveries_of

    def deliveries_of(rule: Any, place: Any, steps: Any, *rest: Any) -> tuple[Delivery, ...]:
        if steps[0].incident.location == "south":
            raise RuntimeError("a fault of ours")
        return made(rule, place, steps, *rest)

    monkeypatch.setattr(evaluation, "deliveries_of", deliveries_of)
    settings = load_without_file(tmp_path)
    rules = {rule.name: rule for rule in rules_of(settings)}

    found = evaluation.outcome_of(rules, [opened("north"), opened("south")], {}, settings.place_of, [SLACK], settings, NOW)

    assert [step.incident.location for step in found.steps] == ["north"]
    assert [(one.channel, one.group) for one in found.deliveries] == [("slack", opened("north").incident.group)]
