"""How the ledger and its key store reach PostgreSQL: pools that give up soon, and reads that outlive a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

T = TypeVar("T")
Pool = ConnectionPool[Connection[Any]]

CHECKOUT_TIMEOUT: Final = 1.0
"""Seconds to wait for a free connection: a caller is better told "busy" than kept."""

OPENING_TIMEOUT: Final = 10.0
"""Seconds for the first connections, made when a service starts: then there is nobody to keep waiting."""

SESSION: Final = (
    "SET TimeZone = 'UTC'; "
    "SET client_connection_check_interval = '5s'; "
    "SET lock_timeout = '5s'; "
    "SET idle_in_transaction_session_timeout = '5s'"
)
"""A lost client frees its locks within seconds; nobody waits for a lock without end."""

LINK: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""How every connection is made: seconds within which a server that is gone is noticed."""


class UnsafeDurability(Exception):
    """PostgreSQL is set to answer before a commit is on disk (``synchronous_commit = off``): refuse to start."""


def _configure(connection: Connection[Any]) -> None:
    connection.autocommit = True
    connection.execute(SESSION)


def open_pool(conninfo: str, name: str, *, min_size: int = 1, max_size: int = 8, row_factory: Any = tuple_row) -> Pool:
    """A pool of autocommitting connections, the first of them made. Raises: psycopg.OperationalError."""
    pool = ConnectionPool[Connection[Any]](
        conninfo,
        kwargs={"row_factory": row_factory, **LINK},
        min_size=min_size,
        max_size=max_size,
        open=False,
        configure=_configure,
        timeout=CHECKOUT_TIMEOUT,
        name=name,
    )
    try:
        pool.open(wait=True, timeout=OPENING_TIMEOUT)
    except BaseException:
        pool.close()
        raise
    return pool


def rows(connection: Connection[Any], query: LiteralString, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows that ``query`` gives, as tuples whatever the connection's own taste."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, params).fetchall()


def asking(pool: Pool, ask: Callable[[Connection[Any]], T]) -> T:
    """What ``ask`` gives. If its connection proves dead (the server restarted), drop the dead ones and ask again.

    Only for what may be done twice: reads, and writes that harm nobody when repeated.
    """
    connection = None
    try:
        with pool.connection() as connection:
            return ask(connection)
    except psycopg.OperationalError:
        if connection is None or not connection.closed:
            raise
    pool.check()
    with pool.connection() as connection:
        return ask(connection)


def refuse_unsafe_durability(connection: Connection[Any]) -> None:
    """Raises: UnsafeDurability."""
    if rows(connection, "SELECT current_setting('synchronous_commit')") == [("off",)]:
        raise UnsafeDurability("synchronous_commit is off: a commit that was answered could be lost; set it to on")
