"""What is stored is what was given, on every engine: each type at its edges, in every table; and large commits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from engines_stories import DAY, GUID, read_at, summaries_commit
from engines_world import Engine, in_order
from orders_world import check, order, orders_commit, payment, selection
from restaurant_os.tables import BY_NAME, COUNT, DATE, FLAG, INSTANT, MONEY, RATE, REAL, TABLES, TEXT, TableSpec
from restaurant_os.warehouse import Changes, Commit, Writing
from summaries_world import sales


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


#: Text that has meant something else to some engine, driver or file format.
TEXTS = (
    "",
    "NULL",
    "\\N",
    "\\.",
    " blanks ",
    "'; DROP TABLE fact_orders; -- \" ` $1 ? %s {x}",
    "back\\slash \\u0041 \\\\ \\",
    "line\nfeed\r\nreturn\ttab\x0b\x0c\x01\x1b\x7f\x85",
    "emoji 🍔👩‍🍳 and beyond \U0010ffff",
    "مطعم \u202eright to left\u202c שלום",
    "combining e\u0301 is not é; ﬁ; \u2028\u2029\ufeff",
    "replacement \ufffd",
    '{"json": ["text", null]}',
    "2026-03-01",
    "0.1",
    "true",
    "ö" * 50_000,
)
#: Around the hours that New York's clock skips and repeats; before 1970; far.
INSTANTS = (
    "2026-03-08 06:59:59.999999",
    "2026-03-08 07:00:00",
    "2026-11-01 05:30:00",
    "2026-11-01 06:30:00",
    "1969-12-31 23:59:59.999999",
    "1900-01-01 00:00:00.000001",
    "2199-12-31 23:59:59.999999",
)
#: By type: values at the edges of what it holds.
EDGES: dict[pa.DataType, tuple[Any, ...]] = {
    MONEY: tuple(map(Decimal, ("0.0001", "-0.0001", "99999999999999.9999", "-99999999999999.9999", "0.0000", "0.1000", "-25.0000"))),
    RATE: tuple(map(Decimal, ("0.00000001", "-0.00000001", "9999999999.99999999", "-9999999999.99999999", "0.08875000"))),
    INSTANT: tuple(map(utc, INSTANTS)),
    TEXT: TEXTS,
    DATE: (date(1970, 1, 1), date(2024, 2, 29), date(2199, 12, 31), date(1969, 12, 31)),
    FLAG: (True, False),
    COUNT: (0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1),
    REAL: (0.1, -0.1, 1e308, 5e-324, 1 / 3, 0.0),
}


def edges(spec: TableSpec, rows: int) -> pa.Table:
    """Rows in which every column of a table goes through the edges of its type, and is null; keys differ."""
    found = []
    for number in range(rows):
        row: dict[str, Any] = {}
        for place, column in enumerate(spec.columns):
            values = EDGES[column.type] if column.name in spec.key else (*EDGES[column.type], None)
            row[column.name] = values[(number + place) % len(values)]
        own = {name for name in spec.key if spec.schema.field(name).type in (TEXT, COUNT)}
        row |= {name: f"{number:02d} {row[name]}"[:200] if spec.schema.field(name).type == TEXT else number for name in own}
        # What tables are partitioned by is of our days.
        day = {name: DAY + timedelta(days=number) for name in (spec.partition, "business_date") if _is(spec, name, DATE)}
        made = {"created_at": datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)} if spec.role == "header" else {}
        found.append(row | day | made)
    return pa.Table.from_pylist(found, schema=spec.schema)


def _is(spec: TableSpec, name: str, kind: pa.DataType) -> bool:
    return name in spec.names and spec.schema.field(name).type == kind


def days_of(tables: dict[str, pa.Table]) -> dict[str, list[date]]:
    return {
        name: sorted(set(table["business_date"].to_pylist()))
        for name, table in tables.items()
        if name.startswith("fact_") and "business_date" in table.column_names
    }


def as_rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return in_order([tuple(row.values()) for row in table.to_pylist()])


def kinds(rows: Sequence[tuple[Any, ...]]) -> set[tuple[type, ...]]:
    return {tuple(type(value) for value in row if value is not None and not isinstance(value, bool)) for row in rows}


def test_every_table_gives_back_what_was_written(engine: Engine) -> None:
    """Rows of all types at their edges, by `fetch` as Arrow and by `rows` as values of Python; written again in part, each takes the place of its
    key's; and those that are gone are gone."""
    warehouse = engine.open()
    tables = {spec.name: edges(spec, len(TEXTS) + 1) for spec in TABLES}
    warehouse.write(Writing(rows=tables, days=days_of(tables)))
    fetched = {spec.name: warehouse.fetch(spec) for spec in TABLES}

    assert {name: table.schema for name, table in fetched.items()} == {spec.name: spec.schema for spec in TABLES}
    for name, table in tables.items():
        assert as_rows(fetched[name]) == as_rows(table), name
    read = engine.tables(*tables)
    for name, table in tables.items():
        assert (read[name], kinds(read[name])) == (as_rows(table), kinds(as_rows(table))), name

    again = {name: tables[name].slice(0, 3) for name in ("fact_checks", "daily_summaries", "dim_business_hours")}
    changed = {name: table.set_column(table.num_columns - 1, "_loaded_at", pa.array([DAWN] * 3, INSTANT)) for name, table in again.items()}
    gone = {"dim_business_hours": tables["dim_business_hours"].slice(3).select(BY_NAME["dim_business_hours"].key)}
    warehouse.write(Writing(rows=changed, gone=gone, days=days_of(changed)))
    left = {name: pa.concat_tables([changed[name], tables[name].slice(3)]) for name in changed} | {
        "dim_business_hours": changed["dim_business_hours"]
    }
    assert engine.tables(*left) == {name: as_rows(table) for name, table in left.items()}


DAWN = datetime(2027, 1, 1, tzinfo=UTC)


def test_fetch_takes_a_condition_and_ids(engine: Engine) -> None:
    """However many ids: 5,000 of them, of text from outside."""
    warehouse = engine.open()
    warehouse.commit(orders_commit([order(guid, [check(f"c{guid}", [selection(f"s{guid}")])]) for guid in ("o'1", 'o"2', "o\\3")]))
    spec = BY_NAME["fact_order_items"]
    asked = ["o'1", "o\\3", *(f"{number}'" for number in range(5_000))]

    def found(where: str = "TRUE", ids: Any = None) -> list[str]:
        return sorted(warehouse.fetch(spec, where, ids)["order_guid"].to_pylist())

    assert found() == ['o"2', "o'1", "o\\3"]
    assert found(ids=("order_guid", asked)) == ["o'1", "o\\3"]
    assert found(f"restaurant_guid IN ('{GUID}') AND business_date IN (DATE '2026-03-01')", ("order_guid", asked)) == ["o'1", "o\\3"]
    assert found("business_date = DATE '2026-03-02'") == found(ids=("order_guid", [])) == []
    assert found(
        "opened_at > TIMESTAMPTZ '2026-03-01 00:00:00+00:00' AND (is_deleted OR check_guid IS NOT NULL)", ("order_guid", ["o'1"])
    ) == ["o'1"]


def test_parameters_of_every_type(engine: Engine) -> None:
    """They are values, whatever they hold."""
    warehouse = engine.open()
    table = edges(BY_NAME["daily_summaries"], 3)
    levels = edges(BY_NAME["stock_levels"], 3)
    warehouse.write(Writing(rows={"daily_summaries": table, "stock_levels": levels}))
    row, level = table.to_pylist()[0], levels.to_pylist()[0]
    asked = ("store_id", "date", "kind", "gross_sales", "sequence", "received_at")
    sql = f"SELECT store_id FROM daily_summaries WHERE {' AND '.join(f'{name} = ?' for name in asked)}"
    by_real = "SELECT item_guid, quantity FROM stock_levels WHERE quantity = ? AND item_guid = ?"

    assert all(row[name] is not None for name in asked)
    assert warehouse.rows(sql, [row[name] for name in asked]) == [(row["store_id"],)]
    assert warehouse.rows(sql, [*(row[name] for name in asked[:-1]), DAWN]) == []
    assert warehouse.rows(by_real, [level["quantity"], level["item_guid"]]) == [(level["item_guid"], level["quantity"])]
    assert math.isclose(level["quantity"], 0.1, abs_tol=1) or level["quantity"]
    assert warehouse.answers(
        ("SELECT count(*) FROM daily_summaries WHERE store_id <> ?", ["'? -- %s"]), ("SELECT count(*) FROM stock_levels", ())
    ) == [
        [(3,)],
        [(3,)],
    ]


def test_text_from_outside_is_text_in_ids_and_names(engine: Engine) -> None:
    """Through a commit and its merge: two versions of orders whose ids hold anything are one order each."""
    warehouse = engine.open()
    names = [f"{number}{text[:300]}" for number, text in enumerate(TEXTS)]
    for version in (0, 1):
        lines = [
            [check(f"c{name}", [selection(f"s{name}", 1.0 + version, displayName=text)])] for name, text in zip(names, TEXTS, strict=True)
        ]
        changes = warehouse.commit(orders_commit([order(name, own, version) for name, own in zip(names, lines, strict=True)]))

    assert changes.locations == {GUID: (0, len(TEXTS))}
    assert engine.stored("fact_order_items", "order_guid", "selection_guid", "menu_item_name", "item_price") == in_order(
        [(name, f"s{name}", text, Decimal(2)) for name, text in zip(names, TEXTS, strict=True)]
    )


def test_nul_is_a_character_that_not_every_engine_keeps(engine: Engine) -> None:
    """Such text lands all the same, twice as once, and what is around the character is kept. What stands for it is said here, by engine."""
    kept = {"duckdb": "a\x00b", "postgres": "a\ufffdb", "bigquery": "a\x00b"}[engine.name]
    warehouse = engine.open()
    commit = orders_commit([order("o\x00", [check("c", [selection("s", displayName="a\x00b")])])])
    found = [warehouse.commit(commit), warehouse.commit(replace(commit, tables=later(commit)))]

    assert found == [Changes({GUID: (1, 0)}, {(GUID, DAY): (1, 0)}), Changes()]
    assert engine.stored("fact_order_items", "order_guid", "menu_item_name") == [(kept.replace("a", "o").replace("b", ""), kept)]


def later(commit: Commit) -> dict[str, pa.Table]:
    """Its rows, read by the API a day later."""

    def moved(table: pa.Table) -> pa.Table:
        if "read_at" not in table.column_names:
            return table
        place = table.column_names.index("read_at")
        at = pa.array([utc("2026-03-11 00:00:00")] * table.num_rows, INSTANT)
        return table.set_column(place, table.schema.field(place), at)

    return {name: moved(table) for name, table in commit.tables.items()}


def test_sums_of_money_are_exact(engine: Engine) -> None:
    """A thousand times a thousandth of a cent, and what a double could not hold."""
    warehouse = engine.open()
    rows = [sales("0.0001", number, store=f"s{number}") for number in range(1_000)]
    warehouse.commit(summaries_commit(*rows, sales("90071992547409.9301", 1_000, store="much")))

    assert warehouse.rows("SELECT sum(gross_sales), count(*), max(gross_sales) FROM daily_summaries") == [
        (Decimal("90071992547410.0301"), 1_001, Decimal("90071992547409.9301"))
    ]


# --- large commits --------------------------------------------------------------------------------------------------------

ORDERS = 12_500


@cache
def many(version: int = 0, changed: int = 0) -> Commit:
    """12,500 orders of five lines, 100,000 rows; the first `changed` of them in a later version."""
    found = []
    for number in range(ORDERS):
        own = version if number < changed else 0
        lines = [selection(f"{number}-{n}", 1.01 + n + own) for n in range(5)]
        found.append(order(f"o{number}", [check(f"c{number}", lines, [payment(f"p{number}")])], own, 20260301 + number % 28))
    return orders_commit(found, read_at=read_at(1 + version))


@pytest.mark.timeout(300)
def test_a_hundred_thousand_rows_at_once(engine: Engine) -> None:
    """New, then again with some changed: those alone are written."""
    warehouse = engine.open()
    first = warehouse.commit(many())
    engine.now.turn(days=1)
    second = warehouse.commit(many(1, changed=100))

    rows = sum(table.num_rows for table in many().tables.values())
    assert (rows, first.locations, second.locations) == (100_000, {GUID: (ORDERS, 0)}, {GUID: (0, 100)})
    assert warehouse.rows("SELECT count(*), count(DISTINCT order_guid), sum(item_price) FROM fact_order_items WHERE NOT is_deleted") == [
        (5 * ORDERS, ORDERS, Decimal(ORDERS) * Decimal("15.05") + 500)
    ]
    assert warehouse.rows("SELECT count(*) FROM fact_orders WHERE _loaded_at >= ?", [engine.now()]) == [(100,)]
