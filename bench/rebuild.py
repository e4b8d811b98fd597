"""How fast the status model is filled from 10^6 events, against the library's own ProjectionRunner on the same table.

Each side is one process. The peer writes the same rows by the same handlers; as it commits once an event, a few stories
tell its rate. It is spared opening what is sealed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg import sql

from bench.past import Past, a_past, copy, opened
from domain.event import Root
from domain.office import Office
from ledger.mapper import SealingMapper, unopened
from ledger.topics import topic_of
from projections import filling, tracking
from projections.applying import fold
from projections.filling import Progress
from projections.follower import Follower
from projections.rows import Rows
from projections.status import STATUS
from projections.tracking import Place

EVENTS = 1_000_000
STORIES = 120
GOAL = 40
ALLOWED_MIB = 200
"""What the filling process may hold."""

HERE = Place(STATUS)


class Seen(NamedTuple):
    """What the handlers ask of a recorded event, without the sealed part: the peer copies none."""

    position: int
    stream: UUID
    version: int
    topic: str
    at: Any
    event: Root.Event
    sealed: None = None


class PeerView(PostgresTrackingRecorder):
    """The library's tracking beside our table."""

    def take(self, event: Root.Event, at: Tracking, table: Rows) -> None:
        """Write what the event does, and that it was seen, in one transaction."""
        topic, position = topic_of(type(event)), at.notification_id
        seen = Seen(position, event.originator_id, event.originator_version, topic, event.timestamp, event)
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, at)
            fold(cursor.connection, table, HERE, [seen])  # pyright: ignore[reportArgumentType]


class PeerProjection(Projection[PeerView]):
    """Keeps the first and the last moment, and where it is to end."""

    name = "status"
    last = 0
    table: Rows
    began = 0.0
    took = 0.0
    done = threading.Event()

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Of every event, one after the other."""
        kind = type(self)
        kind.began = kind.began or perf_counter()
        self.view.take(domain_event, tracking, kind.table)
        if tracking.notification_id >= kind.last:
            kind.took = perf_counter() - kind.began
            kind.done.set()


class Unopened(SealingMapper):
    """Leaves sealed what is sealed."""

    def to_domain_event(self, stored_event: Any) -> Root.Event:
        """With its personal facts sealed."""
        return unopened(stored_event)


class PeerOffice(Office):
    """The office as the peer reads it."""

    def construct_mapper(self) -> Any:
        """A mapper that opens nothing."""
        return Unopened(None)  # pyright: ignore[reportArgumentType] - it never asks


def fill(where: Sequence[str]) -> dict[str, Any]:
    """Fill the model from the first event to the last: events, seconds, peak MiB."""
    ledger = opened(where)
    total = 0

    def told(progress: Progress) -> None:
        nonlocal total
        total = progress.total

    with psycopg.connect(where[0], autocommit=True) as db:
        began = perf_counter()
        follower = Follower(db, ledger.reader, HERE)
        filling.fill(follower, told)
        took = perf_counter() - began
    ledger.close()
    return {"events": follower.position, "handled": total, "seconds": took, "mib": _peak_mib()}


def peer(where: Sequence[str]) -> dict[str, Any]:
    """The library's runner from the first event to the last."""
    ledger = opened(where)
    PeerProjection.last = ledger.reader.settled()
    with psycopg.connect(where[0], autocommit=True) as db:
        PeerProjection.table = Rows(db, HERE)
    env = {**ledger.env, "CREATE_TABLE": "y"}
    with ProjectionRunner(application_class=PeerOffice, projection_class=PeerProjection, view_class=PeerView, env=env):
        PeerProjection.done.wait()
    ledger.close()
    return {"events": PeerProjection.last, "seconds": PeerProjection.took, "mib": _peak_mib()}


SIDES = {"fill": fill, "peer": peer}


def run(side: str, past: Past) -> dict[str, Any]:
    """One side in a process of its own."""
    said = subprocess.run(
        [sys.executable, "-m", "bench.rebuild", side, *past.where()],
        cwd=Path(__file__).resolve().parent.parent, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    return json.loads(said.splitlines()[-1])


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(events: int) -> None:
    """Print the lines."""
    with a_past() as past:
        templates = past.told(STORIES)
        theirs = run("peer", past)
        with psycopg.connect(past.conninfo, autocommit=True) as db:
            Rows(db, HERE).clear(db)
            tracking.forget(db, HERE)
            copy(db, templates, events)
        ours = run("fill", past)
        with psycopg.connect(past.conninfo, autocommit=True) as db:
            made = db.execute(sql.SQL("SELECT count(*) FROM {}").format(STATUS.applications.at())).fetchone()
    mine, its = ours["events"] / ours["seconds"], theirs["events"] / theirs["seconds"]
    verdict = "ok" if mine / its >= GOAL and ours["mib"] < ALLOWED_MIB else "short"
    print(f"bench rebuild ours={mine:.0f}/s peer={its:.0f}/s ratio={mine / its:.1f} goal={GOAL:.1f} {verdict}")
    print(
        f"  {ours['events']} events, {ours['handled']} of them the model's, into {made[0] if made else 0} cases in "
        f"{ours['seconds']:.1f} s; the peer {theirs['events']} in {theirs['seconds']:.1f} s"
    )
    print(f"  peak memory: rebuilder {ours['mib']:.0f} MiB (allowed {ALLOWED_MIB}), peer {theirs['mib']:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in SIDES:
        print(json.dumps(SIDES[sys.argv[1]](sys.argv[2:])))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else EVENTS)
