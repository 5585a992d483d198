"""Who may reach what we make in a Postgres: nobody by way of a hosted one's Data API.

Supabase's serves over HTTP whatever the roles `anon` and `authenticated` may read or write, to whoever has a key that stands in web pages; projects grant
them everything that is made in `public`. Row level security alone is no cure: a view reads as its owner.
(supabase.com/docs/guides/database/hardening-data-api)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restaurant_os.warehouse.postgres_sessions import Connection

#: The roles as which the Data API asks.
API_ROLES = ("anon", "authenticated")
#: Whom a grant is to: one of them, or PUBLIC, which they are too.
IS_OF_API = "(g.grantee = 0 OR g.grantee IN (SELECT oid FROM pg_roles WHERE rolname = ANY(%(roles)s)))"


@dataclass(frozen=True, slots=True)
class Open:
    """What one role of the Data API may read or change of ours. `first`: one of these tables or views; `owner`: whose it is."""

    role: str
    count: int
    first: str
    owner: str


def api_roles(connection: Connection) -> list[str]:
    """Those of the roles that are there: none, unless the server is of that kind."""
    found = connection.execute("SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s) ORDER BY rolname", [list(API_ROLES)])
    return [str(role) for (role,) in found.fetchall()]


def granted(connection: Connection, names: Sequence[str]) -> list[str]:
    """Those of our tables and views of which anything, a column too, is granted to the roles or to PUBLIC, and may be taken back by us."""
    found = connection.execute(
        f"""SELECT name FROM unnest(%(names)s::text[]) WITH ORDINALITY AS own (name, place) JOIN pg_class AS c ON c.oid = to_regclass(name)
        WHERE pg_has_role(c.relowner, 'USAGE') AND EXISTS (
            SELECT FROM (SELECT c.relacl UNION ALL SELECT a.attacl FROM pg_attribute AS a WHERE a.attrelid = c.oid) AS lists (acl), aclexplode(acl) AS g
            WHERE g.grantor = c.relowner AND {IS_OF_API})
        ORDER BY place""",
        {"names": list(names), "roles": list(API_ROLES)},
    )
    return [str(name) for (name,) in found.fetchall()]


def grants_by_default(connection: Connection) -> bool:
    """Whether what is made next is granted to them as it is made."""
    found = connection.execute(
        f"""SELECT EXISTS (SELECT FROM pg_default_acl AS d JOIN pg_roles AS r ON r.oid = d.defaclrole, aclexplode(d.defaclacl) AS g
            WHERE r.rolname = current_user AND d.defaclobjtype = 'r' AND {IS_OF_API}
                AND d.defaclnamespace IN (0, (SELECT oid FROM pg_namespace WHERE nspname = current_schema())))""",
        {"roles": list(API_ROLES)},
    )
    return found.fetchone() == (True,)


def revoke(names: Sequence[str], roles: Sequence[str]) -> str:
    """The statement that takes back every right to tables and views, those of their columns too."""
    return f"REVOKE ALL ON {', '.join(names)} FROM PUBLIC, {', '.join(roles)} CASCADE"


def open_to_api(connection: Connection, names: Sequence[str]) -> list[Open]:
    """What each of the roles really may, by whatever grant or membership; what it cannot name, since it may not use the schema, is closed to it."""
    found = connection.execute(
        """SELECT r.rolname::text, count(*), min(name), min(pg_get_userbyid(c.relowner)::text)
        FROM unnest(%(names)s::text[]) AS own (name) JOIN pg_class AS c ON c.oid = to_regclass(name), pg_roles AS r
        WHERE r.rolname = ANY(%(roles)s) AND has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
            AND (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE'))
        GROUP BY r.rolname ORDER BY r.rolname""",
        {"names": list(names), "roles": list(API_ROLES)},
    )
    return [Open(*row) for row in found.fetchall()]
