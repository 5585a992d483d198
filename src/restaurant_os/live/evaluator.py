"""The evaluator: what rules see of the days that are open now, made into incidents and messages, in one commit for each look.

It looks at the days that changed, as soon as a commit changed them, and once a minute at all that are open. Only the business dates that are today's
are looked at: what a backfill or a late edit changes of others is cleared and no more. A look may be done again, by itself or by another replica:
an incident is committed at the version that was read, and a message by a key that is its own, so that doing it twice changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from restaurant_os.alerting import Incident, Record
from restaurant_os.alerts import readings
from restaurant_os.alerts.evaluation import affected, ended, outcome_of, stepped
from restaurant_os.alerts.incidents import Step
from restaurant_os.alerts.looking import Look, current_days
from restaurant_os.alerts.rules import rules_of
from restaurant_os.errors import LockedError, OperationsError, StoppedError, WarehouseError
from restaurant_os.live import replicas
from restaurant_os.live.flashing import Flashes
from restaurant_os.live.health import Health
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Operations
from restaurant_os.reports import known_places
from restaurant_os.settings import AlertRule, Location, Settings
from restaurant_os.tables import CHANGED_DAYS
from restaurant_os.warehouse import Warehouse

if TYPE_CHECKING:
    from restaurant_os.alerts.channels import Channel

#: Whose mark it is, among the readers of changed days.
READER = "alerts"
#: All that is open is looked at this often, whatever changed; less often where live state lands less often, for there a look costs money.
EVERY = timedelta(minutes=1)
#: Without word of a commit the warehouse is asked this often, or as often as live state lands: another process may have committed.
POLL_SECONDS = 0.5
#: After a look the warehouse is left to others for a part of the time that it took, in seconds at least and at most.
REST, LEAST_REST, MOST_REST = 0.25, 0.05, 5.0
#: How often a look is done again because another replica was quicker.
ATTEMPTS = 4
LONGEST_PAUSE, LONGEST_PAUSE_LOCKED = 30.0, 2.0
#: Periods begin at most so long before the first day that is looked at: a week's is its first day.
LONGEST_PERIOD = timedelta(days=7)
#: Of incidents in one look; beyond, the oldest are left for the next.
MOST_INCIDENTS = 100_000
#: Locations in one part of a look at all.
AT_ONCE = 100

log = logging.getLogger("restaurant_os.alerts")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look did. `days`: how many business dates of locations it was at."""

    days: int = 0
    opened: int = 0
    deliveries: int = 0

    def plus(self, other: Looked) -> Looked:
        return Looked(self.days + other.days, self.opened + other.opened, self.deliveries + other.deliveries)


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed since the last look: the mark that clears it; and of the locations that have, the days by GUID, and in which datasets."""

    mark: int | None = None
    days: Mapping[str, Sequence[date]] = field(default_factory=dict)
    datasets: frozenset[str] = frozenset()


@dataclass
class Places:
    """The locations there are, as they were a moment ago."""

    warehouse: Warehouse
    settings: Settings
    _known: dict[str, Location] = field(default_factory=dict)
    _read_at: datetime | None = None

    def at(self, now: datetime, *, wanted: Sequence[str] = ()) -> Mapping[str, Location]:
        """By GUID. `wanted`: those that shall be there; a store's first summary makes a new one."""
        is_old = self._read_at is None or not timedelta(0) <= now - self._read_at < EVERY
        if is_old or any(one not in self._known for one in wanted):
            self._known = {place.toast_guid: place for place in known_places(self.settings, self.warehouse)}
            self._read_at = now
        return self._known

    def of(self, guid: str) -> Location:
        return self._known.get(guid) or self.settings.place_of(guid)


class Evaluator:
    """`channels`: whom to tell; without it those of the settings. `owner`: this replica, as no other is called.

    `run` in one thread; `stop` and `changed` from any.

    Raises:
        SettingsError: a rule or a channel of the settings cannot be.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        operations: Operations,
        settings: Settings,
        *,
        meters: Meters,
        now: Callable[[], datetime],
        channels: Sequence[Channel] | None = None,
        owner: str = "",
    ) -> None:
        if channels is None:
            from restaurant_os.alerts.channels import channels_of  # it needs packages that a replay has no use for

            channels = channels_of(settings)
        self._warehouse = warehouse
        self._operations = operations
        self._settings = settings
        self._channels = channels
        self._meters = meters
        self._now = now
        self._rules = {rule.name: rule for rule in rules_of(settings) if rule.enabled}
        self._has_nothing_to_do = not self._rules and settings.alerts.flash == "off"
        self._places = Places(warehouse, settings)
        self._every = max(EVERY, timedelta(seconds=warehouse.lands_every_seconds))
        self._flashes = Flashes(warehouse, operations, settings, channels, owner or replicas.new_name(), now())
        #: What was usual on days like today's: kept from look to look, as the measures read it.
        self._usual: dict[Any, Any] = {}
        self._looked_at: datetime | None = None
        #: Locations that are still to be looked at this minute.
        self._due: list[str] = []
        self._had_changes = self._has_failed = False
        self._seen: object = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._health = Health(log, "what the evaluation of alerts needs")

    # --- its life -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Look until `stop`. Never raises for a single look's sake."""
        while not self._stop.is_set():
            self._wake.clear()
            self._stop.wait(self._guarded_look())
            if not self._due:
                self._wake.wait(POLL_SECONDS if self._has_failed else max(POLL_SECONDS, self._warehouse.lands_every_seconds))

    def stop(self) -> None:
        """End after the look that is being taken."""
        self._stop.set()
        self._wake.set()

    def changed(self) -> None:
        """A commit was made: what it changed is looked at soon."""
        self._seen = None
        self._wake.set()

    def _guarded_look(self) -> float:
        """One look; gives how long to rest after it. Nothing is cleared by one that failed."""
        began = time.monotonic()
        self._has_failed = True
        try:
            looked = self._turn()
            self._has_failed = False
            self._health.works()
            took = time.monotonic() - began
            return min(max(REST * took, LEAST_REST), MOST_REST) if looked.days else 0.0
        except StoppedError:
            return 0.0
        except Exception as problem:  # whatever it is, the next look must come
            self._meters.failure("store" if isinstance(problem, OperationsError) else "evaluator")
            if not isinstance(problem, (OperationsError, WarehouseError, OSError, MemoryError)):
                log.error("a look of the evaluation of alerts failed", exc_info=problem)
            return self._health.failed(problem, LONGEST_PAUSE_LOCKED if isinstance(problem, LockedError) else LONGEST_PAUSE)

    # --- looks ----------------------------------------------------------------------------------------------------

    def look(self) -> Looked:
        """Look at what changed and, once a minute, at all that is open; send the flashes that are due.

        Raises:
            OperationsError: the store is away. WarehouseError: the warehouse is. Nothing is cleared then, and it is looked at again.
        """
        found = self._turn()
        while self._due:
            found = found.plus(self._turn())
        return found

    def _turn(self) -> Looked:
        """What changed, and every other time a part of what is due: so that whoever changes something does not wait until all was looked at."""
        if self._has_nothing_to_do:
            return Looked()
        found = self._look_at_changes()
        now = self._now()
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < self._every:
            found = found.plus(self._again(self._end_periods) or Looked())
            # What the last minute had no time for comes first: else nobody would ever look at the last of many.
            self._due = list(dict.fromkeys([*self._due, *self._places.at(now)]))
            self._looked_at = now
            self._flashes.send(list(self._places.at(now).values()), now)
        if self._due and (not found.days or self._had_changes):
            part = self._due[:AT_ONCE]
            found = found.plus(self._again(lambda at: self._look_at(part, at)) or Looked())
            del self._due[: len(part)]
            self._had_changes = False
        else:
            self._had_changes = bool(found.days)
        return found

    def _look_at_changes(self) -> Looked:
        seen = self._warehouse.stamp()
        if seen is not None and seen == self._seen:
            return Looked()
        found = self._again(self._changed_days)
        if found is None:
            return Looked()  # not seen: the next look does it
        self._seen = seen
        return found

    def _again(self, once: Callable[[datetime], Looked | None]) -> Looked | None:
        """Until another replica was not quicker. None: it was a few times; the next look does it."""
        return next((found for _ in range(ATTEMPTS) if (found := once(self._now())) is not None), None)

    def _changed_days(self, now: datetime) -> Looked | None:
        changed = self._changes(now)
        if changed.mark is None:
            return Looked()
        return self._judge(changed.days, affected(self._rules.values(), changed.datasets), now, mark=changed.mark)

    def _look_at(self, guids: Sequence[str], now: datetime) -> Looked | None:
        places = self._places.at(now)
        days = {guid: current_days(places[guid], now) for guid in guids if guid in places}
        return self._judge(days, list(self._rules.values()), now)

    def _end_periods(self, now: datetime) -> Looked | None:
        self._places.at(now)
        found = self._operations.incidents(states=("watching", "open", "recovered"), most=MOST_INCIDENTS)
        known = {own.incident_id: own for own in found}
        return self._kept(ended(self._rules, known, self._places.of, now), known, now)

    def _judge(
        self, days: Mapping[str, Sequence[date]], rules: Sequence[AlertRule], now: datetime, *, mark: int | None = None
    ) -> Looked | None:
        """Read rules of some days, and keep what it comes to. None: another has changed one of the incidents meanwhile, and nothing was kept."""
        if not days or not rules:
            return self._kept([], {}, now, mark=mark)
        # Before anything is read for them, so that what another reads later and commits sooner is seen by the version.
        since = min(own[0] for own in days.values()) - LONGEST_PERIOD
        known = {own.incident_id: own for own in self._operations.incidents(since=since, locations=tuple(days), most=MOST_INCIDENTS)}
        look = Look(self._warehouse, self._settings, [self._places.of(guid) for guid in days], days, now, {"usual": self._usual})
        found = readings.read(look, rules)
        self._meters.unread(look.shared.get("unread", 0))
        return self._kept(stepped(self._rules, found, known, now), known, now, mark=mark, days=sum(map(len, days.values())))

    def _kept(
        self, steps: Sequence[Step], known: Mapping[str, Incident], now: datetime, *, mark: int | None = None, days: int = 0
    ) -> Looked | None:
        outcome = outcome_of(self._rules, steps, known, self._places.of, self._channels, self._settings, now)
        if steps or mark is not None:
            cleared = (READER, mark) if mark is not None else None
            if not self._operations.record(Record(incidents=outcome.incidents, deliveries=outcome.deliveries, mark=cleared)):
                return None
        if days:
            self._meters.evaluated(opened=outcome.count("opened"))
        return Looked(days, outcome.count("opened"), len(outcome.deliveries))

    def _changes(self, now: datetime) -> Changed:
        """Which of today's days changed since the mark. A mark beyond all there is: another warehouse stands there, and it begins again."""
        name = CHANGED_DAYS.name
        mark = self._operations.mark(READER)
        since = f"""SELECT restaurant_guid, business_date, dataset, last FROM (SELECT max(sequence) AS last FROM {name}) AS own LEFT JOIN
            (SELECT restaurant_guid, business_date, dataset FROM {name} WHERE sequence > ? GROUP BY 1, 2, 3) AS found ON true"""
        rows = self._warehouse.rows(since, [mark])
        last = rows[0][3] if rows else None
        if last is not None and last < mark:
            rows = self._warehouse.rows(since, [0])
        if last is None or (last == mark and rows[0][0] is None):
            return Changed()
        touched = {row[0] for row in rows if row[0] is not None}
        places = self._places.at(now, wanted=tuple(touched))
        today = {guid: current_days(places[guid], now) for guid in touched if guid in places}
        open_now = [row for row in rows if row[0] in today and row[1] in today[row[0]]]
        days: dict[str, list[date]] = {}
        for guid, on, *_ in open_now:
            own = days.setdefault(guid, [])
            if on not in own:
                own.append(on)
        return Changed(int(last), {guid: sorted(own) for guid, own in sorted(days.items())}, frozenset(row[2] for row in open_now))
