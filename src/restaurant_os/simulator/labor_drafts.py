"""What truly happens in a week of one location: what is scheduled, who comes to work it, when, and with which breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from restaurant_os.simulator.businessdays import HOUR, MINUTE
from restaurant_os.simulator.dice import Dice, Weighted
from restaurant_os.simulator.labor_punches import Break, Shift, ShiftState, worked
from restaurant_os.simulator.planting import FORGETS, FORGOTTEN, MOST_LATE_MINUTES
from restaurant_os.simulator.staff import Employee, House
from restaurant_os.simulator.staff_plan import FULL_WEEK, Assignment, plan_week

_KINDS = Weighted(
    [
        ("plain", 700),
        ("late", 70),
        ("early", 40),
        ("leaves early", 25),
        ("stays late", 40),
        ("no show", 14),
        ("forgot to clock in", 16),
        ("forgot to clock out", 28),
        ("walked off on break", 4),
        ("clocked in twice", 10),
        ("wrong job", 8),
        ("overlap", 9),
        ("edited after payroll", 12),
        ("entered twice", 6),
        ("in time moved", 6),
    ]
)
_SALARIED_KINDS = Weighted([("plain", 90), ("forgot to clock out", 8), ("late", 2)])
_FORGETFUL = ("forgot to clock out", "walked off on break")
_LEFT_OPEN = (*_FORGETFUL, "overlap")  #: what leaves a punch open long past its shift
_DAY_ENDS = 17  #: local hour by which the day shift has gone
_MEALS = Weighted([("taken", 74), ("missed", 10), ("waived", 8), ("none", 8)])


@dataclass(slots=True)
class Draft:
    """One punch before it is told: what is true, whatever the clock says."""

    work: Assignment
    who: Employee
    kind: str
    dice: Dice
    start: int
    end: int
    shift: Shift | None = None
    breaks: list[Break] = field(default_factory=list)
    #: Milliseconds worked before in the week and on the day, by which overtime is reckoned.
    week: int = 0
    day: int = 0
    planted: bool = False

    @property
    def true_work(self) -> int:
        return worked(self.start, self.end, self.breaks)


@dataclass(frozen=True, slots=True)
class _Crew:
    """Who is there on which day of a week, and for how long, in a world where nobody covers beyond a full week or where he is already."""

    plan: Sequence[Assignment]
    drafts: Sequence[Draft]  #: so far: those who cover are in none of the plan

    def may_cover(self, who: Employee, work: Assignment) -> bool:
        extra = [draft.work for draft in self.drafts if draft.who is who and draft.work.who is not who]
        own = [*(planned for planned in self.plan if planned.who is who), *extra]
        return all(one.ordinal != work.ordinal for one in own) and sum(one.end - one.start for one in (*own, work)) <= FULL_WEEK


def drafts_of(house: House, monday: int) -> tuple[list[Draft], list[Shift]]:
    """The punches and the schedule of the week that begins on a Monday (ordinal)."""
    dice = Dice(f"{house.seed}/labor/{house.index}/{monday}")
    plan = plan_week(house, monday)
    shifts = {id(work): _publish(house, work, monday, dice) for work in plan if house.schedules and work.scheduled}
    drafts: list[Draft] = []
    crew = _Crew(plan, drafts) if house.planting else None
    planted = {id(work) for ordinal in range(monday, monday + 7) for work in _forgetful(house, ordinal, plan, shifts)}
    for work in plan if house.has_clock else ():
        drafts += _drafts(house, work, shifts.get(id(work)), Dice(dice.getrandbits(62)), crew, planted=id(work) in planted)
    _count_up(house, drafts)
    return drafts, list(shifts.values())


def _forgetful(house: House, ordinal: int, plan: list[Assignment], shifts: dict[int, Shift]) -> list[Assignment]:
    """Whose clock-out is planted as forgotten on a business date: one of the day shift who surely comes."""
    if not house.has_planted(FORGOTTEN, ordinal):
        return []
    evening, today = house.calendar.at(ordinal, _DAY_ENDS), [work for work in plan if work.ordinal == ordinal]
    coming = [work.who.guid for work in today if work.who]
    able = [work for work in today if work.who and work.scheduled and not work.who.shared and work.end <= evening]
    once = [work for work in able if work.who and coming.count(work.who.guid) == 1]  # no later shift of the day explains the open punch
    return [work for work in once if not (id(work) in shifts and shifts[id(work)].states[-1].deleted)][-1:]


# --- the schedule ---------------------------------------------------------------------------------------------------------


def _publish(house: House, work: Assignment, monday: int, dice: Dice) -> Shift:
    """The shift as it is published before the week, and as it is changed the day before or called off."""
    shift = Shift(dice.guid(), house.jobs[work.key], f"CKSCHED:{dice.upto(10**6):06}" if dice.chance(0.05) else None)
    published = house.calendar.at(monday - 4, 16, dice.upto(50)) + dice.upto(MINUTE)
    shift.states.append(ShiftState(published, work.start, work.end, work.who))
    day_before = house.calendar.at(work.ordinal - 1, 14, dice.upto(60)) + dice.upto(MINUTE)
    if work.called_off:
        called_off = house.calendar.opens(work.ordinal) - dice.upto(HOUR)
        shift.states.append(ShiftState(called_off, work.start, work.end, work.who, deleted=True))
    elif dice.chance(0.04):
        moved = dice.pick((-30, 30, 60)) * MINUTE
        work.start, work.end = work.start + moved, max(work.end, work.start + moved + 3 * HOUR)
        shift.states.append(ShiftState(day_before, work.start, work.end, work.who))
    elif dice.chance(0.02):
        shift.states.append(ShiftState(day_before, work.start, work.end, work.who, deleted=True))
    return shift


# --- what is true ---------------------------------------------------------------------------------------------------------


def _drafts(house: House, work: Assignment, shift: Shift | None, dice: Dice, crew: _Crew | None, *, planted: bool) -> list[Draft]:
    """The punches that come of an assignment: one, none, or two. `crew`: by which it is judged who covers for somebody; None: anybody does."""
    who = work.who
    if who is None or (not work.scheduled and not house.manager_punches and work.key == "gm"):
        return []
    if work.called_off:
        return [_draft(work, who, "sent home", dice, work.start, work.start + 95 * MINUTE)] if work.key == "prep" else []
    kind = (_KINDS if work.scheduled else _SALARIED_KINDS).draw(dice)
    if house.planting and kind in _LEFT_OPEN and not dice.chance(FORGETS):
        kind = "plain"
    if planted:
        kind = "forgot to clock out"
    if shift is not None and shift.states[-1].deleted:
        kind = "no show" if dice.chance(0.6) else "plain"
    if kind == "no show":
        return _cover(house, work, dice, crew)
    start, end = work.start + dice.between(-6, 7) * MINUTE, work.end + dice.between(-8, 20) * MINUTE
    if work.key == "prep":  # a quarter of an hour after closeout, or before it
        start = work.start + (dice.between(-30, -17) if dice.chance(0.25) else dice.between(-12, 3)) * MINUTE
    if kind == "late":
        start = work.start + dice.between(12, 45) * MINUTE
    elif kind == "early":
        start = work.start - dice.between(18, 40) * MINUTE
    elif kind == "leaves early":
        end = work.end - dice.between(25, 110) * MINUTE
    elif kind == "stays late":
        end = work.end + dice.between(35, MOST_LATE_MINUTES if house.planting else 110) * MINUTE
    draft = _draft(work, who, kind, dice, start, end, shift)
    draft.planted = planted
    return [draft]


def _cover(house: House, work: Assignment, dice: Dice, crew: _Crew | None) -> list[Draft]:
    """Half of those who do not come are covered for by somebody whom no schedule knows of."""
    able = [who for who in house.employees if work.key in who.jobs and who is not work.who and who.works(work.ordinal) and not who.shared]
    able = [who for who in able if crew is None or crew.may_cover(who, work)]
    if not able or dice.chance(0.5):
        return []
    start = work.start + dice.between(35, 70) * MINUTE
    return [_draft(work, dice.pick(able), "plain", dice, start, max(work.end, start + 2 * HOUR))]


def _draft(work: Assignment, who: Employee, kind: str, dice: Dice, start: int, end: int, shift: Shift | None = None) -> Draft:
    draft = Draft(work, who, kind, dice, start + dice.upto(MINUTE), end + dice.upto(MINUTE), shift)
    if work.scheduled:
        _plan_breaks(draft)
    return draft


def _plan_breaks(draft: Draft) -> None:
    dice, length = draft.dice, draft.end - draft.start
    if length < 4 * HOUR:
        return
    if length >= 6 * HOUR:
        due = draft.start + length // 2 + dice.between(-30, 30) * MINUTE
        audit = True if dice.chance(0.3) else None
        how = "taken" if draft.kind == "walked off on break" else _MEALS.draw(dice)
        if how == "taken":
            end = due + dice.between(27, 36) * MINUTE + dice.upto(MINUTE)
            draft.breaks.append(Break(dice.guid(), due, end, audit=audit, typed=dice.chance(0.97)))
        elif how != "none":
            draft.breaks.append(Break(dice.guid(), due, missed=True, waived=how == "waived", audit=audit))
    if dice.chance(0.3):
        rest = draft.start + length // 4 + dice.upto(20 * MINUTE)
        draft.breaks.insert(0, Break(dice.guid(), rest, rest + dice.between(8, 13) * MINUTE, paid=True))


def _count_up(house: House, drafts: list[Draft]) -> None:
    """What each had worked before, in the order of their coming."""
    week: dict[str, int] = {}
    day: dict[tuple[str, int], int] = {}
    for draft in sorted(drafts, key=lambda draft: draft.start):
        if house.jobs[draft.work.key].salaried:
            continue
        today = draft.who.guid, draft.work.ordinal
        draft.week, draft.day = week.get(draft.who.guid, 0), day.get(today, 0)
        week[draft.who.guid] = draft.week + draft.true_work
        day[today] = draft.day + draft.true_work
