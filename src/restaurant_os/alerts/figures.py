"""Rules on the figures of a day or a week, as they stand: any metric of docs/metrics.md, read from the views alone.

Within a daypart a figure is made of the day's hours that begin in it: sums of the view's own, and ratios by the metric's own value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import DAILY, Key, Row, day_rows, hour_rows, week_rows, week_start
from restaurant_os.alerts.details import SOURCES, Detail, details, together
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import DAILY_VIEWS, columns_of, distance, judged, local_start_is_within, unit_of
from restaurant_os.alerts.wording import shown
from restaurant_os.pipeline.calendar import DAYS_A_WEEK
from restaurant_os.settings import AlertRule, Location
from restaurant_os.transformations import BY_NAME, GROUPS, METRICS, Made, Metric

CENT = Decimal("0.01")
#: Reasons that a sum of hours has for itself.
OF_SUMS = ("no sales", "no punches")
SUMMARY = "summary"
_LABOR = frozenset(metric.name for metric in GROUPS["Labor"])


@dataclass(frozen=True, slots=True)
class _Figure:
    """A row of a view that a rule looks at: of a location and a business date or week."""

    place: Location
    period: date
    row: Row


def read(look: Look, rule: AlertRule) -> list[Reading]:
    """One reading for each of the rule's locations and looked-at periods. Without a value it gives the view's own reason."""
    metric = BY_NAME[rule.metric]
    rows = _rows(look, rule)
    figures = [_Figure(place, period, rows.get((place.toast_guid, period), {})) for place, period in _periods(look, rule)]
    readings = [(figure, _reading(look, rule, metric, figure)) for figure in figures]
    over = [figure for figure, reading in readings if reading.is_over]
    found = _details(look, rule, metric, over)
    return [_told(rule, metric, reading, found.get((figure.place.toast_guid, figure.period))) for figure, reading in readings]


def _periods(look: Look, rule: AlertRule) -> Iterator[tuple[Location, date]]:
    for place in look.of(rule):
        days: Iterable[date] = look.days.get(place.toast_guid, ())
        if rule.grain == "week":
            days = sorted({week_start(look.settings, day) for day in days})
        yield from ((place, day) for day in days)


def _rows(look: Look, rule: AlertRule) -> dict[Key, Row]:
    if rule.grain == "week":
        return week_rows(look)
    if not rule.daypart:
        return day_rows(look, next(view for view in DAILY_VIEWS if rule.metric in columns_of(view)))
    name = f"daypart {rule.daypart}"
    if name not in look.shared:
        parts = {
            key: [row for row in rows if local_start_is_within(rule.daypart, row["local_hour"])] for key, rows in hour_rows(look).items()
        }
        look.shared[name] = {key: summed(rows) for key, rows in parts.items() if rows}
    found: dict[Key, Row] = look.shared[name]
    return found


def _reading(look: Look, rule: AlertRule, metric: Metric, figure: _Figure) -> Reading:
    row = figure.row
    value = value_of(metric, row)
    seen = Reading(
        rule=rule.name,
        location=figure.place.toast_guid,
        period=figure.period,
        as_of=as_of(row, metric, look.now),
        value=value,
        basis=basis(row, metric),
        is_held=not _is_posted(row, metric),
    )
    if value is None:
        return replace(seen, reason=_reason(row, metric))
    is_over, is_clear = judged(rule, value)
    if is_over and not _is_enough(look, rule, metric, figure, value):
        is_over, is_clear = False, True
    beyond = _dollars_over(rule, metric, row, value) if is_over else None
    return replace(seen, is_over=is_over, is_clear=is_clear, dollars=beyond, facts=tuple(_facts(metric, row)))


def value_of(metric: Metric, row: Row) -> float | None:
    """A metric of a row as rules say it: rates in percent."""
    given = row.get(metric.name)
    if given is None:
        return None
    return float(given) * (100 if metric.unit == "ratio" else 1)


def _is_enough(look: Look, rule: AlertRule, metric: Metric, figure: _Figure, value: float) -> bool:
    """Whether so much was sold, in dollars and in number, that the rule may speak. What its metric counts is counted later (`_told`)."""
    if rule.min_sales and _sold(look, rule, figure) < rule.min_sales:
        return False
    counted = _counted(metric)
    if rule.min_count and not counted:
        number = value if metric.unit == "count" else float(_whole(look, rule, figure).get("orders") or 0)
        if abs(number) < rule.min_count:
            return False
    if not rule.min_dollars or metric.unit in ("count", "hours"):
        return True
    amount = _total(figure.row, metric.numerator) if metric.is_ratio else value
    return amount is not None and abs(amount) >= float(rule.min_dollars)


def _whole(look: Look, rule: AlertRule, figure: _Figure) -> Row:
    """The row that knows sales and orders: the figure's own, or the day's, where its view is of cash alone."""
    if "orders" in figure.row or rule.grain == "week":
        return figure.row
    return day_rows(look, DAILY).get((figure.place.toast_guid, figure.period), {})


def _sold(look: Look, rule: AlertRule, figure: _Figure) -> Decimal:
    row = _whole(look, rule, figure)
    return Decimal(row.get("net_sales") or row.get("gross_sales") or 0)


def _counted(metric: Metric) -> str:
    """What a rate or its own sum counts, of which the names are known; '' nothing."""
    above = metric.numerator if metric.is_ratio else (metric.name,)
    return above[0] if len(above) == 1 and above[0] in SOURCES else ""


def _details(look: Look, rule: AlertRule, metric: Metric, over: Sequence[_Figure]) -> dict[Key, Detail]:
    name = _counted(metric)
    if not name or not over:
        return {}
    there = replace(look, places=list({figure.place.toast_guid: figure.place for figure in over}.values()))
    periods = {figure.period for figure in over}
    if rule.grain == "week":
        found = details(there, name, {day + timedelta(days=n) for day in periods for n in range(DAYS_A_WEEK)})
        weeks: dict[Key, list[Detail]] = {}
        for (guid, day), own in found.items():
            weeks.setdefault((guid, week_start(look.settings, day)), []).append(own)
        return {key: whole for key, own in weeks.items() if (whole := together(own))}
    hours = None
    if rule.daypart:
        hours = {
            key: frozenset(row["business_hour"] for row in rows if local_start_is_within(rule.daypart, row["local_hour"]))
            for key, rows in hour_rows(look).items()
        }
    return details(there, name, periods, hours)


def _told(rule: AlertRule, metric: Metric, reading: Reading, detail: Detail | None) -> Reading:
    """With what it is made of; and within its level where that is too few."""
    if not reading.is_over or not _counted(metric):
        return reading
    number = len(detail.orders) if detail else 0
    if number < rule.min_count:
        return replace(reading, is_over=False, is_clear=True, dollars=None)
    if not detail:
        return reading
    return replace(reading, facts=((f"Orders with a {detail.noun}", f"{number:,}"), *reading.facts), drivers=detail.drivers())


def _dollars_over(rule: AlertRule, metric: Metric, row: Row, value: float) -> Decimal | None:
    """What lies beyond the level: of a ratio, on all that it is a part of."""
    beyond = distance(rule, value)
    if not metric.is_ratio:
        return _cents(beyond) if metric.unit == "money" else None
    whole = _total(row, metric.denominator)
    return None if whole is None else _cents(beyond * whole / (100 if unit_of(metric.name) == "percent" else 1))


def _cents(amount: float) -> Decimal:
    return Decimal(str(round(amount, 4))).quantize(CENT)


def _facts(metric: Metric, row: Row) -> Iterator[tuple[str, str]]:
    """What a ratio is made of; labor's other ratio beside it."""
    names = [*metric.numerator, *metric.denominator] if metric.is_ratio else []
    more = ["cplh"] if metric.name in ("labor_percent", "labor_percent_loaded") else []
    for name in dict.fromkeys([*names, *more]):
        own = BY_NAME.get(name)
        if own and (value := value_of(own, row)) is not None:
            label = "CPLH" if name == "cplh" else name.replace("_", " ").capitalize()
            yield label, shown(unit_of(name), value)


# --- what is known of a row -----------------------------------------------------------------------------------------


def _sides(row: Row, metric: Metric) -> tuple[str, ...]:
    """Which sides of the row a metric rests on."""
    has_labor, has_cash = "labor_as_of" in row, "cash_as_of" in row
    if has_cash:
        return ("sales", "cash")
    if not has_labor:
        return ("sales",)
    if isinstance(metric.how, Made) and metric.how.unless == "labor_reason":
        return ("sales", "labor")
    return ("labor",) if metric.name in _LABOR else ("sales",)


def as_of(row: Row, metric: Metric, now: datetime) -> datetime:
    """Up to when all of it is known; now where nobody knows."""
    ends: list[datetime] = [row[f"{side}_as_of"] for side in _sides(row, metric) if row.get(f"{side}_as_of")]
    return min([*ends, now])


def basis(row: Row, metric: Metric) -> str:
    """What it rests on: `net`, `net punches`, `gross_summary`, ... Punches that are open are punches."""
    found = [str(row[f"{side}_basis"]).removesuffix(" with open punches") for side in _sides(row, metric) if row.get(f"{side}_basis")]
    return " ".join(found)


def _is_posted(row: Row, metric: Metric) -> bool:
    """A side of it is a total that somebody posted."""
    return any(SUMMARY in str(row.get(f"{side}_basis") or "") for side in _sides(row, metric))


def _reason(row: Row, metric: Metric) -> str:
    if not row:
        return "nothing read"
    sides = _sides(row, metric)
    reasons = [row.get(f"{name}_reason") for name in (sides[-1], "sales") if row.get(f"{name}_reason")]
    if isinstance(metric.how, Made) and metric.how.unless:
        reasons = [row.get(metric.how.unless)]
    if reasons and reasons[0]:
        return str(reasons[0])
    return "not told by a summary" if _is_posted(row, metric) else "no value"


# --- sums of hours --------------------------------------------------------------------------------------------------


def summed(hours: Sequence[Row]) -> dict[str, Any]:
    """Hours of a day as one row: sums, what is known of the day, and the ratios of the sums."""
    row: dict[str, Any] = {name: value for name, value in hours[0].items() if name not in BY_NAME}
    for metric in METRICS:
        if metric.name in hours[0] and not metric.is_ratio:
            values = [hour[metric.name] for hour in hours if hour[metric.name] is not None]
            row[metric.name] = sum(values) if values else None
    row["sales_reason"] = _reason_of(hours, "sales_reason", "" if (row.get("net_sales") or 0) > 0 else "no sales")
    missing = row["sales_reason"] or ("" if (row.get("labor_hours") or 0) > 0 else "no punches")
    row["labor_reason"] = _reason_of(hours, "labor_reason", missing)
    for metric in METRICS:
        if metric.name in hours[0] and metric.is_ratio:
            row[metric.name] = _ratio(metric, row)
    return row


def _reason_of(hours: Sequence[Row], column: str, of_sum: str) -> str | None:
    """That of the whole day, where it is no matter of sums; else the sum's."""
    whole = [hour[column] for hour in hours if hour[column] and hour[column] not in OF_SUMS]
    return whole[0] if whole else (of_sum or None)


def _ratio(metric: Metric, row: Row) -> float | None:
    made = metric.how
    if not isinstance(made, Made) or (made.unless and row.get(made.unless)) or any(row.get(name) is None for name in made.known_by):
        return None
    above, less, below = _total(row, made.plus), _total(row, made.minus), _total(row, made.over)
    if above is None or less is None or below is None or below <= 0:
        return None
    return (above - less) * made.factor / below


def _total(row: Row, names: Iterable[str]) -> float | None:
    values = [row.get(name) for name in names]
    return None if any(value is None for value in values) else float(sum(value for value in values if value is not None))
