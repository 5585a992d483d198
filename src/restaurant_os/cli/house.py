"""Commands for the house the tables live in: bring it up to date, move it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from restaurant_os.cli.options import AsJson, Config, built, example
from restaurant_os.errors import SettingsError, UsageError

housing = typer.Typer()
#: A file stays open while a copy asks and writes again and again, unless another process wants it.
IDLE_SECONDS = 5.0
#: Where a copy goes, when no option says so: an address with a password stays out of the shell's history.
COPY_TO = "RESTAURANT_OS_COPY_TO"


@housing.command(epilog=example("restaurant-os migrate --plan", "restaurant-os migrate"))
def migrate(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Make the tables, columns and views that the warehouse lacks, or has of an older definition.

    Run twice it does nothing. Tables, views and columns of your own stay as they are. Whatever writes to the warehouse does the same before it begins.

    With --json a list of the steps.
    """
    from restaurant_os import terminal
    from restaurant_os.text import count, printable

    warehouse = built(context, config).warehouse
    steps = warehouse.migrate(plan=plan)
    if json:
        terminal.print_json(steps)
        return
    for step in steps:
        terminal.out.print(printable(step, 300), markup=False, highlight=False, soft_wrap=True)
    told = (
        "up to date"
        if not steps
        else f"{count(len(steps), 'step')} to do; nothing was done"
        if plan
        else f"{count(len(steps), 'step')} done"
    )
    terminal.out.print(f"{warehouse.label}: {told}.", markup=False, highlight=False, soft_wrap=True)


@housing.command(
    epilog=example(
        "restaurant-os copy --to duckdb:///copy.duckdb",
        "restaurant-os copy --to bigquery://my-project/restaurants",
        "RESTAURANT_OS_COPY_TO=postgresql://user:password@host:6543/postgres restaurant-os copy",
    )
)
def copy(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            envvar=COPY_TO,
            help="Where to: duckdb:///path, postgresql://... or bigquery://project/dataset. One with a password better comes from the environment.",
        ),
    ] = "",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Copy every table from the warehouse of the settings into another, on any engine, and compare them.

    Rows go over as they stand. An empty place is made ready first; one that holds anything else is refused. Ended in any way and run again it goes on
    where it was. At the end each table is compared per business date: rows, sums and a checksum. Exit code 1 where they differ.
    """
    from restaurant_os import terminal
    from restaurant_os.copying import Copy, left_behind

    app = built(context, config)
    place = _place(app.settings, to)
    app.idle_seconds = IDLE_SECONDS
    source, target = app.warehouse, app.warehouse_at(place)
    with _Bar(enabled=not json) as bar:
        work = Copy(source, target, bar)
        try:
            with terminal.stoppable(work.stop):
                tables = work.run()
                left = left_behind(source)
        finally:
            source.close()
            target.close()
    is_same = not any(one.differing for one in tables)
    if json:
        terminal.print_json(_as_json(source.label, target.label, tables, left))
    else:
        _print_end(app.settings, source.label, target.label, tables, left)
    raise typer.Exit(0 if is_same else 1)


def _place(settings: Any, to: str) -> Path | str:
    """Where a copy goes, as the settings say where a warehouse is.

    Raises:
        UsageError: no place is named, it cannot be read, or it is the warehouse itself.
    """
    from pydantic import SecretStr

    from restaurant_os.settings import is_there

    if not to:
        raise UsageError("copy: nothing says where to.", next_step=f"Give --to URL, or set {COPY_TO}.")
    try:
        place: Path | str = settings.model_copy(update={"warehouse": SecretStr(to)}).warehouse_place
    except SettingsError as problem:
        raise UsageError(
            problem.message.replace("settings: warehouse is", "copy: --to is"), next_step="For example --to duckdb:///copy.duckdb."
        ) from None
    own = settings.warehouse_place
    if place == own or (isinstance(place, Path) and isinstance(own, Path) and place.resolve() == own.resolve()):
        raise UsageError("copy: --to is the warehouse itself.", next_step="Name another place; `warehouse` in the settings is copied from.")
    if isinstance(own, Path) and not is_there(own):
        raise UsageError(f"copy: there is nothing in {own} yet.", next_step="`warehouse` in the settings names what is copied from.")
    return place


#: So many things of a user's own are named, of those that a copy leaves behind.
MOST_NAMED = 10


class _Bar:
    """How far a copy is: tables while they are compared, then rows with the time left."""

    def __init__(self, *, enabled: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        from restaurant_os import terminal

        columns = (
            *(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn()),
            *(TextColumn("{task.fields[noun]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
        )
        self._bar = Progress(*columns, console=terminal.err, disable=not enabled)
        self._task: Any = None

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def comparing(self, tables: int) -> None:
        self._task = self._bar.add_task("compare", total=tables, noun="tables")

    def compared(self, tables: int) -> None:
        self._bar.advance(self._task, tables)

    def planned(self, rows: int) -> None:
        self._task = self._bar.add_task("carry", total=rows, noun="rows")

    def carried(self, rows: int) -> None:
        self._bar.advance(self._task, rows)


def _print_end(settings: Any, source: str, target: str, tables: Any, left: list[str]) -> None:
    from restaurant_os import terminal
    from restaurant_os.copying import told
    from restaurant_os.text import count, printable

    rows = [
        (one.name, one.rows, one.dates or None, one.carried, told(one.differing) if one.differing else "equal")
        for one in tables
        if one.rows
    ]
    terminal.print_table("", ("table", "rows", "business dates", "carried now", "compared"), rows)
    carried, all_rows = sum(one.carried for one in tables), sum(one.rows for one in tables)
    terminal.out.print(
        f"{source} -> {target}: {count(all_rows, 'row')}, {carried:,} of them carried now.", markup=False, highlight=False, soft_wrap=True
    )
    if left:
        shown = ", ".join(printable(name, 100) for name in left[:MOST_NAMED])
        more = f" and {len(left) - MOST_NAMED:,} more (all of them: --json)" if len(left) > MOST_NAMED else ""
        terminal.err.print(
            f"Not carried, as they are not Restaurant OS's: {shown}{more}. Make them anew in the other place, if you want them there.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if differing := [one for one in tables if one.differing]:
        terminal.err.print(f"Not equal: {', '.join(one.name for one in differing)}, on the dates above.", soft_wrap=True)
        why = "The source has changed meanwhile: run" if any(one.has_moved for one in differing) else "Run"
        terminal.err.print(f"  -> {why} the same command again; what is equal is not carried again.", soft_wrap=True)
        return
    terminal.out.print("Equal: every table, by rows, sums and checksum of every business date.")
    terminal.out.print(_left_behind(settings), markup=False, highlight=False, soft_wrap=True)


def _left_behind(settings: Any) -> str:
    """What a copy does not carry, and what it takes that nothing of it is lost."""
    place = settings.operations_place
    where = place.name if isinstance(place, Path) else "a Postgres of its own"
    return (
        f"Not among the tables, so not moved: the operations store ({where}) with events, keys, incidents and what is still to be told. "
        "When `warehouse` is changed in the settings, name it there as `operations`, so that it stays in use: docs/warehouses.md, Moving house."
    )


def _as_json(source: str, target: str, tables: Any, left: list[str]) -> dict[str, Any]:
    return {
        "from": source,
        "to": target,
        "rows": sum(one.rows for one in tables),
        "carried": sum(one.carried for one in tables),
        "equal": not any(one.differing for one in tables),
        "source_has_changed": any(one.has_moved for one in tables),
        "tables": [
            {
                "table": one.name,
                "rows": one.rows,
                "business_dates": one.dates,
                "carried": one.carried,
                "differing": [own.isoformat() if own else None for own in one.differing],
            }
            for one in tables
        ],
        "left_behind": left,
        "not_moved": ["events", "keys", "incidents", "messages"],
    }
