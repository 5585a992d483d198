"""What every view is built with: unbound tables, exact sums of parts, columns of another table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from restaurant_os.tables import BY_NAME, COUNT, DATE, FLAG, INSTANT, MONEY, RATE, REAL, TEXT

MONEY_TYPE = f"decimal({MONEY.precision}, {MONEY.scale})"
#: Ibis takes a product or difference of two decimals to be of their own type and drops a cast to it. One of another type keeps the cast.
WIDE_MONEY_TYPE = f"decimal(20, {MONEY.scale})"
INSTANT_TYPE = "timestamp('UTC', 6)"
IBIS_TYPES = {
    MONEY: MONEY_TYPE,
    INSTANT: INSTANT_TYPE,
    DATE: "date",
    TEXT: "string",
    FLAG: "boolean",
    COUNT: "int64",
    REAL: "float64",
    RATE: f"decimal({RATE.precision}, {RATE.scale})",
}

DAY = ("restaurant_guid", "business_date")

#: A figure of a part's rows: a decimal, null where a row has none.
Figure = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class View:
    """One view: its name, what it shows, its columns with their meanings, and how its expression is made."""

    name: str
    meaning: str
    columns: tuple[tuple[str, str], ...]
    expression: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that have the key's columns, and the figures they add to a stack; rows without any still give it their keys."""

    rows: Any
    figures: Mapping[str, Figure] = field(default_factory=dict)


def table(name: str) -> Any:
    """An unbound table with the columns of its spec."""
    import ibis

    return ibis.table({c.name: IBIS_TYPES[c.type] for c in BY_NAME[name].columns}, name=name)


def exact(column: Any) -> Any:
    """A decimal with four places, in every engine."""
    import ibis

    is_taken_for_exact = column.type() == ibis.dtype(MONEY_TYPE)
    return (column.cast(WIDE_MONEY_TYPE) if is_taken_for_exact else column).cast(MONEY_TYPE)


def one(_: Any) -> Any:
    """Counts a row."""
    import ibis

    return ibis.literal(1).cast(MONEY_TYPE)


def when(condition: Callable[[Any], Any], figure: Figure = one) -> Figure:
    """The figure of the rows of which the condition holds."""
    import ibis

    return lambda rows: ibis.cases((condition(rows), figure(rows)), else_=ibis.null(MONEY_TYPE))


def negative(figure: Figure) -> Figure:
    return lambda rows: exact(-figure(rows))


def column(name: str) -> Figure:
    return lambda rows: rows[name]


def stack(parts: Sequence[Part], key: Sequence[str]) -> Any:
    """One row per key that any part has, with its figures summed: null where no row has one."""
    import ibis

    figures = list(dict.fromkeys(name for part in parts for name in part.figures))
    nothing = ibis.null(MONEY_TYPE)
    # Keys alone are put together before they get a column of nothing for each figure: what a view costs is its length.
    bare = [part.rows.select(*key) for part in parts if not part.figures]
    parts = [part for part in parts if part.figures] + ([Part(_union(bare))] if bare else [])

    def laid_out(part: Part) -> Any:
        own = {name: figure(part.rows) for name, figure in part.figures.items()}
        return part.rows.select(*key, **{name: own.get(name, nothing) for name in figures})

    stacked = _union(list(map(laid_out, parts)))
    return stacked.group_by(list(key)).agg(**{name: exact(stacked[name].sum()) for name in figures})


def _union(tables: Sequence[Any]) -> Any:
    import ibis

    return ibis.union(*tables, distinct=False) if len(tables) > 1 else tables[0]


def joined(rows: Any, other: Any, on: Sequence[str], how: str = "left", **columns: str) -> Any:
    """`rows` with columns of the one row of `other` that is equal in `on`: new name = name there."""
    return all_joined(rows, (other, on, columns), how=how)


def all_joined(rows: Any, *others: tuple[Any, Sequence[str], Mapping[str, str]], how: str = "left") -> Any:
    """The same with several tables at once, which is planned faster than one after the other."""
    found, names = rows, list(rows.columns)
    for place, (other, on, columns) in enumerate(others):
        own = {f"{name}_{place}": other[name] for name in on}
        renamed = other.select(**own, **{new: other[name] for new, name in columns.items()})
        found = found.join(renamed, [rows[name] == renamed[f"{name}_{place}"] for name in on], how=how)
        names += columns
    return found.select(*names)


def filled(rows: Any, names: Sequence[str], known: Any = None, counts: Sequence[str] = ()) -> dict[str, Any]:
    """The columns `names` as new ones: sums of nothing are 0 where `known` holds (everywhere, without it), else null. Counts are whole."""
    import ibis

    nothing = ibis.literal(0).cast(MONEY_TYPE)
    found = {}
    for name in names:
        value = rows[name].coalesce(nothing)
        value = value if known is None else ibis.cases((known, value))
        found[name] = value.cast("int64") if name in counts else value
    return found
