"""The published menus of one location: items in their groups, and the options of modifier groups.

Source: Toast Menus API v2 (reference, section 6.1). `metadata` tells when the menus were last published; they are read only when that is later
than what is held. 404 says that nothing is published. Groups nest in groups. Items name modifier groups by a `referenceId`, these their options,
and options modifier groups again, in circles too; both stand in flat maps, so each is taken from there once and no reference need be followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from restaurant_os.batch import COPY, Batch, Rejected
from restaurant_os.errors import RequestError, RetryableError
from restaurant_os.sources.toast.client import MENUS, OTHER
from restaurant_os.sources.toast.model import Guid, Part
from restaurant_os.sources.toast.reading import Reading
from restaurant_os.sources.toast.records import exact, instant, staged
from restaurant_os.sources.toast.states import Row, States
from restaurant_os.tables import DIM_MENU_ITEMS, MENU_PUBLICATIONS
from restaurant_os.text import printable

METADATA_PATH = "/menus/v2/metadata"
MENUS_PATH = "/menus/v2/menus"
SCOPE = "menus:read"
NOT_FOUND = 404
#: Joins the names of nested groups.
INTO = " > "

T = TypeVar("T")
Raws = list[msgspec.Raw]
Key = tuple[str, str, str]


class Metadata(Part):
    last_updated: str | None = None


class Published(Part):
    """spec:menus Restaurant; what it lists is decoded one by one, so that one that cannot be read costs itself alone."""

    menus: Raws | None = None
    last_updated: str | None = None
    modifier_group_references: dict[str, msgspec.Raw] | None = None
    modifier_option_references: dict[str, msgspec.Raw] | None = None


class Menu(Part):
    guid: Guid
    name: str | None = None
    menu_groups: Raws | None = None


class MenuGroup(Part):
    guid: Guid
    name: str | None = None
    menu_groups: Raws | None = None
    menu_items: Raws | None = None


class ModifierGroup(Part):
    guid: Guid
    name: str | None = None
    modifier_option_references: list[int] | None = None


class SalesCategory(Part):
    guid: str | None = None
    name: str | None = None


class Item(Part):
    """spec:menus MenuItem and ModifierOption, which say the same of themselves as far as it is read here."""

    guid: Guid
    name: str | None = None
    price: Decimal | None = None
    pricing_strategy: str | None = None
    sales_category: SalesCategory | None = None
    visibility: list[str] | None = None
    plu: str | None = None
    sku: str | None = None
    is_deferred: bool | None = None
    is_discountable: bool | None = None
    unit_of_measure: str | None = None
    multi_location_id: str | None = None


_METADATA = msgspec.json.Decoder(Metadata)
_PUBLISHED = msgspec.json.Decoder(Published)
_MENU = msgspec.json.Decoder(Menu)
_GROUP = msgspec.json.Decoder(MenuGroup)
_MODIFIERS = msgspec.json.Decoder(ModifierGroup)
_ITEM = msgspec.json.Decoder(Item)


@dataclass(slots=True)
class MenusRead(Reading):
    """The menus being read, if they were published since. `published`: which publication is held, if one is.

    `pages` counts the answers that gave something: none where nothing is published.
    """

    read_seq: int
    published: Callable[[], datetime | None]

    def __iter__(self) -> Iterator[Batch]:
        self.passes = 1
        metadata = self._ask(METADATA_PATH, OTHER, _METADATA)
        if metadata is None:
            return
        latest, held = _published_at(metadata.last_updated), self.published()
        if latest is not None and held is not None and latest <= held:
            return
        found = self._ask(MENUS_PATH, MENUS, _PUBLISHED)
        if found is None:
            return
        layout = Layout(States(DIM_MENU_ITEMS, self.location, self.read_seq))
        layout.add(found)
        self.rejected = len(layout.unread)
        self.versions |= {"/".join(key): row["row_hash"] for key, row in layout.rows.items()}
        yield Batch({DIM_MENU_ITEMS.name: staged(DIM_MENU_ITEMS, list(layout.rows.values()))}, tuple(layout.unread))
        given = _published_at(found.last_updated)
        if given is not None and layout.rows and not layout.unread:
            row = {"restaurant_guid": self.location.toast_guid, "last_updated": given, COPY: 0}
            yield Batch({MENU_PUBLICATIONS.name: staged(MENU_PUBLICATIONS, [row])})

    def _ask(self, path: str, endpoint: str, decoder: msgspec.json.Decoder[T]) -> T | None:
        """The answer, None where nothing is published."""
        answers: list[T] = []
        try:
            self.client.get(
                path,
                endpoint=endpoint,
                location=self.location.toast_guid,
                scope=SCOPE,
                accept=lambda body: answers.append(_decoded(decoder, body, path)),
            )
        except RequestError as problem:
            if problem.status == NOT_FOUND:
                return None
            raise
        self.pages += 1
        return answers[-1]


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes, path: str) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise RetryableError(
            f"Toast {path}: the answer is not what it should be ({printable(problem, 120)}).",
            next_step="Run the command again later: what is in stays in. Check `[toast] base_url` when it stays so.",
        ) from None


def _published_at(text: str | None) -> datetime | None:
    """None where it cannot be told: then the menus are read."""
    with suppress(ValueError):
        return instant(text or "", "lastUpdated")
    return None


@dataclass(slots=True)
class Layout:
    """Published menus as rows, by menu, group and item.

    Where one of these comes more than once with different content (a modifier group under two references), the row that is least in
    the order of its text stands, so that it does not depend on the order in which Toast lists them.
    """

    states: States
    rows: dict[Key, Row] = field(default_factory=dict)
    unread: list[Rejected] = field(default_factory=list)

    def add(self, found: Published) -> None:
        for raw in found.menus or ():
            if (menu := self._read(_MENU, raw)) is not None:
                self._menu(menu)
        options = {
            reference: option
            for reference, raw in (found.modifier_option_references or {}).items()
            if (option := self._read(_ITEM, raw, "modifierOptionReferences")) is not None
        }
        for raw in (found.modifier_group_references or {}).values():
            group = self._read(_MODIFIERS, raw, "modifierGroupReferences")
            for reference in (group.modifier_option_references or ()) if group else ():
                if group and (option := options.get(str(reference))) is not None:
                    own = {"menu_group_guid": group.guid, "menu_group_name": group.name, "is_modifier": True}
                    self._item(option, found.modifier_option_references[str(reference)] if found.modifier_option_references else b"", own)

    def _menu(self, menu: Menu) -> None:
        waiting: list[tuple[msgspec.Raw, tuple[str, ...]]] = [(raw, ()) for raw in menu.menu_groups or ()]
        while waiting:
            raw, above = waiting.pop()
            group = self._read(_GROUP, raw, menu.guid)
            if group is None:
                continue
            path = (*above, group.name or "")
            waiting += [(inner, path) for inner in group.menu_groups or ()]
            own = {
                "menu_guid": menu.guid,
                "menu_group_guid": group.guid,
                "menu_name": menu.name,
                "menu_group_name": group.name,
                "menu_group_path": INTO.join(path),
            }
            for inner in group.menu_items or ():
                item = self._read(_ITEM, inner, f"{menu.guid}/{group.guid}")
                if item is not None:
                    self._item(item, inner, {**own, "is_deferred": item.is_deferred, "is_discountable": item.is_discountable})

    def _item(self, item: Item, raw: msgspec.Raw | bytes, place: Row) -> None:
        try:
            price = exact(item.price, "price")
        except ValueError as problem:
            self._reject(raw, str(problem), f"{place.get('menu_guid', '')}/{place['menu_group_guid']}")
            return
        category = item.sales_category or SalesCategory()
        own = {
            "menu_guid": "",
            "menu_item_guid": item.guid,
            "is_modifier": False,
            "item_name": item.name,
            "price": price,
            "sales_category_name": category.name,
            "visibility": " ".join(sorted(set(item.visibility or ()))) or None,
            "is_deleted": False,
            "pricing_strategy": item.pricing_strategy,
            "sales_category_guid": category.guid,
            "plu": item.plu or None,
            "sku": item.sku or None,
            "unit_of_measure": item.unit_of_measure,
            "multi_location_id": item.multi_location_id,
            **place,
        }
        row = self.states.row(own)
        key = (own["menu_guid"], own["menu_group_guid"], item.guid)
        known = self.rows.get(key)
        if known is None or _order(row) < _order(known):
            self.rows[key] = row

    def _read(self, decoder: msgspec.json.Decoder[T], raw: msgspec.Raw, within: str = "") -> T | None:
        """A part of the menus, None and in quarantine when it cannot be read."""
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            self._reject(raw, str(problem), within)
            return None

    def _reject(self, raw: msgspec.Raw | bytes, reason: str, within: str) -> None:
        found = self.states.rejected(bytes(raw), reason)
        # The same item may be well in one group and not in another.
        self.unread.append(replace(found, record_guid=f"{within}/{found.record_guid or ''}") if within else found)


def _order(row: Row) -> tuple[Any, ...]:
    """The lowest price first, none last; then by what it says."""
    price = row["price"]
    return (price is None, price or Decimal(0), row["row_hash"])
