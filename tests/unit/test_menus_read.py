"""The published menus being read: whether they are asked for at all, and their items and options as rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from config_world import MENUS, METADATA, Found, group, item, menu, menus, metadata, read
from restaurant_os.errors import RetryableError
from toast_double import failure

ITEMS, PUBLICATIONS = "dim_menu_items", "menu_publications"
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def read_menus(folder: Path, answer: httpx.Response, **more: Any) -> Found:
    return read(folder, ITEMS, metadata(), answer, **more)


def places(found: Found) -> list[tuple[str, str, str, Decimal | None]]:
    rows = found.rows(ITEMS)
    return sorted((row["menu_guid"], row["menu_group_guid"], row["menu_item_guid"], row["price"]) for row in rows)


# --- whether they are read ------------------------------------------------------------------------------------------------


def test_menus_are_read_only_when_published_later_than_what_is_held(tmp_path: Path) -> None:
    found = [read_menus(tmp_path, menus(menu("m", group("g", item("a")))), published=held) for held in (None, AT.replace(hour=7), AT)]

    assert [[call.url.path for call in one.calls] for one in found] == [[METADATA, MENUS], [METADATA, MENUS], [METADATA]]
    assert [len(one.rows(ITEMS)) for one in found] == [1, 1, 0]
    assert [one["last_updated"] for one in found[0].rows(PUBLICATIONS)] == [AT]


def test_what_the_menus_say_of_their_publication_is_held_not_the_metadata(tmp_path: Path) -> None:
    """The metadata may be ahead of the menus: then they are read again."""
    found = read(tmp_path, ITEMS, metadata("2026-03-02T08:00:00.000+0000"), menus(menu("m", group("g", item("a")))))

    assert [one["last_updated"] for one in found.rows(PUBLICATIONS)] == [AT]


@pytest.mark.parametrize("answers", [(failure(404),), (metadata(), failure(404))])
def test_nothing_published_is_no_error(tmp_path: Path, answers: tuple[httpx.Response, ...]) -> None:
    found = read(tmp_path, ITEMS, *answers)

    assert (found.batches, found.versions, found.pages) == ([], {}, len(answers) - 1)


@pytest.mark.parametrize("at", [None, "yesterday"])
def test_menus_are_read_when_their_publication_cannot_be_told(tmp_path: Path, at: str | None) -> None:
    """And no publication is held that cannot be told."""
    answer = httpx.Response(200, json={"lastUpdated": at})
    found = read(tmp_path, ITEMS, answer, menus(menu("m", group("g", item("a"))), at=at or ""), published=AT)

    assert (len(found.rows(ITEMS)), found.rows(PUBLICATIONS)) == (1, [])


def test_an_answer_that_is_cut_is_asked_again(tmp_path: Path) -> None:
    whole = menus(menu("m", group("g", item("a"))))
    found = read(tmp_path, ITEMS, metadata(), httpx.Response(200, content=whole.content[:80]), whole)

    assert [call.url.path for call in found.calls] == [METADATA, MENUS, MENUS]
    with pytest.raises(RetryableError, match="is not what it should be"):
        read(tmp_path, ITEMS, httpx.Response(200, json=[]), httpx.Response(200, json=[]), httpx.Response(200, json=[]))


# --- items ----------------------------------------------------------------------------------------------------------------


def test_an_item_s_row(tmp_path: Path) -> None:
    burger = item("burger", plu="12", sku="", isDeferred=False, isDiscountable=True, unitOfMeasure="NONE", multiLocationId="m-1")
    [row] = read_menus(tmp_path, menus(menu("dinner", group("grill", burger)))).rows(ITEMS)

    given = ("menu_name", "menu_group_name", "item_name", "price", "sales_category_name", "visibility", "is_deleted")
    assert [row[name] for name in given] == ["Dinner", "Grill", "Burger", Decimal(10), "Food", "KIOSK POS", False]
    more = ("sales_category_guid", "plu", "sku", "is_modifier", "menu_group_path", "is_deferred", "is_discountable", "multi_location_id")
    assert [row[name] for name in more] == ["food", "12", None, False, "Grill", False, True, "m-1"]


def test_groups_nest_and_an_item_in_two_has_two_prices(tmp_path: Path) -> None:
    beer = group("beer", item("lager", 6))
    bar = group("bar", item("mule", 12.75), groups=(beer, group("happy", item("lager", 4.5, pricingStrategy="MENU_SPECIFIC_PRICE"))))
    found = read_menus(tmp_path, menus(menu("drinks", bar), menu("brunch", beer)))

    assert places(found) == [
        ("brunch", "beer", "lager", Decimal(6)),
        ("drinks", "bar", "mule", Decimal("12.75")),
        ("drinks", "beer", "lager", Decimal(6)),
        ("drinks", "happy", "lager", Decimal("4.5")),
    ]
    assert {row["menu_group_path"] for row in found.rows(ITEMS)} == {"Bar", "Bar > Beer", "Bar > Happy", "Beer"}


def test_a_price_that_follows_from_rules_is_null(tmp_path: Path) -> None:
    soda = item("soda", None, pricingStrategy="SIZE_PRICE", salesCategory=None, visibility=[])
    [row] = read_menus(tmp_path, menus(menu("m", group("g", soda)))).rows(ITEMS)

    assert (row["price"], row["pricing_strategy"], row["sales_category_name"], row["visibility"]) == (None, "SIZE_PRICE", None, None)


def option(guid: str, price: Any, reference: int, *groups: int) -> dict[str, Any]:
    return item(guid, price, referenceId=reference, modifierGroupReferences=list(groups))


def modifiers(guid: str, reference: int, *options: int) -> dict[str, Any]:
    return {"guid": guid, "name": guid.title(), "referenceId": reference, "modifierOptionReferences": list(options)}


def test_options_of_modifiers_that_lead_in_a_circle(tmp_path: Path) -> None:
    """Dip leads to Side, Side back to Dip; an option that the maps do not have is none."""
    found = read_menus(
        tmp_path,
        menus(
            menu("m", group("g", item("fries", 5, modifierGroupReferences=[1]))),
            modifiers={"1": modifiers("dip", 1, 10, 99), "2": modifiers("side", 2, 11)},
            options={"10": option("ranch", 0.5, 10, 2), "11": option("fries", 3, 11, 1)},
        ),
    )

    assert places(found) == [("", "dip", "ranch", Decimal("0.5")), ("", "side", "fries", Decimal(3)), ("m", "g", "fries", Decimal(5))]
    by_item = {(row["menu_guid"], row["menu_item_guid"]): (row["is_modifier"], row["menu_group_path"]) for row in found.rows(ITEMS)}
    assert by_item["", "ranch"] == (True, None)


def test_one_group_under_two_references_is_one(tmp_path: Path) -> None:
    """Whichever comes first: the lowest price stands, so that no order of Toast's makes a change."""
    options = {"10": option("ranch", 0.75, 10), "11": option("ranch", 0.5, 11), "12": option("ranch", None, 12)}
    groups = {"1": modifiers("dip", 1, 10), "2": modifiers("dip", 2, 11), "3": modifiers("dip", 3, 12)}
    found = [
        read_menus(tmp_path, menus(menu("m", group("g", item("a"))), options=options, modifiers=own))
        for own in (groups, dict(reversed(groups.items())))
    ]

    assert places(found[0]) == places(found[1]) == [("", "dip", "ranch", Decimal("0.5")), ("m", "g", "a", Decimal(10))]
    assert found[0].versions == found[1].versions


def test_a_part_that_cannot_be_read_costs_itself_and_makes_the_read_incomplete(tmp_path: Path) -> None:
    """A menu, a group, an item, an option; no publication is held, so that they are read again."""
    found = read_menus(
        tmp_path,
        menus(
            {"guid": "", "name": "no id"},
            menu("m", group("g", item("a"), item("b", "a lot"), item("c", 1e15)), {"name": "no id either"}),
            modifiers={"1": modifiers("dip", 1, 10, 11), "2": {"guid": 7}},
            options={"10": option("ranch", 0.5, 10), "11": option("aioli", [], 11)},
        ),
    )

    assert places(found) == [("", "dip", "ranch", Decimal("0.5")), ("m", "g", "a", Decimal(10))]
    assert {(guid, field) for guid, field, _ in found.rejected} == {
        (None, "dim_menu_items.guid"),
        ("m/g/b", "dim_menu_items.price"),
        ("m/g/c", "dim_menu_items.price"),
        ("m/", "dim_menu_items"),
        ("modifierOptionReferences/aioli", "dim_menu_items.price"),
        ("modifierGroupReferences/", "dim_menu_items.guid"),
    }
    assert found.rows(PUBLICATIONS) == []
