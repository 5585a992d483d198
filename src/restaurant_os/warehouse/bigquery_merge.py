"""A `Writing` as one script of GoogleSQL: a transaction that is refused when somebody else wrote since its rows were fetched.

Every table is merged with its stage by key, and the condition names as constants the dates of the rows that come and of those that they replace: BigQuery
reads these partitions and no others (its page on partitioned tables, "prune partitions when using a MERGE statement").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from restaurant_os.errors import WarehouseError
from restaurant_os.tables import BY_NAME, DATASETS, TableSpec
from restaurant_os.warehouse import SEQUENCE_TO_COME, Writing
from restaurant_os.warehouse.bigquery_jobs import Cost, Purpose
from restaurant_os.warehouse.bigquery_schema import BILLS, STATE, is_by_instant, may_lack_date
from restaurant_os.warehouse.bigquery_trouble import FETCH_ANEW
from restaurant_os.warehouse.dialect import spoken
from restaurant_os.warehouse.merge import day
from restaurant_os.warehouse.rows import NUMBERED
from restaurant_os.warehouse.slices import partition_of

#: Of BigQuery's limits (its page on quotas): partitions that one job may change, and the characters of a query.
MOST_DAYS, MOST_CHARACTERS = 4_000, 1_000_000
#: Tables whose rows an insert-only load never changes.
FACTS = frozenset(spec.name for dataset in DATASETS.values() for spec in dataset.tables if spec.role in ("header", "child", "day_set"))


@dataclass(frozen=True, slots=True)
class State:
    """What the dataset was like when rows were fetched: how often it was written to, and the last number given."""

    writes: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Rows, or keys of rows that are no more, on their way to a table."""

    spec: TableSpec
    rows: pa.Table
    is_gone: bool = False

    def name(self, run: str) -> str:
        return f"restaurant_os_stage_{run}_{self.spec.name}{'_gone' if self.is_gone else ''}"


def numbered(writing: Writing, state: State) -> tuple[dict[str, pa.Table], int]:
    """The rows of every table with the commit's number in them, and the last number given once they are in."""
    own = state.sequence + 1
    rows = dict(writing.rows)
    last = state.sequence
    for name in NUMBERED:
        if name not in rows:
            continue
        column = rows[name].column("sequence")
        to_come = pc.equal(column, SEQUENCE_TO_COME)
        filled = pc.if_else(to_come, pa.scalar(own, pa.int64()), column)
        place = rows[name].schema.get_field_index("sequence")
        rows[name] = rows[name].set_column(place, rows[name].schema.field(place), filled)
        last = max(last, pc.max(filled).as_py() or 0)
    return rows, last


def stages(writing: Writing, rows: Mapping[str, pa.Table]) -> list[Stage]:
    """Keys that are gone, then children before their headers, then everything else."""
    gone = [Stage(BY_NAME[name], keys, is_gone=True) for name, keys in writing.gone.items() if keys.num_rows]
    own = sorted((name for name in rows if rows[name].num_rows), key=lambda name: _place(BY_NAME[name]))
    return [*gone, *(Stage(BY_NAME[name], rows[name]) for name in own)]


def _place(spec: TableSpec) -> int:
    return ("child", "day_set", "header", "history", "list", "latest", "record").index(spec.role)


def script(writing: Writing, staged: Sequence[Stage], run: str, state: State, last: int, costs: Mapping[Purpose, Cost]) -> str:
    """The whole of it. `last`: the last number given. `costs`: what is written down with it.

    Raises:
        WarehouseError: it is more than BigQuery takes at once.
    """
    text = ";\n".join(_statements(writing, staged, run, state, last, costs)) + ";"
    most = max((len(days) for days in writing.days.values()), default=0)
    if most > MOST_DAYS or len(text) > MOST_CHARACTERS:
        raise WarehouseError(
            f"warehouse: this commit changes {most:,} days in a statement of {len(text):,} characters; BigQuery takes {MOST_DAYS:,} and "
            f"{MOST_CHARACTERS:,} at once. Nothing of it was written.",
            next_step="Bring it in in smaller spans.",
        )
    return text


def _statements(
    writing: Writing, staged: Sequence[Stage], run: str, state: State, last: int, costs: Mapping[Purpose, Cost]
) -> Iterator[str]:
    yield "BEGIN TRANSACTION"
    # A SELECT that fails: what a transaction takes is queries and DML, says BigQuery's page on them, and it does not name ASSERT.
    yield f"SELECT IF((SELECT COUNT(*) FROM {STATE} WHERE writes = {state.writes}) = 1, 0, ERROR('{FETCH_ANEW}'))"
    yield f"UPDATE {STATE} SET writes = writes + 1, sequence = {last} WHERE writes = {state.writes}"
    for stage in staged:
        condition = on(stage.spec, writing.days.get(stage.spec.name))
        name = stage.name(run)
        if stage.is_gone:
            same, dated = conditions(stage.spec, writing.days.get(stage.spec.name))
            yield f"DELETE FROM {stage.spec.name} AS T WHERE {dated} AND EXISTS (SELECT 1 FROM {name} AS S WHERE {same})"
        elif writing.load_mode == "insert-only" and stage.spec.name in FACTS:
            columns = ", ".join(stage.spec.names)
            absent = f"NOT EXISTS (SELECT 1 FROM {stage.spec.name} AS T WHERE {condition})"
            yield f"INSERT INTO {stage.spec.name} ({columns}) SELECT {columns} FROM {name} AS S WHERE {absent}"
        else:
            yield merge(stage.spec, name, condition)
    for statement in writing.statements:
        yield spoken(statement, "bigquery")
    if costs:
        yield costs_noted(costs)
    yield "COMMIT TRANSACTION"


def costs_noted(costs: Mapping[Purpose, Cost]) -> str:
    """They are written down, as of now."""
    values = (f"(CURRENT_TIMESTAMP(), '{purpose}', {c.jobs}, {c.bytes_processed}, {c.bytes_billed})" for purpose, c in costs.items())
    return f"INSERT INTO {BILLS} (written_at, purpose, jobs, bytes_processed, bytes_billed) VALUES {', '.join(values)}"


def merge(spec: TableSpec, stage: str, condition: str) -> str:
    """Only MATCHED and NOT MATCHED: rows that are no more stand in the stage, flagged."""
    changed = ", ".join(f"{name} = S.{name}" for name in spec.names if name not in spec.key)
    columns, values = ", ".join(spec.names), ", ".join(f"S.{name}" for name in spec.names)
    return f"""MERGE INTO {spec.name} AS T USING {stage} AS S ON {condition}
WHEN MATCHED THEN UPDATE SET {changed}
WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"""


def on(spec: TableSpec, days: Sequence[date] | None) -> str:
    """T, a stored row, is that of S; and T is in one of the partitions of `days`. None: any."""
    return " AND ".join(conditions(spec, days))


def conditions(spec: TableSpec, days: Sequence[date] | None) -> tuple[str, str]:
    """The two parts of `on`: BigQuery reads no other partitions where the second stands in the WHERE of a statement itself."""
    same = " AND ".join(f"T.{name} = S.{name}" for name in spec.key)
    place = partition_of(spec)
    if place is None or days is None:
        return same, "TRUE"
    column = f"T.{place}"
    dated = f"DATE({column})" if is_by_instant(spec) else column
    named = f"{dated} IN ({', '.join(day(on_day) for on_day in days)})" if days else "FALSE"
    return same, f"({named} OR {column} IS NULL)" if may_lack_date(spec) else named
