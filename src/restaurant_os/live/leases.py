"""Jobs that this replica has, and for how long: begun, kept while they run, lost when another took them over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from restaurant_os.clock import Clock
from restaurant_os.errors import OperationsError
from restaurant_os.operations import JobRun, Operations


@dataclass(eq=False, slots=True)
class Lease:
    """One job at one due time. `kept_at`: when it was last known to be ours, by the clock that never jumps."""

    run: JobRun
    kept_at: float
    is_lost: bool = False


@dataclass
class Leases:
    """Every lease of this replica; used from several threads."""

    operations: Operations
    clock: Clock
    owner: str
    seconds: float
    _held: list[Lease] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, job: str, due: datetime) -> Lease | None:
        """None: it is done, or another's."""
        began = self.clock.monotonic()
        run = self.operations.begin_job(job, due, self.owner, self.seconds)
        if run is None:
            return None
        lease = Lease(run, began)
        with self._lock:
            self._held.append(lease)
        return lease

    def renew(self, troubled: Callable[[OperationsError], None]) -> None:
        """Keep all of them. One that another has, or that could not be kept until its time was out, is lost."""
        with self._lock:
            held = [lease for lease in self._held if not lease.is_lost]
        for lease in held:
            asked_at = self.clock.monotonic()
            try:
                if self.operations.renew_job(lease.run, self.seconds):
                    lease.kept_at = asked_at
                else:
                    lease.is_lost = True
            except OperationsError as problem:
                lease.is_lost = asked_at - lease.kept_at > self.seconds
                troubled(problem)

    def end(self, lease: Lease, error: str) -> bool:
        """The job ended; False: it was another's by then, and nothing is changed.

        Raises:
            OperationsError: that could not be said; it lapses.
        """
        with self._lock:
            self._held.remove(lease)
        return self.operations.end_job(lease.run, error)

    def give_back(self, lease: Lease) -> None:
        """It did not end: whoever comes next may have it at once.

        Raises:
            OperationsError: that could not be said; it lapses.
        """
        with self._lock:
            self._held.remove(lease)
        self.operations.renew_job(lease.run, 0.0)
