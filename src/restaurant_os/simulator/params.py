"""Reading query parameters as strictly as the reference says.

Source: dev:api_dates_and_timestamps, spec:orders.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from starlette.datastructures import QueryParams

from restaurant_os.simulator.errors import bad_request

#: Exactly three decimals, and Z or an offset without a colon.
_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})(Z|[+-][0-9]{4})")
_BUSINESS_DATE = re.compile(r"[0-9]{8}")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
#: No range may start before Toast's own floor.
EARLIEST = datetime(2015, 12, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Modified:
    """Asks for the orders last modified in [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class BusinessDate:
    """Asks for the orders of one business date."""

    day: date


Window = Modified | BusinessDate


def one(query: QueryParams, name: str) -> str | None:
    """The parameter's value; None when absent or empty. Given twice it is a 400."""
    values = query.getlist(name)
    if len(values) > 1:
        raise bad_request(f"{name} must be given once")
    return values[0] if values and values[0] else None


def timestamp(text: str, name: str) -> datetime:
    """`2026-03-01T04:00:00.000+0000` as aware UTC."""
    found = _TIMESTAMP.fullmatch(text)
    hint = "A plus sign in a query string is a space unless it is sent as %2B" if " " in text else None
    problem = bad_request(f"{name} must be a timestamp such as 2026-03-01T04:00:00.000+0000, not '{text}'", hint)
    if not found:
        raise problem
    try:
        return datetime.strptime(found[1] + found[2], "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    except (ValueError, OverflowError):
        raise problem from None


def business_date(text: str, name: str = "businessDate") -> date:
    """`20260301` as a date."""
    try:
        if _BUSINESS_DATE.fullmatch(text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    raise bad_request(f"{name} must be a date in the format yyyyMMdd, not '{text}'")


def whole_number(query: QueryParams, name: str, default: int, *, highest: int) -> int:
    """A number from 1 to `highest`."""
    text = one(query, name)
    if text is None:
        return default
    if not _WHOLE_NUMBER.fullmatch(text) or not 1 <= int(text) <= highest:
        raise bad_request(f"{name} must be a whole number from 1 to {highest}, not '{text}'")
    return int(text)


def month_after(start: datetime) -> datetime:
    """The same day and time of the next month, or its last day when it is shorter."""
    year, month = divmod(start.year * 12 + start.month, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, calendar.monthrange(year, month + 1)[1]))


def window(query: QueryParams, *, longest: timedelta | None = None) -> Window:
    """(startDate and endDate) or businessDate, never both. A range is at most `longest`, or one calendar month."""
    start_text, end_text, day_text = (one(query, name) for name in ("startDate", "endDate", "businessDate"))
    if day_text is not None and start_text is None and end_text is None:
        return BusinessDate(business_date(day_text))
    if day_text is not None or start_text is None or end_text is None:
        raise bad_request("EITHER (startDate and endDate) OR businessDate is required")
    start, end = timestamp(start_text, "startDate"), timestamp(end_text, "endDate")
    if start >= end:
        raise bad_request("Input startDate must be before endDate")
    if start <= EARLIEST:
        raise bad_request("startDate must be after 2015-12-01T00:00:00.000+0000")
    if end > (month_after(start) if longest is None else start + longest):
        raise bad_request(f"The interval from startDate to endDate must be at most {'one month' if longest is None else 'one hour'}")
    return Modified(start, end)
