"""Who waits at the video bar, in what order, and how long that is expected to last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.videobar.terms import Phase
from projections.answers import Answer, Pool, ask, fetch, fetch_one
from projections.call_rows import CALL_COLUMNS, CallRow, CallRows, call_row
from projections.model import Table
from projections.poison import Stale

VERSION = 2
LAST_TALKS = 20
"""The expected wait is reckoned from so many of the latest talks."""

CALL = Table(
    "queue",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({CALL_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_waiting ON {{table}} (service, position) WHERE phase = 'WAITING';
    CREATE INDEX IF NOT EXISTS {{index}}_held ON {{table}} (service) WHERE phase = 'CLAIMED';
    CREATE INDEX IF NOT EXISTS {{index}}_talks ON {{table}} (service, over_at DESC) WHERE talked IS NOT NULL;
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)


class QueueModel(CallRows):
    """One row a call."""

    name = "queue"
    version = VERSION
    tables = (CALL,)
    calls = CALL


QUEUE = QueueModel()


@dataclass(frozen=True)
class CallPlace:
    """A call and its place: ``ahead`` calls are served before it (None once it does not wait).

    ``expected_wait`` is reckoned from the latest talks, None where there was none yet: it is unknown.
    """

    call: CallRow
    ahead: int | None
    expected_wait: timedelta | None


_NEXT = ask(
    """
    SELECT stream FROM {call} WHERE phase = 'WAITING' AND service = ANY(%s::text[]) AND stream <> ALL(%s::uuid[])
    ORDER BY position LIMIT 1
    """,
    call=CALL,
)

_PLACE = ask(
    """
    SELECT t.position AS model_position, c.*, (
        SELECT count(*) FROM {call} w
        WHERE w.phase = 'WAITING' AND w.service = c.service AND w.position < c.position
    ) AS ahead, (
        SELECT count(DISTINCT operator) FROM {call} h WHERE h.phase = 'CLAIMED' AND h.service = c.service
    ) AS operators, (
        SELECT avg(talked) FROM (
            SELECT talked FROM {call} l WHERE l.service = c.service AND l.talked IS NOT NULL
            ORDER BY over_at DESC LIMIT %s
        ) AS latest
    ) AS talk, (
        SELECT q.at FROM reading.quarantine q
        WHERE (q.model, q.version, q.beside, q.stream) = (t.model, t.version, t.beside, wanted.stream)
    ) AS stale_since
    FROM (SELECT %s::uuid AS stream) AS wanted
    JOIN reading.tracking t ON (t.model, t.version, t.beside) = (%s, %s, false)
    LEFT JOIN {call} c ON c.stream = wanted.stream
    """,
    call=CALL,
)

_HELD_SINCE = ask(
    "SELECT stream FROM {call} WHERE phase = 'CLAIMED' AND claimed_at <= %s ORDER BY claimed_at LIMIT %s",
    call=CALL,
)

_WAITING = ask(
    "SELECT count(*) AS waiting FROM {call} WHERE phase = 'WAITING' AND service = ANY(%s::text[])",
    call=CALL,
)


def find(pool: Pool, call: UUID) -> Answer[CallPlace]:
    """A call, with its place in the queue if it waits."""
    row = fetch_one(pool, _PLACE, (LAST_TALKS, call, QUEUE.name, QUEUE.version))
    if row is None:
        return Answer(None, 0)
    if row["stale_since"] is not None:
        return Answer(Stale(row["stale_since"]), row["model_position"])
    if row["stream"] is None:
        return Answer(None, row["model_position"])
    return Answer(_place(row), row["model_position"])


def held_since(pool: Pool, moment: datetime, first: int = 100) -> list[UUID]:
    """Calls that an operator took at ``moment`` or before and has not ended. It may be stale."""
    return [row["stream"] for row in fetch(pool, _HELD_SINCE, (moment, first))]


def waiting(pool: Pool, services: Collection[str]) -> int:
    """How many calls of these services wait."""
    row = fetch_one(pool, _WAITING, (sorted(services),))
    return row["waiting"] if row is not None else 0


class Queue:
    """Meets `domain.videobar.commands.Queue`. It may be stale: the call itself decides."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def next_waiting(self, services: Collection[str], exclude: Collection[UUID]) -> UUID | None:
        """The call of these services that waits longest, but for those in ``exclude``."""
        row = fetch_one(self._pool, _NEXT, (sorted(services), list(exclude)))
        return row["stream"] if row is not None else None


def _place(row: dict[str, Any]) -> CallPlace:
    call = call_row(row)
    if call.phase is not Phase.WAITING:
        return CallPlace(call, None, None)
    wait = row["talk"] * (row["ahead"] + 1) / max(1, row["operators"]) if row["talk"] is not None else None
    return CallPlace(call, row["ahead"], wait)
