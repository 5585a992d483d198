"""The outbox against the simulator's Slack and Discord, which refuse what the real ones refuse and know whom a message would ring."""

from __future__ import annotations

import time as real_time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from pydantic import SecretStr

from channel_stub import Stub
from messages_of import delivery_of, messages
from operations_world import world_at
from outbox_world import CHANNEL, TOKEN, Office
from property_profiles import examples
from restaurant_os.alerting import Message
from restaurant_os.alerts import discord, slack
from restaurant_os.settings import AlertSettings, Settings
from restaurant_os.simulator.channel_rules import discord_errors, discord_rings, is_empty, slack_problem, slack_rings
from restaurant_os.simulator.server import Options, application, running
from simulator_fakes import Time, simulated, small_world

NAME = "<!channel> @everyone <@U1> & Sons"


@dataclass
class Street:
    """An office whose channels are the simulator's."""

    office: Office
    http: httpx.Client

    def fault(self, channel: str, kind: str, **more: object) -> None:
        answer = self.http.post("/simulator/channels/faults", json={"channel": channel, "kind": kind, **more})
        assert answer.is_success, answer.text

    def shown(self, channel: str) -> list[Any]:
        """The messages that a channel shows now."""
        return [own for own in self.http.get("/simulator/channels").json()["messages"] if own["channel"] == channel]

    def attempts(self, channel: str) -> list[Any]:
        return [own for own in self.http.get("/simulator/channels").json()["attempts"] if own["channel"] == channel]


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    time = Time()
    time.now = real_time.time()
    with (
        running(application(simulated(small_world(), time)), Options(port=0)) as url,
        httpx.Client(base_url=url, timeout=30) as http,
        world_at(tmp_path / "operations.sqlite") as world,
    ):
        settings = Settings.model_construct(
            slack_webhook_url=SecretStr(f"{url}/slack/services/T1/B1/secret"),
            discord_webhook_url=SecretStr(f"{url}/discord/api/webhooks/1/token"),
            slack_bot_token=SecretStr(TOKEN),
            alerts=AlertSettings(slack_channel=CHANNEL, slack_api_url=f"{url}/slack/api"),
        )
        yield Street(Office(world, Stub(), settings), http)


def test_each_takes_a_message_full_of_mentions_shows_it_once_and_rings_nobody(street: Street) -> None:
    message = Message(kind="opened", title=NAME, text=NAME * 500, fields=((NAME, NAME),) * 12, lists=((NAME, (NAME,) * 90),), footer=NAME)
    for channel in ("slack", "slack-bot", "discord"):
        street.office.put("a", channel=channel, message=message)
    assert street.office.outbox().look() == 3
    for channel in ("slack", "slack-bot", "discord"):
        assert len(street.shown(channel)) == 1
        assert [own["rings"] for own in street.attempts(channel)] == [[]]


def test_what_can_be_changed_is_changed_in_its_place(street: Street) -> None:
    for channel in ("slack-bot", "discord"):
        street.office.put(f"opened {channel}", channel=channel, group="g")
    street.office.outbox().look()
    for channel in ("slack-bot", "discord"):
        street.office.put(f"changed {channel}", channel=channel, group="g", is_edit=True)
    assert street.office.outbox().look() == 2
    (bot,), (webhook,) = street.shown("slack-bot"), street.shown("discord")
    assert (bot["body"]["blocks"][0]["text"]["text"], len(bot["edits"])) == ("changed slack-bot", 1)
    assert (webhook["body"]["embeds"][0]["title"], len(webhook["edits"])) == ("changed discord", 1)


def test_a_cut_answer_is_found_by_a_bot_and_said_by_the_others(street: Street) -> None:
    for channel in ("slack", "slack-bot", "discord"):
        street.fault(channel, "cut", times=1)
        street.office.put("a", channel=channel)
    street.office.outbox().look()
    street.office.world.turn(minutes=1)
    assert street.office.outbox().look() == 3
    shown = {
        channel: [str(own["body"]).count("may be a repeat") > 0 for own in street.shown(channel)]
        for channel in ("slack", "slack-bot", "discord")
    }
    assert shown == {"slack": [False, True], "slack-bot": [False], "discord": [False, True]}


@pytest.mark.parametrize("channel", ["slack", "slack-bot", "discord"])
def test_an_hour_of_429_ends_with_one_message(street: Street, channel: str) -> None:
    street.fault(channel, "429", times=1, seconds=3600)
    street.office.put("a", channel=channel)
    street.office.outbox().look()
    not_before = street.office.health(channel).not_before
    assert not_before is not None
    assert abs(not_before - street.office.world.now() - timedelta(hours=1)) < timedelta(minutes=1)
    street.office.world.turn(minutes=61)
    assert street.office.outbox().look() == 1
    assert len(street.shown(channel)) == 1


@pytest.mark.parametrize("channel", ["slack", "slack-bot", "discord"])
@pytest.mark.parametrize("kind", ["404", "redirect"])
def test_a_dead_address_is_asked_once_and_both_others_say_so(street: Street, channel: str, kind: str) -> None:
    street.fault(channel, kind)
    street.office.put("a", "b", channel=channel)
    street.office.outbox().look()
    assert len(street.attempts(channel)) == 1
    others = {"slack", "slack-bot", "discord"} - {channel}
    assert {name: str(street.shown(name)).count(f"Alerts no longer reach {channel}") > 0 for name in others} == dict.fromkeys(others, True)


@given(message=messages())
@examples()
def test_any_message_is_taken_by_both(message: Message) -> None:
    delivery = delivery_of(message)
    own = slack.body_of(delivery)
    assert (slack_problem(own), slack_rings({**own, "mrkdwn": True})) == (None, [])
    body = discord.body_of(delivery)
    assert (discord_errors(body), is_empty(body), discord_rings({**body, "content": str(body)})) == ({}, False, [])
