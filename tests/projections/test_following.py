"""The same events give the same tables, and a runner that lost its turn writes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 12), min_size=1, max_size=40))
def test_the_same_events_give_the_same_tables_however_cut(
    db: Any, whole: list[str], history: Any, cuts: list[int]
) -> None:
    begin_anew(db)
    for place in PLACES:
        follow(db, Told(history.events, cuts), place)
    assert hashes(db) == whole


def test_the_same_events_give_the_same_tables_whatever_the_hash_seed(
    db: Any, whole: list[str], history: Any, reading: str
) -> None:
    program = f"""
import pathlib, psycopg
from ledger.opening import open_ledger
from projections import rows
from projections.all import MODELS
from projections.runner import Runner
from projections.tracking import Place
ledger = open_ledger({history.conninfo!r}, {history.keys_conninfo!r}, pathlib.Path({str(history.folder)!r}))
Runner({reading!r}, ledger.reader, MODELS, batch=7).run_once()
with psycopg.connect({reading!r}, autocommit=True) as db:
    print(*[rows.table_hash(db, Place(model)) for model in MODELS])
ledger.close()
"""
    root = Path(__file__).parents[2]
    for seed in ("0", "4242"):
        begin_anew(db)
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run([sys.executable, "-c", program], env=env, cwd=root, capture_output=True, text=True)
        assert done.stdout.split() == whole, done.stderr


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
