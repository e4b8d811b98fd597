"""Another runner takes over from one that was killed and from one that froze; what thaws writes nothing any more.

Real processes, SIGKILL and SIGSTOP. How long each take-over took is told at the end and asserted nowhere.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from runners import anew, caught_up, hashes, holders, process, until
from story import asked, begun, paid, seen

from projections.all import MODELS
from projections.follower import Follower
from projections.status import STATUS
from projections.tracking import Place
from projections.turns import APPLICATION, Heart, Turn, session, take_turn

HERE = "datname = current_database() AND application_name = %s"
"""Sessions of runners."""


@pytest.fixture
def db(own_history: Any) -> Iterator[Any]:
    with psycopg.connect(own_history.conninfo, autocommit=True) as connection:
        yield connection


def test_a_frozen_runner_and_a_killed_one_are_taken_over(
    own_history: Any, db: Any, reading: str, record_property: Callable[[str, Any], None]
) -> None:
    story = own_history.story("waiting")
    with process(own_history) as first:
        caught_up(own_history, db)
        (before,) = holders(db)
        with process(own_history) as second:
            first.send_signal(signal.SIGSTOP)
            story.given(paid)
            frozen = caught_up(own_history, db)
            (after,) = holders(db)
            assert after != before
            first.send_signal(signal.SIGCONT)
            story.given(seen)
            caught_up(own_history, db)
            assert holders(db) == {after}, "what thawed stands by"
            second.kill()
            second.wait()
            story.given(begun)
            killed = caught_up(own_history, db)
            assert holders(db) == {before}
    assert hashes(db) == anew(own_history, reading)
    record_property("told", f"taken over {frozen:.1f} s after SIGSTOP, {killed:.1f} s after kill -9")


def test_a_runner_that_froze_in_mid_batch_is_taken_over(
    own_history: Any, db: Any, reading: str, record_property: Callable[[str, Any], None]
) -> None:
    """Its batch is half written and its transaction open, with the row locked that another must move.

    When it wakes, it stands by.
    """
    story, table = own_history.story("waiting"), STATUS.applications.bare()
    with process(own_history) as first:
        caught_up(own_history, db)
        (before,) = holders(db)
        with psycopg.connect(own_history.conninfo) as blocker:
            blocker.execute(f"LOCK TABLE reading.{table} IN EXCLUSIVE MODE")
            story.given(paid)
            hangs = "SELECT FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
            until(lambda: db.execute(hangs, (f"reading.{table}",)).fetchone() is not None, "the batch hangs")
            first.send_signal(signal.SIGSTOP)
        with process(own_history):
            took = caught_up(own_history, db)
            first.send_signal(signal.SIGCONT)
            story.given(seen)
            caught_up(own_history, db)
            until(lambda: before not in holders(db), "what had nothing to do is taken over, too")
            asks = f"SELECT FROM pg_stat_activity WHERE {HERE} AND query ~ 'hashtext|t[.]holder'"
            until(lambda: db.execute(asks, (APPLICATION,)).rowcount == len(MODELS), "what thawed stands by")
    assert hashes(db) == anew(own_history, reading)
    record_property("told", f"taken over {took:.1f} s after the other's start")


def test_where_a_session_may_not_be_ended_the_fence_does(
    own_history: Any, db: Any, reading: str, record_property: Callable[[str, Any], None]
) -> None:
    """The frozen runner is a superuser's, and the other's user may end nobody: both stand, and one writes."""
    user, story = f"r{uuid4().hex[:8]}", own_history.story("waiting")
    db.execute(f"CREATE ROLE {user} LOGIN")
    for schema in ("reading", "ledger"):
        db.execute(f"GRANT ALL ON SCHEMA {schema} TO {user}; GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {user}")
    with process(own_history) as first:
        caught_up(own_history, db)
        (before,) = holders(db)
        first.send_signal(signal.SIGSTOP)
        with process(own_history, make_conninfo(own_history.conninfo, user=user)):
            story.given(paid)
            took = caught_up(own_history, db)
            until(lambda: before not in holders(db), "what had nothing to do is taken over, too")
            first.send_signal(signal.SIGCONT)
            for step in (seen, begun, asked):
                story.given(step)
                caught_up(own_history, db)
    assert hashes(db) == anew(own_history, reading)
    record_property("told", f"taken over {took:.1f} s after the other's start")
    db.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


def test_a_heart_that_beats_keeps_the_turn_and_one_that_stopped_loses_it(own_history: Any, db: Any) -> None:
    """The beat alone decides, by the database's clock; two askings must find it stopped."""
    place = Place(STATUS)
    with Heart(own_history.conninfo) as heart, session(own_history.conninfo) as holds:
        assert take_turn(holds, place)
        Follower(holds, own_history.ledger.reader, place, holder=heart.id)
        turn = Turn(place, uuid4())
        assert not any(turn.take(db) for _ in range(5))
    ended = "SELECT FROM pg_stat_activity WHERE pid = %s"
    with session(own_history.conninfo) as holds:
        assert take_turn(holds, place)
        db.execute("INSERT INTO reading.runner VALUES (%s, now() - interval '1 minute')", (heart.id,))
        assert not turn.take(db)
        turn.take(db)
        until(lambda: db.execute(ended, (holds.info.backend_pid,)).fetchone() is None, "its session is ended")
        assert take_turn(db, place)
        with pytest.raises(psycopg.OperationalError):
            holds.execute("SELECT 1")
