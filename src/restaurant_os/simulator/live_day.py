"""A live service day, sent to a receiver as it happens: orders as Toast's events, and running daily summaries beside them.

The day is over already in real time, the last one that has closed everywhere unless another is asked for, so that nothing of it lies
in the future of the receiver. Only its own orders are sent: of earlier days a receiver that begins now would have a part.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from restaurant_os.simulator import postman
from restaurant_os.simulator.businessdays import HOUR, to_datetime
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.envelopes import Event
from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.server import Options, Server, assembled, check, listening_socket, opened, url_of
from restaurant_os.simulator.summaries import Summaries
from restaurant_os.simulator.world import World

#: Published, like the demo client's: good for a receiver on this machine and nothing else.
DEMO_SECRET = "demo-webhook-secret"  # noqa: S105
DEFAULT_SPEED = 60.0
EVENTS_PATH = "/webhooks/toast"
_STAMPED_AFTER = HOUR  #: from a location's closeout until its last order has its stamp
_INTERVAL = timedelta(hours=1)
_TICK = 0.05
_STATES = {
    "paused": "50 attempts failed within five minutes: sending pauses for a minute, and what is due in it is never sent",
    "stopped": "nine pauses within ten minutes: sending has stopped until POST /simulator/webhooks/subscriptions/{id}/restart",
}


@dataclass(frozen=True)
class Send:
    """Where to send a day to. `url`: the receiver's base; `key`: for its summaries, none where it asks for none."""

    url: str
    secret: str = field(default=DEMO_SECRET, repr=False)
    key: str = field(default="", repr=False)
    json: bool = False
    #: Whether there are summaries beside the events.
    summaries: bool = True


@dataclass(frozen=True)
class Day:
    """A service day: from the first location's opening until the last one's orders have their stamps."""

    day: date
    begins: datetime
    ends: datetime


def day_of(world: World, day: date) -> Day:
    calendars = [shop.calendar for shop in world.shops.values()]
    begins = min(calendar.opens(day.toordinal()) for calendar in calendars)
    return Day(day, to_datetime(begins), to_datetime(max(calendar.closes(day.toordinal()) for calendar in calendars) + _STAMPED_AFTER))


def open_day(options: Options, now: datetime) -> tuple[World, Day]:
    """The world that lives through the options' last day, or the last one that is over everywhere, and that day.

    Raises:
        OptionError: an option that cannot be used.
    """
    check(options)
    day = options.last_day or now.date() - timedelta(days=1)
    while True:
        # A world lives from some hours after its history on, and by the opening of the day after the next one at the latest.
        history = replace(options, days=max(1, options.days - 1))
        world = opened(history, day - timedelta(days=2))
        found = day_of(world, day)
        if options.last_day is not None or found.ends <= now:
            return world, found
        day -= timedelta(days=1)


class LiveDay:
    """Sends a day of the world as the clock passes, and keeps count."""

    def __init__(self, simulator: Simulator, day: Day, send: Send, say: Callable[[str], None], post: postman.Post = postman.post) -> None:
        """`say`: takes a line for whoever watches."""
        self.is_over = False
        self._simulator, self._day, self._say, self._has_summaries = simulator, day, say, send.summaries
        base = send.url.rstrip("/")
        self.summaries = Summaries(base, send.key, post)
        self._told: dict[tuple[str, str], Mapping[str, object]] = {}
        self._next: datetime | None = day.begins + _INTERVAL
        self._noticed: set[str] = set()
        webhooks, ordinal = simulator.webhooks(), day.day.toordinal()

        def is_wanted(event: Event) -> bool:
            return ordinal in event.dates and event.at <= day.ends

        made = webhooks.subscribe(base + EVENTS_PATH, "order_updated", send.secret, since=day.begins, is_wanted=is_wanted)
        self._customer = webhooks.sending.customers[made.id]

    async def run(self) -> None:
        """Send until the day is over and nothing is left to be sent."""
        try:
            while not self.is_over:
                self.turn()
                await asyncio.sleep(_TICK)
        finally:
            await self.summaries.stop()

    def turn(self) -> None:
        """Whatever is due by the clock: summaries, a line, the end."""
        webhooks, now = self._simulator.webhooks(), min(self._simulator.clock.world(), self._day.ends)
        self.summaries.now = webhooks.sending.now
        if self._next is not None and (now >= self._next or now == self._day.ends):
            if self._has_summaries:
                self._tell(now)
            self._say(self._line(now))
            passed = (now - self._day.begins) // _INTERVAL
            self._next = None if now == self._day.ends else self._day.begins + (passed + 1) * _INTERVAL
        self.summaries.dispatch()
        self._notice()
        self.is_over = self._next is None and webhooks.read_to >= self._day.ends and not self.pending

    @property
    def pending(self) -> int:
        """Events and summaries that wait to be sent."""
        return self._customer.waiting + self.summaries.waiting

    @property
    def is_complete(self) -> bool:
        """Whether all has arrived. What the faults lost was not to arrive."""
        counts = self._customer.counts
        return self.is_over and not counts["failed"] and not counts["withheld"] and not self.summaries.counts["failed"]

    def report(self) -> dict[str, object]:
        """What was sent, what became of it, and what the world's books say of the day."""
        counts, summaries = self._customer.counts, self.summaries
        names = ("events", "duplicates", "lost", "attempts", "resends", "delivered", "failed", "withheld")
        return {
            "business_date": self._day.day.isoformat(),
            "complete": self.is_complete,
            "interrupted": not self.is_over,
            "events": {name: counts[name] for name in names}
            | {"pending": self._customer.waiting, "answers": _sorted(self._customer.answers)},
            "summaries": {name: summaries.counts[name] for name in ("delivered", "failed", "replaced")}
            | {"pending": summaries.waiting, "answers": _sorted(summaries.answers)},
            "books": self._books(min(self._simulator.clock.world(), self._day.ends)),
        }

    # --- what is told -------------------------------------------------------------------------------------------------

    def _books(self, at: datetime) -> list[dict[str, object]]:
        """A row per restaurant: its sales and labor of the day so far; null where there is nothing."""
        world, day = self._simulator.world, self._day.day
        sold = {row["restaurant_guid"]: row for row in world.sales_books(at, day)}
        worked = {row["restaurant_guid"]: row for row in world.labor.books(at, day)}
        return [
            {"restaurant_guid": place.guid, "location_name": place.location_name}
            | {name: sold.get(place.guid, {}).get(name) for name in ("orders", "gross_sales", "net_sales")}
            | {name: worked.get(place.guid, {}).get(name) for name in ("labor_hours", "labor_cost")}
            for place in world.restaurants
        ]

    def _tell(self, now: datetime) -> None:
        """Send the summaries that are not as they were told last."""
        for row in self._books(now):
            for kind, names in (("sales", ("gross_sales",)), ("labor", ("labor_hours", "labor_cost"))):
                if row[names[0]] is None:
                    continue  # nothing sold or worked yet
                amounts = {name: float(str(row[name])) for name in names}
                summary = {"store_id": row["restaurant_guid"], "date": self._day.day.isoformat(), **amounts}
                if self._told.get((kind, str(row["restaurant_guid"]))) != summary:
                    self._told[kind, str(row["restaurant_guid"])] = summary
                    self.summaries.tell(kind, summary)

    def _line(self, now: datetime) -> str:
        events, summaries = self._customer.counts, self.summaries.counts
        return (
            f"{now:%Y-%m-%d %H:%M} UTC  events {events['delivered']:,} sent, {events['failed'] + events['withheld']:,} failed  "
            f"summaries {summaries['delivered']:,} sent, {summaries['failed']:,} failed  pending {self.pending:,}"
        )

    def _notice(self) -> None:
        """Say once of each thing that goes wrong what it is."""
        for what, answers in (("events", self._customer.answers), ("summaries", self.summaries.answers)):
            for name in answers:
                if not name.startswith("2") and f"{what} {name}" not in self._noticed:
                    self._noticed.add(f"{what} {name}")
                    self._say(f"the receiver's answer to {what}: {name}{_reason(what, name)}")
        if (status := self._customer.health.status(self._simulator.webhooks().sending.now)) not in ("active", *self._noticed):
            self._noticed.add(status)
            self._say(_STATES[status].format(id=self._customer.subscription.id))


def _reason(what: str, name: str) -> str:
    if name == "401":
        return ". It does not know the secret of --send-secret" if what == "events" else ". It does not know the key of --send-key"
    return {"404": ". Is --send its base address?", "no connection": ". Is it still running?"}.get(name, "")


def _sorted(answers: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(answers.items()))


# --- the command -------------------------------------------------------------------------------------------------------


def run(options: Options, send: Send) -> None:
    """Send a service day, and serve the API meanwhile. Ends the process with 0 when all has arrived, else with 1.

    An option that cannot be used, a taken port, or a receiver that is not there: one message on stderr and exit code 1.
    """
    say = _silent if send.json else _say
    try:
        _reach(send.url)
        world, day = open_day(options, datetime.now(UTC))
        listener = listening_socket(options)
        say(f"Making {day.day} of {_places(options.locations)} ...")
        prepare(world, day)
        speed = options.clock_speed or DEFAULT_SPEED
        app = assembled(options, world, Clock(world_start=day.begins, api_start=day.begins, speed=speed))
    except OptionError as error:
        if send.json:
            _document({"error": {"message": f"simulate: {error}"}})
        else:
            print(f"simulate: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    live = LiveDay(app.state.simulator, day, send, say)
    line = f"Toast simulator listening on {url_of(listener)}; sending {day.day} to {send.url} at {speed:g} simulated seconds per second"
    Server(app, lambda: say(line), live.run).run([listener])
    report = live.report()
    if send.json:
        _document(report)
    else:
        _say(summary(report))
    raise SystemExit(0 if live.is_complete else 1)


def prepare(world: World, day: Day) -> None:
    """Tell all stories before the clock runs."""
    for restaurant in world.restaurants:
        for _ in world.preparing(restaurant.guid, day.begins, day.ends):
            pass


def summary(report: dict[str, Any]) -> str:
    """The end, for a person."""
    events, summaries, books = report["events"], report["summaries"], report["books"]
    gross = sum((Decimal(row["gross_sales"]) for row in books if row["gross_sales"]), Decimal(0))
    orders, worked = (
        sum(row["orders"] or 0 for row in books),
        sum((Decimal(row["labor_hours"]) for row in books if row["labor_hours"]), Decimal(0)),
    )
    answers = ", ".join(f"{name}: {count:,}" for name, count in _sorted(Counter(events["answers"]) + Counter(summaries["answers"])).items())
    if report["interrupted"]:
        end = f"Interrupted: {events['pending'] + summaries['pending']:,} were still to be sent, and the rest of the day."
    elif report["complete"]:
        end = "All of it arrived."
    else:
        end = "Not all of it arrived. The receiver can still poll the API for what is missing, while this runs without --send."
    return "\n".join(
        (
            f"{report['business_date']}: {orders:,} orders, gross sales {gross:,.2f}, {worked:,.2f} hours of labor",
            f"  events     {events['delivered']:,} delivered, {events['failed']:,} failed, {events['withheld']:,} withheld; "
            f"{events['resends']:,} resends, {events['duplicates']:,} duplicates, {events['lost']:,} lost on purpose",
            f"  summaries  {summaries['delivered']:,} delivered, {summaries['failed']:,} failed",
            f"  answers    {answers or 'none'}",
            end,
        )
    )


def _reach(url: str) -> None:
    """Raises OptionError when nobody listens there."""
    try:
        _, host, port = postman.address(url)
    except ValueError as error:
        raise OptionError(f"--send is {error}") from None
    try:
        socket.create_connection((host, port), timeout=postman.CONNECT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OptionError(f"nobody answers at {url}: {reason}. Nothing was sent. Start the receiver first, then run this again.") from None


def _places(count: int) -> str:
    return "1 location" if count == 1 else f"{count} locations"


def _document(content: dict[str, Any]) -> None:
    print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode(), flush=True)


def _say(line: str) -> None:
    print(line, flush=True)


def _silent(line: str) -> None:
    pass
