"""How much a backfill will ask and how long the pacing makes it last: before anything is called, and while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.pipeline.backfill import Work
from restaurant_os.pipeline.sync import MOST_THREADS
from restaurant_os.settings import Location
from restaurant_os.sources.pacing import Pacing
from restaurant_os.sources.toast.client import CASH, LABOR, ORDERS_BULK
from restaurant_os.sources.toast.orders import PAGE_SIZE
from restaurant_os.tables import CASH as CASH_DATASET
from restaurant_os.tables import LABOR as LABOR_DATASET
from restaurant_os.tables import ORDERS
from restaurant_os.warehouse import Warehouse

#: Records of a business date where the ledger knows of none: what the user measured of orders (seeds: 758 rows, about 240 orders), and
#: of the others what a restaurant with twenty people on the clock and three drawers has.
USUAL = {ORDERS.name: 240.0, LABOR_DATASET.name: 20.0, CASH_DATASET.name: 20.0}
ENDPOINTS = {ORDERS.name: ORDERS_BULK, LABOR_DATASET.name: LABOR, CASH_DATASET.name: CASH}

AVERAGES = """
SELECT dataset, restaurant_guid, CAST(sum(rows_read) AS DOUBLE PRECISION) / count(*) FROM sync_runs
WHERE window_kind = ? AND rows_read > 0 GROUP BY dataset, restaurant_guid
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """Of one dataset and location: calls and records still to come."""

    work: Work
    calls: float
    records: float


def expected(warehouse: Warehouse, works: Sequence[Work]) -> list[Expected]:
    """By what the ledger says of each location's dates, else by what is usual."""
    averages = {(dataset, guid): float(rows) for dataset, guid, rows in warehouse.rows(AVERAGES, [BUSINESS_DATE])}
    return [_expected(work, averages.get((work.dataset, work.location.toast_guid), USUAL[work.dataset])) for work in works]


def _expected(work: Work, records: float) -> Expected:
    per_date, per_location = _calls(work.dataset, records)
    schedules = work.windows - len(work.dates)
    calls = per_date * len(work.dates) + schedules + (per_location if work.dates else 0)
    return Expected(work, calls, records * len(work.dates))


def _calls(dataset: str, records: float) -> tuple[float, float]:
    """Calls for a date, and beside them for the location (reference: orders 3.1, cash 4, labor 5)."""
    if dataset == ORDERS.name:
        return records // PAGE_SIZE + 1, 0  # a page that is not full is the last
    if dataset == CASH_DATASET.name:
        return 2, 0  # entries, deposits
    return 1, 2  # entries; jobs, employees


def seconds_of(found: Sequence[Expected], pacing: Pacing) -> float:
    """The least that the pacing allows, all locations side by side."""
    by_location: dict[Location, list[Expected]] = {}
    for one in found:
        by_location.setdefault(one.work.location, []).append(one)
    each = [location_seconds({one.work.dataset: one.calls for one in own}, pacing) for own in by_location.values()]
    return max([*each, sum(each) / MOST_THREADS], default=0.0)


def location_seconds(calls: Mapping[str, float], pacing: Pacing) -> float:
    """The least for one location: its datasets wait for their own endpoint each, and all for the location's."""
    own = [count * pacing.interval(ENDPOINTS[dataset]) for dataset, count in calls.items()]
    return max([*own, sum(calls.values()) * pacing.location], default=0.0)
