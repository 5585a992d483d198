"""Values, levels and times of rules as messages show them; amounts and units are `wording`'s."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from restaurant_os.alerts import wording
from restaurant_os.alerts.rules import unit_of
from restaurant_os.alerts.wording import dollars
from restaurant_os.settings import AlertRule, Location

Number = float | Decimal


def shown(rule: AlertRule, value: Number) -> str:
    """A value of a rule in its unit, rates in percent: `30.0 %`, `$312.00`, `75 min`."""
    return wording.shown(unit_of(rule.metric), value)


def apart(rule: AlertRule, distance: Number) -> str:
    """How far two values of a rule are apart: `9.2 points`, `$33.00`."""
    return f"{distance:,.1f} points" if unit_of(rule.metric) == "percent" else shown(rule, distance)


def level(rule: AlertRule, value: Decimal) -> str:
    """A level as it was written: `25 %`, `0.5 h`, `$10.00`."""
    unit = unit_of(rule.metric)
    if unit not in ("percent", "hours"):
        return shown(rule, value)
    text = f"{value:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {'%' if unit == 'percent' else 'h'}"


def change(value: Decimal) -> str:
    """`+$12.00`, `-$43.00`, `$0.00`."""
    text = dollars(value)
    return f"+{text}" if text[0] == "$" and text != "$0.00" else text


def lasted(span: timedelta) -> str:
    """`45 min`, `1 h 40 min`, `2 h`."""
    hours, rest = divmod(max(round(span / timedelta(minutes=1)), 0), 60)
    return " ".join([f"{hours:,} h"] * bool(hours) + [f"{rest} min"] * bool(rest or not hours))


def clock(instant: datetime, place: Location) -> str:
    """`14:05` on the location's clock; with the zone where nobody knows that of the location."""
    text = f"{instant.astimezone(place.business_day.zone):%H:%M}"
    return text if place.toast_guid != place.store_id else f"{text} UTC"
