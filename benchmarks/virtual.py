"""Time that passes only while everyone waits for it, and an API that answers without a socket.

Hours of pacing then take minutes, and what is measured is the waiting alone: work of ours takes no virtual time, however busy the
machine is.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from restaurant_os.errors import StoppedError

#: Between two looks of the clock's own thread, in real seconds.
LOOK = 0.01
#: After so many looks without a change it asks whether anything runs; nothing must have, so many times in a row.
STUCK, QUIET = 3, 8


@dataclass(order=True, slots=True)
class _Sleeper:
    wakes_at: float
    number: int
    thread: threading.Thread = field(compare=False)
    woken: threading.Event = field(compare=False, default_factory=threading.Event)


class VirtualClock:
    """A clock for threads (`restaurant_os.clock.Clock`) that moves on to the earliest wake time once all of them wait.

    A thread that ever asked this clock may be at work whenever it is alive and not asleep here, and while one may be, no time passes. Should
    nothing run in the whole process for a while, in Python or below it, nor in a child of it, then whoever is not asleep is blocked: by a
    lock that a sleeper holds, by threads it waits for, or for want of work. Time goes on without it until it asks the clock again.

    Linux alone. Use as a context manager: leaving it ends every sleep with a StoppedError.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._elapsed = 0.0
        #: How often someone went to sleep or time passed.
        self._changes = 0
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._sleepers: list[_Sleeper] = []
        self._at_work: set[threading.Thread] = set()
        self._closing = threading.Event()
        self._looker = threading.Thread(target=self._look, name="virtual clock", daemon=True)

    def __enter__(self) -> VirtualClock:
        self._looker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        self._looker.join()

    # --- the clock ------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Virtual seconds since the clock was made."""
        own = threading.current_thread()
        if own not in self._at_work:
            with self._lock:
                self._at_work.add(own)
        return self._elapsed

    def epoch(self) -> float:
        """The present instant in epoch seconds."""
        return self._start.timestamp() + self.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._lock:
            if self._closing.is_set():
                raise StoppedError("the virtual clock ended")
            own = _Sleeper(self._elapsed + seconds, next(self._numbers), threading.current_thread())
            heapq.heappush(self._sleepers, own)
            self._changes += 1
            self._at_work.discard(own.thread)
            if not self._at_work:
                self._pass()
        own.woken.wait()
        if self._closing.is_set():
            raise StoppedError("the virtual clock ended")

    # --- when time passes -----------------------------------------------------------------------------------------

    def _pass(self) -> None:
        """Move on to the earliest wake time and wake all whose it is; from here on they count as at work."""
        self._changes += 1
        self._elapsed = self._sleepers[0].wakes_at
        while self._sleepers and self._sleepers[0].wakes_at <= self._elapsed:
            sleeper = heapq.heappop(self._sleepers)
            self._at_work.add(sleeper.thread)
            sleeper.woken.set()

    def _look(self) -> None:
        """Threads that end, or are blocked, do not tell the clock."""
        try:
            stuck, quiet, seen = 0, 0, -1
            while not self._closing.wait(LOOK):
                with self._lock:
                    if self._sleepers and stuck:
                        self._at_work = set() if quiet >= QUIET else {thread for thread in self._at_work if thread.is_alive()}
                        if not self._at_work:
                            self._pass()
                    changed, seen = self._changes != seen, self._changes
                stuck = 0 if changed or not self._sleepers else stuck + 1
                quiet = quiet + 1 if stuck > STUCK and not _is_running() else 0
        finally:
            self._end()

    def _end(self) -> None:
        self._closing.set()
        with self._lock:
            for sleeper in self._sleepers:
                sleeper.woken.set()


def _is_running() -> bool:
    """Whether a thread of this process but the one that asks, or one of a child of it, runs, would if it had a processor, or waits for a disk."""
    own = str(threading.get_native_id())
    tasks = [task for task in _tasks("self") if not task.endswith("/" + own)]
    children = (child for task in tasks for child in _text(f"{task}/children").split())
    others = (task for child in children for task in _tasks(child))
    return any(_state(task) in ("R", "D") for task in itertools.chain(tasks, others))


def _tasks(process: str) -> list[str]:
    folder = Path(f"/proc/{process}/task")
    try:
        return [str(task) for task in folder.iterdir()]
    except OSError:
        return []


def _state(task: str) -> str:
    return _text(f"{task}/stat").rpartition(")")[2][1:2]


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # it has ended
        return ""


# --- an API in this process -------------------------------------------------------------------------------------------


class InProcess(httpx.BaseTransport):
    """Hands each request to an ASGI application in the thread that asks, one after another. The application must await nothing but its input.

    `seconds`: how long each answer takes on `clock`.
    """

    def __init__(self, app: ASGIApp, *, clock: VirtualClock | None = None, seconds: float = 0.0) -> None:
        self._app = app
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        with self._lock:
            answering = self._app(_scope(request), receive, send)
            try:
                answering.send(None)  # type: ignore[attr-defined]
            except StopIteration:
                pass
            else:
                answering.close()  # type: ignore[attr-defined]
                raise RuntimeError(f"{request.method} {request.url}: the application waits for something")
        if self._clock:
            self._clock.sleep(self._seconds)
        start, rest = sent[0], sent[1:]
        return httpx.Response(
            start["status"], headers=start["headers"], content=b"".join(message.get("body", b"") for message in rest), request=request
        )


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", os.getpid()),
        "server": (request.url.host, request.url.port or 80),
        "state": {},
    }
