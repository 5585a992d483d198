"""The service's log: lines of JSON that hold no secret, whatever is said, and that hold nobody up."""

from __future__ import annotations

import io
import json
import logging
import threading
from typing import Any

import pytest

from restaurant_os.service import log


def written(
    hidden: list[str], *said: tuple[str, tuple[object, ...], dict[str, Any]], problem: Exception | None = None
) -> list[dict[str, Any]]:
    """The lines of a few messages."""
    stream = io.BytesIO()
    lines = log.Lines(stream)
    handler = log.JsonLines(lines, hidden)
    for text, arguments, extra in said:
        record = logging.getLogger("restaurant_os.test").makeRecord(
            "restaurant_os.test", logging.WARNING, __file__, 1, text, arguments, None, extra=extra
        )
        if problem:
            record.exc_info = (type(problem), problem, problem.__traceback__)
        handler.emit(record)
    lines.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_message_is_one_line_with_what_it_is_about() -> None:
    [line] = written([], ("event %d came", (7,), {"event": 7, "sync_id": "abc", "jobs": ["orders poll"], "seconds": 0.5}))

    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "message": "event 7 came",
        "logger": "restaurant_os.test",
        "event": 7,
        "sync": "abc",
        "jobs": ["orders poll"],
        "seconds": 0.5,
    }


def test_secrets_and_keys_are_blotted_out_everywhere() -> None:
    key = "rok_" + "A" * 43
    try:
        raise ValueError(f"it was whsec-secret and {key}")
    except ValueError as problem:
        [line] = written(
            ["whsec-secret", "whsec"], ("with %s", (f"whsec-secret {key}",), {"location": key, "jobs": ["whsec-secret"]}), problem=problem
        )

    assert line["message"] == "with *** rok_***"
    assert (line["location"], line["jobs"]) == ("rok_***", ["***"])
    assert line["error"] == "ValueError: it was *** and rok_***"
    assert "whsec" not in json.dumps(line)


def test_text_from_outside_stays_on_its_line() -> None:
    [line] = written([], ("said %s", ("a\nb\x1b[31m\u202e",), {}))

    assert line["message"] == "said a b [31m "


def test_a_fault_is_told_by_where_it_was_without_its_values() -> None:
    def inner(secret: str) -> None:
        raise KeyError("lost")

    try:
        inner("a value")
    except KeyError as problem:
        [line] = written([], ("failed", (), {}), problem=problem)

    assert line["where"].startswith("inner (unit/test_service_log.py:")
    assert "a value" not in json.dumps(line)


def test_what_cannot_be_said_is_told_as_such() -> None:
    [line] = written([], ("%d", ("no number",), {}))

    assert line["message"] == "a message could not be written"


class Stalled(io.RawIOBase):
    """A stream whose reader does not read until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.seen: list[bytes] = []

    def write(self, data: Any) -> int:
        self.go.wait(30)
        self.seen.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass


def test_a_reader_that_stalls_costs_lines_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST_LINES", 5)
    stream = Stalled()
    lines = log.Lines(stream)  # type: ignore[arg-type]
    for number in range(50):
        lines.put({"number": number})
    stream.go.set()
    lines.close(30)

    found = [json.loads(line) for line in b"".join(stream.seen).splitlines()]
    numbers = [line["number"] for line in found if "number" in line]
    assert numbers == list(range(len(numbers)))
    assert 5 <= len(numbers) <= 7
    assert [line["message"] for line in found if "message" in line] == [f"{50 - len(numbers)} lines were lost: nobody read them"]


def test_a_stream_that_is_gone_ends_nothing() -> None:
    stream = io.BytesIO()
    lines = log.Lines(stream)
    stream.close()
    lines.put({"number": 1})
    lines.close()
