"""The merge against a plain model: random histories, delivered in any order, any number of times, in any commits."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import given

from orders_histories import World, worlds
from orders_model import HEADER, REFUNDS, Day, Model, Row, key_of
from orders_world import FIRST_VERSION, NORTH, Json, Rows, api_time, decoder, open_warehouse, page, together
from property_profiles import examples, unlimited
from restaurant_os.batch import COPY, Batch
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Changes, Commit, Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from views_rows import own_rows

READS_BEGIN = FIRST_VERSION + timedelta(days=7)


class Delivery(NamedTuple):
    """One version of an order on its way. `read`: the minute its API read began; None brings it as a webhook does."""

    body: Json
    read: int | None

    def read_at(self) -> str | None:
        return None if self.read is None else api_time(READS_BEGIN + timedelta(minutes=self.read))


@dataclass
class Contents:
    """Every row of a warehouse's order tables, its daily sales, and the days it says changed."""

    tables: dict[str, list[Row]]
    sales: dict[Day, Row]
    changed_days: list[tuple[Any, ...]]


def contents(warehouse: Warehouse) -> Contents:
    """As any engine gives it."""
    read = {spec.name: spec.names for spec in ORDER_TABLES} | {SALES: columns_of_sales()}
    asked = [(f"SELECT {', '.join(names)} FROM {name}", ()) for name, names in read.items()]
    *found, days = warehouse.answers(*asked, ("SELECT restaurant_guid, business_date, sequence FROM changed_days ORDER BY 1, 2, 3", ()))
    rows = {name: [dict(zip(read[name], row, strict=True)) for row in own] for name, own in zip(read, found, strict=True)}
    return Contents(
        {spec.name: sorted(rows[spec.name], key=lambda row: key_of(spec.name, row)) for spec in ORDER_TABLES},
        {(row["restaurant_guid"], row["business_date"]): row for row in rows[SALES]},
        days,
    )


SALES = "daily_sales"


@cache
def columns_of_sales() -> list[str]:
    with own_rows() as empty:
        return [column[0] for column in empty.connection.execute(f"SELECT * FROM {SALES} LIMIT 0").description]


@dataclass
class Trial:
    """A warehouse and the model of it, fed the same deliveries."""

    warehouse: DuckDBWarehouse
    model: Model = field(default_factory=Model)
    commits: int = 0
    #: The newest version delivered of every order.
    newest: dict[str, Json] = field(default_factory=dict)

    def commit(self, deliveries: Sequence[Delivery]) -> tuple[Changes, set[str], set[str]]:
        """What the warehouse says, and the orders the model says were added and changed."""
        self.commits += 1
        self.warehouse.now = self.now
        own = decoder()
        batches = [own.page(page(*bodies), read_at=read_at) for read_at, bodies in pages(deliveries)]
        changes = self.warehouse.commit(Commit(dataset="orders", restaurant_guids=(NORTH.toast_guid,), tables=together(batches)))
        outcome = self.model.commit([copy for batch in batches for copy in copies(batch)], self.now())
        for body, _ in deliveries:
            known = self.newest.get(body["guid"])
            if known is None or known["modifiedDate"] < body["modifiedDate"]:
                self.newest[body["guid"]] = body
        return changes, outcome.added, outcome.changed

    def now(self) -> datetime:
        return READS_BEGIN + timedelta(days=1, minutes=self.commits)


def pages(deliveries: Sequence[Delivery]) -> Iterator[tuple[str | None, list[Json]]]:
    """Neighbours read at the same time come on one page."""
    for read_at, group in itertools.groupby(deliveries, key=Delivery.read_at):
        yield read_at, [delivery.body for delivery in group]


def copies(batch: Batch) -> list[Rows]:
    """A batch's rows, one `Rows` for each copy of an order in it, in the order they were read."""
    found: dict[int, Rows] = {}
    for table, rows in batch.tables.items():
        for row in rows.to_pylist():
            own = found.setdefault(row.pop(COPY), {spec.name: [] for spec in ORDER_TABLES})
            own[table].append(row)
    return [found[copy] for copy in sorted(found)]


@contextmanager
def trial() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(open_warehouse(Path(folder)))


def commits(worlds: Sequence[World]) -> list[list[Delivery]]:
    """What each commit brings of all the worlds."""
    found: list[list[Delivery]] = [[] for _ in range(COMMITS)]
    for world in worlds:
        for commit, body, read in world.delivered(COMMITS):
            found[commit].append(Delivery(body, read))
    return [one for one in found if one]


COMMITS = 5


@unlimited
@examples()
@given(worlds())
def test_any_delivery_ends_in_the_newest_version(worlds: list[World]) -> None:
    """Whatever is delivered, in whatever order and how often, the tables hold each order's newest delivered version; every
    day whose sales changed is named; and delivering all of it again changes no row.
    """
    with trial() as running:
        ends_in_the_newest_version(running, worlds)


def ends_in_the_newest_version(running: Trial, worlds: Sequence[World]) -> None:
    """On whatever engine it runs."""
    before = contents(running.warehouse)
    for deliveries in commits(worlds):
        changes, added, changed = running.commit(deliveries)
        after = contents(running.warehouse)

        assert after.tables == {spec.name: running.model.rows(spec.name) for spec in ORDER_TABLES}
        assert (changes.added, changes.changed) == (len(added), len(changed))
        assert days_whose_sales_differ(before, after) <= set(changes.days)
        assert [day[:2] for day in after.changed_days if day not in before.changed_days] == sorted(changes.days)
        assert bool(changes.days) == bool(added or changed)
        assert_newest_is_live(running, after)
        before = after

    again = [Delivery(body, None if read is None else read + 60) for one in commits(worlds) for body, read in one]
    changes, _, _ = running.commit(again)

    assert contents(running.warehouse) == before
    assert changes == Changes()


def days_whose_sales_differ(before: Contents, after: Contents) -> set[Day]:
    return {day for day in before.sales.keys() | after.sales.keys() if worth(before.sales.get(day)) != worth(after.sales.get(day))}


def worth(sales: Row | None) -> list[Any]:
    """A day's figures; a day without a row is a day of nothing."""
    return [value for name, value in (sales or {}).items() if name not in ("restaurant_guid", "business_date") and value]


def assert_newest_is_live(running: Trial, found: Contents) -> None:
    """Said once more without the model: live rows are those of each order's newest delivered version; of refunds those and retained ones."""
    batch = decoder().page(page(*running.newest.values()), read_at=None)
    for spec in ORDER_TABLES:
        own = ("_loaded_at", "read_at", COPY)
        expected = [{k: v for k, v in row.items() if k not in own} for row in batch.tables[spec.name].to_pylist()]
        standing = [{k: v for k, v in row.items() if k not in own} for row in found.tables[spec.name]]
        if spec.name == REFUNDS:
            assert all(row in standing for row in expected if not row["is_inferred"])
            continue
        if spec.name != HEADER:
            expected = [row for row in expected if not row["is_deleted"]]
            standing = [row for row in standing if not row["is_deleted"]]
        assert sorted(standing, key=lambda row: key_of(spec.name, row)) == sorted(expected, key=lambda row: key_of(spec.name, row))
        keys = [key_of(spec.name, row) for row in found.tables[spec.name]]
        assert len(set(keys)) == len(keys)
