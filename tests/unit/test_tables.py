"""Tables as values: the user's columns, a source and a meaning for each, keys that exist."""

from __future__ import annotations

import pyarrow as pa
import pytest

from restaurant_os.sources.toast.records import PRIVATE_FIELDS
from restaurant_os.tables import (
    BY_NAME,
    COUNT,
    DATE,
    DIMENSIONS,
    FACT_ORDER_ITEMS,
    FLAG,
    INSTANT,
    LOADED_AT,
    MONEY,
    ORDER_TABLES,
    RATE,
    REAL,
    TABLES,
    TEXT,
    Column,
    TableSpec,
)
from restaurant_os.tables.dims import described
from restaurant_os.transformations import IBIS_TYPES
from restaurant_os.warehouse.duckdb import SQL_TYPES

#: In the user's own order (seeds: fact_order_items).
USERS_COLUMNS = [
    "order_guid",
    "selection_guid",
    "check_guid",
    "restaurant_guid",
    "business_date",
    "menu_item_guid",
    "server_guid",
    "menu_item_name",
    "sales_category_name",
    "item_quantity",
    "item_price",
    "pre_discount_price",
    "discount_amount",
    "tax_amount",
    "check_total",
    "check_tax",
    "check_tip",
    "payment_type",
    "is_voided",
    "is_deleted",
    "_loaded_at",
]
TYPES = (MONEY, INSTANT, TEXT, DATE, FLAG, COUNT, REAL, RATE)


def test_the_user_s_columns_come_first() -> None:
    """The 21 columns of fact_order_items, in the user's order."""
    assert FACT_ORDER_ITEMS.names[:21] == USERS_COLUMNS


#: In the user's own order (seeds), after the location and the record's own id.
USERS_DIMENSIONS = {
    "dim_restaurants": "restaurant_name, location_name, address_line1, address_line2, city, state, zip_code, timezone, closeout_hour, currency",
    "dim_employees": "first_name, last_name, email, external_id, is_deleted",
    "dim_jobs": "job_title, default_wage, tipped, is_deleted",
    "dim_menu_items": "menu_name, menu_group_name, item_name, price, sales_category_name, visibility, is_deleted",
}


@pytest.mark.parametrize("name", USERS_DIMENSIONS)
def test_the_user_s_columns_of_a_dimension_come_first(name: str) -> None:
    columns = USERS_DIMENSIONS[name].split(", ")

    assert list(described(BY_NAME[name]))[: len(columns)] == columns


@pytest.mark.parametrize("spec", DIMENSIONS, ids=lambda spec: spec.name)
def test_a_dimension_keeps_what_a_history_needs(spec: TableSpec) -> None:
    """A record is told by its natural key, its states by when they begin; what the merge keeps comes last."""
    ours = ["valid_from", "valid_to", "is_current", "applies_from", "applies_to", "row_hash", "read_seq", LOADED_AT]

    assert (spec.role, spec.key[0], spec.key[-1]) == ("history", "restaurant_guid", "valid_from")
    assert spec.names == [*spec.key[:-1], *described(spec), *ours]


def test_no_dimension_holds_a_telephone_or_a_pass_code() -> None:
    sources = " ".join(column.source.lower() for spec in DIMENSIONS for column in spec.columns)

    assert not [word for word in ("phone", "passcode", "promocode") if word in sources]


@pytest.mark.parametrize("spec", TABLES, ids=lambda spec: spec.name)
def test_every_column_says_what_it_is(spec: TableSpec) -> None:
    """A source, a meaning, and one of the few types every engine has."""
    for column in spec.columns:
        assert column.source.strip(), column.name
        assert column.meaning.strip().endswith("."), column.name
        assert column.type in TYPES, column.name
        assert column.type in SQL_TYPES, column.name
        assert column.type in IBIS_TYPES, column.name
    assert spec.meaning


@pytest.mark.parametrize("spec", TABLES, ids=lambda spec: spec.name)
def test_key_partition_and_the_rest_exist(spec: TableSpec) -> None:
    """Every column that a table names for a purpose is one of its own; every table says when a row was written."""
    named = {*spec.key, *spec.incidental, *spec.retained_by, *spec.weak_by} | ({spec.weak} if spec.weak else set())
    if spec.role != "record":
        named |= {spec.version, spec.partition}

    assert named <= set(spec.names)
    assert LOADED_AT in spec.names
    assert set(spec.content) == set(spec.names) - set(spec.incidental)


@pytest.mark.parametrize("spec", ORDER_TABLES, ids=lambda spec: spec.name)
def test_order_tables_share_what_the_merge_needs(spec: TableSpec) -> None:
    """Order, location, day and version are in each, with one type; the key begins with the order."""
    expected = {"order_guid": TEXT, "restaurant_guid": TEXT, "business_date": DATE, "modified_at": INSTANT, "is_deleted": FLAG}

    assert {name: spec.schema.field(name).type for name in expected} == expected
    assert spec.key[0] == "order_guid"
    assert spec.role == ("header" if spec is ORDER_TABLES[0] else "child")


def test_names_are_unique() -> None:
    """A table is found by its name."""
    assert [BY_NAME[spec.name] for spec in TABLES] == list(TABLES)


def test_no_table_holds_guests_or_cards() -> None:
    """No column comes from a field of guests' or card data."""
    sources = " ".join(column.source for spec in TABLES for column in spec.columns)

    assert not [field for field in PRIVATE_FIELDS if f".{field}" in sources]


def test_money_has_four_places() -> None:
    """In every table, every amount."""
    found = {
        str(column.type)
        for spec in TABLES
        for column in spec.columns
        if column.name.endswith(("amount", "price", "_tip", "_total", "_fee"))
    }

    assert found == {"decimal128(18, 4)"}


@pytest.mark.parametrize(
    ("key", "columns"), [(("missing",), ("a",)), (("a",), ("a", "a"))], ids=["a key that is no column", "a column twice"]
)
def test_a_table_that_cannot_be_is_refused(key: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """A slip in a table's definition is found when it is made."""
    with pytest.raises(ValueError, match='table "t"'):
        TableSpec(
            name="t",
            meaning="",
            key=key,
            role="child",
            incidental=(),
            columns=tuple(Column(name, pa.string(), "ours", "x.") for name in columns),
        )
