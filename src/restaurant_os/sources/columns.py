"""Rows of plain Python values into Arrow, a column at a time, exactly.

Rows are tuples in the order of their table's columns. In them money is a float as decoded from JSON, an instant is the
API's text, and a date is days since 1970-01-01.

Money: a JSON number with at most four decimals and a magnitude under 1e10 survives a double: the double nearest to it, times
ten thousand, is within 2e-2 of the whole number it stands for, so rounding gives that number exactly. The same rounding
takes float artefacts (10.290000000000001) off. A property test holds this against Decimal.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from restaurant_os.batch import COPY
from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.tables import COUNT, DATE, INSTANT, LOADED_AT, MONEY, Column, TableSpec
from restaurant_os.tables.dims import read_columns
from restaurant_os.text import printable

MONEY_LIMIT = 1e10
#: No business date is outside of these; a zone can be worked out for all days between.
FIRST_YEAR, LAST_YEAR = 1970, 2199
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Dates(dict[int, int]):
    """yyyymmdd as an int -> days since 1970-01-01, each worked out once."""

    def __missing__(self, value: int) -> int:
        try:
            if not FIRST_YEAR <= value // 10000 <= LAST_YEAR:
                raise ValueError
            days = date(value // 10000, value // 100 % 100, value % 100).toordinal() - EPOCH_ORDINAL
        except ValueError:
            raise RejectedRecordError(Place(None, "business date", f"{value} is not a date as yyyymmdd")) from None
        self[value] = days
        return days


DATES = Dates()


def money(columns: Sequence[Sequence[float | None]], names: Sequence[str]) -> list[pa.Array]:
    """Columns of dollars as doubles, all of one length -> decimal(18, 4) each, rounded half to even at the fourth place.

    Taken together, since for the rows of a page the calls cost more than the numbers.
    """
    raw = np.array(columns, dtype=np.float64)  # None becomes NaN
    missing = np.isnan(raw)
    raw[missing] = 0.0
    for name, values, found, gone in zip(names, columns, raw, missing, strict=True):
        if found.size and (not np.abs(found).max() < MONEY_LIMIT or gone.sum() != values.count(None)):
            raise RejectedRecordError(Place(None, name, f"an amount is {MONEY_LIMIT:.0e} or more, or no number"))
    words = np.empty((*raw.shape, 2), dtype=np.int64)
    words[..., 0] = np.rint(raw * 10_000.0)
    words[..., 1] = words[..., 0] >> 63  # the sign, carried into the upper half of the 128 bits
    return [_decimals(own, gone) for own, gone in zip(words, missing, strict=True)]


def _decimals(words: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> pa.Array:
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(MONEY, len(words), [validity, pa.py_buffer(words)])


def instants(columns: Sequence[Sequence[str | None]], names: Sequence[str]) -> list[pa.Array]:
    """Columns of ISO-8601 text with an offset (Toast: `2026-03-01T04:00:00.000+0000`), all of one length -> UTC instants each."""
    length = len(columns[0]) if columns else 0
    try:
        found = pa.array(itertools.chain.from_iterable(columns), pa.string(), size=length * len(columns)).cast(INSTANT)
    except pa.ArrowInvalid:
        name, bad = next((n, v) for n, values in zip(names, columns, strict=True) for v in values if v is not None and not _is_instant(v))
        raise RejectedRecordError(Place(None, name, f"'{printable(bad, 60)}' is not a time with an offset")) from None
    return [found.slice(start * length, length) for start in range(len(columns))]


def _is_instant(text: str) -> bool:
    try:
        pa.array([text]).cast(INSTANT)
    except pa.ArrowInvalid:
        return False
    return True


def arrays(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> list[pa.Array]:
    """Every column's values as its Arrow type.

    Raises:
        RejectedRecordError: a value does not fit; names the API field of its column.
    """
    found: dict[int, pa.Array] = {}
    for kind, together in ((MONEY, money), (INSTANT, instants)):
        places = [place for place, column in enumerate(columns) if column.type == kind]
        own = together([values[place] for place in places], [columns[place].source for place in places]) if places else []
        found.update(zip(places, own, strict=True))
    return [found[place] if place in found else _array(column, values[place]) for place, column in enumerate(columns)]


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    if column.type == DATE:
        return pa.array(values, pa.int32()).view(DATE)
    try:
        return pa.array(values, column.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as problem:
        raise RejectedRecordError(Place(None, column.source, printable(problem))) from None


def transposed(table: TableSpec, rows: list[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    """Rows -> columns, `width` of them."""
    if not rows:
        return [()] * width
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    if len(columns) != width:
        raise AssertionError(f"{table.name}: rows have {len(columns)} values, {width} expected")
    return columns


@cache
def staged_columns(spec: TableSpec) -> tuple[Column, ...]:
    """A table as it is staged: the columns that a source gives, then the copy number."""
    given = read_columns(spec) if spec.role == "history" else (c for c in spec.columns if c.name != LOADED_AT)
    return (*given, Column(COPY, COUNT, "ours", "Which copy of the record the row belongs to."))


@cache
def staged_schema(spec: TableSpec) -> pa.Schema:
    return pa.schema([(c.name, c.type) for c in staged_columns(spec)])
