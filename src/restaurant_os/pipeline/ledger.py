"""What the ledger says: the mark of each location, and which days were read when. Nothing else is asked for resume or completeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Chain:
    """The gap-free chain of modified windows of one location: from `start` to its `mark`. `is_broken`: windows exist beyond a gap."""

    start: datetime
    mark: datetime
    is_broken: bool


#: Windows in order of their start, each with how far those before it reach; the chain ends at the first that starts beyond.
CHAINS = """
WITH windows AS (
    SELECT restaurant_guid, window_start, window_end,
        max(window_end) OVER (PARTITION BY restaurant_guid ORDER BY window_start, window_end ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach
    FROM sync_runs WHERE dataset = ? AND window_kind = ? AND status = 'done'
), gaps AS (
    SELECT restaurant_guid, min(window_start) AS first_gap FROM windows WHERE window_start > reach GROUP BY restaurant_guid
)
SELECT w.restaurant_guid, min(w.window_start), max(w.window_end), max(g.first_gap)
FROM windows AS w LEFT JOIN gaps AS g ON g.restaurant_guid = w.restaurant_guid
WHERE g.first_gap IS NULL OR w.window_start < g.first_gap
GROUP BY w.restaurant_guid
"""

DAYS_READ = """
SELECT restaurant_guid, business_date, max(started_at) FROM sync_runs
WHERE dataset = ? AND window_kind = ? AND status = ? GROUP BY restaurant_guid, business_date
"""


def chains(warehouse: Warehouse, dataset: str) -> dict[str, Chain]:
    """The chain of every location that has one, by restaurant_guid."""
    return {guid: Chain(start, mark, gap is not None) for guid, start, mark, gap in warehouse.rows(CHAINS, [dataset, MODIFIED])}


def days_read(warehouse: Warehouse, dataset: str) -> dict[tuple[str, date], datetime]:
    """When each location's business date was last read whole: the instant that read began."""
    return {(guid, day): started for guid, day, started in warehouse.rows(DAYS_READ, [dataset, BUSINESS_DATE, "done"])}


def days_unstable(warehouse: Warehouse, dataset: str, done: Mapping[tuple[str, date], datetime]) -> set[tuple[str, date]]:
    """Days whose last read found them still moving: to be asked again. `done`: the `days_read`."""
    unstable = warehouse.rows(DAYS_READ, [dataset, BUSINESS_DATE, "unstable"])
    return {(guid, day) for guid, day, started in unstable if (guid, day) not in done or done[guid, day] < started}
