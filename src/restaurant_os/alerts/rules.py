"""The rules: those that are shipped, what the settings make of them, and how a value stands to one.

Levels of rates are in percent, as a person says them: 3 is a void rate of 0.03 (`void_rate` of docs/metrics.md). Values are judged in the same unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Literal

from restaurant_os.errors import SettingsError
from restaurant_os.settings import AlertRule, Location, Settings
from restaurant_os.text import printable
from restaurant_os.transformations import BY_NAME, VIEWS, Unit

#: Metrics that are the rules' own, with what they are counted in.
OWN_METRICS: dict[str, Unit | Literal["minutes"]] = {
    "punch_open": "minutes",
    "overtime_ahead": "hours",
    "discounts_by_approver": "money",
    "data_late": "minutes",
}
#: Of a person, punch, approver or dataset: nothing of it is summed over hours.
WEEKLY_OWN = frozenset({"overtime_ahead"})
#: Where a metric is looked up by its grain, and where within a daypart.
DAILY_VIEWS = ("daily_profitability", "daily_cash", "daily_close")
WEEKLY_VIEW, HOURLY_VIEW = "weekly_profitability", "hourly_profitability"
#: Names of channels there may be; which there are, the environment says.
CHANNEL = re.compile(r"slack|discord|slack-bot|apprise-[1-9][0-9]*")
#: Places after the point that a double is believed.
PLACES = 6

#: On, all of them. Levels are such that an ordinary week has hardly a message: of simulated days 5 in 100 or fewer are beyond each of the rates.
SHIPPED: tuple[AlertRule, ...] = (
    AlertRule(
        name="labor-percent", metric="labor_percent", above=Decimal(25), clear=Decimal(24), grain="now", warm_up_percent=30, hold_minutes=15
    ),
    AlertRule(name="cash-over-short", metric="drawer_over_short", above=Decimal(10), below=Decimal(-10), hold_minutes=10),
    AlertRule(
        name="void-rate",
        metric="void_rate",
        above=Decimal(8),
        clear=Decimal(6),
        min_sales=Decimal(1000),
        min_dollars=Decimal(100),
        min_count=10,
        hold_minutes=30,
    ),
    AlertRule(
        name="discount-rate",
        metric="discount_rate",
        above=Decimal(15),
        clear=Decimal(13),
        min_sales=Decimal(1000),
        min_dollars=Decimal(150),
        min_count=5,
        hold_minutes=30,
    ),
    AlertRule(
        name="comp-rate",
        metric="comp_rate",
        above=Decimal(5),
        clear=Decimal(4),
        min_sales=Decimal(1000),
        min_dollars=Decimal(100),
        min_count=5,
        hold_minutes=30,
    ),
    AlertRule(name="discounts-by-approver", metric="discounts_by_approver", above=Decimal(250), min_count=3),
    AlertRule(name="overtime-ahead", metric="overtime_ahead", above=Decimal(1), clear=Decimal("0.5"), grain="week"),
    AlertRule(name="punch-open", metric="punch_open", above=Decimal(60), grain="now"),
    AlertRule(name="data-late", metric="data_late", above=Decimal(45), grain="now", hold_minutes=10),
)


def unit_of(metric: str) -> str:
    """What the values and levels of rules on a metric are in: percent, money, money per hour, hours, minutes or count."""
    unit = OWN_METRICS.get(metric) or BY_NAME[metric].unit
    return "percent" if unit == "ratio" else unit


def rules_of(settings: Settings) -> list[AlertRule]:
    """The shipped rules as the settings change them, then those of one's own; those that are off too.

    Raises:
        SettingsError: one cannot be: names its place in the settings (alerts.rules.2.above, the first is 0), what was found and what was expected.
    """
    rules = {rule.name: rule for rule in SHIPPED}
    own: set[str] = set()
    for place, change in enumerate(settings.alerts.rules):
        fault = ("name", f"'{change.name}' stands there twice") if change.name in own else None
        own.add(change.name)
        rule = change if fault else _changed(rules.get(change.name), change)
        fault = fault or next(_faults(rule, settings), None)
        if fault:
            field, what = fault
            raise SettingsError(
                f"settings: {settings.source or 'environment'}: alerts.rules.{place}.{field}: {what}.",
                next_step=f"Correct it in the rule '{change.name}'; docs/alerts.md describes every value of a rule.",
            )
        rules[rule.name] = rule
    return list(rules.values())


def _changed(shipped: AlertRule | None, change: AlertRule) -> AlertRule:
    """A shipped rule with the values that are given; a clear level that is not keeps its distance from a level that is."""
    given = {name: getattr(change, name) for name in change.model_fields_set}
    if not shipped:
        if change.metric in WEEKLY_OWN and "grain" not in given:
            return change.model_copy(update={"grain": "week"})
        return change
    if change.metric not in ("", shipped.metric):
        # What was shipped was meant for another metric: another unit, another level.
        return change
    if shipped.clear is not None and "clear" not in given:
        given["clear"] = _moved(shipped, change)
    return shipped.model_copy(update={**given, "metric": shipped.metric})


def _moved(shipped: AlertRule, change: AlertRule) -> Decimal | None:
    for level, now in ((shipped.above, change.above), (shipped.below, change.below)):
        if level is not None and now is not None and shipped.clear is not None:
            return now + shipped.clear - level
    return shipped.clear


def _faults(rule: AlertRule, settings: Settings) -> Iterator[tuple[str, str]]:
    """The value of a rule that cannot be, and why: one after the other."""
    if rule.metric not in BY_NAME and rule.metric not in OWN_METRICS:
        found = f"'{printable(rule.metric, 60)}' is no metric" if rule.metric else "is missing, and no shipped rule has this name"
        yield "metric", f"{found}; expected one of docs/metrics.md or {', '.join(OWN_METRICS)}"
        return
    yield from _wrong_grain(rule)
    yield from _wrong_level(rule)
    for name in rule.locations:
        if settings.locations and settings.location_of(name) is None:
            known = ", ".join(printable(one.name, 60) for one in settings.locations[:20])
            yield "locations", f"'{printable(name, 80)}' is none of [[locations]]; known are {known}"
    for name in rule.channels:
        if not CHANNEL.fullmatch(name):
            yield "channels", f"'{printable(name, 40)}' is no channel; expected slack, slack-bot, discord or apprise-1, apprise-2, ..."
    for field in ("daypart", "quiet"):
        if (span := getattr(rule, field)) and len(set(span.split("-"))) == 1:
            yield field, f"'{span}' begins when it ends; leave it out for the whole day"


def _wrong_grain(rule: AlertRule) -> Iterator[tuple[str, str]]:
    is_own = rule.metric in OWN_METRICS
    if is_own and (rule.grain == "week") != (rule.metric in WEEKLY_OWN):
        yield "grain", f"{rule.metric} is of {'a week' if rule.metric in WEEKLY_OWN else 'now'}, not of '{rule.grain}'"
    if not is_own and rule.grain == "week" and rule.metric not in columns_of(WEEKLY_VIEW):
        yield "grain", f"{rule.metric} has no weeks; expected now or day"
    if not rule.daypart or is_own or is_projected(rule):
        return
    if rule.grain == "week":
        yield "daypart", "a week has none; expected grain now or day"
    elif rule.metric not in columns_of(HOURLY_VIEW):
        yield "daypart", f"{rule.metric} is not known by the hour; leave it out"


def _wrong_level(rule: AlertRule) -> Iterator[tuple[str, str]]:
    above, below, clear = rule.above, rule.below, rule.clear
    if above is None and below is None:
        yield "above", "there is no level; expected above, below, or both for a band"
    elif above is not None and below is not None:
        if below >= above:
            yield "below", f"is {below}, not under above ({above}); a band lets what lies between them be"
        elif clear is not None and not (0 <= clear <= above and below <= -clear):
            yield "clear", f"is {clear}; of a band it is a distance from 0, and lies within {below} and {above} on both sides"
    elif above is not None and clear is not None and clear > above:
        yield "clear", f"is {clear}, beyond above ({above}); it would be over before it began"
    elif below is not None and clear is not None and clear < below:
        yield "clear", f"is {clear}, beyond below ({below}); it would be over before it began"


def is_projected(rule: AlertRule) -> bool:
    """Labor now: not how the day stands, but how it is going to close."""
    return rule.metric == "labor_percent" and rule.grain == "now"


@cache
def columns_of(view: str) -> frozenset[str]:
    return next(frozenset(name for name, _ in one.columns) for one in VIEWS if one.name == view)


def judged(rule: AlertRule, value: float) -> tuple[bool, bool]:
    """How a value stands to a rule: whether it is beyond the level, and whether it is at the clear level or better.

    Exactly at a level is not beyond it; exactly at the clear level is clear. `value`: in the unit of the rule, rates in percent.
    """
    value = round(value, PLACES)
    above, below, clear = (None if one is None else float(one) for one in (rule.above, rule.below, rule.clear))
    is_over = (above is not None and value > above) or (below is not None and value < below)
    if clear is None:
        return is_over, not is_over
    if above is not None and below is not None:
        return is_over, -clear <= value <= clear
    return is_over, value <= clear if above is not None else value >= clear


def distance(rule: AlertRule, value: float) -> float:
    """By how much a value is beyond the level it is beyond; 0 within."""
    over = value - float(rule.above) if rule.above is not None else 0.0
    under = float(rule.below) - value if rule.below is not None else 0.0
    return round(max(over, under, 0.0), PLACES)


def is_within(span: str, place: Location, instant: datetime) -> bool:
    """Whether an instant is within a span of the day such as 22:00-07:00, on the location's clock; '' has nothing in it.

    What the clock skips moves forward with it; of what it repeats, the first counts.
    """
    return _span_at(span, place, instant) is not None


def end_of(span: str, place: Location, instant: datetime) -> datetime:
    """When the span ends that an instant is within; the instant itself where it is in none."""
    found = _span_at(span, place, instant)
    return found[1] if found else instant


def _span_at(span: str, place: Location, instant: datetime) -> tuple[datetime, datetime] | None:
    if not span:
        return None
    first, last = (time.fromisoformat(one) for one in span.split("-"))
    zone = place.business_day.zone
    today = instant.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        # Across midnight it ends on the next day.
        ends_on = day + timedelta(days=int(last <= first))
        starts, ends = (datetime.combine(on, at, zone).astimezone(UTC) for on, at in ((day, first), (ends_on, last)))
        if starts <= instant < ends:
            return starts, ends
    return None


def local_start_is_within(span: str, local_hour: int) -> bool:
    """Whether the hour of the clock that begins at `local_hour` begins within a span."""
    first, last = (time.fromisoformat(one) for one in span.split("-"))
    at = time(local_hour)
    return first <= at < last if first < last else at >= first or at < last
