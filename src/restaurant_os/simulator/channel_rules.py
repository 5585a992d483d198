"""What Slack and Discord refuse in a message, and whom one would ring: pure rules, by their references' limits.

Source: reference "Alert channels", 7.1 (Slack) and 7.2 (Discord). Lengths are in characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

MOST_BLOCKS = 50
MOST_BLOCKS_BYTES = 13_000  #: over all blocks of a message; more was refused in practice
LONGEST_TEXT = 40_000  #: more is cut, not refused
_LONGEST_SECTION, _LONGEST_FIELD, _MOST_FIELDS = 3_000, 2_000, 10
_LONGEST_HEADER, _MOST_ELEMENTS, _LONGEST_ID = 150, 10, 255
_MOST_BUTTONS, _LONGEST_BUTTON, _LONGEST_URL = 25, 75, 3_000

MOST_EMBEDS, MOST_EMBED_FIELDS, MOST_OVER_ALL = 10, 25, 6_000
_LONGEST_CONTENT, _LONGEST_NAME = 2_000, 80
_EMBED_TEXTS = {"title": 256, "description": 4_096}
_EMBED_PARTS = {"footer": ("text", 2_048), "author": ("name", 256)}
_FIELD_TEXTS = {"name": 256, "value": 1_024}
_BRIGHTEST = 0xFFFFFF
_NOT_IN_NAMES = ("clyde", "discord")

_SLACK_RINGS = re.compile(r"<(?:!(?:channel|here|everyone|subteam)|@)[^>]*>")
_DISCORD_RINGS = re.compile(r"@everyone|@here|<@[!&]?[0-9]+>")
_DISCORD_KINDS = {"@everyone": "everyone", "@here": "everyone"}

Errors = dict[str, Any]


# --- Slack ----------------------------------------------------------------------------------------------------------------


def slack_problem(body: Mapping[str, Any]) -> str | None:
    """Why Slack refuses a message, in its own word; None where it takes it."""
    text, blocks = body.get("text"), body.get("blocks")
    if text is not None and not isinstance(text, str):
        return "invalid_payload"
    if not (text or blocks or body.get("attachments")):
        return "no_text"
    if blocks is None:
        return None
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS or not all(_is_block(block) for block in blocks):
        return "invalid_blocks"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) < len(ids):
        return "invalid_blocks"
    return "msg_blocks_too_long" if len(msgspec.json.encode(blocks)) > MOST_BLOCKS_BYTES else None


def _is_block(block: object) -> bool:
    if not isinstance(block, dict) or not _is_within(block.get("block_id", "-"), _LONGEST_ID):
        return False
    match block.get("type"):
        case "header":
            return _is_text(block.get("text"), _LONGEST_HEADER, ("plain_text",))
        case "section":
            return _is_section(block)
        case "context":
            return _are(block.get("elements"), _MOST_ELEMENTS, lambda one: _is_image(one) or _is_text(one, _LONGEST_SECTION))
        case "actions":
            return _are(block.get("elements"), _MOST_BUTTONS, _is_button)
        case "image":
            return _is_image(block)
        case "divider":
            return True
        case _:
            return False


def _is_section(block: dict[str, Any]) -> bool:
    text, fields = block.get("text"), block.get("fields")
    if text is None and fields is None:
        return False
    is_said = text is None or _is_text(text, _LONGEST_SECTION)
    return is_said and (fields is None or _are(fields, _MOST_FIELDS, lambda one: _is_text(one, _LONGEST_FIELD)))


def _is_text(value: object, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    return isinstance(value, dict) and value.get("type") in kinds and _is_within(value.get("text"), longest)


def _is_image(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") == "image"
        and all(_is_within(value.get(name), _LONGEST_URL) for name in ("image_url", "alt_text"))
    )


def _is_button(value: object) -> bool:
    is_one = isinstance(value, dict) and value.get("type") == "button" and _is_text(value.get("text"), _LONGEST_BUTTON, ("plain_text",))
    return is_one and isinstance(value, dict) and _is_within(value.get("url", "-"), _LONGEST_URL)


def _are(values: object, most: int, is_one: Any) -> bool:
    return isinstance(values, list) and 0 < len(values) <= most and all(is_one(value) for value in values)


def _is_within(value: object, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest


def slack_rings(body: Mapping[str, Any]) -> list[str]:
    """Whom a message would ring: mentions in what Slack reads as mrkdwn. Escaped ones are text like any other."""
    found = [body["text"]] if isinstance(body.get("text"), str) and body.get("mrkdwn") is not False else []
    found += [own["text"] for own in _objects(body.get("blocks")) if own.get("type") == "mrkdwn" and isinstance(own.get("text"), str)]
    return sorted({ring for text in found for ring in _SLACK_RINGS.findall(text)})


# --- Discord --------------------------------------------------------------------------------------------------------------


def discord_errors(body: Mapping[str, Any]) -> Errors:
    """What is wrong in a Discord message, by place; {} where nothing is."""
    found: Errors = {}
    _too_long(found, body, "content", _LONGEST_CONTENT)
    name = body.get("username")
    if name is not None and (not _is_within(name, _LONGEST_NAME) or any(word in name.lower() for word in _NOT_IN_NAMES)):
        found["username"] = _error("USERNAME_INVALID", "Username is too long or contains a word that is not allowed.")
    embeds = body.get("embeds")
    if embeds is not None and not isinstance(embeds, list):
        found["embeds"] = _error("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    elif embeds and len(embeds) > MOST_EMBEDS:
        found["embeds"] = _error("BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {MOST_EMBEDS} in length.")
    elif embeds:
        wrong = {f"{number}": errors for number, embed in enumerate(embeds) if (errors := _embed_errors(embed))}
        if not wrong and sum(map(_length, embeds)) > MOST_OVER_ALL:
            wrong = _error("MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MOST_OVER_ALL}")
        if wrong:
            found["embeds"] = wrong
    if not isinstance(body.get("allowed_mentions", {}), dict):
        found["allowed_mentions"] = _error("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    return found


def is_empty(body: Mapping[str, Any]) -> bool:
    return not any(body.get(name) for name in ("content", "embeds", "components", "poll"))


def _embed_errors(embed: object) -> Errors:
    if not isinstance(embed, dict):
        return _error("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    found: Errors = {}
    for name, longest in _EMBED_TEXTS.items():
        _too_long(found, embed, name, longest)
    for part, (name, longest) in _EMBED_PARTS.items():
        own: Errors = {}
        _too_long(own, embed.get(part) or {}, name, longest)
        if own:
            found[part] = own
    color = embed.get("color")
    if color is not None and (isinstance(color, bool) or not isinstance(color, int) or not 0 <= color <= _BRIGHTEST):
        found["color"] = _error("NUMBER_TYPE_MAX", f"int value should be less than or equal to {_BRIGHTEST}.")
    if not _is_timestamp(embed.get("timestamp")):
        found["timestamp"] = _error("DATE_TIME_TYPE_PARSE", "Could not parse. Should be ISO8601.")
    if not str(embed.get("url") or "https://").startswith(("https://", "http://")):
        found["url"] = _error("URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https').")
    fields = embed.get("fields") or []
    if not isinstance(fields, list) or len(fields) > MOST_EMBED_FIELDS:
        found["fields"] = _error("BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {MOST_EMBED_FIELDS} in length.")
    elif wrong := {f"{number}": errors for number, field in enumerate(fields) if (errors := _field_errors(field))}:
        found["fields"] = wrong
    return found


def _field_errors(field: object) -> Errors:
    if not isinstance(field, dict):
        return _error("MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    found: Errors = {}
    for name, longest in _FIELD_TEXTS.items():
        _too_long(found, field, name, longest)
        if not field.get(name):
            found[name] = _error("BASE_TYPE_REQUIRED", "This field is required")
    return found


def _too_long(found: Errors, owner: Mapping[str, Any], name: str, longest: int) -> None:
    value = owner.get(name)
    if value is not None and not isinstance(value, str):
        found[name] = _error("STRING_TYPE_CONVERT", "Could not interpret as string.")
    elif value and len(value) > longest:
        found[name] = _error("BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")


def _is_timestamp(value: object) -> bool:
    try:
        return value is None or bool(datetime.fromisoformat(value if isinstance(value, str) else ""))
    except ValueError:
        return False


def _length(embed: Mapping[str, Any]) -> int:
    texts = [embed.get(name) for name in _EMBED_TEXTS] + [(embed.get(part) or {}).get(name) for part, (name, _) in _EMBED_PARTS.items()]
    texts += [field.get(name) for field in embed.get("fields") or [] for name in _FIELD_TEXTS]
    return sum(len(text) for text in texts if text)


def _error(code: str, message: str) -> Errors:
    return {"_errors": [{"code": code, "message": message}]}


def discord_rings(body: Mapping[str, Any]) -> list[str]:
    """Whom a message would ring: mentions in `content` that `allowed_mentions` does not hold back. Embeds ring nobody."""
    content, allowed = body.get("content"), body.get("allowed_mentions")
    kinds = allowed.get("parse", ()) if isinstance(allowed, dict) else ("everyone", "users", "roles")
    found = set(_DISCORD_RINGS.findall(content)) if isinstance(content, str) else set()
    return sorted(ring for ring in found if _kind_of(ring) in kinds)


def _kind_of(ring: str) -> str:
    return _DISCORD_KINDS.get(ring, "roles" if "&" in ring else "users")


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """Every JSON object in a value, at whatever depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for own in value:
            yield from _objects(own)
