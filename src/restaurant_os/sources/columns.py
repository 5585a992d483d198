"""Rows of plain Python values into Arrow, a column at a time, exactly.

Rows are tuples in the order of their table's columns. In them money is a float as decoded from JSON, an instant is the
API's text, and a date is days since 1970-01-01.

Money: a JSON number with at most four decimals and a magnitude under 1e10 survives a double: the double nearest to it, times
ten thousand, is within 2e-2 of the whole number it stands for, so rounding gives that number exactly. The same rounding
takes float artefacts (10.290000000000001) off. A property test holds this against Decimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from restaurant_os.errors import Place, RejectedRecordError
from restaurant_os.tables import DATE, INSTANT, MONEY, Column, TableSpec
from restaurant_os.text import printable

MONEY_LIMIT = 1e10
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Dates(dict[int, int]):
    """yyyymmdd as an int -> days since 1970-01-01, each worked out once."""

    def __missing__(self, value: int) -> int:
        try:
            days = date(value // 10000, value // 100 % 100, value % 100).toordinal() - EPOCH_ORDINAL
        except ValueError:
            raise RejectedRecordError(Place(None, "business date", f"{value} is not a date as yyyymmdd")) from None
        self[value] = days
        return days


DATES = Dates()


def money(values: Sequence[float | None], name: str) -> pa.Array:
    """Dollars as doubles -> decimal(18, 4), rounded half to even at the fourth place."""
    doubles = pa.array(values, pa.float64())
    null_count = doubles.null_count
    raw = doubles.fill_null(0.0).to_numpy() if null_count else doubles.to_numpy()
    if len(raw) and not np.abs(raw).max() < MONEY_LIMIT:
        raise RejectedRecordError(Place(None, name, f"an amount is {MONEY_LIMIT:.0e} or more, more than a restaurant sells"))
    words = np.empty((len(raw), 2), dtype=np.int64)
    words[:, 0] = np.rint(raw * 10_000.0).astype(np.int64)
    words[:, 1] = words[:, 0] >> 63  # the sign, carried into the upper half of the 128 bits
    validity = doubles.is_valid() if null_count else None
    buffers = [_bitmap(validity) if validity is not None else None, pa.py_buffer(words)]
    return pa.Array.from_buffers(MONEY, len(raw), buffers, null_count=null_count)


def _bitmap(valid: pa.BooleanArray) -> pa.Buffer:
    return pa.py_buffer(np.packbits(valid.to_numpy(zero_copy_only=False), bitorder="little"))


def instants(values: Sequence[str | None], name: str) -> pa.Array:
    """ISO-8601 text with an offset (Toast: `2026-03-01T04:00:00.000+0000`) -> UTC instants."""
    texts = pa.array(values, pa.string())
    try:
        return texts.cast(INSTANT)
    except pa.ArrowInvalid:
        found = next((v for v in values if v is not None and not _is_instant(v)), "")
        raise RejectedRecordError(Place(None, name, f"'{printable(found, 60)}' is not a time with an offset")) from None


def _is_instant(text: str) -> bool:
    try:
        pa.array([text]).cast(INSTANT)
    except pa.ArrowInvalid:
        return False
    return True


def column(spec: Column, values: Sequence[Any]) -> pa.Array:
    """One column's values as its Arrow type."""
    if spec.type == MONEY:
        return money(values, spec.source)
    if spec.type == INSTANT:
        return instants(values, spec.source)
    if spec.type == DATE:
        return pa.array(values, pa.int32()).cast(DATE)
    try:
        return pa.array(values, spec.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as problem:
        raise RejectedRecordError(Place(None, spec.source, printable(problem))) from None


def transposed(table: TableSpec, rows: list[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    """Rows -> columns, `width` of them."""
    if not rows:
        return [()] * width
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    if len(columns) != width:
        raise AssertionError(f"{table.name}: rows have {len(columns)} values, {width} expected")
    return columns
