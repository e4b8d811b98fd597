"""Applies every owner's DDL, in order, to the two databases, as the roles that own them; grants what `roles` lists.

Who migrates is an administrator that may make roles and owns both databases; a superuser need not be had. It becomes
each owner for as long as it takes, so that nothing that is made is its own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.connecting import rows
from ledger.schema import KEYS_DDL, LEDGER_DDL
from projections.schema import MIRROR_DDL, PROJECTIONS_DDL
from sarkmeli.roles import KEYS_RIGHTS, LEDGER_RIGHTS, MIRROR_RIGHTS, OWNERS, PREFIX, READERS, WORKERS, DbRole, May

MIGRATION_LOCK: Final = 0x5341524B
"""The advisory lock under which one migration at a time runs ("SARK")."""

OLDEST: Final = 150000

MAINTENANCE: Final = "postgres"
"""The database that every server has, from which others are made."""

_ATTEMPTS: Final = 20
"""How often the making of roles is begun again that another migration on the same server got in the way of."""

_MAY_BECOME: Final = "SELECT pg_has_role(current_user, %s, %s)"
_LOGIN: Final = "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s"

_THINGS: Final = """
WITH ours AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = ANY(%s))
SELECT 'SCHEMA', quote_ident(nspname), pg_get_userbyid(nspowner), nspname FROM ours
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
       format('%%I.%%I', o.nspname, c.relname), pg_get_userbyid(c.relowner), o.nspname
FROM pg_class c JOIN ours o ON o.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'S')
    AND NOT EXISTS (  -- a column's own sequence goes with its table
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
            AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0)
UNION ALL
SELECT 'ROUTINE', p.oid::regprocedure::text, pg_get_userbyid(p.proowner), o.nspname
FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace
UNION ALL
SELECT 'TYPE', format('%%I.%%I', o.nspname, t.typname), pg_get_userbyid(t.typowner), o.nspname
FROM pg_type t JOIN ours o ON o.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c'
"""
"""Everything in these schemas: what kind it is, its name, its owner, its schema."""


class TooOld(Exception):
    """The server is older than PostgreSQL 15."""


class NotAllowed(Exception):
    """The login that migrates may not do what a migration must."""


def create_databases(*wanted: str) -> None:
    """Make each database of the ``wanted`` connection infos that cannot be reached and is not there, on its server.

    Raises: NotAllowed, psycopg.OperationalError.
    """
    for conninfo in wanted:
        name = str(conninfo_to_dict(conninfo).get("dbname") or "")
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(conninfo).close()
            continue
        with psycopg.connect(make_conninfo(conninfo, dbname=MAINTENANCE), autocommit=True) as connection:
            try:
                # Two starting at once: the other one's will do.
                with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    _say(connection, "CREATE DATABASE {}", name)
            except psycopg.errors.InsufficientPrivilege as error:
                raise NotAllowed(f"{connection.info.user} may not make the database {name}") from error


@dataclass(frozen=True)
class Made:
    """What one database is made of."""

    schemas: tuple[str, ...]
    ddl: Mapping[DbRole, Iterable[str]]
    """Every statement by who makes it, who then owns what is made."""
    rights: tuple[May, ...]


KEYS: Final = Made(("keystore",), {DbRole.OWNER: KEYS_DDL}, KEYS_RIGHTS)
LEDGER: Final = Made(
    ("ledger", "reading", "housekeeping"),
    {DbRole.OWNER: (*LEDGER_DDL, *HOUSEKEEPING_DDL), DbRole.RUNNER: PROJECTIONS_DDL},
    LEDGER_RIGHTS,
)
MIRROR: Final = Made(("reading",), {DbRole.RUNNER: MIRROR_DDL}, MIRROR_RIGHTS)


def migrate(ledger_conninfo: str, keys_conninfo: str, prefix: str = PREFIX, *, login: bool = False) -> None:
    """Bring both databases to this release's tables and roles; doing it again changes nothing.

    ``prefix`` begins the roles' names; with ``login`` they may log in themselves. Raises: TooOld, NotAllowed.
    """
    for conninfo, made in ((keys_conninfo, KEYS), (ledger_conninfo, LEDGER)):
        migrate_one(conninfo, made, prefix, login=login)


def migrate_one(conninfo: str, made: Made, prefix: str = PREFIX, *, login: bool = False) -> None:
    """As `migrate`, for one database."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        if connection.info.server_version < OLDEST:
            raise TooOld(f"PostgreSQL 15 or newer is needed; this is {connection.info.server_version // 10000}")
        try:
            connection.execute("SET client_min_messages = error")
            make_roles(connection, prefix, login=login)
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
                _apply(connection, prefix, made)
        except psycopg.errors.InsufficientPrivilege as error:
            raise NotAllowed(
                f"{connection.info.user} may not migrate {connection.info.dbname}: {error.diag.message_primary}. "
                "It takes a login that may make roles and owns the database"
            ) from error


def make_roles(connection: Connection[Any], prefix: str, *, login: bool) -> None:
    """Make every role that is not there, and let whoever is connected become each: the owners to make what is theirs,
    the others for an office that has one login for everything.

    Roles are the whole server's: another office's migration may be making the same ones right now.
    """
    may_become = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    for attempt in range(_ATTEMPTS):
        try:
            with connection.transaction():
                for role in DbRole:
                    _make_role(connection, role.named(prefix), login=login and role is not DbRole.OWNER)
                for role in DbRole:
                    if not rows(connection, _MAY_BECOME, (role.named(prefix), may_become))[0][0]:
                        _say(connection, "GRANT {} TO CURRENT_USER", role.named(prefix))
            return
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_):
            # The last is "tuple concurrently updated". What the other one made is there at the next look.
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.05)


def _make_role(connection: Connection[Any], name: str, *, login: bool) -> None:
    found = rows(connection, _LOGIN, (name,))
    if not found:
        _say(connection, "CREATE ROLE {} LOGIN" if login else "CREATE ROLE {}", name)
    elif login and not found[0][0]:
        _say(connection, "ALTER ROLE {} LOGIN", name)


def _apply(connection: Connection[Any], prefix: str, made: Made) -> None:
    """Take over what is there, make what is not, grant; to be done in one transaction, so that nobody sees half."""
    database = connection.info.dbname
    schemas = {schema: OWNERS[schema].named(prefix) for schema in made.schemas}
    for owner in sorted(set(schemas.values())):
        _say(connection, "GRANT CREATE ON DATABASE {} TO {}", database, owner)
    for schema, owner in schemas.items():
        _say(connection, "CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", schema, owner)
    for kind, name, owner, schema in rows(connection, _THINGS, (list(schemas),)):
        if owner != schemas[schema]:
            _say(connection, f"ALTER {kind} {name} OWNER TO {{}}", schemas[schema])
    for role, statements in made.ddl.items():
        _say(connection, "SET LOCAL ROLE {}", role.named(prefix))
        for statement in statements:
            connection.execute(cast(LiteralString, statement), prepare=False)
    _close(connection, prefix, schemas)
    for may in made.rights:
        _say(connection, "SET LOCAL ROLE {}", schemas[may.schema])
        for role in WORKERS:
            if privileges := may.of(role):
                _say(connection, f"GRANT {privileges} ON {may.on} TO {{}}", role.named(prefix))
    connection.execute("RESET ROLE")
    _say(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    for role in DbRole:
        _say(connection, "REVOKE ALL ON DATABASE {} FROM {}", database, role.named(prefix))
        if any(may.of(role) for may in made.rights) or role.named(prefix) in schemas.values():
            _say(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, role.named(prefix))
    if rows(connection, "SELECT to_regnamespace('public')")[0][0] is not None:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def _close(connection: Connection[Any], prefix: str, schemas: dict[str, str]) -> None:
    """Take every right in these schemas from everybody but their owners, and from whatever they will make."""
    for schema, owner in schemas.items():
        _say(connection, "SET LOCAL ROLE {}", owner)
        others = [role.named(prefix) for role in WORKERS if role.named(prefix) != owner]
        everybody = sql.SQL(", ").join([sql.SQL("PUBLIC"), *map(sql.Identifier, others)])
        for kind in ("TABLES", "SEQUENCES", "ROUTINES"):
            _say(connection, f"REVOKE ALL ON ALL {kind} IN SCHEMA {{}} FROM {{}}", schema, everybody)
        _say(connection, "REVOKE ALL ON SCHEMA {} FROM {}", schema, everybody)
        connection.execute("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC")
    if "reading" in schemas:  # its owner makes tables there between two migrations
        readers = sql.SQL(", ").join(sql.Identifier(role.named(prefix)) for role in READERS)
        _say(connection, "SET LOCAL ROLE {}", schemas["reading"])
        _say(connection, "ALTER DEFAULT PRIVILEGES IN SCHEMA reading GRANT SELECT ON TABLES TO {}", readers)


def _say(connection: Connection[Any], statement: str, *names: str | sql.Composable) -> None:
    """Execute it with each name in its place, quoted."""
    quoted = [sql.Identifier(name) if isinstance(name, str) else name for name in names]
    connection.execute(sql.SQL(cast(LiteralString, statement)).format(*quoted), prepare=False)
