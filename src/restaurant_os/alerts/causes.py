"""Why labor is over its level, in dollars, and the smallest thing that could be done about it. Pure: all it needs is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from restaurant_os.alerts.crew import HOUR, Crew, Punch, Shift
from restaurant_os.alerts.numbers import clock
from restaurant_os.alerts.wording import dollars, shown
from restaurant_os.settings import Location
from restaurant_os.text import count

#: What costs less is not worth a line.
LEAST_DOLLARS = 5.0
MOST_DRIVERS = 3
MOST_NAMES = 3
#: So long before and after the forecast peak nobody is let go.
PEAK_MARGIN = timedelta(minutes=60)
#: People go on a quarter of an hour, are told before, and for less than this nobody does.
STEP, NOTICE, SHORTEST = timedelta(minutes=15), timedelta(minutes=5), timedelta(minutes=30)
#: Who is clocked in so long before a shift has come for it.
EARLY = timedelta(hours=2)
#: Of a job title that the settings do not name, somebody stays.
USUAL_MINIMUM = 1


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the same weekday usually sells in an hour."""

    starts_at: datetime
    ends_at: datetime
    sales: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A location's day as of an instant. Dollars; `level` and `clear` in percent."""

    place: Location
    day: date
    as_of: datetime
    closes_at: datetime
    level: float
    clear: float
    sales: float
    #: What the same weekday usually sold by now; None unknown.
    usual_sales: float | None
    projected_sales: float
    projected_labor: float
    hours: Sequence[Forecast] = ()

    def clock(self, instant: datetime) -> str:
        return clock(instant, self.place)


# --- why --------------------------------------------------------------------------------------------------------------


def drivers(scene: Scene, crew: Crew) -> tuple[str, ...]:
    """The largest first, at most three: each begins with the labor dollars that it explains."""
    found = [_sales_below(scene), _over_schedule(scene, crew), _overtime(scene, crew)]
    told = sorted((one for one in found if one and one[0] >= LEAST_DOLLARS), key=lambda one: -one[0])
    return tuple(f"{dollars(amount)}: {text}" for amount, text in told[:MOST_DRIVERS])


def _sales_below(scene: Scene) -> tuple[float, str] | None:
    """Sales that are missing explain as much labor as the level lets them pay for."""
    if scene.usual_sales is None or scene.usual_sales <= scene.sales:
        return None
    missing = scene.usual_sales - scene.sales
    told = f"sales are {dollars(missing)} below a usual {scene.day:%A} by {scene.clock(scene.as_of)}"
    return missing * scene.level / 100, f"{told}, and would pay for so much labor at {shown('percent', scene.level)}"


def _over_schedule(scene: Scene, crew: Crew) -> tuple[float, str] | None:
    """What was worked beyond what was planned so far: by job, so that one who stands in for another adds nothing."""
    if not crew.shifts:
        return None
    hours, cost = defaultdict[str, float](float), 0.0
    for punch in crew.punches:
        if punch.wage is not None:
            worked = punch.worked(scene.as_of)
            hours[punch.job] += worked
            cost += worked * punch.wage
    for shift in crew.shifts:
        if shift.wage is not None:
            planned = shift.planned(shift.starts, scene.as_of)
            hours[shift.job] -= planned
            cost -= planned * shift.wage
    over = sorted(((more, job) for job, more in hours.items() if more >= 0.05), key=lambda one: (-one[0], one[1]))
    if not over:
        return None
    jobs = ", ".join(f"{job or 'no job'} by {more:.1f} h" for more, job in over[:MOST_NAMES])
    planned_people = {shift.employee for shift in crew.shifts}
    unplanned = [one for one in crew.punches if one.is_running(scene.as_of) and one.wage is not None and one.employee not in planned_people]
    return cost, f"staff over schedule, {jobs}" + (f"; clocked in and not scheduled: {_names(unplanned)}" if unplanned else "")


def _names(people: Sequence[Punch]) -> str:
    names = list(dict.fromkeys(one.name or one.job or "somebody" for one in people))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _overtime(scene: Scene, crew: Crew) -> tuple[float, str] | None:
    """What overtime cost beyond the same hours at the wage: of closed punches, an open one has none yet."""
    own = [one for one in crew.punches if one.overtime_extra > 0 and one.ends is not None and one.ends <= scene.as_of]
    if not own:
        return None
    return sum(one.overtime_extra for one in own), f"overtime today, {sum(one.overtime_hours for one in own):.1f} h beyond regular pay"


# --- what could be done -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """One person could go. `saved`: dollars until the end of the shift."""

    saved: float
    job: str
    staff: int
    goes: datetime
    until: datetime
    employee: str


def suggestion(scene: Scene, crew: Crew, minimum: Mapping[str, int]) -> str:
    """The smallest change that brings the projection to the clear level, else the one with most effect; '' when there is none.

    `minimum`: people by job title that must stay.
    """
    ways = list(_ways(scene, crew, {job.strip().lower(): least for job, least in minimum.items()}))
    if not ways:
        return ""
    enough = [one for one in ways if scene.projected_labor - one.saved <= scene.clear / 100 * scene.projected_sales]
    best = min(enough or ways, key=lambda one: (one.saved if enough else -one.saved, one.goes, one.job, one.employee))
    who = f"One of {best.staff} {plural(best.job)}" if best.staff > 1 else f"The one {best.job.lower()}"
    until = "close" if best.until >= scene.closes_at else scene.clock(best.until)
    return f"{who} could go at {scene.clock(best.goes)}: about ${best.saved:,.0f} until {until}."


def _ways(scene: Scene, crew: Crew, minimum: Mapping[str, int]) -> Iterable[Way]:
    here = [one for one in crew.punches if one.is_running(scene.as_of) and one.job and one.wage]
    ends = {one.entry: _end_of(one, crew.shifts, scene) for one in here}
    guarded = peaks(scene.hours, scene.as_of)
    for one in here:
        until = ends[one.entry]
        if until is None or one.wage is None:
            continue  # nobody knows how long it would have been
        team = [other for other in here if other.job.lower() == one.job.lower()]
        spans = _presence(one, team, ends, crew.shifts, scene)
        for goes in _quarters(scene.as_of + NOTICE, until - SHORTEST):
            if any(goes < last and first < until for first, last in guarded):
                continue
            if _fewest(spans, goes, until) >= minimum.get(one.job.lower(), USUAL_MINIMUM):
                yield Way((until - goes) / HOUR * one.wage, one.job, len(team), goes, until, one.employee)


def peaks(hours: Sequence[Forecast], as_of: datetime) -> list[tuple[datetime, datetime]]:
    """The spans in which nobody is to be missing: around the day's largest hour, and around the largest that is still to come.

    The hour that goes on is no peak to come: when it is the largest, sales are on their way down.
    """
    ahead = [one for one in hours if one.ends_at > as_of]
    tops = [max(some, key=lambda one: one.sales) for some in (hours, ahead) if some]
    return [(one.starts_at - PEAK_MARGIN, one.ends_at + PEAK_MARGIN) for one in tops if one is tops[0] or one.starts_at > as_of]


def _end_of(punch: Punch, shifts: Sequence[Shift], scene: Scene) -> datetime | None:
    """When somebody who is clocked in is planned to go; None without a plan."""
    begun = [one for one in shifts if one.starts - EARLY <= scene.as_of < one.ends]
    own = [one.ends for one in begun if punch.employee and one.employee == punch.employee]
    return min(max(own), scene.closes_at) if own else None


def _presence(
    gone: Punch, team: Sequence[Punch], ends: Mapping[str, datetime | None], shifts: Sequence[Shift], scene: Scene
) -> list[tuple[datetime, datetime]]:
    """When the others of a job are there: those clocked in until their planned end, and those still to come."""
    others = [(scene.as_of, ends[one.entry] or scene.closes_at) for one in team if one is not gone]
    here = {one.employee for one in team} | {""}
    to_come = [one for one in shifts if one.starts > scene.as_of and one.job.lower() == gone.job.lower()]
    return others + [(one.starts, one.ends) for one in to_come if one.employee not in here]


def _fewest(spans: Sequence[tuple[datetime, datetime]], first: datetime, last: datetime) -> int:
    """The fewest that are there at any time of a span: a number that falls only where one of them goes."""
    moments = [first, *(end for _, end in spans if first < end < last)]
    return min(sum(start <= at < end for start, end in spans) for at in moments)


def _quarters(first: datetime, last: datetime) -> Iterable[datetime]:
    """The quarters of an hour from one instant to another. Every zone's clock agrees on them."""
    goes = datetime.fromtimestamp(-(-first.timestamp() // STEP.total_seconds()) * STEP.total_seconds(), UTC)
    while goes <= last:
        yield goes
        goes += STEP


def plural(job: str) -> str:
    """`Line Cook`: line cooks. A title that ends in s stays."""
    name = job.lower()
    return name if name.endswith("s") else count(2, name).removeprefix("2 ")
