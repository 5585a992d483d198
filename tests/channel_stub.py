"""An HTTP server on loopback that channels send to: it keeps what it receives, and answers what a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """A request; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """`is_cut`: the connection ends in the middle of the answer. `hold`: it waits for this before it answers."""

    status: int = 200
    body: object = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    hold: threading.Event | None = None


@dataclass
class Stub:
    url: str = ""
    answer: Callable[[Call], Reply] = lambda call: Reply()
    calls: list[Call] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def take(self, call: Call) -> Reply:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
        return self.answer(call)

    def to(self, path: str) -> list[Call]:
        """The calls to an address whose path begins so."""
        return [call for call in list(self.calls) if call.path.startswith(path)]

    def wait(self, count: int, path: str = "/", seconds: float = 60) -> list[Call]:
        """The calls to a path, once there are so many."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.to(path)) >= count, seconds)
        assert found, f"{len(self.to(path))} of {count} calls came to {path} within {seconds} s"
        return self.to(path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.stub.take(Call(self.command, parts.path, dict(parse_qsl(parts.query)), headers, json.loads(raw) if raw else None))
        if reply.hold:
            reply.hold.wait(60)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(text.encode()) + reply.is_cut), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())
        self.close_connection = True

    do_POST = do_PATCH = do_GET = _answer  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a sender that has left


@contextmanager
def channel_stub(answer: Callable[[Call], Reply] = lambda call: Reply()) -> Iterator[Stub]:
    """The server on a free port, for as long as the block lasts."""
    stub = Stub(answer=answer)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": stub}))
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="stub", daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
