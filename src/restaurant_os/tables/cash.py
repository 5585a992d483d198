"""The tables of the dataset cash. API fields are of Toast's Cash Management API v1 (`CashEntry`, `CashDeposit`).

An entry carries no business date of its own: it has the one it was asked by (reference, section 4).
"""

from __future__ import annotations

from restaurant_os.tables.spec import COUNT, DATE, FLAG, INSTANT, LOADED_AT, MONEY, TEXT, Column, TableSpec, loaded_at

_RESTAURANT_GUID = Column("restaurant_guid", TEXT, "Toast-Restaurant-External-ID", "The location.")
_BUSINESS_DATE = Column("business_date", DATE, "ours", "The business date it was read by.")
_IS_DELETED = Column("is_deleted", FLAG, "ours", "A later whole read of its day no longer had it.")
_READ_SEQ = Column(
    "read_seq", COUNT, "ours", "The version: the location's read sequence, taken before the request; a greater one replaces the day's set."
)
#: A read that brings the same row again writes nothing.
_INCIDENTAL = ("read_seq", LOADED_AT)

FACT_CASH_ENTRIES = TableSpec(
    name="fact_cash_entries",
    meaning="One row per movement of cash in a drawer or a server's bank, no-sale openings and close-outs among them.",
    key=("restaurant_guid", "cash_entry_guid"),
    role="day_set",
    version="read_seq",
    incidental=_INCIDENTAL,
    columns=(
        Column("cash_entry_guid", TEXT, "CashEntry.guid", "The entry."),
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        Column("employee_guid", TEXT, "CashEntry.employee1.guid", "Who did it."),
        Column("entry_type", TEXT, "CashEntry.type", "CASH_IN, CASH_OUT, CASH_COLLECTED, PAY_OUT, TIP_OUT, NO_SALE, CLOSE_OUT_EXACT, ..."),
        Column("amount", MONEY, "CashEntry.amount", "Cash in is positive, cash out negative."),
        Column("reason", TEXT, "CashEntry.reason", "Why, as Toast names it."),
        Column("notes", TEXT, "ours", "Free text: Toast tells none, so null."),
        Column("cash_drawer_guid", TEXT, "CashEntry.cashDrawer.guid", "The drawer; null for a server's bank."),
        Column("entry_date", INSTANT, "CashEntry.date", "When."),
        loaded_at(),
        Column("undoes_guid", TEXT, "CashEntry.undoes", "The entry this one undoes, which may be of another day."),
        Column("approver_guid", TEXT, "CashEntry.employee2.guid", "Who approved it, or the subject of a shift review."),
        Column("payout_reason_guid", TEXT, "CashEntry.payoutReason.guid", "Reason of a pay-out."),
        Column("no_sale_reason_guid", TEXT, "CashEntry.noSaleReason.guid", "Reason of a no-sale opening."),
        _IS_DELETED,
        _READ_SEQ,
    ),
)

FACT_CASH_DEPOSITS = TableSpec(
    name="fact_cash_deposits",
    meaning="One row per deposit of cash.",
    key=("restaurant_guid", "deposit_guid"),
    role="day_set",
    version="read_seq",
    incidental=_INCIDENTAL,
    columns=(
        Column("deposit_guid", TEXT, "CashDeposit.guid", "The deposit."),
        _RESTAURANT_GUID,
        _BUSINESS_DATE,
        Column("deposit_date", INSTANT, "CashDeposit.date", "When it was made."),
        Column("deposit_amount", MONEY, "CashDeposit.amount", "Amount; always positive, one that undoes another takes it back."),
        Column("cash_amount", MONEY, "CashDeposit.amount", "Its part in cash: all of it, Toast tells no parts."),
        Column("check_amount", MONEY, "ours", "Its part in paper checks: null, Toast tells no parts."),
        loaded_at(),
        Column("undoes_guid", TEXT, "CashDeposit.undoes", "The deposit this one undoes."),
        Column("employee_guid", TEXT, "CashDeposit.employee.guid", "Who made it."),
        _IS_DELETED,
        _READ_SEQ,
    ),
)

CASH_TABLES: tuple[TableSpec, ...] = (FACT_CASH_ENTRIES, FACT_CASH_DEPOSITS)
