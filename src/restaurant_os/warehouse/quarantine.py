"""Records that could not be read: kept once each, until a readable one lands or the read shows that it is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from restaurant_os.batch import COPY, Rejected
from restaurant_os.tables import DATASETS, LOADED_AT, QUARANTINE, TableSpec
from restaurant_os.tables.dims import natural_key
from restaurant_os.warehouse import Commit
from restaurant_os.warehouse.merge import Keep, keep_nothing, text

#: One statement in the open transaction, with positional parameters; gives its rows.
Ask = Callable[..., list[tuple[Any, ...]]]
Insert = Callable[[TableSpec, list[dict[str, Any]]], None]


def quarantine(run: Ask, insert: Insert, commit: Commit, loaded_at: datetime, keep: Keep = keep_nothing) -> None:
    """Records that could be read by now are resolved; those that could not are kept, once each."""
    [(waiting,)] = run(f"SELECT count(*) FROM {QUARANTINE.name} WHERE dataset = ? AND resolved_at IS NULL", [commit.dataset])
    if waiting and (read := _records_read(commit)):
        here = f"restaurant_guid IN ({', '.join('?' for _ in commit.restaurant_guids)})"
        run(
            f"""UPDATE {QUARANTINE.name} SET resolved_at = ?
            WHERE dataset = ? AND resolved_at IS NULL AND {here} AND record_guid IN (SELECT id FROM ({read}) AS r)""",
            [loaded_at, commit.dataset, *commit.restaurant_guids],
        )
    kept: dict[str, dict[str, Any]] = {}
    for rejected in _still_unreadable(run, commit):
        row = _quarantined(commit.dataset, rejected, loaded_at)
        kept[row["quarantine_id"]] = row
    for name, row in kept.items():
        keep(QUARANTINE, f"quarantine_id = {text(name)}")
        for (first_seen_at,) in run(f"DELETE FROM {QUARANTINE.name} WHERE quarantine_id = ? RETURNING first_seen_at", [name]):
            row["first_seen_at"] = first_seen_at
    insert(QUARANTINE, list(kept.values()))
    if waiting or kept:
        _resolve_days(run, commit, loaded_at)


def _still_unreadable(run: Ask, commit: Commit) -> list[Rejected]:
    """The commit's rejected records without those of which a later copy could be read."""
    read = _records_read(commit)
    if not commit.rejected or not read:
        return list(commit.rejected)
    last_read: dict[str, int] = dict(run(f"SELECT id, max({COPY}) FROM ({read}) AS r GROUP BY 1"))
    return [rejected for rejected in commit.rejected if last_read.get(rejected.record_guid or "", -1) < rejected.copy]


def _records_read(commit: Commit) -> str:
    """A query of the records that a commit could read (id, copy); '' when there is none."""
    dataset = DATASETS[commit.dataset]
    ids = [(spec.name, spec.key[-1]) for spec in (*(records.header for records in dataset.sets), *dataset.day_sets)]
    ids += [(spec.name, natural_key(spec)[-1]) for spec in dataset.histories]
    return " UNION ALL ".join(f"SELECT {own} AS id, {COPY} FROM staged_{name}" for name, own in ids if name in commit.tables)


def _resolve_days(run: Ask, commit: Commit, loaded_at: datetime) -> None:
    """A record that names no id is resolved by a read of its whole day in which every record could be read; where a day is a set, or a table a
    history, so is any other of it: what the read no longer has is gone. A history's records are told by their `field`, which begins with it."""
    unnamed = "" if DATASETS[commit.dataset].day_sets else "AND record_guid IS NULL"
    of: list[Any]
    for sync in commit.runs:
        if sync.status != "done" or sync.rows_quarantined:
            continue
        if sync.business_date is not None:
            which, of = f"{unnamed} AND business_date = ?", [sync.business_date]
        elif DATASETS[commit.dataset].histories and sync.rows_read:
            which, of = "AND (field = ? OR starts_with(field, ?))", [sync.window_kind, f"{sync.window_kind}."]
        else:
            continue
        run(
            f"UPDATE {QUARANTINE.name} SET resolved_at = ? WHERE dataset = ? AND resolved_at IS NULL AND restaurant_guid = ? {which}",
            [loaded_at, commit.dataset, sync.restaurant_guid, *of],
        )


def quarantine_id(dataset: str, rejected: Rejected) -> str:
    """What tells the record from others, whatever is wrong with it."""
    own = rejected.record_guid or rejected.record_json
    return hashlib.sha256("\0".join((dataset, rejected.restaurant_guid, own)).encode()).hexdigest()[:32]


def _quarantined(dataset: str, rejected: Rejected, now: datetime) -> dict[str, Any]:
    return {
        "quarantine_id": quarantine_id(dataset, rejected),
        "dataset": dataset,
        "restaurant_guid": rejected.restaurant_guid,
        "business_date": rejected.business_date,
        "record_guid": rejected.record_guid,
        "field": rejected.field,
        "reason": rejected.reason,
        "record_json": rejected.record_json,
        "first_seen_at": now,
        "last_seen_at": now,
        "resolved_at": None,
        LOADED_AT: now,
    }
