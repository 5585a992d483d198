"""The command line as a person and a script meet it."""

from __future__ import annotations

import io
import json
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from restaurant_desk import COMMAND, Desk, command, desk
from restaurant_os import __version__
from toast_simulator import COLUMNS, LAST_DAY, Sales, Toast, environment, simulating
from warehouse_reading import daily_sales, everything, orders

DAY = ("--from", LAST_DAY.isoformat(), "--to", LAST_DAY.isoformat())
SALES = "SELECT * FROM daily_sales ORDER BY restaurant_guid, business_date"


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=2, days=1) as running:
        yield running


@pytest.fixture
def group(tmp_path: Path, toast: Toast) -> Desk:
    return desk(tmp_path / "group", toast, begun=True)


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory, toast: Toast) -> Desk:
    """A group whose one day is in; tests read it and change nothing."""
    found = desk(tmp_path_factory.mktemp("synced"), toast)
    found.sync(LAST_DAY)
    return found


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("sync", "orders"), ("status",), ("query",), ("doctor",), ("init",), ("simulate",), ("demo",)], ids=" ".join
)
def test_every_command_has_an_example(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Its help ends with a line to copy, which begins with the command itself."""
    ran = command(tmp_path, *words, "--help")
    examples = ran.stdout.partition("Example:")[2].split("\n")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [line for line in examples if line.strip().startswith(" ".join(("restaurant-os", *words)))]


def test_help_names_every_command_and_the_version_is_said(tmp_path: Path) -> None:
    """What there is to do, at a glance."""
    shown = command(tmp_path, "--help").stdout

    assert [word for word in ("sync", "status", "query", "doctor", "init", "simulate", "demo") if not re.search(rf"│ {word} ", shown)] == []
    assert command(tmp_path, "--version").stdout == f"restaurant-os {__version__}\n"


# --- init -----------------------------------------------------------------------------------------------------------


def test_init_writes_settings_and_never_over_them(tmp_path: Path) -> None:
    """The first call writes two files; a second changes neither and says so; a kept .env.example stays."""
    first = command(tmp_path, "init")
    files = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    (tmp_path / "restaurant-os.toml").write_text("# mine\n")
    (tmp_path / ".env.example").write_text("# mine too\n")
    second = command(tmp_path, "init")
    other = command(tmp_path, "init", "--config", "other.toml")

    assert first.returncode == 0
    assert sorted(files) == [".env.example", "restaurant-os.toml"]
    assert (second.returncode, "is there already and was left as it is" in second.stderr) == (2, True)
    assert other.returncode == 0
    assert (tmp_path / "restaurant-os.toml").read_text() == "# mine\n"
    assert (tmp_path / ".env.example").read_text() == "# mine too\n"
    assert (tmp_path / "other.toml").read_text() == files["restaurant-os.toml"]


def test_init_from_toast_fills_in_locations_that_can_be_synced(tmp_path: Path, toast: Toast) -> None:
    """Names, zones and closeout hours come from the API; the file then works as it is, and holds no credential."""
    made = command(tmp_path, "init", "--from-toast", toast.url, "--pacing", "none")
    text = (tmp_path / "restaurant-os.toml").read_text()
    ran = command(tmp_path, "sync", "orders", *DAY)

    assert (made.returncode, ran.returncode) == (0, 0), made.stderr + ran.stderr
    assert sorted(re.findall(r'toast_guid = "(.+)"', text)) == sorted(x.toast_guid for x in toast.locations())
    assert "demo-secret" not in text
    assert daily_sales(tmp_path / "restaurant-os.duckdb") == toast.books()


def test_init_from_toast_touches_nothing_where_settings_are(tmp_path: Path, toast: Toast) -> None:
    """Not even the API is asked."""
    (tmp_path / "restaurant-os.toml").write_text("# mine\n")
    asked = toast.statuses("/partners/v1/restaurants")
    ran = command(tmp_path, "init", "--from-toast", toast.url)

    assert (ran.returncode, "is there already" in ran.stderr) == (2, True)
    assert (tmp_path / "restaurant-os.toml").read_text() == "# mine\n"
    assert toast.statuses("/partners/v1/restaurants") == asked


def test_credentials_are_taken_from_dotenv(tmp_path: Path, toast: Toast) -> None:
    """`.env` beside the settings gives what the environment does not."""
    group = desk(tmp_path / "group", toast, begun=True)
    (group.folder / ".env").write_text('TOAST_CLIENT_ID=demo-client\nTOAST_CLIENT_SECRET="demo-secret"\nOTHERS=1\n')
    given = environment(group.folder)
    del given["TOAST_CLIENT_ID"], given["TOAST_CLIENT_SECRET"]
    ran = subprocess.run([COMMAND, "sync", "orders", *DAY], cwd=group.folder, env=given, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert daily_sales(group.warehouse) == toast.books()


# --- json -----------------------------------------------------------------------------------------------------------


def document(ran: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on stdout; `json` refuses anything after it."""
    assert ran.stdout.endswith("\n")
    return json.loads(ran.stdout)


def test_a_sync_as_json_is_one_document(group: Desk, toast: Toast) -> None:
    """Counts per location on stdout, nothing else on it, and nothing on stderr that is not progress."""
    ran = group.run("sync", "orders", "--json", *DAY)
    found = document(ran)
    rows = {guid: values for (guid, _), values in toast.books().items()}

    assert (ran.returncode, found["dataset"], found["failed"]) == (0, "orders", 0)
    assert [(row["location"], row["restaurant_guid"], row["error"]) for row in found["locations"]] == [
        (x.name, x.toast_guid, None) for x in toast.locations()
    ]
    assert all(row["rows_read"] == row["rows_added"] >= rows[row["restaurant_guid"]][0] for row in found["locations"])


def test_progress_goes_to_stderr_alone(group: Desk) -> None:
    """Without --json too: stdout holds the result, the bar is on stderr."""
    ran = group.run("sync", "orders", *DAY)

    assert ran.returncode == 0
    assert ("windows" in ran.stderr, "windows" in ran.stdout) == (True, False)
    assert "orders: " in ran.stdout


@pytest.mark.parametrize(
    "words",
    [("status",), ("query", SALES), ("doctor",), ("init", "--config", "new.toml")],
    ids=lambda words: words[0],
)
def test_every_command_gives_one_json_document(synced: Desk, words: tuple[str, ...]) -> None:
    """A list or an object, and nothing beside it."""
    ran = synced.run(*words, "--json")
    (synced.folder / "new.toml").unlink(missing_ok=True)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert isinstance(document(ran), (list, dict))


def test_a_failure_as_json_is_a_document_too(synced: Desk) -> None:
    """Wrong usage and a failed location both come as JSON, with the same exit codes as without."""
    wrong = synced.run("sync", "orders", "--json", "--location", "Nowhere")
    refused = synced.run("sync", "orders", "--json", *DAY, TOAST_CLIENT_SECRET="a-wrong-secret")

    assert (wrong.returncode, sorted(document(wrong)["error"])) == (2, ["message", "next_step"])
    assert (refused.returncode, "login" in document(refused)["error"]["message"]) == (1, True)


# --- query ----------------------------------------------------------------------------------------------------------


def as_sales(table: pa.Table) -> Sales:
    """A result's rows as the books hold them."""
    return {
        (row["restaurant_guid"], row["business_date"]): (int(row["orders"]), *(Decimal(str(row[name])) for name in COLUMNS[1:]))
        for row in table.to_pylist()
    }


def test_query_writes_json_with_exact_money(synced: Desk, toast: Toast) -> None:
    """A list of objects; money is text, dates are ISO."""
    rows = document(synced.run("query", SALES, "--format", "json"))
    found = {
        (row["restaurant_guid"], date.fromisoformat(row["business_date"])): (row["orders"], *(Decimal(row[name]) for name in COLUMNS[1:]))
        for row in rows
    }

    assert found == toast.books()
    assert {type(row["net_sales"]) for row in rows} == {str}


def test_query_writes_csv(synced: Desk, toast: Toast) -> None:
    """A heading, then a line for each row, with all four places of money."""
    ran = synced.run("query", SALES, "--format", "csv")
    read = pa_csv.read_csv(
        io.BytesIO(ran.stdout.encode()), convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS[1:], pa.string()))
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0] == f"restaurant_guid,business_date,{','.join(COLUMNS)}"
    assert as_sales(read) == toast.books()


def test_query_writes_parquet(synced: Desk, toast: Toast, tmp_path: Path) -> None:
    """To a file that is named, or to stdout when that is no terminal: the same bytes' worth of rows, money as decimals."""
    named = synced.run("query", SALES, "--format", "parquet", "--output", str(tmp_path / "sales.parquet"))
    piped = subprocess.run(
        [COMMAND, "query", SALES, "--format", "parquet"],
        cwd=synced.folder,
        env=environment(synced.folder),
        capture_output=True,
        check=False,
    )
    table = pq.read_table(tmp_path / "sales.parquet")

    assert (named.returncode, named.stdout, piped.returncode) == (0, "", 0)
    assert as_sales(table) == toast.books()
    assert table.schema.field("net_sales").type == pa.decimal128(18, 4)
    assert pq.read_table(io.BytesIO(piped.stdout)).equals(table)


def test_query_shows_a_table_and_says_when_it_is_cut(synced: Desk) -> None:
    """A person's default; the rows beyond the cap are announced, not silently lost."""
    ran = synced.run("query", "SELECT order_guid FROM fact_orders", "--limit", "5")

    assert ran.returncode == 0
    assert len(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", ran.stdout)) == 5
    assert "first 5 rows" in ran.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM fact_orders",
        "COPY fact_orders TO 'stolen.csv'",
        "SELECT * FROM read_csv('restaurant-os.toml')",
        "SELECT * FROM 'restaurant-os.toml'",
        "ATTACH 'other.duckdb' AS other",
        "SET enable_external_access = true",
        "SELECT 1; DELETE FROM fact_orders",
        "INSTALL httpfs",
        "CREATE TABLE mine AS SELECT 1",
        "SELECT * FROM sales_by_day",
        "SELEC 1",
    ],
)
def test_query_cannot_do_more_than_read(synced: Desk, sql: str) -> None:
    """Neither change nor write nor read anything else; each attempt is one message and exit code 1."""
    before = orders(synced.warehouse)
    files = sorted(path.name for path in synced.folder.iterdir())
    ran = synced.run("query", sql)

    assert (ran.returncode, ran.stdout, "Traceback" in ran.stderr, ran.stderr.startswith("query: ")) == (1, "", False, True)
    assert orders(synced.warehouse) == before
    assert sorted(path.name for path in synced.folder.iterdir()) == files


def test_query_of_a_warehouse_that_is_not_there_says_how_to_begin(group: Desk) -> None:
    """And it does not make one."""
    group.warehouse.unlink()
    ran = group.run("query", "SELECT 1")

    assert (ran.returncode, "restaurant-os sync orders" in ran.stderr, group.warehouse.exists()) == (1, True, False)


# --- status and doctor ------------------------------------------------------------------------------------------------


def test_status_tells_complete_partial_and_missing(synced: Desk, toast: Toast) -> None:
    """A day read whole after its closeout is complete, with its orders counted; a day never read is missing."""
    first = LAST_DAY - timedelta(days=1)
    days = document(synced.run("status", "--json", "--from", first.isoformat(), "--to", LAST_DAY.isoformat()))
    rows = {day["restaurant_guid"]: day["rows"] for day in days if day["business_date"] == LAST_DAY.isoformat()}

    assert [(day["location"], day["dataset"], day["business_date"], day["state"]) for day in days] == [
        (name, "orders", on.isoformat(), state) for name in ("North", "East") for on, state in ((first, "missing"), (LAST_DAY, "complete"))
    ]
    assert sorted(rows) == sorted(x.toast_guid for x in toast.locations())
    assert sum(rows.values()) == len(orders(synced.warehouse)["fact_orders"])
    assert all(day["last_read_at"] is not None for day in days if day["state"] == "complete")


def test_status_before_anything_says_how_to_begin(group: Desk) -> None:
    """An empty warehouse is no failure."""
    ran = group.run("status")

    assert (ran.returncode, "restaurant-os sync orders" in ran.stdout) == (0, True)


def findings(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What doctor says of each check; whatever is not well must say what to do."""
    found = document(ran)
    assert [finding for finding in found if finding["state"] != "ok" and not finding["next_step"]] == []
    return {finding["check"]: finding["state"] for finding in found}


def test_doctor_finds_nothing_at_a_healthy_group(tmp_path: Path) -> None:
    """Settings, warehouse, login, scopes, each location and the clock: exit code 0."""
    with simulating(locations=2, days=1, last_day=None) as toast:
        ran = desk(tmp_path / "group", toast, begun=True).run("doctor", "--json")

    assert ran.returncode == 0
    assert of_no_date(findings(ran)) == dict.fromkeys(
        ("settings", "warehouse engine", "warehouse tables", "warehouse", "login", "scopes", "location North", "location East", "clock"),
        "ok",
    )


def test_doctor_makes_and_changes_nothing(synced: Desk, tmp_path: Path) -> None:
    """A file that is not there is not made; one of an older version is said to be so, and stays as it is."""
    new = desk(tmp_path / "new", synced.toast)
    assert findings(new.run("doctor", "--json"))["warehouse"] == "ok"
    assert not new.warehouse.exists()

    older = desk(tmp_path / "older", synced.toast, begun=True)
    with duckdb.connect(str(older.warehouse)) as connection:
        connection.execute("DROP VIEW product_mix; UPDATE restaurant_os_schema SET fingerprint = 'older'")
    plan = older.run("migrate", "--plan").stdout
    assert findings(older.run("doctor", "--json"))["warehouse tables"] == "warning"
    assert "product_mix" in plan
    assert older.run("migrate", "--plan").stdout == plan


def of_no_date(found: dict[str, str]) -> dict[str, str]:
    """Without what is said of the last closed date: for some hours of each day the standing world has nothing of it."""
    return {check: state for check, state in found.items() if not check.startswith(("cash of", "labor of"))}


CLIENTS = '[[clients]]\nid = "demo-client"\nsecret = "demo-secret"\n'


def test_doctor_tells_a_missing_scope_from_a_location_that_is_not_connected(tmp_path: Path) -> None:
    """Both are 403 at Toast; what to do differs."""
    file = tmp_path / "clients.toml"
    file.write_text(CLIENTS + 'scopes = ["restaurants:read"]\n')
    with simulating(locations=1, days=1, last_day=None, clients=file) as toast:
        without_scope = desk(tmp_path / "a", toast, begun=True).run("doctor", "--json")
    file.write_text(CLIENTS + "locations = [0]\n")
    with simulating(locations=2, days=1, last_day=None, clients=file) as toast:
        without_location = desk(tmp_path / "b", toast, begun=True).run("doctor", "--json")

    assert (without_scope.returncode, without_location.returncode) == (1, 1)
    assert findings(without_scope)["scopes"] == "failed"
    assert of_no_date(findings(without_location)) == {
        "settings": "ok",
        "warehouse engine": "ok",
        "warehouse tables": "ok",
        "warehouse": "ok",
        "login": "ok",
        "scopes": "ok",
        "location North": "ok",
        "location East": "failed",
        "clock": "ok",
    }


def test_doctor_names_each_of_the_other_causes(synced: Desk, tmp_path: Path) -> None:
    """Wrong credentials, no location, a wrong zone, a broken warehouse: failed, with exit code 1; a clock that is off is a warning."""
    text = synced.settings.read_text()
    broken = desk(tmp_path / "broken", synced.toast)
    broken.warehouse.write_text("not a database" * 1_000)
    wrong = desk(tmp_path / "wrong", synced.toast, begun=True)
    wrong.settings.write_text(text.replace("America/New_York", "America/Denver"))
    empty = desk(tmp_path / "empty", synced.toast, locations=(), begun=True)
    causes = {
        "login": synced.run("doctor", "--json", TOAST_CLIENT_SECRET="a-wrong-secret"),
        "settings": empty.run("doctor", "--json"),
        "location North": wrong.run("doctor", "--json"),
        "warehouse": broken.run("doctor", "--json"),
    }

    assert {check: (ran.returncode, findings(ran)[check]) for check, ran in causes.items()} == dict.fromkeys(causes, (1, "failed"))
    assert findings(synced.run("doctor", "--json"))["clock"] == "warning"


# --- simulate and demo ------------------------------------------------------------------------------------------------


def test_simulate_says_when_its_port_is_taken(tmp_path: Path) -> None:
    """One message with what to do, and exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = command(tmp_path, "simulate", "--port", port, "--locations", "1", "--days", "1")

    assert (ran.returncode, ran.stdout, "Traceback" in ran.stderr) == (1, "", False)
    assert (port in ran.stderr, "--port" in ran.stderr) == (True, True)


def test_simulate_refuses_a_file_it_cannot_use(tmp_path: Path) -> None:
    """A fault it does not know is named."""
    (tmp_path / "faults.toml").write_text("[earthquake]\nrate = 1.0\n")
    ran = command(tmp_path, "simulate", "--port", "0", "--faults", "faults.toml")

    assert (ran.returncode, "Traceback" in ran.stderr, "earthquake" in ran.stderr) == (1, False, True)


def test_a_second_demo_on_the_same_data_changes_no_row(tmp_path: Path) -> None:
    """It finds the same world and reads it again; not one row of an order table is written anew. Other numbers are refused there."""
    small = ("demo", "--locations", "2", "--days", "2", "--data", "data")
    first = command(tmp_path, *small)
    warehouse = tmp_path / "data" / "restaurant-os.duckdb"
    before = everything(warehouse)
    second = command(tmp_path, *small, "--json")
    after = everything(warehouse)
    other = command(tmp_path, "demo", "--locations", "3", "--days", "2", "--data", "data")
    new = {"sync_runs", "read_sequences"}

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert [word for word in ("query", "status", "Try next") if word not in first.stdout] == []
    assert document(second)["rows_changed"] == 0
    assert {table: rows for table, rows in after.items() if table not in new} == {t: rows for t, rows in before.items() if t not in new}
    assert len(before["fact_orders"]) > 500
    assert (other.returncode, "2 locations, 2 days" in other.stderr, "--data" in other.stderr) == (2, True, True)
    assert everything(warehouse) == after


def test_what_the_demo_says_to_try_next_can_be_done(tmp_path: Path) -> None:
    """Each of its three commands, copied as printed, ends well though the demo's simulator is gone."""
    shown = command(tmp_path, "demo", "--locations", "1", "--days", "1").stdout
    lines = [line.strip() for line in shown.partition("Try next:")[2].strip().splitlines()]
    ran = [command(tmp_path, *shlex.split(line)[1:]) for line in lines]

    assert [(each.returncode, each.stderr) for each in ran] == [(0, "")] * 3
