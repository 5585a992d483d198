"""restaurant-os.toml, the environment and .env -> one frozen `Settings`.

Where a value is given more than once, the environment wins over .env, and .env over the file. A path in the file is
relative to the file's folder.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from restaurant_os.businessday import BusinessDay
from restaurant_os.errors import SettingsError
from restaurant_os.text import printable

FILE_NAME = "restaurant-os.toml"
PREFIX = "RESTAURANT_OS_"
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: Text that can be shown anywhere as it is.
STORE_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._:-]{0,62}[A-Za-z0-9._:-])?")
#: Toast's production host as public integrations use it; Toast shows each client its own as "API Access URL".
TOAST_URL = "https://ws-api.toasttab.com"
DUCKDB_SCHEME = "duckdb:///"
SQLITE_SCHEME = "sqlite:///"
POSTGRES_SCHEMES = ("postgresql://", "postgres://")
BIGQUERY_SCHEME = "bigquery://"
#: Names of the environment that are not ours to choose. What they hold belongs in no file.
ALIASES = (
    *("TOAST_CLIENT_ID", "TOAST_CLIENT_SECRET", "TOAST_WEBHOOK_SECRETS", "DATABASE_URL"),
    *("SLACK_WEBHOOK_URL", "DISCORD_WEBHOOK_URL", "SLACK_BOT_TOKEN", "APPRISE_URLS"),
)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{printable(name, 60)}' is not an IANA time zone such as America/New_York") from None
    return name


def _guid(value: str) -> str:
    if not GUID.fullmatch(value):
        raise ValueError(f"'{printable(value, 60)}' is not a GUID such as 0f9d0c1e-1111-4a11-8a11-000000000001")
    return value.lower()


def _store_id(value: str) -> str:
    if value and not STORE_ID.fullmatch(value):
        raise ValueError(f"'{printable(value, 60)}' is no store id: 1 to 64 letters, digits, blanks or . _ : -")
    return value


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Location(_Frozen):
    """One restaurant. `labor_source`: where its punches are; the sources of two are never added."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    toast_guid: Annotated[str, AfterValidator(_guid)]
    timezone: Annotated[str, AfterValidator(_zone)]
    closeout_hour: Annotated[int, Field(ge=0, le=12)] = 4
    labor_source: Literal["toast", "none"] = "toast"
    #: What the senders of daily summaries call it; its name and its GUID mean it too.
    store_id: Annotated[str, AfterValidator(_store_id)] = ""
    #: Days without service: nothing is late on them.
    closed_dates: tuple[date, ...] = ()
    closed_weekdays: tuple[Weekday, ...] = ()

    @property
    def business_day(self) -> BusinessDay:
        return BusinessDay(ZoneInfo(self.timezone), self.closeout_hour)


class ToastSettings(_Frozen):
    """How Toast is asked."""

    base_url: str = TOAST_URL
    pacing: Literal["careful", "documented", "none"] = "careful"
    #: A modified window begins this long before the mark, for changes that became visible late.
    overlap_minutes: Annotated[int, Field(ge=0, le=1440)] = 10
    #: How far back the very first incremental sync looks.
    first_days: Annotated[int, Field(ge=1, le=30)] = 3
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0

    @field_validator("base_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/@]+(/[^\s?#]*)?", value):
            raise ValueError(f"'{printable(value, 80)}' is not a URL such as {TOAST_URL}")
        return value.rstrip("/")


class LaborSettings(_Frozen):
    """What labor costs beyond what the platform says, and when a punch is not to be believed."""

    #: Toast gives overtime hours and no factor (reference, 5.1).
    overtime_multiplier: Annotated[Decimal, Field(ge=1, le=5)] = Decimal("1.5")
    #: Overtime hours of an entry beyond this many in all are double time; None where there is no such rule.
    double_time_after_hours: Annotated[Decimal, Field(ge=0, le=24)] | None = None
    double_time_multiplier: Annotated[Decimal, Field(ge=1, le=5)] = Decimal(2)
    #: An entry longer than this is suspect, and an open one stops accruing.
    suspect_after_hours: Annotated[Decimal, Field(gt=0, le=24)] = Decimal(12)
    #: An open entry stops accruing so long after its scheduled end.
    late_clock_out_minutes: Annotated[int, Field(ge=0, le=1440)] = 60
    #: Employees' names and e-mail addresses: as they are, as a digest that tells two apart, or not at all.
    names: Literal["keep", "hash", "drop"] = "keep"
    #: Full minimum wage by job title, for jobs paid less against tips: their overtime is owed on it.
    base_wages: dict[str, Annotated[Decimal, Field(gt=0, le=1000)]] = {}


class ReportSettings(_Frozen):
    """How reports are cut."""

    week_starts: Weekday = "monday"


def _cron(text: str) -> str:
    """`off`, or five fields of cron that come due at some time."""
    if text == "off":
        return text
    from cronsim import CronSim, CronSimError

    try:
        if len(text.split()) != 5:
            raise CronSimError
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        raise ValueError(f"'{printable(text, 60)}' is neither five fields of cron such as 0 2 * * * nor off") from None
    return text


class ScheduleSettings(_Frozen):
    """When `restaurant-os schedule` brings what in."""

    #: The zone of the times below; without it the first location's.
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    orders: Annotated[str, AfterValidator(_cron)] = "0 2 * * *"
    cash: Annotated[str, AfterValidator(_cron)] = "15 2 * * *"
    labor: Annotated[str, AfterValidator(_cron)] = "30 2 * * *"
    config: Annotated[str, AfterValidator(_cron)] = "0 3 * * 0"
    #: Each location's orders, cash and labor once more after its own closeout.
    closeouts: bool = True
    #: So long after it: what is entered late on the day is then in.
    closeout_minutes: Annotated[int, Field(ge=0, le=720)] = 60
    #: `restaurant-os serve` asks what changed this often; 0 never.
    orders_every_minutes: Annotated[int, Field(ge=0, le=1440)] = 5
    labor_every_minutes: Annotated[int, Field(ge=0, le=1440)] = 5
    cash_every_minutes: Annotated[int, Field(ge=0, le=1440)] = 15
    #: And reads the last closed business dates again each night: the net under events and polls.
    reread: Annotated[str, AfterValidator(_cron)] = "30 5 * * *"
    reread_days: Annotated[int, Field(ge=1, le=30)] = 3

    def cron_of(self, dataset: str) -> str | None:
        """When a dataset is brought in at every location; None where never."""
        text: str = getattr(self, dataset)
        return None if text == "off" else text


class ServiceSettings(_Frozen):
    """How `restaurant-os serve` listens and what it keeps."""

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    #: Where the world reaches it. Whoever has one is past the trial: nothing is open without a key.
    public_url: str = ""
    #: No event is taken while the disk has less than this left.
    disk_reserve_mib: Annotated[int, Field(ge=0, le=1_000_000)] = 200
    #: The most that may wait for the next commit.
    queue_events: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    queue_mib: Annotated[int, Field(ge=8, le=4096)] = 64
    #: The bodies of events that are in effect are kept so long, and events in quarantine.
    done_days: Annotated[int, Field(ge=0, le=365)] = 7
    quarantine_days: Annotated[int, Field(ge=1, le=3650)] = 90


MAX_CHANNEL = 40


def _clock_span(text: str) -> str:
    if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"'{printable(text, 40)}' is no span of the day such as 22:00-07:00")
    return text


ClockSpan = Annotated[str, AfterValidator(_clock_span)]
RULE_NAME = r"[a-z][a-z0-9-]{0,39}"


class AlertRule(_Frozen):
    """One rule. `name` tells it from others: a rule of [[alerts.rules]] with the name of a shipped one takes that one's place, value by value.

    `above`, `below`: its level; both make a band. `clear`: the level at which it is over, by distance from 0 where there is a band; without it, its level.
    Levels of rates are in percent. What only the rules know (which metrics, locations and channels there are) `alerts.rules` checks.
    """

    name: Annotated[str, Field(pattern=f"^{RULE_NAME}$")]
    #: A metric of docs/metrics.md, or one of the rules' own: punch_open, overtime_ahead, discounts_by_approver, data_late. '': the shipped rule's.
    metric: str = ""
    above: Decimal | None = None
    below: Decimal | None = None
    clear: Decimal | None = None
    grain: Literal["now", "day", "week"] = "day"
    #: Names, GUIDs or store ids; none: all.
    locations: tuple[str, ...] = ()
    #: It looks within these hours alone, on the location's clock.
    daypart: ClockSpan = ""
    #: Below so much in dollars, or so many, it says nothing.
    min_sales: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    min_dollars: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    min_count: Annotated[int, Field(ge=0)] = 0
    #: And before so much of a usual day's sales is in, in percent (labor now).
    warm_up_percent: Annotated[int, Field(ge=0, le=100)] = 0
    hold_minutes: Annotated[int, Field(ge=0, le=1440)] = 0
    #: Nothing new is told within these hours, on the location's clock; what still stands is told when they end.
    quiet: ClockSpan = ""
    #: Names of channels; none: all there are.
    channels: tuple[Annotated[str, Field(max_length=MAX_CHANNEL)], ...] = ()
    enabled: bool = True


class AlertSettings(_Frozen):
    """What is watched, and who is told."""

    #: Changes of shipped rules (of each, the values that are given), and rules of one's own.
    rules: tuple[AlertRule, ...] = ()
    #: The channel that a Slack bot (SLACK_BOT_TOKEN) posts to, by its id or name.
    slack_channel: Annotated[str, Field(max_length=80)] = ""
    #: Where Slack's and Discord's own API is; only tests have another.
    slack_api_url: str = "https://slack.com/api"
    #: When the summary of yesterday is sent, as five fields of cron, on each location's own clock; off: never.
    flash: Annotated[str, AfterValidator(_cron)] = "0 7 * * *"
    #: A week has so many hours for a person before they are overtime.
    overtime_after_hours: Annotated[Decimal, Field(gt=0, le=168)] = Decimal(40)
    #: People of a job title that must be there at least while it is open: fewer is never proposed.
    minimum_staff: dict[str, Annotated[int, Field(ge=0, le=100)]] = {}
    #: Incidents and messages are kept so long.
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 90


class BigQuerySettings(_Frozen):
    """How a BigQuery warehouse is used, and what it may cost."""

    #: The project that runs and pays for the jobs; without it the dataset's.
    project: Annotated[str, Field(pattern=r"^([a-z0-9.:-]{4,63})?$")] = ""
    #: Where the dataset is made, when it is not there: a location such as US, EU or europe-west3.
    location: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{2,40}$")] = "US"
    #: On every job and table, for the bill: name = "value".
    labels: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")], Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,63}$")]] = {}
    #: No single query may read more than this.
    most_gib_a_query: Annotated[float, Field(gt=0, le=100_000)] = 100.0
    #: Live events land this often: each landing is a load and a MERGE for every table.
    lands_every_seconds: Annotated[float, Field(ge=0, le=3600)] = 300.0
    #: Another endpoint of the API; only tests have one.
    api_endpoint: str = ""


class Salary(_Frozen):
    """A salaried job at a location: dollars a week, on business dates from `start` to `end`, both included."""

    location: str
    job: str = ""
    weekly: Annotated[Decimal, Field(gt=0, le=1_000_000)]
    start: date | None = None
    end: date | None = None

    def is_due(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


class DiscountKinds(_Frozen):
    """Names or GUIDs of discounts, by what they are."""

    comp: tuple[str, ...] = ()
    promo: tuple[str, ...] = ()
    employee: tuple[str, ...] = ()
    loyalty: tuple[str, ...] = ()

    def by_name(self) -> dict[str, str]:
        """Discount GUID or lower-case name -> kind."""
        return {name.strip().lower(): kind for kind in type(self).model_fields for name in getattr(self, kind)}


class Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1)

    #: duckdb:///path, postgresql://... or bigquery://project/dataset. An address may hold a password: then it belongs in the environment.
    warehouse: SecretStr = SecretStr("duckdb:///restaurant-os.duckdb")
    load_mode: Literal["merge", "insert-only"] = "merge"
    #: How long to wait for a warehouse file that another process holds.
    wait_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    #: The most memory DuckDB may use, as DuckDB writes it.
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s*([KMGT]i?B)$")] = "256MB"
    #: Seconds that a cloud function has for a call; it stops before, and says what is left.
    time_budget: Annotated[float, Field(ge=1, le=3600)] = 540.0
    toast: ToastSettings = ToastSettings()
    locations: tuple[Location, ...] = ()
    discounts: DiscountKinds = DiscountKinds()
    labor: LaborSettings = LaborSettings()
    reports: ReportSettings = ReportSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    service: ServiceSettings = ServiceSettings()
    alerts: AlertSettings = AlertSettings()
    bigquery: BigQuerySettings = BigQuerySettings()
    #: Events, keys and leases: sqlite:///path, or postgresql://... for several hosts.
    operations: SecretStr = SecretStr("")
    salaries: tuple[Salary, ...] = ()
    toast_client_id: SecretStr = Field(SecretStr(""), validation_alias="TOAST_CLIENT_ID")
    toast_client_secret: SecretStr = Field(SecretStr(""), validation_alias="TOAST_CLIENT_SECRET")
    #: Of Toast's webhook subscriptions, with commas between: each has its own, and an old one stays valid until it is taken out.
    toast_webhook_secrets: SecretStr = Field(SecretStr(""), validation_alias="TOAST_WEBHOOK_SECRETS")
    #: Where alerts go: incoming webhooks of Slack and Discord, a Slack bot, and any other by Apprise, with blanks or commas between.
    slack_webhook_url: SecretStr = Field(SecretStr(""), validation_alias="SLACK_WEBHOOK_URL")
    discord_webhook_url: SecretStr = Field(SecretStr(""), validation_alias="DISCORD_WEBHOOK_URL")
    slack_bot_token: SecretStr = Field(SecretStr(""), validation_alias="SLACK_BOT_TOKEN")
    apprise_urls: SecretStr = Field(SecretStr(""), validation_alias="APPRISE_URLS")
    #: `operations` by the name that platforms give it.
    database_url: SecretStr = Field(SecretStr(""), validation_alias="DATABASE_URL")
    #: The file these came from and the folder its paths are relative to.
    source: Path | None = None
    folder: Path = Path()

    @field_validator(
        *("toast_client_id", "toast_client_secret", "toast_webhook_secrets", "database_url", "operations", "warehouse"),
        *("slack_webhook_url", "discord_webhook_url", "slack_bot_token", "apprise_urls"),
        mode="before",
    )
    @classmethod
    def _trimmed(cls, value: object) -> object:
        """Credentials copied with blanks or quotes around them are a common cause of a 401."""
        return value.strip().strip("'\"").strip() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _distinct(self) -> Settings:
        for field in ("name", "toast_guid", "store_id"):
            values = [value for location in self.locations if (value := getattr(location, field).lower())]
            if twice := sorted({v for v in values if values.count(v) > 1}):
                raise ValueError(f"{field} '{printable(twice[0], 80)}' stands there twice")
        known = {name for location in self.locations for name in (location.name.lower(), location.toast_guid)}
        for salary in self.salaries:
            if salary.location.strip().lower() not in known:
                raise ValueError(f"salaries: location '{printable(salary.location, 80)}' is none of [[locations]]")
        return self

    def salaries_of(self, location: Location) -> list[Salary]:
        """The salaries of one location."""
        return [salary for salary in self.salaries if salary.location.strip().lower() in (location.name.lower(), location.toast_guid)]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of the sources. The file comes in as init values, so they are asked last here."""
        given = dict(init_settings.init_kwargs) if isinstance(init_settings, InitSettingsSource) else {}
        env_file = given.pop("_dotenv", None)
        sources: list[PydanticBaseSettingsSource] = [EnvSettingsSource(settings_cls)]
        if env_file:
            sources.append(_Ours(settings_cls, env_file=env_file))
        return (*sources, InitSettingsSource(settings_cls, given))

    @property
    def webhook_secrets(self) -> tuple[bytes, ...]:
        """The secrets by which Toast signs, any of which may be the one."""
        given = self.toast_webhook_secrets.get_secret_value()
        return tuple(one.strip().encode() for one in given.split(",") if one.strip())

    @property
    def operations_place(self) -> Path | str:
        """Where events, keys and leases are: a SQLite file, or a Postgres URL with its secret.

        Raises:
            SettingsError: it is neither.
        """
        given = self.operations.get_secret_value()
        of_platform = self.database_url.get_secret_value()
        if not given and of_platform.startswith(POSTGRES_SCHEMES):
            given = of_platform
        if given.startswith(POSTGRES_SCHEMES):
            return given
        if not given:
            return self.state_path.with_suffix(".operations.sqlite")
        if not given.startswith(SQLITE_SCHEME) or len(given) == len(SQLITE_SCHEME):
            raise SettingsError(
                f"settings: operations is {_scheme_of(given)}, sqlite:///path or postgresql://... was expected.",
                next_step="Leave it out for a file beside the warehouse, or set RESTAURANT_OS_OPERATIONS to the address of a Postgres.",
            )
        return self.folder / _at_home(Path(given.removeprefix(SQLITE_SCHEME)))

    def location_of(self, store: str) -> Location | None:
        """The location that a store id means: by its store_id, its name or its GUID."""
        return self._by_store.get(store.strip().lower())

    @cached_property
    def _by_store(self) -> dict[str, Location]:
        """Every event asks, of hundreds of locations."""
        found: dict[str, Location] = {}
        for location in self.locations:
            for name in (location.store_id, location.name, location.toast_guid):
                if name:
                    found.setdefault(name.lower(), location)
        return found

    def place_of(self, store: str) -> Location:
        """The location that a store id means, or one of its own that stands nowhere in the settings: UTC, its id for a GUID."""
        own = self.location_of(store)
        return own or Location.model_construct(
            name=store, toast_guid=store, timezone="UTC", closeout_hour=0, labor_source="none", store_id=store
        )

    @property
    def warehouse_place(self) -> Path | str:
        """Where the tables are: a DuckDB file, or the URL of a Postgres or of a BigQuery dataset, with its secret.

        A path with three slashes is relative to the settings file; with four, or one that only exists from the root, absolute.

        Raises:
            SettingsError: it is none of them.
        """
        given = self.warehouse.get_secret_value()
        if given.startswith((*POSTGRES_SCHEMES, BIGQUERY_SCHEME)):
            return given
        if not given.startswith(DUCKDB_SCHEME) or len(given) == len(DUCKDB_SCHEME):
            raise SettingsError(
                f"settings: warehouse is {_scheme_of(given)}, duckdb:///path, postgresql://... or bigquery://project/dataset was expected.",
                next_step='Write for example `warehouse = "duckdb:///restaurant-os.duckdb"`.',
            )
        path = _at_home(Path(given.removeprefix(DUCKDB_SCHEME)))
        if not path.is_absolute() and not is_there((self.folder / path).parent) and is_there((Path("/") / path).parent, Path.is_dir):
            return Path("/") / path
        return self.folder / path

    @property
    def state_path(self) -> Path:
        """What of ours stands beside the warehouse (pages on their way, the store of operations) begins with this: the DuckDB file, or a name in the
        folder of the settings."""
        place = self.warehouse_place
        return place if isinstance(place, Path) else self.folder / "restaurant-os"


def is_there(path: Path, look: Callable[[Path], bool] = Path.exists) -> bool:
    """Whether it is, as `look` says it.

    Raises:
        SettingsError: it may not be looked at, or nothing can have such a name.
    """
    try:
        return look(path)
    except OSError as problem:
        raise SettingsError(
            f"settings: {printable(path, 200)} cannot be looked at: {problem.strerror}.",
            next_step="Check the permissions of its folders, or name another place.",
        ) from None


def _at_home(path: Path) -> Path:
    """With the folder that `~` means."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise SettingsError(
            f"settings: {printable(path, 200)} is in a home folder that nobody has.", next_step="Write the whole path of the file."
        ) from None


class _Ours(DotEnvSettingsSource):
    """.env, of which other programs may hold lines too: what is not ours is left alone."""

    def __call__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__call__().items() if k in Settings.model_fields or k in ALIASES}


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings. `config`: the file; without it `RESTAURANT_OS_CONFIG`, then restaurant-os.toml in the current folder.

    Raises:
        SettingsError: the named file is missing, is no TOML, or holds a value of the wrong kind; says which and what was expected.
    """
    named = config or (Path(os.environ[PREFIX + "CONFIG"]) if os.environ.get(PREFIX + "CONFIG") else None)
    path = named or Path(FILE_NAME)
    if is_there(path, Path.is_file):
        return _settings(path, {**_read(path), **overrides}, path.parent)
    if named:
        raise SettingsError(
            f"settings: {path} does not exist.", next_step="Name the file with --config, or make one: `restaurant-os init`."
        )
    return _settings(None, overrides, Path())


def load_without_file(folder: Path, **values: Any) -> Settings:
    """The settings before there is a file: `values`, the environment, and .env in `folder`."""
    return _settings(None, values, folder)


def _settings(source: Path | None, values: dict[str, Any], folder: Path) -> Settings:
    env_file = folder / ".env"
    try:
        given = {**values, "source": source, "folder": folder, "_dotenv": env_file if is_there(env_file, Path.is_file) else None}
        return Settings(**given)
    except ValidationError as problem:
        raise SettingsError(
            f"settings: {_described(problem, source)}",
            next_step="Correct it and run the command again; `restaurant-os doctor` checks all of it.",
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            given = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(
            f"settings: {path} is not TOML: {printable(problem, 200)}.", next_step="Correct that line and run the command again."
        ) from None
    except OSError as problem:
        raise SettingsError(f"settings: {path} cannot be read: {problem.strerror}.", next_step="Check the file's permissions.") from None
    secret = [name for name in given if name.upper() in ALIASES]
    if secret:
        raise SettingsError(
            f"settings: {path} holds {secret[0]}.",
            next_step=f"Credentials belong in the environment or in .env, as {', '.join(ALIASES)}.",
        )
    return given


def _scheme_of(address: str) -> str:
    """How an address that is none of ours begins; more of it is not shown, as a password may be anywhere in it."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]{0,20}(?=:/)", address)
    return f"an address that begins with {found[0]}:" if found else "no address with a scheme"


def _described(problem: ValidationError, source: Path | None) -> str:
    lines = []
    for error in problem.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in error["loc"]) or "locations"
        what = "is not a setting" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
        lines.append(f"{printable(place, 100)}: {what}")
    return f"{source or 'environment'}: " + "; ".join(lines[:5]) + "."
