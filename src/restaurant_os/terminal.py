"""What a person sees: tables, progress, errors. Progress and errors go to stderr, results to stdout."""

from __future__ import annotations

import csv
import io
import itertools
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from restaurant_os.app import App
from restaurant_os.errors import RestaurantOSError, StoppedError, UsageError
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import DayStatus
from restaurant_os.pipeline.sync import LocationResult
from restaurant_os.settings import Location
from restaurant_os.text import count, printable

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)

#: A last column whose values are longer than this may be broken into lines; others never are.
PROSE = 16
#: A spreadsheet takes a cell that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plain(value: object) -> Any:
    """A value as JSON says it: money as a string, dates and instants in ISO format."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value if not isinstance(value, float) or (value == value and abs(value) != float("inf")) else str(value)
    return str(value)


def print_json(document: object) -> None:
    """One JSON document on stdout. Characters that it cannot take are written as JSON escapes them."""
    said = plain(document)
    text = json.dumps(said, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(said, indent=2)
    sys.stdout.write(text + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; text columns to the left, numbers to the right. Text is shown as it is, never as markup."""
    found = [list(row) for row in rows]
    table = Table(
        title=Text(title) if title else None, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    needed = 2
    for place, name in enumerate(columns):
        values = [row[place] for row in found]
        numeric = any(value is not None for value in values) and all(value is None or _is_number(value) for value in values)
        widest = max([len(shown(value)) for value in values] + [len(word) for word in name.split()])
        is_prose = place == len(columns) - 1 and widest > PROSE
        table.add_column(Text(name), justify="right" if numeric else "left", width=None if is_prose else widest, overflow="fold")
        needed += 2 + (PROSE if is_prose else widest)
    for row in found:
        table.add_row(*(Text(shown(value)) for value in row))
    wide = out if needed <= out.width else Console(highlight=False, width=needed)
    wide.print(table)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = f"{value:,f}"
        return text if not value.is_finite() or len(text.partition(".")[2].rstrip("0")) > 2 else f"{value:,.2f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" + ("Z" if value.tzinfo else "")
    return printable(value, 200)


def print_error(problem: RestaurantOSError, *, prefix: str = "") -> None:
    """One clear message with its next step, on stderr."""
    err.print(Text(f"{prefix}{printable(problem.message, 1_000)}", style="bold red"), soft_wrap=True)
    if problem.next_step:
        err.print(Text(f"  -> {printable(problem.next_step, 1_000)}"), soft_wrap=True)


def write_result(table: pa.Table, kind: str, output: Path | None) -> None:
    """A query's result in the format asked for, to stdout or a file.

    Raises:
        UsageError: the file cannot be written, or parquet would go to a terminal.
    """
    if kind == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("query: parquet is not for a terminal.", next_step="Name a file: --output result.parquet")
    if kind == "table" and output is None:
        print_table("", table.column_names, zip(*map(_values, table.columns), strict=True) if table.num_rows else [])
        return
    data = _encoded(table, kind)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as problem:
        raise UsageError(f"query: {output} cannot be written: {problem.strerror}.", next_step="Name another file with --output.") from None


def _encoded(table: pa.Table, kind: str) -> bytes:
    if kind == "parquet":
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        try:
            pq.write_table(table, sink)
        except pa.ArrowNotImplementedError as problem:
            raise UsageError(
                f"query: {printable(problem, 200)}.", next_step="Cast that column to text in the SQL, or take another format."
            ) from None
        return bytes(sink.getvalue())
    columns = [_values(column) for column in table.columns]
    if kind == "json":
        rows = [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
        return (json.dumps(plain(rows), indent=2, ensure_ascii=False) + "\n").encode()
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_cell(name) for name in table.column_names])
    writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))
    return text.getvalue().encode()


def _values(column: pa.ChunkedArray) -> list[Any]:
    """A column's values. Dates and times that Python cannot hold (after the year 9999, endless, of nanoseconds) are text."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_value(one) for one in column]


def _value(one: pa.Scalar) -> Any:
    try:
        return one.as_py()
    except (OverflowError, ValueError):
        if pa.types.is_struct(one.type):
            return {name: _value(inner) for name, inner in one.items()}
        if pa.types.is_nested(one.type):
            return [_value(inner) for inner in one.values]
        if abs(one.value) == (1 << one.type.bit_width - 1) - 1:
            return "infinity" if one.value > 0 else "-infinity"
        return str(one.cast(pa.string()))


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return "" if value is None else plain(value)


def runs_of_days(days: Sequence[DayStatus]) -> list[Sequence[object]]:
    """Days in order, neighbours of one location, dataset and state joined into a row."""
    rows: list[Sequence[object]] = []
    for (_, _, state, why), group in itertools.groupby(days, key=lambda d: (d.location.toast_guid, d.dataset, d.state, d.why)):
        run = list(group)
        first, last = run[0].business_date, run[-1].business_date
        span = f"{first}" if first == last else f"{first} - {last:%m-%d}" if first.year == last.year else f"{first} - {last}"
        read = max((d.last_read_at for d in run if d.last_read_at), default=None)
        rows.append(
            (run[0].location.name, run[0].dataset, span, state, sum(d.rows for d in run), f"{read:%m-%d %H:%M}Z" if read else "", why)
        )
    return rows


#: One record of a dataset, and several.
NOUNS = {
    "orders": ("order", "orders"),
    "labor": ("punch or shift", "punches and shifts"),
    "cash": ("entry", "entries and deposits"),
    "config": ("record", "records"),
}


def print_results(dataset: str, results: Sequence[LocationResult]) -> None:
    """What a sync did at each location and in all, and what went wrong."""
    rows = [
        (r.location.name, r.rows_read, r.rows_added, r.rows_changed, r.rows_quarantined, "failed" if r.error else "ok") for r in results
    ]
    print_table("", ("location", "read", "new", "changed", "quarantined", ""), rows)
    added, changed = sum(r.rows_added for r in results), sum(r.rows_changed for r in results)
    out.print(
        f"{dataset}: {count(sum(r.rows_read for r in results), *NOUNS[dataset])} read, {added:,} new, {changed:,} changed.",
        highlight=False,
    )
    if quarantined := sum(r.rows_quarantined for r in results):
        err.print(
            f"{count(quarantined, 'record')} could not be read and are in quarantine; `restaurant-os doctor` says more.", soft_wrap=True
        )
    print_failures(results)
    if unstable := sum(r.unstable for r in results):
        err.print(f"{count(unstable, 'window')} still moved on the last pass: landed, and asked again by the next sync.", soft_wrap=True)


def print_notes(notes: Sequence[tuple[str, str, str]]) -> None:
    """What a person should know that is no failure: where, what was found, what to do about it."""
    for location, found, next_step in notes:
        err.print(Text(f"{printable(location, 60)}: {printable(found, 500)}", style="yellow"), soft_wrap=True)
        err.print(Text(f"  -> {printable(next_step, 500)}"), soft_wrap=True)


def print_failures(results: Sequence[LocationResult]) -> None:
    """One message per cause, with the locations it struck."""
    causes: dict[tuple[type[RestaurantOSError], str], dict[str, RestaurantOSError]] = {}
    for result in results:
        problems: list[RestaurantOSError | None] = [problem for _, problem in result.failures]
        for problem in problems or [result.error]:
            if problem and not isinstance(problem, StoppedError):
                causes.setdefault((type(problem), problem.next_step), {}).setdefault(result.location.name, problem)
    for struck in causes.values():
        first, *others = struck
        print_error(struck[first], prefix=f"{printable(first, 60)}: ")
        if others:
            told = ", ".join(printable(name, 60) for name in others)
            err.print(Text(f"  The same at: {printable(told, 1_000)}"), soft_wrap=True)
    if any(isinstance(result.error, StoppedError) for result in results):
        err.print("Stopped. What was committed is in; run the same command again to go on.")


@dataclass
class SyncProgress:
    """A bar over all windows with what is left and how long, and a line for whatever keeps a location waiting."""

    label: str
    names: dict[str, str]
    noun: tuple[str, str]
    enabled: bool = True
    _rows: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("windows"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rows]}"),
            console=err,
            disable=not self.enabled,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> SyncProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def planned(self, windows: int) -> None:
        self._task = self._bar.add_task(self.label, total=windows, rows="")

    def page(self, location: Location, new_rows: int) -> None:
        with self._lock:
            self._rows += new_rows
            total = self._rows
        if self._task is not None:
            self._bar.update(self._task, rows=count(total, *self.noun))

    def window_read(self, location: Location) -> None:
        if self._task is not None:
            self._bar.advance(self._task)

    def waiting(self, location: str, why: str, seconds: float) -> None:
        if self.enabled and seconds >= 1:
            print_wait(self._bar.console, self.names.get(location, location), why, seconds)


def print_wait(console: Console, name: str, why: str, seconds: float) -> None:
    """A line above the bars for whatever keeps a location waiting."""
    console.print(Text(f"{printable(name, 60)}: {printable(why, 200)} Again in {seconds:.0f} s.", style="dim"))


def run_sync(
    app: App, dataset: str, locations: Sequence[Location], span: Span | None, *, show: bool, label: str = ""
) -> list[LocationResult]:
    """A sync of a dataset under its progress bar."""
    names = {x.toast_guid: x.name for x in locations}
    with stoppable(app.stop), SyncProgress(label or dataset, names, NOUNS[dataset], enabled=show) as progress:
        app.on_wait = progress.waiting
        return app.sync(dataset).run(locations, span, progress)


@contextmanager
def stoppable(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM ask what runs to `stop`, which it does after the page it is reading; a second one ends the process at once."""

    def heard(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
