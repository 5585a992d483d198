"""`python -m restaurant_os.service.rehearsal SETTINGS BEGINS AT SPEED`: the service as it is, but by a clock that goes faster. For `demo --live`.

BEGINS (an instant in ISO 8601) is what its clock showed at AT (epoch seconds); SPEED is simulated seconds per second. It listens on a free port of
this machine, which its log tells, and ends when its standard input does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import datetime
from pathlib import Path

from restaurant_os import terminal
from restaurant_os.app import App, build_app
from restaurant_os.clock import FastClock, SystemClock
from restaurant_os.errors import RestaurantOSError
from restaurant_os.operations.open import open_operations
from restaurant_os.service.server import serve
from restaurant_os.settings import load


def built(settings: Path, begins: datetime, at: float, speed: float) -> App:
    """The app of the service. Its store goes by real time: a claim of ten seconds is one of ten seconds, however fast the day passes."""
    app = build_app(load(settings), clock=FastClock(begins, at, speed), token_folder=settings.parent / "tokens")
    own = app.settings
    app.operations = open_operations(own.operations_place, service=own.service, now=SystemClock().now, keep_days=own.alerts.keep_days)
    return app


def main(arguments: list[str]) -> int:
    settings, begins, at, speed = arguments
    threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    try:
        return serve(built(Path(settings), datetime.fromisoformat(begins), float(at), float(speed)), "127.0.0.1", 0)
    except RestaurantOSError as problem:
        terminal.print_error(problem)
        return problem.exit_code


def _end_with_stdin() -> None:
    # Straight from the descriptor: a thread that waits in a buffered reader keeps the interpreter from ending.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
