"""Labor now: how a day's labor % is going to close, why it is over its level and what could be done. And the rules about one person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from restaurant_os.alerting import Reading
from restaurant_os.alerts.causes import Forecast, Scene, drivers, suggestion
from restaurant_os.alerts.crew import Crew, Key, crews_of
from restaurant_os.alerts.days import DayState, Usual, day_states, usual_days
from restaurant_os.alerts.forecast import METHOD, Projection, project
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.overtime import overtime_ahead
from restaurant_os.alerts.punches import punch_open
from restaurant_os.alerts.rules import judged
from restaurant_os.alerts.wording import dollars, shown
from restaurant_os.settings import AlertRule, Location

__all__ = ["labor_now", "overtime_ahead", "punch_open"]

CENT = Decimal("0.01")
#: Of a day on which next to nothing is sold: more says no more.
MOST_PERCENT = 999.9
#: Why there is no value.
WARMING_UP, NO_HISTORY, NO_SALES, TOO_LITTLE = "before the warm-up", "no history", "no sales", "below the minimum sales"


def labor_now(look: Look, rule: AlertRule) -> list[Reading]:
    """Labor % at close of each looked-at day, in percent; of a day with a posted total, as it stands.

    There is no value, for the reason given, while a side is not known, before `warm_up_percent` of a usual day's sales is in, and where fewer than three
    same weekdays tell what is usual.
    """
    states, usual = day_states(look), usual_days(look)
    found = [_read(look, rule, place, states[key], usual.get(key)) for place, key in _wanted(look, rule) if key in states]
    crews = crews_of(look.warehouse, [key for key, _, scene in found if scene], look.now)
    return [_told(look, reading, scene, crews.get(key)) for key, reading, scene in found]


def _wanted(look: Look, rule: AlertRule) -> Iterator[tuple[Location, Key]]:
    for place in look.of(rule):
        yield from ((place, (place.toast_guid, day)) for day in look.days.get(place.toast_guid, ()))


def _read(look: Look, rule: AlertRule, place: Location, state: DayState, usual: Usual | None) -> tuple[Key, Reading, Scene | None]:
    key = (state.location, state.day)
    common: dict[str, Any] = {"rule": rule.name, "location": state.location, "period": state.day, "as_of": state.as_of or look.now}
    common |= {"basis": state.basis, "is_held": not state.is_posted}
    if state.is_posted:
        return key, _posted(rule, state, common), None
    projection = project(state, usual) if usual else None
    reason = _reason(rule, state, projection)
    if reason or usual is None or projection is None or projection.labor_percent is None:
        return key, Reading(**common, value=None, reason=reason), None
    value = min(projection.labor_percent, MOST_PERCENT)
    reading = _judged(rule, value, projection.labor_cost, projection.sales, facts=_facts(state, projection), **common)
    is_high = rule.above is not None and not reading.is_clear and (rule.below is None or value >= rule.below)
    # Nobody asks why labor is as it should be, nor sends somebody home where it is too low.
    return key, reading, _scene(rule, place, state, usual, projection, reading.as_of) if is_high else None


def _posted(rule: AlertRule, state: DayState, common: dict[str, Any]) -> Reading:
    """Totals are for the day as it stands: nothing is projected from them, and nothing awaited."""
    sales, cost = float(state.net_sales or 0), state.labor_cost
    if state.reason or cost is None or sales <= 0:
        return Reading(**common, value=None, reason=state.reason or NO_SALES)
    if sales < rule.min_sales:
        return Reading(**common, value=None, reason=TOO_LITTLE)
    value = float(cost) / sales * 100
    told = [("Labor %", shown("percent", value)), *_cplh(state), ("Sales", dollars(sales))]
    hours = f" over {shown('hours', state.labor_hours)}" if state.labor_hours else ""
    facts = (*told, ("Labor", dollars(cost) + hours))
    return _judged(rule, value, float(cost), sales, facts=facts, **common)


def _reason(rule: AlertRule, state: DayState, projection: Projection | None) -> str:
    """Why there is no value of a day of facts; '' when there is one."""
    if state.reason or state.as_of is None:
        return state.reason or "no sales read"
    if projection is None or projection.share is None:
        return NO_HISTORY
    if projection.share * 100 < rule.warm_up_percent:
        return WARMING_UP
    if projection.labor_percent is None:
        return NO_SALES
    return TOO_LITTLE if float(state.net_sales or 0) < rule.min_sales else ""


def _judged(rule: AlertRule, value: float, cost: float, sales: float, /, **read: Any) -> Reading:
    """`cost` and `sales`: what the value is made of. Over by what of labor is beyond the level of these sales."""
    is_over, is_clear = judged(rule, value)
    beyond = None
    if is_over and rule.above is not None and value > float(rule.above):
        beyond = Decimal(cost - float(rule.above) / 100 * sales).quantize(CENT)
    return Reading(value=value, is_over=is_over, is_clear=is_clear, dollars=beyond, **read)


def _facts(state: DayState, projection: Projection) -> tuple[tuple[str, str], ...]:
    sales, cost = float(state.net_sales or 0), float(state.labor_cost or 0)
    so_far = shown("percent", min(cost / sales * 100, MOST_PERCENT)) if sales > 0 else "no sales"
    at_close = shown("percent", min(projection.labor_percent or 0.0, MOST_PERCENT))
    return (
        ("Labor %", f"{so_far} so far, {at_close} projected at close"),
        ("Sales", f"{dollars(sales)} so far, {dollars(projection.sales)} projected"),
        ("Labor", f"{dollars(cost)} so far, {dollars(projection.labor_cost)} projected"),
        *_cplh(state),
    )


def _cplh(state: DayState) -> list[tuple[str, str]]:
    if not state.labor_hours or state.labor_cost is None:
        return []
    return [("CPLH", dollars(state.labor_cost / state.labor_hours))]


# --- why, and what could be done --------------------------------------------------------------------------------------


def _scene(rule: AlertRule, place: Location, state: DayState, usual: Usual, projection: Projection, as_of: datetime) -> Scene:
    level = float(rule.above or 0)
    return Scene(
        place=place,
        day=state.day,
        as_of=as_of,
        closes_at=state.ends_at,
        level=level,
        clear=float(rule.clear) if rule.clear is not None else level,
        sales=float(state.net_sales or 0),
        usual_sales=None if projection.share is None else projection.share * METHOD.mean([day.net_sales for day in usual.days]),
        projected_sales=projection.sales,
        projected_labor=projection.labor_cost,
        hours=_usual_hours(state, usual),
    )


def _usual_hours(state: DayState, usual: Usual) -> Sequence[Forecast]:
    """What is usually sold in each hour of the day, by what the clock shows."""
    days = [{hour.local_hour: hour.net_sales for hour in day.hours} for day in usual.days]
    return [Forecast(hour.starts_at, hour.ends_at, METHOD.mean([day.get(hour.local_hour, 0.0) for day in days])) for hour in state.hours]


def _told(look: Look, reading: Reading, scene: Scene | None, crew: Crew | None) -> Reading:
    if scene is None or crew is None:
        return reading
    planned = max((shift.ends for shift in crew.shifts), default=scene.closes_at)
    scene = replace(scene, closes_at=min(scene.closes_at, planned))
    way = suggestion(scene, crew, look.settings.alerts.minimum_staff) if reading.is_over else ""
    return replace(reading, drivers=drivers(scene, crew), suggestion=way)
