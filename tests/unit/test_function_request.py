"""What a function's caller may send, and which field a refusal names."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from orders_world import NORTH
from restaurant_os.cloud.request import Asked, BadRequestError, chosen, decoded, parsed, shared_token
from restaurant_os.pipeline.plans import Span

NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)
GUID = "0f9d0c1e-1111-4a11-8a11-000000000001"
WEEK = Span(date(2025, 1, 1), date(2025, 1, 7))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"restaurant_guid": "%s", "start_date": "2025-01-01", "end_date": "2025-01-07"}' % GUID.upper().encode(), Asked(GUID, WEEK)),
        (b'{"restaurant_guid": "ALL", "start_date": "2025-01-01", "end_date": "2025-01-07"}', Asked("", WEEK)),
        (b'{"restaurant_guid": "all"}', Asked("", None)),
        (b'{"restaurant_guid": null, "start_date": null, "end_date": null}', Asked("", None)),
        (b"{}", Asked("", None)),
        (b"null", Asked("", None)),
        (b" \n", Asked("", None)),
        (b"", Asked("", None)),
    ],
)
def test_what_is_understood(body: bytes, expected: Asked) -> None:
    assert parsed(decoded(body), NOW) == expected


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b'{"start_date": "2025-01-01"}', "end_date", "missing"),
        (b'{"end_date": "2025-01-01"}', "start_date", "missing"),
        (b'{"start_date": 20250101, "end_date": "2025-01-07"}', "start_date", "'20250101' is not a date"),
        (b'{"start_date": "2025-01-01", "end_date": "01/07/2025"}', "end_date", "'01/07/2025' is not a date"),
        (b'{"start_date": "2025-02-29", "end_date": "2025-03-01"}', "start_date", "'2025-02-29' is not a date"),
        (b'{"start_date": "2025-01-07", "end_date": "2025-01-01"}', "end_date", "before start_date"),
        (b'{"start_date": "2025-01-01", "end_date": "2025-02-01"}', "end_date", "32 business dates"),
        (b'{"start_date": "2015-01-01", "end_date": "2015-01-02"}', "start_date", "before 2015-12-02"),
        (b'{"start_date": "2027-04-01", "end_date": "2027-04-02"}', "end_date", "more than a year"),
        (b'{"restaurant_guid": 7}', "restaurant_guid", "'7' is neither"),
        (b'{"restaurant_guid": ""}', "restaurant_guid", "'' is neither"),
        (b'{"restaurant_guid": "North"}', "restaurant_guid", "'North' is neither"),
        (b'{"restaurant_guid": ["ALL"]}', "restaurant_guid", "neither"),
        (b'{"restaurantGuid": "ALL"}', "restaurantGuid", "no such field"),
        (b'["ALL"]', "body", "JSON object"),
        (b'"ALL"', "body", "JSON object"),
        (b"restaurant_guid=ALL", "body", "no JSON"),
        (b'{"restaurant_guid": "\xff"}', "body", "no JSON"),
        (b" " * 70_000, "body", "65,536"),
    ],
)
def test_what_is_refused_names_its_field(body: bytes, field: str, said: str) -> None:
    """And says what to send instead."""
    with pytest.raises(BadRequestError) as problem:
        parsed(decoded(body), NOW)

    assert (problem.value.field, said in problem.value.message, bool(problem.value.next_step)) == (field, True, True)


def test_only_configured_locations_are_called_and_only_for_what_they_have() -> None:
    other = NORTH.model_copy(update={"toast_guid": GUID, "labor_source": "none"})

    assert chosen("", [NORTH], [NORTH, other], "labor") == [NORTH]
    assert chosen(NORTH.toast_guid, [NORTH], [NORTH, other], "labor") == [NORTH]
    with pytest.raises(BadRequestError, match="labor_source"):
        chosen(GUID, [NORTH], [NORTH, other], "labor")
    with pytest.raises(BadRequestError, match="not configured"):
        chosen("0f9d0c1e-1111-4a11-8a11-00000000ffff", [NORTH], [NORTH, other], "orders")


def test_a_shared_token_says_when_it_ends() -> None:
    found = shared_token(" abc.def ", str(NOW.timestamp() + 3600), NOW)

    assert found is not None
    assert (found.value, found.expires_at.timestamp()) == ("abc.def", NOW.timestamp() + 3600)
    assert shared_token(None, None, NOW) is None
    assert "abc" not in repr(found)


@pytest.mark.parametrize(
    ("value", "expires", "field"),
    [
        ("abc", None, "X-Toast-Token-Expires"),
        ("abc", "soon", "X-Toast-Token-Expires"),
        ("abc", "1e400", "X-Toast-Token-Expires"),
        ("abc", str(NOW.timestamp() + 30), "X-Toast-Token-Expires"),
        ("", "9999999999", "X-Toast-Token"),
        ("a b", "9999999999", "X-Toast-Token"),
    ],
)
def test_a_shared_token_that_cannot_be_used_is_refused_before_anything_is_read(value: str, expires: str | None, field: str) -> None:
    with pytest.raises(BadRequestError) as problem:
        shared_token(value, expires, NOW)

    assert problem.value.field == field
