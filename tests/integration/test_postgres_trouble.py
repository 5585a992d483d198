"""A Postgres that is away, full, cut off in the middle or held by somebody: our words, nothing half there, and the next commit completes.

And writers side by side: of different locations they do not wait for each other, of one they follow one another, and nobody waits for ever.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from keeping import free_port
from ledger_world import changes as window
from orders_world import FIRST_VERSION, NORTH, SOUTH, check, land, order
from postgres_server import Server
from postgres_watching import PATIENCE, cut_all, eventually, rows, stored, tell, waiting_sessions
from restaurant_os.boundaries import watch
from restaurant_os.errors import DiskFullError, LockedError, StoppedError, WarehouseError
from restaurant_os.settings import Location
from restaurant_os.tables import TABLES
from restaurant_os.warehouse import Commit
from restaurant_os.warehouse.postgres import PostgresWarehouse

TESTS = Path(__file__).parents[1]
NOTHING = "Nothing of this step was written"

#: The server is shared with other tests.
OF_THIS_DATABASE = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@pytest.fixture
def warehouse(postgres_url: str) -> Iterator[PostgresWarehouse]:
    own = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    own.migrate()
    yield own
    own.close()


@contextmanager
def at(boundary: str, side: str, call: Callable[[], Any]) -> Iterator[None]:
    """`call()` at the first crossing of a boundary, in the thread that crosses it."""
    once = threading.Lock()

    def crossed(name: str, where: str) -> None:
        if (name, where) == (boundary, side) and once.acquire(blocking=False):
            call()

    watch(crossed)
    try:
        yield
    finally:
        watch(None)


@contextmanager
def held_open(warehouse: PostgresWarehouse, location: Location = NORTH) -> Iterator[Callable[[], Any]]:
    """A commit of a location that stands in the middle of its transaction until what this gives is called, which gives its changes."""
    stands, go_on = threading.Event(), threading.Event()

    def stand() -> None:
        stands.set()
        go_on.wait(PATIENCE)

    with at("changed_days", "before", stand), ThreadPoolExecutor(1) as pool:
        landing = pool.submit(land, warehouse, [order("held")], location=location)
        try:
            assert stands.wait(PATIENCE) or landing.result(0)

            def finish() -> Any:
                go_on.set()
                return landing.result(PATIENCE)

            yield finish
        finally:
            go_on.set()


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {spec.name: sorted(rows(url, f"SELECT * FROM {spec.name}"), key=str) for spec in TABLES}


def orders_in(warehouse: PostgresWarehouse) -> list[str]:
    return [guid for (guid,) in stored(warehouse, "fact_orders", "order_guid")]


# --- writers side by side -------------------------------------------------------------------------------------------


def test_commits_of_different_locations_do_not_wait_for_each_other(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    other = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    with held_open(warehouse) as finish:
        for number, writer in enumerate((warehouse, other)):
            assert land(writer, [order(f"beside {number}")], location=SOUTH).added == 1
        assert orders_in(warehouse) == ["beside 0", "beside 1"]
        assert finish().added == 1
    assert orders_in(warehouse) == ["beside 0", "beside 1", "held"]
    other.close()


def test_commits_of_one_location_follow_one_another_and_others_of_that_process_pass(
    warehouse: PostgresWarehouse, postgres_url: str
) -> None:
    other = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    with held_open(warehouse) as finish, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(land, other, [order("held")])
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        assert land(other, [order("beside")], location=SOUTH).added == 1
        assert not waits.done()
        assert finish().added == 1
        assert (waits.result(PATIENCE).added, waits.result().changed) == (0, 0)
    assert stored(warehouse, "changed_days", "sequence", "restaurant_guid") == [(1, SOUTH.toast_guid), (2, NORTH.toast_guid)]
    other.close()


def test_commits_follow_one_another_in_whatever_schema_a_role_looks_first(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """The tables are the same: of another schema before them there is none."""
    tell(postgres_url, "CREATE SCHEMA alice")
    other = PostgresWarehouse(f"{postgres_url}?options=-csearch_path%3Dalice,public", wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    with held_open(warehouse) as finish, ThreadPoolExecutor(1) as pool:
        second = pool.submit(land, other, [order("held", version=1, numberOfGuests=3)])
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        assert (finish().added, second.result(PATIENCE).changed) == (1, 1)
    tell(postgres_url, "DROP VIEW open_checks; DROP TABLE stock_levels CASCADE")
    assert "make table stock_levels" in other.migrate()
    assert rows(postgres_url, "SELECT count(*) FROM pg_class WHERE relnamespace = 'alice'::regnamespace") == [(0,)]
    other.close()


def test_a_commit_of_very_many_locations_excludes_all_others(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    other = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    many = Commit(dataset="orders", restaurant_guids=tuple(f"place {n}" for n in range(300)), tables={}, runs=[window(1, 2)])
    with held_open(warehouse) as finish, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(other.commit, many)
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        finish()
        waits.result(PATIENCE)
    assert len(stored(warehouse, "sync_runs", "sync_id")) == 1
    other.close()


def test_two_hundred_crossed_commits_never_wait_for_each_other_for_ever(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    warehouses = [warehouse, *(PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION) for _ in range(2))]
    chance = random.Random(7)
    places = [f"place {number}" for number in range(6)]
    commits = [
        Commit(dataset="orders", restaurant_guids=tuple(chance.sample(places, chance.randint(1, 5))), tables={}, runs=[window(n, n + 1)])
        for n in range(200)
    ]
    before = rows(postgres_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with ThreadPoolExecutor(9) as pool:
        list(pool.map(lambda numbered: warehouses[numbered[0] % 3].commit(numbered[1]), enumerate(commits)))
    assert len(stored(warehouse, "sync_runs", "sync_id")) == 200
    assert rows(postgres_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == before
    for own in warehouses[1:]:
        own.close()


# --- a lock that somebody holds ---------------------------------------------------------------------------------------


def test_who_holds_a_location_for_too_long_is_named(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    impatient = PostgresWarehouse(postgres_url, wait_seconds=0.3, now=lambda: FIRST_VERSION)
    with held_open(warehouse) as finish:
        [(holder,)] = rows(
            postgres_url, f"SELECT DISTINCT pid FROM pg_locks WHERE {OF_THIS_DATABASE} AND locktype = 'advisory' AND granted"
        )
        with pytest.raises(LockedError) as problem:
            land(impatient, [order("late")])
        finish()
    assert f"session {holder} (application restaurant-os, role postgres, its transaction " in problem.value.message
    assert problem.value.message.endswith(f"holds a lock that this step needs; waited 0.3 s for it. {NOTHING}.")
    assert f"SELECT pg_terminate_backend({holder})" in problem.value.next_step
    assert land(impatient, [order("late")]).added == 1
    impatient.close()


def test_a_table_that_a_person_holds_is_waited_for_and_then_told_with_the_holder(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    impatient = PostgresWarehouse(postgres_url, wait_seconds=0.3, now=lambda: FIRST_VERSION)
    with psycopg.connect(postgres_url, application_name="a person's shell") as person:
        person.execute("LOCK TABLE fact_checks IN EXCLUSIVE MODE")
        assert land(impatient, [order("o")]).added == 1
        with pytest.raises(LockedError) as problem:
            land(impatient, [order("p", [check("c")])])
        assert f"session {person.info.backend_pid} (application a person's shell, role postgres" in problem.value.message
    assert land(impatient, [order("p", [check("c")])]).added == 1
    assert orders_in(impatient) == ["o", "p"]
    impatient.close()


def test_whoever_is_to_stop_waits_for_no_lock(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    stopping = threading.Event()
    other = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION, stopping=stopping)
    with held_open(warehouse) as finish, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(land, other, [order("late")])
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        stopping.set()
        with pytest.raises(StoppedError):
            waits.result(PATIENCE)
        finish()
    assert orders_in(warehouse) == ["held"]
    other.close()


def test_a_deadlock_with_somebody_who_takes_no_locks_of_ours_is_run_again(postgres_url: str) -> None:
    """A person locks our tables in the order in which we do not. The server throws out whose wait is looked at first: ours."""
    tell(postgres_url, f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET deadlock_timeout = '2s'")
    warehouse = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    land(warehouse, [order("o", [check("c")])])
    with psycopg.connect(postgres_url) as person, ThreadPoolExecutor(1) as pool:
        person.execute("SET deadlock_timeout = '60s'; LOCK TABLE changed_days IN EXCLUSIVE MODE")
        landing = pool.submit(land, warehouse, [order("o", [check("c")], version=1, numberOfGuests=3)])
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        person.execute("LOCK TABLE fact_orders IN ACCESS EXCLUSIVE MODE")
        person.commit()
        assert landing.result(PATIENCE).changed == 1
    warehouse.close()
    eventually(lambda: rows(postgres_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(1,)])


# --- a migration beside others ------------------------------------------------------------------------------------------


def older(url: str) -> list[str]:
    """Make the tables as an older version may have had them; gives what a migration then does, in its order."""
    tell(
        url,
        "DROP INDEX fact_orders_by_restaurant_guid_business_date; ALTER TABLE quarantine DROP COLUMN reason; "
        "UPDATE restaurant_os_schema SET fingerprint = 'older'",
    )
    return ["make an index on fact_orders (restaurant_guid, business_date)", "add column quarantine.reason text"]


def test_a_migration_touches_no_table_while_a_commit_is_under_way(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """Else each would wait for what the other has: the commit goes on to other tables."""
    other = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE, now=lambda: FIRST_VERSION)
    modes = "('ShareLock', 'ShareRowExclusiveLock', 'AccessExclusiveLock')"
    touched = f"SELECT count(*) FROM pg_locks WHERE {OF_THIS_DATABASE} AND locktype = 'relation' AND mode IN {modes}"
    tell(postgres_url, "DROP INDEX changed_days_by_sequence")
    with held_open(warehouse) as finish, ThreadPoolExecutor(1) as pool:
        migrates = pool.submit(other.migrate)
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        assert (rows(postgres_url, touched), migrates.done()) == ([(0,)], False)
        assert finish().added == 1
        assert migrates.result(PATIENCE) == ["make an index on changed_days (sequence)"]
    assert rows(postgres_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    other.close()


def test_a_migration_that_waits_for_a_commit_too_long_names_who_holds_it(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    impatient = PostgresWarehouse(postgres_url, wait_seconds=0.3)
    with held_open(warehouse) as finish:
        [(holder,)] = rows(
            postgres_url, f"SELECT DISTINCT pid FROM pg_locks WHERE {OF_THIS_DATABASE} AND locktype = 'advisory' AND granted"
        )
        with pytest.raises(LockedError, match=rf"session {holder} \(application restaurant-os") as problem:
            impatient.migrate()
        finish()
    assert NOTHING in problem.value.message
    assert impatient.migrate() == []
    impatient.close()


@pytest.mark.parametrize("begins", ["migrate", "first use"])
def test_a_migration_that_the_server_throws_out_is_run_again(postgres_url: str, begins: str) -> None:
    """A person locks our tables in the order in which it does not, and takes no locks of ours."""
    tell(postgres_url, f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET deadlock_timeout = '1s'")
    own = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE)
    own.migrate()
    own.close()
    steps = older(postgres_url)
    warehouse = PostgresWarehouse(postgres_url, wait_seconds=PATIENCE)
    with psycopg.connect(postgres_url) as person, ThreadPoolExecutor(1) as pool:
        person.execute("SET deadlock_timeout = '60s'; LOCK TABLE quarantine IN EXCLUSIVE MODE")
        migrates = pool.submit(warehouse.migrate if begins == "migrate" else lambda: warehouse.rows("SELECT count(reason) FROM quarantine"))
        eventually(lambda: waiting_sessions(postgres_url) == 1)
        person.execute("LOCK TABLE fact_orders IN ACCESS EXCLUSIVE MODE")
        person.commit()
        assert migrates.result(PATIENCE) == (steps if begins == "migrate" else [(0,)])
    assert warehouse.migrate() == []
    warehouse.close()
    eventually(lambda: rows(postgres_url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(1,)])


# --- connections that are cut, servers that go --------------------------------------------------------------------------


def test_a_connection_that_was_cut_while_nobody_used_it_costs_nothing(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    land(warehouse, [order("a")])
    assert cut_all(postgres_url) == 1
    land(warehouse, [order("b")])
    assert cut_all(postgres_url) == 1
    assert orders_in(warehouse) == ["a", "b"]


def test_a_connection_cut_in_the_middle_leaves_nothing_and_the_next_commit_completes(
    warehouse: PostgresWarehouse, postgres_url: str
) -> None:
    land(warehouse, [order("a")])
    before = everything(postgres_url)
    with at("changed_days", "before", lambda: cut_all(postgres_url)), pytest.raises(WarehouseError) as problem:
        land(warehouse, [order("a", version=1), order("b")])
    assert (
        "the server is away, or the connection to it was lost: terminating connection due to administrator command" in problem.value.message
    )
    assert NOTHING in problem.value.message
    assert everything(postgres_url) == before
    assert land(warehouse, [order("a", version=1), order("b")]).added == 1
    assert orders_in(warehouse) == ["a", "b"]


def test_a_connection_lost_at_its_commit_is_in_doubt_and_running_again_is_safe(warehouse: PostgresWarehouse, postgres_url: str) -> None:
    """The server itself cuts it while it commits."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            """CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON changed_days DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()"""
        )
    with pytest.raises(WarehouseError) as problem:
        land(warehouse, [order("a")])
    assert problem.value.message.endswith("the connection was lost while this step was committed: it is in whole, or not at all.")
    tell(postgres_url, "DROP FUNCTION cut() CASCADE")
    assert orders_in(warehouse) == []
    assert land(warehouse, [order("a")]).added == 1


def test_a_server_that_stops_in_the_middle_fails_every_use_until_it_is_back() -> None:
    with Server() as server:
        warehouse = PostgresWarehouse(server.url, now=lambda: FIRST_VERSION)
        land(warehouse, [order("a")])
        before = everything(server.url)
        with (
            at("changed_days", "before", server.stop),
            pytest.raises(WarehouseError, match="the server is away, or the connection to it was lost"),
        ):
            land(warehouse, [order("b")])
        for use in (
            lambda: land(warehouse, [order("b")]),
            lambda: warehouse.rows("SELECT 1"),
            lambda: warehouse.next_read("a"),
            warehouse.migrate,
        ):
            with pytest.raises(WarehouseError, match="server is away") as problem:
                use()
            assert "Check that it runs" in problem.value.next_step
        server.start()
        assert everything(server.url) == before
        assert land(warehouse, [order("b")]).added == 1
        server.stop()
        server.start()
        assert orders_in(warehouse) == ["a", "b"]
        warehouse.close()


#: Runs in a mount namespace of its own: a server whose database stands on a small disk.
ON_A_SMALL_DISK = """
import os, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
disk = Path(sys.argv[2])
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]).returncode:
    sys.exit(77)
from orders_world import FIRST_VERSION, check, land, order, payment, selection
from postgres_server import Server, unprivileged
from restaurant_os.errors import DiskFullError
from restaurant_os.warehouse.postgres import PostgresWarehouse
own = unprivileged()
os.chown(disk, own.get("user", -1), own.get("group", -1))
disk.chmod(0o700)
with Server() as server:
    server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
    server.execute("CREATE DATABASE shop TEMPLATE template0 TABLESPACE small")
    warehouse = PostgresWarehouse(server.url_of("shop"), now=lambda: FIRST_VERSION)
    def orders(name, number):
        return [order(f"{name}{n}", [check("c", [selection(f"s{i}", displayName="x" * 200) for i in range(4)], [payment("p")])]) for n in range(number)]
    def count():
        return warehouse.rows("SELECT (SELECT count(*) FROM fact_orders), (SELECT count(*) FROM fact_order_items), (SELECT count(*) FROM changed_days)")
    land(warehouse, orders("a", 10))
    free = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        filler.write(bytes(max(free.f_bavail * free.f_frsize - 1_000_000, 0)))
    before = count()
    try:
        land(warehouse, orders("b", 1_000))
    except DiskFullError as problem:
        print(str(problem).replace(warehouse.label, "LABEL"))
    assert count() == before, (count(), before)
    (disk / "filler").unlink()
    land(warehouse, orders("b", 1_000))
    print(count())
    warehouse.close()
"""


@pytest.mark.timeout(300)
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """On a disk that is really full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    for folder in (disk, *disk.parents):
        if folder.owner() == tmp_path.owner() and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o011)
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare here to make a small disk with")
    command = [unshare, "--mount", sys.executable, "-c", ON_A_SMALL_DISK, str(TESTS), str(disk)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    if ran.returncode == 77 or "unshare failed" in ran.stderr:
        pytest.skip(f"no small disk can be mounted here: {ran.stderr[:200]}")
    assert ran.returncode == 0, ran.stderr[-3000:]
    said, next_step, counted = ran.stdout.splitlines()
    assert said.startswith("warehouse LABEL: the server has no more room: could not extend file ")
    assert said.endswith(f"{NOTHING}; everything before it is in.")
    assert next_step == "Free some space on the server, then run the same command again: what is in stays in."
    assert counted == "[(1010, 4040, 2)]"


def test_a_bound_on_temporary_files_is_no_room(postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    tell(postgres_url, f"ALTER DATABASE {name} SET temp_file_limit = '1MB'; ALTER DATABASE {name} SET work_mem = '64kB'")
    warehouse = PostgresWarehouse(postgres_url)
    with pytest.raises(DiskFullError, match="temporary file size exceeds"):
        warehouse.rows("SELECT count(*) FROM (SELECT DISTINCT (n * 7919) % 1000003 FROM generate_series(1, 300000) AS s(n)) AS d")
    warehouse.close()


# --- at the door --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """A server that wants a password, and has roles that may do little."""
    with Server() as server:
        server.execute("CREATE ROLE shopkeeper LOGIN PASSWORD 'right-word'")
        server.execute("CREATE DATABASE shop TEMPLATE template0")
        hba = server.folder / "data" / "pg_hba.conf"
        hba.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.execute("SELECT pg_reload_conf()")
        yield server


@pytest.mark.parametrize(
    ("address", "said", "next_step"),
    [
        (
            "shopkeeper:hidden-word@127.0.0.1:{port}/shop",
            'password authentication failed for user "shopkeeper"',
            "Check the user and the password",
        ),
        ("shopkeeper@127.0.0.1:{port}/shop", "no password supplied", "The address has no password"),
        ("postgres:hidden-word@127.0.0.1:{port}/nowhere", 'database "nowhere" does not exist', "Check the database"),
        ("nobody:hidden-word@127.0.0.1:{port}/shop", 'password authentication failed for user "nobody"', "Check the user"),
        ("postgres:hidden-word@127.0.0.1:{port}/shop?sslmode=require", "server does not support SSL", "?sslmode=disable"),
        ("postgres:hidden-word@127.0.0.1:{free}/shop", "Connection refused", "Check that it runs"),
        ("postgres:hidden-word@nowhere.invalid/shop", "nowhere.invalid", "Check the host in the address"),
    ],
)
def test_whoever_is_not_let_in_is_told_why_and_no_secret_is_shown(guarded: Server, address: str, said: str, next_step: str) -> None:
    warehouse = PostgresWarehouse("postgresql://" + address.format(port=guarded.port, free=free_port()))
    with pytest.raises(WarehouseError) as problem:
        warehouse.rows("SELECT 1")
    assert said in problem.value.message
    assert next_step in problem.value.next_step
    assert "hidden-word" not in f"{problem.value}{problem.value.__cause__}"


def test_a_role_that_may_not_is_told_what_to_grant_it(guarded: Server) -> None:
    """Each grant that is asked for is given, until a commit lands."""
    url = f"postgresql://shopkeeper:right-word@127.0.0.1:{guarded.port}/shop"
    as_owner = guarded.url_of("shop")
    owners = PostgresWarehouse(as_owner, now=lambda: FIRST_VERSION)
    asked: list[str] = []
    warehouse = PostgresWarehouse(url, now=lambda: FIRST_VERSION)

    def refused() -> WarehouseError | None:
        try:
            land(warehouse, [order("o")])
        except WarehouseError as problem:
            return problem
        return None

    tell(as_owner, "REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC")
    while (problem := refused()) and len(asked) < 30:
        assert NOTHING in problem.message
        asked.append(problem.next_step.partition("As its owner: ")[2])
        assert asked[-1], problem
        tell(as_owner, asked[-1])
        if len(asked) == 1:
            owners.migrate()
    assert asked[0] == "GRANT USAGE, CREATE ON SCHEMA public TO shopkeeper;"
    assert {"GRANT TEMPORARY ON DATABASE shop TO shopkeeper;", "GRANT SELECT, INSERT, UPDATE, DELETE ON fact_orders TO shopkeeper;"} < set(
        asked
    )
    assert stored(owners, "fact_orders", "order_guid") == [("o",)]
    for own in (owners, warehouse):
        own.close()


def test_a_server_that_takes_no_writes_says_so(postgres_url: str, warehouse: PostgresWarehouse) -> None:
    tell(postgres_url, f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET default_transaction_read_only = on")
    reader = PostgresWarehouse(postgres_url)
    with pytest.raises(WarehouseError, match="read-only transaction") as problem:
        reader.next_read("a")
    assert "It takes no writes" in problem.value.next_step
    assert reader.rows("SELECT count(*) FROM fact_orders") == [(0,)]
    reader.close()
