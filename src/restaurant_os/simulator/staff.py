"""Who works at each location: jobs, employees, what they earn and when that changes. Everyone here is made up.

Wages are integers in 1/10,000 of a dollar; instants are ms; dates are ordinals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from restaurant_os.simulator.businessdays import BusinessCalendar
from restaurant_os.simulator.catalog import Ref, Shop
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.planting import Planting

WAGE_UNIT = 10_000
#: By location (index): uses no time clock of Toast's; makes no schedule in Toast.
NO_CLOCK = frozenset({6})
NO_SCHEDULE = frozenset({3})
#: Days before the world's last day: somebody begins, somebody leaves, a job is deleted.
NEW_HIRE, LEAVER, JOB_DELETED = 9, 6, 5
#: Every half year each employee with a wage of his own gets a raise.
RAISE_WEEKS = 26
_MOST_RAISES = 8

_FIRST = (
    *("Ada", "Ben", "Cleo", "Dario", "Elif", "Femi", "Gwen", "Hugo", "Ines", "Jun", "Kofi", "Lena", "Milo", "Nadia", "Otis", "Priya"),
    *("Quinn", "Rosa", "Sami", "Tess", "Umar", "Vera", "Wade", "Xenia", "Yara", "Zeno"),
)
LAST_NAMES = (
    *("Alder", "Brook", "Cove", "Dale", "Ember", "Field", "Glen", "Heath", "Isle", "Jarrow", "Kettle", "Lark", "Marsh", "North", "Oak"),
    *("Pike", "Quarry", "Reed", "Stone", "Thorn", "Underhill", "Vale", "Wren", "Yew"),
)
#: What a tipped hour is paid in each state, in dollars; and how far other wages are from the table below.
_TIPPED = {"GA": 11.00, "TX": 11.00, "IL": 11.02, "CO": 12.14, "NM": 10.25, "CA": 16.90, "OR": 15.05, "MA": 11.75}
_LEVEL = {"GA": 1.0, "TX": 1.0, "IL": 1.0, "CO": 1.06, "NM": 0.96, "CA": 1.14, "OR": 1.05, "MA": 1.1}


class Job(NamedTuple):
    """A job of one location. `wage` is the default, of a year for a salaried job."""

    key: str
    guid: str
    title: str
    code: str | None
    frequency: str  #: HOURLY, SALARY or a value that the definition does not know
    wage: int
    tipped: bool
    excluded: bool
    created: int
    deleted: int | None = None  #: instant

    @property
    def salaried(self) -> bool:
        return self.frequency == "SALARY"


#: key: title, code, dollars (an hour, or a year), tipped, frequency, excluded from reporting.
_JOBS: dict[str, tuple[str, str | None, float, bool, str, bool]] = {
    "server": ("Server", "SRV", 0, True, "HOURLY", False),
    "bartender": ("Bartender", "BAR", 0.75, True, "HOURLY", False),
    "barback": ("Barback", "BBK", 0.25, True, "HOURLY", False),
    "host": ("Host", "HST", 15.50, False, "HOURLY", False),
    "driver": ("Driver", "DRV", 14.00, True, "HOURLY", False),
    "cook": ("Line Cook", "COOK", 23.00, False, "HOURLY", False),
    "prep": ("Prep Cook", None, 19.50, False, "HOURLY", False),
    "dish": ("Dishwasher", "DISH", 17.25, False, "HOURLY", False),
    "porter": ("Night Porter", "PORT", 17.50, False, "HOURLY", False),
    "lead": ("Shift Lead", "LEAD", 26.00, False, "HOURLY", False),
    "training": ("Training", "TRN", 13.00, False, "HOURLY", True),
    "gm": ("General Manager", "GM", 78_000, False, "SALARY", False),
    "assistant": ("Assistant Manager", "AM", 58_500, False, "SALARY", False),
}
#: The jobs of the fourteen who ring up orders, of the three who approve, and of the rest.
_FRONT = (
    *(("server",),) * 5,
    *(("server", "training"),) * 2,
    *(("server", "host"),) * 2,
    ("server", "bartender"),
    *(("bartender",),) * 2,
    ("bartender", "barback"),
    ("server", "driver"),
)
_MANAGERS = (("gm",), ("assistant",), ("lead",))
_BACK = (
    *(("lead",), ("lead", "cook"), ("host", "driver"), ("driver", "dish")),
    *(("prep", "cook"), ("prep", "cook"), ("dish",), ("dish", "barback"), ("dish", "porter"), ("porter", "dish")),
)


@dataclass(frozen=True, slots=True)
class Employee:
    """One person at one location; one who works at two has a GUID at each and one `number`."""

    guid: str
    number: str | None  #: externalEmployeeId
    first: str
    chosen: str | None
    last: str | None
    email: str | None
    phone: str | None
    jobs: tuple[str, ...]
    wages: dict[str, int]  #: of his own, by job key, before any raise
    step: int  #: what a raise adds
    phase: int  #: the week of the half year in which it comes
    hired: int  #: date
    left: int | None = None  #: the first date he is no longer there
    shared: bool = False  #: works at a second location too

    def works(self, ordinal: int) -> bool:
        return self.hired <= ordinal and (self.left is None or ordinal < self.left)


@dataclass(frozen=True, slots=True)
class House:
    """A location as an employer."""

    seed: int
    shop: Shop
    last_day: int
    jobs: dict[str, Job]
    employees: tuple[Employee, ...]
    break_types: tuple[str, str]  #: GUIDs: meal (unpaid), rest (paid)
    planting: Planting | None = None

    @property
    def index(self) -> int:
        return self.shop.restaurant.index

    @property
    def calendar(self) -> BusinessCalendar:
        return self.shop.calendar

    @property
    def has_clock(self) -> bool:
        return self.index not in NO_CLOCK

    @property
    def schedules(self) -> bool:
        """Whether its schedule is in Toast."""
        return self.has_clock and self.index not in NO_SCHEDULE

    @property
    def closes_punches(self) -> bool:
        """Whether Toast clocks everyone out at closeout; elsewhere the night crew works on past it."""
        return self.index % 3 != 1

    @property
    def ties_shifts(self) -> bool:
        """Whether a punch names its scheduled shift: only where the schedule is enforced at the clock."""
        return self.index % 4 == 0

    @property
    def counts_by_day(self) -> bool:
        """Whether hours beyond eight on a day are overtime, not only those beyond forty in a week."""
        return self.shop.restaurant.state == "CA"

    @property
    def manager_punches(self) -> bool:
        return self.index % 2 == 0

    def has_planted(self, kind: str, ordinal: int) -> bool:
        return self.planting is not None and self.planting.has(kind, self.index, ordinal)

    def wage(self, who: Employee, key: str, clocked_in: int, known_at: int) -> int | None:
        """What an hour that began at `clocked_in` is paid, as Toast knew it at `known_at`; None for a salary."""
        job = self.jobs[key]
        if job.salaried:
            return None
        own = who.wages.get(key)
        if own is None:
            return job.wage
        number = self._raises(who, self.calendar.date_of(clocked_in))
        if self.entered(who, number) > known_at:
            number -= 1
        return own + who.step * max(-_MOST_RAISES, min(_MOST_RAISES, number))

    def _raises(self, who: Employee, ordinal: int) -> int:
        """The number of his last raise that is in effect on a date, counted from one in the half year around the last day."""
        return (monday_of(ordinal) - monday_of(self.last_day) + 7 * who.phase) // (7 * RAISE_WEEKS)

    def entered(self, who: Employee, number: int) -> int:
        """When a raise was entered: on the Monday it takes effect, or, for half of them, in the week after."""
        effective = monday_of(self.last_day) - 7 * who.phase + number * 7 * RAISE_WEEKS
        late = (who.phase + number) % 2 == 0
        return self.calendar.at(effective + 8 + who.phase % 3, 15, who.phase) if late else self.calendar.opens(effective)

    def raise_after(self, who: Employee, key: str, clocked_in: int) -> int | None:
        """When a raise was entered that changes the wage of hours begun before; None if there is none."""
        if who.wages.get(key) is None or self.jobs[key].salaried:
            return None
        at = self.entered(who, self._raises(who, self.calendar.date_of(clocked_in)))
        return at if at > clocked_in else None

    def last_raise(self, who: Employee, at: int) -> int | None:
        """When his last raise before an instant was entered; None for a salary, or before he was hired."""
        if not who.wages:
            return None
        number = self._raises(who, self.calendar.date_of(at))
        entered = next(e for n in (number, number - 1) if (e := self.entered(who, n)) <= at)
        return entered if self.calendar.date_of(entered) >= who.hired else None


def monday_of(ordinal: int) -> int:
    return ordinal - (ordinal - 1) % 7  # ordinal 1 is a Monday


def set_up(seed: int, shop: Shop, last_day: int, kitchen: int) -> House:
    """The staff of a location, with so many line cooks."""
    dice = Dice(f"{seed}/staff/{shop.restaurant.index}")
    jobs = _jobs(shop, last_day, dice)
    roster = [*zip(shop.servers, _FRONT, strict=True), *zip(shop.managers, _MANAGERS, strict=True)]
    guids = [(_guid(ref), keys) for ref, keys in roster]
    guids += [(dice.guid(), keys) for keys in (*_BACK, *(("cook",),) * kitchen)]
    hires = _Hires(shop, last_day, jobs, dice)
    employees = [hires.employee(number, guid, keys) for number, (guid, keys) in enumerate(guids, start=1)]
    employees += hires.come_and_go(len(employees))
    if shared := _shared(seed, shop, hires):
        employees.append(shared)
    return House(seed, shop, last_day, jobs, tuple(employees), (dice.guid(), dice.guid()))


def _guid(ref: Ref) -> str:
    return str(msgspec.json.decode(ref)["guid"])


def default_wage(key: str, state: str) -> int:
    """The wage of a job in a state, to the quarter dollar but for tipped ones."""
    _, _, dollars, tipped, frequency, _ = _JOBS[key]
    if frequency == "SALARY":
        return round(dollars) * WAGE_UNIT
    if tipped and dollars < 1:
        return round((_TIPPED[state] + dollars) * 100) * (WAGE_UNIT // 100)
    return round(dollars * _LEVEL[state] * 4) * (WAGE_UNIT // 4)


def _jobs(shop: Shop, last_day: int, dice: Dice) -> dict[str, Job]:
    restaurant = shop.restaurant
    created = shop.calendar.at(restaurant.first_business_date.toordinal() - 30, 10)
    deleted = shop.calendar.at(last_day - JOB_DELETED, 12, 7)
    jobs = {}
    for key, (title, code, _, tipped, frequency, excluded) in _JOBS.items():
        unknown = key == "driver" and restaurant.index % 4 == 3
        jobs[key] = Job(
            key=key,
            guid=dice.guid(),
            title=title,
            code=code,
            frequency="PER_DELIVERY" if unknown else frequency,
            wage=default_wage(key, restaurant.state),
            tipped=tipped,
            excluded=excluded,
            created=created,
            deleted=deleted if key == "barback" else None,
        )
    return jobs


class _Hires:
    """Makes people up, each the same whoever is hired after them."""

    def __init__(self, shop: Shop, last_day: int, jobs: dict[str, Job], dice: Dice) -> None:
        self.shop, self.last_day, self.jobs, self.dice = shop, last_day, jobs, dice

    def employee(self, number: int, guid: str, keys: tuple[str, ...], *, hired: int | None = None, left: int | None = None) -> Employee:
        dice = self.dice
        first, last, index = dice.pick(_FIRST), dice.pick(LAST_NAMES), self.shop.restaurant.index
        wages = {key: self._own_wage(key) for key in keys if not self.jobs[key].salaried and dice.chance(0.7)}
        if "driver" in keys:
            wages.pop("driver", None)
        begun = self.shop.restaurant.first_business_date.toordinal() - 5
        return Employee(
            guid=guid,
            number=f"CK{index + 1:03}-{number:03}" if dice.chance(0.95) else None,
            first=first,
            chosen=first[:2] if dice.chance(0.1) else None,
            last=last if dice.chance(0.97) else None,
            email=f"{first}.{last}.{index + 1}{number:02}@example.com".lower() if dice.chance(0.9) else None,
            phone=f"55501{dice.upto(100_000):05}" if dice.chance(0.8) else None,
            jobs=keys,
            wages=wages,
            step=dice.pick((2_500, 5_000, 5_000, 7_500, 1_250)),
            phase=dice.upto(RAISE_WEEKS),
            hired=begun if hired is None else hired,
            left=left,
        )

    def _own_wage(self, key: str) -> int:
        """Up to two dollars above the default, some with half cents."""
        return self.jobs[key].wage + self.dice.between(0, 8) * 2_500 + (50 if self.dice.chance(0.1) else 0)

    def come_and_go(self, count: int) -> list[Employee]:
        """One who has just begun, and one who has just left."""
        new = self.employee(count + 1, self.dice.guid(), ("server", "training"), hired=self.last_day - NEW_HIRE)
        return [new, self.employee(count + 2, self.dice.guid(), ("dish", "cook"), left=self.last_day - LEAVER)]


def _shared(seed: int, shop: Shop, hires: _Hires) -> Employee | None:
    """The cook who works the first half of the week at one location and the second half at another in the same zone."""
    home = shared_home(shop.restaurant.index)
    if home is None:
        return None
    person = Dice(f"{seed}/shared/{home}")
    first, last, number = person.pick(_FIRST), person.pick(LAST_NAMES), f"CK-S{home + 1:03}"
    guid, wage = hires.dice.guid(), hires.jobs["cook"].wage + 10_000
    begun = shop.restaurant.first_business_date.toordinal()
    email = f"{first}.{last}.s{home + 1}@example.com".lower()
    return Employee(guid, number, first, None, last, email, None, ("cook",), {"cook": wage}, 5_000, person.upto(26), begun, shared=True)


def shared_home(index: int) -> int | None:
    """The first of the two locations that share a cook with this one, if any does: 0 with 4, 1 with 5, 8 with 12, ..."""
    return index if index % 8 < 2 else index - 4 if index % 8 in (4, 5) else None
