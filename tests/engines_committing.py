"""A process that makes one commit: killed at a boundary, or one writer among others. What it does is pickled on its standard input."""

from __future__ import annotations

import os
import pickle
import signal
import sys

from engines_world import opened
from restaurant_os import boundaries


def main() -> None:
    place, bigquery, now, commits, boundary, side = pickle.load(sys.stdin.buffer)  # noqa: S301 - of the test that started us

    def kill(crossed: boundaries.Boundary, at: boundaries.Side) -> None:
        if (crossed, at) == (boundary, side):
            os.kill(os.getpid(), signal.SIGKILL)

    boundaries.watch(kill if boundary else None)
    warehouse = opened(place, lambda: now, bigquery)
    for commit in commits if isinstance(commits, list) else [commits]:
        warehouse.commit(commit)
    warehouse.close()


if __name__ == "__main__":
    main()
