"""The store's tables, by version. A step never changes once it was released: a new one goes below it.

All are named `ops_...` and, on Postgres, stand in a schema of their own: in `public` some platforms publish tables to the world.
"""

from __future__ import annotations

from dataclasses import asdict

from restaurant_os.errors import OperationsError
from restaurant_os.operations.database import Link, Session

#: States of an event. An open one waits from `ready_at` on, or is claimed until then: so a claim that ran out waits again by itself.
WAITING, CLAIMED, DONE, QUARANTINED = 0, 1, 2, 3
IS_OPEN = "state < 2"

FIRST = """
CREATE TABLE ops_inbox (
  sequence {sequence},
  source TEXT NOT NULL,
  event_id TEXT,
  kind TEXT NOT NULL,
  location TEXT NOT NULL,
  received_at {integer} NOT NULL,
  size {integer} NOT NULL,
  state {integer} NOT NULL DEFAULT 0,
  ready_at {integer} NOT NULL DEFAULT 0,
  owner TEXT NOT NULL DEFAULT '',
  attempts {integer} NOT NULL DEFAULT 0,
  reason TEXT NOT NULL DEFAULT '',
  settled_at {integer} NOT NULL DEFAULT 0,
  UNIQUE (source, event_id)
){table_end};
CREATE INDEX inbox_open ON ops_inbox (sequence) WHERE state < 2;
CREATE INDEX inbox_done ON ops_inbox (settled_at) WHERE state = 2;
CREATE INDEX inbox_quarantined ON ops_inbox (sequence) WHERE state = 3;
CREATE INDEX inbox_location ON ops_inbox (location, received_at, sequence);
CREATE TABLE ops_bodies (sequence {integer} PRIMARY KEY, headers TEXT NOT NULL, body {blob} NOT NULL){table_end};
CREATE TABLE ops_stores (store_id TEXT PRIMARY KEY){table_end};
CREATE TABLE ops_keys (
  key_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  digest TEXT NOT NULL UNIQUE,
  created_at {integer} NOT NULL,
  revoked_at {integer}
){table_end};
CREATE TABLE ops_jobs (
  job TEXT NOT NULL,
  due {integer} NOT NULL,
  owner TEXT NOT NULL,
  fence {integer} NOT NULL,
  ready_at {integer} NOT NULL,
  started_at {integer} NOT NULL,
  finished_at {integer},
  error TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (job, due)
){table_end};
CREATE TABLE ops_wishes (
  dataset TEXT NOT NULL,
  location TEXT NOT NULL,
  asked_at {integer} NOT NULL,
  last_at {integer} NOT NULL,
  PRIMARY KEY (dataset, location)
){table_end}
"""
STEPS = (FIRST,)


def migrate(link: Link) -> None:
    """Bring the tables to this version, in one transaction; several processes may try at the same time.

    Raises:
        OperationsError: a later version of the product has made them, or the database refuses.
    """
    try:
        session = link.session()
        if _version(link, session) == len(STEPS):
            return
        session.begin()
        session.exclude_others()
        session.make_place()
        done = _version(link, session)
        types = asdict(link.database.dialect)
        if not done:
            session.run("CREATE TABLE IF NOT EXISTS ops_schema (version {integer} PRIMARY KEY){table_end}".format(**types))
        for number, step in enumerate(STEPS[done:], done + 1):
            for statement in step.format(**types).split(";"):
                session.run(statement)
            session.run("INSERT INTO ops_schema (version) VALUES (?)", [number])
        session.commit()
    except Exception as problem:
        link.trouble(problem)
        link.drop()
        raise link.error(problem) from problem


def _version(link: Link, session: Session) -> int:
    """0 before there is anything."""
    if not any(row[0] for row in session.rows(link.database.dialect.is_there)):
        return 0
    [(version,)] = session.rows("SELECT coalesce(max(version), 0) FROM ops_schema")
    if version > len(STEPS):
        raise OperationsError(
            f"operations: {link.database.label} is of version {version}; this restaurant-os knows versions up to {len(STEPS)}. Nothing was changed.",
            next_step="Run the restaurant-os that made it, or a later one: `pip install --upgrade restaurant-os`.",
        )
    return int(version)
