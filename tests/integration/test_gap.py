"""A gap in what came is shown while it lasts, and closed by the next poll."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ledger_world import changes, hour, record, whole_day
from orders_world import NORTH, SOUTH, open_warehouse
from restaurant_desk import PATIENT, Desk, desk
from restaurant_os.alerting import ChannelHealth, Incident
from restaurant_os.app import App, build_app
from restaurant_os.errors import OperationsError, StoppedError
from restaurant_os.live.meters import Meters
from restaurant_os.live.status import LiveStatus, live_as_json, live_status
from restaurant_os.operations import Arrival, InboxState, JobRun, Operations
from restaurant_os.settings import Settings, load, load_without_file
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from scheduling import looked
from toast_simulator import CREDENTIALS, Toast, simulating
from warehouse_reading import daily_sales, read

NIGHTLY_OFF = '[schedule]\norders = "off"\ncash = "off"\nlabor = "off"\nconfig = "off"\nreread = "off"\ncloseouts = false'


@dataclass
class ApiClock:
    """The simulator's present, as if this machine's."""

    toast: Toast

    def now(self) -> datetime:
        assert self.toast.simulator is not None
        return self.toast.simulator.clock.api()

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        if seconds > 60:
            raise StoppedError("no call of these tests waits so long")


@contextmanager
def serving(group: Desk) -> Iterator[App]:
    """The app of a service, in the simulator's time; its store is closed at the end."""
    credentials = {key.lower(): SecretStr(value) for key, value in CREDENTIALS.items()}
    settings = load(group.settings).model_copy(update=credentials)
    app = build_app(settings, retry=PATIENT, token_folder=group.folder / "tokens", clock=ApiClock(group.toast))
    try:
        yield app
    finally:
        app.operations.close()
        if "toast" in vars(app):
            app.toast.http.close()


def status_of(app: App) -> LiveStatus:
    return live_status(app.warehouse, app.settings, app.locations(), app.operations, app.clock.now())


def late(app: App) -> set[tuple[str, str]]:
    return {(reach.location.name, reach.dataset) for reach in status_of(app).reaches if reach.is_late}


def test_webhooks_off_for_two_hours(tmp_path: Path) -> None:
    """No event comes: status says how far each location is known and since when none came; the next poll makes the tables equal to the books."""
    with simulating(locations=2, days=1) as toast:
        toast.advance(timedelta(hours=9))
        group = desk(tmp_path / "group", toast, NIGHTLY_OFF, "labor_every_minutes = 0", begun=True)
        with serving(group) as app:
            scheduler = app.scheduler(Meters())
            looked(scheduler)
            first = (daily_sales(group.warehouse) == toast.books(), late(app))
            last_event = app.clock.now() - timedelta(minutes=2)
            guid = app.locations()[0].toast_guid
            asyncio.run(
                app.operations.accept(Arrival(source="toast", kind="order_updated", location=guid, body=b"{}", received_at=last_event))
            )

            before = toast.books()
            toast.advance(timedelta(hours=2))
            found = status_of(app)
            notes, gap = found.notes(), late(app)
            missing = daily_sales(group.warehouse) != toast.books()

            looked(scheduler)
            after = (daily_sales(group.warehouse) == toast.books(), late(app))

        assert toast.books() != before, "nothing was sold in these two hours, so this shows nothing"
        assert first == after == (True, set())
        assert missing
        assert gap == {(name, dataset) for name in ("North", "East") for dataset in ("orders", "cash")}
        at = r"(\d{4}-\d\d-\d\d )?\d\d:\d\dZ"
        assert re.fullmatch(rf"North: orders known up to {at}, 2 h behind; last event {at}", notes[0]), notes[0]
        assert re.fullmatch(rf"East: orders known up to {at}, 2 h behind; no event yet", notes[2]), notes[2]
        assert len(notes) == 4


def test_a_poll_follows_an_api_whose_clock_was_set(tmp_path: Path) -> None:
    """In one process for hours: each poll learns the API's present anew, so none stops at the one that the first saw."""
    with simulating(locations=1, days=1) as toast:
        group = desk(tmp_path / "group", toast, NIGHTLY_OFF, begun=True)
        with serving(group) as app:
            app.sync("orders").run(app.locations(), None, _Silent())
            app.clock = app.toast.http.clock = _StoodStill(app.clock.now())
            for _ in range(2):
                toast.advance(timedelta(hours=5))
                app.sync("orders").run(app.locations(), None, _Silent())
            [(mark,)] = read(group.warehouse, "SELECT max(window_end) FROM sync_runs WHERE window_kind = 'modified'")

        assert toast.simulator is not None
        assert toast.simulator.clock.api() - mark < timedelta(minutes=5)


class _Silent:
    def planned(self, windows: int) -> None: ...
    def page(self, location: object, new_rows: int) -> None: ...
    def window_read(self, location: object) -> None: ...


@dataclass
class _StoodStill:
    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...


def test_the_command_shows_it_and_makes_no_store(tmp_path: Path) -> None:
    """Where no service ran: how far each location is known, nothing late, no file made by looking; the dates stay a list."""
    with simulating(locations=1, days=1) as toast:
        group = desk(tmp_path / "group", toast, begun=True)
        group.sync()
        shown, live, days = (group.run("status", *more) for more in ((), ("--live", "--json"), ("--json",)))

    assert [done.returncode for done in (shown, live, days)] == [0, 0, 0], [done.stderr for done in (shown, live, days)]
    document = json.loads(live.stdout)
    assert "known up to" in shown.stdout
    assert "behind" not in shown.stdout
    assert [(row["location"], row["dataset"], row["known_up_to"] is None) for row in document["known"]] == [
        ("North", "orders", False),
        ("North", "cash", True),
        ("North", "labor", True),
        ("North", "config", True),
    ]
    assert (document["inbox"], document["jobs"], document["notes"]) == (None, [], [])
    assert {row["dataset"] for row in json.loads(days.stdout)} == {"orders"}
    assert list(group.folder.glob("*.sqlite*")) == []


# --- how far, by hand -----------------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_without_file(tmp_path, locations=(NORTH, SOUTH))


def known_up_to(warehouse: DuckDBWarehouse, settings: Settings, now: float) -> dict[tuple[str, str], Any]:
    found = live_status(warehouse, settings, list(settings.locations), None, hour(now))
    return {(reach.location.name, reach.dataset): reach.up_to for reach in found.reaches if reach.up_to}


def test_changes_are_known_up_to_the_end_of_their_chain(warehouse: DuckDBWarehouse, settings: Settings) -> None:
    """A window beyond a gap, an unstable one and a day read since do not move it."""
    record(warehouse, changes(0, 2), changes(2, 3), changes(3, 4, "unstable"), changes(5, 6), whole_day(hour(0).date(), 7))

    assert known_up_to(warehouse, settings, 8) == {("North", "orders"): hour(3)}


def test_whole_dates_are_known_up_to_their_reading_or_their_end(warehouse: DuckDBWarehouse, settings: Settings) -> None:
    """Of cash: the open day up to when it was read; a day that closed before that up to its closeout, and nothing of the next."""
    today, yesterday = hour(0).date(), hour(-24).date()
    record(warehouse, whole_day(yesterday, 5, dataset="cash"), whole_day(yesterday, 5, dataset="cash", location=SOUTH))
    record(warehouse, whole_day(today, 6, dataset="cash"))

    assert known_up_to(warehouse, settings, 8) == {
        ("North", "cash"): hour(6),
        ("South", "cash"): SOUTH.business_day.bounds(yesterday)[1],
    }


@dataclass
class StoreDouble:
    """Of the store only what a look asks."""

    state: InboxState = field(default_factory=lambda: InboxState(0, 0, 0, None, {}))
    runs: tuple[JobRun, ...] = ()
    open_incidents: tuple[Incident, ...] = ()
    health: tuple[ChannelHealth, ...] = ()
    is_away: bool = False

    def inbox(self) -> InboxState:
        if self.is_away:
            raise OperationsError("operations: away", next_step="Look at it.")
        return self.state

    def job_runs(self) -> list[JobRun]:
        return list(self.runs)

    def incidents(self, **wanted: object) -> list[Incident]:
        return list(self.open_incidents)

    def channels(self) -> list[ChannelHealth]:
        return list(self.health)


def asked(warehouse: DuckDBWarehouse, settings: Settings, store: StoreDouble, now: datetime) -> LiveStatus:
    operations: Operations = store  # type: ignore[assignment]
    return live_status(warehouse, settings, [NORTH], operations, now)


def test_late_is_more_than_two_polls_behind(warehouse: DuckDBWarehouse, settings: Settings) -> None:
    """Ten minutes for orders, thirty for cash; to the second."""
    record(warehouse, changes(0, 1), changes(0, 1, dataset="labor"), whole_day(hour(0).date(), 1, dataset="cash"))

    def words(minutes: float) -> list[str]:
        return asked(warehouse, settings, StoreDouble(), hour(1) + timedelta(minutes=minutes)).notes()

    late_orders, late_labor = (f"North: {name} known up to 10:00Z, 10 min behind; no event yet" for name in ("orders", "labor"))
    assert words(10) == []
    assert words(10 + 1 / 60) == [late_orders, late_labor]
    assert [note.split(" known")[0] for note in words(31)] == ["North: orders", "North: cash", "North: labor"]


def test_events_count_for_the_location_that_their_sender_meant(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    """By GUID or by store id; of several the last."""
    north = NORTH.model_copy(update={"store_id": "S-1"})
    settings = load_without_file(tmp_path, locations=(north,))
    state = InboxState(2, 1, 3, hour(1), {NORTH.toast_guid: hour(2), "S-1": hour(3), "elsewhere": hour(4)})
    found = live_as_json(asked(warehouse, settings, StoreDouble(state), hour(5)))

    assert {row["last_event_at"] for row in found["known"]} == {hour(3)}
    received = {NORTH.toast_guid: hour(3), "elsewhere": hour(4)}
    assert found["inbox"] == {"pending": 2, "claimed": 1, "quarantined": 3, "oldest_pending_at": hour(1), "received": received}


def test_a_job_that_failed_says_so(warehouse: DuckDBWarehouse, settings: Settings) -> None:
    """The last run of each job; one without an error is no note."""
    runs = (JobRun("orders poll", hour(1), "A", 1, hour(1), hour(1), "no\x1b access"), JobRun("cash poll", hour(1), "A", 1, hour(1)))
    found = asked(warehouse, replace_polls(settings), StoreDouble(runs=runs), hour(2))

    assert found.notes() == ["orders poll, due 10:00Z: no  access"]
    assert [(row["job"], row["finished_at"], row["error"]) for row in live_as_json(found)["jobs"]] == [
        ("orders poll", hour(1), "no\x1b access"),
        ("cash poll", None, ""),
    ]


def test_a_channel_that_is_dead_says_so_and_open_incidents_are_counted(warehouse: DuckDBWarehouse, settings: Settings) -> None:
    health = (
        ChannelHealth(channel="slack", disabled="HTTP 404", disabled_at=hour(1), last_error="HTTP 404"),
        ChannelHealth(channel="discord"),
    )
    incident = Incident(rule="labor-percent", location="x", period=hour(0).date(), state="open", since=hour(1), updated_at=hour(1))
    found = asked(warehouse, replace_polls(settings), StoreDouble(open_incidents=(incident, incident), health=health), hour(2))

    assert found.notes() == ["slack: nothing is sent to it any more: HTTP 404"]
    as_json = live_as_json(found)
    assert as_json["open_incidents"] == 2
    alive = {"disabled": None, "disabled_at": None, "not_before": None, "last_sent_at": None, "last_error": None}
    assert as_json["channels"] == [
        {"channel": "slack", **alive, "disabled": "HTTP 404", "disabled_at": hour(1), "last_error": "HTTP 404"},
        {"channel": "discord", **alive},
    ]


def replace_polls(settings: Settings) -> Settings:
    """Without polls nothing is late."""
    off = dict.fromkeys(("orders_every_minutes", "labor_every_minutes", "cash_every_minutes"), 0)
    return settings.model_copy(update={"schedule": settings.schedule.model_copy(update=off)})


def test_a_store_that_is_away_is_said_and_the_rest_is_shown(warehouse: DuckDBWarehouse, settings: Settings) -> None:
    """How far each dataset is known needs the warehouse alone."""
    record(warehouse, changes(0, 1))
    found = asked(warehouse, replace_polls(settings), StoreDouble(is_away=True), hour(1))

    assert found.notes() == ["operations: away Look at it."]
    assert (found.inbox, found.reaches[0].up_to) == (None, hour(1))
    assert replace(found, problem="").notes() == []
