"""`kill -9` of `restaurant-os serve` before and after every commit boundary of an alert, on both stores of operations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from live_books import Keeper
from live_service import Sender, Service, service
from restaurant_os.boundaries import OF_ALERTS
from restaurant_os.operations.open import open_operations
from restaurant_os.settings import ServiceSettings
from slack_receiver import Slack, slack

#: A trial: no key, no secret, no account.
TRIAL = {"TOAST_WEBHOOK_SECRETS": ""}
SECONDS = 120.0


@pytest.fixture(scope="module")
def channel() -> Iterator[Slack]:
    with slack() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def live(request: pytest.FixtureRequest, tmp_path: Path, channel: Slack) -> Iterator[Service]:
    channel.clear()
    variables = {**TRIAL, "SLACK_WEBHOOK_URL": channel.url}
    if request.param == "postgres":
        variables["RESTAURANT_OS_OPERATIONS"] = request.getfixturevalue("postgres_url")
    with service(tmp_path / "live", [], **variables) as found:
        yield found


@pytest.mark.timeout(400)
def test_killed_at_every_boundary_of_an_alert(live: Service, channel: Slack) -> None:
    """Eight lives, each ended before or after a boundary, and one to the end: every store is told of at least once and at most twice, the second time
    as a repeat, and has one incident."""
    deaths = [(boundary, side, 1) for boundary in OF_ALERTS for side in ("before", "after")]
    stores = [f"Store {number}" for number in range(1, len(deaths) + 1)]
    today = datetime.now(UTC).date()
    with Keeper(live, deaths) as keeper:
        for number, store in enumerate(stores, 1):
            post_until_kept(live, store, today)
            await_that(lambda number=number: keeper.starts > number, f"life {number} to end")  # type: ignore[misc]
        await_that(lambda: all(channel.telling(store) for store in stores), "all to be told")
        await_that(live.is_ready, "it to be ready")
    assert live.stop() == 0

    told = {store: channel.telling(store) for store in stores}
    assert {store: len(texts) in (1, 2) for store, texts in told.items()} == dict.fromkeys(stores, True)
    assert {store: ["may be a repeat" in text for text in texts[1:]] for store, texts in told.items()} == {
        store: [True] * (len(texts) - 1) for store, texts in told.items()
    }
    assert incidents(live) == sorted(stores)


def post_until_kept(live: Service, store: str, day: date) -> None:
    """5,000 of sales and 1,500 of labor, each until it is answered 200."""
    posts: tuple[tuple[str, dict[str, Any]], ...] = (("sales", {"gross_sales": 5000}), ("labor", {"labor_hours": 75, "labor_cost": 1500}))
    sender = Sender(live.port)
    try:
        for kind, figures in posts:
            await_that(lambda: sender.summary(kind, store_id=store, date=day.isoformat(), **figures) == 200, f"{store} to be kept")  # noqa: B023
    finally:
        sender.close()


def await_that(is_so: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < give_up, f"waited {SECONDS:g} s for {what}"
        time.sleep(0.05)


def incidents(live: Service) -> list[str]:
    store = open_operations(live.operations, service=ServiceSettings(), now=lambda: datetime.now(UTC))
    try:
        return sorted(one.location for one in store.incidents())
    finally:
        store.close()
