"""dlt fed with the Arrow rows of our decoder, an Arrow table per location: its quickest way in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import dlt_common
from benchmarks.pages import READ_AT_TEXT, Pages
from restaurant_os.batch import COPY
from restaurant_os.sources.toast.decode import PageDecoder
from restaurant_os.tables import ORDER_TABLES


def load(pages: Pages, folder: Path) -> Path:
    """Pages -> merged tables in a DuckDB file; gives the file."""
    tables: dict[str, list[Any]] = {spec.name: [] for spec in ORDER_TABLES}
    for n, shop in enumerate(pages.shops):
        own = PageDecoder(restaurant_guid=shop.location.toast_guid, rule=shop.location.business_day, discount_kinds={}, first_copy=n << 32)
        batches = [own.add(own.decode(page, read_at=READ_AT_TEXT)).tables for page in shop.pages]
        batches = [batch for batch in (*batches, own.rest().tables) if batch]
        for name, found in tables.items():
            found.append(pa.Table.from_batches([batch[name] for batch in batches]).drop_columns([COPY]))
    return dlt_common.run(dlt_common.resources(tables, hinted=False), folder, "dlt_arrow")
