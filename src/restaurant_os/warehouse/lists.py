"""Tables of which a staged business day replaces the stored one (calendars): SQL run inside one transaction.

The staged relation is `staged_<table>`, with the table's columns without `_loaded_at`. What is there already is not written again; an hour
that a day no longer has, by other settings, goes.
"""

from __future__ import annotations

from datetime import datetime

from restaurant_os.tables import LOADED_AT, TableSpec
from restaurant_os.warehouse.merge import Keep, Run, instant, keep_nothing, same_values


def replace_rows(run: Run, spec: TableSpec, loaded_at: datetime, keep: Keep = keep_nothing) -> None:
    """Bring the staged rows in that are new or differ."""
    name, content = spec.name, ", ".join(spec.content)
    run(f"""CREATE OR REPLACE TEMP TABLE accepted_{name} AS SELECT {content} FROM staged_{name} EXCEPT SELECT {content} FROM {name}
        WHERE {spec.partition} IN (SELECT {spec.partition} FROM staged_{name})""")
    same_day = f"SELECT 1 FROM accepted_{name} AS a WHERE {same_values('a', name, spec.key[:2])}"
    staged = f"SELECT 1 FROM staged_{name} AS a WHERE {same_values('a', name, spec.key)}"
    replaced = f"EXISTS (SELECT 1 FROM accepted_{name} AS a WHERE {same_values('a', name, spec.key)})"
    keep(spec, replaced)
    run(f"DELETE FROM {name} WHERE {replaced} OR (EXISTS ({same_day}) AND NOT EXISTS ({staged}))")
    values = ", ".join(instant(loaded_at) if column == LOADED_AT else column for column in spec.names)
    run(f"INSERT INTO {name} ({', '.join(spec.names)}) SELECT {values} FROM accepted_{name}")
