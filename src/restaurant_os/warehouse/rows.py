"""Whole rows out of tables that DuckDB has, and into them: no rule of a merge is known here."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from restaurant_os.tables import BY_NAME, CHANGED_DAYS, DAY_SNAPSHOTS, TEXT, TableSpec
from restaurant_os.warehouse import SEQUENCE_TO_COME, Ids, Writing
from restaurant_os.warehouse.bring import run
from restaurant_os.warehouse.merge import same_values
from restaurant_os.warehouse.records import next_sequence

#: Tables whose rows are of a commit that may have no number yet.
NUMBERED = (CHANGED_DAYS.name, DAY_SNAPSHOTS.name)


def arrow(connection: duckdb.DuckDBPyConnection, sql: str, schema: pa.Schema) -> pa.Table:
    """The rows of a query in exactly these types."""
    return connection.sql(sql).to_arrow_table().cast(schema)


def fetch_rows(connection: duckdb.DuckDBPyConnection, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
    """As `warehouse.Fetch`."""
    sql = f"SELECT {', '.join(spec.names)} FROM {spec.name} WHERE ({where})"
    if ids is None:
        return arrow(connection, sql, spec.schema)
    column, values = ids
    connection.register("wanted_ids", pa.table({"id": pa.array(values, TEXT)}))
    try:
        return arrow(connection, f"{sql} AND {column} IN (SELECT id FROM wanted_ids)", spec.schema)
    finally:
        connection.unregister("wanted_ids")


def write_rows(connection: duckdb.DuckDBPyConnection, writing: Writing) -> int:
    """Write them in the transaction that is open. Gives how many stored rows went, or were replaced."""
    number = next_sequence(lambda sql, parameters=(): run(connection, sql, parameters))
    replaced = sum(_without(connection, BY_NAME[name], keys) for name, keys in writing.gone.items())
    for name, rows in writing.rows.items():
        spec = BY_NAME[name]
        replaced += _without(connection, spec, rows)
        names = ", ".join(spec.names)
        values = [f"CASE WHEN {one} = {SEQUENCE_TO_COME} THEN {number} ELSE {one} END" if one == "sequence" else one for one in spec.names]
        connection.register("whole_rows", rows)
        run(connection, f"INSERT INTO {name} ({names}) SELECT {', '.join(values) if name in NUMBERED else names} FROM whole_rows")
        connection.unregister("whole_rows")
    for statement in writing.statements:
        run(connection, statement)
    return replaced


def _without(connection: duckdb.DuckDBPyConnection, spec: TableSpec, keys: pa.Table) -> int:
    """The stored rows of these keys go. `keys` may have more columns than they."""
    connection.register("own_keys", keys.select(list(spec.key)))
    [(gone,)] = run(
        connection, f"DELETE FROM {spec.name} WHERE EXISTS (SELECT 1 FROM own_keys AS k WHERE {same_values('k', spec.name, spec.key)})"
    )
    connection.unregister("own_keys")
    return int(gone)
