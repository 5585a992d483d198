"""The command line: parses, makes one call on App, renders.

Exit codes: 0 done, 1 something failed, 2 wrong usage. Results go to stdout (`--json`: one JSON document), all else to stderr.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from restaurant_os import __version__
from restaurant_os.errors import RestaurantOSError, UsageError

app = typer.Typer(
    name="restaurant-os",
    help="Brings Toast sales, labor and cash into a warehouse you own, exactly, and keeps them true through late voids, refunds and edits.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
sync = typer.Typer(help="Bring data in.", no_args_is_help=True)
app.add_typer(sync, name="sync")

Config = Annotated[
    Path | None, typer.Option("--config", help="The settings file; without it RESTAURANT_OS_CONFIG, then ./restaurant-os.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
FromDate = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First business date, included, as 2026-03-01.")]
ToDate = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last business date, included, as 2026-03-07.")]
Where = Annotated[str, typer.Option("--location", metavar="ALL|NAME|GUID", help="Which location.")]


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


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    config: Config = None,
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
) -> None:
    if version:
        sys.stdout.write(f"restaurant-os {__version__}\n")
        raise typer.Exit
    context.obj = config


def example(*lines: str) -> str:
    return "[dim]Example:[/dim]\n\n" + "\n\n".join(f"  [cyan]{line}[/cyan]" for line in lines)


def _app(context: typer.Context, config: Path | None) -> Any:
    from restaurant_os.app import build_app
    from restaurant_os.settings import load

    return build_app(load(config or context.obj))


def _span(first: str | None, last: str | None) -> Any:
    """The business dates named, as many as Toast may be asked at once; None when none are."""
    from restaurant_os.pipeline.plans import Span

    ends = _ends(first, last)
    return Span(*ends) if ends else None


def _ends(first: str | None, last: str | None) -> Any:
    from restaurant_os.settings import iso_date

    if first is None and last is None:
        return None
    if first is None or last is None:
        raise UsageError("a span needs both ends.", next_step="Give --from DATE and --to DATE; for one day give it twice.")
    return iso_date(first, "--from"), iso_date(last, "--to")


# --- sync -----------------------------------------------------------------------------------------------------------


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


def _sync(
    context: typer.Context, dataset: str, location: str, first: str | None, last: str | None, config: Path | None, json: bool
) -> None:
    from restaurant_os import terminal

    span = _span(first, last)
    built = _app(context, config)
    locations = [one for one in built.locations(location) if dataset != "labor" or one.labor_source == "toast"]
    if not locations:
        raise UsageError(
            "labor: no location named has its punches in Toast.",
            next_step='Write labor_source = "toast" for those that do, in the settings.',
        )
    results = terminal.run_sync(built, dataset, locations, span, show=not json)
    failed = [r for r in results if r.error]
    if json:
        terminal.print_json({"dataset": dataset, "locations": [_result(r) for r in results], "failed": len(failed)})
    else:
        terminal.print_results(dataset, results)
    raise typer.Exit(1 if failed else 0)


def _result(result: Any) -> dict[str, Any]:
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


# --- looking --------------------------------------------------------------------------------------------------------


@app.command(epilog=example("restaurant-os status", "restaurant-os status --location North --from 2026-03-01 --to 2026-03-14"))
def status(
    context: typer.Context,
    location: Where = "ALL",
    first: FromDate = None,
    last: ToDate = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """What is complete, partial or missing, per location, dataset and business date, with row counts and when it was read."""
    from restaurant_os import terminal
    from restaurant_os.pipeline.status import day_statuses

    span = _span(first, last)
    built = _app(context, config)
    days = day_statuses(built.warehouse, built.locations(location), span, built.clock.now())
    if json:
        terminal.print_json([_day(day) for day in days])
        return
    if not days:
        terminal.out.print("Nothing has been read yet. Begin with: restaurant-os sync orders")
        return
    columns = ("location", "dataset", "business dates", "state", "records", "last read", "why")
    terminal.print_table("", columns, terminal.runs_of_days(days))


def _day(day: Any) -> dict[str, Any]:
    return {
        "location": day.location.name,
        "restaurant_guid": day.location.toast_guid,
        "dataset": day.dataset,
        "business_date": day.business_date,
        "state": day.state,
        "why": day.why,
        "rows": day.rows,
        "quarantined": day.quarantined,
        "last_read_at": day.last_read_at,
        "as_of": day.as_of,
    }


@app.command(
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
    from restaurant_os.reports import cells, report_of, rows_of

    report = report_of(grain.value, by.value if by else None)
    ends = _ends(first, last)
    built = _app(context, config)
    table = rows_of(built.warehouse, report, built.locations(location), Period(*ends) if ends else None, built.clock.now())
    kind = "json" if json else format_.value
    if kind == "table" and output is None:
        if not table.num_rows:
            terminal.out.print("Nothing is there of these dates. Begin with: restaurant-os sync orders, sync labor, sync cash")
            return
        terminal.print_table("", [name.replace("_", " ") for name in ("location", *report.shown)], cells(table, report))
        return
    terminal.write_result(table, kind, output)


@app.command(
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
    """Ask the warehouse a question in SQL. Nothing can be changed by it, and no file but the warehouse read."""
    from restaurant_os import terminal
    from restaurant_os.settings import load
    from restaurant_os.text import count
    from restaurant_os.warehouse.query import query as ask

    settings = load(config or context.obj)
    result = ask(settings.warehouse_path, sql, wait_seconds=settings.wait_seconds, most_rows=limit, seconds=timeout)
    terminal.write_result(result.table, "json" if json else format_.value, output)
    if result.is_cut:
        terminal.err.print(f"Only the first {count(limit, 'row')}; more with --limit.", soft_wrap=True)


@app.command(
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

    built = _app(context, config)
    findings = []
    styles = {"ok": "green", "warning": "yellow", "failed": "red"}
    for finding in examine(built):
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


# --- beginning ------------------------------------------------------------------------------------------------------


@app.command(epilog=example("restaurant-os init", "restaurant-os init --from-toast https://ws-api.toasttab.com"))
def init(
    context: typer.Context,
    from_toast: Annotated[
        str | None, typer.Option("--from-toast", metavar="URL", help="Fill in the locations from Toast's API at this address.")
    ] = None,
    pacing: Annotated[str, typer.Option("--pacing", help="careful, documented or none.")] = "careful",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Write a commented restaurant-os.toml and .env.example here. Nothing that is there is ever overwritten."""
    from restaurant_os import scaffold, terminal
    from restaurant_os.settings import TOAST_URL, Location

    path = config or context.obj or scaffold.default_config()
    locations: list[Location] = []
    if from_toast:
        if path.exists():
            raise UsageError(
                f"init: {path} is there already and was left as it is.", next_step="Move it away first, or name another with --config."
            )
        locations = _toast_locations(path, from_toast, pacing)
    written = scaffold.init(path, base_url=from_toast or TOAST_URL, pacing=pacing, locations=locations)
    if json:
        terminal.print_json({"written": [str(p) for p in written], "locations": len(locations)})
        return
    for file in written:
        terminal.out.print(f"wrote {file}", highlight=False)
    step = "restaurant-os doctor" if locations else "fill in [[locations]] and .env, then restaurant-os doctor"
    terminal.out.print(f"Next: {step}", highlight=False)


def _toast_locations(path: Path, url: str, pacing: str) -> Any:
    from restaurant_os.app import build_app
    from restaurant_os.settings import load_without_file
    from restaurant_os.sources.toast.locations import discover

    settings = load_without_file(path.parent, toast={"base_url": url, "pacing": pacing})
    return discover(build_app(settings).toast)


@app.command(
    epilog=example("restaurant-os simulate --port 9100 --locations 13 --days 14 --seed 7", "restaurant-os simulate --clock-speed 60")
)
def simulate(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 9100,
    locations: Annotated[int, typer.Option(min=1, help="How many restaurants.")] = 13,
    days: Annotated[int, typer.Option(min=1, help="How many closed business dates of history.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 7,
    last_day: Annotated[str | None, typer.Option(metavar="DATE", help="The last closed business date; without it the latest.")] = None,
    clock_speed: Annotated[float | None, typer.Option(help="Let the world live, at so many simulated seconds per second.")] = None,
    faults: Annotated[Path | None, typer.Option(help="A TOML file of faults (docs/simulator.md).")] = None,
    clients: Annotated[Path | None, typer.Option(help="A TOML file of clients, their scopes and locations (docs/simulator.md).")] = None,
) -> None:
    """A Toast API to try things on: restaurants that live, faults on demand, and books to be judged against. Ends with Ctrl-C."""
    from restaurant_os.settings import iso_date
    from restaurant_os.simulator.server import Options, run

    run(
        Options(
            port=port,
            locations=locations,
            days=days,
            seed=seed,
            last_day=iso_date(last_day, "--last-day") if last_day else None,
            clock_speed=clock_speed,
            faults=faults,
            clients=clients,
        )
    )


@app.command(epilog=example("restaurant-os demo", "restaurant-os demo --locations 3 --days 7 --data /tmp/demo"))
def demo(
    locations: Annotated[int, typer.Option(min=1, max=200, help="How many restaurants.")] = 13,
    days: Annotated[int, typer.Option(min=1, max=31, help="How many business dates.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed gives the same restaurants.")] = 7,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the demo keeps its warehouse and settings.")] = Path("demo-data"),
    json: AsJson = False,
) -> None:
    """Two weeks of 13 simulated restaurants into a DuckDB file, through the real client, and what they sold, worked and counted."""
    from restaurant_os import demo as show

    raise typer.Exit(show.run(locations=locations, days=days, seed=seed, folder=data, json=json))


def main() -> None:
    """Run a command; a mistake or a failure is one message, never a traceback."""
    from restaurant_os import terminal

    try:
        code = app(standalone_mode=False)
    except RestaurantOSError as problem:
        terminal.print_error(problem)
        if "--json" in sys.argv:
            terminal.print_json({"error": {"message": problem.message, "next_step": problem.next_step}})
        code = problem.exit_code
    except typer.Abort:
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except typer.TyperException as problem:
        code = _usage(problem)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(problem: typer.TyperException) -> int:
    """Wrong usage, in the parser's own words."""
    if show := getattr(problem, "show", None):
        show()
    else:
        sys.stderr.write(f"{problem}\n")
    return int(getattr(problem, "exit_code", 2))
