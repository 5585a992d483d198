"""What docs/warehouses.md and docs/another-engine.md say holds: the SQL of the roles on a real server, and the lines of the engines."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from copying_world import Heard, everything, filled
from restaurant_os.copying import Copy
from restaurant_os.errors import WarehouseError
from restaurant_os.settings import Settings, load_without_file
from restaurant_os.tables import TABLES
from restaurant_os.transformations import VIEWS
from restaurant_os.warehouse.checks import checks
from restaurant_os.warehouse.open import open_warehouse
from restaurant_os.warehouse.postgres import PostgresWarehouse
from restaurant_os.warehouse.query import ask

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
ROLES = ("restaurant_writer", "restaurant_dashboard")


@pytest.fixture
def roles(postgres_url: str) -> Iterator[tuple[str, str]]:
    with _roles(postgres_url, postgres_url) as addresses:
        yield addresses


@contextmanager
def _roles(postgres_url: str, as_owner: str) -> Iterator[tuple[str, str]]:
    """The addresses of the two roles, made by the SQL of the page. Roles are the whole server's: they get names of this test's own."""
    page = (DOCS / "warehouses.md").read_text(encoding="utf-8")
    [sql] = re.findall(r"```sql\n(-- roles.*?)```", page, re.DOTALL)
    own = uuid.uuid4().hex[:12]
    names = {role: f"{role}_{own}" for role in ROLES}
    for role, name in names.items():
        sql = sql.replace(role, name)
    try:
        with psycopg.connect(as_owner, autocommit=True) as connection:
            connection.execute(sql)
        yield _as(postgres_url, names[ROLES[0]], "change-me-1"), _as(postgres_url, names[ROLES[1]], "change-me-2")
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection, suppress(psycopg.Error):
            for name in names.values():
                connection.execute(f"DROP OWNED BY {name} CASCADE")
                connection.execute(f"DROP ROLE {name}")


def _as(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    return f"postgresql://{role}:{password}@{parts.hostname}:{parts.port}{parts.path}"


def test_the_documented_roles_can_do_what_the_page_says(roles: tuple[str, str], tmp_path: Path) -> None:
    """The writer makes the tables and brings rows in; the dashboard reads every table and view and changes none; doctor tells the two apart."""
    writer_url, dashboard_url = roles
    writer, source = PostgresWarehouse(writer_url), filled(tmp_path / "source.duckdb")
    found = Copy(source, writer, Heard()).run()
    assert not any(one.differing for one in found)
    assert writer.next_read("a location") == 1
    writer.close()

    dashboard = PostgresWarehouse(dashboard_url)
    names = [*(spec.name for spec in TABLES), *(view.name for view in VIEWS)]
    assert [name for name in names if not isinstance(dashboard.rows(f"SELECT count(*) FROM {name}")[0][0], int)] == []
    assert len(everything(dashboard)["fact_orders"]) == 12
    assert ask(_settings(dashboard_url), "SELECT count(*) AS n FROM fact_orders", most_rows=9, seconds=60).table.to_pylist() == [{"n": 12}]
    with pytest.raises(WarehouseError, match="read-only"):
        dashboard.next_read("a location")
    with psycopg.connect(dashboard_url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for name in names:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DELETE FROM {name}" if name not in {view.name for view in VIEWS} else f"DROP VIEW {name}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE own (a integer)")
    dashboard.close()


def test_an_owner_who_is_no_superuser_can_say_what_the_page_says(postgres_url: str) -> None:
    """As the first role of a hosted server: it may make roles, and owns the database."""
    owner = f"owner_{uuid.uuid4().hex[:12]}"
    database = urlsplit(postgres_url).path[1:]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'own'")
        try:
            connection.execute(f"ALTER DATABASE {database} OWNER TO {owner}")
            with _roles(postgres_url, _as(postgres_url, owner, "own")) as (writer_url, dashboard_url):
                writer, dashboard = PostgresWarehouse(writer_url), PostgresWarehouse(dashboard_url)
                writer.migrate()
                assert writer.next_read("a location") == 1
                assert dashboard.rows("SELECT count(*) FROM daily_sales") == [(0,)]
                schemas = connection.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tableowner <> 'postgres'").fetchall()
                for own in (writer, dashboard):
                    own.close()
        finally:
            connection.execute(f"ALTER DATABASE {database} OWNER TO CURRENT_USER; DROP OWNED BY {owner}; DROP ROLE {owner}")
    assert schemas == [("restaurants",)]


def test_doctor_tells_who_may_write(roles: tuple[str, str]) -> None:
    """The writer is well once its tables are there; of the dashboard the missing grant is named."""
    for url in roles:
        warehouse = PostgresWarehouse(url)
        if url == roles[0]:
            before = {own.name: own.state for own in checks(warehouse, _settings(url))}
            warehouse.migrate()
        told = {own.name: own for own in checks(warehouse, _settings(url))}
        warehouse.close()
        assert {name: own.state for name, own in told.items()} == {
            "engine": "ok",
            "connection": "ok",
            "permissions": "ok" if url == roles[0] else "warning",
            "tables": "ok",
        }

    assert before["tables"] == "warning"
    assert told["permissions"].found == f"DELETE, INSERT, UPDATE is missing on changed_days and {len(TABLES) - 1} more"
    assert told["permissions"].next_step.startswith(
        "To sync, as the owner: GRANT DELETE, INSERT, UPDATE ON ALL TABLES IN SCHEMA restaurants TO "
    )


def _settings(url: str) -> Settings:
    return load_without_file(Path(), warehouse=SecretStr(url))


@pytest.mark.parametrize(("engine", "pattern"), [("Postgres", "postgres*.py"), ("BigQuery", "bigquery*.py")])
def test_the_lines_of_an_engine_are_about_those_the_page_says(engine: str, pattern: str) -> None:
    """Within a fifth."""
    page = (DOCS / "another-engine.md").read_text(encoding="utf-8")
    [told] = re.findall(rf"\| {engine}: `warehouse/{re.escape(pattern)}` \| ([\d,]+) \|", page)
    lines = sum(len(own.read_text().splitlines()) for own in (REPOSITORY / "src/restaurant_os/warehouse").glob(pattern))

    assert abs(lines - int(told.replace(",", ""))) <= lines / 5


def test_a_file_is_looked_at_without_being_made(tmp_path: Path) -> None:
    """Nothing there yet is no fault, and stays nothing."""
    settings = load_without_file(tmp_path)
    warehouse = open_warehouse(settings.warehouse_place, settings, now=lambda: datetime.now(UTC))

    assert [(own.name, own.state) for own in checks(warehouse, settings)] == [("engine", "ok")]
    assert list(tmp_path.iterdir()) == []
