"""Tables that keep the newest row of a key, against a plain model: any order, any repetition, any batching."""

from __future__ import annotations

import itertools
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_world import FIRST_VERSION, NORTH, SOUTH, open_warehouse
from property_profiles import examples, unlimited
from restaurant_os.batch import COPY
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import DAILY_SUMMARIES, STOCK, STOCK_LEVELS
from restaurant_os.warehouse import Changes, Commit, Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from summaries_world import DAY, Row, labor, post, sales, staged

GUIDS = (NORTH.toast_guid, SOUTH.toast_guid)
NEXT = DAY + timedelta(days=1)
Key = tuple[str, date, str]


def key_of(row: Row) -> Key:
    return row["store_id"], row["date"], row["kind"]


class Model:
    """The newest row of each key, and what each commit does."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}

    def commit(self, rows: list[Row]) -> Changes:
        newest: dict[Key, Row] = {}
        for row in rows:
            if key_of(row) not in newest or row["sequence"] >= newest[key_of(row)]["sequence"]:
                newest[key_of(row)] = row
        locations: dict[str, tuple[int, int]] = {}
        days: dict[tuple[str, date], tuple[int, int]] = {}
        for key, row in newest.items():
            old = self.rows.get(key)
            if old and (row["sequence"] < old["sequence"] or row == old):
                continue
            self.rows[key] = row
            own = (0, 1) if old else (1, 0)
            _add(locations, row["restaurant_guid"], own)
            _add(days, (row["restaurant_guid"], row["date"]), own)
            if old and old["restaurant_guid"] != row["restaurant_guid"]:
                _add(days, (old["restaurant_guid"], row["date"]), (0, 1))
        return Changes(locations, days)


def _add(counts: dict[Any, tuple[int, int]], key: Any, own: tuple[int, int]) -> None:
    one = counts.get(key, (0, 0))
    counts[key] = (one[0] + own[0], one[1] + own[1])


def stored(warehouse: Warehouse) -> dict[Key, Row]:
    names = ["store_id", "date", "kind", "restaurant_guid", "gross_sales", "labor_hours", "labor_cost", "sequence", "received_at"]
    found = [dict(zip(names, row, strict=True)) for row in warehouse.rows(f"SELECT {', '.join(names)} FROM daily_summaries")]
    return {key_of(row): {name: value for name, value in row.items() if value is not None} for row in found}


def changed_days(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows(
        "SELECT dataset, restaurant_guid, business_date, rows_added, rows_changed FROM changed_days ORDER BY sequence, 2, 3"
    )


def made(number: int, store: str, day: date, kind: str, guid: str) -> Row:
    """The summary of an inbox sequence: what one event says never changes."""
    shared = {"store": store, "guid": guid, "day": day}
    return sales(str(number * 10), number, **shared) if kind == "sales" else labor(str(number), "20.5", number, **shared)  # type: ignore[arg-type]


events = st.lists(
    st.tuples(st.sampled_from(["S1", "S2"]), st.sampled_from([DAY, NEXT]), st.sampled_from(["sales", "labor"]), st.sampled_from(GUIDS)),
    min_size=1,
    max_size=8,
).map(lambda found: [made(number, *one) for number, one in enumerate(found, start=1)])


@unlimited
@examples(2)
@given(data=st.data(), posted=events)
def test_the_newest_stays_whatever_the_order_the_repetition_and_the_batches(data: st.DataObject, posted: list[Row]) -> None:
    """Rows, what each commit says it did, and the changed days, of both locations where a row moved."""
    with tempfile.TemporaryDirectory() as folder:
        stays_the_newest(open_warehouse(Path(folder)), data, posted)


def stays_the_newest(warehouse: Warehouse, data: st.DataObject, posted: list[Row]) -> None:
    """On whatever engine it runs."""
    arriving = data.draw(st.permutations(posted + data.draw(st.lists(st.sampled_from(posted), max_size=4))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(arriving)), max_size=4)) | {0, len(arriving)})
    model, noted = Model(), []
    for start, end in itertools.pairwise(cuts):
        expected = model.commit(arriving[start:end])

        found = post(warehouse, *arriving[start:end], calendar_of=None)

        own = {row["restaurant_guid"] for row in arriving[start:end]}
        assert found == expected.of(tuple(own))
        noted += [("summaries", *day, *counts) for day, counts in sorted(expected.days.items())]
    assert stored(warehouse) == model.rows
    assert changed_days(warehouse) == noted
    newest = {key: max((row for row in posted if key_of(row) == key), key=lambda row: row["sequence"]) for key in map(key_of, posted)}
    assert stored(warehouse) == newest


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def test_5000_6000_5000_ends_at_5000(warehouse: DuckDBWarehouse) -> None:
    """Each post is a new event: what is equal to an earlier one is not old."""
    for number, gross in enumerate(("5000", "6000", "5000"), start=1):
        post(warehouse, sales(gross, number))

    [row] = stored(warehouse).values()
    assert (row["gross_sales"], row["sequence"]) == (5000, 3)


def test_what_is_there_as_it_is_is_not_written_again(warehouse: DuckDBWarehouse) -> None:
    """Not even its time of writing."""
    post(warehouse, sales("10", 1))
    before = warehouse.rows("SELECT * FROM daily_summaries")
    later = DuckDBWarehouse(warehouse.path, now=lambda: FIRST_VERSION + timedelta(days=1))

    assert post(later, sales("10", 1), sales("10", 1)) == Changes()
    assert later.rows("SELECT * FROM daily_summaries") == before
    assert len(changed_days(later)) == 1


def test_an_event_read_again_by_other_settings_moves_its_row(warehouse: DuckDBWarehouse) -> None:
    """Of one sequence, with another location: the day of both changed."""
    post(warehouse, sales("10", 1, store="S1", guid="S1"), calendar_of=None)
    post(warehouse, sales("10", 1, store="S1"))

    assert [row["restaurant_guid"] for row in stored(warehouse).values()] == [NORTH.toast_guid]
    assert changed_days(warehouse) == [
        ("summaries", "S1", DAY, 1, 0),
        ("summaries", "S1", DAY, 0, 1),
        ("summaries", NORTH.toast_guid, DAY, 0, 1),
    ]


def test_insert_only_is_of_orders(warehouse: DuckDBWarehouse) -> None:
    for number, gross in ((1, "10"), (2, "20")):
        tables = {DAILY_SUMMARIES.name: staged([sales(gross, number)])}
        warehouse.commit(Commit(dataset="summaries", restaurant_guids=GUIDS[:1], tables=tables, load_mode="insert-only"))

    assert [row["gross_sales"] for row in stored(warehouse).values()] == [20]


def test_stock_levels_are_of_no_day(warehouse: DuckDBWarehouse) -> None:
    """The latest by the event's own time; they count by location, and no day changes."""
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def level(status: str, minutes: int, guid: str = NORTH.toast_guid, left: float | None = None) -> Row:
        own = {"restaurant_guid": guid, "item_guid": "soup", "multi_location_id": "7", "status": status, "quantity": left}
        return own | {"changed_at": noon + timedelta(minutes=minutes)}

    def told(*rows: Row) -> Changes:
        table = pa.Table.from_pylist([row | {COPY: number} for number, row in enumerate(rows)], schema=staged_schema(STOCK_LEVELS))
        return warehouse.commit(Commit(dataset=STOCK.name, restaurant_guids=GUIDS, tables={STOCK_LEVELS.name: table}))

    first = told(level("QUANTITY", 5, left=3.0), level("IN_STOCK", 1), level("IN_STOCK", 2, SOUTH.toast_guid))
    second = told(level("IN_STOCK", 4), level("OUT_OF_STOCK", 6))

    assert (first, second) == (Changes(dict.fromkeys(GUIDS, (1, 0))), Changes({NORTH.toast_guid: (0, 1)}))
    found = warehouse.rows("SELECT restaurant_guid, status, quantity FROM stock_levels ORDER BY 1")
    assert found == [(GUIDS[0], "OUT_OF_STOCK", None), (GUIDS[1], "IN_STOCK", None)]
    assert changed_days(warehouse) == []


def test_money_is_exact(warehouse: DuckDBWarehouse) -> None:
    post(warehouse, labor("7.25", "123.4567", 1))

    [row] = stored(warehouse).values()
    assert (row["labor_hours"], row["labor_cost"]) == (Decimal("7.25"), Decimal("123.4567"))
