"""The live service, its keys, and the events that could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer

from restaurant_os.cli.options import AsJson, Config, built, example
from restaurant_os.errors import UsageError

living = typer.Typer()
keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys of the service.")

#: Names and reasons are shown in a terminal.
MOST_NAME = 80


class Scope(StrEnum):
    read = "read"
    write = "write"


@living.command(epilog=example("restaurant-os serve", "restaurant-os serve --host 0.0.0.0 --port 8080"))
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on; without it that of the settings.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one; without it that of the settings.")
    ] = None,
    config: Config = None,
) -> None:
    """Take webhooks and daily summaries, keep the tables true by polls, and answer over HTTP, until Ctrl-C.

    Without a key it is a trial that answers this machine alone; see docs/service.md. Its log is JSON lines on stderr.
    """
    from restaurant_os.service.server import serve as run

    app = built(context, config)
    service = app.settings.service
    raise typer.Exit(run(app, host or service.host, service.port if port is None else port))


@contextmanager
def operations_of(context: typer.Context, config: Any) -> Iterator[Any]:
    app = built(context, config)
    try:
        yield app
    finally:
        if "operations" in vars(app):
            app.operations.close()


@keys.command(epilog=example("restaurant-os keys create --name dashboard", "restaurant-os keys create --name tills --scope write --json"))
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="What it is for, so that it can be told from others.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="read: metrics, locations and status; write: daily summaries. May be repeated; without it both."),
    ] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Make a key and show it, once: what is kept of it cannot give it back. The service takes it within 5 seconds."""
    from restaurant_os import terminal
    from restaurant_os.service.access import new_key
    from restaurant_os.text import printable

    if not name.strip() or len(name) > MOST_NAME or printable(name, MOST_NAME) != name:
        raise UsageError(f"keys: a name of 1 to {MOST_NAME} printable characters was expected.", next_step="Give another with --name.")
    with operations_of(context, config) as app:
        text, key = new_key(name.strip(), [one.value for one in dict.fromkeys(scope or Scope)], app.clock.now())
        app.operations.add_key(key)
    if json:
        terminal.print_json({**_shown(key), "key": text})
        return
    shown = f"Key {key.key_id} ({', '.join(key.scopes)}). It is shown this once; send it as `Authorization: Bearer KEY`:"
    terminal.err.print(shown, soft_wrap=True, markup=False)
    terminal.out.print(text, highlight=False, markup=False, soft_wrap=True)


@keys.command("list", epilog=example("restaurant-os keys list"))
def list_(context: typer.Context, config: Config = None, json: AsJson = False) -> None:
    """List the keys: id, name, scopes, when they were made and revoked. Never the key itself."""
    from restaurant_os import terminal

    with operations_of(context, config) as app:
        found = [_shown(key) for key in app.operations.keys()]  # noqa: SIM118  # a store, no dict
    if json:
        terminal.print_json(found)
    elif found:
        rows = [(own["id"], own["name"], ", ".join(own["scopes"]), own["created_at"], own["revoked_at"]) for own in found]
        terminal.print_table("", ("id", "name", "scopes", "created", "revoked"), rows)
    else:
        terminal.out.print("There is no key. Make one with: restaurant-os keys create --name NAME")


@keys.command(epilog=example("restaurant-os keys revoke 4f1c09ab77d2"))
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `keys list` shows.")],
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Revoke a key. The service refuses it within 5 seconds."""
    from restaurant_os import terminal
    from restaurant_os.text import printable

    with operations_of(context, config) as app:
        is_done = app.operations.revoke_key(key_id, app.clock.now())
    if not is_done:
        raise UsageError(f"keys: no valid key has the id '{printable(key_id, 40)}'.", next_step="`restaurant-os keys list` shows them.")
    if json:
        terminal.print_json({"id": key_id, "revoked": True})
    else:
        terminal.out.print(f"Key {key_id} is revoked.", highlight=False)


def _shown(key: Any) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


living.add_typer(keys, name="keys")


@living.command(epilog=example("restaurant-os replay --list", "restaurant-os replay 4711 4712", "restaurant-os replay --all"))
def replay(
    context: typer.Context,
    sequences: Annotated[list[int] | None, typer.Argument(metavar="SEQUENCE...", help="Events by the numbers that --list shows.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every event in quarantine.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the quarantine, and why each event is there; change nothing.")] = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Let events from the quarantine be tried again, once their cause is mended. The service takes them from there."""
    from restaurant_os import terminal
    from restaurant_os.text import count

    if [bool(sequences), all_, list_].count(True) != 1:
        raise UsageError("replay: one of --list, --all or SEQUENCE was expected.", next_step="Begin with `restaurant-os replay --list`.")
    with operations_of(context, config) as app:
        if list_:
            _show_quarantine(app.operations.quarantined(), json)
            return
        wanted = None if all_ else sorted(set(sequences or ()))
        done = app.operations.replay(wanted)
    if wanted and done < len(wanted):
        raise UsageError(
            f"replay: {done} of {count(len(wanted), 'event')} wait again; the others are not in quarantine.",
            next_step="`restaurant-os replay --list` shows what is.",
        )
    if json:
        terminal.print_json({"replayed": done})
    else:
        terminal.out.print(f"{count(done, 'event')} {'waits' if done == 1 else 'wait'} again.", highlight=False)


def _show_quarantine(found: list[Any], json: bool) -> None:
    from restaurant_os import terminal

    if json:
        terminal.print_json(
            [
                {
                    "sequence": own.sequence,
                    "source": own.source,
                    "kind": own.kind,
                    "location": own.location,
                    "received_at": own.received_at,
                    "attempts": own.attempts,
                    "reason": own.reason,
                }
                for own in found
            ]
        )
    elif found:
        rows = [(f"{own.sequence}", own.source, own.kind, own.location, own.received_at, own.attempts, own.reason) for own in found]
        terminal.print_table("", ("sequence", "source", "kind", "location", "received", "attempts", "reason"), rows)
    else:
        terminal.out.print("No event is in quarantine.")
