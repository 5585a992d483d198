"""Values into Arrow columns, exactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from property_profiles import examples
from restaurant_os.errors import RejectedRecordError
from restaurant_os.sources.columns import DATES, arrays, instants, money, transposed
from restaurant_os.tables import BY_NAME, COUNT, DATE, FACT_ORDERS, INSTANT, MONEY, TEXT, Column

PLACES = Decimal("0.0001")
amounts = st.decimals(min_value="-9999999999.9999", max_value="9999999999.9999", places=4, allow_nan=False, allow_infinity=False)


def one_money(values: Sequence[float | None], name: str) -> pa.Array:
    [found] = money([values], [name])
    return found


def one_instants(values: Sequence[str | None], name: str) -> pa.Array:
    [found] = instants([values], [name])
    return found


def as_json_says(text: str) -> float:
    value = json.loads(text)
    return float(value)


@examples(40)
@given(st.lists(st.none() | amounts, max_size=60))
def test_money_is_exact(values: list[Decimal | None]) -> None:
    """Every amount with at most four decimals under ten billion comes through JSON and a double to the last digit; null stays null."""
    found = one_money([None if value is None else as_json_says(f"{value:f}") for value in values], "Check.amount")

    assert found.type == MONEY
    assert found.to_pylist() == values
    assert found.null_count == values.count(None)


@examples(40)
@given(st.decimals(min_value=-1_000_000, max_value=1_000_000, places=2), st.integers(-20, 20))
def test_artefacts_of_floats_are_rounded_off(cents: Decimal, steps: int) -> None:
    """An amount a few units in the last place of a double away from whole cents is those cents."""
    value = float(cents)
    for _ in range(abs(steps)):
        value = float(pa.scalar(value).as_py()) + (1 if steps > 0 else -1) * max(abs(value), 1.0) * 2**-52

    assert one_money([value], "Check.amount").to_pylist() == [cents.quantize(PLACES)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.290000000000001", "10.2900"),
        ("-0.30000000000000004", "-0.3000"),
        ("1.00006", "1.0001"),
        ("0.00014", "0.0001"),
        ("-0", "0.0000"),
        ("-0.00001", "0.0000"),
        ("9999999999.9999", "9999999999.9999"),
        ("-9999999999.9999", "-9999999999.9999"),
        ("12", "12.0000"),
    ],
)
def test_money_of_some_texts(text: str, expected: str) -> None:
    """What an API may send, and what is kept of it: rounded at the fourth place."""
    found = one_money([as_json_says(text)], "Check.amount")

    assert [str(value) for value in found.to_pylist()] == [expected]
    assert Decimal(text).quantize(PLACES, rounding=ROUND_HALF_EVEN) == Decimal(expected)


@pytest.mark.parametrize("value", [1e10, -1e10, 1e15, 1e300, float("inf"), float("-inf"), float("nan")])
def test_an_impossible_amount_is_refused(value: float) -> None:
    """An amount that is no number, or that a double could not hold to four places, is refused with its field, wherever it stands."""
    with pytest.raises(RejectedRecordError) as refused:
        one_money([1.0, None, value, 2.0], "Payment.amount")

    assert refused.value.place.field == "Payment.amount"


def test_no_money_at_all() -> None:
    """Columns without rows, and with nothing but nulls."""
    assert one_money([], "x").to_pylist() == []
    assert one_money([None, None], "x").to_pylist() == [None, None]


def test_money_can_be_summed_and_sliced() -> None:
    """The hand-made buffers are a whole Arrow array: validated, sliced, summed."""
    found = one_money([1.25, None, -0.5, 3.0] * 50, "x")

    found.validate(full=True)
    assert found.slice(199).to_pylist() == [Decimal("3.0000")]
    assert pc.sum(found).as_py() == Decimal("187.5000")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T04:00:00.000+0000", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T04:00:00.123Z", datetime(2026, 3, 1, 4, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-03-01T04:00:00.120-0500", datetime(2026, 3, 1, 9, 0, 0, 120_000, tzinfo=UTC)),
        ("2026-03-01T04:00:00+05:30", datetime(2026, 2, 28, 22, 30, tzinfo=UTC)),
        ("1970-01-01T00:00:00.000+0000", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_instants(text: str, expected: datetime) -> None:
    """A time with an offset is the instant it names, in UTC."""
    assert one_instants([None, text], "Order.openedDate").to_pylist() == [None, expected]


@pytest.mark.parametrize(
    "text", ["2026-03-01T04:00:00.000", "2026-03-01", "2026-13-01T04:00:00.000+0000", "2026-02-30T04:00:00Z", "soon", ""]
)
def test_a_time_that_names_no_instant_is_refused(text: str) -> None:
    """A time without an offset could be any of 24, so it is not guessed; nor is a day that does not exist."""
    with pytest.raises(RejectedRecordError) as refused:
        one_instants(["2026-03-01T04:00:00Z", text], "Order.openedDate")

    assert refused.value.place.field == "Order.openedDate"
    assert f"'{text}'" in refused.value.place.reason


@examples(40)
@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2199, 12, 31)))
def test_dates(day: date) -> None:
    """yyyymmdd is that day."""
    number = int(f"{day:%Y%m%d}")

    assert pa.array([DATES[number]], pa.int32()).cast(DATE).to_pylist() == [day]


@pytest.mark.parametrize("value", [20260230, 20261301, 2026, 0, -20260301, 20260300, 10**12, 99991231, 19691231])
def test_a_day_that_does_not_exist_is_refused(value: int) -> None:
    """No date is made up for a number that is none."""
    with pytest.raises(RejectedRecordError, match="is not a date as yyyymmdd"):
        DATES[value]


@pytest.mark.parametrize(
    ("kind", "values"),
    [(COUNT, [2**63]), (COUNT, ["two"]), (TEXT, [b"\xff", 7]), (TEXT, ["\ud800"]), (INSTANT, ["never"]), (MONEY, [1e12])],
)
def test_a_value_of_another_kind_is_refused_by_its_field(kind: pa.DataType, values: list[object]) -> None:
    """Whatever does not fit a column's type is a refused record that names the API's field."""
    with pytest.raises(RejectedRecordError) as refused:
        arrays([Column("own", kind, "Order.thing", "Whatever.")], [values])

    assert refused.value.place.field == "Order.thing"


def test_rows_become_columns() -> None:
    """Rows are turned as they are; a row of another width is our own mistake and never lands."""
    assert transposed(FACT_ORDERS, [(1, 2), (3, 4)], 2) == [(1, 3), (2, 4)]
    assert transposed(FACT_ORDERS, [], 3) == [(), (), ()]
    with pytest.raises(AssertionError, match="fact_orders"):
        transposed(BY_NAME["fact_orders"], [(1, 2)], 3)
