"""Whether the databases answer: asked once a second, so that nobody waits for a database that is known to be away.

Without it each request would find out by itself, seconds later, and hold a thread meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import anyio
import psycopg
import structlog
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

from ledger.connecting import LINK, Patient

log = structlog.get_logger("api")

EVERY: Final = (1.0, 0.25)
"""Seconds between two questions: while the databases answer, and while they do not."""

PATIENCE: Final = 3.0
"""Seconds within which a database must answer."""


class DatabaseAway(psycopg.OperationalError):
    """A database does not answer at the moment, and nothing was asked of it."""


class Gate:
    """Watches the databases at ``conninfos``."""

    def __init__(self, conninfos: Sequence[str]) -> None:
        self._lines: dict[str, Patient | None] = dict.fromkeys(conninfos)
        self._thread = CapacityLimiter(1)
        self.away = False

    async def watch(self) -> None:
        """Ask again and again, until cancelled; from now on it is the one that is `watched`."""
        _gate.set(self)
        try:
            while True:
                answers = await to_thread.run_sync(self._answer, limiter=self._thread)
                if answers is self.away:
                    log.info("database_back") if answers else log.warning("database_away")
                self.away = not answers
                await anyio.sleep(EVERY[self.away])
        finally:
            for line in self._lines.values():
                if line is not None:
                    line.close()

    def refuse_if_away(self) -> None:
        """Raises: DatabaseAway."""
        if self.away:
            raise DatabaseAway("a database is away")

    def _answer(self) -> bool:
        return all(self._asked(conninfo) for conninfo in self._lines)

    def _asked(self, conninfo: str) -> bool:
        """Whether it answers: on the line that we have, or else on a new one, as after a restart."""
        line = self._lines[conninfo]
        if line is not None:
            with contextlib.suppress(psycopg.Error):
                line.execute("")
                return True
            line.close()
            self._lines[conninfo] = None
        link: dict[str, Any] = {**LINK, "connect_timeout": int(PATIENCE)}
        try:
            line = Patient.connect(conninfo, autocommit=True, **link)
        except psycopg.Error:
            return False
        line.patience = PATIENCE
        self._lines[conninfo] = line
        return True


_UNWATCHED: Final = Gate(())
_gate: Final[RunVar[Gate]] = RunVar("gate")


def watched() -> Gate:
    """The gate that is watched in this event loop; one that is always open if there is none."""
    return _gate.get(_UNWATCHED)
