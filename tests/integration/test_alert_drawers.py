"""Cash over or short, drawer by drawer, over a real warehouse."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts_world import PLACE, ZONE, World, figures
from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import CASH, day_rows
from restaurant_os.settings import Location
from views_rows import DAY, HERE, Rows, at

#: 23:00 on the location's clock.
NOW = at(19)
RULE = "cash-over-short"
SEEN = ("subject", "subject_name", "value", "is_over", "is_clear", "dollars")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Cash was last read ten minutes ago; there are two drawers with names."""
    own = World(tmp_path)
    with own.rows() as rows:
        rows.day()
        rows.read("cash", at(18.83))
        rows.read("orders", at(18.9))
        for guid, name in (("bar", "Bar"), ("front", "Front")):
            rows.add("dim_cash_drawers", cash_drawer_guid=guid, cash_drawer_name=name, valid_from=at(0))
    return own


def counted(rows: Rows, drawer: str | None, amount: str, hours: float = 18.5, **values: Any) -> str:
    kind = "CLOSE_OUT_SHORTAGE" if amount.startswith("-") else "CLOSE_OUT_OVERAGE"
    return rows.cash(kind, amount, cash_drawer_guid=drawer, entry_date=at(hours), **values)


def test_a_drawer_beyond_ten_dollars_over_or_short_is_over_its_level(world: World) -> None:
    with world.rows() as rows:
        counted(rows, "bar", "-43")
        counted(rows, "front", "10")
        counted(rows, "third-drawer-without-a-name", "10.01")

    assert figures(world.see(RULE, NOW), *SEEN) == [
        ("bar", "Bar", -43.0, True, False, Decimal("33.00")),
        ("front", "Front", 10.0, False, True, None),
        ("third-drawer-without-a-name", "drawer third-dr", 10.01, True, False, Decimal("0.01")),
    ]


def test_all_that_is_read_of_a_drawer(world: World) -> None:
    with world.rows() as rows:
        counted(rows, "bar", "-30", 18.5)
        counted(rows, "bar", "-13", 18.75)

    assert world.see(RULE, NOW) == [
        Reading(
            rule=RULE,
            location=HERE,
            period=DAY,
            subject="bar",
            subject_name="Bar",
            as_of=at(18.83),
            value=-43.0,
            is_over=True,
            dollars=Decimal("33.00"),
            facts=(("Short", "$43.00"), ("Counted", "22:45"), ("Counts", "2")),
        )
    ]


def test_the_drawers_of_a_day_sum_to_what_daily_cash_says(world: World) -> None:
    """A server's bank has no drawer, other entries are no counts, and what is deleted is in neither."""
    with world.rows() as rows:
        counted(rows, "bar", "-43")
        counted(rows, "front", "5.5")
        counted(rows, None, "2.25")
        counted(rows, "front", "100", is_deleted=True)
        counted(rows, "front", "7", day=DAY - timedelta(days=1))
        for kind in ("CLOSE_OUT_EXACT", "PAY_OUT", "CASH_IN", "NO_SALE", "TIP_OUT"):
            rows.cash(kind, "-500", cash_drawer_guid="front")

    found = world.see(RULE, NOW)

    assert figures(found, "subject_name", "value") == [("no drawer", 2.25), ("Bar", -43.0), ("Front", 5.5)]
    whole = day_rows(world.look(NOW), CASH)[HERE, DAY]["drawer_over_short"]
    assert sum(one.value or 0 for one in found) == float(whole) == -35.25


def test_a_count_that_was_wrong_and_made_good_is_clear(world: World) -> None:
    with world.rows() as rows:
        counted(rows, "bar", "-100")
    assert figures(world.see(RULE, NOW), "value", "is_over") == [(-100.0, True)]
    with world.rows() as rows:
        counted(rows, "bar", "100", 18.6)
    assert figures(world.see(RULE, NOW), "value", "is_clear") == [(0.0, True)]


def test_a_count_that_is_gone_from_its_day_is_clear(world: World) -> None:
    with world.rows() as rows:
        counted(rows, "bar", "-100", is_deleted=True)
    assert figures(world.see(RULE, NOW), "value", "is_clear", "facts") == [(0.0, True, ())]


def test_minimums_and_a_day_without_any_count(world: World) -> None:
    assert world.see(RULE, NOW) == []
    with world.rows() as rows:
        counted(rows, "bar", "-43")
        rows.sale("500")
    own = world.rule(RULE)
    tried: tuple[dict[str, Any], ...] = (
        {},
        {"min_dollars": Decimal(44)},
        {"min_count": 2},
        {"min_sales": Decimal(500)},
        {"min_sales": Decimal(501)},
    )
    found = [world.see(own.model_copy(update=one), NOW)[0] for one in tried]
    assert [(seen.is_over, seen.is_clear) for seen in found] == [(True, False), (False, True), (False, True), (True, False), (False, True)]


def test_a_drawer_is_of_its_location(tmp_path: Path) -> None:
    """Two locations whose drawers have one GUID, as a copied configuration has them."""
    south = Location.model_construct(name="South", toast_guid="south", timezone=ZONE, closeout_hour=4, store_id="")
    world = World(tmp_path, places=[PLACE, south])
    with world.rows() as rows:
        for guid, name in ((HERE, "Bar"), ("south", "Patio")):
            rows.add("dim_cash_drawers", restaurant_guid=guid, cash_drawer_guid="one", cash_drawer_name=name, valid_from=at(0))
        counted(rows, "one", "-20")
        counted(rows, "one", "30", restaurant_guid="south")
    found = world.see(RULE, NOW)
    assert figures(found, "location", "subject_name", "value") == [(HERE, "Bar", -20.0), ("south", "Patio", 30.0)]
    own = world.rule(RULE).model_copy(update={"locations": ("South",)})
    assert figures(world.see(own, NOW), "location") == [("south",)]
