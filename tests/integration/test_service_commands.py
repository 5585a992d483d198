"""The service's commands that need no service: keys and the quarantine, and addresses that cannot be listened on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restaurant_os import cli
from restaurant_os.operations import Arrival, Settled
from restaurant_os.operations.open import open_operations
from restaurant_os.settings import ServiceSettings


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "restaurant-os.toml").write_text('warehouse = "duckdb:///warehouse.duckdb"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`restaurant-os` with these arguments, in this process."""

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr("sys.argv", ["restaurant-os", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, said.out, said.err)

    return run


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a b"])
def test_an_address_of_another_machine_is_one_message(command: Command, host: str) -> None:
    ran = command("serve", "--host", host, "--port", "0")

    assert (ran.returncode, ran.stdout, "Traceback" in ran.stderr, "--host" in ran.stderr) == (2, "", False, True)


def test_a_revoked_key_is_no_key_to_be_public_with(command: Command) -> None:
    made = json.loads(command("keys", "create", "--name", "dashboard", "--json").stdout)
    command("keys", "revoke", made["id"])

    assert command("serve", "--host", "::", "--port", "0").returncode == 2


# --- keys and the quarantine ------------------------------------------------------------------------------------------


def test_a_key_is_shown_once(command: Command) -> None:
    made = command("keys", "create", "--name", "dashboard", "--scope", "read")
    listed = json.loads(command("keys", "list", "--json").stdout)

    assert made.stdout.startswith("rok_")
    assert len(made.stdout.strip()) == 47
    assert [(key["name"], key["scopes"], key["revoked_at"]) for key in listed] == [("dashboard", ["read"], None)]
    assert made.stdout.strip() not in json.dumps(listed) + command("keys", "list").stdout


def test_a_key_is_revoked_once(command: Command) -> None:
    made = json.loads(command("keys", "create", "--name", "dashboard", "--json").stdout)

    first, second = (command("keys", "revoke", made["id"]) for _ in range(2))

    assert made["scopes"] == ["read", "write"]
    assert (first.returncode, first.stdout) == (0, f"Key {made['id']} is revoked.\n")
    assert second.returncode == 2
    assert f"no valid key has the id '{made['id']}'" in second.stderr


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "red \x1b[31m"])
def test_a_key_s_name_is_text_that_can_be_shown(command: Command, name: str) -> None:
    ran = command("keys", "create", "--name", name)

    assert (ran.returncode, ran.stdout) == (2, "")


def test_an_event_in_quarantine_is_listed_and_replayed(folder: Path, command: Command) -> None:
    """With the means of the store: a worker put it there."""
    store = open_operations(folder / "warehouse.operations.sqlite", service=ServiceSettings(), now=lambda: datetime.now(UTC))
    arrival = Arrival(source="toast", kind="order_updated", location="x", body=b"{}", received_at=datetime.now(UTC), event_id="1")
    asyncio.run(store.accept(arrival))
    store.claim("test", most=1, most_bytes=1000, seconds=60)
    store.settle("test", [Settled(1, "quarantined", "checks: no list")])
    store.close()

    [listed] = json.loads(command("replay", "--list", "--json").stdout)
    shown = command("replay", "--list").stdout
    unknown = command("replay", "1", "2")
    again = command("replay", "--all", "--json")

    assert {name: listed[name] for name in ("sequence", "source", "kind", "location", "attempts", "reason")} == {
        "sequence": 1,
        "source": "toast",
        "kind": "order_updated",
        "location": "x",
        "attempts": 0,
        "reason": "checks: no list",
    }
    assert "checks: no list" in shown
    assert (unknown.returncode, "1 of 2 events wait again" in unknown.stderr) == (2, True)
    assert json.loads(again.stdout) == {"replayed": 0}
    assert command("replay", "--list").stdout == "No event is in quarantine.\n"


@pytest.mark.parametrize("arguments", [(), ("--all", "1"), ("--all", "--list"), ("--list", "1")])
def test_replay_wants_to_know_what(command: Command, arguments: tuple[str, ...]) -> None:
    ran = command("replay", *arguments)

    assert ran.returncode == 2
    assert "replay --list" in ran.stderr
