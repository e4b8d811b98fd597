"""A ledger and its key store, each in a fresh database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import NewDatabase, an_offices_keys
from ledger_house import House

from domain.office import Office
from ledger.opening import Ledger
from ledger.schema import LEDGER_DDL
from sarkmeli.migrate import Made, migrate_one
from sarkmeli.roles import LEDGER_RIGHTS, DbRole

LEDGER_ALONE = Made(
    ("ledger",), {DbRole.OWNER: LEDGER_DDL}, tuple(may for may in LEDGER_RIGHTS if may.schema == "ledger")
)


def ledger_alone(conninfo: str) -> None:
    migrate_one(conninfo, LEDGER_ALONE)


def both(conninfo: str) -> None:
    an_offices_keys(conninfo)
    ledger_alone(conninfo)


def house_on(ledger_conninfo: str, keys_conninfo: str, folder: Path) -> Iterator[House]:
    made = House(ledger_conninfo, keys_conninfo, folder, [])
    yield made
    for close in reversed(made.closing):
        close()


@pytest.fixture
def house(new_database: NewDatabase, tmp_path: Path) -> Iterator[House]:
    """Ledger and key store in one database: half the time, and they share nothing but the server's patience."""
    conninfo = new_database(both)
    yield from house_on(conninfo, conninfo, tmp_path / "keys")


@pytest.fixture
def house_apart(new_database: NewDatabase, tmp_path: Path) -> Iterator[House]:
    """Ledger and key store in a database each, as in service."""
    yield from house_on(new_database(ledger_alone), new_database(an_offices_keys), tmp_path / "keys")


@pytest.fixture(scope="module")
def standing_house(standing_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for a whole file, for tests that leave nothing behind that another would trip over."""
    conninfo = standing_database(both)
    yield from house_on(conninfo, conninfo, tmp_path_factory.mktemp("house") / "keys")


@pytest.fixture
def ledger(house: House) -> Ledger:
    return house.open()


@pytest.fixture
def office(house: House) -> Office:
    return house.office()
