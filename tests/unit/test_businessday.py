"""The business day of a location."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from property_profiles import examples
from restaurant_os.businessday import BusinessDay, days_between

ZONES = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/", "right/", "SystemV/")))
#: Zones of restaurants, and those with odd clocks: half hours, summer time at midnight, a summer time of half an hour.
KNOWN = ("America/New_York", "America/Los_Angeles", "America/Phoenix", "Pacific/Honolulu", "Asia/Kathmandu", "Australia/Lord_Howe")

rules = st.builds(BusinessDay, (st.sampled_from(KNOWN) | st.sampled_from(ZONES)).map(ZoneInfo), st.integers(0, 12))
days = st.sampled_from((date(2026, 3, 7), date(2026, 3, 8), date(2026, 10, 31), date(2026, 11, 1))) | st.dates(
    min_value=date(2015, 12, 2), max_value=date(2035, 12, 31)
)
#: Nights in which American clocks, and those of Lord Howe, jump or fall back; and any other instant.
NIGHTS = (date(2026, 3, 8), date(2026, 11, 1), date(2025, 3, 9), date(2025, 11, 2), date(2026, 4, 5), date(2026, 10, 4))
nights = st.builds(
    lambda day, minutes: datetime.combine(day, datetime.min.time(), UTC) + timedelta(minutes=minutes),
    st.sampled_from(NIGHTS),
    st.integers(-12 * 60, 20 * 60),
)
instants = nights | st.builds(
    lambda day, seconds: datetime.combine(day, datetime.min.time(), UTC) + timedelta(seconds=seconds), days, st.integers(0, 86_399)
)
NEW_YORK = BusinessDay(ZoneInfo("America/New_York"), 4)


def moves_by(rule: BusinessDay, day: date) -> timedelta:
    """How far the zone's clock moves within two days of `day`."""
    noon = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)
    offsets = [(noon + timedelta(hours=hours)).astimezone(rule.zone).utcoffset() or timedelta() for hours in range(-48, 49)]
    return max(offsets) - min(offsets)


@examples(80)
@given(rules, instants)
def test_every_instant_is_inside_its_own_business_date(rule: BusinessDay, instant: datetime) -> None:
    """The bounds of the date an instant falls in hold that instant, in every zone and for every closeout hour."""
    day = rule.date_of(instant)
    start, end = rule.bounds(day)

    assert start <= instant < end


@examples(80)
@given(rules, days)
def test_days_touch_and_are_of_a_day_s_length(rule: BusinessDay, day: date) -> None:
    """A day ends where the next begins; it is 23 to 25 hours long, as summer time wants it."""
    start, end = rule.bounds(day)

    assert end == rule.bounds(day + timedelta(days=1))[0]
    assert start < end
    if moves_by(rule, day) <= timedelta(hours=1):
        assert timedelta(hours=23) <= end - start <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("day", "closeout", "hours"),
    [
        (date(2026, 3, 7), 4, 23),  # the clock goes forward at 2:00 on the 8th, before that day's closeout
        (date(2026, 3, 8), 4, 24),
        (date(2026, 3, 8), 0, 23),
        (date(2026, 10, 31), 4, 25),
        (date(2026, 11, 1), 0, 25),
        (date(2026, 11, 1), 4, 24),
        (date(2026, 7, 1), 4, 24),
    ],
)
def test_days_of_23_24_and_25_hours(day: date, closeout: int, hours: int) -> None:
    """Summer time begins and ends in the business day that holds the night, not in the calendar's."""
    start, end = BusinessDay(ZoneInfo("America/New_York"), closeout).bounds(day)

    assert end - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2026, 3, 1, 8, 59, 59, tzinfo=UTC), date(2026, 2, 28)),
        (datetime(2026, 3, 1, 9, 0, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 3, 2, 4, 30, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 7, 1, 7, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 7, 1, 8, 0, tzinfo=UTC), date(2026, 7, 1)),
        # 3:00 on the night the clock goes forward is an hour after 1:59.
        (datetime(2026, 3, 8, 7, 59, tzinfo=UTC), date(2026, 3, 7)),
        (datetime(2026, 3, 8, 8, 0, tzinfo=UTC), date(2026, 3, 8)),
        # 3:59 on the night the hour repeats.
        (datetime(2026, 11, 1, 8, 59, tzinfo=UTC), date(2026, 10, 31)),
        (datetime(2026, 11, 1, 9, 0, tzinfo=UTC), date(2026, 11, 1)),
    ],
)
def test_the_local_clock_decides(instant: datetime, expected: date) -> None:
    """Before the closeout hour of the location's own wall clock it is still yesterday; never the date in UTC."""
    assert NEW_YORK.date_of(instant) == expected


@pytest.mark.parametrize(
    ("closeout", "day", "start"),
    [
        # 2:00 does not exist on 2026-03-08: the day begins when the clock has moved on, at 3:00 local.
        (2, date(2026, 3, 8), datetime(2026, 3, 8, 7, tzinfo=UTC)),
        # 1:00 comes twice on 2026-11-01: the first of the two.
        (1, date(2026, 11, 1), datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ],
)
def test_a_closeout_the_clock_skips_or_repeats(closeout: int, day: date, start: datetime) -> None:
    """A closeout hour that is skipped moves forward with the clock; of one that is repeated the first counts."""
    assert BusinessDay(ZoneInfo("America/New_York"), closeout).start(day) == start


@examples(80)
@given(rules, instants)
def test_the_last_closed_date_is_closed(rule: BusinessDay, now: datetime) -> None:
    """Its end has passed, and that of the next has not."""
    day = rule.last_closed(now)

    assert rule.bounds(day)[1] <= now < rule.bounds(day + timedelta(days=1))[1]


def test_days_between() -> None:
    """Both ends are included; a span that ends before it begins holds nothing."""
    assert days_between(date(2026, 2, 27), date(2026, 3, 1)) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert days_between(date(2026, 3, 1), date(2026, 3, 1)) == [date(2026, 3, 1)]
    assert days_between(date(2026, 3, 2), date(2026, 3, 1)) == []
