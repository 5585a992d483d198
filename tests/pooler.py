"""A pooler that hands out connections by transaction, as Supabase's does, before a server of tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from keeping import START_SECONDS, free_port
from postgres_server import Reachable, unprivileged

#: Connections to the server, for any number of clients.
POOL_SIZE = 3


@contextmanager
def pooler(server: Reachable, database: str, *, listening: str = "127.0.0.1", more: str = "") -> Iterator[str]:
    """pgbouncer before a database of `server`; gives its URL once it answers. `more`: lines for its configuration."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if not program:
        pytest.skip("pgbouncer is not installed: nothing is tested behind a transaction pooler")
    as_user = unprivileged()
    port = free_port()
    with psycopg.connect(server.url) as connection:
        info = connection.info
        user, password = info.user, f" password={info.password}" if info.password else ""
        backend = f"host={info.host} port={info.port} user={user}{password}"
    with tempfile.TemporaryDirectory(prefix="restaurant-os-pgbouncer-") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{user}" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n* = {backend}\n[pgbouncer]\nlisten_addr = {listening}\nlisten_port = {port}\nunix_socket_dir =\n"
            f"pool_mode = transaction\nauth_type = trust\nauth_file = {folder}/users\ndefault_pool_size = {POOL_SIZE}\nmax_client_conn = 50\n{more}"
        )
        for file in (folder, folder / "ini", folder / "users"):
            os.chown(file, as_user.get("user", -1), as_user.get("group", -1))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, str(folder / "ini")], stdout=log, stderr=log, cwd="/", **as_user)
        url = f"postgresql://{user}@127.0.0.1:{port}/{database}"
        try:
            until = time.monotonic() + START_SECONDS
            while True:
                try:
                    psycopg.connect(url).close()
                    break
                except psycopg.OperationalError:
                    assert time.monotonic() < until, (folder / "log").read_text()[-1000:]
                    time.sleep(0.02)
            yield url
        finally:
            process.terminate()
            process.wait(START_SECONDS)
