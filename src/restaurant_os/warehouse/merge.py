"""Keeping the newest version of every record, as SQL that a warehouse runs inside one transaction.

Records are sets: a header row (an order) and its children in other tables. The rules (design, section 4):

- of the copies staged, the newest version wins with all its children, at equal versions the API read that began later;
- a version older than the stored one is dropped; an equal one counts only when an API read brought it, that read began
  later than the stored row's, and it differs (so a re-read repairs what an earlier decoder got wrong, and re-reading
  what is there writes nothing);
- a newer version replaces all children; a child it no longer has stays, flagged deleted, and follows its order's date;
- children are looked for only on the business dates that the stored headers name, so a merge reads days, not history.

The staged relations are called `staged_<table>` and hold the columns of `batch`. Intermediate results are
temporary tables. Text that came from outside is never written into a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from restaurant_os.batch import COPY
from restaurant_os.tables import LOADED_AT, RecordSet, TableSpec
from restaurant_os.warehouse import Changes, LoadMode

Run = Callable[[str], list[tuple[Any, ...]]]
#: Hears of the rows of a table, by a condition, before they are replaced.
Keep = Callable[[TableSpec, str], None]
#: So many locations are named in a statement; more are looked up, since a long list costs every statement its planning anew.
MOST_NAMED = 8


def keep_nothing(spec: TableSpec, condition: str) -> None:
    """Where a table has no columns but ours."""


class SetMerge:
    """One merge of staged records into a header table and its children.

    `run` executes one statement in the open transaction and gives its rows. `restaurant_guids` are those of the settings or
    of the API's list, already checked to be GUID-shaped by whoever made the commit. `before_writing` hears of the business dates
    that will change, before they do; `keep` of the rows that are replaced. A record is told by the last column of its header's key; where others come before it
    (the source of a punch), a commit holds records of one value of them. `staged`: how many rows are staged of each table.
    """

    def __init__(
        self,
        run: Run,
        records: RecordSet,
        *,
        restaurant_guids: Collection[str],
        staged: Mapping[str, int],
        loaded_at: datetime,
        before_writing: Callable[[Changes], None] = lambda changes: None,
        keep: Keep = keep_nothing,
    ) -> None:
        self.run = run
        self.header = records.header
        self.children = records.children
        self.staged = staged
        #: Stored rows of the candidates, by table.
        self.held: dict[str, int] = {}
        #: Tables of which `new_<table>` is there.
        self.brought: set[str] = set()
        self.id = records.header.key[-1]
        self.is_named = len(restaurant_guids) <= MOST_NAMED
        self.here = f"restaurant_guid IN ({', '.join(text(guid) for guid in sorted(restaurant_guids))})" if self.is_named else "TRUE"
        for name in records.header.key[:-1]:
            self.here += f" AND {name} IN (SELECT {name} FROM staged_{records.header.name})"
        self.loaded_at = instant(loaded_at)
        self.before_writing = before_writing
        self.keep = keep
        self.known = 0

    def apply(self, mode: LoadMode) -> Changes:
        """Merge what is staged; gives the records added and changed, by location and business date."""
        self._choose(mode)
        [(chosen, known, same)] = self.run(
            "SELECT count(*), count(stored_date), count(CASE WHEN is_same_version THEN 1 END) FROM candidates"
        )
        if chosen == 0:
            return Changes()
        self.known = known
        if known:
            self._stage_against_stored(has_same_versions=same > 0)
        self.run("CREATE OR REPLACE TEMP TABLE accepted AS SELECT * FROM candidates" + (f" WHERE {self._still_wanted()}" if same else ""))
        changes = self._changes()
        self.before_writing(changes)
        if known:
            self._replace()
        self._insert(everything=chosen == self.staged[self.header.name] and not known)
        return changes

    def _stage(self, name: str, query: str) -> int:
        """A temporary table of the rows of `query`, and how many they are."""
        self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
        [(rows,)] = self.run(f"SELECT count(*) FROM {name}")
        return int(rows)

    # --- which copies win -----------------------------------------------------------------------------------------

    def _choose(self, mode: LoadMode) -> None:
        """`candidates`: the copies that may land, each with what is stored of its record."""
        h, key = self.header.name, self.id
        self.run(f"""CREATE OR REPLACE TEMP TABLE winners AS SELECT {key}, {COPY}, restaurant_guid, business_date, modified_at, created_at, read_at FROM (
            SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY modified_at DESC, read_at DESC NULLS LAST, {COPY} DESC) AS nth
            FROM staged_{h}) AS ranked WHERE nth = 1""")
        [(first, last, undated)] = self.run("SELECT min(created_at), max(created_at), count(*) - count(created_at) FROM winners")
        span = "" if undated or first is None else f"AND (created_at BETWEEN {instant(first)} AND {instant(last)} OR created_at IS NULL)"
        self.run(f"""CREATE OR REPLACE TEMP TABLE stored AS SELECT {key}, business_date, modified_at, read_at FROM {h}
            WHERE {self.here} {span} AND {self._is_of(h, "winners")}""")
        newer = "s.modified_at IS NULL"
        if mode == "merge":
            newer += """ OR w.modified_at > s.modified_at OR (w.modified_at = s.modified_at AND w.read_at IS NOT NULL
                AND (s.read_at IS NULL OR w.read_at > s.read_at))"""
        self.run(f"""CREATE OR REPLACE TEMP TABLE candidates AS SELECT w.*, s.business_date AS stored_date, s.modified_at = w.modified_at AS is_same_version
            FROM winners AS w LEFT JOIN stored AS s ON s.{key} = w.{key} WHERE {newer}""")

    def _is_of(self, table: str, records: str) -> str:
        """Condition on a stored row of `table`, beside `here`: it is of one of `records`."""
        if self.is_named:
            return f"{self.id} IN (SELECT {self.id} FROM {records})"
        return f"EXISTS (SELECT 1 FROM {records} AS k WHERE {same_values('k', table, (self.id, 'restaurant_guid'))})"

    # --- what they mean for what is stored ------------------------------------------------------------------------

    def _stage_against_stored(self, *, has_same_versions: bool) -> None:
        """`old_<table>`: stored rows of the candidates. `new_<table>`: the rows they bring, where the two must be compared. `differing`: candidates
        of an equal version that differ."""
        dates = self.run("SELECT DISTINCT stored_date FROM candidates WHERE stored_date IS NOT NULL")
        self.on_stored_dates = f"{self.here} AND business_date IN ({', '.join(day(d) for (d,) in dates)})"
        for spec in (self.header, *self.children) if has_same_versions else self.children:
            stored = f"FROM {spec.name} WHERE {self.on_stored_dates} AND {self._is_of(spec.name, self._known('candidates'))}"
            if self.staged[spec.name] or self.run(f"SELECT 1 {stored} LIMIT 1"):
                self.held[spec.name] = self._stage(f"old_{spec.name}", f"SELECT * {stored}")
                if has_same_versions or spec.weak:
                    self._stage_brought(spec)
        if has_same_versions:
            self.run(f"CREATE OR REPLACE TEMP TABLE differing AS {' UNION '.join(self._differences())}")

    @staticmethod
    def _known(records: str) -> str:
        return f"(SELECT * FROM {records} WHERE stored_date IS NOT NULL)"

    def _stage_brought(self, spec: TableSpec) -> None:
        gives_way = ""
        if spec.weak:
            same = same_values("o", "n", spec.weak_by)
            gives_way = f"AND NOT (n.{spec.weak} AND EXISTS (SELECT 1 FROM old_{spec.name} AS o WHERE {same} AND NOT o.{spec.weak}))"
        self.run(f"""CREATE OR REPLACE TEMP TABLE new_{spec.name} AS SELECT n.* FROM staged_{spec.name} AS n
            JOIN candidates AS c ON c.{COPY} = n.{COPY} WHERE c.stored_date IS NOT NULL {gives_way}""")
        self.brought.add(spec.name)

    def _differences(self) -> Iterable[str]:
        same = f"{self.id} IN (SELECT {self.id} FROM candidates WHERE is_same_version)"
        for spec in (own for own in (self.header, *self.children) if own.name in self.brought):
            columns = ", ".join(spec.content)
            yield f"""SELECT {self.id} FROM (SELECT {columns} FROM new_{spec.name} WHERE {same}
                EXCEPT SELECT {columns} FROM old_{spec.name}) AS d_{spec.name}"""
        for spec in (own for own in self.children if own.name in self.brought):
            yield f"SELECT o.{self.id} FROM old_{spec.name} AS o WHERE o.{same} AND NOT o.is_deleted AND {self._gone(spec)}"

    def _gone(self, spec: TableSpec) -> str:
        """Condition on `o`, a stored row: the candidate no longer has it, and it is not one that is retained."""
        gone = f"NOT EXISTS (SELECT 1 FROM new_{spec.name} AS n WHERE {same_values('o', 'n', spec.key)})"
        return f"{gone} AND NOT {self._retained(spec)}" if spec.retained_by else gone

    def _retained(self, spec: TableSpec) -> str:
        """Condition on `o`: it stays, since the candidate has another row in its place. One that was only inferred goes where it is known anew."""
        retained = f"EXISTS (SELECT 1 FROM new_{spec.name} AS r WHERE {same_values('o', 'r', spec.retained_by)})"
        if not spec.weak:
            return retained
        known = f"EXISTS (SELECT 1 FROM new_{spec.name} AS k WHERE {same_values('o', 'k', spec.weak_by)})"
        return f"({retained} AND NOT (o.{spec.weak} AND {known}))"

    def _still_wanted(self) -> str:
        return f"is_same_version IS NOT TRUE OR {self.id} IN (SELECT {self.id} FROM differing)"

    # --- the change itself ----------------------------------------------------------------------------------------

    def _replace(self) -> None:
        """Old rows of the accepted records out; the ones they no longer have back in, flagged."""
        for spec in (self.header, *self.children):
            if spec is not self.header and not self.held.get(spec.name):
                continue
            tombstones = self._stage_tombstones(spec) if spec is not self.header and self._may_lose_rows(spec) else 0
            replaced = f"{self.on_stored_dates} AND {self._is_of(spec.name, self._known('accepted'))}"
            self.keep(spec, replaced)
            self.run(f"DELETE FROM {spec.name} WHERE {replaced}")
            if tombstones:
                self.run(f"INSERT INTO {spec.name} ({', '.join(spec.names)}) SELECT {', '.join(spec.names)} FROM tomb_{spec.name}")

    def _may_lose_rows(self, spec: TableSpec) -> bool:
        """Whether candidates lack some stored row. Most changes lose none, and to ask is cheaper than to stage what they lose."""
        if spec.name in self.brought:
            return True
        brought = (
            f"SELECT 1 FROM staged_{spec.name} AS n JOIN candidates AS c ON c.{COPY} = n.{COPY} WHERE {same_values('o', 'n', spec.key)}"
        )
        if not self.run(f"SELECT 1 FROM old_{spec.name} AS o WHERE NOT EXISTS ({brought}) LIMIT 1"):
            return False
        self._stage_brought(spec)
        return True

    def _stage_tombstones(self, spec: TableSpec) -> int:
        """`tomb_<table>`: stored rows that the accepted version does not bring, as they shall stand from now on.

        A row that is retained stays as it is, but counts only while its order does. All follow their order's business date. Gives how many.
        """
        retained = self._retained(spec) if spec.retained_by else "FALSE"
        untouched = f"(o.is_deleted OR {retained})"
        changed = {
            "business_date": "a.business_date",
            "is_deleted": f"NOT {retained} OR o.is_deleted",
            "modified_at": f"CASE WHEN {untouched} THEN o.modified_at ELSE a.modified_at END",
            LOADED_AT: f"CASE WHEN {untouched} THEN o.{LOADED_AT} ELSE {self.loaded_at} END",
        }
        if "is_counted" in spec.names:
            changed["is_counted"] = "o.is_counted AND a.is_counted"
            if spec.retained_by:
                place = f"SELECT 1 FROM new_{spec.name} AS r WHERE {same_values('o', 'r', spec.retained_by)} AND NOT r.is_counted"
                changed["is_counted"] += f" AND NOT EXISTS ({place})"
        columns = ", ".join(f"{changed.get(name, 'o.' + name)} AS {name}" for name in spec.names)
        return self._stage(
            f"tomb_{spec.name}",
            f"""SELECT {columns} FROM old_{spec.name} AS o
            JOIN (SELECT a.{self.id}, a.business_date, a.modified_at, h.is_counted
                FROM accepted AS a JOIN staged_{self.header.name} AS h ON h.{COPY} = a.{COPY}
                WHERE a.stored_date IS NOT NULL) AS a ON a.{self.id} = o.{self.id}
            WHERE NOT EXISTS (SELECT 1 FROM new_{spec.name} AS n WHERE {same_values("o", "n", spec.key)})""",
        )

    def _insert(self, *, everything: bool) -> None:
        """Rows of the accepted copies in. `everything`: all that is staged is accepted and new: nothing need be looked up."""
        for spec in (self.header, *self.children):
            if not self.staged[spec.name]:
                continue
            names = ", ".join(spec.names)
            values = ", ".join(self.loaded_at if name == LOADED_AT else f"n.{name}" for name in spec.names)
            insert = f"INSERT INTO {spec.name} ({names}) SELECT {values} FROM"
            if everything:
                self.run(f"{insert} staged_{spec.name} AS n")
                continue
            some_give_way = spec.weak and self.known
            only = "WHERE a.stored_date IS NULL" if some_give_way else ""
            self.run(f"{insert} staged_{spec.name} AS n JOIN accepted AS a ON a.{COPY} = n.{COPY} {only}")
            if some_give_way:
                self.run(f"{insert} new_{spec.name} AS n JOIN accepted AS a ON a.{COPY} = n.{COPY}")

    def touched(self) -> str:
        """The records that changed, on every business date they touch (the new one, the one they leave, those of their refunds): id,
        restaurant_guid, business_date, added, changed."""
        moved = (
            f"SELECT {self.id} AS id, restaurant_guid, stored_date AS business_date, 0, 1 FROM accepted WHERE stored_date <> business_date"
        )
        here = f"""SELECT {self.id} AS id, restaurant_guid, business_date, CASE WHEN stored_date IS NULL THEN 1 ELSE 0 END AS added,
            CASE WHEN stored_date IS NULL THEN 0 ELSE 1 END AS changed FROM accepted"""
        parts = [here, moved]
        for spec in self.children:
            if spec.partition == "business_date":
                continue
            own = f"SELECT n.{self.id}, n.restaurant_guid, n.{spec.partition}, 0, 0 FROM"
            if self.staged[spec.name]:
                parts.append(f"{own} staged_{spec.name} AS n JOIN accepted AS a ON a.{COPY} = n.{COPY}")
            if self.held.get(spec.name):
                parts.append(f"{own} old_{spec.name} AS n JOIN accepted AS a ON a.{self.id} = n.{self.id}")
        return " UNION ALL ".join(parts)

    def _changes(self) -> Changes:
        found = self.run(
            f"SELECT restaurant_guid, business_date, sum(added), sum(changed) FROM ({self.touched()}) AS d GROUP BY 1, 2 ORDER BY 1, 2"
        )
        whole = self.run("SELECT restaurant_guid, count(*) - count(stored_date), count(stored_date) FROM accepted GROUP BY 1")
        return Changes(
            {guid: (added, changed) for guid, added, changed in whole}, {(guid, on): (int(a), int(c)) for guid, on, a, c in found}
        )


def same_values(left: str, right: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in columns)


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def day(value: date) -> str:
    return f"DATE '{value.isoformat()}'"


def instant(value: datetime) -> str:
    return f"TIMESTAMPTZ '{value.isoformat(sep=' ')}'"
