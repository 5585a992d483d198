"""Arrays of records: each read alone when they cannot be read together, and what cannot be read ready for quarantine."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from restaurant_os.errors import RetryableError
from restaurant_os.sources.toast.records import RecordReader, day_of, exact, instant, unfit, unfit_record


class Thing(msgspec.Struct):
    guid: str
    amount: Decimal | None = None
    name: str | None = None


READER = RecordReader(Thing)


def found(body: bytes) -> tuple[list[str], list[str], list[bytes]]:
    """GUIDs of those that could be read, reasons of those that could not, and the JSON of the former."""
    records = READER.read(body)
    return [one.guid for one in records.good], [one.reason for one in records.bad], list(records.sources())


def test_a_body_that_is_well_is_read_at_once() -> None:
    """With each record's own JSON at hand, as it came."""
    assert found(b'[{"guid":"a","amount":1.50,"x":[1]}, {"guid":"b"}]') == (
        ["a", "b"],
        [],
        [b'{"guid":"a","amount":1.50,"x":[1]}', b'{"guid":"b"}'],
    )
    assert found(b"[]") == ([], [], [])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"guid":"bad","amount":"ten dollars"}', "Invalid decimal string - at `$.amount`"),
        (b'{"guid":null}', "Expected `str`, got `null` - at `$.guid`"),
        (b"{}", "Object missing required field `guid`"),
        (b"42", "Expected `object`, got `int`"),
        (b'{"guid":"\xff"}', "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_record_that_does_not_fit_costs_itself_alone(bad: bytes, reason: str) -> None:
    """Its neighbors are read; its reason names the place in it."""
    assert found(b'[{"guid":"a"},' + bad + b',{"guid":"b"}]') == (["a", "b"], [reason], [b'{"guid":"a"}', b'{"guid":"b"}'])


def test_half_a_surrogate_pair_costs_its_own_record() -> None:
    """Though the array as a whole cannot be taken apart the quick way then."""
    good, reasons, _ = found(b'[{"guid":"a"},{"guid":"\\ud800"},{"guid":"b","name":"caf\xc3\xa9"}]')

    assert (good, len(reasons)) == (["a", "b"], 1)


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'[{"guid":"a"}', b'{"data":[]}', b"null", b'"text"', b"[1,]", b"\xff"])
def test_a_body_that_is_no_array_is_asked_again(body: bytes) -> None:
    """It was cut on its way, or is somebody else's page: no record's fault."""
    with pytest.raises(RetryableError, match="not a JSON array"):
        READER.read(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T04:00:00.000+0000", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T04:00:00.123-0500", datetime(2026, 3, 1, 9, 0, 0, 123000, tzinfo=UTC)),
        ("2026-03-01T04:00:00Z", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("1970-01-01T00:00:00.000+0000", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_instant(text: str, expected: datetime) -> None:
    """Toast's form, in UTC."""
    assert (instant(text, "x"), instant(text, "x").tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-03-01", "2026-03-01T04:00:00.000", "0001-01-01T00:00:00.000+1200", "9999-12-31T23:00:00.000-1200"]
)
def test_what_is_no_instant(text: str) -> None:
    """Nor one that no business day can be worked out for; all as one kind of error."""
    with pytest.raises(ValueError, match=re.escape(f"'{text}' is no time with an offset - at `$.date`")):
        instant(text, "date")


@pytest.mark.parametrize("given", ["20260301", 20260301])
def test_a_day(given: str | int) -> None:
    """As text or number."""
    assert day_of(given) == date(2026, 3, 1)


@pytest.mark.parametrize("given", ["2026-03-01", "20260230", 2026031, "", 0, -20260301, "00000101", 99991231, "20260301 "])
def test_what_is_no_day(given: str | int) -> None:
    """With the place it was found at."""
    with pytest.raises(ValueError, match=r"is no date as yyyymmdd - at `\$\.businessDate`$"):
        day_of(given)


@pytest.mark.parametrize(
    ("number", "expected"),
    [("1.00005", "1.0000"), ("1.00015", "1.0002"), ("-1.00005", "-1.0000"), ("9999999999999", "9999999999999.0000"), ("1e-400", "0.0000")],
)
def test_four_places_half_to_even(number: str, expected: str) -> None:
    """As the column has them."""
    assert str(exact(Decimal(number))).lstrip("-") == expected.lstrip("-")
    assert exact(None) is None


@pytest.mark.parametrize("number", ["10000000000000", "-1e13", "NaN", "sNaN", "Infinity", "1e999999"])
def test_what_no_column_of_money_holds(number: str) -> None:
    """Too large, or no number."""
    with pytest.raises(ValueError, match=r"is too large - at `\$\.amount`$"):
        exact(Decimal(number), "amount")


@pytest.mark.parametrize(
    ("raw", "day", "expected"),
    [
        (b'{"guid":"a","businessDate":"20260302"}', date(2026, 3, 1), ("a", date(2026, 3, 1))),
        (b'{"guid":"a","businessDate":"20260302"}', None, ("a", date(2026, 3, 2))),
        (b'{"guid":"","businessDate":20260302}', None, (None, date(2026, 3, 2))),
        (b'{"guid":7,"businessDate":"soon"}', None, (None, None)),
        (b"{}", None, (None, None)),
        (b"[1]", None, (None, None)),
    ],
)
def test_a_rejected_record_has_its_id_and_day_where_known(raw: bytes, day: date | None, expected: tuple[str | None, date | None]) -> None:
    """The day it was asked by, else the one it names; and its JSON as it came."""
    one = unfit_record(raw, str(unfit("too much", "amount")), restaurant_guid="here", day=day, copy=3)

    assert (one.record_guid, one.business_date) == expected
    assert (one.restaurant_guid, one.field, one.reason, one.copy) == ("here", "$.amount", "too much", 3)
    assert json.loads(one.record_json) == json.loads(raw)


def test_text_from_outside_cannot_do_more_than_be_read() -> None:
    """Control characters are gone from the reason, guests' data from the JSON."""
    one = unfit_record(
        b'{"guid":"a","customer":{"phone":"555-0100"}}', "\x1b[31m red - at `$.a\x07`", restaurant_guid="here", day=None, copy=0
    )

    assert (one.field, one.reason) == ("$.a ", " [31m red")
    assert "555-0100" not in one.record_json
