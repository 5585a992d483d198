"""A live service day that begins when it is told to: until then the world stands at the day's beginning, so that a receiver can first be brought up to it.

`python -m restaurant_os.simulator --stage`, then `POST /simulator/live`. All goes by the API's clock here, limits and the timestamps of events too, for
a receiver whose own clock is the day's.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.live_day import DEFAULT_SPEED, Day, LiveDay, Send, open_day, prepare
from restaurant_os.simulator.server import Options, Server, assembled, listening_socket, url_of


class Stage:
    """The day, and its sending once it was told where to. `seconds`: real epoch seconds."""

    def __init__(self, simulator: Simulator, day: Day, speed: float, seconds: Callable[[], float] = time.time) -> None:
        self.day = day
        self.live: LiveDay | None = None
        self._simulator, self._speed, self._seconds = simulator, speed, seconds
        self._begun = asyncio.Event()

    def begin(self, send: Send, at: float | None = None) -> None:
        """Let the day pass from its beginning, which was at `at` (epoch seconds; without it now), and send it.

        Raises:
            OptionError: it has begun already, or the URL is none.
        """
        if self.live is not None:
            raise OptionError("the day has begun already")
        self.live = LiveDay(self._simulator, self.day, send, _silent)
        clock = Clock(world_start=self.day.begins, api_start=self.day.begins, speed=self._speed, seconds=self._seconds)
        if at is not None:
            clock.advance(max(0.0, self._seconds() - at) * self._speed)
        self._simulator.clock = clock
        self._begun.set()

    def state(self) -> dict[str, object]:
        """The day, and what became of it so far."""
        shown: dict[str, object] = {
            "business_date": self.day.day.isoformat(),
            "begins": self.day.begins.isoformat(timespec="milliseconds"),
            "ends": self.day.ends.isoformat(timespec="milliseconds"),
            "speed": self._speed,
            "is_over": self.live is not None and self.live.is_over,
        }
        return shown | ({} if self.live is None else {"report": self.live.report()})

    async def run(self) -> None:
        """Send the day, then wait: who looks on reads what is left."""
        await self._begun.wait()
        assert self.live is not None
        await self.live.run()
        await asyncio.Event().wait()


def run(options: Options) -> None:
    """Serve until SIGINT or SIGTERM. Once it listens, one line on stdout says where.

    An option that cannot be used, or a taken port, ends the process with one message on stderr and exit code 1.
    """
    try:
        world, day = open_day(options, datetime.now(UTC))
        listener = listening_socket(options)
        prepare(world, day)
        app = assembled(options, world, Clock(world_start=day.begins, api_start=day.begins), lambda: simulator.clock.api().timestamp())
    except OptionError as error:
        print(f"simulate: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    simulator: Simulator = app.state.simulator
    stage = simulator.stage = Stage(simulator, day, options.clock_speed or DEFAULT_SPEED)
    line = f"Toast simulator listening on {url_of(listener)} (the live day {day.day} waits for POST /simulator/live)"
    Server(app, lambda: print(line, flush=True), stage.run).run([listener])


def _silent(line: str) -> None:
    pass
