"""What `doctor` looks at in a warehouse, per engine: reached how, allowed what. Nothing is made or changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from restaurant_os.settings import Settings
from restaurant_os.tables import TABLES
from restaurant_os.text import count, printable
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.open import engine_of

#: What whoever syncs needs of the tables in Postgres.
WRITING = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `next_step` is empty when it is well."""

    name: str
    state: Literal["ok", "warning", "failed"]
    found: str
    next_step: str = ""


def checks(warehouse: Warehouse, settings: Settings) -> Iterator[Check]:
    """How the warehouse of the settings is reached, whether its tables are up to date, and whether we may write to it.

    Raises:
        RestaurantOSError: it cannot be reached, or is none of ours.
    """
    place = settings.warehouse_place
    if isinstance(place, Path):
        [(version,)] = warehouse.rows("SELECT version()") if place.exists() else [("nothing yet",)]
        yield Check("engine", "ok", f"DuckDB {printable(version, 40)}")
    else:
        with engine_of(place) as engine:
            yield from _bigquery(place, settings) if engine == "bigquery" else _postgres(place)
    if isinstance(place, Path) and not place.exists():
        return
    steps = warehouse.migrate(plan=True)
    if steps:
        found = (
            f"{count(len(steps), 'step')} to do: {'; '.join(printable(step, 80) for step in steps[:3])}{'; ...' if len(steps) > 3 else ''}"
        )
        yield Check("tables", "warning", found, "See them with `restaurant-os migrate --plan`, and do them with `restaurant-os migrate`.")
    else:
        yield Check("tables", "ok", "every table, column and view is there, as this version has them")


def _postgres(url: str) -> Iterator[Check]:
    from restaurant_os.warehouse.query_postgres import connected

    names = [spec.name for spec in TABLES]
    with connected(url) as connection:
        asked = connection.execute(
            """SELECT current_setting('server_version'), (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), current_user, current_schema(),
                inet_server_addr() IS NULL OR host(inet_server_addr()) IN ('127.0.0.1', '::1'),
                has_database_privilege(current_database(), 'TEMPORARY'), has_schema_privilege(current_schema(), 'CREATE')"""
        ).fetchone()
        privileges = connection.execute(
            """SELECT what, count(*), min(name) FROM unnest(%s::text[]) AS own (name), unnest(%s::text[]) AS privilege (what)
            WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), what) GROUP BY what ORDER BY what""",
            [names, list(WRITING)],
        ).fetchall()
    version, is_encrypted, role, schema, is_here, may_stage, may_make = asked or ("",) * 7
    yield Check("engine", "ok", f"PostgreSQL {printable(version, 40)}, as {printable(role, 60)} in schema {printable(schema, 60)}")
    if is_encrypted or is_here:
        yield Check("connection", "ok", "encrypted (TLS)" if is_encrypted else "not encrypted, on this machine")
    else:
        yield Check(
            "connection",
            "warning",
            "not encrypted: rows and the password can be read on the way",
            "Take sslmode=disable out of the address, or write ?sslmode=require.",
        )
    whom = '"' + printable(role, 60).replace('"', '""') + '"'
    missing = [what for what, _, _ in privileges]
    if missing:
        grant = f"GRANT {', '.join(missing)} ON ALL TABLES IN SCHEMA {schema} TO {whom};"
        yield Check(
            "permissions",
            "warning",
            f"{', '.join(missing)} is missing on {privileges[0][2]} and {privileges[0][1] - 1} more",
            f"To sync, as the owner: {grant}",
        )
    elif not may_stage:
        yield Check(
            "permissions",
            "warning",
            "no temporary table may be made, and rows come in through them",
            f"As the owner: GRANT TEMPORARY ON DATABASE ... TO {whom};",
        )
    else:
        yield Check("permissions", "ok", "rows may be read and written" + ("" if may_make else "; tables are made by somebody else"))


def _bigquery(place: str, settings: Settings) -> Iterator[Check]:
    from restaurant_os.warehouse.bigquery_checks import examined

    found = examined(place, settings.bigquery)
    if found.location is None:
        yield Check(
            "engine",
            "warning",
            f"BigQuery: no dataset yet; it would be made in {settings.bigquery.location}",
            "Make it: `restaurant-os migrate`.",
        )
        return
    yield Check("engine", "ok", f"BigQuery, a dataset in {printable(found.location, 60)}")
    if found.refused:
        yield Check("permissions", "warning", found.refused.message, found.refused.next_step)
    else:
        yield Check("permissions", "ok", "queries may be run, and rows written")
