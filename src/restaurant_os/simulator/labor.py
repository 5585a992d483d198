"""The labor of all locations: a week is told when it is first asked for, from a generator seeded by (seed, location, Monday)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from restaurant_os.simulator.businessdays import DAY, BusinessCalendar, to_ms
from restaurant_os.simulator.catalog import Shop
from restaurant_os.simulator.labor_books import LaborSums, counted_hours, labor_rows
from restaurant_os.simulator.labor_life import LATEST_EDIT, Week, live_week
from restaurant_os.simulator.labor_punches import Entry, Shift, ShiftState, State
from restaurant_os.simulator.planting import Planting
from restaurant_os.simulator.staff import Employee, House, Job, monday_of, set_up
from restaurant_os.simulator.staff_plan import cooks_needed
from restaurant_os.simulator.turnover import listed_employees, listed_jobs

_WEEKS_KEPT = 160  #: of all locations together; 300 KB each
_WEEK = 7
_AHEAD = 2 * _WEEK  #: days for which a schedule may be published


class Punched(NamedTuple):
    """A time entry as it is at some instant."""

    entry: Entry
    state: State


class Scheduled(NamedTuple):
    """A shift as it is at some instant."""

    shift: Shift
    state: ShiftState


class Labor:
    """Jobs, employees, schedules and punches, at every instant `at`; the same rules of what is seen as for orders.

    `moment` gives the instant (ms) that a restaurant shows at `at`, and whether the world stands at the end of its history.
    """

    def __init__(
        self,
        seed: int,
        shops: Mapping[str, Shop],
        first_day: date,
        last_day: date,
        moment: Callable[[str, datetime], tuple[int, bool]],
        planting: Planting | None = None,
    ) -> None:
        self.first_day, self.last_day = first_day.toordinal(), last_day.toordinal()
        self._moment = moment
        self._houses = {
            guid: replace(set_up(seed, shop, self.last_day, cooks_needed(shop)), planting=planting) for guid, shop in shops.items()
        }
        #: Until which Monday weeks are told by the house as it was before its closeout hour changed.
        self._former: dict[str, list[tuple[int, House]]] = {guid: [] for guid in shops}
        self._week = lru_cache(maxsize=_WEEKS_KEPT)(self._live_week)
        #: GUIDs and external identifiers to the Monday of the week that has them, as far as weeks were told.
        self._places: dict[str, dict[str, int]] = {guid: {} for guid in shops}
        self._told: dict[str, set[int]] = {guid: set() for guid in shops}

    def change_hours(self, restaurant_guid: str, before: BusinessCalendar, today: int) -> None:
        """Weeks of which nothing can have been seen follow a new closeout hour; the others are told by the calendar of before."""
        told = self._houses[restaurant_guid]
        switch = monday_of(today + 2 * _WEEK - 1)
        self._former[restaurant_guid].append((switch, replace(told, shop=replace(told.shop, calendar=before))))
        self._told[restaurant_guid] = {monday for monday in self._told[restaurant_guid] if monday < switch}
        self._week.cache_clear()

    # --- who works there ------------------------------------------------------------------------------------------------

    def house(self, restaurant_guid: str) -> House:
        return self._houses[restaurant_guid]

    def jobs(self, restaurant_guid: str, at: datetime) -> list[Job]:
        """Those made by then, also what is deleted."""
        house, instant = self._houses[restaurant_guid], self.instant(restaurant_guid, at)
        return [job for job in (*house.jobs.values(), *listed_jobs(house)) if job.created <= instant]

    def employees(self, restaurant_guid: str, at: datetime) -> list[Employee]:
        """Those hired by then, also who has left."""
        house = self._houses[restaurant_guid]
        today = house.calendar.date_of(self.instant(restaurant_guid, at))
        return [who for who in (*house.employees, *listed_employees(house)) if who.hired <= today]

    def instant(self, restaurant_guid: str, at: datetime) -> int:
        return self._moment(restaurant_guid, at)[0]

    # --- what they did --------------------------------------------------------------------------------------------------

    def by_business_date(self, restaurant_guid: str, day: date, at: datetime) -> list[Punched]:
        """Entries that carry that business date at `at`, deleted ones too."""
        ordinal = day.toordinal()
        return [p for p in self._seen(restaurant_guid, ordinal, ordinal, at) if self._date(restaurant_guid, p.state) == ordinal]

    def by_clock_in(self, restaurant_guid: str, start: datetime, end: datetime, at: datetime) -> list[Punched]:
        """Entries clocked in in [start, end)."""
        low, high = to_ms(start), to_ms(end)
        first, last = self._dates(restaurant_guid, low, high)
        return [p for p in self._seen(restaurant_guid, first, last, at) if low <= p.state.clocked_in < high]

    def by_modified(self, restaurant_guid: str, start: datetime, end: datetime, at: datetime) -> list[Punched]:
        """Entries whose state at `at` was made in [start, end)."""
        low, high = to_ms(start), to_ms(end)
        first, last = self._dates(restaurant_guid, low - LATEST_EDIT, high)
        return [p for p in self._seen(restaurant_guid, first, last, at) if low <= p.state.modified < high]

    def entry(self, restaurant_guid: str, identifier: str, at: datetime) -> Punched | None:
        """One entry by its GUID or external identifier."""
        week = self._find(restaurant_guid, identifier, at)
        punches = [] if week is None else self._seen(restaurant_guid, week, week, at)
        return next((p for p in punches if identifier in (p.entry.guid, p.entry.external)), None)

    def shifts(self, restaurant_guid: str, start: datetime, end: datetime, at: datetime) -> list[Scheduled]:
        """Shifts that begin at `start` or later and end before `end`, deleted ones too."""
        low, high = to_ms(start), to_ms(end)
        first, last = self._dates(restaurant_guid, low, high)
        return [s for s in self._scheduled(restaurant_guid, first, last, at) if low <= s.state.start and s.state.end < high]

    def shift(self, restaurant_guid: str, identifier: str, at: datetime) -> Scheduled | None:
        """One shift by its GUID or external identifier."""
        week = self._find(restaurant_guid, identifier, at)
        shifts = [] if week is None else self._scheduled(restaurant_guid, week, week, at)
        return next((s for s in shifts if identifier in (s.shift.guid, s.shift.external)), None)

    def planted(self, restaurant_guid: str, ordinal: int, at: datetime) -> list[Punched]:
        """The entries of a business date (ordinal) that were planted."""
        return [punched for punched in self.by_business_date(restaurant_guid, date.fromordinal(ordinal), at) if punched.entry.planted]

    def books(self, at: datetime, day: date | None = None, *, by_job: bool = False) -> list[dict[str, object]]:
        """What the world knows of its labor at `at`: a row per restaurant and business date, and per job title if asked."""
        return [row for guid in sorted(self._houses) for row in self._books(guid, at, None if day is None else day.toordinal(), by_job)]

    def _books(self, restaurant_guid: str, at: datetime, only: int | None, by_job: bool) -> list[dict[str, object]]:
        instant = self.instant(restaurant_guid, at)
        last = self._houses[restaurant_guid].calendar.date_of(instant)
        sums: dict[tuple[int, str | None], LaborSums] = {}
        for punched in self._seen(restaurant_guid, self.first_day if only is None else only, last if only is None else only, at):
            entry, state = punched
            ordinal = self._date(restaurant_guid, state)
            if state.is_counted and only in (None, ordinal):
                shifts = self._shifts_around(restaurant_guid, ordinal, at) if state.clocked_out is None else ()
                regular, overtime = counted_hours(entry, state, shifts, to_ms(at))
                title = state.job.title if by_job and state.job is not None else None
                sums.setdefault((ordinal, title), LaborSums()).add(state, regular, overtime)
        return labor_rows(restaurant_guid, sums, by_job=by_job)

    def _shifts_around(self, restaurant_guid: str, ordinal: int, at: datetime) -> list[ShiftState]:
        return [s.state for s in self._scheduled(restaurant_guid, ordinal - 1, ordinal + 1, at)]

    # --- how it is found ------------------------------------------------------------------------------------------------

    def _live_week(self, restaurant_guid: str, monday: int) -> Week:
        former = (house for switch, house in self._former[restaurant_guid] if monday < switch)
        week = live_week(next(former, self._houses[restaurant_guid]), monday)
        if monday not in self._told[restaurant_guid]:
            self._told[restaurant_guid].add(monday)
            places = self._places[restaurant_guid]
            names = [(entry.guid, entry.external) for entry in week.entries] + [(shift.guid, shift.external) for shift in week.shifts]
            places.update({name: monday for pair in names for name in pair if name})
        return week

    def _weeks(self, restaurant_guid: str, first: int, last: int) -> Iterator[Week]:
        """The weeks that may have something of the dates in [first, last]; an edit or an early opener moves a date by one."""
        opened = self._houses[restaurant_guid].shop.restaurant.first_business_date.toordinal()
        first = max(first - 1, self.first_day - 1, opened)
        for monday in range(monday_of(first), last + 2, _WEEK):
            yield self._week(restaurant_guid, monday)

    def _seen(self, restaurant_guid: str, first: int, last: int, at: datetime) -> Iterator[Punched]:
        """Entries in the weeks around the dates [first, last] as they are at `at`; of the world's own dates alone."""
        instant, standing = self._moment(restaurant_guid, at)
        last = min(last, self._houses[restaurant_guid].calendar.date_of(instant) + 1)
        opened = self._houses[restaurant_guid].shop.restaurant.first_business_date.toordinal()
        earliest = max(self.first_day, opened)
        for week in self._weeks(restaurant_guid, first, last):
            for entry in week.entries:
                state = entry.at(instant)
                if state is not None:
                    ordinal = self._date(restaurant_guid, state)
                    if ordinal >= earliest and not (standing and ordinal > self.last_day):
                        yield Punched(entry, state)

    def _scheduled(self, restaurant_guid: str, first: int, last: int, at: datetime) -> Iterator[Scheduled]:
        instant = self.instant(restaurant_guid, at)
        last = min(last, self._houses[restaurant_guid].calendar.date_of(instant) + _AHEAD)
        for week in self._weeks(restaurant_guid, first, last):
            for shift in week.shifts:
                state = shift.at(instant)
                if state is not None and self._houses[restaurant_guid].calendar.date_of(state.start) >= self.first_day:
                    yield Scheduled(shift, state)

    def _date(self, restaurant_guid: str, state: State) -> int:
        return self._houses[restaurant_guid].calendar.date_of(state.clocked_in)

    def _dates(self, restaurant_guid: str, low: int, high: int) -> tuple[int, int]:
        """The business dates around an interval (ms), within the years that the world can have."""
        calendar = self._houses[restaurant_guid].calendar
        floor = calendar.opens(self.first_day) - DAY
        ceiling = calendar.opens(self.last_day) + 400 * DAY
        return calendar.date_of(max(low, floor)), calendar.date_of(min(max(high, floor), ceiling))

    def _find(self, restaurant_guid: str, identifier: str, at: datetime) -> int | None:
        """The Monday of the week that has an entry or shift of that identifier."""
        places = self._places[restaurant_guid]
        if identifier not in places:
            last = self._houses[restaurant_guid].calendar.date_of(self.instant(restaurant_guid, at)) + _AHEAD
            for monday in range(monday_of(self.first_day - 1), last + 1, _WEEK):
                if monday not in self._told[restaurant_guid]:
                    self._week(restaurant_guid, monday)
        return places.get(identifier)
