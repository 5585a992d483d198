"""The morning summary of a group, out of a real warehouse: days as they were read, posted, changed later, or left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cash_world import entry
from labor_world import laid_out, punch
from ledger_world import changes, hour, whole_day
from orders_world import NORTH, SOUTH, Json, check, decoder, discount, open_warehouse, order, page, payment, selection, together
from restaurant_os.alerting import Message
from restaurant_os.alerts.flash import MOST_CHARACTERS, MOST_MESSAGES, MOST_SECTIONS, flash_of
from restaurant_os.batch import COPY, DaySet, Rejected
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.settings import Location, ReportSettings, Settings
from restaurant_os.sources.columns import staged_schema
from restaurant_os.sources.toast.cash import LISTS
from restaurant_os.tables import CASH, LABOR, ORDERS
from restaurant_os.warehouse import Commit, SyncRun
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from summaries_world import labor, post, sales

#: A Sunday, closed at hour 0 of `ledger_world`; the flash of it is sent at 07:00 in New York.
DAY = date(2026, 3, 1)
MORNING = datetime(2026, 3, 2, 12, tzinfo=UTC)
TITLE = "Sunday, March 1: 1 location"
NO_CASH = "Cash over/short no data"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return open_warehouse(tmp_path)


def settings(*places: Location, **others: Any) -> Settings:
    return Settings(locations=places or (NORTH,), **others)


def flash(warehouse: DuckDBWarehouse, *places: Location, now: datetime = MORNING) -> list[Message]:
    return flash_of(warehouse, settings(*places), places or (NORTH,), now)


def lines(warehouse: DuckDBWarehouse, now: datetime = MORNING) -> tuple[str, ...]:
    """Of the only location."""
    [message] = flash(warehouse, now=now)
    [(_, found)] = message.lists
    return found


def land(
    warehouse: DuckDBWarehouse, dataset: str, tables: dict[str, pa.Table], *runs: SyncRun, days: Iterable[date] = (), **more: Any
) -> None:
    calendar = Calendar(ReportSettings(), {}).tables(NORTH, [DAY, *days])
    warehouse.commit(Commit(dataset=dataset, restaurant_guids=(NORTH.toast_guid,), tables={**tables, **calendar}, runs=runs, **more))


def orders(
    warehouse: DuckDBWarehouse, records: Sequence[Json], *runs: SyncRun, day: date = DAY, rejected: tuple[Rejected, ...] = ()
) -> None:
    batch = decoder(discount_kinds={"house": "comp"}).page(page(*records), read_at=None)
    land(warehouse, ORDERS.name, together([batch]), *runs, days=[day], rejected=rejected)


def sold(guid: str, price: float, version: int = 0, day: date = DAY, **fields: Any) -> Json:
    own = check(f"{guid}-check", [selection(f"{guid}-line", price)], [payment(f"{guid}-payment", price)])
    return order(guid, [own], version, int(f"{day:%Y%m%d}"), **fields)


def punched(warehouse: DuckDBWarehouse, *runs: SyncRun, wage: float = 20.0) -> None:
    """Eight hours on DAY."""
    rows = laid_out(punch(regularHours=8, hourlyWage=wage), read_at=runs[0].started_at)
    land(warehouse, LABOR.name, {s.name: pa.Table.from_pylist(rows.get(s.name, []), schema=staged_schema(s)) for s in LABOR.tables}, *runs)


def counted(warehouse: DuckDBWarehouse, entries: Sequence[Json], run: SyncRun) -> None:
    tables = {}
    for kind, records in zip(LISTS, (entries, []), strict=True):
        shared = {"restaurant_guid": NORTH.toast_guid, "business_date": DAY, "is_deleted": False, "read_seq": 1}
        rows = [kind.row(one) | shared | {COPY: n} for n, one in enumerate(kind.reader.read(json.dumps(records).encode()).good)]
        tables[kind.table.name] = pa.Table.from_pylist(rows, schema=staged_schema(kind.table))
    land(warehouse, CASH.name, tables, run, day_sets=[DaySet(s.name, NORTH.toast_guid, DAY, 1) for s in CASH.tables])


# --- a location -------------------------------------------------------------------------------------------------------


def test_a_day_that_is_wholly_known(warehouse: DuckDBWarehouse) -> None:
    """Sales against the same weekday last week and last year, labor, cash, what was given away: one message."""
    week, year = DAY - timedelta(days=7), DAY - timedelta(days=364)
    lines_of_check = [selection("a", 900.0), selection("b", 100.0, voided=True), selection("c", 50.0)]
    lines_of_check[2] |= {"price": 0, "appliedDiscounts": [discount("d", 50.0, name="house")]}
    own = order("o-1", [check("check", lines_of_check, [payment("p", 900.0)])], day=20260301)
    orders(warehouse, [own], whole_day(DAY, 1))
    orders(warehouse, [sold("o-week", 800.0, day=week)], whole_day(week, 1), day=week)
    orders(warehouse, [sold("o-year", 1000.0, day=year)], whole_day(year, 1), day=year)
    punched(warehouse, whole_day(DAY, 1, dataset="labor"))
    counted(warehouse, [entry("e", -4.25, "CLOSE_OUT_SHORTAGE")], whole_day(DAY, 1, dataset="cash"))

    assert flash(warehouse) == [
        Message(
            kind="flash",
            title=TITLE,
            lists=(
                (
                    "North",
                    (
                        "Sales $900.00; last week $800.00 (+12.5 %); last year $1,000.00 (-10.0 %)",
                        "Labor 17.8 %, CPLH $20.00",
                        "Cash over/short: drawers -$4.25, deposit no data (pending)",
                        "Voids $100.00 (9.5 %), comps $50.00 (5.3 %)",
                    ),
                ),
            ),
            footer="as of 07:00",
            level="note",
        )
    ]


def test_what_is_not_known_is_no_data_and_never_nought(warehouse: DuckDBWarehouse) -> None:
    assert lines(warehouse) == (
        "Sales no data; last week no data; last year no data",
        "Labor %, CPLH no data",
        NO_CASH,
        "Voids no data, comps no data",
        "Missing: orders, never read",
    )


def test_sales_without_labor(warehouse: DuckDBWarehouse) -> None:
    orders(warehouse, [sold("o-1", 100.0)], whole_day(DAY, 1))

    assert lines(warehouse) == (
        "Sales $100.00; last week no data; last year no data",
        "Labor %, CPLH no data (no labor read)",
        NO_CASH,
        "Voids $0.00 (0.0 %), comps $0.00 (0.0 %)",
    )


def test_a_day_without_sales_has_sales_of_nought_and_no_labor_percent(warehouse: DuckDBWarehouse) -> None:
    orders(warehouse, [], whole_day(DAY, 1))
    punched(warehouse, whole_day(DAY, 1, dataset="labor"))

    assert lines(warehouse)[:2] == ("Sales $0.00; last week no data; last year no data", "Labor %, CPLH no data (no sales)")


def test_totals_that_a_store_posted_have_no_gaps(warehouse: DuckDBWarehouse) -> None:
    """Of a store that stands nowhere in the settings; what a summary does not tell is no data."""
    post(warehouse, sales("5000", 1, store="S9", guid="S9"), labor("75", "1500", 2, store="S9", guid="S9"), calendar_of=None)
    store = settings().place_of("S9")

    [message] = flash_of(warehouse, settings(), [store], MORNING)

    assert message.lists == (
        (
            "⚠ S9",
            (
                "Sales $5,000.00; last week no data; last year no data",
                "Labor 30.0 %, over 25 %, CPLH $20.00",
                NO_CASH,
                "Voids no data, comps no data",
            ),
        ),
    )
    assert message.footer == "as of 12:00 UTC"


def test_the_levels_are_those_of_the_rules(warehouse: DuckDBWarehouse) -> None:
    orders(warehouse, [sold("o-1", 500.0)], whole_day(DAY, 1))
    punched(warehouse, whole_day(DAY, 1, dataset="labor"))
    rules = [{"name": "labor-percent", "above": 32}]

    [shipped] = flash_of(warehouse, settings(), [NORTH], MORNING)
    [own] = flash_of(warehouse, settings(alerts={"rules": rules}), [NORTH], MORNING)
    [off] = flash_of(warehouse, settings(alerts={"rules": [{"name": "labor-percent", "enabled": False}]}), [NORTH], MORNING)

    assert [message.lists[0][0] for message in (shipped, own, off)] == ["⚠ North", "North", "North"]
    assert [message.lists[0][1][1] for message in (shipped, own)] == ["Labor 32.0 %, over 25 %, CPLH $20.00", "Labor 32.0 %, CPLH $20.00"]


def test_a_drawer_that_is_short_wants_a_look(warehouse: DuckDBWarehouse) -> None:
    orders(warehouse, [sold("o-1", 500.0)], whole_day(DAY, 1))
    counted(warehouse, [entry("e", -43.0, "CLOSE_OUT_SHORTAGE")], whole_day(DAY, 1, dataset="cash"))

    [message] = flash(warehouse)

    assert message.lists[0][0] == "⚠ North"
    assert message.lists[0][1][2] == "Cash over/short: drawers -$43.00, under -$10.00, deposit no data (pending)"


# --- changed since, and missing ---------------------------------------------------------------------------------------


def test_what_late_edits_changed_in_a_day_and_a_night(warehouse: DuckDBWarehouse) -> None:
    """Two changes of one day are told together, in dollars; those of more than 24 hours ago no more."""
    orders(warehouse, [sold("o-1", 100.0), sold("o-2", 50.0), sold("o-3", 7.0)], whole_day(DAY, 6))
    orders(warehouse, [sold("o-3", 7.0, version=3, voided=True)], changes(5, 20))
    orders(warehouse, [sold("o-1", 90.0, version=5)], changes(20, 60))
    orders(warehouse, [sold("o-2", 50.0, version=9, voided=True)], changes(60, 71))

    found = [[one for one in lines(warehouse, now=now) if one.startswith("Changed")] for now in (hour(75), hour(99))]

    assert found == [["Changed since, Sun Mar 1: net sales -$60.00"], []]


def test_days_that_are_not_complete(warehouse: DuckDBWarehouse) -> None:
    """The last closed one, and those before it since the first that is known."""
    old = DAY - timedelta(days=3)
    orders(warehouse, [sold("o-old", 100.0, day=old)], whole_day(old, 1), day=old)
    bad = Rejected(NORTH.toast_guid, "bad", DAY, "checks", "not readable", "{}", copy=1_000_000)
    orders(warehouse, [sold("o-1", 100.0)], whole_day(DAY, 1), rejected=(bad,))

    assert [one for one in lines(warehouse) if one.startswith("Missing")] == [
        "Missing: orders, records in quarantine",
        "Missing: orders of Sat Feb 28, never read",
        "Missing: orders of Fri Feb 27, never read",
    ]


# --- a group ----------------------------------------------------------------------------------------------------------


def test_the_locations_with_trouble_come_first_and_the_group_is_summed(warehouse: DuckDBWarehouse) -> None:
    """What is known of one alone on one of the days is compared with nothing."""
    stores = [settings().place_of(name) for name in ("alpha", "beta", "gamma")]
    before = DAY - timedelta(days=7)
    for number, (store, gross, cost, week) in enumerate(
        (("alpha", "1000", "200", "800"), ("beta", "1000", "300", None), ("gamma", "500", "100", "700"))
    ):
        post(
            warehouse,
            sales(gross, 10 * number, store=store, guid=store),
            labor("10", cost, 10 * number + 1, store=store, guid=store),
            calendar_of=None,
        )
        if week:
            post(warehouse, sales(week, 10 * number + 2, store=store, guid=store, day=before), calendar_of=None)

    [message] = flash_of(warehouse, settings(), stores, MORNING)

    assert message.title == "Sunday, March 1: 3 locations"
    assert message.text == "Sales $2,500.00; last week $1,500.00 (+0.0 %) at the 2 known then too. 1 location wants a look."
    assert [heading for heading, _ in message.lists] == ["⚠ beta", "alpha", "gamma"]


def test_each_location_has_its_own_last_closed_date(warehouse: DuckDBWarehouse) -> None:
    """05:00 in New York is 02:00 in Los Angeles, where Sunday is not over."""
    [message] = flash(warehouse, NORTH, SOUTH, now=datetime(2026, 3, 2, 10, tzinfo=UTC))

    assert message.title == "Saturday, February 28 and Sunday, March 1: 2 locations"
    assert [heading for heading, _ in message.lists] == ["⚠ North, Sunday, March 1", "⚠ South, Saturday, February 28"]
    assert message.footer == "as of 10:00 UTC"


def test_many_locations_are_cut_into_messages_that_every_channel_takes(warehouse: DuckDBWarehouse) -> None:
    stores = [settings().place_of(f"store {number:03d}") for number in range(120)]

    found = flash_of(warehouse, settings(), stores, MORNING)

    assert [one.title for one in found] == [f"Sunday, March 1: 120 locations ({number} of 5)" for number in range(1, 6)]
    assert max(len(one.lists) for one in found) <= MOST_SECTIONS
    assert max(sum(len(heading) + sum(map(len, own)) for heading, own in one.lists) for one in found) <= MOST_CHARACTERS
    left = 120 - sum(len(one.lists) for one in found)
    assert found[-1].text == f"{left} locations more, with less to look at, `restaurant-os metrics` shows."
    assert len(found) == MOST_MESSAGES


def test_the_same_morning_makes_the_same_messages(warehouse: DuckDBWarehouse) -> None:
    orders(warehouse, [sold("o-1", 100.0)], whole_day(DAY, 1))

    assert flash(warehouse) == flash(warehouse)


def test_no_location_no_message(warehouse: DuckDBWarehouse) -> None:
    assert flash_of(warehouse, settings(), [], MORNING) == []
