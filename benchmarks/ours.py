"""The product's own path without its HTTP client: decoder, spill, merge and ledger, driven by the sync itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.pages import READ_AT, READ_AT_TEXT, Pages, Shop
from restaurant_os.batch import Batch, Window
from restaurant_os.errors import RestaurantOSError
from restaurant_os.pipeline.sync import OrdersSync, Span
from restaurant_os.settings import Location
from restaurant_os.sources.toast.decode import OrderDecoder
from restaurant_os.warehouse.duckdb import DuckDBWarehouse


def decoder(shop: Shop) -> OrderDecoder:
    return OrderDecoder(restaurant_guid=shop.location.toast_guid, rule=shop.location.business_day, discount_kinds={})


@dataclass(slots=True)
class PagesRead:
    """A window as the sync reads it, its pages already here."""

    pages: list[bytes]
    decoder: OrderDecoder
    started_at: datetime = READ_AT
    passes: int = 1
    is_stable: bool = True
    rejected: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def _pages(self) -> int:
        return len(self.pages)

    def __iter__(self) -> Iterator[Batch]:
        for page in self.pages:
            batch = self.decoder.page(page, read_at=READ_AT_TEXT)
            self.versions.update(batch.versions)
            self.rejected += len(batch.rejected)
            yield batch
