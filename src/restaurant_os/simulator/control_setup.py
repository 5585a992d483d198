"""`/simulator`, the part that changes how restaurants are configured: their configuration, menus and business hours."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import msgspec
from starlette.requests import Request

from restaurant_os.simulator.businessdays import stamp
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.config_names import COLLECTIONS
from restaurant_os.simulator.errors import ToastError, bad_request

if TYPE_CHECKING:
    from restaurant_os.simulator.configuration import Setup

#: Publishing may be put off at most this long.
LONGEST_DELAY_SECONDS = 31 * 24 * 60 * 60


async def change_configuration(simulator: Simulator, request: Request) -> object:
    """Change, remove, return or add one object of a collection, which publishes the configuration."""
    collection = request.path_params["collection"]
    if collection not in COLLECTIONS:
        raise bad_request(f"collection must be one of {', '.join(COLLECTIONS)}, not '{collection}'")
    asked = known(await body_of(request), "restaurant_guid", "guid", "change")
    setup, instant = _setup(simulator, asked)
    guid, change = text(asked, "guid"), asked.get("change")
    if "change" not in asked or not (change is None or isinstance(change, dict)):
        raise bad_request("change must be an object with the properties to set, or null to remove the object")
    if guid is None and change is None:
        raise bad_request("guid is required to remove an object")
    guid = setup.change(collection, guid, change, instant)
    row = next((row for row in setup.objects(collection, instant) if row.body.get("guid") == guid), None)
    return {"guid": guid, "object": None if row is None else row.body, "generation": setup.generation(instant)}


async def change_menus(simulator: Simulator, request: Request) -> object:
    """Change one item of the menus, or publish them anew or not at all."""
    from restaurant_os.simulator.configuration import MenuEdit

    names = ("item", "group", "price", "archived", "move_to", "also_in", "name", "published", "after_seconds")
    asked = known(await body_of(request), "restaurant_guid", *names)
    setup, instant = _setup(simulator, asked)
    price, after = number(asked, "price", 1_000_000), number(asked, "after_seconds", LONGEST_DELAY_SECONDS)
    edit = MenuEdit(
        stamp=0,
        visible=round((after or 0) * 1_000),
        item=text(asked, "item"),
        group=text(asked, "group"),
        cents=None if price is None else round(price * 100),
        archived=yes_or_no(asked, "archived"),
        move_to=text(asked, "move_to"),
        also_in=text(asked, "also_in"),
        name=text(asked, "name"),
        published=yes_or_no(asked, "published"),
    )
    _check_menus(setup, edit.item, (edit.group, edit.move_to, edit.also_in))
    setup.edit(edit, instant)
    shown = setup.published(instant)
    return {"lastUpdated": None if shown is None else stamp(shown), "generation": setup.generation(instant)}


def _check_menus(setup: Setup, item: str | None, groups: tuple[str | None, ...]) -> None:
    known_groups = {group.id.guid for group in setup.carte.groups.values()}
    if unknown := [guid for guid in groups if guid is not None and guid not in known_groups]:
        raise ToastError(404, f"No menu group {unknown[0]}")
    if item is None and any(groups):
        raise bad_request("item is required")


async def change_people(simulator: Simulator, request: Request) -> object:
    """Set properties of one employee or job as the API shows it. Schedules, punches and books do not follow."""
    kind = request.path_params["kind"]
    if kind not in ("employees", "jobs"):
        raise ToastError(404, f"There are employees and jobs, no {kind}")
    asked = known(await body_of(request), "restaurant_guid", "guid", "change")
    owner, guid, change = restaurant_guid(simulator, asked.get("restaurant_guid")), text(asked, "guid"), asked.get("change")
    if guid is None or not isinstance(change, dict):
        raise bad_request("guid, and change as an object with the properties to set, are required")
    at, labor = simulator.clock.world(), simulator.world.labor
    if guid not in {each.guid for each in (labor.employees(owner, at) if kind == "employees" else labor.jobs(owner, at))}:
        raise ToastError(404, f"No {kind} with the GUID {guid}")
    steered = simulator.people_steered.setdefault((owner, kind), {}).setdefault(guid, {})
    steered |= {"modifiedDate": stamp(labor.instant(owner, at)), **change}
    return {"guid": guid, "changed": steered}


async def change_restaurant(simulator: Simulator, request: Request) -> object:
    """Change when a restaurant's business days begin."""
    asked = known(await body_of(request), "closeout_hour", "timezone")
    owner = restaurant_guid(simulator, request.path_params["guid"])
    found = simulator.restaurant(owner)
    assert found is not None
    hour, zone = asked.get("closeout_hour", found.closeout_hour), text(asked, "timezone") or found.timezone
    if isinstance(hour, bool) or not isinstance(hour, int) or not 0 <= hour <= 12:
        raise bad_request("closeout_hour must be a whole number from 0 to 12")
    if zone not in available_timezones():
        raise bad_request(f"timezone must be the name of an IANA zone, not '{zone}'")
    first = simulator.world.change_hours(owner, zone, hour, simulator.clock.world())
    return {"guid": owner, "timezone": zone, "closeout_hour": hour, "first_business_date": first.isoformat()}


def _setup(simulator: Simulator, asked: dict[str, object]) -> tuple[Setup, int]:
    """The configuration of the restaurant that the body names, and the instant (ms) it shows."""
    guid = restaurant_guid(simulator, asked.get("restaurant_guid"))
    return simulator.configuration().of(guid), simulator.world.moment(guid, simulator.clock.world())[0]


def restaurant_guid(simulator: Simulator, value: object) -> str:
    found = simulator.restaurant(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ToastError(404, f"No Restaurant({value})")
    return found.guid


# --- reading the body -----------------------------------------------------------------------------------------------------


async def body_of(request: Request) -> dict[str, object]:
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request("The body must be a JSON object") from None


def known(asked: dict[str, object], *names: str) -> dict[str, object]:
    if unknown := sorted(set(asked) - set(names)):
        raise bad_request(f"unknown {unknown[0]}; known are {', '.join(names)}")
    return asked


def text(asked: dict[str, object], name: str) -> str | None:
    value = asked.get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise bad_request(f"{name} must be a text")
    return value


def number(asked: dict[str, object], name: str, highest: int) -> float | None:
    value = asked.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
        raise bad_request(f"{name} must be a number from 0 to {highest}")
    return float(value)


def yes_or_no(asked: dict[str, object], name: str) -> bool | None:
    value = asked.get(name)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"{name} must be true or false")
    return value


TABLE = (
    ("POST", "/config/{collection}", change_configuration),
    ("POST", "/menus", change_menus),
    ("POST", "/labor/{kind}", change_people),
    ("POST", "/restaurants/{guid}", change_restaurant),
)
