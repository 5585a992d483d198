"""Commands that look: what is there, what it amounts to, what is wrong."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from restaurant_os.cli.options import AsJson, Config, FromDate, ToDate, Where, built, ends_of, example, span_of

looking = typer.Typer()


class Grain(StrEnum):
    hour = "hour"
    day = "day"
    week = "week"


class By(StrEnum):
    role = "role"
    dining_option = "dining-option"
    revenue_center = "revenue-center"
    source = "source"
    cash = "cash"
    close = "close"


class Format(StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


@looking.command(epilog=example("restaurant-os status", "restaurant-os status --location North --from 2026-03-01 --to 2026-03-14"))
def status(
    context: typer.Context,
    location: Where = "ALL",
    first: FromDate = None,
    last: ToDate = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="How far each location is known, what waits in the inbox and how the jobs went, without the dates."),
    ] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """What is complete, partial or missing, per location, dataset and business date, with row counts and when it was read; and how far
    each location is known. On BigQuery also how many bytes its queries are billed for.

    With --json the business dates; with --live --json the rest.
    """
    from restaurant_os import terminal
    from restaurant_os.pipeline.status import bytes_billed, day_as_json, day_statuses

    span = span_of(first, last)
    app = built(context, config)
    if json:
        if live:
            from restaurant_os.live.status import live_as_json

            document, billed = live_as_json(_live(app, location)), bytes_billed(app.warehouse, app.clock.now())
            terminal.print_json({**document, "bytes_billed": billed} if billed else document)
            return
        terminal.print_json([day_as_json(day) for day in day_statuses(app.warehouse, app.locations(location), span, app.clock.now())])
        return
    if not live:
        days = day_statuses(app.warehouse, app.locations(location), span, app.clock.now())
        if days:
            columns = ("location", "dataset", "business dates", "state", "records", "last read", "why")
            terminal.print_table("", columns, terminal.runs_of_days(days))
        else:
            terminal.out.print("No business date has been read yet. Begin with: restaurant-os sync orders")
    _print_live(_live(app, location), with_jobs=live)
    if billed := bytes_billed(app.warehouse, app.clock.now()):
        from restaurant_os.text import amount

        said = f"BigQuery bills: {amount(billed['today'])} today (UTC), {amount(billed['last_30_days'])} in the last 30 days."
        terminal.out.print(said, markup=False, highlight=False, soft_wrap=True)


def _live(app: Any, location: str) -> Any:
    """Never makes a store to look into: where there is none no service has run."""
    from restaurant_os.errors import OperationsError
    from restaurant_os.live.status import live_status

    place, store = app.settings.operations_place, None
    try:
        store = app.operations if isinstance(place, str) or place.exists() else None
        return live_status(app.warehouse, app.settings, app.locations(location), store, app.clock.now())
    except OperationsError as problem:
        return replace(live_status(app.warehouse, app.settings, app.locations(location), None, app.clock.now()), problem=str(problem))
    finally:
        if store:
            store.close()


#: So many lines say what is late or failed; --live --json has all.
MOST_NOTES = 20


def _print_live(found: Any, *, with_jobs: bool) -> None:
    from rich.text import Text

    from restaurant_os import terminal
    from restaurant_os.live.status import shown
    from restaurant_os.text import count, printable

    if any(reach.up_to for reach in found.reaches):
        datasets = list(dict.fromkeys(reach.dataset for reach in found.reaches))
        rows: dict[str, list[object]] = {}
        for reach in found.reaches:
            row = rows.setdefault(reach.location.toast_guid, [reach.location.name, *[""] * len(datasets), ""])
            row[1 + datasets.index(reach.dataset)] = shown(reach.up_to, found.as_of) if reach.up_to else "never"
            row[-1] = shown(at, found.as_of) if (at := found.last_event(reach.location)) else ""
        terminal.print_table(f"known up to (now {shown(found.as_of, found.as_of)})", ("location", *datasets, "last event"), rows.values())
    if inbox := found.inbox:
        oldest = f", the oldest since {shown(inbox.oldest_pending_at, found.as_of)}" if inbox.oldest_pending_at else ""
        said = f"Inbox: {inbox.pending:,} waiting{oldest}; {inbox.claimed:,} being landed; {inbox.quarantined:,} in quarantine."
        terminal.out.print(said, highlight=False, soft_wrap=True)
    if found.open_incidents:
        said = f"Alerts: {count(found.open_incidents, 'open incident')}; `restaurant-os alerts list` shows them."
        terminal.out.print(said, markup=False, highlight=False, soft_wrap=True)
    if with_jobs and found.jobs:
        ended = [shown(run.finished_at, found.as_of) if run.finished_at else "" for run in found.jobs]
        jobs = [(run.job, shown(run.due, found.as_of), end, run.error) for run, end in zip(found.jobs, ended, strict=True)]
        terminal.print_table("", ("job", "last due", "ended", "error"), jobs)
    notes = found.notes()
    for note in notes[:MOST_NOTES]:
        terminal.out.print(Text(printable(note, 600), style="yellow"), soft_wrap=True)
    if len(notes) > MOST_NOTES:
        terminal.out.print(f"... and {len(notes) - MOST_NOTES:,} more: restaurant-os status --live --json", highlight=False, soft_wrap=True)


@looking.command(
    epilog=example(
        "restaurant-os metrics",
        "restaurant-os metrics --grain hour --location North --from 2026-03-01 --to 2026-03-01",
        "restaurant-os metrics --by cash --format csv",
    )
)
def metrics(
    context: typer.Context,
    grain: Annotated[Grain, typer.Option("--grain", help="Hours of the business day, business dates, or report weeks.")] = Grain.day,
    by: Annotated[
        By | None,
        typer.Option("--by", help="Labor by role; sales by dining option, revenue center or source; or the day's cash, or its tie-out."),
    ] = None,
    location: Where = "ALL",
    first: FromDate = None,
    last: ToDate = None,
    format_: Annotated[Format, typer.Option("--format", help="How the rows are written.")] = Format.table,
    output: Annotated[Path | None, typer.Option("--output", help="A file to write instead of stdout.")] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Labor %, cost per labor hour, sales and the rest (docs/metrics.md), from the warehouse as it stands.

    Where a side is missing, stale or nothing was sold there is no value, and a reason. Without --from and --to: the last days.
    """
    from restaurant_os import terminal
    from restaurant_os.pipeline.plans import Period
    from restaurant_os.reports import cells, places_of, report_of, rows_of

    report = report_of(grain.value, by.value if by else None)
    ends = ends_of(first, last)
    app = built(context, config)
    places = places_of(app.settings, app.warehouse, location)
    table = rows_of(app.warehouse, report, places, Period(*ends) if ends else None, app.clock.now())
    kind = "json" if json else format_.value
    if kind == "table" and output is None:
        if not table.num_rows:
            terminal.out.print("Nothing is there of these dates. Begin with: restaurant-os sync orders, sync labor, sync cash")
            return
        terminal.print_table("", [name.replace("_", " ") for name in ("location", *report.shown)], cells(table, report))
        return
    terminal.write_result(table, kind, output)


@looking.command(
    epilog=example(
        'restaurant-os query "SELECT * FROM daily_sales ORDER BY business_date DESC LIMIT 5"',
        'restaurant-os query "SELECT * FROM fact_order_items" --format parquet --output items.parquet --limit 1000000',
    )
)
def query(
    context: typer.Context,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One statement that reads.")],
    format_: Annotated[Format, typer.Option("--format", help="How the rows are written.")] = Format.table,
    output: Annotated[Path | None, typer.Option("--output", help="A file to write instead of stdout.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000_000, help="The most rows given.")] = 10_000,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds after which it is stopped.")] = 60.0,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Ask the warehouse a question in SQL, that of its engine. Nothing can be changed by it, and no file but the warehouse read.

    On BigQuery it is looked at before it runs: it must select, and may not read more than `most_gib_a_query`.
    """
    from restaurant_os import terminal
    from restaurant_os.settings import load
    from restaurant_os.text import amount, count
    from restaurant_os.warehouse.query import ask

    result = ask(load(config or context.obj), sql, most_rows=limit, seconds=timeout)
    terminal.write_result(result.table, "json" if json else format_.value, output)
    if result.is_cut:
        terminal.err.print(f"Only the first {count(limit, 'row')}; more with --limit.", soft_wrap=True)
    if result.bytes_read is not None:
        terminal.err.print(f"{amount(result.bytes_read)} read.", soft_wrap=True)


@looking.command(
    epilog=example(
        "restaurant-os doctor",
        "restaurant-os doctor --request 'https://ws-api.toasttab.com/cashmgmt/v1/entries?startDate=2026-03-01&endDate=2026-03-02'",
    )
)
def doctor(
    context: typer.Context,
    request: Annotated[
        str | None,
        typer.Option(
            "--request", metavar="ADDRESS", help="Say what is wrong with a request of your own to Toast's cash or labor; nothing is asked."
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="With --request: a header it was sent with; may be repeated."),
    ] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Check the settings, the login and its scopes, the clocks, the warehouse, and per location orders, cash and labor; for each finding, what to do."""
    from rich.text import Text

    from restaurant_os import terminal
    from restaurant_os.text import printable

    if request is not None:
        _explain(request, header or [], json)
        return
    from restaurant_os.doctor import examine

    app = built(context, config)
    findings = []
    styles = {"ok": "green", "warning": "yellow", "failed": "red"}
    for finding in examine(app):
        findings.append(finding)
        if not json:
            terminal.out.print(
                Text.assemble((f"{finding.state:8}", styles[finding.state]), f"{finding.check}: {printable(finding.found, 500)}"),
                soft_wrap=True,
            )
            if finding.next_step:
                terminal.out.print(Text(f"          -> {printable(finding.next_step, 500)}"), soft_wrap=True)
    if json:
        terminal.print_json([{"check": f.check, "state": f.state, "found": f.found, "next_step": f.next_step} for f in findings])
    raise typer.Exit(1 if any(f.state == "failed" for f in findings) else 0)


def _explain(request: str, headers: list[str], json: bool) -> None:
    from datetime import UTC, datetime

    from restaurant_os import terminal
    from restaurant_os.explain import explain
    from restaurant_os.text import printable

    given = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in headers)}
    causes = explain(request, given, datetime.now(UTC))
    if json:
        terminal.print_json([{"cause": c.name, "effect": c.effect, "found": c.found, "next_step": c.next_step} for c in causes])
        return
    for cause in causes:
        terminal.out.print(printable(f"{cause.effect}: {cause.name}: {cause.found}", 600), soft_wrap=True, markup=False, highlight=False)
        terminal.out.print(f"  -> {cause.next_step}", soft_wrap=True, markup=False, highlight=False)
    if not causes:
        terminal.out.print("Nothing is wrong with this request itself: `restaurant-os doctor` tries the account.")
