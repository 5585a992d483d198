"""A page of orders as bytes: what can be read lands, what cannot costs itself alone."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from orders_world import NORTH, OPENED, Json, check, decoder, discount, flat, order, page, payment, refund, selection
from restaurant_os.batch import COPY, Batch
from restaurant_os.errors import RetryableError
from restaurant_os.sources.columns import staged_schema
from restaurant_os.tables import ORDER_TABLES

READ = "2026-03-10T00:00:00.000+0000"
SECRETS = ("Ada Guest", "ada@example.com", "4111", "411111", "12 Home Street")


def good(number: int) -> Json:
    return order(f"good-{number:02d}", [check(f"c{number}", [selection(f"s{number}")], [payment(f"p{number}")])])


def private() -> Json:
    """A check's and an order's fields that must never be kept."""
    return {
        "customer": {"firstName": "Ada Guest", "email": "ada@example.com"},
        "deliveryInfo": {"address1": "12 Home Street"},
        "first6Digits": "411111",
        "last4Digits": "4111",
    }


def broken(**fields: Any) -> Json:
    """An order with guests' and card data, and `fields` put over its own."""
    own = check("cb", [selection("sb")], [payment("pb", **private())], **private())
    return order("broken", [own]) | private() | fields


def one_check(**fields: Any) -> list[Json]:
    return [check("cb") | fields]


BROKEN: dict[str, tuple[Json, str, str]] = {
    "an amount as text": (broken(checks=[check("cb", **private()) | {"amount": "12.50"}]), "Order", "checks[0].amount"),
    "a price as text": (broken(checks=one_check(selections=[selection("sb") | {"price": "1,00"}])), "Order", "selections[0].price"),
    "a line without guid": (broken(checks=one_check(selections=[{"price": 1.0}])), "Order", "selections[0]"),
    "an empty guid": (broken(checks=[check("")]), "Order", "checks[0].guid"),
    "checks null": (broken(checks=None), "Order", "checks"),
    "a bad time": (broken(openedDate="yesterday"), "Order.openedDate", "yesterday"),
    "a version without offset": (broken(modifiedDate="2026-03-01T04:00:00.000"), "Order.modifiedDate", "2026-03-01T04:00:00.000"),
    "no version": ({k: v for k, v in broken().items() if k != "modifiedDate"}, "Order", "modifiedDate"),
    "an impossible day": (broken(businessDate=20260230), "business date", "20260230"),
    "a day at the end of time": (broken(businessDate=99991231), "business date", "99991231"),
    "no day, and a time at the end of time": (
        broken(businessDate=None, openedDate="9999-12-31T23:59:59.000+0000"),
        "business date",
        "99991231",
    ),
    "a day as text": (broken(businessDate="20260301"), "Order", "businessDate"),
    "an impossible refund day": (
        broken(checks=one_check(payments=[payment("pb", refund=refund("T", 1.0, 20269999))])),
        "business date",
        "20269999",
    ),
    "a line twice": (broken(checks=one_check(selections=[selection("twin"), selection("twin")])), "fact_order_items", "twin"),
    "a payment twice": (broken(checks=one_check(payments=[payment("twin"), payment("twin")])), "fact_payments", "twin"),
    "a check twice": (broken(checks=[check("twin"), check("twin")]), "fact_checks", "twin"),
    "a huge amount": (broken(checks=[check("cb") | {"amount": 1e10}]), "Check.amount", "1e+10"),
    "a huge sum of amounts": (
        broken(checks=one_check(selections=[selection("sb", preDiscountPrice=9e9) | {"price": -9e9}])),
        "Selection.preDiscountPrice - price",
        "1e+10",
    ),
    "guests past counting": (broken(numberOfGuests=2**70), "Order.numberOfGuests", "large"),
}


def rejected_with_99(bad: Json) -> Batch:
    """The batch of a page of 100, the broken one amid the others."""
    return decoder().page(page(*(good(n) for n in range(60)), bad, *(good(n) for n in range(60, 99))), read_at=READ)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_order_costs_itself_alone(name: str) -> None:
    """The other 99 land whole; the broken one is kept with its JSON, its day and a reason that names the field, without guests' and card data."""
    bad, field, reason = BROKEN[name]
    batch = rejected_with_99(bad)

    alone = flat(*(good(n) for n in range(99)), read_at=READ)
    assert {table: without_copy(rows.to_pylist()) for table, rows in batch.tables.items()} == {t: without_copy(r) for t, r in alone.items()}
    assert sorted(batch.versions) == [f"good-{n:02d}" for n in range(99)]
    [one] = batch.rejected
    assert (one.restaurant_guid, one.record_guid, one.field) == (NORTH.toast_guid, "broken", field)
    assert reason in one.reason
    assert json.loads(one.record_json)["guid"] == "broken"
    assert not any(secret in one.record_json + one.reason for secret in SECRETS)


def without_copy(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != COPY} for row in rows]


def test_a_rejected_order_keeps_its_day_where_it_has_one() -> None:
    """Its business date is known unless that is what is broken."""
    days = [rejected_with_99(BROKEN[name][0]).rejected[0].business_date for name in ("a bad time", "an impossible day", "a day as text")]

    assert days == [date(2026, 3, 1), None, None]


def test_an_order_without_a_guid_is_kept_without_one() -> None:
    """What cannot be told by its id is told by its JSON."""
    batch = rejected_with_99({"guid": None, "checks": []})

    [one] = batch.rejected
    assert (one.record_guid, one.field) == (None, "Order")
    assert json.loads(one.record_json) == {"guid": None, "checks": []}


def test_records_that_are_no_objects_are_rejected_too() -> None:
    """A number, a text, null or a list amid the orders."""
    body = b'[7, "text", null, [], ' + json.dumps(good(1)).encode() + b"]"
    batch = decoder().page(body, read_at=READ)

    assert [one.record_json for one in batch.rejected] == ["7", '"text"', "null", "[]"]
    assert list(batch.versions) == ["good-01"]


NO_UNICODE = {"bytes that are no UTF-8": (b"XX", b"\xff\xfe"), "half of a surrogate pair": (b"XX", b"\\ud800")}


def page_with_bad_text(kind: str) -> Batch:
    bad = json.dumps(broken(displayNumber="XX")).encode().replace(*NO_UNICODE[kind])
    return decoder().page(b"[" + bad + b"," + json.dumps(good(1)).encode() + b"]", read_at=READ)


UTF_8, SURROGATE = NO_UNICODE


@pytest.mark.parametrize("kind", [UTF_8, SURROGATE])
def test_a_text_that_is_no_unicode_is_rejected(kind: str) -> None:
    """Inside one order's text, in a page whose frame is whole."""
    batch = page_with_bad_text(kind)

    assert list(batch.versions) == ["good-01"]
    assert len(batch.rejected) == 1


@pytest.mark.parametrize("kind", NO_UNICODE)
def test_a_text_that_is_no_unicode_keeps_no_private_data(kind: str) -> None:
    """However broken the record, guests' and card data are cut from what is kept."""
    [one] = page_with_bad_text(kind).rejected

    assert not any(secret in one.record_json + one.reason for secret in SECRETS)


@pytest.mark.parametrize("body", [b"", b"<html>down</html>", b"{}", b"null", b"[", page(good(1))[:-30], page(good(1))[:-1], b'"x"'])
def test_a_body_that_is_no_json_array_is_asked_again(body: bytes) -> None:
    """A body cut on its way, or of something else, is no order's fault."""
    with pytest.raises(RetryableError, match="not a JSON array"):
        decoder().page(body, read_at=READ)


def test_an_empty_page() -> None:
    """No orders give every table, without rows."""
    batch = decoder().page(b"[]", read_at=READ)

    assert {name: (rows.num_rows, rows.schema) for name, rows in batch.tables.items()} == {
        s.name: (0, staged_schema(s)) for s in ORDER_TABLES
    }
    assert (batch.rejected, batch.versions) == ((), {})


def test_every_null_the_reference_allows() -> None:
    """An order with nothing but ids, its version and its day; then one whose every other field is null."""
    bare = {"guid": "o", "modifiedDate": OPENED, "businessDate": 20260301, "checks": [{"guid": "c"}]}
    null_line = dict.fromkeys(
        ("item", "itemGroup", "salesCategory", "diningOption", "voidReason", "displayName", "quantity", "price", "tax")
    )
    null_check = dict.fromkeys(
        ("displayNumber", "openedDate", "amount", "taxAmount", "totalAmount", "appliedDiscounts", "openedBy", "voided")
    )
    nothing = dict.fromkeys(
        ("createdDate", "openedDate", "server", "table", "diningOption", "numberOfGuests", "voided", "deleted", "source")
    )
    line = null_line | {
        "guid": "s",
        "preDiscountPrice": None,
        "modifiers": None,
        "refundDetails": None,
        "appliedDiscounts": [{"guid": "d"}],
    }
    filled = {"selections": [line], "payments": [{"guid": "p", "refund": {}}], "appliedServiceCharges": [{"guid": "x"}]}
    rows = flat(bare, bare | nothing | {"guid": "n", "checks": [null_check | filled | {"guid": "c"}]})

    assert {name: len(found) for name, found in rows.items()} == {
        "fact_orders": 2,
        "fact_order_items": 1,
        "fact_order_modifiers": 0,
        "fact_checks": 2,
        "fact_payments": 1,
        "fact_refunds": 1,
        "fact_order_discounts": 1,
        "fact_service_charges": 1,
    }
    assert [row["guest_count"] for row in rows["fact_orders"]] == [None, None]


def test_guests_null_is_not_1() -> None:
    """Guests as entered: none entered stays unknown, nought stays nought."""
    rows = flat(order("a", numberOfGuests=None), order("b", numberOfGuests=0), order("c", numberOfGuests=4), order("d"))

    assert [row["guest_count"] for row in rows["fact_orders"]] == [None, 0, 4, None]


def test_values_added_without_notice_are_kept_as_they_are() -> None:
    """Enums are text: a source, a type, a status or a state never heard of is read and stored."""
    line = selection("s", selectionType="HOLOGRAM", appliedDiscounts=[discount("d", processingState="MAYBE", discountType="MOOD")])
    own = check(
        "c", [line], [payment("p", type="CRYPTO", paymentStatus="PONDERING", refundStatus="SO_SO", cardType="WOOD")], paymentStatus="HALF"
    )
    rows = flat(order("o", [own], source="Telepathy", approvalStatus="SHRUG", newField={"deep": [1, 2]}))

    assert rows["fact_orders"][0]["order_source"] == "Telepathy"
    assert rows["fact_orders"][0]["approval_status"] == "SHRUG"
    assert (rows["fact_order_items"][0]["selection_type"], rows["fact_order_items"][0]["is_sale"]) == ("HOLOGRAM", True)
    assert (rows["fact_payments"][0]["payment_type"], rows["fact_payments"][0]["payment_status"]) == ("CRYPTO", "PONDERING")
    assert (rows["fact_checks"][0]["payment_status"], rows["fact_order_discounts"][0]["discount_type"]) == ("HALF", "MOOD")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        # 2:30 on the 2nd in New York, before closeout at 4: still the 1st.
        ({"openedDate": "2026-03-02T07:30:00.000+0000"}, date(2026, 3, 1)),
        ({"openedDate": "2026-03-02T09:00:00.000+0000"}, date(2026, 3, 2)),
        ({"openedDate": "2026-03-02T07:30:00.000+0000", "promisedDate": "2026-03-09T20:00:00.000+0000"}, date(2026, 3, 9)),
    ],
)
def test_a_missing_business_date_is_worked_out(fields: Json, expected: date) -> None:
    """Where the platform gives none: the promise, else the opening, on the location's own wall clock and by its closeout."""
    rows = flat(order("o", [check("c")], day=None, **fields))

    assert rows["fact_orders"][0]["business_date"] == expected
    assert rows["fact_checks"][0]["business_date"] == expected


def test_an_order_without_any_day_is_rejected() -> None:
    """No business date, no promise, no opening: nothing is guessed."""
    batch = decoder().page(page(order("o", day=None, openedDate=None), good(1)), read_at=READ)

    assert list(batch.versions) == ["good-01"]
    assert (batch.rejected[0].record_guid, batch.rejected[0].field) == ("o", "Order.businessDate")


def test_read_at_and_version() -> None:
    """The header keeps when its read began, or null for a webhook; versions are the API's text, to tell whether a window moved."""
    own = decoder()
    by_read, by_webhook = own.page(page(good(1)), read_at=READ), own.page(page(good(1)), read_at=None)

    assert by_read.tables["fact_orders"].to_pylist()[0]["read_at"] == datetime(2026, 3, 10, tzinfo=UTC)
    assert by_webhook.tables["fact_orders"].to_pylist()[0]["read_at"] is None
    assert by_read.versions == {"good-01": good(1)["modifiedDate"]}


def test_copies_of_one_decoder_are_told_apart() -> None:
    """Over pages, and when a page is taken order by order: no two orders share a copy number, and children carry their order's."""
    own = decoder()
    batches = [own.page(page(good(1), good(2)), read_at=READ), own.page(page(good(1), broken(checks=None)), read_at=READ)]

    numbers = [row[COPY] for batch in batches for row in batch.tables["fact_orders"].to_pylist()]
    assert len(set(numbers)) == len(numbers) == 3
    for batch in batches:
        headers = {row[COPY] for row in batch.tables["fact_orders"].to_pylist()}
        assert {row[COPY] for row in batch.tables["fact_order_items"].to_pylist()} == headers


# --- business hours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "opened", "hour"),
    [
        (20260301, "2026-03-01T09:00:00.000+0000", 0),
        (20260301, "2026-03-01T09:59:59.999+0000", 0),
        (20260301, "2026-03-01T23:10:00.000+0000", 14),
        (20260301, "2026-03-02T08:59:59.000+0000", 23),
        (20260301, "2026-03-02T09:00:00.000+0000", None),  # after its day
        (20260301, "2026-03-01T08:59:59.000+0000", None),  # before it
        # 2026-03-07 has 23 hours: the hour from 2 to 3 is missing, so 3:00 local is hour 22.
        (20260307, "2026-03-08T06:59:00.000+0000", 21),
        (20260307, "2026-03-08T07:00:00.000+0000", 22),
        (20260307, "2026-03-08T08:00:00.000+0000", None),
        # 2026-10-31 has 25: 1:30 comes twice, and the two are hours of their own.
        (20261031, "2026-11-01T05:30:00.000+0000", 21),
        (20261031, "2026-11-01T06:30:00.000+0000", 22),
        (20261031, "2026-11-01T08:30:00.000+0000", 24),
    ],
)
def test_business_hour(day: int, opened: str, hour: int | None) -> None:
    """Whole hours from the start of the business day, on days of 23, 24 and 25; null outside the day."""
    rows = flat(order("o", [check("c", [selection("s")], openedDate=opened)], day=day))

    assert rows["fact_order_items"][0]["business_hour"] == hour


def test_business_hour_of_a_promised_order_is_that_of_its_promise() -> None:
    """Catering ordered today for tomorrow sells at tomorrow's hour; without a check's own opening the order's is taken."""
    promised = order("a", [check("c", [selection("s")])], day=20260302, promisedDate="2026-03-02T17:00:00.000+0000")
    plain = order("b", [check("c", [selection("s")])], openedDate="2026-03-01T10:30:00.000+0000")
    unknown = order("c", [check("c", [selection("s")])], openedDate=None)

    assert [row["business_hour"] for row in flat(promised, plain, unknown)["fact_order_items"]] == [8, 1, None]
