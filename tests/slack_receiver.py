"""An incoming webhook of Slack: what it was told, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from channel_stub import Call, Reply, channel_stub

PATH = "/services/T0/B0/secret"


@dataclass
class Slack:
    """`bodies`: what it took, in order."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def clear(self) -> None:
        self.bodies.clear()
        self.status = 200

    def telling(self, what: str) -> list[str]:
        """The messages in which it stands, each as one text."""
        return [text for body in list(self.bodies) if what in (text := json.dumps(body, ensure_ascii=False))]

    def answer(self, call: Call) -> Reply:
        if self.status == 200:
            self.bodies.append(call.body)
        return Reply(self.status, "ok" if self.status == 200 else "no_service")


@contextmanager
def slack() -> Iterator[Slack]:
    found = Slack()
    with channel_stub(found.answer) as stub:
        found.url = stub.url + PATH
        yield found
