"""Time entries and scheduled shifts: their states, one per change, and how hours are reckoned.

Instants are ms. Hours are integers in 1/10,000 of an hour, wages in 1/10,000 of a dollar, tips and sales cents.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from restaurant_os.simulator.businessdays import HOUR
from restaurant_os.simulator.staff import Employee, Job

HOUR_UNIT = 10_000
_WEEK_HOURS, _DAY_HOURS = 40 * HOUR, 8 * HOUR


@dataclass(frozen=True, slots=True)
class Break:
    """One break. A missed one has only a beginning: when it was due. Without an end it is still going on."""

    guid: str
    begun: int
    ended: int | None = None
    paid: bool = False
    missed: bool = False
    waived: bool = False
    audit: bool | None = None
    typed: bool = True  #: whether it names its break type

    @property
    def is_deducted(self) -> bool:
        return not (self.paid or self.missed)


@dataclass(frozen=True, slots=True)
class Tips:
    """What Toast puts on a time entry when it is closed, cents. None is no value."""

    cash: int | None = 0
    card: int | None = 0
    cash_gratuity: int = 0
    card_gratuity: int = 0
    withheld: int = 0
    rounding: int | None = None
    cash_sales: int = 0
    card_sales: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """A time entry from `modified` until its next change."""

    modified: int
    clocked_in: int
    clocked_out: int | None
    job: Job | None
    wage: int | None  #: None: a salaried job
    breaks: tuple[Break, ...] = ()
    automatic: bool = False
    deleted: bool = False
    regular: int = 0
    overtime: int = 0
    tips: Tips = field(default_factory=Tips)

    @property
    def is_counted(self) -> bool:
        """Whether labor reports count it."""
        return not self.deleted and not (self.job is not None and self.job.excluded)


@dataclass(slots=True)
class Entry:
    """A time entry and all its states; their `modified` strictly grow."""

    guid: str
    who: Employee
    external: str | None = None
    shift: Shift | None = None  #: the shift it names
    shift_as_text: bool = False  #: named by a bare GUID
    plain: bool = False  #: whether what may be null is null
    planted: bool = False
    states: list[State] = field(default_factory=list)

    def at(self, instant: int) -> State | None:
        """The state it is in; None before it is made."""
        place = bisect_right(self.states, instant, key=_modified)
        return self.states[place - 1] if place else None


def _modified(state: State | ShiftState) -> int:
    return state.modified


@dataclass(frozen=True, slots=True)
class ShiftState:
    """A scheduled shift from `modified` until its next change."""

    modified: int
    start: int
    end: int
    who: Employee | None
    deleted: bool = False


@dataclass(slots=True)
class Shift:
    """A scheduled shift and all its states."""

    guid: str
    job: Job
    external: str | None = None
    states: list[ShiftState] = field(default_factory=list)

    def at(self, instant: int) -> ShiftState | None:
        place = bisect_right(self.states, instant, key=_modified)
        return self.states[place - 1] if place else None


def worked(clocked_in: int, clocked_out: int, breaks: Iterable[Break]) -> int:
    """Milliseconds of work between two instants, without the unpaid breaks; one that has not ended lasts to the end."""
    away = 0
    for pause in breaks:
        if pause.is_deducted:
            end = clocked_out if pause.ended is None else min(pause.ended, clocked_out)
            away += max(0, end - max(pause.begun, clocked_in))
    return clocked_out - clocked_in - away


def hours_of(ms: int) -> int:
    """A duration in 1/10,000 of an hour, half to even."""
    return round(ms / (HOUR // HOUR_UNIT))


def split_hours(ms: int, week: int, day: int, *, by_day: bool) -> tuple[int, int]:
    """Regular and overtime hours of an entry, when so much (ms) was worked before it in the week and on the day."""
    beyond = max(0, week + ms - _WEEK_HOURS)
    if by_day:
        beyond = max(beyond, day + ms - _DAY_HOURS)
    whole, overtime = hours_of(ms), hours_of(min(ms, beyond))
    return whole - overtime, overtime


def pay(hours: int, wage: int, half_again: bool = False) -> int:
    """Hours times wage in 1/10,000 of a dollar, half to even; one and a half times for overtime."""
    product, unit = (hours * wage * 3, 2 * HOUR_UNIT) if half_again else (hours * wage, HOUR_UNIT)
    whole, rest = divmod(product, unit)
    return whole + (1 if rest * 2 > unit or (rest * 2 == unit and whole % 2) else 0)
