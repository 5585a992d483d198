"""What the service may not lose, beside the warehouse: events on their way in, incidents and messages on their way out, keys, leases, jobs.

One store holds them, SQLite or Postgres, by one protocol. Instants are aware datetimes in UTC, of the machine that calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from restaurant_os.alerting import ChannelHealth, Delivery, Incident, Record, State

Outcome = Literal["done", "failed", "quarantined", "again"]
Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = ("read", "write")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event that a sender gave us and that is to be kept.

    `source` and `event_id` tell it again; an event without an id is never known. `body` and `headers`: what may be kept of them.
    """

    source: Literal["toast", "summary"]
    kind: str
    #: The restaurant GUID, or a summary's store id; '' where there is none.
    location: str
    body: bytes
    received_at: datetime
    event_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The event is on disk. `sequence` grows with every event of a store; of a known one it is the first's."""

    sequence: int
    is_known: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A claimed event. `attempts`: how often it failed by its own fault so far."""

    sequence: int
    arrival: Arrival
    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a claimed event.

    done: it is in effect. failed: by its own fault; counted, tried again at `retry_at`. quarantined: it cannot be read, `reason` says why. again:
    through no fault of its own, at `retry_at`; not counted.
    """

    sequence: int
    outcome: Outcome
    reason: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InboxState:
    """How the inbox stands. `received`: when each location's last event came, by the location it named."""

    pending: int
    claimed: int
    quarantined: int
    oldest_pending_at: datetime | None
    received: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An event that could not be read, without its body."""

    sequence: int
    source: str
    kind: str
    location: str
    received_at: datetime
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Key:
    """An access key. `digest`: SHA-256 of its secret text, as hex; the text itself is nowhere."""

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobRun:
    """A job at one due time. `fence` grows each time that somebody takes it over."""

    job: str
    due: datetime
    owner: str
    fence: int
    started_at: datetime
    finished_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Purged:
    """What retention took away, in rows (`bodies`: of events that stay known by their id)."""

    bodies: int
    events: int
    quarantined: int
    jobs: int
    incidents: int = 0
    deliveries: int = 0


class Operations(Protocol):
    """The store. Every method but `accept` and `admit` blocks; those two are for the event loop that serves.

    Raises (all methods): `OperationsError`: the store cannot be opened, read or written; says which, why and what to do.
    """

    #: How a person would name it, without secrets.
    label: str

    # --- the inbox ---

    async def accept(self, arrival: Arrival) -> Receipt:
        """Keep an event; returns when it is on disk (fsync), by a commit that other events share.

        Raises:
            FullError: the disk is under its reserve or the commit queue is full; carries `retry_after`.
        """
        ...

    async def admit(self, store_id: str, most: int) -> bool:
        """Whether a store that no location names may post: it is known, or fewer than `most` are (then it is known from now on)."""
        ...

    def claim(self, owner: str, *, most: int, most_bytes: int, seconds: float) -> list[Event]:
        """Events that wait, oldest first, for `owner` alone until `seconds` from now; one at least if any waits, whatever its size. Claims that
        ran out belong to nobody."""
        ...

    def settle(self, owner: str, settled: Sequence[Settled]) -> int:
        """Say what became of events, in one commit; gives how many of them `owner` still had. Of the others nothing is changed."""
        ...

    def renew_claims(self, owner: str, seconds: float) -> int:
        """`owner` keeps what it has for `seconds` from now; gives how many events that is."""
        ...

    def release(self, owner: str) -> int:
        """Give back every claim of `owner`, uncounted."""
        ...

    def owners(self) -> list[str]:
        """Who has claims that have not run out."""
        ...

    def await_events(self, seconds: float) -> None:
        """Return when an event may have come, at the latest after so long. Another process's events may take a poll to be seen."""
        ...

    def inbox(self) -> InboxState: ...

    def quarantined(self, most: int = 1000) -> list[Quarantined]: ...

    def replay(self, sequences: Collection[int] | None = None) -> int:
        """Let quarantined events wait again, as if new; None for all. Gives how many."""
        ...

    # --- keys ---

    def add_key(self, key: Key) -> None: ...

    def keys(self) -> list[Key]:
        """All, revoked ones too, oldest first."""
        ...

    def revoke_key(self, key_id: str, at: datetime) -> bool:
        """False: there is no such key that is valid."""
        ...

    # --- jobs, by lease ---

    def begin_job(self, job: str, due: datetime, owner: str, seconds: float) -> JobRun | None:
        """Have the job at its due time, until `seconds` from now. None: it is done; somebody has the job, at this due time or an earlier one;
        or a later due time of it was begun. Whoever began it and let its time run out has it no more."""
        ...

    def renew_job(self, run: JobRun, seconds: float) -> bool:
        """Keep it for `seconds` from now; 0 gives it back, not ended. False: somebody else has taken it over."""
        ...

    def end_job(self, run: JobRun, error: str = "") -> bool:
        """The job ended, with or without an error. False: somebody else had taken it over, and nothing is changed."""
        ...

    def job_runs(self) -> list[JobRun]:
        """The last run of each job, by name."""
        ...

    # --- polls that an event asked for ---

    def want(self, dataset: str, location: str, at: datetime) -> None:
        """Ask for a dataset of a location ('' for all) to be read soon. Asking again changes nothing."""
        ...

    def wanted(self) -> list[tuple[str, str, datetime]]:
        """Dataset, location and when it was asked for first."""
        ...

    def granted(self, dataset: str, location: str, asked_at: datetime) -> None:
        """It was read since: forget the wish that was made at `asked_at`; one made later stays."""
        ...

    # --- incidents, and what is told of them ---

    def incidents(
        self, *, states: Collection[State] = (), since: date | None = None, locations: Collection[str] = (), most: int = 10_000
    ) -> list[Incident]:
        """The newest first (by period, then opened or since). Without `states`: all; `since`: of periods from then on; `locations`: of these alone."""
        ...

    def find_incidents(self, incident_ids: Collection[str]) -> list[Incident]:
        """Those of the ids given that there are; an id may be given by its first digits, at least 4."""
        ...

    def record(self, record: Record) -> bool:
        """Keep incidents (each read at its `version`, and one more afterwards), deliveries and the mark, in one commit. False: another has changed one of
        the incidents meanwhile, and nothing is changed. A delivery whose key is known is not kept again. One of a group of which another of the same
        channel is still pending takes that one's place (its message is newer), and keeps its id and `created_at`."""
        ...

    def mark(self, reader: str) -> int:
        """Up to which sequence of changed days a reader has cleared; 0 before its first."""
        ...

    def claim_delivery(self, channels: Collection[str], owner: str, seconds: float) -> Delivery | None:
        """The oldest that is ready of a channel that none of is being sent to, now `sending`, for `owner` alone until `seconds` from now; committed. One
        found in `sending` whose claim ran out is given as it is, `is_repeated`."""
        ...

    def end_delivery(self, delivery: Delivery, owner: str) -> bool:
        """What became of a claimed one: its `state` (sent, dead, or pending again at `ready_at`), `sent_id`, `error`, `attempts`. False: `owner` has it no
        more, and nothing is changed."""
        ...

    def delivery_owners(self) -> list[str]:
        """Who is sending, by claims that have not run out."""
        ...

    def release_deliveries(self, owner: str) -> int:
        """What `owner` was sending is another's at once, as if its time had run out; gives how many."""
        ...

    def last_sent(self, channel: str, group: str) -> Delivery | None:
        """The last new message of a group that a channel has: what an edit changes."""
        ...

    def deliveries(self, *, most: int = 1_000) -> list[Delivery]:
        """The newest first."""
        ...

    def channels(self) -> list[ChannelHealth]: ...

    def set_channel(self, health: ChannelHealth) -> None: ...

    def await_deliveries(self, seconds: float) -> None:
        """Return when a delivery may wait, at the latest after so long. Another process's may take a poll to be seen."""
        ...

    # --- house ---

    def purge(self, now: datetime) -> Purged:
        """Take away what retention says; an event that is not settled is never touched."""
        ...

    def close(self) -> None:
        """Commit what was accepted, and let go."""
        ...
