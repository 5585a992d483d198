"""When what is due: fixed times, closeouts, the days on which the clocks change, what was missed, what fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from orders_world import NORTH
from restaurant_os.errors import AccessError, StoppedError, UsageError
from restaurant_os.live.schedule import Job, Timer, closeout_after, cron_after, due, everything, follow, timers
from restaurant_os.settings import Location, ScheduleSettings

NEW_YORK = ZoneInfo("America/New_York")
WEST = Location(name="West", toast_guid="0f9d0c1e-1111-4a11-8a11-0000000000aa", timezone="America/Los_Angeles", closeout_hour=4)
HOUR = timedelta(hours=1)


def local(*parts: int, zone: ZoneInfo = NEW_YORK, fold: int = 0) -> datetime:
    """A wall-clock time of a zone, as an instant."""
    return datetime(*parts, tzinfo=zone, fold=fold).astimezone(UTC)  # type: ignore[arg-type,misc]


def times(cron: str, start: datetime, number: int) -> list[datetime]:
    """The next times after `start`, one after another."""
    after, found = cron_after(cron, NEW_YORK), [start]
    for _ in range(number):
        found.append(after(found[-1]))
    return found[1:]


@dataclass
class Turned:
    """A clock that moves when someone waits, and tells its user to stop at `until`."""

    at: datetime
    until: datetime
    #: How long the machine is asleep the first time that someone waits.
    asleep: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds) + self.asleep
        self.asleep = timedelta(0)
        if self.at > self.until:
            raise StoppedError("stopped")


@dataclass
class Done:
    """What was done when; a job takes `minutes`."""

    clock: Turned
    minutes: float = 0.0
    jobs: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    fails: str = ""

    def do(self, job: Job) -> None:
        shown = self.clock.now().astimezone(NEW_YORK)
        self.jobs.append((f"{shown:%a %H:%M}", job.dataset, tuple(x.name for x in job.locations)))
        self.clock.at += timedelta(minutes=self.minutes)
        if job.dataset == self.fails:
            raise AccessError("no")

    def failed(self, job: Job, problem: Exception) -> None:
        self.failures.append(f"{job.dataset}: {type(problem).__name__}")


def followed(
    every: list[Timer], start: datetime, end: datetime, *, minutes: float = 0.0, fails: str = "", asleep: timedelta = timedelta(0)
) -> Done:
    clock = Turned(start, end, asleep)
    done = Done(clock, minutes, fails=fails)
    follow(every, clock, done.do, done.failed, lambda at: None)
    return done


# --- times ----------------------------------------------------------------------------------------------------------


def test_the_users_times() -> None:
    """Daily at two, and Sunday at three, by the wall clock."""
    start = local(2026, 1, 14, 12)

    assert times("0 2 * * *", start, 2) == [local(2026, 1, 15, 2), local(2026, 1, 16, 2)]
    assert times("0 3 * * 0", start, 2) == [local(2026, 1, 18, 3), local(2026, 1, 25, 3)]


def test_a_time_that_the_clocks_skip_comes_when_they_have() -> None:
    """On March 8 New York has no 02:15: it is three o'clock then."""
    assert times("15 2 * * *", local(2026, 3, 7, 12), 2) == [local(2026, 3, 8, 3), local(2026, 3, 9, 2, 15)]


def test_a_time_that_comes_twice_counts_once() -> None:
    """On November 1 New York has 01:30 twice; asked between the two, it is the next day's."""
    first = local(2026, 11, 1, 1, 30)

    assert times("30 1 * * *", local(2026, 10, 31, 12), 2) == [first, local(2026, 11, 2, 1, 30)]
    assert times("30 1 * * *", local(2026, 11, 1, 1, 20, fold=1), 1) == [local(2026, 11, 2, 1, 30)]


@pytest.mark.parametrize("day", [date(2026, 3, 7), date(2026, 3, 8), date(2026, 10, 31), date(2026, 11, 1)])
def test_a_closeout_is_the_locations_own(day: date) -> None:
    """An hour after it, on days of 23, 24 and 25 hours too, and never twice."""
    after = closeout_after(WEST, HOUR)
    closes = WEST.business_day.bounds(day)[1]

    assert after(closes) == closes + HOUR
    assert after(closes + HOUR - timedelta(seconds=1)) == closes + HOUR
    assert after(closes + HOUR) == WEST.business_day.bounds(day + timedelta(days=1))[1] + HOUR


def test_the_rules_that_the_settings_give() -> None:
    """The four on their times at every location, and each location's three after its closeout; labor where Toast has it."""
    no_labor = WEST.model_copy(update={"labor_source": "none"})

    found = [(timer.dataset, [x.name for x in timer.locations], timer.why) for timer in timers(ScheduleSettings(), [NORTH, no_labor])]

    both, zone, after = ["North", "West"], "in America/New_York", "60 min after closeout"
    assert found == [
        ("orders", both, f"0 2 * * * {zone}"),
        ("orders", ["North"], after),
        ("orders", ["West"], after),
        ("cash", both, f"15 2 * * * {zone}"),
        ("cash", ["North"], after),
        ("cash", ["West"], after),
        ("labor", ["North"], f"30 2 * * * {zone}"),
        ("labor", ["North"], after),
        ("config", both, f"0 3 * * 0 {zone}"),
    ]


def test_what_is_off_never_comes_due() -> None:
    off = ScheduleSettings(orders="off", cash="off", labor="off", config="0 3 * * 0", closeouts=False, timezone="UTC")

    assert [(timer.dataset, timer.why) for timer in timers(off, [NORTH])] == [("config", "0 3 * * 0 in UTC")]
    with pytest.raises(UsageError, match="nothing is ever due"):
        timers(off.model_copy(update={"config": "off"}), [NORTH])


@pytest.mark.parametrize("text", ["", "2:00", "0 2 * *", "0 0 2 * * *", "61 2 * * *", "0 0 30 2 *", "@daily"])
def test_a_time_that_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="five fields of cron"):
        ScheduleSettings(orders=text)


# --- jobs -----------------------------------------------------------------------------------------------------------


def test_two_days_in_order() -> None:
    """Saturday and Sunday, both zones: the fixed times, then each location an hour after its own closeout, by dataset."""
    done = followed(timers(ScheduleSettings(), [NORTH, WEST]), local(2026, 1, 17, 0), local(2026, 1, 18, 23))

    day = [
        ("02:00", "orders", ("North", "West")),
        ("02:15", "cash", ("North", "West")),
        ("02:30", "labor", ("North", "West")),
        *(("05:00", dataset, ("North",)) for dataset in ("orders", "cash", "labor")),
        *(("08:00", dataset, ("West",)) for dataset in ("orders", "cash", "labor")),
    ]
    sunday = [*day[:3], ("03:00", "config", ("North", "West")), *day[3:]]
    assert done.jobs == [(f"Sat {at}", *rest) for at, *rest in day] + [(f"Sun {at}", *rest) for at, *rest in sunday]


def test_locations_that_close_together_come_together() -> None:
    """And with a fixed time at that moment, too: one job for each dataset."""
    east = NORTH.model_copy(update={"name": "East", "toast_guid": "0f9d0c1e-1111-4a11-8a11-0000000000bb"})
    at_five = ScheduleSettings(orders="0 5 * * *", cash="off", labor="off", config="off")
    now = local(2026, 1, 14, 5)

    jobs = due(timers(at_five, [NORTH, east, WEST]), now - HOUR, now)

    assert [(job.dataset, [x.name for x in job.locations]) for job in jobs] == [
        ("orders", ["North", "East", "West"]),
        ("cash", ["North", "East"]),
        ("labor", ["North", "East"]),
    ]
    assert {job.due for job in jobs} == {now}


def test_times_that_were_missed_count_once() -> None:
    """A machine that slept three days: one job of each dataset when it wakes, not three."""
    daily = ScheduleSettings(config="off", closeouts=False)

    done = followed(timers(daily, [NORTH]), local(2026, 1, 14, 1), local(2026, 1, 17, 12), asleep=timedelta(days=3))

    assert done.jobs == [("Sat 01:01", dataset, ("North",)) for dataset in ("orders", "cash", "labor")] + [
        ("Sat 02:00", "orders", ("North",)),
        ("Sat 02:15", "cash", ("North",)),
        ("Sat 02:30", "labor", ("North",)),
    ]


def test_a_job_that_took_long_delays_the_next_and_loses_none() -> None:
    """Orders of 40 minutes: cash and labor come after it, once."""
    daily = ScheduleSettings(config="off", closeouts=False)

    done = followed(timers(daily, [NORTH]), local(2026, 1, 14, 1), local(2026, 1, 15, 1), minutes=40)

    assert done.jobs == [("Wed 02:00", "orders", ("North",)), ("Wed 02:40", "cash", ("North",)), ("Wed 03:20", "labor", ("North",))]


def test_one_that_fails_does_not_stop_the_others() -> None:
    """Neither those due with it nor those of the next day."""
    done = followed(timers(ScheduleSettings(), [NORTH]), local(2026, 1, 13, 3), local(2026, 1, 14, 2, 5), fails="orders")

    assert [dataset for _, dataset, _ in done.jobs] == ["orders", "cash", "labor", "orders"]
    assert done.failures == ["orders: AccessError"] * 2


def test_the_day_on_which_the_clocks_go_forward_has_each_job_once() -> None:
    """March 8: what was to come at 02:00, 02:15 and 02:30 comes at three, beside what is due then."""
    done = followed(timers(ScheduleSettings(closeouts=False), [NORTH]), local(2026, 3, 8, 0), local(2026, 3, 8, 23))

    assert [(at, dataset) for at, dataset, _ in done.jobs] == [("Sun 03:00", name) for name in ("orders", "cash", "labor", "config")]


def test_everything_at_once() -> None:
    now = local(2026, 1, 14, 12)

    jobs = everything(timers(ScheduleSettings(config="off"), [NORTH, WEST]), now)

    assert [(job.dataset, len(job.locations)) for job in jobs] == [("orders", 2), ("cash", 2), ("labor", 2)]
