"""The views of a warehouse file against the simulator's books, figure by figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from toast_simulator import Toast
from warehouse_reading import read

CENT = Decimal("0.01")
MINUTE = Decimal(1) / 60
#: Discounts by name, as the simulator's world knows their kind (docs/simulator.md).
COMPS = '[discounts]\ncomp = ["Full Comp", "Manager Discount"]\n'


@dataclass(frozen=True)
class Book:
    """A book of the simulator and the view that must say the same. `hours`: columns that must agree to the minute, the rest to the cent."""

    name: str
    view: str
    hours: frozenset[str] = frozenset()
    closed_only: bool = False


BOOKS = (
    Book("sales", "daily_profitability"),
    Book("labor", "daily_profitability", frozenset({"regular_hours", "overtime_hours", "labor_hours", "salaried_hours"}), closed_only=True),
    Book("cash", "daily_cash", closed_only=True),
    Book("close", "daily_close"),
)
KEYS = ("restaurant_guid", "business_date")


@dataclass(frozen=True)
class Compared:
    """What came of one book: how many values were compared, and those that disagree, each as a line to read."""

    values: int
    differences: tuple[str, ...]


def compare(warehouse: Path, toast: Toast, last_closed: date) -> dict[str, Compared]:
    """Every figure of every book with the view's, and every day of a view that no book knows with nought.

    Labor and cash up to `last_closed`: on a day that is still open they move with every minute.
    """
    return {book.name: _compare(book, warehouse, toast.book(book.name), last_closed) for book in BOOKS}


def _compare(book: Book, warehouse: Path, rows: list[dict[str, Any]], last_closed: date) -> Compared:
    columns = [name for name in (rows[0] if rows else {}) if name not in KEYS]
    ours = {
        (guid, on): dict(zip(columns, values, strict=True))
        for guid, on, *values in read(warehouse, f"SELECT {', '.join((*KEYS, *columns))} FROM {book.view}")
    }
    theirs = {(row["restaurant_guid"], date.fromisoformat(row["business_date"])): row for row in rows}
    days = sorted(key for key in ours.keys() | theirs.keys() if not book.closed_only or key[1] <= last_closed)
    lines = [line for key in days for line in _day(book, columns, key, ours.get(key), theirs.get(key), has_begun=key[1] <= last_closed)]
    return Compared(len(days) * len(columns), tuple(lines))


def _day(
    book: Book,
    columns: list[str],
    key: tuple[str, date],
    ours: Mapping[str, Any] | None,
    theirs: Mapping[str, Any] | None,
    *,
    has_begun: bool,
) -> Iterator[str]:
    for column in columns:
        mine, wanted = (ours or {}).get(column), (theirs or {}).get(column)
        if mine is None and not has_begun:
            continue  # where nothing counts yet, a day to come has no figures, and a reason
        if theirs is None and (mine is None or isinstance(mine, str)):
            continue  # a day no book knows has no figures
        if not _agree(mine, wanted, MINUTE if column in book.hours else CENT / 2):
            yield f"{book.name}: {key[0]} {key[1]} {column}: {mine} here, {wanted} in the books"


def _agree(mine: Any, wanted: Any, within: Decimal) -> bool:
    if mine is None or (wanted is None and not isinstance(mine, (int, Decimal))):
        return mine == wanted or (mine is None and _is_nought(wanted))
    if isinstance(mine, str):
        return bool(mine == wanted)
    return abs(Decimal(mine) - Decimal(wanted or 0)) < within


def _is_nought(value: Any) -> bool:
    return value is None or (not isinstance(value, bool) and str(value).lstrip("-").strip("0.") == "")
