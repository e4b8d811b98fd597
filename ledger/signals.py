"""How followers are woken: one signal after each commit, and a heartbeat for when a signal is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Condition, Lock, Thread, local
from typing import Any, Final

import psycopg
from psycopg import Connection

from ledger.connecting import LINK

_log = logging.getLogger(__name__)

SIGNAL: Final = "BEGIN; SET LOCAL synchronous_commit TO off; NOTIFY ledger; COMMIT"
"""A transaction of its own that nobody waits to see on disk: a lost signal costs a heartbeat and nothing else."""

PAUSE: Final = 0.003
"""Seconds between two signals of one process: followers read a batch at a time as it is."""

HEARTBEAT: Final = 1.0
"""Seconds after which a follower looks, signal or none."""


def wake_followers(connection: Connection[Any]) -> None:
    """Send the signal: after the commit and not in it, where it would make commits wait for each other."""
    try:
        connection.execute(SIGNAL, prepare=False)
    except psycopg.Error as error:
        _log.warning("followers were not woken, their heartbeat will: %s", type(error).__name__)


class Signals:
    """Sends signals from a thread of its own, so that no writer waits for one: one for all commits of a moment."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._due = False
        self._closed = False
        self._thread: Thread | None = None
        self._changed = Condition()

    def soon(self) -> None:
        """Something was committed: send a signal, if none is on its way."""
        if self._due:  # its sender has yet to look: what was committed before this is seen by whoever it wakes
            return
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = Thread(target=self._run, name="ledger signals", daemon=True)
                self._thread.start()
            self._due = True
            self._changed.notify()

    def close(self) -> None:
        """Send what is due, and no more. May be repeated."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._wait():
            self._due = False  # before it is sent: who commits after this asks for another
            self._send()
            with self._changed:
                self._changed.wait_for(lambda: self._closed, PAUSE)

    def _wait(self) -> bool:
        """Until a signal is due. False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._closed)
            return self._due


class Listener:
    """Waits for signals; each waiting thread listens on a connection of its own."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._here = local()
        self._made: list[Connection[Any]] = []
        self._lock = Lock()
        self._closed = False

    def listen(self) -> None:
        """Begin to listen, if this thread does not yet. Look at the ledger after this and before `wait`."""
        connection: Connection[Any] | None = getattr(self._here, "connection", None)
        if connection is not None and not connection.closed:
            return
        connection = psycopg.connect(self._conninfo, autocommit=True, **LINK)
        with self._lock:
            if self._closed:
                connection.close()
                return
            self._made = [one for one in self._made if not one.closed]
            self._made.append(connection)
        self._here.connection = connection
        connection.execute("LISTEN ledger")

    def wait(self, timeout: float) -> None:
        """Return at the next signal, after ``timeout`` seconds, or after a heartbeat, whichever comes first.

        Also when the connection is lost: the next `listen` makes another, or says why it cannot.
        """
        connection: Connection[Any] = self._here.connection
        try:
            for _ in connection.notifies(timeout=min(timeout, HEARTBEAT), stop_after=1):
                return
        except psycopg.OperationalError:
            connection.close()

    def close(self) -> None:
        """Close every connection; whoever waits gets an error."""
        with self._lock:
            self._closed = True
            for connection in self._made:
                connection.close()
            self._made.clear()
