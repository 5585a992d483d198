"""`restaurant-os doctor`: configuration, login, scopes, clocks, each location, the warehouse; for each finding what to do."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from restaurant_os.app import App
from restaurant_os.errors import AccessError, RequestError, RestaurantOSError
from restaurant_os.pipeline.sync import MOST_THREADS
from restaurant_os.probes import Finding, Probe, cash_finding, failed, labor_findings, refused
from restaurant_os.settings import Location
from restaurant_os.sources.toast import cash, config, labor
from restaurant_os.sources.toast.client import ORDERS_BULK, ToastClient
from restaurant_os.sources.toast.orders import PATH, SCOPE
from restaurant_os.text import count, printable
from restaurant_os.warehouse.checks import checks

#: Windows end by the API's clock, so a difference is harmless to data; but logs and alerts go by ours.
MOST_SKEW = timedelta(seconds=60)
WANTED_SCOPES = tuple(
    dict.fromkeys((SCOPE, config.RESTAURANTS_SCOPE, cash.SCOPE, labor.SCOPE, labor.EMPLOYEES_SCOPE, *config.SCOPES.values()))
)
#: What findings about the warehouse are called: whether its tables are up to date, and what they hold.
TABLES, HELD = "warehouse tables", "warehouse"


def examine(app: App) -> Iterator[Finding]:
    """Check everything, one finding at a time; a check that cannot be made because an earlier one failed is left out. Nothing is made or changed."""
    yield from _settings(app)
    found = list(_warehouse(app))
    yield from found
    is_ready = [own.state for own in found if own.check in (TABLES, HELD)] == ["ok", "ok"]
    try:
        client = app.toast
        client.token()
    except RestaurantOSError as problem:
        yield failed("login", problem)
        return
    yield Finding("login", "ok", f"{client.http.base_url} knows the client")
    yield _scopes(client)
    with ThreadPoolExecutor(max_workers=min(len(app.settings.locations), MOST_THREADS) or 1, thread_name_prefix="doctor") as pool:
        for findings in pool.map(lambda location: _one_location(app, client, location, is_ready), app.settings.locations):
            yield from findings
    yield _skew(client)


def _settings(app: App) -> Iterator[Finding]:
    settings = app.settings
    where = str(settings.source) if settings.source else "no file, only the environment and defaults"
    if settings.locations:
        yield Finding(
            "settings",
            "ok",
            f"{where}: {count(len(settings.locations), 'location')}, pacing {settings.toast.pacing}, load mode {settings.load_mode}",
        )
    else:
        yield Finding(
            "settings",
            "failed",
            f"{where}: no location",
            "Fill them in from the API: `restaurant-os init --from-toast URL`, or write [[locations]] yourself.",
        )


def _warehouse(app: App) -> Iterator[Finding]:
    """To ask the tables for rows would make them first."""
    try:
        is_ready = False
        for own in checks(app.warehouse, app.settings):
            found = Finding(f"warehouse {own.name}", own.state, own.found, own.next_step)
            is_ready = is_ready or (found.check == TABLES and found.state == "ok")
            yield found
        if not is_ready:
            yield Finding(
                HELD, "ok", f"{app.warehouse.label}: what it holds is counted once its tables are there, as this version has them"
            )
            return
        [(orders,)] = app.warehouse.rows("SELECT count(*) FROM fact_orders")
        [(gaps,)] = app.warehouse.rows("SELECT count(*) FROM fact_checks WHERE is_counted AND NOT is_deleted AND abs(amount_gap) > 0.01")
        [(waiting,)] = app.warehouse.rows("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL")
    except RestaurantOSError as problem:
        yield failed(HELD, problem)
        return
    yield Finding(HELD, "ok", f"{app.warehouse.label}: {count(orders, 'order')}")
    if gaps:
        yield Finding(
            "checks",
            "warning",
            f"the amount of {count(gaps, 'check')} is not the sum of its lines and charges",
            'Compare them with Toast Web: `restaurant-os query "SELECT * FROM fact_checks WHERE abs(amount_gap) > 0.01"`.',
        )
    if waiting:
        yield Finding(
            "quarantine",
            "warning",
            f"{count(waiting, 'record')} could not be read",
            'See why: `restaurant-os query "SELECT restaurant_guid, business_date, record_guid, field, reason FROM quarantine WHERE resolved_at IS NULL"`.',
        )


def _scopes(client: ToastClient) -> Finding:
    granted = client.token().scopes()
    if granted is None:
        return Finding("scopes", "ok", "the token does not list them; each location is tried below")
    missing = [scope for scope in WANTED_SCOPES if scope not in granted]
    if SCOPE in missing:
        return Finding("scopes", "failed", f"{SCOPE} is missing: no order can be read", f"In Toast Web give the client the scope {SCOPE}.")
    if missing:
        return Finding(
            "scopes",
            "warning",
            f"{', '.join(missing)} is missing: what belongs to it cannot be read or checked",
            f"Give the client {', '.join(missing)} too.",
        )
    return Finding("scopes", "ok", ", ".join(WANTED_SCOPES))


def _skew(client: ToastClient) -> Finding:
    skew = client.http.skew
    if skew is None:
        return Finding("clock", "warning", "the API's answers carry no time", "Make sure that this machine's clock is set by the network.")
    if abs(skew) > MOST_SKEW:
        way = "behind" if skew > timedelta(0) else "ahead of"
        return Finding(
            "clock",
            "warning",
            f"this machine is {abs(skew).total_seconds():,.0f} s {way} the API",
            "Set this machine's clock by the network (NTP).",
        )
    return Finding("clock", "ok", f"within {max(1, round(abs(skew).total_seconds()))} s of the API's")


def _one_location(app: App, client: ToastClient, location: Location, is_ready: bool) -> list[Finding]:
    """A location's findings: orders, then cash and labor where orders can be read. `is_ready`: the warehouse may be asked."""
    first = _location(client, location)
    if first.state == "failed":
        return [first]
    day = location.business_day.last_closed(client.http.now())
    probe = Probe(client, app.warehouse if is_ready else None, location, day)
    return [first, cash_finding(probe), *labor_findings(probe)]


def _location(client: ToastClient, location: Location) -> Finding:
    check = f"location {printable(location.name, 60)}"
    day = location.business_day.last_closed(client.http.now())
    try:
        client.get(
            PATH,
            endpoint=ORDERS_BULK,
            location=location.toast_guid,
            scope=SCOPE,
            params={"businessDate": f"{day:%Y%m%d}", "pageSize": "1", "page": "1"},
        )
    except (RequestError, AccessError) as problem:
        return refused(check, client, location, problem, SCOPE)
    except RestaurantOSError as problem:
        return failed(check, problem)
    try:
        general = client.restaurant(location.toast_guid).get("general") or {}
    except AccessError:
        return Finding(check, "ok", "orders can be read (its zone and closeout hour could not be compared)")
    except RestaurantOSError as problem:
        return failed(check, problem)
    zone, hour = general.get("timeZone"), general.get("closeoutHour")
    if (zone, hour) != (location.timezone, location.closeout_hour):
        return Finding(
            check,
            "failed",
            f"Toast says {printable(zone, 60)}, closeout {printable(hour, 10)}; the settings say {location.timezone}, closeout {location.closeout_hour}",
            "Write Toast's values into the settings: business dates depend on them.",
        )
    return Finding(check, "ok", f"orders can be read; {location.timezone}, closeout {location.closeout_hour}")
