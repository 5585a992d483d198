"""The books of cash against the API's own answers, added up here by the definitions and with no code of the world."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from restaurant_os.simulator.cash import Deposit
from restaurant_os.simulator.server import Options, build
from restaurant_os.simulator.tills import deposited, standing
from restaurant_os.simulator.world import World
from simulator_fakes import Api, Time
from simulator_reading import CENT, ZERO, Json, cents, counts, orders_at

LAST_DAY = date(2026, 3, 10)
FAILED = ("DENIED", "ERROR", "CANCELLED", "VOIDED")
_decoder = msgspec.json.Decoder(list[dict[str, object]], float_hook=Decimal)


@pytest.fixture
def api() -> Api:
    time = Time(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp())
    return Api(build(Options(locations=2, days=4, seed=52, last_day=LAST_DAY), seconds=time).state.simulator, time)


def asked(api: Api, what: str, restaurant_guid: str, day: date) -> list[Json]:
    answer = api.get(f"/cashmgmt/v1/{what}", restaurant=restaurant_guid, businessDate=day.strftime("%Y%m%d"))
    assert answer.status_code == 200
    return _decoder.decode(answer.content)


def cash_of_orders(world: World, restaurant_guid: str, at: datetime) -> dict[str, dict[int, Decimal]]:
    """Cash payments by the day they were paid on, cash refunds by the day they were given back on."""
    found: dict[str, dict[int, Decimal]] = {"payments": defaultdict(lambda: ZERO), "refunds": defaultdict(lambda: ZERO)}
    for order in orders_at(world, restaurant_guid, at):
        if order["createdInTestMode"] or not counts(order):
            continue
        for payment in [p for check in filter(counts, order["checks"]) for p in check["payments"] if p["type"] == "CASH"]:
            if payment["voidInfo"] or payment["paymentStatus"] in FAILED:
                continue
            found["payments"][payment["paidBusinessDate"]] += cents(payment["amount"])
            if refund := payment["refund"]:
                found["refunds"][refund["refundBusinessDate"]] += cents(refund["refundAmount"]) + cents(refund["tipRefundAmount"])
    return found


def row_of(entries: list[Json], deposits: list[Json], payments: Decimal, refunds: Decimal, days_ago: int) -> Json:
    """One row as the answers tell it. `days_ago`: from the day to the business day that is open now."""
    total, over_short, paid_out, tipped_out = ZERO, ZERO, ZERO, ZERO
    no_sales = pay_outs = tip_outs = 0
    for entry in entries:
        kind, amount, undoes = entry["type"], cents(entry["amount"]), entry["undoes"]
        if kind != "CASH_COLLECTED" or undoes is not None:
            total += amount
        if kind in ("CLOSE_OUT_OVERAGE", "CLOSE_OUT_SHORTAGE"):
            over_short += amount
        no_sales += kind == "NO_SALE"
        pay_outs += (kind == "PAY_OUT") - (kind == "UNDO_PAY_OUT")
        paid_out -= amount if kind in ("PAY_OUT", "UNDO_PAY_OUT") else ZERO
        undone_tip_out = kind == "CASH_COLLECTED" and undoes is not None
        tip_outs += (kind == "TIP_OUT") - undone_tip_out
        tipped_out -= amount if kind == "TIP_OUT" or undone_tip_out else ZERO
    undone = {deposit["undoes"]: deposit for deposit in deposits if deposit["undoes"]}
    actual, stands = ZERO, 0
    for deposit in deposits:
        if deposit["undoes"] is None:
            undos, last = 0, deposit
            while (undo := undone.get(last["guid"])) is not None:
                undos, last = undos + 1, undo
            stands += undos % 2 == 0
            actual += cents(deposit["amount"]) * (undos % 2 == 0)
    expected = payments - refunds + total
    status = "made" if stands else "missing" if days_ago > 2 else "pending"
    money = {"cash_payments": payments, "cash_refunds": refunds, "entries_total": total, "expected_deposit": expected}
    money |= {"actual_deposit": actual, "deposit_over_short": actual - expected, "drawer_over_short": over_short}
    money |= {"pay_out_amount": paid_out, "tip_out_amount": tipped_out}
    told: Json = {name: str(amount.quantize(CENT)) for name, amount in money.items()}
    told |= {"deposit_status": status, "no_sales": no_sales, "pay_outs": pay_outs, "tip_outs": tip_outs}
    return told | ({"deposit_over_short": None} if status == "pending" else {})


@pytest.mark.parametrize("hours", [0.0, 20.5, 44.0, 70.25, 96.0])
def test_every_row_equals_what_the_api_answers(api: Api, hours: float) -> None:
    """At the end of history and while the world lives on: in service, before and after deposits are made, corrected and late."""
    api.simulator.clock.advance(hours * 3600)
    world, at = api.simulator.world, api.simulator.clock.world()
    shown = {(row["restaurant_guid"], row["business_date"]): row for row in world.cash_books(at)}
    compared = 0
    for restaurant in world.restaurants:
        cash = cash_of_orders(world, restaurant.guid, at)
        local = at.astimezone(ZoneInfo(restaurant.timezone))
        today = local.date() - timedelta(days=local.hour < restaurant.closeout_hour)
        day = world.first_day
        while day <= today:
            entries, deposits = asked(api, "entries", restaurant.guid, day), asked(api, "deposits", restaurant.guid, day)
            number = int(day.strftime("%Y%m%d"))
            payments, refunds = cash["payments"][number], cash["refunds"][number]
            row = shown.pop((restaurant.guid, day.isoformat()), None)
            assert (row is not None) == any((entries, deposits, payments, refunds))
            if row is not None:
                told = row_of(entries, deposits, payments, refunds, (today - day).days)
                assert row == {"restaurant_guid": restaurant.guid, "business_date": day.isoformat()} | told
                compared += 1
            day += timedelta(days=1)

    assert shown == {}
    assert compared >= 8


def test_rows_are_ordered_and_one_day_is_a_part_of_them(api: Api) -> None:
    rows = api.http.get("/simulator/books/cash").json()
    day = api.http.get("/simulator/books/cash", params={"businessDate": "20260308"}).json()
    keys = [(row["restaurant_guid"], row["business_date"]) for row in rows]

    assert keys == sorted(keys)
    assert day == [row for row in rows if row["business_date"] == "2026-03-08"]
    assert api.http.get("/simulator/books/cash", params={"businessDate": "2026-03-08"}).status_code == 400


def test_expected_is_payments_less_refunds_and_entries(api: Api) -> None:
    for row in api.http.get("/simulator/books/cash").json():
        money = {name: Decimal(value) for name, value in row.items() if isinstance(value, str) and "." in value}
        assert money["expected_deposit"] == money["cash_payments"] - money["cash_refunds"] + money["entries_total"]
        if row["deposit_status"] != "pending":
            assert money["deposit_over_short"] == money["actual_deposit"] - money["expected_deposit"]


def test_a_day_without_a_deposit_is_pending_for_two_business_days() -> None:
    """Then it is missing, until a late deposit is made after all. Here one is made the next morning, one late, one never."""
    world = World(seed=52, locations=3, days=2, last_day=LAST_DAY)
    next_day, late = world.restaurants[0].guid, world.restaurants[1].guid
    seen = defaultdict(list)
    for hours in (0.1, 19, 24, 48):  # the second is before the restaurants open
        for row in world.cash_books(world.history_end + timedelta(hours=hours)):
            seen[row["restaurant_guid"], row["business_date"]].append(row["deposit_status"])

    assert seen[next_day, "2026-03-10"] == ["made"] * 4
    assert seen[late, "2026-03-09"] == ["pending", "missing", "made", "made"]
    assert seen[late, "2026-03-10"] == ["pending", "pending", "pending", "missing"]


def test_deposits_that_undo_take_back_and_their_undo_gives_again() -> None:
    first, second = (Deposit(guid, amount, 1, None) for guid, amount in (("a", 500), ("b", 700)))
    undo, again = Deposit("c", 500, 2, None, undoes="a"), Deposit("d", 500, 3, None, undoes="c")

    assert deposited([first, second]) == 1_200
    assert deposited([first, undo]) == 0
    assert standing([first, undo]) == []
    assert deposited([first, undo, second]) == 700
    assert standing([first, undo, second]) == [second]
    assert deposited([first, undo, again]) == 500
    assert standing([first, undo, again]) == [first]
