"""Keys, jobs by lease, wishes, stores and retention, as statements that both databases understand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from restaurant_os.operations import JobRun, Key, Scope
from restaurant_os.operations.database import Row, Session, instant, marks, micros, optional_instant, storable
from restaurant_os.operations.schema import DONE, QUARANTINED
from restaurant_os.text import printable

#: An event is known by its id so long after it came: the service takes none that is older than 24 hours, so after a day more nobody can send it again.
KNOWN_FOR = timedelta(hours=48)
JOBS_FOR = timedelta(days=30)
MOST_ERROR = 2_000
#: What stands as the error of a run whose replica did not end it before the next was due.
LEFT = "its replica was killed, or slept past its lease"
#: Rows that retention takes in one commit: events do not wait long for it.
MOST_PURGED = 500


def admit(session: Session, store_id: str, most: int) -> bool:
    """Under one lock for all, so that two who come at once do not both get the last place."""
    session.exclude_others()
    if session.rows("SELECT 1 FROM ops_stores WHERE store_id = ?", [store_id]):
        return True
    [(known,)] = session.rows("SELECT count(*) FROM ops_stores")
    if known >= most:
        return False
    session.run("INSERT INTO ops_stores (store_id) VALUES (?)", [store_id])
    return True


# --- keys ---------------------------------------------------------------------------------------------------------


def add_key(session: Session, key: Key) -> None:
    row = [key.key_id, storable(key.name), ",".join(key.scopes), key.digest, micros(key.created_at)]
    revoked_at = micros(key.revoked_at) if key.revoked_at else None
    session.run(f"INSERT INTO ops_keys (key_id, name, scopes, digest, created_at, revoked_at) VALUES {marks(1, 6)}", [*row, revoked_at])


def keys(session: Session) -> list[Key]:
    rows = session.rows("SELECT key_id, name, scopes, digest, created_at, revoked_at FROM ops_keys ORDER BY created_at, key_id")
    return [
        Key(key_id, name, cast(tuple[Scope, ...], tuple(s for s in scopes.split(",") if s)), digest, instant(at), optional_instant(revoked))
        for key_id, name, scopes, digest, at, revoked in rows
    ]


def revoke_key(session: Session, key_id: str, at: datetime) -> bool:
    return bool(session.run("UPDATE ops_keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL", [micros(at), storable(key_id)]))


# --- jobs ---------------------------------------------------------------------------------------------------------


def begin_job(session: Session, job: str, due: datetime, owner: str, seconds: float) -> JobRun | None:
    """A job is one thing at a time, at whatever due time: what another has, or what a later due time has passed, is not begun."""
    session.exclude_others()
    now = session.now()
    in_the_way = "due > ? OR (due < ? AND finished_at IS NULL AND ready_at > ?)"
    if session.rows(f"SELECT 1 FROM ops_jobs WHERE job = ? AND ({in_the_way}) LIMIT 1", [job, micros(due), micros(due), now]):
        return None
    begun = session.rows(
        f"""INSERT INTO ops_jobs (job, due, owner, fence, ready_at, started_at) VALUES {marks(1, 6)}
        ON CONFLICT (job, due) DO UPDATE SET
          owner = excluded.owner, fence = ops_jobs.fence + 1, ready_at = excluded.ready_at, started_at = excluded.started_at
        WHERE ops_jobs.finished_at IS NULL AND ops_jobs.ready_at <= excluded.started_at
        RETURNING fence""",
        [job, micros(due), owner, 1, now + round(seconds * 1_000_000), now],
    )
    if not begun:
        return None
    left = "job = ? AND due < ? AND finished_at IS NULL"
    session.run(f"UPDATE ops_jobs SET finished_at = ?, error = ? WHERE {left}", [now, LEFT, job, micros(due)])
    return JobRun(job, due, owner, begun[0][0], instant(now))


def renew_job(session: Session, run: JobRun, seconds: float) -> bool:
    return _change(session, run, "ready_at = ?", [session.now() + round(seconds * 1_000_000)])


def end_job(session: Session, run: JobRun, error: str) -> bool:
    return _change(session, run, "finished_at = ?, error = ?", [session.now(), printable(storable(error), MOST_ERROR)])


def _change(session: Session, run: JobRun, change: str, values: list[object]) -> bool:
    mine = "job = ? AND due = ? AND owner = ? AND fence = ? AND finished_at IS NULL"
    return bool(session.run(f"UPDATE ops_jobs SET {change} WHERE {mine}", [*values, run.job, micros(run.due), run.owner, run.fence]))


def job_runs(session: Session) -> list[JobRun]:
    last = "due = (SELECT max(due) FROM ops_jobs other WHERE other.job = ops_jobs.job)"
    rows = session.rows(f"SELECT job, due, owner, fence, started_at, finished_at, error FROM ops_jobs WHERE {last} ORDER BY job")
    return [_job_run(row) for row in rows]


def _job_run(row: Row) -> JobRun:
    job, due, owner, fence, started_at, finished_at, error = row
    return JobRun(job, instant(due), owner, fence, instant(started_at), optional_instant(finished_at), error)


# --- wishes -------------------------------------------------------------------------------------------------------


def want(session: Session, dataset: str, location: str, at: datetime) -> None:
    """The last wish is kept beside the first: one that comes while its poll runs outlives the poll."""
    session.run(
        f"""INSERT INTO ops_wishes (dataset, location, asked_at, last_at) VALUES {marks(1, 4)}
        ON CONFLICT (dataset, location) DO UPDATE SET last_at = excluded.last_at WHERE ops_wishes.last_at < excluded.last_at""",
        [dataset, storable(location), micros(at), micros(at)],
    )


def wanted(session: Session) -> list[tuple[str, str, datetime]]:
    rows = session.rows("SELECT dataset, location, asked_at FROM ops_wishes ORDER BY asked_at, dataset, location")
    return [(dataset, location, instant(at)) for dataset, location, at in rows]


def granted(session: Session, dataset: str, location: str, asked_at: datetime) -> None:
    own, at = [dataset, storable(location)], micros(asked_at)
    session.run("DELETE FROM ops_wishes WHERE dataset = ? AND location = ? AND last_at <= ?", [*own, at])
    session.run("UPDATE ops_wishes SET asked_at = last_at WHERE dataset = ? AND location = ? AND asked_at <= ?", [*own, at])


# --- retention ----------------------------------------------------------------------------------------------------


def purge_events(session: Session, known_until: int, done_until: int) -> int:
    """Events in effect whose body and whose id are kept no longer. The last of each location stays: `received` speaks of it."""
    later = "(later.received_at, later.sequence) > (one.received_at, one.sequence)"
    is_not_last = f"EXISTS (SELECT 1 FROM ops_inbox later WHERE later.location = one.location AND {later})"
    asked = f"SELECT sequence FROM ops_inbox one WHERE state = {DONE} AND settled_at < ? AND received_at < ? AND {is_not_last} LIMIT ?"
    return _delete(session, [row[0] for row in session.rows(asked, [done_until, known_until, MOST_PURGED])])


def purge_quarantine(session: Session, known_until: int, quarantined_until: int) -> int:
    asked = f"SELECT sequence FROM ops_inbox WHERE state = {QUARANTINED} AND settled_at < ? AND received_at < ? LIMIT ?"
    return _delete(session, [row[0] for row in session.rows(asked, [quarantined_until, known_until, MOST_PURGED])])


def purge_bodies(session: Session, done_until: int) -> int:
    """After `purge_events`: what has a body yet is known by its id for a while."""
    of_done = f"SELECT b.sequence FROM ops_inbox i JOIN ops_bodies b ON b.sequence = i.sequence WHERE i.state = {DONE} AND i.settled_at < ? LIMIT ?"
    return session.run(f"DELETE FROM ops_bodies WHERE sequence IN ({of_done})", [done_until, MOST_PURGED])


def purge_jobs(session: Session, ended_until: int) -> int:
    is_not_last = "EXISTS (SELECT 1 FROM ops_jobs later WHERE later.job = ops_jobs.job AND later.due > ops_jobs.due)"
    return session.run(f"DELETE FROM ops_jobs WHERE finished_at < ? AND {is_not_last}", [ended_until])


def _delete(session: Session, sequences: list[int]) -> int:
    if sequences:
        session.run(f"DELETE FROM ops_bodies WHERE sequence IN {marks(1, len(sequences))}", sequences)
        session.run(f"DELETE FROM ops_inbox WHERE sequence IN {marks(1, len(sequences))}", sequences)
    return len(sequences)
