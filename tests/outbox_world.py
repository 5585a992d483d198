"""An outbox between a real store and a stub of every channel, with a clock that a test moves on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from channel_stub import Call, Reply, Stub, channel_stub
from operations_world import World, world_at
from restaurant_os.alerting import ChannelHealth, Delivery, Message, Record
from restaurant_os.live.meters import Meters
from restaurant_os.live.outbox import Outbox
from restaurant_os.operations import Operations
from restaurant_os.settings import AlertSettings, Settings

SLACK, DISCORD, BOT = "/services/T0/B0/slack-secret", "/api/webhooks/77/discord-secret", "/slack-api"
TOKEN, CHANNEL = "xoxb-token-secret", "C0123456789"


@dataclass
class Office:
    """`answers`: what is answered to an address whose path begins so; else each service's usual yes."""

    world: World
    stub: Stub
    settings: Settings
    meters: Meters = field(default_factory=Meters)
    answers: dict[str, Reply] = field(default_factory=dict)
    #: What Slack's bot posted, by its ts.
    posted: dict[str, dict[str, Any]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def store(self) -> Operations:
        return self.world.store

    def answer(self, call: Call) -> Reply:
        own = next((reply for path, reply in self.answers.items() if call.path.startswith(path)), None)
        if own is not None:
            return own
        if call.path.startswith(BOT):
            return Reply(200, self._bot(call))
        if call.path.startswith(DISCORD):
            return Reply(200, {"id": f"message-{next(self._numbers)}"})
        return Reply()

    def _bot(self, call: Call) -> dict[str, Any]:
        if call.path.endswith("chat.postMessage"):
            ts = f"{self.world.now().timestamp():.6f}"
            self.posted[ts] = call.body
            return {"ok": True, "channel": CHANNEL, "ts": ts}
        if call.path.endswith("conversations.history"):
            shown = [{"ts": ts, "metadata": body["metadata"]} for ts, body in self.posted.items() if ts >= call.query["oldest"]]
            return {"ok": True, "messages": shown}
        return {"ok": True}

    def outbox(self, owner: str = "here", **options: Any) -> Outbox:
        given = {"idle_seconds": 0.2, "paces": False, **options}
        return Outbox(self.store, self.settings, owner=owner, meters=self.meters, now=self.world.now, **given)

    def put(self, *keys: str, channel: str = "slack", **others: Any) -> None:
        """Deliveries by their keys, which are their titles too."""
        now = self.world.now()
        made = []
        for key in keys:
            message = Message(kind="opened", title=key, text=f"about {key}")
            made.append(Delivery(channel=channel, key=key, message=message, created_at=now, ready_at=now))
        assert self.store.record(Record(deliveries=tuple(replace(own, **others) for own in made)))

    def titles(self, path: str = SLACK) -> list[str]:
        """The titles of what came to an address, in its order."""
        return [_title(call.body) for call in self.stub.to(path) if call.body]

    def states(self) -> dict[str, str]:
        return {f"{own.channel} {own.message.title}": own.state for own in self.store.deliveries()}

    def delivery(self, title: str) -> Delivery:
        (found,) = [own for own in self.store.deliveries() if own.message.title == title]
        return found

    def health(self, channel: str = "slack") -> ChannelHealth:
        (found,) = [own for own in self.store.channels() if own.channel == channel]
        return found

    @contextmanager
    def running(self, owner: str = "here", **options: Any) -> Iterator[Outbox]:
        outbox = self.outbox(owner, **options)
        thread = threading.Thread(target=outbox.run, name=f"outbox {owner}")
        thread.start()
        try:
            yield outbox
        finally:
            outbox.stop()
            thread.join(60)
            assert not thread.is_alive()


def _title(body: dict[str, Any]) -> str:
    if "embeds" in body:
        return str(body["embeds"][0]["title"])
    return str(body["blocks"][0]["text"]["text"])


@contextmanager
def office(place: Path | str, *channels: str) -> Iterator[Office]:
    """With channels of these names, of `slack`, `slack-bot` and `discord`."""
    with channel_stub() as stub, world_at(place) as world:
        given: dict[str, dict[str, Any]] = {
            "slack": {"slack_webhook_url": SecretStr(stub.url + SLACK)},
            "discord": {"discord_webhook_url": SecretStr(stub.url + DISCORD)},
            "slack-bot": {
                "slack_bot_token": SecretStr(TOKEN),
                "alerts": AlertSettings(slack_channel=CHANNEL, slack_api_url=stub.url + BOT),
            },
        }
        chosen: dict[str, Any] = {name: value for channel in channels for name, value in given[channel].items()}
        own = Office(world, stub, Settings.model_construct(**chosen))
        stub.answer = own.answer
        yield own
