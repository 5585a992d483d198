"""The command that brings history in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from restaurant_os.cli.bring import location_result
from restaurant_os.cli.options import AsJson, Config, Where, built, example
from restaurant_os.errors import UsageError

history = typer.Typer()


class What(StrEnum):
    orders = "orders"
    cash = "cash"
    labor = "labor"
    all = "all"


@history.command(
    epilog=example(
        "restaurant-os backfill all --from 2025-01-01 --plan",
        "restaurant-os backfill orders --from 2025-01-01 --to 2025-03-31 --location North",
        "restaurant-os backfill orders --from 2025-01-01 --via https://REGION-PROJECT.cloudfunctions.net/toast-orders-etl",
    )
)
def backfill(
    context: typer.Context,
    dataset: Annotated[What, typer.Argument(help="Which dataset.")],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First business date, included, as 2025-01-01.")],
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last business date, included; without it each location's last closed one.")
    ] = None,
    location: Where = "ALL",
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what there is to do and how long the pacing makes it; nothing is called.")
    ] = False,
    via: Annotated[
        str | None,
        typer.Option(
            "--via",
            metavar="URL",
            help="Let the deployed function at this address do it; {dataset} in it stands for orders, cash or labor.",
        ),
    ] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Bring history in, of any length: week by week, all locations side by side, as fast as the pacing allows.

    It may be stopped in any way and started again: what is complete is never asked again. What is still missing at the end is listed, with why.
    """
    from restaurant_os.businessday import iso_date
    from restaurant_os.pipeline.backfill import history as span
    from restaurant_os.pipeline.outlook import expected
    from restaurant_os.pipeline.remote import addresses

    app = built(context, config)
    now = app.clock.now()
    begin = iso_date(first, "--from")
    period = span(begin, iso_date(last, "--to") if last else max(now.date(), begin))
    datasets = _datasets(dataset)
    if via:
        addresses(via, datasets)
    whole = app.backfill(datasets, app.locations(location), period)
    if not any(whole.locations.values()):
        raise UsageError(
            "backfill: no location named has its punches in Toast.",
            next_step='Write labor_source = "toast" for those that do, in the settings.',
        )
    works = expected(app.warehouse, whole.works(now))
    if plan:
        _show_plan(works, json)
    else:
        is_all_in = not any(one.work.dates for one in works)
        results = {} if is_all_in else _via(app, whole, works, via, json) if via else _here(app, whole, works, json)
        _show_end(whole, works, results, whole.missing(results), json)


def _datasets(what: What) -> list[str]:
    return [one.value for one in What if one is not What.all] if what is What.all else [what.value]


def _here(app: Any, whole: Any, works: Sequence[Any], json: bool) -> dict[str, list[Any]]:
    from restaurant_os import terminal
    from restaurant_os.bars import BackfillBars

    with terminal.stoppable(app.stop), BackfillBars(works, app.toast.pacer.pacing, enabled=not json) as bars:
        app.on_wait = bars.waiting
        app.toast.token()  # one login, before the datasets start side by side
        found: dict[str, list[Any]] = whole.run(bars.of)
        return found


def _via(app: Any, whole: Any, works: Sequence[Any], url: str, json: bool) -> dict[str, list[Any]]:
    from restaurant_os import terminal
    from restaurant_os.bars import BackfillBars

    remote = app.remote(url, whole)
    with terminal.stoppable(app.stop), BackfillBars(works, app.toast.pacer.pacing, enabled=not json) as bars:
        app.on_wait = bars.waiting
        # The token that all calls share is proven, and replaced where it was revoked: a function may do neither.
        app.toast.learn_clock(next(one.work.location.toast_guid for one in works))
        found: dict[str, list[Any]] = remote.run(app.toast.http.now(), bars.of)
        return found


# --- what is shown ----------------------------------------------------------------------------------------------------


def _show_plan(works: Sequence[Any], json: bool) -> None:
    from restaurant_os import terminal
    from restaurant_os.bars import duration
    from restaurant_os.pipeline.outlook import seconds_of
    from restaurant_os.sources.toast.client import PROFILES

    groups = {name: [one for one in works if one.work.dataset == name] for name in dict.fromkeys(one.work.dataset for one in works)}
    if len(groups) > 1:
        groups["all"] = list(works)
    rows = [
        {"dataset": name, **_sums(own), "hours": {p: round(seconds_of(own, PROFILES[p]) / 3600, 3) for p in TIMED}}
        for name, own in groups.items()
    ]
    if json:
        whole = {key: rows[-1][key] for key in rows[-1] if key != "dataset"}
        terminal.print_json({**whole, "datasets": [row for row in rows if row["dataset"] != "all"]})
        return
    terminal.print_table(
        "",
        ("dataset", "locations", "units", "complete", "dates to read", "calls", "records expected", *(f"at least, {p}" for p in TIMED)),
        [
            (
                *(row[key] for key in ("dataset", "locations", "units", "complete", "dates", "calls", "records")),
                *(duration(seconds_of(groups[row["dataset"]], PROFILES[p])) for p in TIMED),
            )
            for row in rows
        ],
    )
    terminal.out.print("Nothing was called. A unit is one dataset, location and week; `pacing` in the settings chooses the profile.")


#: The profiles a plan is timed by.
TIMED = ("careful", "documented")


def _sums(works: Sequence[Any]) -> dict[str, int]:
    return {
        "locations": len({one.work.location for one in works}),
        "units": sum(one.work.units for one in works),
        "complete": sum(one.work.complete for one in works),
        "dates": sum(len(one.work.dates) for one in works),
        "calls": round(sum(one.calls for one in works)),
        "records": round(sum(one.records for one in works)),
    }


def _show_end(whole: Any, works: Sequence[Any], results: dict[str, list[Any]], missing: Sequence[Any], json: bool) -> None:
    from restaurant_os import terminal
    from restaurant_os.text import count

    done = [result for own in results.values() for result in own]
    if json:
        terminal.print_json(
            {
                **_sums(works),
                "datasets": [{"dataset": name, "locations": [location_result(result) for result in own]} for name, own in results.items()],
                "missing": [
                    {
                        "dataset": gap.dataset,
                        "location": gap.location.name,
                        "restaurant_guid": gap.location.toast_guid,
                        "from": gap.first,
                        "to": gap.last,
                        "why": gap.why,
                    }
                    for gap in missing
                ],
                "failed": sum(result.error is not None for result in done),
            }
        )
    else:
        for name, own in results.items():
            terminal.print_results(name, own)
        if missing:
            terminal.print_table(
                "still missing",
                ("dataset", "location", "from", "to", "why"),
                [(gap.dataset, gap.location.name, gap.first, gap.last, gap.why) for gap in missing],
            )
            terminal.err.print("Run the same command again: what is in stays in, and only what is missing is asked.", soft_wrap=True)
        else:
            units = sum(one.work.units for one in works)
            before = "" if results else " All were in before: nothing was called."
            told = (
                f"Complete: {count(units, 'unit')}.{before}" if units else "No business date of the span is closed yet: nothing was called."
            )
            terminal.out.print(told, highlight=False)
    raise typer.Exit(1 if missing or any(result.error for result in done) else 0)
