"""Toast's API as calls: paced, authorized, retried; answers as bytes, refusals as our errors.

Source: reference sections 1 (authentication), 2 (headers, errors, limits), 6.3 (restaurants, partners).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from restaurant_os.clock import Clock
from restaurant_os.errors import AccessError, CredentialsError, RateLimitedError, RequestError, RetryableError
from restaurant_os.settings import GUID, Location
from restaurant_os.sources.http import LONGEST_NAMED_WAIT, Http, RetryPolicy, retried
from restaurant_os.sources.pacing import Pacer, Pacing
from restaurant_os.sources.toast.token import Token, TokenStore
from restaurant_os.text import printable
from restaurant_os.turns import SharedTurns, turn

LOGIN = "/authentication/v1/authentication/login"
ORDERS_BULK = "ordersBulk"
#: Pulls by modification time of more than a day ago, which Toast wants further apart.
ORDERS_BULK_HISTORY = "ordersBulk history"
CASH = "cash"
LABOR = "labor"
CONFIG = "config"
#: The whole published menu; its metadata is an ordinary call.
MENUS = "menus"
OTHER = "other"
#: A login is one call, retried; whoever waits for another process's goes on without it after this.
LOGIN_WAIT_SECONDS = 120.0
#: For one exchange, whose token ends early each time.
MOST_LOGINS = 4

#: Both obey Retry-After and X-Toast-RateLimit-*. A fixed window of one second holds five calls only when they are a little
#: further apart than a fifth of a second.
PROFILES: Mapping[str, Pacing] = {
    # The user's own table (seeds: "Rate Limits").
    "careful": Pacing(
        "careful",
        {ORDERS_BULK: 12.0, ORDERS_BULK_HISTORY: 12.0, CASH: 3.0, LABOR: 3.0, CONFIG: 3.0, MENUS: 60.0},
        0.1,
        {ORDERS_BULK_HISTORY: ORDERS_BULK},
    ),
    # What Toast publishes (apiRateLimiting): ordersBulk 5/s, menus 1/s, historical ranges 5 to 10 s apart, everything 20/s and 10,000 in
    # 15 min, which is one call in 0.09 s.
    "documented": Pacing(
        "documented", {ORDERS_BULK: 0.21, ORDERS_BULK_HISTORY: 5.0, MENUS: 1.0}, 0.092, {ORDERS_BULK_HISTORY: ORDERS_BULK}
    ),
    "none": Pacing("none", {}, 0.0),
}


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    headers: httpx.Headers


OnWait = Callable[[str, str, float], None]


class ToastClient:
    """One client of Toast's API. `on_wait(location, why, seconds)` hears of every wait before a retry."""

    def __init__(
        self,
        http: Http,
        *,
        client_id: str,
        client_secret: str,
        pacing: Pacing,
        tokens: TokenStore,
        clock: Clock,
        retry: RetryPolicy,
        on_wait: OnWait = lambda location, why, seconds: None,
    ) -> None:
        self.http = http
        self.on_wait = on_wait
        self.pacer = Pacer(pacing, clock)
        self._client_id = client_id
        self._client_secret = client_secret
        self._tokens = tokens
        self._clock = clock
        self._retry = retry
        self._token: Token | None = None
        #: Whether any token of these credentials was ever taken.
        self._has_worked = False
        self._login_lock = threading.Lock()
        self._turns = SharedTurns()

    # --- calls ----------------------------------------------------------------------------------------------------

    def get(
        self,
        path: str,
        *,
        endpoint: str,
        location: str,
        scope: str,
        params: Mapping[str, str] | None = None,
        accept: Callable[[bytes], Any] | None = None,
    ) -> Answer:
        """GET for one location. `location` '' leaves the restaurant header out. `scope`: what a 403 would be about.

        `accept` looks at the body of a 200 inside the retry: a RetryableError it raises (a body that was cut) asks again.

        Raises:
            CredentialsError, AccessError, RequestError: will not succeed by waiting.
            RetryableError: did not succeed within the policy's attempts.
        """

        def once() -> Answer:
            self.pacer.wait(endpoint, location)
            response = self._authorized(path, params, location)
            if response.status_code == httpx.codes.OK:
                if accept is not None:
                    accept(response.content)
                return Answer(response.content, response.headers)
            raise self._refusal(response, path, location, scope)

        return retried(once, self._retry, self.http, lambda error, seconds: self.on_wait(location, error.message, seconds))

    def _authorized(self, path: str, params: Mapping[str, str] | None, location: str) -> httpx.Response:
        """One exchange with the token; on a 401 one login and one more.

        A new token that is refused too was refused for good, unless calls of these credentials went well before: then tokens end early here,
        and it is tried a few times more.
        """
        response = self._exchange(path, params, location, token := self.token())
        for attempt in range(MOST_LOGINS):
            if response.status_code != httpx.codes.UNAUTHORIZED:
                self._has_worked = True
                break
            if attempt and not self._has_worked:
                break
            self._discard(token)
            self.pacer.wait("", location)
            response = self._exchange(path, params, location, token := self.token())
        return response

    def _exchange(self, path: str, params: Mapping[str, str] | None, location: str, token: Token) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token.value}"}
        if location:
            headers["Toast-Restaurant-External-ID"] = location
        query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in (params or {}).items())
        response = self.http.send("GET", f"{path}?{query}" if query else path, headers=headers)
        if response.headers.get("X-Toast-RateLimit-Remaining", "").strip() == "0" and response.status_code == httpx.codes.OK:
            self.pacer.hold(location, self._until_reset(response) or 0.0)
        return response

    def location_turn(self, location: Location, wait_seconds: float) -> AbstractContextManager[None]:
        """One process at a time syncs a location for a client: limits are counted so, and two would pace each alone."""
        what = f"sync of {printable(location.name, 60)}"
        return self._turns.turn(self._tokens.turn_file(location.toast_guid), what, clock=self._clock, wait_seconds=wait_seconds)

    def require(self, scope: str) -> None:
        """Fail at once when the token says that it lacks a scope.

        Raises:
            AccessError: it does.
        """
        granted = self.token().scopes()
        if granted is not None and scope not in granted:
            raise AccessError(
                f"Toast {self.http.base_url}: the client lacks the scope {scope}. Nothing was read.",
                next_step=f"In Toast Web give the client the scope {scope}; `restaurant-os doctor` shows which it has.",
            )

    def learn_clock(self, location: str) -> None:
        """Ask twice for anything, so that `http.now()` goes by the server's clock even when a token was at hand and one answer lies.

        What was known before is forgotten: in a process that keeps running either clock may have been set since.
        """
        told = []
        for _ in range(2):
            retried(
                lambda: self._clock_answer(location),
                self._retry,
                self.http,
                lambda error, seconds: self.on_wait(location, error.message, seconds),
            )
            told.append(self.http.last_skew)
        self.http.go_by(told)

    def _clock_answer(self, location: str) -> None:
        self.pacer.wait(OTHER, location)
        response = self._authorized(f"/restaurants/v1/restaurants/{location}", None, location)
        if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise self._refusal(response, "/restaurants/v1/restaurants", location, "restaurants:read")

    # --- the token ------------------------------------------------------------------------------------------------

    def token(self) -> Token:
        """A token that is good now: the one in hand, the one on disk, or a new one."""
        with self._login_lock:
            now = self._clock.now()
            if self._token is None or not self._token.is_fresh(now):
                with turn(self._tokens.turn_file("login"), "login", clock=self._clock, wait_seconds=LOGIN_WAIT_SECONDS):
                    kept = self._tokens.read()
                    self._token = kept if kept and kept.is_fresh(now) else self._log_in()
            return self._token

    def _discard(self, refused: Token) -> None:
        with self._login_lock:
            if self._token == refused:
                self._token = None
            if self._tokens.read() == refused:
                self._tokens.forget()

    def _log_in(self) -> Token:
        token = retried(self._login_once, self._retry, self.http, lambda error, seconds: self.on_wait("", error.message, seconds))
        self._tokens.write(token)
        return token

    def _login_once(self) -> Token:
        body = {"clientId": self._client_id, "clientSecret": self._client_secret, "userAccessType": "TOAST_MACHINE_CLIENT"}
        response = self.http.send("POST", LOGIN, json=body)
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise CredentialsError(
                f"Toast login at {self.http.base_url}: refused ({response.status_code}): the client id and secret do not belong together. Nothing was read.",
                next_step="Check TOAST_CLIENT_ID and TOAST_CLIENT_SECRET (in the environment or .env), and that they are of this environment: "
                "sandbox and production have their own.",
            )
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response, LOGIN, "", "")
        try:
            found = msgspec.json.decode(response.content, type=_LoginAnswer).token
        except msgspec.DecodeError as problem:
            raise RetryableError(
                f"Toast login at {self.http.base_url}: the answer holds no token ({printable(problem, 120)}).",
                next_step="Check `[toast] base_url`: it must be the API's address, not a web page's.",
            ) from None
        return Token(found.access_token, self._clock.now() + timedelta(seconds=found.expires_in))

    # --- refusals -------------------------------------------------------------------------------------------------

    def _refusal(self, response: httpx.Response, path: str, location: str, scope: str) -> Exception:
        status = response.status_code
        where = f"Toast {path.split('?')[0]}" + (f", location {location}" if location else "")
        said = f"{status}{_said(response)}"
        if status == httpx.codes.TOO_MANY_REQUESTS:
            wait = _seconds(response.headers.get("Retry-After")) or self._until_reset(response)
            if wait:
                self.pacer.hold(location, min(wait, LONGEST_NAMED_WAIT))
            return RateLimitedError(
                f"{where}: limited ({said}).", next_step='Use `pacing = "careful"`, or run again later.', retry_after=wait
            )
        if status >= 500 or status in (408, 499):
            return RetryableError(f"{where}: trouble at Toast ({said}).", next_step="Run the command again later: what is in stays in.")
        if status == httpx.codes.UNAUTHORIZED:
            return CredentialsError(
                f"{where}: a token just given is refused ({said}).",
                next_step="Check that the credentials are of this environment and still active; `restaurant-os doctor` shows what they may do.",
            )
        if status == httpx.codes.FORBIDDEN:
            return AccessError(
                f"{where}: not allowed ({said}). The client lacks the scope {scope}, or this location is not connected to it.",
                next_step=f"In Toast Web give the client the scope {scope} and this location (a new one may take 15 minutes), "
                "check toast_guid in the settings (a location's, never a group's); `restaurant-os doctor` tells which it is.",
            )
        return RequestError(
            f"{where}: the request is wrong ({said}).",
            next_step="This will not pass by waiting. `restaurant-os doctor` checks settings and access.",
            status=status,
        )

    def _until_reset(self, response: httpx.Response) -> float | None:
        """Seconds until the window named by the answer ends, in epoch seconds; None when it has ended by either clock."""
        reset = _seconds(response.headers.get("X-Toast-RateLimit-Reset"))
        if reset is None:
            return None
        wait = min(reset - now.timestamp() for now in (self._clock.now(), self.http.now()))
        return min(wait, LONGEST_NAMED_WAIT) if wait > 0 else None

    def _document(self, answer: Answer, path: str) -> object:
        """The answer's JSON.

        Raises:
            RequestError: it is none, such as a web page.
        """
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise RequestError(
                f"Toast {path}: the answer is no JSON ({printable(problem, 120)}).",
                next_step="Check `[toast] base_url`: it must be the API's address, not a web page's.",
            ) from None

    # --- who and what may be read ---------------------------------------------------------------------------------

    def restaurant(self, guid: str) -> dict[str, Any]:
        """`GET /restaurants/v1/restaurants/{guid}`, decoded."""
        if not GUID.fullmatch(guid):
            raise RequestError(f"'{printable(guid, 60)}' is not a location's GUID.")
        answer = self.get(f"/restaurants/v1/restaurants/{guid}", endpoint=OTHER, location=guid, scope="restaurants:read")
        found = self._document(answer, "/restaurants/v1/restaurants")
        return found if isinstance(found, dict) else {}

    def restaurants(self) -> list[dict[str, Any]]:
        """`GET /partners/v1/restaurants`: the locations this client is connected to, deleted ones left out."""
        answer = self.get("/partners/v1/restaurants", endpoint=OTHER, location="", scope="partner access")
        found = self._document(answer, "/partners/v1/restaurants")
        return [row for row in found if isinstance(row, dict) and not row.get("deleted")] if isinstance(found, list) else []


class _LoginToken(msgspec.Struct, rename="camel"):
    access_token: str
    expires_in: int


class _LoginAnswer(msgspec.Struct):
    token: _LoginToken


def _seconds(header: str | None) -> float | None:
    return float(header) if header and re.fullmatch(r"\s*\d+(\.\d+)?\s*", header) else None


def _said(response: httpx.Response) -> str:
    """What Toast's error object says, and the id its support asks for."""
    try:
        found = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        return ""
    message = printable(found.get("message") or "", 200)
    request_id = printable(found.get("requestId") or response.headers.get("Toast-Request-Id") or "", 60)
    return (f": {message}" if message else "") + (f"; request {request_id}" if request_id else "")
