"""Discounts by who approved them, over a real warehouse."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts_world import World, figures
from restaurant_os.alerting import Reading
from restaurant_os.settings import AlertRule
from views_rows import DAY, HERE, OPENS, Rows, at

NOW = at(12)
RULE = AlertRule(name="own", metric="discounts_by_approver", above=Decimal(150))


@pytest.fixture
def world(tmp_path: Path) -> World:
    own = World(tmp_path)
    with own.rows() as rows:
        rows.day()
        rows.followed("orders", OPENS - timedelta(hours=30), at(11.9))
        rows.sale("2000")
        rows.add("dim_employees", employee_guid="ana", first_name="Anna", chosen_name="Ana", last_name="Diaz", valid_from=at(0))
        rows.add("dim_employees", employee_guid="ana", first_name="Old", last_name="Name", valid_from=at(-99), applies_to=at(0))
        rows.add("dim_employees", employee_guid="ben", first_name="Ben", last_name="Fox", valid_from=at(0))
        # As the setting `labor.names` leaves them where they are dropped.
        rows.add("dim_employees", employee_guid="nameless-person", valid_from=at(0))
    return own


def approved(rows: Rows, who: str | None, *amounts: str, name: str = "Manager", **values: Any) -> None:
    for amount in amounts:
        rows.discount("o", "c", amount, "other", approver_guid=who, discount_name=name, non_tax_amount=amount, **values)


def test_one_person_with_most_of_the_days_discounts(world: World) -> None:
    with world.rows() as rows:
        approved(rows, "ana", "80", "60")
        approved(rows, "ana", "20", name="Friends")
        approved(rows, "ben", "40")
        approved(rows, None, "100", name="Happy hour")

    assert world.see(RULE, NOW) == [
        Reading(
            rule="own",
            location=HERE,
            period=DAY,
            subject="ana",
            subject_name="Ana Diaz",
            as_of=at(11.9),
            value=160.0,
            is_over=True,
            dollars=Decimal("10.00"),
            facts=(("Discounts", "3"), ("Of the day's discounts", "53.3 %")),
            drivers=("Manager: 2 discounts, $140.00", "Friends: 1 discount, $20.00"),
        ),
        Reading(
            rule="own",
            location=HERE,
            period=DAY,
            subject="ben",
            subject_name="Ben Fox",
            as_of=at(11.9),
            value=40.0,
            is_clear=True,
            facts=(("Discounts", "1"), ("Of the day's discounts", "13.3 %")),
        ),
    ]


def test_where_several_share_them_out_nobody_is_conspicuous(world: World) -> None:
    with world.rows() as rows:
        for who in ("ana", "ben", "cal"):
            approved(rows, who, "200")
    assert figures(world.see(RULE, NOW), "value", "is_over", "is_clear") == [(200.0, False, True)] * 3
    with world.rows() as rows:
        approved(rows, "ana", "201")
    assert figures(world.see(RULE, NOW), "value", "is_over") == [(401.0, True), (200.0, False), (200.0, False)]


def test_what_was_voided_or_does_not_count_was_not_given_away(world: World) -> None:
    with world.rows() as rows:
        approved(rows, "ana", "100")
        approved(rows, "ana", "500", is_voided=True)
        approved(rows, "ana", "500", is_deleted=True)
        approved(rows, "ana", "500", is_counted=False)
        approved(rows, "ana", "500", business_date=DAY - timedelta(days=1))
        rows.discount("o", "c", "30", "other", approver_guid="ana", discount_name="Without a tax part")
    assert figures(world.see(RULE, NOW), "value") == [(130.0,)]


def test_once_they_are_taken_back_it_is_clear(world: World) -> None:
    with world.rows() as rows:
        approved(rows, "ana", "200")
    assert figures(world.see(RULE, NOW), "is_over", "is_clear") == [(True, False)]
    with world.rows() as rows:
        rows.connection.execute("UPDATE fact_order_discounts SET is_voided = true")
    assert figures(world.see(RULE, NOW), "value", "is_over", "is_clear") == [(0.0, False, True)]


def test_whoever_has_no_name_here_is_told_by_their_id(world: World) -> None:
    with world.rows() as rows:
        approved(rows, "nameless-person", "200")
    assert figures(world.see(RULE, NOW), "subject", "subject_name") == [("nameless-person", "approver nameless")]


def test_minimums(world: World) -> None:
    with world.rows() as rows:
        approved(rows, "ana", "90", "90")
    tried: list[dict[str, Any]] = [
        {},
        {"min_count": 3},
        {"min_dollars": Decimal(181)},
        {"min_sales": Decimal(2000)},
        {"min_sales": Decimal(2001)},
    ]
    found = [world.see(RULE.model_copy(update=one), NOW)[0] for one in tried]
    assert [(seen.is_over, seen.is_clear) for seen in found] == [(True, False), (False, True), (False, True), (True, False), (False, True)]


def test_a_day_without_discounts_gives_nothing(world: World) -> None:
    assert world.see(RULE, NOW) == []
