"""Builds the simulator from its options and serves it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from restaurant_os.simulator import channels_api, control, toast
from restaurant_os.simulator.auth import DEMO_CLIENT, Tokens, read_clients
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.faults import Faults, read_faults
from restaurant_os.simulator.limits import Limits
from restaurant_os.simulator.listing import Listing
from restaurant_os.simulator.misbehaviour import TRANSPORT

if TYPE_CHECKING:
    from restaurant_os.simulator.world import World

#: How long a stop waits for answers that are under way.
STOP_SECONDS = 1
#: At this many simulated seconds per second a year takes half a minute.
FASTEST = 1_000_000


@dataclass(frozen=True)
class Options:
    """How to run the simulator. See docs/simulator.md.

    `last_day` None means the last business date that is closed everywhere now. `clock_speed` None means a world that
    stands still; otherwise it is simulated seconds per second. `demand` is a share of the usual parties: few make a long
    history quick to read. `plant`: an orderly world, in which incidents are planted. `stage`: a live day waits to be begun.
    """

    port: int = 9100
    host: str = "127.0.0.1"
    locations: int = 13
    days: int = 14
    seed: int = 7
    last_day: date | None = None
    clock_speed: float | None = None
    faults: Path | None = None
    clients: Path | None = None
    demand: float = 1.0
    plant: bool = False
    stage: bool = False


def build(options: Options, *, seconds: Callable[[], float] = time.time) -> Starlette:
    """The application. `seconds` is the source of real time, in epoch seconds.

    Raises:
        OptionError: an option or a file that cannot be used.
    """
    check(options)
    now = datetime.fromtimestamp(seconds(), UTC)
    world = _open_world(options, now)
    world_start = world.history_end
    api_start = now if options.last_day is None else world.history_end
    if options.clock_speed is not None:
        world_start = api_start
    return assembled(
        options, world, Clock(world_start=world_start, api_start=api_start, speed=options.clock_speed, seconds=seconds), seconds
    )


def assembled(options: Options, world: World, clock: Clock, seconds: Callable[[], float] = time.time) -> Starlette:
    """The application over a world and a clock.

    Raises:
        OptionError: a file that cannot be used.
    """
    guids = [restaurant.guid for restaurant in world.restaurants]
    simulator = Simulator(
        world=world,
        seed=options.seed,
        clock=clock,
        tokens=Tokens(read_clients(options.clients, guids) if options.clients else [DEMO_CLIENT]),
        limits=Limits(seconds),
        faults=read_faults(options.faults) if options.faults else Faults(),
        listing=Listing(world),
    )
    return application(simulator)


def application(simulator: Simulator) -> Starlette:
    """The routes, and Toast's error object for everything else. The state is at `app.state.simulator`."""

    async def unrouted(request: Request, error: Exception) -> Response:
        wrong_method = isinstance(error, HTTPException) and error.status_code == 405
        return await toast.serve(simulator, toast.WRONG_METHOD if wrong_method else toast.UNKNOWN, request)

    routes = [*control.routes(simulator), *channels_api.routes(simulator), *toast.routes(simulator)]
    app = Starlette(routes=routes, exception_handlers={404: unrouted, 405: unrouted})
    app.router.redirect_slashes = False
    app.state.simulator = simulator
    return app


def check(options: Options) -> None:
    """Raises OptionError where an option is out of range."""
    if not 0 <= options.port <= 65535:
        raise OptionError(f"port must be from 0 to 65535, not {options.port}")
    if options.locations < 1 or options.days < 1:
        raise OptionError("locations and days must be at least 1")
    if not 0 < options.demand <= 1:
        raise OptionError(f"demand must be above 0 and at most 1, not {options.demand}")
    if options.clock_speed is not None and not 0 < options.clock_speed <= FASTEST:
        raise OptionError(f"clock speed must be above 0 and at most {FASTEST:,}, not {options.clock_speed}")


def _open_world(options: Options, now: datetime) -> World:
    if options.last_day is not None:
        return opened(options, options.last_day)
    day = now.date() - timedelta(days=1)
    while (world := opened(options, day)).history_end > now:
        day -= timedelta(days=1)
    return world


def opened(options: Options, last_day: date) -> World:
    """The world of the options, with history up to a day.

    Raises:
        OptionError: there can be none.
    """
    from restaurant_os.simulator.world import World  # tests of the API bring a world of their own

    try:
        return World(
            seed=options.seed,
            locations=options.locations,
            days=options.days,
            last_day=last_day,
            demand=options.demand,
            plant=options.plant,
        )
    except (ValueError, OverflowError) as error:
        raise OptionError(f"cannot make this world: {error}") from error


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, which also hands the connection to the app, so that a fault can close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class Server(uvicorn.Server):
    """uvicorn's server, which says when it listens and ends without an error when it is told to stop."""

    def __init__(self, app: Starlette, listening: Callable[[], None], *beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`beside`: what else runs for as long as it serves. When one of them ends, so does the server, and with its error if it has one."""
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_level="error",
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._listening = listening
        self._beside = (app.state.simulator.webhooks().run, *beside)
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()
        for run_beside in self._beside:
            task = asyncio.get_running_loop().create_task(run_beside())
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._tasks:
            task.cancel()
        endings = await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().shutdown(sockets)
        for ending in endings:
            if isinstance(ending, Exception):
                raise ending

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM. Unlike uvicorn's own, it does not raise them again when all is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def run(options: Options) -> None:
    """Serve until SIGINT or SIGTERM. Once it listens, one line on stdout says where.

    An option that cannot be used, or a taken port, ends the process with one message on stderr and exit code 1.
    """
    try:
        app = build(options)
        listener = listening_socket(options)
    except OptionError as error:
        print(f"simulate: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    line = f"Toast simulator listening on {url_of(listener)} ({_summary(options, app.state.simulator)})"
    Server(app, lambda: print(line, flush=True)).run([listener])


@contextlib.contextmanager
def running(app: Starlette, options: Options) -> Iterator[str]:
    """Serve `app` in a thread for as long as the block lasts; gives the base URL."""
    listener = listening_socket(options)
    url = url_of(listener)
    listening = threading.Event()
    server = Server(app, listening.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
    thread.start()
    try:
        if not listening.wait(10):
            raise RuntimeError("the simulator did not start within 10 seconds")
        yield url
    finally:
        server.should_exit = True
        thread.join(10)


def listening_socket(options: Options) -> socket.socket:
    """Raises OptionError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise OptionError(
            f"cannot listen on {options.host} port {options.port}: {reason}. Give another --port, or 0 for a free one."
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _summary(options: Options, simulator: Simulator) -> str:
    def counted(number: int, noun: str) -> str:
        return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

    clients = sorted(simulator.tokens.clients)
    return (
        f"{counted(options.locations, 'location')}, {counted(options.days, 'day')} to {simulator.world.last_day}, "
        f"seed {options.seed}; {'client' if len(clients) == 1 else 'clients'} {', '.join(clients)}"
    )
