"""One call of a function: from what was asked to the document that is answered, and its status."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from restaurant_os.app import App, build_app
from restaurant_os.clock import SystemClock
from restaurant_os.cloud.request import BadRequestError, chosen, decoded, parsed, shared_token
from restaurant_os.errors import RestaurantOSError
from restaurant_os.pipeline import daily
from restaurant_os.pipeline.daily import DAILY, DailyPlan, Outcome
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.sync import Unwatched
from restaurant_os.settings import Location, Settings, load
from restaurant_os.sources.toast.token import RENEW_BEFORE, Token
from restaurant_os.text import printable

Document = dict[str, Any]

OK, SOME, BAD, NONE = 200, 207, 400, 500
#: What is kept of the time allowed for the page being read, the commit after it, and the answer: this much, or a quarter of little.
MARGIN_SECONDS = 60.0
#: A stop is said again so often, for a sync that was only about to begin when it was said first.
AGAIN_SECONDS = 0.25
DATES_IGNORED = "config has no business dates: start_date and end_date were not used."

log = logging.getLogger("restaurant_os.cloud")


@dataclass(slots=True)
class Deadline:
    """Stops an app when `seconds` have passed; `is_over` tells that it did."""

    app: App
    seconds: float
    is_over: bool = False
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        watcher = threading.Thread(target=self._watch, name="deadline", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._done.set()
            watcher.join()

    def _watch(self) -> None:
        if self._done.wait(max(self.seconds, 0.0)):
            return
        self.is_over = True
        while not self._done.is_set():
            self.app.stop()
            self._done.wait(AGAIN_SECONDS)


def handle(
    dataset: str,
    body: bytes,
    *,
    config: Path,
    token: str | None = None,
    token_expires: str | None = None,
    began: float | None = None,
    build: Callable[..., App] = build_app,
) -> tuple[Document, int]:
    """Answer one call; never raises.

    `config`: the settings file where RESTAURANT_OS_CONFIG names no other. `token`, `token_expires`: as the headers gave them. `began`: when
    the call came, by `time.monotonic`.
    """
    began = time.monotonic() if began is None else began
    hidden: list[str] = [token] if token else []
    try:
        document, status = _answered(dataset, body, config, (token, token_expires), began, build, hidden)
    except BadRequestError as problem:
        document, status = {"error": {"field": problem.field, **daily.error_as_json(problem)}}, BAD
    except RestaurantOSError as problem:
        document, status = {"error": {"field": None, **daily.error_as_json(problem)}}, NONE
    except Exception as problem:  # noqa: BLE001  # the last line of defence of a program nobody watches
        # A caller is told that it was our fault, and which kind; whoever runs the function finds where in its log.
        log.error("%s: %s", dataset, _without(_where(problem), hidden))
        fault = {"message": f"{dataset}: a fault of this program ({type(problem).__name__}).", "next_step": "Look into the function's log."}
        document, status = {"error": {"field": None, **fault}}, NONE
    return _without(document, hidden), status


def _answered(
    dataset: str,
    body: bytes,
    config: Path,
    headers: tuple[str | None, str | None],
    began: float,
    build: Callable[..., App],
    hidden: list[str],
) -> tuple[Document, int]:
    clock = SystemClock()
    asked = parsed(decoded(body), clock.now())
    token = shared_token(*headers, clock.now())
    settings = in_the_cloud(load_settings(config))
    hidden += [value for value in (settings.toast_client_secret.get_secret_value(),) if value]
    app = build(settings, clock=clock, token=token)
    every = app.locations()
    locations = chosen(asked.restaurant_guid, daily.brought_by(dataset, every), every, dataset)
    allowed = _allowed(settings.time_budget, token, clock.now()) - (time.monotonic() - began)
    started_at = clock.now()
    outcomes, problem = _called(app, dataset, locations, asked.span, Deadline(app, allowed))
    document = daily.document(dataset, started_at, time.monotonic() - began, outcomes)
    if problem:
        document["error"] = {"field": None, **daily.error_as_json(problem)}
    if asked.span and dataset not in DAILY:
        document["note"] = DATES_IGNORED
    failed = document["failed"]
    return document, OK if not failed else NONE if failed == len(outcomes) else SOME


def _called(
    app: App, dataset: str, locations: list[Location], span: Span | None, deadline: Deadline
) -> tuple[list[Outcome], RestaurantOSError | None]:
    """The outcomes, and what kept the call from beginning at all."""
    waits: dict[str, str] = {}

    def waited(location: str, why: str, seconds: float) -> None:
        waits[location] = printable(why, 200)

    app.on_wait = waited
    plan = DailyPlan(app.plan(dataset), span)
    try:
        with deadline.watched():
            sync = app.sync_by(plan)
            return daily.call(sync, plan, locations, Unwatched(), is_over=lambda: deadline.is_over, waits=waits), None
    except RestaurantOSError as problem:
        return daily.failed_alike(locations, problem), problem
    finally:
        if "toast" in vars(app):
            app.toast.http.close()


def load_settings(config: Path) -> Settings:
    """RESTAURANT_OS_CONFIG's file, else `config` where there is one, else the environment alone."""
    import os

    return load(None if os.environ.get("RESTAURANT_OS_CONFIG") or not config.is_file() else config)


def in_the_cloud(settings: Settings) -> Settings:
    """The settings with waits that cannot outlast the margin: nothing may still hang when the time is up."""
    longest = _margin(settings.time_budget) / 2
    toast = settings.toast.model_copy(update={"timeout_seconds": min(settings.toast.timeout_seconds, longest)})
    return settings.model_copy(update={"toast": toast, "wait_seconds": min(settings.wait_seconds, longest)})


def _margin(budget: float) -> float:
    return min(MARGIN_SECONDS, budget / 4)


def _allowed(budget: float, token: Token | None, now: datetime) -> float:
    """Seconds until the stop: before the budget ends, and before a token that we may not replace does."""
    lasts = (token.expires_at - RENEW_BEFORE - now).total_seconds() if token else budget
    return min(budget, lasts) - _margin(budget)


def _where(problem: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(problem))


def _without(value: Any, hidden: list[str]) -> Any:
    """Every text of a document with the secrets in it blotted out: whatever is answered or logged, they are not."""
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, "***")
        return value
    if isinstance(value, dict):
        return {key: _without(inner, hidden) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, hidden) for inner in value]
    return value
