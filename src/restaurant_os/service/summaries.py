"""A store's own totals of a day, as it posts them: read strictly, kept exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from restaurant_os.businessday import iso_date
from restaurant_os.errors import UsageError
from restaurant_os.live.meters import Meters
from restaurant_os.operations import Arrival, Operations
from restaurant_os.pipeline.plans import FURTHEST_AHEAD
from restaurant_os.service.answers import AnswerError, as_json
from restaurant_os.settings import STORE_ID, Settings
from restaurant_os.tables import PLACES
from restaurant_os.text import printable

Kind = Literal["sales", "labor"]
#: Of each kind, and in it what is an amount, with the most it may be: more than any restaurant has, and less than a table's column holds.
AMOUNTS: dict[Kind, dict[str, Decimal]] = {
    "sales": {"gross_sales": Decimal(10**9)},
    "labor": {"labor_hours": Decimal(10**5), "labor_cost": Decimal(10**9)},
}
EXAMPLES: dict[Kind, dict[str, Any]] = {
    "sales": {"store_id": "north-1", "date": "2026-03-10", "gross_sales": 5000},
    "labor": {"store_id": "north-1", "date": "2026-03-10", "labor_hours": 62.5, "labor_cost": 1187.5},
}
FIRST_DAY = date(2000, 1, 1)
#: Stores that no location names.
MOST_STORES = 200
#: The length of a number that may be read at all.
MOST_DIGITS = 40
_DECODE = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True, slots=True)
class Summary:
    """One post. `amounts`: exact, with at most four places."""

    kind: Kind
    store_id: str
    day: date
    amounts: Mapping[str, Decimal]

    @property
    def body(self) -> bytes:
        """As the inbox keeps it."""
        told = {name: f"{value:f}" for name, value in self.amounts.items()}
        return as_json({"store_id": self.store_id, "date": self.day.isoformat(), "kind": self.kind, **told})


def wrong(field: str, found: str, kind: Kind) -> AnswerError:
    return AnswerError(422, f"{field}: {found}", f"Send for example {as_json(EXAMPLES[kind]).decode()}.", field=field)


def read(kind: Kind, body: bytes, now: datetime) -> Summary:
    """
    Raises:
        AnswerError: 422, naming the field.
    """
    try:
        found = _DECODE(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError) as problem:
        raise wrong("body", f"no JSON ({printable(problem, 100)}).", kind) from None
    if not isinstance(found, dict):
        raise wrong("body", "a JSON object was expected.", kind)
    names = ("store_id", "date", *AMOUNTS[kind])
    if unknown := sorted(printable(name, 40) for name in found if name not in names):
        raise wrong(unknown[0], f"there is no such field; there are {', '.join(names)}.", kind)
    if missing := [name for name in names if name not in found]:
        raise wrong(missing[0], "missing.", kind)
    store = found["store_id"]
    if not isinstance(store, str) or not 0 < len(store.strip()) <= 200:
        raise wrong("store_id", f"{_shown(store)} is no store id: text was expected.", kind)
    amounts = {name: _amount(found[name], name, most, kind) for name, most in AMOUNTS[kind].items()}
    return Summary(kind, store, _date(found["date"], now, kind), amounts)


def _shown(value: object) -> str:
    """A value as JSON has it, shortened."""
    if isinstance(value, str):
        return f"'{printable(value, 60)}'"
    if value is None or isinstance(value, bool):
        return str(as_json(value).decode())
    if isinstance(value, (dict, list)):
        return "an object or a list"
    return printable(value, 60) if not isinstance(value, int) or abs(value) < 10**MOST_DIGITS else "a huge number"


def _date(given: object, now: datetime, kind: Kind) -> date:
    try:
        if not isinstance(given, str):
            raise UsageError("")
        found = iso_date(given, "date")
    except UsageError:
        raise wrong("date", f"{_shown(given)} is no date, written as 2026-03-10.", kind) from None
    if not FIRST_DAY <= found <= now.date() + FURTHEST_AHEAD:
        raise wrong("date", f"{found} is before {FIRST_DAY} or more than a year away.", kind)
    return found


def _amount(given: object, name: str, most: Decimal, kind: Kind) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, (int, Decimal)):
        raise wrong(name, f"{_shown(given)} is no number.", kind)
    if not 0 <= given <= most:
        raise wrong(name, f"{_shown(given)} is below 0 or over {most:,}.", kind)
    found = Decimal(given)
    if found != found.quantize(PLACES):
        raise wrong(name, f"{_shown(given)} has more than four decimal places.", kind)
    return found.quantize(PLACES) + Decimal(0)  # no sign before 0


# --- the route ----------------------------------------------------------------------------------------------------


@dataclass
class Summaries:
    """Takes posts and keeps them."""

    operations: Callable[[], Operations]
    settings: Settings
    meters: Meters
    now: Callable[[], datetime]

    async def take(self, kind: Kind, body: bytes) -> tuple[dict[str, str], int]:
        """Keep a post; gives the answer and its inbox sequence. The event is on disk.

        Raises:
            AnswerError: 422, naming the field.
            FullError, OperationsError: it could not be kept.
        """
        now = self.now().astimezone(UTC)
        try:
            summary = read(kind, body, now)
            await self._know(summary)
        except AnswerError:
            self.meters.refused(kind, "unreadable")
            raise
        receipt = await self.operations().accept(
            Arrival(source="summary", kind=kind, location=summary.store_id, body=summary.body, received_at=now)
        )
        self.meters.accepted(kind)
        return {"status": "success", "message": f"{kind} of {printable(summary.store_id, 64)} on {summary.day} kept"}, receipt.sequence

    async def _know(self, summary: Summary) -> None:
        """
        Raises:
            AnswerError: 422: no location has this store id, or it is one store too many.
        """
        store, kind = summary.store_id, summary.kind
        if self.settings.location_of(store):
            return
        if self.settings.locations:
            raise AnswerError(
                422,
                f"store_id: {_shown(store)} is no location of the settings.",
                "Send a location's store_id, name or toast_guid; add `store_id` to its [[locations]] in restaurant-os.toml.",
                field="store_id",
            )
        if not STORE_ID.fullmatch(store):
            raise wrong("store_id", f"{_shown(store)} is no store id: 1 to 64 letters, digits, blanks or . _ : - were expected.", kind)
        if not await self.operations().admit(store, MOST_STORES):
            raise wrong("store_id", f"{_shown(store)} would be one store more than {MOST_STORES}.", kind)
