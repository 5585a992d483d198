"""The same restaurants synced into several engines, and whether the same stands in all of them.

    with shops(folder, toast, {"duckdb": Place(...), ...}) as found:    # an App with a warehouse of its own for each engine
        stage(found, toast, lambda own: own.sync("orders", span))       # everybody's turn, at one and the same instant
        compare(found)                                                  # what was compared, and the differences as lines to read

Each engine has syncs of its own over the socket. Only time is taken out: the answers of the API are stamped with the stage's instant and our clock stands
at it, so that what depends on when something was read is equal too (`read_at`, `valid_from`, windows, `_loaded_at`). Of the run itself are then only:

- `sync_runs.sync_id`, which is made by chance;
- `sequence` of `changed_days` and `day_snapshots`, which numbers the commits of all locations, and those come in any order: of the former the sums by day
  are compared (a fold may have joined any of its rows), of the latter the order within a day.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import SecretStr

from restaurant_desk import PATIENT, desk
from restaurant_os.app import App, build_app
from restaurant_os.clock import SystemClock
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Arrival
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.sync import LocationResult, Progress, Unwatched
from restaurant_os.settings import BigQuerySettings, load
from restaurant_os.sources.pacing import Pacer, Pacing
from restaurant_os.tables import CHANGED_DAYS, DAY_SNAPSHOTS, SYNC_RUNS, TABLES, TableSpec
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.compiled import views
from toast_simulator import CREDENTIALS, Toast

RESET = "X-Toast-RateLimit-Reset"
OF_THE_RUN = {SYNC_RUNS.name: ("sync_id",)}
A_DAY = ["dataset", "restaurant_guid", "business_date"]
#: Views that show the sequence of a commit, in the column of this number, after those that name the day.
OF_A_COMMIT = {"restatements": len(A_DAY)}
#: Of one difference, so many rows are shown.
SHOWN = 2
#: Sums of doubles are taken in any order.
NEAR = 1e-9
#: The machine may be busy with other work.
PATIENCE = 600.0
Rows = list[tuple[Any, ...]]


class Standing(SystemClock):
    """Stands at an instant until it is set; waits are real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.present = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.present


class Stamped(httpx.BaseTransport):
    """The API's answers, as if they came at the clock's instant."""

    def __init__(self, clock: Standing) -> None:
        self._clock = clock
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_connections=64))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        now = self._clock.now()
        answer.headers["Date"] = format_datetime(now, usegmt=True)
        if RESET in answer.headers:
            answer.headers[RESET] = str(math.ceil(int(answer.headers[RESET]) - time.time() + now.timestamp()))
        return answer

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine's tables are, as `Settings.warehouse_place` says it."""

    url: str
    bigquery: BigQuerySettings = field(default_factory=BigQuerySettings)


@dataclass(slots=True)
class Shop:
    """One engine's App. `seconds`: what its turns took in all."""

    engine: str
    app: App
    clock: Standing
    pacing: Pacing | None = None
    seconds: float = 0.0

    @property
    def warehouse(self) -> Warehouse:
        return self.app.warehouse

    def sync(self, dataset: str, span: Span | None = None, progress: Progress | None = None) -> list[LocationResult]:
        """One sync of all locations, which must end well."""
        if self.pacing:
            self.app.toast.pacer = Pacer(self.pacing, self.clock)
        results = self.app.sync(dataset).run(self.app.locations(), span, progress or Unwatched())
        failed = [f"{self.engine}, {result.location.name}: {result.error}" for result in results if result.error]
        if failed:
            raise AssertionError("; ".join(failed))
        return results

    def events(self, *arrivals: Sequence[Arrival]) -> None:
        """The worker brings these in, each lot when the one before is in."""
        worker = self.app.worker(Meters())
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            for lot in arrivals:
                asyncio.run(self._accept(lot))
                self._wait()
        finally:
            worker.stop()
            thread.join()

    async def _accept(self, arrivals: Sequence[Arrival]) -> None:
        await asyncio.gather(*map(self.app.operations.accept, arrivals))

    def _wait(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while (state := self.app.operations.inbox()).pending or state.claimed:
            if time.monotonic() > give_up:
                raise AssertionError(f"{self.engine}: the worker did not bring the events in: {state}")
            time.sleep(0.02)


@contextmanager
def shops(folder: Path, toast: Toast, places: Mapping[str, Place], pacing: Pacing | None = None) -> Iterator[list[Shop]]:
    """A shop on each engine, with every table and view."""
    with ExitStack() as stack:
        found = [_shop(folder / engine, engine, place, toast, pacing) for engine, place in places.items()]
        for own in found:
            stack.callback(_close, own)
            own.warehouse.migrate()
        yield found


def _shop(folder: Path, engine: str, place: Place, toast: Toast, pacing: Pacing | None) -> Shop:
    group = desk(folder, toast)
    clock = Standing()
    given = {key.lower(): SecretStr(value) for key, value in CREDENTIALS.items()}
    settings = load(group.settings).model_copy(update={**given, "warehouse": SecretStr(place.url), "bigquery": place.bigquery})
    app = build_app(settings, transport=Stamped(clock), clock=clock, retry=PATIENT, token_folder=folder / "tokens")
    app.idle_seconds = 2.0  # the file stays open from step to step
    return Shop(engine, app, clock, pacing)


def _close(own: Shop) -> None:
    own.app.toast.http.close()
    own.app.operations.close()
    own.warehouse.close()


def stage(found: Sequence[Shop], toast: Toast, turn: Callable[[Shop], object]) -> None:
    """Everybody's turn, one after the other; all of them at the instant that the API has now."""
    present = parsedate_to_datetime(httpx.get(f"{toast.url}/simulator/faults").headers["Date"])
    for own in found:
        own.clock.present = present
        began = time.monotonic()
        turn(own)
        own.seconds += time.monotonic() - began


# --- whether the same stands in all ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Compared:
    """`sums`: how many checksums of a table and date were compared; `rows` of tables and views are those of the first engine."""

    rows: dict[str, int] = field(default_factory=dict)
    sums: int = 0
    views: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def compare(found: Sequence[Shop]) -> Compared:
    """Every table by date, and every view whole, of all engines against the first."""
    compared = Compared()
    first, *others = found
    for spec in TABLES:
        table = content(spec, first.warehouse.fetch(spec))
        sums = checksums(table)
        compared.rows[spec.name] = table.num_rows
        compared.sums += len(sums)
        for own in others:
            theirs = content(spec, own.warehouse.fetch(spec))
            for on in sorted({on for on, sum_ in (sums.items() ^ checksums(theirs).items())}):
                compared.differences.append(
                    f"{spec.name} {on}: {first.engine} and {own.engine} differ: {_shown(_of(table, on), _of(theirs, on))}"
                )
    for view in views("duckdb"):
        rows = view_rows(first.warehouse, view)
        compared.views[view] = len(rows)
        compared.differences += [
            f"{view}: {first.engine} and {own.engine} differ: {line}"
            for own in others
            for line in view_differences(rows, view_rows(own.warehouse, view))
        ]
    return compared


def content(spec: TableSpec, rows: pa.Table) -> pa.Table:
    """What must be equal of a table's rows, in the order of all its columns."""
    if rows.schema.names != spec.names or rows.schema.types != spec.schema.types:
        raise AssertionError(f"{spec.name}: its columns came as {rows.schema}, expected {spec.schema}")
    if spec is CHANGED_DAYS:
        rows = rows.group_by(A_DAY, use_threads=False).aggregate([("rows_added", "sum"), ("rows_changed", "sum")])
    if spec is DAY_SNAPSHOTS:
        rows = _numbered(rows)
    rows = rows.drop_columns(list(OF_THE_RUN.get(spec.name, ())))
    return rows.sort_by([(name, "ascending") for name in rows.schema.names]).combine_chunks()


def _numbered(rows: pa.Table) -> pa.Table:
    """Sequences as their order within a day; 0 stays what it is."""
    rows = rows.sort_by([(name, "ascending") for name in [*A_DAY, "sequence"]])
    seen: Counter[tuple[Any, ...]] = Counter()
    numbers = []
    for row in rows.select([*A_DAY, "sequence"]).to_pylist():
        own = tuple(row[name] for name in A_DAY)
        seen[own] += row["sequence"] != 0
        numbers.append(seen[own] if row["sequence"] else 0)
    return rows.set_column(rows.schema.get_field_index("sequence"), "sequence", pa.array(numbers, pa.int64()))


def _date_column(table: pa.Table) -> str | None:
    return next((name for name in ("business_date", "date") if name in table.schema.names), None)


def checksums(table: pa.Table) -> dict[str, str]:
    """By date ('all' where a table has none, 'none' for rows without), of the bytes of every column in the order of rows."""
    name = _date_column(table)
    if name is None:
        return {"all": checksum(table)}
    return {str(on or "none"): checksum(_of(table, str(on or "none"))) for on in pc.unique(table[name]).to_pylist()}


def _of(table: pa.Table, on: str) -> pa.Table:
    name = _date_column(table)
    if name is None:
        return table
    wanted = pc.is_null(table[name]) if on == "none" else pc.equal(table[name], pa.scalar(datetime.fromisoformat(on).date()))
    return table.filter(wanted)


def checksum(table: pa.Table) -> str:
    """Says which values stand where, whatever pieces or buffers Arrow has them in."""
    digest = hashlib.sha256(str(table.num_rows).encode())
    for name in table.schema.names:
        column = table[name].combine_chunks()
        column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
        digest.update(f"{name} {column.type}".encode())
        digest.update(np.asarray(pc.is_null(column)).tobytes())
        digest.update(_values(column))
    return digest.hexdigest()


def _values(column: pa.Array) -> bytes:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_string(column.type):
        filled = pc.fill_null(column, "")
        return np.asarray(pc.binary_length(filled)).tobytes() + "".join(filled.to_pylist()).encode()
    if pa.types.is_decimal(column.type):
        filled = pc.fill_null(column, pa.scalar(Decimal(0), column.type))
        width = column.type.byte_width
        data = filled.buffers()[1]
        return data.to_pybytes()[filled.offset * width : (filled.offset + len(filled)) * width] if data else b""
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column, 0.0)).tobytes()
    return np.asarray(pc.fill_null(column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64()), 0)).tobytes()


def _shown(mine: pa.Table, theirs: pa.Table) -> str:
    """Rows that only one has; of those that differ in few columns only these."""
    names = mine.schema.names
    a, b = (Counter(zip(*(table[name].to_pylist() for name in names), strict=True)) for table in (mine, theirs))
    only, other = (sorted((x - y).elements(), key=repr) for x, y in ((a, b), (b, a)))
    if len(only) == len(other):
        pairs = [
            [f"{n}: {x!r} and {y!r}" for n, x, y in zip(names, one, two, strict=True) if x != y]
            for one, two in zip(only, other, strict=True)
        ]
        return f"{len(only)} of {mine.num_rows} rows; " + "; ".join(
            f"{only[n][:3]}: {', '.join(pair)}" for n, pair in enumerate(pairs[:SHOWN])
        )
    return f"{mine.num_rows} and {theirs.num_rows} rows; only in the first: {only[:SHOWN]}; only in the other: {other[:SHOWN]}"


def view_rows(warehouse: Warehouse, view: str) -> Rows:
    rows = warehouse.rows(f"SELECT * FROM {view}")
    if view not in OF_A_COMMIT:
        return rows
    place, seen = OF_A_COMMIT[view], Counter[tuple[Any, ...]]()
    numbered = []
    for row in sorted(rows, key=lambda row: row[: place + 1]):
        seen[row[:place]] += 1
        numbered.append((*row[:place], seen[row[:place]], *row[place + 1 :]))
    return numbered


def view_differences(mine: Rows, theirs: Rows) -> list[str]:
    """Lines for rows of a view that are not the same in two engines: values of equal types, doubles as near as `NEAR`."""
    if len(mine) != len(theirs):
        return [f"{len(mine)} and {len(theirs)} rows"]
    pairs = list(zip(_in_order(mine, theirs), _in_order(theirs, mine), strict=True))
    different = [(one, two) for one, two in pairs if not all(map(_same, one, two))]
    return [f"{len(different)} of {len(mine)} rows, such as {one} and {two}" for one, two in different[:1]]


def _in_order(rows: Rows, others: Rows) -> Rows:
    """By every column without doubles, then by those."""
    width = len(rows[0]) if rows else 0
    floats = {n for n in range(width) if any(isinstance(row[n], float) for part in (rows, others) for row in part)}
    order = [n for n in range(width) if n not in floats] + sorted(floats)
    return sorted(rows, key=lambda row: [(row[n] is not None, "" if row[n] is None else row[n]) for n in order])


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, float) and isinstance(two, float):
        return math.isclose(one, two, rel_tol=NEAR, abs_tol=NEAR) or (math.isnan(one) and math.isnan(two))
    return type(one) is type(two) and bool(one == two)
