"""A tiny HTTP server that webhooks are sent to, and that answers whatever it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Headers = dict[str, str]


@dataclass(frozen=True)
class Received:
    """A request; header names are in lower case."""

    path: str
    headers: Headers
    body: bytes


@dataclass
class Receiver:
    """The server at `url`. `answer` gives a status for each request, or None for none at all until the server ends."""

    url: str
    answer: Callable[[Received], int | None] = lambda request: 200
    received: list[Received] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self, request: Received) -> None:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()

    def wait(self, count: int, seconds: float = 30) -> list[Received]:
        """The requests, once there are so many."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.received) >= count, seconds)
            assert found, f"{len(self.received)} of {count} requests came within {seconds} s"
            return list(self.received)


@contextmanager
def receiving(answer: Callable[[Received], int | None] = lambda request: 200) -> Iterator[Receiver]:
    """A receiver on a free port, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.take(request)
            status = receiver.answer(request)
            if status is None:
                receiver.ended.wait(30)
                self.close_connection = True
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a sender that has left

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
