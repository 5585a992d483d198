"""Both stores behind one handle: a place that is its own, a clock that is turned by hand, and what every test asks of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from restaurant_os.operations import Arrival, Operations, Receipt
from restaurant_os.operations.open import open_operations
from restaurant_os.settings import ServiceSettings

T = TypeVar("T")


@dataclass
class World:
    """A place for a store, and stores on it. Time goes on by itself too: leases of tests are long, and `turn` longer."""

    place: Path | str
    service: ServiceSettings = field(default_factory=ServiceSettings)
    turned: timedelta = timedelta()
    stores: list[Operations] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.turned

    def turn(self, **time: float) -> None:
        self.turned += timedelta(**time)

    def open(self) -> Operations:
        self.stores.append(open_operations(self.place, service=self.service, now=self.now, shift=lambda: self.turned))
        return self.stores[-1]

    @property
    def store(self) -> Operations:
        return self.stores[0] if self.stores else self.open()

    def close(self) -> None:
        for store in self.stores:
            store.close()
        self.stores.clear()

    def arrival(self, event_id: str | None = None, location: str = "north", body: bytes = b"{}", **others: Any) -> Arrival:
        kept: dict[str, Any] = {"source": "toast", "kind": "order_updated", "received_at": self.now(), **others}
        return Arrival(event_id=event_id, location=location, body=body, **kept)

    def accept(self, *arrivals: Arrival) -> list[Receipt]:
        """In their order, as requests that come at the same time."""
        return together([self.store.accept(arrival) for arrival in arrivals])

    def sequences(self, *event_ids: str) -> list[int]:
        return [receipt.sequence for receipt in self.accept(*(self.arrival(one) for one in event_ids))]

    def claimed(self, owner: str = "worker", *, most: int = 100, seconds: float = 600.0) -> list[int]:
        return [event.sequence for event in self.store.claim(owner, most=most, most_bytes=2**20, seconds=seconds)]


def together(waiting: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    async def all_of_them() -> list[T]:
        return await asyncio.gather(*waiting)

    return asyncio.run(all_of_them())


@contextmanager
def world_at(place: Path | str, **service: Any) -> Iterator[World]:
    world = World(place, ServiceSettings(disk_reserve_mib=0, **service))
    try:
        yield world
    finally:
        world.close()


@contextmanager
def empty_world(place: str, tables: Sequence[str]) -> Iterator[World]:
    """A store without anything in it: a new SQLite file, or the Postgres at `place`, of which `tables` are emptied."""
    with tempfile.TemporaryDirectory() as folder, world_at(place or Path(folder) / "operations.sqlite") as world:
        if place:
            _ = world.store
            with psycopg.connect(place, autocommit=True) as connection:
                connection.execute(f"TRUNCATE {', '.join(f'restaurant_os_operations.{table}' for table in tables)}")
        yield world
