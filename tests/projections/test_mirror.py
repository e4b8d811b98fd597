"""Read models from Kafka: another PostgreSQL, fed by the internal topic, holds the same rows to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from internal_topic import InternalTopic, member_of, mirror_hash, reached
from sources import Told

from projections import rows
from projections.all import MODELS
from projections.follower import Follower
from projections.schema import MIRROR_DDL
from projections.tracking import Place


@pytest.fixture
def mirror(new_database: Callable[[], str]) -> str:
    """A database of a mirror: no ledger, no keys."""
    conninfo = new_database()
    with psycopg.connect(conninfo) as db:
        for statement in MIRROR_DDL:
            db.execute(statement)
    return conninfo


@pytest.fixture
def topic(kafka: str) -> Iterator[InternalTopic]:
    made = InternalTopic(kafka, 3)
    yield made
    made.close()


def local(reading: str, events: Any, model: Any) -> str:
    """The hash of the model that follows the ledger itself."""
    with psycopg.connect(reading, autocommit=True) as db:
        follower = Follower(db, Told(events), Place(model), 1000)
        while follower.step():
            pass
        return rows.table_hash(db, Place(model))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_mirror_holds_the_same_rows(
    history: Any, reading: str, mirror: str, topic: InternalTopic, model: Any
) -> None:
    topic.send(history.events[:100])
    topic.send(history.events[100:])
    with member_of(topic, mirror, model, batch=40) as member:
        reached(topic, mirror, model, history.events[-1].position, member)
    assert mirror_hash(mirror, model) == local(reading, history.events, model)
