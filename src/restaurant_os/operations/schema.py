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
#: What is told of which days, and how it stands. A period and a state are words, as in `alerting.py`; `body` and `message` are JSON.
ALERTS = """
CREATE TABLE ops_incidents (
  incident_id TEXT PRIMARY KEY,
  location TEXT NOT NULL,
  period TEXT NOT NULL,
  state TEXT NOT NULL,
  began_at {integer} NOT NULL,
  updated_at {integer} NOT NULL,
  version {integer} NOT NULL,
  body TEXT NOT NULL
){table_end};
CREATE INDEX incidents_period ON ops_incidents (period, began_at);
CREATE TABLE ops_outbox (
  delivery_id {sequence},
  channel TEXT NOT NULL,
  delivery_key TEXT NOT NULL,
  message_group TEXT NOT NULL,
  is_edit {integer} NOT NULL,
  state TEXT NOT NULL,
  created_at {integer} NOT NULL,
  ready_at {integer} NOT NULL,
  owner TEXT NOT NULL DEFAULT '',
  claimed_until {integer} NOT NULL DEFAULT 0,
  attempts {integer} NOT NULL,
  is_repeated {integer} NOT NULL,
  sent_at {integer},
  sent_id TEXT NOT NULL,
  error TEXT NOT NULL,
  ended_at {integer},
  message TEXT NOT NULL,
  UNIQUE (delivery_key, channel)
){table_end};
CREATE INDEX outbox_to_send ON ops_outbox (channel, created_at, delivery_id) WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_group ON ops_outbox (message_group, channel);
CREATE INDEX outbox_ended ON ops_outbox (ended_at);
CREATE TABLE ops_channels (
  channel TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  disabled TEXT NOT NULL,
  disabled_at {integer},
  not_before {integer},
  last_sent_at {integer},
  last_error TEXT NOT NULL
){table_end};
CREATE TABLE ops_marks (reader TEXT PRIMARY KEY, sequence {integer} NOT NULL){table_end}
"""
STEPS = (FIRST, ALERTS)


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
