"""The address of a Postgres: a password that is not written as an address wants it stands in no label, message or output."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from restaurant_os.cli import app
from restaurant_os.errors import RestaurantOSError
from restaurant_os.operations.postgres import Postgres
from restaurant_os.postgres_address import is_here, postgres_address
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.postgres import PostgresWarehouse
from restaurant_os.warehouse.query_postgres import connected

#: libpq takes a part of each for the host, the port, the database or the user; "hidden" and "s3cr3t" are in the password.
MISREAD = [
    "owner:hidden/s3cr3t@db.example.com:5432/shop",
    "owner:12/hidden-s3cr3t@db.example.com/shop",
    "owner:hidden@s3cr3t@db.example.com/shop",
    "owner:@hidden-s3cr3t@db.example.com/shop",
    "owner:hidden@s3cr3t/x@db.example.com/shop",
    "owner:12/hidden?user=s3cr3t@db.example.com/shop",
    "owner:/hidden-s3cr3t@db.example.com/shop",
    "owner:hidden s3cr3t@host:port:1/shop",
]
USES: list[Callable[[str], Any]] = [PostgresWarehouse, Postgres, connected]


@pytest.mark.parametrize("use", USES, ids=["warehouse", "operations", "query"])
@pytest.mark.parametrize("address", MISREAD)
def test_an_address_that_is_misread_is_refused_without_being_shown(address: str, use: Callable[[str], Any]) -> None:
    with pytest.raises(RestaurantOSError, match="the address of the Postgres cannot be read") as problem:
        use(f"postgresql://{address}")
    told = "".join(traceback.format_exception(problem.value)) + problem.value.next_step + repr(problem.value)
    assert [part for part in ("hidden", "s3cr3t") if part in told] == []
    assert "an @ is written %40, a / %2F" in problem.value.next_step


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("owner:hidden%2Fs3%40cr3t@db.example.com:5432/shop", "postgres db.example.com:5432/shop"),
        ("owner:hidden:s3cr3t?x#y@db.example.com/shop", "postgres db.example.com/shop"),
        ("owner@db.example.com,other.example.com:6543/shop", "postgres db.example.com,other.example.com:,6543/shop"),
        ("owner:hidden-s3cr3t@[::1]:5432/shop?sslmode=disable", "postgres ::1:5432/shop"),
        ("owner.abc:hidden-s3cr3t@/shop?host=/run/postgresql", "postgres /run/postgresql/shop"),
    ],
)
def test_an_address_that_is_well_written_is_labelled_without_its_password(address: str, label: str) -> None:
    assert postgres_address(f"postgresql://{address}").label == label


@pytest.mark.parametrize("begins", ["postgresql", "mysql"])
@pytest.mark.parametrize(
    "words",
    [
        ("migrate",),
        ("migrate", "--plan"),
        ("status",),
        ("status", "--json"),
        ("query", "SELECT 1"),
        ("doctor",),
        ("copy", "--to", "duckdb:///other.duckdb"),
    ],
    ids=" ".join,
)
def test_no_command_shows_a_password_that_is_not_written_as_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], begins: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "restaurant-os.toml").write_text("")
    for password in ("hidden/s3cr3t", "hidden@s3cr3t", "12/hidden-s3cr3t", "hidden@s3cr3t/x"):
        monkeypatch.setenv("RESTAURANT_OS_WAREHOUSE", f"{begins}://owner:{password}@127.0.0.1:9/shop")
        ran = CliRunner().invoke(app, list(words))
        assert ran.exit_code != 0
        assert [part for part in ("hidden", "s3cr3t") if part in ran.output + ran.stderr + repr(ran.exception)] == []


@pytest.mark.parametrize("begins", ["postgresql", "mysql"])
def test_a_copy_does_not_show_where_it_would_have_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "restaurant-os.toml").write_text("")
    own = DuckDBWarehouse(tmp_path / "restaurant-os.duckdb")
    own.migrate()
    own.close()
    for password in ("hidden/s3cr3t", "hidden@s3cr3t", "12/hidden-s3cr3t", "hidden@s3cr3t/x"):
        monkeypatch.setenv("RESTAURANT_OS_COPY_TO", f"{begins}://owner:{password}@127.0.0.1:9/shop")
        ran = CliRunner().invoke(app, ["copy"])
        assert isinstance(ran.exception, RestaurantOSError)
        assert ("cannot be read" if begins == "postgresql" else "copy: --to is an address that begins with mysql:") in str(ran.exception)
        assert [part for part in ("hidden", "s3cr3t") if part in ran.output + ran.stderr + repr(ran.exception)] == []


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("/run/postgresql", True),
        ("127.0.0.2", False),
        ("db.example.com", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, expected: bool) -> None:
    assert is_here(host) == expected


@pytest.mark.parametrize(
    ("address", "environment", "expected"),
    [
        ("postgresql://u:p@localhost/db", {}, None),
        ("postgresql:///db", {}, None),
        ("postgresql:///db?host=/run/postgresql", {}, None),
        ("postgresql:///db?hostaddr=127.0.0.1", {}, None),
        ("postgresql://u:p@db.example.com/db?hostaddr=127.0.0.1", {}, None),
        ("postgresql://u:p@db.example.com/db", {}, "require"),
        ("postgresql://u:p@localhost,db.example.com/db", {}, "require"),
        ("postgresql://u:p@localhost/db?hostaddr=203.0.113.5", {}, "require"),
        ("postgresql://u:p@localhost,localhost/db?hostaddr=127.0.0.1,203.0.113.5", {}, "require"),
        ("postgresql:///db?service=prod", {}, "require"),
        ("postgresql:///db?service=prod&sslmode=disable", {}, "disable"),
        ("postgresql:///db", {"PGHOST": "db.example.com"}, "require"),
        ("postgresql://u:p@localhost/db", {"PGHOSTADDR": "203.0.113.5"}, "require"),
        ("postgresql:///db", {"PGSERVICE": "prod"}, "require"),
        ("postgresql:///db", {"PGSERVICE": "prod", "PGSSLMODE": "prefer"}, None),
    ],
)
def test_a_connection_that_may_leave_this_machine_is_encrypted(
    monkeypatch: pytest.MonkeyPatch, address: str, environment: dict[str, str], expected: str | None
) -> None:
    """Decided by where it goes and not by what it is called; unless somebody said otherwise."""
    for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert postgres_address(address).sslmode == expected


def test_how_a_service_is_spoken_to_stands_in_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours would go before it, and `require` is less than `verify-full`."""
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    (tmp_path / "services").write_text("[prod]\nhost=db.example.com\nsslmode=verify-full\n[other]\nhost=db.example.com\n")
    asked = [postgres_address(f"postgresql:///db?service={name}").sslmode for name in ("prod", "other", "unknown")]
    assert asked == [None, "require", "require"]
