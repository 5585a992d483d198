"""`python -m benchmarks.accept_server HOW FOLDER PORT`: the service of that folder's settings, as `restaurant-os serve` runs it, without its
scheduler. Ends on SIGTERM.

HOW: `kept` (as it is, without a worker), `nothing` (the event is not written before the answer), `alone` (a commit for each event), `worker` (as it is;
at the end the seconds from each event's arrival to its being in the tables go to lags.json), `alerts` (the same, with what evaluates and tells).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from restaurant_os.app import App, build_app
from restaurant_os.live.meters import Meters, Result
from restaurant_os.operations import Arrival, Receipt, writer
from restaurant_os.service import log
from restaurant_os.service.running import Part, Service
from restaurant_os.service.server import Server, bound, secrets_of
from restaurant_os.settings import load


class Lags(Meters):
    """Keeps every lag, where the product keeps counts."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def settled(self, result: Result, lags: Sequence[float] = ()) -> None:
        super().settled(result, lags)
        self.seconds += lags


def without_writing(app: App) -> None:
    """Receipts for events that nobody kept."""
    numbers = count(1)

    async def accept(arrival: Arrival) -> Receipt:
        return Receipt(next(numbers), is_known=False)

    app.operations.accept = accept  # type: ignore[method-assign]


def main(how: str, folder: Path, port: int) -> None:
    settings = load(folder / "restaurant-os.toml")
    app = build_app(settings)
    if how == "nothing":
        without_writing(app)
    if how == "alone":
        writer.MOST_TOGETHER = 1
    lags = Lags()
    parts: dict[str, dict[str, Callable[[Meters], Part]]] = {
        "worker": {"worker": app.worker},
        "alerts": {"worker": app.worker, "evaluator": app.evaluator, "outbox": app.outbox},
    }
    service = Service(app, parts=parts.get(how, {}), meters=lags)
    lines = log.set_up(secrets_of(settings))
    Server(service, lines).run(bound("127.0.0.1", port))
    lines.close()
    (folder / "lags.json").write_text(json.dumps(lags.seconds))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
