"""Toast's webhooks: whose they are, what they say of themselves, and what of their body may be kept.

Source: Toast webhook documentation (reference section 7). None of this decodes an order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec

from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.settings import GUID
from restaurant_os.sources.toast.records import PRIVATE_FIELDS, instant
from restaurant_os.text import printable

#: Of names that events give: longer ones are none of Toast's.
MOST_CHARACTERS = 100

# --- whose it is ------------------------------------------------------------------------------------------------------


def signature(secret: bytes, body: bytes, timestamp: str) -> str:
    """The `Toast-Signature` of a message: Base64 of HMAC-SHA256 over the raw body and then the timestamp as the message gives it."""
    return base64.b64encode(hmac.digest(secret, body + timestamp.encode(), hashlib.sha256)).decode()


def verified(secrets: Sequence[bytes], body: bytes, timestamp: str, given: str) -> bool:
    """Whether one of the secrets made the signature `given`. All are tried, each in constant time; without a secret nothing is verified."""
    wanted = given.strip().encode("utf-8", "replace")
    found = [hmac.compare_digest(signature(secret, body, timestamp).encode(), wanted) for secret in secrets if secret]
    return any(found)


# --- what it says of itself -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands around an event. `timestamp`: as given, which the signature covers. `kind`: Toast's eventType. `guid`: None where there is none
    that could tell the event again. `restaurant_guid`: '' where there is none."""

    timestamp: str
    sent_at: datetime
    category: str
    kind: str
    guid: str | None
    restaurant_guid: str


class _Details(msgspec.Struct, gc=False, rename="camel"):
    restaurant_guid: str | None = None


class _Message(msgspec.Struct, gc=False, rename="camel"):
    timestamp: str
    event_category: str | None = None
    event_type: str | None = None
    guid: str | None = None
    details: _Details | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


def envelope(body: bytes) -> Envelope:
    """What an event says of itself; a part that is missing or of a wrong type is empty.

    Raises:
        RejectedRecordError: it is no JSON object with a `timestamp` that is a time with an offset.
    """
    try:
        found = _MESSAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        found = _by_hand(body, problem)
    try:
        sent_at = instant(found.timestamp, "timestamp")
    except ValueError as problem:
        raise RejectedRecordError(Place(None, "timestamp", str(problem))) from None
    location = _name(found.details.restaurant_guid if found.details else None)
    return Envelope(
        timestamp=found.timestamp,
        sent_at=sent_at,
        category=_name(found.event_category),
        kind=_name(found.event_type),
        guid=_guid(found.guid),
        restaurant_guid=location.lower() if GUID.fullmatch(location) else location,
    )


def _name(text: str | None) -> str:
    return printable(text or "", MOST_CHARACTERS).strip()


def _guid(text: str | None) -> str | None:
    """An id as given; one that no store could keep as it is tells nothing apart."""
    return text if text and text == _name(text) else None


def _by_hand(body: bytes, problem: Exception) -> _Message:
    """The envelope of a message that does not decode: a part of a wrong type, half of a surrogate pair, or nested too deep. Its order will be in
    quarantine; that it came must be known.

    Raises:
        RejectedRecordError: it is no JSON object, or has no timestamp.
    """
    found = {key: text for depth, key, text in _texts(body) if key in (TOP if depth == 1 else BELOW)}
    if "timestamp" not in found:
        raise RejectedRecordError(Place(None, "", f"no JSON object with a timestamp: {printable(problem, 120)}"))
    return _Message(
        timestamp=found["timestamp"],
        event_category=found.get("eventCategory"),
        event_type=found.get("eventType"),
        guid=found.get("guid"),
        details=_Details(found.get("restaurantGuid")),
    )


TOP = ("timestamp", "eventCategory", "eventType", "guid")
BELOW = ("restaurantGuid",)
#: A string to its end, or to the end of the body: always a match, so that a body of quotes alone is read once. Or a bracket.
_STRING = rb'"[^"\\]*(?:\\.?[^"\\]*)*+(?:"|\Z)'
_TOKENS = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_MEMBER = re.compile(rb"\s*:\s*(" + _STRING + rb")?", re.DOTALL)


def _texts(body: bytes) -> Iterator[tuple[int, str, str]]:
    """Members that are texts, of the outermost object and of those in it: depth, key and text. Nothing where the brackets do not match."""
    found: list[tuple[int, str, str]] = []
    depth = 0
    at = 0
    if not body.lstrip().startswith(b"{"):
        return
    while token := _TOKENS.search(body, at):
        at = token.end()
        if token[0] in b"{[":
            depth += 1
        elif token[0] in b"}]":
            depth -= 1
        elif depth <= 2 and (member := _MEMBER.match(body, at)) and member[1]:
            at = member.end()
            with suppress(ValueError):
                found.append((depth, json.loads(token[0].decode()), json.loads(member[1].decode())))
    if depth == 0:
        yield from found


# --- what may be kept -------------------------------------------------------------------------------------------------

_NAMES = b"|".join(sorted(name.encode() for name in PRIVATE_FIELDS))
#: In valid JSON an unescaped quote before a letter always begins a string. Whether it is escaped is looked at afterwards: that costs a fifth.
_PRIVATE = re.compile(rb'"(?:' + _NAMES + rb')"\s*+:\s*+(?!null|\{\s*\}|\[\s*\])')
#: An escape that stands for a letter or a digit: a name could be written with it.
_DISGUISE = re.compile(rb"\\u00(?:3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])")
_KEY = re.compile(rb"(" + _STRING + rb")(\s*:\s*)?", re.DOTALL)
_PLAIN = re.compile(rb"[^,}\]\s]*")


def cut(body: bytes) -> bytes:
    """The body without guests' and card data (`PRIVATE_FIELDS`, at any depth): an object is emptied, any other value becomes null.

    All else stays as it is, byte for byte: amounts are not read, and an order is laid out as if nothing had been cut.
    """
    pieces: list[bytes] = []
    at = 0
    for start in _private_values(body):
        if start < at:
            continue  # inside of what is cut already
        opening = body[start : start + 1]
        pieces += body[at:start], {b"{": b"{}", b"[": b"[]"}.get(opening, b"null")
        at = _end_of_value(body, start)
    return b"".join((*pieces, body[at:])) if pieces else body


def _private_values(body: bytes) -> Iterator[int]:
    """Where the values begin that may not be kept."""
    if not _DISGUISE.search(body):
        yield from (found.end() for found in _PRIVATE.finditer(body) if not body.endswith(b"\\", 0, found.start()))
        return
    for found in _KEY.finditer(body):
        if found[2] and _text(found[1]) in PRIVATE_FIELDS and not body.startswith(b"null", found.end()):
            yield found.end()


def _text(string: bytes) -> str:
    try:
        return str(json.loads(string.decode()))
    except ValueError:
        return ""


def _end_of_value(body: bytes, start: int) -> int:
    """Where the value that begins at `start` ends; the body's end if it does nowhere."""
    depth = 0
    at = start
    while token := _TOKENS.match(body, at) if depth == 0 else _TOKENS.search(body, at):
        at = token.end()
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        if depth <= 0:
            return at
    plain = _PLAIN.match(body, start)
    return len(body) if depth or plain is None else plain.end()
