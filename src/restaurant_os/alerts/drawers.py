"""Cash over or short, drawer by drawer: what view daily_cash sums over a day's drawers, of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from restaurant_os.alerting import Reading
from restaurant_os.alerts.asking import all_days, day_rows, marks, within
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import distance, judged
from restaurant_os.alerts.wording import dollars
from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.settings import AlertRule, Location
from restaurant_os.tables import CASH, FACT_CASH_ENTRIES, SYNC_RUNS
from restaurant_os.views.cash import OVER_SHORT

CENT = Decimal("0.01")
#: A drawer whose count was taken back or is gone from its day still has a row: 0.
OFF_BY = (
    f"SELECT restaurant_guid, business_date, coalesce(cash_drawer_guid, ''), sum(CASE WHEN is_deleted THEN CAST(0 AS DECIMAL(18, 4)) ELSE amount END), "
    f"sum(CASE WHEN is_deleted THEN 0 ELSE 1 END), max(CASE WHEN NOT is_deleted THEN entry_date END) FROM {FACT_CASH_ENTRIES.name} "
    f"WHERE entry_type IN ({marks(OVER_SHORT)}) AND {{condition}} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
#: Cash is read by the business date alone: this is `cash_as_of` of daily_cash.
READ_AT = (
    f"SELECT restaurant_guid, business_date, max(started_at) FROM {SYNC_RUNS.name} "
    "WHERE dataset = ? AND window_kind = ? AND status = 'done' AND {condition} GROUP BY 1, 2"
)
#: A server's bank has no drawer.
NO_DRAWER = "no drawer"


@dataclass(frozen=True, slots=True)
class _Off:
    """What a drawer of a day was off by in all. `times`: how often it was counted off, `last` when; `read_at`: when its day was last read."""

    drawer: str
    amount: Decimal
    times: int
    last: datetime | None
    read_at: datetime


def read(look: Look, rule: AlertRule) -> list[Reading]:
    """One reading for each drawer that was off or counted off on a looked-at day: dollars over, or (negative) short."""
    condition, parameters = within(look, all_days(look))
    entries, reads = look.warehouse.answers(
        (OFF_BY.format(condition=condition), [*OVER_SHORT, *parameters]),
        (READ_AT.format(condition=condition), [CASH.name, BUSINESS_DATE, *parameters]),
    )
    read_at = {(guid, day): at for guid, day, at in reads}
    found: dict[tuple[str, date], list[_Off]] = {}
    for guid, day, drawer, amount, times, last in entries:
        found.setdefault((guid, day), []).append(_Off(drawer, amount or Decimal(0), int(times), last, read_at.get((guid, day), look.now)))
    names = _names(look) if found else {}
    return [
        _reading(look, rule, place, day, own, names)
        for place in look.of(rule)
        for day in look.days.get(place.toast_guid, ())
        for own in found.get((place.toast_guid, day), ())
    ]


def _reading(look: Look, rule: AlertRule, place: Location, day: date, own: _Off, names: Mapping[tuple[str, str], str]) -> Reading:
    drawer, amount = own.drawer, own.amount
    value = float(amount)
    is_over, is_clear = judged(rule, value)
    sold = day_rows(look).get((place.toast_guid, day), {}).get("net_sales") if rule.min_sales else None
    if is_over and (abs(amount) < rule.min_dollars or own.times < rule.min_count or (sold or 0) < rule.min_sales):
        is_over, is_clear = False, True
    counted = f"{own.last.astimezone(place.business_day.zone):%H:%M}" if own.last else ""
    facts = (("Over" if amount > 0 else "Short", dollars(abs(amount))), *((("Counted", counted),) if counted else ()))
    facts += (("Counts", f"{own.times:,}"),) if own.times > 1 else ()
    return Reading(
        rule=rule.name,
        location=place.toast_guid,
        period=day,
        subject=drawer,
        subject_name=names.get((place.toast_guid, drawer)) or (f"drawer {drawer[:8]}" if drawer else NO_DRAWER),
        as_of=min(own.read_at, look.now),
        value=value,
        is_over=is_over,
        is_clear=is_clear,
        dollars=Decimal(str(distance(rule, value))).quantize(CENT) if is_over else None,
        facts=facts if amount else (),
    )


def _names(look: Look) -> dict[tuple[str, str], str]:
    guids = [place.toast_guid for place in look.places]
    rows = look.warehouse.rows(
        f"SELECT restaurant_guid, cash_drawer_guid, cash_drawer_name FROM dim_cash_drawers "
        f"WHERE applies_to IS NULL AND restaurant_guid IN ({marks(guids)})",
        guids,
    )
    return {(guid, drawer): name for guid, drawer, name in rows if name}
