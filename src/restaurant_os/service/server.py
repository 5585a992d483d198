"""`restaurant-os serve`: the sockets, uvicorn on them, and a stop that ends in time."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn

from restaurant_os.app import App
from restaurant_os.errors import BusyError, FatalError, RestaurantOSError, UsageError
from restaurant_os.service import log
from restaurant_os.service.access import is_loopback
from restaurant_os.service.api import build_api
from restaurant_os.service.protocol import Protocol
from restaurant_os.service.running import ANSWER_SECONDS, Service
from restaurant_os.settings import Settings
from restaurant_os.text import printable

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: After so many seconds a thread that computes lets another go on, where Python's own is 5 ms: what is told of an event passes through some thirty
#: such moments, between threads that land, look and send (benchmarks/README.md).
SWITCH_SECONDS = 0.0005


def serve(app: App, host: str, port: int) -> int:
    """Serve until SIGINT or SIGTERM; gives the exit code. A second signal ends the process at once.

    Raises:
        UsageError: it would be open to others without a key, or there is no such address.
        RestaurantOSError: the port is taken, or the store cannot be opened.
    """
    service = Service(app)
    listeners = bound(host, port)
    try:
        service.open()
        _check_keys(service, host, listeners)
    except RestaurantOSError:
        for listener in listeners:
            listener.close()
        raise
    lines = log.set_up(secrets_of(app.settings))
    server = Server(service, lines)
    lines.put({"at": log.now(), "level": "info", "message": f"listening on {', '.join(map(address, listeners))}"})
    is_written = False
    try:
        server.run(listeners)
    finally:
        is_written = lines.close()
    if not is_written:
        os._exit(0)  # nobody reads the log: at its end the interpreter would wait for that too
    waits = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    if waits or not service.has_ended:
        # Who waits for a warehouse that another process holds would keep us as long.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def secrets_of(settings: Settings) -> list[str]:
    """What may stand in no line of the log."""
    places = [one.get_secret_value() for one in (settings.operations, settings.database_url, settings.warehouse)]
    passwords = [place.rpartition("@")[0].rpartition("://")[2].partition(":")[2] for place in places if "@" in place]
    hooks = [secret.decode() for secret in settings.webhook_secrets]
    own = (settings.slack_webhook_url, settings.discord_webhook_url, settings.slack_bot_token)
    channels = [*(one.get_secret_value() for one in own), *settings.apprise_urls.get_secret_value().replace(",", " ").split()]
    return [one for one in (settings.toast_client_secret.get_secret_value(), *hooks, *passwords, *channels) if one]


def _check_keys(service: Service, host: str, listeners: list[socket.socket]) -> None:
    """
    Raises:
        UsageError: whoever reaches this machine could come, and there is no key.
    """
    if all(is_loopback(listener.getsockname()[0]) for listener in listeners) or service.keyring.has_valid_key:
        return
    raise UsageError(
        f"serve: {printable(host, 80)} can be reached by others, and there is no key.",
        next_step="Make one with `restaurant-os keys create --name NAME`, then start again; or leave --host out to try it on this machine alone.",
    )


# --- sockets ------------------------------------------------------------------------------------------------------


def bound(host: str, port: int) -> list[socket.socket]:
    """A socket on every address of a host name, with one port; 0 takes a free one.

    Raises:
        UsageError: there is no such address here.
        RestaurantOSError: the port is taken, or not ours to take.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise UsageError(
            f"serve: there is no address '{printable(host, 80)}'.", next_step="Give --host 127.0.0.1, or 0.0.0.0 for all of this machine's."
        ) from None
    made: list[socket.socket] = []
    for family, _, _, _, place in dict.fromkeys(found):
        own = port or (made[0].getsockname()[1] if made else 0)
        try:
            made.append(_listener(family, (place[0], own, *place[2:])))
        except OSError as problem:
            if made and problem.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue  # a name with an address of a family that this machine has not
            for listener in made:
                listener.close()
            raise _no_socket(problem, host, own) from None
    return made


def _listener(family: int, place: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _no_socket(problem: OSError, host: str, port: int) -> RestaurantOSError:
    place = f"{printable(host, 80)}:{port}"
    if problem.errno == errno.EADDRINUSE:
        return BusyError(f"serve: {place} is taken by another process.", next_step="End that process, or give another port with --port.")
    if problem.errno in (errno.EACCES, errno.EPERM):
        return FatalError(f"serve: {place} is not for this user to take.", next_step="Give a port of 1024 or more with --port.")
    return UsageError(f"serve: {place} is no address of this machine ({problem.strerror}).", next_step="Give --host 127.0.0.1.")


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


# --- uvicorn ------------------------------------------------------------------------------------------------------


class Server(uvicorn.Server):
    """uvicorn's server, whose stop begins with the service's."""

    def __init__(self, service: Service, lines: log.Lines) -> None:
        super().__init__(
            uvicorn.Config(
                build_api(service, lines.put),
                http=Protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=int(ANSWER_SECONDS),
            )
        )
        self._service = service
        self._switched = sys.getswitchinterval()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks, the second ends at once."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self.should_exit = True
        self._service.refuse()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, it does not raise them again when all is done: a stop that was asked for is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is loaded stays: looking through it for garbage once more would hold up answers for 50 ms.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        sys.setswitchinterval(self._switched)
        gc.unfreeze()
        self._service.begin_stop()
        await super().shutdown(sockets)
