"""The menus API. Source: spec:menus 2.4.1, dev:apiDeterminingIfYourMenuJsonIsOutdated_V2."""

from __future__ import annotations

from starlette.responses import Response

from restaurant_os.simulator.businessdays import stamp
from restaurant_os.simulator.call import Call, json_response
from restaurant_os.simulator.config_api import instant_of, setup_of
from restaurant_os.simulator.errors import ToastError


async def metadata(call: Call) -> Response:
    """When the menus were last published."""
    return json_response({"restaurantGuid": call.restaurant.guid, "lastUpdated": stamp(_published(call))})


async def menus(call: Call) -> Response:
    """The menus as they were last published, all of them."""
    from restaurant_os.simulator.menus import published_menus

    published = _published(call)
    return json_response(published_menus(setup_of(call), instant_of(call), published, _zone(call)))


def _published(call: Call) -> int:
    published = setup_of(call).published(instant_of(call))
    if published is None:
        raise ToastError(404, f"No published data was found for Restaurant({call.restaurant.guid})")
    return published


def _zone(call: Call) -> str:
    return call.restaurant.timezone
