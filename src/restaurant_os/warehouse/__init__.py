"""Where batches land: the protocol every warehouse keeps, and the values it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol, TypeVar

import pyarrow as pa

from restaurant_os.batch import DaySet, Rejected

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
    read_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What lands in one transaction: staged rows, what could not be read, and the syncs this completes.

    `tables` holds, for every table of the dataset, its staged columns (`batch`), and rows for the calendar. All are of `restaurant_guids`.
    """

    dataset: str
    restaurant_guids: tuple[str, ...]
    tables: Mapping[str, pa.Table]
    rejected: Sequence[Rejected] = ()
    runs: Sequence[SyncRun] = ()
    #: The days read whole, of tables whose rows carry no version.
    day_sets: Sequence[DaySet] = ()
    load_mode: LoadMode = "merge"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit did, in records: new and changed ones, by location, and by location and business date."""

    locations: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    days: Mapping[tuple[str, date], tuple[int, int]] = field(default_factory=dict)

    @property
    def added(self) -> int:
        return sum(added for added, _ in self.locations.values())

    @property
    def changed(self) -> int:
        return sum(changed for _, changed in self.locations.values())

    def plus(self, other: Changes) -> Changes:
        """Both together."""
        if not other.locations and not other.days:
            return self
        return Changes(_sums(self.locations, other.locations), _sums(self.days, other.days))

    def of(self, restaurant_guids: Sequence[str]) -> Changes:
        """The part of some locations."""
        own = set(restaurant_guids)
        return Changes(
            {guid: counts for guid, counts in self.locations.items() if guid in own},
            {(guid, day): counts for (guid, day), counts in self.days.items() if guid in own},
        )


K = TypeVar("K")
Counts = tuple[int, int]


def _sums(one: Mapping[K, Counts], other: Mapping[K, Counts]) -> dict[K, Counts]:
    keys = [*one, *(key for key in other if key not in one)]
    pairs = {key: (one.get(key, (0, 0)), other.get(key, (0, 0))) for key in keys}
    return {key: (a[0] + b[0], a[1] + b[1]) for key, (a, b) in pairs.items()}


def together(commits: Sequence[Commit]) -> Commit:
    """Commits of one dataset and mode, each of other locations, as one."""
    if len(commits) == 1:
        return commits[0]
    return Commit(
        dataset=commits[0].dataset,
        restaurant_guids=tuple(guid for commit in commits for guid in commit.restaurant_guids),
        tables={
            name: pa.concat_tables([commit.tables[name] for commit in commits if name in commit.tables])
            for name in dict.fromkeys(name for commit in commits for name in commit.tables)
        },
        rejected=[rejected for commit in commits for rejected in commit.rejected],
        runs=[run for commit in commits for run in commit.runs],
        day_sets=[own for commit in commits for own in commit.day_sets],
        load_mode=commits[0].load_mode,
    )


class Warehouse(Protocol):
    """Where batches land. It decides nothing about restaurants."""

    #: How a person would name it, without secrets.
    label: str
    #: Live state lands no more often than this; 0 where a commit costs little.
    lands_every_seconds: float

    def commit(self, commit: Commit) -> Changes:
        """Land everything of `commit`, or nothing."""
        ...

    def next_read(self, restaurant_guid: str) -> int:
        """The location's read sequence moved on by one, durably: taken before a read whose records carry no version."""
        ...

    def fold_ledger(self, before: datetime) -> int:
        """Make one of the ledger's rows, of syncs before an instant, that say the same together; gives how many are gone."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read with positional parameters; for our own reads of the ledger and the views."""
        ...

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        """The rows of several questions, asked at once."""
        ...

    def stamp(self) -> object | None:
        """Equal to an earlier one where nothing was committed since, by anybody; None: that is not to be had without asking. Costs next to nothing."""
        ...
