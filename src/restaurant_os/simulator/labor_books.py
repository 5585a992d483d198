"""The world's own labor books: what every punch adds to its business date, at an instant, from the states of the entries.

Nothing here reads the API's JSON. Hours are in 1/10,000 of an hour, money in 1/10,000 of a dollar.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from restaurant_os.simulator.businessdays import HOUR, MINUTE
from restaurant_os.simulator.labor_punches import Entry, ShiftState, State, hours_of, pay, worked

#: An open entry stops accruing this long after its clock-in, and this long after its scheduled end.
LONGEST_ACCRUAL = 12 * HOUR
AFTER_SCHEDULE = 60 * MINUTE


@dataclass(slots=True)
class LaborSums:
    """What counts on one business date."""

    entries: int = 0
    open_entries: int = 0
    regular_hours: int = 0
    overtime_hours: int = 0
    regular_cost: int = 0
    overtime_cost: int = 0
    salaried_hours: int = 0

    def add(self, state: State, regular: int, overtime: int) -> None:
        """Count an entry with its hours: its cost too, unless it is of a salaried job."""
        self.entries += 1
        self.open_entries += state.clocked_out is None
        if state.wage is None:
            self.salaried_hours += regular + overtime
            return
        self.regular_hours += regular
        self.overtime_hours += overtime
        self.regular_cost += pay(regular, state.wage)
        self.overtime_cost += pay(overtime, state.wage, half_again=True)

    def row(self) -> dict[str, object]:
        return {
            "entries": self.entries,
            "regular_hours": decimal(self.regular_hours),
            "overtime_hours": decimal(self.overtime_hours),
            "labor_hours": decimal(self.regular_hours + self.overtime_hours),
            "regular_cost": decimal(self.regular_cost),
            "overtime_cost": decimal(self.overtime_cost),
            "labor_cost": decimal(self.regular_cost + self.overtime_cost),
            "salaried_hours": decimal(self.salaried_hours),
            "open_entries": self.open_entries,
        }


def decimal(amount: int) -> str:
    """1/10,000 as text: `12.3400`."""
    return f"{'-' if amount < 0 else ''}{abs(amount) // 10_000}.{abs(amount) % 10_000:04}"


def counted_hours(entry: Entry, state: State, shifts: Iterable[ShiftState], as_of: int) -> tuple[int, int]:
    """Regular and overtime hours: those Toast reports of a closed entry, those accrued by `as_of` of an open one."""
    if state.clocked_out is not None:
        return state.regular, state.overtime
    end = min(as_of, state.clocked_in + LONGEST_ACCRUAL)
    planned = [
        shift.end for shift in shifts if shift.who is entry.who and not shift.deleted and shift.start < end and shift.end > state.clocked_in
    ]
    if planned:
        end = min(end, max(planned) + AFTER_SCHEDULE)
    return hours_of(max(0, worked(state.clocked_in, max(end, state.clocked_in), state.breaks))), 0


def labor_rows(restaurant_guid: str, sums: dict[tuple[int, str | None], LaborSums], *, by_job: bool) -> list[dict[str, object]]:
    """One row per business date (and job title), oldest first."""
    rows = []
    for ordinal, title in sorted(sums, key=lambda key: (key[0], key[1] or "")):
        head: dict[str, object] = {"restaurant_guid": restaurant_guid, "business_date": date.fromordinal(ordinal).isoformat()}
        job: dict[str, object] = {"job_title": title} if by_job else {}
        rows.append(head | job | sums[ordinal, title].row())
    return rows
