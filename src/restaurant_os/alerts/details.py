"""What a rate is made of: how often, under which names, for how many dollars. By the same conditions as the metric's own sum (`views/sales.py`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from restaurant_os.alerts.asking import Key, within
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.wording import dollars
from restaurant_os.text import count, printable

MOST_NAMED = 3

_CHECK = "c.restaurant_guid = d.restaurant_guid AND c.business_date = d.business_date AND c.order_guid = d.order_guid AND c.check_guid = d.check_guid"
_ORDER = "o.restaurant_guid = d.restaurant_guid AND o.business_date = d.business_date AND o.order_guid = d.order_guid"
_DISCOUNTS = (
    "SELECT d.restaurant_guid, d.business_date, c.business_hour, d.discount_name, d.order_guid, count(*), sum(coalesce(d.non_tax_amount, d.discount_amount)) "
    f"FROM fact_order_discounts AS d LEFT JOIN fact_checks AS c ON {_CHECK} "
    "WHERE d.is_counted AND NOT d.is_voided AND NOT d.is_deleted AND {condition}{more} GROUP BY 1, 2, 3, 4, 5"
)
_VOIDS = (
    "SELECT d.restaurant_guid, d.business_date, d.business_hour, d.menu_item_name, d.order_guid, count(*), sum(coalesce(d.pre_discount_price, d.item_price)) "
    f"FROM fact_order_items AS d JOIN fact_orders AS o ON {_ORDER} "
    "WHERE d.is_voided AND NOT d.is_deleted AND NOT o.is_test_mode AND {condition} GROUP BY 1, 2, 3, 4, 5"
)
_REFUNDS = (
    "SELECT d.restaurant_guid, d.refund_business_date, CAST(NULL AS BIGINT), d.payment_type, d.order_guid, count(*), sum(d.net_amount) "
    "FROM fact_refunds AS d WHERE d.is_counted AND NOT d.is_deleted AND {condition} GROUP BY 1, 2, 3, 4, 5"
)
#: Metric -> what one of it is called, its SQL, a further condition, and the column its days are in.
SOURCES: dict[str, tuple[str, str, str, str]] = {
    "voids": ("void", _VOIDS, "", "business_date"),
    "discounts": ("discount", _DISCOUNTS, "", "business_date"),
    "comps": ("comp", _DISCOUNTS, " AND d.kind = 'comp'", "business_date"),
    "refunds": ("refund", _REFUNDS, "", "refund_business_date"),
}


@dataclass(slots=True)
class Detail:
    """On how many orders of a location's day it happened, and how often and for how many dollars by name.

    A party that leaves is one act, however many lines it had.
    """

    noun: str
    orders: set[str] = field(default_factory=set)
    by_name: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    def add(self, name: str, number: int, amount: Decimal) -> None:
        before = self.by_name.get(name, (0, Decimal(0)))
        self.by_name[name] = (before[0] + number, before[1] + amount)

    def drivers(self) -> tuple[str, ...]:
        """The largest, as `Burger: 3 voids, $45.00`."""
        largest = sorted(self.by_name.items(), key=lambda own: (-own[1][1], own[0]))[:MOST_NAMED]
        return tuple(f"{name}: {count(number, self.noun)}, {dollars(amount)}" for name, (number, amount) in largest)


def details(look: Look, metric: str, days: Collection[date], hours: dict[Key, frozenset[int]] | None = None) -> dict[Key, Detail]:
    """Of the look's locations on some business dates. `hours`: the business hours of each day that count; None all."""
    noun, sql, more, dated_by = SOURCES[metric]
    condition, parameters = within(look, days, dated_by, "d")
    found: dict[Key, Detail] = {}
    for guid, day, hour, name, order, number, amount in look.warehouse.rows(sql.format(condition=condition, more=more), parameters):
        if hours is not None and hour is not None and hour not in hours.get((guid, day), frozenset()):
            continue
        own = found.setdefault((guid, day), Detail(noun))
        own.orders.add(order)
        own.add(printable(name or "without a name", 80), number, amount or Decimal(0))
    return found


def together(found: Collection[Detail]) -> Detail | None:
    """Those of several days as one."""
    days = list(found)
    if not days:
        return None
    whole = Detail(days[0].noun, {order for own in days for order in own.orders})
    for own in days:
        for name, (number, amount) in own.by_name.items():
            whole.add(name, number, amount)
    return whole
