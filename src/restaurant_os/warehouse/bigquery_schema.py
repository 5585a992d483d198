"""Tables and views of a BigQuery dataset: how they are laid out, and how what is missing is made. Nothing of a user's own is dropped or changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import pyarrow as pa
from google.api_core import exceptions as api
from google.cloud import bigquery as google

from restaurant_os.errors import WarehouseError
from restaurant_os.tables import BY_NAME, CHANGED_DAYS, COUNT, DATE, FLAG, INSTANT, MONEY, RATE, REAL, TABLES, TEXT, TableSpec
from restaurant_os.text import printable
from restaurant_os.warehouse.compiled import is_done, newer, numbered, views
from restaurant_os.warehouse.slices import partition_of

#: BigQuery's names, with precision and scale where they have one.
KINDS: dict[pa.DataType, tuple[str, int | None, int | None]] = {
    MONEY: ("NUMERIC", 18, 4),
    RATE: ("NUMERIC", 18, 8),
    INSTANT: ("TIMESTAMP", None, None),
    TEXT: ("STRING", None, None),
    DATE: ("DATE", None, None),
    FLAG: ("BOOLEAN", None, None),
    COUNT: ("INTEGER", None, None),
    REAL: ("FLOAT", None, None),
}
#: The API writes some types in two ways.
ALIASES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "DECIMAL": "NUMERIC"}
#: One row: how often the dataset was written to, the last number that `changed_days` gave, and which code made the tables.
STATE = "restaurant_os_state"
#: One row: how often a read sequence was taken. Of two transactions that change rows of one table BigQuery ends one, and a commit takes its time.
TAKEN = "restaurant_os_taken"
#: One row for each commit and purpose: what its jobs cost. Rows are gone after `BILLS_KEPT_DAYS`.
BILLS = "restaurant_os_bills"
BILLS_KEPT_DAYS = 400
A_DAY_MS = 24 * 60 * 60 * 1000
BILL_FIELDS = (
    ("written_at", "TIMESTAMP", "When it was written down, with a commit."),
    ("purpose", "STRING", "commit, read or migrate."),
    ("jobs", "INTEGER", "Query jobs."),
    ("bytes_processed", "INTEGER", "Bytes that they read."),
    ("bytes_billed", "INTEGER", "Bytes that BigQuery bills for them."),
)
#: Of a description, in characters; of a table and of a column.
MOST_SAID, MOST_SAID_OF_A_COLUMN = 16_000, 1_000


@cache
def fingerprint() -> str:
    """Changes whenever the tables, their layout or the views in the code do."""
    tables = [(spec.name, [(c.name, KINDS[c.type], c.meaning) for c in spec.columns], spec.key, partition_of(spec)) for spec in TABLES]
    return numbered(hashlib.sha256(repr((tables, views("bigquery"))).encode()).hexdigest())


def is_by_instant(spec: TableSpec) -> bool:
    """Whether the partitions are the dates of an instant, in UTC."""
    place = partition_of(spec)
    return place is not None and bool(spec.schema.field(place).type == INSTANT)


def may_lack_date(spec: TableSpec) -> bool:
    """Whether rows may stand in the partition of those that have no date."""
    return partition_of(spec) not in (None, *spec.key) and (is_by_instant(spec) or spec.role == "record")


def staged_fields(schema: pa.Schema) -> list[google.SchemaField]:
    """Of rows on their way: the same types, nothing required."""
    return [google.SchemaField(field.name, KINDS[field.type][0]) for field in schema]


def table_of(spec: TableSpec, dataset: google.DatasetReference, labels: dict[str, str]) -> google.Table:
    """A table as it is to be made."""
    table = google.Table(dataset.table(spec.name), schema=[_field(spec, column.name) for column in spec.columns])
    table.description = spec.meaning[:MOST_SAID]
    table.labels = labels
    if place := partition_of(spec):
        table.time_partitioning = google.TimePartitioning(type_=google.TimePartitioningType.DAY, field=place)
    if "restaurant_guid" in spec.names:
        # What is parted by when it was made is asked for by its business date too.
        is_dated = is_by_instant(spec) and "business_date" in spec.names
        table.clustering_fields = ["restaurant_guid", "business_date"] if is_dated else ["restaurant_guid"]
    return table


def _field(spec: TableSpec, name: str) -> google.SchemaField:
    column = next(own for own in spec.columns if own.name == name)
    kind, precision, scale = KINDS[column.type]
    more: dict[str, Any] = {} if precision is None else {"precision": precision, "scale": scale}
    mode = "REQUIRED" if name in spec.key else "NULLABLE"
    return google.SchemaField(name, kind, mode=mode, description=column.meaning[:MOST_SAID_OF_A_COLUMN], **more)


class Migration:
    """What is missing in a dataset, made. `plan`: only said. `run_script` runs statements as one job."""

    def __init__(
        self,
        client: google.Client,
        dataset: google.DatasetReference,
        *,
        labels: dict[str, str],
        retry: Any,
        label: str,
        run_script: Any,
        plan: bool = False,
    ) -> None:
        self.client = client
        self.dataset = dataset
        self.labels = labels
        self.retry = retry
        self.label = label
        self.run_script = run_script
        self.plan = plan
        self.steps: list[str] = []

    def run(self, *, is_there: bool, found: str | None, by_hand: bool) -> list[str]:
        """Every step, in words; none when everything is there. `is_there`: whether the dataset is. `found`: the fingerprint in it. `by_hand`: what it says is
        not enough, it is looked whether every table, column and view is there."""
        if is_done(found, fingerprint()) and not (by_hand and found == fingerprint()):
            return newer(found)
        if not is_there:
            self._dataset()
        known = self._known() if is_there else {}
        for spec in TABLES:
            self._table(spec, known.get(spec.name))
        if BILLS not in known:
            self._step(f"make table {BILLS}", lambda: self._make(self._bills()))
        self._views(known, is_as_ours=found == fingerprint())
        if not self.plan and (self.steps or found != fingerprint()):
            try:
                self.run_script(self._state_statements())
            except api.Conflict:  # another process makes it at this moment
                self.run_script(self._state_statements())
        return self.steps

    def _step(self, words: str, action: Any) -> None:
        self.steps.append(words)
        if not self.plan:
            action()

    def _dataset(self) -> None:
        own = google.Dataset(self.dataset)
        own.location = self.client.location
        own.labels = self.labels
        own.description = "Restaurant OS: orders, labor and cash of a restaurant group, and the metrics over them."
        words = f"make dataset {self.dataset.dataset_id} in {self.client.location}"
        self._step(words, lambda: self.client.create_dataset(own, exists_ok=True, retry=self.retry))

    def _known(self) -> dict[str, str]:
        """The names in the dataset, each with what it is."""
        return {item.table_id: item.table_type for item in self.client.list_tables(self.dataset, retry=self.retry)}

    # --- tables ---------------------------------------------------------------------------------------------------

    def _table(self, spec: TableSpec, kind: str | None) -> None:
        if kind is None:
            self._step(f"make table {spec.name}", lambda: self._make(table_of(spec, self.dataset, self.labels)))
            return
        if kind != "TABLE":
            raise self._is_other(f'"{spec.name}" is a {printable(kind, 30).lower()}, a table was expected')
        table = self.client.get_table(self.dataset.table(spec.name), retry=self.retry)
        stored = {field.name.lower(): field for field in table.schema}
        for column in spec.columns:
            if (there := stored.get(column.name.lower())) is not None:
                self._check(spec, column.name, there)
        if missing := [column.name for column in spec.columns if column.name.lower() not in stored]:
            if keys := [name for name in missing if name in spec.key]:
                raise self._is_other(f'table "{spec.name}" has no column {", ".join(keys)}, which its rows are told by')
            added = [_field(spec, name) for name in missing]
            self._step(f"add to {spec.name}: {', '.join(missing)}", lambda: self._add(table, added))

    def _make(self, table: google.Table) -> None:
        self.client.create_table(table, exists_ok=True, retry=self.retry)

    def _add(self, table: google.Table, fields: list[google.SchemaField]) -> None:
        table.schema = [*table.schema, *fields]
        self.client.update_table(table, ["schema"], retry=self.retry)

    def _check(self, spec: TableSpec, name: str, stored: google.SchemaField) -> None:
        wanted, precision, scale = KINDS[spec.schema.field(name).type]
        kind = ALIASES.get(stored.field_type, stored.field_type)
        if kind != wanted or stored.mode == "REPEATED" or (stored.precision or precision, stored.scale or scale) != (precision, scale):
            size = f"({stored.precision}, {stored.scale})" if stored.precision else ""
            raise self._is_other(f'table "{spec.name}", column "{name}" is {printable(kind + size, 60)}, {wanted} was expected')

    def _is_other(self, found: str) -> WarehouseError:
        return WarehouseError(
            f"warehouse {self.label}: {found}. Nothing of it was changed.",
            next_step="This dataset was made by something else, or by a newer version: name another dataset in `warehouse`.",
        )

    def _bills(self) -> google.Table:
        fields = [google.SchemaField(name, kind, description=meaning) for name, kind, meaning in BILL_FIELDS]
        table = google.Table(self.dataset.table(BILLS), schema=fields)
        table.description = "What Restaurant OS's own queries cost: one row for each commit and purpose. Loads are free."
        table.labels = self.labels
        table.time_partitioning = google.TimePartitioning(field="written_at", expiration_ms=BILLS_KEPT_DAYS * A_DAY_MS)
        return table

    # --- views, and what the code is known by ---------------------------------------------------------------------

    def _views(self, known: dict[str, str], is_as_ours: bool) -> None:
        """All of them; where this code made them, those that are missing: the others are as they should be."""
        statements = []
        for name, sql in views("bigquery").items():
            if known.get(name, "VIEW") != "VIEW":
                raise self._is_other(f'"{name}" is a {printable(known[name], 30).lower()}, a view was expected')
            if name in known and is_as_ours:
                continue
            statements.append(f"CREATE OR REPLACE VIEW {self._named(name)} AS {self._qualified(sql)}")
            self.steps.append(f"{'replace' if name in known else 'make'} view {name}")
        if statements and not self.plan:
            self.run_script(statements)

    def _named(self, name: str) -> str:
        return f"`{self.dataset.project}`.`{self.dataset.dataset_id}`.`{name}`"

    def _qualified(self, sql: str) -> str:
        """A view keeps no default dataset, so every table of ours is named with its own. The compiler writes them in backticks, after FROM or JOIN."""
        names = "|".join(sorted((*BY_NAME, *views("bigquery")), key=len, reverse=True))
        return re.sub(rf"\b(FROM|JOIN) `({names})`", lambda found: f"{found[1]} {self._named(found[2])}", sql)

    def _state_statements(self) -> Iterable[str]:
        """One row in each, made with its table, so that two who migrate make one."""
        state, taken = self._named(STATE), self._named(TAKEN)
        own = "0 AS writes, COALESCE(MAX(sequence), 0) AS sequence, CAST(NULL AS STRING) AS fingerprint"
        last = f"SELECT {own} FROM {self._named(CHANGED_DAYS.name)}"
        yield f"CREATE TABLE IF NOT EXISTS {state} AS {last}"
        yield f"INSERT INTO {state} (writes, sequence, fingerprint) SELECT * FROM ({last}) WHERE NOT EXISTS (SELECT 1 FROM {state})"
        yield f"CREATE TABLE IF NOT EXISTS {taken} AS SELECT 0 AS reads"
        yield f"INSERT INTO {taken} (reads) SELECT 0 FROM (SELECT COUNT(*) AS found FROM {taken}) WHERE found = 0"
        yield f"UPDATE {state} SET fingerprint = '{fingerprint()}' WHERE TRUE"


def state_of(rows: list[tuple[Any, ...]]) -> tuple[int, int, str | None]:
    """`writes`, `sequence` and `fingerprint` of the one row. Raises NotFound: there is none."""
    if len(rows) != 1:
        raise api.NotFound(f"{STATE} has {len(rows)} rows, one was expected")  # type: ignore[no-untyped-call]
    [(writes, sequence, made_by)] = rows
    return int(writes), int(sequence), made_by
