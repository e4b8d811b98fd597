"""Whose turn it is, where one process at a time may work: a session's lock, taken from a holder whose heart stopped.

A lock ends with its session, so a killed process is followed at once. A *frozen* one (SIGSTOP, a paused machine) keeps
its session and its lock for as long as it sleeps, whatever keep-alives say: the kernel answers those. So each holder
beats by the database's clock; whoever stands by ends the session of one whose heart stopped, and takes its turn. What
keeps the work right is neither: whoever is no longer the holder must be fenced where its work is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import Any, Final, TypeAlias
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

log = structlog.get_logger()

Db: TypeAlias = Connection[tuple[Any, ...]]

SESSION: Final = """
SET client_connection_check_interval = '1s';
SET tcp_keepalives_idle = 2;
SET tcp_keepalives_interval = 1;
SET tcp_keepalives_count = 3;
SET idle_in_transaction_session_timeout = '4s';
"""
"""So that the server ends the session of a lost host within 5 seconds, even in the middle of a statement."""

CLIENT: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
"""And so that we notice a lost server."""

BEAT_SECONDS: Final = 0.75
"""Between two beats."""
STOPPED_SECONDS: Final = 3.0
"""Without a beat for so long, a holder is taken to be gone."""

_TRY: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"

_HOLDING: Final = """
SELECT l.pid FROM (SELECT hashtextextended(%s, 0) AS key) AS k
JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = k.key
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_END: Final = "SELECT pg_terminate_backend(%s)"

Heard = tuple[UUID | None, bool]
"""Whose heart it is that should beat, and whether it has stopped."""


@contextmanager
def session(conninfo: str, application: str) -> Generator[Db]:
    """A connection of one's own, whose server notices within seconds when its host is lost.

    ``application`` is what `pg_stat_activity` calls it.
    """
    told = {"application_name": application, **CLIENT, **conninfo_to_dict(conninfo)}
    with closing(psycopg.connect(make_conninfo(conninfo, **told), autocommit=True)) as db:
        db.execute(SESSION)
        yield db


def take(db: Db, lock: str) -> bool:
    """Try to take the lock that says whose turn it is; it lasts as long as the session."""
    row = db.execute(_TRY, (lock,)).fetchone()
    assert row is not None
    return bool(row[0])


class Turn:
    """One process's way to its turn.

    ``lock`` names it, ``title`` in a log; ``holder`` is the id of one's own heart; ``heart`` listens, on the session
    that asks, for that of whoever has the turn.
    """

    def __init__(self, lock: str, title: str, holder: UUID, heart: Callable[[Db], Heard]) -> None:
        self.lock = lock
        self.title = title
        self.holder = holder
        self._heart = heart
        self._stopped: tuple[int, UUID | None] | None = None

    def take(self, db: Db) -> bool:
        """Try to take the turn; it lasts as long as the session, or until another takes it from a heart that stopped.

        Ask again and again: a heart is taken to have stopped when two askings in a row find it so.
        """
        if take(db, self.lock):
            return True
        holding = db.execute(_HOLDING, (self.lock,)).fetchone()
        holder, stopped = self._heart(db)
        if holding is None or not stopped or holder == self.holder:
            self._stopped = None
            return False
        seen = (holding[0], holder)
        if self._stopped != seen:
            self._stopped = seen
            return False
        self._stopped = None
        return self._end(db, *seen)

    def _end(self, db: Db, pid: int, holder: UUID | None) -> bool:
        """End the session of a holder whose heart stopped. Where that is not allowed, the fence must do."""
        log.warning("turn taken from a process whose heart stopped", of=self.title, process=str(holder))
        try:
            db.execute("SET ROLE NONE")  # who may end a session is who may log in as its user
            db.execute(_END, (pid,))
        except psycopg.errors.InsufficientPrivilege:
            log.error("its session may not be ended, only fenced", of=self.title)
            return True
        finally:
            db.execute("RESET ROLE")
        return take(db, self.lock)
