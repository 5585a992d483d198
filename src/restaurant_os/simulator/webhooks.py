"""Toast's webhooks out of the simulated world: what happens in it becomes events, and events are sent to who subscribed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf

from restaurant_os.simulator import postman
from restaurant_os.simulator.call import Simulator
from restaurant_os.simulator.clock import Clock
from restaurant_os.simulator.envelopes import ORDER_CATEGORIES, Event, Subscription
from restaurant_os.simulator.errors import OptionError
from restaurant_os.simulator.happenings import Happening, Happenings
from restaurant_os.simulator.sending import Customer, Sending, Span

#: Real seconds between two looks at the world.
TICK = 0.05


class Webhooks:
    """Looks at the world at every turn and sends what has happened since the last one.

    Its time passes with the world's clock or, where that stands still, with the API's.
    """

    def __init__(self, simulator: Simulator, post: postman.Post = postman.post) -> None:
        self._simulator = simulator
        self._happenings = Happenings(simulator)
        self._seen = _Reading(simulator.clock)
        self.sending = Sending(post, lambda: simulator.clock.world().isoformat(timespec="milliseconds"))

    @property
    def read_to(self) -> datetime:
        """The instant of the world up to which everything has become events."""
        return self._happenings.read_to

    # --- who is sent what ---------------------------------------------------------------------------------------------

    def subscribe(
        self,
        url: str,
        category: str,
        secret: str,
        *,
        stamped_by_api: bool = False,
        since: datetime | None = None,
        is_wanted: Callable[[Event], bool] = lambda event: True,
    ) -> Subscription:
        """Send events of a category from now on, or for the first subscription from an earlier instant of the world.

        Raises:
            OptionError: the URL is none.
        """
        try:
            postman.address(url)
        except ValueError as error:
            raise OptionError(f"url is {error}") from None
        if not self.sending.customers:
            self._happenings.skip(since or self._simulator.clock.world())
        if category == "menus":
            self._happenings.watch_menus()
        subscription = Subscription(uuid.uuid4().hex[:12], url, category, secret, stamped_by_api, is_wanted)
        self.sending.customers[subscription.id] = Customer(subscription)
        return subscription

    def switch_off(self, seconds: float | None, since: float | None = None) -> None:
        """Send nothing for so many simulated seconds, or until told to; what happens meanwhile is never sent."""
        begins = self.sending.now if since is None else since
        self.sending.off = Span(begins, inf if seconds is None else begins + seconds)

    def switch_on(self) -> None:
        self.sending.off.ends = min(self.sending.off.ends, self.sending.now)

    # --- as time passes -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take turns until cancelled; then break off what is under way."""
        try:
            while True:
                await self.turn()
                await asyncio.sleep(TICK)
        finally:
            await self.sending.stop()

    async def turn(self) -> None:
        """Make events of what happened since the last turn, and begin to send what is due."""
        sending, world, before = self.sending, self._simulator.clock.world(), self.sending.now
        sending.now += self._seen.passed(self._simulator.clock)
        now = sending.now
        if not sending.customers:
            self._happenings.skip(world)
            return
        categories = {customer.subscription.category for customer in sending.customers.values()}
        for happening in await self._happenings.until(world, categories):
            self._tell(happening, max(before, now - (world - happening.at).total_seconds()))
        sending.dispatch()

    def _tell(self, happening: Happening, due: float) -> None:
        """Make an event of what happened and have it sent to all who want it, as the faults allow."""
        event = self._event(happening)
        wanting = [customer for customer in self.sending.customers.values() if _wants(customer.subscription, event)]
        if not wanting:
            return
        fault = self._simulator.faults.at
        if off := fault("webhooks_off", event.category):
            self.switch_off(off.seconds, since=due)
        if happening.order_guid is not None:
            event.is_padded = fault("padded_order", event.category) is not None
            if broken := fault("broken_event", event.category):
                event.breakage = broken.happened
        lost = fault("lost_event", event.category)
        late, again = fault("late_event", event.category), fault("duplicate_event", event.category)
        for customer in wanting:
            customer.counts["events"] += 1
            if lost:
                customer.counts["lost"] += 1
                continue
            first = due + (late.seconds if late else 0.0)
            self.sending.add(customer, event, first)
            if again:
                customer.counts["duplicates"] += 1
                self.sending.add(customer, event, first + again.seconds)

    def _event(self, happening: Happening) -> Event:
        simulator = self._simulator
        return Event(
            # Not of the seed: to a receiver a guid that it knows is an event that it had.
            guid=str(uuid.uuid4()),
            category=happening.category,
            kind=happening.kind,
            restaurant_guid=happening.restaurant_guid,
            order_guid=happening.order_guid,
            at=happening.at,
            real=datetime.fromtimestamp(simulator.limits.now(), UTC),
            api=simulator.clock.api(),
            details=happening.details,
            dates=happening.dates,
        )


def _wants(subscription: Subscription, event: Event) -> bool:
    own = ORDER_CATEGORIES if event.category in ORDER_CATEGORIES else (event.category,)
    return subscription.category in own and subscription.is_wanted(event)


class _Reading:
    """How far the clocks have moved since they were read last. Another clock may be put in their place."""

    def __init__(self, clock: Clock) -> None:
        self._world, self._api = clock.world(), clock.api()

    def passed(self, clock: Clock) -> float:
        """Simulated seconds, by the clock that moved further."""
        world, api = clock.world(), clock.api()
        moved = max(world - self._world, api - self._api, timedelta(0))
        self._world, self._api = world, api
        return moved.total_seconds()
