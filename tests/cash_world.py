"""Cash entries and deposits as Toast's JSON, built by hand; and a Toast API made of functions, for syncs of one location."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from orders_world import NORTH, Json, ref
from restaurant_os.app import App, build_app
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.sync import LocationResult, Unwatched
from restaurant_os.settings import Location, load_without_file
from restaurant_os.sources.http import RetryPolicy
from restaurant_os.warehouse.duckdb import empty_file
from warehouse_reading import Rows, read

DAY = date(2026, 3, 1)
SPAN = Span(DAY, DAY)
QUICK = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02)
LATER = datetime(2026, 3, 22, 9, tzinfo=UTC)
ENTRIES, DEPOSITS = "/cashmgmt/v1/entries", "/cashmgmt/v1/deposits"
PUNCHES, SHIFTS, JOBS, EMPLOYEES = "/labor/v1/timeEntries", "/labor/v1/shifts", "/labor/v1/jobs", "/labor/v1/employees"


def entry(guid: str, amount: Any = -25.0, kind: str = "PAY_OUT", **fields: Any) -> Json:
    """A cash entry, as the reference has it."""
    given = {
        "guid": guid,
        "entityType": "CashEntry",
        "date": "2026-03-01T18:05:00.000+0000",
        "reason": "ice run",
        "amount": amount,
        "type": kind,
        "payoutReason": None,
        "cashDrawer": ref("drawer"),
        "noSaleReason": None,
        "undoes": None,
        "employee1": ref("ana"),
        "employee2": None,
    }
    return {**given, **fields}


def deposit(guid: str, amount: Any = 1210.5, **fields: Any) -> Json:
    given = {"guid": guid, "entityType": "DepositEntry", "date": "2026-03-02T14:49:41.284+0000", "amount": amount}
    return {**given, "employee": ref("ana"), "undoes": None, **fields}


# --- an API of functions ----------------------------------------------------------------------------------------------

#: What a path answers: records, a response, or a function of the request that gives either.
Answer = Sequence[Json] | httpx.Response | Callable[[httpx.Request], "Sequence[Json] | httpx.Response"]


@dataclass
class Api:
    """Toast's API as a transport. A path that is not in `answers` gives no records."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    now: datetime = LATER
    calls: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        response = self._answer(request)
        response.headers.setdefault("Date", format_datetime(self.now, usegmt=True))
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            token = {"accessToken": "a-token", "expiresIn": 86_400, "tokenType": "Bearer"}
            return httpx.Response(200, json={"token": token, "status": "SUCCESS"})
        self.calls.append(request)
        found = self.answers.get(request.url.path, ())
        found = found(request) if callable(found) else found
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=list(found))

    def asked(self, path: str) -> list[dict[str, str]]:
        """The parameters of every call of a path."""
        return [dict(call.url.params) for call in self.calls if call.url.path == path]


def in_turn(*answers: Sequence[Json] | httpx.Response) -> Callable[[httpx.Request], Sequence[Json] | httpx.Response]:
    """Each of the answers once, the last one from then on."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def refusal(status: int) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "message": "because", "requestId": "request-7"})


def app_of(folder: Path, api: Api, location: Location = NORTH, **settings: Any) -> App:
    """The app as a new process would build it, before this API."""
    given = {"toast": {"base_url": "http://toast.test", "pacing": "none"}, "locations": [location.model_dump()], **settings}
    found = load_without_file(folder, warehouse="duckdb:///w.duckdb", **given)
    credentials = {"toast_client_id": SecretStr("id"), "toast_client_secret": SecretStr("not-a-secret")}
    if not (folder / "w.duckdb").exists():
        (folder / "w.duckdb").write_bytes(empty_file())
    return build_app(found.model_copy(update=credentials), transport=httpx.MockTransport(api), retry=QUICK, token_folder=folder / "tokens")


def sync(folder: Path, dataset: str, api: Api, span: Span | None = SPAN, location: Location = NORTH, **settings: Any) -> LocationResult:
    """One sync, as a new process would do it."""
    [result] = app_of(folder, api, location, **settings).sync(dataset).run([location], span, Unwatched())
    assert result.error is None, result.error
    return result


def held(folder: Path, table: str, *columns: str, where: str = "TRUE") -> Rows:
    return read(folder / "w.duckdb", f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY ALL")


def waiting(folder: Path, *columns: str) -> Rows:
    """What is in quarantine."""
    return held(folder, "quarantine", *(columns or ("record_guid", "business_date", "field", "reason")), where="resolved_at IS NULL")
