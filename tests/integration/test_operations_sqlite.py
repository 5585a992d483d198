"""What is particular to the store in a file: the disk, other processes, and what happens when either is in the way."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import fsync_counting
from operations_world import World, together, world_at
from restaurant_os.errors import FullError, OperationsError
from restaurant_os.operations import Arrival, Settled
from restaurant_os.operations import sqlite as sqlite_module
from restaurant_os.operations.sqlite import SQLite
from restaurant_os.operations.store import Store
from restaurant_os.settings import ServiceSettings

TESTS = Path(__file__).parents[1]
#: A process of its own on the file: it says what it kept, line by line.
PROLOGUE = """
import json, os, resource, sys
from pathlib import Path
from operations_world import world_at
from restaurant_os.errors import OperationsError
place, *arguments = sys.argv[1:]
def say(*what):
    print(json.dumps(what), flush=True)
with world_at(Path(place)) as world:
    world.store
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operations.sqlite"


@pytest.fixture
def world(path: Path) -> Iterator[World]:
    with world_at(path) as world:
        yield world


def ran(path: Path, body: str, *arguments: str, env: dict[str, str] | None = None) -> list[list[object]]:
    """What a process said whose program is `body`."""
    process = process_of(path, body, *arguments, env=env)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0, out
    return [json.loads(line) for line in out.splitlines()]


def process_of(path: Path, body: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    program = PROLOGUE + "".join(f"    {line}\n" for line in body.strip().splitlines())
    command = [sys.executable, "-c", program, str(path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**(env or os.environ), "PYTHONPATH": str(TESTS)})


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = fsync_counting.build(tmp_path_factory.mktemp("shim"))
    if library is None:
        pytest.skip("no C compiler: fsyncs cannot be counted")
    return library


# --- the disk -----------------------------------------------------------------------------------------------------


def test_every_answer_is_after_an_fsync_and_a_read_needs_none(path: Path, tmp_path: Path, shim: Path) -> None:
    log = tmp_path / "fsyncs"
    body = """
from fsync_counting import count
log = Path(arguments[0])
for number in range(8):
    before = count(log)
    world.sequences(f"e{number}")
    say(count(log) - before)
before = count(log)
world.store.inbox(), world.store.keys(), world.sequences("e0")
say(count(log) - before)
"""
    *accepts, [reads] = ran(path, body, str(log), env=fsync_counting.preloaded(shim, log=log))
    assert [one[0] >= 1 for one in accepts if isinstance(one[0], int)] == [True] * 8
    assert reads == 0


def test_an_event_whose_fsync_failed_is_not_acknowledged_and_the_next_one_is(path: Path, tmp_path: Path, shim: Path) -> None:
    flag = tmp_path / "fails"
    body = """
flag = Path(arguments[0])
say(world.sequences("a"))
flag.touch()
for number in range(3):
    try:
        say(world.sequences(f"lost{number}"))
    except OperationsError as problem:
        say("refused")
flag.unlink()
say(len(world.sequences("b")))
"""
    assert ran(path, body, str(flag), env=fsync_counting.preloaded(shim, fails_while=flag)) == [
        [[1]],
        ["refused"],
        ["refused"],
        ["refused"],
        [1],
    ]


def test_a_disk_without_room_for_a_commit_fails_it_and_not_the_next(path: Path) -> None:
    """A file that may not grow stands for a full disk."""
    body = """
size = os.path.getsize(place + "-wal")
say(len(world.sequences("a")))
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, resource.RLIM_INFINITY))
for number in range(2):
    try:
        world.accept(world.arrival(f"big{number}", body=bytes(2_000_000)))
    except OperationsError as problem:
        say(str(problem).splitlines()[0].partition("sqlite: ")[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
say(len(world.sequences("b")), len(world.claimed()))
"""
    first, *refused, last = ran(path, body)
    assert (first, last) == ([1], [1, 2])
    assert [str(one[0]) for one in refused] == ["disk I/O error. What was asked is not known to be in."] * 2


def test_under_the_disks_reserve_no_event_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, looks = [150], [0]

    def disk(folder: Path) -> SimpleNamespace:
        looks[0] += 1
        return SimpleNamespace(f_bavail=free[0], f_frsize=2**20)

    monkeypatch.setattr(os, "statvfs", disk)
    monkeypatch.setattr(sqlite_module, "ROOM_SECONDS", 3600.0)
    database = SQLite(path, now=lambda: datetime.now(UTC), reserve_mib=151)
    store = Store(database, ServiceSettings())
    try:
        event = Arrival(source="toast", kind="x", location="", body=b"", received_at=datetime.now(UTC), event_id="a")
        for _ in range(5):
            with pytest.raises(FullError, match="has 150 MiB left; 151 MiB are kept free") as refused:
                together([store.accept(event)])
            assert refused.value.retry_after == 60.0
        assert (looks[0], store.inbox().pending) == (1, 0)
        free[0] = 151
        monkeypatch.setattr(sqlite_module, "ROOM_SECONDS", 0.0)
        assert together([store.accept(event)])[0].is_known is False
    finally:
        store.close()


def test_retention_gives_the_space_back(world: World, path: Path) -> None:
    world.accept(*(world.arrival(body=bytes(500_000)) for _ in range(40)))
    while claimed := world.claimed():
        world.store.settle("worker", [Settled(one, "done") for one in claimed])
    world.store.purge(world.now() + timedelta(days=8))
    world.close()
    assert path.stat().st_size < 500_000


def test_nobody_else_may_read_the_files(world: World, path: Path) -> None:
    world.sequences("a")
    files = sorted(path.parent.glob("operations.sqlite*"))
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [
        ("operations.sqlite", 0o600),
        ("operations.sqlite-shm", 0o600),
        ("operations.sqlite-wal", 0o600),
    ]


# --- other processes ----------------------------------------------------------------------------------------------


def test_two_processes_keep_events_in_one_file_at_the_same_time(world: World, path: Path) -> None:
    body = 'for number in range(40):\n    say(*world.sequences(f"both{number}", f"theirs{number}"))'
    mine: list[int] = []
    _ = world.store
    process = process_of(path, body)
    for number in range(40):
        mine += world.sequences(f"both{number}", f"mine{number}")
    out, _ = process.communicate(timeout=100)
    theirs = [json.loads(line) for line in out.splitlines()]
    assert [pair[0] for pair in theirs] == mine[::2]
    assert world.claimed(most=500) == sorted({*mine, *(sequence for pair in theirs for sequence in pair)})
    assert len(mine) + len(theirs) == 120


def test_what_was_acknowledged_is_there_after_sigkill(world: World, path: Path) -> None:
    process = process_of(path, 'for number in range(10**6):\n    say(number, *world.sequences(f"e{number}"))')
    assert process.stdout
    said = [json.loads(process.stdout.readline()) for _ in range(30)]
    process.kill()
    said += [json.loads(line) for line in process.communicate(timeout=100)[0].splitlines(keepends=True) if line.endswith("\n")]
    again = world.accept(*(world.arrival(f"e{number}") for number, _ in said))
    assert [(one.sequence, one.is_known) for one in again] == [(sequence, True) for _, sequence in said]


def test_a_file_that_somebody_holds_fails_a_commit_with_its_reason_and_not_the_next(path: Path) -> None:
    store = Store(SQLite(path, now=lambda: datetime.now(UTC), reserve_mib=0, busy_seconds=0.1), ServiceSettings())
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        event = Arrival(source="toast", kind="x", location="", body=b"", received_at=datetime.now(UTC), event_id="a")

        async def both() -> list[object]:
            return list(await asyncio.gather(store.accept(event), store.admit("s", 9), return_exceptions=True))

        assert [str(one).partition("is ")[2].splitlines()[0] for one in asyncio.run(both())] == [
            "held by another process; waited 0.1 s. Nothing was changed."
        ] * 2
        assert (store.inbox().pending, store.keys()) == (0, [])
        holder.execute("ROLLBACK")
        assert asyncio.run(both())[1] is True
        assert store.inbox().pending == 1
    finally:
        holder.close()
        store.close()


# --- opening ------------------------------------------------------------------------------------------------------


def broken(path: Path) -> None:
    path.write_text("this is no database, but long enough to be taken for one; " * 20)


def of_later_version(path: Path) -> None:
    with world_at(path) as world:
        world.sequences("a")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO ops_schema (version) VALUES (99)")
    connection.close()


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (broken, "file is not a database"),
        (of_later_version, "is of version 99; this restaurant-os knows versions up to"),
        (a_folder, "unable to open database file"),
        (lambda path: path.parent.rmdir(), "No such file or directory"),
    ],
    ids=["broken", "later", "folder", "missing"],
)
def test_what_cannot_be_opened_says_why_and_stays_as_it_is(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "own" / "operations.sqlite"
    path.parent.mkdir()
    make(path)
    was = path.read_bytes() if path.is_file() else None
    with world_at(path) as world, pytest.raises(OperationsError, match=message) as problem:
        world.open()
    assert problem.value.next_step
    assert (path.read_bytes() if path.is_file() else None) == was
