"""Discord: messages as an embed, by a webhook that gives their id, so that they can be changed.

Source: reference 7.2 (webhook, errors, limits).
"""

from __future__ import annotations

import re
from typing import Any

import httpx

from restaurant_os.alerting import Delivery
from restaurant_os.alerts.escaping import discord, fitted, link_of, listed, plain, told, units
from restaurant_os.alerts.posting import Answer, Caller
from restaurant_os.errors import RequestError, RestaurantOSError
from restaurant_os.text import printable

Json = dict[str, Any]
#: About five calls in two seconds; where an answer says that none is left, as long as it says.
PAUSE_SECONDS = 0.5
MOST_TITLE, MOST_DESCRIPTION, MOST_FIELDS, MOST_LABEL, MOST_VALUE, MOST_FOOTER = 256, 4096, 25, 256, 1024, 2048
#: Of all texts of a message's embeds.
MOST_IN_ALL = 6000
#: Which parts of the limits are used, of lists and of all else: the first at which it is short enough in all.
SHARES = ((1.0, 1.0), (0.5, 1.0), (0.3, 0.3), (0.1, 0.1), (0.05, 0.03))
COLORS = {"alert": 0xE74C3C, "good": 0x2ECC71, "note": 0x3498DB}
#: What an edit was for is gone; the webhook itself is there.
UNKNOWN_MESSAGE = 10008


def body_of(delivery: Delivery) -> Json:
    """A message as Discord takes it, within all limits; it rings nobody by name."""
    for of_lists, of_rest in SHARES:
        embed = _embed(delivery, of_lists, of_rest)
        if _length(embed) <= MOST_IN_ALL:
            break
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _length(embed: Json) -> int:
    fields = sum(units(one["name"]) + units(one["value"]) for one in embed.get("fields", ()))
    return fields + units(embed["title"]) + units(embed["description"]) + units(embed.get("footer", {}).get("text", ""))


def _embed(delivery: Delivery, of_lists: float, of_rest: float) -> Json:
    message = delivery.message

    def cut(text: str, limit: float) -> str:
        return fitted(text, int(limit * of_rest), discord)

    fields = [
        {"name": cut(label.replace("\n", " "), MOST_LABEL) or "-", "value": cut(value, MOST_VALUE) or "-", "inline": True}
        for label, value in message.fields[:MOST_FIELDS]
    ]
    embed: Json = {
        "title": fitted(message.title.replace("\n", " "), MOST_TITLE, discord) or "-",
        "description": _description(delivery, of_lists, of_rest),
        "color": COLORS[message.level],
    }
    if fields:
        embed["fields"] = fields
    if footer := fitted(message.footer, int(300 * of_rest), plain):
        embed["footer"] = {"text": footer}
    if link := link_of(delivery):
        embed["url"] = link
    return embed


def _description(delivery: Delivery, of_lists: float, of_rest: float) -> str:
    """Text, lists and the suggestion, below each other."""
    message = delivery.message
    suggestion = fitted(message.suggestion, int(600 * of_rest), discord)
    parts = [fitted(told(delivery), int(2000 * of_rest), discord)]
    left = int((MOST_DESCRIPTION - units(parts[0]) - units(suggestion) - 8) * of_lists)
    for heading, lines in message.lists:
        named = f"**{fitted(heading.replace(chr(10), ' '), int(200 * of_rest), discord) or '-'}**"
        if shown := listed(lines, left - units(named) - 3, discord):
            parts.append(f"{named}\n{shown}")
            left -= units(parts[-1]) + 2
    return "\n\n".join(part for part in [*parts, suggestion] if part)


class DiscordWebhook:
    """Sends by a webhook. `url`: may name a thread in its query."""

    def __init__(self, url: str, caller: Caller) -> None:
        self._url = httpx.URL(url)
        self._caller = caller
        self.pause = PAUSE_SECONDS

    def send(self, delivery: Delivery) -> str:
        answer = self._caller.call("POST", self._url.copy_set_param("wait", "true"), body_of(delivery))
        self._obey(answer)
        if not 200 <= answer.status < 300:
            raise self._problem(answer)
        found = str(answer.document.get("id") or "")
        return found if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", found) else ""

    def edit(self, sent_id: str, delivery: Delivery) -> None:
        path = f"{self._url.path.rstrip('/')}/messages/{sent_id}"
        answer = self._caller.call("PATCH", self._url.copy_with(path=path), body_of(delivery))
        self._obey(answer)
        if not 200 <= answer.status < 300:
            raise self._problem(answer)

    def find(self, delivery: Delivery) -> str | None:
        return None

    def _obey(self, answer: Answer) -> None:
        named = answer.seconds("x-ratelimit-reset-after") if answer.headers.get("x-ratelimit-remaining") == "0" else None
        self.pause = max(PAUSE_SECONDS, named or 0.0)

    def _problem(self, answer: Answer) -> RestaurantOSError:
        document = answer.document
        code = document.get("code")
        words = f"code {code}" if isinstance(code, int) else ""
        if words and isinstance(document.get("message"), str) and not self._holds_secret(document["message"]):
            words += f", {printable(document['message'], 80)}"
        wait = document.get("retry_after")
        if answer.status == 404 and code == UNKNOWN_MESSAGE:
            return RequestError(f"{self._caller.channel}: the message to change is there no more ({words}).", status=404)
        return self._caller.refusal(answer, words, float(wait) if isinstance(wait, (int, float)) else None)

    def _holds_secret(self, text: str) -> bool:
        return any(part in text for part in self._url.path.split("/") if len(part) > 5 and part != "webhooks")
