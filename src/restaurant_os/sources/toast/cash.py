"""Cash entries and deposits of one location, a business date at a time.

Source: Toast Cash Management API v1 (reference, section 4): `businessDate` is the only filter, and required, on both endpoints; there
are no pages. An entry carries no version, so the rows of a day are a set that a whole read replaces.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from restaurant_os.batch import COPY, Batch, DaySet, Rejected
from restaurant_os.sources.toast.client import CASH
from restaurant_os.sources.toast.model import Guid, Part, Ref
from restaurant_os.sources.toast.reading import Reading
from restaurant_os.sources.toast.records import RecordReader, Records, exact, instant, staged, unfit_record
from restaurant_os.tables import FACT_CASH_DEPOSITS, FACT_CASH_ENTRIES, TableSpec

ENTRIES_PATH = "/cashmgmt/v1/entries"
DEPOSITS_PATH = "/cashmgmt/v1/deposits"
SCOPE = "cashmgmt:read"

Row = dict[str, Any]


class CashEntry(Part):
    """spec:cash-management CashEntry; `undoes` is a string, not a reference (reference, section 9, 20)."""

    guid: Guid
    type: str
    date: str
    amount: Decimal
    reason: str | None = None
    cash_drawer: Ref | None = None
    payout_reason: Ref | None = None
    no_sale_reason: Ref | None = None
    undoes: str | None = None
    employee1: Ref | None = None
    employee2: Ref | None = None
    creator_or_shift_review_subject: Ref | None = None
    approver_or_shift_review_subject: Ref | None = None


class CashDeposit(Part):
    """spec:cash-management CashDeposit."""

    guid: Guid
    amount: Decimal
    date: str
    undoes: str | None = None
    employee: Ref | None = None
    creator: Ref | None = None


_ENTRIES: RecordReader[CashEntry] = RecordReader(CashEntry)
_DEPOSITS: RecordReader[CashDeposit] = RecordReader(CashDeposit)
#: Of the whole process: a later row of a record has the greater number.
_copies = itertools.count()


@dataclass(frozen=True, slots=True)
class _List:
    """One of the two endpoints: where, how its records are read and laid out."""

    path: str
    table: TableSpec
    reader: RecordReader[Any]
    row: Callable[[Any], Row]


def _guid(ref: Ref | None) -> str | None:
    return ref.guid if ref else None


def entry_row(entry: CashEntry) -> Row:
    """A cash entry's own columns. `employee1` and `employee2` are the older names of the two people (reference, section 4)."""
    return {
        "cash_entry_guid": entry.guid,
        "employee_guid": _guid(entry.employee1 or entry.creator_or_shift_review_subject),
        "entry_type": entry.type,
        "amount": exact(entry.amount, "amount"),
        "reason": entry.reason,
        "notes": None,
        "cash_drawer_guid": _guid(entry.cash_drawer),
        "entry_date": instant(entry.date, "date"),
        "undoes_guid": entry.undoes or None,
        "approver_guid": _guid(entry.employee2 or entry.approver_or_shift_review_subject),
        "payout_reason_guid": _guid(entry.payout_reason),
        "no_sale_reason_guid": _guid(entry.no_sale_reason),
    }


def deposit_row(deposit: CashDeposit) -> Row:
    """A deposit's own columns."""
    amount = exact(deposit.amount, "amount")
    return {
        "deposit_guid": deposit.guid,
        "deposit_date": instant(deposit.date, "date"),
        "deposit_amount": amount,
        "cash_amount": amount,
        "check_amount": None,
        "undoes_guid": deposit.undoes or None,
        "employee_guid": _guid(deposit.employee or deposit.creator),
    }


LISTS = (_List(ENTRIES_PATH, FACT_CASH_ENTRIES, _ENTRIES, entry_row), _List(DEPOSITS_PATH, FACT_CASH_DEPOSITS, _DEPOSITS, deposit_row))


@dataclass(slots=True)
class CashRead(Reading):
    """One business date of cash being read.

    `has_rows(table, day)`: whether the warehouse holds rows of that day. An empty answer for such a day is asked a second time before
    it is believed: to empty a day on the word of one answer is more than it should be able to do.
    """

    read_seq: int
    has_rows: Callable[[str, date], bool]

    def __iter__(self) -> Iterator[Batch]:
        day = self.window.business_date
        if day is None:
            raise ValueError(f"cash is asked by business date alone, not by {self.window}")
        self.passes = 1
        for kind in LISTS:
            found = self._ask(kind, day)
            if not found.good and not found.bad and self.has_rows(kind.table.name, day):
                found = self._ask(kind, day)
            yield self._batch(kind, day, found)

    def _ask(self, kind: _List, day: date) -> Records[Any]:
        answers: list[Records[Any]] = []
        self.client.get(
            kind.path,
            endpoint=CASH,
            location=self.location.toast_guid,
            scope=SCOPE,
            params={"businessDate": f"{day:%Y%m%d}"},
            accept=lambda body: answers.append(kind.reader.read(body)),
        )
        self.pages += 1
        return answers[-1]

    def _batch(self, kind: _List, day: date, found: Records[Any]) -> Batch:
        shared = {"restaurant_guid": self.location.toast_guid, "business_date": day, "is_deleted": False, "read_seq": self.read_seq}
        rows: list[Row] = []
        unread = [self._rejected(bad.raw, day, bad.reason) for bad in found.bad]
        for nth, record in enumerate(found.good):
            try:
                rows.append({**kind.row(record), **shared, COPY: next(_copies)})
            except ValueError as problem:
                unread.append(self._rejected(found.sources()[nth], day, str(problem)))
        self.rejected += len(unread)
        self.versions |= {row[kind.table.key[1]]: str(self.read_seq) for row in rows}
        whole = () if unread else (DaySet(kind.table.name, self.location.toast_guid, day, self.read_seq),)
        return Batch({kind.table.name: staged(kind.table, rows)}, tuple(unread), day_sets=whole)

    def _rejected(self, raw: bytes, day: date, reason: str) -> Rejected:
        return unfit_record(raw, reason, restaurant_guid=self.location.toast_guid, day=day, copy=next(_copies))
