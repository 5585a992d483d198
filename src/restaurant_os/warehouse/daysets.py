"""Keeping tables whose rows carry no version: the rows of a business date are a set, and a whole read of it replaces the set.

The rules (design, section 4): a read that began earlier than one the ledger knows of that day is dropped, and so is a row of it that a
later read knows better, be it on another date; what a whole read no longer has stays, flagged deleted; a row that is there already, as it
is, is not written; a row found on another date moves, and both days change.

Like `merge.py`: SQL run inside one transaction. The staged relations are `staged_<table>`, with the columns of `batch`, and `days_<table>`
(restaurant_guid, business_date, read_seq), the days read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from restaurant_os.batch import COPY
from restaurant_os.tables import LOADED_AT, SYNC_RUNS, TableSpec
from restaurant_os.warehouse import Changes, LoadMode
from restaurant_os.warehouse.merge import Keep, Run, instant, keep_nothing, same_values, text


class DaySetMerge:
    """One merge of the days staged for a table. `before_writing` hears of what will change, before it does; `keep` of the rows that are replaced."""

    def __init__(
        self,
        run: Run,
        spec: TableSpec,
        *,
        dataset: str,
        restaurant_guids: Iterable[str],
        loaded_at: datetime,
        before_writing: Callable[[Changes], None] = lambda changes: None,
        keep: Keep = keep_nothing,
    ) -> None:
        self.run = run
        self.spec = spec
        self.dataset = dataset
        self.id = spec.key[-1]
        self.here = f"restaurant_guid IN ({', '.join(text(guid) for guid in sorted(restaurant_guids))})"
        self.loaded_at = instant(loaded_at)
        self.before_writing = before_writing
        self.keep = keep

    def apply(self, mode: LoadMode) -> Changes:
        """Merge what is staged; gives the records added and changed, by location and business date."""
        self._choose(mode)
        changes = self._changes()
        if changes.days:
            self.before_writing(changes)
            self._write()
        return changes

    def touched(self) -> str:
        """The records that changed: id, restaurant_guid, business_date, added, changed."""
        name = self.spec.name
        return f"""SELECT {self.id} AS id, restaurant_guid, business_date, CASE WHEN stored_date IS NULL THEN 1 ELSE 0 END AS added,
                CASE WHEN stored_date IS NULL THEN 0 ELSE 1 END AS changed FROM accepted_{name}
            UNION ALL SELECT {self.id}, restaurant_guid, stored_date, 0, 1 FROM accepted_{name} WHERE stored_date <> business_date
            UNION ALL SELECT {self.id}, restaurant_guid, business_date, 0, 1 FROM gone_{name}"""

    def _choose(self, mode: LoadMode) -> None:
        """`accepted_<table>`: staged rows that are new or differ. `gone_<table>`: stored rows that a whole read no longer has."""
        name, key = self.spec.name, self.id
        later = f"""SELECT 1 FROM {SYNC_RUNS.name} AS r WHERE r.dataset = {text(self.dataset)} AND r.restaurant_guid = d.restaurant_guid
            AND r.read_seq > d.read_seq"""
        overtaken = f"{later} AND r.business_date = d.business_date"
        self.run(f"""CREATE OR REPLACE TEMP TABLE fresh_{name} AS SELECT * FROM (
            SELECT d.*, row_number() OVER (PARTITION BY restaurant_guid, {key} ORDER BY read_seq DESC, {COPY} DESC) AS nth
            FROM staged_{name} AS d WHERE NOT EXISTS ({overtaken})) AS ranked WHERE nth = 1""")
        self.run(f"""CREATE OR REPLACE TEMP TABLE stored_{name} AS SELECT * FROM {name}
            WHERE {self.here} AND {key} IN (SELECT {key} FROM fresh_{name})""")
        content = ", ".join(self.spec.content)
        # A stored row has the sequence of the read that wrote it; later reads of its day found it as it is.
        wanted = (
            "s.business_date IS NULL"
            if mode == "insert-only"
            else f"s.business_date IS NULL OR (s.read_seq <= d.read_seq AND NOT EXISTS ({later} AND r.business_date = s.business_date))"
        )
        self.run(f"""CREATE OR REPLACE TEMP TABLE accepted_{name} AS SELECT d.*, s.business_date AS stored_date
            FROM fresh_{name} AS d
            JOIN (SELECT restaurant_guid, {key} FROM (SELECT {content} FROM fresh_{name} EXCEPT SELECT {content} FROM stored_{name}) AS n) AS n
                ON {same_values("n", "d", self.spec.key)}
            LEFT JOIN stored_{name} AS s ON {same_values("s", "d", self.spec.key)}
            WHERE {wanted}""")
        kept = f"SELECT 1 FROM fresh_{name} AS f WHERE {same_values('f', 't', self.spec.key)}"
        self.run(f"""CREATE OR REPLACE TEMP TABLE gone_{name} AS SELECT t.restaurant_guid, t.{key}, t.business_date, max(d.read_seq) AS read_seq
            FROM {name} AS t JOIN days_{name} AS d ON d.restaurant_guid = t.restaurant_guid AND d.business_date = t.business_date
            WHERE {"FALSE" if mode == "insert-only" else "NOT t.is_deleted AND t.read_seq <= d.read_seq"} AND NOT EXISTS ({overtaken}) AND NOT EXISTS ({kept})
            GROUP BY t.restaurant_guid, t.{key}, t.business_date""")

    def _changes(self) -> Changes:
        days = self.run(f"""SELECT restaurant_guid, business_date, sum(added), sum(changed) FROM ({self.touched()}) AS t
            GROUP BY 1, 2 ORDER BY 1, 2""")
        whole: dict[str, tuple[int, int]] = {}
        for guid, added, changed in self.run(f"""SELECT restaurant_guid, count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new)
            FROM (SELECT id, restaurant_guid, max(added) = 1 AS new FROM ({self.touched()}) AS t GROUP BY 1, 2) AS r GROUP BY 1"""):
            whole[guid] = (added, changed)
        return Changes(whole, {(guid, on): (int(added), int(changed)) for guid, on, added, changed in days})

    def _write(self) -> None:
        name = self.spec.name
        self.run(f"""UPDATE {name} SET is_deleted = TRUE, read_seq = g.read_seq, {LOADED_AT} = {self.loaded_at}
            FROM gone_{name} AS g WHERE {same_values("g", name, self.spec.key)}""")
        replaced = f"EXISTS (SELECT 1 FROM accepted_{name} AS a WHERE {same_values('a', name, self.spec.key)})"
        self.keep(self.spec, replaced)
        self.run(f"DELETE FROM {name} WHERE {replaced}")
        values = ", ".join(self.loaded_at if column == LOADED_AT else column for column in self.spec.names)
        self.run(f"INSERT INTO {name} ({', '.join(self.spec.names)}) SELECT {values} FROM accepted_{name}")
