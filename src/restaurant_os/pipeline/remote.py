"""A backfill whose units a deployed function brings in: the same units, the same ledger, one Toast token for all calls.

At most one call is in flight per location, since the function paces each location by itself. An answer that says what is `left` is followed
by the same call again, until nothing is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from restaurant_os.errors import AccessError, CredentialsError, RequestError, RestaurantOSError, RetryableError, StoppedError, UsageError
from restaurant_os.pipeline.backfill import Backfill
from restaurant_os.pipeline.plans import Unit, known
from restaurant_os.pipeline.sync import ENDS_A_LOCATION, MOST_THREADS, LocationResult, Progress, until_done
from restaurant_os.settings import Location
from restaurant_os.sources.http import Http, RetryPolicy, retried
from restaurant_os.sources.toast.token import Token
from restaurant_os.text import printable

DATASET = "{dataset}"
LAST_PORT = 65535
#: An identity token lives an hour (Google: service accounts, ID tokens).
IDENTITY_SECONDS = 45 * 60.0
IDENTITY_VARIABLE = "RESTAURANT_OS_IDENTITY_TOKEN"
#: A call's time budget and more.
OUTLASTS = timedelta(minutes=15)
#: A call that goes on where the last one was cut short must bring something in; so often it may not.
MOST_IDLE_CALLS = 2
#: What the platform answers when a function is busy, starting or gone; a 500 of the function itself has a document.
PASSING = (408, 429, 502, 503, 504)


class _Error(msgspec.Struct):
    message: str = ""
    next_step: str = ""


class _Left(msgspec.Struct):
    start_date: date
    end_date: date


class _Done(msgspec.Struct):
    rows_read: int = 0
    rows_added: int = 0
    rows_changed: int = 0
    rows_quarantined: int = 0
    error: _Error | None = None
    left: _Left | None = None


class _Answer(msgspec.Struct):
    """What a function answers (docs/functions.md)."""

    locations: list[_Done] = []
    error: _Error | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


class Identity:
    """The identity token by which a function knows its caller: given in the environment, or by gcloud. None where the address is this machine's."""

    def __init__(self, url: str) -> None:
        self._is_asked = not is_loopback(url)
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def headers(self) -> dict[str, str]:
        """
        Raises:
            CredentialsError: there is no way to one.
        """
        if not self._is_asked:
            return {}
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, self._until = _identity_token(), time.monotonic() + IDENTITY_SECONDS
            return {"Authorization": f"Bearer {self._token}"}


def _identity_token() -> str:
    if given := os.environ.get(IDENTITY_VARIABLE, "").strip():
        return given
    command = shutil.which("gcloud")
    if command:
        try:
            ran = subprocess.run([command, "auth", "print-identity-token"], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            ran = None
        if ran is not None and ran.returncode == 0 and ran.stdout.strip():
            return ran.stdout.strip()
    raise CredentialsError(
        f"backfill: the function wants an identity token, and {'gcloud gives none' if command else 'there is no gcloud here'}. Nothing was called.",
        next_step=f"Log in with `gcloud auth login`, or set {IDENTITY_VARIABLE} to a token that may invoke the function.",
    )


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def addresses(url: str, datasets: Sequence[str]) -> dict[str, str]:
    """The address of each dataset's function.

    Raises:
        UsageError: it is no https address, or one stands for several datasets.
    """
    if not _is_allowed(url):
        raise UsageError(
            f"--via: '{printable(url, 120)}' is no https address.", next_step="Give the function's own, as gcloud shows it: https://..."
        )
    if len(datasets) > 1 and DATASET not in url:
        raise UsageError(
            "--via: one address for several datasets.",
            next_step=f"Write {DATASET} where their names differ: https://.../toast-{DATASET}-etl",
        )
    return {name: url.replace(DATASET, name) for name in datasets}


def _is_allowed(url: str) -> bool:
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    is_safe = found.scheme == "https" or (found.scheme == "http" and is_loopback(url))
    return is_safe and bool(found.host) and (found.port or 0) <= LAST_PORT


@dataclass(slots=True)
class Remote:
    """`https`: the way to each dataset's function. `token`: the Toast token all calls share. `on_wait` hears of waits before a retry."""

    whole: Backfill
    https: Mapping[str, Http]
    identity: Identity
    token: Callable[[], Token]
    retry: RetryPolicy
    on_wait: Callable[[str, str, float], None]
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, now: datetime, progress: Callable[[str], Progress]) -> dict[str, list[LocationResult]]:
        """Have every unit brought in that is missing.

        Raises:
            CredentialsError: there is no identity token, or none from Toast.
        """
        self._stop.clear()
        self.identity.headers()
        self.token()
        plans, places = self.whole.plans, self.whole.locations
        knowledge = {name: known(self.whole.warehouse, name, places[name]) for name in plans}
        work: dict[Location, dict[str, list[Unit]]] = {}
        for name, plan in plans.items():
            for location in places[name]:
                work.setdefault(location, {})[name] = plan.units(location, None, knowledge[name][location], now)
        with ThreadPoolExecutor(max_workers=min(len(work), MOST_THREADS) or 1, thread_name_prefix="remote") as pool:
            running = {location: pool.submit(self._location, location, units, progress) for location, units in work.items()}
            try:
                until_done(running.values())
            except BaseException:
                self._stop.set()
                raise
            done = {location: one.result() for location, one in running.items()}
        return {name: [done[location][name] for location in places[name]] for name in plans}

    def stop(self) -> None:
        """Send no call more; those in flight end by themselves."""
        self._stop.set()

    def _location(
        self, location: Location, units: Mapping[str, Sequence[Unit]], progress: Callable[[str], Progress]
    ) -> dict[str, LocationResult]:
        results = {name: LocationResult(location) for name in units}
        for name, own in units.items():
            result, heard = results[name], progress(name)
            try:
                failed = self._units(name, own, result, heard)
                result.failures = self._units(name, [unit for unit, _ in failed], result, heard)
                result.error = result.failures[0][1] if result.failures else None
            except RestaurantOSError as problem:
                result.error = problem
        return results

    def _units(
        self, dataset: str, units: Sequence[Unit], result: LocationResult, progress: Progress
    ) -> list[tuple[Unit, RestaurantOSError]]:
        failed: list[tuple[Unit, RestaurantOSError]] = []
        for unit in units:
            try:
                self._unit(dataset, unit, result)
                result.windows += len(unit.windows)
                for _ in unit.windows:
                    progress.window_read(unit.location)
            except (*ENDS_A_LOCATION, AccessError):
                raise
            except RestaurantOSError as problem:
                if isinstance(problem, RetryableError) and not self.https[dataset].has_answered:
                    raise  # nobody is there: nobody will be for the next unit
                failed.append((unit, problem))
        return failed

    def _unit(self, dataset: str, unit: Unit, result: LocationResult) -> None:
        """Call until nothing of the unit is left."""
        days = [window.business_date for window in unit.windows if window.business_date is not None]
        body = {"restaurant_guid": unit.location.toast_guid, "start_date": min(days).isoformat(), "end_date": max(days).isoformat()}
        idle, left = 0, None
        while idle < MOST_IDLE_CALLS:
            if self._stop.is_set():
                raise StoppedError(f"{unit.location.name}: stopped; what was committed is in.", next_step="Run the command again to go on.")
            done = self._called(dataset, unit.location, body)
            result.rows_read += done.rows_read
            result.rows_added += done.rows_added
            result.rows_changed += done.rows_changed
            result.rows_quarantined += done.rows_quarantined
            if done.error:
                raise RequestError(
                    f"{unit.location.name}: {printable(done.error.message, 500)}", next_step=printable(done.error.next_step, 500)
                )
            if done.left is None:
                return
            idle = idle + 1 if done.left == left else 0
            left = done.left
        raise RequestError(
            f"{unit.location.name}: the function says again and again that {body['start_date']} to {body['end_date']} is not in, and brings nothing.",
            next_step="Look at the function's log; a longer time budget or a quicker pacing may help.",
        )

    def _called(self, dataset: str, location: Location, body: Mapping[str, str]) -> _Done:
        http = self.https[dataset]
        return retried(
            lambda: self._answer(http, location, body),
            self.retry,
            http,
            lambda error, seconds: self.on_wait(location.toast_guid, error.message, seconds),
        )

    def _answer(self, http: Http, location: Location, body: Mapping[str, str]) -> _Done:
        token = self.token()
        shared = {}
        if token.expires_at - http.clock.now() > OUTLASTS:  # a function may not replace it: with one about to end it does better alone
            shared = {"X-Toast-Token": token.value, "X-Toast-Token-Expires": f"{token.expires_at.timestamp():.0f}"}
        response = http.send("POST", "", json=dict(body), headers={**self.identity.headers(), **shared})
        where = f"function {http.base_url}, {location.name}"
        answer = _decoded(response)
        if answer and answer.locations:
            return answer.locations[0]
        if answer and answer.error and response.status_code == httpx.codes.BAD_REQUEST:
            raise RequestError(f"{where}: {printable(answer.error.message, 500)}", next_step=printable(answer.error.next_step, 500))
        raise _refusal(response, where, answer.error if answer else None)


def _decoded(response: httpx.Response) -> _Answer | None:
    try:
        return _ANSWER.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _refusal(response: httpx.Response, where: str, said: Any) -> RestaurantOSError:
    status = response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return AccessError(
            f"{where}: it does not let this caller in ({status}).",
            next_step=f"Grant your account roles/run.invoker on the function, and check `gcloud auth login` or {IDENTITY_VARIABLE}.",
        )
    if status in PASSING or status == httpx.codes.INTERNAL_SERVER_ERROR:
        message = f": {printable(said.message, 300)}" if said and said.message else ""
        return RetryableError(f"{where}: trouble ({status}{message}).", next_step="Look at the function's log, then run the command again.")
    return AccessError(f"{where}: no answer of ours ({status}).", next_step="Check the address after --via: it must be the function's own.")
