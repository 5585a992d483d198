"""Up to when each side of a business day is known, and why a value that needs two sides is not there.

All of it is from the ledger, `sync_runs`, alone. The instants are of the API's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from restaurant_os.views.expressions import DAY, INSTANT_TYPE, Part, all_joined, table

#: Dataset -> what its side is called in columns and reasons.
SIDES = {"orders": "sales", "labor": "labor", "cash": "cash"}
STALE_AFTER_MICROSECONDS = 60 * 60 * 1_000_000
"""A side of a day that was open when it was read is stale once the other side is known for more than 60 minutes longer: their ratio
would set an hour's sales against another hour's labor. Within 60 minutes it is what a person watching the day can expect of a sync
that runs every quarter of an hour."""

#: The calendar's columns that `sides` gives along.
CALENDAR = ("starts_at", "ends_at", "week_start", "salaried_cost")


def known(*datasets: str, more: Sequence[str] = ()) -> tuple[Any, Sequence[str], dict[str, str]]:
    """For a join: `<side>_as_of` and `<side>_read_by` of the datasets, and columns of the calendar."""
    names = [*(f"{SIDES[name]}_{what}" for name in datasets for what in ("as_of", "read_by")), *more]
    return sides(*datasets), DAY, {name: name for name in names}


def calendar_days() -> Part:
    """The days of the calendar, as rows that a stack shall have."""
    return Part(table("dim_business_days"))


def sides(*datasets: str) -> Any:
    """One row per day of the calendar: its bounds, and per dataset `<side>_as_of` and `<side>_read_by`.

    It was read by 'whole day' when the latest read was of the whole business date, 'changes' when changes were followed for longer.
    The chain of changes vouches for a day when it began before the day did, or before the day was read whole: what happened before
    a chain began is in no change it saw.
    """
    import ibis

    read = {f"{name}_whole": f"{name}_whole" for name in datasets}
    marks = {f"{name}_{end}": f"{name}_{end}" for name in datasets for end in ("start", "mark")}
    days = table("dim_business_days").select(*DAY, *CALENDAR)
    found = all_joined(days, (_whole_reads(datasets), DAY, read), (_chains(datasets), ["restaurant_guid"], marks))
    nothing, unknown = ibis.null(INSTANT_TYPE), ibis.null("string")
    own = {}
    for name in datasets:
        whole, start, mark = found[f"{name}_whole"], found[f"{name}_start"], found[f"{name}_mark"]
        # Where one of them is null a condition does not hold, so none is filled but what is negated.
        longer = (mark > found.starts_at) & ((start <= found.starts_at) | (start <= whole)) & ~(whole >= mark).fill_null(False)
        read = whole >= found.starts_at
        own[f"{SIDES[name]}_as_of"] = ibis.cases((longer, mark), (read, whole), else_=nothing)
        own[f"{SIDES[name]}_read_by"] = ibis.cases((longer, "changes"), (read, "whole day"), else_=unknown)
    return found.select(*DAY, *CALENDAR, **own)


def _whole_reads(datasets: tuple[str, ...]) -> Any:
    """Per day and dataset, when its last whole read began."""
    runs = table("sync_runs")
    done = runs.filter(runs.dataset.isin(datasets) & (runs.window_kind == "business_date") & (runs.status == "done"))
    return done.group_by(list(DAY)).agg(**{f"{name}_whole": done.started_at.max(where=done.dataset == name) for name in datasets})


def _chains(datasets: tuple[str, ...]) -> Any:
    """Per location and dataset, the gap-free chain of modified windows: the first gap ends it (as `pipeline.ledger.CHAINS` has it).

    In order of their starts, how far the windows before reach can only grow: the least reach that a window starts beyond is where the
    first gap begins.
    """
    import ibis

    runs = table("sync_runs")
    windows = runs.filter(runs.dataset.isin(datasets) & (runs.window_kind == "modified") & (runs.status == "done"))
    windows = windows.select("restaurant_guid", "dataset", "window_start", "window_end")
    before = ibis.window(
        group_by=[windows.restaurant_guid, windows.dataset], order_by=[windows.window_start, windows.window_end], preceding=(None, 1)
    )
    reached = windows.mutate(reach=windows.window_end.max().over(before))
    is_after_gap = reached.window_start > reached.reach
    own = {}
    for name in datasets:
        is_own = reached.dataset == name
        own[f"{name}_start"] = reached.window_start.min(where=is_own)
        first_gap = reached.reach.min(where=is_own & is_after_gap)
        own[f"{name}_mark"] = first_gap.coalesce(reached.window_end.max(where=is_own))
    return reached.group_by("restaurant_guid").agg(**own)


def read_reason(day: Any, other: str, *, of_one_kind: Any = None) -> Any:
    """Why nothing can be made of the sales side and the other one of a day; null when both are known for as long as it takes.

    `of_one_kind`: a condition under which neither is stale: both are totals that their sender takes for the day's.
    """
    import ibis

    sales, theirs = day.sales_as_of, day[f"{other}_as_of"]

    def stale(this: Any, that: Any) -> Any:
        behind = (this < day.ends_at) & (that.delta(this, unit="microsecond") > STALE_AFTER_MICROSECONDS)
        return behind if of_one_kind is None else behind & ~of_one_kind

    return ibis.cases(
        (sales.isnull(), "no sales read"),
        (theirs.isnull(), f"no {other} read"),
        (stale(sales, theirs), "sales stale"),
        (stale(theirs, sales), f"{other} stale"),
        else_=ibis.null("string"),
    )


def sales_read_reason(day: Any) -> Any:
    """Why nothing can be made of the sales side of a day; null when it is known."""
    import ibis

    return ibis.cases((day.sales_as_of.isnull(), "no sales read"), else_=ibis.null("string"))
