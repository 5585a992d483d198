"""One dimension being read: its pages, what happens when it is published meanwhile, and its records as rows."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from config_world import employee, named, page, read, restaurant
from orders_world import NORTH, ref
from restaurant_os.errors import AccessError, RequestError, RetryableError
from restaurant_os.sources.toast.config import MOST_PASSES, SCOPES
from restaurant_os.tables import DIMENSIONS
from restaurant_os.tables.dims import row_hash
from toast_double import failure

CATEGORIES = "dim_sales_categories"


def test_every_dimension_has_a_scope() -> None:
    """None is forgotten, and those of one scope follow each other: they share a commit."""
    scopes = list(SCOPES.values())

    assert set(SCOPES) == {spec.name for spec in DIMENSIONS}
    assert len([1 for before, after in pairwise(scopes) if before != after]) == len(set(scopes)) - 1


# --- pages ----------------------------------------------------------------------------------------------------------------


def test_pages_are_followed_to_the_last(tmp_path: Path) -> None:
    found = read(tmp_path, CATEGORIES, page(named("a"), token="t=2 +"), page(named("b"), token="t3"), page(named("c")))

    assert [row["sales_category_guid"] for row in found.rows(CATEGORIES)] == ["a", "b", "c"]
    assert [dict(call.url.params) for call in found.calls] == [{}, {"pageToken": "t=2 +"}, {"pageToken": "t3"}]
    assert {call.url.path for call in found.calls} == {"/config/v2/salesCategories"}
    assert (found.pages, found.passes) == (3, 1)


def test_a_list_published_meanwhile_begins_anew_without_a_token(tmp_path: Path) -> None:
    """What the pages before the 409 held is forgotten."""
    found = read(
        tmp_path, CATEGORIES, page(named("a"), named("gone"), token="2"), failure(409), page(named("a"), token="3"), page(named("b"))
    )

    assert [row["sales_category_guid"] for row in found.rows(CATEGORIES)] == ["a", "b"]
    assert [dict(call.url.params) for call in found.calls] == [{}, {"pageToken": "2"}, {}, {"pageToken": "3"}]
    assert (found.passes, set(found.versions)) == (2, {"a", "b"})


def test_a_list_published_again_and_again_fails_and_can_be_tried_later(tmp_path: Path) -> None:
    answers = [answer for n in range(MOST_PASSES) for answer in (page(named("a"), token=str(n)), failure(409))]

    with pytest.raises(RetryableError, match="published again under each of 5 reads"):
        read(tmp_path, CATEGORIES, *answers, page(named("a")))


def test_pages_that_lead_back_to_themselves_end(tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match="lead back to themselves"):
        read(tmp_path, CATEGORIES, page(named("a"), token="x"), page(named("b"), token="y"), page(named("c"), token="x"))


@pytest.mark.parametrize(("status", "kind"), [(404, RequestError), (400, RequestError), (403, AccessError)])
def test_other_refusals_are_what_they_are(tmp_path: Path, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read(tmp_path, CATEGORIES, failure(status))


def test_a_page_cut_on_its_way_is_asked_again(tmp_path: Path) -> None:
    found = read(tmp_path, CATEGORIES, httpx.Response(200, content=b'[{"guid": "a", "na'), page(named("a")))

    assert (len(found.calls), len(found.rows(CATEGORIES))) == (2, 1)


def test_a_record_on_two_pages_is_one_of_which_the_later_copy_counts(tmp_path: Path) -> None:
    found = read(tmp_path, CATEGORIES, page(named("a", "Food"), token="2"), page(named("a", "Meals")))
    first, second = found.rows(CATEGORIES)

    assert (first["_copy"] < second["_copy"], second["sales_category_name"], len(found.versions)) == (True, "Meals", 1)


# --- records --------------------------------------------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_is_rejected_alone(tmp_path: Path) -> None:
    """Its field says of which table it is."""
    bad = named("bad", percentage="ten")
    huge = named("huge", amount=1e14)
    found = read(tmp_path, "dim_discounts", page(named("good"), bad, {"name": "no id"}, huge))

    assert [row["discount_guid"] for row in found.rows("dim_discounts")] == ["good"]
    assert {(guid, field) for guid, field, _ in found.rejected} == {
        ("bad", "dim_discounts.percentage"),
        (None, "dim_discounts"),
        ("huge", "dim_discounts.amount"),
    }


def test_rates_keep_more_places_than_money(tmp_path: Path) -> None:
    rate = named("t", "NYC", isDefault=True, rate=0.08875, type="PERCENT", roundingType="HALF_UP")
    [tax] = read(tmp_path, "dim_tax_rates", page(rate)).rows("dim_tax_rates")
    charge = named("c", amountType="PERCENT", amount=None, percent=18.123456789, gratuity=True, taxable=False, destination="SERVER")
    [service] = read(tmp_path, "dim_service_charges", page(charge)).rows("dim_service_charges")

    assert (tax["rate"], tax["is_default"], tax["tax_type"], tax["rounding_type"]) == (Decimal("0.08875"), True, "PERCENT", "HALF_UP")
    assert (service["percent"], service["amount"], service["is_gratuity"]) == (Decimal("18.12345679"), None, True)


def test_a_row_holds_its_place_its_read_and_its_hash(tmp_path: Path) -> None:
    [row] = read(tmp_path, "dim_tables", page(named("t", "12", serviceArea=ref("patio"), revenueCenter=None))).rows("dim_tables")

    assert row == {
        "restaurant_guid": NORTH.toast_guid,
        "table_guid": "t",
        "table_name": "12",
        "service_area_guid": "patio",
        "revenue_center_guid": None,
        "row_hash": row_hash(next(spec for spec in DIMENSIONS if spec.name == "dim_tables"), row),
        "read_seq": 7,
        "_copy": row["_copy"],
    }


def test_a_location_is_one_record_archived_or_not(tmp_path: Path) -> None:
    found = read(tmp_path, "dim_restaurants", httpx.Response(200, json=restaurant(archived=True)))
    [row] = found.rows("dim_restaurants")

    assert [(call.url.path, dict(call.url.params)) for call in found.calls] == [
        (f"/restaurants/v1/restaurants/{NORTH.toast_guid}", {"includeArchived": "true"})
    ]
    assert (row["restaurant_name"], row["location_name"], row["state"], row["zip_code"]) == ("Demo Grill", "North", "MA", "02101")
    assert (row["timezone"], row["closeout_hour"], row["first_business_date"]) == (NORTH.timezone, 4, date(2024, 1, 5))
    assert row["is_archived"]
    assert set(found.versions) == {NORTH.toast_guid}


def test_a_job_s_row(tmp_path: Path) -> None:
    job = {"guid": "j", "title": "Server", "deleted": False, "wageFrequency": "HOURLY", "defaultWage": 15.5, "tipped": True, "code": "SRV"}
    found = read(tmp_path, "dim_jobs", page({**job, "excludeFromReporting": False}))
    [row] = found.rows("dim_jobs")

    assert found.calls[0].url.path == "/labor/v1/jobs"
    assert (row["job_title"], row["default_wage"], row["tipped"], row["wage_frequency"]) == ("Server", Decimal("15.5"), True, "HOURLY")
    assert (row["is_deleted"], row["code"], row["exclude_from_reporting"]) == (False, "SRV", False)


# --- people ---------------------------------------------------------------------------------------------------------------

NAMES = ("first_name", "last_name", "email", "chosen_name")


def test_an_employee_s_row(tmp_path: Path) -> None:
    """The epoch stands for no date; jobs are in an order of their own."""
    [row] = read(tmp_path, "dim_employees", page(employee())).rows("dim_employees")

    assert [row[name] for name in NAMES] == ["Ana", "Diaz", "ana@example.com", "Annie"]
    assert (row["external_id"], row["is_deleted"], row["job_guids"]) == ("77", False, "job-1 job-2")
    assert (row["created_at"], row["deleted_at"]) == (datetime(2026, 1, 5, 15, tzinfo=UTC), None)


def test_one_who_left_says_when(tmp_path: Path) -> None:
    gone = employee(deleted=True, deletedDate="2026-02-01T00:00:00.000+0000", jobReferences=None)
    [row] = read(tmp_path, "dim_employees", page(gone)).rows("dim_employees")

    assert (row["is_deleted"], row["deleted_at"], row["job_guids"]) == (True, datetime(2026, 2, 1, tzinfo=UTC), None)


def test_names_and_addresses_as_the_setting_wants_them(tmp_path: Path) -> None:
    """A digest tells two apart, whatever the case of a letter."""
    records = page(employee(), employee("e-2", email="ANA@example.com", firstName="Ben"))
    first, second = read(tmp_path, "dim_employees", records, names="hash").rows("dim_employees")
    [dropped] = read(tmp_path, "dim_employees", page(employee()), names="drop").rows("dim_employees")

    assert all(len(first[name]) == 16 and first[name].isalnum() for name in NAMES)
    assert (first["email"] == second["email"], first["first_name"] == second["first_name"]) == (True, False)
    assert [dropped[name] for name in NAMES] == [None] * 4
    assert (dropped["external_id"], dropped["job_guids"]) == ("77", "job-1 job-2")


@pytest.mark.parametrize("names", ["keep", "hash", "drop"])
def test_quarantine_holds_no_number_and_no_name_that_is_not_kept(tmp_path: Path, names: str) -> None:
    bad = employee(externalEmployeeId=["77"])
    [(guid, field, kept)] = read(tmp_path, "dim_employees", page(bad), names=names).rejected  # type: ignore[arg-type]

    assert (guid, field) == ("e-1", "dim_employees.externalEmployeeId")
    assert not {"phoneNumber", "phoneNumberCountryCode", "passcode"} & json.loads(kept).keys()
    assert ("ana@example.com" in kept, "Diaz" in kept) == ((names == "keep"),) * 2
