"""Tables of which the newest row of a key is kept (what events tell): SQL run inside one transaction.

Of the rows staged for a key that with the greatest version counts, at equal versions the one staged last. It lands where there is none of its
key, where it is newer than the stored one, or where it is of the same version and differs: an event that is read again by other settings. So
events may come in any order, and any number of times. Insert-only mode is of orders: here a later row always takes the place of an earlier one.

Like `merge.py`: the staged relation is `staged_<table>`, with the columns of `batch`. A version is never null.
"""

from __future__ import annotations

from datetime import datetime

from restaurant_os.batch import COPY
from restaurant_os.tables import DATE, LOADED_AT, TableSpec
from restaurant_os.warehouse import Changes
from restaurant_os.warehouse.merge import Keep, Run, instant, keep_nothing, same_values


def keep_latest(run: Run, spec: TableSpec, loaded_at: datetime, keep: Keep = keep_nothing) -> Changes:
    """Bring the staged rows in that count; gives those new and changed, by location and, where the table's rows are of days, by day.

    A row that moves to another location changes the day of both.
    """
    name, key, version = spec.name, ", ".join(spec.key), spec.version
    differs = " OR ".join(f"n.{column} IS DISTINCT FROM o.{column}" for column in spec.content if column not in (*spec.key, version))
    run(f"""CREATE OR REPLACE TEMP TABLE accepted_{name} AS SELECT n.*, o.restaurant_guid AS stored_guid
        FROM (SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {version} DESC, {COPY} DESC) AS nth FROM staged_{name}) AS n
        LEFT JOIN {name} AS o ON {same_values("o", "n", spec.key)}
        WHERE n.nth = 1 AND (o.{version} IS NULL OR n.{version} > o.{version} OR (n.{version} = o.{version} AND ({differs})))""")
    changes = _changes(run, spec)
    if changes.locations:
        if changes.changed:
            replaced = f"EXISTS (SELECT 1 FROM accepted_{name} AS a WHERE {same_values('a', name, spec.key)})"
            keep(spec, replaced)
            run(f"DELETE FROM {name} WHERE {replaced}")
        values = ", ".join(instant(loaded_at) if column == LOADED_AT else column for column in spec.names)
        run(f"INSERT INTO {name} ({', '.join(spec.names)}) SELECT {values} FROM accepted_{name}")
    return changes


def _changes(run: Run, spec: TableSpec) -> Changes:
    counts = "count(*) FILTER (WHERE stored_guid IS NULL), count(stored_guid)"
    whole = run(f"SELECT restaurant_guid, {counts} FROM accepted_{spec.name} GROUP BY 1 ORDER BY 1")
    locations = {guid: (added, changed) for guid, added, changed in whole}
    if not whole or spec.schema.field(spec.partition).type != DATE:
        return Changes(locations)
    left = f"""SELECT stored_guid AS restaurant_guid, {spec.partition} AS on_day, stored_guid FROM accepted_{spec.name}
        WHERE stored_guid <> restaurant_guid"""
    days = run(f"""SELECT restaurant_guid, on_day, {counts} FROM (
        SELECT restaurant_guid, {spec.partition} AS on_day, stored_guid FROM accepted_{spec.name} UNION ALL {left}) AS d GROUP BY 1, 2 ORDER BY 1, 2""")
    return Changes(locations, {(guid, on): (added, changed) for guid, on, added, changed in days})
