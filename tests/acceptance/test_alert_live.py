"""The README's posts, on a real service with a real channel, each a process or a socket of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from live_service import Sender, Service, service
from slack_receiver import Slack, slack

SECONDS = 90.0
#: Looks follow a commit within a second; what has not come by now does not come.
QUIET_SECONDS = 4.0


@pytest.fixture
def channel() -> Iterator[Slack]:
    with slack() as found:
        yield found


@pytest.fixture
def live(tmp_path: Path, channel: Slack) -> Iterator[Service]:
    with service(tmp_path / "live", [], TOAST_WEBHOOK_SECRETS="", SLACK_WEBHOOK_URL=channel.url) as found:
        found.start()
        yield found


@pytest.mark.timeout(300)
def test_two_posts_end_in_one_message_and_a_lower_cost_in_a_recovery(live: Service, channel: Slack) -> None:
    """30.0 %, $20.00 an hour; the same posts again send nothing."""
    today = datetime.now(UTC).date().isoformat()

    def post(kind: str, **figures: Any) -> None:
        sender = Sender(live.port)
        assert sender.summary(kind, store_id="north-1", date=today, **figures) == 200
        sender.close()

    def messages() -> list[tuple[str, bool, bool]]:
        """The header of each, and whether it tells 30.0 % and $20.00."""
        return [(body["blocks"][0]["text"]["text"], "30.0 %" in str(body), "$20.00" in str(body)) for body in channel.bodies]

    post("sales", gross_sales=5000)
    post("labor", labor_hours=75, labor_cost=1500)
    await_that(lambda: bool(channel.bodies))
    post("sales", gross_sales=5000)
    post("labor", labor_hours=75, labor_cost=1500)
    live.settle()
    time.sleep(QUIET_SECONDS)
    opened = messages()
    post("labor", labor_hours=60, labor_cost=1200)
    await_that(lambda: len(channel.bodies) > 1)
    time.sleep(QUIET_SECONDS)

    assert live.stop() == 0
    assert opened == [("Labor over 25 % at north-1: 30.0 %", True, True)]
    assert messages()[1:] == [("Labor back under 25 % at north-1: 24.0 %", True, True)]


def await_that(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < give_up, f"waited {SECONDS:g} s"
        time.sleep(0.05)
