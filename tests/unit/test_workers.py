"""Decoding by worker processes: the same rows, the same errors, and nobody left behind."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from orders_world import NORTH, decoder, order, page
from restaurant_os.errors import FatalError, RetryableError
from restaurant_os.sources.toast import decode
from restaurant_os.sources.toast.decode import Desk, OrderDecoder, PageElsewhere, PageHere
from restaurant_os.sources.toast.workers import ENOUGH, Workers

READ = "2026-03-03T12:00:00.000+0000"
DESK = f"{Desk.__module__}:Desk"


def crowd(workers: Workers, most: int = 2 * ENOUGH) -> None:
    """As if pages had come at once for a while."""
    with workers.at_work():
        for _ in range(most):
            with workers.at_work():
                pass


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Workers that are there and needed."""
    own = Workers(DESK, most=2)
    monkeypatch.setattr(OrderDecoder, "_workers", own)
    crowd(own)
    give_up = time.monotonic() + 60
    while own.take() is None:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    yield own
    own.end()


def test_a_worker_gives_the_same_rows(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [page(order("a"), order("b")), page(order("c"), {"guid": 7}), page(order("d"))]
    found = []
    for most, kind in ((2, PageElsewhere), (1, PageHere)):
        monkeypatch.setattr(workers, "_most", most)
        monkeypatch.setattr(decode, "_begun", itertools.count())
        own = decoder()
        pages = []
        for body in bodies:
            decoded = own.decode(body, read_at=READ)
            assert isinstance(decoded, kind)
            pages.append((len(decoded.orders), decoded.versions, decoded.rejected, own.add(decoded)))
        found.append((pages, own.rest()))
    assert found[0] == found[1]
    assert [len(rejected) for _, _, rejected, _ in found[0][0]] == [0, 1, 0]


def test_a_later_read_has_the_greater_copies_wherever_it_is_decoded(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    own = decoder()
    copies = []
    for most in (2, 1, 2):
        monkeypatch.setattr(workers, "_most", most)
        copies.append(own.page(page(order("a")), read_at=READ).tables["fact_orders"]["_copy"][0].as_py())
    assert copies == sorted(set(copies))


def test_a_page_that_was_cut_is_asked_again(workers: Workers) -> None:
    own = decoder()
    with pytest.raises(RetryableError, match="not a JSON array"):
        own.decode(page(order("a"))[:-1], read_at=READ)
    assert own.page(page(order("a")), read_at=READ).tables["fact_orders"].num_rows == 1


def test_a_worker_that_is_killed_fails_its_read_and_no_other(workers: Workers) -> None:
    own = decoder()
    own.decode(page(order("a")), read_at=READ)
    assert workers._workers
    for worker in workers._workers:
        os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(FatalError, match="ended before its work did"):
        own.decode(page(order("a")), read_at=READ)
    while any(worker.is_ready for worker in workers._workers):  # until the end of each was noticed
        time.sleep(0.01)
    assert isinstance(decoder(NORTH).decode(page(order("a")), read_at=READ), PageHere)


def test_one_page_at_a_time_starts_none() -> None:
    workers = Workers(DESK, most=2)
    for _ in range(3 * ENOUGH):
        with workers.at_work():
            pass
        assert workers.take() is None
    assert workers._workers is None


def test_the_need_for_workers_passes() -> None:
    workers = Workers(DESK, most=2)
    crowd(workers, most=100 * ENOUGH)
    for _ in range(2 * ENOUGH):
        with workers.at_work():
            pass
    assert workers.take() is None


def test_where_no_process_starts_the_thread_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    workers = Workers(DESK, most=2)
    monkeypatch.setattr(OrderDecoder, "_workers", workers)
    crowd(workers)
    assert isinstance(decoder().decode(page(order("a")), read_at=READ), PageHere)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_parent_leaves_none_behind() -> None:
    code = f"""import time; from restaurant_os.sources.toast.workers import Worker
worker = Worker({DESK!r}, 1)
while not worker.is_ready: time.sleep(0.01)
print(worker._process.pid, flush=True); time.sleep(60)"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    give_up = time.monotonic() + 20
    while _runs(child):
        assert time.monotonic() < give_up, "the worker outlived its parent"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
