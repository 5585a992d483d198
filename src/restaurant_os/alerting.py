"""What a rule sees, what becomes of it, and what is told: values alone.

A rule reads a location and gives readings. A reading moves an incident, which is one (rule, location, period, subject). An incident that opens,
gets worse or recovers is told in a message, which leaves by the outbox in deliveries: one for each channel. Instants are aware, in UTC; money is
dollars.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

State = Literal["watching", "open", "recovered", "closed"]
Event = Literal["opened", "worse", "recovered", "changed"]
Kind = Literal["opened", "worse", "recovered", "changed", "flash", "notice", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a rule saw of one subject of a location, as of an instant.

    `value` None: nothing is known now, for the `reason` given; it neither opens nor clears. `is_over`: beyond the rule's level. `is_clear`: back at its
    clear level. Between the two it changes nothing.
    """

    rule: str
    #: The location's GUID, or a store id that stands nowhere in the settings.
    location: str
    #: The business date, or the first day of the report week.
    period: date
    #: An employee, approver, drawer or punch by its id; '' none.
    subject: str = ""
    #: What a person calls it. Text from outside.
    subject_name: str = ""
    as_of: datetime
    value: float | None
    is_over: bool = False
    is_clear: bool = False
    #: By how much it is over, in dollars; None where that means nothing.
    dollars: Decimal | None = None
    reason: str = ""
    #: What the value rests on (`net`, `gross_summary`, ...). A switch of it neither opens nor clears.
    basis: str = ""
    #: A total that somebody posted needs no holding.
    is_held: bool = True
    #: What the message shows beside: a label and its value, both ready to be read.
    facts: tuple[tuple[str, str], ...] = ()
    #: Why it is so, the largest first, in dollars, ready to be read; at most three are told.
    drivers: tuple[str, ...] = ()
    #: The smallest thing that could be done, worded "could"; '' none.
    suggestion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """How one (rule, location, period, subject) stands.

    watching: over its level, not yet for as long as the rule wants, or (with `clear_since`) back before it was; nothing was told. open. recovered: back
    at its clear level; may open again. closed: its period is over, for good.
    """

    rule: str
    location: str
    period: date
    subject: str = ""
    subject_name: str = ""
    state: State
    #: Over its level since.
    since: datetime
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    #: Back at the clear level since; None while it is over. Of an open one: that is to be held.
    clear_since: datetime | None = None
    updated_at: datetime
    #: The last value known, the worst, and what the last new message said of this opening (None: it was not told).
    value: float | None = None
    worst: float | None = None
    told_value: float | None = None
    dollars: Decimal | None = None
    told_dollars: Decimal | None = None
    basis: str = ""
    #: The basis is this since; what opens or clears after a switch is held from then.
    basis_since: datetime | None = None
    #: New messages so far.
    messages: int = 0
    acknowledged_at: datetime | None = None
    note: str = ""
    muted_until: datetime | None = None
    facts: tuple[tuple[str, str], ...] = ()
    drivers: tuple[str, ...] = ()
    suggestion: str = ""
    #: Grows with every commit of it; 0: it is in no store yet.
    version: int = 0

    @property
    def incident_id(self) -> str:
        return incident_id(self.rule, self.location, self.period, self.subject)

    @property
    def group(self) -> str:
        """Whose messages are one thread: of a rule, location and period."""
        return group_of(self.rule, self.location, self.period)


def incident_id(rule: str, location: str, period: date, subject: str) -> str:
    """16 hex digits that tell one incident from all others, and can be typed."""
    return hashlib.sha256("\0".join((rule, location, period.isoformat(), subject)).encode("utf-8", "replace")).hexdigest()[:16]


def group_of(rule: str, location: str, period: date) -> str:
    return f"{rule}|{location}|{period.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is told, for any channel. Plain text from anywhere: whoever sends it escapes and cuts it for its channel."""

    kind: Kind
    title: str
    #: A few sentences.
    text: str = ""
    #: Label and value.
    fields: tuple[tuple[str, str], ...] = ()
    #: Headings, each with its lines.
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    suggestion: str = ""
    #: '' none.
    link: str = ""
    #: As of when, in the location's own time.
    footer: str = ""
    level: Literal["alert", "good", "note"] = "alert"


DeliveryState = Literal["pending", "sending", "sent", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way to a channel.

    pending: from `ready_at` on. sending: committed before the call; whoever finds one whose claim ran out does not know whether it arrived. dead: it
    will not arrive, `error` says why. `key`: the same is never kept twice.
    """

    channel: str
    key: str
    message: Message
    #: Whose thread it continues; '' none.
    group: str = ""
    #: Change the last message sent of its group where the channel can; else it is not sent at all.
    is_edit: bool = False
    #: Kept only while one of its group, and no recovery, waits or is being sent: it has nothing to change, but takes the place of that one.
    only_in_place: bool = False
    delivery_id: int = 0
    state: DeliveryState = "pending"
    created_at: datetime
    ready_at: datetime
    attempts: int = 0
    #: It may have been sent before: said in the message.
    is_repeated: bool = False
    sent_at: datetime | None = None
    #: The channel's own id of the message; '' where it gives none.
    sent_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth:
    """How a channel does. `fingerprint`: a digest of its address; with another address it is another channel, and begins anew."""

    channel: str
    fingerprint: str = ""
    #: '' while it is in use; else why nothing is sent to it any more.
    disabled: str = ""
    disabled_at: datetime | None = None
    #: Nothing is sent before (Retry-After).
    not_before: datetime | None = None
    last_sent_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one evaluation came to, for one commit: incidents as they are now, and what is to be told.

    `mark`: the changed days that are now cleared: a reader's name and the sequence up to which it has read.
    """

    incidents: tuple[Incident, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    mark: tuple[str, int] | None = None
