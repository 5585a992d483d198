"""Columns of facts that hold a name which only a dimension knows: filled in the transaction that brings the fact, or the dimension.

Which name: the one of the state that applied when the fact happened. So it does not matter which of the two comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from restaurant_os.tables import DIM_SALES_CATEGORIES, FACT_ORDER_ITEMS, Dataset, TableSpec
from restaurant_os.warehouse.merge import Run, day, instant, text


@dataclass(frozen=True, slots=True)
class Lookup:
    """`table.column` is what `dimension` calls the record `by` at the instant `at`: its column of the same name."""

    table: TableSpec
    column: str
    by: str
    at: str
    dimension: TableSpec

    def __post_init__(self) -> None:
        if self.column not in self.table.incidental:
            raise ValueError(f"{self.table.name}.{self.column} is content of its row: filling it later would count as a change")


LOOKUPS = (Lookup(FACT_ORDER_ITEMS, "sales_category_name", by="sales_category_guid", at="opened_at", dimension=DIM_SALES_CATEGORIES),)


def of_facts(run: Run, dataset: Dataset, days: Iterable[tuple[str, date]]) -> None:
    """Facts of `days` are new or changed: fill what they lack."""
    changed = set(days)
    for lookup in LOOKUPS:
        if changed and lookup.table in dataset.tables:
            _fill_days(run, lookup, changed)


def of_dimension(run: Run, dimension: TableSpec, effective: Mapping[str, datetime]) -> None:
    """States of `dimension` began or ended, by location at these instants: fill what could not be known before.

    A fact that is younger than the read, and came before it, was given the name of the state before.
    """
    for lookup in LOOKUPS:
        if lookup.dimension is dimension:
            for guid, at in sorted(effective.items()):
                here = f"{lookup.table.name}.restaurant_guid = {text(guid)}"
                run(_update(lookup, f"{here} AND ({lookup.column} IS NULL OR {lookup.at} >= {instant(at)})"))


def _fill_days(run: Run, lookup: Lookup, days: set[tuple[str, date]]) -> None:
    locations = f"restaurant_guid IN ({', '.join(text(guid) for guid in sorted({guid for guid, _ in days}))})"
    if not run(f"SELECT 1 FROM {lookup.dimension.name} WHERE {locations} LIMIT 1"):
        return
    dates = ", ".join(day(on) for on in sorted({on for _, on in days}))
    run(_update(lookup, f"{lookup.table.name}.{locations} AND {lookup.table.partition} IN ({dates}) AND {lookup.column} IS NULL"))


def _update(lookup: Lookup, where: str) -> str:
    table = lookup.table.name
    return f"""UPDATE {table} SET {lookup.column} = d.found FROM (
            SELECT restaurant_guid AS place, {lookup.by} AS id, {lookup.column} AS found, applies_from, applies_to FROM {lookup.dimension.name}) AS d
        WHERE {where} AND d.place = {table}.restaurant_guid AND d.id = {table}.{lookup.by}
            AND {lookup.at} >= d.applies_from AND (d.applies_to IS NULL OR {lookup.at} < d.applies_to)
            AND {lookup.column} IS DISTINCT FROM d.found"""
