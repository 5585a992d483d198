"""`python tests/serve_until.py SIGNAL BOUNDARY SIDE TIMES ...`: `restaurant-os ...`, which sends itself a signal before or after it crosses a commit
boundary for that time: SIGKILL, or SIGSTOP as a machine that is put to sleep."""

from __future__ import annotations

import os
import signal
import sys
import threading

from restaurant_os import boundaries, cli


class Killer:
    """Counts crossings of one boundary from any thread."""

    def __init__(self, sent: str, boundary: str, side: str, times: int) -> None:
        self.sent = signal.Signals[sent]
        self.wanted = (boundary, side)
        self.left = times
        self.lock = threading.Lock()

    def __call__(self, boundary: boundaries.Boundary, side: boundaries.Side) -> None:
        if (boundary, side) != self.wanted:
            return
        with self.lock:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.sent)


if __name__ == "__main__":
    boundaries.watch(Killer(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
    sys.argv = ["restaurant-os", *sys.argv[5:]]
    cli.main()
