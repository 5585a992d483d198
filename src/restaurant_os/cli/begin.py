"""Commands to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from restaurant_os.cli.options import AsJson, Config, example
from restaurant_os.errors import UsageError

beginning = typer.Typer()


@beginning.command(epilog=example("restaurant-os init", "restaurant-os init --from-toast https://ws-api.toasttab.com"))
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


@beginning.command(
    epilog=example(
        "restaurant-os simulate --port 9100 --locations 13 --days 14 --seed 7",
        "restaurant-os simulate --clock-speed 60",
        "restaurant-os simulate --send http://127.0.0.1:8000 --clock-speed 600",
        "SIMULATE_SEND_SECRET=... SIMULATE_SEND_KEY=rok_... restaurant-os simulate --send http://127.0.0.1:8000 --locations 3 --json",
    )
)
def simulate(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 9100,
    locations: Annotated[int, typer.Option(min=1, help="How many restaurants.")] = 13,
    days: Annotated[int, typer.Option(min=1, help="How many closed business dates of history.")] = 14,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 7,
    last_day: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The last closed business date, with --send the one that is sent; without it the latest."),
    ] = None,
    clock_speed: Annotated[
        float | None, typer.Option(help="Let the world live, at so many simulated seconds per second; with --send 60 if not given.")
    ] = None,
    faults: Annotated[Path | None, typer.Option(help="A TOML file of faults (docs/simulator.md).")] = None,
    clients: Annotated[Path | None, typer.Option(help="A TOML file of clients, their scopes and locations (docs/simulator.md).")] = None,
    send: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Send a service day as it passes: Toast's order events to URL/webhooks/toast, daily summaries to URL/webhook/sales and "
            "URL/webhook/labor. Ends when all of it is sent: 0 if it arrived, else 1.",
        ),
    ] = None,
    send_secret: Annotated[
        str | None, typer.Option(envvar="SIMULATE_SEND_SECRET", help="Signs the events; without it the published demo-webhook-secret.")
    ] = None,
    send_key: Annotated[
        str | None, typer.Option(envvar="SIMULATE_SEND_KEY", help="Goes with the summaries as Authorization: Bearer, if given.")
    ] = None,
    plant: Annotated[
        bool, typer.Option("--plant", help="An orderly world with incidents at known places, to judge alerts by (docs/simulator.md).")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --send, one JSON document at the end.")] = False,
) -> None:
    """A Toast API to try things on: restaurants that live, faults on demand, and books to be judged against. Ends with Ctrl-C."""
    from restaurant_os.businessday import iso_date
    from restaurant_os.simulator import live_day
    from restaurant_os.simulator.server import Options, run

    day = iso_date(last_day, "--last-day") if last_day else None
    options = Options(port, Options.host, locations, days, seed, day, clock_speed, faults, clients, plant=plant)
    if send:
        live_day.run(options, live_day.Send(send, secret=send_secret or live_day.DEMO_SECRET, key=send_key or "", json=json))
    if json:
        raise UsageError("simulate: --json goes with --send.", next_step="Give --send URL too, or leave --json out.")
    run(options)


@beginning.command(
    epilog=example(
        "restaurant-os demo",
        "restaurant-os demo --locations 3 --days 7 --data /tmp/demo",
        "restaurant-os demo --live",
        "restaurant-os demo --live --speed 360",
    )
)
def demo(
    locations: Annotated[int | None, typer.Option(min=1, max=200, help="How many restaurants; without it 13, with --live 3.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=31, help="How many business dates; without it 14, with --live 28.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same restaurants.")] = 7,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the demo keeps its warehouse and settings.")] = Path("demo-data"),
    live: Annotated[
        bool,
        typer.Option("--live", help="A service day after those weeks, sent to a service, and each alert as a simulated Slack receives it."),
    ] = False,
    speed: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=3600,
            help="With --live, simulated seconds per second; without it 60, a day in half an hour; 360 is one in five minutes.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Two weeks of 13 simulated restaurants into a DuckDB file, through the real client, and what they sold, worked and counted."""
    from restaurant_os import demo as show

    if live:
        from restaurant_os import demo_live

        if json:
            raise UsageError("demo: --json does not go with --live.", next_step="Leave one of them out.")
        ours = {"locations": locations or demo_live.LOCATIONS, "days": days or demo_live.DAYS}
        raise typer.Exit(demo_live.run(**ours, seed=seed, speed=speed or demo_live.SPEED))
    if speed is not None:
        raise UsageError("demo: --speed goes with --live.", next_step="Give --live too, or leave --speed out.")
    raise typer.Exit(show.run(locations=locations or 13, days=days or 14, seed=seed, folder=data, json=json))
