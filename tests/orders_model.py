"""What a warehouse of orders must hold, in plain Python: one dict per order, no SQL, no stage.

The rules are the design's (section 4): newer wins, an older version never overwrites, a newer one replaces all children, what
is no longer there stays flagged deleted on the order's present day, an earlier refund of a payment that shows a later one is
retained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from orders_world import Rows
from restaurant_os.tables import BY_NAME, LOADED_AT, ORDER_TABLES

Row = dict[str, Any]
Key = tuple[Any, ...]
HEADER, *CHILDREN = (spec.name for spec in ORDER_TABLES)
REFUNDS = "fact_refunds"


def key_of(table: str, row: Row) -> Key:
    return tuple(row[name] for name in BY_NAME[table].key)


@dataclass
class Held:
    """One order as stored."""

    header: Row
    children: dict[str, dict[Key, Row]]


@dataclass
class Outcome:
    """Which orders a commit added and changed, and the days it must name: those the orders are on, left, or gave money back on."""

    added: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


@dataclass
class Model:
    orders: dict[str, Held] = field(default_factory=dict)

    def commit(self, copies: list[Rows], loaded_at: datetime) -> Outcome:
        """`copies`: the rows of one order each, in the order they were read."""
        outcome = Outcome()
        newest: dict[str, Rows] = {}
        for found in copies:
            [header] = found[HEADER]
            guid = header["order_guid"]
            if guid not in newest or not beats(newest[guid][HEADER][0], header):
                newest[guid] = found
        for guid, found in newest.items():
            held = self.orders.get(guid)
            header = found[HEADER][0]
            if held is None:
                self.orders[guid] = Held(
                    header | {LOADED_AT: loaded_at},
                    {table: {key_of(table, row): row | {LOADED_AT: loaded_at} for row in found[table]} for table in CHILDREN},
                )
                outcome.added.add(guid)
            elif header["modified_at"] > held.header["modified_at"]:
                self._replace(held, found, loaded_at)
                outcome.changed.add(guid)
        return outcome

    def _replace(self, held: Held, found: Rows, loaded_at: datetime) -> None:
        header = found[HEADER][0]
        held.header = header | {LOADED_AT: loaded_at}
        for table in CHILDREN:
            before = held.children[table]
            brought = found[table]
            if table == REFUNDS:
                seen = {row["refund_transaction_guid"] for row in before.values() if not row["is_inferred"]}
                brought = [row for row in brought if not (row["is_inferred"] and row["refund_transaction_guid"] in seen)]
            after = {key_of(table, row): row | {LOADED_AT: loaded_at} for row in brought}
            left = {key: row for key, row in before.items() if key not in after}
            for key, row in left.items():
                gone = row | {"business_date": header["business_date"]}
                standing = retained_by(row, brought) if table == REFUNDS else None
                if standing is not None:
                    gone["is_counted"] = row["is_counted"] and standing["is_counted"]
                else:
                    if not row["is_deleted"]:
                        gone |= {"is_deleted": True, "modified_at": header["modified_at"], LOADED_AT: loaded_at}
                    if "is_counted" in row:
                        gone["is_counted"] = row["is_counted"] and header["is_counted"]
                after[key] = gone
            held.children[table] = after

    def rows(self, table: str) -> list[Row]:
        if table == HEADER:
            found = [held.header for held in self.orders.values()]
        else:
            found = [row for held in self.orders.values() for row in held.children[table].values()]
        return sorted(found, key=lambda row: key_of(table, row))


def retained_by(refund: Row, brought: list[Row]) -> Row | None:
    """The later refund of the same payment that took `refund`'s place in the API; None when there is none."""
    later = [row for row in brought if row["payment_guid"] == refund["payment_guid"]]
    if refund["is_inferred"] and any(row["refund_transaction_guid"] == refund["refund_transaction_guid"] for row in brought):
        return None  # known of another payment by now
    return later[0] if later else None


def beats(one: Row, other: Row) -> bool:
    """Whether copy `one` wins over the copy `other` that was read after it."""
    return rank(one) > rank(other)


def rank(header: Row) -> tuple[datetime, bool, datetime]:
    """Newest version first; of one version the API read that began last, and a webhook after any read."""
    return header["modified_at"], header["read_at"] is not None, header["read_at"] or header["modified_at"]


def live(rows: list[Row], *without: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name not in without} for row in rows if not row["is_deleted"]]


Day = tuple[str, date]
