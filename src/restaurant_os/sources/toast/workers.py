"""Processes beside our own for work that holds Python's lock, such as decoding; started only when there is enough of it.

Threads cannot decode side by side: they take turns, and every turn costs. A worker is a plain child process that reads
requests from its standard input and writes answers to its standard output, in order. It ends when its input does, so a
parent that is killed leaves none behind.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

from restaurant_os.errors import FatalError, RestaurantOSError

if sys.platform == "linux":
    import fcntl

#: More of them would wait for the one process that fetches and commits.
MOST_WORKERS = 4
#: Pieces of work that came while another was being done, less those that did not, after which workers are worth their start.
ENOUGH = 64
SECONDS_TO_END = 5
#: A page of 100 orders is about as large.
PIPE_BYTES = 1 << 20


class Worker:
    """A child process. `desk`: 'module:name' of what does the work there."""

    def __init__(self, desk: str, number: int) -> None:
        module, _, name = desk.partition(":")
        code = f"from {module} import {name}; from {__name__} import serve; serve({name}())"
        self._process = subprocess.Popen(  # noqa: S603  # our own code, in our own Python
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,  # Ctrl-C is for the parent alone, which ends its workers by closing their input
        )
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        _widen(self._requests, self._answers)
        self._sending = threading.Lock()
        self._open: deque[Future[Any]] = deque()
        self._ready: Future[Any] = Future()
        self._open.append(self._ready)
        self._ended = False
        threading.Thread(target=self._read, name=f"worker {number}", daemon=True).start()

    @property
    def is_ready(self) -> bool:
        return self._ready.done() and not self._ended

    def ask(self, what: str, *arguments: Any) -> Any:
        """Have one method of the desk called; any thread may ask.

        Raises:
            FatalError: the process ended.
            RestaurantOSError: what the desk itself raised.
        """
        answer: Future[Any] = Future()
        with self._sending:
            if self._ended:
                raise _ended()
            self._open.append(answer)
            with suppress(OSError):  # a process that ended: whoever reads its answers says so
                pickle.dump((what, arguments), self._requests, pickle.HIGHEST_PROTOCOL)
                self._requests.flush()
        return answer.result()

    def _read(self) -> None:
        """Hand the answers out, in the order of the requests, until there are no more."""
        with self._answers, suppress(EOFError, OSError):
            while True:
                answer = pickle.load(self._answers)  # noqa: S301  # from our own child
                waiting = self._open.popleft()
                if isinstance(answer, RestaurantOSError):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        self._ended = True
        with self._sending:
            for waiting in self._open:
                waiting.set_exception(_ended())

    def end(self) -> None:
        with suppress(OSError):
            self._requests.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _widen(*pipes: IO[bytes]) -> None:
    """Room for a page in a pipe, where the system gives it: both sides wait less often."""
    if sys.platform == "linux":
        for pipe in pipes:
            with suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _ended() -> FatalError:
    return FatalError(
        "a process that decodes pages ended before its work did (was it killed, or out of memory?). Nothing of these windows was written.",
        next_step="Run the command again: what was committed is in.",
    )


class Workers:
    """The workers of this process, shared by all that ask, and started when `at_work` finds that they are needed."""

    def __init__(self, desk: str, most: int | None = None) -> None:
        self._desk = desk
        self._most = min(os.cpu_count() or 1, MOST_WORKERS) if most is None else most
        self._lock = threading.Lock()
        self._at_work = 0
        self._crowded = 0
        self._turn = 0
        self._workers: list[Worker] | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Around each piece of work, wherever it is done."""
        with self._lock:
            self._at_work += 1
            self._crowded = min(self._crowded + 1, 2 * ENOUGH) if self._at_work > 1 else max(self._crowded - 1, 0)
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1

    def take(self) -> Worker | None:
        """A worker for the next pieces of work, each in turn; None when they are done as well in the thread that has them."""
        if self._crowded < ENOUGH or self._most < 2:
            return None
        with self._lock:
            if self._workers is None:
                self._workers = self._start()
            ready = [worker for worker in self._workers if worker.is_ready]
            self._turn += 1
            return ready[self._turn % len(ready)] if ready else None

    def _start(self) -> list[Worker]:
        try:
            workers = [Worker(self._desk, number) for number in range(1, self._most + 1)]
        except OSError:  # no process can be started here: the threads do it
            return []
        atexit.register(self.end)
        return workers

    def end(self) -> None:
        with self._lock:
            workers, self._workers = self._workers or [], None
        for worker in workers:
            worker.end()


def serve(desk: object) -> None:
    """A worker's life: requests in, answers out, until the parent closes the pipe or is gone."""
    gc.freeze()
    gc.disable()  # what is decoded has no cycles
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not print into the answers
    answer: Any = "ready"
    with suppress(EOFError, OSError):
        while True:
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
            what, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own parent
            try:
                answer = getattr(desk, what)(*arguments)
            except RestaurantOSError as problem:
                answer = problem
    os._exit(0)
