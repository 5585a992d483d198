"""A share of `python -m proofs engines`: two restaurants' days, synced into every engine, leave the same rows and views; and what the comparison sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from bigquery_double import double_of_this_run, environment
from engines_days import Days, across_a_month
from engines_same import Place, checksum, checksums, compare, shops, view_differences
from restaurant_os.pipeline.plans import Span
from restaurant_os.tables import COUNT, DATE, FLAG, INSTANT, MONEY, REAL, TEXT
from toast_simulator import LAST_DAY, simulating

DAYS = 2
IN_MARCH = LAST_DAY.replace(day=2)


@pytest.fixture
def places(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    """An empty one on every engine; without BigQuery where its double cannot be had, which `make test` says."""
    found = {"duckdb": Place("duckdb:///warehouse.duckdb"), "postgres": Place(postgres_url)}
    if environment() is None:
        yield found
        return
    with double_of_this_run(tmp_path_factory) as double, double.made() as url:
        yield {**found, "bigquery": Place(url, double.settings)}


@pytest.mark.timeout(900)
def test_the_same_days_leave_the_same_rows_and_views_on_every_engine(places: dict[str, Place], tmp_path: Path) -> None:
    """Read whole, told by events, changed for six hours, read again; the order put off into the next month is one live row."""
    first = LAST_DAY - timedelta(days=DAYS - 1)
    with simulating(locations=2, days=DAYS, demand=0.4) as toast:
        toast.advance(timedelta(minutes=1))
        with shops(tmp_path, toast, places) as found:
            Days(toast, first, LAST_DAY, later=timedelta(hours=6), again=Span(LAST_DAY, LAST_DAY)).happen(found)
            compared = compare(found)
            assert compared.differences == []
            assert [across_a_month(own) for own in found] == [[(IN_MARCH, 2, 1)]] * len(places)
            assert [name for name, rows in {**compared.rows, **compared.views}.items() if not rows] == []


# --- what the comparison sees ---------------------------------------------------------------------------------------


def tables(**columns: pa.Array) -> pa.Table:
    return pa.table(columns)


DAY = date(2026, 3, 1)
PLAIN = {
    "business_date": pa.array([DAY, DAY], DATE),
    "name": pa.array(["a", "bc"], TEXT),
    "amount": pa.array([Decimal("1.5000"), None], MONEY),
    "count": pa.array([1, None], COUNT),
    "rate": pa.array([0.5, None], REAL),
    "is_so": pa.array([True, None], FLAG),
    "at": pa.array([datetime(2026, 3, 1, tzinfo=UTC), None], INSTANT),
}
OTHER = {
    "a date": {"business_date": pa.array([DAY, DAY + timedelta(days=1)], DATE)},
    "where a text ends": {"name": pa.array(["ab", "c"], TEXT)},
    "a text that is null": {"name": pa.array(["a", None], TEXT)},
    "a ten-thousandth": {"amount": pa.array([Decimal("1.5001"), None], MONEY)},
    "nought for null": {"count": pa.array([1, 0], COUNT)},
    "the last bit of a double": {"rate": pa.array([0.5000000000000001, None], REAL)},
    "false for null": {"is_so": pa.array([True, False], FLAG)},
    "a microsecond": {"at": pa.array([datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC), None], INSTANT)},
}


@pytest.mark.parametrize("change", OTHER)
def test_a_checksum_tells(change: str) -> None:
    assert checksums(tables(**PLAIN)) != checksums(tables(**PLAIN | OTHER[change]))


def test_a_checksum_is_of_the_values_and_not_of_the_pieces_they_came_in() -> None:
    whole = tables(**PLAIN)
    pieces = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 1)])
    assert checksums(pieces) == checksums(whole) == {"2026-03-01": checksum(whole)}


def test_rows_of_a_view_may_differ_by_the_rounding_of_a_sum_alone() -> None:
    rows = [("a", 0.1 + 0.2, Decimal("1.0000")), ("b", None, None)]
    assert view_differences(rows, [("b", None, None), ("a", 0.3, Decimal("1.0000"))]) == []
    assert view_differences(rows, [("a", 0.30001, Decimal("1.0000")), ("b", None, None)]) != []
    assert view_differences(rows, [("a", 0.3, 1.0), ("b", None, None)]) != []
