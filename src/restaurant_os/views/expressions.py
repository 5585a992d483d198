"""What every view is built with: unbound tables, exact sums of parts, columns of another table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from restaurant_os.tables import BY_NAME, COUNT, DATE, FLAG, INSTANT, MONEY, REAL, TEXT

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
    """Rows that have the key's columns, and the figures they add to a stack. `kept`: columns of which the stack keeps the greatest."""

    rows: Any
    figures: Mapping[str, Figure]
    kept: tuple[str, ...] = ()


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


def stack(parts: Sequence[Part], key: Sequence[str], kept: Mapping[str, str] | None = None) -> Any:
    """One row per key that any part has: figures summed (null where no row has one), columns of `kept` (with their types) the greatest."""
    import ibis

    kept = kept or {}
    figures = list(dict.fromkeys(name for part in parts for name in part.figures))

    def laid_out(part: Part) -> Any:
        own = {name: figure(part.rows) for name, figure in part.figures.items()}
        own |= {name: part.rows[name] for name in part.kept}
        kinds = dict.fromkeys(figures, MONEY_TYPE) | dict(kept)
        return part.rows.select(*key, **{name: own.get(name, ibis.null(kind)) for name, kind in kinds.items()})

    stacked = ibis.union(*map(laid_out, parts), distinct=False) if len(parts) > 1 else laid_out(parts[0])
    return stacked.group_by(list(key)).agg(
        **{name: exact(stacked[name].sum()) for name in figures}, **{name: stacked[name].max() for name in kept}
    )


def joined(rows: Any, other: Any, on: Sequence[str], how: str = "left", **columns: str) -> Any:
    """`rows` with columns of the one row of `other` that is equal in `on`: new name = name there."""
    renamed = other.select(**{f"{name}_": other[name] for name in on}, **{new: other[name] for new, name in columns.items()})
    found = rows.join(renamed, [rows[name] == renamed[f"{name}_"] for name in on], how=how)
    return found.select(*rows.columns, *columns)


def filled(rows: Any, names: Sequence[str], known: Any = None, counts: Sequence[str] = ()) -> dict[str, Any]:
    """The columns `names` as new ones: sums of nothing are 0 where `known` holds (everywhere, without it), else null. Counts are whole."""
    import ibis

    nothing = ibis.literal(0).cast(MONEY_TYPE)
    found = {}
    for name in names:
        value = rows[name].coalesce(nothing)
        value = value if known is None else ibis.cases((known, value), else_=ibis.null(MONEY_TYPE))
        found[name] = value.cast("int64") if name in counts else value
    return found
