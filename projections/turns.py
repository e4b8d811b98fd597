"""Whose turn it is to work on a model: a session's lock, and a heart that beats for the process behind it.

A lock ends with its session, so a killed process is followed at once. A *frozen* one (SIGSTOP, a paused machine) keeps
its session and its lock for as long as it sleeps, whatever keep-alives say: the kernel answers those. So each runner
beats by the database's clock; whoever stands by ends the session of a holder whose heart stopped, and takes its turn.
What keeps rows right is neither: `projections.tracking` fences whoever is no longer the holder.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections import poison
from projections.tracking import Db, Place, lock_of

log = structlog.get_logger()

RUNNER_DDL = """
CREATE TABLE IF NOT EXISTS reading.runner (
    id      uuid        PRIMARY KEY,
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

SESSION = """
SET client_connection_check_interval = '1s';
SET tcp_keepalives_idle = 2;
SET tcp_keepalives_interval = 1;
SET tcp_keepalives_count = 3;
SET idle_in_transaction_session_timeout = '4s';
"""
"""So that the server ends the session of a lost host within 5 seconds, even in the middle of a statement."""

APPLICATION = "sarkmeli projections"
"""What `pg_stat_activity` calls our sessions."""

CLIENT = {
    "application_name": APPLICATION,
    "connect_timeout": 5,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
"""And so that we notice a lost server."""

BEAT_SECONDS = 0.75
"""Between two beats."""
STOPPED_SECONDS = 3.0
"""Without a beat for so long, a holder is taken to be gone."""

_BEAT = """
INSERT INTO reading.runner (id) VALUES (%s) ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp()
"""
_LAST_BEAT = "DELETE FROM reading.runner WHERE id = %s OR beat_at < clock_timestamp() - interval '1 day'"

_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"

_HOLDER = """
SELECT l.pid, t.holder,
    coalesce(clock_timestamp() - r.beat_at > make_interval(secs => %(stopped)s), true) AS stopped
FROM (SELECT hashtextextended(%(lock)s, 0) AS key) AS k
JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = k.key
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LEFT JOIN reading.tracking t ON (t.model, t.version, t.beside) = (%(model)s, %(version)s, %(beside)s)
LEFT JOIN reading.runner r ON r.id = t.holder
"""

_END = "SELECT pg_terminate_backend(%s)"


class BusyElsewhere(Exception):
    """Another runner holds this model's turn."""


@contextmanager
def session(conninfo: str) -> Generator[Db]:
    """A connection of a runner's own, whose server notices within seconds when its host is lost."""
    patient = make_conninfo(conninfo, **{**CLIENT, **conninfo_to_dict(conninfo)})
    with closing(psycopg.connect(patient, autocommit=True)) as db:
        db.execute(SESSION)
        yield db


class Heart:
    """One process's beat, in a thread and on a connection of its own, from `__enter__` to `__exit__`."""

    def __init__(self, conninfo: str) -> None:
        self.id = uuid4()
        self._conninfo = conninfo
        self._still = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart of the projections", daemon=True)

    def __enter__(self) -> Self:
        """The first beat is through when this returns, if the database can be reached."""
        with suppress(psycopg.OperationalError), session(self._conninfo) as db:
            db.execute(_BEAT, (self.id,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._still.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._still.is_set():
            try:
                with session(self._conninfo) as db:
                    db.execute("SET synchronous_commit = off")  # a beat that a crash loses has no more to say
                    while not self._still.wait(BEAT_SECONDS):
                        db.execute(_BEAT, (self.id,))
                    db.execute(_LAST_BEAT, (self.id,))
            except psycopg.Error as error:
                log.warning("the heart misses a beat", error=poison.told(error))
                self._still.wait(BEAT_SECONDS)


class Turn:
    """One runner's way to its turn on one model. ``holder`` is the id of its heart."""

    def __init__(self, place: Place, holder: UUID) -> None:
        self.place = place
        self.holder = holder
        self._stopped: tuple[int, UUID | None] | None = None

    def take(self, db: Db) -> bool:
        """Try to take the turn; it lasts as long as the session, or until another takes it from a heart that stopped.

        Ask again and again: a heart is taken to have stopped when two askings in a row find it so.
        """
        if take_turn(db, self.place):
            return True
        found = db.execute(
            _HOLDER, {"stopped": STOPPED_SECONDS, "lock": self.place.lock, **_named(self.place)}
        ).fetchone()
        if found is None or not found[2] or found[1] == self.holder:
            self._stopped = None
            return False
        seen = (found[0], found[1])
        if self._stopped != seen:
            self._stopped = seen
            return False
        self._stopped = None
        return self._end(db, *seen)

    def _end(self, db: Db, pid: int, holder: UUID | None) -> bool:
        """End the session of a holder whose heart stopped. Where that is not allowed, the fence must do."""
        log.warning("turn taken from a runner whose heart stopped", model=self.place.title, runner=str(holder))
        try:
            db.execute("SET ROLE NONE")  # who may end a session is who may log in as its user
            db.execute(_END, (pid,))
        except psycopg.errors.InsufficientPrivilege:
            log.error("its session may not be ended, only fenced", model=self.place.title)
            return True
        finally:
            db.execute("RESET ROLE")
        return take_turn(db, self.place)


def take_turn(db: Db, place: Place) -> bool:
    """Try to take the lock that says who works on a model; it lasts as long as the session."""
    return take_turn_on(db, *place.key)


def take_turn_on(db: Db, name: str, version: int, beside: bool) -> bool:
    """As `take_turn`, also for a version that this program does not know."""
    row = db.execute(_TRY, (lock_of(name, version, beside),)).fetchone()
    assert row is not None
    return bool(row[0])


def _named(place: Place) -> dict[str, object]:
    model, version, beside = place.key
    return {"model": model, "version": version, "beside": beside}
