"""`kill -9` of `restaurant-os serve` before and after every commit boundary, on both stores of operations."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from live_books import Keeper, deliver, differences, tables, twice
from live_events import Tills
from live_service import Service, service
from restaurant_os.boundaries import OF_EVENTS
from warehouse_reading import read

LOCATIONS = [str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3)]
MOST_EVENTS = 2_000
#: Sent at once: of each piece there is a claim and a merge of its own.
PIECE = 10
#: The crossing at which it dies: the first one is of the first events, so some are in already.
TIMES = 2


@pytest.fixture(params=["sqlite", "postgres"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    if request.param == "sqlite":
        with service(tmp_path / "live", LOCATIONS) as found:
            yield found
        return
    with service(tmp_path / "live", LOCATIONS, RESTAURANT_OS_OPERATIONS=request.getfixturevalue("postgres_url")) as found:
        yield found


@pytest.mark.timeout(300)
def test_killed_at_every_boundary(live: Service) -> None:
    """Ten lives, each ended before or after a boundary, and one to the end: what was acknowledged is in effect once, and what cannot be read is in
    quarantine."""
    now = datetime.now(UTC)
    tills = Tills(3, LOCATIONS, (now - timedelta(hours=5)).date(), now)
    deaths = [(boundary, side, TIMES) for boundary in OF_EVENTS for side in ("before", "after")]
    malformed: set[str] = set()
    with Keeper(live, deaths) as keeper:
        stream = tills.events(MOST_EVENTS, malformed=0.1, is_over=lambda: keeper.starts > len(deaths))
        while piece := list(islice(stream, PIECE)):
            deliver(live, piece)
            live.settle()
            malformed |= {event.order_guid for event in piece if event.is_malformed}
        assert keeper.starts == len(deaths) + 1
    assert live.stop() == 0

    assert differences(tables(live), tills.books()) == []
    assert twice(live) == []
    waiting = {guid for (guid,) in read(live.warehouse, "SELECT record_guid FROM quarantine WHERE resolved_at IS NULL")}
    assert waiting == malformed
