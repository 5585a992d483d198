"""Whether a part of the service works: said once when that changes, with pauses between tries that grow."""

from __future__ import annotations

import logging

from restaurant_os.errors import RestaurantOSError
from restaurant_os.text import printable

FIRST_PAUSE = 0.5


class Health:
    """Of one part, by one thread. `name`: as a sentence begins with it."""

    def __init__(self, log: logging.Logger, name: str) -> None:
        self._log = log
        self._name = name
        self._tries = 0
        self._kind = ""

    def failed(self, problem: Exception, longest: float) -> float:
        """Note a failure; gives how many seconds to wait until the next try, at most `longest`."""
        self._tries += 1
        kind = type(problem).__name__
        if kind != self._kind:
            self._kind = kind
            ours = isinstance(problem, RestaurantOSError)
            self._log.warning("%s is not to be had: %s", self._name, printable(problem if ours else f"{kind}: {problem}", 500))
        return min(FIRST_PAUSE * 2.0 ** min(self._tries - 1, 30), longest)

    def works(self) -> None:
        """Note a success."""
        if self._tries:
            self._log.warning("%s works again, after %d tries", self._name, self._tries)
        self._tries, self._kind = 0, ""
