"""An event that a model cannot take sets its own stream apart, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sources import Told
from story import paid
from tallies import HaltingMeddlers, Meddlers, Tallies

from domain.payments.payment import Payment
from projections import poison, rows, status, tracking
from projections.all import MODELS
from projections.follower import Follower, retry
from projections.payments import PAYMENTS, REFUND
from projections.poison import Bound, Poison, Stale, TooMuchPoison
from projections.runner import Runner
from projections.status import STATUS
from projections.tracking import Place


@pytest.fixture
def db(reading: str) -> Iterator[Any]:
    with psycopg.connect(reading, autocommit=True) as connection:
        rows.create(connection, Place(Tallies()))
        yield connection


def follow(db: Any, events: Any, model: Any, bound: Bound | None = None, cut: int = 1000) -> Follower:
    follower = Follower(db, events, Place(model), cut, bound)
    while follower.step():
        pass
    return follower


def tallies(db: Any) -> dict[Any, int]:
    return dict(db.execute("SELECT stream, steps FROM reading.tally_v1").fetchall())


TROUBLE: list[tuple[str, str]] = [
    ("raises", "ZeroDivisionError at tallies.py"),
    ("violates", "CheckViolation 23514"),
    ("unstorable", "DataError"),
]


@pytest.mark.parametrize("cut", [1, 1000])
@pytest.mark.parametrize(("trouble", "told"), TROUBLE)
def test_a_poisoned_stream_is_set_apart_and_the_others_go_on(
    db: Any, history: Any, trouble: str, told: str, cut: int
) -> None:
    sound = Tallies()
    follow(db, Told(history.events), sound)
    expected = tallies(db)
    db.execute("TRUNCATE reading.tally_v1, reading.tracking")

    model, sick = Tallies(), history.case("granted")
    getattr(model, trouble).add(sick)
    follower = follow(db, Told(history.events), model, cut=cut)
    assert follower.position == history.events[-1].position
    assert tallies(db) == {**expected, sick: tallies(db)[sick]}
    assert tallies(db)[sick] == 1, "of a stream set apart nothing more is applied"
    (found,) = poison.every(db)
    assert (found.stream, found.retries) == (sick, 0)
    assert found.error.startswith(told)
    assert "must not be kept" not in found.error

    with pytest.raises(Poison):
        retry(db, Told(history.events), Place(model), sick)
    assert [one.retries for one in poison.every(db)] == [1]

    assert retry(db, Told(history.events), Place(sound), sick)
    assert poison.every(db) == []
    assert tallies(db) == expected
    assert not retry(db, Told(history.events), Place(sound), sick)


def test_an_event_that_cannot_be_read_sets_its_stream_apart(db: Any, history: Any) -> None:
    sick = history.case("granted")
    spoilt = next(e.position for e in history.events if e.stream == sick and type(e.event).__name__ == "Paid")
    follower = follow(db, Told(history.events, [10], undecodable=frozenset({spoilt})), Tallies())
    assert follower.position == history.events[-1].position
    assert [(one.stream, one.position) for one in poison.every(db)] == [(sick, spoilt)]
    with pytest.raises(Poison):
        retry(db, Told(history.events, undecodable=frozenset({spoilt})), Place(Tallies()), sick)
    assert retry(db, Told(history.events), Place(Tallies()), sick)


def test_an_event_of_no_known_class_in_the_ledger_stops_nobody_else(own_history: Any) -> None:
    reader, sick = own_history.ledger.reader, own_history.case("granted")
    with psycopg.connect(own_history.conninfo, autocommit=True) as db:
        db.execute(
            """
            INSERT INTO ledger.event (position, stream, version, topic, plain, recorded_at, lineage)
            SELECT ledger.draw(1), %s, 1000, 'compatriot.Application.FromTheFuture', '{}', now(), id
            FROM ledger.lineage ORDER BY generation DESC LIMIT 1
            """,
            (sick,),
        )
        own_history.story("waiting").given(paid)
        Runner(own_history.conninfo, reader, MODELS).run_once()
        assert {(one.model, one.stream) for one in poison.every(db)} == {(model.name, sick) for model in MODELS}
        assert {tracking.find(db, Place(model)).position for model in MODELS} == {reader.settled()}


def test_a_retry_leaves_no_row_of_its_stream_behind(db: Any, history: Any) -> None:
    """Also rows that its events no longer make: here a refund that no event told of."""
    follow(db, Told(history.events), PAYMENTS)
    place, sick = Place(PAYMENTS), history.case("paid_twice")
    whole = rows.table_hash(db, place)
    first = next(one for one in history.events if one.stream == sick)
    poison.add(db, place, poison.blame(first, ValueError()), Bound())
    db.execute(
        f"INSERT INTO reading.{REFUND.bare()} (payment, stream, position, amount, currency, reason, due_at)"
        " VALUES (gen_random_uuid(), %s, 1, 1, 'GEL', 'NOT_OURS', now())",
        (sick,),
    )
    assert retry(db, Told(history.events), place, sick)
    assert rows.table_hash(db, place) == whole


def test_a_retry_does_not_run_ahead_of_its_model(db: Any, history: Any) -> None:
    model, sick = Tallies(), history.case("granted")
    model.raises.add(sick)
    last = max(one.position for one in history.events if one.stream == sick)
    follow(db, Told([one for one in history.events if one.position < last]), model)
    model.raises.clear()
    assert retry(db, Told(history.events), Place(model), sick)
    before = tallies(db)[sick]
    follow(db, Told(history.events), model)
    assert tallies(db)[sick] == before + 1


def test_the_runner_takes_up_a_stream_lifted_while_it_had_a_batch_in_hand(db: Any, history: Any) -> None:
    model, sick = Tallies(), history.case("granted")
    model.raises.add(sick)
    paid = next(e.position for e in history.events if e.stream == sick and type(e.event).__name__ == "Paid")
    follower = Follower(db, Told(history.events, [paid + 1, 1000]), Place(model))
    follower.step()
    model.raises.clear()
    retry(db, Told(history.events), Place(model), sick)
    follower.step()
    got = tallies(db)
    db.execute("TRUNCATE reading.tally_v1, reading.tracking")
    follow(db, Told(history.events), Tallies())
    assert got == tallies(db)


def test_too_many_poisoned_streams_stop_the_model(db: Any, history: Any) -> None:
    model = Tallies()
    paying = [one.stream for one in history.events if type(one.event).__name__ == "Paid"]
    model.raises.update(paying)
    follower = Follower(db, Told(history.events), Place(model), bound=Bound(streams=2, events=1000))
    with pytest.raises(TooMuchPoison):
        follower.step()
    assert len(poison.every(db)) == 2
    third = [one.position for one in history.events if type(one.event).__name__ == "Paid"][2]
    assert tracking.find(db, Place(model)).position < third


def test_a_row_of_another_stream_is_poison_unless_the_model_halts_instead(db: Any, history: Any) -> None:
    cases = {e.stream: e.event.case for e in history.events if isinstance(e.event, Payment.Opened)}
    meddler = Meddlers()
    meddler.case_of = cases
    follow(db, Told(history.events), meddler, Bound(streams=100))
    set_apart = {one.stream for one in poison.every(db)}
    assert set_apart == {e.stream for e in history.events if isinstance(e.event, Payment.Succeeded)}

    db.execute("TRUNCATE reading.tally_v1, reading.tracking, reading.quarantine")
    declared = HaltingMeddlers()
    declared.case_of = cases
    before = follow(db, Told(history.events), declared)
    assert before.position == history.events[-1].position

    db.execute("TRUNCATE reading.tally_v1, reading.tracking")
    declared.raises.add(history.case("granted"))
    with pytest.raises(TooMuchPoison):
        follow(db, Told(history.events), declared)
    assert poison.every(db) == []


def test_a_fault_of_the_database_is_nobody_s_poison(db: Any, history: Any) -> None:
    """A missing table is a mistake of ours: the model stops where it stands and blames no stream."""
    follower = Follower(db, Told(history.events), Place(Tallies()))
    db.execute("DROP TABLE reading.tally_v1")
    with pytest.raises(psycopg.errors.UndefinedTable):
        follower.step()
    assert poison.every(db) == []
    assert tracking.find(db, Place(Tallies())).position == 0


def test_a_quarantined_case_answers_stale(reading: str, db: Any, history: Any, pool_of: Callable[[str], Any]) -> None:
    follow(db, Told(history.events), STATUS)
    pool, sick = pool_of(reading), history.case("granted")
    assert not isinstance(status.find(pool, sick).row, Stale)
    recorded = next(one for one in history.events if one.stream == sick)
    poison.add(db, Place(STATUS), poison.blame(recorded, ValueError()), Bound())
    assert isinstance(status.find(pool, sick).row, Stale)
    assert not isinstance(status.find(pool, history.case("waiting")).row, Stale)


def test_a_case_is_stale_when_a_payment_of_it_is(
    reading: str, db: Any, history: Any, pool_of: Callable[[str], Any]
) -> None:
    follow(db, Told(history.events), STATUS)
    pool, case = pool_of(reading), history.case("granted")
    payment = next(one for one in history.events if isinstance(one.event, Payment.Opened) and one.event.case == case)
    poison.add(db, Place(STATUS), poison.blame(payment, ValueError()), Bound())
    assert isinstance(status.find(pool, case).row, Stale)
