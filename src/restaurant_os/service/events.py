"""Toast's webhook: signed, known again by its id, on disk before 2xx. What an event means is the worker's to find out."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from restaurant_os.errors import FullError, OperationsError, RejectedRecordError
from restaurant_os.live.meters import Meters, Refusal
from restaurant_os.operations import Arrival, Operations
from restaurant_os.service import answers
from restaurant_os.service.answers import AnswerError
from restaurant_os.service.gate import BODY, EVENTS, Asgi, Receive, Send
from restaurant_os.settings import GUID, Settings
from restaurant_os.sources.toast.webhooks import Envelope, cut, envelope, verified
from restaurant_os.text import printable

log = logging.getLogger("restaurant_os.service")

#: Older events and such from the future are refused; an event's id is remembered a day longer than it may be old.
OLDEST, FURTHEST = timedelta(hours=24), timedelta(hours=1)
#: From here on a body is verified and cut by a thread: 64 KiB take a tenth of a millisecond.
LARGE = 64 * 1024
#: Of an event's headers, those that are kept.
KEPT = (b"toast-attempt-number", b"toast-event-type", b"toast-event-category", b"toast-restaurant-external-id")
#: A poll is asked for at most this often, in seconds, however many events are too large.
WISH_EVERY = 60.0
KEPT_ANSWER, KNOWN_ANSWER = (answers.as_json({"status": "success", "message": told}) for told in ("kept", "known already"))


def not_signed() -> AnswerError:
    return AnswerError(
        401,
        "the Toast-Signature is missing or not one of this service's secrets.",
        "Set TOAST_WEBHOOK_SECRETS to the secret that Toast shows for this subscription (with commas between several).",
    )


def no_event() -> AnswerError:
    return AnswerError(
        401, "the body is no event: a JSON object with a `timestamp` was expected.", "Send it as Toast's documentation says."
    )


def too_old() -> AnswerError:
    return AnswerError(
        401, "the event is older than 24 hours or more than an hour in the future.", "Nothing to do: what it told is read by polls."
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is left of an event to keep, or why it is refused."""

    refusal: Refusal | None
    envelope: Envelope | None = None
    body: bytes = b""


@dataclass
class ToastEvents:
    """An ASGI app for the one route, without a framework around it: it is asked thousands of times a second."""

    operations: Callable[[], Operations]
    settings: Settings
    meters: Meters
    now: Callable[[], datetime]
    _asked_at: float = float("-inf")
    _secrets: tuple[bytes, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._secrets = self.settings.webhook_secrets

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        body: bytes = scope[BODY]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"toast-signature", b"").decode("latin-1")
        now = self.now()
        checked = self._check(body, given, now) if len(body) <= LARGE else await asyncio.to_thread(self._check, body, given, now)
        if checked.refusal or checked.envelope is None:
            self.meters.refused("toast", checked.refusal or "unreadable")
            refusal = REFUSALS[checked.refusal]
            raise refusal()
        try:
            receipt = await self.operations().accept(_arrival(checked.envelope, checked.body, headers, now))
        except (FullError, OperationsError):
            self.meters.refused("toast", "no_room")
            raise
        if receipt.is_known:
            self.meters.known("toast")
        else:
            self.meters.accepted("toast")
        scope[EVENTS] = receipt.sequence
        answer = KNOWN_ANSWER if receipt.is_known else KEPT_ANSWER
        await send({"type": "http.response.start", "status": 200, "headers": answers.json_headers(answer)})
        await send({"type": "http.response.body", "body": answer})

    def _check(self, body: bytes, given: str, now: datetime) -> _Checked:
        try:
            found = envelope(body)
        except RejectedRecordError:
            return _Checked("unreadable")
        if not verified(self._secrets, body, found.timestamp, given):
            return _Checked("signature")
        if not now - OLDEST <= found.sent_at <= now + FURTHEST:
            return _Checked("old")
        return _Checked(None, found, cut(body))

    async def too_large(self, scope: Asgi) -> None:
        """An event was larger than any may be: its location's orders are polled instead, or all, at most once a minute."""
        clock = asyncio.get_running_loop().time()
        if clock - self._asked_at < WISH_EVERY:
            return
        self._asked_at = clock
        named = _named(dict(scope["headers"]))
        location = next((x.toast_guid for x in self.settings.locations if x.toast_guid == named), "")
        try:
            await asyncio.to_thread(self.operations().want, "orders", location, self.now())
        except OperationsError as problem:
            self.meters.failure("store")
            log.warning("a poll for an event that was too large could not be asked for", exc_info=problem)


REFUSALS: Mapping[Any, Callable[[], AnswerError]] = {
    "signature": not_signed,
    "old": too_old,
    "unreadable": no_event,
    None: no_event,
}


def _named(headers: Mapping[bytes, bytes]) -> str:
    """The restaurant that the headers name; '' where none."""
    text = headers.get(b"toast-restaurant-external-id", b"").decode("latin-1").strip()
    return text.lower() if GUID.fullmatch(text) else ""


def _arrival(found: Envelope, body: bytes, headers: Mapping[bytes, bytes], now: datetime) -> Arrival:
    return Arrival(
        source="toast",
        kind=found.kind,
        location=found.restaurant_guid or _named(headers),
        body=body,
        received_at=now,
        event_id=found.guid or hashlib.sha256(body).hexdigest(),
        headers={name.decode(): printable(headers[name].decode("latin-1"), 100) for name in KEPT if name in headers},
    )
