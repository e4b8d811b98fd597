"""How long a transaction that stands still makes another writer wait: five seconds of it, a writer's and a reader's.

A held writer has appended and not ended; a held reader has read the last event in a snapshot that it keeps. Meanwhile
others append, one event a time, and somebody follows. The peer is the library's own recorder, which orders its events
by an exclusive lock on their table. Both sides' figure is the longest that one append took.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any

import psycopg
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.postgres import PostgresApplicationRecorder
from psycopg import Connection

from bench.append import some
from bench.append_place import Place, a_place
from ledger.append import Append

HELD = 5.0
"""Seconds for which the transaction stands still."""
WRITERS = 4
PAUSE = 0.005
"""Seconds between two appends of one writer."""
GOAL = 0.1
"""Seconds that an append may take meanwhile."""


def main() -> None:
    """Print the line: ``writer`` and ``reader`` are ours beside each, ``peer`` the peer beside a writer."""
    with a_place() as place:
        assert isinstance(place.stock, PostgresApplicationRecorder)
        recorder, stock = place.office.recorder, place.stock
        recorder.insert_events([some()])
        alone = longest(recorder)
        with following(recorder):
            with held_writer(place):
                beside_writer = longest(recorder)
            with held_reader(place):
                beside_reader = longest(recorder)
        stock.insert_events([some()])
        peer = longest(stock, held_peer(place, stock).close)
    ours = max(beside_writer, beside_reader)
    print(
        f"bench held-transaction ours={ours * 1000:.0f}ms (writer {beside_writer * 1000:.0f}, "
        f"reader {beside_reader * 1000:.0f}, alone {alone * 1000:.0f}) peer={peer * 1000:.0f}ms "
        f"goal={GOAL * 1000:.0f}ms {'ok' if ours <= GOAL else 'short'}"
    )


def longest(recorder: ApplicationRecorder, end: Callable[[], object] = lambda: None) -> float:
    """The longest that an append took of those begun within `HELD` seconds, after which ``end`` is called."""
    took: list[float] = []

    def write() -> None:
        while perf_counter() < until:
            began = perf_counter()
            recorder.insert_events([some()])
            took.append(perf_counter() - began)
            sleep(PAUSE)

    until = perf_counter() + HELD
    writers = [Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    sleep(HELD)
    end()
    for writer in writers:
        writer.join()
    return max(took)


@contextmanager
def held_writer(place: Place) -> Generator[None]:
    """Within: a transaction that has appended one event to a stream of its own, and does not end."""
    with psycopg.connect(place.conninfo()) as connection:
        Append([some()]).run(connection)
        yield


@contextmanager
def held_reader(place: Place) -> Generator[None]:
    """Within: a transaction that keeps the snapshot in which it read."""
    with psycopg.connect(place.conninfo()) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT max(position) FROM ledger.event")
        yield


@contextmanager
def following(recorder: ApplicationRecorder) -> Generator[None]:
    """Within: somebody reads what is settled, again and again, as followers do."""
    over = Event()

    def follow() -> None:
        while not over.wait(PAUSE):
            recorder.select_notifications(recorder.max_notification_id() or 1, 100)

    follower = Thread(target=follow)
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()


def held_peer(place: Place, stock: PostgresApplicationRecorder) -> Connection[Any]:
    """A transaction of the peer's that begins as its appends do, until the connection is closed."""
    connection = psycopg.connect(place.conninfo("stock"))
    for statement in stock.lock_table_statements:
        connection.execute(statement)
    return connection


if __name__ == "__main__":
    main()
