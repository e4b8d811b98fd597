"""Which of several relays relays: one at a time, by a lock and a heart in PostgreSQL (`ledger.turns`).

The lock keeps relays from fencing each other again and again; what keeps the stream right is Kafka's own fence, by
which the older of two producers with one transactional id can commit nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from typing import Final
from uuid import UUID, uuid4

import psycopg
import structlog

from housekeeping import relay as row
from ledger import turns
from ledger.turns import BEAT_SECONDS, STOPPED_SECONDS, Db, Turn

log = structlog.get_logger("relay")

APPLICATION: Final = "sarkmeli relay"
"""What `pg_stat_activity` calls our sessions."""

STAND_BY_SECONDS: Final = 0.5
"""Between two askings of one that stands by."""

SURE_SECONDS: Final = 1.0
"""For so long one who has the turn believes it without asking."""


class Lead:
    """The turn, while it lasts. What it is told of ``position`` and ``stopped`` its heart tells the others."""

    def __init__(self, conninfo: str, name: str, db: Db) -> None:
        self.position: int | None = None
        self.stopped: str | None = None
        self._conninfo = conninfo
        self._name = name
        self._db = db
        self._id = uuid4()
        self._asked = monotonic()
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._live, name="heart of the relay", daemon=True)

    @property
    def id(self) -> UUID:
        """Whose turn it is."""
        return self._id

    def begin(self) -> None:
        """Say whose turn it is, and let the heart beat. Raises: psycopg.Error."""
        row.begin(self._db, self._name, self._id)
        self._heart.start()

    def end(self) -> None:
        """The last beat is through when this returns, if the database can be reached."""
        self._ended.set()
        if self._heart.is_alive():
            self._heart.join()

    def is_ours(self) -> bool:
        """Whether the turn is still ours: the session that holds the lock lives, and nobody else has begun."""
        if self._lost.is_set():
            return False
        if monotonic() - self._asked >= SURE_SECONDS:
            try:
                self._db.execute("SELECT 1")
            except psycopg.Error as error:
                log.warning("the turn is lost with its session", error=type(error).__name__)
                self._lost.set()
                return False
            self._asked = monotonic()
        return True

    def _live(self) -> None:
        while not self._ended.is_set():
            try:
                with turns.session(self._conninfo, APPLICATION) as db:
                    db.execute("SET synchronous_commit = off")  # a beat that a crash loses has no more to say
                    while self._beat(db) and not self._ended.wait(BEAT_SECONDS):
                        pass
                    self._beat(db)
                    return
            except psycopg.Error as error:
                log.warning("the heart misses a beat", error=type(error).__name__)
                self._ended.wait(BEAT_SECONDS)

    def _beat(self, db: Db) -> bool:
        if row.beat(db, self._name, self._id, self.position, self.stopped):
            return True
        log.warning("the turn was taken by another relay")
        self._lost.set()
        return False


@contextmanager
def lead(conninfo: str, name: str, stop: threading.Event, patience: float | None = None) -> Generator[Lead | None]:
    """Stand by until the turn is ours; None if ``stop`` is set before, or ``patience`` seconds have gone.

    Raises: psycopg.Error.
    """
    with turns.session(conninfo, APPLICATION) as db:
        ours = Lead(conninfo, name, db)
        turn = Turn(f"relay/{name}", name, ours.id, lambda asking: row.heard(asking, name, STOPPED_SECONDS))
        until = None if patience is None else monotonic() + patience
        stood_by = False
        while not turn.take(db):
            if stop.is_set() or (until is not None and monotonic() > until):
                yield None
                return
            if not stood_by:
                log.info("standing by", relay=name)
                stood_by = True
            stop.wait(STAND_BY_SECONDS)
        ours.begin()
        try:
            yield ours
        finally:
            ours.end()
