"""Tables, indexes and views in a Postgres: what is missing is made, what is of another definition is told or replaced, nothing of a user's own goes.

All of a migration is one transaction, while no commit is under way. Which definition a view has is kept in its comment, since the server keeps SQL in
words of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import psycopg

from restaurant_os.errors import WarehouseError
from restaurant_os.tables import CHANGED_DAYS, SYNC_RUNS, TABLES, TableSpec
from restaurant_os.text import printable
from restaurant_os.warehouse.compiled import newer, numbered, views
from restaurant_os.warehouse.postgres_access import API_ROLES, api_roles, granted, grants_by_default, revoke
from restaurant_os.warehouse.postgres_bulk import SQL_TYPES
from restaurant_os.warehouse.postgres_sessions import Connection, Locks, Row, key, take

SCHEMA_TABLE = "restaurant_os_schema"
#: The schema in which our tables stand, be it not the first of a role's search_path; where there are none, that in which they will be made.
OUR_SCHEMA = f"""coalesce((SELECT n.nspname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass('{SCHEMA_TABLE}')), current_schema()::text)"""
KINDS = {
    "r": "a table",
    "p": "a partitioned table",
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "i": "an index",
    "S": "a sequence",
}
IS_TABLE = ("r", "p")
#: How the comment of every view of ours begins.
OUR_MARK = "Restaurant OS, definition "
#: What is raised for a view that has other columns than before, or that reads them of one that could not be replaced.
CANNOT_BE_REPLACED = (
    psycopg.errors.InvalidTableDefinition,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.DatatypeMismatch,
)
#: Beside the keys: by these we look for rows. Two columns of one place are one index.
OTHER_INDEXES = {CHANGED_DAYS: (("sequence",),), SYNC_RUNS: (("restaurant_guid", "dataset"),)}


def indexes(spec: TableSpec) -> list[tuple[str, ...]]:
    """The columns of each index of a table, beside its key: location and date, wherever a row is looked for by them."""
    found = list(OTHER_INDEXES.get(spec, ()))
    if spec.name.startswith("fact_"):
        found += [("restaurant_guid", day) for day in dict.fromkeys(("business_date", spec.partition)) if day in spec.names]
    return found


@cache
def fingerprint() -> str:
    """Changes whenever the tables, indexes or views in the code do, or to whom they are closed."""
    tables = [(spec.name, [(c.name, SQL_TYPES[c.type]) for c in spec.columns], spec.key, indexes(spec)) for spec in TABLES]
    return numbered(hashlib.sha256(repr((tables, views("postgres"), API_ROLES)).encode()).hexdigest())


def ours() -> list[str]:
    """The names of everything that a migration makes, but indexes."""
    return [*(spec.name for spec in TABLES), SCHEMA_TABLE, *views("postgres")]


def mark_of(view: str) -> str:
    """The comment of a view as it is in the code."""
    return f"{OUR_MARK}{hashlib.sha256(views('postgres')[view].encode()).hexdigest()[:16]}"


def found_in(connection: Connection) -> tuple[str | None, str | None]:
    """The schema of our tables, and the fingerprint of the code that last made them. One query.

    Raises:
        psycopg.errors.UndefinedTable: there are none.
    """
    [(schema, found)] = connection.execute(f"SELECT {OUR_SCHEMA}, (SELECT max(fingerprint) FROM {SCHEMA_TABLE})").fetchall()
    return schema, found


@dataclass(slots=True)
class Migration:
    """One migration in an open transaction. `label`: of the warehouse, for messages. `plan`: only say what would be done."""

    connection: Connection
    label: str
    plan: bool = False
    steps: list[str] = field(default_factory=list)

    def run(self) -> list[str]:
        """Every step, in words; none when everything is there.

        Raises:
            WarehouseError: a table, a column or a view of ours is something else.
        """
        schema = self._schema()
        # What is missing is made beside what is there, whatever a role's search_path begins with.
        self._rows("SELECT set_config('search_path', quote_ident(%s) || ', ' || current_setting('search_path'), TRUE)", schema)
        if not self.plan:
            take(self.connection, key(f"{schema} migration"))
            # Before anything is touched: a commit holds rows of some tables and goes on to others, and either would wait for the other.
            take(self.connection, Locks(schema).everything)
        if told := newer(self._found()):
            return told
        for spec in TABLES:
            self._table(spec)
        self._views()
        self._fingerprint()
        self._close()
        return self.steps

    # --- tables ---------------------------------------------------------------------------------------------------

    def _schema(self) -> str:
        [(schema, encoding)] = self._rows(f"SELECT {OUR_SCHEMA}, current_setting('server_encoding')")
        if encoding != "UTF8":
            raise WarehouseError(
                f"warehouse {self.label}: the database's encoding is {encoding}, UTF8 was expected. Nothing was changed.",
                next_step="Make a database for it: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0;",
            )
        if schema is None:
            raise WarehouseError(
                f"warehouse {self.label}: none of the schemas in the search_path is there, or may be used. Nothing was changed.",
                next_step="Make it, or let the role use one: GRANT USAGE, CREATE ON SCHEMA public TO the role;",
            )
        return str(schema)

    def _table(self, spec: TableSpec) -> None:
        kind = self._kind(spec.name)
        if kind is None:
            columns = [f"{c.name} {SQL_TYPES[c.type]}{' NOT NULL' if c.name in spec.key else ''}" for c in spec.columns]
            self._do(f"make table {spec.name}", f"CREATE TABLE {spec.name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(spec.key)}))")
            own_indexes: list[tuple[str, ...]] = []
        else:
            if kind not in IS_TABLE:
                raise self._other_thing(spec.name, f"is {KINDS.get(kind, 'something else')}, a table was expected")
            self._columns(spec)
            own_indexes = self._key_and_indexes(spec)
        for columns_of in indexes(spec):
            if columns_of not in own_indexes:
                joined = ", ".join(columns_of)
                self._do(
                    f"make an index on {spec.name} ({joined})",
                    f"CREATE INDEX {spec.name}_by_{'_'.join(columns_of)} ON {spec.name} ({joined})",
                )

    def _columns(self, spec: TableSpec) -> None:
        found: dict[str, str] = dict(
            self._rows(
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
                "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                spec.name,
            )
        )
        for column in spec.columns:
            wanted = SQL_TYPES[column.type]
            if column.name not in found:
                self._do(f"add column {spec.name}.{column.name} {wanted}", f"ALTER TABLE {spec.name} ADD COLUMN {column.name} {wanted}")
            elif found[column.name] != wanted:
                raise self._other_thing(spec.name, f'column "{column.name}" is {found[column.name]}, {wanted} was expected')

    def _key_and_indexes(self, spec: TableSpec) -> list[tuple[str, ...]]:
        """The columns of the indexes that a table has; its key is made where none tells rows apart by those columns."""
        found = self._rows(
            """SELECT i.indisunique AND i.indpred IS NULL AND i.indimmediate,
                (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
                    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts)
            FROM pg_index AS i WHERE i.indrelid = to_regclass(%s) AND i.indisvalid AND i.indexprs IS NULL""",
            spec.name,
        )
        columns = [tuple(names or ()) for _, names in found]
        if not any(is_unique and set(names or ()) == set(spec.key) for is_unique, names in found):
            own = ", ".join(spec.key)
            self._do(f"make the key of {spec.name} ({own})", f"CREATE UNIQUE INDEX {spec.name}_by_key ON {spec.name} ({own})")
        return columns

    # --- views ----------------------------------------------------------------------------------------------------

    def _views(self) -> None:
        """Views that are missing or of another definition, replaced. One whose columns changed cannot be: it is made anew, with those of ours that
        read it."""
        changed = [name for name in views("postgres") if self._is_other(name)]
        if self.plan:
            self.steps += [
                f"make view {name}" if self._kind(name) is None else f"replace view {name}{self._while_read(name)}" for name in changed
            ]
            return
        left = [name for name in changed if not self._replaced(name)]
        held = self._held(left)
        if others := [name for name in left if name not in held]:
            steps = list(self.steps)
            self._tell("SAVEPOINT dropping")
            try:
                self._anew(others)
            except (psycopg.errors.DependentObjectsStillExist, *CANNOT_BE_REPLACED) as problem:
                self._tell("ROLLBACK TO SAVEPOINT dropping")
                self.steps = steps
                held |= dict.fromkeys(others, printable((problem.diag.message_detail or str(problem)).replace("\n", "; "), 300))
        for name, why in held.items():
            self.steps.append(f"view {name} stays of an older definition: {why}")

    def _is_other(self, name: str) -> bool:
        kind = self._kind(name)
        if kind not in (None, "v"):
            raise self._other_thing(name, f"is {KINDS.get(str(kind), 'something else')}, a view was expected")
        [(comment,)] = self._rows("SELECT obj_description(to_regclass(%s), 'pg_class')", name)
        if kind and not str(comment or "").startswith(OUR_MARK):
            raise self._other_thing(name, f'is a view without our comment ("{OUR_MARK}..."), one of ours was expected')
        return bool(comment != mark_of(name))

    def _replaced(self, name: str) -> bool:
        step = f"make view {name}" if self._kind(name) is None else f"replace view {name}"
        self._tell("SAVEPOINT replacing")
        try:
            self._tell(f"CREATE OR REPLACE VIEW {name}{self._options(name)} AS {views('postgres')[name]}")
        except CANNOT_BE_REPLACED:
            self._tell("ROLLBACK TO SAVEPOINT replacing")
            return False
        self._do(step, f"COMMENT ON VIEW {name} IS '{mark_of(name)}'")
        return True

    def _held(self, names: Sequence[str]) -> dict[str, str]:
        """Those that cannot be made anew, and why: something of a user's own depends on them, or they read one that cannot."""
        held: dict[str, str] = {}
        for name in names:
            if own := self._of_others(name):
                held[name] = f"{own} depends on it. Drop that, run `restaurant-os migrate`, and make it again"
            elif read := next((other for other in held if re.search(rf"\b{other}\b", views("postgres")[name])), None):
                held[name] = f"it reads {read}"
        return held

    def _while_read(self, name: str) -> str:
        own = self._of_others(name)
        return f"; if it has other columns now it stays as it is while {own} depends on it" if own else ""

    def _readers(self, name: str) -> list[tuple[int, str]]:
        """What depends on a view, itself first, and what on that in turn: the views, each with its name."""
        return [
            (int(oid), str(found))
            for oid, found in self._rows(
                """WITH RECURSIVE readers (oid) AS (
                    SELECT to_regclass(%s)::oid
                    UNION SELECT r.ev_class FROM readers JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = readers.oid
                        AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite AS r ON r.oid = d.objid)
                SELECT oid, oid::regclass::text FROM readers WHERE oid IS NOT NULL""",
                name,
            )
        ]

    def _of_others(self, name: str) -> str:
        """What of a user's own depends on a view, or on one of ours that reads it."""
        own = {oid for (oid,) in self._rows("SELECT to_regclass(n)::oid FROM unnest(%s::text[]) AS n", list(views("postgres")))}
        readers = [oid for oid, _ in self._readers(name)]
        found = self._rows(
            """SELECT pg_describe_object('pg_class'::regclass, oid, 0) FROM unnest(%s::oid[]) AS oid
            UNION SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
                WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY(%s::oid[]) AND deptype = 'n' AND classid <> 'pg_rewrite'::regclass
            ORDER BY 1""",
            [oid for oid in readers if oid not in own],
            [oid for oid in readers if oid in own],
        )
        return printable(", ".join(str(one) for (one,) in found), 300)

    def _anew(self, names: Sequence[str]) -> None:
        """These, and those of our views that read one of them, for whoever could read them, and with the options that they had."""
        readers = {found.rpartition(".")[2] for name in names for _, found in self._readers(name)}
        names = [name for name in views("postgres") if name in readers or name in names]
        there = [name for name in names if self._kind(name) == "v"]
        options = {name: self._options(name) for name in names}
        grants = [grant for name in there for grant in self._grants(name)]
        if there:
            self._tell(f"DROP VIEW {', '.join(there)}")
        self.steps = [step for step in self.steps if step not in {f"replace view {name}" for name in names}]
        for name in names:
            self._tell(f"CREATE VIEW {name}{options[name]} AS {views('postgres')[name]}")
            self._do(f"make view {name} anew" if name in there else f"make view {name}", f"COMMENT ON VIEW {name} IS '{mark_of(name)}'")
        for name, column, grant in grants:
            if column is None or column in self._columns_of(name):
                self._tell(grant)

    def _options(self, name: str) -> str:
        """What somebody set on a view, such as security_invoker, as it is said when it is made. What only a view that can be written to may have is not."""
        found = self._rows(
            """SELECT string_agg(option, ', ') FROM pg_class AS c, unnest(c.reloptions) AS option
            WHERE c.oid = to_regclass(%s) AND option NOT LIKE 'check_option=%%'""",
            name,
        )
        return f" WITH ({found[0][0]})" if found and found[0][0] else ""

    def _grants(self, name: str) -> list[tuple[str, str | None, str]]:
        """What others may do with a view, or with a column of it: the view, the column, and the statement that says it again."""
        found = self._rows(
            """SELECT l.col, coalesce(' (' || quote_ident(l.col) || ')', ''), g.privilege_type,
                CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END, g.is_grantable
            FROM pg_class AS c,
                LATERAL (SELECT NULL::text AS col, c.relacl AS acl UNION ALL
                    SELECT attname::text, attacl FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS l,
                aclexplode(l.acl) AS g LEFT JOIN pg_roles AS r ON r.oid = g.grantee
            WHERE c.oid = to_regclass(%s) AND g.grantee <> c.relowner AND (g.grantee = 0 OR r.rolname IS NOT NULL)""",
            name,
        )
        return [
            (name, column, f"GRANT {what}{of_it} ON {name} TO {whom}{' WITH GRANT OPTION' if further else ''}")
            for column, of_it, what, whom, further in found
        ]

    def _columns_of(self, name: str) -> list[str]:
        return [
            str(own)
            for (own,) in self._rows("SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", name)
        ]

    # --- its parts ------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        """To the roles of a Data API, in the transaction in which it is made: there is no moment in which they may read it."""
        roles = api_roles(self.connection)
        if not roles:
            return
        names = granted(self.connection, ours())
        will_be = (
            self.plan and any(step.startswith(("make table", "make view")) for step in self.steps) and grants_by_default(self.connection)
        )
        if names or will_be:
            self._do(f"close our tables and views to {', '.join(roles)} (the Data API)", revoke(names, roles))

    def _found(self) -> str | None:
        """The fingerprint of the code that last made the tables."""
        if self._kind(SCHEMA_TABLE) not in IS_TABLE:
            return None
        [(found,)] = self._rows(f"SELECT max(fingerprint) FROM {SCHEMA_TABLE}")
        return None if found is None else str(found)

    def _fingerprint(self) -> None:
        if self._kind(SCHEMA_TABLE) is None:
            self._do(f"make table {SCHEMA_TABLE}", f"CREATE TABLE {SCHEMA_TABLE} (fingerprint text)")
        if not self.plan and self._rows(f"SELECT fingerprint FROM {SCHEMA_TABLE}") != [(fingerprint(),)]:
            self._tell(f"DELETE FROM {SCHEMA_TABLE}; INSERT INTO {SCHEMA_TABLE} VALUES ('{fingerprint()}')")

    def _kind(self, name: str) -> str | None:
        """What stands under a name, as pg_class says it."""
        found = self._rows("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)", name)
        return str(found[0][0]) if found else None

    def _other_thing(self, name: str, how: str) -> WarehouseError:
        return WarehouseError(
            f'warehouse {self.label}: "{name}" {how}. Nothing was changed.',
            next_step="Something else made it, or a newer version: name another database or schema (?options=-csearch_path%3Dname) in `warehouse`.",
        )

    def _do(self, step: str, statement: str) -> None:
        self.steps.append(step)
        if not self.plan:
            self._tell(statement)

    def _tell(self, statement: str) -> None:
        self.connection.execute(statement)

    def _rows(self, asked: str, *values: object) -> list[Row]:
        return self.connection.execute(asked, values or None).fetchall()
