"""The configuration of one location, a dimension at a time: the lists of the Configuration API, the location itself, its jobs and employees.

Source: Toast Configuration API v2, Restaurants API v1, Labor API v1 (reference, sections 6.2, 6.3, 5.2). Configuration comes in pages: the header
`Toast-Next-Page-Token` names the next; 409 says that it was published meanwhile, and the list begins anew without a token (2.2). What is deleted
disappears from the lists, but for employees. Menus are in `menus.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

from restaurant_os.batch import Batch, Rejected, Window
from restaurant_os.errors import RequestError, RetryableError
from restaurant_os.settings import Location
from restaurant_os.sources.toast import labor
from restaurant_os.sources.toast.client import CONFIG, LABOR, OTHER, ToastClient
from restaurant_os.sources.toast.menus import SCOPE as MENUS_SCOPE
from restaurant_os.sources.toast.menus import MenusRead
from restaurant_os.sources.toast.model import Guid, Part, Ref
from restaurant_os.sources.toast.reading import Reading
from restaurant_os.sources.toast.records import RecordReader, Unreadable, day_of, exact, fields_of, instant, staged, unfit
from restaurant_os.sources.toast.states import Row, States
from restaurant_os.tables import BY_NAME, DIM_EMPLOYEES, DIM_JOBS, DIM_MENU_ITEMS, DIM_RESTAURANTS, RATE_PLACES, TableSpec
from restaurant_os.tables.dims import natural_key

SCOPE = "config:read"
RESTAURANTS_SCOPE = "restaurants:read"
NEXT_PAGE = "Toast-Next-Page-Token"
CONFLICT = 409
#: Times a list is begun, when it is published again under every read.
MOST_PASSES = 5
#: Of an employee: never kept, not even in quarantine.
NEVER_KEPT = ("phoneNumber", "phoneNumberCountryCode", "passcode")
NAMES = ("firstName", "lastName", "chosenName", "email")

Keep = Literal["keep", "hash", "drop"]


# --- records as Toast gives them ------------------------------------------------------------------------------------


class Named(Part):
    """spec:configuration VoidReason, NoSaleReason, PayoutReason, SalesCategory, AlternatePaymentType."""

    guid: Guid
    name: str | None = None


class DiningOption(Named):
    behavior: str | None = None
    curbside: bool | None = None


class RevenueCenter(Named):
    description: str | None = None


class Discount(Named):
    active: bool | None = None
    type: str | None = None
    percentage: Decimal | None = None
    amount: Decimal | None = None
    selection_type: str | None = None
    fixed_total: Decimal | None = None
    non_exclusive: bool | None = None
    item_picking_priority: str | None = None


class ServiceArea(Named):
    revenue_center: Ref | None = None


class Table(Named):
    service_area: Ref | None = None
    revenue_center: Ref | None = None


class CashDrawer(Named):
    """The definition has no name, the cookbook shows one."""

    printer: Ref | None = None


class TaxRate(Named):
    is_default: bool | None = None
    rate: Decimal | None = None
    type: str | None = None
    rounding_type: str | None = None


class ServiceCharge(Named):
    amount_type: str | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    gratuity: bool | None = None
    taxable: bool | None = None
    service_charge_calculation: str | None = None
    destination: str | None = None


class BreakType(Named):
    active: bool | None = None
    paid: bool | None = None
    duration: int | None = None
    enforce_minimum_time: bool | None = None
    track_missed_breaks: bool | None = None
    break_interval_hrs: int | None = None
    break_interval_mins: int | None = None


class General(Part):
    """spec:restaurants General."""

    name: str | None = None
    location_name: str | None = None
    location_code: str | None = None
    time_zone: str | None = None
    closeout_hour: int | None = None
    management_group_guid: str | None = None
    currency_code: str | None = None
    first_business_date: int | None = None
    archived: bool | None = None


class Place(Part):
    """spec:restaurants Location; its telephone is not read."""

    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    administrative_area: str | None = None
    state_code: str | None = None
    zip_code: str | None = None
    country: str | None = None


class Restaurant(Part):
    general: General
    location: Place | None = None


class Job(Part):
    """spec:labor Job."""

    guid: Guid
    title: str | None = None
    deleted: bool | None = None
    wage_frequency: str | None = None
    default_wage: Decimal | None = None
    tipped: bool | None = None
    code: str | None = None
    exclude_from_reporting: bool | None = None


class Employee(Part):
    """spec:labor Employee; numbers and pass codes are not read."""

    guid: Guid
    first_name: str | None = None
    last_name: str | None = None
    chosen_name: str | None = None
    email: str | None = None
    external_employee_id: str | None = None
    deleted: bool | None = None
    created_date: str | None = None
    deleted_date: str | None = None
    job_references: list[Ref] | None = None


# --- records as rows ------------------------------------------------------------------------------------------------


def _guid(ref: Ref | None) -> str | None:
    return ref.guid if ref else None


def rate(number: Decimal | None, field: str) -> Decimal | None:
    """A rate or percentage to eight places, half to even; None stays None.

    Raises:
        ValueError: it is too large for its column, or no number.
    """
    if number is None:
        return None
    if not number.is_finite() or abs(number) >= 10**9:
        raise unfit(f"{number:.10} is too large", field)
    return number.quantize(RATE_PLACES, ROUND_HALF_EVEN)


def _count(number: int | None, field: str) -> int | None:
    if number is not None and abs(number) >= 10**15:
        raise unfit("a number is too large", field)
    return number


def dining_option(one: DiningOption) -> Row:
    return {"behavior": one.behavior, "is_curbside": one.curbside}


def discount(one: Discount) -> Row:
    return {
        "is_active": one.active,
        "discount_type": one.type,
        "percentage": rate(one.percentage, "percentage"),
        "discount_amount": exact(one.amount, "amount"),
        "selection_type": one.selection_type,
        "fixed_total": exact(one.fixed_total, "fixedTotal"),
        "non_exclusive": one.non_exclusive,
        "item_picking_priority": one.item_picking_priority,
    }


def tax_rate(one: TaxRate) -> Row:
    return {"is_default": one.is_default, "rate": rate(one.rate, "rate"), "tax_type": one.type, "rounding_type": one.rounding_type}


def service_charge(one: ServiceCharge) -> Row:
    return {
        "amount_type": one.amount_type,
        "amount": exact(one.amount, "amount"),
        "percent": rate(one.percent, "percent"),
        "is_gratuity": one.gratuity,
        "is_taxable": one.taxable,
        "calculation": one.service_charge_calculation,
        "destination": one.destination,
    }


def break_type(one: BreakType) -> Row:
    return {
        "is_active": one.active,
        "is_paid": one.paid,
        "minutes": _count(one.duration, "duration"),
        "enforces_minimum": one.enforce_minimum_time,
        "tracks_missed": one.track_missed_breaks,
        "interval_hours": _count(one.break_interval_hrs, "breakIntervalHrs"),
        "interval_minutes": _count(one.break_interval_mins, "breakIntervalMins"),
    }


def restaurant(one: Restaurant) -> Row:
    general, place = one.general, one.location or Place()
    return {
        "restaurant_name": general.name,
        "location_name": general.location_name,
        "address_line1": place.address1,
        "address_line2": place.address2,
        "city": place.city,
        "state": place.administrative_area or place.state_code,
        "zip_code": place.zip_code,
        "timezone": general.time_zone,
        "closeout_hour": _count(general.closeout_hour, "general.closeoutHour"),
        "currency": general.currency_code,
        "location_code": general.location_code,
        "country": place.country,
        "management_group_guid": general.management_group_guid,
        "first_business_date": day_of(general.first_business_date) if general.first_business_date else None,
        "is_archived": general.archived,
    }


def job(one: Job) -> Row:
    return {
        "job_guid": one.guid,
        "job_title": one.title,
        "default_wage": exact(one.default_wage, "defaultWage"),
        "tipped": one.tipped,
        "is_deleted": bool(one.deleted),
        "wage_frequency": one.wage_frequency,
        "code": one.code,
        "exclude_from_reporting": one.exclude_from_reporting,
    }


def employee(one: Employee, names: Keep) -> Row:
    """`names`: whether names and the e-mail address are kept as they are, as a digest that tells two apart, or not at all."""

    def kept(text: str | None) -> str | None:
        if not text or names == "drop":
            return None
        return hashlib.sha256(text.strip().lower().encode()).hexdigest()[:16] if names == "hash" else text

    return {
        "employee_guid": one.guid,
        "first_name": kept(one.first_name),
        "last_name": kept(one.last_name),
        "email": kept(one.email),
        "external_id": one.external_employee_id,
        "is_deleted": bool(one.deleted),
        "chosen_name": kept(one.chosen_name),
        "job_guids": " ".join(sorted({ref.guid for ref in one.job_references or () if ref.guid})) or None,
        "created_at": instant(one.created_date, "createdDate") if one.created_date else None,
        "deleted_at": instant(one.deleted_date, "deletedDate") if one.deleted and one.deleted_date else None,
    }


# --- what is asked for a dimension ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A dimension that is one list: where it is asked, and how its records become rows."""

    table: TableSpec
    path: str
    reader: RecordReader[Any]
    row: Callable[[Any], Row]
    scope: str = SCOPE
    endpoint: str = CONFIG
    params: Mapping[str, str] = field(default_factory=dict)
    #: The answer is one record in place of a list.
    is_single: bool = False
    private: tuple[str, ...] = ()


def _collection(table: str, own: str, collection: str, kind: type[Named] = Named, rest: Callable[[Any], Row] = lambda one: {}) -> Listed:
    def row(one: Any) -> Row:
        return {f"{own}_guid": one.guid, f"{own}_name": one.name, **rest(one)}

    return Listed(BY_NAME[table], f"/config/v2/{collection}", RecordReader(kind), row)


COLLECTIONS = (
    _collection("dim_dining_options", "dining_option", "diningOptions", DiningOption, dining_option),
    _collection("dim_revenue_centers", "revenue_center", "revenueCenters", RevenueCenter, lambda one: {"description": one.description}),
    _collection("dim_sales_categories", "sales_category", "salesCategories"),
    _collection("dim_discounts", "discount", "discounts", Discount, discount),
    _collection("dim_void_reasons", "void_reason", "voidReasons"),
    _collection(
        "dim_service_areas", "service_area", "serviceAreas", ServiceArea, lambda one: {"revenue_center_guid": _guid(one.revenue_center)}
    ),
    _collection(
        "dim_tables",
        "table",
        "tables",
        Table,
        lambda one: {"service_area_guid": _guid(one.service_area), "revenue_center_guid": _guid(one.revenue_center)},
    ),
    _collection("dim_cash_drawers", "cash_drawer", "cashDrawers", CashDrawer, lambda one: {"printer_guid": _guid(one.printer)}),
    _collection("dim_payout_reasons", "payout_reason", "payoutReasons"),
    _collection("dim_no_sale_reasons", "no_sale_reason", "noSaleReasons"),
    _collection("dim_tax_rates", "tax_rate", "taxRates", TaxRate, tax_rate),
    _collection("dim_service_charges", "service_charge", "serviceCharges", ServiceCharge, service_charge),
    _collection("dim_break_types", "break_type", "breakTypes", BreakType, break_type),
    _collection("dim_alternate_payment_types", "alternate_payment_type", "alternatePaymentTypes"),
)
#: The scope that each dimension asks for, in the order in which they are read.
SCOPES: dict[str, str] = {
    **{kind.table.name: SCOPE for kind in COLLECTIONS},
    DIM_RESTAURANTS.name: RESTAURANTS_SCOPE,
    DIM_JOBS.name: labor.SCOPE,
    DIM_EMPLOYEES.name: labor.EMPLOYEES_SCOPE,
    DIM_MENU_ITEMS.name: MENUS_SCOPE,
}
_RESTAURANTS: RecordReader[Restaurant] = RecordReader(Restaurant)
_JOBS: RecordReader[Job] = RecordReader(Job)
_EMPLOYEES: RecordReader[Employee] = RecordReader(Employee)


@dataclass(frozen=True, slots=True)
class ConfigReader:
    """Reads the dimensions of one location. `published`: which publication of its menus is held, if one is."""

    client: ToastClient
    location: Location
    names: Keep
    read_seq: int
    published: Callable[[], datetime | None]

    def __call__(self, window: Window) -> ListRead | MenusRead:
        """The window is of the dimension that its kind names.

        Raises:
            AccessError: the token says that it lacks the scope.
        """
        self.client.require(SCOPES[window.kind])
        if window.kind == DIM_MENU_ITEMS.name:
            return MenusRead(self.client, self.location, window, self.read_seq, self.published)
        return ListRead(self.client, self.location, window, self.read_seq, self._listed(window.kind))

    def _listed(self, table: str) -> Listed:
        if table == DIM_RESTAURANTS.name:
            path = f"/restaurants/v1/restaurants/{self.location.toast_guid}"
            # Without the parameter an archived location is a 404.
            archived = {"includeArchived": "true"}
            return Listed(DIM_RESTAURANTS, path, _RESTAURANTS, restaurant, RESTAURANTS_SCOPE, OTHER, archived, is_single=True)
        if table == DIM_JOBS.name:
            return Listed(DIM_JOBS, labor.JOBS_PATH, _JOBS, job, labor.SCOPE, LABOR)
        if table == DIM_EMPLOYEES.name:
            private = NEVER_KEPT if self.names == "keep" else (*NEVER_KEPT, *NAMES)
            row = lambda one: employee(one, self.names)  # noqa: E731
            return Listed(DIM_EMPLOYEES, labor.EMPLOYEES_PATH, _EMPLOYEES, row, labor.EMPLOYEES_SCOPE, LABOR, private=private)
        return next(kind for kind in COLLECTIONS if kind.table.name == table)


@dataclass(slots=True)
class ListRead(Reading):
    """One list being read, all of its pages."""

    read_seq: int
    kind: Listed

    def __iter__(self) -> Iterator[Batch]:
        while self.passes < MOST_PASSES:
            self.passes += 1
            with suppress(_Republished):
                yield self._batch(self._pass())
                return
        raise RetryableError(
            f"Toast {self.kind.path}, location {self.location.name}: published again under each of {MOST_PASSES} reads. Nothing of it was changed here.",
            next_step="Run the command again when nobody is editing the configuration: what is in stays in.",
        )

    def _pass(self) -> list[tuple[Any, bytes] | Unreadable]:
        """Every record of the list, from the first page to the last."""
        found: list[tuple[Any, bytes] | Unreadable] = []
        token: str | None = None
        tokens: set[str] = set()
        while True:
            own, token = self._page(token)
            found += own
            if not token:
                return found
            if token in tokens:
                raise RetryableError(
                    f"Toast {self.kind.path}, location {self.location.name}: its pages lead back to themselves. Nothing of it was changed here.",
                    next_step="Run the command again later; when it stays so, send Toast's support this path.",
                )
            tokens.add(token)

    def _page(self, token: str | None) -> tuple[list[tuple[Any, bytes] | Unreadable], str | None]:
        kind = self.kind
        answers: list[list[tuple[Any, bytes] | Unreadable]] = []
        try:
            answer = self.client.get(
                kind.path,
                endpoint=kind.endpoint,
                location=self.location.toast_guid,
                scope=kind.scope,
                params={**kind.params, **({"pageToken": token} if token else {})},
                accept=lambda body: answers.append(self._records(body)),
            )
        except RequestError as problem:
            if problem.status == CONFLICT:
                raise _Republished from problem
            raise
        self.pages += 1
        return answers[-1], answer.headers.get(NEXT_PAGE)

    def _records(self, body: bytes) -> list[tuple[Any, bytes] | Unreadable]:
        read = self.kind.reader.read(b"[" + body + b"]" if self.kind.is_single else body)
        return [*zip(read.good, read.sources(), strict=True), *read.bad]

    def _batch(self, found: list[tuple[Any, bytes] | Unreadable]) -> Batch:
        states = States(self.kind.table, self.location, self.read_seq)
        rows: list[Row] = []
        unread: list[Rejected] = []
        for one in found:
            try:
                if isinstance(one, Unreadable):
                    raise ValueError(one.reason)
                rows.append(states.row(self.kind.row(one[0])))
            except ValueError as problem:
                raw = one.raw if isinstance(one, Unreadable) else one[1]
                unread.append(states.rejected(without(raw, self.kind.private), str(problem)))
        own = natural_key(self.kind.table)[-1]
        self.versions |= {row[own]: row["row_hash"] for row in rows}
        self.rejected = len(unread)
        return Batch({self.kind.table.name: staged(self.kind.table, rows)}, tuple(unread))


class _Republished(Exception):  # noqa: N818
    """The list was published since its first page."""


def without(raw: bytes, private: tuple[str, ...]) -> bytes:
    """A record without some of its fields."""
    record = fields_of(raw) if private else {}
    if not any(name in record for name in private):
        return raw
    return json.dumps({name: value for name, value in record.items() if name not in private}).encode()
