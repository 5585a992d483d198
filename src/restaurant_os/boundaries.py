"""The commit boundaries of an event's way and of an alert's, by name: what is true before and after each, a crash in between leaves one or the other.

| name | what commits there |
|---|---|
| `accept` | the event is in the inbox; its sender is answered 2xx after it |
| `claim` | a worker has the event for a while |
| `merge` | its rows are in the warehouse, with the changed days |
| `changed_days` | written inside the transaction of `merge`: nothing is in yet |
| `finish` | the inbox knows that the event is done |
| `incident` | incidents, what is to be told of them, and the days that are cleared |
| `outbox` | written inside the transaction of `incident`: nothing is in yet |
| `sending` | a delivery is about to be sent; after a crash nobody knows whether it was |
| `sent` | the outbox knows that it was |

Tests kill the process before and after each. Nobody else watches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Boundary = Literal["accept", "claim", "merge", "changed_days", "finish", "incident", "outbox", "sending", "sent"]
Side = Literal["before", "after"]
OF_EVENTS: tuple[Boundary, ...] = ("accept", "claim", "merge", "changed_days", "finish")
OF_ALERTS: tuple[Boundary, ...] = ("incident", "outbox", "sending", "sent")
BOUNDARIES = (*OF_EVENTS, *OF_ALERTS)

_watch: Callable[[Boundary, Side], None] | None = None


def watch(watcher: Callable[[Boundary, Side], None] | None) -> None:
    """Have `watcher` called at every boundary of this process; None ends it. For tests."""
    global _watch
    _watch = watcher


@contextmanager
def crossing(boundary: Boundary) -> Iterator[None]:
    """The block commits at `boundary`. After a block that fails nothing was crossed."""
    if _watch:
        _watch(boundary, "before")
    yield
    if _watch:
        _watch(boundary, "after")
