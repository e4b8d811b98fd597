"""No reader ever passes a position that is still to be filled; the two ways that look right and are not fail here."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from ledger_house import House, Work

from ledger.append import Append
from ledger.barrier import Barrier
from ledger.lineage import keep_lineage

Poll = Callable[[psycopg.Connection[Any], int], Sequence[int]]
"""A reader: the positions that it takes from after one position, never to come back to."""


def read_behind_the_barrier(connection: psycopg.Connection[Any], after: int) -> list[int]:
    settled = Barrier(patience=0.05).settled(connection)
    return positions(
        connection, "SELECT position FROM ledger.event WHERE position > %s AND position <= %s", after, settled
    )


def read_what_is_there(connection: psycopg.Connection[Any], after: int) -> list[int]:
    return positions(connection, "SELECT position FROM ledger.event WHERE position > %s", after)


def lock_and_read_in_one_statement(connection: psycopg.Connection[Any], after: int) -> list[int]:
    return positions(
        connection,
        "WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(1398895211, 1)) "
        "SELECT position FROM locked, ledger.event WHERE position > %s",
        after,
    )


def positions(connection: psycopg.Connection[Any], query: str, *params: int) -> list[int]:
    return sorted(position for (position,) in connection.execute(query, params))


def one_event(stream: UUID | None = None, version: int = 1) -> Append:
    return Append([StoredEvent(stream or uuid4(), version, "some", b"{}")])


def run_the_race(house: House, poll: Poll) -> list[int]:
    """One writer has drawn position 1 and is slow, another commits 2; what a reader sees who polls then and after."""
    slow, fast, reading = house.connect(), house.connect(), house.connect()
    keep_lineage(fast)
    taken: list[int] = []

    def poll_once() -> None:
        taken.extend(poll(reading, max(taken, default=0)))

    with slow.transaction():
        assert one_event().run(slow) == [1]
        with fast.transaction():
            assert one_event().run(fast) == [2]
        reader = Work(poll_once)
        house.until_somebody_waits(reader)
    reader.result()
    poll_once()
    return taken


def test_the_barrier_skips_nothing(house: House) -> None:
    assert run_the_race(house, read_behind_the_barrier) == [1, 2]


@pytest.mark.parametrize("poll", [read_what_is_there, lock_and_read_in_one_statement])
def test_the_mistakes_that_it_is_there_for_do_skip(house: House, poll: Poll) -> None:
    """Failing controls: if one of these skips nothing, the race above proves nothing."""
    assert run_the_race(house, poll) == [2]


def test_a_storm_of_writers_and_every_reader_sees_each_event_once_in_order(house: House) -> None:
    keep_lineage(house.connect())
    writers, appends = 6, 25
    done = Event()
    seen: list[list[int]] = [[] for _ in range(3)]

    def write(seed: int) -> None:
        chance = random.Random(seed)
        with psycopg.connect(house.ledger_conninfo, autocommit=True) as connection:
            for _ in range(appends):
                with connection.transaction(force_rollback=chance.random() < 0.15):
                    stream = uuid4()
                    Append([StoredEvent(stream, n, "some", b"{}") for n in range(chance.randint(1, 4))]).run(connection)
                    connection.execute("SELECT pg_sleep(%s)", (chance.random() * 0.004,))

    def follow(mine: list[int]) -> None:
        own = Barrier()
        with psycopg.connect(house.ledger_conninfo, autocommit=True) as connection:
            while True:
                last_round = done.is_set()
                settled = own.settled(connection)
                query = "SELECT position FROM ledger.event WHERE position > %s AND position <= %s"
                mine.extend(positions(connection, query, max(mine, default=0), settled))
                if last_round:
                    return

    readers = [Work(partial(follow, mine)) for mine in seen]
    for storm in [Work(partial(write, seed)) for seed in range(writers)]:
        storm.result()
    done.set()
    for reader in readers:
        reader.result()
    everything = [position for (position,) in house.ask("SELECT position FROM ledger.event ORDER BY position")]
    assert len(everything) > writers * appends
    assert everything[-1] > len(everything), "no append was rolled back: the storm left no gaps"
    assert all(mine == everything for mine in seen)


def test_a_reader_waits_without_making_one_writer_wait(house: House) -> None:
    """An exclusive lock in its place would stand before every new writer while one is stuck."""
    stuck, fast, reading = house.connect(), house.connect(), house.connect()
    keep_lineage(fast)
    with stuck.transaction():
        one_event().run(stuck)
        patient = Barrier(patience=60)
        reader = Work(lambda: patient.settled(reading))
        for _ in range(20):
            with fast.transaction():
                one_event().run(fast)
        assert reader.is_under_way()
    assert reader.result() >= 1


def test_out_of_patience_it_says_what_it_knew_before(house: House) -> None:
    stuck, fast, reading = house.connect(), house.connect(), house.connect()
    keep_lineage(fast)
    with fast.transaction():
        one_event().run(fast)
    own = Barrier(patience=0)
    assert own.settled(reading) == 1
    with stuck.transaction():
        one_event().run(stuck)
        with fast.transaction():
            one_event().run(fast)
        assert own.settled(reading) == 1
    assert own.settled(reading) == 3


def test_a_position_drawn_and_lost_is_not_waited_for_and_not_passed_off_as_filled(house: House) -> None:
    lost, fast, reading = house.connect(), house.connect(), house.connect()
    keep_lineage(fast)
    with fast.transaction():
        one_event().run(fast)
    with lost.transaction(force_rollback=True):
        one_event().run(lost)
    own = Barrier()
    assert own.settled(reading) == 1
    # After a crash the sequence may be behind: the lost position is drawn again, and this time filled.
    fast.execute("SELECT setval('ledger.position', 1)")
    with fast.transaction():
        assert one_event().run(fast) == [2]
    assert own.settled(reading) == 2


def test_positions_of_one_append_stand_together_and_follow_the_order_of_its_events(house: House) -> None:
    connection = house.connect()
    keep_lineage(connection)
    streams = sorted((uuid4() for _ in range(20)), reverse=True)
    with connection.transaction():
        drawn = Append([StoredEvent(stream, 1, "some", b"{}") for stream in streams]).run(connection)
    assert drawn == list(range(1, 21))
    assert [stream for (stream,) in house.ask("SELECT stream FROM ledger.event ORDER BY position")] == streams


def test_a_cancelled_drawing_leaves_its_lock_to_others(house: House) -> None:
    holder, cancelled, after = house.connect(), house.connect(), house.connect()
    holder.execute("SELECT pg_advisory_lock(1398895211, 2)")

    def draw() -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            cancelled.execute("SELECT ledger.draw(3)")

    drawing = Work(draw)
    house.until_somebody_waits(drawing)
    house.ask("SELECT pg_cancel_backend(%s)", cancelled.info.backend_pid)
    drawing.result()
    holder.execute("SELECT pg_advisory_unlock(1398895211, 2)")
    after.execute("SET lock_timeout = '5s'")
    assert after.execute("SELECT ledger.draw(3)").fetchone() == (1,)
