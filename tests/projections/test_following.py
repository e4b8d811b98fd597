"""One model follows the ledger: to its end, past what it does not handle, and never where another has been."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sources import Told, until

from projections import rows, tracking
from projections.all import MODELS
from projections.follower import Follower
from projections.poison import Bound
from projections.runner import Runner
from projections.status import STATUS
from projections.tracking import Fenced, LineageMismatch, Place

PLACES = [Place(model) for model in MODELS]


def follow(db: Any, source: Told, place: Place) -> Follower:
    follower = Follower(db, source, place)
    while follower.step():
        pass
    return follower


def begin_anew(db: Any) -> None:
    for place in PLACES:
        for table in place.model.tables:
            db.execute(f"TRUNCATE reading.{table.bare()}")
        tracking.forget(db, place)


def hashes(db: Any) -> list[str]:
    return [rows.table_hash(db, place) for place in PLACES]


@pytest.fixture
def db(reading: str):
    with psycopg.connect(reading, autocommit=True) as connection:
        yield connection


@pytest.fixture
def whole(db: Any, history: Any) -> list[str]:
    """The hash of every model's tables, folded from the whole history in one batch."""
    for place in PLACES:
        follow(db, Told(history.events), place)
    return hashes(db)


def test_the_history_reaches_every_table(db: Any, whole: list[str]) -> None:
    for place in PLACES:
        for table in place.model.tables:
            count = db.execute(f"SELECT count(*) FROM reading.{table.bare()}").fetchone()[0]
            assert count > 0, table.name


def test_a_runner_that_lost_its_turn_writes_nothing(reading: str, db: Any, history: Any) -> None:
    """The zombie slept with a batch in hand, overlapping what its successor has applied meanwhile."""
    place = Place(STATUS)
    early = until(history.events, history.events[9].position)
    with psycopg.connect(reading, autocommit=True) as other:
        zombie = Follower(other, Told(history.events, [20]), place)
        successor = Follower(db, Told(early), place)
        successor.step()
        before = rows.table_hash(db, place)
        with pytest.raises(Fenced):
            zombie.step()
        assert rows.table_hash(db, place) == before
        assert tracking.find(db, place).position == early[-1].position


def test_positions_pass_events_that_a_model_does_not_handle(db: Any, history: Any) -> None:
    for place in PLACES:
        assert follow(db, Told(history.events), place).position == history.events[-1].position


@pytest.mark.parametrize("lost", ["another lineage", "beyond the end"])
def test_a_model_that_followed_another_ledger_stops_with_its_remedy(db: Any, history: Any, lost: str) -> None:
    follow(db, Told(history.events), Place(STATUS))
    other = Told(history.events, line=uuid4()) if lost == "another lineage" else Told(history.events[:5])
    with pytest.raises(LineageMismatch, match="sarkmeli projections rebuild status"):
        Follower(db, other, Place(STATUS))


def test_run_once_brings_every_model_to_the_end(reading: str, db: Any, whole: list[str], history: Any) -> None:
    begin_anew(db)
    runner = Runner(reading, history.ledger.reader, MODELS, batch=25, bound=Bound())
    assert runner.run_once() == len(MODELS) * len(history.events)
    assert hashes(db) == whole
    assert runner.run_once() == 0
