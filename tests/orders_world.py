"""Orders as Toast's JSON, built by hand, and the short way from them into a warehouse.

Every builder gives a plain dict that a test may change before it is sent; money is given as the number the JSON shall hold.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from restaurant_os.batch import Batch, Rejected
from restaurant_os.businessday import BusinessDay
from restaurant_os.settings import Location
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.decode import OrderDecoder
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Changes, Commit, LoadMode, SyncRun, Warehouse
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file

Json = dict[str, Any]
Rows = dict[str, list[dict[str, Any]]]

NORTH = Location(name="North", toast_guid="aaaaaaaa-0000-4000-8000-000000000001", timezone="America/New_York", closeout_hour=4)
SOUTH = Location(name="South", toast_guid="aaaaaaaa-0000-4000-8000-000000000002", timezone="America/Los_Angeles", closeout_hour=3)
NEW_YORK = BusinessDay(ZoneInfo("America/New_York"), 4)
OPENED = "2026-03-01T23:10:00.000+0000"
#: When the version numbered 0 of any order came to be.
FIRST_VERSION = datetime(2026, 3, 2, 9, tzinfo=UTC)


# --- orders as JSON ---------------------------------------------------------------------------------------------------


def ref(guid: str) -> Json:
    return {"guid": guid, "entityType": "Thing", "externalId": None}


def version_time(number: int) -> str:
    """The modifiedDate of an order's version: one second apart."""
    return api_time(FIRST_VERSION + timedelta(seconds=number))


def api_time(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}+0000"


def selection(guid: str, price: float | None = 10.0, **fields: Any) -> Json:
    return {
        "guid": guid,
        "displayName": guid,
        "quantity": 1,
        "preDiscountPrice": price,
        "price": price,
        "tax": 0,
        "modifiers": [],
        **fields,
    }


def payment(guid: str, amount: float | None = 10.0, **fields: Any) -> Json:
    return {"guid": guid, "type": "CREDIT", "amount": amount, "tipAmount": 0, "refund": None, "voidInfo": None, **fields}


def refund(transaction: str | None, amount: float, day: int = 20260305, **fields: Any) -> Json:
    """Payment.refund."""
    return {
        "refundAmount": amount,
        "tipRefundAmount": 0,
        "refundDate": None,
        "refundBusinessDate": day,
        "refundTransaction": ref(transaction) if transaction else None,
        **fields,
    }


def refund_details(transaction: str | None, amount: float, tax: float = 0) -> Json:
    """Selection.refundDetails, AppliedServiceCharge.refundDetails."""
    return {"refundAmount": amount, "taxRefundAmount": tax, "refundTransaction": ref(transaction) if transaction else None}


def discount(guid: str, amount: float = 1.0, **fields: Any) -> Json:
    return {"guid": guid, "name": "Promo", "discountAmount": amount, "nonTaxDiscountAmount": amount, **fields}


def charge(guid: str, amount: float = 3.0, **fields: Any) -> Json:
    return {
        "guid": guid,
        "name": "Delivery",
        "chargeAmount": amount,
        "gratuity": False,
        "serviceChargeCategory": "SERVICE_CHARGE",
        **fields,
    }


def check(guid: str, selections: Sequence[Json] = (), payments: Sequence[Json] = (), **fields: Any) -> Json:
    """A check whose amount follows from its lines and charges."""
    charges = fields.get("appliedServiceCharges") or []
    amount = sum(line["price"] or 0 for line in selections if not line.get("voided"))
    amount += sum(c["chargeAmount"] or 0 for c in charges if not c.get("gratuity"))
    given = {"guid": guid, "amount": amount, "taxAmount": 0, "totalAmount": amount, "paymentStatus": "CLOSED"}
    return {**given, "selections": list(selections), "payments": list(payments), "appliedDiscounts": [], **fields}


def order(guid: str, checks: Sequence[Json] = (), version: int = 0, day: int | None = 20260301, **fields: Any) -> Json:
    given = {"guid": guid, "businessDate": day, "modifiedDate": version_time(version), "openedDate": OPENED, "createdDate": OPENED}
    return {**given, "source": "In Store", "voided": False, "deleted": False, "checks": list(checks), **fields}


def changed(record: Json, version: int | None = None, **fields: Any) -> Json:
    """A copy of an order with other fields, as its version `version` where one is given."""
    own = copy.deepcopy(record) | fields
    return own if version is None else own | {"modifiedDate": version_time(version)}


def page(*orders: Json) -> bytes:
    return json.dumps(list(orders)).encode()


# --- pages into rows --------------------------------------------------------------------------------------------------


def decoder(location: Location = NORTH, discount_kinds: Mapping[str, str] | None = None) -> OrderDecoder:
    return OrderDecoder(restaurant_guid=location.toast_guid, rule=location.business_day, discount_kinds=discount_kinds or {})


def decoded(*orders: Json, read_at: str | None = None, location: Location = NORTH) -> Batch:
    """The batch of one page; fails when one of its orders cannot be read."""
    batch = decoder(location).page(page(*orders), read_at=read_at)
    assert batch.rejected == ()
    return batch


def flat(*orders: Json, read_at: str | None = None, location: Location = NORTH) -> Rows:
    """Rows of every order table, as dicts, as they would be staged."""
    return {name: rows.to_pylist() for name, rows in decoded(*orders, read_at=read_at, location=location).tables.items()}


def together(batches: Iterable[Batch]) -> dict[str, pa.Table]:
    """Batches of one decoder as the tables of one commit."""
    found = list(batches)
    return {spec.name: pa.Table.from_batches([batch.tables[spec.name] for batch in found], staged_schema(spec)) for spec in ORDER_TABLES}


# --- into a warehouse -------------------------------------------------------------------------------------------------


def open_warehouse(folder: Path, now: datetime = FIRST_VERSION) -> DuckDBWarehouse:
    """A warehouse with every table and view, and nothing in them."""
    path = folder / "test.duckdb"
    path.write_bytes(empty_file())
    return DuckDBWarehouse(path, wait_seconds=5, memory_limit="128MB", now=lambda: now)


def orders_commit(
    *pages: Sequence[Json],
    read_at: str | None = "2026-03-10T00:00:00.000+0000",
    mode: LoadMode = "merge",
    location: Location = NORTH,
    runs: Sequence[SyncRun] = (),
) -> Commit:
    """Pages as one commit. `read_at`: when the API read that brought them began; None for a webhook."""
    own = decoder(location)
    batches = [own.page(page(*orders), read_at=read_at) for orders in pages]
    rejected: list[Rejected] = [one for batch in batches for one in batch.rejected]
    return Commit(
        dataset="orders",
        restaurant_guids=(location.toast_guid,),
        tables=together(batches),
        rejected=rejected,
        runs=runs,
        load_mode=mode,
    )


def land(
    warehouse: Warehouse,
    *pages: Sequence[Json],
    read_at: str | None = "2026-03-10T00:00:00.000+0000",
    mode: LoadMode = "merge",
    location: Location = NORTH,
    runs: Sequence[SyncRun] = (),
) -> Changes:
    """Pages in one commit, landed."""
    return warehouse.commit(orders_commit(*pages, read_at=read_at, mode=mode, location=location, runs=runs))


def stored(warehouse: Warehouse, table: str, *columns: str, where: str = "TRUE") -> list[tuple[Any, ...]]:
    """Columns of a table's rows, in their order."""
    return warehouse.rows(f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY ALL")
