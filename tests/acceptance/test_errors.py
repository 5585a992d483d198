"""What goes wrong is one clear message with the next step: no traceback, exit code 1 or 2, no secret, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from killing import left_behind
from restaurant_desk import COMMAND, Desk, command, desk, started
from toast_simulator import CREDENTIALS, LAST_DAY, Toast, environment, simulating
from warehouse_reading import daily_sales, everything, orders

FIRST_DAY = LAST_DAY - timedelta(days=1)
SPAN = ("--from", FIRST_DAY.isoformat(), "--to", LAST_DAY.isoformat())
UNKNOWN = "c0ffee00-0000-4000-8000-000000000001"
Ran = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=2, days=2) as running:
        yield running


@pytest.fixture
def group(tmp_path: Path, toast: Toast) -> Desk:
    return desk(tmp_path / "group", toast, begun=True)


def outcome(ran: Ran, *said: str) -> dict[str, object]:
    """What a test compares: the exit code, what should have been said and was not, and what never may be seen."""
    output = ran.stdout + ran.stderr
    plain = " ".join(output.split())
    return {
        "exit code": ran.returncode,
        "not said": [text for text in said if text not in plain],
        "traceback": "Traceback" in output,
        "secret": CREDENTIALS["TOAST_CLIENT_SECRET"] in output,
        "next step": "->" in ran.stderr,
    }


def clean(code: int, *, next_step: bool = True) -> dict[str, object]:
    """The outcome of a failure that is told well."""
    return {"exit code": code, "not said": [], "traceback": False, "secret": False, "next step": next_step}


# --- what was asked is impossible -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-01-01", "--to", "2026-02-01"), ("32 business dates", "31", "--from 2026-01-01 --to 2026-01-31", "2026-02-01")),
        (("--from", "2015-12-01", "--to", "2015-12-03"), ("2015-12-01", "2015-12-02")),
        (("--from", "2026-03-02", "--to", "2026-03-01"), ("2026-03-02", "2026-03-01", "earlier")),
        (("--from", "2026-02-30", "--to", "2026-03-01"), ("--from", "2026-02-30", "2026-03-01 (year-month-day)")),
        (("--from", "2026-03-01", "--to", "01/02/2026"), ("--to", "01/02/2026", "2026-03-01 (year-month-day)")),
        (("--from", "2026-03-01"), ("--from DATE", "--to DATE")),
        (("--to", "2026-03-01"), ("--from DATE", "--to DATE")),
        (("--from", "2028-03-01", "--to", "2028-03-02"), ("2028-03-02",)),
        (("--location", "Nowhere"), ("Nowhere", "North", "East", "ALL")),
        (("--location", UNKNOWN), (UNKNOWN, "North", "East", "ALL")),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_what_cannot_be_asked_is_wrong_usage(group: Desk, arguments: tuple[str, ...], said: tuple[str, ...]) -> None:
    """Dates that do not exist, spans that Toast does not give, locations that are not configured: exit code 2, and nothing on stdout."""
    ran = group.run("sync", "orders", *arguments)

    assert outcome(ran, *said) == clean(2)
    assert ran.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("sync", "orders", "--form", "2026-03-01"), ("sync", "payroll"), ("snyc",), ("query",)], ids=" ".join
)
def test_a_mistyped_command_is_wrong_usage(group: Desk, arguments: tuple[str, ...]) -> None:
    """The parser's own words, on stderr, which name what was typed or is missing."""
    ran = group.run(*arguments)
    wrong = {"--form": "--form", "payroll": "payroll", "snyc": "snyc", "query": "SQL"}

    assert outcome(ran, wrong[next(word for word in arguments if word in wrong)]) == clean(2, next_step=False)
    assert ran.stdout == ""


# --- settings -------------------------------------------------------------------------------------------------------


ONE_LOCATION = f'[[locations]]\nname = "North"\ntoast_guid = "{UNKNOWN}"\ntimezone = "{{}}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('warehouse = "duckdb:///w.duckdb\n', ("restaurant-os.toml", "not TOML", "line 1")),
        ('[toast]\nbase_uri = "https://example.com"\n', ("restaurant-os.toml", "toast.base_uri", "not a setting")),
        ('[toast]\npacing = "reckless"\n', ("restaurant-os.toml", "toast.pacing", "careful", "documented", "none")),
        ('warehouse = "mysql://db"\n' + ONE_LOCATION.format("UTC"), ("warehouse", "duckdb:///")),
        ('toast_client_secret = "demo-secret"\n', ("restaurant-os.toml", "toast_client_secret", ".env", "TOAST_CLIENT_SECRET")),
        (ONE_LOCATION.format("America/Gotham"), ("restaurant-os.toml", "timezone", "America/Gotham")),
        (2 * ONE_LOCATION.format("UTC"), ("restaurant-os.toml", "twice")),
        ("", ("no location", "restaurant-os init --from-toast")),
    ],
    ids=["TOML", "name", "choice", "warehouse", "secret", "zone", "twice", "empty"],
)
def test_settings_that_cannot_be_used_say_which_and_why(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    """The file, the setting's name and what was expected; a secret is never repeated."""
    (tmp_path / "restaurant-os.toml").write_text(text)
    ran = command(tmp_path, "sync", "orders")

    assert outcome(ran, *said) == clean(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["restaurant-os.toml"]


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """`--config` and the environment name a file; a missing one is never replaced by another."""
    for ran in (
        command(tmp_path, "status", "--config", "elsewhere.toml"),
        command(tmp_path, "status", RESTAURANT_OS_CONFIG="elsewhere.toml"),
    ):
        assert outcome(ran, "elsewhere.toml does not exist", "restaurant-os init") == clean(2)


# --- Toast does not let us in -----------------------------------------------------------------------------------------


def test_wrong_credentials_fail_at_once_and_lose_nothing(group: Desk, toast: Toast) -> None:
    """One login is tried, not eight; what was in is in; with the right ones the same command ends well."""
    group.run("sync", "orders", "--from", FIRST_DAY.isoformat(), "--to", FIRST_DAY.isoformat())
    before = everything(group.warehouse)
    tried = toast.statuses("/authentication/v1/authentication/login").get("401", 0)
    ran = group.run("sync", "orders", *SPAN, TOAST_CLIENT_SECRET="a-wrong-secret")

    assert outcome(ran, "login", "401", "TOAST_CLIENT_ID and TOAST_CLIENT_SECRET", "sandbox") == clean(1)
    assert "a-wrong-secret" not in ran.stdout + ran.stderr
    assert toast.statuses("/authentication/v1/authentication/login")["401"] == tried + 1
    assert everything(group.warehouse) == before
    assert group.run("sync", "orders", *SPAN).returncode == 0
    assert daily_sales(group.warehouse) == toast.books()


def test_no_credentials_say_where_they_belong(group: Desk) -> None:
    """Which of the two is missing, and the two places they may stand."""
    ran = group.run("sync", "orders", *SPAN, TOAST_CLIENT_SECRET="")

    assert outcome(ran, "TOAST_CLIENT_SECRET is not set", ".env") == clean(1)


CLIENTS = """
[[clients]]
id = "demo-client"
secret = "demo-secret"
scopes = [{scopes}]
locations = [{locations}]
"""


@contextmanager
def with_clients(folder: Path, *, scopes: str = '"orders:read", "restaurants:read"', locations: str = "0, 1") -> Iterator[Toast]:
    """A simulator that grants its client this alone."""
    file = folder / "clients.toml"
    file.write_text(CLIENTS.format(scopes=scopes, locations=locations))
    with simulating(locations=2, days=2, clients=file) as running:
        yield running


def test_a_missing_scope_is_named(tmp_path: Path) -> None:
    """A 403 is not repeated; the message names the scope and where it is granted."""
    with with_clients(tmp_path, scopes='"restaurants:read"') as toast:
        group = desk(tmp_path / "group", toast, locations=toast.locations()[:1])
        ran = group.run("sync", "orders", *SPAN)

        assert outcome(ran, "orders:read", "Toast Web") == clean(1)
        assert toast.statuses().get("200", 0) == 0
        assert sum(toast.statuses().values()) <= 1


def test_a_location_that_is_not_connected_fails_alone(tmp_path: Path) -> None:
    """The other location's orders land; the exit code is 1; once it is connected the same command brings the rest."""
    with with_clients(tmp_path, locations="0") as toast:
        group = desk(tmp_path / "group", toast, begun=True)
        ran = group.run("sync", "orders", *SPAN)
        first, second = (x.toast_guid for x in toast.locations())

        assert outcome(ran, "East:", "403", second, "15 minutes") == clean(1)
        assert daily_sales(group.warehouse) == {key: values for key, values in toast.books().items() if key[0] == first}
    with simulating(locations=2, days=2) as toast:
        group = desk(group.folder, toast)
        again = group.run("sync", "orders", *SPAN)

        assert again.returncode == 0
        assert daily_sales(group.warehouse) == toast.books()


def test_an_address_where_nobody_listens_is_named(group: Desk, toast: Toast) -> None:
    """The address and the setting it comes from; what was in is in."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ran = group.run("sync", "orders", *SPAN, RESTAURANT_OS_TOAST_BASE_URL=nowhere)

    assert outcome(ran, nowhere, "base_url") == clean(1)
    assert group.run("sync", "orders", *SPAN).returncode == 0
    assert daily_sales(group.warehouse) == toast.books()


# --- the warehouse ----------------------------------------------------------------------------------------------------


HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("holding", flush=True)
sys.stdin.read()
"""


def test_a_held_file_names_the_process_to_wait_for(group: Desk, toast: Toast) -> None:
    """After the configured wait the message gives the holder's id; when it is gone the same command ends well."""
    group.sync(FIRST_DAY)
    before = everything(group.warehouse)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(group.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        began = time.monotonic()
        ran = [group.run(*arguments, RESTAURANT_OS_WAIT_SECONDS="0.5") for arguments in (("sync", "orders", *SPAN), ("query", "SELECT 1"))]
        waited = time.monotonic() - began
    finally:
        holder.communicate()

    assert [outcome(each, f"process {holder.pid}", "wait_seconds") for each in ran] == [clean(1)] * 2
    assert 1 < waited < 60
    assert everything(group.warehouse) == before
    assert group.run("sync", "orders", *SPAN).returncode == 0
    assert daily_sales(group.warehouse) == toast.books()


def test_a_file_that_is_freed_in_time_is_waited_for(group: Desk, toast: Toast) -> None:
    """Two syncs at once share the file in turns: both end well."""
    first = started(group.folder, "sync", "orders", "--location", "North", *SPAN)
    second = started(group.folder, "sync", "orders", "--location", "East", *SPAN)
    said = [process.communicate(timeout=100)[0] for process in (first, second)]

    assert [process.returncode for process in (first, second)] == [0, 0], said
    assert daily_sales(group.warehouse) == toast.books()


def test_a_warehouse_that_is_no_duckdb_file_is_left_as_it_is(group: Desk) -> None:
    """Whatever it is, it belongs to somebody."""
    group.warehouse.write_text("Thursday: 14 covers\n" * 1_000)
    ran = [group.run(*arguments) for arguments in (("sync", "orders", *SPAN), ("status",), ("query", "SELECT 1"))]

    assert [outcome(each, "warehouse.duckdb", "not a DuckDB file") for each in ran] == [clean(1)] * 3
    assert group.warehouse.read_text() == "Thursday: 14 covers\n" * 1_000


@pytest.mark.parametrize(
    ("place", "said"), [(f"duckdb:////tmp/{'x' * 300}.duckdb", "name too long"), ("duckdb:///~nobody-has-it/w.duckdb", "~nobody-has-it")]
)
def test_a_place_that_cannot_be_is_named(group: Desk, place: str, said: str) -> None:
    """By whatever is asked to go there."""
    asked = (("query", "SELECT 1"), ("status",), ("migrate",))
    ran = [group.run(*arguments, RESTAURANT_OS_WAREHOUSE=place) for arguments in asked]

    assert [outcome(each, said) for each in ran] == [clean(2)] * 3


def test_a_terminal_that_knows_only_ascii_is_told_all_the_same(group: Desk) -> None:
    """What it cannot show is escaped; JSON stays JSON."""
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    table = group.run("query", "SELECT 'brûlée' AS dish", **ascii_only)
    wrong = group.run("query", "SELECT brûlée", "--json", **ascii_only)

    assert (table.returncode, table.stderr, "br\\xfbl\\xe9e" in table.stdout.replace("  |\n|", "").replace("\n", "")) == (0, "", True)
    assert outcome(wrong, "br\\xfbl\\xe9e") == clean(1)
    assert 'Referenced column "brûlée"' in json.loads(wrong.stdout)["error"]["message"]


def test_a_folder_that_cannot_be_made_is_named(group: Desk) -> None:
    """A file stands where the warehouse's folder should be."""
    (group.folder / "taken").write_text("")
    ran = group.run("sync", "orders", *SPAN, RESTAURANT_OS_WAREHOUSE="duckdb:///taken/warehouse.duckdb")

    assert outcome(ran, "taken", "warehouse") == clean(1)


#: Runs in a mount namespace of its own: a small disk with the group on it, filled, freed again.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=64m tmpfs "$DISK" || exit 77
cp -r "$GROUP"/. "$DISK" && cd "$DISK" || exit 77
"$COMMAND" sync orders --location North --from "$FIRST" --to "$FIRST" > "$OUT/first" 2>&1; echo $? > "$OUT/first.code"
cp warehouse.duckdb "$OUT/before.duckdb"
left=$(df --output=avail -k . | tail -n 1)
head -c $(( (left - $ROOM) * 1024 )) /dev/zero > filler
"$COMMAND" sync orders --location North --from "$FIRST" --to "$LAST" > "$OUT/full" 2>&1; echo $? > "$OUT/full.code"
ls -A > "$OUT/left"
rm filler
cp warehouse.duckdb* "$OUT/"
"$COMMAND" sync orders --location North --from "$FIRST" --to "$LAST" > "$OUT/again" 2>&1; echo $? > "$OUT/again.code"
mkdir "$OUT/after" && cp warehouse.duckdb* "$OUT/after/"
"""


@pytest.mark.parametrize("room", [256, 2_200], ids=["for no page", "for the pages, not for their commit"])
def test_a_full_disk_loses_nothing(tmp_path: Path, group: Desk, toast: Toast, room: int) -> None:
    """On a disk that is really full: one message, what was in is in, and the same command ends well once there is room."""
    out, disk = tmp_path / "out", tmp_path / "disk"
    out.mkdir()
    disk.mkdir()
    asked = {"DISK": disk, "GROUP": group.folder, "OUT": out, "COMMAND": COMMAND, "FIRST": FIRST_DAY, "LAST": LAST_DAY, "ROOM": room}
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here to make a small disk with")
    ran = subprocess.run(
        [*namespace, "sh", "-c", ON_A_SMALL_DISK],
        env=environment(tmp_path, **{key: str(value) for key, value in asked.items()}),
        capture_output=True,
        text=True,
        check=False,
    )
    if not (out / "first.code").exists():
        pytest.skip(f"no small disk can be mounted here: {textwrap.shorten(ran.stderr, 200)}")
    full = subprocess.CompletedProcess([], int((out / "full.code").read_text()), "", (out / "full").read_text())

    assert (out / "first.code").read_text() == "0\n", (out / "first").read_text()
    assert outcome(full, "disk is full", "Free some space") == clean(1)
    assert "warehouse.duckdb.spill" not in (out / "left").read_text().split()
    assert orders(out / "warehouse.duckdb") == orders(out / "before.duckdb")
    assert (out / "again.code").read_text() == "0\n", (out / "again").read_text()
    north = toast.locations()[0].toast_guid
    assert daily_sales(out / "after" / "warehouse.duckdb") == {key: values for key, values in toast.books().items() if key[0] == north}


# --- asked to stop ------------------------------------------------------------------------------------------------


def stopped(group: Desk, number: signal.Signals, pacing: str) -> tuple[Ran, float]:
    """A sync that is sent a signal when the first pages have been read and none is committed, and how long it then took to end."""
    answered = group.toast.statuses().get("200", 0)
    process = started(group.folder, "sync", "orders", *SPAN, RESTAURANT_OS_TOAST_PACING=pacing)
    while group.toast.statuses().get("200", 0) == answered:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    began = time.monotonic()
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    return subprocess.CompletedProcess([], process.returncode, "", said), time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_sync_that_is_stopped_says_so_and_can_go_on(group: Desk, toast: Toast, number: signal.Signals) -> None:
    """Ctrl-C during a sync: a clean message, exit code 1, nothing half in; run again it completes."""
    ran, _ = stopped(group, number, "documented")

    assert outcome(ran, "Stopped", "is in", "again") == clean(1, next_step=False)
    assert left_behind(group) == []
    assert group.run("sync", "orders", *SPAN).returncode == 0
    assert daily_sales(group.warehouse) == toast.books()


def test_a_query_that_is_stopped_says_so_and_nothing_else(group: Desk) -> None:
    """Ctrl-C while DuckDB works."""
    # A test run in the background ignores the signal, and whatever it starts would too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = started(
            group.folder, "query", "SELECT count(*) FROM range(1000000000) AS a, range(1000000) AS b WHERE a.range + b.range = 7"
        )
    finally:
        signal.signal(signal.SIGINT, before)
    files = Path(f"/proc/{process.pid}/fd")
    while not any(os.path.realpath(own) == str(group.warehouse.resolve()) for own in files.iterdir()):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=50)

    assert (process.returncode, said) == (130, "Stopped.\n")


def test_a_stop_does_not_wait_for_the_pace(group: Desk) -> None:
    """The careful pace waits 12 seconds between two calls: a stop does not wait with it."""
    ran, seconds = stopped(group, signal.SIGINT, "careful")

    assert outcome(ran, "Stopped", "again") == clean(1, next_step=False)
    assert seconds < 8
    assert left_behind(group) == []
