"""What a caller asks of a function: read strictly, refused with the name of the field that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec

from restaurant_os.businessday import iso_date
from restaurant_os.errors import UsageError
from restaurant_os.pipeline.plans import FIRST_DAY, FURTHEST_AHEAD, MOST_DAYS, Span
from restaurant_os.settings import GUID, Location
from restaurant_os.sources.toast.token import RENEW_BEFORE, Token
from restaurant_os.text import count, printable

#: The header in which a caller shares its Toast token, and the one that says when that ends, in epoch seconds.
TOKEN_HEADER = "X-Toast-Token"  # noqa: S105  # a header's name
EXPIRES_HEADER = "X-Toast-Token-Expires"
FIELDS = ("restaurant_guid", "start_date", "end_date")
#: A body is three short fields.
MOST_BYTES = 64 * 1024
EXAMPLE = '{"restaurant_guid": "ALL", "start_date": "2025-01-01", "end_date": "2025-01-07"}'


class BadRequestError(UsageError):
    """The caller's mistake: `field` is where."""

    def __init__(self, field: str, message: str, next_step: str) -> None:
        super().__init__(f"{field}: {message}", next_step=next_step)
        self.field = field


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: a location or, with '', every one; the business dates, or None for what is new."""

    restaurant_guid: str
    span: Span | None


def decoded(body: bytes) -> object:
    """A body's JSON, whatever its content type says; nothing at all is an empty object.

    Raises:
        BadRequestError: it is none.
    """
    if len(body) > MOST_BYTES:
        raise BadRequestError("body", f"{len(body):,} bytes, at most {MOST_BYTES:,} are expected.", f"Send for example {EXAMPLE}.")
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequestError("body", f"no JSON ({printable(problem, 100)}).", f"Send for example {EXAMPLE}.") from None


def parsed(body: object, now: datetime) -> Asked:
    """The fields of a decoded body.

    Raises:
        BadRequestError: one is unknown, missing, or of the wrong kind.
    """
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise BadRequestError("body", "a JSON object was expected.", f"Send for example {EXAMPLE}.")
    if unknown := sorted(printable(name, 40) for name in body if name not in FIELDS):
        raise BadRequestError(unknown[0], "there is no such field.", f"The fields are {', '.join(FIELDS)}.")
    return Asked(_guid(body.get("restaurant_guid")), _span(_date(body, "start_date"), _date(body, "end_date"), now))


def _guid(given: object) -> str:
    if given is None or (isinstance(given, str) and given.strip().upper() == "ALL"):
        return ""
    if not isinstance(given, str) or not GUID.fullmatch(given.strip()):
        raise BadRequestError(
            "restaurant_guid",
            f"'{printable(given, 60)}' is neither a GUID nor ALL.",
            'Send a toast_guid of the settings, or "ALL", or leave it out.',
        )
    return given.strip().lower()


def _date(body: Mapping[str, object], field: str) -> date | None:
    given = body.get(field)
    if given is None:
        return None
    try:
        if not isinstance(given, str):
            raise UsageError("")
        return iso_date(given, field)
    except UsageError:
        raise BadRequestError(
            field, f"'{printable(given, 40)}' is not a date.", "Write it as 2025-01-01 (year-month-day), in quotes."
        ) from None


def _span(first: date | None, last: date | None, now: datetime) -> Span | None:
    if first is None and last is None:
        return None
    if first is None or last is None:
        missing, there = ("start_date", "end_date") if first is None else ("end_date", "start_date")
        raise BadRequestError(missing, f"missing, while {there} is there.", "Send both dates (for one day the same twice), or neither.")
    if last < first:
        raise BadRequestError("end_date", f"{last} is before start_date {first}.", "Send the earlier date as start_date.")
    if first < FIRST_DAY:
        raise BadRequestError(
            "start_date", f"{first} is before {FIRST_DAY}: Toast gives nothing from before that.", f"Begin at {FIRST_DAY}."
        )
    if last > now.date() + FURTHEST_AHEAD:
        raise BadRequestError("end_date", f"{last} is more than a year away.", "Send dates of the past.")
    if (days := (last - first).days + 1) > MOST_DAYS:
        end = first + timedelta(days=MOST_DAYS - 1)
        raise BadRequestError(
            "end_date",
            f"{count(days, 'business date')} at once, at most {MOST_DAYS} are allowed.",
            f"End at {end}, then call from there on.",
        )
    return Span(first, last)


def chosen(restaurant_guid: str, locations: list[Location], every: list[Location], dataset: str) -> list[Location]:
    """The locations a call is about, of those that have the dataset (`locations`) among all (`every`).

    Raises:
        BadRequestError: the one named is none of them.
    """
    if not restaurant_guid:
        return locations
    found = [location for location in locations if location.toast_guid == restaurant_guid]
    if found:
        return found
    if any(location.toast_guid == restaurant_guid for location in every):
        raise BadRequestError("restaurant_guid", f"{restaurant_guid} has no {dataset} at Toast: its labor_source is none.", "Leave it out.")
    raise BadRequestError(
        "restaurant_guid",
        f"{restaurant_guid} is not configured.",
        f"Add it to [[locations]] of the settings that were deployed ({count(len(every), 'location')} there), or correct it.",
    )


def shared_token(value: str | None, expires: str | None, now: datetime) -> Token | None:
    """The Toast token that came in the headers.

    Raises:
        BadRequestError: it ends too soon, or does not say when.
    """
    if value is None:
        return None
    if not value.strip() or any(not 33 <= ord(letter) <= 126 for letter in value.strip()):
        raise BadRequestError(TOKEN_HEADER, "no token.", "Send the access token that Toast gave, or leave the header out.")
    try:
        ends = datetime.fromtimestamp(float(expires or ""), UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRequestError(EXPIRES_HEADER, "the token's end is missing.", "Send the second in which it ends, since 1970.") from None
    if ends <= now + RENEW_BEFORE:
        raise BadRequestError(EXPIRES_HEADER, f"the token ends at {ends:%Y-%m-%d %H:%M:%S}Z.", "Get a new one, or leave both headers out.")
    return Token(value.strip(), ends)
