"""What happens to restaurants whose days are synced into several engines: read whole, told by events, changed for days, and read again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from engines_same import Shop, stage
from orders_world import Json, api_time, check, order, payment, selection
from restaurant_os.operations import Arrival
from restaurant_os.pipeline.plans import MOST_DAYS, Span
from restaurant_os.pipeline.sync import Progress, Unwatched
from restaurant_os.settings import Location
from restaurant_os.sources.toast.webhooks import cut
from restaurant_os.tables import FACT_ORDERS
from toast_simulator import Toast
from worker_world import event

READ, TOLD, LATER, AGAIN = "read whole, by span", "told by events", "later, by changes", "read again, by span"
PROMISED = "promised"
#: Who may be told that a step is taken, and of its windows.
Step = Callable[[str], AbstractContextManager[object]]


@contextmanager
def unwatched(name: str) -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Days:
    """Of `toast`'s world: its business dates from `first` to `last`; changes are read so much `later`, and `again` is read a second time."""

    toast: Toast
    first: date
    last: date
    later: timedelta
    again: Span

    def happen(self, found: Sequence[Shop], step: Step = unwatched, progress: Callable[[], Progress] = Unwatched) -> None:
        """All of it, in every shop; each step has everybody's turn at the same instant."""

        def whole(own: Shop) -> None:
            own.sync("config", progress=progress())
            for dataset in ("labor", "orders", "cash"):
                for span in _spans(self.first, self._horizon() if dataset == "orders" else self.last):
                    own.sync(dataset, span, progress())

        def changes(own: Shop) -> None:
            for dataset in ("config", "labor", "orders", "cash"):
                own.sync(dataset, progress=progress())

        def again(own: Shop) -> None:
            for dataset in ("labor", "orders", "cash"):
                own.sync(dataset, self.again, progress())

        with step(READ):
            stage(found, self.toast, whole)
        with step(TOLD):
            stage(found, self.toast, self._told)
        with step(LATER):
            self.toast.advance(self.later)
            stage(found, self.toast, changes)
        with step(AGAIN):
            stage(found, self.toast, again)

    def _horizon(self) -> date:
        """The last date that anything is promised for."""
        return max(date.fromisoformat(row["business_date"]) for row in self.toast.book("sales"))

    def _told(self, own: Shop) -> None:
        """Posted totals, one of them restated; an item that runs out; an order that cannot be read; one promised for the end of a month, then put off
        into the next, then told again as it was."""
        place = own.app.locations()[0]
        month = self.last.replace(day=1)
        before, after = month - timedelta(days=1), month + timedelta(days=1)
        versions = [self._promised(own, on, number) for number, on in enumerate((before, after))]
        own.events(
            [self._summary(own, location) for location in own.app.locations()],
            [self._summary(own, place, 12.5), self._order(own, place, order("unreadable", [{"guid": "bill", "amount": "x"}]))],
            [self._stock(own, place, "QUANTITY", 3.5)],
            *([self._order(own, place, version)] for version in (*versions, versions[0])),
        )

    def _stock(self, own: Shop, place: Location, status: str, left: float) -> Arrival:
        body = event(kind="low_quantity", location=place, status=status, itemGuid="soup", multiLocationId="7", quantity=left)
        return Arrival(source="toast", kind="low_quantity", location=place.toast_guid, body=body, received_at=own.clock.now())

    def _summary(self, own: Shop, location: Location, more: float = 0.0) -> Arrival:
        body = {"store_id": location.name, "date": self.last.isoformat(), "kind": "sales", "gross_sales": 5000.01 + more}
        return Arrival(source="summary", kind="sales", location=location.name, body=json.dumps(body).encode(), received_at=own.clock.now())

    def _promised(self, own: Shop, on: date, version: int) -> Json:
        lines = [selection(f"platter-{n}", 100.0 + n) for n in range(3 - version)]
        taken = own.clock.now() - timedelta(days=40)
        times = {"openedDate": api_time(taken), "createdDate": api_time(taken), "modifiedDate": api_time(taken + timedelta(hours=version))}
        return order(PROMISED, [check("bill", lines, [payment("card", 300.0)])], day=int(on.strftime("%Y%m%d"))) | times

    def _order(self, own: Shop, place: Location, version: Json) -> Arrival:
        body = event(order=version, location=place)
        return Arrival(source="toast", kind="order_updated", location=place.toast_guid, body=cut(body), received_at=own.clock.now())


def _spans(first: date, last: date) -> Iterator[Span]:
    while first <= last:
        end = min(first + timedelta(days=MOST_DAYS - 1), last)
        yield Span(first, end)
        first = end + timedelta(days=1)


def across_a_month(own: Shop) -> list[tuple[date, int, int]]:
    """The rows of the order that was put off: its business date, how many of its lines count there, and how many are flagged."""
    found = own.warehouse.rows(
        f"""SELECT o.business_date, count(CASE WHEN NOT i.is_deleted THEN 1 END), count(CASE WHEN i.is_deleted THEN 1 END)
        FROM {FACT_ORDERS.name} AS o JOIN fact_order_items AS i ON i.order_guid = o.order_guid AND i.business_date = o.business_date
        WHERE o.order_guid = ? GROUP BY o.business_date""",
        [PROMISED],
    )
    return [(on, int(live), int(gone)) for on, live, gone in found]
