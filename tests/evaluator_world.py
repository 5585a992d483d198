"""An evaluator over a real warehouse and a real store, by a clock that a test sets: what is posted, sold and worked by then, and what was told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from alerts_world import World
from restaurant_os.alerting import Delivery, Incident
from restaurant_os.alerts.channels import Channel
from restaurant_os.live.evaluator import Evaluator
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Operations
from restaurant_os.operations.open import open_operations
from restaurant_os.settings import Location, ServiceSettings
from restaurant_os.warehouse.duckdb import DuckDBWarehouse
from summaries_world import labor, post, sales
from views_rows import Rows

#: A Tuesday, far from any change of the clocks; it begins at 04:00 UTC.
TODAY = date(2026, 6, 16)
BAR = Location(name="Bar", toast_guid="aaaaaaaa-0000-4000-8000-00000000000a", timezone="UTC", closeout_hour=4, store_id="bar-1")
SLACK = Channel("slack", "slack", "0" * 12, can_edit=False, can_find=False)
DISCORD = Channel("discord", "discord", "1" * 12, can_edit=True, can_find=False)
SHIPPED = (
    *("labor-percent", "cash-over-short", "void-rate", "discount-rate", "comp-rate", "discounts-by-approver"),
    *("overtime-ahead", "punch-open", "data-late"),
)
#: What a usual day sells in the hour that begins then, on the clock; it is open from 8 to 22.
USUAL = {**dict.fromkeys((8, 9, 10), 10), **dict.fromkeys(range(11, 22), 100)}
#: And what it pays.
PAID = 16


def at(clock: str, day: date = TODAY) -> datetime:
    """`14:05` of the business date; hours below 4 are of the night after."""
    hour, minute = map(int, clock.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) + timedelta(days=hour < 4)


#: Of the test's clock.
BEGIN = at("08:00")


def only(*names: str) -> list[dict[str, Any]]:
    """Of the shipped rules these alone."""
    return [{"name": name, "enabled": False} for name in SHIPPED if name not in names]


@dataclass
class Watched(World):
    """`World` with a store and a clock. `rules`: what the settings say of rules; the labor rule alone unless given."""

    places: Sequence[Location] = (BAR,)
    rules: list[dict[str, Any]] = field(default_factory=lambda: only("labor-percent"))
    channels: Sequence[Channel] = (SLACK,)
    now: datetime = BEGIN
    meters: Meters = field(default_factory=Meters)
    _sequence: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.given = {"alerts": {"rules": self.rules, "flash": "off"}, **self.given}
        self.operations = self.opened()
        self._evaluator: Evaluator | None = None

    def opened(self) -> Operations:
        return open_operations(self.folder / "operations.sqlite", service=ServiceSettings(disk_reserve_mib=0), now=lambda: self.now)

    def evaluator(self, operations: Operations | None = None, warehouse: DuckDBWarehouse | None = None) -> Evaluator:
        own = operations or self.operations
        return Evaluator(warehouse or self.warehouse, own, self.settings, meters=self.meters, now=lambda: self.now, channels=self.channels)

    # --- what the service sees ------------------------------------------------------------------------------------

    def sees(self, clock: str | datetime) -> list[tuple[str, str]]:
        """The evaluator looks at this time; what was told since it last did."""
        self.now = at(clock) if isinstance(clock, str) else clock
        self._evaluator = self._evaluator or self.evaluator()
        known = {own.delivery_id for own in self.operations.deliveries()}
        self._evaluator.look()
        found = [own for own in reversed(self.operations.deliveries()) if own.delivery_id not in known]
        self.arrive(found)
        return [(own.message.kind, own.message.title) for own in found]

    def through(self, first: str, last: str, minutes: int = 5) -> list[tuple[str, str, str]]:
        """Looks from one time to another; when each thing was told."""
        found, end, now = [], at(last), at(first)
        while now <= end:
            found += [(f"{now:%H:%M}", *told) for told in self.sees(now)]
            now += timedelta(minutes=minutes)
        return found

    def arrive(self, deliveries: Sequence[Delivery]) -> None:
        """What is ready is taken as sent, so that it waits for nothing newer."""
        for channel in {own.channel for own in deliveries}:
            while (one := self.operations.claim_delivery([channel], "test", 60)) is not None:
                assert self.operations.end_delivery(replace(one, state="sent", sent_at=self.now, sent_id=str(one.delivery_id)), "test")

    def incidents(self) -> list[Incident]:
        """Those that anybody would call one."""
        return [own for own in self.operations.incidents() if own.opened_at]

    # --- what happens ---------------------------------------------------------------------------------------------

    def posts(
        self, *, sold: str | None = None, cost: str | None = None, hours: str = "75", day: date = TODAY, store: Location | str = BAR
    ) -> None:
        """A store's totals of a day, now."""
        guid, name = (store.toast_guid, store.name) if isinstance(store, Location) else (store, store)
        rows = []
        if sold is not None:
            rows.append(sales(sold, self.next(), self.now, name, guid, day))
        if cost is not None:
            rows.append(labor(hours, cost, self.next(), self.now, name, guid, day))
        post(self.warehouse, *rows, calendar_of=store if isinstance(store, Location) else None)

    def next(self) -> int:
        self._sequence += 1
        return self._sequence

    def usual_weeks(self, weeks: int = 8, place: Location = BAR, sold: dict[int, int] = USUAL) -> None:
        """The same weekday of so many weeks before: what was sold, by the clock, and PAID for each hour of it."""
        with self.rows() as rows:
            for week in range(1, weeks + 1):
                day = TODAY - timedelta(weeks=week)
                _calendar(rows, place, day)
                for dataset in ("orders", "labor", "cash"):
                    rows.read(dataset, place.business_day.bounds(day)[1] + timedelta(hours=1), day, restaurant_guid=place.toast_guid)
                self.sold(rows, day, place, sold)
                self.worked(rows, day, place, dict.fromkeys(USUAL, PAID))

    def begin(self, rows: Rows, place: Location, day: date) -> None:
        _calendar(rows, place, day)

    def voided(self, rows: Rows, day: date, place: Location, amount: int) -> None:
        """A line of the check of that day that was voided."""
        [(order, check)] = rows.connection.execute(
            "SELECT order_guid, check_guid FROM fact_checks WHERE restaurant_guid = ? AND business_date = ?", [place.toast_guid, day]
        ).fetchall()
        rows.line(order, check, str(amount), day=day, sale=False, is_voided=True, hour=8, restaurant_guid=place.toast_guid)

    def begin_today(self, rows: Rows, place: Location = BAR) -> None:
        _calendar(rows, place, TODAY)

    def sold(self, rows: Rows, day: date, place: Location, by_clock: dict[int, int]) -> None:
        """Sales in the hours that begin then, an order each, in the middle of the hour."""
        for clock, amount in by_clock.items():
            opened = place.business_day.start(day) + timedelta(hours=clock - 4, minutes=30)
            given: dict[str, Any] = {"restaurant_guid": place.toast_guid}
            order = rows.order(day=day, opened_at=opened, **given)
            check = rows.check(order, day=day, hour=clock - 4, opened_at=opened, **given)
            rows.line(order, check, str(amount), day=day, hour=clock - 4, **given)
            self.note(rows, "orders", day, place)

    def worked(self, rows: Rows, day: date, place: Location, by_clock: dict[int, int]) -> None:
        """Dollars paid in the hours that begin then, an entry of an hour each."""
        start = place.business_day.start(day)
        for clock, paid in by_clock.items():
            begins = start + timedelta(hours=clock - 4)
            given: dict[str, Any] = {"restaurant_guid": place.toast_guid}
            entry = rows.punch(day=day, in_date=begins, out_date=begins + timedelta(hours=1), hourly_wage=str(paid), **given)
            rows.worked(entry, clock - 4, "1", pay=str(paid), day=day, **given)
            self.note(rows, "labor", day, place)

    def note(self, rows: Rows, dataset: str, day: date, place: Location) -> None:
        """The day as a commit notes it that changed it."""
        [(last,)] = rows.connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM changed_days").fetchall()
        rows.add(
            "changed_days",
            dataset=dataset,
            restaurant_guid=place.toast_guid,
            business_date=day,
            sequence=last,
            rows_added=1,
            rows_changed=0,
        )

    def polled(self, rows: Rows, until: datetime, place: Location = BAR, datasets: Sequence[str] = ("orders", "labor")) -> None:
        """Changes are followed without a gap, from before the day up to an instant."""
        begins = place.business_day.start(TODAY) - timedelta(hours=1)
        for dataset in datasets:
            rows.followed(dataset, begins, until, restaurant_guid=place.toast_guid)


def _calendar(rows: Rows, place: Location, day: date) -> None:
    guid = place.toast_guid
    begins = place.business_day.start(day)
    week = day - timedelta(days=day.weekday())
    rows.add(
        "dim_business_days",
        restaurant_guid=guid,
        business_date=day,
        starts_at=begins,
        ends_at=begins + timedelta(hours=24),
        hours=24,
        week_start=week,
    )
    for hour in range(24):
        starts = begins + timedelta(hours=hour)
        own = {"business_hour": hour, "starts_at": starts, "ends_at": starts + timedelta(hours=1), "local_hour": (4 + hour) % 24}
        rows.add("dim_business_hours", restaurant_guid=guid, business_date=day, **own)


@contextmanager
def watched(folder: Path, **fields: Any) -> Iterator[Watched]:
    own = Watched(folder, **fields)
    try:
        yield own
    finally:
        own.operations.close()
        own.warehouse.close()
