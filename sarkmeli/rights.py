"""Whether a process may do in the databases what its part needs and no more: asked once, before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.connecting import LINK, rows
from sarkmeli.roles import KEYS_RIGHTS, OWNERS, DbRole
from sarkmeli.settings import Settings

log = structlog.get_logger("office")

WORK: Final = {
    "api": (DbRole.APP,),
    "notices": (DbRole.APP,),
    "deadlines": (DbRole.APP, DbRole.ERASER),
    "runner": (DbRole.RUNNER,),
    "checkpoints": (DbRole.SIGNER,),
    "relay": (DbRole.RELAY,),
    "warehouse": (),
    "marts": (),
}
"""The roles that each part connects as."""

_WHO: Final = """
SELECT current_user::text, session_user::text, rolsuper, rolcreaterole, rolreplication, rolbypassrls
FROM pg_roles WHERE rolname = session_user
"""
_ATTRIBUTES: Final = ("is a superuser", "may make roles", "may copy the whole server", "may bypass row security")

_SURPLUS: Final = """
SELECT format('%%s on %%s', privilege, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
     unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER}'::text[]) AS privilege
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p') AND has_table_privilege(session_user, c.oid, privilege)
    AND NOT EXISTS (SELECT FROM unnest(%s::text[]) AS ours WHERE has_table_privilege(ours, c.oid, privilege))
ORDER BY n.nspname = 'ledger' DESC, c.relname = 'event' DESC, c.relname, privilege LIMIT 3
"""


class WrongRights(Exception):
    """The login of a process may do more than its part needs, or is not the role that it was to become."""


def keep_to_rights(settings: Settings, part: str) -> None:
    """Refuse a login with more rights than the part needs; outside production, remark on it.

    Raises: WrongRights, psycopg.Error.
    """
    work = WORK[part]
    for role in work:
        asked = [settings.ledger_as(role)]
        if any(may.of(role) for may in KEYS_RIGHTS):
            asked.append(settings.keys_as(role))
        for conninfo in asked:
            keep_to_role(settings, part, conninfo, role, work)


def keep_to_role(settings: Settings, part: str, conninfo: str, role: DbRole, work: Sequence[DbRole]) -> None:
    """As `keep_to_rights`, of one login."""
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        surplus = list(more_than(connection, role, work, settings.database_roles))
        database, user = connection.info.dbname, connection.info.user
    if surplus and settings.production:
        raise WrongRights(f"{part} will not work as {user} in {database}, which {', '.join(surplus)}")
    if surplus:
        log.warning("more rights than the part needs", login=user, database=database, which=surplus)


def more_than(connection: Connection[TupleRow], role: DbRole, work: Sequence[DbRole], prefix: str) -> Iterator[str]:
    """What the connected login may do beyond the roles in ``work``. Raises: WrongRights if it is not ``role`` now."""
    now, login, *attributes = rows(connection, _WHO)[0]
    if now != role.named(prefix):
        raise WrongRights(f"{login} did not become {role.named(prefix)} but is {now}: does a pooler drop `options`?")
    yield from (told for told, has in zip(_ATTRIBUTES, attributes, strict=True) if has)
    ours = [one.named(prefix) for one in work]
    for other in DbRole:
        name = other.named(prefix)
        if name not in ours and rows(connection, "SELECT pg_has_role(session_user, %s, 'MEMBER')", (name,))[0][0]:
            yield f"may become {name}"
    yield from (f"has {what}" for (what,) in rows(connection, _SURPLUS, (list(OWNERS), ours)))
