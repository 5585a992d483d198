"""Who approved how much in discounts on a day: one person who gives away most of it, and much, is worth a look."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import all_days, day_rows, employee_names, within
from restaurant_os.alerts.details import MOST_NAMED
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import distance, judged
from restaurant_os.alerts.wording import dollars, shown
from restaurant_os.settings import AlertRule, Location
from restaurant_os.tables import FACT_ORDER_DISCOUNTS
from restaurant_os.text import count, printable

CENT = Decimal("0.01")
#: Of the day's discounts, in percent: where several share them out, none of them is conspicuous.
MORE_THAN_SHARE = 40
#: Everything that was approved, and, for the share, what nobody had to approve. Of what was taken back a row is left: 0.
GIVEN = (
    "WITH given AS (SELECT restaurant_guid, business_date, approver_guid, discount_name, is_counted AND NOT is_voided AND NOT is_deleted AS counts, "
    f"coalesce(non_tax_amount, discount_amount) AS amount FROM {FACT_ORDER_DISCOUNTS.name} WHERE {{condition}}) "
    "SELECT restaurant_guid, business_date, coalesce(approver_guid, ''), coalesce(discount_name, ''), sum(CASE WHEN counts THEN 1 ELSE 0 END), "
    "sum(CASE WHEN counts THEN amount ELSE CAST(0 AS DECIMAL(18, 4)) END) FROM given GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
)


@dataclass(slots=True)
class _Given:
    """What one person approved on a day."""

    dollars: Decimal = Decimal(0)
    count: int = 0
    by_name: list[tuple[Decimal, str, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Day:
    total: Decimal = Decimal(0)
    by_approver: dict[str, _Given] = field(default_factory=dict)


def read(look: Look, rule: AlertRule) -> list[Reading]:
    """One reading for each approver of a looked-at day: the dollars of the discounts they approved."""
    condition, parameters = within(look, all_days(look))
    days: dict[tuple[str, date], _Day] = {}
    for guid, day, approver, name, number, amount in look.warehouse.rows(GIVEN.format(condition=condition), parameters):
        own, amount = days.setdefault((guid, day), _Day()), amount or Decimal(0)
        own.total += amount
        if approver:
            given = own.by_approver.setdefault(approver, _Given())
            given.dollars += amount
            given.count += int(number)
            given.by_name.append((amount, printable(name or "without a name", 80), int(number)))
    names = employee_names(look, {(guid, approver) for (guid, _), own in days.items() for approver in own.by_approver})
    return [
        _reading(look, rule, place, day, (approver, names.get((place.toast_guid, approver), "")), given, found.total)
        for place in look.of(rule)
        for day in look.days.get(place.toast_guid, ())
        if (found := days.get((place.toast_guid, day)))
        for approver, given in found.by_approver.items()
    ]


def _reading(look: Look, rule: AlertRule, place: Location, day: date, who: tuple[str, str], given: _Given, total: Decimal) -> Reading:
    approver, called = who
    value = float(given.dollars)
    share = float(given.dollars * 100 / total) if total > 0 else 0.0
    is_over, is_clear = judged(rule, value)
    row = day_rows(look).get((place.toast_guid, day), {})
    is_little = given.dollars < rule.min_dollars or given.count < rule.min_count or (row.get("net_sales") or 0) < rule.min_sales
    if is_over and (is_little or share <= MORE_THAN_SHARE):
        is_over, is_clear = False, True
    largest = sorted((own for own in given.by_name if own[2]), key=lambda own: (-own[0], own[1]))[:MOST_NAMED]
    return Reading(
        rule=rule.name,
        location=place.toast_guid,
        period=day,
        subject=approver,
        subject_name=called or f"approver {approver[:8]}",
        as_of=min(row.get("sales_as_of") or look.now, look.now),
        value=value,
        is_over=is_over,
        is_clear=is_clear,
        dollars=Decimal(str(distance(rule, value))).quantize(CENT) if is_over else None,
        facts=(("Discounts", f"{given.count:,}"), ("Of the day's discounts", shown("percent", share))),
        drivers=tuple(f"{name}: {count(number, 'discount')}, {dollars(amount)}" for amount, name, number in largest) if is_over else (),
    )
