"""Cash entries and deposits: what the API answers and refuses, and what life is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from restaurant_os.simulator.auth import Client, Tokens
from restaurant_os.simulator.cash import UNDOES, Deposit, Entry, TillDay
from restaurant_os.simulator.catalog import fit_out
from restaurant_os.simulator.deposits import Depositor
from restaurant_os.simulator.people import CASHLESS, CLOSED_BY_WEATHER, OFFLINE
from restaurant_os.simulator.server import Options, build
from restaurant_os.simulator.tills import deposited, standing
from restaurant_os.simulator.world import World
from simulator_fakes import Api, Time
from simulator_reading import orders_at

LAST_DAY = date(2026, 3, 10)
ENTRIES, DEPOSITS = "/cashmgmt/v1/entries", "/cashmgmt/v1/deposits"
PATHS = (ENTRIES, DEPOSITS)
KINDS = {*UNDOES, "UNDO_PAY_OUT", "NO_SALE", "DRIVER_REIMBURSEMENT", "CLOSE_OUT_EXACT", "CLOSE_OUT_OVERAGE", "CLOSE_OUT_SHORTAGE"}
MILLISECOND = timedelta(milliseconds=1)


def opened(locations: int = 2, days: int = 3) -> Api:
    time = Time(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=locations, days=days, seed=7, last_day=LAST_DAY), seconds=time).state.simulator, time)


@pytest.fixture(scope="module")
def real() -> Api:
    """The API over the real world: two restaurants, three days, standing at the end of history."""
    return opened()


@pytest.fixture(scope="module")
def group() -> World:
    """For what needs many restaurant-days; entries alone cost no order."""
    return World(seed=7, locations=13, days=14, last_day=LAST_DAY)


@pytest.fixture(scope="module")
def life(group: World) -> list[Entry]:
    """Every entry of the group's history that exists a week later, by its business date."""
    return [entry for _, day in entries_of(group, group.history_end + timedelta(days=7)) for entry in day]


def entries_of(world: World, at: datetime) -> Iterator[tuple[str, list[Entry]]]:
    for restaurant in world.restaurants:
        for number in range((world.last_day - world.first_day).days + 1):
            yield restaurant.guid, world.tills.entries(restaurant.guid, world.first_day + timedelta(days=number), at)


def first_guid(api: Api) -> str:
    return api.simulator.world.restaurants[0].guid


# --- the endpoints --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_a_day_is_a_bare_list_of_what_carries_a_guid(real: Api, path: str) -> None:
    rows = real.get(path, restaurant=first_guid(real), businessDate="20260308").json()

    assert {row["entityType"] for row in rows} == {"CashEntry" if path == ENTRIES else "DepositEntry"}
    assert len({row["guid"] for row in rows}) == len(rows) > 0
    assert real.get(path, restaurant=first_guid(real), businessDate="20250308").json() == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "businessDate is required"),
    ({"startDate": "2026-03-08T00:00:00.000+0000", "endDate": "2026-03-09T00:00:00.000+0000"}, "businessDate is required"),
    ({"businessDate": "2026-03-08"}, "yyyyMMdd"),
    ({"businessDate": "2026-03-08T00:00:00.000+0000"}, "yyyyMMdd"),
    ({"business_date": "20260308"}, "businessDate is required"),
    ({"BusinessDate": "20260308"}, "businessDate is required"),
    ({"date": "20260308"}, "businessDate is required"),
    ({"yyyymmdd": "20260308"}, "businessDate is required"),
    ({"businessDate": ""}, "businessDate is required"),
    ({"businessDate": ["20260308", "20260309"]}, "once"),
    ({"businessDate": "20260308,20260309"}, "yyyyMMdd"),
    ({"businessDate": "20260230"}, "yyyyMMdd"),
    ({"businessDate": "2026038"}, "yyyyMMdd"),
    ({"businessDate": " 20260308"}, "yyyyMMdd"),
    ({"businessDate": "٢٠٢٦٠٣٠٨"}, "yyyyMMdd"),  # digits of another script
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("query", "problem"), REFUSED)
def test_anything_but_one_business_date_is_refused(real: Api, path: str, query: dict[str, Any], problem: str) -> None:
    answer = real.get(path, restaurant=first_guid(real), **query)

    assert answer.status_code == answer.json()["status"] == 400
    assert problem in answer.json()["message"]
    assert answer.json()["requestId"] == answer.headers["toast-request-id"]


@pytest.mark.parametrize("path", PATHS)
def test_token_header_scope_and_restaurant(path: str) -> None:
    api = opened()
    world = api.simulator.world
    near, far = (restaurant.guid for restaurant in world.restaurants)
    allowed = frozenset({"cashmgmt:read"})
    clients = [Client("cash", "s", "Cash", allowed, frozenset({near})), Client("orders", "s", "Orders", frozenset({"orders:read"}))]
    api.simulator.tokens = Tokens(clients)
    day: dict[str, Any] = {"businessDate": "20260308"}

    assert api.http.get(path, headers={"Toast-Restaurant-External-ID": near}, params=day).status_code == 401
    api.login("cash", "s")
    assert api.get(path, restaurant=near, **day).status_code == 200
    assert api.get(path, restaurant=None, **day).status_code == 400
    assert api.get(path, restaurant="somewhere", **day).status_code == 400
    assert api.get(path, restaurant=far, **day).status_code == 403
    assert api.get(path, restaurant=world.restaurants[0].group_guid, **day).status_code == 403
    api.login("orders", "s")
    assert api.get(path, restaurant=near, **day).status_code == 403


def test_an_empty_day_and_a_broken_entry_on_demand(real: Api) -> None:
    def entries() -> Any:
        return real.get(ENTRIES, restaurant=first_guid(real), businessDate="20260308").json()

    sound = {row["guid"]: row for row in entries()}
    real.http.post("/simulator/faults", json={"empty_day": {"every": 1, "limit": 1}})
    emptied = [entries(), entries()]
    real.http.post("/simulator/faults", json={"broken_cash": {"every": 1, "limit": 5}})
    broken = [[row for row in entries() if row != sound.get(row.get("guid"))] for _ in range(6)]
    happened = real.http.get("/simulator/faults").json()
    real.http.delete("/simulator/faults")

    assert [len(rows) for rows in emptied] == [0, len(sound)]
    assert [len(rows) for rows in broken] == [1, 1, 1, 1, 1, 0]
    assert sorted(str(type(rows[0].get("undoes"))) for rows in broken[:5]).count("<class 'dict'>") == 1
    assert happened["empty_day"]["happened"] == 1
    assert real.http.post("/simulator/faults", json={"empty_day": {"rate": 1, "endpoint": "ordersBulk"}}).status_code == 400


# --- the same world -------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_cash_in_whatever_order_it_is_asked() -> None:
    worlds = [World(seed=3, locations=2, days=3, last_day=LAST_DAY) for _ in range(2)]
    end = worlds[0].history_end + timedelta(days=1)
    asked = [
        (r.guid, worlds[0].first_day + timedelta(days=d), end - timedelta(hours=h))
        for r in worlds[0].restaurants
        for d in range(4)
        for h in (0, 9, 30, 60)
    ]
    shuffled = Random(1).sample(asked, len(asked))
    answers = [
        {question: (world.tills.entries(*question), world.tills.deposits(*question)) for question in order}
        for world, order in zip(worlds, (asked, shuffled), strict=True)
    ]

    assert answers[0] == answers[1]
    assert any(deposits for _, deposits in answers[0].values())


def test_entries_are_listed_under_the_business_date_they_were_made_on(group: World) -> None:
    for guid, day in entries_of(group, group.history_end):
        calendar = group.shops[guid].calendar
        assert len({calendar.date_of(entry.date) for entry in day}) <= 1


def test_nothing_is_there_before_it_happens(group: World) -> None:
    """An entry comes into the list at the millisecond the platform learns of it."""
    guid, day = group.restaurants[0].guid, group.first_day
    for entry in group.tills.entries(guid, day, group.history_end):
        seen = datetime.fromtimestamp(entry.seen / 1000, UTC)
        assert entry in group.tills.entries(guid, day, seen)
        assert entry not in group.tills.entries(guid, day, seen - MILLISECOND)


# --- entries --------------------------------------------------------------------------------------------------------------


def test_every_kind_of_entry_occurs_and_has_its_sign(life: list[Entry]) -> None:
    found = Counter(entry.kind for entry in life)
    unknown = [entry for entry in life if entry.kind not in KINDS]

    assert set(found) > KINDS
    assert 0 < len(unknown) < 10
    for entry in life:
        assert entry.kind in KINDS or entry.amount == 0
        assert (entry.payout_reason is None) or entry.kind == "PAY_OUT"
        assert (entry.no_sale_reason is not None) == (entry.kind == "NO_SALE")
        match entry.kind:
            case "CASH_IN" | "CASH_COLLECTED" | "UNDO_PAY_OUT" | "CLOSE_OUT_OVERAGE":
                assert entry.amount > 0
            case "CASH_OUT" | "PAY_OUT" | "TIP_OUT" | "DRIVER_REIMBURSEMENT" | "CLOSE_OUT_SHORTAGE":
                assert entry.amount < 0
            case _:
                assert entry.amount == 0


def test_undo_pairs_are_those_of_the_reference(life: list[Entry]) -> None:
    """Of every kind, on the same day and on the next, and undone themselves; each later than what it undoes, and its opposite."""
    by_guid = {entry.guid: entry for entry in life}
    undone: Counter[str] = Counter()
    other_day = twice = 0
    for entry in life:
        if entry.undoes is None:
            continue
        first = by_guid.get(entry.undoes)
        if first is None:
            continue
        undone[first.kind] += 1
        twice += first.undoes is not None
        other_day += entry.date - first.date > 12 * 3_600_000
        assert (entry.kind, entry.reason, entry.amount) == (*UNDOES[first.kind], -first.amount)
        assert first.date < entry.date
        assert first.seen < entry.seen
    assert set(undone) == set(UNDOES)
    assert other_day
    assert twice
    assert sum(entry.undoes is not None and entry.undoes not in by_guid for entry in life) <= 3  # of the day before the first


def test_the_rest_of_a_drawers_life(group: World, life: list[Entry]) -> None:
    reviews = [entry for entry in life if entry.reviewed]
    later = group.history_end + timedelta(days=7)
    moments = (group.history_end - timedelta(hours=12 * step) for step in range(2, 28))
    seen = {entry.guid for at in moments for _, day in entries_of(group, at) for entry in day}
    drawers: dict[str, set[str]] = {restaurant.guid: set() for restaurant in group.restaurants}
    for guid, day in entries_of(group, later):
        used = {str(entry.drawer) for entry in day if entry.kind.startswith("CLOSE_OUT")}
        assert len(used) <= 6  # of its own and of those forgotten the day before
        drawers[guid] |= used

    assert {entry.kind for entry in life if entry.drawer is None and not entry.undoes} == {"CASH_COLLECTED", "TIP_OUT"}
    assert any(entry.second is not None for entry in reviews)
    assert any(entry.employee is None for entry in life)
    assert sum(entry.seen - entry.date > 12 * 3_600_000 for entry in life) > 10, "nothing came a day late"
    assert 0 < len(seen - {entry.guid for entry in life}) < 30, "nothing vanished, or too much"
    assert {len(used) for used in drawers.values()} == {0, 3}


def test_some_shifts_are_reviewed_the_morning_after(group: World) -> None:
    """Then their entries carry the next business date, and stand in its list."""
    mornings = 0
    for guid, day in entries_of(group, group.history_end):
        calendar = group.shops[guid].calendar
        mornings += sum(entry.reviewed and entry.undoes is None and calendar.local_hour(entry.date) in (9, 10) for entry in day)
    assert mornings > 20


def test_what_happens_while_the_line_is_down_comes_after_it() -> None:
    world = World(seed=7, locations=2, days=4, last_day=LAST_DAY)
    restaurant = world.restaurants[OFFLINE[0]]
    day = LAST_DAY - timedelta(days=OFFLINE[1])
    closes = world.shops[restaurant.guid].calendar.closes(day.toordinal())
    deposits = world.tills.deposits(restaurant.guid, day, world.history_end)
    (row,) = [row for row in world.cash_books(world.history_end, day) if row["restaurant_guid"] == restaurant.guid]

    assert world.tills.entries(restaurant.guid, day, datetime.fromtimestamp(closes / 1000, UTC) + timedelta(hours=7)) == []
    assert world.tills.entries(restaurant.guid, day, world.history_end)
    assert deposits
    assert abs(float(str(row["deposit_over_short"]))) < 100


def test_one_location_takes_no_cash() -> None:
    api = opened(locations=4, days=2)
    world = api.simulator.world
    guid = world.restaurants[CASHLESS].guid
    orders = orders_at(world, guid, world.history_end)

    for day in ("20260309", "20260310"):
        assert [api.get(path, restaurant=guid, businessDate=day).json() for path in PATHS] == [[], []]
    assert not [p for order in orders for check in order["checks"] for p in check["payments"] if p["type"] == "CASH"]
    assert len(orders) > 300
    assert guid not in {row["restaurant_guid"] for row in world.cash_books(world.history_end)}


def test_a_day_shut_by_a_storm_has_no_drawers(group: World) -> None:
    guid = group.restaurants[CLOSED_BY_WEATHER[0]].guid
    day = LAST_DAY - timedelta(days=CLOSED_BY_WEATHER[1])

    assert not [e for e in group.tills.entries(guid, day, group.history_end) if e.kind == "PAY_OUT"]
    assert group.tills.deposits(guid, day, group.history_end) == []


# --- deposits -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def courses() -> list[tuple[TillDay, list[Deposit]]]:
    """A year of deposits, of 1,000.00 each day."""
    shop = fit_out(7, World(seed=7, locations=1, days=1, last_day=LAST_DAY).restaurants[0])
    first = LAST_DAY.toordinal() - 365
    days = [TillDay(shop, o, shop.calendar.opens(o), shop.calendar.closes(o), lambda at: at) for o in range(first, first + 365)]
    return [(day, Depositor(day, seed=7).deposits(lambda made: 100_000)) for day in days]


def test_deposits_are_above_zero_and_undo_only_their_own(courses: list[tuple[TillDay, list[Deposit]]]) -> None:
    for _, deposits in courses:
        by_guid = {deposit.guid: deposit for deposit in deposits}
        assert len(by_guid) == len(deposits)
        assert all(deposit.amount > 0 for deposit in deposits)
        assert [deposit.date for deposit in deposits] == sorted(deposit.date for deposit in deposits)
        for deposit in deposits:
            if deposit.undoes:
                assert by_guid[deposit.undoes].amount == deposit.amount
                assert by_guid[deposit.undoes].date < deposit.date


def test_deposits_are_made_the_next_morning_late_in_parts_again_or_never(courses: list[tuple[TillDay, list[Deposit]]]) -> None:
    found: Counter[str] = Counter()
    for day, deposits in courses:
        if deposits:
            after = (deposits[0].date - day.closes) / 86_400_000
            assert 0 < after < 0.5 or 2 < after < 2.5
            found["late"] += after > 2
            found["off"] += deposited(deposits) != 100_000
            assert abs(deposited(deposits) - 100_000) <= 2_000
        undoing = {deposit.undoes: deposit for deposit in deposits if deposit.undoes}
        found["none"] += not deposits
        found["two parts"] += len(standing(deposits)) == 2
        found["corrected"] += bool(undoing) and len(standing(deposits)) == 1 and standing(deposits)[0] is deposits[-1]
        found["undo undone"] += any(deposit.guid in undoing for deposit in undoing.values())
        found["next day"] += bool(deposits) and deposits[-1].date - deposits[0].date > 20 * 3_600_000
    assert {name for name in ("late", "off", "none", "two parts", "corrected", "undo undone", "next day") if not found[name]} == set()
    assert found["none"] < 40


def test_a_deposit_is_what_the_drawers_of_its_day_hold(real: Api) -> None:
    """Made when the restaurant opens again, of what was known then; the list of its own business date shows it since then."""
    world = real.simulator.world
    for restaurant in world.restaurants:
        for row in world.cash_books(world.history_end, world.first_day):
            if row["restaurant_guid"] == restaurant.guid and row["deposit_status"] == "made":
                (deposit, *_) = world.tills.deposits(restaurant.guid, world.first_day, world.history_end)
                made = datetime.fromtimestamp(deposit.date / 1000, UTC)
                assert world.tills.deposits(restaurant.guid, world.first_day, made - MILLISECOND) == []
                assert made > datetime(2026, 3, 9, 13, tzinfo=UTC)
