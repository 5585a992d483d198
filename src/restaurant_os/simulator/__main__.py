"""`python -m restaurant_os.simulator`: the simulator without the rest of the command line."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from restaurant_os.simulator import stage
from restaurant_os.simulator.server import Options, run


def arguments(argv: Sequence[str] | None = None) -> Options:
    """Read the options; `argv` is without the program's name."""
    parser = argparse.ArgumentParser(prog="restaurant_os.simulator", description="Serve a simulated Toast API on this machine.")
    parser.add_argument("--port", type=int, default=Options.port, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--host", default=Options.host, help="address to listen on (default: %(default)s)")
    parser.add_argument("--locations", type=int, default=Options.locations, help="how many restaurants (default: %(default)s)")
    parser.add_argument("--days", type=int, default=Options.days, help="closed business days of history (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=Options.seed, help="the same seed gives the same world (default: %(default)s)")
    parser.add_argument(
        "--last-day", type=date.fromisoformat, metavar="YYYY-MM-DD", help="last day of history (default: the last closed one)"
    )
    parser.add_argument("--clock-speed", type=float, metavar="N", help="simulated seconds per second (default: the world stands still)")
    parser.add_argument("--demand", type=float, default=Options.demand, help="share of the usual parties (default: %(default)s)")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="TOML file of faults to inject")
    parser.add_argument("--clients", type=Path, metavar="FILE", help="TOML file of API clients, instead of demo-client")
    parser.add_argument("--plant", action="store_true", help="an orderly world, with known incidents in it (GET /simulator/planted)")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input does, so as not to outlive who started it")
    parser.add_argument("--stage", action="store_true", help="stand at the beginning of a live service day until POST /simulator/live")
    given = vars(parser.parse_args(argv))
    if given.pop("end_with_stdin"):
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    return Options(**given)


def _end_with_stdin() -> None:
    # Straight from the descriptor: a thread that waits in a buffered reader keeps the interpreter from ending.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    given = arguments()
    (stage.run if given.stage else run)(given)
