"""Tables, columns and views are made where they are missing, on every engine; nothing of a user's own goes."""

from __future__ import annotations

from decimal import Decimal

from engines_stories import GUID, supper
from engines_world import Engine
from orders_world import orders_commit
from restaurant_os.tables import TABLES
from restaurant_os.warehouse import Changes
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
