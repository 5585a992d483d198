"""Commands that bring data in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from restaurant_os.cli.options import AsJson, Config, FromDate, ToDate, Where, built, example, span_of
from restaurant_os.errors import UsageError

sync = typer.Typer(help="Bring data in.", no_args_is_help=True)


@sync.command(
    "orders", epilog=example("restaurant-os sync orders", "restaurant-os sync orders --location North --from 2026-03-01 --to 2026-03-07")
)
def sync_orders(
    context: typer.Context,
    location: Where = "ALL",
    first: FromDate = None,
    last: ToDate = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Bring orders in: what changed since the last time, or, with --from and --to, whole business dates.

    Both ends of a span are included. What is in already and did not change is not written again, so a sync can be repeated at any time.
    """
    _sync(context, "orders", location, first, last, config, json)


@sync.command(
    "labor", epilog=example("restaurant-os sync labor", "restaurant-os sync labor --location North --from 2026-03-01 --to 2026-03-07")
)
def sync_labor(
    context: typer.Context,
    location: Where = "ALL",
    first: FromDate = None,
    last: ToDate = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Bring punches and scheduled shifts in: what changed since the last time and the open day, or, with --from and --to, whole business dates.

    Locations whose labor_source is not toast are left out.
    """
    _sync(context, "labor", location, first, last, config, json)


@sync.command(
    "cash", epilog=example("restaurant-os sync cash", "restaurant-os sync cash --location North --from 2026-03-01 --to 2026-03-07")
)
def sync_cash(
    context: typer.Context,
    location: Where = "ALL",
    first: FromDate = None,
    last: ToDate = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Bring cash entries and deposits in: the last business dates, or, with --from and --to, those named.

    Toast gives cash one business date per call, so a long span takes its time.
    """
    _sync(context, "cash", location, first, last, config, json)


@sync.command("config", epilog=example("restaurant-os sync config", "restaurant-os sync config --location North"))
def sync_config(context: typer.Context, location: Where = "ALL", config: Config = None, json: AsJson = False) -> None:
    """Bring the configuration in: restaurants, employees, jobs, menus, dining options and the rest, each with its history.

    Toast gives it as it is now, so a change is dated by when it was read: once a week is well. Menus are read when they were published since.
    """
    from restaurant_os import terminal
    from restaurant_os.pipeline.configuration import notes

    app = built(context, config)
    locations = app.locations(location)
    results = terminal.run_sync(app, "config", locations, None, show=not json)
    failed = [r for r in results if r.error]
    found = notes(app.warehouse, locations)
    if json:
        told = [{"location": note.location.name, "found": note.found, "next_step": note.next_step} for note in found]
        shown = [{**location_result(r), "failures": [_failure(*failure) for failure in r.failures]} for r in results]
        terminal.print_json({"dataset": "config", "locations": shown, "failed": len(failed), "notes": told})
    else:
        terminal.print_results("config", results)
        terminal.print_notes([(note.location.name, note.found, note.next_step) for note in found])
    raise typer.Exit(1 if failed else 0)


def _sync(
    context: typer.Context, dataset: str, location: str, first: str | None, last: str | None, config: Path | None, json: bool
) -> None:
    from restaurant_os import terminal

    span = span_of(first, last)
    app = built(context, config)
    locations = [one for one in app.locations(location) if dataset != "labor" or one.labor_source == "toast"]
    if not locations:
        raise UsageError(
            "labor: no location named has its punches in Toast.",
            next_step='Write labor_source = "toast" for those that do, in the settings.',
        )
    results = terminal.run_sync(app, dataset, locations, span, show=not json)
    failed = [r for r in results if r.error]
    if json:
        terminal.print_json({"dataset": dataset, "locations": [location_result(r) for r in results], "failed": len(failed)})
    else:
        terminal.print_results(dataset, results)
    raise typer.Exit(1 if failed else 0)


def _failure(unit: Any, problem: Any) -> dict[str, Any]:
    """What of a location could not be read, and why."""
    return {"tables": [window.kind for window in unit.windows], "message": problem.message, "next_step": problem.next_step}


def location_result(result: Any) -> dict[str, Any]:
    error = result.error
    return {
        "location": result.location.name,
        "restaurant_guid": result.location.toast_guid,
        "windows": result.windows,
        "pages": result.pages,
        "rows_read": result.rows_read,
        "rows_added": result.rows_added,
        "rows_changed": result.rows_changed,
        "rows_quarantined": result.rows_quarantined,
        "unstable_windows": result.unstable,
        "error": {"message": error.message, "next_step": error.next_step} if error else None,
    }
