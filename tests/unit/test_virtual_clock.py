"""The benchmarks' clock: time passes when everyone waits, and only then; and the API that answers in the same process."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from restaurant_os.errors import StoppedError

START = datetime(2026, 3, 3, 12, tzinfo=UTC)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")


def _virtual() -> ModuleType:
    """The benchmarks are no package that is installed."""
    file = Path(__file__).resolve().parents[2] / "benchmarks" / "virtual.py"
    spec = importlib.util.spec_from_file_location("benchmarks_virtual", file)
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


virtual = _virtual()


@pytest.fixture
def clock() -> Iterator[Any]:
    with virtual.VirtualClock(START) as found:
        yield found


def side_by_side(*works: Callable[[], object]) -> None:
    """Each in a thread of its own, begun together; an error of one is raised."""
    together = threading.Barrier(len(works))

    def begun(work: Callable[[], object]) -> None:
        together.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(begun, work) for work in works]:
            done.result(30)


def test_a_sleep_moves_the_time_and_takes_none(clock: Any) -> None:
    """An hour is over at once; no time, or less, moves nothing."""
    began = time.monotonic()
    clock.sleep(3600)
    clock.sleep(0)
    clock.sleep(-1)

    assert clock.monotonic() == 3600
    assert clock.now() == START + timedelta(hours=1)
    assert clock.epoch() == START.timestamp() + 3600
    assert time.monotonic() - began < 30


def test_threads_wake_in_the_order_of_their_times(clock: Any) -> None:
    """Each at its own time, to the last bit, however many sleep."""
    woken: list[tuple[float, float]] = []
    ready = threading.Barrier(8)

    def sleeper(seconds: float) -> None:
        clock.monotonic()
        ready.wait()
        for _ in range(20):
            due = clock.monotonic() + seconds
            clock.sleep(seconds)
            woken.append((due, clock.monotonic()))

    side_by_side(*(lambda own=0.5 + n * 0.3: sleeper(own) for n in range(8)))

    assert [at for _, at in woken] == sorted(at for _, at in woken)
    assert all(due == at for due, at in woken)
    assert len(woken) == 160


def test_no_time_passes_while_someone_works(clock: Any) -> None:
    """Nobody asks the clock meanwhile, and others sleep long."""
    seen: list[float] = []
    ready = threading.Barrier(2)

    def busy() -> None:
        before = clock.monotonic()
        ready.wait()
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            sum(range(1000))
        seen.append(clock.monotonic() - before)

    def idle() -> None:
        clock.monotonic()
        ready.wait()
        clock.sleep(1000)

    side_by_side(busy, idle)

    assert seen == [0.0]
    assert clock.monotonic() == 1000


def test_a_lock_that_a_sleeper_holds_blocks_nobody_for_ever(clock: Any) -> None:
    """All who are awake wait for it: time goes on, and they go on after."""
    lock, held = threading.Lock(), threading.Event()
    order: list[str] = []

    def holder() -> None:
        with lock:
            held.set()
            clock.sleep(60)
            order.append("holder")

    def waiter() -> None:
        clock.monotonic()
        held.wait()
        with lock:
            order.append("waiter")
        clock.sleep(5)

    side_by_side(holder, waiter, waiter)

    assert order == ["holder", "waiter", "waiter"]
    assert clock.monotonic() == 65


def test_time_goes_on_without_threads_that_ended(clock: Any) -> None:
    """One that asked the time and ended holds nobody up."""
    other = threading.Thread(target=clock.now)
    other.start()
    other.join()

    side_by_side(lambda: clock.sleep(10), clock.now)

    assert clock.monotonic() == 10


def test_its_end_ends_every_sleep() -> None:
    """With the error that a stop is; a sleep after it ends at once."""
    heard: list[str] = []
    with virtual.VirtualClock(START) as clock:
        clock.monotonic()

        def sleeper() -> None:
            try:
                clock.sleep(10)
            except StoppedError as stopped:
                heard.append(str(stopped))

        thread = threading.Thread(target=sleeper)
        thread.start()
        while not clock._sleepers:
            sum(range(1000))  # at work, so that no time passes
    thread.join(10)

    assert len(heard) == 1
    with pytest.raises(StoppedError):
        clock.sleep(1)


def test_the_application_answers_in_the_thread_that_asks() -> None:
    """Method, path, query, headers and body go in; status, headers and body come out."""

    async def echo(request: Request) -> Response:
        body = await request.body()
        said = f"{request.method} {request.url} {request.headers['x-own']} {threading.current_thread().name} ".encode()
        return Response(said + body, status_code=201, headers={"Link": "<x>; rel=next"})

    app = Starlette(routes=[Route("/a/{what}", echo, methods=["POST"])])
    with httpx.Client(base_url="http://simulator", transport=virtual.InProcess(app)) as client:
        answer = client.post("/a/b?c=d%20e", headers={"X-Own": "1"}, content=b"whole")

    assert answer.status_code == 201
    assert answer.text == f"POST http://simulator/a/b?c=d%20e 1 {threading.current_thread().name} whole"
    assert answer.headers["link"] == "<x>; rel=next"


def test_an_application_that_waits_is_refused() -> None:
    """It would have to wait in a loop, which there is none of."""

    async def slow(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response()

    app = Starlette(routes=[Route("/", slow)])
    with httpx.Client(base_url="http://simulator", transport=virtual.InProcess(app)) as client, pytest.raises(RuntimeError, match="waits"):
        client.get("/")


def test_an_answer_takes_the_time_it_is_given(clock: Any) -> None:
    """On the virtual clock alone."""

    async def quick(request: Request) -> Response:
        return Response(b"here")

    app = Starlette(routes=[Route("/", quick)])
    with httpx.Client(base_url="http://simulator", transport=virtual.InProcess(app, clock=clock, seconds=0.25)) as client:
        assert client.get("/").text == "here"

    assert clock.monotonic() == 0.25
