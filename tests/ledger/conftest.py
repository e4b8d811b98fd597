"""A ledger and its key store, each in a fresh database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from ledger_house import House
from psycopg import sql
from psycopg.conninfo import make_conninfo

from domain.office import Office
from ledger.opening import Ledger
from ledger.schema import LEDGER_DDL
from sarkmeli.migrate import KEYS, Made, migrate_one
from sarkmeli.roles import LEDGER_RIGHTS, DbRole

LEDGER_ALONE = Made(
    ("ledger",), {DbRole.OWNER: LEDGER_DDL}, tuple(may for may in LEDGER_RIGHTS if may.schema == "ledger")
)


def prepared(ledger_conninfo: str, keys_conninfo: str, folder: Path) -> Iterator[House]:
    made = House(ledger_conninfo, keys_conninfo, folder, [])
    migrate_one(made.keys_conninfo, KEYS)
    migrate_one(made.ledger_conninfo, LEDGER_ALONE)
    yield made
    for close in reversed(made.closing):
        close()


@pytest.fixture
def house(new_database: Callable[[], str], tmp_path: Path) -> Iterator[House]:
    """Ledger and key store in one database: half the time, and they share nothing but the server's patience."""
    conninfo = new_database()
    yield from prepared(conninfo, conninfo, tmp_path / "keys")


@pytest.fixture
def house_apart(new_database: Callable[[], str], tmp_path: Path) -> Iterator[House]:
    """Ledger and key store in a database each, as in service."""
    yield from prepared(new_database(), new_database(), tmp_path / "keys")


@pytest.fixture(scope="module")
def standing_house(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for a whole file, for tests that leave nothing behind that another would trip over."""
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    conninfo = make_conninfo(postgres, dbname=name)
    yield from prepared(conninfo, conninfo, tmp_path_factory.mktemp("house") / "keys")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def ledger(house: House) -> Ledger:
    return house.open()


@pytest.fixture
def office(house: House) -> Office:
    return house.office()
