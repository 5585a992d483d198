"""Slack and Discord as they answer to what is sent to them, and all that they were sent. No HTTP here: a call in, a reply out.

Any address of the right form is a channel. What was received is kept, refused attempts too, until it is cleared.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from restaurant_os.simulator.channel_faults import Bucket, Channel, ChannelFault, fault_of
from restaurant_os.simulator.channel_rules import LONGEST_TEXT, discord_errors, discord_rings, is_empty, slack_problem, slack_rings

MOST_KEPT = 20_000  #: attempts; beyond it the oldest go
_SLACK_PATH = re.compile(r"T\w+/B\w+/\w+")
_TOKEN = re.compile(r"Bearer xox[bp]-\S+")
#: Slack's words for what a webhook refuses; the bot API says the same things in words of its own.
_OF_WEBHOOK = {"no_text": "missing_text_or_fallback_or_attachments", "msg_blocks_too_long": "invalid_blocks"}
_OF_BOT = {"invalid_payload": "invalid_arguments"}


class Reply(NamedTuple):
    """An answer: text is Slack's, an object JSON, None no body."""

    status: int
    content: str | dict[str, Any] | None
    headers: Mapping[str, str] = {}
    #: What becomes of it on the wire: sent after so long, cut in half.
    held: float = 0.0
    is_cut: bool = False


@dataclass(slots=True)
class Attempt:
    """One call that would write something, as it came."""

    n: int
    at: str  #: the world's instant
    real: float  #: epoch seconds
    channel: Channel
    kind: Literal["message", "edit"]
    to: str  #: T/B/secret, a Slack channel's id, or id/token
    body: Any  #: as JSON; text where it is none
    rings: list[str]
    status: int | str = 0
    answer: object = None
    message_id: str | None = None

    def shown(self) -> dict[str, object]:
        names = ("n", "at", "real", "channel", "kind", "to", "status", "answer", "message_id", "rings", "body")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Kept:
    """A message that a channel shows. `body` is as it is now; `edits` the numbers of the attempts that changed it."""

    n: int
    channel: Channel
    to: str
    message_id: str
    posted: str
    body: dict[str, Any]
    edits: list[int] = field(default_factory=list)
    edited: str | None = None

    def shown(self) -> dict[str, object]:
        return {
            "n": self.n,
            "channel": self.channel,
            "to": self.to,
            "message_id": self.message_id,
            "body": self.body,
            "edits": list(self.edits),
        }


class Channels:
    """All channels there are. `now`: real epoch seconds; `world`: the simulated instant as text."""

    def __init__(self, now: Callable[[], float], world: Callable[[], str]) -> None:
        self._now, self._world = now, world
        self.count = 0
        self.attempts: list[Attempt] = []
        self.messages: dict[tuple[Channel, str, str], Kept] = {}
        self.faults: list[ChannelFault] = []
        self.has_limits = True
        #: One a second with short bursts; the bot's other methods 50 a minute; Discord's five in two seconds and 30 a minute.
        self._posts, self._methods = Bucket(5, 1.0), Bucket(50, 50 / 60)
        self._discord, self._discord_minute = Bucket(5, 2.5), Bucket(30, 0.5)
        self._last_ts = 0.0

    # --- what is steered ------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget what was received. Numbers go on; faults and limits stay as they are."""
        self.attempts.clear()
        self.messages.clear()

    def set_fault(self, asked: Mapping[str, object]) -> None:
        """Raises OptionError where it is none."""
        self.faults.append(fault_of(asked, self._now()))

    def shown_faults(self) -> list[dict[str, object]]:
        """Those that still happen."""
        now = self._now()
        return [
            {"channel": own.channel, "kind": own.kind, "happened": own.happened}
            | ({} if own.times is None else {"times": own.times})
            | ({} if own.until is None else {"seconds_left": round(own.until - now, 3)})
            for own in self.faults
            if not own.is_over(now)
        ]

    def shown(self, since: int) -> dict[str, object]:
        """All attempts after the one with that number, and the messages as they are now."""
        return {
            "count": self.count,
            "attempts": [own.shown() for own in self.attempts if own.n > since],
            "messages": [own.shown() for own in self.messages.values()],
        }

    def _fault(self, channel: Channel) -> ChannelFault | None:
        now = self._now()
        self.faults = [own for own in self.faults if not own.is_over(now)]
        found = next((own for own in self.faults if own.channel == channel), None)
        if found is not None:
            found.happened += 1
        return found

    # --- Slack: the incoming webhook ------------------------------------------------------------------------------------

    def slack_webhook(self, to: str, raw: bytes) -> Reply:
        """A POST to hooks.slack.com/services/T.../B.../..."""
        body = _read(raw)
        attempt = self._attempt("slack", "message", to, body, raw)
        if not _SLACK_PATH.fullmatch(to):
            return self._answered(attempt, Reply(404, "no_service"))
        if fault := self._fault("slack"):
            early = _faulty(fault, Reply(429, "rate_limited", _retry(fault.seconds)), Reply(500, "rollup_error"), Reply(404, "no_service"))
            if early is not None:
                return self._answered(attempt, early)
        if wait := self._wait(self._posts, f"slack/{to}"):
            return self._answered(attempt, Reply(429, "rate_limited", _retry(wait)))
        problem = "invalid_payload" if body is None else slack_problem(body)
        if problem or body is None:
            return self._answered(attempt, Reply(400, _OF_WEBHOOK.get(problem or "", problem)))
        self._keep(attempt, _cut(body), self._ts())
        return self._answered(attempt, _on_wire(Reply(200, "ok"), fault))

    # --- Slack: the bot API ---------------------------------------------------------------------------------------------

    def slack_method(self, method: str, authorization: str, asked: dict[str, Any] | None, raw: bytes) -> Reply:
        """A call of slack.com/api/{method}; what it refuses is a 200 whose `ok` is false."""
        if method not in ("chat.postMessage", "chat.update", "conversations.history", "auth.test"):
            return _refused("unknown_method")
        given = asked or {}
        attempt = None
        if method.startswith("chat."):
            kind: Literal["message", "edit"] = "message" if method == "chat.postMessage" else "edit"
            to = channel_id(str(given.get("channel") or "")) if kind == "message" else str(given.get("channel") or "")
            attempt = self._attempt("slack-bot", kind, to, asked, raw)
        reply = self._slack_method(method, authorization, asked, attempt)
        return reply if attempt is None else self._answered(attempt, reply)

    def _slack_method(self, method: str, authorization: str, asked: dict[str, Any] | None, attempt: Attempt | None) -> Reply:
        fault = self._fault("slack-bot")
        if fault:
            early = _faulty(
                fault,
                Reply(429, {"ok": False, "error": "ratelimited"}, _retry(fault.seconds)),
                Reply(500, {"ok": False, "error": "internal_error"}),
                Reply(404, "Not Found"),
            )
            if early is not None:
                return early
        if not _TOKEN.fullmatch(authorization):
            return _refused("invalid_auth" if authorization else "not_authed")
        if asked is None:
            return _refused("invalid_json")
        bucket, who = (self._posts, f"bot/{asked.get('channel')}") if method == "chat.postMessage" else (self._methods, method)
        if wait := self._wait(bucket, who):
            return Reply(429, {"ok": False, "error": "ratelimited"}, _retry(wait))
        if method == "conversations.history":
            return _on_wire(self._history(asked), fault)
        if attempt is None:
            return _on_wire(Reply(200, {"ok": True, "team": "Demo", "user": "alerts", "bot_id": "B0DEMO"}), fault)
        return _on_wire(self._chat(asked, attempt), fault)

    def _chat(self, asked: dict[str, Any], attempt: Attempt) -> Reply:
        if not asked.get("channel"):
            return _refused("channel_not_found")
        if problem := slack_problem(asked):
            return _refused(_OF_BOT.get(problem, problem))
        if attempt.kind == "message":
            body, ts = _cut({name: value for name, value in asked.items() if name != "channel"}), self._ts()
            kept = self._keep(attempt, body, ts)
        else:
            if not re.fullmatch(r"[CGD]\w+", attempt.to):
                return _refused("channel_not_found")
            found = self.messages.get(("slack-bot", attempt.to, str(asked.get("ts"))))
            if found is None:
                return _refused("message_not_found")
            changes = {name: value for name, value in asked.items() if name not in ("channel", "ts")}
            kept = self._edit(found, attempt, _cut(changes))
        message = _slack_message(kept, with_metadata=True)
        return Reply(200, {"ok": True, "channel": kept.to, "ts": kept.message_id, "message": message})

    def _history(self, asked: dict[str, Any]) -> Reply:
        to, oldest, latest = str(asked.get("channel") or ""), asked.get("oldest"), asked.get("latest")
        if not re.fullmatch(r"[CGD]\w+", to):
            return _refused("channel_not_found")
        try:
            low, high, most = float(oldest or 0), float(latest or math.inf), min(int(asked.get("limit") or 100), 999)
        except (TypeError, ValueError):
            return _refused("invalid_arguments")
        is_inclusive, with_metadata = (str(asked.get(name)).lower() in ("true", "1") for name in ("inclusive", "include_all_metadata"))

        def is_wanted(ts: float) -> bool:
            return low <= ts <= high if is_inclusive else low < ts < high

        own = [kept for (channel, place, _), kept in self.messages.items() if channel == "slack-bot" and place == to]
        found = [kept for kept in reversed(own) if is_wanted(float(kept.message_id))]
        messages = [_slack_message(kept, with_metadata=with_metadata) for kept in found[:most]]
        return Reply(200, {"ok": True, "messages": messages, "has_more": len(found) > most})

    # --- Discord --------------------------------------------------------------------------------------------------------

    def discord_post(self, to: str, raw: bytes, *, wait: bool) -> Reply:
        """A POST to .../webhooks/{id}/{token}."""
        body = _read(raw)
        attempt = self._attempt("discord", "message", to, body, raw)
        early, fault = self._discord_gate(to)
        if early is None:
            early = _discord_refusal(body)
            if early is None and body is not None:
                kept = self._keep(attempt, body, str(_snowflake(self._now(), attempt.n)))
                early = Reply(200, _discord_message(kept)) if wait else Reply(204, None)
            early = _on_wire(self._limited(to, early or Reply(500, None)), fault)
        return self._answered(attempt, early)

    def discord_edit(self, to: str, message_id: str, raw: bytes) -> Reply:
        """A PATCH of a message."""
        body = _read(raw)
        attempt = self._attempt("discord", "edit", to, body, raw)
        attempt.message_id = message_id
        early, fault = self._discord_gate(to)
        if early is None:
            found = self.messages.get(("discord", to, message_id))
            early = _UNKNOWN_MESSAGE if found is None else _discord_refusal(None if body is None else {**found.body, **body})
            if early is None and found is not None and body is not None:
                early = Reply(200, _discord_message(self._edit(found, attempt, body)))
            early = _on_wire(self._limited(to, early or Reply(500, None)), fault)
        return self._answered(attempt, early)

    def discord_get(self, to: str, message_id: str | None = None) -> Reply:
        """A GET of a message, or of the webhook itself."""
        early, fault = self._discord_gate(to)
        if early is not None:
            return early
        if message_id is None:
            own, token = to.split("/", 1)
            reply = Reply(
                200, {"id": own, "token": token, "type": 1, "name": "Alerts", "channel_id": _number(own), "guild_id": _number(token)}
            )
        else:
            found = self.messages.get(("discord", to, message_id))
            reply = _UNKNOWN_MESSAGE if found is None else Reply(200, _discord_message(found))
        return _on_wire(self._limited(to, reply), fault)

    def _discord_gate(self, to: str) -> tuple[Reply | None, ChannelFault | None]:
        if fault := self._fault("discord"):
            unavailable = Reply(500, {"message": "500: Internal Server Error", "code": 0})
            gone = Reply(404, {"message": "Unknown Webhook", "code": 10015})
            early = _faulty(fault, _discord_limited(fault.seconds, {"X-RateLimit-Scope": "shared"}), unavailable, gone)
            if early is not None:
                return early, fault
        wait = self._wait(self._discord, to) or self._wait(self._discord_minute, to)
        return (_discord_limited(wait, self._limit_headers(to)) if wait else None), fault

    def _limit_headers(self, to: str) -> dict[str, str]:
        after = self._discord.full_after(to)
        return {
            "X-RateLimit-Limit": f"{self._discord.most:.0f}",
            "X-RateLimit-Remaining": f"{self._discord.left(to)}",
            "X-RateLimit-Reset": f"{self._now() + after:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": _digest(to)[:32],
        }

    def _limited(self, to: str, reply: Reply) -> Reply:
        return reply._replace(headers={**reply.headers, **self._limit_headers(to)})

    # --- what all of them do --------------------------------------------------------------------------------------------

    def _wait(self, bucket: Bucket, who: str) -> float:
        return bucket.take(who, self._now()) if self.has_limits else 0.0

    def _attempt(self, channel: Channel, kind: Literal["message", "edit"], to: str, body: dict[str, Any] | None, raw: bytes) -> Attempt:
        self.count += 1
        rings = [] if body is None else discord_rings(body) if channel == "discord" else slack_rings(body)
        shown = raw.decode("utf-8", "replace") if body is None else body
        attempt = Attempt(self.count, self._world(), self._now(), channel, kind, to, shown, rings)
        self.attempts.append(attempt)
        del self.attempts[:-MOST_KEPT]
        return attempt

    def _answered(self, attempt: Attempt, reply: Reply) -> Reply:
        attempt.status = "cut" if reply.is_cut else reply.status
        attempt.answer = reply.content
        return reply

    def _keep(self, attempt: Attempt, body: dict[str, Any], message_id: str) -> Kept:
        attempt.message_id = message_id
        key = attempt.channel, attempt.to, message_id
        kept = self.messages[key] = Kept(attempt.n, attempt.channel, attempt.to, message_id, _stamp(attempt.real), body)
        if len(self.messages) > MOST_KEPT:
            del self.messages[next(iter(self.messages))]
        return kept

    def _edit(self, found: Kept, attempt: Attempt, changes: dict[str, Any]) -> Kept:
        attempt.message_id = found.message_id
        found.body = {**found.body, **changes}
        found.edits.append(attempt.n)
        found.edited = _stamp(attempt.real)
        return found

    def _ts(self) -> str:
        """Slack's name of a message: when it came, no two the same."""
        self._last_ts = max(self._now(), self._last_ts + 0.0001)
        return f"{self._last_ts:.6f}"


def channel_id(name: str) -> str:
    """The id of a Slack channel that a name means; an id is its own."""
    return name if re.fullmatch(r"[CGD][A-Z0-9]{8,}", name) or not name else f"C{_digest(name.lstrip('#'))[:10].upper()}"


def _faulty(fault: ChannelFault, limited: Reply, failed: Reply, gone: Reply) -> Reply | None:
    """What is answered instead; None for a fault that is one of the wire."""
    own = {"429": limited, "500": failed, "404": gone, "redirect": Reply(302, None, {"Location": "/simulator"})}
    return own.get(fault.kind)


def _on_wire(reply: Reply, fault: ChannelFault | None) -> Reply:
    if fault is None:
        return reply
    return reply._replace(held=fault.seconds) if fault.kind == "slow" else reply._replace(is_cut=fault.kind == "cut")


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _refused(word: str) -> Reply:
    return Reply(200, {"ok": False, "error": word})


def _cut(body: dict[str, Any]) -> dict[str, Any]:
    text = body.get("text")
    return {**body, "text": text[:LONGEST_TEXT]} if isinstance(text, str) else body


def _slack_message(kept: Kept, *, with_metadata: bool) -> dict[str, Any]:
    names = ("text", "blocks", "attachments", *(("metadata",) if with_metadata else ()))
    shown = {"type": "message", "bot_id": "B0DEMO", "ts": kept.message_id}
    shown |= {name: kept.body[name] for name in names if name in kept.body}
    return shown | ({"edited": {"user": "U0DEMO", "ts": kept.message_id}} if kept.edits else {})


_UNKNOWN_MESSAGE = Reply(404, {"message": "Unknown Message", "code": 10008})


def _discord_refusal(body: dict[str, Any] | None) -> Reply | None:
    if body is None:
        return Reply(400, {"message": "The request body contains invalid JSON.", "code": 50109})
    if errors := discord_errors(body):
        return Reply(400, {"message": "Invalid Form Body", "code": 50035, "errors": errors})
    return Reply(400, {"message": "Cannot send an empty message", "code": 50006}) if is_empty(body) else None


def _discord_limited(wait: float, headers: Mapping[str, str]) -> Reply:
    content = {"message": "You are being rate limited.", "retry_after": round(wait, 3), "global": False}
    return Reply(429, content, {**_retry(wait), "X-RateLimit-Scope": "user", **headers})


def _discord_message(kept: Kept) -> dict[str, Any]:
    webhook_id = kept.to.partition("/")[0]
    return {
        "id": kept.message_id,
        "type": 0,
        "content": kept.body.get("content") or "",
        "embeds": kept.body.get("embeds") or [],
        "channel_id": _number(webhook_id),
        "webhook_id": webhook_id,
        "author": {"id": webhook_id, "username": kept.body.get("username") or "Alerts", "bot": True},
        "timestamp": kept.posted,
        "edited_timestamp": kept.edited,
        "mentions": [],
        "mention_everyone": False,
        "pinned": False,
        "tts": False,
    }


def _stamp(real: float) -> str:
    return datetime.fromtimestamp(real, UTC).isoformat()


def _snowflake(now: float, n: int) -> int:
    """Discord's ids: milliseconds since 2015, then a number."""
    return (int(now * 1000) - 1_420_070_400_000 << 22) + n


def _number(text: str) -> str:
    return str(int(_digest(text)[:15], 16))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
