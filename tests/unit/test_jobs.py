"""The jobs of a service: which there are, and when each was last due, by the settings and the wall clock alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_world import NORTH, SOUTH
from restaurant_os.batch import BUSINESS_DATE
from restaurant_os.live.jobs import DueTimes, Job, RereadPlan, every, jobs_of, latest
from restaurant_os.live.schedule import closeout_after, cron_after
from restaurant_os.pipeline.plans import NOTHING_KNOWN, CashPlan, Known
from restaurant_os.settings import Location, ScheduleSettings, Settings, load_without_file

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 3, 10, 12, 2, 30, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EAST = NORTH.model_copy(update={"name": "East", "toast_guid": "aaaaaaaa-0000-4000-8000-000000000003"})
INSTANTS = st.timedeltas(timedelta(0), timedelta(days=1800)).map(lambda passed: datetime(2024, 1, 1, tzinfo=UTC) + passed)


def settings_of(*locations: Location, **schedule: object) -> Settings:
    return load_without_file(Path("nowhere"), locations=locations, schedule=ScheduleSettings.model_validate(schedule))


def local(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=NEW_YORK, fold=fold).astimezone(UTC)  # type: ignore[arg-type,misc]


# --- due times ------------------------------------------------------------------------------------------------------


def test_polls_are_due_on_one_grid_everywhere() -> None:
    """Whole steps since 1970 in UTC, so that no replica counts from its own start."""
    assert latest(every(5), NOON) == datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert latest(every(5), NOON.replace(minute=5, second=0)) == datetime(2026, 3, 10, 12, 5, tzinfo=UTC)
    assert every(5)(datetime(2026, 3, 10, 12, 5, tzinfo=UTC)) == datetime(2026, 3, 10, 12, 10, tzinfo=UTC)


@given(INSTANTS, st.sampled_from([1, 5, 7, 15, 60, 1440]), st.timedeltas(timedelta(0), timedelta(minutes=30)))
def test_two_clocks_within_one_step_say_the_same(now: datetime, minutes: int, later: timedelta) -> None:
    """Whoever looks after a due time and before the next names that one."""
    due = latest(every(minutes), now)
    assert due is not None
    assert due <= now < due + timedelta(minutes=minutes)
    if now + later < due + timedelta(minutes=minutes):
        assert latest(every(minutes), now + later) == due


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("30 5 * * *", local(2026, 3, 10, 12), local(2026, 3, 10, 5, 30)),
        ("30 5 * * *", local(2026, 3, 10, 5), local(2026, 3, 9, 5, 30)),
        # March 8 has no 02:30: it comes at three; November 1 has 01:30 twice: the first counts.
        ("30 2 * * *", local(2026, 3, 8, 2, 59), local(2026, 3, 8, 3)),
        ("30 1 * * *", local(2026, 11, 1, 1, 45, fold=1), local(2026, 11, 1, 1, 30)),
        ("0 3 * * 0", local(2026, 3, 14, 12), local(2026, 3, 8, 3)),
        ("0 3 1 1 *", local(2026, 3, 14, 12), local(2026, 1, 1, 3)),
        ("0 0 29 2 *", local(2026, 3, 14, 12), None),
    ],
)
def test_the_last_time_of_a_cron(cron: str, now: datetime, expected: datetime | None) -> None:
    """The latest that has passed; one that has not come for more than a year counts as none."""
    assert latest(cron_after(cron, NEW_YORK), now) == expected


@given(INSTANTS)
def test_the_last_closeout_lies_in_the_last_day(now: datetime) -> None:
    """An hour after the closeout of a location, on days of 23 and 25 hours too."""
    due = latest(closeout_after(NORTH, timedelta(hours=1)), now)
    assert due is not None
    last = NORTH.business_day.last_closed(now - timedelta(hours=1))
    assert due == NORTH.business_day.bounds(last)[1] + timedelta(hours=1)


@given(INSTANTS, st.lists(st.timedeltas(-timedelta(hours=8), timedelta(hours=8)), max_size=8))
def test_what_is_remembered_of_due_times_changes_none(start: datetime, moves: list[timedelta]) -> None:
    """However the clock moves, back too."""
    job = Job("orders poll", "orders poll", "orders", every(7))
    known, now = DueTimes(), start
    for move in moves:
        now += move
        assert known.of(job, now) == latest(job.after, now)


# --- which jobs -----------------------------------------------------------------------------------------------------


def test_the_jobs_of_two_locations() -> None:
    """Polls, what `schedule` has, re-reads, retention; labor where Toast has it; those that close together in one."""
    no_labor = SOUTH.model_copy(update={"labor_source": "none"})
    jobs = jobs_of(settings_of(NORTH, EAST, no_labor), has_toast=True)

    all_three, with_labor = ["North", "East", "South"], ["North", "East"]
    assert [(job.name, [own.name for own in job.locations]) for job in jobs] == [
        ("orders poll", all_three),
        ("cash poll", all_three),
        ("labor poll", with_labor),
        ("orders daily", all_three),
        ("cash daily", all_three),
        ("labor daily", with_labor),
        ("config weekly", all_three),
        ("orders closeout America/New_York 4:00", with_labor),
        ("orders closeout America/Los_Angeles 3:00", ["South"]),
        ("cash closeout America/New_York 4:00", with_labor),
        ("cash closeout America/Los_Angeles 3:00", ["South"]),
        ("labor closeout America/New_York 4:00", with_labor),
        ("orders reread", all_three),
        ("cash reread", all_three),
        ("labor reread", with_labor),
        ("retention", []),
    ]
    assert {job.lane for job in jobs} == {"orders", "cash", "labor", "config", "retention"}
    assert [job.name for job in jobs if job.at_once] == ["orders poll", "cash poll", "labor poll", "config weekly", "retention"]


def test_what_is_off_is_no_job() -> None:
    """Each kind by itself."""
    off = dict.fromkeys(("orders", "cash", "labor", "config", "reread"), "off")
    minutes = dict.fromkeys(("orders_every_minutes", "labor_every_minutes"), 0)
    jobs = jobs_of(settings_of(NORTH, closeouts=False, **off, **minutes), has_toast=True)

    assert [job.name for job in jobs] == ["cash poll", "retention"]


def test_without_a_login_or_a_location_there_is_retention_alone() -> None:
    """An install that only takes daily summaries."""
    assert [job.name for job in jobs_of(settings_of(NORTH), has_toast=False)] == ["retention"]
    assert [job.name for job in jobs_of(settings_of(), has_toast=True)] == ["retention"]


def test_no_kind_holds_anything_from_the_settings() -> None:
    """Kinds are labels of counters."""
    kinds = {job.kind for job in jobs_of(settings_of(NORTH, SOUTH), has_toast=True)}

    assert kinds == {f"{name} {kind}" for name in ("orders", "cash", "labor") for kind in ("poll", "daily", "closeout", "reread")} | {
        "config weekly",
        "retention",
    }


def test_a_reread_asks_the_last_closed_dates_whatever_is_known() -> None:
    """Three, by the API's present and each location's own closeout, each whole."""
    read = {date(2026, 3, 10) - n * DAY: NOON for n in range(9)}
    units = RereadPlan(CashPlan(3), 3).units(SOUTH, None, Known(None, read, frozenset()), NOON)
    same = RereadPlan(CashPlan(3), 3).units(SOUTH, None, NOTHING_KNOWN, NOON)

    windows = [(window.kind, window.business_date) for unit in units for window in unit.windows]
    assert windows == [(BUSINESS_DATE, date(2026, 3, day)) for day in (7, 8, 9)]
    assert units == same
