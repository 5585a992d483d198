"""An order that cannot be read costs itself alone: it waits in quarantine, with its JSON and the reason, until it can be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from orders_world import FIRST_VERSION, NORTH, Json, changed, check, order, payment, selection
from restaurant_os.app import App, build_app
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import day_statuses
from restaurant_os.pipeline.sync import LocationResult, Unwatched
from restaurant_os.settings import load_without_file
from warehouse_reading import read

DAY = date(2026, 3, 1)
#: Long enough after the day that one pass is enough, unless a test says otherwise.
LATER = FIRST_VERSION + timedelta(days=20)


@dataclass
class Api:
    """A Toast API with one page; each pass over it is given the next of `passes`, the last one from then on."""

    passes: Sequence[Sequence[Json]]
    now: datetime = LATER
    read: int = field(default=-1)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        headers = {"Date": format_datetime(self.now, usegmt=True)}
        if request.url.path.endswith("/login"):
            token = {"accessToken": "a-token", "expiresIn": 86_400, "tokenType": "Bearer"}
            return httpx.Response(200, headers=headers, json={"token": token, "status": "SUCCESS"})
        if request.url.path != "/orders/v2/ordersBulk" or request.url.params.get("pageSize") != "100":
            return httpx.Response(200, headers=headers, json=[])
        if request.url.params["page"] != "1":
            return httpx.Response(200, headers=headers, json=[])
        self.read += 1
        return httpx.Response(200, headers=headers, json=list(self.passes[min(self.read, len(self.passes) - 1)]))


def app_of(folder: Path, api: Api) -> App:
    settings = load_without_file(
        folder, warehouse="duckdb:///w.duckdb", locations=[NORTH.model_dump()], toast={"base_url": "http://toast.test", "pacing": "none"}
    )
    credentials = {"toast_client_id": SecretStr("id"), "toast_client_secret": SecretStr("not-a-secret")}
    return build_app(settings.model_copy(update=credentials), transport=httpx.MockTransport(api), token_folder=folder / "tokens")


def sync(folder: Path, *passes: Sequence[Json], now: datetime = LATER) -> LocationResult:
    """One sync of the day, as a new process would do it."""
    [result] = app_of(folder, Api(passes, now)).sync("orders").run([NORTH], Span(DAY, DAY), Unwatched())
    assert result.error is None
    return result


def orders_of_a_day(count: int = 100) -> list[Json]:
    """Orders of 10.00 each, their guids in order."""
    return [sold(f"order-{n:03}") for n in range(count)]


def sold(guid: str) -> Json:
    return order(guid, [check(f"{guid}-check", [selection(f"{guid}-line", 10.0)], [payment(f"{guid}-payment", 10.0)])])


def landed(folder: Path) -> list[str]:
    return [guid for (guid,) in read(folder / "w.duckdb", "SELECT order_guid FROM fact_orders ORDER BY 1")]


def net_sales(folder: Path) -> float:
    [(total,)] = read(folder / "w.duckdb", "SELECT coalesce(sum(net_sales), 0)::DOUBLE FROM daily_sales")
    return float(total)


def waiting(folder: Path) -> list[dict[str, Any]]:
    columns = ("record_guid", "business_date", "field", "reason", "record_json")
    found = read(folder / "w.duckdb", f"SELECT {', '.join(columns)} FROM quarantine WHERE resolved_at IS NULL ORDER BY ALL")
    return [dict(zip(columns, row, strict=True)) for row in found]


def with_check(record: Json, **fields: object) -> Json:
    """The order with other fields on its only check."""
    return changed(record, checks=[{**record["checks"][0], **fields}])


BREAKAGES: dict[str, tuple[Callable[[Json], Json], str]] = {
    "an amount is text": (lambda o: with_check(o, amount="twelve dollars"), "float"),
    "checks are null": (lambda o: changed(o, checks=None), "array"),
    "a line is a number": (lambda o: with_check(o, selections=[42]), "object"),
    "the version is no time": (lambda o: changed(o, modifiedDate="yesterday"), "yesterday"),
    "the day is no date": (lambda o: changed(o, businessDate=20261399), "20261399"),
    "an amount is beyond all": (lambda o: with_check(o, amount=1e12), "1e+10"),
    "a line comes twice": (lambda o: with_check(o, selections=2 * o["checks"][0]["selections"]), "order-042-line"),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_one_broken_order_of_a_hundred_lands_the_others(tmp_path: Path, breakage: str) -> None:
    """99 land with their sales; the one waits, its JSON as it came, with the reason."""
    brake, reason = BREAKAGES[breakage]
    page = orders_of_a_day()
    page[42] = brake(page[42])
    result = sync(tmp_path, page)
    [row] = waiting(tmp_path)

    assert landed(tmp_path) == [f"order-{n:03}" for n in range(100) if n != 42]
    assert net_sales(tmp_path) == 990.0
    assert (result.rows_read, result.rows_added, result.rows_quarantined) == (99, 99, 1)
    assert (row["record_guid"], json.loads(row["record_json"])) == ("order-042", page[42])
    assert reason in row["reason"]
    assert row["field"]


def test_an_order_without_its_guid_waits_too(tmp_path: Path) -> None:
    """It has no id to be known by, but its JSON and its day."""
    page = orders_of_a_day()
    del page[42]["guid"]
    sync(tmp_path, page)
    [row] = waiting(tmp_path)

    assert len(landed(tmp_path)) == 99
    assert (row["record_guid"], row["business_date"], json.loads(row["record_json"])) == (None, DAY, page[42])


def test_guests_and_cards_are_cut_before_it_is_kept(tmp_path: Path) -> None:
    """Whoever reads the quarantine learns nothing about a guest, however deep it stood."""
    guest = {"firstName": "Ada", "lastName": "Lovelace", "phone": "555-0100", "email": "ada@example.com"}
    broken = changed(sold("order-000"), deliveryInfo={"address1": "12 Byron Row"}, curbsidePickupInfo={"transportColor": "green"})
    broken["checks"][0] |= {"amount": "twelve", "customer": guest, "tabName": "Lovelace"}
    broken["checks"][0]["payments"][0] |= {"last4Digits": "4242", "cardType": "VISA"}
    sync(tmp_path, [broken])
    [row] = waiting(tmp_path)
    kept = json.loads(row["record_json"])

    assert [
        word for word in ("Ada", "Lovelace", "555-0100", "ada@example.com", "Byron", "green", "4242") if word in row["record_json"]
    ] == []
    assert (kept["checks"][0]["amount"], kept["checks"][0]["payments"][0]["cardType"]) == ("twelve", "VISA")


def test_a_broken_order_that_comes_again_is_kept_once(tmp_path: Path) -> None:
    """The first time it was seen stays, the last moves on."""
    page = [with_check(sold("order-000"), amount="twelve"), sold("order-001")]
    sync(tmp_path, page)
    first = read(tmp_path / "w.duckdb", "SELECT first_seen_at, last_seen_at FROM quarantine")
    sync(tmp_path, page, now=LATER + timedelta(hours=1))
    [(first_seen, last_seen)] = read(tmp_path / "w.duckdb", "SELECT first_seen_at, last_seen_at FROM quarantine")

    assert first == [(first_seen, first_seen)]
    assert last_seen > first_seen


def test_it_leaves_the_quarantine_when_it_can_be_read(tmp_path: Path) -> None:
    """A later read that decodes lands the order and resolves its row, which stays as a trace; the day is complete only then."""
    page = orders_of_a_day(3)
    sync(tmp_path, [with_check(page[0], amount="twelve"), *page[1:]])
    before = states(tmp_path)
    sync(tmp_path, page, now=LATER + timedelta(hours=1))

    assert before == [("partial", "records in quarantine")]
    assert states(tmp_path) == [("complete", "")]
    assert (landed(tmp_path), net_sales(tmp_path)) == (["order-000", "order-001", "order-002"], 30.0)
    assert waiting(tmp_path) == []
    assert read(tmp_path / "w.duckdb", "SELECT record_guid, resolved_at IS NOT NULL FROM quarantine") == [("order-000", True)]


def states(folder: Path) -> list[tuple[str, str]]:
    app = app_of(folder, Api([[]]))
    return [(day.state, day.why) for day in day_statuses(app.warehouse, [NORTH], Span(DAY, DAY), datetime(2026, 4, 1, tzinfo=UTC))]


def test_a_newer_version_that_is_broken_leaves_the_older_one_standing(tmp_path: Path) -> None:
    """What is in stays in, and says that it is not the newest: the day is partial."""
    page = orders_of_a_day(2)
    sync(tmp_path, page)
    sync(tmp_path, [with_check(changed(page[0], version=5), amount="twelve"), page[1]], now=LATER + timedelta(hours=1))

    assert (landed(tmp_path), net_sales(tmp_path)) == (["order-000", "order-001"], 20.0)
    assert [row["record_guid"] for row in waiting(tmp_path)] == ["order-000"]
    assert states(tmp_path) == [("partial", "records in quarantine")]


def test_an_order_that_can_be_read_on_the_second_pass_does_not_wait(tmp_path: Path) -> None:
    """A day closed lately is read twice: what was broken on the first pass and whole on the second has landed."""
    page = orders_of_a_day(3)
    sync(tmp_path, [with_check(page[0], amount="twelve"), *page[1:]], page, now=FIRST_VERSION + timedelta(days=1))

    assert landed(tmp_path) == ["order-000", "order-001", "order-002"]
    assert waiting(tmp_path) == []


def test_an_order_without_its_guid_is_resolved_by_a_whole_read_of_its_day(tmp_path: Path) -> None:
    """It can be told by nothing else: once every order of its day can be read, none of them waits."""
    page = orders_of_a_day(3)
    without = dict(page[0])
    del without["guid"]
    sync(tmp_path, [without, *page[1:]])
    sync(tmp_path, page, now=LATER + timedelta(hours=1))

    assert landed(tmp_path) == ["order-000", "order-001", "order-002"]
    assert waiting(tmp_path) == []
