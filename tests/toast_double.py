"""Toast's API as a function: what it was asked, and what it answers next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx

from fake_time import FakeClock
from restaurant_os.sources.http import Http, RetryPolicy
from restaurant_os.sources.toast.client import LOGIN, PROFILES, ToastClient
from restaurant_os.sources.toast.token import TokenStore

URL = "https://toast.example"
CLIENT_ID = "client-of-ours"
SECRET = "s3cr3t-0f-0urs"

Answer = httpx.Response | Exception
Handler = Callable[[httpx.Request], Answer]


@dataclass
class Double:
    """`answers`: what the next calls but logins get, in turn, each a response or an error of the network; then 200 `[]` for ever.

    Every login gives a new token, good for a day of the clock.
    """

    clock: FakeClock
    answers: list[Answer | Handler] = field(default_factory=list)
    login_answers: list[Answer] = field(default_factory=list)
    lasts: timedelta = timedelta(days=1)
    calls: list[httpx.Request] = field(default_factory=list)
    logins: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        found = self._next(request)
        if isinstance(found, Exception):
            raise found
        found.headers.setdefault("date", http_date(self.clock.now()))
        return found

    def _next(self, request: httpx.Request) -> Answer:
        if request.url.path == LOGIN:
            self.logins.append(request)
            return self.login_answers.pop(0) if self.login_answers else self.token(f"token-{len(self.logins)}")
        self.calls.append(request)
        if not self.answers:
            return httpx.Response(200, json=[])
        found = self.answers.pop(0)
        return found if isinstance(found, (httpx.Response, Exception)) else found(request)

    def token(self, value: str) -> httpx.Response:
        seconds = int(self.lasts.total_seconds())
        return httpx.Response(200, json={"token": {"tokenType": "Bearer", "expiresIn": seconds, "accessToken": value}, "status": "SUCCESS"})

    @property
    def tokens_used(self) -> list[str]:
        return [request.headers["Authorization"].removeprefix("Bearer ") for request in self.calls]

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.calls]


def http_date(instant: datetime) -> str:
    return format_datetime(instant, usegmt=True)


def failure(status: int, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "message": "because", "requestId": "request-7", **body}, headers=headers)


def client(double: Double, folder: Path, *, pacing: str = "none", attempts: int = 8) -> ToastClient:
    """A real client before the double. Its waits are those of the double's clock."""
    http = Http(URL, double.clock, timeout=5.0, transport=httpx.MockTransport(double))
    return ToastClient(
        http,
        client_id=CLIENT_ID,
        client_secret=SECRET,
        pacing=PROFILES[pacing],
        tokens=TokenStore(folder, base_url=URL, client_id=CLIENT_ID, client_secret=SECRET),
        clock=double.clock,
        retry=RetryPolicy(attempts=attempts),
    )
