"""A body that is a JSON array of records, each read alone when they cannot be read together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Generic, TypeVar

import msgspec
import pyarrow as pa

from restaurant_os.batch import Rejected
from restaurant_os.errors import RetryableError
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import PLACES, TableSpec
from restaurant_os.text import printable

#: Guests' and card data (Toast: scopes guest.pi:read and delivery_info.address:read; Payment's card digits): cut before anything is kept.
PRIVATE_FIELDS = frozenset(
    {
        "customer",
        "deliveryInfo",
        "curbsidePickupInfo",
        "appliedLoyaltyInfo",
        "loyaltyDetails",
        "first6Digits",
        "last4Digits",
        "cardPaymentId",
        "tabName",
        "giftCardInfo",
        "receiptToken",
        "tenderTransactionGuid",
        "networkTransactionIdentifier",
    }
)
T = TypeVar("T")
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
#: Of a record: beyond them a business day cannot be worked out, and no restaurant was there.
YEARS = range(1970, 2200)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that does not fit its type."""

    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Records(Generic[T]):
    """`sources`: the JSON of each good one, asked for when it turns out that one cannot be laid out."""

    good: list[T]
    bad: list[Unreadable]
    sources: Callable[[], Sequence[bytes]]


class RecordReader(Generic[T]):
    """Reads arrays of one type of record."""

    def __init__(self, kind: type[T]) -> None:
        self._all = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        self._one = msgspec.json.Decoder(kind)

    def read(self, body: bytes) -> Records[T]:
        """
        Raises:
            RetryableError: the body is not a JSON array: cut on its way, or a web page.
        """
        try:
            return Records(self._all.decode(body), [], lambda: records_of(body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._each(records_of(body))

    def _each(self, records: Sequence[bytes]) -> Records[T]:
        sources: list[bytes] = []
        found: Records[T] = Records([], [], lambda: sources)
        for raw in records:
            try:
                found.good.append(self._one.decode(raw))
                sources.append(raw)
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                found.bad.append(Unreadable(raw, str(problem)))
        return found


def records_of(body: bytes) -> list[bytes]:
    """The records of an array, each as JSON of its own.

    Half of a surrogate pair fails the quick way for the whole array; the slow one lets it fail in its own record, as it does a byte
    that is no UTF-8: what was replaced must not pass for what was sent.

    Raises:
        RetryableError: the body is not a JSON array.
    """
    try:
        return [bytes(raw) for raw in _RAW.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        try:
            found = json.loads(body.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list):
            raise RetryableError(f"the answer is not a JSON array of records: {printable(problem, 120)}") from None
        return [json.dumps(record).replace("\\ufffd", "\\ud800").encode() for record in found]


def instant(text: str, field: str) -> datetime:
    """Toast's `2026-03-01T04:00:00.000+0000` as a UTC instant. `field`: whose it is, for the reason why not.

    Raises:
        ValueError: it is no time, one without an offset, or none that any record can be of.
    """
    try:
        found = datetime.fromisoformat(text)
        is_known = found.tzinfo is not None and found.year in YEARS
    except ValueError:
        is_known = False
    if not is_known:
        raise unfit(f"'{printable(text, 60)}' is no time with an offset", field)
    return found.astimezone(UTC)


def day_of(text: str | int) -> date:
    """`20260301`, as text or number.

    Raises:
        ValueError: it is no date, or none that any record can be of.
    """
    digits = str(text)
    if re.fullmatch(r"[0-9]{8}", digits) and int(digits[:4]) in YEARS:
        with suppress(ValueError):
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    raise unfit(f"'{printable(digits, 40)}' is no date as yyyymmdd", "businessDate")


def exact(number: Decimal | None, field: str = "") -> Decimal | None:
    """A number of the API to four places, half to even; None stays None.

    Raises:
        ValueError: it is too large for a column of money, or no number.
    """
    if number is None:
        return None
    if not number.is_finite() or abs(number) >= 10**13:
        raise unfit(f"{printable(number, 40)} is too large", field)
    return number.quantize(PLACES, ROUND_HALF_EVEN)


def unfit(reason: str, field: str) -> ValueError:
    """Why a record cannot be laid out, and where in it: in the words of the decoder."""
    return ValueError(f"{reason} - at `$.{field}`" if field else reason)


def fields_of(raw: bytes) -> dict[str, Any]:
    """What a record holds, texts that are no Unicode too; nothing where it is no object."""
    record = _parsed(raw)
    return record if isinstance(record, dict) else {}


def _parsed(raw: bytes) -> object:
    return json.loads(raw.decode("utf-8", "replace"))


def rejected(raw: bytes, field: str, reason: str, *, restaurant_guid: str, day: date | None, copy: int) -> Rejected:
    """A record that cannot be read, ready for quarantine. `day`: its business date, where known."""
    guid = fields_of(raw).get("guid")
    return Rejected(
        restaurant_guid=restaurant_guid,
        record_guid=guid if isinstance(guid, str) and guid else None,
        business_date=day,
        field=printable(field, 200),
        reason=printable(reason, 500),
        record_json=json.dumps(without_private(_parsed(raw)), separators=(",", ":")),
        copy=copy,
    )


def unfit_record(raw: bytes, reason: str, *, restaurant_guid: str, day: date | None, copy: int) -> Rejected:
    """A record of a list that cannot be read, for the decoder's reason or ours (`unfit`). `day`: that it was asked by, else the one it names."""
    message, _, where = reason.partition(" - at ")
    day = day or _named_day(fields_of(raw))
    return rejected(raw, where.strip("`"), message, restaurant_guid=restaurant_guid, day=day, copy=copy)


def without_private(record: Any) -> Any:
    """The record with guests' and card data cut, at any depth."""
    if isinstance(record, dict):
        return {key: None if key in PRIVATE_FIELDS else without_private(value) for key, value in record.items()}
    if isinstance(record, list):
        return [without_private(value) for value in record]
    return record


def _named_day(fields: Mapping[str, Any]) -> date | None:
    try:
        return day_of(fields.get("businessDate", ""))
    except ValueError:
        return None


def staged(spec: TableSpec, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows by column name as the table is staged."""
    return pa.RecordBatch.from_pylist(list(rows), schema=staged_schema(spec))
