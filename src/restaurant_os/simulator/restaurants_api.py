"""The restaurants and partners APIs. Source: spec:restaurants 1.0.0, spec:partners 1.0.1 (1.0.2 adds `scopes`)."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import Response

from restaurant_os.simulator import params
from restaurant_os.simulator.auth import Client
from restaurant_os.simulator.call import Call, json_response
from restaurant_os.simulator.errors import ToastError, bad_request

if TYPE_CHECKING:
    from restaurant_os.simulator.world import Restaurant

LARGEST_PAGE = 200
_DEFAULT_PAGE = 100
_PAGE_TOKEN = re.compile(rb"p:([0-9]{1,9}),s:([0-9]{1,3})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


async def restaurant(call: Call) -> Response:
    """One restaurant's configuration. An archived one is a 404 unless `includeArchived=true`."""
    guid = call.request.path_params["guid"].lower()
    found = call.simulator.restaurant(guid)
    with_archived = params.one(call.request.query_params, "includeArchived") == "true"
    if found is None or (found.archived and not with_archived):
        raise ToastError(404, f"Restaurant({guid}) was not found")
    if guid != call.restaurant.guid:
        raise ToastError(403, f"Restaurant({guid}) is not the one that Toast-Restaurant-External-ID names")
    return json_response(_information(found))


async def group_restaurants(call: Call) -> Response:
    """The restaurants of a management group, of which the header names one."""
    group = call.request.path_params["guid"].lower()
    members = [candidate.guid for candidate in call.simulator.world.restaurants if candidate.group_guid == group]
    if not members:
        raise ToastError(404, f"Group({group}) was not found")
    if call.restaurant.group_guid != group:
        raise ToastError(403, f"Restaurant({call.restaurant.guid}) is not in Group({group})")
    return json_response([{"guid": guid} for guid in members])


async def partner_restaurants(call: Call) -> Response:
    """Every restaurant that the client may see."""
    return json_response(_accesses(call))


async def connected_restaurants(call: Call) -> Response:
    """The same in pages. A page token holds page and page size, so it wins over both parameters."""
    query = call.request.query_params
    size = params.whole_number(query, "pageSize", _DEFAULT_PAGE, highest=LARGEST_PAGE)
    page = params.whole_number(query, "page", 1, highest=10**9 - 1)
    if (token := params.one(query, "pageToken")) is not None:
        page, size = _read_token(token)
    accesses = _accesses(call)
    last = max(1, -(-len(accesses) // size))
    body = {
        "results": accesses[(page - 1) * size : page * size],
        "currentPageNum": page,
        "totalResultCount": len(accesses),
        "totalCount": len(accesses),
        "pageSize": size,
        "currentPageToken": _token(page, size),
        "nextPageToken": _token(page + 1, size) if page < last else None,
        "nextPageNum": page + 1 if page < last else None,
        "lastPageNum": last,
        "previousPageNum": page - 1 if page > 1 else None,
    }
    response = json_response(body)
    base = str(call.request.url.replace(query="", fragment=""))
    others = [(name, value) for name, value in query.multi_items() if name == "lastModified"]
    links = {"first": 1} | ({"next": page + 1} if page < last else {})
    response.headers["Link"] = ", ".join(
        f'<{base}?{urlencode([*others, ("pageToken", _token(number, size))])}>; rel="{relation}"' for relation, number in links.items()
    )
    return response


def _token(page: int, size: int) -> str:
    return base64.b64encode(f"p:{page},s:{size}".encode()).decode()


def _read_token(token: str) -> tuple[int, int]:
    try:
        found = _PAGE_TOKEN.fullmatch(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        found = None
    if found is None or int(found[1]) < 1 or not 1 <= int(found[2]) <= LARGEST_PAGE:
        raise bad_request(f"pageToken '{token}' is not one that was given out")
    return int(found[1]), int(found[2])


def _accesses(call: Call) -> list[dict[str, object]]:
    text = params.one(call.request.query_params, "lastModified")
    since = params.timestamp(text, "lastModified") if text is not None else None
    return [
        _access(candidate, call.client)
        for candidate in call.simulator.world.restaurants
        if call.client.reaches(candidate.guid) and (since is None or _connected(candidate) > since)
    ]


def _connected(candidate: Restaurant) -> datetime:
    """When the restaurant gave access: on the day it began with Toast, at noon."""
    return datetime.combine(candidate.first_business_date, time(12), UTC)


def _access(candidate: Restaurant, client: Client) -> dict[str, object]:
    connected = _connected(candidate)
    milliseconds = (connected - _EPOCH) // timedelta(milliseconds=1)
    iso = connected.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "restaurantGuid": candidate.guid,
        "managementGroupGuid": candidate.group_guid,
        "deleted": candidate.archived,
        "restaurantName": candidate.name,
        "locationName": candidate.location_name,
        "createdByEmailAddress": "owner@example.com",
        "externalGroupRef": "",
        "externalRestaurantRef": "",
        "modifiedDate": milliseconds,
        "createdDate": milliseconds,
        "isoModifiedDate": iso,
        "isoCreatedDate": iso,
        "scopes": sorted(client.scopes),
    }


def _information(found: Restaurant) -> dict[str, object]:
    return {
        "guid": found.guid,
        "general": {
            "name": found.name,
            "locationName": found.location_name,
            "locationCode": found.location_code,
            "description": None,
            "timeZone": found.timezone,
            "closeoutHour": found.closeout_hour,
            "managementGroupGuid": found.group_guid,
            "currencyCode": found.currency,
            "firstBusinessDate": int(found.first_business_date.strftime("%Y%m%d")),
            "archived": found.archived,
        },
        "urls": {"website": None, "facebook": None, "twitter": None, "orderOnline": None, "purchaseGiftCard": None, "checkGiftCard": None},
        "location": {
            "address1": found.address1,
            "address2": found.address2,
            "city": found.city,
            "stateCode": found.state,
            "administrativeArea": found.state,
            "zipCode": found.zip_code,
            "country": found.country,
            "phone": found.phone,
            "phoneCountryCode": "1",
            "latitude": found.latitude,
            "longitude": found.longitude,
        },
        "schedules": {"daySchedules": {}, "weekSchedule": dict.fromkeys(_WEEK)},
        "delivery": {"enabled": False, "minimum": None, "area": None},
        "onlineOrdering": None,
        "prepTimes": None,
    }
