"""A warehouse over a DuckDB file whose commits are worked out on a mirror, as those of an engine elsewhere are: fetched, worked out, written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from orders_world import FIRST_VERSION
from restaurant_os.tables import CALENDAR_TABLES, DATASETS, FACT_ORDER_ITEMS, RECORD_TABLES, TABLES, TableSpec
from restaurant_os.warehouse import Changes, Commit, Ids, Warehouse, Writing
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file, transaction
from restaurant_os.warehouse.mirror import Mirrors, folded, mirrored
from restaurant_os.warehouse.rows import fetch_rows, write_rows


@cache
def mirrors() -> Mirrors:
    """One for a test process."""
    return Mirrors("256MB")


@dataclass(frozen=True, slots=True)
class Asked:
    """One fetch: of which table, by which condition, for how many ids, and how many rows it brought."""

    table: str
    where: str
    ids: Ids | None
    rows: int


class MirroredWarehouse(DuckDBWarehouse):
    """`asked` and `written`: every fetch and every writing, in their order."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        self.asked: list[Asked] = []
        self.written: list[Writing] = []

    def _transaction(self, commit: Commit) -> Changes:
        with self._open() as connection, transaction(connection):

            def fetch(spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
                found = fetch_rows(connection, spec, where, ids)
                self.asked.append(Asked(spec.name, where, ids, found.num_rows))
                return found

            writing, changes = mirrored(commit, fetch, self.now(), mirrors=mirrors())
            self.written.append(writing)
            write_rows(connection, writing)
        return changes

    def fold_ledger(self, before: datetime) -> int:
        with self._open() as connection, transaction(connection):

            def fetch(spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
                return fetch_rows(connection, spec, where, ids)

            writing, gone = folded(fetch, before, mirrors=mirrors())
            write_rows(connection, writing)
        return gone

    def asked_of(self, table: str) -> list[Asked]:
        return [one for one in self.asked if one.table == table]


def open_mirrored(folder: Path, now: datetime = FIRST_VERSION) -> MirroredWarehouse:
    """As `orders_world.open_warehouse`."""
    path = folder / "mirrored.duckdb"
    path.write_bytes(empty_file())
    return MirroredWarehouse(path, wait_seconds=5, memory_limit="128MB", now=lambda: now, idle_seconds=60)


class Beside(DuckDBWarehouse):
    """A file whose commits run on its own tables, and beside it one whose commits are worked out on a mirror: after each, both hold the same.

    Both stay open until they are closed.
    """

    def __init__(self, folder: Path, now: datetime = FIRST_VERSION) -> None:
        path = folder / "direct.duckdb"
        path.write_bytes(empty_file())
        super().__init__(path, wait_seconds=5, memory_limit="128MB", now=lambda: now, idle_seconds=60)
        self.mirrored = open_mirrored(folder, now)

    def commit(self, commit: Commit) -> Changes:
        changes = super().commit(commit)
        self.mirrored.now = self.now
        assert self.mirrored.commit(commit) == changes
        specs = [*DATASETS[commit.dataset].tables, *CALENDAR_TABLES, *RECORD_TABLES, FACT_ORDER_ITEMS]
        assert everything(self.mirrored, specs) == everything(self, specs)
        return changes

    def close(self) -> None:
        super().close()
        self.mirrored.close()


def everything(warehouse: Warehouse, specs: Sequence[TableSpec] = TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of these tables as it is, times of writing too."""
    found = warehouse.answers(*((f"SELECT {', '.join(spec.names)} FROM {spec.name} ORDER BY ALL", ()) for spec in specs))
    return dict(zip((spec.name for spec in specs), found, strict=True))
