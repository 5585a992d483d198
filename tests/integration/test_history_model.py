"""Histories, against a plain model: records that change, vanish and return, read whole or in part, in any order of their sequences, by a clock
that may go back."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_world import FIRST_VERSION, NORTH, SOUTH, open_warehouse
from property_profiles import examples, unlimited
from restaurant_os.batch import COPY
from restaurant_os.settings import Location
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import BY_NAME
from restaurant_os.tables.dims import EVER, row_hash
from restaurant_os.warehouse import Changes, Commit, SyncRun
from restaurant_os.warehouse.duckdb import DuckDBWarehouse

SPEC = BY_NAME["dim_service_areas"]
TABLE, GUID, NAME, CENTER = SPEC.name, "service_area_guid", "service_area_name", "revenue_center_guid"
TICK = timedelta(microseconds=1)
#: What a record says: its name and, maybe, where it belongs.
Said = tuple[str, str | None]
State = dict[str, Said]


def hour(number: float) -> datetime:
    return FIRST_VERSION + timedelta(hours=number)


class Read(NamedTuple):
    """One read: when it began, in hours, under which sequence, and what each record said. `rejected`: how many could not be read."""

    at: float
    seq: int
    records: State
    rejected: int = 0
    location: Location = NORTH


class Row(NamedTuple):
    said: Said
    valid_from: datetime
    valid_to: datetime | None
    applies_from: datetime
    applies_to: datetime | None
    seq: int
    written: datetime

    @property
    def is_current(self) -> bool:
        return self.valid_to is None


@dataclass
class Model:
    """One location in plain Python: the states of every record in their order, and what the API gave after each read that counted."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    latest: int = 0
    known: list[datetime] = field(default_factory=list)
    given: list[tuple[datetime, State]] = field(default_factory=list)

    def read(self, read: Read, now: datetime) -> tuple[int, int]:
        """Records added and changed."""
        overtaken, self.latest = read.seq < self.latest, max(read.seq, self.latest)
        at, begun = max([hour(read.at), *(one + TICK for one in self.known)]), hour(read.at)
        self.known.append(begun)
        if overtaken or not read.records:
            return 0, 0
        before = self.given[-1][1] if self.given else {}
        state = dict(read.records) if not read.rejected else before | read.records
        gone = [guid for guid in before if guid not in state]
        opened = [guid for guid, said in state.items() if before.get(guid) != said]
        added = len([guid for guid in opened if guid not in self.rows])
        for guid in gone:
            self.rows[guid][-1] = self.rows[guid][-1]._replace(valid_to=at, written=now)
        for guid in opened:
            own = self.rows.setdefault(guid, [])
            if own:
                own[-1] = own[-1]._replace(valid_to=own[-1].valid_to or at, applies_to=at, written=now)
            own.append(Row(state[guid], at, None, at if own else EVER, None, read.seq, now))
        if gone or opened:
            self.known.append(at)
        self.given.append((at, state))
        return added, len(opened) - added + len(gone)

    def as_of(self, instant: datetime) -> State:
        """What the API gave then, as far as it was asked."""
        return next((state for at, state in reversed(self.given) if at <= instant), {})


@dataclass
class Trial:
    """A warehouse and the model of each location, fed the same reads."""

    warehouse: DuckDBWarehouse
    models: dict[str, Model] = field(default_factory=lambda: {NORTH.toast_guid: Model(), SOUTH.toast_guid: Model()})
    commits: int = 0
    copies: int = 0

    def commit(self, *reads: Read) -> Changes:
        """One commit; what it says and what then is stored must be the model's."""
        self.commits += 1
        now = hour(1_000 + self.commits)
        self.warehouse.now = lambda: now
        changes = self.warehouse.commit(self._staged(reads))
        counts = {read.location.toast_guid: self.models[read.location.toast_guid].read(read, now) for read in reads}
        assert changes == Changes({guid: found for guid, found in counts.items() if any(found)})
        assert self.stored() == {(guid, own): rows for guid, model in self.models.items() for own, rows in model.rows.items()}
        return changes

    def _staged(self, reads: Sequence[Read]) -> Commit:
        rows = [self._row(read, guid, *said) for read in reads for guid, said in read.records.items()]
        return Commit(
            dataset="config",
            restaurant_guids=tuple(read.location.toast_guid for read in reads),
            tables={TABLE: pa.Table.from_pylist(rows, schema=staged_schema(SPEC))},
            runs=[self._run(read) for read in reads],
        )

    def _row(self, read: Read, guid: str, name: str, center: str | None) -> dict[str, Any]:
        self.copies += 1
        row = {"restaurant_guid": read.location.toast_guid, GUID: guid, NAME: name, CENTER: center}
        return {**row, "row_hash": row_hash(SPEC, row), "read_seq": read.seq, COPY: self.copies}

    def _run(self, read: Read) -> SyncRun:
        return SyncRun(
            sync_id=uuid.uuid4().hex,
            dataset="config",
            restaurant_guid=read.location.toast_guid,
            window_kind=TABLE,
            window_start=hour(read.at),
            window_end=hour(read.at),
            business_date=None,
            status="done",
            load_mode="merge",
            started_at=hour(read.at),
            finished_at=hour(read.at),
            pages=1,
            passes=1,
            rows_read=len(read.records),
            rows_quarantined=read.rejected,
            read_seq=read.seq,
        )

    def stored(self) -> dict[tuple[str, str], list[Row]]:
        spans = "valid_from, valid_to, applies_from, applies_to, read_seq, _loaded_at"
        found: dict[tuple[str, str], list[Row]] = {}
        for place, guid, name, center, is_current, digest, *rest in self.warehouse.rows(
            f"SELECT restaurant_guid, {GUID}, {NAME}, {CENTER}, is_current, row_hash, {spans} FROM {TABLE} ORDER BY valid_from"
        ):
            row = Row((name, center), *rest)
            found.setdefault((place, guid), []).append(row)
            assert (is_current, digest) == (row.is_current, row_hash(SPEC, {NAME: name, CENTER: center}))
        return found

    def check_instants(self) -> None:
        """As of every instant at which something begins or ends, and between: what the model says was given; and one state that applies."""
        for place, model in self.models.items():
            edges = {at for rows in model.rows.values() for row in rows for at in (row.valid_from, row.valid_to) if at}
            instants = sorted(
                {at + step for at in {*edges, *(at for at, _ in model.given)} for step in (-TICK, timedelta(0), TICK)} | {EVER, hour(9_999)}
            )
            asked = "(VALUES " + ", ".join(f"(TIMESTAMPTZ '{at.isoformat(sep=' ')}')" for at in instants) + ") AS f (moment)"
            given = self.warehouse.rows(f"""SELECT moment, {GUID}, {NAME}, {CENTER} FROM {asked} JOIN {TABLE} AS d
                ON d.restaurant_guid = '{place}' AND f.moment >= d.valid_from AND (d.valid_to IS NULL OR f.moment < d.valid_to)""")
            found: dict[datetime, State] = {at: {} for at in instants}
            for at, guid, name, center in given:
                assert guid not in found[at.astimezone(UTC)]
                found[at.astimezone(UTC)][guid] = (name, center)
            assert found == {at: model.as_of(at) for at in instants}
            applying = self.warehouse.rows(f"""SELECT moment, {GUID}, count(*) FROM {asked} JOIN {TABLE} AS d
                ON d.restaurant_guid = '{place}' AND f.moment >= d.applies_from AND (d.applies_to IS NULL OR f.moment < d.applies_to) GROUP BY 1, 2""")
            assert {(at.astimezone(UTC), guid): n for at, guid, n in applying} == {(at, guid): 1 for at in instants for guid in model.rows}


@contextmanager
def trial() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as folder:
        running = Trial(open_warehouse(Path(folder)))
        yield running
        running.check_instants()


def named(**names: str) -> State:
    return {guid: (name, None) for guid, name in names.items()}


# --- one rule at a time ---------------------------------------------------------------------------------------------------


def spans(running: Trial, guid: str) -> list[tuple[str, float, float | None]]:
    """States of a record of North by name, from and to in hours."""

    def hours(at: datetime) -> float:
        return (at - FIRST_VERSION) / timedelta(hours=1)

    return [
        (row.said[0], hours(row.valid_from), None if row.valid_to is None else hours(row.valid_to))
        for row in running.stored().get((NORTH.toast_guid, guid), [])
    ]


def test_a_change_opens_a_state_and_ends_the_one_before() -> None:
    with trial() as running:
        first = running.commit(Read(1, 1, named(a="Bar", b="Patio")))
        second = running.commit(Read(2, 2, named(a="Lounge", b="Patio")))

        assert (first.locations, second.locations) == ({NORTH.toast_guid: (2, 0)}, {NORTH.toast_guid: (0, 1)})
        assert spans(running, "a") == [("Bar", 1, 2), ("Lounge", 2, None)]
        assert spans(running, "b") == [("Patio", 1, None)]
        assert second.days == {}


def test_a_value_that_returns_opens_a_state_of_its_own() -> None:
    with trial() as running:
        for number, name in enumerate(("Bar", "Lounge", "Bar"), 1):
            running.commit(Read(number, number, named(a=name)))

        assert spans(running, "a") == [("Bar", 1, 2), ("Lounge", 2, 3), ("Bar", 3, None)]


def test_what_a_complete_read_no_longer_has_ends_and_may_return() -> None:
    """Between the two it was not given; a fact of that time finds the state before."""
    with trial() as running:
        running.commit(Read(1, 1, named(a="Bar", b="Patio")))
        running.commit(Read(2, 2, named(b="Patio")))
        running.commit(Read(3, 3, named(a="Bar", b="Patio")))

        assert spans(running, "a") == [("Bar", 1, 2), ("Bar", 3, None)]
        assert [(row.applies_from, row.applies_to) for row in running.stored()[NORTH.toast_guid, "a"]] == [(EVER, hour(3)), (hour(3), None)]


@pytest.mark.parametrize("read", [Read(2, 2, {}), Read(2, 2, {}, rejected=1), Read(2, 2, named(b="Deck"), rejected=1)])
def test_a_read_that_is_not_complete_ends_nothing(read: Read) -> None:
    """An empty one, and one of which a record could not be read; what it has counts."""
    with trial() as running:
        running.commit(Read(1, 1, named(a="Bar", b="Patio")))
        running.commit(read)

        assert spans(running, "a") == [("Bar", 1, None)]
        assert spans(running, "b")[-1][0] == (read.records.get("b") or ("Patio", None))[0]


def test_a_second_identical_read_writes_nothing() -> None:
    with trial() as running:
        running.commit(Read(1, 1, named(a="Bar")))
        before = running.stored()

        assert (running.commit(Read(2, 2, named(a="Bar"))), running.stored()) == (Changes(), before)


@pytest.mark.parametrize("later", [Read(2, 5, named(a="Lounge")), Read(2, 5, {}), Read(2, 5, named(a="Bar"))])
def test_a_read_that_was_overtaken_is_ignored_whole(later: Read) -> None:
    """Whatever the later one found, if only that nothing had changed."""
    with trial() as running:
        running.commit(Read(1, 1, named(a="Bar", b="Patio")))
        running.commit(later)
        before = running.stored()

        assert (running.commit(Read(3, 4, named(a="Cellar", c="Roof"))), running.stored()) == (Changes(), before)


def test_a_clock_that_goes_back_moves_no_span_back() -> None:
    """What was read later is valid later, by a microsecond at least; also after a read that found nothing new."""
    with trial() as running:
        running.commit(Read(5, 1, named(a="Bar")))
        running.commit(Read(9, 2, named(a="Bar")))
        running.commit(Read(1, 3, named(a="Lounge")))
        running.commit(Read(1, 4, named(a="Cellar")))

        first, second, third = running.stored()[NORTH.toast_guid, "a"]
        assert (first.valid_to, second.valid_from, second.valid_to, third.valid_from) == (hour(9) + TICK,) * 2 + (hour(9) + 2 * TICK,) * 2


def test_locations_keep_to_themselves() -> None:
    """Two may use the same id; one commit may hold both, each by its own read."""
    with trial() as running:
        running.commit(Read(1, 1, named(a="Bar")), Read(4, 1, named(a="Deck"), location=SOUTH))
        running.commit(Read(2, 2, named(b="Patio")), Read(5, 2, named(a="Pier"), 1, location=SOUTH))

        assert spans(running, "a") == [("Bar", 1, 2)]
        assert [row.said[0] for row in running.stored()[SOUTH.toast_guid, "a"]] == ["Deck", "Pier"]


def test_a_record_that_comes_twice_counts_as_it_came_last() -> None:
    """On two pages, changed between them."""
    with trial() as running:
        twice = running._staged([Read(1, 1, named(a="Bar"))])
        again = running._staged([Read(1, 1, named(a="Lounge"))])
        both = pa.concat_tables([twice.tables[TABLE], again.tables[TABLE]])
        running.warehouse.now = lambda: hour(0)
        changes = running.warehouse.commit(replace(twice, tables={TABLE: both}))

        assert changes.locations == {NORTH.toast_guid: (1, 0)}
        assert spans(running, "a") == [("Lounge", 1, None)]
        running.models[NORTH.toast_guid].read(Read(1, 1, named(a="Lounge")), hour(0))


def test_a_hash_is_of_what_a_record_says() -> None:
    """Not of its place, nor of columns it has no value in: one that is added later changes nothing."""
    own = row_hash(SPEC, {"restaurant_guid": "x", GUID: "a", NAME: "Bar", CENTER: None, "read_seq": 7})

    assert own == row_hash(SPEC, {NAME: "Bar"})
    assert own != row_hash(SPEC, {NAME: "Bar", CENTER: ""})
    assert own != row_hash(SPEC, {CENTER: "Bar"})
    assert len(own) == 64


# --- any history ------------------------------------------------------------------------------------------------------------

SAID = st.tuples(st.sampled_from(["Bar", "Patio"]), st.sampled_from([None, "center"]))
STATES = st.dictionaries(st.sampled_from("abcd"), SAID, max_size=4)
READS = st.builds(
    Read, st.integers(0, 6), st.integers(1, 8), STATES, st.sampled_from([0, 0, 0, 1]), st.sampled_from([NORTH, NORTH, NORTH, SOUTH])
)


def one_of_each(reads: list[Read]) -> list[Read]:
    """One read of a location in a commit, as one sync makes it."""
    return list({read.location.toast_guid: read for read in reads}.values())


COMMITS = st.lists(st.lists(READS, min_size=1, max_size=2).map(one_of_each), min_size=1, max_size=8)


@unlimited
@examples()
@given(COMMITS)
def test_any_history_of_reads_ends_as_the_model_says(commits: list[list[Read]]) -> None:
    """Rows and counts after every commit, and then as of any instant what the API gave, and which state applies."""
    with trial() as running:
        for reads in commits:
            running.commit(*reads)


@unlimited
@examples()
@given(st.lists(STATES, min_size=1, max_size=6), st.permutations(range(6)))
def test_whatever_the_order_the_newest_read_stands(states: list[State], order: list[int]) -> None:
    """Said without the model: reads arrive in any order; what is current is what the read of the greatest sequence found."""
    with trial() as running:
        newest: State = {}
        latest = 0
        for seq in [number + 1 for number in order if number < len(states)]:
            running.commit(Read(seq, seq, states[seq - 1]))
            if seq > latest:
                latest, newest = seq, states[seq - 1] or newest
        assert {guid: rows[-1].said for (_, guid), rows in running.stored().items() if rows[-1].is_current} == newest
