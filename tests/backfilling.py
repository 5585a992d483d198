"""`restaurant-os backfill` in this process, with waits that are short, and days at which the API fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

import httpx
import pytest

import restaurant_os.app
from restaurant_desk import Desk
from restaurant_os.cli import main
from restaurant_os.sources.http import Http, RetryPolicy
from toast_simulator import CREDENTIALS

TWICE = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.02)


@dataclass(frozen=True)
class Ran:
    """How a command ended: as a process would."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Troubled(httpx.BaseTransport):
    """The way to a real server, on which some calls get another answer: `answers` is asked first, and may look on."""

    answers: Callable[[httpx.Request], httpx.Response | None]
    _way: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.answers(request) or self._way.handle_request(request)

    def close(self) -> None:
        self._way.close()


def failing(status: int, *days: date, restaurant_guid: str | None = None) -> Troubled:
    """Calls for orders of these days, at one location or all, get this status."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        at, asked = request.headers.get("Toast-Restaurant-External-ID"), request.url.params.get("businessDate")
        if request.url.path != "/orders/v2/ordersBulk" or restaurant_guid not in (None, at):
            return None
        if asked is None or datetime.strptime(asked, "%Y%m%d").date() not in days:  # noqa: DTZ007
            return None
        return httpx.Response(status, json={"status": status, "message": "trouble of the test"})

    return Troubled(answer)


@dataclass(frozen=True)
class Here:
    """Runs commands of one test."""

    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, desk: Desk, *words: str, transport: httpx.BaseTransport | None = None, login: bool = True) -> Ran:
        """`restaurant-os backfill` with these words. `transport`: the way to the API. `login`: whether there are credentials."""
        self.patch.chdir(desk.folder)
        self.patch.setenv("XDG_CACHE_HOME", str(desk.folder / "cache"))
        self.patch.setenv("COLUMNS", "200")
        for name, value in CREDENTIALS.items():
            if login:
                self.patch.setenv(name, value)
            else:
                self.patch.delenv(name, raising=False)
        self.patch.setattr(sys, "argv", ["restaurant-os", "backfill", *words])
        ways: list[Http] = []

        def way_to(*given: Any, **named: Any) -> Http:
            ways.append(Http(*given, **named))
            return ways[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(restaurant_os.app, "build_app", partial(restaurant_os.app.build_app, transport=transport, retry=TWICE))
            patch.setattr(restaurant_os.app, "Http", way_to)
            self.capture.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        for way in ways:
            way.close()
        out, err = self.capture.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, out, err)


def span(first: date, last: date) -> Sequence[str]:
    return ("--from", first.isoformat(), "--to", last.isoformat())
