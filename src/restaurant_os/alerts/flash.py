"""The morning summary: the last closed business date of each location, what was changed of older ones since, and what is missing.

Every figure is a view's. What is not known is said to be "no data", never 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from restaurant_os.alerting import Message
from restaurant_os.alerts.looking import Look
from restaurant_os.alerts.numbers import change, clock, level
from restaurant_os.alerts.rules import judged, rules_of
from restaurant_os.alerts.wording import dollars, shown
from restaurant_os.pipeline.plans import Span
from restaurant_os.pipeline.status import DayStatus, day_statuses
from restaurant_os.settings import AlertRule, Location, Settings
from restaurant_os.tables import CASH, LABOR, ORDERS
from restaurant_os.text import count, printable
from restaurant_os.warehouse import Warehouse

NO_DATA = "no data"
#: The same weekday.
LAST_WEEK, LAST_YEAR = timedelta(days=7), timedelta(days=364)
#: What was changed is told when it was changed within so long.
RESTATED_WITHIN = timedelta(hours=24)
#: Business dates whose gaps are told, the last closed one among them.
GAP_DAYS = 7
#: Of a location at most so many changed or missing days.
MOST_DAYS = 5
#: A message of Discord holds 6,000 characters, and Slack refuses about 13,000 bytes of blocks and shows ten lists of ours.
MOST_CHARACTERS, MOST_SECTIONS, MOST_MESSAGES = 3_500, 10, 5
DAY_FIGURES = ("net_sales", "labor_cost", "labor_percent", "cplh", "voids", "void_rate", "comps", "comp_rate", "discount_rate")
DAY_KNOWN = ("sales_as_of", "sales_basis", "labor_basis", "sales_reason", "labor_reason")
CASH_FIGURES = ("drawer_over_short", "deposit_over_short", "deposit_status", "cash_as_of", "cash_reason")
#: What of a dataset's days is told when it was changed, and what it is called.
RESTATED: dict[str, tuple[tuple[str, str], ...]] = {
    ORDERS.name: (("net_sales", "net sales"), ("tips", "tips"), ("tax", "tax")),
    LABOR.name: (("labor_cost", "labor"),),
    CASH.name: (("cash_entries", "cash entries"), ("cash_deposits", "deposits")),
}
Row = Mapping[str, Any]
Key = tuple[str, date]


@dataclass(frozen=True, slots=True)
class _Section:
    """A location's part. `troubles`: how many things in it want a look. `sales`, `before`: of the day, and of the same weekday last week."""

    name: str
    day: date
    lines: tuple[str, ...]
    troubles: int
    sales: Decimal | None
    before: Decimal | None

    @property
    def heading(self) -> str:
        return f"⚠ {self.name}" if self.troubles else self.name


@dataclass(frozen=True, slots=True)
class _Facts:
    """What was read for all locations at once."""

    days: Mapping[Key, Row]
    cash: Mapping[Key, Row]
    #: By location: dataset, business date, and by figure what it was before the first change and after the last.
    restated: Mapping[str, Sequence[tuple[str, date, Mapping[str, Decimal]]]]
    gaps: Mapping[str, Sequence[DayStatus]]


@dataclass(slots=True)
class _Lines:
    """A location's lines as they are written, and how many of them want a look."""

    found: list[str] = field(default_factory=list)
    troubles: int = 0

    def add(self, text: str, is_trouble: bool = False) -> None:
        self.found.append(text)
        self.troubles += is_trouble


def flash_of(warehouse: Warehouse, settings: Settings, places: Sequence[Location], now: datetime) -> list[Message]:
    """The messages of one morning, in their order: those with trouble first. None for no location.

    Raises:
        LockedError: somebody else holds the warehouse.
    """
    if not places:
        return []
    facts = _read(warehouse, places, now)
    rules = [rule for rule in rules_of(settings) if rule.enabled]
    look = Look(warehouse, settings, places, {}, now)
    watched = [(rule, {place.toast_guid for place in look.of(rule)}) for rule in rules]
    sections = [_section(place, facts, [rule for rule, own in watched if place.toast_guid in own], now) for place in places]
    sections.sort(key=lambda own: (-own.troubles, own.name.lower()))
    return _messages(sections, places, now)


# --- what is read -----------------------------------------------------------------------------------------------------


def _read(warehouse: Warehouse, places: Sequence[Location], now: datetime) -> _Facts:
    lasts = {place.toast_guid: place.business_day.last_closed(now) for place in places}
    first, last = min(lasts.values()) - timedelta(days=GAP_DAYS - 1), max(lasts.values())
    compared = {day - back for day in lasts.values() for back in (LAST_WEEK, LAST_YEAR)}
    wanted = sorted({*compared, *Span(first, last).days})
    guids = sorted(lasts)
    at, on = (", ".join("?" * len(values)) for values in (guids, wanted))
    days, cash, restated = warehouse.answers(
        _question(
            "daily_profitability", (*DAY_FIGURES, *DAY_KNOWN), f"restaurant_guid IN ({at}) AND business_date IN ({on})", [*guids, *wanted]
        ),
        _question("daily_cash", CASH_FIGURES, f"restaurant_guid IN ({at}) AND business_date IN ({on})", [*guids, *wanted]),
        _question(
            "restatements",
            ("dataset", *(f"{name}_{side}" for name in _figures() for side in ("before", "after"))),
            f"restaurant_guid IN ({at}) AND taken_at > ? AND taken_at <= ? ORDER BY restaurant_guid, business_date, dataset, sequence",
            [*guids, now - RESTATED_WITHIN, now],
        ),
    )
    by_day = _by_key(days, (*DAY_FIGURES, *DAY_KNOWN))
    statuses = day_statuses(warehouse, places, Span(first, last), now)
    return _Facts(days=by_day, cash=_by_key(cash, CASH_FIGURES), restated=_restated(restated), gaps=_gaps(statuses, lasts, by_day))


def _question(view: str, columns: Sequence[str], where: str, parameters: list[Any]) -> tuple[str, list[Any]]:
    return f"SELECT restaurant_guid, business_date, {', '.join(columns)} FROM {view} WHERE {where}", parameters


def _figures() -> list[str]:
    return [name for figures in RESTATED.values() for name, _ in figures]


def _by_key(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> dict[Key, Row]:
    return {(guid, day): dict(zip(names, values, strict=True)) for guid, day, *values in rows}


def _restated(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[tuple[str, date, Mapping[str, Decimal]]]]:
    """What several changes of a day made of it together: its figures after the last, less those before the first."""
    firsts: dict[tuple[str, date, str], dict[str, Decimal]] = {}
    lasts: dict[tuple[str, date, str], dict[str, Decimal]] = {}
    names = _figures()
    for guid, day, dataset, *values in rows:
        key = (guid, day, dataset)
        firsts.setdefault(key, {name: value for name, value in zip(names, values[::2], strict=True) if value is not None})
        lasts[key] = {name: value for name, value in zip(names, values[1::2], strict=True) if value is not None}
    found: dict[str, list[tuple[str, date, Mapping[str, Decimal]]]] = {}
    for (guid, day, dataset), after in lasts.items():
        before = firsts[guid, day, dataset]
        moved = {name: after.get(name, Decimal(0)) - before.get(name, Decimal(0)) for name in {**before, **after}}
        found.setdefault(guid, []).append((dataset, day, moved))
    return found


def _gaps(statuses: Sequence[DayStatus], lasts: Mapping[str, date], days: Mapping[Key, Row]) -> dict[str, list[DayStatus]]:
    """What is not complete of the last closed date, and of the days before it from the first that is known at all. A side that was posted is none."""
    found: dict[str, list[DayStatus]] = {}
    known: set[tuple[str, str]] = set()
    for one in sorted(statuses, key=lambda own: own.business_date):
        guid, day = one.location.toast_guid, one.business_date
        if one.state != "missing":
            known.add((guid, one.dataset))
        row = days.get((guid, day), {})
        side = {ORDERS.name: "sales_basis", LABOR.name: "labor_basis"}.get(one.dataset)
        is_posted = side is not None and "summary" in str(row.get(side) or "")
        is_told = day == lasts[guid] or (day < lasts[guid] and (guid, one.dataset) in known)
        if is_told and one.state != "complete" and not is_posted and day > lasts[guid] - timedelta(days=GAP_DAYS):
            found.setdefault(guid, []).append(one)
    return found


# --- a location -------------------------------------------------------------------------------------------------------


def _section(place: Location, facts: _Facts, rules: Sequence[AlertRule], now: datetime) -> _Section:
    guid, day = place.toast_guid, place.business_day.last_closed(now)
    row, cash = facts.days.get((guid, day), {}), facts.cash.get((guid, day), {})
    sales = _sales(row)
    week, year = (_sales(facts.days.get((guid, day - back), {})) for back in (LAST_WEEK, LAST_YEAR))
    lines = _Lines()
    lines.add(f"Sales {_money(sales, row.get('sales_reason'))}; last week {_compared(sales, week)}; last year {_compared(sales, year)}")
    _add_labor(lines, row, rules)
    _add_cash(lines, cash, row, rules)
    _add_given_away(lines, row, rules)
    for text in _restatements(facts.restated.get(guid, ())):
        lines.add(text, is_trouble=True)
    for text in _gap_lines(facts.gaps.get(guid, ()), day):
        lines.add(text, is_trouble=True)
    return _Section(printable(place.name, 100), day, tuple(lines.found), lines.troubles, sales, week)


def _add_labor(lines: _Lines, row: Row, rules: Sequence[AlertRule]) -> None:
    if row.get("labor_percent") is None:
        reason = row.get("labor_reason")
        lines.add(f"Labor %, CPLH {NO_DATA}" + (f" ({reason})" if reason else ""))
        return
    over = _beyond(rules, "labor_percent", row["labor_percent"], row)
    lines.add(f"Labor {shown('percent', row['labor_percent'])}{over}, CPLH {_money(row.get('cplh'))}", bool(over))


def _add_cash(lines: _Lines, row: Row, day: Row, rules: Sequence[AlertRule]) -> None:
    if row.get("cash_as_of") is None:
        lines.add(f"Cash over/short {NO_DATA}")
        return
    drawers, deposit = row.get("drawer_over_short"), row.get("deposit_over_short")
    over = [_beyond(rules, name, value, day) for name, value in (("drawer_over_short", drawers), ("deposit_over_short", deposit))]
    why = row.get("deposit_status") if row.get("deposit_status") == "pending" else row.get("cash_reason")
    deposited = f"{change(deposit)}{over[1]}" if deposit is not None else NO_DATA + (f" ({why})" if why else "")
    counted = f"{change(drawers)}{over[0]}" if drawers is not None else NO_DATA
    lines.add(f"Cash over/short: drawers {counted}, deposit {deposited}", any(over))


def _add_given_away(lines: _Lines, row: Row, rules: Sequence[AlertRule]) -> None:
    parts, is_over = [], False
    for name, amount, rate in (("Voids", "voids", "void_rate"), ("comps", "comps", "comp_rate")):
        if row.get(amount) is None or row.get("sales_as_of") is None:
            parts.append(f"{name} {NO_DATA}")
            continue
        share = row.get(rate)
        over = "" if share is None else _beyond(rules, rate, share * 100, row, row[amount])
        is_over = is_over or bool(over)
        parts.append(f"{name} {dollars(row[amount])}" + (f" ({shown('percent', share * 100)}{over})" if share is not None else ""))
    lines.add(", ".join(parts), is_over)


def _restatements(changes: Sequence[tuple[str, date, Mapping[str, Decimal]]]) -> Iterator[str]:
    """The latest days first."""
    told = []
    for dataset, day, moved in sorted(changes, key=lambda own: (-own[1].toordinal(), own[0])):
        parts = [f"{label} {change(moved[name])}" for name, label in RESTATED[dataset] if moved.get(name)]
        if parts:
            told.append(f"Changed since, {day:%a %b} {day.day}: {', '.join(parts)}")
    yield from told[:MOST_DAYS]
    if len(told) > MOST_DAYS:
        yield f"Changed since: {count(len(told) - MOST_DAYS, 'day')} more"


def _gap_lines(gaps: Sequence[DayStatus], last: date) -> Iterator[str]:
    told = [
        f"Missing: {one.dataset}{'' if one.business_date == last else f' of {one.business_date:%a %b} {one.business_date.day}'}, {one.why or one.state}"
        for one in sorted(gaps, key=lambda own: (-own.business_date.toordinal(), own.dataset))
    ]
    yield from told[:MOST_DAYS]
    if len(told) > MOST_DAYS:
        yield f"Missing: {count(len(told) - MOST_DAYS, 'day')} more"


def _sales(row: Row) -> Decimal | None:
    """Net sales, where they are known."""
    return row["net_sales"] if row and row.get("sales_as_of") is not None else None


def _money(value: Decimal | float | None, reason: object = None) -> str:
    if value is not None:
        return dollars(value)
    return NO_DATA + (f" ({reason})" if reason else "")


def _compared(sales: Decimal | None, before: Decimal | None) -> str:
    """`$4,800.00 (+4.2 %)`: what it was, and by how much of it the day is above or below."""
    if before is None:
        return NO_DATA
    if sales is None or before <= 0:
        return dollars(before)
    return f"{dollars(before)} ({(sales / before - 1) * 100:+,.1f} %)"


def _beyond(rules: Sequence[AlertRule], metric: str, value: float | Decimal | None, row: Row, amount: Decimal | None = None) -> str:
    """`, over 25 %` where a rule of the metric has a level that the value is beyond. `amount`: the dollars that a rate is made of."""
    for rule in rules:
        if value is None or rule.metric != metric or rule.grain == "week" or rule.daypart or not judged(rule, float(value))[0]:
            continue
        if (row.get("net_sales") or 0) < rule.min_sales or (amount is not None and amount < rule.min_dollars):
            continue
        is_under = rule.below is not None and float(value) < float(rule.below)
        limit = rule.below if is_under else rule.above
        return "" if limit is None else f", {'under' if is_under else 'over'} {level(rule, limit)}"
    return ""


# --- the messages -----------------------------------------------------------------------------------------------------


def _messages(sections: Sequence[_Section], places: Sequence[Location], now: datetime) -> list[Message]:
    days = sorted({own.day for own in sections})
    when = _named(days[0]) if len(days) == 1 else f"{_named(days[0])} and {_named(days[-1])}"
    chunks = list(_chunks(sections))
    left = sum(len(own) for own in chunks[MOST_MESSAGES:])
    chunks = chunks[:MOST_MESSAGES]
    found = []
    for number, chunk in enumerate(chunks, start=1):
        part = f" ({number} of {len(chunks)})" if len(chunks) > 1 else ""
        rest = (
            f"{count(left, 'location')} more, with less to look at, `restaurant-os metrics` shows."
            if left and number == len(chunks)
            else ""
        )
        found.append(
            Message(
                kind="flash",
                title=f"{when}: {count(len(sections), 'location')}{part}",
                text=" ".join(one for one in (_summed(sections) if number == 1 else "", rest) if one),
                lists=tuple((_heading(own, len(days) > 1), own.lines) for own in chunk),
                footer=f"as of {_clock(places, now)}",
                level="note",
            )
        )
    return found


def _chunks(sections: Sequence[_Section]) -> Iterator[list[_Section]]:
    chunk: list[_Section] = []
    length = 0
    for own in sections:
        size = len(own.heading) + sum(len(line) + 3 for line in own.lines)
        if chunk and (length + size > MOST_CHARACTERS or len(chunk) == MOST_SECTIONS):
            yield chunk
            chunk, length = [], 0
        chunk.append(own)
        length += size
    yield chunk


def _summed(sections: Sequence[_Section]) -> str:
    """All locations together; of last week those alone that are known on both days."""
    if len(sections) == 1:
        return ""
    known = [own.sales for own in sections if own.sales is not None]
    both = [(own.sales, own.before) for own in sections if own.sales is not None and own.before is not None]
    troubled = sum(1 for own in sections if own.troubles)
    sales = f"Sales {dollars(sum(known, Decimal(0))) if known else NO_DATA}"
    if known and len(known) < len(sections):
        sales += f" at the {count(len(known), 'location')} that are known"
    before = _compared(sum((now for now, _ in both), Decimal(0)), sum((then for _, then in both), Decimal(0))) if both else NO_DATA
    compared = f"last week {before}" + (f" at the {len(both)} known then too" if both and len(both) < len(known) else "")
    looks = f"{count(troubled, 'location')} {'wants' if troubled == 1 else 'want'} a look." if troubled else "Nothing wants a look."
    return f"{sales}; {compared}. {looks}"


def _heading(section: _Section, has_days: bool) -> str:
    return f"{section.heading}, {_named(section.day)}" if has_days else section.heading


def _named(day: date) -> str:
    """`Saturday, November 21`."""
    return f"{day:%A, %B} {day.day}"


def _clock(places: Sequence[Location], now: datetime) -> str:
    """On the clock that all of them share; else in UTC."""
    if len({place.timezone for place in places}) == 1:
        return clock(now, places[0])
    return f"{now:%H:%M} UTC"
