"""What labor a schedule still plans for a business day, beside the people who are clocked in.

Pure: shifts and punches in, cost and hours out. Dollars are of the wage; breaks and overtime are not foreseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Who clocks in at most so long before a shift begins came for that shift.
EARLY = timedelta(hours=2)
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Shift:
    """A scheduled shift of somebody with an hourly wage. `wage`: dollars an hour."""

    shift_id: str
    employee: str
    job: str
    starts_at: datetime
    ends_at: datetime
    wage: float


@dataclass(frozen=True, slots=True)
class Punch:
    """A time entry of an hourly job that counts. `ends_at` None: no clock-out yet."""

    employee: str
    job: str
    shift_id: str
    starts_at: datetime
    ends_at: datetime | None
    wage: float

    def is_open(self, instant: datetime) -> bool:
        """Whether its employee was clocked in at an instant."""
        return self.starts_at <= instant and (self.ends_at is None or self.ends_at > instant)


def ahead(shifts: Sequence[Shift], punches: Sequence[Punch], as_of: datetime, ends_at: datetime) -> tuple[float, float]:
    """Cost and hours that are planned after `as_of` and before the day ends.

    A shift that somebody is clocked in for counts once, at the wage of the punch, from `as_of` to its planned end: nothing where that is past. One that its
    employee left counts no more. One that nobody has come for counts from `as_of` on, however late it is: the place may yet be filled. Who is clocked in
    without a shift counts nothing: nobody knows until when.
    """
    cost = hours = 0.0
    came_for = _came_for(shifts, [punch for punch in punches if punch.starts_at <= as_of])
    for place, shift in enumerate(shifts):
        starts_at, wage = max(shift.starts_at, as_of), shift.wage
        if place in came_for:
            working = next((punch for punch in came_for[place] if punch.is_open(as_of)), None)
            if working is None:
                continue
            starts_at, wage = as_of, working.wage
        left = (min(shift.ends_at, ends_at) - starts_at).total_seconds() / SECONDS_PER_HOUR
        if left > 0:
            cost, hours = cost + left * wage, hours + left
    return cost, hours


def _came_for(shifts: Sequence[Shift], punches: Sequence[Punch]) -> dict[int, list[Punch]]:
    """By a shift's place, the punches that were for it: the one that the punch names, else the nearest of the same person, of the same job first."""
    own: dict[str, list[int]] = {}
    for place, shift in enumerate(shifts):
        own.setdefault(shift.employee, []).append(place)
    found: dict[int, list[Punch]] = {}
    for punch in punches:
        near = [
            (
                shifts[place].shift_id != punch.shift_id,
                shifts[place].job != punch.job,
                abs(punch.starts_at - shifts[place].starts_at),
                place,
            )
            for place in own.get(punch.employee, ())
            if shifts[place].shift_id == punch.shift_id or shifts[place].starts_at - EARLY <= punch.starts_at < shifts[place].ends_at
        ]
        if near:
            found.setdefault(min(near)[-1], []).append(punch)
    return found
