"""Runners at work on a real ledger: killed, cut off, standing by, stopped; waiting for them; rebuilding beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from runners import LONG, anew, hashes, process, until
from story import asked, begun, paid, seen

from ledger import turns
from projections import lag, poison, rows, status, tracking
from projections import runner as runners
from projections.all import MODELS
from projections.filling import Progress
from projections.follower import Follower
from projections.model import ReadModel
from projections.payments import PAYMENTS
from projections.queue import QUEUE
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.status import STATUS
from projections.tracking import Fenced, Place
from projections.turns import APPLICATION, BusyElsewhere, session, take_turn
from projections.waiting import Waiting


@pytest.fixture
def db(own_history: Any) -> Iterator[Any]:
    with psycopg.connect(own_history.conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture
def waiting(own_history: Any, pool_of: Callable[[str], Any]) -> Iterator[Waiting]:
    with Waiting(own_history.conninfo, pool_of(own_history.conninfo)) as made:
        yield made


@contextmanager
def running(history: Any, models: Any = MODELS) -> Iterator[None]:
    stop = threading.Event()
    runner = Runner(history.conninfo, history.ledger.reader, models)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LONG)
        assert not thread.is_alive()


def end(history: Any) -> int:
    return history.ledger.reader.settled()


def caught_up(history: Any, waiting: Waiting) -> bool:
    return all(waiting.wait_for(model, end(history), LONG) for model in MODELS)


@pytest.mark.parametrize("model", [STATUS, PAYMENTS], ids=lambda model: model.name)
def test_a_runner_killed_in_mid_batch_is_taken_over(
    own_history: Any, db: Any, waiting: Waiting, reading: str, model: Any
) -> None:
    """The next runner takes over while the dead one's statement still hangs; nothing is doubled or lost."""
    table = model.tables[0].bare()
    with psycopg.connect(own_history.conninfo) as blocker:
        blocker.execute(f"LOCK TABLE reading.{table} IN EXCLUSIVE MODE")
        hangs = "SELECT pid FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
        with process(own_history) as first:
            until(lambda: db.execute(hangs, (f"reading.{table}",)).fetchone() is not None, "its batch hangs")
            pid = db.execute(hangs, (f"reading.{table}",)).fetchone()[0]
            assert tracking.find(db, Place(model)).position == 0
            first.kill()
            first.wait()
        gone = "SELECT FROM pg_locks WHERE pid = %s"
        until(lambda: db.execute(gone, (pid,)).fetchone() is None, "the dead one's locks are gone")
        with session(own_history.conninfo) as free:
            assert take_turn(free, Place(model))
    with running(own_history):
        own_history.story("waiting").given(paid)
        assert caught_up(own_history, waiting)
    assert hashes(db) == anew(own_history, reading)


def test_a_runner_whose_connections_are_cut_goes_on(own_history: Any, db: Any, waiting: Waiting, reading: str) -> None:
    with running(own_history):
        assert caught_up(own_history, waiting)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        db.execute(f"{cut} AND (application_name = %s OR query LIKE 'LISTEN%%')", (APPLICATION,))
        own_history.story("waiting").given(paid)
        assert caught_up(own_history, waiting)
    assert hashes(db) == anew(own_history, reading)


def test_a_runner_whose_transaction_the_server_ended_goes_on(
    own_history: Any, db: Any, waiting: Waiting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it does with one that was frozen between two statements of a batch."""
    monkeypatch.setattr(turns, "SESSION", turns.SESSION + "SET idle_in_transaction_session_timeout = '50ms'")
    with running(own_history, [STATUS]):
        assert waiting.wait_for(STATUS, end(own_history), LONG)
        changes, frozen = ReadModel.changes, iter([True])
        sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
        opened = f"{sessions} AND xact_start IS NOT NULL"

        def held_up(model: Any, recorded: Any) -> Any:
            if next(frozen, False):
                assert db.execute(opened, (APPLICATION,)).fetchone() is not None
                until(lambda: db.execute(opened, (APPLICATION,)).fetchone() is None, "its transaction is over")
            return changes(model, recorded)

        monkeypatch.setattr(ReadModel, "changes", held_up)
        own_history.story("waiting").given(paid)
        assert waiting.wait_for(STATUS, end(own_history), LONG)
    said = capsys.readouterr().out
    assert "IdleInTransactionSessionTimeout 25P03" in said
    assert "projection stopped" not in said


def test_a_second_runner_stands_by_and_takes_over(own_history: Any, db: Any, waiting: Waiting, reading: str) -> None:
    with running(own_history):
        with running(own_history):
            assert caught_up(own_history, waiting)
        own_history.story("waiting").given(paid)
        assert caught_up(own_history, waiting)
    assert hashes(db) == anew(own_history, reading)


def test_a_model_that_must_stop_says_why_while_the_others_go_on(own_history: Any, db: Any, waiting: Waiting) -> None:
    tracking.begin(db, Place(STATUS), uuid4(), uuid4())
    with running(own_history):
        assert waiting.wait_for(PAYMENTS, end(own_history), LONG)
        until(lambda: tracking.find(db, Place(STATUS)).stopped is not None, "it says why")
        assert "sarkmeli projections rebuild status" in tracking.find(db, Place(STATUS)).stopped
        assert not lag.is_ready(db, MODELS)

        rebuild(own_history.conninfo, own_history.ledger.reader, STATUS)
        own_history.story("waiting").given(paid)
        assert caught_up(own_history, waiting), "the same runner goes on with it"
        assert lag.is_ready(db, MODELS)


def test_a_model_that_stopped_is_asked_again_quietly_and_says_so_until_it_goes_on(
    own_history: Any, db: Any, waiting: Waiting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody clears the mark: what was wrong is mended elsewhere, here in the ledger's own lineage."""
    monkeypatch.setattr(runners, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(runners, "LOOKS", 1)
    tracking.begin(db, Place(STATUS), other := uuid4(), uuid4())
    tried = []
    check = own_history.ledger.reader.check

    def counted(position: int, lineage: UUID) -> None:
        tried.append(lineage == other and tracking.find(db, Place(STATUS)).stopped is not None)
        check(position, lineage)

    monkeypatch.setattr(own_history.ledger.reader, "check", counted)
    with running(own_history, [STATUS]):
        until(lambda: tried.count(True) >= 5, "it tries again")
        db.execute("UPDATE reading.tracking SET lineage = %s", (own_history.ledger.reader.lineage(),))
        assert waiting.wait_for(STATUS, end(own_history), LONG)
        until(lambda: tracking.find(db, Place(STATUS)).stopped is None, "it says no more that it stopped")
    assert capsys.readouterr().out.count("projection stopped") == 1


def test_who_stopped_says_nothing_of_a_model_that_another_works_on(own_history: Any, db: Any) -> None:
    tracking.begin(db, Place(STATUS), own_history.ledger.reader.lineage(), uuid4())
    runner = Runner(own_history.conninfo, own_history.ledger.reader, [STATUS])
    with session(own_history.conninfo) as other:
        assert take_turn(other, Place(STATUS))
        runner._note(Place(STATUS), "it froze, and fell ill when it woke")
    assert tracking.find(db, Place(STATUS)).stopped is None
    runner._note(Place(STATUS), "nobody else works on it")
    assert tracking.find(db, Place(STATUS)).stopped == "nobody else works on it"


def test_lag_is_told_in_positions_and_seconds(own_history: Any, db: Any) -> None:
    assert [one.position for one in lag.lag(db, MODELS)] == [None] * len(MODELS)
    Runner(own_history.conninfo, own_history.ledger.reader, MODELS).run_once()
    before = end(own_history)
    assert {(one.position, one.behind, one.seconds) for one in lag.lag(db, MODELS)} == {(before, 0, 0.0)}
    own_history.story("waiting").given(paid)
    (found,) = lag.lag(db, [STATUS])
    assert (found.position, found.behind) == (before, end(own_history) - before)
    assert found.seconds > 0


def test_waiting_ends_with_the_bound_and_with_the_news(own_history: Any, waiting: Waiting) -> None:
    here = end(own_history)
    assert not waiting.wait_for(STATUS, here, 0.0)
    assert not waiting.wait_for(STATUS, here, 0.05)
    answers: list[bool] = []
    waiters = [threading.Thread(target=lambda: answers.append(waiting.wait_for(STATUS, here, LONG))) for _ in range(8)]
    for waiter in waiters:
        waiter.start()
    Runner(own_history.conninfo, own_history.ledger.reader, [STATUS]).run_once()
    for waiter in waiters:
        waiter.join(LONG)
    assert answers == [True] * 8


def test_waiting_needs_no_signal(own_history: Any, db: Any, waiting: Waiting) -> None:
    """The row moves, and nobody says so."""
    here = end(own_history)
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(waiting.wait_for(STATUS, here, LONG)))
    waiter.start()
    tracking.adopt(db, Place(STATUS), own_history.ledger.reader.lineage(), here)
    waiter.join(LONG)
    assert answers == [True]


def test_who_waited_reads_what_was_waited_for(
    own_history: Any, waiting: Waiting, pool_of: Callable[[str], Any]
) -> None:
    pool, story = pool_of(own_history.conninfo), own_history.story("waiting")
    with running(own_history):
        for step in (paid, seen, begun, asked):
            story.given(step)
            wanted = end(own_history)
            assert waiting.wait_for(STATUS, wanted, LONG)
            answer = status.find(pool, story.case)
            assert answer.position >= wanted
            assert answer.known().dossier.state is story.application.state


def test_a_rebuild_beside_replaces_the_rows_at_once(
    own_history: Any, db: Any, reading: str, pool_of: Callable[[str], Any]
) -> None:
    reader, place = own_history.ledger.reader, Place(STATUS)
    Runner(own_history.conninfo, reader, MODELS).run_once()
    expected = anew(own_history, reading)
    db.execute(f"DELETE FROM reading.{STATUS.payments.bare()}")
    db.execute(f"UPDATE reading.{STATUS.applications.bare()} SET state = 'LAPSED'")
    recorded = reader.read(0, 1)[0]
    poison.add(db, place, poison.blame(recorded, ValueError()), poison.Bound())
    broken = rows.table_hash(db, place)
    pool = pool_of(own_history.conninfo)

    with session(own_history.conninfo) as at_work:
        runner = Follower(at_work, reader, place)
        seen_on_the_way: list[tuple[str, bool]] = []

        def told(progress: Progress) -> None:
            stale = isinstance(status.find(pool, recorded.stream).row, poison.Stale)
            seen_on_the_way.append((rows.table_hash(db, place), stale))

        assert rebuild(own_history.conninfo, reader, STATUS, told=told) == end(own_history)
        assert set(seen_on_the_way) == {(broken, True)}
        assert hashes(db) == expected
        assert poison.every(db) == []

        own_history.story("waiting").given(paid)
        while runner.step():
            pass
    Runner(own_history.conninfo, reader, [model for model in MODELS if model is not STATUS]).run_once()
    reading_anew = folded_beyond(own_history)
    assert rows.table_hash(db, place) == reading_anew
    left = db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'reading' AND tablename LIKE '%beside'")
    assert left.fetchone()[0] == 0


def folded_beyond(history: Any) -> str:
    """The status tables as a second rebuild makes them."""
    rebuild(history.conninfo, history.ledger.reader, STATUS)
    with psycopg.connect(history.conninfo, autocommit=True) as db:
        return rows.table_hash(db, Place(STATUS))


def test_a_runner_with_a_batch_in_hand_is_fenced_by_a_rebuild(own_history: Any, db: Any) -> None:
    """It read at position 0; the rebuild has moved the model to the end meanwhile."""
    runner = Follower(db, own_history.ledger.reader, Place(QUEUE))
    rebuild(own_history.conninfo, own_history.ledger.reader, QUEUE)
    before = rows.table_hash(db, Place(QUEUE))
    with pytest.raises(Fenced):
        runner.step()
    assert rows.table_hash(db, Place(QUEUE)) == before


def test_one_rebuild_of_a_model_at_a_time(own_history: Any) -> None:
    with session(own_history.conninfo) as other:
        assert take_turn(other, Place(STATUS, beside=True))
        with pytest.raises(BusyElsewhere):
            rebuild(own_history.conninfo, own_history.ledger.reader, STATUS)
