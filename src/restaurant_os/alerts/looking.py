"""What every rule reads by: the warehouse at one instant, for some locations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from restaurant_os.reports import EARLIEST_ZONE
from restaurant_os.settings import AlertRule, Location, Settings
from restaurant_os.warehouse import Warehouse

#: Nowhere is it earlier than here, of UTC.
LATEST_ZONE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Look:
    """A look at some locations as of `now`. `days`: the business dates of each location (by GUID) that are looked at; in a service those that are open now.

    `shared`: what rules of one look have read for each other, by a name of its own.
    """

    warehouse: Warehouse
    settings: Settings
    places: Sequence[Location]
    days: Mapping[str, Sequence[date]]
    now: datetime
    shared: dict[str, Any] = field(default_factory=dict)

    def of(self, rule: AlertRule) -> list[Location]:
        """The places that a rule is for."""
        wanted = {name.strip().lower() for name in rule.locations}
        return [x for x in self.places if not wanted or wanted & {x.name.lower(), x.toast_guid.lower(), x.store_id.lower()}]


def current_days(place: Location, now: datetime) -> list[date]:
    """The business dates of a location that are today's. Of a store that stands nowhere in the settings: whatever day it is anywhere."""
    if place.toast_guid != place.store_id:
        return [place.business_day.date_of(now)]
    first, last = (now - LATEST_ZONE).date(), (now + EARLIEST_ZONE).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
