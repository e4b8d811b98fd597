"""How soon what was committed can be read, at 1,000 events a second, against a poller that looks every 10 ms.

Each side is one process that follows the same ledger into the same kind of rows by the same handlers; they take turns.
A latency is from the append's return in the writer to the follower's own commit behind that event, by one clock.
"""

from __future__ import annotations

import json
import queue
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any
from uuid import UUID

import psycopg

from bench.past import Past, Template, a_past, copies, opened
from ledger import events
from ledger.events import LedgerEvent
from ledger.recorded import Recorded
from projections.applying import fold
from projections.follower import Follower
from projections.model import Table
from projections.rows import Rows, create
from projections.runner import Runner
from projections.status import STATUS, StatusModel
from projections.tracking import Place

RATE = 1000
"""Events a second."""
SECONDS = 12
"""One turn of one side; the first two are not counted."""
WARM = 2
ROUNDS = 3
WRITERS = 16
STORIES = 60
GOAL = 1.0
POLL_SECONDS = 0.010

Seen = list[tuple[float, int]]
"""When a follower's commit returned, and the position that can be read since."""


class PeerStatus(StatusModel):
    """The same model in tables of the peer's own."""

    version = 1000
    tables = tuple(Table(table.name, 1000, table.key, table.ddl) for table in STATUS.tables)
    applications, payments, calls = tables


@dataclass(frozen=True)
class Following:
    """What a side is told and tells: ``ready`` once it has caught up."""

    stop: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    seen: Seen = field(default_factory=list[tuple[float, int]])


def ours(where: Sequence[str], by: Following) -> None:
    """The office's runner."""
    ledger = opened(where)
    step = Follower.step

    def watched(self: Follower) -> int:
        passed = step(self)
        if passed:
            by.seen.append((time.monotonic(), self.position))
        else:
            by.ready.set()
        return passed

    Follower.step = watched
    Runner(where[0], ledger.reader, [STATUS]).run_forever(by.stop)
    ledger.close()


def peer(where: Sequence[str], by: Following) -> None:
    """A poller: looks, folds, commits, sleeps."""
    place = Place(PeerStatus())
    with psycopg.connect(where[0], autocommit=True) as db:
        create(db, place)
        table = Rows(db, place)
        db.execute("CREATE TABLE IF NOT EXISTS reading.polled (position bigint NOT NULL)")
        first = db.execute("SELECT coalesce(max(position), 0) FROM ledger.event").fetchone()
        position: int = first[0] if first else 0
        db.execute("DELETE FROM reading.polled")
        db.execute("INSERT INTO reading.polled VALUES (%s)", (position,))
        known = [Recorded.of(row) for row in events.by_position(db, 0, position, 10**9)]
        with db.transaction():
            table.clear(db)
            fold(db, table, place, known)
        by.ready.set()
        while not by.stop.is_set():
            found = [Recorded.of(row) for row in events.by_position(db, position, 2**62, 500)]
            if found:
                with db.transaction():
                    fold(db, table, place, found)
                    db.execute("UPDATE reading.polled SET position = %s", (found[-1].position,))
                position = found[-1].position
                by.seen.append((time.monotonic(), position))
            time.sleep(POLL_SECONDS)


SIDES: dict[str, Callable[[Sequence[str], Following], None]] = {"ours": ours, "peer": peer}


def follow(side: str, where: Sequence[str]) -> None:
    """One side, until a line comes in; then what it saw."""
    by = Following()
    thread = threading.Thread(target=SIDES[side], args=(where, by))
    thread.start()
    by.ready.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    by.stop.set()
    thread.join()
    print(json.dumps({"seen": by.seen, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


@contextmanager
def following(side: str, past: Past, told: dict[str, Any]) -> Generator[None]:
    """One side in a process of its own; what it saw is in ``told`` afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.tail", side, *past.where()],
        cwd=Path(__file__).resolve().parent.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        _line(process.stdout, "ready")
        yield
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        told.update(json.loads(_line(process.stdout, "{")))


def _line(said: IO[Any] | None, beginning: str) -> str:
    assert said is not None
    for line in said:
        if line.startswith(beginning):
            return line
    raise RuntimeError("the follower ended")


def append(past: Past, rows: Generator[tuple[Any, tuple[Any, ...]]]) -> list[tuple[float, int]]:
    """Append at the rate, for one turn: when each append returned, and its position."""
    lanes = [queue.SimpleQueue[tuple[float, LedgerEvent] | None]() for _ in range(WRITERS)]
    returned: list[tuple[float, int]] = []

    def write(lane: queue.SimpleQueue[tuple[float, LedgerEvent] | None]) -> None:
        while (due := lane.get()) is not None:
            time.sleep(max(0.0, due[0] - time.monotonic()))
            positions = past.office.recorder.insert_events([due[1]])
            returned.append((time.monotonic(), positions[-1]))

    threads = [threading.Thread(target=write, args=(lane,)) for lane in lanes]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    for number in range(RATE * SECONDS):
        _, (_, stream, version, topic, plain, sealed, key_id, at, *_) = next(rows)
        one = LedgerEvent(stream, version, topic, plain, sealed, key_id, at)
        lanes[_lane(stream)].put((began + number / RATE, one))
    for lane in lanes:
        lane.put(None)
    for thread in threads:
        thread.join()
    return sorted(returned)


def _lane(stream: UUID) -> int:
    return stream.int % WRITERS


def latencies(returned: Sequence[tuple[float, int]], seen: Seen) -> list[float]:
    """Milliseconds from each append to the first commit that has it, of those after the warming up."""
    begins = returned[0][0] + WARM
    waiting = sorted(((position, at) for at, position in returned if at >= begins), reverse=True)
    found: list[float] = []
    for at, position in seen:
        while waiting and waiting[-1][0] <= position:
            found.append(max(0.0, at - waiting.pop()[1]) * 1000)
    if waiting:
        raise RuntimeError(f"{len(waiting)} events were never seen")
    return sorted(found)


def turn(side: str, past: Past, rows: Any) -> tuple[float, float, float, float]:
    """Half, 99 of 100 and all of the events were visible within so many milliseconds; the follower's peak MiB."""
    told: dict[str, Any] = {}
    with following(side, past, told):
        returned = append(past, rows)
        end = returned[-1][0] + 2
        time.sleep(max(0.0, end - time.monotonic()))
    found = latencies(returned, [(at, position) for at, position in told["seen"]])
    return median(found), found[len(found) * 99 // 100], found[-1], told["mib"]


def main() -> None:
    """Print the lines."""
    with a_past() as past:
        templates: list[Template] = past.told(STORIES)
        rows = copies(templates, 10**9)
        turns = [(turn("ours", past, rows), turn("peer", past, rows)) for _ in range(ROUNDS)]
    mine, its = (median(side[1] for side in sides) for sides in zip(*turns, strict=True))
    verdict = "ok" if mine / its <= GOAL else "short"
    print(f"bench tail ours={mine:.1f}ms peer={its:.1f}ms ratio={mine / its:.2f} goal={GOAL:.2f} {verdict}")
    for name, sides in zip(SIDES, zip(*turns, strict=True), strict=True):
        half, most, mib = (median(side[part] for side in sides) for part in (0, 2, 3))
        print(f"  {name}: half within {half:.1f} ms, all within {most:.1f} ms; peak memory {mib:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in SIDES:
        follow(sys.argv[1], sys.argv[2:])
    else:
        main()
