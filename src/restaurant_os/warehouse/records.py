"""What belongs to a commit beside its rows, in the same transaction: its syncs in the ledger, the days it changed, what could not be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from restaurant_os.boundaries import crossing
from restaurant_os.tables import CHANGED_DAYS, LOADED_AT, SYNC_RUNS
from restaurant_os.warehouse import Changes, Commit
from restaurant_os.warehouse.merge import Keep, day, keep_nothing, same_values
from restaurant_os.warehouse.quarantine import Ask, Insert, quarantine

#: So many commits that changed something, then the rows of each day become one: a service commits every second, to hundreds of locations.
FOLD_EVERY = 500
A_DAY = ("dataset", "restaurant_guid", "business_date")


def next_sequence(run: Ask) -> int:
    """The number of the commit that is being made, where it is known already."""
    [(sequence,)] = run(f"SELECT coalesce(max(sequence), 0) + 1 FROM {CHANGED_DAYS.name}")
    return int(sequence)


def record(
    run: Ask,
    insert: Insert,
    commit: Commit,
    changes: Changes,
    loaded_at: datetime,
    *,
    sequence: Callable[[Ask], int] = next_sequence,
    keep: Keep = keep_nothing,
) -> None:
    """The rows of all three."""
    insert(SYNC_RUNS, [{**asdict(own), LOADED_AT: loaded_at} for own in commit.runs])
    if changes.days:
        with crossing("changed_days"):
            _note_days(run, insert, commit.dataset, changes, loaded_at, sequence(run))
    quarantine(run, insert, commit, loaded_at, keep)


def _note_days(run: Ask, insert: Insert, dataset: str, changes: Changes, loaded_at: datetime, sequence: int) -> None:
    insert(
        CHANGED_DAYS,
        [
            {
                "dataset": dataset,
                "restaurant_guid": guid,
                "business_date": on,
                "sequence": sequence,
                "rows_added": added,
                "rows_changed": changed,
                LOADED_AT: loaded_at,
            }
            for (guid, on), (added, changed) in changes.days.items()
        ],
    )
    if sequence % FOLD_EVERY == 0:
        fold_days(run, sequence - FOLD_EVERY)


def fold_days(run: Ask, since: int = -1) -> None:
    """Of each day that changed after the sequence `since`, one row: the newest sequence, which is all that a reader asks for, with the sums."""
    name = CHANGED_DAYS.name
    dates = run(f"SELECT DISTINCT business_date FROM {name} WHERE sequence > {since}")
    if not dates:
        return
    here = f"business_date IN ({', '.join(day(on) for (on,) in dates)})"
    run(f"""CREATE OR REPLACE TEMP TABLE folded AS SELECT {", ".join(A_DAY)}, max(sequence) AS sequence, sum(rows_added) AS rows_added,
        sum(rows_changed) AS rows_changed, max({LOADED_AT}) AS {LOADED_AT} FROM {name} WHERE {here} GROUP BY {", ".join(A_DAY)} HAVING count(*) > 1""")
    run(f"DELETE FROM {name} WHERE {here} AND EXISTS (SELECT 1 FROM folded AS f WHERE {same_values('f', name, A_DAY)})")
    names = ", ".join(CHANGED_DAYS.names)
    run(f"INSERT INTO {name} ({names}) SELECT {names} FROM folded")
