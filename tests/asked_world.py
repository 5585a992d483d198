"""A small group's warehouse, and every question that our code asks of one: the commands, the looks of the rules and a sync are made once, and what
they ask is kept, to be asked again on another engine.
"""

from __future__ import annotations

import ast
import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engines_alike import copied
from keeping import made_once
from restaurant_desk import desk
from restaurant_os import demo
from restaurant_os.alerts.backtest import backtest
from restaurant_os.alerts.crew import crews_of
from restaurant_os.alerts.details import SOURCES, details
from restaurant_os.alerts.flash import flash_of
from restaurant_os.alerts.looking import Look, current_days
from restaurant_os.alerts.readings import measure_of
from restaurant_os.alerts.replay import replay
from restaurant_os.alerts.rules import SHIPPED
from restaurant_os.app import App
from restaurant_os.copying import tallies
from restaurant_os.doctor import examine
from restaurant_os.live.evaluator import Evaluator
from restaurant_os.live.meters import Meters
from restaurant_os.operations.open import open_operations
from restaurant_os.pipeline.backfill import Work
from restaurant_os.pipeline.configuration import last_read, notes
from restaurant_os.pipeline.outlook import expected
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import day_statuses
from restaurant_os.pipeline.sync import Unwatched
from restaurant_os.reports import GRAINS, SPLITS, rows_of
from restaurant_os.settings import AlertRule, ServiceSettings
from restaurant_os.tables import TABLES
from restaurant_os.views.cash import OVER_SHORT
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from summaries_world import labor, post, sales
from toast_simulator import simulating
from views_rows import Rows

SOURCE = Path(demo.__file__).parent
#: Of a Monday, when a report week has eight days before it.
LAST_DAY = date(2026, 3, 10)
DAYS = 9
KEPT = "asked.pickle"
NOON, EVENING, MORNING = (datetime(2026, 3, 10, 18, tzinfo=UTC) + timedelta(hours=hours) for hours in (0, 7, 19))
#: They ask only whether the warehouse is there (SELECT 1), from inside a running service.
IS_IT_THERE = {("service/running.py", "_look_at_warehouse"), ("live/worker.py", "_can_be_asked")}

Question = tuple[str, tuple[Any, ...]]
#: A file below `src/restaurant_os`, and the function in it.
Site = tuple[str, str]


@dataclass
class Asked:
    """What was asked, once each, and from where. `path`: the DuckDB file of whom."""

    path: Path
    questions: dict[Question, None] = field(default_factory=dict)
    sites: set[Site] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> None:
        with self._lock:
            self.questions.update({(sql, tuple(parameters)): None for sql, parameters in questions if "version()" not in sql})
            self.sites.add(_site())


def _site() -> Site:
    """Where in our code, beside the warehouse itself, the question came from."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        file, name = Path(frame.f_code.co_filename), frame.f_code.co_name
        if file.is_relative_to(SOURCE) and not file.is_relative_to(SOURCE / "warehouse") and not name.startswith("<"):
            return file.relative_to(SOURCE).as_posix(), name
        frame = frame.f_back
    return "", ""


def sites() -> set[Site]:
    """Every function of our code that asks a warehouse something."""
    found: set[Site] = set()
    for file in SOURCE.rglob("*.py"):
        name = file.relative_to(SOURCE).as_posix()
        if not name.startswith(("warehouse/", "operations/", "simulator/")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef) and any(map(_asks, ast.walk(node))):
                    found.add((name, node.name))
    return found


def _asks(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("rows", "answers")
        and ast.unparse(node.func.value).endswith("warehouse")
    )


@contextmanager
def _noted(asked: Asked) -> Iterator[None]:
    answers = DuckDBWarehouse.answers

    def noting(self: DuckDBWarehouse, *questions: tuple[str, Sequence[Any]]) -> Any:
        asked.note(questions)
        return answers(self, *questions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DuckDBWarehouse, "answers", noting)
        yield


def asked_of_run(factory: pytest.TempPathFactory) -> Asked:
    """What all processes of a test run share, made by the first of them; the file is this one's copy."""
    folder = made_once(factory, "asked", _make)
    name, questions, sites = pickle.loads((folder / KEPT).read_bytes())  # noqa: S301 - of this run
    return Asked(copied(folder / name, factory), dict.fromkeys(questions), sites)


def _make(folder: Path) -> None:
    found = asked_in(folder)
    (folder / KEPT).write_bytes(pickle.dumps((found.path.relative_to(folder), list(found.questions), found.sites)))


def asked_in(folder: Path) -> Asked:
    """The group lives nine days; then everything is looked at."""
    with simulating(locations=2, days=DAYS, last_day=LAST_DAY, demand=0.25, plant=True) as toast:
        group = desk(folder, toast, begun=True)
        asked = Asked(group.warehouse)
        app = group.app()
        app.idle_seconds = 2.0
        with _noted(asked):
            span = Span(LAST_DAY - timedelta(days=DAYS - 1), LAST_DAY)
            for dataset in ("config", "orders", "labor", "cash", "cash"):
                results = app.sync(dataset).run(app.locations(), None if dataset == "config" else span, Unwatched())
                assert [str(one.error) for one in results if one.error] == []
            app.sync("orders").run(app.locations(), None, Unwatched())
            _post(app)
            app.warehouse.close()
            _write(app, group.warehouse)
            list(examine(app))
            _commands(app)
            _looks(app, folder)
        app.toast.http.close()
        app.warehouse.close()
    return asked


def _post(app: App) -> None:
    """A store of the settings and one that stands nowhere post a day."""
    own, day = app.locations()[0], LAST_DAY - timedelta(days=1)
    store = app.settings.place_of("Elsewhere")
    rows = [sales("900.5", 1, store="N", guid=own.toast_guid, day=day), sales("1200", 2, store="Elsewhere", guid=store.toast_guid, day=day)]
    post(app.warehouse, *rows, labor("31.5", "640.25", 3, store="Elsewhere", guid=store.toast_guid, day=day), calendar_of=store)


def _write(app: App, path: Path) -> None:
    """What seldom happens in nine days: a record that cannot be read, a comp, a day that was restated, drawers that were not off after all."""
    own: dict[str, Any] = {"restaurant_guid": app.locations()[0].toast_guid, "business_date": LAST_DAY}
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = Rows(connection)
        rows.add("quarantine", **own, dataset="orders", reason="no GUID")
        order = rows.order(day=LAST_DAY, restaurant_guid=own["restaurant_guid"])
        rows.discount(
            order, rows.check(order, day=LAST_DAY, restaurant_guid=own["restaurant_guid"]), "12.5", **own, approver_guid="manager"
        )
        rows.discount("gone", "gone", "3", **own, approver_guid="another", is_deleted=True)
        rows.cash("CASH_COLLECTED", "7", day=LAST_DAY, restaurant_guid=own["restaurant_guid"])
        for kind in OVER_SHORT:
            rows.cash(kind, "12", day=LAST_DAY, restaurant_guid=own["restaurant_guid"], is_deleted=True, entry_date=NOON)
        for sequence, net in ((0, "900"), (4, "880")):
            rows.add("day_snapshots", **own, dataset="orders", sequence=sequence, taken_at=MORNING - timedelta(hours=1), net_sales=net)


def _commands(app: App) -> None:
    places, warehouse = app.locations(), app.warehouse
    demo._summary(app)
    tallies(warehouse, TABLES)
    crews_of(warehouse, [(place.toast_guid, LAST_DAY) for place in places], EVENING)
    notes(warehouse, places)
    last_read(warehouse, places)
    expected(warehouse, [Work(name, places[0], dates=[LAST_DAY]) for name in ("orders", "labor", "cash")])
    day_statuses(warehouse, places, None, MORNING)
    for report in (*GRAINS.values(), *SPLITS.values()):
        rows_of(warehouse, report, places, None, MORNING)
    backtest(warehouse, app.settings, places, LAST_DAY - timedelta(days=1), LAST_DAY)
    replay(warehouse, app.settings, places, LAST_DAY - timedelta(days=1), LAST_DAY)


def _looks(app: App, folder: Path) -> None:
    """Every rule, at noon, in the evening and the morning after."""
    places = app.locations()
    own = [
        AlertRule(name="cash", metric="drawer_over_short", above=Decimal(1)),
        AlertRule(name="week", metric="labor_percent", grain="week", above=Decimal(1)),
        AlertRule(name="lunch", metric="void_rate", above=Decimal(0), daypart="11:00-14:00"),
    ]
    for now in (NOON, EVENING, MORNING):
        look = Look(app.warehouse, app.settings, places, {place.toast_guid: current_days(place, now) for place in places}, now)
        for rule in (*SHIPPED, *own):
            measure_of(rule)(look, rule)
        for metric in SOURCES:
            details(look, metric, [LAST_DAY])
        flash_of(app.warehouse, app.settings, places, now)
    operations = open_operations(folder / "operations.sqlite", service=ServiceSettings(disk_reserve_mib=0), now=lambda: EVENING)
    Evaluator(app.warehouse, operations, app.settings, meters=Meters(), now=lambda: EVENING).look()
    operations.close()
