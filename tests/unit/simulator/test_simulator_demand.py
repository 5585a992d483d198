"""A world with fewer parties than usual, for long histories that are quick to read."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.server import Options, build
from restaurant_os.simulator.world import Version, World

LAST_DAY = date(2026, 3, 10)


def orders(**options: Any) -> list[Version]:
    world = World(seed=7, locations=1, days=2, last_day=LAST_DAY, **options)
    days = (LAST_DAY - timedelta(days=1), LAST_DAY)
    return [version for day in days for version in world.by_business_date(world.restaurants[0].guid, day, world.history_end)]


def test_the_usual_demand_is_the_usual_world_byte_for_byte() -> None:
    assert orders(demand=1.0) == orders()


def test_a_share_of_it_is_a_share_of_the_orders() -> None:
    usual, few = len(orders()), len(orders(demand=0.1))

    assert usual * 0.07 < few < usual * 0.13


@pytest.mark.parametrize("demand", [0, -1, 1.01, float("nan")])
def test_another_share_is_refused(demand: float) -> None:
    with pytest.raises(OptionError, match="demand must be above 0 and at most 1"):
        build(Options(port=0, locations=1, days=1, last_day=LAST_DAY, demand=demand))
