"""A request of someone's own that Toast refuses with 400 or answers with nothing: what is wrong with it, from the request alone.

Source: the lists of causes in the reference, sections 4 ("Why a caller gets HTTP 400 here") and 5.3 ("Why a caller gets 200 with 0 records").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from restaurant_os.errors import UsageError
from restaurant_os.settings import GUID
from restaurant_os.text import printable

RESTAURANT_HEADER = "toast-restaurant-external-id"
CASH_PATHS = ("/cashmgmt/v1/entries", "/cashmgmt/v1/deposits")
ENTRIES_PATH = "/labor/v1/timeEntries"
SHIFTS_PATH = "/labor/v1/shifts"
#: The longest period of a labor call (reference, 5.1).
LONGEST = timedelta(days=31)
RANGES = ("startDate", "endDate", "modifiedStartDate", "modifiedEndDate")
SELECTORS = {ENTRIES_PATH: (*RANGES, "businessDate", "timeEntryIds"), SHIFTS_PATH: ("startDate", "endDate", "shiftIds")}
#: A business day is never longer; a shift that is asked by one must lie in it.
A_DAY = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with a request: what was found, and what to do. `effect`: what Toast makes of it."""

    name: str
    effect: str
    found: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request taken apart. `parameters`: every value of each name, in order."""

    path: str
    parameters: Mapping[str, list[str]]
    headers: Mapping[str, str]

    def one(self, name: str) -> str:
        return (self.parameters.get(name) or [""])[0]


def explain(url: str, headers: Mapping[str, str], now: datetime) -> list[Cause]:
    """Everything that is wrong with a GET of cash or labor; empty when nothing is.

    Raises:
        UsageError: it is a request of something else.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # a host that cannot be one
        parts = urlsplit("")
    path = next((known for known in (*CASH_PATHS, ENTRIES_PATH, SHIFTS_PATH) if parts.path.rstrip("/").endswith(known)), None)
    if path is None:
        raise UsageError(
            f"'{printable(parts.path or url.rpartition('@')[2], 120)}' is no request of cash or labor.",
            next_step=f"Give the whole address that was called, of {', '.join((*CASH_PATHS, ENTRIES_PATH, SHIFTS_PATH))}.",
        )
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    asked = Asked(path, parameters, {name.lower(): value.strip() for name, value in headers.items()})
    rules: tuple[Callable[[Asked, datetime], Iterator[Cause]], ...]
    rules = (_header, _cash_date) if path in CASH_PATHS else (_header, _endpoint, _selectors, _period)
    return [cause for rule in rules for cause in rule(asked, now)]


def _header(asked: Asked, now: datetime) -> Iterator[Cause]:
    if not asked.headers:
        return
    guid = asked.headers.get(RESTAURANT_HEADER, "")
    if not GUID.fullmatch(guid):
        what = f"is '{printable(guid, 60)}', no GUID" if guid else "is missing"
        yield Cause(
            "restaurant header",
            "400",
            f"the header Toast-Restaurant-External-ID {what}.",
            "Send it with the GUID of one location: never a name, a number or the group's GUID.",
        )


def _cash_date(asked: Asked, now: datetime) -> Iterator[Cause]:
    """Cash takes one parameter, `businessDate=20260301`, and nothing else."""
    if ranges := [name for name in RANGES if name in asked.parameters]:
        yield Cause(
            "date range",
            "400",
            f"{' and '.join(ranges)}: cash knows no ranges; they belong to orders and labor.",
            "Ask one business date per call, with businessDate=20260301, and one call for each date.",
        )
    values = asked.parameters.get("businessDate", [])
    misspelt = [
        n for n in asked.parameters if n != "businessDate" and re.sub("[^a-z]", "", n.lower()) in ("businessdate", "date", "businessday")
    ]
    if not values and misspelt:
        yield Cause(
            "misspelt name", "400", f"'{printable(misspelt[0], 40)}' is no parameter of cash.", "Call it businessDate, written just so."
        )
    elif not values and not ranges:
        yield Cause("missing businessDate", "400", "businessDate is missing; it is required.", "Add businessDate=20260301.")
    elif len(values) > 1:
        yield Cause("two dates", "400", f"businessDate is there {len(values)} times.", "Ask one business date per call.")
    elif values:
        yield from _yyyymmdd(values[0])


def _yyyymmdd(value: str) -> Iterator[Cause]:
    if not value:
        yield Cause("empty businessDate", "400", "businessDate is empty.", "Write the date as 20260301.")
    elif not re.fullmatch(r"[0-9]{8}", value):
        wrong = re.search(r"(\d{4})-(\d{2})-(\d{2})", value)
        right = "".join(wrong.groups()) if wrong else "20260301"
        yield Cause(
            "date format",
            "400",
            f"businessDate is '{printable(value, 40)}': {'an ISO date or time' if wrong else 'no date'}, yyyymmdd was expected.",
            f"Write it without dashes and without a time: businessDate={right}.",
        )
    else:
        try:
            date(int(value[:4]), int(value[4:6]), int(value[6:]))
        except ValueError:
            yield Cause("no such date", "400", f"businessDate is {value}: there is no such day.", "Check month and day.")


def _endpoint(asked: Asked, now: datetime) -> Iterator[Cause]:
    if asked.path == SHIFTS_PATH:
        yield Cause(
            "shifts instead of timeEntries",
            "0 records",
            "/labor/v1/shifts gives what was scheduled in Toast, not what was worked; it is empty where nobody schedules in Toast.",
            "For hours worked ask /labor/v1/timeEntries.",
        )


def _selectors(asked: Asked, now: datetime) -> Iterator[Cause]:
    """A labor call names ids, a business date or a whole pair of times."""
    pairs = [("startDate", "endDate"), ("modifiedStartDate", "modifiedEndDate")]
    for first, last in pairs:
        if (first in asked.parameters) != (last in asked.parameters):
            here, gone = (first, last) if first in asked.parameters else (last, first)
            yield Cause("half a pair", "400", f"{here} is there, {gone} is not.", "Give both ends of the period.")
    if not any(name in asked.parameters for name in SELECTORS[asked.path]):
        yield Cause("no selection", "400", f"the request has none of {', '.join(SELECTORS[asked.path])}.", "Add startDate and endDate.")
    if asked.path == ENTRIES_PATH and "businessDate" in asked.parameters:
        yield from _yyyymmdd(asked.one("businessDate"))
        yield Cause(
            "archived entries",
            "0 records",
            "businessDate never brings archived entries.",
            "If the day should not be empty, ask it by startDate and endDate with includeArchived=true, or by the modified pair.",
        )
        yield from _future(asked.one("businessDate"), now)


def _future(value: str, now: datetime) -> Iterator[Cause]:
    if re.fullmatch(r"[0-9]{8}", value) and value > f"{now + timedelta(hours=14):%Y%m%d}":
        yield Cause("future day", "0 records", f"{value} has not begun.", "Ask a day that has.")


def _period(asked: Asked, now: datetime) -> Iterator[Cause]:
    for first, last in (("startDate", "endDate"), ("modifiedStartDate", "modifiedEndDate")):
        if first in asked.parameters and last in asked.parameters:
            yield from _between(asked, first, last, now)


def _between(asked: Asked, first: str, last: str, now: datetime) -> Iterator[Cause]:
    start, end = _time(asked.one(first)), _time(asked.one(last))
    for name, found in ((first, start), (last, end)):
        if found is None:
            yield Cause(
                "time format",
                "400",
                f"{name} is '{printable(asked.one(name), 60)}': Toast wants three decimals and an offset without colon, and a + written as %2B.",
                f"Write {name}=2026-03-01T04:00:00.000%2B0000.",
            )
    if start is None or end is None:
        return
    if start >= end:
        yield Cause(
            "empty period",
            "0 records",
            f"{first} is not before {last}: the end is not included, so nothing is between them.",
            "For one business day ask from its closeout hour to that of the next day.",
        )
    if start > now:
        yield Cause("future day", "0 records", f"{first} is in the future.", "Ask a period that has begun.")
    if end - start > LONGEST:
        yield Cause("longer than a month", "400", f"{(end - start).days} days at once.", "Ask at most a month per call.")
    if first == "startDate" and asked.one(first).endswith(("T00:00:00.000Z", "T00:00:00.000+0000")):
        yield Cause(
            "midnight in UTC",
            "0 records or the wrong day",
            f"{first} is midnight in UTC, which is the evening before in the United States: the period misses the restaurant's day.",
            "Begin at the closeout hour on the location's own clock, with its offset: 2026-03-01T04:00:00.000-0500.",
        )
    if asked.path == SHIFTS_PATH and end - start <= A_DAY:
        yield Cause(
            "containment",
            "0 records",
            "a shift is only given when it begins and ends inside the period: in one of a day, overnight shifts drop out.",
            "Ask a day more on both sides and keep those that begin on your day.",
        )
    if asked.path == ENTRIES_PATH and first == "startDate" and asked.one("includeArchived") != "true":
        yield Cause(
            "archived entries",
            "0 records",
            "startDate and endDate leave archived entries out.",
            "Add includeArchived=true if the period should not be empty.",
        )


def _time(text: str) -> datetime | None:
    """Toast's time; None when it is none (reference, 2.1). A + that was not escaped has become a blank."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}(Z|[+-][0-9]{4})", text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
