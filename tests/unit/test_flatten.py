"""Orders into rows: the reference's own sample, whole, and the sales rules one by one."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from orders_world import (
    NORTH,
    Json,
    changed,
    charge,
    check,
    decoder,
    discount,
    flat,
    order,
    page,
    payment,
    ref,
    refund,
    refund_details,
    selection,
)
from restaurant_os.sources.toast import decode

D = Decimal
GUID = NORTH.toast_guid
ORDER = "0f9d0c1e-1111-4a11-8a11-000000000001"
CHECK = "0f9d0c1e-2222-4a11-8a11-000000000001"
LINE = "5e000000-0000-4000-8000-000000000001"
DAY = date(2026, 3, 1)
OPENED = datetime(2026, 3, 1, 23, 10, tzinfo=UTC)
MODIFIED = datetime(2026, 3, 2, 9, 0, 5, 120_000, tzinfo=UTC)
DINING_OPTION = "d0000000-0000-4000-8000-000000000001"
#: Toast's documentation, as the reference restates it (section 3.4).
SAMPLE = """
{"guid":"0f9d0c1e-1111-4a11-8a11-000000000001","entityType":"Order","externalId":null,"businessDate":20260301,"source":"In Store",
 "openedDate":"2026-03-01T23:10:00.000+0000","modifiedDate":"2026-03-02T09:00:05.120+0000","closedDate":"2026-03-02T09:00:05.120+0000",
 "paidDate":"2026-03-02T00:05:11.000+0000","promisedDate":null,"voided":false,"deleted":false,"deletedDate":"1970-01-01T00:00:00.000+0000",
 "voidBusinessDate":null,"excessFood":false,"numberOfGuests":2,"displayNumber":"17","approvalStatus":"APPROVED",
 "diningOption":{"guid":"d0000000-0000-4000-8000-000000000001","entityType":"DiningOption","externalId":null},
 "checks":[{"guid":"0f9d0c1e-2222-4a11-8a11-000000000001","entityType":"Check","displayNumber":"17","voided":false,"deleted":false,
  "amount":25.00,"taxAmount":2.00,"totalAmount":27.00,"paymentStatus":"CLOSED","appliedDiscounts":[],
  "appliedServiceCharges":[{"guid":"5c000000-0000-4000-8000-000000000001","name":"Delivery","chargeAmount":3.00,"gratuity":false,
    "serviceChargeCategory":"SERVICE_CHARGE"}],
  "selections":[{"guid":"5e000000-0000-4000-8000-000000000001","entityType":"MenuItemSelection","displayName":"Burger","quantity":2,
    "receiptLinePrice":10.00,"preDiscountPrice":24.00,"price":22.00,"tax":2.00,"selectionType":"NONE","deferred":false,"voided":false,
    "appliedDiscounts":[{"guid":"ad000000-0000-4000-8000-000000000001","name":"Promo","discountAmount":2.00,"nonTaxDiscountAmount":2.00}],
    "modifiers":[{"guid":"5e000000-0000-4000-8000-000000000002","displayName":"Cheese","quantity":2,"receiptLinePrice":2.00,
      "preDiscountPrice":4.00,"price":4.00,"modifiers":[]}]}],
  "payments":[{"guid":"aa000000-0000-4000-8000-000000000001","type":"CASH","amount":27.00,"tipAmount":0,"amountTendered":30.00,
    "paidBusinessDate":20260301,"refundStatus":"NONE","refund":null,"voidInfo":null}]}]}
"""
IN_CHECK: Json = {"order_guid": ORDER, "check_guid": CHECK, "restaurant_guid": GUID, "business_date": DAY, "modified_at": MODIFIED}
STANDING: Json = {"is_voided": False, "is_deleted": False, "_copy": 0}


def test_the_reference_s_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of every table, whole."""
    monkeypatch.setattr(decode, "_begun", itertools.count())
    rows = flat(json.loads(SAMPLE), read_at="2026-03-10T00:00:00.000+0000")

    assert rows["fact_orders"] == [
        {
            "order_guid": ORDER,
            "restaurant_guid": GUID,
            "business_date": DAY,
            "modified_at": MODIFIED,
            "created_at": None,
            "opened_at": OPENED,
            "closed_at": MODIFIED,
            "promised_at": None,
            "paid_at": datetime(2026, 3, 2, 0, 5, 11, tzinfo=UTC),
            "void_business_date": None,
            "order_source": "In Store",
            "dining_option_guid": DINING_OPTION,
            "revenue_center_guid": None,
            "server_guid": None,
            "table_guid": None,
            "service_area_guid": None,
            "display_number": "17",
            "guest_count": 2,
            "approval_status": "APPROVED",
            "is_voided": False,
            "is_deleted": False,
            "is_test_mode": False,
            "is_excess_food": False,
            "is_counted": True,
            "read_at": datetime(2026, 3, 10, tzinfo=UTC),
            "_copy": 0,
        }
    ]
    assert rows["fact_order_items"] == [
        IN_CHECK
        | STANDING
        | {
            "selection_guid": LINE,
            "menu_item_guid": None,
            "server_guid": None,
            "menu_item_name": "Burger",
            "sales_category_name": None,
            "item_quantity": 2.0,
            "item_price": D("22"),
            "pre_discount_price": D("24"),
            "discount_amount": D("2"),
            "tax_amount": D("2"),
            "check_total": D("27"),
            "check_tax": D("2"),
            "check_tip": D("0"),
            "payment_type": "CASH",
            "opened_at": OPENED,
            "business_hour": 14,
            "menu_group_guid": None,
            "sales_category_guid": None,
            "dining_option_guid": DINING_OPTION,
            "revenue_center_guid": None,
            "order_source": "In Store",
            "selection_type": "NONE",
            "is_deferred": False,
            "void_reason_guid": None,
            "net_amount": D("22"),
            "is_sale": True,
        }
    ]
    assert rows["fact_order_modifiers"] == [
        IN_CHECK
        | STANDING
        | {
            "selection_guid": "5e000000-0000-4000-8000-000000000002",
            "parent_selection_guid": LINE,
            "root_selection_guid": LINE,
            "depth": 1,
            "menu_item_guid": None,
            "option_group_guid": None,
            "modifier_name": "Cheese",
            "quantity": 2.0,
            "price": D("4"),
            "pre_discount_price": D("4"),
        }
    ]
    assert rows["fact_checks"] == [
        IN_CHECK
        | STANDING
        | {
            "display_number": "17",
            "opened_at": OPENED,
            "closed_at": None,
            "paid_at": None,
            "payment_status": "CLOSED",
            "opened_by_guid": None,
            "amount": D("25"),
            "tax_amount": D("2"),
            "total_amount": D("27"),
            "discount_amount": D("0"),
            "service_charge_amount": D("3"),
            "gratuity_amount": D("0"),
            "tip_amount": D("0"),
            "amount_gap": D("0"),
            "marketplace_tax": D("0"),
            "business_hour": 14,
            "is_tax_exempt": False,
            "is_counted": True,
        }
    ]
    assert rows["fact_payments"] == [
        IN_CHECK
        | STANDING
        | {
            "payment_guid": "aa000000-0000-4000-8000-000000000001",
            "payment_type": "CASH",
            "amount": D("27"),
            "tip_amount": D("0"),
            "amount_tendered": D("30"),
            "card_type": None,
            "card_entry_mode": None,
            "payment_status": None,
            "refund_status": "NONE",
            "processing_fee": None,
            "paid_at": None,
            "paid_business_date": DAY,
            "void_business_date": None,
            "server_guid": None,
            "cash_drawer_guid": None,
            "house_account_guid": None,
            "other_payment_guid": None,
            "is_counted": True,
        }
    ]
    assert rows["fact_refunds"] == []
    assert rows["fact_order_discounts"] == [
        IN_CHECK
        | STANDING
        | {
            "selection_guid": LINE,
            "applied_discount_guid": "ad000000-0000-4000-8000-000000000001",
            "discount_guid": None,
            "discount_name": "Promo",
            "kind": "other",
            "discount_type": None,
            "discount_amount": D("2"),
            "non_tax_amount": D("2"),
            "reason": None,
            "approver_guid": None,
            "server_guid": None,
            "is_counted": True,
        }
    ]
    assert rows["fact_service_charges"] == [
        IN_CHECK
        | STANDING
        | {
            "charge_guid": "5c000000-0000-4000-8000-000000000001",
            "service_charge_guid": None,
            "charge_name": "Delivery",
            "charge_amount": D("3"),
            "tax_amount": D("0"),
            "charge_type": None,
            "category": "SERVICE_CHARGE",
            "is_gratuity": False,
            "is_sale": True,
            "is_counted": True,
        }
    ]


# --- what is a sale ---------------------------------------------------------------------------------------------------


def of_line(line: Json, check_fields: Json | None = None, **order_fields: Any) -> dict[str, Any]:
    """The item row of a line of 10.00 that cost 9.00, in a check and order with those fields."""
    own = line | {"preDiscountPrice": 10.0, "price": 9.0}
    [row] = flat(order("o", [check("c", [own], **(check_fields or {}))], **order_fields))["fact_order_items"]
    return row


def test_a_plain_line_is_a_sale() -> None:
    """What it adds to net sales is its price."""
    row = of_line(selection("s"))

    assert (row["is_sale"], row["net_amount"], row["discount_amount"]) == (True, D("9"), D("1"))


@pytest.mark.parametrize(
    ("line", "check_fields", "order_fields"),
    [
        ({"voided": True}, {}, {}),
        ({"deferred": True}, {}, {}),
        ({"selectionType": "TOAST_CARD_SELL"}, {}, {}),
        ({"selectionType": "TOAST_CARD_RELOAD"}, {}, {}),
        ({"selectionType": "HOUSE_ACCOUNT_PAY_BALANCE"}, {}, {}),
        ({"displayName": "Gift Card"}, {}, {}),
        ({}, {"voided": True}, {}),
        ({}, {"deleted": True}, {}),
        ({}, {}, {"voided": True}),
        ({}, {}, {"deleted": True}),
        ({}, {}, {"createdInTestMode": True}),
        ({}, {}, {"excessFood": True}),
    ],
)
def test_what_is_no_sale(line: Json, check_fields: Json, order_fields: Json) -> None:
    """Each reason alone takes a line out of sales; its own prices stay as they were read."""
    row = of_line(selection("s") | line, check_fields, **order_fields)

    assert (row["is_sale"], row["net_amount"]) == (False, D("0"))
    assert (row["item_price"], row["pre_discount_price"]) == (D("9"), D("10"))


@pytest.mark.parametrize(
    "line", [{"selectionType": "OPEN_ITEM"}, {"selectionType": "SPECIAL_REQUEST"}, {"selectionType": None}, {"item": None}]
)
def test_what_is_a_sale_all_the_same(line: Json) -> None:
    """Open items, special requests and lines without an item sell."""
    assert of_line(selection("s") | line)["is_sale"] is True


@pytest.mark.parametrize(
    ("fields", "is_sale"),
    [
        ({}, True),
        ({"serviceChargeCategory": None}, True),
        ({"serviceChargeCategory": "SOMETHING_NEW"}, True),
        ({"gratuity": True}, False),
        ({"serviceChargeCategory": "CREDIT_CARD_SURCHARGE"}, False),
        ({"serviceChargeCategory": "FUNDRAISING_CAMPAIGN"}, False),
        ({"serviceChargeCategory": "CASH_ROUNDING"}, False),
    ],
)
def test_which_service_charges_are_sales(fields: Json, is_sale: bool) -> None:
    """All but gratuity, and what is passed on or rounds the bill; in a voided check none."""
    own = charge("x", 3.0, appliedTaxes=[{"taxAmount": 0.2}, {"taxAmount": 0.05}, {}], **fields)
    one, other = (flat(order("o", [check("c", appliedServiceCharges=[own], voided=voided)])) for voided in (False, True))

    assert (one["fact_service_charges"][0]["is_sale"], one["fact_service_charges"][0]["tax_amount"]) == (is_sale, D("0.25"))
    assert other["fact_service_charges"][0]["is_sale"] is False
    sums = one["fact_checks"][0]
    gratuity = bool(fields.get("gratuity"))
    assert (sums["service_charge_amount"], sums["gratuity_amount"], sums["amount_gap"]) == (
        D(0 if gratuity else 3),
        D(3 if gratuity else 0),
        D(0),
    )


def test_a_check_that_breaks_its_own_sum_shows_the_gap() -> None:
    """amount less lines and charges: a break is reported, not hidden; voided lines are not expected in it."""
    right = check("c1", [selection("a", 10.0), selection("b", 5.0, voided=True)], appliedServiceCharges=[charge("x", 3.0)])
    wrong = check("c2", [selection("d", 10.0)]) | {"amount": 10.01}
    rows = flat(order("o", [right, wrong]))["fact_checks"]

    assert [(row["amount"], row["amount_gap"]) for row in rows] == [(D("13"), D("0")), (D("10.01"), D("0.01"))]


# --- payments, tips ---------------------------------------------------------------------------------------------------


def test_tips_and_types_of_payments_that_are_not_voided() -> None:
    """A voided payment adds neither its tip nor its type; types come in alphabetical order, each once."""
    payments = [
        payment("p1", type="GIFTCARD", tipAmount=1.0),
        payment("p2", type="CASH", tipAmount=0.5),
        payment("p3", type="CASH", tipAmount=None),
        payment("p4", type=None, tipAmount=0.25),
        payment("p5", type="OTHER", tipAmount=9.0, voidInfo={"voidBusinessDate": 20260302}),
        payment("p6", type="CREDIT", tipAmount=9.0, paymentStatus="VOIDED"),
        payment("p7", type="CREDIT", tipAmount=9.0, paymentStatus="DENIED"),
    ]
    rows = flat(order("o", [check("c", [selection("s")], payments)]))

    item, own = rows["fact_order_items"][0], rows["fact_checks"][0]
    assert (item["check_tip"], item["payment_type"], own["tip_amount"]) == (D("1.75"), "CASH+GIFTCARD+UNKNOWN", D("1.75"))
    assert [(row["is_voided"], row["is_counted"], row["void_business_date"]) for row in rows["fact_payments"]] == [
        (False, True, None),
        (False, True, None),
        (False, True, None),
        (False, True, None),
        (True, False, date(2026, 3, 2)),
        (True, False, None),
        (False, False, None),
    ]


# --- modifiers, discounts ---------------------------------------------------------------------------------------------


def test_modifiers_at_any_depth() -> None:
    """Each names its parent and its line; one of a voided line is voided; none is an item."""
    deep = selection("m1", 1.0, modifiers=[selection("m2", 0.5, modifiers=[selection("m3", 0.25)])])
    rows = flat(order("o", [check("c", [selection("s", modifiers=[deep, selection("m4", voided=True)])])]))

    named = [
        tuple(row[k] for k in ("selection_guid", "parent_selection_guid", "root_selection_guid", "depth", "is_voided"))
        for row in rows["fact_order_modifiers"]
    ]
    assert sorted(named) == [
        ("m1", "s", "s", 1, False),
        ("m2", "m1", "s", 2, False),
        ("m3", "m2", "s", 3, False),
        ("m4", "s", "s", 1, True),
    ]
    assert [row["selection_guid"] for row in rows["fact_order_items"]] == ["s"]


def test_a_modifier_that_comes_twice_costs_nothing() -> None:
    """Modifiers are information and add to no sum: of two with one id the first stays, and the order lands."""
    rows = flat(order("o", [check("c", [selection("s", modifiers=[selection("m", 1.0), selection("m", 2.0)])])]))

    assert [(row["selection_guid"], row["price"]) for row in rows["fact_order_modifiers"]] == [("m", D("1"))]


def test_discounts_of_lines_modifiers_and_checks() -> None:
    """A check's discount has no line; voided ones are left out; an unknown amount without tax stays unknown."""
    line = selection("s", appliedDiscounts=[discount("d1", 1.0)], modifiers=[selection("m", appliedDiscounts=[discount("d2", 2.0)])])
    own = check("c", [line], appliedDiscounts=[discount("d3", 3.0, nonTaxDiscountAmount=None), discount("d4", 4.0, processingState="VOID")])
    rows = flat(order("o", [own]))

    found = [
        tuple(row[k] for k in ("selection_guid", "applied_discount_guid", "discount_amount", "non_tax_amount"))
        for row in rows["fact_order_discounts"]
    ]
    assert sorted(found) == [("", "d3", D("3"), None), ("m", "d2", D("2"), D("2")), ("s", "d1", D("1"), D("1"))]
    assert rows["fact_checks"][0]["discount_amount"] == D("3")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"name": " Staff Meal "}, "employee"),
        ({"discount": ref("d-1"), "name": "Staff Meal"}, "comp"),
        ({"loyaltyDetails": {"vendor": "X"}}, "loyalty"),
        ({"appliedPromoCode": "SPRING"}, "promo"),
        ({"name": None}, "other"),
    ],
)
def test_kinds_of_discounts(fields: Json, kind: str) -> None:
    """By GUID first, then by name, as the settings map them; else by what the platform says."""
    own = decoder(discount_kinds={"staff meal": "employee", "d-1": "comp"})
    batch = own.page(page(order("o", [check("c", appliedDiscounts=[discount("d") | fields])])), read_at=None)

    assert batch.tables["fact_order_discounts"].to_pylist()[0]["kind"] == kind


# --- refunds ----------------------------------------------------------------------------------------------------------

PARTS = ("refund_amount", "item_amount", "charge_amount", "other_amount", "tax_amount", "unallocated_amount", "tip_amount", "net_amount")


def of_refund(one: Json, lines: list[Json], charges: list[Json] | None = None, **fields: Any) -> list[tuple[Decimal, ...]]:
    own = check("c", lines, [payment("p", refund=one)], appliedServiceCharges=charges or [])
    return [tuple(row[name] for name in PARTS) for row in flat(order("o", [own], **fields))["fact_refunds"]]


def amounts(*texts: str) -> tuple[Decimal, ...]:
    return tuple(D(text) for text in texts)


def test_a_refund_by_its_lines() -> None:
    """Lines and charges that are sales, the rest, and tax: what is taken off net sales is the first two."""
    lines = [
        selection("a", refundDetails=refund_details("T", 6.0, 0.5)),
        selection("gift", selectionType="TOAST_CARD_SELL", refundDetails=refund_details("T", 2.0)),
    ]
    charges = [
        charge("x", refundDetails=refund_details("T", 1.0, 0.1)),
        charge("tip", gratuity=True, refundDetails=refund_details("T", 0.4)),
    ]

    assert of_refund(refund("T", 10.0), lines, charges) == [amounts("10", "6", "1", "2.4", "0.6", "0", "0", "7")]


@pytest.mark.parametrize(
    ("one", "lines", "expected"),
    [
        # a custom amount, without naming a line: it takes off net sales whole
        (refund("T", 5.0), [selection("a")], amounts("5", "0", "0", "0", "0", "5", "0", "5")),
        # tax alone
        (
            refund("T", 0.8),
            [selection("a", refundDetails=refund_details("T", 0, 0.8))],
            amounts("0.8", "0", "0", "0", "0.8", "0", "0", "0"),
        ),
        # the tip alone
        (refund("T", 0, tipRefundAmount=2.0), [selection("a")], amounts("0", "0", "0", "0", "0", "0", "2", "0")),
        # part of it by a line, the rest without
        (
            refund("T", 5.0),
            [selection("a", refundDetails=refund_details("T", 3.0, 0.3))],
            amounts("5", "3", "0", "0", "0.3", "1.7", "0", "4.7"),
        ),
        # a line that was voided since is no sale any more
        (
            refund("T", 3.0),
            [selection("a", voided=True, refundDetails=refund_details("T", 3.0))],
            amounts("3", "0", "0", "3", "0", "0", "0", "0"),
        ),
    ],
)
def test_refunds_of_every_kind(one: Json, lines: list[Json], expected: tuple[Decimal, ...]) -> None:
    """The five parts add up to what was given back."""
    assert of_refund(one, lines) == [expected]
    assert sum(expected[1:6]) == expected[0]


@pytest.mark.parametrize("fields", [{"voided": True}, {"deleted": True}, {"createdInTestMode": True}])
def test_a_refund_of_an_order_that_does_not_count_takes_nothing_off(fields: Json) -> None:
    """Its sales were never in, so its refund is not either."""
    assert [parts[-1] for parts in of_refund(refund("T", 5.0), [selection("a")], **fields)] == [D("0")]


def test_excess_food_given_back_takes_nothing_off_by_its_lines() -> None:
    """Lines of excess food are no sales."""
    assert of_refund(refund("T", 3.0), [selection("a", refundDetails=refund_details("T", 3.0))], excessFood=True) == [
        amounts("3", "0", "0", "3", "0", "0", "0", "0")
    ]


def test_the_day_of_a_refund() -> None:
    """The refund's own business date; where it has none the order's."""
    days = []
    for day in (20260305, None):
        own = order("o", [check("c", [selection("s")], [payment("p", refund=refund("T", 1.0) | {"refundBusinessDate": day})])])
        days += [row["refund_business_date"] for row in flat(own)["fact_refunds"]]

    assert days == [date(2026, 3, 5), DAY]


def test_two_payments_given_back_by_their_own_lines() -> None:
    """Each refund takes the parts of the lines that name it, over all checks of the order."""
    first = check("c1", [selection("a", refundDetails=refund_details("T1", 4.0))], [payment("p1", refund=refund("T1", 4.0))])
    second = check("c2", [selection("b", refundDetails=refund_details("T2", 3.0))], [payment("p2", refund=refund("T2", 3.5))])
    rows = flat(order("o", [first, second]))["fact_refunds"]

    found = [(row["payment_guid"], row["check_guid"], row["item_amount"], row["unallocated_amount"], row["is_inferred"]) for row in rows]
    assert found == [("p1", "c1", D("4"), D("0"), False), ("p2", "c2", D("3"), D("0.5"), False)]


@pytest.mark.parametrize(("of_payment", "of_lines"), [("T", None), (None, "T")])
def test_a_null_transaction_does_not_count_a_refund_twice(of_payment: str | None, of_lines: str | None) -> None:
    """Any reference may be null: a payment's only refund and lines that were given back are then one refund."""
    found = of_refund(refund(of_payment, 5.0), [selection("a", refundDetails=refund_details(of_lines, 4.5, 0.5))])

    assert sum(parts[0] for parts in found) == D("5")
    assert sum(parts[-1] for parts in found) == D("4.5")


def test_null_transactions_on_both_sides_match() -> None:
    """Where the API names no transaction at all, the lines are those of the payment's refund."""
    assert of_refund(refund(None, 5.0), [selection("a", refundDetails=refund_details(None, 4.5, 0.5))]) == [
        amounts("5", "4.5", "0", "0", "0.5", "0", "0", "4.5")
    ]


def test_flags_go_down_from_order_to_line() -> None:
    """What is above is voided or deleted makes all below so."""
    whole = order(
        "o",
        [
            check(
                "c",
                [selection("s", modifiers=[selection("m")], appliedDiscounts=[discount("d")])],
                [payment("p")],
                appliedServiceCharges=[charge("x")],
            )
        ],
    )
    children = ("fact_order_items", "fact_order_modifiers", "fact_checks", "fact_order_discounts", "fact_service_charges")
    voided, deleted = flat(changed(whole, voided=True)), flat(changed(whole, deleted=True))

    assert {voided[name][0]["is_voided"] for name in children} == {True}
    assert {deleted[name][0]["is_deleted"] for name in (*children, "fact_payments")} == {True}
    assert {
        rows[name][0]["is_counted"]
        for rows in (voided, deleted)
        for name in ("fact_orders", "fact_checks", "fact_payments", "fact_order_discounts")
    } == {False}
