"""What the reads of all dimensions do alike: a record's state as a staged row, and one that cannot be read."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from restaurant_os.batch import COPY, Rejected
from restaurant_os.settings import Location
from restaurant_os.sources.toast.records import unfit_record
from restaurant_os.tables import TableSpec
from restaurant_os.tables.dims import row_hash

Row = dict[str, Any]
#: Of the whole process: a later row of a record has the greater number.
_copies = itertools.count()


@dataclass(frozen=True, slots=True)
class States:
    """Lays out records of one dimension, read at a location under a sequence."""

    table: TableSpec
    location: Location
    read_seq: int

    def row(self, own: Mapping[str, Any]) -> Row:
        """A record as it is staged. `own`: its natural key, without the location, and what it says."""
        shared = {"restaurant_guid": self.location.toast_guid, "read_seq": self.read_seq}
        return {**own, **shared, "row_hash": row_hash(self.table, own), COPY: next(_copies)}

    def rejected(self, raw: bytes, reason: str) -> Rejected:
        """A record that cannot be read. Its field begins with its table: a complete read of that one settles it."""
        found = unfit_record(raw, reason, restaurant_guid=self.location.toast_guid, day=None, copy=next(_copies))
        inside = found.field.removeprefix("$").removeprefix(".")
        return replace(found, field=f"{self.table.name}.{inside}" if inside else self.table.name)
