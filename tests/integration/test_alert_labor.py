"""Labor now, a week that is heading for overtime and a punch that nobody closed, on a real warehouse: mostly the clock alone moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import summaries_world
from orders_world import open_warehouse
from restaurant_os.alerting import Reading
from restaurant_os.alerts.labor import labor_now, overtime_ahead, punch_open
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.rules import SHIPPED
from restaurant_os.settings import AlertRule, Location, Settings, load
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from views_rows import DAY, HERE, HOUR, OPENS, Rows

#: Five hours behind UTC all year: its business day begins at 09:00 UTC, as `views_rows` has it.
NORTH = Location.model_construct(name="North", toast_guid=HERE, timezone="Etc/GMT+5", closeout_hour=4)
SOUTH = Location.model_construct(name="South", toast_guid="south", timezone="Etc/GMT+5", closeout_hour=4)
LABOR, OVERTIME, OPEN = (next(rule for rule in SHIPPED if rule.name == name) for name in ("labor-percent", "overtime-ahead", "punch-open"))
WEEK = timedelta(days=7)
#: What a Tuesday usually sells, by the hour of the clock: 1,200 dollars, of which 240 are labor.
USUAL = {10: 20, 11: 80, 12: 200, 13: 100, 14: 50, 15: 50, 16: 50, 17: 150, 18: 250, 19: 150, 20: 100}


def clock(text: str, day: date = DAY) -> datetime:
    """`14:30` on the clock of the locations."""
    hour, minute = text.split(":")
    return OPENS + (day - DAY) + timedelta(hours=int(hour) - 4, minutes=int(minute))


class World:
    def __init__(self, folder: Path) -> None:
        self.warehouse: DuckDBWarehouse = open_warehouse(folder)
        self.settings: Settings = load()
        self.places = (NORTH, SOUTH)
        self._last = 0

    @contextmanager
    def rows(self) -> Iterator[Rows]:
        """To write rows as the views find them."""
        connection = duckdb.connect(str(self.warehouse.path))
        try:
            connection.execute("SET TimeZone = 'UTC'")
            own = Rows(connection)
            own._last = self._last  # ids go on
            connection.execute("BEGIN")
            yield own
            connection.execute("COMMIT")
            self._last = own._last
        finally:
            connection.close()

    def today(self) -> None:
        """The day's calendar, and syncs that follow it to its end."""
        with self.rows() as rows:
            rows.day()
            for dataset in ("orders", "labor"):
                rows.followed(dataset, OPENS - HOUR, clock("23:00") + 6 * HOUR)

    def history(self, weeks: int = 4) -> None:
        """The same and the same weekday of the last weeks."""
        self.today()
        with self.rows() as rows:
            for day in [DAY - number * WEEK for number in range(1, weeks + 1)]:
                rows.day(day)
                for dataset in ("orders", "labor"):
                    rows.read(dataset, clock("23:00", day) + 6 * HOUR, day)
                sell(rows, USUAL, day)
                rows.shift("24", "240", hour=10, day=day)

    def look(self, text: str, *places: Location, day: date = DAY, **alerts: Any) -> Look:
        settings = self.settings.model_copy(update={"locations": self.places})
        if alerts:
            settings = settings.model_copy(update={"alerts": settings.alerts.model_copy(update=alerts)})
        own = places or self.places
        return Look(self.warehouse, settings, own, {place.toast_guid: [day] for place in own}, clock(text, day))

    def labor(self, text: str, rule: AlertRule = LABOR, **alerts: Any) -> Reading:
        [reading] = labor_now(self.look(text, NORTH, **alerts), rule)
        return reading


def sell(rows: Rows, hours: dict[int, int], day: date = DAY) -> None:
    for hour, amount in hours.items():
        rows.sale(str(amount), day=day, hour=hour - 4, opened_at=clock(f"{hour}:00", day))


def staff(rows: Rows, *names: str, began: str = "10:00", ended: str = "20:00", wage: str = "6", job: str = "Server") -> None:
    """People clocked in as they are scheduled."""
    for name in names:
        own: dict[str, Any] = {"employee_guid": name, "employee_name": name, "job_title": job, "hourly_wage": wage}
        rows.punch(in_date=clock(began), accrues_until=clock(ended) + HOUR, **own)
        plan(rows, name, began, ended, wage=wage, job_title=job)


def plan(rows: Rows, name: str, began: str, ended: str, *, day: date = DAY, wage: str = "6", **values: Any) -> str:
    hours = Decimal((clock(ended, day) - clock(began, day)) / HOUR)
    own: dict[str, Any] = {"employee_guid": name, "employee_name": name, "job_title": "Server", "hourly_wage": wage, "is_published": None}
    sums = {"planned_hours": str(hours), "planned_cost": str(hours * Decimal(wage)), "business_date": day}
    return rows.add("fact_scheduled_shifts", **(own | sums | {"in_date": clock(began, day), "out_date": clock(ended, day)} | values))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Nothing in it."""
    return World(tmp_path)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int]:
    own = World(tmp_path_factory.mktemp("history"))
    own.history()
    return own.warehouse.path.read_bytes(), own._last


@pytest.fixture
def tuesday(tmp_path: Path, stocked: tuple[bytes, int]) -> World:
    """A Tuesday after four others."""
    own = World(tmp_path)
    own._last = stocked[1]
    own.warehouse.path.write_bytes(stocked[0])
    return own


def stand(reading: Reading) -> tuple[bool, bool, str]:
    return reading.is_over, reading.is_clear, reading.reason


# --- labor now --------------------------------------------------------------------------------------------------------


def test_five_cooks_since_eight_and_one_coffee_sold_at_ten_give_no_breach(tuesday: World) -> None:
    """Before the warm-up nothing is known: it neither opens nor clears."""
    with tuesday.rows() as rows:
        staff(rows, *"ABCDE", began="8:00", ended="16:00", wage="20", job="Cook")
        sell(rows, {10: 4})

    found = {text: tuesday.labor(text) for text in ("9:00", "10:00", "10:30", "11:59")}

    assert {text: (one.value, *stand(one)) for text, one in found.items()} == dict.fromkeys(
        found, (None, False, False, "before the warm-up")
    )


def test_a_dead_afternoon_without_a_single_event_is_a_breach(tuesday: World) -> None:
    """The morning went as always. From 14:00 on nothing comes in, and the clock alone moves."""
    with tuesday.rows() as rows:
        staff(rows, "Ana", "Ben", "Cat", "Dan")
        sell(rows, {hour: amount for hour, amount in USUAL.items() if hour < 14})

    found = [tuesday.labor(text) for text in ("14:00", "15:30", "17:00", "18:00", "19:00")]

    assert [one.is_over for one in found] == [False, False, False, True, True]
    values = [one.value or 0 for one in found]
    assert values == sorted(values)
    assert values[0] == pytest.approx(20.0)
    assert found[0].is_clear
    assert not found[2].is_clear
    assert (found[3].is_held, found[3].basis, found[3].as_of) == (True, "net", clock("18:00"))


def test_a_breach_tells_what_it_is_made_of_what_drives_it_and_what_could_be_done(tuesday: World) -> None:
    with tuesday.rows() as rows:
        staff(rows, "Ana", "Ben", "Cat", "Dan", wage="10", ended="17:00")
        staff(rows, "Eve", wage="10", ended="20:00", job="Cook")
        sell(rows, {11: 80, 12: 200})

    reading = tuesday.labor("14:05", minimum_staff={"Server": 2})

    assert reading.value is not None
    sales, labor = 280.0, 5 * (4 + 5 / 60) * 10
    projected_labor = 4 * 70 + 100
    projected_sales = projected_labor / reading.value * 100
    assert reading.facts == (
        ("Labor %", f"{labor / sales * 100:.1f} % so far, {reading.value:.1f} % projected at close"),
        ("Sales", f"$280.00 so far, ${projected_sales:,.2f} projected"),
        ("Labor", f"${labor:,.2f} so far, ${projected_labor:,.2f} projected"),
        ("CPLH", "$10.00"),
    )
    assert reading.dollars == pytest.approx(Decimal(projected_labor - 0.25 * projected_sales), abs=Decimal("0.01"))
    assert reading.drivers == ("$31.04: sales are $124.17 below a usual Tuesday by 14:05, and would pay for so much labor at 25.0 %",)
    assert reading.suggestion == "One of 4 servers could go at 14:15: about $28 until 17:00."


def test_a_breach_by_staff_names_overtime_and_who_was_not_scheduled(tuesday: World) -> None:
    """A cook of the night before stayed for 8 h, of which 4 were overtime; Eve came unasked."""
    with tuesday.rows() as rows:
        staff(rows, "Ana", wage="10")
        own: dict[str, Any] = {"job_title": "Cook", "hourly_wage": "20", "overtime_wage": "30"}
        cook = rows.punch(in_date=clock("4:00"), out_date=clock("12:00"), regular_hours="4", overtime_hours="4", overtime_pay="120", **own)
        for hour in range(8):
            rows.worked(
                cook, hour, *(("1", "0") if hour < 4 else ("0", "1")), pay="20" if hour < 4 else "0", overtime_pay="0" if hour < 4 else "30"
            )
        rows.punch(in_date=clock("10:00"), employee_guid="eve", employee_name="Eve", job_title="Host", hourly_wage="10")
        plan(rows, "Cat", "4:00", "8:00", wage="20", job_title="Cook")
        sell(rows, {hour: amount for hour, amount in USUAL.items() if hour < 14})

    reading = tuesday.labor("14:00")

    assert reading.is_over
    assert reading.drivers == (
        "$120.00: staff over schedule, Cook by 4.0 h, Host by 4.0 h; clocked in and not scheduled: Eve",
        "$40.00: overtime today, 4.0 h beyond regular pay",
    )
    assert reading.suggestion == ""


def test_labor_as_it_should_be_has_facts_and_neither_drivers_nor_a_suggestion(tuesday: World) -> None:
    with tuesday.rows() as rows:
        staff(rows, "Ana", "Ben", "Cat", "Dan")
        sell(rows, {hour: amount for hour, amount in USUAL.items() if hour < 14})

    reading = tuesday.labor("14:00")

    assert (reading.dollars, reading.drivers, reading.suggestion) == (None, (), "")
    assert [label for label, _ in reading.facts] == ["Labor %", "Sales", "Labor", "CPLH"]


def test_a_rule_for_too_little_labor_has_no_dollars_and_proposes_nothing(tuesday: World) -> None:
    with tuesday.rows() as rows:
        staff(rows, "Ana", wage="1")
        sell(rows, {hour: amount for hour, amount in USUAL.items() if hour < 14})

    reading = tuesday.labor("14:00", LABOR.model_copy(update={"above": None, "below": Decimal(10), "clear": Decimal(11)}))

    assert (reading.is_over, reading.dollars, reading.drivers, reading.suggestion) == (True, None, (), "")


def test_without_three_same_weekdays_there_is_no_value(world: World) -> None:
    world.history(weeks=2)
    with world.rows() as rows:
        staff(rows, "Ana")
        sell(rows, {11: 10})

    assert (world.labor("18:00").value, world.labor("18:00").reason) == (None, "no history")


def test_a_side_that_was_not_read_gives_the_reason_of_the_view(world: World) -> None:
    with world.rows() as rows:
        rows.day()
        rows.followed("orders", OPENS - HOUR, clock("15:00"))

    assert (world.labor("14:00").value, world.labor("14:00").reason) == (None, "no labor read")


def test_below_the_minimum_sales_it_says_nothing(tuesday: World) -> None:
    with tuesday.rows() as rows:
        staff(rows, "Ana", "Ben", wage="20")
        sell(rows, {11: 80})

    found = [tuesday.labor("17:00", LABOR.model_copy(update={"min_sales": Decimal(least)})) for least in (80, 81)]

    assert [(one.is_over, one.reason) for one in found] == [(True, ""), (False, "below the minimum sales")]


def test_a_day_on_which_nothing_is_sold_has_a_value_that_a_person_can_read(tuesday: World) -> None:
    with tuesday.rows() as rows:
        staff(rows, "Ana", "Ben", "Cat", "Dan")

    reading = tuesday.labor("20:59")

    assert reading.is_over
    assert (reading.value or 0) <= 999.9
    assert reading.facts[0][1].startswith("no sales so far, ")


def posted(world: World, *rows: dict[str, Any]) -> None:
    # The calendar of a configured location comes with its summaries.
    summaries_world.post(world.warehouse, *rows, calendar_of=NORTH)


def sales_of(gross: str, sequence: int = 1) -> dict[str, Any]:
    return summaries_world.sales(gross, sequence, clock("12:00"), guid=HERE, day=DAY)


def labor_of(cost: str, sequence: int = 2) -> dict[str, Any]:
    return summaries_world.labor("75", cost, sequence, clock("12:01"), guid=HERE, day=DAY)


def test_a_posted_day_has_no_warm_up_and_no_holding(world: World) -> None:
    """The README's two posts: 1500 over 75 hours on 5000 are 30.0 % and $20.00, at once."""
    posted(world, sales_of("5000"))
    before = world.labor("12:05")
    posted(world, labor_of("1500"))

    reading = world.labor("12:05")

    assert (before.value, before.is_held) == (None, False)
    assert (reading.value, reading.is_over, reading.is_held, reading.basis, reading.dollars) == (
        30.0,
        True,
        False,
        "gross_summary",
        Decimal("250.00"),
    )
    assert reading.facts == (("Labor %", "30.0 %"), ("CPLH", "$20.00"), ("Sales", "$5,000.00"), ("Labor", "$1,500.00 over 75.0 h"))


def test_a_posted_day_that_is_back_at_its_clear_level_is_clear(world: World) -> None:
    posted(world, sales_of("5000"), labor_of("1200"))

    reading = world.labor("12:05")

    assert (reading.value, reading.is_over, reading.is_clear, reading.dollars) == (24.0, False, True, None)


def test_a_store_that_stands_nowhere_in_the_settings_is_read_as_well(world: World) -> None:
    own: dict[str, Any] = {"store": "Somewhere", "guid": "Somewhere", "day": DAY}
    summaries_world.post(world.warehouse, summaries_world.sales("1000", 1, clock("12:00"), **own), calendar_of=None)
    summaries_world.post(world.warehouse, summaries_world.labor("10", "400", 2, clock("12:00"), **own), calendar_of=None)

    [reading] = labor_now(world.look("12:05", world.settings.place_of("Somewhere")), LABOR)

    assert (reading.location, reading.value, reading.is_over) == ("Somewhere", 40.0, True)


def test_a_rule_for_other_locations_reads_none(tuesday: World) -> None:

    assert labor_now(tuesday.look("14:00"), LABOR.model_copy(update={"locations": ("East",)})) == []


# --- a punch that is open ---------------------------------------------------------------------------------------------


def open_at(world: World, text: str, rule: AlertRule = OPEN) -> dict[str, Reading]:
    return {reading.subject: reading for reading in punch_open(world.look(text, NORTH), rule)}


def forget(rows: Rows, **values: Any) -> str:
    own: dict[str, Any] = {"employee_guid": "ana", "employee_name": "Ana Diaz", "job_title": "Server", "hourly_wage": "18"}
    return rows.punch(**(own | {"in_date": clock("10:02"), "modified_at": clock("10:02")} | values))


def test_a_punch_is_too_long_open_an_hour_past_its_scheduled_end(world: World) -> None:
    world.today()
    with world.rows() as rows:
        entry = forget(rows)
        plan(rows, "ana", "10:00", "17:00")

    found = {text: open_at(world, text)[entry] for text in ("16:00", "17:30", "18:00", "18:01", "19:30")}

    assert {text: (one.value, one.is_over, one.is_clear) for text, one in found.items()} == {
        "16:00": (0.0, False, True),
        "17:30": (30.0, False, True),
        "18:00": (60.0, False, True),
        "18:01": (61.0, True, False),
        "19:30": (150.0, True, False),
    }
    last = found["19:30"]
    assert (last.subject_name, last.period, last.location, last.dollars) == ("Ana Diaz, Server", DAY, HERE, Decimal("45.00"))
    assert last.facts == (("Clocked in", "10:02, 9 h 28 min ago"), ("Scheduled until", "17:00"))


def test_a_punch_without_a_schedule_is_too_long_open_after_twelve_hours(world: World) -> None:
    world.today()
    with world.rows() as rows:
        entry = forget(rows, in_date=clock("8:00"))

    found = [open_at(world, text)[entry] for text in ("19:59", "20:00", "20:01")]

    assert [(one.is_over, one.is_clear) for one in found] == [(False, True), (False, True), (True, False)]
    assert found[-1].facts == (("Clocked in", "08:00, 12 h 1 min ago"), ("Scheduled until", "not scheduled"))


def test_a_scheduled_punch_is_too_long_open_after_twelve_hours_too(world: World) -> None:
    world.today()
    with world.rows() as rows:
        entry = forget(rows, in_date=clock("8:00"))
        plan(rows, "ana", "8:00", "22:00")

    assert [open_at(world, text)[entry].is_over for text in ("20:00", "20:01")] == [False, True]


def test_a_punch_recovers_when_it_is_closed_even_at_the_time_it_should_have_been(world: World) -> None:
    """A manager sets the clock-out back to the end of the shift: it was never late, and its incident stands."""
    world.today()
    with world.rows() as rows:
        entry = forget(rows)
        plan(rows, "ana", "10:00", "17:00")
    before = open_at(world, "19:00")[entry]
    with world.rows() as rows:
        rows.connection.execute(
            "UPDATE fact_labor_shifts SET is_open = false, out_date = ?, modified_at = ? WHERE time_entry_guid = ?",
            [clock("17:00"), clock("19:10"), entry],
        )

    after = open_at(world, "19:15")[entry]

    assert (before.is_over, after.value, after.is_clear, after.dollars) == (True, 0.0, True, None)
    assert after.facts == (("Clocked in", "10:02"), ("Clocked out", "17:00"))


def test_a_deleted_punch_recovers(world: World) -> None:
    world.today()
    with world.rows() as rows:
        entry = forget(rows, is_deleted=True, modified_at=clock("19:10"))
        plan(rows, "ana", "10:00", "17:00")

    after = open_at(world, "19:15")[entry]

    assert (after.value, after.is_clear, after.facts) == (0.0, True, (("Punch", "deleted"),))


def test_a_punch_that_was_closed_in_time_is_left_out(world: World) -> None:
    world.today()
    with world.rows() as rows:
        forget(rows, out_date=clock("16:58"), modified_at=clock("16:58"))
        plan(rows, "ana", "10:00", "17:00")

    assert open_at(world, "19:15") == {}


def test_a_punch_that_was_not_heard_of_since_its_end_may_be_closed_by_now(world: World) -> None:
    """Labor is known up to 16:00: nobody knows what became of the punch since."""
    with world.rows() as rows:
        rows.day()
        for dataset in ("orders", "labor"):
            rows.followed(dataset, OPENS - HOUR, clock("16:00"))
        entry = forget(rows)
        plan(rows, "ana", "10:00", "17:00")

    reading = open_at(world, "19:00")[entry]

    assert (reading.value, reading.reason) == (None, "labor stale")


def test_salaried_people_and_those_of_tomorrow_have_no_open_punch(world: World) -> None:
    world.today()
    with world.rows() as rows:
        forget(rows, hourly_wage=None, is_salaried=True)
        forget(rows, in_date=clock("23:30"))

    assert open_at(world, "23:00") == {}


@pytest.mark.parametrize(
    ("name", "job", "shown"), [("Ana", "Cook", "Ana, Cook"), ("", "Cook", "Cook"), (None, None, "somebody"), ("a\nb", "", "a b")]
)
def test_a_punch_is_called_by_what_the_table_holds(world: World, name: str | None, job: str | None, shown: str) -> None:
    world.today()
    with world.rows() as rows:
        entry = forget(rows, employee_name=name, job_title=job)

    assert open_at(world, "12:00")[entry].subject_name == shown


# --- a week that is heading for overtime ------------------------------------------------------------------------------


def week_of(world: World, text: str = "14:00", *places: Location, rule: AlertRule = OVERTIME, **alerts: Any) -> list[Reading]:
    return overtime_ahead(world.look(text, *places, **alerts), rule)


def work(rows: Rows, hours: str, *, day: date = DAY, who: str = "ana", place: str = HERE, **values: Any) -> str:
    """A closed punch that began at 06:00, and ended by 18:00 whatever hours it has."""
    ends = clock("6:00", day) + timedelta(hours=min(float(hours), 12))
    own = {"employee_guid": who, "employee_name": "Ana Diaz", "job_title": "Server", "hourly_wage": "20", "restaurant_guid": place}
    return rows.punch(day=day, **(own | {"in_date": clock("6:00", day), "out_date": ends, "regular_hours": hours} | values))


MONDAY = DAY - timedelta(days=1)
WEDNESDAY = DAY + timedelta(days=1)


def test_overtime_is_worked_and_still_scheduled_hours_beyond_forty(world: World) -> None:
    """30 h worked on Monday and today, 12 h on Wednesday: 2 h at half the wage on top."""
    with world.rows() as rows:
        work(rows, "22", day=MONDAY)
        work(rows, "8")
        plan(rows, "ana", "8:00", "20:00", day=WEDNESDAY, wage="20", employee_name="Ana Diaz")
        plan(rows, "ana", "8:00", "20:00", day=DAY - WEEK, wage="20")
        plan(rows, "ana", "8:00", "20:00", day=DAY + WEEK, wage="20")
        work(rows, "60", day=DAY - WEEK)

    [reading] = week_of(world)

    assert (reading.value, reading.is_over, reading.is_clear, reading.dollars) == (2.0, True, False, Decimal("20.00"))
    assert (reading.subject, reading.subject_name, reading.period, reading.location) == ("ana", "Ana Diaz", MONDAY, HERE)
    assert reading.facts == (("Worked", "30.0 h"), ("Still scheduled", "12.0 h"))
    assert reading.basis == "", "no row is kept of a week that is as it should be"


def test_a_week_within_its_hours_is_clear(world: World) -> None:
    with world.rows() as rows:
        work(rows, "28", day=MONDAY)
        plan(rows, "ana", "8:00", "20:00", day=WEDNESDAY)

    [reading] = week_of(world)

    assert (reading.value, reading.is_over, reading.is_clear, reading.dollars) == (0.0, False, True, None)


def test_the_limit_and_the_first_day_of_the_week_are_settings(world: World) -> None:
    world.settings = load(reports={"week_starts": "tuesday"})
    with world.rows() as rows:
        work(rows, "30", day=MONDAY)
        work(rows, "8")

    [reading] = week_of(world, overtime_after_hours=Decimal(6))

    assert (reading.value, reading.period) == (2.0, DAY)


def test_an_open_punch_counts_to_now_and_its_shift_from_now_on(world: World) -> None:
    with world.rows() as rows:
        work(rows, "30", day=MONDAY)
        rows.punch(employee_guid="ana", employee_name="Ana Diaz", job_title="Server", in_date=clock("9:00"), hourly_wage="20")
        plan(rows, "ana", "9:00", "21:00", wage="20")

    found = {text: week_of(world, text)[0] for text in ("10:00", "14:00", "21:00")}

    assert {text: (one.value, one.facts) for text, one in found.items()} == {
        "10:00": (2.0, (("Worked", "31.0 h"), ("Still scheduled", "11.0 h"))),
        "14:00": (2.0, (("Worked", "35.0 h"), ("Still scheduled", "7.0 h"))),
        "21:00": (2.0, (("Worked", "42.0 h"), ("Still scheduled", "0.0 h"))),
    }


def test_an_open_punch_counts_no_longer_than_it_is_believed_and_not_while_a_break_goes_on(world: World) -> None:
    with world.rows() as rows:
        own: dict[str, Any] = {"in_date": clock("6:00"), "hourly_wage": "20"}
        rows.punch(employee_guid="ana", accrues_until=clock("12:00"), unpaid_break_hours="0.5", **own)
        rows.punch(employee_guid="ben", paused_at=clock("11:00"), **own)
        rows.punch(employee_guid="cat", **own)

    found = {reading.subject: reading.facts[0] for reading in week_of(world, "14:00")}

    assert found == {"ana": ("Worked", "5.5 h"), "ben": ("Worked", "5.0 h"), "cat": ("Worked", "8.0 h")}


def test_a_shift_that_somebody_left_early_counts_no_more_and_one_nobody_came_for_does(world: World) -> None:
    with world.rows() as rows:
        work(rows, "36", day=MONDAY)
        work(rows, "3")
        plan(rows, "ana", "6:00", "16:00")
        work(rows, "36", day=MONDAY, who="ben")
        plan(rows, "ben", "6:00", "16:00")

    found = {reading.subject: reading.value for reading in week_of(world, "10:00")}

    assert found == {"ana": 0.0, "ben": 2.0}


def test_a_shift_that_is_not_published_or_was_taken_back_is_not_scheduled(world: World) -> None:
    with world.rows() as rows:
        work(rows, "36", day=MONDAY)
        plan(rows, "ana", "8:00", "20:00", day=WEDNESDAY, is_published=False)
        plan(rows, "ana", "8:00", "20:00", day=WEDNESDAY, is_deleted=True)

    assert [reading.value for reading in week_of(world)] == [0.0]


def person(rows: Rows, who: str, place: str, **values: Any) -> None:
    own = {"restaurant_guid": place, "employee_guid": who, "valid_from": OPENS - WEEK, "last_name": "Diaz", "is_current": True}
    rows.add("dim_employees", **(own | values))


def two_places(rows: Rows) -> None:
    """26 h at South and 18 h at North, by two GUIDs."""
    work(rows, "18", day=MONDAY, who="ana-1")
    work(rows, "16", day=MONDAY, who="ana-2", place="south")
    plan(rows, "ana-2", "8:00", "18:00", day=WEDNESDAY, wage="20", restaurant_guid="south")


@pytest.mark.parametrize("same", [{"email": "ana@example.com"}, {"external_id": "77"}])
def test_one_person_at_two_locations_is_told_once_where_most_of_the_hours_are(world: World, same: dict[str, str]) -> None:
    with world.rows() as rows:
        two_places(rows)
        person(rows, "ana-1", HERE, **same)
        person(rows, "ana-2", "south", **{name: value.upper() for name, value in same.items()})

    [reading] = week_of(world)

    assert (reading.location, reading.subject, reading.value) == ("south", "ana-1", 4.0)
    assert reading.facts == (("Worked", "34.0 h"), ("Still scheduled", "10.0 h"), ("At South", "26.0 h"), ("At North", "18.0 h"))


def test_a_look_at_one_location_tells_the_same_or_nothing(world: World) -> None:
    """What changed was read of one location: the hours at the other count, and what is told of is the other's."""
    with world.rows() as rows:
        two_places(rows)
        for who, place in (("ana-1", HERE), ("ana-2", "south")):
            person(rows, who, place, email="ana@example.com")

    assert week_of(world, "14:00", SOUTH) == week_of(world)
    assert week_of(world, "14:00", NORTH) == []


def test_the_same_guid_at_two_locations_is_one_person_without_any_list_of_people(world: World) -> None:
    with world.rows() as rows:
        work(rows, "18", day=MONDAY)
        work(rows, "26", day=MONDAY, place="south")

    assert [(one.location, one.value) for one in week_of(world)] == [("south", 4.0)]
    assert week_of(world, "14:00", SOUTH) == week_of(world)
    assert week_of(world, "14:00", NORTH) == []


def test_a_shared_address_or_number_does_not_make_two_people_one(world: World) -> None:
    """The house's own address, and numbers that each house counts by itself."""
    with world.rows() as rows:
        two_places(rows)
        person(rows, "ana-1", HERE, email="office@example.com", external_id="7")
        person(rows, "ana-2", "south", email="office@example.com", external_id="7", last_name="Ruiz")

    assert {one.subject: one.value for one in week_of(world)} == {"ana-1": 0.0, "ana-2": 0.0}


def test_overtime_of_a_tipped_job_is_paid_on_its_full_wage(world: World) -> None:
    world.settings = load(labor={"base_wages": {"Server": "16"}})
    with world.rows() as rows:
        work(rows, "42", day=MONDAY, hourly_wage="6")

    assert [reading.dollars for reading in week_of(world)] == [Decimal("16.00")]


def test_people_on_a_salary_have_no_overtime(world: World) -> None:
    with world.rows() as rows:
        work(rows, "60", day=MONDAY, hourly_wage=None, is_salaried=True)

    assert week_of(world) == []
