"""BigQuery warehouses on the double, and what goes over the wire.

with double_of_this_run(tmp_path_factory) as double: ...      # or on a real project, where RESTAURANT_OS_BIGQUERY_PROJECT names one
wire = Wire(monkeypatch)                                      # every call that is made from now on; `wire.rule` may lose one, or its answer
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Literal

import pytest
import requests
import sqlglot
from sqlglot import exp

from bigquery_double import Reachable
from orders_world import FIRST_VERSION
from restaurant_os.settings import BigQuerySettings
from restaurant_os.warehouse.bigquery import BigQueryWarehouse

Loses = Literal["", "call", "answer"]


def opened(double: Reachable, url: str, *, wait_seconds: float = 60.0, **settings: Any) -> BigQueryWarehouse:
    """Another warehouse at a place: another process, as far as the place can tell."""
    own = BigQuerySettings(**{"location": double.location, "api_endpoint": double.endpoint, **settings})
    return BigQueryWarehouse(url, own, wait_seconds=wait_seconds, now=lambda: FIRST_VERSION)


# --- the wire -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    method: str
    #: Beneath /bigquery/v2/projects/{p}, every name in it replaced by what it names.
    path: str
    body: dict[str, Any]

    @property
    def shape(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def query(self) -> dict[str, Any]:
        """The query job that it starts; empty where it does not."""
        own: dict[str, Any] = self.body.get("configuration", {}).get("query", {}) if self.shape == "POST /jobs" else {}
        return own

    @property
    def sql(self) -> str:
        return str(self.query.get("query", ""))


@dataclass
class Wire:
    """What this process sends. `rule`: of each call before it is made, what of it gets lost: the call itself, its answer, or nothing."""

    patch: pytest.MonkeyPatch
    rule: Callable[[Call], Loses] = lambda call: ""
    calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        send = requests.Session.send

        def watched(session: requests.Session, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            call = _call(request)
            with self._lock:
                self.calls.append(call)
            loses = self.rule(call)
            if loses == "call":
                raise requests.ConnectionError("lost on the way there")
            answer = send(session, request, **how)
            if loses == "answer":
                answer.close()
                raise requests.ConnectionError("lost on the way back")
            return answer

        self.patch.setattr(requests.Session, "send", watched)

    def once(self, of: Callable[[Call], bool], loses: Loses) -> None:
        """The first call of a kind is lost."""
        left = [1]

        def rule(call: Call) -> Loses:
            if left and of(call):
                left.clear()
                return loses
            return ""

        self.rule = rule

    def before(self, of: Callable[[Call], bool], do: Callable[[], object]) -> None:
        """Somebody does something right before the first call of a kind."""
        left = [1]

        def rule(call: Call) -> Loses:
            if left and of(call):
                left.clear()
                do()
            return ""

        self.rule = rule

    @property
    def scripts(self) -> list[str]:
        """The statements of every commit that was sent, as one text each."""
        return [call.sql for call in self.calls if is_script(call)]


def is_script(call: Call) -> bool:
    return call.sql.startswith("BEGIN TRANSACTION")


def is_load(call: Call) -> bool:
    return call.shape == "POST upload /jobs"


def _call(request: requests.PreparedRequest) -> Call:
    path = request.path_url.partition("?")[0]
    upload = "upload " if path.startswith("/upload") else ""
    path = re.sub(r"^(/upload)?/bigquery/v2/projects/[^/]+", "", path)
    path = re.sub(r"(?<=/)(datasets|tables|jobs|queries)/[^/]+", r"\1/{}", path)
    raw = request.body or b""
    text = raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)
    found = re.search(r"\{.*\}", text.partition("\r\n--")[2] if upload and "\r\n\r\n" in text else text, re.DOTALL)
    if upload:  # a part of JSON, then one of Parquet
        found = re.search(r"\{.*\}", text.split("\r\n\r\n", 1)[-1].split("\r\n--", 1)[0], re.DOTALL)
    return Call(str(request.method), upload + path, json.loads(found[0]) if found else {})


# --- statements -----------------------------------------------------------------------------------------------------------


def statements(script: str) -> list[exp.Expr]:
    """As GoogleSQL. Raises what sqlglot does where it is none."""
    parsed = sqlglot.parse(script, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)
    return [statement for statement in parsed if statement is not None]


def dates_read(script: str) -> dict[str, set[date]]:
    """By target of a MERGE, the dates that its condition names: the partitions that may be read."""
    found: dict[str, set[date]] = {}
    for statement in statements(script):
        if isinstance(statement, exp.Merge):
            constants = [cast.this.name for cast in statement.args["on"].find_all(exp.Cast) if cast.is_type("date")]
            found[statement.this.name] = {date.fromisoformat(one) for one in constants}
    return found


def without_views(patch: pytest.MonkeyPatch) -> None:
    """Tables alone: the double needs many seconds for the views, which only few tests ask."""
    from restaurant_os.warehouse import bigquery_schema

    patch.setattr(bigquery_schema.Migration, "_views", partial(_nothing))


def _nothing(*_: object, **__: object) -> None:
    return None
