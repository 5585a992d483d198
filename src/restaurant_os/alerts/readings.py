"""Which measure reads a rule's metric, and all rules read at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from restaurant_os.alerting import Reading
from restaurant_os.alerts import approvers, drawers, figures, labor, lateness
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import is_projected, is_within
from restaurant_os.errors import LockedError, StoppedError
from restaurant_os.settings import AlertRule

log = logging.getLogger("restaurant_os.alerts")

#: Reads one rule of one look: what it saw of each of its locations and subjects.
Measure = Callable[[Look, AlertRule], list[Reading]]

#: Metrics that are not simply figures of views.
MEASURES: dict[str, Measure] = {
    "overtime_ahead": labor.overtime_ahead,
    "punch_open": labor.punch_open,
    "drawer_over_short": drawers.read,
    "discounts_by_approver": approvers.read,
    "data_late": lateness.read,
}


def measure_of(rule: AlertRule) -> Measure:
    return labor.labor_now if is_projected(rule) else MEASURES.get(rule.metric, figures.read)


def read(look: Look, rules: Iterable[AlertRule]) -> list[Reading]:
    """What the rules that are on see. A measure that fails costs its own rule alone: it is logged, and the rule sees nothing.

    Raises:
        LockedError: somebody else holds the warehouse: no rule can be read.
        StoppedError: asked to stop.
    """
    found: list[Reading] = []
    for rule in rules:
        if not rule.enabled or not look.of(rule):
            continue
        try:
            found += _in_daypart(look, rule, measure_of(rule)(look, rule))
        except (LockedError, StoppedError):
            raise
        except Exception:  # a fault in one rule must not silence the others
            look.shared["unread"] = look.shared.get("unread", 0) + 1
            log.exception("alerts: rule %s could not be read; the others were", rule.name)
    return found


def _in_daypart(look: Look, rule: AlertRule, readings: list[Reading]) -> list[Reading]:
    """Those of locations where the clock is within the rule's hours now."""
    if not rule.daypart:
        return readings
    awake = {place.toast_guid for place in look.of(rule) if is_within(rule.daypart, place, look.now)}
    return [reading for reading in readings if reading.location in awake]
