"""What is wrong with a request of someone's own: every cause of the reference's two lists, from the request alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from restaurant_os.errors import UsageError
from restaurant_os.explain import explain

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
URL = "https://ws-api.toasttab.com"
ENTRIES = f"{URL}/cashmgmt/v1/entries"
DEPOSITS = f"{URL}/cashmgmt/v1/deposits"
PUNCHES = f"{URL}/labor/v1/timeEntries"
SHIFTS = f"{URL}/labor/v1/shifts"
GUID = "aaaaaaaa-0000-4000-8000-000000000001"
START, END = "2026-03-01T04:00:00.000-0500", "2026-03-02T04:00:00.000-0500"
PERIOD = f"startDate={START}&endDate={END}"
ARCHIVED = "&includeArchived=true"


def causes(url: str, headers: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The name and effect of each cause; each says what was found and what to do."""
    found = explain(url, headers or {}, NOW)
    assert [cause for cause in found if not (cause.found and cause.next_step)] == []
    return [(cause.name, cause.effect) for cause in found]


@pytest.mark.parametrize("path", [ENTRIES, DEPOSITS])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("businessDate=20260301", []),
        ("businessDate=20260301&extra=1", []),
        ("startDate=2026-03-01T04:00:00.000-0500&endDate=2026-03-02T04:00:00.000-0500", ["date range"]),
        ("businessDate=20260301&startDate=2026-03-01", ["date range"]),
        ("modifiedStartDate=x", ["date range"]),
        ("businessDate=2026-03-01", ["date format"]),
        ("businessDate=2026-03-01T00:00:00.000%2B0000", ["date format"]),
        ("businessDate=03/01/2026", ["date format"]),
        ("businessDate=2026031", ["date format"]),
        ("businessDate=%EF%BC%92026030%EF%BC%91", ["date format"]),
        ("businessDate=20260230", ["no such date"]),
        ("businessDate=00000101", ["no such date"]),
        ("business_date=20260301", ["misspelt name"]),
        ("businessdate=20260301", ["misspelt name"]),
        ("date=20260301", ["misspelt name"]),
        ("businessDate=", ["empty businessDate"]),
        ("businessDate=20260301&businessDate=20260302", ["two dates"]),
        ("", ["missing businessDate"]),
        ("yyyymmdd=20260301", ["missing businessDate"]),
    ],
)
def test_causes_of_a_400_of_cash(path: str, query: str, expected: list[str]) -> None:
    """One parameter, `businessDate=20260301`, once, spelled so, a day that exists: anything else is named, and a right request is not."""
    assert causes(f"{path}?{query}") == [(name, "400") for name in expected]


def test_an_iso_date_is_told_as_it_should_be() -> None:
    """The person's own date, written right."""
    [cause] = explain(f"{ENTRIES}?businessDate=2026-03-09", {}, NOW)

    assert (cause.found, cause.next_step) == (
        "businessDate is '2026-03-09': an ISO date or time, yyyymmdd was expected.",
        "Write it without dashes and without a time: businessDate=20260309.",
    )


@pytest.mark.parametrize("url", [f"{ENTRIES}?businessDate=20260301", f"{PUNCHES}?{PERIOD}{ARCHIVED}"])
@pytest.mark.parametrize(
    ("headers", "is_wrong"),
    [
        ({}, False),
        ({"Toast-Restaurant-External-ID": GUID}, False),
        ({"toast-restaurant-external-id": f" {GUID.upper()} ", "Authorization": "Bearer x"}, False),
        ({"Authorization": "Bearer x"}, True),
        ({"Toast-Restaurant-External-ID": "North"}, True),
        ({"Toast-Restaurant-External-ID": ""}, True),
        ({"Toast-Restaurant-External-ID": GUID[:-1]}, True),
    ],
)
def test_the_restaurant_header(url: str, headers: dict[str, str], is_wrong: bool) -> None:
    """Where headers are given, it must be there, and be a GUID; where none are, nothing can be said of it."""
    assert causes(url, headers) == ([("restaurant header", "400")] if is_wrong else [])


NOTHING = "0 records"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # Right requests: what remains is marked as possible only.
        (f"{PUNCHES}?{PERIOD}{ARCHIVED}", []),
        (f"{PUNCHES}?modifiedStartDate={START}&modifiedEndDate={END}", []),
        (f"{PUNCHES}?timeEntryIds={GUID}", []),
        (f"{PUNCHES}?startDate=2026-03-01T09:00:00.000Z&endDate=2026-03-02T09:00:00.000Z{ARCHIVED}", []),
        (f"{PUNCHES}?startDate=2026-03-01T09:00:00.000%2B0000&endDate=2026-03-02T09:00:00.000%2B0000{ARCHIVED}", []),
        (f"{PUNCHES}?modifiedStartDate=2026-03-01T00:00:00.000Z&modifiedEndDate=2026-03-02T00:00:00.000Z", []),
        # 1, 2: the schedule instead of the work, and what does not lie in a day as a whole.
        (f"{SHIFTS}?shiftIds={GUID}", [("shifts instead of timeEntries", NOTHING)]),
        (f"{SHIFTS}?{PERIOD}", [("shifts instead of timeEntries", NOTHING), ("containment", NOTHING)]),
        (
            f"{SHIFTS}?startDate=2026-10-31T04:00:00.000-0400&endDate=2026-11-01T04:00:00.000-0500",
            [("shifts instead of timeEntries", NOTHING), ("future day", NOTHING), ("containment", NOTHING)],
        ),
        (f"{SHIFTS}?startDate={START}&endDate=2026-03-05T04:00:00.000-0500", [("shifts instead of timeEntries", NOTHING)]),
        # 3: dates that select nothing, or the wrong day.
        (f"{PUNCHES}?startDate={START}&endDate={START}{ARCHIVED}", [("empty period", NOTHING)]),
        (f"{PUNCHES}?startDate={END}&endDate={START}{ARCHIVED}", [("empty period", NOTHING)]),
        (
            f"{PUNCHES}?startDate=2026-03-01T00:00:00.000%2B0000&endDate=2026-03-02T00:00:00.000%2B0000{ARCHIVED}",
            [("midnight in UTC", "0 records or the wrong day")],
        ),
        (
            f"{PUNCHES}?startDate=2026-03-01T00:00:00.000Z&endDate=2026-03-01T00:00:00.000Z{ARCHIVED}",
            [("empty period", NOTHING), ("midnight in UTC", "0 records or the wrong day")],
        ),
        (f"{PUNCHES}?startDate=2026-04-01T04:00:00.000-0400&endDate=2026-04-02T04:00:00.000-0400{ARCHIVED}", [("future day", NOTHING)]),
        (f"{PUNCHES}?businessDate=20260401", [("archived entries", NOTHING), ("future day", NOTHING)]),
        # 5: archived entries.
        (f"{PUNCHES}?{PERIOD}", [("archived entries", NOTHING)]),
        (f"{PUNCHES}?{PERIOD}&includeArchived=false", [("archived entries", NOTHING)]),
        (f"{PUNCHES}?businessDate=20260301", [("archived entries", NOTHING)]),
        # Requests that are refused.
        (f"{PUNCHES}?businessDate=2026-03-01", [("date format", "400"), ("archived entries", NOTHING)]),
        (f"{PUNCHES}?startDate={START}", [("half a pair", "400")]),
        (f"{PUNCHES}?modifiedEndDate={END}", [("half a pair", "400")]),
        (PUNCHES, [("no selection", "400")]),
        (f"{SHIFTS}?businessDate=20260301", [("shifts instead of timeEntries", NOTHING), ("no selection", "400")]),
        (f"{PUNCHES}?startDate=2026-03-01&endDate=2026-03-02", [("time format", "400"), ("time format", "400")]),
        (f"{PUNCHES}?startDate=2026-03-01T04:00:00.000+0000&endDate={END}", [("time format", "400")]),
        (f"{PUNCHES}?startDate=2026-03-01T04:00:00.000000-0500&endDate={END}", [("time format", "400")]),
        (f"{PUNCHES}?startDate=2026-03-01T04:00:00.000-05:00&endDate={END}", [("time format", "400")]),
        (f"{PUNCHES}?startDate=2026-03-01 04:00:00.000-0500&endDate={END}", [("time format", "400")]),
        (f"{PUNCHES}?startDate=0001-01-01T00:00:00.000%2B1400&endDate={END}", [("time format", "400")]),
        (f"{PUNCHES}?startDate=2026-02-30T04:00:00.000-0500&endDate={END}", [("time format", "400")]),
        (f"{PUNCHES}?startDate=2026-01-01T04:00:00.000-0500&endDate={END}{ARCHIVED}", [("longer than a month", "400")]),
    ],
)
def test_causes_of_an_empty_list_of_labor(url: str, expected: list[tuple[str, str]]) -> None:
    """All of them, in the order of the list; a right request has none but what depends on the account."""
    assert causes(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hello",
        f"{URL}/orders/v2/ordersBulk?businessDate=20260301",
        "http://[::1",
        "http://user:password@[::1/cashmgmt/v1/entries",
        "http://\u2100.example/",
        "javascript:alert(1)",
        f"{PUNCHES}/{GUID}",
        "\x00\x1b[2J",
    ],
)
def test_any_other_request_is_wrong_usage(url: str) -> None:
    """It is said what can be explained; whatever it holds, it cannot write more than itself."""
    with pytest.raises(UsageError) as found:
        explain(url, {}, NOW)

    assert "no request of cash or labor" in found.value.message
    assert found.value.message.isprintable()
    assert "password" not in found.value.message
    assert "/labor/v1/timeEntries" in found.value.next_step


NASTY = "%1B%5B2J%0A%0D%E2%80%AE%00[red]'; DROP TABLE x;--" + "A" * 5_000


@pytest.mark.parametrize(
    "url",
    [
        f"{ENTRIES}?businessDate={NASTY}",
        f"{ENTRIES}?{NASTY}={NASTY}",
        f"{ENTRIES}?date={NASTY}",
        f"{PUNCHES}?startDate={NASTY}&endDate={NASTY}",
        f"{PUNCHES}?businessDate={NASTY}",
        f"https://user:password@host.example/cashmgmt/v1/entries?date={NASTY}",
    ],
)
def test_hostile_text_stays_text(url: str) -> None:
    """What comes back is on one line, printable, short, and without the password of an address."""
    found = explain(url, {"Toast-Restaurant-External-ID": NASTY, NASTY: NASTY}, NOW)
    texts = [text for cause in found for text in (cause.name, cause.effect, cause.found, cause.next_step)]

    assert "restaurant header" in [cause.name for cause in found]
    assert [text for text in texts if not text.isprintable() or len(text) > 400 or "password" in text] == []
