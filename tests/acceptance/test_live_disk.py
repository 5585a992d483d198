"""What is answered 2xx is on disk: fsyncs of a real service are counted by a library that is loaded before libc."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fsync_counting import build, count, preloaded
from live_events import Tills
from live_service import Sender, service

LOCATION = str(uuid.UUID(int=1, version=4))
SECONDS_OF_QUIET = 0.5


def quiet(log: Path) -> int:
    """Wait until nothing was synced for a while: what the worker does with the event before is over. Gives the count."""
    found, since = count(log), time.monotonic()
    while time.monotonic() - since < SECONDS_OF_QUIET:
        if (now := count(log)) != found:
            found, since = now, time.monotonic()
        time.sleep(0.02)
    return found


@pytest.mark.timeout(120)
def test_between_a_request_and_its_2xx_the_disk_is_waited_for(tmp_path: Path) -> None:
    """Of each event that is new; one that is known needs no write."""
    shim = build(tmp_path)
    if shim is None:
        pytest.skip("no C compiler: fsyncs cannot be counted")
    log = tmp_path / "fsyncs"
    now = datetime.now(UTC)
    events = list(Tills(2, [LOCATION], (now - timedelta(hours=5)).date(), now).events(6, duplicates=0, reordered=0, malformed=0))
    variables = {name: value for name, value in preloaded(shim, log=log).items() if name in ("LD_PRELOAD", "FSYNC_LOG")}
    with service(tmp_path / "live", [LOCATION], **variables) as live:
        live.start()
        sender = Sender(live.port)
        synced = []
        for event in [*events, events[0]]:
            before = quiet(log)
            assert sender.send(event) == 200
            synced.append(count(log) - before)
        sender.close()

    assert [number > 0 for number in synced] == [True] * len(events) + [False]
