"""A Postgres whose Data API serves `public`, as Supabase's does: nothing of ours is to be had by it. And whether the way to a server is encrypted."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from orders_world import FIRST_VERSION, land, order
from pooler import pooler
from postgres_server import Reachable, Server
from postgres_watching import rows, tell
from restaurant_os.settings import load_without_file
from restaurant_os.warehouse.checks import Check, checks
from restaurant_os.warehouse.postgres import PostgresWarehouse
from restaurant_os.warehouse.postgres_schema import ours

CLOSE = "close our tables and views to anon, authenticated (the Data API)"
#: What a project of Supabase's has from its beginning.
AS_HOSTED = """GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role"""


@pytest.fixture(scope="module")
def hosted() -> Iterator[Server]:
    """A server of its own: roles are the whole server's."""
    with Server() as server:
        server.execute(
            "CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role; CREATE ROLE readers; CREATE ROLE clerk LOGIN"
        )
        yield server


@pytest.fixture
def url(hosted: Server) -> Iterator[str]:
    with hosted.database() as own:
        tell(own, AS_HOSTED)
        yield own


@pytest.fixture
def warehouse(url: str) -> Iterator[PostgresWarehouse]:
    own = PostgresWarehouse(url, now=lambda: FIRST_VERSION)
    yield own
    own.close()


def held(url: str, role: str) -> dict[str, list[str]]:
    """What a role may do with each relation in `public`, those of which it may do anything."""
    found = rows(
        url,
        f"""SELECT c.relname::text, array_agg(p ORDER BY p)
        FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
            AND (has_table_privilege('{role}', c.oid, p)
                OR (p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege('{role}', c.oid, p)))
        GROUP BY c.relname""",
    )
    return dict(found)


def data_api(warehouse: PostgresWarehouse, url: str) -> Check | None:
    """What doctor says of it."""
    settings = load_without_file(Path(), warehouse=SecretStr(url))
    return next((own for own in checks(warehouse, settings) if own.name == "data api"), None)


# --- what we make is closed -------------------------------------------------------------------------------------------


def test_nothing_that_is_made_is_open_to_the_roles_of_a_data_api(warehouse: PostgresWarehouse, url: str) -> None:
    """Where everything new in `public` is granted to them; what the owner of the project made, and its other roles, are left alone."""
    tell(url, "CREATE TABLE mine (a int)")
    everything = held(url, "anon")["mine"]
    planned = warehouse.migrate(plan=True)
    assert planned[-1] == CLOSE
    assert warehouse.migrate() == planned
    land(warehouse, [order("o")])

    assert {role: held(url, role) for role in ("anon", "authenticated")} == {
        "anon": {"mine": everything},
        "authenticated": {"mine": everything},
    }
    assert held(url, "service_role") == dict.fromkeys([*ours(), "mine"], everything)
    # Whatever else we made, a sequence too.
    own = rows(
        url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'v', 'i') OR relkind = 'S'"
    )
    assert own == []
    with psycopg.connect(url, autocommit=True) as connection:
        for role in ("anon", "authenticated"):
            connection.execute(f"SET ROLE {role}")
            for name in ours():
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT * FROM {name}")
    assert (warehouse.migrate(plan=True), warehouse.migrate()) == ([], [])
    assert data_api(warehouse, url) == Check("data api", "ok", "closed to anon and authenticated")


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ("GRANT SELECT ON daily_sales TO anon", "anon may read or change daily_sales"),
        ("GRANT SELECT (net_sales) ON daily_sales TO anon WITH GRANT OPTION", "anon may read or change daily_sales"),
        ("GRANT TRUNCATE, DELETE ON fact_orders TO authenticated", "authenticated may read or change fact_orders"),
        (
            "GRANT SELECT ON dim_employees, fact_labor_shifts TO PUBLIC",
            "anon and authenticated may read or change dim_employees and 1 more",
        ),
    ],
)
def test_what_was_opened_later_is_a_fault_to_doctor_and_closed_by_migrate(
    warehouse: PostgresWarehouse, url: str, grant: str, said: str
) -> None:
    warehouse.migrate()
    tell(url, grant)
    assert data_api(warehouse, url) == Check(
        "data api",
        "failed",
        f"{said}: the Data API serves them to whoever has the project's public key",
        "Run `restaurant-os migrate` as postgres, whose they are: it takes those rights away. If this stays, the role is a member of another that has them: "
        "take them from that.",
    )
    assert (warehouse.migrate(plan=True), warehouse.migrate()) == ([CLOSE], [CLOSE])
    assert (held(url, "anon"), held(url, "authenticated"), warehouse.migrate()) == ({}, {}, [])


def test_tables_that_an_older_version_left_open_are_closed_at_first_use(warehouse: PostgresWarehouse, url: str) -> None:
    warehouse.migrate()
    tell(url, "GRANT ALL ON ALL TABLES IN SCHEMA public TO anon; UPDATE restaurant_os_schema SET fingerprint = 'older'")
    assert warehouse.rows("SELECT count(*) FROM fact_orders") == [(0,)]
    assert held(url, "anon") == {}


def test_views_that_are_made_anew_are_closed_too(warehouse: PostgresWarehouse, url: str) -> None:
    warehouse.migrate()
    tell(url, "DROP VIEW daily_cash; CREATE VIEW daily_cash AS SELECT 1 AS other_column")
    tell(url, "COMMENT ON VIEW daily_cash IS 'Restaurant OS, definition older'")
    assert "make view daily_cash anew" in warehouse.migrate()
    assert (held(url, "anon"), held(url, "authenticated")) == ({}, {})


def test_a_right_by_way_of_another_role_is_told_though_migrate_cannot_take_it(warehouse: PostgresWarehouse, url: str) -> None:
    warehouse.migrate()
    tell(url, "GRANT readers TO anon; GRANT SELECT ON fact_orders TO readers")
    try:
        assert warehouse.migrate() == []
        found = data_api(warehouse, url)
        assert found is not None
        assert (found.state, found.found.partition(":")[0]) == ("failed", "anon may read or change fact_orders")
    finally:
        tell(url, "REVOKE readers FROM anon")


def test_tables_in_a_schema_that_the_roles_may_not_use_are_closed_whatever_is_granted(url: str) -> None:
    tell(url, "CREATE SCHEMA own; ALTER DEFAULT PRIVILEGES IN SCHEMA own GRANT ALL ON TABLES TO anon, authenticated")
    there = f"{url}?options=-csearch_path%3Down"
    warehouse = PostgresWarehouse(there)
    assert warehouse.migrate()[-1] == CLOSE
    tell(url, "GRANT SELECT ON own.fact_orders TO anon")
    assert data_api(warehouse, there) == Check("data api", "ok", "closed to anon and authenticated")
    tell(url, "GRANT USAGE ON SCHEMA own TO anon")
    found = data_api(warehouse, there)
    assert found is not None
    assert found.state == "failed"
    warehouse.close()


def test_whoever_does_not_own_the_tables_is_told_whose_they_are(warehouse: PostgresWarehouse, url: str) -> None:
    """He can take nothing back, and a plan of his does not say so."""
    warehouse.migrate()
    tell(url, "GRANT SELECT ON fact_orders TO anon; GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk")
    as_clerk = url.replace("postgres@", "clerk@")
    clerk = PostgresWarehouse(as_clerk)
    assert clerk.migrate(plan=True) == []
    found = data_api(clerk, as_clerk)
    assert found is not None
    assert found.next_step.startswith("Run `restaurant-os migrate` as postgres, whose they are")
    clerk.close()


def test_a_server_without_such_roles_keeps_what_its_owner_granted(postgres_url: str) -> None:
    warehouse = PostgresWarehouse(postgres_url)
    assert CLOSE not in warehouse.migrate()
    tell(postgres_url, "GRANT SELECT ON daily_sales TO PUBLIC")
    assert warehouse.migrate() == []
    assert rows(postgres_url, "SELECT relacl::text LIKE '%,=r/%' FROM pg_class WHERE relname = 'daily_sales'") == [(True,)]
    assert data_api(warehouse, postgres_url) is None
    warehouse.close()


# --- whether it is encrypted ------------------------------------------------------------------------------------------


@contextmanager
def certificate(folder: Path) -> Iterator[str]:
    """Lines of PgBouncer's that make it speak TLS to its clients."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    own, key = folder / "own.crt", folder / "own.key"
    made = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(own),
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=100)
    for file in (own, key):
        file.chmod(0o644)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp") and parent.is_relative_to("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    yield f"client_tls_sslmode = allow\nclient_tls_cert_file = {own}\nclient_tls_key_file = {key}\n"


@pytest.mark.parametrize(
    ("host", "sslmode", "expected"),
    [
        ("127.0.0.2", "require", ("ok", "encrypted (TLS)")),
        ("127.0.0.2", "disable", ("warning", "not encrypted: rows and the password can be read on the way")),
        ("127.0.0.1", "disable", ("ok", "not encrypted, on this machine")),
    ],
)
def test_doctor_tells_of_our_own_leg_to_the_pooler_not_of_the_poolers(
    postgres: Reachable, postgres_url: str, tmp_path: Path, host: str, sslmode: str, expected: tuple[str, str]
) -> None:
    """The pooler speaks without TLS to a server on this machine. 127.0.0.2 is an address like any other to us."""
    with (
        certificate(tmp_path) as lines,
        pooler(postgres, postgres_url.rpartition("/")[2], listening="127.0.0.1,127.0.0.2", more=lines) as pooled,
    ):
        url = f"{pooled.replace('127.0.0.1', host)}?sslmode={sslmode}"
        warehouse = PostgresWarehouse(url)
        found: Any = {own.name: own for own in checks(warehouse, load_without_file(Path(), warehouse=SecretStr(url)))}
        warehouse.close()
    assert (found["connection"].state, found["connection"].found) == expected
    assert bool(found["connection"].next_step) == (expected[0] == "warning")
