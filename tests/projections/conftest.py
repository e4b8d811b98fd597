"""A ledger in which a dozen applicants' stories have happened, made once; read models in databases of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from databases import Databases, NewDatabase
from psycopg_pool import ConnectionPool

sys.path.insert(0, str(Path(__file__).parents[1] / "domain"))

import stories
from histories import RealStory, TimedOffice
from taxpayer_stage import Stage

from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.opening import Ledger, open_ledger
from ledger.reader import Recorded
from ledger.schema import make_key_store, make_ledger
from projections.schema import PROJECTIONS_DDL


@dataclass
class History:
    """A filled ledger: where it is, how to reach it, and everything recorded in it."""

    conninfo: str
    keys_conninfo: str
    folder: Path
    ledger: Ledger
    office: TimedOffice
    told: dict[str, RealStory]
    taxpayers: Stage
    events: Sequence[Recorded]

    def story(self, name: str) -> RealStory:
        return self.told[name]

    def case(self, name: str) -> UUID:
        case = self.told[name].case
        assert case is not None
        return case


def apply(conninfo: str, statements: Sequence[str]) -> None:
    with psycopg.connect(conninfo) as db:
        for statement in statements:
            db.execute(statement)


def ledger_and_models(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as db:
        make_ledger(db)
    apply(conninfo, PROJECTIONS_DDL)
    apply(conninfo, HOUSEKEEPING_DDL)


def models_alone(conninfo: str) -> None:
    apply(conninfo, PROJECTIONS_DDL)


def make_history(
    make: NewDatabase,
    folder: Path,
    told: Sequence[Callable[[RealStory], Any]],
    taxpayers: Sequence[Callable[[Stage], Any]] = (),
) -> History:
    conninfo, keys_conninfo = make(ledger_and_models), make(make_key_store)
    ledger = open_ledger(conninfo, keys_conninfo, folder)
    office = TimedOffice(ledger.env)
    stories_told = {}
    for number, tell in enumerate(told):
        story = RealStory(office, ledger, number)
        tell(story)
        stories_told[tell.__name__] = story
    stage = Stage(office=office, subjects=ledger.keys)
    for tell_of_taxpayers in taxpayers:
        tell_of_taxpayers(stage)
    events = ledger.reader.read(0, 100_000)
    return History(conninfo, keys_conninfo, folder, ledger, office, stories_told, stage, events)


@pytest.fixture(scope="session")
def histories(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., History]]:
    """Makes a history of the stories that it is given, for the tests of a module."""
    made: list[History] = []

    def make(*told: Callable[[RealStory], Any], taxpayers: Sequence[Callable[[Stage], Any]] = ()) -> History:
        made.append(make_history(databases.make, tmp_path_factory.mktemp("keys") / "keys", told, taxpayers))
        return made[-1]

    yield make
    for one in made:
        one.office.close()
        one.ledger.close()


@pytest.fixture(scope="session")
def history(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Read only: whoever appends to it spoils it for the others."""
    made = make_history(databases.make, tmp_path_factory.mktemp("keys") / "keys", stories.ALL, stories.TAXPAYERS)
    yield made
    made.office.close()
    made.ledger.close()


@pytest.fixture
def own_history(new_database: NewDatabase, tmp_path: Path) -> Iterator[History]:
    """A small history to append to."""
    made = make_history(new_database, tmp_path / "keys", [stories.granted, stories.waiting])
    yield made
    made.office.close()
    made.ledger.close()


@pytest.fixture
def reading(new_database: NewDatabase) -> str:
    """A database with empty read models and no ledger. Its commits wait for no disk: no test here is about that."""
    conninfo = new_database(models_alone)
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute(f'ALTER DATABASE "{db.info.dbname}" SET synchronous_commit = off')
    return conninfo


@pytest.fixture
def pool_of() -> Iterator[Callable[[str], ConnectionPool[Any]]]:
    made: list[ConnectionPool[Any]] = []

    def make(conninfo: str) -> ConnectionPool[Any]:
        pool: ConnectionPool[Any] = ConnectionPool(conninfo, kwargs={"autocommit": True}, min_size=1, open=True)
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()
