"""A week of punches at one location as the clock has them: clocked in, on break, out, forgotten, and what is mended later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from restaurant_os.simulator.businessdays import DAY, HOUR, MINUTE
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.labor_drafts import Draft, drafts_of
from restaurant_os.simulator.labor_punches import Break, Entry, Shift, State, Tips, split_hours, worked
from restaurant_os.simulator.staff import House

#: No entry changes later than this after its clock-in.
LATEST_EDIT = 16 * DAY


class Change(NamedTuple):
    """What becomes of an entry at an instant; the names are those of `State`."""

    at: int
    what: dict[str, Any]


class Week(NamedTuple):
    entries: list[Entry]
    shifts: list[Shift]


def live_week(house: House, monday: int) -> Week:
    """All that is scheduled and punched in the week that begins on a Monday (ordinal)."""
    drafts, shifts = drafts_of(house, monday)
    return Week([entry for draft in drafts for entry in Teller(house, draft).tell()], shifts)


class Teller:
    """Tells one punch: its changes in the order of time, each a state of the entry."""

    def __init__(self, house: House, draft: Draft) -> None:
        self.house = house
        self.draft = draft
        self.dice = draft.dice
        self.key = draft.work.key
        self.changes: list[Change] = []
        self.more: list[Entry] = []
        self.cutoff = house.calendar.closes(house.calendar.date_of(draft.start))

    def tell(self) -> list[Entry]:
        """The entry, and those that come of it."""
        draft, kind = self.draft, self.draft.kind
        entry = self._entry()
        if kind == "wrong job":
            self.key = next((key for key in draft.who.jobs if key != draft.work.key), self.key)
        if kind == "forgot to clock in":
            self._is_entered_by_hand()
        else:
            self._happens_at_the_clock()
        self._is_mended()
        self._write(entry, self.changes)
        return [entry, *self.more]

    def morning(self, days: int = 1) -> int:
        """When the manager goes over the punches of the day, so many days later."""
        ordinal = self.draft.work.ordinal + days
        return self.house.calendar.at(ordinal, self.dice.between(9, 10), self.dice.upto(60)) + self.dice.upto(MINUTE)

    # --- the first telling ---

    def _is_entered_by_hand(self) -> None:
        """He worked unseen; a manager enters it later that day, or all of it next morning."""
        draft = self.draft
        noticed = draft.start + self.dice.between(40, 200) * MINUTE
        if noticed < min(draft.end, self.cutoff) and self.dice.chance(0.5):
            self._at(noticed, clocked_in=draft.start)
            self._works(noticed)
            self._leaves(draft.end)
        else:
            self._at(max(self.morning(), draft.end + MINUTE), **self._closed(), breaks=tuple(draft.breaks))

    def _happens_at_the_clock(self) -> None:
        draft = self.draft
        self._at(draft.start, clocked_in=draft.start)
        self._works(draft.start)
        if draft.kind in ("forgot to clock out", "walked off on break"):
            self._is_forgotten()
        else:
            self._leaves(draft.end)

    def _works(self, since: int) -> None:
        """The breaks of the shift as they begin and end; a missed one shows half an hour after it was due."""
        done: list[Break] = []
        for pause in self.draft.breaks:
            walked_off = self.draft.kind == "walked off on break" and pause.is_deducted
            if pause.missed:
                done.append(pause)
                self._at(max(pause.begun + 30 * MINUTE, since), breaks=tuple(done))
                continue
            self._at(max(pause.begun, since), breaks=(*done, replace(pause, ended=None)))
            if walked_off:
                break
            done.append(pause)
            self._at(max(pause.ended or 0, since + 1), breaks=tuple(done))

    def _leaves(self, end: int) -> None:
        """He clocks out, unless Toast has done it before him."""
        if self.house.closes_punches and end >= self.cutoff:
            self._is_cut_off(end)
        else:
            self._at(end, **self._closed())

    def _is_cut_off(self, end: int) -> None:
        """Toast clocks him out at closeout though he works on. Who has only come clocks in anew; else a manager may mend it."""
        if self.draft.start > self.cutoff - HOUR:
            self._is_closed_at_cutoff(breaks=())
            self._comes_again(self.cutoff + self.dice.between(1, 6) * MINUTE, end)
            return
        self._is_closed_at_cutoff()
        if self.dice.chance(0.6):
            self._at(self.morning(), **self._closed())

    def _is_closed_at_cutoff(self, **more: Any) -> None:
        self.changes = [change for change in self.changes if change.at < self.cutoff]
        self._at(self.cutoff, clocked_out=self.cutoff, automatic=True, tips=self._tips(), **more)

    def _comes_again(self, start: int, end: int) -> None:
        """A second entry on the new business day; now and then it is deleted and the first one made whole."""
        draft = self.draft
        self.more.append(entry := self._entry())
        changes = [Change(start, {"clocked_in": start})]
        changes.append(Change(end, {"clocked_out": end, "breaks": tuple(draft.breaks), "tips": self._tips()}))
        if self.dice.chance(0.3):
            mended = self.morning()
            changes.append(Change(mended, {"deleted": True}))
            self._at(mended, **self._closed(), breaks=tuple(draft.breaks))
        self._write(entry, changes)

    def _is_forgotten(self) -> None:
        """Toast clocks him out at closeout where it does that; a manager enters the true end next morning, or later, or never."""
        draft = self.draft
        mended = self.dice.random()
        if self.house.closes_punches:
            self._is_closed_at_cutoff(**self._break_ended(self.cutoff))
        if draft.planted:
            return
        if mended < 0.75:
            self._at(self.morning(), **self._closed(), **self._break_ended(draft.end))
        elif mended < 0.93 and not self.house.closes_punches:
            self._at(self.morning(self.dice.between(2, 4)), **self._closed(), **self._break_ended(draft.end))

    def _break_ended(self, end: int) -> dict[str, Any]:
        """The break he walked off on ends with the entry."""
        if self.draft.kind != "walked off on break":
            return {}
        begun = [pause for pause in self.draft.breaks if pause.begun < end]
        return {"breaks": tuple(replace(p, ended=end) if p.is_deducted else p for p in begun)}

    # --- what is mended later ---

    def _is_mended(self) -> None:
        draft, dice = self.draft, self.dice
        match draft.kind:
            case "wrong job":
                self._at(self.morning(), job=self.house.jobs[draft.work.key])
            case "edited after payroll":
                self._at(self.morning(dice.between(7, 9)), **self._closed(draft.end + dice.pick((-30, -15, 15, 45)) * MINUTE))
            case "in time moved":
                earlier = draft.start - dice.between(10, 50) * MINUTE
                self._at(self.morning(), clocked_in=earlier)
            case "clocked in twice":
                again = draft.start + dice.between(1, 4) * MINUTE
                self._another(again, again + dice.between(1, 3) * MINUTE, deleted=self.morning())
            case "overlap":
                self._another(draft.end - dice.between(30, 90) * MINUTE, draft.end + dice.between(40, 120) * MINUTE)
            case "entered twice":
                entered = self.morning()
                self._another(draft.start, draft.end, entered=entered, deleted=self.morning(dice.between(2, 8)) + HOUR)
            case _:
                pass

    def _another(self, start: int, end: int, *, entered: int | None = None, deleted: int | None = None) -> None:
        """A second entry of the same person that he should not have, or only until it is found."""
        self.more.append(entry := self._entry())
        changes = [] if entered else [Change(start, {"clocked_in": start})]
        if self.house.closes_punches and end >= self.cutoff:
            end = max(self.cutoff - self.dice.between(1, 5) * MINUTE, start + 1)
        changes.append(Change(entered or end, {"clocked_in": start, "clocked_out": end}))
        if deleted:
            changes.append(Change(max(deleted, changes[-1].at + MINUTE), {"deleted": True}))
        self._write(entry, changes)

    # --- states ---

    def _at(self, at: int, **what: Any) -> None:
        self.changes.append(Change(at, what))

    def _closed(self, end: int | None = None) -> dict[str, Any]:
        return {"clocked_out": self.draft.end if end is None else end, "automatic": False, "tips": self._tips()}

    def _entry(self) -> Entry:
        draft, dice = self.draft, self.dice
        names_shift = self.house.ties_shifts and draft.shift is not None
        return Entry(
            guid=dice.guid(),
            who=draft.who,
            external=f"CKTIME:{dice.upto(10**7):07}" if dice.chance(0.02) else None,
            shift=draft.shift if names_shift else None,
            shift_as_text=dice.chance(0.15),
            plain=dice.chance(0.03),
            planted=draft.planted,
        )

    def _write(self, entry: Entry, changes: list[Change]) -> None:
        """Make a state of each change and of each raise that is entered after the clock-in."""
        house, who = self.house, self.draft.who
        job = None if entry.plain and self.dice.chance(0.3) else house.jobs[self.key]
        raised = house.raise_after(who, self.key, self.draft.start)
        if raised is not None and not house.jobs[self.key].salaried and raised > changes[0].at:
            changes = [*changes, Change(raised, {})]
        state = State(0, self.draft.start, None, job, None)
        for at, what in sorted(changes, key=lambda change: change.at):
            if state.deleted:
                break
            state = replace(state, modified=max(at, state.modified + 1), **what)
            key = self.key if state.job is None else state.job.key
            state = replace(state, wage=house.wage(who, key, state.clocked_in, state.modified))
            entry.states.append(self._with_hours(state))

    def _with_hours(self, state: State) -> State:
        if state.clocked_out is None:
            return state
        draft = self.draft
        length = worked(state.clocked_in, state.clocked_out, state.breaks)
        if state.wage is None:
            regular, overtime = split_hours(length, 0, 0, by_day=False)
            return replace(state, regular=regular + overtime, overtime=0)
        regular, overtime = split_hours(length, draft.week, draft.day, by_day=self.house.counts_by_day)
        return replace(state, regular=regular, overtime=overtime)

    def _tips(self) -> Tips:
        """What the shift brought, the same however often it is told."""
        if not self.house.jobs[self.draft.work.key].tipped:
            return Tips()
        dice = Dice(f"tips/{self.draft.start}/{self.draft.who.guid}")
        hours = max(1, (self.draft.end - self.draft.start) // HOUR)
        card, cash = dice.between(900, 2_300) * hours, dice.upto(800) * hours
        gratuity = dice.between(1_500, 9_000) if dice.chance(0.12) else 0
        return Tips(
            cash=None if dice.chance(0.03) else cash,
            card=None if dice.chance(0.01) else card,
            cash_gratuity=gratuity if dice.chance(0.2) else 0,
            card_gratuity=gratuity,
            withheld=card * 3 // 100 if self.house.index % 2 else 0,
            rounding=dice.upto(5) if dice.chance(0.3) else None,
            cash_sales=dice.between(800, 3_000) * hours,
            card_sales=dice.between(6_000, 12_000) * hours,
        )
