"""The ordering oracle: whatever writers, kills and restarts do, each tailing reader takes each event once, in order.

A PostgreSQL of its own, because it is ended without warning. In the same storm the pollers that look right and are not
are seen to skip: an oracle that lets them pass proves nothing.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import psutil
import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresFactory
from ledger_house import House, Work, plain_environment
from test_ledger_barrier import lock_and_read_in_one_statement, positions, read_behind_the_barrier, read_what_is_there

from ledger.append import Append
from ledger.barrier import Barrier
from ledger.lineage import keep_lineage
from ledger.schema import make_ledger
from sarkmeli import embedded

WRITER = Path(__file__).with_name("oracle_writer.py")
HOME = Path(__file__).parents[2]
Poll = Callable[[psycopg.Connection[Any], int], Sequence[int]]


@dataclass
class Storm:
    """A PostgreSQL, processes that write to it, and readers that follow."""

    folder: Path
    wanted: int
    ended: Event = field(default_factory=Event)
    writers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    server: subprocess.Popen[bytes] | None = None

    @property
    def conninfo(self) -> str:
        return embedded.conninfo(self.folder, "postgres")

    def start(self) -> None:
        with (self.folder / "postgres.log").open("ab") as log:
            self.server = embedded.start(self.folder, log.fileno())
        while not embedded.answers(self.folder):
            assert self.server.poll() is None

    def restart(self) -> None:
        """End PostgreSQL at once, as a crash would, and start it again."""
        assert self.server
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait()
        self.start()

    def write(self, number: int) -> None:
        """Start (again) the writer of this number."""
        told = self.folder / f"writer-{number}-{uuid4().hex}"
        said = [sys.executable, str(WRITER), self.conninfo, str(number), str(self.wanted), str(told)]
        self.writers[number] = subprocess.Popen(said, cwd=HOME, env={"PYTHONPATH": str(HOME)})

    def kill(self, number: int) -> None:
        self.writers[number].kill()
        self.writers[number].wait()

    def hold_open(self, seed: int) -> None:
        """Transactions beside the recorder's: held open for a while, some of them rolled back."""
        chance = random.Random(seed)
        while not self.ended.is_set():
            try:
                with psycopg.connect(self.conninfo, autocommit=True) as connection:
                    while not self.ended.is_set():
                        with connection.transaction(force_rollback=chance.random() < 0.3):
                            Append([StoredEvent(uuid4(), n, "some", b"{}") for n in (1, 2)]).run(connection)
                            connection.execute("SELECT pg_sleep(%s)", (chance.random() * 0.02,))
            except psycopg.OperationalError:
                pass

    def follow(self, poll: Poll, taken: list[int]) -> None:
        """Read on from the last position taken, until nobody writes any more."""
        while True:
            last_round = self.ended.is_set()
            try:
                with psycopg.connect(self.conninfo, autocommit=True) as connection:
                    while True:
                        last_round = self.ended.is_set()
                        taken.extend(poll(connection, taken[-1] if taken else 0))
                        if last_round:
                            return
            except psycopg.OperationalError:
                pass

    def stored(self) -> int:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute("SELECT count(*) FROM ledger.event").fetchone()[0]

    def told(self) -> list[tuple[str, int, int]]:
        """What writers were answered: stream, version, position. A line that a kill cut off was not told."""
        lines = [line for path in self.folder.glob("writer-*") for line in path.read_text().splitlines(keepends=True)]
        return [tuple(json.loads(line)) for line in lines if line.endswith("]\n")]


@pytest.fixture
def new_storm() -> Iterator[Callable[[int], Storm]]:
    # Not under pytest's own folder: another run, as it begins, closes that to PostgreSQL's account.
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    embedded.prepare(folder)
    made: list[Storm] = []

    def make(wanted: int) -> Storm:
        storm = Storm(folder, wanted)
        made.append(storm)
        storm.start()
        with psycopg.connect(storm.conninfo, autocommit=True) as connection:
            make_ledger(connection)
            keep_lineage(connection)
        return storm

    yield make
    for storm in made:
        storm.ended.set()
        for writer in storm.writers.values():
            writer.kill()
            writer.wait()
    embedded.end_leftovers(folder)
    shutil.rmtree(folder, ignore_errors=True)


def tailing() -> Poll:
    """A reader with a memory of its own."""
    barrier = Barrier(patience=0.5)

    def poll(connection: psycopg.Connection[Any], after: int) -> Sequence[int]:
        query = "SELECT position FROM ledger.event WHERE position > %s AND position <= %s"
        return positions(connection, query, after, barrier.settled(connection))

    return poll


def run_the_oracle(storm: Storm, writers: int, disasters: int) -> str:
    """``disasters``: how often a writer is killed, and how often PostgreSQL is. What was counted."""
    chance = random.Random(1)
    seen: list[list[int]] = [[] for _ in range(3)]
    naive: list[int] = []
    readers = [Work(partial(storm.follow, tailing(), mine)) for mine in seen]
    readers.append(Work(partial(storm.follow, read_what_is_there, naive)))
    holders = [Work(partial(storm.hold_open, seed)) for seed in range(2)]
    for number in range(writers):
        storm.write(number)
    steps = [step for _ in range(disasters) for step in ("kill", "restart")]
    for number, step in enumerate(steps, start=1):
        goal = storm.wanted * writers * number // (len(steps) + 1)
        while seen[0][-1:] < [goal]:
            assert readers[0].is_under_way()
            psutil.wait_procs([], timeout=0.01)
        if step == "kill":
            victim = chance.randrange(writers)
            storm.kill(victim)
            storm.write(victim)
        else:
            storm.restart()
    for writer in storm.writers.values():
        assert writer.wait(timeout=3600) == 0
    storm.ended.set()
    for work in holders + readers:
        work.result()

    with psycopg.connect(storm.conninfo) as connection:
        rows = connection.execute("SELECT position, stream::text, version FROM ledger.event ORDER BY position")
        everything = {position: (stream, version) for position, stream, version in rows}
    told = storm.told()
    assert len(told) >= storm.wanted * writers
    lost = [(stream, version) for stream, version, position in told if everything.get(position) != (stream, version)]
    assert lost == []
    for mine in seen:
        assert mine == sorted(set(mine)), "doubled or out of order"
        assert mine == list(everything), f"{len(everything.keys() - set(mine))} skipped"
    skipped = set(everything) - set(naive)
    assert skipped, "the naive poller skipped nothing: the storm is none"
    return (
        f"{len(everything)} events, {len(told)} of them answered for; writers and PostgreSQL killed {disasters} times "
        f"each; {len(seen)} readers skipped 0, doubled 0, the naive poller skipped {len(skipped)}"
    )


def test_nothing_is_skipped_doubled_or_out_of_order(new_storm: Callable[[int], Storm]) -> None:
    run_the_oracle(new_storm(800), writers=2, disasters=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_is_skipped_in_a_million_events(
    new_storm: Callable[[int], Storm], record_property: Callable[[str, object], None]
) -> None:
    storm = new_storm(250_000)
    record_property("told", run_the_oracle(storm, writers=4, disasters=10))
    assert storm.stored() >= 1_000_000


def unreferenced_lock(connection: psycopg.Connection[Any], after: int) -> list[int]:
    return positions(
        connection,
        "WITH locked AS (SELECT pg_advisory_xact_lock(1398895211, 1)) "
        "SELECT position FROM ledger.event WHERE position > %s",
        after,
    )


@pytest.mark.parametrize(
    ("poll", "skips"),
    [
        (read_behind_the_barrier, False),
        (read_what_is_there, True),
        (lock_and_read_in_one_statement, True),
        (unreferenced_lock, True),
    ],
)
def test_the_pollers_that_skip_do_skip(house: House, poll: Poll, skips: bool) -> None:
    """Appends through the recorder, while another writer's transaction, begun before each, is still open."""
    office, slow, reading = house.office(), house.connect(), house.connect()
    taken: list[int] = []

    def poll_once() -> None:
        taken.extend(poll(reading, taken[-1] if taken else 0))

    for _ in range(5):
        with slow.transaction():
            Append([StoredEvent(uuid4(), 1, "some", b"{}")]).run(slow)
            office.recorder.insert_events([StoredEvent(uuid4(), 1, "some", b"{}")])
            reader = Work(poll_once)
            house.until_somebody_waits(reader)
        reader.result()
    poll_once()
    everything = [position for (position,) in house.ask("SELECT position FROM ledger.event ORDER BY position")]
    assert (taken != everything) is skips
    assert len(set(everything) - set(taken)) == (5 if skips else 0)


def test_the_librarys_recorder_with_functions_in_the_database_skips(house: House) -> None:
    """Its insert locks nothing that a reader waits for."""
    factory = PostgresFactory(
        {**plain_environment(house), "POSTGRES_SCHEMA": "public", "POSTGRES_ENABLE_DB_FUNCTIONS": "y"}
    )
    house.closing.append(factory.close)
    recorder, ended = factory.application_recorder(), Event()
    taken: list[int] = []

    def write() -> None:
        for _ in range(100):
            recorder.insert_events([StoredEvent(uuid4(), n, "some", b"{}") for n in (1, 2, 3)])

    def follow() -> None:
        while True:
            last_round = ended.is_set()
            found = recorder.select_notifications(taken[-1] if taken else 0, 10_000, inclusive_of_start=False)
            taken.extend(one.id for one in found)
            if last_round:
                return

    skipped = 0
    for _ in range(30):
        ended.clear()
        reader = Work(follow)
        for writer in [Work(write) for _ in range(6)]:
            writer.result()
        ended.set()
        reader.result()
        there = {one.id for one in recorder.select_notifications(None, 1_000_000)}
        if skipped := len(there - set(taken)):
            break
    assert skipped
