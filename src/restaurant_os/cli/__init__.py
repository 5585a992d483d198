"""The command line: parses, makes one call on App, renders.

Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C. Results go to stdout (`--json`: one JSON document), all else to stderr.
"""

from __future__ import annotations

import io
import os
import signal
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

#: As a shell says that a Ctrl-C ended a command: 128 and the signal's number.
STOPPED = 130

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run()
    except KeyboardInterrupt:
        code = _stopped()
    sys.exit(code)


def _run() -> int:
    """Its exit code."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # what is loaded half may swallow a KeyboardInterrupt, or tell of it at length
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from restaurant_os import terminal

    signal.signal(signal.SIGINT, before)
    try:
        code = app(standalone_mode=False)
        if code == STOPPED:  # typer's own answer to a Ctrl-C
            code = _stopped()
    except RestaurantOSError as problem:
        terminal.print_error(problem)
        if "--json" in sys.argv:
            terminal.print_json({"error": {"message": problem.message, "next_step": problem.next_step}})
        code = problem.exit_code
    except typer.Abort:
        code = 1
    except RuntimeError as problem:  # so DuckDB tells of a Ctrl-C
        if "Query interrupted" not in str(problem):
            raise
        code = _stopped()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except typer.TyperException as problem:
        code = _usage(problem)
    except OSError as problem:  # what nobody foresaw
        code = _system(problem)
    return code if isinstance(code, int) else 0


def _system(problem: OSError) -> int:
    """What the system refused, in its own words."""
    from restaurant_os import terminal

    where = f"{problem.filename}: " if problem.filename else ""
    terminal.print_error(
        RestaurantOSError(
            f"{where}{problem.strerror or problem}. What was committed is in.",
            next_step="Check the path and its permissions, then run the command again.",
        )
    )
    return 1


def _stopped() -> int:
    sys.stderr.write("Stopped.\n")
    return STOPPED


def _usage(problem: typer.TyperException) -> int:
    """Wrong usage, in the parser's own words."""
    if show := getattr(problem, "show", None):
        show()
    else:
        sys.stderr.write(f"{problem}\n")
    return int(getattr(problem, "exit_code", 2))
