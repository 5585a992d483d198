"""What Postgres says when something fails, in our words.

All of it is a `WarehouseError`: whoever commits waits and tries again, or ends, as with a file that cannot be had.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from restaurant_os.errors import AwayError, DiskFullError, LockedError, WarehouseError
from restaurant_os.postgres_address import PostgresAddress
from restaurant_os.text import printable

#: Serialization failure, deadlock: the same transaction may pass when it is run again.
THROWN_OUT = ("40001", "40P01")
#: Connection exceptions; the server is shut down, or starts; a process that was stopped slept too long within a transaction.
GONE = ("08", "57P", "25P03")
#: Disk full; the temporary files of a statement are over their limit.
NO_ROOM = ("53100", "53400")
#: SQLSTATE classes that blame the values: data exception, integrity, program limit (a key too long for an index).
OF_VALUES = ("22", "23", "54")
NOTHING_WRITTEN = "Nothing of this step was written"
AGAIN = "run the same command again: what is in stays in"
#: libpq gives no SQLSTATE for a connection that was never made. What it says of one, and what to do.
AT_THE_DOOR = (
    (
        "password authentication failed",
        "Check the user and the password in the address: a password's @ is written %40, its : %3A, its / %2F.",
    ),
    ("no password supplied", "The address has no password: postgresql://user:password@host:5432/database."),
    ("does not exist", "Check the database and the user in the address; an empty database is enough, the tables are made in it."),
    ("no pg_hba.conf entry", "The server lets nobody in from here: allow this host, or ask for TLS with ?sslmode=require."),
    ("does not support SSL", "The server speaks no TLS. In a network of your own: ?sslmode=disable in the address."),
    ("certificate", "Check the server's certificate, and sslmode and sslrootcert in the address."),
    ("too many", "Too many connections: end some, raise max_connections, or go through a pooler."),
    ("remaining connection slots", "Too many connections: end some, raise max_connections, or go through a pooler."),
    ("resolve host", "Check the host in the address, and the network."),
    ("translate host name", "Check the host in the address, and the network."),
    ("starting up", "It starts: run the same command again in a moment."),
)


class CommitInDoubtError(Exception):
    """The connection was lost while COMMIT was under way."""


def is_lost(problem: psycopg.Error) -> bool:
    """Whether the connection is gone. An error without a state is the client's own: there was no server to say anything."""
    state = problem.sqlstate or ""
    is_of_connection = isinstance(problem, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith(GONE) or (not state and is_of_connection and not isinstance(problem, psycopg.errors.QueryCanceled))


def is_thrown_out(problem: psycopg.Error) -> bool:
    return problem.sqlstate in THROWN_OUT


@dataclass(frozen=True, slots=True)
class Trouble:
    """The errors of one warehouse."""

    address: PostgresAddress

    @contextmanager
    def as_ours(self) -> Iterator[None]:
        try:
            yield
        except CommitInDoubtError as problem:
            raise self.in_doubt() from problem.__cause__
        except psycopg.Error as problem:
            raise self.error(problem) from problem

    def error(self, problem: psycopg.Error) -> WarehouseError:
        """A driver's error in our words; the driver's own are kept as data."""
        state = problem.sqlstate or ""
        if state in NO_ROOM:
            return DiskFullError(
                f"{self._at}: the server has no more room: {_said(problem)}. {NOTHING_WRITTEN}; everything before it is in.",
                next_step=f"Free some space on the server, then {AGAIN}.",
            )
        if state == "55P03":
            return self.locked(None, None)
        if is_lost(problem):
            return self._away(problem)
        # What the values have nothing to do with: a permission, a standby, a statement that was ended.
        kind = AwayError if state in ("42501", "25006", "57014") else WarehouseError
        return kind(f"{self._at}: {_said(problem)}. {NOTHING_WRITTEN}.", next_step=self._next_step(problem, state))

    def locked(self, holder: tuple[int, str | None, str | None, float | None] | None, waited: float | None) -> LockedError:
        """`holder`: its session id, application and role, and for how many seconds its transaction runs. `waited`: how many seconds we did."""
        for_it = f"; waited {waited:g} s for it" if waited is not None else ""
        if holder is None:
            return LockedError(
                f"{self._at}: another session held a lock that this step needs{for_it}. {NOTHING_WRITTEN}.",
                next_step=f"Now {AGAIN}. A longer wait: `wait_seconds` in the settings.",
            )
        pid, application, role, seconds = holder
        more = [f"application {printable(application, 60)}" if application else "", f"role {printable(role, 60)}" if role else ""]
        more.append(f"its transaction {seconds:.0f} s old" if seconds is not None else "")
        who = ", ".join(part for part in more if part)
        return LockedError(
            f"{self._at}: session {pid}{f' ({who})' if who else ''} holds a lock that this step needs{for_it}. {NOTHING_WRITTEN}.",
            next_step=f"Wait for that session, or end it on the server by SELECT pg_terminate_backend({pid}); then {AGAIN}. "
            "A longer wait: `wait_seconds` in the settings.",
        )

    def in_doubt(self) -> WarehouseError:
        return WarehouseError(
            f"{self._at}: the connection was lost while this step was committed: it is in whole, or not at all.",
            next_step="Run the same command again: it finds what is in, and brings the rest.",
        )

    @property
    def _at(self) -> str:
        return f"warehouse {self.address.label}"

    def _away(self, problem: psycopg.Error) -> WarehouseError:
        said = _said(problem)
        for words, next_step in AT_THE_DOOR:
            if words in said:
                return AwayError(f"{self._at}: {said}. {NOTHING_WRITTEN}.", next_step=next_step)
        return AwayError(
            f"{self._at}: the server is away, or the connection to it was lost: {said}. {NOTHING_WRITTEN}; everything before it is in.",
            next_step=f"Check that it runs and that `warehouse` (RESTAURANT_OS_WAREHOUSE) names it, then {AGAIN}.",
        )

    def _next_step(self, problem: psycopg.Error, state: str) -> str:
        if state == "42501":
            return self._grant(problem)
        if state in ("42P01", "42703"):
            return "A table, view or column of ours is gone: `restaurant-os migrate` makes it again."
        if state == "25006":
            return "It takes no writes: name the primary server, not a replica. A hosted server also stops writes when its disk is nearly full."
        if state == "57014":
            return f"Another session ended it, or it took longer than the server lets a statement take. Then {AGAIN}."
        if state.startswith(OF_VALUES):
            return "A value does not go into its table: please report it with this line; `restaurant-os doctor` checks the warehouse."
        return f"`restaurant-os doctor` checks the warehouse and says more. Then {AGAIN}."

    def _grant(self, problem: psycopg.Error) -> str:
        """What the owner of the database has to say so that our role may."""
        role = _quoted(self.address.user.partition(".")[0]) if self.address.user else "the role in the address"
        said = problem.diag.message_primary or ""
        found = re.search(r"permission denied for (\w+) (.+)", said)
        kind, name = (found[1], _quoted(found[2])) if found else ("", "")
        if kind == "schema":
            return f"As its owner: GRANT USAGE, CREATE ON SCHEMA {name} TO {role};"
        if "temporary tables" in said:
            return f"As its owner: GRANT TEMPORARY ON DATABASE {_quoted(str(self.address.parameters.get('dbname') or 'it'))} TO {role};"
        if kind == "database":
            return f"As its owner: GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {role};"
        if kind in ("table", "view", "relation"):
            return f"As its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {role};"
        if owned := re.search(r"must be owner of (\w+) (.+)", said):
            return (
                f"As its owner: ALTER {owned[1].upper()} {_quoted(owned[2])} OWNER TO {role}; or run `restaurant-os migrate` as its owner."
            )
        return f"Grant it to {role} as the owner of the database; docs/warehouses.md has the least that is needed."


def _said(problem: psycopg.Error) -> str:
    """The server's words, or the last of libpq's, which tries one address after another and puts advice of its own under what it says."""
    said = problem.diag.message_primary or next((line for line in reversed(str(problem).splitlines()) if line[:1].strip()), "")
    detail = problem.diag.message_detail
    return printable(f"{said or type(problem).__name__}{f' ({detail})' if detail else ''}", 300).rstrip(".")


def _quoted(name: str) -> str:
    """A name for a statement that a person copies."""
    bare = printable(name.strip().strip('"'), 100)
    return bare if re.fullmatch(r"[a-z_][a-z0-9_]*", bare) else '"' + bare.replace('"', '""') + '"'
