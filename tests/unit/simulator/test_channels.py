"""Slack and Discord of the simulator: what they take, refuse, keep and do on demand. Time is turned by hand but for one real socket."""

from __future__ import annotations

import time as real_time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.channel_rules import discord_errors, discord_rings, slack_problem, slack_rings
from restaurant_os.simulator.server import Options, application, running
from simulator_fakes import Http, Time, World, simulated

SLACK = "/slack/services/T01/B02/secret3"
DISCORD = "/discord/api/v10/webhooks/1100/token5"
BOT = {"Authorization": "Bearer xoxb-demo"}
HEADER = {"type": "header", "text": {"type": "plain_text", "text": "Labor over 25 %"}}


@pytest.fixture
def http(simulator: Simulator) -> Http:
    return Http(application(simulator))


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def kept(http: Http) -> Any:
    return http.get("/simulator/channels").json()


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text


# --- Slack: the incoming webhook ------------------------------------------------------------------------------------------


def test_slack_answers_a_message_with_ok_and_keeps_it_as_it_came(http: Http, time: Time) -> None:
    body = {"text": "Labor 34.2 % at Elm Street", "blocks": [HEADER, {"type": "divider"}, section("over since *14:05*")]}
    answer = http.post(SLACK, json=body)
    assert (*told(answer), answer.headers["content-type"]) == (200, "ok", "text/plain; charset=utf-8")
    [attempt] = kept(http)["attempts"]
    ts = f"{time.now:.6f}"
    assert attempt == {
        "n": 1,
        "at": "2026-03-02T15:00:00.000+00:00",
        "real": time.now,
        "channel": "slack",
        "kind": "message",
        "to": "T01/B02/secret3",
        "status": 200,
        "answer": "ok",
        "message_id": ts,
        "rings": [],
        "body": body,
    }
    assert kept(http)["messages"] == [{"n": 1, "channel": "slack", "to": "T01/B02/secret3", "message_id": ts, "body": body, "edits": []}]


@pytest.mark.parametrize(
    ("sent", "status", "word"),
    [
        ({"content": b"{"}, 400, "invalid_payload"),
        ({"json": ["text"]}, 400, "invalid_payload"),
        ({"json": {"text": 7}}, 400, "invalid_payload"),
        ({"json": {}}, 400, "missing_text_or_fallback_or_attachments"),
        ({"json": {"text": ""}}, 400, "missing_text_or_fallback_or_attachments"),
        ({"json": {"text": "x", "blocks": [section("a" * 3_001)]}}, 400, "invalid_blocks"),
        ({"json": {"blocks": [section(f"{number:04}" * 500) for number in range(8)]}}, 400, "invalid_blocks"),
    ],
)
def test_slack_refuses_in_plain_words_and_keeps_the_attempt_alone(http: Http, sent: dict[str, Any], status: int, word: str) -> None:
    assert told(http.post(SLACK, **sent)) == (status, word)
    found = kept(http)
    assert [(own["status"], own["answer"], own["message_id"]) for own in found["attempts"]] == [(status, word, None)]
    assert found["messages"] == []


def test_an_address_that_is_no_webhook_is_told_no_service(http: Http) -> None:
    assert told(http.post("/slack/services/X/Y/z", json={"text": "x"})) == (404, "no_service")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "banner"},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "section"},
        section(""),
        {"type": "section", "fields": []},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}]},
        section("x", block_id="i" * 256),
    ],
)
def test_slack_takes_no_block_beyond_its_limits(block: dict[str, Any]) -> None:
    assert slack_problem({"text": "x", "blocks": [block]}) == "invalid_blocks"


def test_slack_takes_fifty_blocks_at_their_limits_and_no_more() -> None:
    at_limits = [
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 150}},
        section("x" * 3_000, block_id="a"),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 200}] * 10},
        {"type": "context", "elements": [{"type": "plain_text", "text": "x"}] * 10},
    ]
    assert slack_problem({"blocks": [*at_limits, *[{"type": "divider"}] * 46]}) is None
    assert slack_problem({"blocks": [*at_limits, *[{"type": "divider"}] * 47]}) == "invalid_blocks"
    assert slack_problem({"blocks": [section("x", block_id="a")] * 2}) == "invalid_blocks"


def test_slack_tells_whom_a_message_would_ring_and_an_escaped_name_rings_nobody(http: Http) -> None:
    http.post(SLACK, json={"text": "for <!channel>", "blocks": [section("and <@U123>, &lt;!here&gt;"), HEADER]})
    http.post(SLACK, json={"text": "&lt;!channel&gt;"})
    assert [own["rings"] for own in kept(http)["attempts"]] == [["<!channel>", "<@U123>"], []]
    assert slack_rings({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}}]}) == []


def test_slack_takes_five_at_once_then_one_a_second_and_says_when_to_come_again(http: Http, time: Time) -> None:
    answers = [http.post(SLACK, json={"text": "x"}) for _ in range(6)]
    assert [own.status_code for own in answers] == [200] * 5 + [429]
    assert (answers[5].text, answers[5].headers["Retry-After"]) == ("rate_limited", "1")
    time.now += 1
    assert [http.post(SLACK, json={"text": "x"}).status_code for _ in range(2)] == [200, 429]


def test_the_limits_can_be_switched_off(http: Http) -> None:
    assert http.post("/simulator/channels/limits", json={"on": False}).json() == {"on": False}
    assert {http.post(path, json={"text": "x", "content": "x"}).status_code for path in [SLACK, DISCORD] * 40} == {200, 204}


# --- Slack: the bot API ---------------------------------------------------------------------------------------------------


def test_a_bot_posts_edits_and_finds_its_message_with_its_metadata(http: Http, time: Time) -> None:
    metadata = {"event_type": "alert", "event_payload": {"key": "k1"}}
    first = http.post("/slack/api/chat.postMessage", json={"channel": "#alerts", "text": "one", "metadata": metadata}, headers=BOT).json()
    where, ts = first["channel"], first["ts"]
    message = {"type": "message", "bot_id": "B0DEMO", "ts": f"{time.now:.6f}", "text": "one", "metadata": metadata}
    assert first == {"ok": True, "channel": where, "ts": f"{time.now:.6f}", "message": message}
    second = http.post("/slack/api/chat.postMessage", json={"channel": where, "text": "two"}, headers=BOT).json()
    assert float(second["ts"]) > float(ts)

    edit = http.post("/slack/api/chat.update", json={"channel": where, "ts": ts, "text": "one, edited"}, headers=BOT).json()
    edited = {**message, "text": "one, edited", "edited": {"user": "U0DEMO", "ts": ts}}
    assert edit == {"ok": True, "channel": where, "ts": ts, "message": edited}
    asked = {"channel": where, "include_all_metadata": "true", "oldest": "0", "limit": "1"}
    history = http.get("/slack/api/conversations.history", params=asked, headers=BOT).json()
    assert history == {
        "ok": True,
        "messages": [{"type": "message", "bot_id": "B0DEMO", "ts": second["ts"], "text": "two"}],
        "has_more": True,
    }
    assert http.post("/slack/api/conversations.history", json=asked | {"limit": 9}, headers=BOT).json()["messages"][1] == edited
    bare = http.post("/slack/api/conversations.history", data={"channel": where}, headers=BOT).json()["messages"][1]
    assert bare == {name: value for name, value in edited.items() if name != "metadata"}
    assert [(own["n"], own["edits"], own["body"]["text"]) for own in kept(http)["messages"]] == [(1, [3], "one, edited"), (2, [], "two")]


@pytest.mark.parametrize(
    ("method", "headers", "body", "word"),
    [
        ("chat.postMessage", {}, {"channel": "C012345678", "text": "x"}, "not_authed"),
        ("chat.postMessage", {"Authorization": "Bearer nope"}, {"channel": "C012345678", "text": "x"}, "invalid_auth"),
        ("chat.postMessage", BOT, {"text": "x"}, "channel_not_found"),
        ("chat.postMessage", BOT, {"channel": "C012345678"}, "no_text"),
        ("chat.postMessage", BOT, {"channel": "C012345678", "blocks": [{"type": "banner"}]}, "invalid_blocks"),
        ("chat.postMessage", BOT, {"channel": "C012345678", "blocks": [section("x" * 3_000)] * 5}, "msg_blocks_too_long"),
        ("chat.update", BOT, {"channel": "C012345678", "ts": "1.0", "text": "x"}, "message_not_found"),
        ("chat.update", BOT, {"channel": "#alerts", "ts": "1.0", "text": "x"}, "channel_not_found"),
        ("conversations.history", BOT, {"channel": "alerts"}, "channel_not_found"),
        ("files.upload", BOT, {}, "unknown_method"),
    ],
)
def test_a_bot_is_refused_with_200_and_a_word(http: Http, method: str, headers: dict[str, str], body: dict[str, Any], word: str) -> None:
    answer = http.post(f"/slack/api/{method}", json=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": word})
    assert kept(http)["messages"] == []


def test_a_bot_that_posts_too_fast_is_told_when_to_come_again(http: Http) -> None:
    answers = [http.post("/slack/api/chat.postMessage", json={"channel": "C012345678", "text": "x"}, headers=BOT) for _ in range(6)]
    assert [own.status_code for own in answers] == [200] * 5 + [429]
    assert (answers[5].json(), answers[5].headers["Retry-After"]) == ({"ok": False, "error": "ratelimited"}, "1")


# --- Discord --------------------------------------------------------------------------------------------------------------


def test_discord_is_silent_unless_waited_for(http: Http) -> None:
    silent = http.post(DISCORD, json={"content": "one"})
    assert (silent.status_code, silent.content) == (204, b"")
    message = http.post("/discord/api/webhooks/1100/token5?wait=true", json={"content": "two", "username": "Labor Watch"}).json()
    assert (message["content"], message["webhook_id"], message["author"]["username"]) == ("two", "1100", "Labor Watch")
    assert http.get(f"{DISCORD}/messages/{message['id']}").json() == message
    assert [own["message_id"] for own in kept(http)["messages"]][1] == message["id"]


def test_a_message_of_discord_is_edited_by_parts(http: Http, time: Time) -> None:
    message = http.post(f"{DISCORD}?wait=true", json={"content": "one", "embeds": [{"title": "t"}]}).json()
    time.now += 60
    edited = http.request("PATCH", f"{DISCORD}/messages/{message['id']}", json={"content": "one, edited"}).json()
    assert (edited["content"], edited["embeds"], message["edited_timestamp"]) == ("one, edited", [{"title": "t"}], None)
    assert edited["edited_timestamp"] == "2026-03-02T16:01:00+00:00"
    [own] = kept(http)["messages"]
    assert (own["edits"], own["body"]) == ([2], {"content": "one, edited", "embeds": [{"title": "t"}]})
    unknown = http.request("PATCH", f"{DISCORD}/messages/1", json={"content": "x"})
    assert (unknown.status_code, unknown.json()) == (404, {"message": "Unknown Message", "code": 10008})
    assert http.get(f"{DISCORD}/messages/1").status_code == 404


def test_discord_refuses_a_form_with_the_place_of_each_fault(http: Http) -> None:
    answer = http.post(DISCORD, json={"content": "c" * 2_001, "embeds": [{"title": "ok"}, {"title": "t" * 257}]})
    assert answer.status_code == 400
    assert answer.json() == {
        "message": "Invalid Form Body",
        "code": 50035,
        "errors": {
            "content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]},
            "embeds": {"1": {"title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]}}},
        },
    }
    assert [http.post(DISCORD, **sent).json()["code"] for sent in ({"json": {"username": "x"}}, {"content": b"no"})] == [50006, 50109]


@pytest.mark.parametrize(
    ("embed", "place"),
    [
        ({"description": "x" * 4_097}, "description"),
        ({"fields": [{"name": "n", "value": "v"}] * 26}, "fields"),
        ({"fields": [{"name": "n" * 257, "value": "v"}]}, "fields"),
        ({"fields": [{"name": "n", "value": "v" * 1_025}]}, "fields"),
        ({"fields": [{"name": "n", "value": ""}]}, "fields"),
        ({"footer": {"text": "x" * 2_049}}, "footer"),
        ({"author": {"name": "x" * 257}}, "author"),
        ({"color": 0x1000000}, "color"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"url": "ftp://example.com"}, "url"),
    ],
)
def test_discord_takes_no_embed_beyond_its_limits(embed: dict[str, Any], place: str) -> None:
    assert list(discord_errors({"embeds": [embed]})["embeds"]["0"]) == [place]


def test_discord_takes_6000_characters_over_all_embeds_of_a_message() -> None:
    halves = [{"description": "x" * 3_000}, {"description": "x" * 2_990, "footer": {"text": "x" * 10}}]
    assert discord_errors({"embeds": halves}) == {}
    assert list(discord_errors({"embeds": [*halves, {"title": "x"}]})) == ["embeds"]
    assert list(discord_errors({"embeds": [{"title": "x"}] * 11})) == ["embeds"]
    assert list(discord_errors({"content": "x", "username": "Discord alerts"})) == ["username"]


def test_discord_rings_whom_allowed_mentions_let_through() -> None:
    content = "for @everyone and <@123> of <@&45>"
    assert discord_rings({"content": content}) == ["<@&45>", "<@123>", "@everyone"]
    assert discord_rings({"content": content, "allowed_mentions": {"parse": ["users"]}}) == ["<@123>"]
    assert discord_rings({"content": content, "allowed_mentions": {"parse": []}}) == []
    assert discord_rings({"embeds": [{"title": "@everyone"}]}) == []


def test_discord_takes_five_in_two_seconds_and_says_so_in_its_headers(http: Http, time: Time) -> None:
    answers = [http.post(DISCORD, json={"content": "x"}) for _ in range(6)]
    assert [own.status_code for own in answers] == [204] * 5 + [429]
    shown = [
        (own.headers["X-RateLimit-Limit"], own.headers["X-RateLimit-Remaining"], own.headers["X-RateLimit-Reset-After"]) for own in answers
    ]
    assert (shown[0], shown[4]) == (("5", "4", "0.400"), ("5", "0", "2.000"))
    assert answers[5].json() == {"message": "You are being rate limited.", "retry_after": 0.4, "global": False}
    assert (answers[5].headers["Retry-After"], answers[5].headers["X-RateLimit-Scope"]) == ("1", "user")
    time.now += 0.4
    assert http.post(DISCORD, json={"content": "x"}).status_code == 204


# --- faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "slack", "bot", "discord"),
    [
        ("429", (429, "rate_limited"), (429, "ratelimited"), (429, 7.0)),
        ("500", (500, "rollup_error"), (500, "internal_error"), (500, 0)),
        ("404", (404, "no_service"), (404, None), (404, 10015)),
        ("redirect", (302, ""), (302, None), (302, None)),
    ],
)
def test_each_channel_fails_in_its_own_words(http: Http, kind: str, slack: object, bot: object, discord: object) -> None:
    for channel in ("slack", "slack-bot", "discord"):
        http.post("/simulator/channels/faults", json={"channel": channel, "kind": kind, "times": 1, "seconds": 7})
    first = http.post(SLACK, json={"text": "x"})
    second = http.post("/slack/api/chat.postMessage", json={"channel": "C012345678", "text": "x"}, headers=BOT)
    third = http.post(DISCORD, json={"content": "x"})
    assert told(first) == slack
    assert (second.status_code, second.json()["error"] if second.text.startswith("{") else None) == bot
    content = third.json() if third.content else {}
    assert (third.status_code, content.get("code", content.get("retry_after"))) == discord
    if kind == "429":
        assert [own.headers["Retry-After"] for own in (first, second, third)] == ["7", "7", "7"]
    found = kept(http)
    assert ([own["status"] for own in found["attempts"]], found["messages"]) == ([int(kind) if kind.isdigit() else 302] * 3, [])
    assert http.get("/simulator/channels/faults").json() == []
    assert told(http.post(SLACK, json={"text": "x"})) == (200, "ok")


def test_a_fault_lasts_for_its_time_and_is_cleared(http: Http, time: Time) -> None:
    http.post("/simulator/channels/faults", json={"channel": "discord", "kind": "500", "for_seconds": 3600})
    time.now += 3599
    assert http.post(DISCORD, json={"content": "x"}).status_code == 500
    shown = http.get("/simulator/channels/faults").json()
    assert shown == [{"channel": "discord", "kind": "500", "happened": 1, "seconds_left": 1.0}]
    time.now += 1
    assert http.post(DISCORD, json={"content": "x"}).status_code == 204
    http.post("/simulator/channels/faults", json={"channel": "discord", "kind": "404"})
    assert http.post(DISCORD, json={"content": "x"}).status_code == 404
    assert http.delete("/simulator/channels/faults").json() == []
    assert http.post(DISCORD, json={"content": "x"}).status_code == 204


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"channel": "teams", "kind": "500"}, "channel must be one of slack, slack-bot, discord, not 'teams'"),
        ({"channel": "slack", "kind": "fire"}, "kind must be one of 429, 500, 404, slow, cut, redirect, not 'fire'"),
        ({"channel": "slack", "kind": "500", "times": 0}, "times must be a whole number from 1"),
        ({"channel": "slack", "kind": "slow", "seconds": -1}, "seconds must be a number from 0 to 31622400"),
        ({"channel": "slack", "kind": "slow", "until": 1}, "unknown until; known are channel, kind, times, for_seconds, seconds"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_was_expected(http: Http, asked: dict[str, Any], reason: str) -> None:
    answer = http.post("/simulator/channels/faults", json=asked)
    assert (answer.status_code, answer.json()["message"]) == (400, reason)


def test_what_was_received_is_read_on_from_a_number_and_cleared(http: Http) -> None:
    for number in range(3):
        http.post(SLACK, json={"text": f"{number}"})
    later = http.get("/simulator/channels?since=2").json()
    assert (later["count"], [own["n"] for own in later["attempts"]], len(later["messages"])) == (3, [3], 3)
    assert http.delete("/simulator/channels").json() == {"count": 3, "attempts": [], "messages": []}
    http.post(SLACK, json={"text": "after"})
    assert [own["n"] for own in kept(http)["attempts"]] == [4]
    assert http.get("/simulator/channels?since=x").status_code == 400


# --- a real socket --------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(world: World, time: Time) -> Iterator[httpx.Client]:
    time.now = real_time.time()
    with running(application(simulated(world, time)), Options(port=0)) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def test_over_a_socket_an_answer_is_cut_or_late_though_the_message_is_there(served: httpx.Client) -> None:
    assert told(served.post(SLACK, json={"text": "whole"})) == (200, "ok")
    for channel in ("slack", "discord"):
        served.post("/simulator/channels/faults", json={"channel": channel, "kind": "cut", "times": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        served.post(SLACK, json={"text": "cut"})
    with pytest.raises(httpx.RemoteProtocolError):
        served.post(DISCORD, json={"content": "cut, with no body"})
    served.post("/simulator/channels/faults", json={"channel": "slack", "kind": "slow", "times": 1, "seconds": 20})
    with pytest.raises(httpx.ReadTimeout):
        served.post(SLACK, json={"text": "slow"}, timeout=0.5)
    found = served.get("/simulator/channels").json()
    assert [own["status"] for own in found["attempts"]] == [200, "cut", "cut", 200]
    assert [own["body"].get("text") for own in found["messages"]] == ["whole", "cut", None, "slow"]
