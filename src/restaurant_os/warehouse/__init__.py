"""Where batches land: the protocol every warehouse keeps, and the values it takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol, TypeVar

import pyarrow as pa

from restaurant_os.batch import DaySet, Rejected
from restaurant_os.tables import TableSpec

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


#: What `changed_days` and `day_snapshots` call the commit that is being worked out: the engine numbers it when it lands, since numbers are in the
#: order of commits. No multiple of `records.FOLD_EVERY`.
SEQUENCE_TO_COME = 2**62 + 1
#: Of a fetch: a column, and the values of it that are wanted, however many.
Ids = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What is to become of stored rows, worked out already: they are written as they stand here, in one transaction.

    `rows`: by table, whole rows (the schema of its `TableSpec`), each new or in the place of the one of its key. `gone`: by table, the keys of rows that
    are no more (calendar hours, folded ledger rows; never facts). `days`: by fact table, every business date of its stored rows that may be among `rows`,
    and of `rows` themselves: no other partition need be read. `statements`: SQL in the dialect of DuckDB, run on the engine after the rows are in.
    Sequences equal to `SEQUENCE_TO_COME` are the engine's to fill.
    """

    rows: Mapping[str, pa.Table]
    gone: Mapping[str, pa.Table] = field(default_factory=dict)
    days: Mapping[str, Sequence[date]] = field(default_factory=dict)
    statements: Sequence[str] = ()
    load_mode: LoadMode = "merge"


class Fetch(Protocol):
    """Stored rows of a table, whole (the schema of its `TableSpec`), as they are in the transaction that is open.

    `where`: a condition in SQL that every engine reads alike: AND, OR, IN, =, <, >, IS NULL over columns and constants as `merge.text`, `merge.day`
    and `merge.instant` write them. `ids`: beside it.
    """

    def __call__(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table: ...


#: `Warehouse.columns` where a database answers for itself: name, column.
ALL_COLUMNS = """SELECT table_name, column_name FROM information_schema.columns
    WHERE table_catalog = current_database() AND table_schema = current_schema() ORDER BY table_name, ordinal_position"""


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
        """Read with positional parameters (`?`), in the dialect of DuckDB; for our own reads of the ledger and the views.

        Every engine gives equal values: whole numbers as int, money as Decimal of its places, instants in UTC, dates as date.
        """
        ...

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        """The rows of several questions, asked at once."""
        ...

    def stamp(self) -> object | None:
        """Equal to an earlier one where nothing was committed since, by anybody; None: that is not to be had without asking. Costs next to nothing."""
        ...

    def columns(self) -> Mapping[str, Sequence[str]]:
        """The tables and views that stand where ours do, those of a user's own too, each with its columns."""
        ...

    def migrate(self, *, plan: bool = False) -> list[str]:
        """Make the tables, columns and views that are missing or of another definition, each step in words; nothing of a user's own is dropped.
        `plan`: say what would be done, and do nothing."""
        ...

    def fetch(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
        """As `Fetch`, of what is committed."""
        ...

    def write(self, writing: Writing) -> None:
        """Write rows as they stand, in one transaction: for a copy from another warehouse."""
        ...

    def close(self) -> None:
        """Let go of whatever is open."""
        ...
