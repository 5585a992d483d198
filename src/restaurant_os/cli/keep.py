"""Commands that keep running."""

from __future__ import annotations

from typing import Annotated

import typer

from restaurant_os.cli.options import AsJson, Config, example
from restaurant_os.errors import UsageError

keeping = typer.Typer()


@keeping.command(epilog=example("restaurant-os schedule", "restaurant-os schedule --list", "restaurant-os schedule --once --json"))
def schedule(
    context: typer.Context,
    list_: Annotated[bool, typer.Option("--list", help="Say when what is due next, and end.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Bring everything in now, once, and end.")] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Bring orders, cash, labor and configuration in by themselves, each at its time, until Ctrl-C.

    Each location's orders, cash and labor come once more an hour after its own closeout. The times are in [schedule] of the settings.
    With --json one line per job, or, with --list, one document.
    """
    from restaurant_os.keep import Keeper
    from restaurant_os.settings import load

    if once and list_:
        raise UsageError("schedule: --once and --list exclude each other.", next_step="Give one of them.")
    keeper = Keeper(load(config or context.obj), json)
    if list_:
        keeper.list()
    elif once:
        keeper.once()
        raise typer.Exit(1 if keeper.failures else 0)
    else:
        keeper.follow()
