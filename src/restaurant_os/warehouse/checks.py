"""What `doctor` looks at in a warehouse, per engine: reached how, allowed what. Nothing is made or changed by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from restaurant_os.settings import Settings, is_there
from restaurant_os.tables import TABLES
from restaurant_os.text import count, printable
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.open import engine_of

if TYPE_CHECKING:
    from restaurant_os.warehouse.postgres_access import Open

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
        yield Check("engine", "ok", f"DuckDB v{duckdb.__version__}" if is_there(place) else "DuckDB, nothing yet")
    else:
        with engine_of(place) as engine:
            yield from _bigquery(place, settings) if engine == "bigquery" else _postgres(place)
    if isinstance(place, Path) and not is_there(place):
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
    from restaurant_os.postgres_address import is_here
    from restaurant_os.warehouse.postgres_access import api_roles, open_to_api
    from restaurant_os.warehouse.postgres_schema import ours
    from restaurant_os.warehouse.query_postgres import connected

    names = [spec.name for spec in TABLES]
    with connected(url) as connection:
        asked = connection.execute(
            """SELECT current_setting('server_version'), current_user, current_schema(),
                has_database_privilege(current_database(), 'TEMPORARY'), has_schema_privilege(current_schema(), 'CREATE')"""
        ).fetchone()
        privileges = connection.execute(
            """SELECT what, count(*), min(name) FROM unnest(%s::text[]) AS own (name), unnest(%s::text[]) AS privilege (what)
            WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), what) GROUP BY what ORDER BY what""",
            [names, list(WRITING)],
        ).fetchall()
        # Our own leg of it, to whom the address names: behind a pooler the server knows of the pooler's alone.
        is_encrypted, is_local = connection.pgconn.ssl_in_use, is_here(connection.info.host, connection.info.hostaddr)
        roles, opened = api_roles(connection), open_to_api(connection, ours())
    version, role, schema, may_stage, may_make = asked or ("",) * 5
    yield Check("engine", "ok", f"PostgreSQL {printable(version, 40)}, as {printable(role, 60)} in schema {printable(schema, 60)}")
    yield _connection(is_encrypted, is_local)
    yield _permissions(privileges, _quoted(role), _quoted(schema), bool(may_stage), bool(may_make))
    if roles:
        yield _access(roles, opened)


def _connection(is_encrypted: bool, is_local: bool) -> Check:
    if is_encrypted or is_local:
        return Check("connection", "ok", "encrypted (TLS)" if is_encrypted else "not encrypted, on this machine")
    return Check(
        "connection",
        "warning",
        "not encrypted: rows and the password can be read on the way",
        "Take sslmode=disable out of the address, or write ?sslmode=require.",
    )


def _permissions(privileges: Sequence[tuple[Any, ...]], whom: str, schema: str, may_stage: bool, may_make: bool) -> Check:
    """`privileges`: which are missing, each with on how many tables, and one of them."""
    missing = [what for what, _, _ in privileges]
    if missing:
        grant = f"GRANT {', '.join(missing)} ON ALL TABLES IN SCHEMA {schema} TO {whom};"
        return Check(
            "permissions",
            "warning",
            f"{', '.join(missing)} is missing on {privileges[0][2]} and {privileges[0][1] - 1} more",
            f"To sync, as the owner: {grant}",
        )
    if not may_stage:
        return Check(
            "permissions",
            "warning",
            "no temporary table may be made, and rows come in through them",
            f"As the owner: GRANT TEMPORARY ON DATABASE ... TO {whom};",
        )
    return Check("permissions", "ok", "rows may be read and written" + ("" if may_make else "; tables are made by somebody else"))


def _access(roles: Sequence[str], opened: Sequence[Open]) -> Check:
    """Whether the roles of a Data API reach our tables and views."""
    if not opened:
        return Check("data api", "ok", f"closed to {' and '.join(roles)}")
    one = opened[0]
    what = printable(one.first, 60) + (f" and {one.count - 1} more" if one.count > 1 else "")
    return Check(
        "data api",
        "failed",
        f"{' and '.join(own.role for own in opened)} may read or change {what}: the Data API serves them to whoever has the project's public key",
        f"Run `restaurant-os migrate` as {_quoted(one.owner)}, whose they are: it takes those rights away. If this stays, the role is a member of another "
        "that has them: take them from that.",
    )


def _quoted(name: str) -> str:
    """A name for a statement that a person copies."""
    bare = printable(name, 60)
    return bare if re.fullmatch(r"[a-z_][a-z0-9_]*", bare) else '"' + bare.replace('"', '""') + '"'


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
