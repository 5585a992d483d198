"""What is particular to the store in Postgres: connections that are cut, servers that go, poolers, and several hosts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from keeping import free_port
from operations_world import World, together, world_at
from pooler import pooler
from postgres_server import Reachable, Server
from restaurant_os.boundaries import watch
from restaurant_os.errors import OperationsError
from restaurant_os.operations import Settled
from restaurant_os.operations.open import open_operations
from restaurant_os.operations.postgres import Postgres
from restaurant_os.settings import ServiceSettings

SERVICE = ServiceSettings()
SECONDS = 60.0


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    with world_at(postgres_url) as world:
        yield world


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def cut_all(url: str) -> int:
    """Cut every connection to the database but this one; gives how many."""
    return len(
        rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    )


# --- connections --------------------------------------------------------------------------------------------------


def test_a_connection_that_was_cut_while_idle_costs_nothing(world: World, postgres_url: str) -> None:
    kept = world.sequences("a")
    assert world.store.inbox().pending == 1
    assert cut_all(postgres_url) == 2
    kept += world.sequences("b")
    assert world.store.inbox().pending == 2
    assert cut_all(postgres_url) == 2
    assert world.claimed() == kept


def test_a_connection_cut_before_its_commit_fails_who_waited_and_nobody_after(world: World, postgres_url: str) -> None:
    _ = world.store

    def cut(boundary: str, side: str) -> None:
        cut_all(postgres_url)

    watch(cut)
    try:

        async def requests() -> list[object]:
            return await asyncio.gather(*(world.store.accept(world.arrival(one)) for one in "ab"), return_exceptions=True)

        answers = asyncio.run(requests())
    finally:
        watch(None)
    assert [type(one) for one in answers] == [OperationsError, OperationsError]
    kept = world.sequences("c")
    assert world.claimed() == kept


def test_a_server_that_stops_fails_every_use_until_it_is_back(tmp_path: Path) -> None:
    with Server() as server, world_at(server.url) as world:
        kept = world.sequences("a")
        server.stop()
        for attempt in range(3):
            with pytest.raises(OperationsError, match=r"postgres 127\.0\.0\.1"):
                world.sequences(f"lost{attempt}")
            with pytest.raises(OperationsError):
                world.store.inbox()
        world.store.await_events(0.01)
        server.start()
        until = time.monotonic() + SECONDS
        while len(kept) == 1 and time.monotonic() < until:
            try:
                kept += world.sequences("b")
            except OperationsError:
                time.sleep(0.05)
        assert world.claimed() == kept
        assert len(kept) == 2


def test_a_server_that_is_not_there_is_named_without_its_secrets() -> None:
    url = f"postgresql://someone:hidden-word@127.0.0.1:{free_port()}/shop"
    with pytest.raises(OperationsError) as problem:
        open_operations(url, service=SERVICE, now=lambda: datetime.now(UTC))
    assert f"operations: postgres {url.partition('@')[2]}: " in str(problem.value)
    assert "hidden-word" not in str(problem.value)


def test_an_address_that_cannot_be_read_is_not_shown() -> None:
    with pytest.raises(OperationsError) as problem:
        Postgres("postgresql://someone:hidden word@host:port:1/x?a=b")
    assert "hidden" not in str(problem.value)
    assert problem.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example.com/shop", "require"),
        ("postgresql://u:p@db.example.com/shop?sslmode=verify-full", "verify-full"),
        ("postgresql://u:p@db.example.com/shop?sslmode=disable", "disable"),
        ("postgresql://u:p@127.0.0.1/shop", None),
        ("postgresql://u:p@localhost,db.example.com/shop", "require"),
        ("postgresql:///shop", None),
        ("postgresql:///shop?host=/run/postgresql", None),
        ("postgresql:///shop?hostaddr=203.0.113.7", "require"),
    ],
)
def test_a_remote_server_is_spoken_to_encrypted_unless_the_address_says_otherwise(
    url: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGHOST", raising=False)
    assert Postgres(url).sslmode == expected


def test_a_missing_driver_says_how_to_install_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from restaurant_os.operations.open import open_operations\n"
        "from restaurant_os.settings import ServiceSettings\n"
        "open_operations('postgresql://h/d', service=ServiceSettings(), now=None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path, check=False)
    assert "pip install 'restaurant-os[postgres]'" in done.stderr.strip().splitlines()[-1]


# --- what a transaction is ----------------------------------------------------------------------------------------


def test_a_commit_waits_for_the_disk_whatever_the_databases_default_is(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET synchronous_commit = off")
    session = Postgres(postgres_url).connect()
    try:
        outside = session.rows("SHOW synchronous_commit")
        session.begin()
        inside = session.rows("SHOW synchronous_commit")
        session.rollback()
    finally:
        session.close()
    assert (outside, inside) == ([("off",)], [("on",)])


def test_the_tables_stand_in_a_schema_of_their_own(world: World, postgres_url: str) -> None:
    world.sequences("a")
    schemas = rows(postgres_url, "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
    assert schemas == [("restaurant_os_operations",)]


def test_a_later_version_is_refused_and_left_alone(world: World, postgres_url: str) -> None:
    world.sequences("a")
    world.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("INSERT INTO restaurant_os_operations.ops_schema VALUES (99)")
    with pytest.raises(OperationsError, match="is of version 99"):
        world.open()


def test_leases_go_by_the_databases_clock(postgres_url: str) -> None:
    """Two hosts whose clocks are a day apart agree on who has what."""
    with world_at(postgres_url) as right, world_at(postgres_url) as skewed:
        skewed.stores.append(open_operations(postgres_url, service=SERVICE, now=lambda: datetime.now(UTC) + timedelta(days=1)))
        [one] = right.sequences("a")
        assert (right.claimed("right", seconds=100), skewed.claimed("skewed")) == ([one], [])
        assert right.store.settle("right", [Settled(one, "done")]) == 1


def test_two_stores_that_keep_the_same_events_in_opposite_orders_keep_each_once(world: World) -> None:
    stores = [world.store, world.open()]
    names = [f"e{number}" for number in range(60)]

    async def requests() -> list[bool]:
        orders = (names, names[::-1])
        answers = await asyncio.gather(*(s.accept(world.arrival(n)) for s, order in zip(stores, orders, strict=True) for n in order))
        return [one.is_known for one in answers]

    for _ in range(3):
        assert asyncio.run(requests()).count(False) in (60, 0)
    assert len(world.claimed()) == 60


# --- a pooler that hands out connections by transaction -----------------------------------------------------------


def test_behind_a_transaction_pooler_several_stores_do_each_event_once(postgres: Reachable, postgres_url: str) -> None:
    with pooler(postgres, postgres_url.rpartition("/")[2]) as url, world_at(url) as world:
        stores = [world.open() for _ in range(4)]
        kept = together([stores[number % 4].accept(world.arrival(f"e{number % 90}")) for number in range(100)])
        assert sum(not one.is_known for one in kept) == 90
        done: list[int] = []
        for turn in range(40):
            owner, store = f"w{turn % 4}", stores[turn % 4]
            claimed = [event.sequence for event in store.claim(owner, most=5, most_bytes=1000, seconds=60)]
            assert store.settle(owner, [Settled(one, "done") for one in claimed]) == len(claimed)
            done += claimed
        assert done == sorted({one.sequence for one in kept})
        due = world.now()
        assert sum(bool(store.begin_job("orders", due, f"w{number}", 60)) for number, store in enumerate(stores)) == 1
