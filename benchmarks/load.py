"""A load generator: ready requests over kept connections, from a process of its own. It waits for answers, and reads no more of them than it must."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
#: Of all that is asked, the share that is asked before it counts.
WARM_UP = 0.1


@dataclass
class Result:
    """Seconds that answers took, by when they were due; statuses that were not 200."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    #: By `time.time`: when the first was due.
    began_at: float = 0.0
    refused: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.elapsed


class Connection(asyncio.Protocol):
    """One request at a time; `answered` is called with the status of each."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[int] | None = None
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> asyncio.Future[int]:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self._seen += data
        end = self._seen.find(END_OF_HEAD)
        if end < 0:
            return
        head = self._seen[:end].lower()
        at = head.find(LENGTH)
        length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._seen) >= end + len(END_OF_HEAD) + length and self.answer is not None:
            self._seen = b""
            self.answer.set_result(int(head[9:12]))

    def connection_lost(self, problem: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(problem or ConnectionError("closed without an answer"))


async def as_fast_as_answers_come(port: int, requests: Sequence[bytes], connections: int) -> Result:
    """Every connection asks again when it was answered."""
    warm = int(len(requests) * WARM_UP)
    await _closed(port, iter(requests[:warm]), connections, Result())
    result = Result()
    began = time.perf_counter()
    await _closed(port, iter(requests[warm:]), connections, result)
    result.elapsed = time.perf_counter() - began
    return result


async def _closed(port: int, requests: Iterator[bytes], connections: int, result: Result) -> None:
    async def one() -> None:
        connection = await _connected(port)
        for request in requests:
            began = time.perf_counter()
            status = await connection.ask(request)
            result.seconds.append(time.perf_counter() - began)
            if status != 200:
                result.refused[status] = result.refused.get(status, 0) + 1
        connection.transport.close()

    await asyncio.gather(*(one() for _ in range(connections)))


async def at_a_rate(port: int, requests: Sequence[bytes], connections: int, per_second: float) -> Result:
    """Each is due at its own moment, whatever became of the others; its time counts from then, so that no stall is hidden."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await _connected(port))
    result, warm = Result(), int(len(requests) * WARM_UP)
    tasks = []
    began, result.began_at = time.perf_counter(), time.time()

    async def one(request: bytes, due: float, counts: bool) -> None:
        connection = await free.get()
        status = await connection.ask(request)
        free.put_nowait(connection)
        if counts:
            result.seconds.append(time.perf_counter() - due)
        if status != 200:
            result.refused[status] = result.refused.get(status, 0) + 1

    for number, request in enumerate(requests):
        due = began + number / per_second
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(request, due, number >= warm)))
    await asyncio.gather(*tasks)
    result.elapsed = time.perf_counter() - began - warm / per_second
    while not free.empty():
        free.get_nowait().transport.close()
    return result


async def _connected(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """An HTTP request, ready to be written."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


def read_requests(path: Path) -> list[bytes]:
    """Requests as `write_requests` left them."""
    data = memoryview(path.read_bytes())
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        found.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def write_requests(path: Path, requests: Sequence[bytes]) -> None:
    path.write_bytes(b"".join(len(one).to_bytes(4) + one for one in requests))


def main() -> None:
    """`python -m benchmarks.load PORT FILE CONNECTIONS [PER_SECOND]`: a JSON document of what was seen."""
    import uvloop

    port, file, connections = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    requests = read_requests(file)
    if len(sys.argv) > 4:
        result = uvloop.run(at_a_rate(port, requests, connections, float(sys.argv[4])))
    else:
        result = uvloop.run(as_fast_as_answers_come(port, requests, connections))
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
