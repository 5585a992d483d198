"""What the rules tell of a world in which incidents were planted: which they missed, and how much they said in a location's week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from restaurant_os.alerts.replay import ReplayReport
from restaurant_os.simulator.planting import BAD_DRAWER, DEAD_DAY, DOUBLE_BOOKED, FORGOTTEN

#: Whose rule tells of a kind, and which value of a planted row is the incident's subject.
RULES = {
    DEAD_DAY: ("labor-percent", None),
    DOUBLE_BOOKED: ("labor-percent", None),
    FORGOTTEN: ("punch-open", "time_entry_guid"),
    BAD_DRAWER: ("cash-over-short", "drawer_guid"),
}
#: What a location may be told in a report week, by all rules together.
MOST = 2


def missed(planted: Iterable[Mapping[str, Any]], report: ReplayReport) -> list[str]:
    """The planted incidents of which no rule would have told on that date and location: of that punch and that drawer."""
    opened = {(own.rule, own.location, own.period, own.subject) for own in report.opened}
    found = []
    for row in planted:
        rule, subject = RULES[row["kind"]]
        day = date.fromisoformat(row["business_date"])
        if (rule, row["restaurant_guid"], day, row[subject] if subject else "") not in opened:
            found.append(f"missed: {row['kind']} at {row['restaurant_guid']} on {day}: no incident of {rule}")
    return found


def messages(report: ReplayReport) -> Counter[tuple[str, date]]:
    """New messages of all rules, by location's name and first day of the week; a quiet week is not in it."""
    found: Counter[tuple[str, date]] = Counter()
    for own in report.weeks:
        found[own.location.name, own.week] += own.messages
    return found


def too_much(report: ReplayReport) -> list[str]:
    """The weeks of a location in which more than MOST messages would have been sent, and by which rules."""
    found = []
    for (name, week), count in messages(report).items():
        if count > MOST:
            rules = ", ".join(f"{own.rule} {own.messages}" for own in report.weeks if (own.location.name, own.week) == (name, week))
            found.append(f"{count} messages at {name} in the week of {week}: {rules}")
    return found
