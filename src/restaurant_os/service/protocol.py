"""HTTP as uvicorn reads it, with limits on what comes before a body: its size, its time, and connections at once."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from restaurant_os.service.answers import AnswerError

#: Bytes of a request's line and headers, how many headers, and seconds to send them.
MOST_HEAD, MOST_HEADERS, HEAD_SECONDS = 64 * 1024, 200, 10.0
#: Bytes beside a body that comes in chunks: their lengths, and what follows the last.
MOST_SPARE = 4 * MOST_HEAD
#: Requests that wait on one connection for the answer before theirs.
MOST_PIPELINED = 50
#: Beyond these a connection is closed at once: a process has about a thousand files.
MOST_CONNECTIONS = 800


def headers_too_large() -> AnswerError:
    return AnswerError(431, f"the headers are over {MOST_HEAD:,} bytes or {MOST_HEADERS}.", "Send fewer.", closes=True)


def headers_slow() -> AnswerError:
    return AnswerError(408, f"the headers took longer than {HEAD_SECONDS:g} s to come.", "Send them again, faster.", closes=True)


def no_http() -> AnswerError:
    return AnswerError(400, "this is not HTTP/1.1.", "Send a valid request.", closes=True)


class Protocol(HttpToolsProtocol):
    """One connection. uvicorn's own knows no limit before the headers are complete or after a body, and no time-out before the first request."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_in_head = True
        #: Bytes that are no body, since the last turn from head to body or back.
        self._spare = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._spare += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._spare > (MOST_HEAD if self._is_in_head else MOST_SPARE):
            self._refuse(headers_too_large())
        elif self._is_in_head and self._spare > 0 and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._is_in_head = False
        self._spare = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD or len(self.headers) > MOST_HEADERS:
            self._refuse(headers_too_large())
        elif len(self.pipeline) >= MOST_PIPELINED:
            self._refuse(no_http())
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._spare -= len(body)
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = True
        self._spare = 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(no_http())

    def _head_is_late(self) -> None:
        self._timer = None
        if self._is_answering:
            return
        if self._spare > 0:
            self._refuse(headers_slow())
        else:
            self.transport.close()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, answer: AnswerError) -> None:
        """Answer and close; a request before this one that is still being answered is broken off."""
        if self.transport.is_closing():
            return
        lines = [name + b": " + value + b"\r\n" for name, value in answer.all_headers]
        in_its_body = not self._is_in_head and self.cycle is not None and not self.cycle.response_started and not self.pipeline
        if in_its_body or not self._is_answering:
            self.transport.write(b"".join((STATUS_LINE[answer.status], *lines, b"\r\n", answer.body)))
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
