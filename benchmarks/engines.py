"""Each engine: rows a second of a staged merge beside its own bulk load and beside dlt; and what 3 years of history do to the merge of one day.

The rows are decoded before any clock starts, on every side alike. BigQuery is left out: its double says nothing about speed.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from benchmarks import dlt_common
from benchmarks.growth import Seconds, growth
from benchmarks.pages import generate
from benchmarks.staged import Tables, commits_of, decoded, joined, newer, timed
from postgres_server import Server
from restaurant_os.batch import COPY
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Commit, Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from restaurant_os.warehouse.postgres import PostgresWarehouse

LOCATIONS, DAYS, ROUNDS = 13, 7, 3
#: How much later the second version of every order is.
MINUTES = 60
OURS, BULK, DLT = "ours, merged", "its own bulk load", "dlt, merged"
#: The bar of `merge_growth_*`.
MOST_GROWTH = 2.0


@dataclass(frozen=True, slots=True)
class Week:
    """The same rows for everybody: the tables of each location, and all of it an hour later; as tables and as commits of ours."""

    loads: list[Tables]
    again: list[Tables]
    commits: list[Commit]
    commits_again: list[Commit]


#: Rows into a new place and, where it merges, every order of them in a newer version; seconds of both.
Load = Callable[[Week, Path], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Figures:
    """`seconds`: by engine and contestant, of each round: into a new place, and again in a newer version. `growth`: by engine, the seconds of a day's merge
    in a table of that day alone and in one of history, each round's."""

    rows: int
    seconds: Mapping[str, Mapping[str, list[Sequence[float]]]]
    growth: Mapping[str, Seconds]


def measure(folder: Path, *, quick: bool) -> Figures:
    folder.mkdir()
    pages = generate(locations=2, days=1) if quick else generate(locations=LOCATIONS, days=DAYS)
    loads = decoded(pages)
    again = [newer(tables, MINUTES) for tables in loads]
    week = Week(loads, again, commits_of(pages, loads), commits_of(pages, loads, MINUTES))
    seconds: dict[str, dict[str, list[Sequence[float]]]] = {}
    with Server() as server:
        for engine, contestants in (("duckdb", duckdb_loads()), ("postgres", postgres_loads(server))):
            seconds[engine] = race(contestants, week, folder / engine, 1 if quick else ROUNDS)
    found = growth(generate(locations=2 if quick else LOCATIONS, days=1), folder / "growth", quick=quick)
    return Figures(sum(table.num_rows for tables in loads for table in tables.values()), seconds, found)


# --- contestants ----------------------------------------------------------------------------------------------------


def duckdb_loads() -> dict[str, Load]:
    def ours(week: Week, own: Path) -> Sequence[float]:
        return merged(DuckDBWarehouse(own / "ours.duckdb"), week)

    def bulk(week: Week, own: Path) -> Sequence[float]:
        warehouse = DuckDBWarehouse(own / "bulk.duckdb")
        warehouse.migrate()
        warehouse.close()
        with duckdb.connect(str(own / "bulk.duckdb")) as connection:
            return [timed(lambda: inserted(connection, week.loads))]

    def theirs(week: Week, own: Path) -> Sequence[float]:
        return by_dlt(dlt.destinations.duckdb(str(own / "dlt.duckdb")), week, own)

    return {OURS: ours, BULK: bulk, DLT: theirs}


def inserted(connection: duckdb.DuckDBPyConnection, loads: Sequence[Tables]) -> None:
    """Arrow tables, as they are, in one transaction."""
    connection.execute("BEGIN")
    for name, table in joined(loads).items():
        connection.register("staged", table)
        names = ", ".join(column for column in table.schema.names if column != COPY)
        connection.execute(f"INSERT INTO {name} ({names}) SELECT {names} FROM staged")
        connection.unregister("staged")
    connection.execute("COMMIT")


def postgres_loads(server: Server) -> dict[str, Load]:
    def ours(week: Week, own: Path) -> Sequence[float]:
        with server.database() as url, opened(url) as warehouse:
            return merged(warehouse, week)

    def bulk(week: Week, own: Path) -> Sequence[float]:
        with server.database() as url:
            with opened(url) as warehouse:
                warehouse.migrate()
            return [timed(lambda: copied(url, week.loads))]

    def theirs(week: Week, own: Path) -> Sequence[float]:
        with server.database() as url:
            # dlt wants a password; the server asks for none.
            return by_dlt(dlt.destinations.postgres(url.replace("@", ":unasked@", 1)), week, own)

    return {OURS: ours, BULK: bulk, DLT: theirs}


@contextmanager
def opened(url: str) -> Iterator[PostgresWarehouse]:
    warehouse = PostgresWarehouse(url)
    try:
        yield warehouse
    finally:
        warehouse.close()


def copied(url: str, loads: Sequence[Tables]) -> None:
    """Arrow tables by binary COPY, which ADBC makes of them, into the same tables with the same keys and indexes, in one transaction."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection:
        with connection.cursor() as cursor:
            for name, table in joined(loads).items():
                cursor.adbc_ingest(name, table.drop_columns([COPY]), mode="append")
        connection.commit()


def merged(warehouse: Warehouse, week: Week) -> list[float]:
    """A commit for each location, all at once, as a sync makes them."""

    def land(commits: Sequence[Commit]) -> None:
        with ThreadPoolExecutor(len(commits)) as pool:
            list(pool.map(warehouse.commit, commits))

    return [timed(lambda: land(week.commits)), timed(lambda: land(week.commits_again))]


def by_dlt(destination: Any, week: Week, own: Path) -> list[float]:
    """One run for all locations, an Arrow table for each of them, merged on their keys; by Parquet, which goes to Postgres through ADBC."""
    pipeline = dlt.pipeline(
        pipeline_name="engines", pipelines_dir=str(own / "pipelines"), destination=destination, dataset_name=dlt_common.DATASET
    )

    def run(parts: Sequence[Tables]) -> None:
        rows = {spec.name: [tables[spec.name].drop_columns([COPY]) for tables in parts] for spec in ORDER_TABLES}
        pipeline.run(dlt_common.resources(rows, hinted=False), loader_file_format="parquet").raise_on_failed_jobs()

    seconds = [timed(lambda: run(week.loads)), timed(lambda: run(week.again))]
    assert_all_there(pipeline, week.loads)
    return seconds


def assert_all_there(pipeline: Any, loads: Sequence[Tables]) -> None:
    """As many rows as were given, every key once."""
    with pipeline.sql_client() as client:
        for name, table in joined(loads).items():
            [(count,)] = client.execute_sql(f"SELECT count(*) FROM {name}")
            assert count == table.num_rows, f"dlt: {name} has {count} rows, {table.num_rows} were given"


def race(contestants: Mapping[str, Load], week: Week, folder: Path, rounds: int) -> dict[str, list[Sequence[float]]]:
    """They take turns, after one round to warm up, so that a busy machine is busy for all."""
    seconds: dict[str, list[Sequence[float]]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, load in contestants.items():
            own = folder / f"{number}-{name.partition(',')[0].replace(' ', '-')}"
            own.mkdir(parents=True)
            found = load(week, own)
            if number:
                seconds[name].append(found)
            print(f"  {folder.name}, round {number or 'of warm-up'}: {name}: {', '.join(f'{own:.2f} s' for own in found)}", file=sys.stderr)
    return seconds


# --- what came of it ------------------------------------------------------------------------------------------------


def show(found: Figures, *, quick: bool) -> dict[str, float]:
    """Print it; the figures for results.json."""
    results: dict[str, float] = {}
    print(
        f"\n{found.rows:,} rows of the order tables, decoded before; median seconds (and rows/s) into a new place, and again in a newer version"
    )
    for engine, contestants in found.seconds.items():
        medians = {name: [statistics.median(own) for own in zip(*rounds, strict=True)] for name, rounds in contestants.items()}
        for name, own in medians.items():
            shown = "".join(f"{seconds:>9.2f} ({found.rows / seconds:>9,.0f})" for seconds in own)
            print(f"  {engine:<9} {name:<20}{shown}")
        ours, bulk, theirs = medians[OURS], medians[BULK], medians[DLT]
        results |= {
            f"merge_rows_s_{engine}": round(found.rows / ours[0]),
            f"merge_vs_bulk_{engine}": round(bulk[0] / ours[0], 3),
            f"merge_vs_dlt_{engine}": round(theirs[0] / ours[0], 3),
            f"merge_again_vs_dlt_{engine}": round(theirs[1] / ours[1], 3),
        }
    print("  bigquery is left out: its double says nothing about the speed of a load job or a MERGE")
    for name, value in results.items():
        print(f"{name:<32}{value:>12,.2f}")
    for engine, (alone, grown) in found.growth.items():
        name, value = f"merge_growth_{engine}", round(statistics.median(grown) / statistics.median(alone), 3)
        results[name] = value
        said = "" if value <= MOST_GROWTH or quick else ", MISSED"
        print(f"{name:<32}{value:>12.2f}   bar: at most {MOST_GROWTH:g}{said}")
    return results
