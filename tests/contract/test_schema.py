"""Tables, columns and views are made where they are missing, on every engine; nothing of a user's own goes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from cash_world import entry
from engines_stories import (
    AREAS,
    DAY,
    GUID,
    NEXT,
    areas_commit,
    calendar,
    cash_commit,
    run_of,
    stock_commit,
    stock_level,
    supper,
    unreadable,
    with_calendar,
)
from engines_world import Engine
from ledger_world import whole_day
from orders_world import NORTH, check, order, orders_commit
from restaurant_os.tables import TABLES
from restaurant_os.warehouse import Changes, Commit
from restaurant_os.warehouse.compiled import number

#: A view of other columns is no replacement to Postgres.
REMADE = "DROP VIEW open_checks; CREATE VIEW open_checks AS SELECT 1 AS of_the_newer"


def everything(engine: Engine) -> dict[str, list[str]]:
    return {spec.name: engine.columns(spec.name) for spec in TABLES}


def test_migrate_brings_back_what_is_missing_and_keeps_what_is_not_ours(own_engine: Engine) -> None:
    """Planned, it changes nothing and says the same; done, the second time there is nothing to say."""
    engine = own_engine
    warehouse = engine.open()
    warehouse.commit(orders_commit([supper()]))
    whole = everything(engine)
    engine.close()
    engine.drop_column("fact_checks", "tax_amount")
    engine.sql(f"ALTER TABLE fact_orders ADD COLUMN my_note {engine.text_type}")
    engine.sql("UPDATE fact_orders SET my_note = 'mine' WHERE TRUE")
    engine.sql("DROP TABLE stock_levels")
    engine.age()
    broken = {spec.name: engine.columns(spec.name) for spec in TABLES if spec.name != "stock_levels"}

    planned = engine.open().migrate(plan=True)
    after_plan = {spec.name: engine.columns(spec.name) for spec in TABLES if spec.name != "stock_levels"}
    done = engine.open().migrate()
    again = [engine.open().migrate(plan=True), engine.open().migrate()]

    assert (after_plan, planned, again) == (broken, done, [[], []])
    assert any("fact_checks" in step and "tax_amount" in step for step in done)
    assert any("stock_levels" in step for step in done)
    assert {name: sorted(own) for name, own in everything(engine).items()} == {
        name: sorted([*own, "my_note"] if name == "fact_orders" else own) for name, own in whole.items()
    }
    assert engine.stored("fact_orders", "order_guid", "my_note") == [("supper", "mine")]
    assert engine.stored("fact_checks", "check_guid", "amount", "tax_amount") == [("bill", Decimal(24), None)]
    assert engine.stored("daily_sales", "net_sales") == [(Decimal(24),)]


def test_a_commit_finds_tables_of_an_older_version(own_engine: Engine) -> None:
    """It brings them up to date by itself, and lands."""
    engine = own_engine
    warehouse = engine.open()
    warehouse.commit(orders_commit([supper()]))
    engine.close()
    engine.drop_column("fact_payments", "tip_amount")
    engine.age()
    changes = engine.open().commit(orders_commit([supper(1)]))

    assert isinstance(changes, Changes)
    assert changes.locations == {GUID: (0, 1)}
    assert engine.stored("fact_payments", "payment_guid", "tip_amount") == [("card", Decimal(3)), ("cash", Decimal(0))]


def test_an_older_version_leaves_a_newer_ones_tables_and_views_as_they_are(own_engine: Engine) -> None:
    """It commits and reads, and `migrate` says why it does nothing."""
    engine = own_engine
    engine.open().commit(orders_commit([supper()]))
    engine.close()
    engine.sql("CREATE OR REPLACE VIEW open_checks AS SELECT 1 AS of_the_newer" if engine.name != "postgres" else REMADE)
    engine.age(f"{number() + 1}:another")
    told = [
        f"nothing: a newer version of Restaurant OS made the tables and views (definitions {number() + 1}, this version has {number()}); "
        "they are used as they are"
    ]
    changes = engine.open().commit(orders_commit([supper(1)]))

    assert changes.locations == {GUID: (0, 1)}
    assert [engine.open().migrate(plan=True), engine.open().migrate()] == [told, told]
    assert engine.stored("open_checks", "of_the_newer") == [(1,)]


def test_a_version_that_wrote_no_number_and_one_of_a_lower_one_are_older(own_engine: Engine) -> None:
    engine = own_engine
    engine.open().commit(orders_commit([supper()]))
    engine.close()
    for older in ("older", "0:another", f"{number()}:another"):
        engine.drop_column("fact_payments", "tip_amount")
        engine.age(older)
        assert any("tip_amount" in step for step in engine.open().migrate())
        engine.close()


#: A table of every way in which rows are replaced: an order, its children, a set of a day, a state, the newest of a key, a list, a record.
REPLACED = (
    ("fact_orders", "order_guid", "supper"),
    ("fact_checks", "check_guid", "bill"),
    ("fact_order_items", "selection_guid", "line-0"),
    ("fact_cash_entries", "cash_entry_guid", "e-1"),
    (AREAS, "service_area_guid", "bar"),
    ("stock_levels", "item_guid", "soup"),
    ("dim_business_days", "business_date", DAY),
    ("quarantine", "record_guid", "broken"),
)


def test_what_stands_in_a_column_of_a_users_own_stays_when_its_row_is_replaced(own_engine: Engine) -> None:
    """A row that is new has nothing in it; one whose key is gone took it with it."""
    engine = own_engine
    warehouse = engine.open()
    broken = Commit(dataset="orders", restaurant_guids=(GUID,), tables={}, rejected=[unreadable("broken")])
    for commit in (
        with_calendar(orders_commit([supper()]), DAY),
        cash_commit(1, run_of(whole_day(DAY, 8, dataset="cash"), "cash-1"), [entry("e-1")], []),
        areas_commit(1, 1, bar="Bar"),
        stock_commit(stock_level("soup", "QUANTITY", 5, 3.5)),
        broken,
    ):
        warehouse.commit(commit)
    engine.now.turn(hours=1)
    for table, _, _ in REPLACED:
        engine.sql(f"ALTER TABLE {table} ADD COLUMN my_note {engine.text_type}")
        engine.sql(f"UPDATE {table} SET my_note = 'mine' WHERE TRUE")

    again = engine.open()
    later = NORTH.model_copy(update={"closeout_hour": 6})
    changed = orders_commit([supper(1, day=20260302), order("lunch", [check("tab")])])
    for commit in (
        replace(changed, tables={**changed.tables, **calendar(DAY, NEXT, location=later)}),
        cash_commit(2, run_of(whole_day(DAY, 40, dataset="cash"), "cash-2"), [entry("e-1", -26.0), entry("e-2")], []),
        areas_commit(2, 2, bar="Lounge"),
        stock_commit(stock_level("soup", "OUT_OF_STOCK", 6)),
        broken,
    ):
        again.commit(commit)
    noted = {table: engine.stored(table, key, "my_note") for table, key, _ in REPLACED}
    assert {table: engine.stored(table, "_loaded_at", where=f"{key} = '{own}'")[-1] for table, key, own in REPLACED} == {
        table: (engine.now(),) for table, _, _ in REPLACED
    }
    assert noted == {
        "fact_orders": [("lunch", None), ("supper", "mine")],
        "fact_checks": [("bill", "mine"), ("tab", None)],
        "fact_order_items": [("line-0", "mine"), ("line-1", "mine")],
        "fact_cash_entries": [("e-1", "mine"), ("e-2", None)],
        AREAS: [("bar", None), ("bar", "mine")],
        "stock_levels": [("soup", "mine")],
        "dim_business_days": [(DAY, "mine"), (NEXT, None)],
        "quarantine": [("broken", "mine")],
    }


def test_migrate_brings_back_what_a_user_dropped(own_engine: Engine) -> None:
    """Nothing tells that a table, a column or a view is missing but the catalog itself: migrate looks there."""
    engine = own_engine
    engine.open().commit(orders_commit([supper()]))
    engine.close()
    engine.drop_column("fact_checks", "tax_amount")
    engine.sql("DROP TABLE stock_levels")
    engine.sql("DROP VIEW IF EXISTS open_checks")

    planned = engine.open().migrate(plan=True)
    done = engine.open().migrate()
    again = [engine.open().migrate(plan=True), engine.open().migrate()]

    assert (planned, again) == (done, [[], []])
    assert [sum(name in step for step in done) for name in ("tax_amount", "stock_levels", "open_checks")] == [1, 1, 1]
    assert engine.stored("fact_checks", "check_guid", "tax_amount") == [("bill", None)]
    assert engine.stored("stock_levels", "item_guid") == []
    assert engine.reader.rows("SELECT count(*) FROM open_checks") == [(0,)]
