"""Orders of one location and one window, page by page, until the window stands still.

Source: Toast Orders API v2, `GET /orders/v2/ordersBulk` (reference section 3.1). Pages are cut by offset from data that lives:
an order modified while we read leaves its place, and the one behind it slips through. So a window is read again until a
pass shows nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from restaurant_os.batch import Batch
from restaurant_os.errors import RequestError
from restaurant_os.sources.toast.client import ORDERS_BULK, ORDERS_BULK_HISTORY
from restaurant_os.sources.toast.decode import DecodedPage, OrderDecoder
from restaurant_os.sources.toast.reading import Reading

PATH = "/orders/v2/ordersBulk"
SCOPE = "orders:read"
#: The most Toast gives at once (reference, 3.1); always sent, since the default is not documented.
PAGE_SIZE = 100
PASSES = 3
#: Days closed longer ago than this are read once.
SETTLED_AFTER = timedelta(days=7)
#: Modified windows older than this are pulled at the pace for history.
HISTORY_AFTER = timedelta(hours=24)
#: No location sells this much in a window; a server that repeats itself would never end.
MOST_PAGES = 2_000
#: Times a page may bring nothing new in its pass before we say that the server repeats itself.
MOST_REPEATS = 3


@dataclass(slots=True)
class OrdersRead(Reading):
    """One window of orders being read, in passes until it stands still."""

    decoder: OrderDecoder
    is_stable: bool = field(init=False, default=False)

    def __iter__(self) -> Iterator[Batch]:
        settled = self.window.business_date is not None and self.window.end < self.started_at - SETTLED_AFTER
        while self.passes < PASSES and not self.is_stable:
            self.passes += 1
            was = dict(self.versions)
            yield from self._pass()
            self.is_stable = settled or (self.passes > 1 and was == self.versions) or not self.versions

    def _pass(self) -> Iterator[Batch]:
        read_at = api_time(self.client.http.now())
        in_pass: set[str] = set()
        repeats = 0
        self.rejected = 0  # of the last pass: what an earlier one could not read may be whole by now
        for number in range(1, MOST_PAGES + 1):
            page, has_next = self._page(number, read_at)
            self.pages += 1
            size = len(page.orders) + len(page.rejected)
            repeats = 0 if page.versions.keys() - in_pass or page.rejected else repeats + 1
            in_pass |= page.versions.keys()
            if page.rejected or any(self.versions.get(guid) != version for guid, version in page.versions.items()):
                self.versions.update(page.versions)
                yield self._noted(self.decoder.add(page))
            if size == 0 or not (has_next or size >= PAGE_SIZE):
                yield self._noted(self.decoder.rest())
                return
            if repeats >= MOST_REPEATS:
                break
        raise RequestError(
            f"Toast {PATH}, location {self.location.name}, {self.window}: page {number} brings only orders of earlier pages; the server repeats itself. "
            "Nothing of this window was written.",
            next_step="Run the command again; if it stays so, report it with the address of the API.",
        )

    def _noted(self, batch: Batch) -> Batch:
        """A batch on its way, its rejected orders counted and no longer among those read."""
        self.rejected += len(batch.rejected)
        for rejected in batch.rejected:
            self.versions.pop(rejected.record_guid or "", None)
        return batch

    def _page(self, number: int, read_at: str) -> tuple[DecodedPage, bool]:
        decoded: list[DecodedPage] = []
        answer = self.client.get(
            PATH,
            endpoint=self._endpoint(),
            location=self.location.toast_guid,
            scope=SCOPE,
            params={**self._query(), "pageSize": str(PAGE_SIZE), "page": str(number)},
            accept=lambda body: decoded.append(self.decoder.decode(body, read_at=read_at, day=self.window.business_date)),
        )
        return decoded[-1], 'rel="next"' in answer.headers.get("Link", "")

    def _query(self) -> dict[str, str]:
        if self.window.business_date is not None:
            return {"businessDate": f"{self.window.business_date:%Y%m%d}"}
        return {"startDate": api_time(self.window.start), "endDate": api_time(self.window.end)}

    def _endpoint(self) -> str:
        old = self.window.business_date is None and self.window.end < self.started_at - HISTORY_AFTER
        return ORDERS_BULK_HISTORY if old else ORDERS_BULK


def api_time(instant: datetime) -> str:
    """An instant as Toast wants it: exactly three decimals, an offset without colon (reference, section 2.1)."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}+0000"
