"""Configuration as Toast's JSON, built by hand, and one read of a dimension of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from fake_time import START, FakeClock
from orders_world import NORTH, Json, ref
from restaurant_os.batch import Batch, Window
from restaurant_os.sources.toast.config import ConfigReader, Keep
from toast_double import Answer, Double, Handler, client

METADATA, MENUS = "/menus/v2/metadata", "/menus/v2/menus"
PUBLISHED = "2026-03-01T08:00:00.000+0000"


@dataclass
class Found:
    """What one read of a dimension brought."""

    batches: list[Batch]
    pages: int
    passes: int
    versions: dict[str, str]
    calls: list[httpx.Request]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return [row for batch in self.batches if table in batch.tables for row in batch.tables[table].to_pylist()]

    @property
    def rejected(self) -> list[tuple[str | None, str, str]]:
        return [(one.record_guid, one.field, one.record_json) for batch in self.batches for one in batch.rejected]


def read(
    folder: Path, table: str, *answers: Answer | Handler, names: Keep = "keep", published: datetime | None = None, attempts: int = 3
) -> Found:
    """One window of a dimension, before an API that answers these in turn."""
    double = Double(FakeClock(), list(answers))
    reader = ConfigReader(client(double, folder, attempts=attempts), NORTH, names, 7, lambda: published)
    reading = reader(Window(table, START, START))
    batches = list(reading)
    assert reading.rejected == sum(len(batch.rejected) for batch in batches)
    return Found(batches, reading.pages, reading.passes, reading.versions, double.calls)


def page(*records: Json, token: str | None = None) -> httpx.Response:
    """A page of a collection; `token` names the next."""
    return httpx.Response(200, json=list(records), headers={"Toast-Next-Page-Token": token} if token else {})


def named(guid: str, name: str | None = None, **fields: Any) -> Json:
    return {"guid": guid, "entityType": "Thing", "name": name or guid, **fields}


def employee(guid: str = "e-1", **fields: Any) -> Json:
    """As the reference has it, with what must not be kept."""
    given = {"firstName": "Ana", "chosenName": "Annie", "lastName": "Diaz", "email": "ana@example.com", "externalEmployeeId": "77"}
    private = {"phoneNumber": "5550100", "phoneNumberCountryCode": "1", "passcode": "1234"}
    dates = {"createdDate": "2026-01-05T15:00:00.000+0000", "deletedDate": "1970-01-01T00:00:00.000+0000"}
    return {"guid": guid, "deleted": False, **given, **private, **dates, "jobReferences": [ref("job-2"), ref("job-1")], **fields}


def restaurant(**general: Any) -> Json:
    given = {"name": "Demo Grill", "locationName": "North", "locationCode": "N1", "timeZone": NORTH.timezone, "closeoutHour": 4}
    more = {"managementGroupGuid": "group-1", "currencyCode": "USD", "firstBusinessDate": 20240105, "archived": False}
    place = {"address1": "1 Main St", "city": "Boston", "administrativeArea": "MA", "zipCode": "02101", "country": "US", "phone": "5550100"}
    return {"guid": NORTH.toast_guid, "general": {**given, **more, **general}, "location": place}


def item(guid: str, price: Any = 10.0, **fields: Any) -> Json:
    given = {"guid": guid, "name": guid.title(), "price": price, "pricingStrategy": "BASE_PRICE", "visibility": ["POS", "KIOSK"]}
    return {**given, "salesCategory": {"guid": "food", "name": "Food"}, "modifierGroupReferences": [], **fields}


def group(guid: str, *items: Json, groups: tuple[Json, ...] = ()) -> Json:
    return {"guid": guid, "name": guid.title(), "menuItems": list(items), "menuGroups": list(groups)}


def menu(guid: str, *groups: Json) -> Json:
    return {"guid": guid, "name": guid.title(), "menuGroups": list(groups)}


def menus(
    *own: Json, modifiers: dict[str, Json] | None = None, options: dict[str, Json] | None = None, at: str = PUBLISHED
) -> httpx.Response:
    document = {"restaurantGuid": NORTH.toast_guid, "lastUpdated": at, "menus": list(own)}
    references = {"modifierGroupReferences": modifiers or {}, "modifierOptionReferences": options or {}, "preModifierGroupReferences": {}}
    return httpx.Response(200, json={**document, **references})


def metadata(at: str = PUBLISHED) -> httpx.Response:
    return httpx.Response(200, json={"restaurantGuid": NORTH.toast_guid, "lastUpdated": at})


Paths = dict[str, Callable[[httpx.Request], httpx.Response]]
