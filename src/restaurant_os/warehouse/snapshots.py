"""What a closed business day was, and what later changes made of it: the rows of `day_snapshots`, kept as commits change settled days.

A day is settled for a dataset once the ledger says that it was read at or after 6 hours past its closeout (reference, section 8: fees come
then; whatever changes later is a restatement). Nothing is kept of a settled day until a commit is about to change it: then its figures as
they stand are kept under sequence 0, and after the commit those it has now, with the records that made them so. SQL inside one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.tables import CASH, DAY_SNAPSHOTS, DIM_BUSINESS_DAYS, LABOR, ORDERS, SYNC_RUNS
from restaurant_os.text import printable
from restaurant_os.warehouse import SyncRun
from restaurant_os.warehouse.merge import MOST_NAMED, Run, day, instant, text
from restaurant_os.warehouse.records import next_sequence

#: From a closeout until its day is settled.
SETTLED_AFTER = timedelta(hours=6)
SETTLES = f"d.ends_at + INTERVAL '{SETTLED_AFTER // timedelta(hours=1)} hours'"
MOST_RECORDS = 100
BASELINE = 0

#: By dataset: the view, or a query of one, that its figures come from, and which column of it each figure is.
FIGURES: dict[str, tuple[str, dict[str, str]]] = {
    ORDERS.name: (
        "daily_sales",
        {name: name for name in ("orders", "gross_sales", "discounts", "refunds", "net_sales", "tax", "tips")},
    ),
    # Of the punches alone, never of a summary.
    LABOR.name: (
        "(SELECT restaurant_guid, business_date, sum(labor_hours) AS hours, sum(labor_cost) AS cost FROM profitability_by_role GROUP BY 1, 2) AS l",
        {"labor_hours": "hours", "labor_cost": "cost"},
    ),
    CASH.name: ("daily_cash", {"cash_entries": "entries_total", "cash_deposits": "actual_deposit"}),
}
NAMES = (
    "orders",
    "gross_sales",
    "discounts",
    "refunds",
    "net_sales",
    "tax",
    "tips",
    "labor_hours",
    "labor_cost",
    "cash_entries",
    "cash_deposits",
)

Day = tuple[str, date]


@dataclass(slots=True)
class Snapshots:
    """The restatements of one commit. `before` keeps what the days were that it is about to change, `note` the records, `after` what became of the days."""

    run: Run
    dataset: str
    loaded_at: datetime
    sequence: Callable[[Run], int] = next_sequence
    _watched: dict[Day, set[str]] = field(default_factory=dict)

    def before(self, days: Iterable[Day]) -> None:
        """`days` are about to change: keep the figures of those that are settled, unless an earlier commit did."""
        settled = self.settled(list(days))
        if not settled:
            return
        self._watched |= {own: set() for own in settled if own not in self._watched}
        kept = self._rows(f"SELECT restaurant_guid, business_date FROM {DAY_SNAPSHOTS.name} WHERE dataset = {text(self.dataset)}", settled)
        fresh = [own for own in settled if own not in kept]
        if fresh:
            ends = f"(SELECT restaurant_guid, business_date, {SETTLES} AS taken_at FROM {DIM_BUSINESS_DAYS.name} AS d)"
            self._insert(fresh, sequence=str(BASELINE), taken=ends, records="''")

    def note(self, touched: str) -> None:
        """Keep in mind which records a merge changed. `touched`: a query of them (id, restaurant_guid, business_date)."""
        for own, records in self._watched.items():
            guid, on = own
            here = f"restaurant_guid = {text(guid)} AND business_date = {day(on)}"
            records.update(str(one) for (one,) in self.run(f"SELECT DISTINCT id FROM ({touched}) AS q WHERE {here}"))

    def after(self, runs: Sequence[SyncRun]) -> None:
        """What the commit made of the settled days: as of when the location's read began, or the commit itself where events brought them."""
        if not self._watched:
            return
        sequence = self.sequence(self.run)
        for own, records in self._watched.items():
            taken_at = max([sync.started_at for sync in runs if sync.restaurant_guid == own[0]], default=self.loaded_at)
            taken = f"(SELECT restaurant_guid, business_date, {instant(taken_at)} AS taken_at FROM {DIM_BUSINESS_DAYS.name})"
            self._insert([own], sequence=str(sequence), taken=taken, records=text(_joined(records)))
            self._drop_unchanged(own, sequence)

    def settled(self, days: Sequence[Day]) -> list[Day]:
        """Those the ledger had read, before this commit, at or after the time at which they settle.

        The bounds say twice what the conditions beside them say, as constants by which an engine passes over most of the ledger.
        """
        if not days:
            return []
        [(first, last)] = self.run(f"SELECT min({SETTLES}), max({SETTLES}) FROM {DIM_BUSINESS_DAYS.name} AS d WHERE {_near(days)}")
        [(newest,)] = self.run(f"SELECT greatest(max(started_at), max(window_end)) FROM {SYNC_RUNS.name}")
        if first is None or newest is None or newest < first:
            return []
        found: set[Day] = set()
        for kind, covers, bounds in (
            (
                MODIFIED,
                f"r.window_start <= {SETTLES} AND r.window_end >= {SETTLES}",
                f"r.window_end >= {instant(first)} AND r.window_start <= {instant(last)}",
            ),
            (
                BUSINESS_DATE,
                f"r.business_date = d.business_date AND r.started_at >= {SETTLES}",
                f"r.started_at >= {instant(first)}",
            ),
        ):
            read = f"""SELECT 1 FROM {SYNC_RUNS.name} AS r WHERE r.dataset = {text(self.dataset)} AND r.restaurant_guid = d.restaurant_guid
                AND r.status = 'done' AND r.window_kind = {text(kind)} AND {covers} AND {bounds}"""
            found.update(
                self._rows(f"SELECT restaurant_guid, business_date FROM {DIM_BUSINESS_DAYS.name} AS d WHERE EXISTS ({read})", days)
            )
            if len(found) == len(days):
                break
        return [own for own in days if own in found]

    # --- its parts ------------------------------------------------------------------------------------------------

    def _rows(self, query: str, days: Sequence[Day]) -> set[Day]:
        """The days among `days` that a query of (restaurant_guid, business_date) brings."""
        return {(guid, on) for guid, on in self.run(f"{query} AND {_near(days)}")} & set(days)

    def _insert(self, days: Sequence[Day], *, sequence: str, taken: str, records: str) -> None:
        view, columns = FIGURES[self.dataset]
        # A settled day that the view has no row of is known, and had nothing.
        values: dict[str, Any] = {name: f"coalesce(f.{columns[name]}, 0)" if name in columns else "NULL" for name in NAMES}
        for guid, on in days:
            self.run(f"""INSERT INTO {DAY_SNAPSHOTS.name} (dataset, restaurant_guid, business_date, sequence, taken_at, {", ".join(NAMES)},
                record_guids, _loaded_at)
                SELECT {text(self.dataset)}, {text(guid)}, {day(on)}, {sequence}, t.taken_at, {", ".join(values[name] for name in NAMES)},
                    {records}, {instant(self.loaded_at)}
                FROM {taken} AS t LEFT JOIN (SELECT * FROM {view} WHERE restaurant_guid = {text(guid)} AND business_date = {day(on)}) AS f ON TRUE
                WHERE t.restaurant_guid = {text(guid)} AND t.business_date = {day(on)}""")

    def _drop_unchanged(self, own: Day, sequence: int) -> None:
        """A change that moved no figure (a server, a name) is no restatement."""
        guid, on = own
        here = f"dataset = {text(self.dataset)} AND restaurant_guid = {text(guid)} AND business_date = {day(on)}"
        same = " AND ".join(f"p.{name} IS NOT DISTINCT FROM s.{name}" for name in NAMES)
        self.run(f"""DELETE FROM {DAY_SNAPSHOTS.name} AS s WHERE {here} AND sequence = {sequence} AND EXISTS (
            SELECT 1 FROM (SELECT * FROM {DAY_SNAPSHOTS.name} WHERE {here} AND sequence < {sequence} ORDER BY sequence DESC LIMIT 1) AS p
            WHERE {same})""")


def _near(days: Sequence[Day]) -> str:
    """Condition that all of `days` meet, and few others."""
    guids = sorted({guid for guid, _ in days})
    dates = f"business_date IN ({', '.join(day(on) for on in sorted({on for _, on in days}))})"
    return f"{dates} AND restaurant_guid IN ({', '.join(text(guid) for guid in guids)})" if len(guids) <= MOST_NAMED else dates


def _joined(records: Iterable[str]) -> str:
    ids = sorted(printable(record, 100) for record in records)
    return " ".join(ids[:MOST_RECORDS]) + (" ..." if len(ids) > MOST_RECORDS else "")
