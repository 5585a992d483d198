"""The worker: events of the inbox in the tables, each version once in effect, and whatever fails costs itself alone."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_histories import World, worlds
from orders_world import NORTH, SOUTH, Json, check, discount, flat, land, order, payment, refund, refund_details, selection, stored
from property_profiles import examples, unlimited
from restaurant_os.errors import AwayError, DiskFullError, LockedError, OperationsError, WarehouseError
from restaurant_os.live.worker import MOST_ATTEMPTS
from restaurant_os.operations import Event, Settled
from restaurant_os.tables import ORDER_TABLES, TableSpec
from restaurant_os.warehouse import Changes, Commit, Ids, Writing
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from worker_world import Shop, event, places, shop

DAY = date(2026, 3, 1)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Shop]:
    with shop(tmp_path) as found:
        yield found


def sold(guid: str, price: float = 10.0, version: int = 0, **fields: Any) -> Json:
    return order(
        guid, [check(f"{guid}-check", [selection(f"{guid}-line", price)], [payment(f"{guid}-payment", price)])], version=version, **fields
    )


def rich(guid: str) -> Json:
    """An order with something in every table, guests' data included."""
    line = selection(
        f"{guid}-line",
        20.0,
        modifiers=[selection(f"{guid}-modifier", 1.5)],
        appliedDiscounts=[discount(f"{guid}-discount", 2.5, loyaltyDetails={"vendor": "Points", "loyaltyIdentifier": "555-0100"})],
        refundDetails=refund_details("T1", 3.0, 0.25),
    )
    paid = payment(f"{guid}-payment", 20.0, tipAmount=3.5, last4Digits="4242", refund=refund("T1", 3.25))
    service = {
        "guid": f"{guid}-charge",
        "name": "Delivery",
        "chargeAmount": 3.0,
        "gratuity": False,
        "serviceChargeCategory": "SERVICE_CHARGE",
    }
    own = check(f"{guid}-check", [line], [paid], appliedServiceCharges=[service], customer={"firstName": "Ada"}, tabName="Ada")
    return order(guid, [own], deliveryInfo={"address1": "1 Main St"}, openedDate="2026-03-01T23:10:00.000+0000")


def prices(own: Shop) -> list[tuple[Any, ...]]:
    return stored(own.warehouse, "fact_order_items", "order_guid", "item_price", where="NOT is_deleted")


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_event_lands_as_the_same_order_read_by_the_api(own: Shop, tmp_path: Path) -> None:
    own.orders(rich("a"))
    own.work()

    (tmp_path / "rest").mkdir()
    with shop(tmp_path / "rest") as other:
        land(other.warehouse, [rich("a")])
        for spec in ORDER_TABLES:
            columns = [name for name in spec.content if name != "read_at"]
            found = stored(own.warehouse, spec.name, *columns)
            assert found == stored(other.warehouse, spec.name, *columns)
            assert len(found) == 1


def test_its_business_day_and_hours_come_with_it(own: Shop) -> None:
    own.orders(sold("a"))
    own.work()

    [(_, day, hours)] = stored(own.warehouse, "dim_business_days", "restaurant_guid", "business_date", "hours")
    assert (day, hours) == (DAY, 24)
    assert len(stored(own.warehouse, "dim_business_hours", "business_hour")) == 24


def test_an_older_event_after_a_newer_one_changes_nothing(own: Shop) -> None:
    own.orders(sold("a", 12.0, version=1))
    own.work()
    own.orders(sold("a", 10.0, version=0))
    own.work()

    assert prices(own) == [("a", Decimal("12.0000"))]


def test_of_one_order_in_several_events_of_a_batch_the_newest_version_counts(own: Shop) -> None:
    own.orders(sold("a", 11.0, version=1), sold("a", 13.0, version=3), sold("a", 12.0, version=2), sold("a", 10.0))
    own.work()

    assert prices(own) == [("a", Decimal("13.0000"))]
    assert own.operations.inbox().quarantined == 0


def test_an_event_never_beats_the_api_at_an_equal_version_and_the_api_repairs_an_event(own: Shop) -> None:
    own.orders(sold("a", 10.0), sold("b", 10.0))
    own.work()
    land(own.warehouse, [sold("a", 11.0)])
    own.orders(sold("a", 12.0), sold("b", 12.0))
    own.work()

    assert prices(own) == [("a", Decimal("11.0000")), ("b", Decimal("10.0000"))]


def test_events_of_many_locations_land_each_at_its_own_and_by_its_own_day(own: Shop) -> None:
    """North's business day ends at 4 in New York, South's at 3 in Los Angeles."""
    both: dict[str, Any] = {"day": None, "openedDate": "2026-03-02T09:30:00.000+0000"}
    own.accept(own.toast(event(order=sold("n", **both), location=NORTH)), own.toast(event(order=sold("s", **both), location=SOUTH)))
    own.work()

    hours = stored(own.warehouse, "fact_order_items", "order_guid", "restaurant_guid", "business_date", "business_hour")
    assert hours == [("n", NORTH.toast_guid, date(2026, 3, 2), 0), ("s", SOUTH.toast_guid, DAY, 22)]


def test_a_webhook_for_another_channel_is_an_order_too(own: Shop) -> None:
    own.accept(own.toast(event(order=sold("a"), kind="channel_order_updated")))
    own.work()

    assert prices(own) == [("a", Decimal("10.0000"))]


# --- summaries, stock, hints ------------------------------------------------------------------------------------------


def test_of_summaries_the_last_one_posted_counts(own: Shop) -> None:
    for amount in ("5000", "6000", "5000"):
        own.summary("North", "2026-03-01", "sales", gross_sales=amount)
    last = own.summary("kiosk 7", "2026-03-01", "labor", labor_hours="12.5", labor_cost="250.10")
    own.work()

    columns = ("store_id", "date", "kind", "restaurant_guid", "gross_sales", "labor_hours", "labor_cost", "sequence")
    assert stored(own.warehouse, "daily_summaries", *columns) == [
        ("North", DAY, "sales", NORTH.toast_guid, Decimal("5000.0000"), None, None, last.sequence - 1),
        ("kiosk 7", DAY, "labor", "kiosk 7", None, Decimal("12.5000"), Decimal("250.1000"), last.sequence),
    ]
    assert stored(own.warehouse, "dim_business_days", "restaurant_guid") == [(NORTH.toast_guid,), ("kiosk 7",)]


def test_of_summaries_posted_one_after_another_the_last_one_counts(own: Shop) -> None:
    for amount in ("5000", "6000", "5000"):
        own.summary("North", "2026-03-01", "sales", gross_sales=amount)
        own.work()

    assert stored(own.warehouse, "daily_summaries", "gross_sales") == [(Decimal("5000.0000"),)]


def test_of_stock_events_the_latest_counts(own: Shop) -> None:
    def said(kind: str, status: str, minute: int, quantity: float | None = None) -> bytes:
        at = f"2026-03-02T10:{minute:02}:00.000Z"
        return event(kind=kind, sent_at=at, itemGuid="item", multiLocationId="m", status=status, quantity=quantity)

    own.accept(*(own.toast(body) for body in (said("low_quantity", "QUANTITY", 2, 3.0), said("out_of_stock", "OUT_OF_STOCK", 1))))
    own.work()
    assert stored(own.warehouse, "stock_levels", "restaurant_guid", "item_guid", "status", "quantity") == [
        (NORTH.toast_guid, "item", "QUANTITY", 3.0)
    ]

    own.accept(own.toast(said("in_stock", "IN_STOCK", 3)))
    own.work()
    assert stored(own.warehouse, "stock_levels", "item_guid", "status", "quantity") == [("item", "IN_STOCK", None)]


def test_a_menu_event_asks_for_the_configuration_to_be_read(own: Shop) -> None:
    own.accept(*(own.toast(event(kind="menus_updated", publishedDate="2026-03-02T10:00:00.000Z")) for _ in range(3)))
    own.work()

    assert [(dataset, location) for dataset, location, _ in own.operations.wanted()] == [("config", NORTH.toast_guid)]


def test_an_event_that_means_nothing_to_us_is_done(own: Shop) -> None:
    own.accept(own.toast(event(kind="guestOrderStatusUpdated", location=None)), own.toast(event(kind="partner_added", location=None)))

    assert own.work().quarantined == 0


# --- what cannot be read ----------------------------------------------------------------------------------------------

BROKEN: dict[str, Any] = {
    "an amount as text": sold("bad") | {"checks": [check("c", []) | {"amount": "12.50"}]},
    "checks null": sold("bad") | {"checks": None},
    "no version": {k: v for k, v in sold("bad").items() if k != "modifiedDate"},
    "a version that is no time": sold("bad") | {"modifiedDate": "soon"},
    "an impossible day": sold("bad", day=20260230),
    "a line twice": order("bad", [check("c", [selection("twin"), selection("twin")])]),
    "a huge amount": order("bad", [check("c") | {"amount": 1e12}]),
    "a huge count": sold("bad", numberOfGuests=2**70),
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_broken_order_is_in_quarantine_and_the_others_land(own: Shop, why: str) -> None:
    _, bad, _ = own.orders(sold("a"), BROKEN[why], sold("b"))
    state = own.work()

    assert [guid for guid, _ in prices(own)] == ["a", "b"]
    assert state.quarantined == 1
    [(sequence, reason)] = own.reasons().items()
    assert sequence == bad.sequence
    assert "restaurant-os replay" in reason
    kept = stored(own.warehouse, "quarantine", "dataset", "restaurant_guid", "business_date", "record_guid", "resolved_at IS NULL")
    day = own.now().date() if why == "an impossible day" else DAY
    assert [(*row[:2], row[3], row[4]) for row in kept] == [("orders", NORTH.toast_guid, "bad", True)]
    assert why == "an impossible day" or kept[0][2] == day


DEEP = '{"guid":"bad","modifiedDate":"2026-03-02T09:00:00.000+0000","businessDate":20260301,"checks":[{"guid":"c","selections":[%s]}]}'


def nested(depth: int) -> bytes:
    lines = '{"guid":"s","modifiers":[' * depth + "]}" * depth
    return (DEEP % lines).encode()


NO_ORDERS: dict[str, bytes] = {
    "no order": event(),
    "order null": event().replace(b'"details": {', b'"details": {"order": null, '),
    "order a number": event(order=7),
    "order a list": event(order=[]),
    "order without guid": event(order={"checks": []}),
    "deep": event(order="X").replace(b'"X"', nested(300)),
    "deeper": event(order="X").replace(b'"X"', nested(700)),
    "deepest": event(order="X").replace(b'"X"', nested(20_000)),
    "half a surrogate pair": event(order=sold("bad", displayNumber="XX")).replace(b"XX", b"\\ud800"),
    "no UTF-8": event(order=sold("bad", displayNumber="XX")).replace(b"XX", b"\xff"),
    "no JSON": event(order=sold("bad", displayNumber="XX")).replace(b'"XX"', b"01"),
    "stock without item": event(kind="in_stock", status="IN_STOCK"),
    "stock of a wrong type": event(kind="in_stock", status="IN_STOCK", itemGuid=7),
}


@pytest.mark.parametrize("kind", NO_ORDERS)
def test_whatever_is_wrong_at_whatever_level_costs_that_event_alone(own: Shop, kind: str) -> None:
    own.accept(own.toast(NO_ORDERS[kind]), own.toast(event(order=sold("a"))))
    state = own.work()

    assert ("a", Decimal("10.0000")) in prices(own)
    if kind == "deep":  # a modifier of a modifier is read at any depth that Python can follow
        assert state.quarantined in (0, 1)
    else:
        assert state.quarantined == 1
        assert "restaurant-os replay" in next(iter(own.reasons().values()))


@pytest.mark.parametrize("wrong", [None, 7, [], {}])
def test_a_restaurant_guid_of_a_wrong_type_is_in_quarantine(own: Shop, wrong: object) -> None:
    body = json.dumps(json.loads(event(order=sold("a"))) | {"details": {"restaurantGuid": wrong, "order": sold("a")}}).encode()
    own.accept(own.toast(body))
    own.work()

    [reason] = own.reasons().values()
    assert reason == "details.restaurantGuid names no location. `restaurant-os replay` reads it again, after an update that can."


def test_an_unknown_location_is_in_quarantine_until_it_is_configured_and_replayed(own: Shop) -> None:
    own.locations = (NORTH,)
    own.orders(sold("a"), location=SOUTH)
    own.work()
    assert list(own.reasons().values()) == [
        f"location {SOUTH.toast_guid} is not configured: add it to [[locations]] (toast_guid), then run `restaurant-os replay`"
    ]
    assert prices(own) == []

    own.locations = (NORTH, SOUTH)
    assert own.operations.replay() == 1
    assert own.work().quarantined == 0
    assert prices(own) == [("a", Decimal("10.0000"))]


def test_a_replay_after_a_repair_lands_the_order_and_resolves_its_quarantine(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder with a fault that an update mends."""
    with monkeypatch.context() as faulty:
        faulty.setattr("restaurant_os.sources.columns.MONEY_LIMIT", 5.0)
        own.orders(sold("a", 10.0))
        own.work()
        assert stored(own.warehouse, "quarantine", "record_guid", "resolved_at IS NULL") == [("a", True)]

    assert own.operations.replay() == 1
    assert own.work().quarantined == 0
    assert prices(own) == [("a", Decimal("10.0000"))]
    assert stored(own.warehouse, "quarantine", "record_guid", "resolved_at IS NULL") == [("a", False)]


def test_a_later_event_that_can_be_read_resolves_an_earlier_one_in_the_same_batch(own: Shop) -> None:
    own.orders(BROKEN["an amount as text"], sold("bad", version=1))
    own.work()

    assert prices(own) == [("bad", Decimal("10.0000"))]
    assert stored(own.warehouse, "quarantine", "record_guid", "resolved_at IS NULL") == []


def test_guests_data_of_a_broken_order_is_nowhere(own: Shop) -> None:
    bad = rich("a") | {"numberOfGuests": "two"}
    own.orders(bad)
    own.work()

    [(kept,)] = stored(own.warehouse, "quarantine", "record_json")
    for secret in ("Ada", "4242", "1 Main St", "555-0100"):
        assert secret not in kept
        assert all(secret not in reason for reason in own.reasons().values())


# --- failures ---------------------------------------------------------------------------------------------------------


class Failing:
    """A warehouse that raises what `why` says of a commit."""

    def __init__(self, warehouse: DuckDBWarehouse, why: Any) -> None:
        self.warehouse = warehouse
        self.label = warehouse.label
        self.lands_every_seconds = 0.0
        self.why = why
        self.commits = 0
        self.tried = threading.Event()

    def commit(self, commit: Commit) -> Changes:
        self.commits += 1
        self.tried.set()
        if problem := self.why(commit):
            raise problem
        return self.warehouse.commit(commit)

    def next_read(self, restaurant_guid: str) -> int:
        return self.warehouse.next_read(restaurant_guid)

    def fold_ledger(self, before: datetime) -> int:
        return self.warehouse.fold_ledger(before)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.warehouse.rows(sql, parameters)

    def answers(self, *questions: tuple[str, Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        return self.warehouse.answers(*questions)

    def stamp(self) -> object | None:
        return self.warehouse.stamp()

    def columns(self) -> dict[str, list[str]]:
        return self.warehouse.columns()

    def migrate(self, *, plan: bool = False) -> list[str]:
        return self.warehouse.migrate(plan=plan)

    def fetch(self, spec: TableSpec, where: str = "TRUE", ids: Ids | None = None) -> pa.Table:
        return self.warehouse.fetch(spec, where, ids)

    def write(self, writing: Writing) -> None:
        self.warehouse.write(writing)

    def close(self) -> None:
        self.warehouse.close()


def guids(commit: Commit) -> set[str]:
    return set(commit.tables["fact_orders"]["order_guid"].to_pylist())


def test_events_wait_for_a_warehouse_that_another_process_holds(own: Shop) -> None:
    own.warehouse.wait_seconds = 0.0
    own.orders(sold("a"), sold("b"))
    holder = duckdb.connect(str(own.warehouse.path))
    with own.working():
        own.until(lambda state: own.meters.text().count(b'result="again"') > 0)
        holder.close()
        state = own.until(lambda state: state.pending == state.claimed == 0)

    assert state.quarantined == 0
    assert [guid for guid, _ in prices(own)] == ["a", "b"]


@pytest.mark.parametrize("problem", [LockedError("held"), AwayError("away"), DiskFullError("full"), OSError("gone"), WarehouseError("?")])
def test_a_warehouse_that_is_away_counts_against_no_event(own: Shop, problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is tried, nothing is quarantined; when it is back, all lands."""
    monkeypatch.setattr("restaurant_os.live.health.FIRST_PAUSE", 0.01)
    receipts = own.orders(*(sold(f"o{n:02}") for n in range(20)))
    failing = Failing(own.warehouse, lambda commit: problem)
    with own.working(own.worker(warehouse=failing)):
        for _ in range(MOST_ATTEMPTS + 1):
            failing.tried.clear()
            assert failing.tried.wait(30)
            own.until(lambda state: state.claimed == 0)
            own.shift += timedelta(minutes=2)
        failing.why = lambda commit: None
        own.shift += timedelta(minutes=2)
        state = own.until(lambda state: state.pending == state.claimed == 0)

    assert state.quarantined == 0
    assert len(prices(own)) == len(receipts)


@pytest.mark.parametrize("problem", [ValueError("poison \x1b[2J"), WarehouseError("cannot be merged"), RecursionError(), MemoryError()])
def test_an_event_that_breaks_its_batch_is_found_alone_and_ends_in_quarantine(own: Shop, problem: Exception) -> None:
    receipts = own.orders(*(sold(f"o{n:02}") for n in range(20)))
    failing = Failing(own.warehouse, lambda commit: problem if "o07" in guids(commit) else None)
    with own.working(own.worker(warehouse=failing)):
        own.until(lambda state: state.claimed == 0 and state.pending == 1)
        for number in range(MOST_ATTEMPTS + 2):
            own.shift += timedelta(minutes=2)
            own.orders(sold(f"later{number}"))
            state = own.until(lambda state: state.claimed == 0 and state.pending <= 1)
        own.shift += timedelta(minutes=2)
        state = own.until(lambda state: state.pending == state.claimed == 0)

    assert state.quarantined == 1
    assert len(prices(own)) == len(receipts) - 1 + MOST_ATTEMPTS + 2
    [(sequence, reason)] = own.reasons().items()
    assert sequence == receipts[7].sequence
    assert reason.startswith(f"{type(problem).__name__}: ")
    assert "\x1b" not in reason


def test_a_poison_event_that_is_alone_for_long_holds_up_nobody(own: Shop) -> None:
    """It fails in the warehouse with nothing beside it: that may be the warehouse; whatever comes lands at once."""
    own.orders(sold("poison"))
    failing = Failing(own.warehouse, lambda commit: WarehouseError("cannot be merged") if "poison" in guids(commit) else None)
    with own.working(own.worker(warehouse=failing)):
        assert failing.tried.wait(30)
        own.orders(sold("a"))
        own.until(lambda state: state.claimed == 0 and state.pending == 1)
        assert [guid for guid, _ in prices(own)] == ["a"]


class Away:
    """A store that is away for some calls."""

    def __init__(self, operations: Any, times: dict[str, int]) -> None:
        self._operations = operations
        self._times = times

    def __getattr__(self, name: str) -> Any:
        if self._times.get(name, 0) > 0:
            self._times[name] -= 1
            raise OperationsError("the store is away")
        return getattr(self._operations, name)


@pytest.mark.parametrize("name", ["claim", "settle", "await_events", "renew_claims", "release"])
def test_a_store_that_is_away_is_waited_for(own: Shop, name: str) -> None:
    own.orders(sold("a"))
    whole = own.operations
    own.operations = Away(whole, {name: 2})
    worker = own.worker(lease_seconds=1.0)
    own.operations = whole
    own.work(worker)

    assert prices(own) == [("a", Decimal("10.0000"))]


def test_a_stop_gives_back_what_is_claimed(own: Shop) -> None:
    own.orders(*(sold(f"o{n}") for n in range(4)))
    entered = threading.Event()

    def stops(commit: Commit) -> Exception | None:
        entered.set()
        worker.stop()
        return ValueError("stopped while it failed")

    worker = own.worker(warehouse=Failing(own.warehouse, stops))
    with own.working(worker):
        assert entered.wait(30)
    state = own.operations.inbox()

    assert (state.pending, state.claimed, state.quarantined) == (4, 0, 0)


def test_claims_are_kept_while_a_commit_is_long(own: Shop) -> None:
    """Another worker that comes meanwhile gets nothing."""
    own.orders(sold("a"))
    entered, leave = threading.Event(), threading.Event()

    def slow(commit: Commit) -> None:
        entered.set()
        assert leave.wait(60)

    renewed = threading.Event()
    whole = own.operations

    class Watched(Away):
        def renew_claims(self, owner: str, seconds: float) -> int:
            kept: int = whole.renew_claims(owner, seconds)
            renewed.set()
            return kept

    own.operations = Watched(whole, {})
    worker = own.worker(warehouse=Failing(own.warehouse, slow), lease_seconds=2.0)
    own.operations = whole
    with own.working(worker):
        assert entered.wait(30)
        for _ in range(6):  # of half a second each: longer than the claim was for
            renewed.clear()
            assert renewed.wait(30)
        assert whole.claim("other", most=10, most_bytes=1 << 20, seconds=5) == []
        leave.set()
        own.until(lambda state: state.pending == state.claimed == 0)


def test_a_worker_whose_claims_ran_out_settles_nothing_that_another_took(own: Shop) -> None:
    """As one that was stopped with SIGSTOP: its rows change nothing, and what it says of the events is not heard."""
    own.orders(sold("a"))
    whole = own.operations

    def slept(commit: Commit) -> None:
        own.shift += timedelta(minutes=5)
        taken: list[Event] = whole.claim("other", most=10, most_bytes=1 << 20, seconds=60)
        assert [one.arrival.location for one in taken] == [NORTH.toast_guid]

    own.operations = Away(whole, {})
    worker = own.worker(warehouse=Failing(own.warehouse, slept), lease_seconds=60.0)
    own.operations = whole
    with own.working(worker):
        own.until(lambda state: own.meters.text().count(b'result="done"') > 0)
    assert own.operations.inbox().claimed == 1

    [one] = stored(own.warehouse, "fact_orders", "order_guid")
    assert own.operations.settle("other", [Settled(1, "done")]) == 1
    assert one == ("a",)


def test_a_batch_is_one_commit_for_each_dataset(own: Shop) -> None:
    own.orders(*(sold(f"n{n}") for n in range(30)))
    own.orders(*(sold(f"s{n}") for n in range(30)), location=SOUTH)
    own.summary("North", "2026-03-01", "sales", gross_sales="1")
    counting = Failing(own.warehouse, lambda commit: None)
    own.work(own.worker(warehouse=counting))

    assert counting.commits == 2
    assert len(prices(own)) == 60


def test_a_thousand_locations_share_a_commit(tmp_path: Path) -> None:
    with shop(tmp_path, locations=places(1_000)) as own:
        own.accept(*(own.toast(event(order=sold(f"o{n}"), location=place)) for n, place in enumerate(own.locations)))
        counting = Failing(own.warehouse, lambda commit: None)
        own.work(own.worker(warehouse=counting))

        assert counting.commits == 1
        [(orders, locations)] = own.warehouse.rows("SELECT count(*), count(DISTINCT restaurant_guid) FROM fact_orders")
        assert (orders, locations) == (1_000, 1_000)


# --- any order, any number of times -----------------------------------------------------------------------------------


@unlimited
@examples()
@given(worlds(), st.integers(8, 60))
def test_events_in_any_order_and_number_end_in_the_newest_version(worlds: list[World], most: int) -> None:
    """Whatever comes in one batch and whatever in the next."""
    deliveries = sorted(((turn, body) for world in worlds for turn, body, _ in world.delivered(4)), key=lambda own: own[0])
    newest: dict[str, Json] = {}
    for _, body in deliveries:
        if body["guid"] not in newest or newest[body["guid"]]["modifiedDate"] < body["modifiedDate"]:
            newest[body["guid"]] = body
    with tempfile.TemporaryDirectory() as folder, shop(Path(folder)) as own:
        own.accept(*(own.toast(event(order=body)) for _, body in deliveries))
        assert own.work(own.worker(most_events=most)).quarantined == 0
        assert standing(own) == as_read(newest.values())


#: Of refunds an earlier one may be retained.
TABLES = tuple(spec for spec in ORDER_TABLES if spec.name != "fact_refunds")


def standing(own: Shop) -> dict[str, list[str]]:
    """The rows of every table that are not deleted with their order's newest version."""
    live = {spec.name: "TRUE" if spec.role == "header" else "NOT is_deleted" for spec in TABLES}
    found = own.warehouse.answers(*((f"SELECT {', '.join(spec.content)} FROM {spec.name} WHERE {live[spec.name]}", ()) for spec in TABLES))
    return {spec.name: sorted(map(written, rows)) for spec, rows in zip(TABLES, found, strict=True)}


def as_read(orders: Iterable[Json]) -> dict[str, list[str]]:
    """The rows that orders come to by themselves."""
    found = flat(*orders)
    return {
        spec.name: sorted(
            written(row[name] for name in spec.content) for row in found[spec.name] if spec.role == "header" or not row["is_deleted"]
        )
        for spec in TABLES
    }


def written(row: Iterable[Any]) -> str:
    return repr([value.isoformat() if isinstance(value, datetime) else value for value in row])
