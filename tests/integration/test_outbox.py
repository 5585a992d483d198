"""The outbox: every message arrives once, whatever a channel answers, and one channel's trouble is its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from channel_stub import Reply, channel_stub
from messages_of import delivery_of
from outbox_world import BOT, CHANNEL, DISCORD, SLACK, TOKEN, Office, office
from restaurant_os.alerting import Message
from restaurant_os.alerts import posting
from restaurant_os.alerts.channels import channels_of
from restaurant_os.alerts.others import AppriseSender
from restaurant_os.errors import InDoubtError
from restaurant_os.live.outbox import use_again
from restaurant_os.live.sending import MOST_DOUBTS

PATIENCE = 60.0


@pytest.fixture
def own(operations_place: Path | str) -> Iterator[Office]:
    """Both webhooks, on each store."""
    with office(operations_place, "slack", "discord") as found:
        yield found


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "operations.sqlite", "slack-bot") as found:
        yield found


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "operations.sqlite", "slack", "discord") as found:
        yield found


def await_that(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


# --- what goes well -------------------------------------------------------------------------------------------------------


def test_each_message_goes_once_to_its_channel_and_its_id_is_kept(own: Office) -> None:
    own.put("a", "b")
    own.put("c", channel="discord")
    assert own.outbox().look() == 3
    assert own.outbox().look() == 0

    assert own.titles() == ["a", "b"]
    assert own.titles(DISCORD) == ["c"]
    assert [call.query for call in own.stub.to(DISCORD)] == [{"wait": "true"}]
    assert own.states() == {"slack a": "sent", "slack b": "sent", "discord c": "sent"}
    assert (own.delivery("a").sent_id, own.delivery("c").sent_id) == ("", "message-1")
    assert b'alert_deliveries_total{channel="slack",result="sent"} 2.0' in own.meters.text()


def test_what_is_not_ready_waits(slack: Office) -> None:
    slack.put("later", ready_at=slack.world.now().replace(year=2100))
    assert slack.outbox().look() == 0
    assert slack.states() == {"slack later": "pending"}


def test_ten_people_are_told_each_once_by_two_outboxes_at_once(own: Office) -> None:
    with own.running("one"), own.running("two"):
        own.put(*(f"person {number}" for number in range(10)))
        own.stub.wait(10, SLACK)
        await_that(lambda: set(own.states().values()) == {"sent"})
    assert sorted(own.titles()) == [f"person {number}" for number in range(10)]


def test_slack_gets_one_message_a_second(slack: Office) -> None:
    slack.put("a", "b")
    began = time.monotonic()
    assert slack.outbox(paces=True).look() == 2
    assert time.monotonic() - began >= 1.0


def test_an_outbox_without_channels_runs_and_ends(tmp_path: Path) -> None:
    with office(tmp_path / "operations.sqlite") as none, none.running():
        pass


# --- edits ----------------------------------------------------------------------------------------------------------------


def test_an_edit_changes_the_last_new_message_of_its_group(own: Office) -> None:
    own.put("opened", channel="discord", group="g")
    own.outbox().look()
    own.put("changed", channel="discord", group="g", is_edit=True)
    assert own.outbox().look() == 1

    assert [(call.method, call.path) for call in own.stub.to(DISCORD)] == [("POST", DISCORD), ("PATCH", f"{DISCORD}/messages/message-1")]
    assert own.titles(DISCORD) == ["opened", "changed"]


def test_an_edit_without_a_message_to_change_or_a_channel_that_can_makes_no_call(own: Office) -> None:
    own.put("nothing there", channel="discord", group="g", is_edit=True)
    own.put("cannot", group="g", is_edit=True)
    assert own.outbox().look() == 0
    assert own.stub.calls == []
    assert own.states() == {"discord nothing there": "dead", "slack cannot": "dead"}
    assert own.delivery("cannot").error == "there is no message that it could change"


def test_an_edit_of_a_message_that_somebody_deleted_leaves_the_channel_in_use(slack: Office) -> None:
    slack.put("opened", channel="discord", group="g")
    slack.outbox().look()
    slack.answers[f"{DISCORD}/messages"] = Reply(404, {"code": 10008, "message": "Unknown Message"})
    slack.put("changed", channel="discord", group="g", is_edit=True)
    slack.outbox().look()
    assert slack.states() == {"discord opened": "sent", "discord changed": "dead"}
    assert slack.health("discord").disabled == ""


def test_a_bot_changes_its_message_where_it_posted_it(bot: Office) -> None:
    bot.put("opened", channel="slack-bot", group="g")
    bot.outbox().look()
    bot.put("changed", channel="slack-bot", group="g", is_edit=True)
    bot.outbox().look()
    (ts,) = bot.posted
    post, update = bot.stub.calls
    assert (post.path, post.body["channel"], post.body["metadata"]) == (
        f"{BOT}/chat.postMessage",
        CHANNEL,
        {"event_type": "restaurant_os_message", "event_payload": {"key": "opened"}},
    )
    assert post.headers["authorization"] == f"Bearer {TOKEN}"
    assert (update.path, update.body["channel"], update.body["ts"]) == (f"{BOT}/chat.update", CHANNEL, ts)


# --- what goes wrong for a while ------------------------------------------------------------------------------------------


def test_a_channel_that_answers_429_for_an_hour_gets_its_message_once_then_and_holds_up_no_other(own: Office) -> None:
    own.answers[SLACK] = Reply(429, "rate_limited", {"Retry-After": "3600"})
    own.put("a", "b")
    own.put("c", channel="discord")
    with own.running():
        own.stub.wait(1, DISCORD)
        own.stub.wait(1, SLACK)
        await_that(lambda: own.delivery("a").attempts == 1 and own.delivery("c").state == "sent")
    assert own.states() == {"slack a": "pending", "slack b": "pending", "discord c": "sent"}
    for _ in range(3):
        own.world.turn(minutes=15)
        assert own.outbox().look() == 0
    assert len(own.stub.to(SLACK)) == 1

    own.answers.clear()
    own.world.turn(minutes=16)
    assert own.outbox().look() == 2
    assert own.titles() == ["a", "a", "b"]
    assert "repeat" not in str([call.body for call in own.stub.to(SLACK)])


def test_discords_own_seconds_are_obeyed(slack: Office) -> None:
    slack.answers[DISCORD] = Reply(429, {"message": "slow", "retry_after": 90.5, "global": False}, {"Retry-After": "2"})
    slack.put("a", channel="discord")
    began = slack.world.now()
    slack.outbox().look()
    not_before = slack.health("discord").not_before
    assert not_before is not None
    assert 90.5 <= (not_before - began).total_seconds() < 90.5 + PATIENCE


def test_a_server_in_trouble_is_tried_again_later_each_time_and_given_up_after_a_day(slack: Office) -> None:
    slack.answers[SLACK] = Reply(503, "")
    slack.put("a")
    rests = []
    for _ in range(8):
        before = slack.world.now()
        slack.outbox().look()
        rests.append((slack.delivery("a").ready_at - before).total_seconds())
        slack.world.turn(seconds=301)
    wanted = [5, 10, 20, 40, 80, 160, 300, 300]
    assert [0.75 * most <= rest <= most + 30 for rest, most in zip(rests, wanted, strict=True)] == [True] * 8

    slack.world.turn(hours=24)
    slack.outbox().look()
    slack.world.turn(seconds=301)
    slack.outbox().look()
    assert slack.delivery("a").state == "dead"
    assert slack.delivery("a").error == "given up after 10 tries in more than a day: slack: it answered 503."
    assert slack.health().disabled == ""


def test_a_server_that_cannot_be_reached_was_sent_nothing(slack: Office) -> None:
    with channel_stub() as gone:
        url = f"{gone.url}{SLACK}"
    slack.settings = slack.settings.model_copy(update={"slack_webhook_url": SecretStr(url)})
    slack.put("a")
    slack.outbox().look()
    assert (slack.delivery("a").state, slack.delivery("a").is_repeated) == ("pending", False)
    assert slack.delivery("a").error == "slack: it cannot be reached (ConnectError); nothing was sent."


def test_an_answer_that_is_cut_leaves_a_doubt_that_the_next_one_says(slack: Office) -> None:
    slack.answers[SLACK] = Reply(is_cut=True)
    slack.put("a")
    slack.outbox().look()
    slack.answers.clear()
    slack.world.turn(minutes=1)
    assert slack.outbox().look() == 1
    first, second = (call.body["blocks"][1]["text"]["text"] for call in slack.stub.to(SLACK))
    assert (first, second) == ("about a", "(may be a repeat) about a")


def test_a_channel_that_does_not_answer_in_time_leaves_a_doubt(slack: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "STEP_SECONDS", 0.5)
    hold = threading.Event()
    slack.answers[SLACK] = Reply(hold=hold)
    slack.put("a")
    slack.outbox().look()
    hold.set()
    assert (slack.delivery("a").state, slack.delivery("a").is_repeated) == ("pending", True)
    assert slack.delivery("a").error == "slack: no whole answer came (ReadTimeout); whether the message arrived is not known."


def test_doubts_without_end_are_no_messages_without_end(slack: Office) -> None:
    slack.answers[SLACK] = Reply(is_cut=True)
    slack.put("a")
    outbox = slack.outbox()
    for _ in range(MOST_DOUBTS + 3):
        outbox.look()
        slack.world.turn(hours=5)
    assert len(slack.stub.to(SLACK)) == MOST_DOUBTS
    assert slack.delivery("a").state == "dead"


def test_a_bot_in_doubt_looks_first(bot: Office) -> None:
    bot.answers[f"{BOT}/chat.postMessage"] = Reply(200, {"ok": True}, is_cut=True)
    bot.put("a", channel="slack-bot")
    bot.outbox().look()
    bot.posted["1.0"] = {"metadata": {"event_payload": {"key": "another"}}}
    bot.posted[f"{bot.world.now().timestamp():.6f}"] = bot.stub.calls[0].body
    bot.world.turn(minutes=1)
    assert bot.outbox().look() == 1
    assert [call.path for call in bot.stub.calls] == [f"{BOT}/chat.postMessage", f"{BOT}/conversations.history"]
    assert bot.delivery("a").sent_id.startswith(f"{CHANNEL}/")


# --- after a crash --------------------------------------------------------------------------------------------------------


def test_what_was_being_sent_in_a_crash_is_sent_again_and_says_so(own: Office) -> None:
    own.put("a")
    assert own.store.claim_delivery(["slack"], "the dead", 60) is not None
    assert own.outbox().look() == 0
    own.world.turn(seconds=61)
    assert own.outbox().look() == 1
    (call,) = own.stub.calls
    assert call.body["blocks"][1]["text"]["text"] == "(may be a repeat) about a"


def test_what_a_bot_sent_before_the_crash_is_found_and_not_sent_twice(bot: Office) -> None:
    bot.put("a", channel="slack-bot")
    claimed = bot.store.claim_delivery(["slack-bot"], "the dead", 60)
    assert claimed is not None
    bot.posted[f"{bot.world.now().timestamp():.6f}"] = {"metadata": {"event_payload": {"key": claimed.key}}}
    bot.world.turn(seconds=61)
    assert bot.outbox().look() == 1
    assert [call.path for call in bot.stub.calls] == [f"{BOT}/conversations.history"]
    assert bot.states() == {"slack-bot a": "sent"}


@pytest.mark.parametrize("history", [Reply(200, {"ok": True, "messages": []}), Reply(200, {"ok": False, "error": "missing_scope"})])
def test_what_a_bot_cannot_find_is_sent_and_says_so(bot: Office, history: Reply) -> None:
    bot.answers[f"{BOT}/conversations.history"] = history
    bot.put("a", channel="slack-bot")
    bot.store.claim_delivery(["slack-bot"], "the dead", 60)
    bot.world.turn(seconds=61)
    assert bot.outbox().look() == 1
    assert bot.stub.calls[-1].body["blocks"][1]["text"]["text"] == "(may be a repeat) about a"
    assert bot.health("slack-bot").disabled == ""


# --- what will not go well by waiting -------------------------------------------------------------------------------------


def test_a_dead_address_is_used_no_more_and_the_others_say_so_once(own: Office) -> None:
    own.answers[DISCORD] = Reply(404, {"code": 10015, "message": "Unknown Webhook"})
    own.put("a", "b", channel="discord")
    own.put("c")
    own.outbox().look()
    own.put("d", channel="discord")
    own.outbox("another").look()

    assert len(own.stub.to(DISCORD)) == 1
    assert own.states() == {
        **{f"discord {title}": "dead" for title in "abd"},
        "slack c": "sent",
        "slack Alerts no longer reach discord": "sent",
    }
    assert own.titles() == ["c", "Alerts no longer reach discord"]
    why = "discord: it answered 404 (code 10015, Unknown Webhook)."
    assert own.stub.to(SLACK)[-1].body["blocks"][1]["text"]["text"].startswith(why)
    assert own.health("discord").disabled.startswith(why)
    assert "discord-secret" not in str(own.store.deliveries()) + str(own.store.channels())


def test_a_channel_that_worked_again_and_died_again_the_same_day_is_said_again(own: Office) -> None:
    for _ in range(2):
        own.answers[DISCORD] = Reply(404)
        own.put(f"dead {own.world.turned}", channel="discord")
        own.outbox().look()
        own.answers.clear()
        assert use_again(own.store, next(one for one in channels_of(own.settings) if one.name == "discord"))
        own.world.turn(seconds=1)
        own.put(f"works {own.world.turned}", channel="discord")
        own.outbox().look()
    assert own.titles() == ["Alerts no longer reach discord"] * 2


def test_a_new_address_begins_anew(own: Office) -> None:
    own.answers[SLACK] = Reply(410, "channel_is_archived")
    own.put("a")
    own.outbox().look()
    own.settings = own.settings.model_copy(update={"slack_webhook_url": SecretStr(f"{own.stub.url}/services/T0/B0/new")})
    own.put("b")
    own.outbox().look()
    assert own.titles("/services/T0/B0/new") == ["b"]
    assert (own.health().disabled, own.health().last_error) == ("", "")


def test_a_channel_that_a_person_found_to_work_is_used_again(slack: Office) -> None:
    slack.answers[SLACK] = Reply(403, "action_prohibited")
    slack.put("a")
    slack.outbox().look()
    slack.answers.clear()
    channel = channels_of(slack.settings)[0]
    assert [use_again(slack.store, channel), use_again(slack.store, channel)] == [True, False]
    slack.put("b")
    slack.outbox().look()
    assert slack.titles() == ["a", "b"]


@pytest.mark.parametrize(
    "reply",
    [Reply(404, "no_service"), Reply(403, "action_prohibited"), Reply(400, "invalid_token"), Reply(302, "", {"Location": "/elsewhere"})],
)
def test_what_says_that_an_address_is_dead(slack: Office, reply: Reply) -> None:
    slack.answers[SLACK] = reply
    slack.put("a")
    slack.outbox().look()
    assert slack.health().disabled.startswith(f"slack: it answered {reply.status}")
    assert [call.path for call in slack.stub.calls] == [SLACK, DISCORD]


@pytest.mark.parametrize("error", ["invalid_auth", "is_archived", "not_in_channel", "missing_scope"])
def test_what_says_that_a_bot_is_dead(bot: Office, error: str) -> None:
    bot.answers[BOT] = Reply(200, {"ok": False, "error": error})
    bot.put("a", channel="slack-bot")
    bot.outbox().look()
    assert bot.health("slack-bot").disabled.startswith(f"slack-bot: chat.postMessage answered {error}.")


def test_a_message_that_is_refused_costs_itself_alone(own: Office) -> None:
    own.answers[SLACK] = Reply(400, "invalid_blocks")
    own.put("a")
    own.outbox().look()
    own.answers.clear()
    own.put("b")
    own.outbox().look()
    assert own.states() == {"slack a": "dead", "slack b": "sent"}
    assert own.delivery("a").error == "slack: it answered 400 (invalid_blocks); this message is refused."


def test_a_message_over_every_limit_is_cut_and_sent(own: Office) -> None:
    message = Message(kind="opened", title="<!channel>" * 500, text="@everyone " * 5000, fields=(("l" * 999, "v" * 9999),) * 40)
    own.put("long", message=message)
    own.put("long", channel="discord", message=message)
    assert own.outbox().look() == 2
    assert "<!channel>" not in str([call.body for call in own.stub.calls])
    assert "@everyone" not in str([call.body for call in own.stub.calls])


def test_a_fault_of_ours_costs_that_message_alone(slack: Office, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise KeyError("ours")

    slack.put("a")
    slack.outbox(transport=Broken()).look()
    assert (slack.delivery("a").state, slack.delivery("a").error) == ("dead", "a fault of ours: KeyError")
    assert "KeyError" in caplog.text
    slack.put("b")
    assert slack.outbox().look() == 1


# --- the threads ----------------------------------------------------------------------------------------------------------


def test_a_slow_channel_holds_up_no_other(own: Office) -> None:
    hold = threading.Event()
    own.answers[SLACK] = Reply(hold=hold)
    with own.running():
        own.put("slow")
        own.stub.wait(1, SLACK)
        own.put("quick", channel="discord")
        own.stub.wait(1, DISCORD)
        hold.set()
        await_that(lambda: set(own.states().values()) == {"sent"})


def test_no_secret_is_in_a_log_or_an_error(slack: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = f"Cannot POST {SLACK} {DISCORD}"
    for reply in (Reply(500, said), Reply(429, said), Reply(is_cut=True), Reply(400, said), Reply(404, said)):
        slack.answers = {SLACK: reply, DISCORD: replace(reply, body={"message": said, "code": 1})}
        slack.put(f"s {reply.status} {reply.is_cut}")
        slack.put(f"d {reply.status} {reply.is_cut}", channel="discord")
        slack.outbox().look()
        slack.world.turn(hours=2)
    kept: list[Any] = [slack.store.deliveries(), slack.store.channels(), caplog.text]
    assert [name for name in ("slack-secret", "discord-secret") if name in str(kept)] == []


# --- Apprise --------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated")
def test_apprise_sends_plain_text_and_says_when_it_did_not() -> None:
    with channel_stub() as stub:
        sender = AppriseSender("apprise-1", f"{stub.url.replace('http', 'json')}/x")
        message = Message(kind="opened", title="Labor above 25 %", text="@all: 30.0 %", fields=(("CPLH", "$20.00"),))
        assert sender.send(delivery_of(message)) == ""
        (call,) = stub.calls
        assert (call.body["title"], call.body["message"], call.body["type"]) == (
            "Labor above 25 %",
            "@\u200ball: 30.0 %\n\nCPLH: $20.00",
            "warning",
        )
        stub.answer = lambda call: Reply(302, "", {"Location": f"{stub.url}/elsewhere"})
        with pytest.raises(InDoubtError, match="did not reach everybody"):
            sender.send(delivery_of(message))
        assert stub.to("/elsewhere") == []
