"""What changes in every location's configuration by itself, week after week, so that whoever reads it again finds something new.

A beat is a local time on a weekday. What a beat does is told in `configuration.py` and `carte.py`; what orders must know of it
(which GUID an item has today) is here. No beat moves an amount: the books are the same with and without them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from restaurant_os.simulator.businessdays import BusinessCalendar
from restaurant_os.simulator.catalog import Dish, Promotion, Ref, Shop, reference
from restaurant_os.simulator.dice import Dice

_WEEK = 7


class Beat(NamedTuple):
    """A weekday (0 is Monday) and local hour, every so many weeks."""

    weekday: int
    hour: int
    weeks: int = 1

    def turn(self, calendar: BusinessCalendar, instant: int) -> int:
        """The number of the last beat at or before an instant (ms), counted from the year 1."""
        number = (calendar.date_of(instant) - self.weekday) // (_WEEK * self.weeks)
        while self.at(calendar, number) > instant:
            number -= 1
        return number

    def at(self, calendar: BusinessCalendar, number: int) -> int:
        """The instant (ms) of a beat."""
        return calendar.at(1 + self.weekday + number * _WEEK * self.weeks, self.hour)  # ordinal 1 is a Monday


#: The dining option "Bar" is renamed, and back with the next beat; so is the sales category "NA Beverage".
RENAMES, CATEGORY_RENAMES = Beat(0, 10), Beat(5, 10)
#: A void reason vanishes, and returns a day later under its old GUID. Nobody gives it in between.
VOID_REASON_VANISHES, VOID_REASON_RETURNS = Beat(1, 14), Beat(2, 14)
#: A discount, and an item, is deleted and made anew under another GUID.
DISCOUNT_RENEWED, ITEM_RENEWED = Beat(2, 11, weeks=2), Beat(3, 15, weeks=2)
#: An item moves to another group, and back with the next beat.
ITEM_MOVES = Beat(3, 9)
#: A special appears, and is archived with the next beat. No order has it.
SPECIAL = Beat(4, 9)
#: A table gets another name, and back with the next beat.
TABLE_RENAMED = Beat(6, 10)

VANISHING_REASON = 3  #: its index
RENEWED_PROMOTION, RENEWED_DISH = "Coupon $3", "Mushroom Risotto"
MOVING_DISH, MOVES_TO = "Hummus", "Salads"
_UNSTEADY = frozenset({RENEWED_DISH, MOVING_DISH})


def void_reason_is_gone(calendar: BusinessCalendar, instant: int) -> bool:
    """Whether the vanishing void reason is deleted at an instant."""
    return VOID_REASON_VANISHES.turn(calendar, instant) > VOID_REASON_RETURNS.turn(calendar, instant)


def void_reason(shop: Shop, chosen: Ref, instant: int) -> Ref:
    """The reason that can be given for the one chosen."""
    if chosen is shop.void_reasons[VANISHING_REASON] and void_reason_is_gone(shop.calendar, instant):
        return shop.void_reasons[0]
    return chosen


def promotion_ref(shop: Shop, promotion: Promotion, instant: int) -> Ref:
    """The discount's reference at an instant."""
    if promotion.name != RENEWED_PROMOTION:
        return promotion.ref
    return renewed(promotion.ref, DISCOUNT_RENEWED.turn(shop.calendar, instant))


def placed(shop: Shop, dish: Dish, instant: int) -> tuple[Ref, Ref]:
    """The item and the group under which a dish is sold at an instant."""
    if dish.name not in _UNSTEADY:
        return dish.ref, dish.group
    if dish.name == RENEWED_DISH:
        return renewed(dish.ref, ITEM_RENEWED.turn(shop.calendar, instant)), dish.group
    return dish.ref, shop.group_named(MOVES_TO) if is_moved(shop.calendar, instant) else dish.group


def is_moved(calendar: BusinessCalendar, instant: int) -> bool:
    """Whether the moving item is in its other group."""
    return ITEM_MOVES.turn(calendar, instant) % 2 == 1


def renewed(ref: Ref, number: int) -> Ref:
    """The reference under the GUID that it has after so many beats."""
    return _renewed(bytes(ref), number)


@lru_cache(maxsize=4096)
def _renewed(ref: bytes, number: int) -> Ref:
    old = msgspec.json.decode(ref)
    return reference(Dice(f"{old['guid']}/{number}").guid(), old["entityType"], old.get("multiLocationId"))
