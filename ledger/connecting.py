"""How the ledger and its key store reach PostgreSQL: pools that give up soon, and reads that outlive a restart."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg import Connection
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

T = TypeVar("T")
Pool = ConnectionPool[Connection[Any]]

CHECKOUT_TIMEOUT: Final = 1.0
"""Seconds to wait for a free connection: a caller is better told "busy" than kept."""

ANSWER_TIMEOUT: Final = 10.0
"""Seconds for which one exchange with the server may last: twice as long as anybody waits for a lock."""

RECONNECT_TIMEOUT: Final = 2.0
"""Seconds for which a pool tries again by itself to replace a connection. Then whoever asks next makes it try at once,
so that a server that comes back after an hour is in use with the first request."""

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


class Silent(psycopg.OperationalError):
    """The server is there, but has not answered for as long as we wait: it is stopped, or its disk is."""


class Patient(Connection[Any]):
    """A connection that gives up on a server that does not answer within ``patience`` seconds, and is closed then.

    ``on_silence`` is called then, too: what is silent on one connection need not be waited for on every other.
    """

    patience: float = ANSWER_TIMEOUT
    on_silence: Callable[[], None] | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As psycopg's; no ``timeout`` is ``patience``. Raises: Silent."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        until = monotonic() + self.patience
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError as error:
            if self.closed or error.sqlstate is not None or monotonic() < until:
                raise
            self.close()
            if self.on_silence is not None:
                self.on_silence()
            raise Silent(f"no answer for {self.patience:.0f} s") from error

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """As psycopg's; but where one that goes back to its pool is in no transaction, nothing is set up to end one."""
        if getattr(self, "_pool", None) is None or self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().__exit__(exc_type, exc_val, exc_tb)


class UnsafeDurability(Exception):
    """PostgreSQL is set to answer before a commit is on disk (``synchronous_commit = off``): refuse to start."""


def open_pool(conninfo: str, name: str, *, min_size: int = 1, max_size: int = 8, row_factory: Any = tuple_row) -> Pool:
    """A pool of autocommitting connections, the first of them made. Raises: psycopg.OperationalError."""

    def configure(connection: Connection[Any]) -> None:
        connection.autocommit = True
        connection.execute(SESSION)
        let_go_of_silent(pool, connection)

    pool = ConnectionPool[Connection[Any]](
        conninfo,
        connection_class=Patient,
        kwargs={"row_factory": row_factory, **LINK},
        min_size=min_size,
        max_size=max_size,
        open=False,
        configure=configure,
        reconnect_timeout=RECONNECT_TIMEOUT,
        timeout=CHECKOUT_TIMEOUT,
        name=name,
    )
    try:
        pool.open(wait=True, timeout=OPENING_TIMEOUT)
    except BaseException:
        pool.close()
        raise
    return pool


def reading_pool(conninfo: str, max_size: int) -> Pool:
    """A pool of autocommitting connections for questions, opened, each looked at before it is lent.

    Who asks waits up to 5 s for one: a burst of questions is worth waiting for.
    """

    def configure(connection: Connection[Any]) -> None:
        let_go_of_silent(pool, connection)

    pool = ConnectionPool[Connection[Any]](
        conninfo,
        connection_class=Patient,
        kwargs={"autocommit": True, **LINK},
        min_size=1,
        max_size=max_size,
        timeout=5.0,
        name="reading",
        check=unbroken,
        configure=configure,
        reconnect_timeout=RECONNECT_TIMEOUT,
        open=False,
    )
    pool.open()
    return pool


def conninfo_of(pool: Pool) -> str:
    """How the pool's connections are made."""
    assert isinstance(pool.conninfo, str)
    return pool.conninfo


def let_go_of_silent(pool: Pool, connection: Connection[Any]) -> None:
    """Have the ``pool`` drop every connection it holds once this one has met with silence."""
    assert isinstance(connection, Patient)
    connection.on_silence = pool.drain


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


def unbroken(connection: Connection[Any]) -> None:
    """A pool's ``check``: a connection whose server has gone tells so by itself, on its socket.

    Nothing waits there on a sound one, which is lent as it is; else the server is asked. It spares a round trip for
    each that is lent. Raises: psycopg.OperationalError.
    """
    socket = select.poll()  # and not select(), which knows no descriptor above 1,023
    socket.register(connection, select.POLLIN)
    if socket.poll(0):
        connection.execute("")


def refuse_unsafe_durability(connection: Connection[Any]) -> None:
    """Raises: UnsafeDurability."""
    if rows(connection, "SELECT current_setting('synchronous_commit')") == [("off",)]:
        raise UnsafeDurability("synchronous_commit is off: a commit that was answered could be lost; set it to on")
