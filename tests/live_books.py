"""Sends events to a service that may be killed meanwhile, until each is acknowledged, and holds its tables against the books."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal

from live_events import LiveEvent
from live_service import Sender, Service
from warehouse_reading import read

FIGURES = ("orders", "gross_sales", "net_sales", "tax", "tips")
SECONDS_BETWEEN_TRIES = 0.05
Books = dict[str, dict[str, Decimal]]


@dataclass
class Delivery:
    """What a delivery saw: answers by status, and how often there was none."""

    statuses: dict[int, int] = field(default_factory=dict)
    unanswered: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, status: int | None) -> None:
        with self._lock:
            if status is None:
                self.unanswered += 1
            else:
                self.statuses[status] = self.statuses.get(status, 0) + 1


def deliver(service: Service, events: Iterable[LiveEvent], *, senders: int = 4, seconds: float = 120.0) -> Delivery:
    """Send every event until it is answered 200: what is not may be sent again, as Toast does. Somebody else starts the service again."""
    seen, give_up = Delivery(), time.monotonic() + seconds
    lock, source = threading.Lock(), iter(events)

    def work() -> None:
        sender = Sender(service.port)
        try:
            for event in _shared(source, lock):
                while (status := sender.send(event)) != 200:
                    seen.note(status)
                    if status not in (None, 503) or time.monotonic() > give_up:
                        raise AssertionError(f"an event was answered {status}; {service.log.read_text()[-2000:]}")
                    time.sleep(SECONDS_BETWEEN_TRIES)
                seen.note(200)
        finally:
            sender.close()

    with ThreadPoolExecutor(senders) as pool:
        for one in [pool.submit(work) for _ in range(senders)]:
            one.result()
    return seen


def _shared(source: Iterator[LiveEvent], lock: threading.Lock) -> Iterator[LiveEvent]:
    while True:
        with lock:
            event = next(source, None)
        if event is None:
            return
        yield event


class Keeper:
    """Starts the service again whenever it has died, until told to stop. `until`: the boundaries at which its first lives end."""

    def __init__(self, service: Service, until: Sequence[tuple[str, str, int]] = ()) -> None:
        self.service = service
        self.until = until
        self.starts = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep)

    def __enter__(self) -> Keeper:
        self._start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _start(self) -> None:
        self.service.start(self.until[self.starts] if self.starts < len(self.until) else None)
        self.starts += 1

    def _keep(self) -> None:
        while not self._end.wait(0.02):
            if not self.service.is_running:
                self._start()


def tables(service: Service) -> Books:
    """What the warehouse says that the locations sold, on all days."""
    asked = ", ".join(f"sum({name})" for name in FIGURES)
    rows = read(service.warehouse, f"SELECT restaurant_guid, {asked} FROM daily_sales GROUP BY 1")
    return {guid: dict(zip(FIGURES, map(Decimal, values), strict=True)) for guid, *values in rows}


def differences(ours: Mapping[str, Mapping[str, Decimal]], books: Mapping[str, Mapping[str, Decimal]]) -> list[str]:
    """Every figure in which the two disagree; a location that one of them lacks counts as noughts."""
    nothing = dict.fromkeys(FIGURES, Decimal(0))
    return [
        f"{guid} {name}: {ours.get(guid, nothing)[name]} here, {books.get(guid, nothing)[name]} in the books"
        for guid in sorted(ours.keys() | books.keys())
        for name in FIGURES
        if ours.get(guid, nothing)[name] != books.get(guid, nothing)[name]
    ]


def twice(service: Service) -> list[tuple[object, ...]]:
    """Keys that stand in the order tables more than once."""
    found: list[tuple[object, ...]] = []
    for table, key in (
        ("fact_orders", "order_guid"),
        ("fact_order_items", "order_guid, selection_guid"),
        ("fact_payments", "payment_guid"),
    ):
        found += read(service.warehouse, f"SELECT '{table}', {key}, count(*) FROM {table} GROUP BY ALL HAVING count(*) > 1 LIMIT 5")
    return found
