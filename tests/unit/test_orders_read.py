"""One window read from Toast: pages until there are no more, passes until it stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from fake_time import START, FakeClock
from orders_world import NORTH, Json, check, decoder, order, page, selection
from restaurant_os.batch import BUSINESS_DATE, MODIFIED, Batch, Window
from restaurant_os.errors import RequestError
from restaurant_os.sources.toast.orders import OrdersRead, api_time
from toast_double import Double, client

CHANGES = Window(MODIFIED, START - timedelta(hours=2), START)


def day_window(day: date) -> Window:
    return Window(BUSINESS_DATE, *NORTH.business_day.bounds(day), day)


@dataclass
class Listing:
    """ordersBulk over a list of orders. `before(pass_number, page)` is called before each page is cut, and may change the list."""

    orders: list[Json]
    before: Callable[[int, int], None] = lambda number, page: None
    page_size: int = 100
    link: bool = True
    asked: list[dict[str, str]] = field(default_factory=list)
    passes: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = {name: values[0] for name, values in parse_qs(urlsplit(str(request.url)).query).items()}
        self.asked.append(query)
        number = int(query["page"])
        self.passes += number == 1
        self.before(self.passes, number)
        start = (number - 1) * self.page_size
        found = self.orders[start : start + self.page_size]
        headers = {"Link": '<https://x>; rel="next"'} if self.link and start + self.page_size < len(self.orders) else {}
        return httpx.Response(200, content=page(*found), headers=headers)

    @property
    def pages_asked(self) -> list[int]:
        return [int(query["page"]) for query in self.asked]


def small(guid: str, version: int = 0) -> Json:
    return order(guid, [check(f"c-{guid}", [selection(f"s-{guid}")])], version)


def many(number: int, version: int = 0) -> list[Json]:
    return [small(f"o{n:04d}", version) for n in range(number)]


def reading(listing: Listing, folder: Path, window: Window = CHANGES) -> OrdersRead:
    double = Double(FakeClock(), answers=[listing] * 100)
    return OrdersRead(client(double, folder), NORTH, window, decoder())


def drained(read: OrdersRead) -> list[Batch]:
    return list(read)


def guids(batches: list[Batch]) -> list[str]:
    return [guid for batch in batches if batch.tables for guid in batch.tables["fact_orders"].column("order_guid").to_pylist()]


def test_a_window_that_stands_still_is_read_twice(tmp_path: Path) -> None:
    """The second pass shows nothing new and is not handed on again."""
    listing = Listing(many(3))
    read = reading(listing, tmp_path)
    batches = drained(read)

    assert guids(batches) == ["o0000", "o0001", "o0002"]
    assert (read.passes, read.pages, read.is_stable, len(read.versions)) == (2, 2, True, 3)


def test_a_window_that_keeps_moving_is_unstable_after_three_passes(tmp_path: Path) -> None:
    """What each pass brought is handed on; the window is marked."""

    def before(number: int, page: int) -> None:
        listing.orders = [*many(2), small("moving", number)]

    listing = Listing([], before)
    read = reading(listing, tmp_path)
    batches = drained(read)

    assert (read.passes, read.is_stable) == (3, False)
    assert guids(batches)[:3] == ["o0000", "o0001", "moving"]
    assert guids(batches).count("moving") == 3


def test_a_window_that_settles_is_stable(tmp_path: Path) -> None:
    """Moved in the second pass, still in the third."""

    def before(number: int, page: int) -> None:
        listing.orders = [small("o", min(number, 2))]

    listing = Listing([], before)
    read = reading(listing, tmp_path)
    drained(read)

    assert (read.passes, read.is_stable) == (3, True)


def test_an_empty_window_is_read_once(tmp_path: Path) -> None:
    """A past window that was empty stays empty."""
    listing = Listing([])
    read = reading(listing, tmp_path)
    drained(read)

    assert (read.passes, read.pages, read.is_stable) == (1, 1, True)


@pytest.mark.parametrize(("days_ago", "passes"), [(9, 1), (8, 1), (7, 2), (1, 2)])
def test_settled_days_are_read_once(tmp_path: Path, days_ago: int, passes: int) -> None:
    """A business date that closed over seven days ago does not move: that of eight days ago closed seven days and three hours ago."""
    read = reading(Listing(many(3)), tmp_path, day_window(START.date() - timedelta(days=days_ago)))
    drained(read)

    assert (read.passes, read.is_stable) == (passes, True)


def test_an_old_window_of_changes_is_still_read_twice(tmp_path: Path) -> None:
    """Only whole days settle: orders leave a window of changes as they are modified, however old it is."""
    listing = Listing(many(3))
    read = reading(listing, tmp_path, Window(MODIFIED, START - timedelta(days=30), START - timedelta(days=29)))
    drained(read)

    assert read.passes == 2


@pytest.mark.parametrize(("number", "pages"), [(99, [1]), (100, [1, 2]), (101, [1, 2]), (250, [1, 2, 3])])
def test_a_short_page_ends_a_pass(tmp_path: Path, number: int, pages: list[int]) -> None:
    """Also where the server gives no Link header; a full last page is followed by an empty one."""
    listing = Listing(many(number), link=False)
    read = reading(listing, tmp_path, day_window(date(2026, 1, 1)))
    batches = drained(read)

    assert listing.pages_asked == pages
    assert len(guids(batches)) == number


def test_a_next_link_goes_on_after_a_short_page(tmp_path: Path) -> None:
    """A server may give fewer than asked for: its word that there is more is taken."""
    listing = Listing(many(7), page_size=3)
    read = reading(listing, tmp_path, day_window(date(2026, 1, 1)))

    assert len(guids(drained(read))) == 7
    assert listing.pages_asked == [1, 2, 3]


@pytest.mark.parametrize("size", [100, 7])
def test_a_server_that_repeats_a_page_is_stopped(tmp_path: Path, size: int) -> None:
    """The same page for ever, said to have a next one: an error soon, not an endless read."""
    body = page(*many(size))
    answers = [lambda request: httpx.Response(200, content=body, headers={"Link": 'rel="next"'}) for _ in range(20)]
    double = Double(FakeClock(), answers=list(answers))
    read = OrdersRead(client(double, tmp_path), NORTH, CHANGES, decoder())

    with pytest.raises(RequestError, match="repeats itself"):
        drained(read)
    assert len(double.calls) < 10


def test_an_order_that_slipped_through_is_found_by_the_next_pass(tmp_path: Path) -> None:
    """An order modified between pages leaves its place; the one behind it moves onto a page that was read. The second pass finds it."""
    orders = many(150)

    def before(number: int, page: int) -> None:
        if (number, page) == (1, 2):
            listing.orders = orders[1:]  # o0000 was modified and left the window: o0100 is on page 1 now

    listing = Listing(orders, before)
    read = reading(listing, tmp_path)
    batches = drained(read)

    first_pass = guids(batches[:2])
    assert "o0100" not in first_pass
    assert set(guids(batches)) == {one["guid"] for one in orders}
    assert read.is_stable is True


def test_only_what_is_new_is_handed_on(tmp_path: Path) -> None:
    """A page of a later pass that brings nothing new is not landed again."""

    def before(number: int, page: int) -> None:
        if number == 2:
            listing.orders = [*many(100), small("late")]

    listing = Listing(many(100), before)
    read = reading(listing, tmp_path)
    batches = drained(read)

    assert [batch.tables["fact_orders"].num_rows for batch in batches if batch.tables] == [100, 1]
    assert len(read.versions) == 101


def test_broken_orders_are_counted_once(tmp_path: Path) -> None:
    """A page's broken order is handed on, and counted in the first pass alone."""
    listing = Listing([*many(2), order("broken") | {"checks": None}])
    read = reading(listing, tmp_path)
    batches = drained(read)

    assert read.rejected == 1
    assert {one.record_guid for batch in batches for one in batch.rejected} == {"broken"}
    assert len(read.versions) == 2


def test_a_cut_page_is_asked_again(tmp_path: Path) -> None:
    """A body that ends amid an order is asked for again, as the same page of the same pass."""
    listing = Listing(many(2))
    cut = httpx.Response(200, content=page(*many(2))[:-20])
    double = Double(FakeClock(), answers=[cut, *[listing] * 5])
    read = OrdersRead(client(double, tmp_path), NORTH, CHANGES, decoder())

    assert guids(drained(read)) == ["o0000", "o0001"]
    assert (len(double.calls), read.pages) == (3, 2)


def test_what_is_asked(tmp_path: Path) -> None:
    """The window as Toast wants it, the page size always."""
    changes, day = Listing([]), Listing([])
    drained(reading(changes, tmp_path))
    drained(reading(day, tmp_path, day_window(date(2026, 3, 1))))

    paging = {"pageSize": "100", "page": "1"}
    assert changes.asked == [{"startDate": "2026-03-10T10:00:00.000+0000", "endDate": "2026-03-10T12:00:00.000+0000", **paging}]
    assert day.asked == [{"businessDate": "20260301", **paging}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T04:00:00.120000+00:00", "2026-03-01T04:00:00.120+0000"),
        ("2026-03-01T04:00:00.999999-05:00", "2026-03-01T09:00:00.999+0000"),
    ],
)
def test_api_time(text: str, expected: str) -> None:
    """Exactly three decimals, in UTC, an offset without colon; cut, never rounded into the future."""
    assert api_time(datetime.fromisoformat(text)) == expected
