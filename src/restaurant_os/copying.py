"""`restaurant-os copy`: every table from one warehouse into another, whichever engines they are on, and the proof that they are equal.

Both sides are tallied: per table and business date the count of rows, the sum of each number, and a checksum over every column. What is equal is
there and is not carried again, so a copy that was ended in any way goes on where it was and needs no record of its own; what differs is carried,
some hundred thousand rows in a transaction; then it is tallied again, and the source too where it has changed.

The ledger is read before all else and written after all else: no row of it says of the target that something is in which came into the source later.

Rows go over as they stand, their sequences and times of writing too. Nothing is written to a warehouse that holds anything else.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.errors import StoppedError, UsageError, WarehouseError
from restaurant_os.tables import (
    BY_NAME,
    CHANGED_DAYS,
    COUNT,
    DIM_BUSINESS_HOURS,
    FLAG,
    INSTANT,
    LOADED_AT,
    MONEY,
    RATE,
    REAL,
    SYNC_RUNS,
    TABLES,
    TEXT,
    TableSpec,
)
from restaurant_os.text import count, printable
from restaurant_os.transformations import VIEWS
from restaurant_os.warehouse import Ids, Warehouse, Writing, merge
from restaurant_os.warehouse.slices import partition_of

#: So many rows are carried in one transaction, and held in memory: 100,000 lines of orders are about 60 MiB.
MOST_ROWS = 100_000
#: So many rows are tallied in one statement, as far as dates part them: a Postgres ends a statement after a quarter of an hour, and needs some
#: 20 microseconds a row.
MOST_TALLIED = 5_000_000
#: So many tables are tallied at once.
TABLES_AT_ONCE = 8
#: What says that other rows are in: no commit of facts goes without a row in one of them, so where they stand still the facts do.
LEDGER = (SYNC_RUNS, CHANGED_DAYS)
#: Roles of small tables that events may change without a trace in the ledger: stock levels, records that could not be read.
WITHOUT_TRACE = ("latest", "record")
#: Another answer wherever somebody committed facts since; costs little beside a tally.
STANDING = f"""SELECT (SELECT count(*) FROM {SYNC_RUNS.name}), (SELECT max({LOADED_AT}) FROM {SYNC_RUNS.name}),
    (SELECT count(*) FROM {CHANGED_DAYS.name}), (SELECT max(sequence) FROM {CHANGED_DAYS.name})"""
#: Tables whose rows may go without a trace: what a service joins in the ledger, and hours that a calendar no longer has.
FOLDED = (SYNC_RUNS.name, CHANGED_DAYS.name, DIM_BUSINESS_HOURS.name)
#: Digits of the MD5 of a row that its table's checksum takes in: 28 bits, the sum of a table of a billion rows fits in 64.
DIGITS = 7
#: What makes a decimal of so many places a whole number, which every engine writes alike.
SCALES = {MONEY: 10_000, RATE: 100_000_000}
ELSEWHERE = "Name an empty file, database or dataset with --to; or, if the tables live there now, write it into `warehouse`."
#: A Postgres holds no NUL in a text, and what it has in its place: texts and keys are compared so on every engine.
NUL, INSTEAD = "\0", "\ufffd"
#: How tables are called that an engine needs beside those of `tables`.
OF_OURS = "restaurant_os_"
NEVER = datetime(1, 1, 1, tzinfo=UTC)

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of a table on one business date. `sums`: of its numbers, in the order of its columns."""

    rows: int
    sums: tuple[int | Decimal, ...]
    checksum: int


#: By business date; None for rows and tables that have none.
Days = Mapping[date | None, Tally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What became of a table. `differing`: the dates on which the two warehouses are not equal, None for rows without one."""

    name: str
    rows: int
    dates: int
    carried: int
    differing: tuple[date | None, ...]
    #: It differs, and the source has changed while it was copied.
    has_moved: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a table, about `rows` of them. `held`: they themselves, where they were read already."""

    spec: TableSpec
    where: str
    rows: int
    ids: Ids | None = None
    held: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """Keys of a table's rows that go from the target. `days`: on these dates alone, all of which are carried anew; none: wherever they are."""

    keys: pa.Table
    days: Sequence[date] = ()


class Progress(Protocol):
    def comparing(self, tables: int) -> None:
        """So many tables are about to be compared."""
        ...

    def compared(self, tables: int) -> None:
        """So many more are."""
        ...

    def planned(self, rows: int) -> None:
        """So many rows are about to be carried."""
        ...

    def carried(self, rows: int) -> None:
        """So many more are in."""
        ...


class Copy:
    """One copy, from `source` to `target`.

    Raises (in `run`):
        UsageError: there is nothing in the source, or its tables are not up to date.
        WarehouseError: the target holds rows that the source has not, or newer ones; or something else writes to it meanwhile.
        StoppedError: `stop` was called; what was carried stays in.
    """

    def __init__(self, source: Warehouse, target: Warehouse, progress: Progress, *, tables: Sequence[TableSpec] = TABLES) -> None:
        self.source = source
        self.target = target
        self.progress = progress
        self.tables = tables
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the rows that are on their way."""
        self._stopping.set()

    def run(self) -> list[Copied]:
        if missing := self.source.migrate(plan=True):
            raise UsageError(
                f"copy: {self.source.label} is not up to date: {printable(missing[0], 200)}. Nothing was copied.",
                next_step="Bring it up to date first: `restaurant-os migrate`.",
            )
        before = tallies(self.source, LEDGER)
        if not any(before.values()) and not any(self._tallied(self.source, self.tables).values()):
            raise UsageError(
                f"copy: there is nothing in {self.source.label} yet.", next_step="`warehouse` in the settings names what is copied from."
            )
        self.target.migrate()
        stood = self.target.rows(STANDING)
        there = tallies(self.target, LEDGER)
        self._compare_sequences()
        ledger = self._ledger(before, there)
        others = [spec for spec in self.tables if spec not in LEDGER]
        before |= self._tallied(self.source, others)
        there |= self._tallied(self.target, others)
        gone = {spec.name: own for spec in self.tables if (own := self._gone(spec, before[spec.name], there[spec.name])).keys.num_rows}
        parts = [part for spec in others for part in self._parts(spec, before[spec.name], differing(before[spec.name], there[spec.name]))]
        carried = self._carry([*parts, *ledger], before, there, gone, stood)
        return self._verified(before, there, carried)

    # --- its steps ------------------------------------------------------------------------------------------------

    def _tallied(self, warehouse: Warehouse, tables: Sequence[TableSpec]) -> dict[str, Days]:
        self.progress.comparing(len(tables))
        found: dict[str, Days] = {}
        for start in range(0, len(tables), TABLES_AT_ONCE):
            self._halt()
            group = tables[start : start + TABLES_AT_ONCE]
            found |= tallies(warehouse, group)
            self.progress.compared(len(group))
        return found

    def _halt(self) -> None:
        if self._stopping.is_set():
            raise StoppedError("copy: stopped. What was carried stays in.", next_step="Run the same command again to go on.")

    def _ledger(self, before: Mapping[str, Days], there: Mapping[str, Days]) -> list[Part]:
        """What is to be carried of the ledger, as it is now."""
        own = [spec for spec in LEDGER if spec in self.tables]
        parts = [part for spec in own for part in self._parts(spec, before[spec.name], differing(before[spec.name], there[spec.name]))]
        return [replace(part, held=self.source.fetch(part.spec, part.where, part.ids)) for part in parts]

    def _carry(
        self, parts: Sequence[Part], before: Mapping[str, Days], there: Mapping[str, Days], gone: Mapping[str, Gone], stood: Sequence[Key]
    ) -> Counter[str]:
        """`stood`: what the target answered to STANDING before it was compared."""
        self.progress.planned(sum(part.rows for part in parts))
        of_ledger = {spec.name: gone[spec.name] for spec in LEDGER if spec.name in gone}
        self._delete({name: own for name, own in gone.items() if name not in of_ledger})
        carried: Counter[str] = Counter()
        for load in loads(parts):
            self._halt()
            rows: dict[str, pa.Table] = {}
            for part in load:
                found = self.source.fetch(part.spec, part.where, part.ids) if part.held is None else part.held
                rows[part.spec.name] = pa.concat_tables([rows[part.spec.name], found]) if part.spec.name in rows else found
            if any(part.held is None for part in load):
                self._refuse_others(stood)
            if any(part.held is not None for part in load):
                self._delete(of_ledger)
                of_ledger = {}
            days = {name: _dates(BY_NAME[name], table, there[name], before[name]) for name, table in rows.items()}
            self.target.write(Writing(rows=rows, days={name: own for name, own in days.items() if own}))
            carried.update({name: table.num_rows for name, table in rows.items()})
            self.progress.carried(sum(part.rows for part in load))
        return carried

    def _delete(self, gone: Mapping[str, Gone]) -> None:
        if gone:
            days = {name: own.days for name, own in gone.items() if own.days}
            self.target.write(Writing(rows={}, gone={name: own.keys for name, own in gone.items()}, days=days))

    def _refuse_others(self, stood: Sequence[Key]) -> None:
        """Until the copy writes it, the target's ledger stands still: a row that came in since may be newer than the one that is carried.

        Raises:
            WarehouseError: somebody else committed to the target.
        """
        if self.target.rows(STANDING) != stood:
            raise WarehouseError(
                f"copy: something else writes to {self.target.label}: its ledger has changed since the two were compared. What was carried before stays in.",
                next_step="Stop what writes there, and run the same command again: what it wrote is compared then.",
            )

    def _parts(self, spec: TableSpec, source: Days, wanted: Sequence[date | None]) -> Iterator[Part]:
        """The dates that differ, some at a time; a date or table of too many rows is taken by location."""
        for run in runs(source, wanted):
            rows = sum(source[own].rows for own in run)
            if rows <= MOST_ROWS:
                yield Part(spec, condition(spec, run), rows)
                continue
            where = condition(spec, run)
            asked = f"SELECT restaurant_guid, count(*) FROM {spec.name} WHERE {where} GROUP BY restaurant_guid ORDER BY restaurant_guid"
            found = [(str(guid), int(own)) for guid, own in self.source.rows(asked)]
            for group in packed(found, lambda one: one[1]):
                yield Part(spec, where, sum(own for _, own in group), ("restaurant_guid", [guid for guid, _ in group]))

    def _verified(self, before: Mapping[str, Days], there: Mapping[str, Days], carried: Counter[str]) -> list[Copied]:
        moved = [spec for spec in self.tables if differing(before[spec.name], there[spec.name])]
        now = {**there, **self._tallied(self.target, moved)}
        unequal = [spec for spec in moved if differing(before[spec.name], now[spec.name])]
        # What was equal at first is so no more, where the source was committed to since.
        has_changed = tallies(self.source, LEDGER) != {spec.name: before[spec.name] for spec in LEDGER}
        asked = [spec for spec in self.tables if has_changed or spec in unequal or spec.role in WITHOUT_TRACE]
        source = {**before, **(self._tallied(self.source, asked) if asked else {})}
        return [
            Copied(
                name=spec.name,
                rows=sum(own.rows for own in source[spec.name].values()),
                dates=sum(own is not None for own in source[spec.name]),
                carried=carried[spec.name],
                differing=tuple(differing(source[spec.name], now[spec.name])),
                has_moved=source[spec.name] != before[spec.name],
            )
            for spec in self.tables
        ]

    # --- what a target may hold -----------------------------------------------------------------------------------

    def _gone(self, spec: TableSpec, source: Days, target: Days) -> Gone:
        """Rows of the target that the source had and has no more, or that the target has twice.

        Raises:
            WarehouseError: the target has rows that never were in the source, or newer ones.
        """
        keys: list[Key] = []
        days: set[date] = set()
        both = {own: source.get(own) or target[own] for own in {*source, *target}}
        for run in runs(both, [own for own in differing(source, target) if own in target]):
            self._halt()
            where = condition(spec, run)
            rows, own_rows = self.target.fetch(spec, where), self.source.fetch(spec, where)
            theirs, ours = _known(rows, spec), _known(own_rows, spec)
            newer = sorted(own for own in theirs if own in ours and theirs[own] > ours[own])
            moved = self._elsewhere(spec, set(theirs) - set(ours))
            extra = sorted(set(theirs) - set(ours) - moved)
            lost = _lost(spec, rows, own_rows, set(extra)) if spec in LEDGER and extra else set()
            if spec.name in FOLDED and not newer and not lost and extra and max(theirs[own] for own in extra) <= self._newest(spec):
                keys += extra
            elif newer or extra:
                raise self._other(spec, run, len(lost or extra), len(newer))
            if doubled := self._doubled(spec, rows, moved):
                keys += doubled
                days |= {own for own in run if own}
        columns = {name: [key[place] for key in keys] for place, name in enumerate(spec.key)}
        return Gone(pa.table(columns, schema=pa.schema([spec.schema.field(name) for name in spec.key])), sorted(days))

    def _elsewhere(self, spec: TableSpec, keys: set[Key]) -> set[Key]:
        """Those of the keys that the source has on another date: an order whose date moved since."""
        return keys & _known(_named(self.source, spec, keys), spec).keys()

    def _doubled(self, spec: TableSpec, rows: pa.Table, moved: set[Key]) -> set[Key]:
        """Those of the target's rows of some dates that it has more than once. BigQuery has no unique keys, and looks for the row that another replaces on
        the dates that we name: one whose date moves during a copy is not found where it was."""
        if spec in LEDGER or partition_of(spec) != day_of(spec):
            return set()
        here, anywhere = Counter(_keys(rows, spec)), Counter(_keys(_named(self.target, spec, moved), spec))
        return {own for own, times in here.items() if times > 1} | {own for own in moved if anywhere[own] > 1}

    def _newest(self, spec: TableSpec) -> datetime:
        """When the source's newest row of a table was written."""
        [(found,)] = self.source.rows(f"SELECT max({LOADED_AT}) FROM {spec.name}")
        return found if isinstance(found, datetime) else NEVER

    def _compare_sequences(self) -> None:
        """Raises WarehouseError: the target's numbers are past the source's. A reader that has cleared what it read would miss all that comes."""
        asked = f"SELECT coalesce(max(sequence), 0) FROM {CHANGED_DAYS.name}"
        [(theirs,)], [(ours,)] = self.target.rows(asked), self.source.rows(asked)
        if CHANGED_DAYS in self.tables and theirs > ours:
            raise WarehouseError(
                f'copy: {self.target.label} holds other data: table "{CHANGED_DAYS.name}" reaches sequence {theirs}, and that of {self.source.label} '
                f"{ours}. No row was carried.",
                next_step=ELSEWHERE,
            )

    def _other(self, spec: TableSpec, run: Sequence[date | None], extra: int, newer: int) -> WarehouseError:
        what = (
            f"{count(extra, 'row')} that {self.source.label} has not"
            if extra
            else f"{count(newer, 'row')} newer than those of {self.source.label}"
        )
        return WarehouseError(
            f'copy: {self.target.label} holds other data: table "{spec.name}", {told(run)}: {what}. No row was carried.',
            next_step=ELSEWHERE,
        )


def left_behind(warehouse: Warehouse) -> list[str]:
    """What stands among our tables and is not carried, as it is a user's own: columns as `table.column`, tables and views by their names."""
    ours = {view.name for view in VIEWS}
    found = []
    for name, columns in warehouse.columns().items():
        if (spec := BY_NAME.get(name)) is not None:
            found += [f"{name}.{own}" for own in columns if own.lower() not in spec.names]
        elif name not in ours and not name.startswith(OF_OURS):
            found.append(name)
    return sorted(found)


# --- what is compared -------------------------------------------------------------------------------------------------


def tallies(warehouse: Warehouse, tables: Sequence[TableSpec]) -> dict[str, Days]:
    """Tables' rows, counted, summed and digested by the engine itself, per business date."""
    asked = [(spec, where) for spec, wheres in _spans(warehouse, tables) for where in wheres]
    answers = warehouse.answers(*((_tally(spec, where), ()) for spec, where in asked))
    tallied: dict[str, dict[date | None, Tally]] = {spec.name: {} for spec in tables}
    for (spec, _), found in zip(asked, answers, strict=True):
        tallied[spec.name] |= {
            day: Tally(int(rows), tuple(map(_exact, sums)), int(checksum or 0)) for day, rows, checksum, *sums in found if rows
        }
    return dict(tallied)


def _spans(warehouse: Warehouse, tables: Sequence[TableSpec]) -> Iterator[tuple[TableSpec, list[str]]]:
    """The conditions by which each table is tallied, which part all of its rows: several where there are many."""
    [counts] = warehouse.rows("SELECT " + ", ".join(f"(SELECT count(*) FROM {spec.name})" for spec in tables))
    for spec, rows in zip(tables, counts, strict=True):
        own = day_of(spec)
        if rows <= MOST_TALLIED or not own:
            yield spec, ["TRUE"]
            continue
        found = warehouse.rows(f"SELECT {own}, count(*) FROM {spec.name} WHERE {own} IS NOT NULL GROUP BY {own} ORDER BY {own}")
        starts = [merge.day(group[0][0]) for group in packed(found, lambda one: one[1], MOST_TALLIED)][1:]
        ends = [*(f"{own} < {start}" for start in starts), "TRUE"]
        between = [" AND ".join((f"{own} >= {start}", end)) for start, end in zip(starts, ends[1:], strict=True)]
        yield spec, [f"{own} IS NULL OR {ends[0]}", *between]


def _tally(spec: TableSpec, where: str) -> str:
    own, numbers = day_of(spec), [c.name for c in spec.columns if c.type in (MONEY, RATE, COUNT)]
    # No engine has the number of an MD5 by a name that the others know: digit by digit it is the same on all.
    checksum = " + ".join(f"strpos('0123456789abcdef', substr(digest, {place + 1}, 1)) * {16**place}" for place in range(DIGITS))
    digest = " || '|' || ".join(_spelled(c.name, c.type) for c in spec.columns)
    taken = ", ".join(dict.fromkeys((*([own] if own else []), *numbers, f"md5(replace({digest}, chr(0), chr({ord(INSTEAD)}))) AS digest")))
    sums = "".join(f", sum({name})" for name in numbers)
    found = f"{own or 'NULL'}, count(*), sum({checksum}){sums} FROM (SELECT {taken} FROM {spec.name} WHERE {where}) AS spelled"
    return f"SELECT {found}" + (f" GROUP BY {own}" if own else "")


def _exact(value: Any) -> int | Decimal:
    return value if isinstance(value, Decimal) else int(value or 0)


def _spelled(name: str, kind: pa.DataType) -> str:
    """A column's value as a text that every engine gives alike."""
    if kind == INSTANT:
        value = f"CAST(epoch_us({name}) AS VARCHAR)"
    elif kind in SCALES:
        # Of its own type DuckDB has no room for the product of a rate of 100.
        value = f"CAST(CAST(CAST({name} AS DECIMAL(38, {kind.scale})) * {SCALES[kind]} AS BIGINT) AS VARCHAR)"
    elif kind == REAL:
        value = f"CAST(CAST(floor({name} * 1000000.0 + 0.5) AS BIGINT) AS VARCHAR)"
    elif kind == FLAG:
        return f"CASE WHEN {name} IS NULL THEN '~' WHEN {name} THEN '1' ELSE '0' END"
    else:
        value = name if kind == TEXT else f"CAST({name} AS VARCHAR)"
    return f"CASE WHEN {name} IS NULL THEN '~' ELSE '=' || {value} END"


def day_of(spec: TableSpec) -> str:
    """The column of a row's business date; empty where a table has none."""
    return next((name for name in ("business_date", "date") if name in spec.names), "")


def differing(source: Days, target: Days) -> list[date | None]:
    """The dates on which they are not equal, in order, None first."""
    return sorted((own for own in {*source, *target} if source.get(own) != target.get(own)), key=_ordinal)


def _ordinal(own: date | None) -> int:
    return own.toordinal() if own else 0


def _known(rows: pa.Table, spec: TableSpec) -> dict[Key, datetime]:
    """The rows' keys, and when each was written."""
    return {key: at or NEVER for key, at in zip(_keys(rows, spec), rows.column(LOADED_AT).to_pylist(), strict=True)}


def _lost(spec: TableSpec, rows: pa.Table, source: pa.Table, extra: set[Key]) -> set[Key]:
    """Those of the ledger's extra rows that say what none of the source's does. One says it where rows were joined (`fold_runs`, `fold_days`)."""
    own = [(key, row) for key, row in zip(_keys(rows, spec), rows.to_pylist(), strict=True) if key in extra]
    if spec is CHANGED_DAYS:
        reached = {_day(row): row["sequence"] for row in sorted(source.to_pylist(), key=lambda row: row["sequence"])}
        return {key for key, row in own if row["sequence"] > reached.get(_day(row), -1)}
    reads: dict[Key, list[Any]] = {}
    for row in sorted(source.to_pylist(), key=_width, reverse=True):  # what was joined is found first
        reads.setdefault(_read(row), []).append(row)
    return {key for key, row in own if not any(_says(one, row) for one in reads.get(_read(row), ()))}


def _day(row: Mapping[str, Any]) -> Key:
    return row["dataset"], row["restaurant_guid"], row["business_date"]


def _read(row: Mapping[str, Any]) -> Key:
    return *_day(row), row["window_kind"], row["status"], row["load_mode"]


def _width(row: Mapping[str, Any]) -> timedelta:
    return row["window_end"] - row["window_start"] if row["window_start"] and row["window_end"] else timedelta()


def _says(one: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a row of the ledger is of a read that began no earlier, and of as wide a window; of a business date there is one window."""
    if (one["started_at"] or NEVER) < (row["started_at"] or NEVER):
        return False
    start, end = (one["window_start"], row["window_start"]), (one["window_end"], row["window_end"])
    if row["window_kind"] == BUSINESS_DATE or (start[0] == start[1] and end[0] == end[1]):
        return True
    return None not in (*start, *end) and start[0] <= start[1] and end[1] <= end[0]


def _keys(rows: pa.Table, spec: TableSpec) -> Iterator[Key]:
    columns = (rows.column(name) for name in spec.key)
    return zip(*((pc.replace_substring(own, NUL, INSTEAD) if own.type == TEXT else own).to_pylist() for own in columns), strict=True)


def _named(warehouse: Warehouse, spec: TableSpec, keys: set[Key]) -> pa.Table:
    """The rows of a table of business dates that have some keys, on whatever date, and a few others; none where no text is among what tells them."""
    if not keys or "business_date" not in spec.names:
        return spec.schema.empty_table()
    place = max(range(len(spec.key)), key=lambda own: len({key[own] for key in keys}))
    if spec.schema.field(spec.key[place]).type != TEXT:
        return spec.schema.empty_table()
    return warehouse.fetch(spec, ids=(spec.key[place], sorted({key[place] for key in keys})))


def _dates(spec: TableSpec, rows: pa.Table, there: Days, source: Days) -> list[date]:
    """The dates by which rows, and those that are stored of the same keys, lie together (`Writing.days`): those that rows have now and, as a business
    date moves, those on which the two sides differ."""
    place = partition_of(spec)
    found = {own.date() if isinstance(own, datetime) else own for own in rows.column(place).unique().to_pylist() if own} if place else set()
    if place == day_of(spec):
        found |= {own for own in differing(source, there) if own and own in there}
    return sorted(found)


# --- what is carried together -----------------------------------------------------------------------------------------


def runs(days: Days, wanted: Iterable[date | None]) -> Iterator[list[date | None]]:
    """The wanted dates that are there, neighbours together as far as their rows are few enough. Rows without a date stand alone."""
    asked = set(wanted)
    run: list[date | None] = []
    for own in sorted(days, key=_ordinal):
        is_full = sum(days[one].rows for one in run) + days[own].rows > MOST_ROWS
        if run and (own not in asked or is_full or run[-1] is None):
            yield run
            run = []
        if own in asked:
            run.append(own)
    if run:
        yield run


def condition(spec: TableSpec, run: Sequence[date | None]) -> str:
    """What tells a table's rows of neighbouring dates."""
    own, dated = day_of(spec), [one for one in run if one]
    if not own:
        return "TRUE"
    return f"{own} >= {merge.day(dated[0])} AND {own} <= {merge.day(dated[-1])}" if dated else f"{own} IS NULL"


def packed(things: Iterable[Any], rows: Any, most: int | None = None) -> Iterator[list[Any]]:
    """Neighbours together, until they are too many rows: MOST_ROWS, or another bound."""
    most = MOST_ROWS if most is None else most
    group: list[Any] = []
    held = 0
    for one in things:
        if group and held + rows(one) > most:
            yield group
            group, held = [], 0
        group.append(one)
        held += rows(one)
    if group:
        yield group


def loads(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """What goes in one transaction: every transaction costs a remote engine some seconds. The ledger comes last, as its rows say that the others are in."""
    yield from packed(parts, lambda part: part.rows)


def told(days: Sequence[date | None]) -> str:
    """Dates as a person reads them: the first, and how many more."""
    named = [own.isoformat() if own else "rows without a business date" for own in days]
    shown = ", ".join(named[:5])
    return f"{shown} and {len(named) - 5:,} more" if len(named) > 5 else shown
