"""The scheduler's jobs: each runs once when it is due, whichever replica has it, and what goes wrong with one harms no other."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_time import START
from property_profiles import examples, unlimited
from restaurant_os.errors import AccessError, BusyError, OperationsError, RestaurantOSError
from restaurant_os.live.scheduler import Scheduler
from restaurant_os.operations import JobRun
from restaurant_os.settings import Location
from scheduling import LEASE, MINUTE, Gate, Ward, looked, noting, waited, warded


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with warded(tmp_path) as found:
        yield found


# --- when -----------------------------------------------------------------------------------------------------------


def test_a_first_look_polls_at_once_and_then_on_the_grid(ward: Ward) -> None:
    """Orders and labor every five minutes, cash every fifteen, each at every location; nothing between."""
    asked, scheduler = noting(ward), ward.replica()
    found = []
    for _ in range(6):
        looked(scheduler)
        found.append(sorted(dataset for _, dataset, _ in asked))
        asked.clear()
        ward.pass_time(5 * MINUTE / 2)

    all_three, two = ["cash", "labor", "orders"], ["labor", "orders"]
    assert found == [all_three, [], two, [], two, []]
    looked(scheduler)
    assert sorted(asked) == [("A", dataset, ("North", "South")) for dataset in all_three]
    assert ward.runs() == [
        ("cash poll", "12:15", ""),
        ("labor poll", "12:15", ""),
        ("orders poll", "12:15", ""),
        ("retention", "12:00", ""),
    ]


def test_times_that_were_missed_count_once_the_latest_only(ward: Ward) -> None:
    """Everything was down for three hours: one poll of each when it is up again."""
    looked(ward.replica())
    ward.pass_time(3 * 60 * MINUTE + 7)
    ward.begun.clear()
    looked(ward.replica())

    assert sorted((run.job, f"{run.due:%H:%M}") for _, run in ward.begun) == [
        ("cash poll", "15:00"),
        ("labor poll", "15:00"),
        ("orders poll", "15:00"),
        ("retention", "15:00"),
    ]


def test_a_daily_time_that_was_missed_is_made_up_for_where_it_ran_before(tmp_path: Path) -> None:
    """Not on a store that never saw it: there the first poll brings those dates. Once it ran, a process that comes later runs it."""
    daily: dict[str, Any] = {
        "orders": "0 13 * * *",
        "timezone": "UTC",
        "orders_every_minutes": 0,
        "labor_every_minutes": 0,
        "cash_every_minutes": 0,
    }
    with warded(tmp_path, **daily) as ward:
        asked = noting(ward)
        looked(first := ward.replica())
        before = len(asked)
        ward.pass_time(61 * MINUTE)
        looked(first)
        ward.pass_time(25 * 60 * MINUTE)
        looked(ward.replica("B"))

        assert (before, asked) == (0, [("A", "orders", ("North", "South")), ("B", "orders", ("North", "South"))])


def test_without_a_login_there_is_retention_alone_and_that_is_said_once(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    """A summary-only install: no poll, and one line of the log says why."""
    scheduler = ward.replica(has_toast=False)
    with caplog.at_level(logging.INFO, "restaurant_os.live"):
        ran = threading.Thread(target=scheduler.run)
        ran.start()
        waited(lambda: ward.runs() != [])
        scheduler.stop()
        ran.join(30)

    assert not ran.is_alive()
    assert ward.runs() == [("retention", "12:00", "")]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == ["no polls of Toast: TOAST_CLIENT_ID and TOAST_CLIENT_SECRET are not set; retention alone is scheduled"]


# --- one thing at a time --------------------------------------------------------------------------------------------


def told(scheduler: Scheduler) -> list[bool]:
    """Whether each sync that runs was told to stop."""
    return [task.is_told for task in scheduler._tasks() if task.sync]


def test_datasets_run_side_by_side_and_none_overlaps_itself(ward: Ward) -> None:
    """While all three polls hang the next are due: none begins, and then one of each, the latest."""
    ward.answer = gate = Gate()
    scheduler = ward.replica()
    scheduler.look()
    waited(lambda: len(gate.inside) == 3)
    for _ in range(4):
        ward.pass_time(5 * MINUTE)
        scheduler.renew()
        scheduler.look()
    hung = sorted(gate.inside)
    gate.open.set()
    scheduler.finish()
    looked(scheduler)

    assert hung == [("A", "cash"), ("A", "labor"), ("A", "orders")]
    assert sorted((run.job, f"{run.due:%H:%M}") for run in ward.ended if run.job != "retention") == [
        (f"{dataset} poll", due) for dataset in ("cash", "labor", "orders") for due in ("12:00", "12:15" if dataset == "cash" else "12:20")
    ]


def test_of_two_replicas_one_runs_each(ward: Ward) -> None:
    """For an hour, whichever looks first."""
    asked = noting(ward)
    replicas = [ward.replica("A"), ward.replica("B")]
    for n in range(12):
        looked(*(replicas if n % 2 else replicas[::-1]))
        ward.pass_time(5 * MINUTE)

    assert sorted(dataset for _, dataset, _ in asked) == ["cash"] * 4 + ["labor"] * 12 + ["orders"] * 12
    assert {owner for owner, _, _ in asked} == {"A", "B"}
    assert len({(run.job, run.due) for run in ward.ended}) == len(ward.ended) == 29


def test_the_overtaken_one_stops_at_its_page_and_its_end_changes_nothing(ward: Ward) -> None:
    """A sleeps past its leases, B runs the same; A wakes, notices, and ends: B's runs stand."""
    ward.answer = gate = Gate()
    asleep = ward.replica("A")
    asleep.look()
    waited(lambda: len(gate.inside) == 3)
    ward.pass_time(LEASE + 1)
    asked = noting(ward)
    looked(ward.replica("B"))
    stood = ward.store.job_runs()
    asleep.renew()
    heard = told(asleep)
    gate.open.set()
    asleep.finish()

    assert sorted(asked) == [("B", dataset, ("North", "South")) for dataset in ("cash", "labor", "orders")]
    assert heard == [True] * 3
    assert [(run.job, run.owner, run.fence, run.error) for run in stood if run.job != "retention"] == [
        (f"{dataset} poll", "B", 2, "") for dataset in ("cash", "labor", "orders")
    ]
    assert ward.store.job_runs() == stood


def test_one_that_keeps_its_lease_is_not_overtaken(ward: Ward) -> None:
    """However long its sync takes."""
    ward.answer = gate = Gate()
    slow, other = ward.replica("A"), ward.replica("B")
    slow.look()
    waited(lambda: len(gate.inside) == 3)
    for _ in range(20):
        ward.pass_time(LEASE / 2)
        slow.renew()
        other.look()
        other.finish()
    gate.open.set()
    slow.finish()

    assert {owner for owner, _ in gate.inside} == {"A"}
    assert ward.overlaps == []


def test_a_lease_that_cannot_be_renewed_until_it_is_out_is_lost(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is away: for a while that is no reason, past the lease another may have begun."""
    ward.answer = gate = Gate()
    scheduler = ward.replica("A")
    scheduler.look()
    waited(lambda: len(gate.inside) == 3)

    def away(*_: object) -> bool:
        raise OperationsError("operations: away")

    monkeypatch.setattr(type(scheduler.operations), "renew_job", away)
    ward.pass_time(LEASE / 2)
    scheduler.renew()
    early = told(scheduler)
    ward.pass_time(LEASE)
    scheduler.renew()
    late = told(scheduler)
    gate.open.set()
    scheduler.finish()

    assert (early, late) == ([False] * 3, [True] * 3)


def test_what_a_stop_cut_short_is_given_back(ward: Ward) -> None:
    """A replica ends on request while its polls run: another has them at once, at the same due time, without waiting for a lease."""
    ward.answer = gate = Gate()
    leaving = ward.replica("A")
    leaving.look()
    waited(lambda: len(gate.inside) == 3)
    leaving.stop()
    gate.open.set()
    leaving.finish()
    asked = noting(ward)
    looked(ward.replica("B"))

    assert sorted(asked) == [("B", dataset, ("North", "South")) for dataset in ("cash", "labor", "orders")]
    assert [(run.job, run.due == START, run.owner) for run in ward.store.job_runs() if run.job != "retention"] == [
        (f"{dataset} poll", True, "B") for dataset in ("cash", "labor", "orders")
    ]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([1, 10, 29, 31, 100, 301, 1000])),
        st.tuples(st.sampled_from(["look", "renew", "finish", "die"]), st.integers(0, 1)),
    ),
    min_size=5,
    max_size=40,
)


class Gates:
    """A gate for each replica that lives."""

    def __init__(self) -> None:
        self.of: dict[str, threading.Event] = {}

    def __call__(self, owner: str, dataset: str, locations: Sequence[Location]) -> None:
        assert self.of[owner].wait(60)


class Replicas:
    """Two places, in each of which a replica lives until it is killed; then another comes."""

    def __init__(self, ward: Ward) -> None:
        self.ward, self.number, self.gates, self.dead = ward, 0, Gates(), list[Scheduler]()
        ward.answer = self.gates
        self.at = [self._born(), self._born()]

    def _born(self) -> Scheduler:
        self.number += 1
        owner = f"replica {self.number}"
        self.gates.of[owner] = threading.Event()
        return self.ward.replica(owner)

    def do(self, action: str, value: int) -> None:
        if action == "pass":
            self.ward.pass_time(value)
        elif action == "look":
            self.at[value].look()
        elif action == "renew":
            self.at[value].renew()
        elif action == "finish":
            self.finish(self.at[value])
        else:
            self.dead.append(self.at[value])
            self.at[value] = self._born()

    def finish(self, scheduler: Scheduler) -> None:
        gate = self.gates.of[scheduler.owner]
        gate.set()
        scheduler.finish()
        gate.clear()


@unlimited
@examples(2)
@given(ACTIONS)
def test_each_job_runs_once_at_each_due_time_whatever_happens(actions: list[tuple[str, int]]) -> None:
    """Two replicas look, renew, finish and die in any order while time passes: no job is ever begun while somebody's lease of it holds, no due
    time ends twice, none comes after a later one; the killed, woken at the end, change nothing."""
    with tempfile.TemporaryDirectory() as folder, warded(Path(folder), orders_every_minutes=5, labor_every_minutes=0) as ward:
        replicas = Replicas(ward)
        for action in actions:
            replicas.do(*action)
        for one in replicas.at:
            replicas.finish(one)
        ward.pass_time(LEASE + 301)
        looked_at = replicas.at[0]
        looked_at.look()
        replicas.finish(looked_at)
        stood = ward.store.job_runs()
        for one in replicas.dead:
            one.renew()
            replicas.finish(one)

        assert ward.overlaps == []
        assert len({(run.job, run.due) for run in ward.ended}) == len(ward.ended)
        for job in {run.job for run in ward.ended}:
            dues = [run.due for run in ward.ended if run.job == job]
            assert dues == sorted(dues)
        assert ward.store.job_runs() == stood
        assert all(run.finished_at for run in stood)


# --- what goes wrong ------------------------------------------------------------------------------------------------


def failing(error: RestaurantOSError | Exception, only: str = "") -> Any:
    def answer(owner: str, dataset: str, locations: Sequence[Location]) -> RestaurantOSError | None:
        if only and dataset != only:
            return None
        if not isinstance(error, RestaurantOSError):
            raise error
        return error

    return answer


def counted(scheduler: Scheduler, name: str) -> dict[str, float]:
    """A counter's values by their labels, those that are not nought."""
    lines = [line for line in scheduler.meters.text().decode().splitlines() if line.startswith(name + "_total{")]
    return {line.split("{")[1].split("}")[0]: float(line.split()[-1]) for line in lines if float(line.split()[-1])}


def test_a_failure_is_recorded_counted_and_tried_at_the_next_time(ward: Ward) -> None:
    """With its words and what to do; the other datasets go on."""
    ward.answer = failing(AccessError("Toast: the client lacks\x1b the scope orders:read.", next_step="Give it."), "orders")
    scheduler = ward.replica()
    looked(scheduler)
    failed = ward.runs()
    asked = noting(ward)
    ward.pass_time(5 * MINUTE)
    looked(scheduler)

    said = "North: Toast: the client lacks  the scope orders:read. (2 of 2 locations failed) Give it."
    assert failed == [("cash poll", "12:00", ""), ("labor poll", "12:00", ""), ("orders poll", "12:00", said), ("retention", "12:00", "")]
    assert [dataset for _, dataset, _ in asked] == ["orders", "labor"]
    assert counted(scheduler, "restaurant_os_jobs") == {
        'job="cash poll",result="done"': 1,
        'job="labor poll",result="done"': 2,
        'job="orders poll",result="failed"': 1,
        'job="orders poll",result="done"': 1,
        'job="retention",result="done"': 1,
    }


def test_a_fault_of_ours_is_recorded_without_its_text(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    """Which may hold anything, a secret too: its kind and place are enough."""
    ward.answer = failing(ValueError("postgresql://user:secret@host"), "orders")
    looked(ward.replica())

    [error] = [error for job, _, error in ward.runs() if job == "orders poll"]
    assert error.startswith("a fault of this program (ValueError at test_scheduler.py:")
    assert "secret" not in caplog.text


def test_a_sync_beside_is_no_failure_and_is_recorded(ward: Ward) -> None:
    """A command had the location's turn all the time."""
    ward.answer = failing(BusyError("sync of North: process 7 is doing it already; waited 30 s for it."), "orders")
    scheduler = ward.replica()
    looked(scheduler)

    assert 'job="orders poll",result="done"' in counted(scheduler, "restaurant_os_jobs")
    assert ("orders poll", "12:00") in [(job, due) for job, due, error in ward.runs() if "process 7 is doing it already" in error]


def test_a_store_that_is_away_ends_nothing(ward: Ward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once while it lasts, counted each time, and when it is back what is due runs."""
    scheduler = ward.replica()

    def away(*_: object) -> list[JobRun]:
        raise OperationsError("operations: the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(type(ward.store), "job_runs", away)
        for _ in range(5):
            scheduler.look()
    asked = noting(ward)
    looked(scheduler)

    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "scheduler: operations: the disk is gone"
    ]
    assert counted(scheduler, "restaurant_os_failures") == {'part="scheduler"': 5}
    assert len(asked) == 3


def test_every_end_of_a_job_is_a_line_of_the_log(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    """With its facts as fields of their own."""
    with caplog.at_level(logging.INFO, "restaurant_os.live"):
        looked(ward.replica())

    [told] = [record for record in caplog.records if getattr(record, "job", "") == "cash poll"]
    fields = ("due", "owner", "locations", "rows", "rows_added", "rows_changed", "seconds", "sync_ids", "error")
    assert [getattr(told, name) for name in fields] == ["2026-03-10T12:00:00+00:00", "A", 2, 6, 0, 0, 0.0, ["id", "id"], ""]
    assert told.name == "restaurant_os.live.scheduler"


# --- its own thread -------------------------------------------------------------------------------------------------


def test_a_stop_ends_it_and_its_syncs_soon(ward: Ward) -> None:
    """The thread that serves: polls begin by themselves, a stop reaches those that run, also one that was just beginning."""

    def until_told(owner: str, dataset: str, locations: Sequence[Location]) -> None:
        begun.append(dataset)
        [double] = [one for one in doubles if one.plan.dataset.name == dataset]
        assert double.stopped.wait(60)

    begun: list[str] = []
    ward.answer = until_told
    scheduler = ward.replica()
    doubles: list[Any] = list(scheduler._syncs.values())
    ran = threading.Thread(target=scheduler.run)
    ran.start()
    waited(lambda: len(begun) == 3)
    scheduler.stop()
    ran.join(30)

    assert not ran.is_alive()
    assert [run for run in ward.store.job_runs() if run.finished_at and run.job != "retention"] == []


def test_the_inbox_is_shown_on_the_gauges(ward: Ward) -> None:
    """Looked at every few seconds, whoever does the jobs."""
    scheduler = ward.replica()
    looked(scheduler)
    text = scheduler.meters.text().decode()

    assert 'restaurant_os_inbox_events{state="pending"} 0.0' in text
    assert "restaurant_os_inbox_oldest_seconds 0.0" in text


def test_the_first_look_is_at_the_start() -> None:
    """These tests count from an instant on every grid."""
    assert (START - datetime(1970, 1, 1, tzinfo=START.tzinfo)) % timedelta(minutes=60) == timedelta(0)
