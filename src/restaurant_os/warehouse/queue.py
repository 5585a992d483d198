"""Commits of one process that wait for the warehouse at the same time land together.

Most of the cost of a small commit is what stands around it: opening a file, statements, a checkpoint, a load job and a MERGE. So whoever comes
while a commit is made waits, and then lands with all others that can: one transaction, one merge.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from restaurant_os.errors import AwayError, DiskFullError, LockedError, StoppedError
from restaurant_os.warehouse import Changes, Commit, together

#: Each alone would fail as all of them did, and wait as long.
NOT_OF_WHAT_LANDS = (LockedError, AwayError, DiskFullError, StoppedError)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A commit in the queue, and what became of it."""

    commit: Commit
    since: float
    outcome: Changes | BaseException | None = None


class CommitQueue:
    """`land` makes one commit, or fails and leaves nothing of it. `lanes`: so many may land side by side, each of other locations.
    `gather_seconds`: so long the first of those that wait is kept for others to join it, where each landing costs money."""

    def __init__(self, land: Callable[[Commit], Changes], *, lanes: int = 1, gather_seconds: float = 0.0) -> None:
        self._transaction = land
        self._lanes = lanes
        self._gather_seconds = gather_seconds
        self._changed = threading.Condition()
        self._queue: list[_Waiting] = []
        #: What lands now, a group for each lane in use.
        self._landing: list[list[_Waiting]] = []

    def commit(self, commit: Commit) -> Changes:
        """Land everything of `commit`, or nothing. Should those that land together fail, each is tried alone."""
        waiting = _Waiting(commit, time.monotonic())
        with self._changed:
            self._queue.append(waiting)
        try:
            while group := self._turn(waiting):
                try:
                    self._land(group)
                finally:
                    with self._changed:
                        self._landing.remove(group)
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._queue.remove(waiting)
                self._changed.notify_all()
        if isinstance(waiting.outcome, BaseException):
            raise waiting.outcome
        return waiting.outcome or Changes()

    def _turn(self, waiting: _Waiting) -> list[_Waiting]:
        """What is to land next, once there is a lane for it; nothing when `waiting` has its outcome."""
        with self._changed:
            while waiting.outcome is None:
                left = self._left_to_gather()
                if left <= 0 and len(self._landing) < self._lanes and (group := self._group()):
                    self._landing.append(group)
                    return group
                self._changed.wait(left if left > 0 else None)
        return []

    def _left_to_gather(self) -> float:
        """Seconds."""
        if not self._gather_seconds or not (waiting := self._waiting()):
            return 0.0
        return waiting[0].since + self._gather_seconds - time.monotonic()

    def is_wanted(self) -> bool:
        """Whether a commit waits that is not among those that land now."""
        with self._changed:
            return bool(self._waiting())

    def _waiting(self) -> list[_Waiting]:
        landing = [own for group in self._landing for own in group]
        return [other for other in self._queue if other.outcome is None and other not in landing]

    def _group(self) -> list[_Waiting]:
        """The first in the queue that can land beside what lands now, and whatever can land with it: of the same dataset and mode, of locations that
        neither it nor any commit that is left waiting, or landing, before it has. So each location's commits keep their order."""
        group: list[_Waiting] = []
        taken = {guid for landing in self._landing for own in landing for guid in own.commit.restaurant_guids}
        for other in self._waiting():
            own = other.commit
            fits = not group or (own.dataset, own.load_mode) == (group[0].commit.dataset, group[0].commit.load_mode)
            if fits and taken.isdisjoint(own.restaurant_guids):
                group.append(other)
            taken.update(own.restaurant_guids)
        return group

    def _land(self, group: list[_Waiting]) -> None:
        try:
            changes = self._transaction(together([waiting.commit for waiting in group]))
        except Exception as problem:  # noqa: BLE001 - whatever it is, those who wait beside it must hear of their own commits
            for waiting in group:
                if len(group) == 1 or isinstance(problem, NOT_OF_WHAT_LANDS):
                    waiting.outcome = problem
                else:
                    self._land([waiting])
            return
        for waiting in group:
            waiting.outcome = changes.of(waiting.commit.restaurant_guids)
