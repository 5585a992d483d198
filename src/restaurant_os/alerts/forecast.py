"""What a business day will come to when it closes: net sales, labor cost and labor %.

The method is one value, METHOD: whoever has a better one replaces it. docs/forecast.md says how it works and how far off it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restaurant_os.alerts.days import LEAST_DAYS, DayState, Usual, UsualDay

#: Net sales at close are above zero for a ratio: those of a day that is dead are taken for at least so many dollars.
LEAST_SALES = 1.0


HOUR = timedelta(hours=1)
#: Hour on the clock -> dollars of a usual day.
Of = Callable[[UsualDay], dict[int, float]]


@dataclass(frozen=True, slots=True)
class Projection:
    """A day at its close, in dollars and percent. `labor_percent` None: nothing was sold and nothing is usual. `share`: which part of a usual day's sales is
    in by the state's `sales_as_of`, 0 to 1; None where no day tells."""

    sales: float
    labor_cost: float
    labor_percent: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Method:
    """Sales so far over the usual share, leaned on the usual day while the share is small; labor so far and what the schedule still plans.

    `trim`: this part of the usual days is left out at each end before a mean is taken. `lean`: how much of a day has to be in before it says as much of
    its own level as the usual days do; with 0 it alone counts, from the first sale on. `worked`: what is usually worked of a plan lies within these, or
    the plan is not of the whole house and counts nothing.
    """

    trim: float = 0.25
    lean: float = 0.5
    worked: tuple[float, float] = (0.7, 1.3)

    def __call__(self, state: DayState, usual: Usual) -> Projection | None:
        """The projection of a day of facts; None where its sides are not known, or too few days tell what is usual."""
        if state.as_of is None or state.sales_as_of is None or state.labor_as_of is None or state.is_posted or not usual.is_enough:
            return None
        into = (state.sales_as_of - state.starts_at) / HOUR
        promised = [day.promised_at(into) for day in usual.days]
        share = self._share(state, usual.days, state.sales_as_of, _sales, promised)
        total = self.mean([day.net_sales - own for day, own in zip(usual.days, promised, strict=True)])
        sales = self._at_close(float(state.net_sales or 0), share, total) + float(state.promised)
        labor = float(state.labor_cost or 0) + self._labor_ahead(state, usual.days, state.labor_as_of)
        percent = None if sales <= 0 and total <= 0 else labor * 100 / max(sales, LEAST_SALES)
        return Projection(sales, labor, percent, share)

    def mean(self, values: Sequence[float]) -> float:
        """The mean without the outliers: of three values the middle one."""
        ordered = sorted(values)
        off = max(int(len(ordered) * self.trim), 1) if len(ordered) > 2 else 0
        kept = ordered[off : len(ordered) - off]
        return sum(kept) / len(kept) if kept else 0.0

    def _at_close(self, so_far: float, share: float, total: float) -> float:
        """`so_far`, when `share` of `total` is usually in, and the rest of the usual day: at a level between this day's own and the usual one."""
        if total <= 0 or share >= 1:
            return so_far
        own = so_far / (share * total) if share > 0 else 1.0
        trust = share / (share + self.lean) if share > 0 else 0.0
        return so_far + (1 - share) * total * max(trust * own + (1 - trust), 0.0)

    def _share(self, state: DayState, days: Sequence[UsualDay], as_of: datetime, of: Of, promised: Sequence[float] = ()) -> float:
        """The part of a usual day that is in by an instant, by the hours of this day; within an hour it grows evenly. What was promised then for later is in
        neither."""
        passed = [(hour.local_hour, _passed(hour.starts_at, hour.ends_at, as_of)) for hour in state.hours]
        shares = []
        for day, later in zip(days, promised or [0.0] * len(days), strict=True):
            own = of(day)
            total = sum(own.get(local_hour, 0.0) for local_hour, _ in passed) - later
            if total > 0:
                shares.append(sum(own.get(local_hour, 0.0) * part for local_hour, part in passed) / total)
        return min(max(self.mean(shares), 0.0), 1.0)

    def _labor_ahead(self, state: DayState, days: Sequence[UsualDay], as_of: datetime) -> float:
        """Labor from `as_of` to the close: what the schedule plans, and what is usually worked more or less than planned from that hour on. Without a schedule
        the rest of a usual day, at this day's level."""
        known = [day for day in days if day.has_labor and day.labor_cost > 0]
        planned = [day for day in known if sum(day.planned.values()) > 0]
        if state.has_schedule and (len(planned) < LEAST_DAYS or self._is_whole(planned)):
            beyond = [_rest(state, _labor(day), as_of) - _rest(state, day.planned, as_of) for day in planned]
            return max(state.scheduled_cost + (self.mean(beyond) if len(planned) >= LEAST_DAYS else 0.0), 0.0)
        if not known:
            return 0.0
        so_far = float(state.labor_cost or 0)
        return self._at_close(so_far, self._share(state, known, as_of, _labor), self.mean([day.labor_cost for day in known])) - so_far

    def _is_whole(self, days: Sequence[UsualDay]) -> bool:
        """Whether the plans of days were of the whole house."""
        worked, (least, most) = self.mean([day.labor_cost / sum(day.planned.values()) for day in days]), self.worked
        return least <= worked <= most


def _rest(state: DayState, by_hour: Mapping[int, float], as_of: datetime) -> float:
    """What comes after `as_of` on the clock."""
    return sum(by_hour.get(hour.local_hour, 0.0) * (1 - _passed(hour.starts_at, hour.ends_at, as_of)) for hour in state.hours)


def _passed(starts_at: datetime, ends_at: datetime, as_of: datetime) -> float:
    return min(max((as_of - starts_at) / (ends_at - starts_at), 0.0), 1.0)


def _sales(day: UsualDay) -> dict[int, float]:
    return {hour.local_hour: hour.net_sales for hour in day.hours}


def _labor(day: UsualDay) -> dict[int, float]:
    return {hour.local_hour: hour.labor_cost for hour in day.hours}


METHOD = Method()


def project(state: DayState, usual: Usual) -> Projection | None:
    """The day at its close, by METHOD."""
    return METHOD(state, usual)
