"""What a metric is: a value that says how it is made, and makes it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from restaurant_os.views.expressions import exact

Unit = Literal["money", "count", "hours", "percent", "money per hour", "ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a metric is made of: columns added, columns taken off, and for a ratio the columns under the line.

    A ratio is a double, unrounded, times `factor`. It has no value where one of its columns has none or the denominator is not above
    zero. Nothing has a value where the column `unless` gives a reason, or one of the columns `known_by` is null.
    """

    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    factor: int = 1
    unless: str = ""
    known_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `how` it comes to be: the tables its rows are summed from, or what it is made of."""

    name: str
    unit: Unit
    meaning: str
    how: str | Made

    @property
    def source(self) -> str:
        """The tables it is summed from."""
        return self.how if isinstance(self.how, str) else "the columns it is made of"

    @property
    def is_ratio(self) -> bool:
        return isinstance(self.how, Made) and bool(self.how.over)

    @property
    def numerator(self) -> tuple[str, ...]:
        """The columns added up, above the line where there is one."""
        return self.how.plus if isinstance(self.how, Made) else (self.name,)

    @property
    def denominator(self) -> tuple[str, ...]:
        return self.how.over if isinstance(self.how, Made) else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns it is made of."""
        return (*self.how.plus, *self.how.minus, *self.how.over) if isinstance(self.how, Made) else ()

    @property
    def formula(self) -> str:
        """How it is made, in words."""
        if isinstance(self.how, str):
            return f"sum over {self.how}"
        above = " + ".join(self.how.plus) + "".join(f" - {name}" for name in self.how.minus)
        if not self.how.over:
            return above
        ratio = f"{_in_brackets(above)} / {_in_brackets(' + '.join(self.how.over))}"
        return ratio if self.how.factor == 1 else f"{ratio} x {self.how.factor}"

    def of(self, rows: Any) -> Any:
        """The metric as an expression over the columns it is made of."""
        import ibis

        made = self.how
        if isinstance(made, str):
            return rows[self.name]
        above = _sum(rows, made.plus, made.minus)
        given = [rows[name].isnull() for name in (made.unless,) if name] + [rows[name].notnull() for name in made.known_by]
        if not made.over:
            value = exact(above)
            return ibis.cases((_all(given), value)) if given else value
        below = _sum(rows, made.over)
        # The denominator itself is made null: an engine may divide before it looks at a condition around the division.
        safe = ibis.cases((_all([*given, below > 0]), below.cast("float64")))
        return above.cast("float64") * float(made.factor) / safe


def _all(conditions: Sequence[Any]) -> Any:
    return functools.reduce(operator.and_, conditions)


def _in_brackets(terms: str) -> str:
    return f"({terms})" if " " in terms else terms


def _sum(rows: Any, plus: Sequence[str], minus: Sequence[str] = ()) -> Any:
    total = rows[plus[0]]
    for name in plus[1:]:
        total = total + rows[name]
    for name in minus:
        total = total - rows[name]
    return total
