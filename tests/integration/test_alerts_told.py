"""From what happens in a restaurant to what its channels show: the evaluator and the outbox on real stores, the simulator's Slack and Discord behind them.

Everyone's clock is moved by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from evaluator_world import BAR, TODAY, Watched, at, only, watched
from restaurant_os.live.evaluator import Evaluator
from restaurant_os.live.outbox import Outbox
from restaurant_os.live.status import live_status
from restaurant_os.simulator.channel_rules import discord_errors, slack_problem
from restaurant_os.simulator.server import Options, application, running
from simulator_fakes import Time, simulated, small_world

NOON = at("12:00")
HOSTILE = "<!channel> @everyone <@U012AB3CD> [pay](https://evil.example) *Ana* & Sons"


@dataclass
class House:
    """A restaurant, its service and its channels."""

    bar: Watched
    time: Time
    http: httpx.Client
    url: str

    def __post_init__(self) -> None:
        addresses = {
            "slack_webhook_url": SecretStr(f"{self.url}/slack/services/T1/B1/secret"),
            "discord_webhook_url": SecretStr(f"{self.url}/discord/api/webhooks/1/token"),
        }
        settings = self.settings = self.bar.settings.model_copy(update=addresses)
        given: dict[str, Any] = {"meters": self.bar.meters, "now": lambda: self.bar.now}
        self.evaluator = Evaluator(self.bar.warehouse, self.bar.operations, settings, **given)
        self.outbox = Outbox(self.bar.operations, settings, owner="test", paces=False, **given)
        self.goes_on(NOON)

    def goes_on(self, now: datetime) -> None:
        self.bar.now = now
        self.time.now = now.timestamp()

    def minute(self, now: datetime) -> None:
        """What a service does of itself."""
        self.goes_on(now)
        self.evaluator.look()
        self.outbox.look()

    def fault(self, channel: str, kind: str, **more: object) -> None:
        answer = self.http.post("/simulator/channels/faults", json={"channel": channel, "kind": kind, **more})
        assert answer.is_success, answer.text

    def attempts(self, channel: str) -> list[Any]:
        return [one for one in self.http.get("/simulator/channels").json()["attempts"] if one["channel"] == channel]

    def shown(self, channel: str) -> list[Any]:
        """The bodies of what a channel shows now."""
        return [one["body"] for one in self.http.get("/simulator/channels").json()["messages"] if one["channel"] == channel]

    def titles(self, channel: str) -> list[str]:
        if channel == "discord":
            return [one["embeds"][0]["title"] for one in self.shown(channel)]
        return [one["blocks"][0]["text"]["text"] for one in self.shown(channel)]

    def work(self, *names: str) -> None:
        """Each has worked an hour more than the week's forty than the one before."""
        with self.bar.rows() as rows:
            self.bar.begin_today(rows)
            for number, name in enumerate(names, 1):
                times = {"in_date": at("06:00"), "out_date": at("11:00"), "regular_hours": "40", "overtime_hours": str(number + 1)}
                who = {"employee_guid": f"employee-{number}", "employee_name": name, "restaurant_guid": BAR.toast_guid}
                rows.punch(day=TODAY, **times, **who)


@contextmanager
def house(folder: Path, rules: Sequence[dict[str, Any]]) -> Iterator[House]:
    time = Time()
    time.now = NOON.timestamp()
    with (
        watched(folder / "bar", rules=list(rules)) as bar,
        running(application(simulated(small_world(), time)), Options(port=0)) as url,
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        yield House(bar, time, http, url)


@pytest.fixture
def overtime(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, only("overtime-ahead")) as own:
        yield own


@pytest.fixture
def labor(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, only("labor-percent")) as own:
        yield own


def minutes(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def test_ten_people_who_are_over_at_once_are_one_message_in_each_channel(overtime: House) -> None:
    names = [f"Person {number}" for number in range(1, 11)]
    overtime.work(*names)
    for number in range(3):
        overtime.minute(minutes(number))
    assert [len(overtime.attempts(channel)) for channel in ("slack", "discord")] == [1, 1]
    assert {one.state for one in overtime.bar.incidents()} == {"open"}
    assert len(overtime.bar.incidents()) == 10
    for channel in ("slack", "discord"):
        (body,) = overtime.shown(channel)
        assert [name for name in names if f"{name}:" not in str(body)] == []


@pytest.mark.parametrize(
    ("cost", "title"), [("1700", "34.0 %"), ("1540", "30.8 %"), ("1200", "24.0 %")], ids=["worse", "a little more", "recovered"]
)
def test_after_an_hour_of_429_a_channel_is_told_once_how_things_stand_then(labor: House, cost: str, title: str) -> None:
    labor.fault("slack", "429", for_seconds=3600, seconds=600)
    labor.bar.posts(sold="5000", cost="1500")
    labor.minute(NOON)
    for number in range(5, 60, 5):
        if number == 20:
            labor.goes_on(minutes(number))
            labor.bar.posts(sold="5000", cost=cost)
        labor.minute(minutes(number))
    assert labor.shown("slack") == []
    assert len(labor.attempts("slack")) <= 6
    for number in range(60, 100, 5):
        labor.minute(minutes(number))
    (told,) = labor.titles("slack")
    assert title in told
    assert title in labor.titles("discord")[-1]
    assert {one.state for one in labor.bar.operations.deliveries()} == {"sent"}


@pytest.mark.parametrize("dead", ["slack", "discord"])
def test_a_dead_address_is_used_no_more_which_the_other_channel_says_once_and_the_status_too(labor: House, dead: str) -> None:
    other = "discord" if dead == "slack" else "slack"
    labor.fault(dead, "404")
    labor.bar.posts(sold="5000", cost="1500")
    labor.minute(NOON)
    labor.bar.posts(sold="5000", cost="1700")
    for number in range(5, 30, 5):
        labor.minute(minutes(number))
    assert len(labor.attempts(dead)) == 1
    assert [one for one in labor.titles(other) if "no longer reach" in one] == [f"Alerts no longer reach {dead}"]
    assert sum("Bar" in one for one in labor.titles(other)) == 2
    own = labor.bar
    notes = live_status(own.warehouse, labor.settings, [BAR], own.operations, own.now).notes()
    assert [note for note in notes if f"{dead}: nothing is sent to it any more" in note and "404" in note] != []
    assert "secret" not in str(notes) + str(labor.shown(other)) + str(own.operations.deliveries())
    assert "webhooks/1/token" not in str(notes) + str(labor.shown(other)) + str(own.operations.deliveries())


def test_a_message_over_every_limit_is_cut_and_taken_by_both(overtime: House) -> None:
    overtime.work(*(f"{number} " + "\N{PINCHED FINGERS}<&*" * 2_000 for number in range(60)))
    overtime.minute(NOON)
    for channel, problem_of, none in (("slack", slack_problem, None), ("discord", discord_errors, {})):
        ((attempt,), (body,)) = overtime.attempts(channel), overtime.shown(channel)
        assert (attempt["status"], problem_of(body)) == (200, none)
        assert "…" in str(body)
    assert {one.state for one in overtime.bar.operations.deliveries()} == {"sent"}


@pytest.mark.parametrize("people", [1, 3])
def test_a_name_that_would_ring_everybody_rings_nobody_and_is_there_to_be_read(overtime: House, people: int) -> None:
    overtime.work(*[HOSTILE] * people)
    overtime.minute(NOON)
    for channel in ("slack", "discord"):
        (attempt,) = overtime.attempts(channel)
        assert (attempt["status"], attempt["rings"]) == (200, [])
        assert "everyone" in str(attempt["body"])
        assert "@everyone" not in str(attempt["body"])
        assert "<!channel>" not in str(attempt["body"])
