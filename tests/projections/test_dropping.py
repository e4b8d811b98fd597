"""A version that no program uses any more is removed; the one in use, or at work, is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from projections import poison, tracking, versions
from projections.all import MODELS
from projections.runner import Runner
from projections.status import STATUS
from projections.tracking import Place
from projections.turns import BusyElsewhere, session, take_turn_on
from projections.versions import InUse, drop_version

OLD = STATUS.version + 7


@pytest.fixture
def db(own_history: Any) -> Iterator[Any]:
    """The status model as an older release left it: tables, one beside, a position, a quarantined stream."""
    Runner(own_history.conninfo, own_history.ledger.reader, MODELS).run_once()
    with session(own_history.conninfo) as connection:
        for name in ("status", "status_payment", "status_call"):
            connection.execute(f"CREATE TABLE reading.{name}_v{OLD} (stream uuid PRIMARY KEY)")
        connection.execute(f"CREATE TABLE reading.status_v{OLD}_beside (stream uuid PRIMARY KEY)")
        connection.execute(
            "INSERT INTO reading.version (model, version, tables) SELECT model, %s, tables FROM reading.version"
            " WHERE model = 'status' AND version = %s",
            (OLD, STATUS.version),
        )
        for table in ("tracking (model, version, lineage)", "quarantine (model, version, stream, position, error)"):
            more = ("gen_random_uuid()", "gen_random_uuid(), 1, 'ValueError'")["quarantine" in table]
            connection.execute(f"INSERT INTO reading.{table} VALUES ('status', {OLD}, {more})")
        yield connection


def tables(db: Any) -> set[str]:
    return {row[0] for row in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reading'")}


def test_what_an_older_release_left_is_dropped_and_nothing_else(db: Any) -> None:
    before = tables(db)
    assert [(one.model, one.version) for one in versions.left_behind(db, MODELS)] == [("status", OLD)]
    drop_version(db, MODELS, "status", OLD)
    gone = {f"{name}_v{OLD}" for name in ("status", "status_payment", "status_call")}
    assert before - tables(db) == {*gone, f"status_v{OLD}_beside"}
    assert versions.left_behind(db, MODELS) == []
    assert db.execute("SELECT count(*) FROM reading.tracking WHERE version = %s", (OLD,)).fetchone()[0] == 0
    assert poison.every(db) == []
    assert tracking.find(db, Place(STATUS)).position > 0
    with pytest.raises(LookupError):
        drop_version(db, MODELS, "status", OLD)


def test_the_version_in_use_is_not_dropped(db: Any) -> None:
    before = tables(db)
    for model in MODELS:
        with pytest.raises(InUse):
            drop_version(db, MODELS, model.name, model.version)
    assert tables(db) == before


def test_a_version_that_another_release_works_on_or_reads_is_not_dropped(own_history: Any, db: Any) -> None:
    before = tables(db)
    with session(own_history.conninfo) as other:
        assert take_turn_on(other, "status", OLD, False)
        with pytest.raises(BusyElsewhere):
            drop_version(db, MODELS, "status", OLD)
    with psycopg.connect(own_history.conninfo) as other:
        other.execute(f"SELECT FROM reading.status_call_v{OLD}")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            drop_version(db, MODELS, "status", OLD)
    assert tables(db) == before


def test_versions_made_before_anybody_noted_them_are_known(own_history: Any, db: Any) -> None:
    """A database of the first release, whose tables were noted nowhere."""
    db.execute("DELETE FROM reading.version")
    db.execute("CREATE TABLE IF NOT EXISTS reading.status_v1 (stream uuid)")
    others = [model for model in MODELS if model is not STATUS]
    for statement in versions.made(others):
        db.execute(statement)
    assert [(one.model, one.version) for one in versions.left_behind(db, others)] == [("status", 1)]
    drop_version(db, others, "status", 1)
    assert "status_v1" not in tables(db)
