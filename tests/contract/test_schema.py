"""Tables, columns and views are made where they are missing, on every engine; nothing of a user's own goes."""

from __future__ import annotations

from decimal import Decimal

from engines_stories import GUID, supper
from engines_world import Engine
from orders_world import orders_commit
from restaurant_os.tables import TABLES
from restaurant_os.warehouse import Changes


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
