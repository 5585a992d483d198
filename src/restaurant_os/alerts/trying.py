"""`restaurant-os alerts test`: a message to each channel, now, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from restaurant_os.alerting import Delivery, Message
from restaurant_os.alerts.channels import Channel, channels_of, sender_of
from restaurant_os.errors import RestaurantOSError, UsageError
from restaurant_os.settings import Settings
from restaurant_os.text import printable

HOW = "Set SLACK_WEBHOOK_URL, DISCORD_WEBHOOK_URL, SLACK_BOT_TOKEN with alerts.slack_channel, or APPRISE_URLS in the environment or .env."
MESSAGE = Message(
    kind="test",
    title="Restaurant OS reaches this channel",
    text="This is a test, sent by `restaurant-os alerts test`. Nothing is wrong.",
    level="note",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """`problem`: '' where it was sent."""

    channel: str
    problem: str = ""


def try_channels(settings: Settings, now: datetime, only: str | None = None) -> list[Tried]:
    """Send a test message to every channel, or to one.

    Raises:
        UsageError: there is none, or none of that name.
    """
    known = channels_of(settings)
    if not known:
        raise UsageError("alerts: no channel is configured.", next_step=HOW)
    wanted = [one for one in known if only is None or one.name == only]
    if not wanted:
        names = ", ".join(one.name for one in known)
        raise UsageError(f"alerts: there is no channel '{printable(only, 40)}'.", next_step=f"There are: {names}.")
    return [_tried(one, settings, now) for one in wanted]


def _tried(channel: Channel, settings: Settings, now: datetime) -> Tried:
    delivery = Delivery(channel=channel.name, key=f"test {now.isoformat()}", message=MESSAGE, created_at=now, ready_at=now)
    try:
        sender_of(channel, settings).send(delivery)
    except RestaurantOSError as problem:
        return Tried(channel.name, f"{problem.message} {problem.next_step}".strip())
    return Tried(channel.name)
