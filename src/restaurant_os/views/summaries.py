"""Where the totals that a store posts stand for the facts of a day.

Each side of a day is judged by itself. Facts stand where the ledger knows them up to the day's end, or at least up to when the summary came, and
none of their records waits in quarantine; else the summary does, where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from restaurant_os.views.expressions import DAY, MONEY_TYPE, Part, table

#: Side -> the dataset of its facts.
FACTS = {"sales": "orders", "labor": "labor"}
#: What a summary of a side tells, and the columns of a day that carry it: its sales are taken for net, its hours for hours at the wage.
TOLD: dict[str, dict[str, tuple[str, ...]]] = {
    "sales": {"gross_sales": ("item_gross", "gross_sales")},
    "labor": {"labor_hours": ("regular_hours",), "labor_cost": ("regular_cost",)},
}
#: What it leaves no room for.
NOUGHT = {"sales": ("discounts", "refunds"), "labor": ("overtime_hours", "overtime_cost")}
#: The columns that a summary has a value for.
CARRIERS = frozenset(name for side in TOLD for names in (*TOLD[side].values(), NOUGHT[side]) for name in names)
#: `<side>_read_by` of a summary, and its `<side>_basis`.
SUMMARY = "summary"
BASES = {"sales": "gross_summary", "labor": "summary"}


def days() -> Part:
    """The days that have a summary, as rows that a stack shall have."""
    summaries = table("daily_summaries")
    return Part(summaries.mutate(business_date=summaries.date))


def posted() -> tuple[Any, Sequence[str], Mapping[str, str]]:
    """For a join: what the last summary of each side of a day told, when it came, and how many records of the side's facts wait in quarantine.

    Two store ids may mean one location: of both, the last one posted counts.
    """
    summaries, waiting = table("daily_summaries"), table("quarantine")
    waiting = waiting.filter(waiting.resolved_at.isnull() & waiting.dataset.isin(tuple(FACTS.values())))
    waiting = waiting.select("quarantine_id", "dataset", place=waiting.restaurant_guid, day=waiting.business_date)
    # One that names no day may be of any.
    of_day = waiting.day.isnull() | (summaries.date == waiting.day)
    amounts = [name for names in TOLD.values() for name in names]
    found = summaries.left_join(waiting, [summaries.restaurant_guid == waiting.place, of_day])
    found = found.select(
        "restaurant_guid", "kind", "sequence", "received_at", "quarantine_id", "dataset", *amounts, business_date=found.date
    )
    figures: dict[str, Any] = {}
    for side, dataset in FACTS.items():
        is_own = found.kind == side
        figures |= {f"{side}_{name}": found[name].argmax(found.sequence, where=is_own) for name in TOLD[side]}
        figures[f"{side}_posted_at"] = found.received_at.argmax(found.sequence, where=is_own)
        figures[f"{side}_waiting"] = found.quarantine_id.count(where=found.dataset == dataset)
    return found.group_by(list(DAY)).agg(**figures), DAY, {name: name for name in figures}


def judged(days: Any) -> Any:
    """`days`, joined with `posted` and with what the ledger knows: `<side>_posted_at` is null where the facts stand."""
    import ibis

    own = {}
    for side in FACTS:
        posted_at = days[f"{side}_posted_at"]
        stand = (days[f"{side}_as_of"] >= ibis.least(days.ends_at, posted_at)) & (days[f"{side}_waiting"] == 0)
        own[f"{side}_posted_at"] = ibis.cases((~stand.fill_null(False), posted_at))
    return days.mutate(**own)


def told(found: Any, side: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The side's `figures`, which are null where a summary stands for the facts, with what it tells there; and what is known of the side."""
    import ibis

    own, posted_at = dict(figures), found[f"{side}_posted_at"]
    is_told, nought = posted_at.notnull(), ibis.literal(0).cast(MONEY_TYPE)
    for name, columns in TOLD[side].items():
        own |= {column: ibis.cases((is_told, found[f"{side}_{name}"]), else_=figures[column]) for column in columns}
    own |= {column: ibis.cases((is_told, nought), else_=figures[column]) for column in NOUGHT[side]}
    own[f"{side}_as_of"] = posted_at.coalesce(found[f"{side}_as_of"])
    own[f"{side}_read_by"] = ibis.cases((is_told, SUMMARY), else_=found[f"{side}_read_by"])
    own[f"{side}_basis"] = ibis.cases((is_told, BASES[side]), else_=figures[f"{side}_basis"])
    return own
