"""The command line: parses, makes one call on App, renders.

Exit codes: 0 done, 1 something failed, 2 wrong usage. Results go to stdout (`--json`: one JSON document), all else to stderr.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from restaurant_os import __version__
from restaurant_os.cli.alerts import watching
from restaurant_os.cli.backfill import history
from restaurant_os.cli.begin import beginning
from restaurant_os.cli.bring import sync
from restaurant_os.cli.house import housing
from restaurant_os.cli.keep import keeping
from restaurant_os.cli.live import living
from restaurant_os.cli.look import looking
from restaurant_os.cli.options import Config
from restaurant_os.errors import RestaurantOSError

app = typer.Typer(
    name="restaurant-os",
    help="Brings Toast sales, labor and cash into a warehouse you own, exactly, and keeps them true through late voids, refunds and edits.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(sync, name="sync")
app.add_typer(history)
app.add_typer(keeping)
app.add_typer(living)
app.add_typer(watching)
app.add_typer(looking)
app.add_typer(housing)
app.add_typer(beginning)


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
