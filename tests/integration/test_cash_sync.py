"""`sync cash`: business dates read one by one into a warehouse, against the simulator over a socket and against an API of functions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cash_world import DAY, DEPOSITS, ENTRIES, LATER, SPAN, Api, deposit, entry, held, in_turn, refusal, sync, waiting
from orders_world import NORTH
from restaurant_desk import Desk, desk
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import day_statuses
from toast_simulator import LAST_DAY, Toast, simulating
from warehouse_reading import read

LIVE = ("cash_entry_guid", "business_date", "amount", "is_deleted")


# --- an API of functions ------------------------------------------------------------------------------------------------


def test_a_day_lands_and_a_second_sync_writes_nothing(tmp_path: Path) -> None:
    """Under the date that was asked; each sync under a read sequence of its own, which the ledger has."""
    api = Api({ENTRIES: [entry("e-1"), entry("e-2", 40)], DEPOSITS: [deposit("d-1")]})
    first, second = sync(tmp_path, "cash", api), sync(tmp_path, "cash", api)

    assert [(r.rows_read, r.rows_added, r.rows_changed, r.windows) for r in (first, second)] == [(3, 3, 0, 1), (3, 0, 0, 1)]
    assert held(tmp_path, "fact_cash_entries", *LIVE) == [("e-1", DAY, Decimal(-25), False), ("e-2", DAY, Decimal(40), False)]
    assert held(tmp_path, "fact_cash_deposits", "deposit_guid", "business_date", "read_seq") == [("d-1", DAY, 1)]
    assert held(tmp_path, "sync_runs", "read_seq", "window_kind", "business_date") == [(1, "business_date", DAY), (2, "business_date", DAY)]
    assert held(tmp_path, "dim_business_days", "restaurant_guid", "business_date", "hours") == [(NORTH.toast_guid, DAY, 24)]


def test_a_day_that_had_rows_is_emptied_only_by_a_second_answer(tmp_path: Path) -> None:
    """One empty answer is asked again; two are believed, and what was there stays, flagged."""
    sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1")], DEPOSITS: [deposit("d-1")]}))
    once = Api({ENTRIES: in_turn([], [entry("e-1")]), DEPOSITS: [deposit("d-1")]})
    sync(tmp_path, "cash", once)
    doubted = held(tmp_path, "fact_cash_entries", *LIVE)
    twice = Api({ENTRIES: [], DEPOSITS: [deposit("d-1")]})
    sync(tmp_path, "cash", twice)
    after = Api({ENTRIES: [], DEPOSITS: [deposit("d-1")]})
    sync(tmp_path, "cash", after)

    assert [len(api.asked(ENTRIES)) for api in (once, twice, after)] == [2, 2, 1]
    assert (doubted, held(tmp_path, "fact_cash_entries", *LIVE)) == (
        [("e-1", DAY, Decimal(-25), False)],
        [("e-1", DAY, Decimal(-25), True)],
    )


def test_an_entry_that_cannot_be_read_keeps_the_others_where_they_are(tmp_path: Path) -> None:
    """What came lands, what did not come is not called gone, the day is not complete; when it can be read the day is replaced."""
    sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1"), entry("e-2"), entry("e-3")]}))
    bad = entry("e-2", "ten dollars")
    result = sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1", -30), bad]}))
    in_part = held(tmp_path, "fact_cash_entries", *LIVE)
    quarantined, [(kept,)] = waiting(tmp_path), waiting(tmp_path, "record_json")
    partial = states(tmp_path)
    sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1", -30), entry("e-2", 10)]}))

    assert result.rows_quarantined == 1
    assert in_part == [("e-1", DAY, Decimal(-30), False), ("e-2", DAY, Decimal(-25), False), ("e-3", DAY, Decimal(-25), False)]
    assert quarantined == [("e-2", DAY, "$.amount", "Invalid decimal string")]
    assert json.loads(kept) == bad
    assert held(tmp_path, "fact_cash_entries", *LIVE) == [
        ("e-1", DAY, Decimal(-30), False),
        ("e-2", DAY, Decimal(10), False),
        ("e-3", DAY, Decimal(-25), True),
    ]
    assert (partial, states(tmp_path), waiting(tmp_path)) == (("partial", "records in quarantine"), ("complete", ""), [])


def states(folder: Path) -> tuple[str, str]:
    """What `status` says of the day's cash."""
    from cash_world import app_of

    [found] = [one for one in day_statuses(app_of(folder, Api()).warehouse, [NORTH], SPAN, LATER) if one.dataset == "cash"]
    return found.state, found.why


def test_an_entry_without_a_guid_waits_until_its_day_is_whole(tmp_path: Path) -> None:
    """It has no id that could land."""
    sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1"), {**entry("x"), "guid": None}]}))
    first = waiting(tmp_path, "record_guid", "business_date")
    sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1"), entry("x")]}))

    assert (first, waiting(tmp_path)) == ([(None, DAY)], [])


def test_an_undo_of_another_day_lands_on_its_own(tmp_path: Path) -> None:
    """It names what it undoes; both stay where they are."""
    days = {"20260301": [entry("out", -25)], "20260302": [entry("undo", 25, "UNDO_PAY_OUT", undoes="out")]}
    api = Api({ENTRIES: lambda request: days[request.url.params["businessDate"]]})
    sync(tmp_path, "cash", api, Span(DAY, DAY + timedelta(days=1)))

    assert held(tmp_path, "fact_cash_entries", "cash_entry_guid", "business_date", "undoes_guid") == [
        ("out", DAY, None),
        ("undo", DAY + timedelta(days=1), "out"),
    ]


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_ends_the_location_and_leaves_its_rows(tmp_path: Path, status: int) -> None:
    """Nothing is emptied by an answer that is none."""
    sync(tmp_path, "cash", Api({ENTRIES: [entry("e-1")]}))
    with pytest.raises(AssertionError, match="request-7"):
        sync(tmp_path, "cash", Api({ENTRIES: refusal(status)}))

    assert held(tmp_path, "fact_cash_entries", *LIVE) == [("e-1", DAY, Decimal(-25), False)]


def test_without_a_span_the_open_day_and_the_net(tmp_path: Path) -> None:
    """The first sync looks as far back as the settings say; the next completes the net; from then on the open day and the one before,
    until a closeout has passed."""
    apis = [Api(now=LATER + timedelta(hours=hours)) for hours in (0, 1, 2, 23)]
    for api in apis:
        sync(tmp_path, "cash", api, None)

    assert [[call["businessDate"][-2:] for call in api.asked(DEPOSITS)] for api in apis] == [
        ["19", "20", "21", "22"],
        ["15", "16", "17", "18", "21", "22"],
        ["21", "22"],
        ["15", "16", "17", "18", "19", "20", "21", "22", "23"],
    ]


# --- the simulator ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toast() -> Iterator[Toast]:
    with simulating(locations=4, days=4) as running:
        yield running


@pytest.fixture
def group(tmp_path: Path, toast: Toast) -> Iterator[Desk]:
    yield desk(tmp_path / "group", toast, begun=True)
    toast.clear_faults()


def cash(own: Desk) -> list[list[tuple[object, ...]]]:
    """Both tables, but for times of writing and sequences."""
    return [
        read(own.warehouse, f"SELECT * EXCLUDE (_loaded_at, read_seq) FROM {table} ORDER BY ALL")
        for table in ("fact_cash_entries", "fact_cash_deposits")
    ]


def entries_totals(own: Desk) -> dict[tuple[str, date], Decimal]:
    """What counts for the expected deposit, by the literal rule."""
    counted = "(entry_type <> 'CASH_COLLECTED' OR undoes_guid IS NOT NULL) AND NOT is_deleted"
    found = read(
        own.warehouse,
        f"SELECT restaurant_guid, business_date, sum(amount) FROM fact_cash_entries WHERE {counted} GROUP BY ALL ORDER BY ALL",
    )
    return {(guid, day): total for guid, day, total in found if total}


SPAN_OF_WORLD = (LAST_DAY - timedelta(days=3), LAST_DAY)


def test_what_lands_is_what_the_books_say(group: Desk, toast: Toast) -> None:
    """Every location, every day, to the cent; a location that takes no cash has no rows, and is none the worse."""
    results = group.sync(*SPAN_OF_WORLD, dataset="cash")
    books = {
        (row["restaurant_guid"], date.fromisoformat(row["business_date"])): Decimal(row["entries_total"])
        for row in toast.book("cash")
        if SPAN_OF_WORLD[0] <= date.fromisoformat(row["business_date"]) <= LAST_DAY and Decimal(row["entries_total"])
    }

    assert entries_totals(group) == books
    assert [result.rows_read > 0 for result in results] == [True, True, True, False]


def test_an_answer_that_lies_empties_nothing(tmp_path: Path, toast: Toast) -> None:
    """Every second answer that has something is an empty list instead; it is asked again, and then it has."""
    group = desk(tmp_path / "group", toast, locations=toast.locations()[:1], begun=True)
    group.sync(*SPAN_OF_WORLD, dataset="cash")
    before = cash(group)
    toast.set_faults(empty_day={"every": 2})
    results = group.sync(*SPAN_OF_WORLD, dataset="cash")
    lies = toast.faults_happened()["empty_day"]
    toast.clear_faults()

    assert lies > 3
    assert (cash(group), sum(result.rows_changed for result in results)) == (before, 0)


def test_broken_records_come_to_stand_as_if_they_never_were(tmp_path: Path, toast: Toast) -> None:
    """While they last, the rest lands and nothing is flagged; a read without them ends as an undisturbed one."""
    group = desk(tmp_path / "group", toast, locations=toast.locations()[:2], begun=True)
    toast.set_faults(broken_cash={"rate": 1.0})
    broken = group.sync(*SPAN_OF_WORLD, dataset="cash")
    waited = read(group.warehouse, "SELECT count(*) FROM quarantine WHERE resolved_at IS NULL")
    flagged = read(group.warehouse, "SELECT count(*) FROM fact_cash_entries WHERE is_deleted")
    toast.clear_faults()
    group.sync(*SPAN_OF_WORLD, dataset="cash")
    calm = desk(tmp_path / "calm", toast, locations=toast.locations()[:2], begun=True)
    calm.sync(*SPAN_OF_WORLD, dataset="cash")

    assert (waited, flagged) == ([(sum(result.rows_quarantined for result in broken),)], [(0,)])
    assert cash(group) == cash(calm)
    assert read(group.warehouse, "SELECT count(*) FROM quarantine WHERE resolved_at IS NULL") == [(0,)]


def test_days_go_on_changing_and_the_next_syncs_follow(tmp_path: Path) -> None:
    """Late entries, vanished ones, deposits of the next days: syncs without a span, twice a day, end as the books do."""
    with simulating(locations=1, days=2) as toast:
        own = desk(tmp_path / "group", toast, begun=True)
        own.sync(dataset="cash")
        for _ in range(4):
            toast.advance(timedelta(hours=12))
            own.sync(dataset="cash")
        first = LAST_DAY - timedelta(days=1)
        books = {
            (row["restaurant_guid"], date.fromisoformat(row["business_date"])): Decimal(row["entries_total"])
            for row in toast.book("cash")
            if date.fromisoformat(row["business_date"]) >= first and Decimal(row["entries_total"])
        }

        assert {key: total for key, total in entries_totals(own).items() if key[1] >= first} == books
