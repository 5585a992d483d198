"""The world as the API half sees it: the same every time, exact to the cent at every instant, and full of special cases."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from restaurant_os.simulator.books import Postings
from restaurant_os.simulator.businessdays import BusinessCalendar, to_datetime, to_ms
from restaurant_os.simulator.catalog import fit_out
from restaurant_os.simulator.scenes import PLAYS, SCENES, Scene
from restaurant_os.simulator.story import LONGEST_LEAD, LONGEST_STORY, Author, DayFacts
from restaurant_os.simulator.world import Version, World
from simulator_reading import CENT, Json, cents, days_seen, orders_at, read

EPOCH = "1970-01-01T00:00:00.000+0000"


@pytest.fixture(scope="module")
def small() -> World:
    return World(seed=7, locations=2, days=3, last_day=date(2026, 3, 14))


@pytest.fixture(scope="module")
def final(small: World) -> list[Json]:
    """Every order of the small world six days after its history, with most of its late edits; younger days are among them."""
    at = small.history_end + timedelta(days=6)
    return [order for restaurant in small.restaurants for order in orders_at(small, restaurant.guid, at)]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("+0000", "+00:00"))


def as_set(versions: list[Version]) -> set[Version]:
    assert len({version.guid for version in versions}) == len(versions)
    return set(versions)


# --- the same world, however it is asked ----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_in_whatever_order_it_is_asked() -> None:
    """A day does not depend on which days, restaurants or instants were asked for before."""
    worlds = [World(seed=3, locations=2, days=3, last_day=date(2026, 3, 14)) for _ in range(2)]
    end = worlds[0].history_end
    asked = [(r.guid, day, end - timedelta(hours=h)) for r in worlds[0].restaurants for day in days_seen(worlds[0], end) for h in (0, 20)]
    shuffled = Random(1).sample(asked, len(asked))
    answers = [
        {question: as_set(world.by_business_date(*question)) for question in order}
        for world, order in zip(worlds, (asked, shuffled), strict=True)
    ]

    assert answers[0] == answers[1]


def test_a_day_does_not_depend_on_how_many_days_there_are(small: World) -> None:
    """Only what was promised before the first day is missing in the shorter world."""
    shorter = World(seed=7, locations=2, days=1, last_day=small.last_day)
    guid = small.restaurants[0].guid
    longer_day = as_set(small.by_business_date(guid, small.last_day, small.history_end))

    assert as_set(shorter.by_business_date(guid, small.last_day, small.history_end)) <= longer_day


def test_stories_told_again_are_the_same(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no room to keep stories, every answer is still the same."""
    monkeypatch.setattr("restaurant_os.simulator.world._STORIES_KEPT", 5)
    cramped = World(seed=7, locations=2, days=3, last_day=small.last_day)
    guid, at = small.restaurants[1].guid, small.history_end

    assert as_set(cramped.by_business_date(guid, small.last_day, at)) == as_set(small.by_business_date(guid, small.last_day, at))


def test_another_seed_gives_another_world() -> None:
    one, other = (World(seed=seed, locations=1, days=1, last_day=date(2026, 3, 14)) for seed in (1, 2))

    assert one.restaurants[0].guid != other.restaurants[0].guid


# --- asking by date, by change, by guid -----------------------------------------------------------------------------------


def test_modified_windows_that_touch_hold_every_order_once(small: World) -> None:
    """[start, end) windows side by side give what the business dates give, each order under its latest change only."""
    at = small.history_end - timedelta(hours=13, minutes=7)
    for restaurant in small.restaurants:
        by_date = as_set([v for day in days_seen(small, at) for v in small.by_business_date(restaurant.guid, day, at)])
        start, by_change = datetime(2026, 3, 10, tzinfo=UTC), []
        while start <= at:
            by_change += small.by_modified(restaurant.guid, start, start + timedelta(hours=7), at)
            start += timedelta(hours=7)

        assert as_set(by_change) == by_date


def test_a_modified_window_includes_its_start_and_not_its_end(small: World) -> None:
    guid, at = small.restaurants[0].guid, small.history_end
    version = small.by_business_date(guid, small.last_day, at)[0]
    moment, tick = version.modified, timedelta(milliseconds=1)

    assert version in small.by_modified(guid, moment, moment + tick, at)
    assert version not in small.by_modified(guid, moment - tick, moment, at)


def test_an_order_grows_and_is_never_newer_than_the_asker(small: World) -> None:
    """From hour to hour modifiedDate only grows, the body changes with it alone, and `at` itself is included."""
    guid = small.restaurants[0].guid
    seen: dict[str, Version] = {}
    changes = 0
    for hour in range(-44, 30, 3):
        at = small.history_end + timedelta(hours=hour)
        for version in [v for day in days_seen(small, at) for v in small.by_business_date(guid, day, at)]:
            before = seen.get(version.guid)
            assert version.modified <= at
            assert instant(read(version.body)["modifiedDate"]) == version.modified if before != version else True
            if before and before != version:
                assert version.modified > before.modified
                changes += 1
            seen[version.guid] = version
    some = next(iter(seen.values()))

    assert changes > 500
    assert small.order(guid, some.guid, some.modified) == some
    earlier = small.order(guid, some.guid, some.modified - timedelta(milliseconds=1))
    assert earlier is None or earlier.modified < some.modified


def test_one_order_by_its_guid(small: World) -> None:
    """Known only to its own restaurant, and only from its first version on."""
    one, other = (restaurant.guid for restaurant in small.restaurants)
    version = small.by_business_date(one, small.first_day, small.history_end)[5]

    assert small.order(one, version.guid, small.history_end) == version
    assert small.order(other, version.guid, small.history_end) is None
    assert small.order(one, version.guid, instant(read(version.body)["createdDate"]) - timedelta(milliseconds=1)) is None
    assert small.order(one, "00000000-0000-4000-8000-000000000000", small.history_end) is None


def test_nothing_exists_before_the_first_day(small: World) -> None:
    guid, day = small.restaurants[0].guid, small.first_day - timedelta(days=1)

    assert small.by_business_date(guid, day, small.history_end) == []
    assert small.by_modified(guid, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC), small.history_end) == []


def test_the_world_lives_on_after_its_history(small: World) -> None:
    """A day after the last is empty before it opens, and fills while it lasts."""
    guid, day = small.restaurants[0].guid, small.last_day + timedelta(days=2)
    counts = [len(small.by_business_date(guid, day, small.history_end + timedelta(hours=h))) for h in (0, 34, 39, 60)]

    assert counts[0] < 10 < counts[1] < counts[2] < counts[3]


def test_history_ends_after_closeout_everywhere(small: World) -> None:
    """The last day's paid and closed card orders have had their stamp by then, for all but tabs across closeout."""
    for restaurant in small.restaurants:
        closeout = datetime(2026, 3, 15, restaurant.closeout_hour, tzinfo=ZoneInfo(restaurant.timezone))
        assert closeout < small.history_end
        versions = small.by_business_date(restaurant.guid, small.last_day, small.history_end)
        stamped = [v for v in versions if closeout <= v.modified < closeout + timedelta(minutes=10)]
        assert len(stamped) > 0.6 * len(versions)


# --- amounts ------------------------------------------------------------------------------------------------------------------


def assert_amounts(order: Json) -> None:
    """The formulas of the field reference, in every version of every order."""
    for check in order["checks"]:
        lines, charges = check["selections"], check["appliedServiceCharges"]
        standing = sum((cents(line["price"]) for line in lines if not line["voided"]), Decimal(0))
        standing += sum(cents(charge["chargeAmount"]) for charge in charges if not charge["gratuity"])
        taxes = sum((cents(thing) for thing in [line["tax"] for line in lines]), Decimal(0))
        taxes += sum(cents(tax["taxAmount"]) for charge in charges for tax in charge["appliedTaxes"])
        assert cents(check["amount"]) == standing
        assert cents(check["taxAmount"]) == taxes
        assert cents(check["totalAmount"]) == standing + taxes
        for line in lines:
            assert_line(order, check, line)
        spread = sum(_discounted(line) for line in lines if not line["voided"]) if not order["excessFood"] else 0
        assert spread == sum(cents(d["discountAmount"]) for d in check["appliedDiscounts"] if d["processingState"] != "VOID")


def _own_discounts(line: Json) -> Decimal:
    inclusive = line["taxInclusion"] == "INCLUDED"
    return sum((cents(d["nonTaxDiscountAmount"] if inclusive else d["discountAmount"]) for d in line["appliedDiscounts"]), Decimal(0))


def _discounted(line: Json) -> Decimal:
    """The line's share of the check's discounts."""
    return cents(line["preDiscountPrice"]) - _own_discounts(line) - cents(line["price"])


def assert_line(order: Json, check: Json, line: Json) -> None:
    gross = cents(line["preDiscountPrice"])
    assert 0 <= cents(line["price"]) <= gross
    assert cents(line["tax"]) == sum(cents(tax["taxAmount"]) for tax in line["appliedTaxes"])
    if line["unitOfMeasure"] == "NONE" and line["taxInclusion"] != "INCLUDED" and line["quantity"] == int(line["quantity"]):
        modifiers = sum(cents(modifier["preDiscountPrice"]) for modifier in line["modifiers"])
        assert gross == cents(line["receiptLinePrice"] * int(line["quantity"])) + modifiers
    if line["voided"] or check["taxExempt"]:
        assert line["tax"] == 0
    if line["refundDetails"]:
        assert 0 <= cents(line["refundDetails"]["refundAmount"]) <= cents(line["price"])


@pytest.mark.parametrize("hours", [-60.0, -8.3, 0.0])
def test_amounts_are_true_to_the_cent_at_any_instant(small: World, hours: float) -> None:
    for restaurant in small.restaurants:
        for order in orders_at(small, restaurant.guid, small.history_end + timedelta(hours=hours)):
            assert_amounts(order)


def test_amounts_are_true_after_all_late_edits(final: list[Json]) -> None:
    for order in final:
        assert_amounts(order)


def test_paid_checks_are_paid_in_full(final: list[Json]) -> None:
    """What payments that stand add up to is the check's total and its gratuity charges."""
    for order in final:
        for check in order["checks"]:
            if check["paymentStatus"] == "OPEN" or check["voided"] or order["excessFood"]:
                continue
            failed = {"DENIED", "ERROR", "CANCELLED", "VOIDED"}
            paid = sum(cents(p["amount"]) for p in check["payments"] if not p["voidInfo"] and p["paymentStatus"] not in failed)
            gratuity = sum(cents(c["chargeAmount"]) for c in check["appliedServiceCharges"] if c["gratuity"])
            assert paid == cents(check["totalAmount"]) + gratuity


def test_payments_that_failed_hold_no_tip(final: list[Json]) -> None:
    payments = [p for order in final for check in order["checks"] for p in check["payments"]]
    failed = [p for p in payments if p["paymentStatus"] in ("DENIED", "ERROR", "CANCELLED")]

    assert failed
    assert all(p["tipAmount"] == 0 for p in failed)


def test_refunded_orders_stay(final: list[Json]) -> None:
    """No order with a refund is voided or deleted, nor any check or line of it."""
    for order in final:
        refunded = [c for c in order["checks"] if any(p["refund"] for p in c["payments"])]
        assert not (refunded and (order["voided"] or order["deleted"]))
        assert not any(check["voided"] or check["deleted"] for check in refunded)
        assert not any(line["voided"] and line["refundDetails"] for check in order["checks"] for line in check["selections"])
        for payment in [p for check in refunded for p in check["payments"] if p["refund"]]:
            assert cents(payment["refund"]["refundAmount"]) <= cents(payment["amount"])
            assert cents(payment["refund"]["tipRefundAmount"]) <= cents(payment["tipAmount"])


# --- dates ----------------------------------------------------------------------------------------------------------------------


def test_a_business_date_is_that_of_its_opening_or_of_its_promise(small: World, final: list[Json]) -> None:
    """Local wall-clock date, minus one before the closeout hour; payments and refunds have their own."""
    zones = {r.guid: (ZoneInfo(r.timezone), r.closeout_hour) for r in small.restaurants}
    at = small.history_end + timedelta(days=6)
    for guid, (zone, closeout) in zones.items():
        for order in orders_at(small, guid, at):
            assert order["businessDate"] == _number(instant(order["promisedDate"] or order["openedDate"]), zone, closeout)
            for payment in [p for check in order["checks"] for p in check["payments"]]:
                assert payment["paidBusinessDate"] == _number(instant(payment["paidDate"]), zone, closeout)
                if refund := payment["refund"]:
                    assert refund["refundBusinessDate"] == _number(instant(refund["refundDate"]), zone, closeout)


def _number(moment: datetime, zone: ZoneInfo, closeout: int) -> int:
    local = moment.astimezone(zone)
    day = local.date() - timedelta(days=local.hour < closeout)
    return day.year * 10_000 + day.month * 100 + day.day


def test_deleted_dates_are_the_epoch_until_deleted(final: list[Json]) -> None:
    assert all((order["deletedDate"] == EPOCH) is not order["deleted"] for order in final)
    assert any(order["deleted"] for order in final)


@pytest.mark.parametrize(
    ("day", "closeout", "hours"),
    [
        (date(2026, 3, 7), 4, 23),
        (date(2026, 3, 7), 2, 24),
        (date(2026, 3, 8), 2, 23),
        (date(2025, 11, 1), 4, 25),
        (date(2025, 11, 1), 2, 25),
        (date(2025, 11, 1), 1, 24),
        (date(2025, 11, 2), 1, 25),
        (date(2026, 6, 1), 0, 24),
    ],
)
@pytest.mark.parametrize("zone", ["America/New_York", "America/Denver"])
def test_a_day_across_a_clock_change_is_shorter_or_longer(day: date, closeout: int, hours: int, zone: str) -> None:
    """2 is the hour that spring skips, so that night ends where the clock lands, and the next day is short; 1 comes twice in autumn."""
    calendar = BusinessCalendar(zone, closeout)
    opens, closes = calendar.opens(day.toordinal()), calendar.closes(day.toordinal())

    assert closes - opens == hours * 3_600_000
    assert calendar.date_of(opens) == calendar.date_of(closes - 1) == day.toordinal()
    assert calendar.date_of(closes) == day.toordinal() + 1


@pytest.mark.parametrize("last_day", [date(2026, 3, 8), date(2025, 11, 2)])
def test_days_of_23_and_25_hours_have_the_right_instants(last_day: date) -> None:
    """Stories of these nights: business dates follow the wall clock, stamps come after the real closeout."""
    world = World(seed=5, locations=4, days=2, last_day=last_day)
    for restaurant in world.restaurants:
        zone = ZoneInfo(restaurant.timezone)
        for version in world.by_business_date(restaurant.guid, last_day - timedelta(days=1), world.history_end):
            order = read(version.body)
            opened = instant(order["promisedDate"] or order["openedDate"])
            assert _number(opened, zone, restaurant.closeout_hour) == order["businessDate"]
            assert_amounts(order)


@pytest.mark.parametrize("scene", [*SCENES, Scene("plain", 1, PLAYS["plain"])], ids=lambda scene: scene.name)
def test_a_scene_keeps_its_bounds(scene: Scene) -> None:
    """Versions strictly grow, within the time that the search for changed orders looks back; no promise is for beyond the longest lead."""
    shop = fit_out(5, World(seed=5, locations=1, days=1, last_day=date(2026, 3, 14)).restaurants[0])
    ordinal, dish = date(2026, 3, 14).toordinal(), shop.menu.options[0][0]
    opens, closes = shop.calendar.opens(ordinal), shop.calendar.closes(ordinal)
    facts = DayFacts(ordinal, opens, closes, shop.calendar.at(ordinal, 12), dish, 1_000, None)
    for seed in range(40):
        author = Author(shop, facts, 1, opens + seed * (closes - opens) // 42, seed, Postings(opens, ordinal))
        scene.play(author)

        for story in author.stories:
            assert all(earlier < later for earlier, later in pairwise(story.times))
            assert opens <= story.times[0] <= story.times[-1] < opens + LONGEST_STORY
            assert ordinal <= min(story.dates) <= max(story.dates) <= ordinal + LONGEST_LEAD
            assert all(state.modified == time for state, time in zip(story.states, story.times, strict=True))


# --- special cases ----------------------------------------------------------------------------------------------------------------


def test_every_scene_occurs_in_a_month_of_the_group() -> None:
    world = World(seed=7, locations=13, days=28, last_day=date(2026, 3, 14))
    cast = world.scenes(world.history_end)

    assert {scene.name for scene in SCENES} - set(cast) == set()
    assert cast["plain"] > 0.5 * sum(cast.values())


def test_most_scenes_occur_in_a_small_world(small: World) -> None:
    assert len(small.scenes(small.history_end)) > 0.85 * len(SCENES)


def test_a_location_opens_one_is_shut_by_weather_and_one_is_offline() -> None:
    world = World(seed=7, locations=5, days=8, last_day=date(2026, 3, 14))
    at, guids = world.history_end, [restaurant.guid for restaurant in world.restaurants]
    opened, storm, offline = date(2026, 3, 8), date(2026, 3, 10), date(2026, 3, 12)

    assert world.by_business_date(guids[4], opened - timedelta(days=1), at) == []
    assert len(world.by_business_date(guids[4], opened, at)) > 100
    assert len(world.by_business_date(guids[2], storm, at)) < 10  # nothing but what had been promised
    late = [read(v.body) for v in world.by_business_date(guids[1], offline, at)]
    waits = [instant(o["createdDate"]) - instant(o["openedDate"]) for o in late if o["promisedDate"] is None]
    assert min(waits) > timedelta(hours=8)
    that_evening = world.by_business_date(guids[1], offline, datetime(2026, 3, 13, 3, tzinfo=UTC))
    assert all(read(version.body)["promisedDate"] for version in that_evening)


def test_the_shapes_that_trip_readers_are_there(final: list[Json]) -> None:
    """What the scenes leave in the JSON, seen from outside."""
    checks = [check for order in final for check in order["checks"]]
    lines = [line for check in checks for line in check["selections"]]
    payments = [payment for check in checks for payment in check["payments"]]
    refunds = [p["refund"] for p in payments if p["refund"]]
    found = Counter(
        {
            "nested modifiers": sum(bool(m["modifiers"]) for line in lines for m in line["modifiers"]),
            "several checks": sum(len(order["checks"]) > 1 for order in final),
            "emptied check": sum(not check["selections"] and not check["deleted"] for check in checks),
            "deferred": sum(line["deferred"] for line in lines),
            "no selection type": sum(line["selectionType"] is None for line in lines),
            "unknown selection type": sum(line["selectionType"] == "BUNDLE" for line in lines),
            "half a line": sum(line["quantity"] == 0.5 for line in lines),
            "voided line": sum(line["voided"] for line in lines),
            "excess food": sum(order["excessFood"] for order in final),
            "test mode": sum(order["createdInTestMode"] for order in final),
            "open": sum(check["paymentStatus"] == "OPEN" for check in checks),
            "null item": sum(line["item"] is None for line in lines),
            "null dining option": sum(order["diningOption"] is None for order in final),
            "null non-tax discount": sum(d["nonTaxDiscountAmount"] is None for x in (*lines, *checks) for d in x["appliedDiscounts"]),
            "facilitator tax": sum(t["facilitatorCollectAndRemitTax"] for line in lines for t in line["appliedTaxes"]),
            "tip refund": sum(refund["tipRefundAmount"] > 0 for refund in refunds),
            "paid next day": sum(
                p["paidBusinessDate"] > order["businessDate"] for order in final for c in order["checks"] for p in c["payments"]
            ),
            "paid before its day": sum(
                p["paidBusinessDate"] < order["businessDate"] for order in final for c in order["checks"] for p in c["payments"]
            ),
            "float artefact": sum(Decimal(line["price"]) != Decimal(line["price"]).quantize(CENT) for line in lines),
        }
    )

    assert {name for name, count in found.items() if not count} == set()


# --- volumes ------------------------------------------------------------------------------------------------------------------------


def test_a_restaurant_day_has_about_240_orders_and_750_lines() -> None:
    """On average over a week of neighbours; busier at the weekend."""
    world = World(seed=7, locations=2, days=7, last_day=date(2026, 5, 17))
    days = [(r.guid, world.first_day + timedelta(days=d)) for r in world.restaurants for d in range(7)]
    orders = {key: [read(v.body) for v in world.by_business_date(*key, world.history_end)] for key in days}
    lines = sum(len(check["selections"]) for day in orders.values() for order in day for check in order["checks"])
    monday, saturday = (len(orders[days[n]]) for n in (0, 5))

    assert 216 <= sum(map(len, orders.values())) / 14 <= 264
    assert 675 <= lines / 14 <= 825
    assert saturday > 1.3 * monday


# --- the group ----------------------------------------------------------------------------------------------------------------------


def test_the_group_spans_four_zones_and_several_closeout_hours() -> None:
    world = World(seed=7, locations=13, days=1, last_day=date(2026, 3, 14))

    assert len({r.timezone for r in world.restaurants}) == 4
    assert len({r.closeout_hour for r in world.restaurants}) >= 5
    assert len({r.guid for r in world.restaurants}) == len({r.location_name for r in world.restaurants}) == 13
    assert len({r.group_guid for r in world.restaurants}) == 1


def test_a_location_is_the_same_in_a_larger_group() -> None:
    one, many = (World(seed=7, locations=n, days=1, last_day=date(2026, 3, 14)) for n in (1, 6))

    assert one.restaurants[0] == many.restaurants[0]
    assert fit_out(7, one.restaurants[0]).dining == fit_out(7, many.restaurants[0]).dining


def test_milliseconds_survive_the_way_there_and_back() -> None:
    assert to_ms(to_datetime(1_772_341_200_123)) == 1_772_341_200_123


@pytest.mark.parametrize(("locations", "days"), [(0, 3), (2, 0)])
def test_a_world_without_locations_or_days_is_refused(locations: int, days: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        World(seed=1, locations=locations, days=days, last_day=date(2026, 3, 14))
