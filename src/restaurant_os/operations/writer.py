"""The one thread that writes: whatever waits shares a commit, and nobody is answered before it.

An fsync costs as much for one event as for five hundred. A commit that fails is told to all who waited for it, and the thread
lives on: the next commit finds a new connection.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Generic

from restaurant_os.boundaries import BOUNDARIES, Boundary, crossing
from restaurant_os.errors import FullError, OperationsError
from restaurant_os.operations import Arrival, Receipt
from restaurant_os.operations.database import Link, Result, Session

#: Of one commit: short enough that who comes next does not wait long, long enough to share the fsync.
MOST_TOGETHER = 500
MOST_BYTES = 16 * 2**20
#: What an event weighs beside its body.
EVENT_BYTES = 500
MIB = 2**20
#: A service that is asked to stop has 10 seconds.
CLOSE_SECONDS = 8.0
#: Seconds after which a full queue has been written many times over.
RETRY_AFTER = 1.0

AsyncAnswer = asyncio.Future[Any]
Keep = Callable[[Session, Sequence[Arrival]], list[Receipt]]


@dataclass(slots=True, eq=False)
class Work(Generic[Result]):
    """A change, made within a transaction. It crosses `boundary` when what it gives is not empty."""

    change: Callable[[Session], Result]
    boundary: Boundary | None = None


@dataclass(slots=True, eq=False)
class _Item:
    """What waits for a commit: an event or another change. `loop` is None for who waits in a thread."""

    what: Arrival | Work[Any]
    answer: AsyncAnswer | Future[Any]
    loop: asyncio.AbstractEventLoop | None = None
    size: int = 0


class Writer:
    """`most_events` and `most_mib` bound the events that wait, those of the present commit included."""

    def __init__(self, link: Link, keep: Keep, *, most_events: int, most_mib: int, on_events: Callable[[], None]) -> None:
        self._link = link
        self._keep = keep
        self._most_events = most_events
        self._most_bytes = most_mib * MIB
        self._on_events = on_events
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[_Item] = deque()
        self._events = self._bytes = 0
        self._is_idle = self._is_closed = False
        self._thread = threading.Thread(target=self._live, name="operations-writer", daemon=True)
        self._thread.start()

    async def keep(self, arrival: Arrival) -> Receipt:
        """Returns when the event is on disk. Whoever stops waiting for it does not stop the commit.

        Raises:
            FullError: too many wait.
            OperationsError: it was not kept.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Receipt] = loop.create_future()
        self._put(_Item(arrival, answer, loop, len(arrival.body) + EVENT_BYTES))
        return await answer

    async def do_async(self, work: Work[Result]) -> Result:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._put(_Item(work, answer, loop))
        return await answer

    def do(self, work: Work[Result]) -> Result:
        answer: Future[Result] = Future()
        self._put(_Item(work, answer))
        return answer.result()

    def close(self) -> None:
        """Write what waits, then end. A database that does not answer is not waited for much longer: nobody was told that it has it."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)

    def _put(self, item: _Item) -> None:
        with self._changed:
            if self._is_closed:
                raise OperationsError(f"operations: {self._link.database.label} is closed; nothing was kept.")
            if item.size:
                self._check_queue(item.size)
                self._events += 1
                self._bytes += item.size
            self._waiting.append(item)
            if self._is_idle:
                self._is_idle = False
                self._changed.notify()

    def _check_queue(self, size: int) -> None:
        # One that is alone is taken whatever its size.
        if self._events and (self._events >= self._most_events or self._bytes + size > self._most_bytes):
            raise FullError(
                f"operations: {self._events:,} events of {self._bytes / MIB:.1f} MiB wait for their commit; "
                f"{self._most_events:,} of {self._most_bytes // MIB} MiB may. The event was not kept.",
                next_step="Send it again. Should this last, the disk is slow: see queue_events and queue_mib of [service].",
                retry_after=RETRY_AFTER,
            )

    # --- in the thread --------------------------------------------------------------------------------------------

    def _live(self) -> None:
        while items := self._take():
            self._write(items)
        self._link.drop()

    def _take(self) -> list[_Item]:
        """What waits, up to the bounds of one commit; empty at the end of all."""
        items: list[_Item] = []
        size = 0
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._is_idle = True
                self._changed.wait()
            self._is_idle = False
            while self._waiting and len(items) < MOST_TOGETHER and (not items or size + self._waiting[0].size <= MOST_BYTES):
                items.append(self._waiting.popleft())
                size += items[-1].size
        return items

    def _write(self, items: Sequence[_Item], *, may_repeat: bool = True) -> None:
        """All of `items` in one transaction. Where one of them is at fault, in halves: so it ends alone, and the others are in."""
        has_begun_commit = False
        try:
            session = self._link.session()
            session.begin()
            results, boundaries = self._results(session, items)
            with ExitStack() as crossings:
                for boundary in boundaries:
                    crossings.enter_context(crossing(boundary))
                has_begun_commit = True
                session.commit()
        except Exception as problem:  # noqa: BLE001 - the thread must outlive whatever a commit may raise; all who wait are told
            trouble = self._link.trouble(problem)
            if not has_begun_commit and may_repeat and trouble in ("lost", "again"):
                self._write(items, may_repeat=False)
            elif not has_begun_commit and trouble == "operation" and len(items) > 1:
                self._write(items[: len(items) // 2])
                self._write(items[len(items) // 2 :])
            else:
                self._answer(items, [self._failure(problem) for _ in items])
        else:
            if "accept" in boundaries:
                self._on_events()
            self._answer(items, results)

    def _results(self, session: Session, items: Sequence[_Item]) -> tuple[list[Any], list[Boundary]]:
        crossed: set[Boundary | None] = set()
        arrivals = [item.what for item in items if isinstance(item.what, Arrival)]
        receipts = self._keep(session, arrivals) if arrivals else []
        if not all(receipt.is_known for receipt in receipts):
            crossed.add("accept")
        kept = iter(receipts)
        results: list[Any] = []
        for item in items:
            if isinstance(item.what, Arrival):
                results.append(next(kept))
            else:
                results.append(item.what.change(session))
                crossed.update([item.what.boundary] if results[-1] else [])
        return results, [boundary for boundary in BOUNDARIES if boundary in crossed]

    def _failure(self, problem: Exception) -> OperationsError:
        """One for each who waits: several raise it at the same time."""
        error = self._link.error(problem)
        own = OperationsError(error.message, next_step=error.next_step)
        own.__cause__ = problem
        return own

    def _answer(self, items: Sequence[_Item], results: Sequence[Any]) -> None:
        """One call per event loop: waking a loop costs more than an answer. There is room again before anyone is answered: who was may send the next."""
        with self._changed:
            for item in items:
                if item.size:
                    self._events -= 1
                    self._bytes -= item.size
        of_loops: defaultdict[asyncio.AbstractEventLoop, list[tuple[AsyncAnswer, Any]]] = defaultdict(list)
        for item, result in zip(items, results, strict=True):
            if item.loop is not None and isinstance(item.answer, asyncio.Future):
                of_loops[item.loop].append((item.answer, result))
            else:
                _resolve([(item.answer, result)])
        for loop, answers in of_loops.items():
            with suppress(RuntimeError):  # the loop has ended, and with it all who waited there
                loop.call_soon_threadsafe(_resolve, answers)


def _resolve(answers: Sequence[tuple[AsyncAnswer | Future[Any], Any]]) -> None:
    for answer, result in answers:
        if answer.done():  # given up by a request that was cancelled
            continue
        if isinstance(result, OperationsError):
            answer.set_exception(result)
        else:
            answer.set_result(result)
