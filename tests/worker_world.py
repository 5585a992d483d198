"""A worker at work between a real store of events and a real warehouse, with a clock that a test moves on."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orders_world import NORTH, SOUTH, Json, open_warehouse
from restaurant_os.live.meters import Meters
from restaurant_os.live.worker import Worker
from restaurant_os.operations import Arrival, InboxState, Operations, Receipt
from restaurant_os.operations.open import open_operations
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import Location, Settings, load_without_file
from restaurant_os.sources.toast.webhooks import cut, envelope
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

#: The machine may be busy with other tests.
PATIENCE = 60.0


@dataclass
class Shop:
    """A store of events, a warehouse, and what workers between them share."""

    folder: Path
    locations: Sequence[Location] = (NORTH, SOUTH)
    shift: timedelta = timedelta()
    meters: Meters = field(default_factory=Meters)
    operations: Operations = field(init=False)
    warehouse: DuckDBWarehouse = field(init=False)

    def __post_init__(self) -> None:
        self.warehouse = open_warehouse(self.folder)
        self.operations = open_operations(self.folder / "operations.sqlite", service=self.settings.service, now=self.now)

    @property
    def settings(self) -> Settings:
        return load_without_file(self.folder, locations=tuple(self.locations))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def worker(self, owner: str = "worker", *, warehouse: Warehouse | None = None, **options: Any) -> Worker:
        calendar = Calendar(self.settings.reports, {})
        return Worker(
            self.operations,
            warehouse or self.warehouse,
            self.settings,
            calendar,
            owner=owner,
            meters=self.meters,
            now=self.now,
            **{"idle_seconds": 0.05, **options},
        )

    # --- events in ------------------------------------------------------------------------------------------------

    def accept(self, *arrivals: Arrival) -> list[Receipt]:
        async def all_of_them() -> list[Receipt]:
            return list(await asyncio.gather(*(self.operations.accept(arrival) for arrival in arrivals)))

        return asyncio.run(all_of_them())

    def toast(self, body: bytes) -> Arrival:
        """As the service makes it of a request."""
        found = envelope(body)
        return Arrival(
            source="toast",
            kind=found.kind,
            location=found.restaurant_guid,
            body=cut(body),
            received_at=self.now(),
            event_id=found.guid,
        )

    def orders(self, *orders: Json, location: Location = NORTH) -> list[Receipt]:
        """An event for each order, in this order."""
        return [receipt for order in orders for receipt in self.accept(self.toast(event(order=order, location=location)))]

    def summary(self, store_id: str, day: str, kind: str, **amounts: str) -> Receipt:
        body = json.dumps({"store_id": store_id, "date": day, "kind": kind, **amounts}).encode()
        [receipt] = self.accept(Arrival(source="summary", kind=kind, location=store_id, body=body, received_at=self.now()))
        return receipt

    # --- the worker -----------------------------------------------------------------------------------------------

    @contextmanager
    def working(self, worker: Worker | None = None) -> Iterator[Worker]:
        own = worker or self.worker()
        thread = threading.Thread(target=own.run, daemon=True)
        thread.start()
        try:
            yield own
        finally:
            own.stop()
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def work(self, worker: Worker | None = None) -> InboxState:
        """Let a worker work until nothing waits."""
        with self.working(worker):
            return self.until(lambda state: state.pending == state.claimed == 0)

    def until(self, is_so: Callable[[InboxState], bool]) -> InboxState:
        give_up = time.monotonic() + PATIENCE
        while not is_so(state := self.operations.inbox()):
            assert time.monotonic() < give_up, state
            time.sleep(0.01)
        return state

    def reasons(self) -> dict[int, str]:
        return {one.sequence: one.reason for one in self.operations.quarantined()}

    def close(self) -> None:
        self.operations.close()


def event(
    *,
    order: Any = None,
    location: Location | None = NORTH,
    kind: str = "order_updated",
    sent_at: str = "2026-03-02T10:00:00.000Z",
    **details: Any,
) -> bytes:
    """Toast's message with an order, or with other details."""
    own = {"order": order, **details} if order is not None else details
    if location:
        own = {"restaurantGuid": location.toast_guid, **own}
    message = {"timestamp": sent_at, "eventCategory": kind, "eventType": kind, "guid": str(uuid.uuid4()), "details": own}
    return json.dumps(message).encode()


@contextmanager
def shop(folder: Path, **fields: Any) -> Iterator[Shop]:
    own = Shop(folder, **fields)
    try:
        yield own
    finally:
        own.close()


def places(count: int) -> list[Location]:
    """So many locations."""
    return [
        Location(name=f"Place {n}", toast_guid=f"bbbbbbbb-0000-4000-8000-{n:012}", timezone="America/New_York", closeout_hour=4)
        for n in range(count)
    ]
