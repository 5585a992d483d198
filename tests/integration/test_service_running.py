"""What runs beside the requests: it begins again after a fault, ends in time, and its state is told without waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from restaurant_os.app import App
from restaurant_os.errors import LockedError, OperationsError, WarehouseError
from restaurant_os.live.meters import Meters
from restaurant_os.service import running
from serving import Serving, await_, serving


@dataclass
class Fake:
    """A worker or scheduler. `runs`: what it does."""

    runs: Callable[[], None] = lambda: None
    stopped: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        self.runs()
        self.stopped.wait(60)
        self.ended.set()

    def stop(self) -> None:
        self.stopped.set()


def test_the_parts_run_and_are_stopped_before_the_store_is_closed(tmp_path: Path) -> None:
    worker, scheduler = Fake(), Fake()
    order: list[str] = []

    def listen(app: App) -> None:
        close = app.operations.close

        def closed() -> None:
            order.append(f"store closed, worker ended: {worker.ended.is_set()}, scheduler ended: {scheduler.ended.is_set()}")
            close()

        app.operations.close = closed  # type: ignore[method-assign]

    with serving(tmp_path, change=listen, parts={"worker": lambda meters: worker, "scheduler": lambda meters: scheduler}) as found:
        await_(lambda: found.service.is_ready)

    assert order == ["store closed, worker ended: True, scheduler ended: True"]
    assert found.service.has_ended


def test_a_part_that_fails_is_told_of_and_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "FIRST_PAUSE", 0.01)
    made: list[Fake] = []

    def fail() -> None:
        raise RuntimeError("a fault")

    def make(meters: Meters) -> Fake:
        made.append(Fake(fail) if len(made) < 2 else Fake())
        return made[-1]

    with serving(tmp_path, parts={"worker": make}) as found:
        await_(lambda: len(made) == 3)

        assert found.counted("failures") == {"worker": 2.0}
        assert found.get("/healthz").status_code == 200


def test_a_part_that_does_not_end_does_not_keep_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STOP_SECONDS", 1.0)
    stuck = threading.Event()

    def wait() -> None:
        stuck.wait(60)

    with serving(tmp_path, parts={"worker": lambda meters: Fake(wait)}) as found:
        await_(lambda: found.service.is_ready)
        began = time.monotonic()

    assert time.monotonic() - began < 10
    assert not found.service.has_ended
    stuck.set()


# --- ready ------------------------------------------------------------------------------------------------------------


def message(of: Serving) -> tuple[int, str]:
    answer = of.get("/readyz")
    return answer.status_code, answer.json().get("error", {}).get("message", "")


def test_a_warehouse_that_cannot_be_opened_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "WAREHOUSE_EVERY", 0.05)
    problems: list[Exception] = []

    def look(app: App) -> None:
        def rows(sql: str) -> list[tuple[int]]:
            if problems:
                raise problems[0]
            return [(1,)]

        app.warehouse.rows = rows  # type: ignore[method-assign,assignment]

    with serving(tmp_path, change=look) as found:
        await_(lambda: message(found) == (200, ""))

        problems[:] = [WarehouseError("warehouse: it is no DuckDB file.", next_step="Move it away.")]
        await_(lambda: message(found) == (503, "not ready: warehouse cannot be used at the moment."))

        problems[:] = [LockedError("warehouse: another process holds it.", next_step="Wait.")]
        time.sleep(0.2)
        assert message(found)[0] == 503  # it was not opened since

        problems.clear()
        await_(lambda: message(found) == (200, ""))
        problems[:] = [LockedError("warehouse: another process holds it.", next_step="Wait.")]
        time.sleep(0.2)
        assert message(found) == (200, "")


def test_a_store_that_cannot_be_written_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "STORE_EVERY", 0.0)
    monkeypatch.setattr(running, "STORE_LATELY", 0.5)
    monkeypatch.setattr(running, "READ_EVERY", 0.05)

    def broken(*given: object) -> None:
        raise OperationsError("operations: the disk is gone.", next_step="Look at the disk.")

    with serving(tmp_path) as found:
        await_(lambda: message(found) == (200, ""))
        found.service.operations().granted = broken  # type: ignore[method-assign,assignment]

        await_(lambda: message(found) == (503, "not ready: operations cannot be used at the moment."))
        assert found.get("/healthz").status_code == 200


def test_readiness_and_events_do_not_wait_for_a_warehouse_that_is_held(tmp_path: Path) -> None:
    hold = threading.Event()

    def held(app: App) -> None:
        def rows(sql: str) -> list[tuple[int]]:
            hold.wait(60)
            return [(1,)]

        app.warehouse.rows = rows  # type: ignore[method-assign,assignment]

    with serving(tmp_path, change=held) as found:
        began = time.monotonic()
        assert message(found)[0] == 503
        assert found.post("/webhook/sales", {"store_id": "a", "date": "2026-03-10", "gross_sales": 1}).status_code == 200
        assert time.monotonic() - began < 10
        hold.set()
        await_(lambda: message(found) == (200, ""))


def test_a_service_that_is_leaving_is_not_ready_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as found:
        await_(lambda: message(found) == (200, ""))

        found.service.refuse()

        assert message(found) == (503, "the service is stopping.")
        assert found.get("/healthz").status_code == 200
