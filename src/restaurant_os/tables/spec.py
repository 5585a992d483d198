"""What a table is: columns with Arrow types, API fields and meanings; a key, a version, a partition, and how a commit treats it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import pyarrow as pa

#: Exact to four places in every engine, so that a day's sum matches the API to the cent.
MONEY = pa.decimal128(18, 4)
PLACES = Decimal("0.0001")
#: A rate or percentage: a tax of 8.875 % is 0.08875, so four places are too few.
RATE = pa.decimal128(18, 8)
RATE_PLACES = Decimal("0.00000001")
#: An instant, in UTC.
INSTANT = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
DATE = pa.date32()
FLAG = pa.bool_()
COUNT = pa.int64()
REAL = pa.float64()

LOADED_AT = "_loaded_at"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: pa.DataType
    #: The API field it comes from, or "ours".
    source: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One warehouse table. `version` is the column by which a newer row is told from an older one.

    `role` says how a commit treats it: a `header` gates its children, which are replaced as one set with it; the rows of a
    `day_set` are replaced together, for a location and business date that was read whole; a `history` keeps every version of its
    rows, closed and never deleted; the rows of a `list` each replace the one of their key; those of a `latest` table do where their
    version is newer; a `record` table (ledger, changed days,
    quarantine) is written by its own rules.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    role: Literal["header", "child", "day_set", "history", "list", "latest", "record"]
    version: str = "modified_at"
    partition: str = "business_date"
    #: Columns in which two rows of one version may differ and still be the same row.
    incidental: tuple[str, ...] = (LOADED_AT,)
    #: A row that left the set stays as it was when the set holds another row with the same values here
    #: (an earlier refund of a payment, which the API replaces by a later one).
    retained_by: tuple[str, ...] = ()
    #: A staged row with this flag set gives way to a stored row without it that has the same values in `weak_by`.
    weak: str = ""
    weak_by: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", pa.schema([(c.name, c.type) for c in self.columns]))
        names = set(self.schema.names)
        if unknown := {*self.key, *self.incidental, *self.retained_by} - names:
            raise ValueError(f'table "{self.name}": {sorted(unknown)} not among its columns')
        if len(names) != len(self.columns):
            raise ValueError(f'table "{self.name}" names a column twice')

    @property
    def names(self) -> list[str]:
        return list(self.schema.names)

    @property
    def content(self) -> list[str]:
        """The columns that make a row what it is, the incidental ones left out."""
        return [c.name for c in self.columns if c.name not in self.incidental]


def loaded_at() -> Column:
    return Column(LOADED_AT, INSTANT, "ours", "When the row was written here.")


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Records that land as sets: a header row and its children in other tables."""

    header: TableSpec
    children: tuple[TableSpec, ...] = ()

    @property
    def tables(self) -> tuple[TableSpec, ...]:
        return (self.header, *self.children)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What one kind of sync, or of event, brings."""

    name: str
    sets: tuple[RecordSet, ...] = ()
    day_sets: tuple[TableSpec, ...] = ()
    histories: tuple[TableSpec, ...] = ()
    latest: tuple[TableSpec, ...] = ()

    @property
    def is_synced(self) -> bool:
        """Whether a sync reads it, and so the ledger knows of it; the others come by events alone."""
        return not self.latest

    @property
    def tables(self) -> tuple[TableSpec, ...]:
        return (*(spec for own in self.sets for spec in own.tables), *self.day_sets, *self.histories, *self.latest)
