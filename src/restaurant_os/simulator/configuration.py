"""How each location is configured, at every instant: what the configuration API gives, and what a test changes in it.

Everything that orders, cash and labor refer to has its object here, under the same GUID. What changes by itself is told in
`rhythm.py`; what is steered comes on top of that. Instants are ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from restaurant_os.simulator import rhythm
from restaurant_os.simulator.carte import Carte, Offer
from restaurant_os.simulator.catalog import Shop
from restaurant_os.simulator.config_names import COLLECTIONS, MENU_COLLECTIONS
from restaurant_os.simulator.configured import Facts, Json, Stamped, natural
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.world import World

_BEATS = (
    *(rhythm.RENAMES, rhythm.CATEGORY_RENAMES, rhythm.VOID_REASON_VANISHES, rhythm.VOID_REASON_RETURNS, rhythm.DISCOUNT_RENEWED),
    *(rhythm.ITEM_RENEWED, rhythm.ITEM_MOVES, rhythm.SPECIAL, rhythm.TABLE_RENAMED),
)
#: From a change that menus show until it is published.
PUBLISH_DELAY = 5 * 60_000
#: This location (by index) has never published a menu.
UNPUBLISHED = 8


class Steered(NamedTuple):
    """One change that was made by hand. `change` None: removed."""

    collection: str
    guid: str
    change: Json | None
    stamp: int


class MenuEdit(NamedTuple):
    """One change of the menus that was made by hand, there to be seen from `visible` on; None leaves a thing as it is."""

    stamp: int
    visible: int
    item: str | None = None
    group: str | None = None  #: only there
    cents: int | None = None
    archived: bool | None = None
    move_to: str | None = None
    also_in: str | None = None
    name: str | None = None
    published: bool | None = None


@dataclass(slots=True)
class Setup:
    """One location's configuration. `carte` is what its menus hold before anything is steered."""

    shop: Shop
    carte: Carte
    facts: Facts
    unpublished: bool
    steered: list[Steered] = field(default_factory=list)
    edits: list[MenuEdit] = field(default_factory=list)
    republished: int = 0
    _last_stamp: int = 0

    # --- what the API asks --------------------------------------------------------------------------------------------

    def generation(self, instant: int) -> str:
        """What is published at an instant, named so that a chain of pages can tell whether it still is."""
        natural_change = max(beat.at(self.shop.calendar, beat.turn(self.shop.calendar, instant)) for beat in _BEATS)
        visible = sum(edit.visible <= instant for edit in self.edits)
        return f"{natural_change}.{len(self.steered)}.{visible}.{self.republished}"

    def objects(self, collection: str, instant: int, seen: int | None = None) -> list[Stamped]:
        """The objects of a collection, each with when it was last changed; what was changed by hand as it can be seen at `seen`."""
        seen = instant if seen is None else seen
        offers = self.offers(instant, seen) if collection in MENU_COLLECTIONS else []
        known = {row.body["guid"]: row for row in natural(self.facts, collection, instant, offers)}
        removed: dict[str, Stamped] = {}
        for guid, stamp in self._touched(collection, seen):
            if guid in known:
                known[guid] = known[guid]._replace(changed=stamp)
        for guid, change, stamp in ((s.guid, s.change, s.stamp) for s in self.steered if s.collection == collection):
            if change is None:
                if guid in known:
                    removed[guid] = known.pop(guid)
            else:
                row = known.get(guid) or removed.get(guid)
                body = {"guid": guid, "entityType": COLLECTIONS[collection]} if row is None else row.body
                known[guid] = Stamped({**body, **change}, stamp)
        return list(known.values())

    def _touched(self, collection: str, seen: int) -> Iterator[tuple[str, int]]:
        """Items and groups that the changes of the menus moved, with when."""
        if collection in ("menuItems", "menuGroups"):
            for edit in self.edits:
                if edit.visible <= seen:
                    yield from ((guid, edit.stamp) for guid in (edit.item, edit.group, edit.move_to, edit.also_in) if guid)

    def offers(self, instant: int, seen: int) -> list[Offer]:
        """What the menus hold at an instant, with what was changed by hand as it can be seen at `seen`."""
        unedited = found = self.carte.offers(instant)
        for edit in self.edits:
            if edit.visible <= seen and edit.item is not None:
                if edit.archived is False:
                    found = [offer for offer in found if offer.id.guid != edit.item]
                    found += [offer for offer in unedited if offer.id.guid == edit.item]
                found = [each for offer in found for each in _edited(offer, edit)]
                if edit.also_in is not None:
                    found += _second_place(found, edit.item, edit.also_in, edit.cents)
        return found

    def published(self, instant: int) -> int | None:
        """When the menus that are shown at an instant were published; None when nothing is published."""
        visible = [edit for edit in self.edits if edit.visible <= instant]
        shown = next((edit.published for edit in reversed(visible) if edit.published is not None), not self.unpublished)
        if not shown:
            return None
        stamps = [edit.stamp for edit in visible] + [s.stamp for s in self.steered if s.collection in MENU_COLLECTIONS]
        return max(self.carte.last_change(instant - PUBLISH_DELAY) + PUBLISH_DELAY, *stamps, 0)

    # --- what a test changes ------------------------------------------------------------------------------------------

    def change(self, collection: str, guid: str | None, change: Json | None, instant: int) -> str:
        """Change, remove (`change` None), return or add an object; gives its GUID."""
        guid = guid or Dice(f"steered/{collection}/{len(self.steered)}/{self.shop.restaurant.guid}").guid()
        self.steered.append(Steered(collection, guid, change, self._stamp(instant)))
        return guid

    def edit(self, edit: MenuEdit, instant: int) -> None:
        """Change the menus; the stamp is given here, `visible` is how long after the present it is published."""
        stamp = self._stamp(instant + edit.visible)
        self.edits.append(edit._replace(stamp=stamp, visible=instant + edit.visible))

    def _stamp(self, instant: int) -> int:
        """An instant for a change: the present, or a second after the last one where the world stands still."""
        self._last_stamp = max(instant, self._last_stamp + 1_000, (self.published(instant) or 0) + 1_000)
        return self._last_stamp


def _edited(offer: Offer, edit: MenuEdit) -> list[Offer]:
    """What an edit makes of an offer: none when it takes the item off."""
    if offer.id.guid != edit.item or edit.group not in (None, offer.group):
        return [offer]
    if edit.archived:
        return []
    if edit.also_in is None and edit.cents is not None:
        offer = replace(offer, cents=edit.cents, strategy="BASE_PRICE" if offer.cents is None else offer.strategy)
    if edit.move_to is not None:
        offer = replace(offer, group=edit.move_to)
    return [offer if edit.name is None else replace(offer, name=edit.name)]


def _second_place(offers: list[Offer], item: str, group: str, cents: int | None) -> list[Offer]:
    """The item in another group too, at a price of that menu's own if one is given."""
    first = next((offer for offer in offers if offer.id.guid == item), None)
    if first is None:
        return []
    moved = replace(first, group=group)
    return [moved if cents is None else replace(moved, cents=cents, strategy="MENU_SPECIFIC_PRICE")]


class Configuration:
    """The configuration of every location, each built when it is first asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._setups: dict[str, Setup] = {}

    def of(self, restaurant_guid: str) -> Setup:
        setup = self._setups.get(restaurant_guid)
        if setup is None:
            world, shop = self._world, self._world.shops[restaurant_guid]
            carte = Carte(shop, world.seed, lambda ordinal: world.facts(restaurant_guid, ordinal))
            facts = Facts(world.seed, shop, carte, world.labor.house(restaurant_guid))
            setup = self._setups[restaurant_guid] = Setup(shop, carte, facts, shop.restaurant.index == UNPUBLISHED)
        return setup
