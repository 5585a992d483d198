"""What the service tells of the warehouse: the same words and values as the commands, by threads of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from restaurant_os.businessday import iso_date
from restaurant_os.errors import RestaurantOSError, UsageError
from restaurant_os.live.meters import Meters
from restaurant_os.live.status import live_as_json, live_status
from restaurant_os.pipeline.plans import Period, Span
from restaurant_os.pipeline.status import day_as_json, day_statuses
from restaurant_os.reports import By, Grain, known_places, named, report_of, rows_of
from restaurant_os.service import answers
from restaurant_os.service.answers import AnswerError
from restaurant_os.service.running import Service
from restaurant_os.settings import Location
from restaurant_os.terminal import plain
from restaurant_os.text import count

T = TypeVar("T")
#: Questions to the warehouse at once, and how many may wait for them. One at a time has the file.
THREADS, MOST_WAITING = 2, 16
#: Seconds until a question is given up; its thread may still wait for the file.
LONGEST = 25.0
#: An answer holds at most so many rows, by what was asked.
MOST_ROWS = 20_000
#: Rows that are written out at a time, so that requests in between get their turn.
ROWS_AT_ONCE = 200


@dataclass
class Reads:
    service: Service
    _waiting: int = 0
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "read"))

    async def metrics(self, grain: Grain, by: By | None, location: str, first: str | None, last: str | None) -> bytes:
        period = Period(*ends) if (ends := _ends(first, last)) else None
        return await self.in_thread(lambda: self._metrics(grain, by, location, period))

    async def locations(self) -> bytes:
        return await self.in_thread(self._locations)

    async def status(self, location: str, first: str | None, last: str | None) -> bytes:
        span = Span(*ends) if (ends := _ends(first, last)) else None
        return await self.in_thread(lambda: self._status(location, span))

    async def prometheus(self) -> bytes:
        """The counters, and the inbox as it stands; without it where it cannot be read."""
        return await self.in_thread(self._prometheus)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- in a thread ----------------------------------------------------------------------------------------------

    async def in_thread(self, do: Callable[[], T]) -> T:
        """What `do` gives, asked in a thread beside the event loop.

        Raises:
            AnswerError: 503, too much is asked at once, or it took too long.
        """
        if self._waiting >= MOST_WAITING:
            raise answers.busy()
        self._waiting += 1
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(self._threads, do), LONGEST)
        except TimeoutError:
            raise AnswerError(
                503, f"the warehouse was busy for {LONGEST:g} s.", "Try again.", retry_after=answers.WAREHOUSE_AGAIN
            ) from None
        finally:
            self._waiting -= 1

    def places(self, wanted: str) -> list[Location]:
        """Those that `wanted` means; of none at all none, unless one was named.

        Raises:
            AnswerError: 422, it means none.
        """
        known = known_places(self.service.settings, self.service.app.warehouse)
        if not known and wanted.upper() == "ALL":
            return []
        try:
            return named(known, wanted)
        except UsageError as problem:
            raise AnswerError(422, problem.message, problem.next_step, field="location") from None

    def _metrics(self, grain: Grain, by: By | None, location: str, period: Period | None) -> bytes:
        try:
            report = report_of(grain, by)
        except UsageError as problem:
            raise AnswerError(422, problem.message, "Leave `by` out, or `grain`.", field="by") from None
        places = self.places(location)
        if not places:
            return b"[]"
        if period:
            _check_size(grain, len(places), period)
        table = rows_of(self.service.app.warehouse, report, places, period, self.service.now())
        return listed_rows(table.to_pylist())

    def _locations(self) -> bytes:
        known = {own.toast_guid for own in self.service.settings.locations}
        return listed_rows(
            [
                {
                    "location": own.name,
                    "restaurant_guid": own.toast_guid,
                    "store_id": own.store_id or None,
                    "timezone": own.timezone,
                    "closeout_hour": own.closeout_hour,
                    "labor_source": own.labor_source,
                    "configured": own.toast_guid in known,
                }
                for own in self.places("ALL")
            ]
        )

    def _status(self, location: str, span: Span | None) -> bytes:
        service, warehouse, places = self.service, self.service.app.warehouse, self.places(location)
        now = service.now()
        days = day_statuses(warehouse, places, span, now)
        found = live_status(warehouse, service.settings, places, service.operations(), now)
        return json.dumps(plain({"days": [day_as_json(day) for day in days], **live_as_json(found)})).encode()

    def _prometheus(self) -> bytes:
        meters = self.service.meters
        try:
            set_inbox(meters, self.service)
        except RestaurantOSError:
            meters.failure("store")
        return meters.text()


def set_inbox(meters: Meters, service: Service) -> None:
    state = service.operations().inbox()
    oldest = (service.now() - state.oldest_pending_at).total_seconds() if state.oldest_pending_at else 0.0
    meters.inbox(state.pending, state.claimed, state.quarantined, max(oldest, 0.0))


def _ends(first: str | None, last: str | None) -> tuple[date, date] | None:
    """The dates asked for, both included; None when none are.

    Raises:
        AnswerError: 422, naming the parameter.
    """
    if first is None and last is None:
        return None
    if first is None or last is None:
        missing = "from" if first is None else "to"
        raise AnswerError(422, f"{missing}: missing, while the other end is there.", "Give both dates, or neither.", field=missing)
    found = date_of(first, "from"), date_of(last, "to")
    if found[1] < found[0]:
        raise AnswerError(422, f"to: {found[1]} is before from, {found[0]}.", "Give the earlier date as `from`.", field="to")
    return found


def date_of(text: str, field_: str) -> date:
    """
    Raises:
        AnswerError: 422, naming the parameter.
    """
    try:
        return iso_date(text, field_)
    except UsageError as problem:
        raise AnswerError(422, problem.message, problem.next_step, field=field_) from None


def _check_size(grain: Grain, places: int, period: Period) -> None:
    days = (period.last - period.first).days + 1
    rows = places * days * (24 if grain == "hour" else 1) // (7 if grain == "week" else 1)
    if rows > MOST_ROWS:
        raise AnswerError(
            422,
            f"to: {count(places, 'location')} and {count(days, 'day')} may be {rows:,} rows, at most {MOST_ROWS:,} are given at once.",
            "Ask for fewer days, or for one location.",
            field="to",
        )


def listed_rows(rows: Sequence[dict[str, Any]]) -> bytes:
    pieces = [json.dumps(plain(rows[at : at + ROWS_AT_ONCE]), ensure_ascii=True)[1:-1] for at in range(0, len(rows), ROWS_AT_ONCE)]
    return ("[" + ", ".join(pieces) + "]").encode()
