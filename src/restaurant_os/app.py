"""The one place where concrete classes are chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pyarrow as pa

from restaurant_os.batch import Window
from restaurant_os.clock import Clock, SystemClock
from restaurant_os.errors import CredentialsError
from restaurant_os.live import replicas
from restaurant_os.operations import Operations
from restaurant_os.pipeline.backfill import Backfill, BackfillPlan
from restaurant_os.pipeline.calendar import Calendar
from restaurant_os.pipeline.configuration import ConfigPlan
from restaurant_os.pipeline.plans import CashPlan, LaborPlan, OrdersPlan, Period, Plan
from restaurant_os.pipeline.remote import Identity, Remote, addresses
from restaurant_os.pipeline.sync import Held, Read, Sync
from restaurant_os.reports import named
from restaurant_os.settings import Location, Settings
from restaurant_os.sources.http import Http, RetryPolicy
from restaurant_os.sources.toast import cash, config, labor, orders
from restaurant_os.sources.toast.cash import CashRead
from restaurant_os.sources.toast.client import PROFILES, OnWait, ToastClient
from restaurant_os.sources.toast.config import ConfigReader
from restaurant_os.sources.toast.decode import OrderDecoder
from restaurant_os.sources.toast.labor import LaborReader
from restaurant_os.sources.toast.orders import OrdersRead
from restaurant_os.sources.toast.token import GivenToken, Token, TokenStore, default_folder
from restaurant_os.tables import CASH, CONFIG, LABOR, MENU_PUBLICATIONS, ORDERS
from restaurant_os.warehouse import Warehouse
from restaurant_os.warehouse.open import open_warehouse

if TYPE_CHECKING:  # only `serve` needs them, and they need packages that a function does not have to load
    from restaurant_os.live.evaluator import Evaluator
    from restaurant_os.live.meters import Meters
    from restaurant_os.live.outbox import Outbox
    from restaurant_os.live.scheduler import Scheduler
    from restaurant_os.live.worker import Worker

#: A function's longest answer, its time budget and a margin (seeds: timeout 540 s).
FUNCTION_SECONDS = 600.0
#: What a dataset cannot do without. Configuration asks for several scopes, each for a part of it: what one refuses costs that part.
SCOPES = {ORDERS.name: orders.SCOPE, LABOR.name: labor.SCOPE, CASH.name: cash.SCOPE}


@dataclass(slots=True)
class ToastSource:
    """Toast as the pipeline sees it."""

    client: ToastClient
    settings: Settings
    warehouse: Warehouse

    def now(self) -> datetime:
        return self.client.http.now()

    def connect(self, location: Location, dataset: str) -> None:
        if dataset in SCOPES:
            self.client.require(SCOPES[dataset])
        self.client.learn_clock(location.toast_guid)

    def turn(self, location: Location) -> AbstractContextManager[None]:
        return self.client.location_turn(location, self.settings.wait_seconds)

    def reader(self, location: Location, dataset: str, held: Held) -> Callable[[Window], Read]:
        if dataset == CASH.name:
            return lambda window: CashRead(self.client, location, window, held.read_seq, held.has_rows)
        if dataset == LABOR.name:
            return LaborReader(self.client, location, self.settings.labor)
        if dataset == CONFIG.name:
            published = partial(self._menus_published, location)
            return ConfigReader(self.client, location, self.settings.labor.names, held.read_seq, published)
        kinds = self.settings.discounts.by_name()
        decoder = OrderDecoder(restaurant_guid=location.toast_guid, rule=location.business_day, discount_kinds=kinds)
        return lambda window: OrdersRead(self.client, location, window, decoder)

    def _menus_published(self, location: Location) -> datetime | None:
        """Which publication of a location's menus is held."""
        asked = f"SELECT max(last_updated) FROM {MENU_PUBLICATIONS.name} WHERE restaurant_guid = ?"
        [(published,)] = self.warehouse.rows(asked, [location.toast_guid])
        return published if isinstance(published, datetime) else None


@dataclass
class App:
    """Everything a command needs, made when it is first asked for."""

    settings: Settings
    clock: Clock
    transport: httpx.BaseTransport | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    token_folder: Path = field(default_factory=default_folder)
    #: One that a caller shares: then there is no login of ours.
    token: Token | None = None
    on_wait: OnWait = lambda location, why, seconds: None
    #: How long the warehouse file stays open with nothing to do: a service's small commits come one after another.
    idle_seconds: float = 0.0
    _evaluator: Evaluator | None = None
    _syncs: dict[str, Sync] = field(default_factory=dict)
    _running: list[Sync | Remote] = field(default_factory=list)

    @cached_property
    def warehouse(self) -> Warehouse:
        return self.warehouse_at(self.settings.warehouse_place)

    def warehouse_at(self, place: Path | str) -> Warehouse:
        """The warehouse at a place (`Settings.warehouse_place`): nothing is opened before it is used."""
        stopping = self.clock.stopping if isinstance(self.clock, SystemClock) else None
        return open_warehouse(place, self.settings, now=self.clock.now, idle_seconds=self.idle_seconds, stopping=stopping)

    @cached_property
    def operations(self) -> Operations:
        """Events, keys and leases. Opened when first asked for: only `serve` and its commands need it."""
        from restaurant_os.operations.open import open_operations

        settings = self.settings
        return open_operations(settings.operations_place, service=settings.service, now=self.clock.now, keep_days=settings.alerts.keep_days)

    @cached_property
    def replica(self) -> str:
        """This process, as no other is called: by it the operations store tells who has what."""
        return replicas.new_name()

    def worker(self, meters: Meters) -> Worker:
        """What brings events of the inbox into the warehouse."""
        from restaurant_os.live.worker import Worker

        return Worker(
            self.operations,
            self.warehouse,
            self.settings,
            self.calendar,
            owner=self.replica,
            meters=meters,
            now=self.clock.now,
            committed=self._committed,
        )

    def _committed(self) -> None:
        """What the worker brought in is looked at, where there is an evaluator."""
        if self._evaluator:
            self._evaluator.changed()

    def evaluator(self, meters: Meters) -> Evaluator:
        """What looks at the days that changed and are open, and says what is to be told.

        Raises:
            SettingsError: a rule or a channel of the settings cannot be.
        """
        from restaurant_os.live.evaluator import Evaluator

        self._evaluator = Evaluator(self.warehouse, self.operations, self.settings, meters=meters, now=self.clock.now, owner=self.replica)
        return self._evaluator

    def outbox(self, meters: Meters) -> Outbox:
        """What sends messages to their channels.

        Raises:
            SettingsError: a channel of the settings cannot be.
        """
        from restaurant_os.live.outbox import Outbox

        return Outbox(self.operations, self.settings, owner=self.replica, meters=meters, now=self.clock.now)

    def scheduler(self, meters: Meters) -> Scheduler:
        """What runs the jobs of a service; without a login at Toast those of the house alone."""
        from restaurant_os.live.scheduler import Scheduler

        settings = self.settings
        has_login = bool(settings.toast_client_id.get_secret_value() and settings.toast_client_secret.get_secret_value())
        return Scheduler(
            settings, self.operations, self.clock, self.replica, meters, self if has_login else None, self.warehouse.fold_ledger
        )

    @cached_property
    def calendar(self) -> Calendar:
        settings = self.settings
        return Calendar(settings.reports, {own.toast_guid: settings.salaries_of(own) for own in settings.locations})

    @cached_property
    def toast(self) -> ToastClient:
        settings = self.settings
        client_id, secret = settings.toast_client_id.get_secret_value(), settings.toast_client_secret.get_secret_value()
        if not (client_id and secret) and self.token is None:
            missing = " and ".join(name for name, value in (("TOAST_CLIENT_ID", client_id), ("TOAST_CLIENT_SECRET", secret)) if not value)
            raise CredentialsError(
                f"Toast: {missing} is not set.", next_step="Set it in the environment, or in .env beside the settings file."
            )
        tokens = TokenStore(self.token_folder, base_url=settings.toast.base_url, client_id=client_id, client_secret=secret)
        return ToastClient(
            Http(settings.toast.base_url, self.clock, timeout=settings.toast.timeout_seconds, transport=self.transport),
            client_id=client_id,
            client_secret=secret,
            pacing=PROFILES[settings.toast.pacing],
            tokens=GivenToken(self.token, self.clock.now, tokens) if self.token else tokens,
            clock=self.clock,
            retry=self.retry,
            on_wait=lambda location, why, seconds: self.on_wait(location, why, seconds),
        )

    def sync(self, dataset: str) -> Sync:
        """The sync of a dataset: orders, labor, cash or config."""
        if dataset not in self._syncs:
            self._syncs[dataset] = self.sync_by(self.plan(dataset))
        return self._syncs[dataset]

    def sync_by(self, plan: Plan) -> Sync:
        """A sync that asks what `plan` says."""
        settings = self.settings
        sync = Sync(
            plan=plan,
            source=ToastSource(self.toast, settings, self.warehouse),
            warehouse=self.warehouse,
            calendar=self.calendar,
            spill_folder=settings.state_path.with_name(settings.state_path.name + ".spill"),
            load_mode=settings.load_mode,
        )
        self._running.append(sync)
        return sync

    def backfill(self, datasets: Sequence[str], locations: Sequence[Location], period: Period) -> Backfill:
        """The history of some datasets; labor at the locations whose punches are Toast's."""
        plans = {name: BackfillPlan(self.plan(name), period) for name in datasets}
        return Backfill(
            plans=plans,
            locations={name: [one for one in locations if name != LABOR.name or one.labor_source == "toast"] for name in datasets},
            warehouse=self.warehouse,
            sync_by=self.sync_by,
        )

    def remote(self, url: str, whole: Backfill) -> Remote:
        """A backfill through the deployed functions at `url`.

        Raises:
            UsageError: it is no address for them.
        """
        ways = {
            name: Http(address, self.clock, timeout=FUNCTION_SECONDS, transport=self.transport, named_by="after --via")
            for name, address in addresses(url, list(whole.plans)).items()
        }
        remote = Remote(whole, ways, Identity(url), self.toast.token, self.retry, lambda *heard: self.on_wait(*heard))
        self._running.append(remote)
        return remote

    def plan(self, dataset: str) -> Plan:
        """What a dataset's sync asks."""
        overlap, first_days = timedelta(minutes=self.settings.toast.overlap_minutes), self.settings.toast.first_days
        plans: dict[str, Plan] = {
            ORDERS.name: OrdersPlan(overlap, first_days),
            LABOR.name: LaborPlan(overlap, first_days),
            CASH.name: CashPlan(first_days),
            CONFIG.name: ConfigPlan(config.SCOPES),
        }
        return plans[dataset]

    def stop(self) -> None:
        """Asked to end: waits end at once, a sync ends after the page it is reading."""
        if isinstance(self.clock, SystemClock):
            self.clock.stop()
        for one in self._running:
            one.stop()

    def locations(self, wanted: str = "ALL") -> list[Location]:
        """The locations a person means: ALL, a name, a GUID or a store id.

        Raises:
            SettingsError: there is none; lists those there are.
        """
        return named(self.settings.locations, wanted)


def build_app(
    settings: Settings,
    *,
    transport: httpx.BaseTransport | None = None,
    clock: Clock | None = None,
    retry: RetryPolicy | None = None,
    token_folder: Path | None = None,
    token: Token | None = None,
) -> App:
    """Tests pass a clock they turn by hand, a transport of their own, waits that are short. `token`: one that a caller shares."""
    # Arrow's own pool keeps what was freed, for each of many threads: a backfill of 13 locations peaks at 455 MiB with the system's, at 554 with it.
    pa.set_memory_pool(pa.system_memory_pool())
    return App(settings, clock or SystemClock(), transport, retry or RetryPolicy(), token_folder or default_folder(), token)
