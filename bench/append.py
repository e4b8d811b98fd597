"""How fast events are appended, against PostgreSQL itself and against the library's own recorder, in turns.

The peer inserts the same row into a table like the ledger's: pgbench with as many clients as we have writers. Where the
time goes, and what was tried and left, is in docs/decisions/0021: at 64 writers the interpreter is what they all wait
for, so what counts is how little each append does in it, and how seldom it lets go of it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from statistics import median
from threading import Barrier, Thread
from time import perf_counter
from uuid import UUID, uuid4

import psycopg
from eventsourcing.domain import event
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from uuid6 import uuid7

from bench import memory
from bench.append_place import Place, a_place
from domain.event import Act, Created, Personal, Root
from domain.office import Address
from domain.people import Actor, Role, SubjectId
from sarkmeli import embedded

ROUNDS = 5
SECONDS = 3.0
"""One turn of one side."""
WRITERS = 64
SUBJECTS = 4000
"""Events of one turn, where each is of a subject of its own."""
STATE = b'{"facts":"' + b"x" * 300 + b'"}'
TOPIC = "bench.Append.Something"

PEER = """
CREATE SCHEMA bench;
CREATE TABLE bench.event (LIKE ledger.event INCLUDING ALL);
CREATE SEQUENCE bench.position;
"""
INSERT = f"""
INSERT INTO bench.event (position, stream, version, topic, plain, at, recorded_at, lineage)
VALUES (nextval('bench.position'), uuidv7(), 1, '{TOPIC}', '\\x{STATE.hex()}', NULL, clock_timestamp(),
        '{uuid4()}');
"""


class Open(Root):
    """An aggregate without personal fields."""

    TOPIC = "bench.Open"

    class Began(Created):
        """Says nothing of anyone."""

        TOPIC = "bench.Open.Began"
        text: str
        name: str

    @event(Began)
    def __init__(self, subject: SubjectId | None) -> None:
        self.subject = subject


class Closed(Root):
    """The same, of a person."""

    TOPIC = "bench.Closed"

    class Began(Created):
        """Says all of somebody."""

        TOPIC = "bench.Closed.Began"
        text: Personal[str]
        name: Personal[str]

    @event(Began)
    def __init__(self, subject: SubjectId | None) -> None:
        self.subject = subject


Turn = Callable[[], float]
"""One turn of one side: appends a second."""


def ours(writers: int, write: Callable[[], object], wanted: int | None = None) -> float:
    """Appends a second, by threads of this process: for so many seconds, or so many in all."""
    together, counts, left = Barrier(writers + 1), [0] * writers, iter(range(wanted if wanted is not None else 10**9))

    def work(number: int) -> None:
        together.wait()
        end = perf_counter() + SECONDS
        done = 0
        while (wanted is not None or perf_counter() < end) and next(left, None) is not None:
            write()
            done += 1
            counts[number] = done

    threads = [Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    together.wait()
    began = perf_counter()
    for thread in threads:
        thread.join()
    return sum(counts) / (perf_counter() - began)


def pgbench(place: Place, clients: int) -> float:
    """The peer's transactions a second."""
    script = place.folder / "insert.sql"
    script.write_text(" ".join(INSERT.split("\n")).strip())
    said = subprocess.run(
        [
            embedded.binary("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
            "-T", str(round(SECONDS)), "-f", str(script), place.conninfo(),
        ],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return float(said.split("tps = ")[1].split()[0])


_ids = count(uuid7().int)


def new_id() -> UUID:
    """Ordered as UUIDv7 are, and drawn without a thought, as pgbench has PostgreSQL draw its own."""
    return UUID(int=next(_ids))


def some() -> StoredEvent:
    """A stream's first event, some 400 bytes a row."""
    return StoredEvent(new_id(), 1, TOPIC, STATE)


def appending(recorder: ApplicationRecorder) -> Callable[[], object]:
    """One event a turn."""
    return lambda: recorder.insert_events([some()])


def commanding(place: Place) -> Callable[[], object]:
    """One event, its command and an address."""
    now, by = place.office.desk.now(), Actor(id="bench", role=Role.OFFICER)

    def write() -> object:
        one, command = some(), new_id()
        act = Act(now=now, by=by, command=command, correlation=command, operation="bench", body=STATE)
        address = Address("bench", str(command), one.originator_id)  # pyright: ignore[reportArgumentType]
        return place.office.recorder.insert_events(
            [one], command=act, principal=one.originator_id, addresses=(address,)
        )

    return write


def mapping(place: Place, kind: type[Open | Closed]) -> Turn:
    """One event through the mapper, of a subject of its own whose key is there before and not yet remembered."""
    by = Actor(id="bench", role=Role.OFFICER)

    def mint(_: int) -> SubjectId:
        return place.ledger.keys.mint()

    def turn() -> float:
        with ThreadPoolExecutor(4) as hands:
            subjects = iter(list(hands.map(mint, range(SUBJECTS))))
        act = place.office.act(by, "bench")

        def write() -> object:
            made = kind.begin(kind.Began, act, subject=next(subjects), text="x" * 150, name="y" * 150)
            stored = [place.office.mapper.to_stored_event(one) for one in made.collect_events()]
            return place.office.recorder.insert_events(stored)

        return ours(WRITERS, write, SUBJECTS)

    return turn


def compare(name: str, goal: float, our_turn: Turn, peer_turn: Turn) -> None:
    """Turns of both sides, one after the other; their medians."""
    turns = [(our_turn(), peer_turn()) for _ in range(ROUNDS)]
    x, y = (median(side) for side in zip(*turns, strict=True))
    print(
        f"bench {name} ours={x:.0f} peer={y:.0f} ratio={x / y:.2f} goal={goal} {'ok' if x / y >= goal else 'short'}",
        flush=True,
    )


def main(wanted: list[str]) -> None:
    """The benches by these names, or all."""
    with a_place() as place:
        with psycopg.connect(place.conninfo(), autocommit=True) as connection:
            connection.execute(PEER)
        recorder = place.office.recorder
        appends = lambda: ours(WRITERS, appending(recorder))  # noqa: E731
        benches: dict[str, tuple[float, Turn, Turn]] = {
            "append-64": (1.0, appends, lambda: pgbench(place, WRITERS)),
            "append-64-command": (0.8, lambda: ours(WRITERS, commanding(place)), lambda: pgbench(place, WRITERS)),
            "append-64-stock": (20, appends, lambda: ours(WRITERS, appending(place.stock))),
            "append-1": (0.5, lambda: ours(1, appending(recorder)), lambda: pgbench(place, 1)),
            "append-sealed": (0.6, mapping(place, Closed), mapping(place, Open)),
        }
        for name, bench in benches.items():
            if not wanted or name in wanted:
                compare(name, *bench)
        print(memory.told("append"))


if __name__ == "__main__":
    main(sys.argv[1:])
