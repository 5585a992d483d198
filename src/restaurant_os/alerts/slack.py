"""Slack: messages as Block Kit, by an incoming webhook or by a bot.

Source: reference 7.1 (webhook, errors, limits); Slack's chat.postMessage, chat.update, conversations.history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from restaurant_os.alerting import Delivery
from restaurant_os.alerts.escaping import Escape, fitted, link_of, listed, slack, slack_plain, told
from restaurant_os.alerts.posting import Answer, Caller
from restaurant_os.errors import DeadChannelError, RateLimitedError, RequestError, RestaurantOSError, RetryableError

Json = dict[str, Any]
#: A webhook takes one message a second.
PAUSE_SECONDS = 1.0
MOST_TITLE, MOST_TEXT, MOST_FALLBACK, MOST_FIELDS, MOST_LISTS = 150, 3000, 1000, 20, 10
MOST_LABEL, MOST_VALUE = 120, 600
#: Of all blocks, as ASCII JSON. About 13 kB were refused.
MOST_BYTES = 12_000
#: Which parts of the limits are used, of lists and of all else: the first at which all blocks are small enough.
SHARES = ((1.0, 1.0), (0.5, 1.0), (0.2, 1.0), (0.1, 0.4), (0.04, 0.12), (0.012, 0.03))
#: Of an address or a token: it will not work again by itself.
DEAD_WORDS = frozenset(
    {
        *(
            "invalid_token",
            "no_service",
            "no_service_id",
            "no_team",
            "team_disabled",
            "channel_not_found",
            "channel_is_archived",
            "is_archived",
        ),
        *("action_prohibited", "posting_to_general_channel_denied", "not_authed", "invalid_auth", "account_inactive", "token_revoked"),
        *("token_expired", "missing_scope", "not_in_channel", "no_permission", "org_login_required", "ekm_access_denied", "access_denied"),
        *(
            "team_access_not_granted",
            "restricted_action",
            "restricted_action_read_only_channel",
            "not_allowed_token_type",
            "two_factor_setup_required",
        ),
    }
)
RETRY_WORDS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error", "team_added_to_org"})
CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
EVENT_TYPE = "restaurant_os_message"
#: How far back a message is looked for, before its delivery was made: clocks differ.
LOOK_BACK_SECONDS, PAGES, MOST_HISTORY_BYTES = 300.0, 5, 8 << 20


def body_of(delivery: Delivery) -> Json:
    """A message as Slack takes it, by webhook or from a bot, within all limits."""
    message = delivery.message
    fallback = fitted(" - ".join(one for one in (message.title, told(delivery)) if one), MOST_FALLBACK, slack)
    for of_lists, of_rest in SHARES:
        blocks = _blocks(delivery, of_lists, of_rest)
        if len(json.dumps(blocks)) <= MOST_BYTES:
            break
    return {"text": fallback or "-", "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks}


def _blocks(delivery: Delivery, of_lists: float, of_rest: float) -> list[Json]:
    message = delivery.message

    def cut(text: str, limit: float, escape: Escape = slack) -> str:
        return fitted(text, int(limit * of_rest), escape)

    blocks: list[Json] = []
    if title := fitted(message.title, MOST_TITLE, slack_plain):
        blocks.append({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}})
    if text := cut(told(delivery), MOST_TEXT):
        blocks.append(_section(text))
    fields = [
        _mrkdwn(f"*{cut(label.replace(chr(10), ' '), MOST_LABEL) or '-'}*\n{cut(value, MOST_VALUE) or '-'}")
        for label, value in message.fields[:MOST_FIELDS]
    ]
    blocks += [{"type": "section", "fields": fields[at : at + 10]} for at in range(0, len(fields), 10)]
    for heading, lines in message.lists[:MOST_LISTS]:
        if shown := listed(lines, int((MOST_TEXT - 200) * of_lists), slack):
            blocks.append(_section(f"*{cut(heading.replace(chr(10), ' '), MOST_LABEL) or '-'}*\n{shown}"))
    if suggestion := cut(message.suggestion, 1000):
        blocks.append(_section(suggestion))
    if link := link_of(delivery):
        blocks.append(_section(f"<{link.replace('&', '&amp;')}|Open>"))
    if footer := cut(message.footer, 300):
        blocks.append({"type": "context", "elements": [_mrkdwn(footer)]})
    return blocks or [_section("-")]


def _section(text: str) -> Json:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Json:
    """Verbatim: Slack makes no links and no mentions of its own accord."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


class SlackWebhook:
    """Sends by an incoming webhook: it gives no id, so that nothing can be changed or found."""

    def __init__(self, url: str, caller: Caller) -> None:
        self._url = url
        self._caller = caller
        self.pause = PAUSE_SECONDS

    def send(self, delivery: Delivery) -> str:
        answer = self._caller.call("POST", self._url, body_of(delivery))
        if 200 <= answer.status < 300:
            return ""
        word = answer.body.decode("utf-8", "replace").strip()
        word = word if re.fullmatch(r"[a-z_]{2,60}", word) else ""
        if word in DEAD_WORDS and answer.status < 500:
            raise self._caller.dead(f"{self._caller.channel}: it answered {answer.status} ({word}).")
        raise self._caller.refusal(answer, word)

    def edit(self, sent_id: str, delivery: Delivery) -> None:
        raise RequestError(f"{self._caller.channel}: it cannot change a message.")

    def find(self, delivery: Delivery) -> str | None:
        return None


class SlackBot:
    """Sends as a bot. An id is `channel/ts`: what Slack calls a message by."""

    def __init__(self, api_url: str, token: str, channel: str, caller: Caller) -> None:
        self._api_url = api_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._channel = channel
        self._caller = caller
        self.pause = PAUSE_SECONDS

    def send(self, delivery: Delivery) -> str:
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": delivery.key}}
        found = self._call("chat.postMessage", {**body_of(delivery), "channel": self._channel, "metadata": metadata})
        return f"{found.get('channel') or self._channel}/{found.get('ts') or ''}"

    def edit(self, sent_id: str, delivery: Delivery) -> None:
        channel, _, ts = sent_id.rpartition("/")
        body = {name: value for name, value in body_of(delivery).items() if name in ("text", "blocks")}
        self._call("chat.update", {**body, "channel": channel, "ts": ts})

    def find(self, delivery: Delivery) -> str | None:
        """Where a message of this delivery is; None: nowhere, or the bot may not read."""
        query = {
            "channel": self._channel,
            "include_all_metadata": "true",
            "limit": "200",
            "oldest": f"{delivery.created_at.timestamp() - LOOK_BACK_SECONDS:.6f}",
        }
        for _ in range(PAGES):
            try:
                found = self._call("conversations.history", query=query)
            except (DeadChannelError, RequestError):
                return None
            for one in found.get("messages") or ():
                payload = ((one.get("metadata") or {}).get("event_payload") or {}) if isinstance(one, dict) else {}
                if payload.get("key") == delivery.key:
                    return f"{self._channel}/{one.get('ts')}"
            cursor = (found.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            query["cursor"] = str(cursor)
        return None

    def _call(self, method: str, body: Json | None = None, query: Mapping[str, str] | None = None) -> Json:
        url = f"{self._api_url}/{method}"
        if query is not None:
            from urllib.parse import urlencode

            answer = self._caller.call("GET", f"{url}?{urlencode(query)}", headers=self._headers, most_bytes=MOST_HISTORY_BYTES)
        else:
            answer = self._caller.call("POST", url, body, headers=self._headers)
        document = answer.document
        if 200 <= answer.status < 300 and document.get("ok") is True:
            return document
        raise self._problem(answer, document, method)

    def _problem(self, answer: Answer, document: Json, method: str) -> RestaurantOSError:
        word = str(document.get("error") or "")
        word = word if re.fullmatch(r"[a-z_]{2,60}", word) else ""
        if not 200 <= answer.status < 300 and word not in DEAD_WORDS:
            return self._caller.refusal(answer, word)
        said = f"{self._caller.channel}: {method} answered {word or 'no word that is known'}"
        if word in ("ratelimited", "rate_limited"):
            return RateLimitedError(
                f"{said}; too many messages.", next_step="It is tried again.", retry_after=answer.seconds("retry-after")
            )
        if word in RETRY_WORDS:
            return RetryableError(f"{said}.", next_step="It is tried again.")
        if word in DEAD_WORDS:
            return self._caller.dead(f"{said}.")
        return RequestError(f"{said}; this message is refused.", next_step="Other messages go on.", status=answer.status)
