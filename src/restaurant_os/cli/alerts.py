"""Alerts: what stands, who knows of it, what the rules would have said before; and how good the forecast is that they rest on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from restaurant_os.cli.live import operations_of
from restaurant_os.cli.options import AsJson, Config, FromDate, ToDate, Where, built, ends_of, example
from restaurant_os.errors import UsageError

watching = typer.Typer()
alerts = typer.Typer(no_args_is_help=True, help="See, acknowledge, mute, try and replay alerts.")
forecast = typer.Typer(no_args_is_help=True, help="How good the projection of labor at close is.")

#: A note is shown in messages and lists.
MOST_NOTE = 300
#: What `alerts simulate` and the backtest look at without --from: so many weeks up to yesterday.
WEEKS = 4

#: Seconds.
FILE_STAYS_OPEN = 2.0


class IncidentState(StrEnum):
    watching = "watching"
    open = "open"
    recovered = "recovered"
    closed = "closed"


@alerts.command("test", epilog=example("restaurant-os alerts test", "restaurant-os alerts test --channel slack"))
def send_test(
    context: typer.Context,
    channel: Annotated[str | None, typer.Option("--channel", help="This channel alone; without it all that are configured.")] = None,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Send a test message to each channel now, and say what it answered. A channel that was found dead and takes it is used again."""
    from restaurant_os import terminal
    from restaurant_os.alerts.channels import channels_of
    from restaurant_os.alerts.trying import try_channels
    from restaurant_os.live.outbox import use_again

    with operations_of(context, config) as app:
        found = try_channels(app.settings, app.clock.now(), only=channel)
        works = {one.channel for one in found if not one.problem}
        for known in channels_of(app.settings):
            if known.name in works:
                use_again(app.operations, known)
    if json:
        terminal.print_json([{"channel": one.channel, "sent": not one.problem, "problem": one.problem or None} for one in found])
    else:
        for one in found:
            terminal.out.print(f"{one.channel}: {one.problem or 'sent'}", markup=False, highlight=False, soft_wrap=True)
    if any(one.problem for one in found):
        raise typer.Exit(1)


@alerts.command("list", epilog=example("restaurant-os alerts list", "restaurant-os alerts list --state open --json"))
def list_(
    context: typer.Context,
    state: Annotated[list[IncidentState] | None, typer.Option("--state", help="May be repeated; without it open and recovered.")] = None,
    location: Where = "ALL",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """List incidents, the newest first: what stands, since when, and who knows."""
    from restaurant_os import terminal
    from restaurant_os.alerts.listing import incident_as_json, incident_cells, listed

    with operations_of(context, config) as app:
        wanted = [one.value for one in state or (IncidentState.open, IncidentState.recovered)]
        found = listed(app.operations, app.settings, states=wanted, location=location)
    if json:
        terminal.print_json([incident_as_json(one, app.settings) for one in found])
    elif found:
        columns = ("incident", "rule", "location", "day", "subject", "state", "value", "since", "note")
        terminal.print_table("", columns, [incident_cells(one, app.settings) for one in found])
    else:
        terminal.out.print("No incident.")


@alerts.command(epilog=example('restaurant-os alerts ack 4f1c09ab --note "sent two home"'))
def ack(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, or the first digits of it, as `alerts list` shows it.")],
    note: Annotated[str, typer.Option("--note", help="What is being done.")] = "",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Acknowledge an incident: nothing more is sent of it but that it is over."""
    from restaurant_os.alerts.incidents import acknowledged
    from restaurant_os.text import printable

    if len(note) > MOST_NOTE or printable(note, MOST_NOTE) != note:
        raise UsageError(f"alerts: a note of at most {MOST_NOTE} printable characters was expected.", next_step="Give a shorter --note.")
    _change(context, config, json, incident, lambda found, now, settings: acknowledged(found, note, now), "acknowledged")


@alerts.command(epilog=example("restaurant-os alerts mute 4f1c09ab"))
def mute(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, or the first digits of it, as `alerts list` shows it.")],
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Mute an incident for today: nothing at all is sent of it any more."""
    from restaurant_os.alerts.incidents import muted
    from restaurant_os.alerts.listing import end_of_today

    _change(context, config, json, incident, lambda found, now, settings: muted(found, end_of_today(found, settings, now), now), "muted")


def _change(context: typer.Context, config: Any, json: bool, wanted: str, how: Any, done: str) -> None:
    from restaurant_os import terminal
    from restaurant_os.alerts.listing import change, incident_as_json

    with operations_of(context, config) as app:
        now = app.clock.now()
        found = change(app.operations, wanted, lambda one: how(one, now, app.settings))
    if json:
        terminal.print_json(incident_as_json(found, app.settings))
    else:
        terminal.out.print(f"Incident {found.incident_id} is {done}.", highlight=False)


@alerts.command(epilog=example("restaurant-os alerts simulate --from 2026-09-01 --to 2026-10-26"))
def simulate(
    context: typer.Context,
    first: FromDate = None,
    last: ToDate = None,
    location: Where = "ALL",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Say what today's rules would have sent over stored history, by week, and at which level each would speak at most twice a week."""
    from restaurant_os import terminal
    from restaurant_os.alerts.replay import LEVEL_COLUMNS, WEEK_COLUMNS, replay

    app = built(context, config)
    app.idle_seconds = FILE_STAYS_OPEN  # it asks at each hour of each day
    report = replay(app.warehouse, app.settings, *_history(app, first, last, location))
    if json:
        terminal.print_json(report.as_json())
        return
    if report.weeks:
        terminal.print_table("Messages", WEEK_COLUMNS, report.week_cells())
    else:
        terminal.out.print("These rules would have sent nothing.")
    terminal.print_table("Levels", LEVEL_COLUMNS, report.level_cells())


@forecast.command(
    epilog=example("restaurant-os forecast backtest", "restaurant-os forecast backtest --from 2026-09-01 --to 2026-10-26 --json")
)
def backtest(
    context: typer.Context,
    first: FromDate = None,
    last: ToDate = None,
    location: Where = "ALL",
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Print how far the projection of labor % at close was off, by hour of the day, beside two simpler guesses."""
    from restaurant_os import terminal
    from restaurant_os.alerts import backtest as tested

    app = built(context, config)
    found = tested.backtest(app.warehouse, app.settings, *_history(app, first, last, location))
    if json:
        terminal.print_json(tested.as_json(found))
    else:
        terminal.print_table("Mean error in points of labor %", tested.COLUMNS, tested.cells(found))


def _history(app: Any, first: str | None, last: str | None, location: str) -> tuple[Any, Any, Any]:
    """The places and the business dates asked for; without dates the last weeks up to the last day that is closed everywhere."""
    from datetime import timedelta

    from restaurant_os.reports import places_of

    places = places_of(app.settings, app.warehouse, location)
    if ends := ends_of(first, last):
        return places, *ends
    end = min(place.business_day.last_closed(app.clock.now()) for place in places)
    return places, end - timedelta(days=7 * WEEKS - 1), end


watching.add_typer(alerts, name="alerts")
watching.add_typer(forecast, name="forecast")
