"""Business days: which day an instant belongs to, when a day opens and closes, and when guests come.

Rules (Toast developer guide, "business date"): an instant's business date is its local date, minus one while the local
wall-clock hour is before the closeout hour. Day D is [local(D, closeout), local(D+1, closeout)): 23, 24 or 25 hours long.

Instants are integers: milliseconds since the Unix epoch, UTC. Business dates are proleptic ordinals (`date.toordinal`).
"""

from __future__ import annotations

from bisect import bisect
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from math import cos, pi
from zoneinfo import ZoneInfo

from restaurant_os.simulator.dice import Dice

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MILLISECOND = timedelta(milliseconds=1)

#: Guests by local wall-clock hour: breakfast, lunch, afternoon, dinner, late.
_BY_HOUR = {7: 1.0, 8: 1.5, 9: 2.0, 10: 2.5, 11: 6.0, 12: 11.0, 13: 9.0, 14: 5.0, 15: 3.5, 16: 4.5, 17: 9.0}
_BY_HOUR |= {18: 13.0, 19: 13.0, 20: 9.0, 21: 6.0, 22: 4.0, 23: 2.5, 0: 1.5, 1: 1.0, 2: 0.4}
#: Monday to Sunday; the seven add up to 7.
_BY_WEEKDAY = (0.80, 0.84, 0.92, 1.00, 1.22, 1.30, 0.92)


def to_ms(instant: datetime) -> int:
    return (instant - EPOCH) // _MILLISECOND


def to_datetime(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


@cache
def _day_text(epoch_day: int) -> str:
    return date.fromordinal(_EPOCH_ORDINAL + epoch_day).isoformat()


@lru_cache(maxsize=8192)
def stamp(ms: int) -> str:
    """An instant as the API writes it: `2026-03-01T04:00:00.000+0000`."""
    epoch_day, rest = divmod(ms, DAY)
    hour, rest = divmod(rest, HOUR)
    minute, rest = divmod(rest, MINUTE)
    second, rest = divmod(rest, SECOND)
    return f"{_day_text(epoch_day)}T{hour:02}:{minute:02}:{second:02}.{rest:03}+0000"


@cache
def date_number(ordinal: int) -> int:
    """A business date as the API writes it: 20260301."""
    day = date.fromordinal(ordinal)
    return day.year * 10_000 + day.month * 100 + day.day


def demand(ordinal: int) -> float:
    """How busy a day is against the average one: the weekday's share times a mild season, fullest at midsummer."""
    day = date.fromordinal(ordinal)
    season = 1.0 - 0.05 * cos(2 * pi * (day.timetuple().tm_yday - 20) / 365.25)
    return _BY_WEEKDAY[day.weekday()] * season


class BusinessCalendar:
    """The business days of one location, in its zone and with its closeout hour (0 to 12), which may change from some day on."""

    def __init__(self, zone: str, closeout_hour: int) -> None:
        self._zone = ZoneInfo(zone)  #: of the wall clocks that people look at; business days may follow another one
        self._hours = [(0, self._zone, closeout_hour)]  #: since when (ordinal), in which zone, at which hour a business day opens
        self._opens: dict[int, int] = {}

    def change(self, first: int, zone: str, closeout_hour: int) -> None:
        """Open business days at another hour from `first` (ordinal) on. Days before it, and local times of events, stay."""
        self._hours = [*(row for row in self._hours if row[0] < first), (first, ZoneInfo(zone), closeout_hour)]
        self._opens.clear()

    def copy(self) -> BusinessCalendar:
        """One that a later change of this one leaves as it is."""
        other = BusinessCalendar(self._zone.key, 0)
        other._hours = self._hours
        return other

    def closeout_hour(self, ordinal: int) -> int:
        """The local hour at which a business day opens."""
        return self._setting(ordinal)[2]

    def _setting(self, ordinal: int) -> tuple[int, ZoneInfo, int]:
        return next(row for row in reversed(self._hours) if row[0] <= ordinal)

    def opens(self, ordinal: int) -> int:
        """The first instant of a business day. A closeout hour that the clock skips counts from where the clock lands."""
        known = self._opens.get(ordinal)
        if known is None:
            day = date.fromordinal(ordinal)
            _, zone, hour = self._setting(ordinal)
            local = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            known = self._opens[ordinal] = to_ms(local.astimezone(UTC))
        return known

    def closes(self, ordinal: int) -> int:
        """The instant at which a business day ends and the next begins."""
        return self.opens(ordinal + 1)

    def date_of(self, ms: int) -> int:
        """The business date of an instant."""
        ordinal = _EPOCH_ORDINAL + ms // DAY
        while ms < self.opens(ordinal):
            ordinal -= 1
        while ms >= self.opens(ordinal + 1):
            ordinal += 1
        return ordinal

    def at(self, ordinal: int, hour: int, minute: int = 0) -> int:
        """The instant of a local wall-clock time on a calendar date."""
        day = date.fromordinal(ordinal)
        return to_ms(datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._zone).astimezone(UTC))

    def local_hour(self, ms: int) -> int:
        return to_datetime(ms).astimezone(self._zone).hour


class Arrivals:
    """When the guests of one business day come. Built from its real hours, so a repeated hour has guests twice, a skipped one none."""

    def __init__(self, calendar: BusinessCalendar, ordinal: int) -> None:
        opens, closes = calendar.opens(ordinal), calendar.closes(ordinal)
        self._hours = list(range(opens, closes, HOUR))
        last = closes - opens - HOUR  # nobody is let in during the last hour before closeout
        weights = [_BY_HOUR.get(calendar.local_hour(start), 0.0) if start - opens < last else 0.0 for start in self._hours]
        self._edges = list(accumulate(weights))

    def draw(self, dice: Dice) -> int:
        hour = self._hours[bisect(self._edges, dice.random() * self._edges[-1])]
        return hour + dice.upto(HOUR)
