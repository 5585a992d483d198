"""A time entry in rows: its hours and pay, its breaks, how far an open one is believed, and what of it was worked in each hour."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labor_world import ANA, BEN, COOK, PEOPLE, SERVER, TRAINING, hours_of, laid_out, pause, planned, punch, shift_row, utc
from orders_world import NORTH, Json, api_time, ref
from property_profiles import examples
from restaurant_os.batch import COPY
from restaurant_os.sources.toast.punches import spread

D = Decimal
PAY = ("regular_hours", "overtime_hours", "double_time_hours", "regular_pay", "overtime_pay", "total_pay", "overtime_wage")


def test_a_punch_is_a_row_of_every_column() -> None:
    """Toast's values as they are; hours times wage; breaks beside it; nothing left to chance."""
    entry = punch(
        breaks=[pause("03-01 19:00", "03-01 19:30", guid="break-1")],
        overtimeHours=0.25,
        declaredCashTips=12.0,
        nonCashTips=40.25,
        tipsWithheld=1.21,
        cashGratuityServiceCharges=3,
        nonCashGratuityServiceCharges=4.5,
        shiftReference=ref("shift-1"),
    )
    shared = {
        "source": "toast",
        "time_entry_guid": "punch",
        "restaurant_guid": NORTH.toast_guid,
        "business_date": date(2026, 3, 1),
        "modified_at": utc("03-01 23:30"),
        "is_deleted": False,
        COPY: 7,
    }
    job = {"job_guid": SERVER, "job_title": "Server"}
    rows = laid_out(entry)
    [first, *_, last] = rows["fact_labor_hours"]

    assert rows["fact_labor_shifts"] == [
        shared
        | job
        | {
            "employee_guid": ANA,
            "employee_name": "Ana Diaz",
            "in_date": utc("03-01 15:00"),
            "out_date": utc("03-01 23:30"),
            "regular_hours": D("8.0000"),
            "overtime_hours": D("0.2500"),
            "double_time_hours": D(0),
            "hourly_wage": D("18.5000"),
            "overtime_wage": D("27.7500"),
            "regular_pay": D("148.0000"),
            "overtime_pay": D("6.9375"),
            "total_pay": D("154.9375"),
            "declared_tips": D("12.0000"),
            "non_cash_tips": D("40.2500"),
            "tips_withheld": D("1.2100"),
            "gratuity_amount": D("7.5000"),
            "created_at": utc("03-01 15:00"),
            "paid_break_hours": D(0),
            "unpaid_break_hours": D("0.5000"),
            "is_open": False,
            "is_suspect": False,
            "auto_clocked_out": False,
            "is_approved": None,
            "is_salaried": False,
            "is_counted": True,
            "shift_id": "shift-1",
            "accrues_until": None,
            "paused_at": None,
            "read_at": datetime(2026, 3, 10, 12, tzinfo=UTC),
        }
    ]
    assert rows["fact_labor_breaks"] == [
        shared
        | {
            "ordinal": 0,
            "break_guid": "break-1",
            "break_type_guid": "meal",
            "in_date": utc("03-01 19:00"),
            "out_date": utc("03-01 19:30"),
            "is_paid": False,
            "is_missed": False,
            "is_waived": False,
        }
    ]
    assert (first["business_hour"], last["business_hour"]) == (6, 14)
    assert first == shared | job | {
        "business_hour": 6,
        "regular_hours": D("1.0000"),
        "overtime_hours": D("0.0313"),
        "regular_pay": D("18.5000"),
        "overtime_pay": D("0.8672"),
        "is_salaried": False,
        "is_counted": True,
    }


# --- pay ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "labor", "expected"),
    [
        # 7.3333 h x 17.25, and half to even where the fifth place is a five: 0.0005 x 0.25 = 0.000125.
        ({"regularHours": 7.3333, "hourlyWage": 17.25}, {}, ("7.3333", "0", "0", "126.4994", "0", "126.4994", "25.875")),
        ({"regularHours": 0.0005, "hourlyWage": 0.25}, {}, ("0.0005", "0", "0", "0.0001", "0", "0.0001", "0.375")),
        ({"regularHours": 0.0005, "hourlyWage": 0.3}, {}, ("0.0005", "0", "0", "0.0002", "0", "0.0002", "0.45")),
        # What it costs is worked out from the hours as the platform gives them, beyond the fourth place.
        ({"regularHours": 7.98333333, "hourlyWage": 18.5}, {}, ("7.9833", "0", "0", "147.6917", "0", "147.6917", "27.75")),
        ({"overtimeHours": 2.5, "hourlyWage": 20}, {}, ("8", "2.5", "0", "160", "75", "235", "30")),
        ({"overtimeHours": 2.5, "hourlyWage": 20}, {"overtime_multiplier": 2}, ("8", "2.5", "0", "160", "100", "260", "40")),
        # A tip credit: overtime is owed on the full wage of 15, the credit of 4 comes off each hour once: 15 x 1.5 - 4.
        ({"overtimeHours": 2, "hourlyWage": 11}, {"base_wages": {"server": 15}}, ("8", "2", "0", "88", "37", "125", "18.5")),
        ({"overtimeHours": 2, "hourlyWage": 16}, {"base_wages": {"SERVER": 15}}, ("8", "2", "0", "128", "48", "176", "24")),
        ({"overtimeHours": 2, "hourlyWage": 11}, {"base_wages": {"Line Cook": 15}}, ("8", "2", "0", "88", "33", "121", "16.5")),
        # Double time: beyond 12 hours in all, out of the overtime hours.
        ({"overtimeHours": 6, "hourlyWage": 20}, {"double_time_after_hours": 12}, ("8", "6", "2", "160", "200", "360", "30")),
        ({"overtimeHours": 3, "hourlyWage": 20}, {"double_time_after_hours": 12}, ("8", "3", "0", "160", "90", "250", "30")),
        ({"regularHours": 14, "hourlyWage": 20}, {"double_time_after_hours": 12}, ("14", "0", "0", "280", "0", "280", "30")),
        (
            {"overtimeHours": 6, "hourlyWage": 11},
            {"double_time_after_hours": "12", "double_time_multiplier": 3, "base_wages": {"Server": 15}},
            ("8", "6", "2", "88", "156", "244", "18.5"),
        ),
        # No wage is a salaried job, not a wage of nothing; hours that are missing are none.
        ({"hourlyWage": None, "overtimeHours": 1}, {}, ("8", "1", "0", None, None, None, None)),
        ({"hourlyWage": 0}, {}, ("8", "0", "0", "0", "0", "0", "0")),
        ({"regularHours": None, "overtimeHours": None, "hourlyWage": 20}, {}, ("0", "0", "0", "0", "0", "0", "30")),
    ],
)
def test_pay(fields: Json, labor: Json, expected: tuple[str | None, ...]) -> None:
    """Regular hours at the wage, overtime at the settings' multiplier, each to four places, half to even."""
    found = shift_row(punch(**fields), *PAY, labor=labor)

    assert found == tuple(None if value is None else D(value) for value in expected)
    assert shift_row(punch(**fields), "is_salaried") == (fields.get("hourlyWage", 1) is None)


def test_a_double_time_rule_of_many_places_still_fits_its_column() -> None:
    """A setting may be any number of hours; the hours paid so have four places."""
    found = shift_row(punch(overtimeHours=5), "double_time_hours", labor={"double_time_after_hours": "12.33333333"})

    assert found == D("0.6667")


# --- what it is of --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (True, False, SERVER, "Server", "Ana Diaz")),
        ({"jobReference": ref(TRAINING)}, (False, False, TRAINING, "Training", "Ana Diaz")),
        ({"deleted": True}, (False, True, SERVER, "Server", "Ana Diaz")),
        ({"deleted": None}, (True, False, SERVER, "Server", "Ana Diaz")),
        ({"jobReference": None}, (True, False, None, None, "Ana Diaz")),
        ({"jobReference": ref("unknown")}, (True, False, "unknown", None, "Ana Diaz")),
        ({"employeeReference": ref(BEN)}, (True, False, SERVER, "Server", None)),
        ({"employeeReference": None}, (True, False, SERVER, "Server", None)),
    ],
)
def test_which_entries_count(fields: Json, expected: tuple[object, ...]) -> None:
    """Neither deleted nor of a job that is kept out of reports; one without a job counts."""
    rows = laid_out(punch(**fields))
    [row] = rows["fact_labor_shifts"]

    assert tuple(row[name] for name in ("is_counted", "is_deleted", "job_guid", "job_title", "employee_name")) == expected
    assert {(hour["is_counted"], hour["is_deleted"], hour["job_guid"]) for hour in rows["fact_labor_hours"]} == {expected[:3]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"businessDate": "20260228"}, date(2026, 2, 28)),
        ({"businessDate": 20260228}, date(2026, 2, 28)),
        ({"businessDate": None, "inDate": "2026-03-01T08:59:59.999+0000"}, date(2026, 2, 28)),
        ({"businessDate": None, "inDate": "2026-03-01T09:00:00.000+0000"}, date(2026, 3, 1)),
        ({"businessDate": "", "inDate": "2026-03-01T04:00:00.000-0500"}, date(2026, 3, 1)),
    ],
)
def test_its_business_date_is_toasts_else_that_of_the_clock_in(fields: Json, expected: date) -> None:
    """Text as the specification has it, a number as orders have it, or none."""
    assert shift_row(punch(**fields), "business_date") == expected


@pytest.mark.parametrize(("given", "expected"), [(ref("shift-1"), "shift-1"), ("shift-1", "shift-1"), (None, None), ({"guid": None}, None)])
def test_its_shift_is_an_object_or_a_plain_guid(given: object, expected: str | None) -> None:
    """The specification has the one, the guide's example the other."""
    assert shift_row(punch(shiftReference=given), "shift_id") == expected


def test_without_a_date_of_creation_it_has_none() -> None:
    """The clock-in would not do: it moves when the entry is edited, and the merge looks for the stored row by it."""
    assert shift_row(punch(createdDate=None), "created_at") is None


# --- breaks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breaks", "expected"),
    [
        ([pause("03-01 19:00", "03-01 19:30")], ("0", "0.5", 16)),
        ([pause("03-01 19:00", "03-01 19:10", paid=True), pause("03-01 21:00", "03-01 21:20", paid=True)], ("0.5", "0", 17)),
        ([pause("03-01 19:00", None, missed=True)], ("0", "0", 17)),
        ([pause("03-01 19:00", "03-01 19:30", missed=True)], ("0", "0", 17)),
        ([pause("03-01 19:00", "03-01 19:30", missed=True, waived=True)], ("0", "0", 17)),
        ([pause("03-01 19:00", "03-01 19:30", paid=True, waived=True)], ("0", "0", 17)),
        ([pause("03-01 19:00", "03-01 19:30", paid=None, missed=None, waived=None)], ("0", "0.5", 16)),
        ([pause("03-01 19:30", "03-01 19:00")], ("0", "0", 17)),
        ([pause("03-01 19:00", None)], ("0", "0", 17)),
        ([pause(None, None)], ("0", "0", 17)),
        ([pause("03-01 19:00", "03-01 20:00"), pause("03-01 19:30", "03-01 20:30")], ("0", "2", 14)),
        ([pause("03-01 14:00", "03-01 15:30"), pause("03-01 23:00", "03-02 01:00")], ("0", "3.5", 15)),
    ],
)
def test_breaks(breaks: list[Json], expected: tuple[str, str, int]) -> None:
    """Of those taken and ended, what was paid and what was not; one missed or waived is none. Only unpaid ones leave holes in the hours:
    `expected` ends with how many of the half hours from 15:00 on, where 17 are the whole punch, carry pay."""
    entry = punch(breaks=breaks, regularHours=8.5, hourlyWage=2)
    worked = expected[2]
    hours = hours_of(entry | {"regularHours": worked / 2})

    assert shift_row(entry, "paid_break_hours", "unpaid_break_hours") == (D(expected[0]), D(expected[1]))
    assert sum(regular for regular, *_ in hours.values()) == D(worked) / 2
    assert all(regular in (D("0.5"), D(1)) for regular, *_ in hours.values())


# --- open entries -----------------------------------------------------------------------------------------------------------

OPEN = ("is_open", "is_suspect", "accrues_until", "paused_at", "regular_hours", "total_pay")


@pytest.mark.parametrize(
    ("schedule", "read", "expected"),
    [
        ([], "03-01 18:00", ("03-02 03:00", False)),
        ([], "03-02 03:00", ("03-02 03:00", False)),
        ([], "03-02 03:01", ("03-02 03:00", True)),
        # 60 minutes past the scheduled end.
        ([planned("03-01 15:00", "03-01 20:00")], "03-01 21:00", ("03-01 21:00", False)),
        ([planned("03-01 15:00", "03-01 20:00")], "03-01 21:01", ("03-01 21:00", True)),
        # The later of two that overlap what is worked; not one that has not begun, is over, or is someone else's.
        ([planned("03-01 15:00", "03-01 17:00"), planned("03-01 18:00", "03-01 22:00")], "03-01 19:00", ("03-01 23:00", False)),
        ([planned("03-01 15:00", "03-01 17:00"), planned("03-01 18:00", "03-01 22:00")], "03-01 18:00", ("03-01 18:00", False)),
        ([planned("03-01 10:00", "03-01 15:00")], "03-01 19:00", ("03-02 03:00", False)),
        ([planned("03-01 15:00", "03-01 17:00", BEN)], "03-01 19:00", ("03-02 03:00", False)),
        # No schedule stretches it beyond 12 hours.
        ([planned("03-01 15:00", "03-02 07:00")], "03-01 19:00", ("03-02 03:00", False)),
        ([planned("03-02 03:00", "03-02 09:00")], "03-02 08:00", ("03-02 03:00", True)),
    ],
)
def test_how_far_an_open_entry_is_believed(schedule: list[Any], read: str, expected: tuple[str, bool]) -> None:
    """12 hours, or 60 minutes past the latest scheduled end that overlaps what was worked; beyond it is suspect. It has no hours yet."""
    found = shift_row(punch(ended=None), *OPEN, schedule=schedule, read_at=utc(read))

    assert found == (True, expected[1], utc(expected[0]), None, None, None)
    assert "fact_labor_hours" not in laid_out(punch(ended=None))


def test_the_settings_say_how_far() -> None:
    """Both limits are settings."""
    labor = {"suspect_after_hours": 6, "late_clock_out_minutes": 15}
    schedule = [planned("03-01 15:00", "03-01 17:00")]

    assert shift_row(punch(ended=None), "accrues_until", labor=labor) == utc("03-01 21:00")
    assert shift_row(punch(ended=None), "accrues_until", labor=labor, schedule=schedule, read_at=utc("03-01 16:00")) == utc("03-01 17:15")


@pytest.mark.parametrize(
    ("breaks", "expected"),
    [
        ([pause("03-01 18:00", None)], "03-01 18:00"),
        ([pause("03-01 16:00", "03-01 16:30"), pause("03-01 19:00", None), pause("03-01 18:00", None)], "03-01 18:00"),
        ([pause("03-01 18:00", None, paid=True)], None),
        ([pause("03-01 18:00", None, missed=True)], None),
        ([pause("03-01 18:00", None, waived=True)], None),
        ([pause("03-01 18:00", "03-01 18:30")], None),
    ],
)
def test_an_open_unpaid_break_pauses(breaks: list[Json], expected: str | None) -> None:
    """From its start; a paid, missed, waived or ended one does not, and a closed entry is not paused."""
    assert shift_row(punch(ended=None, breaks=breaks), "paused_at") == (utc(expected) if expected else None)
    assert shift_row(punch(breaks=breaks), "paused_at") is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"autoClockedOut": True}, True),
        ({"outDate": "2026-03-02T03:00:00.000+0000"}, False),
        ({"outDate": "2026-03-02T03:00:01.000+0000"}, True),
    ],
)
def test_a_closed_entry_is_suspect_when_the_closeout_ended_it_or_it_is_too_long(fields: Json, expected: bool) -> None:
    """More than 12 hours are too long."""
    assert shift_row(punch(**fields), "is_suspect") is expected


# --- by hour ------------------------------------------------------------------------------------------------------------------


def test_hours_and_pay_go_where_they_were_worked() -> None:
    """In proportion to the time in each hour, the unpaid break out; what does not divide evenly still sums to the entry."""
    entry = punch(
        began="03-01 15:40", ended="03-01 18:20", regularHours=2.3333, hourlyWage=10, breaks=[pause("03-01 16:30", "03-01 16:50")]
    )

    assert hours_of(entry) == {
        6: (D("0.3333"), D(0), D("3.3333"), D(0)),
        7: (D("0.6667"), D(0), D("6.6666"), D(0)),
        8: (D("1.0000"), D(0), D("9.9998"), D(0)),
        9: (D("0.3333"), D(0), D("3.3333"), D(0)),
    }


@pytest.mark.parametrize(
    ("began", "ended", "expected"),
    [
        # The opener clocks in at 03:30 of the wall clock, half an hour before his day begins.
        ("03-01 08:30", "03-01 10:00", {0: "1", 23: "0.5"}),
        # The night crew works on past the closeout.
        ("03-02 08:00", "03-02 09:30", {23: "1.5"}),
        # Nothing of it lies in its day.
        ("03-02 10:00", "03-02 11:00", {23: "1"}),
        ("03-01 07:00", "03-01 08:00", {23: "1"}),
    ],
)
def test_what_is_outside_its_day_counts_in_the_last_hour(began: str, ended: str, expected: dict[int, str]) -> None:
    """The business date is Toast's; the hours of the view are those of the day."""
    hours = float((utc(ended) - utc(began)) / timedelta(hours=1))
    found = hours_of(punch(began=began, ended=ended, regularHours=hours))

    assert {hour: regular for hour, (regular, *_) in found.items()} == {hour: D(value) for hour, value in expected.items()}


@pytest.mark.parametrize(("day", "last"), [("20260307", 22), ("20261031", 24), ("20260301", 23)])
def test_days_of_23_and_25_hours(day: str, last: int) -> None:
    """A punch over all of a day has a row for each hour instance of it."""
    start, end = NORTH.business_day.bounds(date.fromisoformat(day))
    hours = hours_of(punch(inDate=api_time(start), outDate=api_time(end), businessDate=day, regularHours=last + 1))

    assert {hour: regular for hour, (regular, *_) in hours.items()} == {hour: D(1) for hour in range(last + 1)}


@pytest.mark.parametrize(
    ("began", "fields", "expected"),
    [
        ("03-01 15:20", {}, {6: D("8.0000")}),
        ("03-02 12:00", {}, {23: D("8.0000")}),
        ("03-01 15:20", {"outDate": "2026-03-01T16:20:00.000+0000", "breaks": [pause("03-01 15:00", "03-01 17:00")]}, {6: D("8.0000")}),
    ],
)
def test_a_punch_without_length_is_where_it_began(began: str, fields: Json, expected: dict[int, D]) -> None:
    """Toast's hours are not lost because no time can be found for them."""
    found = hours_of(punch(began=began, ended=began, **fields))

    assert {hour: regular for hour, (regular, *_) in found.items()} == expected


MINUTES = st.integers(-300, 2_000)
HOURS = st.decimals(0, 30, places=6, allow_nan=False)


@examples(40)
@given(
    day=st.sampled_from([date(2026, 3, 1), date(2026, 3, 7), date(2026, 10, 31)]),
    span=st.tuples(MINUTES, MINUTES).map(sorted),
    breaks=st.lists(st.tuples(MINUTES, MINUTES, st.booleans()), max_size=4),
    regular=HOURS,
    overtime=HOURS,
    wage=st.none() | st.decimals(0, 100, places=4),
)
def test_the_hours_of_an_entry_sum_to_it(
    day: date, span: list[int], breaks: list[tuple[int, int, bool]], regular: D, overtime: D, wage: D | None
) -> None:
    """Whatever it is, to the last place, each hour of its day once at most, none negative."""
    start = NORTH.business_day.start(day)

    def when(minute: int) -> str:
        return api_time(start + timedelta(minutes=minute))

    entry = punch(
        inDate=when(span[0]),
        outDate=when(span[1]),
        businessDate=f"{day:%Y%m%d}",
        regularHours=float(regular),
        overtimeHours=float(overtime),
        hourlyWage=None if wage is None else float(wage),
        breaks=[pause(None, None) | {"inDate": when(a), "outDate": when(b), "paid": paid} for a, b, paid in breaks],
    )
    rows = laid_out(entry)
    [own], hours = rows["fact_labor_shifts"], rows["fact_labor_hours"]
    names = ("regular_hours", "overtime_hours", "regular_pay", "overtime_pay")

    assert {name: sum(hour[name] for hour in hours) for name in names} == {name: own[name] or 0 for name in names}
    assert len({hour["business_hour"] for hour in hours}) == len(hours)
    assert {hour["business_hour"] for hour in hours} <= set(range(len(NORTH.business_day.hours(day))))
    assert all(hour[name] >= 0 for hour in hours for name in names)


@examples(40)
@given(st.integers(-(10**17), 10**17), st.lists(st.integers(0, 10**11), min_size=1, max_size=25).filter(any))
def test_any_amount_is_spread_without_a_rest(units: int, weights: list[int]) -> None:
    """The parts have four places and sum to the whole; what weighs nothing gets nothing."""
    amount = D(units).scaleb(-4)
    parts = spread(amount, weights)

    assert sum(parts) == amount
    assert [part for part, weight in zip(parts, weights, strict=True) if not weight and part] == []


# --- what cannot be ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"inDate": "this morning"}, "'this morning' is no time with an offset - at `$.inDate`"),
        ({"inDate": "2026-03-01T15:00:00.000"}, "'2026-03-01T15:00:00.000' is no time with an offset - at `$.inDate`"),
        ({"outDate": "2026-03-01"}, "'2026-03-01' is no time with an offset - at `$.outDate`"),
        ({"outDate": "9999-12-31T23:59:59.999-0500"}, "'9999-12-31T23:59:59.999-0500' is no time with an offset - at `$.outDate`"),
        ({"inDate": "0001-01-01T00:00:00.000+0000"}, "'0001-01-01T00:00:00.000+0000' is no time with an offset - at `$.inDate`"),
        ({"outDate": "2026-03-01T14:59:59.999+0000"}, "outDate is before inDate - at `$.outDate`"),
        ({"modifiedDate": ""}, "'' is no time with an offset - at `$.modifiedDate`"),
        ({"createdDate": "x"}, "'x' is no time with an offset - at `$.createdDate`"),
        ({"breaks": [pause("03-01 19:00", None) | {"inDate": "noon"}]}, "'noon' is no time with an offset - at `$.breaks[].inDate`"),
        ({"businessDate": "2026-03-01"}, "'2026-03-01' is no date as yyyymmdd - at `$.businessDate`"),
        ({"businessDate": 20260230}, "'20260230' is no date as yyyymmdd - at `$.businessDate`"),
        ({"businessDate": 99991231}, "'99991231' is no date as yyyymmdd - at `$.businessDate`"),
        (
            {"businessDate": "\uff12\uff10\uff12\uff16\uff10\uff13\uff10\uff11"},
            "'\uff12\uff10\uff12\uff16\uff10\uff13\uff10\uff11' is no date as yyyymmdd - at `$.businessDate`",
        ),
        ({"regularHours": 1e15}, "1000000000000000.0 is too large - at `$.regularHours`"),
        ({"overtimeHours": 1e300}, "1E+300 is too large - at `$.overtimeHours`"),
        ({"hourlyWage": 1e13}, "10000000000000.0 is too large - at `$.hourlyWage`"),
        ({"hourlyWage": "NaN"}, "NaN is too large - at `$.hourlyWage`"),
        ({"hourlyWage": "9e999999"}, "9E+999999 is too large - at `$.hourlyWage`"),
        ({"regularHours": 9e12, "hourlyWage": 9e12}, "13500000000000.00 is too large"),
        ({"declaredCashTips": "Infinity"}, "Infinity is too large - at `$.declaredCashTips`"),
        ({"nonCashGratuityServiceCharges": 1e20}, "1E+20 is too large - at `$.nonCashGratuityServiceCharges`"),
    ],
)
def test_an_entry_that_cannot_be_says_where_and_why(fields: Json, reason: str) -> None:
    """As a ValueError, whatever it is, so that it costs itself alone."""
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$") as found:
        laid_out(punch(**fields))

    assert type(found.value) is ValueError


def test_names_and_titles_come_from_the_lists() -> None:
    """The layout takes them as it is given them; who is not listed has none."""
    assert shift_row(punch(jobReference=ref(COOK)), "job_title", "employee_name") == ("Line Cook", PEOPLE.names[ANA])
