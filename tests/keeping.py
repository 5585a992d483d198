"""A server that processes of a test run share, with a keeper process that ends it after its last user.

    with shared(folder, "postgres", Path(__file__)) as told: ...     # whoever names the same folder shares it; `told` is what its keeper said of it
    if __name__ == "__main__":                                       # the keeper: this file run with the folder
        keep(Path(sys.argv[1]), "postgres", Server, lambda server: {"url": server.url})

Whoever uses it holds a lock that the kernel lets go of at any death, SIGKILL included; when nobody holds it, the keeper ends the server.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pytest

START_SECONDS = 60.0
ON_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG
S = TypeVar("S")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """In a new process: end quickly when the one that started it ends, however it does."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ON_PARENTS_DEATH, signal.SIGINT)


def folder_of_run(factory: pytest.TempPathFactory) -> Path:
    """What all processes of a test run share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that one process of a test run fills, and that all of them read and none changes."""
    folder = folder_of_run(factory) / name
    with folder.with_name(f"{name}.making").open("a+") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        making.seek(0)
        if not making.read():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            making.write("made")
    return folder


@contextmanager
def shared(folder: Path, name: str, keeper: Path) -> Iterator[dict[str, Any]]:
    """What the keeper tells of the server that all who name `folder` share, in this process and others; one of them starts it."""
    with (folder / f"{name}.users").open("a") as users, (folder / f"{name}.starting").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper is putting one away
        told = folder / f"{name}.json"
        if not told.exists():
            _start_keeper(folder, name, keeper)
        found: dict[str, Any] = json.loads(told.read_text())
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield found


def _start_keeper(folder: Path, name: str, keeper: Path) -> None:
    told, failed = folder / f"{name}.json", folder / f"{name}.failed"
    failed.unlink(missing_ok=True)
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
    errors = (os.POSIX_SPAWN_OPEN, 2, str(folder / f"{name}.keeper.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    command = [sys.executable, str(keeper.resolve()), str(folder)]
    os.posix_spawn(sys.executable, command, dict(os.environ), file_actions=[*nothing, errors], setsid=True)
    until = time.monotonic() + START_SECONDS
    while not told.exists():
        if failed.exists() or time.monotonic() > until:
            raise RuntimeError(f"no {name}: {failed.read_text() if failed.exists() else 'it did not start in time'}")
        time.sleep(0.02)


def keep(folder: Path, name: str, start: Callable[[], AbstractContextManager[S]], telling: Callable[[S], dict[str, Any]]) -> None:
    """The keeper: a server until nobody uses it."""
    told = folder / f"{name}.json"
    try:
        starting = start()
    except Exception as problem:
        (folder / f"{name}.failed").write_text(str(problem))
        raise
    with (folder / f"{name}.users").open("a") as users, starting as server:
        written = folder / f"{name}.json.new"
        written.write_text(json.dumps(telling(server)))
        written.replace(told)
        fcntl.flock(users, fcntl.LOCK_EX)
        told.unlink()
