"""Days kept as sets, against a plain model: read whole or in part, in any order of their sequences, entries moving between dates."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_world import whole_day
from orders_world import FIRST_VERSION, NORTH, SOUTH, open_warehouse
from property_profiles import examples, unlimited
from restaurant_os.batch import COPY, DaySet
from restaurant_os.settings import Location
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import FACT_CASH_ENTRIES
from restaurant_os.warehouse import Changes, Commit, LoadMode
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

TABLE = FACT_CASH_ENTRIES.name
DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(3)]
Key = tuple[str, date]


class Read(NamedTuple):
    """One business date as one read found it: the amount of each entry by its id. `is_whole`: none of it was rejected."""

    day: date
    seq: int
    entries: dict[str, int]
    is_whole: bool = True
    location: Location = NORTH


class Row(NamedTuple):
    """What is stored of an entry."""

    day: date
    amount: int
    is_deleted: bool
    seq: int
    written: datetime


@dataclass
class Model:
    """The rules in plain Python: an entry by its id, and the latest sequence known of each day, of one location."""

    rows: dict[str, Row] = field(default_factory=dict)
    known: dict[date, int] = field(default_factory=dict)

    def commit(self, reads: Sequence[Read], now: datetime, mode: LoadMode = "merge") -> tuple[set[str], set[str], set[date]]:
        """Which entries are added and changed, and the days that are named changed."""
        added, changed, days = set[str](), set[str](), set[date]()
        reads = [read for read in reads if read.seq >= self.known.get(read.day, 0)]
        found = {guid: (read, amount) for read in sorted(reads, key=lambda read: read.seq) for guid, amount in read.entries.items()}
        for guid, (read, amount) in found.items():
            stored = self.rows.get(guid)
            if stored is None:
                added.add(guid)
            elif (
                mode == "merge"
                and self._is_newer(read, stored)
                and (stored.day, stored.amount, stored.is_deleted) != (read.day, amount, False)
            ):
                changed.add(guid)
                days.add(stored.day)
            else:
                continue
            days.add(read.day)
            self.rows[guid] = Row(read.day, amount, False, read.seq, now)
        for read in reads if mode == "merge" else ():
            for guid, row in self.rows.items():
                if read.is_whole and row.day == read.day and guid not in found and not row.is_deleted and row.seq <= read.seq:
                    self.rows[guid] = Row(row.day, row.amount, True, read.seq, now)
                    changed.add(guid)
                    days.add(row.day)
        for read in reads:
            self.known[read.day] = max(read.seq, self.known.get(read.day, 0))
        return added, changed, days

    def _is_newer(self, read: Read, stored: Row) -> bool:
        """Than what wrote the row, and than what last found it on its day."""
        return read.seq >= max(stored.seq, self.known.get(stored.day, 0))


@dataclass
class Trial:
    """A warehouse and the model of each location, fed the same reads."""

    warehouse: DuckDBWarehouse
    models: dict[str, Model] = field(default_factory=lambda: {NORTH.toast_guid: Model(), SOUTH.toast_guid: Model()})
    commits: int = 0
    copies: int = 0
    #: Whether every row is compared after every commit.
    is_checked: bool = True

    def commit(self, *reads: Read, mode: LoadMode = "merge") -> Changes:
        """One commit; what it says and what then is stored must be the model's."""
        self.commits += 1
        now = FIRST_VERSION + timedelta(minutes=self.commits)
        self.warehouse.now = lambda: now
        changes = self.warehouse.commit(self._staged(reads, mode))
        named: set[Key] = set()
        for guid, model in self.models.items():
            added, changed, days = model.commit([read for read in reads if read.location.toast_guid == guid], now, mode)
            assert changes.locations.get(guid, (0, 0)) == (len(added), len(changed))
            named |= {(guid, day) for day in days}
        assert set(changes.days) == named
        assert not self.is_checked or self.stored() == {
            (guid, entry): row for guid, model in self.models.items() for entry, row in model.rows.items()
        }
        return changes

    def _staged(self, reads: Sequence[Read], mode: LoadMode) -> Commit:
        rows = [self._row(read, guid, amount) for read in reads for guid, amount in read.entries.items()]
        runs = [
            replace(whole_day(read.day, read.seq, location=read.location, dataset="cash"), read_seq=read.seq, load_mode=mode)
            for read in reads
        ]
        return Commit(
            dataset="cash",
            restaurant_guids=tuple({read.location.toast_guid for read in reads}),
            tables={TABLE: pa.Table.from_pylist(rows, schema=staged_schema(FACT_CASH_ENTRIES))},
            runs=runs,
            day_sets=[DaySet(TABLE, read.location.toast_guid, read.day, read.seq) for read in reads if read.is_whole],
            load_mode=mode,
        )

    def _row(self, read: Read, guid: str, amount: int) -> dict[str, Any]:
        self.copies += 1
        return {
            "cash_entry_guid": guid,
            "restaurant_guid": read.location.toast_guid,
            "business_date": read.day,
            "entry_type": "CASH_IN",
            "amount": Decimal(amount),
            "is_deleted": False,
            "read_seq": read.seq,
            COPY: self.copies,
        }

    def stored(self) -> dict[tuple[str, str], Row]:
        found = self.warehouse.rows(
            f"SELECT restaurant_guid, cash_entry_guid, business_date, amount, is_deleted, read_seq, _loaded_at FROM {TABLE}"
        )
        rows = {(guid, entry): Row(day, int(amount), gone, seq, written) for guid, entry, day, amount, gone, seq, written in found}
        assert len(rows) == len(found)
        return rows

    def live(self, day: date) -> dict[str, int]:
        """What counts of a day at North."""
        return {
            entry: row.amount
            for (guid, entry), row in self.stored().items()
            if (guid, row.day) == (NORTH.toast_guid, day) and not row.is_deleted
        }


@contextmanager
def trial() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(open_warehouse(Path(folder)))


# --- one rule at a time ---------------------------------------------------------------------------------------------------

FIRST, SECOND, THIRD = DAYS


def test_a_whole_read_replaces_the_set() -> None:
    """What is gone stays, flagged; what is new is there; the day is changed once for each."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1, "b": 2}))
        changes = running.commit(Read(FIRST, 2, {"b": 3, "c": 4}))

        assert running.live(FIRST) == {"b": 3, "c": 4}
        assert changes.days == {(NORTH.toast_guid, FIRST): (1, 2)}


def test_a_second_identical_read_writes_nothing() -> None:
    """Not even a time of loading."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1, "b": 2}))
        before = running.stored()

        assert (running.commit(Read(FIRST, 2, {"a": 1, "b": 2})), running.stored()) == (Changes(), before)


def test_a_read_in_part_flags_nothing() -> None:
    """An entry that could not be read may be one of those that seem to be gone."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1, "b": 2}))
        running.commit(Read(FIRST, 2, {"b": 3}, is_whole=False))

        assert running.live(FIRST) == {"a": 1, "b": 3}


def test_an_emptied_day_and_an_entry_that_comes_back() -> None:
    """A whole read of nothing flags all of it; one that is there again counts again."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1, "b": 2}))
        running.commit(Read(FIRST, 2, {}))
        emptied = running.live(FIRST)
        running.commit(Read(FIRST, 3, {"a": 1}))

        assert (emptied, running.live(FIRST)) == ({}, {"a": 1})


def test_an_entry_that_moves_to_another_date_moves() -> None:
    """Whichever day is read first; both days are changed days, and it is there once."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1, "b": 2}))
        running.commit(Read(SECOND, 2, {"a": 1}), Read(FIRST, 2, {"b": 2}))
        together = (running.live(FIRST), running.live(SECOND))
        changes = running.commit(Read(THIRD, 3, {"b": 2}))
        running.commit(Read(FIRST, 3, {}))

        assert together == ({"b": 2}, {"a": 1})
        assert set(changes.days) == {(NORTH.toast_guid, FIRST), (NORTH.toast_guid, THIRD)}
        assert [running.live(day) for day in DAYS] == [{}, {"a": 1}, {"b": 2}]


@pytest.mark.parametrize("is_whole", [True, False])
def test_an_older_read_changes_nothing(is_whole: bool) -> None:
    """Whether the later one was whole or not, on its own day or where an entry moved from; also when the later one found it as it was."""
    with trial() as running:
        running.commit(Read(SECOND, 2, {"a": 1}, is_whole))
        running.commit(Read(FIRST, 1, {"a": 9}))
        moved = running.live(FIRST), running.live(SECOND)
        running.commit(Read(SECOND, 6, {"a": 1}, is_whole))
        running.commit(Read(FIRST, 4, {"a": 1}))
        running.commit(Read(SECOND, 5, {"a": 7, "b": 7}))

        assert moved == ({}, {"a": 1})
        assert [running.live(day) for day in DAYS] == [{}, {"a": 1}, {}]


def test_locations_keep_to_themselves() -> None:
    """Two may use the same id; one commit may hold both."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1}), Read(FIRST, 1, {"a": 2}, location=SOUTH))
        running.commit(Read(FIRST, 2, {}), Read(FIRST, 2, {"a": 3}, location=SOUTH))

        assert {guid: (row.amount, row.is_deleted) for (guid, _), row in running.stored().items()} == {
            NORTH.toast_guid: (1, True),
            SOUTH.toast_guid: (3, False),
        }


def test_insert_only_adds_and_nothing_else() -> None:
    """Neither a change nor a flag; what is new on the day is there."""
    with trial() as running:
        running.commit(Read(FIRST, 1, {"a": 1, "b": 2}))
        changes = running.commit(Read(FIRST, 2, {"b": 9, "c": 3}), mode="insert-only")

        assert running.live(FIRST) == {"a": 1, "b": 2, "c": 3}
        assert (changes.added, changes.changed) == (1, 0)


# --- any history ------------------------------------------------------------------------------------------------------------

ENTRIES = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 3), max_size=4)
READS = st.builds(Read, st.sampled_from(DAYS), st.integers(1, 6), ENTRIES, st.booleans(), st.sampled_from([NORTH, NORTH, SOUTH]))


def distinct(reads: list[Read]) -> list[Read]:
    """One read of a day under one sequence, as one sync makes it."""
    return list({(read.location.toast_guid, read.day, read.seq): read for read in reads}.values())


COMMITS = st.lists(st.lists(READS, min_size=1, max_size=3).map(distinct), min_size=1, max_size=5)


@unlimited
@examples()
@given(COMMITS, st.sampled_from(["merge", "merge", "merge", "insert-only"]))
def test_any_history_of_days_ends_as_the_model_says(commits: list[list[Read]], mode: LoadMode) -> None:
    """Rows, counts and changed days after every commit."""
    with trial() as running:
        for reads in commits:
            running.commit(*reads, mode=mode)


@unlimited
@examples()
@given(st.permutations(range(1, 4)), st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 20)), min_size=3, max_size=3))
def test_whatever_the_order_the_newest_read_of_every_day_stands(order: list[int], states: list[dict[str, int]]) -> None:
    """Said without the model: `states` are what the platform held at each sequence, each entry on one date. However the reads arrive, each
    day ends as the last sequence found it."""
    held = {seq: {guid: (DAYS[number % 3], number // 3) for guid, number in state.items()} for seq, state in enumerate(states, 1)}

    def seen(seq: int, day: date) -> dict[str, int]:
        return {guid: amount for guid, (on, amount) in held[seq].items() if on == day}

    with trial() as running:
        running.is_checked = False
        for seq in order:
            running.commit(*(Read(day, seq, seen(seq, day)) for day in DAYS))

        assert [running.live(day) for day in DAYS] == [seen(3, day) for day in DAYS]
