"""The service's log: one JSON object per line, with the instant, ids of ours, and no text from outside but what is marked as such.

| key | meaning |
|---|---|
| `at` | the instant, in UTC |
| `level`, `message` | what happened, in our words |
| `logger` | the part that says it |
| `event`, `events` | inbox sequences |
| `sync`, `job`, `dataset`, `location`, ... | what the message is about |
| `route`, `method`, `status`, `ms` | of a request: the route as it is written in the docs, never the address that was asked |
| `error`, `where` | of a fault of ours: its type and where in the program it happened |
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from restaurant_os.text import printable

#: What every record has; what else one carries was given by `extra=`.
OF_RECORDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Our keys (`access.py`), wherever one would turn up.
KEYS = re.compile(r"rok_[A-Za-z0-9_-]{43}")
MOST_CHARACTERS = 2_000
#: Lines that may wait for a reader that stalls; what comes then is counted and lost.
MOST_LINES = 10_000
#: Lines that come within so long are written together.
GATHER_SECONDS = 0.05
_ENCODE = msgspec.json.Encoder().encode


class Lines:
    """Writes lines by a thread of its own, some at once: whoever reads them too slowly holds up no request, nor does a thread that wakes for each."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting: deque[bytes] = deque()
        self._has_come = threading.Event()
        self._is_closed = False
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def put(self, line: dict[str, object]) -> None:
        if len(self._waiting) >= MOST_LINES:
            self._lost += 1
            return
        self._waiting.append(_ENCODE(line) + b"\n")
        if not self._has_come.is_set():
            self._has_come.set()

    def close(self, seconds: float = 1.0) -> bool:
        """Write what waits, if it can be written within so long. False: it could not, and the stream is not to be touched any more."""
        self._is_closed = True
        self._has_come.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _write(self) -> None:
        while not self._is_closed or self._waiting:
            self._has_come.wait()
            if not self._is_closed:
                time.sleep(GATHER_SECONDS)
            self._has_come.clear()
            lines = b"".join(self._waiting.popleft() for _ in range(len(self._waiting)))
            if self._lost:
                lost, self._lost = self._lost, 0
                lines += _ENCODE({"at": now(), "level": "warning", "message": f"{lost} lines were lost: nobody read them"}) + b"\n"
            with suppress(OSError, ValueError):  # nobody reads it any more
                self._stream.write(lines)
                self._stream.flush()


class JsonLines(logging.Handler):
    """Messages of the program's loggers as lines. `hidden`: secrets that are blotted out wherever they would stand."""

    def __init__(self, lines: Lines, hidden: Collection[str]) -> None:
        super().__init__()
        self.lines = lines
        self.hidden = sorted((one for one in hidden if one), key=len, reverse=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.lines.put(self._line(record))
        except Exception:  # noqa: BLE001  # a message that cannot be written must not end what it tells of
            self.lines.put({"at": now(), "level": "error", "message": "a message could not be written", "logger": record.name})

    def _line(self, record: logging.LogRecord) -> dict[str, object]:
        line: dict[str, object] = {
            "at": _instant(record.created),
            "level": record.levelname.lower(),
            "message": self.safe(record.getMessage()),
            "logger": record.name,
        }
        for name, value in vars(record).items():
            if name not in OF_RECORDS and value is not None:
                line["sync" if name == "sync_id" else name] = self._plain(value)
        if record.exc_info and record.exc_info[1]:
            problem = record.exc_info[1]
            line["error"] = f"{type(problem).__name__}: {self.safe(problem, 300)}"
            line["where"] = _where(problem.__traceback__)
        return line

    def _plain(self, value: object) -> object:
        if isinstance(value, (list, tuple)):
            return [self._plain(one) for one in value]
        return value if isinstance(value, (bool, int, float)) else self.safe(value)

    def safe(self, value: object, limit: int = MOST_CHARACTERS) -> str:
        """Text on one line without a secret."""
        text = str(value)
        for secret in self.hidden:
            text = text.replace(secret, "***")
        return printable(KEYS.sub("rok_***", text), limit)


def _where(found: TracebackType | None) -> str:
    """The calls that led to a fault, the last first, without the values they were made with."""
    calls = [f"{frame.name} ({'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno})" for frame in traceback.extract_tb(found)]
    return " < ".join(reversed(calls[-8:]))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def set_up(hidden: Collection[str], stream: BinaryIO | None = None) -> Lines:
    """Have every logger of this process write JSON lines: ours what they do, those of packages their warnings, uvicorn no access line."""
    lines = Lines(stream or sys.stderr.buffer)
    handler = JsonLines(lines, hidden)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("restaurant_os").setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        own = logging.getLogger(name)
        own.handlers.clear()
        own.setLevel(logging.WARNING)
    # Its lines hold the address that was asked, and without a handler it writes none.
    logging.getLogger("uvicorn.access").propagate = False
    return lines
