"""The product's own path without its HTTP client: decoder, spill, merge and ledger, driven by the sync itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.pages import READ_AT, READ_AT_TEXT, Pages, Shop
from restaurant_os.batch import Batch, Window
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.pipeline.plans import OrdersPlan, Span
from restaurant_os.pipeline.sync import Held, Sync, Unwatched
from restaurant_os.settings import Location, ReportSettings
from restaurant_os.sources.toast.decode import OrderDecoder
from restaurant_os.warehouse.duckdb import DuckDBWarehouse


def decoder(shop: Shop) -> OrderDecoder:
    return OrderDecoder(restaurant_guid=shop.location.toast_guid, rule=shop.location.business_day, discount_kinds={})


@dataclass(slots=True)
class DayRead:
    """A business date as the sync reads it, in one pass over pages that are here already."""

    bodies: list[bytes]
    decoder: OrderDecoder
    started_at: datetime = READ_AT
    pages: int = 0
    passes: int = 1
    is_stable: bool = True
    rejected: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Batch]:
        for body in self.bodies:
            page = self.decoder.decode(body, read_at=READ_AT_TEXT)
            self.pages += 1
            self.versions.update(page.versions)
            yield self._noted(self.decoder.add(page))
        yield self._noted(self.decoder.rest())

    def _noted(self, batch: Batch) -> Batch:
        self.rejected += len(batch.rejected)
        return batch


@dataclass(slots=True)
class PagesSource:
    shops: dict[str, Shop]

    def now(self) -> datetime:
        return READ_AT

    def connect(self, location: Location, dataset: str) -> None:
        pass

    def turn(self, location: Location) -> AbstractContextManager[None]:
        return nullcontext()

    def reader(self, location: Location, dataset: str, held: Held) -> Callable[[Window], DayRead]:
        shop = self.shops[location.toast_guid]
        own = decoder(shop)

        def read(window: Window) -> DayRead:
            assert window.business_date is not None
            return DayRead(shop.days[window.business_date], own)

        return read


def load(pages: Pages, folder: Path) -> Path:
    """Pages -> merged tables in a DuckDB file; gives the file."""
    file = folder / "ours.duckdb"
    sync = Sync(
        plan=OrdersPlan(overlap=timedelta(minutes=10), first_days=3),
        calendar=Calendar(ReportSettings(), {}),
        source=PagesSource({shop.location.toast_guid: shop for shop in pages.shops}),
        warehouse=DuckDBWarehouse(file),
        spill_folder=folder / "ours.spill",
        load_mode="merge",
    )
    results = sync.run([shop.location for shop in pages.shops], Span(pages.first_day, pages.last_day), Unwatched())
    assert not any(result.error or result.rows_quarantined for result in results)
    return file
