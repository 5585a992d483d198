"""The group: its restaurants, and who works in them. Everyone and every place here is made up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from restaurant_os.simulator.dice import Dice

ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
#: Closeout hours by location, in turn; 2 meets the hour that spring skips and 1 the hour that autumn repeats.
CLOSEOUT_HOURS = (4, 3, 5, 2, 4, 4, 3, 1, 4, 2, 6, 4, 3)
#: How busy each location is against the average, in turn; any even number of neighbours averages one.
BUSYNESS = (1.12, 0.88, 0.95, 1.05, 1.2, 0.8, 1.0, 0.9, 1.1, 1.15, 0.85, 1.0, 1.0)

#: Days before the world's last day: these locations (by index) then open, stay shut for a storm, or lose their line.
OPENS_LATE = (4, 6)
CLOSED_BY_WEATHER = (2, 4)
OFFLINE = (1, 2)

#: This location (by index) takes no cash and has no drawers.
CASHLESS = 3

_PLACES = {
    "America/New_York": (("Boston", "MA", "02108", 42.36, -71.06), ("Atlanta", "GA", "30303", 33.75, -84.39)),
    "America/Chicago": (("Chicago", "IL", "60601", 41.88, -87.63), ("Austin", "TX", "78701", 30.27, -97.74)),
    "America/Denver": (("Denver", "CO", "80202", 39.74, -104.99), ("Santa Fe", "NM", "87501", 35.69, -105.94)),
    "America/Los_Angeles": (("Oakland", "CA", "94607", 37.80, -122.27), ("Portland", "OR", "97204", 45.52, -122.68)),
}
_SITES = (
    *("Harbor", "Market Street", "Union", "Riverside", "Old Mill", "Station", "Parkside"),
    *("Lakeview", "Orchard", "Foundry", "Terrace", "Crossing", "Garden"),
)


@dataclass(frozen=True, slots=True)
class Restaurant:
    """One location of the group, as the restaurants API describes it."""

    index: int
    guid: str
    group_guid: str  #: the management group
    name: str
    location_name: str
    location_code: str
    timezone: str  #: IANA
    closeout_hour: int  #: 0 to 12, local wall-clock
    currency: str
    address1: str
    address2: str | None
    city: str
    state: str
    zip_code: str
    country: str
    phone: str
    latitude: float
    longitude: float
    first_business_date: date
    archived: bool


def found_restaurants(seed: int, locations: int, last_day: date) -> tuple[Restaurant, ...]:
    """The group's restaurants. A location is the same whatever the number of locations beside it."""
    group = Dice(f"{seed}/group").guid()
    return tuple(_found(seed, index, group, last_day) for index in range(locations))


def _found(seed: int, index: int, group: str, last_day: date) -> Restaurant:
    dice = Dice(f"{seed}/restaurant/{index}")
    zone = ZONES[index % len(ZONES)]
    city, state, zip_code, latitude, longitude = dice.pick(_PLACES[zone])
    site = _SITES[index % len(_SITES)] + (f" {index // len(_SITES) + 1}" if index >= len(_SITES) else "")
    opened = date(2021, 1, 4) + timedelta(days=dice.upto(700))
    return Restaurant(
        index=index,
        guid=dice.guid(),
        group_guid=group,
        name="Copper Kettle",
        location_name=site,
        location_code=f"CK{index + 1:03}",
        timezone=zone,
        closeout_hour=CLOSEOUT_HOURS[index % len(CLOSEOUT_HOURS)],
        currency="USD",
        address1=f"{100 + dice.upto(900)} {site} Avenue",
        address2="Suite 2" if index % 5 == 3 else None,
        city=city,
        state=state,
        zip_code=zip_code,
        country="US",
        phone=f"55501{index % 100:05}",
        latitude=round(latitude + dice.random() / 50, 6),
        longitude=round(longitude + dice.random() / 50, 6),
        first_business_date=last_day - timedelta(days=OPENS_LATE[1]) if index == OPENS_LATE[0] else opened,
        archived=False,
    )
