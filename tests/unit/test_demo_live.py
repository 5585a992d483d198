"""The live demo's own: its clock, and how it shows a message."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from restaurant_os.clock import FastClock
from restaurant_os.demo_live import shown

BEGINS = datetime(2026, 3, 9, 8, tzinfo=UTC)


def test_a_fast_clock_passes_so_many_times_as_fast_since_an_instant_of_the_machines() -> None:
    clock = FastClock(BEGINS, time.time() - 60, 600.0)
    assert timedelta(hours=10) <= clock.now() - BEGINS < timedelta(hours=13)
    began = clock.monotonic()
    clock.sleep(0.01)
    assert 0.01 <= clock.monotonic() - began < 30  # a wait is a real one


def attempt(**more: object) -> dict[str, object]:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Labor 34.2 % at Elm Street"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "Sales are *$900* below &lt;usual&gt;.\nSee <https://example.com/i/1|the incident>"},
        },
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Sales*\n$2,000.00"}]},
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "as of 14:05"}]},
    ]
    return {"at": "2026-03-09T19:05:00.000+00:00", "status": 200, "answer": "ok", "body": {"text": "x", "blocks": blocks}, **more}


def test_a_message_is_shown_with_the_restaurants_time_and_without_slacks_marks() -> None:
    assert shown(attempt(), ZoneInfo("America/New_York")) == (
        "Mon 15:05  Labor 34.2 % at Elm Street\n"
        "           Sales are $900 below <usual>.\n"
        "           See the incident (https://example.com/i/1)\n"
        "           Sales: $2,000.00\n"
        "           as of 14:05\n"
    )


def test_a_refused_message_says_so_and_one_without_blocks_shows_its_text() -> None:
    refused = attempt(status=429, answer="rate_limited", body={"text": "one\ntwo"})
    assert shown(refused, ZoneInfo("UTC")) == "Mon 19:05  one\n           two\n           (refused: 429 rate_limited)\n"
