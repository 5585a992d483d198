"""`sync config`: each dimension of a location is one window, read at one instant. And what the dimensions then say of the settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from restaurant_os.batch import Window
from restaurant_os.errors import UsageError
from restaurant_os.pipeline.plans import Known, Span, Unit, whole_milliseconds
from restaurant_os.settings import Location
from restaurant_os.tables import CONFIG, DIM_MENU_ITEMS, DIM_RESTAURANTS, Dataset
from restaurant_os.text import printable
from restaurant_os.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class ConfigPlan:
    """`scopes`: what the API asks for, by dimension, in the order in which they are read.

    What asks for one scope shares a commit; what is refused for one costs none of the others.
    """

    scopes: Mapping[str, str]
    dataset: Dataset = CONFIG

    def units(self, location: Location, span: Span | None, known: Known, now: datetime) -> list[Unit]:
        if span:
            raise UsageError(
                "config: Toast gives the configuration as it is now, none of an earlier date.",
                next_step="Leave the dates out: `sync config`.",
            )
        at = whole_milliseconds(now)
        return [
            Unit(location, [Window(table, at, at) for table, _ in own], stands_alone=True, needs=scope)
            for scope, own in itertools.groupby(self.scopes.items(), key=lambda pair: pair[1])
        ]


@dataclass(frozen=True, slots=True)
class Note:
    """Something the configuration shows that a person should know."""

    location: Location
    found: str
    next_step: str


CLOCKS = f"SELECT restaurant_guid, timezone, closeout_hour, valid_from FROM {DIM_RESTAURANTS.name} WHERE is_current"
LAST_MENUS = f"""SELECT restaurant_guid, pages FROM (
    SELECT restaurant_guid, pages, row_number() OVER (PARTITION BY restaurant_guid ORDER BY started_at DESC, read_seq DESC) AS nth FROM sync_runs
    WHERE dataset = '{CONFIG.name}' AND window_kind = '{DIM_MENU_ITEMS.name}') AS r WHERE nth = 1"""
LAST_READ = f"SELECT restaurant_guid, max(started_at) FROM sync_runs WHERE dataset = '{CONFIG.name}' GROUP BY restaurant_guid"


def notes(warehouse: Warehouse, locations: Sequence[Location]) -> list[Note]:
    """Where the settings have another clock than Toast, and where no menu is published."""
    clocks = {guid: (zone, hour, since) for guid, zone, hour, since in warehouse.rows(CLOCKS)}
    pages = dict(warehouse.rows(LAST_MENUS))
    found: list[Note] = []
    for location in locations:
        zone, hour, since = clocks.get(location.toast_guid, (None, None, None))
        if since is not None and (zone, hour) != (location.timezone, location.closeout_hour):
            found.append(
                Note(
                    location,
                    f"Toast says {printable(zone, 60)}, closeout {hour} (seen since {since:%Y-%m-%d %H:%M} UTC); "
                    f"the settings say {location.timezone}, closeout {location.closeout_hour}.",
                    "Write Toast's values into the settings, since business dates depend on them; then read the dates since it changed again: "
                    "`restaurant-os sync orders --from DATE --to DATE`, and labor and cash.",
                )
            )
        if pages.get(location.toast_guid) == 0:
            found.append(
                Note(
                    location,
                    "no menu is published: dim_menu_items has nothing new of it.",
                    "Publish it in Toast Web, if it should have one.",
                )
            )
    return found


def last_read(warehouse: Warehouse, locations: Sequence[Location]) -> dict[Location, datetime]:
    """When each location's configuration was last asked for; those never asked are left out."""
    known = dict(warehouse.rows(LAST_READ))
    return {location: known[location.toast_guid] for location in locations if location.toast_guid in known}
