"""Incidents and deliveries for tests of a store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from restaurant_os.alerting import Delivery, Incident, Message, Record
from restaurant_os.operations import Operations

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
START = datetime(2026, 8, 3, 18, 0, 0, 123456, tzinfo=UTC)
TODAY = date(2026, 8, 3)
SLACK, DISCORD = ["slack"], ["discord"]


def incident(subject: str = "", **others: Any) -> Incident:
    values: dict[str, Any] = {"location": "north", "period": TODAY, "state": "open", "since": START, "updated_at": START, **others}
    return Incident(rule="labor", subject=subject, **values)


def delivery(key: str, text: str = "", **others: Any) -> Delivery:
    """Created at START, ready since then."""
    message = Message(kind="opened", title=text or key)
    return Delivery(key=key, message=message, **{"channel": "slack", "created_at": START, "ready_at": START, **others})


def kept(store: Operations, *deliveries: Delivery) -> list[Delivery]:
    assert store.record(Record(deliveries=deliveries))
    return store.deliveries()


def claimed(store: Operations, channels: Sequence[str] = SLACK, owner: str = "w", seconds: float = 600.0) -> Delivery:
    found = store.claim_delivery(channels, owner, seconds)
    assert found
    return found


def titles(deliveries: Sequence[Delivery]) -> list[str]:
    return [own.message.title for own in deliveries]


def at_once(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
