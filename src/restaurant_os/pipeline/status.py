"""What is complete, partial or missing, per location, dataset and business date: read from the ledger, the facts and the quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from restaurant_os.businessday import days_between
from restaurant_os.pipeline.ledger import Chain, Ledger, ledger
from restaurant_os.pipeline.plans import Span
from restaurant_os.settings import Location
from restaurant_os.tables import DATASETS, ORDERS, Dataset
from restaurant_os.warehouse import Warehouse

State = Literal["complete", "partial", "missing"]


@dataclass(frozen=True, slots=True)
class DayStatus:
    """One business date of one location. `why`: what a partial or missing day lacks. `as_of`: up to when it is known."""

    location: Location
    dataset: str
    business_date: date
    state: State
    why: str
    rows: int
    quarantined: int
    last_read_at: datetime | None
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class _Facts:
    ledger: Ledger
    rows: Mapping[tuple[str, date], int]
    quarantined: Mapping[tuple[str, date | None], int]


def day_statuses(warehouse: Warehouse, locations: Sequence[Location], span: Span | None, now: datetime) -> list[DayStatus]:
    """Every business date of the span, or, without one, every date from the first that is known to the last closed one, and any known after
    it; of orders always, of another dataset once some of it was read, of configuration and of what events alone bring never."""
    facts = {dataset.name: _facts(warehouse, dataset) for dataset in DATASETS.values() if dataset.is_synced and not dataset.histories}
    found: list[DayStatus] = []
    for location in locations:
        for dataset, own in facts.items():
            if dataset != ORDERS.name and all(guid != location.toast_guid for guid, _ in own.ledger.read):
                continue
            days = span.days if span else _known_days(location, own, now)
            found += [_day(location, dataset, day, own, now) for day in days]
    return found


def bytes_billed(warehouse: Warehouse, now: datetime) -> dict[str, int] | None:
    """What the warehouse's queries are billed for, in bytes, today (UTC) and in the last 30 days; None where nothing is billed by the query."""
    bill = getattr(warehouse, "bill", None)
    if bill is None:
        return None
    since = {"today": now.replace(hour=0, minute=0, second=0, microsecond=0), "last_30_days": now - timedelta(days=30)}
    return {name: sum(cost.bytes_billed for cost in bill(begin).values()) for name, begin in since.items()}


def day_as_json(day: DayStatus) -> dict[str, Any]:
    """As `restaurant-os status --json` and `/v1/status` show it."""
    return {
        "location": day.location.name,
        "restaurant_guid": day.location.toast_guid,
        "dataset": day.dataset,
        "business_date": day.business_date,
        "state": day.state,
        "why": day.why,
        "rows": day.rows,
        "quarantined": day.quarantined,
        "last_read_at": day.last_read_at,
        "as_of": day.as_of,
    }


def _known_days(location: Location, facts: _Facts, now: datetime) -> list[date]:
    guid = location.toast_guid
    known = [day for own, day in (*facts.ledger.read, *facts.rows) if own == guid]
    if not known:
        return []
    closed = location.business_day.last_closed(now)
    return days_between(min(known), max([closed, *(day for day in known if day <= closed + timedelta(days=1))]))


def _facts(warehouse: Warehouse, dataset: Dataset) -> _Facts:
    table = dataset.tables[0].name
    flagged = "" if dataset is ORDERS else "WHERE NOT is_deleted"
    rows = warehouse.rows(f"SELECT restaurant_guid, business_date, count(*) FROM {table} {flagged} GROUP BY 1, 2")
    waiting = warehouse.rows(
        "SELECT restaurant_guid, business_date, count(*) FROM quarantine WHERE dataset = ? AND resolved_at IS NULL GROUP BY 1, 2",
        [dataset.name],
    )
    return _Facts(
        ledger=ledger(warehouse, dataset.name),
        rows={(guid, day): n for guid, day, n in rows},
        quarantined={(guid, day): n for guid, day, n in waiting},
    )


def _day(location: Location, dataset: str, day: date, facts: _Facts, now: datetime) -> DayStatus:
    key = (location.toast_guid, day)
    chain = facts.ledger.chains.get(location.toast_guid)
    read = facts.ledger.read.get(key)
    rows = facts.rows.get(key, 0)
    # A record that names no day may belong to any: it keeps every day of its location from being complete.
    waiting = facts.quarantined.get(key, 0) + facts.quarantined.get((location.toast_guid, None), 0)
    state, why = _state(location, day, read, rows, waiting, chain, now)
    followed = chain is not None and read is not None and chain.start <= read and not chain.is_broken
    as_of = max(read, chain.mark) if followed and read and chain else read
    return DayStatus(location, dataset, day, state, why, rows, waiting, read, as_of)


def _state(
    location: Location, day: date, read: datetime | None, rows: int, waiting: int, chain: Chain | None, now: datetime
) -> tuple[State, str]:
    opens, closes = location.business_day.bounds(day)
    if read is None and closes > now and chain is not None and chain.mark > opens:
        return "partial", "still open"
    if read is None:
        return ("partial", "only changes were read, not the whole day") if rows else ("missing", "never read")
    if read < closes:
        return "partial", "read before its closeout" if closes <= now else "still open"
    if waiting:
        return "partial", "records in quarantine"
    if chain is not None and (chain.start > read or chain.is_broken):
        return "partial", "changes since then have a gap"
    return "complete", ""
