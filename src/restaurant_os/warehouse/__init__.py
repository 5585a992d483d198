"""Where batches land: the protocol every warehouse keeps, and the values it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

import pyarrow as pa

from restaurant_os.batch import Rejected

LoadMode = Literal["merge", "insert-only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun:
    """One row for the ledger; see `sync_runs` in tables.py."""

    sync_id: str
    dataset: str
    restaurant_guid: str
    window_kind: str
    window_start: datetime
    window_end: datetime
    business_date: date | None
    status: Literal["done", "unstable"]
    load_mode: LoadMode
    started_at: datetime
    finished_at: datetime
    pages: int
    passes: int
    rows_read: int
    rows_quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What lands in one transaction: staged rows, what could not be read, and the syncs this completes.

    `tables` holds, for every table of the dataset, its staged columns (`batch`). All rows are of `restaurant_guids`.
    """

    dataset: str
    restaurant_guids: tuple[str, ...]
    tables: Mapping[str, pa.Table]
    rejected: Sequence[Rejected] = ()
    runs: Sequence[SyncRun] = ()
    load_mode: LoadMode = "merge"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit did, in records: orders new and orders changed, by business date too."""

    added: int = 0
    changed: int = 0
    days: Mapping[tuple[str, date], tuple[int, int]] = field(default_factory=dict)


class Warehouse(Protocol):
    """Where batches land. It decides nothing about restaurants."""

    #: How a person would name it, without secrets.
    label: str

    def commit(self, commit: Commit) -> Changes:
        """Land everything of `commit`, or nothing."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read with positional parameters; for our own reads of the ledger and the views."""
        ...
