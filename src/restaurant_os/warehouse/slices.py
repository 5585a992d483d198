"""Which stored rows a commit may read: what a mirror must hold for `bring` to work on it as on the tables themselves.

Each rule here follows one of the merge code, and asks for no less than it reads: more does no harm, less would. What is asked for depends on what is
staged, never on how long the history is; but where a settled day changes, headers are asked for by business date, and an engine that parts them by when
they were made looks for that day in all of the location's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.tables import (
    CALENDAR_TABLES,
    CASH,
    DATASETS,
    DATE,
    DAY_SNAPSHOTS,
    DIM_BUSINESS_DAYS,
    FACT_CASH_DEPOSITS,
    FACT_CASH_ENTRIES,
    FACT_CHECKS,
    FACT_LABOR_BREAKS,
    FACT_LABOR_HOURS,
    FACT_LABOR_SHIFTS,
    FACT_ORDER_ITEMS,
    FACT_ORDERS,
    FACT_PAYMENTS,
    FACT_REFUNDS,
    FACT_SERVICE_CHARGES,
    LABOR,
    MENU_PUBLICATIONS,
    ORDERS,
    QUARANTINE,
    SYNC_RUNS,
    TEXT,
    RecordSet,
    TableSpec,
)
from restaurant_os.warehouse import Commit, Ids
from restaurant_os.warehouse.lookups import LOOKUPS
from restaurant_os.warehouse.merge import MOST_NAMED, Run, day, instant, text
from restaurant_os.warehouse.quarantine import quarantine_id
from restaurant_os.warehouse.snapshots import SETTLES, Day, Snapshots

#: What is asked of one table, as `Fetch` takes it.
Ask = tuple[TableSpec, str, Ids | None]
#: Puts what a store holds of them into the mirror, and gives the rows that it did not have yet, in the order of the asks.
Read = Callable[[Sequence[Ask]], list[pa.Table]]

#: By dataset, the tables that the figures of `snapshots.FIGURES` are taken from, each by its `partition`.
READ_BY_FIGURES: dict[str, tuple[TableSpec, ...]] = {
    ORDERS.name: (FACT_ORDERS, FACT_CHECKS, FACT_ORDER_ITEMS, FACT_SERVICE_CHARGES, FACT_PAYMENTS, FACT_REFUNDS),
    LABOR.name: (FACT_LABOR_SHIFTS, FACT_LABOR_BREAKS, FACT_LABOR_HOURS),
    CASH.name: (FACT_CASH_ENTRIES, FACT_CASH_DEPOSITS),
}
#: How many undos of undos a deposit's figure follows (`views/cash.py`).
DEEPEST_UNDO = 4
A_DAY = timedelta(days=1)


def partition_of(spec: TableSpec) -> str | None:
    """The column by whose date the rows of a table lie together, where an engine parts tables by dates; None: it has none.

    A header by when its record was created, which never moves; what belongs to a business date by it (a refund by its order's); a table of events by its
    own date.
    """
    if spec.role == "header" and "created_at" in spec.names:
        return "created_at"
    if "business_date" in spec.names:
        return "business_date"
    return spec.partition if spec.schema.field(spec.partition).type == DATE else None


class Slices:
    """What one commit reads. `read` fetches; `run` executes a statement on the mirror, where the staged tables are registered as `bring` does."""

    def __init__(self, read: Read, run: Run, commit: Commit, loaded_at: datetime) -> None:
        self.read = read
        self.run = run
        self.commit = commit
        self.loaded_at = loaded_at
        self.dataset = DATASETS[commit.dataset]
        guids = sorted(set(commit.restaurant_guids))
        self.guids = guids
        self.here = f"restaurant_guid IN ({', '.join(map(text, guids))})" if 0 < len(guids) <= MOST_NAMED else "TRUE"
        #: However many: where a key begins with the location, an index of it is of use only so.
        self.at_places = f"restaurant_guid IN ({', '.join(map(text, guids))})" if guids else "TRUE"
        self.own = f"dataset = {text(commit.dataset)}"
        self.heard: set[Day] = set()
        self.named_places: set[str] = set()

    def before_all(self) -> None:
        """What is known before anything is worked out: two rounds, the second of what the first one's rows name."""
        sets = [one for one in self.dataset.sets if self._staged(one.header)]
        day_sets = [spec for spec in self.dataset.day_sets if spec.name in self.commit.tables]
        rows = {spec.name: self._day_set(spec) for spec in day_sets}
        asks = [self._header(one.header) for one in sets]
        asks += [ask for own in rows.values() for ask in own]
        asks += [*self._histories(), *self._latest(), *self._lists(), *self._quarantine()]
        found = list(zip(asks, self.read(asks), strict=True))
        stored_dates = {on for (spec, _, _), table in found if spec in day_sets for on in _values(table, "business_date")}
        self.read([*(ask for one in sets for ask in self._children(one)), *self._ledger_of_days(day_sets, stored_dates)])

    def before_changing(self, days: Collection[Day]) -> None:
        """`days` are about to change: what is asked of them then, of settled ones all that their figures are made of."""
        fresh = [own for own in days if own not in self.heard]
        if not fresh:
            return
        self.heard.update(fresh)
        self.read([*self._calendar_of(fresh), *self._names_of(fresh)])
        if not (asks := self._ledger_of_settled(fresh)):
            return
        self.read(asks)
        if settled := Snapshots(self.run, self.commit.dataset, self.loaded_at).settled(fresh):
            self._figures(settled)

    # --- sets ---------------------------------------------------------------------------------------------------------

    def _staged(self, spec: TableSpec) -> pa.Table | None:
        """The rows staged of a table; None without any."""
        table = self.commit.tables.get(spec.name)
        return table if table is not None and table.num_rows else None

    def _header(self, header: TableSpec) -> Ask:
        """The stored headers of what is staged: as `SetMerge._choose`, where its span is one condition for every day in it."""
        staged, key = self.commit.tables[header.name], header.key[-1]
        place = partition_of(header)
        spans = "TRUE"
        if place == "created_at" and not staged.column(place).null_count:
            dates = pc.unique(staged.column(place).cast(pa.date32())).to_pylist()
            spans = f"({' OR '.join(f'({one})' for one in _spans(place, dates))} OR {place} IS NULL)"
        return header, f"{self.here}{self._led_by(header)} AND {spans}", (key, _texts(staged, key))

    def _led_by(self, header: TableSpec) -> str:
        """What stands before the id in a key (the source of a punch), as `SetMerge.here` has it: an index of the key is of use only with it."""
        staged = self.commit.tables[header.name]
        return "".join(f" AND {name} IN ({', '.join(map(text, _texts(staged, name)))})" for name in header.key[:-1])

    def _children(self, records: RecordSet) -> list[Ask]:
        """The children of those that the staged ones may replace, on the dates that the stored headers name. An insert replaces nothing."""
        if self.commit.load_mode == "insert-only" or not records.children:
            return []
        name, key = records.header.name, records.header.key[-1]
        found = self.run(f"""SELECT DISTINCT h.{key}, h.business_date FROM {name} AS h JOIN staged_{name} AS s ON s.{key} = h.{key}
            WHERE s.modified_at >= h.modified_at""")
        if not found:
            return []
        where = f"{self.here}{self._led_by(records.header)} AND {_on('business_date', {on for _, on in found})}"
        ids = (key, sorted({own for own, _ in found}))
        return [(spec, where, ids) for spec in records.children]

    # --- day sets -----------------------------------------------------------------------------------------------------

    def _day_set(self, spec: TableSpec) -> list[Ask]:
        """The rows of the days that were read whole, and those of the staged keys, be they of other days."""
        asks: list[Ask] = []
        days = [own for own in self.commit.day_sets if own.table == spec.name]
        if days and self.commit.load_mode != "insert-only":
            dates = _on("business_date", {own.business_date for own in days})
            asks.append((spec, dates, ("restaurant_guid", sorted({own.restaurant_guid for own in days}))))
        if (staged := self._staged(spec)) is not None:
            asks.append((spec, self.at_places, (spec.key[-1], _texts(staged, spec.key[-1]))))
        return asks

    def _ledger_of_days(self, specs: Sequence[TableSpec], stored_dates: set[date]) -> list[Ask]:
        """Later reads of the days that are staged, read whole, or have a row of a staged key. An earlier one overtakes nothing."""
        staged = [table for spec in specs if (table := self._staged(spec)) is not None]
        names = {spec.name for spec in specs}
        days = [own for own in self.commit.day_sets if own.table in names]
        dates = {on for table in staged for on in _values(table, "business_date")} | {own.business_date for own in days} | stored_dates
        if not dates:
            return []
        earliest = min([*(seq for table in staged for seq in _values(table, "read_seq")), *(own.read_seq for own in days)])
        return [(SYNC_RUNS, f"{self.own} AND {_on('business_date', dates)} AND read_seq > {int(earliest)}", self._of_places())]

    # --- histories, events, lists ---------------------------------------------------------------------------------------

    def _histories(self) -> list[Ask]:
        """Of every record its last state, and of the ledger what may overtake a read or move the instant at which it takes effect.

        `HistoryMerge._effective` asks for the greatest instant of all states. That of the last ones is no other: a state ends, at the latest, when the
        next one of its record begins, and each begins after all that was known before. Of the ledger it asks for the greatest sequence and start; those
        that are not beyond the commit's own change nothing.
        """
        reads = {own.window_kind: own for own in self.commit.runs}
        specs = [spec for spec in self.dataset.histories if self._staged(spec) is not None and spec.name in reads]
        if not specs:
            return []
        own = [one for one in self.commit.runs if one.window_kind in {spec.name for spec in specs}]
        kinds = ", ".join(text(spec.name) for spec in specs)
        since = f"(started_at >= {instant(min(one.started_at for one in own))} OR read_seq > {min(one.read_seq or 0 for one in own)})"
        ledger = f"{self.own} AND window_kind IN ({kinds}) AND {since}"
        return [(SYNC_RUNS, ledger, self._of_places()), *((spec, "applies_to IS NULL", self._of_places()) for spec in specs)]

    def _latest(self) -> list[Ask]:
        """The rows of the staged keys, wherever they are."""
        asks: list[Ask] = []
        for spec in self.dataset.latest:
            if (staged := self._staged(spec)) is None:
                continue
            column = next(name for name in spec.key if name != "restaurant_guid" and spec.schema.field(name).type == TEXT)
            place = partition_of(spec)
            where = _on(place, set(_values(staged, place))) if place else self.here
            asks.append((spec, where, (column, _texts(staged, column))))
        return asks

    def _lists(self) -> list[Ask]:
        """The stored rows that staged ones stand beside: of their days, or of their locations."""
        asks: list[Ask] = []
        for spec in (*CALENDAR_TABLES, MENU_PUBLICATIONS):
            if (staged := self._staged(spec)) is not None:
                place = partition_of(spec)
                where = _on(place, set(_values(staged, place))) if place else "TRUE"
                asks.append((spec, where, ("restaurant_guid", _texts(staged, "restaurant_guid"))))
        return asks

    def _quarantine(self) -> list[Ask]:
        """What waits of these locations, and what is known of the records that could not be read now."""
        asks: list[Ask] = [(QUARANTINE, f"{self.own} AND resolved_at IS NULL", self._of_places())]
        if self.commit.rejected:
            again = sorted({quarantine_id(self.commit.dataset, one) for one in self.commit.rejected})
            asks.append((QUARANTINE, self.own, ("quarantine_id", again)))
        return asks

    def _of_places(self) -> Ids:
        return "restaurant_guid", self.guids

    # --- days that change -----------------------------------------------------------------------------------------------

    def _calendar_of(self, days: Sequence[Day]) -> list[Ask]:
        """The calendar of days that the commit brings none of."""
        staged = self._staged(DIM_BUSINESS_DAYS)
        known: set[Day] = set()
        if staged is not None:
            own = staged.select(["restaurant_guid", "business_date"]).to_pydict()
            known = {(guid, on) for guid in own["restaurant_guid"] for on in own["business_date"]}
        others = [own for own in days if own not in known]
        if not others:
            return []
        return [
            (DIM_BUSINESS_DAYS, _on("business_date", {on for _, on in others}), ("restaurant_guid", sorted({guid for guid, _ in others})))
        ]

    def _names_of(self, days: Sequence[Day]) -> list[Ask]:
        """Every state of the dimensions that name something of the facts (`lookups.of_facts`), of locations whose facts change. Stored facts that the
        commit does not write lack no name: they got it when they came, or when the dimension did."""
        places = {guid for guid, _ in days} - self.named_places
        self.named_places |= places
        wanted = [one for one in LOOKUPS if self._staged(one.table) is not None]
        return [(one.dimension, "TRUE", ("restaurant_guid", sorted(places))) for one in wanted if places]

    def _ledger_of_settled(self, days: Sequence[Day]) -> list[Ask]:
        """What `Snapshots.settled` may find: done reads of the days from when they settle on, and windows over that moment."""
        guids, dates = {guid for guid, _ in days}, {on for _, on in days}
        places = f"restaurant_guid IN ({', '.join(text(guid) for guid in sorted(guids))})"
        [(first, last)] = self.run(f"""SELECT min({SETTLES}), max({SETTLES}) FROM {DIM_BUSINESS_DAYS.name} AS d
            WHERE {_on("business_date", dates)} AND {places}""")
        if first is None:
            return []
        first, last = first.astimezone(UTC), last.astimezone(UTC)
        over = f"window_kind = {text(MODIFIED)} AND window_end >= {instant(first)} AND window_start <= {instant(last)}"
        whole = f"window_kind = {text(BUSINESS_DATE)} AND started_at >= {instant(first)} AND {_on('business_date', dates)}"
        return [(SYNC_RUNS, f"{self.own} AND status = 'done' AND (({over}) OR ({whole}))", ("restaurant_guid", sorted(guids)))]

    def _figures(self, settled: Sequence[Day]) -> None:
        """All rows that the figures of settled days are made of, and what is kept of those days already."""
        places: Ids = ("restaurant_guid", sorted({guid for guid, _ in settled}))
        dates = {on for _, on in settled}
        asks: list[Ask] = [(DAY_SNAPSHOTS, f"{self.own} AND {_on('business_date', dates)}", places)]
        asks += [(spec, _on(spec.partition, dates), places) for spec in READ_BY_FIGURES[self.commit.dataset]]
        if self.commit.dataset == LABOR.name:
            # Open entries accrue up to where the ledger's chain of windows reaches.
            chain = f"(window_kind = {text(MODIFIED)} OR (window_kind = {text(BUSINESS_DATE)} AND {_on('business_date', dates)}))"
            asks.append((SYNC_RUNS, f"{self.own} AND status = 'done' AND {chain}", places))
        self.read(asks)
        if self.commit.dataset == CASH.name:
            self._undone()

    def _undone(self) -> None:
        """The deposits that those of the days undo, which turn their sign, and those that these undo in turn: whatever day they are of."""
        name, asked = FACT_CASH_DEPOSITS.name, set[str]()
        sources = [name, *([f"staged_{name}"] if name in self.commit.tables else [])]
        undoing = " UNION ".join(f"SELECT undoes_guid FROM {source} WHERE undoes_guid IS NOT NULL" for source in sources)
        for _ in range(DEEPEST_UNDO):
            wanted = {own for (own,) in self.run(undoing)} - asked
            if not wanted:
                return
            asked |= wanted
            self.read([(FACT_CASH_DEPOSITS, self.at_places, (FACT_CASH_DEPOSITS.key[-1], sorted(wanted)))])


# --- conditions -----------------------------------------------------------------------------------------------------------


def _on(column: str, dates: Iterable[date]) -> str:
    return f"{column} IN ({', '.join(day(on) for on in sorted(dates))})"


def _spans(column: str, dates: Iterable[date]) -> list[str]:
    """Conditions that an instant is on one of these dates in UTC, one for each run of neighbours."""
    found: list[list[date]] = []
    for on in sorted(dates):
        if found and on - found[-1][1] <= A_DAY:
            found[-1][1] = on
        else:
            found.append([on, on])
    return [f"{column} >= {instant(_midnight(first))} AND {column} < {instant(_midnight(last + A_DAY))}" for first, last in found]


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(), UTC)


def _values(table: pa.Table, column: str) -> list[Any]:
    """Each value once, null left out."""
    return [value for value in pc.unique(table.column(column)).to_pylist() if value is not None]


def _texts(table: pa.Table, column: str) -> list[str]:
    return sorted(_values(table, column))
