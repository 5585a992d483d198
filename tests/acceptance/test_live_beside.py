"""Syncs and a backfill of other processes beside a busy `restaurant-os serve`, all in one DuckDB file."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from live_books import Delivery, deliver, tables
from live_books import differences as live_differences
from live_events import Tills
from live_service import service, settings_of
from restaurant_desk import command
from toast_simulator import LAST_DAY, simulating
from warehouse_reading import daily_sales, differences

LOCATIONS = [str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3)]
FIRST_DAY = LAST_DAY - timedelta(days=5)
MOST_EVENTS = 100_000


@pytest.mark.timeout(400)
def test_commands_beside_a_busy_service(tmp_path: Path) -> None:
    """Events come without a pause until the commands are done; the commands end well, and both halves equal their books."""
    folder = tmp_path / "live"
    folder.mkdir()
    now = datetime.now(UTC)
    tills = Tills(9, LOCATIONS, (now - timedelta(hours=5)).date(), now)
    with simulating(locations=2, days=6, demand=0.3) as toast:
        guids = [location.toast_guid for location in toast.locations()]
        own = f'[toast]\nbase_url = "{toast.url}"\npacing = "documented"\n'
        (folder / "restaurant-os.toml").write_text(settings_of([*guids, *LOCATIONS], own))
        with service(folder, guids) as live:
            live.start()
            done = threading.Event()
            seen: list[Delivery] = []

            def until_done() -> None:
                seen.append(deliver(live, tills.events(MOST_EVENTS, is_over=done.is_set), senders=2))

            busy = threading.Thread(target=until_done)
            busy.start()
            try:
                ended = [
                    command(folder, "sync", "orders", "--location", guids[0], "--from", str(LAST_DAY), "--to", str(LAST_DAY)),
                    command(folder, "backfill", "orders", "--location", guids[0], "--from", str(FIRST_DAY), "--to", str(LAST_DAY)),
                    command(folder, "backfill", "orders", "--location", guids[1], "--from", str(FIRST_DAY), "--to", str(LAST_DAY)),
                ]
            finally:
                done.set()
                busy.join()
            live.settle()
            assert [(one.returncode, one.stderr[-500:]) for one in ended if one.returncode] == []
            assert live.stop() == 0
        assert seen[0].statuses[200] > 100
        theirs = {key: value for key, value in toast.books().items() if key[1] >= FIRST_DAY}
        ours = daily_sales(live.warehouse)
        assert differences({key: value for key, value in ours.items() if key[0] in guids}, theirs) == []
        live_tables = {guid: figures for guid, figures in tables(live).items() if guid in LOCATIONS}
        assert live_differences(live_tables, tills.books()) == []
