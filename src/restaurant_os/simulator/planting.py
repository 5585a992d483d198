"""What is planted in a world on which alerts are to be judged, at known places, and how orderly the rest of that world is.

In the usual world something is always the matter: labor costs 26 % of net sales on an average day, people forget to clock out every other day, some
work overtime each week, one dollar in twenty is voided, and a drawer is off by more than ten dollars every week. In a planted one labor is planned
at a sixth of sales and nobody for more than a full week, the small things and large single orders are rare, and what is wrong beyond them was put
there. Without planting nothing of this is in effect.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from restaurant_os.simulator.businessdays import stamp

if TYPE_CHECKING:
    from restaurant_os.simulator.cash import Entry as CashEntry
    from restaurant_os.simulator.labor_punches import Entry as TimeEntry
    from restaurant_os.simulator.world import World

#: Guests stay away, and all who are scheduled come.
DEAD_DAY = "dead_day"
#: Two whole crews are scheduled for the day, and both work.
DOUBLE_BOOKED = "double_booked_shift"
#: Somebody of the day shift goes home without clocking out, and nobody mends it: the history still shows it.
FORGOTTEN = "forgotten_clock_out"
#: A drawer is counted far short at the end of the day.
BAD_DRAWER = "bad_drawer"

DEAD_SHARE = 0.25  #: of the parties that would have come
SHORT_CENTS = 14_750
MOST_OFF_CENTS = 1_000  #: of all other drawers
#: What hourly labor is planned to cost on each day, as a share of the net sales that are expected.
PLANNED_SHARE = 0.17
FORGETS = 0.02  #: how many of those who forget to clock out still do
MOST_LATE_MINUTES = 55  #: that anybody stays beyond the end of a shift
SHARED_HOURS = (660, 1050)  #: of the cook who works on six days at two locations, local minutes after midnight: 39 hours in all
#: What leaves a void behind, and what makes one order a twentieth of a day's sales. Of those parties one in FEWER is as it would be, others just eat.
VOIDING = frozenset(
    ("line_voided", "check_voided", "order_voided", "order_voided_days_later", "void_and_rering", "line_rerung", "catering_cancelled")
)
CATERING = frozenset(("catering_prepaid", "catering_enlarged", "catering_moved", "catering_cancelled", "catering_unpaid"))
FEWER = 4


class Place(NamedTuple):
    """A kind at a location (its index from 0), so many days before the world's last; below 0 after it."""

    kind: str
    location: int
    before: int


#: Over eight weeks; the last four are of the day that `--send` sends, which is two days after the last day of its world.
PLACES = (
    Place(DEAD_DAY, 0, 12),
    Place(DEAD_DAY, 5, 31),
    Place(DOUBLE_BOOKED, 1, 18),
    Place(DOUBLE_BOOKED, 8, 38),
    Place(FORGOTTEN, 2, 9),
    Place(FORGOTTEN, 7, 25),
    Place(BAD_DRAWER, 0, 23),
    Place(BAD_DRAWER, 10, 44),
    Place(DEAD_DAY, 1, -2),
    Place(DOUBLE_BOOKED, 0, -2),
    Place(FORGOTTEN, 2, -2),
    Place(BAD_DRAWER, 2, -2),
)


class Planting:
    """`last_day`: the world's (ordinal)."""

    def __init__(self, last_day: int) -> None:
        self._last_day = last_day
        self._places = frozenset(PLACES)

    def has(self, kind: str, index: int, ordinal: int) -> bool:
        """Whether it is planted at a location on a business date (ordinal)."""
        return Place(kind, index, self._last_day - ordinal) in self._places

    @staticmethod
    def is_spared(scene: str, seed: int) -> bool:
        """Whether a party that would have left a void behind, or ordered for many, is an ordinary one here. `seed`: the party's."""
        return scene in VOIDING | CATERING and seed % FEWER != 0

    def places(self) -> list[tuple[str, int, int]]:
        """All of them, as (kind, location index, ordinal of the business date), oldest first."""
        return sorted(((own.kind, own.location, self._last_day - own.before) for own in PLACES), key=lambda own: (own[2], own[1], own[0]))


def found(world: World, at: datetime) -> list[dict[str, object]]:
    """What is planted in the business days of a world that have begun by `at`, oldest first: a row each, with who or which drawer it is."""
    rows = []
    for kind, index, ordinal in world.planting.places() if world.planting else ():
        place = next((own for own in world.restaurants if own.index == index), None)
        if place is None:
            continue
        shop, (instant, stands) = world.shops[place.guid], world.moment(place.guid, at)
        is_beyond = stands and ordinal > world.last_day.toordinal()
        if is_beyond or ordinal not in world.trading(shop, ordinal, ordinal, instant):
            continue
        row: dict[str, object] = {"kind": kind, "restaurant_guid": place.guid, "business_date": date.fromordinal(ordinal).isoformat()}
        if kind == FORGOTTEN:
            rows += [row | _punch(punched.entry) for punched in world.labor.planted(place.guid, ordinal, at)]
        elif kind == BAD_DRAWER:
            rows += [row | _drawer(entry) for entry in world.tills.planted(place.guid, ordinal, instant)]
        else:
            rows.append(row)
    return rows


def _punch(entry: TimeEntry) -> dict[str, object]:
    return {"employee_guid": entry.who.guid, "time_entry_guid": entry.guid, "clocked_in": stamp(entry.states[0].clocked_in)}


def _drawer(entry: CashEntry) -> dict[str, object]:
    drawer = None if entry.drawer is None else msgspec.json.decode(bytes(entry.drawer))["guid"]
    return {"drawer_guid": drawer, "entry_guid": entry.guid, "amount": f"{entry.amount / 100:.2f}"}
