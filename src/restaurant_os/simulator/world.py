"""A group of restaurants that live: every order of every business day, at every instant, from a seed.

A restaurant-day is generated when first asked for, from a generator seeded by (seed, restaurant, date). Its index (guids,
version times, postings) stays; the stories themselves are kept while room lasts and told again, the same, when it did not.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

from restaurant_os.simulator import books
from restaurant_os.simulator.books import Postings, Row, Sums, Writer
from restaurant_os.simulator.businessdays import DAY, HOUR, Arrivals, demand, to_datetime, to_ms
from restaurant_os.simulator.catalog import Shop, fit_out
from restaurant_os.simulator.dice import Dice
from restaurant_os.simulator.labor import Labor
from restaurant_os.simulator.people import CLOSED_BY_WEATHER, OFFLINE, Restaurant, found_restaurants
from restaurant_os.simulator.planting import DEAD_DAY, DEAD_SHARE, Planting
from restaurant_os.simulator.render import render
from restaurant_os.simulator.scenes import CASTING, PLAIN, PLAYS
from restaurant_os.simulator.story import LONGEST_LEAD, LONGEST_STORY, Author, DayFacts, Story, arrival
from restaurant_os.simulator.tills import Tills

__all__ = ["Change", "Restaurant", "Version", "World"]

_PARTIES_PER_DAY = 250  #: some parties make two orders
_STORIES_KEPT = 7_000  #: parties whose stories stay in memory; about 25 KB each with their JSON
_MOST_ORDERS = 10_000  #: on a restaurant-day, for packing a place in the index into one number
_SETTLED_AFTER = 6 * HOUR  #: from the last closeout to the end of history
_STAMPED_AFTER = HOUR  #: from a closeout until all its orders have their stamp


class Version(NamedTuple):
    """One state of an order, as the API shows it from `modified` until the next one."""

    guid: str
    modified: datetime  #: aware UTC, whole milliseconds
    body: bytes  #: the Order object as JSON


class Change(NamedTuple):
    """A version of an order when it was made, its JSON not written yet; `World.written` gives that."""

    restaurant_guid: str
    order_guid: str
    instant: int  #: ms, when it was made; of an order that was hidden, when its present version was
    dates: frozenset[int]  #: the business dates (ordinals) that the order ever carries
    place: tuple[_Day, int, int]  #: where the world finds it


class _Party(NamedTuple):
    number: int
    arrival: int
    scene: str
    seed: int


class _Plan(NamedTuple):
    """Who comes on a restaurant-day, when, and what will happen to them: none of it told yet."""

    facts: DayFacts
    parties: list[_Party]


class _Day:
    """The index of one restaurant-day: the day on which its stories begin, which need not be the business date they carry.

    Flat arrays, since a year of a group has a million orders. Order n has the versions `starts[n]` to `starts[n + 1]`.
    """

    __slots__ = ("_by_time", "_cash", "beyond", "dates", "guids", "later", "ordinal", "places", "postings", "starts", "times")

    def __init__(self, ordinal: int, opens: int) -> None:
        self.ordinal = ordinal
        self.postings = Postings(opens, ordinal)
        self.later = Postings(opens, ordinal)  #: postings of parties with an order that reaches beyond `last_day`
        self.beyond = array("b")  #: whether an order is of such a party
        self.guids: list[str] = []
        self.places = array("i")  #: which party tells it, times two, plus one if it is that party's second order
        self.starts = array("i", [0])
        self.times = array("q")  #: instants of all versions (ms)
        self.dates = array("i")  #: the business dates (ordinals) they carry
        self._cash: list[tuple[int, int, int]] | None = None
        self._by_time: array[int] | None = None

    def add(self, story: Story, party: int, nth: int, *, beyond: bool) -> None:
        self.guids.append(story.guid)
        self.beyond.append(beyond)
        self.places.append(party * 2 + nth)
        self.times.extend(story.times)
        self.dates.extend(story.dates)
        self.starts.append(len(self.times))

    def cash(self) -> list[tuple[int, int, int]]:
        """Each change of the cash that its orders brought: instant (ms), business date (ordinal), cents."""
        if self._cash is None:
            self._cash = [*self.postings.cash(), *self.later.cash()]
        return self._cash

    def made(self, low: int, high: int) -> array[int]:
        """The versions (places in `times`) made in (low, high], oldest first."""
        when = self.times.__getitem__
        if self._by_time is None:
            self._by_time = array("i", sorted(range(len(self.times)), key=when))
        return self._by_time[bisect_right(self._by_time, low, key=when) : bisect_right(self._by_time, high, key=when)]

    def current(self, n: int, instant: int, *, standing: bool) -> int | None:
        """The version (its place in `times`) that order n has at an instant; None before its first, or while it must not be seen."""
        if standing and self.beyond[n]:
            return None
        start = self.starts[n]
        version = bisect_right(self.times, instant, start, self.starts[n + 1]) - 1
        return version if version >= start else None


class World:
    """All restaurants from `first_day` on, past `last_day` too, as far as the asker's `at` reaches.

    `at` is always included: a version made at that very millisecond is seen.

    Until `history_end` the world is its `days` business dates and nothing else, so that it can be judged to the cent: each
    restaurant stands at the end of its own `last_day`, and what is promised for a later day is not there yet.
    """

    def __init__(self, *, seed: int, locations: int, days: int, last_day: date, demand: float = 1.0, plant: bool = False) -> None:
        if locations < 1 or days < 1:
            raise ValueError(f"a world needs at least one location and one day, not {locations} and {days}")
        self.seed = seed
        self.demand = demand  #: a share of the usual parties
        self.planting = Planting(last_day.toordinal()) if plant else None
        self.restaurants: tuple[Restaurant, ...] = found_restaurants(seed, locations, last_day)
        self.last_day = last_day
        self.first_day = last_day - timedelta(days=days - 1)
        self._shops: dict[str, Shop] = {r.guid: fit_out(seed, r) for r in self.restaurants}
        closed = max(shop.calendar.closes(last_day.toordinal()) for shop in self._shops.values())
        self.history_end = to_datetime(closed + _SETTLED_AFTER)
        self._days: dict[tuple[str, int], _Day] = {}
        self._guids: dict[str, dict[str, int]] = {r.guid: {} for r in self.restaurants}  # ordinal * _MOST_ORDERS + n
        self._plan = lru_cache(maxsize=256)(self._plan_day)
        self._stories: OrderedDict[tuple[str, int, int], list[Story]] = OrderedDict()
        self.tills = Tills(self)

    @cached_property
    def labor(self) -> Labor:
        """Who works in the restaurants, and when."""
        return Labor(self.seed, self._shops, self.first_day, self.last_day, self.moment, self.planting)

    # --- what the API asks ----------------------------------------------------------------------------------------------

    def by_business_date(self, restaurant_guid: str, day: date, at: datetime) -> list[Version]:
        """The orders whose version at `at` carries that business date; a promised order has its promised day's."""
        (instant, standing), ordinal = self.moment(restaurant_guid, at), day.toordinal()
        found = []
        for index in self._begun(restaurant_guid, ordinal - LONGEST_LEAD, ordinal, instant):
            for n in range(len(index.guids)):
                version = index.current(n, instant, standing=standing)
                if version is not None and index.dates[version] == ordinal:
                    found.append(self._version(restaurant_guid, index, n, version))
        return found

    def by_modified(self, restaurant_guid: str, start: datetime, end: datetime, at: datetime) -> list[Version]:
        """The orders whose version at `at` was made in [start, end)."""
        (instant, standing), low, high = self.moment(restaurant_guid, at), to_ms(start), to_ms(end)
        calendar = self._shops[restaurant_guid].calendar
        found = []
        for index in self._begun(restaurant_guid, calendar.date_of(low - LONGEST_STORY), calendar.date_of(min(high, instant)), instant):
            for n in range(len(index.guids)):
                version = index.current(n, instant, standing=standing)
                if version is not None and low <= index.times[version] < high:
                    found.append(self._version(restaurant_guid, index, n, version))
        return found

    def order(self, restaurant_guid: str, order_guid: str, at: datetime) -> Version | None:
        """One order as it stands at `at`; None if the restaurant has none of that guid by then."""
        instant, standing = self.moment(restaurant_guid, at)
        for _ in self._begun(restaurant_guid, 0, self._shops[restaurant_guid].calendar.date_of(instant), instant):
            pass
        place = self._guids[restaurant_guid].get(order_guid)
        if place is None:
            return None
        ordinal, n = divmod(place, _MOST_ORDERS)
        index = self._days[restaurant_guid, ordinal]
        version = index.current(n, instant, standing=standing)
        return None if version is None else self._version(restaurant_guid, index, n, version)

    def changes(self, restaurant_guid: str, after: datetime, until: datetime) -> list[Change]:
        """Every version of an order that was made after one instant and up to another, in the order they were made.

        When the world begins to live in between, the orders that were hidden until then are among them, as they stood.
        """
        (low, stood), (high, stands) = self.moment(restaurant_guid, after), self.moment(restaurant_guid, until)
        found = []
        for index in self._touched(restaurant_guid, low, high):
            places = list(index.made(low, high))
            owners = [bisect_right(index.starts, version) - 1 for version in places]
            if stood and not stands:
                hidden = [(n, index.current(n, low, standing=False)) for n in range(len(index.guids)) if index.beyond[n]]
                owners += [n for n, version in hidden if version is not None]
                places += [version for _, version in hidden if version is not None]
            for n, version in zip(owners, places, strict=True):
                if not (stands and index.beyond[n]):
                    dates = frozenset(index.dates[index.starts[n] : index.starts[n + 1]])
                    found.append(Change(restaurant_guid, index.guids[n], index.times[version], dates, (index, n, version)))
        return sorted(found, key=lambda change: change.instant)

    def preparing(self, restaurant_guid: str, after: datetime, until: datetime) -> Iterator[None]:
        """Tell the days that `changes` will look at, one at each step, so that an asker can do other things in between."""
        low, high = self.moment(restaurant_guid, after)[0], self.moment(restaurant_guid, until)[0]
        for _ in self._touched(restaurant_guid, low, high, untold=True):
            yield

    def written(self, change: Change) -> Version:
        """A change as the API showed it."""
        return self._version(change.restaurant_guid, *change.place)

    def books(self, at: datetime, day: date | None = None) -> list[Row]:
        """What the world knows at `at`: a row per restaurant and business date (of one `day` alone if given), money as decimal strings."""
        return [row for guid, sums in self._sums(at, day) for row in books.written(guid, sums, books.sold)]

    def sales_books(self, at: datetime, day: date | None = None) -> list[Row]:
        """The same in full, and ordered by guid."""
        return self._written(at, day, books.sales)

    def close_books(self, at: datetime, day: date | None = None) -> list[Row]:
        """What was owed against what was paid, on each business date."""
        return self._written(at, day, books.close)

    def cash_books(self, at: datetime, day: date | None = None) -> list[Row]:
        """What cash there should be, and what was brought to the bank, on each business date."""
        table: list[Row] = []
        for guid, sums in sorted(self._sums(at, day), key=lambda found: found[0]):
            instant, standing = self.moment(guid, at)
            last = self._last_begun(guid, instant, standing)
            dates = set(sums) | set(range(self.first_day.toordinal(), last + 1) if day is None else [day.toordinal()])
            for ordinal in sorted(ordinal for ordinal in dates if ordinal <= last):
                known = sums.get(ordinal, books.NOTHING)
                if row := self.tills.book(guid, ordinal, instant, known.cash, known.cash_refunds):
                    table.append(row)
        return table

    def _written(self, at: datetime, day: date | None, write: Writer) -> list[Row]:
        return [row for guid, sums in sorted(self._sums(at, day)) for row in books.written(guid, sums, write)]

    def _sums(self, at: datetime, day: date | None) -> Iterator[tuple[str, dict[int, Sums]]]:
        """For each restaurant, what its business dates hold at `at`; of one `day` alone if given."""
        only = None if day is None else day.toordinal()
        for restaurant in self.restaurants:
            instant, standing = self.moment(restaurant.guid, at)
            last = self._shops[restaurant.guid].calendar.date_of(instant)
            low = 0 if only is None else only - LONGEST_STORY // DAY
            days = self._begun(restaurant.guid, low, last if only is None else min(last, only), instant)
            piles = (pile.until(instant) for index in days for pile in ((index.postings,) if standing else (index.postings, index.later)))
            yield restaurant.guid, books.totals(piles, only, self.last_day.toordinal() if standing else None)

    def _last_begun(self, restaurant_guid: str, instant: int, standing: bool) -> int:
        """The last business date (ordinal) that is there to be seen."""
        begun = self._shops[restaurant_guid].calendar.date_of(instant)
        return min(begun, self.last_day.toordinal()) if standing else begun

    def scenes(self, at: datetime) -> Counter[str]:
        """How often each scene is played in the days begun by `at`."""
        cast: Counter[str] = Counter()
        for shop in self._shops.values():
            for ordinal in self._ordinals(shop, 0, shop.calendar.date_of(to_ms(at)), to_ms(at)):
                cast.update(party.scene for party in self._plan(shop.restaurant.guid, ordinal).parties)
        return cast

    # --- what its parts ask ---------------------------------------------------------------------------------------------

    @property
    def shops(self) -> Mapping[str, Shop]:
        return self._shops

    def moment(self, restaurant_guid: str, at: datetime) -> tuple[int, bool]:
        """The instant (ms) that a restaurant shows at `at`, and whether the world stands at the end of its history."""
        instant = to_ms(at)
        if at > self.history_end:
            return instant, False
        return min(instant, self._shops[restaurant_guid].calendar.closes(self.last_day.toordinal()) + _STAMPED_AFTER), True

    def facts(self, restaurant_guid: str, ordinal: int) -> DayFacts:
        """What a business day of a restaurant is like, without who comes."""
        shop = self._shops[restaurant_guid]
        return self._facts(shop, ordinal, self._day_dice(shop, ordinal))

    def trading(self, shop: Shop, first: int, last: int, instant: int) -> list[int]:
        """The business days in [first, last] on which the restaurant trades, begun by an instant (ms)."""
        return [ordinal for ordinal in self._ordinals(shop, first, last, instant) if not self._is(shop, ordinal, CLOSED_BY_WEATHER)]

    def arrives(self, shop: Shop, instant: int) -> int:
        """When the platform learns of what happens at an instant (ms): at once, unless the line is down."""
        today = shop.calendar.date_of(instant)
        outages = (self._outage(shop, ordinal) for ordinal in (today - 1, today))
        return next((arrival(outage, instant) for outage in outages if outage and outage[0] <= instant < outage[1]), instant)

    def cash_taken(self, restaurant_guid: str, ordinal: int, instant: int) -> int:
        """Cash payments of a business date less its cash refunds, as known at an instant (ms); in cents."""
        days = self._begun(restaurant_guid, ordinal - LONGEST_STORY // DAY, ordinal, instant)
        return sum(cents for index in days for at, day, cents in index.cash() if day == ordinal and at <= instant)

    # --- what a test changes --------------------------------------------------------------------------------------------

    def change_hours(self, restaurant_guid: str, timezone: str, closeout_hour: int, at: datetime) -> date:
        """Change when business days begin; gives the first one that does so. The restaurant says the new hours at once.

        That is the second after the present one: the present one, and so the beginning of the next, cannot change, for they may
        have been read. Everything that lies ahead is told anew, and what is past comes out the same.
        """
        shop, today = self._shops[restaurant_guid], self._shops[restaurant_guid].calendar.date_of(self.moment(restaurant_guid, at)[0])
        labor, before, first = self.labor, shop.calendar.copy(), today + 2
        shop.calendar.change(first, timezone, closeout_hour)
        labor.change_hours(restaurant_guid, before, today)
        for key in [key for key in self._days if key[0] == restaurant_guid and key[1] > today - LONGEST_STORY // DAY - LONGEST_LEAD]:
            del self._days[key]
        self._stories.clear()
        self._plan.cache_clear()
        self.restaurants = tuple(
            replace(each, timezone=timezone, closeout_hour=closeout_hour) if each.guid == restaurant_guid else each
            for each in self.restaurants
        )
        return date.fromordinal(first)

    # --- how it is made -------------------------------------------------------------------------------------------------

    def _begun(self, restaurant_guid: str, first: int, last: int, instant: int) -> Iterator[_Day]:
        """The indexes of the restaurant's days in [first, last] that have begun by an instant (ms)."""
        shop = self._shops[restaurant_guid]
        for ordinal in self._ordinals(shop, first, last, instant):
            key = restaurant_guid, ordinal
            index = self._days.get(key)
            if index is None:
                index = self._days[key] = self._make_day(restaurant_guid, ordinal)
            yield index

    def _touched(self, restaurant_guid: str, low: int, high: int, *, untold: bool = False) -> Iterator[_Day]:
        """The indexes of the days whose orders may have changed in (low, high] (ms); of those not told yet alone if asked."""
        shop = self._shops[restaurant_guid]
        for ordinal in self._ordinals(shop, shop.calendar.date_of(low - LONGEST_STORY), shop.calendar.date_of(high), high):
            if not (untold and (restaurant_guid, ordinal) in self._days):
                yield from self._begun(restaurant_guid, ordinal, ordinal, high)

    def _ordinals(self, shop: Shop, first: int, last: int, instant: int) -> range:
        """The business days in [first, last] since the restaurant opened, begun by an instant (ms)."""
        first = max(first, self.first_day.toordinal(), shop.restaurant.first_business_date.toordinal())
        return range(first, min(last, shop.calendar.date_of(instant)) + 1)

    def _plan_day(self, restaurant_guid: str, ordinal: int) -> _Plan:
        shop = self._shops[restaurant_guid]
        dice = self._day_dice(shop, ordinal)
        facts = self._facts(shop, ordinal, dice)
        arrivals = Arrivals(shop.calendar, ordinal)
        count = round(_PARTIES_PER_DAY * shop.busyness * demand(ordinal) * (0.92 + 0.16 * dice.random()) * self.demand)
        if self._is(shop, ordinal, CLOSED_BY_WEATHER):
            count = 0
        elif self.planting and self.planting.has(DEAD_DAY, shop.restaurant.index, ordinal):
            count = round(count * DEAD_SHARE)
        times = sorted(arrivals.draw(dice) for _ in range(count))
        parties = [_Party(n, t, CASTING.draw(dice), dice.getrandbits(62)) for n, t in enumerate(times, start=1)]
        if self.planting:
            parties = [party._replace(scene=PLAIN) if self.planting.is_spared(party.scene, party.seed) else party for party in parties]
        return _Plan(facts, parties)

    def _day_dice(self, shop: Shop, ordinal: int) -> Dice:
        return Dice(f"{self.seed}/day/{shop.restaurant.index}/{ordinal}")

    def _facts(self, shop: Shop, ordinal: int, dice: Dice) -> DayFacts:
        calendar = shop.calendar
        opens, closes = calendar.opens(ordinal), calendar.closes(ordinal)
        dish = dice.pick(shop.menu.draw(dice))
        new_price = max(dish.cents + dice.pick((-200, -150, 100, 175)), 100)
        return DayFacts(ordinal, opens, closes, calendar.at(ordinal, 12), dish, new_price, self._outage(shop, ordinal))

    def _is(self, shop: Shop, ordinal: int, special: tuple[int, int]) -> bool:
        """Whether a restaurant-day is a special one: of that index, so many days before the world's last."""
        return (shop.restaurant.index, self.last_day.toordinal() - ordinal) == special

    def _outage(self, shop: Shop, ordinal: int) -> tuple[int, int] | None:
        """From when until when a restaurant-day's line is down (ms)."""
        if not self._is(shop, ordinal, OFFLINE):
            return None
        return shop.calendar.opens(ordinal), shop.calendar.closes(ordinal) + 8 * HOUR

    def _make_day(self, restaurant_guid: str, ordinal: int) -> _Day:
        """Tell every story of a day once, for its index and its postings."""
        plan = self._plan(restaurant_guid, ordinal)
        index = _Day(ordinal, plan.facts.opens)
        guids = self._guids[restaurant_guid]
        last = self.last_day.toordinal()
        for party in range(len(plan.parties)):
            own = Postings(plan.facts.opens, ordinal)
            stories = self._tell(restaurant_guid, ordinal, party, own)
            beyond = any(day > last for story in stories for day in story.dates)
            (index.later if beyond else index.postings).take(own)
            for nth, story in enumerate(stories):
                guids[story.guid] = ordinal * _MOST_ORDERS + len(index.guids)
                index.add(story, party, nth, beyond=beyond)
        return index

    def _tell(self, restaurant_guid: str, ordinal: int, party: int, postings: Postings | None = None) -> list[Story]:
        """Tell one party's stories, and keep them while there is room."""
        facts, parties = self._plan(restaurant_guid, ordinal)
        number, arrival, scene, seed = parties[party]
        author = Author(self._shops[restaurant_guid], facts, number, arrival, seed, postings)
        PLAYS[scene](author)
        self._stories[restaurant_guid, ordinal, party] = author.stories
        if len(self._stories) > _STORIES_KEPT:
            self._stories.popitem(last=False)
        return author.stories

    def _version(self, restaurant_guid: str, index: _Day, n: int, version: int) -> Version:
        party, nth = divmod(index.places[n], 2)
        key = restaurant_guid, index.ordinal, party
        stories = self._stories.get(key)
        if stories is None:
            stories = self._tell(*key)
        else:
            self._stories.move_to_end(key)
        story, number = stories[nth], version - index.starts[n]
        body = story.bodies.get(number)
        if body is None:
            body = story.bodies[number] = render(story.states[number])
        return Version(story.guid, to_datetime(index.times[version]), body)
