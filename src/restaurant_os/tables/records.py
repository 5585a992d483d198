"""Tables of our own: the ledger, the changed days, what closed days were, read sequences, the quarantine."""

from __future__ import annotations

from restaurant_os.tables.spec import COUNT, DATE, INSTANT, MONEY, TEXT, Column, TableSpec, loaded_at

SYNC_RUNS = TableSpec(
    name="sync_runs",
    meaning="The ledger: one row per sync (dataset x location x window), written with the data. A row means: that data is in. Of syncs three days old a "
    "service joins windows that touch, and keeps the last read of a business date.",
    key=("sync_id",),
    role="record",
    columns=(
        Column("sync_id", TEXT, "ours", "This sync."),
        Column("dataset", TEXT, "ours", "orders, ..."),
        Column("restaurant_guid", TEXT, "ours", "The location."),
        Column(
            "window_kind",
            TEXT,
            "ours",
            "modified (changes in a span of time), business_date (a whole day) or schedule (the shifts planned in a span).",
        ),
        Column("window_start", INSTANT, "ours", "Start of the window, included."),
        Column("window_end", INSTANT, "ours", "End of the window, not included."),
        Column("business_date", DATE, "ours", "The day read, for windows of kind business_date."),
        Column("status", TEXT, "ours", "done, or unstable: landed, but pages still moved on the last pass, so it is asked again."),
        Column("load_mode", TEXT, "ours", "merge or insert-only."),
        Column("started_at", INSTANT, "ours", "When its first request left, on the API's clock."),
        Column("finished_at", INSTANT, "ours", "When it was committed, on the API's clock."),
        Column("pages", COUNT, "ours", "Pages read."),
        Column("passes", COUNT, "ours", "Times the window was read."),
        Column("rows_read", COUNT, "ours", "Different records read."),
        Column("rows_quarantined", COUNT, "ours", "Records that could not be read."),
        Column("read_seq", COUNT, "ours", "The read sequence it was made under, where the records carry no version of their own (cash)."),
        loaded_at(),
    ),
)

CHANGED_DAYS = TableSpec(
    name="changed_days",
    meaning="The business days that commits changed (a day that lost a row too), for whoever computes from them. A row may stand for several commits: "
    "the newest sequence, with their sums.",
    key=("dataset", "restaurant_guid", "business_date", "sequence"),
    role="record",
    columns=(
        Column("dataset", TEXT, "ours", "orders, ..."),
        Column("restaurant_guid", TEXT, "ours", "The location."),
        Column("business_date", DATE, "ours", "The day that changed."),
        Column("sequence", COUNT, "ours", "Grows with every commit: a reader clears what it has read up to a sequence."),
        Column("rows_added", COUNT, "ours", "Records new on that day."),
        Column("rows_changed", COUNT, "ours", "Records changed on, moved to, or moved away from that day."),
        loaded_at(),
    ),
)

QUARANTINE = TableSpec(
    name="quarantine",
    meaning="Records that could not be read, each with its JSON (without guests' and card data), its place and why; replayable.",
    key=("quarantine_id",),
    role="record",
    columns=(
        Column("quarantine_id", TEXT, "ours", "Digest of dataset, location and record."),
        Column("dataset", TEXT, "ours", "orders, ..."),
        Column("restaurant_guid", TEXT, "ours", "The location."),
        Column("business_date", DATE, "ours", "Its day, where known."),
        Column("record_guid", TEXT, "ours", "Its id, where known."),
        Column("field", TEXT, "ours", "Where in the record the fault is."),
        Column("reason", TEXT, "ours", "What was found and what was expected."),
        Column("record_json", TEXT, "ours", "The record as received, guests' and card data cut."),
        Column("first_seen_at", INSTANT, "ours", "First time it came."),
        Column("last_seen_at", INSTANT, "ours", "Last time it came."),
        Column("resolved_at", INSTANT, "ours", "When a readable version of the record landed; null while it waits."),
        loaded_at(),
    ),
)

DAY_SNAPSHOTS = TableSpec(
    name="day_snapshots",
    meaning="What a closed business day's figures were, and what each commit that changed them later made of them.",
    key=("dataset", "restaurant_guid", "business_date", "sequence"),
    role="record",
    columns=(
        Column("dataset", TEXT, "ours", "Whose figures: orders, labor or cash."),
        Column("restaurant_guid", TEXT, "ours", "The location."),
        Column("business_date", DATE, "ours", "The day."),
        Column("sequence", COUNT, "ours", "0 for the day as it was 6 hours after its closeout; then that of the commit in changed_days."),
        Column("taken_at", INSTANT, "ours", "When the figures were these: the read that brought them, on the API's clock."),
        Column("orders", COUNT, "ours", "Orders that count; null for another dataset, as are the next four."),
        Column("gross_sales", MONEY, "ours", "Gross sales."),
        Column("discounts", MONEY, "ours", "Discounts."),
        Column("refunds", MONEY, "ours", "Refunds."),
        Column("net_sales", MONEY, "ours", "Net sales."),
        Column("tax", MONEY, "ours", "Tax."),
        Column("tips", MONEY, "ours", "Tips."),
        Column("labor_hours", MONEY, "ours", "Labor hours of closed entries; null for another dataset, as is the next."),
        Column("labor_cost", MONEY, "ours", "Labor cost of closed entries."),
        Column(
            "cash_entries",
            MONEY,
            "ours",
            "Sum of cash entries that count for the expected deposit; null for another dataset, as is the next.",
        ),
        Column("cash_deposits", MONEY, "ours", "Sum of deposits."),
        Column("record_guids", TEXT, "ours", "The orders, punches or entries that changed, joined by a blank; at most 100, then '...'."),
        loaded_at(),
    ),
)

READ_SEQUENCES = TableSpec(
    name="read_sequences",
    meaning="The read sequence of each location: a number taken before a read, by which two reads of a list are told apart. Never a clock.",
    key=("restaurant_guid",),
    role="record",
    version="last",
    partition="restaurant_guid",
    columns=(
        Column("restaurant_guid", TEXT, "ours", "The location."),
        Column("last", COUNT, "ours", "The last number taken."),
        loaded_at(),
    ),
)

RECORD_TABLES: tuple[TableSpec, ...] = (SYNC_RUNS, CHANGED_DAYS, DAY_SNAPSHOTS, READ_SEQUENCES, QUARANTINE)
