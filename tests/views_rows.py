"""Rows made by hand for tests of the views: each helper writes one row of a table, with everything a test does not name left plain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from restaurant_os.tables import BY_NAME, COUNT, FLAG, MONEY
from restaurant_os.warehouse.duckdb import ensure_schema

HERE = "north"
DAY = date(2026, 3, 10)
OPENS = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


def at(hours: float) -> datetime:
    """An instant so many hours after DAY began."""
    return OPENS + timedelta(hours=hours)


def dec(value: str | int) -> Decimal:
    """As the warehouse gives it: four places."""
    return Decimal(value).quantize(Decimal("0.0001"))


@cache
def _warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    ensure_schema(connection, Path("memory"))
    return connection


@contextmanager
def own_rows() -> Iterator[Rows]:
    """Empty tables under all views; what is written is gone afterwards."""
    connection = _warehouse()
    connection.execute("BEGIN")
    try:
        yield Rows(connection)
    finally:
        connection.execute("ROLLBACK")


class Rows:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._last = 0

    # --- reading ------------------------------------------------------------------------------------------------------

    def all(self, view: str, *order: str, **where: Any) -> list[Row]:
        """Rows of a view as dictionaries, of those columns' values alone, in that order."""
        wanted = "".join(f" AND {name} = ?" for name in where)
        sorting = f" ORDER BY {', '.join(order)}" if order else ""
        found = self.connection.execute(f"SELECT * FROM {view} WHERE true{wanted}{sorting}", list(where.values()))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, view: str, **where: Any) -> Row:
        [row] = self.all(view, **({"business_date": DAY} | where))
        return row

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(self, table: str, **values: Any) -> str:
        """A row: flags are false and amounts null unless given; the id of the row where it is not given."""
        spec = BY_NAME[table]
        row: Row = dict.fromkeys(spec.names)
        row |= {column.name: False for column in spec.columns if column.type == FLAG}
        row |= {column.name: 0 for column in spec.columns if column.type == COUNT and column.name in spec.key}
        self._last += 1
        own = f"{table}-{self._last}"
        row |= {name: own for name in spec.key if name.endswith(("_guid", "_id")) and name != "restaurant_guid"}
        row |= {name: value for name, value in {"restaurant_guid": HERE, "business_date": DAY, "source": "toast"}.items() if name in row}
        if unknown := values.keys() - row.keys():
            raise KeyError(f"{table} has no {unknown}")
        row |= {
            name: Decimal(value) if isinstance(value, str | int) and spec.schema.field(name).type == MONEY else value
            for name, value in values.items()
        }
        names = ", ".join(row)
        self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        return own

    def day(
        self, day: date = DAY, hours: int = 24, week: date = date(2026, 3, 9), opens: datetime | None = None, salaries: str | None = None
    ) -> None:
        """A business day of the calendar with its hours."""
        begins = opens or OPENS + (day - DAY)
        self.add(
            "dim_business_days",
            business_date=day,
            starts_at=begins,
            ends_at=begins + hours * HOUR,
            hours=hours,
            week_start=week,
            salaried_cost=salaries,
        )
        for hour in range(hours):
            share = None if salaries is None else str(Decimal(salaries) / hours)
            starts = begins + hour * HOUR
            self.add(
                "dim_business_hours",
                business_date=day,
                business_hour=hour,
                starts_at=starts,
                ends_at=starts + HOUR,
                local_hour=(4 + hour) % 24,
                salaried_cost=share,
            )

    def read(self, dataset: str, started: datetime, day: date = DAY, **values: Any) -> None:
        """A whole read of a business date."""
        self.add(
            "sync_runs",
            **(
                {"dataset": dataset, "window_kind": "business_date", "business_date": day, "started_at": started, "status": "done"} | values
            ),
        )

    def followed(self, dataset: str, start: datetime, end: datetime, **values: Any) -> None:
        """A window of changes."""
        window = {"window_start": start, "window_end": end, "started_at": end, "business_date": None}
        self.add("sync_runs", **({"dataset": dataset, "window_kind": "modified", "status": "done"} | window | values))

    def closed_day(self, *datasets: str, **values: Any) -> None:
        """DAY, read whole an hour after it ended."""
        self.day(**values)
        for dataset in datasets or ("orders", "labor", "cash"):
            self.read(dataset, at(25))

    def order(self, *, day: date = DAY, counted: bool = True, **values: Any) -> str:
        return self.add("fact_orders", **({"business_date": day, "is_counted": counted, "opened_at": at(3)} | values))

    def check(self, order: str, *, day: date = DAY, counted: bool = True, hour: int | None = 3, **values: Any) -> str:
        own = {"order_guid": order, "business_date": day, "is_counted": counted, "business_hour": hour, "payment_status": "CLOSED"}
        return self.add("fact_checks", **(own | values))

    def line(
        self,
        order: str,
        check: str,
        gross: str,
        net: str | None = None,
        *,
        day: date = DAY,
        sale: bool = True,
        hour: int | None = 3,
        **values: Any,
    ) -> str:
        price = gross if net is None else net
        own = {"order_guid": order, "check_guid": check, "business_date": day, "is_sale": sale, "business_hour": hour, "item_quantity": 1.0}
        amounts = {"pre_discount_price": gross, "item_price": price, "net_amount": price if sale else "0"}
        return self.add("fact_order_items", **(own | amounts | values))

    def payment(
        self,
        order: str,
        check: str,
        amount: str,
        tip: str = "0",
        *,
        kind: str = "CREDIT",
        day: date = DAY,
        paid: date | None = None,
        counted: bool = True,
        **values: Any,
    ) -> str:
        own = {"order_guid": order, "check_guid": check, "business_date": day, "is_counted": counted, "payment_type": kind}
        return self.add("fact_payments", **(own | {"amount": amount, "tip_amount": tip, "paid_business_date": paid or day} | values))

    def refund(
        self, order: str, check: str, amount: str, net: str, *, on: date = DAY, day: date = DAY, kind: str = "CREDIT", **values: Any
    ) -> str:
        own = {
            "order_guid": order,
            "check_guid": check,
            "business_date": day,
            "refund_business_date": on,
            "is_counted": True,
            "payment_type": kind,
        }
        return self.add(
            "fact_refunds",
            **(own | {"refund_amount": amount, "net_amount": net, "tip_amount": "0", "tax_amount": "0", "other_amount": "0"} | values),
        )

    def charge(self, order: str, check: str, amount: str, **values: Any) -> str:
        return self.add(
            "fact_service_charges", **({"order_guid": order, "check_guid": check, "charge_amount": amount, "is_counted": True} | values)
        )

    def discount(self, order: str, check: str, amount: str, kind: str = "comp", **values: Any) -> str:
        own = {"order_guid": order, "check_guid": check, "selection_guid": "", "kind": kind, "discount_amount": amount, "is_counted": True}
        return self.add("fact_order_discounts", **(own | values))

    def sale(self, gross: str = "100", net: str | None = None, *, day: date = DAY, hour: int | None = 3, **values: Any) -> tuple[str, str]:
        """An order with one check and one line."""
        order = self.order(day=day, **values)
        check = self.check(order, day=day, hour=hour)
        self.line(order, check, gross, net, day=day, hour=hour)
        return order, check

    def punch(self, *, day: date = DAY, **values: Any) -> str:
        """A time entry; open unless an `out_date` is given."""
        own = {
            "business_date": day,
            "in_date": at(2),
            "hourly_wage": "20",
            "is_open": values.get("out_date") is None,
            "is_counted": True,
            "job_title": "Cook",
        }
        return self.add("fact_labor_shifts", **(own | values))

    def worked(
        self,
        entry: str,
        hour: int,
        regular: str,
        overtime: str = "0",
        *,
        pay: str = "0",
        overtime_pay: str = "0",
        day: date = DAY,
        **values: Any,
    ) -> None:
        """What a closed entry worked in an hour."""
        amounts = {"regular_hours": regular, "overtime_hours": overtime, "regular_pay": pay, "overtime_pay": overtime_pay}
        own = {"time_entry_guid": entry, "business_hour": hour, "business_date": day, "is_counted": True, "job_title": "Cook"}
        self.add("fact_labor_hours", **(own | amounts | values))

    def shift(self, hours: str = "1", pay: str = "20", *, hour: int = 3, day: date = DAY, **values: Any) -> str:
        """A closed entry of one hour."""
        shared = {name: values[name] for name in ("job_title", "is_salaried", "is_counted") if name in values}
        entry = self.punch(day=day, out_date=at(4), **values)
        self.worked(entry, hour, hours, pay=pay, day=day, **shared)
        return entry

    def rest(self, entry: str, start: datetime, end: datetime | None, **values: Any) -> None:
        self._last += 1
        self.add("fact_labor_breaks", **({"time_entry_guid": entry, "ordinal": self._last, "in_date": start, "out_date": end} | values))

    def cash(self, kind: str, amount: str = "0", *, day: date = DAY, **values: Any) -> str:
        return self.add("fact_cash_entries", **({"entry_type": kind, "amount": amount, "business_date": day} | values))

    def deposit(self, amount: str, *, day: date = DAY, undoes: str | None = None, **values: Any) -> str:
        return self.add("fact_cash_deposits", **({"deposit_amount": amount, "business_date": day, "undoes_guid": undoes} | values))
