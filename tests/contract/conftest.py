"""The fixture `engine`: every test of this folder runs on every engine, as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engines_world import ENGINES, REAL, BigQuery, DuckDB, Engine, Postgres

if TYPE_CHECKING:
    from postgres_server import Reachable

#: New places on an engine, each with every table and view, gone at the end of the run.
Places = Callable[[], Engine]


#: All of them; and a project of Google's, where one is named.
PLACES = [*ENGINES, *REAL]
#: Whoever comes first makes the tables: on BigQuery's double that takes minutes where other processes have the cores.
SECONDS_AT_MOST = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.name.split("[")[-1].startswith(("bigquery", "real")):
            item.add_marker(pytest.mark.timeout(SECONDS_AT_MOST), append=False)


@pytest.fixture(scope="session")
def duckdb_places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return lambda: DuckDB(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture(scope="session")
def postgres_places(postgres: Reachable) -> Iterator[Places]:
    with ExitStack() as stack:
        yield lambda: Postgres(stack.enter_context(postgres.database()))


@pytest.fixture(scope="session")
def bigquery_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    from bigquery_double import double_of_this_run

    with double_of_this_run(tmp_path_factory) as double, ExitStack() as stack:
        yield lambda: BigQuery(stack.enter_context(double.made()), double.settings)


@pytest.fixture(scope="session")
def real_places() -> Iterator[Places]:
    from bigquery_double import REAL_PROJECT, Real

    real = Real(REAL_PROJECT)
    with ExitStack() as stack:
        yield lambda: BigQuery(stack.enter_context(real.made()), real.settings)


@pytest.fixture(scope="session")
def shared_places() -> dict[str, Engine]:
    """One place on each engine that the tests of a process share, one after the other."""
    return {}


@pytest.fixture(params=PLACES)
def engine(request: pytest.FixtureRequest, shared_places: dict[str, Engine]) -> Iterator[Engine]:
    """An engine with empty tables."""
    name = request.param
    if name not in shared_places:
        shared_places[name] = request.getfixturevalue(f"{name}_places")()
    found = shared_places[name]
    found.clear()
    yield found
    found.close()


@pytest.fixture(params=PLACES)
def own_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine whose place is of this test alone: for what changes tables themselves."""
    found: Engine = request.getfixturevalue(f"{request.param}_places")()
    yield found
    found.close()


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Engine]:
    """A file of DuckDB beside, to be fed the same: what stands there must stand on every engine."""
    found = DuckDB(tmp_path)
    yield found
    found.close()
