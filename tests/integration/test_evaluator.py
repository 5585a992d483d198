"""When something is told, and when nothing is: days of a restaurant on a real warehouse and a real store, by the clock alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from evaluator_world import BAR, DISCORD, PAID, SLACK, TODAY, USUAL, Watched, at, only, watched
from restaurant_os import boundaries
from restaurant_os.alerting import Record
from restaurant_os.alerts import readings
from restaurant_os.errors import LockedError, OperationsError
from restaurant_os.live import evaluator as evaluating
from restaurant_os.live.evaluator import Evaluator
from restaurant_os.operations import Operations
from restaurant_os.settings import Location
from restaurant_os.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def bar(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as found:
        yield found


# --- a store that posts its totals ------------------------------------------------------------------------------------


def test_two_posts_are_told_once_and_again_when_it_recovered(bar: Watched) -> None:
    """The README's: 5,000 of sales, 1,500 of labor over 75 hours."""
    bar.now = at("14:00")
    bar.posts(sold="5000", cost="1500")

    [(kind, title)] = bar.sees("14:00")
    [delivery] = bar.operations.deliveries()
    assert kind == "opened"
    assert "30.0 %" in title
    assert dict(delivery.message.fields)["CPLH"] == "$20.00"

    bar.posts(sold="5000", cost="1500")
    assert bar.sees("14:01") == []

    bar.posts(cost="1200")
    assert [kind for kind, _ in bar.sees("14:02")] == ["recovered"]
    assert [(own.state, own.messages) for own in bar.incidents()] == [("recovered", 2)]


def test_it_is_told_by_its_own_commit_without_waiting_for_a_minute(bar: Watched) -> None:
    """A look at the same instant sees what was committed since."""
    assert bar.sees("14:00") == []
    bar.posts(sold="5000", cost="1500")

    assert [kind for kind, _ in bar.sees("14:00")] == ["opened"]


def test_a_store_that_stands_nowhere_in_the_settings_is_looked_at_too(bar: Watched) -> None:
    assert bar.sees("14:00") == []
    bar.posts(sold="5000", cost="1500", store="store 7")

    assert [(kind, "store 7" in title) for kind, title in bar.sees("14:00")] == [("opened", True)]


def test_flutter_about_the_level_is_told_once(bar: Watched) -> None:
    """24.9 is no longer over, and not yet clear: nothing opens anew."""
    told = []
    for number in range(20):
        bar.posts(sold="1000", cost="251" if number % 2 == 0 else "249")
        told += bar.sees(at("12:00") + timedelta(minutes=10 * number))

    assert [kind for kind, _ in told] == ["opened"]


def test_an_edit_follows_where_the_channel_can(tmp_path: Path) -> None:
    """26 to 27 is not worse by three points: the message that was sent is changed, and only where that can be."""
    with watched(tmp_path, channels=(SLACK, DISCORD)) as bar:
        bar.posts(sold="1000", cost="260")
        bar.sees("12:00")
        bar.posts(cost="270")
        bar.sees("12:01")

        assert [(own.channel, own.is_edit, own.message.kind) for own in reversed(bar.operations.deliveries())] == [
            ("slack", False, "opened"),
            ("discord", False, "opened"),
            ("discord", True, "changed"),
        ]


# --- what is not of today ---------------------------------------------------------------------------------------------


def test_a_backfill_of_a_year_tells_nothing_and_is_cleared(bar: Watched) -> None:
    for days in range(1, 366):
        bar.now = at("12:00")
        if days % 73 == 0:
            bar.posts(sold="1000", cost="400", day=TODAY - timedelta(days=days))
    with bar.rows() as rows:
        for days in range(1, 366):
            bar.sold(rows, TODAY - timedelta(days=days), BAR, {12: 100})
    [(last,)] = bar.warehouse.rows("SELECT max(sequence) FROM changed_days")

    assert bar.sees("12:00") == []
    assert (bar.operations.incidents(), bar.operations.mark("alerts")) == ([], last)


def test_yesterday_read_again_in_the_night_tells_nothing(bar: Watched) -> None:
    """At 05:00 yesterday is over, whatever comes in of it."""
    bar.posts(sold="5000", cost="1000", day=TODAY - timedelta(days=1))
    assert bar.sees("04:59") == []
    bar.posts(cost="2500", day=TODAY - timedelta(days=1))

    assert bar.sees("05:00") == []
    assert bar.incidents() == []


def test_today_ends_with_its_closeout_and_the_incident_with_it(tmp_path: Path) -> None:
    """At 02:00 it is still today; after 04:00 it is closed for good, by an edit and no new message."""
    with watched(tmp_path, channels=(SLACK, DISCORD)) as bar:
        bar.posts(sold="5000", cost="1500")
        assert [kind for kind, _ in bar.sees("02:00")] == ["opened", "opened"]
        assert bar.sees("03:59") == []
        after = bar.sees(at("03:59") + timedelta(minutes=2))
        bar.posts(cost="1900")

        assert [kind for kind, _ in after] == ["changed"]
        assert [own.state for own in bar.incidents()] == ["closed"]
        assert bar.sees(at("03:59") + timedelta(minutes=5)) == []


# --- a day of facts ---------------------------------------------------------------------------------------------------


def test_five_cooks_since_eight_and_one_coffee_sold_are_no_alert(bar: Watched) -> None:
    """At 10:00 next to nothing of a usual day is in."""
    bar.usual_weeks()
    with bar.rows() as rows:
        bar.begin_today(rows)
        bar.sold(rows, TODAY, BAR, {9: 4})
        for _ in range(5):
            bar.worked(rows, TODAY, BAR, {8: PAID, 9: PAID})
        bar.polled(rows, at("10:00"))

    assert bar.through("09:00", "10:30") == []
    assert bar.incidents() == []


def test_a_dead_afternoon_without_a_single_event_is_told(bar: Watched) -> None:
    """After 13:00 nothing is sold and nothing comes in; polls say that this is so."""
    bar.usual_weeks()
    with bar.rows() as rows:
        bar.begin_today(rows)
        bar.sold(rows, TODAY, BAR, {clock: amount for clock, amount in USUAL.items() if clock < 13})
        bar.worked(rows, TODAY, BAR, dict.fromkeys(USUAL, PAID))
        bar.polled(rows, at("22:00"))
    assert bar.through("12:00", "13:00", 15) == []

    told = bar.through("13:00", "21:00", 15)

    assert [kind for _, kind, _ in told][:1] == ["opened"]
    assert "14:00" < told[0][0] < "18:00"
    assert len(told) <= 2


def test_a_usual_day_is_quiet_from_morning_to_night(bar: Watched) -> None:
    bar.usual_weeks()
    with bar.rows() as rows:
        bar.begin_today(rows)
        bar.sold(rows, TODAY, BAR, USUAL)
        bar.worked(rows, TODAY, BAR, dict.fromkeys(USUAL, PAID))
        bar.polled(rows, at("03:59"))

    assert bar.through("08:00", "23:00", 45) == []


def test_a_summary_that_facts_replace_at_noon_neither_clears_nor_opens_at_once(bar: Watched) -> None:
    """30 % as posted, 20 % by the facts: that it is over is told when it has held for a quarter of an hour on them."""
    lively = {**USUAL, 8: 200, 9: 200, 10: 200}
    bar.usual_weeks(sold=lively)
    bar.now = at("11:00")
    bar.posts(sold="1000", cost="300")
    assert [kind for kind, _ in bar.sees("11:00")] == ["opened"]
    with bar.rows() as rows:
        bar.sold(rows, TODAY, BAR, lively)
        bar.worked(rows, TODAY, BAR, dict.fromkeys(USUAL, PAID))
        bar.polled(rows, at("22:00"))

    told = bar.through("12:00", "13:00")

    assert [(clock, kind) for clock, kind, _ in told] == [("12:15", "recovered")]


def test_a_closed_monday_is_not_late(tmp_path: Path) -> None:
    """Neither is a day that is closed by its date; one that is open is."""
    closed = BAR.model_copy(update={"closed_weekdays": ("tuesday",)})
    for number, (place, is_told) in enumerate(((closed, False), (BAR, True))):
        folder = tmp_path / str(number)
        folder.mkdir()
        with watched(folder, rules=only("data-late"), places=(place,)) as bar:
            bar.usual_weeks()
            told = bar.through("08:00", "20:00", 180)

            assert bool(told) == is_told, told


# --- again, at once, and after a crash --------------------------------------------------------------------------------


def test_a_look_taken_twice_changes_nothing(bar: Watched) -> None:
    """By the same evaluator, and by a new one that knows nothing of it."""
    bar.posts(sold="5000", cost="1500")
    bar.sees("14:00")
    incidents, deliveries, mark = bar.operations.incidents(), bar.operations.deliveries(), bar.operations.mark("alerts")

    for own in (bar.evaluator(), bar.evaluator()):
        own.look()

    assert (bar.operations.incidents(), bar.operations.deliveries(), bar.operations.mark("alerts")) == (incidents, deliveries, mark)


def test_two_evaluators_at_once_make_one_incident_and_one_message(bar: Watched) -> None:
    """Each with a store of its own, as two replicas have them."""
    bar.posts(sold="5000", cost="1500")
    stores = [bar.opened() for _ in range(2)]
    evaluators = [bar.evaluator(store) for store in stores]
    together = threading.Barrier(len(stores))

    def look(own: Evaluator) -> None:
        together.wait()
        own.look()

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(look, evaluators))
    for store in stores:
        store.close()

    assert [(own.state, own.messages) for own in bar.incidents()] == [("open", 1)]
    assert [own.message.kind for own in bar.operations.deliveries()] == ["opened"]


@pytest.mark.parametrize("boundary", ["incident", "outbox"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_crash_at_the_commit_loses_nothing_and_doubles_nothing(bar: Watched, boundary: str, side: str) -> None:
    """Whether it was just before or just after, the next look leaves one incident, one message and the same mark."""
    bar.posts(sold="5000", cost="1500")

    def die(at_boundary: str, at_side: str) -> None:
        if (at_boundary, at_side) == (boundary, side):
            boundaries.watch(None)
            raise RuntimeError("died")

    boundaries.watch(die)
    try:
        with suppress(RuntimeError, OperationsError):
            bar.evaluator().look()
    finally:
        boundaries.watch(None)
    bar.evaluator().look()

    assert [(own.state, own.messages) for own in bar.incidents()] == [("open", 1)]
    assert [own.message.kind for own in bar.operations.deliveries()] == ["opened"]
    assert bar.operations.mark("alerts") == bar.warehouse.rows("SELECT max(sequence) FROM changed_days")[0][0]


def test_a_look_that_takes_longer_than_a_minute_comes_to_every_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes there, so that only the look at all finds it; a minute is over after each part of it."""
    monkeypatch.setattr(evaluating, "AT_ONCE", 1)
    places = [BAR, *(neighbour(number) for number in range(2))]
    with watched(tmp_path, places=places) as own:
        for place in places:
            own.posts(sold="5000", cost="1500", store=place)
        [(last,)] = own.warehouse.rows("SELECT max(sequence) FROM changed_days")
        assert own.operations.record(Record(mark=("alerts", last)))
        slow = own.evaluator()
        for number in range(3):
            own.now = at("14:00") + timedelta(minutes=2 * number)
            slow._turn()  # a whole look would not end
        assert sorted(one.location for one in own.incidents()) == sorted(place.toast_guid for place in places)


def neighbour(number: int) -> Location:
    return BAR.model_copy(update={"toast_guid": f"{number}" + BAR.toast_guid[1:], "store_id": f"other-{number}", "name": f"Other {number}"})


def test_what_others_were_quicker_at_every_time_is_looked_at_again_without_another_change(bar: Watched) -> None:
    rival = Rival(bar.operations)
    own = bar.evaluator(cast(Operations, rival))
    own.look()
    bar.posts(sold="5000", cost="1500")
    rival.times = 4
    assert (own.look().opened, own.look().opened, rival.times) == (0, 1, 0)


@dataclass
class Rival:
    """A store on which another replica was quicker, so many times."""

    store: Operations
    times: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def record(self, record: Record) -> bool:
        if self.times:
            self.times -= 1
            return False
        return self.store.record(record)


# --- what is away -----------------------------------------------------------------------------------------------------


def test_a_warehouse_that_is_held_is_waited_for_and_nothing_is_cleared(bar: Watched) -> None:
    bar.posts(sold="5000", cost="1500")
    bar.warehouse.wait_seconds = 0.0
    own = bar.evaluator()
    with bar.rows(), pytest.raises(LockedError):
        own.look()
    assert bar.operations.mark("alerts") == 0

    assert (own.look().opened, bar.operations.mark("alerts")) == (1, 1)


def test_a_warehouse_that_was_replaced_is_read_from_its_beginning(bar: Watched) -> None:
    """Its sequences begin again: the mark is beyond them all."""
    assert bar.operations.record(Record(mark=("alerts", 10_000)))
    bar.posts(sold="5000", cost="1500")

    assert [kind for kind, _ in bar.sees("14:00")] == ["opened"]
    assert bar.operations.mark("alerts") == 1


def test_a_rule_that_cannot_be_read_is_counted_and_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setitem(readings.MEASURES, "drawer_over_short", broken)
    with watched(tmp_path, rules=only("labor-percent", "cash-over-short")) as bar:
        bar.posts(sold="5000", cost="1500")

        assert [kind for kind, _ in bar.sees("14:00")] == ["opened"]
        # What changed, then all that is open.
        counted = bar.meters.text().decode()
        for name, number in (("alert_evaluations", 2), ("alert_readings_failed", 1), ("incidents_opened", 1)):
            assert f"restaurant_os_{name}_total {number}.0" in counted


def test_without_a_channel_incidents_are_kept_all_the_same(tmp_path: Path) -> None:
    with watched(tmp_path, channels=()) as bar:
        bar.posts(sold="5000", cost="1500")

        assert bar.sees("14:00") == []
        assert [(own.state, own.messages) for own in bar.incidents()] == [("open", 1)]


# --- the morning summary ----------------------------------------------------------------------------------------------


def test_the_morning_summary_is_sent_once_by_whichever_replica_comes_first(tmp_path: Path) -> None:
    """At 07:00 on the location's clock; a replica that begins later that morning does not send it again, and one that was never there before none."""
    with watched(tmp_path, rules=only(), now=at("06:30")) as bar:
        bar.given["alerts"] |= {"flash": "0 7 * * *"}
        bar.posts(sold="5000", cost="1000", day=TODAY - timedelta(days=1))
        assert bar.sees("06:59") == []

        told = bar.sees("07:00")
        other = bar.evaluator()
        bar.now = at("07:02")
        other.look()
        tomorrow = bar.sees(at("07:00") + timedelta(days=1))

        assert [kind for kind, _ in told] == ["flash"]
        assert [kind for kind, _ in tomorrow] == ["flash"]
        assert len(bar.operations.deliveries()) == 2


# --- as a part of the service -----------------------------------------------------------------------------------------


def test_a_commit_wakes_it_and_a_stop_ends_it(bar: Watched) -> None:
    own = bar.evaluator()
    thread = threading.Thread(target=own.run)
    thread.start()
    try:
        bar.posts(sold="5000", cost="1500")
        own.changed()
        give_up = time.monotonic() + 60
        while not bar.operations.deliveries():
            assert time.monotonic() < give_up
            time.sleep(0.01)
    finally:
        own.stop()
        thread.join(60)
    assert not thread.is_alive()


def test_another_process_s_commit_is_found_by_itself(bar: Watched) -> None:
    """Without a word of it."""
    other = DuckDBWarehouse(bar.path, wait_seconds=30, memory_limit="128MB")
    own = bar.evaluator(warehouse=other)
    thread = threading.Thread(target=own.run)
    thread.start()
    try:
        bar.posts(sold="5000", cost="1500")
        give_up = time.monotonic() + 60
        while not bar.operations.deliveries():
            assert time.monotonic() < give_up
            time.sleep(0.01)
    finally:
        own.stop()
        thread.join(60)
        other.close()
    assert not thread.is_alive()
