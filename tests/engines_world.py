"""The engines a warehouse may stand on, each with an empty place for a test: what the contract suite (`tests/contract`) is run on, unchanged.

    engine.open()                       # a Warehouse; as often as wanted: another writer at the same place
    engine.stored("fact_orders", ...)   # rows of a table, sorted, by Warehouse.rows
    engine.sql("ALTER TABLE ...")       # the engine's own SQL, past all of our code
    with engine.dying(7): ...           # the process is dead from its seventh call of the engine on

An engine does nothing that a user's process could not; what differs between them is here and in no test.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from bigquery_double import REAL_PROJECT
from orders_world import FIRST_VERSION
from restaurant_os.settings import BigQuerySettings, load_without_file
from restaurant_os.tables import BY_NAME
from restaurant_os.warehouse import Warehouse, bring
from restaurant_os.warehouse import duckdb as duckdb_engine
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file
from restaurant_os.warehouse.open import open_warehouse

ENGINES = ("duckdb", "postgres", "bigquery")
#: BigQuery itself, where whoever runs the tests names a project that may pay some cents.
REAL = [pytest.param("real", marks=pytest.mark.live)] if REAL_PROJECT else []
PROVE = os.environ.get("RESTAURANT_OS_PROFILE") == "prove"
#: How long a writer waits for another before it says so: nothing in a test takes so long.
WAIT_SECONDS = 300.0
Rows = list[tuple[Any, ...]]


class Death(BaseException):
    """The process is gone: no call of it reaches the engine any more, not even to tidy up."""


@dataclass
class Clock:
    """The time of every warehouse of an engine, turned by hand."""

    time: datetime = FIRST_VERSION

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **span: float) -> datetime:
        self.time += timedelta(**span)
        return self.time


@dataclass
class Calls:
    """The lowest calls of an engine, counted. From number `last` on (the first is 1) none is made; None: all are."""

    last: int | None = None
    count: int = 0
    #: What each call was, to tell where a test failed.
    made: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, what: str) -> None:
        """Raises Death: the process died before this call."""
        with self._lock:
            self.count += 1
            if self.last is not None and self.count >= self.last:
                raise Death(f"before call {self.count}: {what}")
            self.made.append(what)

    @property
    def was_reached(self) -> bool:
        return self.last is not None and self.count >= self.last


class Engine(ABC):
    """An engine with a place of its own, empty at first but for tables and views."""

    name: str
    #: Where it is, as `open_warehouse` takes it.
    place: Path | str

    def __init__(self) -> None:
        self.now = Clock()
        self._opened: list[Warehouse] = []

    def open(self) -> Warehouse:
        """Another warehouse at the place; closed after the test."""
        found = opened(self.place, self.now, self.bigquery)
        self._opened.append(found)
        return found

    #: Only BigQuery has any.
    bigquery = BigQuerySettings()

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()

    def clear(self) -> None:
        """As at first: no row in any table, the clock too."""
        self.close()
        self.now.time = FIRST_VERSION
        self._empty()

    def stored(self, table: str, *columns: str, where: str = "TRUE") -> Rows:
        """Columns of a table's rows, all of its own where none is named, sorted."""
        names = columns or BY_NAME[table].names
        return in_order(self.reader.rows(f"SELECT {', '.join(names)} FROM {table} WHERE {where}"))

    def tables(self, *names: str) -> dict[str, Rows]:
        """Every row of these tables."""
        asked = [(f"SELECT {', '.join(BY_NAME[name].names)} FROM {name}", ()) for name in names]
        return dict(zip(names, map(in_order, self.reader.answers(*asked)), strict=True))

    @property
    def reader(self) -> Warehouse:
        return self._opened[0] if self._opened else self.open()

    @contextmanager
    def dying(self, last: int | None = None) -> Iterator[Calls]:
        """Counts the calls of the block; from number `last` on the process is dead. The block ends there, and the engine knows that it is dead."""
        calls = Calls(last)
        with pytest.MonkeyPatch.context() as patch:
            self._watch(patch, calls)
            with suppress(Death):
                yield calls
        if last is not None:
            self._bury()

    def gap(self, reason: str) -> None:
        """What this engine cannot do, and why: the test is expected to fail from here on."""
        pytest.xfail(f"{self.name}: {reason}")

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """As the engine has them, in their order."""

    @abstractmethod
    def sql(self, statement: str) -> None:
        """One statement of the engine's own, past all of our code."""

    def age(self, fingerprint: str = "older") -> None:
        """As if another version of the code, an older one, had made the tables."""
        self.sql(f"UPDATE restaurant_os_schema SET fingerprint = '{fingerprint}' WHERE TRUE")

    def drop_column(self, table: str, column: str) -> None:
        self.sql(f"ALTER TABLE {table} DROP COLUMN {column}")

    #: What the engine calls a text.
    text_type = "TEXT"

    @abstractmethod
    def _empty(self) -> None: ...

    @abstractmethod
    def _watch(self, patch: pytest.MonkeyPatch, calls: Calls) -> None:
        """Have every lowest call of this process ask `calls` first."""

    @abstractmethod
    def _bury(self) -> None:
        """What the engine does once a client is dead: its connections end."""


def opened(place: Path | str, now: Callable[[], datetime], bigquery: BigQuerySettings) -> Warehouse:
    """As `build_app` opens it; in another process too."""
    settings = load_without_file(Path(), wait_seconds=WAIT_SECONDS, memory_limit="128MB", bigquery=bigquery.model_dump())
    return open_warehouse(place, settings, now=now)


def in_order(rows: Rows) -> Rows:
    """Sorted by all columns, nulls first."""
    return sorted(rows, key=lambda row: [(value is not None, 0 if value is None else value) for value in row])


# --- DuckDB -------------------------------------------------------------------------------------------------------------


class DuckDB(Engine):
    name = "duckdb"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.place: Path = folder / "contract.duckdb"
        self._empty()

    def _empty(self) -> None:
        self.place.with_name(self.place.name + ".wal").unlink(missing_ok=True)
        self.place.write_bytes(empty_file())

    def columns(self, table: str) -> list[str]:
        with self._own() as connection:
            return [name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()]

    def sql(self, statement: str) -> None:
        with self._own() as connection:
            connection.execute(statement)

    @contextmanager
    def _own(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self.close()
        with duckdb.connect(str(self.place)) as connection:
            yield connection

    def _watch(self, patch: pytest.MonkeyPatch, calls: Calls) -> None:
        run = bring.run

        def watched(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Any = ()) -> Rows:
            calls.take(sql)
            return run(connection, sql, parameters)

        for module in (bring, duckdb_engine):
            patch.setattr(module, "run", watched)

    def _bury(self) -> None:
        for own in self._opened:
            assert isinstance(own, DuckDBWarehouse)
            own.close()


# --- Postgres -----------------------------------------------------------------------------------------------------------


class Postgres(Engine):
    name = "postgres"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.place: str = url
        self.open().migrate()

    def drop_column(self, table: str, column: str) -> None:
        """With the views that read it."""
        self.sql(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")

    def _empty(self) -> None:
        self.sql("""DO $$ DECLARE own record; BEGIN
            FOR own IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
                AND relname <> 'restaurant_os_schema'
            LOOP EXECUTE format('DELETE FROM %I', own.relname); END LOOP; END $$""")

    def columns(self, table: str) -> list[str]:
        return [
            name
            for (name,) in self._asked(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", table
            )
        ]

    def sql(self, statement: str) -> None:
        with psycopg.connect(self.place, autocommit=True) as connection:
            connection.execute(statement)

    def _asked(self, sql: str, *parameters: Any) -> Rows:
        with psycopg.connect(self.place, autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()

    def _watch(self, patch: pytest.MonkeyPatch, calls: Calls) -> None:
        wait, connect = psycopg.Connection.wait, psycopg.Connection.connect

        def watched(connection: psycopg.Connection[Any], generator: Any, *how: Any, **more: Any) -> Any:
            """Every word to and from the server goes through here."""
            try:
                calls.take("wait")
            except Death:
                generator.close()
                raise
            return wait(connection, generator, *how, **more)

        def connecting(*how: Any, **more: Any) -> Any:
            calls.take("connect")
            return connect(*how, **more)

        patch.setattr(psycopg.Connection, "wait", watched)
        patch.setattr(psycopg.Connection, "connect", connecting)
        patch.setattr(psycopg, "connect", connecting)

    def _bury(self) -> None:
        self._asked(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self.close()


# --- BigQuery -------------------------------------------------------------------------------------------------------------


class BigQuery(Engine):
    """The double (`bigquery_double.py`) or a project of Google's, spoken to as Google's own client does. `url`: of a dataset with every table."""

    name = "bigquery"
    text_type = "STRING"

    def __init__(self, url: str, bigquery: BigQuerySettings) -> None:
        super().__init__()
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery as google

        self.place: str = url
        self.bigquery = bigquery
        self.project, self.dataset = url.removeprefix("bigquery://").split("/")
        own: dict[str, Any] = {"location": bigquery.location}
        if bigquery.api_endpoint:
            own |= {"credentials": AnonymousCredentials(), "client_options": {"api_endpoint": bigquery.api_endpoint}}  # type: ignore[no-untyped-call]
        asked = google.QueryJobConfig(default_dataset=f"{self.project}.{self.dataset}")
        self._client = google.Client(self.project, default_query_job_config=asked, **own)

    def _empty(self) -> None:
        counted = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS rows_held FROM {name}" for name in BY_NAME)
        full = [row["name"] for row in self._client.query_and_wait(f"SELECT name FROM ({counted}) WHERE rows_held > 0")]
        self.sql(
            "; ".join([*(f"TRUNCATE TABLE {name}" for name in full), "UPDATE restaurant_os_state SET writes = 0, sequence = 0 WHERE TRUE"])
        )

    def age(self, fingerprint: str = "older") -> None:
        self.sql(f"UPDATE restaurant_os_state SET fingerprint = '{fingerprint}' WHERE TRUE")

    def columns(self, table: str) -> list[str]:
        return [field.name for field in self._client.get_table(f"{self.project}.{self.dataset}.{table}").schema]

    def sql(self, statement: str) -> None:
        self._client.query_and_wait(statement)

    def _watch(self, patch: pytest.MonkeyPatch, calls: Calls) -> None:
        import requests

        send = requests.Session.send

        def watched(session: requests.Session, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            """Every word to the server goes through here."""
            calls.take(f"{request.method} {request.path_url[:100]}")
            return send(session, request, **how)

        patch.setattr(requests.Session, "send", watched)

    def _bury(self) -> None:
        self.close()
