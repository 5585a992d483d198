"""Attempts under way: a task each, at most so many at once, until all that is due has been sent or a fault of ours ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field


@dataclass
class Dispatcher:
    """Whoever sends says in `dispatch` what is due, and begins it. One event loop uses it."""

    _under_way: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _fault: BaseException | None = field(default=None, init=False)  #: of ours, in an attempt; the next dispatch raises it

    def dispatch(self) -> None:
        """Begin whatever is due, as far as there is room."""
        raise NotImplementedError

    async def settled(self) -> None:
        """Wait until nothing that is due is left."""
        self.dispatch()
        while self._under_way:
            await asyncio.wait(self._under_way)
            self.dispatch()

    async def stop(self) -> None:
        """Break off what is under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, attempt: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(attempt)
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            return
        self._fault = self._fault or task.exception()
        if self._fault is None:
            self.dispatch()
