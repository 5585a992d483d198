"""A ledger that a service writes to every few minutes: rows that say together what each of them says become one.

Nothing that is asked of the ledger changes: how far the chain of modified windows reaches and where it has gaps, when a business date was last
read whole, which read sequence that had. How often something was read in between is gone.
"""

from __future__ import annotations

from datetime import datetime

from restaurant_os.batch import BUSINESS_DATE, MODIFIED
from restaurant_os.tables import LOADED_AT, SYNC_RUNS
from restaurant_os.warehouse.merge import Run, instant, text

#: Windows of one chain: what else a row says is the same in all of them.
OF_A_CHAIN = ("dataset", "restaurant_guid", "load_mode")
LATEST = ("started_at", "finished_at", LOADED_AT)
SUMS = ("pages", "passes", "rows_read", "rows_quarantined")


def fold_runs(run: Run, before: datetime) -> int:
    """Of syncs that began before an instant: one row for modified windows that touch, one for each status of a business date. Gives how many
    rows are gone."""
    name, names = SYNC_RUNS.name, ", ".join(SYNC_RUNS.names)
    old = f"started_at < {instant(before)}"
    chain = ", ".join(OF_A_CHAIN)
    windows = f"SELECT * FROM {name} WHERE window_kind = {text(MODIFIED)} AND status = 'done' AND {old}"
    in_order = f"PARTITION BY {chain} ORDER BY window_start, window_end, sync_id ROWS BETWEEN UNBOUNDED PRECEDING AND"
    run(f"""CREATE OR REPLACE TEMP TABLE folding AS SELECT *, sum(begins) OVER ({in_order} CURRENT ROW) AS part FROM (
        SELECT *, CASE WHEN window_start <= max(window_end) OVER ({in_order} 1 PRECEDING) THEN 0 ELSE 1 END AS begins FROM ({windows}) AS w) AS b""")
    own = {"window_start": "min(window_start)", "window_end": "max(window_end)", "sync_id": "max(sync_id)", "read_seq": "max(read_seq)"}
    own |= {column: f"max({column})" for column in (*LATEST, "window_kind", "status", "business_date")}
    own |= {column: f"sum({column})" for column in SUMS}
    values = ", ".join(f"{own.get(column, column)} AS {column}" for column in SYNC_RUNS.names)
    run(f"CREATE OR REPLACE TEMP TABLE folded AS SELECT {values} FROM folding GROUP BY {chain}, part HAVING count(*) > 1")
    run(f"""CREATE OR REPLACE TEMP TABLE folded_away AS SELECT f.sync_id FROM folding AS f JOIN folded AS o ON o.dataset = f.dataset
            AND o.restaurant_guid = f.restaurant_guid AND o.load_mode = f.load_mode
            AND f.window_start >= o.window_start AND f.window_end <= o.window_end
        UNION ALL SELECT sync_id FROM (SELECT sync_id, row_number() OVER (PARTITION BY dataset, restaurant_guid, business_date, status, load_mode
            ORDER BY started_at DESC, read_seq DESC NULLS LAST, sync_id) AS nth FROM {name} WHERE window_kind = {text(BUSINESS_DATE)} AND {old}) AS d
            WHERE nth > 1""")
    [(gone, made)] = run("SELECT (SELECT count(*) FROM folded_away), (SELECT count(*) FROM folded)")
    if gone:
        run(f"DELETE FROM {name} WHERE sync_id IN (SELECT sync_id FROM folded_away)")
        run(f"INSERT INTO {name} ({names}) SELECT {names} FROM folded")
    return int(gone) - int(made)
