"""Incidents, messages on their way out, how channels do and up to where changed days are read, as statements that both databases understand.

Incidents and messages stand as JSON: decimals as text, exact; halves of surrogate pairs become `?`, a NUL is an escape like any other. Whoever
changes incidents or deliveries excludes the others meanwhile: what a statement finds is then as it is when the next one writes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, TypeVar, cast

import msgspec

from restaurant_os.alerting import ChannelHealth, Delivery, DeliveryState, Incident, Message, Record, State
from restaurant_os.boundaries import crossing
from restaurant_os.operations.database import MOST_VALUES, Row, Session, instant, marks, micros, optional_instant, storable
from restaurant_os.operations.house import MOST_ERROR, MOST_PURGED
from restaurant_os.operations.inbox import MOST_ID, in_lists
from restaurant_os.text import printable

Value = TypeVar("Value")
#: Days; `keep_days` of [alerts] says otherwise.
KEEP_DAYS = 90
#: No period is longer, wherever its days begin: an incident of one that may not be over is kept, for it may open again.
MOST_PERIOD = timedelta(days=9)
#: An incident's id, or its first digits.
DIGITS_OF_ID = 16
DIGITS = re.compile(f"[0-9a-f]{{4,{DIGITS_OF_ID}}}")
OPEN_STATES: tuple[State, ...] = ("watching", "open")
OF_INCIDENT = "incident_id, location, period, state, began_at, updated_at, version, body"
CHANGED = ", ".join(f"{name} = excluded.{name}" for name in OF_INCIDENT.split(", ")[3:])
#: In the words of its index.
IS_TO_SEND = "state IN ('pending', 'sending')"
IS_READY = f"{IS_TO_SEND} AND CASE state WHEN 'pending' THEN ready_at ELSE claimed_until END <= ?"
#: No message of the channel is on its way. Values of `IS_READY` and this: now, now.
IS_FREE = f"NOT EXISTS (SELECT 1 FROM ops_outbox o WHERE {IS_TO_SEND} AND state = 'sending' AND claimed_until > ? AND channel = ops_outbox.channel)"
OF_DELIVERY = "delivery_id, channel, delivery_key, message_group, is_edit, state, created_at, ready_at, attempts, is_repeated, sent_at, sent_id, error, message"


# --- incidents ----------------------------------------------------------------------------------------------------


def incidents(session: Session, states: Collection[State], since: date | None, locations: Collection[str], most: int) -> list[Incident]:
    wanted: list[str] = []
    values: list[object] = []
    for column, chosen in (("state", sorted(set(states))), ("location", sorted({_short(one) for one in locations}))):
        if chosen:
            wanted.append(f"{column} IN {marks(1, len(chosen))}")
            values += chosen
    if since:
        wanted.append("period >= ?")
        values.append(since.isoformat())
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    asked = f"SELECT body FROM ops_incidents {where} ORDER BY period DESC, began_at DESC, incident_id LIMIT ?"
    return [_decoded(body, Incident) for (body,) in session.rows(asked, [*values, most])]


def find_incidents(session: Session, incident_ids: Collection[str]) -> list[Incident]:
    """Anything that is no id, nor the beginning of one, finds nothing."""
    given = {own for own in (text.strip().lower() for text in incident_ids) if DIGITS.fullmatch(own)}
    whole = {own for own in given if len(own) == DIGITS_OF_ID}
    asked = "SELECT incident_id, body FROM ops_incidents WHERE incident_id"
    found: dict[str, str] = dict(in_lists(session, f"{asked} IN", sorted(whole)))
    for own in sorted(given - whole):
        found.update(session.rows(f"{asked} LIKE ?", [f"{own}%"]))
    known = sorted((_decoded(body, Incident) for body in found.values()), key=lambda own: own.incident_id)
    return sorted(known, key=lambda own: (own.period, _began_at(own)), reverse=True)


def record(session: Session, record: Record) -> int | None:
    """Gives how much was written; None: an incident is of another version, and nothing was."""
    session.exclude_others()
    asked = "SELECT incident_id, version FROM ops_incidents WHERE incident_id IN"
    versions: dict[str, int] = dict(in_lists(session, asked, sorted({own.incident_id for own in record.incidents})))
    changed: dict[str, Incident] = {}
    for own in record.incidents:
        if versions.get(own.incident_id, 0) != own.version:
            return None
        versions[own.incident_id] = own.version + 1
        changed[own.incident_id] = replace(own, version=own.version + 1)
    _keep_incidents(session, list(changed.values()))
    for own in changed.values():
        if own.muted_until:
            _take_back(session, own)
    new = [own for own in _unknown(session, record.deliveries) if not own.only_in_place or _has_place(session, own)]
    if new:
        with crossing("outbox"):
            for delivery in new:
                _keep_delivery(session, delivery)
    if record.mark:
        _keep_mark(session, *record.mark)
    return len(changed) + len(new) + bool(record.mark)


def _keep_incidents(session: Session, changed: Sequence[Incident]) -> None:
    rows = [_incident_row(own) for own in changed]
    of_one = OF_INCIDENT.count(",") + 1
    for part in _parts(rows, MOST_VALUES // of_one):
        into = f"INSERT INTO ops_incidents ({OF_INCIDENT}) VALUES {marks(len(part), of_one)}"
        session.run(f"{into} ON CONFLICT (incident_id) DO UPDATE SET {CHANGED}", list(chain.from_iterable(part)))


def _take_back(session: Session, muted: Incident) -> None:
    """What waits to be told of an incident that is muted now is not told, unless it tells of another that is open too."""
    asked = "SELECT body FROM ops_incidents WHERE location = ? AND period = ? AND state = 'open'"
    found = session.rows(asked, [_short(muted.location), muted.period.isoformat()])
    if not any(own.group == muted.group and own.muted_until is None for own in (_decoded(body, Incident) for (body,) in found)):
        session.run("DELETE FROM ops_outbox WHERE state = 'pending' AND message_group = ?", [_short(muted.group)])


def _incident_row(own: Incident) -> Row:
    began_at, updated_at = micros(_began_at(own)), micros(own.updated_at)
    return own.incident_id, _short(own.location), own.period.isoformat(), own.state, began_at, updated_at, own.version, _encoded(own)


def _began_at(own: Incident) -> datetime:
    return own.opened_at or own.since


def mark(session: Session, reader: str) -> int:
    rows = session.rows("SELECT sequence FROM ops_marks WHERE reader = ?", [_short(reader)])
    return rows[0][0] if rows else 0


def _keep_mark(session: Session, reader: str, sequence: int) -> None:
    """As it is given: after the warehouse was replaced its sequences begin anew."""
    into = f"INSERT INTO ops_marks (reader, sequence) VALUES {marks(1, 2)}"
    session.run(f"{into} ON CONFLICT (reader) DO UPDATE SET sequence = excluded.sequence", [_short(reader), sequence])


# --- what is told of them -----------------------------------------------------------------------------------------


def _unknown(session: Session, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those whose key is new to their channel, each once."""
    of_channels: dict[str, dict[str, Delivery]] = {}
    for own in deliveries:
        of_channels.setdefault(_short(own.channel), {}).setdefault(_short(own.key), own)
    for channel, of_keys in of_channels.items():
        asked = "SELECT delivery_key FROM ops_outbox WHERE channel = ? AND delivery_key IN"
        for (known,) in in_lists(session, asked, list(of_keys), [channel]):
            del of_keys[known]
    return [own for own in deliveries if of_channels[_short(own.channel)].get(_short(own.key)) is own]


def _has_place(session: Session, own: Delivery) -> bool:
    """Whether one of its group waits, or is being sent and may come back. What says that somebody is back is left: no later one would."""
    if not own.group:
        return False
    asked = f"SELECT message FROM ops_outbox WHERE {IS_TO_SEND} AND channel = ? AND message_group = ?"
    kinds = {_decoded(body, Message).kind for (body,) in session.rows(asked, [_short(own.channel), _short(own.group)])}
    return bool(kinds) and "recovered" not in kinds


def _keep_delivery(session: Session, own: Delivery) -> None:
    pending = _pending(session, own.channel, own.group)
    if pending:
        _take_place(session, pending, own)
        return
    columns = "channel, delivery_key, message_group, is_edit, state, created_at, ready_at, attempts, is_repeated, sent_id, error, message"
    names = [_short(own.channel), _short(own.key), _short(own.group), int(own.is_edit), "pending"]
    values = [*names, micros(own.created_at), micros(own.ready_at), 0, int(own.is_repeated), "", "", _encoded(own.message)]
    session.run(f"INSERT INTO ops_outbox ({columns}) VALUES {marks(1, len(values))}", values)


def _pending(session: Session, channel: str, group: str) -> list[Delivery]:
    """Of one group, the oldest first."""
    if not group:
        return []
    asked = f"SELECT {OF_DELIVERY} FROM ops_outbox WHERE state = 'pending' AND channel = ? AND message_group = ? ORDER BY created_at, delivery_id"
    return [_delivery(row) for row in session.rows(asked, [_short(channel), _short(group)])]


def _take_place(session: Session, pending: Sequence[Delivery], newest: Delivery) -> None:
    """Let the first of `pending` say what `newest` says; the others go.

    Nobody was told what waited: where that was a new message, an edit that takes its place is new too, goes no sooner than it might have, and may be a
    repeat where it may have arrived.
    """
    first, *others = pending
    told = [own for own in pending if newest.is_edit and not own.is_edit]
    ready_at = max([newest.ready_at, *(own.ready_at for own in told)])
    is_repeated = newest.is_repeated or any(own.is_repeated for own in told)
    if others:
        session.run(f"DELETE FROM ops_outbox WHERE delivery_id IN {marks(1, len(others))}", [own.delivery_id for own in others])
    change = "delivery_key = ?, is_edit = ?, ready_at = ?, attempts = ?, is_repeated = ?, error = ?, message = ?"
    is_edit = newest.is_edit and not told
    values = [_short(newest.key), int(is_edit), micros(ready_at), newest.attempts, int(is_repeated), _reason(newest.error)]
    session.run(f"UPDATE ops_outbox SET {change} WHERE delivery_id = ?", [*values, _encoded(newest.message), first.delivery_id])


def claim_delivery(session: Session, channels: Collection[str], owner: str, seconds: float) -> Delivery | None:
    if not channels:
        return None
    session.exclude_others()
    now = session.now()
    names = sorted({_short(one) for one in channels})
    where = f"{IS_READY} AND {IS_FREE} AND channel IN {marks(1, len(names))}"
    rows = session.rows(f"SELECT {OF_DELIVERY} FROM ops_outbox WHERE {where} ORDER BY created_at, delivery_id LIMIT 1", [now, now, *names])
    if not rows:
        return None
    found = _delivery(rows[0])
    claimed = replace(found, state="sending", is_repeated=found.is_repeated or found.state == "sending")
    change = "state = 'sending', owner = ?, claimed_until = ?, is_repeated = ?"
    values = [owner, now + round(seconds * 1_000_000), int(claimed.is_repeated)]
    session.run(f"UPDATE ops_outbox SET {change} WHERE delivery_id = ?", [*values, claimed.delivery_id])
    return claimed


def delivery_owners(session: Session) -> list[str]:
    found = session.rows("SELECT DISTINCT owner FROM ops_outbox WHERE state = 'sending' AND claimed_until > ? ORDER BY 1", [session.now()])
    return [owner for (owner,) in found]


def release_deliveries(session: Session, owner: str) -> int:
    return session.run("UPDATE ops_outbox SET claimed_until = 0 WHERE state = 'sending' AND owner = ?", [owner])


def end_delivery(session: Session, own: Delivery, owner: str) -> bool:
    """An owner who is late but was not overtaken is believed: what was sent is not sent again."""
    session.exclude_others()
    now = session.now()
    sent_at = (micros(own.sent_at) if own.sent_at else now) if own.state == "sent" else None
    change = "state = ?, ready_at = ?, attempts = ?, is_repeated = ?, sent_at = ?, sent_id = ?, error = ?, ended_at = ?, owner = '', claimed_until = 0"
    values = [own.state, micros(own.ready_at), own.attempts, int(own.is_repeated), sent_at, storable(own.sent_id), _reason(own.error)]
    ended_at = None if own.state == "pending" else now
    is_held = "delivery_id = ? AND state = 'sending' AND owner = ?"
    is_mine = session.run(f"UPDATE ops_outbox SET {change} WHERE {is_held}", [*values, ended_at, own.delivery_id, owner])
    if is_mine and own.state == "pending":
        _fold(session, own)
    return bool(is_mine)


def _fold(session: Session, own: Delivery) -> None:
    """What came while it was being sent takes its place: a message that is tried again must not overtake a newer one."""
    pending = _pending(session, own.channel, own.group)
    if len(pending) > 1:
        newest = pending[-1]
        ready_at = max(newest.ready_at, own.ready_at)
        _take_place(session, pending, replace(newest, ready_at=ready_at, attempts=own.attempts, error=own.error))


def last_sent(session: Session, channel: str, group: str) -> Delivery | None:
    if not group:
        return None
    where = "channel = ? AND message_group = ? AND state = 'sent' AND is_edit = 0"
    asked = f"SELECT {OF_DELIVERY} FROM ops_outbox WHERE {where} ORDER BY sent_at DESC, delivery_id DESC LIMIT 1"
    rows = session.rows(asked, [_short(channel), _short(group)])
    return _delivery(rows[0]) if rows else None


def deliveries(session: Session, most: int) -> list[Delivery]:
    asked = f"SELECT {OF_DELIVERY} FROM ops_outbox ORDER BY created_at DESC, delivery_id DESC LIMIT ?"
    return [_delivery(row) for row in session.rows(asked, [most])]


def is_any_ready(session: Session) -> bool:
    now = session.now()
    return bool(session.rows(f"SELECT 1 FROM ops_outbox WHERE {IS_READY} AND {IS_FREE} LIMIT 1", [now, now]))


def _delivery(row: Row) -> Delivery:
    delivery_id, channel, key, group, is_edit, state, created_at, ready_at, attempts, is_repeated, sent_at, sent_id, error, message = row
    return Delivery(
        delivery_id=delivery_id,
        channel=channel,
        key=key,
        group=group,
        is_edit=bool(is_edit),
        state=cast(DeliveryState, state),
        created_at=instant(created_at),
        ready_at=instant(ready_at),
        attempts=attempts,
        is_repeated=bool(is_repeated),
        sent_at=optional_instant(sent_at),
        sent_id=sent_id,
        error=error,
        message=_decoded(message, Message),
    )


# --- channels -----------------------------------------------------------------------------------------------------


def channels(session: Session) -> list[ChannelHealth]:
    rows = session.rows(
        "SELECT channel, fingerprint, disabled, disabled_at, not_before, last_sent_at, last_error FROM ops_channels ORDER BY channel"
    )
    return [
        ChannelHealth(
            channel=channel,
            fingerprint=fingerprint,
            disabled=disabled,
            disabled_at=optional_instant(disabled_at),
            not_before=optional_instant(not_before),
            last_sent_at=optional_instant(last_sent_at),
            last_error=last_error,
        )
        for channel, fingerprint, disabled, disabled_at, not_before, last_sent_at, last_error in rows
    ]


def set_channel(session: Session, own: ChannelHealth) -> None:
    columns = ("fingerprint", "disabled", "disabled_at", "not_before", "last_sent_at", "last_error")
    instants = [micros(at) if at else None for at in (own.disabled_at, own.not_before, own.last_sent_at)]
    values = [_short(own.channel), storable(own.fingerprint), _reason(own.disabled), *instants, _reason(own.last_error)]
    into = f"INSERT INTO ops_channels (channel, {', '.join(columns)}) VALUES {marks(1, len(values))}"
    session.run(f"{into} ON CONFLICT (channel) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in columns)}", values)


# --- retention ----------------------------------------------------------------------------------------------------


def purge_incidents(session: Session, changed_until: int, present: date) -> int:
    """Those that ended and have not changed since, but none of a period that may still last."""
    of_old = f"state NOT IN {marks(1, len(OPEN_STATES))} AND updated_at < ? AND period < ?"
    asked = f"SELECT incident_id FROM ops_incidents WHERE {of_old} LIMIT ?"
    values = [*OPEN_STATES, changed_until, (present - MOST_PERIOD).isoformat(), MOST_PURGED]
    return session.run(f"DELETE FROM ops_incidents WHERE incident_id IN ({asked})", values)


def purge_deliveries(session: Session, ended_until: int) -> int:
    asked = "SELECT delivery_id FROM ops_outbox WHERE ended_at < ? LIMIT ?"
    return session.run(f"DELETE FROM ops_outbox WHERE delivery_id IN ({asked})", [ended_until, MOST_PURGED])


# --- text ---------------------------------------------------------------------------------------------------------


def _short(text: str) -> str:
    """For an index, whose entries are bounded: a longer one goes by its digest, which is its own."""
    text = storable(text)
    return text if len(text) <= MOST_ID else "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _reason(text: str) -> str:
    return printable(storable(text), MOST_ERROR)


def _encoded(value: Incident | Message) -> str:
    return storable(json.dumps(msgspec.to_builtins(value), ensure_ascii=False))


def _decoded(text: str, kind: type[Value]) -> Value:
    return msgspec.convert(json.loads(text), kind)


def _parts(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
