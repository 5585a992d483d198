"""How far off the projection of labor % at close was on days that are over, at the end of each hour, beside two simpler guesses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from restaurant_os.alerts.dayfacts import Day, DayFacts, read_days
from restaurant_os.alerts.days import DayState, Usual, read_usual, state_at
from restaurant_os.alerts.forecast import METHOD, Method
from restaurant_os.businessday import days_between
from restaurant_os.settings import Location, Settings
from restaurant_os.warehouse import Warehouse

WEEK = timedelta(days=7)
#: Days are read in pieces of so many, of all locations at once.
DAYS_AT_ONCE = 14
COLUMNS = ("hour", "days", "sales in %", "projection", "value so far", "last week")


@dataclass(slots=True)
class HourErrors:
    """The errors at one hour of the day, in points of labor %, without sign. One day of a location gives one of each.

    `clock`: hours from the midnight that the business date began with, on the location's clock: 25 is 01:00 of the night after.
    """

    clock: int
    share: list[float] = field(default_factory=list)
    projection: list[float] = field(default_factory=list)
    so_far: list[float] = field(default_factory=list)
    last_week: list[float] = field(default_factory=list)

    @property
    def days(self) -> int:
        return len(self.projection)

    @property
    def name(self) -> str:
        """As a person says it."""
        return f"{self.clock % 24:02d}:00" + (" +1" if self.clock >= 24 else "")

    def means(self) -> tuple[float, float, float]:
        """Of the projection, the value so far, and the same weekday last week."""
        return _mean(self.projection), _mean(self.so_far), _mean(self.last_week)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The hours in the order of the day, and how many days of locations they come from. `skipped`: days that were not known to their end, sold nothing, or had
    no history."""

    hours: tuple[HourErrors, ...]
    days: int
    skipped: int


def backtest(
    warehouse: Warehouse, settings: Settings, places: Sequence[Location], first: date, last: date, method: Method = METHOD
) -> Outcome:
    """Let a method project each closed day of `places` from `first` to `last`, at the end of each of its hours, from what was known then.

    An hour counts where all three guesses can be made: something was sold, and the same weekday a week before has a labor %.
    """
    hours: dict[int, HourErrors] = {}
    done = skipped = 0
    wanted = [(place, day) for day in days_between(first, last) for place in places]
    for facts, usual, last_week in _read(warehouse, wanted):
        final = _final(facts)
        if final is None or last_week is None or not usual.is_enough:
            skipped += 1
            continue
        done += 1
        for state in _states(facts):
            _try(hours, _clock(facts, state), state, usual, final, last_week, method)
    return Outcome(tuple(sorted(hours.values(), key=lambda one: one.clock)), done, skipped)


def _read(warehouse: Warehouse, wanted: Sequence[tuple[Location, date]]) -> Iterator[tuple[DayFacts, Usual, float | None]]:
    """Each day, what was usual for it, and the labor % of the same weekday a week before."""
    places = {place.toast_guid: place for place, _ in wanted}
    dates = sorted({day for _, day in wanted})
    for start in range(0, len(dates), DAYS_AT_ONCE):
        piece = set(dates[start : start + DAYS_AT_ONCE])
        own = [(place, day) for place, day in wanted if day in piece]
        facts: dict[Day, DayFacts] = read_days(warehouse, own, None)
        before = read_days(warehouse, [(place, day - WEEK) for place, day in own], None)
        usual = read_usual(warehouse, own, None)
        for (guid, day), found in facts.items():
            yield found, usual[guid, day], _final(before[places[guid].toast_guid, day - WEEK])


def _final(facts: DayFacts) -> float | None:
    """The labor % of a day that both sides know to its end as facts; else None."""
    state = state_at(facts, facts.ends_at)
    if state.as_of != facts.ends_at or state.is_posted or not state.net_sales or state.net_sales <= 0 or not state.labor_cost:
        return None
    return float(state.labor_cost * 100 / state.net_sales)


def _states(facts: DayFacts) -> Iterator[DayState]:
    """The day at the end of each hour but the last, when it is over."""
    for hour in facts.hours[:-1]:
        yield state_at(facts, hour.ends_at)


def _clock(facts: DayFacts, state: DayState) -> int:
    """Hours from midnight, on the location's clock."""
    local = (state.as_of or facts.starts_at).astimezone(facts.place.business_day.zone)
    return local.hour + 24 * (local.date() - facts.day).days


def _try(hours: dict[int, HourErrors], clock: int, state: DayState, usual: Usual, final: float, last_week: float, method: Method) -> None:
    found = method(state, usual)
    if found is None or found.labor_percent is None or not state.net_sales or state.net_sales <= 0:
        return
    so_far = float((state.labor_cost or 0) * 100 / state.net_sales)
    own = hours.setdefault(clock, HourErrors(clock))
    own.share.append((found.share or 0.0) * 100)
    own.projection.append(abs(found.labor_percent - final))
    own.so_far.append(abs(so_far - final))
    own.last_week.append(abs(last_week - final))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def cells(found: Outcome) -> list[list[Any]]:
    """The rows of a table for people, under COLUMNS: the hour at whose start the guess was made, and mean errors in points."""
    return [[own.name, own.days, f"{_mean(own.share):.0f}", *(f"{error:.2f}" for error in own.means())] for own in found.hours]


def as_json(found: Outcome) -> dict[str, Any]:
    """The same as one document."""
    names = ("projection", "so_far", "last_week")
    return {
        "days": found.days,
        "skipped": found.skipped,
        "hours": [
            {"hour": own.name, "clock": own.clock, "days": own.days, "share_percent": _mean(own.share)}
            | dict(zip(names, own.means(), strict=True))
            for own in found.hours
        ],
    }
