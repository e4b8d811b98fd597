"""Waiting, bounded, until a read model has followed the ledger to a position: the read side of ``atLeast``.

One listener a process hears the runner's signal after each batch; a signal may be lost, so waiters also look at the
tracking row, first after 5 ms and then ever less often.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from ledger.connecting import asking
from projections import tracking
from projections.model import ReadModel
from projections.tracking import CHANNEL, Db, Place

log = structlog.get_logger()

_SIGNAL = re.compile(r"([a-z_]+)/(\d{1,9})/(\d{1,19})")

LOOKS_SECONDS = (0.005, 0.5)
"""The first and the longest interval between looks at the tracking row."""
LISTEN_SECONDS = 1.0
"""How long the listener blocks before it sees whether it is to stop; also its pause while the database is away."""


class Waiting:
    """Knows how far the read models are. Use as a context manager, or `close` it: it keeps a thread and a connection.

    ``pool`` is the read pool (autocommit), ``conninfo`` for the listener's own connection.
    """

    def __init__(self, conninfo: str, pool: ConnectionPool[Db]) -> None:
        self._conninfo = conninfo
        self._pool = pool
        self._heard: dict[tuple[str, int], int] = {}
        self._news = threading.Condition()
        self._closed = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="projections heard", daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; waiters return at their next look."""
        self._closed.set()
        with self._news:
            self._news.notify_all()
        with suppress(psycopg.Error), self._pool.connection() as db:
            db.execute("SELECT pg_notify(%s, '')", (CHANNEL,))  # wakes the listener; without it, it wakes by itself
        self._listener.join(2 * LISTEN_SECONDS)

    def wait_for(self, model: ReadModel, position: int, timeout: float) -> bool:
        """Block until ``model`` stands at ``position`` or beyond; False if it does not within ``timeout`` seconds."""
        key = (model.name, model.version)
        if self._heard.get(key, 0) >= position:
            return True
        until = time.monotonic() + timeout
        interval, longest = LOOKS_SECONDS
        while not self._closed.is_set():
            self._hear(key, self._look(model))
            left = until - time.monotonic()
            with self._news:
                if self._news.wait_for(lambda: self._heard.get(key, 0) >= position, min(interval, max(left, 0))):
                    return True
            if left <= 0:
                return False
            interval = min(interval * 2, longest)
        return False

    def _look(self, model: ReadModel) -> int:
        standing = asking(self._pool, lambda db: tracking.find(db, Place(model)))
        return standing.position if standing is not None else 0

    def _hear(self, key: tuple[str, int], position: int) -> None:
        with self._news:
            if position > self._heard.get(key, 0):
                self._heard[key] = position
                self._news.notify_all()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True) as db:
                    db.execute(f"LISTEN {CHANNEL}".encode())
                    while not self._closed.is_set():
                        for notify in db.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                            self._told(notify.payload)
            except psycopg.Error as error:
                log.warning("projections not heard, looking instead", error=type(error).__name__)
                with self._news:
                    self._heard.clear()  # the database may come back restored to an earlier point
                self._closed.wait(LISTEN_SECONDS)

    def _told(self, payload: str) -> None:
        found = _SIGNAL.fullmatch(payload)
        if found is not None:
            self._hear((found[1], int(found[2])), int(found[3]))
