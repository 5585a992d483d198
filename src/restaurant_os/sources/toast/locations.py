"""The locations a client may read, as settings want them.

Source: Toast Partners API v1 (`GET /partners/v1/restaurants`) and Restaurants API v1 (`GET /restaurants/v1/restaurants/{guid}`),
reference section 6.3.
"""

from __future__ import annotations

from pydantic import ValidationError

from restaurant_os.errors import AccessError, RequestError
from restaurant_os.settings import Location
from restaurant_os.sources.toast.client import ToastClient
from restaurant_os.text import printable


def discover(client: ToastClient) -> list[Location]:
    """Every connected location that is not archived, by name; a name that two share gets its GUID's first part added.

    Raises:
        AccessError: the client is connected to none.
        RequestError: Toast gives a zone or closeout hour that we do not know.
    """
    found: list[Location] = []
    for row in client.restaurants():
        guid = str(row.get("restaurantGuid") or "")
        general = client.restaurant(guid).get("general") or {}
        if general.get("archived"):
            continue
        name = _name(general, guid)
        if name.lower() in {x.name.lower() for x in found}:
            name = f"{name} {guid[:8]}"
        try:
            given = {"name": name, "toast_guid": guid, "timezone": general.get("timeZone"), "closeout_hour": general.get("closeoutHour")}
            found.append(Location.model_validate(given))
        except ValidationError as problem:
            raise RequestError(
                f"Toast, location {printable(name, 80)}: {printable(problem.errors()[0]['msg'], 200)}.",
                next_step="Write this location into the settings by hand.",
            ) from None
    if not found:
        raise AccessError(
            "Toast: this client is connected to no location.",
            next_step="Add locations to the client in Toast Web (a new one may take 15 minutes), then run this again.",
        )
    return sorted(found, key=lambda x: x.name.lower())


def _name(general: dict[str, object], guid: str) -> str:
    """`locationName` where the group names its locations, else the restaurant's name."""
    name = printable(general.get("locationName") or general.get("name") or "", 200).strip()
    return name or guid
