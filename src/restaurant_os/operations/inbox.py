"""The inbox as statements that both databases understand: keep, claim, settle, count."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any, Literal, TypeAlias, cast

from restaurant_os.operations import Arrival, Event, InboxState, Outcome, Quarantined, Receipt, Settled
from restaurant_os.operations.database import MOST_VALUES, Dialect, Row, Session, instant, marks, micros, optional_instant, storable
from restaurant_os.operations.schema import CLAIMED, DONE, IS_OPEN, QUARANTINED, WAITING
from restaurant_os.text import printable

#: An index entry is bounded in Postgres (2.7 KB); a longer id is told again by its digest, a longer location is cut.
MOST_ID = 200
MOST_REASON = 2_000
#: A claim is still its owner's: values are the owner and now.
IS_HELD = f"state = {CLAIMED} AND owner = ? AND ready_at > ?"
#: Source and event id.
Identity: TypeAlias = tuple[str, str]
STATES: dict[Outcome, int] = {"done": DONE, "failed": WAITING, "quarantined": QUARANTINED, "again": WAITING}
COLUMNS = "sequence, source, event_id, kind, location, received_at, size"
OF_ARRIVAL = "sequence, source, event_id, kind, location, received_at, attempts"


def keep(session: Session, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Events in as few statements as can be: each gives the interpreter's lock away, and a busy server takes its time to return it."""
    ids = [_identity(one) for one in arrivals]
    known = _known(session, list({own for own in ids if own is not None}))
    first: dict[Identity, int] = {}
    for place, own in enumerate(ids):
        if own is not None and own not in known:
            first.setdefault(own, place)
    new = [place for place, own in enumerate(ids) if own is None or first.get(own) == place]
    kept = _insert(session, arrivals, ids, new) if new else {}
    # What another store has kept since, and what came twice in this commit.
    known.update(_known(session, [own for own, place in first.items() if place not in kept]))
    known.update({own: kept[place] for own, place in first.items() if place in kept})
    return [
        Receipt(kept[place], is_known=False) if place in kept else Receipt(known[cast(Identity, own)], is_known=True)
        for place, own in enumerate(ids)
    ]


def _insert(session: Session, arrivals: Sequence[Arrival], ids: Sequence[Identity | None], new: Sequence[int]) -> dict[int, int]:
    """Gives the sequences of those that nobody else has kept meanwhile, by their place among `arrivals`."""
    numbers = dict(zip(new, session.sequences(len(new)), strict=True))
    values: list[object] = []
    # In the order of their ids: two stores that insert the same ones in different orders would wait for each other for ever.
    for place in sorted(new, key=lambda place: ids[place] or ("", "")):
        one, own = arrivals[place], ids[place]
        kind, location = storable(one.kind), storable(one.location)[:MOST_ID]
        values += (numbers[place], one.source, own and own[1], kind, location, micros(one.received_at), len(one.body))
    into = f"INSERT INTO ops_inbox ({COLUMNS}) VALUES {marks(len(new), 7)} ON CONFLICT (source, event_id) DO NOTHING"
    if session.run(into, values) < len(new):
        present = {row[0] for row in in_lists(session, "SELECT sequence FROM ops_inbox WHERE sequence IN", list(numbers.values()))}
        numbers = {place: sequence for place, sequence in numbers.items() if sequence in present}
    bodies = chain.from_iterable((sequence, _headers(arrivals[place]), arrivals[place].body) for place, sequence in numbers.items())
    if numbers:
        session.run(f"INSERT INTO ops_bodies (sequence, headers, body) VALUES {marks(len(numbers), 3)}", list(bodies))
    return numbers


def _known(session: Session, ids: Sequence[Identity]) -> dict[Identity, int]:
    known: dict[Identity, int] = {}
    for source in {source for source, _ in ids}:
        asked = [event_id for of, event_id in ids if of == source]
        found = in_lists(session, "SELECT event_id, sequence FROM ops_inbox WHERE source = ? AND event_id IN", asked, [source])
        known.update({(source, event_id): sequence for event_id, sequence in found})
    return known


def _identity(arrival: Arrival) -> Identity | None:
    if arrival.event_id is None:
        return None
    event_id = storable(arrival.event_id)
    if len(event_id) > MOST_ID:
        event_id = "sha256:" + hashlib.sha256(event_id.encode()).hexdigest()
    return arrival.source, event_id


def _headers(arrival: Arrival) -> str:
    return json.dumps(dict(arrival.headers)) if arrival.headers else "{}"


def claim(session: Session, dialect: Dialect, owner: str, *, most: int, most_bytes: int, seconds: float) -> list[Row]:
    """Gives the rows (`OF_ARRIVAL`) of what `owner` has now; their bodies are read afterwards, while others write."""
    now = session.now()
    asked = f"SELECT size, {OF_ARRIVAL} FROM ops_inbox WHERE {IS_OPEN} AND ready_at <= ? ORDER BY sequence LIMIT ?{dialect.have_rows}"
    claimed: list[Row] = []
    for size, *row in session.rows(asked, [now, min(most, MOST_VALUES)]):
        most_bytes -= size
        if claimed and most_bytes < 0:
            break
        claimed.append(tuple(row))
    if claimed:
        until = now + round(seconds * 1_000_000)
        update = f"UPDATE ops_inbox SET state = {CLAIMED}, owner = ?, ready_at = ? WHERE sequence IN {marks(1, len(claimed))}"
        session.run(update, [owner, until, *(row[0] for row in claimed)])
    return claimed


def events(session: Session, claimed: Sequence[Row]) -> list[Event]:
    bodies = {
        sequence: (headers, body)
        for sequence, headers, body in in_lists(
            session, "SELECT sequence, headers, body FROM ops_bodies WHERE sequence IN", [row[0] for row in claimed]
        )
    }
    return [_event(row, *bodies.get(row[0], ("{}", b""))) for row in claimed]


def _event(row: Row, headers: str, body: bytes) -> Event:
    sequence, source, event_id, kind, location, received_at, attempts = row
    arrival = Arrival(
        source=cast(Literal["toast", "summary"], source),
        kind=kind,
        location=location,
        body=bytes(body),
        received_at=instant(received_at),
        event_id=event_id,
        headers=json.loads(headers),
    )
    return Event(sequence, arrival, attempts)


def settle(session: Session, owner: str, settled: Sequence[Settled]) -> int:
    """Events of one outcome share a statement: a batch has few different ones."""
    groups: defaultdict[tuple[Outcome, str, int], list[int]] = defaultdict(list)
    for one in settled:
        groups[one.outcome, one.reason, micros(one.retry_at) if one.retry_at else 0].append(one.sequence)
    now = session.now()
    held = 0
    for (outcome, reason, ready_at), sequences in groups.items():
        change = f"state = {STATES[outcome]}, owner = '', ready_at = ?, attempts = attempts + ?, reason = ?, settled_at = ?"
        values = [ready_at, int(outcome == "failed"), printable(storable(reason), MOST_REASON), now]
        for part in _parts(sequences):
            update = f"UPDATE ops_inbox SET {change} WHERE {IS_HELD} AND sequence IN {marks(1, len(part))}"
            held += session.run(update, [*values, owner, now, *part])
    return held


def renew(session: Session, owner: str, seconds: float) -> int:
    now = session.now()
    update = f"UPDATE ops_inbox SET ready_at = ? WHERE {IS_OPEN} AND {IS_HELD}"
    return session.run(update, [now + round(seconds * 1_000_000), owner, now])


def release(session: Session, owner: str) -> int:
    update = f"UPDATE ops_inbox SET state = {WAITING}, owner = '', ready_at = 0 WHERE {IS_OPEN} AND {IS_HELD}"
    return session.run(update, [owner, session.now()])


def owners(session: Session) -> list[str]:
    found = session.rows(f"SELECT DISTINCT owner FROM ops_inbox WHERE state = {CLAIMED} AND ready_at > ? ORDER BY 1", [session.now()])
    return [owner for (owner,) in found]


def is_any_ready(session: Session) -> bool:
    return bool(session.rows(f"SELECT 1 FROM ops_inbox WHERE {IS_OPEN} AND ready_at <= ? LIMIT 1", [session.now()]))


def state(session: Session) -> InboxState:
    is_claimed = f"(state = {CLAIMED} AND ready_at > ?)"
    now = session.now()
    counts = f"SELECT coalesce(sum(CASE WHEN {is_claimed} THEN 1 ELSE 0 END), 0), count(*), min(CASE WHEN {is_claimed} THEN NULL ELSE received_at END)"
    [(claimed, is_open, oldest)] = session.rows(f"{counts} FROM ops_inbox WHERE {IS_OPEN}", [now, now])
    [(quarantined,)] = session.rows(f"SELECT count(*) FROM ops_inbox WHERE state = {QUARANTINED}")
    # From one location to the next by the index: there are few locations and many events.
    received = session.rows("""
        WITH RECURSIVE places (location) AS (
          SELECT min(location) FROM ops_inbox WHERE location > ''
          UNION ALL
          SELECT (SELECT min(location) FROM ops_inbox WHERE location > places.location) FROM places WHERE places.location IS NOT NULL
        )
        SELECT location, (SELECT max(received_at) FROM ops_inbox WHERE ops_inbox.location = places.location)
        FROM places WHERE location IS NOT NULL""")
    return InboxState(
        pending=is_open - int(claimed),
        claimed=int(claimed),
        quarantined=quarantined,
        oldest_pending_at=optional_instant(oldest),
        received={location: instant(last) for location, last in received},
    )


def quarantined(session: Session, most: int) -> list[Quarantined]:
    asked = f"SELECT sequence, source, kind, location, received_at, attempts, reason FROM ops_inbox WHERE state = {QUARANTINED} ORDER BY sequence LIMIT ?"
    rows = session.rows(asked, [most])
    return [
        Quarantined(sequence, source, kind, place, instant(at), attempts, why) for sequence, source, kind, place, at, attempts, why in rows
    ]


def replay(session: Session, sequences: Collection[int] | None) -> int:
    again = f"UPDATE ops_inbox SET state = {WAITING}, ready_at = 0, attempts = 0, reason = '' WHERE state = {QUARANTINED}"
    if sequences is None:
        return session.run(again)
    return sum(session.run(f"{again} AND sequence IN {marks(1, len(part))}", part) for part in _parts(sorted(set(sequences))))


def in_lists(session: Session, sql: str, values: Sequence[Any], before: Sequence[object] = ()) -> list[Row]:
    """The rows of `sql`, which ends in IN, for a list of any length."""
    return [row for part in _parts(values) for row in session.rows(f"{sql} {marks(1, len(part))}", [*before, *part])]


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(values[start : start + MOST_VALUES]) for start in range(0, len(values), MOST_VALUES))
