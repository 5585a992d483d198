"""One HTTP POST as Toast's sender makes it: 2 s to connect, 2 s of silence, no redirects, the connection closed after it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

import h11

CONNECT_SECONDS = 2.0
SILENT_SECONDS = 2.0
#: Whatever a receiver does, an attempt ends by then.
LONGEST_SECONDS = 10.0
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, or what there was instead of one: `timeout`, `no connection` or `no answer`. `seconds` are real ones."""

    status: int | None
    instead: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.instead if self.status is None else str(self.status)

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_worth_another(self) -> bool:
        """Whether Toast sends again: on a time-out, 404, 429 and 5xx. An answer that never comes is held to be a time-out."""
        return self.status is None or self.status in (404, 429) or self.status >= 500


Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


def address(url: str) -> tuple[SplitResult, str, int]:
    """A URL with the host and port it means.

    Raises:
        ValueError: it is not an http or https URL with a host, or has a user in it; says so without repeating a password.
    """
    parts = urlsplit(url)
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not is_plain or parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        shown = "one with a name or password in it" if "@" in url else ascii(url[:200])
        raise ValueError(f"not an address such as http://127.0.0.1:8000, but {shown}")
    return parts, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


async def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send the body and give the answer. Nothing that a receiver does is raised."""
    began = time.monotonic()

    def answer(status: int | None, instead: str = "") -> Answer:
        return Answer(status, instead, time.monotonic() - began)

    parts, host, port = address(url)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=_tls() if parts.scheme == "https" else None)
    except TimeoutError:
        return answer(None, "timeout")
    except (OSError, ValueError):
        return answer(None, "no connection")
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            return answer(await _exchange(reader, writer, parts, headers, body))
    except TimeoutError:
        return answer(None, "timeout")
    except (OSError, h11.RemoteProtocolError, EOFError):
        return answer(None, "no answer")
    finally:
        writer.close()
        with suppress(OSError):  # a TLS receiver that is gone already has its say here
            writer.transport.abort()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: SplitResult, headers: Mapping[str, str], body: bytes
) -> int:
    """The status that the request gets."""
    connection = h11.Connection(h11.CLIENT)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = [("Host", parts.netloc), ("Content-Length", str(len(body))), *headers.items()]
    head = connection.send(h11.Request(method="POST", target=target, headers=fields)) or b""
    connection.send(h11.Data(data=body))
    connection.send(h11.EndOfMessage())
    writer.write(head + body)
    # A receiver may refuse and close before it has read all; then its answer is there to be read nevertheless.
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(SILENT_SECONDS):
            await writer.drain()
    status: int | None = None
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            try:
                async with asyncio.timeout(SILENT_SECONDS):
                    connection.receive_data(await reader.read(_CHUNK))
            except (OSError, TimeoutError):
                if status is None:
                    raise
                return status
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            if status is None:
                raise EOFError
            return status
