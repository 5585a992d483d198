"""Incidents over HTTP: what stands, and that somebody knows of it. The same words and values as `restaurant-os alerts`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from restaurant_os.alerting import Incident
from restaurant_os.alerts.incidents import acknowledged, muted
from restaurant_os.alerts.listing import change, end_of_today, incident_as_json, listed
from restaurant_os.errors import BusyError, UsageError
from restaurant_os.service import answers
from restaurant_os.service.answers import AnswerError
from restaurant_os.service.reads import Reads, date_of, listed_rows
from restaurant_os.service.running import Service
from restaurant_os.settings import Settings
from restaurant_os.terminal import plain
from restaurant_os.text import printable

State = Literal["watching", "open", "recovered", "closed"]
#: Without `state`, as the command has it.
SHOWN: tuple[State, ...] = ("open", "recovered")
MOST, MOST_AT_ONCE = 100, 1_000
MOST_NOTE = 300
#: The fewest digits of an id.
FEWEST = 4
EXAMPLE = {"note": "sent two home"}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The body of a post. `is_muted`: for today nothing at all is sent of it."""

    note: str = ""
    is_muted: bool = False


def wrong(field: str, found: str) -> AnswerError:
    return AnswerError(422, f"{field}: {found}", f"Send for example {answers.as_json(EXAMPLE).decode()}.", field=field)


def unknown(wanted: str) -> AnswerError:
    return AnswerError(
        404, f"no incident has the id '{printable(wanted, 40)}', or begins with it.", "GET /v1/incidents lists them with their ids."
    )


def ambiguous(wanted: str, count: int) -> AnswerError:
    return AnswerError(
        409, f"{count} incidents begin with '{printable(wanted, 40)}'; nothing was changed.", "Give more digits of the id, 16 at most."
    )


def contested() -> AnswerError:
    return AnswerError(503, "the incident was changed by others all the while; nothing was changed.", "Try again.", retry_after=1)


def read(body: bytes) -> Acknowledgement:
    """
    Raises:
        AnswerError: 422, naming the field.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise wrong("body", f"no JSON ({printable(problem, 100)}).") from None
    if not isinstance(found, dict):
        raise wrong("body", "a JSON object was expected.")
    if other := sorted(printable(name, 40) for name in found if name not in ("note", "mute")):
        raise wrong(other[0], "there is no such field; there are note and mute.")
    note, mute = found.get("note", ""), found.get("mute", False)
    if not isinstance(note, str) or len(note) > MOST_NOTE or printable(note, MOST_NOTE) != note:
        raise wrong("note", f"at most {MOST_NOTE} printable characters were expected.")
    if not isinstance(mute, bool):
        raise wrong("mute", "true or false was expected.")
    return Acknowledgement(note, mute)


@dataclass
class Incidents:
    service: Service
    reads: Reads

    async def list(self, states: Sequence[State], location: str, first: str | None, most: int) -> bytes:
        since = date_of(first, "from") if first is not None else None

        def found() -> bytes:
            place = self._place(location)
            own = listed(self.service.operations(), self._settings, states=states or SHOWN, location=place, since=since, most=most)
            return listed_rows([incident_as_json(one, self._settings) for one in own])

        return await self.reads.in_thread(found)

    async def acknowledge(self, wanted: str, body: bytes) -> bytes:
        given = read(body)
        return await self.reads.in_thread(lambda: self._acknowledge(wanted, given))

    @property
    def _settings(self) -> Settings:
        return self.service.settings

    def _place(self, location: str) -> str:
        """What `location` means, by its GUID; of a store that stands nowhere in the settings, by what it posted."""
        if location.strip().upper() == "ALL":
            return "ALL"
        own = self._settings.location_of(location)
        return own.toast_guid if own else self.reads.places(location)[0].toast_guid

    def _acknowledge(self, wanted: str, given: Acknowledgement) -> bytes:
        operations, now = self.service.operations(), self.service.now()
        found = operations.find_incidents([wanted]) if len(wanted.strip()) >= FEWEST else []
        if len(found) != 1:
            raise ambiguous(wanted, len(found)) if found else unknown(wanted)
        try:
            changed = change(operations, found[0].incident_id, lambda own: self._acknowledged(own, given, now))
        except BusyError:
            raise contested() from None
        except UsageError:
            raise unknown(wanted) from None  # retention took it away meanwhile
        return json.dumps(plain(incident_as_json(changed, self._settings)), ensure_ascii=True).encode()

    def _acknowledged(self, incident: Incident, given: Acknowledgement, now: datetime) -> Incident:
        known = acknowledged(incident, given.note, now)
        return muted(known, end_of_today(known, self._settings, now), now) if given.is_muted else known


def body_of_ack() -> dict[str, Any]:
    """For the OpenAPI document."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "note": {"type": "string", "maxLength": MOST_NOTE, "description": "What is being done. Printable characters alone."},
            "mute": {"type": "boolean", "description": "Nothing at all is sent of it for the rest of the business day."},
        },
    }
    return {"required": True, "content": {"application/json": {"schema": schema, "example": EXAMPLE}}}
