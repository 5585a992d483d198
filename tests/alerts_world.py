"""A warehouse file whose rows a test writes by hand, and looks at it as of any instant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from restaurant_os.alerting import Reading
from restaurant_os.alerts.looking import Look, current_days
from restaurant_os.alerts.readings import measure_of
from restaurant_os.alerts.rules import rules_of
from restaurant_os.settings import AlertRule, Location, Settings, load_without_file
from restaurant_os.warehouse.duckdb import DuckDBWarehouse, empty_file
from views_rows import HERE, Rows

#: Business dates from 04:00, five hours behind UTC all year, as `views_rows` has them.
ZONE = "Etc/GMT+5"
PLACE = Location.model_construct(name="North", toast_guid=HERE, timezone=ZONE, closeout_hour=4, store_id="")


@dataclass
class World:
    """`places`: whom a look is at."""

    folder: Path
    places: Sequence[Location] = (PLACE,)
    #: Of restaurant-os.toml.
    given: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.path = self.folder / "world.duckdb"
        self.path.write_bytes(empty_file())
        self.warehouse = DuckDBWarehouse(self.path, wait_seconds=5, memory_limit="128MB", idle_seconds=2)

    @contextmanager
    def rows(self) -> Iterator[Rows]:
        """Write rows; they are there for the next look."""
        self.warehouse.close()
        connection = duckdb.connect(str(self.path), config={"threads": 1})
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("BEGIN")
            yield Rows(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()

    @property
    def settings(self) -> Settings:
        found = load_without_file(self.folder, **self.given)
        return found.model_copy(update={"locations": tuple(self.places)})

    def look(self, now: datetime, days: Sequence[date] | None = None) -> Look:
        found = {place.toast_guid: list(days) if days is not None else current_days(place, now) for place in self.places}
        return Look(self.warehouse, self.settings, self.places, found, now)

    def rule(self, name: str) -> AlertRule:
        return next(rule for rule in rules_of(self.settings) if rule.name == name)

    def see(self, rule: AlertRule | str, now: datetime, days: Sequence[date] | None = None) -> list[Reading]:
        """What one rule's measure gives. A fault of it is the test's."""
        own = self.rule(rule) if isinstance(rule, str) else rule
        return measure_of(own)(self.look(now, days), own)


def figures(readings: Sequence[Reading], *names: str) -> list[tuple[Any, ...]]:
    """Some fields of each."""
    return [tuple(getattr(one, name) for name in names) for one in readings]
