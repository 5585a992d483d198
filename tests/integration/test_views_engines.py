"""Every view gives equal rows on every engine: for whatever the tests of the views wrote by hand, and days that were posted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest

from engines_alike import OTHERS, carried, carry, copied, differences
from keeping import made_once
from restaurant_os.transformations import VIEWS
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.postgres import PostgresWarehouse
from views_rows import DAY, Rows, at

pytestmark = pytest.mark.timeout(600)  # the double of BigQuery takes its time over long views
TESTS = Path(__file__).parents[1]
FILE = "warehouse.duckdb"
#: Those that write rows for the views, a test at a time.
WRITERS = sorted((TESTS / "unit").glob("test_views_*.py"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of as many locations as those tests have worlds."""
    return made_once(tmp_path_factory, "views", _record) / FILE


def _record(folder: Path) -> None:
    path = folder / FILE
    own = {"VIEWS_RECORDING": str(path), "PYTHONPATH": str(TESTS)}
    plugins = ["-p", "no:xdist", "-p", "no:cacheprovider", "-p", "views_recording"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *map(str, WRITERS)]
    done = subprocess.run(command, cwd=TESTS.parent, env={**os.environ, **own}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        posted(Rows(connection))


def posted(rows: Rows) -> None:
    """Days of which a store posted sales, labor, both or neither, with and without orders and punches of its own."""
    for number, (kinds, is_read) in enumerate([(kinds, is_read) for kinds in ("s", "l", "sl", "") for is_read in (True, False)]):
        place = f"posted-{number}"
        rows.add("dim_business_days", restaurant_guid=place, starts_at=at(0), ends_at=at(24), hours=24, week_start=DAY - timedelta(days=1))
        given = {"restaurant_guid": place, "store_id": place, "date": DAY, "received_at": at(26)}
        if "s" in kinds:
            rows.add("daily_summaries", **given, kind="sales", gross_sales="901.25", sequence=1)
        if "l" in kinds:
            rows.add("daily_summaries", **given, kind="labor", labor_hours="31.5", labor_cost="640.75", sequence=2)
        if is_read:
            for dataset in ("orders", "labor"):
                rows.read(dataset, at(25), restaurant_guid=place)
            rows.add("fact_labor_shifts", restaurant_guid=place, in_date=at(2), hourly_wage="17.35", is_open=True, is_counted=True)
            order = rows.order(restaurant_guid=place)
            check = rows.check(order, restaurant_guid=place)
            rows.line(order, check, "33.33", "30", restaurant_guid=place)


@pytest.fixture(scope="module", params=OTHERS)
def engines(
    request: pytest.FixtureRequest, recorded: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Warehouse, Warehouse]]:
    with carried(recorded, request.param, tmp_path_factory) as both:
        yield both


def test_every_view_gives_the_same_rows(engines: tuple[Warehouse, Warehouse]) -> None:
    asked = [(f"SELECT {', '.join(name for name, _ in view.columns)} FROM {view.name}", ()) for view in VIEWS]
    ours, others = (warehouse.answers(*asked) for warehouse in engines)
    assert {view.name: differences(*both, places=True)[:3] for view, *both in zip(VIEWS, ours, others, strict=True)} == {
        view.name: [] for view in VIEWS
    }
    assert [view.name for view, rows in zip(VIEWS, ours, strict=True) if not rows] == []


#: A zone whose clocks go forward at 12:00 UTC of DAY, in which most of the recorded spans lie (POSIX: the 69th day of a year).
ZONE_OF_A_CHANGE = "AAA0BBB,J69/12,J300/12"


def test_a_session_s_zone_changes_no_view_on_postgres(recorded: Path, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A dashboard has a session of its own: what passed between two instants is the same there over a night on which the clocks change."""
    ours, theirs = DuckDBWarehouse(copied(recorded, tmp_path_factory)), PostgresWarehouse(postgres_url)
    carry(ours, theirs)
    theirs.close()

    def seen(zone: str) -> dict[str, list[tuple[object, ...]]]:
        with psycopg.connect(postgres_url, options=f"-c timezone={zone}") as connection:
            assert connection.execute("SHOW timezone").fetchone() == (zone,)
            # As bytes, instants are counted from the epoch: a driver's own words for a zone are left out of it.
            return {view.name: sorted(connection.execute(f"SELECT * FROM {view.name}", binary=True).fetchall(), key=repr) for view in VIEWS}

    assert seen(ZONE_OF_A_CHANGE) == seen("UTC")
