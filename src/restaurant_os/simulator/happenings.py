"""What happens in the world that Toast tells of its own accord: changed orders, published menus, stock that runs out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Set
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from restaurant_os.simulator.businessdays import DAY, HOUR, MINUTE, stamp, to_datetime, to_ms
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.envelopes import ORDER_CATEGORIES, Json, order_details

if TYPE_CHECKING:
    from restaurant_os.simulator.call import Simulator
    from restaurant_os.simulator.world import Change, World

LOW_QUANTITY = 5  #: Toast's threshold
_STOCK_DAYS_KEPT = 2_000


class Happening(NamedTuple):
    """Something to tell: when it happened in the world, and what its event says."""

    at: datetime
    category: str  #: order_updated stands for both categories of orders
    kind: str
    restaurant_guid: str
    details: Callable[[], Json]
    order_guid: str | None = None
    dates: frozenset[int] = frozenset()


class Happenings:
    """Reads the world on from where it was read last."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.read_to: datetime = simulator.clock.world()
        self._published: dict[str, int | None] = {}
        self._stock_day = lru_cache(maxsize=_STOCK_DAYS_KEPT)(self._stock_of)

    def skip(self, now: datetime) -> None:
        """What happened until now is told to nobody."""
        self.read_to = now
        self._published.clear()

    def watch_menus(self) -> None:
        """Begin to notice publications, those after the present one."""
        for restaurant in self._simulator.world.restaurants:
            self._published.setdefault(restaurant.guid, self._publication(restaurant.guid, self.read_to))

    async def until(self, now: datetime, categories: Set[str]) -> list[Happening]:
        """All of some categories that happened since the last reading, oldest first. Others of the event loop have their turn meanwhile."""
        world, after = self._simulator.world, self.read_to
        found: list[Happening] = []
        for restaurant in world.restaurants:
            guid = restaurant.guid
            if categories & set(ORDER_CATEGORIES) and now > after:
                for _ in world.preparing(guid, after, now):
                    await asyncio.sleep(0)
                found += (_changed(world, change) for change in world.changes(guid, after, now))
            if "menus" in categories:
                found += self._menus(guid, now)
            if "stock" in categories and now > after:
                found += self._stock(guid, after, now)
        self.read_to = now
        return sorted(found, key=lambda happening: happening.at)

    # --- menus --------------------------------------------------------------------------------------------------------

    def _publication(self, guid: str, at: datetime) -> int | None:
        return self._simulator.configuration().of(guid).published(self._simulator.world.moment(guid, at)[0])

    def _menus(self, guid: str, now: datetime) -> Iterator[Happening]:
        before = self._published.get(guid)
        published = self._published[guid] = self._publication(guid, now)
        if published is not None and published != before:
            details = {"restaurantGuid": guid, "publishedDate": stamp(published)}
            yield Happening(min(to_datetime(published), now), "menus", "menus_updated", guid, lambda: details)

    # --- stock --------------------------------------------------------------------------------------------------------

    def _stock(self, guid: str, after: datetime, now: datetime) -> Iterator[Happening]:
        world = self._simulator.world
        shop = world.shops[guid]
        low, high = world.moment(guid, after)[0], world.moment(guid, now)[0]
        first, last = shop.calendar.date_of(low) - 2, shop.calendar.date_of(high)
        for ordinal in world.trading(shop, first, last, high):
            yield from (told for told in self._stock_day(guid, ordinal) if low < to_ms(told.at) <= high)

    def _stock_of(self, guid: str, ordinal: int) -> list[Happening]:
        """What runs low on a business day, runs out, and is there again, on that day or the next."""
        from restaurant_os.simulator.carte import identity
        from restaurant_os.simulator.rhythm import placed

        shop = self._simulator.world.shops[guid]
        dice = Dice(f"{self._simulator.seed}/stock/{shop.restaurant.index}/{ordinal}")
        dishes = {dish.name: dish for dish in (dice.pick(shop.menu.draw(dice)) for _ in range(dice.between(2, 5)))}
        told = []
        for dish in dishes.values():
            low = shop.calendar.at(ordinal, dice.between(12, 19), dice.upto(60))
            out = low + dice.between(20, 120) * MINUTE
            back = out + dice.between(1, 3) * HOUR if dice.chance(0.4) else shop.calendar.at(ordinal + 1, 9, dice.upto(60))
            steps = (
                (low, "low_quantity", "QUANTITY", float(dice.between(1, LOW_QUANTITY))),
                (out, "out_of_stock", "OUT_OF_STOCK", None),
                (min(back, low + DAY), "in_stock", "IN_STOCK", None),
            )
            for at, kind, status, quantity in steps:
                item = identity(placed(shop, dish, at)[0])
                details: Json = {"itemGuid": item.guid, "multiLocationId": item.multi, "restaurantGuid": guid}
                details |= {"status": status, "quantity": quantity}
                told.append(Happening(to_datetime(at), "stock", kind, guid, _same(details)))
        return told


def _same(details: Json) -> Callable[[], Json]:
    return lambda: details


def _changed(world: World, change: Change) -> Happening:
    def details() -> Json:
        return order_details(change.restaurant_guid, world.written(change).body)

    at = to_datetime(change.instant)
    return Happening(at, "order_updated", "order_updated", change.restaurant_guid, details, change.order_guid, change.dates)
