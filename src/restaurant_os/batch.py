"""What a source hands to a warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import pyarrow as pa

#: In every staged table, after its own columns: which copy of the record a row belongs to. The same record may be read
#: more than once in a unit; its newest copy wins with all its children, and the others are dropped as a whole.
COPY = "_copy"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be read, ready for quarantine."""

    restaurant_guid: str
    record_guid: str | None
    business_date: date | None
    field: str
    reason: str
    #: Guests' and card data already cut.
    record_json: str
    #: Its copy number: a readable copy of the record with a greater one makes it good.
    copy: int


@dataclass(frozen=True, slots=True)
class DaySet:
    """A business date of which a table's rows were read whole: what the table holds of it beside them is gone.

    `read_seq` tells two reads of the same day apart: the location's read sequence, taken before the request.
    """

    table: str
    restaurant_guid: str
    business_date: date
    read_seq: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrow rows by table, of one page or of many, and the records of it that could not be read.

    Every table of the dataset is there, empty ones too; columns are the table's own without `_loaded_at`, then `_copy`.
    """

    tables: Mapping[str, pa.RecordBatch]
    rejected: tuple[Rejected, ...] = ()
    #: id and version of every record read, to tell whether a window has become stable.
    versions: Mapping[str, str] = field(default_factory=dict)
    #: The days it holds whole, of tables whose rows carry no version.
    day_sets: tuple[DaySet, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """What a sync asks for: a span of modification time or of a schedule, one business date (whose UTC bounds `start` and `end` are), or a
    dimension as it is now (`kind` is its table)."""

    kind: str
    start: datetime
    end: datetime
    business_date: date | None = None

    def __str__(self) -> str:
        if self.business_date is not None:
            return f"business date {self.business_date.isoformat()}"
        if self.kind not in (MODIFIED, SCHEDULE):
            return f"{self.kind} as of {self.start:%Y-%m-%d %H:%M:%S} UTC"
        what = "the schedule" if self.kind == SCHEDULE else "changes"
        return f"{what} from {self.start:%Y-%m-%d %H:%M:%S} to {self.end:%Y-%m-%d %H:%M:%S} UTC"


MODIFIED = "modified"
BUSINESS_DATE = "business_date"
SCHEDULE = "schedule"
