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
SELECT status, restaurant_guid, business_date, max(started_at) FROM sync_runs
WHERE dataset = ? AND window_kind = ? GROUP BY status, restaurant_guid, business_date
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is known of one dataset.

    `chains`: of every location that has one, by restaurant_guid. `read`: when each location's business date was last read whole: the
    instant that read began. `unstable`: days whose last read found them still moving, to be asked again.
    """

    chains: Mapping[str, Chain]
    read: Mapping[tuple[str, date], datetime]
    unstable: frozenset[tuple[str, date]]


def ledger(warehouse: Warehouse, dataset: str) -> Ledger:
    chained, days = warehouse.answers((CHAINS, [dataset, MODIFIED]), (DAYS_READ, [dataset, BUSINESS_DATE]))
    read = {(guid, day): started for status, guid, day, started in days if status == "done"}
    moving = {(guid, day): started for status, guid, day, started in days if status == "unstable"}
    return Ledger(
        chains={guid: Chain(start, mark, gap is not None) for guid, start, mark, gap in chained},
        read=read,
        unstable=frozenset(key for key, started in moving.items() if key not in read or read[key] < started),
    )
