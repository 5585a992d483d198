"""The business day of a location: from its closeout hour to the next one, on the wall clock of its own zone.

Source: Toast developer guide, apiRestaurantBusinessDate. Bounds are built by localizing, then converting to UTC, so a
day is 23, 24 or 25 hours long as daylight saving wants it. A closeout hour that the clock skips moves forward with the
clock; one that it repeats means the first of the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from restaurant_os.errors import SettingsError
from restaurant_os.text import printable


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """The rule of one location: an IANA zone and the local hour (0 to 12) at which its business day ends."""

    zone: ZoneInfo
    closeout_hour: int

    def date_of(self, instant: datetime) -> date:
        """The business date that an aware instant falls in."""
        local = instant.astimezone(self.zone)
        return local.date() if local.hour >= self.closeout_hour else local.date() - timedelta(days=1)

    def start(self, day: date) -> datetime:
        """The UTC instant at which business date `day` begins."""
        return datetime.combine(day, time(self.closeout_hour), self.zone).astimezone(UTC)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """The half-open UTC span of business date `day`."""
        return self.start(day), self.start(day + timedelta(days=1))

    def hours(self, day: date) -> list[tuple[datetime, datetime]]:
        """The half-open UTC span of every hour instance of business date `day`: 23, 24 or 25 of them."""
        start, end = self.bounds(day)
        starts = [start + timedelta(hours=n) for n in range(-((start - end) // timedelta(hours=1)))]
        return [(one, min(one + timedelta(hours=1), end)) for one in starts]

    def last_closed(self, now: datetime) -> date:
        """The latest business date whose closeout has passed at `now`."""
        return self.date_of(now) - timedelta(days=1)


def days_between(first: date, last: date) -> list[date]:
    """Every date from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def iso_date(text: str, what: str) -> date:
    """A date a person typed.

    Raises:
        SettingsError: it is not written as 2026-03-01, or no such day exists.
    """
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{what}: '{printable(text, 40)}' is not a date.", next_step="Write it as 2026-03-01 (year-month-day)."
        ) from None
