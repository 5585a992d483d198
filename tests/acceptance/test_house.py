"""`migrate` and `copy` as a person and a script meet them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from copying_world import everything, file, filled
from restaurant_desk import command
from restaurant_os.tables import TABLES
from restaurant_os.transformations import VIEWS
from restaurant_os.warehouse.postgres import PostgresWarehouse
from toast_simulator import environment

#: The command, with loads of a few hundred rows: so many more moments to die at.
SMALL_LOADS = "from restaurant_os import cli, copying; copying.MOST_ROWS = 200; cli.main()"


def document(ran: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(ran.stdout)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with settings and a warehouse that has rows in every table."""
    (tmp_path / "restaurant-os.toml").write_text('warehouse = "duckdb:///here.duckdb"\n')
    filled(tmp_path / "here.duckdb", days=10, rows=30)
    return tmp_path


@pytest.mark.parametrize("words", ["migrate", "copy"])
def test_the_command_has_an_example(tmp_path: Path, words: str) -> None:
    ran = command(tmp_path, words, "--help")

    assert ran.returncode == 0
    assert re.search(rf"restaurant-os {words}", ran.stdout.partition("Example:")[2])


def test_migrate_says_what_it_would_do_then_does_it_once(tmp_path: Path, postgres_url: str) -> None:
    """A plan makes nothing; then every table and view is there; then nothing is left to do."""
    own: Any = {"RESTAURANT_OS_WAREHOUSE": postgres_url}
    plan = document(command(tmp_path, "migrate", "--plan", "--json", **own))
    planned_again = document(command(tmp_path, "migrate", "--plan", "--json", **own))
    done = document(command(tmp_path, "migrate", "--json", **own))
    after = command(tmp_path, "migrate", **own)

    assert plan == planned_again == done
    names = [*(spec.name for spec in TABLES), *(view.name for view in VIEWS)]
    assert [name for name in names if not any(re.search(rf"\b{name}\b", step) for step in plan)] == []
    assert (after.returncode, after.stderr) == (0, "")
    assert after.stdout.endswith(": up to date.\n")


def test_a_killed_copy_goes_on_where_it_was(house: Path, postgres_url: str) -> None:
    """SIGKILL while rows are on their way; the same command again ends with both equal, and carried only what was missing."""
    target = PostgresWarehouse(postgres_url)
    target.migrate()
    own: Any = {"RESTAURANT_OS_COPY_TO": postgres_url}
    command_line = [sys.executable, "-c", SMALL_LOADS, "copy", "--json"]
    running = subprocess.Popen(command_line, cwd=house, env=environment(house, **own), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 100
        while not target.rows("SELECT 1 FROM fact_order_items LIMIT 1") and time.monotonic() < until:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    finally:
        running.wait(30)
    again = command(house, "copy", "--json", **own)

    assert again.returncode == 0, again.stderr
    found = document(again)
    assert found["equal"] is True
    assert 0 < found["carried"] < found["rows"]
    assert everything(target) == everything(file(house / "here.duckdb"))
    target.close()


def test_a_copy_is_told_without_the_password(house: Path, postgres_url: str) -> None:
    """Table by table, with what does not move; then that nothing is left to carry. A password stands nowhere."""
    secret = postgres_url.replace("postgres@", "postgres:s3cr3t-word@", 1)
    first = command(house, "copy", RESTAURANT_OS_COPY_TO=secret)
    second = command(house, "copy", "--to", secret, "--json")

    assert first.returncode == 0, first.stderr
    assert "fact_orders" in first.stdout
    assert "Equal: every table" in first.stdout
    assert "operations store (here.operations.sqlite)" in first.stdout
    assert (document(second)["carried"], document(second)["equal"]) == (0, True)
    assert "s3cr3t-word" not in first.stdout + first.stderr + second.stdout + second.stderr


def test_what_a_copy_leaves_behind_is_told(house: Path) -> None:
    """A person's own column, table and view, to people and to scripts; the copy is equal without them."""
    own = file(house / "here.duckdb")
    own.close()
    with duckdb.connect(str(own.path)) as connection:
        connection.execute("ALTER TABLE fact_orders ADD COLUMN my_note text; CREATE TABLE my_goals (goal integer)")
    first, second = (
        command(house, "copy", "--to", "duckdb:///there.duckdb"),
        command(house, "copy", "--to", "duckdb:///there.duckdb", "--json"),
    )

    assert (first.returncode, second.returncode) == (0, 0)
    assert "Not carried, as they are not Restaurant OS's: fact_orders.my_note, my_goals." in first.stderr
    assert (document(second)["equal"], document(second)["left_behind"]) == (True, ["fact_orders.my_note", "my_goals"])


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ((), "nothing says where to"),
        (("--to", "duckdb:///here.duckdb"), "is the warehouse itself"),
        (("--to", "mysql://user:s3cr3t@host/db"), "was expected"),
        (("--to", "postgresql://user:s3cr3t@127.0.0.1:1/db"), "postgres 127.0.0.1:1/db"),
    ],
)
def test_a_place_that_cannot_be(house: Path, to: tuple[str, ...], said: str) -> None:
    """One message, with what to do, and no secret."""
    ran = command(house, "copy", *to)

    assert ran.returncode != 0
    assert said in ran.stderr
    assert "  -> " in ran.stderr
    assert "s3cr3t" not in ran.stdout + ran.stderr
