"""What every test shares: a cache folder of its own, no settings from the outside."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from restaurant_os.settings import ALIASES

if TYPE_CHECKING:
    from postgres_server import Reachable


#: Of objects made since the last look for cycles: with thousands of tests in memory Python's own 700 costs a twelfth of the time.
OBJECTS_BETWEEN_COLLECTIONS = 200_000


def pytest_collection_finish() -> None:
    """What the collection made stays until the end: it need not be looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the developer's settings, credentials or tokens, and none leaves a token behind."""
    for name in list(os.environ):
        if name.startswith(("RESTAURANT_OS_", "TOAST_")) or name in ALIASES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reachable]:
    """One server for the whole run, whatever number of processes it has."""
    from keeping import folder_of_run
    from postgres_server import shared_server

    with shared_server(folder_of_run(tmp_path_factory)) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Reachable) -> Iterator[str]:
    """An empty database of the test's own."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def operations_place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an operations store may stand: in a file, then in Postgres."""
    return tmp_path / "operations.sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


REPOSITORY = Path(__file__).parents[1]
