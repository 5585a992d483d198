"""Keeping every state of records that carry no version: SCD2, as SQL that a warehouse runs inside one transaction.

The rules (design, section 4): a record whose content differs from its last state, or that was gone, opens a new state; a record that a
complete read no longer has is closed, never deleted; any other read closes nothing; a read that began under a lower sequence than one the
ledger knows of that table and location is ignored whole; a state that is there already, as it is, is not written.

A read takes effect at one instant for all of its records: when it began, yet after everything that is known of that table and location, so
that `valid_from` never goes back, whatever the clocks do. `applies_from` and `applies_to` follow the states of a record without a gap.

The staged relation is `staged_<table>`: natural key, content, `row_hash`, `read_seq` and the copy number. What a read was is told by its row
for the ledger. Instants are worked out here, not in SQL, whose interval arithmetic differs by engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from restaurant_os.batch import COPY
from restaurant_os.tables import LOADED_AT, SYNC_RUNS, TableSpec
from restaurant_os.tables.dims import EVER, natural_key
from restaurant_os.warehouse import Changes, SyncRun
from restaurant_os.warehouse.merge import Run, instant, same_values, text

#: What is told apart in every engine.
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """One read of a table at a location. `is_complete`: a record it does not have is gone."""

    restaurant_guid: str
    read_at: datetime
    read_seq: int
    is_complete: bool

    @classmethod
    def of(cls, sync: SyncRun) -> HistoryRead:
        """As the ledger has it: complete when it ended without quarantine, and was not empty."""
        is_complete = sync.status == "done" and sync.rows_read > 0 and not sync.rows_quarantined
        return cls(sync.restaurant_guid, sync.started_at, sync.read_seq or 0, is_complete)


class HistoryMerge:
    """One merge of staged records into a history. `run` executes one statement in the open transaction and gives its rows."""

    def __init__(self, run: Run, spec: TableSpec, *, dataset: str, runs: Sequence[SyncRun], loaded_at: datetime) -> None:
        self.run = run
        self.spec = spec
        self.dataset = dataset
        self.key = natural_key(spec)
        self.reads = {sync.restaurant_guid: HistoryRead.of(sync) for sync in runs if sync.window_kind == spec.name}
        self.loaded_at = instant(loaded_at)
        #: By location, when its read takes effect; those that were overtaken are left out.
        self.effective: dict[str, datetime] = {}

    def apply(self) -> Changes:
        """Merge what is staged; gives the records that are new, and those that changed or ended, by location."""
        self.effective = self._effective()
        if not self.effective:
            return Changes()
        self._choose()
        name = self.spec.name
        found = self.run(f"""SELECT restaurant_guid, sum(added), sum(changed) FROM (
            SELECT restaurant_guid, CASE WHEN is_new THEN 1 ELSE 0 END AS added, CASE WHEN is_new THEN 0 ELSE 1 END AS changed FROM opened_{name}
            UNION ALL SELECT restaurant_guid, 0, 1 FROM ended_{name}) AS t GROUP BY 1""")
        if found:
            self._write()
        return Changes({guid: (int(added), int(changed)) for guid, added, changed in found})

    def _effective(self) -> dict[str, datetime]:
        if not self.reads:
            return {}
        here = f"restaurant_guid IN ({', '.join(text(guid) for guid in sorted(self.reads))})"
        ledger = self.run(f"""SELECT restaurant_guid, max(read_seq), max(started_at) FROM {SYNC_RUNS.name}
            WHERE dataset = {text(self.dataset)} AND window_kind = {text(self.spec.name)} AND {here} GROUP BY 1""")
        stored = self.run(f"SELECT restaurant_guid, max(valid_from), max(valid_to) FROM {self.spec.name} WHERE {here} GROUP BY 1")
        latest_seq = {guid: seq for guid, seq, _ in ledger if seq is not None}
        known: dict[str, list[datetime]] = {guid: [] for guid in self.reads}
        for guid, *instants in [*((guid, started) for guid, _, started in ledger), *stored]:
            known[guid] += [one.astimezone(UTC) for one in instants if one is not None]
        return {
            guid: max([read.read_at, *(one + TICK for one in known[guid])])
            for guid, read in self.reads.items()
            if read.read_seq >= latest_seq.get(guid, 0)
        }

    def _choose(self) -> None:
        """`opened_<table>`: records that are new, differ from their last state, or had ended. `ended_<table>`: states that a complete read no
        longer has."""
        name = self.spec.name
        reads = " UNION ALL ".join(
            f"SELECT {text(guid)} AS restaurant_guid, {instant(at)} AS effective, {'TRUE' if self.reads[guid].is_complete else 'FALSE'} AS is_complete"
            for guid, at in sorted(self.effective.items())
        )
        self.run(f"CREATE OR REPLACE TEMP TABLE reads_{name} AS {reads}")
        self.run(f"""CREATE OR REPLACE TEMP TABLE fresh_{name} AS SELECT * FROM (
            SELECT d.*, r.effective, row_number() OVER (PARTITION BY {", ".join(f"d.{part}" for part in self.key)} ORDER BY d.{COPY} DESC) AS nth
            FROM staged_{name} AS d JOIN reads_{name} AS r ON r.restaurant_guid = d.restaurant_guid) AS ranked WHERE nth = 1""")
        # Of every record known, its last state: the one without a next.
        self.run(f"""CREATE OR REPLACE TEMP TABLE last_{name} AS SELECT * FROM {name}
            WHERE applies_to IS NULL AND restaurant_guid IN (SELECT restaurant_guid FROM reads_{name})""")
        self.run(f"""CREATE OR REPLACE TEMP TABLE opened_{name} AS SELECT f.*, s.valid_from IS NULL AS is_new
            FROM fresh_{name} AS f LEFT JOIN last_{name} AS s ON {same_values("s", "f", self.key)}
            WHERE s.valid_from IS NULL OR NOT s.is_current OR s.row_hash <> f.row_hash""")
        given = f"SELECT 1 FROM fresh_{name} AS f WHERE {same_values('f', 's', self.key)}"
        self.run(f"""CREATE OR REPLACE TEMP TABLE ended_{name} AS SELECT {", ".join(f"s.{part}" for part in self.key)}, r.effective
            FROM last_{name} AS s JOIN reads_{name} AS r ON r.restaurant_guid = s.restaurant_guid
            WHERE s.is_current AND r.is_complete AND NOT EXISTS ({given})""")

    def _write(self) -> None:
        """States end, then the next ones begin."""
        name = self.spec.name
        self.run(f"""UPDATE {name} SET valid_to = coalesce(valid_to, o.effective), applies_to = o.effective, is_current = FALSE,
            {LOADED_AT} = {self.loaded_at} FROM opened_{name} AS o WHERE {same_values("o", name, self.key)} AND {name}.applies_to IS NULL""")
        self.run(f"""UPDATE {name} SET valid_to = e.effective, is_current = FALSE, {LOADED_AT} = {self.loaded_at}
            FROM ended_{name} AS e WHERE {same_values("e", name, self.key)} AND {name}.is_current""")
        ours = {
            "valid_from": "effective",
            "valid_to": "NULL",
            "is_current": "TRUE",
            "applies_from": f"CASE WHEN is_new THEN {instant(EVER)} ELSE effective END",
            "applies_to": "NULL",
            LOADED_AT: self.loaded_at,
        }
        values = ", ".join(ours.get(column, column) for column in self.spec.names)
        self.run(f"INSERT INTO {name} ({', '.join(self.spec.names)}) SELECT {values} FROM opened_{name}")
