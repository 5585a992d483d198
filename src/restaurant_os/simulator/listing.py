"""Which orders a query selects, in the order the API shows them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from restaurant_os.simulator.params import BusinessDate, Window

if TYPE_CHECKING:
    from restaurant_os.simulator.world import Version, World

#: Of a longer listing only the GUIDs are kept, and the bodies of each page are asked of the world again.
BODIES_KEPT = 2_000
#: For all listings together; 13 restaurants' days of orders are about 45 MiB.
KEPT_BYTES = 64 * 2**20
OVERLAPS_KEPT = 1_000


def place(guid: str) -> bytes:
    """Where an order stands among others. Toast promises no order, so this is one that follows neither time nor creation."""
    return hashlib.blake2b(guid.encode(), digest_size=8).digest()


@dataclass(slots=True)
class Found:
    """The orders one query selects at one instant."""

    guids: list[str]
    bodies: list[bytes] | None

    def size(self) -> int:
        """About how many bytes it takes."""
        return 1024 + 100 * len(self.guids) + sum(map(len, self.bodies or ()))


@dataclass(slots=True)
class Overlap:
    """By how many orders the pages of one reading are shifted back, so that some come twice."""

    orders: int = 0


class Listing:
    """Finds orders. While the world stands still, the pages of one query read one result instead of finding it again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: OrderedDict[tuple[str, Window, datetime], Found] = OrderedDict()
        self._kept_bytes = 0
        self._overlaps: OrderedDict[Hashable, Overlap] = OrderedDict()

    def find(self, restaurant_guid: str, window: Window, at: datetime, *, keep: bool) -> Found:
        """The orders that the window selects at the instant `at`. `keep` when the same may be asked at the same instant again."""
        key = (restaurant_guid, window, at)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        versions = sorted(self.versions(restaurant_guid, window, at), key=lambda version: place(version.guid))
        found = Found([version.guid for version in versions], [version.body for version in versions])
        if keep:
            self._keep(key, found)
        return found

    def versions(self, restaurant_guid: str, window: Window, at: datetime) -> list[Version]:
        """The same from the world itself, in its own order."""
        if isinstance(window, BusinessDate):
            return self._world.by_business_date(restaurant_guid, window.day, at)
        return self._world.by_modified(restaurant_guid, window.start, window.end, at)

    def bodies(self, restaurant_guid: str, found: Found, at: datetime, start: int, stop: int) -> list[bytes]:
        """The orders from `start` up to `stop`, as JSON. `at` is the instant they were found at."""
        if found.bodies is not None:
            return found.bodies[start:stop]
        versions = (self._world.order(restaurant_guid, guid, at) for guid in found.guids[start:stop])
        return [version.body for version in versions if version is not None]

    def overlap(self, reading: Hashable, page: int) -> Overlap:
        """The overlap of one reading, a client's pages of one query, which its first page resets."""
        if page == 1:
            self._overlaps.pop(reading, None)
            return Overlap()
        overlap = self._overlaps.setdefault(reading, Overlap())
        if len(self._overlaps) > OVERLAPS_KEPT:
            self._overlaps.popitem(last=False)
        return overlap

    def _keep(self, key: tuple[str, Window, datetime], found: Found) -> None:
        kept = Found(found.guids, found.bodies if len(found.guids) <= BODIES_KEPT else None)
        self._kept[key] = kept
        self._kept_bytes += kept.size()
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].size()
