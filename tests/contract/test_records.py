"""Records with children, on every engine: which version wins, and what becomes of the rows it does not bring."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from engines_stories import DAY, GUID, IN_APRIL, labor_commit, read_at, supper
from engines_world import Engine
from labor_world import at, pause, punch
from ledger_world import hour
from orders_world import FIRST_VERSION, NORTH, SOUTH, Json, check, order, orders_commit, payment, refund, selection
from restaurant_os.tables import ORDER_TABLES
from restaurant_os.warehouse import Changes

NAMES = tuple(spec.name for spec in ORDER_TABLES)
ITEM = ("selection_guid", "item_price", "is_deleted")
EARLIER, READ, LATER = read_at(7), read_at(8), read_at(9)


def lines(version: int, *prices: float, guid: str = "o", **fields: Any) -> Json:
    """An order with a line of each price: a, b, ..."""
    own = [selection("abc"[n], price) for n, price in enumerate(prices)]
    return order(guid, [check("c", own, [payment("p", sum(prices))])], version, **fields)


def one_changed(*days: date) -> Changes:
    return Changes({GUID: (0, 1)}, {(GUID, day): (0, 1) for day in days})


def test_the_newest_version_wins_with_its_children(engine: Engine) -> None:
    """A line that left is flagged, one that comes back is live again; what an older version says is nothing, by whichever road it comes."""
    warehouse = engine.open()
    found = [warehouse.commit(orders_commit([lines(0, 10, 5)])), warehouse.commit(orders_commit([lines(2, 11)]))]
    flagged = engine.stored("fact_order_items", *ITEM)
    before = engine.tables(*NAMES)
    engine.now.turn(days=1)
    late = [warehouse.commit(orders_commit([lines(1, 9, 9)], read_at=read)) for read in (LATER, None)]

    assert found == [Changes({GUID: (1, 0)}, {(GUID, DAY): (1, 0)}), one_changed(DAY)]
    assert flagged == [("a", Decimal(11), False), ("b", Decimal(5), True)]
    assert (late, engine.tables(*NAMES)) == ([Changes(), Changes()], before)

    assert warehouse.commit(orders_commit([lines(3, 11, 6)])) == one_changed(DAY)
    assert engine.stored("fact_order_items", *ITEM) == [("a", Decimal(11), False), ("b", Decimal(6), False)]


def test_a_repeat_writes_nothing(engine: Engine) -> None:
    """No row is written again: not even its time of writing moves; nor is a day named that did not change."""
    warehouse = engine.open()
    first = warehouse.commit(orders_commit([supper(), lines(5, 1)], read_at=EARLIER))
    before = engine.tables(*NAMES, "changed_days")
    engine.now.turn(days=1)

    assert warehouse.commit(orders_commit([supper()], [lines(5, 1)], read_at=LATER)) == Changes()
    assert engine.tables(*NAMES, "changed_days") == before
    assert (first.added, [row[-1] for row in before["changed_days"]]) == (2, [FIRST_VERSION])


def test_equal_versions_are_repaired_by_a_later_read_alone(engine: Engine) -> None:
    """Never by a webhook, nor by a read that began earlier; one value, or one row, is difference enough."""
    warehouse = engine.open()
    warehouse.commit(orders_commit([lines(0, 10, 5)], read_at=None))
    by_webhook = warehouse.commit(orders_commit([lines(0, 99)], read_at=None))
    by_read = warehouse.commit(orders_commit([lines(0, 11, 5)], read_at=READ))
    by_others = [warehouse.commit(orders_commit([lines(0, 98)], read_at=read)) for read in (EARLIER, READ, None)]
    held = engine.stored("fact_order_items", *ITEM)
    by_later = warehouse.commit(orders_commit([lines(0, 11)], read_at=LATER))

    assert (by_webhook, by_read, by_others, by_later) == (Changes(), one_changed(DAY), [Changes()] * 3, one_changed(DAY))
    assert held == [("a", Decimal(11), False), ("b", Decimal(5), False)]
    assert engine.stored("fact_order_items", *ITEM) == [("a", Decimal(11), False), ("b", Decimal(5), True)]


def test_of_copies_in_one_commit_the_newest_wins_whole(engine: Engine) -> None:
    warehouse = engine.open()
    warehouse.commit(orders_commit([lines(0, 1, 2), lines(2, 7), lines(1, 3, 4)], [lines(1, 9)]))
    warehouse.commit(orders_commit([lines(3, 8, 8, 8)], [lines(3, 6)]))

    assert engine.stored("fact_order_items", *ITEM) == [("a", Decimal(6), False)]


def test_an_order_whose_date_moves_over_a_month_is_one_live_row(engine: Engine) -> None:
    """All of its rows stand on the new day, those flagged deleted too; both days are changed days, and the old one sells nothing."""
    warehouse = engine.open()
    warehouse.commit(orders_commit([supper()]))
    changes = warehouse.commit(orders_commit([supper(1, lines=1, day=20260402)]))

    assert set(changes.days) == {(GUID, DAY), (GUID, IN_APRIL), (GUID, date(2026, 3, 5))}
    assert changes.locations == {GUID: (0, 1)}
    assert {name: {row[0] for row in engine.stored(name, "business_date")} for name in NAMES} == {name: {IN_APRIL} for name in NAMES}
    assert engine.stored("fact_orders", "order_guid", "business_date", "modified_at") == [
        ("supper", IN_APRIL, FIRST_VERSION + timedelta(seconds=1))
    ]
    assert engine.stored("fact_order_items", "selection_guid", "is_deleted") == [("line-0", False), ("line-1", True)]
    assert engine.stored("changed_days", "business_date", "sequence", "rows_added", "rows_changed") == [
        (DAY, 1, 1, 0),
        (DAY, 2, 0, 1),
        (date(2026, 3, 5), 2, 0, 0),
        (IN_APRIL, 2, 0, 1),
    ]


def test_rows_flagged_long_ago_follow_their_order(engine: Engine) -> None:
    """They keep the version that flagged them, and move with the order; back too."""
    warehouse = engine.open()
    for one in (lines(0, 1, 2), lines(1, 1), lines(2, 1, day=20260402), lines(3, 1, day=20260402), lines(4, 1)):
        warehouse.commit(orders_commit([one]))

    assert engine.stored("fact_order_items", "selection_guid", "business_date", "is_deleted", "modified_at") == [
        ("a", DAY, False, FIRST_VERSION + timedelta(seconds=4)),
        ("b", DAY, True, FIRST_VERSION + timedelta(seconds=1)),
    ]


def test_a_refund_is_of_its_own_day(engine: Engine) -> None:
    """Another date than its order's: both days change. One that a later refund of the payment replaced stays; one that is gone is flagged."""

    def paid(version: int, back: Json | None) -> Json:
        return order("o", [check("c", [selection("a")], [payment("p", 10.0, refund=back)])], version)

    warehouse = engine.open()
    found = [
        set(warehouse.commit(orders_commit([paid(version, back)])).days)
        for version, back in enumerate((refund("T1", 5, 20260305), refund("T1", 5, 20260306), refund("T2", 3, 20260403)))
    ]
    retained = engine.stored("fact_refunds", "refund_transaction_guid", "refund_business_date", "refund_amount", "is_deleted")
    warehouse.commit(orders_commit([paid(3, None)]))

    fifth, sixth, third = (GUID, date(2026, 3, 5)), (GUID, date(2026, 3, 6)), (GUID, date(2026, 4, 3))
    assert found == [{(GUID, DAY), fifth}, {(GUID, DAY), fifth, sixth}, {(GUID, DAY), sixth, third}]
    assert retained == [("T1", date(2026, 3, 6), Decimal(5), False), ("T2", date(2026, 4, 3), Decimal(3), False)]
    assert engine.stored("fact_refunds", "refund_transaction_guid", "is_deleted") == [("T1", True), ("T2", True)]


def test_insert_only_then_upsert(engine: Engine) -> None:
    """What is stored stays whatever comes, new orders land; a merge afterwards takes what is newer."""
    warehouse = engine.open()
    warehouse.commit(orders_commit([lines(0, 10, 5)], mode="insert-only"))
    changes = warehouse.commit(orders_commit([lines(1, 11)], [lines(0, 3, guid="new")], read_at=LATER, mode="insert-only"))
    inserted = engine.stored("fact_order_items", "order_guid", *ITEM)
    merged = warehouse.commit(orders_commit([lines(1, 11)], read_at=LATER))

    assert changes == Changes({GUID: (1, 0)}, {(GUID, DAY): (1, 0)})
    assert inserted == [("new", "a", Decimal(3), False), ("o", "a", Decimal(10), False), ("o", "b", Decimal(5), False)]
    assert merged == one_changed(DAY)
    assert engine.stored("fact_order_items", "order_guid", *ITEM) == [
        ("new", "a", Decimal(3), False),
        ("o", "a", Decimal(11), False),
        ("o", "b", Decimal(5), True),
    ]


def test_locations_keep_to_themselves(engine: Engine) -> None:
    """Each commit is told of its own; rows of others are not touched, whatever day they are of."""
    warehouse = engine.open()
    warehouse.commit(orders_commit([lines(0, 1, 2, guid="north")]))
    changes = warehouse.commit(orders_commit([lines(5, 3, guid="south")], location=SOUTH))
    warehouse.commit(orders_commit([lines(1, 4, guid="north")]))

    assert changes == Changes({SOUTH.toast_guid: (1, 0)}, {(SOUTH.toast_guid, DAY): (1, 0)})
    assert engine.stored("fact_order_items", "restaurant_guid", "order_guid", *ITEM) == [
        (GUID, "north", "a", Decimal(4), False),
        (GUID, "north", "b", Decimal(2), True),
        (SOUTH.toast_guid, "south", "a", Decimal(3), False),
    ]


def test_an_order_s_creation_date_may_come_late_and_go(engine: Engine) -> None:
    """It is where an engine looks for the stored header; without it, it is one order still."""
    warehouse = engine.open()
    for version, created in enumerate((None, "2026-02-27T10:00:00.000+0000", None)):
        warehouse.commit(orders_commit([lines(version, 1 + version, createdDate=created)]))

    assert engine.stored("fact_orders", "order_guid", "modified_at") == [("o", FIRST_VERSION + timedelta(seconds=2))]
    assert engine.stored("fact_order_items", *ITEM) == [("a", Decimal(3), False)]


def test_punches_are_sets_too(engine: Engine) -> None:
    """The newest version of a punch, with its breaks and hours; one that moves to another day leaves none behind."""
    warehouse = engine.open()
    first = punch("shift", breaks=[pause("03-01 17:00", "03-01 17:30")])
    on_april_second = {"businessDate": "20260402", "createdDate": first["createdDate"], "modifiedDate": at("04-03 12:00")}
    moved = punch("shift", "04-02 15:00", "04-02 17:00", regularHours=2.0, **on_april_second)
    found = [warehouse.commit(labor_commit(one, read=hour(48 + 24 * n))) for n, one in enumerate((first, moved, first))]

    assert found == [Changes({GUID: (1, 0)}, {(GUID, DAY): (1, 0)}), one_changed(DAY, IN_APRIL), Changes()]
    assert engine.stored("fact_labor_shifts", "time_entry_guid", "business_date", "regular_hours") == [("shift", IN_APRIL, Decimal(2))]
    assert engine.stored("fact_labor_breaks", "business_date", "is_deleted") == [(IN_APRIL, True)]
    assert {day for (day,) in engine.stored("fact_labor_hours", "business_date")} == {IN_APRIL}
    live = engine.stored("fact_labor_hours", "sum(regular_hours), sum(regular_pay)", where="NOT is_deleted")
    assert (live, NORTH.toast_guid) == ([(Decimal(2), Decimal(37))], GUID)
