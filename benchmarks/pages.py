"""The pages every contestant reads: orders of a simulated group, cut as the API cuts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from restaurant_os.businessday import days_between
from restaurant_os.settings import Location
from restaurant_os.simulator.world import World

PAGE_SIZE = 100
#: The same pages on every machine and day.
LAST_DAY = date(2026, 3, 1)
#: When every contestant says that its read began.
READ_AT = datetime(2026, 3, 3, 12, tzinfo=UTC)
READ_AT_TEXT = "2026-03-03T12:00:00.000+0000"


@dataclass(frozen=True, slots=True)
class Shop:
    """One location and its pages: per business date the bodies that the API would send."""

    location: Location
    days: dict[date, list[bytes]]

    @property
    def pages(self) -> list[bytes]:
        return [page for pages in self.days.values() for page in pages]


@dataclass(frozen=True, slots=True)
class Pages:
    shops: list[Shop]
    first_day: date
    last_day: date
    orders: int

    @property
    def bytes(self) -> int:
        return sum(len(page) for shop in self.shops for page in shop.pages)

    @property
    def count(self) -> int:
        return sum(len(shop.pages) for shop in self.shops)


def generate(*, locations: int, days: int, seed: int = 7) -> Pages:
    world = World(seed=seed, locations=locations, days=days, last_day=LAST_DAY)
    first_day = LAST_DAY - timedelta(days=days - 1)
    shops, orders = [], 0
    for restaurant in world.restaurants:
        location = Location(
            name=f"{restaurant.location_name} {restaurant.location_code}",
            toast_guid=restaurant.guid,
            timezone=restaurant.timezone,
            closeout_hour=restaurant.closeout_hour,
        )
        found: dict[date, list[bytes]] = {}
        for day in days_between(first_day, LAST_DAY):
            bodies = [version.body for version in world.by_business_date(restaurant.guid, day, world.history_end)]
            found[day] = [b"[" + b",".join(bodies[n : n + PAGE_SIZE]) + b"]" for n in range(0, len(bodies), PAGE_SIZE)]
            orders += len(bodies)
        shops.append(Shop(location, found))
    return Pages(shops, first_day, LAST_DAY, orders)
